/* SPDX-License-Identifier: BSD-2-Clause */
#include "conclude.h"

#include "base/util.h"
#include "insn/insn.h"
#include "verify/fixup.h"
#include "verify/internal.h"

#include <bpf/btf.h>
#include <stdlib.h>
#include <string.h>

/* Ids as they come: 1, 2, ... in the order in which a state names them. */
enum { MAX_IDS = 512 };

struct digest {
	uint64_t sum;
	uint32_t ids[MAX_IDS], n_ids;
};

static void add(struct digest *d, uint64_t value)
{
	d->sum = (d->sum ^ value) * 0x9e3779b97f4a7c15u;
	d->sum ^= d->sum >> 29;
}

static void add_text(struct digest *d, const char *text)
{
	for (; text && *text; text++)
		add(d, (uint8_t)*text);
	add(d, 0);
}

static void add_id(struct digest *d, uint32_t id)
{
	uint32_t i = 0;

	if (!id) {
		add(d, 0);
		return;
	}
	while (i < d->n_ids && d->ids[i] != id)
		i++;
	if (i == d->n_ids && i < MAX_IDS)
		d->ids[d->n_ids++] = id;
	add(d, i + 1);
}

static void add_type(struct digest *d, const struct verifier *v, const struct btf *btf, uint32_t id)
{
	const struct btf_type *t = btf && id ? btf__type_by_id(btf, id) : NULL;

	add(d, btf && btf == v->in->btf);
	add(d, t ? btf_kind(t) : 0);
	add_text(d, t ? btf__name_by_offset(btf, t->name_off) : "");
}

static void add_scalar(struct digest *d, const struct scalar *s)
{
	add(d, s->bits.value);
	add(d, s->bits.mask);
	add(d, (uint64_t)s->smin);
	add(d, (uint64_t)s->smax);
	add(d, s->umin);
	add(d, s->umax);
	add(d, (uint64_t)(uint32_t)s->smin32 << 32 | (uint32_t)s->smax32);
	add(d, (uint64_t)s->umin32 << 32 | s->umax32);
}

static void add_map(struct digest *d, const struct reg *r)
{
	add(d, r->map ? r->map->type : 0);
	add(d, r->map ? r->map->index : 0);
	add(d, r->map ? (uint64_t)r->map->key_size << 32 | r->map->value_size : 0);
	add_id(d, r->map_uid);
}

static void add_dynptr(struct digest *d, const struct reg *r)
{
	add(d, r->dynptr);
	add(d, r->first_slot);
}

static void add_reg(struct digest *d, const struct verifier *v, const struct reg *r)
{
	add(d, r->type);
	if (r->type == REG_NOT_INIT)
		return;
	add(d, r->id & (ID_ADD_CONST | ID_ADD_CONST32));
	add_id(d, r->id & ~(ID_ADD_CONST | ID_ADD_CONST32));
	add(d, r->zext_pending);
	if (r->zext_pending)
		add(d, r->def);
	add_scalar(d, &r->var);
	if (r->type == REG_SCALAR) {
		if (r->id & (ID_ADD_CONST | ID_ADD_CONST32))
			add(d, (uint64_t)r->off);
		return;
	}
	add(d, (uint64_t)r->off);
	add_id(d, r->ref_id);
	switch (REG_BASE(r->type)) {
	case REG_MAP_PTR:
	case REG_MAP_VALUE:
	case REG_MAP_KEY:
		add_map(d, r);
		break;
	case REG_STACK:
		add(d, r->frame);
		break;
	case REG_PKT:
	case REG_PKT_META:
		add(d, (uint64_t)r->range);
		break;
	case REG_BTF:
		add_type(d, v, r->btf, r->btf_id);
		break;
	case REG_MEM:
		add(d, r->mem_size);
		add_id(d, r->dynptr_id);
		break;
	case REG_FUNC:
		add(d, r->subprog);
		break;
	case REG_DYNPTR:
		add_dynptr(d, r);
		break;
	default:
		break;
	}
}

static void add_slot(struct digest *d, const struct verifier *v, const struct slot *s)
{
	uint64_t kinds = 0;

	for (uint32_t i = 0; i < 8; i++)
		kinds = kinds << 8 | s->kind[i];
	add(d, kinds);
	switch (s->kind[7]) {
	case SLOT_SPILL:
		add_reg(d, v, &s->reg);
		break;
	case SLOT_DYNPTR:
		add_id(d, s->reg.id);
		add_id(d, s->reg.ref_id);
		add_dynptr(d, &s->reg);
		break;
	case SLOT_ITER:
		add_id(d, s->reg.ref_id);
		add_type(d, v, s->reg.iter_btf, s->reg.iter_btf_id);
		add(d, (uint64_t)s->reg.iter_state << 32 | s->reg.iter_depth);
		break;
	case SLOT_IRQ:
		add_id(d, s->reg.ref_id);
		add(d, s->reg.irq_class);
		break;
	default:
		break;
	}
}

static void add_frame(struct digest *d, const struct verifier *v, const struct frame *f)
{
	add(d, (uint64_t)f->callsite << 32 | f->subprog);
	add(d,
	    (uint64_t)f->in_callback << 2 | (uint64_t)f->in_async_callback << 1 | (uint64_t)f->in_exception_callback);
	add(d, (uint64_t)f->async_entries << 32 | f->callback_depth);
	if (f->callback_ret.checked)
		add(d, (uint64_t)f->callback_ret.min << 32 ^ (uint32_t)f->callback_ret.max);
	for (uint32_t i = 0; i < ARRAY_SIZE(f->regs); i++)
		add_reg(d, v, &f->regs[i]);
	add(d, f->stack ? f->stack->n : 0);
	for (uint32_t i = 0; f->stack && i < f->stack->n; i++)
		add_slot(d, v, &f->stack->slots[i]);
}

/* @marks: precision and liveness too, which change after a state was cached. */
static void add_state(struct digest *d, const struct verifier *v, const struct state *s, bool marks)
{
	d->n_ids = 0;
	add(d, s->curframe);
	for (uint32_t i = 0; i <= s->curframe; i++)
		add_frame(d, v, s->frames[i]);
	for (uint32_t i = 0; i < s->n_refs; i++) {
		add(d, (uint64_t)s->refs[i].kind << 32 | s->refs[i].insn);
		add_id(d, s->refs[i].id);
		add_id(d, s->refs[i].lock_id);
	}
	add(d, (uint64_t)s->n_refs << 32 | s->n_locks);
	add_id(d, s->lock_id);
	add_id(d, s->irq_id);
	add(d, (uint64_t)s->rcu_depth << 32 | s->preempt_depth);
	add(d, (uint64_t)s->sleepable << 1 | (uint64_t)s->speculative);
	add(d, (uint64_t)s->callback_unroll << 32 | s->may_goto_depth);
	for (uint32_t i = 0; marks && i <= s->curframe; i++) {
		add(d, s->frames[i]->precise_regs);
		add(d, s->frames[i]->precise_slots);
		add(d, s->live_slots[i]);
	}
}

/* What was found out about the instructions before the walk. */
static void add_shape(struct digest *d, const struct verifier *v)
{
	for (uint32_t i = 0; i < v->n; i++) {
		const struct insn_aux *a = &v->aux[i];

		add(d, (uint64_t)a->prune_point << 6 | (uint64_t)a->jump_point << 5 |
			       (uint64_t)a->force_checkpoint << 4 | (uint64_t)a->calls_callback << 3 |
			       (uint64_t)a->is_iter_next << 2 | (uint64_t)a->fastcall_pattern << 1 |
			       (uint64_t)a->jump_target);
		add(d, (uint64_t)a->live_regs << 32 | a->scc);
		add(d, a->fastcall_spills);
	}
}

static void follow(void *arg, const struct verifier *v, enum verify_event event, const struct state *other)
{
	struct digest *d = arg;

	add(d, (uint64_t)event << 32 | v->insn);
	switch (event) {
	case TRACE_START:
		add(d, v->subprog);
		add_shape(d, v);
		break;
	case TRACE_STEP:
		add(d, v->prev_insn);
		add(d, (uint64_t)v->aux[v->insn].alu_state << 32 | v->aux[v->insn].alu_limit);
		add_state(d, v, v->cur, false);
		break;
	case TRACE_FORK:
	case TRACE_CACHED:
		add(d, other->insn);
		break;
	case TRACE_COVERED:
	case TRACE_COVERED_ALL:
		add_state(d, v, other, true);
		break;
	}
}

/* What the engine gets. */

static void add_code(struct digest *d, const struct fixup_code *c)
{
	for (uint32_t i = 0; i < c->n_insns; i++) {
		const struct bpf_insn *insn = &c->insns[i];

		add(d, (uint64_t)insn->code << 32 | (uint64_t)insn->dst_reg << 24 | (uint64_t)insn->src_reg << 16 |
			       (uint16_t)insn->off);
		add(d, (uint32_t)insn->imm);
	}
	for (uint32_t i = 0; i < c->n_subprogs; i++) {
		add(d, c->subprogs[i]);
		if (c->func_info)
			add(d, c->func_info[i].insn_off);
	}
	for (uint32_t i = 0; i < c->n_line_info; i++)
		add(d, (uint64_t)c->line_info[i].insn_off << 32 | c->line_info[i].line_col);
}

static bool plain_array(void *arg, uint32_t map, struct fixup_array *out)
{
	const struct verify_input *in = arg;
	const struct verify_map *m = map < in->n_maps ? in->maps[map] : NULL;

	if (!m || m->type != BPF_MAP_TYPE_ARRAY)
		return false;
	*out = (struct fixup_array){
		.ref = (int32_t)map, .max_entries = m->max_entries, .stride = (m->value_size + 7) & ~7u};
	return true;
}

static void *copy(const void *from, size_t n, size_t size)
{
	void *p = from ? calloc(n + 1, size) : NULL;

	if (from && !p)
		abort();
	if (p)
		memcpy(p, from, n * size);
	return p;
}

static void add_fixups(struct digest *d, const struct verify_input *in, const struct verify_result *r)
{
	struct fixup_code c = {.insns = copy(in->insns, in->n_insns, sizeof(*in->insns)),
			       .n_insns = in->n_insns,
			       .subprogs = copy(in->subprogs, in->n_subprogs, sizeof(*in->subprogs)),
			       .n_subprogs = in->n_subprogs,
			       .func_info = copy(in->func_info, in->n_subprogs, sizeof(*in->func_info)),
			       .line_info = copy(in->line_info, in->n_line_info, sizeof(*in->line_info)),
			       .n_line_info = in->n_line_info};
	struct verify_insn *facts = copy(r->insns, in->n_insns, sizeof(*facts));

	if (fixup_dead_code(&c, facts))
		abort();
	add_code(d, &c);
	if (fixup_inline_lookups(&c, facts, plain_array, (void *)in))
		abort();
	add_code(d, &c);
	free(c.insns);
	free(c.subprogs);
	free(c.func_info);
	free(c.line_info);
	free(facts);
}

static void add_facts(struct digest *d, const struct verify_input *in, const struct verify_result *r)
{
	for (uint32_t i = 0; r->insns && i < in->n_insns; i++) {
		const struct verify_insn *f = &r->insns[i];

		add(d, f->visits);
		add(d, (uint64_t)f->seen << 4 | (uint64_t)f->probe_mem << 3 | (uint64_t)f->zext << 2 |
			       (uint64_t)f->map_known << 1 | (uint64_t)f->key_known);
		add(d, f->ptr_type);
		add(d, f->map_known ? f->map : 0);
		add(d, f->key_known ? f->map_key : 0);
	}
	for (uint32_t i = 0; r->subprog_stack && i < in->n_subprogs; i++)
		add(d, r->subprog_stack[i]);
	if (!r->err)
		add_fixups(d, in, r);
}

int conclude(const struct verify_input *in, struct conclusion *out, struct verify_result *result)
{
	struct digest claims = {.sum = 1}, facts = {.sum = 1};
	struct verify_input traced = *in;
	int err;

	traced.trace = follow;
	traced.trace_arg = &claims;
	err = verify(&traced, result);
	add_facts(&facts, in, result);
	*out = (struct conclusion){.err = err,
				   .problem = err ? result->problem : PROBLEM_NONE,
				   .insn = err ? result->insn : 0,
				   .insns_processed = result->insns_processed,
				   .total_states = result->total_states,
				   .peak_states = result->peak_states,
				   .max_states_per_insn = result->max_states_per_insn,
				   .mark_read = result->mark_read,
				   .stack_depth = result->stack_depth,
				   .max_ctx = result->max_ctx,
				   .facts = (uint32_t)(facts.sum >> 32),
				   .claims = (uint32_t)(claims.sum >> 32)};
	return err;
}
