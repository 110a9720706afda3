/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Keys, values and events of the maps of xdp_flows.bpf.c, which says what they mean. */
#ifndef SKEP_APPS_XDP_FLOWS_H
#define SKEP_APPS_XDP_FLOWS_H

#include <linux/types.h>
#include <linux/in6.h>

struct flow_key {
	struct in6_addr source;
	struct in6_addr destination;
	__u16 source_port; /* host byte order */
	__u16 destination_port;
	__u16 proto;
	__u16 vlan;
};

struct flow {
	__u64 packets;
	__u64 bytes;
	__u64 first_ns; /* bpf_ktime_get_ns() */
	__u64 last_ns;
	__u64 tcp_flags; /* all that were seen */
};

enum event_kind {
	FLOW_NEW = 1,
	FLOW_FIN,
	FLOW_RST,
};

struct event {
	enum event_kind kind;
	__u32 frame_len;
	struct flow_key flow;
	__u64 packets; /* so far, this frame included */
	__u64 bytes;
};

struct stats {
	__u64 packets;
	__u64 bytes;
	__u64 not_ip;
	__u64 malformed;
	__u64 new_flows;
	__u64 ended_flows;
	__u64 lost_events;
};

#endif
