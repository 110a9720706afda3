/* SPDX-License-Identifier: BSD-2-Clause */
/* The frames that every side sees: a capture, then made ones, whole, cut off at every length, and damaged. */
#ifndef TESTS_APPS_CORPUS_H
#define TESTS_APPS_CORPUS_H

#include <stddef.h>
#include <stdint.h>

struct corpus_frame {
	uint32_t at, len; /* in bytes */
};

struct corpus {
	struct corpus_frame *frames;
	uint8_t *bytes;
	uint32_t n;
	size_t used, room;
	uint32_t n_room;
};

/*
 * corpus_make - the same frames at every call.
 * @capture: its frames come first
 * @why:     on failure what is wrong with the capture; at least 320 bytes
 * Return: 0, or a negative errno.
 */
int corpus_make(struct corpus *c, const char *capture, char *why);
void corpus_free(struct corpus *c);

#endif
