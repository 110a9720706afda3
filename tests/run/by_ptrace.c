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
 */
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

enum { BINDTOIFINDEX = 62, LOOPBACK = 1, PATIENCE_MS = 5000 };

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

/* A child that waits in connect(2). @flags: of its handler for SIGUSR1 */
static pid_t waits(int flags)
{
	const struct sigaction a = {.sa_handler = heard, .sa_flags = flags};
	pid_t pid = fork();
	int err;

	if (pid)
		return pid;
	sigaction(SIGUSR1, &a, NULL);
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
	usleep(200000);
	kill(pid, SIGUSR1);
	status = ends(pid, PATIENCE_MS);
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
	usleep(200000);
	kill(again, SIGUSR1);
	usleep(200000);
	status = ends(again, 0);
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
	int domain = 0;
	socklen_t len = sizeof(domain);

	if (!getsockopt(s, SOL_SOCKET, SO_DOMAIN, &domain, &len) && domain == AF_INET && !stays(s) && errno != EBADF)
		atomic_fetch_add(&bad, 1);
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

static int compat(void)
{
#ifdef __x86_64__
	long s;

	__asm__ volatile("int $0x80"
			 : "=a"(s)
			 : "a"(359L), "b"((long)AF_INET), "c"((long)SOCK_STREAM), "d"(0L)
			 : "memory", "r8", "r9", "r10", "r11");
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
					  : 2;
}
