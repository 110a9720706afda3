/* SPDX-License-Identifier: BSD-2-Clause */
/* Open addressing over (name, kind), at most half full; ids are entered in ascending order, so the first one wins. */
#include "btf/types.h"

#include <bpf/btf.h>
#include <stdlib.h>
#include <string.h>

struct kernel_types {
	const struct btf *btf;
	uint32_t mask;
	uint32_t ids[]; /* 0: free */
};

static uint32_t hash(const char *name, uint32_t kind)
{
	uint32_t h = 2166136261u ^ kind; /* FNV-1a */

	for (; *name; name++)
		h = (h ^ (uint8_t)*name) * 16777619u;
	return h ^ h >> 15;
}

static bool is(const struct kernel_types *types, uint32_t id, const char *name, uint32_t kind)
{
	const struct btf_type *t = btf__type_by_id(types->btf, id);

	return btf_kind(t) == kind && !strcmp(btf__name_by_offset(types->btf, t->name_off), name);
}

struct kernel_types *kernel_types_new(const struct btf *btf)
{
	uint32_t n = btf__type_cnt(btf), size = 16;
	struct kernel_types *types;

	while (size < n * 2)
		size *= 2;
	types = calloc(1, sizeof(*types) + size * sizeof(types->ids[0]));
	if (!types)
		return NULL;
	types->btf = btf;
	types->mask = size - 1;
	for (uint32_t id = 1; id < n; id++) {
		const struct btf_type *t = btf__type_by_id(btf, id);
		const char *name = btf__name_by_offset(btf, t->name_off);
		uint32_t at;

		if (!name || !name[0])
			continue;
		at = hash(name, btf_kind(t)) & types->mask;
		while (types->ids[at] && !is(types, types->ids[at], name, btf_kind(t)))
			at = (at + 1) & types->mask;
		if (!types->ids[at])
			types->ids[at] = id;
	}
	return types;
}

void kernel_types_free(struct kernel_types *types)
{
	free(types);
}

uint32_t kernel_types_find(const struct kernel_types *types, const char *name, uint32_t kind)
{
	if (!types)
		return 0;
	for (uint32_t at = hash(name, kind) & types->mask; types->ids[at]; at = (at + 1) & types->mask)
		if (is(types, types->ids[at], name, kind))
			return types->ids[at];
	return 0;
}
