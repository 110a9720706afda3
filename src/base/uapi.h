/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's UAPI as skep sees it: <linux/bpf.h> plus the constants that
 * Debian 12's headers (6.1) do not have yet. Every newer constant that skep
 * uses stands here and nowhere else; each is guarded so that newer headers win.
 * Values: include/uapi/linux/bpf.h of Linux 6.18.
 */
#ifndef SKEP_BASE_UAPI_H
#define SKEP_BASE_UAPI_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <stddef.h>
#include <stdint.h>

/* Instruction set, RFC 9669 and Linux 6.6 to 6.15. */
#ifndef BPF_MEMSX
#define BPF_MEMSX 0x80 /* load with sign extension */
#endif
#ifndef BPF_JCOND
#define BPF_JCOND 0xe0 /* may_goto */
#endif
#ifndef BPF_LOAD_ACQ
#define BPF_LOAD_ACQ 0x100
#endif
#ifndef BPF_STORE_REL
#define BPF_STORE_REL 0x110
#endif

/* Map types after 6.1 (enum bpf_map_type; enumerators cannot be tested by the preprocessor). */
enum {
	SKEP_MAP_TYPE_USER_RINGBUF = 31,
	SKEP_MAP_TYPE_CGRP_STORAGE = 32,
	SKEP_MAP_TYPE_ARENA = 33,
	SKEP_MAP_TYPE_INSN_ARRAY = 34,
	SKEP_MAP_TYPE_MAX,
};

/* Helpers after 6.1 (enum bpf_func_id). */
enum {
	SKEP_FUNC_CGRP_STORAGE_GET = 210,
	SKEP_FUNC_CGRP_STORAGE_DELETE = 211,
};

/* Flags of helpers and kfuncs after 6.1. */
enum {
	SKEP_F_PAD_ZEROS = 1 << 0, /* bpf_copy_from_user_str() */
	SKEP_F_TIMER_ABS = 1 << 0, /* bpf_timer_start() */
	SKEP_F_TIMER_CPU_PIN = 1 << 1,
	SKEP_FIB_LOOKUP_SKIP_NEIGH = 1 << 2, /* bpf_fib_lookup() */
	SKEP_FIB_LOOKUP_TBID = 1 << 3,
	SKEP_FIB_LOOKUP_SRC = 1 << 4,
	SKEP_FIB_LOOKUP_MARK = 1 << 5,
	SKEP_FIB_LOOKUP_ALL = (1 << 6) - 1,
	SKEP_FIB_LKUP_RET_NO_SRC_ADDR = 9,
};

/* Program types after 6.1 (enum bpf_prog_type). */
enum {
	SKEP_PROG_TYPE_NETFILTER = 32,
	SKEP_PROG_TYPE_MAX,
};

/* Attach and link types after 6.1 (enum bpf_attach_type, enum bpf_link_type). */
enum {
	SKEP_TCX_INGRESS = 46,
	SKEP_TCX_EGRESS = 47,
	SKEP_LINK_TYPE_TCX = 11,
};

/*
 * struct bpf_link_info as of 6.18, with the kinds of links that skep has. Names are in and out: where the caller wants them, and how much
 * room there is.
 */
struct skep_link_info {
	uint32_t type, id, prog_id, zero;
	union {
		uint32_t ifindex; /* xdp */
		struct {
			uint32_t ifindex, attach_type;
		} tcx;
		struct {
			uint64_t cgroup_id;
			uint32_t attach_type;
		} cgroup;
		struct {
			uint32_t netns_ino, attach_type;
		} netns;
		struct {
			uint64_t name;
			uint32_t name_len, zero;
			uint64_t cookie;
		} raw_tracepoint;
		struct {
			uint32_t attach_type, target_obj_id, target_btf_id, zero;
			uint64_t cookie;
		} tracing;
		struct {
			uint32_t type; /* enum bpf_perf_event_type: SKEP_PERF_EVENT_KPROBE, ... */
			uint32_t zero;
			uint64_t name;
			uint32_t name_len;
			uint32_t offset; /* kprobes; else zero */
			union {
				struct {
					uint64_t addr, missed, cookie;
				} kprobe;
				struct {
					uint64_t cookie;
				} tracepoint;
			};
		} perf_event;
	};
};
enum {
	SKEP_PERF_EVENT_KPROBE = 3, /* enum bpf_perf_event_type */
	SKEP_PERF_EVENT_KRETPROBE = 4,
	SKEP_PERF_EVENT_TRACEPOINT = 5,
};

/* Limits of the kernel's verifier and loader. */
enum {
	SKEP_MAX_INSNS = 1000000, /* BPF_COMPLEXITY_LIMIT_INSNS: longest program as root */
	SKEP_MAX_STACK = 512, /* MAX_BPF_STACK, bytes for a chain of calls */
	SKEP_MAX_CALL_FRAMES = 8, /* MAX_CALL_FRAMES */
	SKEP_MAX_SUBPROGS = 256, /* BPF_MAX_SUBPROGS */
	SKEP_MAX_TAIL_CALLS = 33, /* MAX_TAIL_CALL_CNT */
};

#endif
