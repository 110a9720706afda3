// SPDX-License-Identifier: BSD-2-Clause
/*
 * What an open(2) and close(2) of a file take, in nanoseconds: the fewest of ROUNDS.
 * usage: opens ROUND FILE    ROUND: how many are timed at once
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 15 };

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

int main(int argc, char **argv)
{
	uint64_t best = UINT64_MAX;
	long n = argc == 3 ? atol(argv[1]) : 0;

	if (n < 1)
		return 2;
	for (int round = 0; round < ROUNDS; round++) {
		uint64_t begin = now(), took;

		for (long i = 0; i < n; i++) {
			int fd = open(argv[2], O_RDONLY | O_CLOEXEC);

			if (fd < 0) {
				perror(argv[2]);
				return 1;
			}
			close(fd);
		}
		took = now() - begin;
		best = took < best ? took : best;
	}
	printf("%lu\n", (unsigned long)(best / (uint64_t)n));
	return 0;
}
