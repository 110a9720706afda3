/* SPDX-License-Identifier: BSD-2-Clause */
/* The tables of verify/hook.h. Each is sorted by name where it is long. */
#include "verify/hook.h"

#include "base/util.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static bool is_in(const char *name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

static bool has_prefix(const char *name, const char *prefix)
{
	return !strncmp(name, prefix, strlen(prefix));
}

/*
 * Pointers that a tracepoint gives and that are not always there: Linux 6.18's list. Stable releases have added sched_process_wait, and refuse any use
 * of the second argument of signal_*, which may be a small number: here both may be NULL, which refuses more than 6.18 does and nothing that it refuses passes.
 */
static const struct tp_row {
	const char *name;
	uint64_t args;
} tracepoints[] = {
	{"afs_flock_ev", 0x10},
	{"afs_make_fs_call", 0x10},
	{"afs_make_fs_call1", 0x10},
	{"afs_make_fs_call2", 0x10},
	{"afs_make_fs_calli", 0x10},
	{"afs_protocol_error", 0x1},
	{"break_lease_block", 0x10},
	{"break_lease_noblock", 0x10},
	{"break_lease_unblock", 0x10},
	{"cachefiles_io_error", 0x1},
	{"cachefiles_lookup", 0x201},
	{"cachefiles_mark_active", 0x1},
	{"cachefiles_mark_failed", 0x1},
	{"cachefiles_mark_inactive", 0x1},
	{"cachefiles_ondemand_close", 0x1},
	{"cachefiles_ondemand_copen", 0x1},
	{"cachefiles_ondemand_cread", 0x1},
	{"cachefiles_ondemand_fd_release", 0x1},
	{"cachefiles_ondemand_fd_write", 0x1},
	{"cachefiles_ondemand_open", 0x1},
	{"cachefiles_ondemand_read", 0x1},
	{"cachefiles_prep_read", 0x1},
	{"cachefiles_rename", 0x1},
	{"cachefiles_unlink", 0x1},
	{"cachefiles_vfs_error", 0x1},
	{"device_pm_callback_start", 0x10},
	{"ext4_mballoc_discard", 0x10},
	{"ext4_mballoc_free", 0x10},
	{"fcntl_setlk", 0x10},
	{"fib_table_lookup", 0x100},
	{"flock_lock_inode", 0x10},
	{"folio_wait_writeback", 0x10},
	{"generic_delete_lease", 0x10},
	{"host1x_cdma_push_gather", 0x10000},
	{"hugetlbfs_alloc_inode", 0x10},
	{"kfree_skb", 0x1000},
	{"locks_remove_posix", 0x10},
	{"mm_collapse_huge_page_isolate", 0x1},
	{"mm_khugepaged_collapse_file", 0x10},
	{"mm_khugepaged_scan_file", 0x10},
	{"mm_khugepaged_scan_pmd", 0x10},
	{"mm_page_alloc", 0x1},
	{"mm_page_alloc_zone_locked", 0x1},
	{"mm_page_pcpu_drain", 0x1},
	{"mr_integ_alloc", 0x2000},
	{"netfs_failure", 0x10},
	{"posix_lock_inode", 0x10},
	{"qdisc_dequeue", 0x1000},
	{"rxrpc_recvdata", 0x1},
	{"rxrpc_resend", 0x10},
	{"sched_pi_setprio", 0x10},
	{"sched_process_wait", 0x1},
	{"sched_stick_numa", 0x100},
	{"sched_swap_numa", 0x100},
	{"signal_deliver", 0x10},
	{"signal_generate", 0x10},
	{"tcp_send_reset", 0x11},
	{"tcp_sendmsg_locked", 0x100},
	{"tegra_dma_tx_status", 0x100},
	{"time_out_leases", 0x10},
	{"tmigr_update_events", 0x1},
	{"writeback_dirty_folio", 0x10},
	{"xfs_blockgc_flush_all", 0x1},
	{"xfs_blockgc_free_space", 0x10},
	{"xfs_blockgc_start", 0x1},
	{"xfs_blockgc_stop", 0x1},
	{"xfs_blockgc_worker", 0x1},
	{"xfs_btree_overlapped_query_range", 0x100},
	{"xfs_btree_updkeys", 0x100},
	{"xfs_defer_add_item", 0x1},
	{"xfs_defer_cancel_item", 0x1},
	{"xfs_defer_cancel_list", 0x1},
	{"xfs_defer_create_intent", 0x1},
	{"xfs_defer_finish_item", 0x1},
	{"xfs_defer_isolate_paused", 0x1},
	{"xfs_defer_item_pause", 0x1},
	{"xfs_defer_item_unpause", 0x1},
	{"xfs_defer_pending_abort", 0x1},
	{"xfs_defer_pending_finish", 0x1},
	{"xfs_defer_relog_intent", 0x1},
	{"xfs_fs_sync_fs", 0x1},
	{"xfs_inodegc_flush", 0x1},
	{"xfs_inodegc_push", 0x1},
	{"xfs_inodegc_queue", 0x1},
	{"xfs_inodegc_start", 0x1},
	{"xfs_inodegc_stop", 0x1},
	{"xfs_inodegc_throttle", 0x1},
	{"xfs_ioc_free_eofblocks", 0x10},
	{"xfs_map_blocks_alloc", 0x10000},
	{"xfs_map_blocks_found", 0x10000},
	{"xprt_get_cong", 0x10},
	{"xprt_put_cong", 0x10},
	{"xprt_release_cong", 0x10},
	{"xprt_reserve_cong", 0x10},
	{"xs_stream_read_data", 0x1},
};

static int tp_by_name(const void *key, const void *row)
{
	return strcmp(key, ((const struct tp_row *)row)->name);
}

uint64_t raw_tp_args(const char *name)
{
	const struct tp_row *row =
		bsearch(name, tracepoints, ARRAY_SIZE(tracepoints), sizeof(tracepoints[0]), tp_by_name);

	return row ? row->args : 0;
}

static const struct iter_hook iterators[] = {
	{"bpf_link", {{ITER_ARG_BTF, 8, "bpf_link"}}},
	{"bpf_map", {{ITER_ARG_BTF_TRUSTED, 8, "bpf_map"}}},
	{"bpf_map_elem", {{ITER_ARG_BUF_RDONLY, 16, NULL}, {ITER_ARG_BUF, 24, NULL}}},
	{"bpf_prog", {{ITER_ARG_BTF, 8, "bpf_prog"}}},
	{"bpf_sk_storage_map", {{ITER_ARG_BTF, 16, "sock"}, {ITER_ARG_BUF, 24, NULL}}},
	{"cgroup", {{ITER_ARG_BTF_TRUSTED, 8, "cgroup"}}},
	{"dmabuf", {{ITER_ARG_BTF, 8, "dma_buf"}}},
	{"ipv6_route", {{ITER_ARG_BTF, 8, "fib6_info"}}},
	{"kmem_cache", {{ITER_ARG_BTF_TRUSTED, 8, "kmem_cache"}}},
	{"ksym", {{ITER_ARG_BTF, 8, "kallsym_iter"}}},
	{"netlink", {{ITER_ARG_BTF, 8, "netlink_sock"}}},
	{"sockmap", {{ITER_ARG_BUF_RDONLY, 16, NULL}, {ITER_ARG_BTF, 24, "sock"}}},
	{"task", {{ITER_ARG_BTF_TRUSTED, 8, "task_struct"}}},
	{"task_file", {{ITER_ARG_BTF, 8, "task_struct"}, {ITER_ARG_BTF, 24, "file"}}},
	{"task_vma", {{ITER_ARG_BTF, 8, "task_struct"}, {ITER_ARG_BTF, 16, "vm_area_struct"}}},
	{"tcp", {{ITER_ARG_BTF_TRUSTED, 8, "sock_common"}}},
	{"udp", {{ITER_ARG_BTF_TRUSTED, 8, "udp_sock"}}},
	{"unix", {{ITER_ARG_BTF, 8, "unix_sock"}}},
};

const struct iter_hook *iter_hook_find(const char *function)
{
	static const char prefix[] = "bpf_iter_";

	if (!has_prefix(function, prefix))
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(iterators); i++)
		if (!strcmp(iterators[i].name, function + sizeof(prefix) - 1))
			return &iterators[i];
	return NULL;
}

static const struct ops_field tcp_fields[] = {
	{"tcp_sock", "sock", "sk_pacing_rate", false},
	{"tcp_sock", "sock", "sk_pacing_status", false},
	{"tcp_sock", "inet_connection_sock", "icsk_ca_priv", true},
	{"tcp_sock", "inet_connection_sock", "icsk_ack.pending", false},
	{"tcp_sock", "tcp_sock", "snd_cwnd", false},
	{"tcp_sock", "tcp_sock", "snd_cwnd_cnt", false},
	{"tcp_sock", "tcp_sock", "snd_cwnd_stamp", false},
	{"tcp_sock", "tcp_sock", "snd_ssthresh", false},
	{"tcp_sock", "tcp_sock", "ecn_flags", false},
	{"tcp_sock", "tcp_sock", "app_limited", false},
	{0},
};
static const struct ops_field dummy_fields[] = {{"bpf_dummy_ops_state", NULL, NULL, true}, {0}};
static const char *const tcp_closed[] = {"get_info", NULL};
static const char *const none[] = {NULL};

static const struct struct_ops ops[] = {
	{.name = "tcp_congestion_ops",
	 .closed = tcp_closed,
	 .promote = "sock",
	 .promoted = "tcp_sock",
	 .fields = tcp_fields},
	{.name = "bpf_dummy_ops",
	 .closed = none,
	 .sleeps = "test_sleepable",
	 .fields = dummy_fields,
	 .no_helpers = true},
};

const struct struct_ops *struct_ops_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
		if (!strcmp(ops[i].name, name))
			return &ops[i];
	return NULL;
}

/* LSM */

bool lsm_is_hook(const char *function)
{
	/* What begins like a hook and is the machinery. */
	static const char *const others[] = {
		"bpf_lsm_find_cgroup_shim",  "bpf_lsm_func_proto", "bpf_lsm_get_retval_range",
		"bpf_lsm_is_sleepable_hook", "bpf_lsm_is_trusted", "bpf_lsm_init",
		"bpf_lsm_verify_prog",
	};

	return has_prefix(function, "bpf_lsm_") && !is_in(function, others, ARRAY_SIZE(others));
}

bool lsm_is_disabled(const char *function)
{
	static const char *const disabled[] = {
		"bpf_lsm_audit_rule_match",    "bpf_lsm_getprocattr",       "bpf_lsm_getselfattr",
		"bpf_lsm_inode_copy_up_xattr", "bpf_lsm_inode_getsecurity", "bpf_lsm_inode_listsecurity",
		"bpf_lsm_inode_need_killpriv", "bpf_lsm_ismaclabel",        "bpf_lsm_key_getsecurity",
		"bpf_lsm_setprocattr",         "bpf_lsm_vm_enough_memory",  "bpf_lsm_xfrm_decode_session",
	};

	return is_in(function, disabled, ARRAY_SIZE(disabled));
}

bool lsm_is_trusted(const char *function)
{
	static const char *const untrusted[] = {
		"bpf_lsm_bpf_map_free",       "bpf_lsm_bpf_prog_free",     "bpf_lsm_file_alloc_security",
		"bpf_lsm_file_free_security", "bpf_lsm_sk_alloc_security", "bpf_lsm_sk_free_security",
		"bpf_lsm_task_free",
	};

	return !is_in(function, untrusted, ARRAY_SIZE(untrusted));
}

/* Functions */

bool function_is_denied(const char *name)
{
	static const char *const denied[] = {
		"migrate_disable",   "migrate_enable",  "rcu_read_unlock_strict", "preempt_count_add",
		"preempt_count_sub", "__rcu_read_lock", "__rcu_read_unlock",
	};

	return is_in(name, denied, ARRAY_SIZE(denied));
}

bool function_is_noreturn(const char *name)
{
	static const char *const noreturn[] = {
		"__ia32_sys_exit",
		"__ia32_sys_exit_group",
		"__kunit_abort",
		"__module_put_and_kthread_exit",
		"__x64_sys_exit",
		"__x64_sys_exit_group",
		"do_exit",
		"do_group_exit",
		"kthread_complete_and_exit",
		"kthread_exit",
		"kunit_try_catch_throw",
		"make_task_dead",
	};

	return is_in(name, noreturn, ARRAY_SIZE(noreturn));
}

/* Functions that errors may be injected into: the kernel's ALLOW_ERROR_INJECTION(), with what is also for modules left out. */
static bool takes_injection(const char *name)
{
	static const char *const injected[] = {
		"__filemap_add_folio",
		"btrfs_check_leaf",
		"btrfs_check_node",
		"btrfs_cow_block",
		"btrfs_search_slot",
		"btrfs_should_cancel_balance",
		"io_ctl_init",
		"mtd_block_markbad",
		"mtd_erase",
		"mtd_read",
		"mtd_write",
		"open_ctree",
		"page_pool_alloc_pages",
		"should_fail_alloc_page",
		"should_fail_bio",
		"should_failslab",
	};

	return has_prefix(name, "__x64_sys_") || is_in(name, injected, ARRAY_SIZE(injected));
}

bool function_takes_error(const char *name)
{
	static const char *const made_for_it[] = {
		"bpf_modify_return_test", "bpf_modify_return_test2", "bpf_modify_return_test_tp",
		"bpf_fentry_test1",       "update_socket_protocol",
	};

	return has_prefix(name, "security_") || takes_injection(name) ||
	       is_in(name, made_for_it, ARRAY_SIZE(made_for_it));
}

bool function_sleeps(const char *name)
{
	/* Called from both kinds of places. */
	static const char *const not [] = {"__filemap_add_folio", "should_fail_alloc_page", "should_failslab"};

	return !strcmp(name, "bpf_fentry_test1") || (takes_injection(name) && !is_in(name, not, ARRAY_SIZE(not )));
}
