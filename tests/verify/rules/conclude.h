/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the verifier concluded of a program, in figures: not only its verdict.
 *
 * Theory of operation
 *
 * Two verifiers that give the same verdict may still differ in what they claim on the way there: a bound that is off by one, a state that is
 * pruned too early, work done twice. So the walk is followed (verify_input.trace), and all that is claimed at each instruction, of every register,
 * slot and reference, goes into one number. Claims are taken from the states themselves, not from the log: other words change nothing, another
 * bound does. Ids are numbered anew in each state, types count by name, and addresses not at all, so that the figures are the same in every build.
 */
#ifndef SKEP_TESTS_CONCLUDE_H
#define SKEP_TESTS_CONCLUDE_H

#include "verify/verify.h"

struct conclusion {
	int err;
	enum verify_problem problem;
	uint32_t insn; /* where it was refused */
	uint32_t insns_processed, total_states, peak_states, max_states_per_insn, mark_read, stack_depth, max_ctx;
	uint32_t facts; /* digest of verify_result.insns and, of an accepted program, of what the engine gets */
	uint32_t claims; /* digest of all states on the way */
};

/*
 * conclude - judge a program as verify() does, and tell what was concluded.
 * @in:   borrowed; its trace must be free
 * @out:  filled in every case
 * @result: as verify()'s, the caller's to free
 */
int conclude(const struct verify_input *in, struct conclusion *out, struct verify_result *result);

#endif
