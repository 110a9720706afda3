/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What watch (watch.bpf.c) tells: the layout of its events and maps, for its program and its user part. */
#ifndef APPS_WATCH_H
#define APPS_WATCH_H

#include <linux/types.h>

enum {
	WATCH_PATH = 512, /* longest path, with its end */
	WATCH_ARGS = 1024, /* longest command line: arguments with their ends, one after another */
	WATCH_CALLS = 512, /* numbers of system calls lie below */
};

enum watch_kind {
	WATCH_FORK = 1, /* a process; threads are not told */
	WATCH_EXEC,
	WATCH_EXIT, /* of a process */
	WATCH_OPEN,
	WATCH_DELETE, /* unlink, rmdir */
	WATCH_RENAME,
	WATCH_CONNECT,
	WATCH_KINDS,
};

/* A process has one for good: its number, and when it began. */
struct watch_id {
	__u32 pid;
	__u32 pad;
	__u64 start; /* ns since boot */
};

/* The head of each event. */
struct watch_event {
	__u32 kind;
	__u32 uid; /* of forks, execs and exits, as parent is */
	__u64 ns; /* bpf_ktime_get_boot_ns() */
	struct watch_id id, parent; /* WATCH_FORK: the child's and its parent's */
	char comm[16]; /* of forks, execs and exits; where name_all was set, of all */
	__s64 result; /* what the call returned; WATCH_EXIT: the wait status */
	__u32 flags; /* WATCH_OPEN: open(2)'s; WATCH_DELETE: AT_REMOVEDIR */
	__s32 dir; /* the folder that a path begins at: an fd, or AT_FDCWD */
	__u32 text, text2; /* bytes of what follows: a path or an address; a second path or the arguments */
};

struct watch_exec {
	struct watch_event head;
	char path[WATCH_PATH];
	char args[WATCH_ARGS];
};

struct watch_file {
	struct watch_event head;
	char path[WATCH_PATH];
	char to[WATCH_PATH]; /* WATCH_RENAME; else not there */
};

struct watch_connect {
	struct watch_event head;
	__u8 addr[28]; /* struct sockaddr_in or sockaddr_in6 */
	__u32 pad;
};

/* Of a system call that is counted. */
struct watch_call {
	__u64 calls, errors, ns, longest;
};

#endif
