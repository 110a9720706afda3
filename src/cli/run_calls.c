/* SPDX-License-Identifier: BSD-2-Clause */
/* Programs on what the tree's tasks do: attached by libbpf, as to a kernel; run by the dispatcher; and what is told of it at the end. */
#include "base/util.h"
#include "bpf/object.h"
#include "bpf/seam.h"
#include "cli/run.h"
#include "hook/task/dispatch.h"
#include "hook/task/engine.h"
#include "prog/calls.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

enum { LINKS = 512, NOTICERS = 2 };

struct run_calls {
	struct skep_hive *hive;
	struct dispatch *dispatch;
	struct engine *engine;
	struct bpf_link *links[LINKS];
	uint32_t n_links;
	bool verbose, by_trace;
};

uint32_t run_calls_workers(void)
{
	return NOTICERS + ENGINE_MORE;
}

bool run_calls_serves(uint32_t prog_type)
{
	switch (prog_type) {
	case BPF_PROG_TYPE_TRACEPOINT:
	case BPF_PROG_TYPE_RAW_TRACEPOINT:
	case BPF_PROG_TYPE_KPROBE:
	case BPF_PROG_TYPE_TRACING:
	case BPF_PROG_TYPE_LSM:
		return true;
	default:
		return false;
	}
}

/* CALL[:return], life, all[:return] */
static int reserve_one(const struct verb *verb, struct dispatch *d, const char *text)
{
	const char *colon = strchr(text, ':');
	uint8_t what = colon ? PLAN_CALL | PLAN_RETURN : PLAN_CALL;
	const struct call_desc *c;
	char name[64];

	snprintf(name, sizeof(name), "%.*s", colon ? (int)(colon - text) : (int)strlen(text), text);
	if (colon && strcmp(colon, ":return"))
		return misuse(verb, "--reserve %s: behind a call stands nothing, or ':return'", text);
	if (!strcmp(text, "life")) {
		dispatch_reserve_life(d);
		return EXIT_OK;
	}
	if (!strcmp(name, "all")) {
		for (int nr = 0; nr < CALLS_MAX; nr++)
			if (calls_at(nr))
				dispatch_reserve(d, nr, what);
		return EXIT_OK;
	}
	c = calls_find(name);
	if (!c)
		return misuse(verb,
			      "--reserve %s: there is no such system call; 'life' stands for forks, execs and exits, "
			      "'all' for all calls",
			      name);
	dispatch_reserve(d, c->nr, what);
	return EXIT_OK;
}

static int reserve(const struct verb *verb, struct dispatch *d, const char *list)
{
	int err = EXIT_OK;

	while (list && *list && !err) {
		size_t n = strcspn(list, ",");
		char one[80];

		snprintf(one, sizeof(one), "%.*s", (int)n, list);
		err = reserve_one(verb, d, one);
		list += n + (list[n] == ',');
	}
	return err;
}

int run_calls_new(const struct verb *verb, const struct run_args *args, struct skep_hive *hive, const struct tree *tree,
		  struct run_calls **out)
{
	struct dispatch_opts opts = {.hive = hive,
				     .proc = tree->proc,
				     .n_threads = run_calls_workers(),
				     .makes_calls = args->tree.bare || args->by_trace,
				     .first_worker = 1};
	struct run_calls *c = calloc(1, sizeof(*c));
	int err = c ? dispatch_new(&opts, &c->dispatch) : -ENOMEM;

	*out = c;
	if (err)
		return fail("tasks cannot be watched: %s", strerror(-err));
	c->hive = hive;
	c->verbose = args->verbose;
	c->by_trace = args->by_trace;
	if (c->by_trace && !args->quiet && !args->json)
		note("system calls are seen by ptrace (--by=ptrace): a call that is seen takes longer, and nothing in "
		     "the tree can "
		     "be traced");
	return reserve(verb, c->dispatch, args->reserve);
}

int run_calls_attach(struct run_calls *c, const struct source *s, struct skep_program *p)
{
	struct skep_hive *before;
	struct bpf_link *link;
	int err;

	if (c->n_links == LINKS)
		return fail("more than %d programs on tasks", LINKS);
	before = seam_enter(c->hive);
	link = bpf_program__attach(program_libbpf(p));
	err = link ? 0 : -errno;
	seam_enter(before);
	if (err)
		return fail("%s: program '%s' (SEC(\"%s\")) cannot be attached: %s", s->name, skep_program_name(p),
			    bpf_program__section_name(program_libbpf(p)), strerror(-err));
	c->links[c->n_links++] = link;
	if (c->verbose && !run_watch_is(s))
		note("%s: program '%s' at %s", s->name, skep_program_name(p),
		     bpf_program__section_name(program_libbpf(p)));
	return EXIT_OK;
}

int run_calls_start(struct run_calls *c, struct tree *tree, struct calls *made)
{
	struct engine_opts opts = {.n_threads = NOTICERS, .by_trace = c->by_trace};
	char why[ENGINE_WHY] = "";
	int err;

	if (!dispatch_close(c->dispatch, &opts.plan) && !made && !c->by_trace)
		return EXIT_OK;
	dispatch_engine(c->dispatch, &opts);
	for (int nr = 0; nr < CALLS_MAX; nr++)
		if (opts.plan.calls[nr] & PLAN_MADE && (made || (c->by_trace && engine_hands_over(nr))))
			return fail("a program decides on %s: such calls are made by the tree's guard%s",
				    calls_at(nr)->name,
				    made ? ", which --net=calls does without"
					 : ", and files handed over by seccomp's notifications, which --by=ptrace does "
					   "without");
	if (made) {
		calls_plan(made, &opts.plan);
		opts.maker = calls_maker(made);
	}
	err = engine_new(&opts, &c->engine, why);
	if (!err)
		err = engine_start(c->engine, tree, why);
	return err ? fail("the command cannot be watched: %s", why) : EXIT_OK;
}

void run_calls_stop(struct run_calls *c)
{
	if (c)
		engine_stop(c->engine);
}

static void print_json_line(const struct run_calls *c, const struct dispatch_counts *n, const struct engine_losses *l)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "kind", json_object_new_string("tasks"));
	json_object_object_add(o, "by", json_object_new_string(c->by_trace ? "ptrace" : "notify"));
	json_count(o, "calls", n->events[TASK_CALL]);
	json_count(o, "returns", n->events[TASK_RETURN]);
	json_count(o, "forks", n->events[TASK_FORK]);
	json_count(o, "execs", n->events[TASK_EXEC]);
	json_count(o, "exits", n->events[TASK_EXIT]);
	json_count(o, "program_runs", n->runs);
	json_count(o, "program_faults", n->faults);
	json_count(o, "denied", n->denied);
	json_count(o, "killed", n->killed);
	json_count(o, "lost_unknown", l->unknown);
	json_count(o, "given_up", l->late);
	json_count(o, "exits_told_late", l->sudden);
	json_count(o, "parents_unknown", l->orphans);
	json_count(o, "ends_not_heard", l->unheard);
	print_json_to(stderr, o);
}

static void print_counts(const struct dispatch_counts *n, const struct engine_losses *l)
{
	const struct {
		uint64_t n;
		const char *one, *more, *what;
	} rows[] = {{n->denied, "call was", "calls were", "denied or answered by a program"},
		    {n->killed, "process was", "processes were", "killed by a program"},
		    {n->faults, "run of a program", "runs of a program", "ended early (SKEP_DEBUG=1 names the reason)"},
		    {l->unknown, "call was", "calls were", "refused with ENOMEM, as the task could not be looked at"},
		    {l->late, "call was", "calls were", "given up by the task while it was looked at"},
		    {l->sudden, "exit was", "exits were", "seen when nothing could be read of the task any more"},
		    {l->unheard, "end of an open", "ends of opens", "with O_PATH not heard of"},
		    {l->orphans, "fork was", "forks were", "seen after the parent had been killed"}};
	char a[32], b[32], c[32], d[32];

	fprintf(stderr, "  %s program runs at %s calls, %s of them to their ends, and %s forks, execs and exits\n",
		number(a, n->runs), number(b, n->events[TASK_CALL]), number(c, n->events[TASK_RETURN]),
		number(d, n->events[TASK_FORK] + n->events[TASK_EXEC] + n->events[TASK_EXIT]));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].n)
			fprintf(stderr, "  %s %s %s\n", number(a, rows[i].n),
				rows[i].n == 1 ? rows[i].one : rows[i].more, rows[i].what);
}

void run_calls_report(const struct run_calls *c, bool json)
{
	struct engine_losses lost;
	struct dispatch_counts n;

	if (!c || !c->engine)
		return;
	engine_losses(c->engine, &lost);
	dispatch_counts(c->dispatch, &n);
	/* Programs of control groups are the hive's links, not ours. */
	if (!c->n_links && !n.runs)
		return;
	if (json)
		print_json_line(c, &n, &lost);
	else
		print_counts(&n, &lost);
}

void run_calls_free(struct run_calls *c)
{
	struct skep_hive *before;

	if (!c)
		return;
	engine_stop(c->engine);
	before = seam_enter(c->hive);
	for (uint32_t i = 0; i < c->n_links; i++)
		bpf_link__destroy(c->links[i]);
	seam_enter(before);
	engine_free(c->engine);
	dispatch_free(c->dispatch);
	free(c);
}
