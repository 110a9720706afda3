/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Decoding.
 *
 * Theory of operation
 *
 * The opcode byte leads to the last of its rows; the rows of one byte stand
 * together in the table, so the others are found going backwards. Where a byte
 * has more than one row, a field tells them apart: a field that holds EQ(n) in
 * any of the byte's rows is such a selector, and a row with Z there stands for
 * the value 0. First the selectors choose the row (and a value that chooses none
 * is the reason for refusal), then every other field is held against its form.
 *
 * Invariants
 *  - Everything is constant data: nothing is initialised at run time.
 *  - Two rows never accept the same encoding, so the order of search cannot matter.
 */
#include "insn/insn.h"
#include "base/util.h"

#include <stdio.h>

#define Z     FORM_ZERO
#define R     FORM_READ
#define W     FORM_WRITE
#define I     FORM_IMM
#define J     FORM_JUMP
#define M     FORM_MEM
#define EQ(n) (FORM_EQ | (n))

const struct insn_desc insn_descs[INSN_OP_COUNT] = {
#define X(op_, code_, dst_, src_, off_, imm_, isa_, sym_)                                                              \
	[INSN_##op_] = {.name = #op_,                                                                                  \
			.sym = (sym_),                                                                                 \
			.dst = (dst_),                                                                                 \
			.src = (src_),                                                                                 \
			.off = (off_),                                                                                 \
			.imm = (imm_),                                                                                 \
			.op = INSN_##op_,                                                                              \
			.code = (code_),                                                                               \
			.isa = (isa_)},
	INSN_TABLE(X)
#undef X
};

/*
 * The last row of each opcode byte, plus one; 0 for a byte that is no opcode. A
 * later initialiser of the same element wins (C17 6.7.9), which is what is wanted.
 */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
static const uint8_t last_row[256] = {
#define X(op, code, dst, src, off, imm, isa, sym) [code] = INSN_##op + 1,
	INSN_TABLE(X)
#undef X
};
#pragma GCC diagnostic pop

_Static_assert(INSN_OP_COUNT < 255, "last_row[] holds row numbers in a byte");

#undef Z
#undef R
#undef W
#undef I
#undef J
#undef M
#undef EQ

/* Why a refusal happened: which rule, and the field's value for the readable form. */
struct refusal {
	const char *text; /* constant, without the value */
	const char *fmt; /* the same with one %-conversion for the value, NULL: text says it all */
	long long value;
};

/* selects - true when a row's field lets @value through as far as selection goes. */
static bool selects(uint32_t form, int64_t value)
{
	if (form & FORM_EQ)
		return value == (int64_t)(form & ~(uint32_t)FORM_EQ);
	return form != FORM_ZERO || value == 0;
}

/*
 * no_row - the reason why no row of a known opcode byte has these selectors.
 * @d: any of the byte's rows
 */
static struct refusal no_row(const struct insn_desc *d, const struct bpf_insn *insn)
{
	switch (BPF_CLASS(insn->code)) {
	case BPF_STX:
		return (struct refusal){"unknown atomic operation", "unknown atomic operation 0x%llx",
					(uint32_t)insn->imm};
	case BPF_LD:
		return (struct refusal){"unknown kind of 64-bit immediate (source register field)",
					"unknown kind of 64-bit immediate %lld in the source register field",
					insn->src_reg};
	case BPF_JMP:
		return (struct refusal){"unknown kind of call (source register field)",
					"unknown kind of call %lld in the source register field", insn->src_reg};
	}
	switch (BPF_OP(insn->code)) {
	case BPF_END:
		return (struct refusal){"width of a byte swap must be 16, 32 or 64",
					"width of a byte swap must be 16, 32 or 64, not %lld", insn->imm};
	case BPF_MOV:
		if (BPF_CLASS(d->code) == BPF_ALU)
			return (struct refusal){"offset of a 32-bit move must be 0, 8 or 16 (sign extension)",
						"offset of a 32-bit move must be 0, 8 or 16 (sign extension), not %lld",
						insn->off};
		return (struct refusal){"offset of a 64-bit move must be 0, 8, 16 or 32 (sign extension)",
					"offset of a 64-bit move must be 0, 8, 16 or 32 (sign extension), not %lld",
					insn->off};
	default: /* division, modulo */
		return (struct refusal){"offset must be 0, or 1 for signed division and modulo",
					"offset must be 0, or 1 for signed division and modulo, not %lld", insn->off};
	}
}

/*
 * find - the row that the selectors of a byte choose.
 * Return: the row, or NULL with *why filled.
 */
static const struct insn_desc *find(const struct bpf_insn *insn, struct refusal *why)
{
	uint32_t last = last_row[insn->code];

	if (!last) {
		*why = (struct refusal){"unknown opcode", "unknown opcode 0x%02llx", insn->code};
		return NULL;
	}
	const struct insn_desc *d = &insn_descs[last - 1], *end = d;
	uint32_t src = 0, off = 0, imm = 0; /* which fields are selectors */

	for (; d >= insn_descs && d->code == insn->code; d--) {
		src |= d->src & FORM_EQ;
		off |= d->off & FORM_EQ;
		imm |= d->imm & FORM_EQ;
	}
	for (d = end; d >= insn_descs && d->code == insn->code; d--)
		if ((!src || selects(d->src, insn->src_reg)) && (!off || selects(d->off, insn->off)) &&
		    (!imm || selects(d->imm, insn->imm)))
			return d;
	*why = no_row(end, insn);
	return NULL;
}

/*
 * check_reg - hold a register field against its form.
 * @is_dst: whether it is the destination field, for the words
 */
static bool check_reg(uint32_t form, uint32_t reg, bool is_dst, bool has_imm, struct refusal *why)
{
	const char *text = NULL, *fmt = NULL;

	if (form == FORM_ZERO && reg != 0) {
		if (is_dst) {
			text = "destination register must be 0";
			fmt = "destination register must be 0, not %lld";
		} else if (has_imm) {
			text = "source register must be 0 for an immediate operand";
			fmt = "source register must be 0 for an immediate operand, not %lld";
		} else {
			text = "source register must be 0";
			fmt = "source register must be 0, not %lld";
		}
	} else if ((form == FORM_READ || form == FORM_WRITE) && reg > 10) {
		text = is_dst ? "destination is no register (r0 to r10)" : "source is no register (r0 to r10)";
		fmt = is_dst ? "destination r%lld is no register (r0 to r10)"
			     : "source r%lld is no register (r0 to r10)";
	} else if (form == FORM_WRITE && reg == 10) {
		text = "the frame pointer r10 cannot be written";
	}
	if (text)
		*why = (struct refusal){text, fmt, reg};
	return !text;
}

/* decode - insn_decode() with the whole reason. */
static const struct insn_desc *decode(const struct bpf_insn *insn, struct refusal *why)
{
	const struct insn_desc *d = find(insn, why);

	if (!d || !check_reg(d->dst, insn->dst_reg, true, d->imm == FORM_IMM, why) ||
	    !check_reg(d->src, insn->src_reg, false, d->imm == FORM_IMM, why))
		return NULL;
	if (d->off == FORM_ZERO && insn->off) {
		*why = (struct refusal){"offset must be 0", "offset must be 0, not %lld", insn->off};
		return NULL;
	}
	if (d->imm == FORM_ZERO && insn->imm) {
		if (d->src == FORM_READ)
			*why = (struct refusal){"immediate must be 0 for a register operand",
						"immediate must be 0 for a register operand, not %lld", insn->imm};
		else
			*why = (struct refusal){"immediate must be 0", "immediate must be 0, not %lld", insn->imm};
		return NULL;
	}
	return d;
}

const struct insn_desc *insn_decode(const struct bpf_insn *insn, const char **why)
{
	struct refusal r = {};
	const struct insn_desc *d = decode(insn, &r);

	if (!d && why)
		*why = r.text;
	return d;
}

void insn_explain(const struct bpf_insn *insn, char *buf, size_t size)
{
	struct refusal r = {};

	if (decode(insn, &r))
		snprintf(buf, size, "%s", "");
	else if (r.fmt)
		snprintf(buf, size, r.fmt, r.value);
	else
		snprintf(buf, size, "%s", r.text);
}

const struct insn_desc *insn_decode_any(const struct bpf_insn *insn)
{
	const struct insn_desc *d = insn_decode(insn, NULL);
	struct bpf_insn other = *insn;

	if (!d && insn_is_addr_cast(insn)) {
		other.off = 0;
		other.imm = 0;
		return insn_decode_any(&other);
	}
	if (d || (insn->dst_reg != BPF_REG_10 && insn->src_reg != BPF_REG_10))
		return d;
	if (other.dst_reg == BPF_REG_10)
		other.dst_reg = BPF_REG_0;
	d = insn_decode(&other, NULL);
	if (!d && other.src_reg == BPF_REG_10) {
		other.src_reg = BPF_REG_0;
		d = insn_decode(&other, NULL);
	}
	return d;
}
