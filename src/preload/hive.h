/* SPDX-License-Identifier: BSD-2-Clause */
/* What the library's files share: the way to the hive. */
#ifndef SKEP_PRELOAD_HIVE_H
#define SKEP_PRELOAD_HIVE_H

#include "hive/proto.h"

#include <stdbool.h>

#define BPFFS "/sys/fs/bpf"

struct client;
extern struct client preload_hive;

/* preload_result - what a client's function returned, as libc's functions do: errno. -ENOTCONN is ENOSYS, and @why is said, once. */
int preload_result(int ret, const char *why);

/* preload_say - a line on stderr; what was said last is not said again. */
void preload_say(const char *line);

/* preload_is_object - is it an fd of a hive's object of this kind ("map", "prog", "link", "event", "perf", ...)? NULL: of any. */
bool preload_is_object(int fd, const char *kind);

/* preload_ask - a question without an answer but for its result: 0, a new fd, or -1 with errno (ENOSYS: no hive, which was said). */
int preload_ask(enum msg_ask what, int number, const char *text);

/* preload_is_below - is a path a directory, or below it? */
bool preload_is_below(const char *path, const char *dir);

#endif
