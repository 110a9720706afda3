/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The path to a refusal, walked once more.
 *
 * Theory of operation
 *
 * The state at hand when the program was refused has a history of the stretch since the last cached state, its parent; that one has the history of the
 * stretch before, and so on. Each stretch is walked again from a copy of the cached state that it began with, so that it finds exactly what it found
 * the first time: marks, widening and all. A branch goes where the history says: when the step chose the other way, the path that
 * it put aside is taken. Where both stand at the same instruction (an iterator's next()), one is tried, and the other when the first does not fit what follows.
 *
 * Only the last STEPS_MAX instructions are followed. refuse() keeps its first words, so a second refusal here says nothing.
 */
#include "base/util.h"
#include "verify/report_impl.h"

#include <stdlib.h>
#include <string.h>

/* Instructions of one stretch, in the order they ran. */
struct stretch {
	const struct state *of; /* whose history it is */
	uint32_t *insns, n;
};

static uint32_t before(const struct verifier *v, uint32_t at)
{
	return at && !v->aux[at - 1].desc ? at - 2 : at - 1;
}

/*
 * The instructions that ran from the stretch's first to @end, which has not run. False: out of memory, or longer than @most.
 */
static bool list_stretch(const struct verifier *v, const struct state *s, uint32_t last, bool last_ran, uint32_t most,
			 struct stretch *out)
{
	uint32_t at = last, n_hist = s->n_hist, room = 64, n = 0;
	uint32_t *insns = malloc(room * sizeof(*insns));
	bool ran = last_ran;

	*out = (struct stretch){.of = s};
	while (insns) {
		const struct hist *h = n_hist && s->hist[n_hist - 1].insn == at ? &s->hist[n_hist - 1] : NULL;

		if (ran) {
			if (n == room) {
				uint32_t *more = realloc(insns, (size_t)room * 2 * sizeof(*insns));

				if (!more)
					break;
				insns = more;
				room *= 2;
			}
			insns[n++] = at;
		}
		ran = true;
		if (at == s->first_insn && (!n_hist || (n_hist == 1 && h))) {
			for (uint32_t i = 0; i < n / 2; i++) {
				uint32_t t = insns[i];

				insns[i] = insns[n - 1 - i];
				insns[n - 1 - i] = t;
			}
			out->insns = insns;
			out->n = n;
			return true;
		}
		if (n >= most || (!h && !at))
			break;
		if (h)
			n_hist--;
		at = h ? h->prev : before(v, at);
		if (at >= v->n)
			break;
	}
	free(insns);
	return false;
}

/* A path that could also be meant, to be tried when the one that was taken does not fit. */
struct other {
	struct other *next;
	struct state *state;
	uint32_t done; /* instructions of the stretch that have run */
};

struct follower {
	struct verifier *v;
	struct path *path;
	struct other *others;
};

static void drop_pending(struct verifier *v)
{
	while (v->pending) {
		struct pending *p = v->pending;

		v->pending = p->next;
		v->n_pending--;
		path_free(v, p->state);
		v_free(v, p, sizeof(*p));
	}
}

static void add_other(struct follower *f, struct state *s, uint32_t done)
{
	struct other *o = v_alloc(f->v, sizeof(*o));

	if (!o) {
		path_free(f->v, s);
		return;
	}
	*o = (struct other){f->others, s, done};
	f->others = o;
}

static bool next_other(struct follower *f, uint32_t *done)
{
	struct other *o = f->others;

	if (!o)
		return false;
	f->others = o->next;
	if (f->v->cur)
		path_free(f->v, f->v->cur);
	f->v->cur = o->state;
	*done = o->done;
	v_free(f->v, o, sizeof(*o));
	return true;
}

/* The stack slot that a load or store is about to touch. */
static void note_slot(const struct verifier *v, struct step *s)
{
	const struct bpf_insn *insn = &v->insns[s->insn];
	const struct reg *p;
	int64_t off;

	s->slot = NO_SLOT;
	switch (BPF_CLASS(insn->code)) {
	case BPF_LDX:
		p = &s->src;
		break;
	case BPF_ST:
	case BPF_STX:
		p = &s->dst;
		break;
	default:
		return;
	}
	if (REG_BASE(p->type) != REG_STACK || !scalar_is_const(&p->var))
		return;
	off = p->off + (int64_t)p->var.bits.value + insn->off;
	if (off >= 0 || off < -MAX_STACK)
		return;
	s->slot = (uint8_t)((-off - 1) / 8);
	s->slot_frame = p->frame;
}

static bool is_call(const struct verifier *v, uint32_t at)
{
	uint32_t op = v->aux[at].desc->op;

	return op == INSN_CALL_HELPER || op == INSN_CALL_KFUNC || op == INSN_CALL_SUBPROG || op == INSN_EXIT;
}

/* Registers and slots of a frame that hold pointers. */
static void pointers(const struct frame *f, uint16_t *regs, uint64_t *slots)
{
	*regs = 0;
	*slots = 0;
	for (uint32_t i = 0; i < BPF_REG_10; i++)
		if (f->regs[i].type != REG_SCALAR && f->regs[i].type != REG_NOT_INIT)
			*regs |= (uint16_t)(1u << i);
	for (uint32_t i = 0; f->stack && i < f->stack->n; i++)
		if (f->stack->slots[i].kind[7] == SLOT_SPILL && f->stack->slots[i].reg.type != REG_SCALAR)
			*slots |= 1ull << i;
}

/* One instruction, after which control must be at @want. */
static bool follow_step(struct follower *f, struct step *s, uint32_t want, uint32_t done)
{
	struct verifier *v = f->v;
	const struct bpf_insn *insn = &v->insns[v->insn];
	struct state *chosen = NULL;
	uint32_t next;
	bool ended, fits;
	uint16_t had = 0, has;
	uint64_t had_slots = 0, has_slots;

	*s = (struct step){.insn = v->insn, .frame = (uint8_t)v->cur->curframe};
	s->dst = cur_regs(v)[insn->dst_reg];
	s->src = cur_regs(v)[insn->src_reg];
	note_slot(v, s);
	if (is_call(v, s->insn))
		pointers(cur_frame(v), &had, &had_slots);
	if (walk_step(v, &next, &ended) || ended) {
		drop_pending(v);
		return false;
	}
	fits = next == want;
	s->taken = fits ? next != v->insn + 1 : false;
	s->branch = v->pending && (BPF_CLASS(insn->code) == BPF_JMP || BPF_CLASS(insn->code) == BPF_JMP32);
	for (struct pending *p; (p = v->pending);) {
		v->pending = p->next;
		v->n_pending--;
		if (p->insn != want)
			path_free(v, p->state);
		else if (!fits && !chosen)
			chosen = p->state;
		else
			add_other(f, p->state, done);
		v_free(v, p, sizeof(*p));
	}
	if (chosen) {
		path_free(v, v->cur);
		v->cur = chosen;
		s->taken = want != s->insn + 1;
		fits = true;
	}
	if (!fits)
		return false;
	s->after = cur_regs(v)[is_call(v, s->insn) ? BPF_REG_0 : insn->dst_reg];
	s->after_src = cur_regs(v)[insn->src_reg];
	if (had | had_slots && v->cur->curframe == s->frame) {
		pointers(cur_frame(v), &has, &has_slots);
		s->lost = had & ~has & 0x3c0; /* r0 to r5 go with every call */
		s->lost_slots = had_slots & ~has_slots;
	}
	return true;
}

static bool follow_stretch(struct follower *f, const struct stretch *t, uint32_t end)
{
	struct verifier *v = f->v;
	uint32_t base = f->path->n, i = 0;
	bool ok = true;

	while (ok && i < t->n) {
		v->insn = t->insns[i];
		v->prev_insn = i ? t->insns[i - 1] : v->insn;
		ok = follow_step(f, &f->path->steps[base + i], i + 1 < t->n ? t->insns[i + 1] : end, i + 1);
		i++;
		if (!ok && !v->failed_memory)
			ok = next_other(f, &i);
	}
	while (f->others) {
		struct other *o = f->others;

		f->others = o->next;
		path_free(v, o->state);
		v_free(v, o, sizeof(*o));
	}
	if (ok)
		f->path->n += t->n;
	return ok;
}

/* The state that a stretch began with: a copy of its parent, as the walk made it when it cached that. */
static bool begin_stretch(struct verifier *v, const struct state *of)
{
	struct state *parent = of->parent, *s;

	if (!parent) {
		/* A callback that runs in its own time began with nothing that can be made again. */
		if (of->first_insn != v->subprogs[v->subprog].start)
			return false;
		v->cur = NULL;
		return !start_function(v, v->subprog);
	}
	s = state_new(v);
	if (!s || state_copy(v, s, parent)) {
		state_free(v, s);
		return false;
	}
	s->parent = parent;
	parent->refs_held++;
	s->branches = 1;
	parent->branches++;
	s->first_insn = parent->insn;
	s->dfs_depth = parent->dfs_depth + 1;
	memset(s->written_slots, 0, sizeof(s->written_slots));
	v->cur = s;
	return true;
}

/* Stretches from the newest back, as many as fit. */
static uint32_t list_stretches(const struct verifier *v, struct state *cur, struct stretch *all, uint32_t room)
{
	uint32_t n = 0, total = 0;

	for (struct state *s = cur; s && n < room; s = s->parent) {
		bool newest = s == cur;
		uint32_t last = newest ? s->insn : s->last_insn;

		if (!newest && s->insn == s->first_insn && !s->n_hist) {
			all[n] = (struct stretch){.of = s}; /* cached where it began */
		} else if (!list_stretch(v, s, last, !newest, STEPS_MAX - total, &all[n])) {
			break;
		}
		total += all[n].n;
		n++;
		if (total >= STEPS_MAX)
			break;
	}
	return n;
}

bool follow(struct verifier *v, struct path *path)
{
	enum { STRETCHES = 512 };
	struct state *cur = v->cur;
	struct pending *pending = v->pending;
	uint32_t insn = v->insn, n, level = v->log_level, n_pending = v->n_pending, subprog = v->subprog;
	struct stretch *all = calloc(STRETCHES, sizeof(*all));
	struct follower f = {.v = v, .path = path};

	*path = (struct path){.steps = calloc(STEPS_MAX + 1, sizeof(*path->steps))};
	n = all && path->steps ? list_stretches(v, cur, all, STRETCHES) : 0;
	v->pending = NULL;
	v->n_pending = 0;
	v->log_level = 0;
	for (uint32_t i = n; i--;) {
		uint32_t end = i ? all[i].of->insn : insn;
		bool ok = begin_stretch(v, all[i].of);

		if (ok && i == n - 1)
			path->whole = !all[i].of->parent && v->cur->insn == v->subprogs[subprog].start;
		if (ok)
			ok = follow_stretch(&f, &all[i], end);
		if (!ok) { /* what comes before is not known, what comes after may be */
			path->n = 0;
			path->whole = false;
		}
		if (ok && !i)
			path->end = v->cur;
		else if (v->cur && v->cur != cur)
			path_free(v, v->cur);
		v->cur = cur;
	}
	for (uint32_t i = 0; i < n; i++)
		free(all[i].insns);
	free(all);
	v->pending = pending;
	v->n_pending = n_pending;
	v->insn = insn;
	v->log_level = level;
	return path->end != NULL;
}

void path_drop(struct verifier *v, struct path *path)
{
	if (path->end)
		path_free(v, path->end);
	free(path->steps);
	*path = (struct path){0};
}
