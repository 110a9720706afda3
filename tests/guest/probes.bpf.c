// SPDX-License-Identifier: BSD-2-Clause
/* A program on each sort of place in the kernel where one watches: they hold system-wide, and only tell. For Linux 6.1 and later. */
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs, flags, sp, ss;
};
#pragma clang attribute pop
#define __VMLINUX_H__ /* the registers by the kernel's names */
#include <bpf/bpf_tracing.h>

#include "hits.bpf.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct task_struct {
	int tgid;
};
struct inode;
struct dentry {
	struct inode *d_inode;
};
#pragma clang attribute pop

SEC("kprobe/do_sys_openat2")
int BPF_KPROBE(on_kprobe)
{
	return hit(KIND_KPROBE);
}

SEC("kretprobe/do_sys_openat2")
int BPF_KRETPROBE(on_kretprobe, long ret)
{
	return ret < 0 ? 0 : hit(KIND_KRETPROBE);
}

/* libbpf knows how the kernel calls the function of a system call. */
SEC("ksyscall/openat")
int BPF_KSYSCALL(on_ksyscall, int dfd, const char *name)
{
	return name ? hit(KIND_KSYSCALL) : 0;
}

/* The first argument's type is another from 6.3 on (an idmap); it is not looked at. */
SEC("fentry/vfs_unlink")
int BPF_PROG(on_fentry, void *map, struct inode *dir, struct dentry *dentry)
{
	return dentry->d_inode ? hit(KIND_FENTRY) : 0;
}

SEC("fexit/vfs_unlink")
int BPF_PROG(on_fexit, void *map, struct inode *dir, struct dentry *dentry, struct inode **delegated, int ret)
{
	return ret ? 0 : hit(KIND_FEXIT);
}

SEC("tracepoint/syscalls/sys_enter_openat")
int on_tracepoint(void *ctx)
{
	return hit(KIND_TRACEPOINT);
}

SEC("raw_tp/sched_process_exec")
int on_raw_tp(void *ctx)
{
	return hit(KIND_RAW_TP);
}

/* It runs in the parent. */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_tp_btf, struct task_struct *parent, struct task_struct *child)
{
	return parent->tgid != child->tgid ? hit(KIND_TP_BTF) : 0;
}
