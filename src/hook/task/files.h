/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * LSM hooks that decide about files and signals: what their programs get as arguments, of a call that the guard is about to make (TASK_ASKED; hook/tree/guard_files.c and guard_kill.c have
 * what it is about, and what holds).
 */
#ifndef SKEP_HOOK_TASK_FILES_H
#define SKEP_HOOK_TASK_FILES_H

#include "hook/task/event.h"
#include "hook/task/view.h"

/* One a hook; as struct function's args (functions.c). */
typedef bool files_fn(struct view *v, struct task_event *e, uint64_t *a);
files_fn files_open_args, files_unlink_args, files_rmdir_args, files_mkdir_args, files_mknod_args, files_symlink_args,
	files_link_args, files_rename_args, files_truncate_args, files_kill_args;

#endif
