/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Other people's objects in a hive that has tasks: each program is loaded alone and attached by its section, as its own loader would, to a hook that takes all.
 * A line each: object, program, section, what became of it. Fails where a refusal comes without a sentence, and where a program named with -a is not attached.
 *
 * usage: attach-objects [-a OBJECT:PROGRAM]... OBJECT...
 */
#include "bpf/hive.h"
#include "bpf/link.h"
#include "bpf/seam.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char reason[1024]; /* the last sentence of the hive's or libbpf's */
static unsigned int attached, refused, unloadable, failures;
static const char *wanted[64];
static bool met[64];
static int n_wanted;

static int take(struct hive_hook *hook, struct hive_link *link, uint32_t target)
{
	return 0;
}

static void leave(struct hive_hook *hook, struct hive_link *link)
{
}

static void hive_says(void *arg, enum skep_log_level level, const char *line)
{
	if (level >= SKEP_LOG_WARN)
		snprintf(reason, sizeof(reason), "%s", line);
}

/* Of libbpf's own words only what comes before anybody else has said why; of a verifier's log the line before the last. */
static int libbpf_says(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	static char text[1 << 16];
	char *end, *line;

	if (level == LIBBPF_DEBUG)
		return 0;
	vsnprintf(text, sizeof(text), fmt, ap);
	end = strstr(text, "\nprocessed ");
	if (end && strstr(text, "BEGIN PROG LOAD LOG")) {
		*end = 0;
		line = strrchr(text, '\n');
		snprintf(reason, sizeof(reason), "%.1000s", line ? line + 1 : text);
	} else if (!reason[0]) {
		text[strcspn(text, "\n")] = 0;
		snprintf(reason, sizeof(reason), "%.1000s", text);
	}
	return 0;
}

static void tell(const char *object, const struct bpf_program *prog, const char *what)
{
	bool done = !strcmp(what, "attached");
	char name[512];

	printf("%s\t%s\t%s\t%s%s%s\n", object, bpf_program__name(prog), bpf_program__section_name(prog), what,
	       done ? "" : ": ", done ? "" : reason);
	failures += !done && !reason[0];
	snprintf(name, sizeof(name), "%s:%s", object, bpf_program__name(prog));
	for (int i = 0; i < n_wanted; i++)
		met[i] |= done && !strcmp(name, wanted[i]);
}

/* As many elements as a loader would ask for where the object leaves it open. */
static void size_maps(struct bpf_object *obj)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, obj)
	{
		if (!bpf_map__max_entries(map) && bpf_map__type(map) != BPF_MAP_TYPE_PERF_EVENT_ARRAY)
			bpf_map__set_max_entries(map, 4096);
		if (!bpf_map__value_size(map) && bpf_map__type(map) == BPF_MAP_TYPE_STACK_TRACE)
			bpf_map__set_value_size(map, PERF_MAX_STACK_DEPTH * sizeof(uint64_t));
	}
}

static void attach_one(const char *path, const char *object, const char *name)
{
	struct bpf_object *obj = bpf_object__open(path);
	struct bpf_program *prog, *mine = NULL;
	struct bpf_link *link;

	reason[0] = 0;
	if (!obj)
		return;
	bpf_object__for_each_program(prog, obj)
	{
		bool is = !strcmp(bpf_program__name(prog), name);

		bpf_program__set_autoload(prog, is);
		mine = is ? prog : mine;
	}
	size_maps(obj);
	if (bpf_object__load(obj)) {
		unloadable++;
		tell(object, mine, "not loaded");
	} else {
		reason[0] = 0;
		link = bpf_program__attach(mine);
		if (link) {
			attached++;
			tell(object, mine, "attached");
			bpf_link__destroy(link);
		} else {
			/* A section without a place is the loader's to attach: libbpf says nothing then. */
			if (!reason[0] && errno == EOPNOTSUPP)
				snprintf(reason, sizeof(reason), "the section names no place");
			refused++;
			tell(object, mine, "refused");
		}
	}
	bpf_object__close(obj);
}

static void attach_object(const char *path)
{
	const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	struct bpf_object *obj = bpf_object__open(path);
	struct bpf_program *prog;
	char object[256];

	snprintf(object, sizeof(object), "%.*s", (int)strcspn(base, "."), base);
	if (!obj) {
		printf("%s\t-\t-\tnot opened: %s\n", object, reason);
		failures += !reason[0];
		return;
	}
	bpf_object__for_each_program(prog, obj) attach_one(path, object, bpf_program__name(prog));
	bpf_object__close(obj);
}

int main(int argc, char **argv)
{
	struct skep_hive_opts opts = SKEP_OPTS(struct skep_hive_opts, .n_cpus = 4, .log = hive_says);
	struct hive_hook hook = {
		.attach_type = BPF_PERF_EVENT, .also = POINT_ATTACH_TYPES, .attach = take, .detach = leave};
	struct skep_hive *hive;
	int i = 1;

	for (; i + 1 < argc && !strcmp(argv[i], "-a") && n_wanted < 64; i += 2)
		wanted[n_wanted++] = argv[i + 1];
	if (skep_hive_new(&opts, &hive) || hive_hook_add(hive, &hook))
		return 1;
	libbpf_set_print(libbpf_says);
	seam_enter(hive);
	for (; i < argc; i++)
		attach_object(argv[i]);
	seam_enter(NULL);
	skep_hive_free(hive);
	for (int k = 0; k < n_wanted; k++)
		if (!met[k]) {
			printf("%s is not attached\n", wanted[k]);
			failures++;
		}
	printf("%u attached, %u refused, %u not loaded\n", attached, refused, unloadable);
	return failures ? 1 : 0;
}
