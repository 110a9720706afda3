/* SPDX-License-Identifier: BSD-2-Clause */
/* Maps' contents as JSON, element by element, through bpf(2). The thread has entered the hive (seam_enter()). */
#ifndef SKEP_CLI_MAPIO_H
#define SKEP_CLI_MAPIO_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

struct bpf_map;
struct bpf_object;
struct btf;

/* A map as the command sees it. */
struct map_view {
	const char *name;
	int fd;
	uint32_t type, key_size, value_size, max_entries, flags;
	uint32_t user_size; /* bytes of a value in bpf(2): all CPUs of a per-CPU map */
	uint32_t n_cpus; /* 1 for maps that are not per CPU */
	bool objects; /* values are objects' ids */
	const struct btf *btf; /* NULL without BTF */
	uint32_t key_type, value_type;
};

void map_view(const struct bpf_object *obj, const struct bpf_map *map, struct map_view *v);

/*
 * map_view_of - of a map behind an fd, which the view has from then on. @name: NULL: as the kernel, or the hive, calls it
 * Return: 0 or a negative errno. map_views_free() gives back those views.
 */
int map_view_of(int fd, const char *name, struct map_view *v);
void map_views_free(struct map_view *views, uint32_t n);

/* map_view_find - by name; says which maps there are when there is none. */
bool map_view_find(const struct bpf_object *obj, const char *object_name, const char *name, struct map_view *v);

/* map_has_elements - can its elements be listed? Ring buffers and the like have none. */
bool map_has_elements(const struct map_view *v);

/* One element. Per-CPU maps have "values" in place of "value". */
struct json_object *map_element(const struct map_view *v, const void *key, const void *value);

/*
 * map_each - call @fn with every element; arrays' elements that are all zero are left out.
 * Return: 0, what @fn returned if not 0, or a negative errno.
 */
int map_each(const struct map_view *v, int (*fn)(void *arg, const void *key, const void *value), void *arg);

/* map_value_into - fill a bpf(2) value from JSON ("value" or "values"). @why: at least 160 bytes. 0 or -EINVAL. */
int map_value_into(const struct map_view *v, struct json_object *element, void *value, char *why);

#endif
