/* SPDX-License-Identifier: BSD-2-Clause */
#include "helper/helper.h"

#include "base/util.h"
#include "map/map.h"

static uint64_t h_map_lookup_elem(uint64_t map, uint64_t key, uint64_t r3, uint64_t r4, uint64_t r5, struct skep_env *env)
{
	return (uintptr_t)map_lookup((struct skep_map *)map, (const void *)key, env->cpu);
}

static uint64_t h_map_update_elem(uint64_t map, uint64_t key, uint64_t value, uint64_t flags, uint64_t r5,
				  struct skep_env *env)
{
	return (uint64_t)(int64_t)map_update((struct skep_map *)map, (const void *)key, (const void *)value, flags,
					     env->cpu);
}

const struct helper_desc helpers[] = {
	[1] = {.id = 1, .name = "bpf_map_lookup_elem", .kernel = "3.19", .prog_types = ~0ull, .fn = h_map_lookup_elem},
	[2] = {.id = 2, .name = "bpf_map_update_elem", .kernel = "3.19", .prog_types = ~0ull, .fn = h_map_update_elem},
};
const uint32_t helpers_n = ARRAY_SIZE(helpers);

const struct helper_desc *helper_find(uint32_t id)
{
	return id && id < helpers_n && helpers[id].id == id ? &helpers[id] : NULL;
}
