/* SPDX-License-Identifier: BSD-2-Clause */
/* What the arrays of values and the arrays of objects share. */
#ifndef SKEP_MAP_ARRAY_H
#define SKEP_MAP_ARRAY_H

#include "base/util.h"
#include "map/ops.h"

/* array_check - the kernel's checks for everything that is built like an array. */
int array_check(const struct map_attr *attr);

/* array_next_key - the next index, 0 for a key that is none or out of range, -ENOENT after the last. */
int array_next_key(struct skep_map *map, const void *key, void *next);

#endif
