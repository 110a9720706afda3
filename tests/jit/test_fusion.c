// SPDX-License-Identifier: BSD-2-Clause
/*
 * Fusion, sinking, switches, direct entries: that each happens where it may, seen in the code, and that it does not where it
 * must not, seen in the results. fuzz-engines tries what nobody thought of.
 */
#include "look.h"

bool packet_load(const struct skep_env *env, int32_t off, uint32_t size, uint64_t *value)
{
	return false;
}

static uint64_t helper_seven(uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4, uint64_t r5, struct skep_env *env)
{
	return 7;
}

static const skep_fn helpers[] = {NULL, helper_seven};

/* Entries of tables of jumps. */
static uint32_t table_entries(const struct both *p)
{
	const struct jit_object *o = p->objs[ENGINE_JIT_PLAIN];
	uint32_t n = 0;

	for (uint32_t i = 0; i < o->n_relocs; i++)
		n += o->relocs[i].kind == RELOC_TEXT;
	return n;
}

/* A chain of comparisons of r1 with lo, lo + 1, ...; r0 says which one held. @between: what stands before the third. */
static void build_chain(struct builder *b, enum insn_op jump, int32_t lo, int32_t n, void (*between)(struct builder *b))
{
	uint32_t jumps[64];

	build(b, INSN_MOV64_K, 3, 0, 0, 0);
	for (int32_t i = 0; i < n; i++) {
		if (i == 2 && between)
			between(b);
		jumps[i] = build(b, jump, 1, 0, 0, lo + i);
	}
	build(b, INSN_MOV64_K, 0, 0, 0, -1);
	build(b, INSN_ADD64_X, 0, 3, 0, 0);
	build(b, INSN_EXIT, 0, 0, 0, 0);
	for (int32_t i = 0; i < n; i++) {
		build_land(b, jumps[i]);
		build(b, INSN_MOV64_K, 0, 0, 0, 1000 + i);
		build(b, INSN_ADD64_X, 0, 3, 0, 0);
		build(b, INSN_EXIT, 0, 0, 0, 0);
	}
}

static void try_chain(enum insn_op jump, int32_t lo, int32_t n, void (*between)(struct builder *b), uint32_t entries)
{
	struct builder b = {0};
	struct both p = {0};

	build_chain(&b, jump, lo, n, between);
	assert_int_equal(both_make(&p, &b), 0);
	assert_int_equal(table_entries(&p), entries);
	sweep(&p, lo, lo + n);
	both_free(&p);
	build_free(&b);
}

static void a_chain_of_comparisons_becomes_a_table(void **state)
{
	try_chain(INSN_JEQ64_K, 0, 16, NULL, 16);
	try_chain(INSN_JEQ32_K, 100, 16, NULL, 16);
	try_chain(INSN_JSGT32_K, -20, 16, NULL, 16);
	try_chain(INSN_JSGT64_K, -20, 16, NULL, 16);
	try_chain(INSN_JLE64_K, 3, 16, NULL, 16);
}

static void few_comparisons_stay_branches(void **state)
{
	try_chain(INSN_JEQ64_K, 0, 4, NULL, 0);
}

/* -1 is the greatest number or the least: an equality does not tell which. */
static void negative_constants_need_signed_comparisons(void **state)
{
	try_chain(INSN_JEQ64_K, -8, 16, NULL, 0);
	try_chain(INSN_JGT64_K, -8, 16, NULL, 0);
}

static void load_constant(struct builder *b)
{
	build(b, INSN_MOV64_K, 3, 0, 0, 50000);
}

static void change_register(struct builder *b)
{
	build(b, INSN_MOV64_K, 1, 0, 0, 5);
}

static void count(struct builder *b)
{
	build(b, INSN_ADD64_K, 3, 0, 0, 50000);
}

static void compare_signed(struct builder *b)
{
	build(b, INSN_JSGT64_K, 1, 0, 0, 7);
}

static void compare_unsigned(struct builder *b)
{
	build(b, INSN_JGT64_K, 1, 0, 0, 7);
}

static void constants_on_the_way_are_loaded(void **state)
{
	try_chain(INSN_JEQ64_K, 0, 16, load_constant, 16);
}

/* The tree ends at what changes the register or does more than load a constant; what is behind it is one of its own. */
static void only_comparisons_and_constants_are_skipped(void **state)
{
	try_chain(INSN_JEQ64_K, 0, 16, change_register, 14);
	try_chain(INSN_JEQ64_K, 0, 16, count, 14);
}

static void a_tree_of_both_orders_stays_branches(void **state)
{
	struct builder b = {0};
	struct both p = {0};

	compare_signed(&b);
	compare_unsigned(&b);
	build_chain(&b, INSN_JEQ64_K, 0, 3, NULL);
	build_chain(&b, INSN_JEQ64_K, 0, 4, NULL);
	assert_int_equal(both_make(&p, &b), 0);
	assert_int_equal(table_entries(&p), 0);
	sweep(&p, 0, 8);
	both_free(&p);
	build_free(&b);
}

static void sparse_constants_make_no_table(void **state)
{
	struct builder b = {0};
	struct both p = {0};

	for (int i = 0; i < 8; i++) {
		uint32_t jump = build(&b, INSN_JNE64_K, 1, 0, 0, i * 100);

		build(&b, INSN_MOV64_K, 0, 0, 0, i);
		build(&b, INSN_EXIT, 0, 0, 0, 0);
		build_land(&b, jump);
	}
	build(&b, INSN_MOV64_K, 0, 0, 0, 77);
	build(&b, INSN_EXIT, 0, 0, 0, 0);
	assert_int_equal(both_make(&p, &b), 0);
	assert_int_equal(table_entries(&p), 0);
	sweep(&p, 0, 800);
	both_free(&p);
	build_free(&b);
}

/* "r3 = load; op" with what follows: does the operation take its operand from memory? */
struct operand_case {
	enum insn_op load, op;
	uint32_t dst, src; /* of op */
	int32_t imm;
	bool live; /* the value is looked at afterwards */
	bool fused;
};

static void operations_take_their_operand_from_memory(void **state)
{
	static const struct operand_case cases[] = {
		{INSN_LDXW, INSN_ADD32_X, 0, 3, 0, false, true},
		{INSN_LDXDW, INSN_XOR64_X, 0, 3, 0, false, true},
		{INSN_LDXDW, INSN_MUL32_X, 0, 3, 0, false, true}, /* the low half comes first */
		{INSN_LDXW, INSN_ADD64_X, 0, 3, 0, false, false}, /* wider than what is there */
		{INSN_LDXB, INSN_ADD32_X, 0, 3, 0, false, false},
		{INSN_LDXW, INSN_ADD32_X, 0, 3, 0, true, false}, /* wanted later */
		{INSN_LDXW, INSN_ADD32_X, 3, 2, 0, false, false}, /* it is the other operand */
		{INSN_LDXW, INSN_ADD32_X, 3, 3, 0, false, false},
		{INSN_LDXSW, INSN_ADD32_X, 0, 3, 0, false, false}, /* sign-extended: left as it is */
		{INSN_LDXW, INSN_JEQ32_X, 2, 3, 0, false, true},
		{INSN_LDXW, INSN_JSLT32_X, 3, 2, 0, false, true},
		{INSN_LDXDW, INSN_JSGT64_X, 3, 2, 0, false, true},
		{INSN_LDXDW, INSN_JGT32_X, 3, 2, 0, false, true},
		{INSN_LDXW, INSN_JEQ64_X, 2, 3, 0, false, false},
		{INSN_LDXW, INSN_JEQ32_X, 2, 3, 0, true, false},
		{INSN_LDXW, INSN_JEQ32_X, 3, 3, 0, false, false},
		{INSN_LDXB, INSN_JEQ32_X, 2, 3, 0, false, false},
		{INSN_LDXB, INSN_JEQ64_K, 3, 0, 200, false, true},
		{INSN_LDXB, INSN_JGT32_K, 3, 0, 200, false, true},
		{INSN_LDXB, INSN_JEQ32_K, 3, 0, 256, false, false}, /* no byte is that */
		{INSN_LDXB, INSN_JEQ32_K, 3, 0, -56, false, false}, /* nor that */
		{INSN_LDXB, INSN_JSGT32_K, 3, 0, 100, false,
		 false}, /* 200 is more than 100 here, and less as a signed byte */
		{INSN_LDXW, INSN_JSGT64_K, 3, 0, 100, false, false},
		{INSN_LDXW, INSN_JGT64_K, 3, 0, 100, false, true},
		{INSN_LDXW, INSN_JGT64_K, 3, 0, -1, false, false},
		{INSN_LDXW, INSN_JSGT32_K, 3, 0, -1, false, true},
	};
	static const uint64_t values[] = {0,    1,          100,        200,         256,       0x80,
					  0xc8, 0xffffffc8, UINT64_MAX, 0x1000000c8, 1ull << 63};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct operand_case *c = &cases[i];
		const struct insn_desc *d = &insn_descs[c->op];
		bool is_jump = d->off == FORM_JUMP;
		struct builder b = {0};
		struct both p = {0};
		uint32_t op;

		build(&b, INSN_MOV64_X, 0, 2, 0, 0);
		build(&b, c->load, 3, 1, 8, 0);
		op = build(&b, c->op, c->dst, c->src, is_jump ? 1 : 0, c->imm);
		if (is_jump)
			build(&b, INSN_ADD64_K, 0, 0, 0, 1);
		build(&b, INSN_MOV64_K, 4, 0, 0, 0);
		if (c->live || (!is_jump && c->dst == 3))
			build(&b, INSN_ADD64_X, 0, 3, 0, 0);
		build(&b, INSN_EXIT, 0, 0, 0, 0);
		assert_int_equal(both_make(&p, &b), 0);
		if ((code_size(&p, op) == 0) != c->fused)
			fail_msg("case %zu", i);
		for (size_t k = 0; k < ARRAY_SIZE(values); k++)
			for (size_t m = 0; m < ARRAY_SIZE(values); m++)
				run_all(&p, 0, values[m], (uint64_t[4]){1, values[k], 2, 3});
		both_free(&p);
		build_free(&b);
	}
}

/* "a = x; a ^= -1; b &= a" where the CPU has andn: when a is not looked at again, and all is of one width. */
static void and_not_is_one_instruction(void **state)
{
	static const struct {
		enum insn_op inv, and;
		bool in_place, live, fused; /* a &= b instead of b &= a; a is wanted afterwards */
	} cases[] = {
		{INSN_XOR64_K, INSN_AND64_X, false, false, true},  {INSN_XOR32_K, INSN_AND32_X, false, false, true},
		{INSN_XOR64_K, INSN_AND64_X, true, true, true},    {INSN_XOR64_K, INSN_AND64_X, false, true, false},
		{INSN_XOR64_K, INSN_AND32_X, false, false, false}, {INSN_XOR32_K, INSN_AND64_X, false, false, false},
	};
	bool has = jit_host_features() & JIT_FEATURE_BMI1;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct builder b = {0};
		struct both p = {0};
		uint32_t and;

		build(&b, INSN_MOV64_X, 0, 1, 0, 0);
		build(&b, INSN_MOV64_X, 3, 2, 0, 0);
		build(&b, cases[i].inv, 3, 0, 0, -1);
		and = build(&b, cases[i].and, cases[i].in_place ? 3 : 0, cases[i].in_place ? 0 : 3, 0, 0);
		if (cases[i].live)
			build(&b, INSN_ADD64_X, 0, 3, 0, 0);
		build(&b, INSN_EXIT, 0, 0, 0, 0);
		assert_int_equal(both_make(&p, &b), 0);
		if (has)
			assert_int_equal(p.objs[ENGINE_JIT_HOST]->insn_offset[and+1] -
							 p.objs[ENGINE_JIT_HOST]->insn_offset[and] ==
						 0,
					 cases[i].fused);
		run_all(&p, 0xff00ff00ff00ff00, 0x123456789abcdef0, NULL);
		run_all(&p, 0x123456789abcdef0, UINT64_MAX, NULL);
		both_free(&p);
		build_free(&b);
	}
}

/* "b = x; ...; a = x; a >>= n; b <<= 32 - n; b |= a": b is x still, or not any more. */
static void a_rotation_may_have_its_copy_early(void **state)
{
	enum what { SAME, COPY_CHANGED, SOURCE_CHANGED, JOINED, HALF_A_COPY };

	for (enum what what = SAME; what <= HALF_A_COPY; what++) {
		bool wide = what == HALF_A_COPY;
		struct builder b = {0};
		struct both p = {0};
		uint32_t join, jump = 0;

		build(&b, INSN_MOV64_K, 4, 0, 0, 0);
		build(&b, INSN_MOV64_X, 0, 1, 0, 0);
		if (what == JOINED)
			jump = build(&b, INSN_JEQ64_K, 1, 0, 0, 3);
		build(&b, INSN_MOV32_X, 0, 2, 0, 0);
		if (what == COPY_CHANGED)
			build(&b, INSN_ADD32_K, 0, 0, 0, 1);
		if (what == SOURCE_CHANGED)
			build(&b, INSN_ADD32_K, 2, 0, 0, 1);
		if (what == JOINED)
			build_land(&b, jump);
		build(&b, INSN_MOV64_X, 3, 2, 0, 0);
		build(&b, wide ? INSN_RSH64_K : INSN_RSH32_K, 3, 0, 0, 6);
		build(&b, wide ? INSN_LSH64_K : INSN_LSH32_K, 0, 0, 0, wide ? 58 : 26);
		join = build(&b, wide ? INSN_OR64_X : INSN_OR32_X, 0, 3, 0, 0);
		build(&b, INSN_ADD64_X, 0, 4, 0, 0);
		build(&b, INSN_EXIT, 0, 0, 0, 0);
		assert_int_equal(both_make(&p, &b), 0);
		assert_int_equal(code_size(&p, join) == 0, what == SAME);
		for (uint64_t r1 = 0; r1 < 5; r1++) {
			run_all(&p, r1, 0x123456789abcdef0, NULL);
			run_all(&p, r1, UINT64_MAX, NULL);
		}
		both_free(&p);
		build_free(&b);
	}
}

/* "r0 = r2; r0 <<= n; r0 >>= m" by every n and m, signed or not, also where the source is the register itself. */
static void shift_pairs_become_extensions(void **state)
{
	static const uint64_t values[] = {
		0, 1, 0x80, 0x8000, 0x80000000, UINT64_MAX, 0x123456789abcdef0, 1ull << 63, 0x7fffffff};

	for (int n = 0; n < 64; n++) {
		for (int m = 0; m < 64; m++) {
			for (int how = 0; how < 4; how++) {
				struct builder b = {0};
				struct both p = {0};
				uint32_t back;

				build(&b, INSN_MOV64_X, 0, 2, 0, 0);
				if (how & 1)
					build(&b, INSN_XOR64_X, 0, 1, 0, 0); /* no copy next to the shift */
				build(&b, INSN_LSH64_K, 0, 0, 0, n);
				back = build(&b, how & 2 ? INSN_ARSH64_K : INSN_RSH64_K, 0, 0, 0, m);
				build(&b, INSN_EXIT, 0, 0, 0, 0);
				assert_int_equal(both_make(&p, &b), 0);
				if ((n == 32 || n == 48 || n == 56) && m)
					assert_int_equal(code_size(&p, back), 0);
				for (size_t i = 0; i < ARRAY_SIZE(values); i++)
					run_all(&p, 0, values[i], NULL);
				both_free(&p);
				build_free(&b);
			}
		}
	}
}

/* r4 = r1 + r2 is computed by the accesses, unless something else asks for it or an operand changes before the last. */
static void sums_are_part_of_the_accesses(void **state)
{
	enum what { NOTHING, READ, OVERWRITE_BASE, OVERWRITE_BASE_LATE, TARGET, BRANCH_READS, CALL };
	static const struct {
		enum what what;
		bool sunk;
	} cases[] = {
		{NOTHING, true}, {READ, false},         {OVERWRITE_BASE, false}, {OVERWRITE_BASE_LATE, true},
		{TARGET, false}, {BRANCH_READS, false}, {CALL, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct builder b = {0};
		struct both p = {.code.helpers = helpers, .code.n_helpers = ARRAY_SIZE(helpers)};
		uint32_t jump = 0, sum;

		build(&b, INSN_MOV64_X, 6, 1, 0, 0);
		build(&b, INSN_MOV64_K, 7, 0, 0, 8);
		build(&b, INSN_MOV64_K, 8, 0, 0, 0);
		if (cases[i].what == TARGET)
			jump = build(&b, INSN_JEQ64_K, 2, 0, 0, 12345); /* goes into the middle */
		sum = build(&b, INSN_MOV64_X, 9, 6, 0, 0);
		build(&b, INSN_ADD64_X, 9, 7, 0, 0);
		build(&b, INSN_LDXDW, 0, 9, 0, 0);
		switch (cases[i].what) {
		case READ:
			build(&b, INSN_MOV64_X, 3, 9, 0, 0);
			build(&b, INSN_SUB64_X, 3, 6, 0, 0);
			build(&b, INSN_ADD64_X, 0, 3, 0, 0);
			break;
		case OVERWRITE_BASE:
			build(&b, INSN_MOV64_K, 6, 0, 0, 0);
			break;
		case TARGET:
			build(&b, INSN_STDW, 9, 0, 8, 77);
			build_land(&b, jump);
			build(&b, INSN_MOV64_K, 8, 0, 0, 1);
			build(&b, INSN_JEQ64_K, 2, 0, 2, 12345);
			break;
		case BRANCH_READS:
			build(&b, INSN_JNE64_K, 2, 0, 4, 0);
			break;
		case CALL:
			build(&b, INSN_MOV64_X, 1, 9, 0, 0);
			build(&b, INSN_CALL_HELPER, 0, 0, 0, 1);
			break;
		default:
			break;
		}
		build(&b, INSN_LDXW, 3, 9, 4, 0);
		build(&b, INSN_ADD64_X, 0, 3, 0, 0);
		if (cases[i].what == OVERWRITE_BASE_LATE)
			build(&b, INSN_MOV64_K, 6, 0, 0, 0);
		if (cases[i].what == BRANCH_READS) {
			build(&b, INSN_ADD64_X, 0, 8, 0, 0);
			build(&b, INSN_EXIT, 0, 0, 0, 0);
			build(&b, INSN_SUB64_X, 9, 6, 0, 0);
			build(&b, INSN_ADD64_X, 0, 9, 0, 0);
		}
		build(&b, INSN_ADD64_X, 0, 8, 0, 0);
		build(&b, INSN_EXIT, 0, 0, 0, 0);
		assert_int_equal(both_make(&p, &b), 0);
		if ((code_size(&p, sum) + code_size(&p, sum + 1) == 0) != cases[i].sunk)
			fail_msg("case %zu", i);
		run_all(&p, 0, 0, (uint64_t[4]){1, 0x1111222233334444, 0x5555666677778888, 3});
		run_all(&p, 0, 1, (uint64_t[4]){1, 0x1111222233334444, 0x5555666677778888, 3});
		both_free(&p);
		build_free(&b);
	}
}

/* The byte before the entry says that nothing can end the run early. */
static void programs_that_cannot_end_early_are_called_directly(void **state)
{
	for (int what = 0; what < 5; what++) {
		struct builder b = {0};
		struct both p = {.code.helpers = helpers, .code.n_helpers = ARRAY_SIZE(helpers)};
		bool direct;

		build(&b, INSN_MOV64_K, 0, 0, 0, 3);
		if (what == 1)
			build(&b, INSN_CALL_HELPER, 0, 0, 0, 1);
		if (what == 2)
			build(&b, INSN_CALL_HELPER, 0, 0, 0, 5); /* there is none */
		if (what == 3)
			build(&b, INSN_CALLX, 0, 0, 0, 0);
		if (what == 4)
			build(&b, INSN_ADD64_X, 0, 7, 0, 0); /* registers start as 0: somebody has to see to it */
		build(&b, INSN_EXIT, 0, 0, 0, 0);
		assert_int_equal(both_make(&p, &b), 0);
		direct = ((const uint8_t *)(uintptr_t)p.texts[ENGINE_JIT_PLAIN].entry)[-1] == JIT_DIRECT;
		assert_int_equal(direct, what < 2);
		assert_int_equal(run_all(&p, 0, 0, NULL), what == 1 ? 7 : what == 2 || what == 3 ? 0 : 3);
		both_free(&p);
		build_free(&b);
	}
}

/* r1 is the map when the call comes, whichever way was taken: then the map's own look-up is called, and the helper is not. */
static void look_ups_in_a_known_map_go_to_the_map(void **state)
{
	enum what { KNOWN, OVERWRITTEN, JOINED, OTHER_REGISTER, NOT_THE_HELPER };
	const struct map_attr attr = {
		.type = BPF_MAP_TYPE_HASH, .key_size = 4, .value_size = 8, .max_entries = 4, .n_cpus = 1};
	struct skep_map *map;
	const uint32_t key = 5;
	const uint64_t value = 99;

	assert_int_equal(map_create(&attr, &map), 0);
	assert_int_equal(map_update(map, &key, &value, BPF_ANY, 0), 0);
	for (enum what what = KNOWN; what <= NOT_THE_HELPER; what++) {
		const struct code_ref ref = {.kind = REF_MAP, .addr = (uintptr_t)map};
		struct builder b = {0};
		struct both p = {.code.helpers = helpers,
				 .code.n_helpers = ARRAY_SIZE(helpers),
				 .code.refs = &ref,
				 .code.n_refs = 1};
		uint32_t jump = 0;

		p.code.map_lookup = what == NOT_THE_HELPER ? NULL : helper_seven;
		build(&b, INSN_STW, 10, 0, -4, 5);
		build(&b, INSN_MOV64_X, 2, 10, 0, 0);
		build(&b, INSN_ADD64_K, 2, 0, 0, -4);
		build(&b, INSN_MOV64_X, 6, 1, 0, 0);
		if (what == JOINED)
			jump = build(&b, INSN_JEQ64_K, 1, 0, 0, 1);
		build_wide(&b, INSN_LD_MAP_FD, what == OTHER_REGISTER ? 3 : 1, 0);
		if (what == OVERWRITTEN)
			build(&b, INSN_MOV64_X, 1, 6, 0, 0);
		if (what == JOINED)
			build_land(&b, jump);
		build(&b, INSN_CALL_HELPER, 0, 0, 0, 1);
		build(&b, INSN_EXIT, 0, 0, 0, 0);
		assert_int_equal(both_make(&p, &b), 0);
		for (int e = ENGINE_JIT_PLAIN; e < ENGINES; e++) {
			const uint64_t args[5] = {1};
			struct skep_env env = {0};
			uint64_t got = both_run(&p, e, args, &env);

			if (what == KNOWN)
				assert_int_equal(*(const uint64_t *)(uintptr_t)got, value);
			else
				assert_int_equal(got, 7);
		}
		both_free(&p);
		build_free(&b);
	}
	map_destroy(map);
}

/* An element of an array of u32 (or of @size) is loaded into @reg, changed and stored; r3 is the index, r1 the array. */
static struct both update_program(int size, enum insn_op op, uint32_t reg, bool wanted, int32_t imm, uint32_t *load)
{
	static const uint8_t loads[] = {INSN_LDXB, INSN_LDXH, INSN_LDXW, INSN_LDXDW};
	static const uint8_t stores[] = {INSN_STXB, INSN_STXH, INSN_STXW, INSN_STXDW};
	struct builder b = {0};
	struct both p = {0};

	build(&b, INSN_MOV64_X, 3, 2, 0, 0);
	build(&b, INSN_AND64_K, 3, 0, 0, 1);
	build(&b, INSN_LSH64_K, 3, 0, 0, 2);
	build(&b, INSN_MOV64_X, 4, 1, 0, 0);
	build(&b, INSN_ADD64_X, 4, 3, 0, 0);
	*load = build(&b, (enum insn_op)loads[size], reg, 4, 8, 0);
	build(&b, op, reg, insn_descs[op].src == FORM_READ ? 2 : 0, 0, insn_descs[op].imm == FORM_IMM ? imm : 0);
	build(&b, (enum insn_op)stores[size], 4, reg, 8, 0);
	build(&b, INSN_MOV64_X, 0, wanted ? reg : 2, 0, 0);
	build(&b, INSN_EXIT, 0, 0, 0, 0);
	assert_int_equal(both_make(&p, &b), 0);
	build_free(&b);
	return p;
}

static void a_counter_in_memory_is_one_instruction(void **state)
{
	static const struct {
		uint8_t op;
		bool narrow;
	} ops[] = {{INSN_ADD64_K, false}, {INSN_ADD32_K, true}, {INSN_ADD64_X, false}, {INSN_ADD32_X, true},
		   {INSN_SUB64_X, false}, {INSN_OR64_K, false}, {INSN_AND32_X, true},  {INSN_XOR64_X, false}};
	static const int32_t imms[] = {1, -1, 127, 128, -129, 300, 0x12345678};

	for (size_t o = 0; o < ARRAY_SIZE(ops); o++) {
		for (size_t k = 0; k < ARRAY_SIZE(imms) * 4 * 2 * 2; k++) {
			int size = (int)(k & 3);
			uint32_t reg = k & 4 ? 3 : 5, load; /* the index itself, or not */
			bool wanted = k & 8;
			int32_t imm = imms[k / 16];
			struct both p = update_program(size, (enum insn_op)ops[o].op, reg, wanted, imm, &load);
			bool slow = size == 1 && insn_descs[ops[o].op].imm == FORM_IMM && imm != (int8_t)imm;

			assert_int_equal(!code_size(&p, load + 1) && !code_size(&p, load + 2),
					 !wanted && !slow && !(size == 3 && ops[o].narrow));
			for (uint64_t v = 0; v < 4; v++) {
				uint64_t mem[4] = {1, 0xfffffffffffffffe + v, 0x7fffff7fff7f7f00 + (v << 7), v};

				run_all(&p, 0, v | v << 40, mem);
			}
			both_free(&p);
		}
	}
}

/* The index is gone with the load; so that load must not be done alone, as the one behind another load is. */
static void a_counter_changed_by_what_was_loaded_before_keeps_its_address(void **state)
{
	struct builder b = {0};
	struct both p = {0};

	build(&b, INSN_MOV64_X, 3, 2, 0, 0);
	build(&b, INSN_AND64_K, 3, 0, 0, 1);
	build(&b, INSN_LSH64_K, 3, 0, 0, 2);
	build(&b, INSN_MOV64_X, 4, 1, 0, 0);
	build(&b, INSN_ADD64_X, 4, 3, 0, 0);
	build(&b, INSN_LDXW, 5, 1, 24, 0);
	build(&b, INSN_LDXW, 3, 4, 8, 0);
	build(&b, INSN_ADD32_X, 3, 5, 0, 0);
	build(&b, INSN_STXW, 4, 3, 8, 0);
	build(&b, INSN_MOV64_K, 0, 0, 0, 0);
	build(&b, INSN_EXIT, 0, 0, 0, 0);
	assert_int_equal(both_make(&p, &b), 0);
	for (uint64_t v = 0; v < 4; v++) {
		uint64_t mem[4] = {1, 0x1234567800000002, 3, 0x1111111100000000 + v};

		run_all(&p, 0, v, mem);
	}
	both_free(&p);
	build_free(&b);
}

static void a_load_extends_its_sign_itself(void **state)
{
	static const struct {
		uint8_t load, left, right;
		int8_t n, m;
		bool fused;
	} pairs[] = {
		{INSN_LDXB, INSN_LSH32_K, INSN_ARSH32_K, 24, 24, true},
		{INSN_LDXH, INSN_LSH32_K, INSN_ARSH32_K, 16, 16, true},
		{INSN_LDXB, INSN_LSH64_K, INSN_ARSH64_K, 56, 56, true},
		{INSN_LDXH, INSN_LSH64_K, INSN_ARSH64_K, 48, 48, true},
		{INSN_LDXW, INSN_LSH64_K, INSN_ARSH64_K, 32, 32, true},
		{INSN_LDXB, INSN_LSH32_K, INSN_ARSH32_K, 24, 23, false},
		{INSN_LDXB, INSN_LSH32_K, INSN_ARSH32_K, 16, 16, false},
		{INSN_LDXB, INSN_LSH32_K, INSN_RSH32_K, 24, 24, false},
		{INSN_LDXB, INSN_LSH64_K, INSN_ARSH32_K, 24, 24, false},
		{INSN_LDXDW, INSN_LSH64_K, INSN_ARSH64_K, 32, 32, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		for (int reg = 0; reg < 10; reg += 3) { /* registers with and without a prefix, the base itself */
			struct builder b = {0};
			struct both p = {0};
			uint32_t base = reg == 3 ? 3 : 1, load;

			build(&b, INSN_MOV64_X, base, 1, 0, 0);
			load = build(&b, (enum insn_op)pairs[i].load, (uint32_t)reg, base, 8, 0);
			build(&b, (enum insn_op)pairs[i].left, (uint32_t)reg, 0, 0, pairs[i].n);
			build(&b, (enum insn_op)pairs[i].right, (uint32_t)reg, 0, 0, pairs[i].m);
			build(&b, INSN_MOV64_X, 0, (uint32_t)reg, 0, 0);
			build(&b, INSN_EXIT, 0, 0, 0, 0);
			assert_int_equal(both_make(&p, &b), 0);
			assert_int_equal(code_size(&p, load + 1) + code_size(&p, load + 2) == 0, pairs[i].fused);
			for (int v = 0; v < 256; v++) {
				uint64_t mem[4] = {0, 0x0101010101010101 * (uint64_t)v, 0, 0};

				run_all(&p, 0, 0, mem);
				mem[1] = (uint64_t)v << 8 | 0x8000007f00000080;
				run_all(&p, 0, 0, mem);
			}
			both_free(&p);
			build_free(&b);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_chain_of_comparisons_becomes_a_table),
		cmocka_unit_test(few_comparisons_stay_branches),
		cmocka_unit_test(negative_constants_need_signed_comparisons),
		cmocka_unit_test(constants_on_the_way_are_loaded),
		cmocka_unit_test(only_comparisons_and_constants_are_skipped),
		cmocka_unit_test(a_tree_of_both_orders_stays_branches),
		cmocka_unit_test(sparse_constants_make_no_table),
		cmocka_unit_test(operations_take_their_operand_from_memory),
		cmocka_unit_test(shift_pairs_become_extensions),
		cmocka_unit_test(a_rotation_may_have_its_copy_early),
		cmocka_unit_test(and_not_is_one_instruction),
		cmocka_unit_test(sums_are_part_of_the_accesses),
		cmocka_unit_test(programs_that_cannot_end_early_are_called_directly),
		cmocka_unit_test(look_ups_in_a_known_map_go_to_the_map),
		cmocka_unit_test(a_counter_in_memory_is_one_instruction),
		cmocka_unit_test(a_counter_changed_by_what_was_loaded_before_keeps_its_address),
		cmocka_unit_test(a_load_extends_its_sign_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
