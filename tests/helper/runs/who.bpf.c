/* SPDX-License-Identifier: BSD-2-Clause */
/* Who runs, and where; what is read by address; time. The test knows what must come out. */
#include "runs.h"

const volatile __u64 pidns_dev, pidns_ino, good, gone;

SEC("tc") int places(struct __sk_buff *skb)
{
	struct bpf_pidns_info info = {1, 1};
	char comm[16], four[4];

	out[0] = bpf_get_current_cgroup_id();
	out[1] = bpf_get_netns_cookie(skb);
	out[2] = bpf_get_netns_cookie(NULL);
	out[3] = bpf_get_ns_current_pid_tgid(pidns_dev, pidns_ino, &info, sizeof(info));
	out[4] = (__u64)info.tgid << 32 | info.pid;
	out[5] = bpf_get_ns_current_pid_tgid(pidns_dev, pidns_ino + 1, &info, sizeof(info));
	out[6] = info.tgid | info.pid;
	out[7] = bpf_get_ns_current_pid_tgid(pidns_dev + 1, pidns_ino, &info, sizeof(info));
	out[8] = bpf_get_ns_current_pid_tgid(pidns_dev | 1ull << 40, pidns_ino, &info, sizeof(info));
	out[9] = bpf_get_ns_current_pid_tgid(pidns_dev, pidns_ino, &info, 4);
	out[10] = bpf_get_current_pid_tgid();
	out[11] = bpf_get_current_uid_gid();
	out[12] = bpf_get_current_comm(comm, sizeof(comm));
	__builtin_memcpy(&out[13], comm, 16);
	out[15] = bpf_get_current_comm(four, sizeof(four));
	out[16] = *(int *)four;
	out[17] = bpf_get_smp_processor_id();
	out[18] = bpf_get_numa_node_id();
	return 0;
}

struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_ARRAY);
	__uint(max_entries, 3);
	__type(key, __u32);
	__type(value, __u32);
} groups SEC(".maps");

/* 0: where the task is, or around it; 1: nothing; 2: another one. */
SEC("tc") int groups_of(struct __sk_buff *skb)
{
	out[0] = bpf_current_task_under_cgroup(&groups, 0);
	out[1] = bpf_current_task_under_cgroup(&groups, 1);
	out[2] = bpf_current_task_under_cgroup(&groups, 2);
	out[3] = bpf_current_task_under_cgroup(&groups, 3);
	return 0;
}

SEC("tc") int times(struct __sk_buff *skb)
{
	out[0] = bpf_ktime_get_ns();
	out[1] = bpf_ktime_get_boot_ns();
	out[2] = bpf_ktime_get_coarse_ns();
	out[3] = bpf_ktime_get_tai_ns();
	out[4] = bpf_jiffies64();
	out[5] = bpf_get_prandom_u32();
	out[6] = bpf_get_prandom_u32();
	return 0;
}

/* The user's memory: "good" has "straw" and is followed by nothing that can be read. */
SEC("tc") int reads(struct __sk_buff *skb)
{
	char buf[16];

	out[0] = bpf_probe_read_user(buf, 4, (void *)good);
	out[1] = *(int *)buf;
	__builtin_memset(buf, 'x', sizeof(buf));
	out[2] = bpf_probe_read_user(buf, 8, (void *)gone);
	__builtin_memcpy(&out[3], buf, 8);
	__builtin_memset(buf, 'x', sizeof(buf));
	out[4] = bpf_probe_read_user_str(buf, 16, (void *)good);
	__builtin_memcpy(&out[5], buf, 8);
	__builtin_memset(buf, 'x', sizeof(buf));
	out[6] = bpf_probe_read_user_str(buf, 4, (void *)good);
	__builtin_memcpy(&out[7], buf, 8);
	__builtin_memset(buf, 'x', sizeof(buf));
	out[8] = bpf_probe_read_user_str(buf, 8, (void *)gone);
	__builtin_memcpy(&out[9], buf, 8);
	out[10] = bpf_probe_read_kernel(buf, 8, NULL);
	out[11] = bpf_probe_read_kernel_str(buf, 8, NULL);
	out[12] = bpf_probe_read_user(buf, 0, (void *)good);
	out[13] = bpf_probe_read_user_str(buf, 0, (void *)good);
	return 0;
}

SEC("kprobe/vfs_read") int probed(void *ctx)
{
	out[0] = bpf_get_attach_cookie(ctx);
	out[1] = bpf_get_func_ip(ctx);
	out[2] = 1;
	return 0;
}
