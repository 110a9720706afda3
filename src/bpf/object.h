/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SKEP_BPF_OBJECT_H
#define SKEP_BPF_OBJECT_H

#include <stddef.h>
#include <stdint.h>

struct bpf_object;
struct bpf_program;
struct hive_prog;
struct skep_hive;
struct skep_object;
struct skep_program;

/* What stands behind the public handles, for skep's own command. All owned by the object. */
struct bpf_object *object_libbpf(const struct skep_object *obj);
uint32_t object_programs(const struct skep_object *obj);
struct skep_program *object_program_at(const struct skep_object *obj, uint32_t i);
struct bpf_program *program_libbpf(const struct skep_program *prog);
struct hive_prog *program_loaded(const struct skep_program *prog);

/*
 * object_open, object_load - the two halves of skep_object_open_mem(): between them the object's programs and maps can be changed.
 * What is wrong is logged in one line, "NAME: ACTION: CAUSE". After a failed load the object can only be closed.
 */
int object_open(struct skep_hive *hive, const void *data, size_t len, const char *name, struct skep_object **out);
int object_load(struct skep_object *obj, const char *name);

/* object_set_types - of programs whose section libbpf does not know; object_load() does it, too. Return: 0, or -EINVAL: one is nobody's, which is logged */
int object_set_types(struct skep_object *obj, const char *name);

/*
 * object_do - something else that libbpf does with an object: attaching its programs, say.
 * @fn:  does it; 0 or a negative errno
 * @why: when it fails: what libbpf said first, else what the error means
 * Return: what @fn returned.
 */
int object_do(struct skep_object *obj, int (*fn)(void *arg), void *arg, char *why, size_t size);

/*
 * object_read - a whole file, for opening as an object.
 * @data: allocated, the caller's
 * Return: 0, -EISDIR, -EFBIG beyond 256 MiB, or what open(2) and read(2) say.
 */
int object_read(const char *path, void **data, size_t *len);

#endif
