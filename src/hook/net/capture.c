/* SPDX-License-Identifier: BSD-2-Clause */
#include "hook/net/capture.h"

#include "base/util.h"
#include "prog/packet.h"

#include <arpa/inet.h>
#include <errno.h>
/* libpcap has a struct bpf_insn of its own, the classic one. */
#define PCAP_DONT_INCLUDE_PCAP_BPF_H
#include <pcap/dlt.h>
#include <pcap/pcap.h>
#include <pcap/sll.h>
#include <stdio.h>
#include <string.h>

enum { WHY = 320 };

struct capture {
	pcap_t *pcap;
	int link;
	uint8_t *room; /* a frame with its made-up header; NULL for Ethernet captures */
};

/* Bytes before the packet in a frame of this link type; -1 for a link type that is not read. */
static int link_header(int link)
{
	switch (link) {
	case DLT_EN10MB:
	case DLT_RAW:
	case DLT_IPV4:
	case DLT_IPV6:
		return 0;
	case DLT_NULL:
	case DLT_LOOP:
		return 4;
	case DLT_LINUX_SLL:
		return SLL_HDR_LEN;
	case DLT_LINUX_SLL2:
		return 20;
	default:
		return -1;
	}
}

static const char *link_name(int link)
{
	const char *name = pcap_datalink_val_to_name(link);

	return name ? name : "unknown";
}

int capture_open(const char *path, struct capture **out, char *why)
{
	char err[PCAP_ERRBUF_SIZE] = "";
	struct capture *c = calloc(1, sizeof(*c));
	FILE *f;
	int ret;

	if (!c)
		return -ENOMEM;
	f = strcmp(path, "-") ? fopen(path, "rbe") : stdin;
	if (!f) {
		ret = -errno;
		snprintf(why, WHY, "%s", strerror(errno));
		free(c);
		return ret;
	}
	c->pcap = pcap_fopen_offline_with_tstamp_precision(f, PCAP_TSTAMP_PRECISION_NANO, err);
	if (!c->pcap) {
		snprintf(why, WHY, "not a capture that can be read: %.200s", err[0] ? err : "empty");
		if (f != stdin)
			fclose(f);
		free(c);
		return -EINVAL;
	}
	c->link = pcap_datalink(c->pcap);
	if (link_header(c->link) < 0) {
		snprintf(why, WHY,
			 "its frames are of link type %s; Ethernet, raw IP, loopback and Linux cooked are read",
			 link_name(c->link));
		capture_close(c);
		return -EINVAL;
	}
	if (c->link != DLT_EN10MB) {
		c->room = malloc(PACKET_MAX + sizeof(struct ethhdr));
		if (!c->room) {
			capture_close(c);
			return -ENOMEM;
		}
	}
	*out = c;
	return 0;
}

/* The EtherType of what follows the link header; 0 for what is no packet. */
static uint16_t protocol(const struct capture *c, const uint8_t *data, uint32_t len, uint32_t skip)
{
	uint16_t proto;

	if (c->link == DLT_LINUX_SLL || c->link == DLT_LINUX_SLL2) {
		memcpy(&proto, data + (c->link == DLT_LINUX_SLL ? 14 : 0), sizeof(proto));
		return proto;
	}
	if (len <= skip)
		return 0;
	switch (data[skip] >> 4) {
	case 4:
		return htons(ETH_P_IP);
	case 6:
		return htons(ETH_P_IPV6);
	default:
		return 0;
	}
}

int capture_next(struct capture *c, struct frame *f, char *why)
{
	struct pcap_pkthdr *h;
	struct ethhdr eth = {0};
	const uint8_t *data;
	uint32_t skip, len;
	int ret = pcap_next_ex(c->pcap, &h, &data);

	if (ret == PCAP_ERROR_BREAK)
		return 0;
	if (ret != 1) {
		snprintf(why, WHY, "%.300s", pcap_geterr(c->pcap));
		return -EIO;
	}
	*f = (struct frame){
		.data = data,
		.len = h->caplen,
		.wire_len = h->len,
		.time_ns = (uint64_t)h->ts.tv_sec * 1000000000u + (uint64_t)h->ts.tv_usec,
	};
	if (c->link == DLT_EN10MB)
		return 1;
	skip = (uint32_t)link_header(c->link);
	if (h->caplen < skip) {
		f->len = 0;
		return 1;
	}
	eth.h_proto = protocol(c, data, h->caplen, skip);
	len = MIN(h->caplen - skip, (uint32_t)PACKET_MAX);
	memcpy(c->room, &eth, sizeof(eth));
	memcpy(c->room + sizeof(eth), data + skip, len);
	f->data = c->room;
	f->len = len + (uint32_t)sizeof(eth);
	f->wire_len = MAX(h->len, h->caplen) - skip + (uint32_t)sizeof(eth);
	return 1;
}

const char *capture_made_up(const struct capture *c)
{
	return c->link == DLT_EN10MB ? NULL : link_name(c->link);
}

void capture_close(struct capture *c)
{
	if (!c)
		return;
	if (c->pcap)
		pcap_close(c->pcap);
	free(c->room);
	free(c);
}
