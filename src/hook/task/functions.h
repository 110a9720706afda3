/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's functions that a task's events stand for, LSM hooks among them: what a program there gets as arguments and as result.
 * prog/points.h has which calls bring which function, and how exact that is.
 */
#ifndef SKEP_HOOK_TASK_FUNCTIONS_H
#define SKEP_HOOK_TASK_FUNCTIONS_H

#include "hook/task/event.h"
#include "hook/task/view.h"

enum { FUNCTION_ARGS = 6 };

struct function;

/* function_find - @lsm: an LSM hook of that name. Return: NULL: no event stands for it. */
const struct function *function_find(const char *name, bool lsm);

/* function_is_late - what the function works on is known only when the call has ended: its entry is told then, too. */
bool function_is_late(const struct function *f);

/* function_is_asked - it is asked at TASK_ASKED, and at no other event. */
bool function_is_asked(const struct function *f);

/* function_begins_only - what the function returned cannot be known: no program may be put at its return. */
bool function_begins_only(const struct function *f);

/* function_looks_up - it works on a name, which is looked up in the task's root. */
bool function_looks_up(const struct function *f);

/*
 * function_args - the arguments of the function in this call. Inside view_enter() and view_leave().
 * @args: room for FUNCTION_ARGS words; @n: how many the function has
 * Return: false: this call does not come to it (another kind of socket, a call that failed before, or one whose verdict is already known: e->verdict).
 */
bool function_args(const struct function *f, struct view *v, struct task_event *e, uint64_t *args, uint32_t *n);

/* function_result - what it has returned; for TASK_RETURN, after function_args(). */
uint64_t function_result(const struct function *f, struct view *v, const struct task_event *e);

#endif
