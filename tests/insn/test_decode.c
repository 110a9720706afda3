/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "insn/encode.h"
#include "rows.h"

#include <errno.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void check_encode(const struct insn_desc *d, uint32_t dst, uint32_t src, int16_t off, int32_t imm, int32_t more)
{
	struct bpf_insn insn;
	const char *why = NULL;

	assert_int_equal(insn_encode(d->op, dst, src, off, imm, &insn), 0);
	assert_ptr_equal(insn_decode(&insn, &why), d);
	assert_null(why);
	assert_int_equal(insn.code, d->code);
	assert_int_equal(insn.dst_reg, dst);
	assert_int_equal(insn.src_reg, d->src & FORM_EQ ? d->src & 0xffff : src);
	assert_int_equal(insn.off, d->off & FORM_EQ ? (int16_t)(d->off & 0xffff) : off);
	assert_int_equal(insn.imm, d->imm & FORM_EQ ? (int32_t)(d->imm & 0xffff) : imm);
	if (insn_is_wide(&insn)) {
		struct bpf_insn two[2];

		assert_int_equal(insn_encode_wide(d->op, dst, (uint32_t)imm | (uint64_t)(uint32_t)more << 32, two), 0);
		assert_memory_equal(&two[0], &insn, sizeof(insn));
		assert_int_equal(two[1].imm, more);
		assert_int_equal(two[1].code | two[1].dst_reg | two[1].src_reg | two[1].off, 0);
	}
}

static void every_valid_instruction_decodes_to_what_was_encoded(void **state)
{
	rows_visit(check_encode);
}

/* The oracle: what a row says about one field, without any search. */
static bool suits(uint32_t form, int64_t value)
{
	switch (form) {
	case FORM_ZERO:
		return value == 0;
	case FORM_READ:
		return value <= 10;
	case FORM_WRITE:
		return value <= 9;
	case FORM_IMM:
	case FORM_JUMP:
	case FORM_MEM:
		return true;
	}
	return value == (int64_t)(form & 0xffff);
}

static void decoding_agrees_with_the_rows_on_every_opcode_and_field(void **state)
{
	static const int16_t offs[] = {0, 1, 2, 7, 8, 9, 16, 32, 64, -1, INT16_MAX, INT16_MIN};
	static const int32_t imms[] = {0,    1,     2,     8,     16,      32,   64,       0x10, 0x30,
				       0x40, 0x41,  0x50,  0x51,  0xa0,    0xa1, 0xe0,     0xe1, 0xf0,
				       0xf1, 0x100, 0x101, 0x110, 0x10001, -1,   INT32_MIN};
	uint32_t accepted = 0;

	for (uint32_t code = 0; code < 256; code++) {
		const struct insn_desc *rows[16];
		uint32_t n_rows = 0;

		for (uint32_t op = 0; op < INSN_OP_COUNT; op++)
			if (insn_descs[op].code == code)
				rows[n_rows++] = &insn_descs[op];
		for (uint32_t regs = 0; regs < 256; regs++)
			for (size_t o = 0; o < COUNT(offs); o++)
				for (size_t i = 0; i < COUNT(imms); i++) {
					struct bpf_insn insn = {.code = (uint8_t)code,
								.dst_reg = regs & 15,
								.src_reg = regs >> 4,
								.off = offs[o],
								.imm = imms[i]};
					const struct insn_desc *want = NULL, *got;
					const char *why = NULL;

					for (uint32_t r = 0; r < n_rows; r++)
						if (suits(rows[r]->dst, insn.dst_reg) &&
						    suits(rows[r]->src, insn.src_reg) &&
						    suits(rows[r]->off, insn.off) && suits(rows[r]->imm, insn.imm)) {
							if (want)
								fail_msg("%s and %s accept the same", want->name,
									 rows[r]->name);
							want = rows[r];
						}
					got = insn_decode(&insn, &why);
					if (got != want)
						fail_msg("%02x regs %02x off %d imm %d: %s, not %s", code, regs,
							 insn.off, insn.imm, got ? got->name : why,
							 want ? want->name : "refused");
					if (!got && (!why || !*why))
						fail_msg("%02x is refused without a reason", code);
					accepted += got != NULL;
				}
	}
	assert_true(accepted > 10000);
}

static void a_refusal_says_which_field_and_which_value(void **state)
{
	static const struct {
		struct bpf_insn insn;
		const char *reason;
	} cases[] = {
		{{.code = 0xff}, "unknown opcode 0xff"},
		{{.code = 0x00}, "unknown opcode 0x00"},
		{{.code = 0xdb, .imm = 0x30}, "unknown atomic operation 0x30"},
		{{.code = 0xd3, .imm = 1}, "unknown atomic operation 0x1"},
		{{.code = 0xdb, .imm = -1}, "unknown atomic operation 0xffffffff"},
		{{.code = 0x07, .src_reg = 2}, "source register must be 0 for an immediate operand, not 2"},
		{{.code = 0x0f, .imm = 2}, "immediate must be 0 for a register operand, not 2"},
		{{.code = 0x07, .dst_reg = 10}, "the frame pointer r10 cannot be written"},
		{{.code = 0xbf, .dst_reg = 1, .src_reg = 12}, "source r12 is no register (r0 to r10)"},
		{{.code = 0x63, .dst_reg = 11}, "destination r11 is no register (r0 to r10)"},
		{{.code = 0x95, .dst_reg = 1}, "destination register must be 0, not 1"},
		{{.code = 0x95, .src_reg = 1}, "source register must be 0, not 1"},
		{{.code = 0x95, .imm = 7}, "immediate must be 0, not 7"},
		{{.code = 0x0f, .off = -3}, "offset must be 0, not -3"},
		{{.code = 0xbf, .off = 7}, "offset of a 64-bit move must be 0, 8, 16 or 32 (sign extension), not 7"},
		{{.code = 0xbc, .off = 32}, "offset of a 32-bit move must be 0, 8 or 16 (sign extension), not 32"},
		{{.code = 0x3f, .off = 2}, "offset must be 0, or 1 for signed division and modulo, not 2"},
		{{.code = 0x97, .off = 2}, "offset must be 0, or 1 for signed division and modulo, not 2"},
		{{.code = 0xdc, .imm = 8}, "width of a byte swap must be 16, 32 or 64, not 8"},
		{{.code = 0x85, .src_reg = 3}, "unknown kind of call 3 in the source register field"},
		{{.code = 0x18, .src_reg = 7}, "unknown kind of 64-bit immediate 7 in the source register field"},
		{{.code = 0xb7}, ""},
	};
	char buf[160];

	for (size_t i = 0; i < COUNT(cases); i++) {
		insn_explain(&cases[i].insn, buf, sizeof(buf));
		assert_string_equal(buf, cases[i].reason);
	}
	insn_explain(&cases[0].insn, buf, 8); /* cut, not overrun */
	assert_string_equal(buf, "unknown");
}

static void the_encoder_refuses_operands_that_do_not_fit(void **state)
{
	struct bpf_insn insn, two[2];

	assert_int_equal(insn_encode(INSN_MOV64_K, 10, 0, 0, 1, &insn), -EINVAL);
	assert_int_equal(insn_encode(INSN_MOV64_X, 0, 11, 0, 0, &insn), -EINVAL);
	assert_int_equal(insn_encode(INSN_MOV64_X, 0, UINT32_MAX, 0, 0, &insn), -EINVAL);
	assert_int_equal(insn_encode(INSN_MOV64_K, 0, 1, 0, 1, &insn), -EINVAL);
	assert_int_equal(insn_encode(INSN_MOV64_K, 0, 0, 1, 1, &insn), -EINVAL);
	assert_int_equal(insn_encode(INSN_MOV64_K, 0, 0, 0, 1ll << 31, &insn), -EINVAL);
	assert_int_equal(insn_encode(INSN_MOV64_K, 0, 0, 0, -(1ll << 31) - 1, &insn), -EINVAL);
	assert_int_equal(insn_encode(INSN_LDXW, 0, 1, 32768, 0, &insn), -EINVAL);
	assert_int_equal(insn_encode(INSN_LDXW, 0, 1, -32769, 0, &insn), -EINVAL);
	assert_int_equal(insn_encode(INSN_SDIV64_K, 0, 0, 1, 1, &insn), -EINVAL);
	assert_int_equal(insn_encode(INSN_EXIT, 0, 0, 0, 1, &insn), -EINVAL);
	assert_int_equal(insn_encode(INSN_FETCH_ADD64, 1, 10, 0, 0, &insn), -EINVAL);
	assert_int_equal(insn_encode(INSN_OP_COUNT, 0, 0, 0, 0, &insn), -EINVAL);
	assert_int_equal(insn_encode_wide(INSN_MOV64_K, 0, 1, two), -EINVAL);
	assert_int_equal(insn_encode_wide(INSN_LDIMM64, 10, 1, two), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_valid_instruction_decodes_to_what_was_encoded),
		cmocka_unit_test(decoding_agrees_with_the_rows_on_every_opcode_and_field),
		cmocka_unit_test(a_refusal_says_which_field_and_which_value),
		cmocka_unit_test(the_encoder_refuses_operands_that_do_not_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
