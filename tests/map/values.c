/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arrays, hashes and LPM tries against a model: a plain list of keys and values that is searched from end to end.
 * And what the contract promises beyond results: exact sizes, values that stay where they are, creation that
 * touches nothing.
 */
#include "util.h"

#include "map/ops.h"

#include <time.h>

/* The model. */

enum { MODEL_MAX = 4096 };

struct model {
	uint32_t key_size, value_size, n, max_entries;
	uint8_t key[MODEL_MAX][32];
	uint64_t value[MODEL_MAX];
};

static struct model model;

static uint32_t model_find(const void *key)
{
	for (uint32_t i = 0; i < model.n; i++)
		if (!memcmp(model.key[i], key, model.key_size))
			return i;
	return UINT32_MAX;
}

static int model_update(const void *key, uint64_t value, uint64_t flags)
{
	uint32_t i = model_find(key);

	if (i == UINT32_MAX) {
		if (flags == BPF_EXIST)
			return -ENOENT;
		if (model.n == model.max_entries)
			return -E2BIG;
		i = model.n++;
		memcpy(model.key[i], key, model.key_size);
	} else if (flags == BPF_NOEXIST) {
		return -EEXIST;
	}
	model.value[i] = value;
	return 0;
}

static int model_delete(const void *key)
{
	uint32_t i = model_find(key);

	if (i == UINT32_MAX)
		return -ENOENT;
	model.n--;
	memcpy(model.key[i], model.key[model.n], 32);
	model.value[i] = model.value[model.n];
	return 0;
}

static long count_and_check(void *arg, void *key, void *value)
{
	uint32_t i = model_find(key);

	assert_int_not_equal(i, UINT32_MAX);
	assert_memory_equal(value, &model.value[i], 8);
	return 0;
}

static void random_hash_key(uint64_t *r, uint8_t *key, uint32_t size)
{
	uint32_t k = (uint32_t)(splitmix64(r) % (model.max_entries * 5 / 4));

	/* Scattered: a product hash would spread keys that count up so evenly that no two ever met. */
	if (size >= 4)
		k = (uint32_t)splitmix64(&(uint64_t){k});
	memset(key, 0x5a, 32);
	memcpy(key, &k, MIN(size, 4u));
	if (size > 8) /* let some keys differ only at their end */
		memcpy(key + size - 4, &k, 4), memset(key, 0, 4);
}

static void hash_against_model(uint32_t type, uint32_t key_size, uint32_t max_entries)
{
	struct skep_map *map = make(type, key_size, 8, max_entries, 0);
	uint64_t r = key_size;

	model.n = 0;
	model.key_size = key_size;
	model.max_entries = max_entries;
	for (uint32_t step = 0; step < 20000; step++) {
		uint8_t key[32];
		uint64_t value = splitmix64(&r), flags = splitmix64(&r) % 3, *at;
		uint32_t i;

		random_hash_key(&r, key, key_size);
		switch (splitmix64(&r) % 4) {
		case 0:
			at = map_lookup(map, key, 1);
			i = model_find(key);
			if (i == UINT32_MAX)
				assert_null(at);
			else
				assert_int_equal(*at, model.value[i]);
			break;
		case 1:
		case 2:
			assert_int_equal(map_update(map, key, &value, flags, 1), model_update(key, value, flags));
			break;
		case 3:
			assert_int_equal(map_delete(map, key), model_delete(key));
			break;
		}
		if (step % 2000 == 0)
			assert_int_equal(map_for_each(map, 1, count_and_check, NULL), model.n);
	}
	assert_int_equal(map_for_each(map, 1, count_and_check, NULL), model.n);
	map_destroy(map);
}

static void hashes_of_every_key_size_follow_the_model(void **state)
{
	for (uint32_t size = 2; size <= 24; size++) {
		hash_against_model(BPF_MAP_TYPE_HASH, size, 100);
		hash_against_model(BPF_MAP_TYPE_PERCPU_HASH, size, 33);
	}
	hash_against_model(BPF_MAP_TYPE_HASH, 4, 1);
	/* Enough keys that some agree in bucket and tag: only the compare tells them apart. */
	for (uint32_t size = 4; size <= 24; size += 4)
		hash_against_model(BPF_MAP_TYPE_HASH, size, 1024);
}

/* fill_up - as many keys as the map takes, made by @key_of. Return: how many. */
static uint32_t fill_up(struct skep_map *map, uint32_t tries, int *last)
{
	uint32_t n = 0;
	uint64_t value = 1;

	for (uint32_t i = 0; i < tries; i++) {
		uint64_t key[4] = {(uint64_t)i << 7, i, 3, 4};

		*last = map_update(map, key, &value, BPF_NOEXIST, 0);
		if (*last)
			break;
		n++;
	}
	return n;
}

static void a_hash_takes_exactly_max_entries(void **state)
{
	static const uint32_t entries[] = {1, 2, 7, 8, 9, 12, 13, 64, 100, 1000, 4096, 16384, 100001};
	int last;

	for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
		struct skep_map *map = make(BPF_MAP_TYPE_HASH, 8, 8, entries[i], 0);

		/* Twice: what deletion gives back is exact too. */
		for (int round = 0; round < 2; round++) {
			assert_int_equal(fill_up(map, entries[i] + 10, &last), entries[i]);
			assert_int_equal(last, -E2BIG);
			for (uint64_t k = 0; k < entries[i]; k++) {
				uint64_t key = k << 7;

				assert_int_equal(map_delete(map, &key), 0);
			}
		}
		map_destroy(map);
	}
}

static void values_never_move(void **state)
{
	struct skep_map *map = make(BPF_MAP_TYPE_HASH, 4, 8, 2000, 0);
	static uint64_t *at[1000];

	for (uint32_t k = 0; k < 1000; k++) {
		uint64_t value = k;

		assert_int_equal(map_update(map, &k, &value, BPF_ANY, 0), 0);
		at[k] = map_lookup(map, &k, 0);
	}
	for (uint32_t k = 1000; k < 20000; k++) {
		uint64_t value = k;
		uint32_t old = k - 900;

		assert_int_equal(map_update(map, &k, &value, BPF_ANY, 0), 0);
		if (old >= 1000)
			assert_int_equal(map_delete(map, &old), 0);
	}
	for (uint32_t k = 0; k < 1000; k++) {
		uint64_t value = k + 5;

		assert_int_equal(*at[k], k);
		assert_int_equal(map_update(map, &k, &value, BPF_EXIST, 0), 0);
		assert_int_equal(*at[k], k + 5);
		assert_ptr_equal(map_lookup(map, &k, 0), at[k]);
	}
	map_destroy(map);
}

static void a_new_percpu_value_is_zero_on_the_other_cpus(void **state)
{
	struct skep_map *map = make_cpus(BPF_MAP_TYPE_PERCPU_HASH, 4, 8, 1, 0, 4);
	uint32_t key = 1, other = 2;
	uint64_t all[4] = {9, 9, 9, 9}, value = 5;
	void *old;

	assert_int_equal(map_user_value_size(map), 32);
	assert_int_equal(map_user_update(map, &key, all, BPF_ANY), 0);
	assert_int_equal(map_user_delete(map, &key, &old), 0);
	assert_int_equal(map_update(map, &other, &value, BPF_ANY, 2), 0);
	assert_int_equal(map_user_lookup(map, &other, all, 0), 0);
	assert_int_equal(all[0], 0);
	assert_int_equal(all[1], 0);
	assert_int_equal(all[2], 5);
	assert_int_equal(all[3], 0);
	assert_int_equal(*(uint64_t *)map_lookup_percpu(map, &other, 2), 5);
	assert_null(map_lookup_percpu(map, &other, 4));
	map_destroy(map);
}

static void a_million_entries_are_made_in_no_time(void **state)
{
	struct timespec a, b;
	struct skep_map *map;

	clock_gettime(CLOCK_MONOTONIC, &a);
	map = make(BPF_MAP_TYPE_LRU_HASH, 16, 256, 1000000, 0);
	clock_gettime(CLOCK_MONOTONIC, &b);
	assert_true((b.tv_sec - a.tv_sec) * 1000000000ll + b.tv_nsec - a.tv_nsec < 50000000);
	map_destroy(map);
}

static void an_array_maps_from_offset_zero(void **state)
{
	struct skep_map *map = make(BPF_MAP_TYPE_ARRAY, 4, 12, 700, BPF_F_MMAPABLE);
	uint32_t index = 699, value[3] = {1, 2, 3};

	assert_int_equal(map->mmap_size, ALIGN_UP(700 * 16ul, (unsigned long)sysconf(_SC_PAGESIZE)));
	assert_int_equal(map_user_update(map, &index, value, BPF_ANY), 0);
	assert_memory_equal(map->mem + 699 * 16, value, 12);
	assert_ptr_equal(map_lookup(map, &index, 0), map->mem + 699 * 16);
	index = 700;
	assert_null(map_lookup(map, &index, 0));
	assert_int_equal(map_update(map, &index, value, BPF_ANY, 0), -E2BIG);
	map_destroy(map);
}

static void a_value_with_a_spin_lock_keeps_it_out_of_copies(void **state)
{
	static const uint32_t types[] = {BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_HASH};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct skep_map *map = make(types[i], 4, 20, 4, 0);
		uint32_t key = 0, value[5] = {1, 2, 3, 4, 5}, got[5], *in_map;

		assert_int_equal(map_user_update(map, &key, value, BPF_F_LOCK), -EINVAL);
		assert_int_equal(map_user_lookup(map, &key, got, BPF_F_LOCK), -EINVAL);
		map->spin_lock_off = 8;
		assert_int_equal(map_user_update(map, &key, value, BPF_ANY), 0);
		in_map = map_lookup(map, &key, 0);
		assert_int_equal(in_map[2], 0);
		in_map[2] = 1; /* held by a program */
		assert_int_equal(map_user_update(map, &key, value, BPF_ANY), 0);
		assert_int_equal(in_map[2], 1);
		assert_int_equal(map_user_lookup(map, &key, got, 0), 0);
		assert_memory_equal(got, ((uint32_t[]){1, 2, 0, 4, 5}), 20);
		in_map[2] = 0;
		value[4] = 9;
		assert_int_equal(map_user_update(map, &key, value, BPF_F_LOCK), 0);
		assert_int_equal(map_user_lookup(map, &key, got, BPF_F_LOCK), 0);
		assert_memory_equal(got, ((uint32_t[]){1, 2, 0, 4, 9}), 20);
		assert_int_equal(in_map[2], 0);
		map_destroy(map);
	}
}

/* LPM: the model is asked for the longest of all prefixes that match. */

static bool covers(const uint8_t *prefix, const uint8_t *key, uint32_t data_size)
{
	uint32_t len, key_len;

	memcpy(&len, prefix, 4);
	memcpy(&key_len, key, 4);
	if (len > key_len)
		return false;
	for (uint32_t b = 0; b < len; b++)
		if ((prefix[4 + b / 8] ^ key[4 + b / 8]) & 0x80 >> b % 8)
			return false;
	return true;
}

static void lpm_against_model(uint32_t data_size, uint32_t max_entries)
{
	struct skep_map *map = make(BPF_MAP_TYPE_LPM_TRIE, 4 + data_size, 8, max_entries, BPF_F_NO_PREALLOC);
	uint64_t r = data_size;

	model.n = 0;
	model.key_size = 4 + data_size;
	model.max_entries = max_entries;
	for (uint32_t step = 0; step < 20000; step++) {
		uint8_t key[32] = {0};
		uint32_t len = (uint32_t)(splitmix64(&r) % (data_size * 8 + 1)), longest = 0, best = UINT32_MAX;
		uint64_t value = splitmix64(&r), *at;
		int err;

		memcpy(key, &len, 4);
		for (uint32_t i = 0; i < data_size; i++)
			key[4 + i] = (uint8_t)(splitmix64(&r) & splitmix64(&r) & 0xc3);
		if (step % 2) { /* a lookup; of short keys too */
			for (uint32_t i = 0; i < model.n; i++) {
				uint32_t l;

				memcpy(&l, model.key[i], 4);
				if (covers(model.key[i], key, data_size) && (best == UINT32_MAX || l > longest)) {
					longest = l;
					best = i;
				}
			}
			at = map_lookup(map, key, 0);
			if (best == UINT32_MAX)
				assert_null(at);
			else
				assert_int_equal(*at, model.value[best]);
			continue;
		}
		/* The bits behind a prefix make no other prefix of it; the model knows none. */
		for (uint32_t b = len; b < data_size * 8; b++)
			key[4 + b / 8] &= (uint8_t) ~(0x80 >> b % 8);
		if (splitmix64(&r) % 3) {
			err = model_update(key, value, BPF_ANY);
			if (len < data_size * 8 && splitmix64(&r) % 2)
				key[4 + data_size - 1] |= 1;
			assert_int_equal(map_update(map, key, &value, BPF_ANY, 0), err == -E2BIG ? -ENOSPC : err);
		} else {
			err = model_delete(key);
			if (len < data_size * 8 && splitmix64(&r) % 2)
				key[4 + data_size - 1] |= 1;
			assert_int_equal(map_delete(map, key), err);
		}
	}
	map_destroy(map);
}

static void lpm_finds_the_longest_of_all_prefixes(void **state)
{
	static const uint32_t sizes[] = {1, 2, 3, 4, 5, 8, 12, 16, 24};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		lpm_against_model(sizes[i], 300);
		lpm_against_model(sizes[i], 10);
		lpm_against_model(sizes[i], 1);
	}
}

static void queues_give_the_oldest_and_stacks_the_youngest(void **state)
{
	struct skep_map *queue = make(BPF_MAP_TYPE_QUEUE, 0, 8, 5, 0), *stack = make(BPF_MAP_TYPE_STACK, 0, 8, 5, 0);
	uint64_t v, got = 99;

	assert_int_equal(map_pop(queue, &got), -ENOENT);
	assert_int_equal(got, 0);
	/* Three values held, around the ring many times. */
	for (v = 0; v < 100; v++) {
		assert_int_equal(map_push(queue, &v, BPF_ANY), 0);
		if (v < 3)
			continue;
		assert_int_equal(map_peek(queue, &got), 0);
		assert_int_equal(got, v - 3);
		assert_int_equal(map_pop(queue, &got), 0);
		assert_int_equal(got, v - 3);
	}
	for (v = 0; v < 5; v++)
		assert_int_equal(map_push(stack, &v, BPF_ANY), 0);
	assert_int_equal(map_push(stack, &v, BPF_ANY), -E2BIG);
	assert_int_equal(map_push(stack, &v, BPF_EXIST), 0); /* 0 falls out at the bottom */
	for (v = 5; v > 0; v--) {
		assert_int_equal(map_pop(stack, &got), 0);
		assert_int_equal(got, v);
	}
	assert_int_equal(map_peek(stack, &got), -ENOENT);
	/* A word that was written by somebody else leads nowhere. */
	atomic_store(&queue->ctl->queue, UINT64_MAX);
	for (v = 0; v < 20; v++)
		map_pop(queue, &got);
	assert_int_equal(map_pop(queue, &got), -ENOENT);
	map_destroy(queue);
	map_destroy(stack);
}

static long stop_at_third(void *arg, void *key, void *value)
{
	return ++*(int *)arg == 3;
}

static void iteration_stops_when_told_and_counts_what_it_visited(void **state)
{
	struct skep_map *array = make(BPF_MAP_TYPE_ARRAY, 4, 8, 10, 0);
	struct skep_map *ring = make(BPF_MAP_TYPE_RINGBUF, 0, 0, 4096 * 4, 0);
	struct skep_map *hash = make(BPF_MAP_TYPE_HASH, 4, 8, 10, 0);
	uint64_t value = 0;
	int seen = 0;

	for (uint32_t k = 0; k < 5; k++)
		assert_int_equal(map_update(hash, &k, &value, BPF_ANY, 0), 0);
	assert_int_equal(map_for_each(array, 0, stop_at_third, &seen), 3);
	seen = 0;
	assert_int_equal(map_for_each(hash, 0, stop_at_third, &seen), 3);
	seen = 10;
	assert_int_equal(map_for_each(hash, 0, stop_at_third, &seen), 5);
	assert_int_equal(map_for_each(ring, 0, stop_at_third, &seen), -EINVAL);
	map_destroy(array);
	map_destroy(hash);
	map_destroy(ring);
}

static void count_object(void *arg, void *obj)
{
	((struct skep_map *)obj)->id++;
	++*(uint32_t *)arg;
}

static void every_object_comes_back_exactly_once(void **state)
{
	struct map_attr attr = {.type = BPF_MAP_TYPE_HASH_OF_MAPS,
				.key_size = 4,
				.value_size = 4,
				.max_entries = 50,
				.n_cpus = 1,
				.inner = make(BPF_MAP_TYPE_ARRAY, 4, 8, 3, 0)};
	struct skep_map *inner[60], *map;
	uint32_t taken = 0, id;
	void *old;

	assert_int_equal(map_create(&attr, &map), 0);
	for (uint32_t i = 0; i < 60; i++)
		inner[i] = make(BPF_MAP_TYPE_ARRAY, 4, 8, 3, 0);
	for (uint32_t k = 0; k < 50; k++) {
		assert_int_equal(map_set_object(map, &k, k + 100, inner[k], NULL, BPF_NOEXIST, &old), 0);
		assert_null(old);
	}
	id = 50;
	assert_int_equal(map_set_object(map, &id, 1, inner[50], NULL, BPF_ANY, &old), -E2BIG);
	for (uint32_t k = 0; k < 50; k++) {
		assert_ptr_equal(map_lookup(map, &k, 0), inner[k]);
		assert_int_equal(map_user_lookup(map, &k, &id, 0), 0);
		assert_int_equal(id, k + 100);
	}
	for (uint32_t k = 0; k < 10; k++) {
		assert_int_equal(map_set_object(map, &k, 7, inner[50 + k], NULL, BPF_EXIST, &old), 0);
		assert_ptr_equal(old, inner[k]);
	}
	for (uint32_t k = 0; k < 5; k++) {
		assert_int_equal(map_user_delete(map, &k, &old), 0);
		assert_ptr_equal(old, inner[50 + k]);
		assert_null(map_lookup(map, &k, 0));
		assert_int_equal(map_user_delete(map, &k, &old), -ENOENT);
	}
	/* 50 keys less 5 deleted hold one map each; the owner gets each of them back, and then no more. */
	map_take_objects(map, count_object, &taken);
	assert_int_equal(taken, 45);
	map_take_objects(map, count_object, &taken);
	assert_int_equal(taken, 45);
	for (uint32_t i = 0; i < 60; i++)
		assert_int_equal(inner[i]->id, (i >= 10 && i < 50) || i >= 55);
	for (uint32_t i = 0; i < 60; i++)
		map_destroy(inner[i]);
	map_destroy((struct skep_map *)attr.inner);
	map_destroy(map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hashes_of_every_key_size_follow_the_model),
		cmocka_unit_test(a_hash_takes_exactly_max_entries),
		cmocka_unit_test(values_never_move),
		cmocka_unit_test(a_new_percpu_value_is_zero_on_the_other_cpus),
		cmocka_unit_test(a_million_entries_are_made_in_no_time),
		cmocka_unit_test(an_array_maps_from_offset_zero),
		cmocka_unit_test(a_value_with_a_spin_lock_keeps_it_out_of_copies),
		cmocka_unit_test(lpm_finds_the_longest_of_all_prefixes),
		cmocka_unit_test(queues_give_the_oldest_and_stacks_the_youngest),
		cmocka_unit_test(iteration_stops_when_told_and_counts_what_it_visited),
		cmocka_unit_test(every_object_comes_back_exactly_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
