/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel demands of a program by its type and attach type, before and at the end of verification.
 *
 * The answers are Linux 6.18's; tests/prog/test_rules.c asks that kernel about each. No program type has alignment rules of its own: strict
 * alignment comes from BPF_F_STRICT_ALIGNMENT and from the machine only.
 */
#ifndef SKEP_PROG_RULES_H
#define SKEP_PROG_RULES_H

#include "base/uapi.h"

#include <stdbool.h>

/* Attach types after 6.1 (enum bpf_attach_type). */
enum {
	SKEP_ATTACH_STRUCT_OPS = 44,
	SKEP_ATTACH_NETFILTER,
	SKEP_ATTACH_TCX_INGRESS,
	SKEP_ATTACH_TCX_EGRESS,
	SKEP_ATTACH_TRACE_UPROBE_MULTI,
	SKEP_ATTACH_CGROUP_UNIX_CONNECT,
	SKEP_ATTACH_CGROUP_UNIX_SENDMSG,
	SKEP_ATTACH_CGROUP_UNIX_RECVMSG,
	SKEP_ATTACH_CGROUP_UNIX_GETPEERNAME,
	SKEP_ATTACH_CGROUP_UNIX_GETSOCKNAME,
	SKEP_ATTACH_NETKIT_PRIMARY,
	SKEP_ATTACH_NETKIT_PEER,
	SKEP_ATTACH_TRACE_KPROBE_SESSION,
	SKEP_ATTACH_TRACE_UPROBE_SESSION,
	SKEP_ATTACH_MAX,
};

/* Capabilities that loading needs; CAP_SYS_ADMIN stands in for each. */
enum prog_caps {
	PROG_CAP_BPF = 1 << 0, /* all but socket_filter and cgroup_skb: the two types of unprivileged users */
	PROG_CAP_NET_ADMIN = 1 << 1,
	PROG_CAP_PERFMON = 1 << 2,
};

/* prog_caps - enum prog_caps that a load of the type needs. */
uint32_t prog_caps(uint32_t prog_type);

/* prog_unprivileged - may an unprivileged user load it, where kernel.unprivileged_bpf_disabled is 0? */
static inline bool prog_unprivileged(uint32_t prog_type)
{
	return !prog_caps(prog_type);
}

/*
 * prog_attach_type_fixup - the attach type that a load means: cgroup_sock and sk_reuseport have a default for zero.
 * Everything below wants the result of this.
 */
uint32_t prog_attach_type_fixup(uint32_t prog_type, uint32_t attach_type);

/*
 * prog_attach_type_check - is the expected_attach_type one for the program type?
 * Return: 0 or -EINVAL. Most types take any number and look at it when they are attached, if ever. What else a tracing
 * type's attach type means is for the verifier.
 */
int prog_attach_type_check(uint32_t prog_type, uint32_t attach_type);

/* prog_takes_btf_id - may attach_btf_id be non-zero (else -EINVAL)? prog_needs_btf_id - must it be, to be verified? */
bool prog_takes_btf_id(uint32_t prog_type);
bool prog_needs_btf_id(uint32_t prog_type);

/* prog_takes_target - may attach_prog_fd name a program to extend or to look at (else -EINVAL)? */
bool prog_takes_target(uint32_t prog_type);

/*
 * prog_sleepable - may BPF_F_SLEEPABLE be set? prog_must_sleep - must it be? Both end in -EINVAL.
 * Which functions, hooks or members then take a sleepable program is a question to BTF.
 */
bool prog_sleepable(uint32_t prog_type, uint32_t attach_type);
bool prog_must_sleep(uint32_t prog_type);

/* What r0 must be when the main program exits. */
struct prog_return {
	enum {
		RETURN_ANY, /* any initialised value that leaks no address */
		RETURN_RANGE, /* a number from min to max */
		RETURN_REFUSED, /* the attach type does not exist for the type: -ENOTSUPP (524) */
	} kind;
	int32_t min, max;
};

/*
 * prog_return_range - what a main program must return. LSM programs other than BPF_LSM_CGROUP are asked for by hook: RETURN_ANY
 * here, prog_lsm_return(). BPF_LSM_CGROUP: 0 to 1, and exactly 1 for a hook that returns nothing, which only BTF tells.
 */
struct prog_return prog_return_range(uint32_t prog_type, uint32_t attach_type);

/*
 * prog_lsm_return - what an LSM program (BPF_LSM_MAC) must return; only the low 32 bits of r0 count.
 * @hook:          the function that it attaches to, "bpf_lsm_file_open"
 * @returns_value: the hook does; else r0 need not even be initialised
 * Linux 6.12's answers: the kernels that we can ask do not load LSM programs.
 */
struct prog_return prog_lsm_return(const char *hook, bool returns_value);

#endif
