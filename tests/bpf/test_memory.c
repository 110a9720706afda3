/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Out of memory. Making objects, loading a program and running it, with the n-th allocation failing, for every n until nothing
 * fails any more: each command ends with success or with a plain error, and nothing is left behind.
 */
#include "util.h"

#include "bpf/event.h"
#include "bpf/link.h"
#include "bpf/pin.h"
#include "bpf/seam_calls.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <sys/mman.h>

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_aligned_alloc(size_t align, size_t n);
char *__real_strdup(const char *s);
void *__real_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off);
int __real_memfd_create(const char *name, unsigned int flags);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_aligned_alloc(size_t align, size_t n);
char *__wrap_strdup(const char *s);
void *__wrap_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off);
void *__wrap_mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t off);
int __wrap_memfd_create(const char *name, unsigned int flags);

static long countdown; /* 0: nothing fails; n: the n-th from now on does */
static bool failed;

static bool fails(void)
{
	if (!countdown || --countdown)
		return false;
	failed = true;
	errno = ENOMEM;
	return true;
}

void *__wrap_malloc(size_t n)
{
	return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	return fails() ? NULL : __real_realloc(p, n);
}

void *__wrap_aligned_alloc(size_t align, size_t n)
{
	return fails() ? NULL : __real_aligned_alloc(align, n);
}

char *__wrap_strdup(const char *s)
{
	return fails() ? NULL : __real_strdup(s);
}

void *__wrap_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	return fails() ? MAP_FAILED : __real_mmap(addr, len, prot, flags, fd, off);
}

/* The same function on this system; which name a call has depends on how it was compiled. */
void *__wrap_mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	return fails() ? MAP_FAILED : __real_mmap(addr, len, prot, flags, fd, off);
}

int __wrap_memfd_create(const char *name, unsigned int flags)
{
	return fails() ? -1 : __real_memfd_create(name, flags);
}

/* Did a command do what it should, or say that there is no memory? Other errors are wrong. */
static bool fine(int64_t ret)
{
	if (ret < 0 && ret != -ENOMEM)
		fail_msg("a command without memory ended with %s", strerror((int)-ret));
	return ret >= 0;
}

static int load_using(int map)
{
	const struct bpf_insn insns[] = {
		INSN(BPF_ST | BPF_MEM | BPF_W, 10, 0, -4, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, 2, 10, 0, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -4),
		LD_MAP(1, map),
		CALL(BPF_FUNC_map_lookup_elem),
		INSN(BPF_JMP | BPF_JNE | BPF_K, 0, 0, 2, 0),
		MOV_IMM(0, -1),
		EXIT(),
		INSN(BPF_LDX | BPF_MEM | BPF_W, 0, 0, 0, 0),
		EXIT(),
	};
	struct bpf_func_info func = {0, 3};
	char log[2048];
	char raw[128];
	uint32_t size = raw_btf(raw, sizeof(raw));
	int btf = call(BPF_BTF_LOAD, .btf = PTR(raw), .btf_size = size);
	int prog;

	if (!fine(btf))
		return btf;
	prog = call(BPF_PROG_LOAD, .prog_type = BPF_PROG_TYPE_XDP, .insns = PTR(insns), .insn_cnt = 11,
		    .license = PTR("GPL"), .log_buf = PTR(log), .log_size = sizeof(log), .log_level = 1,
		    .prog_btf_fd = btf, .func_info = PTR(&func), .func_info_cnt = 1, .func_info_rec_size = 8);
	close(btf);
	return prog;
}

static int take(struct hive_hook *hook, struct hive_link *link, uint32_t target)
{
	return 0;
}

static void leave(struct hive_hook *hook, struct hive_link *link)
{
}

/* Programs on tasks: an event that gets a program by a link and one that gets it by ioctl, and a raw tracepoint. */
static void watch(void)
{
	static const struct bpf_insn insns[] = {MOV_IMM(0, 0), EXIT()};
	static struct hive_hook hook;
	struct perf_event_attr attr = {.type = PMU_KPROBE, .size = sizeof(attr), .kprobe_func = PTR("__x64_sys_close")};
	int fds[8], n = 0;

	hook = (struct hive_hook){
		.attach_type = BPF_PERF_EVENT, .also = POINT_ATTACH_TYPES, .attach = take, .detach = leave};
	assert_int_equal(hive_hook_add(hive, &hook), 0);
	for (int raw = 0; raw < 2; raw++) {
		int prog = call(BPF_PROG_LOAD, .prog_type = raw ? BPF_PROG_TYPE_RAW_TRACEPOINT : BPF_PROG_TYPE_KPROBE,
				.insns = PTR(insns), .insn_cnt = 2, .license = PTR("GPL"));

		fds[n++] = prog;
		if (!fine(prog))
			continue;
		if (raw) {
			fds[n++] = call(BPF_RAW_TRACEPOINT_OPEN,
					.raw_tracepoint = {.name = PTR("sys_enter"), .prog_fd = (uint32_t)prog});
			fine(fds[n - 1]);
			continue;
		}
		for (int by_ioctl = 0; by_ioctl < 2; by_ioctl++) {
			int event = hive_perf_event_open(hive, PTR(&attr), -1, 0);

			fds[n++] = event;
			if (!fine(event))
				continue;
			if (by_ioctl) {
				struct skep_hive *before = seam_enter(hive);

				if (skep_seam_ioctl(event, PERF_EVENT_IOC_SET_BPF, prog))
					fine(-errno);
				seam_enter(before);
			} else {
				fds[n++] = call(BPF_LINK_CREATE, .link_create = {.prog_fd = (uint32_t)prog,
										 .target_fd = (uint32_t)event,
										 .attach_type = BPF_PERF_EVENT});
				fine(fds[n - 1]);
			}
		}
	}
	while (n)
		if (fds[--n] >= 0)
			close(fds[n]);
	hive_sweep(hive);
	hive_hook_remove(hive, &hook);
}

/* A life: maps of several kinds, elements, a program, a pin, a slot, infos and a run. */
static void live(void)
{
	static const struct {
		uint32_t type, key, value, n, flags;
	} kinds[] = {
		{BPF_MAP_TYPE_HASH, 4, 8, 4, 0},         {BPF_MAP_TYPE_LRU_HASH, 4, 8, 4, 0},
		{BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8, 4, 0}, {BPF_MAP_TYPE_LPM_TRIE, 8, 8, 4, BPF_F_NO_PREALLOC},
		{BPF_MAP_TYPE_QUEUE, 0, 8, 4, 0},        {BPF_MAP_TYPE_RINGBUF, 0, 0, 4096, 0},
		{BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 4, 0},
	};
	uint8_t key[8] = {0}, value[64] = {0};
	uint8_t code[256];
	int array, prog, jumps = -1;
	struct bpf_prog_info info = {.xlated_prog_insns = PTR(code),
				     .xlated_prog_len = sizeof(code),
				     .jited_prog_insns = PTR(code),
				     .jited_prog_len = sizeof(code)};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		int fd = call(BPF_MAP_CREATE, .map_type = kinds[i].type, .key_size = kinds[i].key,
			      .value_size = kinds[i].value, .max_entries = kinds[i].n, .map_flags = kinds[i].flags);

		if (!fine(fd))
			continue;
		if (kinds[i].type == BPF_MAP_TYPE_PROG_ARRAY) {
			jumps = fd;
			continue;
		}
		if (kinds[i].value) {
			uint64_t k = kinds[i].key ? PTR(key) : 0;

			if (fine(call(BPF_MAP_UPDATE_ELEM, .map_fd = fd, .key = k, .value = PTR(value))))
				fine(call(BPF_MAP_LOOKUP_ELEM, .map_fd = fd, .key = k, .value = PTR(value)));
		}
		close(fd);
	}
	array = call(BPF_MAP_CREATE, .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 1);
	prog = fine(array) ? load_using(array) : -ENOMEM;
	if (array >= 0)
		close(array);
	if (fine(prog)) {
		int64_t ret = run_xdp(prog);

		if (fine(ret))
			assert_int_equal(ret, 0);
		fine(call(BPF_OBJ_PIN, .bpf_fd = prog, .pathname = PTR("/sys/fs/bpf/p")));
		fine(call(BPF_OBJ_GET_INFO_BY_FD,
			  .info = {.bpf_fd = prog, .info_len = sizeof(info), .info = PTR(&info)}));
		memset(key, 0, sizeof(key));
		if (jumps >= 0)
			fine(call(BPF_MAP_UPDATE_ELEM, .map_fd = jumps, .key = PTR(key), .value = PTR(&prog)));
		close(prog);
		pin_remove(hive, "/sys/fs/bpf/p");
	}
	if (jumps >= 0)
		close(jumps);
	watch();
}

static void every_allocation_may_fail_once(void **state)
{
	long n = 0;
	long done = 0;

	do {
		struct skep_hive_opts opts = SKEP_OPTS(struct skep_hive_opts, .n_cpus = 2);

		failed = false;
		countdown = ++n;
		if (skep_hive_new(&opts, &hive)) {
			countdown = 0;
			assert_true(failed);
			continue;
		}
		live();
		countdown = 0;
		assert_int_equal(count_ids(BPF_PROG_GET_NEXT_ID), 0);
		assert_int_equal(count_ids(BPF_MAP_GET_NEXT_ID), 0);
		assert_int_equal(count_ids(BPF_BTF_GET_NEXT_ID), 0);
		assert_int_equal(count_ids(BPF_LINK_GET_NEXT_ID), 0);
		skep_hive_free(hive);
		hive = NULL;
		done++;
		assert_true(n < 10000);
	} while (failed);
	/* There were many to fail. */
	assert_true(n > 80);
	assert_true(done > 50);
	print_message("%ld allocations, each failed once\n", n - 1);
}

static void a_hive_works_again_once_there_is_memory(void **state)
{
	for (long n = 1; n < 250; n++) {
		countdown = n;
		live();
		countdown = 0;
		assert_int_equal(count_ids(BPF_MAP_GET_NEXT_ID), 0);
		close(make_array());
	}
	failed = false;
	live();
	assert_false(failed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_allocation_may_fail_once),
		HIVE_TEST(a_hive_works_again_once_there_is_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
