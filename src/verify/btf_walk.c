/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Members of structs: what lies at an offset.
 *
 * The walk goes through nested structs, unions and arrays to the member that has the first byte of the access. One that is a number gives a
 * number, whatever bytes of it (or of its array) are asked for; a pointer must be asked for whole. A union of several members gives pointers that
 * nobody can trust. Behind the end of a kernel's struct comes the array of unknown length that it may end in.
 */
#include "btf/types.h"
#include "verify/btf_util.h"
#include "verify/internal.h"

#include <bpf/btf.h>
#include <errno.h>
#include <string.h>

uint32_t kernel_type(const struct verifier *v, const char *name)
{
	uint32_t id = kernel_types_find(v->in->types, name, BTF_KIND_STRUCT);

	return id ? id : kernel_types_find(v->in->types, name, BTF_KIND_UNION);
}

bool btf_is_kernel(const struct verifier *v, const struct btf *btf)
{
	for (uint32_t i = 0; i < v->in->n_btfs; i++)
		if (v->in->btfs[i] == btf)
			return true;
	return false;
}

/* One step into a struct. */
struct walk {
	const struct btf *btf;
	int32_t off;
	uint32_t size;
	uint32_t id; /* the struct to look in; after WALK_STRUCT or WALK_PTR what was found */
	uint32_t flags; /* MEM_USER, MEM_PERCPU, MEM_RCU, PTR_UNTRUSTED */
	const char *field;
	bool flexible; /* an array of unknown length may follow */
	bool quiet; /* a miss is an answer, no refusal */
};

static int miss(struct verifier *v, const struct walk *w, int err, const char *what, const struct btf_type *t)
{
	if (w->quiet)
		return err;
	return refuse(v, err, PROBLEM_BTF_ACCESS, "%s struct %s at off %d size %u", what, btf_type_name(w->btf, t),
		      w->off, w->size);
}

/* Arrays of arrays as one. */
static const struct btf_type *element(const struct btf *btf, const struct btf_type *t, uint32_t *id, uint64_t *n)
{
	*n = 1;
	while (t && btf_is_array(t)) {
		*n *= btf_array(t)->nelems;
		t = btf_strip(btf, btf_array(t)->type, id);
	}
	return t;
}

static uint32_t tag_flags(const struct btf *btf, uint32_t id)
{
	const struct btf_type *t = btf__type_by_id(btf, id);
	const char *tag = t && btf_is_type_tag(t) && !btf_kflag(t) ? btf_type_name(btf, t) : "";

	return !strcmp(tag, "user")     ? MEM_USER
	       : !strcmp(tag, "percpu") ? MEM_PERCPU
	       : !strcmp(tag, "rcu")    ? MEM_RCU
					: 0;
}

/* Behind the end a struct may go on with the array of unknown length that it ends in. */
static int behind_end(const struct btf *btf, const struct btf_type *t, int32_t *off, const struct btf_type **next)
{
	uint32_t n = btf_vlen(t);
	const struct btf_member *m = btf_members(t) + (n ? n - 1 : 0);
	const struct btf_type *a = n ? btf_strip(btf, m->type, NULL) : NULL;
	int32_t at;

	if (!a || !btf_is_array(a) || btf_array(a)->nelems)
		return -EACCES;
	at = (int32_t)(btf_member_bit_offset(t, n - 1) / 8);
	if (*off < at)
		return -EACCES;
	a = btf_strip(btf, btf_array(a)->type, NULL);
	if (a && btf_is_int(a))
		return WALK_SCALAR;
	if (!a || !btf_is_composite(a) || !a->size)
		return -EACCES;
	*off = (*off - at) % (int32_t)a->size;
	*next = a;
	return WALK_STRUCT;
}

static int walk_member(struct verifier *v, struct walk *w, const struct btf_type *t, const struct btf_type *mtype,
		       int32_t at, int32_t end, uint32_t msize, const char *name)
{
	const struct btf_type *to;
	uint32_t id;

	if (btf_is_ptr(mtype)) {
		if (msize != w->size || w->off != at)
			return miss(v, w, -EACCES, "pointer members are read whole: no access to", t);
		to = btf_strip(w->btf, mtype->type, &id);
		if (!to || !btf_is_composite(to))
			return WALK_PTR_UNTRUSTED;
		w->flags |= tag_flags(w->btf, mtype->type);
		w->id = id;
		w->field = name;
		return WALK_PTR;
	}
	if (w->off + (int32_t)w->size > end && !(w->flags & PTR_UNTRUSTED))
		return miss(v, w, -EACCES, "access beyond the end of a member of", t);
	return WALK_SCALAR;
}

static int member_step(struct verifier *v, struct walk *w)
{
	const struct btf_type *t = btf_strip(w->btf, w->id, NULL), *next = NULL;

again:
	/* Not reached: whatever makes a register point to an object has seen that it is a struct or union */
	if (!t || !btf_is_composite(t))
		return w->quiet ? -EINVAL
				: refuse(v, -EINVAL, PROBLEM_BTF_ACCESS, "access to a type that is no struct");
	if (btf_is_union(t) && btf_vlen(t) != 1)
		w->flags |= PTR_UNTRUSTED;
	if ((int64_t)w->off + w->size > t->size) {
		int how = w->flexible ? behind_end(w->btf, t, &w->off, &next) : -EACCES;

		if (how == WALK_SCALAR)
			return how;
		if (how != WALK_STRUCT)
			return miss(v, w, -EACCES, "access beyond", t);
		t = next;
		goto again;
	}
	for (uint32_t i = 0; i < btf_vlen(t); i++) {
		const struct btf_member *m = btf_members(t) + i;
		uint32_t bit = btf_member_bit_offset(t, i), bits = btf_member_bitfield_size(t, i), mid;
		const struct btf_type *mtype;
		int32_t at = (int32_t)(bit / 8), end;
		uint64_t n;
		int64_t msize;

		if (w->off + (int32_t)w->size <= at)
			break;
		if (bits) {
			if (w->off <= at && (int32_t)((bit + bits + 7) / 8) <= w->off + (int32_t)w->size)
				return WALK_SCALAR;
			continue;
		}
		if (w->off < at)
			break;
		msize = btf__resolve_size(w->btf, m->type);
		if (msize < 0)
			return miss(v, w, -EFAULT, "a member without size in", t);
		end = at + (int32_t)msize;
		if (w->off >= end)
			continue;
		mtype = btf_strip(w->btf, m->type, &mid);
		mtype = element(w->btf, mtype, &mid, &n);
		/* Not reached: a member of no bytes ends where it begins, and was passed over */
		if (!mtype || !n)
			return miss(v, w, -EFAULT, "an empty member in", t);
		msize /= (int64_t)n;
		if (n > 1 && msize)
			at += (w->off - at) / (int32_t)msize * (int32_t)msize;
		if (btf_is_composite(mtype)) {
			if (w->off == at) {
				w->id = mid;
				return WALK_STRUCT;
			}
			w->off -= at;
			t = mtype;
			goto again;
		}
		return walk_member(v, w, t, mtype, at, end, (uint32_t)msize, btf__name_by_offset(w->btf, m->name_off));
	}
	return miss(v, w, -EINVAL, "no field there: access to", t);
}

int btf_walk(struct verifier *v, const struct reg *r, int32_t off, uint32_t size, uint32_t *btf_id, uint32_t *flags,
	     const char **field)
{
	const bool own = r->type & MEM_ALLOC;
	struct walk w = {.btf = r->btf, .off = off, .size = size, .id = r->btf_id, .flexible = !own};
	int how;

	*flags = 0;
	do {
		how = member_step(v, &w);
		if (how == WALK_STRUCT)
			w.off = 0;
	} while (how == WALK_STRUCT);
	if (how == WALK_PTR && own)
		return WALK_SCALAR; /* a program's own pointers are just numbers */
	if (how == WALK_PTR || how == WALK_PTR_UNTRUSTED) {
		*btf_id = w.id;
		*flags = w.flags;
		*field = w.field;
	}
	return how;
}

bool btf_is_same_type(struct verifier *v, const struct btf *a, uint32_t a_id, int32_t off, const struct btf *b,
		      uint32_t b_id, bool strict)
{
	struct walk w = {.btf = a, .off = off, .size = 1, .id = a_id, .quiet = true};

	w.flexible = btf_is_kernel(v, a);

	if (!off && a == b && a_id == b_id)
		return true;
	if (strict || off < 0)
		return false;
	/* The struct that begins there: the first member of the first member ... */
	for (int depth = 0; depth < 64; depth++) {
		if (member_step(v, &w) != WALK_STRUCT)
			return false;
		if (a == b && w.id == b_id)
			return true;
		w.off = 0;
	}
	return false;
}
