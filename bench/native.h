/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What kinds.bpf.c needs to be compiled for the machine itself.
 *
 * A map's variable is the struct of pointers that libbpf's macros make; here its member "value" is made to point to what the programs under test
 * work on: the first value of an array, or the hash map itself, whose look-ups and updates are those of the library. So native and
 * compiled code do the same work on the same memory.
 */
#ifndef SKEP_BENCH_NATIVE_H
#define SKEP_BENCH_NATIVE_H

#define SEC(name)
#define __uint(name, val) int(*name)[val]
#define __type(name, val) typeof(val) *name
#undef __always_inline
#define __always_inline inline __attribute__((always_inline))

void *native_hash_lookup(void *map, const void *key);
long native_hash_update(void *map, const void *key, const void *value, unsigned long long flags);

#define MAP_NUMBER(map, what) (sizeof(*(map)->what) / sizeof(int))
#define MAP_STRIDE(map)       ((sizeof(*(map)->value) + 7) / 8 * 8)

#define bpf_map_lookup_elem(map, key_)                                                                                 \
	((typeof((map)->value))(MAP_NUMBER(map, type) == BPF_MAP_TYPE_HASH ? native_hash_lookup((map)->value, key_)    \
				: *(const unsigned int *)(key_) < MAP_NUMBER(map, max_entries)                         \
					? (char *)(map)->value + *(const unsigned int *)(key_)*MAP_STRIDE(map)         \
					: (void *)0))
#define bpf_map_update_elem(map, key_, value_, flags_) native_hash_update((map)->value, key_, value_, flags_)

#endif
