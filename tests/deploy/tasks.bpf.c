// SPDX-License-Identifier: BSD-2-Clause
/* Programs on one process: a function of its, a probe point, samples. FILE is its executable. */
#include <linux/bpf.h>
#include <linux/bpf_perf_event.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <stdbool.h>

#include <bpf/usdt.bpf.h>

char LICENSE[] SEC("license") = "GPL";

__u64 calls, returns, probes, samples;
__s64 argument, result, probed;

#ifdef FILE
SEC("uprobe/" FILE ":work")
int BPF_KPROBE(called, long n)
{
	argument = n;
	__sync_fetch_and_add(&calls, 1);
	return 0;
}

SEC("uretprobe/" FILE ":work")
int BPF_KRETPROBE(returned, long n)
{
	result = n;
	__sync_fetch_and_add(&returns, 1);
	return 0;
}

SEC("usdt/" FILE ":skep:turn")
int BPF_USDT(turned, long n)
{
	probed = n;
	__sync_fetch_and_add(&probes, 1);
	return 0;
}
#else
SEC("perf_event")
int sampled(struct bpf_perf_event_data *ctx)
{
	__sync_fetch_and_add(&samples, 1);
	return 0;
}
#endif
