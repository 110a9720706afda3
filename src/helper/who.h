/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SKEP_HELPER_WHO_H
#define SKEP_HELPER_WHO_H

#include "prog/env.h"

/*
 * who_settle - look up now what helpers say of the current task's place (cgroups, network namespace), once and for all runs of this environment:
 * for a thread that is about to give up files.
 */
void who_settle(struct skep_env *env);

/*
 * who_cgroups - the ids of the cgroup that a file of /proc names (its line "0::PATH") and of those around it, outwards up to what is mounted here.
 * @file:  below the directory @dir
 * @name:  WHO_NAME bytes for the last component of its path, or NULL
 * Return: how many; 0: it cannot be read, or no cgroup2 is mounted.
 */
enum { WHO_NAME = 256 };
uint32_t who_cgroups(int dir, const char *file, uint64_t *ids, uint32_t room, char *name);

#endif
