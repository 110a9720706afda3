/* SPDX-License-Identifier: BSD-2-Clause */
/* What the refused programs share. Each is a mistake that people make, in as few lines as it takes. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct counter {
	__u64 packets;
	__u64 bytes;
	__u32 by_size[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct counter);
} counters SEC(".maps");

#ifndef LICENSED
#define LICENSED "GPL"
#endif
char LICENSE[] SEC("license") = LICENSED;
