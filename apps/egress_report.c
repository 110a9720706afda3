/* SPDX-License-Identifier: BSD-2-Clause */
/* What the egress firewall has seen: its events in words, and the policy that would allow just that. */
#include "apps/egress_fill.h"

#include "apps/egress.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const reasons[] = {
	[EGRESS_BY_RULE] = "a rule of the policy, or its default",
	[EGRESS_BY_ADDRESS_KIND] = "an address that must be named to be reached",
	[EGRESS_QUERY_NAME] = "a DNS query for a name that no rule allows",
	[EGRESS_QUERY_MALFORMED] = "a DNS query that cannot be read",
	[EGRESS_QUERY_HIDDEN] = "DNS over TCP that is not one or two whole queries a segment",
	[EGRESS_TLS_NAME] = "TLS to an allowed address, for a name that is not allowed",
	[EGRESS_HTTP_NAME] = "HTTP to an allowed address, for a host that is not allowed",
	[EGRESS_NO_NAME] = "the address is shared by several names, and the client named none",
	[EGRESS_NAME_CUT] = "the name of the host is not in the first two segments",
	[EGRESS_QUIC] = "QUIC to an address that is allowed by its name only",
	[EGRESS_NOT_IP] = "not IPv4, IPv6 or ARP",
	[EGRESS_MALFORMED] = "headers that cannot be",
	[EGRESS_FRAGMENT] = "a fragment of TCP or DNS, or one without its first",
	[EGRESS_NO_FLOW] = "the middle of a connection whose beginning was not seen",
	[EGRESS_SEGMENT] = "TCP data out of order before the name was checked",
	[EGRESS_UNASKED] = "it came unasked, and the port is not published",
};
_Static_assert(sizeof(reasons) / sizeof(reasons[0]) == EGRESS_REASONS, "a text for each reason");

const char *egress_reason_text(uint8_t reason)
{
	return reason < EGRESS_REASONS ? reasons[reason] : "unknown";
}

const char *egress_rule_text(uint32_t rule)
{
	switch (rule) {
	case EGRESS_RULE_DEFAULT:
		return "the default";
	case EGRESS_RULE_METADATA:
		return "link-local and metadata addresses";
	case EGRESS_RULE_HOST:
		return "the machine's own loopback";
	case EGRESS_RULE_LOCAL:
		return "addresses that lead nowhere";
	case EGRESS_RULE_FRAME:
		return "the frame's shape";
	case EGRESS_RULE_DNS:
		return "the resolver";
	case EGRESS_RULE_INBOUND:
		return "published ports";
	case EGRESS_RULE_EARLIER:
		return "a policy before this one";
	default:
		return "a rule of the policy";
	}
}

/* The name is stored from its end. */
static void read_name(const struct event *r, char *to, size_t room)
{
	uint32_t n = r->name_len < EGRESS_NAME_SHOWN ? r->name_len : EGRESS_NAME_SHOWN;
	bool cut = r->name_len > EGRESS_NAME_SHOWN;

	if (cut) {
		memcpy(to, "...", 3);
		to += 3;
		room -= 3;
	}
	if (n > room - 1)
		n = (uint32_t)room - 1;
	for (uint32_t i = 0; i < n; i++)
		to[i] = (char)r->back[n - 1 - i];
	to[n] = 0;
}

int egress_event(const void *data, size_t size, struct egress_event *out)
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	struct event r;

	if (size < sizeof(r))
		return -EINVAL;
	memcpy(&r, data, sizeof(r));
	*out = (struct egress_event){
		.ns = r.ns,
		.cookie = r.cookie,
		.inbound = r.inbound,
		.local_port = r.local_port,
		.remote_port = r.remote_port,
		.proto = r.proto,
		.query = r.query,
		.verdict = r.verdict,
		.reason = r.reason,
		.why = egress_reason_text(r.reason),
		.rule = r.rule,
		.policy = r.policy,
		.policy_rule = -1,
	};
	memcpy(out->local, &r.local, 16);
	memcpy(out->remote, &r.remote, 16);
	out->v6 = memcmp(out->remote, mapped, 12) != 0;
	if (r.proto == IPPROTO_ICMP || r.proto == IPPROTO_ICMPV6) {
		out->icmp_type = (uint8_t)(r.remote_port >> 8);
		out->icmp_code = (uint8_t)r.remote_port;
		out->local_port = out->remote_port = 0;
	}
	if (r.rule >= EGRESS_RULE_USER)
		out->policy_rule = (int32_t)(r.rule - EGRESS_RULE_USER);
	else
		out->rule_name = egress_rule_text(r.rule);
	read_name(&r, out->name, sizeof(out->name));
	return 0;
}

/* Advice. */

struct seen {
	char host[132];
	uint8_t proto; /* enum policy_proto */
	uint16_t port;
};

struct egress_advice {
	struct seen *seen;
	uint32_t n, room;
};

struct egress_advice *egress_advice_new(void)
{
	return calloc(1, sizeof(struct egress_advice));
}

void egress_advice_free(struct egress_advice *a)
{
	if (a)
		free(a->seen);
	free(a);
}

static bool is_host(const struct egress_event *e)
{
	static const uint8_t v4[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 2, 2},
			     v6[16] = {0xfd, [15] = 2};

	return !memcmp(e->remote, v4, 16) || !memcmp(e->remote, v6, 16);
}

int egress_advice_add(struct egress_advice *a, const struct egress_event *e)
{
	struct seen s = {.port = e->remote_port};
	bool shape = e->reason == EGRESS_NOT_IP || e->reason == EGRESS_MALFORMED || e->reason == EGRESS_FRAGMENT ||
		     e->reason == EGRESS_NO_FLOW || e->reason == EGRESS_SEGMENT ||
		     e->reason == EGRESS_QUERY_MALFORMED || e->reason == EGRESS_QUERY_HIDDEN;

	/* What no rule can allow, and what needs none. */
	if ((e->query && e->rule == EGRESS_RULE_HOST) || e->inbound || shape || (e->name[0] == '.' && e->query))
		return 0;
	s.proto = e->query ? POLICY_DNS : e->proto == IPPROTO_ICMPV6 ? POLICY_ICMP : e->proto;
	if (s.proto != POLICY_TCP && s.proto != POLICY_UDP)
		s.port = 0;
	if (is_host(e))
		strcpy(s.host, "host");
	else if (e->name[0] && e->name[0] != '.' && e->reason != EGRESS_QUIC && e->reason != EGRESS_BY_ADDRESS_KIND)
		memcpy(s.host, e->name, sizeof(s.host));
	else
		inet_ntop(e->v6 ? AF_INET6 : AF_INET, e->v6 ? e->remote : e->remote + 12, s.host, sizeof(s.host));
	for (uint32_t i = 0; i < a->n; i++)
		if (a->seen[i].proto == s.proto && a->seen[i].port == s.port && !strcmp(a->seen[i].host, s.host))
			return 0;
	if (a->n == a->room) {
		uint32_t room = a->room ? a->room * 2 : 64;
		struct seen *more = realloc(a->seen, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		a->seen = more;
		a->room = room;
	}
	a->seen[a->n++] = s;
	return 0;
}

static int by_host(const void *a, const void *b)
{
	const struct seen *x = a, *y = b;
	int c = strcmp(x->host, y->host);

	if (c)
		return c;
	if (x->proto != y->proto)
		return x->proto < y->proto ? -1 : 1;
	return (x->port > y->port) - (x->port < y->port);
}

static const char *proto_name(uint8_t proto)
{
	switch (proto) {
	case POLICY_TCP:
		return "/tcp";
	case POLICY_UDP:
		return "/udp";
	case POLICY_ICMP:
		return "/icmp";
	case POLICY_DNS:
		return "/dns";
	default:
		return ""; /* a protocol that the grammar has no word for */
	}
}

void egress_advice_print(struct egress_advice *a, FILE *out)
{
	enum { PORTS_A_LINE = 64 };

	qsort(a->seen, a->n, sizeof(*a->seen), by_host);
	fputs("default deny\n", out);
	for (uint32_t i = 0; i < a->n;) {
		const struct seen *s = &a->seen[i];
		bool ports = s->proto == POLICY_TCP || s->proto == POLICY_UDP;
		bool brackets = ports && strchr(s->host, ':');
		uint32_t n = 0;

		/* To connect to a name is to look it up. */
		if (s->proto == POLICY_DNS && i && !strcmp(a->seen[i - 1].host, s->host)) {
			i++;
			continue;
		}
		fprintf(out, "allow %s%s%s", brackets ? "[" : "", s->host, brackets ? "]" : "");
		for (;
		     i < a->n && n < PORTS_A_LINE && a->seen[i].proto == s->proto && !strcmp(a->seen[i].host, s->host);
		     i++, n++)
			if (ports)
				fprintf(out, "%c%u", n ? ',' : ':', a->seen[i].port);
		fprintf(out, "%s\n", proto_name(s->proto));
	}
}
