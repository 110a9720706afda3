/* SPDX-License-Identifier: BSD-2-Clause */
#include "util.h"

#include "apps/apps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_log(void *arg, enum skep_log_level level, const char *line)
{
	if (level <= SKEP_LOG_WARN)
		fprintf(stderr, "# %s\n", line);
}

struct app_run *app_open(const char *name)
{
	struct skep_hive_opts opts = SKEP_OPTS(struct skep_hive_opts, .n_cpus = APP_CPUS, .log = print_log);
	const struct app *app = app_find(name);
	struct app_run *a = calloc(1, sizeof(*a));

	assert_non_null(a);
	assert_non_null(app);
	assert_int_equal(skep_hive_new(&opts, &a->hive), 0);
	assert_int_equal(skep_object_open_mem(a->hive, app->data, *app->len, name, &a->obj), 0);
	a->prog = skep_program_fd(skep_object_program(a->obj, NULL));
	assert_true(a->prog >= 0);
	return a;
}

void app_close(struct app_run *a)
{
	skep_object_close(a->obj);
	skep_hive_free(a->hive);
	free(a);
}

uint32_t run_bytes(struct app_run *a, const void *frame, uint32_t len)
{
	union bpf_attr attr = {0};

	attr.test.prog_fd = (uint32_t)a->prog;
	attr.test.data_in = (uintptr_t)frame;
	attr.test.data_size_in = len;
	attr.test.data_out = (uintptr_t)a->out;
	attr.test.data_size_out = sizeof(a->out);
	assert_int_equal(skep_bpf(a->hive, BPF_PROG_TEST_RUN, &attr, sizeof(attr)), 0);
	a->out_len = attr.test.data_size_out;
	return attr.test.retval;
}

uint32_t run_spec(struct app_run *a, const struct spec *spec)
{
	uint8_t frame[FRAME_MAX];
	uint32_t len = frame_build(spec, frame);

	return run_bytes(a, frame, len);
}

static int map_of(struct app_run *a, const char *map)
{
	int fd = skep_object_map_fd(a->obj, map);

	assert_true(fd >= 0);
	return fd;
}

void put(struct app_run *a, const char *map, const void *key, const void *value)
{
	assert_int_equal(skep_map_update(a->hive, map_of(a, map), key, value, BPF_ANY), 0);
}

bool get(struct app_run *a, const char *map, const void *key, void *value)
{
	return skep_map_lookup(a->hive, map_of(a, map), key, value) == 0;
}

void get_sums(struct app_run *a, const char *map, uint64_t *sums, uint32_t n)
{
	uint64_t *all = calloc((size_t)n * APP_CPUS, sizeof(*all));
	uint32_t zero = 0;

	assert_non_null(all);
	assert_true(get(a, map, &zero, all));
	memset(sums, 0, n * sizeof(*sums));
	for (uint32_t i = 0; i < n * APP_CPUS; i++)
		sums[i % n] += all[i];
	free(all);
}
