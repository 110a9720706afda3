/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the object tests share. A test's thread has entered a hive from setup to teardown, so that every libbpf call in
 * it goes there; with --kernel it has entered none and the same test asks the kernel instead.
 */
#ifndef TESTS_OBJECTS_UTIL_H
#define TESTS_OBJECTS_UTIL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/util.h"
#include "bpf/seam.h"
#include "skep/skep.h"

enum { TEST_CPUS = 4 };

struct test_state {
	struct skep_hive *hive; /* NULL: the kernel */
	struct skep_hive *before;
	unsigned int errors; /* lines at SKEP_LOG_ERROR since the last said_clear() */
	char last_error[1024];
	char said[16384]; /* what libbpf and the hive said, for the reader of a failed test */
};

/* The one state of a test program; cmocka's own state is per test and this outlives none. */
extern struct test_state test;
/* The folder and the variant of the objects: "v1", "v3", "v4". */
extern const char *object_dir, *object_variant;
extern bool on_kernel;

/*
 * test_main - what main() of a test program does.
 * arguments: OBJECT_DIR VARIANT [--kernel] [--interpret]; --kernel exits with 77 where bpf(2) is refused
 */
int test_main(int argc, char **argv, const struct CMUnitTest *tests, size_t n, const char *name);

/* test_setup, test_teardown - a hive that the thread enters and leaves. For cmocka. */
int test_setup(void **state);
int test_teardown(void **state);

/* object_path - the file of an object in the variant under test; overwritten by the next call. */
const char *object_path(const char *name);

/* open_object - open through libbpf; never NULL. load_object - load it, which must work. */
struct bpf_object *open_object(const char *name);
struct bpf_object *load_object(const char *name);

struct bpf_program *program_of(struct bpf_object *obj, const char *name);
int map_fd_of(struct bpf_object *obj, const char *name);

/* read_section - the front of a data section's bytes as the program sees them now: "bss", "data". */
void read_section(struct bpf_object *obj, const char *section, void *to, size_t len);

/* run_ctx - run a SEC("syscall") program over a context that it may change. Return: its return value; failing calls fail the test. */
int run_ctx(struct bpf_object *obj, const char *prog, void *ctx, uint32_t size);
/* run_data - run a packet program. @data may be NULL: 64 bytes that count up. Return: its return value. */
int run_data(struct bpf_object *obj, const char *prog, const void *data, uint32_t len);
/* run_error - the error that a test run ends with, 0 when it ran. */
int run_error(struct bpf_object *obj, const char *prog);

/* said_clear - forget what was said so far. */
void said_clear(void);

#define LOADED_TEST(fn) cmocka_unit_test_setup_teardown(fn, test_setup, test_teardown)

#endif
