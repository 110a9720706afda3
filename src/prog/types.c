/* SPDX-License-Identifier: BSD-2-Clause */
#include "prog/types.h"

#include "base/util.h"

#include <linux/bpf_perf_event.h>
#include <linux/pkt_cls.h>

#define ROW(id, n, ver, c, size)                                                                                       \
	{                                                                                                              \
		.type = BPF_PROG_TYPE_##id, .name = n, .enum_name = "BPF_PROG_TYPE_" #id, .kernel = ver, .ctx = c,     \
		.ctx_size = size                                                                                       \
	}

#define SKB sizeof(struct __sk_buff)
enum { SOCK_OPS_SIZE = 224 }; /* up to skb_hwtstamp, which came with 6.2: Debian 12's header ends before it */

/*
 * Names as bpftool prints them; versions from the kernel's history. Whether a test run's frame begins at layer 2 or 3
 * follows net/bpf/test_run.c. Tracing types, whose test run the kernel mostly refuses, take their context as bytes here.
 */
const struct prog_type_desc prog_types[] = {
	ROW(UNSPEC, "unspec", "3.18", CTX_NONE, 0),
	ROW(SOCKET_FILTER, "socket_filter", "3.19", CTX_SKB_L3, SKB),
	ROW(KPROBE, "kprobe", "4.1", CTX_BYTES, sizeof(bpf_user_pt_regs_t)),
	ROW(SCHED_CLS, "sched_cls", "4.1", CTX_SKB_L2, SKB),
	ROW(SCHED_ACT, "sched_act", "4.1", CTX_SKB_L2, SKB),
	ROW(TRACEPOINT, "tracepoint", "4.7", CTX_BYTES, 0),
	ROW(XDP, "xdp", "4.8", CTX_XDP, sizeof(struct xdp_md)),
	ROW(PERF_EVENT, "perf_event", "4.9", CTX_BYTES, sizeof(struct bpf_perf_event_data)),
	ROW(CGROUP_SKB, "cgroup_skb", "4.10", CTX_SKB_L3, SKB),
	ROW(CGROUP_SOCK, "cgroup_sock", "4.10", CTX_NONE, sizeof(struct bpf_sock)),
	ROW(LWT_IN, "lwt_in", "4.10", CTX_SKB_L3, SKB),
	ROW(LWT_OUT, "lwt_out", "4.10", CTX_SKB_L3, SKB),
	ROW(LWT_XMIT, "lwt_xmit", "4.10", CTX_SKB_L3, SKB),
	ROW(SOCK_OPS, "sock_ops", "4.13", CTX_NONE, SOCK_OPS_SIZE),
	ROW(SK_SKB, "sk_skb", "4.14", CTX_NONE, SKB),
	ROW(CGROUP_DEVICE, "cgroup_device", "4.15", CTX_NONE, sizeof(struct bpf_cgroup_dev_ctx)),
	ROW(SK_MSG, "sk_msg", "4.17", CTX_NONE, sizeof(struct sk_msg_md)),
	ROW(RAW_TRACEPOINT, "raw_tracepoint", "4.17", CTX_BYTES, 0),
	ROW(CGROUP_SOCK_ADDR, "cgroup_sock_addr", "4.17", CTX_NONE, sizeof(struct bpf_sock_addr)),
	ROW(LWT_SEG6LOCAL, "lwt_seg6local", "4.18", CTX_SKB_L3, SKB),
	ROW(LIRC_MODE2, "lirc_mode2", "4.18", CTX_NONE, sizeof(uint32_t)),
	ROW(SK_REUSEPORT, "sk_reuseport", "4.19", CTX_NONE, sizeof(struct sk_reuseport_md)),
	ROW(FLOW_DISSECTOR, "flow_dissector", "4.20", CTX_NONE, SKB),
	ROW(CGROUP_SYSCTL, "cgroup_sysctl", "5.2", CTX_NONE, sizeof(struct bpf_sysctl)),
	ROW(RAW_TRACEPOINT_WRITABLE, "raw_tracepoint_writable", "5.2", CTX_BYTES, 0),
	ROW(CGROUP_SOCKOPT, "cgroup_sockopt", "5.3", CTX_NONE, sizeof(struct bpf_sockopt)),
	ROW(TRACING, "tracing", "5.5", CTX_NONE, 0),
	ROW(STRUCT_OPS, "struct_ops", "5.6", CTX_NONE, 0),
	ROW(EXT, "ext", "5.6", CTX_NONE, 0),
	ROW(LSM, "lsm", "5.7", CTX_NONE, 0),
	ROW(SK_LOOKUP, "sk_lookup", "5.9", CTX_NONE, sizeof(struct bpf_sk_lookup)),
	ROW(SYSCALL, "syscall", "5.14", CTX_BYTES, 0),
	{.type = SKEP_PROG_TYPE_NETFILTER,
	 .name = "netfilter",
	 .enum_name = "BPF_PROG_TYPE_NETFILTER",
	 .kernel = "6.4",
	 .ctx = CTX_NONE},
};
const uint32_t prog_types_n = ARRAY_SIZE(prog_types);

const struct prog_type_desc *prog_type_find(uint32_t type)
{
	/* The table is dense: row n is type n. */
	return type < prog_types_n ? &prog_types[type] : NULL;
}

static const char *const xdp_verdicts[] = {
	[XDP_ABORTED] = "XDP_ABORTED", [XDP_DROP] = "XDP_DROP",         [XDP_PASS] = "XDP_PASS",
	[XDP_TX] = "XDP_TX",           [XDP_REDIRECT] = "XDP_REDIRECT",
};

static const char *const tc_verdicts[] = {
	[TC_ACT_OK] = "TC_ACT_OK",         [TC_ACT_RECLASSIFY] = "TC_ACT_RECLASSIFY", [TC_ACT_SHOT] = "TC_ACT_SHOT",
	[TC_ACT_PIPE] = "TC_ACT_PIPE",     [TC_ACT_STOLEN] = "TC_ACT_STOLEN",         [TC_ACT_QUEUED] = "TC_ACT_QUEUED",
	[TC_ACT_REPEAT] = "TC_ACT_REPEAT", [TC_ACT_REDIRECT] = "TC_ACT_REDIRECT",     [TC_ACT_TRAP] = "TC_ACT_TRAP",
};

const char *prog_verdict_name(uint32_t type, uint32_t ret)
{
	switch (type) {
	case BPF_PROG_TYPE_XDP:
		return ret < ARRAY_SIZE(xdp_verdicts) ? xdp_verdicts[ret] : NULL;
	case BPF_PROG_TYPE_SCHED_CLS:
	case BPF_PROG_TYPE_SCHED_ACT:
		if ((int32_t)ret == TC_ACT_UNSPEC)
			return "TC_ACT_UNSPEC";
		return ret < ARRAY_SIZE(tc_verdicts) ? tc_verdicts[ret] : NULL;
	case BPF_PROG_TYPE_SOCKET_FILTER:
		return ret ? "ACCEPT" : "DROP";
	case BPF_PROG_TYPE_CGROUP_SKB:
		return ret & 1 ? "ALLOW" : "DENY";
	default:
		return NULL;
	}
}
