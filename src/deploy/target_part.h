/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of target_find() share; nobody else includes it. */
#ifndef SKEP_DEPLOY_PLACE_PART_H
#define SKEP_DEPLOY_PLACE_PART_H

#include "deploy/target.h"

enum { CONTAINER_ID = 64, CONTAINER_SHORT = 12 };

/* A container that runs. */
struct container {
	char id[CONTAINER_ID + 1];
	char cgroup
		[TARGET_PATH]; /* the container's top, below the cgroup2 mount, "machine.slice/libpod-ID.scope"; "": it has none of its own in cgroup v2 */
	pid_t pid; /* its first process */
	int pidfd; /* of it; the caller closes it */
};

/*
 * container_find - find a container by what the user calls it.
 * @named: an id, the beginning of one, or a name
 * @c:     on success the container; its first process had not ended yet
 * @why:   as for target_find()
 * Return: 0 or a negative errno.
 */
int container_find(const char *named, struct container *c, char *why);

/* target_say - write the reason why something cannot be done. Return: @err. */
int target_say(char *why, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* target_runs - has the process of a pidfd not ended? What was read of /proc/PID before the call was then of that process, and of none that has its number now. */
bool target_runs(int pidfd);

#endif
