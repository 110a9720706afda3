/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One hive, several threads: making, running, sharing and closing objects at once. Sanitizers must stay silent; TSan
 * with --interpret, as it cannot see how compiled code loads the pointer of a tail call's target.
 */
#include "util.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

static atomic_bool stop;
static atomic_uint_fast64_t rounds, wrong;
static int shared_jumps, shared_hash;

/* No cmocka in here: its assertions belong to the test's own thread. */
static void expect(bool ok)
{
	if (!ok)
		atomic_fetch_add(&wrong, 1);
}

static int try_prog(const struct bpf_insn *insns, uint32_t n)
{
	return call(BPF_PROG_LOAD, .prog_type = BPF_PROG_TYPE_XDP, .insns = PTR(insns), .insn_cnt = n,
		    .license = PTR("GPL"));
}

/* A map of its own, a program that reads it, a slot in the shared prog array, a pass through ids and infos; then all goes. */
static void *live(void *arg)
{
	uint32_t me = (uint32_t)(uintptr_t)arg;

	for (uint64_t i = 0; !atomic_load(&stop); i++) {
		uint64_t value = me * 1000 + i % 1000;
		uint32_t zero = 0;
		uint32_t key = (uint32_t)(i % 64);
		int map = call(BPF_MAP_CREATE, .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8,
			       .max_entries = 1);
		const struct bpf_insn insns[] = {
			INSN(BPF_ALU64 | BPF_MOV | BPF_X, 6, 1, 0, 0),
			INSN(BPF_ST | BPF_MEM | BPF_W, 10, 0, -4, 0),
			INSN(BPF_ALU64 | BPF_MOV | BPF_X, 2, 10, 0, 0),
			INSN(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -4),
			LD_MAP(1, map),
			CALL(BPF_FUNC_map_lookup_elem),
			INSN(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1, 0),
			INSN(BPF_LDX | BPF_MEM | BPF_W, 0, 0, 0, 0),
			EXIT(),
		};
		/* Whatever stands in the array, of either thread, or nothing. */
		const struct bpf_insn jump[] = {
			LD_MAP(2, shared_jumps),
			MOV_IMM(3, (int32_t)(i & 1)),
			CALL(BPF_FUNC_tail_call),
			MOV_IMM(0, 0),
			EXIT(),
		};
		union bpf_attr id = {0};
		int prog, jumper;
		int64_t ret;

		expect(map >= 0);
		expect(!call(BPF_MAP_UPDATE_ELEM, .map_fd = map, .key = PTR(&zero), .value = PTR(&value)));
		prog = try_prog(insns, ARRAY_SIZE(insns));
		jumper = try_prog(jump, ARRAY_SIZE(jump));
		expect(prog >= 0 && jumper >= 0);
		close(map);
		key &= 1;
		expect(!call(BPF_MAP_UPDATE_ELEM, .map_fd = shared_jumps, .key = PTR(&key), .value = PTR(&prog)));
		expect(run_xdp(prog) == (int64_t)value);
		ret = run_xdp(jumper);
		expect(ret == 0 || (ret >= 1000 && ret < 3000));
		key = (uint32_t)(i % 64);
		expect(!call(BPF_MAP_UPDATE_ELEM, .map_fd = shared_hash, .key = PTR(&key), .value = PTR(&value)));
		if (i % 3 == 0)
			call(BPF_MAP_DELETE_ELEM, .map_fd = shared_hash, .key = PTR(&key));
		if (i % 7 == 0) {
			key = 0;
			call(BPF_MAP_DELETE_ELEM, .map_fd = shared_jumps, .key = PTR(&key));
		}
		while (!skep_bpf(hive, BPF_PROG_GET_NEXT_ID, &id, sizeof(id))) {
			int fd = call(BPF_PROG_GET_FD_BY_ID, .prog_id = id.next_id);

			/* Another thread may have been the last to hold it. */
			expect(fd >= 0 || fd == -ENOENT);
			if (fd >= 0)
				close(fd);
			id = (union bpf_attr){.start_id = id.next_id};
		}
		close(prog);
		close(jumper);
		atomic_fetch_add(&rounds, 1);
	}
	return NULL;
}

static void objects_may_be_made_run_and_closed_by_threads_at_once(void **state)
{
	pthread_t threads[2];

	atomic_store(&stop, false);
	shared_jumps = make_map(BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 2, 0);
	shared_hash = make_map(BPF_MAP_TYPE_HASH, 4, 8, 128, 0);
	for (uintptr_t i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, live, (void *)(i + 1)), 0);
	nanosleep(&(struct timespec){.tv_sec = 2}, NULL);
	atomic_store(&stop, true);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&wrong), 0);
	assert_true(atomic_load(&rounds) > 100);
	close(shared_hash);
	close(shared_jumps);
	assert_int_equal(count_ids(BPF_PROG_GET_NEXT_ID), 0);
	assert_int_equal(count_ids(BPF_MAP_GET_NEXT_ID), 0);
	print_message("%llu rounds\n", (unsigned long long)atomic_load(&rounds));
}

/* More threads than workers: a run waits for a worker, and each has it for itself. */
static void *run_only(void *arg)
{
	int prog = (int)(intptr_t)arg;

	while (!atomic_load(&stop)) {
		expect(run_xdp(prog) == 2);
		atomic_fetch_add(&rounds, 1);
	}
	return NULL;
}

static void more_threads_than_workers_take_turns(void **state)
{
	int prog = make_prog(BPF_PROG_TYPE_XDP, 2);
	pthread_t threads[8]; /* the hive has 4 workers */

	atomic_store(&stop, false);
	atomic_store(&rounds, 0);
	for (int i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, run_only, (void *)(intptr_t)prog), 0);
	nanosleep(&(struct timespec){.tv_nsec = 500000000}, NULL);
	atomic_store(&stop, true);
	for (int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&wrong), 0);
	assert_true(atomic_load(&rounds) > 100);
	close(prog);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		HIVE_TEST(objects_may_be_made_run_and_closed_by_threads_at_once),
		HIVE_TEST(more_threads_than_workers_take_turns),
	};

	if (argc > 1 && !strcmp(argv[1], "--interpret"))
		test_hive_flags |= SKEP_INTERPRET;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
