// SPDX-License-Identifier: BSD-2-Clause
/* A program on each sort of place in a program of the user's: target.c, as the guest has it. */
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/usdt.bpf.h>

#include "hits.bpf.h"

#define TARGET "/usr/bin/target"

/* target calls work(1), work(2), ... */
SEC("uprobe/" TARGET ":work")
int BPF_KPROBE(on_uprobe, long n)
{
	return n > 0 ? hit(KIND_UPROBE) : 0;
}

/* ... which gives back its double. */
SEC("uretprobe/" TARGET ":work")
int BPF_KRETPROBE(on_uretprobe, long twice)
{
	return twice > 0 && twice % 2 == 0 ? hit(KIND_URETPROBE) : 0;
}

/* ... and passes there with n. */
SEC("usdt/" TARGET ":skep:step")
int BPF_USDT(on_usdt, long n)
{
	return n > 0 ? hit(KIND_USDT) : 0;
}
