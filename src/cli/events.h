/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a program sends while it runs: ring buffers and perf buffers, emptied through libbpf's own readers. An event is decoded
 * through BTF when the object has a struct that is named after its map (or MAP_event, or plain event) and is as large as
 * the event; else its bytes are shown in hex.
 */
#ifndef SKEP_CLI_EVENTS_H
#define SKEP_CLI_EVENTS_H

#include "cli/cli.h"
#include "cli/mapio.h"

#include <poll.h>

struct events;

struct events_opts {
	FILE *to; /* where events are printed */
	bool json; /* as JSON Lines */
	bool verbose; /* as text; neither: they are only counted */
	/* words - a line of text for an event, where it is shown as text; false: it has none, and it is shown as others are. NULL */
	bool (*words)(FILE *to, const char *map, const void *data, size_t size);
	/* take - has the events in place of all that, on the thread that reads; NULL. @map: its name */
	void (*take)(void *arg, const char *map, const void *data, size_t size);
	void *arg;
};

/* events_open - begin to read all of an object's buffers. */
int events_open(struct events **out, struct source *s, const struct events_opts *opts);
/*
 * events_open_maps - the same for maps that are there. @maps: @n; what is no buffer among them is passed over; the names are the caller's, until events_close()
 * @btf: types to decode by; NULL: bytes. @hive: whose the maps are, NULL: the kernel's, which does not tell what a ring buffer lost
 */
int events_open_maps(struct events **out, const struct map_view *maps, uint32_t n, const struct btf *btf,
		     struct skep_hive *hive, const struct events_opts *opts);
/* events_drain - read what there is. */
void events_drain(struct events *e);
/*
 * events_fds - what to poll(2) for until there may be something to read. @room: of @fds. Return: how many were put there.
 * events_woken - after that: read what there is, and be ready to be woken again. The thread has entered the hive (seam_enter()).
 */
uint32_t events_fds(const struct events *e, struct pollfd *fds, uint32_t room);
void events_woken(struct events *e);
/* events_print, events_json - the counts: events and losses by map. */
void events_print(const struct events *e, FILE *to);
void events_json(const struct events *e, struct json_object *o);
void events_close(struct events *e);

#endif
