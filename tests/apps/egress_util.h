/* SPDX-License-Identifier: BSD-2-Clause */
/* The egress firewall in a hive of its own, frames as a tree sends and gets them, and DNS messages. For cmocka. */
#ifndef TESTS_APPS_EGRESS_UTIL_H
#define TESTS_APPS_EGRESS_UTIL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "frames.h"
#include "skep/skep.h"

#include "apps/egress.h"
#include "apps/egress_fill.h"

#include <linux/pkt_cls.h>

enum { TCP = 6, UDP = 17, ICMP = 1, ICMP6 = 58, FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16, MAX_EVENTS = 256 };

/* What the program says when it has nothing against a frame, and when it turns it back. */
enum { LET_GO = (uint32_t)TC_ACT_UNSPEC, DROPPED = TC_ACT_SHOT, TURNED = TC_ACT_REDIRECT };

#define TREE      "10.0.2.15"
#define TREE6     "fd00::15"
#define RESOLVER  "10.0.2.3"
#define RESOLVER6 "fd00::3"

struct egress_run {
	struct skep_hive *hive;
	struct skep_object *obj;
	int out_prog, in_prog;
	struct policy policy;
	uint8_t out[FRAME_MAX]; /* the frame after the run */
	uint32_t out_len;
	struct egress_event events[MAX_EVENTS]; /* after egress_drain() */
	uint32_t n_events;
	uint16_t next_id;
};

/* egress_open - the firewall with a policy file's text, loaded and filled. Give back with egress_close(). */
struct egress_run *egress_open(const char *policy);
void egress_close(struct egress_run *e);

/* egress_refill - another policy. */
void egress_refill(struct egress_run *e, const char *policy);

/* egress_try_fill - e->policy into the maps. Return: what policy_fill() says. */
int egress_try_fill(struct egress_run *e, struct policy_error *err);

/* egress_send, egress_get - the verdict on a frame that leaves the tree, or comes to it. */
uint32_t egress_send(struct egress_run *e, const struct spec *s);
uint32_t egress_get(struct egress_run *e, const struct spec *s);
uint32_t egress_send_bytes(struct egress_run *e, const void *frame, uint32_t len);
uint32_t egress_get_bytes(struct egress_run *e, const void *frame, uint32_t len);

/* egress_drain - the events since the last time, into e->events. */
void egress_drain(struct egress_run *e);

/* egress_fd - a map's. */
int egress_fd(struct egress_run *e, const char *map);

/* One record of an answer. */
struct answer_record {
	const char *owner; /* NULL: a pointer to the question's name */
	uint16_t type;
	uint32_t ttl;
	const char *data; /* an address, or a name for CNAME */
};

/* dns_make - a query, or an answer when there are records or @answer. Return: its length. */
uint32_t dns_make(uint8_t *to, uint16_t id, const char *name, uint16_t type, bool answer,
		  const struct answer_record *records, uint32_t n);

/* dns_ask - the tree asks its resolver over UDP from port 4444. Return: the verdict. */
uint32_t dns_ask(struct egress_run *e, uint16_t id, const char *name, uint16_t type);

/* dns_tell - the resolver answers that. */
uint32_t dns_tell(struct egress_run *e, uint16_t id, const char *name, uint16_t type,
		  const struct answer_record *records, uint32_t n);

/* dns_learn - ask and tell: one address of a name. */
void dns_learn(struct egress_run *e, const char *name, const char *addr);

/* connect_to - a SYN from the tree. Return: the verdict. */
uint32_t connect_to(struct egress_run *e, const char *addr, uint16_t port);

#endif
