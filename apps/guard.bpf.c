/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * guard: what processes may execute and which system calls they may make; and it tells of files that were refused to them.
 *
 *   map      key                value                    meaning
 *   config   0                  struct guard_config      what is told, and how strict it is
 *   paths    struct guard_key   struct guard_value       what may be executed: the longest path that is a file's, or a folder's that it is in
 *   calls    a call's number    struct guard_call_value  what becomes of it
 *   begun    pid and tid        struct begun             calls on files that have not ended yet
 *   events                      struct guard_event       ring buffer: what was refused, or with `everything` all that was done
 *   stats    0                  struct ring_stats        events told and lost (per CPU)
 *
 * at_call is attached by the user part to the function of each call of the policy (__x64_sys_*), with the call's number as its cookie.
 *
 * Files are closed by the kernel (Landlock and mounts, src/hook/tree/files.h); here is seen what it refused. In a kernel of its own the object closes
 * nothing but what is executed and called.
 */
#include "task.bpf.h"
#include "guard.h"

#define RING_SIZE (1 << 20)
#include "ring.bpf.h"

#include <bpf/bpf_tracing.h>
#include <stddef.h>

enum { BEGUN = 16384, PATHS = 2048, AT_FDCWD = -100, NO_RULE = -1 };
enum { LOG, DENY, KILL };
enum { O_WRONLY = 1, O_RDWR = 2, O_CREAT = 0100, O_TRUNC = 01000, EPERM = 1, EACCES = 13, EROFS = 30, SIGKILL = 9 };

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct guard_config);
} config SEC(".maps");

/* Without one, which cannot be, all that may be is refused. */
static __always_inline struct guard_config settings(void)
{
	const struct guard_config strict = {.runs_closed = 1};
	__u32 zero = 0;
	struct guard_config *c = bpf_map_lookup_elem(&config, &zero);

	return c ? *c : strict;
}

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, PATHS);
	__type(key, struct guard_key);
	__type(value, struct guard_value);
} paths SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, GUARD_NUMBERS);
	__type(key, __u32);
	__type(value, struct guard_call_value);
} calls SEC(".maps");

struct begun {
	__u64 path;
	__u32 flags;
	__s32 dir;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, BEGUN);
	__type(key, __u64);
	__type(value, struct begun);
} begun SEC(".maps");

/* Too large for the stack. */
struct scratch {
	struct guard_key key;
	char path[GUARD_KEY_PATH + 4];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch);
} scratch SEC(".maps");

static __always_inline struct guard_event *begin_event(enum guard_event_kind kind)
{
	struct task_struct *t = (void *)bpf_get_current_task();
	struct guard_event *e = reserve(sizeof(*e));

	if (!e)
		return NULL;
	__builtin_memset(e, 0, offsetof(struct guard_event, path));
	e->kind = kind;
	e->ns = bpf_ktime_get_boot_ns();
	e->pid = BPF_CORE_READ(t, tgid);
	e->parent = BPF_CORE_READ(t, real_parent, tgid);
	e->start = BPF_CORE_READ(t, group_leader, start_boottime);
	bpf_get_current_comm(e->comm, sizeof(e->comm));
	return e;
}

/* Files. */

static __always_inline int begins(__s32 dir, __u64 path, __u32 flags)
{
	__u64 key = bpf_get_current_pid_tgid();
	struct begun b = {.dir = dir, .path = path, .flags = flags};

	if (bpf_map_update_elem(&begun, &key, &b, BPF_ANY))
		count(0);
	return 0;
}

static __always_inline int ends(__s32 nr, long result)
{
	__u64 key = bpf_get_current_pid_tgid();
	struct begun *b = bpf_map_lookup_elem(&begun, &key);
	struct guard_event *e;
	long n;

	if (!b)
		return 0;
	e = settings().everything || result == -EACCES || result == -EPERM || result == -EROFS
		    ? begin_event(GUARD_EVENT_FILE)
		    : NULL;
	if (e) {
		e->nr = nr;
		e->result = result;
		e->flags = b->flags;
		e->dir = b->dir;
		n = bpf_probe_read_user_str(e->path, sizeof(e->path), (void *)b->path);
		e->text = n > 0 ? n : 0;
		bpf_ringbuf_submit(e, 0);
	}
	bpf_map_delete_elem(&begun, &key);
	return 0;
}

#define FILE_CALL(call, dir, path, flags)                                                                              \
	SEC("tracepoint/syscalls/sys_enter_" #call) int enter_##call(struct trace_event_raw_sys_enter *ctx)            \
	{                                                                                                              \
		return begins(dir, path, flags);                                                                       \
	}                                                                                                              \
	SEC("tracepoint/syscalls/sys_exit_" #call) int exit_##call(struct trace_event_raw_sys_exit *ctx)               \
	{                                                                                                              \
		return ends(ctx->id, ctx->ret);                                                                        \
	}

static __always_inline __u32 flags_of(__u64 how)
{
	__u64 flags = 0;

	bpf_probe_read_user(&flags, sizeof(flags), (void *)how); /* struct open_how begins with them */
	return flags;
}

enum { CHANGES = O_WRONLY };

FILE_CALL(open, AT_FDCWD, ctx->args[0], ctx->args[1])
FILE_CALL(creat, AT_FDCWD, ctx->args[0], O_CREAT | O_WRONLY | O_TRUNC)
FILE_CALL(openat, ctx->args[0], ctx->args[1], ctx->args[2])
FILE_CALL(openat2, ctx->args[0], ctx->args[1], flags_of(ctx->args[2]))
FILE_CALL(unlink, AT_FDCWD, ctx->args[0], CHANGES)
FILE_CALL(unlinkat, ctx->args[0], ctx->args[1], CHANGES)
FILE_CALL(rmdir, AT_FDCWD, ctx->args[0], CHANGES)
FILE_CALL(mkdir, AT_FDCWD, ctx->args[0], CHANGES)
FILE_CALL(mkdirat, ctx->args[0], ctx->args[1], CHANGES)
FILE_CALL(rename, AT_FDCWD, ctx->args[1], CHANGES)
FILE_CALL(renameat, ctx->args[2], ctx->args[3], CHANGES)
FILE_CALL(renameat2, ctx->args[2], ctx->args[3], CHANGES)
FILE_CALL(truncate, AT_FDCWD, ctx->args[0], CHANGES)
FILE_CALL(symlink, AT_FDCWD, ctx->args[1], CHANGES)
FILE_CALL(symlinkat, ctx->args[1], ctx->args[2], CHANGES)
FILE_CALL(link, AT_FDCWD, ctx->args[1], CHANGES)
FILE_CALL(linkat, ctx->args[2], ctx->args[3], CHANGES)
FILE_CALL(execve, AT_FDCWD, ctx->args[0], 0)
FILE_CALL(execveat, ctx->args[0], ctx->args[1], 0)

/* Executables. */

/* The rule of the longest path that is the file's or a folder's around it. */
static __always_inline struct guard_value *rule_of(struct scratch *s)
{
	struct guard_value *best = NULL, *value;

	__builtin_memset(&s->key, 0, sizeof(s->key));
	/* Everything is below "/". */
	s->key.path[0] = '/';
	best = bpf_map_lookup_elem(&paths, &s->key);
	for (int i = 1; i < GUARD_KEY_PATH; i++) {
		char c = s->path[i];

		if (c == '/' || !c) {
			value = bpf_map_lookup_elem(&paths, &s->key);
			if (value)
				best = value;
		}
		if (!c)
			break;
		s->key.path[i] = c;
	}
	return best;
}

SEC("lsm.s/bprm_check_security")
int BPF_PROG(at_exec, struct linux_binprm *bprm)
{
	__u32 zero = 0;
	struct scratch *s = bpf_map_lookup_elem(&scratch, &zero);
	struct guard_value *value = NULL;
	struct guard_config c = settings();
	struct guard_event *e;
	_Bool allowed = !c.runs_closed;
	long n;

	if (!s)
		return -EPERM;
	n = bpf_d_path(&bprm->file->f_path, s->path, sizeof(s->path));
	/* What has no path (a file in memory alone), or one that is longer than any rule's, no rule is about. */
	if (n > 1 && n <= GUARD_KEY_PATH && s->path[0] == '/')
		value = rule_of(s);
	else if (n < 0)
		s->path[0] = 0;
	if (value)
		allowed = value->allow;
	if (allowed && !c.everything)
		return 0;
	e = begin_event(GUARD_EVENT_RUN);
	if (e) {
		e->result = allowed ? 0 : -EPERM;
		e->rule = value ? value->rule : NO_RULE;
		n = bpf_probe_read_kernel_str(e->path, sizeof(e->path), s->path);
		e->text = n > 0 ? n : 0;
		bpf_ringbuf_submit(e, 0);
	}
	return allowed || c.audit ? 0 : -EPERM;
}

SEC("raw_tp/sched_process_exec")
int on_exec(struct bpf_raw_tracepoint_args *ctx)
{
	struct guard_event *e = begin_event(GUARD_EVENT_BEGUN);
	struct task_struct *t = (void *)bpf_get_current_task();
	unsigned long from, n;

	if (!e)
		return 0;
	from = BPF_CORE_READ(t, mm, arg_start);
	n = BPF_CORE_READ(t, mm, arg_end) - from;
	if (n > sizeof(e->path))
		n = sizeof(e->path);
	if (!bpf_probe_read_user(e->path, n, (void *)from))
		e->text = n;
	bpf_ringbuf_submit(e, 0);
	return 0;
}

/* System calls. */

SEC("kprobe")
int at_call(struct pt_regs *ctx)
{
	__u32 nr = bpf_get_attach_cookie(ctx);
	struct guard_call_value *c = bpf_map_lookup_elem(&calls, &nr);
	struct guard_event *e;

	if (!c)
		return 0;
	e = begin_event(GUARD_EVENT_CALL);
	if (e) {
		e->nr = nr;
		e->result = c->action;
		bpf_ringbuf_submit(e, 0);
	}
	if (settings().audit || c->action == LOG)
		return 0;
	if (c->action == KILL)
		bpf_send_signal(SIGKILL);
	bpf_override_return(ctx, c->action == KILL ? -EPERM : c->err);
	return 0;
}
