// SPDX-License-Identifier: BSD-2-Clause
/*
 * fuzz-helpers: one or two helper calls of the table, by any program type, with arguments that are nearly right; skep's verdict against the kernel's.
 *
 * Before the calls the program gets what arguments are made of: initialised stack, a map value in r7 (checked for NULL, mostly), the same
 * unchecked in r8, an unknown number in r9, a packet pointer at fp-72, a socket. After them it looks at what the helper returned. Which arguments a
 * helper takes comes from skep's own table; that the table is the kernel's is what this tests too.
 */
#include "differ.h"

#include "base/util.h"
#include "helper/helper.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LOAD(d, size, to, from, off)  differ_emit(d, BPF_LDX | BPF_MEM | (size), to, from, off, 0)
#define STORE(d, size, to, from, off) differ_emit(d, BPF_STX | BPF_MEM | (size), to, from, off, 0)
#define STOREI(d, size, to, off, i)   differ_emit(d, BPF_ST | BPF_MEM | (size), to, 0, off, i)
#define PICK(d, ...)                                                                                                   \
	({                                                                                                             \
		static const int all_[] = {__VA_ARGS__};                                                               \
		all_[differ_below(d, ARRAY_SIZE(all_))];                                                               \
	})

static const struct {
	uint32_t type, key, value, max, flags;
} maps[] = {
	{BPF_MAP_TYPE_HASH, 4, 8, 8, 0},
	{BPF_MAP_TYPE_ARRAY, 4, 48, 4, 0},
	{BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8, 4, 0},
	{BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 4, 0},
	{BPF_MAP_TYPE_PERF_EVENT_ARRAY, 4, 4, 4, 0},
	{BPF_MAP_TYPE_RINGBUF, 0, 0, 4096, 0},
	{BPF_MAP_TYPE_SOCKMAP, 4, 4, 4, 0},
	{BPF_MAP_TYPE_DEVMAP, 4, 4, 4, 0},
	{BPF_MAP_TYPE_QUEUE, 0, 8, 4, 0},
	{BPF_MAP_TYPE_STACK_TRACE, 4, 64, 4, 0},
	{BPF_MAP_TYPE_CGROUP_ARRAY, 4, 4, 4, 0},
	{BPF_MAP_TYPE_LRU_HASH, 4, 16, 4, 0},
	{BPF_MAP_TYPE_XSKMAP, 4, 4, 4, 0},
	{BPF_MAP_TYPE_CPUMAP, 4, 4, 4, 0},
	{BPF_MAP_TYPE_SOCKHASH, 4, 4, 4, 0},
	{BPF_MAP_TYPE_REUSEPORT_SOCKARRAY, 4, 4, 4, 0},
	{BPF_MAP_TYPE_BLOOM_FILTER, 0, 8, 4, 0},
	{BPF_MAP_TYPE_PERCPU_HASH, 4, 8, 4, 0},
	{BPF_MAP_TYPE_ARRAY, 4, 8, 4, BPF_F_RDONLY_PROG},
	{BPF_MAP_TYPE_STACK, 0, 8, 4, 0},
	{BPF_MAP_TYPE_ARRAY_OF_MAPS, 4, 4, 4, 0},
	{BPF_MAP_TYPE_CGROUP_STORAGE, 16, 8, 0, 0},
	{BPF_MAP_TYPE_DEVMAP_HASH, 4, 4, 4, 0},
	{SKEP_MAP_TYPE_USER_RINGBUF, 0, 0, 4096, 0},
	{BPF_MAP_TYPE_ARRAY, 4, 8, 4, BPF_F_WRONLY_PROG},
};
enum { HASH = 0, ARRAY = 1, LRU = 11, TEXT = 18, N_MAPS = ARRAY_SIZE(maps) };

static const struct {
	uint32_t type, attach;
} types[] = {
	{BPF_PROG_TYPE_SOCKET_FILTER, 0},
	{BPF_PROG_TYPE_KPROBE, 0},
	{BPF_PROG_TYPE_SCHED_CLS, 0},
	{BPF_PROG_TYPE_SCHED_CLS, 0},
	{BPF_PROG_TYPE_SCHED_ACT, 0},
	{BPF_PROG_TYPE_TRACEPOINT, 0},
	{BPF_PROG_TYPE_XDP, 0},
	{BPF_PROG_TYPE_XDP, 0},
	{BPF_PROG_TYPE_PERF_EVENT, 0},
	{BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_INGRESS},
	{BPF_PROG_TYPE_CGROUP_SOCK, BPF_CGROUP_INET_SOCK_CREATE},
	{BPF_PROG_TYPE_LWT_IN, 0},
	{BPF_PROG_TYPE_LWT_XMIT, 0},
	{BPF_PROG_TYPE_SOCK_OPS, BPF_CGROUP_SOCK_OPS},
	{BPF_PROG_TYPE_SK_SKB, BPF_SK_SKB_STREAM_VERDICT},
	{BPF_PROG_TYPE_SK_MSG, BPF_SK_MSG_VERDICT},
	{BPF_PROG_TYPE_CGROUP_DEVICE, BPF_CGROUP_DEVICE},
	{BPF_PROG_TYPE_RAW_TRACEPOINT, 0},
	{BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_CONNECT},
	{BPF_PROG_TYPE_LWT_SEG6LOCAL, 0},
	{BPF_PROG_TYPE_SK_REUSEPORT, BPF_SK_REUSEPORT_SELECT},
	{BPF_PROG_TYPE_FLOW_DISSECTOR, 0},
	{BPF_PROG_TYPE_CGROUP_SYSCTL, BPF_CGROUP_SYSCTL},
	{BPF_PROG_TYPE_CGROUP_SOCKOPT, BPF_CGROUP_SETSOCKOPT},
	{BPF_PROG_TYPE_SK_LOOKUP, BPF_SK_LOOKUP},
};

/* What the program at hand has. */
static bool have_packet, have_value;

static void frame_ptr(struct differ *d, uint32_t reg, int off)
{
	MOVR(d, reg, 10);
	ADDI(d, reg, off);
}

static void any_map(struct differ *d, uint32_t reg)
{
	differ_map(d, reg, (int)differ_below(d, N_MAPS), false);
}

static void any_value(struct differ *d, uint32_t reg)
{
	switch (differ_below(d, 12)) {
	case 0:
		MOVR(d, reg, 6);
		break;
	case 1:
	case 2:
		frame_ptr(d, reg, -(int)(differ_below(d, 9) * 8) - (differ_below(d, 8) ? 0 : (int)differ_below(d, 8)));
		break;
	case 3:
		any_map(d, reg);
		break;
	case 4:
	case 10:
		if (!have_value) {
			MOVI(d, reg, 0);
			break;
		}
		MOVR(d, reg, 7);
		if (differ_below(d, 2))
			ADDI(d, reg, (int)differ_below(d, 60));
		break;
	case 5:
		MOVR(d, reg, 8);
		break;
	case 6:
		MOVI(d, reg, PICK(d, 0, 1, 2, 4, 8, 16, 20, 64, -1, 4096, 48));
		break;
	case 7:
		MOVR(d, reg, 9);
		break;
	case 8:
		MOVI(d, reg, 0);
		break;
	case 9:
		if (have_packet)
			LOAD(d, BPF_DW, reg, 10, -72);
		else
			MOVI(d, reg, 8);
		break;
	default:
		if (differ_below(d, 4)) /* else what is there, if anything */
			MOVI(d, reg, (int)differ_below(d, 64));
		break;
	}
}

static void memory(struct differ *d, uint32_t reg)
{
	uint32_t which = differ_below(d, 8);

	if (!which && have_value) {
		MOVR(d, reg, 7);
		return;
	}
	if (which <= 1 && have_packet) {
		LOAD(d, BPF_DW, reg, 10, -72);
		return;
	}
	frame_ptr(d, reg, -8 * (int)(1 + differ_below(d, 8)));
	if (!differ_below(d, 6))
		ADDI(d, reg, (int)differ_below(d, 4));
	if (!differ_below(d, 10)) {
		MOVR(d, 0, 9);
		differ_emit(d, BPF_ALU64 | BPF_AND | BPF_K, 0, 0, 0, 7);
		differ_emit(d, BPF_ALU64 | BPF_ADD | BPF_X, reg, 0, 0, 0);
	}
}

/* What the helper's row asks for, as far as there is such a thing. */
static void right_value(struct differ *d, uint32_t reg, uint8_t type, uint8_t flags)
{
	if ((flags & HELPER_ARG_NULL) && !differ_below(d, 3)) {
		MOVI(d, reg, 0);
		return;
	}
	switch (type) {
	case ARG_ANY:
		if (differ_below(d, 4))
			MOVI(d, reg, PICK(d, 0, 1, 2, 8, 64, -1));
		else
			MOVR(d, reg, 9);
		break;
	case ARG_CONST_MAP_PTR:
		any_map(d, reg);
		break;
	case ARG_CTX:
		MOVR(d, reg, 6);
		break;
	case ARG_SIZE:
	case ARG_SIZE_OR_ZERO:
	case ARG_CONST_ALLOC_SIZE:
		if (differ_below(d, 5)) {
			MOVI(d, reg, PICK(d, 0, 1, 4, 8, 16, 20, 40, 64));
			break;
		}
		MOVR(d, reg, 9);
		differ_emit(d, BPF_ALU64 | BPF_AND | BPF_K, reg, 0, 0, (int)differ_below(d, 64));
		if (differ_below(d, 2))
			ADDI(d, reg, 1);
		break;
	case ARG_STACK:
		frame_ptr(d, reg, -8);
		break;
	case ARG_CONST_STR:
		differ_map(d, reg, TEXT, true);
		break;
	case ARG_MAP_KEY:
	case ARG_MAP_VALUE:
	case ARG_MEM:
	case ARG_MEM_FIXED:
	case ARG_LONG_PTR:
	case ARG_INT_PTR:
		memory(d, reg);
		break;
	case ARG_BTF_SOCK_COMMON:
	case ARG_SOCK_COMMON:
	case ARG_SOCKET:
		MOVR(d, reg, 8);
		break;
	case ARG_DYNPTR:
		frame_ptr(d, reg, -8 * (int)(2 + differ_below(d, 6)));
		break;
	default:
		any_value(d, reg);
	}
}

static bool type_has_packet(uint32_t type)
{
	switch (type) {
	case BPF_PROG_TYPE_SCHED_CLS:
	case BPF_PROG_TYPE_SCHED_ACT:
	case BPF_PROG_TYPE_XDP:
	case BPF_PROG_TYPE_LWT_IN:
	case BPF_PROG_TYPE_LWT_XMIT:
	case BPF_PROG_TYPE_SK_SKB:
	case BPF_PROG_TYPE_CGROUP_SKB:
		return true;
	default:
		return false;
	}
}

static void socket_into_r8(struct differ *d, int off)
{
	LOAD(d, BPF_DW, 8, 6, off);
	if (differ_below(d, 3))
		differ_null_exit(d, 8);
}

static void prologue(struct differ *d)
{
	bool xdp = d->type == BPF_PROG_TYPE_XDP;

	have_packet = have_value = false;
	MOVR(d, 6, 1);
	for (int i = 1; i <= 8; i++)
		if (differ_below(d, 10))
			STOREI(d, BPF_DW, 10, -8 * i, differ_below(d, 2) ? 0 : (int)differ_below(d, 5));
	differ_map(d, 1, PICK(d, ARRAY, ARRAY, HASH, LRU, LRU), false);
	frame_ptr(d, 2, -8);
	if (differ_below(d, 3))
		STOREI(d, BPF_W, 10, -8, (int)differ_below(d, 6));
	else
		STOREI(d, BPF_DW, 10, -8, 0);
	CALL(d, BPF_FUNC_map_lookup_elem);
	MOVR(d, 8, 0);
	if (differ_below(d, 4)) {
		MOVR(d, 7, 0);
		differ_null_exit(d, 7);
		have_value = true;
	}
	CALL(d, BPF_FUNC_get_prandom_u32);
	MOVR(d, 9, 0);
	if (type_has_packet(d->type) && differ_below(d, 2)) {
		LOAD(d, BPF_W, 1, 6, xdp ? 0 : 76);
		LOAD(d, BPF_W, 2, 6, xdp ? 4 : 80);
		MOVR(d, 3, 1);
		ADDI(d, 3, (int)differ_below(d, 70));
		STORE(d, BPF_DW, 10, 1, -72);
		differ_emit(d, BPF_JMP | BPF_JLE | BPF_X, 3, 2, 2, 0);
		MOVI(d, 0, 0);
		EXIT(d);
		have_packet = true;
	}
	if (d->type == BPF_PROG_TYPE_SCHED_CLS && differ_below(d, 2))
		socket_into_r8(d, 168);
	if (d->type == BPF_PROG_TYPE_SOCK_OPS && differ_below(d, 2))
		socket_into_r8(d, 184);
}

static void look_at_result(struct differ *d, const struct helper_desc *h)
{
	if (h->ret != RET_INTEGER && h->ret != RET_VOID) {
		if (differ_below(d, 5))
			differ_null_exit(d, 0);
		if (differ_below(d, 2))
			MOVR(d, 8, 0);
		switch (differ_below(d, 4)) {
		case 0:
			LOAD(d, differ_below(d, 2) ? BPF_W : BPF_DW, 1, 0, 4 * (int)differ_below(d, 20));
			break;
		case 1:
			STORE(d, BPF_W, 0, 9, 4 * (int)differ_below(d, 4));
			break;
		}
		if (!(h->flags & HELPER_ACQUIRE) || !differ_below(d, 5))
			return;
		MOVR(d, 1, 0);
		if (h->id == BPF_FUNC_ringbuf_reserve)
			MOVI(d, 2, 0);
		CALL(d, h->id == BPF_FUNC_ringbuf_reserve ? BPF_FUNC_ringbuf_submit : BPF_FUNC_sk_release);
	} else if (h->ret == RET_INTEGER && !differ_below(d, 3) && have_value) {
		/* As an offset: whatever range it is said to have. */
		MOVR(d, 1, 0);
		differ_emit(d, BPF_JMP | BPF_JSGE | BPF_K, 1, 0, 2, 0);
		MOVI(d, 0, 0);
		EXIT(d);
		differ_emit(d, BPF_JMP | BPF_JSLE | BPF_K, 1, 0, 2, (int)differ_below(d, 70));
		MOVI(d, 0, 0);
		EXIT(d);
		differ_emit(d, BPF_ALU64 | BPF_ADD | BPF_X, 1, 7, 0, 0);
		LOAD(d, BPF_B, 1, 1, 0);
	}
}

static const struct helper_desc *pick_helper(struct differ *d, bool right)
{
	const struct helper_desc *h = NULL;

	for (int tries = 0; tries < 500; tries++) {
		h = helper_for(1 + differ_below(d, 211), d->type, d->attach);
		if (h && (helper_allowed(h, d->type, d->attach, false) || (!right && !differ_below(d, 30))))
			return h;
	}
	return helper_for(BPF_FUNC_get_prandom_u32, d->type, d->attach);
}

static void generate(struct differ *d)
{
	uint32_t t = differ_below(d, ARRAY_SIZE(types)), calls;
	const struct helper_desc *h;

	d->type = types[t].type;
	d->attach = types[t].attach;
	h = pick_helper(d, false);
	d->note = h->name;
	prologue(d);
	calls = 1 + differ_below(d, 2);
	for (uint32_t c = 0; c < calls; c++) {
		if (c && differ_below(d, 2))
			h = pick_helper(d, true);
		for (uint32_t i = 0; i < 5; i++) {
			if (h->args[i].type == ARG_NONE) {
				if (!differ_below(d, 4))
					any_value(d, i + 1);
			} else if (differ_below(d, 100) < 88) {
				right_value(d, i + 1, h->args[i].type, h->args[i].flags);
			} else {
				any_value(d, i + 1);
			}
		}
		CALL(d, (int)h->id);
		look_at_result(d, h);
		if (!differ_below(d, 3))
			LOAD(d, BPF_DW, 1, 10, -8 * (int)(1 + differ_below(d, 8)));
		if (!differ_below(d, 5) && have_packet) {
			LOAD(d, BPF_DW, 1, 10, -72);
			LOAD(d, BPF_B, 1, 1, 0);
		}
		if (!differ_below(d, 6) && have_value)
			LOAD(d, BPF_B, 1, 7, (int)differ_below(d, 50));
	}
	MOVI(d, 0, d->type == BPF_PROG_TYPE_CGROUP_SOCK_ADDR || d->type == BPF_PROG_TYPE_CGROUP_SOCKOPT);
	EXIT(d);
}

static int setup(struct differ *d)
{
	for (int where = 0; where < 2; where++) {
		uint32_t key = 0;
		char text[8] = "%d %s";
		union bpf_attr update = {.key = (uintptr_t)&key, .value = (uintptr_t)text};

		for (uint32_t i = 0; i < N_MAPS; i++) {
			union bpf_attr attr = {.map_type = maps[i].type,
					       .key_size = maps[i].key,
					       .value_size = maps[i].value,
					       .max_entries = maps[i].max,
					       .map_flags = maps[i].flags};

			if (maps[i].type == BPF_MAP_TYPE_ARRAY_OF_MAPS)
				attr.inner_map_fd = (uint32_t)d->fd[where][ARRAY];
			d->fd[where][i] = differ_bpf(d, where, BPF_MAP_CREATE, &attr);
			if (d->fd[where][i] < 0) {
				fprintf(stderr, "fuzz-helpers: map %u in the %s: %s\n", i, where ? "kernel" : "hive",
					strerror(-d->fd[where][i]));
				return d->fd[where][i];
			}
		}
		update.map_fd = (uint32_t)d->fd[where][TEXT];
		differ_bpf(d, where, BPF_MAP_UPDATE_ELEM, &update);
	}
	return 0;
}

int main(int argc, char **argv)
{
	return differ_main(argc, argv, "fuzz-helpers", 8000, setup, generate);
}
