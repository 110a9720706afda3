/* SPDX-License-Identifier: BSD-2-Clause */
/* The assembler's inside: asm.c (lines, labels), asm_match.c (templates), asm_scan.c (characters). */
#ifndef SKEP_INSN_ASM_H
#define SKEP_INSN_ASM_H

#include "base/util.h"
#include "insn/text.h"

#include <ctype.h>
#include <string.h>

enum { ASM_NAME_SIZE = 256 };

/* A piece of the text: not NUL-terminated. */
struct span {
	const char *s;
	size_t len;
};

struct label {
	struct span name;
	uint32_t slot;
};

/* A jump, call or subprog[] that waits for a label. */
struct wait {
	struct span name;
	uint32_t slot, line;
	const char *line_start;
};

struct as {
	const struct insn_asm_opts *opts;
	struct insn_asm_error *error;
	struct bpf_insn *insns;
	struct label *labels;
	struct wait *waits;
	uint32_t n, n_labels, n_waits;
	size_t cap, cap_labels, cap_waits;
	uint32_t line;
	const char *line_start;
	const char *end; /* of the line */
	const char *best; /* how far the best attempt came */
	bool best_is_value;
	bool best_is_unclear; /* attempts that came as far expected different things */
	bool has_opcode;
};

/* One attempt to match a line. */
struct attempt {
	struct as *as;
	const struct insn_desc *d;
	const char *s;
	struct bpf_insn insn[2];
	bool has_dst, has_src;
	struct span target; /* label that the instruction waits for */
};

static inline bool asm_is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static inline bool asm_is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '.' || c == '$';
}

static inline void asm_skip_space(struct attempt *a)
{
	while (a->s < a->as->end && asm_is_space(*a->s))
		a->s++;
}

/* asm_peek - the next character, 0 at the end of the line. */
static inline char asm_peek(const struct attempt *a)
{
	return a->s < a->as->end ? *a->s : 0;
}

/* asm_copy_name - a span as a string. */
static inline const char *asm_copy_name(struct span w, char buf[ASM_NAME_SIZE])
{
	size_t len = MIN(w.len, (size_t)ASM_NAME_SIZE - 1);

	memcpy(buf, w.s, len);
	buf[len] = 0;
	return buf;
}

/* asm_note - remember a failure when it is at least as far as any before. Return: false. */
__attribute__((format(printf, 4, 5))) bool asm_note(struct as *as, const char *at, bool value, const char *fmt, ...);

/* asm_literal - match a string of the template. */
bool asm_literal(struct attempt *a, const char *text);

/* asm_word - the name that stands here: letters, digits and _ . $; empty when there is none. */
struct span asm_word(struct attempt *a);

/*
 * asm_number - an integer: decimal or 0x, with a sign.
 * @min, @max:  range of the value; hexadecimal may also be a bit pattern of up to @bits bits
 */
bool asm_number(struct attempt *a, int64_t min, int64_t max, int bits, int64_t *value);

/* asm_match - whether the rest of the line is this template. */
bool asm_match(struct attempt *a, const char *template);

#endif
