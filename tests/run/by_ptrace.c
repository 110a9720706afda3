/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a task sees of calls that skep makes for it by ptrace; for test-by-ptrace.sh.
 *
 *   by-ptrace full PATH        a listener of Unix's at PATH whose queue is full, so that a connect(2) waits; then, each in a child of its own: what becomes of one that
 *                              a signal meets (with and without SA_RESTART), that is killed, and whose process another thread makes another program of
 *   by-ptrace numbers          sockets: which numbers and flags they have
 *   by-ptrace storm SECONDS    threads that make sockets under signals, stops and continuations
 *   by-ptrace thieves SECONDS  a thread makes sockets, others take what they find under all numbers, from every socket and queue, and put it elsewhere
 *   by-ptrace compat           a socket by int 0x80
 *   by-ptrace many             a thousand processes that connect
 */
#include "i386.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { BINDTOIFINDEX = 62, LOOPBACK = 1, PATIENCE_MS = 30000, MANY = 1000, OUT_OF_REACH = 100 };

static struct sockaddr_un at = {.sun_family = AF_UNIX};
static atomic_bool stop;
static atomic_uint signals, made, bad;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void heard(int sig)
{
	(void)sig;
	atomic_fetch_add(&signals, 1);
}

static int connect_to(const struct sockaddr_un *to)
{
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return connect(s, (const struct sockaddr *)to, sizeof(*to)) ? -errno : 0;
}

/* A child that waits in connect(2), or is about to. @flags: of its handler for SIGUSR1, which is there */
static pid_t waits(int flags)
{
	const struct sigaction a = {.sa_handler = heard, .sa_flags = flags};
	int ready[2], err;
	char byte;
	pid_t pid;

	if (pipe(ready))
		exit(1);
	pid = fork();
	if (pid) {
		close(ready[1]);
		if (read(ready[0], &byte, 1) != 1)
			exit(1);
		close(ready[0]);
		return pid;
	}
	sigaction(SIGUSR1, &a, NULL);
	if (write(ready[1], "", 1) != 1)
		_exit(1);
	err = connect_to(&at);
	_exit(err == -EINTR ? 4 : err ? 1 : 0);
}

/* Return: the wait status, -1: it has not ended in time. */
static int ends(pid_t pid, int ms)
{
	int status;

	for (; ms >= 0; ms -= 10, usleep(10000))
		if (waitpid(pid, &status, WNOHANG) == pid)
			return status;
	return -1;
}

/* ... under signals meanwhile. */
static int ends_by_signals(pid_t pid, int ms)
{
	int status;

	for (; ms >= 0; ms -= 20) {
		kill(pid, SIGUSR1);
		status = ends(pid, 10);
		if (status >= 0)
			return status;
	}
	return -1;
}

static void *executes(void *arg)
{
	usleep(200000);
	execl("/bin/echo", "echo", "another program", NULL);
	return arg;
}

static int full(const char *path)
{
	int l = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), status;
	pid_t pid, again, other;

	strncpy(at.sun_path, path, sizeof(at.sun_path) - 1);
	if (bind(l, (struct sockaddr *)&at, sizeof(at)) || listen(l, 0) || connect_to(&at))
		return 1;
	pid = waits(0);
	status = ends_by_signals(pid, PATIENCE_MS);
	printf("interrupted %d\n", status >= 0 ? WEXITSTATUS(status) : -1);

	pid = waits(0);
	usleep(200000);
	kill(pid, SIGKILL);
	status = ends(pid, PATIENCE_MS);
	printf("killed %d\n", status >= 0 ? WTERMSIG(status) : -1);

	fflush(stdout);
	other = fork();
	if (!other) {
		pthread_t t;

		pthread_create(&t, NULL, executes, NULL);
		connect_to(&at);
		_exit(9);
	}
	status = ends(other, PATIENCE_MS);
	printf("executed %d\n", status >= 0 ? WEXITSTATUS(status) : -1);

	again = waits(SA_RESTART);
	status = ends_by_signals(again, 400);
	close(accept(l, NULL, NULL)); /* there is room now */
	printf("begun again %d %d\n", status, ends(again, PATIENCE_MS));
	return 0;
}

static int numbers(void)
{
	int first = socket(AF_INET, SOCK_STREAM, 0),
	    second = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), third;

	printf("%d %d %d\n", first, fcntl(first, F_GETFD), fcntl(first, F_GETFL));
	printf("%d %d %d\n", second, fcntl(second, F_GETFD), fcntl(second, F_GETFL));
	close(0);
	third = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	printf("%d %d\n", third, fcntl(third, F_GETFD));
	printf("%d\n", socket(AF_INET, SOCK_RAW, 1) < 0 ? errno : 0);
	return 0;
}

static bool stays(int s)
{
	int at_device = 0;
	socklen_t len = sizeof(at_device);

	return !getsockopt(s, SOL_SOCKET, BINDTOIFINDEX, &at_device, &len) && at_device == LOOPBACK;
}

static void *makes(void *arg)
{
	while (!stop) {
		int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (s >= 0 && stays(s))
			atomic_fetch_add(&made, 1);
		else
			atomic_fetch_add(&bad, 1);
		if (s >= 0)
			close(s);
	}
	return arg;
}

static int storm(int seconds)
{
	const struct itimerval often = {{0, 300}, {0, 300}};
	const struct sigaction a = {.sa_handler = heard, .sa_flags = SA_RESTART};
	double until = now() + seconds;
	pthread_t t[4];
	pid_t pid = fork();

	if (!pid) {
		sigaction(SIGALRM, &a, NULL);
		sigaction(SIGCONT, &a, NULL);
		setitimer(ITIMER_REAL, &often, NULL);
		for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++)
			pthread_create(&t[i], NULL, makes, NULL);
		while (now() < until)
			usleep(1000);
		stop = true;
		for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++)
			pthread_join(t[i], NULL);
		printf("%s, %s, %u bad\n", made > 20 ? "some made" : "none made",
		       signals > 20 ? "signals heard" : "none heard", bad);
		fflush(stdout);
		_exit(0);
	}
	for (int i = 0; now() < until; i++) {
		kill(pid, i % 2 ? SIGCONT : SIGSTOP);
		usleep(700);
	}
	kill(pid, SIGCONT);
	printf("ends %d\n", ends(pid, PATIENCE_MS));
	return 0;
}

/* Every IP socket that is met must be one of those that stay on the loopback. */
static void look(int s)
{
	/* Under a number that nobody else touches: between two questions another one's may be another socket's. */
	int domain = 0, own = fcntl(s, F_DUPFD_CLOEXEC, OUT_OF_REACH);
	socklen_t len = sizeof(domain);

	if (own < 0)
		return;
	if (!getsockopt(own, SOL_SOCKET, SO_DOMAIN, &domain, &len) && domain == AF_INET && !stays(own))
		atomic_fetch_add(&bad, 1);
	close(own);
}

static void *steals(void *arg)
{
	unsigned int seed = (unsigned int)(uintptr_t)arg;

	while (!stop) {
		usleep((unsigned int)rand_r(&seed) % 1000);
		for (int s = 3; s < 12; s++) {
			union {
				char bytes[64];
				struct cmsghdr align;
			} control;
			char byte;
			struct iovec iov = {&byte, 1};
			struct msghdr h = {.msg_iov = &iov,
					   .msg_iovlen = 1,
					   .msg_control = &control,
					   .msg_controllen = sizeof(control)};
			int other;

			switch (rand_r(&seed) % 6) {
			case 0:
				if (recvmsg(s, &h, MSG_DONTWAIT) == 1 && h.msg_controllen) {
					memcpy(&other, CMSG_DATA(&control.align), sizeof(other));
					look(other);
					close(other);
				}
				break;
			case 1:
				other = accept4(s, NULL, NULL, SOCK_NONBLOCK);
				if (other >= 0)
					close(other);
				break;
			case 2:
				dup2(s, 3 + rand_r(&seed) % 9);
				break;
			case 3:
				close(s);
				break;
			case 4:
				listen(s, 1);
				break;
			default:
				look(s);
			}
		}
	}
	return arg;
}

static void *makes_for_thieves(void *arg)
{
	while (!stop) {
		int s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

		if (s >= 0) {
			atomic_fetch_add(&made, 1);
			look(s);
			close(s);
		}
	}
	return arg;
}

static int thieves(int seconds)
{
	pthread_t maker, t[3];

	pthread_create(&maker, NULL, makes_for_thieves, NULL);
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++)
		pthread_create(&t[i], NULL, steals, (void *)(i + 1));
	sleep((unsigned int)seconds);
	stop = true;
	pthread_join(maker, NULL);
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++)
		pthread_join(t[i], NULL);
	printf("%s, %u bad\n", made > 20 ? "some made" : "none made", bad);
	return 0;
}

/* One process each: all connect at once, and hear a byte. */
static int many(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int l = socket(AF_INET, SOCK_STREAM, 0), go[2], fine = 0, status;
	socklen_t len = sizeof(to);
	char byte;

	if (bind(l, (struct sockaddr *)&to, len) || listen(l, MANY) || getsockname(l, (struct sockaddr *)&to, &len) ||
	    pipe(go))
		return 1;
	for (int i = 0; i < MANY; i++)
		if (!fork()) {
			int s;

			close(go[1]);
			if (read(go[0], &byte, 1))
				_exit(1);
			s = socket(AF_INET, SOCK_STREAM, 0);
			_exit(connect(s, (struct sockaddr *)&to, len) || read(s, &byte, 1) != 1);
		}
	close(go[0]);
	close(go[1]);
	for (int i = 0; i < MANY; i++) {
		int s = accept(l, NULL, NULL);

		if (s < 0 || write(s, "x", 1) != 1)
			return 1;
		close(s);
	}
	while (wait(&status) > 0)
		fine += !status;
	printf("%d\n", fine);
	return 0;
}

static int compat(void)
{
#ifdef __x86_64__
	long s = i386_call(359, AF_INET, SOCK_STREAM, 0, 0);

	printf("%s %d\n", s >= 0 ? "made" : strerror((int)-s), s >= 0 && stays((int)s));
	return 0;
#else
	return 77;
#endif
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	int n = argc > 2 ? atoi(argv[2]) : 1;

	return !strcmp(what, "full")      ? full(argv[2])
	       : !strcmp(what, "numbers") ? numbers()
	       : !strcmp(what, "storm")   ? storm(n)
	       : !strcmp(what, "thieves") ? thieves(n)
	       : !strcmp(what, "compat")  ? compat()
	       : !strcmp(what, "many")    ? many()
					  : 2;
}
