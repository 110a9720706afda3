/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * guard, in the kernel: the policy of guard.bpf.c over one cgroup of the machine. In a run the kernel's Landlock and mounts close files, and skep stops calls; here LSM programs do
 * both, and nothing else takes part.
 *
 *   map       key                value                     meaning
 *   scope     0                  a cgroup                  who is held to the rules (scope.bpf.h)
 *   settings  0                  struct guard_settings
 *   paths     struct guard_key   struct guard_path_value   of the rules about one way the longest path's counts that is a file's, or a folder's that it is in
 *   calls     a call's number    struct guard_call_value   what becomes of it; calls32: by the numbers of 32-bit programs
 *   work      a task             struct work               room for a path (task storage: it goes with the task)
 *   events                       struct guard_kernel_event ring buffer: what was refused
 *   stats     0                  struct ring_stats         events told and lost (per CPU)
 *
 * Files. A path is what its names say, from the root of the process that asks: in a container it is the container's path. So nobody may change what names lead to: for who is
 * guarded CAP_SYS_ADMIN, CAP_SYS_CHROOT and CAP_DAC_READ_SEARCH (mounts, namespaces, another root, handles of files) are not there, what is shut has no second name (link, rename),
 * and the folders above a rule keep theirs (map above). What no way leads to from there is shut when anything is. What has no name at all (pipes, memory) only `run` is about.
 *
 * Calls. Common kernels let no program take the place of a system call (CONFIG_FUNCTION_ERROR_INJECTION is off in Debian, among others), and a signal alone comes too late: it is
 * looked at when the call has been made. So a call is stopped where it asks the security modules, before it does anything: the hook looks which call its task is in. Which hook every
 * way of a call comes by, the user part has a table of. io_uring would go past the numbers, so it is not there for who is guarded.
 *
 * And nobody guarded leaves: cgroups are not written to, bpf(2) is refused, other processes are not traced.
 *
 * Room is the task's own, not the CPU's: on kernels that preempt, another task's program may run in between. For Linux 6.1 and later.
 */
#include "scope.bpf.h"
#include "task.bpf.h"
#include "guard_kernel.h"

#define RING_SIZE (1 << 20)
#include "ring.bpf.h"

#include <bpf/bpf_tracing.h>
#include <stddef.h>

/* As the kernel itself has it. */
struct pt_regs {
	unsigned long orig_ax;
} __attribute__((preserve_access_index));
struct cred;
struct user_namespace;

enum { RULES = 2048, ABOVE = 16384, NAME_ROOM = 256, PATH_ROOM = 2 * NAME_ROOM + 8, DEEP = 64, STEPS = 96 };
enum { LOG, DENY, KILL };
enum {
	O_ACCMODE = 3,
	O_WRONLY = 1,
	O_TRUNC = 01000,
	FMODE_EXEC = 0x20, /* in f_flags: to be executed */
	RENAME_EXCHANGE = 2,
	MAY_WRITE = 2,
	PTRACE_MODE_ATTACH = 2,
	CAP_DAC_READ_SEARCH = 2,
	CAP_SYS_CHROOT = 18,
	CAP_SYS_ADMIN = 21,
	TS_COMPAT = 2,
	X32 = 0x40000000,
	EPERM = 1,
	EACCES = 13,
	ERRNO_MAX = 4095,
	SIGKILL = 9
};
#define SB_NOUSER	   (1ul << 31)
#define CGROUP2_MAGIC	   0x63677270ul
#define BPF_FS_MAGIC	   0xcafe4a11ul
#define SAME(a, b)	   ((const void *)(a) == (const void *)(b))

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* What the policy has rules about: the verifier takes the rest out. */
const volatile _Bool about_files = 1, about_calls = 1;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct guard_settings);
} settings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, RULES);
	__type(key, struct guard_key);
	__type(value, struct guard_path_value);
} paths SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, ABOVE);
	__type(key, struct guard_key);
	__type(value, __u8);
} above SEC(".maps");

struct calls {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, GUARD_NUMBERS);
	__type(key, __u32);
	__type(value, struct guard_call_value);
} calls SEC(".maps"), calls32 SEC(".maps");

/* All that the loops below go on with stands here: the verifier need not follow it from turn to turn. */
struct work {
	struct guard_key key;
	char path[PATH_ROOM];
	struct dentry *up[DEEP]; /* the names of a path, from the last on */
	struct dentry *name, *root;
	struct vfsmount *mnt, *root_mnt;
	__u32 n, at; /* names in up; bytes of the path so far */
	__u32 arrived; /* at the root; and every name could be read */
	__u32 state[GUARD_WAYS], by[GUARD_WAYS]; /* what the rules say of the path */
};

struct turn {
	struct work *w;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct work);
} work SEC(".maps");

/* Whom it is about. */

static __always_inline struct guard_settings *settings_now(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&settings, &zero);
}

static __always_inline _Bool guarded(void)
{
	struct guard_settings *c;
	struct task_struct *t;

	if (!in_scope())
		return 0;
	c = settings_now();
	if (!c || !c->mnt_ns)
		return 1;
	t = (void *)bpf_get_current_task();
	return BPF_CORE_READ(t, nsproxy, mnt_ns, ns.inum) == c->mnt_ns;
}

/* @err where refusals are meant, else 0. */
static __always_inline int refusal(int err)
{
	struct guard_settings *c = settings_now();

	return c && c->audit ? 0 : err;
}

static __always_inline struct guard_kernel_event *begin_event(enum guard_told kind)
{
	struct task_struct *t = (void *)bpf_get_current_task();
	struct guard_kernel_event *e = reserve(sizeof(*e));

	if (!e)
		return NULL;
	__builtin_memset(e, 0, offsetof(struct guard_kernel_event, path));
	e->kind = kind;
	e->ns = bpf_ktime_get_boot_ns();
	e->pid = BPF_CORE_READ(t, tgid);
	e->start = BPF_CORE_READ(t, group_leader, start_boottime);
	bpf_get_current_comm(e->comm, sizeof(e->comm));
	return e;
}

/* Calls. */

static __always_inline struct guard_call_value *rule_of(__u64 id)
{
	struct task_struct *t = (void *)bpf_get_current_task();
	__u32 nr = (__u32)id & ~(__u32)X32;

	if (BPF_CORE_READ(t, thread_info.status) & TS_COMPAT)
		return bpf_map_lookup_elem(&calls32, &nr);
	return bpf_map_lookup_elem(&calls, &nr);
}

/* The call that the task is in, where the policy refuses it. Return: 0, or what to refuse it with. For who is guarded. */
static __always_inline int call_refused(void)
{
	struct pt_regs *regs;
	struct guard_call_value *c;
	int err;

	if (!about_calls)
		return 0;
	regs = (void *)bpf_task_pt_regs(bpf_get_current_task_btf());
	c = rule_of(regs->orig_ax);
	if (!c || c->action == LOG)
		return 0;
	err = c->err;
	if (c->action == KILL || err >= 0 || err < -ERRNO_MAX)
		err = -EPERM;
	return refusal(err);
}

/* Tells of it when it begins; and who is to be killed is, as soon as the call comes back from where it was stopped. */
SEC("?tp_btf/sys_enter")
int BPF_PROG(on_call, struct pt_regs *regs, long id)
{
	struct guard_kernel_event *e;
	struct guard_call_value *c;

	if (!guarded())
		return 0;
	c = rule_of(id);
	if (!c)
		return 0;
	e = begin_event(GUARD_TOLD_CALL);
	if (e) {
		e->nr = (__u32)id & ~(__u32)X32;
		if (c->number)
			e->nr = c->number - 1;
		e->action = c->action;
		e->err = c->action == LOG ? 0 : refusal(c->err ? c->err : -EPERM);
		bpf_ringbuf_submit(e, 0);
	}
	if (c->action == KILL && refusal(-EPERM))
		bpf_send_signal(SIGKILL);
	return 0;
}

/* A hook by which calls of the policy come. */
#define STOP(hook)                                                                                                     \
	SEC("?lsm/" #hook) int BPF_PROG(stop_##hook)                                                                   \
	{                                                                                                              \
		return guarded() ? call_refused() : 0;                                                                 \
	}

STOP(file_permission)
STOP(file_truncate)
STOP(path_chmod)
STOP(path_chown)
STOP(path_chroot)
STOP(bprm_check_security)
STOP(ptrace_traceme)
STOP(task_kill)
STOP(socket_create)
STOP(socket_bind)
STOP(socket_connect)
STOP(socket_listen)
STOP(socket_accept)
STOP(socket_sendmsg)
STOP(socket_recvmsg)
STOP(socket_setsockopt)
STOP(socket_shutdown)
STOP(perf_event_open)
STOP(sb_mount)
STOP(sb_umount)
STOP(sb_pivotroot)
STOP(move_mount)
STOP(userns_create)
STOP(task_fix_setuid)
STOP(task_fix_setgid)

/* Paths. */

static __always_inline struct work *take_work(void)
{
	return bpf_task_storage_get(&work, bpf_get_current_task_btf(), NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
}

static __always_inline struct mount *mount_of(struct vfsmount *mnt)
{
	return (void *)((char *)mnt - bpf_core_field_offset(struct mount, mnt));
}

/* One name up, or from a mount to what it lies on. Return: 1 at the end */
static long climb(__u32 i, struct turn *t)
{
	struct work *w = t->w;
	struct dentry *d = w->name;
	struct vfsmount *mnt = w->mnt;

	if (SAME(d, w->root) && SAME(mnt, w->root_mnt)) {
		w->arrived = 1;
		return 1;
	}
	if (SAME(d, BPF_CORE_READ(mnt, mnt_root))) {
		struct mount *m = mount_of(mnt), *parent = BPF_CORE_READ(m, mnt_parent);

		if (SAME(parent, m) || !parent)
			return 1;
		w->name = BPF_CORE_READ(m, mnt_mountpoint);
		w->mnt = (void *)((char *)parent + bpf_core_field_offset(struct mount, mnt));
		return 0;
	}
	if (w->n >= DEEP)
		return 1;
	w->up[w->n & (DEEP - 1)] = d;
	w->n++;
	w->name = BPF_CORE_READ(d, d_parent);
	return 0;
}

/* One name down, into the path. */
static long spell(__u32 i, struct turn *t)
{
	struct work *w = t->w;
	__u32 at = w->at;
	struct dentry *d;
	long len;

	if (!w->n || at >= GUARD_KEY_PATH)
		return 1;
	w->n--;
	d = w->up[w->n & (DEEP - 1)];
	at &= NAME_ROOM - 1;
	w->path[at] = '/';
	len = bpf_probe_read_kernel_str(&w->path[at + 1], NAME_ROOM, BPF_CORE_READ(d, d_name.name));
	if (len <= 1) {
		w->arrived = 0;
		return 1;
	}
	w->at = at + len;
	return 0;
}

/*
 * The path of a name in a mount, from the root of the process, into w->path; cut where no rule reaches.
 * Return: false: no way leads there from its root, or it is deeper than can be told; the path is "/" then.
 */
static __always_inline _Bool path_of(struct work *w, struct vfsmount *mnt, struct dentry *d)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct turn t = {.w = w};

	w->name = d;
	w->mnt = mnt;
	w->root = BPF_CORE_READ(task, fs, root.dentry);
	w->root_mnt = BPF_CORE_READ(task, fs, root.mnt);
	w->n = w->at = w->arrived = 0;
	w->path[0] = '/';
	w->path[1] = 0;
	bpf_loop(STEPS, climb, &t, 0);
	if (w->arrived)
		bpf_loop(DEEP, spell, &t, 0);
	if (w->arrived)
		return 1;
	w->path[1] = 0;
	return 0;
}

/* One byte of the path on: is the key a rule's path now? */
static long match(__u32 i, struct turn *t)
{
	struct guard_path_value *p;
	struct work *w = t->w;
	char c;

	i++;
	if (i >= GUARD_KEY_PATH)
		return 1;
	c = w->path[i];
	/* Everything is below "/". */
	if (i == 1 || c == '/' || !c) {
		p = bpf_map_lookup_elem(&paths, &w->key);
		for (int k = 0; p && k < GUARD_WAYS; k++)
			if (p->state[k]) {
				w->state[k] = p->state[k];
				w->by[k] = p->state[k] == GUARD_UNSAID ? 0 : i;
			}
	}
	if (!c)
		return 1;
	w->key.path[i] = c;
	return 0;
}

/* What the rules say of w->path goes into w->state and w->by; the key has the whole path after it, as far as rules reach. */
static __always_inline void look_up(struct work *w)
{
	struct turn t = {.w = w};

	__builtin_memset(&w->key, 0, sizeof(w->key));
	__builtin_memset(w->state, 0, sizeof(w->state));
	__builtin_memset(w->by, 0, sizeof(w->by));
	w->key.path[0] = '/';
	bpf_loop(GUARD_KEY_PATH, match, &t, 0);
}

static __always_inline void tell(const struct work *w, enum guard_way way, int err, _Bool named)
{
	struct guard_kernel_event *e = begin_event(GUARD_TOLD_FILE);
	long n;

	if (!e)
		return;
	e->err = err;
	e->way = way;
	e->by = named ? w->by[way] : 0;
	n = named ? bpf_probe_read_kernel_str(e->path, sizeof(e->path), w->path) : 0;
	e->text = n > 0 ? n : 0;
	bpf_ringbuf_submit(e, 0);
}

static __always_inline _Bool is_shut(const struct work *w, enum guard_way way)
{
	return w->state[way] >= GUARD_SHUT;
}

/* After find(): is it a folder that a rule's place is in? */
static __always_inline _Bool is_above(struct work *w)
{
	return bpf_map_lookup_elem(&above, &w->key) != NULL;
}

/* What no way leads to from the process's root has a path that nobody knows: what any rule shuts is shut there. What has no name by its nature only "/" stands for. */
static __always_inline _Bool find(struct work *w, struct vfsmount *mnt, struct dentry *d, _Bool no_name)
{
	struct guard_settings *c = settings_now();
	_Bool named = path_of(w, mnt, d);

	look_up(w);
	if (named || no_name)
		return named;
	for (int i = 0; i < GUARD_WAYS; i++)
		if (!c || c->closes & 1u << i) {
			w->state[i] = GUARD_UNSAID;
			w->by[i] = 0;
		}
	return 0;
}

/* A change of what a name stands for. Return: 0 or what it is refused with. */
static __always_inline int changes(struct vfsmount *mnt, struct dentry *d)
{
	struct work *w;
	_Bool named;
	int err;

	if (!guarded())
		return 0;
	err = call_refused();
	if (err || !about_files)
		return err;
	w = take_work();
	if (!w)
		return -EACCES;
	named = find(w, mnt, d, 0);
	if (!is_shut(w, GUARD_WAY_WRITE))
		return 0;
	err = refusal(-EACCES);
	tell(w, GUARD_WAY_WRITE, err, named);
	return err;
}

SEC("?lsm/file_open")
int BPF_PROG(at_open, struct file *file)
{
	__u32 flags = file->f_flags, way = flags & O_ACCMODE;
	enum guard_way shut;
	struct mount *mount;
	struct work *w;
	_Bool named, no_name;
	int err;

	if (!guarded())
		return 0;
	err = call_refused();
	if (err || !about_files)
		return err;
	/* The kernel's own mounts: of memory; and of overlayfs's layers, which it opens in the name of who has opened what lies over them, and was asked about that. */
	mount = mount_of(BPF_CORE_READ(file, f_path.mnt));
	no_name = (unsigned long)BPF_CORE_READ(mount, mnt_ns) >= -(unsigned long)ERRNO_MAX;
	if (no_name && (!(flags & FMODE_EXEC) || !(BPF_CORE_READ(mount, mnt.mnt_sb, s_flags) & SB_NOUSER)))
		return 0;
	w = take_work();
	if (!w)
		return -EACCES;
	named = find(w, BPF_CORE_READ(file, f_path.mnt), BPF_CORE_READ(file, f_path.dentry), no_name);
	if (flags & FMODE_EXEC && is_shut(w, GUARD_WAY_RUN))
		shut = GUARD_WAY_RUN;
	else if (!no_name && way != O_WRONLY && is_shut(w, GUARD_WAY_READ))
		shut = GUARD_WAY_READ;
	else if (!no_name && (way || flags & O_TRUNC) && is_shut(w, GUARD_WAY_WRITE))
		shut = GUARD_WAY_WRITE;
	else
		return 0;
	err = refusal(-EACCES);
	tell(w, shut, err, named);
	return err;
}

SEC("?lsm/path_truncate")
int BPF_PROG(at_truncate, const struct path *path)
{
	return changes((void *)path->mnt, path->dentry);
}

/* A name that comes or goes. */
#define CHANGES(what)                                                                                                  \
	SEC("?lsm/path_" #what) int BPF_PROG(at_##what, const struct path *dir, struct dentry *dentry)                 \
	{                                                                                                              \
		return changes((void *)dir->mnt, dentry);                                                              \
	}

CHANGES(mknod)
CHANGES(mkdir)
CHANGES(rmdir)
CHANGES(unlink)

/* A link where a folder above a rule is to be would lead past it. */
SEC("?lsm/path_symlink")
int BPF_PROG(at_symlink, const struct path *dir, struct dentry *dentry)
{
	int err = changes((void *)dir->mnt, dentry);
	struct work *w;

	if (err || !about_files || !guarded())
		return err;
	w = take_work();
	return !w || is_above(w) ? refusal(-EACCES) : 0;
}

/* The ways that are shut, as bits. */
static __always_inline __u32 shut_ways(const struct work *w)
{
	return is_shut(w, GUARD_WAY_READ) << GUARD_WAY_READ | is_shut(w, GUARD_WAY_WRITE) << GUARD_WAY_WRITE |
	       is_shut(w, GUARD_WAY_RUN) << GUARD_WAY_RUN;
}

enum move { MOVE_LINK, MOVE_RENAME, MOVE_EXCHANGE };

/* What is shut opens under no other name. Both names are in one mount, or nothing is moved. Return: 0 or what it is refused with */
static __always_inline int moves(struct vfsmount *mnt, struct dentry *from, struct dentry *to, enum move how)
{
	__u32 was, will, gained;
	struct work *w;
	_Bool named;
	int err;

	if (!guarded())
		return 0;
	err = call_refused();
	if (err || !about_files)
		return err;
	w = take_work();
	if (!w)
		return -EACCES;
	err = refusal(-EACCES);
	named = find(w, mnt, to, 0);
	will = shut_ways(w);
	if (will & 1 << GUARD_WAY_WRITE) {
		tell(w, GUARD_WAY_WRITE, err, named);
		return err;
	}
	if (is_above(w))
		return err;
	named = find(w, mnt, from, 0);
	was = shut_ways(w);
	gained = (was & ~will) | (how == MOVE_EXCHANGE ? will & ~was : 0);
	if (is_above(w))
		return err;
	if (!gained && (how == MOVE_LINK || !(was & 1 << GUARD_WAY_WRITE)))
		return 0;
	tell(w,
	     gained & 1 << GUARD_WAY_READ           ? GUARD_WAY_READ
	     : (gained | was) & 1 << GUARD_WAY_WRITE ? GUARD_WAY_WRITE
						     : GUARD_WAY_RUN,
	     err, named);
	return err;
}

SEC("?lsm/path_link")
int BPF_PROG(at_link, struct dentry *old_dentry, const struct path *new_dir, struct dentry *new_dentry)
{
	return moves((void *)new_dir->mnt, old_dentry, new_dentry, MOVE_LINK);
}

SEC("?lsm/path_rename")
int BPF_PROG(at_rename, const struct path *old_dir, struct dentry *old_dentry, const struct path *new_dir,
	     struct dentry *new_dentry, unsigned int flags)
{
	return moves((void *)new_dir->mnt, old_dentry, new_dentry, flags & RENAME_EXCHANGE ? MOVE_EXCHANGE : MOVE_RENAME);
}

/* What would lead past the rules. */

SEC("?lsm/capable")
int BPF_PROG(at_capable, const struct cred *cred, struct user_namespace *ns, int cap)
{
	struct task_struct *t = (void *)bpf_get_current_task();
	int err;

	if (!about_calls && cap != CAP_SYS_ADMIN && cap != CAP_SYS_CHROOT && cap != CAP_DAC_READ_SEARCH)
		return 0;
	if (!guarded())
		return 0;
	/* The kernel itself asks in the name of whom it does something for: overlayfs, when it copies a file up. */
	if (!SAME(cred, BPF_CORE_READ(t, real_cred)))
		return 0;
	err = call_refused();
	if (err)
		return -EPERM;
	return about_files && (cap == CAP_SYS_ADMIN || cap == CAP_SYS_CHROOT || cap == CAP_DAC_READ_SEARCH)
		       ? refusal(-EPERM)
		       : 0;
}

/* Another one may be outside; and by its memory or its root one gets at files. */
SEC("?lsm/ptrace_access_check")
int BPF_PROG(at_ptrace, struct task_struct *child, unsigned int mode)
{
	int err;

	if (!guarded())
		return 0;
	err = call_refused();
	return err                           ? err
	       : (mode & PTRACE_MODE_ATTACH) ? refusal(-EPERM)
					     : 0;
}

/* To another cgroup, and to the guard's own pins. */
SEC("?lsm/inode_permission")
int BPF_PROG(at_leaving, struct inode *inode, int mask)
{
	__u64 magic;

	if (!(mask & MAY_WRITE))
		return 0;
	magic = inode->i_sb->s_magic;
	if (magic != CGROUP2_MAGIC && magic != BPF_FS_MAGIC)
		return 0;
	return guarded() ? refusal(-EPERM) : 0;
}

SEC("?lsm/bpf")
int BPF_PROG(at_bpf)
{
	int err = guarded() ? call_refused() : 0;

	return err ? err : guarded() ? refusal(-EPERM) : 0;
}

/* io_uring's file, and userfaultfd's. */
SEC("?lsm/inode_init_security_anon")
int BPF_PROG(at_anon)
{
	int err = guarded() ? call_refused() : 0;

	return err ? err : guarded() ? refusal(-EPERM) : 0;
}
