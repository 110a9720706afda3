/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a map operation costs, in nanoseconds.
 *
 * Each operation runs over keys in random order that were laid out before, several million times; the cost of the loop
 * itself (the same loop with the call left out) is subtracted, and the best of several rounds is shown: on a
 * shared machine the others measure the neighbours. Maps hold 12,000 of 16,384 entries unless it is said otherwise.
 * Results of lookups do not feed the next key, so this is throughput as a program that handles packets sees it.
 */
#include "base/util.h"
#include "map/map.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { FILLED = 12000, ENTRIES = 16384, OPS = 1 << 20, ROUNDS = 7, KEYS = 1 << 14 };

static uint64_t rng = 42;

static uint64_t next_random(void)
{
	uint64_t z = (rng += 0x9e3779b97f4a7c15ull);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static struct skep_map *make(uint32_t type, uint32_t key_size, uint32_t value_size, uint32_t max_entries,
			     uint32_t flags)
{
	struct map_attr attr = {.type = type,
				.key_size = key_size,
				.value_size = value_size,
				.max_entries = max_entries,
				.flags = flags,
				.n_cpus = 2,
				.seed = 0x1234567812345678,
				.name = "bench"};
	struct skep_map *map;
	int err = map_create(&attr, &map);

	if (err) {
		fprintf(stderr, "bench: cannot make a map of type %u: %s\n", type, strerror(-err));
		exit(1);
	}
	return map;
}

/* A key of 20 bytes at most, in slots of 32, so that no key straddles a cache line. */
static uint8_t keys[KEYS][32] __attribute__((aligned(64)));
static uint8_t others[KEYS][32] __attribute__((aligned(64)));

/*
 * MEASURE - print the best time of BODY over all keys, the empty loop subtracted. In BODY, `key` and `other` are
 * the i-th keys.
 */
#define MEASURE(what, body)                                                                                            \
	do {                                                                                                           \
		double best = 1e9, empty = 1e9;                                                                        \
		for (int round = 0; round < ROUNDS; round++) {                                                         \
			double t0 = now_ns(), t1, t2;                                                                  \
			for (uint32_t i = 0; i < OPS; i++) {                                                           \
				uint8_t *key = keys[i % KEYS], *other = others[i % KEYS];                              \
				__asm__ volatile("" ::"r"(key), "r"(other) : "memory");                                \
			}                                                                                              \
			t1 = now_ns();                                                                                 \
			for (uint32_t i = 0; i < OPS; i++) {                                                           \
				uint8_t *key = keys[i % KEYS], *other = others[i % KEYS];                              \
				__asm__ volatile("" ::"r"(key), "r"(other) : "memory");                                \
				body;                                                                                  \
			}                                                                                              \
			t2 = now_ns();                                                                                 \
			empty = MIN(empty, (t1 - t0) / OPS);                                                           \
			best = MIN(best, (t2 - t1) / OPS);                                                             \
		}                                                                                                      \
		printf("%-44s %8.1f ns\n", what, best - empty);                                                        \
	} while (0)

static void use(const void *p)
{
	__asm__ volatile("" ::"r"(p) : "memory");
}

/* fill - put FILLED random keys in; keys[] become present ones in random order, others[] absent ones. */
static void fill(struct skep_map *map, uint32_t key_size)
{
	static uint8_t all[FILLED][32];
	uint64_t value = 1;

	memset(all, 0, sizeof(all));
	for (uint32_t i = 0; i < FILLED; i++) {
		for (uint32_t b = 0; b < key_size; b++)
			all[i][b] = (uint8_t)next_random();
		all[i][0] &= 0x7f;
		map_update(map, all[i], &value, BPF_ANY, 0);
	}
	for (uint32_t i = 0; i < KEYS; i++) {
		memcpy(keys[i], all[next_random() % FILLED], 32);
		memcpy(others[i], all[next_random() % FILLED], 32);
		others[i][0] |= 0x80;
	}
}

static void bench_hash(uint32_t key_size)
{
	struct skep_map *map = make(BPF_MAP_TYPE_HASH, key_size, 8, ENTRIES, 0);
	uint64_t value = 7;
	char what[64];

	fill(map, key_size);
	snprintf(what, sizeof(what), "hash, %u-byte key: lookup, hit", key_size);
	MEASURE(what, use(map_lookup(map, key, 0)); (void)other);
	snprintf(what, sizeof(what), "hash, %u-byte key: lookup, miss", key_size);
	MEASURE(what, use(map_lookup(map, other, 0)); (void)key);
	snprintf(what, sizeof(what), "hash, %u-byte key: update", key_size);
	MEASURE(what, map_update(map, key, &value, BPF_ANY, 0); (void)other);
	snprintf(what, sizeof(what), "hash, %u-byte key: insert and delete", key_size);
	MEASURE(what, map_update(map, other, &value, BPF_ANY, 0); map_delete(map, other); (void)key);
	map_destroy(map);
}

static void bench_lru(void)
{
	struct skep_map *map = make(BPF_MAP_TYPE_LRU_HASH, 4, 8, ENTRIES, 0);
	uint64_t value = 7;
	uint32_t fresh = 0;

	fill(map, 4);
	MEASURE("lru_hash, 4-byte key: lookup, hit", use(map_lookup(map, key, 0)); (void)other);
	MEASURE("lru_hash, 4-byte key: update", map_update(map, key, &value, BPF_ANY, 0); (void)other);
	MEASURE("lru_hash, 4-byte key: insert with eviction", fresh++; map_update(map, &fresh, &value, BPF_ANY, 0);
		(void)key; (void)other);
	map_destroy(map);
}

static void bench_array(void)
{
	struct skep_map *map = make(BPF_MAP_TYPE_ARRAY, 4, 8, ENTRIES, 0);
	struct skep_map *percpu = make(BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8, ENTRIES, 0);

	for (uint32_t i = 0; i < KEYS; i++) {
		uint32_t index = (uint32_t)(next_random() % ENTRIES);

		memcpy(keys[i], &index, 4);
	}
	MEASURE("array: lookup", use(map_lookup(map, key, 0)); (void)other);
	MEASURE("percpu_array: lookup", use(map_lookup(percpu, key, 1)); (void)other);
	map_destroy(map);
	map_destroy(percpu);
}

/*
 * Two sets of prefixes: lengths spread as a routing table's (most of 24 bits, some shorter, some hosts), and all
 * hosts in one /16, the worst that the first table meets.
 */
static void bench_lpm(bool clustered, uint32_t data_size, const char *what)
{
	struct skep_map *map = make(BPF_MAP_TYPE_LPM_TRIE, 4 + data_size, 8, ENTRIES, BPF_F_NO_PREALLOC);
	static uint8_t all[FILLED][32];
	uint64_t value = 7;

	for (uint32_t i = 0; i < FILLED; i++) {
		uint32_t r = (uint32_t)(next_random() % 100), len;

		len = r < 60 ? 24 : r < 85 ? 16 + r % 8 : r < 90 ? 8 + r % 8 : data_size * 8;
		if (clustered)
			len = 32;
		memcpy(all[i], &len, 4);
		for (uint32_t b = 4; b < 4 + data_size; b++)
			all[i][b] = (uint8_t)next_random();
		if (clustered) {
			all[i][4] = 10;
			all[i][5] = 1;
		}
		map_update(map, all[i], &value, BPF_ANY, 0);
	}
	for (uint32_t i = 0; i < KEYS; i++) {
		uint32_t len = data_size * 8;

		memcpy(keys[i], all[next_random() % FILLED], 32);
		memcpy(others[i], keys[i], 32);
		memcpy(keys[i], &len, 4);
	}
	MEASURE(what, use(map_lookup(map, key, 0)); (void)other);
	if (!clustered && data_size == 4) {
		MEASURE("lpm_trie, 4 bytes: update", map_update(map, other, &value, BPF_ANY, 0); (void)key);
		MEASURE("lpm_trie, 4 bytes: insert and delete a host", map_update(map, key, &value, BPF_ANY, 0);
			map_delete(map, key); (void)other);
	}
	map_destroy(map);
}

static void bench_ring(void)
{
	struct skep_map *map = make(BPF_MAP_TYPE_RINGBUF, 0, 0, 1 << 20, 0);
	_Atomic uint64_t *consumer = (_Atomic uint64_t *)map->mem;
	_Atomic uint64_t *producer = (_Atomic uint64_t *)(map->mem + sysconf(_SC_PAGESIZE));

	/* The consumer is kept up by hand every 8,192 records, and not woken, as behind a busy ring. */
	MEASURE("ringbuf: reserve and discard, 16 bytes",
		if (!(i & 8191)) atomic_store(consumer, atomic_load(producer));
		ringbuf_discard(ringbuf_reserve(map, 16), BPF_RB_NO_WAKEUP); (void)key; (void)other);
	MEASURE("ringbuf: output, 32 bytes", if (!(i & 8191)) atomic_store(consumer, atomic_load(producer));
		ringbuf_output(map, key, 32, BPF_RB_NO_WAKEUP); (void)other);
	map_destroy(map);
}

static void bench_creation(void)
{
	double best = 1e18;

	for (int round = 0; round < ROUNDS; round++) {
		double t0 = now_ns();
		struct skep_map *map = make(BPF_MAP_TYPE_HASH, 16, 64, 1000000, 0);

		best = MIN(best, now_ns() - t0);
		map_destroy(map);
	}
	printf("%-44s %8.1f us\n", "hash, a million entries: creation", best / 1000);
}

int main(void)
{
	bench_array();
	bench_hash(4);
	bench_hash(8);
	bench_hash(16);
	bench_hash(20);
	bench_lru();
	bench_lpm(false, 4, "lpm_trie, 4 bytes, a routing table: lookup");
	bench_lpm(true, 4, "lpm_trie, 4 bytes, hosts in one /16: lookup");
	bench_lpm(false, 16, "lpm_trie, 16 bytes: lookup");
	bench_ring();
	bench_creation();
	return 0;
}
