/* SPDX-License-Identifier: BSD-2-Clause */
#include "hook/supervisor.h"

#include "base/util.h"
#include "hook/net/confine.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>

/* What nobody needs once the tree is there. */
static const int gone[] = {
	/* other programs, other places, other people */
	SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(setns), SCMP_SYS(unshare), SCMP_SYS(chroot),
	SCMP_SYS(pivot_root), SCMP_SYS(mount), SCMP_SYS(umount2), SCMP_SYS(open_tree), SCMP_SYS(move_mount),
	SCMP_SYS(fsopen), SCMP_SYS(fsconfig), SCMP_SYS(fsmount), SCMP_SYS(fspick), SCMP_SYS(mount_setattr),
	SCMP_SYS(setuid), SCMP_SYS(setgid), SCMP_SYS(setreuid), SCMP_SYS(setregid), SCMP_SYS(setresuid),
	SCMP_SYS(setresgid), SCMP_SYS(setfsuid), SCMP_SYS(setfsgid), SCMP_SYS(setgroups), SCMP_SYS(personality),
	/* the machine */
	SCMP_SYS(reboot), SCMP_SYS(kexec_load), SCMP_SYS(kexec_file_load), SCMP_SYS(init_module),
	SCMP_SYS(finit_module), SCMP_SYS(delete_module), SCMP_SYS(swapon), SCMP_SYS(swapoff), SCMP_SYS(acct),
	SCMP_SYS(quotactl), SCMP_SYS(sethostname), SCMP_SYS(setdomainname), SCMP_SYS(settimeofday),
	SCMP_SYS(clock_settime), SCMP_SYS(adjtimex), SCMP_SYS(clock_adjtime), SCMP_SYS(iopl), SCMP_SYS(ioperm),
	SCMP_SYS(syslog), SCMP_SYS(vhangup),
	/* ways around: programs, keys, rings, and files by their handles */
	SCMP_SYS(bpf), SCMP_SYS(perf_event_open), SCMP_SYS(add_key), SCMP_SYS(request_key), SCMP_SYS(keyctl),
	SCMP_SYS(io_uring_setup), SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register), SCMP_SYS(userfaultfd),
	SCMP_SYS(open_by_handle_at),
	/* files that are there */
	SCMP_SYS(chmod), SCMP_SYS(fchmodat), SCMP_SYS(chown), SCMP_SYS(lchown), SCMP_SYS(fchown), SCMP_SYS(fchownat),
	SCMP_SYS(link), SCMP_SYS(linkat), SCMP_SYS(symlink), SCMP_SYS(symlinkat), SCMP_SYS(mknod), SCMP_SYS(mknodat),
	SCMP_SYS(truncate), SCMP_SYS(setxattr), SCMP_SYS(lsetxattr), SCMP_SYS(fsetxattr), SCMP_SYS(removexattr),
	SCMP_SYS(lremovexattr), SCMP_SYS(fremovexattr), SCMP_SYS(utime), SCMP_SYS(utimes), SCMP_SYS(futimesat),
	SCMP_SYS(utimensat)};

/* What a thread that looks at tasks needs even less. */
static const int gone_of_tasks[] = {SCMP_SYS(socket),   SCMP_SYS(socketpair), SCMP_SYS(connect),  SCMP_SYS(bind),
				    SCMP_SYS(listen),   SCMP_SYS(creat),      SCMP_SYS(mkdir),    SCMP_SYS(mkdirat),
				    SCMP_SYS(rmdir),    SCMP_SYS(unlink),     SCMP_SYS(unlinkat), SCMP_SYS(rename),
				    SCMP_SYS(renameat), SCMP_SYS(renameat2),  SCMP_SYS(fchmod),   SCMP_SYS(ftruncate),
				    SCMP_SYS(fallocate)};

#define LOW32(n, mask, value) SCMP_CMP(n, SCMP_CMP_MASKED_EQ, (scmp_datum_t)(mask), (scmp_datum_t)(value))
static const uint32_t refused = SCMP_ACT_ERRNO(EPERM);

static int refuse_all(scmp_filter_ctx ctx, const int *list, size_t n)
{
	int err = 0;

	for (size_t i = 0; i < n && !err; i++)
		err = seccomp_rule_add(ctx, refused, list[i], 0);
	return err;
}

static int refuse_families(scmp_filter_ctx ctx)
{
	static const int kept[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};
	int err = 0;

	for (int family = 0; family < AF_MAX && !err; family++) {
		bool is_kept = false;

		for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
			is_kept |= kept[i] == family;
		if (!is_kept)
			err = seccomp_rule_add(ctx, refused, SCMP_SYS(socket), 1, LOW32(0, UINT32_MAX, family));
	}
	return err ? err : seccomp_rule_add(ctx, refused, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_GE, AF_MAX));
}

/* Opens that could change something: each bit by itself, for a rule compares what is set. */
static int refuse_writing(scmp_filter_ctx ctx)
{
	static const unsigned int bits[] = {O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_TMPFILE & ~O_DIRECTORY};
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(bits) && !err; i++) {
		err = seccomp_rule_add(ctx, refused, SCMP_SYS(open), 1, LOW32(1, bits[i], bits[i]));
		if (!err)
			err = seccomp_rule_add(ctx, refused, SCMP_SYS(openat), 1, LOW32(2, bits[i], bits[i]));
	}
	return err;
}

static int load(scmp_filter_ctx ctx, int err)
{
	if (!err)
		err = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	err = err ? err : seccomp_load(ctx);
	if (ctx)
		seccomp_release(ctx);
	return err;
}

int supervisor_confine(void)
{
	static const unsigned int typing[] = {TIOCSTI, TIOCLINUX};
	scmp_filter_ctx ctx;
	int err = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? -errno : confine_has_memory() ? 0 : -ENOMEM;

	if (err)
		return err;
	ctx = seccomp_init(SCMP_ACT_ALLOW);
	err = ctx ? refuse_all(ctx, gone, ARRAY_SIZE(gone)) : -ENOMEM;
	if (!err)
		err = refuse_families(ctx);
	for (size_t i = 0; i < ARRAY_SIZE(typing) && !err; i++)
		err = seccomp_rule_add(ctx, refused, SCMP_SYS(ioctl), 1, LOW32(1, UINT32_MAX, typing[i]));
	return load(ctx, err);
}

int supervisor_confine_task(bool paths)
{
	scmp_filter_ctx ctx = confine_has_memory() ? seccomp_init(SCMP_ACT_ALLOW) : NULL;
	int err = ctx ? refuse_all(ctx, gone_of_tasks, ARRAY_SIZE(gone_of_tasks)) : -ENOMEM;

	if (!err)
		err = refuse_writing(ctx);
	if (!err && !paths)
		err = seccomp_rule_add(ctx, refused, SCMP_SYS(openat2), 0);
	return load(ctx, err);
}
