// SPDX-License-Identifier: BSD-2-Clause
/* Counts whom a sampling finds at work. What is sampled, and how often, is said where it is attached. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "hits.bpf.h"

SEC("perf_event")
int on_sample(void *ctx)
{
	return hit(KIND_PERF_EVENT);
}
