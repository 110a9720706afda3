/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What mmap(2) on the hive's fds refuses, perf buffers at their edges, and runs within runs. A deadlock ends a test by
 * alarm(2).
 */
#include "util.h"

#include <linux/perf_event.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "bpf/seam_calls.h"

static void refused(int fd, size_t len, int prot, int flags, int err)
{
	errno = 0;
	assert_ptr_equal(skep_seam_mmap(NULL, len, prot, flags, fd, 0), MAP_FAILED);
	assert_int_equal(errno, err);
}

/* A ring is mapped through the hive's own fd: what the caller's may not do must be asked of it. */
static void an_fd_is_mapped_only_as_it_was_opened(void **state)
{
	struct skep_hive *before = seam_enter(hive);
	int rw = make_map(BPF_MAP_TYPE_RINGBUF, 0, 0, 4096, 0);
	int ro = call(BPF_MAP_GET_FD_BY_ID, .map_id = id_of(rw), .open_flags = BPF_F_RDONLY);
	int wo = call(BPF_MAP_GET_FD_BY_ID, .map_id = id_of(rw), .open_flags = BPF_F_WRONLY);
	void *p;

	assert_true(ro >= 0 && wo >= 0);
	refused(ro, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, EACCES);
	refused(wo, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, EACCES);
	refused(wo, 4096, PROT_READ, MAP_SHARED, EACCES);
	p = skep_seam_mmap(NULL, 4096, PROT_READ, MAP_SHARED, ro, 0);
	assert_ptr_not_equal(p, MAP_FAILED);
	assert_int_equal(skep_seam_munmap(p, 4096), 0);
	p = skep_seam_mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, rw, 0);
	assert_ptr_not_equal(p, MAP_FAILED);
	assert_int_equal(skep_seam_munmap(p, 4096), 0);
	close(rw);
	close(ro);
	close(wo);
	seam_enter(before);
}

static void what_programs_may_not_write_is_not_mapped_for_writing(void **state)
{
	struct skep_hive *before = seam_enter(hive);
	int map = make_map(BPF_MAP_TYPE_ARRAY, 4, 8, 4, BPF_F_MMAPABLE | BPF_F_RDONLY_PROG);
	void *p;

	refused(map, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, EACCES);
	p = skep_seam_mmap(NULL, 4096, PROT_READ, MAP_SHARED, map, 0);
	assert_ptr_not_equal(p, MAP_FAILED);
	assert_int_equal(skep_seam_munmap(p, 4096), 0);
	close(map);
	seam_enter(before);
}

static struct perfbuf *perf_of(int fd)
{
	struct hive_object *o;
	int why;

	pthread_mutex_lock(&hive->lock);
	o = hive_object_by_fd(hive, fd, HIVE_PERF, &why);
	hive_object_put(o); /* its fd holds it */
	pthread_mutex_unlock(&hive->lock);
	return container_of(o, struct hive_perf, o)->buf;
}

static void a_perf_buffer_is_mapped_shared_and_in_whole_pages(void **state)
{
	struct skep_hive *before = seam_enter(hive);
	int fd = hive_open_perf(hive, 0);
	void *p;

	assert_true(fd >= 0);
	refused(fd, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, EINVAL);
	refused(fd, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, EINVAL);
	refused(fd, 4 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, EINVAL);
	refused(fd, SIZE_MAX, PROT_READ | PROT_WRITE, MAP_SHARED, ENOMEM);
	/* As large as the address space: there is no room, and a smaller one may be had afterwards. */
	refused(fd, ((size_t)1 << 47) + 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ENOMEM);
	p = skep_seam_mmap(NULL, 4097, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(p, MAP_FAILED);
	assert_int_equal(((struct perf_event_mmap_page *)p)->data_size, 4096);
	assert_int_equal(skep_seam_munmap(p, 8192), 0);
	close(fd);
	seam_enter(before);
}

static void a_sample_whose_length_wraps_is_e2big(void **state)
{
	static const uint8_t data[64];
	struct skep_hive *before = seam_enter(hive);
	int fd = hive_open_perf(hive, 0);
	void *p = skep_seam_mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	struct perfbuf *b = perf_of(fd);

	assert_ptr_not_equal(p, MAP_FAILED);
	assert_int_equal(perfbuf_output(b, data, SIZE_MAX - 3, data, 0), -E2BIG);
	assert_int_equal(perfbuf_output(b, data, SIZE_MAX - 31, data, 32), -E2BIG);
	assert_int_equal(perfbuf_output(b, data, 65536, data, 0), -E2BIG);
	assert_false(perfbuf_ready(b));
	assert_int_equal(perfbuf_output(b, data, 64, NULL, 0), 0);
	assert_true(perfbuf_ready(b));
	assert_int_equal(skep_seam_munmap(p, 8192), 0);
	close(fd);
	seam_enter(before);
}

/* Reader's positions that lie: all that they change is whether there is room. */
static void a_lying_perf_reader_gets_nothing_beyond_the_buffer(void **state)
{
	static const uint64_t tails[] = {1, 4096, 1ull << 63, UINT64_MAX};
	static const uint8_t data[2000];
	struct skep_hive *before = seam_enter(hive);

	for (size_t i = 0; i < ARRAY_SIZE(tails); i++) {
		int fd = hive_open_perf(hive, 0);
		struct perf_event_mmap_page *p = skep_seam_mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		struct perfbuf *b = perf_of(fd);

		assert_ptr_not_equal(p, MAP_FAILED);
		p->data_tail = tails[i];
		p->data_size = UINT64_MAX;
		p->data_head = tails[i] * 3;
		for (int n = 0; n < 10; n++)
			perfbuf_output(b, data, sizeof(data), data, 7);
		assert_true(b->head <= 4096);
		assert_int_equal(skep_seam_munmap(p, 8192), 0);
		close(fd);
	}
	seam_enter(before);
}

static atomic_int round_begun, frozen_by;

static void *freezer(void *arg)
{
	int map = *(int *)arg;

	for (int i = 1; i > 0; i++) {
		while (atomic_load(&round_begun) < i)
			;
		if (atomic_load(&round_begun) == INT32_MAX)
			break;
		atomic_store(&frozen_by, call(BPF_MAP_FREEZE, .map_fd = map) ? -i : i);
	}
	return NULL;
}

/* Either the map is frozen or somebody may write to it. All rounds use one fd number for new maps. */
static void freezing_and_a_writable_mapping_exclude_each_other(void **state)
{
	struct skep_hive *before = seam_enter(hive);
	int map = make_map(BPF_MAP_TYPE_ARRAY, 4, 8, 4, BPF_F_MMAPABLE);
	pthread_t thread;
	int done;

	atomic_store(&round_begun, 0);
	atomic_store(&frozen_by, 0);
	assert_int_equal(pthread_create(&thread, NULL, freezer, &map), 0);
	for (int i = 1; i <= 3000; i++) {
		int fresh = make_map(BPF_MAP_TYPE_ARRAY, 4, 8, 4, BPF_F_MMAPABLE);
		void *p;

		assert_int_equal(dup2(fresh, map), map);
		close(fresh);
		atomic_store(&round_begun, i);
		for (volatile int k = 0; k < (i * 37) % 4000; k++)
			;
		p = skep_seam_mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);
		do
			done = atomic_load(&frozen_by);
		while (done != i && done != -i);
		if (p != MAP_FAILED && done == i)
			fail_msg("round %d: frozen, and mapped for writing", i);
		if (p != MAP_FAILED)
			skep_seam_munmap(p, 4096);
	}
	atomic_store(&round_begun, INT32_MAX);
	pthread_join(thread, NULL);
	close(map);
	seam_enter(before);
}

static int again, deepest, depth;

static uint64_t run_again(uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4, uint64_t r5, struct skep_env *env)
{
	int64_t ret;

	depth++;
	deepest = MAX(deepest, depth);
	ret = run_xdp(again);
	depth--;
	/* The innermost run's answer is the outermost's. */
	return (uint64_t)ret;
}

static void a_run_within_a_run_without_a_free_worker_is_ebusy(void **state)
{
	const struct bpf_insn insns[] = {CALL(SKEP_HELPER_MIN), EXIT()};

	alarm(20);
	assert_int_equal(skep_hive_add_helper(hive, SKEP_HELPER_MIN, "run_again", run_again), 0);
	again = make_prog_insns(BPF_PROG_TYPE_XDP, insns, ARRAY_SIZE(insns));
	assert_int_equal((int32_t)run_xdp(again), -EBUSY);
	assert_int_equal(deepest, 4); /* the hive's workers */
	/* All of them are back. */
	deepest = 0;
	assert_int_equal((int32_t)run_xdp(again), -EBUSY);
	assert_int_equal(deepest, 4);
	alarm(0);
	close(again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HIVE_TEST(an_fd_is_mapped_only_as_it_was_opened),
		HIVE_TEST(what_programs_may_not_write_is_not_mapped_for_writing),
		HIVE_TEST(a_perf_buffer_is_mapped_shared_and_in_whole_pages),
		HIVE_TEST(a_sample_whose_length_wraps_is_e2big),
		HIVE_TEST(a_lying_perf_reader_gets_nothing_beyond_the_buffer),
		HIVE_TEST(freezing_and_a_writable_mapping_exclude_each_other),
		HIVE_TEST(a_run_within_a_run_without_a_free_worker_is_ebusy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
