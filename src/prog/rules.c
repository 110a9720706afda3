/* SPDX-License-Identifier: BSD-2-Clause */
#include "prog/rules.h"

#include "base/util.h"

#include <errno.h>
#include <string.h>

#define A(attach) (1ull << BPF_##attach)
#define N(attach) (1ull << SKEP_ATTACH_##attach)

enum rule_flags {
	TAKES_BTF_ID = 1 << 0,
	NEEDS_BTF_ID = 1 << 1,
	TAKES_TARGET = 1 << 2,
	SLEEPS = 1 << 3, /* with any attach type that sleep_at allows */
	MUST_SLEEP = 1 << 4,
};

#define BPF  (PROG_CAP_BPF)
#define NET  (PROG_CAP_BPF | PROG_CAP_NET_ADMIN)
#define PERF (PROG_CAP_BPF | PROG_CAP_PERFMON)

#define SOCK_ADDR_ATTACH                                                                                               \
	(A(CGROUP_INET4_BIND) | A(CGROUP_INET6_BIND) | A(CGROUP_INET4_CONNECT) | A(CGROUP_INET6_CONNECT) |             \
	 N(CGROUP_UNIX_CONNECT) | A(CGROUP_INET4_GETPEERNAME) | A(CGROUP_INET6_GETPEERNAME) |                          \
	 N(CGROUP_UNIX_GETPEERNAME) | A(CGROUP_INET4_GETSOCKNAME) | A(CGROUP_INET6_GETSOCKNAME) |                      \
	 N(CGROUP_UNIX_GETSOCKNAME) | A(CGROUP_UDP4_SENDMSG) | A(CGROUP_UDP6_SENDMSG) | N(CGROUP_UNIX_SENDMSG) |       \
	 A(CGROUP_UDP4_RECVMSG) | A(CGROUP_UDP6_RECVMSG) | N(CGROUP_UNIX_RECVMSG))

static const struct rule {
	uint64_t attach; /* attach types that a load accepts; 0: any number */
	uint64_t sleep_at; /* attach types with which it may sleep; 0: all, where SLEEPS */
	uint8_t caps, flags;
} rules[SKEP_PROG_TYPE_MAX] = {
	[BPF_PROG_TYPE_SOCKET_FILTER] = {0},
	[BPF_PROG_TYPE_KPROBE] = {.caps = PERF, .flags = SLEEPS}, /* sleepable: for uprobes, checked when attached */
	[BPF_PROG_TYPE_SCHED_CLS] = {.caps = NET},
	[BPF_PROG_TYPE_SCHED_ACT] = {.caps = NET},
	[BPF_PROG_TYPE_TRACEPOINT] = {.caps = PERF},
	[BPF_PROG_TYPE_XDP] = {.caps = NET},
	[BPF_PROG_TYPE_PERF_EVENT] = {.caps = PERF},
	[BPF_PROG_TYPE_CGROUP_SKB] = {.attach = A(CGROUP_INET_INGRESS) | A(CGROUP_INET_EGRESS)},
	[BPF_PROG_TYPE_CGROUP_SOCK] = {.caps = NET,
				       .attach = A(CGROUP_INET_SOCK_CREATE) | A(CGROUP_INET_SOCK_RELEASE) |
						 A(CGROUP_INET4_POST_BIND) | A(CGROUP_INET6_POST_BIND)},
	[BPF_PROG_TYPE_LWT_IN] = {.caps = NET},
	[BPF_PROG_TYPE_LWT_OUT] = {.caps = NET},
	[BPF_PROG_TYPE_LWT_XMIT] = {.caps = NET},
	[BPF_PROG_TYPE_SOCK_OPS] = {.caps = NET},
	[BPF_PROG_TYPE_SK_SKB] = {.caps = NET},
	[BPF_PROG_TYPE_CGROUP_DEVICE] = {.caps = NET},
	[BPF_PROG_TYPE_SK_MSG] = {.caps = NET},
	[BPF_PROG_TYPE_RAW_TRACEPOINT] = {.caps = PERF},
	[BPF_PROG_TYPE_CGROUP_SOCK_ADDR] = {.caps = NET, .attach = SOCK_ADDR_ATTACH},
	[BPF_PROG_TYPE_LWT_SEG6LOCAL] = {.caps = NET},
	[BPF_PROG_TYPE_LIRC_MODE2] = {.caps = BPF},
	[BPF_PROG_TYPE_SK_REUSEPORT] = {.caps = BPF,
					.attach = A(SK_REUSEPORT_SELECT) | A(SK_REUSEPORT_SELECT_OR_MIGRATE)},
	[BPF_PROG_TYPE_FLOW_DISSECTOR] = {.caps = NET},
	[BPF_PROG_TYPE_CGROUP_SYSCTL] = {.caps = NET},
	[BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE] = {.caps = PERF},
	[BPF_PROG_TYPE_CGROUP_SOCKOPT] = {.caps = NET, .attach = A(CGROUP_SETSOCKOPT) | A(CGROUP_GETSOCKOPT)},
	[BPF_PROG_TYPE_TRACING] = {.caps = PERF,
				   .flags = TAKES_BTF_ID | NEEDS_BTF_ID | TAKES_TARGET | SLEEPS,
				   .sleep_at = A(TRACE_FENTRY) | A(TRACE_FEXIT) | A(MODIFY_RETURN) | A(TRACE_ITER)},
	[BPF_PROG_TYPE_STRUCT_OPS] = {.caps = PERF, .flags = TAKES_BTF_ID | NEEDS_BTF_ID | SLEEPS},
	[BPF_PROG_TYPE_EXT] = {.caps = NET | PERF,
			       .flags = TAKES_BTF_ID | NEEDS_BTF_ID | TAKES_TARGET,
			       .attach = 1}, /* zero only */
	[BPF_PROG_TYPE_LSM] = {.caps = PERF, .flags = TAKES_BTF_ID | NEEDS_BTF_ID | SLEEPS, .sleep_at = ~A(LSM_CGROUP)},
	[BPF_PROG_TYPE_SK_LOOKUP] = {.caps = BPF, .attach = A(SK_LOOKUP)},
	[BPF_PROG_TYPE_SYSCALL] = {.caps = BPF, .flags = SLEEPS | MUST_SLEEP, .attach = 1}, /* zero only */
	[SKEP_PROG_TYPE_NETFILTER] = {.caps = NET, .attach = N(NETFILTER)},
};

static const struct rule none = {.caps = PROG_CAP_BPF};

static const struct rule *rule_of(uint32_t prog_type)
{
	return prog_type < SKEP_PROG_TYPE_MAX && prog_type ? &rules[prog_type] : &none;
}

static bool in(uint64_t mask, uint32_t attach_type)
{
	return !mask || (attach_type < 64 && mask >> attach_type & 1);
}

uint32_t prog_caps(uint32_t prog_type)
{
	return rule_of(prog_type)->caps;
}

uint32_t prog_attach_type_fixup(uint32_t prog_type, uint32_t attach_type)
{
	if (attach_type)
		return attach_type;
	switch (prog_type) {
	case BPF_PROG_TYPE_CGROUP_SOCK:
		return BPF_CGROUP_INET_SOCK_CREATE;
	case BPF_PROG_TYPE_SK_REUSEPORT:
		return BPF_SK_REUSEPORT_SELECT;
	default:
		return 0;
	}
}

int prog_attach_type_check(uint32_t prog_type, uint32_t attach_type)
{
	return in(rule_of(prog_type)->attach, attach_type) ? 0 : -EINVAL;
}

bool prog_takes_btf_id(uint32_t prog_type)
{
	return rule_of(prog_type)->flags & TAKES_BTF_ID;
}

bool prog_needs_btf_id(uint32_t prog_type)
{
	return rule_of(prog_type)->flags & NEEDS_BTF_ID;
}

bool prog_takes_target(uint32_t prog_type)
{
	return rule_of(prog_type)->flags & TAKES_TARGET;
}

bool prog_sleepable(uint32_t prog_type, uint32_t attach_type)
{
	const struct rule *r = rule_of(prog_type);

	return r->flags & SLEEPS && in(r->sleep_at, attach_type);
}

bool prog_must_sleep(uint32_t prog_type)
{
	return rule_of(prog_type)->flags & MUST_SLEEP;
}

#define EVERY   0
#define T(type) BPF_PROG_TYPE_##type
/* Answers about another end of a connection: there is nothing to refuse. */
#define SOCK_ADDR_NO_SAY                                                                                               \
	(A(CGROUP_UDP4_RECVMSG) | A(CGROUP_UDP6_RECVMSG) | N(CGROUP_UNIX_RECVMSG) | A(CGROUP_INET4_GETPEERNAME) |      \
	 A(CGROUP_INET6_GETPEERNAME) | N(CGROUP_UNIX_GETPEERNAME) | A(CGROUP_INET4_GETSOCKNAME) |                      \
	 A(CGROUP_INET6_GETSOCKNAME) | N(CGROUP_UNIX_GETSOCKNAME))

/* The first row that fits counts; a type without one may return anything. */
static const struct return_row {
	uint64_t attach;
	uint32_t type;
	struct prog_return answer;
} returns[] = {
	{SOCK_ADDR_NO_SAY, T(CGROUP_SOCK_ADDR), {RETURN_RANGE, 1, 1}},
	/* Bit 1: skip the check for CAP_NET_BIND_SERVICE. */
	{A(CGROUP_INET4_BIND) | A(CGROUP_INET6_BIND), T(CGROUP_SOCK_ADDR), {RETURN_RANGE, 0, 3}},
	{EVERY, T(CGROUP_SOCK_ADDR), {RETURN_RANGE, 0, 1}},
	/* Bit 1: congestion notification. */
	{A(CGROUP_INET_EGRESS), T(CGROUP_SKB), {RETURN_RANGE, 0, 3}},
	{EVERY, T(CGROUP_SKB), {RETURN_RANGE, 0, 1}},
	{EVERY, T(CGROUP_SOCK), {RETURN_RANGE, 0, 1}},
	{EVERY, T(SOCK_OPS), {RETURN_RANGE, 0, 1}},
	{EVERY, T(CGROUP_DEVICE), {RETURN_RANGE, 0, 1}},
	{EVERY, T(CGROUP_SYSCTL), {RETURN_RANGE, 0, 1}},
	{EVERY, T(CGROUP_SOCKOPT), {RETURN_RANGE, 0, 1}},
	{A(TRACE_FENTRY) | A(TRACE_FEXIT), T(TRACING), {RETURN_RANGE, 0, 0}},
	{A(TRACE_RAW_TP) | A(MODIFY_RETURN), T(TRACING), {RETURN_ANY, 0, 0}},
	{A(TRACE_ITER), T(TRACING), {RETURN_RANGE, 0, 1}},
	{EVERY, T(TRACING), {RETURN_REFUSED, 0, 0}},
	{N(TRACE_KPROBE_SESSION) | N(TRACE_UPROBE_SESSION), T(KPROBE), {RETURN_RANGE, 0, 1}},
	{EVERY, T(SK_LOOKUP), {RETURN_RANGE, 0, 1}},
	{A(LSM_CGROUP), T(LSM), {RETURN_RANGE, 0, 1}},
	{EVERY, SKEP_PROG_TYPE_NETFILTER, {RETURN_RANGE, 0, 1}},
};

struct prog_return prog_return_range(uint32_t prog_type, uint32_t attach_type)
{
	for (uint32_t i = 0; i < ARRAY_SIZE(returns); i++)
		if (returns[i].type == prog_type && in(returns[i].attach, attach_type))
			return returns[i].answer;
	return (struct prog_return){.kind = RETURN_ANY};
}

struct prog_return prog_lsm_return(const char *hook, bool returns_value)
{
	static const char *const booleans[] = {
		"bpf_lsm_xfrm_state_pol_flow_match",
		"bpf_lsm_audit_rule_known",
		"bpf_lsm_inode_xattr_skipcap",
	};

	if (!returns_value)
		return (struct prog_return){.kind = RETURN_ANY};
	for (uint32_t i = 0; i < ARRAY_SIZE(booleans); i++)
		if (!strcmp(hook, booleans[i]))
			return (struct prog_return){RETURN_RANGE, 0, 1};
	return (struct prog_return){RETURN_RANGE, -4095, 0}; /* success or a negative errno (MAX_ERRNO) */
}
