/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/deploy_scope.h"

#include "base/util.h"
#include "bpf/object.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Where a variable stands in a data section. Return: -ENOENT: it is not there. */
static int offset_of(const struct btf *btf, const char *section, const char *name)
{
	int32_t id = btf__find_by_name_kind(btf, section, BTF_KIND_DATASEC);
	const struct btf_type *t = id > 0 ? btf__type_by_id(btf, (uint32_t)id) : NULL;

	for (int i = 0; t && i < btf_vlen(t); i++) {
		const struct btf_var_secinfo *at = btf_var_secinfos(t) + i;
		const struct btf_type *var = btf__type_by_id(btf, at->type);

		if (at->size == 1 && !strcmp(btf__name_by_offset(btf, var->name_off), name))
			return (int)at->offset;
	}
	return -ENOENT;
}

int deploy_constant(struct skep_object *obj, const char *name, bool value, char *why)
{
	const struct bpf_object *o = object_libbpf(obj);
	int at = offset_of(bpf_object__btf(o), ".rodata", name);
	struct bpf_map *map;

	bpf_object__for_each_map(map, o)
	{
		const char *dot = strrchr(bpf_map__name(map), '.');
		AUTO_FREE uint8_t *copy = NULL;
		const void *data;
		size_t size = 0;
		int err;

		if (!dot || strcmp(dot, ".rodata") != 0)
			continue;
		data = bpf_map__initial_value(map, &size);
		if (!data || at < 0 || (size_t)at >= size)
			continue;
		copy = malloc(size);
		if (!copy)
			return -ENOMEM;
		memcpy(copy, data, size);
		copy[at] = value;
		err = bpf_map__set_initial_value(map, copy, size);
		if (err)
			snprintf(why, DEPLOY_WHY, "the constant '%s' cannot be set: %s", name, strerror(-err));
		return err;
	}
	snprintf(why, DEPLOY_WHY, "the object has no constant '%s'", name);
	return -ENOENT;
}

int deploy_scope_open(struct skep_object *obj, const struct target *target, char *why)
{
	/* A container whose cgroup is not in version 2's hierarchy has none that the programs could ask for. */
	if (target->cgroup < 0 && (target->pid || target->netns >= 0)) {
		snprintf(why, DEPLOY_WHY,
			 "%s has no cgroup of its own in cgroup v2, so its processes cannot be told from others",
			 *target->netns_name ? target->netns_name : "the place that was named");
		return -EOPNOTSUPP;
	}
	return deploy_constant(obj, "scoped", target->cgroup >= 0, why);
}

int deploy_scope_load(struct skep_object *obj, const struct target *target, char *why)
{
	int map = bpf_object__find_map_fd_by_name(object_libbpf(obj), "scope");
	uint32_t zero = 0, fd = (uint32_t)target->cgroup;

	if (target->cgroup < 0 || !bpf_map_update_elem(map, &zero, &fd, BPF_ANY))
		return 0;
	snprintf(why, DEPLOY_WHY, "%.512s: it cannot be put into the map 'scope': %s", target->cgroup_path,
		 strerror(errno));
	return -errno;
}
