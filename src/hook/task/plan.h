/* SPDX-License-Identifier: BSD-2-Clause */
/* What is to be seen of a tree's tasks: it is asked for by the attached programs, and decides the tree's seccomp filter (hook/tree/filter.c). */
#ifndef SKEP_HOOK_TASK_PLAN_H
#define SKEP_HOOK_TASK_PLAN_H

#include "prog/calls.h"

#include <stdbool.h>
#include <stdint.h>

enum plan_call {
	PLAN_CALL = 1, /* that it begins */
	PLAN_RETURN = 2, /* that it ends, too */
	PLAN_MADE = 4, /* a call on files, or one that sends: the guard makes it, and asks before (TASK_ASKED) */
	PLAN_SOCKET =
		8, /* a socket call: skep makes it (engine_maker), where its arguments are such that it matters (hook/tree/filter.c) */
};

struct task_plan {
	uint8_t calls
		[CALLS_MAX]; /* enum plan_call, by native number; a 32-bit program's call of the same name is seen with it */
	bool life; /* fork, exec and exit */
};

#endif
