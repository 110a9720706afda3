// SPDX-License-Identifier: BSD-2-Clause
/*
 * Strips: loops over arrays, sixteen bytes at a time. This file finds them.
 *
 * Theory of operation
 *
 * A loop stays what it is; in front of it comes code that does some of its iterations at once, as long as it can, and then goes on in the loop
 * itself. Whenever a program is at the head of the loop, a strip does exactly what the next 16 / size iterations would have done, so it is
 * right to do any number of strips, or none.
 *
 * jx_find_strip() runs through the body once with symbols for what the registers hold at the head. A register holds a sum of up to two of those
 * and a constant; or an element that was loaded, or was computed from such; or what it held with elements gathered in it. Everything else
 * is refused. At the end of the body a register either moves by a constant (the next iteration finds it so much further),
 * gathers elements (a reduction), is as it was, or is not wanted any more at the head (liveness). So all that iteration k does is known:
 *
 *   addresses    move by an element's size each iteration, so an access of 16 / size iterations is one of 16 bytes
 *   limits       exits that compare something that moves with something that does not: how many iterations stay within is computed
 *                in front, and only so many are done in strips; so no strip takes such an exit
 *   tests        exits that compare elements: a strip in which one would be taken is not done, the loop does it. What a strip loads beyond
 *                the element that ends the loop might not be there: it is loaded only from within the page of the first one.
 *                (There is nothing more to prove then: the first element's load is the program's own.)
 *   one store    behind the last load. What it writes must not be read by a later iteration of the same strip: known when both have the same
 *                registers, else asked in front
 *
 * The last exit may be a limit that the last iteration of the last strip takes: then strip_emit.c emits that jump once more behind
 * the strips, and the loop need not do a last round. But only if nobody asks then for the registers that the body leaves behind
 * (an element, a sum); those the strips do not set.
 *
 * Widths: sums in 32 bits are the sums in 64 as long as they do not wrap. Registers from which an address is made that way are "narrow": the code
 * in front sees to it that they are below 2^31 and that the strips move them by less than 2^30.
 *
 * Invariants
 *  - Only loads and stores that the loop would do are done, but for those of tests, which stay within a page. What is loaded and stored
 *    plainly may be accessed in any order and in one (the memory model does not order plain accesses).
 *  - Within the loop no jump lands but at its head, no other loop is inside, nothing is called.
 *  - Code for strips uses r9 to r11 of x86 and vector registers, which hold nothing across instructions.
 */
#include "jit/x86_64/strip.h"

enum { MAX_BODY = 32 };

/* What a register holds at some point of the body. */
struct held {
	enum { HELD_SUM, HELD_VALUE, HELD_GATHERED } kind : 8;
	uint8_t reg; /* GATHERED: the register that gathers; VALUE: which */
	uint8_t op, width, n; /* GATHERED; n: how many values, the last one included */
	struct strip_sum sum;
};

struct finder {
	const struct jx *j;
	struct strip *s;
	struct held held[STRIP_REGS];
	uint16_t fixed; /* registers that must not change in the loop */
	uint32_t nearest; /* of the jumps ahead out of the loop, the nearest target */
};

static uint16_t regs_of(const struct strip_sum *sum)
{
	return (uint16_t)((sum->a != STRIP_NO_REG ? 1u << sum->a : 0) | (sum->b != STRIP_NO_REG ? 1u << sum->b : 0));
}

static bool is_const(const struct held *h)
{
	return h->kind == HELD_SUM && h->sum.a == STRIP_NO_REG;
}

/* Whether it is what one register held at the head, or its lower half. */
static bool is_plain(const struct held *h)
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
static int add_value(struct finder *f, struct strip_value v)
{
	struct strip *s = f->s;

	if (s->n_values == STRIP_VALUES)
		return -1;
	s->values[s->n_values] = v;
	return s->n_values++;
}

static bool hold_value(struct finder *f, unsigned reg, struct strip_value v)
{
	int n = add_value(f, v);

	if (n < 0)
		return false;
	f->held[reg] = (struct held){.kind = HELD_VALUE, .reg = (uint8_t)n};
	return true;
}

/* The lower 32 bits of what is held. */
static bool narrow(const struct finder *f, struct held *h)
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
static bool widen(struct finder *f, struct strip_sum *sum)
{
	if (!sum->low)
		return true;
	if (sum->a == STRIP_NO_REG) {
		sum->c = (uint32_t)sum->c;
	} else {
		if (sum->b != STRIP_NO_REG || sum->c < 0 || sum->c > UINT16_MAX)
			return false;
		f->s->narrow |= regs_of(sum);
	}
	sum->low = false;
	return true;
}

/* dst += x, both sums. */
static bool add_sums(struct finder *f, struct held *dst, struct strip_sum x, enum x86_width w)
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

/* How many values are gathered in @reg so far. */
static unsigned gathered_in(const struct strip *s, unsigned reg)
{
	unsigned n = 0;

	for (int i = 0; i < s->n_reductions; i++)
		n += s->reductions[i].reg == reg;
	return n;
}

/* dst = what @acc holds with all elements of value @n gathered in it. An earlier state of what is gathered is of no use. */
static bool gather(struct finder *f, unsigned dst, const struct held *acc, unsigned n, enum x86_alu op,
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
	if (gathered_in(s, reg) != acc->n)
		return false;
	s->reductions[s->n_reductions++] =
		(struct strip_reduction){.reg = reg, .value = (uint8_t)n, .op = op, .width = w};
	f->held[dst] = (struct held){
		.kind = HELD_GATHERED, .reg = reg, .op = op, .width = w, .n = (uint8_t)gathered_in(s, reg)};
	return true;
}

/* dst op= src, where either may be a constant. */
static bool operate(struct finder *f, unsigned dst, struct held src, enum x86_alu op, enum x86_width w)
{
	struct held *d = &f->held[dst];
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

static struct held constant(int64_t c)
{
	return (struct held){.sum = {.a = STRIP_NO_REG, .b = STRIP_NO_REG, .c = c}};
}

/* The sum that is an address: of registers, with a displacement. */
static bool address(struct finder *f, unsigned reg, int16_t off, struct strip_sum *at)
{
	const struct held *h = &f->held[reg];

	if (h->kind != HELD_SUM)
		return false;
	*at = h->sum;
	if (!widen(f, at) || at->a == STRIP_NO_REG)
		return false;
	at->c += off;
	return at->c == (int32_t)at->c;
}

static bool load(struct finder *f, const struct bpf_insn *in, enum x86_width size)
{
	struct strip_value v = {.kind = STRIP_LOAD};

	/* Loads come before the store, so that a strip may do them before. */
	return !f->s->stores && set_size(f->s, size) && address(f, in->src_reg, in->off, &v.at) &&
	       hold_value(f, in->dst_reg, v);
}

static bool store(struct finder *f, const struct bpf_insn *in, struct held h, enum x86_width size)
{
	struct strip *s = f->s;
	int n = h.reg;

	if (s->stores || !set_size(s, size) || !address(f, in->dst_reg, in->off, &s->to))
		return false;
	if (is_const(&h)) {
		n = add_value(f, (struct strip_value){.kind = STRIP_CONST, .imm = const_of(&h.sum) & element_max(s)});
	} else if (is_plain(&h) && !(h.sum.low && size == W64)) {
		f->fixed |= regs_of(&h.sum);
		n = add_value(f, (struct strip_value){.kind = STRIP_REG, .at = h.sum});
	} else if (h.kind != HELD_VALUE) {
		return false;
	}
	s->stores = true;
	s->stored = (uint8_t)n;
	return n >= 0;
}

static bool swap(struct finder *f, unsigned reg, enum x86_width w)
{
	const struct held *h = &f->held[reg];

	return h->kind == HELD_VALUE && w == f->s->size && w > W8 &&
	       hold_value(f, reg, (struct strip_value){.kind = STRIP_SWAP, .x = h->reg});
}

/* An exit that is taken when a value's elements compare so with @y. */
static bool test(struct finder *f, const struct held *x, const struct held *y, enum x86_cond cc, enum x86_width w)
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
		f->fixed |= regs_of(&y->sum);
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

/* The condition with its operands the other way round. */
static enum x86_cond mirrored(enum x86_cond cc)
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
static bool leave(struct finder *f, uint32_t at, struct held x, struct held y, enum x86_cond cc, enum x86_width w)
{
	struct strip *s = f->s;

	if (y.kind == HELD_VALUE) {
		struct held swapped = x;

		x = y;
		y = swapped;
		cc = mirrored(cc);
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
static bool jump(struct finder *f, uint32_t at, bool *back)
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
static bool follow(struct finder *f, uint32_t at)
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

/* Follows the body up to the jump that leads back. */
static bool follow_body(struct finder *f)
{
	const struct jx *j = f->j;
	struct strip *s = f->s;
	bool back = false;

	for (uint32_t at = s->head; at < j->fn->end && at < s->head + MAX_BODY; at++) {
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

/* What becomes of each register in one iteration. Return: false when it is nothing that strips can do. */
static bool settle_registers(struct finder *f)
{
	const struct jx *j = f->j;
	struct strip *s = f->s;
	uint16_t gathered = 0, gathering = 0, left = 0, read = f->fixed;

	for (int i = 0; i < s->n_reductions; i++)
		gathering |= (uint16_t)(1u << s->reductions[i].reg);
	for (unsigned r = 0; r < STRIP_REGS; r++) {
		const struct held *h = &f->held[r];

		if (h->kind == HELD_GATHERED && h->reg == r && h->n == gathered_in(s, r)) {
			gathered |= (uint16_t)(1u << r);
		} else if (h->kind == HELD_SUM && h->sum.a == r && h->sum.b == STRIP_NO_REG &&
			   !(h->sum.low && h->sum.c == 0)) {
			if (h->sum.c > STRIP_NARROW_STEP || h->sum.c < -STRIP_NARROW_STEP)
				return false;
			s->step[r] = (int32_t)h->sum.c;
			s->moves32 |= (uint16_t)((uint32_t)h->sum.low << r);
		} else {
			left |= (uint16_t)(1u << r);
		}
	}
	for (int i = 0; i < s->n_limits; i++)
		read |= regs_of(&s->limits[i].v) | regs_of(&s->limits[i].n);
	for (int i = 0; i < s->n_values; i++)
		if (s->values[i].kind == STRIP_LOAD)
			read |= regs_of(&s->values[i].at);
	if (s->stores)
		read |= regs_of(&s->to);
	for (unsigned r = 0; r < STRIP_REGS; r++)
		if ((f->fixed & 1u << r) && s->step[r])
			return false;
	/* Somebody who asks for what the last iteration leaves behind gets it from the loop. */
	if (s->last && (j->live[s->out] & left))
		s->last = 0;
	return gathered == gathering && !(read & (gathered | left)) && !(j->live[s->head] & left);
}

int32_t strip_step(const struct strip *s, const struct strip_sum *sum)
{
	return (sum->a != STRIP_NO_REG ? s->step[sum->a] : 0) + (sum->b != STRIP_NO_REG ? s->step[sum->b] : 0);
}

/* Whether an address moves by one element; what moves in 32 bits must be small then. */
static bool settle_stream(struct strip *s, const struct strip_sum *at)
{
	s->narrow |= regs_of(at) & s->moves32;
	return strip_step(s, at) == (int32_t)s->size;
}

/* The value of register @reg at the head, when the instructions before say so. */
static bool starts_with(const struct jx *j, uint32_t head, unsigned reg, int64_t *value)
{
	for (uint32_t at = head, n = 0; at > j->fn->start && n < 8; n++) {
		if (j->flags[at] & JX_TARGET && at != head)
			return false;
		at--;
		if (j->flags[at] & (JX_JUMPS | JX_ENDS) || j->ops[at] == JX_NO_OP)
			return false;
		if (j->effects[at].writes & 1u << reg) {
			*value = j->code->insns[at].imm;
			return j->ops[at] == INSN_MOV64_K || j->ops[at] == INSN_MOV32_K;
		}
	}
	return false;
}

static bool settle_limit(const struct jx *j, struct strip *s, struct strip_limit *l)
{
	int32_t step = strip_step(s, &l->v);
	int64_t start;

	if (step == 0) {
		struct strip_sum v = l->n;

		l->n = l->v;
		l->v = v;
		l->cc = (uint8_t)mirrored((enum x86_cond)l->cc);
		step = strip_step(s, &l->v);
	}
	if (step == 0 || strip_step(s, &l->n) != 0)
		return false;
	l->down = step < 0;
	step = l->down ? -step : step;
	/* The sum with a step taken off it must be one that code can have, too. */
	if ((step & (step - 1)) || l->v.c > INT32_MAX / 2 || l->v.c < INT32_MIN / 2)
		return false;
	l->shift = (uint8_t)__builtin_ctz((unsigned)step);
	if (l->width == W64)
		s->narrow |= (regs_of(&l->v) & s->moves32);
	switch (l->down ? mirrored((enum x86_cond)l->cc) : (enum x86_cond)l->cc) {
	case CC_E:
	case CC_AE:
		break;
	case CC_A:
		l->extra = 1;
		break;
	case CC_GE:
		l->is_signed = true;
		break;
	case CC_G:
		l->extra = 1;
		l->is_signed = true;
		break;
	default: /* it would be left at once or never */
		return false;
	}
	/* Loops that are known to be short do without. */
	return !(l->n.a == STRIP_NO_REG && l->v.b == STRIP_NO_REG && !l->down &&
		 starts_with(j, s->head, l->v.a, &start) &&
		 (l->n.c - l->v.c - start) >> l->shift < 2 * STRIP_BYTES / (int64_t)s->size);
}

bool strip_same_regs(const struct strip_sum *x, const struct strip_sum *y)
{
	return (x->a == y->a && x->b == y->b) || (x->a == y->b && x->b == y->a);
}

/* What can be known in advance of where the store and a load meet. Return: false when they meet in a way that strips do not allow. */
static bool settle_overlap(const struct strip *s, const struct strip_sum *from)
{
	int64_t ahead = s->to.c - from->c;

	return !strip_same_regs(&s->to, from) || ahead <= 0 || ahead >= STRIP_BYTES;
}

bool jx_find_strip(const struct jx *j, uint32_t head, struct strip *s)
{
	struct finder f = {.j = j, .s = s, .nearest = UINT32_MAX};
	uint32_t first = j->backs[head].last;

	while (j->backs[first].before)
		first = j->backs[first].before;
	if (first <= head || first - head >= MAX_BODY)
		return false;
	*s = (struct strip){.head = head};
	for (unsigned r = 0; r < STRIP_REGS; r++)
		f.held[r].sum = (struct strip_sum){.a = (uint8_t)r, .b = STRIP_NO_REG};
	if (!follow_body(&f) || !s->size || !s->n_limits || !settle_registers(&f))
		return false;
	for (int i = 0; i < s->n_values; i++) {
		const struct strip_value *v = &s->values[i];

		if (v->kind == STRIP_LOAD && (!settle_stream(s, &v->at) || (s->stores && !settle_overlap(s, &v->at))))
			return false;
	}
	if (s->stores && !settle_stream(s, &s->to))
		return false;
	for (int i = 0; i < s->n_limits; i++)
		if (!settle_limit(j, s, &s->limits[i]))
			return false;
	for (unsigned r = 0; r < STRIP_REGS; r++)
		if ((s->narrow & 1u << r) && s->step[r] < 0)
			return false;
	/* Only what is worth it: something is loaded and used, or stored. */
	return s->stores || s->n_reductions || s->n_tests;
}
