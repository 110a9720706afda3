/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * guard: what processes may execute and which system calls they may make; and it tells of files that were refused to them.
 *
 *   map      key                value                    meaning
 *   config   0                  struct guard_config      what is told, and how strict it is
 *   paths    struct guard_key   struct guard_value       what may be executed: the longest path that is a file's, or a folder's that it is in
 *   calls    a call's number    struct guard_call_value  what becomes of it
 *   places   struct guard_key   struct guard_place       what may be read and written, where the kernel cannot be told so; lsm/file_open and path_*
 *   above    struct guard_key   1                        the folders that a place which is shut is in: they keep their names
 *   begun    pid and tid        struct begun             calls on files that have not ended yet
 *   events                      struct guard_event       ring buffer: what was refused, or with `everything` all that was done
 *   stats    0                  struct ring_stats        events told and lost (per CPU)
 *
 * at_call is attached by the user part to the function of each call of the policy (__x64_sys_*), with the call's number as its cookie.
 *
 * Files are closed by the kernel (Landlock and mounts, src/hook/tree/files.h); here is seen what it refused. Only what those two cannot say is decided here: what is open
 * within what is shut, and paths that lead nowhere yet. A path is then what a dentry's names say, so nothing may change them: who could mount cannot (Landlock),
 * folders above such places keep their names, and what is shut has no second name (link, rename). In a kernel of its own the object closes nothing but what is executed and called.
 */
#include "task.bpf.h"
#include "guard.h"

#define RING_SIZE (1 << 20)
#include "ring.bpf.h"

#include <bpf/bpf_tracing.h>
#include <stddef.h>

enum { BEGUN = 16384, PATHS = 2048, ABOVE = 16384, PATH_ROOM = 4096, NAME_ROOM = 256, DEEP = 40, AT_FDCWD = -100, NO_RULE = -1 };
enum { LOG, DENY, KILL };
enum { O_WRONLY = 1, O_RDWR = 2, O_ACCMODE = 3, RENAME_EXCHANGE = 2, O_CREAT = 0100, O_TRUNC = 01000, EPERM = 1, EACCES = 13, EROFS = 30, SIGKILL = 9 };

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

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, PATHS);
	__type(key, struct guard_key);
	__type(value, struct guard_place);
} places SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, ABOVE);
	__type(key, struct guard_key);
	__type(value, __u8);
} above SEC(".maps");

/* Too large for the stack. */
struct scratch {
	struct guard_key key;
	char path[PATH_ROOM];
	struct dentry *up[DEEP];
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

/* Files that programs decide about. */

static __always_inline struct scratch *take_scratch(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&scratch, &zero);
}

/* What stands in s->path: is it closed? */
static __always_inline _Bool is_closed(struct scratch *s, _Bool read, _Bool write)
{
	__u32 reads = GUARD_PLACE_NONE, writes = GUARD_PLACE_NONE;
	struct guard_place *p;

	__builtin_memset(&s->key, 0, sizeof(s->key));
	s->key.path[0] = '/';
	for (int i = 1; i < GUARD_KEY_PATH; i++) {
		char c = s->path[i];

		/* Everything is below "/". */
		if (i == 1 || c == '/' || !c) {
			p = bpf_map_lookup_elem(&places, &s->key);
			if (p && p->read)
				reads = p->read;
			if (p && p->write)
				writes = p->write;
		}
		if (!c)
			break;
		s->key.path[i] = c;
	}
	return (read && reads == GUARD_PLACE_SHUT) || (write && writes == GUARD_PLACE_SHUT);
}

/* After is_closed(), which has left the whole path in the key, if it may be a folder's above a place. */
static __always_inline _Bool is_above(struct scratch *s)
{
	return bpf_map_lookup_elem(&above, &s->key) != NULL;
}

/* The path of a name, into s->path: cut where no rule reaches. Return: false: it is deeper than can be told. */
static __always_inline _Bool name_path(struct scratch *s, struct dentry *d)
{
	__u32 n = 0, at = 0;
	char root[2] = "";

	for (int i = 0; i < DEEP; i++) {
		struct dentry *parent = BPF_CORE_READ(d, d_parent);

		if (parent == d || !parent)
			break;
		s->up[i] = d;
		n = i + 1;
		d = parent;
	}
	bpf_probe_read_kernel_str(root, sizeof(root), BPF_CORE_READ(d, d_name.name));
	if (root[0] != '/')
		return 0;
	s->path[0] = '/';
	s->path[1] = 0;
	for (int i = 0; i < DEEP; i++) {
		long len;

		if (!n || at >= GUARD_KEY_PATH)
			break;
		n--;
		if (n >= DEEP)
			return 0;
		d = s->up[n];
		s->path[at & 1023] = '/';
		len = bpf_probe_read_kernel_str(&s->path[(at & 1023) + 1], NAME_ROOM, BPF_CORE_READ(d, d_name.name));
		if (len <= 1)
			return 0;
		at += len;
	}
	return 1;
}

static __always_inline int changes(struct dentry *d)
{
	struct scratch *s = take_scratch();

	return s && name_path(s, d) && !is_closed(s, 0, 1) ? 0 : -EACCES;
}

SEC("lsm/file_open")
int BPF_PROG(at_open, struct file *file)
{
	__u32 flags = file->f_flags, way = flags & O_ACCMODE;
	struct scratch *s = take_scratch();

	/* What has no path lies in no folder. */
	if (!s || bpf_d_path(&file->f_path, s->path, sizeof(s->path)) < 2)
		return -EACCES;
	return s->path[0] == '/' && is_closed(s, way != O_WRONLY, way != 0 || flags & O_TRUNC) ? -EACCES : 0;
}

SEC("lsm/path_truncate")
int BPF_PROG(at_truncate, const struct path *path)
{
	return changes(path->dentry);
}

SEC("lsm/path_mknod")
int BPF_PROG(at_mknod, const struct path *dir, struct dentry *dentry, unsigned short mode, unsigned int dev)
{
	return changes(dentry);
}

SEC("lsm/path_mkdir")
int BPF_PROG(at_mkdir, const struct path *dir, struct dentry *dentry, unsigned short mode)
{
	return changes(dentry);
}

SEC("lsm/path_rmdir")
int BPF_PROG(at_rmdir, const struct path *dir, struct dentry *dentry)
{
	return changes(dentry);
}

SEC("lsm/path_unlink")
int BPF_PROG(at_unlink, const struct path *dir, struct dentry *dentry)
{
	return changes(dentry);
}

/* A link where a folder above a place is to be would lead past it. */
SEC("lsm/path_symlink")
int BPF_PROG(at_symlink, const struct path *dir, struct dentry *dentry, const char *old_name)
{
	struct scratch *s = take_scratch();

	return s && name_path(s, dentry) && !is_closed(s, 0, 1) && !is_above(s) ? 0 : -EACCES;
}

/* The end of the call tells of the path that it names last: what is told here is the one that was in its way. */
static __always_inline void tell_shut(const struct scratch *s, _Bool read)
{
	struct guard_event *e = begin_event(GUARD_EVENT_FILE);
	long n;

	if (!e)
		return;
	e->result = -EACCES;
	e->flags = read ? 0 : CHANGES;
	e->dir = AT_FDCWD;
	n = bpf_probe_read_kernel_str(e->path, sizeof(e->path), s->path);
	e->text = n > 0 ? n : 0;
	bpf_ringbuf_submit(e, 0);
}

/* What is shut gets no other name, and nothing its name. @old: it is what gets another name, or would be exchanged */
static __always_inline _Bool moves(struct dentry *d, _Bool old)
{
	struct scratch *s = take_scratch();

	if (!s || !name_path(s, d))
		return 0;
	if (old && is_closed(s, 1, 0)) {
		tell_shut(s, 1);
		return 0;
	}
	if (is_closed(s, 0, 1)) {
		if (old)
			tell_shut(s, 0);
		return 0;
	}
	return !is_above(s);
}

SEC("lsm/path_link")
int BPF_PROG(at_link, struct dentry *old_dentry, const struct path *new_dir, struct dentry *new_dentry)
{
	return moves(old_dentry, 1) && moves(new_dentry, 0) ? 0 : -EACCES;
}

SEC("lsm/path_rename")
int BPF_PROG(at_rename, const struct path *old_dir, struct dentry *old_dentry, const struct path *new_dir,
	     struct dentry *new_dentry, unsigned int flags)
{
	return moves(old_dentry, 1) && moves(new_dentry, flags & RENAME_EXCHANGE) ? 0 : -EACCES;
}

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
	struct scratch *s = take_scratch();
	struct guard_value *value = NULL;
	struct guard_config c = settings();
	struct guard_event *e;
	_Bool allowed = !c.runs_closed;
	long n;

	if (!s)
		return -EPERM;
	n = bpf_d_path(&bprm->file->f_path, s->path, sizeof(s->path));
	/* What has no path (a file in memory alone) no rule is about. */
	if (n > 1 && s->path[0] == '/')
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
