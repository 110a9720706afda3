/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Maps between threads and between processes: what the memfd promises, views from outside, hostile bytes, and a
 * writer that is killed in the middle.
 */
#include "util.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "map/lock.h"

/* The memfd. */

static void the_memfd_is_named_sealed_and_closed_on_exec(void **state)
{
	struct skep_map *map = make(BPF_MAP_TYPE_ARRAY, 4, 8, 4, 0);
	char link[64], target[64] = "";

	snprintf(link, sizeof(link), "/proc/self/fd/%d", map->memfd);
	assert_true(readlink(link, target, sizeof(target) - 1) > 0);
	assert_string_equal(target, "/memfd:skep-map:test (deleted)");
	assert_int_equal(fcntl(map->memfd, F_GET_SEALS), F_SEAL_GROW | F_SEAL_SHRINK);
	assert_true(fcntl(map->memfd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(ftruncate(map->memfd, 0), -1);
	map_destroy(map);
}

static void a_frozen_map_takes_writes_from_programs_only(void **state)
{
	struct skep_map *map = make(BPF_MAP_TYPE_ARRAY, 4, 8, 4, BPF_F_MMAPABLE);
	uint32_t key = 1;
	uint64_t value = 7, got = 0;

	assert_int_equal(map_freeze(map), 0);
	assert_int_equal(map_user_update(map, &key, &value, BPF_ANY), -EPERM);
	assert_int_equal(map_update(map, &key, &value, BPF_ANY, 0), 0);
	assert_int_equal(map_user_lookup(map, &key, &got, 0), 0);
	assert_int_equal(got, 7);
	assert_ptr_equal(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, map->memfd, 0), MAP_FAILED);
	assert_int_equal(pwrite(map->memfd, &value, 8, 0), -1);
	assert_int_equal(map_freeze(map), -EPERM);
	map_destroy(map);
}

/* Views. */

static void a_view_reads_and_does_nothing_else(void **state)
{
	static const uint32_t types[] = {BPF_MAP_TYPE_ARRAY,    BPF_MAP_TYPE_PERCPU_ARRAY,
					 BPF_MAP_TYPE_HASH,     BPF_MAP_TYPE_PERCPU_HASH,
					 BPF_MAP_TYPE_LRU_HASH, BPF_MAP_TYPE_LRU_PERCPU_HASH};

	for (size_t t = 0; t < ARRAY_SIZE(types); t++) {
		struct skep_map *map = make(types[t], 4, 8, 100, 0), *view = NULL;
		uint64_t values[2], got[2];
		uint32_t key, *prev = NULL, next, n = 0;
		void *old;

		for (key = 0; key < 100; key++) {
			values[0] = values[1] = key * 3;
			assert_int_equal(map_user_update(map, &key, values, BPF_ANY), 0);
		}
		assert_int_equal(map_attach(map->memfd, &view), 0);
		assert_string_equal(view->name, "test");
		for (key = 0; key < 100; key++) {
			assert_int_equal(*(uint64_t *)map_lookup(view, &key, 1), key * 3);
			assert_int_equal(map_user_lookup(view, &key, got, 0), 0);
			assert_int_equal(got[0], key * 3);
		}
		while (!map_user_next_key(view, prev, &next)) {
			key = next;
			prev = &key;
			n++;
		}
		assert_int_equal(n, 100);
		key = 5;
		assert_int_equal(map_user_update(view, &key, values, BPF_ANY), -EPERM);
		assert_int_equal(map_update(view, &key, values, BPF_ANY, 0), -EPERM);
		assert_int_equal(map_user_delete(view, &key, &old), -EPERM);
		assert_int_equal(map_delete(view, &key), -EPERM);
		assert_int_equal(map_freeze(view), -EPERM);
		map_destroy(view);
		map_destroy(map);
	}
}

static void what_is_no_map_is_refused(void **state)
{
	struct skep_map *map = make(BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 4, 0), *view = NULL;
	int plain = memfd_create("plain", MFD_ALLOW_SEALING), pipes[2];

	assert_int_equal(map_attach(-1, &view), -EINVAL);
	assert_int_equal(map_attach(map->memfd, &view), -EOPNOTSUPP);
	assert_int_equal(ftruncate(plain, 65536), 0);
	assert_int_equal(map_attach(plain, &view), -EINVAL);
	assert_int_equal(fcntl(plain, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK), 0);
	assert_int_equal(map_attach(plain, &view), -EINVAL);
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(map_attach(pipes[0], &view), -EINVAL);
	assert_null(view);
	close(pipes[0]);
	close(pipes[1]);
	close(plain);
	map_destroy(map);
}

/* clone_file - a memfd with the same bytes, sealed or not. */
static int clone_file(const struct skep_map *map, int seals)
{
	int fd = memfd_create("clone", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_int_equal(ftruncate(fd, (off_t)map->mem_size), 0);
	assert_int_equal(pwrite(fd, map->mem, map->mem_size, 0), map->mem_size);
	if (seals)
		assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static void an_unsealed_copy_is_refused(void **state)
{
	struct skep_map *map = make(BPF_MAP_TYPE_HASH, 4, 8, 10, 0), *view = NULL;
	int open_fd = clone_file(map, 0), shrink = clone_file(map, F_SEAL_GROW),
	    sealed = clone_file(map, F_SEAL_GROW | F_SEAL_SHRINK);

	assert_int_equal(map_attach(open_fd, &view), -EINVAL);
	assert_int_equal(map_attach(shrink, &view), -EINVAL);
	assert_int_equal(map_attach(sealed, &view), 0);
	map_destroy(view);
	close(open_fd);
	close(shrink);
	close(sealed);
	map_destroy(map);
}

static long touch(void *arg, void *key, void *value)
{
	*(uint64_t *)arg += *(volatile uint8_t *)key + *(volatile uint8_t *)value;
	return 0;
}

/* use_all - everything that a reader can do; results do not matter, only that each call comes back. */
static void use_all(struct skep_map *map, uint64_t *r)
{
	uint8_t key[64] = {0}, value[256], next[64];
	uint64_t sum = 0;

	for (int i = 0; i < 8; i++) {
		uint32_t k = (uint32_t)(splitmix64(r) % 80);
		uint8_t *at;

		memcpy(key, &k, 4);
		if (map->type->type == BPF_MAP_TYPE_LPM_TRIE) {
			k = (uint32_t)(splitmix64(r) % 33);
			memcpy(key, &k, 4);
			k = (uint32_t)splitmix64(r) & 0x0103070f;
			memcpy(key + 4, &k, 4);
		}
		at = map_lookup(map, key, 1);
		if (at)
			sum += *(volatile uint8_t *)at;
		map_user_lookup(map, key, value, 0);
		map_user_next_key(map, i ? key : NULL, next);
	}
	map_for_each(map, 1, touch, &sum);
}

static const uint32_t fuzzed[] = {BPF_MAP_TYPE_ARRAY,       BPF_MAP_TYPE_PERCPU_ARRAY, BPF_MAP_TYPE_HASH,
				  BPF_MAP_TYPE_PERCPU_HASH, BPF_MAP_TYPE_LRU_HASH,     BPF_MAP_TYPE_LRU_PERCPU_HASH,
				  BPF_MAP_TYPE_LPM_TRIE};

static struct skep_map *filled(uint32_t type, uint64_t *r)
{
	bool lpm = type == BPF_MAP_TYPE_LPM_TRIE;
	struct skep_map *map = make(type, lpm ? 8 : 4, 8, 64, lpm ? BPF_F_NO_PREALLOC : 0);
	uint64_t values[2] = {1, 2};

	for (uint32_t k = 0; k < 64; k++) {
		uint32_t key[2] = {lpm ? k % 33 : k, (uint32_t)splitmix64(r) & 0x0103070f};

		map_user_update(map, key, values, BPF_ANY);
	}
	return map;
}

/* corrupt - change a few bytes, often such as look like indices and lengths. */
static void corrupt(uint8_t *mem, size_t from, size_t to, uint64_t *r)
{
	for (uint64_t n = 1 + splitmix64(r) % 40; n--;) {
		size_t at = from + splitmix64(r) % (to - from);

		if (!from && splitmix64(r) % 4 == 0) /* the chain of one of a hash's eight buckets */
			at = splitmix64(r) % 8 * 64 + 12;
		else if (splitmix64(r) % 2) {
			mem[at] = (uint8_t)splitmix64(r);
			continue;
		}
		at &= ~(size_t)3;
		*(uint32_t *)(void *)(mem + at) =
			splitmix64(r) % 3 ? (uint32_t)(splitmix64(r) % 70) : (uint32_t)splitmix64(r);
	}
}

static void corrupt_headers_are_refused_or_harmless(void **state)
{
	uint64_t r = 7;

	for (size_t t = 0; t < ARRAY_SIZE(fuzzed); t++) {
		struct skep_map *map = filled(fuzzed[t], &r);
		int fd = clone_file(map, F_SEAL_GROW | F_SEAL_SHRINK), attached = 0;
		uint8_t *mem = mmap(NULL, map->mem_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		size_t header = map->mem_size - 4096;

		for (int i = 0; i < 3000; i++) {
			struct skep_map *view = NULL;
			size_t at = splitmix64(&r) % 20 * 4;

			memcpy(mem, map->mem, map->mem_size);
			if (i % 2)
				mem[header + splitmix64(&r) % 96] ^= (uint8_t)(1 << splitmix64(&r) % 8);
			else
				*(uint32_t *)(void *)(mem + header + at) =
					(uint32_t)splitmix64(&r) >> splitmix64(&r) % 32;
			if (map_attach(fd, &view))
				continue;
			attached++;
			use_all(view, &r);
			map_destroy(view);
		}
		/* The name, the seed and a few flags may be anything; the rest may not. */
		assert_true(attached > 0 && attached < 2000);
		munmap(mem, map->mem_size);
		close(fd);
		map_destroy(map);
	}
}

static void a_header_that_is_not_this_files_is_refused(void **state)
{
	struct skep_map *map = make(BPF_MAP_TYPE_HASH, 4, 8, 64, 0), *view = NULL;
	int fd = clone_file(map, F_SEAL_GROW | F_SEAL_SHRINK);
	uint8_t *mem = mmap(NULL, map->mem_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	struct map_header *h = (struct map_header *)(mem + map->mem_size - MAP_HEADER_SIZE);
	/* Any other bit here makes it another file's: magic, version, size, reserved; or another geometry. */
	const struct {
		void *at;
		uint32_t bits;
	} fields[] = {{&h->magic, 64}, {&h->version, 32}, {&h->file_size, 64}, {&h->reserved, 32}, {&h->extra, 64}};

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		for (uint32_t bit = 0; bit < fields[i].bits; bit++) {
			uint8_t *byte = (uint8_t *)fields[i].at + bit / 8;

			*byte ^= (uint8_t)(1 << bit % 8);
			assert_int_equal(map_attach(fd, &view), -EINVAL);
			*byte ^= (uint8_t)(1 << bit % 8);
		}
	/* A geometry that would need more bytes than there are. */
	h->max_entries = 100000;
	assert_int_equal(map_attach(fd, &view), -EINVAL);
	h->max_entries = 64;
	h->value_size = 4096;
	assert_int_equal(map_attach(fd, &view), -EINVAL);
	h->value_size = 8;
	assert_int_equal(map_attach(fd, &view), 0);
	map_destroy(view);
	munmap(mem, map->mem_size);
	close(fd);
	map_destroy(map);
}

static void corrupt_tables_never_lead_a_reader_astray(void **state)
{
	uint64_t r = 8;

	for (size_t t = 0; t < ARRAY_SIZE(fuzzed); t++) {
		struct skep_map *map = filled(fuzzed[t], &r), *view = NULL;
		int fd = clone_file(map, F_SEAL_GROW | F_SEAL_SHRINK);
		uint8_t *mem = mmap(NULL, map->mem_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

		assert_int_equal(map_attach(fd, &view), 0);
		for (int i = 0; i < 300; i++) {
			memcpy(mem, map->mem, map->mem_size - 4096);
			corrupt(mem, 0, map->mem_size - 4096, &r);
			corrupt(mem, map->mem_size - 4096 + 512, map->mem_size - 4096 + 512 + 192, &r);
			use_all(view, &r);
		}
		map_destroy(view);
		munmap(mem, map->mem_size);
		close(fd);
		map_destroy(map);
	}
}

static void corrupt_tables_never_lead_a_writer_astray(void **state)
{
	uint64_t r = 9;

	for (size_t t = 0; t < ARRAY_SIZE(fuzzed); t++)
		for (int i = 0; i < 300; i++) {
			struct skep_map *map = filled(fuzzed[t], &r);
			uint64_t value[2] = {3, 4};

			corrupt(map->mem, 0, map->mem_size - 4096, &r);
			corrupt((uint8_t *)map->ctl, 4, 64, &r); /* all but the lock, which would only be waited for */
			for (int n = 0; n < 60; n++) {
				uint32_t key[2] = {(uint32_t)(splitmix64(&r) % 80),
						   (uint32_t)splitmix64(&r) & 0x0103070f};

				if (fuzzed[t] == BPF_MAP_TYPE_LPM_TRIE)
					key[0] %= 34;
				if (n % 3 == 0)
					map_delete(map, key);
				else if (n % 3 == 1)
					map_update(map, key, value, splitmix64(&r) % 3, 1);
				else
					map_user_lookup_and_delete(map, key, value, 0);
				if (n == 30 && map->ops->recover)
					map->ops->recover(map);
			}
			use_all(map, &r);
			map_destroy(map);
		}
}

static void an_eviction_survives_chains_that_lead_nowhere(void **state)
{
	struct skep_map *map = make(BPF_MAP_TYPE_LRU_HASH, 4, 8, 64, 0);
	uint64_t value = 1;

	for (uint32_t k = 0; k < 64; k++)
		assert_int_equal(map_update(map, &k, &value, BPF_ANY, 0), 0);
	for (uint32_t bucket = 0; bucket < 8; bucket++) {
		memset(map->mem + bucket * 64, 0, 12);
		memcpy(map->mem + bucket * 64 + 12, &(uint32_t){0xfffffff0}, 4);
	}
	for (uint32_t k = 64; k < 128; k++)
		assert_int_equal(map_update(map, &k, &value, BPF_ANY, 0), 0);
	map_destroy(map);
}

/* Another process looks while this one writes. */

enum { SHARED_KEYS = 64, HIGH = 3 };

/* What the two processes tell each other. */
struct signals {
	atomic_bool stop; /* writer: enough */
	atomic_bool seen; /* reader: found a value */
};

/*
 * The child's loop: key k holds a value whose two halves are equal and tell the key. Return: the exit code.
 */
static int look(int fd, struct signals *sig)
{
	struct skep_map *view;
	uint64_t found = 0, r = 5;

	if (map_attach(fd, &view))
		return 2;
	while (!atomic_load(&sig->stop)) {
		uint32_t key[2] = {(uint32_t)(splitmix64(&r) % SHARED_KEYS), 0};
		uint64_t value, *at;

		if (view->type->type == BPF_MAP_TYPE_LPM_TRIE) {
			key[1] = __builtin_bswap32(key[0] << 16 | 1);
			key[0] = 32;
		}
		at = map_lookup(view, key, 0);
		if (at) {
			value = __atomic_load_n(at, __ATOMIC_RELAXED);
			if ((uint32_t)value != value >> 32)
				return 3;
		}
		if (map_user_lookup(view, key, &value, 0))
			continue;
		found++;
		atomic_store(&sig->seen, true);
		if ((uint32_t)value != value >> 32)
			return 4;
		if ((uint32_t)value % SHARED_KEYS !=
		    (view->type->type == BPF_MAP_TYPE_LPM_TRIE ? __builtin_bswap32(key[1]) >> 16 : key[0]))
			return 5;
	}
	map_destroy(view);
	return found ? 0 : 6;
}

static void another_process_reads_whole_values_while_this_one_writes(void **state)
{
	static const uint32_t types[] = {BPF_MAP_TYPE_HASH, BPF_MAP_TYPE_LRU_HASH, BPF_MAP_TYPE_ARRAY,
					 BPF_MAP_TYPE_LPM_TRIE};
	struct signals *sig = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	for (size_t t = 0; t < ARRAY_SIZE(types); t++) {
		bool lpm = types[t] == BPF_MAP_TYPE_LPM_TRIE;
		struct skep_map *map =
			make(types[t], lpm ? 8 : 4, 8, types[t] == BPF_MAP_TYPE_LRU_HASH ? 32 : SHARED_KEYS,
			     lpm ? BPF_F_NO_PREALLOC : 0);
		uint64_t r = 6;
		int status = 0;
		pid_t pid, gone = 0;

		for (uint32_t k = 0; types[t] == BPF_MAP_TYPE_ARRAY && k < SHARED_KEYS; k++)
			assert_int_equal(map_update(map, &k, &(uint64_t){(uint64_t)k << 32 | k}, 0, 0), 0);
		*sig = (struct signals){false, false};
		pid = fork();
		if (!pid)
			_exit(look(map->memfd, sig));
		/* On a busy machine the reader may get its turn late: write until it has had one, or is gone. */
		for (int i = 0; i < 1500000 || (!atomic_load(&sig->seen) && !gone); i++) {
			uint32_t key[2] = {(uint32_t)(splitmix64(&r) % SHARED_KEYS), 0};
			uint64_t low = key[0] + SHARED_KEYS * (uint32_t)(splitmix64(&r) % 1000000),
				 value = low << 32 | low;

			if (i % 65536 == 65535 && !gone)
				gone = waitpid(pid, &status, WNOHANG);
			if (lpm) {
				key[1] = __builtin_bswap32(key[0] << 16 | 1);
				key[0] = 32;
			}
			if (types[t] != BPF_MAP_TYPE_ARRAY && splitmix64(&r) % 3 == 0)
				map_delete(map, key);
			else
				map_update(map, key, &value, BPF_ANY, 0);
		}
		atomic_store(&sig->stop, true);
		assert_int_equal(gone ? gone : waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
		map_destroy(map);
	}
	munmap(sig, 4096);
}

/* Two threads write, a third reads as bpf(2) does. */

enum { BIG = 2048, TURNS = 60000 };

struct worker {
	pthread_t thread;
	struct skep_map *map;
	uint32_t base;
	atomic_bool *stop;
	uint64_t torn, seen;
};

static void *update_own_keys(void *arg)
{
	struct worker *w = arg;
	uint64_t value[BIG / 8], r = w->base;

	for (uint64_t i = 0; i < TURNS; i++) {
		uint32_t key = w->base + 2 * (uint32_t)(splitmix64(&r) % 50), common = 1000;

		for (int n = 0; n < BIG / 8; n++)
			value[n] = i;
		if (i % 4 == 3)
			map_delete(w->map, &key);
		else
			map_update(w->map, &key, value, BPF_ANY, 0);
		map_update(w->map, &common, value, BPF_ANY, 0);
	}
	/* Leave each own key with a known value: the last word on it. */
	for (uint32_t k = 0; k < 50; k++) {
		uint32_t key = w->base + 2 * k;

		for (int n = 0; n < BIG / 8; n++)
			value[n] = key;
		map_update(w->map, &key, value, BPF_ANY, 0);
	}
	return NULL;
}

static void *read_all(void *arg)
{
	struct worker *w = arg;
	uint64_t r = 3;

	while (!atomic_load(w->stop)) {
		uint32_t key = splitmix64(&r) % 2 ? 1000 : (uint32_t)(splitmix64(&r) % 100);
		uint64_t value[4][BIG / 8];
		uint32_t keys[4], at = (uint32_t)(splitmix64(&r) % 90), found = 1;

		/* One element, or several as a batch. */
		if (splitmix64(&r) % 2)
			found = map_user_batch(w->map, &at, 4, keys, value, 0, NULL);
		else if (map_user_lookup(w->map, &key, value, 0))
			continue;
		w->seen += found;
		for (uint32_t i = 0; i < found; i++)
			for (int n = 1; n < BIG / 8; n++)
				w->torn += value[i][n] != value[i][0];
	}
	return NULL;
}

static long count_live(void *arg, void *key, void *value)
{
	return 0;
}

static void no_update_is_lost_and_no_value_torn(void **state)
{
	static const uint32_t types[] = {BPF_MAP_TYPE_HASH, BPF_MAP_TYPE_LRU_HASH};

	for (size_t t = 0; t < ARRAY_SIZE(types); t++) {
		/* 101 keys in play; of a full LRU map nothing needs to be evicted. */
		struct skep_map *map = make(types[t], 4, BIG, 101, 0);
		atomic_bool stop = false;
		struct worker w[3] = {{.map = map, .base = 0, .stop = &stop},
				      {.map = map, .base = 1, .stop = &stop},
				      {.map = map, .stop = &stop}};

		pthread_create(&w[0].thread, NULL, update_own_keys, &w[0]);
		pthread_create(&w[1].thread, NULL, update_own_keys, &w[1]);
		pthread_create(&w[2].thread, NULL, read_all, &w[2]);
		pthread_join(w[0].thread, NULL);
		pthread_join(w[1].thread, NULL);
		atomic_store(&stop, true);
		pthread_join(w[2].thread, NULL);
		assert_true(w[2].seen > 0);
		assert_int_equal(w[2].torn, 0);
		for (uint32_t key = 0; key < 100; key++) {
			uint64_t *value = map_lookup(map, &key, 0);

			assert_non_null(value);
			assert_int_equal(*value, key);
		}
		assert_int_equal(map_for_each(map, 0, count_live, NULL), 101);
		map_destroy(map);
	}
}

/* The lock. */

static void *add_one(void *arg)
{
	struct worker *w = arg;
	uint64_t *counter = (uint64_t *)(void *)w->map->mem;

	for (int i = 0; i < TURNS; i++) {
		map_lock(w->map);
		*(volatile uint64_t *)counter += 1;
		map_unlock(w->map);
	}
	return NULL;
}

static void the_lock_lets_one_in_at_a_time(void **state)
{
	struct skep_map *map = make(BPF_MAP_TYPE_ARRAY, 4, 8, 1, 0);
	struct worker w[3] = {{.map = map}, {.map = map}, {.map = map}};

	for (int i = 0; i < 3; i++)
		pthread_create(&w[i].thread, NULL, add_one, &w[i]);
	for (int i = 0; i < 3; i++)
		pthread_join(w[i].thread, NULL);
	assert_int_equal(*(uint64_t *)(void *)map->mem, 3 * TURNS);
	map_destroy(map);
}

/*
 * Children that share the mapping are killed wherever they happen to be. Whatever they leave, the map must go on
 * and hold max_entries exactly.
 */
static void a_writer_that_is_killed_leaves_a_whole_map(void **state)
{
	static const uint32_t types[] = {BPF_MAP_TYPE_HASH, BPF_MAP_TYPE_LRU_HASH, BPF_MAP_TYPE_LPM_TRIE};
	uint64_t r = 11;
	uint32_t held = 0;

	for (size_t t = 0; t < ARRAY_SIZE(types); t++) {
		bool lpm = types[t] == BPF_MAP_TYPE_LPM_TRIE;
		struct skep_map *map = make(types[t], 8, 8, 200, lpm ? BPF_F_NO_PREALLOC : 0);

		for (int round = 0; round < 60; round++) {
			uint64_t value = 1, n = 0, key;
			int status, err = 0;
			pid_t pid = fork();

			if (!pid) {
				uint64_t own = (uint64_t)getpid();

				for (;;) {
					uint32_t k[2] = {(uint32_t)(splitmix64(&own) % 250), 0};

					if (lpm)
						k[0] %= 33, k[1] = (uint32_t)splitmix64(&own) & 0x0f0f;
					if (splitmix64(&own) % 2)
						map_update(map, k, &value, BPF_ANY, 0);
					else
						map_delete(map, k);
				}
			}
			usleep((useconds_t)(500 + splitmix64(&r) % 2000));
			kill(pid, SIGKILL);
			/* Sometimes before it is reaped: a zombie's lock is taken over too. */
			if (round % 2)
				assert_int_equal(waitpid(pid, &status, 0), pid);
			held += atomic_load(&map->ctl->lock) != 0;
			/* The first to take the lock repairs; then every key that iteration shows is found. */
			map_delete(map, &(uint64_t){UINT64_MAX});
			map_update(map, &(uint64_t){1}, &value, BPF_ANY, 0);
			for (uint64_t *prev = NULL; !map_user_next_key(map, prev, &key); prev = &key)
				assert_non_null(map_lookup(map, &key, 0));
			/* Empty it, fill it: exactly max_entries go in. */
			while (!map_user_next_key(map, NULL, &key))
				assert_int_equal(map_delete(map, &key), 0);
			for (; n < 300 && !err; n += !err) {
				uint32_t k[2] = {lpm ? 32 : (uint32_t)n, (uint32_t)n};

				err = map_update(map, k, &value, BPF_NOEXIST, 0);
				if (!err)
					assert_non_null(map_lookup(map, k, 0));
			}
			if (types[t] == BPF_MAP_TYPE_LRU_HASH)
				assert_int_equal(map_for_each(map, 0, count_live, NULL), 200);
			else
				assert_int_equal(n, 200);
			if (round % 2 == 0)
				assert_int_equal(waitpid(pid, &status, 0), pid);
		}
		map_destroy(map);
	}
	/* The writers do little else, so some must have died inside; else this has proved nothing. */
	assert_true(held > 5);
}

/*
 * Values of many words, each written with all words alike, are whole for bpf(2) whenever their writer is killed.
 */
enum { WIDE = 256, WIDE_KEYS = 4 };

static void wide_key(const struct skep_map *map, uint32_t n, uint32_t key[2])
{
	key[0] = map->type->type == BPF_MAP_TYPE_LPM_TRIE ? 32 : n;
	key[1] = map->type->type == BPF_MAP_TYPE_LPM_TRIE ? n : 0;
}

static void write_wide_values(struct skep_map *map, uint64_t turn)
{
	uint64_t value[2 * WIDE];

	for (;; turn++) {
		uint32_t key[2];

		wide_key(map, turn % WIDE_KEYS, key);
		for (uint32_t i = 0; i < 2 * WIDE; i++)
			value[i] = turn;
		if (turn & 1 && map->type->percpu)
			map_update(map, key, value, BPF_EXIST, turn / 2 % 2);
		else
			map_user_update(map, key, value, BPF_ANY);
	}
}

static void a_killed_writer_leaves_no_mixed_value(void **state)
{
	static const uint32_t types[] = {BPF_MAP_TYPE_HASH, BPF_MAP_TYPE_LRU_HASH, BPF_MAP_TYPE_LPM_TRIE,
					 BPF_MAP_TYPE_PERCPU_HASH, BPF_MAP_TYPE_LRU_PERCPU_HASH};
	uint32_t held = 0, halfway = 0;
	uint64_t r = 3;

	for (size_t t = 0; t < ARRAY_SIZE(types); t++) {
		struct skep_map *map = make(types[t], 8, WIDE * 8, WIDE_KEYS,
					    types[t] == BPF_MAP_TYPE_LPM_TRIE ? BPF_F_NO_PREALLOC : 0);

		for (int round = 0; round < 150; round++) {
			uint64_t value[2 * WIDE];
			int status;
			pid_t pid = fork();

			if (!pid)
				write_wide_values(map, (uint64_t)round << 32);
			usleep((useconds_t)(200 + splitmix64(&r) % 1000));
			kill(pid, SIGKILL);
			assert_int_equal(waitpid(pid, &status, 0), pid);
			held += atomic_load(&map->ctl->lock) != 0;
			halfway += atomic_load(&map->ctl->redo) != 0;
			for (uint32_t n = 0; n < WIDE_KEYS; n++) {
				uint32_t key[2];

				wide_key(map, n, key);
				if (map_user_lookup(map, key, value, 0))
					continue;
				for (uint32_t i = 0; i < WIDE * (map->type->percpu ? 2 : 1); i++)
					if (value[i] != value[i / WIDE * WIDE])
						fail_msg("%s, round %d: a killed writer left a mixed value",
							 map->type->name, round);
			}
			/* No reader has had a reason to wait when the marks were at rest: the next writer repairs. */
			map_delete(map, &(uint64_t){UINT64_MAX >> 26});
			assert_int_equal(atomic_load(&map->ctl->redo), 0);
		}
		map_destroy(map);
	}
	/* The writers do little else, so many died inside; else this has proved nothing. */
	assert_true(held > 50);
	assert_true(halfway > 20);
}

/* Whole and usable: each type, after its writer was killed anywhere in any of its operations. */
static void write_anything(struct skep_map *map, uint64_t r)
{
	uint64_t value[8], ips[4];

	for (uint64_t turn = 1;; turn++) {
		uint32_t key[2] = {(uint32_t)(splitmix64(&r) % 60), 0}, at = 0;
		uint8_t keys[8 * 20];
		uint64_t values[8 * 2 * 20];
		void *old[20];

		for (int i = 0; i < 8; i++)
			value[i] = turn;
		switch (map->type->type) {
		case BPF_MAP_TYPE_QUEUE:
		case BPF_MAP_TYPE_STACK:
			if (splitmix64(&r) % 2)
				map_push(map, value, turn % 2 ? BPF_EXIST : BPF_ANY);
			else
				map_pop(map, value);
			break;
		case BPF_MAP_TYPE_BLOOM_FILTER:
			map_push(map, value, BPF_ANY);
			break;
		case BPF_MAP_TYPE_STACK_TRACE:
			for (int i = 0; i < 4; i++)
				ips[i] = key[0];
			if (turn % 3)
				map_stack_put(map, ips, NULL, 4, BPF_F_REUSE_STACKID);
			else
				map_delete(map, key);
			break;
		default:
			if (splitmix64(&r) % 50 == 0)
				map_user_batch(map, &at, 20, keys, values, 0, old);
			else if (splitmix64(&r) % 3 == 0)
				map_delete(map, key);
			else if (turn & 64)
				map_user_update(map, key, value, BPF_ANY);
			else
				map_update(map, key, value, BPF_ANY, 1);
		}
	}
}

/* fill - put in as many as go in. Return: how many. */
static uint32_t fill(struct skep_map *map)
{
	uint64_t value[8] = {1};
	uint32_t n = 0;

	for (uint32_t k = 0; k < 2000; k++) {
		uint32_t key[2] = {k, 0}, before = n;
		uint64_t ips[1] = {k};

		if (map->type->type == BPF_MAP_TYPE_STACK_TRACE)
			n += map_stack_put(map, ips, NULL, 1, 0) >= 0;
		else
			n += !map_user_update(map, map->key_size ? key : NULL, value, map->key_size ? BPF_NOEXIST : 0);
		if (n == before && map->type->type != BPF_MAP_TYPE_STACK_TRACE)
			break;
	}
	return n;
}

static void every_map_is_usable_after_a_killed_writer(void **state)
{
	static const uint32_t types[] = {
		BPF_MAP_TYPE_HASH,  BPF_MAP_TYPE_PERCPU_HASH, BPF_MAP_TYPE_LRU_HASH,    BPF_MAP_TYPE_LRU_PERCPU_HASH,
		BPF_MAP_TYPE_QUEUE, BPF_MAP_TYPE_STACK,       BPF_MAP_TYPE_STACK_TRACE, BPF_MAP_TYPE_BLOOM_FILTER};
	enum { ENTRIES = 50 };
	uint32_t held = 0;
	uint64_t r = 4;

	for (size_t t = 0; t < ARRAY_SIZE(types); t++) {
		bool keyed = types[t] != BPF_MAP_TYPE_QUEUE && types[t] != BPF_MAP_TYPE_STACK &&
			     types[t] != BPF_MAP_TYPE_BLOOM_FILTER;
		bool lru = types[t] == BPF_MAP_TYPE_LRU_HASH || types[t] == BPF_MAP_TYPE_LRU_PERCPU_HASH;
		struct skep_map *map = make(types[t],
					    types[t] == BPF_MAP_TYPE_STACK_TRACE ? 4
					    : keyed                              ? 8
										 : 0,
					    32, ENTRIES, 0);

		for (int round = 0; round < 60; round++) {
			uint64_t value[8] = {5}, key;
			int status;
			pid_t pid = fork();

			if (!pid)
				write_anything(map, (uint64_t)getpid() << 20);
			usleep((useconds_t)(200 + splitmix64(&r) % 1500));
			kill(pid, SIGKILL);
			assert_int_equal(waitpid(pid, &status, 0), pid);
			held += atomic_load(&map->ctl->lock) != 0;
			if (types[t] == BPF_MAP_TYPE_BLOOM_FILTER) {
				assert_int_equal(map_push(map, value, 0), 0);
				assert_int_equal(map_peek(map, value), 0);
				continue;
			}
			if (!keyed) {
				/* Each value was pushed once, in rising order. */
				for (uint64_t last = 0; !map_pop(map, value); last = value[0]) {
					for (int i = 1; i < 4; i++)
						assert_int_equal(value[i], value[0]);
					if (last &&
					    (types[t] == BPF_MAP_TYPE_QUEUE ? value[0] <= last : value[0] >= last))
						fail_msg("%s: %llu after %llu", map->type->name,
							 (unsigned long long)value[0], (unsigned long long)last);
				}
				assert_int_equal(fill(map), ENTRIES);
				while (!map_pop(map, value))
					continue;
				continue;
			}
			/* The first to take the lock repairs. */
			map_delete(map, &(uint64_t){0xfffff});
			while (!map_user_next_key(map, NULL, &key)) {
				assert_int_equal(map_user_lookup(map, &key, value, 0), 0);
				assert_int_equal(map_delete(map, &key), 0);
			}
			if (lru)
				assert_int_equal(fill(map), 2000);
			else
				assert_int_equal(fill(map), ENTRIES);
			if (lru)
				assert_int_equal(map_for_each(map, 0, count_live, NULL), ENTRIES);
			while (!map_user_next_key(map, NULL, &key))
				assert_int_equal(map_delete(map, &key), 0);
		}
		map_destroy(map);
	}
	assert_true(held > 20);
}

static void a_values_lock_is_taken_over_from_the_dead(void **state)
{
	struct skep_map *map = make(BPF_MAP_TYPE_HASH, 4, 16, 4, 0);
	uint64_t value[2] = {0, 7}, got[2];
	uint32_t key = 1, *lock;
	int status;
	pid_t pid;

	map->spin_lock_off = 0;
	assert_int_equal(map_update(map, &key, value, BPF_ANY, 0), 0);
	lock = map_lookup(map, &key, 0);
	pid = fork();
	if (!pid) {
		map_value_lock(lock);
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(*lock, (uint32_t)pid);
	assert_int_equal(map_user_lookup(map, &key, got, BPF_F_LOCK), 0);
	assert_int_equal(got[0], 0);
	assert_int_equal(got[1], 7);
	assert_int_equal(*lock, 0);
	map_destroy(map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_memfd_is_named_sealed_and_closed_on_exec),
		cmocka_unit_test(a_frozen_map_takes_writes_from_programs_only),
		cmocka_unit_test(a_view_reads_and_does_nothing_else),
		cmocka_unit_test(what_is_no_map_is_refused),
		cmocka_unit_test(an_unsealed_copy_is_refused),
		cmocka_unit_test(corrupt_headers_are_refused_or_harmless),
		cmocka_unit_test(a_header_that_is_not_this_files_is_refused),
		cmocka_unit_test(corrupt_tables_never_lead_a_reader_astray),
		cmocka_unit_test(corrupt_tables_never_lead_a_writer_astray),
		cmocka_unit_test(an_eviction_survives_chains_that_lead_nowhere),
		cmocka_unit_test(another_process_reads_whole_values_while_this_one_writes),
		cmocka_unit_test(no_update_is_lost_and_no_value_torn),
		cmocka_unit_test(the_lock_lets_one_in_at_a_time),
		cmocka_unit_test(a_writer_that_is_killed_leaves_a_whole_map),
		cmocka_unit_test(a_killed_writer_leaves_no_mixed_value),
		cmocka_unit_test(every_map_is_usable_after_a_killed_writer),
		cmocka_unit_test(a_values_lock_is_taken_over_from_the_dead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
