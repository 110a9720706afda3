/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a run writes besides its summary, all from the network's thread: a flow log (--flows), the frames (--pcapng), counters (--metrics), a line of
 * progress. What cannot be written is counted, and told at the end; the run goes on.
 */
#ifndef SKEP_CLI_RUN_OUTPUT_H
#define SKEP_CLI_RUN_OUTPUT_H

#include "cli/run_policy.h"
#include "hook/net/net.h"

struct output_args {
	const char *flows, *pcapng, *metrics; /* NULL: not asked for */
	bool progress;
};

struct run_output;

/*
 * run_output_new - open the files.
 * @policy: of the run, for the rules that decided; NULL
 * What is wrong is said. Return: EXIT_OK or EXIT_FAILED.
 */
int run_output_new(const struct output_args *args, struct run_policy *policy, struct run_output **out);
struct net_observer run_output_observer(struct run_output *o);

/*
 * run_output_finish - write all out and close. @losses: of the network.
 * Return: EXIT_OK, or EXIT_FAILED when something could not be written, which is said.
 */
int run_output_finish(struct run_output *o, const struct net_losses *losses);
void run_output_free(struct run_output *o);

/* flow_log_line - a line of the flow log. docs/json.md has the fields. @event: "begin", "drop" or "end". The caller's. */
struct json_object *flow_log_line(const char *event, const struct flow *f, const struct net_frame *frame,
				  const char *rule);

/* run_task_json - a process and its ancestors: "pid", "binary", "arguments", "parents". Return: the caller's; NULL for a @t of NULL. */
struct json_object *run_task_json(const struct task *t);

#endif
