/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Strips: what strip.c and strip_follow.c find out about a loop, and strip_emit.c makes code of. strip.c tells how it works.
 */
#ifndef SKEP_JIT_X86_64_STRIP_H
#define SKEP_JIT_X86_64_STRIP_H

#include "jit/x86_64/jx.h"

enum {
	STRIP_BYTES = 16, /* of each stream that one strip covers */
	STRIP_VALUES = 8, /* each has the vector register of its number */
	STRIP_LIMITS = 4,
	STRIP_TESTS = 2,
	STRIP_REDUCTIONS = 2,
	STRIP_REGS = 11,
	STRIP_MAX_BODY = 32, /* instructions */
	STRIP_NO_REG = 0xff,
	/* Registers that are sums of narrow ones (strip.narrow) start below 2^31 and move by less than that. */
	STRIP_NARROW_ROUNDS_LOG2 = 24,
	STRIP_NARROW_STEP = 64,
};

/* What registers @a and @b (or none) hold at the loop's head, and a constant; @low: the lower 32 bits of that. */
struct strip_sum {
	uint8_t a, b;
	bool low;
	int64_t c;
};

/* A vector: one element for each iteration. Elements are as wide as strip.size, and nothing is above them. */
struct strip_value {
	enum { STRIP_CONST, STRIP_REG, STRIP_LOAD, STRIP_SWAP, STRIP_LOGIC } kind : 8;
	uint8_t op; /* LOGIC: enum x86_alu */
	uint8_t x, y; /* SWAP, LOGIC: operands */
	uint64_t imm; /* CONST */
	struct strip_sum at; /* LOAD: where; REG: which, in a */
};

/*
 * An exit that is taken when @v, which moves by a constant each iteration, comes to @n, which does not change.
 * From what lies between at the head follows how many iterations do not take it.
 */
struct strip_limit {
	struct strip_sum v, n;
	uint32_t insn;
	uint8_t cc, width; /* taken when v cc n */
	bool is_signed, down;
	uint8_t shift; /* log2 of the step */
	uint8_t extra; /* 1: the iteration in which v equals n is not left here either */
};

/* An exit that is taken when the elements of two values are equal, or when they are not. */
struct strip_test {
	uint8_t x, y;
	bool on_equal;
	uint8_t when; /* how many values are computed before it */
};

/* An operation that gathers all elements of a value in a register. */
struct strip_reduction {
	uint8_t reg, value;
	uint8_t op, width; /* ALU_ADD, ALU_OR, ALU_XOR */
};

struct strip {
	uint32_t head, end; /* the loop: its first and last instruction */
	uint32_t
		last; /* the last conditional jump, if the loop may end there in the last iteration of a strip; 0: none */
	uint32_t out; /* where it goes then */
	enum x86_width size; /* of an element */
	struct strip_value values[STRIP_VALUES];
	struct strip_limit limits[STRIP_LIMITS];
	struct strip_test tests[STRIP_TESTS];
	struct strip_reduction reductions[STRIP_REDUCTIONS];
	uint8_t n_values, n_limits, n_tests, n_reductions;
	bool stores;
	struct strip_sum to; /* what is stored goes there */
	uint8_t stored;
	uint16_t
		narrow; /* registers whose sums were taken in 32 bits or move in 32 bits: must be small for addresses to be what they seem */
	uint16_t moves32; /* registers that are counted in 32 bits */
	int32_t step[STRIP_REGS]; /* what each register moves by in an iteration */
};

/* What a register holds at some point of the body. */
struct strip_held {
	enum { HELD_SUM, HELD_VALUE, HELD_GATHERED } kind : 8;
	uint8_t reg; /* GATHERED: the register that gathers; VALUE: which */
	uint8_t op, width, n; /* GATHERED; n: how many values, the last one included */
	struct strip_sum sum;
};

struct strip_finder {
	const struct jx *j;
	struct strip *s;
	struct strip_held held[STRIP_REGS];
	uint16_t fixed; /* registers that must not change in the loop */
	uint32_t nearest; /* of the jumps ahead out of the loop, the nearest target */
};

/* The registers of a sum, as bits. */
static inline uint16_t strip_regs(const struct strip_sum *sum)
{
	return (uint16_t)((sum->a != STRIP_NO_REG ? 1u << sum->a : 0) | (sum->b != STRIP_NO_REG ? 1u << sum->b : 0));
}

/*
 * strip_follow - go through the body, from f->s->head to the jump that leads back (strip_follow.c).
 * Return: false when it does something that strips cannot.
 */
bool strip_follow(struct strip_finder *f);

/* strip_gathered_in - how many values are gathered in @reg so far. */
unsigned strip_gathered_in(const struct strip *s, unsigned reg);

/* strip_mirrored - the condition with its operands the other way round. */
enum x86_cond strip_mirrored(enum x86_cond cc);

/* strip_step - what a sum moves by in an iteration. */
int32_t strip_step(const struct strip *s, const struct strip_sum *sum);

/* strip_same_regs - whether two addresses differ by a constant that is known. */
bool strip_same_regs(const struct strip_sum *x, const struct strip_sum *y);

/* jx_find_strip - see whether the loop that begins at @head can be done in strips. Return: false when not. */
bool jx_find_strip(const struct jx *j, uint32_t head, struct strip *s);

#endif
