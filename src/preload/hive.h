/* SPDX-License-Identifier: BSD-2-Clause */
/* What the library's files share: the way to the hive. */
#ifndef SKEP_PRELOAD_HIVE_H
#define SKEP_PRELOAD_HIVE_H

#include "hive/proto.h"

#include <stdbool.h>

#define BPFFS "/sys/fs/bpf"

/* preload_ask - a question without an answer but for its result: 0, a new fd, or -1 with errno (ENOSYS: no hive, which was said). */
int preload_ask(enum msg_ask what, int number, const char *text);

/* preload_is_below - is a path a directory, or below it? */
bool preload_is_below(const char *path, const char *dir);

#endif
