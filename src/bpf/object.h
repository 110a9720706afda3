/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SKEP_BPF_OBJECT_H
#define SKEP_BPF_OBJECT_H

#include <stddef.h>

/*
 * object_read - a whole file, for opening as an object.
 * @data: allocated, the caller's
 * Return: 0, -EISDIR, -EFBIG beyond 256 MiB, or what open(2) and read(2) say.
 */
int object_read(const char *path, void **data, size_t *len);

#endif
