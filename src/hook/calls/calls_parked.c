/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where nobody may take a file of another process (pidfd_getfd(2): Docker's default seccomp profile refuses it), skep keeps a copy of each socket that it makes for
 * the tree: it is parked. Which socket a task means it then finds by its number in /proc: should the task put another one there meanwhile, the
 * call is made on the one that was found, which is the tree's too.
 *
 * As long as a copy is kept, the task's close(2) closes nothing. So it is kept no longer than it may be needed: until a connection is there (relay.h), until it
 * listens, and for the others until no process has it any more, which is looked for once in a while, and at once when an address is found taken.
 *
 * Sockets that were not made here (accepted ones, pairs) or are connected are not known, and their messages not made here: the kernel makes them. They lead nowhere but to
 * their other end. That another socket is under the number by then is out of the question where the task is the only thread of its process: no others
 * share open files (hook/tree/filter.c). Of processes with threads such messages (sendmsg(2), and sendto(2) with an address) are refused.
 *
 * The tree's datagram sockets are of UDP-Lite (RFC 3828) here, so that what one sends by itself reaches sockets of UDP-Lite alone, whatever becomes of it:
 * on the loopback, to which they are bound, these are the relay's. To programs they are as UDP's.
 */
#include "hook/calls/calls_inside.h"

#include "base/clock.h"
#include "base/util.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

enum {
	BUCKETS = 1024,
	LOOK_MS = 1000,
	MISSED = 2 /* looks, after which it is let go: it may have been on its way between two processes */
};

struct spot {
	struct spot *next;
	uint32_t inode;
	int fd;
	bool fresh, seen; /* fresh: it came since the last look began */
	uint8_t missed;
};

struct parked {
	struct calls *c;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	pthread_t thread;
	bool started, stop;
	uint32_t n;
	struct spot *spots[BUCKETS];
};

/* A child that is like a task: may it be looked at, and its files be taken? Return: 0 or a negative errno. */
static int try_child(int (*what)(pid_t pid, int pidfd, const void *there))
{
	static char byte = 'x';
	int ready[2], pidfd, err;
	pid_t pid;
	char said;

	if (pipe2(ready, O_CLOEXEC))
		return -errno;
	pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0);
	if (!pid) {
		/* As the tree's are, whatever skep itself is. */
		prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
		prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		if (write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	err = pid < 0 ? -errno : 0;
	close(ready[1]);
	if (!err && read(ready[0], &said, 1) != 1)
		err = -ESRCH;
	close(ready[0]);
	if (pid < 0)
		return err;
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (!err)
		err = what(pid, pidfd, &byte);
	if (pidfd >= 0)
		close(pidfd);
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return err;
}

static int read_memory(pid_t pid, int pidfd, const void *there)
{
	char byte;
	struct iovec here = {&byte, 1}, its = {(void *)there, 1};

	(void)pidfd;
	return process_vm_readv(pid, &here, 1, &its, 1, 0) == 1 ? 0 : -errno;
}

static int take_file(pid_t pid, int pidfd, const void *there)
{
	int fd = (int)syscall(SYS_pidfd_getfd, pidfd, 0, 0);

	(void)pid;
	(void)there;
	if (fd >= 0)
		close(fd);
	return fd >= 0 || errno == EBADF ? 0 : -errno;
}

int parked_needed(bool *needed, char why[CALLS_WHY])
{
	int err = try_child(read_memory), sock;

	if (err) {
		snprintf(why, CALLS_WHY,
			 "the memory of the command's processes cannot be read: %s; kernel.yama.ptrace_scope must be 0 "
			 "or 1, and a "
			 "container's profile allow process_vm_readv",
			 strerror(-err));
		return err;
	}
	*needed = try_child(take_file) != 0;
	sock = *needed ? socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDPLITE) : -1;
	if (*needed && sock < 0) {
		snprintf(why, CALLS_WHY,
			 "the files of the command's processes cannot be taken (pidfd_getfd), and this kernel has no "
			 "UDP-Lite, with "
			 "which it would go without; docker run --cap-add SYS_PTRACE allows it");
		return -EPERM;
	}
	if (sock >= 0)
		close(sock);
	return 0;
}

static struct spot **find(struct parked *p, uint32_t inode)
{
	struct spot **at = &p->spots[inode % BUCKETS];

	while (*at && (*at)->inode != inode)
		at = &(*at)->next;
	return at;
}

/* With the lock held. Return: the copy, for the caller to close outside of it: the last close of a socket may take a while. */
static int take_out(struct parked *p, struct spot **at)
{
	struct spot *s = *at;
	int fd = s->fd;

	*at = s->next;
	p->n--;
	free(s);
	return fd;
}

int parked_add(struct calls *c, int fd)
{
	struct parked *p = c->parked;
	struct spot *s;
	struct stat st;

	if (!p)
		return 0;
	s = fstat(fd, &st) ? NULL : calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	*s = (struct spot){.inode = (uint32_t)st.st_ino, .fd = fcntl(fd, F_DUPFD_CLOEXEC, 0), .fresh = true};
	if (s->fd < 0) {
		free(s);
		return -ENOMEM;
	}
	pthread_mutex_lock(&p->lock);
	s->next = p->spots[s->inode % BUCKETS];
	p->spots[s->inode % BUCKETS] = s;
	p->n++;
	pthread_cond_signal(&p->wake);
	pthread_mutex_unlock(&p->lock);
	return 0;
}

int parked_copy(struct calls *c, uint32_t inode)
{
	struct parked *p = c->parked;
	struct spot *s;
	int fd;

	pthread_mutex_lock(&p->lock);
	s = *find(p, inode);
	fd = s ? fcntl(s->fd, F_DUPFD_CLOEXEC, 0) : -1;
	pthread_mutex_unlock(&p->lock);
	return s ? fd < 0 ? -errno : fd : -EOPNOTSUPP;
}

/*
 * What is let go may come back: on its way between two processes nobody sees it. A socket of datagrams that is not known could go anywhere, so it goes nowhere from now
 * on: with its sending side shut the kernel makes no packet of it any more, whoever asks (net/core/sock.c: sock_alloc_send_pskb()).
 */
static void let_go(int fd)
{
	if (sock_option(fd, SOL_SOCKET, SO_TYPE) == SOCK_DGRAM)
		shutdown(fd, SHUT_RDWR);
	close(fd);
}

void parked_drop(struct calls *c, uint32_t inode)
{
	struct parked *p = c->parked;
	struct spot **at;
	int fd = -1;

	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	at = find(p, inode);
	if (*at)
		fd = take_out(p, at);
	pthread_mutex_unlock(&p->lock);
	if (fd >= 0)
		let_go(fd);
}

/* With the lock held. */
static void set_all(struct parked *p)
{
	for (int i = 0; i < BUCKETS; i++)
		for (struct spot *s = p->spots[i]; s; s = s->next)
			s->fresh = s->seen = false;
}

static void see(struct parked *p, uint32_t inode)
{
	struct spot *s;

	pthread_mutex_lock(&p->lock);
	s = *find(p, inode);
	if (s)
		s->seen = true;
	pthread_mutex_unlock(&p->lock);
}

/* What a process has open. */
static void look_at(struct parked *p, int proc, const char *pid)
{
	char path[288], link[64];
	struct dirent *e;
	unsigned int inode;
	ssize_t n;
	DIR *d;
	int fd;

	snprintf(path, sizeof(path), "%s/fd", pid);
	fd = openat(proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d = fd < 0 ? NULL : fdopendir(fd);
	if (!d && fd >= 0)
		close(fd);
	while (d && (e = readdir(d))) {
		n = readlinkat(dirfd(d), e->d_name, link, sizeof(link) - 1);
		link[MAX(n, (ssize_t)0)] = 0;
		if (sscanf(link, "socket:[%u]", &inode) == 1)
			see(p, inode);
	}
	if (d)
		closedir(d);
}

static void look_around(struct parked *p, int patience)
{
	int fd = openat(p->c->proc, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!d) {
		if (fd >= 0)
			close(fd);
		return;
	}
	pthread_mutex_lock(&p->lock);
	set_all(p);
	pthread_mutex_unlock(&p->lock);
	while ((e = readdir(d))) {
		long pid = strtol(e->d_name, NULL, 10);

		if (pid > 0 && pid != getpid())
			look_at(p, p->c->proc, e->d_name);
	}
	closedir(d);
	for (int i = 0; i < BUCKETS; i++) {
		int gone[16], n = 0;

		pthread_mutex_lock(&p->lock);
		for (struct spot **at = &p->spots[i]; *at && n < (int)ARRAY_SIZE(gone);) {
			struct spot *s = *at;

			if (!s->fresh)
				s->missed = s->seen ? 0 : (uint8_t)(s->missed + 1);
			if (!s->fresh && s->missed >= patience)
				gone[n++] = take_out(p, at);
			else
				at = &s->next;
		}
		pthread_mutex_unlock(&p->lock);
		while (n)
			let_go(gone[--n]);
	}
}

void parked_look(struct calls *c)
{
	look_around(c->parked, 1);
}

static void *look_again(void *arg)
{
	struct parked *p = arg;
	struct timespec until;

	prctl(PR_SET_NAME, "skep-parked", 0, 0, 0);
	pthread_mutex_lock(&p->lock);
	while (!p->stop) {
		if (!p->n) {
			pthread_cond_wait(&p->wake, &p->lock);
			continue;
		}
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec += LOOK_MS / 1000;
		while (!p->stop && pthread_cond_timedwait(&p->wake, &p->lock, &until) != ETIMEDOUT)
			;
		if (p->stop)
			break;
		pthread_mutex_unlock(&p->lock);
		look_around(p, MISSED);
		pthread_mutex_lock(&p->lock);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

int parked_new(struct calls *c)
{
	struct parked *p = calloc(1, sizeof(*p));
	int err;

	if (!p)
		return -ENOMEM;
	p->c = c;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->wake, NULL);
	c->parked = p;
	err = -pthread_create(&p->thread, NULL, look_again, p);
	p->started = !err;
	return err;
}

void parked_free(struct calls *c)
{
	struct parked *p = c->parked;

	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_cond_signal(&p->wake);
	pthread_mutex_unlock(&p->lock);
	if (p->started)
		pthread_join(p->thread, NULL);
	for (int i = 0; i < BUCKETS; i++)
		while (p->spots[i])
			close(take_out(p, &p->spots[i]));
	pthread_cond_destroy(&p->wake);
	pthread_mutex_destroy(&p->lock);
	free(p);
	c->parked = NULL;
}
