/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The map from sockets to tasks that `skep run` fills, for programs: an object that declares it gets an element for each socket of the tree before
 * the first of its frames reaches a program. In the kernel, where nobody fills it, it stays empty.
 *
 *     struct {
 *             __uint(type, BPF_MAP_TYPE_LRU_HASH);
 *             __uint(max_entries, 4096);
 *             __type(key, __u64);
 *             __type(value, struct skep_task);
 *     } skep_tasks SEC(".maps");
 *
 *     __u64 cookie = bpf_get_socket_cookie(skb);
 *     struct skep_task *task = bpf_map_lookup_elem(&skep_tasks, &cookie);
 *
 * A socket whose process was not found (it was gone already) has no element. xdp programs see no sockets, so they have no cookie.
 */
#ifndef SKEP_TASK_H
#define SKEP_TASK_H

#include <linux/types.h>

struct skep_task {
	__u32 pid; /* in the tree's PID namespace, of who opened the socket */
	__u32 uid;
	__u64 start; /* when the process began, clock ticks since boot: /proc/PID/stat, field 22 */
	char comm[16];
	char exe[128]; /* the executable's path, its end when it is longer */
	char parents[4][16]; /* comm of its parent, that one's parent, ... */
};

#endif
