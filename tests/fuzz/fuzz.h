/* SPDX-License-Identifier: BSD-2-Clause */
/* What the fuzzers of verdicts share: numbers that follow from a seed, and the refusal that a log ends with. */
#ifndef SKEP_TESTS_FUZZ_FUZZ_H
#define SKEP_TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stdint.h>

/* Random numbers: splitmix64. */
struct rng {
	uint64_t s;
};
uint64_t rng_next(struct rng *r);
uint32_t below(struct rng *r, uint32_t n);
bool chance(struct rng *r, uint32_t percent);

/* last_line - the refusal of a log: its last line but the statistics. The log is cut off behind it. */
const char *last_line(char *log);

#endif
