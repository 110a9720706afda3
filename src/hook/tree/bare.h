/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A tree without namespaces of its own (tree_opts.bare), where a machine does not let users make any: what stands in their place.
 *
 *   PID namespace      init and skep are subreapers (man 2 PR_SET_CHILD_SUBREAPER), so whatever the tree starts stays below them, however often it forks;
 *                      init ends all of it when the command has ended. It has the machine's numbers, and sees the machine's processes.
 *   no look into others, no power over them   Landlock: a process of the tree can trace, or open the memory of, none but those of the tree; from Linux 6.12 on
 *                      it can signal none either. Where there is no Landlock, Yama must keep processes from tracing what is not below them
 *                      (kernel.yama.ptrace_scope).
 *   network namespace  skep makes the socket calls (hook/calls/calls.h), and a seccomp filter refuses what would lead past it (filter.c)
 *   mounts             there are none: /run, /tmp and the resolver's file are the machine's
 */
#ifndef SKEP_HOOK_TREE_BARE_H
#define SKEP_HOOK_TREE_BARE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * bare_check - can a tree without namespaces be kept to itself here?
 * @why: what is missing, and what would help
 * Return: 0 or a negative errno.
 */
int bare_check(char *why, size_t size);

/* bare_confine - this process and all that come from it; new privileges have been given up (PR_SET_NO_NEW_PRIVS). Return: 0 or a negative errno. */
int bare_confine(void);

/*
 * bare_sweep - end the tree's processes below this one, and wait for them.
 * @all: every one below is the tree's; else those with more filters than this process has (skep may have children of other people's making)
 * Return: how many are left after all: those that this user may not end.
 */
unsigned int bare_sweep(bool all);

#endif
