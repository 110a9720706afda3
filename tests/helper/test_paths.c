/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every way that a helper returns: the rows of runs/{skb,room,xdp,maps,words,strings}.bpf.c (runs/paths.h says what a row is) in the JIT, in the interpreter, and in
 * the kernel, one expectation for all.
 */
#include "runs/expect.h"

#include "helper/helper.h"
#include "helper/kfunc.h"

#include <bpf/btf.h>
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>

enum { DONE = 77, CTX_LEN = 64 };

/* Ethernet, IPv4, UDP: 60 bytes. Behind that, the same as IPv6 and as ARP; tags. */
static const uint8_t udp4[60] = {2, 0,  0,  0, 0, 1,  2, 0, 0, 0,  0, 2, 8, 0, 0x45, 0, 0,    46, 0,  0, 0,
				 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 3, 0xe8, 7, 0xd0, 0,  26, 0, 0};
static const uint8_t udp6[80] = {
	2, 0, 0, 0,  0,  1,  2,           0,        0,           0,        0,        2,    0x86, 0xdd, 0x60, 0,
	0, 0, 0, 26, 17, 64, [22] = 0xfd, [37] = 1, [38] = 0xfd, [53] = 2, [54] = 3, 0xe8, 7,    0xd0, 0,    26};
static const uint8_t arp[60] = {[12] = 8, 6, 0, 1};
static const uint8_t tags[14 + 4 * 9] = {[12] = 0x81, 0, 0, 1, 0x81, 0, 0, 1, 0x81, 0, 0, 1,
					 0x81,        0, 0, 1, 0x81, 0, 0, 1, 0x81, 0, 0, 1,
					 0x81,        0, 0, 1, 0x81, 0, 0, 1, 0x81, 0};
static const uint8_t bare_tag[14] = {[12] = 0x81};
static const uint8_t second_bare_tag[18] = {[12] = 0x81, 0, 0, 1, 0x81};
static const uint8_t tag_of_a_length[60] = {[12] = 0x81, 0, 0, 1, 0, 42};

#define OVER_PART(obj, name, f, n)                                                                                     \
	{                                                                                                              \
		.object = (obj), .prog = (name), .frame = (f), .len = (n)                                              \
	}
#define OVER(obj, name, f) OVER_PART(obj, name, f, sizeof(f))
#define OVER_BYTES(obj, name)                                                                                          \
	{                                                                                                              \
		.object = (obj), .prog = (name)                                                                        \
	}

static const struct run {
	const char *object, *prog;
	const uint8_t *frame; /* NULL: a context of bytes */
	uint32_t len;
	uint32_t gso_size;
} runs[] = {
	OVER("skb", "bytes", udp4),
	OVER("skb", "marks", udp4),
	OVER("skb", "marks_of_arp", arp),
	OVER("skb", "congestion", udp4),
	OVER("skb", "congestion_of_ip6", udp6),
	OVER("skb", "congestion_of_tags", tags),
	OVER("skb", "congestion_of_tags", bare_tag),
	OVER("skb", "congestion_of_a_stump", udp4),
	OVER("skb", "congestion_of_a_stump", udp6),
	OVER("skb", "both_directions", udp4),
	OVER("skb", "sums", udp4),
	OVER("room", "ends", udp4),
	OVER("room", "protocols", udp4),
	OVER("room", "room", udp4),
	OVER("room", "fresh_room", udp4),
	OVER("room", "fresh_header", udp4),
	OVER("room", "tunnel_room", udp4),
	OVER("room", "tunnel_room4", udp4),
	OVER("room", "room_of_arp", arp),
	{.object = "room", .prog = "room_of_segments", .frame = udp4, .len = sizeof(udp4), .gso_size = 100},
	OVER("room", "tags", udp4),
	OVER("room", "tag_that_is_not_there", bare_tag),
	OVER("room", "tag_of_a_length", tag_of_a_length),
	OVER("room", "second_tag_that_is_not_there", second_bare_tag),
	OVER("skb", "tunnels", udp4),
	OVER("skb", "elsewhere", udp4),
	OVER_PART("xdp", "head", udp6, 64),
	OVER_PART("xdp", "tail", udp6, 64),
	OVER_PART("xdp", "meta", udp6, 64),
	OVER_PART("xdp", "parts", udp6, 64),
	OVER_PART("xdp", "elsewhere", udp6, 64),
	OVER_PART("xdp", "to_a_device", udp6, 64),
	OVER("maps", "elements", udp4),
	OVER("maps", "longest_prefixes", udp4),
	OVER("maps", "lines", udp4),
	OVER("maps", "values_of_cpus", udp4),
	OVER("maps", "rings", udp4),
	OVER("maps", "buffers", udp4),
	OVER("maps", "open_buffers", udp4),
	OVER_BYTES("maps", "buffers_without_a_frame"),
	OVER("maps", "callbacks", udp4),
	OVER("maps", "dynptrs", udp4),
	OVER("maps", "under_lock", udp4),
	OVER("words", "numbers", udp4),
	OVER("words", "formats", udp4),
	OVER("words", "conversions", udp4),
	OVER("words", "traces", udp4),
	OVER_BYTES("words", "reads"),
	OVER_BYTES("words", "copies"),
	OVER("strings", "nothing_there", udp4),
	OVER("strings", "near_null", udp4),
	OVER("strings", "no_end", udp4),
	OVER_BYTES("strings", "users"),
};

/* Not for the kernel: what the whole machine would see, and what its memory decides there. */
static bool stays_here(const char *prog)
{
	return !strcmp(prog, "traces") || !strcmp(prog, "fresh_header");
}

/* "straw" at the very end of a page behind which there is none. */
static char *last_bytes(void)
{
	char *mem = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(mem != MAP_FAILED);
	assert_int_equal(mprotect(mem + 4096, 4096, PROT_NONE), 0);
	return memcpy(mem + 4096 - 6, "straw", 6);
}

static struct bpf_object *load_paths(const char *name)
{
	struct bpf_object *obj = open_object(name);
	struct bpf_program *prog;
	char *page = last_bytes();

	set_constant(obj, "in_kernel", on_kernel);
	if (!strcmp(name, "words") || !strcmp(name, "strings")) {
		bool strings = !strcmp(name, "strings");

		set_constant(obj, "good", (uintptr_t)page);
		set_constant(obj, "gone", strings && on_kernel ? 0 : (uintptr_t)page + 6);
	}
	bpf_object__for_each_program(prog, obj)
		bpf_program__set_autoload(prog, !on_kernel || !stays_here(bpf_program__name(prog)));
	if (bpf_object__load(obj))
		fail_msg("cannot load %s\n%s", name, test.said);
	return obj;
}

static void no_sample(void *ctx, int cpu, void *data, __u32 size)
{
}

static void no_loss(void *ctx, int cpu, __u64 n)
{
}

/* What must be there before a program runs. Return: what is held meanwhile, or NULL. */
static struct perf_buffer *prepare(struct bpf_object *obj, const char *prog)
{
	const uint32_t loopback = 1, queue = 64;
	struct perf_buffer *held = NULL;

	if (!strcmp(prog, "open_buffers")) {
		held = perf_buffer__new(map_fd_of(obj, "events"), 1, no_sample, no_loss, NULL, NULL);
		assert_non_null(held);
	}
	if (!strcmp(prog, "no_end")) {
		uint32_t at = variable_offset(obj, "endless");
		size_t len;
		struct section *bss = bss_of(obj, &len);

		memset((uint8_t *)bss + at, 'a', 70000);
		put_bss(obj, bss);
	}
	if (!strcmp(prog, "to_a_device")) {
		const uint32_t slot = 1;

		assert_int_equal(bpf_map_update_elem(map_fd_of(obj, "devices"), &slot, &loopback, 0), 0);
		assert_int_equal(bpf_map_update_elem(map_fd_of(obj, "devices_by_hash"), &slot, &loopback, 0), 0);
		assert_int_equal(bpf_map_update_elem(map_fd_of(obj, "cpus"), &slot, &queue, 0), 0);
	}
	return held;
}

static int run_path(struct bpf_object *obj, const struct run *r)
{
	struct __sk_buff skb = {.gso_size = r->gso_size};
	uint64_t args[CTX_LEN / 8] = {0};
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	int err;

	if (r->frame) {
		opts.data_in = r->frame;
		opts.data_size_in = r->len;
		opts.ctx_in = r->gso_size ? &skb : NULL;
		opts.ctx_size_in = r->gso_size ? sizeof(skb) : 0;
	} else {
		opts.ctx_in = args;
		opts.ctx_size_in = sizeof(args);
	}
	err = bpf_prog_test_run_opts(bpf_program__fd(program_of(obj, r->prog)), &opts);
	if (err)
		fail_msg("running %s: %s\n%s", r->prog, strerror(-err), test.said);
	return (int)opts.retval;
}

/* The rows of one program. Return: how many; prints those that came out otherwise. */
static int64_t look(struct bpf_object *obj, const struct run *r, int ret, bool *ok)
{
	uint32_t at = variable_offset(obj, "wrong");
	int64_t wrongs = variable_of(obj, "wrongs");
	int64_t wrong[8][3];
	size_t len;
	uint8_t *bss = (uint8_t *)bss_of(obj, &len);

	memcpy(wrong, bss + at, sizeof(wrong));
	free(bss);
	for (int64_t i = 0; i < MIN(wrongs, 8); i++)
		printf("runs/%s.bpf.c:%lld: %s: %lld (%#llx), not %lld\n", r->object, (long long)wrong[i][0], r->prog,
		       (long long)wrong[i][1], (unsigned long long)wrong[i][1], (long long)wrong[i][2]);
	if (ret != DONE)
		printf("runs/%s.bpf.c: %s did not come to its end\n", r->object, r->prog);
	*ok &= !wrongs && ret == DONE;
	return variable_of(obj, "rows");
}

static void helpers_return_what_they_must_on_every_path(void **state)
{
	int64_t rows = 0;
	bool ok = true;

	for (size_t i = 0; i < ARRAY_SIZE(runs); i++) {
		struct bpf_object *obj;
		struct perf_buffer *held;

		if (on_kernel && stays_here(runs[i].prog))
			continue;
		obj = load_paths(runs[i].object);
		held = prepare(obj, runs[i].prog);
		rows += look(obj, &runs[i], run_path(obj, &runs[i]), &ok);
		perf_buffer__free(held);
		bpf_object__close(obj);
	}
	printf("%lld rows\n", (long long)rows);
	assert_true(ok);
	assert_true(rows > 400);
}

/* What programs of these objects call; the others are tests of their own. */
static const char *const objects[] = {"skb",    "room",  "xdp",    "maps", "words", "strings", "fib",
				      "kfuncs", "stack", "timers", "who",  "tasks", "storage"};

static void note_calls(const char *name, bool helper_called[], bool kfunc_called[])
{
	struct bpf_object *obj = open_object(name);
	const struct btf *btf = bpf_object__btf(obj);
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, obj)
	{
		const struct bpf_insn *insns = bpf_program__insns(prog);

		for (size_t i = 0; i < bpf_program__insn_cnt(prog); i++)
			if (insns[i].code == (BPF_JMP | BPF_CALL) && !insns[i].src_reg && insns[i].imm > 0 &&
			    (uint32_t)insns[i].imm < helpers_n)
				helper_called[insns[i].imm] = true;
	}
	for (uint32_t id = 1; id < btf__type_cnt(btf); id++) {
		const struct btf_type *t = btf__type_by_id(btf, id);
		const struct kfunc_desc *k = NULL;

		if (btf_is_func(t))
			k = kfunc_find(btf__name_by_offset(btf, t->name_off));
		if (k)
			kfunc_called[k - kfuncs] = true;
	}
	bpf_object__close(obj);
}

static void every_helper_and_kernel_function_that_runs_is_called_by_a_test(void **state)
{
	bool *helper_called = calloc(helpers_n, sizeof(bool)), *kfunc_called = calloc(kfuncs_n, sizeof(bool));
	uint32_t missing = 0;

	assert_non_null(helper_called);
	assert_non_null(kfunc_called);
	for (size_t i = 0; i < ARRAY_SIZE(objects); i++)
		note_calls(objects[i], helper_called, kfunc_called);
	for (uint32_t id = 1; id < helpers_n; id++)
		if (helpers[id].fn && !helper_called[id]) {
			printf("%s is called by no program\n", helpers[id].name);
			missing++;
		}
	for (uint32_t i = 0; i < kfuncs_n; i++)
		if (kfuncs[i].fn && !kfunc_called[i]) {
			printf("%s is called by no program\n", kfuncs[i].name);
			missing++;
		}
	free(helper_called);
	free(kfunc_called);
	assert_int_equal(missing, 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		LOADED_TEST(helpers_return_what_they_must_on_every_path),
		LOADED_TEST(every_helper_and_kernel_function_that_runs_is_called_by_a_test),
	};
	cpu_set_t first;

	/* Buffers and values of CPUs are those of CPU 0, as in a hive whose workers are idle. */
	CPU_ZERO(&first);
	CPU_SET(0, &first);
	sched_setaffinity(0, sizeof(first), &first);
	return test_main(argc, argv, tests, ARRAY_SIZE(tests), "every path of the helpers");
}
