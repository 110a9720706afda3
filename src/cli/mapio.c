/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/mapio.h"

#include "base/util.h"
#include "cli/cli.h"
#include "cli/value.h"
#include "map/map.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void map_view(const struct bpf_object *obj, const struct bpf_map *map, struct map_view *v)
{
	const struct map_type_desc *type = map_type_find(bpf_map__type(map));

	*v = (struct map_view){
		/* A data section's map is called after its object and section; the section alone is what people know. */
		.name = bpf_map__is_internal(map) ? strchr(bpf_map__name(map), '.') : bpf_map__name(map),
		.fd = bpf_map__fd(map),
		.type = bpf_map__type(map),
		.key_size = bpf_map__key_size(map),
		.value_size = bpf_map__value_size(map),
		.max_entries = bpf_map__max_entries(map),
		.flags = bpf_map__map_flags(map),
		.n_cpus = 1,
		.objects = type && type->objects,
		.btf = bpf_object__btf(obj),
		.key_type = bpf_map__btf_key_type_id(map),
		.value_type = bpf_map__btf_value_type_id(map),
	};
	v->user_size = v->value_size;
	if (type && type->percpu) {
		v->n_cpus = cpus_of_maps();
		v->user_size = ALIGN_UP(v->value_size, 8u) * v->n_cpus;
	}
}

int map_view_of(int fd, const char *name, struct map_view *v)
{
	struct bpf_map_info info = {0};
	uint32_t len = sizeof(info);
	const struct map_type_desc *type;

	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return -errno;
	type = map_type_find(info.type);
	*v = (struct map_view){.name = strdup(name ? name : info.name),
			       .fd = fd,
			       .type = info.type,
			       .key_size = info.key_size,
			       .value_size = info.value_size,
			       .max_entries = info.max_entries,
			       .flags = info.map_flags,
			       .user_size = info.value_size,
			       .n_cpus = 1,
			       .objects = type && type->objects,
			       .btf = info.btf_id ? btf__load_from_kernel_by_id(info.btf_id) : NULL,
			       .key_type = info.btf_key_type_id,
			       .value_type = info.btf_value_type_id};
	if (type && type->percpu) {
		v->n_cpus = cpus_of_maps();
		v->user_size = ALIGN_UP(v->value_size, 8u) * v->n_cpus;
	}
	return v->name ? 0 : -ENOMEM;
}

void map_views_free(struct map_view *views, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		close(views[i].fd);
		btf__free((struct btf *)views[i].btf);
		free((char *)views[i].name);
	}
	free(views);
}

bool map_view_find(const struct bpf_object *obj, const char *object_name, const char *name, struct map_view *v)
{
	struct bpf_map *map = bpf_object__find_map_by_name(obj, name);

	if (map) {
		map_view(obj, map, v);
		return true;
	}
	fail("%s: it has no map '%s'; it has:", object_name, name);
	bpf_object__for_each_map(map, obj) fprintf(stderr, "  %s\n", bpf_map__name(map));
	return false;
}

bool map_has_elements(const struct map_view *v)
{
	switch (v->type) {
	case BPF_MAP_TYPE_RINGBUF:
	case BPF_MAP_TYPE_PERF_EVENT_ARRAY:
	case BPF_MAP_TYPE_QUEUE:
	case BPF_MAP_TYPE_STACK:
	case BPF_MAP_TYPE_BLOOM_FILTER:
	case SKEP_MAP_TYPE_USER_RINGBUF:
		return false;
	default:
		return true;
	}
}

static bool is_array(const struct map_view *v)
{
	return v->type == BPF_MAP_TYPE_ARRAY || v->type == BPF_MAP_TYPE_PERCPU_ARRAY;
}

/* Maps whose key is an index. */
static bool has_index(const struct map_view *v)
{
	switch (v->type) {
	case BPF_MAP_TYPE_PROG_ARRAY:
	case BPF_MAP_TYPE_ARRAY_OF_MAPS:
	case BPF_MAP_TYPE_CGROUP_ARRAY:
	case BPF_MAP_TYPE_DEVMAP:
	case BPF_MAP_TYPE_CPUMAP:
	case BPF_MAP_TYPE_XSKMAP:
		return true;
	default:
		return is_array(v);
	}
}

static struct json_object *number_to_json(const void *bytes)
{
	uint32_t number;

	memcpy(&number, bytes, sizeof(number));
	return json_object_new_uint64(number);
}

/* An index is a number whether BTF says so or not: libbpf hides the BTF of maps of objects. So is an object's id. */
static struct json_object *key_to_json(const struct map_view *v, const void *key)
{
	return !v->key_type && has_index(v) ? number_to_json(key)
					    : value_to_json(v->btf, v->key_type, key, v->key_size);
}

static struct json_object *one_to_json(const struct map_view *v, const void *value)
{
	return !v->value_type && v->objects && v->value_size == sizeof(uint32_t)
		       ? number_to_json(value)
		       : value_to_json(v->btf, v->value_type, value, v->value_size);
}

struct json_object *map_element(const struct map_view *v, const void *key, const void *value)
{
	struct json_object *o = json_object_new_object();
	struct json_object *list;

	json_object_object_add(o, "map", json_object_new_string(v->name));
	json_object_object_add(o, "key", key_to_json(v, key));
	if (v->n_cpus == 1 && v->user_size == v->value_size) {
		json_object_object_add(o, "value", one_to_json(v, value));
		return o;
	}
	list = json_object_new_array();
	for (uint32_t cpu = 0; cpu < v->n_cpus; cpu++)
		json_object_array_add(list,
				      value_to_json(v->btf, v->value_type,
						    (const uint8_t *)value + (size_t)cpu * ALIGN_UP(v->value_size, 8u),
						    v->value_size));
	json_object_object_add(o, "values", list);
	return o;
}

int map_each(const struct map_view *v, int (*fn)(void *arg, const void *key, const void *value), void *arg)
{
	AUTO_FREE uint8_t *key = calloc(1, MAX(v->key_size, 1u));
	AUTO_FREE uint8_t *next = calloc(1, MAX(v->key_size, 1u));
	AUTO_FREE uint8_t *value = calloc(1, MAX(v->user_size, 8u));
	bool first = true;

	if (!key || !next || !value)
		return -ENOMEM;
	while (!bpf_map_get_next_key(v->fd, first ? NULL : key, next)) {
		int ret;

		first = false;
		memcpy(key, next, v->key_size);
		if (bpf_map_lookup_elem(v->fd, key, value))
			continue; /* an empty slot, or deleted meanwhile */
		if (is_array(v) && !value[0] && !memcmp(value, value + 1, v->user_size - 1))
			continue;
		ret = fn(arg, key, value);
		if (ret)
			return ret;
	}
	return errno == ENOENT ? 0 : -errno;
}

int map_value_into(const struct map_view *v, struct json_object *element, void *value, char *why)
{
	uint32_t stride = ALIGN_UP(v->value_size, 8u);
	struct json_object *one, *list;

	if (json_object_object_get_ex(element, "values", &list)) {
		if (v->user_size == v->value_size || !json_object_is_type(list, json_type_array) ||
		    json_object_array_length(list) > v->n_cpus) {
			strcpy(why, "\"values\" is for per-CPU maps, with at most one value for each CPU");
			return -EINVAL;
		}
		memset(value, 0, v->user_size);
		for (size_t i = 0; i < json_object_array_length(list); i++) {
			int err = value_from_json(v->btf, v->value_type, json_object_array_get_idx(list, i),
						  (uint8_t *)value + i * stride, v->value_size, why);
			if (err)
				return err;
		}
		return 0;
	}
	if (!json_object_object_get_ex(element, "value", &one)) {
		strcpy(why, "the element has no \"value\"");
		return -EINVAL;
	}
	if (v->user_size == v->value_size)
		return value_from_json(v->btf, v->value_type, one, value, v->value_size, why);
	/* One value for a per-CPU map: it stands on CPU 0, so that sums come out right. */
	memset(value, 0, v->user_size);
	return value_from_json(v->btf, v->value_type, one, value, v->value_size, why);
}
