/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pruning: a path that comes to an instruction in a state that an earlier, more general one covers need not be walked again.
 *
 * Theory of operation
 *
 * At prune points states are cached, and each arrival is compared with those cached there. An old state that all paths have left (branches 0) was
 * proved safe: the new one is safe when everything that the old one's proof looked at is at least as constrained in it. What was looked at: registers that
 * are alive, slots that were read (live_slots), and of scalars the values of those that became precise.
 *
 * An old state that is still being walked (branches > 0) is an ancestor, or kin in the same loop. If nothing changed since, the loop does not end: refused.
 * Where a loop must end for another reason (an iterator's contract, a bounded callback, may_goto's budget), arriving in a state within the old one's ranges
 * proves the rest: but what will prove to matter in the old state is not known yet. Such an arrival is kept as a back edge of the loop, and when all paths of
 * the loop have ended the marks are carried along its back edges until nothing is new. Until then states in that loop have incomplete marks, and are compared by
 * all they hold.
 *
 * Live slots are bit masks carried up the chain of parents: a read marks every ancestor, up to the stretch that overwrote the slot.
 *
 * Lifetimes: a state is held by the cache, by every child state, and by back edges that lead to it. When all paths from it have ended nobody walks back
 * through it, and it lets its parent go, but for states of loops that are not closed yet.
 */
#include "base/util.h"
#include "verify/internal.h"

#include <errno.h>
#include <string.h>

enum exactness { NOT_EXACT, EXACT, RANGE_WITHIN };

/* Ids: equal in the one state must mean equal in the other. */

enum { MAX_IDS = 1024 };
struct id_map {
	uint32_t n, temporary;
	struct {
		uint32_t old, cur;
	} pairs[MAX_IDS];
};

static bool same_id(struct id_map *m, uint32_t old, uint32_t cur)
{
	if (!old != !cur)
		return false;
	if (!old)
		return true;
	for (uint32_t i = 0; i < m->n; i++) {
		if (m->pairs[i].old == old)
			return m->pairs[i].cur == cur;
		if (m->pairs[i].cur == cur)
			return false;
	}
	if (m->n == MAX_IDS)
		return false;
	m->pairs[m->n].old = old;
	m->pairs[m->n++].cur = cur;
	return true;
}

/* An old scalar that stood alone puts no demand on the new one's links. */
static bool same_scalar_id(struct id_map *m, uint32_t old, uint32_t cur)
{
	if (!old)
		return true;
	if (!cur)
		cur = ++m->temporary;
	if (!same_id(m, old, cur))
		return false;
	if (old & ID_ADD_CONST)
		return same_id(m, old & ~(uint32_t)ID_ADD_CONST, cur & ~(uint32_t)ID_ADD_CONST);
	return true;
}

/* Registers */

static bool same_var(const struct scalar *a, const struct scalar *b)
{
	return !memcmp(a, b, sizeof(*a));
}

static bool regs_exact(const struct reg *a, const struct reg *b, struct id_map *m)
{
	return reg_same_identity(a, b) && same_var(&a->var, &b->var) && same_id(m, a->id, b->id) &&
	       same_id(m, a->ref_id, b->ref_id);
}

static bool var_within(const struct reg *old, const struct reg *cur)
{
	return scalar_within(&old->var, &cur->var);
}

static bool scalar_safe(const struct verifier *v, const struct reg *old, const struct reg *cur, struct id_map *m,
			enum exactness exact, bool precise)
{
	if (v->explore_alu_limits)
		return reg_same_identity(old, cur) && same_var(&old->var, &cur->var) &&
		       same_scalar_id(m, old->id, cur->id);
	if (!precise && exact == NOT_EXACT)
		return true;
	if (old->id && !(old->id & ID_ADD_CONST) != !(cur->id & ID_ADD_CONST))
		return false;
	if ((old->id & ID_ADD_CONST) && old->off != cur->off)
		return false;
	return var_within(old, cur) && same_scalar_id(m, old->id, cur->id);
}

static bool reg_safe(const struct verifier *v, const struct reg *old, const struct reg *cur, struct id_map *m,
		     enum exactness exact, bool precise)
{
	if (exact == EXACT)
		return regs_exact(old, cur, m);
	if (old->type == REG_NOT_INIT)
		return exact == NOT_EXACT || cur->type == REG_NOT_INIT;
	if (old->type != cur->type)
		return false;
	switch (REG_BASE(old->type)) {
	case REG_SCALAR:
		return scalar_safe(v, old, cur, m, exact, precise || !v->bpf_capable);
	case REG_MAP_KEY:
	case REG_MAP_VALUE:
	case REG_MEM:
	case REG_BUF:
	case REG_TP_BUFFER:
		return reg_same_identity(old, cur) && var_within(old, cur) && same_id(m, old->id, cur->id) &&
		       same_id(m, old->ref_id, cur->ref_id);
	case REG_PKT_META:
	case REG_PKT:
		/* More of the packet known to be there than before will do; what is known of its end is told by negative ranges. */
		if (old->range < 0 || cur->range < 0) {
			if (old->range != cur->range)
				return false;
		} else if (old->range > cur->range) {
			return false;
		}
		return old->off == cur->off && same_id(m, old->id, cur->id) && var_within(old, cur);
	case REG_STACK:
		return old->frame == cur->frame && regs_exact(old, cur, m);
	case REG_ARENA:
		return true;
	default:
		return regs_exact(old, cur, m);
	}
}

/* Stacks */

static bool all_misc(const struct verifier *v, const struct slot *s)
{
	for (unsigned int i = 0; i < 8; i++)
		if (s->kind[i] != SLOT_MISC && !(s->kind[i] == SLOT_INVALID && v->allow_uninit_stack))
			return false;
	return true;
}

/* What a whole load of the slot would give, where that is a scalar. */
static const struct reg *slot_scalar(const struct verifier *v, const struct slot *s, const struct reg *unbound)
{
	if (s->kind[0] == SLOT_SPILL && s->reg.type == REG_SCALAR)
		return &s->reg;
	return all_misc(v, s) ? unbound : NULL;
}

static bool object_safe(const struct slot *old, const struct slot *cur, struct id_map *m)
{
	const struct reg *a = &old->reg, *b = &cur->reg;

	switch (old->kind[7]) {
	case SLOT_DYNPTR:
		return a->dynptr == b->dynptr && a->first_slot == b->first_slot && same_id(m, a->ref_id, b->ref_id);
	case SLOT_ITER:
		/* Not its depth: that tells apart iterations, which is what converges. */
		return a->type == b->type && a->iter_btf == b->iter_btf && a->iter_btf_id == b->iter_btf_id &&
		       a->iter_state == b->iter_state && same_id(m, a->ref_id, b->ref_id);
	case SLOT_IRQ:
		return same_id(m, a->ref_id, b->ref_id) && a->irq_class == b->irq_class;
	default:
		return false;
	}
}

static bool slot_safe(const struct verifier *v, const struct slot *old, const struct slot *cur, struct id_map *m,
		      enum exactness exact, bool precise)
{
	struct reg unbound;
	const struct reg *a, *b;
	bool plain = true;

	reg_unknown(&unbound);
	if (exact != NOT_EXACT) {
		if (!cur || memcmp(old->kind, cur->kind, sizeof(old->kind)) != 0)
			return false;
	} else {
		bool needed = false;

		for (unsigned int i = 0; i < 8; i++)
			needed |= old->kind[i] != SLOT_INVALID && !(old->kind[i] == SLOT_MISC && v->allow_uninit_stack);
		if (!needed && !cur)
			return true;
		if (!cur)
			return false;
		a = slot_scalar(v, old, &unbound);
		b = slot_scalar(v, cur, &unbound);
		if (a && b && needed)
			return reg_safe(v, a, b, m, exact, precise);
		if (!needed)
			return true;
	}
	for (unsigned int i = 0; i < 8; i++) {
		uint8_t k = old->kind[i];

		if (k == SLOT_INVALID || (k == SLOT_MISC && (v->allow_uninit_stack || cur->kind[i] == SLOT_ZERO)))
			continue;
		if (k != cur->kind[i])
			return false;
		plain &= k == SLOT_MISC || k == SLOT_ZERO;
	}
	if (plain)
		return true;
	if (old->kind[7] == SLOT_SPILL)
		return reg_safe(v, &old->reg, &cur->reg, m, exact, precise);
	return object_safe(old, cur, m);
}

static bool stack_safe(const struct verifier *v, const struct state *old, const struct frame *fo,
		       const struct frame *fc, struct id_map *m, enum exactness exact)
{
	/* The same stack, shared: nothing was written since. Ids must still agree with what was mapped so far. */
	for (uint32_t i = 0; fo->stack && i < fo->stack->n; i++) {
		if (exact == NOT_EXACT && !(old->live_slots[fo->frameno] >> i & 1))
			continue;
		if (!slot_safe(v, &fo->stack->slots[i], slot_get(fc, i), m, exact, fo->precise_slots >> i & 1))
			return false;
	}
	return true;
}

static bool refs_safe(const struct state *old, const struct state *cur, struct id_map *m)
{
	if (old->n_refs != cur->n_refs || old->n_locks != cur->n_locks || old->rcu_depth != cur->rcu_depth ||
	    old->preempt_depth != cur->preempt_depth || old->lock_ptr != cur->lock_ptr ||
	    !same_id(m, old->irq_id, cur->irq_id) || !same_id(m, old->lock_id, cur->lock_id))
		return false;
	for (uint32_t i = 0; i < old->n_refs; i++) {
		const struct ref *a = &old->refs[i], *b = &cur->refs[i];

		if (a->kind != b->kind || !same_id(m, a->id, b->id))
			return false;
		if (a->kind != REF_PTR && a->kind != REF_IRQ && a->ptr != b->ptr)
			return false;
	}
	return true;
}

/* The instruction that a frame stands at: where it is, or the call that it waits for. */
uint32_t state_insn(const struct state *s, uint32_t frame)
{
	return frame == s->curframe ? s->insn : s->frames[frame + 1]->callsite;
}

static bool frame_safe(const struct verifier *v, const struct state *old, const struct frame *fo,
		       const struct frame *fc, uint32_t insn, struct id_map *m, enum exactness exact)
{
	uint32_t live = v->aux[insn].live_regs;

	if (fo->callback_depth > fc->callback_depth)
		return false;
	for (; live; live &= live - 1) {
		uint32_t i = (uint32_t)__builtin_ctz(live);

		if (i < BPF_REG_10 && !reg_safe(v, &fo->regs[i], &fc->regs[i], m, exact, fo->precise_regs >> i & 1))
			return false;
	}
	return stack_safe(v, old, fo, fc, m, exact);
}

static bool states_equal(const struct verifier *v, const struct state *old, const struct state *cur,
			 enum exactness exact)
{
	struct id_map m;

	if (old->curframe != cur->curframe || (old->speculative && !cur->speculative) ||
	    old->sleepable != cur->sleepable)
		return false;
	for (uint32_t i = 0; i <= old->curframe; i++)
		if (old->frames[i]->callsite != cur->frames[i]->callsite)
			return false;
	m.n = 0;
	m.temporary = v->id_gen;
	if (!refs_safe(old, cur, &m))
		return false;
	for (uint32_t i = 0; i <= old->curframe; i++)
		if (!frame_safe(v, old, old->frames[i], cur->frames[i], state_insn(old, i), &m, exact))
			return false;
	return true;
}

static bool same_callsites(const struct state *a, const struct state *b)
{
	if (a->curframe != b->curframe)
		return false;
	for (uint32_t i = 0; i <= a->curframe; i++)
		if (a->frames[i]->callsite != b->frames[i]->callsite)
			return false;
	return true;
}

/* Lifetimes */

static void state_put(struct verifier *v, struct state *s)
{
	while (s && !--s->refs_held) {
		struct state *parent = s->parent;

		state_free(v, s);
		s = parent;
	}
}

/* Live slots */

bool live_read(struct state *s, uint32_t frame, uint64_t slots)
{
	bool news = false;

	for (;;) {
		struct state *p = s->parent;

		slots &= ~s->written_slots[frame];
		if (!p || frame > p->curframe)
			return news;
		slots &= ~p->live_slots[frame];
		if (!slots)
			return news;
		p->live_slots[frame] |= slots;
		news = true;
		s = p;
	}
}

static bool propagate_live(const struct state *old, struct state *to)
{
	bool news = false;

	for (uint32_t i = 0; i <= old->curframe; i++)
		news |= live_read(to, i, old->live_slots[i]);
	return news;
}

/* Loops and their back edges */

struct back_edge {
	struct back_edge *next;
	struct state *from, *to; /* from: a copy of the state that arrived; to: the one that covers it */
};

struct loop_visit { /* one walk through a loop, from one chain of calls */
	struct loop_visit *next;
	uint32_t scc, n_calls;
	uint32_t calls[MAX_FRAMES];
	const struct state *entry; /* its first state, while paths from it are open */
	struct back_edge *edges;
};

/* Which loop a state is in: that of the outermost frame which is in one. 0: none. */
static uint32_t loop_of(const struct verifier *v, const struct state *s, uint32_t *n_calls)
{
	for (uint32_t i = 0; i <= s->curframe; i++) {
		uint32_t scc = v->aux[state_insn(s, i)].scc;

		if (scc) {
			*n_calls = i;
			return scc;
		}
	}
	return 0;
}

static struct loop_visit *visit_of(struct verifier *v, const struct state *s, bool make)
{
	uint32_t n, scc = loop_of(v, s, &n);
	struct loop_visit *l;

	if (!scc)
		return NULL;
	if (!v->loops) {
		if (!make)
			return NULL;
		v->loops = v_alloc(v, (v->n_sccs + 1) * sizeof(*v->loops)); /* NOLINT(bugprone-sizeof-expression) */
		if (!v->loops)
			return NULL;
	}
	for (l = v->loops[scc]; l; l = l->next) {
		uint32_t i = 0;

		if (l->n_calls != n)
			continue;
		while (i < n && l->calls[i] == s->frames[i + 1]->callsite)
			i++;
		if (i == n)
			return l;
	}
	if (!make)
		return NULL;
	l = v_alloc(v, sizeof(*l));
	if (!l)
		return NULL;
	l->scc = scc;
	l->n_calls = n;
	for (uint32_t i = 0; i < n; i++)
		l->calls[i] = s->frames[i + 1]->callsite;
	l->next = v->loops[scc];
	v->loops[scc] = l;
	return l;
}

static void count_states(struct verifier *v)
{
	if (v->n_cached + v->n_edges > v->out->peak_states)
		v->out->peak_states = v->n_cached + v->n_edges;
}

static void log_loop(struct verifier *v, const struct loop_visit *l, const char *what)
{
	if (!LOG_INSNS(v))
		return;
	vlog(v, "SCC %s (", what);
	/* As the kernel writes it: a call by instruction 0 ends the list. */
	for (uint32_t i = 0; i < l->n_calls && l->calls[i]; i++)
		vlog(v, "%u,", l->calls[i]);
	vlog(v, "%u)\n", l->scc);
}

static bool marks_incomplete(struct verifier *v, const struct state *s)
{
	struct loop_visit *l = visit_of(v, s, false);

	return l && l->edges;
}

static int add_back_edge(struct verifier *v, struct state *old, struct state *cur)
{
	struct loop_visit *l = visit_of(v, old, true);
	struct back_edge *e;

	if (!l)
		return v->failed_memory ? -ENOMEM : 0;
	log_loop(v, l, "backedge");
	e = v_alloc(v, sizeof(*e));
	if (!e)
		return -ENOMEM;
	e->from = state_new(v);
	if (!e->from || state_copy(v, e->from, cur)) {
		state_free(v, e->from);
		v_free(v, e, sizeof(*e));
		return -ENOMEM;
	}
	if (cur->n_hist) {
		e->from->hist = v_alloc(v, cur->n_hist * sizeof(*cur->hist));
		if (e->from->hist) {
			memcpy(e->from->hist, cur->hist, cur->n_hist * sizeof(*cur->hist));
			e->from->n_hist = e->from->room_hist = cur->n_hist;
		}
	}
	e->from->parent = cur->parent;
	if (e->from->parent)
		e->from->parent->refs_held++;
	e->to = old;
	old->refs_held++;
	e->next = l->edges;
	l->edges = e;
	v->n_edges++;
	count_states(v);
	return v->failed_memory ? -ENOMEM : 0;
}

static void free_edges(struct verifier *v, struct loop_visit *l)
{
	while (l->edges) {
		struct back_edge *e = l->edges;

		l->edges = e->next;
		v->n_edges--;
		state_put(v, e->from);
		state_put(v, e->to);
		v_free(v, e, sizeof(*e));
	}
}

/* All paths of the loop have ended: what matters in the states that its back edges lead to matters where they come from. */
static void close_loop(struct verifier *v, struct loop_visit *l)
{
	enum { ROUNDS = 64 };
	bool news = true;

	for (int round = 0; news; round++) {
		if (round == ROUNDS) {
			for (struct back_edge *e = l->edges; e; e = e->next)
				all_precise(e->from);
			break;
		}
		news = false;
		for (struct back_edge *e = l->edges; e; e = e->next) {
			news |= propagate_live(e->to, e->from);
			news |= propagate_precision(v, e->to, e->from);
		}
	}
	free_edges(v, l);
}

void path_done(struct verifier *v, struct state *s)
{
	uint32_t owed =
		0; /* holds on s to be given back when it has been looked at: ours, and that of a child that has let go */

	while (s) {
		struct state *parent = s->parent;
		bool done = !--s->branches, let_go = false;

		/* Whatever goes with s or with the edges of its loop: the way up stays. */
		if (parent)
			parent->refs_held++;
		if (done) {
			struct loop_visit *l = visit_of(v, s, false);

			if (l && l->entry == s) {
				log_loop(v, l, "exit");
				l->entry = NULL;
				close_loop(v, l);
			}
			/* Nobody walks back through it any more, unless its loop is still open. */
			let_go = !l || (!l->entry && !l->edges);
			if (let_go)
				s->parent = NULL;
		}
		for (; owed; owed--)
			state_put(v, s);
		if (!done) {
			state_put(v, parent);
			return;
		}
		owed = let_go ? 2 : 1;
		s = parent;
	}
}

/* A path's own state, which no cache holds. */
void path_free(struct verifier *v, struct state *s)
{
	state_put(v, s);
}

void prune_free(struct verifier *v)
{
	for (uint32_t i = 0; v->aux && i < v->n; i++)
		while (v->aux[i].explored) {
			struct cached *c = v->aux[i].explored;

			v->aux[i].explored = c->next;
			state_put(v, c->state);
			v_free(v, c, sizeof(*c));
		}
	for (uint32_t i = 0; v->loops && i <= v->n_sccs; i++)
		while (v->loops[i]) {
			struct loop_visit *l = v->loops[i];

			v->loops[i] = l->next;
			free_edges(v, l);
			v_free(v, l, sizeof(*l));
		}
	v_free(v, v->loops, (v->n_sccs + 1) * sizeof(*v->loops)); /* NOLINT(bugprone-sizeof-expression) */
	v->loops = NULL;
}

/* Arrivals */

static bool maybe_looping(const struct state *old, const struct state *cur)
{
	const struct frame *a, *b;

	if (old->curframe != cur->curframe)
		return false;
	a = old->frames[old->curframe];
	b = cur->frames[cur->curframe];
	for (unsigned int i = 0; i < BPF_REG_10; i++)
		if (!reg_same_identity(&a->regs[i], &b->regs[i]) || !same_var(&a->regs[i].var, &b->regs[i].var))
			return false;
	return true;
}

/* Another iteration of an active iterator is no standstill. */
static bool depths_differ(const struct state *old, const struct state *cur)
{
	for (uint32_t i = 0; i <= old->curframe; i++) {
		const struct frame *f = old->frames[i];

		for (uint32_t k = 0; f->stack && k < f->stack->n; k++) {
			const struct slot *a = &f->stack->slots[k], *b = slot_get(cur->frames[i], k);

			if (a->kind[0] == SLOT_ITER && a->reg.iter_state == ITER_ACTIVE && b &&
			    a->reg.iter_depth != b->reg.iter_depth)
				return true;
		}
	}
	return false;
}

/* The iterator that the call at hand is about to advance has more to give. */
static bool iter_is_active(const struct state *s)
{
	const struct reg *r = &s->frames[s->curframe]->regs[BPF_REG_1];
	const struct slot *slot;

	if (REG_BASE(r->type) != REG_STACK)
		return false;
	slot = slot_get(s->frames[r->frame], (uint32_t)(-(r->off + (int64_t)r->var.bits.value) - 1) / 8);
	return slot && slot->kind[7] == SLOT_ITER && slot->reg.iter_state == ITER_ACTIVE;
}

/* 1: cur needs no walk (*loop: since the loop closes there); 0: go on comparing; negative: refused. */
static int compare_open(struct verifier *v, uint32_t insn, struct state *old, bool *loop, bool *skip_check)
{
	const struct insn_aux *a = &v->aux[insn];
	const struct frame *f = old->frames[old->curframe];
	struct state *cur = v->cur;

	*skip_check = true;
	if (f->in_async_callback && f->async_entries != cur->frames[cur->curframe]->async_entries)
		return 0;
	if (a->is_iter_next) {
		if (states_equal(v, old, cur, RANGE_WITHIN) && iter_is_active(cur)) {
			*loop = true;
			return 1;
		}
		return 0;
	}
	if (a->desc->op == INSN_MAY_GOTO && old->may_goto_depth != cur->may_goto_depth &&
	    states_equal(v, old, cur, RANGE_WITHIN)) {
		*loop = true;
		return 1;
	}
	if (a->calls_callback) {
		if (states_equal(v, old, cur, RANGE_WITHIN)) {
			*loop = true;
			return 1;
		}
		return 0;
	}
	*skip_check = false;
	if (maybe_looping(old, cur) && states_equal(v, old, cur, EXACT) && !depths_differ(old, cur) &&
	    old->may_goto_depth == cur->may_goto_depth && old->callback_unroll == cur->callback_unroll) {
		int err = refuse(v, -EINVAL, PROBLEM_LOOP, "infinite loop detected at insn %u", insn);

		vlog(v, "cur state:");
		log_state(v, cur, cur->curframe, true);
		vlog(v, "old state:");
		log_state(v, old, cur->curframe, true);
		return err;
	}
	return 0;
}

/* Caches the state that arrived; the walk goes on from it as its child. */
static int cache(struct verifier *v, uint32_t insn)
{
	struct state *cur = v->cur, *s = state_new(v);
	struct cached *c = v_alloc(v, sizeof(*c));
	struct loop_visit *l;

	if (!s || !c || state_copy(v, s, cur)) {
		state_free(v, s);
		v_free(v, c, sizeof(*c));
		return -ENOMEM;
	}
	/* The stretch up to here, and the place in the tree, are the cached state's now. */
	s->hist = cur->hist;
	s->n_hist = cur->n_hist;
	s->room_hist = cur->room_hist;
	s->parent = cur->parent;
	s->branches = 1;
	s->insn = insn;
	memset(s->live_slots, 0, sizeof(s->live_slots));
	for (uint32_t i = 0; i <= s->curframe; i++) {
		s->frames[i]->precise_regs = 0;
		s->frames[i]->precise_slots = 0;
	}
	s->refs_held = 2; /* the cache's and cur's */
	cur->parent = s;
	cur->hist = NULL;
	cur->n_hist = cur->room_hist = 0;
	cur->first_insn = insn;
	cur->dfs_depth = s->dfs_depth + 1;
	memset(cur->written_slots, 0, sizeof(cur->written_slots));
	v->hist_last = NULL;
	c->state = s;
	c->callsite = s->frames[s->curframe]->callsite;
	c->next = v->aux[insn].explored;
	v->aux[insn].explored = c;
	v->out->total_states++;
	v->n_cached++;
	count_states(v);
	v->prev_jumps_processed = v->jumps_processed;
	v->prev_insns_processed = v->insns_processed;
	l = visit_of(v, s, true);
	if (l && !l->entry) {
		l->entry = s;
		log_loop(v, l, "enter");
	}
	trace(v, TRACE_CACHED, s);
	return v->failed_memory ? -ENOMEM : 0;
}

/* cur is covered: what mattered in the old state matters on the way that cur came. */
static int covered(struct verifier *v, uint32_t insn, struct state *old, bool loop)
{
	struct state *cur = v->cur;
	int err = 0;

	if (v->aux[insn].jump_point)
		err = hist_push(v, 0, 0, 0, NULL);
	if (err)
		return err;
	trace(v, loop ? TRACE_COVERED_ALL : TRACE_COVERED, old);
	propagate_live(old, cur);
	propagate_precision(v, old, cur);
	return loop ? add_back_edge(v, old, cur) : 0;
}

/* Nobody will see which halves the rest of the path reads: all that are pending count as read. */
static bool want_zext(const struct reg *r, void *arg)
{
	(void)arg;
	return r->zext_pending;
}
static void do_zext(struct verifier *v, struct reg *r, void *arg)
{
	(void)arg;
	v->out->insns[r->def].zext = true;
	r->zext_pending = false;
}

int visit_state(struct verifier *v, uint32_t insn, bool *prune)
{
	enum {
		LONG_HISTORY = 40,
		MIN_JUMPS = 2,
		MIN_INSNS = 8,
		LOOP_JUMPS = 20,
		LOOP_INSNS = 100,
		MAX_UNPRIV_STATES = 64
	};
	struct state *cur = v->cur;
	struct insn_aux *a = &v->aux[insn];
	bool force = v->test_state_freq || a->force_checkpoint || cur->n_hist > LONG_HISTORY;
	bool add = force || (v->jumps_processed - v->prev_jumps_processed >= MIN_JUMPS &&
			     v->insns_processed - v->prev_insns_processed >= MIN_INSNS);
	uint32_t n = 0, keep, callsite = cur_frame(v)->callsite;
	int err;

	for (struct cached **at = &a->explored, *c; (c = *at);) {
		struct state *old = c->state;
		bool loop = false, skip_check;
		int hit = 0;

		if (c->callsite != callsite) {
			at = &c->next;
			continue;
		}
		n++;
		if (old->branches) {
			hit = compare_open(v, insn, old, &loop, &skip_check);
			if (hit < 0)
				return hit;
			/* Iterations of a loop differ: caching each helps nobody. */
			if (!hit && !force && v->jumps_processed - v->prev_jumps_processed < LOOP_JUMPS &&
			    v->insns_processed - v->prev_insns_processed < LOOP_INSNS)
				add = false;
		} else {
			loop = marks_incomplete(v, old);
			hit = states_equal(v, old, cur, loop ? RANGE_WITHIN : NOT_EXACT);
		}
		if (hit) {
			c->hits++;
			*prune = true;
			regs_visit(v, cur, do_zext, want_zext, NULL);
			return covered(v, insn, old, loop);
		}
		if (add)
			c->misses++;
		keep = a->force_checkpoint && old->branches ? 64 : 3;
		if (c->misses > c->hits * keep + keep) {
			*at = c->next;
			v->n_cached--;
			state_put(v, old);
			v_free(v, c, sizeof(*c));
			continue;
		}
		at = &c->next;
	}
	if (n > v->out->max_states_per_insn)
		v->out->max_states_per_insn = n;
	if ((!v->bpf_capable && n > MAX_UNPRIV_STATES) || !add)
		return 0;
	err = cache(v, insn);
	return err;
}

/* Iterators, and other loops that end by contract */

struct state *find_prev_entry(struct verifier *v, struct state *s, uint32_t at)
{
	if (!s)
		return NULL;
	for (struct cached *c = v->aux[at].explored; c; c = c->next)
		if (c->state->branches && same_callsites(c->state, s) && c->state->dfs_depth < s->dfs_depth)
			return c->state;
	return NULL;
}

static bool must_widen(const struct reg *old, const struct reg *cur, bool precise, struct id_map *m)
{
	return old->type == REG_SCALAR && cur->type == REG_SCALAR && !precise && !regs_exact(old, cur, m);
}

int widen_to(struct verifier *v, const struct state *old, struct state *cur)
{
	struct id_map m = {.temporary = v->id_gen};

	for (uint32_t i = 0; i <= old->curframe && i <= cur->curframe; i++) {
		const struct frame *fo = old->frames[i];
		struct frame *fc = cur->frames[i];

		for (unsigned int k = 0; k < BPF_REG_10; k++)
			if (must_widen(&fo->regs[k], &fc->regs[k], fo->precise_regs >> k & 1, &m))
				reg_unknown(&fc->regs[k]);
		for (uint32_t k = 0; fo->stack && k < fo->stack->n; k++) {
			const struct slot *a = &fo->stack->slots[k], *b = slot_get(fc, k);

			if (!b || a->kind[7] != SLOT_SPILL || b->kind[7] != SLOT_SPILL ||
			    !must_widen(&a->reg, &b->reg, fo->precise_slots >> k & 1, &m))
				continue;
			if (!stack_mut(v, fc))
				return -ENOMEM;
			reg_unknown(&fc->stack->slots[k].reg);
		}
	}
	return 0;
}

int iter_next_fork(struct verifier *v, uint32_t at, struct frame *f, uint32_t slot)
{
	struct state *old, *again;
	struct frame *fa;
	struct reg *r0;
	int err;

	if (f->stack->slots[slot].reg.iter_state == ITER_ACTIVE) {
		/* The state cached right at this call is not an earlier iteration's. */
		old = find_prev_entry(v, v->cur->parent ? v->cur->parent->parent : NULL, at);
		err = push_path(v, at + 1, at, &again);
		if (err)
			return err;
		fa = again->frames[f->frameno];
		if (!stack_mut(v, fa))
			return -ENOMEM;
		fa->stack->slots[slot].reg.iter_depth++;
		if (old) {
			err = widen_to(v, old, again);
			if (err)
				return err;
		}
		r0 = &again->frames[again->curframe]->regs[BPF_REG_0];
		if (r0->type & PTR_NULL)
			mark_non_null(v, again, r0);
	}
	if (!stack_mut(v, f))
		return -ENOMEM;
	f->stack->slots[slot].reg.iter_state = ITER_DRAINED;
	reg_const(&cur_regs(v)[BPF_REG_0], 0);
	return 0;
}
