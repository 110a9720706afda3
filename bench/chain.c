/* SPDX-License-Identifier: BSD-2-Clause */
/* What the attach points cost a frame of 64 bytes (hook/net/chain.h): without a program, and with one on each. ns, the fastest of many rounds. */
#include "base/clock.h"
#include "base/util.h"
#include "hook/net/chain.h"

#include <stdio.h>
#include <string.h>

enum { FRAMES = 10000, ROUNDS = 50, IFINDEX = 2 };

/* A program that lets all pass. */
static int load(struct skep_hive *hive, uint32_t type, uint32_t attach_type, int32_t verdict)
{
	const struct bpf_insn insns[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = verdict},
					 {.code = BPF_JMP | BPF_EXIT}};
	union bpf_attr attr = {.prog_type = type,
			       .insns = (uintptr_t)insns,
			       .insn_cnt = ARRAY_SIZE(insns),
			       .license = (uintptr_t) "GPL",
			       .expected_attach_type = attach_type};

	return skep_bpf(hive, BPF_PROG_LOAD, &attr, sizeof(attr));
}

static int attach(struct skep_hive *hive, enum chain_point p)
{
	static const struct {
		uint32_t type, expected;
		int32_t pass;
	} kinds[CHAIN_POINTS] = {
		[CHAIN_XDP] = {BPF_PROG_TYPE_XDP, 0, 2},
		[CHAIN_TC_INGRESS] = {BPF_PROG_TYPE_SCHED_CLS, 0, -1},
		[CHAIN_CGROUP_INGRESS] = {BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_INGRESS, 1},
		[CHAIN_SOCKET] = {BPF_PROG_TYPE_SOCKET_FILTER, 0, -1},
		[CHAIN_CGROUP_EGRESS] = {BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_EGRESS, 1},
		[CHAIN_TC_EGRESS] = {BPF_PROG_TYPE_SCHED_CLS, 0, -1},
	};
	union bpf_attr attr = {0};
	int fd = load(hive, kinds[p].type, kinds[p].expected, kinds[p].pass);

	if (fd < 0)
		return fd;
	attr.link_create.prog_fd = (uint32_t)fd;
	attr.link_create.attach_type = chain_point_type(p);
	attr.link_create.target_ifindex = IFINDEX;
	return skep_bpf(hive, BPF_LINK_CREATE, &attr, sizeof(attr));
}

static double measure(struct chain *c, bool in)
{
	uint8_t frame[64] = {[12] = 8, [14] = 0x45, [17] = 50, [23] = 17};
	struct chain_result r;
	double best = 1e9;

	for (int round = 0; round < ROUNDS; round++) {
		uint64_t start = clock_ns(CLOCK_MONOTONIC);

		for (int i = 0; i < FRAMES; i++) {
			if (i % 64 == 0)
				chain_begin(c);
			(in ? chain_in : chain_out)(c, frame, sizeof(frame), NULL, &r);
			if (i % 64 == 63)
				chain_end(c);
		}
		chain_end(c);
		best = MIN(best, (double)(clock_ns(CLOCK_MONOTONIC) - start) / FRAMES);
		if (r.end != CHAIN_PASSED)
			return -1;
	}
	return best;
}

int main(void)
{
	for (int p = -1; p < CHAIN_POINTS; p++) {
		bool in = p <= CHAIN_SOCKET;
		struct skep_hive *hive;
		struct chain *c;
		int fd = 0;

		if (skep_hive_new(NULL, &hive) || chain_new(hive, IFINDEX, &c))
			return 1;
		if (p >= 0)
			fd = attach(hive, (enum chain_point)p);
		if (fd < 0) {
			fprintf(stderr, "%s: %s\n", chain_point_name((enum chain_point)p), strerror(-fd));
			return 1;
		}
		printf("%-20s %6.1f ns\n", p < 0 ? "no program" : chain_point_name((enum chain_point)p),
		       measure(c, in));
		chain_free(c);
		skep_hive_free(hive);
	}
	return 0;
}
