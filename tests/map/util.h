/* SPDX-License-Identifier: BSD-2-Clause */
/* What the map tests share: making maps in one line, and random numbers that a seed repeats. */
#ifndef TESTS_MAP_UTIL_H
#define TESTS_MAP_UTIL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>

#include <cmocka.h>

#include "base/util.h"
#include "map/map.h"
#include "../random.h"

/* make - a map that must come about; two CPUs unless it is said otherwise. */
static inline struct skep_map *make_cpus(uint32_t type, uint32_t key_size, uint32_t value_size, uint32_t max_entries,
					 uint32_t flags, uint32_t n_cpus)
{
	struct map_attr attr = {.type = type,
				.key_size = key_size,
				.value_size = value_size,
				.max_entries = max_entries,
				.flags = flags,
				.n_cpus = n_cpus,
				.seed = 12345,
				.name = "test"};
	struct skep_map *map = NULL;

	assert_int_equal(map_create(&attr, &map), 0);
	assert_non_null(map);
	return map;
}

static inline struct skep_map *make(uint32_t type, uint32_t key_size, uint32_t value_size, uint32_t max_entries,
				    uint32_t flags)
{
	return make_cpus(type, key_size, value_size, max_entries, flags, 2);
}

#endif
