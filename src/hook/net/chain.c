/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a frame passes its programs.
 *
 * A frame from outside is copied into the worker's packet at the first point that has a program; one of the tree's is read there. It goes on out of
 * it, and stays where it is between points. Where no point of its way has a program it is not touched.
 *
 * A point has a list of links (links.h). The worker is this thread's from chain_new() to chain_free(); its read sections are the batches.
 */
#include "hook/net/chain.h"

#include "base/util.h"
#include "helper/who.h"
#include "hook/links.h"
#include "hook/net/ip.h"
#include "hook/net/reass.h"
#include "prog/packet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>
#include <string.h>

struct chain {
	struct skep_hive *hive;
	uint32_t ifindex;
	struct hive_worker *w;
	struct hive_hook hooks[CHAIN_POINTS];
	_Atomic(struct links *) lists[CHAIN_POINTS]; /* NULL: empty */
	/* Of the frame that is on its way. */
	const struct chain_socket *socket;
	struct chain_result *result;
	uint32_t rounds;
};

static const struct point {
	const char *name;
	uint32_t attach_type, link_type, prog_type;
	bool in, l2;
} points[CHAIN_POINTS] = {
	[CHAIN_XDP] = {"xdp", BPF_XDP, BPF_LINK_TYPE_XDP, BPF_PROG_TYPE_XDP, true, true},
	[CHAIN_TC_INGRESS] = {"tc ingress", SKEP_TCX_INGRESS, SKEP_LINK_TYPE_TCX, BPF_PROG_TYPE_SCHED_CLS, true, true},
	[CHAIN_CGROUP_INGRESS] = {"cgroup_skb ingress", BPF_CGROUP_INET_INGRESS, BPF_LINK_TYPE_CGROUP,
				  BPF_PROG_TYPE_CGROUP_SKB, true, false},
	[CHAIN_SOCKET] = {"socket filter", CHAIN_SOCKET_ATTACH, BPF_LINK_TYPE_UNSPEC, BPF_PROG_TYPE_SOCKET_FILTER, true,
			  true},
	[CHAIN_CGROUP_EGRESS] = {"cgroup_skb egress", BPF_CGROUP_INET_EGRESS, BPF_LINK_TYPE_CGROUP,
				 BPF_PROG_TYPE_CGROUP_SKB, false, false},
	[CHAIN_TC_EGRESS] = {"tc egress", SKEP_TCX_EGRESS, SKEP_LINK_TYPE_TCX, BPF_PROG_TYPE_SCHED_CLS, false, true},
};

const char *chain_point_name(enum chain_point p)
{
	return p < CHAIN_POINTS ? points[p].name : "none";
}

uint32_t chain_point_type(enum chain_point p)
{
	return points[p].attach_type;
}

enum chain_point chain_link_point(const struct bpf_link_info *info)
{
	uint32_t attach_type, tcx[2];

	memcpy(tcx, &info->xdp, sizeof(tcx));
	attach_type = info->type == BPF_LINK_TYPE_XDP      ? BPF_XDP
		      : info->type == BPF_LINK_TYPE_CGROUP ? info->cgroup.attach_type
							   : tcx[1];
	for (enum chain_point p = 0; p < CHAIN_POINTS; p++)
		if (points[p].link_type == info->type && points[p].attach_type == attach_type)
			return p;
	return CHAIN_POINTS;
}

static bool contains(const char *text, const char *word)
{
	return text && strstr(text, word);
}

/* XDP programs for the elements of a device or CPU map: as in the kernel they run nowhere else. */
static bool in_map(uint32_t expected_attach_type)
{
	return expected_attach_type == BPF_XDP_DEVMAP || expected_attach_type == BPF_XDP_CPUMAP;
}

int chain_attach_type(uint32_t prog_type, uint32_t expected_attach_type, const char *section)
{
	switch (prog_type) {
	case BPF_PROG_TYPE_XDP:
		return in_map(expected_attach_type) ? -1 : BPF_XDP;
	case BPF_PROG_TYPE_SCHED_CLS:
	case BPF_PROG_TYPE_SCHED_ACT:
		/* "tc/egress", "tcx/egress", "classifier/egress", ...: as loaders read it. */
		return contains(section, "egress") ? SKEP_TCX_EGRESS : SKEP_TCX_INGRESS;
	case BPF_PROG_TYPE_CGROUP_SKB:
		return expected_attach_type == BPF_CGROUP_INET_EGRESS || contains(section, "egress")
			       ? BPF_CGROUP_INET_EGRESS
			       : BPF_CGROUP_INET_INGRESS;
	case BPF_PROG_TYPE_SOCKET_FILTER:
		return CHAIN_SOCKET_ATTACH;
	default:
		return -1;
	}
}

static int attach(struct hive_hook *hook, struct hive_link *link, uint32_t target)
{
	struct chain *c = hook->arg;
	enum chain_point p = (enum chain_point)(hook - c->hooks);
	uint32_t type = atomic_load(&link->prog)->type;

	if (type == BPF_PROG_TYPE_SCHED_ACT)
		type = BPF_PROG_TYPE_SCHED_CLS;
	if (type != points[p].prog_type || (p == CHAIN_XDP && in_map(atomic_load(&link->prog)->expected_attach_type)))
		return -EINVAL;
	/* Places relative to other programs (BPF_F_BEFORE and kin) are not served: refused, and not taken for the end. */
	if (link->flags & ~(p == CHAIN_XDP ? XDP_FLAGS_SKB_MODE | XDP_FLAGS_DRV_MODE : 0u))
		return -EINVAL;
	/* xdp and tcx name an interface; this is the one there is, which 0 stands for. */
	if (target && (p == CHAIN_XDP || points[p].link_type == SKEP_LINK_TYPE_TCX) && target != c->ifindex)
		return -ENODEV;
	link->target = c->ifindex;
	return links_change(c->hive, &c->lists[p], CHAIN_LINKS, link, NULL);
}

static void detach(struct hive_hook *hook, struct hive_link *link)
{
	struct chain *c = hook->arg;
	enum chain_point p = (enum chain_point)(hook - c->hooks);

	/* Without memory for a shorter list the old one stays, and the link is passed over. */
	atomic_store(&link->detached, true);
	links_change(c->hive, &c->lists[p], CHAIN_LINKS, NULL, link);
}

int chain_new(struct skep_hive *hive, uint32_t ifindex, struct chain **out)
{
	struct chain *c = calloc(1, sizeof(*c));
	int err = c ? 0 : -ENOMEM;

	if (err)
		return err;
	c->hive = hive;
	c->ifindex = ifindex;
	c->w = hive_worker_take(hive, hive->n_cpus - 1);
	if (!c->w) {
		err = -ENOMEM;
	} else {
		quiesce_end(&c->w->reader);
		err = c->w->pkt ? 0 : packet_new(&c->w->pkt);
	}
	for (int p = 0; p < CHAIN_POINTS && !err; p++) {
		c->hooks[p] = (struct hive_hook){.attach_type = points[p].attach_type,
						 .link_type = points[p].link_type,
						 .attach = attach,
						 .detach = detach,
						 .arg = c};
		err = hive_hook_add(hive, &c->hooks[p]);
	}
	if (err) {
		chain_free(c);
		return err;
	}
	c->w->env.pkt = c->w->pkt;
	who_settle(&c->w->env);
	*out = c;
	return 0;
}

void chain_free(struct chain *c)
{
	if (!c)
		return;
	for (int p = 0; p < CHAIN_POINTS; p++)
		if (c->hooks[p].arg)
			hive_hook_remove(c->hive, &c->hooks[p]);
	if (c->w) {
		c->w->env.cgroup.until = 0;
		c->w->env.netns.settled = false;
		hive_worker_put(c->hive, c->w);
	}
	free(c);
}

uint8_t *chain_room(struct chain *c)
{
	return packet_room(c->w->pkt);
}

void chain_begin(struct chain *c)
{
	quiesce_begin(&c->hive->quiesce, &c->w->reader);
}

void chain_end(struct chain *c)
{
	quiesce_end(&c->w->reader);
}

/* Runs a program on the packet as it lies. */
static uint32_t run(struct chain *c, enum chain_point p, const struct hive_prog *prog)
{
	struct hive_worker *w = c->w;
	uint32_t verdict;

	w->env.prog_type = prog->type;
	w->env.prog_id = prog->o.id;
	w->env.fault = FAULT_NONE;
	memset(&w->env.redirect, 0, sizeof(w->env.redirect));
	verdict = (uint32_t)hive_prog_exec(prog, p == CHAIN_XDP ? (void *)&w->pkt->ctx.xdp : &w->pkt->ctx.skb, &w->env);
	c->result->point = p;
	c->result->prog_id = prog->o.id;
	memcpy(c->result->prog, prog->name, sizeof(c->result->prog));
	c->result->verdict = verdict;
	c->result->fault |= w->env.fault != FAULT_NONE;
	return verdict;
}

static uint32_t run_link(struct chain *c, enum chain_point p, const struct hive_link *link)
{
	return run(c, p, atomic_load(&link->prog));
}

static void drop(struct chain *c, const char *why)
{
	c->result->end = CHAIN_DROPPED;
	c->result->why = why;
}

static void leave(struct chain *c, enum chain_way way, const uint8_t *data, uint32_t len)
{
	c->result->way = way;
	c->result->data = data;
	c->result->len = len;
}

/* What a redirect that a program asked for means here. */
struct target {
	bool here; /* it is to the tree's interface */
	bool ingress;
	const struct hive_prog *prog; /* of the devmap's element, runs before the frame leaves; NULL: none */
};

static void take_element(const struct chain *c, struct skep_map *map, const void *key, struct target *t)
{
	struct bpf_devmap_val value = {0};
	const struct skep_target *target;

	if (map_user_lookup(map, key, &value, 0) || value.ifindex != c->ifindex)
		return;
	t->here = true;
	target = map_program(map, key);
	t->prog = target ? container_of(target, struct hive_prog, target) : NULL;
}

static struct target redirect_target(const struct chain *c)
{
	const struct skep_env *env = &c->w->env;
	struct skep_map *map = env->redirect.map;
	uint32_t key = (uint32_t)env->redirect.index, next;
	struct target t = {0};

	if (!map) {
		t.here = env->redirect.ifindex == c->ifindex;
		t.ingress = env->redirect.flags & BPF_F_INGRESS;
	} else if (map->type->type != BPF_MAP_TYPE_DEVMAP && map->type->type != BPF_MAP_TYPE_DEVMAP_HASH) {
		t.here = false;
	} else if (!(env->redirect.flags & BPF_F_BROADCAST)) {
		take_element(c, map, &key, &t);
	} else if (!(env->redirect.flags & BPF_F_EXCLUDE_INGRESS)) {
		/* To all interfaces of the map: the one there is, by the first element that has it. */
		for (int err = map_user_next_key(map, NULL, &next); !err && !t.here;
		     key = next, err = map_user_next_key(map, &key, &next))
			take_element(c, map, &next, &t);
	}
	return t;
}

static void skb_in(struct chain *c);
static void skb_out(struct chain *c);

/* Once more round, the other way or the same; the frame lies in the packet, from its link-layer header on. */
static void turn(struct chain *c, bool ingress)
{
	if (++c->rounds > CHAIN_ROUNDS) {
		drop(c, "it went round too often");
		return;
	}
	c->w->pkt->ctx.skb.tc_classid = 0;
	if (ingress)
		skb_in(c);
	else
		skb_out(c);
}

enum next { NEXT_POINT, STOP };

/* tc: TC_ACT_* of linux/pkt_cls.h, as net/core/dev.c takes them. */
static enum next after_tc(struct chain *c, uint32_t verdict, bool in)
{
	struct chain_result decided;
	struct target t;

	switch ((int32_t)verdict) {
	case TC_ACT_OK:
	case TC_ACT_RECLASSIFY:
		return NEXT_POINT;
	case TC_ACT_REDIRECT:
		t = redirect_target(c);
		if (!t.here) {
			drop(c, "redirected to an interface that is not there");
			return STOP;
		}
		c->result->end = t.ingress == in ? CHAIN_PASSED : CHAIN_TURNED;
		decided = *c->result;
		turn(c, t.ingress);
		/* It was this program that decided, unless one of the other way dropped the frame. */
		if (c->result->end != CHAIN_DROPPED) {
			c->result->point = decided.point;
			c->result->prog_id = decided.prog_id;
			memcpy(c->result->prog, decided.prog, sizeof(decided.prog));
			c->result->verdict = decided.verdict;
		}
		return STOP;
	case TC_ACT_SHOT:
	case TC_ACT_STOLEN:
	case TC_ACT_QUEUED:
	case TC_ACT_TRAP:
		drop(c, NULL);
		return STOP;
	default: /* any other number goes on */
		return NEXT_POINT;
	}
}

/* What a socket filter keeps of a frame (net/core/filter.c: sk_filter_trim_cap()); pieces of packets are no messages yet. */
static void cut(struct packet *pkt, uint32_t keep)
{
	uint32_t len = packet_len(pkt);
	struct ip_view v;

	if (keep >= len)
		return;
	if (!ip_parse(pkt->data, len, &v))
		packet_set_len(pkt, MAX(keep, (uint32_t)ETH_HLEN));
	else if (!reass_is_fragment(pkt->data, &v))
		packet_set_len(pkt, ip_cut(pkt->data, len, &v, keep));
}

/* The skb programs of a point. */
static enum next run_point(struct chain *c, enum chain_point p)
{
	const struct links *l = links_at(&c->lists[p]);
	struct packet *pkt = c->w->pkt;
	enum next next = NEXT_POINT;
	uint32_t verdict = 0;

	/* Control groups see IP only. */
	if (!l ||
	    (!points[p].l2 && pkt->ctx.skb.protocol != htons(ETH_P_IP) && pkt->ctx.skb.protocol != htons(ETH_P_IPV6)))
		return NEXT_POINT;
	if (!points[p].l2) {
		packet_pull(pkt, ETH_HLEN);
		pkt->l2 = false;
	}
	for (uint32_t i = 0; i < l->n && next == NEXT_POINT; i++) {
		if (!links_live(l->links[i]))
			continue;
		verdict = run_link(c, p, l->links[i]);
		if (points[p].prog_type != BPF_PROG_TYPE_SCHED_CLS) {
			/* cgroup_skb's second bit asks for congestion notification (NET_XMIT_CN): not to drop. */
			if (points[p].prog_type == BPF_PROG_TYPE_CGROUP_SKB ? !(verdict & 1) : !verdict) {
				drop(c, NULL);
				next = STOP;
			} else if (points[p].prog_type == BPF_PROG_TYPE_SOCKET_FILTER) {
				cut(pkt, verdict);
			}
		} else if ((int32_t)verdict != TC_ACT_UNSPEC && verdict != TC_ACT_PIPE) {
			next = after_tc(c, verdict, points[p].in);
			break;
		}
	}
	if (!points[p].l2) {
		pkt->data -= ETH_HLEN;
		pkt->data_meta = pkt->data;
		pkt->l2 = true;
		packet_sync(pkt);
	}
	return next;
}

static void skb_in(struct chain *c)
{
	struct packet *pkt = c->w->pkt;

	for (enum chain_point p = CHAIN_TC_INGRESS; p <= CHAIN_SOCKET; p++) {
		pkt->ctx.skb.ingress_ifindex = c->ifindex;
		if (run_point(c, p) == STOP)
			return;
	}
	leave(c, CHAIN_TO_TREE, pkt->data, packet_len(pkt));
}

static void skb_out(struct chain *c)
{
	struct packet *pkt = c->w->pkt;

	for (enum chain_point p = CHAIN_CGROUP_EGRESS; p <= CHAIN_TC_EGRESS; p++)
		/* What is redirected out has no socket any more that would be in a cgroup. */
		if (!(c->rounds && p == CHAIN_CGROUP_EGRESS) && run_point(c, p) == STOP)
			return;
	leave(c, CHAIN_TO_OUTSIDE, pkt->data, packet_len(pkt));
}

static bool any(const struct chain *c, enum chain_point from, enum chain_point to)
{
	for (enum chain_point p = from; p <= to; p++)
		if (atomic_load_explicit(&c->lists[p], memory_order_relaxed))
			return true;
	return false;
}

/* What an skb of the tree's interface has besides its bytes. */
static void dress(struct chain *c)
{
	struct packet *pkt = c->w->pkt;
	uint8_t first = pkt->data[0];

	pkt->ctx.skb.ifindex = c->ifindex;
	pkt->ctx.skb.pkt_type = first & 1 ? first == 0xff ? PACKET_BROADCAST : PACKET_MULTICAST : PACKET_HOST;
	if (c->socket && c->socket->known) {
		pkt->socket.known = true;
		pkt->socket.uid = c->socket->uid;
		pkt->socket.cookie = c->socket->cookie;
	}
}

static bool make_skb(struct chain *c, const uint8_t *frame, uint32_t len)
{
	if (packet_set_skb(c->w->pkt, frame, len, true)) {
		drop(c, "it is too short or too long");
		return false;
	}
	dress(c);
	return true;
}

/* From xdp on to the points for skbs; metadata goes with the frame. */
static void xdp_passed(struct chain *c)
{
	struct packet *pkt = c->w->pkt;

	if (!any(c, CHAIN_TC_INGRESS, CHAIN_SOCKET)) {
		leave(c, CHAIN_TO_TREE, pkt->data, packet_len(pkt));
	} else if (packet_xdp_to_skb(pkt)) {
		drop(c, "it has become too short");
	} else {
		dress(c);
		skb_in(c);
	}
}

/* Redirects and XDP_TX leave by the driver: no further program sees the frame. */
static void xdp_verdict(struct chain *c, uint32_t verdict)
{
	struct packet *pkt = c->w->pkt;
	struct target t;

	switch (verdict) {
	case XDP_PASS:
		xdp_passed(c);
		break;
	case XDP_TX:
		c->result->end = CHAIN_TURNED;
		leave(c, CHAIN_TO_OUTSIDE, pkt->data, packet_len(pkt));
		break;
	case XDP_REDIRECT:
		t = redirect_target(c);
		if (!t.here) {
			drop(c, "redirected to an interface that is not there");
			break;
		}
		/* kernel/bpf/devmap.c: dev_map_bpf_prog_run(): all but XDP_PASS drops. */
		if (t.prog) {
			pkt->ctx.xdp.egress_ifindex = c->ifindex;
			if (run(c, CHAIN_XDP, t.prog) != XDP_PASS) {
				drop(c, NULL);
				break;
			}
		}
		c->result->end = CHAIN_TURNED;
		leave(c, CHAIN_TO_OUTSIDE, pkt->data, packet_len(pkt));
		break;
	default: /* XDP_ABORTED, XDP_DROP, and what XDP does not know */
		drop(c, NULL);
	}
}

static void start(struct chain *c, const struct chain_socket *s, struct chain_result *r)
{
	*r = (struct chain_result){.end = CHAIN_PASSED, .point = CHAIN_POINTS};
	c->result = r;
	c->socket = s;
	c->rounds = 0;
}

void chain_in(struct chain *c, const uint8_t *frame, uint32_t len, const struct chain_socket *s, struct chain_result *r)
{
	const struct links *l = links_at(&c->lists[CHAIN_XDP]);
	uint32_t verdict = XDP_PASS;

	start(c, s, r);
	if (l) {
		if (packet_set_xdp(c->w->pkt, frame, len, 0)) {
			drop(c, "it is too long");
			return; /* nowhere to go */
		}
		c->w->pkt->ctx.xdp.ingress_ifindex = c->ifindex;
		for (uint32_t i = 0; i < l->n && verdict == XDP_PASS; i++)
			if (links_live(l->links[i]))
				verdict = run_link(c, CHAIN_XDP, l->links[i]);
		r->changed = packet_len(c->w->pkt) != len;
		xdp_verdict(c, verdict);
	} else if (!any(c, CHAIN_TC_INGRESS, CHAIN_SOCKET)) {
		leave(c, CHAIN_TO_TREE, frame, len);
	} else if (make_skb(c, frame, len)) {
		skb_in(c);
		r->changed = packet_len(c->w->pkt) != len;
	}
}

void chain_out(struct chain *c, const uint8_t *frame, uint32_t len, const struct chain_socket *s,
	       struct chain_result *r)
{
	start(c, s, r);
	if (!any(c, CHAIN_CGROUP_EGRESS, CHAIN_TC_EGRESS)) {
		leave(c, CHAIN_TO_OUTSIDE, frame, len);
	} else if (make_skb(c, frame, len)) {
		skb_out(c);
		r->changed = packet_len(c->w->pkt) != len;
	}
}
