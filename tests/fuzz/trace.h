/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the verifier claims of a program, kept as a graph.
 *
 * Theory of operation
 *
 * Every state that the walk steps is a node; its edges lead to the states that the step makes. A walk that arrives at a state which a cached one covers
 * ends in a node with a cover: from there the claims are those of the node that covers it, less what did not matter there: registers and slots
 * that are dead, and scalars that are not precise. A running program follows the edges (claim.h).
 */
#ifndef SKEP_TESTS_FUZZ_TRACE_H
#define SKEP_TESTS_FUZZ_TRACE_H

#include "verify/internal.h"

/* What a claim does not cover, frame by frame. */
struct excuse {
	uint16_t dead_regs[MAX_FRAMES], loose_regs[MAX_FRAMES]; /* loose: a scalar that is not precise */
	uint64_t dead_slots[MAX_FRAMES], loose_slots[MAX_FRAMES];
};

struct node_frame {
	struct reg regs[11];
	uint32_t n_slots, callsite, subprog;
	struct slot *slots;
};

struct node {
	uint32_t insn, curframe, n_ptr_refs;
	struct node_frame *frames; /* curframe + 1 */
	struct node **next;
	uint32_t n_next, room_next;
	struct node *covered_by; /* NULL: it was walked */
	struct excuse excuse; /* of covered_by */
};

struct trace {
	struct node *roots[SKEP_MAX_SUBPROGS]; /* where the walk of each function begins that is verified on its own */
	uint32_t n_nodes, limit;
	bool overflow; /* more nodes than limit: the graph is not whole */
	bool var_access; /* some load or store goes through a pointer with a variable offset */
	/* While the walk goes on: */
	struct node *last; /* of the path at hand */
	const struct state *last_state, *cached;
	bool start;
	struct {
		const struct state *state;
		struct node *node;
	} * known; /* states that are put aside or cached */
	uint32_t n_known; /* a power of two */
	struct block *blocks;
};

void trace_init(struct trace *t, uint32_t limit);
void trace_free(struct trace *t);

/* trace_event - verify_input.trace, with a struct trace as its argument. */
void trace_event(void *arg, const struct verifier *v, enum verify_event event, const struct state *other);

#endif
