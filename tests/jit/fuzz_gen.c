// SPDX-License-Identifier: BSD-2-Clause
/* Random programs: numbers, registers, accesses, control flow, calls. fuzz_gen.h tells what holds for them. */
#include "fuzz_gen.h"

uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

uint32_t pick(struct gen *g, uint32_t n)
{
	return (uint32_t)(next_random(&g->rng) % n);
}

bool chance(struct gen *g, uint32_t percent)
{
	return pick(g, 100) < percent;
}

/* A value that hits boundaries more often than chance would. */
static uint64_t pick_value(struct gen *g)
{
	static const uint64_t corners[] = {
		0,
		1,
		2,
		3,
		7,
		8,
		15,
		16,
		31,
		32,
		33,
		63,
		64,
		65,
		127,
		128,
		129,
		255,
		256,
		0x7fff,
		0x8000,
		0xffff,
		0x10000,
		0x7fffffff,
		0x80000000,
		0x80000001,
		0xfffffffe,
		0xffffffff,
		0x100000000,
		0x7fffffffffffffff,
		0x8000000000000000,
		0x8000000000000001,
	};
	uint64_t v = next_random(&g->rng);

	switch (pick(g, 4)) {
	case 0:
		v = corners[pick(g, ARRAY_SIZE(corners))];
		break;
	case 1:
		v = 0 - corners[pick(g, ARRAY_SIZE(corners))];
		break;
	case 2:
		v >>= pick(g, 64);
		break;
	}
	return v;
}

int32_t pick_imm(struct gen *g)
{
	return (int32_t)pick_value(g);
}

/* A register that may be written. */
uint32_t pick_dst(struct gen *g)
{
	return pick(g, g->stack ? 10 : 8);
}

/* A register that may be read as a number. */
uint32_t pick_src(struct gen *g)
{
	return pick(g, g->stack ? 10 : 9);
}

void set_random(struct gen *g, uint32_t reg)
{
	if (chance(g, 30))
		build(&g->b, INSN_MOV64_K, reg, 0, 0, pick_imm(g));
	else
		build_wide(&g->b, INSN_LDIMM64, reg, pick_value(g));
}

/* After a call r1 to r5 are nobody's. */
static void refresh(struct gen *g)
{
	for (uint32_t r = 1; r <= 5; r++) {
		if (chance(g, 50))
			build(&g->b, INSN_MOV64_X, r, r == 1 || chance(g, 50) ? 0 : 1, 0, 0);
		else
			set_random(g, r);
	}
}

static bool is_alu(const struct insn_desc *d)
{
	return (d->code & 7) == BPF_ALU || (d->code & 7) == BPF_ALU64;
}

bool is_cond_jump(const struct insn_desc *d)
{
	unsigned class = d->code & 7;

	return (class == BPF_JMP || class == BPF_JMP32) && d->off == FORM_JUMP && d->dst == FORM_READ;
}

static bool is_memory(const struct insn_desc *d)
{
	unsigned class = d->code & 7;

	return d->off == FORM_MEM && (class == BPF_LDX || class == BPF_ST || class == BPF_STX);
}

static bool is_atomic(const struct insn_desc *d)
{
	return (d->code & 7) == BPF_STX && (d->code & 0xe0) == 0xc0;
}

/* An operation for which @is holds. Every row of the table is as likely as another. */
const struct insn_desc *pick_op(struct gen *g, bool (*is)(const struct insn_desc *d))
{
	for (;;) {
		const struct insn_desc *d = &insn_descs[pick(g, INSN_OP_COUNT)];

		if (is(d))
			return d;
	}
}

void gen_alu(struct gen *g)
{
	const struct insn_desc *d = pick_op(g, is_alu);
	uint32_t dst = pick_dst(g);

	/* A copy before, as compilers make them, is what the JIT fuses. */
	if (chance(g, 30))
		build(&g->b, chance(g, 70) ? INSN_MOV64_X : INSN_MOV32_X, dst, pick_src(g), 0, 0);
	build(&g->b, d->op, dst, d->src == FORM_READ ? pick_src(g) : 0, 0, d->imm == FORM_IMM ? pick_imm(g) : 0);
}

/* The buffer's address into a register. */
void load_buf(struct gen *g, uint32_t reg)
{
	if (g->stack)
		build(&g->b, INSN_LDXDW, reg, 10, STACK_BUF, 0);
	else if (reg != 9)
		build(&g->b, INSN_MOV64_X, reg, 9, 0, 0);
}

static int32_t pick_offset(struct gen *g, int size)
{
	static const int16_t offsets[] = {0, 8, -8, 16, 120, 128, 136, -120, -128, -136, 32760, -32768};
	int32_t off = chance(g, 80) ? offsets[pick(g, ARRAY_SIZE(offsets))] : (int16_t)next_random(&g->rng);

	off = off / 8 * 8;
	/* Unaligned, where the machine has it; atomic operations want it aligned. */
	return size ? off + (int)pick(g, (uint32_t)(8 / size)) * size : MIN(off + (int)pick(g, 8), 32760);
}

static int access_size(const struct insn_desc *d)
{
	switch (d->code & 0x18) {
	case BPF_B:
		return 1;
	case BPF_H:
		return 2;
	case BPF_W:
		return 4;
	}
	return 8;
}

/*
 * One access, at base + @off. The base register is written before and given a number afterwards, unless it
 * is the destination.
 */
static void emit_access(struct gen *g, const struct insn_desc *d, uint32_t base, uint32_t other, int32_t off)
{
	bool load = d->dst == FORM_WRITE;

	build(&g->b, d->op, load ? other : base,
	      load                  ? base
	      : d->src != FORM_ZERO ? other
				    : 0,
	      off, d->imm == FORM_IMM ? pick_imm(g) : 0);
}

static void gen_buffer_access(struct gen *g)
{
	const struct insn_desc *d = pick_op(g, is_memory);
	uint32_t base = g->stack || chance(g, 50) ? pick_dst(g) : 9;
	uint32_t other = d->dst == FORM_WRITE || d->src == FORM_WRITE ? pick_dst(g) : pick_src(g);
	int32_t off = pick_offset(g, is_atomic(d) ? access_size(d) : 0);

	load_buf(g, base);
	if (base != 9 && chance(g, 30)) {
		int32_t shift = off / 2 / 8 * 8;

		build(&g->b, INSN_ADD64_K, base, 0, 0, shift);
		off -= shift;
	}
	emit_access(g, d, base, other, off);
}

static void gen_stack_access(struct gen *g)
{
	const struct insn_desc *d = pick_op(g, is_memory);
	uint32_t other = d->dst == FORM_WRITE || d->src == FORM_WRITE ? pick_dst(g) : pick_src(g);
	int size = access_size(d), off = g->data;
	uint32_t base = 10;

	if (!g->stack)
		return;
	off += is_atomic(d) ? (int)pick(g, STACK_DATA_SIZE / 8) * 8
			    : (int)pick(g, (uint32_t)(STACK_DATA_SIZE - size + 1));
	if (chance(g, 30)) {
		/* Through a copy. The copy must not stay: stacks lie elsewhere in each engine. */
		base = pick_dst(g);
		if (other == base || (strstr(d->name, "CMPXCHG") && base == 0))
			return;
		build(&g->b, INSN_MOV64_X, base, 10, 0, 0);
		build(&g->b, INSN_ADD64_K, base, 0, 0, off);
		off = 0;
	}
	emit_access(g, d, base, other, off);
	if (base != 10)
		set_random(g, base);
}

static void gen_block(struct gen *g, int depth, uint32_t len);

/* A conditional jump, to be pointed somewhere by build_land(). */
static uint32_t gen_cond_jump(struct gen *g)
{
	const struct insn_desc *d = pick_op(g, is_cond_jump);

	return build(&g->b, d->op, pick_src(g), d->src == FORM_READ ? pick_src(g) : 0, 0,
		     d->imm == FORM_IMM ? pick_imm(g) : 0);
}

static uint32_t gen_goto(struct gen *g)
{
	return build(&g->b, chance(g, 50) ? INSN_JA : INSN_GOTOL, 0, 0, 0, 0);
}

/* A register gets one of two constants, or nearly so. */
static void gen_choice(struct gen *g)
{
	static const uint8_t movs[] = {INSN_MOV64_K, INSN_MOV32_K};
	uint32_t dst = pick_dst(g), jump;

	build(&g->b, movs[pick(g, 2)], dst, 0, 0, chance(g, 50) ? (int)pick(g, 2) : pick_imm(g));
	jump = gen_cond_jump(g);
	build(&g->b, movs[pick(g, 2)], chance(g, 95) ? dst : pick_dst(g), 0, 0,
	      chance(g, 50) ? (int)pick(g, 2) : pick_imm(g));
	if (chance(g, 5))
		gen_alu(g);
	build_land(&g->b, jump);
}

static void gen_if(struct gen *g, int depth)
{
	bool over_jump = chance(g, 15), from_afar = over_jump && chance(g, 40);
	uint32_t skip_else, skip, afar = 0;

	if (from_afar) {
		afar = gen_cond_jump(g);
		gen_alu(g);
	}
	skip = gen_cond_jump(g);
	if (over_jump) {
		/* A jump over a jump, as compilers put the opposite condition, the second one a target or not. */
		uint32_t over;

		if (from_afar)
			build_land(&g->b, afar);
		over = gen_goto(g);
		build_land(&g->b, skip);
		skip = over;
	}
	/* Now and then as much as a short jump reaches, give or take. */
	gen_block(g, depth + 1, chance(g, 10) ? 20 + pick(g, 30) : pick(g, 6));
	if (chance(g, 50)) {
		skip_else = gen_goto(g);
		build_land(&g->b, skip);
		gen_block(g, depth + 1, pick(g, 6));
		build_land(&g->b, skip_else);
	} else {
		build_land(&g->b, skip);
	}
}

static void gen_loop(struct gen *g, int depth)
{
	int slot = STACK_COUNTER - 8 * (int)g->loops;
	uint32_t head, back, leave, reg = g->stack ? pick_dst(g) : 8;
	uint32_t out = UINT32_MAX, ends[4], n_ends = 0;

	if (g->stack ? g->loops >= 2 : g->counter_taken)
		return;
	if (g->stack) {
		build(&g->b, INSN_STDW, 10, 0, slot, 1 + pick(g, 4));
	} else {
		g->counter_taken = true;
		build(&g->b, INSN_MOV64_K, 8, 0, 0, 1 + pick(g, 4));
	}
	g->loops++;
	head = g->b.n;
	if (chance(g, 20))
		out = build(&g->b, INSN_MAY_GOTO, 0, 0, 0, 0);
	gen_block(g, depth + 1, chance(g, 10) ? 20 + pick(g, 30) : 1 + pick(g, 6));
	for (uint32_t n = chance(g, 50) ? 0 : 1 + pick(g, 3); n; n--) {
		/* "continue", mostly from a branch. */
		ends[n_ends++] = chance(g, 90) ? gen_cond_jump(g) : gen_goto(g);
		gen_block(g, depth + 1, pick(g, 4));
	}
	for (uint32_t i = 0; i < n_ends; i++)
		build_land(&g->b, ends[i]);
	if (chance(g, 30))
		gen_alu(g);
	if (chance(g, 20))
		gen_choice(g);
	if (g->stack)
		build(&g->b, INSN_LDXDW, reg, 10, slot, 0);
	build(&g->b, INSN_ADD64_K, reg, 0, 0, -1);
	if (g->stack)
		build(&g->b, INSN_STXDW, 10, reg, slot, 0);
	if (chance(g, 30)) {
		leave = build(&g->b, INSN_JEQ64_K, reg, 0, 0, 0);
		back = gen_goto(g);
		if (g->b.insns[back].code == (BPF_JMP | BPF_JA))
			g->b.insns[back].off = (int16_t)(head - back - 1);
		else
			g->b.insns[back].imm = (int32_t)(head - back - 1);
		build_land(&g->b, leave);
	} else {
		build(&g->b, INSN_JNE64_K, reg, 0, (int64_t)head - g->b.n - 1, 0);
	}
	if (out != UINT32_MAX)
		build_land(&g->b, out);
	g->loops--;
	if (!g->stack)
		g->counter_taken = false;
}

/* A later function, or 0 when there is none that may be called from here. */
static uint32_t pick_callee(struct gen *g)
{
	uint32_t later = g->n_funcs - 1 - g->func;

	if (!later || g->loops || !g->calls_left || g->n_calls == ARRAY_SIZE(g->calls))
		return 0;
	g->calls_left--;
	return g->func + 1 + pick(g, later);
}

static void refer_func(struct gen *g, uint32_t insn, uint32_t func)
{
	g->calls[g->n_calls] = insn;
	g->callee[g->n_calls++] = func;
}

static void gen_subprog_call(struct gen *g)
{
	uint32_t callee = pick_callee(g);

	if (!callee)
		return;
	load_buf(g, 1);
	refer_func(g, build(&g->b, INSN_CALL_SUBPROG, 0, 0, 0, 0), callee);
	refresh(g);
}

/* A helper that calls a function of the program a few times. */
static void gen_callback(struct gen *g)
{
	uint32_t callee = pick_callee(g);

	if (!callee)
		return;
	load_buf(g, 1);
	refer_func(g, build_wide(&g->b, INSN_LD_FUNC, 2, 0), callee);
	build(&g->b, INSN_CALL_HELPER, 0, 0, 0, HELPER_LOOP);
	refresh(g);
}

static void gen_helper_call(struct gen *g)
{
	uint32_t id = HELPER_MIX, reg;

	switch (pick(g, 20)) {
	case 0:
		id = HELPER_BUDGET;
		break;
	case 1:
		if (chance(g, 10))
			id = chance(g, 50) ? HELPER_NONE : 100000;
		break;
	case 2:
	case 3:
		id = HELPER_POKE;
		if (!g->stack || chance(g, 50)) {
			load_buf(g, 1);
		} else {
			build(&g->b, INSN_MOV64_X, 1, 10, 0, 0);
			build(&g->b, INSN_ADD64_K, 1, 0, 0, g->data + (int)pick(g, STACK_DATA_SIZE - 8));
		}
		break;
	}
	if (chance(g, 20)) {
		/* By number, from any register but the one that holds an argument that matters. */
		do {
			reg = pick_dst(g);
		} while (reg == 1 && id == HELPER_POKE);
		build(&g->b, INSN_MOV64_K, reg, 0, 0, id);
		build(&g->b, INSN_CALLX, reg, 0, 0, 0);
	} else {
		build(&g->b, INSN_CALL_HELPER, 0, 0, 0, id);
	}
	refresh(g);
}

static void gen_tail_call(struct gen *g)
{
	/* Only main becomes itself again; elsewhere the chain of frames would grow beyond any. */
	uint32_t slot = g->func == 0 && !g->loops && chance(g, 40) ? SLOT_SELF : 1 + pick(g, SLOT_COUNT);

	load_buf(g, 1);
	build_wide(&g->b, INSN_LD_MAP_FD, 2, 0);
	if (chance(g, 20))
		build_wide(&g->b, INSN_LDIMM64, 3, 0xabcd00000000 | slot);
	else
		build(&g->b, INSN_MOV64_K, 3, 0, 0, chance(g, 5) ? -1 : (int32_t)slot);
	build(&g->b, INSN_CALL_HELPER, 0, 0, 0, BPF_FUNC_tail_call);
	refresh(g);
	set_random(g, 0);
}

static void gen_packet(struct gen *g)
{
	static const uint8_t abs_ops[] = {INSN_LDABSW, INSN_LDABSH, INSN_LDABSB};
	static const uint8_t ind_ops[] = {INSN_LDINDW, INSN_LDINDH, INSN_LDINDB};
	uint32_t reg = pick_dst(g);
	int32_t off = (int32_t)pick(g, PACKET_SIZE + 2);

	if (chance(g, 50)) {
		build(&g->b, abs_ops[pick(g, 3)], 0, 0, 0, off);
	} else {
		int32_t part = pick_imm(g);

		build(&g->b, INSN_MOV64_K, reg, 0, 0, part);
		build(&g->b, ind_ops[pick(g, 3)], 0, reg, 0, (int32_t)((uint32_t)off - (uint32_t)part));
	}
	refresh(g);
}

/* Jumps over instructions that never run. */
static void gen_dead(struct gen *g, int depth)
{
	uint32_t jump = gen_goto(g);

	gen_block(g, depth + 1, pick(g, 4));
	build_land(&g->b, jump);
}

static void gen_item(struct gen *g, int depth)
{
	uint32_t what = pick(g, 100);

	if (what < 25)
		gen_alu(g);
	else if (what < 46)
		gen_shape(g);
	else if (what < 48)
		gen_array_loop(g);
	else if (what < 63)
		gen_buffer_access(g);
	else if (what < 73)
		gen_stack_access(g);
	else if (what < 74)
		set_random(g, pick_dst(g));
	else if (what < 75)
		gen_choice(g);
	else if (what < 84 && depth < MAX_DEPTH)
		gen_if(g, depth);
	else if (what < 88 && depth < MAX_DEPTH)
		gen_loop(g, depth);
	else if (what < 91)
		gen_helper_call(g);
	else if (what < 93)
		gen_subprog_call(g);
	else if (what < 95)
		gen_callback(g);
	else if (what < 96)
		gen_tail_call(g);
	else if (what < 97)
		gen_packet(g);
	else if (depth < MAX_DEPTH)
		gen_dead(g, depth);
}

static void gen_block(struct gen *g, int depth, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		gen_item(g, depth);
}

static void gen_func(struct gen *g, uint32_t func)
{
	g->func = func;
	g->stack = chance(g, 65);
	g->calls_left = 2;
	g->data = (STACK_DATA - STACK_DATA_SIZE) - 8 * (int)pick(g, (512 - 128) / 8 + 1);
	g->funcs[func] = func ? build_func(&g->b) : 0;
	if (g->stack)
		build(&g->b, INSN_STXDW, 10, 1, STACK_BUF, 0);
	else
		build(&g->b, INSN_MOV64_X, 9, 1, 0, 0);
	/* What a function finds in r0 and r6 to r9 is not defined, and r1 is no number. */
	for (uint32_t r = 0; r < (g->stack ? 10u : 9u); r++) {
		if (func && r >= 2 && r <= 5)
			continue;
		set_random(g, r);
	}
	for (int off = g->data; g->stack && off < g->data + STACK_DATA_SIZE; off += 8)
		build(&g->b, INSN_STXDW, 10, pick_src(g), off, 0);
	gen_block(g, 0, 1 + pick(g, func ? 10 : 25));
	for (uint32_t r = 1; r < (g->stack ? 10u : 9u) && !chance(g, 5); r++) {
		build(&g->b, INSN_MUL64_K, 0, 0, 0, 0x01000193);
		build(&g->b, INSN_XOR64_X, 0, r, 0, 0);
	}
	build(&g->b, INSN_EXIT, 0, 0, 0, 0);
}

void gen_program(struct gen *g, uint64_t seed)
{
	*g = (struct gen){.rng = seed, .b = g->b};
	g->b.n = g->b.n_subprogs = 0;
	g->n_funcs = chance(g, 50) ? 1 : 1 + pick(g, MAX_FUNCS);
	for (uint32_t f = 0; f < g->n_funcs; f++)
		gen_func(g, f);
	for (uint32_t i = 0; i < g->n_calls; i++)
		g->b.insns[g->calls[i]].imm = (int32_t)g->funcs[g->callee[i]] - (int32_t)g->calls[i] - 1;
}
