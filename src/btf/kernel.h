/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The BTF of skep's own "kernel": the types that programs relocate against when they run in the hive. Compiled from
 * kernel_types.c at build time by clang -target bpf.
 */
#ifndef SKEP_BTF_KERNEL_H
#define SKEP_BTF_KERNEL_H

#include <stddef.h>

extern const unsigned char kernel_btf[];
extern const size_t kernel_btf_len;

#endif
