// SPDX-License-Identifier: BSD-2-Clause
/* The user part of watch keeps its books by events alone: whose they are, what adds up, what is refused, what is forgotten. */
#include "apps/watch_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct watch_tree *tree;

static int setup(void **state)
{
	tree = watch_tree_new();
	return tree ? 0 : -1;
}

static int teardown(void **state)
{
	watch_tree_free(tree);
	return 0;
}

static struct watch_event head(enum watch_kind kind, uint32_t pid)
{
	return (struct watch_event){
		.kind = kind, .id = {.pid = pid, .start = pid * 1000u}, .ns = pid * 1000u + 7, .comm = "prog"};
}

static const struct watch_process *fork_of(uint32_t pid, uint32_t parent)
{
	struct watch_event e = head(WATCH_FORK, pid);
	struct watch_seen s;

	e.parent = (struct watch_id){.pid = parent, .start = parent * 1000u};
	assert_int_equal(watch_tree_take(tree, &e, sizeof(e), &s), 0);
	assert_int_equal(s.kind, WATCH_FORK);
	return s.process;
}

static const struct watch_process *exec_of(uint32_t pid, const char *path, const char *args, uint32_t len)
{
	struct watch_exec e = {.head = head(WATCH_EXEC, pid)};
	struct watch_seen s;

	strcpy(e.path, path);
	e.head.text = (uint32_t)strlen(path) + 1;
	memcpy(e.args, args, len);
	e.head.text2 = len;
	assert_int_equal(watch_tree_take(tree, &e, sizeof(e), &s), 0);
	return s.process;
}

static void exit_of(uint32_t pid, int64_t status)
{
	struct watch_event e = head(WATCH_EXIT, pid);
	struct watch_seen s;

	e.result = status;
	assert_int_equal(watch_tree_take(tree, &e, sizeof(e), &s), 0);
}

static void file(enum watch_kind kind, uint32_t pid, const char *path, const char *to, uint32_t flags, int64_t result)
{
	struct watch_file e = {.head = head(kind, pid)};
	struct watch_seen s;

	e.head.flags = flags;
	e.head.result = result;
	strcpy(e.path, path);
	e.head.text = (uint32_t)strlen(path) + 1;
	if (to) {
		strcpy(e.to, to);
		e.head.text2 = (uint32_t)strlen(to) + 1;
	}
	assert_int_equal(watch_tree_take(tree, &e, to ? sizeof(e) : offsetof(struct watch_file, to), &s), 0);
	assert_string_equal(s.path, path);
	if (to)
		assert_string_equal(s.path2, to);
}

static const struct watch_path *path_named(const char *name)
{
	uint32_t n;
	const struct watch_path *p = watch_tree_paths(tree, &n);

	for (uint32_t i = 0; i < n; i++)
		if (!strcmp(p[i].path, name))
			return &p[i];
	return NULL;
}

static void a_process_is_its_number_and_its_beginning(void **state)
{
	const struct watch_process *a = fork_of(5, 1), *b;
	struct watch_event e = head(WATCH_FORK, 5);
	struct watch_seen s;

	e.id.start++; /* the number again, later */
	assert_int_equal(watch_tree_take(tree, &e, sizeof(e), &s), 0);
	b = s.process;
	assert_ptr_not_equal(a, b);
	exit_of(5, 256);
	assert_int_equal(a->status, 256);
	assert_int_equal(b->ended, 0);
}

static void children_hang_on_their_parents(void **state)
{
	const struct watch_process *a = fork_of(2, 1), *b = fork_of(3, 2), *c = fork_of(4, 2);

	assert_null(a->parent); /* 1 was not seen */
	assert_ptr_equal(b->parent, a);
	assert_ptr_equal(c->parent, a);
	assert_int_equal(a->children, 2);
}

static void an_exec_has_binary_and_arguments(void **state)
{
	static const char args[] = "cc\0-c\0a b.c\0"; /* its own last end, too */
	const struct watch_process *p = exec_of(3, "/usr/bin/cc", args, sizeof(args) - 1);

	assert_string_equal(p->binary, "/usr/bin/cc");
	assert_string_equal(p->arguments, "-c a b.c");
	assert_ptr_equal(exec_of(3, "/bin/true", "true", 5), p);
	assert_string_equal(p->binary, "/bin/true");
	assert_string_equal(p->arguments, "");
	assert_int_equal(p->execs, 2);
	/* Nothing could be read of its memory. */
	assert_string_equal(exec_of(4, "/bin/x", "", 0)->arguments, "");
}

static void files_add_up_by_path_and_by_process(void **state)
{
	const struct watch_process *p = fork_of(2, 1);
	struct watch_totals t;

	file(WATCH_OPEN, 2, "/a", NULL, O_RDONLY, 3);
	file(WATCH_OPEN, 2, "/a", NULL, O_RDWR | O_CREAT, 4);
	file(WATCH_OPEN, 2, "/gone", NULL, O_RDONLY, -ENOENT);
	file(WATCH_OPEN, 2, "/cut", NULL, O_RDONLY | O_TRUNC, 5);
	file(WATCH_DELETE, 2, "/a", NULL, 0, 0);
	file(WATCH_DELETE, 2, "/a", NULL, 0, -ENOENT);
	file(WATCH_RENAME, 2, "/old", "/new", 0, 0);
	assert_int_equal(path_named("/a")->opened, 2);
	assert_int_equal(path_named("/a")->written, 1);
	assert_int_equal(path_named("/a")->deleted, 1);
	assert_int_equal(path_named("/a")->failed, 1);
	assert_ptr_equal(path_named("/a")->by, p);
	assert_ptr_equal(path_named("/a")->remover, p);
	assert_null(path_named("/cut")->remover);
	assert_int_equal(path_named("/gone")->failed, 1);
	assert_null(path_named("/gone")->by);
	assert_int_equal(path_named("/cut")->written, 1);
	assert_int_equal(path_named("/new")->written, 1);
	assert_null(path_named("/old"));
	assert_int_equal(p->opened, 3);
	assert_int_equal(p->written, 3);
	assert_int_equal(p->deleted, 1);
	watch_tree_totals(tree, &t);
	assert_int_equal(t.opened, 3);
	assert_int_equal(t.written, 2);
	assert_int_equal(t.deleted, 1);
	assert_int_equal(t.renamed, 1);
	assert_int_equal(t.failed, 2);
}

static void connect_to(uint32_t pid, const void *addr, uint32_t len, int64_t result)
{
	struct watch_connect e = {.head = head(WATCH_CONNECT, pid)};
	struct watch_seen s;

	e.head.result = result;
	e.head.text = len;
	memcpy(e.addr, addr, len);
	assert_int_equal(watch_tree_take(tree, &e, sizeof(e), &s), 0);
}

static void peers_are_one_by_address_whatever_else_the_struct_holds(void **state)
{
	struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(80), .sin_addr.s_addr = htonl(0x0a000001)};
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(443), .sin6_addr = in6addr_loopback};
	uint32_t n;
	const struct watch_peer *p;

	connect_to(2, &four, sizeof(four), 0);
	memset(four.sin_zero, 7, sizeof(four.sin_zero));
	connect_to(3, &four, sizeof(four), -ECONNREFUSED);
	connect_to(2, &six, sizeof(six), -EINPROGRESS);
	six.sin6_flowinfo = 9;
	connect_to(2, &six, sizeof(six), 0);
	four.sin_port = htons(81);
	connect_to(2, &four, sizeof(four), 0);
	p = watch_tree_peers(tree, &n);
	assert_int_equal(n, 3);
	assert_int_equal(p[0].connects, 2);
	assert_int_equal(p[0].failed, 1);
	assert_int_equal(p[0].by->id.pid, 2);
	assert_int_equal(p[1].connects, 2);
	assert_int_equal(p[1].failed, 0);
}

static void what_is_no_event_is_refused(void **state)
{
	struct watch_file e = {.head = head(WATCH_OPEN, 2)};
	struct watch_exec x = {.head = head(WATCH_EXEC, 2)};
	struct watch_seen s;

	assert_int_equal(watch_tree_take(tree, &e, sizeof(e.head) - 1, &s), -EINVAL);
	assert_int_equal(watch_tree_take(tree, &e, sizeof(e.head), &s), -EINVAL); /* its path is missing */
	e.head.text = WATCH_PATH + 1;
	assert_int_equal(watch_tree_take(tree, &e, sizeof(e), &s), -EINVAL);
	x.head.text2 = WATCH_ARGS + 1;
	assert_int_equal(watch_tree_take(tree, &x, sizeof(x), &s), -EINVAL);
	for (uint32_t kind = 0; kind < 300; kind++)
		if (!kind || kind >= WATCH_KINDS) {
			e.head.kind = kind;
			assert_int_equal(watch_tree_take(tree, &e, sizeof(e), &s), -EINVAL);
		}
	/* Texts that are not ended. */
	e.head = head(WATCH_OPEN, 2);
	e.head.text = WATCH_PATH;
	memset(e.path, 'x', sizeof(e.path));
	assert_int_equal(watch_tree_take(tree, &e, sizeof(e), &s), 0);
	assert_int_equal(strlen(s.path), WATCH_PATH);
}

static void the_oldest_that_have_ended_are_forgotten(void **state)
{
	struct watch_totals t;
	uint32_t n = 0;

	fork_of(1, 0);
	fork_of(2, 1);
	exit_of(1, 0); /* but it has a child */
	for (uint32_t pid = 3; pid < WATCH_KEPT + 100; pid++) {
		fork_of(pid, 2);
		exit_of(pid, 0);
	}
	for (const struct watch_process *p = watch_tree_first(tree); p; p = p->next)
		n++;
	watch_tree_totals(tree, &t);
	assert_true(n <= WATCH_KEPT);
	assert_true(n >= WATCH_KEPT * 7 / 8);
	assert_int_equal(n + t.forgotten, WATCH_KEPT + 99);
	assert_int_equal(t.processes, WATCH_KEPT + 99);
	/* What others hang on stays; then comes the first that was not forgotten. */
	assert_int_equal(watch_tree_first(tree)->id.pid, 1);
	assert_int_equal(watch_tree_first(tree)->next->next->id.pid, 3 + t.forgotten);
}

static void paths_beyond_the_limit_are_counted(void **state)
{
	struct watch_totals t;
	char name[32];
	uint32_t n;

	for (uint32_t i = 0; i < WATCH_ROWS * 2; i++) {
		snprintf(name, sizeof(name), "/f%u", i);
		file(WATCH_OPEN, 2, name, NULL, O_RDONLY, 3);
	}
	watch_tree_paths(tree, &n);
	watch_tree_totals(tree, &t);
	assert_int_equal(n + t.forgotten, WATCH_ROWS * 2);
	assert_true(n >= WATCH_ROWS / 2);
	assert_int_equal(t.opened, WATCH_ROWS * 2);
	assert_null(path_named("/never"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_process_is_its_number_and_its_beginning),
		TEST(children_hang_on_their_parents),
		TEST(an_exec_has_binary_and_arguments),
		TEST(files_add_up_by_path_and_by_process),
		TEST(peers_are_one_by_address_whatever_else_the_struct_holds),
		TEST(what_is_no_event_is_refused),
		TEST(the_oldest_that_have_ended_are_forgotten),
		TEST(paths_beyond_the_limit_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
