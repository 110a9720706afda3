/* SPDX-License-Identifier: BSD-2-Clause */
/* Functions, callbacks, tail calls and classic BPF's packet loads, as clang and libbpf hand them over. */
#include "util.h"

#include <errno.h>
#include <string.h>

/* As in funcs.bpf.c. */
struct seen {
	uint64_t hops, visited;
};

static struct seen seen_by(struct bpf_object *obj)
{
	struct seen seen;

	read_section(obj, "bss", &seen, sizeof(seen));
	return seen;
}

static void set_jump(struct bpf_object *obj, uint32_t slot, const char *prog)
{
	int fd = bpf_program__fd(program_of(obj, prog));

	assert_int_equal(bpf_map_update_elem(map_fd_of(obj, "jumps"), &slot, &fd, 0), 0);
}

static void static_and_global_functions_take_five_arguments(void **state)
{
	struct bpf_object *obj = load_object("funcs");

	assert_int_equal(run_data(obj, "functions", NULL, 0), 12340 + 32);
	bpf_object__close(obj);
}

static void functions_nest_with_a_stack_each(void **state)
{
	struct bpf_object *obj = load_object("funcs");

	/* deep5(64) is 65: ((65 * 2) + 65 - 1) * 3 */
	assert_int_equal(run_data(obj, "nested", NULL, 0), 582);
	bpf_object__close(obj);
}

static void bpf_loop_calls_back_until_it_is_told_to_stop(void **state)
{
	struct bpf_object *obj = load_object("funcs");

	assert_int_equal(run_data(obj, "looped", NULL, 0), 1);
	bpf_object__close(obj);
}

static void bpf_for_each_map_elem_visits_every_element_once(void **state)
{
	struct bpf_object *obj = load_object("funcs");
	int fd = map_fd_of(obj, "table");

	for (uint32_t k = 1; k <= 10; k++) {
		uint64_t v = k;

		assert_int_equal(bpf_map_update_elem(fd, &k, &v, 0), 0);
	}
	assert_int_equal(run_data(obj, "each", NULL, 0), 385);
	assert_int_equal(run_data(obj, "each", NULL, 0), 385 + 55);
	assert_int_equal(seen_by(obj).visited, 20);
	bpf_object__close(obj);
}

static void a_tail_call_leaves_only_the_function_it_stands_in(void **state)
{
	struct bpf_object *obj = load_object("funcs");

	assert_int_equal(run_data(obj, "mixed", NULL, 0), 505);
	set_jump(obj, 1, "leaf");
	assert_int_equal(run_data(obj, "mixed", NULL, 0), 541);
	bpf_object__close(obj);
}

static void tail_calls_end_after_33(void **state)
{
	struct bpf_object *obj = load_object("funcs");

	set_jump(obj, 2, "again");
	assert_int_equal(run_data(obj, "again", NULL, 0), 99);
	assert_int_equal(seen_by(obj).hops, 34);
	bpf_object__close(obj);
}

static void a_prog_array_takes_programs_of_one_type_only(void **state)
{
	struct bpf_object *obj = load_object("funcs");
	int socket = bpf_program__fd(program_of(obj, "legacy"));
	uint32_t slot = 0;

	set_jump(obj, 1, "leaf");
	assert_int_equal(bpf_map_update_elem(map_fd_of(obj, "jumps"), &slot, &socket, 0), -EINVAL);
	bpf_object__close(obj);
}

static void packet_loads_of_classic_bpf_read_in_network_order(void **state)
{
	struct bpf_object *obj = load_object("funcs");
	uint8_t data[64] = {0};

	/* A socket filter sees the frame from behind its Ethernet header. */
	data[14] = 9;
	data[16] = 0x01;
	data[17] = 0x02;
	data[21] = 5;
	data[27] = 100;
	assert_int_equal(run_data(obj, "legacy", data, sizeof(data)), 0x0102 + 5 + 100);
	assert_int_equal(run_data(obj, "legacy_beyond", data, sizeof(data)), 0);
	bpf_object__close(obj);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		LOADED_TEST(static_and_global_functions_take_five_arguments),
		LOADED_TEST(functions_nest_with_a_stack_each),
		LOADED_TEST(bpf_loop_calls_back_until_it_is_told_to_stop),
		LOADED_TEST(bpf_for_each_map_elem_visits_every_element_once),
		LOADED_TEST(a_tail_call_leaves_only_the_function_it_stands_in),
		LOADED_TEST(tail_calls_end_after_33),
		LOADED_TEST(a_prog_array_takes_programs_of_one_type_only),
		LOADED_TEST(packet_loads_of_classic_bpf_read_in_network_order),
	};

	return test_main(argc, argv, tests, ARRAY_SIZE(tests), "funcs");
}
