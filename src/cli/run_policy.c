/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/run_policy.h"

#include "apps/egress.h"
#include "apps/egress_fill.h"
#include "base/util.h"
#include "bpf/object.h"
#include "bpf/seam.h"
#include "cli/egress_words.h"
#include "cli/run_output.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum { KINDS = 1024, CHAIN = 32, OWNERS = 4096, SHOWN = 50 };

/* Events that are alike but for the time. */
struct kind {
	struct egress_event event;
	struct task *task; /* held */
	uint64_t times;
};

struct run_policy {
	const struct policy_args *args;
	struct skep_hive *hive;
	struct bpf_object *obj;
	struct ring_buffer *ring;
	int owners, stats;
	bool live; /* refusals are told as they happen */
	struct egress_advice *advice;
	struct kind kinds[KINDS];
	uint32_t n;
	uint64_t refused, more; /* events; those that found no place in kinds */
	struct egress_event last;
	/* Whose the sockets are that were seen last: direct-mapped by cookie. */
	struct {
		uint64_t cookie;
		struct task *task; /* held */
	} tasks[OWNERS];
};

static int map_of(const struct run_policy *p, const char *name)
{
	return bpf_object__find_map_fd_by_name(p->obj, name);
}

static void drain(void *arg);

void run_policy_rule(struct run_policy *p, const struct flow *f, char *to, size_t size)
{
	const struct egress_event *e = &p->last;
	char *text = NULL;
	size_t n = 0;
	FILE *out;

	p->last.why = NULL;
	drain(p);
	*to = 0;
	if (!e->why || memcmp(e->remote, &f->key.far, 16) || e->remote_port != f->key.far_port)
		return;
	out = open_memstream(&text, &n);
	if (!out)
		return;
	egress_words_reason(out, &p->args->policy, e);
	if (!fclose(out))
		snprintf(to, size, "%s", text);
	free(text);
}

static void print_event(const struct run_policy *p, FILE *f, const struct kind *k)
{
	egress_words(f, &p->args->policy, &k->event);
	fputs("; ", f);
	run_print_task(f, k->task);
}

/* The same as JSON. */
static struct json_object *event_json(const struct run_policy *p, const struct kind *k)
{
	const struct egress_event *e = &k->event;
	struct json_object *o = json_object_new_object();
	char addr[INET6_ADDRSTRLEN], proto[32], *text = NULL;
	struct in6_addr remote;
	size_t n = 0;
	FILE *reason = open_memstream(&text, &n);

	json_object_object_add(o, "kind", json_object_new_string("refusal"));
	json_object_object_add(o, "by", json_object_new_string("firewall"));
	json_object_object_add(o, "enforced", json_object_new_boolean(e->verdict == EGRESS_REFUSED));
	json_object_object_add(o, "access", json_object_new_string(e->query ? "look-up" : "connection"));
	if (!e->query) {
		memcpy(&remote, e->remote, sizeof(remote));
		json_object_object_add(o, "proto", json_object_new_string(ip_proto_name(e->proto, proto)));
		json_object_object_add(o, "address", json_object_new_string(ip_text(&remote, addr)));
		json_object_object_add(o, "port", json_object_new_int(e->remote_port));
	}
	json_object_object_add(o, "name", *e->name ? json_object_new_string(e->name) : NULL);
	if (reason) {
		egress_words_reason(reason, &p->args->policy, e);
		if (!fclose(reason))
			json_object_object_add(o, "why", json_object_new_string(text));
		free(text);
	}
	json_count(o, "times", k->times);
	json_object_object_add(o, "process", run_task_json(k->task));
	return o;
}

/* A script that runs a program again and again is told once. */
static bool same_doing(const struct task *a, const struct task *b)
{
	return a == b || (a && b && a->parent == b->parent && !strcmp(a->cmdline, b->cmdline) &&
			  !strcmp(a->exe, b->exe) && !strcmp(a->folder, b->folder));
}

static bool alike(const struct kind *k, const struct egress_event *e, const struct task *t)
{
	const struct egress_event *x = &k->event;

	if (!same_doing(k->task, t) || x->verdict != e->verdict || x->reason != e->reason || x->rule != e->rule ||
	    !x->query != !e->query || strcmp(x->name, e->name))
		return false;
	/* Of a look-up neither the server nor the type of record matters. */
	return e->query || (x->proto == e->proto && x->remote_port == e->remote_port &&
			    !memcmp(x->remote, e->remote, sizeof(e->remote)));
}

static int on_event(void *arg, void *data, size_t size)
{
	struct run_policy *p = arg;
	struct egress_event e;
	struct task *task;
	struct kind *k = NULL;

	if (egress_event(data, size, &e))
		return 0;
	p->last = e;
	if (p->advice)
		egress_advice_add(p->advice, &e);
	if (e.verdict != EGRESS_REFUSED && e.verdict != EGRESS_WOULD_REFUSE)
		return 0;
	p->refused += e.verdict == EGRESS_REFUSED;
	task = p->tasks[e.cookie % OWNERS].cookie == e.cookie ? p->tasks[e.cookie % OWNERS].task : NULL;
	for (uint32_t i = 0; i < p->n && !k; i++)
		if (alike(&p->kinds[i], &e, task))
			k = &p->kinds[i];
	if (k) {
		k->times++;
		return 0;
	}
	if (p->n == KINDS) {
		p->more++;
		return 0;
	}
	k = &p->kinds[p->n++];
	*k = (struct kind){.event = e, .task = task_get(task), .times = 1};
	if (p->live) {
		fprintf(stderr, "skep: %s: ", e.verdict == EGRESS_REFUSED ? "refused" : "would be refused");
		print_event(p, stderr, k);
		fputc('\n', stderr);
	}
	return 0;
}

/* A flow begins: whose it is has to be known before its first frame is judged. */
static void on_flow(void *arg, struct flow *f)
{
	struct run_policy *p = arg;
	struct task_facts chain[CHAIN];
	struct skep_hive *before;
	uint32_t n = 0;

	if (!f->owner.cookie)
		return;
	p->tasks[f->owner.cookie % OWNERS].cookie = f->owner.cookie;
	task_put(p->tasks[f->owner.cookie % OWNERS].task);
	p->tasks[f->owner.cookie % OWNERS].task = task_get(f->owner.task);
	if (!p->args->policy.n_exes)
		return;
	for (const struct task *t = f->owner.task; t && n < CHAIN; t = t->parent) {
		chain[n] = (struct task_facts){.pid = t->pid, .exe = t->exe, .cmdline = t->cmdline};
		memcpy(chain[n++].comm, t->comm, sizeof(chain[0].comm));
	}
	before = seam_enter(p->hive);
	egress_owner(&p->args->policy, p->owners, f->owner.cookie, chain, n);
	seam_enter(before);
}

static void drain(void *arg)
{
	struct run_policy *p = arg;
	struct skep_hive *before = seam_enter(p->hive);

	ring_buffer__consume(p->ring);
	seam_enter(before);
}

bool run_policy_refused(const struct chain_result *r)
{
	return r->end != CHAIN_PASSED && !r->why && r->point == CHAIN_TC_EGRESS && !strcmp(r->prog, "egress_out");
}

static void on_frame(void *arg, const struct net_frame *f)
{
	if (f->flow && run_policy_refused(f->result))
		f->flow->refused++;
}

struct net_observer run_policy_observer(struct run_policy *p)
{
	return (struct net_observer){.flow = on_flow, .frame = on_frame, .tick = drain, .arg = p};
}

void run_policy_open(const struct policy_args *args, struct net_opts *net)
{
	for (uint32_t i = 0; i < args->policy.n_rules; i++)
		if (args->policy.rules[i].allow && args->policy.rules[i].target == POLICY_HOST)
			net->open[net->n_open < NET_OPEN ? net->n_open++ : 0] = (struct net_open){0};
}

int run_policy_new(const struct policy_args *args, struct source *src, const struct net_opts *net, bool live,
		   struct run_policy **out)
{
	struct run_policy *p = calloc(1, sizeof(*p));
	struct skep_hive *before;
	struct policy_error why = {""};
	int err = p ? 0 : -ENOMEM;

	if (err)
		return fail("%s", strerror(-err));
	p->args = args;
	p->live = live;
	p->hive = src->hive;
	p->obj = object_libbpf(src->obj);
	before = seam_enter(p->hive);
	p->owners = map_of(p, "owners");
	p->stats = map_of(p, "stats");
	err = policy_fill(&args->policy, p->obj, &why);
	for (uint32_t i = 0; i < net->n_publish && !err; i++)
		err = egress_publish(p->obj, net->publish[i].udp ? POLICY_UDP : POLICY_TCP, net->publish[i].port);
	p->ring = err ? NULL : ring_buffer__new(map_of(p, "events"), on_event, p, NULL);
	seam_enter(before);
	if (!err && !p->ring)
		err = -errno;
	if (!err && args->advise) {
		p->advice = egress_advice_new();
		err = p->advice ? 0 : -ENOMEM;
	}
	if (err) {
		run_policy_free(p);
		return fail("the policy: %s", *why.text ? why.text : strerror(-err));
	}
	*out = p;
	return EXIT_OK;
}

void run_policy_free(struct run_policy *p)
{
	struct skep_hive *before;

	if (!p)
		return;
	before = seam_enter(p->hive);
	ring_buffer__free(p->ring);
	seam_enter(before);
	egress_advice_free(p->advice);
	for (uint32_t i = 0; i < p->n; i++)
		task_put(p->kinds[i].task);
	for (int i = 0; i < OWNERS; i++)
		task_put(p->tasks[i].task);
	free(p);
}

/* Events that found the ring full. */
static uint64_t lost(const struct run_policy *p)
{
	uint32_t cpus = cpus_of_maps();
	AUTO_FREE struct egress_stats *stats = calloc(cpus, sizeof(*stats));
	uint32_t zero = 0;
	uint64_t sum = 0;

	if (stats && !bpf_map_lookup_elem(p->stats, &zero, stats))
		for (uint32_t i = 0; i < cpus; i++)
			sum += stats[i].lost_events;
	return sum;
}

static void print_refusals_json(const struct run_policy *p, uint64_t gone)
{
	for (uint32_t i = 0; i < p->n; i++)
		print_json_to(stderr, event_json(p, &p->kinds[i]));
	print_json_refusals_lost("firewall", gone);
}

static void print_refusals(const struct run_policy *p, uint64_t gone)
{
	char n[32];

	if (p->n)
		fprintf(stderr, "%sskep run%s: %s\n", paint(stderr, PAINT_BOLD), paint(stderr, PAINT_OFF),
			p->refused ? "refused by the policy" : "would be refused by the policy");
	for (uint32_t i = 0; i < p->n && i < SHOWN; i++) {
		fprintf(stderr, "  %s", paint(stderr, PAINT_RED));
		print_event(p, stderr, &p->kinds[i]);
		fputs(paint(stderr, PAINT_OFF), stderr);
		if (p->kinds[i].times > 1)
			fprintf(stderr, "; %s times", number(n, p->kinds[i].times));
		fputc('\n', stderr);
	}
	if (p->n > SHOWN)
		fprintf(stderr, "  ... and %u more\n", p->n - SHOWN);
	if (gone)
		fprintf(stderr, "  %s refusals are not listed\n", number(n, gone));
	if (p->refused && !p->advice)
		fputs("  (a run with --audit --advise prints the policy that would allow this)\n", stderr);
}

uint64_t run_policy_report(struct run_policy *p, bool quiet, bool json)
{
	struct skep_hive *before = seam_enter(p->hive);
	uint64_t gone;

	ring_buffer__consume(p->ring);
	gone = lost(p) + p->more;
	seam_enter(before);
	if (!quiet && json)
		print_refusals_json(p, gone);
	else if (!quiet)
		print_refusals(p, gone);
	if (p->advice) {
		fprintf(stderr, "%sskep run%s: the policy that allows what was seen, and nothing else:\n\n",
			paint(stderr, PAINT_BOLD), paint(stderr, PAINT_OFF));
		egress_advice_print(p->advice, stderr);
	}
	return p->refused;
}
