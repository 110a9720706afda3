// SPDX-License-Identifier: BSD-2-Clause
/*
 * Every operation on every pair of registers with boundary values: all ten registers and the
 * memory afterwards are what the interpreter makes of them.
 *
 * Each program loads r0 to r9 from the buffer behind r1, does the one operation, and writes
 * all of them back, so an operation that changes a register which is not its own is seen.
 */
#include "both.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

enum {
	N_REGS = 10,
	SAVE_ARG = -8, /* stack: the buffer's address */
	SAVE_REGS = -96, /* stack: r0 upwards */
	MEM_SIZE = 1 << 16,
	MEM_MID = MEM_SIZE / 2,
};

/* What the programs work on. */
struct area {
	uint64_t in[N_REGS], out[N_REGS];
	uint64_t word; /* what lies where a stack access goes, before and after */
	uint8_t mem[MEM_SIZE + 8];
};

static const uint64_t values[] = {
	0,
	1,
	2,
	31,
	0x7f,
	0x8080,
	0x7fffffff,
	0x80000000,
	0xffffffff,
	0x100000000,
	0x7fffffffffffffff,
	0x8000000000000000,
	0xffffffff80000000,
	0xffffffffffffffff,
	0x123456789abcdef0,
};

static const int32_t imms[] = {
	0,
	1,
	2,
	3,
	7,
	8,
	15,
	31,
	32,
	33,
	63,
	64,
	100,
	127,
	128,
	129,
	255,
	256,
	65535,
	65536,
	0x7fffffff,
	INT32_MIN,
	INT32_MIN + 1,
	-1,
	-2,
	-127,
	-128,
	-129,
	-256,
};

/* A packet is of no concern here. */
bool packet_load(const struct skep_env *env, int32_t off, uint32_t size, uint64_t *value)
{
	return false;
}

static void load_regs(struct builder *b)
{
	build(b, INSN_STXDW, 10, 1, SAVE_ARG, 0);
	for (uint32_t r = 0; r < N_REGS; r++) {
		if (r != 1)
			build(b, INSN_LDXDW, r, 1, 8 * (int)r, 0);
	}
	build(b, INSN_LDXDW, 1, 1, 8, 0);
}

static void store_regs(struct builder *b)
{
	for (uint32_t r = 0; r < N_REGS; r++)
		build(b, INSN_STXDW, 10, r, SAVE_REGS + 8 * (int)r, 0);
	build(b, INSN_LDXDW, 1, 10, SAVE_ARG, 0);
	for (uint32_t r = 0; r < N_REGS; r++) {
		build(b, INSN_LDXDW, 0, 10, SAVE_REGS + 8 * (int)r, 0);
		build(b, INSN_STXDW, 1, 0, (int)offsetof(struct area, out) + 8 * (int)r, 0);
	}
	build(b, INSN_MOV64_K, 0, 0, 0, 0);
	build(b, INSN_EXIT, 0, 0, 0, 0);
}

static void describe(const struct builder *b, uint32_t at)
{
	const struct bpf_insn *in = &b->insns[at];

	print_message("at %s dst r%d src r%d off %d imm %d\n", insn_decode(in, NULL)->name, in->dst_reg, in->src_reg,
		      in->off, in->imm);
}

/* Runs a program on the same area in all engines; the operation in question is instruction @at. */
static void check(const struct both *p, const struct builder *b, uint32_t at, struct area *area, struct area *work,
		  struct area *want, size_t used)
{
	const uint64_t args[5] = {(uintptr_t)work};

	for (int e = 0; e < ENGINES; e++) {
		struct skep_env env = {0};
		uint64_t r0;

		memcpy(work, area, used);
		r0 = both_run(p, e, args, &env);
		if (e == ENGINE_VM) {
			memcpy(want, work, used);
			continue;
		}
		if (r0 || memcmp(work, want, used)) {
			describe(b, at);
			for (int r = 0; r < N_REGS; r++)
				print_message("r%d: in 0x%llx, %s 0x%llx, want 0x%llx\n", r,
					      (unsigned long long)area->in[r], engine_names[e],
					      (unsigned long long)work->out[r], (unsigned long long)want->out[r]);
		}
		assert_int_equal(r0, 0);
		assert_memory_equal(work, want, used);
	}
}

struct fixture {
	struct area *area, *work, *want;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->area = calloc(1, sizeof(*f->area));
	f->work = calloc(1, sizeof(*f->work));
	f->want = calloc(1, sizeof(*f->want));
	*state = f;
	return f->area && f->work && f->want ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	free(f->area);
	free(f->work);
	free(f->want);
	free(f);
	return 0;
}

static void fill(struct area *a)
{
	for (int r = 0; r < N_REGS; r++)
		a->in[r] = 0x1111111111111111u * (unsigned)(r + 1) + 0x80;
	a->word = 0xfedcba9876543210;
}

/* One arithmetic instruction, with each value in dst and each in src. */
static void try_alu(struct fixture *f, const struct insn_desc *d, uint32_t dst, uint32_t src, int32_t imm)
{
	const size_t used = offsetof(struct area, word);
	bool has_src = d->src == FORM_READ;
	struct builder b = {0};
	struct both p = {0};
	uint32_t at;

	load_regs(&b);
	at = build(&b, d->op, dst, src, 0, imm);
	store_regs(&b);
	assert_int_equal(both_make(&p, &b), 0);
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		for (size_t k = 0; k < (has_src ? ARRAY_SIZE(values) : 1); k++) {
			fill(f->area);
			f->area->in[dst] = values[i];
			if (has_src && src != dst)
				f->area->in[src] = values[k];
			check(&p, &b, at, f->area, f->work, f->want, used);
		}
	}
	both_free(&p);
	build_free(&b);
}

static void arithmetic_on_all_register_pairs(void **state)
{
	for (unsigned op = 0; op < INSN_OP_COUNT; op++) {
		const struct insn_desc *d = &insn_descs[op];
		unsigned class = d->code & 7;

		if ((class != BPF_ALU && class != BPF_ALU64) || d->src != FORM_READ)
			continue;
		for (uint32_t dst = 0; dst < N_REGS; dst++) {
			for (uint32_t src = 0; src < N_REGS; src++)
				try_alu(*state, d, dst, src, 0);
		}
	}
}

static void arithmetic_with_all_immediates(void **state)
{
	for (unsigned op = 0; op < INSN_OP_COUNT; op++) {
		const struct insn_desc *d = &insn_descs[op];
		unsigned class = d->code & 7;

		if ((class != BPF_ALU && class != BPF_ALU64) || d->src == FORM_READ)
			continue;
		for (uint32_t dst = 0; dst < N_REGS; dst++) {
			for (size_t i = 0; i < (d->imm == FORM_IMM ? ARRAY_SIZE(imms) : 1); i++)
				try_alu(*state, d, dst, 0, d->imm == FORM_IMM ? imms[i] : 0);
		}
	}
}

/* A mov and what follows it on its destination, which may become one instruction. */
static void arithmetic_after_a_copy(void **state)
{
	static const enum insn_op movs[] = {INSN_MOV64_X, INSN_MOV32_X};
	struct fixture *f = *state;
	const size_t used = offsetof(struct area, word);

	for (unsigned op = 0; op < INSN_OP_COUNT; op++) {
		const struct insn_desc *d = &insn_descs[op];
		unsigned class = d->code & 7;

		if (class != BPF_ALU && class != BPF_ALU64)
			continue;
		for (unsigned n = 0; n < 2 * N_REGS * N_REGS * 4; n++) {
			uint32_t dst = n / 2 % N_REGS, src = n / 2 / N_REGS % N_REGS;
			uint32_t third = n % 3 == 0 ? dst : n % 3 == 1 ? src : (dst + src + n / 200) % N_REGS;
			struct builder b = {0};
			struct both p = {0};
			uint32_t at;

			load_regs(&b);
			build(&b, movs[n % 2], dst, src, 0, 0);
			at = build(&b, d->op, dst, d->src == FORM_READ ? third : 0, 0,
				   d->imm == FORM_IMM ? imms[n % ARRAY_SIZE(imms)] : 0);
			store_regs(&b);
			assert_int_equal(both_make(&p, &b), 0);
			for (size_t i = 0; i < 3; i++) {
				fill(f->area);
				f->area->in[src] = values[(n + 5 * i) % ARRAY_SIZE(values)];
				check(&p, &b, at, f->area, f->work, f->want, used);
			}
			both_free(&p);
			build_free(&b);
		}
	}
}

/* What C makes of a division by a constant, of either width. */
static uint64_t quotient(uint64_t n, int32_t imm, bool wide, bool mod)
{
	uint64_t d = wide ? (uint64_t)(int64_t)imm : (uint32_t)imm;

	if (!wide)
		n = (uint32_t)n;
	return mod ? n % d : n / d;
}

/* The multiplications that stand for divisions: many divisors, and dividends around their multiples. */
static void division_by_constants_is_exact(void **state)
{
	static const enum insn_op ops[] = {INSN_DIV32_K, INSN_MOD32_K, INSN_DIV64_K, INSN_MOD64_K};
	uint64_t rng = 1;

	for (int n = 2; n < 900; n++) {
		/* Small ones, those around powers of two, and any others. */
		int32_t d = n < 300 ? n : n < 390 ? (1 << (1 + (n - 300) / 3)) + (n - 300) % 3 - 1 : 0;

		if (d <= 1) {
			rng = rng * 6364136223846793005 + 1442695040888963407;
			d = (int32_t)(rng >> 33 >> (rng >> 10) % 24) | 3;
			/* Half of them even, by all powers of two; among them what turns nanoseconds into longer times. */
			if (n % 2)
				d = n == 391   ? 1000000
				    : n == 393 ? 1000000000
					       : (int32_t)((uint32_t)(d >> (1 + n / 2 % 20) | 3) << (1 + n / 2 % 20));
		}
		for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
			uint32_t dst = (uint32_t)n % N_REGS;
			struct builder b = {0};
			struct both p = {0};

			build(&b, INSN_MOV64_X, dst, 1, 0, 0);
			build(&b, ops[i], dst, 0, 0, d);
			build(&b, INSN_MOV64_X, 0, dst, 0, 0);
			build(&b, INSN_EXIT, 0, 0, 0, 0);
			assert_int_equal(both_make(&p, &b), 0);
			for (int k = 0; k < 60; k++) {
				uint64_t multiple, dividend;
				struct skep_env env = {0};

				rng = rng * 6364136223846793005 + 1442695040888963407;
				multiple = k < 6 ? UINT64_MAX >> k * 8 : (rng ^ rng >> 29) >> (k % 4) * 16;
				/* The largest multiples are where a factor that is off by one shows. */
				if (k % 2 && i < 2)
					multiple = (uint32_t)multiple;
				dividend = multiple / (uint32_t)d * (uint32_t)d + (uint64_t)(k % 3) - 1;
				for (int e = ENGINE_JIT_PLAIN; e < ENGINES; e++) {
					const uint64_t args[5] = {dividend};
					uint64_t got = both_run(&p, e, args, &env),
						 want = quotient(dividend, d, i >= 2, i % 2);

					if (got != want)
						print_message("%s: %llu by %d\n", insn_descs[ops[i]].name,
							      (unsigned long long)dividend, d);
					assert_int_equal(got, want);
				}
			}
			both_free(&p);
			build_free(&b);
		}
	}
}

/* A copy before a jump target must not be fused with the instruction at the target. */
static void a_jump_between_copy_and_operation_skips_the_copy(void **state)
{
	static const enum insn_op ops[] = {INSN_ADD64_K, INSN_SUB64_K, INSN_MUL64_K, INSN_AND64_K};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		struct builder b = {0};
		struct both p = {0};
		uint32_t jump, at;

		load_regs(&b);
		jump = build(&b, INSN_JEQ64_K, 3, 0, 0, 0);
		build(&b, INSN_MOV64_X, 1, 2, 0, 0);
		build_land(&b, jump);
		at = build(&b, ops[i], 1, 0, 0, 255);
		build(&b, INSN_JEQ64_K, 3, 0, 1, 0);
		build(&b, INSN_LSH64_K, 4, 0, 0, 32);
		build(&b, INSN_RSH64_K, 4, 0, 0, 32);
		store_regs(&b);
		assert_int_equal(both_make(&p, &b), 0);
		for (uint64_t r3 = 0; r3 < 2; r3++) {
			fill(f->area);
			f->area->in[3] = r3;
			check(&p, &b, at, f->area, f->work, f->want, offsetof(struct area, word));
		}
		both_free(&p);
		build_free(&b);
	}
}

static void wide_immediates(void **state)
{
	struct fixture *f = *state;

	for (uint32_t dst = 0; dst < N_REGS; dst++) {
		for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
			struct builder b = {0};
			struct both p = {0};
			uint32_t at;

			load_regs(&b);
			at = build_wide(&b, INSN_LDIMM64, dst, values[i]);
			store_regs(&b);
			assert_int_equal(both_make(&p, &b), 0);
			fill(f->area);
			check(&p, &b, at, f->area, f->work, f->want, offsetof(struct area, word));
			assert_int_equal(f->want->out[dst], values[i]);
			both_free(&p);
			build_free(&b);
		}
	}
}

/* A conditional jump leads to r0 = 1 or r0 = 2. */
static void try_jump(const struct insn_desc *d, uint32_t dst, uint32_t src, int32_t imm)
{
	struct area area;
	struct builder b = {0};
	struct both p = {0};
	const uint64_t args[5] = {(uintptr_t)&area};
	uint32_t jump;

	load_regs(&b);
	jump = build(&b, d->op, dst, src, 0, imm);
	build(&b, INSN_MOV64_K, 0, 0, 0, 1);
	build(&b, INSN_EXIT, 0, 0, 0, 0);
	build_land(&b, jump);
	build(&b, INSN_MOV64_K, 0, 0, 0, 2);
	build(&b, INSN_EXIT, 0, 0, 0, 0);
	assert_int_equal(both_make(&p, &b), 0);
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		for (size_t k = 0; k < (d->src == FORM_READ ? ARRAY_SIZE(values) : 1); k++) {
			struct skep_env env = {0};
			uint64_t want;

			fill(&area);
			area.in[dst] = values[i];
			if (d->src == FORM_READ)
				area.in[src] = values[k];
			want = both_run(&p, ENGINE_VM, args, &env);
			assert_in_range(want, 1, 2);
			for (int e = ENGINE_JIT_PLAIN; e < ENGINES; e++) {
				uint64_t r0 = both_run(&p, e, args, &env);

				if (r0 != want)
					describe(&b, jump);
				assert_int_equal(r0, want);
			}
		}
	}
	both_free(&p);
	build_free(&b);
}

static void conditional_jumps_compare_as_the_interpreter_does(void **state)
{
	for (unsigned op = 0; op < INSN_OP_COUNT; op++) {
		const struct insn_desc *d = &insn_descs[op];
		unsigned class = d->code & 7;

		if ((class != BPF_JMP && class != BPF_JMP32) || d->off != FORM_JUMP || d->dst != FORM_READ)
			continue;
		for (uint32_t dst = 0; dst < N_REGS; dst++) {
			for (uint32_t src = 0; d->src == FORM_READ && src < N_REGS; src++)
				try_jump(d, dst, src, 0);
			for (size_t i = 0; d->src != FORM_READ && i < ARRAY_SIZE(imms); i++)
				try_jump(d, dst, 0, imms[i]);
		}
	}
}

static bool is_memory(const struct insn_desc *d)
{
	unsigned class = d->code & 7;

	return d->off == FORM_MEM && (class == BPF_LDX || class == BPF_ST || class == BPF_STX);
}

/* One access with base register @base, the other operand in @other. */
static void try_access(struct fixture *f, const struct insn_desc *d, uint32_t base, uint32_t other, int32_t off)
{
	bool load = d->dst == FORM_WRITE;
	struct builder b = {0};
	struct both p = {0};
	uint32_t at;

	load_regs(&b);
	at = build(&b, d->op, load ? other : base,
		   load                  ? base
		   : d->src != FORM_ZERO ? other
					 : 0,
		   off, d->imm == FORM_IMM ? -2 : 0);
	store_regs(&b);
	assert_int_equal(both_make(&p, &b), 0);
	for (int i = 0; i < 3; i++) {
		uint8_t *place = f->area->mem + MEM_MID + off;

		fill(f->area);
		memcpy(place, &values[ARRAY_SIZE(values) - 1 - (unsigned)i], 8);
		/* A compare-and-exchange that succeeds in full, one that does in its lower half only, one that fails. */
		if (i < 2)
			memcpy(&f->area->in[0], place, 8);
		f->area->in[0] ^= i == 1 ? 0xff00000000 : 0;
		f->area->in[base] = (uintptr_t)f->work->mem + MEM_MID;
		check(&p, &b, at, f->area, f->work, f->want, sizeof(struct area));
		memset(place, 0, 8);
	}
	both_free(&p);
	build_free(&b);
}

static void memory_accesses_through_all_registers(void **state)
{
	static const int32_t offsets[] = {0, 8, 120, 128, -8, -128, -136, 32760, -32768};

	for (unsigned op = 0; op < INSN_OP_COUNT; op++) {
		if (!is_memory(&insn_descs[op]))
			continue;
		for (uint32_t n = 0; n < N_REGS * N_REGS; n++)
			try_access(*state, &insn_descs[op], n % N_REGS, n / N_REGS,
				   offsets[(n + op) % ARRAY_SIZE(offsets)]);
		for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
			/* Bases rdi, rbx, r13, and r0, which is rax. */
			try_access(*state, &insn_descs[op], 1, 2, offsets[i]);
			try_access(*state, &insn_descs[op], 6, 2, offsets[i]);
			try_access(*state, &insn_descs[op], 7, 0, offsets[i]);
			try_access(*state, &insn_descs[op], 0, 9, offsets[i]);
		}
	}
}

static void plain_accesses_need_no_alignment(void **state)
{
	static const int32_t offsets[] = {1, 3, 5, 126, 127, 129, -127, -129, 32759, -32767};

	for (unsigned op = 0; op < INSN_OP_COUNT; op++) {
		bool atomic = (insn_descs[op].code & 7) == BPF_STX && (insn_descs[op].code & 0xe0) == 0xc0;

		for (size_t i = 0; is_memory(&insn_descs[op]) && !atomic && i < ARRAY_SIZE(offsets); i++)
			try_access(*state, &insn_descs[op], 3, 4, offsets[i]);
	}
}

static void stack_accesses_through_r10(void **state)
{
	static const int32_t offsets[] = {-104, -120, -128, -136, -256, -504, -512};
	const size_t used = offsetof(struct area, mem);
	struct fixture *f = *state;

	for (unsigned op = 0; op < INSN_OP_COUNT; op++) {
		const struct insn_desc *d = &insn_descs[op];
		bool load = d->dst == FORM_WRITE;

		if (!is_memory(d))
			continue;
		for (uint32_t n = 0; n < N_REGS * ARRAY_SIZE(offsets); n++) {
			uint32_t other = n % N_REGS, at;
			int32_t off = offsets[n / N_REGS];
			struct builder b = {0};
			struct both p = {0};

			load_regs(&b);
			/* The word goes to the stack before and comes back after, through a register that is put right again. */
			build(&b, INSN_LDXDW, 1, 10, SAVE_ARG, 0);
			build(&b, INSN_LDXDW, 2, 1, offsetof(struct area, word), 0);
			build(&b, INSN_STXDW, 10, 2, off, 0);
			build(&b, INSN_LDXDW, 2, 1, 16, 0);
			build(&b, INSN_LDXDW, 1, 1, 8, 0);
			at = build(&b, d->op, load ? other : 10,
				   load                  ? 10
				   : d->src != FORM_ZERO ? other
							 : 0,
				   off, d->imm == FORM_IMM ? 0x12345678 : 0);
			for (uint32_t r = 0; r < N_REGS; r++)
				build(&b, INSN_STXDW, 10, r, SAVE_REGS + 8 * (int)r, 0);
			build(&b, INSN_LDXDW, 1, 10, SAVE_ARG, 0);
			build(&b, INSN_LDXDW, 2, 10, off, 0);
			build(&b, INSN_STXDW, 1, 2, offsetof(struct area, word), 0);
			for (uint32_t r = 0; r < N_REGS; r++) {
				build(&b, INSN_LDXDW, 0, 10, SAVE_REGS + 8 * (int)r, 0);
				build(&b, INSN_STXDW, 1, 0, (int)offsetof(struct area, out) + 8 * (int)r, 0);
			}
			build(&b, INSN_MOV64_K, 0, 0, 0, 0);
			build(&b, INSN_EXIT, 0, 0, 0, 0);
			assert_int_equal(both_make(&p, &b), 0);
			for (int i = 0; i < 2; i++) {
				fill(f->area);
				f->area->in[0] = i ? f->area->word : 5;
				check(&p, &b, at, f->area, f->work, f->want, used);
			}
			both_free(&p);
			build_free(&b);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(arithmetic_on_all_register_pairs, setup, teardown),
		cmocka_unit_test_setup_teardown(arithmetic_with_all_immediates, setup, teardown),
		cmocka_unit_test(division_by_constants_is_exact),
		cmocka_unit_test_setup_teardown(arithmetic_after_a_copy, setup, teardown),
		cmocka_unit_test_setup_teardown(a_jump_between_copy_and_operation_skips_the_copy, setup, teardown),
		cmocka_unit_test_setup_teardown(wide_immediates, setup, teardown),
		cmocka_unit_test(conditional_jumps_compare_as_the_interpreter_does),
		cmocka_unit_test_setup_teardown(memory_accesses_through_all_registers, setup, teardown),
		cmocka_unit_test_setup_teardown(plain_accesses_need_no_alignment, setup, teardown),
		cmocka_unit_test_setup_teardown(stack_accesses_through_r10, setup, teardown),
	};

	return cmocka_run_group_tests_name("jit: operations", tests, NULL, NULL);
}
