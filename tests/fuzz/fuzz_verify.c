// SPDX-License-Identifier: BSD-2-Clause
/*
 * fuzz-verify: random programs against the verifier.
 *
 *     fuzz-verify [--seed N] [--runs N] [--seconds N] [--no-kernel] [--strict] [--fail-fast] [-v] [--save FILE] [FILE...]
 *
 * Each program has its own seed (the first one's is --seed, then counting up), so a failure is repeated with --seed N --runs 1; -v prints the
 * program and both logs. --save writes the last program to a file; FILEs are programs to try instead of random ones: tests/fuzz/found has those that once
 * found a defect, since the generator's seeds mean other programs after every change.
 *
 * Of each program: the verdict is the kernel's, where bpf(2) is allowed (a program that skep accepts and the kernel rejects is a failure; one that skep
 * rejects is counted, and a failure with --strict); an accepted one runs in the checking interpreter (machine.h) without one violation, with the claims of root and
 * of a user without rights when he may load it too; and interpreter, JIT and kernel agree with it on the result, the frame and the maps.
 */
#include "gen.h"
#include "insn/text.h"
#include "machine.h"

#include "base/util.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { INPUTS = 3, TRACE_LIMIT = 12000 };

struct stats {
	uint64_t tried, accepted, both, var_access, branch, strict, dangerous, violations, differ, runs, checks, steps,
		tired, odd, by_kernel, overflow, by_user;
};

static struct world world;
static struct machine machine;
static struct stats stats;
static bool verbose, no_kernel_runs;

static void print_program(const struct fuzz_prog *p, FILE *to)
{
	for (uint32_t i = 0; i < p->n; i++) {
		char text[200];

		for (uint32_t k = 0; k < p->n_funcs; k++)
			if (p->funcs[k].start == i)
				fprintf(to, "  function %u, signature %u%s\n", k, p->funcs[k].sig,
					p->funcs[k].global ? ", global" : "");
		insn_text(p->insns, p->n, i, &(struct insn_text_opts){0}, text, sizeof(text));
		fprintf(to, "  %3u: %s\n", i, text);
		i += insn_is_wide(&p->insns[i]);
	}
}

static void report(const char *what, uint64_t seed, const struct fuzz_prog *p, const char *how)
{
	printf("%s: seed %" PRIu64 " (type %u, flags %u): %s\n", what, seed, p->type, p->flags, how);
	if (verbose)
		print_program(p, stdout);
	fflush(stdout);
}

static bool has_branch(const struct claims *c)
{
	for (uint32_t i = 0; i < c->n; i++) {
		uint8_t class = BPF_CLASS(c->insns[i].code), op = BPF_OP(c->insns[i].code);

		if (insn_is_wide(&c->insns[i])) {
			i++;
			continue;
		}
		if ((class == BPF_JMP || class == BPF_JMP32) && op != BPF_JA && op != BPF_CALL && op != BPF_EXIT &&
		    c->result.insns[i].seen)
			return true;
	}
	return false;
}

/* Limits that are not soundness: too many instructions or states. */
static bool is_limit(int err)
{
	return err == -E2BIG || err == -ENOMEM || err == -ENOSPC;
}

static void compare_verdicts(uint64_t seed, const struct fuzz_prog *p, int skep, int kernel)
{
	char how[700];

	if ((skep >= 0) == (kernel >= 0) || is_limit(skep) || is_limit(kernel))
		return;
	/* The kernel's own trouble, such as a callback that is never called and goes with the dead code. */
	if (kernel == -EFAULT && strstr(world.log[KERNEL], "verifier bug"))
		return;
	snprintf(how, sizeof(how), "skep: %d %.280s; kernel: %d %.280s", skep,
		 skep < 0 ? last_line(world.log[SKEP]) : "", kernel, kernel < 0 ? last_line(world.log[KERNEL]) : "");
	if (skep >= 0) {
		stats.dangerous++;
		report("SKEP ACCEPTS, THE KERNEL REJECTS", seed, p, how);
	} else {
		stats.strict++;
		report("skep rejects, the kernel accepts", seed, p, how);
	}
}

static bool same(const struct outcome *a, const struct outcome *b, char *how, size_t size)
{
	if (a->ret != b->ret) {
		snprintf(how, size, "returns %u, not %u", b->ret, a->ret);
		return false;
	}
	if (a->len != b->len || memcmp(a->packet, b->packet, MIN(a->len, (uint32_t)sizeof(a->packet))) != 0) {
		uint32_t at = 0;

		while (at < MIN(a->len, b->len) && a->packet[at] == b->packet[at])
			at++;
		snprintf(how, size, "another frame: %u bytes, not %u; they differ at %u", b->len, a->len, at);
		return false;
	}
	if (a->maps != b->maps) {
		int n = snprintf(how, size, "other maps:");

		for (int i = 0; i < M_COUNT; i++)
			if (a->each[i] != b->each[i])
				n += snprintf(how + n, size - (size_t)n, " %s", world_maps[i].name);
		return false;
	}
	return true;
}

static void run_one(uint64_t seed, const struct fuzz_prog *p, const struct claims *c, const struct input *in,
		    const int fd[2], bool engines)
{
	static struct outcome want, got;
	char how[700], note[900];

	machine_run(&machine, &world, p, c, in, &want);
	stats.runs++;
	stats.checks += machine.checks;
	stats.steps += machine.steps;
	stats.tired += machine.tired;
	if (machine.violation[0]) {
		stats.violations++;
		report("VIOLATION", seed, p, machine.violation);
		return;
	}
	if (!engines || want.err || machine.tired)
		return;
	if (machine.odd || machine.unordered) {
		stats.odd++;
		return;
	}
	for (int e = ENGINE_VM; e < ENGINES; e++) {
		if (e == ENGINE_KERNEL && (fd[KERNEL] < 0 || no_kernel_runs))
			continue;
		world_run(&world, e, e == ENGINE_KERNEL ? fd[KERNEL] : fd[SKEP], p, in, &got);
		if (got.err == -EOPNOTSUPP)
			continue;
		stats.by_kernel += e == ENGINE_KERNEL && !got.err;
		if (got.err || got.fault)
			snprintf(how, sizeof(how), "error %d, fault %u", got.err, got.fault);
		else if (same(&want, &got, how, sizeof(how)))
			continue;
		snprintf(note, sizeof(note), "%s: %s", engine_names[e], how);
		stats.differ++;
		report("ENGINES DIFFER", seed, p, note);
		return;
	}
}

/* A program as text: what it is, its functions, its instructions. */

static int save_program(const struct fuzz_prog *p, const char *path)
{
	FILE *f = fopen(path, "w");

	if (!f)
		return -errno;
	fprintf(f, "prog %u %u %u %d\n", p->type, p->attach, p->flags, p->with_btf);
	for (uint32_t i = 0; i < p->n_funcs; i++)
		fprintf(f, "func %u %u %d\n", p->funcs[i].start, p->funcs[i].sig, p->funcs[i].global);
	for (uint32_t i = 0; i < p->n; i++) {
		const struct bpf_insn *insn = &p->insns[i];
		bool second = i && insn_is_wide(insn - 1) && !insn->code;
		char text[200] = "";

		if (!second)
			insn_text(p->insns, p->n, i, &(struct insn_text_opts){0}, text, sizeof(text));
		fprintf(f, "insn 0x%02x %u %u %d %d %d ; %u: %s\n", insn->code, insn->dst_reg, insn->src_reg, insn->off,
			insn->imm, p->is_map[i], i, text);
	}
	return fclose(f) ? -errno : 0;
}

static int read_program(struct fuzz_prog *p, const char *path)
{
	FILE *f = fopen(path, "r");
	char line[400];

	if (!f)
		return -errno;
	memset(p, 0, sizeof(*p));
	while (fgets(line, sizeof(line), f)) {
		unsigned int a, b, c;
		int e, imm, map;

		if (sscanf(line, "prog %u %u %u %d", &a, &b, &c, &e) == 4) {
			p->type = a;
			p->attach = b;
			p->flags = c;
			p->with_btf = e;
		} else if (sscanf(line, "func %u %u %d", &a, &b, &e) == 3 && p->n_funcs < FUNCS_MAX) {
			p->funcs[p->n_funcs].start = a;
			p->funcs[p->n_funcs].sig = (enum sig)b;
			p->funcs[p->n_funcs++].global = e;
		} else if (sscanf(line, "insn %x %u %u %d %d %d", &a, &b, &c, &e, &imm, &map) == 6 && p->n < PROG_MAX) {
			p->is_map[p->n] = map;
			p->insns[p->n++] = (struct bpf_insn){.code = (uint8_t)a,
							     .dst_reg = b & 15,
							     .src_reg = c & 15,
							     .off = (int16_t)e,
							     .imm = imm};
		} else if (line[0] != ';' && line[0] != '\n') {
			fprintf(stderr, "fuzz-verify: %s: not understood: %s", path, line);
			fclose(f);
			return -EINVAL;
		}
	}
	fclose(f);
	return 0;
}

static struct fuzz_prog program;

static void one_program(uint64_t seed, const char *file)
{
	struct claims claims, user;
	struct rng rng = {seed ^ 0x5eed};
	int fd[2] = {-1, -1}, err;

	memset(&program.funcs, 0, sizeof(program.funcs));
	if (!file)
		gen_program(&program, seed);
	else if (read_program(&program, file))
		exit(2);
	stats.tried++;
	fd[SKEP] = world_load(&world, SKEP, &program, verbose ? 2 : 1);
	if (world.kernel) {
		fd[KERNEL] = world_load(&world, KERNEL, &program, verbose ? 2 : 1);
		compare_verdicts(seed, &program, fd[SKEP], fd[KERNEL]);
	}
	if (verbose) {
		print_program(&program, stdout);
		printf("skep:\n%s\nkernel:\n%s\n", world.log[SKEP], world.log[KERNEL]);
	}
	err = world_claims(&world, &program, VERIFY_CAP_ALL, TRACE_LIMIT, &claims);
	if ((err == 0) != (fd[SKEP] >= 0)) {
		char how[700];

		snprintf(how, sizeof(how), "%d, in the hive %d: %.300s / %.300s", err, fd[SKEP], claims.result.message,
			 last_line(world.log[SKEP]));
		stats.differ++;
		report("TWO VERDICTS", seed, &program, how);
	}
	if (!err && fd[SKEP] >= 0) {
		bool user_ok = program.type == BPF_PROG_TYPE_SOCKET_FILTER &&
			       !world_claims(&world, &program, 0, TRACE_LIMIT, &user);

		stats.accepted++;
		stats.var_access += claims.trace.var_access;
		stats.branch += has_branch(&claims);
		stats.both += claims.trace.var_access && has_branch(&claims);
		stats.overflow += claims.trace.overflow;
		stats.by_user += user_ok;
		for (int i = 0; i < INPUTS; i++) {
			struct input in;

			input_random(&in, &rng);
			if (!claims.trace.overflow)
				run_one(seed, &program, &claims, &in, fd, true);
			if (user_ok && !user.trace.overflow)
				run_one(seed, &program, &user, &in, fd, false);
		}
		if (program.type == BPF_PROG_TYPE_SOCKET_FILTER)
			claims_free(&user);
	}
	claims_free(&claims);
	for (int i = 0; i < 2; i++)
		if (fd[i] >= 0)
			close(fd[i]);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	uint64_t seed = 1, runs = 0;
	double end = 0, begin = now();
	const char *save = NULL, *files[64];
	uint32_t n_files = 0;
	bool kernel = true, strict = false, fail_fast = false;
	int err;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--no-kernel")) {
			kernel = false;
		} else if (!strcmp(argv[i], "--no-kernel-runs")) {
			no_kernel_runs = true;
		} else if (!strcmp(argv[i], "--strict")) {
			strict = true;
		} else if (i + 1 < argc && !strcmp(argv[i], "--save")) {
			save = argv[++i];
		} else if (argv[i][0] != '-' && n_files < ARRAY_SIZE(files)) {
			files[n_files++] = argv[i];
		} else if (!strcmp(argv[i], "--fail-fast")) {
			fail_fast = true;
		} else if (!strcmp(argv[i], "-v")) {
			verbose = true;
		} else if (i + 1 < argc && !strcmp(argv[i], "--seed")) {
			seed = strtoull(argv[++i], NULL, 0);
		} else if (i + 1 < argc && !strcmp(argv[i], "--runs")) {
			runs = strtoull(argv[++i], NULL, 0);
		} else if (i + 1 < argc && !strcmp(argv[i], "--seconds")) {
			end = begin + strtod(argv[++i], NULL);
		} else {
			fprintf(stderr, "usage: fuzz-verify [--seed N] [--runs N] [--seconds N] [--no-kernel] "
					"[--strict] [--fail-fast] [-v]\n");
			return 2;
		}
	}
	if (kernel) {
		union bpf_attr attr = {0};

		/* Not allowed to ask: then without it. */
		err = (int)syscall(SYS_bpf, BPF_PROG_GET_NEXT_ID, &attr, sizeof(attr));
		kernel = !err || errno == ENOENT;
	}
	err = world_init(&world, kernel);
	if (err) {
		fprintf(stderr, "fuzz-verify: %s\n", strerror(-err));
		return 1;
	}
	if (n_files)
		runs = n_files;
	for (uint64_t i = 0; runs ? i < runs : now() < (end > 0 ? end : begin + 10); i++) {
		one_program(n_files ? i : seed + i, n_files ? files[i] : NULL);
		if (fail_fast && (stats.violations || stats.differ || stats.dangerous || (strict && stats.strict)))
			return 1;
	}
	printf("fuzz-verify: %" PRIu64 " tried, %" PRIu64 " accepted (%.0f %%), of these %" PRIu64
	       " (%.0f %%) with a variable offset and a branch, %" PRIu64 " also by a user's rules\n",
	       stats.tried, stats.accepted, 100.0 * (double)stats.accepted / (double)MAX(stats.tried, 1u), stats.both,
	       100.0 * (double)stats.both / (double)MAX(stats.accepted, 1u), stats.by_user);
	printf("  %" PRIu64 " runs of %" PRIu64 " steps, %" PRIu64 " states compared; %" PRIu64
	       " not deterministic, %" PRIu64 " too long, %" PRIu64 " claims too large; %" PRIu64
	       " runs in the kernel%s\n",
	       stats.runs, stats.steps, stats.checks, stats.odd, stats.tired, stats.overflow, stats.by_kernel,
	       kernel ? "" : " (not allowed here)");
	printf("  %" PRIu64 " violations, %" PRIu64 " differences of engines, %" PRIu64
	       " accepted that the kernel rejects, %" PRIu64 " rejected that it accepts; %.1f s\n",
	       stats.violations, stats.differ, stats.dangerous, stats.strict, now() - begin);
	if (save && save_program(&program, save))
		fprintf(stderr, "fuzz-verify: cannot write '%s'\n", save);
	world_free(&world);
	return stats.violations || stats.differ || stats.dangerous || (strict && stats.strict);
}
