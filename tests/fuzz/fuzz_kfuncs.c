// SPDX-License-Identifier: BSD-2-Clause
/*
 * fuzz-kfuncs: random programs of kernel functions, dynptrs, iterators, sections and references; skep's verdict against the kernel's.
 *
 * Each statement is right by itself nearly always: a section is left, an iterator destroyed, a reference released; now and then one of these is
 * left out or hits another object. Registers: r6 the context, r7 and r8 pointers of any kind, r9 a small number.
 */
#include "differ.h"

#include "base/util.h"

#include <bpf/btf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RING };

static void statement(struct differ *d, int depth);

/* Something is left out, or wrong. */
static bool wrong(struct differ *d)
{
	return differ_below(d, 100) < 6;
}

static void frame_ptr(struct differ *d, uint32_t reg, int off)
{
	MOVR(d, reg, 10);
	ADDI(d, reg, off);
}

/* BTF ids of names, looked up once. */
static int kfunc_id(struct differ *d, const char *name)
{
	static struct {
		const char *name;
		int id;
	} known[64];
	uint32_t i = 0;

	for (; i < ARRAY_SIZE(known) && known[i].name; i++)
		if (!strcmp(known[i].name, name))
			return known[i].id;
	if (i == ARRAY_SIZE(known))
		abort();
	known[i].name = name;
	known[i].id = btf__find_by_name_kind(d->btf, name, BTF_KIND_FUNC);
	if (known[i].id < 0) {
		fprintf(stderr, "fuzz-kfuncs: the kernel has no %s()\n", name);
		exit(1);
	}
	return known[i].id;
}

static void kfunc(struct differ *d, const char *name)
{
	differ_emit(d, BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_KFUNC_CALL, 0, kfunc_id(d, name));
}

static void block(struct differ *d, int depth)
{
	uint32_t n;

	if (depth > 3)
		return;
	n = differ_below(d, 3);
	for (uint32_t i = 0; i < n; i++)
		statement(d, depth + 1);
}

static void section_rcu(struct differ *d, int depth)
{
	if (!wrong(d))
		kfunc(d, "bpf_rcu_read_lock");
	block(d, depth);
	if (!wrong(d))
		kfunc(d, "bpf_rcu_read_unlock");
}

static void section_preempt(struct differ *d, int depth)
{
	if (!wrong(d))
		kfunc(d, "bpf_preempt_disable");
	block(d, depth);
	if (!wrong(d))
		kfunc(d, "bpf_preempt_enable");
}

static void section_irq(struct differ *d, int depth)
{
	int o = differ_below(d, 2) ? -88 : -96;
	frame_ptr(d, 1, o);
	if (!wrong(d))
		kfunc(d, "bpf_local_irq_save");
	block(d, depth);
	frame_ptr(d, 1, wrong(d) ? -88 : o);
	if (!wrong(d))
		kfunc(d, "bpf_local_irq_restore");
}

static void iter_num(struct differ *d, int depth)
{
	int o = differ_below(d, 2) ? -8 : -104;
	frame_ptr(d, 1, o);
	MOVI(d, 2, 0);
	MOVI(d, 3, (int)differ_below(d, 10));
	if (!wrong(d))
		kfunc(d, "bpf_iter_num_new");
	uint32_t top = d->n;
	frame_ptr(d, 1, o);
	kfunc(d, "bpf_iter_num_next");
	uint32_t j = d->n;
	differ_emit(d, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 0, 0);
	if (differ_below(d, 2))
		differ_emit(d, BPF_LDX | BPF_MEM | BPF_W, 9, 0, (wrong(d) ? 4 : 0), 0);
	block(d, depth);
	differ_emit(d, BPF_JMP | BPF_JA, 0, 0, (int16_t)((int)top - (int)d->n - 1), 0);
	d->insns[j].off = (int16_t)(d->n - j - 1);
	if (wrong(d))
		block(d, depth);
	frame_ptr(d, 1, o);
	if (!wrong(d))
		kfunc(d, "bpf_iter_num_destroy");
}

static void slice(struct differ *d, int depth)
{
	int o = differ_below(d, 2) ? -64 : -80;
	int x = d->type == BPF_PROG_TYPE_XDP;
	MOVR(d, 1, 6);
	MOVI(d, 2, 0);
	frame_ptr(d, 3, o);
	kfunc(d, x ? "bpf_dynptr_from_xdp" : "bpf_dynptr_from_skb");
	frame_ptr(d, 1, o);
	MOVI(d, 2, (int)differ_below(d, 20));
	if (differ_below(d, 2))
		MOVI(d, 3, 0);
	else
		frame_ptr(d, 3, -160);
	MOVI(d, 4, (int)(wrong(d) ? 64 : 8 * (1 + differ_below(d, 2))));
	if (wrong(d))
		MOVR(d, 4, 9);
	kfunc(d, differ_below(d, 3) ? "bpf_dynptr_slice" : "bpf_dynptr_slice_rdwr");
	if (!wrong(d))
		differ_null_exit(d, 0);
	if (differ_below(d, 2))
		MOVR(d, 7, 0);
	differ_emit(d, BPF_LDX | BPF_MEM | BPF_W, 1, 0, (int16_t)(4 * differ_below(d, 3)), 0);
	if (!differ_below(d, 4))
		differ_emit(d, BPF_ST | BPF_MEM | BPF_W, 0, 0, 0, 1);
	if (differ_below(d, 2)) {
		block(d, depth);
		if (differ_below(d, 2))
			differ_emit(d, BPF_LDX | BPF_MEM | BPF_B, 1, 7, 0, 0);
	}
}

static void dynptr_clone(struct differ *d, int depth)
{
	frame_ptr(d, 1, -64);
	frame_ptr(d, 2, -80);
	kfunc(d, "bpf_dynptr_clone");
	if (differ_below(d, 2)) {
		frame_ptr(d, 1, -80);
		kfunc(d, "bpf_dynptr_size");
	}
}

static void dynptr_adjust(struct differ *d, int depth)
{
	frame_ptr(d, 1, differ_below(d, 2) ? -64 : -80);
	MOVI(d, 2, 1);
	MOVI(d, 3, 8);
	kfunc(d, "bpf_dynptr_adjust");
}

static void ring_dynptr(struct differ *d, int depth)
{
	differ_map(d, 1, RING, false);
	MOVI(d, 2, (int)(8 * differ_below(d, 4)));
	MOVI(d, 3, 0);
	int o = differ_below(d, 3) ? -64 : -80;
	frame_ptr(d, 4, o);
	if (!wrong(d))
		CALL(d, BPF_FUNC_ringbuf_reserve_dynptr);
	if (differ_below(d, 2)) {
		frame_ptr(d, 1, o);
		MOVI(d, 2, 0);
		MOVI(d, 3, 8);
		CALL(d, BPF_FUNC_dynptr_data);
		if (!wrong(d))
			differ_null_exit(d, 0);
		differ_emit(d, BPF_STX | BPF_MEM | BPF_DW, 0, 9, 0, 0);
		MOVR(d, 7, 0);
	}
	if (differ_below(d, 2))
		block(d, depth);
	if (!differ_below(d, 4)) {
		frame_ptr(d, 1, o);
		frame_ptr(d, 2, -80);
		kfunc(d, "bpf_dynptr_clone");
	}
	frame_ptr(d, 1, wrong(d) ? -80 : o);
	MOVI(d, 2, 0);
	if (!wrong(d))
		CALL(d, differ_below(d, 2) ? BPF_FUNC_ringbuf_submit_dynptr : BPF_FUNC_ringbuf_discard_dynptr);
	if (!differ_below(d, 4))
		differ_emit(d, BPF_LDX | BPF_MEM | BPF_B, 1, 7, 0, 0);
}

static void dynptr_read(struct differ *d, int depth)
{
	frame_ptr(d, 1, -160);
	MOVI(d, 2, 8);
	frame_ptr(d, 3, differ_below(d, 2) ? -64 : -80);
	MOVI(d, 4, 0);
	MOVI(d, 5, 0);
	CALL(d, BPF_FUNC_dynptr_read);
}

static void dynptr_write(struct differ *d, int depth)
{
	frame_ptr(d, 1, differ_below(d, 2) ? -64 : -80);
	MOVI(d, 2, 0);
	frame_ptr(d, 3, -160);
	MOVI(d, 4, 8);
	MOVI(d, 5, 0);
	CALL(d, BPF_FUNC_dynptr_write);
}

static void task_from_pid(struct differ *d, int depth)
{
	MOVI(d, 1, (int)differ_below(d, 5));
	kfunc(d, "bpf_task_from_pid");
	uint32_t r = differ_below(d, 2) ? 7 : 8;
	if (!wrong(d)) {
		differ_null_exit(d, 0);
	}
	MOVR(d, r, 0);
	if (differ_below(d, 2))
		differ_emit(d, BPF_LDX | BPF_MEM | BPF_DW, 1, r, (int16_t)(8 * differ_below(d, 300)), 0);
	if (differ_below(d, 2))
		block(d, depth);
	if (!differ_below(d, 3)) {
		differ_emit(d, BPF_STX | BPF_MEM | BPF_DW, 10, r, -112, 0);
		if (differ_below(d, 2))
			block(d, depth);
		differ_emit(d, BPF_LDX | BPF_MEM | BPF_DW, 1, 10, -112, 0);
	} else
		MOVR(d, 1, r);
	if (!wrong(d))
		kfunc(d, "bpf_task_release");
}

static void task_acquire(struct differ *d, int depth)
{
	MOVR(d, 1, (uint32_t)(7 + differ_below(d, 2)));
	kfunc(d, "bpf_task_acquire");
	if (differ_below(d, 2)) {
		differ_null_exit(d, 0);
		MOVR(d, 1, 0);
		kfunc(d, "bpf_task_release");
	}
}

static void cpumask(struct differ *d, int depth)
{
	kfunc(d, "bpf_cpumask_create");
	differ_null_exit(d, 0);
	MOVR(d, 8, 0);
	if (differ_below(d, 2)) {
		MOVI(d, 1, 1);
		MOVR(d, 2, 8);
		kfunc(d, "bpf_cpumask_set_cpu");
	}
	if (differ_below(d, 2)) {
		MOVR(d, 1, 8);
		kfunc(d, "bpf_cpumask_first");
	}
	if (differ_below(d, 2))
		block(d, depth);
	MOVR(d, 1, 8);
	if (!wrong(d))
		kfunc(d, "bpf_cpumask_release");
}

static void kern_ctx(struct differ *d, int depth)
{
	MOVR(d, 1, 6);
	kfunc(d, "bpf_cast_to_kern_ctx");
	MOVR(d, 7, 0);
	differ_emit(d, BPF_LDX | BPF_MEM | BPF_DW, 1, 7, (int16_t)(8 * differ_below(d, 20)), 0);
}

static void rdonly_cast(struct differ *d, int depth)
{
	MOVR(d, 1, differ_below(d, 2) ? 9 : 7);
	MOVI(d, 2, btf__find_by_name_kind(d->btf, "task_struct", BTF_KIND_STRUCT));
	if (wrong(d))
		MOVI(d, 2, 0);
	if (wrong(d))
		MOVI(d, 2, 1);
	kfunc(d, "bpf_rdonly_cast");
	differ_emit(d, BPF_LDX | BPF_MEM | BPF_DW, 1, 0, (int16_t)(8 * differ_below(d, 60)), 0);
	if (!differ_below(d, 4)) {
		MOVR(d, 1, 0);
		kfunc(d, "bpf_task_acquire");
	}
}

static void branch(struct differ *d, int depth)
{
	uint32_t j = d->n;
	differ_emit(d, BPF_JMP | (differ_below(d, 2) ? BPF_JEQ : BPF_JGT) | BPF_K, 9, 0, 0, (int)differ_below(d, 8));
	statement(d, depth + 1);
	d->insns[j].off = (int16_t)(d->n - j - 1);
}

static void stack_load(struct differ *d, int depth)
{
	differ_emit(d, BPF_LDX | BPF_MEM | BPF_DW, 1, 10, (int16_t)(-8 * (int)(1 + differ_below(d, 21))), 0);
}

static void stack_store(struct differ *d, int depth)
{
	differ_emit(d, BPF_STX | BPF_MEM | BPF_DW, 10, 9, (int16_t)(-8 * (int)(1 + differ_below(d, 21))), 0);
}

static void iter_bits(struct differ *d, int depth)
{
	frame_ptr(d, 1, -48);
	frame_ptr(d, 2, -160);
	MOVI(d, 3, 1);
	kfunc(d, "bpf_iter_bits_new");
	uint32_t top = d->n;
	frame_ptr(d, 1, -48);
	kfunc(d, "bpf_iter_bits_next");
	uint32_t j = d->n;
	differ_emit(d, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 0, 0);
	if (differ_below(d, 2))
		block(d, depth);
	differ_emit(d, BPF_JMP | BPF_JA, 0, 0, (int16_t)((int)top - (int)d->n - 1), 0);
	d->insns[j].off = (int16_t)(d->n - j - 1);
	frame_ptr(d, 1, -48);
	if (!wrong(d))
		kfunc(d, "bpf_iter_bits_destroy");
}

static void cgroup(struct differ *d, int depth)
{
	MOVI(d, 1, 1);
	MOVI(d, 2, 0);
	kfunc(d, "bpf_cgroup_from_id");
	differ_null_exit(d, 0);
	MOVR(d, 7, 0);
	if (differ_below(d, 2))
		block(d, depth);
	MOVR(d, 1, (uint32_t)(wrong(d) ? 8 : 7));
	if (!wrong(d))
		kfunc(d, wrong(d) ? "bpf_task_release" : "bpf_cgroup_release");
}

static void moves_packet(struct differ *d, int depth)
{
	if (d->type == BPF_PROG_TYPE_SCHED_CLS) {
		MOVR(d, 1, 6);
		MOVI(d, 2, 0);
		CALL(d, BPF_FUNC_skb_pull_data);
	} else
		CALL(d, BPF_FUNC_ktime_get_ns);
}

static void random_number(struct differ *d, int depth)
{
	MOVI(d, 1, (int)differ_below(d, 3));
	CALL(d, BPF_FUNC_get_prandom_u32);
	MOVR(d, 9, 0);
	differ_emit(d, BPF_ALU64 | BPF_AND | BPF_K, 9, 0, 0, (int)differ_below(d, 16));
}

static void statement(struct differ *d, int depth)
{
	static void (*const all[])(struct differ * d, int depth) = {
		section_rcu,   section_preempt, section_irq, iter_num,    slice,        slice,
		dynptr_clone,  dynptr_adjust,   ring_dynptr, dynptr_read, dynptr_write, task_from_pid,
		task_from_pid, task_acquire,    cpumask,     kern_ctx,    rdonly_cast,  branch,
		stack_load,    stack_store,     iter_bits,   cgroup,      moves_packet, random_number,
	};

	if (d->budget-- < 0 || d->n > 700)
		return;
	all[differ_below(d, ARRAY_SIZE(all))](d, depth);
}

static void generate(struct differ *d)
{
	static const uint32_t types[] = {BPF_PROG_TYPE_SCHED_CLS,  BPF_PROG_TYPE_XDP,       BPF_PROG_TYPE_SYSCALL,
					 BPF_PROG_TYPE_TRACEPOINT, BPF_PROG_TYPE_SCHED_CLS, BPF_PROG_TYPE_CGROUP_SKB,
					 BPF_PROG_TYPE_KPROBE};
	uint32_t n;

	d->type = types[differ_below(d, ARRAY_SIZE(types))];
	d->flags = d->type == BPF_PROG_TYPE_SYSCALL ? BPF_F_SLEEPABLE : 0;
	d->budget = 14;
	MOVR(d, 6, 1);
	MOVI(d, 7, 0);
	MOVI(d, 8, 0);
	for (int i = 14; i <= 20; i++)
		differ_emit(d, BPF_ST | BPF_MEM | BPF_DW, 10, 0, -8 * i, 0);
	CALL(d, BPF_FUNC_get_prandom_u32);
	MOVR(d, 9, 0);
	differ_emit(d, BPF_ALU64 | BPF_AND | BPF_K, 9, 0, 0, (int)differ_below(d, 16));
	n = 1 + differ_below(d, 4);
	for (uint32_t i = 0; i < n; i++)
		statement(d, 0);
	MOVI(d, 0, 0);
	EXIT(d);
}

static int setup(struct differ *d)
{
	for (int where = 0; where < 2; where++) {
		union bpf_attr attr = {.map_type = BPF_MAP_TYPE_RINGBUF, .max_entries = 4096};

		d->fd[where][RING] = differ_bpf(d, where, BPF_MAP_CREATE, &attr);
		if (d->fd[where][RING] < 0)
			return d->fd[where][RING];
	}
	return 0;
}

int main(int argc, char **argv)
{
	return differ_main(argc, argv, "fuzz-kfuncs", 8000, setup, generate);
}
