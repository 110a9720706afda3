/* SPDX-License-Identifier: BSD-2-Clause */
/* What the guard's two files share: run_guard.c fills, attaches and takes the events, run_guard_report.c tells of them. */
#ifndef SKEP_CLI_RUN_GUARD_INSIDE_H
#define SKEP_CLI_RUN_GUARD_INSIDE_H

#include "apps/guard.h"
#include "cli/run.h"
#include "cli/run_guard.h"

struct bpf_link;

enum { GUARD_KINDS = 1024, GUARD_SEEN = 4096, GUARD_KNOWN = 4096 };

/* Refusals that are alike: the same thing, by a process of the same doing. */
struct guard_kind {
	enum guard_event_kind kind;
	enum guard_access access;
	int rule, nr; /* of the policy, -1: none is about it; the call's number */
	char *path; /* NULL: a call */
	struct task *task; /* held; NULL: it was gone before it was looked at */
	char comm[16];
	uint32_t pid;
	uint64_t times;
};

struct run_guard {
	struct guard_args *args;
	bool audit, advise, live;
	struct source *src;
	struct skep_hive *hive;
	const struct tree *tree;
	struct owners *owners;
	struct bpf_link *links[GUARD_CALLS];
	uint32_t n_links;
	/* Processes that have begun, by their number: they may be gone when something of theirs is told. */
	struct {
		uint64_t start;
		struct task *task; /* held */
		char *folder; /* that it worked in when it was last looked at; NULL */
	} known[GUARD_KNOWN];
	struct guard_kind kinds[GUARD_KINDS];
	uint32_t n;
	uint64_t refused, more, unknown; /* refusals; those that found no place; those whose folder was gone */
	char **seen[GUARD_ACCESSES]; /* advice: paths */
	uint32_t n_seen[GUARD_ACCESSES];
	uint64_t unseen;
};

/* guard_only_logs - is this told by a rule that refuses nothing? */
bool guard_only_logs(const struct run_guard *g, const struct guard_kind *k);
/* guard_print_kind - a refusal in words. */
void guard_print_kind(const struct run_guard *g, FILE *f, const struct guard_kind *k);

#endif
