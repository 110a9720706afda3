/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The links of one place, in the order in which they came. A list is immutable: a change makes a new one, under hive->lock, and retires the old
 * one once no worker is in a read section that may see it. A list holds its links.
 */
#ifndef SKEP_HOOK_LINKS_H
#define SKEP_HOOK_LINKS_H

#include "bpf/link.h"

struct links {
	uint32_t n;
	struct hive_link *links[];
};

/*
 * links_change - put another list in place. hive->lock is held.
 * @at:   where it stands; NULL there: an empty one
 * @add:  a link that comes, last; NULL: none. @take: one that goes; NULL: none
 * @max:  links that a list may have
 * Return: 0; -E2BIG, -ENOMEM: the old list stays.
 */
int links_change(struct skep_hive *hive, _Atomic(struct links *) *at, uint32_t max, struct hive_link *add,
		 struct hive_link *take);

/* links_at - the list that counts now; NULL: it is empty. In a worker's read section. */
static inline const struct links *links_at(_Atomic(struct links *) *at)
{
	return atomic_load_explicit(at, memory_order_acquire);
}

/* links_live - is a link of a list still to be run? One that has gone may stand in a list that is in use. */
static inline bool links_live(const struct hive_link *link)
{
	return !atomic_load_explicit(&link->detached, memory_order_relaxed);
}

#endif
