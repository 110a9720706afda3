/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's state held against the verifier's. */
#include "machine.h"

#include "base/util.h"
#include "helper/helper.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DATA = 9 }; /* registers r0 to r9 */

static bool contains(const struct scalar *s, uint64_t x)
{
	uint32_t w = (uint32_t)x;

	return !((x ^ s->bits.value) & ~s->bits.mask) && s->smin <= (int64_t)x && (int64_t)x <= s->smax &&
	       s->umin <= x && x <= s->umax && s->smin32 <= (int32_t)w && (int32_t)w <= s->smax32 && s->umin32 <= w &&
	       w <= s->umax32;
}

static bool is_unknown(const struct scalar *s)
{
	struct scalar all = scalar_unknown();

	return !memcmp(s, &all, sizeof(all));
}

static __attribute__((format(printf, 3, 4))) bool no(char *why, size_t size, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, size, fmt, ap);
	va_end(ap);
	return false;
}

#define WHY 300

static bool value_fits(const struct reg *a, uint64_t x, char *why)
{
	char text[160];

	if (contains(&a->var, x))
		return true;
	scalar_format(&a->var, text, sizeof(text));
	return no(why, WHY, "%" PRIx64 " is not in [%s] (bits %" PRIx64 "/%" PRIx64 ")", x, text, a->var.bits.value,
		  a->var.bits.mask);
}

/* The object that the claim is about, and its base. */
static bool pointer_fits(const struct machine *m, const struct reg *a, const struct creg *c, char *why)
{
	static const enum obj_kind kinds[REG_TYPE_COUNT] = {
		[REG_CTX] = OBJ_CTX,       [REG_MAP_PTR] = OBJ_MAP, [REG_MAP_VALUE] = OBJ_VALUE,
		[REG_MAP_KEY] = OBJ_KEY,   [REG_STACK] = OBJ_STACK, [REG_PKT] = OBJ_PKT,
		[REG_PKT_META] = OBJ_META, [REG_FUNC] = OBJ_FUNC,   [REG_PKT_END] = OBJ_PKT_END,
	};
	uint32_t base_type = REG_BASE(a->type);
	const struct obj *o = &m->objs[c->obj];
	enum obj_kind kind = kinds[base_type];
	uint64_t base = o->base;

	if (!c->v && (a->type & PTR_NULL))
		return true;
	/* A map in a map is a value until it is known not to be NULL. */
	if (base_type == REG_MAP_VALUE && (a->type & PTR_NULL) && a->map->inner && o->kind == OBJ_MAP)
		return true;
	if (base_type == REG_MEM ? o->kind != OBJ_RECORD && o->kind != OBJ_MEM && o->kind != OBJ_VALUE &&
					   o->kind != OBJ_KEY && o->kind != OBJ_STACK
				 : kind != OBJ_NONE && o->kind != kind)
		return no(why, WHY, "claimed type %u, but it points to an object of kind %u", base_type, o->kind);
	if (kind == OBJ_NONE && base_type != REG_MEM)
		return true;
	if (o->dead)
		return no(why, WHY, "claimed type %u, but what it points to is gone", base_type);
	switch (base_type) {
	case REG_STACK:
		if (o->frame != (int)(m->base + a->frame))
			return no(why, WHY, "claimed frame %u, is frame %d", a->frame, o->frame - (int)m->base);
		base = o->base + 512; /* offsets are from the frame pointer */
		break;
	case REG_MAP_PTR:
	case REG_MAP_VALUE:
	case REG_MAP_KEY:
		if (a->map != &m->w->vmaps[o->map])
			return no(why, WHY, "claimed map %s, is of %s", a->map->name, m->w->vmaps[o->map].name);
		break;
	case REG_PKT:
	case REG_PKT_META:
		base = o->base;
		if (base_type == REG_PKT && a->range > 0 &&
		    c->v - (uint64_t)(int64_t)a->off + (uint32_t)a->range > (uint64_t)(uintptr_t)m->w->pkt->data_end)
			return no(why, WHY, "claimed range %d, but the packet ends before", a->range);
		if (a->range == PKT_BEYOND_END && c->v <= (uint64_t)(uintptr_t)m->w->pkt->data_end)
			return no(why, WHY, "claimed to be beyond the packet");
		if (a->range == PKT_AT_END && c->v < (uint64_t)(uintptr_t)m->w->pkt->data_end)
			return no(why, WHY, "claimed to be at the packet's end");
		break;
	case REG_MEM:
		if (o->size < a->mem_size)
			return no(why, WHY, "claimed %u bytes of memory, has %u", a->mem_size, o->size);
		break;
	case REG_FUNC:
		return true;
	default:
		break;
	}
	return value_fits(a, c->v - (uint64_t)(int64_t)a->off - base, why);
}

static bool reg_fits(const struct machine *m, const struct reg *a, const struct creg *c, char *why)
{
	if (a->type == REG_NOT_INIT)
		return true;
	if (!c->init)
		return no(why, WHY, "claimed to be initialised");
	if (a->type == REG_SCALAR)
		return value_fits(a, c->v, why);
	return pointer_fits(m, a, c, why);
}

/* Slot n of a concrete stack, as a register. */
static struct creg slot_value(const struct machine *m, uint32_t frame, uint32_t n)
{
	const uint8_t *at = &m->stack[frame][512 - 8 * (n + 1)];
	struct creg c = {.init = true};

	memcpy(&c.v, at, 8);
	if (m->spilled[frame][n].obj && m->spilled[frame][n].v == c.v)
		c.obj = m->spilled[frame][n].obj;
	return c;
}

static bool slot_fits(const struct machine *m, const struct slot *s, uint32_t frame, uint32_t n, bool loose, char *why)
{
	const uint8_t *at = &m->stack[frame][512 - 8 * (n + 1)];
	uint32_t spilled = 0;

	for (uint32_t i = 0; i < 8; i++)
		if (s->kind[i] == SLOT_ZERO && at[7 - i])
			return no(why, WHY, "byte %u claimed to be zero is %02x", 7 - i, at[7 - i]);
	for (uint32_t i = 8; i > 0 && s->kind[i - 1] == SLOT_SPILL; i--)
		spilled++;
	if (!spilled || (loose && s->reg.type == REG_SCALAR))
		return true;
	struct creg c = slot_value(m, frame, n);

	if (spilled < 8 && s->reg.type == REG_SCALAR) {
		struct reg cut = s->reg;

		scalar_cast(&cut.var, spilled);
		c.v &= (1ull << spilled * 8) - 1;
		return reg_fits(m, &cut, &c, why);
	}
	return reg_fits(m, &s->reg, &c, why);
}

/* Registers and slots that are linked. */
struct links {
	uint32_t n;
	struct {
		uint32_t id, kind;
		uint64_t v;
		bool half;
	} of[128];
};

static bool link_fits(struct links *l, const struct reg *a, uint64_t v, char *why)
{
	bool half = a->id & ID_ADD_CONST32;
	uint32_t id = a->id & ~(uint32_t)(ID_ADD_CONST | ID_ADD_CONST32), kind = a->type;

	if (!id || a->type == REG_NOT_INIT)
		return true;
	if (a->type == REG_SCALAR) {
		if (a->id & (ID_ADD_CONST | ID_ADD_CONST32))
			v -= (uint64_t)(int64_t)a->off;
	} else if (a->type == REG_PKT || a->type == REG_PKT_META) {
		v -= (uint64_t)(int64_t)a->off;
	} else if (a->type & PTR_NULL) {
		v = v != 0;
	} else {
		return true;
	}
	for (uint32_t i = 0; i < l->n; i++) {
		if (l->of[i].id != id || l->of[i].kind != kind)
			continue;
		if (half || l->of[i].half ? (uint32_t)l->of[i].v == (uint32_t)v : l->of[i].v == v)
			return true;
		return no(why, WHY, "linked by id %u, but %" PRIx64 " is not %" PRIx64, id, v, l->of[i].v);
	}
	if (l->n < ARRAY_SIZE(l->of)) {
		l->of[l->n].id = id;
		l->of[l->n].kind = kind;
		l->of[l->n].half = half;
		l->of[l->n++].v = v;
	}
	return true;
}

/* Does the node contain the machine, but for what is excused? */
static bool node_fits(struct machine *m, const struct node *n, const struct excuse *e, char *why)
{
	char part[WHY];
	struct links links = {0};

	m->checks++;
	for (uint32_t i = 0; i <= n->curframe; i++) {
		const struct node_frame *f = &n->frames[i];
		const struct cframe *cf = &m->f[m->base + i];
		uint32_t skip = e->dead_regs[i] | e->loose_regs[i];

		for (uint32_t k = 0; k <= DATA; k++) {
			const struct reg *a = &f->regs[k];

			if (e->dead_regs[i] >> k & 1)
				continue;
			if ((skip >> k & 1) && a->type == REG_SCALAR)
				continue;
			if (!reg_fits(m, a, &cf->r[k], part) || !link_fits(&links, a, cf->r[k].v, part))
				return no(why, WHY + 80, "frame %u r%u: %s", i, k, part);
		}
		for (uint32_t k = 0; k < f->n_slots; k++) {
			const struct slot *s = &f->slots[k];
			bool loose = e->loose_slots[i] >> k & 1;

			if (e->dead_slots[i] >> k & 1)
				continue;
			if (!slot_fits(m, s, m->base + i, k, loose, part))
				return no(why, WHY + 80, "frame %u slot %u (fp-%u): %s", i, k, 8 * (k + 1), part);
			if (s->kind[7] != SLOT_SPILL || s->kind[0] != SLOT_SPILL ||
			    (loose && s->reg.type == REG_SCALAR))
				continue;
			if (!link_fits(&links, &s->reg, slot_value(m, m->base + i, k).v, part))
				return no(why, WHY + 80, "frame %u slot %u: %s", i, k, part);
		}
	}
	if (m->live_records > n->n_ptr_refs)
		return no(why, WHY, "%u references are held, %u claimed", m->live_records, n->n_ptr_refs);
	return true;
}

/* An excuse for what the claim says nothing of is none. */
static void tidy(const struct node *n, struct excuse *e)
{
	for (uint32_t i = 0; i < MAX_FRAMES; i++) {
		if (i > n->curframe) {
			e->dead_regs[i] = e->loose_regs[i] = 0;
			e->dead_slots[i] = e->loose_slots[i] = 0;
			continue;
		}
		for (uint32_t k = 0; k <= DATA; k++) {
			const struct reg *a = &n->frames[i].regs[k];

			if (a->type != REG_SCALAR || (is_unknown(&a->var) && !a->id))
				e->loose_regs[i] &= (uint16_t) ~(1u << k);
		}
		for (uint64_t left = e->loose_slots[i]; left; left &= left - 1) {
			uint32_t k = (uint32_t)__builtin_ctzll(left);

			if (k >= n->frames[i].n_slots || n->frames[i].slots[k].kind[7] != SLOT_SPILL ||
			    n->frames[i].slots[k].reg.type != REG_SCALAR)
				e->loose_slots[i] &= ~(1ull << k);
		}
	}
}

static void merge(struct excuse *to, const struct excuse *from)
{
	for (uint32_t i = 0; i < MAX_FRAMES; i++) {
		to->dead_regs[i] |= from->dead_regs[i];
		to->loose_regs[i] |= from->loose_regs[i];
		to->dead_slots[i] |= from->dead_slots[i];
		to->loose_slots[i] |= from->loose_slots[i];
	}
}

static bool is_alu(const struct machine *m, uint32_t pc)
{
	uint8_t class = BPF_CLASS(m->claims->insns[pc].code);

	return class == BPF_ALU || class == BPF_ALU64;
}

static void admit(struct machine *m, struct cands *to, const struct node *n, struct excuse e, char *why)
{
	if (!node_fits(m, n, &e, why))
		return;
	if (n->covered_by) {
		char part[WHY + 100];

		merge(&e, &n->excuse);
		n = n->covered_by;
		if (!node_fits(m, n, &e, part)) {
			no(why, WHY + 200, "the state that covers it does not contain it: %s", part);
			return;
		}
	}
	tidy(n, &e);
	for (uint32_t i = 0; i < to->n; i++)
		if (to->c[i].node == n && !memcmp(&to->c[i].excuse, &e, sizeof(e)))
			return;
	if (to->n == CANDS_MAX) {
		m->gave_up = true;
		return;
	}
	to->c[to->n].node = n;
	to->c[to->n++].excuse = e;
	/* An instruction that the walk does twice, once for each of two values. */
	for (uint32_t i = 0; i < n->n_next; i++)
		if (n->next[i]->insn == n->insn && is_alu(m, n->insn))
			admit(m, to, n->next[i], e, why);
}

void claim_start(struct machine *m, uint32_t subprog)
{
	const struct node *root = m->claims->trace.roots[subprog];
	char why[WHY + 300] = "";
	struct excuse e = {0};

	m->cands.n = 0;
	if (m->gave_up)
		return;
	if (!root)
		violate(m, "function %u runs, and was never verified", subprog);
	else
		admit(m, &m->cands, root, e, why);
	if (root && !m->cands.n)
		violate(m, "at the start of function %u: %s", subprog, why);
}

void claim_arrive(struct machine *m)
{
	struct cands old = m->cands;
	char why[WHY + 300] = "no successor stands there";

	if (m->gave_up || m->violation[0])
		return;
	m->cands.n = 0;
	for (uint32_t i = 0; i < old.n; i++) {
		const struct node *n = old.c[i].node;

		for (uint32_t k = 0; k < n->n_next; k++)
			if (n->next[k]->insn == m->pc && n->next[k]->curframe == m->depth - 1 - m->base)
				admit(m, &m->cands, n->next[k], old.c[i].excuse, why);
	}
	if (!m->cands.n && !m->gave_up)
		violate(m, "the verifier's claims do not hold: %s", why);
}

/* Excuses */

int stack_at(const struct machine *m, uint64_t addr, uint32_t *slot)
{
	uint64_t at = addr - (uintptr_t)m->stack;

	if (at >= sizeof(m->stack) || at / 512 >= m->depth)
		return -1;
	if (slot)
		*slot = (uint32_t)(511 - at % 512) / 8;
	return (int)(at / 512);
}

/* All that is linked to a register that may be other than claimed may be so too. */
static void loosen_links(const struct node *n, struct excuse *e, uint32_t id)
{
	const uint32_t flags = ID_ADD_CONST | ID_ADD_CONST32;

	id &= ~flags;
	if (!id)
		return;
	for (uint32_t i = 0; i <= n->curframe; i++) {
		for (uint32_t k = 0; k <= DATA; k++)
			if (n->frames[i].regs[k].type == REG_SCALAR && (n->frames[i].regs[k].id & ~flags) == id)
				e->loose_regs[i] |= (uint16_t)(1u << k);
		for (uint32_t k = 0; k < n->frames[i].n_slots; k++)
			if (n->frames[i].slots[k].kind[7] == SLOT_SPILL &&
			    n->frames[i].slots[k].reg.type == REG_SCALAR &&
			    (n->frames[i].slots[k].reg.id & ~flags) == id)
				e->loose_slots[i] |= 1ull << k;
	}
}

static void set_bit(uint16_t *mask, uint32_t bit, bool on)
{
	*mask = (uint16_t)((*mask & ~(1u << bit)) | (uint32_t)on << bit);
}

/* Does what is known of a load from there rest on the register that was spilled there? */
static bool load_rests_on_spill(const struct slot *s, uint32_t byte, uint32_t size)
{
	uint32_t spilled = 0;

	for (uint32_t i = 8; i > 0 && s->kind[i - 1] == SLOT_SPILL; i--)
		spilled++;
	if (!spilled || s->reg.type != REG_SCALAR || byte + size > 8)
		return false;
	if (!byte)
		return size <= spilled;
	return byte + size <= spilled && scalar_is_const(&s->reg.var) && !s->reg.var.bits.value;
}

/* A load from a stack into a register; @at_known: the verifier knew where. False: it looks at a dead slot. */
static bool load_excuse(struct machine *m, const struct node *n, struct excuse *e, uint32_t f, uint32_t dst,
			uint64_t addr, uint32_t size, bool at_known)
{
	bool loose = false;

	for (uint32_t i = 0; i < size; i++) {
		uint32_t slot = 0;
		int frame = stack_at(m, addr + i, &slot);

		if (frame < (int)m->base)
			continue;
		frame -= (int)m->base;
		if (e->dead_slots[frame] >> slot & 1)
			return false;
		if (!i && at_known && slot < n->frames[frame].n_slots &&
		    load_rests_on_spill(&n->frames[frame].slots[slot], addr % 8, size))
			loose = e->loose_slots[frame] >> slot & 1;
	}
	set_bit(&e->loose_regs[f], dst, loose);
	set_bit(&e->dead_regs[f], dst, false);
	return true;
}

/* A store; where the verifier knew its place, nothing is left of a register that was spilled there. */
static void store_excuse(struct machine *m, struct excuse *e, uint64_t addr, uint32_t size, bool loose, bool at_known)
{
	uint32_t slot = 0;
	int frame = stack_at(m, addr, &slot);

	if (frame < (int)m->base)
		return;
	frame -= (int)m->base;
	if (size == 8 && !(addr & 7))
		e->dead_slots[frame] &= ~(1ull << slot);
	if (at_known)
		e->loose_slots[frame] &= ~(1ull << slot);
	if (loose)
		e->loose_slots[frame] |= 1ull << slot;
}

static bool transfer(struct machine *m, struct candidate *c, const struct bpf_insn *insn, char *why)
{
	struct excuse *e = &c->excuse;
	uint32_t f = m->depth - 1 - m->base, dst = insn->dst_reg, src = insn->src_reg;
	const struct creg *r = m->f[m->depth - 1].r;
	const struct reg *ar = c->node->frames[f].regs;
	bool x = BPF_SRC(insn->code) == BPF_X, dloose = e->loose_regs[f] >> dst & 1,
	     sloose = src < 11 && e->loose_regs[f] >> src & 1;
	uint32_t size = machine_size(insn);
	uint32_t id = (uint32_t)insn->imm;

	switch (BPF_CLASS(insn->code)) {
	case BPF_ALU:
	case BPF_ALU64:
		if (BPF_OP(insn->code) == BPF_MOV) {
			set_bit(&e->loose_regs[f], dst, x && sloose);
			set_bit(&e->dead_regs[f], dst, false);
			return true;
		}
		if (BPF_OP(insn->code) == BPF_NEG || BPF_OP(insn->code) == BPF_END || !x)
			return true;
		if (BPF_CLASS(insn->code) == BPF_ALU64 &&
		    ((ar[dst].type != REG_SCALAR && sloose) || (ar[src].type != REG_SCALAR && dloose)) &&
		    (BPF_OP(insn->code) == BPF_ADD || (BPF_OP(insn->code) == BPF_SUB && ar[src].type == REG_SCALAR)))
			return no(why, WHY, "a scalar that is not precise moves a pointer");
		set_bit(&e->loose_regs[f], dst, dloose || sloose);
		return true;
	case BPF_LDX:
		if (load_excuse(m, c->node, e, f, dst, r[src].v + (uint64_t)(int64_t)insn->off, size,
				scalar_is_const(&ar[src].var)))
			return true;
		return no(why, WHY, "it reads a stack slot that the verifier held dead");
	case BPF_ST:
		store_excuse(m, e, r[dst].v + (uint64_t)(int64_t)insn->off, size, false, scalar_is_const(&ar[dst].var));
		return true;
	case BPF_STX:
		if (BPF_MODE(insn->code) == BPF_ATOMIC && (id & BPF_FETCH || id == BPF_LOAD_ACQ)) {
			uint32_t to = id == BPF_CMPXCHG ? 0 : id == BPF_LOAD_ACQ ? dst : src;
			uint32_t base = id == BPF_LOAD_ACQ ? src : dst;

			if (!load_excuse(m, c->node, e, f, to, r[base].v + (uint64_t)(int64_t)insn->off, size,
					 scalar_is_const(&ar[base].var)))
				return no(why, WHY, "it reads a stack slot that the verifier held dead");
			return true;
		}
		store_excuse(m, e, r[dst].v + (uint64_t)(int64_t)insn->off, size, sloose,
			     scalar_is_const(&ar[dst].var));
		return true;
	case BPF_LD:
		if (insn_is_wide(insn)) {
			set_bit(&e->loose_regs[f], dst, false);
			set_bit(&e->dead_regs[f], dst, false);
		} else {
			e->loose_regs[f] &= 0x3c0;
			e->dead_regs[f] &= 0x3c0;
		}
		return true;
	default:
		break;
	}
	switch (BPF_OP(insn->code)) {
	case BPF_CALL:
		if (src == BPF_PSEUDO_CALL) {
			if (f + 1 < MAX_FRAMES) { /* a global function's excuses are not used */
				e->loose_regs[f + 1] = e->loose_regs[f] & 0x3e;
				e->dead_regs[f + 1] = 0;
				e->loose_slots[f + 1] = e->dead_slots[f + 1] = 0;
			}
			e->loose_regs[f] &= 0x3c0;
			e->dead_regs[f] &= 0x3c0;
		}
		/* A helper's are lost when it returns: machine.c. */
		return true;
	case BPF_EXIT:
		if (f && !m->f[m->depth - 1].callback) {
			set_bit(&e->loose_regs[f - 1], 0, e->loose_regs[f] & 1);
			set_bit(&e->dead_regs[f - 1], 0, false);
		}
		return true;
	case BPF_JA:
	case BPF_JCOND:
		return true;
	default:
		if (!dloose && !(x && sloose))
			return true;
		if (ar[dst].type == REG_SCALAR)
			e->loose_regs[f] |= (uint16_t)(1u << dst);
		loosen_links(c->node, e, ar[dst].id);
		if (x) {
			if (ar[src].type == REG_SCALAR)
				e->loose_regs[f] |= (uint16_t)(1u << src);
			loosen_links(c->node, e, ar[src].id);
		}
		return true;
	}
}

void claim_before(struct machine *m, const struct bpf_insn *insn, uint32_t reads)
{
	uint32_t n = 0, f = m->depth - 1 - m->base;
	char why[WHY + 300] = "";

	if (m->gave_up || m->violation[0])
		return;
	for (uint32_t i = 0; i < m->cands.n; i++) {
		struct candidate c = m->cands.c[i];

		if (c.excuse.dead_regs[f] & reads & 0x3ff) {
			no(why, WHY, "it reads r%d, which the verifier held dead",
			   __builtin_ctz(c.excuse.dead_regs[f] & reads & 0x3ff));
			continue;
		}
		if (transfer(m, &c, insn, why))
			m->cands.c[n++] = c;
	}
	m->cands.n = n;
	if (!n)
		violate(m, "%s", why);
}

void claim_mem_read(struct machine *m, uint64_t addr, uint32_t size)
{
	uint32_t n = 0;

	if (m->gave_up || m->violation[0] || stack_at(m, addr, NULL) < (int)m->base)
		return;
	for (uint32_t i = 0; i < m->cands.n; i++) {
		struct excuse e = m->cands.c[i].excuse;

		if (load_excuse(m, m->cands.c[i].node, &e, 0, 0, addr, size, false))
			m->cands.c[n++] = m->cands.c[i];
	}
	m->cands.n = n;
	if (!n)
		violate(m, "a helper reads a stack slot that the verifier held dead");
}
