/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ways past the rules of a run, one a call: prints what came of it, an errno's name or "done". What it is given: a file that must not be read (SECRET), a
 * place that must not be written (OUT).
 *
 * arguments: WAY [SECRET OUT]
 */
#define _GNU_SOURCE
#include "i386.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *secret, *out;

static void say(const char *what, long result)
{
	const char *name = result < 0 ? strerrorname_np(errno) : "done";

	printf("%s %s\n", what, name ? name : "?");
	fflush(stdout);
}

static long read_secret(void)
{
	int fd = open(secret, O_RDONLY);
	char byte;
	long n = fd < 0 ? -1 : read(fd, &byte, 1);

	if (fd >= 0)
		close(fd);
	return n;
}

static void namespaces(void)
{
	static const char *const kinds[] = {"user", "mnt", "net", "pid", "ipc"};
	char path[64];

	for (int pid = 1; pid <= 2; pid++)
		for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
			int fd;

			snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, kinds[i]);
			fd = open(path, O_RDONLY);
			say(kinds[i], fd < 0 ? fd : setns(fd, 0));
		}
}

static void processes(void)
{
	char bytes[16], path[32];
	struct iovec here = {bytes, sizeof(bytes)}, there = {(void *)0x400000, sizeof(bytes)};

	for (int pid = 1; pid <= 2; pid++) {
		int fd = (int)syscall(SYS_pidfd_open, pid, 0);

		say("seize", ptrace(PTRACE_SEIZE, pid, 0, 0));
		say("read", process_vm_readv(pid, &here, 1, &there, 1, 0));
		say("getfd", syscall(SYS_pidfd_getfd, fd, 3, 0));
		snprintf(path, sizeof(path), "/proc/%d/mem", pid);
		say("mem", open(path, O_RDWR));
		snprintf(path, sizeof(path), "/proc/%d/root", pid);
		say("root", open(path, O_PATH | O_DIRECTORY) < 0
				    ? -1
				    : openat(open(path, O_PATH | O_DIRECTORY), ".", O_RDONLY));
	}
}

static void other_calls(void)
{
#ifdef __x86_64__
	char *low =
		mmap((void *)0x10000000, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	strcpy(low, secret);
	say("open", i386(5, (long)low, O_RDONLY, 0));
	say("ptrace", i386(26, 0, 0, 0));
	say("bpf", i386(357, 0, 0, 0));
	strcpy(low, out);
	say("creat", i386(8, (long)low, 0600, 0));
	say("x32", syscall(0x40000000 + SYS_getpid));
	say("x32-ptrace", syscall(0x40000000 + 521, 0, 0, 0, 0));
#endif
	say("io_uring", syscall(SYS_io_uring_setup, 4, NULL));
	say("ptrace", ptrace(PTRACE_TRACEME, 0, 0, 0));
}

/* Mounts of its own, in namespaces of its own, to get under what is mounted over the secret. */
static void mounts(void)
{
	char options[512], folder[256], real[64];

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS)) {
		say("unshare", -1);
		return;
	}
	snprintf(folder, sizeof(folder), "%s", secret);
	*strrchr(folder, '/') = 0;
	say("umount", umount2(folder, MNT_DETACH));
	say("bind", mount(folder, "/tmp", NULL, MS_BIND, NULL));
	say("bind-root", mount("/", "/mnt", NULL, MS_BIND, NULL));
	snprintf(options, sizeof(options), "lowerdir=/:/usr,userxattr");
	say("overlay", mount("o", "/mnt", "overlay", 0, options));
	say("remount", mount(NULL, folder, NULL, MS_REMOUNT | MS_BIND, NULL));
	say("move", mount(folder, "/mnt", NULL, MS_MOVE, NULL));
	say("tree", syscall(SYS_open_tree, AT_FDCWD, "/", 1 /* OPEN_TREE_CLONE */));
	say("pivot", syscall(SYS_pivot_root, "/", "/mnt"));
	say("chmod", chmod(folder, 0700));
	say("secret", read_secret());
	snprintf(real, sizeof(real), "/proc/self/root%.40s", secret);
	say("by-proc", open(real, O_RDONLY));
}

/* Open folders, links, magic links, handles. */
static void names(void)
{
	struct open_how how = {.flags = O_RDONLY};
	int root = open("/", O_PATH | O_DIRECTORY), fd;
	char magic[128], path[300];

	say("at", openat(root, secret + 1, O_RDONLY));
	say("openat2", syscall(SYS_openat2, root, secret + 1, &how, sizeof(how)));
	fd = open(secret, O_PATH);
	snprintf(magic, sizeof(magic), "/proc/self/fd/%d", fd);
	say("path", fd < 0 ? -1 : open(magic, O_RDONLY));
	snprintf(path, sizeof(path), "%s.link", out);
	say("symlink", symlink(secret, path));
	snprintf(path, sizeof(path), "./l%d", (int)getpid());
	say("link", link(secret, path));
	say("own-symlink", symlink(secret, path) ? -1 : open(path, O_RDONLY));
	unlink(path);
	say("chroot", unshare(CLONE_NEWUSER) || chroot("/") ? -1 : read_secret());
	fd = -1;
	{
		struct {
			struct file_handle h;
			unsigned char bytes[128];
		} handle = {.h.handle_bytes = 128};
		int mount_id;

		if (!name_to_handle_at(AT_FDCWD, "/etc/hostname", &handle.h, &mount_id, 0))
			fd = open_by_handle_at(open("/", O_RDONLY | O_DIRECTORY), &handle.h, O_RDONLY);
		say("handle", fd);
	}
	say("secret", read_secret());
}

/* A seccomp filter of its own that lets everything through, one that would hand calls to itself, and less to read of it. */
static void filters(void)
{
	struct sock_filter all[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
	struct sock_filter mine[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF)};
	struct sock_fprog p = {1, all}, q = {1, mine};

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	say("listener", syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &q));
	say("allow", syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &p));
	say("undumpable", prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));
	say("secret", read_secret());
	say("create", open(out, O_CREAT | O_WRONLY, 0600));
	say("ptrace", ptrace(PTRACE_TRACEME, 0, 0, 0));
}

/* An open file that comes from another process of the tree. */
static void passed(void)
{
	int pair[2], fd = -1;
	char control[CMSG_SPACE(sizeof(int))] = {0}, byte = 0;
	struct iovec iov = {&byte, 1};
	struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	struct cmsghdr *c;
	char path[300];

	socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
	snprintf(path, sizeof(path), "%s", secret);
	*strrchr(path, '/') = 0;
	if (!fork()) {
		fd = open(path, O_PATH | O_DIRECTORY);
		c = CMSG_FIRSTHDR(&h);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
		_exit(sendmsg(pair[1], &h, 0) != 1);
	}
	wait(NULL);
	h.msg_controllen = sizeof(control);
	if (recvmsg(pair[0], &h, 0) == 1 && (c = CMSG_FIRSTHDR(&h)))
		memcpy(&fd, CMSG_DATA(c), sizeof(int));
	say("passed", fd < 0 ? -1 : openat(fd, strrchr(secret, '/') + 1, O_RDONLY));
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} ways[] = {{"namespaces", namespaces}, {"processes", processes}, {"calls", other_calls}, {"mounts", mounts},
		    {"names", names},           {"filters", filters},     {"passed", passed}};

	secret = argc > 2 ? argv[2] : "/nothing";
	out = argc > 3 ? argv[3] : "/nothing";
	for (size_t i = 0; argc > 1 && i < sizeof(ways) / sizeof(ways[0]); i++)
		if (!strcmp(argv[1], ways[i].name)) {
			ways[i].run();
			return 0;
		}
	return 2;
}
