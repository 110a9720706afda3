/* SPDX-License-Identifier: BSD-2-Clause */
#include "hive/fdinfo.h"

#include "base/util.h"
#include "bpf/hive.h"
#include "bpf/link.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>

static void print_tag(FILE *f, const struct hive_prog *p)
{
	fputs("prog_tag:\t", f);
	for (size_t i = 0; i < sizeof(p->tag); i++)
		fprintf(f, "%02x", p->tag[i]);
	fputc('\n', f);
}

static void print_map(FILE *f, const struct hive_map *m)
{
	const struct skep_map *map = m->map;

	fprintf(f, "map_type:\t%u\nkey_size:\t%u\nvalue_size:\t%u\nmax_entries:\t%u\n", map->type->type, map->key_size,
		map->value_size, map->max_entries);
	fprintf(f, "map_flags:\t%#x\nmap_extra:\t%#" PRIx64 "\nmemlock:\t%zu\nmap_id:\t%u\nfrozen:\t%d\n", map->flags,
		map->extra, map->mem_size, m->o.id, atomic_load(&map->frozen));
	if (m->owner_type)
		fprintf(f, "owner_prog_type:\t%u\nowner_jited:\t%d\n", m->owner_type, m->owner_jited);
}

static void print_prog(FILE *f, const struct hive_prog *p)
{
	size_t page = (size_t)getpagesize();

	fprintf(f, "prog_type:\t%u\nprog_jited:\t%d\n", p->type, !!p->target.jit);
	print_tag(f, p);
	fprintf(f, "memlock:\t%zu\nprog_id:\t%u\n",
		ALIGN_UP(p->code.n_insns * sizeof(struct bpf_insn), page) + ALIGN_UP(p->text.size, page), p->o.id);
	fprintf(f, "run_time_ns:\t%" PRIu64 "\nrun_cnt:\t%" PRIu64 "\nrecursion_misses:\t0\nverified_insns:\t%u\n",
		(uint64_t)atomic_load(&p->run_ns), (uint64_t)atomic_load(&p->runs), p->verified_insns);
}

/* The kernel's names, bpf_link_type_strs[]; types without a name get their number, as there. */
static void print_link(FILE *f, const struct hive_link *link)
{
	static const char *const names[] = {
		[BPF_LINK_TYPE_RAW_TRACEPOINT] = "raw_tracepoint",
		[BPF_LINK_TYPE_TRACING] = "tracing",
		[BPF_LINK_TYPE_CGROUP] = "cgroup",
		[BPF_LINK_TYPE_ITER] = "iter",
		[BPF_LINK_TYPE_NETNS] = "netns",
		[BPF_LINK_TYPE_XDP] = "xdp",
		[BPF_LINK_TYPE_PERF_EVENT] = "perf",
		[BPF_LINK_TYPE_KPROBE_MULTI] = "kprobe_multi",
		[BPF_LINK_TYPE_STRUCT_OPS] = "struct_ops",
	};
	const struct hive_prog *p = atomic_load(&link->prog);
	uint32_t type = link->link_type;

	if (type < ARRAY_SIZE(names) && names[type])
		fprintf(f, "link_type:\t%s\n", names[type]);
	else
		fprintf(f, "link_type:\t<%u>\n", type);
	fprintf(f, "link_id:\t%u\n", link->o.id);
	print_tag(f, p);
	fprintf(f, "prog_id:\t%u\n", p->o.id);
}

static int print(FILE *f, struct skep_hive *hive, const struct caller_fd *file)
{
	struct hive_object *o;

	pthread_mutex_lock(&hive->lock);
	o = hive_object_by_file(hive, file);
	if (o && o->kind == HIVE_MAP)
		print_map(f, container_of(o, struct hive_map, o));
	else if (o && o->kind == HIVE_PROG)
		print_prog(f, container_of(o, struct hive_prog, o));
	else if (o && o->kind == HIVE_LINK)
		print_link(f, container_of(o, struct hive_link, o));
	pthread_mutex_unlock(&hive->lock);
	return o ? 0 : -EINVAL;
}

int fdinfo_open(struct skep_hive *hive, const struct caller_fd *file)
{
	char text[1024] = "";
	FILE *f = fmemopen(text, sizeof(text), "w");
	int err = f ? print(f, hive, file) : -ENOMEM;
	int fd;

	if (!f)
		return -ENOMEM;
	fclose(f);
	if (err)
		return err;
	fd = memfd_create("skep-fdinfo", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (dprintf(fd, "pos:\t0\nflags:\t0%o\nmnt_id:\t0\nino:\t%ju\n%s", (unsigned int)file->mode | 02000000,
		    (uintmax_t)file->ino, text) < 0) {
		close(fd);
		return -ENOMEM;
	}
	lseek(fd, 0, SEEK_SET);
	return fd;
}
