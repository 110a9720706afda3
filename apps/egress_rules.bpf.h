/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Which rule decides. User space has laid out, for each name, suffix and prefix of the policy, the clauses that may bear on
 * it, the most specific first and denials before permissions; the first that matches decides.
 */
#ifndef SKEP_APPS_EGRESS_RULES_BPF_H
#define SKEP_APPS_EGRESS_RULES_BPF_H

#include "egress_maps.bpf.h"

enum answer {
	ANSWER_NONE,
	ANSWER_DENY,
	ANSWER_ALLOW,
};

enum { ANSWER_BITS = 2, ANSWER_MASK = 3, IS_QUERY = 1u << 31, HTTPS = 443 };

struct evaluation {
	__u64 owner;
	__u32 first, what, got;
};

static long try_clause(__u64 i, void *arg)
{
	struct evaluation *e = arg;
	__u32 at = e->first + i, port = e->what & 0xffff, proto = e->what >> 16 & 0xff;
	struct egress_clause *c = bpf_map_lookup_elem(&clauses, &at);

	if (!c)
		return STOP;
	if (c->exe && !(e->owner >> ((c->exe - 1) & 63) & 1))
		return GO_ON;
	if (e->what & IS_QUERY) {
		if (!c->allow && (!c->any_port || c->proto))
			return GO_ON;
	} else {
		if (c->proto && c->proto != proto)
			return GO_ON;
		if (!c->any_port && ((proto != IPPROTO_TCP && proto != IPPROTO_UDP) || port < c->low || port > c->high))
			return GO_ON;
	}
	e->got = c->rule << ANSWER_BITS | (c->allow ? ANSWER_ALLOW : ANSWER_DENY);
	return STOP;
}

/*
 * evaluate - the first clause of a set that matches.
 * @what:  protocol << 16 | port; IS_QUERY: may the name be asked for? Yes when any port of it is allowed.
 * Return: rule << ANSWER_BITS | answer.
 */
__noinline __u32 evaluate(__u32 first, __u32 n, __u32 what, __u64 owner)
{
	struct evaluation e = {.owner = owner, .first = first, .what = what, .got = ANSWER_NONE};

	if (n)
		bpf_loop(n < EGRESS_SET ? n : EGRESS_SET, try_clause, &e, 0);
	return e.got;
}

static __always_inline __u32 what_of(const struct packet *p)
{
	__u32 proto = p->proto == IPPROTO_ICMPV6 ? IPPROTO_ICMP : p->proto;

	return proto << 16 | (proto == IPPROTO_ICMP ? 0 : p->remote_port);
}

/* The rules for every host, then the default. */
static __always_inline __u32 evaluate_any(const struct egress_config *c, __u32 what, __u64 owner)
{
	__u32 got = evaluate(c->any.first, c->any.n, what, owner);

	return got ? got : EGRESS_RULE_DEFAULT << ANSWER_BITS | (c->allow ? ANSWER_ALLOW : ANSWER_DENY);
}

/* evaluate_name - of the name at work; never ANSWER_NONE. */
__noinline __u32 evaluate_name(__u32 what)
{
	struct egress_config *c = get_config();
	struct work *w = get_work();
	struct egress_set *set;
	__u32 got = 0;

	if (!w || !c)
		return ANSWER_DENY;
	set = bpf_map_lookup_elem(&names, &w->name);
	if (set)
		got = evaluate(set->first, set->n, what, w->p.owner);
	return got ? got : evaluate_any(c, what, w->p.owner);
}

struct looking {
	struct work *w;
	struct egress_learnt_key key;
	__u32 what;
};

static long look_at_name(__u64 i, void *arg)
{
	struct looking *look = arg;
	struct known *k = &look->w->known;
	struct egress_learnt *l;
	struct egress_set *set;
	__u64 worth;
	__u32 got = ANSWER_NONE;

	look->key.slot = i;
	l = bpf_map_lookup_elem(&learnt, &look->key);
	if (!l || l->expires < look->w->p.now)
		return GO_ON;
	/* By today's policy: names outlive the one that they were learnt under. */
	set = bpf_map_lookup_elem(&names, &l->name);
	if (set)
		got = evaluate(set->first, set->n, look->what, look->w->p.owner);
	k->names++;
	if ((got & ANSWER_MASK) == ANSWER_ALLOW)
		k->allowed++;
	if ((got & ANSWER_MASK) == ANSWER_DENY)
		k->denied++;
	/* Shown: an allowed name rather than another, the latest learnt of them. */
	worth = l->expires >> 1 | ((got & ANSWER_MASK) == ANSWER_ALLOW ? 1ULL << 63 : 0);
	if (worth <= k->best)
		return GO_ON;
	k->best = worth;
	k->slot = i;
	if ((got & ANSWER_MASK) == ANSWER_ALLOW)
		k->allow_rule = got >> ANSWER_BITS;
	else if ((got & ANSWER_MASK) == ANSWER_DENY)
		k->deny_rule = got >> ANSWER_BITS;
	return GO_ON;
}

/* look_at_names - what is known of the remote address's names, into w->known. */
static __always_inline void look_at_names(struct work *w, __u32 what)
{
	struct looking look = {.w = w, .key = {.addr = w->p.remote}, .what = what};

	w->known = (struct known){0};
	bpf_loop(EGRESS_SLOTS, look_at_name, &look, 0);
}

static __always_inline void show_learnt(struct work *w, __u32 slot)
{
	struct egress_learnt_key key = {.addr = w->p.remote, .slot = slot};
	struct egress_learnt *l = bpf_map_lookup_elem(&learnt, &key);

	if (!l)
		return;
	w->shown_len = l->len;
	__builtin_memcpy(w->shown, l->name.back, sizeof(w->shown));
}

static __always_inline void decide_as(struct work *w, __u32 got)
{
	w->d.rule = got >> ANSWER_BITS;
	w->d.refuse = (got & ANSWER_MASK) != ANSWER_ALLOW;
	w->d.reason = w->d.rule && w->d.rule < EGRESS_RULE_USER ? EGRESS_BY_ADDRESS_KIND : EGRESS_BY_RULE;
}

/*
 * decide - on a flow that begins, into w->d. The order: a rule that denies the address; the names that the address was
 * learnt under; a rule that allows the address; the rules for every host; the default.
 */
__noinline int decide(void)
{
	struct egress_config *c = get_config();
	struct work *w = get_work();
	struct known *k;
	struct egress_set *set;
	__u32 what, got = 0, any;

	if (!c || !w)
		return 0;
	k = &w->known;
	what = what_of(&w->p);
	if (w->p.version == 4) {
		struct egress_key4 key = {.prefixlen = 32, .addr = unmapped(&w->p.remote)};

		set = bpf_map_lookup_elem(&prefixes4, &key);
	} else {
		struct egress_key6 key = {.prefixlen = 128, .addr = w->p.remote};

		set = bpf_map_lookup_elem(&prefixes6, &key);
	}
	if (set)
		got = evaluate(set->first, set->n, what, w->p.owner);
	look_at_names(w, what);
	if (k->names)
		show_learnt(w, k->slot);
	if ((got & ANSWER_MASK) == ANSWER_DENY) {
		decide_as(w, got);
		return 0;
	}
	if (k->names && k->denied == k->names) {
		decide_as(w, k->deny_rule << ANSWER_BITS | ANSWER_DENY);
		return 0;
	}
	any = evaluate_any(c, what, w->p.owner);
	if ((got & ANSWER_MASK) == ANSWER_NONE) {
		if (k->allowed) {
			got = k->allow_rule << ANSWER_BITS | ANSWER_ALLOW;
			w->d.check = EGRESS_CHECK_ALLOW;
			w->d.clear = k->allowed == k->names;
		} else {
			got = any;
		}
	}
	decide_as(w, got);
	if (w->d.check == EGRESS_CHECK_NONE && c->denies_names)
		w->d.check = EGRESS_CHECK_DENY;
	if (w->p.proto != IPPROTO_TCP) {
		if (w->d.check == EGRESS_CHECK_ALLOW && w->p.proto == IPPROTO_UDP && w->p.remote_port == HTTPS &&
		    (any & ANSWER_MASK) != ANSWER_ALLOW) {
			w->d.refuse = 1;
			w->d.reason = EGRESS_QUIC;
		}
		w->d.check = EGRESS_CHECK_NONE;
	}
	return 0;
}

#endif
