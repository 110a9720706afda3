/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The named types of a BTF, found by name: libbpf's own look-up walks all types, which for a kernel's 150,000 takes a millisecond each.
 */
#ifndef SKEP_BTF_TYPES_H
#define SKEP_BTF_TYPES_H

#include <stdbool.h>
#include <stdint.h>

struct btf;
struct kernel_types;

/*
 * kernel_types_new - index a BTF.
 * @btf:  must outlive the index
 * Return: the index, given back with kernel_types_free(); NULL without memory.
 */
struct kernel_types *kernel_types_new(const struct btf *btf);
void kernel_types_free(struct kernel_types *types);

/*
 * kernel_types_find - the first type of a name and kind.
 * @kind:  BTF_KIND_STRUCT, BTF_KIND_FUNC, ...
 * Return: its id, 0 when there is none. @types may be NULL: there is none.
 */
uint32_t kernel_types_find(const struct kernel_types *types, const char *name, uint32_t kind);

#endif
