/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process tree of its own: a command in user, mount, PID, IPC and network namespaces that were made for it, without root.
 *
 * Who is who
 *
 *   skep      makes the namespaces by clone(2) and keeps the outer end of everything. Its death ends the tree (PR_SET_PDEATHSIG).
 *   init      PID 1 of the tree: sets the namespaces up, starts the command, reaps orphans, reports the command's end. When it
 *             ends, the kernel kills what is left. It cannot be traced from the tree (PR_SET_DUMPABLE).
 *   command   lives in one more user and mount namespace below init's. So whatever capabilities it gets, as root or by making
 *             namespaces of its own, reach neither the interface nor the mounts that hide sockets: the kernel locks mounts that come
 *             from a more privileged namespace (man 7 mount_namespaces), and the network namespace belongs to init's.
 *
 * The command stays in skep's process group and session: the terminal's signals, job control and stdin reach it as if skep were not
 * there. Users and groups are mapped to themselves: all of them where skep may (root), else the user's own.
 */
#ifndef SKEP_HOOK_TREE_TREE_H
#define SKEP_HOOK_TREE_TREE_H

#include "hook/net/port.h"
#include "hook/tree/files.h"
#include "hook/tree/watch.h"

#include <signal.h>
#include <sys/types.h>

enum { TREE_WHY = 512, TREE_FDS = 64, TREE_SOCKETS = 64 };

struct tree_opts {
	char *const *argv; /* the command, NULL at the end */
	uint32_t mtu;
	bool bare; /* without namespaces: no interface, no PID 1, no mounts of its own */
	bool no_tap; /* not a TAP device, although there may be one */
	const int *keep_fds; /* beside 0, 1 and 2 */
	uint32_t n_keep_fds;
	const char *const *sockets; /* pathname sockets of the outside that stay reachable */
	uint32_t n_sockets;
	sigset_t mask; /* signals that are blocked in the command */
	sigset_t ignored; /* signals that are ignored in the command; the others are as by default */
	struct tree_files files; /* that it may reach; all of zero: all that its user may */
};

struct tree {
	pid_t init; /* as skep sees it */
	pid_t top; /* without namespaces: the same; else 0 */
	int pidfd; /* init's */
	int command; /* a pidfd of the command, -1 before tree_go() */
	int ctl; /* readable: the command has ended, or init has */
	int diag; /* a NETLINK_SOCK_DIAG socket of the tree's network namespace */
	int proc; /* the tree's /proc */
	struct guard_notes *notes; /* whose sockets were connected (guard.h) */
	struct port port;
	struct tree_watch watch; /* what skep watches: filled between tree_new() and tree_go() by engine_start() */
};

/*
 * tree_new - make the namespaces and all in them but the command.
 * @why: on failure what is missing, and what would help
 * Return: 0, or a negative errno. Either way tree_free() gives everything back.
 */
int tree_new(const struct tree_opts *opts, struct tree *t, char why[TREE_WHY]);

/* tree_go - start the command. Return: 0, or a negative errno with *why: it cannot be executed (-ENOENT, -EACCES, ...). */
int tree_go(struct tree *t, char why[TREE_WHY]);

/* tree_signal - to the command alone. */
void tree_signal(const struct tree *t, int sig);

/* tree_wait - once @ctl is readable: the command's wait status (man 2 wait); that of a SIGKILL when init died. */
int tree_wait(struct tree *t);

/* tree_free - kill what is left of the tree, wait for its end, close everything. */
void tree_free(struct tree *t);

#endif
