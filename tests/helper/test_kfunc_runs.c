/* SPDX-License-Identifier: BSD-2-Clause */
/* Kernel functions that run: runs/kfuncs.bpf.c in the JIT, in the interpreter, and in the kernel. */
#include "runs/expect.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

static void a_numeric_iterator_counts_from_start_to_before_its_end(void **state)
{
	struct bpf_object *obj = load_object("kfuncs");

	run_data(obj, "numbers", NULL, 0);
	EXPECT(obj, 0, 45, 10, /* -5 to 3 */ 0, -12, 8, /* none */ 0, 0, 0, -EINVAL, 0, 0, -E2BIG, 0, 0,
	       /* the smallest numbers */ 0, 2 * -2147483648ll + 1, 2, /* the greatest */ 0, 2 * 2147483645ll + 1, 2,
	       -E2BIG, 0, 0);
	bpf_object__close(obj);
}

static void sections_begin_and_end(void **state)
{
	struct bpf_object *obj = load_object("kfuncs");

	run_data(obj, "sections", NULL, 0);
	EXPECT(obj, 1, 2, 3);
	bpf_object__close(obj);
}

static void strings_are_compared_and_searched(void **state)
{
	struct bpf_object *obj = load_object("kfuncs");

	run_data(obj, "text", NULL, 0);
	EXPECT(obj, /* strcmp */ 0, 1, -1, /* strcasecmp */ 0, -1, /* strchr */ 2, -ENOENT, 11, /* strnchr */ -ENOENT,
	       2,
	       /* strchrnul */ 11, 5, /* strrchr */ 7, -ENOENT, 11, /* strlen */ 11, 5, 11, /* strspn */ 5,
	       /* strcspn */ 0,
	       /* strstr */ 3, -ENOENT, 0, /* strnstr */ 7, -ENOENT, 0, /* of empty strings */ 0, 11, 0);
	bpf_object__close(obj);
}

/* A kernel has no address that a test may rely on not being there: there it is NULL once more. */
static void strings_that_are_not_there_or_do_not_end_are_errors(void **state)
{
	struct bpf_object *obj = open_object("kfuncs");
	uint8_t *gone = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const int64_t bad = on_kernel ? -ERANGE : -EFAULT;
	struct section *bss;
	size_t len;

	assert_true(gone != MAP_FAILED);
	set_constant(obj, "bad_address", on_kernel ? 0 : (uintptr_t)gone);
	assert_int_equal(bpf_object__load(obj), 0);
	bss = bss_of(obj, &len);
	/* All of .bss behind out[] becomes 'a's but for the last word: in it is the long string. */
	memset((uint8_t *)bss + sizeof(int64_t[64]), 'a', len - sizeof(int64_t[64]) - 8);
	put_bss(obj, bss);
	run_data(obj, "bad_text", NULL, 0);
	EXPECT(obj, -ERANGE, -ERANGE, -ERANGE, -ERANGE, -ERANGE, -ERANGE, -ERANGE, -ERANGE, -ERANGE, -ERANGE, -ERANGE,
	       -ERANGE, /* long */ -E2BIG, -E2BIG, -E2BIG, -E2BIG, -E2BIG, -E2BIG, -E2BIG, -E2BIG, 0, -E2BIG, bad, bad,
	       bad, bad);
	munmap(gone, 4096);
	bpf_object__close(obj);
}

static void a_users_string_is_copied_with_its_end_and_padded_on_request(void **state)
{
	struct bpf_object *obj = open_object("kfuncs");
	static const char string[] = "straw";

	set_constant(obj, "user_string", (uintptr_t)string);
	assert_int_equal(bpf_object__load(obj), 0);
	run_ctx(obj, "user_text", NULL, 0);
	EXPECT(obj, 6, WORD("straw\0xx"), 4, WORD("str\0w\0xx"), 6, WORD("straw\0\0\0"), -EINVAL, -EFAULT, 0);
	bpf_object__close(obj);
}

static void a_dynptr_over_memory_is_read_written_cut_and_copied(void **state)
{
	struct bpf_object *obj = load_object("kfuncs");

	run_data(obj, "local_dynptr", NULL, 0);
	EXPECT(obj, 0, 0, -E2BIG, -EINVAL, 0, 0x35343332, -E2BIG, -EINVAL, /* data */ '2', 1, /* slices */ '2', 'Q', 1,
	       /* size */ 32, 0, 0, /* clone */ 0, 0, 4, -EINVAL, -ERANGE, 0, 0x3051, -E2BIG,
	       /* copy */ 0, 'Q' << 8 | '3', -E2BIG, -E2BIG, -E2BIG, /* memset */ 0, 'z' << 16 | 'z' << 8, -E2BIG);
	bpf_object__close(obj);
}

static void a_dynptr_that_could_not_be_made_is_null(void **state)
{
	struct bpf_object *obj = load_object("kfuncs");

	run_data(obj, "null_dynptr", NULL, 0);
	EXPECT(obj, -EINVAL, -EINVAL, -EINVAL, 1, 1, 1, -EINVAL, 1, 0, -EINVAL, -EINVAL, 1, 0, 0, -EINVAL, -EINVAL,
	       /* of no bytes */ 0, 0, 0, 0, -EINVAL, -E2BIG, 0);
	bpf_object__close(obj);
}

static void a_record_of_a_ring_buffer_is_a_dynptr_until_it_is_submitted(void **state)
{
	struct bpf_object *obj = load_object("kfuncs");

	run_data(obj, "ring_dynptr", NULL, 0);
	EXPECT(obj, -EINVAL, 1, 0, 0, -E2BIG, 24, 32, -EINVAL, -E2BIG, 0, 48);
	bpf_object__close(obj);
}

static void a_dynptr_over_an_skb_reads_and_writes_the_frame(void **state)
{
	struct bpf_object *obj = load_object("kfuncs");

	run_data(obj, "skb_dynptr", NULL, 0);
	EXPECT(obj, -EINVAL, 0, 64, 0, 12 << 8 | 13, 1, 0, 0, -EINVAL, 0, '2' << 24 | '1' << 16 | '0' << 8 | 19, 0, 200,
	       0, /* cut */ 0, -EFAULT, 0, -EFAULT, 1, 1, -EFAULT, -EFAULT);
	bpf_object__close(obj);
}

static void who_may_not_write_to_a_frame_gets_a_read_only_dynptr(void **state)
{
	struct bpf_object *obj = load_object("kfuncs");

	run_data(obj, "read_only_dynptr", NULL, 0);
	/* It begins behind the link-layer header. */
	EXPECT(obj, 0, 1, 50, -EINVAL, 1, 15, -EINVAL, 0, 19, -EINVAL, -EINVAL, -EINVAL);
	bpf_object__close(obj);
}

static void a_dynptr_over_an_xdp_frame_reads_and_writes_it(void **state)
{
	struct bpf_object *obj = load_object("kfuncs");

	run_data(obj, "xdp_dynptr", NULL, 0);
	EXPECT(obj, -EINVAL, 0, 64, 0, 0, -E2BIG, -EINVAL, 0, '2' << 8 | '3', 99, /* cut */ 0, -EINVAL, -EINVAL, 64, 0);
	bpf_object__close(obj);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		LOADED_TEST(a_numeric_iterator_counts_from_start_to_before_its_end),
		LOADED_TEST(sections_begin_and_end),
		LOADED_TEST(strings_are_compared_and_searched),
		LOADED_TEST(strings_that_are_not_there_or_do_not_end_are_errors),
		LOADED_TEST(a_users_string_is_copied_with_its_end_and_padded_on_request),
		LOADED_TEST(a_dynptr_over_memory_is_read_written_cut_and_copied),
		LOADED_TEST(a_dynptr_that_could_not_be_made_is_null),
		LOADED_TEST(a_record_of_a_ring_buffer_is_a_dynptr_until_it_is_submitted),
		LOADED_TEST(a_dynptr_over_an_skb_reads_and_writes_the_frame),
		LOADED_TEST(who_may_not_write_to_a_frame_gets_a_read_only_dynptr),
		LOADED_TEST(a_dynptr_over_an_xdp_frame_reads_and_writes_it),
	};

	return test_main(argc, argv, tests, ARRAY_SIZE(tests), "kernel functions that run");
}
