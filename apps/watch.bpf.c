/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * watch: what processes do. Tells of processes that begin, execute and end, of files that are opened, deleted and renamed, and of connections; and
 * counts system calls that it is attached to.
 *
 *   map       key                 value               meaning
 *   events                        struct watch_event  ring buffer: what has happened
 *   begun     pid and tid         struct begun        calls that have not ended yet
 *   calls     a call's number     struct watch_call   counts, errors and times of calls that are counted (per CPU)
 *   stats     0                   struct ring_stats   events told and lost (per CPU)
 *   scope     0                   a cgroup            in the kernel, with `scoped`: only what is in it or below it (scope.bpf.h)
 *
 * call_enter and call_exit are attached by the user part to the calls that shall be counted.
 *
 * Paths stand as the process gave them; arguments as they stand in its memory when it begins, cut at WATCH_ARGS.
 */
#include "scope.bpf.h"
#include "task.bpf.h"
#include "watch.h"

#define RING_SIZE (4 << 20)
#include "ring.bpf.h"

#include <stddef.h>

enum {
	BEGUN = 16384,
	AF_INET = 2,
	AF_INET6 = 10,
	AT_FDCWD = -100,
	AT_REMOVEDIR = 0x200
};
enum { O_WRONLY = 1, O_CREAT = 0100, O_TRUNC = 01000 };

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* In the kernel most processes are older than the watch, which has seen no exec of theirs: then each event has its process's name with it. */
const volatile _Bool name_all = 0;

struct begun {
	__u64 ns;
	__u64 path, path2; /* addresses in the process */
	__u32 kind, flags;
	__s32 dir, addr_len;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, BEGUN);
	__type(key, __u64);
	__type(value, struct begun);
} begun SEC(".maps");

/* Calls that are counted nest with those that are told of. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, BEGUN);
	__type(key, __u64);
	__type(value, __u64);
} timed SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, WATCH_CALLS);
	__type(key, __u32);
	__type(value, struct watch_call);
} calls SEC(".maps");

static __always_inline void identify(struct watch_id *id, struct task_struct *t)
{
	id->pid = BPF_CORE_READ(t, tgid);
	id->pad = 0;
	id->start = BPF_CORE_READ(t, group_leader, start_boottime);
}

/* The head of an event: whose it is. */
static __always_inline void fill(struct watch_event *e, enum watch_kind kind, struct task_struct *t)
{
	__builtin_memset(e, 0, sizeof(*e));
	e->kind = kind;
	e->ns = bpf_ktime_get_boot_ns();
	identify(&e->id, t);
	if (name_all)
		BPF_CORE_READ_STR_INTO(&e->comm, t, comm);
}

/* ... and what is known of it: for events that change that. */
static __always_inline void fill_process(struct watch_event *e, enum watch_kind kind, struct task_struct *t)
{
	fill(e, kind, t);
	e->uid = (__u32)bpf_get_current_uid_gid();
	identify(&e->parent, BPF_CORE_READ(t, real_parent));
	BPF_CORE_READ_STR_INTO(&e->comm, t, comm);
}

/* Processes. */

SEC("raw_tp/sched_process_fork")
int on_fork(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *parent = (void *)ctx->args[0], *child = (void *)ctx->args[1];
	__u32 pid = BPF_CORE_READ(child, tgid);
	struct watch_event *e;

	if (pid == BPF_CORE_READ(parent, tgid) || !in_scope())
		return 0;
	e = reserve(sizeof(*e));
	if (!e)
		return 0;
	fill_process(e, WATCH_FORK, child);
	identify(&e->parent, parent);
	bpf_ringbuf_submit(e, 0);
	return 0;
}

SEC("raw_tp/sched_process_exec")
int on_exec(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *t = (void *)ctx->args[0];
	struct linux_binprm *bprm = (void *)ctx->args[2];
	unsigned long from, to, len;
	struct watch_exec *e;
	long n;

	if (!in_scope())
		return 0;
	e = reserve(sizeof(*e));
	if (!e)
		return 0;
	fill_process(&e->head, WATCH_EXEC, t);
	n = bpf_probe_read_kernel_str(e->path, sizeof(e->path), BPF_CORE_READ(bprm, filename));
	e->head.text = n > 0 ? n : 0;
	from = BPF_CORE_READ(t, mm, arg_start);
	to = BPF_CORE_READ(t, mm, arg_end);
	len = to - from;
	if (len > sizeof(e->args))
		len = sizeof(e->args);
	if (bpf_probe_read_user(e->args, len, (void *)from))
		len = 0;
	e->head.text2 = len;
	bpf_ringbuf_submit(e, 0);
	return 0;
}

SEC("raw_tp/sched_process_exit")
int on_exit(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *t = (void *)ctx->args[0];
	__u64 key = bpf_get_current_pid_tgid();
	__u32 pid = BPF_CORE_READ(t, tgid);
	struct watch_event *e;

	/* exit(2) and exit_group(2) begin and do not end. All other calls do, also when their process is killed. */
	bpf_map_delete_elem(&timed, &key);
	/* The leader's end is taken for the process's: it lasts as long as its threads, but for what they do last. */
	if (BPF_CORE_READ(t, pid) != pid || !in_scope())
		return 0;
	e = reserve(sizeof(*e));
	if (!e)
		return 0;
	fill_process(e, WATCH_EXIT, t);
	e->result = BPF_CORE_READ(t, exit_code);
	bpf_ringbuf_submit(e, 0);
	return 0;
}

/* Calls: noted when they begin, told when they have ended. */

static __always_inline int begins(enum watch_kind kind, __s32 dir, __u64 path, __u64 path2, __u32 flags)
{
	__u64 key = bpf_get_current_pid_tgid();
	struct begun b = {.kind = kind, .dir = dir, .path = path, .path2 = path2, .flags = flags};

	if (in_scope() && bpf_map_update_elem(&begun, &key, &b, BPF_ANY))
		count(0);
	return 0;
}

static __always_inline void tell_file(const struct begun *b, long result)
{
	struct watch_file *e;
	long n;

	e = reserve(offsetof(struct watch_file, to));
	if (!e)
		return;
	fill(&e->head, b->kind, (void *)bpf_get_current_task());
	e->head.result = result;
	e->head.flags = b->flags;
	e->head.dir = b->dir;
	n = bpf_probe_read_user_str(e->path, sizeof(e->path), (void *)b->path);
	e->head.text = n > 0 ? n : 0;
	submit_later(e);
}

static __always_inline void tell_rename(const struct begun *b, long result)
{
	struct watch_file *e = reserve(sizeof(*e));
	long n;

	if (!e)
		return;
	fill(&e->head, WATCH_RENAME, (void *)bpf_get_current_task());
	e->head.result = result;
	e->head.dir = b->dir;
	n = bpf_probe_read_user_str(e->path, sizeof(e->path), (void *)b->path);
	e->head.text = n > 0 ? n : 0;
	n = bpf_probe_read_user_str(e->to, sizeof(e->to), (void *)b->path2);
	e->head.text2 = n > 0 ? n : 0;
	submit_later(e);
}

static __always_inline void tell_connect(const struct begun *b, long result)
{
	__u32 len = b->addr_len < 0 || b->addr_len > (int)sizeof(((struct watch_connect *)0)->addr)
			    ? sizeof(((struct watch_connect *)0)->addr)
			    : b->addr_len;
	struct watch_connect *e = reserve(sizeof(*e));

	if (!e)
		return;
	fill(&e->head, WATCH_CONNECT, (void *)bpf_get_current_task());
	e->head.result = result;
	__builtin_memset(e->addr, 0, sizeof(e->addr));
	e->head.text = bpf_probe_read_user(e->addr, len, (void *)b->path) ? 0 : len;
	e->pad = 0;
	bpf_ringbuf_submit(e, 0);
}

static __always_inline int ends(long result)
{
	__u64 key = bpf_get_current_pid_tgid();
	struct begun *found = bpf_map_lookup_elem(&begun, &key), b;

	if (!found)
		return 0;
	b = *found;
	bpf_map_delete_elem(&begun, &key);
	if (b.kind == WATCH_RENAME)
		tell_rename(&b, result);
	else if (b.kind == WATCH_CONNECT)
		tell_connect(&b, result);
	else
		tell_file(&b, result);
	return 0;
}

#define ENTER(call) SEC("tracepoint/syscalls/sys_enter_" #call) int enter_##call(struct trace_event_raw_sys_enter *ctx)
#define EXIT(call)                                                                                                     \
	SEC("tracepoint/syscalls/sys_exit_" #call) int exit_##call(struct trace_event_raw_sys_exit *ctx)               \
	{                                                                                                              \
		return ends(ctx->ret);                                                                                 \
	}

ENTER(open)
{
	return begins(WATCH_OPEN, AT_FDCWD, ctx->args[0], 0, ctx->args[1]);
}
EXIT(open)

ENTER(creat)
{
	return begins(WATCH_OPEN, AT_FDCWD, ctx->args[0], 0, O_CREAT | O_WRONLY | O_TRUNC);
}
EXIT(creat)

ENTER(openat)
{
	return begins(WATCH_OPEN, ctx->args[0], ctx->args[1], 0, ctx->args[2]);
}
EXIT(openat)

ENTER(openat2)
{
	__u64 flags = 0;

	bpf_probe_read_user(&flags, sizeof(flags), (void *)ctx->args[2]); /* struct open_how begins with them */
	return begins(WATCH_OPEN, ctx->args[0], ctx->args[1], 0, flags);
}
EXIT(openat2)

ENTER(unlink)
{
	return begins(WATCH_DELETE, AT_FDCWD, ctx->args[0], 0, 0);
}
EXIT(unlink)

ENTER(unlinkat)
{
	return begins(WATCH_DELETE, ctx->args[0], ctx->args[1], 0, ctx->args[2]);
}
EXIT(unlinkat)

ENTER(rmdir)
{
	return begins(WATCH_DELETE, AT_FDCWD, ctx->args[0], 0, AT_REMOVEDIR);
}
EXIT(rmdir)

ENTER(rename)
{
	return begins(WATCH_RENAME, AT_FDCWD, ctx->args[0], ctx->args[1], 0);
}
EXIT(rename)

ENTER(renameat)
{
	return begins(WATCH_RENAME, ctx->args[0], ctx->args[1], ctx->args[3], 0);
}
EXIT(renameat)

ENTER(renameat2)
{
	return begins(WATCH_RENAME, ctx->args[0], ctx->args[1], ctx->args[3], 0);
}
EXIT(renameat2)

ENTER(connect)
{
	__u64 key = bpf_get_current_pid_tgid();
	struct begun b = {.kind = WATCH_CONNECT, .path = ctx->args[1], .addr_len = ctx->args[2]};
	__u16 family = 0;

	bpf_probe_read_user(&family, sizeof(family), (void *)ctx->args[1]);
	if ((family == AF_INET || family == AF_INET6) && in_scope() && bpf_map_update_elem(&begun, &key, &b, BPF_ANY))
		count(0);
	return 0;
}
EXIT(connect)

/* Counting. */

SEC("tracepoint")
int call_enter(struct trace_event_raw_sys_enter *ctx)
{
	__u64 key = bpf_get_current_pid_tgid(), now = bpf_ktime_get_ns();

	if (in_scope() && bpf_map_update_elem(&timed, &key, &now, BPF_ANY))
		count(0);
	return 0;
}

SEC("tracepoint")
int call_exit(struct trace_event_raw_sys_exit *ctx)
{
	__u64 key = bpf_get_current_pid_tgid(), now = bpf_ktime_get_ns(), *since = bpf_map_lookup_elem(&timed, &key),
	      took;
	__u32 nr = ctx->id;
	struct watch_call *c;

	if (!since)
		return 0;
	took = now - *since;
	bpf_map_delete_elem(&timed, &key);
	c = bpf_map_lookup_elem(&calls, &nr);
	if (!c)
		return 0;
	c->calls++;
	c->ns += took;
	if (took > c->longest)
		c->longest = took;
	if (ctx->ret < 0)
		c->errors++;
	return 0;
}
