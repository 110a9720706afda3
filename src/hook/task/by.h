/* SPDX-License-Identifier: BSD-2-Clause */
/* By what the calls of a tree can come to skep on this machine: tried in a child, which changes nothing else. */
#ifndef SKEP_HOOK_TASK_BY_H
#define SKEP_HOOK_TASK_BY_H

/*
 * by_notify - can there be a listener for seccomp's notifications? Return: 0 or a negative errno; -EBUSY: somebody above has the one that there can be.
 * by_ptrace - do calls stop for a tracer? Return: 0 or a negative errno; -ENOMSG: they do not, without an error.
 */
int by_notify(void);
int by_ptrace(void);

#endif
