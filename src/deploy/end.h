/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SKEP_DEPLOY_END_H
#define SKEP_DEPLOY_END_H

#include "deploy/store.h"

/*
 * discard - take off what a deployment has attached, and remove its folder.
 * @keep: another one's name: places that both have stay, with the program of that one in them; NULL
 * Return: 0 or a negative errno with @why (STORE_WHY bytes): the folder is still there then, and it can be tried again.
 */
int discard(const struct store *s, const char *name, const char *keep, char *why);

/* discard_half - bring what killed commands left half done to an end: what was not whole goes, what was replaced goes. */
int discard_half(const struct store *s, char *why);

#endif
