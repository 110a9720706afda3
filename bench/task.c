/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench-task: what it costs to watch a tree's tasks. One table, every figure measured in the same run, the best of ROUNDS:
 *
 *   ns per call of getcwd(2) in the tree   as it is; with a filter that lets it through; with the plainest supervisor there can be (RECV, process_vm_readv,
 *                                          ID_VALID, SEND in a loop; on the task's CPU, on another, and where the kernel puts it); with skep's engine
 *                                          reading the same bytes, by notification and by ptrace; with the engine telling begin and end
 *   ns per connect(2)      to a port that is closed: as it is, by a tree's guard, by notification and by ptrace
 *   ns per open and close   as it is, in a tree, made by the guard after a decision
 *   us per fork, exit and wait; per vfork, exec, exit and wait of /bin/true    as it is, in a tree, in a tree whose life is told
 *
 * usage: bench-task [CALLS]    (bench-task --work WHAT N is the watched command)
 */
#include "base/clock.h"
#include "base/util.h"
#include "hook/task/engine.h"
#include "hook/tree/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, uint64_t)
#endif

enum { ROUNDS = 5, BYTES = 16 };

static void die(const char *what)
{
	fprintf(stderr, "bench-task: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* The work. Return: ns for one. */
static double calls(int n)
{
	char dir[4096];
	uint64_t from = clock_ns(CLOCK_MONOTONIC);

	for (int i = 0; i < n; i++)
		syscall(SYS_getcwd, dir, sizeof(dir));
	return (double)(clock_ns(CLOCK_MONOTONIC) - from) / n;
}

/* Small files: open and close. */
static double opens(int n)
{
	uint64_t from = clock_ns(CLOCK_MONOTONIC);

	for (int i = 0; i < n; i++)
		close(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
	return (double)(clock_ns(CLOCK_MONOTONIC) - from) / n;
}

/* To a port that is closed. */
static double connects(int n)
{
	const struct sockaddr_in at = {
		.sin_family = AF_INET, .sin_port = htons(1), .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int s = socket(AF_INET, SOCK_STREAM, 0);
	uint64_t from = clock_ns(CLOCK_MONOTONIC);
	int refused = 0;

	for (int i = 0; i < n; i++)
		refused += connect(s, (const struct sockaddr *)&at, sizeof(at)) != 0;
	if (refused != n)
		die("connect");
	return (double)(clock_ns(CLOCK_MONOTONIC) - from) / n;
}

static double forks(int n)
{
	uint64_t from = clock_ns(CLOCK_MONOTONIC);

	for (int i = 0; i < n; i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(0);
		waitpid(pid, NULL, 0);
	}
	return (double)(clock_ns(CLOCK_MONOTONIC) - from) / n;
}

static double execs(int n)
{
	char *const argv[] = {"true", NULL};
	uint64_t from = clock_ns(CLOCK_MONOTONIC);
	pid_t pid;

	for (int i = 0; i < n; i++)
		if (!posix_spawn(&pid, "/bin/true", NULL, NULL, argv, environ))
			waitpid(pid, NULL, 0);
	return (double)(clock_ns(CLOCK_MONOTONIC) - from) / n;
}

/* Two processes at once. */
static double two(int n)
{
	uint64_t from = clock_ns(CLOCK_MONOTONIC);

	for (int i = 0; i < 2; i++)
		if (!fork()) {
			calls(n);
			_exit(0);
		}
	while (wait(NULL) > 0)
		;
	return (double)(clock_ns(CLOCK_MONOTONIC) - from) / n / 2;
}

static double work(const char *what, int n)
{
	return !strcmp(what, "calls")      ? calls(n)
	       : !strcmp(what, "two")      ? two(n)
	       : !strcmp(what, "opens")    ? opens(n)
	       : !strcmp(what, "connects") ? connects(n)
	       : !strcmp(what, "forks")    ? forks(n)
					   : execs(n);
}

static int be_work(const char *what, int n)
{
	work(what, MAX(n / 10, 1)); /* warm */
	printf("%f\n", work(what, n));
	return 0;
}

/* What the command says on its stdout, which is a pipe. */
static double hear(int from)
{
	char text[64] = "";
	size_t got = 0;
	ssize_t n;

	while (got + 1 < sizeof(text) && (n = read(from, text + got, sizeof(text) - 1 - got)) > 0)
		got += (size_t)n;
	return atof(text);
}

/* In a process of its own, with nothing around it. */
static double alone(const char *self, const char *what, int n)
{
	char count[16];
	double result;
	int out[2];
	pid_t pid;

	snprintf(count, sizeof(count), "%d", n);
	if (pipe(out))
		die("pipe");
	pid = fork();
	if (!pid) {
		dup2(out[1], 1);
		close(out[0]);
		close(out[1]);
		execl(self, self, "--work", what, count, NULL);
		_exit(127);
	}
	close(out[1]);
	result = hear(out[0]);
	waitpid(pid, NULL, 0);
	close(out[0]);
	return result;
}

/* The plainest supervisor. */
struct bare {
	int listener, cpu;
};

static void *supervise(void *arg)
{
	const struct bare *b = arg;
	struct seccomp_notif req;
	char bytes[BYTES];

	if (b->cpu >= 0)
		pin(b->cpu);
	for (;;) {
		struct iovec to = {bytes, BYTES}, from;
		struct seccomp_notif_resp resp = {.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};

		memset(&req, 0, sizeof(req));
		if (ioctl(b->listener, SECCOMP_IOCTL_NOTIF_RECV, &req)) {
			struct pollfd p = {.fd = b->listener, .events = POLLIN};

			if (errno == ENOENT && poll(&p, 1, 0) >= 0 && p.revents & POLLHUP)
				return NULL;
			continue;
		}
		from = (struct iovec){(void *)(uintptr_t)req.data.args[0], BYTES}; /* NOLINT */
		process_vm_readv((pid_t)req.pid, &to, 1, &from, 1, 0);
		ioctl(b->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &req.id);
		resp.id = req.id;
		ioctl(b->listener, SECCOMP_IOCTL_NOTIF_SEND, &resp);
	}
}

/* The filter alone (@notified false), or with a supervisor. @sync: it asks to be woken on the task's CPU. CPUs: -1: any */
static double bare(const char *what, int n, bool notified, bool sync, int task_cpu, int cpu)
{
	const struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getcwd, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, notified ? SECCOMP_RET_USER_NOTIF : SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
	const struct sock_fprog prog = {ARRAY_SIZE(code), (struct sock_filter *)code};
	struct bare b = {.cpu = cpu};
	int ready[2], out[2], number = -1, pidfd;
	double result;
	pthread_t t;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ready) || pipe(out))
		die("pipes");
	pid = fork();
	if (!pid) {
		if (task_cpu >= 0)
			pin(task_cpu);
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		number = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &prog);
		if (number < 0)
			die("seccomp");
		if (write(ready[1], &number, sizeof(int)) != sizeof(int) || read(ready[1], &number, 1) != 1)
			_exit(1);
		dup2(out[1], 1);
		be_work(what, n);
		fflush(stdout);
		_exit(0);
	}
	close(out[1]);
	if (read(ready[0], &number, sizeof(int)) != sizeof(int))
		die("the task");
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	b.listener = (int)syscall(SYS_pidfd_getfd, pidfd, number, 0);
	if (b.listener < 0)
		die("pidfd_getfd");
	if (sync)
		ioctl(b.listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, (uint64_t)1);
	pthread_create(&t, NULL, supervise, &b);
	if (write(ready[0], "", 1) != 1)
		die("the task");
	result = hear(out[0]);
	waitpid(pid, NULL, 0);
	pthread_join(t, NULL);
	close(out[0]);
	close(ready[0]);
	close(ready[1]);
	close(pidfd);
	close(b.listener);
	return result;
}

static void look(void *arg, uint32_t on, struct task_event *e)
{
	char bytes[BYTES];
	struct iovec to = {bytes, BYTES}, from = {(void *)(uintptr_t)e->args[0], BYTES}; /* NOLINT */

	if (e->kind != TASK_CALL)
		return;
	process_vm_readv(e->thread->tid, &to, 1, &from, 1, 0);
	e->looked = true;
}

static void nothing(void *arg, uint32_t on, struct task_event *e)
{
}

/* In a tree. @call: enum plan_call for getcwd, or with PLAN_MADE for openat; 0: not seen. @threads: 0: by ptrace */
static double tree(const char *self, const char *what, int n, uint8_t call, bool life, uint32_t threads)
{
	char count[16], why[TREE_WHY];
	char *const argv[] = {(char *)self, "--work", (char *)what, count, NULL};
	struct tree_opts opts = {.argv = argv, .mtu = 1500};
	struct engine_opts eo = {.n_threads = MAX(threads, 1u),
				 .by_trace = !threads,
				 .event = call && !(call & PLAN_MADE) ? look : nothing,
				 .plan.life = life};
	int out[2], saved = dup(1);
	struct engine *e = NULL;
	struct tree t;
	double result;

	snprintf(count, sizeof(count), "%d", n);
	eo.plan.calls[call & PLAN_MADE ? SYS_openat : SYS_getcwd] = call;
	fflush(stdout);
	if (pipe(out) || dup2(out[1], 1) < 0)
		die("pipe");
	if (tree_new(&opts, &t, why) || engine_new(&eo, &e, why) || engine_start(e, &t, why) || tree_go(&t, why)) {
		fprintf(stderr, "bench-task: %s\n", why);
		exit(1);
	}
	dup2(saved, 1);
	close(out[1]);
	close(saved);
	result = hear(out[0]);
	tree_wait(&t);
	engine_free(e);
	tree_free(&t);
	close(out[0]);
	return result;
}

static void row(const char *name, double ns)
{
	printf("%-64s %10.0f\n", name, ns);
	fflush(stdout);
}

enum {
	PLAIN,
	ALLOWED,
	BARE,
	BARE_SAME,
	BARE_OTHER,
	BARE_ASLEEP,
	ENGINE,
	ENGINE_4,
	BY_TRACE,
	RETURN,
	BARE_TWO,
	ENGINE_TWO,
	ENGINE_TWO_4,
	CONNECT,
	CONNECT_TREE,
	CONNECT_BY_TRACE,
	OPEN,
	OPEN_TREE,
	OPEN_MADE,
	FORK,
	FORK_TREE,
	FORK_LIFE,
	EXEC,
	EXEC_TREE,
	EXEC_LIFE,
	FIGURES
};

static const char *const names[FIGURES] = {
	[PLAIN] = "ns per call: as it is",
	[ALLOWED] = "  a filter lets it through",
	[BARE] = "  bare loop, woken on the task's CPU (Linux 6.6)",
	[BARE_SAME] = "  bare loop, both pinned to one CPU",
	[BARE_OTHER] = "  bare loop, pinned to different CPUs",
	[BARE_ASLEEP] = "  bare loop, wherever the kernel wakes it",
	[ENGINE] = "  engine, one thread",
	[ENGINE_4] = "  engine, four threads",
	[BY_TRACE] = "  engine, by ptrace",
	[RETURN] = "  engine, begin and end (ptrace)",
	[BARE_TWO] = "ns per call, two processes at once: bare loop, woken there",
	[ENGINE_TWO] = "  engine, one thread",
	[ENGINE_TWO_4] = "  engine, four threads",
	[CONNECT] = "ns per connect to a closed port: as it is",
	[CONNECT_TREE] = "  by the guard, by notification",
	[CONNECT_BY_TRACE] = "  by the guard, by ptrace",
	[OPEN] = "ns per open and close of a small file: as it is",
	[OPEN_TREE] = "  in a tree that is not watched",
	[OPEN_MADE] = "  decided on, and made on the task's behalf",
	[FORK] = "ns per fork, exit and wait: as it is",
	[FORK_TREE] = "  in a tree that is not watched",
	[FORK_LIFE] = "  in a tree whose life is told",
	[EXEC] = "ns per vfork, exec of /bin/true, exit and wait: as it is",
	[EXEC_TREE] = "  in a tree that is not watched",
	[EXEC_LIFE] = "  in a tree whose life is told",
};

static double measure(const char *self, int which, int n)
{
	int few = MAX(n / 100, 10);

	switch (which) {
	case PLAIN:
		return alone(self, "calls", n);
	case ALLOWED:
		return bare("calls", n, false, false, -1, -1);
	case BARE:
		return bare("calls", n, true, true, -1, -1);
	case BARE_SAME:
		return bare("calls", n, true, false, 0, 0);
	case BARE_OTHER:
		return bare("calls", n / 4, true, false, 0, 1);
	case BARE_ASLEEP:
		return bare("calls", n / 4, true, false, -1, -1);
	case ENGINE:
	case ENGINE_4:
		return tree(self, "calls", n, PLAN_CALL, false, which == ENGINE ? 1 : 4);
	case BY_TRACE:
		return tree(self, "calls", n / 2, PLAN_CALL, false, 0);
	case RETURN:
		return tree(self, "calls", n / 2, PLAN_CALL | PLAN_RETURN, false, 1);
	case BARE_TWO:
		return bare("two", n / 2, true, true, -1, -1);
	case ENGINE_TWO:
	case ENGINE_TWO_4:
		return tree(self, "two", n / 2, PLAN_CALL, false, which == ENGINE_TWO ? 1 : 4);
	case CONNECT:
		return alone(self, "connects", n / 10);
	case CONNECT_TREE:
	case CONNECT_BY_TRACE:
		return tree(self, "connects", n / 10, 0, false, which == CONNECT_TREE);
	case OPEN:
		return alone(self, "opens", n);
	case OPEN_TREE:
		return tree(self, "opens", n, 0, false, 1);
	case OPEN_MADE:
		return tree(self, "opens", n / 10, PLAN_CALL | PLAN_MADE, false, 1);
	case FORK:
		return alone(self, "forks", few);
	case FORK_TREE:
	case FORK_LIFE:
		return tree(self, "forks", few, 0, which == FORK_LIFE, 1);
	case EXEC:
		return alone(self, "execs", few);
	default:
		return tree(self, "execs", few, 0, which == EXEC_LIFE, 1);
	}
}

int main(int argc, char **argv)
{
	double best[FIGURES] = {0};
	char self[4096] = "";
	int n = argc > 1 ? atoi(argv[1]) : 50000;

	if (argc == 4 && !strcmp(argv[1], "--work"))
		return be_work(argv[2], atoi(argv[3]));
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		die("/proc/self/exe");
	signal(SIGPIPE, SIG_IGN);
	/* One round after the other, so that what else the machine does falls on all alike. */
	for (int round = 0; round < ROUNDS; round++)
		for (int i = 0; i < FIGURES; i++) {
			double ns = measure(self, i, n);

			best[i] = round && best[i] < ns ? best[i] : ns;
		}
	for (int i = 0; i < FIGURES; i++)
		row(names[i], best[i]);
	printf("%-64s %10.2f\n", "engine against the bare loop", best[ENGINE] / best[BARE]);
	return 0;
}
