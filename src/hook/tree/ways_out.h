/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What would lead out of a tree beside its interface, and how it is closed (SECURITY.md says what is promised).
 *
 *   abstract Unix sockets, other processes    the tree's own network, PID and IPC namespaces
 *   pathname Unix sockets                     the guard, which alone connects (guard.h); those that are there when the tree begins are
 *                                             covered by mounts too, which the tree cannot take away (tree.h)
 *   Unix datagrams                            none are made: each could name another address (filter.c)
 *   socket families beyond UNIX and INET      a seccomp filter; io_uring, which could make sockets past it, with them
 *   the kernel's keys (request_key runs      the same filter: ENOSYS
 *   programs outside)
 *   typing into the terminal (TIOCSTI)        the same filter
 *   inherited fds                             closed by whoever starts the command
 *
 * Sockets are found in three ways, for none of them sees all: the kernel's list (/proc/net/unix) does not show those that
 * were bound in other network namespaces; a walk of /run and /tmp does not see elsewhere; the environment names some.
 * /run becomes a read-only copy of its folders without the sockets in them, so those that daemons make anew later are hidden too.
 */
#ifndef SKEP_HOOK_TREE_WAYS_OUT_H
#define SKEP_HOOK_TREE_WAYS_OUT_H

#include "hook/tree/watch.h"

#include <stddef.h>
#include <stdint.h>

struct ways_out {
	char **paths; /* of pathname sockets outside /run */
	size_t n;
	const char *const *keep; /* paths that stay as they are */
	uint32_t n_keep;
};

/*
 * ways_out_find - look for pathname sockets, in the namespaces of the outside.
 * @keep: paths that stay reachable; not copied
 * Return: 0 or -ENOMEM; ways_out_free() in either case.
 */
int ways_out_find(struct ways_out *w, const char *const *keep, uint32_t n_keep);
void ways_out_free(struct ways_out *w);

/*
 * ways_out_cover - in a mount namespace of the tree's: cover them.
 * @why: on failure the reason
 * Return: 0 or a negative errno.
 */
int ways_out_cover(const struct ways_out *w, char *why, size_t size);

/*
 * ways_out_file - put a file of this process's own making over one that is there.
 * @path:  where; a symbolic link is followed
 * Return: 0, -ENOENT when there is nothing to put it over, another negative errno.
 */
int ways_out_file(const char *path, const char *text);

/*
 * ways_out_refuse - the first seccomp filter, for this process and all that come from it: what would lead out is refused.
 * @w: where a tracer watches, nothing can be made that it would not see
 * Return: 0 or a negative errno.
 */
int ways_out_refuse(const struct tree_watch *w);

/*
 * ways_out_see - the second one: calls that the guard carries out, and those that skep sees.
 * @listener: where they go, closed on exec: the next free fd; stays -1 when a guard of an outer tree has them
 * Return: 0 or a negative errno; -EBUSY: there is an outer tree whose guard has them, and skep wants to see calls.
 */
int ways_out_see(const struct tree_watch *w, int *listener);

/*
 * ways_out_deaf - does a task whose notification skep has received hear fatal signals only (Linux 5.19)? Then a file may be put into its table before its call is
 * answered: it cannot miss the answer and keep the file.
 */
bool ways_out_deaf(void);

#endif
