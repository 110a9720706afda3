/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ring buffers and perf buffers, from the program that writes to libbpf's poll, in one process: the consumer is a thread that
 * sleeps in poll; the test's own thread runs the program. Every number comes once and in order, or it is counted.
 */
#include "util.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

struct event {
	uint64_t number;
	uint64_t check;
};

struct consumer {
	struct ring_buffer *ring;
	struct perf_buffer *perf;
	uint64_t expected;
	uint64_t wrong;
	uint64_t lost;
	atomic_uint_fast64_t seen;
	atomic_bool stop;
};

static void take(struct consumer *c, const void *data, size_t len)
{
	struct event e;

	memcpy(&e, data, sizeof(e));
	if (len < sizeof(e) || e.number != c->expected || e.check != e.number * 0x9e3779b97f4a7c15)
		c->wrong++;
	c->expected = e.number + 1;
	atomic_fetch_add(&c->seen, 1);
}

static int ring_sample(void *ctx, void *data, size_t size)
{
	take(ctx, data, size);
	return 0;
}

static void perf_sample(void *ctx, int cpu, void *data, __u32 size)
{
	struct consumer *c = ctx;

	/* The event, then 14 bytes of the frame: they count up. */
	if (size < sizeof(struct event) + 14 || ((uint8_t *)data)[sizeof(struct event) + 13] != 13)
		c->wrong++;
	take(c, data, size);
}

static void perf_lost(void *ctx, int cpu, __u64 n)
{
	struct consumer *c = ctx;

	c->lost += n; /* their numbers are given again */
}

static void *consume(void *arg)
{
	struct consumer *c = arg;
	struct skep_hive *before = seam_enter(test.hive);

	while (!atomic_load(&c->stop)) {
		if (c->ring)
			ring_buffer__poll(c->ring, 10000);
		else
			perf_buffer__poll(c->perf, 10000);
	}
	seam_enter(before);
	return NULL;
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* Until the consumer has seen @n; false after 5 s: a wakeup was missed. */
static bool wait_seen(struct consumer *c, uint64_t n)
{
	uint64_t until = now_ms() + 5000;

	while (atomic_load(&c->seen) < n) {
		if (now_ms() > until)
			return false;
		nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
	}
	return true;
}

static void stop(struct consumer *c, pthread_t thread, struct bpf_object *obj, const char *prog)
{
	atomic_store(&c->stop, true);
	run_data(obj, prog, NULL, 0); /* wakes it once more */
	pthread_join(thread, NULL);
}

/* Gives @n events, each again while the ring is full. */
static void give(struct bpf_object *obj, const char *prog, uint64_t n)
{
	uint64_t until = now_ms() + 60000;

	for (uint64_t i = 0; i < n; i++)
		while (run_data(obj, prog, NULL, 0)) {
			if (now_ms() > until)
				fail_msg("the ring stays full: its consumer sleeps (%llu of %llu)",
					 (unsigned long long)i, (unsigned long long)n);
		}
}

static void ring_loses_nothing(const char *prog)
{
	struct bpf_object *obj = load_object("events");
	struct consumer c = {0};
	pthread_t thread;

	c.ring = ring_buffer__new(map_fd_of(obj, "ring"), ring_sample, &c, NULL);
	assert_non_null(c.ring);
	assert_int_equal(pthread_create(&thread, NULL, consume, &c), 0);
	give(obj, prog, 20000);
	assert_true(wait_seen(&c, 20000));
	stop(&c, thread, obj, prog);
	assert_int_equal(c.wrong, 0);
	ring_buffer__free(c.ring);
	bpf_object__close(obj);
}

static void reserved_records_arrive_in_order_though_the_ring_runs_full(void **state)
{
	ring_loses_nothing("reserve");
}

static void output_records_arrive_in_order_though_the_ring_runs_full(void **state)
{
	ring_loses_nothing("output");
}

/* One at a time: the consumer has gone to sleep again before each. */
static void every_single_record_wakes_a_sleeping_consumer(void **state)
{
	struct bpf_object *obj = load_object("events");
	struct consumer c = {0};
	pthread_t thread;

	c.ring = ring_buffer__new(map_fd_of(obj, "ring"), ring_sample, &c, NULL);
	assert_non_null(c.ring);
	assert_int_equal(pthread_create(&thread, NULL, consume, &c), 0);
	for (uint64_t i = 1; i <= 3000; i++) {
		assert_int_equal(run_data(obj, "output", NULL, 0), 0);
		if (!wait_seen(&c, i))
			fail_msg("record %llu woke nobody", (unsigned long long)i);
	}
	stop(&c, thread, obj, "output");
	assert_int_equal(c.wrong, 0);
	ring_buffer__free(c.ring);
	bpf_object__close(obj);
}

/* What was written before anybody polled is there for the first poll. */
static void records_from_before_the_first_poll_are_found(void **state)
{
	struct bpf_object *obj = load_object("events");
	struct consumer c = {0};

	for (int i = 0; i < 10; i++)
		assert_int_equal(run_data(obj, "output", NULL, 0), 0);
	c.ring = ring_buffer__new(map_fd_of(obj, "ring"), ring_sample, &c, NULL);
	assert_non_null(c.ring);
	assert_int_equal(ring_buffer__poll(c.ring, 5000), 10);
	assert_int_equal(ring_buffer__poll(c.ring, 0), 0);
	assert_int_equal(c.wrong, 0);
	ring_buffer__free(c.ring);
	bpf_object__close(obj);
}

static void a_full_ring_is_told_and_keeps_what_it_has(void **state)
{
	struct bpf_object *obj = load_object("events");
	struct consumer c = {0};
	int n = 0;

	while (!run_data(obj, "output", NULL, 0))
		assert_true(++n < 1000);
	assert_int_equal(n, 4096 / 24 - (4096 % 24 ? 0 : 1));
	c.ring = ring_buffer__new(map_fd_of(obj, "ring"), ring_sample, &c, NULL);
	assert_non_null(c.ring);
	assert_int_equal(ring_buffer__consume(c.ring), n);
	assert_int_equal(c.wrong, 0);
	assert_int_equal(run_data(obj, "output", NULL, 0), 0);
	assert_int_equal(ring_buffer__consume(c.ring), 1);
	ring_buffer__free(c.ring);
	bpf_object__close(obj);
}

static void perf_samples_arrive_in_order_and_lost_ones_are_counted(void **state)
{
	struct bpf_object *obj;
	struct consumer c = {0};
	pthread_t thread;
	uint64_t given = 0;

	if (on_kernel)
		skip(); /* its CPU is where the thread happens to be: no order across buffers */
	obj = load_object("events");
	c.perf = perf_buffer__new(map_fd_of(obj, "perf"), 8, perf_sample, perf_lost, &c, NULL);
	assert_non_null(c.perf);
	assert_int_equal(pthread_create(&thread, NULL, consume, &c), 0);
	for (; given < 20000; given++)
		while (run_data(obj, "perf_output", NULL, 0))
			;
	assert_true(wait_seen(&c, given));
	stop(&c, thread, obj, "perf_output");
	assert_int_equal(c.wrong, 0);
	perf_buffer__free(c.perf);
	bpf_object__close(obj);
}

static void perf_samples_that_do_not_fit_are_reported_as_lost(void **state)
{
	struct bpf_object *obj;
	struct consumer c = {0};
	uint64_t refused = 0;

	if (on_kernel)
		skip(); /* its CPU is where the thread happens to be: no order across buffers */
	obj = load_object("events");
	c.perf = perf_buffer__new(map_fd_of(obj, "perf"), 1, perf_sample, perf_lost, &c, NULL);
	assert_non_null(c.perf);
	for (int i = 0; i < 200; i++)
		refused += run_data(obj, "perf_output", NULL, 0) != 0;
	assert_true(refused > 0 && refused < 200);
	assert_true(perf_buffer__consume(c.perf) >= 0);
	assert_int_equal(run_data(obj, "perf_output", NULL, 0), 0);
	assert_true(perf_buffer__consume(c.perf) >= 0);
	assert_int_equal(c.wrong, 0);
	assert_int_equal(c.lost, refused);
	assert_int_equal(atomic_load(&c.seen), 200 - refused + 1);
	perf_buffer__free(c.perf);
	bpf_object__close(obj);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		LOADED_TEST(reserved_records_arrive_in_order_though_the_ring_runs_full),
		LOADED_TEST(output_records_arrive_in_order_though_the_ring_runs_full),
		LOADED_TEST(every_single_record_wakes_a_sleeping_consumer),
		LOADED_TEST(records_from_before_the_first_poll_are_found),
		LOADED_TEST(a_full_ring_is_told_and_keeps_what_it_has),
		LOADED_TEST(perf_samples_arrive_in_order_and_lost_ones_are_counted),
		LOADED_TEST(perf_samples_that_do_not_fit_are_reported_as_lost),
	};

	return test_main(argc, argv, tests, ARRAY_SIZE(tests), "events");
}
