/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of target_find() share; nobody else includes it. */
#ifndef SKEP_DEPLOY_TARGET_PART_H
#define SKEP_DEPLOY_TARGET_PART_H

#include "deploy/target.h"

#define TARGET_OWN_NETNS "/proc/thread-self/ns/net"

enum { CONTAINER_ID = 64, CONTAINER_SHORT = 12 };

/* A container that runs. */
struct container {
	char id[CONTAINER_ID + 1];
	/* The container's top, below the cgroup2 mount, "machine.slice/libpod-ID.scope"; "": it has none in cgroup v2. */
	char cgroup[TARGET_PATH];
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

/*
 * target_ask - ask podman and docker, as far as they are there, for the id of a container.
 * @name: begins with a letter or a digit
 * @said: what they said, for a reason: "podman knows none, docker is not installed"
 * Return: 0, -ESRCH: nobody knows it, -EEXIST: both do, of different containers.
 */
int target_ask(const char *name, char id[CONTAINER_ID + 1], char *said, size_t size);

/*
 * target_iface - the interface @name of the target's namespace; NULL: the only one beside the loopback, if the namespace is not this process's own.
 * Return: 0 or a negative errno, with @why.
 */
int target_iface(struct target *p, const char *name, char *why);

/* target_is_hex - are the first @n bytes of a text digits as in an id, 0-9 and a-f? */
bool target_is_hex(const char *text, size_t n);

/* target_say - write the reason why something cannot be done. Return: @err. */
int target_say(char *why, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* target_runs - has the process of a pidfd not ended? What was read of /proc/PID before the call was then of that process, and of none that has its number now. */
bool target_runs(int pidfd);

#endif
