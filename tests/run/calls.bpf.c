// SPDX-License-Identifier: BSD-2-Clause
/* Observers for tests of skep run, a program for each way to ask; one kind an object, chosen by -DNAME. Each tells through a ring what it saw. */
#include <linux/bpf.h>
#include <linux/types.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs, flags, sp, ss;
};
#pragma clang attribute pop
#define __VMLINUX_H__ /* the registers by the kernel's names */
#include <bpf/bpf_tracing.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct task_struct {
	int pid, tgid, exit_code;
	struct task_struct *real_parent;
	char comm[16];
};
struct trace_event_raw_sys_enter {
	long id;
	unsigned long args[6];
};
struct trace_event_raw_sys_exit {
	long id, ret;
};
struct trace_event_raw_sched_process_exec {
	__u32 __data_loc_filename;
	int pid, old_pid;
};
struct trace_event_raw_sched_process_exit {
	char comm[16];
	int pid;
};
struct open_how {
	__u64 flags, mode, resolve;
};
struct path {
	void *mnt;
};
struct file {
	struct path f_path;
	unsigned int f_flags;
};
struct in_addr {
	__be32 s_addr;
};
struct sock_common {
	unsigned short skc_family;
	__be16 skc_dport;
	__be32 skc_daddr;
};
struct sock {
	struct sock_common __sk_common;
};
#pragma clang attribute pop

char LICENSE[] SEC("license") = "GPL";

struct event {
	char hook[24];
	__u32 pid;
	char comm[16];
	__s64 value;
	char text[64];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 18);
} events SEC(".maps");

/* Keeps the type in the object's BTF. */
const struct event *unused __attribute__((unused));

static __noinline int tell(const char *hook, __s64 value, const char *text)
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (!e)
		return 0;
	__builtin_memset(e, 0, sizeof(*e));
	bpf_probe_read_kernel_str(e->hook, sizeof(e->hook), hook);
	e->pid = bpf_get_current_pid_tgid() >> 32;
	bpf_get_current_comm(e->comm, sizeof(e->comm));
	e->value = value;
	if (text)
		bpf_probe_read_user_str(e->text, sizeof(e->text), text);
	bpf_ringbuf_submit(e, 0);
	return 0;
}

#ifdef TRACEPOINTS
SEC("tracepoint/syscalls/sys_enter_mkdir")
int enter(struct trace_event_raw_sys_enter *ctx)
{
	return tell("enter", ctx->id, (void *)ctx->args[0]);
}

SEC("tracepoint/syscalls/sys_exit_mkdir")
int leave(struct trace_event_raw_sys_exit *ctx)
{
	return tell("exit", ctx->ret, NULL);
}

SEC("tp/sched/sched_process_exec")
int on_exec(struct trace_event_raw_sched_process_exec *ctx)
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (!e)
		return 0;
	__builtin_memset(e, 0, sizeof(*e));
	__builtin_memcpy(e->hook, "exec", 5);
	e->pid = ctx->pid;
	e->value = ctx->old_pid;
	bpf_get_current_comm(e->comm, sizeof(e->comm));
	bpf_probe_read_kernel_str(e->text, sizeof(e->text), (char *)ctx + (ctx->__data_loc_filename & 0xffff));
	bpf_ringbuf_submit(e, 0);
	return 0;
}

SEC("tp/sched/sched_process_exit")
int on_exit(struct trace_event_raw_sched_process_exit *ctx)
{
	struct task_struct *t = (void *)bpf_get_current_task();

	return tell("process exit", BPF_CORE_READ(t, exit_code), NULL);
}
#endif

#ifdef PROBES
SEC("ksyscall/mkdir")
int BPF_KSYSCALL(probe, const char *path, int mode)
{
	return tell("ksyscall", mode, path);
}

SEC("kretsyscall/mkdir")
int BPF_KRETPROBE(probe_end, long ret)
{
	return tell("kretsyscall", ret, NULL);
}

SEC("kprobe/do_sys_openat2")
int BPF_KPROBE(opens, int dfd, const char *name, struct open_how *how)
{
	return tell("do_sys_openat2", BPF_CORE_READ(how, flags), name);
}

SEC("kretprobe/tcp_v4_connect")
int BPF_KRETPROBE(connected, int ret)
{
	return tell("tcp_v4_connect", ret, NULL);
}
#endif

#ifdef TYPED
SEC("tp_btf/sys_enter")
int BPF_PROG(raw_enter, struct pt_regs *regs, long id)
{
	return id == 83 ? tell("tp_btf", regs->si, (void *)regs->di) : 0;
}

SEC("raw_tp/sys_exit")
int BPF_PROG(raw_exit, struct pt_regs *regs, long ret)
{
	return BPF_CORE_READ(regs, orig_ax) == 83 ? tell("raw_tp", ret, NULL) : 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
	return tell("fork", child->real_parent->tgid == parent->tgid ? child->tgid : -1, NULL);
}

SEC("fentry/tcp_v4_connect")
int BPF_PROG(connect_begins, struct sock *sk)
{
	return tell("fentry", sk->__sk_common.skc_family, NULL);
}

SEC("fexit/do_sys_openat2")
int BPF_PROG(open_ends, int dfd, const char *name, struct open_how *how, long ret)
{
	return tell("fexit", ret < 0 ? ret : 0, name);
}
#endif

#ifdef DECIDES
SEC("ksyscall/mkdir")
int BPF_KPROBE(no_mkdir)
{
	bpf_override_return(ctx, -30); /* EROFS */
	return 0;
}

SEC("ksyscall/rmdir")
int BPF_KPROBE(kills)
{
	bpf_send_signal(9);
	return 0;
}

SEC("ksyscall/symlink")
int BPF_KPROBE(signals)
{
	bpf_send_signal(10); /* SIGUSR1 */
	return 0;
}

/* Three a second and process, then EAGAIN. */
struct rate {
	__u64 since, n;
};
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct rate);
} rates SEC(".maps");

SEC("ksyscall/link")
int BPF_KPROBE(limits)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32;
	__u64 now = bpf_ktime_get_ns();
	struct rate fresh = {.since = now, .n = 1}, *r = bpf_map_lookup_elem(&rates, &pid);

	if (!r || now - r->since > 1000000000) {
		bpf_map_update_elem(&rates, &pid, &fresh, BPF_ANY);
		return 0;
	}
	if (++r->n > 3)
		bpf_override_return(ctx, -11);
	return 0;
}
#endif

#ifdef PERF
struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
} lines SEC(".maps");

SEC("tracepoint/syscalls/sys_enter_mkdir")
int perf(struct trace_event_raw_sys_enter *ctx)
{
	struct event e = {.hook = "perf", .pid = bpf_get_current_pid_tgid() >> 32};

	bpf_probe_read_user_str(e.text, sizeof(e.text), (void *)ctx->args[0]);
	bpf_perf_event_output(ctx, &lines, BPF_F_CURRENT_CPU, &e, sizeof(e));
	bpf_printk("mkdir %s", e.text);
	return 0;
}
#endif

#ifdef UNSERVED
SEC("kprobe/vfs_readv")
int unserved(void *ctx)
{
	return 0;
}
#endif
