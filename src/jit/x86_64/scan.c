// SPDX-License-Identifier: BSD-2-Clause
/*
 * The scan: what has to be known of a program before its first byte is emitted.
 *
 * insn_check() has accepted the program by now, but the compiler does not rely on it for its
 * own memory's sake: any bytes either compile or give -EINVAL. What a function needs is
 * found conservatively; what is not understood costs the full 512 bytes of stack.
 */
#include "jit/x86_64/jx.h"

#include <errno.h>

int jx_find_func(const struct skep_code *code, int64_t insn)
{
	uint32_t lo = 0, hi = code->n_subprogs;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (code->subprogs[mid] < insn)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < code->n_subprogs && code->subprogs[lo] == insn ? (int)lo : -1;
}

static bool is_memory(const struct insn_desc *d)
{
	unsigned class = d->code & 7;

	return d->off == FORM_MEM && (class == BPF_LDX || class == BPF_ST || class == BPF_STX);
}

/*
 * scan_stack - see how an instruction uses r10.
 *
 * As the base of an access, r10 shows which bytes are wanted. Any other reading lets it
 * escape into a register, and then all of the stack may be reached.
 */
static void scan_stack(struct jx_func *f, const struct insn_desc *d, const struct bpf_insn *in)
{
	bool reads_dst = d->dst == FORM_READ && in->dst_reg == BPF_REG_10;
	bool reads_src = d->src == FORM_READ && in->src_reg == BPF_REG_10;

	if (!reads_dst && !reads_src)
		return;
	f->frame = true;
	if (is_memory(d)) {
		/* Loads have their base in src, stores in dst; load-acquire has the class of a store. */
		bool base_is_src = d->dst == FORM_WRITE;

		if (!(base_is_src ? reads_dst : reads_src)) {
			uint32_t depth = in->off < 0 ? (uint32_t)-in->off : 0;

			f->stack = MAX(f->stack, MIN(ALIGN_UP(depth, 8u), (uint32_t)SKEP_MAX_STACK));
			return;
		}
	}
	f->stack = SKEP_MAX_STACK;
}

/* Notes the callee-saved registers that an instruction writes. */
static void scan_writes(struct jx_func *f, const struct insn_desc *d, const struct bpf_insn *in)
{
	if (d->dst == FORM_WRITE && in->dst_reg >= BPF_REG_6)
		f->saved |= 1u << jx_reg(in->dst_reg);
	if (d->src == FORM_WRITE && in->src_reg >= BPF_REG_6)
		f->saved |= 1u << jx_reg(in->src_reg);
}

/* Operations that write their destination without reading it. */
static bool only_writes(const struct insn_desc *d)
{
	unsigned class = d->code & 7;

	if (class == BPF_ALU || class == BPF_ALU64)
		return (d->code & 0xf0) == BPF_MOV;
	return true; /* loads and 64-bit immediates */
}

/* What an instruction reads and writes (live.c). */
static struct jx_effects effects_of(const struct insn_desc *d, const struct bpf_insn *in)
{
	const uint16_t args = 0x3e, r0 = 1;
	struct jx_effects e = {0};

	if (d->dst == FORM_READ || (d->dst == FORM_WRITE && !only_writes(d)))
		e.reads |= (uint16_t)(1u << in->dst_reg);
	if (d->dst == FORM_WRITE)
		e.writes |= (uint16_t)(1u << in->dst_reg);
	if (d->src == FORM_READ || d->src == FORM_WRITE)
		e.reads |= (uint16_t)(1u << in->src_reg);
	switch ((enum insn_op)d->op) {
	case INSN_CMPXCHG32:
	case INSN_CMPXCHG64:
		e.reads |= r0;
		break;
	case INSN_CALL_HELPER:
		e.reads |= args;
		/* A tail call that fails leaves all registers as they were. */
		if (in->imm != BPF_FUNC_tail_call)
			e.writes |= args | r0;
		break;
	case INSN_CALL_KFUNC:
	case INSN_CALL_SUBPROG:
	case INSN_CALLX:
		e.reads |= args;
		e.writes |= args | r0;
		break;
	case INSN_EXIT:
		e.reads |= r0;
		break;
	default:
		break;
	}
	return e;
}

/* Whether an instruction names a ref that exists and is of the kind that it asks for. */
static bool has_ref(const struct skep_code *code, const struct bpf_insn *in, enum code_ref_kind kind)
{
	return (uint32_t)in->imm < code->n_refs && code->refs[in->imm].kind == kind;
}

/* Checks what an operation refers to, and notes what it needs. Return: 0 or -EINVAL. */
static int scan_refs(struct jx *j, struct jx_func *f, const struct bpf_insn *in, uint32_t i, enum insn_op op)
{
	const struct skep_code *code = j->code;

	switch (op) {
	case INSN_CALL_KFUNC:
		f->calls = f->env = true;
		return has_ref(code, in, REF_KFUNC) ? 0 : -EINVAL;
	case INSN_CALLX:
		f->calls = f->env = j->may_end_early = true;
		return 0;
	case INSN_CALL_HELPER:
		/* The program that a tail call goes on in may end early, whatever this one does. */
		j->may_end_early |= in->imm == BPF_FUNC_tail_call;
		f->calls = f->env = true;
		return 0;
	case INSN_PROBEW:
	case INSN_PROBEH:
	case INSN_PROBEB:
	case INSN_PROBEDW:
	case INSN_PROBESW:
	case INSN_PROBESH:
	case INSN_PROBESB:
	case INSN_LDABSW:
	case INSN_LDABSH:
	case INSN_LDABSB:
	case INSN_LDINDW:
	case INSN_LDINDH:
	case INSN_LDINDB:
		f->calls = f->env = true;
		return 0;
	case INSN_MAY_GOTO:
		f->env = true;
		return 0;
	case INSN_CALL_SUBPROG:
		f->calls = f->env = true;
		/* Main is no callee: it would find no environment in r9. */
		return jx_find_func(code, (int64_t)i + 1 + in->imm) > 0 ? 0 : -EINVAL;
	case INSN_LD_FUNC:
		j->has_callbacks = j->may_end_early = true;
		return jx_find_func(code, (int64_t)i + 1 + in->imm) > 0 ? 0 : -EINVAL;
	case INSN_LD_MAP_FD:
		return has_ref(code, in, REF_MAP) ? 0 : -EINVAL;
	case INSN_LD_MAP_VALUE:
		return has_ref(code, in, REF_VALUE) ? 0 : -EINVAL;
	case INSN_LD_VAR:
		return has_ref(code, in, REF_KSYM) ? 0 : -EINVAL;
	default:
		return 0;
	}
}

/* One function, instruction by instruction. */
static int scan_func(struct jx *j, struct jx_func *f)
{
	const struct bpf_insn *insns = j->code->insns;
	unsigned op = JX_NO_OP;

	for (uint32_t i = f->start; i < f->end; i++) {
		const struct insn_desc *d = insn_decode(&insns[i], NULL);

		if (!d)
			return -EINVAL;
		op = d->op;
		j->ops[i] = (uint16_t)op;
		j->effects[i] = effects_of(d, &insns[i]);
		if (op == INSN_EXIT || op == INSN_JA || op == INSN_GOTOL)
			j->flags[i] |= JX_ENDS;
		scan_stack(f, d, &insns[i]);
		scan_writes(f, d, &insns[i]);
		if (scan_refs(j, f, &insns[i], i, op))
			return -EINVAL;
		if (op != INSN_CALL_SUBPROG && (d->off == FORM_JUMP || d->imm == FORM_JUMP)) {
			int64_t target = (int64_t)i + 1 + insn_jump_dist(d, &insns[i]);

			if (target < f->start || target >= f->end)
				return -EINVAL;
			j->flags[target] |= target <= i ? JX_TARGET | JX_LOOP : JX_TARGET;
			j->flags[i] |= JX_JUMPS;
			if (target < i) {
				j->backs[i].before = j->backs[target].last;
				j->backs[target].last = i;
			}
		}
		if (insn_is_wide(&insns[i])) {
			if (++i >= f->end)
				return -EINVAL;
			j->ops[i] = JX_NO_OP;
		}
	}
	for (uint32_t i = f->start; i < f->end; i++) {
		if (j->ops[i] == JX_NO_OP && (j->flags[i] & JX_TARGET))
			return -EINVAL;
	}
	/* Nothing may run on into the next function. */
	return j->flags[f->end - 1] & JX_ENDS ? 0 : -EINVAL;
}

/* Settles the frame, now that the whole function has been seen. */
static void plan_frame(struct jx_func *f, bool is_main)
{
	uint32_t pushed, used;

	if (is_main && f->env)
		f->saved |= 1u << REG_ENV;
	pushed = 8 * (uint32_t)__builtin_popcount(f->saved);
	/* The return address is 8 bytes past a multiple of 16, and so is what stands on the stack without a frame. */
	used = f->frame ? f->stack + pushed : pushed + 8;
	f->pad = f->calls && used % 16 ? 8 : 0;
}

/*
 * jx_scan - fill in ops, flags, effects, backs, funcs and has_callbacks, all allocated and zeroed by the caller.
 * Return: 0, or -EINVAL for a program that cannot be compiled.
 */
int jx_scan(struct jx *j)
{
	const struct skep_code *code = j->code;
	int err;

	if (code->subprogs[0] != 0)
		return -EINVAL;
	for (uint32_t k = 0; k < code->n_subprogs; k++) {
		struct jx_func *f = &j->funcs[k];

		f->start = code->subprogs[k];
		f->end = k + 1 < code->n_subprogs ? code->subprogs[k + 1] : code->n_insns;
		if (f->end > code->n_insns || f->start >= f->end)
			return -EINVAL;
		err = scan_func(j, f);
		if (err)
			return err;
		plan_frame(f, k == 0);
	}
	return 0;
}
