/* SPDX-License-Identifier: BSD-2-Clause */
/* Open files by their numbers. */
#ifndef SKEP_BASE_FDS_H
#define SKEP_BASE_FDS_H

#include <stdbool.h>

/*
 * fds_close - those from @first to @last, both included: now, or @on_exec. By close_range(2); where that is not there (before Linux 5.9, its flag before 5.11),
 * or a sandbox forbids it, one by one: none is left open in silence.
 */
void fds_close(unsigned int first, unsigned int last, bool on_exec);

#endif
