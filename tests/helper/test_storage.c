/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Values of tasks: runs/storage.bpf.c for the test's own thread as the current task, in the JIT, in the interpreter and in the kernel, and bpf(2) on such maps
 * by pidfds. One expectation holds for all.
 */
#include "runs/expect.h"

#include "bpf/fd.h"
#include "bpf/hive.h"
#include "bpf/storage.h"
#include "hook/task/view.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL
#endif

struct value {
	long long n, more;
};

static struct objects *objects;
static struct view *view;
static struct thread thread;
static struct task_event event;

static uint64_t start_of_self(void)
{
	char text[4096], *at;
	int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, text, sizeof(text) - 1);

	close(fd);
	assert_true(n > 0);
	text[n] = 0;
	at = strrchr(text, ')');
	for (int field = 2; field < 22; field++)
		at = strchr(at, ' ') + 1;
	return strtoull(at, NULL, 10);
}

static int set_up(void **state)
{
	int err = test_setup(state), proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (err || on_kernel)
		return err;
	thread = (struct thread){.tid = gettid(),
				 .tgid = getpid(),
				 .own_tid = gettid(),
				 .own_tgid = getpid(),
				 .pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0),
				 .start = start_of_self()};
	event = (struct task_event){.kind = TASK_CALL, .thread = &thread};
	err = objects_new(&(struct objects_opts){.proc = proc, .btf = test.hive->presented}, &objects);
	view = err ? NULL : view_new(objects);
	return view ? 0 : -1;
}

static int tear_down(void **state)
{
	if (!on_kernel) {
		view_free(view);
		objects_free(objects);
		close(thread.pidfd);
	}
	return test_teardown(state);
}

/* A program, once, for this thread. */
static void run_here(struct bpf_object *obj, const char *name)
{
	uint64_t ctx[8] = {0};
	struct hive_worker *w;
	struct hive_prog *p;
	int why;

	if (on_kernel) {
		LIBBPF_OPTS(bpf_test_run_opts, opts);

		assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(program_of(obj, name)), &opts), 0);
		return;
	}
	w = hive_worker_get(test.hive);
	pthread_mutex_lock(&test.hive->lock);
	p = hive_prog_get(test.hive, bpf_program__fd(program_of(obj, name)), &why);
	pthread_mutex_unlock(&test.hive->lock);
	assert_non_null(p);
	view_enter(view, &w->env, &event);
	hive_prog_exec(p, ctx, &w->env);
	assert_int_equal(w->env.fault, FAULT_NONE);
	view_leave(view, &w->env);
	hive_worker_put(test.hive, w);
	pthread_mutex_lock(&test.hive->lock);
	hive_object_put(&p->o);
	pthread_mutex_unlock(&test.hive->lock);
}

static int pidfd_of(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	assert_true(fd >= 0);
	return fd;
}

static int error_of(int ret)
{
	return ret < 0 ? -errno : ret;
}

#define GET(map, key, value)        error_of(bpf_map_lookup_elem(map, key, value))
#define PUT(map, key, value, flags) error_of(bpf_map_update_elem(map, key, value, flags))
#define DELETE(map, key)            error_of(bpf_map_delete_elem(map, key))

static void helpers_get_make_and_delete_values(void **state)
{
	struct bpf_object *obj = load_object("storage");

	run_here(obj, "stores");
	EXPECT(obj, 0, -ENOENT, 0, 0, 5, 0, 7, 8, 0, 0, 0, -ENOENT, 0, 7, 1);
	bpf_object__close(obj);
}

static void programs_and_bpf_see_the_same_value(void **state)
{
	struct bpf_object *obj = load_object("storage");
	int map = map_fd_of(obj, "values"), self = pidfd_of(getpid());
	struct value v = {40, 41};

	run_here(obj, "adds");
	EXPECT(obj, -1, -1);
	assert_int_equal(PUT(map, &self, &v, BPF_ANY), 0);
	run_here(obj, "adds");
	run_here(obj, "adds");
	EXPECT(obj, 41, 41);
	assert_int_equal(GET(map, &self, &v), 0);
	assert_int_equal(v.n, 42);
	assert_int_equal(DELETE(map, &self), 0);
	run_here(obj, "adds");
	EXPECT(obj, -1, -1);
	close(self);
	bpf_object__close(obj);
}

static void keys_are_pidfds(void **state)
{
	struct bpf_object *obj = load_object("storage");
	int map = map_fd_of(obj, "values"), self = pidfd_of(getpid()), file = open("/", O_RDONLY | O_CLOEXEC),
	    none = 9999, minus = -1, dead;
	struct value v = {1, 2};
	pid_t child = fork();

	if (!child) {
		pause();
		_exit(0);
	}
	dead = pidfd_of(child);
	assert_int_equal(GET(map, &self, &v), -ENOENT);
	assert_int_equal(DELETE(map, &self), -ENOENT);
	assert_int_equal(PUT(map, &self, &v, BPF_EXIST), -ENOENT);
	assert_int_equal(PUT(map, &self, &v, BPF_NOEXIST), 0);
	assert_int_equal(PUT(map, &self, &v, BPF_NOEXIST), -EEXIST);
	v.n = 3;
	assert_int_equal(PUT(map, &self, &v, BPF_EXIST), 0);
	assert_int_equal(PUT(map, &self, &v, 8), -EINVAL);
	assert_int_equal(PUT(map, &self, &v, BPF_F_LOCK), -EINVAL);
	assert_int_equal(GET(map, &dead, &v), -ENOENT);
	assert_int_equal(PUT(map, &dead, &v, BPF_ANY), 0);
	assert_int_equal(GET(map, &dead, &v), 0);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	assert_int_equal(GET(map, &dead, &v), -ENOENT);
	assert_int_equal(PUT(map, &dead, &v, BPF_ANY), -ENOENT);
	assert_int_equal(DELETE(map, &dead), -ENOENT);
	for (const int *bad[] = {&file, &none, &minus, NULL}, **at = bad; *at; at++) {
		assert_int_equal(GET(map, *at, &v), -EBADF);
		assert_int_equal(PUT(map, *at, &v, BPF_ANY), -EBADF);
		assert_int_equal(PUT(map, *at, &v, 8), -EBADF);
		assert_int_equal(DELETE(map, *at), -EBADF);
	}
	assert_int_equal(error_of(bpf_map_get_next_key(map, NULL, &none)), -524);
	assert_int_equal(error_of(bpf_map_get_next_key(map, &self, &none)), -524);
	assert_int_equal(error_of(bpf_map_lookup_and_delete_elem(map, &self, &v)), -524);
	close(self);
	close(file);
	close(dead);
	bpf_object__close(obj);
}

static int make(uint32_t key_size, uint32_t value_size, uint32_t max_entries, uint32_t flags, uint32_t key,
		uint32_t value, int btf)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = flags, .btf_fd = (uint32_t)btf, .btf_key_type_id = key,
		    .btf_value_type_id = value);
	int fd = bpf_map_create(BPF_MAP_TYPE_TASK_STORAGE, "made", key_size, value_size, max_entries, &opts),
	    err = -errno;

	if (fd < 0)
		return err;
	close(fd);
	return 0;
}

static void a_map_must_say_what_is_in_it(void **state)
{
	struct bpf_object *obj = load_object("storage");
	const struct bpf_map *m = bpf_object__find_map_by_name(obj, "values");
	uint32_t key = bpf_map__btf_key_type_id(m), value = bpf_map__btf_value_type_id(m);
	int btf = bpf_object__btf_fd(obj);

	assert_int_equal(make(4, 16, 0, BPF_F_NO_PREALLOC, key, value, btf), 0);
	assert_int_equal(make(4, 16, 0, BPF_F_NO_PREALLOC | BPF_F_CLONE, key, value, btf), 0);
	assert_int_equal(make(4, 16, 0, 0, key, value, btf), -EINVAL);
	assert_int_equal(make(4, 16, 1, BPF_F_NO_PREALLOC, key, value, btf), -EINVAL);
	assert_int_equal(make(8, 16, 0, BPF_F_NO_PREALLOC, key, value, btf), -EINVAL);
	assert_int_equal(make(4, 0, 0, BPF_F_NO_PREALLOC, key, value, btf), -EINVAL);
	assert_int_equal(make(4, 24, 0, BPF_F_NO_PREALLOC, key, value, btf), -EINVAL);
	assert_int_equal(make(4, 70000, 0, BPF_F_NO_PREALLOC, key, value, btf), -E2BIG);
	assert_int_equal(make(4, 16, 0, BPF_F_NO_PREALLOC, value, value, btf), -EINVAL);
	assert_int_equal(make(4, 16, 0, BPF_F_NO_PREALLOC, 0, 0, 0), -EINVAL);
	assert_int_equal(make(4, 16, 0, BPF_F_NO_PREALLOC, 0, value, btf), -EINVAL);
	assert_int_equal(make(4, 16, 0, BPF_F_NO_PREALLOC | BPF_F_RDONLY_PROG, key, value, btf), -EINVAL);
	bpf_object__close(obj);
}

/* The kernel's goes with the task; here its hook says when that is gone. */
static void a_value_goes_with_its_task(void **state)
{
	int map, others, self = pidfd_of(getpid());
	struct value v = {1, 2};
	struct bpf_object *obj;

	if (on_kernel) {
		close(self);
		skip();
	}
	obj = load_object("storage");
	map = map_fd_of(obj, "values");
	others = map_fd_of(obj, "others");
	assert_int_equal(PUT(map, &self, &v, BPF_ANY), 0);
	assert_int_equal(PUT(others, &self, &v, BPF_ANY), 0);
	storage_forget(test.hive, &(struct map_task){.start = thread.start + 1, .tid = (uint32_t)thread.own_tid});
	assert_int_equal(GET(map, &self, &v), 0);
	storage_forget(test.hive, &(struct map_task){.start = thread.start, .tid = (uint32_t)thread.own_tid});
	assert_int_equal(GET(map, &self, &v), -ENOENT);
	assert_int_equal(GET(others, &self, &v), -ENOENT);
	close(self);
	bpf_object__close(obj);
}

static void without_a_task_there_is_none(void **state)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	struct bpf_object *obj;

	if (on_kernel)
		skip();
	obj = load_object("storage");
	run_here(obj, "of_nothing");
	EXPECT(obj, 0);
	assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(program_of(obj, "stores")), &opts), 0);
	EXPECT(obj, 0, -EINVAL, 0);
	bpf_object__close(obj);
}

static void a_call_stack_is_the_current_tasks(void **state)
{
	struct bpf_object *obj = load_object("storage");

	run_here(obj, "stacks");
	EXPECT(obj, -EINVAL, -EINVAL, -EINVAL, -EOPNOTSUPP, 0, 1, -EFAULT);
	bpf_object__close(obj);
}

#define STORAGE_TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		STORAGE_TEST(helpers_get_make_and_delete_values),
		STORAGE_TEST(programs_and_bpf_see_the_same_value),
		STORAGE_TEST(keys_are_pidfds),
		STORAGE_TEST(a_map_must_say_what_is_in_it),
		STORAGE_TEST(a_value_goes_with_its_task),
		STORAGE_TEST(without_a_task_there_is_none),
		STORAGE_TEST(a_call_stack_is_the_current_tasks),
	};

	return test_main(argc, argv, tests, ARRAY_SIZE(tests), "values of tasks");
}
