/* SPDX-License-Identifier: BSD-2-Clause */
/* The summary of a run: by host and process, what went each way and what was dropped. */
#include "base/util.h"
#include "cli/run.h"
#include "hook/net/port.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <string.h>

enum { SHOWN = 20, ROWS = 16384, BUCKETS = 4096, COMMAND_SHOWN = 120 /* characters of a command line */ };

/* Flows with one host and port by processes of one name. */
struct row {
	struct in6_addr far;
	uint16_t port;
	uint8_t proto, family;
	bool from_tree;
	struct task *task; /* the first of them, held */
	bool several;
	char name[256];
	uint64_t flows, frames, bytes[FLOW_DIRS], dropped, refused;
	char why[96]; /* of the last drop */
	uint32_t next; /* in its bucket: index + 1; 0: the last */
};

struct run_report {
	struct row *rows;
	uint32_t n, room;
	uint32_t buckets[BUCKETS]; /* by host and port: index + 1 */
	uint64_t more; /* flows that found no row */
	uint64_t flows, frames[FLOW_DIRS], bytes[FLOW_DIRS], dropped[FLOW_DIRS];
};

void run_print_task(FILE *f, const struct task *t)
{
	const char *text;

	if (!t) {
		fputs("an unknown process", f);
		return;
	}
	text = *t->cmdline ? t->cmdline : t->comm;
	fprintf(f, "%.*s%s (%u)", COMMAND_SHOWN, text, strlen(text) > COMMAND_SHOWN ? "..." : "", t->pid);
	for (const struct task *up = t->parent; up; up = up->parent)
		fprintf(f, " < %s (%u)", up->comm, up->pid);
	if (*t->folder)
		fprintf(f, ", in %s", t->folder);
}

int run_report_new(struct run_report **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

void run_report_free(struct run_report *r)
{
	for (uint32_t i = 0; r && i < r->n; i++)
		task_put(r->rows[i].task);
	if (r)
		free(r->rows);
	free(r);
}

static bool same_program(const struct task *a, const struct task *b)
{
	return a == b || (a && b && !strcmp(a->comm, b->comm));
}

/* Look-ups of the tree's resolver, whichever of its addresses they went to. */
static bool is_lookup(uint8_t proto, uint16_t port, bool from_tree, const struct in6_addr *far)
{
	static struct in6_addr four, six;

	if (!six.s6_addr[0]) {
		struct in_addr a;

		inet_pton(AF_INET, PORT_DNS4, &a);
		four = ip_v4(a.s_addr);
		inet_pton(AF_INET6, PORT_DNS6, &six);
	}
	return from_tree && port == 53 && (proto == IPPROTO_UDP || proto == IPPROTO_TCP) &&
	       (!memcmp(far, &four, sizeof(four)) || !memcmp(far, &six, sizeof(six)));
}

/* By what makes a host: same_host() holds for no two flows of different buckets. */
static uint32_t bucket_of(const struct flow *f, uint16_t port)
{
	uint32_t h = port;

	if (is_lookup(f->key.proto, port, f->from_tree, &f->key.far))
		return 0;
	for (const char *c = f->name; *c; c++)
		h = h * 31 + (uint8_t)*c;
	for (int i = 0; i < 16 && !*f->name; i++)
		h = h * 31 + f->key.far.s6_addr[i];
	return (h ^ h >> 13) % BUCKETS;
}

/* A host is one row under its name, however many addresses it has. */
static bool same_host(const struct row *x, const struct flow *f, uint16_t port)
{
	if (is_lookup(x->proto, x->port, x->from_tree, &x->far) &&
	    is_lookup(f->key.proto, port, f->from_tree, &f->key.far))
		return true;
	return !strcmp(x->name, f->name) && (*x->name || !memcmp(&x->far, &f->key.far, sizeof(x->far)));
}

static struct row *row_of(struct run_report *r, const struct flow *f)
{
	/* The well-known side's port; the other one is any. */
	uint16_t port = f->from_tree ? f->key.far_port : f->key.tree_port;
	struct row *more;
	uint32_t *bucket;

	if (f->key.proto != IPPROTO_TCP && f->key.proto != IPPROTO_UDP)
		port = 0;
	bucket = &r->buckets[bucket_of(f, port)];
	for (uint32_t i = *bucket; i; i = r->rows[i - 1].next) {
		struct row *x = &r->rows[i - 1];

		if (x->proto == f->key.proto && x->port == port && x->from_tree == f->from_tree &&
		    same_program(x->task, f->owner.task) && same_host(x, f, port)) {
			x->several |= x->task && x->task->pid != f->owner.task->pid;
			return x;
		}
	}
	if (r->n == ROWS)
		return NULL;
	if (r->n == r->room) {
		more = realloc(r->rows, MAX(2 * r->room, 64u) * sizeof(*more));
		if (!more)
			return NULL;
		r->rows = more;
		r->room = MAX(2 * r->room, 64u);
	}
	more = &r->rows[r->n++];
	*more = (struct row){.far = f->key.far,
			     .port = port,
			     .proto = f->key.proto,
			     .family = f->key.family,
			     .from_tree = f->from_tree,
			     .task = task_get(f->owner.task)};
	memcpy(more->name, f->name, sizeof(more->name));
	more->next = *bucket;
	*bucket = r->n;
	return more;
}

static void ended(void *arg, const struct flow *f)
{
	struct run_report *r = arg;
	struct row *row = row_of(r, f);

	r->flows++;
	for (int d = 0; d < FLOW_DIRS; d++) {
		r->frames[d] += f->dir[d].frames;
		r->bytes[d] += f->dir[d].bytes;
		r->dropped[d] += f->dir[d].dropped;
	}
	if (!row) {
		r->more++;
		return;
	}
	row->flows++;
	row->refused += f->refused;
	for (int d = 0; d < FLOW_DIRS; d++) {
		row->frames += f->dir[d].frames;
		row->bytes[d] += f->dir[d].bytes;
		row->dropped += f->dir[d].dropped;
	}
	if (f->verdict.end == CHAIN_DROPPED)
		snprintf(row->why, sizeof(row->why), "%s",
			 f->verdict.why ? f->verdict.why : chain_point_name(f->verdict.point));
}

struct net_observer run_report_observer(struct run_report *r)
{
	return (struct net_observer){.ended = ended, .arg = r};
}

static int by_bytes(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	uint64_t n = x->bytes[0] + x->bytes[1], m = y->bytes[0] + y->bytes[1];

	bool bad_x = x->dropped || x->refused, bad_y = y->dropped || y->refused;

	if (bad_x != bad_y)
		return bad_x ? -1 : 1;
	return n < m ? 1 : n > m ? -1 : 0;
}

/* 999, 1.2k, 34M: four letters at most. */
static const char *amount(char buf[32], uint64_t n)
{
	static const char units[] = " kMGTPE";
	double v = (double)n;
	int i = 0;

	for (; v >= 999.5 && units[i + 1]; i++)
		v /= 1000;
	if (!i)
		snprintf(buf, 32, "%" PRIu64, n);
	else
		snprintf(buf, 32, v < 9.95 ? "%.1f%c" : "%.0f%c", v, units[i]);
	return buf;
}

static void print_row(const struct row *x)
{
	char addr[INET6_ADDRSTRLEN], host[400], proto[32], out[32], in[32], n[32];
	bool lookup = is_lookup(x->proto, x->port, x->from_tree, &x->far), bad = x->dropped || x->refused;

	ip_text(&x->far, addr);
	if (lookup)
		snprintf(host, sizeof(host), "DNS");
	else
		snprintf(host, sizeof(host), x->port ? "%s:%u" : "%s", *x->name ? x->name : addr, x->port);
	fprintf(stderr, "  %s%-6s %s %-38s%s %6s out %6s in %5s %-5s  %s", bad ? paint(stderr, PAINT_RED) : "",
		ip_proto_name(x->proto, proto), x->from_tree ? "->" : "<-", host, bad ? paint(stderr, PAINT_OFF) : "",
		amount(out, x->bytes[FLOW_OUT]), amount(in, x->bytes[FLOW_IN]), amount(n, x->flows),
		x->flows == 1 ? "flow" : "flows", x->task ? x->task->comm : "?");
	if (x->task && !x->several)
		fprintf(stderr, " (%u)", x->task->pid);
	if (x->refused)
		fprintf(stderr, "  %s refused", amount(n, x->refused));
	if (x->dropped > x->refused)
		fprintf(stderr, "  %s dropped: %s", amount(n, x->dropped), x->why);
	fputc('\n', stderr);
}

/* The kernel's own: neighbours, groups. They are in every run. */
static bool is_chatter(const struct row *x)
{
	return x->proto == IPPROTO_ICMPV6 && !x->dropped && !x->port && !x->task;
}

static void print_losses(const struct net_losses *l)
{
	const struct {
		uint64_t n;
		const char *what;
	} rows[] = {{l->to_tree, "frames for the command found its interface full"},
		    {l->fragments, "fragments made no whole packet"},
		    {l->too_long, "frames were longer than the interface takes, after a program had made them so"},
		    {l->faults, "runs of a program ended early (SKEP_DEBUG=1 names the reason)"},
		    {l->no_flow, "frames were not accounted for: no memory"},
		    {l->relayed, "datagrams and frames led nowhere"},
		    {l->dns, "DNS queries had no answer"},
		    {l->unknown, "sockets were gone before their process was found"}};
	char n[32];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].n)
			fprintf(stderr, "  %s %s\n", number(n, rows[i].n), rows[i].what);
}

static void print_row_json(const struct row *x)
{
	struct json_object *o = json_object_new_object(), *task = NULL;
	char text[INET6_ADDRSTRLEN], proto[32];

	json_object_object_add(o, "kind", json_object_new_string("host"));
	json_object_object_add(o, "proto", json_object_new_string(ip_proto_name(x->proto, proto)));
	json_object_object_add(o, "direction", json_object_new_string(x->from_tree ? "out" : "in"));
	json_object_object_add(o, "address", json_object_new_string(ip_text(&x->far, text)));
	json_object_object_add(o, "name", *x->name ? json_object_new_string(x->name) : NULL);
	json_count(o, "port", x->port);
	json_count(o, "flows", x->flows);
	json_count(o, "frames", x->frames);
	json_count(o, "bytes_out", x->bytes[FLOW_OUT]);
	json_count(o, "bytes_in", x->bytes[FLOW_IN]);
	json_count(o, "dropped", x->dropped);
	json_count(o, "refused", x->refused);
	json_object_object_add(o, "why", *x->why ? json_object_new_string(x->why) : NULL);
	if (x->task) {
		task = json_object_new_object();
		json_object_object_add(task, "comm", json_object_new_string(x->task->comm));
		json_object_object_add(task, "binary", json_object_new_string(x->task->exe));
		json_object_object_add(task, "pid", x->several ? NULL : json_object_new_uint64(x->task->pid));
	}
	json_object_object_add(o, "process", task);
	print_json_to(stderr, o);
}

static void print_json_lines(const struct run_report *r, const struct net_losses *l, uint64_t ns)
{
	struct json_object *o = json_object_new_object();

	for (uint32_t i = 0; i < r->n; i++)
		print_row_json(&r->rows[i]);
	json_object_object_add(o, "kind", json_object_new_string("run"));
	json_object_object_add(o, "seconds", json_figure((double)ns / 1e9));
	json_count(o, "flows", r->flows);
	json_count(o, "flows_not_listed", r->more);
	json_count(o, "frames_out", r->frames[FLOW_OUT]);
	json_count(o, "frames_in", r->frames[FLOW_IN]);
	json_count(o, "bytes_out", r->bytes[FLOW_OUT]);
	json_count(o, "bytes_in", r->bytes[FLOW_IN]);
	json_count(o, "dropped_out", r->dropped[FLOW_OUT]);
	json_count(o, "dropped_in", r->dropped[FLOW_IN]);
	json_count(o, "lost_interface_full", l->to_tree);
	json_count(o, "lost_too_long", l->too_long);
	json_count(o, "lost_fragments", l->fragments);
	json_count(o, "program_faults", l->faults);
	json_count(o, "lost_no_memory", l->no_flow);
	json_count(o, "lost_relayed", l->relayed);
	json_count(o, "dns_unanswered", l->dns);
	json_count(o, "process_unknown", l->unknown);
	print_json_to(stderr, o);
}

void run_report_print(const struct run_report *r, const struct net_losses *losses, uint64_t ns, bool json)
{
	char a[32], b[32], c[32];
	uint32_t shown = 0;

	qsort(r->rows, r->n, sizeof(r->rows[0]), by_bytes);
	if (json) {
		print_json_lines(r, losses, ns);
		return;
	}
	fprintf(stderr, "%sskep run%s: %s %s, %s bytes out, %s in, %.1f s\n", paint(stderr, PAINT_BOLD),
		paint(stderr, PAINT_OFF), amount(a, r->flows), r->flows == 1 ? "flow" : "flows",
		amount(b, r->bytes[FLOW_OUT]), amount(c, r->bytes[FLOW_IN]), (double)ns / 1e9);
	for (uint32_t i = 0; i < r->n; i++)
		if (is_chatter(&r->rows[i]))
			continue;
		else if (shown++ < SHOWN)
			print_row(&r->rows[i]);
	if (shown > SHOWN)
		fprintf(stderr, "  ... and %u more\n", shown - SHOWN);
	if (r->more)
		fprintf(stderr, "  %s flows are not listed\n", number(a, r->more));
	print_losses(losses);
}
