/* SPDX-License-Identifier: BSD-2-Clause */
/* What skep replay counts while it runs frames (replay.c), and how that is told (replay_report.c). */
#ifndef SKEP_CLI_REPLAY_H
#define SKEP_CLI_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

struct bpf_object;
struct events;

enum { REPLAY_TIMED = 64, REPLAY_VERDICTS = 64 };

struct replay_verdict {
	uint32_t value;
	uint64_t frames, bytes;
};

/* What came out. */
struct replay_tally {
	struct replay_verdict verdicts[REPLAY_VERDICTS];
	uint32_t n_verdicts;
	uint64_t other_verdicts; /* beyond REPLAY_VERDICTS different ones */
	uint64_t total, run, bytes, skipped, cut, changed, faults;
	uint64_t ns, best_ns; /* of all frames; of the fastest REPLAY_TIMED in a row, 0: there were fewer */
};

struct replay_report {
	const char *object, *capture; /* as the user named them */
	uint32_t prog_type;
	bool jit; /* it ran as machine code */
	struct bpf_object *obj; /* whose maps are shown */
	struct events *events;
	struct replay_tally *t; /* its verdicts are put into order */
	bool json;
};

/* replay_report - verdicts, losses, events and maps on stdout. */
void replay_report(const struct replay_report *r);

/* replay_verdict_text - a verdict's name in a program type: "XDP_DROP"; a number in @buf where it has none. */
const char *replay_verdict_text(uint32_t prog_type, uint32_t v, char buf[32]);

#endif
