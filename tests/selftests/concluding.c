/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Linked into a runner with -Wl,--wrap=verify: what the verifier concludes of each program (tests/verify/rules/conclude.h) goes to stderr, a line each,
 * in the order of the loads. tools/mutate.py compares it with the unchanged verifier's.
 */
#include "../verify/rules/conclude.h"

#include <stdio.h>

int __real_verify(const struct verify_input *in, struct verify_result *out);
int __wrap_verify(const struct verify_input *in, struct verify_result *out);

int __wrap_verify(const struct verify_input *in, struct verify_result *out)
{
	struct conclusion c;

	if (in->trace) /* conclude() itself */
		return __real_verify(in, out);
	conclude(in, &c, out);
	fprintf(stderr, "%s %d %d %u %u %u %u %u %u %u %u %08x %08x\n", in->name, c.err, (int)c.problem, c.insn,
		c.insns_processed, c.total_states, c.peak_states, c.max_states_per_insn, c.mark_read, c.stack_depth,
		c.max_ctx, c.facts, c.claims);
	return out->err;
}
