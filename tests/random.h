/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers that follow from a seed, the same on every machine: splitmix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", 2014). */
#ifndef SKEP_TESTS_RANDOM_H
#define SKEP_TESTS_RANDOM_H

#include <stdint.h>

/* splitmix64 - the next number; @state begins as any seed. */
static inline uint64_t splitmix64(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15ull);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

#endif
