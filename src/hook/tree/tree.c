/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The outer side of a tree, and how the two sides speak: over one SEQPACKET socket, each message a struct note. In this order:
 *
 *   skep -> init     NOTE_MAPPED   the user and group maps are written
 *   init -> skep     NOTE_READY    with the fds of sock_diag, of /proc and of the port; or NOTE_FAILED
 *   skep -> init     NOTE_GO       with what is watched, and the sockets for it (watch.h)
 *   init -> skep     NOTE_STARTED  with a pidfd of the command; or NOTE_FAILED: it could not be executed
 *   init -> skep     NOTE_ENDED    with the command's wait status
 */
#include "hook/tree/tree.h"

#include "base/fds.h"
#include "base/util.h"
#include "hook/tree/bare.h"
#include "hook/tree/guard.h"
#include "hook/tree/init.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { NAMESPACES = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC };

int note_send(int sock, const struct note *n, const int *fds, uint32_t n_fds)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(NOTE_FDS * sizeof(int))];
	} control;
	struct iovec iov = {(void *)n, sizeof(*n)};
	struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};

	if (n_fds) {
		struct cmsghdr *c = &control.align;

		memset(&control, 0, sizeof(control));
		h.msg_control = &control;
		h.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		*c = (struct cmsghdr){
			.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(n_fds * sizeof(int))};
		memcpy(CMSG_DATA(c), fds, n_fds * sizeof(int));
	}
	return sendmsg(sock, &h, MSG_NOSIGNAL) == sizeof(*n) ? 0 : -errno;
}

int note_receive(int sock, struct note *n, int *fds, uint32_t n_fds)
{
	union {
		struct cmsghdr align;
		/* Who said it may come along, unasked (SO_PASSCRED). */
		char bytes[CMSG_SPACE(NOTE_FDS * sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
	} control;
	struct iovec iov = {n, sizeof(*n)};
	struct msghdr h = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	ssize_t got;

	do
		got = recvmsg(sock, &h, MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&h); c; c = CMSG_NXTHDR(&h, c)) {
		uint32_t came = (uint32_t)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));

		for (uint32_t i = 0; c->cmsg_type == SCM_RIGHTS && i < came; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (i < n_fds)
				fds[i] = fd;
			else
				close(fd);
		}
	}
	return got == sizeof(*n) ? 0 : -EPIPE;
}

/* One line of a map, or the parent's whole one: a file of /proc in one write, as the kernel wants it (man 7 user_namespaces). */
static int write_map(pid_t pid, const char *file, const char *text)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	AUTO_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -errno;
}

/* Everybody who is known here is known there, under the same number. Return: 0, -EPERM when only privileged users may. */
static int map_all(pid_t pid, const char *file)
{
	char path[64], text[4096] = "";
	unsigned int first, count;
	size_t n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/%s", file);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (fscanf(f, "%u %*u %u", &first, &count) == 2 && n + 64 < sizeof(text))
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%u %u %u\n", first, first, count);
	fclose(f);
	return write_map(pid, file, text);
}

int tree_map_users(pid_t pid)
{
	char uid[64], gid[64];
	int err = -EPERM;

	if (!geteuid()) {
		err = map_all(pid, "uid_map");
		if (!err)
			return map_all(pid, "gid_map");
	}
	snprintf(uid, sizeof(uid), "%u %u 1\n", (unsigned int)geteuid(), (unsigned int)geteuid());
	snprintf(gid, sizeof(gid), "%u %u 1\n", (unsigned int)getegid(), (unsigned int)getegid());
	err = write_map(pid, "uid_map", uid);
	/* Without setgroups(2) denied an ordinary user may not map a group: it could drop groups that are there to keep it out. */
	if (!err)
		err = write_map(pid, "setgroups", "deny");
	return err ? err : write_map(pid, "gid_map", gid);
}

static int namespaces_refused(int err, char *why)
{
	const char *help = "";

	if (err == -EPERM && !access("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", F_OK))
		help = "; this system's AppArmor keeps ordinary programs from making user namespaces: "
		       "sysctl kernel.apparmor_restrict_unprivileged_userns=0 (as root) allows it";
	else if (err == -EPERM && !access("/proc/sys/kernel/unprivileged_userns_clone", F_OK))
		help = "; sysctl kernel.unprivileged_userns_clone=1 (as root) allows it";
	else if (err == -EPERM)
		help = "; a container's seccomp profile or a security module forbids it";
	else if (err == -ENOSPC)
		help = "; the limit in /proc/sys/user/max_user_namespaces (or another beside it) is reached";
	else if (err == -ENOSYS || err == -EINVAL)
		help = "; this kernel has no user namespaces";
	snprintf(why, TREE_WHY, "namespaces cannot be made: %s%s. With --net=calls a run needs none (docs/run.md)",
		 strerror(-err), help);
	return err;
}

/* What init says, or that it is no more. @value: the note's */
static int hear(struct tree *t, enum note_kind want, int *value, int *fds, uint32_t n_fds, char *why)
{
	struct note n;
	int err = note_receive(t->ctl, &n, fds, n_fds);

	if (err) {
		snprintf(why, TREE_WHY, "the tree's init has ended before its time");
		return err;
	}
	if (n.kind == want) {
		*value = n.value;
		return 0;
	}
	snprintf(why, TREE_WHY, "%.*s", (int)sizeof(n.why) - 1, n.why);
	return n.value < 0 ? n.value : -EPROTO;
}

int tree_new(const struct tree_opts *opts, struct tree *t, char why[TREE_WHY])
{
	const struct note mapped = {.kind = NOTE_MAPPED};
	int pair[2], fds[] = {-1, -1, -1}, ifindex = 0, err;
	struct ways_out ways = {0};
	uint64_t pidfd = 0;
	pid_t pid;

	*t = (struct tree){.init = -1,
			   .pidfd = -1,
			   .command = -1,
			   .ctl = -1,
			   .diag = -1,
			   .proc = -1,
			   .port.fd = -1,
			   .watch = {.hello = -1, .guard = -1}};
	t->notes = guard_notes_new();
	if (!t->notes) {
		snprintf(why, TREE_WHY, "%s", strerror(ENOMEM));
		return -ENOMEM;
	}
	if (opts->bare) {
		err = bare_check(why, TREE_WHY);
		if (err)
			return err;
		/* Whose init has been killed is below skep then. And nobody of the tree shall look into this process. */
		prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	}
	err = opts->bare ? 0 : ways_out_find(&ways, opts->sockets, opts->n_sockets);
	if (!err && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		err = -errno;
	if (err) {
		ways_out_free(&ways);
		snprintf(why, TREE_WHY, "%s", strerror(-err));
		return err;
	}
	fflush(NULL); /* nothing of ours shall be written twice */
	pid = (pid_t)syscall(SYS_clone, (opts->bare ? 0ul : NAMESPACES) | CLONE_PIDFD | SIGCHLD, NULL, &pidfd, NULL, 0);
	if (!pid) {
		close(pair[0]);
		init_main(opts, &ways, pair[1], t->notes);
	}
	err = pid < 0 ? -errno : 0;
	close(pair[1]);
	t->ctl = pair[0];
	ways_out_free(&ways);
	if (err)
		return namespaces_refused(err, why);
	t->init = pid;
	t->pidfd = (int)pidfd;
	t->top = opts->bare ? pid : 0;
	err = opts->bare ? 0 : tree_map_users(pid);
	if (err) {
		snprintf(why, TREE_WHY, "the user cannot be mapped into the namespace: %s", strerror(-err));
		return err;
	}
	err = note_send(t->ctl, &mapped, NULL, 0);
	if (!err)
		err = hear(t, NOTE_READY, &ifindex, fds, ARRAY_SIZE(fds), why);
	else
		snprintf(why, TREE_WHY, "the tree's init has ended before its time");
	t->diag = fds[0];
	t->proc = fds[1];
	t->port.fd = fds[2];
	t->port.ifindex = (uint32_t)ifindex;
	if (!err && !opts->bare) {
		int type = 0;
		socklen_t len = sizeof(type);

		t->port.tap = getsockopt(t->port.fd, SOL_SOCKET, SO_TYPE, &type, &len) != 0;
	}
	return err;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

int tree_go(struct tree *t, char why[TREE_WHY])
{
	const struct note go = {.kind = NOTE_GO, .watch = t->watch};
	const int fds[] = {t->watch.hello, t->watch.guard};
	uint32_t n = t->watch.guard >= 0 ? 2 : t->watch.hello >= 0 ? 1 : 0;
	int ignored, err = note_send(t->ctl, &go, fds, n);

	/* That nobody holds them any more says that the command has begun. */
	close_fd(&t->watch.hello);
	close_fd(&t->watch.guard);
	if (err)
		snprintf(why, TREE_WHY, "the tree's init has ended before its time");
	return err ? err : hear(t, NOTE_STARTED, &ignored, &t->command, 1, why);
}

void tree_signal(const struct tree *t, int sig)
{
	if (t->command >= 0)
		syscall(SYS_pidfd_send_signal, t->command, sig, NULL, 0);
}

int tree_wait(struct tree *t)
{
	struct note n;

	while (!note_receive(t->ctl, &n, NULL, 0))
		if (n.kind == NOTE_ENDED)
			return n.value;
	return SIGKILL;
}

/*
 * The last close of an interface waits for the kernel to take it down, some ten or thirty milliseconds. Nobody needs to wait with it: a child
 * that holds nothing else does the closing by ending.
 */
static void close_port(struct tree *t)
{
	pid_t pid;

	if (t->port.fd < 0)
		return;
	fflush(NULL);
	pid = fork();
	if (!pid) {
		if (t->port.fd)
			fds_close(0, (unsigned int)t->port.fd - 1, false);
		fds_close((unsigned int)t->port.fd + 1, UINT32_MAX, false);
		_exit(0);
	}
	/* With a child this one is not the last; without one it takes its time. */
	close_fd(&t->port.fd);
}

void tree_free(struct tree *t)
{
	if (t->init > 0) {
		syscall(SYS_pidfd_send_signal, t->pidfd, SIGKILL, NULL, 0);
		while (waitpid(t->init, NULL, 0) < 0 && errno == EINTR)
			;
		if (t->top)
			bare_sweep(false);
	}
	t->init = -1;
	close_fd(&t->pidfd);
	close_fd(&t->command);
	close_fd(&t->ctl);
	close_fd(&t->diag);
	close_fd(&t->proc);
	close_fd(&t->watch.hello);
	close_fd(&t->watch.guard);
	guard_notes_free(t->notes);
	t->notes = NULL;
	close_port(t);
}
