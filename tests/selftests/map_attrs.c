/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Are the maps that a checking hive makes without contents (src/bpf/shell.c) refused and made as the kernel's are? The same attributes go to
 * both; the errors must be the same. For each type: attributes that work, of which any two are changed at a time.
 *
 * map-attrs: prints each difference, then the count; exit code 1 when there is one. -ENOMEM is not compared.
 */
#include "skep/skep.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum dimension { KEY, VALUE, ENTRIES, FLAGS, EXTRA, TYPES, VMLINUX, DIMENSIONS };

/* How the attributes name BTF types. */
enum types { NONE, BOTH, KEY_ONLY, VALUE_ONLY, WRONG_KEY, WRONG_VALUE, TYPES_N };

struct attrs {
	uint64_t v[DIMENSIONS];
};

/* Small enough that no combination takes much memory; what is larger is refused without. */
static const uint64_t keys[] = {0, 1, 2, 4, 8, 12, 16, 512, 513};
static const uint64_t values[] = {0,    1,    4,     8,     12,    16,    24,    32,    64,    1016, 1024,
				  4064, 4096, 32768, 32776, 65407, 65408, 65455, 65456, 65535, 65536};
static const uint64_t entries[] = {0, 1, 2, 3, 4096, 6144, 8192};
static const uint64_t huge_entries[] = {0, 1, 2, 1u << 20, (1u << 20) + 1, (1u << 31) + 1, UINT32_MAX};
static const uint64_t extras[] = {0, 1, 0xf, 0x10, 4096, 0xfffff000, 0x100000000, 0x1000};
static uint64_t flags[33 + 3];
static uint64_t vmlinux[3];

static int key_types[COUNT(keys)], value_types[COUNT(values)];
static int kernel_btf, hive_btf;
static struct skep_hive *hive;

/* The lists of values that a dimension goes through. */
struct list {
	const uint64_t *v;
	size_t n;
};

static struct list list_of(enum bpf_map_type type, enum dimension d)
{
	static const uint64_t types[] = {NONE, BOTH, KEY_ONLY, VALUE_ONLY, WRONG_KEY, WRONG_VALUE};
	bool huge = type == BPF_MAP_TYPE_ARENA || type == BPF_MAP_TYPE_STACK_TRACE || type == BPF_MAP_TYPE_SOCKHASH;

	switch (d) {
	case KEY:
		return (struct list){keys, COUNT(keys)};
	case VALUE:
		return (struct list){values, COUNT(values)};
	case ENTRIES:
		return huge ? (struct list){huge_entries, COUNT(huge_entries)} : (struct list){entries, COUNT(entries)};
	case FLAGS:
		return (struct list){flags, COUNT(flags)};
	case EXTRA:
		return (struct list){extras, COUNT(extras)};
	case TYPES:
		return (struct list){types, COUNT(types)};
	default:
		return (struct list){vmlinux, COUNT(vmlinux)};
	}
}

/* An int of 4 bytes, one of 8, the cgroup storages' key; and arrays of char for all other sizes. */
static void make_btf(void)
{
	struct btf *btf = btf__new_empty();
	int c = btf__add_int(btf, "char", 1, 0), i = btf__add_int(btf, "int", 4, BTF_INT_SIGNED);
	int l = btf__add_int(btf, "long", 8, 0), s = btf__add_struct(btf, "bpf_cgroup_storage_key", 16);
	uint32_t size;
	const void *data;
	union bpf_attr attr = {0};

	btf__add_field(btf, "cgroup_inode_id", l, 0, 0);
	btf__add_field(btf, "attach_type", i, 64, 0);
	for (size_t n = 0; n < COUNT(keys); n++)
		key_types[n] = keys[n] == 4    ? i
			       : keys[n] == 8  ? l
			       : keys[n] == 16 ? s
					       : btf__add_array(btf, i, c, (uint32_t)keys[n]);
	for (size_t n = 0; n < COUNT(values); n++)
		value_types[n] = btf__add_array(btf, i, c, (uint32_t)values[n]);
	data = btf__raw_data(btf, &size);
	kernel_btf = bpf_btf_load(data, size, NULL);
	attr.btf = (uintptr_t)data;
	attr.btf_size = size;
	hive_btf = skep_bpf(hive, BPF_BTF_LOAD, &attr, sizeof(attr));
	if (kernel_btf < 0 || hive_btf < 0) {
		fprintf(stderr, "map-attrs: no BTF: kernel %d, skep %d\n", kernel_btf, hive_btf);
		exit(1);
	}
}

static int type_of_size(const int *types, const uint64_t *sizes, size_t n, uint64_t size)
{
	for (size_t i = 0; i < n; i++)
		if (sizes[i] == size)
			return types[i];
	return 0;
}

static union bpf_attr make_attr(enum bpf_map_type type, const struct attrs *a, int btf_fd)
{
	union bpf_attr attr = {
		.map_type = type,
		.key_size = (uint32_t)a->v[KEY],
		.value_size = (uint32_t)a->v[VALUE],
		.max_entries = (uint32_t)a->v[ENTRIES],
		.map_flags = (uint32_t)a->v[FLAGS],
		.map_extra = a->v[EXTRA],
		.btf_vmlinux_value_type_id = (uint32_t)a->v[VMLINUX],
	};
	int key = type_of_size(key_types, keys, COUNT(keys), a->v[KEY]);
	int value = type_of_size(value_types, values, COUNT(values), a->v[VALUE]);

	if (a->v[TYPES] != NONE || a->v[VMLINUX])
		attr.btf_fd = (uint32_t)btf_fd;
	if (a->v[TYPES] == BOTH || a->v[TYPES] == KEY_ONLY || a->v[TYPES] == WRONG_VALUE)
		attr.btf_key_type_id = (uint32_t)key;
	if (a->v[TYPES] == BOTH || a->v[TYPES] == VALUE_ONLY || a->v[TYPES] == WRONG_KEY)
		attr.btf_value_type_id = (uint32_t)value;
	if (a->v[TYPES] == WRONG_KEY)
		attr.btf_key_type_id = (uint32_t)value_types[7];
	if (a->v[TYPES] == WRONG_VALUE)
		attr.btf_value_type_id = (uint32_t)key_types[2];
	return attr;
}

static unsigned tried, made, wrong;

static void compare(const char *name, enum bpf_map_type type, const struct attrs *a)
{
	union bpf_attr attr = make_attr(type, a, kernel_btf);
	long kernel = syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
	long skep;

	if (kernel >= 0)
		close((int)kernel);
	kernel = kernel >= 0 ? 0 : -errno;
	attr = make_attr(type, a, hive_btf);
	skep = skep_bpf(hive, BPF_MAP_CREATE, &attr, sizeof(attr));
	if (skep >= 0)
		close((int)skep);
	skep = skep >= 0 ? 0 : skep;
	tried++;
	made += !kernel;
	if (kernel == skep || kernel == -ENOMEM)
		return;
	wrong++;
	printf("%s key %lu value %lu entries %lu flags 0x%lx extra 0x%lx types %lu vmlinux %lu: kernel %ld, skep %ld\n",
	       name, a->v[KEY], a->v[VALUE], a->v[ENTRIES], a->v[FLAGS], a->v[EXTRA], a->v[TYPES], a->v[VMLINUX],
	       kernel, skep);
}

/* Every two dimensions through all their values, the others as in @base. */
static void vary(const char *name, enum bpf_map_type type, struct attrs base)
{
	for (int d = 0; d < DIMENSIONS; d++)
		for (int e = d + 1; e < DIMENSIONS; e++) {
			struct list x = list_of(type, d), y = list_of(type, e);

			for (size_t i = 0; i < x.n; i++)
				for (size_t k = 0; k < y.n; k++) {
					struct attrs a = base;

					a.v[d] = x.v[i];
					a.v[e] = y.v[k];
					compare(name, type, &a);
				}
		}
}

int main(void)
{
	struct skep_hive_opts opts = SKEP_OPTS(struct skep_hive_opts, .flags = SKEP_CHECK_ONLY);
	struct btf *types = btf__load_vmlinux_btf();
	int ops = btf__find_by_name_kind(types, "bpf_struct_ops_tcp_congestion_ops", BTF_KIND_STRUCT);
	static const struct {
		const char *name;
		enum bpf_map_type type;
		struct attrs base; /* in the order of enum dimension */
	} shells[] = {
		{"stack_trace", BPF_MAP_TYPE_STACK_TRACE, {{4, 64, 1, 0, 0, NONE}}},
		{"stack_trace", BPF_MAP_TYPE_STACK_TRACE, {{4, 1024, 1, BPF_F_STACK_BUILD_ID, 0, NONE}}},
		{"sockmap", BPF_MAP_TYPE_SOCKMAP, {{4, 4, 1, 0, 0, NONE}}},
		{"sockhash", BPF_MAP_TYPE_SOCKHASH, {{8, 8, 1, 0, 0, NONE}}},
		{"cgroup_storage", BPF_MAP_TYPE_CGROUP_STORAGE, {{16, 64, 0, 0, 0, BOTH}}},
		{"cgroup_storage", BPF_MAP_TYPE_CGROUP_STORAGE, {{8, 64, 0, 0, 0, NONE}}},
		{"percpu_cgroup_storage", BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE, {{16, 64, 0, 0, 0, NONE}}},
		{"reuseport_sockarray", BPF_MAP_TYPE_REUSEPORT_SOCKARRAY, {{4, 8, 1, 0, 0, NONE}}},
		{"sk_storage", BPF_MAP_TYPE_SK_STORAGE, {{4, 64, 0, BPF_F_NO_PREALLOC, 0, BOTH}}},
		{"inode_storage", BPF_MAP_TYPE_INODE_STORAGE, {{4, 64, 0, BPF_F_NO_PREALLOC, 0, BOTH}}},
		{"task_storage", BPF_MAP_TYPE_TASK_STORAGE, {{4, 64, 0, BPF_F_NO_PREALLOC, 0, BOTH}}},
		{"cgrp_storage", BPF_MAP_TYPE_CGRP_STORAGE, {{4, 64, 0, BPF_F_NO_PREALLOC, 0, BOTH}}},
		{"bloom_filter", BPF_MAP_TYPE_BLOOM_FILTER, {{0, 64, 1, 0, 0, NONE}}},
		{"user_ringbuf", BPF_MAP_TYPE_USER_RINGBUF, {{0, 0, 4096, 0, 0, NONE}}},
		{"arena", BPF_MAP_TYPE_ARENA, {{0, 0, 1, BPF_F_MMAPABLE, 0, NONE}}},
		{"struct_ops", BPF_MAP_TYPE_STRUCT_OPS, {{4, 0, 1, 0, 0, NONE}}},
	};
	int err = skep_hive_new(&opts, &hive);

	if (err || !types || ops < 0) {
		fprintf(stderr, "map-attrs: cannot begin: %s\n", strerror(-err));
		return 1;
	}
	for (size_t i = 0; i < 32; i++)
		flags[i + 1] = i == 16 ? 0 : 1u << i; /* BPF_F_TOKEN_FD: a hive has no tokens */
	flags[33] = BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG;
	flags[34] = BPF_F_RDONLY | BPF_F_WRONLY;
	flags[35] = BPF_F_NO_PREALLOC | BPF_F_CLONE;
	vmlinux[1] = (uint64_t)ops;
	vmlinux[2] = (uint64_t)btf__find_by_name_kind(types, "task_struct", BTF_KIND_STRUCT);
	make_btf();
	for (size_t i = 0; i < COUNT(shells); i++) {
		struct attrs base = shells[i].base;

		if (shells[i].type == BPF_MAP_TYPE_STRUCT_OPS) {
			base.v[VMLINUX] = (uint64_t)ops;
			base.v[VALUE] = btf__type_by_id(types, (uint32_t)ops)->size;
		}
		vary(shells[i].name, shells[i].type, base);
	}
	printf("map attributes: %u tried on both, %u of them made a map, %u differ\n", tried, made, wrong);
	return wrong != 0;
}
