// SPDX-License-Identifier: BSD-2-Clause
/*
 * Strips: the code for what strip.c found. SSE2 only, which every x86-64 has.
 *
 *         how many iterations stay within every limit -> r11, in strips; none, or something is not as it must be: to the loop
 *         constants, empty reductions
 *   again: loads, tests, reductions, store; registers move on
 *         r11 -= 1; again
 *         reductions into their registers
 *         the last exit, else to the loop
 *   leave: reductions into their registers, to the loop
 *   hit:   where only tests are: registers move to the element that the last one found, to the loop
 *
 * Vector registers: values have those of their numbers, then come two for each reduction, two for use within one step, and zero.
 */
#include "jit/x86_64/strip.h"

enum { ACC = 8, TMP = 12, TMP2, ZERO = 15, PAGE = 4096 };

/* What has a prefix of 66, as most have: reg op= rm, both vector registers. */
enum {
	SSE_PUNPCKLWD = 0x61,
	SSE_PUNPCKLDQ = 0x62,
	SSE_PUNPCKHWD = 0x69,
	SSE_PUNPCKHDQ = 0x6a,
	SSE_PUNPCKLQDQ = 0x6c,
	SSE_MOVDQA = 0x6f,
	SSE_PCMPEQB = 0x74, /* and W, D behind it */
	SSE_PADDQ = 0xd4,
	SSE_PAND = 0xdb,
	SSE_POR = 0xeb,
	SSE_PXOR = 0xef,
	SSE_PSADBW = 0xf6,
	SSE_PADDD = 0xfe,
	/* Other forms. */
	SSE_MOVDQU = 0x6f, /* F3 */
	SSE_MOVDQU_TO = 0x7f, /* F3 */
	SSE_SHUFFLE = 0x70, /* 66: dwords, F2: lower words, F3: upper words */
	SSE_SHIFT_W = 0x71, /* 66, /2: right, /6: left */
	SSE_MOVQ = 0x6e, /* 66: from a general register */
	SSE_MOVQ_TO = 0x7e, /* 66: to one */
	SSE_PMOVMSKB = 0xd7, /* 66: to a general register */
};

static void sse(struct emit *e, uint32_t op, unsigned reg, unsigned rm)
{
	emit_rr(e, W32, OP_0F | OP_66 | op, reg, (enum x86_reg)rm);
}

static void sse_imm(struct emit *e, uint32_t op, unsigned reg, unsigned rm, uint8_t imm)
{
	emit_rr(e, W32, OP_0F | op, reg, (enum x86_reg)rm);
	emit_byte(e, imm);
}

static unsigned log2_size(const struct strip *s)
{
	return (unsigned)__builtin_ctz(s->size);
}

static int32_t lanes(const struct strip *s)
{
	return STRIP_BYTES / (int32_t)s->size;
}

static struct x86_sib operand(const struct strip_sum *at)
{
	return (struct x86_sib){.base = jx_reg(at->a),
				.index = at->b == STRIP_NO_REG ? NO_INDEX : jx_reg(at->b),
				.disp = (int32_t)at->c};
}

/* dst = a sum and @more. */
static void emit_sum(struct emit *e, enum x86_width w, enum x86_reg dst, const struct strip_sum *sum, int32_t more)
{
	struct x86_sib mem;

	if (sum->a == STRIP_NO_REG) {
		emit_mov_imm(e, dst, w == W32 ? (uint32_t)(sum->c + more) : (uint64_t)(sum->c + more));
		return;
	}
	mem = operand(sum);
	mem.disp += more;
	if (mem.index == NO_INDEX && !mem.disp)
		emit_mov_rr(e, w, dst, mem.base);
	else
		emit_lea_sib(e, w, dst, mem);
}

/* r11 = how many iterations are within all limits; to the loop when there is none. */
static void emit_limits(struct jx *j, const struct strip *s)
{
	struct emit *e = &j->e;

	for (int i = 0; i < s->n_limits; i++) {
		const struct strip_limit *l = &s->limits[i];
		enum x86_width w = (enum x86_width)l->width;
		enum x86_reg from = l->down ? R10 : R9;
		int extra = l->extra + (s->last && l->insn == s->last);

		emit_sum(e, w, R9, &l->n, 0);
		emit_sum(e, w, R10, &l->v, 0);
		emit_alu_rr(e, w, ALU_SUB, from, l->down ? R9 : R10);
		jx_jcc(j, l->is_signed ? CC_L : CC_B, j->strip_place);
		if (l->shift)
			emit_shift_ri(e, W64, SHIFT_SHR, from, l->shift);
		/* Too many to be counted become none: then the loop does them. */
		if (extra)
			emit_alu_ri(e, W64, ALU_ADD, from, extra);
		if (i == 0) {
			emit_mov_rr(e, W64, R11, from);
		} else {
			emit_alu_rr(e, W64, ALU_CMP, from, R11);
			emit_cmov_rr(e, W64, CC_B, R11, from);
		}
	}
}

/* To the loop, when bits above the lower @bits of a register are not 0. */
static void emit_small(struct jx *j, unsigned bpf_reg, uint8_t bits)
{
	emit_mov_rr(&j->e, W64, R9, jx_reg(bpf_reg));
	emit_shift_ri(&j->e, W64, SHIFT_SHR, R9, bits);
	jx_jcc(j, CC_NE, j->strip_place);
}

/* To the loop, when registers are not as strips need them. */
static void emit_conditions(struct jx *j, const struct strip *s)
{
	struct emit *e = &j->e;

	for (unsigned r = 0; r < STRIP_REGS; r++)
		if (s->narrow & 1u << r)
			emit_small(j, r, 31);
	if (s->narrow) {
		emit_alu_ri(e, W64, ALU_CMP, R11, 1 << STRIP_NARROW_ROUNDS_LOG2);
		jx_jcc(j, CC_A, j->strip_place);
	}
	/* When tests leave the first strip undone, moving by nothing and gathering nothing in 32 bits would still clear the upper half. */
	for (unsigned r = 0; s->n_tests && r < STRIP_REGS; r++)
		if (s->moves32 & 1u << r)
			emit_small(j, r, 32);
	for (int i = 0; s->n_tests && i < s->n_reductions; i++)
		if (s->reductions[i].width == W32)
			emit_small(j, s->reductions[i].reg, 32);
	for (int i = 0; s->stores && i < s->n_values; i++) {
		const struct strip_value *v = &s->values[i];

		if (v->kind != STRIP_LOAD || strip_same_regs(&s->to, &v->at))
			continue;
		emit_sum(e, W64, R9, &s->to, 0);
		emit_sum(e, W64, R10, &v->at, 0);
		emit_alu_rr(e, W64, ALU_SUB, R9, R10);
		emit_alu_ri(e, W64, ALU_CMP, R9, STRIP_BYTES);
		jx_jcc(j, CC_B, j->strip_place);
	}
}

/* Values that are the same in all strips, and what reductions begin with. */
static void emit_constants(struct jx *j, const struct strip *s)
{
	const uint64_t each = s->size == W64 ? 1 : UINT64_MAX / ((1ull << s->size * 8) - 1);
	struct emit *e = &j->e;

	for (unsigned i = 0; i < s->n_values; i++) {
		const struct strip_value *v = &s->values[i];

		if (v->kind == STRIP_CONST && !v->imm) {
			sse(e, SSE_PXOR, i, i);
			continue;
		} else if (v->kind == STRIP_CONST) {
			emit_mov_imm(e, R9, v->imm * each);
		} else if (v->kind == STRIP_REG && s->size == W64) {
			emit_mov_rr(e, W64, R9, jx_reg(v->at.a));
		} else if (v->kind == STRIP_REG) {
			emit_movzx(e, s->size, R9, jx_reg(v->at.a));
			emit_mov_imm(e, R10, each);
			emit_imul_rr(e, W64, R9, R10);
		} else {
			continue;
		}
		emit_rr(e, W64, OP_0F | OP_66 | SSE_MOVQ, i, R9);
		sse(e, SSE_PUNPCKLQDQ, i, i);
	}
	for (unsigned i = 0; i < s->n_reductions; i++) {
		sse(e, SSE_PXOR, ACC + 2 * i, ACC + 2 * i);
		sse(e, SSE_PXOR, ACC + 2 * i + 1, ACC + 2 * i + 1);
	}
	if (s->n_reductions)
		sse(e, SSE_PXOR, ZERO, ZERO);
}

static uint32_t logic_op(uint8_t op)
{
	return op == ALU_AND ? SSE_PAND : op == ALU_OR ? SSE_POR : SSE_PXOR;
}

/* Computes value @i of this strip. */
static void emit_value(struct jx *j, const struct strip *s, unsigned i)
{
	const struct strip_value *v = &s->values[i];
	struct emit *e = &j->e;

	switch (v->kind) {
	case STRIP_LOAD:
		emit_rsib(e, W32, OP_0F | OP_F3 | SSE_MOVDQU, i, operand(&v->at));
		break;
	case STRIP_SWAP:
		sse(e, SSE_MOVDQA, i, v->x);
		/* The words of an element in reverse, then the bytes of each word. */
		if (s->size > W16) {
			sse_imm(e, OP_F2 | SSE_SHUFFLE, i, i, s->size == W32 ? 0xb1 : 0x1b);
			sse_imm(e, OP_F3 | SSE_SHUFFLE, i, i, s->size == W32 ? 0xb1 : 0x1b);
		}
		sse(e, SSE_MOVDQA, TMP, i);
		sse_imm(e, OP_66 | SSE_SHIFT_W, 2, TMP, 8);
		sse_imm(e, OP_66 | SSE_SHIFT_W, 6, i, 8);
		sse(e, SSE_POR, i, TMP);
		break;
	case STRIP_LOGIC:
		sse(e, SSE_MOVDQA, i, v->x);
		sse(e, logic_op(v->op), i, v->y);
		break;
	default:
		break;
	}
}

/* r10 = the bytes of elements that take the exit, as bits; to @place when there are any. */
static void emit_test(struct jx *j, const struct strip *s, const struct strip_test *t, uint32_t place)
{
	struct emit *e = &j->e;

	sse(e, SSE_MOVDQA, TMP, t->x);
	sse(e, SSE_PCMPEQB + MIN(log2_size(s), 2u), TMP, t->y);
	if (s->size == W64 && t->on_equal) {
		/* Both halves must be equal. */
		sse_imm(e, OP_66 | SSE_SHUFFLE, TMP2, TMP, 0xb1);
		sse(e, SSE_PAND, TMP, TMP2);
	}
	sse(e, SSE_PMOVMSKB, R10, TMP);
	if (t->on_equal)
		emit_test_rr(e, W32, R10, R10);
	else
		emit_alu_ri(e, W32, ALU_XOR, R10, (1 << STRIP_BYTES) - 1);
	jx_jcc(j, CC_NE, place);
}

/* Whether a sum is kept in 32-bit parts. */
static bool sums_dwords(const struct strip *s, const struct strip_reduction *r)
{
	return r->width == W32 && (s->size == W16 || s->size == W32);
}

/* Whether a sum is kept in two registers. */
static bool sums_twice(const struct strip *s, const struct strip_reduction *r)
{
	return r->op == ALU_ADD && (s->size == W16 || (s->size == W32 && r->width == W64));
}

/* tmp, tmp2 = the lower and upper elements of @from with zeroes between. */
static void emit_unpack(struct emit *e, uint32_t low, uint32_t high, unsigned from)
{
	if (from != TMP)
		sse(e, SSE_MOVDQA, TMP, from);
	sse(e, SSE_MOVDQA, TMP2, from);
	sse(e, low, TMP, ZERO);
	sse(e, high, TMP2, ZERO);
}

static void emit_gather(struct jx *j, const struct strip *s, unsigned i)
{
	const struct strip_reduction *r = &s->reductions[i];
	unsigned acc = ACC + 2 * i;
	struct emit *e = &j->e;
	uint32_t add = sums_dwords(s, r) ? SSE_PADDD : SSE_PADDQ;

	if (r->op != ALU_ADD) {
		sse(e, logic_op(r->op), acc, r->value);
		return;
	}
	if (s->size == W8) {
		sse(e, SSE_MOVDQA, TMP, r->value);
		sse(e, SSE_PSADBW, TMP, ZERO);
		sse(e, SSE_PADDQ, acc, TMP);
		return;
	}
	if (!sums_twice(s, r)) {
		sse(e, add, acc, r->value);
		return;
	}
	if (s->size == W16)
		emit_unpack(e, SSE_PUNPCKLWD, SSE_PUNPCKHWD, r->value);
	if (r->width == W64) {
		/* Two words fit 32 bits. */
		if (s->size == W16)
			sse(e, SSE_PADDD, TMP, TMP2);
		emit_unpack(e, SSE_PUNPCKLDQ, SSE_PUNPCKHDQ, s->size == W16 ? TMP : r->value);
	}
	sse(e, add, acc, TMP);
	sse(e, add, acc + 1, TMP2);
}

/* What a reduction has gathered, into its register. */
static void emit_fold(struct jx *j, const struct strip *s, unsigned i)
{
	const struct strip_reduction *r = &s->reductions[i];
	bool dwords = r->op == ALU_ADD && sums_dwords(s, r);
	unsigned acc = ACC + 2 * i;
	struct emit *e = &j->e;
	uint32_t op = r->op != ALU_ADD ? logic_op(r->op) : dwords ? SSE_PADDD : SSE_PADDQ;

	if (sums_twice(s, r))
		sse(e, op, acc, acc + 1);
	sse_imm(e, OP_66 | SSE_SHUFFLE, TMP, acc, 0xee);
	sse(e, op, acc, TMP);
	if (dwords) {
		sse_imm(e, OP_66 | SSE_SHUFFLE, TMP, acc, 0x55);
		sse(e, op, acc, TMP);
	}
	emit_rr(e, W64, OP_0F | OP_66 | SSE_MOVQ_TO, acc, R10);
	if (r->op != ALU_ADD) {
		for (unsigned bits = 32; bits >= s->size * 8; bits /= 2) {
			emit_mov_rr(e, W64, R9, R10);
			emit_shift_ri(e, W64, SHIFT_SHR, R9, (uint8_t)bits);
			emit_alu_rr(e, W64, (enum x86_alu)r->op, R10, R9);
		}
		if (s->size < W64)
			emit_movzx(e, s->size, R10, R10);
	}
	emit_alu_rr(e, (enum x86_width)r->width, (enum x86_alu)r->op, jx_reg(r->reg), R10);
}

static void emit_folds(struct jx *j, const struct strip *s)
{
	for (unsigned i = 0; i < s->n_reductions; i++)
		emit_fold(j, s, i);
}

static enum x86_width step_width(const struct strip *s, unsigned r)
{
	return s->moves32 & 1u << r ? W32 : W64;
}

/* One strip after the other. @hit: where the last test goes. */
static void emit_rounds(struct jx *j, const struct strip *s, uint32_t again, uint32_t leave, uint32_t hit)
{
	struct emit *e = &j->e;

	jx_align(j);
	jx_land(j, again);
	for (unsigned i = 0; s->n_tests && i < s->n_values; i++) {
		if (s->values[i].kind != STRIP_LOAD)
			continue;
		emit_lea_sib(e, W32, R10, operand(&s->values[i].at));
		emit_alu_ri(e, W32, ALU_AND, R10, PAGE - 1);
		emit_alu_ri(e, W32, ALU_CMP, R10, PAGE - STRIP_BYTES);
		jx_jcc(j, CC_A, leave);
	}
	for (unsigned i = 0, t = 0; i < s->n_values || t < s->n_tests; i++) {
		if (i < s->n_values)
			emit_value(j, s, i);
		/* Where one test finds an element, those behind it might find one before. */
		for (; t < s->n_tests && s->tests[t].when == i + 1; t++)
			emit_test(j, s, &s->tests[t], t + 1 == s->n_tests ? hit : leave);
	}
	for (unsigned i = 0; i < s->n_reductions; i++)
		emit_gather(j, s, i);
	if (s->stores)
		emit_rsib(e, W32, OP_0F | OP_F3 | SSE_MOVDQU_TO, s->stored, operand(&s->to));
	for (unsigned r = 0; r < STRIP_REGS; r++)
		if (s->step[r])
			emit_alu_ri(e, step_width(s, r), ALU_ADD, jx_reg(r), s->step[r] * lanes(s));
	emit_alu_ri(e, W64, ALU_SUB, R11, 1);
	jx_jcc(j, CC_NE, again);
}

/* The loop's last exit, as the last iteration that was done comes to it; its registers have moved on since. */
static void emit_last(struct jx *j, const struct strip *s)
{
	struct emit *e = &j->e;

	for (int i = 0; i < s->n_limits; i++) {
		const struct strip_limit *l = &s->limits[i];
		enum x86_width w = (enum x86_width)l->width;

		if (l->insn != s->last)
			continue;
		emit_sum(e, w, R9, &l->n, 0);
		emit_sum(e, w, R10, &l->v, -strip_step(s, &l->v));
		emit_alu_rr(e, w, ALU_CMP, R10, R9);
		jx_jcc(j, (enum x86_cond)(l->cc ^ 1), j->strip_place);
		jx_jmp(j, s->out);
	}
}

/* Moves all registers to the first element whose bits in r10 are set. */
static void emit_hit(struct jx *j, const struct strip *s)
{
	struct emit *e = &j->e;

	emit_rr(e, W32, OP_0F | 0xbc, R10, R10); /* bsf */
	if (s->size == W64)
		emit_alu_ri(e, W32, ALU_AND, R10, ~7);
	for (unsigned r = 0; r < STRIP_REGS; r++) {
		if (!s->step[r])
			continue;
		if (s->step[r] == (int32_t)s->size) {
			emit_alu_rr(e, step_width(s, r), ALU_ADD, jx_reg(r), R10);
			continue;
		}
		emit_mov_rr(e, W32, R9, R10);
		if (log2_size(s))
			emit_shift_ri(e, W32, SHIFT_SHR, R9, (uint8_t)log2_size(s));
		emit_imul_rri(e, W64, R9, R9, s->step[r]);
		emit_alu_rr(e, step_width(s, r), ALU_ADD, jx_reg(r), R9);
	}
}

bool jx_emit_strip(struct jx *j)
{
	uint32_t again, leave, hit;
	struct strip s;

	if (!jx_find_strip(j, j->at, &s))
		return false;
	j->strip_place = jx_new_place(j);
	j->strip_head = s.head;
	j->strip_end = s.end;
	again = jx_new_place(j);
	leave = s.n_tests && s.n_reductions ? jx_new_place(j) : j->strip_place;
	/* What was stored or gathered cannot be told by elements; nothing of this strip was, yet. */
	hit = s.n_tests && !s.stores && !s.n_reductions ? jx_new_place(j) : leave;
	if (j->e.err)
		return true;
	emit_limits(j, &s);
	emit_conditions(j, &s);
	emit_shift_ri(&j->e, W64, SHIFT_SHR, R11, (uint8_t)__builtin_ctz((unsigned)lanes(&s)));
	jx_jcc(j, CC_E, j->strip_place);
	emit_constants(j, &s);
	emit_rounds(j, &s, again, leave, hit);
	emit_folds(j, &s);
	if (s.last)
		emit_last(j, &s);
	else if (leave != j->strip_place || hit != leave)
		jx_jmp(j, j->strip_place);
	if (leave != j->strip_place) {
		jx_land(j, leave);
		emit_folds(j, &s);
	}
	if (hit != leave) {
		jx_land(j, hit);
		emit_hit(j, &s);
	}
	return true;
}
