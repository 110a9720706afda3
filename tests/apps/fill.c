/* SPDX-License-Identifier: BSD-2-Clause */
#include "fill.h"

#include "frames.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int fill_put(struct bpf_object *obj, const char *map, const void *key, const void *value)
{
	struct bpf_map *m = bpf_object__find_map_by_name(obj, map);
	uint32_t size, each, cpus = 1;
	uint8_t *all;
	int err;

	if (!m)
		return -ENOENT;
	size = each = bpf_map__value_size(m);
	switch (bpf_map__type(m)) {
	case BPF_MAP_TYPE_PERCPU_ARRAY:
	case BPF_MAP_TYPE_PERCPU_HASH:
	case BPF_MAP_TYPE_LRU_PERCPU_HASH:
		cpus = (uint32_t)libbpf_num_possible_cpus();
		each = (size + 7) / 8 * 8;
		break;
	default:
		break;
	}
	all = calloc(cpus, each);
	if (!all)
		return -ENOMEM;
	for (uint32_t i = 0; i < cpus; i++)
		memcpy(all + (size_t)i * each, value, size);
	err = bpf_map_update_elem(bpf_map__fd(m), key, all, BPF_ANY) ? -errno : 0;
	free(all);
	return err;
}

/* Values are a number of 64 bits: flags in the low ones, a count above. */
int fill_xdp_filter(struct bpf_object *obj)
{
	static const char *const v4[] = {"192.0.2.10", "198.51.100.66"};
	static const char *const v6[] = {"2001:db8::10", "2001:db8:bad::66"};
	const uint64_t source = 1, both = 3, all = 15;
	uint32_t ports[] = {80, htons(80), 53, htons(53)};
	uint8_t addr[16];
	int err = 0;

	for (uint32_t i = 0; i < 4 && (!err || err == -ENOENT); i++)
		err = fill_put(obj, "filter_ports", &ports[i], &all);
	for (uint32_t i = 0; i < 2 && (!err || err == -ENOENT); i++) {
		address(v4[i], addr);
		err = fill_put(obj, "filter_ipv4", addr + 12, i ? &source : &both);
	}
	for (uint32_t i = 0; i < 2 && (!err || err == -ENOENT); i++) {
		address(v6[i], addr);
		err = fill_put(obj, "filter_ipv6", addr, i ? &both : &source);
	}
	if (!err || err == -ENOENT)
		err = fill_put(obj, "filter_ethernet", mac_client, &source);
	return err == -ENOENT ? 0 : err;
}
