/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Paths: one row for each way that a helper returns. A row is PATH(what must come back, the call); rows of a program run one after
 * the other over one frame, so a later one may rest on what an earlier one has done. A program whose rows have all run returns DONE.
 */
#ifndef TESTS_HELPER_PATHS_H
#define TESTS_HELPER_PATHS_H

#include "runs.h"

#include <bpf/bpf_endian.h>
#include <linux/errno.h>
#include <stdbool.h>

#define ENOTSUPP 524
#define DONE     77

long long rows, wrongs;

struct {
	long long line, got, want;
} wrong[8];

/* What differs by design, and where docs/architecture.md says so. */
const volatile __u64 in_kernel;

static __attribute__((noinline)) int path(int line, long long got, long long want)
{
	rows++;
	if (got == want)
		return 0;
	wrong[wrongs & 7].line = line;
	wrong[wrongs & 7].got = got;
	wrong[wrongs & 7].want = want;
	wrongs++;
	return 0;
}

#define PATH(want, call)                 path(__LINE__, (long long)(call), (want))
#define PATH_BY_SIDE(hive, kernel, call) path(__LINE__, (long long)(call), in_kernel ? (kernel) : (hive))

#endif
