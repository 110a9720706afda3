/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The seccomp filter of a tree. Only numbers are looked at, which cannot change under it (man 2 seccomp). connect(2) and bind(2) go to the
 * guard (guard.h); all other calls run as they would without the filter.
 */
#include "hook/tree/ways_out.h"

#include "base/util.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

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

/*
 * A datagram socket could name another address with every message, in memory that a filter cannot look at: Unix ones are for pairs and paths
 * alike, so none are made. SOCK_RAW is another word for them (net/unix).
 */
static int refuse_datagrams(scmp_filter_ctx ctx, int call)
{
	static const int types[] = {SOCK_DGRAM, SOCK_RAW};
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(types) && !err; i++)
		err = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPROTONOSUPPORT), call, 2, LOW32(0, AF_UNIX),
				       SCMP_CMP(1, SCMP_CMP_MASKED_EQ, 0xf, (scmp_datum_t)types[i]));
	return err;
}

/* libseccomp's own way of loading hides the kernel's answer, which is wanted: so it writes the filter, and this loads it. */
static int install(scmp_filter_ctx ctx, int *listener)
{
	AUTO_CLOSE int fd = memfd_create("skep-filter", MFD_CLOEXEC);
	int err = fd < 0 ? -errno : seccomp_export_bpf(ctx, fd);
	off_t size = err ? 0 : lseek(fd, 0, SEEK_END);
	AUTO_FREE struct sock_filter *insns = err ? NULL : malloc((size_t)MAX(size, (off_t)1));
	struct sock_fprog prog = {.len = (unsigned short)((size_t)size / sizeof(*insns)), .filter = insns};
	long got;

	if (err)
		return err;
	if (!insns)
		return -ENOMEM;
	if (pread(fd, insns, (size_t)size, 0) != size)
		return -EIO;
	got = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, listener ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0, &prog);
	if (got < 0)
		return -errno;
	if (listener)
		*listener = (int)got;
	return 0;
}

/* Loads a filter. @listener: as in ways_out_filter(); NULL: without one. */
static int load(int *listener)
{
	static const int gone[] = {SCMP_SYS(io_uring_setup), SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register),
				   SCMP_SYS(socketcall), /* a key may be asked for outside: by DNS, for one */
				   SCMP_SYS(request_key),    SCMP_SYS(add_key),        SCMP_SYS(keyctl)};
	static const int guarded[] = {SCMP_SYS(connect), SCMP_SYS(bind)};
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
	if (!err)
		err = refuse_datagrams(ctx, SCMP_SYS(socket));
	if (!err)
		err = refuse_datagrams(ctx, SCMP_SYS(socketpair));
	for (size_t i = 0; i < ARRAY_SIZE(guarded) && !err && listener; i++)
		err = seccomp_rule_add(ctx, SCMP_ACT_NOTIFY, guarded[i], 0);
	for (size_t i = 0; i < ARRAY_SIZE(gone) && !err; i++)
		err = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), gone[i], 0);
	for (size_t i = 0; i < ARRAY_SIZE(typing) && !err; i++)
		err = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1, LOW32(1, typing[i]));
	if (!err && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		err = -errno;
	if (!err)
		err = install(ctx, listener);
	if (ctx)
		seccomp_release(ctx);
	return err;
}

int ways_out_filter(int *listener)
{
	int err = load(listener);

	/* A process can have one listener: in a tree within a tree it is the outer one's guard that goes on guarding both. */
	if (err == -EBUSY) {
		*listener = -1;
		err = load(NULL);
	}
	return err;
}
