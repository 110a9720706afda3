/* SPDX-License-Identifier: BSD-2-Clause */
/* Program types as data: one row per type of Linux 6.18. */
#ifndef SKEP_PROG_TYPES_H
#define SKEP_PROG_TYPES_H

#include "base/uapi.h"

#include <stdbool.h>

/* How the hive makes the context that a test run or a hook hands to the program. */
enum prog_ctx {
	CTX_NONE, /* no context that the hive can make: loaded, but not test-run */
	CTX_XDP, /* struct xdp_md over a frame */
	CTX_SKB_L2, /* struct __sk_buff over a frame, from its link-layer header on */
	CTX_SKB_L3, /* the same, from its network header on */
	CTX_BYTES, /* the bytes of ctx_in as they are */
};

struct prog_type_desc {
	uint32_t type; /* enum bpf_prog_type */
	const char *name; /* "xdp", as bpftool prints it */
	const char *enum_name; /* "BPF_PROG_TYPE_XDP" */
	const char *kernel; /* the version that brought it */
	enum prog_ctx ctx; /* of BPF_PROG_TEST_RUN */
	uint32_t ctx_size; /* bytes of the context; 0: depends on the attach point */
};

extern const struct prog_type_desc prog_types[];
extern const uint32_t prog_types_n;

/* prog_type_find - the row of a type, NULL when there is no such type. */
const struct prog_type_desc *prog_type_find(uint32_t type);

/* prog_verdict_name - what a return value means for a type ("XDP_DROP", "TC_ACT_OK"), NULL when it has no name. */
const char *prog_verdict_name(uint32_t type, uint32_t ret);

#endif
