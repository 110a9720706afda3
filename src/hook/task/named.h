/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a path in a task's call leads to: the folder as the kernel will find it, the last part of the path, and what is there now. Programs that look on are told
 * of it; nothing is decided by it, since another thread may change all of it before the kernel looks.
 */
#ifndef SKEP_HOOK_TASK_NAMED_H
#define SKEP_HOOK_TASK_NAMED_H

#include "hook/task/event.h"
#include "hook/task/view.h"

#include <limits.h>

struct named {
	int dir, fd; /* O_PATH; fd -1: nothing is there */
	char dir_path[PATH_MAX]; /* as the tree sees it, without symbolic links */
	char path[PATH_MAX + NAME_MAX + 2]; /* the same with the last part */
};

/*
 * named_open - of the current task's call.
 * @dfd, @at: the folder that a relative path begins in (AT_FDCWD), and where the path lies in the task's memory
 * Return: false: it leads nowhere, or cannot be read; else named_close() gives the fds back.
 */
bool named_open(struct view *v, const struct task_event *e, int dfd, uint64_t at, struct named *n);
void named_close(struct named *n);

#endif
