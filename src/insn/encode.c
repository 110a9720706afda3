/* SPDX-License-Identifier: BSD-2-Clause */
/* The encoder: the opcode table read from left to right. Invariant: insn_decode() takes whatever comes out. */
#include "insn/encode.h"

#include <errno.h>

/*
 * field - the value that a field gets.
 * @min, @max: what the field can hold when the form leaves it free
 * Return: whether @given suits the form.
 */
static bool field(uint32_t form, int64_t given, int64_t min, int64_t max, int64_t *value)
{
	if (form & FORM_EQ) {
		*value = form & ~(uint32_t)FORM_EQ;
		return given == 0;
	}
	*value = given;
	switch (form) {
	case FORM_ZERO:
		return given == 0;
	case FORM_READ:
		return given >= 0 && given <= 10;
	case FORM_WRITE:
		return given >= 0 && given <= 9;
	default:
		return given >= min && given <= max;
	}
}

int insn_encode(enum insn_op op, uint32_t dst, uint32_t src, int64_t off, int64_t imm, struct bpf_insn *out)
{
	int64_t v_dst, v_src, v_off, v_imm;

	if ((uint32_t)op >= INSN_OP_COUNT)
		return -EINVAL;
	const struct insn_desc *d = &insn_descs[op];

	if (!field(d->dst, dst, 0, 0, &v_dst) || !field(d->src, src, 0, 0, &v_src) ||
	    !field(d->off, off, INT16_MIN, INT16_MAX, &v_off) || !field(d->imm, imm, INT32_MIN, INT32_MAX, &v_imm))
		return -EINVAL;
	*out = (struct bpf_insn){
		.code = d->code,
		.dst_reg = (uint8_t)v_dst,
		.src_reg = (uint8_t)v_src,
		.off = (int16_t)v_off,
		.imm = (int32_t)v_imm,
	};
	return 0;
}

int insn_encode_wide(enum insn_op op, uint32_t dst, uint64_t value, struct bpf_insn out[2])
{
	int err = insn_encode(op, dst, 0, 0, (int32_t)(uint32_t)value, &out[0]);

	if (err)
		return err;
	if (!insn_is_wide(&out[0]))
		return -EINVAL;
	out[1] = (struct bpf_insn){.imm = (int32_t)(uint32_t)(value >> 32)};
	return 0;
}
