/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SKEP_HELPER_WHO_H
#define SKEP_HELPER_WHO_H

#include "prog/env.h"

/*
 * who_settle - look up now what helpers say of the current task's place (cgroups, network namespace), once and for all runs of this environment:
 * for a thread that is about to give up files.
 */
void who_settle(struct skep_env *env);

#endif
