/* SPDX-License-Identifier: BSD-2-Clause */
/* What the commands share: names, typed look-ups by fd. hive->lock is held unless said otherwise. */
#ifndef SKEP_BPF_FD_H
#define SKEP_BPF_FD_H

#include "bpf/hive.h"

/* hive_copy_name - an object's name from attributes: letters, digits, '_' and '.', ended within 16 bytes. -EINVAL. No lock needed. */
int hive_copy_name(char to[BPF_OBJ_NAME_LEN], const char from[BPF_OBJ_NAME_LEN]);

/* The object behind an fd with one more reference to it, or NULL and the error. */
struct hive_map *hive_map_get(struct skep_hive *hive, int fd, int *why);
struct hive_prog *hive_prog_get(struct skep_hive *hive, int fd, int *why);

/* hive_prog_tag - eight bytes that name instructions, whatever fds they were loaded with. */
void hive_prog_tag(const struct bpf_insn *insns, uint32_t n, uint8_t tag[BPF_TAG_SIZE]);

/* hive_prog_func - where the machine code of a program's function lies, and how long it is; the program is compiled. */
uint64_t hive_prog_func(const struct hive_prog *p, uint32_t i, uint32_t *len);

/*
 * hive_prog_fits - may a program stand in a prog array, or call into it? All programs of an array are of one kind, that of the
 * first (kernel/bpf/core.c: bpf_prog_map_compatible).
 */
bool hive_prog_fits(struct hive_map *m, const struct hive_prog *p);

/* hive_prog_use_map - the program keeps the map alive from now on. -EEXIST when it did already, -ENOMEM. */
int hive_prog_use_map(struct hive_prog *p, struct hive_map *m);

/* hive_map_clear_objects - take all objects out of an object map. Return: whether there were any. */
bool hive_map_clear_objects(struct hive_map *m);

#endif
