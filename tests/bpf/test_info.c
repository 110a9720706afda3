/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BPF_OBJ_GET_INFO_BY_FD, field by field, for programs of several functions; and beside the kernel's, where bpf(2) is allowed:
 * which counts there are, which sizes of records are taken, which errors there are.
 */
#include "util.h"

#include <linux/btf.h>
#include <sys/syscall.h>

/* Main calls two functions, one of them twice. */
static const struct bpf_insn insns[] = {
	/* main: 0 */
	INSN(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, 3), /* 4 */
	INSN(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, 4), /* 6 */
	INSN(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, 1), /* 4 */
	EXIT(),
	/* 4 */
	MOV_IMM(0, 1),
	EXIT(),
	/* 6 */
	MOV_IMM(0, 2),
	EXIT(),
};

enum { FUNCS = 3, N = ARRAY_SIZE(insns), LINES = 4 };

static const struct bpf_func_info funcs[FUNCS] = {{0, 3}, {4, 3}, {6, 3}};
static struct bpf_line_info lines[LINES] = {{.insn_off = 0}, {.insn_off = 2}, {.insn_off = 4}, {.insn_off = 6}};

/* bpf(2) of the hive, or of the kernel. */
static long ask(bool kernel, int cmd, union bpf_attr *attr)
{
	long ret;

	if (!kernel)
		return skep_bpf(hive, cmd, attr, sizeof(*attr));
	ret = syscall(SYS_bpf, cmd, attr, sizeof(*attr));
	return ret < 0 ? -errno : ret;
}

static int load(bool kernel)
{
	uint8_t raw[256];
	union bpf_attr b = {.btf = PTR(raw), .btf_size = raw_btf(raw, sizeof(raw))};
	int btf = (int)ask(kernel, BPF_BTF_LOAD, &b);
	union bpf_attr p = {
		.prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
		.insns = PTR(insns),
		.insn_cnt = N,
		.license = PTR("GPL"),
		.prog_name = "three",
		.prog_btf_fd = (uint32_t)btf,
		.func_info = PTR(funcs),
		.func_info_cnt = FUNCS,
		.func_info_rec_size = sizeof(funcs[0]),
		.line_info = PTR(lines),
		.line_info_cnt = LINES,
		.line_info_rec_size = sizeof(lines[0]),
	};
	int fd = (int)ask(kernel, BPF_PROG_LOAD, &p);

	if (btf >= 0)
		close(btf);
	return fd;
}

static long info_of(bool kernel, int fd, struct bpf_prog_info *i)
{
	return ask(kernel, BPF_OBJ_GET_INFO_BY_FD,
		   &(union bpf_attr){.info = {.bpf_fd = (uint32_t)fd, .info_len = sizeof(*i), .info = PTR(i)}});
}

struct room {
	struct bpf_insn xlated[N + 1];
	uint8_t jited[65536];
	uint64_t syms[FUNCS + 1];
	uint32_t lens[FUNCS + 1];
	uint64_t jited_lines[LINES + 1];
	struct bpf_func_info funcs[FUNCS + 1];
	struct bpf_line_info lines[LINES + 1];
	uint8_t tags[FUNCS + 1][BPF_TAG_SIZE];
};

static struct bpf_prog_info everything(struct room *r)
{
	memset(r, 0xee, sizeof(*r));
	return (struct bpf_prog_info){
		.xlated_prog_len = sizeof(r->xlated),
		.xlated_prog_insns = PTR(r->xlated),
		.jited_prog_len = sizeof(r->jited),
		.jited_prog_insns = PTR(r->jited),
		.nr_jited_ksyms = ARRAY_SIZE(r->syms),
		.jited_ksyms = PTR(r->syms),
		.nr_jited_func_lens = ARRAY_SIZE(r->lens),
		.jited_func_lens = PTR(r->lens),
		.nr_jited_line_info = ARRAY_SIZE(r->jited_lines),
		.jited_line_info = PTR(r->jited_lines),
		.jited_line_info_rec_size = sizeof(uint64_t),
		.nr_func_info = ARRAY_SIZE(r->funcs),
		.func_info = PTR(r->funcs),
		.func_info_rec_size = sizeof(r->funcs[0]),
		.nr_line_info = ARRAY_SIZE(r->lines),
		.line_info = PTR(r->lines),
		.line_info_rec_size = sizeof(r->lines[0]),
		.nr_prog_tags = ARRAY_SIZE(r->tags),
		.prog_tags = PTR(r->tags),
	};
}

/* What holds of any system's answer. */
static void check(const struct bpf_prog_info *i, const struct room *r)
{
	uint32_t sum = 0;

	assert_string_equal(i->name, "three");
	assert_int_equal(i->xlated_prog_len, sizeof(insns));
	assert_int_equal(i->nr_jited_ksyms, FUNCS);
	assert_int_equal(i->nr_jited_func_lens, FUNCS);
	assert_int_equal(i->nr_prog_tags, FUNCS);
	assert_int_equal(i->nr_func_info, FUNCS);
	assert_int_equal(i->nr_line_info, LINES);
	assert_int_equal(i->nr_jited_line_info, LINES);
	assert_int_equal(i->jited_line_info_rec_size, 8);
	assert_true(i->verified_insns >= N);
	assert_true(i->btf_id > 0);
	assert_int_equal(i->created_by_uid, getuid());
	assert_int_equal(i->run_cnt, 0);
	assert_memory_equal(r->funcs, funcs, sizeof(funcs));
	for (int k = 0; k < LINES; k++)
		assert_int_equal(r->lines[k].insn_off, lines[k].insn_off);
	/* A call names the function in imm, and the distance in off. */
	assert_int_equal(r->xlated[0].src_reg, BPF_PSEUDO_CALL);
	assert_int_equal(r->xlated[0].off, 3);
	assert_int_equal(r->xlated[0].imm, 1);
	assert_int_equal(r->xlated[1].off, 4);
	assert_int_equal(r->xlated[1].imm, 2);
	assert_int_equal(r->xlated[2].off, 1);
	assert_int_equal(r->xlated[2].imm, 1);
	assert_memory_equal(&r->xlated[4], &insns[4], sizeof(insns[0]));
	/* A function's first line is where the function is; the others lie in it. */
	assert_int_equal(r->jited_lines[0], r->syms[0]);
	assert_int_equal(r->jited_lines[2], r->syms[1]);
	assert_int_equal(r->jited_lines[3], r->syms[2]);
	assert_true(r->jited_lines[1] > r->syms[0] && r->jited_lines[1] < r->syms[0] + r->lens[0]);
	for (int k = 0; k < FUNCS; k++)
		sum += r->lens[k];
	assert_int_equal(i->jited_prog_len, sum);
	assert_memory_not_equal(r->tags[1], r->tags[2], BPF_TAG_SIZE);
	/* Nothing beyond. */
	assert_int_equal(r->lens[FUNCS], 0xeeeeeeee);
	assert_int_equal(r->tags[FUNCS][0], 0xee);
	assert_int_equal(r->jited[sum], 0xee);
}

static void a_program_tells_all_about_itself(void **state)
{
	struct bpf_prog_info i;
	struct room r;
	int fd = load(false);

	assert_true(fd >= 0);
	i = everything(&r);
	assert_int_equal(info_of(false, fd, &i), 0);
	if (!i.jited_prog_len)
		skip(); /* no JIT for this CPU */
	check(&i, &r);
	/* Counts alone. */
	i = (struct bpf_prog_info){0};
	assert_int_equal(info_of(false, fd, &i), 0);
	assert_int_equal(i.nr_jited_ksyms, FUNCS);
	assert_int_equal(i.nr_jited_line_info, LINES);
	assert_int_equal(i.nr_prog_tags, FUNCS);
	close(fd);
}

static void an_interpreted_program_has_no_machine_code(void **state)
{
	struct bpf_prog_info i;
	struct room r;
	int fd;

	test_hive_teardown(state);
	test_hive_flags = SKEP_INTERPRET;
	test_hive_setup(state);
	test_hive_flags = 0;
	fd = load(false);
	assert_true(fd >= 0);
	i = everything(&r);
	assert_int_equal(info_of(false, fd, &i), 0);
	assert_int_equal(i.jited_prog_len, 0);
	assert_int_equal(i.nr_jited_ksyms, 0);
	assert_int_equal(i.nr_jited_func_lens, 0);
	assert_int_equal(i.nr_jited_line_info, 0);
	assert_int_equal(i.nr_func_info, FUNCS);
	assert_int_equal(r.xlated[0].imm, 3);
	close(fd);
}

/* Each line: one thing that is wrong; the errors are the kernel's where there is one to ask. */
static void wrong_requests_get_the_kernels_errors(void **state)
{
	static const struct {
		struct bpf_prog_info i;
		long err;
	} bad[] = {
		{{.nr_map_ids = 1, .map_ids = 8}, 0}, /* there are none */
		{{.xlated_prog_len = 8, .xlated_prog_insns = 8}, -EFAULT},
		{{.xlated_prog_len = 8}, -EFAULT},
		{{.jited_prog_len = 8, .jited_prog_insns = 8}, -EFAULT},
		{{.nr_jited_ksyms = 1, .jited_ksyms = 8}, -EFAULT},
		{{.nr_jited_func_lens = 1, .jited_func_lens = 8}, -EFAULT},
		{{.nr_func_info = 1, .func_info = 8}, -EINVAL}, /* no size of records */
		{{.nr_func_info = 1, .func_info = 8, .func_info_rec_size = 8}, -EFAULT},
		{{.func_info_rec_size = 12}, -EINVAL},
		{{.func_info_rec_size = 8}, 0},
		{{.nr_line_info = 1, .line_info = 8, .line_info_rec_size = 16}, -EFAULT},
		{{.line_info_rec_size = 8}, -EINVAL},
		{{.nr_jited_line_info = 1, .jited_line_info = 8}, -EINVAL},
		{{.nr_jited_line_info = 1, .jited_line_info = 8, .jited_line_info_rec_size = 8}, -EFAULT},
		{{.jited_line_info_rec_size = 4}, -EINVAL},
		{{.nr_prog_tags = 1, .prog_tags = 8}, -EFAULT},
	};
	int ours = load(false), kernels = load(true);

	assert_true(ours >= 0);
	if (kernels < 0)
		print_message("this machine's kernel cannot be asked (%s)\n", strerror(-kernels));
	for (size_t k = 0; k < ARRAY_SIZE(bad); k++) {
		struct bpf_prog_info i = bad[k].i;
		long err = info_of(false, ours, &i);

		if (err != bad[k].err)
			fail_msg("request %zu: %ld, not %ld", k, err, bad[k].err);
		i = bad[k].i;
		if (kernels >= 0 && info_of(true, kernels, &i) != err)
			fail_msg("request %zu: the kernel has another error", k);
	}
	close(ours);
	if (kernels >= 0)
		close(kernels);
}

static void the_kernel_answers_alike(void **state)
{
	struct bpf_prog_info i;
	struct room r;
	int fd = load(true);

	if (fd < 0) {
		print_message("this machine's kernel cannot be asked (%s)\n", strerror(-fd));
		skip();
	}
	i = everything(&r);
	assert_int_equal(info_of(true, fd, &i), 0);
	close(fd);
	if (!i.jited_prog_len)
		skip();
	check(&i, &r);
}

static void a_btfs_name_goes_as_far_as_there_is_room(void **state)
{
	uint8_t raw[256];
	char name[8];
	int fd = call(BPF_BTF_LOAD, .btf = PTR(raw), .btf_size = raw_btf(raw, sizeof(raw)));
	struct bpf_btf_info i = {.name_len = 4};
	union bpf_attr attr = {.info = {.bpf_fd = (uint32_t)fd, .info_len = sizeof(i), .info = PTR(&i)}};

	assert_true(fd >= 0);
	assert_int_equal(ask(false, BPF_OBJ_GET_INFO_BY_FD, &attr), -EINVAL);
	memset(name, 0xee, sizeof(name));
	i = (struct bpf_btf_info){.name = PTR(name), .name_len = sizeof(name)};
	assert_int_equal(ask(false, BPF_OBJ_GET_INFO_BY_FD, &attr), 0);
	assert_int_equal(name[0], 0);
	assert_int_equal((uint8_t)name[1], 0xee);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HIVE_TEST(a_program_tells_all_about_itself),
		HIVE_TEST(an_interpreted_program_has_no_machine_code),
		HIVE_TEST(wrong_requests_get_the_kernels_errors),
		HIVE_TEST(the_kernel_answers_alike),
		HIVE_TEST(a_btfs_name_goes_as_far_as_there_is_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
