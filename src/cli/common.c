/* SPDX-License-Identifier: BSD-2-Clause */
/* What the verbs share: messages, numbers, objects. cli.h has the contracts. */
#include "apps/apps.h"
#include "apps/ring.h"
#include "base/util.h"
#include "bpf/hive.h"
#include "bpf/seam.h"
#include "bpf/object.h"
#include "cli/cli.h"
#include "prog/types.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static void line(const char *fmt, va_list ap)
{
	fputs("skep: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
}

int fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line(fmt, ap);
	va_end(ap);
	return EXIT_FAILED;
}

int misuse(const struct verb *verb, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line(fmt, ap);
	va_end(ap);
	fprintf(stderr, "'skep %s --help' shows how it is used\n", verb->name);
	return EXIT_USAGE;
}

void note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line(fmt, ap);
	va_end(ap);
}

void print_json_to(FILE *f, struct json_object *o)
{
	fprintf(f, "%s\n", json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

void print_json(struct json_object *o)
{
	print_json_to(stdout, o);
}

void print_json_refusals_lost(const char *by, uint64_t times)
{
	struct json_object *o;

	if (!times)
		return;
	o = json_object_new_object();
	json_object_object_add(o, "kind", json_object_new_string("refusals_lost"));
	json_object_object_add(o, "by", json_object_new_string(by));
	json_count(o, "times", times);
	print_json_to(stderr, o);
}

void json_count(struct json_object *o, const char *key, uint64_t n)
{
	json_object_object_add(o, key, json_object_new_uint64(n));
}

struct json_object *json_figure(double v)
{
	struct json_object *o;

	if (v < 0)
		return NULL;
	o = json_object_new_double(v);
	json_object_set_serializer(o, json_object_double_to_json_string, "%.2f", NULL);
	return o;
}

const char *paint(FILE *f, enum paint p)
{
	static const char *const codes[] = {
		[PAINT_OFF] = "\033[0m",    [PAINT_BOLD] = "\033[1m",    [PAINT_RED] = "\033[31m",
		[PAINT_GREEN] = "\033[32m", [PAINT_YELLOW] = "\033[33m", [PAINT_DIM] = "\033[2m",
	};
	const char *no = getenv("NO_COLOR");

	return isatty(fileno(f)) && !(no && *no) ? codes[p] : "";
}

const char *number(char *buf, uint64_t n)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, n);
	char *to = buf;

	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			*to++ = ',';
		*to++ = digits[i];
	}
	*to = 0;
	return buf;
}

bool parse_count(const char *text, uint64_t max, uint64_t *out)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*out = strtoull(text, &end, 10);
	return !errno && !*end && *out <= max;
}

int option_error(const struct verb *verb, char **argv)
{
	return misuse(verb, "%s: option '%s' is unknown or lacks its argument", verb->name, argv[optind - 1]);
}

static void log_line(void *arg, enum skep_log_level level, const char *text)
{
	if (level == SKEP_LOG_ERROR)
		fail("%s", text);
	else if (level == SKEP_LOG_WARN || (level == SKEP_LOG_INFO && getenv("SKEP_DEBUG")))
		note("%s", text);
	else if (getenv("SKEP_DEBUG"))
		fprintf(stderr, "%s\n", text);
}

static void trace_text(void *arg, const char *text, size_t len)
{
	fprintf(stderr, "trace: %.*s%s", (int)len, text, len && text[len - 1] == '\n' ? "" : "\n");
}

static void trace_dropped(void *arg, const char *text, size_t len)
{
}

int source_read(struct source *s, const char *name)
{
	const struct app *app = app_find(name);
	int err;

	*s = (struct source){.name = name};
	if (app && access(name, F_OK)) {
		s->data = (void *)app->data;
		s->len = *app->len;
		return EXIT_OK;
	}
	err = object_read(name, &s->data, &s->len);
	if (err == -ENOENT && !strchr(name, '/') && !strchr(name, '.')) {
		fail("%s: no such file, and no ready-made program of that name; there are:", name);
		for (uint32_t i = 0; i < apps_n; i++)
			fprintf(stderr, "  %-14s %s\n", apps[i].name, apps[i].about);
		return EXIT_FAILED;
	}
	if (err)
		return fail("%s: read: %s", name, strerror(-err));
	s->owned = true;
	return EXIT_OK;
}

void source_for_kernel(struct source *s)
{
	const struct app *app = s->owned ? NULL : app_find(s->name);

	if (app && app->kernel) {
		s->data = (void *)app->kernel;
		s->len = *app->kernel_len;
	}
}

int source_hive(struct source *s, uint32_t flags)
{
	struct skep_hive_opts opts =
		SKEP_OPTS(struct skep_hive_opts, .flags = SKEP_TRUST_ADDRESSES, .log = log_line, .trace = trace_text);
	int err;

	if (s->workers > hive_machine_cpus())
		opts.n_cpus = s->workers;
	if (flags & SOURCE_INTERPRET)
		opts.flags |= SKEP_INTERPRET;
	if (flags & SOURCE_NO_TRACE)
		opts.trace = trace_dropped;
	err = skep_hive_new(&opts, &s->hive);
	s->own_hive = !err;
	return err ? fail("cannot make a hive: %s", strerror(-err)) : EXIT_OK;
}

uint32_t cpus_of_maps(void)
{
	const struct skep_hive *hive = seam_hive();

	return hive ? hive->n_cpus : (uint32_t)MAX(libbpf_num_possible_cpus(), 1);
}

int source_load(struct source *s)
{
	const char *base = strrchr(s->name, '/');

	/* The log has said what is wrong with the object. */
	return skep_object_open_mem(s->hive, s->data, s->len, base ? base + 1 : s->name, &s->obj) ? EXIT_FAILED
												  : EXIT_OK;
}

int source_open(struct source *s, const char *name, uint32_t flags)
{
	uint32_t workers = s->workers;
	int err = source_read(s, name);

	s->workers = workers;
	if (!err)
		err = source_hive(s, flags);
	return err ? err : source_load(s);
}

void source_close(struct source *s)
{
	skep_object_close(s->obj);
	if (s->own_hive)
		skep_hive_free(s->hive);
	if (s->owned)
		free(s->data);
	*s = (struct source){0};
}

uint64_t source_ring_lost(const struct source *s)
{
	const struct bpf_map *stats = bpf_object__find_map_by_name(object_libbpf(s->obj), "stats");
	AUTO_FREE struct ring_stats *cpus = calloc(s->hive->n_cpus, sizeof(*cpus));
	struct skep_hive *before = seam_enter(s->hive);
	uint32_t zero = 0;
	uint64_t sum = 0;

	if (cpus && stats && !bpf_map_lookup_elem(bpf_map__fd(stats), &zero, cpus))
		for (uint32_t i = 0; i < s->hive->n_cpus; i++)
			sum += cpus[i].lost;
	seam_enter(before);
	return sum;
}

struct skep_program *source_program(struct source *s, const char *name, bool (*fits)(uint32_t prog_type))
{
	struct skep_program *found = NULL;
	uint32_t n = 0;

	for (uint32_t i = 0; i < object_programs(s->obj); i++) {
		struct skep_program *p = object_program_at(s->obj, i);

		if (name ? !strcmp(skep_program_name(p), name) : fits(program_loaded(p)->type)) {
			found = p;
			n++;
		}
	}
	if (n == 1 && fits(program_loaded(found)->type))
		return found;
	if (name && n)
		fail("%s: program '%s' is of type %s, which takes no frames (xdp, tc, socket, cgroup_skb do); it has:",
		     s->name, name, prog_type_find(program_loaded(found)->type)->name);
	else if (name)
		fail("%s: it has no program '%s'; it has:", s->name, name);
	else if (n)
		fail("%s: it has several programs; choose one with --prog:", s->name);
	else
		fail("%s: none of its programs takes frames (xdp, tc, socket, cgroup_skb do); it has:", s->name);
	for (uint32_t i = 0; i < object_programs(s->obj); i++) {
		struct skep_program *p = object_program_at(s->obj, i);

		fprintf(stderr, "  %-20s SEC(\"%s\")\n", skep_program_name(p),
			bpf_program__section_name(program_libbpf(p)));
	}
	return NULL;
}
