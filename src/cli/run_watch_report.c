/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/util.h"
#include "bpf/hive.h"
#include "bpf/object.h"
#include "bpf/seam.h"
#include "cli/run_watch.h"
#include "prog/calls.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <inttypes.h>
#include <string.h>

enum { SHOWN = 12 };

static void print_processes(const struct watch_tree *t)
{
	uint32_t n = 0;
	char text[WATCH_LINE], end[32];

	for (const struct watch_process *p = watch_tree_first(t); p; p = p->next) {
		uint32_t depth = 0;

		if (!p->execs || n++ >= SHOWN)
			continue;
		for (const struct watch_process *a = p->parent; a; a = a->parent)
			depth += a->execs != 0;
		*end = 0;
		if (p->ended && p->status) {
			memcpy(end, ": ", 3);
			watch_status(end + 2, sizeof(end) - 2, p->status);
		}
		fprintf(stderr, "  %7u  %*s%s%s%s%s\n", p->id.pid, (int)MIN(2 * depth, 24u), "",
			watch_command(p, text, (size_t)MAX(100 - 2 * (int)depth, 40)),
			*end ? paint(stderr, PAINT_RED) : "", end, *end ? paint(stderr, PAINT_OFF) : "");
	}
	if (n > SHOWN)
		fprintf(stderr, "           ... and %u more that executed something\n", n - SHOWN);
}

/* What everybody writes to, and nobody reads. */
static bool is_sink(const char *path)
{
	return !strcmp(path, "/dev/null") || !strcmp(path, "/dev/tty");
}

static void print_paths(const struct watch_tree *t, bool deleted)
{
	uint32_t n, printed = 0, more = 0;
	const struct watch_path *paths = watch_tree_paths(t, &n);
	char text[WATCH_LINE], comm[32];

	for (uint32_t i = 0; i < n; i++) {
		uint64_t count = deleted ? paths[i].deleted : paths[i].written;
		const struct watch_process *by = deleted ? paths[i].remover : paths[i].by;

		if (!count || is_sink(paths[i].path))
			continue;
		if (printed++ >= SHOWN) {
			more++;
			continue;
		}
		fprintf(stderr, "  %-8s %s  %s",
			printed > 1 ? ""
			: deleted   ? "deletes"
				    : "writes",
			watch_shown(text, sizeof(text), paths[i].path),
			by ? watch_shown(comm, sizeof(comm), by->comm) : "");
		if (count > 1)
			fprintf(stderr, "  %" PRIu64 " times", count);
		fputc('\n', stderr);
	}
	if (more)
		fprintf(stderr, "           ... and %u more\n", more);
}

static void print_peers(const struct watch_tree *t)
{
	uint32_t n;
	const struct watch_peer *peers = watch_tree_peers(t, &n);
	char text[WATCH_LINE], comm[32];

	for (uint32_t i = 0; i < MIN(n, (uint32_t)SHOWN); i++) {
		fprintf(stderr, "  %-8s %s  %s  %" PRIu64 "%s", i ? "" : "connects",
			watch_address(peers[i].addr, text, sizeof(text)),
			watch_shown(comm, sizeof(comm), peers[i].by->comm), peers[i].connects,
			peers[i].connects == 1 ? " time" : " times");
		if (peers[i].failed)
			fprintf(stderr, ", %" PRIu64 " failed", peers[i].failed);
		fputc('\n', stderr);
	}
	if (n > SHOWN)
		fprintf(stderr, "           ... and %u more\n", n - SHOWN);
}

/* A value of a per-CPU map, one for each worker. @to: n_cpus of @size bytes, a multiple of 8 */
static bool read_percpu(const struct run_watch *w, const char *map, uint32_t key, void *to)
{
	const struct bpf_map *m = bpf_object__find_map_by_name(object_libbpf(w->source->obj), map);

	return m && !bpf_map_lookup_elem(bpf_map__fd(m), &key, to);
}

static int by_time(const void *a, const void *b)
{
	const struct watch_call *x = a, *y = b;

	return x->ns < y->ns ? 1 : x->ns > y->ns ? -1 : 0;
}

struct call_row {
	struct watch_call sum; /* first: by_time() */
	const char *name;
};

static uint32_t read_calls(const struct run_watch *w, struct call_row *rows)
{
	AUTO_FREE struct watch_call *cpus = calloc(w->hive->n_cpus, sizeof(*cpus));
	uint32_t n = 0;

	for (uint32_t nr = 0; cpus && nr < WATCH_CALLS && n < WATCH_COUNTED; nr++) {
		struct watch_call sum = {0};

		if (!calls_at((int)nr) || !read_percpu(w, "calls", nr, cpus))
			continue;
		for (uint32_t i = 0; i < w->hive->n_cpus; i++) {
			sum.calls += cpus[i].calls;
			sum.errors += cpus[i].errors;
			sum.ns += cpus[i].ns;
			sum.longest = MAX(sum.longest, cpus[i].longest);
		}
		if (sum.calls)
			rows[n++] = (struct call_row){.sum = sum, .name = calls_at((int)nr)->name};
	}
	qsort(rows, n, sizeof(*rows), by_time);
	return n;
}

/* As strace -c has it; the time is that between the two looks, so what watching costs is in it. */
static void print_calls(const struct run_watch *w)
{
	struct call_row rows[WATCH_COUNTED];
	uint32_t n = read_calls(w, rows);
	uint64_t total = 0;

	for (uint32_t i = 0; i < n; i++)
		total += rows[i].sum.ns;
	if (w->n_links)
		fprintf(stderr, "  %% time     seconds  usecs/call     calls    errors syscall\n");
	for (uint32_t i = 0; i < n; i++) {
		char errors[24] = "";

		if (rows[i].sum.errors)
			snprintf(errors, sizeof(errors), "%" PRIu64, (uint64_t)rows[i].sum.errors);
		fprintf(stderr, "  %6.2f %11.6f %11" PRIu64 " %9" PRIu64 " %9s %s\n",
			total ? 100.0 * (double)rows[i].sum.ns / (double)total : 0, (double)rows[i].sum.ns / 1e9,
			(uint64_t)(rows[i].sum.ns / rows[i].sum.calls / 1000), (uint64_t)rows[i].sum.calls, errors,
			rows[i].name);
	}
}

static uint64_t lost_events(const struct run_watch *w)
{
	return w->bad + source_ring_lost(w->source);
}

static void print_json_summary(const struct run_watch *w, const struct watch_totals *t)
{
	const struct {
		const char *key;
		uint64_t n;
	} all[] = {{"processes", t->processes},   {"execs", t->execs},           {"files_opened", t->opened},
		   {"files_written", t->written}, {"files_deleted", t->deleted}, {"files_renamed", t->renamed},
		   {"connects", t->connected},    {"failed", t->failed},         {"lost_events", lost_events(w)},
		   {"not_listed", t->forgotten}};
	struct json_object *o = json_object_new_object();
	struct call_row rows[WATCH_COUNTED];
	uint32_t n = read_calls(w, rows);

	json_object_object_add(o, "kind", json_object_new_string("watch"));
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		json_object_object_add(o, all[i].key, json_object_new_uint64(all[i].n));
	print_json_to(stderr, o);
	for (uint32_t i = 0; i < n; i++) {
		o = json_object_new_object();
		json_object_object_add(o, "kind", json_object_new_string("syscall"));
		json_object_object_add(o, "name", json_object_new_string(rows[i].name));
		json_count(o, "calls", rows[i].sum.calls);
		json_count(o, "errors", rows[i].sum.errors);
		json_count(o, "ns", rows[i].sum.ns);
		json_count(o, "longest_ns", rows[i].sum.longest);
		print_json_to(stderr, o);
	}
}

void run_watch_report(const struct run_watch *w, bool json)
{
	struct watch_totals t;
	struct skep_hive *before;
	uint64_t lost;
	char a[32], b[32], c[32], d[32], e[32];

	if (!w)
		return;
	before = seam_enter(w->hive);
	watch_tree_totals(w->tree, &t);
	lost = lost_events(w);
	if (json) {
		print_json_summary(w, &t);
	} else {
		fprintf(stderr,
			"%swatch%s: %s processes, %s execs, %s files opened, %s for writing, %s deleted, %" PRIu64
			" connects\n",
			paint(stderr, PAINT_BOLD), paint(stderr, PAINT_OFF), number(a, t.processes), number(b, t.execs),
			number(c, t.opened), number(d, t.written), number(e, t.deleted), t.connected);
		print_processes(w->tree);
		print_paths(w->tree, false);
		print_paths(w->tree, true);
		print_peers(w->tree);
		print_calls(w);
		if (lost)
			fprintf(stderr, "  %s%s events lost%s\n", paint(stderr, PAINT_RED), number(a, lost),
				paint(stderr, PAINT_OFF));
		if (t.forgotten)
			fprintf(stderr, "  %s processes, paths and peers are not listed\n", number(a, t.forgotten));
	}
	seam_enter(before);
}
