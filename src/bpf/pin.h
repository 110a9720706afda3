/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SKEP_BPF_PIN_H
#define SKEP_BPF_PIN_H

#include "bpf/hive.h"

/* pin_path_is_ours - does a path lie in the hive's bpf file system? */
bool pin_path_is_ours(const char *path);

/* pin_remove - what unlink(2) does to a pin. -ENOENT. Takes hive->lock. */
int pin_remove(struct skep_hive *hive, const char *path);

/* pin_remove_all - for the end of a hive; hive->lock is held. */
void pin_remove_all(struct skep_hive *hive);

#endif
