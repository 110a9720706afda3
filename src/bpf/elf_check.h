/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SKEP_BPF_ELF_CHECK_H
#define SKEP_BPF_ELF_CHECK_H

#include <stddef.h>

/*
 * elf_check - is this an object file that libbpf may be given?
 * @why:  on failure what is wrong, a constant string
 *
 * libbpf and libelf trust much of what an object says of itself. Checked here, on the raw bytes: that it is a relocatable
 * 64-bit little-endian BPF file; every section, string, symbol and relocation in bounds; the BTF (btf/check.h).
 * Return: 0, -EINVAL, -ENOMEM.
 */
int elf_check(const void *data, size_t len, const char **why);

#endif
