/* SPDX-License-Identifier: BSD-2-Clause */
/* The ready-made programs, embedded in the command. */
#ifndef SKEP_APPS_APPS_H
#define SKEP_APPS_APPS_H

#include <stddef.h>
#include <stdint.h>

struct app {
	const char *name; /* what the user says in place of a file */
	const char *about; /* one line */
	const unsigned char *data;
	const size_t *len;
	const unsigned char *kernel; /* the object for the kernel, where it is another one; NULL */
	const size_t *kernel_len;
};

extern const struct app apps[];
extern const uint32_t apps_n;

/* app_find - by name; NULL when there is none. */
const struct app *app_find(const char *name);

#endif
