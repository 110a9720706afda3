/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a program sees of the task that it runs for: the host (prog/env.h) that answers helpers and loads for a thread of the tree.
 *
 * One struct objects a run holds what is presented, one view an engine thread makes the thread of an event the current task. All addresses that are
 * given out here lie in the upper half; programs follow them by bpf_probe_read_kernel() and by loads through BTF pointers, and whatever asks for them
 * may be told by any view. What an address names is filled when it is read, member group by member group (objects.h).
 */
#ifndef SKEP_HOOK_TASK_VIEW_H
#define SKEP_HOOK_TASK_VIEW_H

#include "hook/task/event.h"
#include "prog/env.h"

struct btf;
struct objects;
struct view;

struct objects_opts {
	int proc; /* the tree's /proc; stays the caller's */
	const struct btf
		*btf; /* the BTF that programs are relocated against: where members lie; must outlive the objects */
};

/* objects_new - Return: 0 with *out given back by objects_free() after all views, -ENOMEM. */
int objects_new(const struct objects_opts *opts, struct objects **out);
void objects_free(struct objects *o);

/* view_new - for one thread. Return: NULL without memory. */
struct view *view_new(struct objects *o);
void view_free(struct view *v);

/*
 * view_enter - the event's thread is the current task of runs in @env, until view_leave(). Costs no system call. The event is kept by address: signals and
 * overrides become its verdict.
 */
void view_enter(struct view *v, struct skep_env *env, struct task_event *e);
void view_leave(struct view *v, struct skep_env *env);

/* view_forget - a thread is gone: its number may name another now. From any thread. */
void view_forget(struct objects *o, const struct thread *t);

/*
 * Addresses, between view_enter() and view_leave(); 0: without memory. What they name stays readable until LIVING newer ones have been asked for.
 *
 * view_task - the task_struct of a thread of the tree; the same for as long as it lives.
 * view_find - the same by its number in the tree; 0 also when there is none.
 * view_regs - the pt_regs of the current task's call: what __x64_sys_*() has as its argument and bpf_task_pt_regs() returns.
 * view_sock, view_socket - struct sock and struct socket behind an fd of the current task; 0 also when it is none. A socket has one address in all events.
 * view_file - struct file of an fd of the current task; 0 also when it has none such.
 * view_open_file - of a file that is about to be opened: @fd is skep's own, O_PATH will do, and stays the caller's; NULL name: what /proc/self/fd says.
 *                @flags: as in open(2)
 * view_named_file - of a path that a call names: the same path has the same dentry in all events. @fd: of what is there now, skep's own, O_PATH; -1: nothing is.
 * view_new_file - of a file that is about to be made: no more of it is known than its @mode, and what its folder tells (@dir: skep's own fd).
 * view_bprm - struct linux_binprm of an exec; @file: what view_open_file() gave, 0: not known
 * view_bytes - a copy of @len bytes (at most VIEW_BYTES), such as a struct open_how or a file name.
 */
enum { VIEW_BYTES = 4096 };
uint64_t view_task(struct view *v, const struct thread *t);
uint64_t view_find(struct view *v, uint32_t tid);
uint64_t view_regs(struct view *v);
uint64_t view_sock(struct view *v, int fd);
uint64_t view_socket(struct view *v, int fd);
uint64_t view_file(struct view *v, int fd);
uint64_t view_open_file(struct view *v, int fd, const char *name, uint32_t flags);
uint64_t view_named_file(struct view *v, int fd, const char *path);
uint64_t view_new_file(struct view *v, int dir, const char *path, uint32_t flags, uint32_t mode);
uint64_t view_bprm(struct view *v, const char *filename, uint64_t file, uint32_t argc, uint32_t envc);
uint64_t view_bytes(struct view *v, const void *bytes, uint32_t len);

/*
 * view_part - of a file that view_file() or view_open_file() gave: its struct path, dentry, inode; the dentry of the directory that it is in, and a struct path of
 * that; its position. 0: it has none such.
 */
enum view_part { VIEW_PATH, VIEW_DENTRY, VIEW_INODE, VIEW_DIR_DENTRY, VIEW_DIR_PATH, VIEW_POSITION };
uint64_t view_part(struct view *v, uint64_t file, enum view_part part);

/* view_string - a string in the current task's memory. Return: its length, -EFAULT, or -EINVAL: it has no end within @size. */
int view_string(struct view *v, char *to, uint64_t from, size_t size);

/* view_comm, view_filename - what records of tracepoints show: the current task's name, and its executable's path as the tree sees it ("": not known). */
void view_comm(struct view *v, char comm[16]);
size_t view_filename(struct view *v, char *to, size_t size);

#endif
