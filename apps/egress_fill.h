/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between a policy and the maps of egress.bpf.c: rules go in, owners of sockets go in, events come out. Through libbpf alone, so it
 * is the same in a hive and in the kernel. No global state.
 */
#ifndef SKEP_APPS_EGRESS_FILL_H
#define SKEP_APPS_EGRESS_FILL_H

#include "apps/egress_policy.h"

struct bpf_object;

/* A process: who opened a socket, or an ancestor of that. */
struct task_facts {
	uint32_t pid;
	const char *exe, *cmdline; /* NULL: unknown */
	char comm[16];
};

enum { EGRESS_PLACE_RESOLVERS = 16, EGRESS_PLACE_LINKS = 64, EGRESS_PLACE_PORTS = 256 };

/* An interface of the machine's that a policy is for, in place of a tree of skep run's. */
struct egress_place {
	uint8_t resolvers[EGRESS_PLACE_RESOLVERS][16]; /* whose answers teach names; IPv4: mapped */
	uint32_t n_resolvers;
	struct {
		uint8_t addr[16], bits;
	} links[EGRESS_PLACE_LINKS]; /* IPv6 prefixes on its link: neighbour discovery goes there */
	uint32_t n_links;
	uint32_t number; /* of the policy, other than that of the one before: flows and events name it */
};

/*
 * policy_fill - the policy into the maps of a loaded object. Once more replaces the rules for flows that begin from then
 * on; what was learnt from DNS is forgotten, and between the first and the last map the two policies mix.
 * @err: what is wrong, when it is the policy: too much bears on one name or address
 * Return: 0, -E2BIG, -ENOMEM, -ENOENT when the object is another, or what bpf(2) says.
 */
int policy_fill(const struct policy *p, struct bpf_object *obj, struct policy_error *err);

/*
 * policy_fill_at - the same for an interface of the machine's. @p: was read with of_interface
 * What was learnt stays, for it is held against the new rules. Two objects may share the maps flows, learnt, asked, fragments and events, so that one takes the other's place
 * with all its maps filled; egress_own_map() tells which maps each must have of its own.
 */
int policy_fill_at(const struct policy *p, const struct egress_place *at, struct bpf_object *obj,
		   struct policy_error *err);

/* egress_own_map - does the map hold the policy, or count by its rules? Then a new policy begins with an empty one. */
bool egress_own_map(const char *map);

/*
 * egress_keep_text - the policy's text goes beside it, for those who show events. egress_text_size() is the value size that the map "policy" must be given before the object
 * is loaded. Return: 0 or a negative errno.
 */
uint32_t egress_text_size(const struct policy *p);
int egress_keep_text(const struct policy *p, const struct egress_place *at, struct bpf_object *obj);

/*
 * egress_read_text - the policy out of a map "policy". @fd: the map
 * @p:      all zero, the caller's to free
 * @number: of the policy
 * Return: 0 or a negative errno.
 */
int egress_read_text(int fd, struct policy *p, uint32_t *number);

/* egress_publish - let connections to a port of the tree in. @proto: POLICY_TCP or POLICY_UDP. 0 or a negative errno. */
int egress_publish(struct bpf_object *obj, uint8_t proto, uint16_t port);

/* egress_owner_mask - which exe= patterns hold for the first of @chain, or for any ancestor that follows. */
uint64_t egress_owner_mask(const struct policy *p, const struct task_facts *chain, uint32_t n);

/*
 * egress_owner - say whose a socket is, before its first frame gets to the program.
 * @owners: fd of the map of that name
 * @cookie: as bpf_get_socket_cookie() gives it to the program
 * Return: 0 or a negative errno. A policy without exe= needs none, and asks for nothing.
 */
int egress_owner(const struct policy *p, int owners, uint64_t cookie, const struct task_facts *chain, uint32_t n);

/* A record of the ring `events`. Strings are the program's or the policy's. */
struct egress_event {
	uint64_t ns; /* CLOCK_MONOTONIC */
	uint64_t cookie; /* 0: no socket is known */
	bool v6, inbound;
	uint8_t local[16], remote[16]; /* IPv4: mapped */
	uint16_t local_port, remote_port; /* host byte order; 0 without ports */
	uint8_t icmp_type, icmp_code;
	uint8_t proto; /* IPPROTO_* */
	uint16_t query; /* a DNS query for name of this type, else 0 */
	uint8_t verdict; /* enum egress_verdict */
	uint8_t reason; /* enum egress_reason */
	const char *why; /* the reason in words */
	uint32_t rule; /* as in the map `counters` */
	uint32_t policy; /* number of the policy that has the rule */
	int32_t policy_rule; /* index into the policy's rules, -1: none of them */
	const char *rule_name; /* of a rule that is none of them, else NULL */
	char name[132]; /* what the remote address was learnt under, or what was named; "" none; "..." in front: cut */
};

/* egress_event - a record in words. Return: 0, -EINVAL when the bytes are none. */
int egress_event(const void *data, size_t size, struct egress_event *out);

/* egress_reason_text, egress_rule_text - one line on an enum; never NULL. rule: below EGRESS_RULE_USER. */
const char *egress_reason_text(uint8_t reason);
const char *egress_rule_text(uint32_t rule);

/* What was seen, to make the policy of it that allows exactly that. */
struct egress_advice;

struct egress_advice *egress_advice_new(void);
void egress_advice_free(struct egress_advice *a);

/* egress_advice_add - an event of any verdict. Return: 0 or -ENOMEM. */
int egress_advice_add(struct egress_advice *a, const struct egress_event *event);

/* egress_advice_print - as a policy file, sorted. Also good when nothing was seen. */
void egress_advice_print(struct egress_advice *a, FILE *out);

#endif
