/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Context fields of Linux 6.18, struct by struct, in the order of include/uapi/linux/bpf.h where the first match allows it.
 *
 * Reading a row: F(struct, field, sizes that read, sizes that write, ...). NARROW: the field may be read in parts. Where the kernel checks nothing
 * but the size, a last row REST stands for what no row before it took.
 */
#include "prog/ctx_fields.h"

#include "base/util.h"
#include "prog/rules.h"

#include <linux/bpf_perf_event.h>

#define T(type)   CTX_TYPE(BPF_PROG_TYPE_##type)
#define A(attach) CTX_TYPE(attach)

#define OFF(s, f) offsetof(struct s, f)
/* Widths of fields, some of which are pointers. */
/* NOLINTBEGIN(bugprone-sizeof-expression) */
#define WIDTH(s, f) sizeof(((struct s *)0)->f)
#define END(s, f)   (OFF(s, f) + WIDTH(s, f))

#define F(s, f, r, w, ...)                                                                                             \
	{                                                                                                              \
		.off = OFF(s, f), .len = WIDTH(s, f), .read = r, .write = w, __VA_ARGS__                               \
	}
#define RANGE(s, f, last, r, w, ...)                                                                                   \
	{                                                                                                              \
		.off = OFF(s, f), .len = END(s, last) - OFF(s, f), .read = r, .write = w, __VA_ARGS__                  \
	}
#define REST(s, r, w, ...)                                                                                             \
	{                                                                                                              \
		.off = 0, .len = sizeof(struct s), .read = r, .write = w, __VA_ARGS__                                  \
	}

#define NARROW   (1 | 2 | 4)
#define ANY_SIZE (1 | 2 | 4 | 8)
#define NONE     0

/* struct __sk_buff: who has which field. */
#define SF   T(SOCKET_FILTER)
#define TC   (T(SCHED_CLS) | T(SCHED_ACT))
#define CG   T(CGROUP_SKB)
#define LWT  (T(LWT_IN) | T(LWT_OUT) | T(LWT_XMIT) | T(LWT_SEG6LOCAL))
#define SKS  T(SK_SKB)
#define FLOW T(FLOW_DISSECTOR)
/* Flow dissectors see three fields, the others most. */
#define SKBS (SF | TC | CG | LWT | SKS)

#define S            __sk_buff
#define U32(f, r, w) F(S, f, NARROW, 4, .width = 4, .readers = r, .writers = w)
/* No program type: readers and writers of zero would mean all. */
#define NOBODY CTX_TYPE(BPF_PROG_TYPE_UNSPEC)

static const struct ctx_field skb[] = {
	U32(len, SKBS, NOBODY),
	U32(pkt_type, SKBS, NOBODY),
	U32(mark, SKBS & ~SKS, TC | CG | LWT),
	U32(queue_mapping, SKBS, TC),
	U32(protocol, SKBS, NOBODY),
	U32(vlan_present, SKBS, NOBODY),
	U32(vlan_tci, SKBS, NOBODY),
	U32(vlan_proto, SKBS, NOBODY),
	U32(priority, SKBS, TC | CG | LWT | SKS),
	U32(ingress_ifindex, SKBS, NOBODY),
	U32(ifindex, SKBS, NOBODY),
	U32(tc_index, SKBS, TC | SKS),
	F(S, cb, ANY_SIZE, ANY_SIZE, .flags = FIELD_WITHIN, .readers = SKBS, .writers = SF | TC | CG | LWT),
	U32(hash, SKBS, NOBODY),
	U32(tc_classid, TC, TC),
	F(S, data, 4, NONE, .gives = CTX_PKT, .flags = FIELD_NO_SEXT | FIELD_CAP_READ, .readers = (SKBS & ~SF) | FLOW),
	F(S, data_end, 4, NONE, .gives = CTX_PKT_END, .flags = FIELD_NO_SEXT | FIELD_CAP_READ,
	  .readers = (SKBS & ~SF) | FLOW),
	U32(napi_id, SKBS, NOBODY),
	U32(family, CG | SKS, NOBODY),
	RANGE(S, remote_ip4, local_ip6, 4, NONE, .readers = CG | SKS),
	U32(remote_port, CG | SKS, NOBODY),
	U32(local_port, CG | SKS, NOBODY),
	F(S, data_meta, 4, NONE, .gives = CTX_PKT_META, .flags = FIELD_NO_SEXT, .readers = TC),
	F(S, flow_keys, 8, NONE, .gives = CTX_FLOW_KEYS, .readers = FLOW),
	F(S, tstamp, 8, 8, .flags = FIELD_CAP_WRITE, .readers = TC | CG, .writers = TC | CG),
	U32(wire_len, TC, NOBODY),
	U32(gso_segs, SKBS, NOBODY),
	F(S, sk, 8, NONE, .gives = CTX_SOCK_COMMON_OR_NULL, .readers = SKBS),
	U32(gso_size, SKBS, NOBODY),
	F(S, tstamp_type, 1, NONE, .readers = TC),
	F(S, hwtstamp, 8, NONE, .readers = TC | CG),
};

#undef S
#define S xdp_md
static const struct ctx_field xdp[] = {
	F(S, data, 4, NONE, .gives = CTX_PKT, .flags = FIELD_NO_SEXT),
	F(S, data_end, 4, NONE, .gives = CTX_PKT_END, .flags = FIELD_NO_SEXT),
	F(S, data_meta, 4, NONE, .gives = CTX_PKT_META, .flags = FIELD_NO_SEXT),
	F(S, ingress_ifindex, 4, NONE),
	F(S, rx_queue_index, 4, NONE),
	F(S, egress_ifindex, 4, NONE, .read_at = A(BPF_XDP_DEVMAP)),
};

/* struct bpf_sock is cgroup_sock's context, and what a program sees of a socket. */
#undef S
#define S         bpf_sock
#define SOCK_MADE (A(BPF_CGROUP_INET_SOCK_CREATE) | A(BPF_CGROUP_INET_SOCK_RELEASE))
#define V4_BOUND  A(BPF_CGROUP_INET4_POST_BIND)
#define V6_BOUND  A(BPF_CGROUP_INET6_POST_BIND)
static const struct ctx_field cgroup_sock[] = {
	F(S, bound_dev_if, 4, 4, .read_at = SOCK_MADE, .write_at = SOCK_MADE),
	F(S, family, NARROW, NONE, .width = 4, .flags = FIELD_START),
	F(S, type, NARROW, NONE, .width = 4, .flags = FIELD_START),
	F(S, protocol, NARROW, NONE, .width = 4, .flags = FIELD_START),
	F(S, mark, 4, 4, .read_at = SOCK_MADE, .write_at = SOCK_MADE),
	F(S, priority, 4, 4, .read_at = SOCK_MADE, .write_at = SOCK_MADE),
	F(S, src_ip4, NARROW, NONE, .width = 4, .read_at = V4_BOUND),
	F(S, src_ip6, NARROW, NONE, .width = 4, .read_at = V6_BOUND),
	F(S, src_port, NARROW, NONE, .width = 4, .flags = FIELD_START, .read_at = V4_BOUND | V6_BOUND),
	F(S, dst_port, NARROW, NONE, .width = 2),
	F(S, dst_ip4, NARROW, NONE, .width = 4),
	F(S, dst_ip6, NARROW, NONE, .width = 4),
	F(S, state, NARROW, NONE, .width = 4, .flags = FIELD_START),
	F(S, rx_queue_mapping, NARROW, NONE, .width = 4, .flags = FIELD_START),
};

#define SOCK_ADDRESSES                                                                                                 \
	F(S, src_ip4, NARROW, NONE, .width = 4), F(S, src_ip6, NARROW, NONE, .width = 4),                              \
		F(S, src_port, NARROW, NONE, .width = 4, .flags = FIELD_START),                                        \
		F(S, dst_port, NARROW, NONE, .width = 2), F(S, dst_ip4, NARROW, NONE, .width = 4),                     \
		F(S, dst_ip6, NARROW, NONE, .width = 4), F(S, state, NARROW, NONE, .width = 4, .flags = FIELD_START),  \
		F(S, rx_queue_mapping, NARROW, NONE, .width = 4, .flags = FIELD_START)

static const struct ctx_field sock_common[] = {
	F(S, bound_dev_if, 4, NONE),
	F(S, family, NARROW, NONE, .width = 4, .flags = FIELD_START),
	SOCK_ADDRESSES,
};

static const struct ctx_field sock_full[] = {
	F(S, bound_dev_if, 4, NONE),
	F(S, family, NARROW, NONE, .width = 4, .flags = FIELD_START),
	F(S, type, NARROW, NONE, .width = 4, .flags = FIELD_START),
	F(S, protocol, NARROW, NONE, .width = 4, .flags = FIELD_START),
	F(S, mark, 4, NONE),
	F(S, priority, 4, NONE),
	SOCK_ADDRESSES,
};

static const struct ctx_field sock_tcp[] = {
	F(bpf_tcp_sock, bytes_received, 8, NONE),
	F(bpf_tcp_sock, bytes_acked, 8, NONE),
	RANGE(bpf_tcp_sock, snd_cwnd, icsk_retransmits, 4, NONE),
};

static const struct ctx_field sock_xdp[] = {
	F(bpf_xdp_sock, queue_id, 4, NONE),
};

#undef S
#define S bpf_sock_addr
#define V4                                                                                                             \
	(A(BPF_CGROUP_INET4_BIND) | A(BPF_CGROUP_INET4_CONNECT) | A(BPF_CGROUP_INET4_GETPEERNAME) |                    \
	 A(BPF_CGROUP_INET4_GETSOCKNAME) | A(BPF_CGROUP_UDP4_SENDMSG) | A(BPF_CGROUP_UDP4_RECVMSG))
#define V6                                                                                                             \
	(A(BPF_CGROUP_INET6_BIND) | A(BPF_CGROUP_INET6_CONNECT) | A(BPF_CGROUP_INET6_GETPEERNAME) |                    \
	 A(BPF_CGROUP_INET6_GETSOCKNAME) | A(BPF_CGROUP_UDP6_SENDMSG) | A(BPF_CGROUP_UDP6_RECVMSG))
#define V4_SEND A(BPF_CGROUP_UDP4_SENDMSG)
#define V6_SEND A(BPF_CGROUP_UDP6_SENDMSG)
static const struct ctx_field sock_addr[] = {
	F(S, user_family, 4, NONE),
	F(S, user_ip4, NARROW, 4, .width = 4, .read_at = V4, .write_at = V4),
	F(S, user_ip6, ANY_SIZE, 4 | 8, .width = 4, .flags = FIELD_WITHIN, .read_at = V6, .write_at = V6),
	F(S, user_port, NARROW, 4, .width = 4),
	F(S, family, 4, NONE),
	F(S, type, 4, NONE),
	F(S, protocol, 4, NONE),
	F(S, msg_src_ip4, NARROW, 4, .width = 4, .read_at = V4_SEND, .write_at = V4_SEND),
	F(S, msg_src_ip6, ANY_SIZE, 4 | 8, .width = 4, .flags = FIELD_WITHIN, .read_at = V6_SEND, .write_at = V6_SEND),
	F(S, sk, 8, NONE, .gives = CTX_SOCKET),
};

#undef S
#define S bpf_sock_ops
/* skb_hwtstamp came with 6.2; Debian 12's header ends before it. */
#define SKB_HWTSTAMP ALIGN_UP(OFF(S, skb_tcp_flags) + 4, 8)
static const struct ctx_field sock_ops[] = {
	F(S, reply, 4, 4),
	F(S, sk_txhash, 4, 4),
	RANGE(S, bytes_received, bytes_acked, 8, NONE),
	F(S, sk, 8, NONE, .gives = CTX_SOCKET_OR_NULL),
	F(S, skb_data, 8, NONE, .gives = CTX_PKT),
	F(S, skb_data_end, 8, NONE, .gives = CTX_PKT_END),
	F(S, skb_tcp_flags, NARROW, NONE, .width = 4, .flags = FIELD_START),
	{.off = SKB_HWTSTAMP, .len = 8, .read = 8},
	{.off = 0, .len = SKB_HWTSTAMP, .read = 4},
};

#undef S
#define S sk_msg_md
static const struct ctx_field sk_msg[] = {
	F(S, data, 8, NONE, .gives = CTX_PKT),
	F(S, data_end, 8, NONE, .gives = CTX_PKT_END),
	RANGE(S, family, size, 4, NONE),
	F(S, sk, 8, NONE, .gives = CTX_SOCKET),
};

#undef S
#define S bpf_cgroup_dev_ctx
static const struct ctx_field cgroup_device[] = {
	F(S, access_type, NARROW, NONE, .width = 4),
	REST(S, 4, NONE),
};

#undef S
#define S bpf_sysctl
static const struct ctx_field cgroup_sysctl[] = {
	F(S, write, NARROW, NONE, .width = 4),
	F(S, file_pos, NARROW, 4, .width = 4),
};

#undef S
#define S   bpf_sockopt
#define SET A(BPF_CGROUP_SETSOCKOPT)
#define GET A(BPF_CGROUP_GETSOCKOPT)
static const struct ctx_field cgroup_sockopt[] = {
	F(S, sk, 8, NONE, .gives = CTX_SOCKET),
	F(S, optval, 8, NONE, .gives = CTX_PKT),
	F(S, optval_end, 8, NONE, .gives = CTX_PKT_END),
	F(S, level, 4, 4, .write_at = SET),
	F(S, optname, 4, 4, .write_at = SET),
	F(S, optlen, 4, 4),
	F(S, retval, 4, 4, .read_at = GET, .write_at = GET),
};

#undef S
#define S bpf_sk_lookup
static const struct ctx_field sk_lookup[] = {
	F(S, sk, 8, NONE, .gives = CTX_SOCKET_OR_NULL),
	RANGE(S, family, remote_ip6, NARROW, NONE, .width = 4),
	F(S, remote_port, NARROW, NONE, .width = 2),
	/* Two bytes of padding, which once belonged to the port. */
	{.off = END(S, remote_port), .len = OFF(S, local_ip4) - END(S, remote_port), .read = 1 | 2, .width = 2},
	RANGE(S, local_ip4, ingress_ifindex, NARROW, NONE, .width = 4),
};

#undef S
#define S sk_reuseport_md
static const struct ctx_field sk_reuseport[] = {
	F(S, data, 8, NONE, .gives = CTX_PKT, .flags = FIELD_START),
	F(S, data_end, 8, NONE, .gives = CTX_PKT_END, .flags = FIELD_START),
	F(S, len, NARROW, NONE, .width = 4),
	F(S, eth_protocol, 2 | 4, NONE, .width = 4),
	F(S, ip_protocol, NARROW, NONE, .width = 4),
	F(S, bind_inany, NARROW, NONE, .width = 4),
	F(S, hash, 4, NONE, .flags = FIELD_START),
	F(S, sk, 8, NONE, .gives = CTX_SOCKET, .flags = FIELD_START),
	F(S, migrating_sk, 8, NONE, .gives = CTX_SOCK_COMMON_OR_NULL, .flags = FIELD_START),
};

static const struct ctx_field lirc[] = {
	{.off = 0, .len = 4, .read = 4},
};

/* The kernel's struct pt_regs; on x86_64 user space's is as long. */
static const struct ctx_field kprobe[] = {
	{.off = 0, .len = sizeof(bpf_user_pt_regs_t), .read = ANY_SIZE, .flags = FIELD_WITHIN},
};

/* Behind the word that is the kernel's, as far as perf's buffer reaches (PERF_MAX_TRACE_SIZE). */
static const struct ctx_field tracepoint[] = {
	{.off = 8, .len = 8192 - 8, .read = ANY_SIZE},
};

static const struct ctx_field perf_event[] = {
	F(bpf_perf_event_data, sample_period, ANY_SIZE, NONE, .width = 8),
	F(bpf_perf_event_data, addr, ANY_SIZE, NONE, .width = 8),
	REST(bpf_perf_event_data, 8, NONE),
};

/* Twelve arguments of eight bytes (MAX_BPF_FUNC_ARGS). */
static const struct ctx_field raw_tracepoint[] = {
	{.off = 0, .len = 12 * 8, .read = ANY_SIZE},
};

static const struct ctx_field raw_tracepoint_writable[] = {
	{.off = 0, .len = 1, .read = 8, .gives = CTX_TP_BUFFER},
	{.off = 0, .len = 12 * 8, .read = ANY_SIZE},
};

/* The user's bytes, whose number is known at run time only. */
static const struct ctx_field syscall_[] = {
	{.off = 0, .len = UINT16_MAX, .read = ANY_SIZE, .write = ANY_SIZE},
};

/* struct bpf_nf_ctx: two pointers. */
static const struct ctx_field netfilter[] = {
	{.off = 0, .len = 8, .read = 8, .gives = CTX_BTF_ID, .btf = "nf_hook_state"},
	{.off = 8, .len = 8, .read = 8, .gives = CTX_BTF_ID, .btf = "sk_buff"},
};

#define TABLE(t)                                                                                                       \
	{                                                                                                              \
		t, ARRAY_SIZE(t)                                                                                       \
	}

const struct ctx_table ctx_tables[SKEP_PROG_TYPE_MAX] = {
	[BPF_PROG_TYPE_SOCKET_FILTER] = TABLE(skb),
	[BPF_PROG_TYPE_KPROBE] = TABLE(kprobe),
	[BPF_PROG_TYPE_SCHED_CLS] = TABLE(skb),
	[BPF_PROG_TYPE_SCHED_ACT] = TABLE(skb),
	[BPF_PROG_TYPE_TRACEPOINT] = TABLE(tracepoint),
	[BPF_PROG_TYPE_XDP] = TABLE(xdp),
	[BPF_PROG_TYPE_PERF_EVENT] = TABLE(perf_event),
	[BPF_PROG_TYPE_CGROUP_SKB] = TABLE(skb),
	[BPF_PROG_TYPE_CGROUP_SOCK] = TABLE(cgroup_sock),
	[BPF_PROG_TYPE_LWT_IN] = TABLE(skb),
	[BPF_PROG_TYPE_LWT_OUT] = TABLE(skb),
	[BPF_PROG_TYPE_LWT_XMIT] = TABLE(skb),
	[BPF_PROG_TYPE_SOCK_OPS] = TABLE(sock_ops),
	[BPF_PROG_TYPE_SK_SKB] = TABLE(skb),
	[BPF_PROG_TYPE_CGROUP_DEVICE] = TABLE(cgroup_device),
	[BPF_PROG_TYPE_SK_MSG] = TABLE(sk_msg),
	[BPF_PROG_TYPE_RAW_TRACEPOINT] = TABLE(raw_tracepoint),
	[BPF_PROG_TYPE_CGROUP_SOCK_ADDR] = TABLE(sock_addr),
	[BPF_PROG_TYPE_LWT_SEG6LOCAL] = TABLE(skb),
	[BPF_PROG_TYPE_LIRC_MODE2] = TABLE(lirc),
	[BPF_PROG_TYPE_SK_REUSEPORT] = TABLE(sk_reuseport),
	[BPF_PROG_TYPE_FLOW_DISSECTOR] = TABLE(skb),
	[BPF_PROG_TYPE_CGROUP_SYSCTL] = TABLE(cgroup_sysctl),
	[BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE] = TABLE(raw_tracepoint_writable),
	[BPF_PROG_TYPE_CGROUP_SOCKOPT] = TABLE(cgroup_sockopt),
	[BPF_PROG_TYPE_SK_LOOKUP] = TABLE(sk_lookup),
	[BPF_PROG_TYPE_SYSCALL] = TABLE(syscall_),
	[SKEP_PROG_TYPE_NETFILTER] = TABLE(netfilter),
};

const struct ctx_table sock_tables[] = {
	[SOCK_COMMON] = TABLE(sock_common),
	[SOCK_FULL] = TABLE(sock_full),
	[SOCK_TCP] = TABLE(sock_tcp),
	[SOCK_XDP] = TABLE(sock_xdp),
};
/* NOLINTEND(bugprone-sizeof-expression) */
