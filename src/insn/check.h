/* SPDX-License-Identifier: BSD-2-Clause */
/* The shape of a whole program: what can be said of it before anything is known of its maps, helpers and type. */
#ifndef SKEP_INSN_CHECK_H
#define SKEP_INSN_CHECK_H

#include "insn/insn.h"

/* What insn_check() lets pass although the kernel would not. */
enum insn_check_flags {
	INSN_ALLOW_RFC_MATH =
		1 << 0, /* constant shift counts beyond the width, division by a constant 0: as RFC 9669 */
	INSN_ALLOW_PROBES = 1 << 5, /* loads as the loader makes them (insn_is_probe()): in no program that is loaded */
	INSN_ALLOW_CALLX = 1 << 1, /* calls of a helper whose number is in a register */
	INSN_ALLOW_UNREACHABLE = 1 << 2, /* instructions that no path reaches */
	INSN_ALLOW_R10_WRITE = 1 << 4, /* instructions that write the frame pointer */
	INSN_LOOSE_CALLBACKS = 1 << 3, /* LD_FUNC is no call: who knows which callbacks are asynchronous checks them */
};

/* Kinds of refusal, for who explains them (verify/report.h). */
enum insn_fault {
	INSN_FAULT_NONE,
	INSN_FAULT_SIZE, /* no instructions, or too many */
	INSN_FAULT_DECODE, /* bytes that are no instruction */
	INSN_FAULT_WIDE, /* the second slot of a 64-bit immediate */
	INSN_FAULT_MATH, /* a shift count or divisor without a meaning */
	INSN_FAULT_CALLX,
	INSN_FAULT_OUTSIDE, /* a jump, call or callback out of the program, or into a 64-bit immediate */
	INSN_FAULT_LEAVES, /* a jump into another function */
	INSN_FAULT_FUNCTIONS, /* too many */
	INSN_FAULT_END, /* a function that runs past its end */
	INSN_FAULT_UNREACHABLE,
	INSN_FAULT_RECURSION, /* chain: the calls of the cycle */
	INSN_FAULT_DEPTH, /* chain: the calls that nest too deep */
};

struct insn_shape {
	/* On success: the first instruction of each function, ascending; subprogs[0] is 0. Freed by insn_shape_free(). */
	uint32_t *subprogs;
	uint32_t n_subprogs;
	/* On refusal: which instruction (slot number), and why, for people. */
	uint32_t insn;
	char reason[160];
	enum insn_fault fault;
	uint32_t chain[SKEP_MAX_CALL_FRAMES + 4], n_chain; /* instructions that call, outermost first */
};

/*
 * insn_check - check the shape of a program and find its functions.
 * @insns:  any bytes at all; nothing about them is trusted
 * @n:      slots, 1 to SKEP_MAX_INSNS
 * @flags:  enum insn_check_flags
 * @out:    filled in either case, no need to initialise it
 *
 * Refused, each with its reason: a slot that does not decode; an incomplete 64-bit immediate; a jump or
 * call out of the program, into the second slot of a 64-bit immediate or into another function; a
 * function that does not end in exit or an unconditional jump; an unreachable instruction; recursion,
 * and more than SKEP_MAX_CALL_FRAMES calls deep (a callback counts as called where its address
 * is taken); more than SKEP_MAX_SUBPROGS functions; constant shifts at least as wide as their operand;
 * division and modulo by a constant 0; callx. Time and memory are linear in @n.
 *
 * Return: 0, -EINVAL, -E2BIG for too many instructions or functions, -ENOMEM.
 */
int insn_check(const struct bpf_insn *insns, uint32_t n, uint32_t flags, struct insn_shape *out);

/* insn_check_entry - the same for a program with a second way in: a function begins at slot @entry that nobody need call (0: none). */
int insn_check_entry(const struct bpf_insn *insns, uint32_t n, uint32_t flags, uint32_t entry, struct insn_shape *out);

/* insn_shape_free - free what insn_check() allocated; fine after a refusal. */
void insn_shape_free(struct insn_shape *shape);

#endif
