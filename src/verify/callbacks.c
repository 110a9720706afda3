/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a helper hands to the function that it calls. Each sets the callee's registers from the caller's; those it does not name are not
 * initialised. Callbacks return 0 or 1; those that run later have nobody to tell: timers' return 0.
 */
#include "verify/kcall.h"

#include <errno.h>

static void begin(struct frame *callee, uint32_t first_unused)
{
	reg_uninit(&callee->regs[BPF_REG_0]);
	for (uint32_t i = first_unused; i <= BPF_REG_5; i++)
		reg_uninit(&callee->regs[i]);
	callee->callback_ret = (struct ret_range){.min = 0, .max = 1, .checked = true};
}

/* Key and value of a map, as r2 and r3. */
static void set_element(struct frame *callee, const struct verify_map *map, uint32_t map_uid)
{
	reg_pointer(&callee->regs[BPF_REG_2], REG_MAP_KEY);
	callee->regs[BPF_REG_2].map = map;
	callee->regs[BPF_REG_2].map_uid = map_uid;
	reg_pointer(&callee->regs[BPF_REG_3], REG_MAP_VALUE);
	callee->regs[BPF_REG_3].map = map;
	callee->regs[BPF_REG_3].map_uid = map_uid;
}

/* long callback(struct bpf_map *map, void *key, void *value, void *ctx) */
int setup_for_each(struct verifier *v, struct frame *caller, struct frame *callee, uint32_t at)
{
	const struct reg *map = &caller->regs[BPF_REG_1];

	switch (map->map->type) {
	case BPF_MAP_TYPE_ARRAY:
	case BPF_MAP_TYPE_PERCPU_ARRAY:
	case BPF_MAP_TYPE_HASH:
	case BPF_MAP_TYPE_PERCPU_HASH:
	case BPF_MAP_TYPE_LRU_HASH:
	case BPF_MAP_TYPE_LRU_PERCPU_HASH:
		break;
	default:
		return refuse(v, -ENOTSUPP, PROBLEM_MAP, "callback function not allowed for map");
	}
	begin(callee, BPF_REG_5);
	callee->regs[BPF_REG_1] = *map;
	set_element(callee, map->map, map->map_uid);
	callee->regs[BPF_REG_4] = caller->regs[BPF_REG_3];
	callee->in_callback = true;
	return 0;
}

/* long callback(u32 index, void *ctx) */
int setup_loop(struct verifier *v, struct frame *caller, struct frame *callee, uint32_t at)
{
	begin(callee, BPF_REG_3);
	reg_unknown(&callee->regs[BPF_REG_1]);
	callee->regs[BPF_REG_2] = caller->regs[BPF_REG_3];
	callee->in_callback = true;
	return 0;
}

/* int callback(struct bpf_map *map, void *key, void *value), of timers, work queues and task work, later and elsewhere */
int setup_timer(struct verifier *v, struct frame *caller, struct frame *callee, uint32_t at)
{
	const struct reg *r1 = &caller->regs[BPF_REG_1];

	begin(callee, BPF_REG_4);
	reg_pointer(&callee->regs[BPF_REG_1], REG_MAP_PTR);
	callee->regs[BPF_REG_1].map = r1->map;
	callee->regs[BPF_REG_1].map_uid = r1->map_uid;
	set_element(callee, r1->map, r1->map_uid);
	callee->in_async_callback = true;
	callee->callback_ret = (struct ret_range){.min = 0, .max = 0, .checked = true};
	return 0;
}

/* long callback(struct task_struct *task, struct vm_area_struct *vma, void *ctx) */
int setup_find_vma(struct verifier *v, struct frame *caller, struct frame *callee, uint32_t at)
{
	struct reg *vma = &callee->regs[BPF_REG_2];

	begin(callee, BPF_REG_4);
	callee->regs[BPF_REG_1] = caller->regs[BPF_REG_1];
	reg_pointer(vma, REG_BTF);
	vma->btf = v->in->n_btfs ? v->in->btfs[0] : NULL;
	vma->btf_id = kernel_type(v, "vm_area_struct");
	if (!vma->btf_id)
		return refuse(v, -EINVAL, PROBLEM_HELPER, "bpf_find_vma needs the kernel's BTF, and there is none");
	callee->regs[BPF_REG_3] = caller->regs[BPF_REG_4];
	callee->in_callback = true;
	return 0;
}

/* long callback(const struct bpf_dynptr *dynptr, void *ctx) */
int setup_ringbuf(struct verifier *v, struct frame *caller, struct frame *callee, uint32_t at)
{
	begin(callee, BPF_REG_3);
	reg_dynptr(v, &callee->regs[BPF_REG_1], DYNPTR_KIND_LOCAL);
	callee->regs[BPF_REG_2] = caller->regs[BPF_REG_3];
	callee->in_callback = true;
	return 0;
}

/* int callback(struct bpf_map *map, void *key, void *value), of bpf_task_work_schedule(): the map is its third argument */
int setup_task_work(struct verifier *v, struct frame *caller, struct frame *callee, uint32_t at)
{
	const struct reg *r3 = &caller->regs[BPF_REG_3];

	begin(callee, BPF_REG_4);
	reg_pointer(&callee->regs[BPF_REG_1], REG_MAP_PTR);
	callee->regs[BPF_REG_1].map = r3->map;
	callee->regs[BPF_REG_1].map_uid = r3->map_uid;
	set_element(callee, r3->map, r3->map_uid);
	callee->in_async_callback = true;
	callee->callback_ret = (struct ret_range){.min = INT32_MIN, .max = INT32_MAX, .checked = true};
	return 0;
}
