// SPDX-License-Identifier: BSD-2-Clause
/* The guard's part of a policy: what is read, what is refused and where, which rule decides, and that what is printed reads back as the same. */
#include "apps/guard_policy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct guard_policy g;
static struct policy_part part;
static struct policy p;
static struct policy_error err;

static int number(const char *name)
{
	static const char *const names[] = {"read", "ptrace", "bpf", "exit_group"};

	for (int i = 0; i < 4; i++)
		if (!strcmp(names[i], name))
			return i * 10;
	return -1;
}

static const char *name(int nr)
{
	return nr == 10 ? "ptrace" : nr == 20 ? "bpf" : "read";
}

static int setup(void **state)
{
	g = (struct guard_policy){.home = "/home/me", .here = "/work/dir", .call_number = number, .call_name = name};
	guard_part(&g, &part);
	p = (struct policy){.part = &part};
	return 0;
}

static int teardown(void **state)
{
	policy_free(&p);
	guard_free(&g);
	return 0;
}

static int read_text(const char *text)
{
	return policy_parse_text(&p, "f", text, strlen(text), &err);
}

static void wrong(const char *text, const char *what)
{
	guard_free(&g);
	assert_int_equal(read_text(text), -EINVAL);
	if (strcmp(err.text, what))
		fail_msg("'%s' is refused with '%s', not with '%s'", text, err.text, what);
}

static void a_file_may_have_rules_of_both(void **state)
{
	assert_int_equal(read_text("allow example.org:443 # the firewall's\n"
				   "read /usr, /etc/hosts\t/opt/a\\ b # and the guard's\n"
				   "  nowrite ~/.ssh\n"
				   "run .\n"
				   "call kill ptrace bpf\n"),
			 0);
	assert_int_equal(p.n_rules, 1);
	assert_int_equal(g.n_paths, 5);
	assert_string_equal(g.paths[0].path, "/usr");
	assert_string_equal(g.paths[2].path, "/opt/a b");
	assert_string_equal(g.paths[3].path, "/home/me/.ssh");
	assert_int_equal(g.paths[3].access, GUARD_WRITE);
	assert_false(g.paths[3].allow);
	assert_string_equal(g.paths[4].path, "/work/dir");
	assert_int_equal(g.paths[4].access, GUARD_RUN);
	assert_int_equal(g.n_calls, 2);
	assert_int_equal(g.calls[1].action, GUARD_KILL);
	assert_true(guard_is_on(&g));
}

static void paths_are_made_simple(void **state)
{
	assert_int_equal(read_text("read //a/./b/../c/ ../x . ./y ~ ~/z /\n"), 0);
	assert_string_equal(g.paths[0].path, "/a/c");
	assert_string_equal(g.paths[1].path, "/work/x");
	assert_string_equal(g.paths[2].path, "/work/dir");
	assert_string_equal(g.paths[3].path, "/work/dir/y");
	assert_string_equal(g.paths[4].path, "/home/me");
	assert_string_equal(g.paths[5].path, "/home/me/z");
	assert_string_equal(g.paths[6].path, "/");
}

static void what_is_wrong_is_refused_with_its_place(void **state)
{
	char text[400];

	wrong("raed /usr\n", "f:1:1: unknown key 'raed'; did you mean 'read'?");
	wrong("frobnicate /usr\n", "f:1:1: unknown key 'frobnicate'; there are allow, deny, default, audit, profile, "
				   "read, write, run, noread, nowrite, norun and call");
	wrong("read\n", "f:1:5: read: no path");
	wrong("read # /usr\n", "f:1:6: read: no path");
	wrong("read /a\nwrite /../x\n", "f:2:7: '/../x' leads above the root");
	wrong("read /a\001b\n", "f:1:6: a path with a control character in it");
	wrong("call\n", "f:1:5: call takes what is to become of them, and system calls, as in: call deny ptrace, bpf");
	wrong("call deny\n",
	      "f:1:10: call takes what is to become of them, and system calls, as in: call deny ptrace, bpf");
	wrong("call forbid bpf\n", "f:1:6: 'forbid': what is to become of a call is log, deny, deny=ERRNO or kill");
	wrong("call deny=EWHAT bpf\n", "f:1:6: deny=EWHAT: an errno such as EPERM, EACCES, ENOSYS or ENOENT");
	wrong("call deny frob\n", "f:1:11: there is no system call 'frob'");
	wrong("call kill exit_group\n", "f:1:11: without 'exit_group' no process works");
	memset(text, 'x', sizeof(text));
	memcpy(text, "read /", 6);
	strcpy(text + 300, "\n");
	guard_free(&g);
	assert_int_equal(read_text(text), -EINVAL);
	assert_non_null(strstr(err.text, "longer than a rule's path may be"));
	*g.home = 0;
	wrong("read ~/x\n", "f:1:6: '~/x': a path is absolute, or begins at ~ or in the working folder");
}

static void decides(enum guard_access access, const char *path, bool allowed, int rule)
{
	int got = -2;

	if (guard_decide(&g, access, path, &got) != allowed || got != rule)
		fail_msg("%s %s: rule %d, not %d", guard_access_name(access), path, got, rule);
}

static void the_longest_path_decides(void **state)
{
	assert_int_equal(read_text("read /usr /home/me\n" /* 0, 1 */
				   "noread /home/me/.ssh\n" /* 2 */
				   "read /home/me/.ssh/known_hosts\n" /* 3 */
				   "write /home/me/src /tmp\n" /* 4, 5 */
				   "nowrite /home/me/src/.git\n"), /* 6 */
			 0);
	decides(GUARD_READ, "/usr/lib/x", true, 0);
	decides(GUARD_READ, "/usrlocal", false, -1);
	decides(GUARD_READ, "/etc/passwd", false, -1);
	decides(GUARD_READ, "/home/me", true, 1);
	decides(GUARD_READ, "/home/me/.ssh", false, 2);
	decides(GUARD_READ, "/home/me/.ssh/id", false, 2);
	decides(GUARD_READ, "/home/me/.ssh/known_hosts", true, 3);
	decides(GUARD_READ, "/tmp/x", true, 5); /* who may write may read */
	decides(GUARD_READ, "/home/me/src/.git/config", true, 4);
	decides(GUARD_WRITE, "/home/me/src/a", true, 4);
	decides(GUARD_WRITE, "/home/me/src/.git/config", false, 6);
	decides(GUARD_WRITE, "/home/me/a", false, -1);
	decides(GUARD_RUN, "/anything", true, -1); /* no rule says what may run */
	decides(GUARD_WRITE, "/dev/null", true, -1);
	decides(GUARD_WRITE, "/dev/nullx", false, -1);
}

static void without_rules_that_allow_the_rest_is_open(void **state)
{
	assert_int_equal(read_text("noread /secret\nwrite /tmp\n"), 0);
	decides(GUARD_READ, "/etc/passwd", true, -1);
	decides(GUARD_READ, "/secret/x", false, 0);
	decides(GUARD_WRITE, "/etc/passwd", false, -1);
	decides(GUARD_RUN, "/bin/sh", true, -1);
}

static void of_two_with_the_same_path_the_one_that_denies_counts(void **state)
{
	assert_int_equal(read_text("norun /opt\nrun /opt /\n"), 0);
	decides(GUARD_RUN, "/opt/x", false, 0);
	decides(GUARD_RUN, "/bin/x", true, 2);
	guard_free(&g);
	assert_int_equal(read_text("run /opt\nnorun /opt\n"), 0);
	decides(GUARD_RUN, "/opt/x", false, 1);
}

static void of_two_lines_about_a_call_the_last_one_counts(void **state)
{
	assert_int_equal(read_text("call kill ptrace\ncall deny=ENOSYS ptrace,bpf\ncall log bpf\n"), 0);
	assert_int_equal(g.n_calls, 2);
	assert_int_equal(guard_call_rule(&g, 10)->action, GUARD_DENY);
	assert_int_equal(guard_call_rule(&g, 10)->err, ENOSYS);
	assert_int_equal(guard_call_rule(&g, 20)->action, GUARD_LOG);
	assert_null(guard_call_rule(&g, 0));
}

static char *printed(void)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	policy_print(&p, f);
	fclose(f);
	return text;
}

static void what_is_printed_reads_back_as_the_same(void **state)
{
	char *first, *second;

	assert_int_equal(read_text("default deny\nallow a.org\nread /a\\ b,/c\\#d\nnorun /e\\,f\ncall deny=ENOSYS "
				   "bpf\ncall deny ptrace\ncall kill read\n"),
			 0);
	first = printed();
	assert_string_equal(first, "default deny\nallow a.org\nread /a\\ b\nread /c\\#d\nnorun /e\\,f\ncall "
				   "deny=ENOSYS bpf\ncall deny ptrace\ncall kill read\n");
	policy_free(&p);
	guard_free(&g);
	p.part = &part;
	assert_int_equal(read_text(first), 0);
	second = printed();
	assert_string_equal(first, second);
	free(first);
	free(second);
}

static void without_a_guard_its_keys_are_unknown(void **state)
{
	p.part = NULL;
	assert_int_equal(read_text("read /usr\n"), -EINVAL);
	assert_string_equal(err.text, "f:1:1: unknown key 'read'; there are allow, deny, default, audit and profile");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_file_may_have_rules_of_both),
		TEST(paths_are_made_simple),
		TEST(what_is_wrong_is_refused_with_its_place),
		TEST(the_longest_path_decides),
		TEST(without_rules_that_allow_the_rest_is_open),
		TEST(of_two_with_the_same_path_the_one_that_denies_counts),
		TEST(of_two_lines_about_a_call_the_last_one_counts),
		TEST(what_is_printed_reads_back_as_the_same),
		TEST(without_a_guard_its_keys_are_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
