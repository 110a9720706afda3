/* SPDX-License-Identifier: BSD-2-Clause */
/* skep list: the tables of helpers, map types, program types, and places on tasks that programs attach to. */
#include "cli/cli.h"
#include "cli/deploy.h"
#include "helper/helper.h"
#include "map/map.h"
#include "prog/calls.h"
#include "prog/points.h"
#include "prog/types.h"

#include <getopt.h>
#include <string.h>

static const char help[] =
	"usage: skep list helpers|maps|types|hooks [--json]\n"
	"       skep list --kernel [NAME] [--json]\n"
	"\n"
	"Lists what Linux 6.18 has, since which version, and what of it skep has. Of hooks: where programs on\n"
	"tasks attach (tracepoints, raw tracepoints, functions for kprobe, fentry and the like, LSM hooks), which\n"
	"event of a task brings each, what a program decides there, and whether it is exactly the kernel's.\n"
	"\n"
	"--kernel: what 'skep deploy' has put into the kernel, as root: where each program is attached, and how often "
	"it\n"
	"has run where the kernel counts (sysctl kernel.bpf_stats_enabled=1).\n"
	"\n"
	"examples:\n"
	"  skep list helpers | grep xdp\n"
	"  skep list hooks | grep openat\n"
	"  skep list maps --json\n";

static void put_string(struct json_object *o, const char *key, const char *value)
{
	json_object_object_add(o, key, json_object_new_string(value));
}

static void put_bool(struct json_object *o, const char *key, bool value)
{
	json_object_object_add(o, key, json_object_new_boolean(value));
}

static struct json_object *types_of(uint64_t mask)
{
	struct json_object *list = json_object_new_array();

	for (uint32_t t = 1; t < prog_types_n; t++)
		if (mask >> t & 1)
			json_object_array_add(list, json_object_new_string(prog_types[t].name));
	return list;
}

static void list_helpers(bool json)
{
	if (!json)
		printf("%-5s %-36s %-6s %-5s %s\n", "id", "helper", "since", "skep", "licence");
	for (uint32_t i = 0; i < helpers_n; i++) {
		const struct helper_desc *h = &helpers[i];
		bool have = h->fn || (h->flags & HELPER_ENGINE);
		bool gpl = h->flags & HELPER_GPL;
		struct json_object *o;

		if (!h->id)
			continue;
		if (!json) {
			printf("%-5u %-36s %-6s %-5s %s\n", h->id, h->name, h->kernel, have ? "yes" : "no",
			       gpl ? "GPL" : "any");
			continue;
		}
		o = json_object_new_object();
		json_object_object_add(o, "id", json_object_new_int((int32_t)h->id));
		put_string(o, "name", h->name);
		put_string(o, "since", h->kernel);
		put_bool(o, "skep", have);
		put_bool(o, "gpl", gpl);
		json_object_object_add(o, "prog_types", types_of(h->prog_types));
		print_json(o);
	}
}

static void list_maps(bool json)
{
	if (!json)
		printf("%-5s %-24s %-40s %-6s %s\n", "id", "name", "type", "since", "skep");
	for (uint32_t i = 0; i < map_types_n; i++) {
		const struct map_type_desc *m = &map_types[i];
		struct json_object *o;

		if (!m->type)
			continue;
		if (!json) {
			printf("%-5u %-24s %-40s %-6s %s\n", m->type, m->name, m->enum_name, m->kernel,
			       m->ops ? "yes" : "no");
			continue;
		}
		o = json_object_new_object();
		json_object_object_add(o, "id", json_object_new_int((int32_t)m->type));
		put_string(o, "name", m->name);
		put_string(o, "enum", m->enum_name);
		put_string(o, "since", m->kernel);
		put_bool(o, "skep", m->ops != NULL);
		put_bool(o, "percpu", m->percpu);
		print_json(o);
	}
}

/* What can be done with a program of a type today. */
static const char *use(const struct prog_type_desc *t)
{
	switch (t->ctx) {
	case CTX_XDP:
	case CTX_SKB_L2:
	case CTX_SKB_L3:
		return "load, test run over a frame";
	case CTX_BYTES:
		return "load, test run over a context";
	default:
		return "load";
	}
}

static void list_types(bool json)
{
	if (!json)
		printf("%-5s %-24s %-40s %-6s %s\n", "id", "name", "type", "since", "in skep");
	for (uint32_t i = 1; i < prog_types_n; i++) {
		const struct prog_type_desc *t = &prog_types[i];
		struct json_object *o;

		if (!json) {
			printf("%-5u %-24s %-40s %-6s %s\n", t->type, t->name, t->enum_name, t->kernel, use(t));
			continue;
		}
		o = json_object_new_object();
		json_object_object_add(o, "id", json_object_new_int((int32_t)t->type));
		put_string(o, "name", t->name);
		put_string(o, "enum", t->enum_name);
		put_string(o, "since", t->kernel);
		put_string(o, "skep", use(t));
		print_json(o);
	}
}

static void hook_json(const struct hook_point *p)
{
	struct json_object *o = json_object_new_object(), *calls = json_object_new_array();
	bool every = p->n_calls && p->calls[0] == POINT_ANY_CALL;

	for (int i = 0; i < p->n_calls && !every; i++)
		json_object_array_add(calls, json_object_new_string(calls_at(p->calls[i])->name));
	put_string(o, "kind", points_kind_name(p->kind));
	put_string(o, "name", p->name);
	put_string(o, "skep", points_truth_name(p->truth));
	put_string(o, "event", points_event_name(p));
	json_object_object_add(o, "calls", calls);
	put_bool(o, "every_call", every);
	put_string(o, "decides", p->decides);
	json_object_object_add(o, "why", p->why ? json_object_new_string(p->why) : NULL);
	print_json(o);
}

static void list_hooks(bool json)
{
	const struct hook_point *p;

	if (!json)
		printf("%-14s %-38s %-11s %-12s %s\n", "kind", "hook", "skep", "event", "decides; why");
	for (uint32_t i = 0; (p = points_at(i)); i++)
		if (json)
			hook_json(p);
		else
			printf("%-14s %-38s %-11s %-12s %s%s%s\n", points_kind_name(p->kind), p->name,
			       points_truth_name(p->truth), points_event_name(p),
			       p->truth == POINT_ABSENT ? "" : p->decides,
			       p->truth != POINT_ABSENT && p->why ? "; " : "", p->why ? p->why : "");
}

static int run(const struct verb *verb, int argc, char **argv)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'}, {"kernel", no_argument, NULL, 'k'}, {0}};
	bool json = false, kernel = false;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'j' && c != 'k')
			return option_error(verb, argv);
		*(c == 'j' ? &json : &kernel) = true;
	}
	if (kernel && argc - optind > 1)
		return misuse(verb, "list --kernel wants one name, or none");
	if (kernel)
		return deploy_show(argv[optind], json);
	if (argc - optind != 1)
		return misuse(verb, "list wants one of: helpers, maps, types, hooks, --kernel");
	if (!strcmp(argv[optind], "helpers"))
		list_helpers(json);
	else if (!strcmp(argv[optind], "maps"))
		list_maps(json);
	else if (!strcmp(argv[optind], "types"))
		list_types(json);
	else if (!strcmp(argv[optind], "hooks"))
		list_hooks(json);
	else
		return misuse(verb, "there is no list of '%s'; there are: helpers, maps, types, hooks", argv[optind]);
	return EXIT_OK;
}

const struct verb verb_list = {
	.name = "list", .about = "list helpers, map types, program types and hooks", .help = help, .run = run};
