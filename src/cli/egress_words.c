/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/egress_words.h"

#include "apps/egress.h"
#include "hook/net/ip.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

/* The address that a name under in-addr.arpa or ip6.arpa stands for (RFC 1035 3.5, RFC 3596 2.5). */
static bool reverse_name(const char *name, char *to, size_t size)
{
	unsigned int a, b, c, d;
	struct in6_addr six = {0};
	char rest;

	if (sscanf(name, "%3u.%3u.%3u.%3u.in-addr.arp%c", &a, &b, &c, &d, &rest) == 5)
		return snprintf(to, size, "%u.%u.%u.%u", d, c, b, a) < (int)size;
	if (strlen(name) != 64 + strlen("ip6.arpa") || strcmp(name + 64, "ip6.arpa"))
		return false;
	for (int i = 0; i < 32; i++) {
		const char digit[2] = {name[2 * i]};
		char *end;
		unsigned long n = strtoul(digit, &end, 16);

		if (*end || end == digit || name[2 * i + 1] != '.')
			return false;
		six.s6_addr[15 - i / 2] |= (uint8_t)(n << 4 * (i % 2));
	}
	return inet_ntop(AF_INET6, &six, to, (socklen_t)size) != NULL;
}

void egress_words_reason(FILE *f, const struct policy *p, const struct egress_event *e)
{
	if (e->rule == EGRESS_RULE_FRAME || e->reason == EGRESS_UNASKED) {
		/* The reason says more than the rule's name. */
		fputs(e->why, f);
	} else if (e->policy_rule >= 0 && e->verdict != EGRESS_ALLOWED && e->reason > EGRESS_QUERY_NAME) {
		/* The rule would have let it pass: something else stood against it. */
		fprintf(f, "%s (", e->why);
		policy_print_rule(p, &p->rules[e->policy_rule], f);
		fputc(')', f);
	} else if (e->policy_rule >= 0) {
		fputs("by ", f);
		policy_print_rule(p, &p->rules[e->policy_rule], f);
	} else if (e->rule == EGRESS_RULE_DEFAULT && (e->query || e->reason == EGRESS_BY_RULE)) {
		fputs(e->verdict == EGRESS_ALLOWED ? "no rule refuses it" : "no rule allows it", f);
	} else {
		fputs(e->rule != EGRESS_RULE_DEFAULT && e->rule_name ? e->rule_name : e->why, f);
	}
}

void egress_words(FILE *f, const struct policy *p, const struct egress_event *e)
{
	char addr[INET6_ADDRSTRLEN], proto[32];
	struct in6_addr remote;

	if (e->query && reverse_name(e->name, addr, sizeof(addr))) {
		fprintf(f, "look-up of the name of %s", addr);
	} else if (e->query) {
		fprintf(f, "look-up of %s", e->name);
	} else {
		memcpy(&remote, e->remote, sizeof(remote));
		fprintf(f, "%s %s", ip_proto_name(e->proto, proto), ip_text(&remote, addr));
		if (e->remote_port)
			fprintf(f, ":%u", e->remote_port);
		if (*e->name)
			fprintf(f, " (%s)", e->name);
		if (e->inbound && e->local_port)
			fprintf(f, " to port %u", e->local_port);
	}
	fputs(": ", f);
	egress_words_reason(f, p, e);
}
