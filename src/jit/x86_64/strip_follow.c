// SPDX-License-Identifier: BSD-2-Clause
/*
 * Strips: what a loop's body does, in symbols. strip.c tells what for.
 *
 * One function for each kind of instruction changes what the registers hold (struct strip_held), or adds to what a strip does: a value, a
 * reduction, a limit, a test, the store. What has no place there ends it all: the loop is left as it is.
 */
#include "jit/x86_64/strip.h"

static bool is_const(const struct strip_held *h)
{
	return h->kind == HELD_SUM && h->sum.a == STRIP_NO_REG;
}

/* Whether it is what one register held at the head, or its lower half. */
static bool is_plain(const struct strip_held *h)
{
	return h->kind == HELD_SUM && h->sum.a != STRIP_NO_REG && h->sum.b == STRIP_NO_REG && h->sum.c == 0;
}

static uint64_t element_max(const struct strip *s)
{
	return s->size == W64 ? UINT64_MAX : (1ull << s->size * 8) - 1;
}

static uint64_t const_of(const struct strip_sum *sum)
{
	return sum->low ? (uint32_t)sum->c : (uint64_t)sum->c;
}

/* All loads and stores have one size. */
static bool set_size(struct strip *s, enum x86_width size)
{
	if (!s->size)
		s->size = size;
	return s->size == size;
}

/* Adds a value to those of the strip. Return: its number, or -1 when there are too many. */
static int add_value(struct strip_finder *f, struct strip_value v)
{
	struct strip *s = f->s;

	if (s->n_values == STRIP_VALUES)
		return -1;
	s->values[s->n_values] = v;
	return s->n_values++;
}

static bool hold_value(struct strip_finder *f, unsigned reg, struct strip_value v)
{
	int n = add_value(f, v);

	if (n < 0)
		return false;
	f->held[reg] = (struct strip_held){.kind = HELD_VALUE, .reg = (uint8_t)n};
	return true;
}

/* The lower 32 bits of what is held. */
static bool narrow(const struct strip_finder *f, struct strip_held *h)
{
	switch (h->kind) {
	case HELD_SUM:
		h->sum.low = true;
		return true;
	case HELD_VALUE:
		return f->s->size < W64;
	default:
		return h->width == W32;
	}
}

/* Makes a sum one of 64 bits, if need be by asking for its register to be small. */
static bool widen(struct strip_finder *f, struct strip_sum *sum)
{
	if (!sum->low)
		return true;
	if (sum->a == STRIP_NO_REG) {
		sum->c = (uint32_t)sum->c;
	} else {
		if (sum->b != STRIP_NO_REG || sum->c < 0 || sum->c > UINT16_MAX)
			return false;
		f->s->narrow |= strip_regs(sum);
	}
	sum->low = false;
	return true;
}

/* dst += x, both sums. */
static bool add_sums(struct strip_finder *f, struct strip_held *dst, struct strip_sum x, enum x86_width w)
{
	struct strip_sum *sum = &dst->sum;

	if (w == W64 && (!widen(f, sum) || !widen(f, &x)))
		return false;
	if (x.a != STRIP_NO_REG) {
		if (x.b != STRIP_NO_REG || sum->b != STRIP_NO_REG)
			return false;
		if (sum->a == STRIP_NO_REG)
			sum->a = x.a;
		else
			sum->b = x.a;
	}
	sum->c += x.c;
	if (w == W32)
		sum->low = true;
	return sum->c == (int32_t)sum->c;
}

unsigned strip_gathered_in(const struct strip *s, unsigned reg)
{
	unsigned n = 0;

	for (int i = 0; i < s->n_reductions; i++)
		n += s->reductions[i].reg == reg;
	return n;
}

/* dst = what @acc holds with all elements of value @n gathered in it. An earlier state of what is gathered is of no use. */
static bool gather(struct strip_finder *f, unsigned dst, const struct strip_held *acc, unsigned n, enum x86_alu op,
		   enum x86_width w)
{
	struct strip *s = f->s;
	uint8_t reg;

	if (op == ALU_AND || s->n_reductions == STRIP_REDUCTIONS)
		return false;
	if (acc->kind == HELD_GATHERED && acc->op == op && acc->width == w)
		reg = acc->reg;
	else if (is_plain(acc) && !(acc->sum.low && w == W64))
		reg = acc->sum.a;
	else
		return false;
	if (strip_gathered_in(s, reg) != acc->n)
		return false;
	s->reductions[s->n_reductions++] =
		(struct strip_reduction){.reg = reg, .value = (uint8_t)n, .op = op, .width = w};
	f->held[dst] = (struct strip_held){
		.kind = HELD_GATHERED, .reg = reg, .op = op, .width = w, .n = (uint8_t)strip_gathered_in(s, reg)};
	return true;
}

/* dst op= src, where either may be a constant. */
static bool operate(struct strip_finder *f, unsigned dst, struct strip_held src, enum x86_alu op, enum x86_width w)
{
	struct strip_held *d = &f->held[dst];
	struct strip *s = f->s;
	int y;

	if (d->kind == HELD_SUM && src.kind == HELD_SUM)
		return op == ALU_ADD && add_sums(f, d, src.sum, w);
	if (src.kind == HELD_VALUE && d->kind != HELD_VALUE)
		return gather(f, dst, d, src.reg, op, w);
	if (d->kind != HELD_VALUE)
		return false;
	if (src.kind != HELD_VALUE && !is_const(&src))
		return gather(f, dst, &src, d->reg, op, w);
	/* Elements with elements: nothing may come to be above them. */
	if (op == ALU_ADD || (w == W32 && s->size == W64))
		return false;
	y = src.reg;
	if (src.kind == HELD_SUM) {
		uint64_t k = w == W32 ? (uint32_t)src.sum.c : const_of(&src.sum);

		if (op == ALU_AND)
			k &= element_max(s);
		if (k > element_max(s))
			return false;
		y = add_value(f, (struct strip_value){.kind = STRIP_CONST, .imm = k});
	}
	return y >= 0 &&
	       hold_value(f, dst, (struct strip_value){.kind = STRIP_LOGIC, .op = op, .x = d->reg, .y = (uint8_t)y});
}

static struct strip_held constant(int64_t c)
{
	return (struct strip_held){.sum = {.a = STRIP_NO_REG, .b = STRIP_NO_REG, .c = c}};
}

/* The sum that is an address: of registers, with a displacement. */
static bool address(struct strip_finder *f, unsigned reg, int16_t off, struct strip_sum *at)
{
	const struct strip_held *h = &f->held[reg];

	if (h->kind != HELD_SUM)
		return false;
	*at = h->sum;
	if (!widen(f, at) || at->a == STRIP_NO_REG)
		return false;
	at->c += off;
	return at->c == (int32_t)at->c;
}

static bool load(struct strip_finder *f, const struct bpf_insn *in, enum x86_width size)
{
	struct strip_value v = {.kind = STRIP_LOAD};

	/* Loads come before the store, so that a strip may do them before. */
	return !f->s->stores && set_size(f->s, size) && address(f, in->src_reg, in->off, &v.at) &&
	       hold_value(f, in->dst_reg, v);
}

static bool store(struct strip_finder *f, const struct bpf_insn *in, struct strip_held h, enum x86_width size)
{
	struct strip *s = f->s;
	int n = h.reg;

	if (s->stores || !set_size(s, size) || !address(f, in->dst_reg, in->off, &s->to))
		return false;
	if (is_const(&h)) {
		n = add_value(f, (struct strip_value){.kind = STRIP_CONST, .imm = const_of(&h.sum) & element_max(s)});
	} else if (is_plain(&h) && !(h.sum.low && size == W64)) {
		f->fixed |= strip_regs(&h.sum);
		n = add_value(f, (struct strip_value){.kind = STRIP_REG, .at = h.sum});
	} else if (h.kind != HELD_VALUE) {
		return false;
	}
	s->stores = true;
	s->stored = (uint8_t)n;
	return n >= 0;
}

static bool swap(struct strip_finder *f, unsigned reg, enum x86_width w)
{
	const struct strip_held *h = &f->held[reg];

	return h->kind == HELD_VALUE && w == f->s->size && w > W8 &&
	       hold_value(f, reg, (struct strip_value){.kind = STRIP_SWAP, .x = h->reg});
}

/* An exit that is taken when a value's elements compare so with @y. */
static bool test(struct strip_finder *f, const struct strip_held *x, const struct strip_held *y, enum x86_cond cc,
		 enum x86_width w)
{
	struct strip *s = f->s;
	int n = y->reg;

	if ((cc != CC_E && cc != CC_NE) || s->n_tests == STRIP_TESTS || (w == W32 && s->size == W64))
		return false;
	if (is_const(y)) {
		uint64_t k = w == W32 ? (uint32_t)y->sum.c : const_of(&y->sum);

		if (k > element_max(s))
			return false;
		n = add_value(f, (struct strip_value){.kind = STRIP_CONST, .imm = k});
	} else if (is_plain(y) && cc == CC_E) {
		/* Taken too often when there is more in the register than in an element; then the loop sees what is true. */
		f->fixed |= strip_regs(&y->sum);
		n = add_value(f, (struct strip_value){.kind = STRIP_REG, .at = y->sum});
	} else if (y->kind != HELD_VALUE) {
		return false;
	}
	if (n < 0)
		return false;
	s->tests[s->n_tests++] =
		(struct strip_test){.x = x->reg, .y = (uint8_t)n, .on_equal = cc == CC_E, .when = s->n_values};
	return true;
}

enum x86_cond strip_mirrored(enum x86_cond cc)
{
	switch (cc) {
	case CC_B:
		return CC_A;
	case CC_A:
		return CC_B;
	case CC_AE:
		return CC_BE;
	case CC_BE:
		return CC_AE;
	case CC_L:
		return CC_G;
	case CC_G:
		return CC_L;
	case CC_GE:
		return CC_LE;
	case CC_LE:
		return CC_GE;
	default:
		return cc;
	}
}

/* An exit by instruction @at that is taken when x cc y. */
static bool leave(struct strip_finder *f, uint32_t at, struct strip_held x, struct strip_held y, enum x86_cond cc,
		  enum x86_width w)
{
	struct strip *s = f->s;

	if (y.kind == HELD_VALUE) {
		struct strip_held swapped = x;

		x = y;
		y = swapped;
		cc = strip_mirrored(cc);
	}
	if (x.kind == HELD_VALUE)
		return test(f, &x, &y, cc, w);
	if (x.kind != HELD_SUM || y.kind != HELD_SUM || s->n_limits == STRIP_LIMITS)
		return false;
	if (w == W64 && (!widen(f, &x.sum) || !widen(f, &y.sum)))
		return false;
	s->limits[s->n_limits++] =
		(struct strip_limit){.v = x.sum, .n = y.sum, .insn = at, .cc = (uint8_t)cc, .width = (uint8_t)w};
	return true;
}

/* clang-format off */
static const struct { uint8_t cc, width; } conds[INSN_OP_COUNT] = {
#define COND(name, cc) \
	[INSN_##name##64_X] = {cc, W64}, [INSN_##name##32_X] = {cc, W32}, \
	[INSN_##name##64_K] = {cc, W64}, [INSN_##name##32_K] = {cc, W32}
	COND(JEQ, CC_E), COND(JNE, CC_NE), COND(JGT, CC_A), COND(JGE, CC_AE), COND(JLT, CC_B), COND(JLE, CC_BE),
	COND(JSGT, CC_G), COND(JSGE, CC_GE), COND(JSLT, CC_L), COND(JSLE, CC_LE),
#undef COND
};
/* clang-format on */

/* A conditional jump. Return: false when the loop is refused; @back: it is the one that leads back to the head. */
static bool jump(struct strip_finder *f, uint32_t at, bool *back)
{
	const struct bpf_insn *in = &f->j->code->insns[at];
	enum x86_cond cc = (enum x86_cond)conds[f->j->ops[at]].cc;
	uint32_t target = jx_target(at, in->off);

	if (!cc)
		return false;
	*back = target == f->s->head;
	if (*back)
		cc ^= 1;
	else if (target > at)
		f->nearest = MIN(f->nearest, target);
	else if (target >= f->s->head)
		return false;
	return leave(f, at, f->held[in->dst_reg], BPF_SRC(in->code) == BPF_X ? f->held[in->src_reg] : constant(in->imm),
		     cc, (enum x86_width)conds[f->j->ops[at]].width);
}

/* Follows one instruction that is no jump. */
static bool follow(struct strip_finder *f, uint32_t at)
{
	const struct bpf_insn *in = &f->j->code->insns[at];
	unsigned dst = in->dst_reg, src = in->src_reg;

	switch (f->j->ops[at]) {
	case INSN_MOV64_K:
		f->held[dst] = constant(in->imm);
		return true;
	case INSN_MOV32_K:
		f->held[dst] = constant((uint32_t)in->imm);
		return true;
	case INSN_MOV64_X:
		f->held[dst] = f->held[src];
		return true;
	case INSN_MOV32_X:
		f->held[dst] = f->held[src];
		return narrow(f, &f->held[dst]);
#define OPERATION(name, alu)                                                                                           \
	case INSN_##name##64_K:                                                                                        \
		return operate(f, dst, constant(in->imm), alu, W64);                                                   \
	case INSN_##name##32_K:                                                                                        \
		return operate(f, dst, constant(in->imm), alu, W32);                                                   \
	case INSN_##name##64_X:                                                                                        \
		return operate(f, dst, f->held[src], alu, W64);                                                        \
	case INSN_##name##32_X:                                                                                        \
		return operate(f, dst, f->held[src], alu, W32);
		OPERATION(ADD, ALU_ADD)
		OPERATION(OR, ALU_OR)
		OPERATION(AND, ALU_AND)
		OPERATION(XOR, ALU_XOR)
#undef OPERATION
	case INSN_BE16:
	case INSN_BSWAP16:
		return swap(f, dst, W16);
	case INSN_BE32:
	case INSN_BSWAP32:
		return swap(f, dst, W32);
	case INSN_BE64:
	case INSN_BSWAP64:
		return swap(f, dst, W64);
	case INSN_LDXB:
		return load(f, in, W8);
	case INSN_LDXH:
		return load(f, in, W16);
	case INSN_LDXW:
		return load(f, in, W32);
	case INSN_LDXDW:
		return load(f, in, W64);
	case INSN_STXB:
		return store(f, in, f->held[src], W8);
	case INSN_STXH:
		return store(f, in, f->held[src], W16);
	case INSN_STXW:
		return store(f, in, f->held[src], W32);
	case INSN_STXDW:
		return store(f, in, f->held[src], W64);
	case INSN_STB:
		return store(f, in, constant(in->imm), W8);
	case INSN_STH:
		return store(f, in, constant(in->imm), W16);
	case INSN_STW:
		return store(f, in, constant(in->imm), W32);
	case INSN_STDW:
		return store(f, in, constant(in->imm), W64);
	default:
		return false;
	}
}

bool strip_follow(struct strip_finder *f)
{
	const struct jx *j = f->j;
	struct strip *s = f->s;
	bool back = false;

	for (uint32_t at = s->head; at < j->fn->end && at < s->head + STRIP_MAX_BODY; at++) {
		if (at != s->head && (j->flags[at] & JX_TARGET))
			return false;
		if (j->ops[at] == INSN_JA) {
			s->end = at;
			/* The exit just before it is the loop's last, too. */
			if (s->n_limits && s->limits[s->n_limits - 1].insn == at - 1) {
				s->last = at - 1;
				s->out = jx_target(at - 1, j->code->insns[at - 1].off);
			}
			return jx_target(at, j->code->insns[at].off) == s->head && f->nearest > at;
		}
		if (!(j->flags[at] & JX_JUMPS)) {
			if (!follow(f, at))
				return false;
			continue;
		}
		if (!jump(f, at, &back))
			return false;
		if (back) {
			s->end = at;
			if (s->n_limits && s->limits[s->n_limits - 1].insn == at) {
				s->last = at;
				s->out = at + 1;
			}
			return f->nearest > at;
		}
	}
	return false;
}
