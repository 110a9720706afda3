/* SPDX-License-Identifier: BSD-2-Clause */
/* Replay: a program runs over frames that are in memory. */
#ifndef SKEP_HOOK_NET_REPLAY_H
#define SKEP_HOOK_NET_REPLAY_H

#include "bpf/hive.h"

/* One frame and what became of it. */
struct replay_frame {
	const uint8_t *data;
	uint32_t len;
	/* Filled in: */
	uint32_t verdict; /* r0, 32 bits */
	uint32_t new_len; /* after the run */
	bool changed; /* the program changed the frame's length */
	bool skipped; /* not run: shorter than an Ethernet header, or longer than PACKET_MAX */
	uint8_t fault; /* enum skep_fault */
};

/* replay_can - can frames be run through programs of this type? */
bool replay_can(uint32_t prog_type);

/*
 * replay_run - run a program once over each of @n frames.
 * @worker: the number of the worker to use, or HIVE_ANY_WORKER
 * @ns:  the time it took, from the first frame's bytes in memory to the last verdict
 * Return: 0, or -ENOMEM.
 */
int replay_run(struct skep_hive *hive, const struct hive_prog *prog, uint32_t worker, struct replay_frame *frames,
	       uint32_t n, uint64_t *ns);

#endif
