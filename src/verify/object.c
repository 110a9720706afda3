/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Objects that programs allocate (bpf_obj_new()): structs of the program's own BTF, whose special fields are found when one is first
 * used and kept for the rest of the walk.
 */
#include "verify/call.h"
#include "verify/btf_util.h"

#include <bpf/btf.h>
#include <errno.h>
#include <stdlib.h>

struct object_type {
	struct object_type *next;
	const struct btf *btf;
	uint32_t btf_id;
	struct btf_record *rec; /* NULL: no special fields */
};

/* Nothing but numbers and plain pointers is in it: no special fields, and bitfields do no harm. */
static bool only_numbers(const struct btf *btf, const struct btf_type *t)
{
	for (uint32_t i = 0; i < btf_vlen(t); i++) {
		const struct btf_type *m = btf_strip(btf, btf_members(t)[i].type, NULL);

		if (m && btf_is_ptr(m))
			m = btf__type_by_id(btf, m->type);
		if (!m || !(btf_is_int(m) || btf_is_any_enum(m) || btf_is_void(m)))
			return false;
	}
	return true;
}

int struct_record(struct verifier *v, const struct btf *btf, uint32_t btf_id, const struct btf_record **out)
{
	const struct btf_type *t = btf__type_by_id(btf, btf_id);
	struct object_type *o;
	int err = 0;

	*out = NULL;
	for (o = v->objects; o; o = o->next)
		if (o->btf == btf && o->btf_id == btf_id) {
			*out = o->rec;
			return 0;
		}
	if (!t || !btf_is_composite(t))
		return 0;
	o = v_alloc(v, sizeof(*o));
	if (!o)
		return -ENOMEM;
	o->btf = btf;
	o->btf_id = btf_id;
	if (!only_numbers(btf, t))
		err = btf_record_parse(btf, btf_id, t->size, BTF_FIELDS_OF_OBJECT,
				       v->in->n_btfs ? v->in->btfs[0] : NULL, &o->rec);
	if (err) {
		v_free(v, o, sizeof(*o));
		return refuse(v, err, PROBLEM_SHAPE,
			      "the special fields of struct %s are not such as programs may have",
			      btf__name_by_offset(btf, t->name_off));
	}
	o->next = v->objects;
	v->objects = o;
	*out = o->rec;
	return 0;
}

bool object_may_lock(const struct verifier *v, const struct reg *r)
{
	for (const struct object_type *o = v->objects; o; o = o->next)
		if (o->btf == r->btf && o->btf_id == r->btf_id)
			return record_has(o->rec, FIELD_SPIN_LOCK | FIELD_RES_SPIN_LOCK);
	return true;
}

int object_record(struct verifier *v, const struct reg *r, const struct btf_record **out)
{
	*out = NULL;
	if (REG_BASE(r->type) == REG_MAP_VALUE) {
		*out = r->map->record;
		return 0;
	}
	if (REG_BASE(r->type) != REG_BTF || !(r->type & MEM_ALLOC))
		return 0;
	return struct_record(v, r->btf, r->btf_id, out);
}

void object_list_free(struct verifier *v)
{
	while (v->objects) {
		struct object_type *o = v->objects;

		v->objects = o->next;
		free(o->rec);
		v_free(v, o, sizeof(*o));
	}
}
