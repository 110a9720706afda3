/* SPDX-License-Identifier: BSD-2-Clause */
/* Ring buffers, with a consumer that reads the mapping as libbpf's does. */
#include "util.h"

#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>

struct consumer {
	struct skep_map *map;
	uint8_t *data;
	_Atomic uint64_t *consumer, *producer;
	uint64_t mask;
	uint64_t samples, discarded;
	void (*each)(struct consumer *c, void *sample, uint32_t len);
	uint64_t expect[8];
};

static size_t page;

static void consumer_open(struct consumer *c, struct skep_map *map, void (*each)(struct consumer *, void *, uint32_t))
{
	*c = (struct consumer){.map = map, .mask = map->max_entries - 1, .each = each};
	c->consumer = ringbuf_mmap(map, NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	assert_ptr_not_equal(c->consumer, MAP_FAILED);
	c->producer = ringbuf_mmap(map, NULL, page + 2 * (size_t)map->max_entries, PROT_READ, MAP_SHARED, (off_t)page);
	assert_ptr_not_equal(c->producer, MAP_FAILED);
	c->data = (uint8_t *)c->producer + page;
}

static void consumer_close(struct consumer *c)
{
	munmap((void *)c->producer, page + 2 * (size_t)c->map->max_entries);
	munmap((void *)c->consumer, page);
}

/* consume - take what is there. Return: the records taken. */
static uint64_t consume(struct consumer *c)
{
	uint64_t pos = atomic_load(c->consumer), n = 0;

	while (pos < atomic_load_explicit(c->producer, memory_order_acquire)) {
		_Atomic uint32_t *header = (_Atomic uint32_t *)(c->data + (pos & c->mask));
		uint32_t len = atomic_load_explicit(header, memory_order_acquire);

		if (len & BPF_RINGBUF_BUSY_BIT)
			break;
		if (len & BPF_RINGBUF_DISCARD_BIT) {
			c->discarded++;
			len &= ~BPF_RINGBUF_DISCARD_BIT;
		} else {
			c->samples++;
			if (c->each)
				c->each(c, (uint8_t *)header + 8, len);
		}
		n++;
		pos += (len + 8 + 7) / 8 * 8;
		atomic_store_explicit(c->consumer, pos, memory_order_release);
	}
	return n;
}

/* events - how often the event was raised since it was asked last. */
static uint64_t events(struct skep_map *map)
{
	uint64_t n = 0;

	return read(map->event_fd, &n, 8) == 8 ? n : 0;
}

static void check_pattern(struct consumer *c, void *sample, uint32_t len)
{
	const uint8_t *bytes = sample;

	assert_int_equal(len, c->expect[0] % 200);
	for (uint32_t i = 0; i < len; i++)
		assert_int_equal(bytes[i], (uint8_t)(c->expect[0] + i));
	c->expect[0]++;
}

static void records_come_out_as_they_went_in(void **state)
{
	struct skep_map *map = make(BPF_MAP_TYPE_RINGBUF, 0, 0, (uint32_t)page, 0);
	struct consumer c;

	consumer_open(&c, map, check_pattern);
	/* Many times around the ring, so that records cross its end at every offset. */
	for (uint64_t n = 0; n < 20000; n++) {
		uint8_t bytes[200];

		for (uint32_t i = 0; i < 200; i++)
			bytes[i] = (uint8_t)(n + i);
		assert_int_equal(ringbuf_output(map, bytes, n % 200, 0), 0);
		if (n % 5 == 0)
			consume(&c);
	}
	consume(&c);
	assert_int_equal(c.samples, 20000);
	assert_int_equal(ringbuf_dropped(map), 0);
	consumer_close(&c);
	map_destroy(map);
}

static void headers_are_the_kernels(void **state)
{
	struct skep_map *map = make(BPF_MAP_TYPE_RINGBUF, 0, 0, 4 * (uint32_t)page, 0);
	uint32_t *sample = ringbuf_reserve(map, 5000), *second;

	assert_int_equal(sample[-2], 5000u | BPF_RINGBUF_BUSY_BIT);
	assert_int_equal(sample[-1], 3);
	assert_int_equal((uintptr_t)sample % 8, 0);
	ringbuf_submit(sample, 0);
	assert_int_equal(sample[-2], 5000);
	second = ringbuf_reserve(map, 1);
	assert_int_equal(second[-1], 3 + 5008 / 4096);
	ringbuf_discard(second, 0);
	assert_int_equal(second[-2], 1u | BPF_RINGBUF_DISCARD_BIT);
	assert_int_equal(ringbuf_query(map, BPF_RB_PROD_POS), 5008 + 16);
	assert_int_equal(ringbuf_query(map, BPF_RB_CONS_POS), 0);
	assert_int_equal(ringbuf_query(map, BPF_RB_AVAIL_DATA), 5008 + 16);
	assert_int_equal(ringbuf_query(map, BPF_RB_RING_SIZE), 4 * page);
	assert_int_equal(ringbuf_query(map, 99), 0);
	map_destroy(map);
}

static void a_full_ring_refuses_and_counts(void **state)
{
	struct skep_map *map = make(BPF_MAP_TYPE_RINGBUF, 0, 0, (uint32_t)page, 0);
	struct consumer c;
	uint64_t n = 0, more = 0;

	consumer_open(&c, map, NULL);
	assert_null(ringbuf_reserve(map, page - 7));
	assert_null(ringbuf_reserve(map, UINT64_MAX));
	assert_null(ringbuf_reserve(map, UINT32_MAX / 4 + 1ull));
	assert_int_equal(ringbuf_dropped(map), 3);
	while (!ringbuf_output(map, &n, 8, 0))
		n++;
	/* The last 16 bytes stay free: producer and consumer must not meet. */
	assert_int_equal(n, page / 16 - 1);
	assert_int_equal(ringbuf_dropped(map), 4);
	assert_int_equal(ringbuf_output(map, &n, 8, 0), -EAGAIN);
	assert_int_equal(ringbuf_output(map, &n, 8, 4), -EINVAL);
	assert_int_equal(consume(&c), n);
	while (!ringbuf_output(map, &n, 8, 0))
		more++;
	assert_int_equal(more, n);
	consumer_close(&c);
	map_destroy(map);
}

static void the_consumer_is_woken_only_when_it_has_caught_up(void **state)
{
	struct skep_map *map = make(BPF_MAP_TYPE_RINGBUF, 0, 0, (uint32_t)page, 0);
	struct pollfd p = {.fd = map->event_fd, .events = POLLIN};
	struct consumer c;
	uint64_t v = 0;

	consumer_open(&c, map, NULL);
	assert_int_equal(poll(&p, 1, 0), 0);
	ringbuf_output(map, &v, 8, 0);
	assert_int_equal(poll(&p, 1, 0), 1);
	assert_int_equal(events(map), 1);
	ringbuf_output(map, &v, 8, 0);
	assert_int_equal(events(map), 0); /* it has not come to this record yet */
	ringbuf_output(map, &v, 8, BPF_RB_FORCE_WAKEUP);
	assert_int_equal(events(map), 1);
	consume(&c);
	ringbuf_output(map, &v, 8, BPF_RB_NO_WAKEUP);
	assert_int_equal(events(map), 0);
	consume(&c);
	ringbuf_discard(ringbuf_reserve(map, 8), 0);
	assert_int_equal(events(map), 1);
	consumer_close(&c);
	map_destroy(map);
}

static void a_busy_record_is_never_overwritten(void **state)
{
	struct skep_map *map = make(BPF_MAP_TYPE_RINGBUF, 0, 0, (uint32_t)page, 0);
	struct consumer c;
	uint64_t *held, n = 0;

	consumer_open(&c, map, NULL);
	held = ringbuf_reserve(map, 8);
	*held = 0x1122334455667788;
	/* A consumer that lies about where it is gains no room behind the busy record. */
	for (int i = 0; i < 10000; i++) {
		atomic_store(c.consumer, atomic_load(c.producer));
		n += !ringbuf_output(map, &n, 8, 0);
	}
	assert_true(n < page / 16);
	assert_int_equal(*held, 0x1122334455667788);
	ringbuf_submit(held, 0);
	atomic_store(c.consumer, atomic_load(c.producer));
	assert_int_equal(ringbuf_output(map, &n, 8, 0), 0);
	consumer_close(&c);
	map_destroy(map);
}

static void nonsense_in_the_shared_pages_does_no_harm(void **state)
{
	struct skep_map *map = make(BPF_MAP_TYPE_RINGBUF, 0, 0, (uint32_t)page, 0);
	uint64_t r = 1;

	for (int i = 0; i < 20000; i++) {
		void *sample;

		/* Both positions, any data byte, any control word but the lock. */
		((uint64_t *)(map->mem))[0] = splitmix64(&r) >> splitmix64(&r) % 64;
		if (i % 3)
			((uint64_t *)(map->mem + page))[0] = splitmix64(&r) >> splitmix64(&r) % 64;
		((uint64_t *)(map->mem + 2 * page))[splitmix64(&r) % (page / 8)] = splitmix64(&r);
		sample = ringbuf_reserve(map, splitmix64(&r) % 600);
		if (sample) {
			memset(sample, 0xff, 1);
			ringbuf_submit(sample, 0);
		}
		ringbuf_query(map, splitmix64(&r) % 5);
	}
	map_destroy(map);
}

/* Many producers, one consumer. */

enum { PRODUCERS = 3, RECORDS = 100000 };

struct producer {
	pthread_t thread;
	struct skep_map *map;
	uint64_t who, refused;
};

static void *produce(void *arg)
{
	struct producer *p = arg;

	for (uint64_t n = 0; n < RECORDS; n++) {
		uint64_t *sample, words = 1 + n % 5;

		while (!(sample = ringbuf_reserve(p->map, 8 * words))) {
			p->refused++;
			usleep(50);
		}
		for (uint64_t i = 0; i < words; i++)
			sample[i] = p->who << 32 | n;
		if (n % 7 == 6)
			ringbuf_discard(sample, 0);
		else
			ringbuf_submit(sample, 0);
	}
	return NULL;
}

static void check_order(struct consumer *c, void *sample, uint32_t len)
{
	uint64_t *words = sample, who = words[0] >> 32, n = words[0] & UINT32_MAX;

	assert_true(who < PRODUCERS);
	assert_int_equal(len, 8 * (1 + n % 5));
	for (uint32_t i = 0; i < len / 8; i++)
		assert_int_equal(words[i], words[0]);
	if (c->expect[who] % 7 == 6)
		c->expect[who]++; /* discarded */
	assert_int_equal(n, c->expect[who]);
	c->expect[who]++;
}

static void many_producers(uint32_t size)
{
	struct skep_map *map = make(BPF_MAP_TYPE_RINGBUF, 0, 0, size, 0);
	struct producer producers[PRODUCERS] = {0};
	struct pollfd p = {.fd = map->event_fd, .events = POLLIN};
	uint64_t total = 0, refused = 0;
	struct consumer c;

	consumer_open(&c, map, check_order);
	for (uint64_t i = 0; i < PRODUCERS; i++) {
		producers[i].map = map;
		producers[i].who = i;
		assert_int_equal(pthread_create(&producers[i].thread, NULL, produce, &producers[i]), 0);
	}
	while (total < PRODUCERS * RECORDS) {
		uint64_t n = consume(&c);

		total += n;
		if (n || total == PRODUCERS * RECORDS || ringbuf_ready(map))
			continue;
		/* Nothing there: sleep until the event. A lost wakeup would end in the timeout. */
		assert_int_equal(poll(&p, 1, 20000), 1);
		events(map);
	}
	for (int i = 0; i < PRODUCERS; i++) {
		pthread_join(producers[i].thread, NULL);
		refused += producers[i].refused;
	}
	assert_int_equal(c.samples + c.discarded, PRODUCERS * RECORDS);
	assert_int_equal(c.discarded, PRODUCERS * (RECORDS / 7));
	assert_int_equal(ringbuf_dropped(map), refused);
	consumer_close(&c);
	map_destroy(map);
}

static void many_producers_lose_nothing_and_sleepers_are_woken(void **state)
{
	many_producers((uint32_t)page); /* mostly full: producers wait for the consumer */
	many_producers(4096 * (uint32_t)page); /* never full: producers meet each other */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_come_out_as_they_went_in),
		cmocka_unit_test(headers_are_the_kernels),
		cmocka_unit_test(a_full_ring_refuses_and_counts),
		cmocka_unit_test(the_consumer_is_woken_only_when_it_has_caught_up),
		cmocka_unit_test(a_busy_record_is_never_overwritten),
		cmocka_unit_test(nonsense_in_the_shared_pages_does_no_harm),
		cmocka_unit_test(many_producers_lose_nothing_and_sleepers_are_woken),
	};

	page = (size_t)sysconf(_SC_PAGESIZE);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
