/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counters of a run in Prometheus' text format 0.0.4, into a file (replaced as a whole, for node_exporter's textfile collector) or at an HTTP
 * endpoint on an address of this machine. There is no library for it here that could be linked into one file that runs anywhere.
 */
#ifndef SKEP_CLI_METRICS_H
#define SKEP_CLI_METRICS_H

#include "hook/net/net.h"

struct metrics_counts {
	uint64_t flows, unknown, refused;
	uint64_t frames[FLOW_DIRS][CHAIN_END_KINDS], bytes[FLOW_DIRS][CHAIN_END_KINDS];
	uint64_t dropped_at[CHAIN_POINTS + 1]; /* the last: by skep itself */
	struct net_losses losses; /* at the end */
};

struct metrics;

/*
 * metrics_new - @where: a file, or ADDR:PORT
 * @why: on failure the reason
 * Return: 0 or a negative errno.
 */
int metrics_new(const char *where, struct metrics **out, char *why, size_t size);

/* metrics_publish - these counts are what is read from now on. A file is written once a second at most. */
void metrics_publish(struct metrics *m, const struct metrics_counts *c);

/* metrics_finish - the last counts into the file; the endpoint goes. Return: 0, or what went wrong with the file. */
int metrics_finish(struct metrics *m);

#endif
