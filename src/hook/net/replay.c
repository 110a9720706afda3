/* SPDX-License-Identifier: BSD-2-Clause */
#include "hook/net/replay.h"

#include "base/clock.h"
#include "base/util.h"
#include "prog/packet.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <string.h>

enum { LOOPBACK = 1 };

static const uint8_t broadcast[ETH_ALEN] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

bool replay_can(uint32_t prog_type)
{
	switch (prog_type) {
	case BPF_PROG_TYPE_XDP:
	case BPF_PROG_TYPE_SCHED_CLS:
	case BPF_PROG_TYPE_SCHED_ACT:
	case BPF_PROG_TYPE_SOCKET_FILTER:
	case BPF_PROG_TYPE_CGROUP_SKB:
		return true;
	default:
		return false;
	}
}

static void run_xdp(struct hive_worker *w, const struct hive_prog *prog, struct replay_frame *f)
{
	struct packet *pkt = w->pkt;

	if (f->len < ETH_HLEN || packet_set_xdp(pkt, f->data, f->len, 0)) {
		f->skipped = true;
		return;
	}
	pkt->ctx.xdp.ingress_ifindex = LOOPBACK;
	f->verdict = (uint32_t)hive_prog_exec(prog, &pkt->ctx.xdp, &w->env);
	f->new_len = packet_len(pkt);
}

/* A socket filter sees what one on a packet socket sees: the link-layer header too. cgroup_skb begins at the network header. */
static void run_skb(struct hive_worker *w, const struct hive_prog *prog, struct replay_frame *f, bool l2)
{
	struct packet *pkt = w->pkt;

	if (packet_set_skb(pkt, f->data, f->len, l2)) {
		f->skipped = true;
		return;
	}
	pkt->ctx.skb.ifindex = LOOPBACK;
	/* A capture's device knows broadcasts, which the loopback device of a test run does not. */
	if (!memcmp(f->data, broadcast, sizeof(broadcast)))
		pkt->ctx.skb.pkt_type = PACKET_BROADCAST;
	f->verdict = (uint32_t)hive_prog_exec(prog, &pkt->ctx.skb, &w->env);
	f->new_len = packet_len(pkt) + (l2 ? 0 : ETH_HLEN);
}

int replay_run(struct skep_hive *hive, const struct hive_prog *prog, uint32_t worker, struct replay_frame *frames,
	       uint32_t n, uint64_t *ns)
{
	struct hive_worker *w = hive_worker_take(hive, worker);
	int err = !w ? -EBUSY : w->pkt ? 0 : packet_new(&w->pkt);
	bool l2 = prog->type != BPF_PROG_TYPE_CGROUP_SKB;
	uint64_t start;

	if (err) {
		if (w)
			hive_worker_put(hive, w);
		return err;
	}
	w->env.pkt = w->pkt;
	w->env.prog_type = prog->type;
	w->env.prog_id = prog->o.id;
	start = clock_ns(CLOCK_MONOTONIC);
	for (uint32_t i = 0; i < n; i++) {
		struct replay_frame *f = &frames[i];

		f->skipped = false;
		w->env.fault = FAULT_NONE;
		if (prog->type == BPF_PROG_TYPE_XDP)
			run_xdp(w, prog, f);
		else
			run_skb(w, prog, f, l2);
		f->fault = (uint8_t)w->env.fault;
		f->changed = !f->skipped && f->new_len != f->len;
	}
	*ns = clock_ns(CLOCK_MONOTONIC) - start;
	hive_worker_put(hive, w);
	return 0;
}
