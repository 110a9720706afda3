/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SKEP_BTF_CHECK_H
#define SKEP_BTF_CHECK_H

#include <stddef.h>
#include <stdint.h>

struct btf_fault {
	const char *reason; /* a constant string */
	uint32_t type; /* the type it is about; 0: the whole */
};

enum btf_origin {
	BTF_LOADED, /* as BPF_BTF_LOAD gets it: complete, and functions' parameters have names */
	BTF_OF_KERNEL, /* the kernel's own: complete */
	BTF_OF_OBJECT, /* as clang writes it: sizes and offsets in data sections are the loader's to fill in */
};

/*
 * btf_check - are these bytes BTF that every later reader may trust?
 * @data, @len: the raw BTF as BPF_BTF_LOAD gets it
 * @why:        what is wrong, on failure
 *
 * Source: Documentation/bpf/btf.rst. Checked: header and sections (in bounds, no gap, no overlap), strings ended,
 * every type's kind, reserved bits, size and names, every type id in range, no type that contains
 * itself by value, members inside their struct, bit fields of integers, no type larger than 2 GiB.
 * Return: 0, -EINVAL, -ENOMEM.
 */
int btf_check(const void *data, size_t len, enum btf_origin origin, struct btf_fault *why);

#endif
