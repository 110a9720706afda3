/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of the guard share (guard.h): who calls, what is said to skep, who is to be called back from a call. */
#ifndef SKEP_HOOK_TREE_GUARD_INSIDE_H
#define SKEP_HOOK_TREE_GUARD_INSIDE_H

#include "hook/tree/guard.h"

#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

enum { GUARD_THREADS = 1024, GUARD_GROUPS = 256 };

/* Who calls, as it was while it waited. */
struct caller {
	int dir, root, cwd, pidfd;
	pid_t tid, tgid, own_tid, own_tgid;
	unsigned int umask, uid, gid;
	gid_t groups[GUARD_GROUPS];
	size_t n_groups;
};

/* caller_open - look at a thread of the tree, by its number there. @proc: the tree's. Return: 0 or a negative errno; caller_close() in either case. */
int caller_open(int proc, pid_t tid, struct caller *c);
void caller_close(struct caller *c);
/* caller_signalled - does a signal wait that it would handle, were it not for the call? */
bool caller_signalled(int dir);

/* guard_note - see guard_noted(). */
void guard_note(struct guard_notes *n, const struct caller *c, const struct stat *sock, int fd);

/* guard_receive - a message with at most one fd, -1 when none came. Return: its length, 0 at the end, or a negative errno. */
ssize_t guard_receive(int from, void *to, size_t size, int *fd);

/* guard_ask - skep tells that a call ends, and may change how. Return: its result then. */
int guard_ask(struct guard_notes *n, int to, uint64_t id, int result);

/*
 * recall_begin, recall_end - around what may take long on behalf of a caller that waits without hearing signals: it is interrupted (EINTR) when the caller
 * has one. @dir: the caller's folder in /proc, open until recall_end(). Return: a number for recall_end().
 */
int recall_begin(int dir);
void recall_end(int number);

#endif
