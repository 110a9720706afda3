/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The host that the client names in the first data of a TCP connection: TLS's server_name (RFC 6066) or HTTP/1's Host.
 *
 * Theory of operation
 *
 * flow->start is the number of the tree's first byte, which the other side has acknowledged with its SYN. A segment that
 * begins there is read from its first byte. Until a name was found, or found not to be needed, nothing else goes out. Then
 * flow->checked is where the bytes end that the finding depends on, in the segment where they go furthest, and what begins there or later is free. What
 * begins before is read again or thrown away, so that no other bytes can take the place of those that were read: until the other side
 * acknowledges all of them, which ends the check. The rest of a segment is free, for a segment may be large, and cut up behind the program (GSO): when
 * a piece of it is lost TCP sends that piece again, by itself.
 *
 * What the receiver ends up with is then all of what one segment's finding depends on, and behind it parts of others or what is free, whether it keeps the
 * first or the last of bytes that overlap. For that, a segment whose finding goes further is not taken once something behind was let go (flow->beyond).
 *
 * A ClientHello may go on in a second segment. When the first ended between extensions, flow->cut is where, and skip and left
 * say where in the second the next extension begins and how many bytes of extensions there are from there. The first,
 * when sent again, must end at the same place with the same numbers; nothing else may take its place.
 *
 * tests/apps/test_egress_hostile.c plays all this against a receiver.
 */
#ifndef SKEP_APPS_EGRESS_NAME_BPF_H
#define SKEP_APPS_EGRESS_NAME_BPF_H

#include "egress_dns.bpf.h"
#include "egress_maps.bpf.h"
#include "egress_reply.bpf.h"
#include "egress_rules.bpf.h"

enum {
	TLS_HANDSHAKE = 22,
	TLS_CLIENT_HELLO = 1,
	TLS_BEFORE_SESSION = 5 + 4 + 2 + 32, /* record and handshake header, version, random */
	TLS_SERVER_NAME = 0,
	TLS_EXTENSIONS_MAX = 128,
	HTTP_VERSION = 8, /* "HTTP/1.1" ends a request's first line */
};

/* The extensions of a ClientHello, from @at on in the frame. */
struct extension_walk {
	struct __sk_buff *skb;
	struct work *w;
	__u32 at, end; /* of the extensions */
	__u32 segment_end;
	__u32 found;
};

static long try_extension(__u64 i, void *arg)
{
	struct extension_walk *x = arg;
	struct work *w = x->w;
	__be16 head[2], name_len;
	__u32 len;

	if (x->at + 4 > x->end) {
		x->found = NAMED_NOTHING;
		w->concluded = x->end;
		return STOP;
	}
	if (x->at >= x->segment_end) {
		x->found = NAMED_LATER;
		return STOP;
	}
	if (x->at + 4 > x->segment_end || bpf_skb_load_bytes(x->skb, x->at, head, 4)) {
		x->found = NAMED_BADLY;
		return STOP;
	}
	len = bpf_ntohs(head[1]);
	if (head[0] != TLS_SERVER_NAME) {
		x->at += 4 + len;
		return GO_ON;
	}
	/* A list with one entry, which is a host name: type 0, length, name. */
	x->found = NAMED_BADLY;
	if (x->at + 4 + len > x->segment_end || bpf_skb_load_bytes(x->skb, x->at + 7, &name_len, 2))
		return STOP;
	if (bpf_ntohs(name_len) + 5 != len || len > EGRESS_NAME_MAX + 5)
		return STOP;
	len -= 5;
	if (!len || bpf_skb_load_bytes(x->skb, x->at + 9, w->host, at_least_1(len, NAME_BUFFER - 1)))
		return STOP;
	if (name_key(len))
		x->found = NAMED_IN_TLS;
	w->concluded = x->at + 9 + len;
	return STOP;
}

static __always_inline __u32 walk_extensions(struct __sk_buff *skb, struct work *w, __u32 at, __u32 left)
{
	struct extension_walk x = {
		.skb = skb, .w = w, .at = at, .end = at + left, .found = NAMED_BADLY /* more than there are */};

	x.segment_end = w->p.payload + w->p.payload_len;
	bpf_loop(TLS_EXTENSIONS_MAX, try_extension, &x, 0);
	if (x.found == NAMED_LATER) {
		w->skip = x.at - x.segment_end;
		w->left = x.end - x.at;
		if (w->skip > 0xffff || w->left > 0xffff)
			return NAMED_BADLY;
	}
	return x.found;
}

/* A byte, or two, that say how many follow. Return: where those end, 0 when the segment ends first. */
static __always_inline __u32 step_over(struct __sk_buff *skb, __u32 at, __u32 bytes, __u32 end)
{
	__u8 len[2] = {0};

	if (!at || at + bytes > end ||
	    (bytes == 1 ? bpf_skb_load_bytes(skb, at, len + 1, 1) : bpf_skb_load_bytes(skb, at, len, 2)))
		return 0;
	return at + bytes + len[0] * 256 + len[1];
}

static __always_inline __u32 read_hello(struct __sk_buff *skb, struct work *w)
{
	__u32 at = w->p.payload, end = at + w->p.payload_len, hello_end, left;
	__u8 head[9];

	if (w->p.payload_len < TLS_BEFORE_SESSION || bpf_skb_load_bytes(skb, at, head, sizeof(head)))
		return NAMED_BADLY;
	if (head[1] != 3 || head[5] != TLS_CLIENT_HELLO || head[6])
		return NAMED_BADLY;
	/* One record has it all: else what looks like the hello has headers in its middle. */
	left = head[7] * 256 + head[8];
	if (head[3] * 256 + head[4] < left + 4)
		return NAMED_BADLY;
	hello_end = at + 9 + left;
	at = step_over(skb, at + TLS_BEFORE_SESSION, 1, end);
	at = step_over(skb, at, 2, end);
	at = step_over(skb, at, 1, end);
	if (at && at == hello_end)
		return NAMED_NOTHING;
	left = step_over(skb, at, 2, end);
	if (!left || left != hello_end)
		return NAMED_BADLY;
	return walk_extensions(skb, w, at + 2, left - at - 2);
}

/* One byte of a request's head. The state is in the map: the verifier need not tell states apart. */
static long request_byte(__u64 i, void *arg)
{
	const __u64 field = 0x3a74736f68; /* "host:", the first letter lowest */
	struct work *w = *(struct work **)arg;
	struct request *r = &w->request;
	__u32 at = i & (SEGMENT_BUFFER - 1);
	__u8 c = w->segment[at], low = c >= 'A' && c <= 'Z' ? c + 'a' - 'A' : c;

	if (!r->line && ((c < ' ' && c != '\r' && c != '\n' && c != '\t') || c > '~')) {
		r->found = NAMED_NOTHING; /* no text */
		r->end = at + 1;
		return STOP;
	}
	if (c == '\n') {
		if (!r->line && !r->column)
			return GO_ON; /* empty lines in front do not count (RFC 9112, 2.2) */
		if (!r->line) {
			__u32 e = r->last == '\r' ? at - 1 : at;
			const __u8 *v = w->segment + ((e - 8) & (SEGMENT_BUFFER - 1));

			if (e < HTTP_VERSION || e >= SEGMENT_BUFFER || v > w->segment + SEGMENT_BUFFER - 8 ||
			    v[0] != 'H' || v[1] != 'T' || v[2] != 'T' || v[3] != 'P' || v[4] != '/' || v[5] != '1') {
				r->found = NAMED_NOTHING;
				r->end = at + 1;
				return STOP;
			}
		} else if (!r->column) {
			r->found = r->hosts ? NAMED_IN_HTTP : NAMED_NOTHING;
			return STOP;
		}
		/* A second host behind would be an error to the server. */
		if (r->in_host && !r->host_ended)
			r->end = at + 1;
		r->host_ended |= !!r->in_host;
		r->line++;
		r->column = r->matched = 0;
		r->in_host = 0;
		r->last = c;
		return GO_ON;
	}
	r->last = c;
	if (c == '\r')
		return GO_ON;
	if (!r->line && c == ' ')
		r->spaces++;
	/* Another form of target names a host of its own: a request to a proxy. */
	if (!r->line && r->spaces == 1 && c != ' ' && !r->matched) {
		r->matched = 1;
		if (c != '/' && c != '*')
			r->hosts = 2;
	}
	if (r->in_host) {
		if (c == ' ' || c == '\t') {
			r->in_host = r->host_len ? 2 : 1;
		} else if (r->in_host == 1 && c == ':') {
			r->in_host = 2;
		} else if (r->in_host == 1 && r->host_len < NAME_BUFFER - 1) {
			w->host[r->host_len & (NAME_BUFFER - 1)] = c;
			r->host_len++;
		}
	} else if (r->line && r->column < 5 && r->matched == r->column && low == (field >> r->column * 8 & 0xff)) {
		if (++r->matched == 5) {
			r->in_host = 1;
			r->hosts++;
		}
	}
	r->column++;
	return GO_ON;
}

static __always_inline __u32 read_request(struct __sk_buff *skb, struct work *w)
{
	struct request *r = &w->request;
	__u64 n = w->p.payload_len;

	if (n > SEGMENT_BUFFER)
		n = SEGMENT_BUFFER;
	n = at_least_1(n, SEGMENT_BUFFER - 1);
	if (bpf_skb_load_bytes(skb, w->p.payload, w->segment, n))
		return NAMED_BADLY;
	*r = (struct request){.found = NAMED_LATER};
	bpf_loop(n, request_byte, &w, 0);
	/* The head goes on behind what is here. A second Host there would be an error to the server (RFC 9112, 3.2). */
	if (r->found == NAMED_LATER && r->host_ended)
		r->found = NAMED_IN_HTTP;
	if (r->found == NAMED_LATER)
		return NAMED_PERHAPS;
	if (r->end && r->end <= w->p.payload_len)
		w->concluded = w->p.payload + r->end;
	if (r->found == NAMED_IN_HTTP && (r->hosts != 1 || !name_key(r->host_len)))
		return NAMED_WRONGLY;
	return r->found;
}

/* read_name - of the segment at work; w->name when it has one. @again: it goes on where another ended. */
__noinline __u32 read_name(struct __sk_buff *skb, __u32 again)
{
	struct work *w = get_work();
	__u8 first;

	if (!w || !w->p.payload_len || bpf_skb_load_bytes(skb, w->p.payload, &first, 1))
		return NAMED_BADLY;
	w->shown_len = 0;
	w->concluded = w->p.payload + w->p.payload_len;
	if (w->p.tcp_flags & TCP_URG)
		return NAMED_BADLY;
	if (again) {
		if (w->p.payload_len <= w->skip)
			return NAMED_BADLY;
		return walk_extensions(skb, w, w->p.payload + w->skip, w->left);
	}
	return first == TLS_HANDSHAKE ? read_hello(skb, w) : read_request(skb, w);
}

static __always_inline int refuse_flow(struct __sk_buff *skb, struct work *w, const struct egress_config *c,
				       struct egress_flow *flow, __u32 rule, __u8 reason)
{
	flow->check = EGRESS_CHECK_NONE;
	flow->refused = !c->audit;
	w->d.rule = rule;
	w->d.reason = reason;
	return refuse(skb, w, c, true);
}

/* Is the name at work allowed on this flow? */
static __always_inline bool name_allowed(struct work *w, const struct egress_flow *flow, __u32 *rule)
{
	__u32 what = what_of(&w->p), got;

	if (flow->check == EGRESS_CHECK_DENY) {
		struct egress_set *set = bpf_map_lookup_elem(&names, &w->name);

		got = set ? evaluate(set->first, set->n, what, w->p.owner) : ANSWER_NONE;
		*rule = got >> ANSWER_BITS;
		return (got & ANSWER_MASK) != ANSWER_DENY;
	}
	got = evaluate_name(what);
	*rule = got >> ANSWER_BITS;
	return (got & ANSWER_MASK) == ANSWER_ALLOW;
}

/* hold - not now: TCP sends it again, in order if it is honest. */
static __always_inline int hold(const struct egress_config *c)
{
	count_drop(EGRESS_SEGMENT);
	return c->audit ? TC_ACT_UNSPEC : TC_ACT_SHOT;
}

/* check_segment - data of a flow whose name is still to be seen. Return: what tc shall do. */
static __always_inline int check_segment(struct __sk_buff *skb, struct work *w, const struct egress_config *c,
					 struct egress_flow *flow)
{
	const struct packet *p = &w->p;
	__u32 end = p->seq + p->payload_len, rule = flow->rule, named;
	bool again;

	if (!p->payload_len)
		return TC_ACT_UNSPEC;
	if (flow->done && (__s32)(p->seq - flow->checked) >= 0) {
		flow->beyond = 1;
		return TC_ACT_UNSPEC;
	}
	again = flow->is_cut && p->seq == flow->cut;
	if (!flow->confirmed || (!again && p->seq != flow->start))
		return hold(c);
	w->skip = flow->skip;
	w->left = flow->left;
	named = read_name(skb, again);
	if (named == NAMED_LATER && !again) {
		if (flow->is_cut ? flow->cut != end || flow->skip != w->skip || flow->left != w->left : flow->done)
			return hold(c);
		flow->is_cut = 1;
		flow->cut = end;
		flow->skip = w->skip;
		flow->left = w->left;
		return TC_ACT_UNSPEC;
	}
	if (w->concluded < p->payload + p->payload_len)
		end = p->seq + w->concluded - p->payload;
	/* The first has been let go as one that goes on; and bytes that are already there may win against longer ones. */
	if ((flow->is_cut && !again) || (flow->done && flow->beyond && (__s32)(end - flow->checked) > 0))
		return hold(c);
	if (named == NAMED_IN_TLS || named == NAMED_IN_HTTP) {
		if (!name_allowed(w, flow, &rule))
			return refuse_flow(skb, w, c, flow, rule,
					   named == NAMED_IN_TLS ? EGRESS_TLS_NAME : EGRESS_HTTP_NAME);
		if (flow->check == EGRESS_CHECK_ALLOW) {
			flow->rule = rule;
			flow->policy = c->policy;
		}
		w->d.rule = rule_of(c, flow);
		if (!flow->done)
			tell(EGRESS_NAMED);
	} else if (named == NAMED_NOTHING || (named == NAMED_PERHAPS && flow->check == EGRESS_CHECK_DENY)) {
		if (flow->check == EGRESS_CHECK_ALLOW && !flow->clear)
			return refuse_flow(skb, w, c, flow, EGRESS_RULE_FRAME, EGRESS_NO_NAME);
	} else {
		return refuse_flow(skb, w, c, flow, EGRESS_RULE_FRAME,
				   named == NAMED_WRONGLY ? EGRESS_HTTP_NAME : EGRESS_NAME_CUT);
	}
	if (!flow->done || (__s32)(end - flow->checked) > 0)
		flow->checked = end;
	flow->done = 1;
	return TC_ACT_UNSPEC;
}

#endif
