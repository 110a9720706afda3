/* SPDX-License-Identifier: BSD-2-Clause */
/* Maps that an object fills itself, and maps that objects share by name. */
#include "util.h"

#include <errno.h>
#include <string.h>

static const char pin[] = "/sys/fs/bpf/skep-test/shared";

/* On the kernel the tests leave its bpf file system alone: the shared map is a map like others there. */
static struct bpf_object *load_maps(bool share)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = "maps", .pin_root_path = "/sys/fs/bpf/skep-test");
	struct bpf_object *obj = bpf_object__open_file(object_path("maps"), &opts);
	int err;

	assert_non_null(obj);
	if (!share)
		assert_int_equal(bpf_map__set_pin_path(bpf_object__find_map_by_name(obj, "shared"), NULL), 0);
	err = bpf_object__load(obj);
	if (err)
		fail_msg("%s\n%s", strerror(-err), test.said);
	return obj;
}

static int run_mark(struct bpf_object *obj, const char *prog, uint32_t mark)
{
	uint8_t data[64] = {0};
	struct __sk_buff skb = {.mark = mark};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = data, .data_size_in = sizeof(data), .ctx_in = &skb,
		    .ctx_size_in = sizeof(skb));

	assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(program_of(obj, prog)), &opts), 0);
	return (int)opts.retval;
}

static uint64_t value_at(int fd, uint32_t key)
{
	uint64_t v = 0;

	assert_int_equal(bpf_map_lookup_elem(fd, &key, &v), 0);
	return v;
}

static void inner_maps_stand_where_the_object_put_them(void **state)
{
	struct bpf_object *obj = load_maps(false);

	assert_int_equal(run_data(obj, "count", NULL, 0), 1 | 4 | 16 << 3);
	assert_int_equal(value_at(map_fd_of(obj, "first"), 1), 1);
	assert_int_equal(value_at(map_fd_of(obj, "second"), 1), 101);
	assert_int_equal(value_at(map_fd_of(obj, "second"), 0), 0);
	bpf_object__close(obj);
}

static void an_inner_map_can_be_replaced_and_removed(void **state)
{
	struct bpf_object *obj = load_maps(false);
	int outer = map_fd_of(obj, "outer");
	uint32_t key = 2;
	uint32_t id = 0;
	struct bpf_map_info info = {0};
	uint32_t len = sizeof(info);
	int fresh = bpf_map_create(BPF_MAP_TYPE_ARRAY, "fresh", 4, 8, 2, NULL);

	assert_true(fresh >= 0);
	assert_int_equal(bpf_map_update_elem(outer, &key, &fresh, 0), 0);
	assert_int_equal(bpf_obj_get_info_by_fd(fresh, &info, &len), 0);
	assert_int_equal(bpf_map_lookup_elem(outer, &key, &id), 0);
	assert_int_equal(id, info.id);
	assert_int_equal(run_data(obj, "count", NULL, 0), 1 | 4 | 16 << 3);
	assert_int_equal(value_at(fresh, 1), 1);
	assert_int_equal(value_at(map_fd_of(obj, "second"), 1), 100);
	assert_int_equal(bpf_map_delete_elem(outer, &key), 0);
	assert_int_equal(run_data(obj, "count", NULL, 0), 1 | 16 << 3);
	close(fresh);
	bpf_object__close(obj);
}

static void an_inner_map_of_another_shape_is_refused(void **state)
{
	struct bpf_object *obj = load_maps(false);
	int outer = map_fd_of(obj, "outer");
	uint32_t key = 1;
	int other = bpf_map_create(BPF_MAP_TYPE_ARRAY, "other", 4, 16, 2, NULL);

	assert_true(other >= 0);
	assert_int_equal(bpf_map_update_elem(outer, &key, &other, 0), -EINVAL);
	close(other);
	bpf_object__close(obj);
}

static void programs_stand_in_the_slots_of_a_prog_array(void **state)
{
	struct bpf_object *obj = load_maps(false);
	int jumps = map_fd_of(obj, "jumps");
	int answer = bpf_program__fd(program_of(obj, "answer"));
	uint32_t zero = 0;

	assert_int_equal(run_mark(obj, "jump", 1), 42);
	assert_int_equal(run_mark(obj, "jump", 0), 7);
	assert_int_equal(run_mark(obj, "jump", 3), 7);
	assert_int_equal(run_mark(obj, "jump", ~0u), 7);
	assert_int_equal(bpf_map_update_elem(jumps, &zero, &answer, 0), 0);
	assert_int_equal(run_mark(obj, "jump", 0), 42);
	assert_int_equal(bpf_map_delete_elem(jumps, &zero), 0);
	assert_int_equal(run_mark(obj, "jump", 0), 7);
	bpf_object__close(obj);
}

static void a_second_object_finds_the_pinned_map(void **state)
{
	struct bpf_object *a, *b;

	if (on_kernel)
		skip();
	a = load_maps(true);
	assert_int_equal(run_data(a, "add_shared", NULL, 0), 0);
	b = load_maps(true);
	assert_int_equal(run_data(b, "add_shared", NULL, 0), 2);
	assert_int_equal(value_at(map_fd_of(a, "shared"), 5), 2);
	bpf_object__close(a);
	bpf_object__close(b);
	/* The pin alone keeps it. */
	a = load_maps(true);
	assert_int_equal(run_data(a, "add_shared", NULL, 0), 3);
	assert_int_equal(bpf_map__unpin(bpf_object__find_map_by_name(a, "shared"), NULL), 0);
	assert_int_equal(bpf_obj_get(pin), -ENOENT);
	bpf_object__close(a);
	a = load_maps(true);
	assert_int_equal(run_data(a, "add_shared", NULL, 0), 0);
	bpf_object__close(a);
}

static void a_pinned_map_of_another_shape_is_refused(void **state)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .pin_root_path = "/sys/fs/bpf/skep-test");
	struct bpf_object *obj;
	int fd;

	if (on_kernel)
		skip();
	fd = bpf_map_create(BPF_MAP_TYPE_HASH, "shared", 4, 16, 8, NULL);
	assert_true(fd >= 0);
	assert_int_equal(bpf_obj_pin(fd, pin), 0);
	close(fd);
	obj = bpf_object__open_file(object_path("maps"), &opts);
	assert_non_null(obj);
	assert_int_equal(bpf_object__load(obj), -EINVAL);
	bpf_object__close(obj);
}

static void nothing_is_left_when_an_object_is_closed(void **state)
{
	uint32_t id = 0;

	if (on_kernel)
		skip();
	bpf_object__close(load_maps(false));
	assert_int_equal(bpf_map_get_next_id(0, &id), -ENOENT);
	assert_int_equal(bpf_prog_get_next_id(0, &id), -ENOENT);
	assert_int_equal(bpf_btf_get_next_id(0, &id), -ENOENT);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		LOADED_TEST(inner_maps_stand_where_the_object_put_them),
		LOADED_TEST(an_inner_map_can_be_replaced_and_removed),
		LOADED_TEST(an_inner_map_of_another_shape_is_refused),
		LOADED_TEST(programs_stand_in_the_slots_of_a_prog_array),
		LOADED_TEST(a_second_object_finds_the_pinned_map),
		LOADED_TEST(a_pinned_map_of_another_shape_is_refused),
		LOADED_TEST(nothing_is_left_when_an_object_is_closed),
	};

	return test_main(argc, argv, tests, ARRAY_SIZE(tests), "maps");
}
