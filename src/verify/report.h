/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Why a program was refused, for people who have never read a verifier log.
 *
 * Theory of operation
 *
 * When verify() refuses a program, the path that led there is known: the states that were cached on it stand in a chain of parents, and each
 * has the history of its stretch. follow.c walks the last stretches once more, each from a copy of the very state that it began with, and notes what every
 * instruction did. slice.c goes back over these notes from the register that the refusal is about: the assignments that made its value, and the branches
 * that taught something about it. explain.c turns all that into a report: category, reason (say_*.c), place, path, suggestion (suggest.c). The order is
 * that of Linux 7.3's own.
 *
 * A report never changes a verdict. Where the path cannot be followed (no memory, a stretch that began elsewhere) it has fewer events.
 */
#ifndef SKEP_VERIFY_REPORT_H
#define SKEP_VERIFY_REPORT_H

#include "verify/verify.h"

/* A place in the program. Strings are the BTF's own and live as long as it; file NULL: no line information. */
struct report_place {
	uint32_t insn;
	const char *file; /* as the compiler was given it */
	uint32_t line, column;
	const char *source; /* the line, without the blanks in front */
	const char *function; /* "" when unknown */
};

struct report_event {
	struct report_place at;
	char *text; /* "value is a number from 0 to 255" */
};

enum { REPORT_EVENTS = 12 };

struct verify_report {
	enum verify_problem problem;
	char *reason; /* in plain words, one sentence or two */
	struct report_place at;
	char *insn; /* the instruction: "r1 = *(u32 *)(r2 +4)" */
	int reg; /* that the refusal is about; -1: none */
	struct report_event events[REPORT_EVENTS]; /* the causal path, oldest first */
	uint32_t n_events, n_more; /* n_more: older ones that are left out */
	char *suggestion; /* NULL: none */
};

/* Texts of the categories (problem.c): a word for JSON ("packet_range") and a title ("access outside the packet"). */
const char *problem_name(enum verify_problem p);
const char *problem_title(enum verify_problem p);

/* report_place_of - the place of an instruction. */
void report_place_of(const struct verify_input *in, uint32_t insn, struct report_place *out);

/*
 * report_shape - the report of a program that insn_check() refused.
 * @in:     insns; line_info, btf, func_info and subprogs (where the functions of func_info begin) as far as they are known
 * Return: NULL: out of memory, or nothing was refused.
 */
struct insn_shape;
struct verify_report *report_shape(const struct verify_input *in, const struct insn_shape *shape);

void report_free(struct verify_report *r);

#endif
