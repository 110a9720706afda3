/* SPDX-License-Identifier: BSD-2-Clause */
/* Open files by their numbers: also where close_range(2) is not there. */
#include "base/fds.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

enum { LOW = 100, HIGH = 900 };

static void forbid(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);

	if (!ctx || seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(close_range), 0) || seccomp_load(ctx))
		_exit(77);
	seccomp_release(ctx);
}

/* In a child, which says by its exit code what it found: which number was treated wrongly, 0: none. */
static int child(bool forbidden, bool on_exec)
{
	static const int opened[] = {LOW - 1, LOW, LOW + 7, HIGH, HIGH + 1};
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		for (int i = 0; i < 5; i++)
			if (dup2(2, opened[i]) < 0)
				_exit(88);
		if (forbidden)
			forbid();
		fds_close(LOW, HIGH, on_exec);
		for (int i = 0; i < 5; i++) {
			int flags = fcntl(opened[i], F_GETFD);
			bool within = i > 0 && i < 4;

			if (on_exec ? flags < 0 || (flags & FD_CLOEXEC) != (within ? FD_CLOEXEC : 0)
				    : (flags < 0) != within)
				_exit(i + 1);
		}
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void a_range_is_closed_and_nothing_beside_it(void **state)
{
	(void)state;
	assert_int_equal(child(false, false), 0);
	assert_int_equal(child(false, true), 0);
}

static void where_a_sandbox_forbids_the_call_too(void **state)
{
	(void)state;
	assert_int_equal(child(true, false), 0);
	assert_int_equal(child(true, true), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_range_is_closed_and_nothing_beside_it),
		cmocka_unit_test(where_a_sandbox_forbids_the_call_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
