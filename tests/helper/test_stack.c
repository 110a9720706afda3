/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Call stacks: runs/stack.bpf.c in the JIT, in the interpreter, and in the kernel, asked for from a chain of functions that know their callers. Built
 * with frame pointers, for by them the kernel walks a user's stack.
 */
#include "runs/expect.h"

#include "bpf/caller.h"
#include "helper/callstack.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	USER = BPF_F_USER_STACK,
	PLACES = BPF_F_USER_BUILD_ID,
	REUSE = BPF_F_REUSE_STACKID,
	FAST = BPF_F_FAST_STACK_CMP
};
enum { DEEPEST = 127 };

static struct bpf_object *obj;
/* Where inner() goes on in middle(), and that in outer(). */
static uint64_t in_middle, in_outer;

static int object_setup(void **state)
{
	if (test_setup(state))
		return -1;
	obj = load_object("stack");
	return 0;
}

static int object_teardown(void **state)
{
	bpf_object__close(obj);
	return test_teardown(state);
}

static int64_t out_word(void)
{
	int64_t out[OUT_WORDS];

	out_of(obj, out);
	return out[0];
}

struct ask {
	const char *prog;
	uint64_t args[2];
	uint32_t depth; /* further calls of middle() by itself */
};

/* Not through libbpf, in which the kernel would lose its way. */
__attribute__((noinline)) static int inner(const struct ask *ask)
{
	union bpf_attr attr = {.test = {.prog_fd = (uint32_t)bpf_program__fd(program_of(obj, ask->prog))}};
	int err;

	in_middle = (uintptr_t)__builtin_return_address(0);
	attr.test.ctx_in = (uintptr_t)ask->args;
	attr.test.ctx_size_in = sizeof(ask->args);
	if (on_kernel)
		err = (int)syscall(SYS_bpf, BPF_PROG_TEST_RUN, &attr, sizeof(attr));
	else
		err = skep_bpf(test.hive, BPF_PROG_TEST_RUN, &attr, sizeof(attr));
	return err ? err : (int)attr.test.retval;
}

/* NOLINTNEXTLINE(misc-no-recursion): that is the point */
__attribute__((noinline)) static int middle(const struct ask *ask, uint32_t depth)
{
	int ret;

	in_outer = (uintptr_t)__builtin_return_address(0);
	ret = depth ? middle(ask, depth - 1) : inner(ask);
	__asm__ volatile("" : "+r"(ret)); /* not the last thing that it does */
	return ret;
}

__attribute__((noinline)) static int outer(const struct ask *ask)
{
	int ret = middle(ask, ask->depth);

	__asm__ volatile("" : "+r"(ret));
	return ret;
}

/* run - what the helper returned. */
static int64_t run(const char *prog, uint64_t flags, uint64_t size)
{
	const struct ask ask = {.prog = prog, .args = {flags, size}};

	assert_int_equal(outer(&ask), 0);
	return out_word();
}

/* buffer - what bpf_get_stack() wrote to; the caller's. */
static void *buffer(size_t size)
{
	uint32_t at = variable_offset(obj, "buf");
	size_t len;
	uint8_t *bss = (uint8_t *)bss_of(obj, &len);

	assert_true(at + size <= len);
	memmove(bss, bss + at, size);
	return bss;
}

static void fill_buffer(char c)
{
	uint32_t at = variable_offset(obj, "buf");
	size_t len;
	struct section *bss = bss_of(obj, &len);

	memset((uint8_t *)bss + at, c, 4096);
	put_bss(obj, bss);
}

static void a_stack_begins_where_bpf_was_called(void **state)
{
	int64_t bytes;
	uint64_t *ips;

	fill_buffer('x');
	bytes = run("take", USER, 4096);
	assert_true(bytes >= 5 * 8 && bytes % 8 == 0 && bytes <= DEEPEST * 8);
	ips = buffer(4096);
	if (!on_kernel)
		assert_true(ips[0] - (uintptr_t)inner < 1024);
	assert_int_equal(ips[1], in_middle);
	assert_int_equal(ips[2], in_outer);
	for (size_t i = (size_t)bytes / 8; i < 512; i++)
		assert_int_equal(ips[i], 0);
	free(ips);
}

static void frames_are_skipped_and_cut(void **state)
{
	uint64_t *ips;

	fill_buffer('x');
	assert_int_equal(run("take", USER | 1, 16), 16);
	ips = buffer(32);
	assert_int_equal(ips[0], in_middle);
	assert_int_equal(ips[1], in_outer);
	assert_memory_equal(&ips[2], "xxxxxxxx", 8); /* behind the end */
	free(ips);
	assert_int_equal(run("take", USER, 0), 0);
	assert_int_equal(run("take", USER | 2, 0), 0);
}

static void the_deepest_stack_has_127_frames(void **state)
{
	const struct ask all = {.prog = "take", .args = {USER, 4096}, .depth = 300};
	const struct ask some = {.prog = "take", .args = {USER | 100, 4096}, .depth = 300};
	const struct ask none = {.prog = "take", .args = {USER | 127, 4096}, .depth = 300};
	const struct ask beyond = {.prog = "take", .args = {USER | 128, 4096}, .depth = 300};

	assert_int_equal(outer(&all), 0);
	assert_int_equal(out_word(), DEEPEST * 8);
	assert_int_equal(outer(&some), 0);
	assert_int_equal(out_word(), (DEEPEST - 100) * 8);
	assert_int_equal(outer(&none), 0);
	assert_int_equal(out_word(), 0);
	assert_int_equal(outer(&beyond), 0);
	assert_int_equal(out_word(), -EFAULT);
}

static void a_stack_that_cannot_be_had_leaves_zeroes(void **state)
{
	static const struct {
		uint64_t flags, size;
		int64_t want;
	} cases[] = {
		{USER | 1 << 12, 64, -EINVAL}, {USER | 1ull << 63, 64, -EINVAL},
		{USER | FAST, 64, -EINVAL},    {USER | REUSE, 64, -EINVAL},
		{PLACES, 64, -EINVAL},         {USER, 12, -EINVAL},
		{USER | PLACES, 40, -EINVAL},  {USER | 255, 64, -EFAULT},
		{USER | 255, 0, -EFAULT},      {USER | PLACES | 255, 64, -EFAULT},
	};
	uint8_t *bytes, zeroes[64] = {0};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		fill_buffer('x');
		assert_int_equal(run("take", cases[i].flags, cases[i].size), cases[i].want);
		bytes = buffer(65);
		assert_memory_equal(bytes, zeroes, cases[i].size);
		assert_int_equal(bytes[cases[i].size], 'x');
		free(bytes);
	}
}

/* Of the kernel's own stack the hive has none. */
static void the_kernels_stack_is_not_to_be_had_in_a_hive(void **state)
{
	uint8_t *bytes, zeroes[64] = {0};

	fill_buffer('x');
	if (on_kernel) {
		assert_true(run("take", 0, 64) > 0);
		assert_true(run("put", 0, 0) >= 0);
		return;
	}
	assert_int_equal(run("take", 0, 64), -EFAULT);
	bytes = buffer(64);
	assert_memory_equal(bytes, zeroes, 64);
	free(bytes);
	assert_int_equal(run("put", 0, 0), -EFAULT);
}

/* one_id - the id of the stack here, which every further call gives too: all from one line, for lines differ in their stacks. */
static uint32_t one_id(const char *prog, uint64_t flags)
{
	static const uint64_t also[] = {0, 0, FAST, REUSE, FAST | REUSE};
	int64_t ids[ARRAY_SIZE(also)];

	for (size_t i = 0; i < ARRAY_SIZE(also); i++) {
		ids[i] = run(prog, flags | also[i], 0);
		assert_in_range(ids[i], 0, 63);
		assert_int_equal(ids[i], ids[0]);
	}
	return (uint32_t)ids[0];
}

/* What the system says: where in which file an address of this program lies, and the file's build id. */
static void expected_place(uint64_t ip, struct bpf_stack_build_id *want)
{
	unsigned long long from, to, off;
	char command[64], line[512], hex[128] = "";
	FILE *f = fopen("/proc/self/maps", "re");

	assert_non_null(f);
	*want = (struct bpf_stack_build_id){.status = BPF_STACK_BUILD_ID_VALID};
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%llx-%llx %*s %llx", &from, &to, &off) == 3 && ip >= from && ip < to)
			want->offset = off + (ip - from);
	fclose(f);
	assert_true(want->offset != 0);
	snprintf(command, sizeof(command), "readelf -n /proc/%d/exe", getpid());
	f = popen(command, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		sscanf(line, " Build ID: %127s", hex);
	pclose(f);
	assert_int_equal(strlen(hex), 32);
	for (size_t i = 0; i < 16; i++)
		assert_int_equal(sscanf(hex + 2 * i, "%2hhx", &want->build_id[i]), 1);
}

static void places_are_offsets_in_files_with_build_ids(void **state)
{
	struct bpf_stack_build_id *ids, want, in_map[8];
	uint32_t id;

	fill_buffer('x');
	assert_int_equal(run("take", USER | PLACES | 1, 64), 64);
	ids = buffer(64);
	expected_place(in_middle, &want);
	assert_memory_equal(&ids[0], &want, sizeof(want));
	expected_place(in_outer, &want);
	assert_memory_equal(&ids[1], &want, sizeof(want));
	free(ids);
	id = one_id("put_place", USER | 2);
	assert_int_equal(bpf_map_lookup_elem(map_fd_of(obj, "places"), &id, in_map), 0);
	assert_memory_equal(&in_map[0], &want, sizeof(want));
}

/* Neither a file's, nor what the kernel itself brings, nor beyond a file's end. */
static void places_that_are_in_no_file_stay_addresses(void **state)
{
	struct bpf_stack_build_id ids[4], none[4];

	memset(ids, 0xff, sizeof(ids));
	ids[0].ip = (uintptr_t)&ids;
	ids[1].ip = getauxval(AT_SYSINFO_EHDR) + 0x100;
	ids[2].ip = 0;
	ids[3].ip = UINT64_MAX;
	memset(none, 0, sizeof(none));
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		none[i].status = BPF_STACK_BUILD_ID_IP;
		none[i].ip = ids[i].ip;
	}
	callstack_build_ids(ids, ARRAY_SIZE(ids));
	assert_memory_equal(ids, none, sizeof(ids));
}

/* The C library is another file; where the offset points, the machine code is that at the address. */
static void places_in_libraries_are_theirs(void **state)
{
	struct bpf_stack_build_id *ids;
	uint64_t *ips, found = 0;
	int64_t bytes = run("take", USER, 16 * 8);

	ips = buffer(16 * 8);
	assert_int_equal(run("take", USER | PLACES, 16 * 32), bytes * 4);
	ids = buffer(16 * 32);
	for (size_t i = 1; i < (size_t)bytes / 8; i++)
		if (ids[i].status == BPF_STACK_BUILD_ID_VALID &&
		    memcmp(ids[i].build_id, ids[1].build_id, sizeof(ids[i].build_id)) != 0)
			found = ips[i] - ids[i].offset;
	/* cmocka or the C library, mapped from a page on. */
	if (!on_kernel)
		assert_true(found && found % 4096 == 0);
	free(ips);
	free(ids);
}

static void ids_lead_to_stacks(void **state)
{
	uint64_t in_map[DEEPEST];
	uint32_t id = one_id("put", USER | 1);

	assert_int_equal(bpf_map_lookup_elem(map_fd_of(obj, "stacks"), &id, in_map), 0);
	assert_int_equal(in_map[0], in_middle);
	assert_int_equal(in_map[1], in_outer);
}

static void an_id_is_refused_with_the_reason(void **state)
{
	assert_int_equal(run("put", USER | 1 << 12, 0), -EINVAL);
	assert_int_equal(run("put", USER | 1ull << 63, 0), -EINVAL);
	assert_int_equal(run("put", USER | PLACES, 0), -EINVAL);
	assert_int_equal(run("put", USER | 255, 0), -EFAULT);
	assert_int_equal(run("put_place", USER | 255, 0), -EFAULT);
	/* The one id there is, and the one element. */
	assert_int_equal(run("put_single", USER | 1, 0), 0);
	assert_int_equal(run("put_single", USER | 1, 0), 0);
	assert_int_equal(run("put_single", USER | 2, 0), -EEXIST);
	assert_int_equal(run("put_single", USER | 2 | REUSE, 0), -ENOMEM);
}

/* A program that looks at no stack itself may call one that does. */
static void a_tail_call_keeps_the_stack(void **state)
{
	int fd = bpf_program__fd(program_of(obj, "take"));
	uint64_t *ips;

	assert_int_equal(bpf_map_update_elem(map_fd_of(obj, "next"), &(uint32_t){0}, &fd, 0), 0);
	assert_int_equal(run("goes_on", USER | 1, 16), 16);
	ips = buffer(16);
	assert_int_equal(ips[0], in_middle);
	free(ips);
}

static void *run_apart(void *arg)
{
	struct skep_hive *before = seam_enter(test.hive);

	*(int64_t *)arg = run("take", USER, 4096);
	seam_enter(before);
	return NULL;
}

/* The stack is that of the thread: it ends where the thread begins. */
static void a_threads_stack_is_its_own(void **state)
{
	int64_t here = run("take", USER, 4096), apart;
	pthread_t thread;
	uint64_t *ips;

	assert_int_equal(pthread_create(&thread, NULL, run_apart, &apart), 0);
	pthread_join(thread, NULL);
	ips = buffer(24);
	assert_int_equal(ips[1], in_middle);
	free(ips);
	assert_true(apart < here || on_kernel);
}

static int find_here(void *arg, int fd, struct caller_fd *file)
{
	return caller_look(fd, file);
}

static bool never_gone(void *arg)
{
	return false;
}

/* As a thread of the kernel's. */
static void a_caller_in_another_process_has_no_stack(void **state)
{
	struct hive_caller far = {.find = find_here, .gone = never_gone, .opened = -1}, *before;
	int64_t got[4];

	if (on_kernel)
		skip();
	before = caller_enter(&far);
	got[0] = run("take", USER, 64);
	got[1] = run("take", USER | 1, 64);
	got[2] = run("put", USER, 0);
	got[3] = run("take", USER | PLACES, 64);
	caller_enter(before);
	assert_int_equal(got[0], 0);
	assert_int_equal(got[1], -EFAULT);
	assert_int_equal(got[2], -EFAULT);
	assert_int_equal(got[3], 0);
}

/* Where an embedder's program runs, the embedder's function comes first. */
static void an_embedders_run_has_the_embedders_stack(void **state)
{
	uint64_t args[2] = {USER}, ret = 9, ips[DEEPEST];
	struct skep_object *mine;
	uint32_t id;
	int fd;

	if (on_kernel)
		skip();
	assert_int_equal(skep_object_open_file(test.hive, object_path("stack"), &mine), 0);
	fd = skep_object_map_fd(mine, "stacks");
	assert_int_equal(skep_program_run(skep_object_program(mine, "put"), args, sizeof(args), NULL, &ret), 0);
	assert_int_equal(ret, 0);
	assert_int_equal(bpf_map_get_next_key(fd, NULL, &id), 0);
	assert_int_equal(bpf_map_lookup_elem(fd, &id, ips), 0);
	assert_true(ips[0] - (uintptr_t)an_embedders_run_has_the_embedders_stack < 1024);
	skep_object_close(mine);
}

#define STACK_TEST(fn) cmocka_unit_test_setup_teardown(fn, object_setup, object_teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		STACK_TEST(a_stack_begins_where_bpf_was_called),
		STACK_TEST(frames_are_skipped_and_cut),
		STACK_TEST(the_deepest_stack_has_127_frames),
		STACK_TEST(a_stack_that_cannot_be_had_leaves_zeroes),
		STACK_TEST(the_kernels_stack_is_not_to_be_had_in_a_hive),
		STACK_TEST(places_are_offsets_in_files_with_build_ids),
		cmocka_unit_test(places_that_are_in_no_file_stay_addresses),
		STACK_TEST(places_in_libraries_are_theirs),
		STACK_TEST(ids_lead_to_stacks),
		STACK_TEST(an_id_is_refused_with_the_reason),
		STACK_TEST(a_tail_call_keeps_the_stack),
		STACK_TEST(a_threads_stack_is_its_own),
		STACK_TEST(a_caller_in_another_process_has_no_stack),
		STACK_TEST(an_embedders_run_has_the_embedders_stack),
	};

	return test_main(argc, argv, tests, ARRAY_SIZE(tests), "call stacks");
}
