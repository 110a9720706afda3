/* SPDX-License-Identifier: BSD-2-Clause */
/* What target_find() owes its caller whoever that is: no root is needed, nothing is found. The rest is test-target.sh's. */
#include "deploy/target.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static int open_files(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* It fails so, with a reason that has the text, and nothing stays open. */
static void fails(struct target_opts opts, int want, const char *text)
{
	int files = open_files(), err;
	char why[TARGET_WHY + 1];
	struct target p;

	memset(why, '!', sizeof(why));
	memset(&p, 1, sizeof(p));
	err = target_find(&p, &opts, false, why);
	target_close(&p);
	if (err != want || !strstr(why, text))
		fail_msg("%d: %s", err, why);
	assert_int_equal(why[TARGET_WHY], '!');
	assert_non_null(memchr(why, 0, TARGET_WHY));
	assert_int_equal(open_files(), files);
}

static void contradictions_are_refused_before_anything_is_looked_up(void **state)
{
	fails((struct target_opts){.container = "none", .netns = "none"}, -EINVAL, "leave out either it or --netns");
	fails((struct target_opts){.container = "none", .cgroup = "none"}, -EINVAL, "leave out either it or --cgroup");
	fails((struct target_opts){.container = "none", .pid = 1}, -EINVAL, "leave out either it or --pid");
}

static void an_empty_name_is_none(void **state)
{
	fails((struct target_opts){.netns = ""}, -EINVAL, "--netns: the name is empty");
	fails((struct target_opts){.cgroup = ""}, -EINVAL, "--cgroup: the name is empty");
	fails((struct target_opts){.container = ""}, -EINVAL, "--container: the name is empty");
	fails((struct target_opts){.iface = ""}, -EINVAL, "--iface: the name is empty");
}

static void a_reason_is_cut_and_harmless_on_a_terminal(void **state)
{
	static char name[2 * TARGET_PATH];
	struct target_opts opts = {.netns = "/\x1b[2J"};
	char why[TARGET_WHY];
	struct target p;

	assert_int_equal(target_find(&p, &opts, false, why), -ENOENT);
	target_close(&p);
	assert_null(strchr(why, '\x1b'));
	memset(name, 'x', sizeof(name) - 1);
	fails((struct target_opts){.netns = name}, -ENAMETOOLONG, "too long");
	fails((struct target_opts){.cgroup = name}, -ENAMETOOLONG, "too long");
	fails((struct target_opts){.iface = name}, -ENODEV, "--iface xxx");
	fails((struct target_opts){.container = name}, -ESRCH, "--container xxx");
	*name = '/';
	fails((struct target_opts){.netns = name}, -ENAMETOOLONG, "--netns /xxx");
	fails((struct target_opts){.cgroup = name}, -ENAMETOOLONG, "too long");
}

static void what_was_found_before_it_failed_is_closed(void **state)
{
	fails((struct target_opts){.pid = getpid(), .iface = "none.such"}, -ENODEV,
	      "no such interface on this machine");
}

static void a_process_that_has_ended_is_none(void **state)
{
	siginfo_t info;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid)
		_exit(0);
	/* Ended, and not waited for: it has its number, and /proc has it. */
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	fails((struct target_opts){.pid = pid}, -ESRCH, "has ended");
	waitpid(pid, NULL, 0);
	fails((struct target_opts){.pid = pid}, -ESRCH, "No such process");
	fails((struct target_opts){.pid = -1}, -EINVAL, "no process's number");
}

/* Then there is no exit status of podman's and docker's to wait for. */
static void a_caller_that_ignores_its_children_is_answered(void **state)
{
	signal(SIGCHLD, SIG_IGN);
	fails((struct target_opts){.container = "none.of.this.name"}, -ESRCH, "no container of that name");
	signal(SIGCHLD, SIG_DFL);
}

static void nothing_named_is_nothing_meant(void **state)
{
	int files = open_files(), before = 7;
	char why[TARGET_WHY];
	struct target p;

	assert_int_equal(target_find(&p, &(struct target_opts){0}, false, why), 0);
	assert_string_equal(why, "");
	assert_true(p.netns == -1 && p.cgroup == -1 && p.pidfd == -1 && !p.pid && !p.ifindex);
	assert_true(!*p.netns_name && !*p.ifname && !*p.cgroup_path);
	assert_int_equal(target_enter(&p, &before), 0);
	assert_int_equal(before, -1);
	assert_int_equal(target_leave(before), 0);
	target_close(&p);
	target_close(&p);
	assert_int_equal(open_files(), files);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(contradictions_are_refused_before_anything_is_looked_up),
		cmocka_unit_test(an_empty_name_is_none),
		cmocka_unit_test(a_reason_is_cut_and_harmless_on_a_terminal),
		cmocka_unit_test(what_was_found_before_it_failed_is_closed),
		cmocka_unit_test(a_process_that_has_ended_is_none),
		cmocka_unit_test(a_caller_that_ignores_its_children_is_answered),
		cmocka_unit_test(nothing_named_is_nothing_meant),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
