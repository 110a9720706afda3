/* SPDX-License-Identifier: BSD-2-Clause */
/* What the eBPF objects of this folder tell, shared with what reads it: one kind for each place that a program is attached to. */
#ifndef SKEP_TESTS_GUEST_KINDS_H
#define SKEP_TESTS_GUEST_KINDS_H

enum kind {
	KIND_KPROBE = 1,
	KIND_KRETPROBE,
	KIND_KSYSCALL,
	KIND_FENTRY,
	KIND_FEXIT,
	KIND_TRACEPOINT,
	KIND_RAW_TP,
	KIND_TP_BTF,
	KIND_LSM,
	KIND_PERF_EVENT,
	KIND_UPROBE,
	KIND_URETPROBE,
	KIND_USDT,
	KINDS,
};

/* What came through the ring `events`, and the key of the map `hits`, whose values are 64-bit counts. */
struct event {
	unsigned int pid; /* of the process, not the thread */
	unsigned int kind;
};

#endif
