/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guard of a run: a policy on files, executables and system calls. Files are closed by the kernel (hook/tree/files.h); the ready-made program
 * (apps/guard.bpf.c) holds to the rest, and tells what was refused, by whichever of the two; docs/guard.md is the user's side.
 */
#ifndef SKEP_CLI_RUN_GUARD_H
#define SKEP_CLI_RUN_GUARD_H

#include "apps/guard_policy.h"
#include "cli/cli.h"
#include "hook/tree/tree.h"

struct guard_args {
	struct guard_policy policy;
	struct policy_part part;
	struct tree_path *paths; /* what struct tree_opts.files points at */
	uint8_t asked; /* enum tree_access: what of it programs decide on */
};

struct run_calls;
struct run_guard;

/* guard_args_init - before the command line is read: whose home, which folder, the names of system calls. @policy: the file that has both parts */
void guard_args_init(struct guard_args *a, struct policy *policy);
void guard_args_free(struct guard_args *a);

/* guard_args_paths - PATH[,PATH...] of --read, --write and --run. Return: EXIT_OK or EXIT_USAGE, said. */
int guard_args_paths(const struct verb *verb, enum guard_access access, const char *list, struct guard_policy *g);

/*
 * guard_follow_links - the rules' folders as they really are: Landlock and what programs are told of files know no links.
 * Return: EXIT_OK or EXIT_FAILED, said.
 */
int guard_follow_links(struct guard_policy *p);

/*
 * guard_args_files - what the tree may reach, of the policy's paths as they are now; links in them are followed.
 * @audit: nothing is closed
 * What cannot be held to here is said. Return: EXIT_OK or EXIT_FAILED.
 */
int guard_args_files(struct guard_args *a, bool audit, struct tree_files *out);

/* guard_args_asked - the first path of which programs decide (hook/tree/files.h, files_asked()); NULL: none. */
const char *guard_args_asked(const struct guard_args *a);

/*
 * run_guard_new - fill the maps of a loaded guard.
 * @live: refusals are told as they happen
 */
int run_guard_new(struct guard_args *args, bool audit, bool advise, bool live, struct source *src,
		  const struct tree *tree, struct run_guard **out);
/* run_guard_attach - its programs, those that the policy needs. */
int run_guard_attach(struct run_guard *g, struct run_calls *calls);
/* run_guard_take - an event; struct events_opts.take. */
void run_guard_take(void *arg, const char *map, const void *data, size_t size);
/* run_guard_report - what was refused, and the advice when it was asked for. @json: refusals as JSON Lines. Return: how many refusals. */
uint64_t run_guard_report(const struct run_guard *g, bool quiet, bool json);
void run_guard_free(struct run_guard *g);

#endif
