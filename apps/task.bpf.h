/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The kernel's types that programs on tasks read, as far as they read them: libbpf finds the members where they really are (CO-RE). */
#ifndef APPS_TASK_BPF_H
#define APPS_TASK_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct mm_struct {
	unsigned long arg_start, arg_end;
};

struct task_struct {
	int pid, tgid;
	int exit_code;
	__u64 start_boottime;
	struct task_struct *real_parent, *group_leader;
	struct mm_struct *mm;
	char comm[16];
};

struct qstr {
	const unsigned char *name;
};

struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
};

struct path {
	void *mnt; /* struct vfsmount */
	struct dentry *dentry;
};

struct file {
	struct path f_path;
	unsigned int f_flags;
};

struct linux_binprm {
	struct file *file;
	const char *filename;
};

/* A tracepoint of the category "syscalls". */
struct trace_event_raw_sys_enter {
	long id;
	unsigned long args[6];
};

struct trace_event_raw_sys_exit {
	long id;
	long ret;
};

#pragma clang attribute pop

#endif
