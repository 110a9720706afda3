// SPDX-License-Identifier: BSD-2-Clause
/*
 * One call, and what came of it: "done", or the errno's name. For the guard's test: what shells have no words for.
 * usage: tries WHAT [ARGUMENT...]
 *
 *   write FILE, pwrite FILE, ftruncate FILE    the file is opened first; "landed" is written
 *   write32 FILE                               by a 32-bit program's write(2) (int 0x80)
 *   path FILE                                  opened with O_PATH
 *   datagram PORT                              sent to the loopback's
 *   bind FROM TO, tree FOLDER                  mounts: bound there; open_tree(2) of a copy
 *   chroot FOLDER FILE                         ... and the file opened there
 *   unshare                                    a user namespace with a mount namespace
 *   ptrace PID, memory PID                     attached to; its /proc/PID/mem opened for writing
 *   uring                                      io_uring_setup(2)
 *   bpf                                        the first program asked for
 *   runs                                       a copy of this program in memory executed (it prints "ran")
 *   into FOLDER                                a child made in the cgroup (clone3(2))
 * Exit code: 0 done, 1 refused, 2 misuse.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const char text[] = "landed";

static int say(long result)
{
	if (result < 0)
		printf("%s\n", strerrorname_np(errno));
	else
		printf("done\n");
	return result < 0;
}

/* Addresses of a 32-bit call lie below 4 GiB. */
static long write32(int fd)
{
	char *low = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	long result = 4;

	if (low == MAP_FAILED)
		return -1;
	strcpy(low, text);
	__asm__ volatile("int $0x80"
			 : "+a"(result)
			 : "b"((long)fd), "c"(low), "d"(sizeof(text) - 1)
			 : "memory", "r8", "r9", "r10", "r11");
	if (result >= 0)
		return result;
	errno = (int)-result;
	return -1;
}

static long to_file(const char *what, const char *file)
{
	int fd = open(file, O_WRONLY);

	if (fd < 0)
		return fd;
	if (!strcmp(what, "pwrite"))
		return pwrite(fd, text, sizeof(text) - 1, 0);
	if (!strcmp(what, "ftruncate"))
		return ftruncate(fd, 0);
	return !strcmp(what, "write32") ? write32(fd) : write(fd, text, sizeof(text) - 1);
}

static long datagram(int port)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	return fd < 0 ? fd : sendto(fd, text, sizeof(text) - 1, 0, (struct sockaddr *)&to, sizeof(to));
}

static long runs(void)
{
	char *const argv[] = {"tries", "ran", NULL}, *const none[] = {NULL};
	int from = open("/proc/self/exe", O_RDONLY), to = memfd_create("copy", 0);
	struct stat st;

	if (from < 0 || to < 0 || fstat(from, &st) || sendfile(to, from, NULL, (size_t)st.st_size) != st.st_size)
		return -1;
	return fexecve(to, argv, none);
}

static long into(const char *folder)
{
	struct clone_args args = {.flags = CLONE_INTO_CGROUP,
				  .exit_signal = SIGCHLD,
				  .cgroup = (uint64_t)open(folder, O_RDONLY | O_DIRECTORY)};
	long pid = syscall(SYS_clone3, &args, sizeof(args));

	if (!pid)
		_exit(0);
	if (pid > 0)
		waitpid((pid_t)pid, NULL, 0);
	return pid;
}

static long memory(const char *pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%s/mem", pid);
	return open(path, O_RDWR);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "", *one = argc > 2 ? argv[2] : "", *two = argc > 3 ? argv[3] : "";
	struct io_uring_params ring = {0};
	union bpf_attr attr = {0};

	setvbuf(stdout, NULL, _IONBF, 0);
	if (!strcmp(what, "write") || !strcmp(what, "pwrite") || !strcmp(what, "ftruncate") || !strcmp(what, "write32"))
		return say(to_file(what, one));
	if (!strcmp(what, "path"))
		return say(open(one, O_PATH));
	if (!strcmp(what, "datagram"))
		return say(datagram(atoi(one)));
	if (!strcmp(what, "bind"))
		return say(mount(one, two, NULL, MS_BIND, NULL));
	if (!strcmp(what, "tree"))
		return say(syscall(SYS_open_tree, AT_FDCWD, one, 1 /* OPEN_TREE_CLONE */));
	if (!strcmp(what, "chroot"))
		return say(chroot(one) ? -1 : open(two, O_RDONLY));
	if (!strcmp(what, "unshare"))
		return say(unshare(CLONE_NEWUSER | CLONE_NEWNS));
	if (!strcmp(what, "ptrace"))
		return say(ptrace(PTRACE_SEIZE, atoi(one), NULL, NULL));
	if (!strcmp(what, "memory"))
		return say(memory(one));
	if (!strcmp(what, "uring"))
		return say(syscall(SYS_io_uring_setup, 4, &ring));
	if (!strcmp(what, "bpf"))
		return say(syscall(SYS_bpf, BPF_PROG_GET_NEXT_ID, &attr, sizeof(attr)) && errno != ENOENT ? -1 : 0);
	if (!strcmp(what, "runs"))
		return say(runs());
	if (!strcmp(what, "ran"))
		return printf("ran\n"), 0;
	if (!strcmp(what, "into"))
		return say(into(one));
	fprintf(stderr, "usage: tries WHAT [ARGUMENT...]\n");
	return 2;
}
