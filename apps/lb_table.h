/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Maglev tables for xdp-lb: which backend serves a slot.
 *
 * Each backend has an order of preference over all slots that follows from its name alone. The backends take
 * turns, each taking the first slot in its order that is still free, until none is. So each gets its share, and
 * when a backend leaves, nearly all slots of the others stay where they were. (Eisenbud and others, "Maglev", NSDI
 * 2016, section 3.4.)
 */
#ifndef SKEP_APPS_LB_TABLE_H
#define SKEP_APPS_LB_TABLE_H

#include "apps/lb_limits.h"

#include <stddef.h>
#include <stdint.h>

struct lb_member {
	const char *name; /* what its preferences follow from: its address and port, say. No two alike. */
	uint16_t number; /* what stands in its slots; not 0 */
	uint16_t weight; /* its share against the others' weights; 0: nothing */
};

/*
 * lb_table_fill - compute a table.
 * @table:       filled; all 0 when no member has a weight
 * @size:        slots, a power of two from 2 to 65536 (LB_TABLE_SIZE for xdp-lb)
 * @members, @n: in any order; the result does not depend on it
 * Return: 0; -EINVAL for a size that is no power of two, a number 0 or a name that is there twice; -ENOSPC when more
 * members than slots have a weight; -ENOMEM.
 */
int lb_table_fill(uint16_t *table, uint32_t size, const struct lb_member *members, uint32_t n);

#endif
