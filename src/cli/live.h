/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A run, or a hive, from another terminal: its maps, programs and links through bpf(2) on its socket. libbpf works on it as on a hive of this
 * process: bpf(2) is passed on (struct skep_hive, far).
 */
#ifndef SKEP_CLI_LIVE_H
#define SKEP_CLI_LIVE_H

#include "base/uapi.h"
#include "bpf/hive.h"
#include "cli/cli.h"
#include "cli/mapio.h"
#include "hive/client.h"

struct live {
	struct source src; /* its hive is the way there */
	struct hive_far far;
	struct client client;
	char name[64];
};

/*
 * live_open - find a run by its name or its process id, or a hive by its name; the thread has entered it then.
 * What is wrong is said. Return: EXIT_OK or EXIT_FAILED; live_close() in either case.
 */
int live_open(struct live *l, const char *name);
void live_close(struct live *l);

/* live_maps - a view of each map. @out: *n of them, given back with map_views_free(). Return: EXIT_OK or EXIT_FAILED, said. */
int live_maps(struct live *l, struct map_view **out, uint32_t *n);

/*
 * live_task_point - where a program on tasks is attached: "tracepoint/syscalls/sys_enter_openat", "fentry/vfs_unlink".
 * @name: of the point, as the link's info gives it
 * Return: false: the link is none of those, or detached.
 */
bool live_task_point(const struct skep_link_info *info, const char *name, uint32_t prog_type, char *at, size_t size);

/* The links of a run: what is attached where. @link: a link's id, or its program's name where that is but one. */
int live_links_show(struct live *l, bool json);
int live_link_detach(struct live *l, const char *link);

/*
 * live_link_replace - another program in the place of one, between two frames. Maps of the new object take over those of the old program that
 * have their names and shapes.
 * @prog: of the object, NULL: its only one
 */
int live_link_replace(struct live *l, const char *link, const char *object, const char *prog);

/*
 * live_attach - one more program, behind those at its point: of frames, or of tasks where the run sees what brings it (skep run --reserve).
 */
int live_attach(struct live *l, const char *object, const char *prog);

#endif
