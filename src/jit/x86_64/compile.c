// SPDX-License-Identifier: BSD-2-Clause
/*
 * The compiler's driver: state, functions with their frames, and the table of rules.
 * How the parts work together is told in jx.h.
 */
#include "jit/x86_64/jx.h"
#include "jit/x86_64/rules.h"

#include <errno.h>

struct jx_rule {
	jx_rule_fn *emit;
	uint8_t a;
	uint8_t width;
};

static const struct jx_rule rules[INSN_OP_COUNT] = {
#define X(op, code, dst, src, off, imm, isa, sym) [INSN_##op] = RULE_##op,
	INSN_TABLE(X)
#undef X
};

void jx_fail(struct jx *j, int err)
{
	if (!j->e.err)
		j->e.err = err;
}

bool jx_grow(struct jx *j, void *array, size_t elem, uint32_t n, uint32_t *cap)
{
	uint32_t want = *cap ? *cap * 2 : 64;
	void *mem;

	if (n < *cap)
		return true;
	mem = realloc(*(void **)array, want * elem);
	if (!mem) {
		jx_fail(j, -ENOMEM);
		return false;
	}
	*(void **)array = mem;
	*cap = want;
	return true;
}

static void add_fixup(struct jx *j, struct jx_fixup fix)
{
	if (jx_grow(j, &j->fixups, sizeof(fix), j->n_fixups, &j->cap_fixups))
		j->fixups[j->n_fixups++] = fix;
}

/*
 * Where a jump from j->at to instruction @target goes. A loop in front of which strips stand jumps back behind them, whoever comes from
 * outside goes to them; and from within a loop its end is the one in front of it, if there is one.
 */
static uint32_t place_of(const struct jx *j, uint32_t target)
{
	if (j->strip_place && target == j->strip_head && j->at >= j->strip_head && j->at <= j->strip_end)
		return j->strip_place;
	for (int i = 0; i < JX_TURNS; i++) {
		const struct jx_turn *t = &j->turns[i];

		if (t->place && target == t->from && j->at >= t->head && j->at < t->from)
			return t->place;
	}
	return target;
}

void jx_jcc(struct jx *j, enum x86_cond cc, uint32_t target)
{
	uint8_t *p = emit_begin(&j->e);

	if (!p)
		return;
	add_fixup(j, (struct jx_fixup){
			     .pos = j->e.len, .target = place_of(j, target), .kind = FIX_JCC, .cc = (uint8_t)cc});
	*p++ = 0x0f;
	*p++ = (uint8_t)(0x80 | cc);
	emit_end(&j->e, enc_u32(p, 0));
}

void jx_jmp(struct jx *j, uint32_t target)
{
	uint8_t *p = emit_begin(&j->e);

	if (!p)
		return;
	add_fixup(j, (struct jx_fixup){.pos = j->e.len, .target = place_of(j, target), .kind = FIX_JMP});
	*p++ = 0xe9;
	emit_end(&j->e, enc_u32(p, 0));
}

void jx_align(struct jx *j)
{
	uint8_t *p = emit_begin(&j->e);

	if (!p)
		return;
	add_fixup(j, (struct jx_fixup){.pos = j->e.len, .target = JX_ALIGN - 1, .kind = FIX_ALIGN});
	memset(p, X86_INT3, JX_ALIGN - 1);
	emit_end(&j->e, p + JX_ALIGN - 1);
}

uint32_t jx_new_place(struct jx *j)
{
	if (!jx_grow(j, &j->places, sizeof(*j->places), j->n_places, &j->cap_places))
		return 0;
	j->places[j->n_places] = (struct jx_place){0};
	return j->n_places++;
}

void jx_rel32(struct jx *j, enum jx_fixup_kind kind, uint32_t target)
{
	if (!j->e.err)
		add_fixup(j, (struct jx_fixup){.pos = j->e.len - 4, .target = target, .kind = kind});
}

void jx_load_reloc(struct jx *j, enum x86_reg dst, enum jit_reloc_kind kind, uint32_t index, int64_t addend)
{
	uint32_t offset = emit_mov_reloc(&j->e, dst);

	if (j->e.err || !jx_grow(j, &j->relocs, sizeof(*j->relocs), j->n_relocs, &j->cap_relocs))
		return;
	j->relocs[j->n_relocs++] = (struct jx_reloc){
		.rel = {.offset = offset, .kind = kind, .index = index, .addend = addend},
		.n_fixups = j->n_fixups,
	};
}

uint32_t jx_pool_add(struct jx *j, enum jit_reloc_kind kind, uint32_t index)
{
	if (!jx_grow(j, &j->pool, sizeof(*j->pool), j->n_pool, &j->cap_pool))
		return 0;
	j->pool[j->n_pool] = (struct jit_reloc){.kind = kind, .index = index};
	return j->n_pool++;
}

uint32_t jx_pool(struct jx *j, enum jit_reloc_kind kind, uint32_t index)
{
	/* Few in any program: there are some 200 helpers in all, and most use below ten. */
	for (uint32_t i = 0; i < j->n_pool; i++) {
		if (j->pool[i].index == index && j->pool[i].kind == kind)
			return i;
	}
	return jx_pool_add(j, kind, index);
}

static struct jx_place here(const struct jx *j)
{
	return (struct jx_place){.offset = j->e.len, .n_fixups = j->n_fixups};
}

void jx_land(struct jx *j, uint32_t place)
{
	j->places[place] = here(j);
}

/* The order in which registers are saved; restored in reverse. */
static const uint8_t save_order[] = {REG_ENV, RBX, R13, R14, R15};

static void emit_prologue(struct jx *j, const struct jx_func *f)
{
	struct emit *e = &j->e;

	if (f->frame) {
		emit_push(e, RBP);
		emit_mov_rr(e, W64, RBP, RSP);
		if (f->stack)
			emit_alu_ri(e, W64, ALU_SUB, RSP, (int32_t)f->stack);
	}
	for (size_t i = 0; i < ARRAY_SIZE(save_order); i++) {
		if (f->saved & 1u << save_order[i])
			emit_push(e, save_order[i]);
	}
	if (f->pad)
		emit_alu_ri(e, W64, ALU_SUB, RSP, (int32_t)f->pad);
	if (f->saved & 1u << REG_ENV)
		emit_mov_rr(e, W64, REG_ENV, R9);
}

void jx_epilogue(struct jx *j)
{
	const struct jx_func *f = j->fn;
	struct emit *e = &j->e;

	/* With a frame and nothing saved, leave alone undoes it all. */
	if (f->pad && (f->saved || !f->frame))
		emit_alu_ri(e, W64, ALU_ADD, RSP, (int32_t)f->pad);
	for (size_t i = ARRAY_SIZE(save_order); i-- > 0;) {
		if (f->saved & 1u << save_order[i])
			emit_pop(e, save_order[i]);
	}
	if (f->frame)
		emit_byte(e, X86_LEAVE);
}

/* Where code goes that has seen a fault in a callee: end what the innermost border with C began. */
static void emit_fault_exit(struct jx *j)
{
	emit_load(&j->e, W64, RSP, REG_ENV, offsetof(struct skep_env, unwind_sp));
	emit_mov_imm(&j->e, RAX, 0);
	emit_byte(&j->e, X86_RET);
}

/*
 * What stands before main's first byte: JIT_DIRECT for a program that C may call as a function, since it keeps what the C ABI
 * wants kept, reads no register before it is written but its arguments, and nothing can end its run from within.
 */
static void emit_mark(struct jx *j)
{
	const uint16_t args = 0x3e;

	jx_align(j);
	for (int i = 0; i < JX_ALIGN - 1; i++)
		emit_byte(&j->e, X86_INT3);
	emit_byte(&j->e, !j->may_end_early && !(j->live[0] & ~args) ? JIT_DIRECT : X86_INT3);
}

void jx_emit_insn(struct jx *j)
{
	const struct bpf_insn *in = &j->code->insns[j->at];
	const struct jx_rule *rule = &rules[j->ops[j->at]];

	j->next = j->at + (insn_is_wide(in) ? 2 : 1);
	rule->emit(j, in, rule->a, (enum x86_width)rule->width);
}

/* What stands in front of a loop. Return: where those go who come from outside. */
static struct jx_place emit_head(struct jx *j)
{
	bool falls_in = j->at == j->fn->start || !(j->flags[j->at - 1] & JX_ENDS);
	struct jx_place place = here(j);

	if (jx_emit_strip(j)) {
		jx_align(j);
		jx_land(j, j->strip_place);
		return place;
	}
	if (!jx_emit_turn(j, falls_in))
		jx_align(j);
	return here(j);
}

static void emit_func(struct jx *j, struct jx_func *f)
{
	j->fn = f;
	if (f->start == 0)
		emit_mark(j);
	f->entry = here(j);
	emit_prologue(j, f);
	for (j->at = f->start; j->at < f->end; j->at = j->next) {
		struct jx_place place = here(j);

		if (j->flags[j->at] & JX_LOOP)
			place = emit_head(j);
		if (j->next_switch < j->n_switches && j->switches[j->next_switch].root == j->at)
			jx_emit_switch(j);
		jx_emit_insn(j);
		j->places[j->at] = place;
		/* What was fused, and second slots, have no code of their own. */
		for (uint32_t i = j->at + 1; i < j->next; i++)
			j->places[i] = here(j);
	}
}

/* Takes the final bytes and offsets over into @obj. */
static int finish(struct jx *j, struct jit_object *obj)
{
	if (j->e.err)
		return j->e.err;
	obj->n_insns = j->code->n_insns;
	return jx_relax(j, obj);
}

static void jx_free(struct jx *j)
{
	free(j->e.buf);
	free(j->ops);
	free(j->flags);
	free(j->effects);
	free(j->backs);
	free(j->live);
	free(j->places);
	free(j->switches);
	free(j->funcs);
	free(j->fixups);
	free(j->relocs);
	free(j->pool);
}

uint32_t jit_host_features(void)
{
	/* The compiler's runtime has asked the CPU once, at start. */
	return (__builtin_cpu_supports("bmi2") ? JIT_FEATURE_BMI2 : 0) |
	       (__builtin_cpu_supports("bmi") ? JIT_FEATURE_BMI1 : 0);
}

int jit_compile_for(const struct skep_code *code, uint32_t features, struct jit_object **out)
{
	struct jx j = {.code = code, .features = features};
	size_t n = code->n_insns;
	struct jit_object *obj;
	int err;

	if (!n || n > SKEP_MAX_INSNS || !code->n_subprogs || code->n_subprogs > n)
		return -EINVAL;
	j.ops = calloc(n, sizeof(*j.ops));
	j.flags = calloc(n, sizeof(*j.flags));
	j.effects = calloc(n, sizeof(*j.effects));
	j.backs = calloc(n, sizeof(*j.backs));
	j.live = calloc(n + 1, sizeof(*j.live));
	j.n_places = j.cap_places = (uint32_t)n + 1;
	j.places = calloc(n + 1, sizeof(*j.places));
	j.funcs = calloc(code->n_subprogs, sizeof(*j.funcs));
	obj = calloc(1, sizeof(*obj));
	err = j.ops && j.flags && j.effects && j.backs && j.live && j.places && j.funcs && obj ? jx_scan(&j) : -ENOMEM;
	if (!err) {
		jx_find_live(&j);
		jx_find_switches(&j);
		for (uint32_t k = 0; k < code->n_subprogs; k++)
			emit_func(&j, &j.funcs[k]);
		j.places[n] = here(&j);
		if (j.has_callbacks)
			emit_fault_exit(&j);
		err = finish(&j, obj);
	}
	jx_free(&j);
	if (err)
		jit_object_free(obj);
	else
		*out = obj;
	return err;
}
