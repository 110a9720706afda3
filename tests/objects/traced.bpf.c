/* SPDX-License-Identifier: BSD-2-Clause */
/* A program for each kind of section that libbpf attaches to a point of tasks, with types that relocate against what skep presents. */
#include <linux/types.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#define CORE __attribute__((preserve_access_index))

/* The kernel's names of the registers, as a program has them from vmlinux.h. */
struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs, flags, sp, ss;
} CORE;
#define __VMLINUX_H__
#include <bpf/bpf_tracing.h>

struct qstr {
	const unsigned char *name;
} CORE;
struct dentry {
	struct qstr d_name;
} CORE;
struct path {
	struct dentry *dentry;
} CORE;
struct inode {
	unsigned long i_ino;
} CORE;
struct file {
	struct path f_path;
	struct inode *f_inode;
} CORE;
struct linux_binprm {
	const char *filename;
} CORE;
struct task_struct {
	int pid, tgid;
	struct task_struct *real_parent;
} CORE;
struct sock_common {
	__be32 skc_daddr;
	__be16 skc_dport;
} CORE;
struct sock {
	struct sock_common __sk_common;
} CORE;
struct sockaddr;
struct trace_event_raw_sys_enter {
	long id;
	unsigned long args[6];
} CORE;
struct trace_event_raw_sys_exit {
	long id;
	long ret;
} CORE;
struct trace_event_raw_sched_process_exec {
	int pid;
} CORE;

char LICENSE[] SEC("license") = "GPL";
long sum;

SEC("tracepoint/syscalls/sys_enter_openat")
int tp_enter(struct trace_event_raw_sys_enter *ctx)
{
	sum += (long)ctx->args[3];
	return 0;
}

SEC("tp/syscalls/sys_exit_openat")
int tp_exit(struct trace_event_raw_sys_exit *ctx)
{
	sum += ctx->ret;
	return 0;
}

SEC("tp/raw_syscalls/sys_enter")
int tp_any(struct trace_event_raw_sys_enter *ctx)
{
	sum += ctx->id + (long)ctx->args[5];
	return 0;
}

SEC("tp/sched/sched_process_exec")
int tp_exec(struct trace_event_raw_sched_process_exec *ctx)
{
	sum += ctx->pid;
	return 0;
}

SEC("raw_tp/sys_enter")
int raw_enter(struct bpf_raw_tracepoint_args *ctx)
{
	sum += (long)ctx->args[1];
	return 0;
}

SEC("raw_tracepoint/sched_process_exec")
int raw_exec(struct bpf_raw_tracepoint_args *ctx)
{
	sum += (long)ctx->args[2];
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(btf_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	sum += task->tgid + task->real_parent->pid + old_pid + (long)bprm->filename;
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(btf_exit, struct pt_regs *regs, long ret)
{
	sum += ret + (long)PT_REGS_IP_CORE(regs);
	return 0;
}

SEC("ksyscall/openat")
int BPF_KSYSCALL(call_openat, int dfd, const char *filename)
{
	sum += dfd + (long)filename;
	return 0;
}

SEC("kretsyscall/openat")
int BPF_KRETPROBE(ret_openat, long ret)
{
	sum += ret;
	return 0;
}

SEC("kprobe/__x64_sys_close")
int BPF_KPROBE(probe_close, struct pt_regs *regs)
{
	sum += PT_REGS_PARM1_CORE(regs);
	return 0;
}

SEC("kprobe/do_sys_openat2")
int BPF_KPROBE(probe_open, int dfd, const char *filename)
{
	sum += dfd + (long)filename;
	return 0;
}

SEC("kretprobe/vfs_open")
int BPF_KRETPROBE(probe_opened, int ret)
{
	sum += ret;
	return 0;
}

SEC("fentry/tcp_v4_connect")
int BPF_PROG(entry_connect, struct sock *sk, struct sockaddr *uaddr, int addr_len)
{
	sum += sk->__sk_common.skc_daddr + addr_len;
	return 0;
}

SEC("fexit/vfs_open")
int BPF_PROG(exit_open, struct path *path, struct file *file, int ret)
{
	sum += ret + (long)file->f_inode->i_ino + (long)path->dentry->d_name.name;
	return 0;
}

SEC("fentry/vfs_unlink")
int BPF_PROG(entry_unlink, void *idmap, struct inode *dir, struct dentry *dentry, struct inode **delegated)
{
	sum += (long)dir->i_ino + (long)dentry->d_name.name;
	return 0;
}

SEC("fentry/__x64_sys_unlinkat")
int BPF_PROG(entry_unlinkat, struct pt_regs *regs)
{
	sum += PT_REGS_PARM1_CORE(regs);
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(lsm_open, struct file *file, int ret)
{
	sum += (long)file->f_path.dentry->d_name.name;
	return ret;
}

SEC("lsm/bprm_check_security")
int BPF_PROG(lsm_exec, struct linux_binprm *bprm)
{
	return bprm->filename ? 0 : -1;
}

/* What nothing in a tree brings. */
SEC("tp/sched/sched_switch")
int no_tp(void *ctx)
{
	return 0;
}

SEC("tp/mine/no_such")
int no_such_tp(void *ctx)
{
	return 0;
}

SEC("raw_tp/sched_switch")
int no_raw(void *ctx)
{
	return 0;
}

SEC("raw_tp/no_such")
int no_such_raw(void *ctx)
{
	return 0;
}

SEC("kprobe/vfs_readv")
int no_probe(void *ctx)
{
	return 0;
}

SEC("kprobe/no_such")
int no_such_probe(void *ctx)
{
	return 0;
}

SEC("ksyscall/no_such")
int no_such_call(void *ctx)
{
	return 0;
}

SEC("kprobe/do_sys_openat2+0x10")
int no_middle(void *ctx)
{
	return 0;
}

SEC("kprobe.multi/vfs_*")
int no_multi(void *ctx)
{
	return 0;
}

SEC("uprobe//proc/self/exe:main")
int no_uprobe(void *ctx)
{
	return 0;
}

/* What has no type to attach to, since nothing brings it: it is loaded only by who asks for it. */
SEC("?tp_btf/sched_switch")
int absent_btf(void *ctx)
{
	return 0;
}

SEC("?fentry/vfs_readv")
int absent_entry(void *ctx)
{
	return 0;
}

SEC("?fentry/no_such")
int no_such_entry(void *ctx)
{
	return 0;
}

/* A function that skep has for programs to call is not one that they can trace. */
SEC("fentry/bpf_strlen")
int no_kfunc(void *ctx)
{
	return 0;
}
