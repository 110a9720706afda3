/* SPDX-License-Identifier: BSD-2-Clause */
/* A program: its functions, each a prologue and a block of statements; then the damage. */
#include "gen_impl.h"

#include <string.h>

/* All statements, and how often each is made. */
static const struct {
	uint32_t weight;
	void (*make)(struct gen *g);
} statements[] = {
	{4, gen_alu},      {6, gen_var_access}, {2, gen_fixed_access}, {2, gen_stack_ptr},
	{3, gen_lookup},   {2, gen_packet},     {1, gen_ring_record},  {3, gen_spill_fill},
	{1, gen_copy_reg}, {3, gen_branch},     {1, gen_loop},         {1, gen_atomic},
	{3, gen_helper},   {2, gen_sub_call},   {1, gen_fork_scalar},  {1, gen_ctx_var},
};

static void statement(struct gen *g)
{
	uint32_t all = 0, k = 0;

	for (size_t i = 0; i < ARRAY_SIZE(statements); i++)
		all += statements[i].weight;
	for (uint32_t at = BELOW(all); at >= statements[k].weight; k++)
		at -= statements[k].weight;
	statements[k].make(g);
}

void gen_block(struct gen *g, uint32_t n)
{
	g->depth++;
	for (uint32_t i = 0; i < n && g->budget; i++) {
		g->budget--;
		statement(g);
	}
	g->depth--;
}

static void prologue(struct gen *g, uint32_t func)
{
	enum sig sig = g->p->funcs[func].sig;
	uint32_t skip;

	memset(&g->v, 0, sizeof(g->v));
	g->locked = g->num_only = g->depth = g->records = g->loops = 0;
	g->has_ctx = sig == SIG_MAIN || sig == SIG_CTX;
	g->in_callback = sig == SIG_LOOP || sig == SIG_EACH;
	g->func = func;
	if (g->has_ctx) {
		MOVR(6, 1);
		g->v.r[6].kind = K_CTX;
	}
	switch (sig) {
	case SIG_NUM:
		g->v.r[1] = g->v.r[2] = gen_num(0);
		break;
	case SIG_CTX:
		g->v.r[2] = gen_num(0);
		break;
	case SIG_MEM:
		g->v.r[2] = gen_num(0);
		skip = JMPI(BPF_JNE, 1, 0);
		gen_leave_here(g);
		gen_land(g, skip);
		MOVR(7, 1);
		g->v.r[1] = g->v.r[7] = (struct val){.kind = K_VAL, .room = 16};
		break;
	case SIG_PTR:
		MOVR(8, 1);
		g->v.r[1] = g->v.r[8] = g->arg[func];
		g->v.r[2] = gen_num(0);
		break;
	case SIG_LOOP:
		MOVR(7, 1);
		MOVR(8, 2);
		g->v.r[7] = gen_num(0);
		g->v.r[8] = (struct val){.kind = K_STACK, .room = 32};
		break;
	case SIG_EACH:
		MOVR(7, 4);
		MOVR(8, 3);
		g->v.r[7] = (struct val){.kind = K_STACK, .room = 32};
		g->v.r[8] = (struct val){.kind = K_VAL, .room = 16};
		break;
	default:
		break;
	}
	/* What is read was written. */
	for (int i = 1; i <= SLOTS + BUF_SIZE / 8 + 1; i++)
		if (CHANCE(97))
			STOREI(BPF_DW, 10, -8 * i, CHANCE(60) ? 0 : (int32_t)BELOW(100));
	for (int i = 1; i <= SLOTS; i++)
		g->v.slot[i] = gen_num(0);
}

static void function(struct gen *g, uint32_t func, uint32_t budget)
{
	g->p->funcs[func].start = g->p->n;
	prologue(g, func);
	g->budget = budget;
	if (gen_has_packet(g) && CHANCE(50))
		gen_packet(g);
	if (CHANCE(50))
		gen_lookup(g);
	if (CHANCE(50))
		gen_stack_ptr(g);
	gen_block(g, budget);
	if (g->in_callback) {
		uint32_t skip;

		MOVI(0, 0);
		if (CHANCE(30)) {
			g->v.r[0].kind = K_NONE;
			skip = JMPI(BPF_JNE, gen_pick_num(g), (int32_t)BELOW(20));
			MOVI(0, 1);
			gen_land(g, skip);
			MOVI(0, CHANCE(50) ? 0 : 1);
		}
	} else {
		uint32_t r = gen_pick_num(g);

		if (r)
			MOVR(0, r);
		if ((!func && (g->p->type == BPF_PROG_TYPE_CGROUP_SKB)) || (func && CHANCE(60)))
			ALUI(BPF_AND, 0, func ? PICK(g, 1, 3, 7, 15, 31) : 1);
	}
	EXIT();
}

/* One field of one instruction becomes another. */
static void damage(struct gen *g)
{
	uint32_t at = BELOW(g->p->n);
	struct bpf_insn *insn = &g->p->insns[at];

	if (!insn->code || insn_is_wide(insn))
		return;
	bool mem =
		BPF_CLASS(insn->code) == BPF_LDX || BPF_CLASS(insn->code) == BPF_ST || BPF_CLASS(insn->code) == BPF_STX;
	bool alu_or_jump = BPF_CLASS(insn->code) >= BPF_ALU, x = BPF_SRC(insn->code) == BPF_X;
	bool cond = (BPF_CLASS(insn->code) == BPF_JMP || BPF_CLASS(insn->code) == BPF_JMP32) &&
		    BPF_OP(insn->code) != BPF_EXIT && BPF_OP(insn->code) != BPF_CALL;

	switch (BELOW(7)) {
	case 0:
		if (alu_or_jump && !x && BPF_OP(insn->code) != BPF_EXIT && BPF_OP(insn->code) != BPF_JA &&
		    insn->src_reg == 0)
			insn->imm += (int32_t)BELOW(5) - 2;
		break;
	case 1:
		if (mem || cond)
			insn->off = (int16_t)(insn->off + (int)BELOW(5) - 2);
		break;
	case 2:
		if (alu_or_jump && !x && (cond ? BPF_OP(insn->code) != BPF_JA : BPF_OP(insn->code) < BPF_NEG))
			insn->imm = gen_corner32(g);
		break;
	case 3:
		if (mem || !cond)
			insn->dst_reg = BPF_CLASS(insn->code) == BPF_JMP ? 0 : BELOW(10) & 15;
		break;
	case 4:
		if (mem ? BPF_CLASS(insn->code) != BPF_ST : alu_or_jump && x && BPF_OP(insn->code) < BPF_CALL)
			insn->src_reg = BELOW(10) & 15;
		break;
	case 5:
		if (cond) /* the other way round */
			insn->code =
				(insn->code & 0x0f) | (uint8_t)PICK(g, BPF_JEQ, BPF_JNE, BPF_JGT, BPF_JGE, BPF_JLT,
								    BPF_JLE, BPF_JSGT, BPF_JSGE, BPF_JSLT, BPF_JSLE);
		else if (mem)
			insn->code ^= 0x08;
		break;
	default:
		*insn = (struct bpf_insn){.code = BPF_JMP | BPF_JA};
		break;
	}
}

static bool is_called(const struct gen *g, uint32_t func)
{
	for (uint32_t i = 0; i < g->n_calls; i++)
		if (g->callee[i] == func)
			return true;
	return false;
}

void gen_program(struct fuzz_prog *p, uint64_t seed)
{
	static const uint32_t types[] = {BPF_PROG_TYPE_XDP,       BPF_PROG_TYPE_XDP,           BPF_PROG_TYPE_SCHED_CLS,
					 BPF_PROG_TYPE_SCHED_CLS, BPF_PROG_TYPE_SOCKET_FILTER, BPF_PROG_TYPE_CGROUP_SKB,
					 BPF_PROG_TYPE_SYSCALL};
	struct gen gen = {.rng = {seed}, .p = p}, *g = &gen;

	rng_next(&g->rng);
	p->n = 0;
	p->attach = 0;
	p->flags = CHANCE(30) ? BPF_F_TEST_STATE_FREQ : 0;
	p->type = types[BELOW(ARRAY_SIZE(types))];
	if (p->type == BPF_PROG_TYPE_SYSCALL)
		p->flags |= BPF_F_SLEEPABLE;
	p->n_funcs = CHANCE(45) ? 1 : 2 + BELOW(4);
	p->with_btf = CHANCE(85);
	for (uint32_t i = 0; i < p->n_funcs; i++) {
		p->funcs[i].sig = i ? (enum sig)(1 + BELOW(SIG_COUNT - 1)) : SIG_MAIN;
		p->funcs[i].global = false;
		if (p->type == BPF_PROG_TYPE_SYSCALL && p->funcs[i].sig == SIG_CTX)
			p->funcs[i].sig = SIG_NUM;
		if (i && p->with_btf && p->funcs[i].sig <= SIG_MEM && CHANCE(50))
			p->funcs[i].global = true;
		if (p->funcs[i].sig == SIG_MEM && !p->funcs[i].global)
			p->funcs[i].sig = SIG_PTR;
		g->arg[i] = CHANCE(50) ? (struct val){.kind = K_STACK, .room = 32}
				       : (struct val){.kind = K_VAL, .room = 48};
	}
	for (uint32_t i = 0; i < p->n_funcs; i++)
		if (!i || is_called(g, i))
			function(g, i, i ? 4 + BELOW(8) : 8 + BELOW(30));
	for (uint32_t i = 0; i < g->n_calls; i++)
		p->insns[g->calls[i]].imm = (int32_t)(p->funcs[g->callee[i]].start - g->calls[i] - 1);
	for (uint32_t i = 0, n = p->n_funcs; i < n; i++) {
		if (!i)
			p->n_funcs = 0;
		if (!i || is_called(g, i))
			p->funcs[p->n_funcs++] = p->funcs[i];
	}
	if (CHANCE(30))
		for (uint32_t i = 0; i < 1 + BELOW(2); i++)
			damage(g);
}
