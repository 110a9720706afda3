/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where in the machine something is to be attached: whose network namespace, which interface, which cgroup. What the user names (a namespace, a process, a container, a
 * folder) becomes fds and numbers, once, before anything is touched; so what is meant cannot change while it is worked on.
 */
#ifndef SKEP_DEPLOY_TARGET_H
#define SKEP_DEPLOY_TARGET_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { TARGET_WHY = 512, TARGET_PATH = 4096 };

/* What the user said; NULL or 0 where nothing was said. Beside a container only an interface may be named. */
struct target_opts {
	const char *netns; /* a name of ip-netns(8), a path, or a process id */
	const char *cgroup; /* a folder, absolute or below the cgroup2 mount */
	/* An id, the beginning of one (4 digits or more), or a name that podman or docker knows. */
	const char *container;
	const char *iface; /* its name as 'ip link' lists it; no altname */
	pid_t pid;
};

struct target {
	int netns; /* of the interface, an fd; -1: this process's own, also when that is what was named */
	/* For messages and lists: "blue", "pid 4711", "container 0123456789ab"; "": this process's own. */
	char netns_name[256];
	uint32_t ifindex; /* in that namespace; 0: no interface is meant */
	char ifname[IF_NAMESIZE];
	/* A folder, O_DIRECTORY | O_RDONLY; -1: none is meant, or the container has none in cgroup v2 but only in v1 hierarchies. */
	int cgroup;
	char cgroup_path[TARGET_PATH]; /* its path; "" */
	pid_t pid; /* --pid, or the container's first process; 0: none is meant */
	int pidfd; /* of it; -1 */
};

/*
 * target_find - look up what the user named.
 * A container gives its namespace, its cgroup and its first process; an interface that was not named is the only one of the container's namespace beside the loopback.
 * The calling thread is in another network namespace for a moment; it is back when this returns, except where @why says that it cannot go back.
 * @iface_wanted: an interface is needed: where none was named and the namespace (--netns, --container; not this process's own) has just one beside the loopback, it is that
 * @why:  on failure one sentence that names what, which and why, with the next step; TARGET_WHY bytes, safe to show on a terminal
 * Return: 0 or a negative errno; target_close() in either case.
 */
int target_find(struct target *p, const struct target_opts *opts, bool iface_wanted, char *why);
void target_close(struct target *p);

/*
 * target_enter, target_leave - this thread into the target's network namespace, and back. @before: an fd of the namespace it was in, from target_enter(), which target_leave()
 * closes; -1 when there was nothing to do.
 * Return: 0 or a negative errno. When target_leave() fails the thread is in a foreign namespace still: it must not go on.
 */
int target_enter(const struct target *p, int *before);
int target_leave(int before);

#endif
