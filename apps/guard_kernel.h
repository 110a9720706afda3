/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the guard in the kernel (guard_kernel.bpf.c) is told by its maps, and tells: for its program and its user part. */
#ifndef APPS_GUARD_KERNEL_H
#define APPS_GUARD_KERNEL_H

#include "guard.h"

enum guard_way { GUARD_WAY_READ, GUARD_WAY_WRITE, GUARD_WAY_RUN, GUARD_WAYS }; /* as enum guard_access has them */

/* paths: what a rule says of each; GUARD_UNSAID: shut, because rules open other places and no rule speaks of this one. */
enum guard_state { GUARD_SILENT, GUARD_OPEN, GUARD_SHUT, GUARD_UNSAID };
struct guard_path_value {
	__u8 state[GUARD_WAYS]; /* enum guard_state */
	__u8 pad;
};

/* settings: key 0. */
struct guard_settings {
	__u32 audit; /* refuse nothing */
	__u32 closes; /* what any rule shuts, 1 << enum guard_way each */
	__u32 mnt_ns; /* only what is in this mount namespace (its inode's number) is held to the rules; 0: any */
};

enum guard_told { GUARD_TOLD_FILE = 1, GUARD_TOLD_CALL };

struct guard_kernel_event {
	__u32 kind; /* enum guard_told */
	__u32 pid; /* of the process, as the machine numbers it */
	__u64 start; /* when it began, ns since boot */
	__u64 ns; /* since boot */
	char comm[16];
	__s32 nr; /* GUARD_TOLD_CALL: which */
	__u32 action; /* GUARD_TOLD_CALL: enum guard_action */
	__s32 err; /* what the call is refused with, a negative errno; 0: audit, or only logged */
	__u32 way; /* GUARD_TOLD_FILE: enum guard_way */
	__u32 by; /* bytes of the path that the rule's path has; 0: no rule opens it */
	__u32 text; /* bytes of the path, with its end; 0: it has none that the process could name */
	char path[GUARD_EVENT_PATH];
};

#endif
