/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What no pin can hold is held by a process: "skep-hold", a child of the command's that outlives it, does nothing, and has the fds. Who ends it takes off what it holds.
 */
#ifndef SKEP_DEPLOY_HOLD_H
#define SKEP_DEPLOY_HOLD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct holder {
	pid_t pid; /* 0: none */
	uint64_t start; /* clock ticks after boot: two processes of one number differ in it */
	int go; /* hold_begin() to hold_go() */
};

/*
 * hold_begin - all that this process has open stays open in it, but for what it inherited and @lock. It ends again unless hold_go() tells it to stay, when it has been written
 * down: should this process die before, nobody would know of it.
 * Return: 0 or a negative errno.
 */
int hold_begin(int lock, struct holder *out);
void hold_go(struct holder *h, bool stay);

/* hold_lives - is it there? */
bool hold_lives(const struct holder *h);

/* hold_end - end it, and wait until it has. */
void hold_end(const struct holder *h);

#endif
