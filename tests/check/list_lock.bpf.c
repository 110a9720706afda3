/* SPDX-License-Identifier: BSD-2-Clause */
#include "common.h"

#include <bpf/bpf_core_read.h>

struct bpf_list_head {
	__u64 opaque[2];
} __attribute__((aligned(8)));
struct bpf_list_node {
	__u64 opaque[3];
} __attribute__((aligned(8)));

struct job {
	struct bpf_list_node node;
	__u64 what;
};

extern void *bpf_obj_new_impl(__u64 type, void *meta) __ksym;
extern int bpf_list_push_front_impl(struct bpf_list_head *head, struct bpf_list_node *node, void *meta, __u64 off) __ksym;

SEC(".bss.jobs") struct bpf_spin_lock lock __attribute__((visibility("hidden"))) __attribute__((aligned(8)));
SEC(".bss.jobs")
struct bpf_list_head jobs __attribute__((btf_decl_tag("contains:job:node"))) __attribute__((visibility("hidden")))
__attribute__((aligned(8)));

SEC("tc") int list_lock(struct __sk_buff *skb)
{
	struct job *job = bpf_obj_new_impl(bpf_core_type_id_local(struct job), 0);

	if (!job)
		return 0;
	job->what = skb->len;
	bpf_list_push_front_impl(&jobs, &job->node, 0, 0);
	return 0;
}
