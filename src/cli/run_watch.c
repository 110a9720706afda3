/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * watch, the user part: its events as lines while the command runs (-v), as JSON in the shape of Tetragon's (--processes), and what was seen as a
 * summary. apps/watch_tree.h keeps the books.
 */
#include "base/clock.h"
#include "base/util.h"
#include "bpf/object.h"
#include "bpf/seam.h"
#include "cli/run_watch.h"
#include "prog/calls.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/wait.h>

bool run_watch_is(const struct source *s)
{
	return s->name && !strcmp(s->name, "watch");
}

/* JSON. */

static void put_text(struct json_object *o, const char *key, const char *text)
{
	char to[WATCH_TEXT];

	json_object_object_add(o, key, json_object_new_string(watch_shown(to, sizeof(to), text)));
}

static struct json_object *time_of(const struct run_watch *w, uint64_t ns)
{
	int64_t wall = (int64_t)ns + w->boot_to_wall;
	time_t seconds = (time_t)(wall / 1000000000);
	struct tm tm;
	char day[32], text[64];

	gmtime_r(&seconds, &tm);
	strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text, sizeof(text), "%s.%09" PRId64 "Z", day, wall % 1000000000);
	return json_object_new_string(text);
}

/* As Tetragon names a process for good: node, beginning and number (there in base64). */
static void put_id(const struct run_watch *w, struct json_object *o, const char *key, const struct watch_id *id)
{
	char text[128];

	snprintf(text, sizeof(text), "%s:%" PRIu64 ":%u", w->node, (uint64_t)id->start, id->pid);
	json_object_object_add(o, key, json_object_new_string(text));
}

static struct json_object *process_json(const struct run_watch *w, const struct watch_process *p)
{
	struct json_object *o = json_object_new_object();

	put_id(w, o, "exec_id", &p->id);
	json_object_object_add(o, "pid", json_object_new_int64(p->id.pid));
	json_object_object_add(o, "uid", json_object_new_int64(p->uid));
	put_text(o, "binary", p->binary ? p->binary : p->comm);
	put_text(o, "arguments", p->arguments);
	json_object_object_add(o, "flags", json_object_new_string(p->execs ? "execve" : "clone"));
	json_object_object_add(o, "start_time", time_of(w, p->begun));
	if (p->parent)
		put_id(w, o, "parent_exec_id", &p->parent->id);
	return o;
}

static struct json_object *call_arg(const char *kind, struct json_object *value)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, kind, value);
	return o;
}

static struct json_object *string_arg(const char *text)
{
	char to[WATCH_TEXT];

	return call_arg("string_arg", json_object_new_string(watch_shown(to, sizeof(to), text)));
}

/* Calls, as Tetragon's process_kprobe. */
static void put_call(struct json_object *o, const struct watch_seen *s)
{
	static const char *const names[WATCH_KINDS] = {[WATCH_OPEN] = "open",
						       [WATCH_DELETE] = "unlink",
						       [WATCH_RENAME] = "rename",
						       [WATCH_CONNECT] = "connect"};
	struct json_object *args = json_object_new_array();
	char text[WATCH_LINE];

	json_object_object_add(o, "function_name", json_object_new_string(names[s->kind]));
	if (s->addr)
		json_object_array_add(args, string_arg(watch_address(s->addr, text, sizeof(text))));
	else
		json_object_array_add(args, string_arg(s->path));
	if (s->path2)
		json_object_array_add(args, string_arg(s->path2));
	if (s->kind == WATCH_OPEN)
		json_object_array_add(args, call_arg("int_arg", json_object_new_int64(s->event->flags)));
	json_object_object_add(o, "args", args);
	json_object_object_add(o, "return", call_arg("int_arg", json_object_new_int64(s->event->result)));
}

static void write_json(struct run_watch *w, const struct watch_seen *s)
{
	struct json_object *line = json_object_new_object(), *o = json_object_new_object();
	int status = (int)s->event->result;
	char text[32];

	json_object_object_add(o, "process", process_json(w, s->process));
	if (s->process->parent)
		json_object_object_add(o, "parent", process_json(w, s->process->parent));
	if (s->kind == WATCH_EXIT && WIFSIGNALED(status)) {
		watch_status(text, sizeof(text), status);
		json_object_object_add(o, "signal", json_object_new_string(text));
	} else if (s->kind == WATCH_EXIT) {
		json_object_object_add(o, "status", json_object_new_int(WEXITSTATUS(status)));
	} else if (s->kind > WATCH_EXIT) {
		put_call(o, s);
	}
	json_object_object_add(line,
			       s->kind == WATCH_EXIT  ? "process_exit"
			       : s->kind > WATCH_EXIT ? "process_kprobe"
						      : "process_exec",
			       o);
	json_object_object_add(line, "node_name", json_object_new_string(w->node));
	json_object_object_add(line, "time", time_of(w, s->event->ns));
	print_json_to(w->json, line);
	w->json_failed |= ferror(w->json) != 0;
}

void run_watch_take(void *arg, const char *map, const void *data, size_t size)
{
	struct run_watch *w = arg;
	struct watch_seen s;

	if (watch_tree_take(w->tree, data, size, &s)) {
		w->bad++;
		return;
	}
	if (w->verbose)
		watch_print_line(stderr, &s);
	if (w->json)
		write_json(w, &s);
}

/* Attaching. */

static int count_call(struct run_watch *w, const struct call_desc *c)
{
	const struct bpf_object *obj = object_libbpf(w->source->obj);
	static const struct {
		const char *prog, *name;
	} ends[] = {{"call_enter", "sys_enter_%s"}, {"call_exit", "sys_exit_%s"}};

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		struct bpf_program *p = bpf_object__find_program_by_name(obj, ends[i].prog);
		struct bpf_link *link;
		char name[64];

		snprintf(name, sizeof(name), i ? "sys_exit_%s" : "sys_enter_%s", c->entry);
		link = p ? bpf_program__attach_tracepoint(p, "syscalls", name) : NULL;
		if (!link)
			return fail("system call '%s' cannot be counted: %s", c->name, strerror(errno));
		w->links[w->n_links++] = link;
	}
	return EXIT_OK;
}

int run_watch_attach(struct run_watch *w, const char *calls)
{
	struct skep_hive *before = seam_enter(w->hive);
	int err = EXIT_OK;

	while (calls && *calls && !err) {
		size_t n = strcspn(calls, ",");
		const struct call_desc *c;
		char name[64];

		snprintf(name, sizeof(name), "%.*s", (int)n, calls);
		c = calls_find(name);
		if (!c)
			err = fail("--syscalls %s: there is no such system call", name);
		else if (w->n_links == ARRAY_SIZE(w->links))
			err = fail("--syscalls: at most %d calls", WATCH_COUNTED);
		else
			err = count_call(w, c);
		calls += n + (calls[n] == ',');
	}
	seam_enter(before);
	return err;
}

int run_watch_new(const struct run_args *args, struct source *source, struct skep_hive *hive, struct run_watch **out)
{
	struct run_watch *w = calloc(1, sizeof(*w));

	*out = w;
	if (w)
		w->tree = watch_tree_new();
	if (!w || !w->tree)
		return fail("out of memory");
	w->source = source;
	w->hive = hive;
	w->verbose = args->verbose;
	w->boot_to_wall = (int64_t)clock_ns(CLOCK_REALTIME) - (int64_t)clock_ns(CLOCK_BOOTTIME);
	if (gethostname(w->node, sizeof(w->node) - 1))
		strcpy(w->node, "?");
	w->json_name = args->processes;
	if (w->json_name) {
		w->json = fopen(w->json_name, "we");
		if (!w->json)
			return fail("%s: %s", w->json_name, strerror(errno));
	}
	return EXIT_OK;
}

int run_watch_free(struct run_watch *w)
{
	struct skep_hive *before;
	int err = EXIT_OK;

	if (!w)
		return err;
	before = seam_enter(w->hive);
	for (uint32_t i = 0; i < w->n_links; i++)
		bpf_link__destroy(w->links[i]);
	seam_enter(before);
	if (w->json && (fclose(w->json) || w->json_failed))
		err = fail("%s could not be written to its end", w->json_name);
	watch_tree_free(w->tree);
	free(w);
	return err;
}
