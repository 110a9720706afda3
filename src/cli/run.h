/* SPDX-License-Identifier: BSD-2-Clause */
/* skep run: what its files share. run.c is the course of a run, run_args.c its command line, run_report.c what it tells at the end. */
#ifndef SKEP_CLI_RUN_H
#define SKEP_CLI_RUN_H

#include "cli/cli.h"
#include "cli/run_guard.h"
#include "cli/run_output.h"
#include "cli/run_policy.h"
#include "hook/calls/calls.h"
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
	struct guard_args guard;
	bool guarded; /* the guard is asked for: by its name, or by rules for it */
	struct output_args output;
	const char *name; /* of the run's hive; NULL: run-PID */
	const char *reserve; /* calls that are seen although no program asks for them yet; NULL */
	const char *events; /* a file for what objects send; NULL */
	const char *processes, *syscalls; /* watch: a file for its JSON, calls to count; NULL */
	bool by_trace; /* calls are seen by ptrace */
	bool quiet, json, verbose, interpret;
};

/* run_args_parse - Return: EXIT_OK, EXIT_USAGE with the reason said. */
int run_args_parse(const struct verb *verb, int argc, char **argv, struct run_args *out);

/*
 * A run without namespaces (--net=calls): skep makes the socket calls.
 *
 * run_bare_check - can what the command line asks for be had without namespaces? What cannot is said.
 * run_bare_new - after net_start(). *out is for calls_free().
 */
int run_bare_check(const struct run_args *args);
int run_bare_new(const struct run_args *args, struct net *net, const struct tree *tree, struct calls **out);

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

/*
 * Programs on what tasks do. Everything that is wrong is said.
 *
 * run_calls_new - before programs are attached: serve their points. @tree: made, its command not started
 * run_calls_attach - by the program's section.
 * run_calls_start - all is attached: see to it that what they want is seen; tree_go() comes next. @made: who makes socket calls; NULL
 * run_calls_stop - when the command has ended; run_calls_report() after it.
 */
struct run_calls;
uint32_t run_calls_workers(void); /* of the hive, from number 1 on */
bool run_calls_serves(uint32_t prog_type);
int run_calls_new(const struct verb *verb, const struct run_args *args, struct skep_hive *hive, const struct tree *tree,
		  struct run_calls **out);
int run_calls_attach(struct run_calls *c, const struct source *s, struct skep_program *p);
int run_calls_start(struct run_calls *c, struct tree *tree, struct calls *made);
void run_calls_stop(struct run_calls *c);
void run_calls_report(const struct run_calls *c, bool json);
void run_calls_free(struct run_calls *c);

/*
 * watch: its user part, where it is among the objects.
 *
 * run_watch_attach - count these system calls, too: names with commas between them
 * run_watch_take - an event; struct events_opts.take, @arg: the struct run_watch
 * run_watch_free - Return: EXIT_FAILED when its file could not be written to the end, which is said.
 */
struct run_watch;
bool run_watch_is(const struct source *s);
int run_watch_new(const struct run_args *args, struct source *source, struct skep_hive *hive, struct run_watch **out);
int run_watch_attach(struct run_watch *w, const char *calls);
void run_watch_take(void *arg, const char *map, const void *data, size_t size);
void run_watch_report(const struct run_watch *w, bool json);
int run_watch_free(struct run_watch *w);

/*
 * What objects send through ring and perf buffers.
 *
 * run_events_new - begin to read. @watch: has the events of the object 'watch', @guard those of its object @guards; NULL when there is none
 * run_events_stop - read what is left, and no more.
 */
struct run_events;
int run_events_new(const struct run_args *args, struct skep_hive *hive, struct source *sources, uint32_t n,
		   struct run_watch *watch, struct source *guards, struct run_guard *guard, struct run_events **out);
void run_events_stop(struct run_events *r);
void run_events_report(const struct run_events *r, bool json);
int run_events_free(struct run_events *r);

#endif
