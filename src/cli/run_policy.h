/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The egress firewall of a run: the policy of the command line goes into the ready-made program's maps, sockets get their owners, and what it
 * tells becomes a report. apps/egress.bpf.c decides; docs/policy.md is the user's side.
 */
#ifndef SKEP_CLI_RUN_POLICY_H
#define SKEP_CLI_RUN_POLICY_H

#include "apps/egress_policy.h"
#include "cli/cli.h"
#include "hook/net/net.h"

struct policy_args {
	struct policy policy;
	bool on; /* any option asked for it */
	bool advise, print;
	int violation_exit; /* exit code of a run in which something was refused; 0: the command's */
};

/* run_print_task - "curl -d x (12) < sh (10) < make (3)": who it was, and who made it. A long command line is cut. @t: NULL: unknown */
void run_print_task(FILE *f, const struct task *t);

struct run_policy;

/*
 * run_policy_new - fill the maps of a loaded egress-firewall.
 * @src:     the object's source; stays the caller's
 * @publish: ports of the tree that connections may come to
 * What is wrong is said. Return: EXIT_OK or EXIT_FAILED.
 */
int run_policy_new(const struct policy_args *args, struct source *src, const struct net_opts *net, bool live,
		   struct run_policy **out);
void run_policy_free(struct run_policy *p);

struct net_observer run_policy_observer(struct run_policy *p);

/* run_policy_open - the ports of the machine's loopback that the gate need not close: the program does. */
void run_policy_open(const struct policy_args *args, struct net_opts *net);

/*
 * run_policy_refused - is that what became of a frame of a run with a policy? A refusal is an answer most of the time, which the frame is turned into.
 * The flow's count of them has it already.
 */
bool run_policy_refused(const struct chain_result *r);

/* run_policy_rule - what decided on the frame of this flow that has just passed: a rule, a reason; "" when it told nothing. */
void run_policy_rule(struct run_policy *p, const struct flow *f, char *to, size_t size);

/* run_policy_report - what was refused, and the advice when it was asked for. @json: refusals as JSON Lines. Return: how many refusals. */
uint64_t run_policy_report(struct run_policy *p, bool quiet, bool json);

#endif
