/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shells: maps of types that skep has no engine for, in a hive that only checks programs (SKEP_CHECK_ONLY).
 *
 * A shell has a map's attributes, checked as Linux 6.18 checks them, and no contents: looking up, updating and deleting are
 * refused by the map floor, as for any operation that a type does not have. An arena can be mapped, since libbpf writes
 * a program's global variables there.
 */
#ifndef SKEP_BPF_SHELL_H
#define SKEP_BPF_SHELL_H

#include "bpf/hive.h"

struct btf_type; /* libbpf's */

/* shell_is - whether a map of this type is a shell in this hive. */
bool shell_is(const struct skep_hive *hive, uint32_t type);

/*
 * shell_create - make one.
 * @attr:  the command's
 * @name:  the map's
 * Return: 0, or what BPF_MAP_CREATE of Linux 6.18 returns for these attributes; BTF is not looked at.
 */
int shell_create(const struct skep_hive *hive, const union bpf_attr *attr, const char *name, struct skep_map **out);

/* shell_check_btf - whether the types of key and value (NULL: no such) are what the type of map takes; sizes are checked already. */
int shell_check_btf(uint32_t type, const struct btf *btf, const struct btf_type *key);

#endif
