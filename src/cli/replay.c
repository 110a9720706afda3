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
 *
 * What came of it is told by replay_report.c.
 */
#include "base/clock.h"
#include "base/util.h"
#include "bpf/object.h"
#include "bpf/seam.h"
#include "cli/cli.h"
#include "cli/events.h"
#include "cli/replay.h"
#include "cli/state.h"
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

enum { BATCH = 512, TIMED = REPLAY_TIMED, WHY = 320, MAX_JOBS = 256 };

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

struct replay;

/* One thread's part. */
struct job {
	struct replay *r;
	uint32_t number;
	pthread_t thread;
	struct capture *cap;
	struct replay_frame batch[BATCH];
	struct frame frames[BATCH];
	struct replay_tally t;
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
	struct replay_tally t; /* of all jobs */
	uint64_t started, shown; /* ns, for the progress line */
};

static volatile sig_atomic_t stop;

static void on_interrupt(int sig)
{
	stop = 1;
}

/* A socket filter's verdict is how many bytes to keep: what matters is none or some. */
static uint32_t verdict_of(const struct replay *r, uint32_t v)
{
	return r->prog->type == BPF_PROG_TYPE_SOCKET_FILTER ? !!v
	       : r->prog->type == BPF_PROG_TYPE_CGROUP_SKB  ? v & 1
							    : v;
}

static void count(struct replay_tally *t, uint32_t v, uint64_t frames, uint64_t bytes)
{
	uint32_t i = 0;

	while (i < t->n_verdicts && t->verdicts[i].value != v)
		i++;
	if (i == REPLAY_VERDICTS) {
		t->other_verdicts += frames;
		return;
	}
	if (i == t->n_verdicts)
		t->verdicts[t->n_verdicts++] = (struct replay_verdict){.value = v};
	t->verdicts[i].frames += frames;
	t->verdicts[i].bytes += bytes;
}

static void add_up(struct replay_tally *all, const struct replay_tally *t)
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
		snprintf(comment, sizeof(comment), "skep: %s, length %u -> %u",
			 replay_verdict_text(r->prog->type, done->verdict, buf), done->len, done->new_len);
	else
		snprintf(comment, sizeof(comment), "skep: %s", replay_verdict_text(r->prog->type, done->verdict, buf));
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
	struct replay_tally *t = &j->t;
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
	ret = events_open(&r->events, &r->src,
			  &(struct events_opts){.to = stdout, .json = r->json, .verbose = r->verbose});
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
		replay_report(&(struct replay_report){.object = r->object,
						      .capture = r->capture,
						      .prog_type = r->prog->type,
						      .jit = r->prog->target.jit,
						      .obj = object_libbpf(r->src.obj),
						      .events = r->events,
						      .t = &r->t,
						      .json = r->json});
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
