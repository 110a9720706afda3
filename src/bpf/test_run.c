/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BPF_PROG_TEST_RUN: one program, one context, any number of times. Which arguments are taken, what a frame looks
 * like before and after, and what comes back follow net/bpf/test_run.c.
 */
#include "base/usermem.h"
#include "base/clock.h"
#include "base/util.h"
#include "bpf/caller.h"
#include "bpf/cmd.h"
#include "bpf/fd.h"
#include "helper/callstack.h"
#include "prog/packet.h"
#include "prog/types.h"

#include <errno.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <string.h>

#ifndef ENOTSUPP
#define ENOTSUPP 524 /* the kernel's own: this program type has no test run */
#endif

enum { LOOPBACK = 1, GSO_MAX_SEGS = 65535, GSO_LEGACY_MAX_SIZE = 65536, CTX_MAX = 65535 };

struct test_run {
	struct bpf_call *call;
	const struct hive_prog *prog;
	const struct hive_prog_type *own; /* the embedder's type that the program is of, or NULL */
	struct hive_worker *w;
	uint8_t *data; /* data_in */
	uint32_t len;
	uint8_t *ctx; /* ctx_in, zero-filled to ctx_size; NULL when the caller gave none */
	uint32_t retval;
	uint32_t duration; /* ns per run */
};

enum { ROUNDS_UNHEARD = 1024 }; /* rounds between two looks at whether anybody waits for the answer */

/*
 * Runs attr.test.repeat times over one context. -EFAULT when the program called what does not exist, -EINTR when the caller
 * has gone.
 */
static int run(struct test_run *t, void *ctx)
{
	uint32_t repeat = MAX(t->call->attr.test.repeat, 1u);
	struct skep_env *env = &t->w->env;
	uint64_t ret = 0;
	uint64_t start = clock_ns(CLOCK_MONOTONIC);

	for (uint32_t i = 0; i < repeat; i++) {
		ret = hive_prog_exec(t->prog, ctx, env);
		if (i % ROUNDS_UNHEARD == ROUNDS_UNHEARD - 1 && caller_gone())
			return -EINTR;
	}
	t->duration = (uint32_t)MIN((clock_ns(CLOCK_MONOTONIC) - start) / repeat, (uint64_t)UINT32_MAX);
	t->retval = (uint32_t)ret;
	if (!env->fault)
		return 0;
	hive_log(t->call->hive, SKEP_LOG_ERROR, "program '%s': the run ended early: %s", t->prog->name,
		 env->fault == FAULT_DEPTH ? "too many nested calls" : "it called a helper that does not exist here");
	return -EFAULT;
}

/* The context that came in; what it has beyond @size must be zero (bpf_ctx_init). */
static int read_ctx(struct test_run *t, uint32_t size)
{
	const union bpf_attr *attr = &t->call->attr;
	uint32_t in = attr->test.ctx_size_in;

	if (!in && !attr->test.ctx_size_out)
		return 0;
	if (in > CTX_MAX)
		return -E2BIG;
	t->ctx = calloc(1, MAX(in, size));
	if (!t->ctx)
		return -ENOMEM;
	if (user_read(t->ctx, attr->test.ctx_in, in))
		return -EFAULT;
	for (uint32_t i = size; i < in; i++)
		if (t->ctx[i])
			return -E2BIG;
	return 0;
}

static int write_ctx(struct test_run *t, uint32_t size)
{
	union bpf_attr *attr = &t->call->attr;
	uint32_t room = attr->test.ctx_size_out;
	int ret = 0;

	/* A syscall program's context goes back to where it came from (bpf_prog_test_run_syscall). */
	if (t->ctx && t->prog->type == BPF_PROG_TYPE_SYSCALL && user_write(attr->test.ctx_in, t->ctx, size))
		return -EFAULT;
	if (!t->ctx || !room)
		return 0;
	if (user_write(attr->test.ctx_out, t->ctx, MIN(room, size)))
		return -EFAULT;
	if (room < size)
		ret = -ENOSPC;
	attr->test.ctx_size_out = size;
	return call_write_back(t->call, test.ctx_size_out) ? -EFAULT : ret;
}

static int finish(struct test_run *t, const void *data, uint32_t len)
{
	union bpf_attr *attr = &t->call->attr;
	uint32_t room = attr->test.data_size_out;
	int ret = 0;

	/* Without a size the kernel copies all of it; the caller has said that there is room. */
	if (attr->test.data_out && user_write(attr->test.data_out, data, room && room < len ? room : len))
		return -EFAULT;
	if (attr->test.data_out && room && room < len)
		ret = -ENOSPC;
	attr->test.data_size_out = len;
	attr->test.retval = t->retval;
	attr->test.duration = t->duration;
	if (call_write_back(t->call, test.data_size_out) || call_write_back(t->call, test.retval) ||
	    call_write_back(t->call, test.duration))
		return -EFAULT;
	return ret;
}

/* The worker's packet, made at its first use. */
static int get_packet(struct test_run *t)
{
	int err = t->w->pkt ? 0 : packet_new(&t->w->pkt);

	t->w->env.pkt = t->w->pkt;
	return err;
}

static int run_xdp(struct test_run *t)
{
	const union bpf_attr *attr = &t->call->attr;
	struct xdp_md *md;
	struct packet *pkt;
	uint32_t meta = 0;
	int err;

	if (t->prog->expected_attach_type == BPF_XDP_DEVMAP || t->prog->expected_attach_type == BPF_XDP_CPUMAP)
		return -EINVAL;
	if (attr->test.flags & BPF_F_TEST_XDP_LIVE_FRAMES)
		return -EOPNOTSUPP; /* frames of a test run go nowhere in the hive */
	if (attr->test.flags || attr->test.batch_size || t->len < ETH_HLEN)
		return -EINVAL;
	err = read_ctx(t, sizeof(*md));
	if (err)
		return err;
	md = (struct xdp_md *)t->ctx;
	if (md) {
		if (md->data_meta || md->data_end != t->len || md->data > md->data_end || md->data % 4 ||
		    md->data > 252 || md->egress_ifindex || (!md->ingress_ifindex && md->rx_queue_index))
			return -EINVAL;
		if (md->ingress_ifindex > LOOPBACK)
			return -ENODEV;
		meta = md->data;
	}
	err = get_packet(t);
	pkt = t->w->pkt;
	if (!err)
		err = packet_set_xdp(pkt, t->data, t->len, meta);
	if (err)
		return err;
	pkt->ctx.xdp.ingress_ifindex = LOOPBACK;
	pkt->ctx.xdp.rx_queue_index = md ? md->rx_queue_index : 0;
	err = run(t, &pkt->ctx.xdp);
	if (err)
		return err;
	if (md) {
		md->data = (uint32_t)(pkt->data - pkt->data_meta);
		md->data_end = (uint32_t)(pkt->data_end - pkt->data_meta);
	}
	err = finish(t, pkt->data_meta, (uint32_t)(pkt->data_end - pkt->data_meta));
	return err ? err : write_ctx(t, sizeof(*md));
}

static bool zero_between(const void *p, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		if (((const uint8_t *)p)[i])
			return false;
	return true;
}

/* Of the context that came in, only these fields may say something. */
static bool skb_ctx_ok(const struct __sk_buff *in, uint32_t len)
{
#define END(field) (offsetof(struct __sk_buff, field) + sizeof(in->field))
	return zero_between(in, 0, offsetof(struct __sk_buff, mark)) &&
	       zero_between(in, END(mark), offsetof(struct __sk_buff, priority)) &&
	       zero_between(in, END(ifindex), offsetof(struct __sk_buff, cb)) &&
	       zero_between(in, END(cb), offsetof(struct __sk_buff, tstamp)) &&
	       zero_between(in, END(gso_segs), offsetof(struct __sk_buff, gso_size)) &&
	       zero_between(in, END(gso_size), offsetof(struct __sk_buff, hwtstamp)) &&
	       zero_between(in, END(hwtstamp), sizeof(*in)) &&
	       (!in->wire_len || (in->wire_len >= len && in->wire_len <= GSO_LEGACY_MAX_SIZE)) &&
	       in->gso_segs <= GSO_MAX_SEGS;
#undef END
}

static void skb_ctx_apply(struct __sk_buff *skb, const struct __sk_buff *in)
{
	skb->mark = in->mark;
	skb->priority = in->priority;
	skb->ingress_ifindex = in->ingress_ifindex;
	skb->tstamp = in->tstamp;
	memcpy(skb->cb, in->cb, sizeof(skb->cb));
	skb->wire_len = in->wire_len ? in->wire_len : skb->len;
	skb->gso_segs = in->gso_segs;
	skb->gso_size = in->gso_size;
	skb->hwtstamp = in->hwtstamp;
}

static void skb_ctx_result(struct __sk_buff *out, const struct __sk_buff *skb)
{
	out->mark = skb->mark;
	out->priority = skb->priority;
	out->ingress_ifindex = skb->ingress_ifindex;
	out->ifindex = skb->ifindex;
	out->tstamp = skb->tstamp;
	memcpy(out->cb, skb->cb, sizeof(out->cb));
	out->wire_len = skb->wire_len;
	out->gso_segs = skb->gso_segs;
	out->hwtstamp = skb->hwtstamp;
}

/* Since Linux 6.16 a frame that says IPv4 or IPv6 must have room for that header. */
static bool holds_its_header(const struct test_run *t)
{
	uint16_t proto = (uint16_t)(t->data[12] << 8 | t->data[13]);
	uint32_t len = t->len - ETH_HLEN;

	return proto == ETH_P_IP ? len >= sizeof(struct iphdr) : proto != ETH_P_IPV6 || len >= sizeof(struct ipv6hdr);
}

static int run_skb(struct test_run *t, bool l2)
{
	const union bpf_attr *attr = &t->call->attr;
	struct __sk_buff *ctx;
	struct packet *pkt;
	int err;

	if (attr->test.flags || attr->test.cpu || attr->test.batch_size || t->len < ETH_HLEN || !holds_its_header(t))
		return -EINVAL;
	err = read_ctx(t, sizeof(*ctx));
	if (err)
		return err;
	ctx = (struct __sk_buff *)t->ctx;
	err = get_packet(t);
	pkt = t->w->pkt;
	if (!err)
		err = packet_set_skb(pkt, t->data, t->len, l2);
	if (err)
		return err;
	pkt->ctx.skb.ifindex = LOOPBACK;
	if (ctx && ctx->ifindex > LOOPBACK)
		return -ENODEV;
	if (ctx && !skb_ctx_ok(ctx, pkt->ctx.skb.len))
		return -EINVAL;
	if (ctx)
		skb_ctx_apply(&pkt->ctx.skb, ctx);
	err = run(t, &pkt->ctx.skb);
	if (err)
		return err;
	if (!l2) {
		/* What comes back is a frame again; the header that was taken off before the run is zero now. */
		pkt->data -= ETH_HLEN;
		memset(pkt->data, 0, ETH_HLEN);
	}
	if (ctx)
		skb_ctx_result(ctx, &pkt->ctx.skb);
	err = finish(t, pkt->data, packet_len(pkt));
	return err ? err : write_ctx(t, sizeof(*ctx));
}

enum {
	CTX_ROOM = (1 << 16) + 8
}; /* the kernel's U16_MAX for syscall programs, PERF_MAX_TRACE_SIZE and less for others */

static int run_bytes(struct test_run *t, uint32_t size)
{
	const union bpf_attr *attr = &t->call->attr;
	int err;

	if (attr->test.data_in || attr->test.data_out || attr->test.data_size_in || attr->test.batch_size ||
	    (attr->test.flags & ~(uint32_t)BPF_F_TEST_RUN_ON_CPU))
		return -EINVAL;
	/* What the verifier let it look at must be there (the kernel: prog->aux->max_ctx_offset). */
	if (attr->test.ctx_size_in < MAX(size, t->prog->max_ctx))
		return -EINVAL;
	/* Programs that it calls in its tail may look further: as far as any program may. */
	err = read_ctx(t, CTX_ROOM);
	if (!err && !t->ctx)
		t->ctx = calloc(1, CTX_ROOM);
	if (!err && !t->ctx)
		err = -ENOMEM;
	if (!err)
		err = run(t, t->ctx);
	if (!err)
		err = finish(t, NULL, 0);
	return err ? err : write_ctx(t, attr->test.ctx_size_in);
}

static int run_typed(struct test_run *t)
{
	const struct prog_type_desc *type = prog_type_find(t->prog->type);

	if (!type)
		return t->own ? run_bytes(t, t->own->ctx_size) : -ENOTSUPP;
	switch (type->ctx) {
	case CTX_XDP:
		return run_xdp(t);
	case CTX_SKB_L2:
	case CTX_SKB_L3:
		return run_skb(t, type->ctx == CTX_SKB_L2);
	case CTX_BYTES:
		return run_bytes(t, type->ctx_size);
	default:
		return -ENOTSUPP;
	}
}

/* The caller's call stack stays the same for all rounds. */
static int run_in_worker(struct test_run *t)
{
	struct skep_env *env = &t->w->env;
	uint64_t frames[CALLSTACK_MAX];
	int ret;

	env->stack.ips = frames;
	if (atomic_load_explicit(&t->call->hive->stacks, memory_order_relaxed) && !caller_is_far())
		env->stack.n = callstack_note(frames, t->call->frame);
	ret = run_typed(t);
	env->stack.ips = NULL;
	env->stack.n = 0;
	return ret;
}

static int read_data(struct test_run *t)
{
	const union bpf_attr *attr = &t->call->attr;

	t->len = attr->test.data_size_in;
	if (t->len > PACKET_MAX)
		return -EINVAL;
	t->data = malloc(MAX(t->len, 1u));
	if (!t->data)
		return -ENOMEM;
	return user_read(t->data, attr->test.data_in, t->len);
}

int cmd_prog_test_run(struct bpf_call *call, uint32_t which)
{
	struct skep_hive *hive = call->hive;
	const union bpf_attr *attr = &call->attr;
	struct test_run t = {.call = call};
	struct hive_prog *p;
	int ret = 0;

	if (!!attr->test.ctx_size_in != !!attr->test.ctx_in || !!attr->test.ctx_size_out != !!attr->test.ctx_out)
		return -EINVAL;
	pthread_mutex_lock(&hive->lock);
	p = hive_prog_get(hive, (int)attr->test.prog_fd, &ret);
	t.own = p ? hive_own_type(hive, p->type) : NULL;
	pthread_mutex_unlock(&hive->lock);
	if (!p)
		return ret;
	if (hive->flags & SKEP_CHECK_ONLY) {
		pthread_mutex_lock(&hive->lock);
		hive_object_put(&p->o);
		pthread_mutex_unlock(&hive->lock);
		return -EOPNOTSUPP;
	}
	t.prog = p;
	ret = read_data(&t);
	if (!ret) {
		t.w = hive_worker_get(hive);
		if (!t.w)
			ret = -EBUSY;
	}
	if (!ret) {
		t.w->env.prog_type = p->type;
		t.w->env.prog_id = p->o.id;
		ret = run_in_worker(&t);
		hive_worker_put(hive, t.w);
	}
	free(t.data);
	free(t.ctx);
	pthread_mutex_lock(&hive->lock);
	hive_object_put(&p->o);
	pthread_mutex_unlock(&hive->lock);
	return ret;
}
