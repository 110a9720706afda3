/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * skep map: a look at an object's maps, and their elements one by one. A command's hive ends with it; what is to last
 * stands in a state file (state.h).
 */
#include "base/util.h"
#include "bpf/object.h"
#include "bpf/seam.h"
#include "cli/cli.h"
#include "cli/deployed.h"
#include "cli/live.h"
#include "cli/mapio.h"
#include "cli/state.h"
#include "cli/value.h"
#include "map/map.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <getopt.h>
#include <string.h>

enum { WHY = 160 };

static const char help[] =
	"usage: skep map show   OBJ|NAME [--json]\n"
	"       skep map dump   OBJ|NAME [MAP] [--state FILE] [--json]\n"
	"       skep map lookup OBJ|NAME MAP KEY [--state FILE] [--json]\n"
	"       skep map update OBJ|NAME MAP KEY VALUE --state FILE\n"
	"       skep map delete OBJ|NAME MAP KEY --state FILE\n"
	"       skep map show|dump|lookup|update|delete [MAP [KEY [VALUE]]] --run NAME|--kernel NAME\n"
	"       skep map events [MAP] --kernel NAME [--json]\n"
	"\n"
	"Maps of an object, their keys and values through its BTF. The object is loaded for the length of the command; "
	"a\n"
	"state file carries contents from one command to the next (update makes it if need be), and into\n"
	"'skep replay --state FILE'.\n"
	"\n"
	"--run NAME: the maps of a command that 'skep run' runs, in another terminal, as they are now; NAME is "
	"run-PID,\n"
	"PID, or what --name gave it ('skep hive list' shows them).\n"
	"\n"
	"--kernel NAME: the maps of what 'skep deploy' has put into the kernel, as root ('skep list --kernel' shows "
	"them).\n"
	"events prints what its programs send through ring buffers and perf buffers, until it is interrupted.\n"
	"\n"
	"KEY and VALUE are JSON, addresses and enumerators as words, or bytes as \"hex 0a 0b\"; docs/json.md has the "
	"rules.\n"
	"\n"
	"examples:\n"
	"  skep map show xdp-firewall\n"
	"  skep map update xdp-firewall rules4 '{\"prefixlen\": 24, \"addr\": \"198.51.100.0\"}' '{\"action\": "
	"\"DROP\"}' \\\n"
	"      --state fw.state\n"
	"  skep map dump xdp-firewall --state fw.state\n"
	"  skep map dump flows --run 4711\n"
	"  skep map events --kernel xdp-flows --json\n";

struct map_verb {
	struct source src;
	struct live live;
	struct deployed deployed;
	const char *name; /* of the object, the run or the deployment, for messages */
	const char *state, *run, *kernel;
	bool json;
	struct map_view *views;
	uint32_t n;
};

/* Are they maps of what runs? */
static bool runs(const struct map_verb *m)
{
	return m->run || m->kernel;
}

static int show(struct map_verb *m)
{
	if (!m->json)
		printf("%-24s %-22s %8s %8s %12s  %s\n", "map", "type", "key", "value", "max_entries", "flags");
	for (uint32_t i = 0; i < m->n; i++) {
		const struct map_view *v = &m->views[i];
		const struct map_type_desc *type = map_type_find(v->type);
		struct json_object *o;

		if (!m->json) {
			printf("%-24s %-22s %8u %8u %12u  0x%x\n", v->name, type ? type->name : "?", v->key_size,
			       v->value_size, v->max_entries, v->flags);
			continue;
		}
		o = json_object_new_object();
		json_object_object_add(o, "map", json_object_new_string(v->name));
		json_object_object_add(o, "type", json_object_new_string(type ? type->name : "?"));
		json_count(o, "key_size", v->key_size);
		json_count(o, "value_size", v->value_size);
		json_count(o, "max_entries", v->max_entries);
		json_count(o, "flags", v->flags);
		print_json(o);
	}
	return EXIT_OK;
}

/* The map of a name; says which there are when there is none. A run may have several of one name: then the first. */
static const struct map_view *find(const struct map_verb *m, const char *name)
{
	for (uint32_t i = 0; i < m->n; i++)
		if (m->views[i].name && !strcmp(m->views[i].name, name))
			return &m->views[i];
	fail("%s: it has no map '%s'; it has:", m->name, name);
	for (uint32_t i = 0; i < m->n; i++)
		fprintf(stderr, "  %s\n", m->views[i].name);
	return NULL;
}

struct dumper {
	const struct map_verb *m;
	const struct map_view *v;
	uint64_t n;
};

static void print_element(const struct map_verb *m, struct json_object *o)
{
	struct json_object *v;

	if (m->json) {
		print_json(o);
		return;
	}
	printf("  %s", json_object_to_json_string_ext(json_object_object_get(o, "key"),
						      JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE));
	if (!json_object_object_get_ex(o, "values", &v))
		v = json_object_object_get(o, "value");
	printf("  %s\n", json_object_to_json_string_ext(v, JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

static int dump_one(void *arg, const void *key, const void *value)
{
	struct dumper *d = arg;

	if (!d->n++ && !d->m->json)
		printf("%s%s%s\n", paint(stdout, PAINT_BOLD), d->v->name, paint(stdout, PAINT_OFF));
	print_element(d->m, map_element(d->v, key, value));
	return 0;
}

static int dump(struct map_verb *m, const char *name)
{
	if (name && !find(m, name))
		return EXIT_FAILED;
	for (uint32_t i = 0; i < m->n; i++) {
		const struct map_view *v = &m->views[i];
		struct dumper d = {.m = m, .v = v};
		int err;

		if (name && strcmp(v->name, name))
			continue;
		if (!map_has_elements(v)) {
			if (name)
				return fail("%s: map '%s' has no elements to list", m->name, name);
			continue;
		}
		err = map_each(v, dump_one, &d);
		if (err)
			return fail("%s: map '%s': dump: %s", m->name, v->name, strerror(-err));
		if (name && !d.n && !m->json)
			printf("%s is empty\n", name);
	}
	return EXIT_OK;
}

/* lookup, update and delete: one key of one map. */
static int one(struct map_verb *m, const char *what, char **args)
{
	AUTO_FREE uint8_t *value = NULL;
	AUTO_FREE uint8_t *key = NULL;
	const struct map_view *v = find(m, args[0]);
	char why[WHY];
	int err;

	if (!v)
		return EXIT_FAILED;
	if (!map_has_elements(v))
		return fail("%s: map '%s' has no elements", m->name, v->name);
	key = calloc(1, MAX(v->key_size, 1u));
	value = calloc(1, MAX(v->user_size, 8u));
	if (!key || !value)
		return fail("out of memory");
	if (value_from_text(v->btf, v->key_type, args[1], key, v->key_size, why))
		return fail("%s: map '%s': key %s: %s", m->name, v->name, args[1], why);
	if (*what == 'l') {
		if (bpf_map_lookup_elem(v->fd, key, value))
			return fail("%s: map '%s': key %s: %s", m->name, v->name, args[1],
				    errno == ENOENT ? "there is no such element" : strerror(errno));
		print_element(m, map_element(v, key, value));
		return EXIT_OK;
	}
	if (*what == 'u') {
		/* A per-CPU map's value goes to CPU 0, as a state file's single "value" does. */
		err = value_from_text(v->btf, v->value_type, args[2], value, v->value_size, why);
		if (err)
			return fail("%s: map '%s': value %s: %s", m->name, v->name, args[2], why);
		/* Of what runs every CPU gets it, as bpftool has it: a program asks its own. */
		for (uint32_t cpu = 1; runs(m) && cpu < v->n_cpus; cpu++)
			memcpy(value + (size_t)cpu * ALIGN_UP(v->value_size, 8u), value, v->value_size);
		err = bpf_map_update_elem(v->fd, key, value, BPF_ANY);
	} else {
		err = bpf_map_delete_elem(v->fd, key);
	}
	if (err)
		return fail("%s: map '%s': %s key %s: %s", m->name, v->name, what, args[1],
			    errno == ENOENT  ? "there is no such element"
			    : errno == E2BIG ? "beyond the map's max_entries"
			    : errno == EPERM ? "the map is read-only, its values stand in the object"
			    : errno == EINVAL && v->type == BPF_MAP_TYPE_LPM_TRIE
				    ? "prefixlen is more than the address has bits"
				    : strerror(errno));
	return runs(m) ? EXIT_OK : state_save(&m->src, m->state);
}

/* A view of each map of an object. */
static int view_all(struct map_verb *m)
{
	struct bpf_map *map;
	uint32_t n = 0;

	bpf_object__for_each_map(map, object_libbpf(m->src.obj)) n++;
	m->views = calloc(MAX(n, 1u), sizeof(*m->views));
	if (!m->views)
		return fail("out of memory");
	bpf_object__for_each_map(map, object_libbpf(m->src.obj))
		map_view(object_libbpf(m->src.obj), map, &m->views[m->n++]);
	return EXIT_OK;
}

/* argv[0]: what to do; then, unless it is a run's, the object. */
static int work(const struct verb *verb, struct map_verb *m, int argc, char **argv)
{
	const char *what = argv[0];
	bool writes = !strcmp(what, "update") || !strcmp(what, "delete");
	int ret;

	if (m->run) {
		m->name = m->run;
		ret = live_open(&m->live, m->run);
		if (ret == EXIT_OK)
			ret = live_maps(&m->live, &m->views, &m->n);
	} else if (m->kernel) {
		m->name = m->kernel;
		ret = deployed_open(&m->deployed, m->kernel);
		if (ret == EXIT_OK)
			ret = deployed_maps(&m->deployed, &m->views, &m->n);
	} else {
		m->name = argv[1];
		ret = source_open(&m->src, argv[1], 0);
		if (ret != EXIT_OK)
			return ret;
		seam_enter(m->src.hive);
		/* The first update makes the file. */
		if (m->state && !(writes && access(m->state, F_OK)))
			ret = state_restore(&m->src, m->state);
		if (ret == EXIT_OK)
			ret = view_all(m);
		argv++;
		argc--;
	}
	if (ret != EXIT_OK)
		return ret;
	if (!strcmp(what, "show"))
		return show(m);
	if (!strcmp(what, "dump"))
		return dump(m, argc > 1 ? argv[1] : NULL);
	if (!strcmp(what, "events"))
		return deployed_events(&m->deployed, m->views, m->n, argc > 1 ? argv[1] : NULL, m->json);
	return one(m, what, argv + 1);
}

static int run(const struct verb *verb, int argc, char **argv)
{
	static const struct {
		const char *name;
		int min, max; /* arguments with the verb's own */
	} subs[] = {{"show", 2, 2},   {"dump", 2, 3},   {"lookup", 4, 4},
		    {"update", 5, 5}, {"delete", 4, 4}, {"events", 2, 3}};
	static const struct option options[] = {{"json", no_argument, NULL, 'j'},
						{"state", required_argument, NULL, 's'},
						{"run", required_argument, NULL, 'r'},
						{"kernel", required_argument, NULL, 'k'},
						{0}};
	static struct map_verb m;
	size_t i;
	int c, n, ret;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'j')
			m.json = true;
		else if (c == 's')
			m.state = optarg;
		else if (c == 'r')
			m.run = optarg;
		else if (c == 'k')
			m.kernel = optarg;
		else
			return option_error(verb, argv);
	}
	n = argc - optind;
	if (!n)
		return misuse(verb, "map wants one of: show, dump, lookup, update, delete, events");
	for (i = 0; i < ARRAY_SIZE(subs) && strcmp(subs[i].name, argv[optind]); i++)
		;
	if (i == ARRAY_SIZE(subs))
		return misuse(verb, "map cannot '%s'; it can: show, dump, lookup, update, delete, events",
			      argv[optind]);
	if (m.run && m.kernel)
		return misuse(verb, "map %s: --run or --kernel, not both", subs[i].name);
	/* What runs stands in place of the object. */
	if (n + runs(&m) < subs[i].min || n + runs(&m) > subs[i].max)
		return misuse(verb, "map %s: too %s arguments", subs[i].name,
			      n + runs(&m) < subs[i].min ? "few" : "many");
	if (runs(&m) && m.state)
		return misuse(verb, "map %s: --state is for objects, --run and --kernel for what runs", subs[i].name);
	if (!strcmp(subs[i].name, "events") && !m.kernel)
		return misuse(verb, "map events is for what is deployed: --kernel NAME; 'skep run --events FILE' has "
				    "those of a run");
	if (i >= 3 && !m.state && !runs(&m))
		return misuse(verb,
			      "map %s wants --state FILE, where the change lasts, or --run NAME, or --kernel NAME",
			      subs[i].name);
	ret = work(verb, &m, n, argv + optind);
	if (runs(&m)) {
		map_views_free(m.views, m.n);
		if (m.run)
			live_close(&m.live);
		else
			deployed_close(&m.deployed);
		return ret;
	}
	seam_enter(NULL);
	free(m.views);
	source_close(&m.src);
	return ret;
}

const struct verb verb_map = {
	.name = "map", .about = "show, dump and change the maps of an object", .help = help, .run = run};
