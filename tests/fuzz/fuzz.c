/* SPDX-License-Identifier: BSD-2-Clause */
#include "fuzz.h"
#include "../random.h"

#include <string.h>

uint64_t rng_next(struct rng *r)
{
	return splitmix64(&r->s);
}

uint32_t below(struct rng *r, uint32_t n)
{
	return (uint32_t)((rng_next(r) >> 32) * n >> 32);
}

bool chance(struct rng *r, uint32_t percent)
{
	return below(r, 100) < percent;
}

const char *last_line(char *log)
{
	size_t n = strlen(log);
	char *p;

	while (n && log[n - 1] == '\n')
		log[--n] = 0;
	p = strrchr(log, '\n');
	if (p && !strncmp(p + 1, "processed", 9)) {
		*p = 0;
		p = strrchr(log, '\n');
	}
	return p ? p + 1 : log;
}
