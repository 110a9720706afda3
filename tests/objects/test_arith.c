/* SPDX-License-Identifier: BSD-2-Clause */
/* One C source, three instruction sets, and this machine's own compiler: all compute the same. */
#include "util.h"

#include <string.h>

/* As in arith.bpf.c. */
struct arith {
	int64_t a, b;
	int64_t quotient, rest;
	int32_t quotient32, rest32;
	int64_t from8, from16, from32;
	uint64_t swapped64, swapped32, swapped16;
	uint32_t less32, less64, jumped;
	int8_t bytes[8];
	int64_t loaded;
};

static void expect(struct arith *x)
{
	int32_t a32 = (int32_t)x->a;
	int32_t b32 = (int32_t)x->b;

	/* -2^63 / -1 overflows in C; in BPF it is -2^63, rest 0. */
	if (x->b == -1) {
		x->quotient = (int64_t)(0 - (uint64_t)x->a);
		x->rest = 0;
	} else if (x->b) {
		x->quotient = x->a / x->b;
		x->rest = x->a % x->b;
	}
	if (b32) {
		x->quotient32 = (int32_t)((int64_t)a32 / b32);
		x->rest32 = (int32_t)((int64_t)a32 % b32);
	}
	x->from8 = (int8_t)x->a;
	x->from16 = (int16_t)x->a;
	x->from32 = a32;
	x->swapped64 = __builtin_bswap64((uint64_t)x->a);
	x->swapped32 = __builtin_bswap32((uint32_t)x->a);
	x->swapped16 = __builtin_bswap16((uint16_t)x->a);
	x->less32 = (uint32_t)a32 < (uint32_t)b32 ? 1 : a32 < b32 ? 2 : 3;
	x->less64 = (uint64_t)x->a < (uint64_t)x->b ? 1 : x->a < x->b ? 2 : 3;
	x->loaded = 0;
	for (int i = 0; i < 8; i++)
		x->loaded += x->bytes[i];
	x->jumped = 1;
}

static void every_instruction_set_computes_what_c_says(void **state)
{
	static const int64_t edges[] = {0,         1,         -1,
					2,         -2,        7,
					-7,        127,       128,
					-128,      255,       32767,
					32768,     -32769,    INT32_MAX,
					INT32_MIN, 1ll << 32, -(1ll << 32),
					INT64_MAX, INT64_MIN, 0x1122334455667788};
	struct bpf_object *obj = load_object("arith");
	uint64_t random = 1;

	for (size_t i = 0; i < ARRAY_SIZE(edges); i++)
		for (size_t k = 0; k < ARRAY_SIZE(edges); k++) {
			struct arith want = {.a = edges[i], .b = edges[k]};
			struct arith got;

			random = random * 6364136223846793005u + 1442695040888963407u;
			memcpy(want.bytes, &random, 8);
			got = want;
			assert_int_equal(run_ctx(obj, "arith", &got, sizeof(got)), 0);
			expect(&want);
			assert_memory_equal(&got, &want, sizeof(got));
		}
	bpf_object__close(obj);
}

/* The v4 object is one that only v4 can run: it has what the variant is named for. */
static void the_v4_object_uses_v4_instructions(void **state)
{
	struct bpf_object *obj = load_object("arith");
	struct bpf_program *prog = program_of(obj, "arith");
	const struct bpf_insn *insns = bpf_program__insns(prog);
	unsigned int found = 0;

	for (size_t i = 0; i < bpf_program__insn_cnt(prog); i++) {
		uint8_t code = insns[i].code;
		uint8_t class = BPF_CLASS(code);

		if ((class == BPF_ALU || class == BPF_ALU64) && BPF_OP(code) == BPF_DIV && insns[i].off == 1)
			found |= 1; /* sdiv */
		if ((class == BPF_ALU || class == BPF_ALU64) && BPF_OP(code) == BPF_MOV && insns[i].off)
			found |= 2; /* movsx */
		if (class == BPF_LDX && BPF_MODE(code) == 0x80)
			found |= 4; /* ldsx */
		if (class == BPF_ALU64 && BPF_OP(code) == BPF_END)
			found |= 8; /* bswap */
		if (code == (BPF_JMP32 | BPF_JA))
			found |= 16; /* gotol */
	}
	assert_int_equal(found, strcmp(object_variant, "v4") ? 0 : 31);
	bpf_object__close(obj);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		LOADED_TEST(every_instruction_set_computes_what_c_says),
		LOADED_TEST(the_v4_object_uses_v4_instructions),
	};

	return test_main(argc, argv, tests, ARRAY_SIZE(tests), "arith");
}
