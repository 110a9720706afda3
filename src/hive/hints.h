/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a call will most likely need, sent along with it so that the hive need not ask: the attributes, the bytes behind a few of
 * their pointers, and what stands behind a few of their fds. It may be too little or too much: what is missing is asked for.
 */
#ifndef SKEP_HIVE_HINTS_H
#define SKEP_HIVE_HINTS_H

#include "hive/proto.h"

#include <stddef.h>
#include <sys/types.h>

enum { HINTS_MAX = 2048 };

/*
 * hints_gather - write the payload of a CALL, whose head is filled in; counts go into it.
 * @self: this process's id, which who calls knows already
 * Return: the payload's length.
 */
size_t hints_gather(struct msg *call, pid_t self, uint8_t payload[HINTS_MAX]);

#endif
