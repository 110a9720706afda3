/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The server of a hive that outlives its commands: a socket (place.h), and a thread for each client. Only processes of the
 * same user are served: the folder lets no other in, and SO_PEERCRED is asked all the same.
 *
 * Who has the lock file locked is the hive of that name; the kernel gives the lock back however the server ends, so what a
 * killed server left behind is taken over without a guess.
 */
#ifndef SKEP_HIVE_SERVER_H
#define SKEP_HIVE_SERVER_H

#include "hive/place.h"
#include "skep/skep.h"

enum { SERVER_CLIENTS = 128 }; /* connections at a time */

struct hive_server;

/*
 * server_new - take a place and listen there. Nothing is served before server_run().
 * @place:  copied
 * @hive:   stays the caller's, and must outlive the server
 * @why:    on failure the reason, a whole sentence
 * Return: 0; -EADDRINUSE when a hive of that name is running; another negative errno.
 */
int server_new(const struct place *place, struct skep_hive *hive, struct hive_server **out, char *why, size_t why_len);

/* server_run - serve until somebody says stop. Return: 0, or a negative errno when no more clients can be accepted. */
int server_run(struct hive_server *s);

/* server_stop - make server_run() return; may be called from a signal handler. */
void server_stop(struct hive_server *s);

/* server_free - hang up on every client, wait for their calls to end, and give the place up. NULL is fine. */
void server_free(struct hive_server *s);

#endif
