/* SPDX-License-Identifier: BSD-2-Clause */
/* Global variables: a skeleton's pointers and the program see the same bytes. */
#include "util.h"

/* As in globals.bpf.c; the skeleton needs it. */
struct pair {
	uint64_t a;
	uint32_t b;
	char text[12];
};

#include "globals.skel.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

static struct globals *loaded(void)
{
	struct globals *s = globals__open();

	if (!s || globals__load(s))
		fail_msg("%s", test.said);
	return s;
}

static int call(struct bpf_program *prog, void *ctx, uint32_t size)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = ctx, .ctx_size_in = size);

	assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(prog), &opts), 0);
	return (int)opts.retval;
}

static void initial_values_are_those_of_the_object(void **state)
{
	struct globals *s = loaded();

	assert_int_equal(s->data->in_data, 5);
	assert_true(s->data->pair.a == 0x1122334455667788);
	assert_string_equal(s->data->pair.text, "initial");
	assert_int_equal(s->rodata->in_rodata, 7);
	assert_int_equal(s->data_custom->custom, 11);
	assert_int_equal(s->rodata_custom->custom_ro, 13);
	assert_int_equal(call(s->progs.sum, NULL, 0), 5 + 700 + 110000 + 13000000);
	globals__destroy(s);
}

static void what_is_set_before_loading_is_what_the_program_reads(void **state)
{
	struct globals *s = globals__open();

	assert_non_null(s);
	s->data->in_data = 1;
	s->rodata->in_rodata = 2;
	s->data_custom->custom = 3;
	s->rodata_custom->custom_ro = 4;
	assert_int_equal(globals__load(s), 0);
	assert_int_equal(call(s->progs.sum, NULL, 0), 1 + 200 + 30000 + 4000000);
	globals__destroy(s);
}

static void the_program_and_the_skeleton_share_memory(void **state)
{
	struct globals *s = loaded();

	assert_int_equal(call(s->progs.write, NULL, 0), 1802);
	assert_int_equal(call(s->progs.write, NULL, 0), 1904);
	assert_int_equal(s->data->in_data, 7);
	assert_true(s->bss->in_bss == 0x200000000);
	assert_true(s->data->pair.a == 0x1122334455667788);
	assert_string_equal(s->data->pair.text, "Initial");
	assert_int_equal(s->data_custom->custom, 11);
	for (uint32_t i = 0; i < 1000; i++)
		assert_int_equal(s->bss->array[i], i * 3);
	s->data->in_data = 40;
	s->data_custom->custom = 2;
	assert_int_equal(call(s->progs.sum, NULL, 0), 40 + 700 + 20000 + 13000000);
	globals__destroy(s);
}

static void bpf2_and_the_mapping_see_the_same_value(void **state)
{
	struct globals *s = loaded();
	int fd = bpf_map__fd(s->maps.data);
	uint32_t zero = 0;
	AUTO_FREE char *value = malloc(bpf_map__value_size(s->maps.data));

	s->data->in_data = 77;
	assert_int_equal(bpf_map_lookup_elem(fd, &zero, value), 0);
	assert_memory_equal(value, s->data, bpf_map__value_size(s->maps.data));
	memset(value, 0, bpf_map__value_size(s->maps.data));
	assert_int_equal(bpf_map_update_elem(fd, &zero, value, 0), 0);
	assert_int_equal(s->data->in_data, 0);
	assert_int_equal(call(s->progs.sum, NULL, 0), 700 + 110000 + 13000000);
	globals__destroy(s);
}

static void read_only_data_is_frozen(void **state)
{
	struct globals *s = loaded();
	int fd = bpf_map__fd(s->maps.rodata);
	uint32_t zero = 0;
	char value[512] = {0};

	assert_true(bpf_map__value_size(s->maps.rodata) <= sizeof(value));
	assert_int_equal(bpf_map_update_elem(fd, &zero, value, 0), -EPERM);
	assert_int_equal(bpf_map_freeze(fd), -EPERM); /* so says the kernel of what is frozen already */
	globals__destroy(s);
}

static void string_literals_are_readable(void **state)
{
	struct globals *s = loaded();
	const char *words[] = {"alpha", "bravo"};

	for (uint32_t w = 0; w < 2; w++)
		for (uint32_t i = 0; i < 4; i++) {
			uint32_t ctx[2] = {w, i};

			assert_int_equal(call(s->progs.letter, ctx, sizeof(ctx)), words[w][i]);
		}
	globals__destroy(s);
}

static void two_skeletons_do_not_share(void **state)
{
	struct globals *a = loaded();
	struct globals *b = loaded();

	a->data->in_data = 1;
	b->data->in_data = 2;
	assert_int_equal(call(a->progs.sum, NULL, 0) % 100, 1);
	assert_int_equal(call(b->progs.sum, NULL, 0) % 100, 2);
	globals__destroy(a);
	assert_int_equal(call(b->progs.sum, NULL, 0) % 100, 2);
	globals__destroy(b);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		LOADED_TEST(initial_values_are_those_of_the_object),
		LOADED_TEST(what_is_set_before_loading_is_what_the_program_reads),
		LOADED_TEST(the_program_and_the_skeleton_share_memory),
		LOADED_TEST(bpf2_and_the_mapping_see_the_same_value),
		LOADED_TEST(read_only_data_is_frozen),
		LOADED_TEST(string_literals_are_readable),
		LOADED_TEST(two_skeletons_do_not_share),
	};

	return test_main(argc, argv, tests, ARRAY_SIZE(tests), "globals");
}
