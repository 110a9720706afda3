/* SPDX-License-Identifier: BSD-2-Clause */
/* skep run: what its files share. run.c is the course of a run, run_args.c its command line, run_report.c what it tells at the end. */
#ifndef SKEP_CLI_RUN_H
#define SKEP_CLI_RUN_H

#include "cli/cli.h"
#include "cli/run_output.h"
#include "cli/run_policy.h"
#include "hook/net/net.h"

enum { RUN_OBJECTS = 32, RUN_PRIORITY = 50 };

struct run_object {
	const char *name; /* a file, or a ready-made program */
	uint32_t priority; /* lower ones run first */
};

/* The command line. All pointers are into argv. */
struct run_args {
	struct run_object objects[RUN_OBJECTS];
	uint32_t n_objects;
	char **command;
	struct tree_opts tree;
	int keep_fds[TREE_FDS];
	const char *sockets[TREE_SOCKETS];
	struct net_opts net; /* what the command line says of it */
	struct policy_args policy;
	struct output_args output;
	const char *name; /* of the run's hive; NULL: run-PID */
	bool quiet, json, verbose, interpret;
};

/* run_args_parse - Return: EXIT_OK, EXIT_USAGE with the reason said. */
int run_args_parse(const struct verb *verb, int argc, char **argv, struct run_args *out);

/* The map from sockets to tasks that objects may declare (skep/task.h). What is wrong is said. */
struct run_tasks;
int run_tasks_new(const struct source *sources, uint32_t n, struct run_tasks **out);
void run_tasks_free(struct run_tasks *t);
struct net_observer run_tasks_observer(struct run_tasks *t);

/* The report: an observer of the network, and what is printed of it. */
struct run_report;
int run_report_new(struct run_report **out);
void run_report_free(struct run_report *r);
struct net_observer run_report_observer(struct run_report *r);
/* run_report_print - the summary. @ns: how long the command ran. */
void run_report_print(const struct run_report *r, const struct net_losses *losses, uint64_t ns, bool json);

#endif
