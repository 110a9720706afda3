/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The implementations, by family: map.c, time.c, task.c, trace.c, ringbuf.c, csum.c, skb.c, skb_hash.c, skb_room.c, tunnel.c, xdp.c,
 * redirect.c, fib.c, string.c, dynptr.c, timer.c, who.c (and prog/reach.c: memory by address); kfuncs: dynptr.c, iter.c, kstring.c, section.c. What each does is written in linux/bpf.h at its name; comments in the files tell what is not.
 *
 * Arguments arrive as 64-bit registers: a parameter that the kernel declares narrower is cut by a cast here, too.
 */
#ifndef SKEP_HELPER_IMPL_H
#define SKEP_HELPER_IMPL_H

#include "prog/code.h"
#include "prog/env.h"
#include "prog/packet.h"

#include <errno.h>

#ifndef ENOTSUPP
#define ENOTSUPP 524 /* the kernel's own; helpers do return it */
#endif

#define HELPER(name)                                                                                                   \
	uint64_t h_##name(uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4, uint64_t r5, struct skep_env *env)

/* A kfunc by its whole name: the same shape. */
#define KFUNC(name)                                                                                                    \
	uint64_t k_##name(uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4, uint64_t r5, struct skep_env *env)

/* helper_result - a signed result in r0. */
static inline uint64_t helper_result(int64_t value)
{
	return (uint64_t)value;
}

static inline void *helper_ptr(uint64_t reg)
{
	return (void *)(uintptr_t)reg;
}

/*
 * HELPER_PACKET - declare @pkt, the frame behind the context in r1; a run without one (an embedder's context of its own)
 * ends the helper with -EFAULT.
 */
#define HELPER_PACKET(pkt)                                                                                             \
	struct packet *pkt = env->pkt;                                                                                 \
	if (__builtin_expect(!pkt || r1 != (uintptr_t)&pkt->ctx, 0))                                                   \
	return helper_result(-EFAULT)

HELPER(map_lookup_elem);
HELPER(map_update_elem);
HELPER(map_delete_elem);
HELPER(map_push_elem);
HELPER(map_pop_elem);
HELPER(map_peek_elem);
HELPER(map_lookup_percpu_elem);
HELPER(for_each_map_elem);
HELPER(spin_lock);
HELPER(spin_unlock);
HELPER(loop);

HELPER(ktime_get_ns);
HELPER(ktime_get_boot_ns);
HELPER(ktime_get_coarse_ns);
HELPER(ktime_get_tai_ns);
HELPER(jiffies64);

HELPER(get_prandom_u32);
HELPER(get_smp_processor_id);
HELPER(get_numa_node_id);
HELPER(get_current_pid_tgid);
HELPER(get_current_uid_gid);
HELPER(get_current_comm);
HELPER(get_current_task);
HELPER(get_current_task_btf);
HELPER(task_pt_regs);
HELPER(get_task_stack);
HELPER(task_storage_get);
HELPER(task_storage_delete);
HELPER(probe_read);
HELPER(probe_read_str);
HELPER(probe_read_user);
HELPER(probe_read_kernel);
HELPER(probe_read_user_str);
HELPER(probe_read_kernel_str);
HELPER(copy_from_user);
HELPER(copy_from_user_task);
HELPER(probe_write_user);
HELPER(send_signal);
HELPER(send_signal_thread);
HELPER(override_return);
HELPER(d_path);
HELPER(get_func_arg);
HELPER(get_func_ret);
HELPER(get_func_arg_cnt);
HELPER(get_retval);
HELPER(set_retval);

HELPER(trace_printk);
HELPER(trace_vprintk);
HELPER(snprintf);
HELPER(perf_event_output);
HELPER(ringbuf_output);
HELPER(ringbuf_reserve);
HELPER(ringbuf_submit);
HELPER(ringbuf_discard);
HELPER(ringbuf_query);

HELPER(strtol);
HELPER(strtoul);
HELPER(strncmp);

HELPER(csum_diff);
HELPER(csum_update);
HELPER(csum_level);
HELPER(l3_csum_replace);
HELPER(l4_csum_replace);

HELPER(skb_store_bytes);
HELPER(skb_load_bytes);
HELPER(skb_load_bytes_relative);
HELPER(skb_pull_data);
HELPER(skb_change_type);
HELPER(set_hash);
HELPER(set_hash_invalid);
HELPER(get_cgroup_classid);
HELPER(get_route_realm);
HELPER(get_socket_uid);
HELPER(get_socket_cookie);
HELPER(get_hash_recalc);
HELPER(skb_ecn_set_ce);
HELPER(skb_set_tstamp);

HELPER(skb_change_tail);
HELPER(skb_change_head);
HELPER(skb_change_proto);
HELPER(skb_adjust_room);
HELPER(skb_vlan_push);
HELPER(skb_vlan_pop);

HELPER(skb_get_tunnel_key);
HELPER(skb_set_tunnel_key);
HELPER(skb_get_tunnel_opt);
HELPER(skb_set_tunnel_opt);

HELPER(xdp_adjust_head);
HELPER(xdp_adjust_tail);
HELPER(xdp_adjust_meta);
HELPER(xdp_get_buff_len);
HELPER(xdp_load_bytes);
HELPER(xdp_store_bytes);

HELPER(redirect);
HELPER(redirect_map);
HELPER(redirect_neigh);
HELPER(redirect_peer);
HELPER(fib_lookup);

HELPER(get_current_cgroup_id);
HELPER(get_current_ancestor_cgroup_id);
HELPER(current_task_under_cgroup);
HELPER(get_ns_current_pid_tgid);
HELPER(get_netns_cookie);
HELPER(get_attach_cookie);
HELPER(get_func_ip);

HELPER(get_stack);
HELPER(get_stackid);

HELPER(timer_init);
HELPER(timer_set_callback);
HELPER(timer_start);
HELPER(timer_cancel);

HELPER(dynptr_from_mem);
HELPER(dynptr_read);
HELPER(dynptr_write);
HELPER(dynptr_data);
HELPER(ringbuf_reserve_dynptr);
HELPER(ringbuf_submit_dynptr);
HELPER(ringbuf_discard_dynptr);

KFUNC(bpf_dynptr_from_skb);
KFUNC(bpf_dynptr_from_xdp);
KFUNC(bpf_dynptr_slice);
KFUNC(bpf_dynptr_slice_rdwr);
KFUNC(bpf_dynptr_adjust);
KFUNC(bpf_dynptr_is_null);
KFUNC(bpf_dynptr_is_rdonly);
KFUNC(bpf_dynptr_size);
KFUNC(bpf_dynptr_clone);
KFUNC(bpf_dynptr_copy);
KFUNC(bpf_dynptr_memset);

KFUNC(bpf_iter_num_new);
KFUNC(bpf_iter_num_next);
KFUNC(bpf_iter_num_destroy);

KFUNC(bpf_rcu_read_lock);
KFUNC(bpf_rcu_read_unlock);
KFUNC(bpf_preempt_disable);
KFUNC(bpf_preempt_enable);
KFUNC(bpf_local_irq_save);
KFUNC(bpf_local_irq_restore);

KFUNC(bpf_rdonly_cast);
KFUNC(bpf_task_acquire);
KFUNC(bpf_task_from_pid);
KFUNC(bpf_task_from_vpid);
KFUNC(bpf_task_release);

KFUNC(bpf_copy_from_user_str);
KFUNC(bpf_strcmp);
KFUNC(bpf_strcasecmp);
KFUNC(bpf_strchr);
KFUNC(bpf_strnchr);
KFUNC(bpf_strchrnul);
KFUNC(bpf_strrchr);
KFUNC(bpf_strlen);
KFUNC(bpf_strnlen);
KFUNC(bpf_strspn);
KFUNC(bpf_strcspn);
KFUNC(bpf_strstr);
KFUNC(bpf_strnstr);

#endif
