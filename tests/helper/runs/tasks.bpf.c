/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The current task and what hangs on it: the same members by bpf_probe_read_kernel() with relocations, and by loads through BTF pointers. Types as a program
 * writes them that knows a kernel by its BTF only.
 */
#include "runs.h"
#include <linux/ptrace.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#define KERNEL __attribute__((preserve_access_index))
typedef struct {
	unsigned int val;
} kuid_t;
struct cred {
	kuid_t uid, euid;
} KERNEL;
struct mm_struct {
	unsigned long arg_start, arg_end;
} KERNEL;
struct ns_common {
	unsigned int inum;
} KERNEL;
struct pid_namespace {
	struct ns_common ns;
} KERNEL;
struct nsproxy {
	struct pid_namespace *pid_ns_for_children;
} KERNEL;
struct signal_struct {
	short oom_score_adj;
} KERNEL;
struct task_struct {
	int pid, tgid, exit_code;
	struct task_struct *real_parent, *group_leader;
	const struct cred *cred;
	struct mm_struct *mm;
	struct nsproxy *nsproxy;
	struct signal_struct *signal;
	char comm[16];
} KERNEL;
struct vfsmount;
struct dentry;
struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
} KERNEL;
struct inode {
	unsigned long i_ino;
	unsigned short i_mode;
} KERNEL;
struct file {
	struct inode *f_inode;
	struct path f_path;
	unsigned int f_flags;
} KERNEL;
struct pt_regs___all {
	unsigned long di, orig_ax;
} KERNEL;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps");

char name[64];
char arg[64];

SEC("raw_tp/sys_enter") int by_reading(void *ctx)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	char comm[16] = {};

	out[0] = BPF_CORE_READ(task, pid);
	out[1] = BPF_CORE_READ(task, tgid);
	out[2] = BPF_CORE_READ(task, real_parent, tgid);
	out[3] = BPF_CORE_READ(task, cred, uid.val);
	out[4] = BPF_CORE_READ(task, cred, euid.val);
	out[5] = BPF_CORE_READ(task, mm, arg_start);
	out[6] = BPF_CORE_READ(task, mm, arg_end);
	out[7] = BPF_CORE_READ(task, nsproxy, pid_ns_for_children, ns.inum);
	out[8] = BPF_CORE_READ(task, group_leader, real_parent, pid);
	out[9] = BPF_CORE_READ(task, signal, oom_score_adj);
	bpf_core_read_str(comm, sizeof(comm), &task->comm);
	__builtin_memcpy(&out[10], comm, 16);
	bpf_probe_read_user_str(arg, sizeof(arg), (void *)out[5]);
	return 0;
}

SEC("tp_btf/sys_enter") int by_loads(__u64 *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pt_regs___all *regs = (void *)ctx[0];

	out[0] = task->pid;
	out[1] = task->tgid;
	out[2] = task->real_parent->tgid;
	out[3] = task->cred->uid.val;
	out[4] = task->cred->euid.val;
	out[5] = task->mm->arg_start;
	out[6] = task->mm->arg_end;
	out[7] = task->nsproxy->pid_ns_for_children->ns.inum;
	out[8] = task->group_leader->real_parent->pid;
	out[9] = task->signal->oom_score_adj;
	out[10] = *(long long *)task->comm;
	out[11] = *(long long *)(task->comm + 8);
	out[12] = regs->di;
	out[13] = regs->orig_ax;
	out[14] = bpf_task_pt_regs(task) == (long)regs;
	out[15] = ctx[1];
	return 0;
}

/* Pointers that lead nowhere: loads through them give zeroes, and go on. */
SEC("tp_btf/sched_process_fork") int through_nothing(__u64 *ctx)
{
	struct task_struct *parent = (void *)ctx[0], *child = (void *)ctx[1];

	out[0] = parent->pid + 1;
	out[1] = parent->real_parent->real_parent->cred->uid.val + 2;
	out[2] = *(long long *)child->comm + 3;
	out[3] = child->signal->oom_score_adj + 4;
	return 0;
}

SEC("kprobe/__x64_sys_openat") int changes(void *ctx)
{
	static const char wax[] = "wax";
	struct pt_regs___all *regs = (void *)PT_REGS_PARM1((struct pt_regs *)ctx);
	long at = BPF_CORE_READ(regs, di);

	out[0] = at;
	out[1] = bpf_probe_write_user((void *)at, wax, sizeof(wax));
	out[2] = bpf_send_signal(0);
	out[3] = bpf_send_signal_thread(0);
	out[4] = bpf_override_return(ctx, -13);
	out[5] = bpf_get_current_ancestor_cgroup_id(1 << 30);
	return 0;
}

SEC("lsm.s/file_open") int opened(__u64 *ctx)
{
	struct file *file = (void *)ctx[0];

	out[0] = bpf_d_path(&file->f_path, name, sizeof(name));
	out[1] = file->f_inode->i_ino;
	out[2] = file->f_inode->i_mode;
	out[3] = file->f_flags;
	out[4] = bpf_copy_from_user_task(arg, 4, (void *)bpf_get_current_task_btf()->mm->arg_start,
					 bpf_get_current_task_btf(), 0);
	return 0;
}

SEC("fentry/security_file_open") int arguments(__u64 *ctx)
{
	__u64 value = 1;

	out[0] = bpf_get_func_arg_cnt(ctx);
	out[1] = bpf_get_func_arg(ctx, 0, &value);
	out[2] = value == ctx[0];
	out[3] = bpf_get_func_arg(ctx, 1, &value);
	out[4] = bpf_get_func_ret(ctx, &value);
	return 0;
}

SEC("cgroup/connect4") int verdicts(struct bpf_sock_addr *ctx)
{
	out[0] = bpf_get_retval();
	out[1] = bpf_set_retval(-13);
	out[2] = bpf_get_retval();
	return 1;
}

extern void *bpf_rdonly_cast(const void *obj, unsigned int btf_id) __ksym;
extern struct task_struct *bpf_task_acquire(struct task_struct *p) __ksym;
extern struct task_struct *bpf_task_from_pid(int pid) __ksym;
extern struct task_struct *bpf_task_from_vpid(int vpid) __ksym;
extern void bpf_task_release(struct task_struct *p) __ksym;

SEC("tp_btf/sys_enter") int found(__u64 *ctx)
{
	struct task_struct *current = bpf_get_current_task_btf(), *parent, *other, *cast;

	parent = bpf_task_from_pid(current->real_parent->pid);
	if (parent) {
		out[0] = parent->tgid;
		bpf_task_release(parent);
	}
	other = bpf_task_from_vpid(0x7fffffff);
	out[1] = !other;
	if (other)
		bpf_task_release(other);
	other = bpf_task_acquire(current);
	if (other) {
		out[2] = other->pid;
		bpf_task_release(other);
	}
	cast = bpf_rdonly_cast((void *)bpf_get_current_task(), bpf_core_type_id_kernel(struct task_struct));
	out[3] = cast->real_parent->tgid;
	/* Any number may be one; what is not there is 0. */
	cast = bpf_rdonly_cast((void *)0xffff888077777777, bpf_core_type_id_kernel(struct task_struct));
	out[4] = cast->real_parent->tgid;
	return 0;
}

/* Accepted by the kernel: the object as memory of a helper's. */
SEC("?tp_btf/sys_enter") int as_memory(__u64 *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();

	return (int)bpf_ringbuf_output(&ring, &task->pid, 4, 0);
}
