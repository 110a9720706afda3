/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finding special fields: a walk over the members, in declaration order, that collects up to BTF_FIELDS_MAX of them with their offsets from
 * the outermost struct; then each is looked at on its own (what it points to, what it contains), then all together.
 */
#include "verify/record.h"

#include "base/uapi.h"
#include "base/util.h"
#include "helper/kfunc.h"

#include <bpf/btf.h>
#include <errno.h>
#include <string.h>

enum {
	MAX_DEPTH = 32, /* of nested structs, and of arrays of arrays */
	PAGE = 4096,
};

/* Fields that are told by the name of their struct. */
static const struct kind {
	const char *name;
	uint32_t kind;
	uint8_t size, align;
	bool once; /* per struct: a nested one counts for itself */
} kinds[] = {
	{"bpf_spin_lock", FIELD_SPIN_LOCK, 4, 4, true},   {"bpf_res_spin_lock", FIELD_RES_SPIN_LOCK, 4, 4, true},
	{"bpf_timer", FIELD_TIMER, 16, 8, true},          {"bpf_wq", FIELD_WORKQUEUE, 16, 8, true},
	{"bpf_task_work", FIELD_TASK_WORK, 8, 8, true},   {"bpf_list_head", FIELD_LIST_HEAD, 16, 8, false},
	{"bpf_list_node", FIELD_LIST_NODE, 24, 8, false}, {"bpf_rb_root", FIELD_RB_ROOT, 16, 8, false},
	{"bpf_rb_node", FIELD_RB_NODE, 32, 8, false},     {"bpf_refcount", FIELD_REFCOUNT, 4, 4, false},
};

/* Pointers, which are told by their tag. */
static const struct kind pointers[] = {
	{"kptr_untrusted", FIELD_KPTR_UNREF, 8, 8, false},
	{"kptr", FIELD_KPTR_REF, 8, 8, false},
	{"percpu_kptr", FIELD_KPTR_PERCPU, 8, 8, false},
	{"uptr", FIELD_UPTR, 8, 8, false},
};

struct found {
	struct btf_field field;
	uint32_t pointee; /* of pointers: the type in the record's BTF */
	const char *node; /* of roots: the name of the node's member */
};

struct walk {
	const struct btf *btf;
	uint32_t mask, seen;
	struct found found[BTF_FIELDS_MAX];
	uint32_t n;
};

static const char *name_of(const struct walk *w, const struct btf_type *t)
{
	const char *name = btf__name_by_offset(w->btf, t->name_off);

	return name ? name : "";
}

static const struct btf_type *type_of(const struct walk *w, uint32_t id)
{
	return btf__type_by_id(w->btf, id);
}

static bool modifies(const struct btf_type *t)
{
	return btf_is_mod(t) || btf_is_type_tag(t);
}

/* add - one more field. */
static int add(struct walk *w, const struct kind *k, uint32_t off, struct found **out)
{
	if (w->n == BTF_FIELDS_MAX)
		return -E2BIG;
	*out = &w->found[w->n++];
	**out = (struct found){.field = {.kind = k->kind, .offset = off, .size = k->size}};
	return 0;
}

/* repeat - the fields from @first on are those of the first of @n elements of an array: add the others'. */
static int repeat(struct walk *w, uint32_t first, uint32_t n, uint32_t elem_size)
{
	uint32_t each = w->n - first;

	for (uint32_t i = first; i < w->n; i++)
		if (!(w->found[i].field.kind & (FIELD_KPTR | FIELD_UPTR | FIELD_GRAPH_ROOT)))
			return -EINVAL;
	if ((uint64_t)each * n > BTF_FIELDS_MAX - first)
		return -E2BIG;
	for (uint32_t e = 1; e < n; e++)
		for (uint32_t i = 0; i < each; i++) {
			w->found[w->n] = w->found[first + i];
			w->found[w->n++].field.offset += e * elem_size;
		}
	return 0;
}

/* contains - the "contains:TYPE:NODE" tag of a member or variable. */
static int contains(const struct walk *w, uint32_t parent, int32_t member, struct found *f)
{
	static const char key[] = "contains:";
	const char *value = NULL, *colon;
	char name[256];

	for (uint32_t id = 1; id < btf__type_cnt(w->btf); id++) {
		const struct btf_type *t = type_of(w, id);

		if (!btf_is_decl_tag(t) || t->type != parent || btf_decl_tag(t)->component_idx != member ||
		    strncmp(name_of(w, t), key, sizeof(key) - 1))
			continue;
		if (value)
			return -EINVAL; /* two */
		value = name_of(w, t) + sizeof(key) - 1;
	}
	colon = value ? strchr(value, ':') : NULL;
	if (!colon || (size_t)(colon - value) >= sizeof(name))
		return -EINVAL;
	memcpy(name, value, (size_t)(colon - value));
	name[colon - value] = 0;
	for (uint32_t id = 1; id < btf__type_cnt(w->btf); id++) {
		const struct btf_type *t = type_of(w, id);

		if (btf_kind(t) != BTF_KIND_STRUCT || strcmp(name_of(w, t), name))
			continue;
		if (!colon[1])
			return -EINVAL;
		f->field.graph.value_btf_id = id;
		f->node = colon + 1;
		return 0;
	}
	return -ENOENT;
}

static int walk_struct(struct walk *w, uint32_t id, uint32_t off, uint32_t depth);

/* by_name - the kind of field whose struct has the name; an error when a record may have one and has. */
static int by_name(struct walk *w, const struct btf_type *t, const struct kind **out)
{
	const char *name = name_of(w, t);

	for (uint32_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		const struct kind *k = &kinds[i];

		if (!(w->mask & k->kind) || strcmp(name, k->name))
			continue;
		if (k->once && w->seen & k->kind)
			return -E2BIG;
		if (k->once)
			w->seen |= k->kind;
		*out = k;
		return 0;
	}
	return 0;
}

/* walk_pointer - a member that may be a tagged pointer: (volatile) pointer -> one tag -> struct. */
static int walk_pointer(struct walk *w, const struct btf_type *t, uint32_t off, uint32_t n)
{
	const struct kind *k = NULL;
	const struct btf_type *tag;
	uint32_t id, first = w->n;
	struct found *f;
	int err;

	if (btf_is_volatile(t))
		t = type_of(w, t->type);
	if (!t || !btf_is_ptr(t))
		return 0;
	tag = type_of(w, t->type);
	if (!tag || !btf_is_type_tag(tag))
		return 0;
	id = tag->type;
	t = type_of(w, id);
	if (t && btf_is_type_tag(t))
		return -EINVAL;
	for (uint32_t i = 0; i < ARRAY_SIZE(pointers); i++)
		if (!strcmp(name_of(w, tag), pointers[i].name))
			k = &pointers[i];
	if (!k)
		return -EINVAL;
	if (!(w->mask & k->kind))
		return 0;
	for (uint32_t i = 0; t && modifies(t) && i < MAX_DEPTH; i++) {
		id = t->type;
		t = type_of(w, id);
	}
	if (!t || btf_kind(t) != BTF_KIND_STRUCT)
		return -EINVAL;
	err = add(w, k, off, &f);
	if (err)
		return err;
	f->pointee = id;
	return n > 1 ? repeat(w, first, n, k->size) : 0;
}

/*
 * walk_one - a member of a struct, or a variable.
 * @parent, @member: where its tags are
 * @size:            of a variable in its section; 0: not asked
 */
static int walk_one(struct walk *w, uint32_t parent, int32_t member, uint32_t id, uint32_t off, uint32_t size,
		    uint32_t depth)
{
	const struct btf_type *t = type_of(w, id);
	const struct kind *k = NULL;
	uint32_t n = 1, first = w->n, levels;
	struct found *f;
	int err;

	for (levels = 0; t && btf_is_array(t); levels++) {
		if (levels == MAX_DEPTH)
			return -E2BIG;
		n *= btf_array(t)->nelems;
		id = btf_array(t)->type;
		t = type_of(w, id);
	}
	if (!t || !n)
		return 0;
	err = by_name(w, t, &k);
	if (err)
		return err;
	if (!k && btf_kind(t) == BTF_KIND_STRUCT) {
		if (size && size != t->size * n)
			return 0;
		if (depth + 1 >= MAX_DEPTH)
			return -E2BIG;
		err = walk_struct(w, id, off, depth + 1);
		if (err || w->n == first)
			return err;
		return n > 1 ? repeat(w, first, n, t->size) : 0;
	}
	if (!k) {
		if (!(w->mask & (FIELD_KPTR | FIELD_UPTR)) || (size && size != 8 * n) || off % 8)
			return 0;
		return walk_pointer(w, t, off, n);
	}
	if ((size && size != k->size * n) || off % k->align)
		return 0;
	if (btf_kind(t) != BTF_KIND_STRUCT || t->size != k->size)
		return 0;
	if (k->kind & FIELD_GRAPH_ROOT) {
		struct found probe = {0};

		err = contains(w, parent, member, &probe);
		if (err)
			return err;
		err = add(w, k, off, &f);
		if (err)
			return err;
		f->field.graph = probe.field.graph;
		f->node = probe.node;
	} else {
		err = add(w, k, off, &f);
		if (err)
			return err;
	}
	return n > 1 ? repeat(w, first, n, k->size) : 0;
}

static int walk_struct(struct walk *w, uint32_t id, uint32_t off, uint32_t depth)
{
	const struct btf_type *t = type_of(w, id);
	uint32_t seen_outside = w->seen;

	w->seen = 0;
	for (uint32_t i = 0; i < btf_vlen(t); i++) {
		uint32_t bits = btf_member_bit_offset(t, i);
		int err;

		if (bits % 8)
			return -EINVAL;
		/*
		 * Alignment is a matter of the struct that has the member. Offsets are made absolute afterwards, so that what
		 * stands in a misplaced inner struct is found as it is in the kernel.
		 */
		uint32_t first = w->n;

		err = walk_one(w, id, (int32_t)i, btf_members(t)[i].type, bits / 8, 0, depth);
		if (err)
			return err;
		for (uint32_t f = first; f < w->n; f++)
			w->found[f].field.offset += off;
	}
	w->seen = seen_outside;
	return 0;
}

static int walk_section(struct walk *w, const struct btf_type *t)
{
	const struct btf_var_secinfo *v = btf_var_secinfos(t);

	for (uint32_t i = 0; i < btf_vlen(t); i++) {
		const struct btf_type *var = type_of(w, v[i].type);
		int err = walk_one(w, v[i].type, -1, var->type, v[i].offset, v[i].size, 0);

		if (err)
			return err;
	}
	return 0;
}

/* resolve_pointer - what a kptr points to: a type of the kernel by name, or else one of the record's BTF. */
static int resolve_pointer(const struct walk *w, const struct btf *kernel, struct found *f)
{
	const char *name = name_of(w, type_of(w, f->pointee));
	int32_t id = kernel ? btf__find_by_name_kind(kernel, name, BTF_KIND_STRUCT) : -ENOENT;

	if (id <= 0) {
		f->field.kptr.btf = w->btf;
		f->field.kptr.btf_id = f->pointee;
		return 0;
	}
	if (f->field.kind == FIELD_KPTR_REF && !kfunc_dtor(name))
		return -ENOENT;
	f->field.kptr.btf = kernel;
	f->field.kptr.btf_id = (uint32_t)id;
	f->field.kptr.in_kernel = true;
	return 0;
}

/* resolve_root - where in the contained struct the node is. */
static int resolve_root(const struct walk *w, struct found *f)
{
	const struct btf_type *t = type_of(w, f->field.graph.value_btf_id);
	const char *want = f->field.kind == FIELD_LIST_HEAD ? "bpf_list_node" : "bpf_rb_node";
	bool found = false;

	for (uint32_t i = 0; i < btf_vlen(t); i++) {
		const struct btf_type *n = type_of(w, btf_members(t)[i].type);
		const char *name = btf__name_by_offset(w->btf, btf_members(t)[i].name_off);

		if (!name || strcmp(name, f->node))
			continue;
		if (found || !n || btf_kind(n) != BTF_KIND_STRUCT || strcmp(name_of(w, n), want))
			return -EINVAL;
		if (btf_member_bit_offset(t, i) % 64)
			return -EINVAL;
		f->field.graph.node_offset = btf_member_bit_offset(t, i) / 8;
		found = true;
	}
	return found ? 0 : -ENOENT;
}

static int by_offset(const void *a, const void *b)
{
	uint32_t x = ((const struct btf_field *)a)->offset, y = ((const struct btf_field *)b)->offset;

	return x < y ? -1 : x > y;
}

/* offset_of - of several, which nested structs make possible, the last in declaration order counts. */
static int32_t offset_of(const struct walk *w, uint32_t kind)
{
	for (uint32_t i = w->n; i--;)
		if (w->found[i].field.kind == kind)
			return (int32_t)w->found[i].field.offset;
	return -1;
}

/* together - what the fields demand of each other. */
static int together(const struct btf_record *rec)
{
	uint32_t mask = rec->mask;

	if (mask & FIELD_SPIN_LOCK && mask & FIELD_RES_SPIN_LOCK)
		return -EINVAL;
	if (mask & FIELD_GRAPH_ROOT && !(mask & (FIELD_SPIN_LOCK | FIELD_RES_SPIN_LOCK)))
		return -EINVAL;
	if (!(mask & FIELD_REFCOUNT) && mask & FIELD_LIST_NODE && mask & FIELD_RB_NODE)
		return -EINVAL;
	return 0;
}

int btf_record_parse(const struct btf *btf, uint32_t type_id, uint32_t value_size, uint32_t field_mask,
		     const struct btf *kernel, struct btf_record **out)
{
	struct walk w = {.btf = btf, .mask = field_mask};
	const struct btf_type *t = type_of(&w, type_id);
	AUTO_FREE struct btf_record *rec = NULL;
	uint32_t next = 0;
	int err;

	*out = NULL;
	for (uint32_t i = 0; t && (btf_is_mod(t) || btf_is_typedef(t)) && i < MAX_DEPTH; i++) {
		type_id = t->type;
		t = type_of(&w, type_id);
	}
	if (t && btf_kind(t) == BTF_KIND_STRUCT)
		err = walk_struct(&w, type_id, 0, 0);
	else if (t && btf_is_datasec(t))
		err = walk_section(&w, t);
	else
		return -EINVAL;
	if (err || !w.n)
		return err;
	rec = calloc(1, sizeof(*rec) + w.n * sizeof(rec->fields[0]));
	if (!rec)
		return -ENOMEM;
	rec->btf = btf;
	rec->type_id = type_id;
	for (uint32_t i = 0; i < w.n; i++) {
		struct found *f = &w.found[i];

		if ((uint64_t)f->field.offset + f->field.size > value_size)
			return -EFAULT;
		if (f->field.offset < next)
			return -EEXIST;
		next = f->field.offset + f->field.size;
		if (f->field.kind & (FIELD_KPTR | FIELD_UPTR))
			err = resolve_pointer(&w, kernel, f);
		else if (f->field.kind & FIELD_GRAPH_ROOT)
			err = resolve_root(&w, f);
		if (err)
			return err;
		rec->mask |= f->field.kind;
		rec->fields[rec->cnt++] = f->field;
	}
	err = together(rec);
	if (err)
		return err;
	qsort(rec->fields, rec->cnt, sizeof(rec->fields[0]), by_offset);
	rec->spin_lock_off = offset_of(&w, FIELD_SPIN_LOCK);
	rec->res_spin_lock_off = offset_of(&w, FIELD_RES_SPIN_LOCK);
	rec->timer_off = offset_of(&w, FIELD_TIMER);
	rec->wq_off = offset_of(&w, FIELD_WORKQUEUE);
	rec->task_work_off = offset_of(&w, FIELD_TASK_WORK);
	rec->refcount_off = offset_of(&w, FIELD_REFCOUNT);
	*out = STEAL_PTR(rec);
	return 0;
}

#define M(type) (1ull << BPF_MAP_TYPE_##type)
#define STORAGE (M(SK_STORAGE) | M(INODE_STORAGE) | M(TASK_STORAGE) | 1ull << SKEP_MAP_TYPE_CGRP_STORAGE)
#define HASHES  (M(HASH) | M(LRU_HASH))

static const struct {
	uint32_t kinds;
	uint64_t map_types;
} homes[] = {
	{FIELD_SPIN_LOCK | FIELD_RES_SPIN_LOCK, M(HASH) | M(ARRAY) | M(CGROUP_STORAGE) | STORAGE},
	{FIELD_TIMER | FIELD_WORKQUEUE | FIELD_TASK_WORK, HASHES | M(ARRAY)},
	{FIELD_KPTR | FIELD_REFCOUNT,
	 HASHES | M(PERCPU_HASH) | M(LRU_PERCPU_HASH) | M(ARRAY) | M(PERCPU_ARRAY) | STORAGE},
	{FIELD_UPTR, M(TASK_STORAGE)},
	{FIELD_GRAPH_ROOT, HASHES | M(ARRAY)},
};

int btf_record_map_check(const struct btf_record *rec, uint32_t map_type, uint32_t map_flags)
{
	if (!rec)
		return 0;
	if (map_flags & (BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG))
		return -EACCES;
	for (uint32_t i = 0; i < ARRAY_SIZE(homes); i++)
		if (rec->mask & homes[i].kinds && (map_type >= 64 || !(homes[i].map_types >> map_type & 1)))
			return -EOPNOTSUPP;
	if (rec->mask & FIELD_GRAPH_NODE)
		return -EOPNOTSUPP;
	/* One page is pinned, and it is the program's. */
	for (uint32_t i = 0; i < rec->cnt; i++) {
		const struct btf_field *f = &rec->fields[i];
		uint32_t size;

		if (f->kind != FIELD_UPTR)
			continue;
		size = btf__type_by_id(f->kptr.btf, f->kptr.btf_id)->size;
		if (f->kptr.in_kernel || !size)
			return -EINVAL;
		if (size > PAGE)
			return -E2BIG;
	}
	return 0;
}

const struct btf_field *btf_record_find(const struct btf_record *rec, uint32_t offset, uint32_t mask)
{
	for (uint32_t i = 0; rec && i < rec->cnt; i++)
		if (rec->fields[i].offset == offset && rec->fields[i].kind & mask)
			return &rec->fields[i];
	return NULL;
}

const struct btf_field *btf_record_overlap(const struct btf_record *rec, uint32_t off, uint32_t size)
{
	for (uint32_t i = 0; rec && i < rec->cnt; i++) {
		const struct btf_field *f = &rec->fields[i];

		if ((uint64_t)off < (uint64_t)f->offset + f->size && f->offset < (uint64_t)off + size)
			return f;
	}
	return NULL;
}

const char *btf_field_kind_name(uint32_t kind)
{
	for (uint32_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i].kind == kind)
			return kinds[i].name;
	return kind == FIELD_UPTR ? "uptr" : kind & FIELD_KPTR ? "kptr" : "unknown";
}
