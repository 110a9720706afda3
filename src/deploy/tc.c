/* SPDX-License-Identifier: BSD-2-Clause */
#include "deploy/tc.h"

#include "base/uapi.h"
#include "base/util.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

enum {
	TCX_MAX = 64, /* programs on one side of an interface (BPF_MPROG_MAX) */
	TRIES = 16, /* when others change the list meanwhile */
	PER_ORDER = 256, /* filters' priorities for one order */
	F_BEFORE = 1 << 3, /* BPF_F_BEFORE, Linux 6.6 */
	F_ID = 1 << 5, /* BPF_F_ID: the neighbour is named by an id, */
	F_LINK = 1 << 13, /* BPF_F_LINK: of a link */
};

/* Pieces of union bpf_attr that Debian's header is too old for. */
struct link_create {
	uint32_t prog_fd, ifindex, attach_type, flags, relative, zero;
	uint64_t revision;
	uint8_t rest[96];
};

struct prog_query {
	uint32_t ifindex, attach_type, query_flags, attach_flags;
	uint64_t prog_ids;
	uint32_t count, zero;
	uint64_t prog_attach_flags, link_ids, link_attach_flags, revision;
};

/* The link that the new one stands before, 0: at the end. Return: 0 or a negative errno. */
static int next_of(uint32_t ifindex, uint32_t type, uint32_t order, tc_order_fn order_of, void *arg, uint32_t *next,
		   uint64_t *revision)
{
	uint32_t progs[TCX_MAX] = {0}, links[TCX_MAX] = {0};
	struct prog_query q = {.ifindex = ifindex,
			       .attach_type = type,
			       .prog_ids = (uintptr_t)progs,
			       .link_ids = (uintptr_t)links,
			       .count = TCX_MAX};

	*next = 0;
	*revision = 0;
	if (syscall(SYS_bpf, BPF_PROG_QUERY, &q, sizeof(q)))
		return errno == ENOENT ? 0 : errno == EINVAL ? -EOPNOTSUPP : -errno;
	*revision = q.revision;
	for (uint32_t i = 0; i < q.count && !*next; i++)
		if (links[i] && order_of(arg, links[i]) > (int)order)
			*next = links[i];
	return 0;
}

int tcx_attach(int prog, uint32_t ifindex, bool egress, uint32_t order, tc_order_fn order_of, void *arg)
{
	uint32_t type = egress ? SKEP_TCX_EGRESS : SKEP_TCX_INGRESS;

	for (int i = 0; i < TRIES; i++) {
		struct link_create c = {.prog_fd = (uint32_t)prog, .ifindex = ifindex, .attach_type = type};
		int fd, err = next_of(ifindex, type, order, order_of, arg, &c.relative, &c.revision);

		if (err)
			return err;
		if (c.relative)
			c.flags = F_BEFORE | F_ID | F_LINK;
		fd = (int)syscall(SYS_bpf, BPF_LINK_CREATE, &c, sizeof(c));
		if (fd >= 0)
			return fd;
		if (errno != ESTALE && errno != ENOENT)
			return -errno;
	}
	return -EAGAIN;
}

/*
 * The filters of one side of an interface's clsact. @taken: which priorities of an order are, NULL: not asked for. Return: how many there are, or a negative errno.
 */
static int filters(uint32_t ifindex, uint32_t parent, uint32_t order, bool *taken)
{
	struct {
		struct nlmsghdr h;
		struct tcmsg t;
	} ask = {.h = {.nlmsg_len = sizeof(ask),
		       .nlmsg_type = RTM_GETTFILTER,
		       .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		 .t = {.tcm_ifindex = (int)ifindex, .tcm_parent = parent}};
	_Alignas(struct nlmsghdr) char buf[32768];
	AUTO_CLOSE int s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	int n = 0;

	if (s < 0 || send(s, &ask, sizeof(ask), 0) != sizeof(ask))
		return -errno;
	for (;;) {
		ssize_t got = recv(s, buf, sizeof(buf), 0);
		struct nlmsghdr *h = (struct nlmsghdr *)buf;

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got ? -errno : -EPIPE;
		for (; NLMSG_OK(h, (size_t)got); h = NLMSG_NEXT(h, got)) {
			const struct tcmsg *t = NLMSG_DATA(h);
			uint32_t priority;

			if (h->nlmsg_type == NLMSG_DONE)
				return n;
			if (h->nlmsg_type == NLMSG_ERROR)
				return ((const struct nlmsgerr *)NLMSG_DATA(h))->error;
			priority = TC_H_MAJ(t->tcm_info) >> 16;
			n++;
			if (taken && priority / PER_ORDER == order)
				taken[priority % PER_ORDER] = true;
		}
	}
}

static uint32_t parent_of(bool egress)
{
	return TC_H_MAKE(TC_H_CLSACT, egress ? TC_H_MIN_EGRESS : TC_H_MIN_INGRESS);
}

static struct bpf_tc_hook hook_of(uint32_t ifindex, bool egress)
{
	return (struct bpf_tc_hook){.sz = sizeof(struct bpf_tc_hook),
				    .ifindex = (int)ifindex,
				    .attach_point = egress ? BPF_TC_EGRESS : BPF_TC_INGRESS};
}

int clsact_attach(int prog, uint32_t ifindex, bool egress, uint32_t order, struct tc_filter *out)
{
	struct bpf_tc_hook hook = hook_of(ifindex, egress);
	bool taken[PER_ORDER] = {false};
	int at = PER_ORDER - 1, err = bpf_tc_hook_create(&hook);

	if (err && err != -EEXIST)
		return err;
	*out = (struct tc_filter){.ifindex = ifindex, .handle = 1, .egress = egress, .qdisc = !err};
	err = filters(ifindex, parent_of(egress), order, taken);
	/* Behind the last one of this order. Priority 0 lets the kernel choose, so an order's first is 1. */
	while (at > 0 && !taken[at])
		at--;
	if (err >= 0 && at + 1 == PER_ORDER)
		err = -ENOSPC;
	if (err >= 0) {
		LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = prog, .handle = 1,
			    .priority = order * PER_ORDER + (uint32_t)at + 1);

		out->priority = opts.priority;
		err = bpf_tc_attach(&hook, &opts);
	}
	if (err < 0) {
		out->priority = 0;
		clsact_detach(out);
		return err;
	}
	return 0;
}

int clsact_update(int prog, const struct tc_filter *f)
{
	struct bpf_tc_hook hook = hook_of(f->ifindex, f->egress);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = prog, .handle = f->handle, .priority = f->priority,
		    .flags = BPF_TC_F_REPLACE);

	return bpf_tc_attach(&hook, &opts);
}

int clsact_detach(const struct tc_filter *f)
{
	struct bpf_tc_hook hook = hook_of(f->ifindex, f->egress);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = f->handle, .priority = f->priority);
	int err = f->priority ? bpf_tc_detach(&hook, &opts) : 0;

	if (!f->qdisc || filters(f->ifindex, parent_of(true), 0, NULL) ||
	    filters(f->ifindex, parent_of(false), 0, NULL))
		return err;
	hook.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS;
	bpf_tc_hook_destroy(&hook);
	return err;
}

uint32_t clsact_prog(const struct tc_filter *f)
{
	struct bpf_tc_hook hook = hook_of(f->ifindex, f->egress);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = f->handle, .priority = f->priority);

	return f->priority && !bpf_tc_query(&hook, &opts) ? opts.prog_id : 0;
}
