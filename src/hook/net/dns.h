/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tree's DNS: queries over UDP to PORT_DNS4 and PORT_DNS6 are passed on to the machine's own name servers, each
 * under a random number from a socket of its own, and answers go back as they came. The name `host` (and host.internal) is answered
 * here: it is the machine outside, at the gateway's address. What is asked over TCP goes through the uplink to the same servers.
 */
#ifndef SKEP_HOOK_NET_DNS_H
#define SKEP_HOOK_NET_DNS_H

#include "hook/net/ip.h"

#include <poll.h>

enum { DNS_QUERIES = 256, DNS_SERVERS = 3, DNS_PATIENCE_MS = 10000 };

struct dns;

struct dns_opts {
	struct sockaddr_in6 servers[DNS_SERVERS]; /* IPv4 as ::ffff:a.b.c.d */
	uint32_t n_servers;
	void (*deliver)(void *arg, const uint8_t *frame, uint32_t len); /* a frame for the tree */
	void *arg;
};

/* dns_servers - those of /etc/resolv.conf; with none there, 127.0.0.1 as the C library has it. */
void dns_servers(struct dns_opts *opts);

int dns_new(const struct dns_opts *opts, struct dns **out);
void dns_free(struct dns *d);

/* dns_wants - is this frame of the tree's a query for here? */
bool dns_wants(const struct dns *d, const struct ip_view *v);
/* dns_query - pass it on. */
void dns_query(struct dns *d, const uint8_t *frame, uint32_t len, const struct ip_view *v);

/* dns_fill, dns_work - as with the uplink. @timeout: ms, lowered. */
const struct pollfd *dns_fill(struct dns *d, uint32_t *n, int *timeout);
void dns_work(struct dns *d, const struct pollfd *fds);

/* dns_lost - queries that no server answered, or that found no room. */
uint64_t dns_lost(const struct dns *d);

/*
 * dns_name - the name that a message asks for, in lower case without the last dot.
 * @name: 256 bytes
 * @type: the question's; NULL
 * Return: false when there is no such question, or one that is no host's name.
 */
bool dns_name(const uint8_t *msg, uint32_t len, char *name, uint16_t *type);

#endif
