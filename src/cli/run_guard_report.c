/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/run_guard_inside.h"

#include "base/util.h"
#include "bpf/hive.h"
#include "bpf/object.h"
#include "bpf/seam.h"
#include "cli/run_output.h"
#include "prog/calls.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <limits.h>
#include <string.h>

enum { SHOWN = 50 };

static void print_reason(const struct run_guard *g, FILE *f, const struct guard_kind *k)
{
	const struct guard_policy *p = &g->args->policy;
	const struct guard_call *c = k->kind == GUARD_EVENT_CALL ? guard_call_rule(p, k->nr) : NULL;

	if (c) {
		fputs("by ", f);
		guard_print_call(p, c, f);
	} else if (k->rule < 0) {
		fputs("no rule allows it", f);
	} else {
		fputs("by ", f);
		guard_print_path(&p->paths[k->rule], f);
	}
}

bool guard_only_logs(const struct run_guard *g, const struct guard_kind *k)
{
	const struct guard_call *c = k->kind == GUARD_EVENT_CALL ? guard_call_rule(&g->args->policy, k->nr) : NULL;

	return c && c->action == GUARD_LOG;
}

void guard_print_kind(const struct run_guard *g, FILE *f, const struct guard_kind *k)
{
	if (k->kind == GUARD_EVENT_CALL)
		fprintf(f, "system call %s: ", g->args->policy.call_name(k->nr));
	else
		fprintf(f, "%s %s: ", guard_access_name(k->access), k->path);
	print_reason(g, f, k);
	fputs("; ", f);
	if (k->task)
		run_print_task(f, k->task);
	else
		fprintf(f, "%s (%u)", k->comm, k->pid);
}

static struct json_object *kind_json(const struct run_guard *g, const struct guard_kind *k)
{
	bool call = k->kind == GUARD_EVENT_CALL;
	struct json_object *o = json_object_new_object(), *process = run_task_json(k->task);
	char *text = NULL;
	size_t n = 0;
	FILE *reason = open_memstream(&text, &n);

	if (!process) {
		process = json_object_new_object();
		json_object_object_add(process, "pid", json_object_new_int64(k->pid));
		json_object_object_add(process, "binary", json_object_new_string(k->comm));
	}
	json_object_object_add(o, "kind", json_object_new_string(guard_only_logs(g, k) ? "logged" : "refusal"));
	json_object_object_add(o, "by", json_object_new_string("guard"));
	if (!guard_only_logs(g, k))
		json_object_object_add(o, "enforced", json_object_new_boolean(!g->audit));
	json_object_object_add(o, "access", json_object_new_string(call ? "call" : guard_access_name(k->access)));
	json_object_object_add(o, call ? "call" : "path",
			       json_object_new_string(call ? g->args->policy.call_name(k->nr) : k->path));
	if (reason) {
		print_reason(g, reason, k);
		if (!fclose(reason))
			json_object_object_add(o, "why", json_object_new_string(text));
		free(text);
	}
	json_count(o, "times", k->times);
	json_object_object_add(o, "process", process);
	return o;
}

static void print_refusals_json(const struct run_guard *g, uint64_t gone)
{
	for (uint32_t i = 0; i < g->n; i++)
		print_json_to(stderr, kind_json(g, &g->kinds[i]));
	print_json_refusals_lost("guard", gone);
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

/* What was refused, or what was let through and only logged. */
static void print_kinds(const struct run_guard *g, bool logged, const char *title)
{
	uint32_t seen = 0;
	char n[32];

	for (uint32_t i = 0; i < g->n; i++) {
		if (guard_only_logs(g, &g->kinds[i]) != logged || ++seen > SHOWN)
			continue;
		if (seen == 1)
			fprintf(stderr, "%sskep run%s: %s\n", paint(stderr, PAINT_BOLD), paint(stderr, PAINT_OFF),
				title);
		fprintf(stderr, "  %s", logged ? "" : paint(stderr, PAINT_RED));
		guard_print_kind(g, stderr, &g->kinds[i]);
		fputs(logged ? "" : paint(stderr, PAINT_OFF), stderr);
		if (g->kinds[i].times > 1)
			fprintf(stderr, "; %s times", number(n, g->kinds[i].times));
		fputc('\n', stderr);
	}
	if (seen > SHOWN)
		fprintf(stderr, "  ... and %u more\n", seen - SHOWN);
}

static void print_refusals(const struct run_guard *g, uint64_t gone)
{
	char n[32];

	print_kinds(g, true, "logged by the guard");
	print_kinds(g, false, g->audit ? "would be refused by the guard" : "refused by the guard");
	if (gone)
		fprintf(stderr, "  %s refusals are not listed\n", number(n, gone));
	if (g->unknown)
		fprintf(stderr, "  %s errors at files whose process was gone before its folder was known\n",
			number(n, g->unknown));
}

uint64_t run_guard_report(const struct run_guard *g, bool quiet, bool json)
{
	uint64_t gone = source_ring_lost(g->src) + g->more;
	char n[32];

	if (!quiet && json)
		print_refusals_json(g, gone + g->unknown);
	else if (!quiet)
		print_refusals(g, gone);
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
