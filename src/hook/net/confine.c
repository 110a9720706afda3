/* SPDX-License-Identifier: BSD-2-Clause */
#include "hook/net/confine.h"

#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

/* Calls that need no look at their arguments. Each line: what for. */
static const int calls[] = {
	/* frames, sockets, eventfds, logs that were opened before */
	SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(pwrite64), SCMP_SYS(pread64),
	SCMP_SYS(lseek), SCMP_SYS(close), SCMP_SYS(fsync),
	/* waiting */
	SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_ctl),
	SCMP_SYS(select), SCMP_SYS(pselect6), SCMP_SYS(nanosleep), SCMP_SYS(clock_nanosleep), SCMP_SYS(futex),
	SCMP_SYS(restart_syscall), SCMP_SYS(sched_yield),
	/* IP sockets; socket(2) itself below */
	SCMP_SYS(connect), SCMP_SYS(bind), SCMP_SYS(listen), SCMP_SYS(accept), SCMP_SYS(accept4), SCMP_SYS(shutdown),
	SCMP_SYS(getsockname), SCMP_SYS(getpeername), SCMP_SYS(getsockopt), SCMP_SYS(setsockopt), SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg), SCMP_SYS(recvmmsg), SCMP_SYS(sendto), SCMP_SYS(sendmsg), SCMP_SYS(sendmmsg),
	/* memory; mmap and mprotect below */
	SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise),
	/* time, chance, who am I */
	SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(getrandom),
	SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getegid),
	SCMP_SYS(getcpu), SCMP_SYS(sched_getaffinity), SCMP_SYS(uname), SCMP_SYS(membarrier),
	/* looking at files, which opens none; locking those that are open (bpf(2) of the hive does) */
	SCMP_SYS(flock), SCMP_SYS(stat), SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(statx),
	/* a thread's signals and its end */
	SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigaction), SCMP_SYS(sigaltstack),
	SCMP_SYS(set_robust_list), SCMP_SYS(rseq), SCMP_SYS(exit), SCMP_SYS(exit_group)};

#define LOW32(n, mask, value) SCMP_CMP(n, SCMP_CMP_MASKED_EQ, (scmp_datum_t)(mask), (scmp_datum_t)(value))

/* Calls that may be made with some arguments only. */
static int add_careful(scmp_filter_ctx ctx)
{
	static const int domains[] = {AF_INET, AF_INET6}, types[] = {SOCK_STREAM, SOCK_DGRAM},
			 commands[] = {F_GETFL, F_SETFL, F_GETFD, F_SETFD, F_GET_SEALS};
	static const unsigned int requests[] = {FIONREAD, FIONBIO};
	const unsigned int writing = O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND | O_TMPFILE;
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(domains) * ARRAY_SIZE(types) && !err; i++) /* no raw ones */
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2, LOW32(0, UINT32_MAX, domains[i / 2]),
				       LOW32(1, 0xf, types[i % 2]));
	for (size_t i = 0; i < ARRAY_SIZE(commands) && !err; i++)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1, LOW32(1, UINT32_MAX, commands[i]));
	for (size_t i = 0; i < ARRAY_SIZE(requests) && !err; i++)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, LOW32(1, UINT32_MAX, requests[i]));
	/* Which file an fd is (src/bpf/caller.c). */
	if (!err)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(name_to_handle_at), 1,
				       LOW32(4, UINT32_MAX, AT_EMPTY_PATH));
	/* Memory yes, code no. */
	if (!err)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, LOW32(2, PROT_EXEC, 0));
	if (!err)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, LOW32(2, PROT_EXEC, 0));
	/* To read; what, is for Landlock. */
	if (!err)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(open), 1, LOW32(1, writing, O_RDONLY));
	if (!err)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1, LOW32(2, writing, O_RDONLY));
	return err;
}

static int load_filter(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int err = ctx ? 0 : -ENOMEM;

	for (size_t i = 0; i < ARRAY_SIZE(calls) && !err; i++)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, calls[i], 0);
	err = err ? err : add_careful(ctx);
	if (!err)
		err = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE,
				       2); /* a tree of numbers: it is asked for each frame */
	err = err ? err : seccomp_load(ctx);
	if (ctx)
		seccomp_release(ctx);
	return err;
}

int confine_landlock(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	return abi > 0 ? (int)abi : 0;
}

/* All rights over files that this kernel knows of are taken, but for reading one. */
static int load_landlock(int abi)
{
	/* The bits in the order of their coming: 13 with the first version, then REFER, TRUNCATE, IOCTL_DEV. */
	static const int bits_of[] = {0, 13, 14, 15, 15, 16};
	struct landlock_ruleset_attr rules = {.handled_access_fs = (1u << bits_of[MIN(abi, 5)]) - 1};
	struct landlock_path_beneath_attr readable = {.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE};
	AUTO_CLOSE int set = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules.handled_access_fs), 0);
	AUTO_CLOSE int resolver = open("/etc/resolv.conf", O_PATH | O_CLOEXEC);

	if (set < 0)
		return -errno;
	readable.parent_fd = resolver;
	if (resolver >= 0 && syscall(SYS_landlock_add_rule, set, LANDLOCK_RULE_PATH_BENEATH, &readable, 0))
		return -errno;
	return syscall(SYS_landlock_restrict_self, set, 0) ? -errno : 0;
}

/*
 * libseccomp 2.5 crashes when it finds no memory while it makes the filter (gen_bpf_generate()). It needs less than this, and nobody else of
 * skep's wants much at this moment.
 */
bool confine_has_memory(void)
{
	enum { ENOUGH = 4 << 20 };
	void *p = mmap(NULL, ENOUGH, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p != MAP_FAILED && !munmap(p, ENOUGH);
}

int confine_thread(void)
{
	int abi = confine_landlock();
	int err = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? -errno : confine_has_memory() ? 0 : -ENOMEM;

	if (!err && abi)
		err = load_landlock(abi);
	return err ? err : load_filter();
}
