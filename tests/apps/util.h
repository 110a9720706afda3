/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of the ready-made programs share: one program in a hive of its own. For cmocka. */
#ifndef TESTS_APPS_UTIL_H
#define TESTS_APPS_UTIL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "frames.h"
#include "skep/skep.h"

#include <linux/bpf.h>

struct app_run {
	struct skep_hive *hive;
	struct skep_object *obj;
	int prog;
	uint8_t out[FRAME_MAX]; /* the frame after the run */
	uint32_t out_len;
};

/* app_open - a ready-made program, loaded. Give back with app_close(). */
struct app_run *app_open(const char *name);
void app_close(struct app_run *a);

/* run_bytes, run_spec - the verdict on a frame; what became of it is in out. */
uint32_t run_bytes(struct app_run *a, const void *frame, uint32_t len);
uint32_t run_spec(struct app_run *a, const struct spec *spec);

/* put, get - a map's element by the map's name. get: false when there is none. */
void put(struct app_run *a, const char *map, const void *key, const void *value);
bool get(struct app_run *a, const char *map, const void *key, void *value);

/* get_sums - element 0 of a per-CPU array of 64-bit counters, summed over the CPUs. */
void get_sums(struct app_run *a, const char *map, uint64_t *sums, uint32_t n);

enum { APP_CPUS = 2 };

#endif
