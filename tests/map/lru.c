/* SPDX-License-Identifier: BSD-2-Clause */
/* LRU maps: never more than max_entries, never full, and what was used stays. */
#include "util.h"

static const uint32_t types[] = {BPF_MAP_TYPE_LRU_HASH, BPF_MAP_TYPE_LRU_PERCPU_HASH};

static long count(void *arg, void *key, void *value)
{
	return 0;
}

static void insertion_never_fails_and_size_never_exceeds(void **state)
{
	for (int t = 0; t < 2; t++)
		for (uint32_t n = 1; n < 70; n += 3) {
			struct skep_map *map = make(types[t], 4, 8, n, 0);

			for (uint32_t k = 0; k < 500; k++) {
				uint64_t value = k;

				assert_int_equal(map_update(map, &k, &value, BPF_NOEXIST, 0), 0);
				assert_int_equal(*(uint64_t *)map_lookup(map, &k, 0), k);
				assert_int_equal(map_for_each(map, 0, count, NULL), MIN(n, k + 1));
			}
			map_destroy(map);
		}
}

static void what_programs_look_at_survives(void **state)
{
	struct skep_map *map = make(BPF_MAP_TYPE_LRU_HASH, 8, 8, 4096, 0);

	for (uint64_t k = 0; k < 4096; k++)
		assert_int_equal(map_update(map, &k, &k, BPF_ANY, 0), 0);
	for (uint64_t hot = 1000; hot < 2024; hot++)
		assert_non_null(map_lookup(map, &hot, 0));
	/* A contiguous quarter stays in use while eight times the map's size passes through. */
	for (uint64_t k = 4096; k < 9 * 4096; k++) {
		uint64_t hot = 1000 + k % 1024;

		assert_non_null(map_lookup(map, &hot, 0));
		assert_int_equal(map_update(map, &k, &k, BPF_ANY, 0), 0);
	}
	map_destroy(map);
}

static void what_users_look_at_does_not(void **state)
{
	struct skep_map *map = make(BPF_MAP_TYPE_LRU_HASH, 4, 8, 64, 0);
	uint32_t hot = 0, left = 0;
	uint64_t value = 1;

	for (uint32_t k = 0; k < 64; k++)
		assert_int_equal(map_update(map, &k, &value, BPF_ANY, 0), 0);
	for (uint32_t k = 64; k < 128; k++) {
		if (!map_user_lookup(map, &hot, &value, 0))
			left++;
		assert_int_equal(map_update(map, &k, &value, BPF_ANY, 0), 0);
	}
	assert_true(left < 64);
	assert_int_equal(map_user_lookup(map, &hot, &value, 0), -ENOENT);
	map_destroy(map);
}

static void updating_a_full_map_evicts_nothing(void **state)
{
	struct skep_map *map = make(BPF_MAP_TYPE_LRU_HASH, 4, 8, 100, 0);

	for (uint64_t round = 0; round < 5; round++)
		for (uint32_t k = 0; k < 100; k++)
			assert_int_equal(map_update(map, &k, &round, round ? BPF_EXIST : BPF_NOEXIST, 0), 0);
	for (uint32_t k = 0; k < 100; k++)
		assert_int_equal(*(uint64_t *)map_lookup(map, &k, 0), 4);
	map_destroy(map);
}

static void an_evicted_key_is_gone_for_every_reader(void **state)
{
	struct skep_map *map = make(BPF_MAP_TYPE_LRU_HASH, 4, 8, 16, 0);

	for (uint32_t k = 0; k < 3000; k++) {
		uint64_t value = k, got;
		uint32_t present = 0;

		assert_int_equal(map_update(map, &k, &value, BPF_ANY, 0), 0);
		for (uint32_t old = k > 100 ? k - 100 : 0; old <= k; old++)
			if (!map_user_lookup(map, &old, &got, 0)) {
				assert_int_equal(got, old);
				present++;
			}
		assert_int_equal(present, MIN(k + 1, 16));
	}
	map_destroy(map);
}

static void a_deleted_key_is_gone_however_often_it_was_evicted(void **state)
{
	struct skep_map *map = make(BPF_MAP_TYPE_LRU_HASH, 4, 8, 16, 0);
	uint64_t r = 4, value = 1;

	for (uint32_t i = 0; i < 50000; i++) {
		uint32_t key = (uint32_t)(splitmix64(&r) % 40);
		bool present = map_lookup(map, &key, 0);

		if (splitmix64(&r) % 3) {
			assert_int_equal(map_update(map, &key, &value, BPF_ANY, 0), 0);
			continue;
		}
		assert_int_equal(map_delete(map, &key), present ? 0 : -ENOENT);
		assert_null(map_lookup(map, &key, 0));
		assert_int_equal(map_delete(map, &key), -ENOENT);
	}
	map_destroy(map);
}

static void separate_lists_round_max_entries_to_the_cpus(void **state)
{
	struct skep_map *map = make_cpus(BPF_MAP_TYPE_LRU_HASH, 4, 8, 10, BPF_F_NO_COMMON_LRU, 4);

	assert_int_equal(map->max_entries, 12);
	map_destroy(map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(insertion_never_fails_and_size_never_exceeds),
		cmocka_unit_test(what_programs_look_at_survives),
		cmocka_unit_test(what_users_look_at_does_not),
		cmocka_unit_test(updating_a_full_map_evicts_nothing),
		cmocka_unit_test(an_evicted_key_is_gone_for_every_reader),
		cmocka_unit_test(a_deleted_key_is_gone_however_often_it_was_evicted),
		cmocka_unit_test(separate_lists_round_max_entries_to_the_cpus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
