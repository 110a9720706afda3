/* SPDX-License-Identifier: BSD-2-Clause */
/* watch's user part: what its two files share. run_watch.c takes the events, run_watch_report.c has the summary. */
#ifndef SKEP_CLI_RUN_WATCH_H
#define SKEP_CLI_RUN_WATCH_H

#include "apps/watch_tree.h"
#include "cli/run.h"

struct bpf_link;

enum { WATCH_LINE = 160, WATCH_COUNTED = 64, WATCH_TEXT = WATCH_PATH + WATCH_ARGS + 64 };

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

/* All of these put an ended text at @to, and return it. */
const char *watch_shown(char *to, size_t size, const char *text); /* a text of another process, as it may be shown */
const char *watch_command(const struct watch_process *p, char *to, size_t size); /* its command line */
const char *watch_address(const uint8_t *addr, char *to,
			  size_t size); /* a struct sockaddr_in or sockaddr_in6: "10.0.0.1:80" */
const char *watch_status(char *to, size_t size, int64_t status); /* a wait status: "7", "SIGKILL" */

#endif
