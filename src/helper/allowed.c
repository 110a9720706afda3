/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who may call which helper, where the bits of the table (helper_desc.prog_types) are not the whole answer: by attach type, and
 * by what the user may do. Linux 6.18's answers; tests/helper/test_allowed.c asks that kernel for every pair.
 */
#include "base/util.h"
#include "helper/helper.h"
#include "prog/rules.h"

#define T(type)   (1ull << BPF_PROG_TYPE_##type)
#define A(attach) (1ull << BPF_##attach)
#define N(attach) (1ull << SKEP_ATTACH_##attach)

#define TRAMPOLINE (A(TRACE_FENTRY) | A(TRACE_FEXIT) | A(MODIFY_RETURN))
/* Answers about the other end of a connection have no return value of their own, nor have packets and socket operations. */
#define NO_RETVAL                                                                                                      \
	(A(CGROUP_INET_INGRESS) | A(CGROUP_INET_EGRESS) | A(CGROUP_SOCK_OPS) | A(CGROUP_UDP4_RECVMSG) |                \
	 A(CGROUP_UDP6_RECVMSG) | N(CGROUP_UNIX_RECVMSG) | A(CGROUP_INET4_GETPEERNAME) | A(CGROUP_INET6_GETPEERNAME) | \
	 N(CGROUP_UNIX_GETPEERNAME) | A(CGROUP_INET4_GETSOCKNAME) | A(CGROUP_INET6_GETSOCKNAME) |                      \
	 N(CGROUP_UNIX_GETSOCKNAME))
/* Decided by the number of the attach type alone, also where the program type does not look at it. */
#define CGROUP                                                                                                         \
	(T(CGROUP_SOCK) | T(CGROUP_DEVICE) | T(CGROUP_SOCK_ADDR) | T(CGROUP_SYSCTL) | T(CGROUP_SOCKOPT) | T(SOCK_OPS))

/* Programs of the types have the helper at these attach types only. */
static const struct by_attach {
	uint32_t id;
	uint64_t types, attach;
} by_attach[] = {
	{BPF_FUNC_bind, T(CGROUP_SOCK_ADDR), A(CGROUP_INET4_CONNECT) | A(CGROUP_INET6_CONNECT)},
	{BPF_FUNC_setsockopt, T(CGROUP_SOCKOPT), A(CGROUP_SETSOCKOPT)},
	{BPF_FUNC_getsockopt, T(CGROUP_SOCKOPT), A(CGROUP_SETSOCKOPT)},
	{BPF_FUNC_setsockopt, T(LSM), A(LSM_CGROUP)},
	{BPF_FUNC_getsockopt, T(LSM), A(LSM_CGROUP)},
	{BPF_FUNC_get_retval, CGROUP, ~NO_RETVAL},
	{BPF_FUNC_set_retval, CGROUP, ~NO_RETVAL},
	{BPF_FUNC_get_retval, T(LSM), A(LSM_CGROUP)},
	{BPF_FUNC_set_retval, T(LSM), A(LSM_CGROUP)},
	{BPF_FUNC_get_local_storage, T(LSM), A(LSM_CGROUP)},
	{BPF_FUNC_seq_printf, T(TRACING), A(TRACE_ITER)},
	{BPF_FUNC_seq_write, T(TRACING), A(TRACE_ITER)},
	{BPF_FUNC_seq_printf_btf, T(TRACING), A(TRACE_ITER)},
	/* What a trampoline calls knows the function's arguments. */
	{BPF_FUNC_get_func_arg, T(TRACING), TRAMPOLINE},
	{BPF_FUNC_get_func_ret, T(TRACING), TRAMPOLINE}, /* before the function it gives -EOPNOTSUPP */
	{BPF_FUNC_get_func_arg_cnt, T(TRACING), TRAMPOLINE},
	{BPF_FUNC_get_attach_cookie, T(TRACING), TRAMPOLINE | A(TRACE_RAW_TP)},
	{BPF_FUNC_get_func_arg, T(LSM), A(LSM_MAC)},
	{BPF_FUNC_get_func_ret, T(LSM), A(LSM_MAC)},
	{BPF_FUNC_get_func_arg_cnt, T(LSM), A(LSM_MAC)},
	{BPF_FUNC_get_attach_cookie, T(LSM), A(LSM_MAC)},
	/* Only what is attached to a function or hook can have these: the program type shares the others' list. */
	{BPF_FUNC_d_path, T(SYSCALL), 0},
	{BPF_FUNC_sk_storage_get, T(SYSCALL), 0},
	{BPF_FUNC_sk_storage_delete, T(SYSCALL), 0},
};

static bool in(uint64_t mask, uint32_t n)
{
	return n < 64 && mask >> n & 1;
}

/* takes - a mask that names what is not allowed takes in the numbers beyond it. */
static bool takes(uint64_t mask, uint32_t attach_type)
{
	return attach_type < 64 ? mask >> attach_type & 1 : mask >> 63;
}

bool helper_allowed(const struct helper_desc *h, uint32_t prog_type, uint32_t attach_type, bool sleepable)
{
	if (!h || !(h = helper_find(h->id)) || !in(h->prog_types, prog_type))
		return false;
	for (uint32_t i = 0; i < ARRAY_SIZE(by_attach); i++) {
		const struct by_attach *b = &by_attach[i];

		if (b->id == h->id && in(b->types, prog_type) && !takes(b->attach, attach_type))
			return false;
	}
	return true;
}

uint32_t helper_caps(const struct helper_desc *h, uint32_t prog_type)
{
	const struct helper_desc *row = helper_find(h->id);

	if (row->flags & HELPER_UNPRIV)
		return 0;
	/* Here the conversions of sockets are among the tracing helpers, which ask nothing more. */
	if (prog_type == BPF_PROG_TYPE_SYSCALL && row->ret == RET_BTF_ID && row->args[0].type != ARG_BTF_ID &&
	    row->args[0].type != ARG_NONE)
		return PROG_CAP_BPF;
	return row->flags & HELPER_PERFMON ? PROG_CAP_PERFMON : PROG_CAP_BPF;
}
