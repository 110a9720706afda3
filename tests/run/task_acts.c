/* SPDX-License-Identifier: BSD-2-Clause */
/* task-acts WHAT: things that a process can do, for test-events.sh; it says on stdout what became of it. */
#include "i386.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <netinet/in.h>
#include <arpa/inet.h>

static const char *folder; /* the second argument */

static void *open_files(void *arg)
{
	char path[256];

	for (int i = 0; i < 50; i++) {
		snprintf(path, sizeof(path), "%s/file-%ld-%d", folder, (long)(intptr_t)arg, i);
		close(openat(AT_FDCWD, path, O_CREAT | O_RDWR, 0600));
	}
	return NULL;
}

static int threads(int n, void *(*what)(void *))
{
	static pthread_t t[1000];
	int there = 0;

	for (long i = 0; i < n; i++)
		there += !pthread_create(&t[i], NULL, what, (void *)i);
	for (int i = 0; i < there; i++)
		pthread_join(t[i], NULL);
	printf("%d threads\n", there);
	return 0;
}

static void *nothing(void *arg)
{
	return arg;
}

static void *sleep_on(void *arg)
{
	pause();
	return arg;
}

static void *become_echo(void *arg)
{
	execl("/bin/echo", "echo", "exec by a thread", NULL);
	return NULL;
}

/* The leader waits, four threads sleep, and one of them executes something else. */
static int exec_thread(void)
{
	pthread_t t;

	for (int i = 0; i < 4; i++)
		pthread_create(&t, NULL, sleep_on, NULL);
	usleep(20000);
	pthread_create(&t, NULL, become_echo, NULL);
	pause();
	return 1;
}

static void *late_echo(void *arg)
{
	usleep(50000);
	return become_echo(arg);
}

/* The same, when the leader has ended before. */
static int exec_orphan(void)
{
	pthread_t t;

	pthread_create(&t, NULL, late_echo, NULL);
	pthread_exit(NULL);
}

static int spawn_vfork(void)
{
	int status;
	pid_t pid = vfork();

	if (!pid) {
		execl("/bin/echo", "echo", "after vfork", NULL);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	printf("vfork %d\n", status);
	return 0;
}

static int many(int n)
{
	int status, made = 0, well = 0;

	for (int i = 0; i < n; i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(i % 7);
		made += pid > 0;
	}
	while (wait(&status) > 0)
		well += WIFEXITED(status);
	printf("%d processes, %d exits\n", made, well);
	return 0;
}

/* All there at the same time, and then gone at once. */
static int storm(int n)
{
	int status, made = 0, ready[2];
	char one;

	if (pipe(ready))
		return 1;
	setpgid(0, 0);
	signal(SIGTERM, SIG_IGN);
	for (int i = 0; i < n; i++) {
		pid_t pid = fork();

		if (!pid) {
			signal(SIGTERM, SIG_DFL);
			if (write(ready[1], "", 1) != 1)
				_exit(1);
			for (;;)
				if (!fork())
					_exit(0);
				else
					wait(NULL);
		}
		made += pid > 0;
	}
	/* One that the signal reaches while it still ignores it would go on for ever. */
	for (int i = 0; i < made; i++)
		if (read(ready[0], &one, 1) != 1)
			return 1;
	usleep(100000);
	kill(0, SIGTERM);
	while (wait(&status) > 0)
		;
	printf("%d\n", made);
	return 0;
}

/* openat(2) as a 32-bit program calls it. */
static int compat(void)
{
	char *low =
		mmap((void *)0x10000000, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	int fd = -1;

	snprintf(low, 4096, "%s/compat", folder);
#ifdef __x86_64__
	fd = i386_call(295, (uint32_t)AT_FDCWD, (uint32_t)(uintptr_t)low, O_CREAT | O_RDWR, 0600);
#endif
	printf("%d\n", fd);
	return 0;
}

static volatile sig_atomic_t ticks;

static void tick(int sig)
{
	ticks++;
}

/* Opens a file again and again while a timer interrupts it. */
static int interrupted(int restart)
{
	struct sigaction a = {.sa_handler = tick, .sa_flags = restart ? SA_RESTART : 0};
	struct itimerval every = {{0, 700}, {0, 700}}, never = {0};
	int eintr = 0, fine = 0, other = 0;

	sigaction(SIGALRM, &a, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
	for (int i = 0; i < 3000; i++) {
		int fd = openat(AT_FDCWD, "/etc/hostname", O_RDONLY);

		if (fd >= 0)
			fine++, close(fd);
		else if (errno == EINTR)
			eintr++;
		else
			other++;
	}
	setitimer(ITIMER_REAL, &never, NULL);
	printf("ticks %s, fine %s, eintr %s, other %d\n", ticks > 20 ? "many" : "few",
	       fine + eintr == 3000 ? "all" : "not all",
	       eintr * 10 > (int)ticks ? "many"
	       : eintr                 ? "few"
				       : "none",
	       other);
	return 0;
}

/* A read that a signal ends, and one that goes on after it. */
static int slow_call(void)
{
	struct sigaction a = {.sa_handler = tick};
	char byte;
	int pair[2], n;

	if (pipe(pair))
		return 1;
	sigaction(SIGUSR1, &a, NULL);
	for (int restart = 0; restart < 2; restart++) {
		pid_t parent = getpid(), pid;

		a.sa_flags = restart ? SA_RESTART : 0;
		sigaction(SIGUSR1, &a, NULL);
		pid = fork();
		if (!pid) {
			usleep(50000);
			kill(parent, SIGUSR1);
			usleep(50000);
			n = (int)write(pair[1], "", 1);
			_exit(0);
		}
		n = (int)read(pair[0], &byte, 1);
		printf("%d %s\n", n, n < 0 ? strerror(errno) : "");
		waitpid(pid, NULL, 0);
		if (n < 0)
			n = (int)read(pair[0], &byte, 1);
	}
	return 0;
}

static int stop_and_go(void)
{
	int status, pair[2];
	pid_t pid;
	char byte;

	if (pipe2(pair, O_NONBLOCK))
		return 1;
	pid = fork();
	if (!pid) {
		raise(SIGSTOP);
		status = write(pair[1], "", 1) == 1 ? 7 : 8;
		usleep(200000); /* its going on is seen before its end */
		_exit(status);
	}
	if (waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status))
		printf("stopped by %d\n", WSTOPSIG(status));
	usleep(100000);
	printf("%s\n", read(pair[0], &byte, 1) == 1 ? "runs" : "stands");
	kill(pid, SIGCONT);
	if (waitpid(pid, &status, WCONTINUED) == pid && WIFCONTINUED(status))
		printf("goes on\n");
	waitpid(pid, &status, 0);
	printf("exit %d\n", WEXITSTATUS(status));
	return 0;
}

static int killed(void)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		close(openat(AT_FDCWD, "/etc/hostname", O_RDONLY));
		_exit(0);
	}
	usleep(20000);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	printf("signal %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
	return 0;
}

static int escape(void)
{
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_UNTRACED | SIGCHLD, NULL, NULL, NULL, 0);

	if (!pid)
		_exit(0);
	printf("clone %d\n", pid > 0 ? 0 : errno);
	syscall(SYS_clone3, NULL, 0);
	printf("clone3 %d\n", errno);
	printf("ptrace %ld\n", ptrace(PTRACE_TRACEME, 0, 0, 0) ? (long)errno : 0L);
	return 0;
}

static int make_folder(void)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/made", folder);
	printf("%d\n", mkdir(path, 0700) ? errno : 0);
	return 0;
}

static int connects(int port)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
	struct sockaddr_in got;
	socklen_t len = sizeof(got);
	int listening = socket(AF_INET, SOCK_STREAM, 0), s = socket(AF_INET, SOCK_STREAM, 0), err;

	if (bind(listening, (struct sockaddr *)&to, sizeof(to)) || listen(listening, 5))
		return 1;
	to.sin_port = htons((uint16_t)(port + 1));
	err = connect(s, (struct sockaddr *)&to, sizeof(to)) ? errno : 0;
	getpeername(s, (struct sockaddr *)&got, &len);
	printf("%d %d\n", err, err ? 0 : ntohs(got.sin_port));
	return 0;
}

static void go_on(int sig)
{
	if (write(1, ": on\n", 5) != 5)
		_exit(1);
}

/* Says when it begins, and when it goes on. */
static void job(void) __attribute__((noreturn));
static void job(void)
{
	signal(SIGCONT, go_on);
	printf(": up\n");
	for (;;)
		pause();
}

/* Connects to somebody who takes nobody yet, while an alarm goes off. */
static int slow_connect(int restart)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX, .sun_path = "\0task-acts"};
	socklen_t len = offsetof(struct sockaddr_un, sun_path) + 10;
	struct sigaction a = {.sa_handler = tick, .sa_flags = restart ? SA_RESTART : 0};
	int listening = socket(AF_UNIX, SOCK_STREAM, 0), s, err;

	if (bind(listening, (struct sockaddr *)&to, len) || listen(listening, 0) ||
	    connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&to, len))
		return 1;
	sigaction(SIGALRM, &a, NULL);
	if (!fork()) {
		usleep(400000);
		accept(listening, NULL, NULL);
		pause();
	}
	s = socket(AF_UNIX, SOCK_STREAM, 0);
	ualarm(100000, 0);
	err = connect(s, (struct sockaddr *)&to, len) ? errno : 0;
	printf("%s, %d tick\n", err ? strerror(err) : "connected", (int)ticks);
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	folder = argc > 2 ? argv[2] : "/";
	setvbuf(stdout, NULL, _IONBF, 0);
	if (!strcmp(what, "threads"))
		return threads(8, open_files);
	if (!strcmp(what, "200"))
		return threads(200, nothing);
	if (!strcmp(what, "exec-thread"))
		return exec_thread();
	if (!strcmp(what, "exec-orphan"))
		return exec_orphan();
	if (!strcmp(what, "vfork"))
		return spawn_vfork();
	if (!strcmp(what, "many"))
		return many(1000);
	if (!strcmp(what, "storm"))
		return storm(50);
	if (!strcmp(what, "compat"))
		return compat();
	if (!strcmp(what, "interrupted"))
		return interrupted(0);
	if (!strcmp(what, "restarted"))
		return interrupted(1);
	if (!strcmp(what, "slow"))
		return slow_call();
	if (!strcmp(what, "stop"))
		return stop_and_go();
	if (!strcmp(what, "killed"))
		return killed();
	if (!strcmp(what, "escape"))
		return escape();
	if (!strcmp(what, "mkdir"))
		return make_folder();
	if (!strcmp(what, "connect"))
		return connects(4710);
	if (!strcmp(what, "job"))
		job();
	if (!strcmp(what, "slow-connect"))
		return slow_connect(0);
	if (!strcmp(what, "slow-connect-restarted"))
		return slow_connect(1);
	return 64;
}
