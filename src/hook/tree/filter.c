/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The seccomp filter of a tree. Only numbers are looked at, which cannot change under it (man 2 seccomp): all other calls run as
 * they would without it.
 */
#include "hook/tree/ways_out.h"

#include "base/util.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>

/* Families that stay inside or go through the tree's interface. AF_ALG is the kernel's cryptography. */
static const int families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_ALG};

/* What a 64-bit argument holds of a 32-bit one; what stands above, the kernel does not look at. */
#define LOW32(n, value) SCMP_CMP(n, SCMP_CMP_MASKED_EQ, 0xffffffffu, (scmp_datum_t)(value))

static bool stays(int family)
{
	for (size_t i = 0; i < ARRAY_SIZE(families); i++)
		if (families[i] == family)
			return true;
	return false;
}

static int refuse_families(scmp_filter_ctx ctx, int call)
{
	int err = 0;

	for (int family = 0; family < AF_MAX && !err; family++)
		if (!stays(family))
			err = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EAFNOSUPPORT), call, 1, LOW32(0, family));
	/* Those of kernels to come, and any number with something above its low half. */
	return err ? err : seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EAFNOSUPPORT), call, 1, SCMP_A0(SCMP_CMP_GE, AF_MAX));
}

int ways_out_filter(void)
{
	static const int gone[] = {SCMP_SYS(io_uring_setup), SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register),
				   SCMP_SYS(socketcall)};
	static const uint32_t typing[] = {TIOCSTI, TIOCLINUX};
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	int err = ctx ? 0 : -ENOMEM;

#ifdef __x86_64__
	/* 32-bit programs by the same rules; their socketcall(2) hides its arguments in memory, and has had a successor since Linux 4.3. */
	if (!err)
		err = seccomp_arch_add(ctx, SCMP_ARCH_X86);
#endif
	if (!err)
		err = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));
	if (!err)
		err = refuse_families(ctx, SCMP_SYS(socket));
	if (!err)
		err = refuse_families(ctx, SCMP_SYS(socketpair));
	for (size_t i = 0; i < ARRAY_SIZE(gone) && !err; i++)
		err = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), gone[i], 0);
	for (size_t i = 0; i < ARRAY_SIZE(typing) && !err; i++)
		err = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1, LOW32(1, typing[i]));
	if (!err && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		err = -errno;
	if (!err)
		err = seccomp_load(ctx);
	if (ctx)
		seccomp_release(ctx);
	return err;
}
