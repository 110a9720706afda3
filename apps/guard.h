/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What guard (guard.bpf.c) is told by its maps, and tells: for its program and its user part. */
#ifndef APPS_GUARD_H
#define APPS_GUARD_H

#include <linux/types.h>

enum {
	GUARD_KEY_PATH =
		252, /* bytes of a path in a key; a longer one is cut, and what stands behind decides nothing */
	GUARD_EVENT_PATH = 512,
	GUARD_NUMBERS = 512, /* of system calls lie below */
};

/* paths: what may be executed. The rule of the longest path decides that is the file's, or a folder's that it is in. */
struct guard_key {
	char path[GUARD_KEY_PATH]; /* absolute, no '/' at its end unless it is "/"; zeroes behind it */
};

struct guard_value {
	__u32 rule; /* of the policy: an index */
	__u32 allow;
};

/* places: paths of which the programs decide; of the rules about reading and about writing the longest path's each. */
enum guard_place_state { GUARD_PLACE_NONE, GUARD_PLACE_OPEN, GUARD_PLACE_SHUT };
struct guard_place {
	__u32 read, write; /* enum guard_place_state */
};

/* config: key 0. */
struct guard_config {
	__u32 everything; /* tell of all files and executables, whether they were refused or not */
	__u32 audit; /* refuse nothing */
	__u32 runs_closed; /* what no path is about may not be executed */
};

/* calls: what becomes of a system call. */
struct guard_call_value {
	__u32 action; /* enum guard_action: 0 log, 1 deny, 2 kill */
	__s32 err; /* deny: what it returns, a negative errno */
	__u32 number; /* of 32-bit programs' calls: the 64-bit one's, + 1; 0: the key is it */
};

enum guard_event_kind {
	GUARD_EVENT_FILE = 1,
	GUARD_EVENT_RUN,
	GUARD_EVENT_CALL,
	GUARD_EVENT_BEGUN /* a program; its path is its arguments, each with a NUL at its end */
};

struct guard_event {
	__u32 kind;
	__u32 pid; /* of the process */
	__u64 start; /* when it began, ns since boot: with pid, which one it is */
	__u64 ns; /* since boot */
	char comm[16];
	__s64 result; /* of a file call; GUARD_EVENT_CALL: the action */
	__s32 nr; /* of the call */
	__u32 flags; /* open(2)'s */
	__s32 dir; /* where a path begins: an fd, or AT_FDCWD */
	__u32 rule; /* GUARD_EVENT_RUN: that decided, 0xffffffff: none */
	__u32 text; /* bytes of the path */
	__u32 parent; /* the process that made it */
	char path[GUARD_EVENT_PATH]; /* not there where text is 0 */
};

#endif
