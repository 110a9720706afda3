/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the objects of a run send through ring buffers and perf buffers, while it runs: a thread reads, so that no buffer fills up while the
 * command goes on; it looks by itself, too, for programs that wake nobody (BPF_RB_NO_WAKEUP). It prints where it was told to; else it counts.
 */
#include "base/util.h"
#include "bpf/seam.h"
#include "cli/events.h"
#include "cli/run.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>

enum { FDS = 256, LOOK_MS = 100 };

struct run_events {
	struct skep_hive *hive;
	struct events *streams[RUN_OBJECTS + 1];
	bool silent[RUN_OBJECTS + 1]; /* whose events have a report of their own */
	uint32_t n;
	FILE *to;
	bool json;
	pthread_t thread;
	bool started;
	int stop; /* an eventfd */
};

static void *read_all(void *arg)
{
	struct run_events *r = arg;
	struct pollfd fds[FDS] = {{.fd = r->stop, .events = POLLIN}};
	uint32_t n = 1;

	prctl(PR_SET_NAME, "skep-events", 0, 0, 0);
	seam_enter(r->hive);
	for (uint32_t i = 0; i < r->n; i++)
		n += events_fds(r->streams[i], fds + n, FDS - n);
	while (!fds[0].revents) {
		if (poll(fds, n, LOOK_MS) < 0 && errno != EINTR)
			break;
		for (uint32_t i = 0; i < r->n; i++)
			events_woken(r->streams[i]);
		if (r->json || r->to != stderr)
			fflush(r->to);
	}
	for (uint32_t i = 0; i < r->n; i++)
		events_drain(r->streams[i]);
	return NULL;
}

int run_events_new(const struct run_args *args, struct skep_hive *hive, struct source *sources, uint32_t n,
		   struct run_watch *watch, struct source *guards, struct run_guard *guard, struct run_events **out)
{
	struct events_opts opts = {.to = stderr, .json = args->json || args->events, .verbose = args->verbose};
	struct run_events *r = calloc(1, sizeof(*r));
	struct skep_hive *before;
	int err = EXIT_OK;

	*out = r;
	if (!r)
		return fail("out of memory");
	*r = (struct run_events){.hive = hive, .to = stderr, .json = opts.json, .stop = eventfd(0, EFD_CLOEXEC)};
	if (r->stop < 0)
		return fail("events: %s", strerror(errno));
	if (args->events) {
		r->to = fopen(args->events, "we");
		if (!r->to)
			return fail("%s: %s", args->events, strerror(errno));
		opts.to = r->to;
	}
	before = seam_enter(hive);
	for (uint32_t i = 0; i < n && !err; i++) {
		bool watches = run_watch_is(&sources[i]);

		opts.take = watches ? run_watch_take : NULL;
		opts.arg = watches ? watch : NULL;
		r->silent[r->n] = watches;
		if (sources[i].obj)
			err = events_open(&r->streams[r->n++], &sources[i], &opts);
	}
	if (guard && !err) {
		opts.take = run_guard_take;
		opts.arg = guard;
		r->silent[r->n] = true;
		err = events_open(&r->streams[r->n++], guards, &opts);
	}
	seam_enter(before);
	if (!err && pthread_create(&r->thread, NULL, read_all, r))
		err = fail("events: %s", strerror(EAGAIN));
	r->started = !err;
	return err;
}

void run_events_stop(struct run_events *r)
{
	uint64_t one = 1;

	if (!r || !r->started)
		return;
	r->started = write(r->stop, &one, sizeof(one)) != sizeof(one);
	pthread_join(r->thread, NULL);
	r->started = false;
}

void run_events_report(const struct run_events *r, bool json)
{
	struct json_object *o;

	for (uint32_t i = 0; r && i < r->n; i++) {
		if (r->silent[i])
			continue;
		if (!json) {
			events_print(r->streams[i], stderr);
			continue;
		}
		o = json_object_new_object();
		json_object_object_add(o, "kind", json_object_new_string("events"));
		events_json(r->streams[i], o);
		print_json_to(stderr, o);
	}
}

int run_events_free(struct run_events *r)
{
	struct skep_hive *before;
	int err = EXIT_OK;

	if (!r)
		return err;
	run_events_stop(r);
	before = seam_enter(r->hive);
	for (uint32_t i = 0; i < r->n; i++)
		events_close(r->streams[i]);
	seam_enter(before);
	if (r->to && r->to != stderr && fclose(r->to))
		err = fail("events: %s", strerror(errno));
	if (r->stop >= 0)
		close(r->stop);
	free(r);
	return err;
}
