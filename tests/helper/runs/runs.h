/* SPDX-License-Identifier: BSD-2-Clause */
/* What the programs under test share: each leaves what its calls returned in out[], a word each. */
#ifndef TESTS_HELPER_RUNS_H
#define TESTS_HELPER_RUNS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char _license[] SEC("license") = "GPL";

long long out[64];

#endif
