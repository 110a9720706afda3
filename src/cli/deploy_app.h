/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What skep deploy does for a ready-made program beside deploying its object: options of its own, constants before it is loaded, maps before it is attached, words for its
 * events. A file each: deploy_guard.c, ...; deploy.c has the table.
 */
#ifndef SKEP_CLI_DEPLOY_APP_H
#define SKEP_CLI_DEPLOY_APP_H

#include "cli/cli.h"
#include "cli/deployed.h"
#include "deploy/deploy.h"

#include <getopt.h>

struct deploy_app {
	const char *name; /* of the ready-made program (apps/apps.h) */
	const char *help; /* its lines of skep deploy --help; NULL */
	const struct option
		*options; /* their val is what option() gets, from 0; ended by one without a name. NULL: none */
	/* make - what it keeps while the command runs; NULL: no memory. drop - gives it back. */
	void *(*make)(void);
	void (*drop)(void *state);
	/* option - one of its options was given. Return: EXIT_OK or EXIT_USAGE, said (misuse()). NULL without options */
	int (*option)(const struct verb *verb, void *state, int which, char *arg);
	/* ready - all options have been given: is it complete? @to: can be changed. Return: EXIT_OK or EXIT_USAGE, said. NULL: always */
	int (*ready)(const struct verb *verb, void *state, struct deploy_opts *to);
	/* loads - is this program of the object loaded? NULL: as the object says (SEC("?...")). After ready() */
	bool (*loads)(void *state, const char *prog);
	/* opened, loaded - as in struct deploy_opts; NULL */
	int (*opened)(void *state, struct skep_object *obj, const struct target *target, char *why);
	int (*loaded)(void *state, struct skep_object *obj, const struct target *target, bool replaced, char *why);
	/* renewed - as in struct deploy_opts; NULL */
	bool (*renewed)(const char *map);
	/* watch - what event() keeps of a deployment; drop() gives it back. NULL: nothing */
	void *(*watch)(const struct deployed *d);
	/*
	 * event - a line of text for an event of its ring ('skep map events --kernel NAME'). @state: watch()'s.
	 * Return: false: it has no words for it, and it is shown as others are. NULL
	 */
	bool (*event)(void *state, FILE *to, const char *map, const void *data, size_t size);
};

extern const struct deploy_app deploy_egress, deploy_guard, deploy_watch;

/* deploy_app_find - by the object's name as the user, or a deployment's record, has it; NULL: it needs nothing. */
const struct deploy_app *deploy_app_find(const char *name);

#endif
