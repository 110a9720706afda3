/* SPDX-License-Identifier: BSD-2-Clause */
#include "bpf/ksyms.h"

#include "base/util.h"
#include "bpf/fd.h"
#include "bpf/present_trace.h"

#include <bpf/btf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

/*
 * bpftool takes helpers' numbers for distances from this symbol, and a list without it for one that hides its addresses. At
 * an address where nothing is, no distance leads to a function.
 */
#define CALL_BASE "fffffffffffff000 t __bpf_call_base\n"

/* A function's name: from BTF, else the program's for its first and F for others, as in the kernel. */
static const char *func_name(const struct hive_prog *p, uint32_t i)
{
	const struct btf_type *t = i < p->n_func_info ? btf__type_by_id(p->btf->btf, p->func_info[i].type_id) : NULL;
	const char *name = t ? btf__name_by_offset(p->btf->btf, t->name_off) : NULL;

	return name ? name : i ? "F" : p->name;
}

static void print_prog(FILE *f, const struct hive_prog *p)
{
	for (uint32_t i = 0; i < p->code.n_subprogs; i++) {
		uint32_t from = p->code.subprogs[i], len;
		uint32_t to = i + 1 < p->code.n_subprogs ? p->code.subprogs[i + 1] : p->code.n_insns;
		uint64_t at = hive_prog_func(p, i, &len);
		uint8_t tag[BPF_TAG_SIZE];
		const char *name = func_name(p, i);

		if (p->code.n_subprogs == 1)
			memcpy(tag, p->tag, sizeof(tag));
		else
			hive_prog_tag(p->code.insns + from, to - from, tag);
		fprintf(f, "%016" PRIx64 " t bpf_prog_", at);
		for (size_t k = 0; k < sizeof(tag); k++)
			fprintf(f, "%02x", tag[k]);
		fprintf(f, "%s%s\t[bpf]\n", *name ? "_" : "", name);
	}
}

int ksyms_open(struct skep_hive *hive)
{
	int fd = memfd_create("skep-presented", MFD_CLOEXEC);
	FILE *f;
	int err;

	if (fd < 0)
		return -errno;
	f = fdopen(dup(fd), "w");
	if (!f) {
		close(fd);
		return -ENOMEM;
	}
	fputs(CALL_BASE, f);
	trace_write_symbols(f);
	pthread_mutex_lock(&hive->lock);
	for (const struct hive_object *o = hive->objects[HIVE_PROG]; o; o = o->next)
		if (container_of(o, struct hive_prog, o)->target.jit)
			print_prog(f, container_of(o, struct hive_prog, o));
	pthread_mutex_unlock(&hive->lock);
	err = fclose(f) ? -ENOMEM : 0;
	if (!err && lseek(fd, 0, SEEK_SET))
		err = -errno;
	if (err)
		close(fd);
	return err ? err : fd;
}
