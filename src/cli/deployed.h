/* SPDX-License-Identifier: BSD-2-Clause */
/* Maps and events of what 'skep deploy' has put into the kernel, by the deployment's name: as live.h has them of a run. */
#ifndef SKEP_CLI_DEPLOYED_H
#define SKEP_CLI_DEPLOYED_H

#include "cli/cli.h"
#include "cli/mapio.h"
#include "deploy/store.h"

struct deploy_app;

struct deployed {
	struct store store;
	char name[STORE_NAME];
	struct btf *btf; /* of its programs, NULL: they have none */
	const struct deploy_app *app; /* the ready-made program that it is, where it has words for its events; NULL */
};

/* deployed_open - find one; what is wrong is said. Return: EXIT_OK or EXIT_FAILED; deployed_close() in either case. */
int deployed_open(struct deployed *d, const char *name);
void deployed_close(struct deployed *d);

/* deployed_maps - a view of each map. @out: *n of them, given back with map_views_free(). Return: EXIT_OK or EXIT_FAILED, said. */
int deployed_maps(struct deployed *d, struct map_view **out, uint32_t *n);

/*
 * deployed_events - print what its programs send, through ring buffers and perf buffers, until the command is interrupted or the deployment ends.
 * @map: only what comes through this one; NULL: all
 */
int deployed_events(struct deployed *d, const struct map_view *maps, uint32_t n, const char *map, bool json);

#endif
