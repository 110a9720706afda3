/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of points.h: what stands alone first, then the families of system calls. A row's `why` for what is absent is told to whoever
 * attaches there.
 */
#include "prog/points.h"

#include "base/util.h"
#include "prog/calls.h"

#include <stdio.h>
#include <string.h>

/* Numbers of calls by the names of base/calls.inc. */
enum {
#define CALL(number, called, ...) NR_##called = (number),
#include "base/calls.inc"
#undef CALL
};

/* Ids of tracepoints: those of calls follow from the number, the others are numbered as they come. */
enum { ID_ENTER = 1000, ID_EXIT = ID_ENTER + CALLS_MAX };

/* Groups of calls that come to the same places in the kernel. */
#define ANY     POINT_ANY_CALL
#define OPENS   NR_open, NR_openat, NR_openat2, NR_creat
#define EXECS   NR_execve, NR_execveat
#define UNLINKS NR_unlink, NR_unlinkat
#define RENAMES NR_rename, NR_renameat, NR_renameat2
#define MKDIRS  NR_mkdir, NR_mkdirat
#define RMDIRS  NR_rmdir, NR_unlinkat
#define MKNODS  NR_mknod, NR_mknodat
#define LINKS   NR_link, NR_linkat
#define SYMS    NR_symlink, NR_symlinkat
#define CHMODS  NR_chmod, NR_fchmod, NR_fchmodat, NR_fchmodat2
#define CHOWNS  NR_chown, NR_lchown, NR_fchown, NR_fchownat
#define STATS   NR_stat, NR_lstat, NR_fstat, NR_newfstatat, NR_statx
#define ACCEPTS NR_accept, NR_accept4
#define KILLS   NR_kill, NR_tkill, NR_tgkill, NR_rt_sigqueueinfo, NR_rt_tgsigqueueinfo, NR_pidfd_send_signal

#define NOTHING "nothing"
#define DENIES  "deny with an errno"

#define OF(...) .calls = {__VA_ARGS__}, .n_calls = ARRAY_SIZE(((const int16_t[]){__VA_ARGS__}))
#define TRACEPOINT(when, how, what, who, reason)                                                                       \
	{                                                                                                              \
		.kind = POINT_TRACEPOINT, .event = POINT_ON_##when, .truth = POINT_##how, .name = (what),              \
		.id = __COUNTER__ + 1, who, .decides = NOTHING, .why = (reason)                                        \
	}
#define RAW_TP(when, how, what, who, reason)                                                                           \
	{                                                                                                              \
		.kind = POINT_RAW_TP, .event = POINT_ON_##when, .truth = POINT_##how, .name = (what), who,             \
		.decides = NOTHING, .why = (reason)                                                                    \
	}
#define FUNCTION(how, what, who, reason)                                                                               \
	{                                                                                                              \
		.kind = POINT_FUNCTION, .event = POINT_ON_BOTH, .truth = POINT_##how, .name = (what), who,             \
		.decides = NOTHING, .why = (reason)                                                                    \
	}
#define LSM(how, what, who, can, reason)                                                                               \
	{                                                                                                              \
		.kind = POINT_LSM, .event = POINT_ON_CALL, .truth = POINT_##how, .name = (what), who,                  \
		.decides = (can), .why = (reason)                                                                      \
	}
/* What no event of a task stands for. */
#define NO_TRACEPOINT(what, reason)                                                                                    \
	{                                                                                                              \
		.kind = POINT_TRACEPOINT, .truth = POINT_ABSENT, .name = (what), .id = __COUNTER__ + 1,                \
		.decides = NOTHING, .why = (reason)                                                                    \
	}
#define NO_RAW_TP(what, reason)                                                                                        \
	{                                                                                                              \
		.kind = POINT_RAW_TP, .truth = POINT_ABSENT, .name = (what), .decides = NOTHING, .why = (reason)       \
	}
#define NO_TRACE(category, what, reason) NO_TRACEPOINT(category "/" what, reason), NO_RAW_TP(what, reason)
#define NO_FUNCTION(what, reason)                                                                                      \
	{                                                                                                              \
		.kind = POINT_FUNCTION, .truth = POINT_ABSENT, .name = (what), .decides = NOTHING, .why = (reason)     \
	}

#define HELD                                                                                                           \
	"the address is the one that is used; what is read of the socket is what the task has under its number at "    \
	"that moment"
#define OPENED                                                                                                         \
	"what is opened is the file that was looked at; of one that the open makes, path and mode are known, and of "  \
	"executables and what the kernel opens itself nothing is asked (bprm_check_security is for those)"
#define AT_PATH                                                                                                        \
	"what is done is done under the very name and folder that were looked at; which file has the name, another "   \
	"thread may change before"
#define EVERY_CALL "the tree stops at every system call for it"
#define LATER      "nothing brings it yet; tracepoints of the system calls do"
#define SCHEDULER  "when which task runs is the kernel's own doing, and no event of a task tells of it"
#define BLOCK      "requests to block devices are the kernel's own; no event of a task tells of them"
#define MEMORY     "the kernel's management of memory is not seen from a task's system calls"
#define INTERRUPTS "interrupts are the machine's, not a task's"
#define LOCKS      "locks within the kernel are not seen from a task's system calls"
#define STACK      "it happens within the kernel's network stack; xdp, tc and cgroup_skb programs see the frames"
#define FILES                                                                                                          \
	"reading and writing also comes from mappings, splices and the kernel itself; tracepoints of the system "      \
	"calls tell a part"
#define FILESYSTEM "it happens within a file system; tracepoints of the system calls show what was asked for"
#define SIGNALS    "most signals come from the kernel; tracepoints of kill, tkill and tgkill tell those that tasks send"

static const struct hook_point points[] = {
	/* clang-format off */
	TRACEPOINT(CALL, EXACT, "raw_syscalls/sys_enter", OF(ANY), EVERY_CALL),
	TRACEPOINT(RETURN, EXACT, "raw_syscalls/sys_exit", OF(ANY), EVERY_CALL),
	TRACEPOINT(EXEC, EXACT, "sched/sched_process_exec", .n_calls = 0, NULL),
	TRACEPOINT(FORK, EXACT, "sched/sched_process_fork", .n_calls = 0, NULL),
	TRACEPOINT(EXIT, EXACT, "sched/sched_process_exit", .n_calls = 0, NULL),
	TRACEPOINT(FORK, ABSENT, "task/task_newtask", .n_calls = 0, "what the new task was made with (clone_flags) is not kept; sched_process_fork tells of the task"),
	RAW_TP(CALL, EXACT, "sys_enter", OF(ANY), EVERY_CALL),
	RAW_TP(RETURN, EXACT, "sys_exit", OF(ANY), EVERY_CALL),
	RAW_TP(EXEC, EXACT, "sched_process_exec", .n_calls = 0, NULL),
	RAW_TP(FORK, EXACT, "sched_process_fork", .n_calls = 0, NULL),
	RAW_TP(EXIT, EXACT, "sched_process_exit", .n_calls = 0, NULL),
	RAW_TP(FORK, ABSENT, "task_newtask", .n_calls = 0, "what the new task was made with (clone_flags) is not kept; sched_process_fork tells of the task"),

	/* Functions that system calls come to. */
	FUNCTION(APPROXIMATE, "do_sys_openat2", OF(OPENS), "also for a call whose flags the kernel then refuses"),
	FUNCTION(APPROXIMATE, "vfs_open", OF(OPENS), "when the call has returned, of files that could be opened; not for the kernel's own opens (an executable at exec)"),
	FUNCTION(APPROXIMATE, "vfs_read", OF(NR_read, NR_pread64), "the kernel has other callers within itself"),
	FUNCTION(APPROXIMATE, "vfs_write", OF(NR_write, NR_pwrite64), "the kernel has other callers within itself"),
	FUNCTION(APPROXIMATE, "vfs_fsync", OF(NR_fsync, NR_fdatasync), "the kernel has other callers within itself"),
	FUNCTION(APPROXIMATE, "tcp_v4_connect", OF(NR_connect), "a connect on a socket that is connected comes here, too, and then fails"),
	FUNCTION(APPROXIMATE, "tcp_v6_connect", OF(NR_connect), "a connect on a socket that is connected comes here, too, and then fails"),
	FUNCTION(APPROXIMATE, "inet_csk_accept", OF(ACCEPTS), "when the call returns, not when it begins to wait"),
	FUNCTION(APPROXIMATE, "inet_bind", OF(NR_bind), "also for a call that the kernel then refuses"),
	FUNCTION(APPROXIMATE, "inet6_bind", OF(NR_bind), "also for a call that the kernel then refuses"),
	FUNCTION(APPROXIMATE, "inet_listen", OF(NR_listen), "also for a call that the kernel then refuses"),
	FUNCTION(ABSENT, "do_sys_open", OF(NR_open, NR_openat, NR_creat), LATER),
	FUNCTION(ABSENT, "do_filp_open", OF(OPENS), LATER),
	FUNCTION(APPROXIMATE, "vfs_unlink", OF(UNLINKS), "when the call begins, also for one that the kernel then refuses"),
	FUNCTION(APPROXIMATE, "vfs_create", OF(MKNODS), "when the call begins, also for one that the kernel then refuses; its beginning only"),
	FUNCTION(ABSENT, "vfs_mkdir", OF(MKDIRS), LATER),
	FUNCTION(ABSENT, "vfs_rmdir", OF(RMDIRS), LATER),
	FUNCTION(ABSENT, "vfs_rename", OF(RENAMES), LATER),
	FUNCTION(ABSENT, "vfs_link", OF(LINKS), LATER),
	FUNCTION(ABSENT, "vfs_symlink", OF(SYMS), LATER),
	FUNCTION(ABSENT, "vfs_statx", OF(NR_stat, NR_lstat, NR_newfstatat, NR_statx), LATER),
	FUNCTION(ABSENT, "do_unlinkat", OF(UNLINKS), LATER),
	FUNCTION(ABSENT, "do_mkdirat", OF(MKDIRS), LATER),
	FUNCTION(ABSENT, "do_renameat2", OF(RENAMES), LATER),
	FUNCTION(ABSENT, "path_mount", OF(NR_mount), LATER),
	FUNCTION(ABSENT, "do_execveat_common", OF(EXECS), "a static function of the kernel's that compilers write in place; tracepoints of execve and sched_process_exec tell it"),
	FUNCTION(ABSENT, "bprm_execve", OF(EXECS), LATER),
	FUNCTION(ABSENT, "security_bprm_check", OF(EXECS), LATER),
	FUNCTION(ABSENT, "security_file_open", OF(OPENS), LATER),
	FUNCTION(APPROXIMATE, "security_inode_create", OF(OPENS, MKNODS), "when the call begins and nothing has the name; its beginning only"),
	FUNCTION(ABSENT, "security_path_unlink", OF(UNLINKS), LATER),
	FUNCTION(ABSENT, "security_path_rename", OF(RENAMES), LATER),
	FUNCTION(ABSENT, "security_socket_create", OF(NR_socket), LATER),
	FUNCTION(ABSENT, "security_socket_connect", OF(NR_connect), LATER),
	FUNCTION(ABSENT, "security_socket_bind", OF(NR_bind), LATER),
	FUNCTION(ABSENT, "security_socket_listen", OF(NR_listen), LATER),
	FUNCTION(ABSENT, "security_task_kill", OF(KILLS), LATER),

	/* Decisions about what a system call asks for. */
	{.kind = POINT_LSM,
	 .event = POINT_ON_EXEC,
	 .truth = POINT_APPROXIMATE,
	 .name = "bprm_check_security",
	 .decides = "kill before the first instruction of what is executed",
	 .why = "asked when the new image is in place, so that it is this very image; the old one is gone then, and no errno could be returned"},
	LSM(ABSENT, "bprm_creds_for_exec", OF(EXECS), DENIES, LATER),
	LSM(ABSENT, "bprm_committed_creds", OF(EXECS), NOTHING, "sched_process_exec tells of it"),
	LSM(APPROXIMATE, "file_open", OF(OPENS), DENIES, OPENED),
	LSM(APPROXIMATE, "path_unlink", OF(UNLINKS), DENIES, AT_PATH),
	LSM(APPROXIMATE, "path_rename", OF(RENAMES), DENIES, AT_PATH),
	LSM(APPROXIMATE, "path_mkdir", OF(MKDIRS), DENIES, AT_PATH),
	LSM(APPROXIMATE, "path_rmdir", OF(RMDIRS), DENIES, AT_PATH),
	LSM(APPROXIMATE, "path_mknod", OF(MKNODS, OPENS), DENIES, "of a socket that bind makes nothing is asked; " AT_PATH),
	LSM(APPROXIMATE, "path_link", OF(LINKS), DENIES, "the file is the one that was looked at, under the very name and folder"),
	LSM(APPROXIMATE, "path_symlink", OF(SYMS), DENIES, AT_PATH),
	LSM(EXACT, "path_truncate", OF(NR_truncate), DENIES, NULL),
	LSM(ABSENT, "path_chmod", OF(CHMODS), DENIES, LATER),
	LSM(ABSENT, "path_chown", OF(CHOWNS), DENIES, LATER),
	LSM(ABSENT, "path_chroot", OF(NR_chroot), DENIES, LATER),
	LSM(ABSENT, "inode_create", OF(OPENS), DENIES, "path_mknod and file_open are the hooks that know the path"),
	LSM(ABSENT, "inode_unlink", OF(UNLINKS), DENIES, "path_unlink is the hook that knows the path"),
	LSM(ABSENT, "inode_rename", OF(RENAMES), DENIES, "path_rename is the hook that knows the path"),
	LSM(ABSENT, "inode_getattr", OF(STATS), DENIES, LATER),
	LSM(EXACT, "socket_create", OF(NR_socket), DENIES, NULL),
	LSM(APPROXIMATE, "socket_bind", OF(NR_bind), DENIES, HELD),
	LSM(APPROXIMATE, "socket_connect", OF(NR_connect), DENIES, HELD),
	LSM(ABSENT, "socket_listen", OF(NR_listen), DENIES, LATER),
	LSM(ABSENT, "socket_accept", OF(ACCEPTS), DENIES, LATER),
	LSM(ABSENT, "socket_sendmsg", OF(NR_sendto, NR_sendmsg, NR_sendmmsg), DENIES, "write on a socket comes there, too, and does not stop the task"),
	LSM(APPROXIMATE, "task_kill", OF(KILLS), DENIES, "the tree's guard sends what is allowed, and is named as the sender (si_pid), but for what a process sends to itself; of a group each is asked about"),
	LSM(ABSENT, "task_alloc", OF(NR_clone, NR_clone3, NR_fork, NR_vfork), DENIES, LATER),
	LSM(ABSENT, "task_free", .n_calls = 0, NOTHING, "sched_process_exit tells of it"),
	LSM(ABSENT, "ptrace_access_check", OF(NR_ptrace, NR_process_vm_readv, NR_process_vm_writev), DENIES, "files in /proc ask for it, too"),
	LSM(ABSENT, "sb_mount", OF(NR_mount), DENIES, LATER),
	LSM(ABSENT, "sb_umount", OF(NR_umount2), DENIES, LATER),
	LSM(ABSENT, "bpf", OF(NR_bpf), DENIES, LATER),
	LSM(ABSENT, "file_permission", .n_calls = 0, DENIES, FILES),
	LSM(ABSENT, "mmap_file", OF(NR_mmap), DENIES, "the dynamic loader's mappings would each stop the task"),
	LSM(ABSENT, "capable", .n_calls = 0, DENIES, "the kernel asks it anywhere; no event of a task tells of it"),
	LSM(ABSENT, "inode_permission", .n_calls = 0, DENIES, "the kernel asks it for each part of a path; no event of a task tells of it"),

	/* What tools of others ask for, and no event of a task stands for. */
	NO_TRACE("task", "task_rename", "prctl, exec and files in /proc rename tasks; no event tells of the last"),
	NO_TRACE("sched", "sched_switch", SCHEDULER), NO_TRACE("sched", "sched_wakeup", SCHEDULER),
	NO_TRACE("sched", "sched_wakeup_new", SCHEDULER), NO_TRACE("sched", "sched_waking", SCHEDULER),
	NO_TRACE("sched", "sched_migrate_task", SCHEDULER), NO_TRACE("sched", "sched_stat_sleep", SCHEDULER),
	NO_TRACE("sched", "sched_stat_blocked", SCHEDULER), NO_TRACE("sched", "sched_process_free", SCHEDULER),
	NO_TRACE("sched", "sched_process_wait", "tracepoints of wait4 and waitid tell of it"),
	NO_TRACE("signal", "signal_generate", SIGNALS), NO_TRACE("signal", "signal_deliver", SIGNALS),
	NO_TRACE("sock", "inet_sock_set_state", STACK), NO_TRACE("tcp", "tcp_retransmit_skb", STACK),
	NO_TRACE("tcp", "tcp_probe", STACK), NO_TRACE("tcp", "tcp_receive_reset", STACK),
	NO_TRACE("tcp", "tcp_send_reset", STACK), NO_TRACE("tcp", "tcp_destroy_sock", STACK),
	NO_TRACE("skb", "kfree_skb", STACK), NO_TRACE("skb", "consume_skb", STACK),
	NO_TRACE("net", "net_dev_xmit", STACK), NO_TRACE("net", "net_dev_queue", STACK),
	NO_TRACE("net", "netif_receive_skb", STACK), NO_TRACE("net", "netif_rx", STACK),
	NO_TRACE("napi", "napi_poll", STACK),
	NO_TRACE("block", "block_rq_issue", BLOCK), NO_TRACE("block", "block_rq_insert", BLOCK),
	NO_TRACE("block", "block_rq_complete", BLOCK), NO_TRACE("block", "block_io_start", BLOCK),
	NO_TRACE("block", "block_io_done", BLOCK), NO_TRACE("block", "block_bio_queue", BLOCK),
	NO_TRACE("irq", "irq_handler_entry", INTERRUPTS), NO_TRACE("irq", "irq_handler_exit", INTERRUPTS),
	NO_TRACE("irq", "softirq_entry", INTERRUPTS), NO_TRACE("irq", "softirq_exit", INTERRUPTS),
	NO_TRACE("irq", "softirq_raise", INTERRUPTS), NO_TRACE("power", "cpu_frequency", INTERRUPTS),
	NO_TRACE("power", "cpu_idle", INTERRUPTS), NO_TRACE("timer", "hrtimer_start", INTERRUPTS),
	NO_TRACE("workqueue", "workqueue_execute_start", SCHEDULER),
	NO_TRACE("vmscan", "mm_vmscan_direct_reclaim_begin", MEMORY), NO_TRACE("vmscan", "mm_vmscan_direct_reclaim_end", MEMORY),
	NO_TRACE("kmem", "kmalloc", MEMORY), NO_TRACE("kmem", "kfree", MEMORY), NO_TRACE("kmem", "kmem_cache_alloc", MEMORY),
	NO_TRACE("kmem", "kmem_cache_free", MEMORY), NO_TRACE("kmem", "mm_page_alloc", MEMORY), NO_TRACE("kmem", "mm_page_free", MEMORY),
	NO_TRACE("kmem", "rss_stat", MEMORY), NO_TRACE("oom", "mark_victim", MEMORY), NO_TRACE("exceptions", "page_fault_user", MEMORY),
	NO_TRACE("compaction", "mm_compaction_begin", MEMORY), NO_TRACE("compaction", "mm_compaction_end", MEMORY),
	NO_TRACE("writeback", "writeback_start", FILESYSTEM), NO_TRACE("writeback", "writeback_written", FILESYSTEM),
	NO_TRACE("lock", "contention_begin", LOCKS), NO_TRACE("lock", "contention_end", LOCKS),
	NO_TRACE("cgroup", "cgroup_attach_task", "cgroups are made and entered from outside as well; no event of a task tells of it"),
	NO_TRACE("cgroup", "cgroup_mkdir", "cgroups are made and entered from outside as well; no event of a task tells of it"),
	NO_FUNCTION("vfs_readv", FILES), NO_FUNCTION("vfs_writev", FILES), NO_FUNCTION("vfs_fsync_range", FILES),
	NO_FUNCTION("vfs_iter_read", FILES), NO_FUNCTION("vfs_iter_write", FILES), NO_FUNCTION("vfs_getattr", FILESYSTEM),
	NO_FUNCTION("ext4_file_open", FILESYSTEM), NO_FUNCTION("ext4_file_read_iter", FILESYSTEM), NO_FUNCTION("ext4_file_write_iter", FILESYSTEM),
	NO_FUNCTION("xfs_file_open", FILESYSTEM), NO_FUNCTION("xfs_file_read_iter", FILESYSTEM), NO_FUNCTION("xfs_file_write_iter", FILESYSTEM),
	NO_FUNCTION("btrfs_file_open", FILESYSTEM), NO_FUNCTION("nfs_file_open", FILESYSTEM), NO_FUNCTION("dput", FILESYSTEM),
	NO_FUNCTION("lookup_fast", FILESYSTEM), NO_FUNCTION("d_lookup", FILESYSTEM), NO_FUNCTION("md_flush_request", BLOCK),
	NO_FUNCTION("blk_account_io_start", BLOCK), NO_FUNCTION("blk_account_io_done", BLOCK), NO_FUNCTION("blk_account_io_merge_bio", BLOCK),
	NO_FUNCTION("blk_mq_start_request", BLOCK), NO_FUNCTION("__submit_bio", BLOCK),
	NO_FUNCTION("add_to_page_cache_lru", MEMORY), NO_FUNCTION("filemap_add_folio", MEMORY), NO_FUNCTION("mark_page_accessed", MEMORY),
	NO_FUNCTION("folio_mark_accessed", MEMORY), NO_FUNCTION("account_page_dirtied", MEMORY), NO_FUNCTION("folio_account_dirtied", MEMORY),
	NO_FUNCTION("mark_buffer_dirty", MEMORY), NO_FUNCTION("do_page_cache_ra", MEMORY), NO_FUNCTION("__page_cache_alloc", MEMORY),
	NO_FUNCTION("kmem_cache_alloc", MEMORY), NO_FUNCTION("migrate_misplaced_page", MEMORY), NO_FUNCTION("migrate_misplaced_folio", MEMORY),
	NO_FUNCTION("handle_mm_fault", MEMORY), NO_FUNCTION("oom_kill_process", MEMORY), NO_FUNCTION("swap_readpage", MEMORY),
	NO_FUNCTION("mutex_lock", LOCKS), NO_FUNCTION("mutex_trylock", LOCKS), NO_FUNCTION("mutex_unlock", LOCKS),
	NO_FUNCTION("mutex_lock_interruptible", LOCKS), NO_FUNCTION("mutex_lock_killable", LOCKS), NO_FUNCTION("down_read", LOCKS),
	NO_FUNCTION("down_read_trylock", LOCKS), NO_FUNCTION("down_read_interruptible", LOCKS), NO_FUNCTION("down_read_killable", LOCKS),
	NO_FUNCTION("up_read", LOCKS), NO_FUNCTION("down_write", LOCKS), NO_FUNCTION("down_write_trylock", LOCKS),
	NO_FUNCTION("down_write_killable", LOCKS), NO_FUNCTION("up_write", LOCKS), NO_FUNCTION("finish_task_switch", SCHEDULER),
	NO_FUNCTION("tcp_sendmsg", STACK), NO_FUNCTION("tcp_recvmsg", STACK), NO_FUNCTION("udp_sendmsg", STACK), NO_FUNCTION("udp_recvmsg", STACK),
	NO_FUNCTION("tcp_cleanup_rbuf", STACK), NO_FUNCTION("tcp_close", STACK), NO_FUNCTION("tcp_set_state", STACK),
	NO_FUNCTION("tcp_rcv_established", STACK), NO_FUNCTION("tcp_rcv_state_process", STACK), NO_FUNCTION("tcp_v4_syn_recv_sock", STACK),
	NO_FUNCTION("tcp_v6_syn_recv_sock", STACK), NO_FUNCTION("tcp_retransmit_skb", STACK), NO_FUNCTION("tcp_drop", STACK),
	NO_FUNCTION("tcp_finish_connect", STACK), NO_FUNCTION("unix_stream_read_actor", STACK),
	NO_FUNCTION("cap_capable", "the kernel asks it anywhere; no event of a task tells of it"),
/* clang-format on */

#define CALL(number, called, tracepoint, ...)                                                                          \
	{.kind = POINT_TRACEPOINT,                                                                                     \
	 .event = POINT_ON_CALL,                                                                                       \
	 .truth = POINT_EXACT,                                                                                         \
	 .name = "syscalls/sys_enter_" #tracepoint,                                                                    \
	 .id = ID_ENTER + (number),                                                                                    \
	 OF(number),                                                                                                   \
	 .decides = NOTHING},
#include "base/calls.inc"
#undef CALL
#define CALL(number, called, tracepoint, ...)                                                                          \
	{.kind = POINT_TRACEPOINT,                                                                                     \
	 .event = POINT_ON_RETURN,                                                                                     \
	 .truth = POINT_EXACT,                                                                                         \
	 .name = "syscalls/sys_exit_" #tracepoint,                                                                     \
	 .id = ID_EXIT + (number),                                                                                     \
	 OF(number),                                                                                                   \
	 .decides = NOTHING},
#include "base/calls.inc"
#undef CALL
#define CALL(number, called, tracepoint, ...)                                                                          \
	{.kind = POINT_FUNCTION,                                                                                       \
	 .event = POINT_ON_BOTH,                                                                                       \
	 .truth = POINT_EXACT,                                                                                         \
	 .name = "__x64_sys_" #tracepoint,                                                                             \
	 OF(number),                                                                                                   \
	 .decides = NOTHING},
#include "base/calls.inc"
#undef CALL
};

const struct hook_point *points_at(uint32_t i)
{
	return i < ARRAY_SIZE(points) ? &points[i] : NULL;
}

uint32_t points_index(const struct hook_point *p)
{
	return (uint32_t)(p - points);
}

const struct hook_point *points_find(enum point_kind kind, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(points); i++)
		if (points[i].kind == kind && !strcmp(points[i].name, name))
			return &points[i];
	return NULL;
}

const struct hook_point *points_by_id(uint32_t id)
{
	for (size_t i = 0; i < ARRAY_SIZE(points); i++)
		if (points[i].kind == POINT_TRACEPOINT && points[i].id == id)
			return &points[i];
	return NULL;
}

uint64_t points_address(const struct hook_point *p)
{
	/* The kernel's text begins at the first; functions are a cache line apart. */
	const uint64_t text = 0xffffffff81000000, apart = 64;

	return p->kind == POINT_FUNCTION && p->truth != POINT_ABSENT ? text + points_index(p) * apart : 0;
}

const char *points_kind_name(enum point_kind kind)
{
	static const char *const names[] = {
		[POINT_TRACEPOINT] = "tracepoint",
		[POINT_RAW_TP] = "raw tracepoint",
		[POINT_FUNCTION] = "function",
		[POINT_LSM] = "LSM hook",
	};

	return names[kind];
}

const char *points_truth_name(enum point_truth truth)
{
	static const char *const names[] = {
		[POINT_EXACT] = "exact",
		[POINT_APPROXIMATE] = "approximate",
		[POINT_ABSENT] = "absent",
	};

	return names[truth];
}

const char *points_event_name(const struct hook_point *p)
{
	static const char *const names[] = {
		[POINT_ON_CALL] = "call", [POINT_ON_RETURN] = "return", [POINT_ON_BOTH] = "call, return",
		[POINT_ON_FORK] = "fork", [POINT_ON_EXEC] = "exec",     [POINT_ON_EXIT] = "exit",
	};
	bool on_call = p->event == POINT_ON_CALL || p->event == POINT_ON_RETURN || p->event == POINT_ON_BOTH;

	return on_call && !p->n_calls ? "-" : names[p->event];
}

const char *points_reserve(const struct hook_point *p, bool ends, char *to)
{
	const char *what = ends ? ":return" : "";
	int n = 0;

	if (p->event >= POINT_ON_FORK)
		return strcpy(to, "life");
	if (p->calls[0] == POINT_ANY_CALL)
		n = snprintf(to, POINT_RESERVE, "all%s", what);
	for (uint8_t i = 0; i < p->n_calls && p->calls[0] != POINT_ANY_CALL; i++)
		n += snprintf(to + n, POINT_RESERVE - (size_t)n, "%s%s%s", i ? "," : "", calls_at(p->calls[i])->name,
			      what);
	return to;
}

/* Records of Linux 6.18 (include/trace/events/), and how many arguments the raw tracepoints have. */
static const struct record {
	const char *name;
	struct point_field fields[4];
} records[] = {
	{"raw_syscalls/sys_enter", {{"long id", 8, 8, true}, {"unsigned long args[6]", 16, 48, false}}},
	{"raw_syscalls/sys_exit", {{"long id", 8, 8, true}, {"long ret", 16, 8, true}}},
	{"sched/sched_process_exec",
	 {{"__data_loc char[] filename", 8, 4, false}, {"pid_t pid", 12, 4, true}, {"pid_t old_pid", 16, 4, true}}},
	{"sched/sched_process_fork",
	 {{"__data_loc char[] parent_comm", 8, 4, false},
	  {"pid_t parent_pid", 12, 4, true},
	  {"__data_loc char[] child_comm", 16, 4, false},
	  {"pid_t child_pid", 20, 4, true}}},
	{"sched/sched_process_exit",
	 {{"char comm[16]", 8, 16, false},
	  {"pid_t pid", 24, 4, true},
	  {"int prio", 28, 4, true},
	  {"bool group_dead", 32, 1, false}}},
};

static const struct {
	const char *name;
	uint32_t n;
} raw_args[] = {
	{"sys_enter", 2}, /* registers, number */
	{"sys_exit", 2}, /* registers, result */
	{"sched_process_exec", 3}, /* task, old pid, binary */
	{"sched_process_fork", 2}, /* parent, child */
	{"sched_process_exit", 2}, /* task, is it the last of its process? */
};

static uint32_t call_fields(const struct hook_point *p, struct point_field fields[POINT_FIELDS])
{
	const struct call_desc *c = calls_at(p->calls[0]);
	uint32_t n = 0;

	fields[n++] = (struct point_field){"int __syscall_nr", 8, 4, true};
	if (p->event == POINT_ON_RETURN)
		fields[n++] = (struct point_field){"long ret", 16, 8, true};
	else
		for (uint32_t i = 0; i < c->n_args; i++)
			fields[n++] = (struct point_field){c->args[i], (uint16_t)(16 + 8 * i), 8, false};
	return n;
}

uint32_t points_fields(const struct hook_point *p, struct point_field fields[POINT_FIELDS])
{
	uint32_t n = 0;

	if (p->kind != POINT_TRACEPOINT || p->truth == POINT_ABSENT)
		return 0;
	if (p->id >= ID_ENTER)
		return call_fields(p, fields);
	for (size_t i = 0; i < ARRAY_SIZE(records); i++)
		while (!strcmp(records[i].name, p->name) && n < ARRAY_SIZE(records[i].fields) &&
		       records[i].fields[n].decl) {
			fields[n] = records[i].fields[n];
			n++;
		}
	return n;
}

bool points_overrides(const struct hook_point *p)
{
	return p->kind == POINT_FUNCTION && !strncmp(p->name, "__x64_sys_", strlen("__x64_sys_"));
}

uint32_t points_context(const struct hook_point *p)
{
	struct point_field fields[POINT_FIELDS];
	uint32_t n = points_fields(p, fields);

	if (n)
		return fields[n - 1].off + fields[n - 1].size;
	for (size_t i = 0; p->kind == POINT_RAW_TP && i < ARRAY_SIZE(raw_args); i++)
		if (!strcmp(raw_args[i].name, p->name))
			return raw_args[i].n * (uint32_t)sizeof(uint64_t);
	return 0;
}
