/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/run_output.h"

#include "base/clock.h"
#include "base/util.h"
#include "cli/metrics.h"
#include "hook/net/pcapng.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum { PROGRESS_AFTER_MS = 2000, PROGRESS_EVERY_MS = 500 };

struct run_output {
	struct output_args args;
	struct run_policy *policy;
	FILE *flows;
	int flows_err; /* the first thing that went wrong */
	uint64_t lines_lost;
	struct pcapng *pcapng;
	struct metrics *metrics;
	struct metrics_counts counts;
	uint64_t started, shown; /* ms */
};

int run_output_new(const struct output_args *args, struct run_policy *policy, struct run_output **out)
{
	struct run_output *o = calloc(1, sizeof(*o));
	char why[256];
	int err;

	if (!o)
		return fail("%s", strerror(ENOMEM));
	o->args = *args;
	o->policy = policy;
	o->started = clock_ns(CLOCK_MONOTONIC) / 1000000;
	*out = o;
	if (args->flows) {
		o->flows = fopen(args->flows, "we");
		if (!o->flows)
			return fail("--flows %s: %s", args->flows, strerror(errno));
	}
	err = args->pcapng ? pcapng_create(args->pcapng, &o->pcapng) : 0;
	if (err)
		return fail("--pcapng %s: %s", args->pcapng, strerror(-err));
	if (args->metrics && metrics_new(args->metrics, &o->metrics, why, sizeof(why)))
		return fail("--metrics %s: %s", args->metrics, why);
	return EXIT_OK;
}

static void not_written(struct run_output *o)
{
	o->lines_lost++;
	if (!o->flows_err)
		o->flows_err = errno;
}

static void write_line(struct run_output *o, const char *event, const struct flow *f, const struct net_frame *frame)
{
	struct json_object *line;
	char rule[256] = "";
	int n;

	if (o->policy && frame)
		run_policy_rule(o->policy, f, rule, sizeof(rule));
	line = flow_log_line(event, f, frame, rule);
	n = fprintf(o->flows, "%s\n",
		    json_object_to_json_string_ext(line, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(line);
	if (n < 0)
		not_written(o);
}

static void write_frame(struct run_output *o, const struct net_frame *f)
{
	const struct chain_result *r = f->result;
	const struct frame out = {.data = f->data, .len = f->len, .wire_len = f->len, .time_ns = f->time_ns};
	const struct task *t = f->flow ? f->flow->owner.task : NULL;
	char comment[320];
	bool refused = o->policy && run_policy_refused(r);
	int n = snprintf(comment, sizeof(comment), "skep: %s, %s", f->dir == FLOW_OUT ? "out" : "in",
			 refused                   ? "refused by the policy"
			 : r->end == CHAIN_PASSED  ? "passed"
			 : r->end == CHAIN_DROPPED ? "dropped"
						   : "sent back");

	if (r->point < CHAIN_POINTS)
		n += snprintf(comment + n, sizeof(comment) - (size_t)n, "; %s %s returned %d",
			      chain_point_name(r->point), r->prog, (int32_t)r->verdict);
	if (r->why)
		n += snprintf(comment + n, sizeof(comment) - (size_t)n, "; %s", r->why);
	if (t)
		snprintf(comment + n, sizeof(comment) - (size_t)n, "; %s (%u)", t->comm, t->pid);
	pcapng_add(o->pcapng, &out, comment);
}

static void on_frame(void *arg, const struct net_frame *f)
{
	struct run_output *o = arg;
	bool dropped = f->result->end == CHAIN_DROPPED;
	uint32_t d = f->dir;

	o->counts.frames[d][f->result->end]++;
	o->counts.bytes[d][f->result->end] += f->len;
	if (dropped)
		o->counts.dropped_at[MIN(f->result->point, CHAIN_POINTS)]++;
	o->counts.refused += o->policy && run_policy_refused(f->result);
	if (o->pcapng)
		write_frame(o, f);
	if (!f->flow || !o->flows)
		return;
	/* The flow's account has this frame already. */
	if (f->flow->dir[FLOW_OUT].frames + f->flow->dir[FLOW_IN].frames == 1)
		write_line(o, "begin", f->flow, f);
	else if ((dropped && f->flow->dir[FLOW_OUT].dropped + f->flow->dir[FLOW_IN].dropped == 1) ||
		 (f->flow->refused == 1 && run_policy_refused(f->result)))
		write_line(o, "drop", f->flow, f);
}

static void on_flow(void *arg, struct flow *f)
{
	struct run_output *o = arg;

	o->counts.flows++;
	o->counts.unknown += !f->owner.task && (f->key.proto == IPPROTO_TCP || f->key.proto == IPPROTO_UDP);
}

static void on_ended(void *arg, const struct flow *f)
{
	struct run_output *o = arg;

	if (o->flows)
		write_line(o, "end", f, NULL);
}

static void show_progress(struct run_output *o)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC) / 1000000, frames[FLOW_DIRS] = {0}, bytes = 0;
	const struct metrics_counts *c = &o->counts;

	if (!o->args.progress || now - o->started < PROGRESS_AFTER_MS || now - o->shown < PROGRESS_EVERY_MS)
		return;
	o->shown = now;
	for (int d = 0; d < FLOW_DIRS; d++)
		for (int e = 0; e < CHAIN_END_KINDS; e++) {
			frames[d] += c->frames[d][e];
			bytes += c->bytes[d][e];
		}
	fprintf(stderr,
		"\r\033[Kskep run: %" PRIu64 " s, %" PRIu64 " flows, %" PRIu64 " frames out, %" PRIu64 " in, %.1f MB",
		(now - o->started) / 1000, c->flows, frames[FLOW_OUT], frames[FLOW_IN], (double)bytes / 1e6);
	fflush(stderr);
}

static void on_tick(void *arg)
{
	struct run_output *o = arg;

	show_progress(o);
	if (o->flows && fflush(o->flows))
		not_written(o);
	if (o->metrics)
		metrics_publish(o->metrics, &o->counts);
}

struct net_observer run_output_observer(struct run_output *o)
{
	return (struct net_observer){.flow = on_flow, .frame = on_frame, .ended = on_ended, .tick = on_tick, .arg = o};
}

/* What was lost, as the flow log's last line: Hubble's lost_events, with the causes. */
static void write_lost(struct run_output *o, const struct net_losses *l)
{
	const struct {
		const char *cause;
		uint64_t n;
	} causes[] = {{"interface_full", l->to_tree}, {"too_long", l->too_long},   {"program_faults", l->faults},
		      {"no_memory", l->no_flow},      {"fragments", l->fragments}, {"dns_unanswered", l->dns},
		      {"process_unknown", l->unknown}};
	struct json_object *line = json_object_new_object(), *lost = json_object_new_object();

	json_count(lost, "num_events_lost", o->lines_lost);
	for (size_t i = 0; i < ARRAY_SIZE(causes); i++)
		json_object_object_add(lost, causes[i].cause, json_object_new_uint64(causes[i].n));
	json_object_object_add(line, "lost_events", lost);
	if (fprintf(o->flows, "%s\n", json_object_to_json_string_ext(line, JSON_C_TO_STRING_PLAIN)) < 0)
		not_written(o);
	json_object_put(line);
}

/* Frames that came to the interface, and those that it had no room for. */
static void write_statistics(struct run_output *o, const struct net_losses *l)
{
	uint64_t came = 0;

	for (int d = 0; d < FLOW_DIRS; d++)
		for (int e = 0; e < CHAIN_END_KINDS; e++)
			came += o->counts.frames[d][e];
	pcapng_lost(o->pcapng, clock_ns(CLOCK_REALTIME), came, l->to_tree + l->too_long + l->fragments);
}

int run_output_finish(struct run_output *o, const struct net_losses *losses)
{
	int ret = EXIT_OK, err;

	if (o->shown)
		fprintf(stderr, "\r\033[K");
	o->counts.losses = *losses;
	if (o->flows) {
		write_lost(o, losses);
		if (fclose(o->flows) && !o->flows_err)
			o->flows_err = errno;
		o->flows = NULL;
		if (o->flows_err)
			ret = fail("--flows %s: %s; the log is not whole, %" PRIu64 " or more lines are missing",
				   o->args.flows, strerror(o->flows_err), MAX(o->lines_lost, (uint64_t)1));
	}
	if (o->pcapng)
		write_statistics(o, losses);
	err = pcapng_finish(o->pcapng);
	o->pcapng = NULL;
	if (err)
		ret = fail("--pcapng %s: %s; frames are missing", o->args.pcapng, strerror(-err));
	if (o->metrics) {
		metrics_publish(o->metrics, &o->counts);
		err = metrics_finish(o->metrics);
		o->metrics = NULL;
		if (err)
			ret = fail("--metrics %s: %s", o->args.metrics, strerror(-err));
	}
	return ret;
}

void run_output_free(struct run_output *o)
{
	if (!o)
		return;
	if (o->flows)
		fclose(o->flows);
	pcapng_finish(o->pcapng);
	if (o->metrics)
		metrics_finish(o->metrics);
	free(o);
}
