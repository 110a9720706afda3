/* SPDX-License-Identifier: BSD-2-Clause */
#include "util.h"

#include <errno.h>
#include <string.h>

struct test_state test;
const char *object_dir, *object_variant;
bool on_kernel;
static uint32_t hive_flags;

static void say(const char *line)
{
	size_t n = strlen(test.said);

	snprintf(test.said + n, sizeof(test.said) - n, "%s\n", line);
}

static void hive_says(void *arg, enum skep_log_level level, const char *line)
{
	if (level == SKEP_LOG_ERROR) {
		test.errors++;
		snprintf(test.last_error, sizeof(test.last_error), "%s", line);
	}
	say(line);
}

static int libbpf_says(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	char text[8192];

	if (level == LIBBPF_DEBUG)
		return 0;
	vsnprintf(text, sizeof(text), fmt, ap);
	if (text[0] && text[strlen(text) - 1] == '\n')
		text[strlen(text) - 1] = 0;
	say(text);
	return 0;
}

void said_clear(void)
{
	test.said[0] = test.last_error[0] = 0;
	test.errors = 0;
}

int test_setup(void **state)
{
	struct skep_hive_opts opts =
		SKEP_OPTS(struct skep_hive_opts, .flags = hive_flags, .n_cpus = TEST_CPUS, .log = hive_says);

	said_clear();
	if (!on_kernel && skep_hive_new(&opts, &test.hive))
		return -1;
	test.before = seam_enter(test.hive);
	libbpf_set_print(libbpf_says);
	return 0;
}

int test_teardown(void **state)
{
	seam_enter(test.before);
	skep_hive_free(test.hive);
	test.hive = NULL;
	return 0;
}

const char *object_path(const char *name)
{
	static char path[4096];

	snprintf(path, sizeof(path), "%s/%s.%s.bpf.o", object_dir, name, object_variant);
	return path;
}

struct bpf_object *open_object(const char *name)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = name);
	struct bpf_object *obj = bpf_object__open_file(object_path(name), &opts);

	if (!obj)
		fail_msg("cannot open %s: %s\n%s", object_path(name), strerror(errno), test.said);
	return obj;
}

struct bpf_object *load_object(const char *name)
{
	struct bpf_object *obj = open_object(name);
	int err = bpf_object__load(obj);

	if (err)
		fail_msg("cannot load %s: %s\n%s", object_path(name), strerror(-err), test.said);
	return obj;
}

struct bpf_program *program_of(struct bpf_object *obj, const char *name)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(obj, name);

	if (!prog)
		fail_msg("no program %s", name);
	return prog;
}

int map_fd_of(struct bpf_object *obj, const char *name)
{
	int fd = bpf_object__find_map_fd_by_name(obj, name);

	if (fd < 0)
		fail_msg("no map %s", name);
	return fd;
}

void read_section(struct bpf_object *obj, const char *section, void *to, size_t len)
{
	char name[BPF_OBJ_NAME_LEN];
	struct bpf_map *map;
	uint32_t zero = 0;
	AUTO_FREE void *value = NULL;

	snprintf(name, sizeof(name), "%.8s.%s", bpf_object__name(obj), section);
	map = bpf_object__find_map_by_name(obj, name);
	if (!map || bpf_map__value_size(map) < len)
		fail_msg("no section %s of %zu bytes", section, len);
	value = malloc(bpf_map__value_size(map));
	assert_non_null(value);
	assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(map), &zero, value), 0);
	memcpy(to, value, len);
}

int run_ctx(struct bpf_object *obj, const char *prog, void *ctx, uint32_t size)
{
	/* The kernel copies the context of a syscall program back to where it came from. */
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = ctx, .ctx_size_in = size);
	int err;

	err = bpf_prog_test_run_opts(bpf_program__fd(program_of(obj, prog)), &opts);
	if (err)
		fail_msg("running %s: %s\n%s", prog, strerror(-err), test.said);
	return (int)opts.retval;
}

int run_data(struct bpf_object *obj, const char *prog, const void *data, uint32_t len)
{
	uint8_t count[64];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = data ? data : count,
		    .data_size_in = data ? len : (uint32_t)sizeof(count), .repeat = 1);
	int err;

	for (size_t i = 0; i < sizeof(count); i++)
		count[i] = (uint8_t)i;
	err = bpf_prog_test_run_opts(bpf_program__fd(program_of(obj, prog)), &opts);
	if (err)
		fail_msg("running %s: %s\n%s", prog, strerror(-err), test.said);
	return (int)opts.retval;
}

int run_error(struct bpf_object *obj, const char *prog)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	return bpf_prog_test_run_opts(bpf_program__fd(program_of(obj, prog)), &opts);
}

/* Does this process's kernel take a program? */
static bool kernel_allows(void)
{
	struct bpf_insn insns[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K}, {.code = BPF_JMP | BPF_EXIT}};
	int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "probe", "GPL", insns, 2, NULL);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

int test_main(int argc, char **argv, const struct CMUnitTest *tests, size_t n, const char *name)
{
	if (argc < 3) {
		fprintf(stderr, "usage: %s OBJECT_DIR VARIANT [--kernel|--interpret]\n", argv[0]);
		return 2;
	}
	object_dir = argv[1];
	object_variant = argv[2];
	for (int i = 3; i < argc; i++) {
		on_kernel |= !strcmp(argv[i], "--kernel");
		if (!strcmp(argv[i], "--interpret"))
			hive_flags |= SKEP_INTERPRET;
	}
	if (on_kernel && !kernel_allows()) {
		printf("skipped: the kernel refuses bpf(2) here, so it cannot be compared with\n");
		return 77;
	}
	return _cmocka_run_group_tests(name, tests, n, NULL, NULL);
}
