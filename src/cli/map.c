/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * skep map: a look at an object's maps, and their elements one by one. A command's hive ends with it; what is to last
 * stands in a state file (state.h).
 */
#include "base/util.h"
#include "bpf/object.h"
#include "bpf/seam.h"
#include "cli/cli.h"
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
	"\n"
	"Maps of an object, their keys and values through its BTF. The object is loaded for the length of the command; "
	"a\n"
	"state file carries contents from one command to the next (update makes it if need be), and into\n"
	"'skep replay --state FILE'.\n"
	"\n"
	"KEY and VALUE are JSON, addresses and enumerators as words, or bytes as \"hex 0a 0b\"; docs/json.md has the "
	"rules.\n"
	"\n"
	"examples:\n"
	"  skep map show xdp-firewall\n"
	"  skep map update xdp-firewall rules4 '{\"prefixlen\": 24, \"addr\": \"198.51.100.0\"}' '{\"action\": "
	"\"DROP\"}' \\\n"
	"      --state fw.state\n"
	"  skep map dump xdp-firewall --state fw.state\n";

struct map_verb {
	struct source src;
	const char *state;
	bool json;
};

static int show(struct map_verb *m)
{
	struct bpf_map *map;

	if (!m->json)
		printf("%-24s %-22s %8s %8s %12s  %s\n", "map", "type", "key", "value", "max_entries", "flags");
	bpf_object__for_each_map(map, object_libbpf(m->src.obj))
	{
		const struct map_type_desc *type = map_type_find(bpf_map__type(map));
		struct map_view v;
		struct json_object *o;

		map_view(object_libbpf(m->src.obj), map, &v);
		if (!m->json) {
			printf("%-24s %-22s %8u %8u %12u  0x%x\n", v.name, type ? type->name : "?", v.key_size,
			       v.value_size, v.max_entries, v.flags);
			continue;
		}
		o = json_object_new_object();
		json_object_object_add(o, "map", json_object_new_string(v.name));
		json_object_object_add(o, "type", json_object_new_string(type ? type->name : "?"));
		json_object_object_add(o, "key_size", json_object_new_uint64(v.key_size));
		json_object_object_add(o, "value_size", json_object_new_uint64(v.value_size));
		json_object_object_add(o, "max_entries", json_object_new_uint64(v.max_entries));
		json_object_object_add(o, "flags", json_object_new_uint64(v.flags));
		print_json(o);
	}
	return EXIT_OK;
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
	struct bpf_map *map;
	bool any = false;

	bpf_object__for_each_map(map, object_libbpf(m->src.obj))
	{
		struct map_view v;
		struct dumper d = {.m = m, .v = &v};
		int err;

		map_view(object_libbpf(m->src.obj), map, &v);
		if (name && strcmp(v.name, name))
			continue;
		if (!map_has_elements(&v)) {
			if (name)
				return fail("%s: map '%s' has no elements to list", m->src.name, name);
			continue;
		}
		any = true;
		err = map_each(&v, dump_one, &d);
		if (err)
			return fail("%s: map '%s': dump: %s", m->src.name, v.name, strerror(-err));
		if (name && !d.n && !m->json)
			printf("%s is empty\n", name);
	}
	if (name && !any) {
		struct map_view v;

		map_view_find(object_libbpf(m->src.obj), m->src.name, name, &v);
		return EXIT_FAILED;
	}
	return EXIT_OK;
}

/* lookup, update and delete: one key of one map. */
static int one(struct map_verb *m, const char *what, char **args)
{
	AUTO_FREE uint8_t *value = NULL;
	AUTO_FREE uint8_t *key = NULL;
	char why[WHY];
	struct map_view v;
	int err;

	if (!map_view_find(object_libbpf(m->src.obj), m->src.name, args[0], &v))
		return EXIT_FAILED;
	if (!map_has_elements(&v))
		return fail("%s: map '%s' has no elements", m->src.name, v.name);
	key = calloc(1, MAX(v.key_size, 1u));
	value = calloc(1, MAX(v.user_size, 8u));
	if (!key || !value)
		return fail("out of memory");
	if (value_from_text(v.btf, v.key_type, args[1], key, v.key_size, why))
		return fail("%s: map '%s': key %s: %s", m->src.name, v.name, args[1], why);
	if (*what == 'l') {
		if (bpf_map_lookup_elem(v.fd, key, value))
			return fail("%s: map '%s': key %s: %s", m->src.name, v.name, args[1],
				    errno == ENOENT ? "there is no such element" : strerror(errno));
		print_element(m, map_element(&v, key, value));
		return EXIT_OK;
	}
	if (*what == 'u') {
		/* A per-CPU map's value goes to CPU 0, as a state file's single "value" does. */
		err = value_from_text(v.btf, v.value_type, args[2], value, v.value_size, why);
		if (err)
			return fail("%s: map '%s': value %s: %s", m->src.name, v.name, args[2], why);
		err = bpf_map_update_elem(v.fd, key, value, BPF_ANY);
	} else {
		err = bpf_map_delete_elem(v.fd, key);
	}
	if (err)
		return fail("%s: map '%s': %s key %s: %s", m->src.name, v.name, what, args[1],
			    errno == ENOENT  ? "there is no such element"
			    : errno == E2BIG ? "beyond the map's max_entries"
			    : errno == EPERM ? "the map is read-only, its values stand in the object"
			    : errno == EINVAL && v.type == BPF_MAP_TYPE_LPM_TRIE
				    ? "prefixlen is more than the address has bits"
				    : strerror(errno));
	return state_save(&m->src, m->state);
}

static int work(const struct verb *verb, struct map_verb *m, int argc, char **argv)
{
	const char *what = argv[0];
	bool writes = !strcmp(what, "update") || !strcmp(what, "delete");
	int ret;

	ret = source_open(&m->src, argv[1], 0);
	if (ret != EXIT_OK)
		return ret;
	seam_enter(m->src.hive);
	/* The first update makes the file. */
	if (m->state && !(writes && access(m->state, F_OK)))
		ret = state_restore(&m->src, m->state);
	if (ret != EXIT_OK)
		return ret;
	if (!strcmp(what, "show"))
		return show(m);
	if (!strcmp(what, "dump"))
		return dump(m, argc > 2 ? argv[2] : NULL);
	return one(m, what, argv + 2);
}

static int run(const struct verb *verb, int argc, char **argv)
{
	static const struct {
		const char *name;
		int min, max; /* arguments with the verb's own */
	} subs[] = {{"show", 2, 2}, {"dump", 2, 3}, {"lookup", 4, 4}, {"update", 5, 5}, {"delete", 4, 4}};
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'}, {"state", required_argument, NULL, 's'}, {0}};
	struct map_verb m = {0};
	size_t i;
	int c, n, ret;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'j')
			m.json = true;
		else if (c == 's')
			m.state = optarg;
		else
			return option_error(verb, argv);
	}
	n = argc - optind;
	if (!n)
		return misuse(verb, "map wants one of: show, dump, lookup, update, delete");
	for (i = 0; i < ARRAY_SIZE(subs) && strcmp(subs[i].name, argv[optind]); i++)
		;
	if (i == ARRAY_SIZE(subs))
		return misuse(verb, "map cannot '%s'; it can: show, dump, lookup, update, delete", argv[optind]);
	if (n < subs[i].min || n > subs[i].max)
		return misuse(verb, "map %s: too %s arguments", subs[i].name, n < subs[i].min ? "few" : "many");
	if (i >= 3 && !m.state)
		return misuse(verb, "map %s wants --state FILE: a change lasts in a state file", subs[i].name);
	ret = work(verb, &m, n, argv + optind);
	seam_enter(NULL);
	source_close(&m.src);
	return ret;
}

const struct verb verb_map = {
	.name = "map", .about = "show, dump and change the maps of an object", .help = help, .run = run};
