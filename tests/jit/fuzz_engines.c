// SPDX-License-Identifier: BSD-2-Clause
/*
 * fuzz-engines: random programs (fuzz_gen.h) in the interpreter and the JIT, compared.
 *
 *     fuzz-engines [--seed N] [--runs N] [--seconds N]
 *
 * Each program has its own seed (the first one's is --seed, then counting up), so a failure is repeated with --seed N --runs 1.
 *
 * Compared after each run: r0, the whole buffer that r1 pointed to, what the helpers saw, and
 * the environment's fault, tail_calls and loop_budget.
 */
#include "fuzz_gen.h"
#include "insn/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>

/* What a run leaves behind besides r0 and the buffer. */
struct trace {
	uint64_t hash;
	uint64_t n;
};

/* The helpers. What they are given goes into the trace that env->user points to. */
static void trace_add(struct skep_env *env, uint64_t value)
{
	struct trace *t = env->user;

	t->hash = (t->hash ^ value) * 0x100000001b3;
	t->n++;
}

static uint64_t helper_mix(uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4, uint64_t r5, struct skep_env *env)
{
	uint64_t ret = r1 + r2 * 3 + r3 * 5 + r4 * 7 + r5 * 11;

	trace_add(env, ret);
	return ret;
}

static uint64_t helper_loop(uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4, uint64_t r5, struct skep_env *env)
{
	uint64_t sum = 0, ret;

	for (uint64_t i = 0; i < (r3 & 3); i++) {
		ret = env->callback(env, r2, r1, i, r3, r4, r5);
		trace_add(env, ret);
		sum = sum * 17 + ret;
		if (ret == 1)
			break;
	}
	return sum;
}

static uint64_t helper_poke(uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4, uint64_t r5, struct skep_env *env)
{
	memset((void *)(uintptr_t)r1, (int)r3, r2 & 7);
	trace_add(env, r2 ^ r3 ^ r4 ^ r5);
	return 0;
}

static uint64_t helper_budget(uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4, uint64_t r5, struct skep_env *env)
{
	/* Now and then with a low half that is small, or 0. */
	env->loop_budget = (r1 & 3) | (r1 & 4) << 30;
	return r2;
}

static const skep_fn helpers[HELPER_COUNT] = {
	[HELPER_MIX] = helper_mix,
	[HELPER_LOOP] = helper_loop,
	[HELPER_POKE] = helper_poke,
	[HELPER_BUDGET] = helper_budget,
};

/* The packet's bytes are their own offsets, so the engines' arithmetic shows. */
bool packet_load(const struct skep_env *env, int32_t off, uint32_t size, uint64_t *value)
{
	uint64_t v = 0;

	if (off < 0 || (uint32_t)off + size > PACKET_SIZE)
		return false;
	for (uint32_t i = 0; i < size; i++)
		v = v << 8 | ((uint32_t)off + i + 0x80);
	*value = v;
	return true;
}

/* The tail call's target that calls nobody: folds a few bytes of the buffer. */
static void build_flat(struct builder *b)
{
	build(b, INSN_LDXDW, 6, 1, -8, 0);
	build(b, INSN_FETCH_ADD64, 1, 6, 8, 0);
	build(b, INSN_MOV64_X, 0, 6, 0, 0);
	build(b, INSN_STXDW, 10, 0, -256, 0);
	build(b, INSN_LDXW, 9, 10, -254, 0);
	build(b, INSN_ADD64_X, 0, 9, 0, 0);
	build(b, INSN_EXIT, 0, 0, 0, 0);
}

struct fuzz {
	struct gen gen;
	struct both flat;
	struct builder flat_builder;
	struct skep_map array; /* the prog array; a slot holds the target of the engine that runs */
	_Atomic(void *) slots[SLOT_COUNT];
	uint8_t *pristine, *buf, *want;
	uint64_t programs, runs, insns, faults, tail_calls, traced;
};

static void print_program(const struct builder *b)
{
	const struct insn_text_opts opts = {.flags = INSN_TEXT_OPCODE | INSN_TEXT_NUMBER};
	char text[160];
	int slots;

	for (uint32_t i = 0, f = 0; i<b->n; i += slots> 0 ? (uint32_t)slots : 1) {
		if (f < b->n_subprogs && b->subprogs[f] == i)
			fprintf(stderr, "function %u:\n", f++);
		slots = insn_text(b->insns, b->n, i, &opts, text, sizeof(text));
		fprintf(stderr, "%s\n", text);
	}
}

/* Runs a program once in every engine. Return: false, with all told on stderr, when they differ. */
static bool compare(struct fuzz *fz, const struct both *prog, uint64_t seed, uint64_t input)
{
	struct skep_env first = {0};
	struct trace first_trace = {0};
	uint64_t first_r0 = 0, rng = seed + input;
	bool same = true;

	/* A few words in the middle are new for each run; the rest keeps what earlier programs left. */
	for (size_t off = BUF_MID - 256; off < BUF_MID + 256; off += 8) {
		uint64_t v = next_random(&rng);

		memcpy(fz->pristine + off, &v, sizeof(v));
	}
	for (int e = 0; e < ENGINES && same; e++) {
		struct trace trace = {0};
		struct skep_env env = {.user = &trace};
		const uint64_t args[5] = {(uintptr_t)fz->buf + BUF_MID, 0, 0, 0, 0};
		uint64_t r0;

		memcpy(fz->buf, fz->pristine, BUF_SIZE);
		fz->slots[SLOT_SELF] = (void *)&prog->targets[e];
		fz->slots[SLOT_FLAT] = &fz->flat.targets[e];
		r0 = both_run(prog, e, args, &env);
		fz->runs++;
		if (e == ENGINE_VM) {
			first_r0 = r0;
			first = env;
			first_trace = trace;
			memcpy(fz->want, fz->buf, BUF_SIZE);
			fz->faults += env.fault != FAULT_NONE;
			fz->tail_calls += env.tail_calls;
			fz->traced += trace.n;
			continue;
		}
		same = r0 == first_r0 && env.fault == first.fault && env.tail_calls == first.tail_calls &&
		       env.loop_budget == first.loop_budget && trace.hash == first_trace.hash &&
		       trace.n == first_trace.n && !memcmp(fz->want, fz->buf, BUF_SIZE);
		if (same)
			continue;
		fprintf(stderr, "DIFFERENCE: seed %" PRIu64 ", input %" PRIu64 ", %s against %s\n", seed, input,
			engine_names[e], engine_names[ENGINE_VM]);
		fprintf(stderr, "  r0 0x%" PRIx64 " want 0x%" PRIx64 ", fault %u want %u, tail calls %u want %u\n", r0,
			first_r0, env.fault, first.fault, env.tail_calls, first.tail_calls);
		fprintf(stderr,
			"  loop budget %" PRIu64 " want %" PRIu64 ", helper calls %" PRIu64 " want %" PRIu64 "\n",
			env.loop_budget, first.loop_budget, trace.n, first_trace.n);
		for (int i = 0; i < BUF_SIZE; i++) {
			if (fz->buf[i] != fz->want[i])
				fprintf(stderr, "  buffer at %d: 0x%02x want 0x%02x\n", i - BUF_MID, fz->buf[i],
					fz->want[i]);
		}
		print_program(&fz->gen.b);
	}
	return same;
}

/* One program, made and run. */
static bool try_seed(struct fuzz *fz, uint64_t seed)
{
	const struct code_ref ref = {.kind = REF_MAP, .addr = (uintptr_t)&fz->array};
	struct both prog = {
		.code = {.refs = &ref, .n_refs = 1, .helpers = helpers, .n_helpers = HELPER_COUNT},
	};
	bool same = true;
	int err;

	gen_program(&fz->gen, seed);
	err = both_make(&prog, &fz->gen.b);
	if (err) {
		fprintf(stderr, "seed %" PRIu64 ": does not compile: %s\n", seed, strerror(-err));
		print_program(&fz->gen.b);
		return false;
	}
	for (uint64_t input = 0; input < 2 && same; input++)
		same = compare(fz, &prog, seed, input);
	both_free(&prog);
	fz->programs++;
	fz->insns += fz->gen.b.n;
	return same;
}

static void setup(struct fuzz *fz)
{
	static const struct skep_target no_code;

	fz->pristine = calloc(1, BUF_SIZE + 8);
	/* Its address is a number that programs compute with: the same in every process, where it is free. */
	fz->buf = mmap((void *)0x5eed0000000, BUF_SIZE + 8, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	fz->want = calloc(1, BUF_SIZE + 8);
	if (!fz->pristine || fz->buf == MAP_FAILED || !fz->want)
		abort();
	build_flat(&fz->flat_builder);
	if (both_make(&fz->flat, &fz->flat_builder))
		abort();
	fz->array.max_entries = SLOT_COUNT;
	fz->array.objs = fz->slots;
	fz->slots[SLOT_NO_CODE] = (void *)&no_code;
}

static void cleanup(struct fuzz *fz)
{
	free(fz->pristine);
	munmap(fz->buf, BUF_SIZE + 8);
	free(fz->want);
	both_free(&fz->flat);
	build_free(&fz->flat_builder);
	build_free(&fz->gen.b);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	uint64_t seed = 1, runs = UINT64_MAX;
	double seconds = 0, start = now();
	struct fuzz fz = {0};
	bool same = true;

	for (int i = 1; i < argc; i += 2) {
		if (i + 1 < argc && !strcmp(argv[i], "--seed")) {
			seed = strtoull(argv[i + 1], NULL, 0);
		} else if (i + 1 < argc && !strcmp(argv[i], "--runs")) {
			runs = strtoull(argv[i + 1], NULL, 0);
		} else if (i + 1 < argc && !strcmp(argv[i], "--seconds")) {
			seconds = strtod(argv[i + 1], NULL);
		} else {
			fprintf(stderr, "usage: fuzz-engines [--seed N] [--runs N] [--seconds N]\n");
			return 2;
		}
	}
	if (runs == UINT64_MAX && seconds == 0)
		runs = 1000;
	setup(&fz);
	while (same && fz.programs < runs && !(seconds > 0 && now() - start > seconds))
		same = try_seed(&fz, seed + fz.programs);
	printf("%" PRIu64 " programs tried, %" PRIu64 " instructions, %" PRIu64 " runs; %" PRIu64
	       " ended in a fault, %" PRIu64 " tail calls, %" PRIu64 " helper calls traced: %s\n",
	       fz.programs, fz.insns, fz.runs, fz.faults, fz.tail_calls, fz.traced,
	       same ? "no difference" : "DIFFERENCE");
	cleanup(&fz);
	return same ? 0 : 1;
}
