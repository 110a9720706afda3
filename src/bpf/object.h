/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SKEP_BPF_OBJECT_H
#define SKEP_BPF_OBJECT_H

#include <stddef.h>
#include <stdint.h>

struct bpf_object;
struct bpf_program;
struct hive_prog;
struct skep_object;
struct skep_program;

/* What stands behind the public handles, for skep's own command. All owned by the object. */
struct bpf_object *object_libbpf(const struct skep_object *obj);
uint32_t object_programs(const struct skep_object *obj);
struct skep_program *object_program_at(const struct skep_object *obj, uint32_t i);
struct bpf_program *program_libbpf(const struct skep_program *prog);
struct hive_prog *program_loaded(const struct skep_program *prog);

/*
 * object_read - a whole file, for opening as an object.
 * @data: allocated, the caller's
 * Return: 0, -EISDIR, -EFBIG beyond 256 MiB, or what open(2) and read(2) say.
 */
int object_read(const char *path, void **data, size_t *len);

#endif
