/* SPDX-License-Identifier: BSD-2-Clause */
#include "deploy/hold.h"

#include "base/util.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PATIENCE_MS = 5000 };

/* 0: there is no such process, or it has ended and nobody has asked how. */
static uint64_t start_of(pid_t pid)
{
	char path[32], text[1024], *at;
	unsigned long long start = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	text[MAX(n, (ssize_t)0)] = 0;
	/* The 22nd field; the second, in brackets, may hold anything (man 5 proc). */
	at = strrchr(text, ')');
	if (!at || !strncmp(at, ") Z", 3) || !strncmp(at, ") X", 3))
		return 0;
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	return at && sscanf(at, " %llu", &start) == 1 ? start : 0;
}

/*
 * What was open before this program began would have whoever waits for its end (a pipe's, a lock's) wait for the holder's. It is what lacks O_CLOEXEC: all of our own has it.
 */
static void close_inherited(void)
{
	DIR *d = opendir("/proc/self/fd");
	struct dirent *e;
	int null;

	while (d && (e = readdir(d))) {
		int fd = atoi(e->d_name), flags = *e->d_name == '.' ? -1 : fcntl(fd, F_GETFD);

		if (flags >= 0 && !(flags & FD_CLOEXEC))
			close(fd);
	}
	if (d)
		closedir(d);
	/* The standard three are taken, so that nothing else gets their numbers. */
	while ((null = open("/dev/null", O_RDWR)) >= 0 && null <= 2)
		;
	if (null > 2)
		close(null);
}

static _Noreturn void hold(int lock, int go)
{
	sigset_t end;
	char byte;
	int sig;

	prctl(PR_SET_NAME, "skep-hold", 0, 0, 0);
	setsid();
	close(lock);
	close_inherited();
	if (chdir("/") || read(go, &byte, 1) != 1)
		_exit(1);
	close(go);
	sigfillset(&end);
	sigprocmask(SIG_SETMASK, &end, NULL);
	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	sigwait(&end, &sig);
	_exit(0);
}

int hold_begin(int lock, struct holder *out)
{
	int ends[2], err;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	pid = fork();
	err = pid < 0 ? -errno : 0;
	if (!pid) {
		close(ends[1]);
		hold(lock, ends[0]);
	}
	close(ends[0]);
	if (err)
		close(ends[1]);
	else
		*out = (struct holder){.pid = pid, .start = start_of(pid), .go = ends[1]};
	return err;
}

void hold_go(struct holder *h, bool stay)
{
	if (stay && write(h->go, "", 1) != 1)
		hold_end(h); /* it has been killed: what it held is gone, and the list says so */
	close(h->go);
}

bool hold_lives(const struct holder *h)
{
	return h->pid && start_of(h->pid) == h->start && h->start;
}

void hold_end(const struct holder *h)
{
	AUTO_CLOSE int fd = h->pid ? (int)syscall(SYS_pidfd_open, h->pid, 0) : -1;
	struct pollfd ended = {.fd = fd, .events = POLLIN};

	/* With the pidfd in hand the number cannot become another's. */
	if (fd < 0 || !hold_lives(h))
		return;
	syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0);
	if (poll(&ended, 1, PATIENCE_MS) < 1)
		syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
}
