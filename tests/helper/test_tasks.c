/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs on a task of a tree: runs/tasks.bpf.c in the JIT and in the interpreter, for a child of the test's own as the current task. What a program reads by
 * address it gets by loads, too, and nothing that it follows can hurt.
 */
#include "runs/expect.h"

#include "bpf/fd.h"
#include "bpf/hive.h"
#include "hook/task/view.h"
#include "insn/insn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <linux/ptrace.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NR = 257, PAGE = 4096 };

static pid_t child;
static char *shared; /* a page that the child has too */
static struct objects *objects;
static struct view *view;
static struct thread thread;
static struct task_event event;

static void make_child(void)
{
	int ready[2];
	char c = 0;

	shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_int_equal(pipe(ready), 0);
	child = fork();
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, "current");
		if (write(ready[1], &c, 1) == 1)
			pause();
		_exit(0);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	close(ready[1]);
}

static int set_up(void **state)
{
	int err;

	make_child();
	err = test_setup(state);
	thread = (struct thread){.tid = child,
				 .tgid = child,
				 .own_tid = child,
				 .own_tgid = child,
				 .pidfd = (int)syscall(SYS_pidfd_open, child, 0)};
	event = (struct task_event){.kind = TASK_CALL, .thread = &thread, .nr = NR, .args = {(uintptr_t)shared}};
	assert_int_equal(objects_new(&(struct objects_opts){.proc = open("/proc", O_RDONLY | O_DIRECTORY),
							    .btf = test.hive->presented},
				     &objects),
			 0);
	view = view_new(objects);
	assert_non_null(view);
	return err;
}

static int tear_down(void **state)
{
	view_free(view);
	objects_free(objects);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	close(thread.pidfd);
	munmap(shared, PAGE);
	return test_teardown(state);
}

/* Runs a program over words that @fill makes: for the child, or with no task at all. */
static uint64_t run(struct bpf_object *obj, const char *name, bool for_child, void (*fill)(uint64_t *ctx),
		    struct skep_env *seen)
{
	struct hive_worker *w = hive_worker_get(test.hive);
	uint64_t ctx[sizeof(struct pt_regs) / 8] = {0}, ret;
	struct hive_prog *p;
	int why;

	pthread_mutex_lock(&test.hive->lock);
	p = hive_prog_get(test.hive, bpf_program__fd(program_of(obj, name)), &why);
	pthread_mutex_unlock(&test.hive->lock);
	assert_non_null(p);
	if (for_child)
		view_enter(view, &w->env, &event);
	if (fill)
		fill(ctx);
	w->env.attach.n_args = 1;
	ret = hive_prog_exec(p, ctx, &w->env);
	assert_int_equal(w->env.fault, FAULT_NONE);
	if (seen)
		*seen = w->env;
	w->env.attach.n_args = 0;
	w->env.attach.retval = 0;
	if (for_child)
		view_leave(view, &w->env);
	hive_worker_put(test.hive, w);
	pthread_mutex_lock(&test.hive->lock);
	hive_object_put(&p->o);
	pthread_mutex_unlock(&test.hive->lock);
	return ret;
}

static void sys_enter_words(uint64_t *ctx)
{
	ctx[0] = view_regs(view);
	ctx[1] = NR;
}

/* Registers of the kernel's function: its argument is the user's registers. */
static void probed_words(uint64_t *ctx)
{
	((struct pt_regs *)ctx)->rdi = view_regs(view);
}

static int64_t command_line_of(pid_t pid, char *to, size_t size)
{
	char name[64];
	int64_t n;
	int fd;

	snprintf(name, sizeof(name), "/proc/%d/cmdline", pid);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	n = read(fd, to, size);
	close(fd);
	return n;
}

static uint64_t pid_namespace(void)
{
	struct stat st;

	assert_int_equal(stat("/proc/self/ns/pid", &st), 0);
	return st.st_ino;
}

static void loads_give_what_reads_give(void **state)
{
	struct bpf_object *obj = load_object("tasks");
	int64_t read[OUT_WORDS], loaded[OUT_WORDS];
	char line[PAGE];

	run(obj, "by_reading", true, NULL, NULL);
	out_of(obj, read);
	EXPECT(obj, child, child, getpid(), getuid(), geteuid(), SAME, SAME, (int64_t)pid_namespace(), getpid(), SAME,
	       WORD("current\0"), 0);
	assert_int_equal(read[6] - read[5], command_line_of(child, line, sizeof(line)));

	run(obj, "by_loads", true, sys_enter_words, NULL);
	out_of(obj, loaded);
	assert_memory_equal(read, loaded, 12 * sizeof(*read));
	assert_int_equal(loaded[12], (uintptr_t)shared);
	assert_int_equal(loaded[13], NR);
	assert_int_equal(loaded[14], 1);
	assert_int_equal(loaded[15], NR);
	bpf_object__close(obj);
}

static void tasks_are_found_and_cast(void **state)
{
	struct bpf_object *obj = load_object("tasks");

	run(obj, "found", true, sys_enter_words, NULL);
	EXPECT(obj, getpid(), 1, child, getpid(), 0);
	bpf_object__close(obj);
}

/* As the kernel shows loads of this kind: what the program was written with. */
static void a_dump_shows_plain_loads(void **state)
{
	struct bpf_object *obj = load_object("tasks");
	struct bpf_insn insns[256];
	struct bpf_prog_info info = {.xlated_prog_insns = (uintptr_t)insns, .xlated_prog_len = sizeof(insns)};
	uint32_t len = sizeof(info), loads = 0;

	assert_int_equal(bpf_obj_get_info_by_fd(bpf_program__fd(program_of(obj, "by_loads")), &info, &len), 0);
	assert_true(info.xlated_prog_len && info.xlated_prog_len <= sizeof(insns));
	for (uint32_t i = 0; i < info.xlated_prog_len / sizeof(*insns); i++) {
		assert_false(insn_is_probe(&insns[i]));
		loads += BPF_CLASS(insns[i].code) == BPF_LDX;
		i += insn_is_wide(&insns[i]);
	}
	assert_true(loads > 20);
	bpf_object__close(obj);
}

static const uint64_t nowhere[] = {0,
				   8,
				   0xffff888000000000,
				   0xffff888012345678,
				   UINT64_MAX,
				   UINT64_MAX - 6,
				   0x7fffffffffff,
				   0x0000800000000000,
				   0xdead000000000100};
static size_t nowhere_at;

static void bad_words(uint64_t *ctx)
{
	ctx[0] = nowhere[nowhere_at];
	ctx[1] = nowhere[ARRAY_SIZE(nowhere) - 1 - nowhere_at];
}

/* For a task, and where there is none. */
static void a_pointer_to_nothing_is_zeroes(void **state)
{
	struct bpf_object *obj = load_object("tasks");

	for (nowhere_at = 0; nowhere_at < ARRAY_SIZE(nowhere); nowhere_at++) {
		run(obj, "through_nothing", true, bad_words, NULL);
		EXPECT(obj, 1, 2, 3, 4);
		run(obj, "through_nothing", false, bad_words, NULL);
		EXPECT(obj, 1, 2, 3, 4);
	}
	bpf_object__close(obj);
}

/* Without a task there is none to look at: no crash, and nothing of skep's own. */
static void a_test_run_has_no_task(void **state)
{
	struct bpf_object *obj = load_object("tasks");
	uint64_t words[2] = {0};

	run(obj, "by_loads", false, NULL, NULL);
	EXPECT(obj, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0);
	run_ctx(obj, "by_reading", words, sizeof(words));
	EXPECT(obj, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	bpf_object__close(obj);
}

static void what_changes_the_task_changes_the_child(void **state)
{
	struct bpf_object *obj = load_object("tasks");

	strcpy(shared, "comb");
	run(obj, "changes", true, probed_words, NULL);
	EXPECT(obj, (int64_t)(uintptr_t)shared, 0, 0, 0, 0, 0);
	assert_string_equal(shared, "wax");
	assert_int_equal(event.verdict, TASK_DENY);
	assert_int_equal(event.answer, -EACCES);
	bpf_object__close(obj);
}

static int opened_fd;

static void file_words(uint64_t *ctx)
{
	ctx[0] = view_open_file(view, opened_fd, NULL, O_WRONLY | O_APPEND);
}

static void a_file_has_a_path_and_an_inode(void **state)
{
	struct bpf_object *obj = load_object("tasks");
	struct stat st;

	opened_fd = open("/etc/passwd", O_PATH | O_CLOEXEC);
	assert_int_equal(fstat(opened_fd, &st), 0);
	run(obj, "opened", true, file_words, NULL);
	EXPECT(obj, sizeof("/etc/passwd"), (int64_t)st.st_ino, st.st_mode, O_WRONLY | O_APPEND, 0);
	close(opened_fd);
	bpf_object__close(obj);
}

static void arguments_are_words_of_the_context(void **state)
{
	struct bpf_object *obj = load_object("tasks");

	run(obj, "arguments", true, sys_enter_words, NULL);
	EXPECT(obj, 1, 0, 1, -EINVAL, -EOPNOTSUPP);
	bpf_object__close(obj);
}

static void a_verdict_is_the_hooks(void **state)
{
	struct bpf_object *obj = load_object("tasks");
	struct skep_env seen;

	assert_int_equal(run(obj, "verdicts", true, NULL, &seen), 1);
	EXPECT(obj, 0, 0, -EACCES);
	assert_int_equal(seen.attach.retval, -EACCES);
	bpf_object__close(obj);
}

static void no_helper_takes_an_object_as_memory(void **state)
{
	struct bpf_object *obj = open_object("tasks");

	bpf_program__set_autoload(program_of(obj, "as_memory"), true);
	assert_int_equal(bpf_object__load(obj), -EACCES);

	assert_non_null(strstr(test.said, "R2 is an object that skep presents, which is no memory here: copy it by "
					  "bpf_probe_read_kernel() first"));
	bpf_object__close(obj);
}

#define TASK_TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TASK_TEST(loads_give_what_reads_give),     TASK_TEST(tasks_are_found_and_cast),
		TASK_TEST(a_dump_shows_plain_loads),       TASK_TEST(a_pointer_to_nothing_is_zeroes),
		TASK_TEST(a_test_run_has_no_task),         TASK_TEST(what_changes_the_task_changes_the_child),
		TASK_TEST(a_file_has_a_path_and_an_inode), TASK_TEST(arguments_are_words_of_the_context),
		TASK_TEST(a_verdict_is_the_hooks),         TASK_TEST(no_helper_takes_an_object_as_memory),
	};

	return test_main(argc, argv, tests, ARRAY_SIZE(tests), "programs on a task");
}
