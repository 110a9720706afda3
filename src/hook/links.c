/* SPDX-License-Identifier: BSD-2-Clause */
#include "hook/links.h"

#include <errno.h>
#include <stdlib.h>

/* hive->lock is held. */
static void free_list(void *arg)
{
	struct links *l = arg;

	for (uint32_t i = 0; i < l->n; i++) {
		l->links[i]->listed--;
		hive_object_put(&l->links[i]->o);
	}
	free(l);
}

int links_change(struct skep_hive *hive, _Atomic(struct links *) *at, uint32_t max, struct hive_link *add,
		 struct hive_link *take)
{
	struct links *old = atomic_load(at), *new;
	uint32_t n = old ? old->n : 0;

	if (add && n >= max)
		return -E2BIG;
	new = calloc(1, sizeof(*new) + (n + 1) * sizeof(struct hive_link *));
	if (!new)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		if (old->links[i] != take)
			new->links[new->n++] = old->links[i];
	if (add)
		new->links[new->n++] = add;
	for (uint32_t i = 0; i < new->n; i++) {
		new->links[i]->listed++;
		hive_object_hold(&new->links[i]->o);
	}
	if (!new->n) {
		free(new);
		new = NULL;
	}
	atomic_store(at, new);
	if (old)
		quiesce_retire(&hive->quiesce, &hive->workers[0].reader, hive->n_cpus, sizeof(hive->workers[0]),
			       free_list, old);
	return 0;
}
