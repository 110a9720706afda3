/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The routing table of a run: what bpf_fib_lookup() asks. A hive has no network stack; its user hands it links, addresses, routes,
 * neighbours and rules as text (fib_parse.c: the words are those of iproute2), and look-ups go by them as Linux goes by its own.
 *
 * A table does not change once it is made, so any number of workers read it without a lock.
 */
#ifndef SKEP_HELPER_FIB_H
#define SKEP_HELPER_FIB_H

#include <linux/if_ether.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fib_route_type { FIB_UNICAST, FIB_LOCAL, FIB_BROADCAST, FIB_BLACKHOLE, FIB_UNREACHABLE, FIB_PROHIBIT, FIB_THROW };

/* Numbers of tables, as in linux/rtnetlink.h. */
enum { FIB_TABLE_MAIN = 254, FIB_TABLE_LOCAL = 255 };

enum { FIB_NONE = UINT32_MAX };

/* An address of either family: IPv4 in the first four bytes, the rest zero. */
struct fib_ip {
	uint8_t b[16];
};

struct fib_link {
	uint32_t ifindex, mtu;
	char name[16];
	uint8_t mac[ETH_ALEN];
	bool forward4, forward6;
};

struct fib_addr {
	uint8_t family, plen; /* AF_INET, AF_INET6 */
	struct fib_ip ip;
	uint32_t link; /* index into links */
};

struct fib_route {
	uint32_t table;
	uint8_t family, plen, type; /* enum fib_route_type */
	uint8_t gw_family; /* 0: the destination is on the link */
	bool has_src, encap; /* encap: sent in a tunnel that the look-up cannot describe */
	struct fib_ip dst, gw, src;
	uint32_t metric, link, mtu; /* link: FIB_NONE for a route that leads nowhere; mtu: 0, or what "mtu lock" says */
	uint32_t outer; /* the next shorter prefix of the same table that holds this one, FIB_NONE */
	uint32_t line; /* of the text, for messages */
};

struct fib_neigh {
	uint8_t family;
	struct fib_ip ip;
	uint32_t link;
	uint8_t mac[ETH_ALEN];
};

struct fib_rule {
	uint8_t family;
	uint32_t pref, mark, mask, table;
};

struct fib {
	struct fib_link *links; /* by ifindex */
	struct fib_addr *addrs; /* as they were given */
	struct fib_route *routes; /* sorted by family, table, dst, plen, metric */
	struct fib_neigh *neighs; /* sorted by family, link, ip */
	struct fib_rule *rules; /* sorted by family, pref */
	uint32_t n_links, n_addrs, n_routes, n_neighs, n_rules;
};

/*
 * fib_parse - make a table from text.
 * @text, @len: lines; need not be NUL-terminated
 * @out:        the table; given back with fib_free()
 * @why, @size: on -EINVAL the reason with its line: "line 3: ..."
 * Return: 0, -EINVAL, -ENOMEM.
 */
int fib_parse(const char *text, size_t len, struct fib **out, char *why, size_t size);
void fib_free(struct fib *fib);

/* fib_index - sort what was collected and link each prefix to the one around it. 0 or -ENOMEM. Called by fib_parse(). */
int fib_index(struct fib *fib);

/* For parsing and look-ups. */
const struct fib_link *fib_link_of(const struct fib *fib, uint32_t ifindex);
bool fib_in_prefix(const struct fib_ip *ip, const struct fib_ip *prefix, uint32_t plen);

#endif
