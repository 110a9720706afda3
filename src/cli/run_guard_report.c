/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/run_guard_inside.h"

#include "base/util.h"
#include "bpf/hive.h"
#include "bpf/object.h"
#include "bpf/seam.h"
#include "prog/calls.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <limits.h>
#include <string.h>

enum { SHOWN = 50 };

void guard_print_kind(const struct run_guard *g, FILE *f, const struct guard_kind *k)
{
	const struct guard_policy *p = &g->args->policy;
	const struct guard_call *c;

	if (k->kind == GUARD_EVENT_CALL) {
		c = guard_call_rule(p, k->nr);
		fprintf(f, "system call %s: by ", g->args->policy.call_name(k->nr));
		if (c)
			guard_print_call(p, c, f);
	} else {
		fprintf(f, "%s %s: ", guard_access_name(k->access), k->path);
		if (k->rule < 0) {
			fputs("no rule allows it", f);
		} else {
			fputs("by ", f);
			guard_print_path(&p->paths[k->rule], f);
		}
	}
	fputs("; ", f);
	if (k->task)
		run_print_task(f, k->task);
	else
		fprintf(f, "%s (%u)", k->comm, k->pid);
}

static uint64_t lost(const struct run_guard *g)
{
	AUTO_FREE struct guard_stats *cpus = calloc(g->hive->n_cpus, sizeof(*cpus));
	struct skep_hive *before = seam_enter(g->hive);
	uint32_t zero = 0;
	uint64_t sum = 0;

	if (cpus &&
	    !bpf_map_lookup_elem(bpf_object__find_map_fd_by_name(object_libbpf(g->src->obj), "stats"), &zero, cpus))
		for (uint32_t i = 0; i < g->hive->n_cpus; i++)
			sum += cpus[i].lost;
	seam_enter(before);
	return sum;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/*
 * Folders that a policy would name: of the system the first part of the path, else the folder that the file is in. One that is inside the one before
 * says nothing new.
 */
static void print_advice(const struct run_guard *g, enum guard_access access)
{
	static const char *const systems[] = {"/usr/", "/lib", "/bin/", "/sbin/", "/etc/", "/proc/", "/sys/", "/dev/"};
	char folder[PATH_MAX], last[PATH_MAX] = "";

	qsort(g->seen[access], g->n_seen[access], sizeof(char *), by_text);
	for (uint32_t i = 0; i < g->n_seen[access]; i++) {
		const char *path = g->seen[access][i], *device = NULL;
		struct guard_path line = {.access = access, .allow = true, .path = folder};
		bool system = false;
		char *slash;

		for (uint32_t k = 0; (device = guard_device(k)) && strcmp(device, path) != 0; k++)
			;
		if (device) /* open anyway */
			continue;
		snprintf(folder, sizeof(folder), "%s", path);
		for (size_t k = 0; k < ARRAY_SIZE(systems) && access != GUARD_WRITE; k++)
			system |= !strncmp(path, systems[k], strlen(systems[k]));
		slash = system ? strchr(folder + 1, '/') : strrchr(folder, '/');
		if (slash && slash != folder)
			*slash = 0;
		if (*last && !strncmp(folder, last, strlen(last)) &&
		    (!folder[strlen(last)] || folder[strlen(last)] == '/'))
			continue;
		guard_print_path(&line, stderr);
		fputc('\n', stderr);
		strcpy(last, folder);
	}
}

uint64_t run_guard_report(const struct run_guard *g, bool quiet)
{
	uint64_t gone = lost(g) + g->more;
	char n[32];

	if (!quiet && g->n)
		fprintf(stderr, "%sskep run%s: %s\n", paint(stderr, PAINT_BOLD), paint(stderr, PAINT_OFF),
			g->audit ? "would be refused by the guard" : "refused by the guard");
	for (uint32_t i = 0; !quiet && i < g->n && i < SHOWN; i++) {
		fprintf(stderr, "  %s", paint(stderr, PAINT_RED));
		guard_print_kind(g, stderr, &g->kinds[i]);
		fputs(paint(stderr, PAINT_OFF), stderr);
		if (g->kinds[i].times > 1)
			fprintf(stderr, "; %s times", number(n, g->kinds[i].times));
		fputc('\n', stderr);
	}
	if (!quiet && g->n > SHOWN)
		fprintf(stderr, "  ... and %u more\n", g->n - SHOWN);
	if (!quiet && gone)
		fprintf(stderr, "  %s refusals are not listed\n", number(n, gone));
	if (!quiet && g->unknown)
		fprintf(stderr, "  %s errors at files whose process was gone before its folder was known\n",
			number(n, g->unknown));
	if (g->advise) {
		fprintf(stderr, "%sskep run%s: the paths that were used:\n\n", paint(stderr, PAINT_BOLD),
			paint(stderr, PAINT_OFF));
		for (enum guard_access access = 0; access < GUARD_ACCESSES; access++)
			print_advice(g, access);
		if (g->unseen)
			fprintf(stderr, "# %s more paths found no place\n", number(n, g->unseen));
	}
	return g->audit ? 0 : g->refused;
}
