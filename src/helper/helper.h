/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Helpers as data: one row for every helper of Linux 6.18, whether skep implements it or not.
 *
 * The loader asks the row whether a program may call the helper; the engines get its function; the
 * verifier will read the argument types and flags; `skep list helpers` and the docs print the table.
 */
#ifndef SKEP_HELPER_HELPER_H
#define SKEP_HELPER_HELPER_H

#include "prog/code.h"
#include "prog/env.h"

#include <stdbool.h>

/* What an argument must be (the kernel's enum bpf_arg_type, by the same names without their prefix). */
enum helper_arg {
	ARG_NONE, /* no such argument */
	ARG_ANY,
	ARG_CONST_MAP_PTR,
	ARG_MAP_KEY,
	ARG_MAP_VALUE,
	ARG_MEM, /* a memory region; the next argument is its size */
	ARG_MEM_FIXED, /* a memory region of args[i].size bytes */
	ARG_SIZE, /* of the argument before, 1 or more */
	ARG_SIZE_OR_ZERO,
	ARG_CONST_SIZE_OR_ZERO, /* alloc size: a constant */
	ARG_CTX,
	ARG_CONST_ALLOC_SIZE,
	ARG_RINGBUF_MEM,
	ARG_SPIN_LOCK,
	ARG_TIMER,
	ARG_KPTR,
	ARG_DYNPTR,
	ARG_FUNC, /* a callback */
	ARG_STACK, /* memory of the stack: the callback's context */
	ARG_CONST_STR,
	ARG_BTF_ID, /* pointer to the kernel type named by btf */
	ARG_SOCK_COMMON,
	ARG_BTF_SOCK_COMMON,
	ARG_SOCKET,
	ARG_PERCPU_BTF_ID,
	ARG_LONG_PTR, /* pointer to a long or int that is written */
	ARG_INT_PTR,
};

enum helper_arg_flags {
	HELPER_ARG_NULL = 1 << 0, /* may be NULL */
	HELPER_ARG_UNINIT = 1 << 1, /* the helper writes it; need not be initialised */
	HELPER_ARG_RDONLY = 1 << 2, /* only read: read-only memory will do */
	HELPER_ARG_RELEASE = 1 << 3, /* the reference in it is released */
	HELPER_ARG_WRITE = 1 << 4, /* written by the helper */
	HELPER_ARG_ALIGNED = 1 << 5, /* args[i].size bytes, naturally aligned */
	HELPER_ARG_DYNPTR_LOCAL = 1 << 6, /* a dynptr over the program's memory */
	HELPER_ARG_DYNPTR_RINGBUF = 1 << 7, /* a dynptr over a ring buffer's record */
};

enum helper_ret {
	RET_INTEGER,
	RET_VOID,
	RET_MAP_VALUE, /* or NULL where HELPER_RET_NULL */
	RET_SOCKET,
	RET_TCP_SOCK,
	RET_SOCK_COMMON,
	RET_RINGBUF_MEM,
	RET_DYNPTR_MEM,
	RET_BTF_ID,
	RET_MEM_OR_BTF_ID,
};

enum helper_flags {
	HELPER_GPL = 1 << 0, /* for GPL-compatible programs only */
	HELPER_RET_NULL = 1 << 1, /* the returned pointer may be NULL */
	HELPER_ACQUIRE = 1 << 2, /* the result is a reference that must be released */
	HELPER_CALLBACK = 1 << 3, /* calls a BPF function */
	HELPER_MOVES_PACKET = 1 << 4, /* packet pointers are invalid afterwards */
	HELPER_SLEEPS = 1 << 5, /* for sleepable programs only */
	HELPER_PKT_ACCESS = 1 << 6, /* takes packet memory as ARG_MEM */
	HELPER_ENGINE = 1 << 7, /* done by the engines themselves: bpf_tail_call() */
	HELPER_UNPRIV = 1 << 8, /* also for programs of unprivileged users */
	HELPER_PERFMON =
		1 << 9, /* where the program type itself does not ask for it: for users with CAP_PERFMON only */
	HELPER_FASTCALL = 1 << 10, /* bpf_fastcall: leaves r1 to r5 as they are, but for its arguments */
	HELPER_RET_TRUSTED = 1 << 11, /* RET_BTF_ID: trusted; else the pointer is as good as memory that was read */
	HELPER_RET_RDONLY = 1 << 13, /* the memory that is returned may only be read */
	/* The function or hook that a BTF-typed program is attached to decides too (the kernel's bpf_func_proto.allowed). */
	HELPER_BY_HOOK = 1 << 12,
	HELPER_CALL_STACK =
		1 << 14, /* looks at env->stack, which is noted for a run only where some program calls such a helper */
};

struct helper_desc {
	uint32_t id;
	const char *name; /* "bpf_map_lookup_elem" */
	const char *kernel; /* the version that brought it, "3.19" */
	uint64_t prog_types; /* bit n: programs of type n may call it */
	uint32_t flags; /* enum helper_flags */
	enum helper_ret ret;
	const char *ret_btf; /* kernel type of RET_BTF_ID, else NULL */
	struct {
		uint8_t type; /* enum helper_arg */
		uint8_t flags; /* enum helper_arg_flags */
		uint16_t size; /* ARG_MEM_FIXED */
		const char *btf; /* ARG_BTF_ID */
	} args[5];
	skep_fn fn; /* NULL: skep does not have it */
};

/* Row n is helper n; row 0 is BPF_FUNC_unspec. */
extern const struct helper_desc helpers[];
extern const uint32_t helpers_n;

/* helper_find - the row of an id, NULL when there is none. */
const struct helper_desc *helper_find(uint32_t id);

/*
 * helper_for - the row as a program of the type sees it: some helpers take other arguments from some types (a context here, a
 * socket by its kernel type there). Its prog_types and fn may be narrower than the row's: ask helper_find() for those.
 * NULL when there is no such helper.
 */
const struct helper_desc *helper_for(uint32_t id, uint32_t prog_type, uint32_t attach_type);

/*
 * helper_allowed - may such a program call it at all? prog_types, and where the kernel decides by attach type.
 * HELPER_SLEEPS, HELPER_GPL and HELPER_BY_HOOK are the caller's to check.
 */
bool helper_allowed(const struct helper_desc *h, uint32_t prog_type, uint32_t attach_type, bool sleepable);

/* helper_caps - the capabilities (enum prog_caps) that its user must have to call it from the type, beside those of the type. */
uint32_t helper_caps(const struct helper_desc *h, uint32_t prog_type);

/* helper_why_not - why skep does not have a helper whose row has no function: a clause. */
const char *helper_why_not(uint32_t id);

#endif
