/* SPDX-License-Identifier: BSD-2-Clause */
/* Signals of a task whose call is made for it: guard_recall.c. For the guard, and where skep makes calls itself (hook/calls/calls.h). */
#ifndef SKEP_HOOK_TREE_RECALL_H
#define SKEP_HOOK_TREE_RECALL_H

#include <stdbool.h>

/* caller_signalled - does a signal wait that it would handle, were it not for the call? @dir: its folder in /proc */
bool caller_signalled(int dir);

/*
 * recall_begin, recall_end - around what may take long on behalf of a caller that waits without hearing signals: it is interrupted (EINTR) when the caller
 * has one. @dir: the caller's folder in /proc, open until recall_end(). Return: a number for recall_end().
 */
int recall_begin(int dir);
void recall_end(int number);
/* recall_by - the signal that interrupts, before the first recall_begin(): SIGUSR1 otherwise. */
void recall_by(int number);

#endif
