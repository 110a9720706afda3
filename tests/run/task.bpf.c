// SPDX-License-Identifier: BSD-2-Clause
/* Lets out what curl sends, and nothing else that has a socket. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <skep/task.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, struct skep_task);
} skep_tasks SEC(".maps");

SEC("cgroup_skb/egress")
int only_curl(struct __sk_buff *skb)
{
	__u64 cookie = bpf_get_socket_cookie(skb);
	struct skep_task *task = bpf_map_lookup_elem(&skep_tasks, &cookie);

	if (!cookie)
		return 1;
	return task && task->comm[0] == 'c' && task->comm[1] == 'u' && task->comm[2] == 'r' && task->comm[3] == 'l' &&
	       !task->comm[4] && bpf_get_socket_uid(skb) == task->uid;
}
