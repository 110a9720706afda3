/* SPDX-License-Identifier: BSD-2-Clause */
/* Which call of a 64-bit program is a 32-bit program's call? It is decided on as the one of its name. */
#ifndef SKEP_HOOK_TASK_NATIVES_H
#define SKEP_HOOK_TASK_NATIVES_H

#include <stdbool.h>

/*
 * natives_of - @compat: @nr is i386's
 * Return: the native number, below CALLS_MAX; -1: there is no call of the name. truncate64 is truncate, whose length has room there.
 */
int natives_of(bool compat, int nr);

enum { I386_TRUNCATE64 = 193 };

#endif
