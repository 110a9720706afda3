/* SPDX-License-Identifier: BSD-2-Clause */
#include "machine.h"

#include "base/util.h"
#include "helper/helper.h"
#include "prog/ctx.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FUNC_BASE = 0x1000000 }; /* what LD_FUNC gives: FUNC_BASE + instruction */

void violate(struct machine *m, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (m->violation[0])
		return;
	n = snprintf(m->violation, sizeof(m->violation), "at %u: ", m->pc);
	va_start(ap, fmt);
	vsnprintf(m->violation + n, sizeof(m->violation) - (size_t)n, fmt, ap);
	va_end(ap);
}

uint32_t obj_new(struct machine *m, struct obj o)
{
	if (m->n_objs == OBJS_MAX) {
		m->tired = true;
		return m->n_objs - 1;
	}
	m->objs[m->n_objs] = o;
	return m->n_objs++;
}

/* The object of that kind at that place, made when it is not known. */
static uint32_t obj_at(struct machine *m, enum obj_kind kind, uint64_t base, uint32_t size, int map)
{
	for (uint32_t i = m->n_objs, tries = 64; i-- > 1 && tries; tries--) {
		const struct obj *o = &m->objs[i];

		if (o->kind == kind && o->base == base && o->size == size && o->map == map && !o->dead && !o->stale)
			return i;
	}
	return obj_new(m, (struct obj){.kind = kind,
				       .base = base,
				       .size = size,
				       .map = map,
				       .rdonly = kind == OBJ_KEY || (kind == OBJ_VALUE && map == M_RDONLY)});
}

/* Memory */

static bool stopped(const struct machine *m)
{
	return m->violation[0] || m->tired || m->ended;
}

static void init_bytes(struct machine *m, uint64_t addr, uint32_t size, bool odd)
{
	for (uint32_t i = 0; i < size; i++) {
		uint32_t slot;
		int f = stack_at(m, addr + i, &slot);

		if (f < 0)
			continue;
		m->byte_init[f][(addr + i - (uintptr_t)m->stack) % 512] = 1;
		m->byte_odd[f][(addr + i - (uintptr_t)m->stack) % 512] = odd;
		m->spilled[f][slot].obj = 0;
	}
}

/* Bytes of a stack that were not written, or hold what depends on addresses: spilled pointers, when they are read as data. */
static bool bytes_odd(const struct machine *m, uint64_t addr, uint32_t size, bool pointers)
{
	for (uint32_t i = 0; i < size; i++) {
		uint32_t slot;
		int f = stack_at(m, addr + i, &slot);
		uint64_t at = (addr + i - (uintptr_t)m->stack) % 512;

		if (f >= 0 && (!m->byte_init[f][at] || m->byte_odd[f][at] || (pointers && m->spilled[f][slot].obj)))
			return true;
	}
	return false;
}

/* Is all of [addr, addr + size) the program's, through a pointer to this object? */
static bool access_ok(struct machine *m, uint32_t obj, uint64_t addr, uint32_t size, bool write, const char *what)
{
	const struct obj *o = &m->objs[obj];
	const struct packet *pkt = m->w->pkt;
	uint64_t base = o->base, end = o->base + o->size;

	if (!size)
		return true;
	switch (o->kind) {
	case OBJ_PKT:
		end = (uintptr_t)pkt->data_end;
		break;
	case OBJ_META:
		end = (uintptr_t)pkt->data;
		break;
	case OBJ_STACK:
	case OBJ_VALUE:
	case OBJ_KEY:
	case OBJ_RECORD:
	case OBJ_MEM:
	case OBJ_CTX:
		break;
	default:
		violate(m, "%s %u bytes through what is no pointer to memory (kind %u, %" PRIx64 ")",
			write ? "writes" : "reads", size, o->kind, addr);
		return false;
	}
	if (o->dead || (o->kind == OBJ_STACK && o->frame >= (int)m->depth)) {
		violate(m, "%s: memory that is gone", what);
		return false;
	}
	if (addr < base || addr > end || end - addr < size) {
		violate(m, "%s %u bytes at %" PRId64 " of an object of %" PRId64 " bytes (kind %u): %s",
			write ? "writes" : "reads", size, (int64_t)(addr - base), (int64_t)(end - base), o->kind, what);
		return false;
	}
	if (write && o->rdonly) {
		violate(m, "%s: writes read-only memory", what);
		return false;
	}
	if (o->stale)
		m->unordered = true;
	return true;
}

static uint64_t peek(uint64_t addr, uint32_t size)
{
	uint64_t v = 0;

	memcpy(&v, (const void *)(uintptr_t)addr, size);
	return v;
}

uint32_t machine_size(const struct bpf_insn *insn)
{
	switch (BPF_SIZE(insn->code)) {
	case BPF_B:
		return 1;
	case BPF_H:
		return 2;
	case BPF_W:
		return 4;
	default:
		return 8;
	}
}

static struct creg number(uint64_t v, bool odd)
{
	return (struct creg){.v = v, .init = true, .odd = odd};
}

static struct creg pointer(uint64_t v, uint32_t obj)
{
	return (struct creg){.v = v, .init = true, .obj = (uint16_t)obj};
}

static uint32_t packet_obj(struct machine *m, bool meta)
{
	uint32_t *at = meta ? &m->meta_obj : &m->pkt_obj;

	if (!*at)
		*at = obj_new(m, (struct obj){.kind = meta ? OBJ_META : OBJ_PKT,
					      .base = (uintptr_t)(meta ? m->w->pkt->data_meta : m->w->pkt->data)});
	return *at;
}

static struct creg load_ctx(struct machine *m, int64_t off, uint32_t size, bool sext)
{
	struct ctx_access a = {0};
	uint64_t v;

	if (m->p->type != BPF_PROG_TYPE_SYSCALL &&
	    (!prog_ctx_access(m->p->type, m->p->attach, (int32_t)off, size, false, &a) || (sext && a.no_sign_extend))) {
		violate(m, "reads %u bytes at %" PRId64 " of the context, which it may not", size, off);
		return number(0, false);
	}
	v = peek((uintptr_t)m->w->env.ctx + (uint64_t)off, size);
	switch (a.gives) {
	case CTX_PKT:
		return pointer(v, packet_obj(m, false));
	case CTX_PKT_META:
		return pointer(v, packet_obj(m, true));
	case CTX_PKT_END:
		return pointer(v, obj_at(m, OBJ_PKT_END, v, 0, -1));
	case CTX_SCALAR:
		return number(v, false);
	default:
		return v ? pointer(v, obj_at(m, OBJ_OTHER, v, 0, -1)) : number(0, false);
	}
}

static struct creg load(struct machine *m, const struct creg *base, int64_t off, uint32_t size, bool sext)
{
	uint64_t addr = base->v + (uint64_t)off;
	const struct obj *o = &m->objs[base->obj];
	struct creg c;
	uint32_t slot;
	int f;

	if (!access_ok(m, base->obj, addr, size, false, "load"))
		return number(0, false);
	c = o->kind == OBJ_CTX ? load_ctx(m, (int64_t)(addr - o->base), size, sext)
			       : number(peek(addr, size), o->kind == OBJ_RECORD);
	f = stack_at(m, addr, &slot);
	c.odd |= base->odd;
	if (f >= 0) {
		c.odd |= bytes_odd(m, addr, size, size != 8 || addr & 7);
		if (size == 8 && !(addr & 7) && m->spilled[f][slot].obj && m->spilled[f][slot].v == c.v)
			c.obj = m->spilled[f][slot].obj;
	}
	if (sext)
		c.v = size == 1 ? (uint64_t)(int8_t)c.v : size == 2 ? (uint64_t)(int16_t)c.v : (uint64_t)(int32_t)c.v;
	return c;
}

static void store(struct machine *m, const struct creg *base, int64_t off, uint32_t size, struct creg value)
{
	uint64_t addr = base->v + (uint64_t)off;
	const struct obj *o = &m->objs[base->obj];
	uint32_t slot;
	int f;

	if (!access_ok(m, base->obj, addr, size, true, "store"))
		return;
	if (o->kind == OBJ_CTX && m->p->type != BPF_PROG_TYPE_SYSCALL &&
	    !prog_ctx_access(m->p->type, m->p->attach, (int32_t)(addr - o->base), size, true, NULL)) {
		violate(m, "writes %u bytes at %" PRId64 " of the context, which it may not", size,
			(int64_t)(addr - o->base));
		return;
	}
	if ((o->kind == OBJ_PKT || o->kind == OBJ_META) && !prog_packet_write(m->p->type)) {
		violate(m, "writes the packet, which programs of its type may not");
		return;
	}
	memcpy((void *)(uintptr_t)addr, &value.v, size);
	m->odd |= base->odd;
	f = stack_at(m, addr, &slot);
	if (f < 0) {
		m->odd |= value.odd || value.obj;
		return;
	}
	init_bytes(m, addr, size, value.odd || (value.obj && size != 8));
	if (size == 8 && !(addr & 7) && value.obj) {
		m->spilled[f][slot].obj = value.obj;
		m->spilled[f][slot].v = value.v;
	}
}

/* Arithmetic: as RFC 9669 says, once more, beside the interpreter's. */

static uint64_t alu64(uint8_t op, int16_t off, uint64_t d, uint64_t s)
{
	switch (op) {
	case BPF_ADD:
		return d + s;
	case BPF_SUB:
		return d - s;
	case BPF_MUL:
		return d * s;
	case BPF_DIV:
		if (!s)
			return 0;
		return off ? (s == ~0ull ? 0 - d : (uint64_t)((int64_t)d / (int64_t)s)) : d / s;
	case BPF_MOD:
		if (!s)
			return d;
		return off ? (s == ~0ull ? 0 : (uint64_t)((int64_t)d % (int64_t)s)) : d % s;
	case BPF_OR:
		return d | s;
	case BPF_AND:
		return d & s;
	case BPF_XOR:
		return d ^ s;
	case BPF_LSH:
		return d << (s & 63);
	case BPF_RSH:
		return d >> (s & 63);
	case BPF_ARSH:
		return (uint64_t)((int64_t)d >> (s & 63));
	default:
		return off == 8    ? (uint64_t)(int8_t)s
		       : off == 16 ? (uint64_t)(int16_t)s
		       : off == 32 ? (uint64_t)(int32_t)s
				   : s;
	}
}

static uint32_t alu32(uint8_t op, int16_t off, uint32_t d, uint32_t s)
{
	switch (op) {
	case BPF_DIV:
		if (!s)
			return 0;
		return off ? (s == ~0u ? 0 - d : (uint32_t)((int32_t)d / (int32_t)s)) : d / s;
	case BPF_MOD:
		if (!s)
			return d;
		return off ? (s == ~0u ? 0 : (uint32_t)((int32_t)d % (int32_t)s)) : d % s;
	case BPF_LSH:
		return d << (s & 31);
	case BPF_RSH:
		return d >> (s & 31);
	case BPF_ARSH:
		return (uint32_t)((int32_t)d >> (s & 31));
	case BPF_MOV:
		return off == 8 ? (uint32_t)(int8_t)s : off == 16 ? (uint32_t)(int16_t)s : s;
	default:
		return (uint32_t)alu64(op, 0, d, s);
	}
}

static uint64_t swap(const struct bpf_insn *insn, uint64_t d)
{
	bool swaps = BPF_CLASS(insn->code) == BPF_ALU64 || BPF_SRC(insn->code) == BPF_TO_BE;

	switch (insn->imm) {
	case 16:
		return swaps ? __builtin_bswap16((uint16_t)d) : (uint16_t)d;
	case 32:
		return swaps ? __builtin_bswap32((uint32_t)d) : (uint32_t)d;
	default:
		return swaps ? __builtin_bswap64(d) : d;
	}
}

static void do_alu(struct machine *m, const struct bpf_insn *insn)
{
	struct creg *r = m->f[m->depth - 1].r, *d = &r[insn->dst_reg];
	struct creg s = BPF_SRC(insn->code) == BPF_X ? r[insn->src_reg] : number((uint64_t)(int64_t)insn->imm, false);
	uint8_t op = BPF_OP(insn->code);
	bool is64 = BPF_CLASS(insn->code) == BPF_ALU64;
	struct creg out;

	if (op == BPF_NEG) {
		out = number(is64 ? 0 - d->v : (uint32_t)(0 - d->v), d->odd || d->obj);
	} else if (op == BPF_END) {
		out = number(swap(insn, d->v), d->odd || d->obj);
	} else if (op == BPF_MOV) {
		out = s;
		out.v = is64 ? alu64(op, insn->off, 0, s.v) : alu32(op, insn->off, 0, (uint32_t)s.v);
		if (!is64 || insn->off) {
			out.odd |= out.obj != 0;
			out.obj = 0;
		}
	} else {
		out = number(is64 ? alu64(op, insn->off, d->v, s.v)
				  : alu32(op, insn->off, (uint32_t)d->v, (uint32_t)s.v),
			     d->odd || s.odd || d->obj || s.obj);
		if (is64 && (op == BPF_ADD || op == BPF_SUB) && !d->obj != !s.obj && (op == BPF_ADD || d->obj)) {
			out.obj = d->obj ? d->obj : s.obj;
			out.odd = d->odd || s.odd;
		} else if (is64 && op == BPF_SUB && d->obj && s.obj &&
			   (m->objs[d->obj].kind == m->objs[s.obj].kind || m->objs[d->obj].kind == OBJ_PKT_END) &&
			   (m->objs[s.obj].kind == OBJ_PKT || d->obj == s.obj)) {
			out.odd = d->odd || s.odd; /* a distance */
		}
	}
	*d = out;
}

/* Jumps */

static bool jump_taken(uint8_t op, bool is32, uint64_t d, uint64_t s)
{
	int64_t sd = is32 ? (int32_t)d : (int64_t)d, ss = is32 ? (int32_t)s : (int64_t)s;

	if (is32) {
		d = (uint32_t)d;
		s = (uint32_t)s;
	}
	switch (op) {
	case BPF_JEQ:
		return d == s;
	case BPF_JNE:
		return d != s;
	case BPF_JGT:
		return d > s;
	case BPF_JGE:
		return d >= s;
	case BPF_JLT:
		return d < s;
	case BPF_JLE:
		return d <= s;
	case BPF_JSGT:
		return sd > ss;
	case BPF_JSGE:
		return sd >= ss;
	case BPF_JSLT:
		return sd < ss;
	case BPF_JSLE:
		return sd <= ss;
	default:
		return (d & s) != 0;
	}
}

static void do_jump(struct machine *m, const struct bpf_insn *insn)
{
	const struct creg *r = m->f[m->depth - 1].r, *d = &r[insn->dst_reg];
	struct creg s = BPF_SRC(insn->code) == BPF_X ? r[insn->src_reg] : number((uint64_t)(int64_t)insn->imm, false);
	bool is32 = BPF_CLASS(insn->code) == BPF_JMP32;
	bool zero_test = !s.obj && !s.v && (BPF_OP(insn->code) == BPF_JEQ || BPF_OP(insn->code) == BPF_JNE) && !is32;
	enum obj_kind dk = m->objs[d->obj].kind, sk = m->objs[s.obj].kind;
	bool packets = (dk == OBJ_PKT || dk == OBJ_PKT_END || dk == OBJ_META) &&
		       (sk == OBJ_PKT || sk == OBJ_PKT_END || sk == OBJ_META) && !is32;

	m->odd |= d->odd || s.odd || ((d->obj || s.obj) && !zero_test && !packets);
	m->pc += 1;
	if (jump_taken(BPF_OP(insn->code), is32, d->v, s.v))
		m->pc += (uint32_t)(int32_t)insn->off;
}

/* Frames */

static void push_frame(struct machine *m, uint32_t ret)
{
	struct cframe *f = &m->f[m->depth];

	memset(f, 0, sizeof(*f));
	f->ret = ret;
	memset(m->byte_init[m->depth], 0, 512);
	memset(m->byte_odd[m->depth], 0, 512);
	memset(m->spilled[m->depth], 0, sizeof(m->spilled[0]));
	memset(m->stack[m->depth], 0xa5, 512); /* whoever reads what was not written finds this */
	f->stack_obj = obj_new(m, (struct obj){.kind = OBJ_STACK,
					       .base = (uintptr_t)m->stack[m->depth],
					       .size = 512,
					       .map = -1,
					       .frame = (int)m->depth});
	/* Claims count a stack's offsets from its end. */
	f->r[10] = pointer((uintptr_t)m->stack[m->depth] + 512, f->stack_obj);
	m->depth++;
}

static void forget(struct creg *r)
{
	for (int i = 1; i <= 5; i++)
		r[i] = (struct creg){.v = 0xdeadbeefcafe0000u + (uint64_t)i, .odd = true};
}

static void run_to(struct machine *m, uint32_t depth);

/* A global function: by its own claims. */
static void call_global(struct machine *m, uint32_t subprog, uint32_t at)
{
	struct cframe *caller = &m->f[m->depth - 1], *callee;
	struct cands saved = m->cands;
	uint32_t base = m->base, call_pc = m->pc;
	const struct node *root = m->claims->trace.roots[subprog];

	push_frame(m, m->pc + 1);
	callee = &m->f[m->depth - 1];
	memcpy(&callee->r[1], &caller->r[1], 5 * sizeof(struct creg));
	for (uint32_t i = 1; root && i <= 5; i++) {
		const struct reg *a = &root->frames[0].regs[i];

		if (REG_BASE(a->type) != REG_MEM || !callee->r[i].v)
			continue;
		if (!access_ok(m, callee->r[i].obj, callee->r[i].v, a->mem_size, false, "argument of a function"))
			return;
		callee->r[i].obj = (uint16_t)obj_new(m, (struct obj){.kind = OBJ_MEM,
								     .base = callee->r[i].v,
								     .size = a->mem_size,
								     .map = -1,
								     .parent = callee->r[i].obj,
								     .rdonly = m->objs[callee->r[i].obj].rdonly});
	}
	forget(caller->r);
	caller->r[0].init = false;
	m->base = m->depth - 1;
	m->pc = at;
	claim_start(m, subprog);
	run_to(m, m->depth - 1);
	m->base = base;
	m->cands = saved;
	(void)call_pc;
}

static int subprog_at(const struct machine *m, uint32_t at)
{
	for (uint32_t i = 0; i < m->claims->n_subprogs; i++)
		if (m->claims->subprogs[i] == at)
			return (int)i;
	return -1;
}

static void do_call_sub(struct machine *m, const struct bpf_insn *insn)
{
	uint32_t to = m->pc + 1 + (uint32_t)insn->imm;
	int subprog = subprog_at(m, to);
	struct cframe *caller = &m->f[m->depth - 1];

	if (subprog < 0 || m->depth >= DEPTH_MAX) {
		m->tired = true;
		return;
	}
	if (m->p->with_btf && m->p->funcs[subprog].global) {
		call_global(m, (uint32_t)subprog, to);
		return;
	}
	push_frame(m, m->pc + 1);
	memcpy(&m->f[m->depth - 1].r[1], &caller->r[1], 5 * sizeof(struct creg));
	forget(caller->r);
	caller->r[0].init = false;
	m->pc = to;
}

/* From a function to where it was called; of a callback r0 is left in m->r0. */
static void leave(struct machine *m, struct creg r0)
{
	m->depth--;
	m->r0 = r0.v;
	if (m->depth) {
		if (!m->f[m->depth].callback)
			m->f[m->depth - 1].r[0] = r0;
		m->pc = m->f[m->depth].ret;
	}
}

/* Helpers */

static bool is_odd_helper(uint32_t id)
{
	switch (id) {
	case BPF_FUNC_ktime_get_ns:
	case BPF_FUNC_ktime_get_boot_ns:
	case BPF_FUNC_ktime_get_coarse_ns:
	case BPF_FUNC_ktime_get_tai_ns:
	case BPF_FUNC_jiffies64:
	case BPF_FUNC_get_prandom_u32:
	case BPF_FUNC_get_smp_processor_id:
	case BPF_FUNC_get_current_pid_tgid:
	case BPF_FUNC_get_current_task:
	case BPF_FUNC_ringbuf_query:
		return true;
	default:
		return false;
	}
}

static void arg_memory(struct machine *m, const struct creg *a, uint32_t size, bool write, bool raw)
{
	m->odd |= a->odd;
	if (!access_ok(m, a->obj, a->v, size, write, "argument of a helper"))
		return;
	if (m->objs[a->obj].kind == OBJ_CTX) {
		violate(m, "a helper gets the context as memory");
		return;
	}
	if (write && (m->objs[a->obj].kind == OBJ_PKT || m->objs[a->obj].kind == OBJ_META) &&
	    !prog_packet_write(m->p->type))
		violate(m, "a helper writes the packet, which programs of this type may not");
	if (!raw) {
		m->odd |= bytes_odd(m, a->v, size, true);
		claim_mem_read(m, a->v, size);
	}
	if (write)
		init_bytes(m, a->v, size, false);
}

/* Checks what the helper is given, by its row. @map: the map among it, -1. */
static void check_args(struct machine *m, const struct helper_desc *h, int *map)
{
	struct creg *r = m->f[m->depth - 1].r;

	*map = -1;
	for (uint32_t i = 0; i < 5 && !stopped(m); i++) {
		const struct creg *a = &r[i + 1];
		uint32_t fl = h->args[i].flags;
		bool write = fl & HELPER_ARG_WRITE, raw = fl & HELPER_ARG_UNINIT;

		if (h->args[i].type == ARG_NONE)
			break;
		if (!a->init) {
			violate(m, "%s gets r%u, which was never written", h->name, i + 1);
			return;
		}
		if (!a->v && (fl & HELPER_ARG_NULL))
			continue;
		switch (h->args[i].type) {
		case ARG_CONST_MAP_PTR:
			if (m->objs[a->obj].kind != OBJ_MAP || a->v != m->objs[a->obj].base)
				violate(m, "%s gets what is no map", h->name);
			else
				*map = m->objs[a->obj].map;
			break;
		case ARG_MAP_KEY:
			arg_memory(m, a, *map < 0 ? 0 : world_maps[*map].key, write, raw);
			break;
		case ARG_MAP_VALUE:
			arg_memory(m, a, *map < 0 ? 0 : world_maps[*map].value, write, raw);
			break;
		case ARG_MEM:
			if (i == 4 || r[i + 2].v > 1u << 29)
				violate(m, "%s gets memory of %" PRIu64 " bytes", h->name, r[i + 2].v);
			else
				arg_memory(m, a, (uint32_t)r[i + 2].v, write, raw);
			break;
		case ARG_MEM_FIXED:
		case ARG_LONG_PTR:
		case ARG_INT_PTR:
			arg_memory(m, a, h->args[i].size, write, raw);
			break;
		case ARG_CTX:
			if (m->objs[a->obj].kind != OBJ_CTX || a->v != m->objs[a->obj].base)
				violate(m, "%s gets what is no context", h->name);
			break;
		case ARG_RINGBUF_MEM:
			if (m->objs[a->obj].kind != OBJ_RECORD || m->objs[a->obj].dead ||
			    a->v != m->objs[a->obj].base) {
				violate(m, "%s gets what is no record", h->name);
			} else {
				m->objs[a->obj].dead = true;
				m->live_records--;
			}
			break;
		case ARG_STACK:
		case ARG_FUNC:
			break;
		default:
			m->odd |= a->odd || a->obj;
		}
	}
}

/* After a call that may have moved the frame, nothing points into it any more. */
static void forget_packet(struct machine *m)
{
	for (uint32_t i = 1; i < m->n_objs; i++)
		if (m->objs[i].kind == OBJ_PKT || m->objs[i].kind == OBJ_META || m->objs[i].kind == OBJ_PKT_END)
			m->objs[i].dead = true;
	m->pkt_obj = m->meta_obj = 0;
}

static bool reuses_elements(int map)
{
	return map == M_HASH || map == M_LRU || map == M_PERCPU_HASH || map == M_LPM;
}

static void note_change(struct machine *m, uint32_t id, int map)
{
	if (!reuses_elements(map) || (id != BPF_FUNC_map_update_elem && id != BPF_FUNC_map_delete_elem))
		return;
	for (uint32_t i = 1; i < m->n_objs; i++)
		if (m->objs[i].kind == OBJ_VALUE && m->objs[i].map == map)
			m->objs[i].stale = true;
}

static struct creg helper_result(struct machine *m, const struct helper_desc *h, int map, uint64_t ret, uint64_t size)
{
	switch (h->ret) {
	case RET_INTEGER:
	case RET_VOID:
		return number(ret, is_odd_helper(h->id) || h->ret == RET_VOID);
	case RET_MAP_VALUE:
		if (!ret)
			return number(0, false);
		if (map == M_OUTER)
			return pointer(ret, obj_at(m, OBJ_MAP, ret, 0, M_INNER));
		return pointer(ret, obj_at(m, OBJ_VALUE, ret, world_maps[map].value, map));
	case RET_RINGBUF_MEM:
		if (!ret)
			return number(0, false);
		m->live_records++;
		return pointer(
			ret,
			obj_new(m, (struct obj){.kind = OBJ_RECORD, .base = ret, .size = (uint32_t)size, .map = -1}));
	default:
		return ret ? pointer(ret, obj_at(m, OBJ_OTHER, ret, 0, -1)) : number(0, false);
	}
}

static struct machine *running; /* for callbacks: one machine at a time */

static uint64_t call_back(struct skep_env *env, uint64_t fn, uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4,
			  uint64_t r5)
{
	struct machine *m = running;
	struct cframe *caller = &m->f[m->depth - 1], *f;
	uint32_t at = m->pc;
	bool each = m->claims->insns[at].imm == BPF_FUNC_for_each_map_elem;

	if (stopped(m))
		return 1;
	if (m->depth >= DEPTH_MAX) {
		m->tired = true;
		return 1;
	}
	push_frame(m, at);
	f = &m->f[m->depth - 1];
	f->callback = true;
	if (each) {
		int map = m->objs[caller->r[1].obj].map;

		f->r[1] = caller->r[1];
		f->r[2] = pointer(r2, obj_at(m, OBJ_KEY, r2, world_maps[map].key, map));
		f->r[3] = pointer(r3, obj_at(m, OBJ_VALUE, r3, world_maps[map].value, map));
		f->r[4] = caller->r[3];
		m->unordered |= reuses_elements(map);
	} else {
		f->r[1] = number(r1, false);
		f->r[2] = caller->r[3];
	}
	/* The third argument goes on with its excuse, whatever it is. */
	for (uint32_t i = 0; i < m->cands.n; i++) {
		struct excuse *e = &m->cands.c[i].excuse;
		uint32_t cf = m->depth - 2 - m->base;
		bool loose = e->loose_regs[cf] >> 3 & 1;

		e->loose_regs[cf + 1] = (uint16_t)(loose << (each ? 4 : 2));
		e->dead_regs[cf + 1] = 0;
		e->dead_slots[cf + 1] = e->loose_slots[cf + 1] = 0;
	}
	m->pc = (uint32_t)(fn - FUNC_BASE);
	claim_arrive(m);
	run_to(m, m->depth - 1);
	m->odd |= m->f[m->depth].r[0].odd;
	return stopped(m) ? 1 : m->r0;
}

static void do_tail_call(struct machine *m)
{
	struct creg *r = m->f[m->depth - 1].r;
	int map = m->objs[r[2].obj].map;

	if (m->objs[r[1].obj].kind != OBJ_CTX || m->objs[r[2].obj].kind != OBJ_MAP || map < M_PROGS_XDP ||
	    map > M_PROGS_CG) {
		violate(m, "a tail call with wrong arguments");
		return;
	}
	m->odd |= r[3].odd || r[3].obj;
	if ((uint32_t)r[3].v != 1) {
		forget(r);
		r[0] = number(0, true);
		r[0].init = false;
		m->pc++;
		return;
	}
	if (m->depth == 1) {
		m->r0 = TAIL_RESULT;
		m->ended = true;
		return;
	}
	forget_packet(m);
	leave(m, number(TAIL_RESULT, false));
}

static void do_helper(struct machine *m, const struct bpf_insn *insn)
{
	const struct helper_desc *h = helper_for((uint32_t)insn->imm, m->p->type, m->p->attach);
	struct creg *r = m->f[m->depth - 1].r;
	skep_fn fn = (uint32_t)insn->imm < 1000 ? m->w->hive->helpers[insn->imm] : NULL;
	uint64_t ret, size = r[2].v;
	int map;

	if (insn->imm == BPF_FUNC_tail_call) {
		do_tail_call(m);
		return;
	}
	if (!h || !fn) {
		violate(m, "calls helper %d, which does not exist", insn->imm);
		return;
	}
	check_args(m, h, &map);
	if (stopped(m))
		return;
	m->w->env.callback = call_back;
	running = m;
	ret = fn(r[1].v, r[2].v, r[3].v, r[4].v, r[5].v, &m->w->env);
	if (stopped(m))
		return;
	note_change(m, h->id, map);
	if (h->flags & HELPER_MOVES_PACKET)
		forget_packet(m);
	r = m->f[m->depth - 1].r;
	r[0] = helper_result(m, h, map, ret, size);
	forget(r);
	for (uint32_t i = 0; i < m->cands.n; i++) {
		m->cands.c[i].excuse.loose_regs[m->depth - 1 - m->base] &= 0x3c0;
		m->cands.c[i].excuse.dead_regs[m->depth - 1 - m->base] &= 0x3c0;
	}
	m->pc++;
}

/* Atomics, on memory that the program has to itself. */
static void do_atomic(struct machine *m, const struct bpf_insn *insn)
{
	struct creg *r = m->f[m->depth - 1].r, *s = &r[insn->src_reg];
	uint32_t size = machine_size(insn), op = (uint32_t)insn->imm;
	uint64_t mask = size == 8 ? ~0ull : (1ull << (size * 8)) - 1, old, new;
	bool odd;

	if (op == BPF_LOAD_ACQ) {
		r[insn->dst_reg] = load(m, s, insn->off, size, false);
		return;
	}
	if (op == BPF_STORE_REL) {
		store(m, &r[insn->dst_reg], insn->off, size, *s);
		return;
	}
	struct creg was = load(m, &r[insn->dst_reg], insn->off, size, false);

	if (stopped(m))
		return;
	old = was.v;
	odd = was.odd || was.obj || s->odd || s->obj;
	switch (op & ~(uint32_t)BPF_FETCH) {
	case BPF_ADD:
		new = old + s->v;
		break;
	case BPF_OR:
		new = old | s->v;
		break;
	case BPF_AND:
		new = old & s->v;
		break;
	case BPF_XOR:
		new = old ^ s->v;
		break;
	case BPF_XCHG & ~BPF_FETCH:
		new = s->v;
		break;
	default: /* BPF_CMPXCHG */
		new = (r[0].v & mask) == old ? s->v : old;
		odd |= r[0].odd || r[0].obj;
		break;
	}
	store(m, &r[insn->dst_reg], insn->off, size, number(new &mask, odd));
	if (op == BPF_CMPXCHG)
		r[0] = number(old, odd);
	else if (op & BPF_FETCH)
		*s = number(old, was.odd || was.obj);
}

/* Steps */

static uint32_t reads_of(const struct machine *m, const struct bpf_insn *insn)
{
	uint32_t d = 1u << insn->dst_reg, s = 1u << insn->src_reg, reads = 0;
	bool x = BPF_SRC(insn->code) == BPF_X;

	switch (BPF_CLASS(insn->code)) {
	case BPF_ALU:
	case BPF_ALU64:
		if (BPF_OP(insn->code) == BPF_MOV)
			return x ? s : 0;
		if (BPF_OP(insn->code) == BPF_NEG || BPF_OP(insn->code) == BPF_END)
			return d;
		return d | (x ? s : 0);
	case BPF_LDX:
		return s;
	case BPF_ST:
		return d;
	case BPF_STX:
		if (BPF_MODE(insn->code) == BPF_ATOMIC && insn->imm == BPF_LOAD_ACQ)
			return s;
		return d | s | (BPF_MODE(insn->code) == BPF_ATOMIC && insn->imm == BPF_CMPXCHG ? 1u : 0);
	case BPF_LD:
		return insn_is_wide(insn) ? 0 : 1u << 6 | (BPF_MODE(insn->code) == BPF_IND ? s : 0);
	default:
		break;
	}
	switch (BPF_OP(insn->code)) {
	case BPF_JA:
	case BPF_JCOND:
		return 0;
	case BPF_EXIT:
		return m->depth == 1 ? 1 : 0;
	case BPF_CALL:
		if (!insn->src_reg) {
			const struct helper_desc *h = helper_for((uint32_t)insn->imm, m->p->type, m->p->attach);

			for (uint32_t i = 0; h && i < 5 && h->args[i].type != ARG_NONE; i++)
				reads |= 2u << i;
		}
		return reads;
	default:
		return d | (x ? s : 0);
	}
}

static void load_imm(struct machine *m, const struct bpf_insn *insn)
{
	struct creg *d = &m->f[m->depth - 1].r[insn->dst_reg];
	struct skep_map *map;
	uint32_t zero = 0;
	uint64_t base;

	switch (insn->src_reg) {
	case BPF_PSEUDO_MAP_FD:
		map = m->w->maps[insn->imm]->map;
		*d = pointer((uintptr_t)map, obj_at(m, OBJ_MAP, (uintptr_t)map, 0, insn->imm));
		break;
	case BPF_PSEUDO_MAP_VALUE:
		map = m->w->maps[insn->imm]->map;
		base = (uintptr_t)map_lookup(map, &zero, 0);
		*d = pointer(base + (uint32_t)insn[1].imm, obj_at(m, OBJ_VALUE, base, map->value_size, insn->imm));
		break;
	case BPF_PSEUDO_FUNC:
		*d = pointer(FUNC_BASE + m->pc + 1 + (uint32_t)insn->imm, obj_at(m, OBJ_FUNC, 0, 0, -1));
		break;
	default:
		*d = number((uint32_t)insn->imm | (uint64_t)(uint32_t)insn[1].imm << 32, false);
	}
	m->pc += 2;
}

static void load_packet(struct machine *m, const struct bpf_insn *insn)
{
	struct creg *r = m->f[m->depth - 1].r;
	bool ind = BPF_MODE(insn->code) == BPF_IND;
	int32_t off = (int32_t)((ind ? (uint32_t)r[insn->src_reg].v : 0) + (uint32_t)insn->imm);
	uint64_t v;

	m->odd |= ind && (r[insn->src_reg].odd || r[insn->src_reg].obj);
	if (m->objs[r[6].obj].kind != OBJ_CTX) {
		violate(m, "a packet load without the context in r6");
		return;
	}
	if (packet_load(&m->w->env, off, machine_size(insn), &v)) {
		forget(r);
		r[0] = number(v, false);
		m->pc++;
		return;
	}
	if (m->depth == 1) {
		m->r0 = 0;
		m->ended = true;
		return;
	}
	leave(m, number(0, false));
}

static void do_exit(struct machine *m)
{
	struct creg r0 = m->f[m->depth - 1].r[0];

	if (m->depth == 1) {
		if (!r0.init)
			violate(m, "exit without a value in r0");
		if (m->live_records)
			violate(m, "exit with %u records that were never submitted", m->live_records);
		m->odd |= r0.odd || r0.obj;
	}
	leave(m, r0);
}

static void step(struct machine *m)
{
	const struct bpf_insn *insn = &m->claims->insns[m->pc];
	struct creg *r = m->f[m->depth - 1].r;
	uint32_t reads = reads_of(m, insn);

	if (++m->steps > STEPS_MAX || m->pc >= m->claims->n) {
		m->tired = true;
		return;
	}
	for (uint32_t left = reads; left; left &= left - 1)
		if (!r[__builtin_ctz(left)].init) {
			violate(m, "reads r%d, which was never written", __builtin_ctz(left));
			return;
		}
	claim_before(m, insn, reads);
	if (stopped(m))
		return;
	switch (BPF_CLASS(insn->code)) {
	case BPF_ALU:
	case BPF_ALU64:
		do_alu(m, insn);
		m->pc++;
		break;
	case BPF_LDX:
		r[insn->dst_reg] =
			load(m, &r[insn->src_reg], insn->off, machine_size(insn), BPF_MODE(insn->code) == BPF_MEMSX);
		m->pc++;
		break;
	case BPF_ST:
		store(m, &r[insn->dst_reg], insn->off, machine_size(insn), number((uint64_t)(int64_t)insn->imm, false));
		m->pc++;
		break;
	case BPF_STX:
		if (BPF_MODE(insn->code) == BPF_ATOMIC)
			do_atomic(m, insn);
		else
			store(m, &r[insn->dst_reg], insn->off, machine_size(insn), r[insn->src_reg]);
		m->pc++;
		break;
	case BPF_LD:
		if (insn_is_wide(insn))
			load_imm(m, insn);
		else
			load_packet(m, insn);
		break;
	default:
		switch (BPF_OP(insn->code)) {
		case BPF_JA:
			m->pc += 1 + (uint32_t)(BPF_CLASS(insn->code) == BPF_JMP32 ? insn->imm : insn->off);
			break;
		case BPF_JCOND:
			if (!m->w->env.loop_budget) {
				m->tired = true; /* the engines have a larger one */
			} else {
				m->w->env.loop_budget--;
				m->pc++;
			}
			break;
		case BPF_CALL:
			if (insn->src_reg == BPF_PSEUDO_CALL)
				do_call_sub(m, insn);
			else
				do_helper(m, insn);
			break;
		case BPF_EXIT:
			do_exit(m);
			break;
		default:
			do_jump(m, insn);
		}
	}
}

/* Runs until so many frames are left. */
static void run_to(struct machine *m, uint32_t depth)
{
	uint32_t base = m->base;

	while (m->depth > depth && !stopped(m)) {
		step(m);
		/* The end of a function that was verified on its own has no successor. */
		if (!stopped(m) && m->depth > base)
			claim_arrive(m);
	}
}

void machine_run(struct machine *m, struct world *w, const struct fuzz_prog *p, const struct claims *claims,
		 const struct input *in, struct outcome *out)
{
	uint64_t ctx;

	memset(m, 0, offsetof(struct machine, objs));
	memset(&m->objs[0], 0, sizeof(m->objs[0]));
	memset(&m->n_objs, 0, sizeof(*m) - offsetof(struct machine, n_objs));
	m->n_objs = 1;
	m->w = w;
	m->p = p;
	m->claims = claims;
	*out = (struct outcome){0};
	world_reset(w, SKEP, in);
	ctx = world_enter(w, p, in);
	if (!ctx) {
		out->err = -EINVAL;
		return;
	}
	w->env.loop_budget = 4096;
	w->env.depth = 1;
	push_frame(m, 0);
	m->f[0].r[1] = pointer(ctx, obj_new(m, (struct obj){.kind = OBJ_CTX, .base = ctx, .size = 65536, .map = -1}));
	claim_start(m, 0);
	run_to(m, 0);
	/* A run that was stopped leaves nothing behind that would block the ring. */
	for (uint32_t i = 1; i < m->n_objs; i++)
		if (m->objs[i].kind == OBJ_RECORD && !m->objs[i].dead)
			ringbuf_discard((void *)(uintptr_t)m->objs[i].base, 0);
	out->ret = (uint32_t)m->r0;
	if (!m->violation[0] && !m->tired)
		world_leave(w, p, out);
}
