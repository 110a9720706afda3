/* SPDX-License-Identifier: BSD-2-Clause */
/* BPF_PROG_TEST_RUN: what goes in, what comes back, and what is refused. */
#include "util.h"

#include <time.h>

static uint8_t frame[64];

static int run(int prog, union bpf_attr *attr)
{
	attr->test.prog_fd = (uint32_t)prog;
	attr->test.data_in = PTR(frame);
	if (!attr->test.data_size_in)
		attr->test.data_size_in = sizeof(frame);
	return skep_bpf(hive, BPF_PROG_TEST_RUN, attr, sizeof(*attr));
}

/* Adds 1 to the first byte of the frame and returns how often it has run, modulo 256, from there. */
static int make_counter(void)
{
	const struct bpf_insn insns[] = {
		MOV_IMM(0, 0),
		INSN(BPF_LDX | BPF_MEM | BPF_W, 2, 1, offsetof(struct xdp_md, data), 0),
		INSN(BPF_LDX | BPF_MEM | BPF_W, 3, 1, offsetof(struct xdp_md, data_end), 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, 4, 2, 0, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, 4, 0, 0, 1),
		INSN(BPF_JMP | BPF_JGT | BPF_X, 4, 3, 3, 0),
		INSN(BPF_LDX | BPF_MEM | BPF_B, 0, 2, 0, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, 0, 0, 0, 1),
		INSN(BPF_STX | BPF_MEM | BPF_B, 2, 0, 0, 0),
		EXIT(),
	};

	return make_prog_insns(BPF_PROG_TYPE_XDP, insns, ARRAY_SIZE(insns));
}

static void repeat_runs_as_often_over_one_frame(void **state)
{
	uint8_t out[64];
	union bpf_attr attr = {.test = {.repeat = 100, .data_out = PTR(out), .data_size_out = sizeof(out)}};
	int prog = make_counter();

	frame[0] = 7;
	assert_int_equal(run(prog, &attr), 0);
	assert_int_equal(attr.test.retval, 107);
	assert_int_equal(out[0], 107);
	assert_int_equal(attr.test.data_size_out, 64);
	assert_int_equal(frame[0], 7);
	attr = (union bpf_attr){0};
	assert_int_equal(run(prog, &attr), 0);
	assert_int_equal(attr.test.retval, 8);
	frame[0] = 0;
	close(prog);
}

/* A program that takes its time: the duration is per run, and it is in nanoseconds. */
static void duration_is_nanoseconds_per_run(void **state)
{
	const struct bpf_insn insns[] = {
		MOV_IMM(0, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, 0, 0, 0, 1),
		INSN(BPF_JMP | BPF_JLT | BPF_K, 0, 0, -2, 100000),
		MOV_IMM(0, 2),
		EXIT(),
	};
	int prog = make_prog_insns(BPF_PROG_TYPE_XDP, insns, ARRAY_SIZE(insns));
	union bpf_attr attr = {.test = {.repeat = 50}};
	struct timespec a, b;
	uint64_t all;

	clock_gettime(CLOCK_MONOTONIC, &a);
	assert_int_equal(run(prog, &attr), 0);
	clock_gettime(CLOCK_MONOTONIC, &b);
	all = (uint64_t)(b.tv_sec - a.tv_sec) * 1000000000u + (uint64_t)(b.tv_nsec - a.tv_nsec);
	/* 100,000 rounds cannot take less than 10 us, nor 50 of them more than the call. */
	assert_true(attr.test.duration > 10000);
	assert_true((uint64_t)attr.test.duration * 50 <= all);
	close(prog);
}

static void too_small_a_result_is_enospc_and_tells_the_size(void **state)
{
	uint8_t out[64];
	union bpf_attr attr = {.test = {.data_out = PTR(out), .data_size_out = 10}};
	int prog = make_counter();

	memset(out, 0xee, sizeof(out));
	frame[9] = 9;
	assert_int_equal(run(prog, &attr), -ENOSPC);
	assert_int_equal(attr.test.data_size_out, 64);
	assert_int_equal(attr.test.retval, 1);
	assert_int_equal(out[9], 9);
	assert_int_equal(out[10], 0xee);
	frame[9] = 0;
	close(prog);
}

static void an_xdp_context_says_where_the_frame_comes_from(void **state)
{
	const struct bpf_insn insns[] = {
		INSN(BPF_LDX | BPF_MEM | BPF_W, 0, 1, offsetof(struct xdp_md, rx_queue_index), 0),
		INSN(BPF_LDX | BPF_MEM | BPF_W, 2, 1, offsetof(struct xdp_md, ingress_ifindex), 0),
		INSN(BPF_ALU64 | BPF_MUL | BPF_K, 2, 0, 0, 100),
		INSN(BPF_ALU64 | BPF_ADD | BPF_X, 0, 2, 0, 0),
		EXIT(),
	};
	int prog = make_prog_insns(BPF_PROG_TYPE_XDP, insns, ARRAY_SIZE(insns));
	struct xdp_md in = {.data_end = 64, .ingress_ifindex = 1, .rx_queue_index = 0};
	struct xdp_md out = {0};
	union bpf_attr attr = {.test = {.ctx_in = PTR(&in),
					.ctx_size_in = sizeof(in),
					.ctx_out = PTR(&out),
					.ctx_size_out = sizeof(out)}};

	assert_int_equal(run(prog, &attr), 0);
	assert_int_equal(attr.test.retval, 100);
	assert_int_equal(out.data_end, 64);
	assert_int_equal(attr.test.ctx_size_out, sizeof(out));
	in.data_end = 63;
	assert_int_equal(run(prog, &attr), -EINVAL);
	in.data_end = 64;
	in.data = 3;
	assert_int_equal(run(prog, &attr), -EINVAL);
	in.data = 0;
	in.egress_ifindex = 1;
	assert_int_equal(run(prog, &attr), -EINVAL);
	close(prog);
}

static void an_skb_context_goes_in_and_comes_back(void **state)
{
	const struct bpf_insn insns[] = {
		INSN(BPF_LDX | BPF_MEM | BPF_W, 0, 1, offsetof(struct __sk_buff, mark), 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, 2, 0, 0, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, 5),
		INSN(BPF_STX | BPF_MEM | BPF_W, 1, 2, offsetof(struct __sk_buff, mark), 0),
		INSN(BPF_STX | BPF_MEM | BPF_W, 1, 2, offsetof(struct __sk_buff, cb[2]), 0),
		EXIT(),
	};
	int prog = make_prog_insns(BPF_PROG_TYPE_SCHED_CLS, insns, ARRAY_SIZE(insns));
	struct __sk_buff in = {.mark = 40, .priority = 3};
	struct __sk_buff out = {0};
	union bpf_attr attr = {.test = {.ctx_in = PTR(&in),
					.ctx_size_in = sizeof(in),
					.ctx_out = PTR(&out),
					.ctx_size_out = sizeof(out)}};
	uint8_t longer[400] = {0};

	assert_int_equal(run(prog, &attr), 0);
	assert_int_equal(attr.test.retval, 40);
	assert_int_equal(out.mark, 45);
	assert_int_equal(out.cb[2], 45);
	assert_int_equal(out.priority, 3);
	attr.test.ctx_size_out = 8;
	assert_int_equal(run(prog, &attr), -ENOSPC);
	assert_int_equal(attr.test.ctx_size_out, sizeof(out));
	in.len = 1;
	assert_int_equal(run(prog, &attr), -EINVAL);
	/* A longer context is fine as long as it says nothing there. */
	attr.test.ctx_in = PTR(longer);
	attr.test.ctx_size_in = sizeof(longer);
	attr.test.ctx_size_out = sizeof(out);
	assert_int_equal(run(prog, &attr), 0);
	longer[399] = 1;
	assert_int_equal(run(prog, &attr), -E2BIG);
	close(prog);
}

static void types_without_a_test_run_say_so(void **state)
{
	const struct {
		uint32_t type, attach;
	} none[] = {{BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_CONNECT}, {BPF_PROG_TYPE_SOCK_OPS, 0}};
	const struct bpf_insn insns[] = {MOV_IMM(0, 1), EXIT()};

	for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
		union bpf_attr attr = {0};
		int fd = call(BPF_PROG_LOAD, .prog_type = none[i].type, .expected_attach_type = none[i].attach,
			      .insns = PTR(insns), .insn_cnt = 2, .license = PTR("GPL"));

		assert_true(fd >= 0);
		assert_int_equal(run(fd, &attr), -524 /* ENOTSUPP */);
		close(fd);
	}
}

/* libbpf's poison for a CO-RE relocation that failed. */
static void a_poisoned_call_is_refused_where_a_path_reaches_it_and_gone_where_none_does(void **state)
{
	const struct bpf_insn reached[] = {CALL(195896080), EXIT()};
	const struct bpf_insn guarded[] = {
		MOV_IMM(0, 2),
		INSN(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1, 2),
		CALL(195896080),
		EXIT(),
	};
	union bpf_attr attr = {0};
	int prog;

	assert_int_equal(call(BPF_PROG_LOAD, .prog_type = BPF_PROG_TYPE_XDP, .insns = PTR(reached), .insn_cnt = 2,
			      .license = PTR("GPL")),
			 -EINVAL);
	prog = make_prog_insns(BPF_PROG_TYPE_XDP, guarded, ARRAY_SIZE(guarded));
	assert_int_equal(run(prog, &attr), 0);
	assert_int_equal(attr.test.retval, 2);
	assert_int_equal(test_errors, 0);
	close(prog);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HIVE_TEST(repeat_runs_as_often_over_one_frame),
		HIVE_TEST(duration_is_nanoseconds_per_run),
		HIVE_TEST(too_small_a_result_is_enospc_and_tells_the_size),
		HIVE_TEST(an_xdp_context_says_where_the_frame_comes_from),
		HIVE_TEST(an_skb_context_goes_in_and_comes_back),
		HIVE_TEST(types_without_a_test_run_say_so),
		HIVE_TEST(a_poisoned_call_is_refused_where_a_path_reaches_it_and_gone_where_none_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
