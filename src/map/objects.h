/* SPDX-License-Identifier: BSD-2-Clause */
/* What the arrays and the hashes of objects share. */
#ifndef SKEP_MAP_OBJECTS_H
#define SKEP_MAP_OBJECTS_H

#include "base/util.h"
#include "map/ops.h"

/* inner_map_check - whether a map-in-map may hold maps shaped like attr->inner. Return: 0 or the kernel's error. */
int inner_map_check(const struct map_attr *attr);

/* inner_map_fits - whether @inner has the shape that @map was made for. */
bool inner_map_fits(const struct skep_map *map, const struct skep_map *inner);

/* devmap_check - the kernel's checks of DEVMAP's and DEVMAP_HASH's attributes. */
int devmap_check(const struct map_attr *attr);

#endif
