/* SPDX-License-Identifier: BSD-2-Clause */
/* watch's user part: what its two files share. run_watch.c takes the events, run_watch_report.c has the summary. */
#ifndef SKEP_CLI_RUN_WATCH_H
#define SKEP_CLI_RUN_WATCH_H

#include "apps/watch_tree.h"
#include "cli/run.h"
#include "cli/watch_line.h"

struct bpf_link;

enum { WATCH_COUNTED = 64 };

struct run_watch {
	struct source *source;
	struct skep_hive *hive;
	struct watch_tree *tree;
	FILE *json; /* NULL: not asked for */
	const char *json_name;
	bool verbose, json_failed;
	int64_t boot_to_wall; /* ns */
	char node[64];
	struct bpf_link *links[2 * WATCH_COUNTED];
	uint32_t n_links;
	uint64_t bad; /* events that cannot be */
};

#endif
