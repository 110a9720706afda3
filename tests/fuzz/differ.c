/* SPDX-License-Identifier: BSD-2-Clause */
#include "differ.h"

#include "base/util.h"
#include "insn/text.h"
#include "skep/skep.h"

#include <bpf/btf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

enum { SKIPPED = 77 };

uint32_t differ_below(struct differ *d, uint32_t n)
{
	return below(&d->rng, n);
}

int differ_bpf(struct differ *d, int where, int cmd, union bpf_attr *attr)
{
	long ret;

	if (!where)
		return skep_bpf(d->hive, cmd, attr, sizeof(*attr));
	ret = syscall(SYS_bpf, cmd, attr, sizeof(*attr));
	return ret < 0 ? -errno : (int)ret;
}

uint32_t differ_emit(struct differ *d, uint8_t code, uint32_t dst, uint32_t src, int32_t off, int32_t imm)
{
	if (d->n == DIFFER_INSNS)
		return d->n - 1;
	d->map_at[d->n] = -1;
	d->insns[d->n] = (struct bpf_insn){
		.code = code, .dst_reg = dst & 15, .src_reg = src & 15, .off = (int16_t)off, .imm = imm};
	return d->n++;
}

void differ_map(struct differ *d, uint32_t dst, int map, bool value)
{
	uint32_t at =
		differ_emit(d, BPF_LD | BPF_IMM | BPF_DW, dst, value ? BPF_PSEUDO_MAP_VALUE : BPF_PSEUDO_MAP_FD, 0, 0);

	d->map_at[at] = (int8_t)map;
	differ_emit(d, 0, 0, 0, 0, 0);
}

void differ_null_exit(struct differ *d, uint32_t reg)
{
	differ_emit(d, BPF_JMP | BPF_JNE | BPF_K, reg, 0, 2, 0);
	MOVI(d, BPF_REG_0, 0);
	EXIT(d);
}

static int load(struct differ *d, int where, uint32_t level)
{
	static struct bpf_insn insns[DIFFER_INSNS];
	union bpf_attr attr = {.prog_type = d->type,
			       .expected_attach_type = d->attach,
			       .prog_flags = d->flags,
			       .insns = (uintptr_t)insns,
			       .insn_cnt = d->n,
			       .license = (uintptr_t) "GPL",
			       .log_buf = (uintptr_t)d->log[where],
			       .log_size = sizeof(d->log[where]),
			       .log_level = level};
	int ret;

	memcpy(insns, d->insns, d->n * sizeof(*insns));
	for (uint32_t i = 0; i < d->n; i++)
		if (d->map_at[i] >= 0)
			insns[i].imm = d->fd[where][d->map_at[i]];
	d->log[where][0] = 0;
	ret = differ_bpf(d, where, BPF_PROG_LOAD, &attr);
	if (ret >= 0)
		close(ret);
	return ret;
}

static void print(const struct differ *d)
{
	for (uint32_t i = 0; i < d->n; i++) {
		char text[200];

		insn_text(d->insns, d->n, i, &(struct insn_text_opts){0}, text, sizeof(text));
		printf("  %3u: %s\n", i, text);
		i += insn_is_wide(&d->insns[i]);
	}
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool can_ask(void)
{
	union bpf_attr attr = {0};
	struct utsname u;

	if (uname(&u) || strncmp(u.release, "6.18", 4) != 0)
		return false;
	return !syscall(SYS_bpf, BPF_PROG_GET_NEXT_ID, &attr, sizeof(attr)) || errno == ENOENT;
}

/* Verdicts that differ for other reasons than rules: limits, and the kernel's own trouble. */
static bool is_other(int ret)
{
	return ret == -E2BIG || ret == -ENOMEM || ret == -ENOSPC;
}

int differ_main(int argc, char **argv, const char *name, uint32_t runs, int (*setup)(struct differ *d),
		void (*generate)(struct differ *d))
{
	struct skep_hive_opts opts = SKEP_OPTS(struct skep_hive_opts, .flags = SKEP_CHECK_ONLY);
	struct differ *d = calloc(1, sizeof(*d));
	uint64_t seed = 1, tried = 0, accepted = 0, dangerous = 0, strict = 0;
	double begin = now(), end = 0;
	bool verbose = false;
	int err;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "-v"))
			verbose = true;
		else if (i + 1 < argc && !strcmp(argv[i], "--seed"))
			seed = strtoull(argv[++i], NULL, 0);
		else if (i + 1 < argc && !strcmp(argv[i], "--runs"))
			runs = (uint32_t)strtoul(argv[++i], NULL, 0);
		else if (i + 1 < argc && !strcmp(argv[i], "--seconds"))
			end = begin + strtod(argv[++i], NULL);
		else {
			fprintf(stderr, "usage: %s [--seed N] [--runs N] [--seconds N] [-v]\n", name);
			return 2;
		}
	}
	if (!can_ask()) {
		printf("%s: skipped: the running kernel is no 6.18, or does not let us load programs\n", name);
		return SKIPPED;
	}
	if (!d)
		return 1;
	err = skep_hive_new(&opts, &d->hive);
	if (!err) {
		d->btf = btf__load_vmlinux_btf();
		err = d->btf ? setup(d) : -errno;
	}
	if (err) {
		fprintf(stderr, "%s: %s\n", name, strerror(-err));
		return 1;
	}
	for (uint64_t i = 0; end > 0 ? now() < end : i < runs; i++) {
		int skep, kernel;

		d->rng.s = (seed + i) * 0xd1342543de82ef95ull;
		d->n = d->flags = d->attach = 0;
		d->note = "";
		generate(d);
		skep = load(d, 0, verbose ? 2 : 1);
		kernel = load(d, 1, verbose ? 2 : 1);
		tried++;
		accepted += kernel >= 0;
		if (verbose) {
			print(d);
			printf("skep:\n%s\nkernel:\n%s\n", d->log[0], d->log[1]);
		}
		if ((skep >= 0) == (kernel >= 0) || is_other(skep) || is_other(kernel))
			continue;
		if (kernel == -EFAULT && strstr(d->log[1], "verifier bug"))
			continue;
		/* Verified, and refused for the programs that used a prog array of it before. */
		if (kernel == -EINVAL && !strncmp(d->log[1], "processed", 9))
			continue;
		dangerous += skep >= 0;
		strict += skep < 0;
		printf("%s: seed %" PRIu64 " (type %u%s%s): skep: %d %.300s; kernel: %d %.300s\n",
		       skep >= 0 ? "SKEP ACCEPTS, THE KERNEL REJECTS" : "skep rejects, the kernel accepts", seed + i,
		       d->type, *d->note ? ", " : "", d->note, skep, skep < 0 ? last_line(d->log[0]) : "", kernel,
		       kernel < 0 ? last_line(d->log[1]) : "");
	}
	printf("%s: %" PRIu64 " tried, %" PRIu64 " accepted, %" PRIu64 " accepted that the kernel rejects, %" PRIu64
	       " rejected that it accepts; %.1f s\n",
	       name, tried, accepted, dangerous, strict, now() - begin);
	btf__free(d->btf);
	skep_hive_free(d->hive);
	free(d);
	return dangerous || strict;
}
