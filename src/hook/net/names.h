/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of addresses, as the answers of the tree's DNS gave them: for reports, not for decisions. The last name of an address counts. */
#ifndef SKEP_HOOK_NET_NAMES_H
#define SKEP_HOOK_NET_NAMES_H

#include <netinet/in.h>
#include <stdint.h>

struct names;

int names_new(struct names **out);
void names_free(struct names *n);

/* names_learn - from a DNS message; what is no good answer changes nothing. */
void names_learn(struct names *n, const uint8_t *msg, uint32_t len);

/* names_find - the name of an address (IPv4 as ::ffff:a.b.c.d), "" when there is none. */
const char *names_find(const struct names *n, const struct in6_addr *addr);

#endif
