/* SPDX-License-Identifier: BSD-2-Clause */
/* A program of today with a map of yesterday: libbpf 1.0 dropped the "maps" section. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct old_map_def {
	unsigned int type, key_size, value_size, max_entries, flags;
};

struct old_map_def SEC("maps") old = {BPF_MAP_TYPE_ARRAY, 4, 4, 1, 0};

SEC("xdp")
int one(void *ctx)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&old, &key) ? 1 : 2;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
