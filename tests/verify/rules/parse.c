/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads *.rules files. */
#include "rules.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

static void die(const char *path, uint32_t line, const char *what)
{
	fprintf(stderr, "%s:%u: %s\n", path, line, what);
	exit(99);
}

static char *slurp(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = calloc(1, 1 << 20);

	if (!f || !text || fread(text, 1, (1 << 20) - 1, f) == 0)
		die(path, 0, "cannot be read");
	fclose(f);
	return text;
}

static const struct {
	const char *name;
	uint32_t type;
} map_types[] = {
	{"hash", BPF_MAP_TYPE_HASH},
	{"array", BPF_MAP_TYPE_ARRAY},
	{"prog_array", BPF_MAP_TYPE_PROG_ARRAY},
	{"perf_event_array", BPF_MAP_TYPE_PERF_EVENT_ARRAY},
	{"percpu_hash", BPF_MAP_TYPE_PERCPU_HASH},
	{"percpu_array", BPF_MAP_TYPE_PERCPU_ARRAY},
	{"stack_trace", BPF_MAP_TYPE_STACK_TRACE},
	{"cgroup_array", BPF_MAP_TYPE_CGROUP_ARRAY},
	{"lru_hash", BPF_MAP_TYPE_LRU_HASH},
	{"lpm_trie", BPF_MAP_TYPE_LPM_TRIE},
	{"array_of_maps", BPF_MAP_TYPE_ARRAY_OF_MAPS},
	{"hash_of_maps", BPF_MAP_TYPE_HASH_OF_MAPS},
	{"devmap", BPF_MAP_TYPE_DEVMAP},
	{"sockmap", BPF_MAP_TYPE_SOCKMAP},
	{"cpumap", BPF_MAP_TYPE_CPUMAP},
	{"xskmap", BPF_MAP_TYPE_XSKMAP},
	{"sockhash", BPF_MAP_TYPE_SOCKHASH},
	{"cgroup_storage", BPF_MAP_TYPE_CGROUP_STORAGE},
	{"reuseport_sockarray", BPF_MAP_TYPE_REUSEPORT_SOCKARRAY},
	{"queue", BPF_MAP_TYPE_QUEUE},
	{"sk_storage", BPF_MAP_TYPE_SK_STORAGE},
	{"struct_ops", BPF_MAP_TYPE_STRUCT_OPS},
	{"ringbuf", BPF_MAP_TYPE_RINGBUF},
	{"task_storage", BPF_MAP_TYPE_TASK_STORAGE},
	{"bloom_filter", BPF_MAP_TYPE_BLOOM_FILTER},
	{"user_ringbuf", SKEP_MAP_TYPE_USER_RINGBUF},
	{"cgrp_storage", SKEP_MAP_TYPE_CGRP_STORAGE},
	{"arena", SKEP_MAP_TYPE_ARENA},
};

static void read_map(struct rules_file *f, char *line, const char *path, uint32_t at)
{
	struct rule_map *m = &f->maps[f->n_maps];
	char type[32] = "", *frozen = strstr(line, " frozen=");
	int used = 0;
	size_t k = 0;

	if (f->n_maps == MAX_MAPS_OF_FILE)
		die(path, at, "too many maps");
	if (frozen) {
		*frozen = 0;
		m->frozen = strdup(frozen + 8);
	}
	if (sscanf(line, "map %31s %31s %u %u %u%n", m->name, type, &m->key_size, &m->value_size, &m->max_entries,
		   &used) != 5)
		die(path, at, "map NAME TYPE KEY VALUE ENTRIES ...");
	while (k < ARRAY_SIZE(map_types) && strcmp(map_types[k].name, type) != 0)
		k++;
	if (k == ARRAY_SIZE(map_types))
		die(path, at, "no such map type");
	m->type = map_types[k].type;
	for (char *w = strtok(line + used, " "); w; w = strtok(NULL, " ")) {
		if (sscanf(w, "type=%47s", m->value_type) == 1 || sscanf(w, "keytype=%47s", m->key_type) == 1 ||
		    sscanf(w, "inner=%31s", m->inner) == 1)
			continue;
		if (!strncmp(w, "flags=", 6))
			m->flags = (uint32_t)strtoul(w + 6, NULL, 0);
		else if (!strncmp(w, "extra=", 6))
			m->extra = strtoull(w + 6, NULL, 0);
		else
			die(path, at, w);
	}
	f->n_maps++;
}

static void add_line(char **text, const char *line)
{
	size_t have = *text ? strlen(*text) : 0;

	*text = realloc(*text, have + strlen(line) + 2);
	if (!*text)
		abort();
	sprintf(*text + have, "%s\n", line);
}

static void read_reject(struct rule *r, const char *line, const char *path, uint32_t at)
{
	char name[48] = "";
	int used = 0, problem;

	if (sscanf(line, "reject %47s %n", name, &used) != 1 || !line[used])
		die(path, at, "reject PROBLEM TEXT");
	problem = rule_problem(name);
	if (problem < 0)
		die(path, at, "no such problem");
	r->problem = (enum verify_problem)problem;
	snprintf(r->message, sizeof(r->message), "%s", line + used);
}

/* All files that were read, until the process ends. */
enum { MAX_FILES = 64 };
static struct rules_file *files[MAX_FILES];
static uint32_t n_files;

/* @base: all.rules, whose maps and macros the file has as well; NULL. */
static struct rules_file *rules_read(const char *path, const struct rules_file *base)
{
	struct rules_file *f = calloc(1, sizeof(*f));
	char *text = slurp(path), *line, *rest = text, **into = NULL;
	struct rule *r = NULL;
	uint32_t at = 0;

	if (!f || n_files == MAX_FILES)
		abort();
	files[n_files++] = f;
	snprintf(f->name, sizeof(f->name), "%s", strrchr(path, '/') ? strrchr(path, '/') + 1 : path);
	f->rules = calloc(500, sizeof(*f->rules));
	f->maps = calloc(MAX_MAPS_OF_FILE, sizeof(*f->maps));
	if (!f->rules || !f->maps)
		abort();
	for (uint32_t i = 0; base && i < base->n_maps; i++)
		f->maps[f->n_maps++] = base->maps[i];
	for (uint32_t i = 0; base && i < base->n_defs; i++)
		f->defs[f->n_defs++] = base->defs[i];
	for (uint32_t i = 0; base && i < base->n_targets; i++)
		f->targets[f->n_targets++] = base->targets[i];
	while ((line = strsep(&rest, "\n"))) {
		at++;
		if (line[0] == '#')
			continue;
		if (!line[0]) {
			into = r ? &r->text : NULL;
			continue;
		}
		if (!strncmp(line, "== ", 3)) {
			if (f->n == 500)
				die(path, at, "too many cases");
			r = &f->rules[f->n++];
			snprintf(r->claim, sizeof(r->claim), "%s", line + 3);
			r->file = f->name;
			r->line = at;
			into = &r->text;
		} else if (!strncmp(line, "map ", 4)) {
			read_map(f, line, path, at);
		} else if (!strncmp(line, "def ", 4)) {
			into = &f->defs[f->n_defs++];
			add_line(into, line + 4);
		} else if (!strncmp(line, "target ", 7)) {
			into = &f->targets[f->n_targets++];
			add_line(into, line + 7);
		} else if (r && !strncmp(line, "reject ", 7)) {
			read_reject(r, line, path, at);
		} else if (r && !strcmp(line, "only")) {
			r->only = true;
		} else if (r && !strncmp(line, "nokernel ", 9)) {
			r->no_kernel = true;
		} else if (r && !strncmp(line, "errno ", 6)) {
			r->no_errno = true;
		} else if (into) {
			add_line(into, line);
		} else {
			die(path, at, "neither in a case nor in a macro");
		}
	}
	for (uint32_t i = 0; i < f->n; i++)
		if (!f->rules[i].text)
			die(path, f->rules[i].line, "no program");
	free(text);
	return f;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_rules(const struct dirent *d)
{
	const char *dot = strrchr(d->d_name, '.');

	return dot && !strcmp(dot, ".rules") && strcmp(d->d_name, "all.rules") != 0;
}

static bool named(const char *file, char **names)
{
	for (; *names; names++)
		if (!strncmp(file, *names, strlen(*names)))
			return true;
	return false;
}

void rules_each(const char *dir, char **names, void (*visit)(struct rules_file *f, const struct rule *r, bool accepted))
{
	struct rules_file *base, *f;
	struct dirent **found;
	char path[512];
	int n = scandir(dir, &found, is_rules, by_name);

	snprintf(path, sizeof(path), "%s/all.rules", dir);
	base = rules_read(path, NULL);
	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, found[i]->d_name);
		f = names && !named(found[i]->d_name, names) ? NULL : rules_read(path, base);
		for (uint32_t k = 0; f && k < f->n; k++) {
			if (f->rules[k].message[0])
				visit(f, &f->rules[k], false);
			if (!f->rules[k].only)
				visit(f, &f->rules[k], true);
		}
		free(found[i]);
	}
	if (n >= 0)
		free(found);
}
