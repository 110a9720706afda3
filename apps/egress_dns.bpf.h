/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * DNS as the tree speaks it with its resolver (RFC 1035).
 *
 * A query leaves when its one question is a name that a rule allows; it is noted, with its port, id, type and name. An answer
 * counts when it fits a note. Of a counted answer each A and AAAA record of the answer section is learnt as an address of
 * the name that was asked for, however many CNAMEs lie between. Compression pointers are stepped over, never followed, so
 * they cannot loop; an answer that ends early teaches what came before its end.
 *
 * Over TCP (RFC 7766) each segment must be one or two whole queries: what is not cannot be looked at. A segment must begin where the
 * last ended, or repeat it, for else overlapping segments could put together a query that nobody saw.
 */
#ifndef SKEP_APPS_EGRESS_DNS_BPF_H
#define SKEP_APPS_EGRESS_DNS_BPF_H

#include "egress_maps.bpf.h"
#include "egress_reply.bpf.h"
#include "egress_rules.bpf.h"

enum {
	DNS_HEADER = 12,
	DNS_QR = 0x80,
	DNS_OPCODE = 0x78,
	DNS_RCODE = 0x0f,
	DNS_REFUSED = 5,
	DNS_A = 1,
	DNS_AAAA = 28,
	DNS_IN = 1,
	MAX_RECORDS = 64,
	MAX_LABELS = 128,
	NOWHERE = ~0u,
};

struct dns_header {
	__be16 id;
	__u8 flags, rcode;
	__be16 questions, answers, authorities, more;
};

struct reading {
	struct work *w;
	__u32 len; /* of the name; of the message */
	__u32 left; /* of a label */
	__u32 end; /* where it ended: 0 if it did not, or not well */
	__u32 bare; /* where the first label begins that does not begin with _ */
	__u8 last; /* character */
};

static long key_character(__u64 i, void *arg)
{
	struct reading *r = arg;
	__u8 c = r->w->host[i & (NAME_BUFFER - 1)];

	if (c >= 'A' && c <= 'Z')
		c += 'a' - 'A';
	if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.'))
		return STOP;
	r->w->name.back[(r->len - 1 - i) & (NAME_BUFFER - 1)] = c;
	if (r->last == '.' && c != '_' && r->bare == NOWHERE)
		r->bare = i;
	r->last = c;
	r->end = i + 1;
	return GO_ON;
}

/*
 * name_key - makes w->name of the first @len characters of w->host: lower case, backwards, ended by a zero. A final dot
 * goes; letters, digits, '-', '_' and '.' are all that a name may have.
 */
__noinline int name_key(__u32 len)
{
	struct work *w = get_work();
	struct reading r = {.w = w, .bare = NOWHERE, .last = '.'};

	if (!w || !len || len > EGRESS_NAME_MAX + 1)
		return 0;
	if (w->host[(len - 1) & (NAME_BUFFER - 1)] == '.')
		len--;
	if (!len || len > EGRESS_NAME_MAX)
		return 0;
	__builtin_memset(w->name.back, 0, sizeof(w->name.back));
	r.len = len;
	bpf_loop(len, key_character, &r, 0);
	if (r.end != len)
		return 0;
	w->name.prefixlen = (len + 1) * 8;
	w->name_len = len;
	w->bare_len = r.bare == NOWHERE ? len : len - r.bare;
	__builtin_memcpy(w->shown, w->name.back, sizeof(w->shown));
	w->shown_len = len;
	return 1;
}

static long question_character(__u64 i, void *arg)
{
	struct reading *r = arg;
	__u32 at = DNS_HEADER + 1 + i;
	__u8 c;

	if (at >= r->len || at >= MESSAGE_MAX)
		return STOP;
	c = r->w->text[at];
	if (r->left) {
		if (c == '.')
			return STOP;
		r->left--;
	} else {
		if (!c) {
			r->end = at + 1;
			return STOP;
		}
		if (c > 63)
			return STOP;
		r->left = c;
		c = '.';
	}
	r->w->host[i & (NAME_BUFFER - 1)] = c;
	return GO_ON;
}

/*
 * question - makes w->name and w->query_type of the question of the message whose first @n bytes are in w->text.
 * Return: where it ends in the message, 0 when it is none.
 */
__noinline __u32 question(__u32 n)
{
	struct work *w = get_work();
	struct reading r = {.w = w, .len = n};
	const __u8 *type;
	__u32 end;

	if (!w || n > MESSAGE_MAX || n < DNS_HEADER + 7)
		return 0;
	r.left = w->text[DNS_HEADER];
	if (!r.left || r.left > 63)
		return 0;
	bpf_loop(EGRESS_NAME_MAX + 1, question_character, &r, 0);
	end = r.end;
	if (end < DNS_HEADER + 3 || end > MESSAGE_MAX || end + 4 > n)
		return 0;
	type = w->text + end;
	if ((type[2] << 8 | type[3]) != DNS_IN)
		return 0;
	w->query_type = type[0] << 8 | type[1];
	return name_key(end - DNS_HEADER - 2) ? end + 4 : 0;
}

/* load_message - as much as has the question, into w->text. Return: how much; 0: it is too short. */
static __always_inline __u32 load_message(struct __sk_buff *skb, struct work *w, __u32 at, __u32 len)
{
	__u64 n = bounded(len < MESSAGE_MAX ? len : MESSAGE_MAX, 2 * NAME_BUFFER - 1);

	if (n < DNS_HEADER + 5 || n > MESSAGE_MAX || bpf_skb_load_bytes(skb, at, w->text, n))
		return 0;
	return n;
}

/*
 * evaluate_query - may the name at work be asked for? Labels of services in front (_http._tcp, RFC 8552) belong to the name
 * behind them.
 */
static __always_inline __u32 evaluate_query(struct work *w)
{
	__u32 bare = bounded(w->bare_len, EGRESS_NAME_KEY - 1), got;

	if (!bare || bare >= w->name_len)
		return evaluate_name(IS_QUERY);
	w->name.back[bare] = 0;
	w->name.prefixlen = (bare + 1) * 8;
	got = evaluate_name(IS_QUERY);
	w->name.back[bare] = '.';
	w->name.prefixlen = (w->name_len + 1) * 8;
	return got;
}

static __always_inline void make_asked_key(struct work *w, struct egress_asked_key *key, __be16 id)
{
	*key = (struct egress_asked_key){
		.port = w->p.local_port, .id = id, .tcp = w->p.proto == IPPROTO_TCP, .version = w->p.version};
}

/* A query over UDP that is not let through becomes its own answer. w->body has its question already. */
static __always_inline int reply_refused(struct __sk_buff *skb, struct work *w, __u32 question_len)
{
	struct udphdr *udp = (void *)w->body;
	struct dns_header *dns = (void *)(w->body + 8);
	__u64 len = bounded(question_len, 2 * NAME_BUFFER - 1);

	if (len < DNS_HEADER || len > MESSAGE_MAX)
		return TC_ACT_SHOT;
	__builtin_memset(w->body, 0, 8 + MESSAGE_MAX + 8);
	if (bpf_skb_load_bytes(skb, w->p.payload, w->body + 8, len))
		return TC_ACT_SHOT;
	dns->flags = DNS_QR | (dns->flags & (DNS_OPCODE | 1));
	dns->rcode = DNS_QR | DNS_REFUSED; /* recursion available */
	dns->answers = dns->authorities = dns->more = 0;
	udp->source = bpf_htons(w->p.remote_port);
	udp->dest = bpf_htons(w->p.local_port);
	udp->len = bpf_htons(8 + len);
	return reply(skb, IPPROTO_UDP, 8 + len, 6, BPF_F_INGRESS);
}

/*
 * dns_query - may this message go to the resolver? It is noted when it may.
 * @at, @len: the message in the frame
 * Return: what tc shall do
 */
__noinline int dns_query(struct __sk_buff *skb, __u32 at, __u32 len)
{
	struct egress_config *c = get_config();
	struct egress_asked_key key;
	struct work *w = get_work();
	struct dns_header *dns;
	__u32 end, n, got;
	__be16 id;
	bool odd;

	if (!c || !w)
		return TC_ACT_SHOT;
	w->query_type = 0;
	w->shown_len = 0;
	n = load_message(skb, w, at, len);
	dns = (void *)w->text;
	if (!n)
		return refuse_for(skb, w, c, EGRESS_QUERY_MALFORMED, true);
	id = dns->id;
	odd = dns->flags & (DNS_QR | DNS_OPCODE) || dns->questions != bpf_htons(1) || dns->answers || dns->authorities;
	end = question(n);
	if (odd || !end)
		return refuse_for(skb, w, c, EGRESS_QUERY_MALFORMED, true);
	got = evaluate_query(w);
	decide_as(w, got);
	if (w->d.refuse)
		w->d.reason = EGRESS_QUERY_NAME;
	if (w->d.refuse && !c->audit && w->p.proto == IPPROTO_TCP)
		return refuse(skb, w, c, true);
	/* The refusal, too, comes to the tree as an answer to a question that is noted. */
	make_asked_key(w, &key, id);
	w->asked.at = w->p.now;
	w->asked.len = w->name_len;
	w->asked.type = w->query_type;
	__builtin_memcpy(w->asked.back, w->name.back, sizeof(w->asked.back));
	bpf_map_update_elem(&asked, &key, &w->asked, BPF_ANY);
	if (w->d.refuse) {
		refuse(skb, w, c, false);
		return c->audit ? TC_ACT_UNSPEC : reply_refused(skb, w, end);
	}
	count(w->d.rule, 1, w->p.len);
	tell(EGRESS_ALLOWED);
	return TC_ACT_UNSPEC;
}

struct slot_choice {
	struct work *w;
	struct egress_learnt_key key;
	__u32 slot;
	__u64 oldest;
};

/* The slot that has the name already, else the one that is free or will be first. */
static long choose_slot(__u64 i, void *arg)
{
	struct slot_choice *s = arg;
	struct egress_learnt *l;
	__u64 expires = 0, differ = 0;

	s->key.slot = i;
	l = bpf_map_lookup_elem(&learnt, &s->key);
	if (l && l->len == s->w->name_len) {
		ROLLED
		for (__u32 k = 0; k < EGRESS_NAME_KEY; k += 8)
			differ |= *(__u64 *)(l->name.back + k) ^ *(__u64 *)(s->w->name.back + k);
		if (!differ) {
			s->slot = i;
			return STOP;
		}
	}
	if (l && l->expires > s->w->p.now)
		expires = l->expires;
	if (expires < s->oldest) {
		s->oldest = expires;
		s->slot = i;
	}
	return GO_ON;
}

/* learn - an address of the name at work, for @ttl seconds. */
__noinline int learn(struct in6_addr *addr, __u32 ttl)
{
	struct egress_config *c = get_config();
	struct work *w = get_work();
	struct slot_choice s = {.w = w, .oldest = ~0ULL};
	struct egress_learnt *fresh;

	if (!c || !w || !addr)
		return 0;
	fresh = &w->learnt;
	s.key.addr = *addr;
	bpf_loop(EGRESS_SLOTS, choose_slot, &s, 0);
	if (ttl < c->ttl_floor)
		ttl = c->ttl_floor;
	fresh->expires = w->p.now + ttl * 1000000000ULL;
	fresh->len = w->name_len;
	__builtin_memcpy(&fresh->name, &w->name, sizeof(fresh->name));
	s.key.slot = s.slot;
	bpf_map_update_elem(&learnt, &s.key, fresh, BPF_ANY);
	return 0;
}

struct walking {
	struct __sk_buff *skb;
	__u32 at, end; /* offsets in the frame */
	__u32 done;
};

static long skip_label(__u64 i, void *arg)
{
	struct walking *k = arg;
	__u8 c;

	if (k->at >= k->end || bpf_skb_load_bytes(k->skb, k->at, &c, 1))
		return STOP;
	if (c && (c & 0xc0) != 0xc0) {
		k->at += c + 1;
		return c & 0xc0 ? STOP : GO_ON;
	}
	k->at += c ? 2 : 1;
	k->done = 1;
	return STOP;
}

/* dns_skip_name - past the name at @at. 0 when the message ends first. */
__noinline __u32 dns_skip_name(struct __sk_buff *skb, __u32 at)
{
	struct work *w = get_work();
	struct walking k = {.skb = skb, .at = at};

	if (!w)
		return 0;
	k.end = w->message_end;
	bpf_loop(MAX_LABELS, skip_label, &k, 0);
	return k.done ? k.at : 0;
}

struct record_head {
	__be16 type, class;
	__be32 ttl;
	__be16 len;
} __attribute__((packed));

/* dns_record - learns the record at @at. Return: where the next begins, 0 when there can be none. */
__noinline __u32 dns_record(struct __sk_buff *skb, __u32 at)
{
	struct work *w = get_work();
	struct record_head head;
	struct in6_addr addr = {0};
	__u32 len;

	if (!w)
		return 0;
	at = dns_skip_name(skb, at);
	if (!at || at + sizeof(head) > w->message_end || bpf_skb_load_bytes(skb, at, &head, sizeof(head)))
		return 0;
	at += sizeof(head);
	len = bpf_ntohs(head.len);
	if (at + len > w->message_end)
		return 0;
	if (head.class == bpf_htons(DNS_IN) && head.type == bpf_htons(DNS_A) && len == 4) {
		addr.in6_u.u6_addr32[2] = bpf_htonl(0xffff);
		if (bpf_skb_load_bytes(skb, at, &addr.in6_u.u6_addr32[3], 4))
			return 0;
		learn(&addr, bpf_ntohl(head.ttl) & 0x7fffffff);
	} else if (head.class == bpf_htons(DNS_IN) && head.type == bpf_htons(DNS_AAAA) && len == 16) {
		if (bpf_skb_load_bytes(skb, at, &addr, 16))
			return 0;
		learn(&addr, bpf_ntohl(head.ttl) & 0x7fffffff);
	}
	return at + len;
}

static long one_record(__u64 i, void *arg)
{
	struct walking *k = arg;

	k->at = dns_record(k->skb, k->at);
	return k->at ? GO_ON : STOP;
}

/*
 * dns_answer - learns from a message of the resolver.
 * Return: did the tree ask for it?
 */
__noinline int dns_answer(struct __sk_buff *skb, __u32 at, __u32 len)
{
	struct egress_asked_key key;
	struct work *w = get_work();
	struct egress_asked *asked_for;
	struct walking k = {.skb = skb};
	struct dns_header dns;
	__u32 end, n, answers;
	__u64 differ;

	if (!w)
		return 0;
	n = load_message(skb, w, at, len);
	if (!n)
		return 0;
	__builtin_memcpy(&dns, w->text, sizeof(dns));
	if (!(dns.flags & DNS_QR) || dns.questions != bpf_htons(1))
		return 0;
	make_asked_key(w, &key, dns.id);
	asked_for = bpf_map_lookup_elem(&asked, &key);
	if (!asked_for)
		return 0;
	end = question(n);
	if (!end || asked_for->len != w->name_len || asked_for->type != w->query_type)
		return 0;
	differ = 0;
	ROLLED
	for (__u32 i = 0; i < EGRESS_NAME_KEY; i += 8)
		differ |= *(__u64 *)(asked_for->back + i) ^ *(__u64 *)(w->name.back + i);
	if (differ)
		return 0;
	bpf_map_delete_elem(&asked, &key);
	if (dns.rcode & DNS_RCODE)
		return 1;
	w->message_end = at + len;
	answers = bpf_ntohs(dns.answers);
	k.at = at + end;
	if (answers)
		bpf_loop(answers < MAX_RECORDS ? answers : MAX_RECORDS, one_record, &k, 0);
	return 1;
}

#endif
