/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A flow as JSON, in the field names of Hubble's flow messages (api/v1/flow/flow.proto of cilium; the fields' JSON names are as hubble
 * observe -o jsonpb prints them), with what skep knows besides: "process", "decided_by" and, at a flow's end, "totals".
 */
#include "base/util.h"
#include "cli/run_output.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void add_text(struct json_object *o, const char *key, const char *text)
{
	json_object_object_add(o, key, json_object_new_string(text));
}

static void add_number(struct json_object *o, const char *key, uint64_t n)
{
	json_object_object_add(o, key, json_object_new_uint64(n));
}

static void add_time(struct json_object *o, const char *key, uint64_t ns)
{
	time_t s = (time_t)(ns / 1000000000);
	char text[64], all[96];
	struct tm tm;

	gmtime_r(&s, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(all, sizeof(all), "%s.%09" PRIu64 "Z", text, ns % 1000000000);
	add_text(o, key, all);
}

static void add_ethernet(struct json_object *o, const struct net_frame *frame)
{
	struct json_object *eth = json_object_new_object();
	char text[2][18];

	for (int i = 0; i < 2; i++) {
		const uint8_t *m = frame->data + 6 * i;

		snprintf(text[i], sizeof(text[i]), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
	}
	add_text(eth, "source", text[1]);
	add_text(eth, "destination", text[0]);
	json_object_object_add(o, "ethernet", eth);
}

static struct json_object *tcp_flags(uint8_t flags)
{
	static const char *const names[] = {"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"};
	struct json_object *o = json_object_new_object();

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (flags & 1 << i)
			json_object_object_add(o, names[i], json_object_new_boolean(true));
	return o;
}

/* Ports of the frame's own direction. */
static void add_l4(struct json_object *o, const struct flow_key *k, bool out, const struct net_frame *frame)
{
	struct json_object *l4 = json_object_new_object(), *x = json_object_new_object();
	const char *name = NULL;

	switch (k->proto) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
		name = k->proto == IPPROTO_TCP ? "TCP" : "UDP";
		add_number(x, "source_port", out ? k->tree_port : k->far_port);
		add_number(x, "destination_port", out ? k->far_port : k->tree_port);
		if (k->proto == IPPROTO_TCP && frame)
			json_object_object_add(x, "flags", tcp_flags(frame->view->tcp_flags));
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		name = k->proto == IPPROTO_ICMP ? "ICMPv4" : "ICMPv6";
		if (frame && frame->view->l4 + 2 <= frame->view->end) {
			add_number(x, "type", frame->data[frame->view->l4]);
			add_number(x, "code", frame->data[frame->view->l4 + 1]);
		}
		break;
	}
	if (name)
		json_object_object_add(l4, name, x);
	else
		json_object_put(x);
	json_object_object_add(o, "l4", l4);
}

static struct json_object *task_json(const struct task *t)
{
	struct json_object *o = json_object_new_object();

	add_number(o, "pid", t->pid);
	add_text(o, "binary", *t->exe ? t->exe : t->comm);
	add_text(o, "arguments", t->cmdline);
	return o;
}

struct json_object *run_task_json(const struct task *t)
{
	struct json_object *o, *parents;

	if (!t)
		return NULL;
	o = task_json(t);
	parents = json_object_new_array();
	for (const struct task *up = t->parent; up; up = up->parent)
		json_object_array_add(parents, task_json(up));
	json_object_object_add(o, "parents", parents);
	return o;
}

static void add_process(struct json_object *o, const struct owner *owner)
{
	struct json_object *process = run_task_json(owner->task);

	if (process)
		add_number(process, "uid", owner->uid);
	json_object_object_add(o, "process", process);
}

static void add_decision(struct json_object *o, const struct chain_result *r, const char *rule)
{
	struct json_object *d = json_object_new_object();

	if (r->point < CHAIN_POINTS) {
		add_text(d, "hook", chain_point_name(r->point));
		add_text(d, "program", r->prog);
		add_number(d, "prog_id", r->prog_id);
		json_object_object_add(d, "verdict", json_object_new_int64((int32_t)r->verdict));
	}
	if (r->why)
		add_text(d, "reason", r->why);
	if (rule && *rule)
		add_text(d, "rule", rule);
	json_object_object_add(o, "decided_by", d);
}

static void add_totals(struct json_object *o, const struct flow *f)
{
	static const char *const names[FLOW_DIRS] = {"egress", "ingress"};
	struct json_object *totals = json_object_new_object();

	add_time(totals, "first", f->first_ns);
	add_time(totals, "last", f->last_ns);
	for (int d = 0; d < FLOW_DIRS; d++) {
		struct json_object *x = json_object_new_object();

		add_number(x, "frames", f->dir[d].frames);
		add_number(x, "bytes", f->dir[d].bytes);
		add_number(x, "dropped_frames", f->dir[d].dropped);
		add_number(x, "dropped_bytes", f->dir[d].dropped_bytes);
		json_object_object_add(totals, names[d], x);
	}
	json_object_object_add(o, "totals", totals);
}

static const char *verdict_name(const struct chain_result *r, bool refused)
{
	return refused || r->end == CHAIN_DROPPED ? "DROPPED" : r->end == CHAIN_TURNED ? "REDIRECTED" : "FORWARDED";
}

struct json_object *flow_log_line(const char *event, const struct flow *f, const struct net_frame *frame,
				  const char *rule)
{
	enum flow_dir dir = frame ? frame->dir : f->from_tree ? FLOW_OUT : FLOW_IN;
	const struct chain_result *r = frame ? frame->result : &f->verdict;
	struct json_object *line = json_object_new_object(), *o = json_object_new_object(),
			   *ip = json_object_new_object();
	uint64_t now = frame ? frame->time_ns : f->last_ns;
	bool refused = f->refused && run_policy_refused(r);
	bool out = dir == FLOW_OUT;
	char a[INET6_ADDRSTRLEN], host[64] = "";

	gethostname(host, sizeof(host) - 1);
	add_time(o, "time", now);
	add_text(o, "event", event);
	add_text(o, "verdict", verdict_name(r, refused));
	if (refused || r->end == CHAIN_DROPPED)
		add_text(o, "drop_reason_desc", r->point < CHAIN_POINTS ? "POLICY_DENIED" : "DROP_REASON_UNKNOWN");
	if (frame)
		add_ethernet(o, frame);
	add_text(ip, "source", ip_text(out ? &f->key.tree : &f->key.far, a));
	add_text(ip, "destination", ip_text(out ? &f->key.far : &f->key.tree, a));
	add_text(ip, "ipVersion", f->key.family == AF_INET ? "IPv4" : "IPv6");
	json_object_object_add(o, "IP", ip);
	add_l4(o, &f->key, out, frame);
	if (*f->name) {
		struct json_object *names = json_object_new_array();

		json_object_array_add(names, json_object_new_string(f->name));
		json_object_object_add(o, f->from_tree ? "destination_names" : "source_names", names);
	}
	add_text(o, "Type", "L3_L4");
	add_text(o, "traffic_direction", f->from_tree ? "EGRESS" : "INGRESS");
	json_object_object_add(o, "is_reply", json_object_new_boolean(out != f->from_tree));
	add_process(o, &f->owner);
	add_decision(o, r, rule);
	if (!frame)
		add_totals(o, f);
	json_object_object_add(line, "flow", o);
	add_text(line, "node_name", host);
	add_time(line, "time", now);
	return line;
}
