/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * skep replay: every frame of a capture through a program.
 *
 * Frames are read in batches; a batch is run, then accounted for. Only the run is timed. After every 64 frames ring
 * and perf buffers are emptied, so that they fill up no sooner than in a live run.
 *
 * With --jobs several threads do so at the same time, each a worker of the hive with a CPU number of its own. Each reads the whole capture and runs
 * its share of the flows (steer.h), as the queues of a network card have it: so a flow's frames keep their order, nobody waits for
 * anybody, and maps are shared as they are in the kernel.
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
#include "hook/net/steer.h"
#include "prog/packet.h"
#include "prog/types.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

enum { BATCH = 512, TIMED = 64, WHY = 320, SHOWN_ELEMENTS = 10, MAX_VERDICTS = 64, LINE = 120, MAX_JOBS = 256 };

static const char help[] =
	"usage: skep replay OBJ|NAME CAPTURE [options]\n"
	"\n"
	"Runs every frame of a capture (pcap or pcapng, - for stdin) through an XDP, TC, cgroup_skb or socket-filter\n"
	"program, and tells what became of them. OBJ is an eBPF object file, NAME a ready-made program.\n"
	"\n"
	"  --prog NAME          the program to run, where the object has several\n"
	"  --state FILE         fill maps from a state file before the first frame\n"
	"  --routes FILE        the network that bpf_fib_lookup() answers from (docs/routes.md)\n"
	"  --save FILE          write maps to a state file after the last\n"
	"  -o, --output FILE    write the frames as pcapng, each with its verdict as a comment\n"
	"  --limit N            stop after N frames\n"
	"  --jobs N             run on N cores, each flow on one of them (not with -o, nor from stdin)\n"
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

/* What came out. */
struct tally {
	struct verdict verdicts[MAX_VERDICTS];
	uint32_t n_verdicts;
	uint64_t other_verdicts; /* beyond MAX_VERDICTS different ones */
	uint64_t total, run, bytes, skipped, cut, changed, faults;
	uint64_t ns, best_ns; /* of all frames; of the fastest TIMED in a row, 0: there were fewer */
};

struct replay;

/* One thread's part. */
struct job {
	struct replay *r;
	uint32_t number;
	pthread_t thread;
	struct capture *cap;
	struct replay_frame batch[BATCH];
	struct frame frames[BATCH];
	struct tally t;
	uint64_t seen; /* frames of the capture that have gone by, those of other jobs too */
	int ret; /* EXIT_OK, or EXIT_FAILED and why */
	char why[WHY];
};

struct replay {
	/* What was asked for. */
	const char *object, *capture, *prog_name, *state, *routes, *save, *output;
	uint64_t limit;
	bool json, verbose, interpret;
	uint32_t n_jobs;
	/* What is at work. */
	struct source src;
	struct hive_prog *prog;
	struct pcapng *out;
	struct events *events;
	struct job *jobs;
	pthread_mutex_t draining; /* of events: one thread at a time */
	struct tally t; /* of all jobs */
	uint64_t started, shown; /* ns, for the progress line */
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

/* A socket filter's verdict is how many bytes to keep: what matters is none or some. */
static uint32_t verdict_of(const struct replay *r, uint32_t v)
{
	return r->prog->type == BPF_PROG_TYPE_SOCKET_FILTER ? !!v
	       : r->prog->type == BPF_PROG_TYPE_CGROUP_SKB  ? v & 1
							    : v;
}

static void count(struct tally *t, uint32_t v, uint64_t frames, uint64_t bytes)
{
	uint32_t i = 0;

	while (i < t->n_verdicts && t->verdicts[i].value != v)
		i++;
	if (i == MAX_VERDICTS) {
		t->other_verdicts += frames;
		return;
	}
	if (i == t->n_verdicts)
		t->verdicts[t->n_verdicts++] = (struct verdict){.value = v};
	t->verdicts[i].frames += frames;
	t->verdicts[i].bytes += bytes;
}

static void add_up(struct tally *all, const struct tally *t)
{
	for (uint32_t i = 0; i < t->n_verdicts; i++)
		count(all, t->verdicts[i].value, t->verdicts[i].frames, t->verdicts[i].bytes);
	all->other_verdicts += t->other_verdicts;
	all->total += t->total;
	all->run += t->run;
	all->bytes += t->bytes;
	all->skipped += t->skipped;
	all->cut += t->cut;
	all->changed += t->changed;
	all->faults += t->faults;
	all->ns += t->ns;
	if (t->best_ns && (!all->best_ns || t->best_ns < all->best_ns))
		all->best_ns = t->best_ns;
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

/* Empties ring and perf buffers, unless another job is at it: what is left then waits for the next piece, or the end. */
static void drain(struct replay *r)
{
	if (pthread_mutex_trylock(&r->draining))
		return;
	events_drain(r->events);
	pthread_mutex_unlock(&r->draining);
}

static int run_batch(struct job *j, uint32_t n)
{
	struct replay *r = j->r;
	struct tally *t = &j->t;
	uint64_t ns;
	int err;

	for (uint32_t i = 0; i < n; i++)
		j->batch[i] = (struct replay_frame){.data = j->frames[i].data, .len = j->frames[i].len};
	/* Timed in small pieces: the fastest is the one that the machine disturbed least. */
	for (uint32_t i = 0; i < n; i += TIMED) {
		uint32_t part = MIN(n - i, (uint32_t)TIMED);

		err = replay_run(r->src.hive, r->prog, r->n_jobs > 1 ? j->number : HIVE_ANY_WORKER, j->batch + i, part,
				 &ns);
		if (err) {
			snprintf(j->why, WHY, "%.200s: run: %s", r->object, strerror(-err));
			return EXIT_FAILED;
		}
		t->ns += ns;
		if (part == TIMED && (!t->best_ns || ns < t->best_ns))
			t->best_ns = ns;
		drain(r);
	}
	for (uint32_t i = 0; i < n; i++) {
		const struct replay_frame *f = &j->batch[i];

		t->total++;
		t->bytes += f->len;
		t->cut += j->frames[i].len < j->frames[i].wire_len;
		t->skipped += f->skipped;
		t->changed += f->changed;
		t->faults += f->fault != 0;
		if (!f->skipped) {
			t->run++;
			count(t, verdict_of(r, f->verdict), 1, f->len);
		}
		if (r->out)
			write_out(r, &j->frames[i], f);
	}
	return EXIT_OK;
}

/* Of all jobs the first tells, of the frames of the capture that it has seen. */
static void show_progress(struct job *j)
{
	struct replay *r = j->r;
	uint64_t now;
	char n[32];

	if (j->number || !isatty(STDERR_FILENO))
		return;
	now = clock_ns(CLOCK_MONOTONIC);
	if (now - r->started < 2000000000u || now - r->shown < 200000000u)
		return;
	r->shown = now;
	fprintf(stderr, "\rskep: %s frames, %.1f million a second ...", number(n, j->seen),
		(double)j->seen * 1e3 / (double)(now - r->started));
}

/* Leaves those of a batch that are this job's. */
static uint32_t own_share(struct job *j, uint32_t n)
{
	uint32_t kept = 0;

	if (j->r->n_jobs == 1)
		return n;
	for (uint32_t i = 0; i < n; i++)
		if (steer(j->frames[i].data, j->frames[i].len, j->r->n_jobs) == j->number)
			j->frames[kept++] = j->frames[i];
	return kept;
}

static void *run_job(void *arg)
{
	struct job *j = arg;
	const struct replay *r = j->r;
	struct skep_hive *before = seam_enter(r->src.hive);
	char why[WHY];

	while (j->ret == EXIT_OK && !stop && !(r->limit && j->seen >= r->limit)) {
		int n = capture_batch(j->cap, j->frames,
				      r->limit ? (uint32_t)MIN(r->limit - j->seen, (uint64_t)BATCH) : BATCH, why);

		/* What came before the broken place has been run and is reported all the same. */
		if (n < 0) {
			snprintf(j->why, WHY, "%.120s: after frame %" PRIu64 ": %.160s", r->capture, j->seen, why);
			j->ret = EXIT_FAILED;
		}
		if (n <= 0)
			break;
		j->seen += (uint32_t)n;
		j->ret = run_batch(j, own_share(j, (uint32_t)n));
		show_progress(j);
	}
	seam_enter(before);
	return NULL;
}

static int run_frames(struct replay *r)
{
	uint32_t started = 1;
	int ret = EXIT_OK, err = 0;

	r->started = clock_ns(CLOCK_MONOTONIC);
	for (; started < r->n_jobs; started++) {
		err = pthread_create(&r->jobs[started].thread, NULL, run_job, &r->jobs[started]);
		if (err)
			break;
	}
	if (err) {
		ret = fail("cannot start job %u: %s", started, strerror(err));
		stop = 1;
	}
	run_job(&r->jobs[0]);
	for (uint32_t i = 1; i < started; i++)
		pthread_join(r->jobs[i].thread, NULL);
	/* What a job left because another one was emptying them. */
	events_drain(r->events);
	if (r->shown)
		fprintf(stderr, "\r\033[K");
	for (uint32_t i = 0; i < started; i++) {
		add_up(&r->t, &r->jobs[i].t);
		if (r->jobs[i].ret != EXIT_OK && ret == EXIT_OK)
			ret = fail("%s", r->jobs[i].why);
	}
	if (stop && !err)
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
	if (r->t.best_ns)
		return (double)r->t.best_ns / TIMED;
	return r->t.run ? (double)r->t.ns / (double)r->t.run : 0;
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
	       paint(stdout, PAINT_OFF), r->capture, number(a, r->t.total), number(b, r->t.bytes));
	for (uint32_t i = 0; i < r->t.n_verdicts; i++) {
		const struct verdict *v = &r->t.verdicts[i];
		const char *name = verdict_text(r, v->value, buf);
		double share = (double)v->frames / (double)r->t.run;

		printf("  %s%-16s%s %10s  %5.1f %%  ", paint(stdout, verdict_paint(name)), name,
		       paint(stdout, PAINT_OFF), number(a, v->frames), share * 100);
		bar(share);
		printf("  %s bytes\n", number(b, v->bytes));
	}
	if (r->t.run)
		printf("\n  %.1f ns per frame (%s; %s)\n", ns_per_frame(r), r->prog->target.jit ? "JIT" : "interpreter",
		       r->t.best_ns ? "the fastest 64 in a row" : "the mean");
}

static void print_losses(struct replay *r)
{
	char a[32];

	if (r->t.other_verdicts)
		printf("  %s frames with other return values\n", number(a, r->t.other_verdicts));
	if (r->t.changed)
		printf("  %s frames were made longer or shorter\n", number(a, r->t.changed));
	if (r->t.cut)
		printf("  %s frames are cut off in the capture; the program saw what there is of them\n",
		       number(a, r->t.cut));
	if (r->t.skipped)
		printf("  %s frames were not run: shorter than an Ethernet header, or longer than %d bytes\n",
		       number(a, r->t.skipped), PACKET_MAX);
	if (r->t.faults)
		printf("  %s%s runs ended early: the program reached a helper, or a field that CO-RE looked for, which "
		       "do not exist here (SKEP_DEBUG=1 names them)%s\n",
		       paint(stdout, PAINT_RED), number(a, r->t.faults), paint(stdout, PAINT_OFF));
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

	for (uint32_t i = 0; i < r->t.n_verdicts; i++)
		json_object_object_add(verdicts, verdict_text(r, r->t.verdicts[i].value, buf),
				       json_object_new_uint64(r->t.verdicts[i].frames));
	json_object_object_add(o, "frames", json_object_new_uint64(r->t.total));
	json_object_object_add(o, "bytes", json_object_new_uint64(r->t.bytes));
	json_object_object_add(o, "verdicts", verdicts);
	json_object_object_add(o, "ns_per_frame", json_figure(ns_per_frame(r)));
	json_object_object_add(o, "engine", json_object_new_string(r->prog->target.jit ? "jit" : "interpreter"));
	json_object_object_add(o, "changed", json_object_new_uint64(r->t.changed));
	json_object_object_add(o, "cut", json_object_new_uint64(r->t.cut));
	json_object_object_add(o, "skipped", json_object_new_uint64(r->t.skipped));
	json_object_object_add(o, "faults", json_object_new_uint64(r->t.faults));
	json_object_object_add(o, "other_verdicts", json_object_new_uint64(r->t.other_verdicts));
	events_json(r->events, o);
	print_json(o);
}

static int read_routes(struct replay *r)
{
	AUTO_FREE void *text = NULL;
	char why[WHY] = "";
	size_t len;
	int err = object_read(r->routes, &text, &len);

	if (err)
		return fail("%s: read: %s", r->routes, strerror(-err));
	err = hive_set_routes(r->src.hive, text, len, why, sizeof(why));
	return err ? fail("%s: %s", r->routes, err == -EINVAL ? why : strerror(-err)) : EXIT_OK;
}

static int open_all(struct replay *r)
{
	struct skep_program *prog;
	char why[WHY];
	int ret, err;

	r->src.workers = r->n_jobs;
	ret = source_open(&r->src, r->object, r->interpret ? SOURCE_INTERPRET : 0);
	if (ret != EXIT_OK)
		return ret;
	prog = source_program(&r->src, r->prog_name, replay_can);
	if (!prog)
		return EXIT_FAILED;
	r->prog = program_loaded(prog);
	for (uint32_t i = 0; i < r->n_jobs; i++) {
		r->jobs[i].r = r;
		r->jobs[i].number = i;
		err = capture_open(r->capture, &r->jobs[i].cap, why);
		if (err)
			return fail("%s: open: %s", r->capture, err == -ENOMEM ? "out of memory" : why);
	}
	if (capture_made_up(r->jobs[0].cap))
		note("%s: link type %s: every packet gets an Ethernet header of zero addresses", r->capture,
		     capture_made_up(r->jobs[0].cap));
	seam_enter(r->src.hive);
	if (r->routes) {
		ret = read_routes(r);
		if (ret != EXIT_OK)
			return ret;
	}
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
		qsort(r->t.verdicts, r->t.n_verdicts, sizeof(r->t.verdicts[0]), by_frames);
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
	for (uint32_t i = 0; i < r->n_jobs; i++)
		capture_close(r->jobs[i].cap);
	source_close(&r->src);
	return ret;
}

static int run(const struct verb *verb, int argc, char **argv)
{
	enum { OPT_PROG = 256, OPT_STATE, OPT_ROUTES, OPT_SAVE, OPT_LIMIT, OPT_JOBS, OPT_INTERPRET, OPT_JSON };
	static const struct option options[] = {
		{"prog", required_argument, NULL, OPT_PROG},
		{"state", required_argument, NULL, OPT_STATE},
		{"routes", required_argument, NULL, OPT_ROUTES},
		{"save", required_argument, NULL, OPT_SAVE},
		{"output", required_argument, NULL, 'o'},
		{"limit", required_argument, NULL, OPT_LIMIT},
		{"jobs", required_argument, NULL, OPT_JOBS},
		{"interpret", no_argument, NULL, OPT_INTERPRET},
		{"verbose", no_argument, NULL, 'v'},
		{"json", no_argument, NULL, OPT_JSON},
		{0},
	};
	struct replay *r = calloc(1, sizeof(*r));
	uint64_t n_jobs = 1;
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
		case OPT_ROUTES:
			r->routes = optarg;
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
		case OPT_JOBS:
			if (!parse_count(optarg, MAX_JOBS, &n_jobs) || !n_jobs)
				ret = misuse(verb, "--jobs wants a number from 1 to %d, not '%s'", MAX_JOBS, optarg);
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
	if (ret == EXIT_OK && n_jobs > 1 && r->output)
		ret = misuse(verb, "-o keeps the order of the frames, and --jobs does not");
	if (ret == EXIT_OK && n_jobs > 1 && !strcmp(argv[optind + 1], "-"))
		ret = misuse(verb, "--jobs needs a file, not stdin: every job reads the capture for itself");
	if (ret == EXIT_OK) {
		r->object = argv[optind];
		r->capture = argv[optind + 1];
		r->n_jobs = (uint32_t)n_jobs;
		r->jobs = calloc(MAX(r->n_jobs, 1u), sizeof(*r->jobs));
		pthread_mutex_init(&r->draining, NULL);
		signal(SIGINT, on_interrupt);
		ret = r->jobs ? replay_all(r) : fail("out of memory");
		pthread_mutex_destroy(&r->draining);
		free(r->jobs);
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
