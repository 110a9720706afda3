/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a hive that outlives its commands is found. A user's hives are sockets in one folder that is the user's alone:
 * $XDG_RUNTIME_DIR/skep where that directory exists and is the user's own, else /tmp/skep-UID. Beside the socket NAME
 * stand NAME.lock, which the living server keeps locked (flock(2)), and NAME.log, what it has to say. A socket whose lock is
 * free is stale.
 */
#ifndef SKEP_HIVE_PLACE_H
#define SKEP_HIVE_PLACE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

struct place {
	char dir[PATH_MAX];
	char socket[108]; /* what fits into an address (man 7 unix) */
	char lock[PATH_MAX];
	char log[PATH_MAX];
};

enum { PLACE_NAME_MAX = 48 }; /* letters, digits, '.', '_' and '-', beginning with none of the dots and dashes */

/* place_name_ok - may a hive have this name? */
bool place_name_ok(const char *name);

/*
 * place_dir - the folder of this user's hives.
 * @make:  make it if it is not there
 * @why:   on failure the reason, a whole sentence
 * Return: 0; -ENOENT when it is not there; -EPERM when it is not the user's alone, and what mkdir(2) says.
 */
int place_dir(bool make, char dir[PATH_MAX], char *why, size_t why_len);

/* place_find - the files of one hive; otherwise as place_dir(). -EINVAL for a name that no hive can have, -ENAMETOOLONG. */
int place_find(const char *name, bool make, struct place *out, char *why, size_t why_len);

#endif
