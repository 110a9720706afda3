// SPDX-License-Identifier: BSD-2-Clause
/*
 * Strips (x86_64/strip.c): that loops over arrays are done many elements at a time where they may be, seen in the code, and that it makes no
 * difference, seen in the results beside the interpreter's. fuzz-engines tries what nobody thought of.
 */
#include "both.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MEM_SIZE = 4096, ROUNDS = 70 };

static uint8_t mem[MEM_SIZE] __attribute__((aligned(64)));

bool packet_load(const struct skep_env *env, int32_t off, uint32_t size, uint64_t *value)
{
	return false;
}

static uint64_t helper_seven(uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4, uint64_t r5, struct skep_env *env)
{
	return 7;
}

static const skep_fn helpers[] = {NULL, helper_seven};

/* Random, with zeroes now and then. */
static void fill(void)
{
	uint64_t x = 0x9e3779b97f4a7c15;

	for (size_t i = 0; i < MEM_SIZE; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		mem[i] = x >> 60 ? (uint8_t)(x >> 32) : 0;
	}
}

/* Whether there is code that loads or stores sixteen bytes: movdqu. */
static bool has_strips(const struct both *p)
{
	const struct jit_object *o = p->objs[ENGINE_JIT_PLAIN];

	for (uint32_t i = 0; i + 4 < o->size; i++) {
		uint32_t rex = o->bytes[i] == 0xf3 && (o->bytes[i + 1] & 0xf0) == 0x40;

		if (o->bytes[i] == 0xf3 && o->bytes[i + 1 + rex] == 0x0f && (o->bytes[i + 2 + rex] & 0xef) == 0x6f)
			return true;
	}
	return false;
}

static struct both make(struct builder *b)
{
	struct both p = {.code = {.helpers = helpers, .n_helpers = ARRAY_SIZE(helpers)}};

	assert_int_equal(both_make(&p, b), 0);
	build_free(b);
	*b = (struct builder){0};
	return p;
}

/* Runs it in all engines on the same memory with r1 to r5; what it returns and what it leaves there must be the same. */
static uint64_t run_all(const struct both *p, const uint64_t args[5])
{
	static uint8_t before[MEM_SIZE], want[MEM_SIZE];
	uint64_t want_r0 = 0;

	memcpy(before, mem, MEM_SIZE);
	for (int e = ENGINE_VM; e < ENGINES; e++) {
		struct skep_env env = {0};
		uint64_t got;

		memcpy(mem, before, MEM_SIZE);
		got = both_run(p, e, args, &env);
		if (e == ENGINE_VM) {
			want_r0 = got;
			memcpy(want, mem, MEM_SIZE);
		}
		if (got != want_r0)
			fail_msg("%s gives 0x%llx, want 0x%llx, arguments 0x%llx 0x%llx 0x%llx", engine_names[e],
				 (unsigned long long)got, (unsigned long long)want_r0, (unsigned long long)args[0],
				 (unsigned long long)args[1], (unsigned long long)args[2]);
		assert_memory_equal(mem, want, MEM_SIZE);
	}
	memcpy(mem, before, MEM_SIZE);
	return want_r0;
}

static uint64_t run(const struct both *p, uint64_t r1, uint64_t r2, uint64_t r3)
{
	return run_all(p, (const uint64_t[5]){r1, r2, r3, 0, 0});
}

static uint64_t at(size_t off)
{
	return (uintptr_t)mem + off;
}

static const uint8_t loads[] = {INSN_LDXB, INSN_LDXH, INSN_LDXW, INSN_LDXDW};
static const uint8_t stores[] = {INSN_STXB, INSN_STXH, INSN_STXW, INSN_STXDW};
static const uint8_t swaps[] = {0, INSN_BE16, INSN_BE32, INSN_BE64};

static void back_to(struct builder *b, uint32_t head, enum insn_op op, uint32_t dst, uint32_t src, int32_t imm)
{
	build(b, op, dst, src, (int64_t)head - b->n - 1, imm);
}

static void gathering_is_right_for_every_size_operation_and_length(void **state)
{
	static const uint8_t ops[] = {INSN_ADD64_X, INSN_ADD32_X, INSN_OR64_X, INSN_OR32_X, INSN_XOR64_X, INSN_XOR32_X};

	fill();
	for (int size = 0; size < 4; size++) {
		for (size_t op = 0; op < ARRAY_SIZE(ops) * 2; op++) {
			/* r0 = r3; do r0 op= *r1++; while (r1 < r2) */
			struct builder b = {0};
			struct both p;

			build(&b, INSN_MOV64_X, 0, 3, 0, 0);
			build(&b, (enum insn_op)loads[size], 4, 1, 0, 0);
			if (size && op >= ARRAY_SIZE(ops))
				build(&b, (enum insn_op)swaps[size], 4, 0, 0, 0);
			build(&b, (enum insn_op)ops[op % ARRAY_SIZE(ops)], 0, 4, 0, 0);
			build(&b, INSN_ADD64_K, 1, 0, 0, 1 << size);
			back_to(&b, 1, INSN_JLT64_X, 1, 2, 0);
			build(&b, INSN_EXIT, 0, 0, 0, 0);
			p = make(&b);
			assert_true(has_strips(&p));
			for (size_t n = 0; n < ROUNDS; n++) {
				run(&p, at(n), at(n + (n << size)), 0);
				run(&p, at(n), at(n + (n << size)), 0xfedcba9876543210);
			}
			both_free(&p);
		}
	}
}

static void sums_of_the_largest_elements_do_not_overflow_early(void **state)
{
	memset(mem, 0xff, MEM_SIZE);
	for (int size = 0; size < 4; size++) {
		struct builder b = {0};
		struct both p;

		build(&b, INSN_MOV64_K, 0, 0, 0, 0);
		build(&b, (enum insn_op)loads[size], 4, 1, 0, 0);
		build(&b, INSN_ADD64_X, 0, 4, 0, 0);
		build(&b, INSN_ADD64_K, 1, 0, 0, 1 << size);
		back_to(&b, 1, INSN_JNE64_X, 1, 2, 0);
		build(&b, INSN_EXIT, 0, 0, 0, 0);
		p = make(&b);
		assert_true(has_strips(&p));
		assert_int_equal(run(&p, at(0), at(4096), 0),
				 (4096ull >> size) * (size == 3 ? UINT64_MAX : (1ull << (8 << size)) - 1));
		both_free(&p);
	}
}

/* r0 = 0; do *(r2 + off) = *r1++, r2 moves on; while (r1 != r3). */
static struct both copy_program(int size, bool one_base, int off)
{
	uint32_t to = one_base ? 1 : 2;
	struct builder b = {0};

	build(&b, INSN_MOV64_K, 0, 0, 0, 0);
	build(&b, (enum insn_op)loads[size], 4, 1, 0, 0);
	build(&b, (enum insn_op)stores[size], to, 4, off, 0);
	build(&b, INSN_ADD64_K, 1, 0, 0, 1 << size);
	build(&b, INSN_ADD64_K, 2, 0, 0, 1 << size);
	back_to(&b, 1, INSN_JNE64_X, 1, 3, 0);
	build(&b, INSN_EXIT, 0, 0, 0, 0);
	return make(&b);
}

static void copies_over_themselves_are_as_one_element_after_the_other(void **state)
{
	fill();
	for (int size = 0; size < 4; size++) {
		struct both two = copy_program(size, false, 0);

		assert_true(has_strips(&two));
		for (int distance = -40; distance <= 40; distance++) {
			struct both one = copy_program(size, true, distance);

			assert_int_equal(has_strips(&one), distance <= 0 || distance >= 16);
			for (size_t n = 1; n < ROUNDS; n += 3) {
				run(&one, at(64), at(64), at(64 + (n << size)));
				run(&two, at(64), at((size_t)(64 + distance)), at(64 + (n << size)));
			}
			both_free(&one);
		}
		both_free(&two);
	}
}

/* Where elements of r1 and of r2 (or @key) are equal, or differ: r0 = the index, or 100. r3 ends. */
static struct both search_program(int size, bool on_equal, bool with_key)
{
	struct builder b = {0};
	uint32_t out;

	build(&b, INSN_MOV64_K, 0, 0, 0, 0);
	build(&b, (enum insn_op)loads[size], 4, 1, 0, 0);
	if (!with_key)
		build(&b, (enum insn_op)loads[size], 5, 2, 0, 0);
	out = with_key ? build(&b, on_equal ? INSN_JEQ64_K : INSN_JNE64_K, 4, 0, 0, 0)
		       : build(&b, on_equal ? INSN_JEQ64_X : INSN_JNE64_X, 4, 5, 0, 0);
	build(&b, INSN_ADD64_K, 1, 0, 0, 1 << size);
	build(&b, INSN_ADD64_K, 2, 0, 0, 1 << size);
	build(&b, INSN_ADD32_K, 0, 0, 0, 3);
	back_to(&b, 1, INSN_JLT64_X, 1, 3, 0);
	build_land(&b, out);
	build(&b, INSN_LSH64_K, 1, 0, 0, 7);
	build(&b, INSN_XOR64_X, 0, 1, 0, 0);
	build(&b, INSN_XOR64_X, 0, 2, 0, 0);
	build(&b, INSN_EXIT, 0, 0, 0, 0);
	return make(&b);
}

static void searches_find_the_first_wherever_it_is(void **state)
{
	for (int size = 0; size < 4; size++) {
		for (int how = 0; how < 4; how++) {
			bool on_equal = how & 1, with_key = how & 2;
			struct both p = search_program(size, on_equal, with_key);

			assert_true(has_strips(&p));
			for (size_t n = 0; n < ROUNDS; n++) {
				uint8_t other = on_equal ? 0x55 : 0;

				/* Elements that are equal but for their last byte, up to the one that is sought. */
				memset(mem, 0, MEM_SIZE);
				for (size_t i = 0; i < 128; i++)
					mem[((i + 1) << size) - 1] = other;
				if (n < 64)
					mem[((n + 1) << size) - 1] ^= 0x55;
				run(&p, at(0), at(2048), at(64ul << size));
			}
			both_free(&p);
		}
	}
}

static void a_loop_that_is_left_at_once_clears_no_upper_halves(void **state)
{
	/* The sum, or how many, in 32 bits of r2, up to a zero. */
	for (int counts = 0; counts < 2; counts++) {
		struct builder b = {0};
		struct both p;
		uint32_t out;

		build(&b, INSN_LDXB, 4, 1, 0, 0);
		out = build(&b, INSN_JEQ64_K, 4, 0, 0, 0);
		build(&b, INSN_ADD64_K, 1, 0, 0, 1);
		if (counts)
			build(&b, INSN_ADD32_K, 2, 0, 0, 1);
		else
			build(&b, INSN_ADD32_X, 2, 4, 0, 0);
		back_to(&b, 0, INSN_JLT64_X, 1, 3, 0);
		build_land(&b, out);
		build(&b, INSN_MOV64_X, 0, 2, 0, 0);
		build(&b, INSN_EXIT, 0, 0, 0, 0);
		p = make(&b);
		assert_true(has_strips(&p));
		for (size_t n = 0; n < 40; n++) {
			memset(mem, 7, MEM_SIZE);
			mem[n] = 0;
			run(&p, at(0), 0xabcdef0100000003, at(64));
			run(&p, at(0), 3, at(64));
		}
		both_free(&p);
	}
}

static void of_two_tests_the_one_that_finds_an_earlier_element_ends_the_loop(void **state)
{
	struct builder b = {0};
	uint32_t out[2];
	struct both p;

	/* do if (*r1 == 1 || *r1 == 2) break; while (++r1 < r3); r0 = r1 */
	build(&b, INSN_LDXB, 4, 1, 0, 0);
	out[0] = build(&b, INSN_JEQ64_K, 4, 0, 0, 1);
	out[1] = build(&b, INSN_JEQ64_K, 4, 0, 0, 2);
	build(&b, INSN_ADD64_K, 1, 0, 0, 1);
	back_to(&b, 0, INSN_JLT64_X, 1, 3, 0);
	build_land(&b, out[0]);
	build_land(&b, out[1]);
	build(&b, INSN_MOV64_X, 0, 1, 0, 0);
	build(&b, INSN_EXIT, 0, 0, 0, 0);
	p = make(&b);
	assert_true(has_strips(&p));
	for (size_t one = 0; one < 48; one++) {
		for (size_t two = 0; two < 48; two++) {
			memset(mem, 0, MEM_SIZE);
			mem[one] = 1;
			mem[two] = 2;
			assert_int_equal(run(&p, at(0), 0, at(48)), at(MIN(one, two)));
		}
	}
	both_free(&p);
}

static void nothing_is_read_beyond_the_page_of_the_element_that_ends_a_loop(void **state)
{
	long page = sysconf(_SC_PAGESIZE);
	uint8_t *two = mmap(NULL, (size_t)page * 2, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(two, MAP_FAILED);
	memset(two, 1, (size_t)page);
	assert_int_equal(mprotect(two + page, (size_t)page, PROT_NONE), 0);
	for (int size = 0; size < 4; size++) {
		struct both p = search_program(size, true, true);

		assert_true(has_strips(&p));
		/* The element that is sought is the page's last; how far it may go says nothing about that. */
		memset(two + page - (1 << size), 0, 1ul << size);
		for (long n = 1; n < ROUNDS; n++)
			run(&p, (uintptr_t)(two + page - (n << size)), at(0), (uintptr_t)(two + page + 512));
		memset(two + page - (1 << size), 1, 1ul << size);
		both_free(&p);
	}
	munmap(two, (size_t)page * 2);
}

/* do r0 += r1[r2] (bytes) while the index, counted in @add, has not come to its end as @op sees it. */
static struct both count_program(enum insn_op add, int by, enum insn_op op, int32_t end)
{
	bool with_reg = insn_descs[op].src == FORM_READ;
	struct builder b = {0};

	build(&b, INSN_MOV64_K, 0, 0, 0, 0);
	build(&b, INSN_LDXB, 4, 1, 0, 0);
	build(&b, INSN_ADD64_X, 0, 4, 0, 0);
	build(&b, INSN_ADD64_K, 1, 0, 0, 1);
	build(&b, add, 2, 0, 0, by);
	back_to(&b, 1, op, 2, with_reg ? 3 : 0, with_reg ? 0 : end);
	build(&b, INSN_XOR64_X, 0, 2, 0, 0);
	build(&b, INSN_EXIT, 0, 0, 0, 0);
	return make(&b);
}

static void counters_of_every_kind_end_where_they_should(void **state)
{
	static const struct {
		uint8_t op, down;
	} forms[] = {
		{INSN_JNE64_X, 0},  {INSN_JNE32_X, 0},  {INSN_JLT64_X, 0},  {INSN_JLT32_X, 0},  {INSN_JLE64_X, 0},
		{INSN_JLE32_X, 0},  {INSN_JSLT64_X, 0}, {INSN_JSLT32_X, 0}, {INSN_JSLE64_X, 0}, {INSN_JSLE32_X, 0},
		{INSN_JNE64_X, 1},  {INSN_JNE32_X, 1},  {INSN_JGT64_X, 1},  {INSN_JGT32_X, 1},  {INSN_JGE64_X, 1},
		{INSN_JGE32_X, 1},  {INSN_JSGT64_X, 1}, {INSN_JSGT32_X, 1}, {INSN_JSGE64_X, 1}, {INSN_JSGE32_X, 1},
		{INSN_JLT64_K, 0},  {INSN_JLT32_K, 0},  {INSN_JSLT64_K, 0}, {INSN_JSLT32_K, 0}, {INSN_JGT64_K, 1},
		{INSN_JSGT32_K, 1},
	};

	fill();
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		for (int by = 1; by <= 4; by *= 4) {
			for (int low = 0; low < 2; low++) {
				int step = forms[i].down ? -by : by;
				struct both p = count_program(low ? INSN_ADD32_K : INSN_ADD64_K, step,
							      (enum insn_op)forms[i].op, 200);

				assert_int_equal(has_strips(&p),
						 !(low && step < 0 && (insn_descs[forms[i].op].code & 7) == BPF_JMP));
				for (int64_t n = 1; n < ROUNDS; n++) {
					int64_t start = 200 - n * step;

					run(&p, at(0), (uint64_t)start, 200);
					/* What is above 32 bits is not looked at; where it is left behind is told by r0. */
					if (low && (insn_descs[forms[i].op].code & 7) == BPF_JMP32)
						run(&p, at(0), (uint64_t)start | 5ull << 32, 200 | 7ull << 32);
					/* Comparisons that fail at once. */
					if (forms[i].op != INSN_JNE64_X && forms[i].op != INSN_JNE32_X)
						run(&p, at(0), (uint64_t)(200 + 30 * step), 200);
				}
				/* Signed comparisons that fail at once, and would not without the sign. */
				if (insn_descs[forms[i].op].sym[0] == 's' &&
				    (!low || (insn_descs[forms[i].op].code & 7) == BPF_JMP32))
					run(&p, at(0), (uint64_t)(forms[i].down ? -5 : 5),
					    (uint64_t)(forms[i].down ? 10 : -10));
				both_free(&p);
			}
		}
	}
}

static void an_index_in_32_bits_makes_addresses_like_any_other(void **state)
{
	struct builder b = {0};
	struct both p;

	fill();
	/* r0 = 0; w2 = 0; do r4 = r1 + w2; r0 += *r4; w2 += 1; while (w2 < w3) */
	build(&b, INSN_MOV64_K, 0, 0, 0, 0);
	build(&b, INSN_MOV32_X, 4, 2, 0, 0);
	build(&b, INSN_ADD64_X, 4, 1, 0, 0);
	build(&b, INSN_LDXB, 4, 4, 0, 0);
	build(&b, INSN_ADD64_X, 0, 4, 0, 0);
	build(&b, INSN_ADD32_K, 2, 0, 0, 1);
	back_to(&b, 1, INSN_JLT32_X, 2, 3, 0);
	build(&b, INSN_EXIT, 0, 0, 0, 0);
	p = make(&b);
	assert_true(has_strips(&p));
	for (uint64_t n = 0; n < ROUNDS; n++) {
		run(&p, at(64), 0, n);
		run(&p, at(64), 1ull << 32, n);
		/* It wraps: the address goes from far above to where r1 points. */
		run(&p, at(64) - 0xfffffff8, 0xfffffff8, 0xfffffff8 + n % 8);
	}
	both_free(&p);
}

static void what_the_body_leaves_behind_is_the_last_iterations(void **state)
{
	struct builder b = {0};
	struct both p;

	fill();
	/* The last byte and where it was. */
	build(&b, INSN_MOV64_K, 0, 0, 0, 0);
	build(&b, INSN_MOV64_X, 5, 1, 0, 0);
	build(&b, INSN_LDXB, 4, 5, 0, 0);
	build(&b, INSN_ADD64_X, 0, 4, 0, 0);
	build(&b, INSN_ADD64_K, 1, 0, 0, 1);
	back_to(&b, 1, INSN_JNE64_X, 1, 2, 0);
	build(&b, INSN_LSH64_K, 4, 0, 0, 32);
	build(&b, INSN_XOR64_X, 0, 4, 0, 0);
	build(&b, INSN_XOR64_X, 0, 5, 0, 0);
	build(&b, INSN_EXIT, 0, 0, 0, 0);
	p = make(&b);
	assert_true(has_strips(&p));
	for (size_t n = 1; n < ROUNDS; n++)
		run(&p, at(3), at(3 + n), 0);
	both_free(&p);
}

static void a_loop_within_a_loop_is_done_in_strips_each_time(void **state)
{
	struct builder b = {0};
	struct both p;

	fill();
	/* for (r5 = 0; r5 < 5; r5++) { r4 = r1; do r0 += *r4 ^ 0x5a; while (++r4 != r2); r0 *= 3; } */
	build(&b, INSN_MOV64_K, 0, 0, 0, 0);
	build(&b, INSN_MOV64_K, 5, 0, 0, 0);
	build(&b, INSN_MOV64_X, 4, 1, 0, 0);
	build(&b, INSN_LDXB, 3, 4, 0, 0);
	build(&b, INSN_XOR64_K, 3, 0, 0, 0x5a);
	build(&b, INSN_ADD64_X, 0, 3, 0, 0);
	build(&b, INSN_ADD64_K, 4, 0, 0, 1);
	back_to(&b, 3, INSN_JNE64_X, 4, 2, 0);
	build(&b, INSN_MUL64_K, 0, 0, 0, 3);
	build(&b, INSN_ADD64_K, 5, 0, 0, 1);
	back_to(&b, 2, INSN_JLT64_K, 5, 0, 5);
	build(&b, INSN_EXIT, 0, 0, 0, 0);
	p = make(&b);
	assert_true(has_strips(&p));
	for (size_t n = 1; n < ROUNDS; n++)
		run(&p, at(n), at(2 * n), 0);
	both_free(&p);
}

/* A loop with these instructions between the head and "r1 += 1; if r1 != r2 goto head", all with r1 as the address. */
static struct both odd_loop(const struct bpf_insn *insns, size_t n, int by)
{
	struct builder b = {0};

	build(&b, INSN_MOV64_K, 0, 0, 0, 0);
	build(&b, INSN_MOV64_K, 5, 0, 0, 0);
	for (size_t i = 0; i < n; i++) {
		const struct insn_desc *d = insn_decode(&insns[i], NULL);

		assert_non_null(d);
		build(&b, (enum insn_op)d->op, insns[i].dst_reg, insns[i].src_reg, insns[i].off, insns[i].imm);
	}
	build(&b, INSN_ADD64_K, 1, 0, 0, by);
	back_to(&b, 2, INSN_JNE64_X, 1, 2, 0);
	build(&b, INSN_XOR64_X, 0, 5, 0, 0);
	build(&b, INSN_EXIT, 0, 0, 0, 0);
	return make(&b);
}

#define LOAD(size, dst, base, offset)                                                                                  \
	{                                                                                                              \
		.code = BPF_LDX | (size) | BPF_MEM, .dst_reg = (dst), .src_reg = (base), .off = (offset)               \
	}
#define STORE(size, base, src, offset)                                                                                 \
	{                                                                                                              \
		.code = BPF_STX | (size) | BPF_MEM, .dst_reg = (base), .src_reg = (src), .off = (offset)               \
	}
#define JUMP_X(op, dst, src, offset)                                                                                   \
	{                                                                                                              \
		.code = BPF_JMP | (op) | BPF_X, .dst_reg = (dst), .src_reg = (src), .off = (offset)                    \
	}
#define ALU_X(op, dst, src)                                                                                            \
	{                                                                                                              \
		.code = BPF_ALU64 | (op) | BPF_X, .dst_reg = (dst), .src_reg = (src)                                   \
	}
#define ALU_K(op, dst, value)                                                                                          \
	{                                                                                                              \
		.code = BPF_ALU64 | (op) | BPF_K, .dst_reg = (dst), .imm = (value)                                     \
	}

static void loops_that_are_something_else_are_left_alone(void **state)
{
	static const struct {
		const char *what;
		int by;
		struct bpf_insn insns[5];
		size_t n;
	} loops[] = {
		{"elements with gaps", 2, {LOAD(BPF_B, 4, 1, 0), ALU_X(BPF_ADD, 0, 4)}, 2},
		{"elements that overlap", 1, {LOAD(BPF_H, 4, 1, 0), ALU_X(BPF_ADD, 0, 4)}, 2},
		{"one place only", 1, {LOAD(BPF_B, 4, 3, 0), ALU_X(BPF_ADD, 0, 4)}, 2},
		{"two sizes", 1, {LOAD(BPF_B, 4, 1, 0), LOAD(BPF_H, 5, 1, 64), ALU_X(BPF_ADD, 0, 4)}, 3},
		{"a product", 1, {LOAD(BPF_B, 4, 1, 0), ALU_X(BPF_ADD, 0, 4), ALU_K(BPF_MUL, 0, 31)}, 3},
		{"a sum of sums", 1, {LOAD(BPF_B, 4, 1, 0), ALU_X(BPF_ADD, 0, 4), ALU_X(BPF_ADD, 5, 0)}, 3},
		{"two operations", 1, {LOAD(BPF_B, 4, 1, 0), ALU_X(BPF_ADD, 0, 4), ALU_X(BPF_XOR, 0, 4)}, 3},
		{"more than an element", 1, {LOAD(BPF_B, 4, 1, 0), ALU_K(BPF_XOR, 4, 256), ALU_X(BPF_ADD, 0, 4)}, 3},
		{"an element as an address", 1, {LOAD(BPF_B, 4, 1, 0), ALU_X(BPF_ADD, 4, 3), LOAD(BPF_B, 4, 4, 0)}, 3},
		{"a store before a load", 1, {STORE(BPF_B, 1, 3, 0), LOAD(BPF_B, 4, 1, 100), ALU_X(BPF_ADD, 0, 4)}, 3},
		{"two stores", 1, {STORE(BPF_B, 1, 3, 0), STORE(BPF_B, 1, 3, 100)}, 2},
		{"a store of what moves", 1, {STORE(BPF_B, 1, 1, 0)}, 1},
		{"a store of what is gathered",
		 1,
		 {LOAD(BPF_B, 4, 1, 0), ALU_X(BPF_ADD, 0, 4), STORE(BPF_B, 1, 0, 100)},
		 3},
		{"the element before", 1, {ALU_X(BPF_XOR, 0, 5), LOAD(BPF_B, 5, 1, 0)}, 2},
		{"an earlier state of a sum",
		 1,
		 {LOAD(BPF_B, 4, 1, 0), ALU_X(BPF_ADD, 4, 0), ALU_X(BPF_MOV, 0, 4), LOAD(BPF_B, 3, 1, 9),
		  ALU_X(BPF_ADD, 4, 3)},
		 5},
		{"a sum that begins twice",
		 1,
		 {ALU_X(BPF_MOV, 3, 0), LOAD(BPF_B, 4, 1, 0), ALU_X(BPF_ADD, 0, 4), ALU_X(BPF_ADD, 3, 4),
		  ALU_X(BPF_MOV, 0, 3)},
		 5},
		{"a load that extends signs",
		 1,
		 {{.code = BPF_LDX | BPF_B | BPF_MEMSX, .dst_reg = 4, .src_reg = 1}, ALU_X(BPF_ADD, 0, 4)},
		 2},
		{"a limit that is gathered",
		 1,
		 {JUMP_X(BPF_JLT, 1, 0, 4), LOAD(BPF_B, 4, 1, 0), ALU_X(BPF_ADD, 0, 4)},
		 3},
		{"a test for what is gathered",
		 1,
		 {LOAD(BPF_B, 4, 1, 0), JUMP_X(BPF_JEQ, 4, 0, 3), ALU_X(BPF_ADD, 0, 4)},
		 3},
		{"a test for what moves", 1, {LOAD(BPF_B, 4, 1, 0), JUMP_X(BPF_JEQ, 4, 1, 2)}, 2},
		{"a test for more or less", 1, {LOAD(BPF_B, 4, 1, 0), JUMP_X(BPF_JGT, 4, 3, 2)}, 2},
	};

	fill();
	for (size_t i = 0; i < ARRAY_SIZE(loops); i++) {
		struct both p = odd_loop(loops[i].insns, loops[i].n, loops[i].by);

		if (has_strips(&p))
			fail_msg("%s is done in strips", loops[i].what);
		for (uint64_t n = 1; n < ROUNDS; n += 7)
			run(&p, at(512), at(512 + n * (uint64_t)loops[i].by), at(40));
		both_free(&p);
	}
}

static void loops_that_are_known_to_be_short_are_left_alone(void **state)
{
	for (int n = 1; n < 100; n++) {
		struct builder b = {0};
		struct both p;

		build(&b, INSN_MOV64_K, 0, 0, 0, 0);
		build(&b, INSN_MOV64_K, 2, 0, 0, 0);
		build(&b, INSN_LDXB, 4, 1, 0, 0);
		build(&b, INSN_ADD64_X, 0, 4, 0, 0);
		build(&b, INSN_ADD64_K, 1, 0, 0, 1);
		build(&b, INSN_ADD64_K, 2, 0, 0, 1);
		back_to(&b, 2, INSN_JNE64_K, 2, 0, n);
		build(&b, INSN_EXIT, 0, 0, 0, 0);
		p = make(&b);
		assert_int_equal(has_strips(&p), n > 32);
		run(&p, at(0), 0, 0);
		both_free(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gathering_is_right_for_every_size_operation_and_length),
		cmocka_unit_test(sums_of_the_largest_elements_do_not_overflow_early),
		cmocka_unit_test(copies_over_themselves_are_as_one_element_after_the_other),
		cmocka_unit_test(searches_find_the_first_wherever_it_is),
		cmocka_unit_test(a_loop_that_is_left_at_once_clears_no_upper_halves),
		cmocka_unit_test(of_two_tests_the_one_that_finds_an_earlier_element_ends_the_loop),
		cmocka_unit_test(nothing_is_read_beyond_the_page_of_the_element_that_ends_a_loop),
		cmocka_unit_test(counters_of_every_kind_end_where_they_should),
		cmocka_unit_test(an_index_in_32_bits_makes_addresses_like_any_other),
		cmocka_unit_test(what_the_body_leaves_behind_is_the_last_iterations),
		cmocka_unit_test(a_loop_within_a_loop_is_done_in_strips_each_time),
		cmocka_unit_test(loops_that_are_something_else_are_left_alone),
		cmocka_unit_test(loops_that_are_known_to_be_short_are_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
