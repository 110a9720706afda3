// SPDX-License-Identifier: BSD-2-Clause
/*
 * Memory: loads, stores, atomic operations, 64-bit immediates.
 *
 * The CPU's model is stronger than what the instructions ask for: every load acquires, every
 * store releases, and a locked operation is a full barrier.
 * Source: RFC 9669 section 5; load-acquire and store-release: Linux 6.15.
 */
#include "jit/x86_64/jx.h"

#include <errno.h>

void jx_load(struct jx *j, const struct bpf_insn *in, unsigned a, enum x86_width w)
{
	struct x86_sib mem = jx_mem(j, j->at, in->src_reg, in->off);

	if (!jx_fuse_load(j, j->at, w, in->dst_reg, mem))
		emit_load_sib(&j->e, w, false, jx_reg(in->dst_reg), mem);
}

void jx_load_sign(struct jx *j, const struct bpf_insn *in, unsigned a, enum x86_width w)
{
	emit_load_sib(&j->e, w, true, jx_reg(in->dst_reg), jx_mem(j, j->at, in->src_reg, in->off));
}

void jx_store_k(struct jx *j, const struct bpf_insn *in, unsigned a, enum x86_width w)
{
	emit_store_imm(&j->e, w, jx_mem(j, j->at, in->dst_reg, in->off), in->imm);
}

void jx_store_x(struct jx *j, const struct bpf_insn *in, unsigned a, enum x86_width w)
{
	emit_store_sib(&j->e, w, jx_mem(j, j->at, in->dst_reg, in->off), jx_reg(in->src_reg));
}

void jx_atomic(struct jx *j, const struct bpf_insn *in, unsigned a, enum x86_width w)
{
	emit_alu_mr(&j->e, w, (enum x86_alu)a, true, jx_reg(in->dst_reg), in->off, jx_reg(in->src_reg));
}

void jx_fetch_add(struct jx *j, const struct bpf_insn *in, unsigned a, enum x86_width w)
{
	emit_xadd(&j->e, w, jx_reg(in->dst_reg), in->off, jx_reg(in->src_reg));
}

/*
 * Fetch with or, and, xor: the CPU has no instruction that gives the old value, so a
 * compare-and-exchange is tried until nobody came between. rax is the comparand; r0 waits in
 * r11 meanwhile, and stands in for rax where rax was an operand.
 */
void jx_fetch(struct jx *j, const struct bpf_insn *in, unsigned a, enum x86_width w)
{
	enum x86_reg base = jx_reg(in->dst_reg), src = jx_reg(in->src_reg);
	enum x86_reg operand = src == RAX ? R11 : src;
	struct emit *e = &j->e;
	uint32_t again;

	emit_mov_rr(e, W64, R11, RAX);
	if (base == RAX)
		base = R11;
	emit_load(e, w, RAX, base, in->off);
	again = e->len;
	emit_mov_rr(e, w, R9, RAX);
	emit_alu_rr(e, w, (enum x86_alu)a, R9, operand);
	emit_cmpxchg(e, w, base, in->off, R9);
	emit_jcc_back(e, CC_NE, again);
	if (src != RAX) {
		emit_mov_rr(e, w, src, RAX);
		emit_mov_rr(e, W64, RAX, R11);
	}
}

void jx_atomic_xchg(struct jx *j, const struct bpf_insn *in, unsigned a, enum x86_width w)
{
	emit_xchg(&j->e, w, jx_reg(in->dst_reg), in->off, jx_reg(in->src_reg));
}

void jx_atomic_cmpxchg(struct jx *j, const struct bpf_insn *in, unsigned a, enum x86_width w)
{
	emit_cmpxchg(&j->e, w, jx_reg(in->dst_reg), in->off, jx_reg(in->src_reg));
	/* When the exchange happened, eax was not written and rax kept its upper half. */
	if (w == W32)
		emit_mov_rr(&j->e, W32, RAX, RAX);
}

void jx_imm64(struct jx *j, const struct bpf_insn *in, unsigned a, enum x86_width w)
{
	emit_mov_imm(&j->e, jx_reg(in->dst_reg), (uint32_t)in[0].imm | (uint64_t)(uint32_t)in[1].imm << 32);
}

/* A map or a kernel variable. */
void jx_ref(struct jx *j, const struct bpf_insn *in, unsigned a, enum x86_width w)
{
	jx_load_reloc(j, jx_reg(in->dst_reg), RELOC_REF, (uint32_t)in->imm, 0);
}

/* An address within a map's value. */
void jx_map_value(struct jx *j, const struct bpf_insn *in, unsigned a, enum x86_width w)
{
	jx_load_reloc(j, jx_reg(in->dst_reg), RELOC_REF, (uint32_t)in[0].imm, (uint32_t)in[1].imm);
}

/* A subprog's address, for env->callback: near enough for lea, so no relocation. */
void jx_func_addr(struct jx *j, const struct bpf_insn *in, unsigned a, enum x86_width w)
{
	enum x86_reg dst = jx_reg(in->dst_reg);
	uint8_t *p = emit_begin(&j->e);

	if (!p)
		return;
	p = enc_op(p, W64, 0x8d, dst, 0, 0);
	*p++ = (uint8_t)((dst & 7) << 3 | 5); /* [rip + rel32] */
	emit_end(&j->e, enc_u32(p, 0));
	jx_rel32(j, FIX_FUNC, (uint32_t)jx_find_func(j->code, (int64_t)j->at + 1 + in->imm));
}

/* Forms that the loader has resolved away. */
void jx_refuse(struct jx *j, const struct bpf_insn *in, unsigned a, enum x86_width w)
{
	jx_fail(j, -EINVAL);
}
