/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a program sends while it runs: ring buffers and perf buffers, emptied through libbpf's own readers. An event is decoded
 * through BTF when the object has a struct that is named after its map (or MAP_event, or plain event) and is as large as
 * the event; else its bytes are shown in hex.
 */
#ifndef SKEP_CLI_EVENTS_H
#define SKEP_CLI_EVENTS_H

#include "cli/cli.h"

struct events;

/* events_open - begin to read all of an object's buffers. @json: print events as JSON Lines; @verbose: print them as text. */
int events_open(struct events **out, struct source *s, bool json, bool verbose);
/* events_drain - read what there is. */
void events_drain(struct events *e);
/* events_print, events_json - the counts: events and losses by map. */
void events_print(const struct events *e);
void events_json(const struct events *e, struct json_object *o);
void events_close(struct events *e);

#endif
