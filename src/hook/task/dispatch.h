/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From what happens to a task to the programs that asked for it: the hook behind tracepoints, raw tracepoints, function probes and LSM hooks of a
 * hive (prog/points.h says which there are).
 *
 * Programs are attached before the tree's command starts: they decide what is to be seen (dispatch_plan()). From dispatch_close() on only points
 * whose events are seen already take programs.
 */
#ifndef SKEP_HOOK_TASK_DISPATCH_H
#define SKEP_HOOK_TASK_DISPATCH_H

#include "bpf/hive.h"
#include "hook/task/engine.h"

enum { DISPATCH_LINKS = 64 /* at one point */ };

struct dispatch;

struct dispatch_opts {
	struct skep_hive *hive;
	int proc; /* the tree's /proc; stays the caller's */
	uint32_t n_threads; /* of the engine, the one for ptrace included */
	bool makes_calls; /* the engine's threads make calls for the tree, too: they keep what that needs (hook/supervisor.h) */
	uint32_t first_worker; /* thread n runs as this worker and n more */
};

/* dispatch_new - serve the points of a hive. Return: 0 or a negative errno. */
int dispatch_new(const struct dispatch_opts *opts, struct dispatch **out);
/* dispatch_free - when the engine has stopped. NULL is fine. */
void dispatch_free(struct dispatch *d);

/* dispatch_reserve - see a call, although no program asks for it yet: so that one can come later. @nr: below CALLS_MAX */
void dispatch_reserve(struct dispatch *d, int nr, uint8_t what);

void dispatch_reserve_life(struct dispatch *d);

/* dispatch_close - what is to be seen, by what is attached now; it stays so. Return: whether it is anything at all. */
bool dispatch_close(struct dispatch *d, struct task_plan *plan);

/* dispatch_engine - fill in the functions that the engine calls. */
void dispatch_engine(struct dispatch *d, struct engine_opts *opts);

/* What has happened so far; may be asked at any time. */
struct dispatch_counts {
	uint64_t events[TASK_EVENTS]; /* enum task_event_kind */
	uint64_t runs, denied, killed;
	uint64_t faults; /* runs that ended early */
};
void dispatch_counts(const struct dispatch *d, struct dispatch_counts *out);

#endif
