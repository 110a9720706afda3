/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The user part of watch: a tree of processes, the files and the peers that they had, made of its events (watch.h) as they come. Nothing here
 * depends on where the program runs.
 *
 * Processes stay in the tree when they have ended, up to WATCH_KEPT of them; then some of the oldest that have ended, and are named by nothing in it,
 * are forgotten and counted. Paths and peers beyond WATCH_ROWS are counted as well.
 */
#ifndef APPS_WATCH_TREE_H
#define APPS_WATCH_TREE_H

#include "apps/watch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WATCH_KEPT = 20000, WATCH_ROWS = 20000 };

struct watch_process {
	struct watch_id id;
	struct watch_process *parent; /* NULL: not seen */
	struct watch_process *next, *same_hash; /* in the order of beginning */
	uint32_t uid, children, named; /* children in the tree; paths and peers that name it */
	char comm[16];
	char *binary,
		*arguments; /* what it executes, without its name; NULL: nothing seen, as of one that was forked only */
	uint64_t begun, ended; /* ns since boot; ended 0: not yet */
	int64_t status; /* wait status */
	uint64_t execs, opened, written, deleted, connected;
};

/* What processes did with a path. */
struct watch_path {
	char *path;
	struct watch_process *by, *remover; /* who wrote it last, and deleted it last; NULL: nobody */
	uint64_t opened, written, deleted, failed;
	uint32_t next; /* in its bucket, index + 1 */
};

/* Where they connected to. */
struct watch_peer {
	uint8_t addr[28]; /* struct sockaddr_in or sockaddr_in6 */
	struct watch_process *by; /* first */
	uint64_t connects, failed;
};

/* An event, taken apart. Texts are ended, and good until the next event. */
struct watch_seen {
	enum watch_kind kind;
	const struct watch_event *event;
	struct watch_process *process; /* whose it is */
	const char *path, *path2; /* NULL where there is none */
	const uint8_t *addr;
};

struct watch_tree;

struct watch_tree *watch_tree_new(void);
void watch_tree_free(struct watch_tree *t);

/*
 * watch_tree_take - an event as the ring has it.
 * @out: what it says; good until the next event
 * Return: 0, -EINVAL: it is no event of watch's, -ENOMEM: it is lost, and counted.
 */
int watch_tree_take(struct watch_tree *t, const void *event, size_t len, struct watch_seen *out);

struct watch_totals {
	uint64_t processes, execs, opened, written, deleted, renamed, connected, failed;
	uint64_t forgotten; /* processes, paths and peers that found no place */
};
void watch_tree_totals(const struct watch_tree *t, struct watch_totals *out);

/* The processes in the order in which they began; the paths and peers in the order in which they were first seen. */
const struct watch_process *watch_tree_first(const struct watch_tree *t);
const struct watch_path *watch_tree_paths(const struct watch_tree *t, uint32_t *n);
const struct watch_peer *watch_tree_peers(const struct watch_tree *t, uint32_t *n);

/* watch_writes - does open(2) with these flags change a file, or may what it gives do so? */
bool watch_writes(uint32_t flags);

#endif
