/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * skep replay: every frame of a capture through a program.
 *
 * Frames are read in batches; a batch is run, then accounted for. Only the run is timed. After every 64 frames ring
 * and perf buffers are emptied, so that they fill up no sooner than in a live run.
 */
#include "base/clock.h"
#include "base/util.h"
#include "bpf/object.h"
#include "bpf/seam.h"
#include "cli/cli.h"
#include "cli/events.h"
#include "cli/mapio.h"
#include "cli/state.h"
#include "cli/value.h"
#include "hook/net/capture.h"
#include "hook/net/pcapng.h"
#include "hook/net/replay.h"
#include "prog/packet.h"
#include "prog/types.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>

enum { BATCH = 512, TIMED = 64, WHY = 320, SHOWN_ELEMENTS = 10, MAX_VERDICTS = 64, LINE = 120 };

static const char help[] =
	"usage: skep replay OBJ|NAME CAPTURE [options]\n"
	"\n"
	"Runs every frame of a capture (pcap or pcapng, - for stdin) through an XDP, TC, cgroup_skb or socket-filter\n"
	"program, and tells what became of them. OBJ is an eBPF object file, NAME a ready-made program.\n"
	"\n"
	"  --prog NAME          the program to run, where the object has several\n"
	"  --state FILE         fill maps from a state file before the first frame\n"
	"  --save FILE          write maps to a state file after the last\n"
	"  -o, --output FILE    write the frames as pcapng, each with its verdict as a comment\n"
	"  --limit N            stop after N frames\n"
	"  --interpret          run in the interpreter\n"
	"  -v, --verbose        print ring- and perf-buffer events\n"
	"  --json               JSON Lines (docs/json.md)\n"
	"\n"
	"examples:\n"
	"  skep replay fw.bpf.o capture.pcap\n"
	"  skep replay xdp-firewall capture.pcapng --state fw.state -o verdicts.pcapng\n"
	"  tcpdump -w - -c 1000 | skep replay xdp-flows - --json\n";

struct verdict {
	uint32_t value;
	uint64_t frames, bytes;
};

struct replay {
	/* What was asked for. */
	const char *object, *capture, *prog_name, *state, *save, *output;
	uint64_t limit;
	bool json, verbose, interpret;
	/* What is at work. */
	struct source src;
	struct hive_prog *prog;
	struct capture *cap;
	struct pcapng *out;
	struct events *events;
	struct replay_frame batch[BATCH];
	struct frame frames[BATCH];
	/* What came out. */
	struct verdict verdicts[MAX_VERDICTS];
	uint32_t n_verdicts;
	uint64_t other_verdicts; /* beyond MAX_VERDICTS different ones */
	uint64_t total, run, bytes, skipped, cut, changed, faults;
	uint64_t ns, best_ns; /* of all frames; of the fastest TIMED in a row, 0: there were fewer */
	uint64_t started; /* ns, for the progress line */
	bool progress;
};

static volatile sig_atomic_t stop;

static void on_interrupt(int sig)
{
	stop = 1;
}

static const char *verdict_text(const struct replay *r, uint32_t v, char buf[32])
{
	const char *name = prog_verdict_name(r->prog->type, v);

	if (name)
		return name;
	snprintf(buf, 32, "%" PRIu32, v);
	return buf;
}

static void count(struct replay *r, const struct replay_frame *f)
{
	uint32_t i = 0;

	/* A socket filter's verdict is how many bytes to keep: what matters is none or some. */
	uint32_t v = r->prog->type == BPF_PROG_TYPE_SOCKET_FILTER ? !!f->verdict
		     : r->prog->type == BPF_PROG_TYPE_CGROUP_SKB  ? f->verdict & 1
								  : f->verdict;

	while (i < r->n_verdicts && r->verdicts[i].value != v)
		i++;
	if (i == MAX_VERDICTS) {
		r->other_verdicts++;
		return;
	}
	if (i == r->n_verdicts)
		r->verdicts[r->n_verdicts++] = (struct verdict){.value = v};
	r->verdicts[i].frames++;
	r->verdicts[i].bytes += f->len;
}

static void write_out(struct replay *r, const struct frame *f, const struct replay_frame *done)
{
	char buf[32], comment[128];

	if (done->skipped)
		snprintf(comment, sizeof(comment), "skep: not run");
	else if (done->changed)
		snprintf(comment, sizeof(comment), "skep: %s, length %u -> %u", verdict_text(r, done->verdict, buf),
			 done->len, done->new_len);
	else
		snprintf(comment, sizeof(comment), "skep: %s", verdict_text(r, done->verdict, buf));
	pcapng_add(r->out, f, comment);
}

static int run_batch(struct replay *r, uint32_t n)
{
	uint64_t ns;
	int err;

	for (uint32_t i = 0; i < n; i++)
		r->batch[i] = (struct replay_frame){.data = r->frames[i].data, .len = r->frames[i].len};
	/* Timed in small pieces: the fastest is the one that the machine disturbed least. */
	for (uint32_t i = 0; i < n; i += TIMED) {
		uint32_t part = MIN(n - i, (uint32_t)TIMED);

		err = replay_run(r->src.hive, r->prog, r->batch + i, part, &ns);
		if (err)
			return fail("%s: run: %s", r->object, strerror(-err));
		r->ns += ns;
		if (part == TIMED && (!r->best_ns || ns < r->best_ns))
			r->best_ns = ns;
		events_drain(r->events);
	}
	for (uint32_t i = 0; i < n; i++) {
		const struct replay_frame *f = &r->batch[i];

		r->total++;
		r->bytes += f->len;
		r->cut += r->frames[i].len < r->frames[i].wire_len;
		r->skipped += f->skipped;
		r->changed += f->changed;
		r->faults += f->fault != 0;
		if (!f->skipped) {
			r->run++;
			count(r, f);
		}
		if (r->out)
			write_out(r, &r->frames[i], f);
	}
	return EXIT_OK;
}

static void show_progress(struct replay *r, bool end)
{
	char n[32];

	if (end && r->progress)
		fprintf(stderr, "\r\033[K");
	if (end || !isatty(STDERR_FILENO) || clock_ns(CLOCK_MONOTONIC) - r->started < 2000000000u)
		return;
	if (r->total % (BATCH * 64u) && r->progress)
		return;
	r->progress = true;
	fprintf(stderr, "\rskep: %s frames ...", number(n, r->total));
}

static int run_frames(struct replay *r)
{
	char why[WHY];
	int n = 1, ret = EXIT_OK;

	r->started = clock_ns(CLOCK_MONOTONIC);
	while (ret == EXIT_OK && !stop && !(r->limit && r->total >= r->limit)) {
		n = capture_batch(r->cap, r->frames,
				  r->limit ? (uint32_t)MIN(r->limit - r->total, (uint64_t)BATCH) : BATCH, why);
		if (n <= 0)
			break;
		ret = run_batch(r, (uint32_t)n);
		show_progress(r, false);
	}
	show_progress(r, true);
	/* What came before the broken place has been run and is reported all the same. */
	if (n < 0)
		ret = fail("%s: after frame %" PRIu64 ": %s", r->capture, r->total, why);
	if (stop)
		note("interrupted; this is what was done so far");
	return ret;
}

static int by_frames(const void *a, const void *b)
{
	const struct verdict *x = a, *y = b;

	return x->frames < y->frames ? 1 : x->frames > y->frames ? -1 : 0;
}

static double ns_per_frame(const struct replay *r)
{
	if (r->best_ns)
		return (double)r->best_ns / TIMED;
	return r->run ? (double)r->ns / (double)r->run : 0;
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

static void print_verdicts(struct replay *r)
{
	char buf[32], a[32], b[32];

	printf("%s%s%s over %s: %s frames, %s bytes\n\n", paint(stdout, PAINT_BOLD), r->object,
	       paint(stdout, PAINT_OFF), r->capture, number(a, r->total), number(b, r->bytes));
	for (uint32_t i = 0; i < r->n_verdicts; i++) {
		const struct verdict *v = &r->verdicts[i];
		const char *name = verdict_text(r, v->value, buf);
		double share = (double)v->frames / (double)r->run;

		printf("  %s%-16s%s %10s  %5.1f %%  ", paint(stdout, verdict_paint(name)), name,
		       paint(stdout, PAINT_OFF), number(a, v->frames), share * 100);
		bar(share);
		printf("  %s bytes\n", number(b, v->bytes));
	}
	if (r->run)
		printf("\n  %.1f ns per frame (%s; %s)\n", ns_per_frame(r), r->prog->target.jit ? "JIT" : "interpreter",
		       r->best_ns ? "the fastest 64 in a row" : "the mean");
}

static void print_losses(struct replay *r)
{
	char a[32];

	if (r->other_verdicts)
		printf("  %s frames with other return values\n", number(a, r->other_verdicts));
	if (r->changed)
		printf("  %s frames were made longer or shorter\n", number(a, r->changed));
	if (r->cut)
		printf("  %s frames are cut off in the capture; the program saw what there is of them\n",
		       number(a, r->cut));
	if (r->skipped)
		printf("  %s frames were not run: shorter than an Ethernet header, or longer than %d bytes\n",
		       number(a, r->skipped), PACKET_MAX);
	if (r->faults)
		printf("  %s%s runs ended early: the program reached a helper, or a field that CO-RE looked for, which "
		       "do not exist here (SKEP_DEBUG=1 names them)%s\n",
		       paint(stdout, PAINT_RED), number(a, r->faults), paint(stdout, PAINT_OFF));
}

struct shower {
	const struct replay *r;
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

static void show_maps(struct replay *r)
{
	struct bpf_map *map;
	char a[32];

	bpf_object__for_each_map(map, object_libbpf(r->src.obj))
	{
		struct map_view v;
		struct shower s = {.r = r, .v = &v};

		map_view(object_libbpf(r->src.obj), map, &v);
		if (!map_has_elements(&v) || v.objects || (v.flags & BPF_F_RDONLY_PROG))
			continue;
		map_each(&v, show_element, &s);
		if (s.n > s.shown && !r->json)
			printf("  ... and %s more\n", number(a, s.n - s.shown));
	}
}

static void print_result_json(struct replay *r)
{
	struct json_object *o = json_object_new_object();
	struct json_object *verdicts = json_object_new_object();
	char buf[32];

	for (uint32_t i = 0; i < r->n_verdicts; i++)
		json_object_object_add(verdicts, verdict_text(r, r->verdicts[i].value, buf),
				       json_object_new_uint64(r->verdicts[i].frames));
	json_object_object_add(o, "frames", json_object_new_uint64(r->total));
	json_object_object_add(o, "bytes", json_object_new_uint64(r->bytes));
	json_object_object_add(o, "verdicts", verdicts);
	json_object_object_add(o, "ns_per_frame", json_figure(ns_per_frame(r)));
	json_object_object_add(o, "engine", json_object_new_string(r->prog->target.jit ? "jit" : "interpreter"));
	json_object_object_add(o, "changed", json_object_new_uint64(r->changed));
	json_object_object_add(o, "cut", json_object_new_uint64(r->cut));
	json_object_object_add(o, "skipped", json_object_new_uint64(r->skipped));
	json_object_object_add(o, "faults", json_object_new_uint64(r->faults));
	json_object_object_add(o, "other_verdicts", json_object_new_uint64(r->other_verdicts));
	events_json(r->events, o);
	print_json(o);
}

static int open_all(struct replay *r)
{
	struct skep_program *prog;
	char why[WHY];
	int ret, err;

	ret = source_open(&r->src, r->object, r->interpret ? SOURCE_INTERPRET : 0);
	if (ret != EXIT_OK)
		return ret;
	prog = source_program(&r->src, r->prog_name, replay_can);
	if (!prog)
		return EXIT_FAILED;
	r->prog = program_loaded(prog);
	err = capture_open(r->capture, &r->cap, why);
	if (err)
		return fail("%s: open: %s", r->capture, err == -ENOMEM ? "out of memory" : why);
	if (capture_made_up(r->cap))
		note("%s: link type %s: every packet gets an Ethernet header of zero addresses", r->capture,
		     capture_made_up(r->cap));
	seam_enter(r->src.hive);
	if (r->state) {
		ret = state_restore(&r->src, r->state);
		if (ret != EXIT_OK)
			return ret;
	}
	ret = events_open(&r->events, &r->src, r->json, r->verbose);
	if (ret != EXIT_OK)
		return ret;
	if (r->output) {
		err = pcapng_create(r->output, &r->out);
		if (err)
			return fail("%s: write: %s", r->output, strerror(-err));
	}
	return EXIT_OK;
}

static int replay_all(struct replay *r)
{
	int ret = open_all(r);
	int err;

	if (ret == EXIT_OK) {
		ret = run_frames(r);
		qsort(r->verdicts, r->n_verdicts, sizeof(r->verdicts[0]), by_frames);
		if (r->json) {
			show_maps(r);
			print_result_json(r);
		} else {
			print_verdicts(r);
			print_losses(r);
			events_print(r->events);
			show_maps(r);
		}
		if (r->save && ret == EXIT_OK)
			ret = state_save(&r->src, r->save);
	}
	err = pcapng_finish(r->out);
	if (err)
		ret = fail("%s: write: %s", r->output, strerror(-err));
	events_close(r->events);
	seam_enter(NULL);
	capture_close(r->cap);
	source_close(&r->src);
	return ret;
}

static int run(const struct verb *verb, int argc, char **argv)
{
	enum { OPT_PROG = 256, OPT_STATE, OPT_SAVE, OPT_LIMIT, OPT_INTERPRET, OPT_JSON };
	static const struct option options[] = {
		{"prog", required_argument, NULL, OPT_PROG},
		{"state", required_argument, NULL, OPT_STATE},
		{"save", required_argument, NULL, OPT_SAVE},
		{"output", required_argument, NULL, 'o'},
		{"limit", required_argument, NULL, OPT_LIMIT},
		{"interpret", no_argument, NULL, OPT_INTERPRET},
		{"verbose", no_argument, NULL, 'v'},
		{"json", no_argument, NULL, OPT_JSON},
		{0},
	};
	struct replay *r = calloc(1, sizeof(*r));
	int c, ret = EXIT_OK;

	if (!r)
		return fail("out of memory");
	opterr = 0;
	while (ret == EXIT_OK && (c = getopt_long(argc, argv, "o:v", options, NULL)) != -1) {
		switch (c) {
		case OPT_PROG:
			r->prog_name = optarg;
			break;
		case OPT_STATE:
			r->state = optarg;
			break;
		case OPT_SAVE:
			r->save = optarg;
			break;
		case 'o':
			r->output = optarg;
			break;
		case OPT_LIMIT:
			if (!parse_count(optarg, UINT64_MAX, &r->limit) || !r->limit)
				ret = misuse(verb, "--limit wants a number of frames, 1 or more, not '%s'", optarg);
			break;
		case OPT_INTERPRET:
			r->interpret = true;
			break;
		case 'v':
			r->verbose = true;
			break;
		case OPT_JSON:
			r->json = true;
			break;
		default:
			ret = option_error(verb, argv);
		}
	}
	if (ret == EXIT_OK && argc - optind != 2)
		ret = misuse(verb, "replay wants an object (or a ready-made program's name) and a capture");
	if (ret == EXIT_OK) {
		r->object = argv[optind];
		r->capture = argv[optind + 1];
		signal(SIGINT, on_interrupt);
		ret = replay_all(r);
	}
	free(r);
	return ret;
}

const struct verb verb_replay = {
	.name = "replay",
	.about = "run every frame of a capture through a program",
	.help = help,
	.run = run,
};
