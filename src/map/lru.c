/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Choosing what an LRU map forgets: a clock.
 *
 * Every element has a reference byte, kept apart from the elements so that a sweep reads few cache lines. A
 * program's lookup and any update of a present key set it; a user's lookup does not, as in the kernel. When no
 * element is free the hand goes round: a set byte is cleared and its element spared, the first clear one gives its
 * element up. A new element starts clear just behind the hand, so it has a whole round to be looked at. The hand
 * passes whole words of eight set bytes at once. One round clears everything, so a second always ends the search.
 *
 * The kernel keeps two lists and moves elements in batches; which element goes differs, that recently used ones stay
 * does not. With BPF_F_NO_COMMON_LRU skep still has one pool: max_entries holds for all CPUs together.
 */
#include "map/hash.h"

uint32_t lru_evict(struct skep_map *map)
{
	const struct hash_table *t = hash_of(map);
	struct map_ctl *ctl = map->ctl;
	uint32_t hand = atomic_load_explicit(&ctl->hand, memory_order_relaxed);
	const uint64_t all_set = 0x0101010101010101ull;

	for (uint64_t passed = 0; passed <= 2ull * t->n;) {
		if (hand >= t->n)
			hand = 0;
		if (!(hand & 7) && __atomic_load_n((uint64_t *)(t->ref + hand), __ATOMIC_RELAXED) == all_set) {
			__atomic_store_n((uint64_t *)(t->ref + hand), 0, __ATOMIC_RELAXED);
			hand += 8;
			passed += 8;
			continue;
		}
		if (!__atomic_load_n(&t->ref[hand], __ATOMIC_RELAXED))
			break;
		__atomic_store_n(&t->ref[hand], 0, __ATOMIC_RELAXED);
		hand++;
		passed++;
	}
	if (hand >= t->n)
		hand = 0;
	atomic_store_explicit(&ctl->hand, hand + 1, memory_order_relaxed);
	hash_unlink(map, hash_key(t, hash_elem(t, hand)->key, map->key_size), hand);
	hash_end_write(hash_elem(t, hand), 0);
	return hand;
}
