/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A checking interpreter: runs an accepted program and holds every step to the rules and to the verifier's own claims.
 *
 * Theory of operation
 *
 * Values are what they are in the real engines: addresses of this process, and helpers are the real ones. Beside each value stands what it
 * really is: the object that a pointer points into (with its bounds), and whether the value depends on addresses or time (odd), so that
 * engines need not agree on it. Every access must stay inside its object; one to the context must be one that the tables allow.
 *
 * Beside the run goes a set of candidates: nodes of the verifier's graph (trace.h) that stand for the state of the machine. After each
 * instruction, those successors stay whose registers, stack slots and links contain the machine's; when none is left, the verifier has
 * claimed what is not so. Where the walk was pruned the run goes on in the state that covered it, with excuses for what that state did not vouch for:
 * dead registers and slots, and scalars that are not precise. An excuse goes with the value wherever it is copied, and ends when it is overwritten. A value
 * that has one must never be looked at (dead) or move a pointer (not precise): so liveness and precision are tested as well.
 */
#ifndef SKEP_TESTS_FUZZ_MACHINE_H
#define SKEP_TESTS_FUZZ_MACHINE_H

#include "world.h"

enum obj_kind {
	OBJ_NONE,
	OBJ_CTX,
	OBJ_STACK,
	OBJ_PKT, /* from data on */
	OBJ_META, /* from data_meta on */
	OBJ_PKT_END,
	OBJ_MAP,
	OBJ_VALUE,
	OBJ_KEY,
	OBJ_RECORD, /* of a ring buffer, until it is submitted */
	OBJ_MEM, /* argument of a global function */
	OBJ_FUNC,
	OBJ_OTHER, /* opaque */
};

struct obj {
	enum obj_kind kind;
	uint64_t base;
	uint32_t size;
	int map; /* enum world_map of a map, value or key */
	uint32_t parent; /* OBJ_MEM: what it lies in */
	int frame; /* OBJ_STACK */
	bool dead, stale, rdonly; /* stale: the element may have been deleted since */
};

struct creg { /* a concrete register */
	uint64_t v;
	uint16_t obj; /* 0: a number */
	bool init, odd;
};

enum { DEPTH_MAX = 20, OBJS_MAX = 4000, CANDS_MAX = 24, STEPS_MAX = 60000 };

struct cframe {
	struct creg r[11];
	uint32_t ret, stack_obj;
	bool callback; /* returns into the helper that called it */
};

struct candidate {
	const struct node *node;
	struct excuse excuse; /* frames counted from the machine's base */
};

struct cands {
	uint32_t n;
	struct candidate c[CANDS_MAX];
};

struct machine {
	struct world *w;
	const struct fuzz_prog *p;
	const struct claims *claims;
	struct cframe f[DEPTH_MAX];
	uint32_t depth, base; /* frames in use; the frame that is the claims' frame 0 */
	uint32_t pc;
	_Alignas(8) uint8_t stack[DEPTH_MAX][512];
	uint8_t byte_init[DEPTH_MAX][512], byte_odd[DEPTH_MAX][512];
	struct {
		uint16_t obj;
		uint64_t v; /* the pointer as it was spilled */
	} spilled[DEPTH_MAX][64];
	struct obj objs[OBJS_MAX];
	uint32_t n_objs, pkt_obj, meta_obj, live_records;
	struct cands cands;
	bool gave_up; /* more candidates than there is room for: claims are not looked at any more */
	/* What came of it. */
	char violation[600]; /* "": none */
	bool odd; /* the result depends on addresses, time or uninitialised stack */
	bool unordered; /* or on the order of a hash's elements */
	bool tired; /* stopped after STEPS_MAX */
	bool ended; /* by a tail call from the main program, or a packet load */
	uint32_t steps, checks;
	uint64_t r0;
};

/* machine_run - one run. m->violation tells what was wrong. */
void machine_run(struct machine *m, struct world *w, const struct fuzz_prog *p, const struct claims *claims,
		 const struct input *in, struct outcome *out);

/* For claim.c */
void violate(struct machine *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
uint32_t obj_new(struct machine *m, struct obj o);
uint32_t machine_size(const struct bpf_insn *insn); /* bytes that a load or store moves */

/* claim.c */

/* claim_start - the candidates at the beginning of a function that was verified on its own. */
void claim_start(struct machine *m, uint32_t subprog);
/*
 * claim_before - what the instruction at hand, in the state before it, makes of the excuses; violates when it needs what is excused.
 * @reads: registers that it looks at
 */
void claim_before(struct machine *m, const struct bpf_insn *insn, uint32_t reads);
/* claim_arrive - the machine now stands at m->pc: which successors contain it? */
void claim_arrive(struct machine *m);
/* claim_helper_reads - a helper reads bytes of a stack. */
void claim_mem_read(struct machine *m, uint64_t addr, uint32_t size);

/* stack_at - which frame's stack an address lies in: its frame (absolute), or -1. @slot: its slot; NULL. */
int stack_at(const struct machine *m, uint64_t addr, uint32_t *slot);

#endif
