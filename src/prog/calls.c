/* SPDX-License-Identifier: BSD-2-Clause */
#include "prog/calls.h"

#include "base/util.h"

#include <stddef.h>
#include <string.h>

#define ARGS(...) ((const char *const[]){__VA_ARGS__})

static const struct call_desc calls[CALLS_MAX] = {
#define CALL(number, called, tracepoint, ...)                                                                          \
	[number] = {.nr = (number),                                                                                    \
		    .n_args = ARRAY_SIZE(ARGS(__VA_ARGS__)),                                                           \
		    .name = #called,                                                                                   \
		    .entry = #tracepoint,                                                                              \
		    .args = {__VA_ARGS__}},
#include "base/calls.inc"
#undef CALL
};

const struct call_desc *calls_at(int nr)
{
	return nr >= 0 && nr < CALLS_MAX && calls[nr].name ? &calls[nr] : NULL;
}

const struct call_desc *calls_find(const char *name)
{
	for (int by_entry = 0; by_entry < 2; by_entry++)
		for (int i = 0; i < CALLS_MAX; i++)
			if (calls[i].name && !strcmp(by_entry ? calls[i].entry : calls[i].name, name))
				return &calls[i];
	return NULL;
}
