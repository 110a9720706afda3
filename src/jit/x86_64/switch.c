// SPDX-License-Identifier: BSD-2-Clause
/*
 * Switches: trees of comparisons become tables of jumps.
 *
 * The instruction set has no indirect jump that programs of all kernels could use, so compilers spell a switch as a tree (or a chain) of
 * comparisons of one register with constants. A CPU that guesses five branches right in a row is a lucky one.
 *
 * Theory of operation
 *
 * A comparison that no tree before it contains may be a root. From there all comparisons of the same register and width are gathered that are
 * reached through comparisons alone; instructions that load a constant into another register may stand between. Within the tree the register does not
 * change, so where the program leaves it is a function of the register's value, and of nothing else. For each value between the least and the
 * greatest constant walk() follows the program and tells where that is, and which constants are loaded on the way.
 *
 * The code then is: an index, a check of its range, a jump through the table. Values out of range go on to the tree itself, which stays as it is. A
 * way with constants on it leads to code of its own, behind the table's jump, that loads them and goes on.
 *
 * Invariants
 *  - Everything that a table entry may lead to is marked as a jump target before code is made, so that no fusion
 *    swallows it; the root too.
 *  - Entries are instructions of the same function, as the tree's own jumps are.
 *  - walk() only ever goes forward, so it ends.
 */
#include "jit/x86_64/jx.h"

#include <errno.h>
#include <stdlib.h>

enum {
	MIN_NODES = 5, /* comparisons that make a table worth it: with fewer, branches are as good */
	MAX_ENTRIES = 1024,
	ENTRIES_PER_NODE = 4, /* a table may have so many entries for each comparison */
	MAX_NODES = 2 * MAX_ENTRIES,
	MAX_LOADS = 4, /* constants on one way */
	MAX_STEPS = 64, /* of one way */
};

/* What a jump compares: 0 for none of these. */
enum order { ORDER_NONE, ORDER_ANY, ORDER_UNSIGNED, ORDER_SIGNED };

struct test {
	uint8_t order; /* enum order */
	uint8_t width;
	uint8_t cc; /* enum x86_cond */
};

/* clang-format off */
#define TEST(name, order, cc) [INSN_##name##64_K] = {order, W64, cc}, [INSN_##name##32_K] = {order, W32, cc}

static const struct test tests[INSN_OP_COUNT] = {
	TEST(JEQ, ORDER_ANY, CC_E), TEST(JNE, ORDER_ANY, CC_NE),
	TEST(JGT, ORDER_UNSIGNED, CC_A), TEST(JGE, ORDER_UNSIGNED, CC_AE),
	TEST(JLT, ORDER_UNSIGNED, CC_B), TEST(JLE, ORDER_UNSIGNED, CC_BE),
	TEST(JSGT, ORDER_SIGNED, CC_G), TEST(JSGE, ORDER_SIGNED, CC_GE),
	TEST(JSLT, ORDER_SIGNED, CC_L), TEST(JSLE, ORDER_SIGNED, CC_LE),
};
#undef TEST
/* clang-format on */

/* Whether @v is @cc than @imm. Neither is beyond what both orders agree on: see gather(). */
static bool holds(enum x86_cond cc, int64_t v, int64_t imm)
{
	switch (cc) {
	case CC_E:
		return v == imm;
	case CC_NE:
		return v != imm;
	case CC_A:
	case CC_G:
		return v > imm;
	case CC_AE:
	case CC_GE:
		return v >= imm;
	case CC_B:
	case CC_L:
		return v < imm;
	default:
		return v <= imm;
	}
}

/* Whether instruction @at belongs to a tree that compares BPF register @reg, @width wide. */
static bool is_node(const struct jx *j, uint32_t at, unsigned reg, enum x86_width width)
{
	unsigned op = j->ops[at];

	return op != JX_NO_OP && tests[op].order && tests[op].width == (uint8_t)width &&
	       j->code->insns[at].dst_reg == reg;
}

/* A constant for a register other than @reg. */
static bool is_load(const struct jx *j, uint32_t at, unsigned reg)
{
	return (j->ops[at] == INSN_MOV64_K || j->ops[at] == INSN_MOV32_K) && j->code->insns[at].dst_reg != reg;
}

static bool is_goto(const struct jx *j, uint32_t at)
{
	return (j->ops[at] == INSN_JA || j->ops[at] == INSN_GOTOL);
}

static uint32_t goto_target(const struct jx *j, uint32_t at)
{
	const struct bpf_insn *in = &j->code->insns[at];

	return jx_target(at, j->ops[at] == INSN_GOTOL ? in->imm : in->off);
}

/* Where a way through a tree ends. */
struct way {
	uint32_t target;
	uint32_t n_loads;
	uint32_t loads[MAX_LOADS]; /* instructions */
};

/*
 * walk - the way of value @v from @root on.
 * It ends at the first instruction that is neither a comparison of the register nor a constant, nor a jump; and before constants that lead to no
 * comparison, since those are nothing to skip.
 */
static void walk(const struct jx *j, const struct jx_switch *s, int64_t v, struct way *way)
{
	const struct bpf_insn *insns = j->code->insns;
	uint32_t at = s->root, n = 0;

	*way = (struct way){.target = at};
	for (int step = 0; step < MAX_STEPS; step++) {
		uint32_t to;

		if (is_node(j, at, s->reg, (enum x86_width)s->width)) {
			to = holds((enum x86_cond)tests[j->ops[at]].cc, v, insns[at].imm) ? jx_target(at, insns[at].off)
											  : at + 1;
			way->target = to;
			way->n_loads = n;
		} else if (is_goto(j, at)) {
			to = goto_target(j, at);
			if (way->target == at)
				way->target = to;
		} else if (is_load(j, at, s->reg) && n < MAX_LOADS) {
			way->loads[n++] = at;
			to = at + 1;
		} else {
			return;
		}
		if (to <= at)
			return;
		at = to;
	}
}

/*
 * gather - see how large the tree at @root is: its comparisons are marked in @seen.
 * Return: true when a table is worth it; s->lo and s->n are its range then.
 *
 * The range begins at 0 or above unless all orders in the tree are signed, and ends below 2^31: constants are signed 32 bits, and beyond that a
 * value that is signed and one that is not would go different ways.
 */
static bool gather(struct jx *j, struct jx_switch *s, uint32_t end, uint32_t *todo, uint8_t *seen)
{
	bool is_unsigned = false, is_signed = false;
	int64_t lo = INT64_MAX, hi = INT64_MIN;
	uint32_t n_todo = 0, nodes = 0;

	todo[n_todo++] = s->root;
	while (n_todo) {
		uint32_t at = todo[--n_todo];
		const struct bpf_insn *in;
		int loads = 0;

		while (at < end && loads <= MAX_LOADS) {
			if (is_load(j, at, s->reg)) {
				loads++;
				at++;
			} else if (is_goto(j, at) && goto_target(j, at) > at) {
				at = goto_target(j, at);
			} else {
				break;
			}
		}
		if (at >= end || seen[at] || !is_node(j, at, s->reg, (enum x86_width)s->width))
			continue;
		in = &j->code->insns[at];
		seen[at] = 1;
		nodes++;
		is_unsigned |= tests[j->ops[at]].order == ORDER_UNSIGNED;
		is_signed |= tests[j->ops[at]].order == ORDER_SIGNED;
		lo = MIN(lo, (int64_t)in->imm);
		hi = MAX(hi, (int64_t)in->imm);
		if (nodes > MAX_NODES || n_todo + 2 > MAX_NODES)
			break;
		todo[n_todo++] = at + 1;
		if (in->off > 0)
			todo[n_todo++] = jx_target(at, in->off);
	}
	if (nodes < MIN_NODES || (is_unsigned && is_signed) || (lo < 0 && !is_signed) || lo == INT32_MIN ||
	    hi - lo >= MAX_ENTRIES || hi - lo >= (int64_t)nodes * ENTRIES_PER_NODE)
		return false;
	s->lo = lo;
	s->n = (uint32_t)(hi - lo + 1);
	return true;
}

void jx_find_switches(struct jx *j)
{
	uint32_t n = j->code->n_insns, *todo = NULL;
	uint8_t *seen = NULL;

	for (uint32_t k = 0; k < j->code->n_subprogs; k++) {
		const struct jx_func *f = &j->funcs[k];

		for (uint32_t at = f->start; at < f->end; at++) {
			struct jx_switch s = {.root = at, .reg = j->code->insns[at].dst_reg};
			unsigned op = j->ops[at];

			if (op == JX_NO_OP || !tests[op].order || (seen && seen[at]))
				continue;
			s.width = tests[op].width;
			/* Most comparisons stand alone: look before paying for memory. */
			if (!seen &&
			    !is_node(j, jx_target(at, j->code->insns[at].off), s.reg, (enum x86_width)s.width) &&
			    !is_node(j, at + 1, s.reg, (enum x86_width)s.width) && !is_load(j, at + 1, s.reg))
				continue;
			if (!seen) {
				seen = calloc(n, 1);
				todo = calloc(MAX_NODES, sizeof(*todo));
			}
			if (!seen || !todo) {
				jx_fail(j, -ENOMEM);
				break;
			}
			if (!gather(j, &s, f->end, todo, seen) ||
			    !jx_grow(j, &j->switches, sizeof(s), j->n_switches, &j->cap_switches))
				continue;
			j->switches[j->n_switches++] = s;
			j->flags[at] |= JX_TARGET;
			for (uint32_t i = 0; i < s.n; i++) {
				struct way way;

				walk(j, &s, s.lo + i, &way);
				j->flags[way.target] |= JX_TARGET;
			}
		}
	}
	free(todo);
	free(seen);
}

void jx_emit_switch(struct jx *j)
{
	const struct jx_switch *s = &j->switches[j->next_switch++];
	uint32_t beyond = jx_new_place(j), first = j->n_pool, detour = 0;
	enum x86_reg reg = jx_reg(s->reg);
	struct emit *e = &j->e;
	struct way way, last = {0};

	/* The tree may compare 64 bits: then the index is all of them, else the low half. */
	if (s->lo)
		emit_lea(e, (enum x86_width)s->width, R11, reg, (int32_t)-s->lo);
	else
		emit_mov_rr(e, (enum x86_width)s->width, R11, reg);
	emit_alu_ri(e, (enum x86_width)s->width, ALU_CMP, R11, (int32_t)s->n);
	jx_jcc(j, CC_AE, beyond);
	jx_rip(j, W64, 0x8d, R10, first);
	emit_rsib(e, W32, 0xff, 4, (struct x86_sib){.base = R10, .index = R11, .scale = 3}); /* jmp [r10 + r11 * 8] */
	for (uint32_t i = 0; i < s->n; i++)
		jx_pool_add(j, RELOC_TEXT, 0);
	for (uint32_t i = 0; i < s->n && !e->err; i++) {
		uint32_t to;

		walk(j, s, s->lo + i, &way);
		to = way.target;
		if (way.n_loads) {
			/* Neighbours often share their way. */
			if (!detour || memcmp(&way, &last, sizeof(way)) != 0) {
				detour = jx_new_place(j);
				last = way;
				jx_land(j, detour);
				for (uint32_t k = 0; k < way.n_loads; k++) {
					const struct bpf_insn *in = &j->code->insns[way.loads[k]];

					jx_mov_k(j, in, 0, j->ops[way.loads[k]] == INSN_MOV64_K ? W64 : W32);
				}
				jx_jmp(j, way.target);
			}
			to = detour;
		}
		j->pool[first + i].index = to;
	}
	jx_land(j, beyond);
}
