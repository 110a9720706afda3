/* SPDX-License-Identifier: BSD-2-Clause */
/* What the network's thread gave up it cannot do, and its neighbours can. */
#include "hook/net/confine.h"
#include "hook/supervisor.h"

#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cmocka.h>

static int own_pipe[2];

/* Each: what a thread tries. Return: 0 when it could, else the errno. */
static int result(long r)
{
	return r < 0 ? errno : 0;
}

static int do_exec(void)
{
	char *const argv[] = {"/bin/true", NULL};

	return result(execv(argv[0], argv));
}

static int do_fork(void)
{
	long pid = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0);

	if (!pid)
		_exit(0);
	if (pid > 0)
		waitpid((pid_t)pid, NULL, 0);
	return result(pid);
}

static int do_unix(void)
{
	AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	return result(fd);
}

static int do_pair(void)
{
	int fds[2];

	return result(socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
}

static int do_inet(void)
{
	AUTO_CLOSE int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return result(fd);
}

static int do_raw(void)
{
	AUTO_CLOSE int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);

	return result(fd);
}

static int do_read_passwd(void)
{
	AUTO_CLOSE int fd = open("/etc/passwd", O_RDONLY);

	return result(fd);
}

static int do_read_resolver(void)
{
	AUTO_CLOSE int fd = open("/etc/resolv.conf", O_RDONLY);

	return result(fd);
}

static int do_write_file(void)
{
	AUTO_CLOSE int fd = open("/tmp", O_WRONLY | O_TMPFILE, 0600);

	return result(fd);
}

static int do_append(void)
{
	AUTO_CLOSE int fd = open("/dev/null", O_RDWR);

	return result(fd);
}

static int do_unlink(void)
{
	return result(unlink("/nowhere/skep-test"));
}

static int do_kill(void)
{
	return result(kill(getpid(), 0));
}

static int do_ptrace(void)
{
	return result(ptrace(PTRACE_PEEKUSER, getppid(), 0, 0));
}

static int do_mount(void)
{
	return result(mount("none", "/nowhere", "tmpfs", 0, NULL));
}

static int do_bpf(void)
{
	return result(syscall(SYS_bpf, BPF_PROG_GET_NEXT_ID, NULL, 0));
}

static int do_unshare(void)
{
	return result(unshare(CLONE_FILES));
}

static int do_setns(void)
{
	return result(setns(own_pipe[0], 0));
}

static int do_code(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? errno : 0;
}

static int do_make_code(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? 0 : result(mprotect(p, 4096, PROT_READ | PROT_EXEC));
}

static int do_io_uring(void)
{
	return result(syscall(SYS_io_uring_setup, 0, NULL));
}

static int do_peek(void)
{
	return result(syscall(SYS_process_vm_readv, getpid(), NULL, 0, NULL, 0, 0));
}

static int do_pidfd(void)
{
	return result(syscall(SYS_pidfd_open, getpid(), 0));
}

static int do_tiocsti(void)
{
	return result(ioctl(own_pipe[0], TIOCSTI, "x"));
}

static int do_write_open(void)
{
	return result(write(own_pipe[1], "x", 1));
}

enum { ANY = -1, OPEN = 0 };
static const struct attempt {
	const char *what;
	int (*try)(void);
	int want; /* inside; 0: it may */
	int outside; /* without; ANY: that depends on the machine */
	bool landlock; /* only where there is one */
} attempts[] = {
	{"fork", do_fork, EPERM, OPEN, false},
	{"a Unix socket", do_unix, EPERM, OPEN, false},
	{"a Unix pair", do_pair, EPERM, OPEN, false},
	{"an IP socket", do_inet, OPEN, OPEN, false},
	{"a raw socket", do_raw, EPERM, ANY, false},
	{"reading /etc/passwd", do_read_passwd, EACCES, OPEN, true},
	{"reading /etc/resolv.conf", do_read_resolver, OPEN, OPEN, false},
	{"making a file", do_write_file, EPERM, ANY, false},
	{"opening to write", do_append, EPERM, OPEN, false},
	{"unlink", do_unlink, EPERM, ENOENT, false},
	{"kill", do_kill, EPERM, OPEN, false},
	{"ptrace", do_ptrace, EPERM, ESRCH, false},
	{"mount", do_mount, EPERM, ANY, false},
	{"bpf", do_bpf, EPERM, ANY, false},
	{"unshare", do_unshare, EPERM, OPEN, false},
	{"setns", do_setns, EPERM, EINVAL, false},
	{"memory as code", do_code, EPERM, OPEN, false},
	{"memory made code", do_make_code, EPERM, OPEN, false},
	{"io_uring", do_io_uring, EPERM, ANY, false},
	{"another process's memory", do_peek, EPERM, OPEN, false},
	{"a pidfd", do_pidfd, EPERM, OPEN, false},
	{"typing", do_tiocsti, EPERM, ENOTTY, false},
	{"writing what is open", do_write_open, OPEN, OPEN, false},
	{"exec", do_exec, EPERM, ANY, false}, /* not tried outside */
};
enum { N = ARRAY_SIZE(attempts) };
static int got[N];

static void *try_all(void *arg)
{
	*(int *)arg = confine_thread();
	for (int i = 0; i < (int)N; i++)
		got[i] = attempts[i].try();
	return NULL;
}

static void test_confined_thread_is_refused(void **state)
{
	pthread_t t;
	int err;

	assert_int_equal(pthread_create(&t, NULL, try_all, &err), 0);
	pthread_join(t, NULL);
	assert_int_equal(err, 0);
	for (int i = 0; i < (int)N; i++)
		if ((!attempts[i].landlock || confine_landlock()) && got[i] != attempts[i].want)
			fail_msg("%s: errno %d, not %d", attempts[i].what, got[i], attempts[i].want);
}

static void test_other_threads_are_not(void **state)
{
	for (int i = 0; i < (int)N - 1; i++) {
		int e = attempts[i].try();

		if (attempts[i].outside != ANY && e != attempts[i].outside)
			fail_msg("%s: errno %d, not %d", attempts[i].what, e, attempts[i].outside);
	}
}

static int do_packet(void)
{
	AUTO_CLOSE int fd = socket(AF_PACKET, SOCK_RAW, 0);

	return result(fd);
}

static int do_netlink(void)
{
	AUTO_CLOSE int fd = socket(AF_NETLINK, SOCK_RAW, 0);

	return result(fd);
}

static int do_chmod(void)
{
	return result(chmod("/nowhere/skep-test", 0700));
}

static int do_rename(void)
{
	return result(rename("/nowhere/a", "/nowhere/b"));
}

static int do_openat2(void)
{
	return result(syscall(SYS_openat2, AT_FDCWD, NULL, NULL, 0));
}

static int do_truncate_open(void)
{
	AUTO_CLOSE int fd = openat(AT_FDCWD, "/dev/null", O_WRONLY | O_TRUNC);

	return result(fd);
}

/* What skep's other threads give up, and those that look at tasks. */
static const struct {
	const char *what;
	int (*try)(void);
	int all, tasks, outside;
} given_up[] = {
	{"fork", do_fork, OPEN, OPEN, OPEN},
	{"a Unix socket", do_unix, OPEN, EPERM, OPEN},
	{"an IP socket", do_inet, OPEN, EPERM, OPEN},
	{"netlink", do_netlink, OPEN, EPERM, OPEN},
	{"a packet socket", do_packet, EPERM, EPERM, ANY},
	{"reading /etc/passwd", do_read_passwd, OPEN, OPEN, OPEN},
	{"making a file", do_write_file, ANY, EPERM, ANY},
	{"opening to write", do_append, OPEN, EPERM, OPEN},
	{"opening to cut", do_truncate_open, OPEN, EPERM, OPEN},
	{"another root's paths", do_openat2, EINVAL, EPERM, EINVAL},
	{"unlink", do_unlink, ENOENT, EPERM, ENOENT},
	{"rename", do_rename, ENOENT, EPERM, ENOENT},
	{"chmod", do_chmod, EPERM, EPERM, ENOENT},
	{"kill", do_kill, OPEN, OPEN, OPEN},
	{"mount", do_mount, EPERM, EPERM, ANY},
	{"bpf", do_bpf, EPERM, EPERM, ANY},
	{"unshare", do_unshare, EPERM, EPERM, OPEN},
	{"setns", do_setns, EPERM, EPERM, EINVAL},
	{"memory made code", do_make_code, OPEN, OPEN, OPEN},
	{"io_uring", do_io_uring, EPERM, EPERM, ANY},
	{"another process's memory", do_peek, OPEN, OPEN, OPEN},
	{"a pidfd", do_pidfd, OPEN, OPEN, OPEN},
	{"typing", do_tiocsti, EPERM, EPERM, ENOTTY},
	{"exec", do_exec, EPERM, EPERM, ANY},
};
static int got_of_all[ARRAY_SIZE(given_up)], got_of_tasks[ARRAY_SIZE(given_up)];

static void *give_up(void *arg)
{
	int *err = arg;

	*err = supervisor_confine();
	for (size_t i = 0; i < ARRAY_SIZE(given_up); i++)
		got_of_all[i] = given_up[i].try();
	*err = *err ? *err : supervisor_confine_task(false);
	for (size_t i = 0; i < ARRAY_SIZE(given_up); i++)
		got_of_tasks[i] = given_up[i].try();
	return NULL;
}

static void test_supervisor_gives_up(void **state)
{
	pthread_t t;
	int err;

	for (size_t i = 0; i < ARRAY_SIZE(given_up) - 1; i++) {
		int e = given_up[i].try();

		if (given_up[i].outside != ANY && e != given_up[i].outside)
			fail_msg("%s: errno %d outside, not %d", given_up[i].what, e, given_up[i].outside);
	}
	assert_int_equal(pthread_create(&t, NULL, give_up, &err), 0);
	pthread_join(t, NULL);
	assert_int_equal(err, 0);
	for (size_t i = 0; i < ARRAY_SIZE(given_up); i++) {
		if (given_up[i].all != ANY && got_of_all[i] != given_up[i].all)
			fail_msg("%s: errno %d, not %d", given_up[i].what, got_of_all[i], given_up[i].all);
		if (got_of_tasks[i] != given_up[i].tasks)
			fail_msg("%s of who looks at tasks: errno %d, not %d", given_up[i].what, got_of_tasks[i],
				 given_up[i].tasks);
	}
}

static void *try_again(void *arg)
{
	int *err = arg;

	err[0] = confine_thread();
	err[1] = do_fork();
	return NULL;
}

static void test_confining_twice_opens_nothing(void **state)
{
	pthread_t t;
	int err[2];

	assert_int_equal(pthread_create(&t, NULL, try_again, err), 0);
	pthread_join(t, NULL);
	assert_int_equal(err[0], 0);
	assert_int_equal(err[1], EPERM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_confined_thread_is_refused),
		cmocka_unit_test(test_supervisor_gives_up),
		cmocka_unit_test(test_other_threads_are_not),
		cmocka_unit_test(test_confining_twice_opens_nothing),
	};

	if (pipe(own_pipe))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
