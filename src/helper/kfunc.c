/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kfunc table. What Linux 6.18 answers is tested (kfunc.h); what cannot be asked where fentry and LSM programs do not load: LSM programs share
 * the tracing programs' functions, and alone have those on files and dentries; an extension has those of the program that it extends.
 */
#include "helper/kfunc.h"

#include "base/util.h"
#include "helper/impl.h"
#include "prog/rules.h"

#include <string.h>

#define T(type)   (1ull << BPF_PROG_TYPE_##type)
#define A(attach) (1ull << BPF_##attach)
#define N(attach) (1ull << SKEP_ATTACH_##attach)

#define ALL     (((1ull << SKEP_PROG_TYPE_MAX) - 1) & ~1ull)
#define NONE    0
#define EXT     T(EXT)
#define CLS     T(SCHED_CLS)
#define TC      (T(SCHED_CLS) | T(SCHED_ACT))
#define XDP     T(XDP)
#define OPS     T(STRUCT_OPS)
#define LSM     T(LSM)
#define SYSCALL T(SYSCALL)
#define KPROBE  T(KPROBE)
#define TRACING (T(TRACING) | T(TRACEPOINT) | T(PERF_EVENT) | LSM)
#define CGROUP                                                                                                         \
	(T(CGROUP_SKB) | T(CGROUP_SOCK) | T(SOCK_OPS) | T(CGROUP_DEVICE) | T(CGROUP_SOCK_ADDR) | T(CGROUP_SYSCTL) |    \
	 T(CGROUP_SOCKOPT))
#define GENERIC (CLS | XDP | CGROUP | TRACING | OPS | SYSCALL)
#define SKB                                                                                                            \
	(T(SOCKET_FILTER) | TC | CGROUP | TRACING | T(SK_SKB) | T(LWT_IN) | T(LWT_OUT) | T(LWT_XMIT) |                 \
	 T(LWT_SEG6LOCAL) | 1ull << SKEP_PROG_TYPE_NETFILTER)

#define ACQ         KFUNC_ACQUIRE
#define REL         KFUNC_RELEASE
#define NUL         KFUNC_RET_NULL
#define TRUST       KFUNC_TRUSTED_ARGS
#define SLEEPS      KFUNC_SLEEPABLE
#define DESTRUCTIVE KFUNC_DESTRUCTIVE
#define RCU         KFUNC_RCU
#define NEW         KFUNC_ITER_NEW
#define NEXT        KFUNC_ITER_NEXT
#define DESTROY     KFUNC_ITER_DESTROY
#define RCU_PROT    KFUNC_RCU_PROTECTED
#define FAST        KFUNC_FASTCALL
#define ARENA_RET   KFUNC_ARENA_RET
#define ARENA_1     KFUNC_ARENA_ARG1
#define ARENA_2     KFUNC_ARENA_ARG2

/*
 * A row without program types is tagged, yet only there to be traced or replaced. Rows that end in a function are those that skep has (impl.h);
 * src/btf/kernel_types.c declares the same ones to programs.
 */
const struct kfunc_desc kfuncs[] = {
	/* clang-format off */
	{"__bpf_trap", "6.16", 0, ALL, 0, NULL},
	{"bbr_cwnd_event", "5.13", 0, OPS, 0, NULL},
	{"bbr_init", "5.13", 0, OPS, 0, NULL},
	{"bbr_main", "5.13", 0, OPS, 0, NULL},
	{"bbr_min_tso_segs", "5.13", 0, OPS, 0, NULL},
	{"bbr_set_state", "5.13", 0, OPS, 0, NULL},
	{"bbr_sndbuf_expand", "5.13", 0, OPS, 0, NULL},
	{"bbr_ssthresh", "5.13", 0, OPS, 0, NULL},
	{"bbr_undo_cwnd", "5.13", 0, OPS, 0, NULL},
	{"bpf_arena_alloc_pages", "6.9", TRUST | SLEEPS | ARENA_RET | ARENA_2, ALL, 0, NULL},
	{"bpf_arena_free_pages", "6.9", TRUST | SLEEPS | ARENA_2, ALL, 0, NULL},
	{"bpf_arena_reserve_pages", "6.17", TRUST | SLEEPS | ARENA_2, ALL, 0, NULL},
	{"bpf_cast_to_kern_ctx", "6.2", FAST, ALL, 0, NULL},
	{"bpf_cgroup_acquire", "6.2", ACQ | NUL | RCU, GENERIC, 0, NULL},
	{"bpf_cgroup_ancestor", "6.2", ACQ | NUL | RCU, GENERIC, 0, NULL},
	{"bpf_cgroup_from_id", "6.3", ACQ | NUL, GENERIC, 0, NULL},
	{"bpf_cgroup_read_xattr", "6.17", RCU, ALL, 0, NULL},
	{"bpf_cgroup_release", "6.2", REL, GENERIC, 0, NULL},
	{"bpf_copy_from_user_dynptr", "6.16", SLEEPS, ALL, 0, NULL},
	{"bpf_copy_from_user_str", "6.12", SLEEPS, ALL, 0, k_bpf_copy_from_user_str},
	{"bpf_copy_from_user_str_dynptr", "6.16", SLEEPS, ALL, 0, NULL},
	{"bpf_copy_from_user_task_dynptr", "6.16", TRUST | SLEEPS, ALL, 0, NULL},
	{"bpf_copy_from_user_task_str", "6.15", SLEEPS, ALL, 0, NULL},
	{"bpf_copy_from_user_task_str_dynptr", "6.16", TRUST | SLEEPS, ALL, 0, NULL},
	{"bpf_cpumask_acquire", "6.3", ACQ | TRUST, TRACING | OPS | SYSCALL, 0, NULL},
	{"bpf_cpumask_and", "6.3", RCU, TRACING | OPS | SYSCALL, 0, NULL},
	{"bpf_cpumask_any_and_distribute", "6.5", RCU, TRACING | OPS | SYSCALL, 0, NULL},
	{"bpf_cpumask_any_distribute", "6.5", RCU, TRACING | OPS | SYSCALL, 0, NULL},
	{"bpf_cpumask_clear", "6.3", RCU, TRACING | OPS | SYSCALL, 0, NULL},
	{"bpf_cpumask_clear_cpu", "6.3", RCU, TRACING | OPS | SYSCALL, 0, NULL},
	{"bpf_cpumask_copy", "6.3", RCU, TRACING | OPS | SYSCALL, 0, NULL},
	{"bpf_cpumask_create", "6.3", ACQ | NUL, TRACING | OPS | SYSCALL, 0, NULL},
	{"bpf_cpumask_empty", "6.3", RCU, TRACING | OPS | SYSCALL, 0, NULL},
	{"bpf_cpumask_equal", "6.3", RCU, TRACING | OPS | SYSCALL, 0, NULL},
	{"bpf_cpumask_first", "6.3", RCU, TRACING | OPS | SYSCALL, 0, NULL},
	{"bpf_cpumask_first_and", "6.5", RCU, TRACING | OPS | SYSCALL, 0, NULL},
	{"bpf_cpumask_first_zero", "6.3", RCU, TRACING | OPS | SYSCALL, 0, NULL},
	{"bpf_cpumask_full", "6.3", RCU, TRACING | OPS | SYSCALL, 0, NULL},
	{"bpf_cpumask_intersects", "6.3", RCU, TRACING | OPS | SYSCALL, 0, NULL},
	{"bpf_cpumask_or", "6.3", RCU, TRACING | OPS | SYSCALL, 0, NULL},
	{"bpf_cpumask_populate", "6.15", RCU, TRACING | OPS | SYSCALL, 0, NULL},
	{"bpf_cpumask_release", "6.3", REL, TRACING | OPS | SYSCALL, 0, NULL},
	{"bpf_cpumask_set_cpu", "6.3", RCU, TRACING | OPS | SYSCALL, 0, NULL},
	{"bpf_cpumask_setall", "6.3", RCU, TRACING | OPS | SYSCALL, 0, NULL},
	{"bpf_cpumask_subset", "6.3", RCU, TRACING | OPS | SYSCALL, 0, NULL},
	{"bpf_cpumask_test_and_clear_cpu", "6.3", RCU, TRACING | OPS | SYSCALL, 0, NULL},
	{"bpf_cpumask_test_and_set_cpu", "6.3", RCU, TRACING | OPS | SYSCALL, 0, NULL},
	{"bpf_cpumask_test_cpu", "6.3", RCU, TRACING | OPS | SYSCALL, 0, NULL},
	{"bpf_cpumask_weight", "6.8", RCU, TRACING | OPS | SYSCALL, 0, NULL},
	{"bpf_cpumask_xor", "6.3", RCU, TRACING | OPS | SYSCALL, 0, NULL},
	{"bpf_crypto_ctx_acquire", "6.10", ACQ | NUL | RCU, SYSCALL, 0, NULL},
	{"bpf_crypto_ctx_create", "6.10", ACQ | NUL | SLEEPS, SYSCALL, 0, NULL},
	{"bpf_crypto_ctx_release", "6.10", REL, SYSCALL, 0, NULL},
	{"bpf_crypto_decrypt", "6.10", RCU, TC | XDP, 0, NULL},
	{"bpf_crypto_encrypt", "6.10", RCU, TC | XDP, 0, NULL},
	{"bpf_ct_change_status", "6.0", TRUST, CLS | XDP, 0, NULL},
	{"bpf_ct_change_timeout", "6.0", TRUST, CLS | XDP, 0, NULL},
	{"bpf_ct_insert_entry", "6.0", ACQ | REL | NUL, CLS | XDP, 0, NULL},
	{"bpf_ct_release", "5.18", REL, CLS | XDP, 0, NULL},
	{"bpf_ct_set_nat_info", "6.1", TRUST, CLS | XDP, 0, NULL},
	{"bpf_ct_set_status", "6.0", TRUST, CLS | XDP, 0, NULL},
	{"bpf_ct_set_timeout", "6.0", TRUST, CLS | XDP, 0, NULL},
	{"bpf_dynptr_adjust", "6.5", 0, ALL, 0, k_bpf_dynptr_adjust},
	{"bpf_dynptr_clone", "6.5", 0, ALL, 0, k_bpf_dynptr_clone},
	{"bpf_dynptr_copy", "6.16", 0, ALL, 0, k_bpf_dynptr_copy},
	{"bpf_dynptr_from_skb", "6.4", TRUST, SKB, 0, k_bpf_dynptr_from_skb},
	{"bpf_dynptr_from_skb_meta", "6.18", TRUST, TC, 0, NULL},
	{"bpf_dynptr_from_xdp", "6.4", 0, XDP, 0, k_bpf_dynptr_from_xdp},
	{"bpf_dynptr_is_null", "6.5", 0, ALL, 0, k_bpf_dynptr_is_null},
	{"bpf_dynptr_is_rdonly", "6.5", 0, ALL, 0, k_bpf_dynptr_is_rdonly},
	{"bpf_dynptr_memset", "6.17", 0, ALL, 0, k_bpf_dynptr_memset},
	{"bpf_dynptr_size", "6.5", 0, ALL, 0, k_bpf_dynptr_size},
	{"bpf_dynptr_slice", "6.4", NUL, ALL, 0, k_bpf_dynptr_slice},
	{"bpf_dynptr_slice_rdwr", "6.4", NUL, ALL, 0, k_bpf_dynptr_slice_rdwr},
	{"bpf_fentry_test1", "6.3", SLEEPS, NONE, 0, NULL},
	{"bpf_get_dentry_xattr", "6.12", TRUST | SLEEPS, LSM, 0, NULL},
	{"bpf_get_file_xattr", "6.8", TRUST | SLEEPS, LSM, 0, NULL},
	{"bpf_get_kmem_cache", "6.13", 0, ALL, 0, NULL},
	{"bpf_get_task_exe_file", "6.12", ACQ | NUL | TRUST, LSM, 0, NULL},
	{"bpf_iter_bits_destroy", "6.11", DESTROY, ALL, 0, NULL},
	{"bpf_iter_bits_new", "6.11", NEW, ALL, 0, NULL},
	{"bpf_iter_bits_next", "6.11", NUL | NEXT, ALL, 0, NULL},
	{"bpf_iter_css_destroy", "6.7", DESTROY, ALL, 0, NULL},
	{"bpf_iter_css_new", "6.7", TRUST | NEW | RCU_PROT, ALL, 0, NULL},
	{"bpf_iter_css_next", "6.7", NUL | NEXT, ALL, 0, NULL},
	{"bpf_iter_css_task_destroy", "6.7", DESTROY, ALL, 0, NULL},
	{"bpf_iter_css_task_new", "6.7", TRUST | NEW, ALL, 0, NULL},
	{"bpf_iter_css_task_next", "6.7", NUL | NEXT, ALL, 0, NULL},
	{"bpf_iter_dmabuf_destroy", "6.16", SLEEPS | DESTROY, ALL, 0, NULL},
	{"bpf_iter_dmabuf_new", "6.16", SLEEPS | NEW, ALL, 0, NULL},
	{"bpf_iter_dmabuf_next", "6.16", NUL | SLEEPS | NEXT, ALL, 0, NULL},
	{"bpf_iter_kmem_cache_destroy", "6.13", SLEEPS | DESTROY, ALL, 0, NULL},
	{"bpf_iter_kmem_cache_new", "6.13", SLEEPS | NEW, ALL, 0, NULL},
	{"bpf_iter_kmem_cache_next", "6.13", NUL | SLEEPS | NEXT, ALL, 0, NULL},
	{"bpf_iter_num_destroy", "6.4", DESTROY, ALL, 0, k_bpf_iter_num_destroy},
	{"bpf_iter_num_new", "6.4", NEW, ALL, 0, k_bpf_iter_num_new},
	{"bpf_iter_num_next", "6.4", NUL | NEXT, ALL, 0, k_bpf_iter_num_next},
	{"bpf_iter_task_destroy", "6.7", DESTROY, ALL, 0, NULL},
	{"bpf_iter_task_new", "6.7", TRUST | NEW | RCU_PROT, ALL, 0, NULL},
	{"bpf_iter_task_next", "6.7", NUL | NEXT, ALL, 0, NULL},
	{"bpf_iter_task_vma_destroy", "6.7", DESTROY, ALL, 0, NULL},
	{"bpf_iter_task_vma_new", "6.7", RCU | NEW, ALL, 0, NULL},
	{"bpf_iter_task_vma_next", "6.7", NUL | NEXT, ALL, 0, NULL},
	{"bpf_key_put", "6.1", REL, GENERIC, 0, NULL},
	{"bpf_kfunc_call_memb_release", "5.19", REL, CLS | TRACING | SYSCALL, 0, NULL},
	{"bpf_kfunc_call_test_release", "5.18", REL, CLS | TRACING | SYSCALL, 0, NULL},
	{"bpf_list_back", "6.16", NUL, GENERIC, 0, NULL},
	{"bpf_list_front", "6.16", NUL, GENERIC, 0, NULL},
	{"bpf_list_pop_back", "6.2", ACQ | NUL, GENERIC, 0, NULL},
	{"bpf_list_pop_front", "6.2", ACQ | NUL, GENERIC, 0, NULL},
	{"bpf_list_push_back_impl", "6.2", 0, GENERIC, 0, NULL},
	{"bpf_list_push_front_impl", "6.2", 0, GENERIC, 0, NULL},
	{"bpf_local_irq_restore", "6.14", 0, ALL, 0, k_bpf_local_irq_restore},
	{"bpf_local_irq_save", "6.14", 0, ALL, 0, k_bpf_local_irq_save},
	{"bpf_lookup_system_key", "6.1", ACQ | NUL, GENERIC, 0, NULL},
	{"bpf_lookup_user_key", "6.1", ACQ | NUL | SLEEPS, GENERIC, 0, NULL},
	{"bpf_map_sum_elem_count", "6.6", TRUST, ALL, 0, NULL},
	{"bpf_modify_return_test", "6.3", 0, NONE, 0, NULL},
	{"bpf_modify_return_test2", "6.5", 0, NONE, 0, NULL},
	{"bpf_modify_return_test_tp", "6.10", 0, ALL, 0, NULL},
	{"bpf_obj_drop_impl", "6.2", REL, GENERIC, 0, NULL},
	{"bpf_obj_new_impl", "6.2", ACQ | NUL, GENERIC, 0, NULL},
	{"bpf_path_d_path", "6.12", TRUST, LSM, 0, NULL},
	{"bpf_percpu_obj_drop_impl", "6.7", REL, GENERIC, 0, NULL},
	{"bpf_percpu_obj_new_impl", "6.7", ACQ | NUL, GENERIC, 0, NULL},
	{"bpf_preempt_disable", "6.10", 0, ALL, 0, k_bpf_preempt_disable},
	{"bpf_preempt_enable", "6.10", 0, ALL, 0, k_bpf_preempt_enable},
	{"bpf_probe_read_kernel_dynptr", "6.16", 0, ALL, 0, NULL},
	{"bpf_probe_read_kernel_str_dynptr", "6.16", 0, ALL, 0, NULL},
	{"bpf_probe_read_user_dynptr", "6.16", 0, ALL, 0, NULL},
	{"bpf_probe_read_user_str_dynptr", "6.16", 0, ALL, 0, NULL},
	{"bpf_put_file", "6.12", REL, LSM, 0, NULL},
	{"bpf_rbtree_add_impl", "6.3", 0, GENERIC, 0, NULL},
	{"bpf_rbtree_first", "6.3", NUL, GENERIC, 0, NULL},
	{"bpf_rbtree_left", "6.16", NUL, GENERIC, 0, NULL},
	{"bpf_rbtree_remove", "6.3", ACQ | NUL, GENERIC, 0, NULL},
	{"bpf_rbtree_right", "6.16", NUL, GENERIC, 0, NULL},
	{"bpf_rbtree_root", "6.16", NUL, GENERIC, 0, NULL},
	{"bpf_rcu_read_lock", "6.2", 0, ALL, 0, k_bpf_rcu_read_lock},
	{"bpf_rcu_read_unlock", "6.2", 0, ALL, 0, k_bpf_rcu_read_unlock},
	{"bpf_rdonly_cast", "6.2", FAST, ALL, 0, k_bpf_rdonly_cast},
	{"bpf_refcount_acquire_impl", "6.4", ACQ | NUL | RCU, GENERIC, 0, NULL},
	{"bpf_remove_dentry_xattr", "6.15", TRUST | SLEEPS, LSM, 0, NULL},
	{"bpf_res_spin_lock", "6.15", NUL, ALL, 0, NULL},
	{"bpf_res_spin_lock_irqsave", "6.15", NUL, ALL, 0, NULL},
	{"bpf_res_spin_unlock", "6.15", 0, ALL, 0, NULL},
	{"bpf_res_spin_unlock_irqrestore", "6.15", 0, ALL, 0, NULL},
	{"bpf_send_signal_task", "6.13", TRUST, GENERIC, 0, NULL},
	{"bpf_session_cookie", "6.10", 0, KPROBE, N(TRACE_KPROBE_SESSION) | N(TRACE_UPROBE_SESSION), NULL},
	{"bpf_session_is_return", "6.10", 0, KPROBE, N(TRACE_KPROBE_SESSION) | N(TRACE_UPROBE_SESSION), NULL},
	{"bpf_set_dentry_xattr", "6.15", TRUST | SLEEPS, LSM, 0, NULL},
	{"bpf_sk_assign_tcp_reqsk", "6.9", TRUST, CLS, 0, NULL},
	{"bpf_skb_ct_alloc", "6.0", ACQ | NUL, CLS | XDP, 0, NULL},
	{"bpf_skb_ct_lookup", "5.18", ACQ | NUL, CLS | XDP, 0, NULL},
	{"bpf_sock_addr_set_sun_path", "6.7", 0, CGROUP, 0, NULL},
	{"bpf_sock_destroy", "6.5", TRUST, TRACING, A(TRACE_ITER), NULL},
	{"bpf_sock_ops_enable_tx_tstamp", "6.15", TRUST, CGROUP, 0, NULL},
	{"bpf_strcasecmp", "6.18", 0, ALL, 0, k_bpf_strcasecmp},
	{"bpf_strchr", "6.17", 0, ALL, 0, k_bpf_strchr},
	{"bpf_strchrnul", "6.17", 0, ALL, 0, k_bpf_strchrnul},
	{"bpf_strcmp", "6.17", 0, ALL, 0, k_bpf_strcmp},
	{"bpf_strcspn", "6.17", 0, ALL, 0, k_bpf_strcspn},
	{"bpf_stream_vprintk_impl", "6.18", TRUST, ALL, 0, NULL},
	{"bpf_strlen", "6.17", 0, ALL, 0, k_bpf_strlen},
	{"bpf_strnchr", "6.17", 0, ALL, 0, k_bpf_strnchr},
	{"bpf_strnlen", "6.17", 0, ALL, 0, k_bpf_strnlen},
	{"bpf_strnstr", "6.17", 0, ALL, 0, k_bpf_strnstr},
	{"bpf_strrchr", "6.17", 0, ALL, 0, k_bpf_strrchr},
	{"bpf_strspn", "6.17", 0, ALL, 0, k_bpf_strspn},
	{"bpf_strstr", "6.17", 0, ALL, 0, k_bpf_strstr},
	{"bpf_task_acquire", "6.2", ACQ | NUL | RCU, GENERIC, 0, k_bpf_task_acquire},
	{"bpf_task_from_pid", "6.2", ACQ | NUL, GENERIC, 0, k_bpf_task_from_pid},
	{"bpf_task_from_vpid", "6.14", ACQ | NUL, GENERIC, 0, k_bpf_task_from_vpid},
	{"bpf_task_get_cgroup1", "6.8", ACQ | NUL | RCU, GENERIC, 0, NULL},
	{"bpf_task_release", "6.2", REL, GENERIC, 0, k_bpf_task_release},
	{"bpf_task_under_cgroup", "6.5", RCU, GENERIC, 0, NULL},
	{"bpf_task_work_schedule_resume_impl", "6.18", TRUST, ALL, 0, NULL},
	{"bpf_task_work_schedule_signal_impl", "6.18", TRUST, ALL, 0, NULL},
	{"bpf_throw", "6.7", 0, GENERIC, 0, NULL},
	{"bpf_wq_init", "6.10", 0, ALL, 0, NULL},
	{"bpf_wq_set_callback_impl", "6.10", 0, ALL, 0, NULL},
	{"bpf_wq_start", "6.10", 0, ALL, 0, NULL},
	{"bpf_xdp_ct_alloc", "6.0", ACQ | NUL, CLS | XDP, 0, NULL},
	{"bpf_xdp_ct_lookup", "5.18", ACQ | NUL, CLS | XDP, 0, NULL},
	{"bpf_xdp_get_xfrm_state", "6.8", ACQ | NUL, XDP, 0, NULL},
	{"bpf_xdp_metadata_rx_hash", "6.3", TRUST, ALL, 0, NULL},
	{"bpf_xdp_metadata_rx_timestamp", "6.3", TRUST, ALL, 0, NULL},
	{"bpf_xdp_metadata_rx_vlan_tag", "6.8", TRUST, ALL, 0, NULL},
	{"bpf_xdp_pull_data", "6.18", 0, XDP, 0, NULL},
	{"bpf_xdp_xfrm_state_release", "6.8", REL, XDP, 0, NULL},
	{"css_rstat_flush", "6.16", SLEEPS, TRACING, 0, NULL},
	{"css_rstat_updated", "6.16", 0, TRACING, 0, NULL},
	{"cubictcp_acked", "5.13", 0, OPS, 0, NULL},
	{"cubictcp_cong_avoid", "5.13", 0, OPS, 0, NULL},
	{"cubictcp_cwnd_event", "5.13", 0, OPS, 0, NULL},
	{"cubictcp_init", "5.13", 0, OPS, 0, NULL},
	{"cubictcp_recalc_ssthresh", "5.13", 0, OPS, 0, NULL},
	{"cubictcp_state", "5.13", 0, OPS, 0, NULL},
	{"tcp_cong_avoid_ai", "5.13", 0, OPS, 0, NULL},
	{"tcp_reno_cong_avoid", "5.13", 0, OPS, 0, NULL},
	{"tcp_reno_ssthresh", "5.13", 0, OPS, 0, NULL},
	{"tcp_reno_undo_cwnd", "5.13", 0, OPS, 0, NULL},
	{"tcp_slow_start", "5.13", 0, OPS, 0, NULL},
	/* clang-format on */
};
const uint32_t kfuncs_n = ARRAY_SIZE(kfuncs);

static int by_name(const void *key, const void *row)
{
	return strcmp(key, ((const struct kfunc_desc *)row)->name);
}

const struct kfunc_desc *kfunc_find(const char *name)
{
	return bsearch(name, kfuncs, kfuncs_n, sizeof(kfuncs[0]), by_name);
}

bool kfunc_allowed(const struct kfunc_desc *k, uint32_t prog_type, uint32_t attach_type)
{
	uint64_t types = k->prog_types ? k->prog_types | EXT : 0;

	if (prog_type >= SKEP_PROG_TYPE_MAX || !(types >> prog_type & 1))
		return false;
	return !k->attach_types || (attach_type < 64 && k->attach_types >> attach_type & 1);
}

static const struct {
	const char *type, *field;
	enum btf_field_trust trust;
} trusts[] = {
	{"bpf_iter__task", "meta", BTF_FIELD_TRUSTED},    {"bpf_iter__task", "task", BTF_FIELD_TRUSTED},
	{"bpf_iter_meta", "seq", BTF_FIELD_TRUSTED},      {"cgroup", "kn", BTF_FIELD_RCU},
	{"cgroup_subsys_state", "cgroup", BTF_FIELD_RCU}, {"css_set", "dfl_cgrp", BTF_FIELD_RCU},
	{"dentry", "d_inode", BTF_FIELD_TRUSTED_OR_NULL}, {"file", "f_inode", BTF_FIELD_TRUSTED},
	{"linux_binprm", "file", BTF_FIELD_TRUSTED},      {"mm_struct", "exe_file", BTF_FIELD_RCU_OR_NULL},
	{"request_sock", "sk", BTF_FIELD_RCU_OR_NULL},    {"sk_buff", "sk", BTF_FIELD_RCU_OR_NULL},
	{"socket", "sk", BTF_FIELD_TRUSTED_OR_NULL},      {"task_struct", "cgroups", BTF_FIELD_RCU},
	{"task_struct", "cpus_ptr", BTF_FIELD_RCU},       {"task_struct", "group_leader", BTF_FIELD_RCU},
	{"task_struct", "real_parent", BTF_FIELD_RCU},
};

const uint32_t btf_field_trusts_n = ARRAY_SIZE(trusts);

enum btf_field_trust btf_field_trust(const char *type, const char *field)
{
	for (uint32_t i = 0; i < ARRAY_SIZE(trusts); i++)
		if (!strcmp(trusts[i].type, type) && !strcmp(trusts[i].field, field))
			return trusts[i].trust;
	return BTF_FIELD_UNTRUSTED;
}

/* Types that maps may hold references to, and who gives those back. All are freed after an RCU grace period but prog_test_member. */
static const struct {
	const char *type, *dtor;
	bool rcu;
} owned[] = {
	{"bpf_cpumask", "bpf_cpumask_release_dtor", true},
	{"bpf_crypto_ctx", "bpf_crypto_ctx_release_dtor", true},
	{"cgroup", "bpf_cgroup_release_dtor", true},
	{"prog_test_member", "bpf_kfunc_call_memb_release_dtor", false},
	{"prog_test_ref_kfunc", "bpf_kfunc_call_test_release_dtor", true},
	{"task_struct", "bpf_task_release_dtor", true},
};

bool btf_type_rcu(const char *type)
{
	for (uint32_t i = 0; i < ARRAY_SIZE(owned); i++)
		if (!strcmp(owned[i].type, type))
			return owned[i].rcu;
	return false;
}

const char *kfunc_dtor(const char *type)
{
	for (uint32_t i = 0; i < ARRAY_SIZE(owned); i++)
		if (!strcmp(owned[i].type, type))
			return owned[i].dtor;
	return NULL;
}
