/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a checking hive must know of the running kernel beside its BTF: parts of it are a matter of configuration. Where the answer cannot be had
 * it is "no", so that skep never accepts what that kernel may refuse.
 */
#ifndef SKEP_BPF_KERNEL_FACTS_H
#define SKEP_BPF_KERNEL_FACTS_H

#include <stdbool.h>
#include <stdint.h>

/* kernel_has_helper - helpers that some kernels leave out: bpf_override_return() by configuration, bpf_probe_write_user() by lockdown. */
bool kernel_has_helper(uint32_t id);

/* kernel_has_symbol - does /proc/kallsyms name it? Programs may use kernel variables that have an address. */
bool kernel_has_symbol(const char *name);

#endif
