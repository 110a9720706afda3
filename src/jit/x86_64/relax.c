// SPDX-License-Identifier: BSD-2-Clause
/*
 * Relaxation: from the code as emitted, all jumps long, to its final bytes.
 *
 * Theory of operation
 *
 * gone[i] is how many bytes the first i fixups have shed so far. A place that had k
 * fixups before it therefore lies at offset - gone[k]. Each pass goes over the
 * jumps in order and shortens those that reach their target with 8 bits, and
 * renews gone[] as it goes. Within a pass the entries behind the current one are
 * those of the pass before, hence too small: a target ahead seems too far at worst.
 * Distances only ever shrink, so a jump that was once in reach stays so, and
 * stopping after any pass is correct. Gaps that align what follows count as long as they can be meanwhile; only when all
 * jumps have their form does align() give them the length they need, and again distances only shrink.
 *
 * Then the code is moved together in place, from low to high, and the distances are
 * filled in. The literal pool follows, 8-aligned, never to be run into: the gap is int3.
 */
#include "jit/x86_64/jx.h"

#include <errno.h>

/* Passes after which the few bytes that are left to gain do not pay. */
#define MAX_PASSES 6

static uint32_t long_size(const struct jx_fixup *f)
{
	return f->kind == FIX_JMP ? 5 : f->kind == FIX_JCC ? 6 : f->kind == FIX_ALIGN ? JX_ALIGN - 1 : 4;
}

static uint32_t final_size(const struct jx_fixup *f)
{
	return f->kind == FIX_ALIGN ? f->target : f->is_short ? 2 : long_size(f);
}

static uint32_t final_offset(const uint32_t *gone, struct jx_place place)
{
	return place.offset - gone[place.n_fixups];
}

/* One pass. Return: true when it shortened a jump. */
static bool shorten(struct jx *j, uint32_t *gone)
{
	bool changed = false;

	for (uint32_t i = 0; i < j->n_fixups; i++) {
		struct jx_fixup *f = &j->fixups[i];

		if (!f->is_short && (f->kind == FIX_JMP || f->kind == FIX_JCC)) {
			struct jx_place to = j->places[f->target];
			int64_t target = final_offset(gone, to);
			int64_t from = (int64_t)f->pos - gone[i];

			/* Ahead, the target comes nearer by what this jump sheds, so measure from its long end. */
			target -= from + (to.n_fixups > i ? long_size(f) : 2);
			if (target == (int8_t)target)
				f->is_short = changed = true;
		}
		gone[i + 1] = gone[i] + long_size(f) - final_size(f);
	}
	return changed;
}

/* Gives every gap its length: fixup's target is that. */
static void align(struct jx *j, uint32_t *gone)
{
	for (uint32_t i = 0; i < j->n_fixups; i++) {
		struct jx_fixup *f = &j->fixups[i];

		if (f->kind == FIX_ALIGN)
			f->target = -(f->pos - gone[i]) % JX_ALIGN;
		gone[i + 1] = gone[i] + long_size(f) - final_size(f);
	}
}

/* What fixup @f refers to, as a final offset. */
static uint32_t target_offset(const struct jx *j, const uint32_t *gone, const struct jx_fixup *f, uint32_t pool)
{
	switch (f->kind) {
	case FIX_JMP:
	case FIX_JCC:
		return final_offset(gone, j->places[f->target]);
	case FIX_FUNC:
		return final_offset(gone, j->funcs[f->target].entry);
	case FIX_POOL:
	case FIX_ALIGN:
		break;
	}
	return pool + 8 * f->target;
}

/* Writes the final form of a fixup at offset @at. */
static void write_fixup(uint8_t *buf, uint32_t at, const struct jx_fixup *f, uint32_t target)
{
	uint32_t dist = target - (at + final_size(f));
	uint8_t *p = buf + at;

	if (f->kind == FIX_ALIGN) {
		emit_nops(p, f->target);
		return;
	}
	if (f->is_short) {
		*p++ = f->kind == FIX_JMP ? 0xeb : (uint8_t)(0x70 | f->cc);
		*p = (uint8_t)dist;
		return;
	}
	if (f->kind == FIX_JMP) {
		*p++ = 0xe9;
	} else if (f->kind == FIX_JCC) {
		*p++ = 0x0f;
		*p++ = (uint8_t)(0x80 | f->cc);
	}
	enc_u32(p, dist);
}

/* Moves the code together and fills every distance in. */
static void compact(struct jx *j, const uint32_t *gone, uint32_t pool)
{
	uint32_t from = 0, to = 0;

	for (uint32_t i = 0; i < j->n_fixups; i++) {
		const struct jx_fixup *f = &j->fixups[i];

		memmove(j->e.buf + to, j->e.buf + from, f->pos - from);
		to += f->pos - from;
		from = f->pos + long_size(f);
		write_fixup(j->e.buf, to, f, target_offset(j, gone, f, pool));
		to += final_size(f);
	}
	memmove(j->e.buf + to, j->e.buf + from, j->e.len - from);
}

/* The object's tables, from the compiler's. */
static void fill_tables(const struct jx *j, const uint32_t *gone, uint32_t pool, struct jit_object *obj)
{
	for (uint32_t i = 0; i <= obj->n_insns; i++)
		obj->insn_offset[i] = final_offset(gone, j->places[i]);
	for (uint32_t i = 0; i < j->n_relocs; i++) {
		obj->relocs[i] = j->relocs[i].rel;
		obj->relocs[i].offset -= gone[j->relocs[i].n_fixups];
	}
	for (uint32_t i = 0; i < j->n_pool; i++) {
		struct jit_reloc *rel = &obj->relocs[j->n_relocs + i];

		*rel = j->pool[i];
		if (rel->kind == RELOC_TEXT)
			rel->index = final_offset(gone, j->places[rel->index]);
		rel->offset = pool + 8 * i;
	}
	obj->n_relocs = j->n_relocs + j->n_pool;
	for (uint32_t i = 0; i < j->code->n_subprogs; i++)
		obj->func_offset[i] = final_offset(gone, j->funcs[i].entry);
	obj->entry = obj->func_offset[0];
}

int jx_relax(struct jx *j, struct jit_object *obj)
{
	AUTO_FREE uint32_t *gone = calloc((size_t)j->n_fixups + 1, sizeof(*gone));
	uint32_t code_size, pool;
	uint8_t *bytes;

	obj->insn_offset = calloc((size_t)obj->n_insns + 1, sizeof(*obj->insn_offset));
	obj->relocs = calloc((size_t)j->n_relocs + j->n_pool + 1, sizeof(*obj->relocs));
	obj->func_offset = calloc(j->code->n_subprogs, sizeof(*obj->func_offset));
	if (!gone || !obj->insn_offset || !obj->func_offset || !obj->relocs)
		return -ENOMEM;
	for (int pass = 0; pass < MAX_PASSES && shorten(j, gone); pass++)
		;
	align(j, gone);
	code_size = j->e.len - gone[j->n_fixups];
	pool = j->n_pool ? ALIGN_UP(code_size, 8u) : code_size;
	compact(j, gone, pool);
	obj->size = pool + 8 * j->n_pool;
	bytes = realloc(j->e.buf, obj->size);
	if (!bytes)
		return -ENOMEM;
	memset(bytes + code_size, X86_INT3, pool - code_size);
	memset(bytes + pool, 0, obj->size - pool);
	j->e.buf = NULL;
	obj->bytes = bytes;
	fill_tables(j, gone, pool, obj);
	return 0;
}
