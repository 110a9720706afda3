/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random programs for fuzz-engines: what its parts share.
 *
 *   fuzz_gen.c     registers and numbers, accesses, branches, loops, calls, whole programs
 *   fuzz_shapes.c  instructions that the JIT makes one of, and the like with one thing wrong
 *   fuzz_arrays.c  loops over arrays
 *
 * A program is well formed and ends: jumps go forward except in counted loops, a function calls only later ones. All that a verified program
 * could not see is kept out of what is compared: r1 to r5 get new values after each call, the stack is written before it is read, and
 * addresses of the stack never stay in a register.
 *
 * Two shapes of functions take turns, so that frames of all kinds occur:
 *   with stack     the buffer's address and the loop counters are in stack slots, every register is free
 *   without stack  r9 holds the buffer's address and r8 a loop counter, r10 does not occur
 */
#ifndef SKEP_TESTS_JIT_FUZZ_GEN_H
#define SKEP_TESTS_JIT_FUZZ_GEN_H

#include "both.h"

#include <string.h>

enum {
	BUF_SIZE = 1 << 16,
	BUF_MID = BUF_SIZE / 2, /* what r1 points to, so any offset is inside */
	MAX_FUNCS = 5,
	MAX_DEPTH = 3,
	PACKET_SIZE = 64,

	/* Helpers by id; 12 is the tail call. */
	HELPER_MIX = 1,
	HELPER_LOOP,
	HELPER_POKE,
	HELPER_BUDGET,
	HELPER_NONE,
	HELPER_COUNT = 16,

	/* Slots of the prog array. */
	SLOT_SELF = 0,
	SLOT_FLAT,
	SLOT_EMPTY,
	SLOT_NO_CODE,
	SLOT_COUNT,

	/* Stack slots of functions with stack; data lies below. */
	STACK_BUF = -8,
	STACK_COUNTER = -16, /* and downwards, one for each depth of loops */
	STACK_DATA = -64,
	STACK_DATA_SIZE = 64,
};

struct gen {
	uint64_t rng;
	struct builder b;
	uint32_t funcs[MAX_FUNCS]; /* where each begins */
	uint32_t n_funcs;
	uint32_t calls[64], callee[64]; /* CALL_SUBPROG and LD_FUNC to be pointed at their functions */
	uint32_t n_calls;

	/* The function at hand. */
	uint32_t func;
	bool stack;
	int data; /* offset of the stack's data */
	int calls_left;
	uint32_t loops; /* that we are in */
	bool counter_taken; /* without stack: r8 counts a loop */
};

/* gen_program - make @g->b the program of this seed. */
void gen_program(struct gen *g, uint64_t seed);

/* Numbers. pick() is below n; pick_imm() hits boundaries more often than chance would. */
uint64_t next_random(uint64_t *state);
uint32_t pick(struct gen *g, uint32_t n);
bool chance(struct gen *g, uint32_t percent);
int32_t pick_imm(struct gen *g);

/* Registers that may be written, or read as a number. */
uint32_t pick_dst(struct gen *g);
uint32_t pick_src(struct gen *g);
void set_random(struct gen *g, uint32_t reg);

/* load_buf - the buffer's address into a register. */
void load_buf(struct gen *g, uint32_t reg);

/* pick_op - an operation for which @is holds; every row of the table is as likely as another. */
const struct insn_desc *pick_op(struct gen *g, bool (*is)(const struct insn_desc *d));
bool is_cond_jump(const struct insn_desc *d);
void gen_alu(struct gen *g);

/* fuzz_shapes.c: one of them. */
void gen_shape(struct gen *g);

/* fuzz_arrays.c */
void gen_array_loop(struct gen *g);

#endif
