/* SPDX-License-Identifier: BSD-2-Clause */
/* Who runs and where, clocks, and reads by address: runs/who.bpf.c in the JIT, in the interpreter, and in the kernel. */
#include "runs/expect.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* "straw" at the very end of a page behind which there is none. */
static char *last_bytes(void)
{
	char *mem = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(mem != MAP_FAILED);
	assert_int_equal(mprotect(mem + 4096, 4096, PROT_NONE), 0); /* unmapped, somebody else might come to be there */
	return memcpy(mem + 4096 - 6, "straw", 6);
}

static struct bpf_object *with_constants(char **page)
{
	struct bpf_object *obj = open_object("who");
	struct stat st;

	assert_int_equal(stat("/proc/self/ns/pid", &st), 0);
	*page = last_bytes();
	set_constant(obj, "pidns_dev", st.st_dev);
	set_constant(obj, "pidns_ino", st.st_ino);
	set_constant(obj, "good", (uintptr_t)*page);
	set_constant(obj, "gone", (uintptr_t)*page + 6);
	assert_int_equal(bpf_program__set_autoload(program_of(obj, "probed"), !on_kernel), 0);
	assert_int_equal(bpf_object__load(obj), 0);
	return obj;
}

static uint64_t own_cookie(void)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	assert_int_equal(getsockopt(fd, SOL_SOCKET, 71 /* SO_NETNS_COOKIE */, &cookie, &len), 0);
	close(fd);
	return cookie;
}

/* The cgroup as a shell would find it. */
static uint64_t own_cgroup(void)
{
	FILE *p = popen("m=$(awk '/ - cgroup2 /{print $5; exit}' /proc/self/mountinfo); "
			"[ -n \"$m\" ] && stat -c %i \"$m$(sed -n s/^0:://p /proc/self/cgroup)\" || echo 0",
			"r");
	unsigned long long id = 0;

	assert_non_null(p);
	assert_int_equal(fscanf(p, "%llu", &id), 1);
	pclose(p);
	return id;
}

static void a_program_sees_the_task_that_runs_it(void **state)
{
	uint64_t task = (uint64_t)getpid() << 32 | (uint32_t)gettid();
	struct bpf_object *obj;
	char *page, old[16];

	prctl(PR_GET_NAME, old);
	prctl(PR_SET_NAME, "straw");
	obj = with_constants(&page);
	run_data(obj, "places", NULL, 0);
	prctl(PR_SET_NAME, old);
	EXPECT(obj, (int64_t)own_cgroup(), (int64_t)own_cookie(), SAME, 0, (int64_t)task, -EINVAL, 0, -EINVAL, -EINVAL,
	       -EINVAL, (int64_t)task, (int64_t)((uint64_t)getgid() << 32 | getuid()), 0, WORD("straw\0\0\0"), 0, 0,
	       0x00727473);
	bpf_object__close(obj);
	munmap(page - (4096 - 6), 8192);
}

/* The root of the hierarchy holds everybody; a new cgroup holds nobody. Only root may make one. */
static void a_task_is_under_its_cgroup_and_those_around_it(void **state)
{
	char at[256] = "", empty[300];
	FILE *p = popen("awk '/ - cgroup2 /{print $5; exit}' /proc/self/mountinfo", "r");
	uint32_t zero = 0, two = 2;
	struct bpf_object *obj;
	int root, other, fd;
	char *page;

	assert_non_null(p);
	if (fscanf(p, "%255s", at) != 1)
		at[0] = 0;
	pclose(p);
	snprintf(empty, sizeof(empty), "%s/skep-test-%d", at, getpid());
	if (!at[0] || mkdir(empty, 0755))
		skip();
	root = open(at, O_RDONLY | O_DIRECTORY);
	other = open(empty, O_RDONLY | O_DIRECTORY);
	obj = with_constants(&page);
	fd = map_fd_of(obj, "groups");
	assert_int_equal(bpf_map_update_elem(fd, &zero, &root, 0), 0);
	assert_int_equal(bpf_map_update_elem(fd, &two, &other, 0), 0);
	run_data(obj, "groups_of", NULL, 0);
	close(root);
	close(other);
	rmdir(empty);
	EXPECT(obj, 1, -EAGAIN, 0, -E2BIG);
	bpf_object__close(obj);
	munmap(page - (4096 - 6), 8192);
}

static int64_t now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void clocks_are_the_systems(void **state)
{
	static const clockid_t clocks[] = {CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_MONOTONIC_COARSE, CLOCK_TAI};
	struct bpf_object *obj;
	int64_t before[4], out[OUT_WORDS];
	char *page;

	obj = with_constants(&page);
	for (size_t i = 0; i < ARRAY_SIZE(clocks); i++)
		before[i] = now(clocks[i]);
	run_data(obj, "times", NULL, 0);
	out_of(obj, out);
	for (size_t i = 0; i < ARRAY_SIZE(clocks); i++)
		assert_in_range(out[i], before[i], now(clocks[i]));
	assert_true(out[4] > 0);
	assert_true(out[5] != out[6] && !(out[5] >> 32));
	bpf_object__close(obj);
	munmap(page - (4096 - 6), 8192);
}

static void reads_by_address_end_where_memory_does(void **state)
{
	struct bpf_object *obj;
	char *page;

	obj = with_constants(&page);
	run_data(obj, "reads", NULL, 0);
	EXPECT(obj, 0, 0x61727473, -EFAULT, 0, 6, WORD("straw\0xx"), 4, WORD("str\0xxxx"), -EFAULT, 0, -ERANGE, -ERANGE,
	       0, 0);
	bpf_object__close(obj);
	munmap(page - (4096 - 6), 8192);
}

/* The kernel has no test run for it; what it says outside of a probe is the same. */
static void a_probe_that_is_not_attached_has_no_cookie_and_no_function(void **state)
{
	struct bpf_object *obj;
	uint64_t regs[32] = {0};
	char *page;

	if (on_kernel)
		skip();
	obj = with_constants(&page);
	run_ctx(obj, "probed", regs, sizeof(regs));
	EXPECT(obj, 0, 0, 1);
	bpf_object__close(obj);
	munmap(page - (4096 - 6), 8192);
}

static void a_helper_that_is_not_there_is_refused_with_the_reason(void **state)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_find_vma},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K},
		{.code = BPF_JMP | BPF_EXIT},
	};
	char log[1024] = "";
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .log_buf = log, .log_size = sizeof(log), .log_level = 1);

	if (on_kernel)
		skip();
	assert_int_equal(bpf_prog_load(BPF_PROG_TYPE_KPROBE, "areas", "GPL", insns, ARRAY_SIZE(insns), &opts), -EINVAL);
	assert_non_null(strstr(log, "helper bpf_find_vma#180 is not there: areas of memory are no objects here"));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		LOADED_TEST(a_program_sees_the_task_that_runs_it),
		LOADED_TEST(a_task_is_under_its_cgroup_and_those_around_it),
		LOADED_TEST(clocks_are_the_systems),
		LOADED_TEST(reads_by_address_end_where_memory_does),
		LOADED_TEST(a_helper_that_is_not_there_is_refused_with_the_reason),
		LOADED_TEST(a_probe_that_is_not_attached_has_no_cookie_and_no_function),
	};

	return test_main(argc, argv, tests, ARRAY_SIZE(tests), "who runs");
}
