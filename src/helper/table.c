/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The helper table: every helper of Linux 6.18.
 *
 * Program types and licences are what the kernel itself answers (tests/helper/probe_kernel.c asks it for each pair). The
 * kernel decides some cases by attach type; a bit stands here when any attach type of the program type has the helper.
 * An extension (EXT) may call what the program that it extends may call: its bit stands everywhere. Argument types are
 * those of the kernel's struct bpf_func_proto.
 *
 * What the unprivileged, and users with CAP_BPF but without CAP_PERFMON, may call was read off that kernel too (UNPRIV, PERFMON).
 *
 * HAS rows are implemented by h_NAME (impl.h); LACKS rows are known and refused by the loader.
 */
#include "helper/helper.h"

#include "base/util.h"
#include "helper/impl.h"
#include "prog/rules.h"

/* Program types. */
#define T(type)  (1ull << BPF_PROG_TYPE_##type)
#define SF       T(SOCKET_FILTER)
#define TC       (T(SCHED_CLS) | T(SCHED_ACT))
#define XDP      T(XDP)
#define CG_SKB   T(CGROUP_SKB)
#define CG_SOCK  T(CGROUP_SOCK)
#define CG_ADDR  T(CGROUP_SOCK_ADDR)
#define CG_DEV   T(CGROUP_DEVICE)
#define CG_SYS   T(CGROUP_SYSCTL)
#define CG_OPT   T(CGROUP_SOCKOPT)
#define LWT_XMIT T(LWT_XMIT)
#define LWT      (T(LWT_IN) | T(LWT_OUT) | T(LWT_XMIT) | T(LWT_SEG6LOCAL))
#define SOCK_OPS T(SOCK_OPS)
#define SK_SKB   T(SK_SKB)
#define SK_MSG   T(SK_MSG)
#define FLOW     T(FLOW_DISSECTOR)
#define REUSE    T(SK_REUSEPORT)
#define LOOKUP   T(SK_LOOKUP)
#define PERF     T(PERF_EVENT)
#define LIRC     T(LIRC_MODE2)
#define TRACING  T(TRACING)
#define LSM      T(LSM)
#define SYSCALL  T(SYSCALL)
#define OPS      T(STRUCT_OPS)
#define EXT      T(EXT)
#define ALL      (((1ull << SKEP_PROG_TYPE_MAX) - 1) & ~1ull)
#define BASE     (ALL & ~LIRC)
/* What probes kernel functions, and what else has the tracing helpers. */
#define PROBES (T(KPROBE) | T(TRACEPOINT) | PERF | T(RAW_TRACEPOINT) | T(RAW_TRACEPOINT_WRITABLE))
#define TRACE  (PROBES | TRACING | LSM | SYSCALL)
/* What may look at sockets by their kernel types. */
#define SK_TYPES                                                                                                       \
	(SF | TC | XDP | CG_SKB | LWT | SOCK_OPS | SK_SKB | SK_MSG | CG_ADDR | FLOW | TRACING | LSM | LOOKUP | SYSCALL)
#define SK_FIND                  (TC | XDP | CG_SKB | SK_SKB | CG_ADDR)
#define STORAGE                  (TC | CG_SKB | SOCK_OPS | SK_MSG | CG_ADDR | CG_OPT | TRACING | LSM | OPS | SYSCALL)
#define COARSE                   (ALL & ~(PROBES | TRACING | LSM | SYSCALL | LIRC | CG_DEV | CG_OPT | T(NETFILTER_)))
#define EVENTS                   (ALL & ~(REUSE | FLOW | LIRC | OPS | T(NETFILTER_)))
#define BPF_PROG_TYPE_NETFILTER_ SKEP_PROG_TYPE_NETFILTER

/* Flags. */
#define GPL       HELPER_GPL
#define NUL       HELPER_RET_NULL
#define ACQ       HELPER_ACQUIRE
#define CALLS     HELPER_CALLBACK
#define MOVES     HELPER_MOVES_PACKET
#define SLEEPS    HELPER_SLEEPS
#define PKT       HELPER_PKT_ACCESS
#define ENGINE    HELPER_ENGINE
#define UNPRIV    HELPER_UNPRIV
#define PERFMON   HELPER_PERFMON
#define FAST      HELPER_FASTCALL
#define READ_ONLY HELPER_RET_RDONLY
#define TRUSTED   HELPER_RET_TRUSTED
#define HOOK      HELPER_BY_HOOK
#define STACK     HELPER_CALL_STACK

/* Arguments. R: only read; W: written, need not be initialised; N: may be NULL. */
#define R HELPER_ARG_RDONLY
#define W (HELPER_ARG_WRITE | HELPER_ARG_UNINIT)
#define N HELPER_ARG_NULL
#define ANY                                                                                                            \
	{                                                                                                              \
		ARG_ANY                                                                                                \
	}
#define CTX                                                                                                            \
	{                                                                                                              \
		ARG_CTX                                                                                                \
	}
#define MAP                                                                                                            \
	{                                                                                                              \
		ARG_CONST_MAP_PTR                                                                                      \
	}
#define KEY                                                                                                            \
	{                                                                                                              \
		ARG_MAP_KEY                                                                                            \
	}
#define VALUE                                                                                                          \
	{                                                                                                              \
		ARG_MAP_VALUE                                                                                          \
	}
#define VALUE_W                                                                                                        \
	{                                                                                                              \
		ARG_MAP_VALUE, W                                                                                       \
	}
#define VALUE_N                                                                                                        \
	{                                                                                                              \
		ARG_MAP_VALUE, N                                                                                       \
	}
#define MEM(f)                                                                                                         \
	{                                                                                                              \
		ARG_MEM, f                                                                                             \
	}
#define FIXED(n, f)                                                                                                    \
	{                                                                                                              \
		ARG_MEM_FIXED, f, n                                                                                    \
	}
#define SIZE                                                                                                           \
	{                                                                                                              \
		ARG_SIZE                                                                                               \
	}
#define SIZE0                                                                                                          \
	{                                                                                                              \
		ARG_SIZE_OR_ZERO                                                                                       \
	}
#define BTF(name)                                                                                                      \
	{                                                                                                              \
		ARG_BTF_ID, 0, 0, name                                                                                 \
	}
#define BTF_N(name)                                                                                                    \
	{                                                                                                              \
		ARG_BTF_ID, N, 0, name                                                                                 \
	}
#define SKC                                                                                                            \
	{                                                                                                              \
		ARG_BTF_SOCK_COMMON                                                                                    \
	}
#define SK                                                                                                             \
	{                                                                                                              \
		ARG_SOCK_COMMON                                                                                        \
	}
#define STR                                                                                                            \
	{                                                                                                              \
		ARG_CONST_STR                                                                                          \
	}
#define LONG_W                                                                                                         \
	{                                                                                                              \
		ARG_LONG_PTR, W | HELPER_ARG_ALIGNED, 8                                                                \
	}
#define INT_W                                                                                                          \
	{                                                                                                              \
		ARG_INT_PTR, W | HELPER_ARG_ALIGNED, 4                                                                 \
	}
#define FUNC                                                                                                           \
	{                                                                                                              \
		ARG_FUNC                                                                                               \
	}
#define FUNC_CTX                                                                                                       \
	{                                                                                                              \
		ARG_STACK, N                                                                                           \
	}
#define DYN                                                                                                            \
	{                                                                                                              \
		ARG_DYNPTR, R                                                                                          \
	}
#define DYN_NEW_LOCAL                                                                                                  \
	{                                                                                                              \
		ARG_DYNPTR, W | HELPER_ARG_DYNPTR_LOCAL                                                                \
	}
#define DYN_NEW_RING                                                                                                   \
	{                                                                                                              \
		ARG_DYNPTR, W | HELPER_ARG_DYNPTR_RINGBUF                                                              \
	}
#define DYN_END_RING                                                                                                   \
	{                                                                                                              \
		ARG_DYNPTR, HELPER_ARG_RELEASE | HELPER_ARG_DYNPTR_RINGBUF                                             \
	}

#define ROW(n, nm, ver, types, result, fl, b, func, ...)                                                               \
	[n] = {.id = n,                                                                                                \
	       .name = "bpf_" #nm,                                                                                     \
	       .kernel = ver,                                                                                          \
	       .prog_types = (types) | EXT,                                                                            \
	       .flags = fl,                                                                                            \
	       .ret = result,                                                                                          \
	       .ret_btf = b,                                                                                           \
	       .args = {__VA_ARGS__},                                                                                  \
	       .fn = func}
#define HAS(n, nm, ver, types, result, fl, ...)          ROW(n, nm, ver, types, result, fl, NULL, h_##nm, __VA_ARGS__)
#define LACKS(n, nm, ver, types, result, fl, ...)        ROW(n, nm, ver, types, result, fl, NULL, NULL, __VA_ARGS__)
#define HAS_BTF(n, nm, ver, types, result, b, fl, ...)   ROW(n, nm, ver, types, result, fl, b, h_##nm, __VA_ARGS__)
#define LACKS_BTF(n, nm, ver, types, result, b, fl, ...) ROW(n, nm, ver, types, result, fl, b, NULL, __VA_ARGS__)

#define INT  RET_INTEGER
#define VOID RET_VOID

const struct helper_desc helpers[] = {
	/* clang-format off */
	HAS(1, map_lookup_elem, "3.19", ALL, RET_MAP_VALUE, NUL | PKT | UNPRIV, MAP, KEY),
	HAS(2, map_update_elem, "3.19", ALL, INT, PKT | UNPRIV, MAP, KEY, VALUE, ANY),
	HAS(3, map_delete_elem, "3.19", ALL, INT, PKT | UNPRIV, MAP, KEY),
	HAS(4, probe_read, "4.1", TRACE, INT, GPL, MEM(W), SIZE0, ANY),
	HAS(5, ktime_get_ns, "4.1", ALL, INT, UNPRIV),
	HAS(6, trace_printk, "4.1", ALL, INT, GPL | PERFMON, MEM(R), SIZE),
	HAS(7, get_prandom_u32, "4.1", ALL, INT, UNPRIV),
	HAS(8, get_smp_processor_id, "4.1", BASE, INT, UNPRIV),
	HAS(9, skb_store_bytes, "4.1", TC | LWT_XMIT | SK_SKB, INT, MOVES, CTX, ANY, MEM(R), SIZE, ANY),
	HAS(10, l3_csum_replace, "4.1", TC | LWT_XMIT, INT, MOVES, CTX, ANY, ANY, ANY, ANY),
	HAS(11, l4_csum_replace, "4.1", TC | LWT_XMIT, INT, MOVES, CTX, ANY, ANY, ANY, ANY),
	LACKS(12, tail_call, "4.2", ALL, VOID, ENGINE | MOVES | UNPRIV, CTX, MAP, ANY),
	LACKS(13, clone_redirect, "4.2", TC | LWT_XMIT, INT, MOVES, CTX, ANY, ANY),
	HAS(14, get_current_pid_tgid, "4.2", BASE, INT, UNPRIV),
	HAS(15, get_current_uid_gid, "4.2", BASE, INT, UNPRIV),
	HAS(16, get_current_comm, "4.2", BASE, INT, PERFMON, MEM(W), SIZE),
	HAS(17, get_cgroup_classid, "4.3", BASE, INT, 0),
	HAS(18, skb_vlan_push, "4.3", TC, INT, MOVES, CTX, ANY, ANY),
	HAS(19, skb_vlan_pop, "4.3", TC, INT, MOVES, CTX),
	HAS(20, skb_get_tunnel_key, "4.3", TC | LWT_XMIT, INT, 0, CTX, MEM(W), SIZE, ANY),
	HAS(21, skb_set_tunnel_key, "4.3", TC | LWT_XMIT, INT, 0, CTX, MEM(R), SIZE, ANY),
	LACKS(22, perf_event_read, "4.3", BASE, INT, GPL | PERFMON, MAP, ANY),
	HAS(23, redirect, "4.4", TC | XDP | LWT_XMIT, INT, 0, ANY, ANY),
	HAS(24, get_route_realm, "4.4", TC | LWT, INT, 0, CTX),
	HAS(25, perf_event_output, "4.4", EVENTS, INT, GPL | UNPRIV, CTX, MAP, ANY, MEM(R), SIZE0),
	HAS(26, skb_load_bytes, "4.5", SF | TC | CG_SKB | LWT | SK_SKB | REUSE | FLOW, INT, UNPRIV, CTX, ANY, MEM(W), SIZE),
	HAS(27, get_stackid, "4.6", TRACE, INT, GPL | STACK, CTX, MAP, ANY),
	HAS(28, csum_diff, "4.6", TC | XDP | LWT, INT, PKT, MEM(N | R), SIZE0, MEM(N | R), SIZE0, ANY),
	HAS(29, skb_get_tunnel_opt, "4.6", TC | LWT_XMIT, INT, 0, CTX, MEM(W), SIZE),
	HAS(30, skb_set_tunnel_opt, "4.6", TC | LWT_XMIT, INT, 0, CTX, MEM(R), SIZE),
	HAS(31, skb_change_proto, "4.8", TC, INT, MOVES, CTX, ANY, ANY),
	HAS(32, skb_change_type, "4.8", TC, INT, 0, CTX, ANY),
	LACKS(33, skb_under_cgroup, "4.8", TC | LWT, INT, 0, CTX, MAP, ANY),
	HAS(34, get_hash_recalc, "4.8", TC | LWT, INT, 0, CTX),
	HAS(35, get_current_task, "4.8", BASE, INT, GPL | PERFMON),
	HAS(36, probe_write_user, "4.8", TRACE, INT, GPL, ANY, MEM(R), SIZE),
	HAS(37, current_task_under_cgroup, "4.9", BASE, INT, 0, MAP, ANY),
	HAS(38, skb_change_tail, "4.9", TC | LWT_XMIT | SK_SKB, INT, MOVES, CTX, ANY, ANY),
	HAS(39, skb_pull_data, "4.9", TC | LWT | SK_SKB, INT, MOVES, CTX, ANY),
	HAS(40, csum_update, "4.9", TC | LWT_XMIT, INT, 0, CTX, ANY),
	HAS(41, set_hash_invalid, "4.9", TC | LWT_XMIT, INT, 0, CTX),
	HAS(42, get_numa_node_id, "4.10", BASE, INT, UNPRIV),
	HAS(43, skb_change_head, "4.10", TC | LWT_XMIT | SK_SKB, INT, MOVES, CTX, ANY, ANY),
	HAS(44, xdp_adjust_head, "4.10", XDP, INT, MOVES, CTX, ANY),
	HAS(45, probe_read_str, "4.11", TRACE, INT, GPL, MEM(W), SIZE0, ANY),
	HAS(46, get_socket_cookie, "4.12", SF | TC | CG_SKB | CG_SOCK | SOCK_OPS | SK_SKB | CG_ADDR | REUSE | TRACING | LSM |
	      SYSCALL, INT, UNPRIV, CTX),
	HAS(47, get_socket_uid, "4.12", SF | TC | CG_SKB | SK_SKB, INT, UNPRIV, CTX),
	HAS(48, set_hash, "4.13", TC, INT, 0, CTX, ANY),
	LACKS(49, setsockopt, "4.13", SOCK_OPS | CG_ADDR | CG_OPT | OPS | LSM, INT, 0, CTX, ANY, ANY, MEM(R), SIZE),
	HAS(50, skb_adjust_room, "4.13", TC | SK_SKB, INT, MOVES, CTX, ANY, ANY, ANY),
	HAS(51, redirect_map, "4.14", XDP, INT, 0, MAP, ANY, ANY),
	LACKS(52, sk_redirect_map, "4.14", SK_SKB, INT, 0, CTX, MAP, ANY, ANY),
	LACKS(53, sock_map_update, "4.14", SOCK_OPS, INT, PKT, CTX, MAP, KEY, ANY),
	HAS(54, xdp_adjust_meta, "4.15", XDP, INT, MOVES, CTX, ANY),
	LACKS(55, perf_event_read_value, "4.15", BASE, INT, GPL | PERFMON, MAP, ANY, MEM(W), SIZE),
	LACKS(56, perf_prog_read_value, "4.15", PERF, INT, GPL, CTX, MEM(W), SIZE),
	LACKS(57, getsockopt, "4.15", SOCK_OPS | CG_ADDR | CG_OPT | OPS | LSM, INT, 0, CTX, ANY, ANY, MEM(W), SIZE),
	HAS(58, override_return, "4.16", T(KPROBE), INT, GPL, CTX, ANY),
	LACKS(59, sock_ops_cb_flags_set, "4.16", SOCK_OPS, INT, 0, CTX, ANY),
	LACKS(60, msg_redirect_map, "4.17", SK_MSG, INT, 0, CTX, MAP, ANY, ANY),
	LACKS(61, msg_apply_bytes, "4.17", SK_MSG, INT, 0, CTX, ANY),
	LACKS(62, msg_cork_bytes, "4.17", SK_MSG, INT, 0, CTX, ANY),
	LACKS(63, msg_pull_data, "4.17", SK_MSG, INT, MOVES, CTX, ANY, ANY, ANY),
	LACKS(64, bind, "4.17", CG_ADDR, INT, 0, CTX, MEM(R), SIZE),
	HAS(65, xdp_adjust_tail, "4.18", XDP, INT, MOVES, CTX, ANY),
	LACKS(66, skb_get_xfrm_state, "4.18", TC, INT, 0, CTX, ANY, MEM(W), SIZE, ANY),
	HAS(67, get_stack, "4.18", TRACE, INT, GPL | STACK, CTX, MEM(W), SIZE0, ANY),
	HAS(68, skb_load_bytes_relative, "4.18", SF | TC | CG_SKB | REUSE, INT, UNPRIV, CTX, ANY, MEM(W), SIZE, ANY),
	HAS(69, fib_lookup, "4.18", TC | XDP, INT, GPL, CTX, MEM(HELPER_ARG_WRITE), SIZE, ANY),
	LACKS(70, sock_hash_update, "4.18", SOCK_OPS, INT, PKT, CTX, MAP, KEY, ANY),
	LACKS(71, msg_redirect_hash, "4.18", SK_MSG, INT, 0, CTX, MAP, KEY, ANY),
	LACKS(72, sk_redirect_hash, "4.18", SK_SKB, INT, 0, CTX, MAP, KEY, ANY),
	LACKS(73, lwt_push_encap, "4.18", T(LWT_IN) | LWT_XMIT, INT, MOVES, CTX, ANY, MEM(R), SIZE),
	LACKS(74, lwt_seg6_store_bytes, "4.18", T(LWT_SEG6LOCAL), INT, MOVES, CTX, ANY, MEM(R), SIZE),
	LACKS(75, lwt_seg6_adjust_srh, "4.18", T(LWT_SEG6LOCAL), INT, MOVES, CTX, ANY, ANY),
	LACKS(76, lwt_seg6_action, "4.18", T(LWT_SEG6LOCAL), INT, MOVES, CTX, ANY, MEM(R), SIZE),
	LACKS(77, rc_repeat, "4.18", LIRC, INT, GPL, CTX),
	LACKS(78, rc_keydown, "4.18", LIRC, INT, GPL, CTX, ANY, ANY, ANY),
	LACKS(79, skb_cgroup_id, "4.18", TC | CG_SKB, INT, UNPRIV, CTX),
	HAS(80, get_current_cgroup_id, "4.18", BASE, INT, 0),
	LACKS(81, get_local_storage, "4.19", CG_SKB | CG_SOCK | SOCK_OPS | CG_DEV | CG_ADDR | CG_SYS | CG_OPT | LSM,
	      RET_MAP_VALUE, UNPRIV, MAP, ANY),
	LACKS(82, sk_select_reuseport, "4.19", REUSE, INT, 0, CTX, MAP, KEY, ANY),
	LACKS(83, skb_ancestor_cgroup_id, "4.19", TC | CG_SKB, INT, UNPRIV, CTX, ANY),
	LACKS(84, sk_lookup_tcp, "4.20", SK_FIND, RET_SOCKET, NUL | ACQ | PKT | UNPRIV, CTX, MEM(R), SIZE0, ANY, ANY),
	LACKS(85, sk_lookup_udp, "4.20", SK_FIND, RET_SOCKET, NUL | ACQ | PKT | UNPRIV, CTX, MEM(R), SIZE0, ANY, ANY),
	LACKS(86, sk_release, "4.20", SK_FIND | LOOKUP, INT, UNPRIV, {ARG_BTF_SOCK_COMMON, HELPER_ARG_RELEASE}),
	HAS(87, map_push_elem, "4.20", ALL, INT, PKT | UNPRIV, MAP, VALUE, ANY),
	HAS(88, map_pop_elem, "4.20", ALL, INT, UNPRIV, MAP, VALUE_W),
	HAS(89, map_peek_elem, "4.20", ALL, INT, UNPRIV, MAP, VALUE_W),
	LACKS(90, msg_push_data, "4.20", SK_MSG, INT, MOVES, CTX, ANY, ANY, ANY),
	LACKS(91, msg_pop_data, "5.0", SK_MSG, INT, MOVES, CTX, ANY, ANY, ANY),
	LACKS(92, rc_pointer_rel, "5.0", LIRC, INT, GPL, CTX, ANY, ANY),
	HAS(93, spin_lock, "5.1", BASE, VOID, 0, {ARG_SPIN_LOCK}),
	HAS(94, spin_unlock, "5.1", BASE, VOID, 0, {ARG_SPIN_LOCK}),
	LACKS(95, sk_fullsock, "5.1", TC | CG_SKB, RET_SOCKET, NUL | UNPRIV, SK),
	LACKS(96, tcp_sock, "5.1", TC | CG_SKB | SOCK_OPS | CG_OPT, RET_TCP_SOCK, NUL | UNPRIV, SK),
	HAS(97, skb_ecn_set_ce, "5.1", TC | CG_SKB, INT, UNPRIV, CTX),
	LACKS(98, get_listener_sock, "5.1", TC | CG_SKB, RET_SOCKET, NUL | UNPRIV, SK),
	LACKS(99, skc_lookup_tcp, "5.2", SK_FIND, RET_SOCK_COMMON, NUL | ACQ | PKT | UNPRIV, CTX, MEM(R), SIZE0, ANY, ANY),
	LACKS(100, tcp_check_syncookie, "5.2", TC | XDP, INT, GPL | PKT, SKC, MEM(R), SIZE, MEM(R), SIZE),
	LACKS(101, sysctl_get_name, "5.2", CG_SYS, INT, 0, CTX, MEM(HELPER_ARG_WRITE), SIZE, ANY),
	LACKS(102, sysctl_get_current_value, "5.2", CG_SYS, INT, 0, CTX, MEM(W), SIZE),
	LACKS(103, sysctl_get_new_value, "5.2", CG_SYS, INT, 0, CTX, MEM(W), SIZE),
	LACKS(104, sysctl_set_new_value, "5.2", CG_SYS, INT, 0, CTX, MEM(R), SIZE),
	HAS(105, strtol, "5.2", BASE, INT, UNPRIV, MEM(R), SIZE, ANY, LONG_W),
	HAS(106, strtoul, "5.2", BASE, INT, UNPRIV, MEM(R), SIZE, ANY, LONG_W),
	LACKS(107, sk_storage_get, "5.2", STORAGE | CG_SOCK, RET_MAP_VALUE, NUL | UNPRIV, MAP, SKC, VALUE_N, ANY),
	LACKS(108, sk_storage_delete, "5.2", STORAGE, INT, UNPRIV, MAP, SKC),
	HAS(109, send_signal, "5.3", BASE, INT, PERFMON, ANY),
	LACKS(110, tcp_gen_syncookie, "5.3", TC | XDP, INT, GPL | PKT, SKC, MEM(R), SIZE, MEM(R), SIZE),
	LACKS(111, skb_output, "5.5", TRACING | LSM | SYSCALL, INT, GPL, BTF("sk_buff"), MAP, ANY, MEM(R), SIZE0),
	HAS(112, probe_read_user, "5.5", BASE, INT, GPL | PERFMON, MEM(W), SIZE0, ANY),
	HAS(113, probe_read_kernel, "5.5", BASE, INT, GPL | PERFMON, MEM(W), SIZE0, ANY),
	HAS(114, probe_read_user_str, "5.5", BASE, INT, GPL | PERFMON, MEM(W), SIZE0, ANY),
	HAS(115, probe_read_kernel_str, "5.5", BASE, INT, GPL | PERFMON, MEM(W), SIZE0, ANY),
	LACKS(116, tcp_send_ack, "5.6", OPS, INT, 0, BTF("tcp_sock"), ANY),
	HAS(117, send_signal_thread, "5.6", BASE, INT, PERFMON, ANY),
	HAS(118, jiffies64, "5.6", BASE, INT, 0),
	LACKS(119, read_branch_records, "5.6", PERF, INT, GPL, CTX, MEM(N | HELPER_ARG_WRITE), SIZE0, ANY),
	HAS(120, get_ns_current_pid_tgid, "5.7", BASE, INT, UNPRIV, ANY, ANY, MEM(W), SIZE),
	LACKS(121, xdp_output, "5.7", TRACING | LSM | SYSCALL, INT, GPL, BTF("xdp_buff"), MAP, ANY, MEM(R), SIZE0),
	HAS(122, get_netns_cookie, "5.7", SF | TC | CG_SKB | CG_SOCK | SOCK_OPS | SK_MSG | CG_ADDR | CG_OPT, INT, UNPRIV,
	      {ARG_CTX, N}),
	HAS(123, get_current_ancestor_cgroup_id, "5.7", BASE, INT, 0, ANY),
	LACKS(124, sk_assign, "5.7", TC | LOOKUP, INT, 0, CTX, SKC, ANY),
	HAS(125, ktime_get_boot_ns, "5.8", ALL, INT, UNPRIV),
	LACKS(126, seq_printf, "5.8", TRACING, INT, GPL, BTF("seq_file"), MEM(R), SIZE, MEM(N | R), SIZE0),
	LACKS(127, seq_write, "5.8", TRACING, INT, GPL, BTF("seq_file"), MEM(R), SIZE0),
	LACKS(128, sk_cgroup_id, "5.8", CG_SKB, INT, UNPRIV, SKC),
	LACKS(129, sk_ancestor_cgroup_id, "5.8", CG_SKB, INT, UNPRIV, SKC, ANY),
	HAS(130, ringbuf_output, "5.8", BASE, INT, UNPRIV, MAP, MEM(R), SIZE0, ANY),
	HAS(131, ringbuf_reserve, "5.8", BASE, RET_RINGBUF_MEM, NUL | ACQ | UNPRIV, MAP, {ARG_CONST_ALLOC_SIZE}, ANY),
	HAS(132, ringbuf_submit, "5.8", BASE, VOID, UNPRIV, {ARG_RINGBUF_MEM, HELPER_ARG_RELEASE}, ANY),
	HAS(133, ringbuf_discard, "5.8", BASE, VOID, UNPRIV, {ARG_RINGBUF_MEM, HELPER_ARG_RELEASE}, ANY),
	HAS(134, ringbuf_query, "5.8", BASE, INT, UNPRIV, MAP, ANY),
	HAS(135, csum_level, "5.8", TC | LWT_XMIT, INT, 0, CTX, ANY),
	LACKS_BTF(136, skc_to_tcp6_sock, "5.9", SK_TYPES, RET_BTF_ID, "tcp6_sock", NUL | PERFMON, SKC),
	LACKS_BTF(137, skc_to_tcp_sock, "5.9", SK_TYPES, RET_BTF_ID, "tcp_sock", NUL | PERFMON, SKC),
	LACKS_BTF(138, skc_to_tcp_timewait_sock, "5.9", SK_TYPES, RET_BTF_ID, "tcp_timewait_sock", NUL | PERFMON, SKC),
	LACKS_BTF(139, skc_to_tcp_request_sock, "5.9", SK_TYPES, RET_BTF_ID, "tcp_request_sock", NUL | PERFMON, SKC),
	LACKS_BTF(140, skc_to_udp6_sock, "5.9", SK_TYPES, RET_BTF_ID, "udp6_sock", NUL | PERFMON, SKC),
	HAS(141, get_task_stack, "5.9", BASE, INT, PERFMON | STACK, BTF("task_struct"), MEM(W), SIZE0, ANY),
	LACKS(142, load_hdr_opt, "5.10", SOCK_OPS, INT, 0, CTX, MEM(HELPER_ARG_WRITE), SIZE, ANY),
	LACKS(143, store_hdr_opt, "5.10", SOCK_OPS, INT, MOVES, CTX, MEM(R), SIZE, ANY),
	LACKS(144, reserve_hdr_opt, "5.10", SOCK_OPS, INT, 0, CTX, ANY, ANY),
	LACKS(145, inode_storage_get, "5.10", LSM, RET_MAP_VALUE, NUL, MAP, BTF_N("inode"), VALUE_N, ANY),
	LACKS(146, inode_storage_delete, "5.10", LSM, INT, 0, MAP, BTF_N("inode")),
	HAS(147, d_path, "5.10", TRACING | LSM | SYSCALL, INT, HOOK, BTF("path"), MEM(HELPER_ARG_WRITE), SIZE0),
	HAS(148, copy_from_user, "5.10", BASE, INT, SLEEPS | PERFMON, MEM(W), SIZE0, ANY),
	LACKS(149, snprintf_btf, "5.10", BASE, INT, PERFMON, MEM(HELPER_ARG_WRITE), SIZE, MEM(R), SIZE, ANY),
	LACKS(150, seq_printf_btf, "5.10", TRACING, INT, GPL, BTF("seq_file"), MEM(R), SIZE0, ANY),
	LACKS(151, skb_cgroup_classid, "5.10", TC, INT, 0, CTX),
	HAS(152, redirect_neigh, "5.10", TC, INT, 0, ANY, MEM(N | R), SIZE0, ANY),
	LACKS(153, per_cpu_ptr, "5.10", BASE, RET_MEM_OR_BTF_ID, NUL | READ_ONLY, {ARG_PERCPU_BTF_ID}, ANY),
	LACKS(154, this_cpu_ptr, "5.10", BASE, RET_MEM_OR_BTF_ID, READ_ONLY, {ARG_PERCPU_BTF_ID}),
	HAS(155, redirect_peer, "5.10", TC, INT, 0, ANY, ANY),
	HAS(156, task_storage_get, "5.11", BASE, RET_MAP_VALUE, NUL, MAP, BTF_N("task_struct"), VALUE_N, ANY),
	HAS(157, task_storage_delete, "5.11", BASE, INT, 0, MAP, BTF_N("task_struct")),
	HAS_BTF(158, get_current_task_btf, "5.11", BASE, RET_BTF_ID, "task_struct", GPL | TRUSTED | PERFMON),
	LACKS(159, bprm_opts_set, "5.11", LSM, INT, 0, BTF("linux_binprm"), ANY),
	HAS(160, ktime_get_coarse_ns, "5.11", COARSE, INT, UNPRIV),
	LACKS(161, ima_inode_hash, "5.11", LSM, INT, SLEEPS | HOOK, BTF("inode"), MEM(W), SIZE),
	LACKS_BTF(162, sock_from_file, "5.11", TRACING | LSM | SYSCALL, RET_BTF_ID, "socket", NUL, BTF("file")),
	LACKS(163, check_mtu, "5.12", TC | XDP, INT, GPL, CTX, ANY, {ARG_MEM_FIXED, HELPER_ARG_WRITE | HELPER_ARG_ALIGNED, 4},
	      ANY, ANY),
	HAS(164, for_each_map_elem, "5.13", BASE, INT, CALLS, MAP, FUNC, FUNC_CTX, ANY),
	HAS(165, snprintf, "5.13", BASE, INT, GPL | PERFMON, MEM(N | HELPER_ARG_WRITE), SIZE0, STR, MEM(N | R), SIZE0),
	LACKS(166, sys_bpf, "5.14", SYSCALL, INT, PERFMON, ANY, MEM(R), SIZE),
	LACKS(167, btf_find_by_name_kind, "5.14", SYSCALL, INT, 0, MEM(R), SIZE, ANY, ANY),
	LACKS(168, sys_close, "5.14", SYSCALL, INT, 0, ANY),
	HAS(169, timer_init, "5.15", BASE, INT, GPL, {ARG_TIMER}, MAP, ANY),
	HAS(170, timer_set_callback, "5.15", BASE, INT, GPL | CALLS, {ARG_TIMER}, FUNC),
	HAS(171, timer_start, "5.15", BASE, INT, GPL, {ARG_TIMER}, ANY, ANY),
	HAS(172, timer_cancel, "5.15", BASE, INT, GPL, {ARG_TIMER}),
	HAS(173, get_func_ip, "5.15", TRACE, INT, GPL, CTX),
	HAS(174, get_attach_cookie, "5.15", PROBES | TRACING | LSM, INT, 0, CTX),
	HAS_BTF(175, task_pt_regs, "5.15", BASE, RET_BTF_ID, "pt_regs", GPL | PERFMON, BTF("task_struct")),
	LACKS(176, get_branch_snapshot, "5.16", BASE, INT, GPL | PERFMON, MEM(W), SIZE0),
	HAS(177, trace_vprintk, "5.16", BASE, INT, GPL | PERFMON, MEM(R), SIZE, MEM(N | R), SIZE0),
	LACKS_BTF(178, skc_to_unix_sock, "5.16", SK_TYPES, RET_BTF_ID, "unix_sock", NUL | PERFMON, SKC),
	LACKS(179, kallsyms_lookup_name, "5.16", SYSCALL, INT, 0, MEM(R), SIZE0, ANY, LONG_W),
	LACKS(180, find_vma, "5.17", BASE, INT, CALLS | PERFMON, BTF("task_struct"), ANY, FUNC, FUNC_CTX, ANY),
	HAS(181, loop, "5.17", BASE, INT, CALLS, ANY, FUNC, FUNC_CTX, ANY),
	HAS(182, strncmp, "5.17", BASE, INT, UNPRIV, MEM(R), SIZE, STR),
	HAS(183, get_func_arg, "5.17", TRACING | LSM, INT, 0, CTX, ANY, LONG_W),
	HAS(184, get_func_ret, "5.17", TRACING | LSM, INT, 0, CTX, LONG_W),
	HAS(185, get_func_arg_cnt, "5.17", TRACING | LSM, INT, 0, CTX),
	HAS(186, get_retval, "5.18", CG_SOCK | CG_DEV | CG_ADDR | CG_SYS | CG_OPT | SOCK_OPS | LSM, INT, 0),
	HAS(187, set_retval, "5.18", CG_SOCK | CG_DEV | CG_ADDR | CG_SYS | CG_OPT | SOCK_OPS | LSM, INT, 0, ANY),
	HAS(188, xdp_get_buff_len, "5.18", XDP | TRACING | LSM | SYSCALL, INT, 0, CTX),
	HAS(189, xdp_load_bytes, "5.18", XDP, INT, 0, CTX, ANY, MEM(W), SIZE),
	HAS(190, xdp_store_bytes, "5.18", XDP, INT, 0, CTX, ANY, MEM(R), SIZE),
	HAS(191, copy_from_user_task, "5.18", BASE, INT, GPL | SLEEPS | PERFMON, MEM(W), SIZE0, ANY, BTF("task_struct"), ANY),
	HAS(192, skb_set_tstamp, "5.18", TC, INT, 0, CTX, ANY, ANY),
	LACKS(193, ima_file_hash, "5.18", LSM, INT, SLEEPS | HOOK, BTF("file"), MEM(W), SIZE),
	LACKS(194, kptr_xchg, "5.19", BASE, RET_BTF_ID, NUL | ACQ, {ARG_KPTR}, {ARG_BTF_ID, N | HELPER_ARG_RELEASE}),
	HAS(195, map_lookup_percpu_elem, "5.19", ALL, RET_MAP_VALUE, NUL | PKT | UNPRIV, MAP, KEY, ANY),
	LACKS_BTF(196, skc_to_mptcp_sock, "5.19", SK_TYPES, RET_BTF_ID, "mptcp_sock", NUL | PERFMON, SK),
	HAS(197, dynptr_from_mem, "5.19", BASE, INT, 0, MEM(W), SIZE0, ANY, DYN_NEW_LOCAL),
	HAS(198, ringbuf_reserve_dynptr, "5.19", BASE, INT, 0, MAP, ANY, ANY, DYN_NEW_RING),
	HAS(199, ringbuf_submit_dynptr, "5.19", BASE, VOID, 0, DYN_END_RING, ANY),
	HAS(200, ringbuf_discard_dynptr, "5.19", BASE, VOID, 0, DYN_END_RING, ANY),
	HAS(201, dynptr_read, "5.19", BASE, INT, 0, MEM(W), SIZE0, DYN, ANY, ANY),
	HAS(202, dynptr_write, "5.19", BASE, INT, 0, DYN, ANY, MEM(R), SIZE0, ANY),
	HAS(203, dynptr_data, "5.19", BASE, RET_DYNPTR_MEM, NUL, DYN, ANY, {ARG_CONST_ALLOC_SIZE}),
	LACKS(204, tcp_raw_gen_syncookie_ipv4, "6.0", TC | XDP, INT, GPL | PKT, FIXED(20, R), MEM(R), SIZE0),
	LACKS(205, tcp_raw_gen_syncookie_ipv6, "6.0", TC | XDP, INT, GPL | PKT, FIXED(40, R), MEM(R), SIZE0),
	LACKS(206, tcp_raw_check_syncookie_ipv4, "6.0", TC | XDP, INT, GPL | PKT, FIXED(20, R), FIXED(20, R)),
	LACKS(207, tcp_raw_check_syncookie_ipv6, "6.0", TC | XDP, INT, GPL | PKT, FIXED(40, R), FIXED(20, R)),
	HAS(208, ktime_get_tai_ns, "6.1", BASE, INT, UNPRIV),
	LACKS(209, user_ringbuf_drain, "6.1", BASE, INT, CALLS, MAP, FUNC, FUNC_CTX, ANY),
	LACKS(210, cgrp_storage_get, "6.2", BASE, RET_MAP_VALUE, NUL, MAP, BTF_N("cgroup"), VALUE_N, ANY),
	LACKS(211, cgrp_storage_delete, "6.2", BASE, INT, 0, MAP, BTF_N("cgroup")),
	/* clang-format on */
};
const uint32_t helpers_n = ARRAY_SIZE(helpers);

/*
 * Where a program type gets another prototype: .prog_types says which types, and attach_at which attach types (0: all).
 * Everything that the row does not differ in stands here again: a variant is a row.
 */
#define SOCK_PTR_N                                                                                                     \
	{                                                                                                              \
		ARG_BTF_SOCK_COMMON, N                                                                                 \
	}
#define KPROBE_MULTI (1ull << BPF_TRACE_KPROBE_MULTI | 1ull << SKEP_ATTACH_TRACE_KPROBE_SESSION)
#define UPROBE_MULTI (1ull << SKEP_ATTACH_TRACE_UPROBE_MULTI | 1ull << SKEP_ATTACH_TRACE_UPROBE_SESSION)
#define VARIANT(at, n, nm, ver, types, result, fl, ...)                                                                \
	{                                                                                                              \
		.attach_at = at, .desc = {                                                                             \
			.id = n,                                                                                       \
			.name = "bpf_" #nm,                                                                            \
			.kernel = ver,                                                                                 \
			.prog_types = types,                                                                           \
			.flags = fl,                                                                                   \
			.ret = result,                                                                                 \
			.args = {__VA_ARGS__},                                                                         \
		}                                                                                                      \
	}

static const struct variant {
	uint64_t attach_at;
	struct helper_desc desc;
} variants[] = {
	/* clang-format off */
	/* Only tracing programs have it as bpf_fastcall. */
	VARIANT(0, 8, get_smp_processor_id, "4.1", TRACE, INT, FAST | UNPRIV),
	VARIANT(0, 17, get_cgroup_classid, "4.3", TC | LWT, INT, 0, CTX),
	VARIANT(0, 27, get_stackid, "4.6", PERF, INT, 0, CTX, MAP, ANY),
	VARIANT(0, 46, get_socket_cookie, "4.12", REUSE | TRACING | LSM | SYSCALL, INT, 0, SOCK_PTR_N),
	VARIANT(0, 49, setsockopt, "4.13", CG_OPT | LSM | OPS, INT, 0, SKC, ANY, ANY, MEM(R), SIZE),
	VARIANT(0, 57, getsockopt, "4.15", CG_OPT | LSM | OPS, INT, 0, SKC, ANY, ANY, MEM(W), SIZE),
	VARIANT(0, 107, sk_storage_get, "5.2", CG_SOCK, RET_MAP_VALUE, NUL, MAP, CTX, VALUE_N, ANY),
	VARIANT(0, 107, sk_storage_get, "5.2", TRACING | SYSCALL, RET_MAP_VALUE, NUL | HOOK, MAP, BTF_N("sock_common"), VALUE_N, ANY),
	VARIANT(0, 108, sk_storage_delete, "5.2", TRACING | SYSCALL, INT, HOOK, MAP, BTF_N("sock_common")),
	VARIANT(0, 124, sk_assign, "5.7", LOOKUP, INT, 0, CTX, {ARG_SOCKET, N}, ANY),
	VARIANT(KPROBE_MULTI | UPROBE_MULTI, 173, get_func_ip, "5.15", T(KPROBE), INT, 0, CTX),
	VARIANT(0, 188, xdp_get_buff_len, "5.18", TRACING | LSM | SYSCALL, INT, 0, BTF("xdp_buff")),
	/* clang-format on */
};

/* A variant has no function: that is the row's (helper_find()). */
const struct helper_desc *helper_for(uint32_t id, uint32_t prog_type, uint32_t attach_type)
{
	const struct helper_desc *h = helper_find(id);

	if (!h || prog_type >= SKEP_PROG_TYPE_MAX)
		return h;
	for (uint32_t i = 0; i < ARRAY_SIZE(variants); i++) {
		const struct variant *v = &variants[i];

		if (v->desc.id == id && v->desc.prog_types >> prog_type & 1 &&
		    (!v->attach_at || (attach_type < 64 && v->attach_at >> attach_type & 1)))
			return &v->desc;
	}
	return h;
}

const struct helper_desc *helper_find(uint32_t id)
{
	return id && id < helpers_n && helpers[id].id == id ? &helpers[id] : NULL;
}
