/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files that make a report share; report.h has the theory. */
#ifndef SKEP_VERIFY_REPORT_IMPL_H
#define SKEP_VERIFY_REPORT_IMPL_H

#include "verify/internal.h"
#include "verify/report.h"

enum { STEPS_MAX = 4096, NO_SLOT = 0xff };

/* One instruction on the path, with what it found and what it left. */
struct step {
	uint32_t insn;
	uint8_t frame; /* that it ran in */
	bool branch; /* a conditional jump that could have gone the other way */
	bool taken; /* it jumped */
	uint8_t slot, slot_frame; /* stack slot that it read or wrote; NO_SLOT: none */
	uint16_t lost; /* registers whose pointers it made invalid */
	uint64_t lost_slots; /* and stack slots of its frame */
	struct reg dst, src; /* before it */
	struct reg after; /* dst after it (r0 of a call, and of a return the caller's) */
	struct reg after_src; /* src after it, of a branch */
};

struct path {
	struct step *steps;
	uint32_t n;
	bool whole; /* it begins where the program (or the global function) does */
	struct state *end; /* before the instruction that was refused; NULL: the path is not known */
};

/* follow.c: the path to the refusal, walked once more. False: out of memory, or it cannot be followed. */
bool follow(struct verifier *v, struct path *path);
void path_drop(struct verifier *v, struct path *path);

/* slice.c: what a refusal is about, and the events that led there, oldest first. */
enum { SUBJECT_IDS = 8 };
struct subject {
	int reg; /* of the frame that the refused instruction runs in; -1: none */
	int slot; /* -1: none */
	uint32_t id; /* a reference or pointer id that was not given back; 0: none */
	uint32_t taken_at; /* the instruction that took it */
	const struct step *lost; /* filled in: the instruction that made its pointer invalid */
	bool loop; /* the branches since the same instruction was here last */
};
void slice(struct verifier *v, const struct path *path, struct subject *about, struct verify_report *r);

/* words.c */
struct words {
	char *text;
	size_t n, room;
};
void words_add(struct words *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* "a number from 0 to 255", "a value of map 'counts', or NULL" */
void words_reg(struct words *w, const struct verifier *v, const struct reg *r);
/* The name of what an instruction calls: "bpf_map_lookup_elem"; "" when unknown. */
const char *words_callee(const struct verifier *v, uint32_t at);
/* A helper's name to insn_text(): struct insn_text_opts. */
bool words_helper(void *arg, uint32_t id, char *buf, size_t size);
/* The condition of a jump as it came out: "r1 > 5", "r1 <= 5". */
void words_condition(struct words *w, const struct verifier *v, const struct step *s);

/* What a refusal is, to those who word it. */
struct refusal {
	struct verifier *v;
	const struct path *path;
	struct verify_report *r;
	const struct reg *reg; /* that it is about, as it was; NULL: none */
	const struct bpf_insn *insn;
	uint32_t op; /* enum of its row in the instruction table */
	const char *callee; /* "" */
	const struct step *lost; /* the call that made the pointer invalid; NULL: none */
	const struct step *origin; /* the call that gave the pointer that it is about; NULL: none on the path */
};

/* phrases.c */
bool is_call_op(uint32_t op);
bool is_access(const struct bpf_insn *insn);
const char *plural(uint32_t n); /* "" or "s" */
/* The first reference, or lock, that is held; NULL: none. */
const struct ref *held_ref(const struct state *s, bool locks);
bool says(const struct refusal *f, const char *text); /* does the verifier's message? */
void phrase_access(struct words *w, const struct refusal *f); /* "reads 4 bytes" */
void phrase_arg(struct words *w, const struct refusal *f); /* "argument 2 of bpf_map_lookup_elem()" */
void phrase_reg(struct words *w, const struct refusal *f); /* "r1 is a number from 0 to 255" */
void phrase_message(struct words *w, const struct refusal *f); /* what the check said, without a full stop */

/*
 * Why: the reason of a report. The sentence of each category; explain.c's table says which category has which, and what must be there for it. phrases.c has
 * the one for all others, which quotes the check.
 */
typedef void say_fn(struct words *w, const struct refusal *f);
say_fn say_message;
/* say_access.c: what works on data */
say_fn say_scalar, say_packet, say_ctx, say_moved, say_range, say_unbounded, say_null, say_stack, say_uninit, say_arith,
	say_div, say_read_only, say_misaligned;
/* say_call.c: what is called, handed over or attached */
say_fn say_null_arg, say_arg, say_call, say_gpl, say_sleep, say_map, say_attach;
/* say_order.c: what is owed */
say_fn say_leak, say_return, say_ptr_leak, say_dynptr, say_lock, say_iter, say_rcu;
/* say_limits.c: what is too much */
say_fn say_loop, say_complex, say_depth;
/* The calls whose stacks are too much together, as the path of the report. */
void explain_depths(const struct refusal *f);

/* suggest.c: the next step, in the program's own names; NULL: none */
char *suggest(const struct refusal *f);

/*
 * source.c: identifiers off a source line. source_base: what is dereferenced at a column, "eth" of "eth->h_proto"; source_target: what is assigned,
 * "value" of "value = f();"; source_word: what ends before @end of @line. False: cannot be told.
 */
bool source_word(const char *line, const char *end, char *name, size_t size);
bool source_base(const struct report_place *at, char *name, size_t size);
bool source_target(const struct report_place *at, char *name, size_t size);

#endif
