// SPDX-License-Identifier: BSD-2-Clause
/*
 * Calls: helpers, kfuncs, subprogs, tail calls, legacy packet access.
 *
 * r1 to r5 already lie where the C ABI wants its arguments; the environment goes to r9, the
 * sixth. Addresses of C functions stand in the literal pool, one entry each, so a call is
 * six bytes and the code does not depend on where either lies. jit_link() fills in
 * jit_target_no_helper() for what does not exist.
 */
#include "jit/x86_64/jx.h"

#include "map/map.h"

void jx_rip(struct jx *j, enum x86_width w, uint32_t op, unsigned reg, uint32_t pool)
{
	uint8_t *p = emit_begin(&j->e);

	if (!p)
		return;
	p = enc_op(p, w, op, reg, 0, 0);
	*p++ = (uint8_t)((reg & 7) << 3 | 5);
	emit_end(&j->e, enc_u32(p, 0));
	jx_rel32(j, FIX_POOL, pool);
}

/* A call of a C function through the pool. */
static void call_c(struct jx *j, enum jit_reloc_kind kind, uint32_t index)
{
	jx_rip(j, W32, 0xff, 2, jx_pool(j, kind, index));
}

/* After a helper that may have run a callback: was there a fault? run.c tells the whole story. */
static void check_fault(struct jx *j)
{
	if (!j->has_callbacks)
		return;
	emit_alu_mi(&j->e, W32, ALU_CMP, REG_ENV, offsetof(struct skep_env, fault), FAULT_NONE);
	jx_jcc(j, CC_NE, j->code->n_insns);
}

/*
 * tail_call - r1 context, r2 program array, r3 index: go on in another program, in place of this function.
 *
 * Whatever is wrong, the program goes on behind the call with its registers as they were. What
 * jumps away leaves r1 to r5 alone, so the context is in place.
 */
static void tail_call(struct jx *j)
{
	const int32_t count = offsetof(struct skep_env, tail_calls);
	uint32_t out[4];
	struct emit *e = &j->e;

	emit_mov_rr(e, W32, R11, RDX);
	emit_rm(e, W32, 0x3b, R11, RSI, offsetof(struct skep_map, max_entries)); /* cmp */
	out[0] = emit_jcc_local(e, CC_AE);
	emit_alu_mi(e, W32, ALU_CMP, REG_ENV, count, SKEP_MAX_TAIL_CALLS);
	out[1] = emit_jcc_local(e, CC_AE);
	emit_load(e, W64, R10, RSI, offsetof(struct skep_map, objs));
	emit_load_sib(e, W64, false, R10, (struct x86_sib){.base = R10, .index = R11, .scale = 3});
	emit_test_rr(e, W64, R10, R10);
	out[2] = emit_jcc_local(e, CC_E);
	emit_load(e, W64, R10, R10, offsetof(struct skep_target, jit));
	emit_test_rr(e, W64, R10, R10);
	out[3] = emit_jcc_local(e, CC_E);
	emit_alu_mi(e, W32, ALU_ADD, REG_ENV, count, 1);
	emit_mov_rr(e, W64, R9, REG_ENV);
	jx_epilogue(j);
	emit_jmp_reg(e, R10);
	for (size_t i = 0; i < ARRAY_SIZE(out); i++)
		emit_land(e, out[i]);
}

/*
 * known_map - the ref of the map that r1 holds at the call, where that was put there on the same straight line.
 * Return: the ref, or -1.
 */
static int64_t known_map(const struct jx *j)
{
	enum { LOOK_BACK = 12 };

	for (uint32_t i = 1; i <= LOOK_BACK && j->at - i >= j->fn->start && j->at >= i; i++) {
		uint32_t at = j->at - i;

		/* A jump to the instruction behind would come with another r1. */
		if ((j->flags[at + 1] & JX_TARGET) || (j->flags[at] & JX_ENDS))
			return -1;
		if (j->ops[at] == INSN_LD_MAP_FD && j->code->insns[at].dst_reg == BPF_REG_1)
			return j->code->insns[at].imm;
		if (j->ops[at] != JX_NO_OP && (j->effects[at].writes & 1u << BPF_REG_1))
			return -1;
	}
	return -1;
}

/* A look-up in a map that is known goes straight to the map's family: lookup(map, key, cpu). */
static bool call_lookup(struct jx *j, uint32_t id)
{
	int64_t ref;

	if (!j->code->map_lookup || id >= j->code->n_helpers || j->code->helpers[id] != j->code->map_lookup)
		return false;
	ref = known_map(j);
	if (ref < 0)
		return false;
	emit_load(&j->e, W32, RDX, REG_ENV, offsetof(struct skep_env, cpu));
	call_c(j, RELOC_LOOKUP, (uint32_t)ref);
	return true;
}

void jx_call_helper(struct jx *j, const struct bpf_insn *in, unsigned a, enum x86_width w)
{
	if (in->imm == BPF_FUNC_tail_call) {
		tail_call(j);
		return;
	}
	if (call_lookup(j, (uint32_t)in->imm))
		return;
	emit_mov_rr(&j->e, W64, R9, REG_ENV);
	call_c(j, RELOC_HELPER, (uint32_t)in->imm);
	check_fault(j);
}

void jx_call_kfunc(struct jx *j, const struct bpf_insn *in, unsigned a, enum x86_width w)
{
	emit_mov_rr(&j->e, W64, R9, REG_ENV);
	call_c(j, RELOC_REF, (uint32_t)in->imm);
	check_fault(j);
}

void jx_call_subprog(struct jx *j, const struct bpf_insn *in, unsigned a, enum x86_width w)
{
	uint8_t *p = emit_begin(&j->e);

	if (!p)
		return;
	*p++ = 0xe8;
	emit_end(&j->e, enc_u32(p, 0));
	jx_rel32(j, FIX_FUNC, (uint32_t)jx_find_func(j->code, (int64_t)j->at + 1 + in->imm));
}

/*
 * Call of a helper whose number is in a register. A table of all helpers, made once for a program
 * that needs it, follows the code; one more entry at its end stands for every number beyond it.
 */
void jx_callx(struct jx *j, const struct bpf_insn *in, unsigned a, enum x86_width w)
{
	uint32_t n = j->code->n_helpers, in_range;
	struct emit *e = &j->e;

	if (!j->table) {
		for (uint32_t i = 0; i <= n; i++) {
			uint32_t entry = jx_pool_add(j, RELOC_HELPER, i < n ? i : UINT32_MAX);

			if (i == 0)
				j->table = entry + 1;
		}
	}
	emit_mov_rr(e, W64, R11, jx_reg(in->dst_reg));
	emit_mov_imm(e, R10, n);
	emit_alu_rr(e, W64, ALU_CMP, R11, R10);
	in_range = emit_jcc_local(e, CC_B);
	emit_mov_rr(e, W64, R11, R10);
	emit_land(e, in_range);
	jx_rip(j, W64, 0x8d, R10, j->table - 1);
	emit_load_sib(e, W64, false, R10, (struct x86_sib){.base = R10, .index = R11, .scale = 3});
	emit_mov_rr(e, W64, R9, REG_ENV);
	emit_call_reg(e, R10);
	check_fault(j);
}

/* Calls packet_load() with the offset in esi; what is not there ends this function with 0. */
static void packet_access(struct jx *j, enum x86_width size)
{
	struct emit *e = &j->e;
	uint32_t found;

	emit_push(e, RAX); /* room for the value, and to keep rsp aligned */
	emit_push(e, RAX);
	emit_mov_rr(e, W64, RDI, REG_ENV);
	emit_mov_imm(e, RDX, size);
	emit_mov_rr(e, W64, RCX, RSP);
	call_c(j, RELOC_RUNTIME, RUNTIME_PACKET_LOAD);
	emit_pop(e, R11);
	emit_pop(e, R10);
	emit_rr(e, W8, 0x84, RAX, RAX); /* test al, al: bool is one byte */
	emit_mov_rr(e, W64, RAX, R11);
	found = emit_jcc_local(e, CC_NE);
	emit_mov_imm(e, RAX, 0);
	jx_epilogue(j);
	emit_byte(e, X86_RET);
	emit_land(e, found);
}

void jx_packet_abs(struct jx *j, const struct bpf_insn *in, unsigned a, enum x86_width w)
{
	emit_mov_imm(&j->e, RSI, (uint32_t)in->imm);
	packet_access(j, w);
}

void jx_packet_ind(struct jx *j, const struct bpf_insn *in, unsigned a, enum x86_width w)
{
	emit_lea(&j->e, W32, RSI, jx_reg(in->src_reg), in->imm);
	packet_access(j, w);
}

/* Loads through kernel pointers: jit_target_probe() takes the address in r10, how to read in r11d, and gives the value in r11; it keeps all else. */
static void probe(struct jx *j, const struct bpf_insn *in, uint32_t how)
{
	emit_lea(&j->e, W64, R10, jx_reg(in->src_reg), in->off);
	emit_mov_imm(&j->e, R11, how);
	call_c(j, RELOC_RUNTIME, RUNTIME_PROBE);
	emit_mov_rr(&j->e, W64, jx_reg(in->dst_reg), R11);
}

void jx_probe(struct jx *j, const struct bpf_insn *in, unsigned a, enum x86_width w)
{
	probe(j, in, a);
}

void jx_probe_sign(struct jx *j, const struct bpf_insn *in, unsigned a, enum x86_width w)
{
	probe(j, in, a | ENV_PROBE_SIGN);
}
