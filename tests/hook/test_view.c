/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a program sees of a task: a view of a real process, a child of the test's own that stands still while it is looked at. Members are read where the BTF says
 * that they lie: skep's own, and the running kernel's where there is one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/util.h"
#include "btf/kernel.h"
#include "helper/impl.h"
#include "hook/task/members.h"
#include "hook/task/view.h"

#include <arpa/inet.h>
#include <bpf/btf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CALL(name, ...) ((int64_t)call(h_##name, (uint64_t[5]){__VA_ARGS__}))
#define PTR(p)          ((uint64_t)(uintptr_t)(p))

enum { PAGE = 4096, UID = 1234, GID = 2345 };

/* What the child and the test share. */
static struct shared {
	char *page; /* in the child: three pages, the last of which is not there; the same address here */
	uint32_t number;
	int listener, client, unix_socket, file;
	uint16_t port;
	int tid; /* the child's second thread */
	char text[16];
} * shared;

static struct btf *btf;
static bool kernels; /* it is the running kernel's */
static struct objects *objects;
static struct view *view;
static struct skep_env env;
static struct thread thread;
static struct task_event event;
static pid_t child;
static int wake;

static uint64_t call(skep_fn fn, const uint64_t r[5])
{
	return fn(r[0], r[1], r[2], r[3], r[4], &env);
}

static void open_sockets(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);

	shared->listener = socket(AF_INET, SOCK_STREAM, 0);
	shared->client = socket(AF_INET, SOCK_STREAM, 0);
	shared->unix_socket = socket(AF_UNIX, SOCK_DGRAM, 0);
	if (bind(shared->listener, (struct sockaddr *)&at, len) || listen(shared->listener, 7) ||
	    getsockname(shared->listener, (struct sockaddr *)&at, &len) ||
	    connect(shared->client, (struct sockaddr *)&at, len))
		_exit(3);
	shared->port = ntohs(at.sin_port);
}

static void *be_thread(void *arg)
{
	prctl(PR_SET_NAME, "second");
	__atomic_store_n(&shared->tid, (int)syscall(SYS_gettid), __ATOMIC_RELEASE);
	for (;;)
		pause();
	return NULL;
}

static _Noreturn void be_child(int ready, int go)
{
	pthread_t second;
	char c = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "a child (x) ");
	shared->page = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(shared->page, 'x', 2 * PAGE);
	strcpy(shared->page + 2 * PAGE - 6, "straw");
	munmap(shared->page + 2 * PAGE, PAGE);
	shared->number = 42;
	pthread_create(&second, NULL, be_thread, NULL);
	while (!__atomic_load_n(&shared->tid, __ATOMIC_ACQUIRE))
		sched_yield();
	open_sockets();
	shared->file = open("/proc/self/maps", O_RDONLY | O_NONBLOCK);
	if (chdir("/usr/lib") || shared->file < 0)
		_exit(2);
	if (write(ready, &c, 1) != 1)
		_exit(1);
	while (read(go, &c, 1) == 1) {
		if (c == 'n')
			prctl(PR_SET_NAME, "renamed");
		if (c == 'u' && (setresgid(GID, GID, GID) || setresuid(UID, UID, UID)))
			_exit(4);
		if (c == 'd')
			dup2(shared->listener, shared->client);
		if (c == 'u') /* else nobody may look into it any more */
			prctl(PR_SET_DUMPABLE, 1);
		if (write(ready, &c, 1) != 1)
			break;
	}
	_exit(0);
}

static int ready_fd;

static void tell_child(char what)
{
	assert_int_equal(write(wake, &what, 1), 1);
	assert_int_equal(read(ready_fd, &what, 1), 1);
}

static uint64_t start_of(pid_t pid)
{
	char name[64], text[1024], *at;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/%d/stat", pid);
	f = fopen(name, "re");
	assert_non_null(f);
	assert_non_null(fgets(text, sizeof(text), f));
	fclose(f);
	at = strrchr(text, ')') + 2;
	for (int i = 3; i < 22; i++)
		at = strchr(at, ' ') + 1;
	return strtoull(at, NULL, 10);
}

static void next_event(enum task_event_kind kind)
{
	if (env.task)
		view_leave(view, &env);
	event.kind = kind;
	event.verdict = TASK_GO_ON;
	view_enter(view, &env, &event);
}

static int setup(void **state)
{
	int ready[2], go[2];
	char c;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_int_equal(pipe2(ready, O_CLOEXEC) | pipe2(go, O_CLOEXEC), 0);
	child = fork();
	if (!child) {
		close(go[1]);
		be_child(ready[1], go[0]);
	}
	close(ready[1]);
	close(go[0]);
	ready_fd = ready[0];
	wake = go[1];
	assert_int_equal(read(ready_fd, &c, 1), 1);

	memset(&env, 0, sizeof(env));
	thread = (struct thread){.tid = child,
				 .tgid = child,
				 .own_tid = child,
				 .own_tgid = child,
				 .pidfd = (int)syscall(SYS_pidfd_open, child, 0),
				 .start = start_of(child)};
	event = (struct task_event){
		.thread = &thread, .nr = SYS_openat, .args = {1, 2, 3, 4, 5, 6}, .ip = 0x1234, .sp = 0x5678};
	assert_int_equal(objects_new(&(struct objects_opts){.proc = open("/proc", O_RDONLY | O_DIRECTORY), .btf = btf},
				     &objects),
			 0);
	view = view_new(objects);
	assert_non_null(view);
	next_event(TASK_CALL);
	return 0;
}

static int teardown(void **state)
{
	view_leave(view, &env);
	view_free(view);
	objects_free(objects);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	close(wake);
	close(ready_fd);
	close(thread.pidfd);
	munmap(shared, sizeof(*shared));
	return 0;
}

/* A member as a CO-RE program reads it; -1: this BTF has none. */
static int64_t read_member(uint64_t object, const char *type, const char *path)
{
	struct member_place m;
	uint64_t value = 0;

	if (!member_find(btf, type, path, &m))
		return -1;
	assert_true(m.size <= 8);
	assert_int_equal(CALL(probe_read_kernel, PTR(&value), m.size, object + m.offset), 0);
	return (int64_t)(m.bits ? value >> m.shift & ((1ull << m.bits) - 1) : value);
}

static bool has(const char *type, const char *path)
{
	struct member_place m;

	return member_find(btf, type, path, &m);
}

static uint64_t task(void)
{
	return (uint64_t)CALL(get_current_task);
}

#define TASK(path) read_member(task(), "task_struct", path)

static void the_current_task_is_the_child(void **state)
{
	char comm[16];
	uint64_t at = task();

	assert_int_equal(CALL(get_current_pid_tgid), (uint64_t)child << 32 | (uint32_t)child);
	assert_int_equal(CALL(get_current_uid_gid), (uint64_t)getgid() << 32 | getuid());
	assert_int_equal(CALL(get_current_comm, PTR(comm), sizeof(comm)), 0);
	assert_string_equal(comm, "a child (x) ");
	assert_true(at >= TASK_OBJECTS);
	assert_int_equal(TASK("pid"), child);
	assert_int_equal(TASK("tgid"), child);
	assert_int_equal(TASK("group_leader"), at);
	assert_int_equal(read_member((uint64_t)TASK("real_parent"), "task_struct", "tgid"), getpid());
	next_event(TASK_RETURN);
	assert_int_equal(task(), at);
}

static void a_name_is_that_of_now(void **state)
{
	char comm[16];
	struct member_place m;

	assert_true(member_find(btf, "task_struct", "comm", &m));
	assert_true(CALL(probe_read_kernel_str, PTR(comm), sizeof(comm), task() + m.offset) > 0);
	assert_string_equal(comm, "a child (x) ");
	assert_int_equal(CALL(get_current_comm, PTR(comm), sizeof(comm)), 0);
	assert_string_equal(comm, "a child (x) ");
	tell_child('n');
	next_event(TASK_CALL);
	assert_true(CALL(probe_read_kernel_str, PTR(comm), sizeof(comm), task() + m.offset) > 0);
	assert_string_equal(comm, "renamed");
	assert_int_equal(CALL(get_current_comm, PTR(comm), sizeof(comm)), 0);
	assert_string_equal(comm, "renamed");
}

static void credentials_are_those_of_now(void **state)
{
	uint64_t cred = (uint64_t)TASK("cred");

	assert_int_equal(read_member(cred, "cred", "uid"), getuid());
	assert_int_equal(read_member(cred, "cred", "egid"), getegid());
	if (getuid())
		skip();
	assert_int_equal(CALL(get_current_uid_gid), 0);
	tell_child('u');
	next_event(TASK_CALL);
	assert_int_equal(read_member(cred, "cred", "uid"), UID);
	assert_int_equal(read_member(cred, "cred", "fsgid"), GID);
	assert_int_equal(CALL(get_current_uid_gid), (uint64_t)GID << 32 | UID);
}

static void a_thread_shares_what_its_process_has(void **state)
{
	struct thread second = thread;
	uint64_t leader = task(), mm, self;
	char comm[16];

	second.tid = second.own_tid = shared->tid;
	mm = has("task_struct", "mm") ? (uint64_t)TASK("mm") : 0;
	event.thread = &second;
	next_event(TASK_CALL);
	self = task();
	assert_int_not_equal(self, leader);
	assert_int_equal(CALL(get_current_pid_tgid), (uint64_t)child << 32 | (uint32_t)shared->tid);
	assert_int_equal(TASK("pid"), shared->tid);
	assert_int_equal(TASK("tgid"), child);
	assert_int_equal(TASK("group_leader"), leader);
	assert_int_equal(read_member((uint64_t)TASK("real_parent"), "task_struct", "pid"), getpid());
	if (mm)
		assert_int_equal(TASK("mm"), mm);
	assert_int_equal(CALL(get_current_comm, PTR(comm), sizeof(comm)), 0);
	assert_string_equal(comm, "second");
	/* Its pidfd is its process's: what that says is not of it. */
	assert_int_equal(CALL(get_current_uid_gid), (uint64_t)getgid() << 32 | getuid());
	if (has("signal_struct", "live"))
		assert_true(read_member((uint64_t)TASK("signal"), "signal_struct", "live.counter") >= 2);
}

static void the_registers_are_the_calls(void **state)
{
	uint64_t regs = view_regs(view);

	assert_int_equal(CALL(task_pt_regs, task()), regs);
	assert_int_equal(CALL(task_pt_regs, task() + 8), 0);
	assert_int_equal(CALL(task_pt_regs, 0xffffffff81000000), 0);
	assert_int_equal(read_member(regs, "pt_regs", "orig_ax"), SYS_openat);
	assert_int_equal(read_member(regs, "pt_regs", "di"), 1);
	assert_int_equal(read_member(regs, "pt_regs", "si"), 2);
	assert_int_equal(read_member(regs, "pt_regs", "dx"), 3);
	assert_int_equal(read_member(regs, "pt_regs", "r10"), 4);
	assert_int_equal(read_member(regs, "pt_regs", "r9"), 6);
	assert_int_equal(read_member(regs, "pt_regs", "ax"), -ENOSYS);
	assert_int_equal(read_member(regs, "pt_regs", "ip"), 0x1234);
	assert_int_equal(read_member(regs, "pt_regs", "sp"), 0x5678);
	assert_int_equal(read_member(regs, "pt_regs", "bx"), 0);
	event.result = -EACCES;
	next_event(TASK_RETURN);
	assert_int_equal(read_member(regs, "pt_regs", "ax"), -EACCES);
	event.compat = true;
	next_event(TASK_CALL);
	assert_int_equal(read_member(regs, "pt_regs", "bx"), 1);
	assert_int_equal(read_member(regs, "pt_regs", "bp"), 6);
	assert_int_equal(read_member(regs, "pt_regs", "cs"), 0x23);
	/* Those of a parent are not known. */
	assert_int_equal(read_member((uint64_t)CALL(task_pt_regs, (uint64_t)TASK("real_parent")), "pt_regs", "di"), 0);
}

static void memory_ends_where_the_childs_does(void **state)
{
	uint64_t end = PTR(shared->page) + 2 * PAGE;
	char to[64], big[3 * PAGE];
	uint32_t word = 7;

	assert_int_equal(CALL(probe_read_user, PTR(to), 6, end - 6), 0);
	assert_string_equal(to, "straw");
	assert_int_equal(CALL(probe_read_user, PTR(to), 7, end - 6), -EFAULT);
	assert_memory_equal(to, "\0\0\0\0\0\0\0", 7);
	assert_int_equal(CALL(probe_read_user_str, PTR(to), sizeof(to), end - 6), 6);
	assert_string_equal(to, "straw");
	assert_int_equal(CALL(probe_read_user_str, PTR(to), 3, end - 6), 3);
	assert_string_equal(to, "st");
	assert_int_equal(CALL(probe_read_user_str, PTR(to), sizeof(to), end), -EFAULT);
	assert_int_equal(CALL(probe_read_user_str, PTR(big), sizeof(big), end - 2 * PAGE), 2 * PAGE);
	assert_int_equal(strlen(big), 2 * PAGE - 1);
	/* From one page into the next, at once. */
	assert_int_equal(CALL(probe_read_user_str, PTR(big), 32, end - PAGE - 16), 32);
	assert_int_equal(strlen(big), 31);
	assert_int_equal(CALL(probe_read_user, PTR(to), 8, 0), -EFAULT);
	assert_int_equal(CALL(copy_from_user_task, PTR(to), 6, end - 6, task(), 0), 0);
	assert_string_equal(to, "straw");
	assert_int_equal(CALL(probe_write_user, PTR(&shared->number), PTR(&word), 4), 0);
	assert_int_equal(shared->number, 7);
	assert_int_equal(CALL(probe_write_user, end, PTR(&word), 4), -EFAULT);
	/* The test is the child's parent: its memory, by its address. */
	assert_int_equal(CALL(copy_from_user_task, PTR(to), 4, PTR(&word), (uint64_t)TASK("real_parent"), 0), 0);
	assert_int_equal(to[0], 7);
}

/* A string that ends at every place up to a page's end, read into room of every size around it. */
static void strings_of_every_length_are_read(void **state)
{
	uint64_t end = PTR(shared->page) + 2 * PAGE;
	char to[PAGE + 8];

	for (uint32_t n = 1; n < 1300; n += n < 600 ? 1 : 37) {
		assert_int_equal(CALL(probe_read_user_str, PTR(to), sizeof(to), end - n), n);
		assert_int_equal(CALL(probe_read_user_str, PTR(to), n, end - n), n);
		if (n > 6)
			assert_int_equal(to[0], 'x');
		if (n > 1) {
			assert_int_equal(CALL(probe_read_user_str, PTR(to), n - 1, end - n), n - 1);
			assert_int_equal(to[n - 2], 0);
		}
	}
}

static void no_other_address_is_presented(void **state)
{
	static const uint64_t bad[] = {TASK_OBJECTS,       0xffff887fffffffff,
				       0xffffffff81000000, UINT64_MAX,
				       UINT64_MAX - 7,     0xffff888000000000 + (5000ull << 16) * 20,
				       0xffffc90000000000, 0xffff888fffffffff};
	uint64_t value = 1, at = task();

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(CALL(probe_read_kernel, PTR(&value), 8, bad[i]), -EFAULT);
		assert_int_equal(value, 0);
	}
	/* A bundle's end. */
	assert_int_equal(CALL(probe_read_kernel, PTR(&value), 8, (at | 0xffff) - 6), -EFAULT);
	assert_int_equal(CALL(probe_read_kernel, PTR(&value), 8, at + (1 << 16)), -EFAULT);
}

/* Any address, any length: bytes or -EFAULT, within the run's own memory (the sanitizers look on). */
static void addresses_of_all_kinds_do_no_harm(void **state)
{
	static uint8_t to[70000];
	uint64_t x = 88172645463325252u, there = 0;

	view_sock(view, shared->client);
	view_file(view, shared->file);
	view_bytes(view, to, VIEW_BYTES);
	for (uint32_t i = 0; i < 300000; i++) {
		uint64_t at, len;

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		len = x % (i % 7 ? 16 : sizeof(to));
		at = 0xffff888000000000 + ((x >> 20) % (i % 3 ? 6000 : 20) << 16) + (x >> 40) % 65536;
		if (i % 5 == 0)
			at = (at | 0xffff) - len + x % 3;
		if (i % 11 == 0)
			at = x | TASK_OBJECTS;
		there += !CALL(probe_read_kernel, PTR(to), len, at);
		/* Slots that were used: of the first kinds. */
		there += !CALL(probe_read_kernel, PTR(to), len, task() + (x >> 30) % 65536);
	}
	assert_true(there > 1000);
}

static void namespaces_and_cgroups_are_the_tasks(void **state)
{
	struct bpf_pidns_info info;
	struct stat st;

	assert_int_equal(stat("/proc/self/ns/pid", &st), 0);
	assert_int_equal(CALL(get_ns_current_pid_tgid, st.st_dev, st.st_ino, PTR(&info), sizeof(info)), 0);
	assert_int_equal(info.pid, child);
	assert_int_equal(CALL(get_ns_current_pid_tgid, st.st_dev, st.st_ino + 1, PTR(&info), sizeof(info)), -EINVAL);
	if (has("nsproxy", "mnt_ns")) {
		assert_int_equal(stat("/proc/self/ns/mnt", &st), 0);
		assert_int_equal(read_member((uint64_t)read_member((uint64_t)TASK("nsproxy"), "nsproxy", "mnt_ns"),
					     "mnt_namespace", "ns.inum"),
				 st.st_ino);
	}
	if (has("css_set", "dfl_cgrp") && CALL(get_current_cgroup_id)) {
		uint64_t cgroup = (uint64_t)read_member((uint64_t)TASK("cgroups"), "css_set", "dfl_cgrp");

		assert_int_equal(read_member((uint64_t)read_member(cgroup, "cgroup", "kn"), "kernfs_node", "id"),
				 CALL(get_current_cgroup_id));
	}
}

static void the_image_is_the_childs(void **state)
{
	uint64_t mm, start, end;
	char to[PAGE] = "", mine[PAGE] = "", path[PAGE], exe[PAGE] = "";
	int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);

	assert_true(read(fd, mine, sizeof(mine)) > 0);
	close(fd);
	assert_true(readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0);
	assert_true(view_filename(view, path, sizeof(path)) > 0);
	assert_string_equal(path, exe);
	if (!has("mm_struct", "arg_start"))
		skip();
	mm = (uint64_t)TASK("mm");
	start = (uint64_t)read_member(mm, "mm_struct", "arg_start");
	end = (uint64_t)read_member(mm, "mm_struct", "arg_end");
	assert_true(start && end > start && end - start <= sizeof(to));
	assert_int_equal(CALL(probe_read_user, PTR(to), end - start, start), 0);
	assert_memory_equal(to, mine, end - start);
}

static void sockets_are_followed(void **state)
{
	uint64_t sk, again;

	if (!has("sock", "__sk_common.skc_dport"))
		skip();
	sk = view_sock(view, shared->client);
	assert_true(sk);
	assert_int_equal(read_member(sk, "sock", "__sk_common.skc_family"), AF_INET);
	assert_int_equal(read_member(sk, "sock", "__sk_common.skc_daddr"), htonl(INADDR_LOOPBACK));
	assert_int_equal(read_member(sk, "sock", "__sk_common.skc_dport"), htons(shared->port));
	assert_int_equal(read_member(sk, "sock", "__sk_common.skc_state"), 1);
	assert_int_not_equal(read_member(sk, "sock", "__sk_common.skc_num"), 0);
	again = view_sock(view, shared->listener);
	assert_int_not_equal(again, sk);
	assert_int_equal(read_member(again, "sock", "__sk_common.skc_num"), shared->port);
	assert_int_equal(read_member(again, "sock", "__sk_common.skc_state"), 10);
	if (has("sock", "sk_max_ack_backlog"))
		assert_int_equal(read_member(again, "sock", "sk_max_ack_backlog"), 7);
	assert_int_equal(read_member(view_sock(view, shared->unix_socket), "sock", "__sk_common.skc_family"), AF_UNIX);
	/* What a program has kept it may follow in a later event, and it finds the socket of then. */
	next_event(TASK_RETURN);
	assert_int_equal(read_member(sk, "sock", "__sk_common.skc_dport"), htons(shared->port));
	assert_int_equal(view_sock(view, shared->client), sk);
	assert_int_equal(read_member(view_socket(view, shared->client), "socket", "sk"), sk);
	/* Another socket behind the fd is another object, and the one that was there stays what it was. */
	tell_child('d');
	next_event(TASK_CALL);
	assert_int_equal(read_member(sk, "sock", "__sk_common.skc_dport"), htons(shared->port));
	assert_int_equal(read_member(sk, "sock", "__sk_common.skc_state"), 1);
	assert_int_equal(view_sock(view, shared->client), again);
	assert_int_equal(view_sock(view, shared->file), 0);
	assert_int_equal(view_sock(view, 999), 0);
	assert_int_equal(view_sock(view, -1), 0);
}

/* The names of a file and of the directories around it, as a program walks them. */
static void walk(uint64_t dentry, const char *const *names)
{
	char name[64];
	uint64_t parent = 0;

	for (; *names; names++, dentry = parent) {
		assert_true(CALL(probe_read_kernel_str, PTR(name), sizeof(name),
				 (uint64_t)read_member(dentry, "dentry", "d_name.name")) > 0);
		assert_string_equal(name, *names);
		parent = (uint64_t)read_member(dentry, "dentry", "d_parent");
	}
	assert_int_equal(parent, (uint64_t)read_member(parent, "dentry", "d_parent"));
}

static void files_have_paths(void **state)
{
	char expect[64], to[256], pid[16];
	uint64_t file, own;
	struct stat st;
	int fd;

	if (!has("file", "f_path"))
		skip();
	file = view_file(view, shared->file);
	assert_true(file);
	snprintf(pid, sizeof(pid), "%d", child);
	snprintf(expect, sizeof(expect), "/proc/%d/maps", child);
	assert_int_equal(CALL(d_path, view_part(view, file, VIEW_PATH), PTR(to), sizeof(to)), strlen(expect) + 1);
	assert_string_equal(to, expect);
	assert_int_equal(CALL(d_path, view_part(view, file, VIEW_PATH), PTR(to), 5), -ENAMETOOLONG);
	assert_int_equal(CALL(d_path, file - 1024 * 1024, PTR(to), sizeof(to)), -EFAULT);
	walk((uint64_t)read_member(file, "file", "f_path.dentry"),
	     (const char *const[]){"maps", pid, "proc", "/", NULL});
	assert_int_equal(CALL(d_path, view_part(view, file, VIEW_DIR_PATH), PTR(to), sizeof(to)) - 1,
			 strlen(expect) - 5);
	assert_int_equal(stat(expect, &st), 0);
	assert_int_equal(read_member((uint64_t)read_member(file, "file", "f_inode"), "inode", "i_ino"), st.st_ino);
	if (has("file", "f_flags"))
		assert_true(read_member(file, "file", "f_flags") & O_NONBLOCK);
	assert_int_equal(view_file(view, 999), 0);

	fd = open("/etc/passwd", O_PATH | O_CLOEXEC);
	own = view_open_file(view, fd, NULL, O_RDWR);
	close(fd);
	assert_int_equal(CALL(d_path, view_part(view, own, VIEW_PATH), PTR(to), sizeof(to)), sizeof("/etc/passwd"));
	assert_string_equal(to, "/etc/passwd");
	assert_int_equal(stat("/etc/passwd", &st), 0);
	assert_int_equal(read_member(view_part(view, own, VIEW_INODE), "inode", "i_ino"), st.st_ino);
	assert_int_equal((uint16_t)read_member(view_part(view, own, VIEW_INODE), "inode", "i_mode"), st.st_mode);
	if (has("fs_struct", "pwd.dentry")) {
		struct member_place m;

		assert_true(member_find(btf, "fs_struct", "pwd", &m));
		assert_int_equal(CALL(d_path, (uint64_t)TASK("fs") + m.offset, PTR(to), sizeof(to)), 9);
		assert_string_equal(to, "/usr/lib");
	}
	assert_int_equal(shared->file, shared->file);
}

static void an_exec_has_a_name_and_a_file(void **state)
{
	uint64_t bprm, file;
	char to[64];
	int fd;

	if (!has("linux_binprm", "filename"))
		skip();
	fd = open("/bin/true", O_PATH | O_CLOEXEC);
	file = view_open_file(view, fd, "/bin/true", O_RDONLY);
	bprm = view_bprm(view, "./true", file, 2, 3);
	close(fd);
	assert_int_equal(CALL(probe_read_kernel_str, PTR(to), sizeof(to),
			      (uint64_t)read_member(bprm, "linux_binprm", "filename")),
			 7);
	assert_string_equal(to, "./true");
	assert_int_equal(read_member(bprm, "linux_binprm", "file"), file);
	if (has("linux_binprm", "argc"))
		assert_int_equal(read_member(bprm, "linux_binprm", "argc"), 2);
}

static void bytes_are_readable_for_a_while(void **state)
{
	char to[8];
	uint64_t at = view_bytes(view, "0123456", 8), first = at;

	assert_int_equal(CALL(probe_read_kernel, PTR(to), 8, at), 0);
	assert_string_equal(to, "0123456");
	for (int i = 0; i < 500; i++) {
		at = view_bytes(view, "abcdefg", 8);
		assert_int_equal(CALL(probe_read_kernel, PTR(to), 8, at), 0);
		assert_string_equal(to, "abcdefg");
	}
	/* What was given out long ago names something of now, never nothing that could harm. */
	assert_int_equal(CALL(probe_read_kernel, PTR(to), 8, first), 0);
	assert_string_equal(to, "abcdefg");
}

static void signals_reach_the_child_alone(void **state)
{
	int status;

	int pidfd = thread.pidfd;

	assert_int_equal(CALL(send_signal, 0), 0);
	assert_int_equal(event.verdict, TASK_GO_ON);
	thread.pidfd = -1;
	assert_int_equal(CALL(send_signal, 0), 0);
	thread.pidfd = pidfd;
	assert_int_equal(CALL(send_signal_thread, SIGKILL), 0);
	assert_int_equal(event.verdict, TASK_KILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	next_event(TASK_CALL);
	assert_int_equal(CALL(send_signal, SIGTERM), -ESRCH);
	assert_int_equal(event.verdict, TASK_GO_ON);
}

static void an_override_denies_a_call_that_begins(void **state)
{
	CALL(override_return, 0, (uint64_t)-EACCES);
	assert_int_equal(event.verdict, TASK_DENY);
	assert_int_equal(event.answer, -EACCES);
	next_event(TASK_RETURN);
	CALL(override_return, 0, (uint64_t)-EACCES);
	assert_int_equal(event.verdict, TASK_GO_ON);
	next_event(TASK_CALL);
	event.verdict = TASK_KILL;
	CALL(override_return, 0, 0);
	assert_int_equal(event.verdict, TASK_KILL);
}

static void a_child_that_is_gone_is_zeroes(void **state)
{
	uint64_t at = task();
	char to[16];

	assert_int_not_equal(TASK("real_parent"), 0);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	next_event(TASK_CALL);
	assert_int_equal(task(), at);
	assert_int_equal(TASK("pid"), child);
	assert_int_equal(TASK("real_parent"), 0);
	assert_int_equal(read_member((uint64_t)TASK("cred"), "cred", "uid"), 0);
	assert_int_equal(CALL(probe_read_user, PTR(to), 4, PTR(shared->page)), -EFAULT);
	assert_int_equal(CALL(probe_read_user_str, PTR(to), 4, PTR(shared->page)), -EFAULT);
	assert_int_equal(CALL(probe_write_user, PTR(shared->page), PTR(to), 4), -EFAULT);
	assert_int_equal(CALL(get_current_comm, PTR(to), sizeof(to)), 0);
	assert_string_equal(to, "");
	assert_int_equal(CALL(get_current_cgroup_id), 0);
	assert_int_equal(view_sock(view, shared->client), 0);
	assert_int_equal(view_file(view, shared->file), 0);
}

/* What one thread of an engine sees, again and again. */
static void *look_often(void *arg)
{
	struct task_event e = {.kind = TASK_CALL, .thread = &thread, .nr = SYS_openat};
	struct member_place pid, parent, cred, uid;
	struct view *mine = view_new(objects);
	struct skep_env seen = {0};
	uintptr_t wrong = 0;

	member_find(btf, "task_struct", "pid", &pid);
	member_find(btf, "task_struct", "real_parent", &parent);
	member_find(btf, "task_struct", "cred", &cred);
	member_find(btf, "cred", "uid", &uid);
	for (uint32_t i = 0; i < 3000; i++) {
		uint64_t at, other = 0;
		uint32_t value = 0;

		view_enter(mine, &seen, &e);
		at = h_get_current_task(0, 0, 0, 0, 0, &seen);
		h_probe_read_kernel(PTR(&other), 8, at + parent.offset, 0, 0, &seen);
		h_probe_read_kernel(PTR(&value), 4, other + pid.offset, 0, 0, &seen);
		wrong += value != (uint32_t)getpid();
		h_probe_read_kernel(PTR(&other), 8, at + cred.offset, 0, 0, &seen);
		h_probe_read_kernel(PTR(&value), 4, other + uid.offset, 0, 0, &seen);
		wrong += value != getuid();
		wrong += !view_sock(mine, shared->client) || !view_bytes(mine, &e, sizeof(e));
		view_leave(mine, &seen);
	}
	view_free(mine);
	return (void *)wrong;
}

static void views_of_several_threads_agree(void **state)
{
	pthread_t threads[3];
	void *wrong;

	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, look_often, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
		pthread_join(threads[i], &wrong);
		assert_null(wrong);
	}
}

/* A member that programs find in the types that skep presents, but that nothing fills, would lie to them. */
static void every_member_that_is_presented_has_a_value(void **state)
{
	static const char *const unknown[] = {"sock.sk_err"}; /* to ask is to take it from the task */
	uint32_t without = 0;

	if (kernels) /* has more */
		skip();
	for (uint32_t m = 0; m < MEMBER_COUNT; m++) {
		const char *type = member_rows[m].type;
		const struct btf_type *t =
			*type ? btf__type_by_id(btf, (uint32_t)btf__find_by_name_kind(btf, type, BTF_KIND_STRUCT))
			      : NULL;

		for (uint32_t i = 0; t && i < btf_vlen(t); i++) {
			const char *name = btf__name_by_offset(btf, btf_members(t)[i].name_off);
			uint32_t from = btf_member_bit_offset(t, i) / 8, to;
			bool filled = false;
			char full[128];

			to = from + (uint32_t)MAX(btf__resolve_size(btf, btf_members(t)[i].type), (int64_t)1);
			for (uint32_t k = 0; k < MEMBER_COUNT && !filled; k++) {
				struct member_place p;

				filled = member_rows[k].part == member_rows[m].part && *member_rows[k].type &&
					 member_find(btf, member_rows[k].type, member_rows[k].path, &p) &&
					 p.offset < to && p.offset + MAX(p.size, 1u) > from;
			}
			snprintf(full, sizeof(full), "%s.%s", type, name);
			for (size_t u = 0; u < ARRAY_SIZE(unknown); u++)
				filled |= !strcmp(full, unknown[u]);
			if (!filled) {
				print_message("nothing fills %s\n", full);
				without++;
			}
		}
	}
	assert_int_equal(without, 0);
}

/* And what skep fills is in its own types; a kernel of some version lacks a few. */
static void every_member_that_is_filled_is_presented(void **state)
{
	struct member_place p;
	uint32_t missing = 0;

	for (uint32_t m = 0; m < MEMBER_COUNT; m++)
		if (*member_rows[m].type && !member_find(btf, member_rows[m].type, member_rows[m].path, &p)) {
			print_message("no %s.%s\n", member_rows[m].type, member_rows[m].path);
			missing++;
		}
	assert_true(missing <= (kernels ? 10 : 0));
}

/* A process that does nothing. */
static pid_t start_idle(void)
{
	pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pause();
		_exit(0);
	}
	assert_true(pid > 0);
	return pid;
}

static uint32_t open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	uint32_t n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* A thousand processes are looked at, and the fds that this takes stay few; none is left in the end. */
static void looking_at_many_tasks_takes_few_fds(void **state)
{
	enum { MANY = 1000, FEW = 220 };
	struct thread *all = calloc(MANY, sizeof(*all));
	uint32_t before = open_fds(), most = 0;
	pid_t *pids = calloc(MANY, sizeof(*pids));
	char comm[16];

	for (uint32_t i = 0; i < MANY; i++) {
		pids[i] = start_idle();
		all[i] = (struct thread){
			.tid = pids[i], .tgid = pids[i], .own_tid = pids[i], .own_tgid = pids[i], .pidfd = -1};
		event.thread = &all[i];
		next_event(TASK_CALL);
		assert_int_equal(CALL(get_current_comm, PTR(comm), sizeof(comm)), 0);
		assert_true(*comm);
		assert_int_equal(CALL(get_current_uid_gid), (uint64_t)getgid() << 32 | getuid());
		assert_int_equal(TASK("pid"), pids[i]);
		assert_int_equal(read_member((uint64_t)TASK("real_parent"), "task_struct", "pid"), getpid());
		most = MAX(most, open_fds() - before);
	}
	assert_true(most <= FEW);
	for (uint32_t i = 0; i < MANY; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
		view_forget(objects, &all[i]);
	}
	assert_in_range(open_fds() - before, 0, 4); /* of the test itself, their parent */
	event.thread = &thread;
	free(all);
	free(pids);
}

/* A number that is used again does not name the old task; its object stays as it was. */
static void a_forgotten_thread_is_not_found_again(void **state)
{
	uint64_t before = task(), cred = (uint64_t)TASK("cred"), parent = (uint64_t)TASK("real_parent");
	struct thread next = thread;

	view_forget(objects, &thread);
	next.start++;
	event.thread = &next;
	next_event(TASK_CALL);
	assert_int_not_equal(task(), before);
	assert_int_equal(read_member(before, "task_struct", "pid"), child);
	assert_int_equal(read_member(before, "task_struct", "real_parent"), parent);
	assert_int_not_equal(TASK("cred"), cred);
	/* And nothing more is learnt of it: its number may be another's. */
	if (has("nsproxy", "mnt_ns"))
		assert_int_equal(
			read_member((uint64_t)read_member((uint64_t)read_member(before, "task_struct", "nsproxy"),
							  "nsproxy", "mnt_ns"),
				    "mnt_namespace", "ns.inum"),
			0);
	/* Nor if the start is the same: that has a resolution of a hundredth of a second. */
	before = task();
	view_forget(objects, &next);
	assert_int_not_equal(task(), before);
	/* Another process without a word of the old one's end. */
	before = task();
	next.start++;
	next_event(TASK_CALL);
	assert_int_not_equal(task(), before);
}

/* Processes of a user, PID and mount namespace of their own, as a tree has them: the first, and its child. */
static _Noreturn void be_tree(int ready)
{
	char c = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (unshare(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS))
		_exit(77);
	if (!fork()) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) || mount("proc", "/proc", "proc", 0, NULL))
			_exit(77);
		prctl(PR_SET_NAME, "first");
		if (!fork()) {
			prctl(PR_SET_NAME, "second");
			strcpy(shared->text, "in the tree");
			shared->client = socket(AF_INET, SOCK_STREAM, 0);
			if (write(ready, &c, 1) == 1)
				pause();
		}
		wait(NULL);
		_exit(0);
	}
	close(ready);
	wait(NULL);
	_exit(0);
}

static pid_t only_child(pid_t pid)
{
	char name[64];
	int found = 0;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/%d/task/%d/children", pid, pid);
	f = fopen(name, "re");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%d", &found), 1);
	fclose(f);
	return found;
}

static void numbers_are_those_of_the_trees_namespace(void **state)
{
	struct bpf_pidns_info info;
	struct objects *of_tree;
	char to[64], name[64], c;
	pid_t outer, first, second;
	int ready[2], proc;
	struct stat st;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	outer = fork();
	if (!outer)
		be_tree(ready[1]);
	close(ready[1]);
	if (read(ready[0], &c, 1) != 1) /* no such namespaces here */
		skip();
	first = only_child(outer);
	second = only_child(first);
	snprintf(name, sizeof(name), "/proc/%d/root/proc", second);
	proc = open(name, O_RDONLY | O_DIRECTORY);
	assert_true(proc >= 0);
	assert_int_equal(objects_new(&(struct objects_opts){.proc = proc, .btf = btf}, &of_tree), 0);
	view = view_new(of_tree);
	memset(&env, 0, sizeof(env));
	thread = (struct thread){.tid = second,
				 .tgid = second,
				 .own_tid = 2,
				 .own_tgid = 2,
				 .pidfd = (int)syscall(SYS_pidfd_open, second, 0),
				 .start = start_of(second)};
	event = (struct task_event){.thread = &thread};
	view_enter(view, &env, &event);

	assert_int_equal(CALL(get_current_pid_tgid), 2ull << 32 | 2);
	assert_int_equal(CALL(get_current_uid_gid), (uint64_t)getgid() << 32 | getuid());
	assert_int_equal(CALL(get_current_comm, PTR(to), 16), 0);
	assert_string_equal(to, "second");
	assert_int_equal(TASK("real_parent") != 0, 1);
	assert_int_equal(read_member((uint64_t)TASK("real_parent"), "task_struct", "pid"), 1);
	/* What is above the first is not of the tree. */
	assert_int_equal(read_member((uint64_t)TASK("real_parent"), "task_struct", "real_parent"), 0);
	assert_int_equal(CALL(probe_read_user_str, PTR(to), sizeof(to), PTR(shared->text)), 12);
	assert_string_equal(to, "in the tree");
	/* Of the parent, through /proc of the tree. */
	assert_int_equal(CALL(copy_from_user_task, PTR(to), 6, PTR(shared->text), (uint64_t)TASK("real_parent"), 0), 0);
	assert_memory_equal(to, "in the", 6);
	/* Its own namespace, and this one. */
	assert_int_equal(fstatat(proc, "2/ns/pid", &st, 0), 0);
	assert_int_equal(CALL(get_ns_current_pid_tgid, st.st_dev, st.st_ino, PTR(&info), sizeof(info)), 0);
	assert_int_equal(info.pid, 2);
	assert_int_equal(stat("/proc/self/ns/pid", &st), 0);
	assert_int_equal(CALL(get_ns_current_pid_tgid, st.st_dev, st.st_ino, PTR(&info), sizeof(info)), 0);
	assert_int_equal(info.pid, second);
	if (has("sock", "__sk_common.skc_family"))
		assert_int_equal(read_member(view_sock(view, shared->client), "sock", "__sk_common.skc_family"),
				 AF_INET);
	assert_int_equal(CALL(send_signal, SIGKILL), 0);
	assert_int_equal(event.verdict, TASK_KILL);

	view_leave(view, &env);
	view_free(view);
	objects_free(of_tree);
	close(proc);
	close(thread.pidfd);
	kill(outer, SIGKILL);
	waitpid(outer, NULL, 0);
	close(ready[0]);
	munmap(shared, sizeof(*shared));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(the_current_task_is_the_child),
		TEST(a_name_is_that_of_now),
		TEST(credentials_are_those_of_now),
		TEST(a_thread_shares_what_its_process_has),
		TEST(the_registers_are_the_calls),
		TEST(memory_ends_where_the_childs_does),
		TEST(strings_of_every_length_are_read),
		TEST(no_other_address_is_presented),
		TEST(addresses_of_all_kinds_do_no_harm),
		TEST(namespaces_and_cgroups_are_the_tasks),
		TEST(the_image_is_the_childs),
		TEST(sockets_are_followed),
		TEST(files_have_paths),
		TEST(an_exec_has_a_name_and_a_file),
		TEST(bytes_are_readable_for_a_while),
		TEST(signals_reach_the_child_alone),
		TEST(an_override_denies_a_call_that_begins),
		TEST(a_child_that_is_gone_is_zeroes),
		cmocka_unit_test(numbers_are_those_of_the_trees_namespace),
		cmocka_unit_test(every_member_that_is_presented_has_a_value),
		cmocka_unit_test(every_member_that_is_filled_is_presented),
		TEST(views_of_several_threads_agree),
		TEST(a_forgotten_thread_is_not_found_again),
		TEST(looking_at_many_tasks_takes_few_fds),
	};
	int failed;

	signal(SIGPIPE, SIG_IGN);
	if (argc > 1 && !strcmp(argv[1], "--kernel")) {
		kernels = true;
		btf = btf__load_vmlinux_btf();
		if (!btf)
			return 77;
	} else {
		btf = btf__new(kernel_btf, (uint32_t)kernel_btf_len);
	}
	failed = cmocka_run_group_tests_name("a task as programs see it", tests, NULL, NULL);
	btf__free(btf);
	return failed;
}
