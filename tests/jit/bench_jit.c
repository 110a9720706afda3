// SPDX-License-Identifier: BSD-2-Clause
/*
 * bench-jit: what compiling and running cost. Times are the best of several rounds.
 *
 *     compile   microseconds for 1000 instructions of a mixed program, compiled; and compiled and linked
 *     empty     nanoseconds for jit_run() of "r0 = 0; exit"
 *     loops     each against the same function in C, as the compiler makes it here
 */
#include "both.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { ROUNDS = 15 };

bool packet_load(const struct skep_env *env, int32_t off, uint32_t size, uint64_t *value)
{
	return false;
}

static uint64_t helper_add(uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4, uint64_t r5, struct skep_env *env)
{
	return r1 + r2;
}

static const skep_fn helpers[] = {NULL, helper_add};

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

/* Straight code with branches, loads, stores and calls, in about the shares of real programs. */
static void build_mixed(struct builder *b, int n)
{
	build(b, INSN_MOV64_X, 6, 1, 0, 0);
	while ((int)b->n < n - 12) {
		uint32_t jump;

		build(b, INSN_LDXW, 2, 6, 16, 0);
		jump = build(b, INSN_JEQ64_K, 2, 0, 0, 7);
		build(b, INSN_MOV64_X, 3, 2, 0, 0);
		build(b, INSN_ADD64_K, 3, 0, 0, 1000);
		build(b, INSN_STXDW, 10, 3, -16, 0);
		build(b, INSN_MOV64_X, 2, 10, 0, 0);
		build(b, INSN_ADD64_K, 2, 0, 0, -16);
		build(b, INSN_LSH64_K, 3, 0, 0, 32);
		build(b, INSN_RSH64_K, 3, 0, 0, 32);
		build(b, INSN_CALL_HELPER, 0, 0, 0, 1);
		build_land(b, jump);
		build(b, INSN_MOV64_K, 7, 0, 0, 5);
		build(b, INSN_AND64_X, 7, 0, 0, 0);
	}
	build(b, INSN_EXIT, 0, 0, 0, 0);
}

static void bench_compile(void)
{
	enum { N = 1000, REPEAT = 50 };
	double best = 1e30, best_link = 1e30;
	struct builder b = {0};

	build_mixed(&b, N);
	struct skep_code code = {b.insns, b.n, NULL, 0, helpers, ARRAY_SIZE(helpers), b.subprogs, 1, NULL};
	for (int round = 0; round < ROUNDS; round++) {
		struct jit_object *objs[REPEAT];
		struct jit_text texts[REPEAT];
		double t0 = now(), t1, t2;

		for (int i = 0; i < REPEAT; i++) {
			if (jit_compile(&code, &objs[i]))
				return;
		}
		t1 = now();
		for (int i = 0; i < REPEAT; i++) {
			if (jit_link(objs[i], &code, &texts[i]))
				return;
		}
		t2 = now();
		best = MIN(best, (t1 - t0) / REPEAT);
		best_link = MIN(best_link, (t2 - t1) / REPEAT);
		if (round == 0)
			printf("mixed program: %u instructions, %u bytes, %.1f bytes each\n", b.n, objs[0]->size,
			       (double)objs[0]->size / b.n);
		for (int i = 0; i < REPEAT; i++) {
			jit_unlink(&texts[i]);
			jit_object_free(objs[i]);
		}
	}
	printf("compile: %.1f us for 1000 instructions; link: %.1f us a program\n", best / 1e3 * N / b.n,
	       best_link / 1e3);
	build_free(&b);
}

static void bench_empty(void)
{
	enum { REPEAT = 1000000 };
	struct both p = {0};
	struct builder b = {0};
	struct skep_env env = {0};

	build(&b, INSN_MOV64_K, 0, 0, 0, 0);
	build(&b, INSN_EXIT, 0, 0, 0, 0);
	if (both_make(&p, &b))
		return;
	for (int e = 0; e < ENGINES; e += 2) {
		double best = 1e30;

		for (int round = 0; round < ROUNDS; round++) {
			double t0 = now();

			for (int i = 0; i < REPEAT; i++) {
				if (e == ENGINE_VM)
					vm_run(p.vm, NULL, &env);
				else
					jit_run(p.texts[e].entry, NULL, &env);
			}
			best = MIN(best, (now() - t0) / REPEAT);
		}
		printf("empty program, %s: %.2f ns a run\n", engine_names[e], best);
	}
	both_free(&p);
	build_free(&b);
}

/* Each kernel of a loop stands here twice: in C and as a program; r1 rounds, r2 memory. */
struct kernel {
	const char *name;
	uint64_t (*native)(uint64_t rounds, uint64_t *mem);
	void (*program)(struct builder *b);
	uint64_t rounds;
};

static __attribute__((noinline)) uint64_t native_mix(uint64_t rounds, uint64_t *mem)
{
	uint64_t h = 0x9e3779b97f4a7c15;

	while (rounds--) {
		h ^= h >> 29;
		h *= 0x2545f491;
		h += rounds;
	}
	return h;
}

static void program_mix(struct builder *b)
{
	uint32_t head;

	build_wide(b, INSN_LDIMM64, 0, 0x9e3779b97f4a7c15);
	head = build(b, INSN_ADD64_K, 1, 0, 0, -1);
	build(b, INSN_MOV64_X, 3, 0, 0, 0);
	build(b, INSN_RSH64_K, 3, 0, 0, 29);
	build(b, INSN_XOR64_X, 0, 3, 0, 0);
	build(b, INSN_MUL64_K, 0, 0, 0, 0x2545f491);
	build(b, INSN_ADD64_X, 0, 1, 0, 0);
	build(b, INSN_JNE64_K, 1, 0, (int64_t)head - b->n - 1, 0);
	build(b, INSN_EXIT, 0, 0, 0, 0);
}

static __attribute__((noinline)) uint64_t native_collatz(uint64_t rounds, uint64_t *mem)
{
	uint64_t steps = 0;

	for (uint64_t i = 1; i <= rounds; i++) {
		for (uint64_t n = i; n != 1; steps++)
			n = n & 1 ? 3 * n + 1 : n >> 1;
	}
	return steps;
}

static void program_collatz(struct builder *b)
{
	uint32_t outer, inner, odd, next, done;

	build(b, INSN_MOV64_K, 0, 0, 0, 0);
	build(b, INSN_MOV64_K, 3, 0, 0, 0);
	outer = build(b, INSN_ADD64_K, 3, 0, 0, 1);
	build(b, INSN_MOV64_X, 4, 3, 0, 0);
	inner = b->n;
	done = build(b, INSN_JEQ64_K, 4, 0, 0, 1);
	odd = build(b, INSN_JSET64_K, 4, 0, 0, 1);
	build(b, INSN_RSH64_K, 4, 0, 0, 1);
	next = build(b, INSN_JA, 0, 0, 0, 0);
	build_land(b, odd);
	build(b, INSN_MUL64_K, 4, 0, 0, 3);
	build(b, INSN_ADD64_K, 4, 0, 0, 1);
	build_land(b, next);
	build(b, INSN_ADD64_K, 0, 0, 0, 1);
	build(b, INSN_JA, 0, 0, (int64_t)inner - b->n - 1, 0);
	build_land(b, done);
	build(b, INSN_JNE64_X, 3, 1, (int64_t)outer - b->n - 1, 0);
	build(b, INSN_EXIT, 0, 0, 0, 0);
}

static __attribute__((noinline)) uint64_t native_sum(uint64_t rounds, uint64_t *mem)
{
	uint64_t sum = 0;

	while (rounds--) {
		const uint32_t *p = (const uint32_t *)mem + (rounds & 255);

		sum += *p;
		sum = sum << 7 | sum >> 57;
	}
	return sum;
}

static void program_sum(struct builder *b)
{
	uint32_t head;

	build(b, INSN_MOV64_K, 0, 0, 0, 0);
	head = build(b, INSN_ADD64_K, 1, 0, 0, -1);
	build(b, INSN_MOV64_X, 3, 1, 0, 0);
	build(b, INSN_AND64_K, 3, 0, 0, 255);
	build(b, INSN_LSH64_K, 3, 0, 0, 2);
	build(b, INSN_ADD64_X, 3, 2, 0, 0);
	build(b, INSN_LDXW, 4, 3, 0, 0);
	build(b, INSN_ADD64_X, 0, 4, 0, 0);
	build(b, INSN_MOV64_X, 4, 0, 0, 0);
	build(b, INSN_RSH64_K, 4, 0, 0, 57);
	build(b, INSN_LSH64_K, 0, 0, 0, 7);
	build(b, INSN_OR64_X, 0, 4, 0, 0);
	build(b, INSN_JNE64_K, 1, 0, (int64_t)head - b->n - 1, 0);
	build(b, INSN_EXIT, 0, 0, 0, 0);
}

static __attribute__((noinline)) uint64_t native_divide(uint64_t rounds, uint64_t *mem)
{
	uint32_t x = 1;

	while (rounds--)
		x = (x * 1664525 + 1013904223) % 1000003 / 7;
	return x;
}

static void program_divide(struct builder *b)
{
	uint32_t head;

	build(b, INSN_MOV64_K, 0, 0, 0, 1);
	head = build(b, INSN_ADD64_K, 1, 0, 0, -1);
	build(b, INSN_MUL32_K, 0, 0, 0, 1664525);
	build(b, INSN_ADD32_K, 0, 0, 0, 1013904223);
	build(b, INSN_MOD32_K, 0, 0, 0, 1000003);
	build(b, INSN_DIV32_K, 0, 0, 0, 7);
	build(b, INSN_JNE64_K, 1, 0, (int64_t)head - b->n - 1, 0);
	build(b, INSN_EXIT, 0, 0, 0, 0);
}

static void bench_kernel(const struct kernel *k)
{
	double best[ENGINES + 1];
	uint64_t results[ENGINES + 1], mem[256];
	struct both p = {0};
	struct builder b = {0};
	struct skep_env env = {0};
	const uint64_t args[5] = {k->rounds, (uintptr_t)mem};

	for (size_t i = 0; i < ARRAY_SIZE(mem); i++)
		mem[i] = i * 0x9e3779b97f4a7c15;
	k->program(&b);
	if (both_make(&p, &b))
		return;
	for (int e = 0; e <= ENGINES; e++) {
		best[e] = 1e30;
		for (int round = 0; round < (e == ENGINE_VM ? 3 : ROUNDS); round++) {
			double t0 = now();

			results[e] = e == ENGINES ? k->native(k->rounds, mem) : both_run(&p, e, args, &env);
			best[e] = MIN(best[e], now() - t0);
		}
	}
	printf("%-8s native %.2f ns a round; jit %.2f times native (without BMI2 %.2f), interpreter %.1f times%s\n",
	       k->name, best[ENGINES] / (double)k->rounds, best[ENGINE_JIT_HOST] / best[ENGINES],
	       best[ENGINE_JIT_PLAIN] / best[ENGINES], best[ENGINE_VM] / best[ENGINES],
	       results[ENGINES] == results[ENGINE_VM] && results[ENGINES] == results[ENGINE_JIT_HOST]
		       ? ""
		       : " RESULTS DIFFER");
	both_free(&p);
	build_free(&b);
}

int main(void)
{
	static const struct kernel kernels[] = {
		{"mix", native_mix, program_mix, 1000000},
		{"collatz", native_collatz, program_collatz, 20000},
		{"sum", native_sum, program_sum, 1000000},
		{"divide", native_divide, program_divide, 1000000},
	};

	bench_compile();
	bench_empty();
	for (size_t i = 0; i < ARRAY_SIZE(kernels); i++)
		bench_kernel(&kernels[i]);
	return 0;
}
