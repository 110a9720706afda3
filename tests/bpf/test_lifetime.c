/* SPDX-License-Identifier: BSD-2-Clause */
/* How long objects live: as long as anything, here or in another process, can reach them, and not longer. */
#include "util.h"

#include "bpf/seam_calls.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

static unsigned int maps(void)
{
	return count_ids(BPF_MAP_GET_NEXT_ID);
}

static unsigned int progs(void)
{
	return count_ids(BPF_PROG_GET_NEXT_ID);
}

static int put(int map, uint32_t key, int fd)
{
	return call(BPF_MAP_UPDATE_ELEM, .map_fd = (uint32_t)map, .key = PTR(&key), .value = PTR(&fd));
}

static int take_out(int map, uint32_t key)
{
	return call(BPF_MAP_DELETE_ELEM, .map_fd = (uint32_t)map, .key = PTR(&key));
}

static int pin(int fd, const char *path)
{
	return call(BPF_OBJ_PIN, .bpf_fd = (uint32_t)fd, .pathname = PTR(path));
}

static void an_object_goes_with_its_last_fd(void **state)
{
	int map = make_array();
	int prog = make_prog(BPF_PROG_TYPE_XDP, 1);
	int btf = make_btf();

	assert_int_equal(maps(), 1);
	assert_int_equal(progs(), 1);
	assert_int_equal(count_ids(BPF_BTF_GET_NEXT_ID), 1);
	close(map);
	close(prog);
	close(btf);
	assert_int_equal(maps(), 0);
	assert_int_equal(progs(), 0);
	assert_int_equal(count_ids(BPF_BTF_GET_NEXT_ID), 0);
}

static void a_dup_keeps_it(void **state)
{
	int map = make_array();
	int copy = dup(map);

	close(map);
	assert_int_equal(maps(), 1);
	close(copy);
	assert_int_equal(maps(), 0);
}

static void a_forked_child_keeps_it_until_it_exits(void **state)
{
	int map = make_array();
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		pause();
		_exit(0);
	}
	close(map);
	assert_int_equal(maps(), 1);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(maps(), 0);
}

static void an_fd_in_flight_keeps_it(void **state)
{
	int map = make_array();
	uint32_t id = id_of(map);
	int sock[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sock), 0);
	send_fd(sock[0], map);
	close(map);
	assert_int_equal(maps(), 1);
	map = receive_fd(sock[1]);
	assert_int_equal(maps(), 1);
	assert_int_equal(id_of(map), id);
	close(map);
	assert_int_equal(maps(), 0);
	/* One that nobody receives goes with the socket. */
	map = make_array();
	send_fd(sock[0], map);
	close(map);
	assert_int_equal(maps(), 1);
	close(sock[0]);
	close(sock[1]);
	assert_int_equal(maps(), 0);
}

static void a_mapping_keeps_it(void **state)
{
	int map = make_map(BPF_MAP_TYPE_ARRAY, 4, 8, 4, BPF_F_MMAPABLE);
	void *p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, map, 0);

	assert_ptr_not_equal(p, MAP_FAILED);
	close(map);
	assert_int_equal(maps(), 1);
	munmap(p, 4096);
	assert_int_equal(maps(), 0);
}

static void a_writable_mapping_through_the_seam_keeps_it(void **state)
{
	struct skep_hive *before = seam_enter(hive);
	int map = make_map(BPF_MAP_TYPE_ARRAY, 4, 8, 4, BPF_F_MMAPABLE);
	uint32_t key = 1;
	uint64_t value = 0;
	uint64_t *p = skep_seam_mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);

	assert_ptr_not_equal(p, MAP_FAILED);
	p[1] = 77;
	assert_int_equal(call(BPF_MAP_LOOKUP_ELEM, .map_fd = map, .key = PTR(&key), .value = PTR(&value)), 0);
	assert_int_equal(value, 77);
	assert_int_equal(call(BPF_MAP_FREEZE, .map_fd = map), -EBUSY);
	close(map);
	assert_int_equal(maps(), 1);
	assert_int_equal(skep_seam_munmap(p, 4096), 0);
	assert_int_equal(maps(), 0);
	/* What is frozen is mapped for reading only. */
	map = make_map(BPF_MAP_TYPE_ARRAY, 4, 8, 4, BPF_F_MMAPABLE);
	assert_int_equal(call(BPF_MAP_FREEZE, .map_fd = map), 0);
	errno = 0;
	assert_ptr_equal(skep_seam_mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0), MAP_FAILED);
	assert_int_equal(errno, EPERM);
	p = skep_seam_mmap(NULL, 4096, PROT_READ, MAP_SHARED, map, 0);
	assert_ptr_not_equal(p, MAP_FAILED);
	assert_int_equal(skep_seam_munmap(p, 4096), 0);
	close(map);
	seam_enter(before);
}

static void a_program_keeps_the_maps_it_uses(void **state)
{
	int map = make_array();
	int prog = make_prog_using(map);
	uint32_t key = 0;
	uint64_t value = 42;

	assert_int_equal(call(BPF_MAP_UPDATE_ELEM, .map_fd = map, .key = PTR(&key), .value = PTR(&value)), 0);
	close(map);
	assert_int_equal(maps(), 1);
	assert_int_equal(run_xdp(prog), 42);
	close(prog);
	assert_int_equal(progs(), 0);
	assert_int_equal(maps(), 0);
}

static void a_map_bound_to_a_program_lives_with_it(void **state)
{
	int map = make_array();
	int prog = make_prog(BPF_PROG_TYPE_XDP, 1);

	for (int i = 0; i < 2; i++)
		assert_int_equal(call(BPF_PROG_BIND_MAP, .prog_bind_map = {.prog_fd = prog, .map_fd = map}), 0);
	close(map);
	assert_int_equal(maps(), 1);
	close(prog);
	assert_int_equal(maps(), 0);
}

static void a_pin_keeps_it_until_it_is_removed(void **state)
{
	struct skep_hive *before = seam_enter(hive);
	int map = make_array();
	int prog = make_prog(BPF_PROG_TYPE_XDP, 1);

	assert_int_equal(pin(map, "/sys/fs/bpf/m"), 0);
	assert_int_equal(pin(prog, "/sys/fs/bpf/p"), 0);
	close(map);
	close(prog);
	assert_int_equal(maps(), 1);
	assert_int_equal(progs(), 1);
	assert_int_equal(skep_seam_unlink("/sys/fs/bpf/m"), 0);
	assert_int_equal(maps(), 0);
	assert_int_equal(skep_seam_unlink("/sys/fs/bpf/p"), 0);
	assert_int_equal(progs(), 0);
	seam_enter(before);
}

static void a_slot_of_a_map_in_map_keeps_the_inner_map(void **state)
{
	int inner = make_array();
	int outer = call(BPF_MAP_CREATE, .map_type = BPF_MAP_TYPE_ARRAY_OF_MAPS, .key_size = 4, .value_size = 4,
			 .max_entries = 2, .inner_map_fd = inner);
	int other = make_array();

	assert_true(outer >= 0);
	assert_int_equal(put(outer, 1, other), 0);
	close(other);
	close(inner); /* the template lives as long as the outer map */
	assert_int_equal(maps(), 3);
	assert_int_equal(take_out(outer, 1), 0);
	assert_int_equal(maps(), 2);
	other = make_array();
	assert_int_equal(put(outer, 0, other), 0);
	close(other);
	close(outer);
	assert_int_equal(maps(), 0);
}

static void a_slot_of_a_prog_array_keeps_the_program(void **state)
{
	int jumps = make_map(BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 2, 0);
	int prog = make_prog(BPF_PROG_TYPE_XDP, 1);

	assert_int_equal(put(jumps, 0, prog), 0);
	close(prog);
	assert_int_equal(progs(), 1);
	prog = make_prog(BPF_PROG_TYPE_XDP, 2);
	assert_int_equal(put(jumps, 0, prog), 0); /* the first goes */
	close(prog);
	assert_int_equal(progs(), 1);
	assert_int_equal(take_out(jumps, 0), 0);
	assert_int_equal(progs(), 0);
	close(jumps);
	assert_int_equal(maps(), 0);
}

/* A program that jumps into the array that it stands in: neither may keep the other. */
static void a_circle_of_prog_array_and_program_does_not_leak(void **state)
{
	int jumps = make_map(BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 2, 0);
	const struct bpf_insn insns[] = {
		LD_MAP(2, jumps), MOV_IMM(3, 0), CALL(BPF_FUNC_tail_call), MOV_IMM(0, 3), EXIT(),
	};
	int prog = make_prog_insns(BPF_PROG_TYPE_XDP, insns, ARRAY_SIZE(insns));

	assert_int_equal(put(jumps, 0, prog), 0);
	assert_int_equal(run_xdp(prog), 3);
	close(jumps);
	/* As in the kernel the array is emptied with its last fd, while the program is still held and may run. */
	assert_int_equal(maps(), 1);
	assert_int_equal(run_xdp(prog), 3);
	close(prog);
	assert_int_equal(progs(), 0);
	assert_int_equal(maps(), 0);
	/* The other way round. */
	jumps = make_map(BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 2, 0);
	{
		const struct bpf_insn again[] = {
			LD_MAP(2, jumps), MOV_IMM(3, 0), CALL(BPF_FUNC_tail_call), MOV_IMM(0, 3), EXIT(),
		};

		prog = make_prog_insns(BPF_PROG_TYPE_XDP, again, ARRAY_SIZE(again));
	}
	assert_int_equal(put(jumps, 0, prog), 0);
	close(prog);
	assert_int_equal(progs(), 1);
	close(jumps);
	assert_int_equal(progs(), 0);
	assert_int_equal(maps(), 0);
}

/* A pinned prog array keeps its programs though no fd of it is open. */
static void a_pinned_prog_array_is_not_emptied(void **state)
{
	int jumps = make_map(BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 2, 0);
	int prog = make_prog(BPF_PROG_TYPE_XDP, 1);

	assert_int_equal(put(jumps, 0, prog), 0);
	assert_int_equal(pin(jumps, "/sys/fs/bpf/jumps"), 0);
	close(jumps);
	close(prog);
	assert_int_equal(progs(), 1);
	jumps = call(BPF_OBJ_GET, .pathname = PTR("/sys/fs/bpf/jumps"));
	assert_true(jumps >= 0);
	assert_int_equal(take_out(jumps, 0), 0);
	assert_int_equal(progs(), 0);
	close(jumps);
}

static void btf_lives_as_long_as_a_map_that_names_it(void **state)
{
	int btf = make_btf();
	int map = call(BPF_MAP_CREATE, .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1,
		       .btf_fd = btf, .btf_key_type_id = 1, .btf_value_type_id = 1);

	assert_true(map >= 0);
	close(btf);
	assert_int_equal(count_ids(BPF_BTF_GET_NEXT_ID), 1);
	close(map);
	assert_int_equal(count_ids(BPF_BTF_GET_NEXT_ID), 0);
}

/* Many objects that hold each other in chains go, however they are ordered. */
static void chains_of_a_thousand_objects_go_at_once(void **state)
{
	int outer = call(BPF_MAP_CREATE, .map_type = BPF_MAP_TYPE_ARRAY_OF_MAPS, .key_size = 4, .value_size = 4,
			 .max_entries = 200, .inner_map_fd = make_array());

	assert_true(outer >= 0);
	for (uint32_t i = 0; i < 200; i++) {
		int map = make_array();
		int prog = make_prog_using(map);

		assert_int_equal(put(outer, i, map), 0);
		close(map);
		close(prog);
	}
	close(outer);
	assert_int_equal(progs(), 0);
	assert_int_equal(maps(), 1); /* the template's fd is open still */
}

static void a_hive_can_go_while_fds_and_pins_are_left(void **state)
{
	int map = make_array();
	int jumps = make_map(BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 2, 0);
	int prog = make_prog_using(map);
	uint8_t byte;

	assert_int_equal(put(jumps, 0, prog), 0);
	assert_int_equal(pin(map, "/sys/fs/bpf/m"), 0);
	skep_hive_free(hive);
	assert_int_equal(test_hive_setup(NULL), 0);
	/* They are files that no hive knows. */
	assert_int_equal(call(BPF_MAP_FREEZE, .map_fd = map), -EINVAL);
	assert_int_equal(pread(map, &byte, 1, 0), 1);
	close(map);
	close(jumps);
	close(prog);
}

static void an_fd_of_another_hive_is_none_of_this(void **state)
{
	struct skep_hive *first = hive;
	int map = make_array();

	assert_int_equal(test_hive_setup(NULL), 0);
	assert_int_equal(call(BPF_MAP_FREEZE, .map_fd = map), -EINVAL);
	skep_hive_free(hive);
	hive = first;
	assert_int_equal(call(BPF_MAP_FREEZE, .map_fd = map), 0);
	close(map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HIVE_TEST(an_object_goes_with_its_last_fd),
		HIVE_TEST(a_dup_keeps_it),
		HIVE_TEST(a_forked_child_keeps_it_until_it_exits),
		HIVE_TEST(an_fd_in_flight_keeps_it),
		HIVE_TEST(a_mapping_keeps_it),
		HIVE_TEST(a_writable_mapping_through_the_seam_keeps_it),
		HIVE_TEST(a_program_keeps_the_maps_it_uses),
		HIVE_TEST(a_map_bound_to_a_program_lives_with_it),
		HIVE_TEST(a_pin_keeps_it_until_it_is_removed),
		HIVE_TEST(a_slot_of_a_map_in_map_keeps_the_inner_map),
		HIVE_TEST(a_slot_of_a_prog_array_keeps_the_program),
		HIVE_TEST(a_circle_of_prog_array_and_program_does_not_leak),
		HIVE_TEST(a_pinned_prog_array_is_not_emptied),
		HIVE_TEST(btf_lives_as_long_as_a_map_that_names_it),
		HIVE_TEST(chains_of_a_thousand_objects_go_at_once),
		HIVE_TEST(a_hive_can_go_while_fds_and_pins_are_left),
		HIVE_TEST(an_fd_of_another_hive_is_none_of_this),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
