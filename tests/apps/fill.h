/* SPDX-License-Identifier: BSD-2-Clause */
/* Map contents under which an object has something to do with the corpus; through libbpf, wherever the thread is. */
#ifndef TESTS_APPS_FILL_H
#define TESTS_APPS_FILL_H

struct bpf_object;

/* fill_put - an element by the map's name, the same value for every CPU. 0 or a negative errno. */
int fill_put(struct bpf_object *obj, const char *map, const void *key, const void *value);

/* Return: 0 or a negative errno. */
int fill_firewall(struct bpf_object *obj);
int fill_lb(struct bpf_object *obj);

/* fill_xdp_filter - the objects of xdp-tools' xdp-filter, as far as they have its maps. */
int fill_xdp_filter(struct bpf_object *obj);

#endif
