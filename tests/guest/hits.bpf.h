/* SPDX-License-Identifier: BSD-2-Clause */
/* The two ways in which the programs of this folder tell that they ran: counted in a map, and sent through a ring. Include after the BPF headers. */
#include "kinds.h"

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct event);
	__type(value, __u64);
} hits SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 18);
} events SEC(".maps");

/* Always 0, which each program returns. A full map or ring loses the hit: the reader compares both. */
static int hit(unsigned int kind)
{
	struct event e = {.pid = bpf_get_current_pid_tgid() >> 32, .kind = kind};
	__u64 none = 0, *n;

	n = bpf_map_lookup_elem(&hits, &e);
	if (!n) {
		bpf_map_update_elem(&hits, &e, &none, BPF_NOEXIST);
		n = bpf_map_lookup_elem(&hits, &e);
	}
	if (n)
		__sync_fetch_and_add(n, 1);
	bpf_ringbuf_output(&events, &e, sizeof(e), 0);
	return 0;
}
