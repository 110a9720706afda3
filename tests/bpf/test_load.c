/* SPDX-License-Identifier: BSD-2-Clause */
/* BPF_PROG_LOAD and BPF_BTF_LOAD: what is refused, and the log that says why. */
#include "util.h"

#include "btf/check.h"

#include <linux/btf.h>

static const struct bpf_insn bad_helper[] = {
	{.code = BPF_JMP | BPF_CALL, .imm = 9999},
	{.code = BPF_JMP | BPF_EXIT},
};

static int load(const struct bpf_insn *insns, uint32_t n, char *log, uint32_t size, uint32_t level)
{
	return call(BPF_PROG_LOAD, .prog_type = BPF_PROG_TYPE_XDP, .insns = PTR(insns), .insn_cnt = n,
		    .license = PTR("GPL"), .log_buf = PTR(log), .log_size = size, .log_level = level);
}

static void a_program_that_the_verifier_refuses_does_not_load(void **state)
{
	const struct bpf_insn good[] = {MOV_IMM(0, 2), EXIT()}, bad[] = {EXIT()};
	struct skep_hive *first = hive;
	struct skep_hive *safe;
	char log[512] = "";

	assert_int_equal(skep_hive_new(NULL, &safe), 0);
	hive = safe;
	assert_int_equal(load(bad, 1, log, sizeof(log), 1), -EACCES);
	assert_non_null(strstr(log, "R0 !read_ok"));
	assert_int_equal(count_ids(BPF_PROG_GET_NEXT_ID), 0);
	assert_true(load(good, 2, log, sizeof(log), 1) >= 0);
	assert_int_equal(load(bad_helper, 2, log, sizeof(log), 1), -EINVAL);
	hive = first;
	skep_hive_free(safe);
}

static void a_refusal_says_which_instruction_and_why(void **state)
{
	const struct bpf_insn tracing_only[] = {MOV_IMM(1, 9), CALL(BPF_FUNC_find_vma), MOV_IMM(0, 0), EXIT()};
	char log[512] = "";

	assert_int_equal(load(bad_helper, 2, log, sizeof(log), 1), -EINVAL);
	assert_non_null(strstr(log, "0: (85) call "));
	assert_non_null(strstr(log, "\ninvalid func unknown#9999\n"));
	assert_int_equal(load(tracing_only, 4, log, sizeof(log), 1), -EINVAL);
	assert_non_null(strstr(log, "1: "));
	assert_non_null(strstr(log, "bpf_find_vma#180"));
}

static void a_gpl_only_helper_asks_for_the_license(void **state)
{
	const struct bpf_insn insns[] = {
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, 1, 10, 0, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, 1, 0, 0, -8),
		MOV_IMM(2, 8),
		MOV_IMM(3, 0),
		CALL(BPF_FUNC_probe_read_kernel),
		MOV_IMM(0, 0),
		EXIT(),
	};
	const char *licenses[] = {"Proprietary", "MIT", "GPL", "Dual MIT/GPL"};
	char log[512] = "";

	for (int i = 0; i < 4; i++) {
		int fd =
			call(BPF_PROG_LOAD, .prog_type = BPF_PROG_TYPE_XDP, .insns = PTR(insns), .insn_cnt = 7,
			     .license = PTR(licenses[i]), .log_buf = PTR(log), .log_size = sizeof(log), .log_level = 1);

		if (i < 2) {
			assert_int_equal(fd, -EINVAL);
			assert_non_null(strstr(log, "GPL"));
		} else {
			assert_true(fd >= 0);
			close(fd);
		}
	}
}

static void a_log_that_does_not_fit_is_enospc_and_keeps_its_end(void **state)
{
	char log[64], whole[1024] = "", again[1024] = "";
	uint32_t need;

	memset(log, 'x', sizeof(log));
	assert_int_equal(load(bad_helper, 2, log, 10, 1), -ENOSPC);
	assert_string_equal(log, "k_read 0\n");
	assert_int_equal(log[10], 'x');
	/* BPF_LOG_FIXED keeps the beginning. */
	assert_int_equal(load(bad_helper, 2, log, 10, 1 | 8), -ENOSPC);
	assert_string_equal(log, "0: R1=ctx");
	/* Just enough. */
	assert_int_equal(load(bad_helper, 2, whole, sizeof(whole), 1), -EINVAL);
	need = (uint32_t)strlen(whole) + 1;
	assert_int_equal(load(bad_helper, 2, again, need, 1), -EINVAL);
	assert_string_equal(again, whole);
	assert_int_equal(load(bad_helper, 2, again, need - 1, 1), -ENOSPC);
}

/* The first program that stands in an array or calls into it decides what the array is for. */
static void a_prog_array_is_for_one_type_of_program_whoever_comes_first(void **state)
{
	static const char gpl[] = "GPL";
	int array = make_map(BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 2, 0);
	const struct bpf_insn insns[] = {
		LD_MAP(2, array), MOV_IMM(3, 0), CALL(BPF_FUNC_tail_call), MOV_IMM(0, 0), EXIT(),
	};
	int xdp = make_prog(BPF_PROG_TYPE_XDP, 2);
	int tc = make_prog(BPF_PROG_TYPE_SCHED_CLS, 0);
	uint32_t key = 0;
	int caller = make_prog_insns(BPF_PROG_TYPE_XDP, insns, ARRAY_SIZE(insns));

	assert_int_equal(call(BPF_MAP_UPDATE_ELEM, .map_fd = (uint32_t)array, .key = PTR(&key), .value = PTR(&tc)),
			 -EINVAL);
	assert_int_equal(call(BPF_MAP_UPDATE_ELEM, .map_fd = (uint32_t)array, .key = PTR(&key), .value = PTR(&xdp)), 0);
	assert_int_equal(call(BPF_PROG_LOAD, .prog_type = BPF_PROG_TYPE_SCHED_CLS, .insn_cnt = ARRAY_SIZE(insns),
			      .insns = PTR(insns), .license = PTR(gpl)),
			 -EINVAL);
	close(caller);
	close(xdp);
	close(tc);
	close(array);
}

static void func_info_must_name_every_function(void **state)
{
	const struct bpf_insn insns[] = {
		INSN(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, 1),
		EXIT(),
		MOV_IMM(0, 6),
		EXIT(),
	};
	struct bpf_func_info info[3] = {{0, 3}, {2, 3}, {3, 3}};
	struct bpf_line_info lines[2] = {{.insn_off = 0}, {.insn_off = 2}};
	int btf = make_btf();
	char log[1024];
	int fd;

#define LOAD(...)                                                                                                      \
	call(BPF_PROG_LOAD, .prog_type = BPF_PROG_TYPE_XDP, .insns = PTR(insns), .insn_cnt = 4, .license = PTR("GPL"), \
	     .log_buf = PTR(log), .log_size = sizeof(log), .log_level = 1, .prog_btf_fd = (uint32_t)btf, __VA_ARGS__)
#define INFO(n) .func_info = PTR(info), .func_info_cnt = (n), .func_info_rec_size = sizeof(info[0])

	fd = LOAD(INFO(2), .line_info = PTR(lines), .line_info_cnt = 2, .line_info_rec_size = sizeof(lines[0]));
	assert_true(fd >= 0);
	assert_int_equal(run_xdp(fd), 6);
	close(fd);
	assert_int_equal(LOAD(INFO(1)), -EINVAL);
	assert_int_equal(LOAD(INFO(3)), -EINVAL);
	assert_non_null(strstr(log, "func_info"));
	info[1].insn_off = 1;
	assert_int_equal(LOAD(INFO(2)), -EINVAL);
	info[1] = (struct bpf_func_info){2, 1};
	assert_int_equal(LOAD(INFO(2)), -EINVAL);
	assert_non_null(strstr(log, "type id 1"));
	info[1].type_id = 3;
	lines[1].file_name_off = 1000;
	assert_int_equal(
		LOAD(INFO(2), .line_info = PTR(lines), .line_info_cnt = 2, .line_info_rec_size = sizeof(lines[0])),
		-EINVAL);
	lines[1].file_name_off = 0;
	lines[1].insn_off = 4;
	assert_int_equal(
		LOAD(INFO(2), .line_info = PTR(lines), .line_info_cnt = 2, .line_info_rec_size = sizeof(lines[0])),
		-EINVAL);
	assert_non_null(strstr(log, "line_info"));
	assert_int_equal(LOAD(.func_info = 8, .func_info_cnt = 2, .func_info_rec_size = 8), -EFAULT);
	assert_int_equal(LOAD(.func_info = PTR(info), .func_info_cnt = 2, .func_info_rec_size = 4), -EINVAL);
	close(btf);
#undef LOAD
#undef INFO
}

static void bad_btf_is_refused_with_the_reason(void **state)
{
	char btf[128];
	uint32_t size = raw_btf(btf, sizeof(btf));
	char log[256] = "";

#define LOAD()                                                                                                         \
	call(BPF_BTF_LOAD, .btf = PTR(btf), .btf_size = size, .btf_log_buf = PTR(log), .btf_log_size = sizeof(log),    \
	     .btf_log_level = 1)
	((struct btf_type *)(btf + 24))->info = 31u << 24;
	assert_int_equal(LOAD(), -EINVAL);
	assert_non_null(strstr(log, "kind"));
	raw_btf(btf, sizeof(btf));
	((struct btf_type *)(btf + 24))->name_off = 99;
	assert_int_equal(LOAD(), -EINVAL);
	assert_non_null(strstr(log, "name"));
	raw_btf(btf, sizeof(btf));
	btf[0] = 0;
	assert_int_equal(LOAD(), -EINVAL);
	assert_non_null(strstr(log, "magic"));
	assert_int_equal(count_ids(BPF_BTF_GET_NEXT_ID), 0);
#undef LOAD
}

/* What the kernel's own rules refuse and later readers would trip over. */
static void btf_that_would_mislead_its_readers_is_refused(void **state)
{
	struct bytes {
		struct btf_header h;
		uint32_t types[32];
		char strings[8];
	} b;
	struct btf_fault why;

#define TYPES(...)                                                                                                     \
	({                                                                                                             \
		const uint32_t t[] = {__VA_ARGS__};                                                                    \
		uint8_t *raw = (uint8_t *)&b;                                                                          \
		b.h = (struct btf_header){.magic = BTF_MAGIC,                                                          \
					  .version = BTF_VERSION,                                                      \
					  .hdr_len = sizeof(b.h),                                                      \
					  .type_len = sizeof(t),                                                       \
					  .str_off = sizeof(t),                                                        \
					  .str_len = 5};                                                               \
		memcpy(raw + sizeof(b.h), t, sizeof(t));                                                               \
		memcpy(raw + sizeof(b.h) + sizeof(t), "\0int", 5);                                                     \
		btf_check(&b, sizeof(b.h) + sizeof(t) + 5, BTF_LOADED, &why);                                          \
	})
#define INT                  1, BTF_KIND_INT << 24, 4, 32
#define KIND(k, vlen, kflag) ((uint32_t)(k) << 24 | (vlen) | (uint32_t)(kflag) << 31)

	assert_int_equal(TYPES(INT), 0);
	/* A struct of one int, then with the member beyond its end. */
	assert_int_equal(TYPES(INT, 1, KIND(BTF_KIND_STRUCT, 1, 0), 4, 1, 1, 0), 0);
	assert_int_equal(TYPES(INT, 1, KIND(BTF_KIND_STRUCT, 1, 0), 4, 1, 1, 8), -EINVAL);
	assert_non_null(strstr(why.reason, "member"));
	/* Bit fields: of 5 bits, of 33, and of a pointer. */
	assert_int_equal(TYPES(INT, 1, KIND(BTF_KIND_STRUCT, 1, 1), 4, 1, 1, 5 << 24), 0);
	assert_int_equal(TYPES(INT, 1, KIND(BTF_KIND_STRUCT, 1, 1), 8, 1, 1, 33 << 24), -EINVAL);
	assert_int_equal(TYPES(INT, 1, KIND(BTF_KIND_STRUCT, 1, 1), 8, 1, 3, 5 << 24, 0, KIND(BTF_KIND_PTR, 0, 0), 1),
			 -EINVAL);
	assert_non_null(strstr(why.reason, "bit field"));
	/* Arrays of 4 bytes by 2^29 and of that by 4. */
	assert_int_equal(TYPES(INT, 0, KIND(BTF_KIND_ARRAY, 0, 0), 0, 1, 1, 1 << 28), 0);
	assert_int_equal(
		TYPES(INT, 0, KIND(BTF_KIND_ARRAY, 0, 0), 0, 1, 1, 1 << 28, 0, KIND(BTF_KIND_ARRAY, 0, 0), 0, 2, 1, 4),
		-EINVAL);
	assert_non_null(strstr(why.reason, "2 GiB"));
	/* An enum of no size; a struct that contains itself; a typedef of itself. */
	assert_int_equal(TYPES(INT, 1, KIND(BTF_KIND_ENUM, 0, 0), 4), 0);
	assert_int_equal(TYPES(INT, 1, KIND(BTF_KIND_ENUM, 0, 0), 0), -EINVAL);
	assert_int_equal(TYPES(INT, 1, KIND(BTF_KIND_STRUCT, 1, 0), 4, 1, 2, 0), -EINVAL);
	assert_int_equal(TYPES(INT, 1, KIND(BTF_KIND_TYPEDEF, 0, 0), 2), -EINVAL);
	assert_non_null(strstr(why.reason, "itself"));
	/* A function of a prototype whose parameters have names; one more, of type 0, ends a list of any length. Functions of no prototype. */
	assert_int_equal(TYPES(INT, 0, KIND(BTF_KIND_FUNC_PROTO, 2, 0), 1, 1, 1, 0, 0, 1, KIND(BTF_KIND_FUNC, 1, 0), 2),
			 0);
	assert_int_equal(TYPES(INT, 0, KIND(BTF_KIND_FUNC_PROTO, 2, 0), 1, 1, 1, 0, 1, 1, KIND(BTF_KIND_FUNC, 1, 0), 2),
			 -EINVAL);
	assert_non_null(strstr(why.reason, "parameter has no name"));
	assert_int_equal(TYPES(INT, 1, KIND(BTF_KIND_FUNC, 1, 0), 1), -EINVAL);
	assert_non_null(strstr(why.reason, "no prototype"));
	assert_int_equal(TYPES(INT, 1, KIND(BTF_KIND_FUNC, 1, 0), 0), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HIVE_TEST(a_program_that_the_verifier_refuses_does_not_load),
		HIVE_TEST(a_refusal_says_which_instruction_and_why),
		HIVE_TEST(a_gpl_only_helper_asks_for_the_license),
		HIVE_TEST(a_log_that_does_not_fit_is_enospc_and_keeps_its_end),
		HIVE_TEST(a_prog_array_is_for_one_type_of_program_whoever_comes_first),
		HIVE_TEST(func_info_must_name_every_function),
		HIVE_TEST(bad_btf_is_refused_with_the_reason),
		HIVE_TEST(btf_that_would_mislead_its_readers_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
