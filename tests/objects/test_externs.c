/* SPDX-License-Identifier: BSD-2-Clause */
/* Externs: what an object asks of the system it runs on. */
#include "util.h"

#include <errno.h>
#include <string.h>
#include <sys/utsname.h>

static uint32_t value_of(struct bpf_object *obj, size_t at)
{
	uint32_t found[4];

	read_section(obj, "bss", found, sizeof(found));
	return found[at];
}

static void externs_say_what_the_hive_presents(void **state)
{
	struct bpf_object *obj = load_object("externs");
	uint32_t v[4];

	assert_int_equal(run_ctx(obj, "read_externs", NULL, 0), 6);
	for (size_t i = 0; i < 4; i++)
		v[i] = value_of(obj, i);
	assert_int_equal(v[0], 6 << 16 | 18 << 8); /* LINUX_KERNEL_VERSION of 6.18.0 */
	assert_int_equal(v[1], 250);
	assert_int_equal(v[2], 0); /* weak and absent */
	assert_int_equal(v[3], 15);
	bpf_object__close(obj);
}

static void a_configuration_value_that_must_be_there_is_named(void **state)
{
	struct bpf_object *obj = open_object("needs_config");

	assert_int_equal(bpf_object__load(obj), -ESRCH);
	assert_non_null(strstr(test.said, "CONFIG_SKEP_ABSENT"));
	bpf_object__close(obj);
}

static void a_kernel_symbol_that_must_be_there_is_named(void **state)
{
	struct bpf_object *obj = open_object("needs_symbol");

	assert_true(bpf_object__load(obj) < 0);
	assert_non_null(strstr(test.said, "skep_absent_symbol"));
	bpf_object__close(obj);
}

static void libskep_makes_one_line_of_it(void **state)
{
	struct skep_object *obj;

	assert_true(skep_object_open_file(test.hive, object_path("needs_symbol"), &obj) < 0);
	assert_int_equal(test.errors, 1);
	assert_non_null(strstr(test.last_error, "needs_symbol"));
	assert_non_null(strstr(test.last_error, "skep_absent_symbol"));
	said_clear();
	assert_true(skep_object_open_file(test.hive, object_path("needs_config"), &obj) < 0);
	assert_int_equal(test.errors, 1);
	assert_non_null(strstr(test.last_error, "CONFIG_SKEP_ABSENT"));
}

static void a_struct_ops_map_is_refused_before_libbpf_follows_it(void **state)
{
	struct skep_object *obj;

	assert_int_equal(skep_object_open_file(test.hive, object_path("struct_ops"), &obj), -EOPNOTSUPP);
	assert_int_equal(test.errors, 1);
	assert_non_null(strstr(test.last_error, "map 'ops'"));
}

static void the_user_may_set_configuration_of_his_own(void **state)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .kconfig = "CONFIG_SKEP_ABSENT=5\nCONFIG_HZ=100\n");
	struct bpf_object *obj = bpf_object__open_file(object_path("externs"), &opts);

	assert_non_null(obj);
	assert_int_equal(bpf_object__load(obj), 0);
	assert_int_equal(run_ctx(obj, "read_externs", NULL, 0), 6);
	assert_int_equal(value_of(obj, 1), 100);
	assert_int_equal(value_of(obj, 2), 5);
	bpf_object__close(obj);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		LOADED_TEST(externs_say_what_the_hive_presents),
		LOADED_TEST(a_configuration_value_that_must_be_there_is_named),
		LOADED_TEST(a_kernel_symbol_that_must_be_there_is_named),
		LOADED_TEST(libskep_makes_one_line_of_it),
		LOADED_TEST(a_struct_ops_map_is_refused_before_libbpf_follows_it),
		LOADED_TEST(the_user_may_set_configuration_of_his_own),
	};

	return test_main(argc, argv, tests, ARRAY_SIZE(tests), "externs");
}
