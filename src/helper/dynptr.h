/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A dynptr: memory whose size is known at run time only, in 16 bytes of the program's stack that nobody but helpers and
 * kfuncs may touch (the verifier sees to that).
 */
#ifndef SKEP_HELPER_DYNPTR_H
#define SKEP_HELPER_DYNPTR_H

#include <stdint.h>

/* What data stands for; the numbers are the kernel's. */
enum dynptr_type {
	DYNPTR_NONE,
	DYNPTR_LOCAL, /* memory of the program */
	DYNPTR_RINGBUF, /* a record that is reserved */
	DYNPTR_SKB, /* data is a struct packet */
	DYNPTR_XDP,
};

enum {
	DYNPTR_MAX_SIZE = (1 << 24) - 1,
};

struct dynptr {
	void *data; /* NULL: there is none */
	uint32_t size : 24; /* what is left of it */
	uint32_t type : 7;
	uint32_t readonly : 1;
	uint32_t offset; /* where it begins, in data */
};

_Static_assert(sizeof(struct dynptr) == 16, "struct bpf_dynptr");

#endif
