/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TC programs on an interface, in an order. Since Linux 6.6 a link holds each (tcx), and knows its neighbours; before that each is a filter of the clsact qdisc, whose
 * priority is its place, and which stays until somebody deletes it.
 *
 * The order is a number that the user gave (OBJ@ORDER), lower first. Programs of others keep the places they have.
 */
#ifndef SKEP_DEPLOY_TC_H
#define SKEP_DEPLOY_TC_H

#include <stdbool.h>
#include <stdint.h>

enum { TC_ORDER = 50, TC_ORDER_MAX = 200 };

/* Where a filter of clsact is. */
struct tc_filter {
	uint32_t ifindex, handle, priority; /* priority 0: there is none */
	bool egress;
	bool qdisc; /* clsact was made for it, or for another of skep's that it joined: the last one takes it away */
};

/*
 * tc_order_of - what order a link of skep's has. @arg: the caller's. Return: it, or -1: the link is not one of skep's.
 */
typedef int (*tc_order_fn)(void *arg, uint32_t link_id);

/* tcx_attach - a link. Return: its fd; -EOPNOTSUPP: this kernel has no tcx; another negative errno. */
int tcx_attach(int prog, uint32_t ifindex, bool egress, uint32_t order, tc_order_fn order_of, void *arg);

/* clsact_attach - a filter behind those of lower or the same order. Return: 0 or a negative errno. */
int clsact_attach(int prog, uint32_t ifindex, bool egress, uint32_t order, struct tc_filter *out);
/* clsact_update - another program in its place, between two packets. */
int clsact_update(int prog, const struct tc_filter *f);
/* clsact_detach - delete it; the qdisc that was made for it goes when nothing else is in it. -ENOENT: it is gone already */
int clsact_detach(const struct tc_filter *f);
/* clsact_prog - the id of the program in it, 0: it is not there. */
uint32_t clsact_prog(const struct tc_filter *f);

#endif
