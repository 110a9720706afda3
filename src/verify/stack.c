/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads and stores of the program's stack.
 *
 * A whole-slot spill keeps all that is known of the register; a narrower aligned one of a scalar does as well, for its bytes. Anything else
 * leaves bytes that are data (MISC), zero, or never written. Who may leak pointers may read those that were never written, as numbers. Reading back a spilled
 * register restores it; reading part of one, or bytes of several, gives an unknown number, zero when all bytes are zero.
 *
 * A store of a zero into bytes makes them ZERO instead of MISC: that rests on the value, so the register that it came from becomes precise.
 */
#include "base/util.h"
#include "verify/call.h"

#include <errno.h>
#include <string.h>

enum { MAX_VAR_OFF = 1 << 29 };

static bool is_spill(const struct slot *s)
{
	return s->kind[7] == SLOT_SPILL;
}

static bool is_spilled_scalar(const struct slot *s)
{
	return is_spill(s) && s->reg.type == REG_SCALAR;
}

static bool is_spillable(const struct reg *r)
{
	switch (REG_BASE(r->type)) {
	case REG_NOT_INIT:
	case REG_SCALAR:
		return false;
	default:
		return true;
	}
}

static void make_misc(uint8_t *kind)
{
	/* What was never written does not become readable by a write beside it. */
	if (*kind != SLOT_ZERO && *kind != SLOT_INVALID)
		*kind = SLOT_MISC;
}

static uint64_t slot_mask(int32_t min, int32_t max) /* slots of bytes [min, max), min < max <= 0 */
{
	uint32_t high = (uint32_t)(-min - 1) / 8, low = (uint32_t)-max / 8;

	return (high >= 63 ? ~0ull : (1ull << (high + 1)) - 1) & ~((1ull << low) - 1);
}

/* Fill-and-spill pairs around a call lie in bytes that nothing else may use if they are to be removed. */
static void check_fastcall(struct verifier *v, const struct frame *f, int32_t off)
{
	struct subprog *sub = &v->subprogs[f->subprog];

	if (sub->fastcall_stack_off <= off || v->aux[v->insn].fastcall_pattern)
		return;
	sub->keep_fastcall_stack = true;
}

static void save(struct slot *slot, const struct reg *r, uint32_t size)
{
	uint32_t i = 8;

	slot->reg = *r;
	for (; i > 8 - size; i--)
		slot->kind[i - 1] = SLOT_SPILL;
	for (; i; i--)
		make_misc(&slot->kind[i - 1]);
}

static bool is_store_imm(const struct verifier *v)
{
	const struct bpf_insn *insn = &v->insns[v->insn];

	return BPF_CLASS(insn->code) == BPF_ST && BPF_MODE(insn->code) == BPF_MEM;
}

int stack_write(struct verifier *v, struct frame *f, int32_t off, uint32_t size, int32_t value_reg, uint32_t insn)
{
	uint32_t low = (uint32_t)(-off - 1), n = low / 8;
	struct frame *cur = cur_frame(v);
	struct reg *r = value_reg >= 0 ? &cur->regs[value_reg] : NULL;
	struct slot *slot;
	int err;

	(void)insn;
	err = stack_grow(v, f, n + 1);
	if (err)
		return err;
	slot = &f->stack->slots[n];
	if (!v->allow_ptr_leaks && is_spill(slot) && !is_spilled_scalar(slot) && size != 8)
		return refuse(v, -EACCES, PROBLEM_STACK_WRITE, "attempt to corrupt spilled pointer on stack");
	err = object_slot_written(v, f, n);
	if (err)
		return err;
	slot = &f->stack->slots[n];
	check_fastcall(v, f, off);
	v->touched_slots |= 1ull << n;
	if (size == 8)
		live_write(v->cur, f->frameno, 1ull << n);
	f->precise_slots &= ~(1ull << n);

	if (r && !(off % 8) && r->type == REG_SCALAR && v->bpf_capable) {
		bool fits = size == 8 || r->var.umax < 1ull << (size * 8);

		if (fits)
			scalar_assign_id(v, r);
		save(slot, r, size);
		if (!fits)
			scalar_unlink(&slot->reg);
	} else if (!r && !(off % 8) && is_store_imm(v) && v->bpf_capable) {
		struct reg imm;

		reg_const(&imm, (uint64_t)(int64_t)v->insns[v->insn].imm);
		save(slot, &imm, size);
	} else if (r && is_spillable(r)) {
		if (size != 8)
			return refuse(v, -EACCES, PROBLEM_STACK_WRITE, "invalid size of register spill");
		if (f != cur && r->type == REG_STACK)
			return refuse(v, -EINVAL, PROBLEM_STACK_WRITE,
				      "cannot spill pointers to stack into stack frame of the caller");
		save(slot, r, size);
	} else {
		uint8_t kind = SLOT_MISC;

		slot->reg.type = REG_NOT_INIT;
		if (is_spill(slot) || slot_is_special(slot))
			for (unsigned int i = 0; i < 8; i++)
				if (slot->kind[i] != SLOT_INVALID)
					slot->kind[i] = SLOT_MISC;
		if ((r && reg_is_null(r)) || (!r && is_store_imm(v) && !v->insns[v->insn].imm)) {
			if (r) {
				err = mark_precise(v, (uint32_t)value_reg);
				if (err)
					return err;
				slot = &f->stack->slots[n];
			}
			kind = SLOT_ZERO;
		}
		for (uint32_t i = 0; i < size; i++)
			slot->kind[(low - i) % 8] = kind;
		return 0;
	}
	return hist_push(v, HIST_STACK, f->frameno, n, NULL);
}

int stack_write_var(struct verifier *v, uint32_t ptr_reg, int32_t off, uint32_t size, int32_t value_reg, uint32_t insn)
{
	struct frame *cur = cur_frame(v);
	const struct reg *ptr = &cur->regs[ptr_reg], *r = value_reg >= 0 ? &cur->regs[value_reg] : NULL;
	struct frame *f = v->cur->frames[ptr->frame];
	int32_t min = (int32_t)(ptr->var.smin + off), max = (int32_t)(ptr->var.smax + off + (int64_t)size);
	bool zero = (r && reg_is_null(r)) || (!r && is_store_imm(v) && !v->insns[v->insn].imm), zero_used = false;
	int err;

	for (int32_t i = min; i < max; i++) {
		err = object_slot_written(v, f, (uint32_t)(-i - 1) / 8);
		if (err)
			return err;
	}
	if (!stack_mut(v, f))
		return -ENOMEM;
	check_fastcall(v, f, min);
	for (int32_t i = min; i < max; i++) {
		uint32_t n = (uint32_t)(-i - 1);
		struct slot *slot = &f->stack->slots[n / 8];
		uint8_t *kind = &slot->kind[n % 8], new = SLOT_MISC;

		v->touched_slots |= 1ull << (n / 8);
		/*
		 * Not reached: who may not leak pointers has no pointer into the stack at an offset that varies
		 * (spectre.c)
		 */
		if (!v->allow_ptr_leaks && *kind != SLOT_MISC && *kind != SLOT_ZERO)
			return refuse(v, -EINVAL, PROBLEM_STACK_WRITE,
				      "spilled ptr in range of var-offset stack write; insn %u, ptr off: %d", insn, i);
		if (zero && *kind == SLOT_SPILL && is_spilled_scalar(slot) && scalar_is_const(&slot->reg.var) &&
		    !slot->reg.var.bits.value) {
			zero_used = true;
			continue;
		}
		/* What is left of a spilled register is data. */
		if (is_spill(slot))
			for (unsigned int k = 0; k < 8; k++)
				if (slot->kind[k] == SLOT_SPILL)
					slot->kind[k] = SLOT_MISC;
		slot->reg.type = REG_NOT_INIT;
		f->precise_slots &= ~(1ull << (n / 8));
		if (zero && *kind == SLOT_ZERO) {
			new = SLOT_ZERO;
			zero_used = true;
		}
		/*
		 * Not reached: who may not read what was never written has no pointer into the stack at an offset
		 * that varies (spectre.c)
		 */
		if (*kind == SLOT_INVALID && !v->allow_uninit_stack)
			return refuse(
				v, -EINVAL, PROBLEM_STACK_WRITE,
				"uninit stack in range of var-offset write prohibited for !root; insn %u, off: %d",
				insn, i);
		*kind = new;
	}
	if (zero_used && r)
		return mark_precise(v, (uint32_t)value_reg);
	return 0;
}

/* A register gets bytes [min, max) of a stack: zero when all of them are, else unknown. */
static void read_bytes(struct verifier *v, const struct frame *f, int32_t min, int32_t max, int32_t dst_reg)
{
	struct reg *dst = &cur_regs(v)[dst_reg];
	int32_t i = min;

	for (; i < max; i++) {
		const struct slot *slot = slot_get(f, (uint32_t)(-i - 1) / 8);

		v->touched_slots |= 1ull << (uint32_t)(-i - 1) / 8;
		if (!slot || slot->kind[(uint32_t)(-i - 1) % 8] != SLOT_ZERO)
			break;
	}
	if (i == max)
		reg_const(dst, 0);
	else
		reg_unknown(dst);
}

static bool readable(const struct verifier *v, uint8_t kind)
{
	return kind == SLOT_MISC || kind == SLOT_ZERO || (kind == SLOT_INVALID && v->allow_uninit_stack);
}

static int bad_read(struct verifier *v, int32_t off, uint32_t at, uint32_t size)
{
	return refuse(v, -EACCES, PROBLEM_STACK_READ, "invalid read from stack off %d+%u size %u", off, at, size);
}

/* Part of a spilled scalar, or bytes of which some belong to one. */
static int read_partly(struct verifier *v, const struct frame *f, int32_t off, uint32_t size, uint32_t spilled,
		       int32_t dst_reg, bool *fill)
{
	uint32_t low = (uint32_t)(-off - 1), n_spill = 0, n_zero = 0;
	const struct slot *slot = &f->stack->slots[low / 8];
	const struct reg *r = &slot->reg;
	struct reg *dst = &cur_regs(v)[dst_reg];

	if (size <= spilled && !(off % 8)) {
		bool cut = size < 8 && r->var.umax >= 1ull << (size * 8);

		*dst = *r;
		if (cut)
			scalar_unlink(dst);
		dst->zext_pending = false;
		return 0;
	}
	for (uint32_t i = 0; i < size; i++) {
		uint8_t kind = slot->kind[(low - i) % 8];

		n_spill += kind == SLOT_SPILL;
		n_zero += kind == SLOT_ZERO;
		if (kind != SLOT_SPILL && !readable(v, kind))
			return bad_read(v, off, i, size);
	}
	if (n_spill == size && scalar_is_const(&r->var) && !r->var.bits.value) {
		reg_const(dst, 0);
		return 0;
	}
	*fill = false;
	if (n_zero == size)
		reg_const(dst, 0);
	else
		reg_unknown(dst);
	return 0;
}

static int read_fixed(struct verifier *v, struct frame *f, int32_t off, uint32_t size, int32_t dst_reg)
{
	uint32_t low = (uint32_t)(-off - 1), n = low / 8, spilled = 1;
	const struct slot *slot = slot_get(f, n);
	bool fill = true;
	int err = 0;

	/* Not reached: stack_bounds() has made all slots that an access can reach */
	if (!slot)
		return bad_read(v, off, 0, size);
	v->touched_slots |= 1ull << n;
	check_fastcall(v, f, off);
	live_read(v->cur, f->frameno, 1ull << n);
	if (is_spill(slot)) {
		for (uint32_t i = 7; i > 0 && slot->kind[i - 1] == SLOT_SPILL; i--)
			spilled++;
		if (size != 8 || spilled != 8) {
			if (slot->reg.type != REG_SCALAR)
				return refuse(v, -EACCES, PROBLEM_STACK_READ, "invalid size of register fill");
			if (dst_reg < 0)
				return 0;
			err = read_partly(v, f, off, size, spilled, dst_reg, &fill);
		} else if (dst_reg >= 0) {
			cur_regs(v)[dst_reg] = slot->reg;
			cur_regs(v)[dst_reg].zext_pending = false;
		} else if (reg_is_pointer(v, &slot->reg)) {
			return refuse(v, -EACCES, PROBLEM_PTR_LEAK, "leaking pointer from stack off %d", off);
		}
	} else {
		for (uint32_t i = 0; i < size; i++)
			if (!readable(v, slot->kind[(low - i) % 8]))
				return bad_read(v, off, i, size);
		if (dst_reg >= 0)
			read_bytes(v, f, off, off + (int32_t)size, dst_reg);
		fill = false;
	}
	if (err || !fill)
		return err;
	return hist_push(v, HIST_STACK, f->frameno, n, NULL);
}

int stack_read(struct verifier *v, uint32_t ptr_reg, int32_t off, uint32_t size, int32_t dst_reg)
{
	const struct reg *ptr = &cur_regs(v)[ptr_reg];
	struct frame *f = v->cur->frames[ptr->frame];
	int32_t min, max;
	int err;

	if (scalar_is_const(&ptr->var))
		return read_fixed(v, f, off + (int32_t)ptr->var.bits.value, size, dst_reg);
	if (dst_reg < 0)
		return refuse(v, -EACCES, PROBLEM_STACK_READ,
			      "R%u: a stack pointer with a variable offset cannot be passed here", ptr_reg);
	min = (int32_t)(ptr->var.smin + off);
	max = (int32_t)(ptr->var.smax + off + (int64_t)size);
	err = check_stack_init(v, ptr_reg, off, size, false, false, NULL);
	if (err)
		return err;
	read_bytes(v, f, min, max, dst_reg);
	check_fastcall(v, f, min);
	return 0;
}

int stack_bounds(struct verifier *v, uint32_t regno, int32_t off, uint32_t size, bool write)
{
	const struct reg *r = &cur_regs(v)[regno];
	struct frame *f = v->cur->frames[r->frame];
	bool fixed = scalar_is_const(&r->var), bad;
	int64_t min, max, lowest = -MAX_STACK;

	if (fixed) {
		min = (int64_t)r->var.bits.value + off;
		max = min + size;
	} else {
		if (r->var.smax >= MAX_VAR_OFF || r->var.smin <= -MAX_VAR_OFF)
			return refuse(v, -EACCES, PROBLEM_UNBOUNDED, "invalid unbounded variable-offset%s stack R%u",
				      write ? " write to" : " read from", regno);
		min = r->var.smin + off;
		max = r->var.smax + off + size;
	}
	if (!write && !v->allow_uninit_stack)
		lowest = f->stack ? -(int64_t)f->stack->n * 8 : 0;
	bad = min < lowest || min > -1;
	if (bad || max > 0) {
		int err = bad ? -EACCES : -EINVAL;

		if (fixed)
			return refuse(v, err, write ? PROBLEM_STACK_WRITE : PROBLEM_STACK_READ,
				      "invalid%s stack R%u off=%lld size=%u", write ? " write to" : " read from", regno,
				      (long long)min, size);
		return refuse(v, err, write ? PROBLEM_STACK_WRITE : PROBLEM_STACK_READ,
			      "invalid variable-offset%s stack R%u var_off=(0x%llx; 0x%llx) off=%d size=%u",
			      write ? " write to" : " read from", regno, (unsigned long long)r->var.bits.value,
			      (unsigned long long)r->var.bits.mask, off, size);
	}
	return stack_grow(v, f, (uint32_t)(-min + 7) / 8);
}

int check_stack_init(struct verifier *v, uint32_t regno, int32_t off, uint32_t size, bool zero_ok, bool write,
		     struct call *call)
{
	const struct reg *r = &cur_regs(v)[regno];
	struct frame *f = v->cur->frames[r->frame];
	bool raw = call && call->raw_mode;
	int32_t min, max;
	int err;

	/* Not reached: check_mem_size() has refused a size of 0 where it is not allowed */
	if (!size && !zero_ok)
		return refuse(v, -EACCES, PROBLEM_STACK_READ, "invalid zero-sized read");
	err = stack_bounds(v, regno, off, size, write);
	if (err)
		return err;
	r = &cur_regs(v)[regno];
	if (scalar_is_const(&r->var)) {
		min = max = off + (int32_t)r->var.bits.value;
	} else {
		/* Not reached: spectre.c has refused the sum that the pointer came from */
		if (!v->bypass_spec)
			return refuse(v, -EACCES, PROBLEM_STACK_READ,
				      "R%u variable offset stack access prohibited for !root", regno);
		/* Where exactly it will be written is not known: all of it must be initialised already. */
		raw = false;
		min = (int32_t)r->var.smin + off;
		max = (int32_t)r->var.smax + off;
	}
	max += (int32_t)size;
	if (raw) {
		for (int32_t i = min; i < max; i++) {
			const struct slot *slot = slot_get(f, (uint32_t)(-i - 1) / 8);

			if (slot && slot->kind[(uint32_t)(-i - 1) % 8] == SLOT_DYNPTR)
				return refuse(v, -EACCES, PROBLEM_DYNPTR,
					      "potential write to dynptr at off=%d disallowed", i);
		}
		call->access_size = size;
		call->regno = regno;
		return 0;
	}
	if (min < max)
		live_read(v->cur, f->frameno, slot_mask(min, max));
	for (int32_t i = min; i < max; i++) {
		uint32_t n = (uint32_t)(-i - 1);
		const struct slot *slot = slot_get(f, n / 8);
		uint8_t kind = slot ? slot->kind[n % 8] : (uint8_t)SLOT_INVALID;

		if (kind == SLOT_MISC)
			continue;
		if (kind == SLOT_ZERO || (kind == SLOT_INVALID && v->allow_uninit_stack)) {
			if (write) {
				if (!stack_mut(v, f))
					return -ENOMEM;
				f->stack->slots[n / 8].kind[n % 8] = SLOT_MISC;
			}
			continue;
		}
		if (slot && is_spill(slot) && (slot->reg.type == REG_SCALAR || v->allow_ptr_leaks)) {
			if (write) {
				struct slot *own;

				if (!stack_mut(v, f))
					return -ENOMEM;
				own = &f->stack->slots[n / 8];
				reg_unknown(&own->reg);
				for (unsigned int k = 0; k < 8; k++)
					if (own->kind[k] != SLOT_INVALID)
						own->kind[k] = SLOT_MISC;
			}
			continue;
		}
		return refuse(v, -EACCES, PROBLEM_STACK_READ, "invalid read from stack R%u off %d+%d size %u", regno,
			      min, i - min, size);
	}
	return 0;
}
