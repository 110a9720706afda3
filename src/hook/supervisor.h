/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What skep's own threads give up while they look after a tree. The network's thread gives up far more (net/confine.h), and the guard, which opens files for the
 * tree, is a process of its own (tree/guard.h).
 *
 * All threads, from the moment the tree is there:
 *     nothing is executed; no namespace, mount, root or user is changed; no module, kernel, clock or device of the machine is; files get no other
 *     owner, mode, link, attribute or length; sockets are of Unix, IP and netlink; the kernel's bpf(2), perf events, keys, io_uring and handles of files are off; nothing is typed
 *     into a terminal; 32-bit calls end the process. New privileges are given up.
 *
 * The threads that look at tasks, besides, but where skep makes calls for the tree itself (--net=calls, --by=ptrace), for then they do: files are opened for reading only, and none is made, removed or renamed; no sockets are made. What reads untrusted memory is there.
 *
 * It is done by seccomp alone: who is confined by Landlock may not look into processes that are not (man 7 landlock), and looking into the tree is what skep is for.
 * So a thread that is taken over can read what its user may read, and reach the processes that its user may trace.
 */
#ifndef SKEP_HOOK_SUPERVISOR_H
#define SKEP_HOOK_SUPERVISOR_H

#include <stdbool.h>

/* supervisor_confine - this thread, and all that it makes from now on. Return: 0, or a negative errno when there is no seccomp. */
int supervisor_confine(void);

/*
 * supervisor_confine_task - a thread that looks at tasks, which supervisor_confine() holds for already.
 * @paths: it may look up paths in other roots (openat2(2), whose flags a filter cannot see): programs at functions that work on names want that
 * Return: 0 or a negative errno.
 */
int supervisor_confine_task(bool paths);

#endif
