/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/state.h"

#include "base/util.h"
#include "bpf/object.h"
#include "cli/mapio.h"
#include "cli/value.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

enum { WHY = 160 };

/* Why bpf(2) refused an update, in words. */
static const char *update_error(int err, const struct map_view *v)
{
	switch (err) {
	case E2BIG:
		return v->type == BPF_MAP_TYPE_ARRAY || v->type == BPF_MAP_TYPE_PERCPU_ARRAY
			       ? "the index is not below max_entries"
			       : "the map is full";
	case ENOSPC:
		return "the map is full";
	case EPERM:
		return "the map is read-only";
	default:
		return strerror(err);
	}
}

/* The map that the last line was for: lines of one map stand together. */
struct restored {
	struct bpf_map *map;
	struct map_view v;
	uint8_t *key, *value; /* room for one */
};

static int find_map(struct source *s, const char *name, struct restored *r, char *why)
{
	if (r->map && !strcmp(bpf_map__name(r->map), name))
		return 0;
	free(STEAL_PTR(r->key));
	free(STEAL_PTR(r->value));
	r->map = bpf_object__find_map_by_name(object_libbpf(s->obj), name);
	if (!r->map) {
		snprintf(why, WHY, "%s has no map '%.60s'", s->name, name);
		return -EINVAL;
	}
	map_view(object_libbpf(s->obj), r->map, &r->v);
	r->key = calloc(1, MAX(r->v.key_size, 1u));
	r->value = calloc(1, MAX(r->v.user_size, 8u));
	if (r->key && r->value)
		return 0;
	r->map = NULL;
	snprintf(why, WHY, "out of memory");
	return -ENOMEM;
}

static int restore_line(struct source *s, struct restored *r, const char *text, char *why)
{
	enum json_tokener_error perr;
	struct json_object *o = json_tokener_parse_verbose(text, &perr);
	struct json_object *name, *k;
	int err = -EINVAL;

	if (!o || !json_object_is_type(o, json_type_object)) {
		snprintf(why, WHY, "not a JSON object: %s", json_tokener_error_desc(perr));
		goto out;
	}
	if (!json_object_object_get_ex(o, "map", &name) || !json_object_object_get_ex(o, "key", &k)) {
		snprintf(why, WHY, "an element needs \"map\", \"key\" and \"value\"");
		goto out;
	}
	err = find_map(s, json_object_get_string(name), r, why);
	if (err)
		goto out;
	/* What a line does not say is zero. */
	memset(r->key, 0, r->v.key_size);
	memset(r->value, 0, MAX(r->v.user_size, 8u));
	err = value_from_json(r->v.btf, r->v.key_type, k, r->key, r->v.key_size, why);
	if (!err)
		err = map_value_into(&r->v, o, r->value, why);
	if (!err && bpf_map_update_elem(r->v.fd, r->key, r->value, BPF_ANY)) {
		err = -errno;
		snprintf(why, WHY, "map '%s': %s", r->v.name, update_error(errno, &r->v));
	}
out:
	json_object_put(o);
	return err;
}

int state_restore(struct source *s, const char *path)
{
	AUTO_FREE char *line = NULL;
	struct restored r = {0};
	char why[WHY];
	size_t room = 0;
	int n = 0, ret = EXIT_OK;
	FILE *f = fopen(path, "re");

	if (!f)
		return fail("%s: read: %s", path, strerror(errno));
	while (ret == EXIT_OK && getline(&line, &room, f) >= 0) {
		n++;
		if (line[strspn(line, " \t\r\n")] == 0 || line[0] == '#')
			continue;
		if (restore_line(s, &r, line, why))
			ret = fail("%s:%d: %s", path, n, why);
	}
	if (ret == EXIT_OK && ferror(f))
		ret = fail("%s: read: %s", path, strerror(errno));
	free(r.key);
	free(r.value);
	fclose(f);
	return ret;
}

struct saver {
	FILE *f;
	const struct map_view *v;
};

static int save_one(void *arg, const void *key, const void *value)
{
	struct saver *s = arg;
	struct json_object *o = map_element(s->v, key, value);

	fprintf(s->f, "%s\n",
		json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
	return 0;
}

static int save_maps(struct source *s, FILE *f)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object_libbpf(s->obj))
	{
		struct map_view v;
		struct saver saver = {.f = f, .v = &v};
		int err;

		map_view(object_libbpf(s->obj), map, &v);
		/* Objects' ids mean nothing to another hive, and a read-only map is what its object says. */
		if (!map_has_elements(&v) || v.objects || (v.flags & BPF_F_RDONLY_PROG))
			continue;
		err = map_each(&v, save_one, &saver);
		if (err)
			return err;
	}
	return 0;
}

int state_save(struct source *s, const char *path)
{
	AUTO_FREE char *tmp = NULL;
	FILE *f;
	int fd, err;

	if (asprintf(&tmp, "%s.XXXXXX", path) < 0)
		return fail("%s: write: out of memory", path);
	fd = mkostemp(tmp, O_CLOEXEC);
	f = fd < 0 ? NULL : fdopen(fd, "w");
	if (!f) {
		if (fd >= 0) {
			close(fd);
			unlink(tmp);
		}
		return fail("%s: write: %s", path, strerror(errno));
	}
	err = save_maps(s, f);
	if (fflush(f) && !err)
		err = -errno;
	if (fclose(f) && !err)
		err = -errno;
	if (!err && rename(tmp, path))
		err = -errno;
	if (!err)
		return EXIT_OK;
	unlink(tmp);
	return fail("%s: write: %s", path, strerror(-err));
}
