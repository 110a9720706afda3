/* SPDX-License-Identifier: BSD-2-Clause */
#include "hook/task/members.h"

#include "base/util.h"

#include <bpf/btf.h>
#include <errno.h>
#include <string.h>

const struct member_row member_rows[MEMBER_COUNT] = {
#define M(id, part, type, path, group) [M_##id] = {PART_##part, type, path, GROUP_##group},
	MEMBERS(M)
#undef M
};

const struct group_row group_rows[GROUP_COUNT] = {
#define G(id, bundle, once) [GROUP_##id] = {bundle, once},
	GROUPS(G)
#undef G
};

enum { PART_TYPES = 6, PART_ALIGN = 64 };

static const struct part_row {
	enum bundle bundle;
	uint32_t n, room;
	const char *types[PART_TYPES];
} part_rows[PART_COUNT] = {
#define P(id, bundle, n, room, ...) [PART_##id] = {bundle, n, room, {__VA_ARGS__}},
	PARTS(P)
#undef P
};

static int32_t find_struct(const struct btf *btf, const char *name)
{
	int32_t id = btf__find_by_name_kind(btf, name, BTF_KIND_STRUCT);

	return id > 0 ? id : btf__find_by_name_kind(btf, name, BTF_KIND_UNION);
}

static const struct btf_type *plain_type(const struct btf *btf, uint32_t id, uint32_t *at)
{
	const struct btf_type *t = btf__type_by_id(btf, id);

	while (t && (btf_is_mod(t) || btf_is_typedef(t) || btf_kind(t) == BTF_KIND_TYPE_TAG)) {
		id = t->type;
		t = btf__type_by_id(btf, id);
	}
	*at = id;
	return t;
}

/*
 * One name in a struct or union, also of the nameless ones within it.
 * @bits: where it lies, counted on from what is there; @type: of the member
 */
static bool find_in(const struct btf *btf, const struct btf_type *t, const char *name, size_t len, uint32_t *bits,
		    uint32_t *width, uint32_t *type)
{
	const struct btf_member *m = btf_members(t);

	for (uint32_t i = 0; i < btf_vlen(t); i++, m++) {
		const char *has = btf__name_by_offset(btf, m->name_off);
		uint32_t inner, at = *bits + btf_member_bit_offset(t, i);
		const struct btf_type *sub;

		if (*has && strlen(has) == len && !memcmp(has, name, len)) {
			*bits = at;
			*width = btf_member_bitfield_size(t, i);
			*type = m->type;
			return true;
		}
		sub = *has ? NULL : plain_type(btf, m->type, &inner);
		if (sub && btf_is_composite(sub) && find_in(btf, sub, name, len, &at, width, type)) {
			*bits = at;
			return true;
		}
	}
	return false;
}

bool member_find(const struct btf *btf, const char *type, const char *path, struct member_place *out)
{
	int32_t id = find_struct(btf, type);
	uint32_t bits = 0, width = 0, at = (uint32_t)id;

	*out = (struct member_place){0};
	while (id > 0 && *path) {
		size_t len = strcspn(path, ".");
		const struct btf_type *t = plain_type(btf, at, &at);

		if (!t || !btf_is_composite(t) || !find_in(btf, t, path, len, &bits, &width, &at))
			return false;
		path += len + (path[len] == '.');
	}
	if (id <= 0)
		return false;
	out->offset = bits / 8;
	out->bits = (uint8_t)width;
	out->shift = (uint8_t)(bits % 8);
	out->size = width ? (out->shift + width + 7) / 8 : (uint32_t)MAX(btf__resolve_size(btf, at), (int64_t)0);
	return true;
}

/* The parts of each bundle, one behind the other. */
static int place_parts(const struct btf *btf, uint32_t room, struct layout *l)
{
	for (uint32_t i = 0; i < PART_COUNT; i++) {
		const struct part_row *row = &part_rows[i];
		uint32_t size = 0, *end = &l->sizes[row->bundle];
		bool bare = row->types[0] && !*row->types[0];

		for (uint32_t k = 0; k < PART_TYPES && row->types[k]; k++) {
			int32_t id = *row->types[k] ? find_struct(btf, row->types[k]) : 0;

			if (id > 0)
				size = MAX(size, (uint32_t)MAX(btf__resolve_size(btf, (uint32_t)id), (int64_t)0));
		}
		if (size || bare)
			size += row->room;
		size = ALIGN_UP(size, (uint32_t)PART_ALIGN);
		l->parts[i].offset = *end;
		l->parts[i].size = size;
		l->parts[i].n = row->n;
		*end += size * row->n;
	}
	for (uint32_t b = 0; b < BUNDLES; b++) {
		l->sizes[b] = ALIGN_UP(MAX(l->sizes[b], 1u), (uint32_t)MEMBERS_ROUND);
		if (l->sizes[b] > room)
			return -E2BIG;
	}
	return 0;
}

static void mark(struct layout *l, enum bundle bundle, uint32_t from, uint32_t size, enum group group)
{
	for (uint32_t word = from / 8; word * 8 < from + size; word++)
		l->groups[bundle][word] |= 1u << group;
}

static void place_members(const struct btf *btf, struct layout *l)
{
	for (uint32_t i = 0; i < MEMBER_COUNT; i++) {
		const struct member_row *row = &member_rows[i];
		const struct part_row *part = &part_rows[row->part];
		struct member_place *m = &l->members[i];

		if (!*row->type)
			*m = (struct member_place){.size = l->parts[row->part].size};
		else if (member_find(btf, row->type, row->path, m) && !m->size && m->offset < l->parts[row->part].size)
			m->size = l->parts[row->part].size -
				  m->offset; /* an array without an end: as far as there is room */
		if (!m->size)
			continue;
		for (uint32_t k = 0; k < part->n; k++)
			mark(l, part->bundle, l->parts[row->part].offset + k * l->parts[row->part].size + m->offset,
			     m->size, row->group);
	}
}

int layout_new(const struct btf *btf, uint32_t room, struct layout **out)
{
	struct layout *l = calloc(1, sizeof(*l));
	struct member_place m;
	int err;

	if (!l)
		return -ENOMEM;
	err = place_parts(btf, room, l);
	for (uint32_t b = 0; b < BUNDLES && !err; b++) {
		l->groups[b] = calloc(l->sizes[b] / 8, sizeof(*l->groups[b]));
		if (!l->groups[b])
			err = -ENOMEM;
	}
	if (err) {
		layout_free(l);
		return err;
	}
	place_members(btf, l);
	l->f_path = member_find(btf, "file", "f_path", &m) ? m.offset : UINT32_MAX;
	l->path_dentry = member_find(btf, "path", "dentry", &m) ? m.offset : UINT32_MAX;
	l->path_mnt = member_find(btf, "path", "mnt", &m) ? m.offset : UINT32_MAX;
	l->upid = member_find(btf, "upid", "nr", &m);
	l->upid_nr = m.offset;
	l->upid &= member_find(btf, "upid", "ns", &m);
	l->upid_ns = m.offset;
	*out = l;
	return 0;
}

void layout_free(struct layout *l)
{
	for (uint32_t b = 0; l && b < BUNDLES; b++)
		free(l->groups[b]);
	free(l);
}
