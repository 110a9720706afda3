/* SPDX-License-Identifier: BSD-2-Clause */
#include "apps/lb_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * A member at work. The step is odd and the size a power of two, so that offset, offset + step, offset + 2 * step,
 * ... comes by every slot once: an order of preference.
 */
struct taker {
	const char *name;
	uint16_t number;
	uint16_t weight;
	uint32_t at; /* the next slot of its order */
	uint32_t step;
};

/* FNV-1a, then mixed so that all bits depend on all others. */
static uint64_t hash_name(const char *name)
{
	uint64_t h = 0xcbf29ce484222325;

	for (; *name; name++)
		h = (h ^ (uint8_t)*name) * 0x100000001b3;
	h = (h ^ (h >> 33)) * 0xff51afd7ed558ccd;
	h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53;
	return h ^ (h >> 33);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct taker *)a)->name, ((const struct taker *)b)->name);
}

/* The members with a weight, sorted by name. Return: how many, or -EINVAL. */
static int enlist(struct taker *takers, uint32_t size, const struct lb_member *members, uint32_t n)
{
	uint32_t used = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint64_t h = hash_name(members[i].name);

		if (!members[i].number)
			return -EINVAL;
		takers[i] = (struct taker){
			.name = members[i].name,
			.number = members[i].number,
			.weight = members[i].weight,
			.at = (uint32_t)(h >> 32) & (size - 1),
			.step = ((uint32_t)h & (size - 1)) | 1,
		};
	}
	qsort(takers, n, sizeof(*takers), by_name);
	for (uint32_t i = 1; i < n; i++)
		if (!strcmp(takers[i - 1].name, takers[i].name))
			return -EINVAL;
	for (uint32_t i = 0; i < n; i++)
		if (takers[i].weight)
			takers[used++] = takers[i];
	return (int)used;
}

static void take(struct taker *t, uint16_t *table, uint32_t size)
{
	while (table[t->at])
		t->at = (t->at + t->step) & (size - 1);
	table[t->at] = t->number;
}

int lb_table_fill(uint16_t *table, uint32_t size, const struct lb_member *members, uint32_t n)
{
	struct taker *takers;
	uint32_t *credit, most = 0, filled = 0;
	int used;

	if (size < 2 || size > 65536 || (size & (size - 1)))
		return -EINVAL;
	takers = calloc(n + 1, sizeof(*takers));
	credit = calloc(n + 1, sizeof(*credit));
	used = takers && credit ? enlist(takers, size, members, n) : -ENOMEM;
	if (used > (int)size)
		used = -ENOSPC;
	if (used >= 0)
		memset(table, 0, size * sizeof(*table));
	for (int i = 0; i < used; i++)
		most = takers[i].weight > most ? takers[i].weight : most;
	/* In each round the heaviest takes a slot, the others as often as their weight is to its. */
	while (used > 0 && filled < size) {
		for (int i = 0; i < used && filled < size; i++) {
			credit[i] += takers[i].weight;
			if (credit[i] < most)
				continue;
			credit[i] -= most;
			take(&takers[i], table, size);
			filled++;
		}
	}
	free(takers);
	free(credit);
	return used < 0 ? used : 0;
}
