/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * DNS as the tree speaks it with its resolver (RFC 1035).
 *
 * A query leaves when its one question is a name that a rule allows; it is noted, with its port, id, type and name. An answer
 * counts when it fits a note. Of a counted answer each A and AAAA record of the answer section is learnt as an address of
 * the name that was asked for, however many CNAMEs lie between. Compression pointers are stepped over, never followed, so
 * they cannot loop; an answer that ends early teaches what came before its end.
 *
 * Over TCP (RFC 7766) each segment must be one whole query: what is not cannot be looked at. A segment must begin where the
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
	NAME_BUFFER = 256,
};

struct dns_header {
	__be16 id;
	__u8 flags, rcode;
	__be16 questions, answers, authorities, more;
};

/*
 * name_key - makes w->name of the first @len characters of w->host: lower case, backwards, ended by a zero. A final dot
 * goes; letters, digits, '-', '_' and '.' are all that a name may have.
 */
__noinline int name_key(__u32 len)
{
	struct work *w = get_work();

	if (!w || !len || len > EGRESS_NAME_MAX + 1)
		return 0;
	if (w->host[(len - 1) & (NAME_BUFFER - 1)] == '.')
		len--;
	if (!len || len > EGRESS_NAME_MAX)
		return 0;
	__builtin_memset(w->name.back, 0, sizeof(w->name.back));
	ROLLED
	for (__u32 i = 0; i < EGRESS_NAME_MAX; i++) {
		__u8 c;

		if (i >= len)
			break;
		c = w->host[i & (NAME_BUFFER - 1)];
		if (c >= 'A' && c <= 'Z')
			c += 'a' - 'A';
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.'))
			return 0;
		w->name.back[(len - 1 - i) & (NAME_BUFFER - 1)] = c;
	}
	w->name.prefixlen = (len + 1) * 8;
	w->name_len = len;
	__builtin_memcpy(w->shown, w->name.back, sizeof(w->shown));
	w->shown_len = len;
	return 1;
}

/*
 * question - makes w->name and w->query_type of the question of the message whose first @n bytes are in w->text.
 * Return: where it ends in the message, 0 when it is none.
 */
__noinline __u32 question(__u32 n)
{
	struct work *w = get_work();
	__u32 i;
	__u16 class;

	if (!w || n > MESSAGE_MAX || n < DNS_HEADER + 7)
		return 0;
	/* In the map: the verifier need not tell paths apart by it. */
	w->label = w->text[DNS_HEADER];
	if (!w->label || w->label > 63)
		return 0;
	ROLLED
	for (i = 1; i < NAME_BUFFER; i++) {
		__u8 c = w->text[DNS_HEADER + i];

		if (DNS_HEADER + i >= n)
			return 0;
		if (w->label) {
			if (c == '.')
				return 0;
			w->label--;
		} else {
			if (!c)
				break;
			if (c > 63)
				return 0;
			w->label = c;
			c = '.';
		}
		w->host[i - 1] = c;
	}
	if (i > EGRESS_NAME_MAX + 1 || DNS_HEADER + i + 5 > n)
		return 0;
	w->query_type = w->text[DNS_HEADER + i + 1] << 8 | w->text[DNS_HEADER + i + 2];
	class = w->text[DNS_HEADER + i + 3] << 8 | w->text[DNS_HEADER + i + 4];
	if (class != DNS_IN)
		return 0;
	return name_key(i - 1) ? DNS_HEADER + i + 5 : 0;
}

/* load_message - as much as has the question, into w->text. Return: how much; 0: it is too short. */
static __always_inline __u32 load_message(struct __sk_buff *skb, struct work *w, __u32 at, __u32 len)
{
	__u32 n = len;

	if (n > MESSAGE_MAX)
		n = MESSAGE_MAX;
	if (n < DNS_HEADER + 5 || bpf_skb_load_bytes(skb, at, w->text, n))
		return 0;
	return n;
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
	__u32 len = question_len;

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
	got = evaluate_name(IS_QUERY);
	decide_as(w, got);
	if (w->d.refuse) {
		int verdict;

		w->d.reason = EGRESS_QUERY_NAME;
		if (c->audit || w->p.proto == IPPROTO_TCP) {
			verdict = refuse(skb, w, c, true);
			if (!c->audit)
				return verdict;
		} else {
			refuse(skb, w, c, false);
			return reply_refused(skb, w, end);
		}
	} else {
		count(w->d.rule, 1, w->p.len);
		tell(EGRESS_ALLOWED);
	}
	make_asked_key(w, &key, id);
	w->asked.at = w->p.now;
	w->asked.len = w->name_len;
	w->asked.type = w->query_type;
	__builtin_memcpy(w->asked.back, w->name.back, sizeof(w->asked.back));
	bpf_map_update_elem(&asked, &key, &w->asked, BPF_ANY);
	return TC_ACT_UNSPEC;
}

/* learn - an address of the name at work, for @ttl seconds. */
__noinline int learn(struct in6_addr *addr, __u32 ttl)
{
	struct egress_config *c = get_config();
	struct egress_learnt_key key = {0};
	struct egress_learnt fresh = {0};
	struct work *w = get_work();
	struct egress_set *set;
	__u64 oldest = ~0ULL;
	__u32 slot = 0;

	if (!c || !w || !addr)
		return 0;
	key.addr = *addr;
	ROLLED
	for (key.slot = 0; key.slot < EGRESS_SLOTS; key.slot++) {
		struct egress_learnt *l = bpf_map_lookup_elem(&learnt, &key);
		__u64 expires = 0, differ = 0;

		if (l && l->len == w->name_len) {
			ROLLED
			for (__u32 i = 0; i < EGRESS_NAME_SHOWN; i += 8)
				differ |= *(__u64 *)(l->back + i) ^ *(__u64 *)(w->shown + i);
			if (!differ) {
				slot = key.slot;
				break;
			}
		}
		if (l && l->expires > w->p.now)
			expires = l->expires;
		if (expires < oldest) {
			oldest = expires;
			slot = key.slot;
		}
	}
	if (ttl < c->ttl_floor)
		ttl = c->ttl_floor;
	fresh.expires = w->p.now + ttl * 1000000000ULL;
	set = bpf_map_lookup_elem(&names, &w->name);
	if (set)
		fresh.set = *set;
	fresh.len = w->name_len;
	__builtin_memcpy(fresh.back, w->shown, sizeof(fresh.back));
	key.slot = slot;
	bpf_map_update_elem(&learnt, &key, &fresh, BPF_ANY);
	return 0;
}

/* dns_skip_name - past the name at @at. 0 when the message ends first. */
__noinline __u32 dns_skip_name(struct __sk_buff *skb, __u32 at)
{
	struct work *w = get_work();

	if (!w)
		return 0;
	ROLLED
	for (__u32 i = 0; i < MAX_LABELS; i++) {
		__u8 c;

		if (at >= w->message_end || bpf_skb_load_bytes(skb, at, &c, 1))
			return 0;
		if (!c)
			return at + 1;
		if ((c & 0xc0) == 0xc0)
			return at + 2;
		if (c & 0xc0)
			return 0;
		at += c + 1;
	}
	return 0;
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

/*
 * dns_answer - learns from a message of the resolver.
 * Return: did the tree ask for it?
 */
__noinline int dns_answer(struct __sk_buff *skb, __u32 at, __u32 len)
{
	struct egress_asked_key key;
	struct work *w = get_work();
	struct egress_asked *asked_for;
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
	at += end;
	answers = bpf_ntohs(dns.answers);
	ROLLED
	for (__u32 i = 0; i < MAX_RECORDS; i++) {
		if (i >= answers)
			break;
		at = dns_record(skb, at);
		if (!at)
			break;
	}
	return 1;
}

#endif
