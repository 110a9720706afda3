/* SPDX-License-Identifier: BSD-2-Clause */
/* Timers in map values: runs/timers.bpf.c in the JIT, in the interpreter, and in the kernel. */
#include "runs/expect.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

static struct bpf_object *object;

static int with_object(void **state)
{
	if (test_setup(state))
		return -1;
	object = load_object("timers");
	return 0;
}

static int without(void **state)
{
	if (object)
		bpf_object__close(object);
	return test_teardown(state);
}

/* Wait until a variable of the program is what it should become; a second is enough for anything here. */
static int64_t wait_for(const char *name, int64_t want)
{
	int64_t v = 0;

	for (int i = 0; i < 1000; i++) {
		v = variable_of(object, name);
		if (v >= want)
			break;
		usleep(1000);
	}
	return v;
}

static int run_marked(const char *prog, uint32_t mark)
{
	struct __sk_buff skb = {.mark = mark};
	uint8_t data[64] = {};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = data, .data_size_in = sizeof(data), .ctx_in = &skb,
		    .ctx_size_in = sizeof(skb));

	assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(program_of(object, prog)), &opts), 0);
	return (int)opts.retval;
}

static void each_call_at_the_wrong_time_is_an_error(void **state)
{
	run_data(object, "errors", NULL, 0);
	EXPECT(object, /* no timer */ -EINVAL, -EINVAL, -EINVAL, /* no clock */ -EINVAL, -EINVAL, -EINVAL, -EINVAL,
	       /* init */ 0, -EBUSY, /* no callback */ -EINVAL, 0, 0, /* flags */ -EINVAL, -EINVAL, /* start */ 0, 0,
	       /* cancel */ 1, 0, -EINVAL);
	assert_int_equal(variable_of(object, "fired"), 0);
}

static void a_timer_fires_once_with_its_map_key_and_value(void **state)
{
	static const uint32_t clocks[] = {1, 0, 7};

	for (size_t i = 0; i < ARRAY_SIZE(clocks); i++) {
		run_marked("start", clocks[i]);
		EXPECT(object, 0, 0, 0);
		assert_int_equal(wait_for("fired", (int64_t)i + 1), i + 1);
		assert_int_equal(variable_of(object, "last_key"), 2);
		assert_int_equal(variable_of(object, "last_after"), 77);
		/* The element is written over, so that it may have a timer of another clock. */
		uint64_t value[4] = {0};
		uint32_t key = 2;

		assert_int_equal(bpf_map_update_elem(map_fd_of(object, "array"), &key, value, 0), 0);
	}
	usleep(20000);
	assert_int_equal(variable_of(object, "fired"), 3);
}

static void an_absolute_time_is_one_of_the_timers_clock(void **state)
{
	run_data(object, "start_abs", NULL, 0);
	EXPECT(object, 0, 0, 0);
	assert_int_equal(wait_for("fired", 1), 1);
	assert_int_equal(variable_of(object, "last_after"), 5);
}

static void a_pinned_timer_fires_on_the_cpu_that_started_it(void **state)
{
	for (int i = 1; i <= 20; i++) {
		int64_t out[OUT_WORDS];

		run_data(object, "start_pinned", NULL, 0);
		assert_int_equal(wait_for("fired", i), i);
		out_of(object, out);
		assert_int_equal(out[0] | out[1], 0);
		assert_int_equal(variable_of(object, "cpu"), out[2]);
	}
}

static void a_callback_may_start_its_timer_again_and_not_cancel_it(void **state)
{
	run_data(object, "start_again", NULL, 0);
	EXPECT(object, 0, 0, 0);
	assert_int_equal(wait_for("fired", 3), 3);
	assert_int_equal(variable_of(object, "self_cancel"), -EDEADLK);
	assert_int_equal(variable_of(object, "again"), 0);
	usleep(20000);
	assert_int_equal(variable_of(object, "fired"), 3);
}

static void an_element_takes_its_timer_with_it(void **state)
{
	struct {
		uint64_t before, timer[2], after;
	} value = {.timer = {1, 1}};
	uint64_t key = 1;
	int fd = map_fd_of(object, "hash");

	run_data(object, "in_hash", NULL, 0);
	EXPECT(object, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* delete, update */ 0, 0, /* no timer any more */ -EINVAL,
	       /* of 4 */ 1);
	assert_int_equal(wait_for("fired", 1), 1);
	assert_int_equal(variable_of(object, "last_key"), 1);
	assert_int_equal(variable_of(object, "last_after"), 11);
	/* User space neither sees the timer nor changes it. */
	assert_int_equal(bpf_map_lookup_elem(fd, &key, &value), 0);
	assert_int_equal(value.timer[0] | value.timer[1], 0);
	assert_int_equal(value.after, 11);
	usleep(150000);
	assert_int_equal(variable_of(object, "fired"), 1);
}

static void bpf2_deletes_timers_too(void **state)
{
	uint64_t value[4] = {0, ~0ull, ~0ull, 0};
	uint32_t key = 2;
	int64_t before;

	run_marked("start", 1);
	assert_int_equal(bpf_map_update_elem(map_fd_of(object, "array"), &key, value, 0), 0);
	before = variable_of(object, "fired");
	usleep(30000);
	assert_true(variable_of(object, "fired") <= before + 1);
	/* What user space wrote in its place is no timer: a new one can be made. */
	run_marked("start", 1);
	EXPECT(object, 0, 0, 0);
}

static void a_batch_that_takes_elements_takes_their_timers(void **state)
{
	LIBBPF_OPTS(bpf_map_batch_opts, opts);
	uint64_t keys[4], values[4][4], batch = 0;
	uint32_t n = 4;
	int fd = map_fd_of(object, "hash"), err;

	run_data(object, "three_in_hash", NULL, 0);
	EXPECT(object, 0, 0, 0, 0);
	err = bpf_map_lookup_and_delete_batch(fd, NULL, &batch, keys, values, &n, &opts);
	assert_true(!err || err == -ENOENT);
	assert_int_equal(n, 3);
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(values[i][1] | values[i][2], 0);
	usleep(100000);
	assert_int_equal(variable_of(object, "fired"), 0);
	run_data(object, "three_in_hash", NULL, 0);
	EXPECT(object, 0, 0, 0, 0);
	assert_int_equal(wait_for("fired", 3), 3);
}

static void an_evicted_element_does_not_fire(void **state)
{
	int64_t n;

	run_data(object, "in_lru", NULL, 0);
	usleep(150000);
	EXPECT(object, 0);
	n = variable_of(object, "fired");
	/* No more than are left; the kernel may keep a few beyond max_entries on its CPUs' lists. */
	assert_in_range(n, 1, on_kernel ? 99 : 4);
	assert_int_equal(variable_of(object, "last_after"), variable_of(object, "last_key"));
}

static void cancel_waits_for_a_callback_that_runs(void **state)
{
	set_variable(object, "stay_in", 1);
	run_data(object, "start_slow", NULL, 0);
	EXPECT(object, 0, 0, 0);
	assert_int_equal(wait_for("fired", 1), 1);
	set_variable(object, "stay_in", 0);
	run_data(object, "cancel_slow", NULL, 0);
	EXPECT(object, 0, 0, 0, 0, 42);
}

static void timers_end_with_the_last_fd_of_their_map(void **state)
{
	uint32_t id = 0, n = 0;

	if (on_kernel)
		skip(); /* its maps are others', too */
	run_marked("start", 1);
	bpf_object__close(object);
	object = NULL;
	usleep(30000);
	/* The timer held its program and the program the map: both are gone. */
	while (!bpf_map_get_next_id(id, &id))
		n++;
	assert_int_equal(n, 0);
	id = 0;
	assert_int_not_equal(bpf_prog_get_next_id(id, &id), 0);
}

struct runner {
	pthread_t thread;
	const char *prog;
};

static void *run_for_a_while(void *arg)
{
	const struct runner *r = arg;
	struct skep_hive *before = seam_enter(test.hive);

	for (int i = 0; i < 300; i++)
		run_data(object, r->prog, NULL, 0);
	seam_enter(before);
	return NULL;
}

/* Two CPUs make, start, cancel, overwrite and delete the same timers while they fire; what is left at the end is whole. */
static void timers_survive_programs_on_every_cpu(void **state)
{
	struct runner runners[] = {{.prog = "in_hash"},
				   {.prog = "in_hash"},
				   {.prog = "in_lru"},
				   {.prog = "errors"},
				   {.prog = "start_again"}};
	int64_t before;

	if (on_kernel)
		skip(); /* its locks are not on trial */
	for (size_t i = 0; i < ARRAY_SIZE(runners); i++)
		assert_int_equal(pthread_create(&runners[i].thread, NULL, run_for_a_while, &runners[i]), 0);
	for (size_t i = 0; i < ARRAY_SIZE(runners); i++)
		pthread_join(runners[i].thread, NULL);
	usleep(150000);
	before = variable_of(object, "fired");
	assert_true(before > 0);
	run_marked("start", 1);
	assert_int_equal(wait_for("fired", before + 1), before + 1);
}

/* The program alone has its map: nobody could end its timers. */
static void without_an_fd_of_its_map_no_timer_is_made(void **state)
{
	uint8_t data[64] = {};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = data, .data_size_in = sizeof(data));
	int fd = dup(bpf_program__fd(program_of(object, "start"))), out = dup(map_fd_of(object, "timers.bss"));
	uint32_t at = variable_offset(object, "out"), zero = 0;
	int64_t bss[OUT_WORDS * 2] = {};

	assert_true(fd >= 0 && out >= 0);
	bpf_object__close(object);
	object = NULL;
	if (on_kernel)
		usleep(100000); /* what was closed goes a little later there */
	assert_int_equal(bpf_prog_test_run_opts(fd, &opts), 0);
	assert_int_equal(bpf_map_lookup_elem(out, &zero, bss), 0);
	/* The mark is 0: the real-time clock, which there is. */
	assert_int_equal(bss[at / 8], -EPERM);
	close(fd);
	close(out);
}

#define TIMER_TEST(fn) cmocka_unit_test_setup_teardown(fn, with_object, without)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TIMER_TEST(each_call_at_the_wrong_time_is_an_error),
		TIMER_TEST(a_timer_fires_once_with_its_map_key_and_value),
		TIMER_TEST(an_absolute_time_is_one_of_the_timers_clock),
		TIMER_TEST(a_pinned_timer_fires_on_the_cpu_that_started_it),
		TIMER_TEST(a_callback_may_start_its_timer_again_and_not_cancel_it),
		TIMER_TEST(an_element_takes_its_timer_with_it),
		TIMER_TEST(bpf2_deletes_timers_too),
		TIMER_TEST(a_batch_that_takes_elements_takes_their_timers),
		TIMER_TEST(an_evicted_element_does_not_fire),
		TIMER_TEST(cancel_waits_for_a_callback_that_runs),
		TIMER_TEST(timers_end_with_the_last_fd_of_their_map),
		TIMER_TEST(timers_survive_programs_on_every_cpu),
		TIMER_TEST(without_an_fd_of_its_map_no_timer_is_made),
	};

	return test_main(argc, argv, tests, ARRAY_SIZE(tests), "timers");
}
