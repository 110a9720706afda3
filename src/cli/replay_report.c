/* SPDX-License-Identifier: BSD-2-Clause */
/* What became of the frames of a replay: verdicts and losses, then the maps, as text or JSON Lines (docs/json.md). */
#include "cli/replay.h"
#include "base/util.h"
#include "cli/cli.h"
#include "cli/events.h"
#include "cli/mapio.h"
#include "cli/value.h"
#include "prog/packet.h"
#include "prog/types.h"

#include <bpf/libbpf.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN_ELEMENTS = 10, LINE = 120 };

const char *replay_verdict_text(uint32_t prog_type, uint32_t v, char buf[32])
{
	const char *name = prog_verdict_name(prog_type, v);

	if (name)
		return name;
	snprintf(buf, 32, "%" PRIu32, v);
	return buf;
}

static int by_frames(const void *a, const void *b)
{
	const struct replay_verdict *x = a, *y = b;

	return x->frames < y->frames ? 1 : x->frames > y->frames ? -1 : 0;
}

static double ns_per_frame(const struct replay_report *r)
{
	if (r->t->best_ns)
		return (double)r->t->best_ns / REPLAY_TIMED;
	return r->t->run ? (double)r->t->ns / (double)r->t->run : 0;
}

/* A bar of up to 20 cells for a share of the whole. */
static void bar(double share)
{
	for (int i = 0; i < 20; i++)
		fputs((double)i + 0.5 < share * 20 ? "#" : ".", stdout);
}

static enum paint verdict_paint(const char *name)
{
	if (strstr(name, "DROP") || strstr(name, "SHOT") || strstr(name, "DENY"))
		return PAINT_RED;
	if (strstr(name, "ABORTED"))
		return PAINT_YELLOW;
	return PAINT_GREEN;
}

static void print_verdicts(const struct replay_report *r)
{
	char buf[32], a[32], b[32];

	printf("%s%s%s over %s: %s frames, %s bytes\n\n", paint(stdout, PAINT_BOLD), r->object,
	       paint(stdout, PAINT_OFF), r->capture, number(a, r->t->total), number(b, r->t->bytes));
	for (uint32_t i = 0; i < r->t->n_verdicts; i++) {
		const struct replay_verdict *v = &r->t->verdicts[i];
		const char *name = replay_verdict_text(r->prog_type, v->value, buf);
		double share = (double)v->frames / (double)r->t->run;

		printf("  %s%-16s%s %10s  %5.1f %%  ", paint(stdout, verdict_paint(name)), name,
		       paint(stdout, PAINT_OFF), number(a, v->frames), share * 100);
		bar(share);
		printf("  %s bytes\n", number(b, v->bytes));
	}
	if (r->t->run)
		printf("\n  %.1f ns per frame (%s; %s)\n", ns_per_frame(r), r->jit ? "JIT" : "interpreter",
		       r->t->best_ns ? "the fastest 64 in a row" : "the mean");
}

static void print_losses(const struct replay_report *r)
{
	char a[32];

	if (r->t->other_verdicts)
		printf("  %s frames with other return values\n", number(a, r->t->other_verdicts));
	if (r->t->changed)
		printf("  %s frames were made longer or shorter\n", number(a, r->t->changed));
	if (r->t->cut)
		printf("  %s frames are cut off in the capture; the program saw what there is of them\n",
		       number(a, r->t->cut));
	if (r->t->skipped)
		printf("  %s frames were not run: shorter than an Ethernet header, or longer than %d bytes\n",
		       number(a, r->t->skipped), PACKET_MAX);
	if (r->t->faults)
		printf("  %s%s runs ended early: the program reached a helper, or a field that CO-RE looked for, which "
		       "do not exist here (SKEP_DEBUG=1 names them)%s\n",
		       paint(stdout, PAINT_RED), number(a, r->t->faults), paint(stdout, PAINT_OFF));
}

struct shower {
	const struct replay_report *r;
	const struct map_view *v;
	uint32_t shown;
	uint64_t n;
};

/* Adds up what stands at the same place of two values: numbers; anything else stays as it is. */
static struct json_object *add(struct json_object *a, struct json_object *b)
{
	if (json_object_is_type(a, json_type_int) && json_object_is_type(b, json_type_int))
		return json_object_new_uint64(json_object_get_uint64(a) + json_object_get_uint64(b));
	if (json_object_is_type(a, json_type_object) && json_object_is_type(b, json_type_object)) {
		struct json_object *sum = json_object_new_object();

		json_object_object_foreach(a, key, x)
		{
			json_object_object_add(sum, key, add(x, json_object_object_get(b, key)));
		}
		return sum;
	}
	return json_object_get(a);
}

static const char *json_text(struct json_object *o)
{
	return json_object_to_json_string_ext(o, JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE);
}

/* A value as text; of a list that is too long for a line, its beginning ('skep map dump' has all of it). */
static void print_value(struct json_object *v)
{
	size_t n = json_object_is_type(v, json_type_array) ? json_object_array_length(v) : 0, i, used = 0;
	char more[32];

	if (!n || strlen(json_text(v)) < LINE) {
		printf("%s\n", json_text(v));
		return;
	}
	for (i = 0; i < n; i++) {
		const char *text = json_text(json_object_array_get_idx(v, i));

		used += strlen(text) + 2;
		if (i && used > LINE / 2)
			break;
		printf("%s%s", i ? ", " : "[ ", text);
	}
	if (i < n)
		printf(", ... and %s more ]\n", number(more, n - i));
	else
		printf(" ]\n");
}

/* One line; a struct that is too wide for one gets a line for each member. */
static void print_pair(struct json_object *key, struct json_object *value)
{
	int width = 0;

	if (!json_object_is_type(value, json_type_object) || strlen(json_text(key)) + strlen(json_text(value)) < LINE) {
		printf("  %s  ", json_text(key));
		print_value(value);
		return;
	}
	printf("  %s\n", json_text(key));
	json_object_object_foreach(value, name, unused)
	{
		(void)unused;
		width = MAX(width, (int)strlen(name));
	}
	json_object_object_foreach(value, member, v)
	{
		printf("    %-*s  ", width, member);
		print_value(v);
	}
}

static int show_element(void *arg, const void *key, const void *value)
{
	struct shower *s = arg;
	struct json_object *o, *list, *k, *sum;

	s->n++;
	if (!s->r->json && s->shown >= SHOWN_ELEMENTS)
		return 0;
	o = map_element(s->v, key, value);
	if (s->r->json) {
		print_json(o);
		return 0;
	}
	if (!s->shown++)
		printf("\n%s%s%s\n", paint(stdout, PAINT_BOLD), s->v->name, paint(stdout, PAINT_OFF));
	k = json_object_object_get(o, "key");
	if (json_object_object_get_ex(o, "values", &list)) {
		sum = json_object_get(json_object_array_get_idx(list, 0));
		for (size_t i = 1; i < json_object_array_length(list); i++) {
			struct json_object *next = add(sum, json_object_array_get_idx(list, i));

			json_object_put(sum);
			sum = next;
		}
	} else {
		sum = json_object_get(json_object_object_get(o, "value"));
	}
	print_pair(k, sum);
	json_object_put(sum);
	json_object_put(o);
	return 0;
}

static void show_maps(const struct replay_report *r)
{
	struct bpf_map *map;
	char a[32];

	bpf_object__for_each_map(map, r->obj)
	{
		struct map_view v;
		struct shower s = {.r = r, .v = &v};

		map_view(r->obj, map, &v);
		if (!map_has_elements(&v) || v.objects || (v.flags & BPF_F_RDONLY_PROG))
			continue;
		map_each(&v, show_element, &s);
		if (s.n > s.shown && !r->json)
			printf("  ... and %s more\n", number(a, s.n - s.shown));
	}
}

static void print_result_json(const struct replay_report *r)
{
	struct json_object *o = json_object_new_object();
	struct json_object *verdicts = json_object_new_object();
	char buf[32];

	for (uint32_t i = 0; i < r->t->n_verdicts; i++)
		json_object_object_add(verdicts, replay_verdict_text(r->prog_type, r->t->verdicts[i].value, buf),
				       json_object_new_uint64(r->t->verdicts[i].frames));
	json_count(o, "frames", r->t->total);
	json_count(o, "bytes", r->t->bytes);
	json_object_object_add(o, "verdicts", verdicts);
	json_object_object_add(o, "ns_per_frame", json_figure(ns_per_frame(r)));
	json_object_object_add(o, "engine", json_object_new_string(r->jit ? "jit" : "interpreter"));
	json_count(o, "changed", r->t->changed);
	json_count(o, "cut", r->t->cut);
	json_count(o, "skipped", r->t->skipped);
	json_count(o, "faults", r->t->faults);
	json_count(o, "other_verdicts", r->t->other_verdicts);
	events_json(r->events, o);
	print_json(o);
}

void replay_report(const struct replay_report *r)
{
	qsort(r->t->verdicts, r->t->n_verdicts, sizeof(r->t->verdicts[0]), by_frames);
	if (r->json) {
		show_maps(r);
		print_result_json(r);
	} else {
		print_verdicts(r);
		print_losses(r);
		events_print(r->events, stdout);
		show_maps(r);
	}
}
