/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * State files: maps' contents that outlive a command's hive. JSON Lines, an element a line, as `skep map dump --json` prints
 * them: {"map": "blocked", "key": ..., "value": ...}. Empty lines and lines that begin with # are comments.
 */
#ifndef SKEP_CLI_STATE_H
#define SKEP_CLI_STATE_H

#include "cli/cli.h"

/* state_restore - put a file's elements into the object's maps. Says what is wrong, by file and line. EXIT_OK or EXIT_FAILED. */
int state_restore(struct source *s, const char *path);

/* state_save - write all maps' elements; the file is replaced as a whole or not at all. */
int state_save(struct source *s, const char *path);

#endif
