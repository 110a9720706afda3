/* SPDX-License-Identifier: BSD-2-Clause */
/* Helpers that ask for the current task, with a task of the test's own: what each gives, and every way in which the task may say no. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "helper/helper.h"
#include "helper/impl.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define CALL(name, ...) ((int64_t)call(h_##name, (uint64_t[5]){__VA_ARGS__}))
#define PTR(p)          ((uint64_t)(uintptr_t)(p))

/* The task's memory is the page at USER, and the object a page at OBJECT; nothing else is anywhere. */
enum { PAGE = 4096, USER = 0x10000, TID = 12, TGID = 11, OTHER_TASK = 0x100, SIGNAL_REFUSED = 33 };
static const uint64_t OBJECT = 0xffff888000001000, TASK = 0xffff888000002000;

static struct skep_env env;
static char user[PAGE], object[PAGE];
static char traced[256];
static uint32_t signalled;
static bool to_process;
static uint64_t overridden;

/* What the host claims to have of the task at an address of the program's own. */
static uint64_t claimed;

static int copy(void *to, const char *memory, uint64_t base, uint64_t from, size_t len)
{
	memset(to, 0xee, len); /* what a caller must not rely on */
	if (from < base || len > PAGE || from - base > PAGE - len)
		return -EFAULT;
	memcpy(to, memory + (from - base), len);
	return 0;
}

static int read_user(struct skep_env *e, void *to, uint64_t from, size_t len)
{
	assert_true(from < TASK_OBJECTS);
	if (from == claimed) {
		memset(to, 'c', len);
		return 0;
	}
	return copy(to, user, USER, from, len);
}

static int write_user(struct skep_env *e, uint64_t to, const void *from, size_t len)
{
	assert_true(to < TASK_OBJECTS);
	if (to < USER || to - USER > PAGE - len)
		return -EFAULT;
	memcpy(user + (to - USER), from, len);
	return 0;
}

static int read_user_string(struct skep_env *e, char *to, uint64_t from, size_t size)
{
	assert_true(from < TASK_OBJECTS);
	for (size_t i = 0; i < size; i++) {
		if (copy(to + i, user, USER, from + i, 1))
			return -EFAULT;
		if (!to[i])
			return (int)i;
	}
	return -EINVAL;
}

static int read_task(struct skep_env *e, uint64_t task, void *to, uint64_t from, size_t len)
{
	return task == TASK ? copy(to, user, USER, from, len) : -ESRCH;
}

static int read_kernel(struct skep_env *e, void *to, uint64_t from, size_t len)
{
	return copy(to, object, OBJECT, from, len);
}

static uint64_t task_of(struct skep_env *e)
{
	return e->task->arg == &env ? TASK : 0;
}

static uint64_t regs_of(struct skep_env *e, uint64_t task)
{
	return task == TASK ? TASK + 8 : 0;
}

static uint64_t find(struct skep_env *e, uint32_t tid)
{
	return tid == TID ? TASK : 0;
}

static uint64_t uid_gid(struct skep_env *e)
{
	return 77ull << 32 | 66;
}

static void comm(struct skep_env *e, char to[16])
{
	strcpy(to, "straw-and-more!");
}

static uint32_t cgroups(struct skep_env *e, uint64_t *ids, uint32_t room)
{
	ids[0] = 30;
	ids[1] = 20;
	ids[2] = 10;
	return 3;
}

static int pid_ns(struct skep_env *e, uint64_t dev, uint64_t ino, uint32_t *tid, uint32_t *tgid)
{
	*tid = 3;
	*tgid = 2;
	return dev == 4 && ino == 5 ? 0 : -EINVAL;
}

static int send(struct skep_env *e, uint32_t sig, bool whole_process)
{
	signalled = sig;
	to_process = whole_process;
	return sig == SIGNAL_REFUSED ? -EPERM : 0;
}

static int override(struct skep_env *e, uint64_t value)
{
	overridden = value;
	return 0;
}

static int d_path(struct skep_env *e, uint64_t path, char *buf, uint32_t size)
{
	static const char hive[] = "/hive";

	if (path != OBJECT)
		return -EFAULT;
	if (size < sizeof(hive))
		return -ENAMETOOLONG;
	memcpy(buf, hive, sizeof(hive));
	return sizeof(hive);
}

static const struct task_host host = {
	.read_user = read_user,
	.write_user = write_user,
	.read_user_string = read_user_string,
	.read_task = read_task,
	.read_kernel = read_kernel,
	.task = task_of,
	.regs = regs_of,
	.find = find,
	.uid_gid = uid_gid,
	.comm = comm,
	.cgroups = cgroups,
	.pid_ns = pid_ns,
	.signal = send,
	.override = override,
	.d_path = d_path,
};
static const struct env_task task = {.host = &host, .arg = &env, .tid = TID, .tgid = TGID};

static uint64_t call(skep_fn fn, const uint64_t r[5])
{
	return fn(r[0], r[1], r[2], r[3], r[4], &env);
}

static void take_trace(void *arg, const char *text, size_t len)
{
	memcpy(traced, text, len);
	traced[len] = 0;
}

static int setup(void **state)
{
	memset(&env, 0, sizeof(env));
	claimed = 0;
	memset(user, 'u', sizeof(user));
	memset(object, 'k', sizeof(object));
	strcpy(user + 16, "of the user");
	strcpy(object + 16, "of the kernel");
	env.trace.write = take_trace;
	env.task = &task;
	return 0;
}

static void the_current_task_is_the_trees(void **state)
{
	char name[16], small[4];

	assert_int_equal(CALL(get_current_pid_tgid), (uint64_t)TGID << 32 | TID);
	assert_int_equal(CALL(get_current_uid_gid), 77ull << 32 | 66);
	assert_int_equal(CALL(get_current_comm, PTR(name), sizeof(name)), 0);
	assert_string_equal(name, "straw-and-more!");
	assert_int_equal(CALL(get_current_comm, PTR(small), sizeof(small)), 0);
	assert_string_equal(small, "str");
	assert_int_equal(CALL(get_current_task), TASK);
	assert_int_equal(CALL(get_current_task_btf), TASK);
	assert_int_equal(CALL(task_pt_regs, TASK), TASK + 8);
	assert_int_equal(CALL(task_pt_regs, OTHER_TASK), 0);
}

#define KCALL(name, ...) call(k_##name, (uint64_t[5]){__VA_ARGS__})

static void a_task_is_found_by_its_number(void **state)
{
	assert_int_equal(KCALL(bpf_task_from_pid, TID), TASK);
	assert_int_equal(KCALL(bpf_task_from_vpid, TID), TASK);
	assert_int_equal(KCALL(bpf_task_from_pid, TID + 1), 0);
	assert_int_equal(KCALL(bpf_task_from_pid, (uint32_t)-TID), 0);
	assert_int_equal(KCALL(bpf_task_acquire, TASK), TASK);
	assert_int_equal(KCALL(bpf_task_acquire, TASK + 8), 0);
	assert_int_equal(KCALL(bpf_task_release, TASK), 0);
	assert_int_equal(KCALL(bpf_rdonly_cast, TASK, 5), TASK);
	env.task = NULL;
	assert_int_equal(KCALL(bpf_task_from_pid, TID), 0);
	assert_int_equal(KCALL(bpf_task_acquire, TASK), 0);
}

static void a_namespace_and_a_cgroup_are_the_tasks(void **state)
{
	struct bpf_pidns_info info;

	assert_int_equal(CALL(get_ns_current_pid_tgid, 4, 5, PTR(&info), sizeof(info)), 0);
	assert_int_equal(info.pid, 3);
	assert_int_equal(info.tgid, 2);
	assert_int_equal(CALL(get_ns_current_pid_tgid, 4, 6, PTR(&info), sizeof(info)), -EINVAL);
	assert_int_equal(info.pid, 0);
	assert_int_equal(CALL(get_current_cgroup_id), 30);
	assert_int_equal(CALL(get_current_ancestor_cgroup_id, 0), 10);
	assert_int_equal(CALL(get_current_ancestor_cgroup_id, 2), 30);
	assert_int_equal(CALL(get_current_ancestor_cgroup_id, 3), 0);
	assert_int_equal(CALL(get_current_ancestor_cgroup_id, UINT64_MAX), 0);
	/* What was the task's is not the thread's, once there is no task. */
	env.task = NULL;
	assert_int_not_equal(CALL(get_current_cgroup_id), 30);
}

static void memory_of_the_user_is_the_tasks(void **state)
{
	char to[8], own[] = "own";

	assert_int_equal(CALL(probe_read_user, PTR(to), 6, USER + 16), 0);
	assert_memory_equal(to, "of the", 6);
	assert_int_equal(CALL(probe_read_user, PTR(to), 8, USER + PAGE - 4), -EFAULT);
	assert_memory_equal(to, "\0\0\0\0\0\0\0\0", 8);
	assert_int_equal(CALL(probe_read_user, PTR(to), 0, 0), 0);
	assert_int_equal(CALL(probe_read_user, PTR(to), 3, PTR(own)), -EFAULT);
	assert_int_equal(CALL(probe_read_user, PTR(to), 3, OBJECT), -EFAULT);
	assert_int_equal(CALL(copy_from_user, PTR(to), 6, USER + 16), 0);
	assert_int_equal(CALL(copy_from_user, PTR(to), 6, OBJECT), -EFAULT);
	assert_int_equal(CALL(probe_read_user_str, PTR(to), 8, USER + 16), 8);
	assert_memory_equal(to, "of the \0", 8);
	assert_int_equal(CALL(probe_read_user_str, PTR(to), 8, USER + 23), 5);
	assert_string_equal(to, "user");
	assert_int_equal(CALL(probe_read_user_str, PTR(to), 8, USER + PAGE), -EFAULT);
	assert_int_equal(to[0], 0);
	assert_int_equal(CALL(probe_read_user_str, PTR(to), 8, OBJECT + 16), -EFAULT);
	assert_int_equal((int64_t)call(k_bpf_copy_from_user_str, (uint64_t[5]){PTR(to), 8, USER + 23}), 5);
	assert_string_equal(to, "user");
}

static void memory_of_another_task_is_asked_for_by_its_address(void **state)
{
	char to[8];

	assert_int_equal(CALL(copy_from_user_task, PTR(to), 6, USER + 16, TASK, 0), 0);
	assert_memory_equal(to, "of the", 6);
	assert_int_equal(CALL(copy_from_user_task, PTR(to), 6, USER + 16, OTHER_TASK, 0), -EFAULT);
	assert_memory_equal(to, "\0\0\0\0\0\0", 6);
	assert_int_equal(CALL(copy_from_user_task, PTR(to), 6, USER + PAGE, TASK, 0), -EFAULT);
	assert_int_equal(CALL(copy_from_user_task, PTR(to), 6, USER, TASK, 1), -EINVAL);
	assert_int_equal(CALL(copy_from_user_task, PTR(to), 0, 0, TASK, 0), 0);
}

static void memory_of_the_kernel_is_objects_and_the_programs_own(void **state)
{
	char to[16], own[] = "own";

	assert_int_equal(CALL(probe_read_kernel, PTR(to), 6, OBJECT + 16), 0);
	assert_memory_equal(to, "of the", 6);
	assert_int_equal(CALL(probe_read_kernel, PTR(to), 8, OBJECT + PAGE - 4), -EFAULT);
	assert_memory_equal(to, "\0\0\0\0\0\0\0\0", 8);
	assert_int_equal(CALL(probe_read_kernel, PTR(to), 4, PTR(own)), 0);
	assert_string_equal(to, "own");
	assert_int_equal(CALL(probe_read_kernel, PTR(to), 4, USER), -EFAULT);
	assert_int_equal(CALL(probe_read_kernel, PTR(to), 4, 8), -ERANGE);
	assert_int_equal(CALL(probe_read_kernel_str, PTR(to), 16, OBJECT + 16), 14);
	assert_string_equal(to, "of the kernel");
	assert_int_equal(CALL(probe_read_kernel_str, PTR(to), 4, OBJECT + 16), 4);
	assert_string_equal(to, "of ");
	assert_int_equal(CALL(probe_read_kernel_str, PTR(to), 4, PTR(own)), 4);
	assert_int_equal(CALL(probe_read_kernel_str, PTR(to), 4, OBJECT + PAGE), -EFAULT);
	assert_int_equal((int64_t)call(k_bpf_strlen, (uint64_t[5]){OBJECT + 16}), 13);
	/* Without a task there are no objects. */
	env.task = NULL;
	assert_int_equal(CALL(probe_read_kernel, PTR(to), 4, OBJECT), -EFAULT);
	assert_int_equal(CALL(probe_read_kernel_str, PTR(to), 4, OBJECT), -EFAULT);
}

/* A string that ends with its object, however it lies to the pieces that are read. */
static void a_string_may_end_where_its_object_does(void **state)
{
	char to[PAGE + 1];

	for (uint32_t n = 1; n < 700; n++) {
		memset(object, 'k', PAGE);
		object[PAGE - 1] = 0;
		assert_int_equal(CALL(probe_read_kernel_str, PTR(to), sizeof(to), OBJECT + PAGE - n), n);
		assert_int_equal(strlen(to), n - 1);
		object[PAGE - 1] = 'k';
		assert_int_equal(CALL(probe_read_kernel_str, PTR(to), sizeof(to), OBJECT + PAGE - n), -EFAULT);
	}
}

static void an_address_of_either_is_found(void **state)
{
	char to[16], here[] = "own", *far = malloc(4);
	static char global[] = "glo";
	uint64_t words[4] = {7};

	assert_int_equal(CALL(probe_read, PTR(to), 6, USER + 16), 0);
	assert_int_equal(CALL(probe_read, PTR(to), 4, OBJECT), 0);
	assert_memory_equal(to, "kkkk", 4);
	assert_int_equal(CALL(probe_read, PTR(to), 4, PTR(here)), 0);
	assert_string_equal(to, "own");
	strcpy(far, "far");
	assert_int_equal(CALL(probe_read, PTR(to), 4, PTR(far)), 0);
	assert_string_equal(to, "far");
	/* The context and the stack are the program's, whatever the task has there. */
	claimed = PTR(here);
	assert_int_equal(CALL(probe_read, PTR(to), 4, PTR(here)), 0);
	assert_string_equal(to, "own");
	claimed = PTR(far);
	assert_int_equal(CALL(probe_read, PTR(to), 3, PTR(far)), 0);
	assert_memory_equal(to, "ccc", 3);
	claimed = PTR(global);
	env.ctx = global;
	assert_int_equal(CALL(probe_read, PTR(to), 3, PTR(global)), 0);
	assert_memory_equal(to, "ccc", 3);
	env.attach.ctx_size = sizeof(global);
	assert_int_equal(CALL(probe_read, PTR(to), 4, PTR(global)), 0);
	assert_string_equal(to, "glo");
	env.ctx = words;
	env.attach.ctx_size = sizeof(words);
	assert_int_equal(CALL(probe_read, PTR(to), 8, PTR(words)), 0);
	assert_int_equal(to[0], 7);
	assert_int_equal(CALL(probe_read_str, PTR(to), 16, USER + 23), 5);
	assert_string_equal(to, "user");
	assert_int_equal(CALL(probe_read_str, PTR(to), 16, OBJECT + 16), 14);
	assert_int_equal(CALL(probe_read_str, PTR(to), 16, PTR(far)), 4);
	assert_int_equal(CALL(probe_read_str, PTR(to), 16, 0xdead0000), -EFAULT);
	free(far);
}

static void texts_follow_the_tasks_pointers(void **state)
{
	static const char fmt[] = "%s|%s|%pus|%pks|%pus";
	uint64_t args[] = {USER + 16, OBJECT + 16, USER + 16, OBJECT + 16, OBJECT + 16};

	assert_true(CALL(trace_vprintk, PTR(fmt), sizeof(fmt), PTR(args), sizeof(args)) > 0);
	assert_string_equal(traced, "of the user|of the kernel|of the user|of the kernel|");
}

static void what_changes_the_task_reaches_it(void **state)
{
	assert_int_equal(CALL(probe_write_user, USER + 1, PTR("wax"), 3), 0);
	assert_memory_equal(user, "uwaxu", 5);
	assert_int_equal(CALL(probe_write_user, USER + PAGE - 1, PTR("wax"), 3), -EFAULT);
	assert_int_equal(CALL(probe_write_user, OBJECT, PTR("wax"), 3), -EFAULT);
	assert_int_equal(CALL(send_signal, SIGKILL), 0);
	assert_true(signalled == SIGKILL && to_process);
	assert_int_equal(CALL(send_signal_thread, SIGUSR1), 0);
	assert_true(signalled == SIGUSR1 && !to_process);
	assert_int_equal(CALL(send_signal, SIGNAL_REFUSED), -EPERM);
	signalled = 0;
	assert_int_equal(CALL(send_signal, 65), -EINVAL);
	assert_int_equal(signalled, 0);
	assert_int_equal(CALL(override_return, 0, (uint64_t)-EACCES), 0);
	assert_int_equal(overridden, (uint64_t)-EACCES);
}

static void without_a_task_nothing_is_changed(void **state)
{
	char own[] = "own", to[4] = "abc";

	env.task = NULL;
	signalled = 0;
	assert_int_equal(CALL(probe_write_user, PTR(own), PTR("wax"), 3), -EPERM);
	assert_string_equal(own, "own");
	assert_int_equal(CALL(send_signal, SIGKILL), -EPERM);
	assert_int_equal(CALL(send_signal_thread, SIGKILL), -EPERM);
	assert_int_equal(signalled, 0);
	assert_int_equal(CALL(override_return, 0, 1), 0);
	assert_int_equal(CALL(get_current_task), 0);
	assert_int_equal(CALL(get_current_task_btf), 0);
	assert_int_equal(CALL(task_pt_regs, TASK), 0);
	assert_int_equal(CALL(d_path, OBJECT, PTR(to), 4), -EFAULT);
	assert_int_equal(CALL(copy_from_user_task, PTR(to), 4, USER, TASK, 0), -EFAULT);
	assert_memory_equal(to, "\0\0\0\0", 4);
}

static void a_path_is_written_or_refused(void **state)
{
	char to[8];

	assert_int_equal(CALL(d_path, OBJECT, PTR(to), sizeof(to)), 6);
	assert_string_equal(to, "/hive");
	assert_int_equal(CALL(d_path, OBJECT, PTR(to), 5), -ENAMETOOLONG);
	assert_int_equal(CALL(d_path, OBJECT + 8, PTR(to), 8), -EFAULT);
	assert_int_equal(CALL(d_path, OBJECT + 8, PTR(to), 0), 0);
}

static void arguments_and_results_are_those_the_hook_has(void **state)
{
	uint64_t ctx[] = {5, 6, 7}, to = 9;

	assert_int_equal(CALL(get_func_arg_cnt, PTR(ctx)), 0);
	assert_int_equal(CALL(get_func_arg, PTR(ctx), 0, PTR(&to)), -EINVAL);
	assert_int_equal(to, 0);
	assert_int_equal(CALL(get_func_ret, PTR(ctx), PTR(&to)), -EOPNOTSUPP);
	env.attach.n_args = 2;
	env.attach.has_ret = true;
	assert_int_equal(CALL(get_func_arg_cnt, PTR(ctx)), 2);
	assert_int_equal(CALL(get_func_arg, PTR(ctx), 1, PTR(&to)), 0);
	assert_int_equal(to, 6);
	assert_int_equal(CALL(get_func_arg, PTR(ctx), 2, PTR(&to)), -EINVAL);
	assert_int_equal(CALL(get_func_ret, PTR(ctx), PTR(&to)), 0);
	assert_int_equal(to, 7);
	assert_int_equal(CALL(set_retval, (uint32_t)-EACCES), 0);
	assert_int_equal(CALL(get_retval), -EACCES);
}

#define TEST(fn) cmocka_unit_test_setup(fn, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_current_task_is_the_trees),
		TEST(a_task_is_found_by_its_number),
		TEST(a_namespace_and_a_cgroup_are_the_tasks),
		TEST(memory_of_the_user_is_the_tasks),
		TEST(memory_of_another_task_is_asked_for_by_its_address),
		TEST(memory_of_the_kernel_is_objects_and_the_programs_own),
		TEST(a_string_may_end_where_its_object_does),
		TEST(an_address_of_either_is_found),
		TEST(texts_follow_the_tasks_pointers),
		TEST(what_changes_the_task_reaches_it),
		TEST(without_a_task_nothing_is_changed),
		TEST(a_path_is_written_or_refused),
		TEST(arguments_and_results_are_those_the_hook_has),
	};

	return cmocka_run_group_tests_name("the current task", tests, NULL, NULL);
}
