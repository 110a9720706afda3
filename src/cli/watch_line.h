/* SPDX-License-Identifier: BSD-2-Clause */
/* watch's events in words: the same of a run (skep run watch -v) and of the kernel (skep map events --kernel). */
#ifndef SKEP_CLI_WATCH_LINE_H
#define SKEP_CLI_WATCH_LINE_H

#include "apps/watch_tree.h"

#include <stdio.h>

enum { WATCH_LINE = 160, WATCH_TEXT = WATCH_PATH + WATCH_ARGS + 64 };

/* All of these put an ended text at @to, and return it. */
const char *watch_shown(char *to, size_t size, const char *text); /* a text of another process, as it may be shown */
const char *watch_command(const struct watch_process *p, char *to, size_t size); /* its command line */
const char *watch_address(const uint8_t *addr, char *to,
			  size_t size); /* a struct sockaddr_in or sockaddr_in6: "10.0.0.1:80" */
const char *watch_status(char *to, size_t size, int64_t status); /* a wait status: "7", "SIGKILL" */

/* watch_print_line - an event, with a line's end. */
void watch_print_line(FILE *to, const struct watch_seen *s);

#endif
