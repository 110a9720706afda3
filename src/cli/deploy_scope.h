/* SPDX-License-Identifier: BSD-2-Clause */
/* Whose doing a ready-made program is about that runs in the kernel: constants of its, and the cgroup in its map `scope` (apps/scope.bpf.h). */
#ifndef SKEP_CLI_DEPLOY_SCOPE_H
#define SKEP_CLI_DEPLOY_SCOPE_H

#include "deploy/deploy.h"

/*
 * deploy_constant - set a `const volatile` of one byte, before the object is loaded.
 * Return: 0, or a negative errno with @why, DEPLOY_WHY bytes.
 */
int deploy_constant(struct skep_object *obj, const char *name, bool value, char *why);

/* deploy_scope_open, deploy_scope_load - for struct deploy_app.opened and loaded: with a cgroup, only what is in it or below it counts. Return: as above. */
int deploy_scope_open(struct skep_object *obj, const struct target *target, char *why);
int deploy_scope_load(struct skep_object *obj, const struct target *target, char *why);

#endif
