/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SKEP_CLI_DEPLOY_H
#define SKEP_CLI_DEPLOY_H

#include <stdbool.h>

/* deploy_show - what is deployed in the kernel: skep list --kernel. @name: only this; NULL: all. Return: an exit code. */
int deploy_show(const char *name, bool json);

#endif
