/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Asks a verifier about the kernel's old-style tests: arrays of raw instructions in which places are named that need a map:
 * load-raw [-l LEVEL] [-u root|bpf|user] [FILE[:INDEX]...]
 *
 * raw_tests.h is made by the Makefile from Linux 6.1's sources: the declaration of a test with the functions that write long programs
 * (cut out of test_verifier.c), and one array a file. What it leaves open is done here: which maps there are, and the load.
 *
 * One JSON line a test: file 6.1/NAME, prog its index in the file.
 */
#include "run.h"

#include <assert.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "raw_tests.h"

/* A test that names a map which cannot be made is not judged. */
static _Noreturn void cannot(FILE *out, const char *what, int err)
{
	fprintf(out, ",\"verdict\":\"cannot\",\"errno\":%d", err);
	json_string(out, "cause", what);
	json_string(out, "log", strerror(err));
	fflush(out);
	_exit(0);
}

/*
 * The BTF of the maps' values, under the names of Linux 6.18:
 *   struct val { int cnt; struct bpf_spin_lock l; };
 *   struct timer { struct bpf_timer t; };
 *   struct btf_ptr { struct prog_test_ref_kfunc __kptr_untrusted *ptr; struct prog_test_ref_kfunc __kptr *ptr;
 *                    struct prog_test_member __kptr *ptr; };
 */
struct value_types {
	int fd;
	int key, lock, timer, kptr;
};

static int add_kptr(struct btf *btf, const char *tag, int to)
{
	return btf__add_ptr(btf, btf__add_type_tag(btf, tag, to));
}

static struct value_types value_types(void)
{
	struct btf *btf = btf__new_empty();
	struct value_types t = {.fd = -1};
	int lock, timer, ref, member, ptrs[3];
	const void *data;
	uint32_t size;

	t.key = btf__add_int(btf, "int", 4, BTF_INT_SIGNED);
	lock = btf__add_struct(btf, "bpf_spin_lock", 4);
	btf__add_field(btf, "val", t.key, 0, 0);
	t.lock = btf__add_struct(btf, "val", 8);
	btf__add_field(btf, "cnt", t.key, 0, 0);
	btf__add_field(btf, "l", lock, 32, 0);
	timer = btf__add_struct(btf, "bpf_timer", 16);
	t.timer = btf__add_struct(btf, "timer", 16);
	btf__add_field(btf, "t", timer, 0, 0);
	ref = btf__add_struct(btf, "prog_test_ref_kfunc", 0);
	member = btf__add_struct(btf, "prog_test_member", 0);
	ptrs[0] = add_kptr(btf, "kptr_untrusted", ref);
	ptrs[1] = add_kptr(btf, "kptr", ref);
	ptrs[2] = add_kptr(btf, "kptr", member);
	t.kptr = btf__add_struct(btf, "btf_ptr", 24);
	for (uint32_t i = 0; i < 3; i++)
		btf__add_field(btf, "ptr", ptrs[i], i * 64, 0);
	data = btf__raw_data(btf, &size);
	t.fd = bpf_btf_load(data, size, NULL);
	btf__free(btf);
	return t;
}

static int make_typed(enum bpf_map_type type, uint32_t value_size, uint32_t n, uint32_t flags, size_t value_type)
{
	struct value_types t = value_types();
	LIBBPF_OPTS(bpf_map_create_opts, opts, .btf_fd = (uint32_t)t.fd, .btf_key_type_id = (uint32_t)t.key,
		    .btf_value_type_id = *(uint32_t *)((char *)&t + value_type), .map_flags = flags);

	return t.fd < 0 ? t.fd : bpf_map_create(type, "test_map", 4, value_size, n, &opts);
}

static int make_plain(enum bpf_map_type type, uint32_t key_size, uint32_t value_size, uint32_t n, uint32_t flags)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts,
		    .map_flags = flags | (type == BPF_MAP_TYPE_HASH ? BPF_F_NO_PREALLOC : 0));

	return bpf_map_create(type, NULL, key_size, value_size, n, &opts);
}

/* An array whose one element holds the offset of its own foo[6]: tests read it as an index. */
static int make_array(uint32_t value_size, uint32_t flags)
{
	struct test_val value = {.index = offsetof(struct test_val, foo[6]), .foo[6] = (int)0xabcdef12};
	int fd = make_plain(BPF_MAP_TYPE_ARRAY, 4, value_size, 1, flags);
	int key = 0;

	return fd >= 0 && bpf_map_update_elem(fd, &key, &value, 0) ? -1 : fd;
}

static int make_map_in_map(void)
{
	int inner = make_plain(BPF_MAP_TYPE_ARRAY, 4, 4, 1, 0);
	LIBBPF_OPTS(bpf_map_create_opts, opts, .inner_map_fd = (uint32_t)inner);

	return bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, NULL, 4, 4, 1, &opts);
}

/* A prog array with three programs: two that return, at first and third; the second calls itself through the array. */
static int make_prog_array(enum bpf_prog_type type, uint32_t n, int first, int second, int third)
{
	int map = make_plain(BPF_MAP_TYPE_PROG_ARRAY, 4, 4, n, 0);
	const struct bpf_insn tail_call[] = {
		BPF_MOV64_IMM(BPF_REG_3, second),
		BPF_LD_MAP_FD(BPF_REG_2, map),
		BPF_RAW_INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_tail_call),
		BPF_MOV64_IMM(BPF_REG_0, 41),
		BPF_EXIT_INSN(),
	};
	const struct bpf_insn ends[2][2] = {
		{BPF_MOV64_IMM(BPF_REG_0, 42), BPF_EXIT_INSN()},
		{BPF_MOV64_IMM(BPF_REG_0, 24), BPF_EXIT_INSN()},
	};
	int progs[] = {
		bpf_prog_load(type, NULL, "GPL", ends[0], 2, NULL),
		bpf_prog_load(type, NULL, "GPL", tail_call, 5, NULL),
		bpf_prog_load(type, NULL, "GPL", ends[1], 2, NULL),
	};
	int keys[] = {first, second, third};

	/* Some types of program cannot return these numbers; the verdict does not depend on what is in the array. */
	for (size_t i = 0; map >= 0 && i < 3; i++)
		if (progs[i] >= 0)
			bpf_map_update_elem(map, &keys[i], &progs[i], BPF_ANY);
	return map;
}

/* Each list of places in a test, and the map whose fd goes there. */
#define PLACES(name, make)                                                                                             \
	do {                                                                                                           \
		if (test->fixup_##name[0]) {                                                                           \
			int fd = (make);                                                                               \
			if (fd < 0)                                                                                    \
				cannot(out, "map for fixup_" #name, errno);                                            \
			for (const int *at = test->fixup_##name; *at; at++)                                            \
				test->insns[*at].imm = fd;                                                             \
		}                                                                                                      \
	} while (0)

static void put_maps(struct bpf_test *test, enum bpf_prog_type type, FILE *out)
{
	const uint32_t val = sizeof(struct test_val);

	PLACES(map_hash_8b, make_plain(BPF_MAP_TYPE_HASH, 8, 8, 1, 0));
	PLACES(map_hash_48b, make_plain(BPF_MAP_TYPE_HASH, 8, val, 1, 0));
	PLACES(map_hash_16b, make_plain(BPF_MAP_TYPE_HASH, 8, sizeof(struct other_val), 1, 0));
	PLACES(map_array_48b, make_array(val, 0));
	PLACES(prog1, make_prog_array(type, 4, 0, 1, 2));
	PLACES(prog2, make_prog_array(type, 8, 7, 1, 2));
	PLACES(map_in_map, make_map_in_map());
	PLACES(cgroup_storage,
	       make_plain(BPF_MAP_TYPE_CGROUP_STORAGE, sizeof(struct bpf_cgroup_storage_key), TEST_DATA_LEN, 0, 0));
	PLACES(percpu_cgroup_storage, make_plain(BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE,
						 sizeof(struct bpf_cgroup_storage_key), TEST_DATA_LEN, 0, 0));
	PLACES(map_sockmap, make_plain(BPF_MAP_TYPE_SOCKMAP, 4, 4, 1, 0));
	PLACES(map_sockhash, make_plain(BPF_MAP_TYPE_SOCKHASH, 4, 4, 1, 0));
	PLACES(map_xskmap, make_plain(BPF_MAP_TYPE_XSKMAP, 4, 4, 1, 0));
	PLACES(map_stacktrace, make_plain(BPF_MAP_TYPE_STACK_TRACE, 4, 8, 1, 0));
	PLACES(map_spin_lock, make_typed(BPF_MAP_TYPE_ARRAY, 8, 1, 0, offsetof(struct value_types, lock)));
	PLACES(map_array_ro, make_array(val, BPF_F_RDONLY_PROG));
	PLACES(map_array_wo, make_array(val, BPF_F_WRONLY_PROG));
	PLACES(map_array_small, make_array(1, 0));
	PLACES(sk_storage_map,
	       make_typed(BPF_MAP_TYPE_SK_STORAGE, 8, 0, BPF_F_NO_PREALLOC, offsetof(struct value_types, lock)));
	PLACES(map_event_output, make_plain(BPF_MAP_TYPE_PERF_EVENT_ARRAY, 4, 4, 1, 0));
	PLACES(map_reuseport_array, make_plain(BPF_MAP_TYPE_REUSEPORT_SOCKARRAY, 4, 8, 1, 0));
	PLACES(map_ringbuf, make_plain(BPF_MAP_TYPE_RINGBUF, 0, 0, 4096, 0));
	PLACES(map_timer, make_typed(BPF_MAP_TYPE_ARRAY, 16, 1, 0, offsetof(struct value_types, timer)));
	PLACES(map_kptr, make_typed(BPF_MAP_TYPE_ARRAY, 24, 1, 0, offsetof(struct value_types, kptr)));
}

/* Calls of kernel functions are named; their number is the running kernel's. */
static void put_kfuncs(struct bpf_test *test, FILE *out)
{
	struct btf *btf = test->fixup_kfunc_btf_id[0].kfunc ? btf__load_vmlinux_btf() : NULL;

	for (const struct kfunc_btf_id_pair *f = test->fixup_kfunc_btf_id; f->kfunc; f++) {
		int id = btf__find_by_name_kind(btf, f->kfunc, BTF_KIND_FUNC);
		char what[100];

		snprintf(what, sizeof(what), "kernel function %s is not in this kernel", f->kfunc);
		if (id < 0)
			cannot(out, what, ENOENT);
		test->insns[f->insn_idx].imm = id;
	}
	btf__free(btf);
}

static int load_types(const struct bpf_test *test)
{
	struct btf_header head = {.magic = BTF_MAGIC, .version = BTF_VERSION, .hdr_len = sizeof(head)};
	uint32_t n = 0;
	char *data;
	int fd;

	while (n < MAX_BTF_TYPES && test->btf_types[n] != BTF_END_RAW)
		n++;
	head.type_len = head.str_off = n * (uint32_t)sizeof(uint32_t);
	head.str_len = sizeof(test->btf_strings);
	data = malloc(sizeof(head) + head.type_len + head.str_len);
	memcpy(data, &head, sizeof(head));
	memcpy(data + sizeof(head), test->btf_types, head.type_len);
	memcpy(data + sizeof(head) + head.type_len, test->btf_strings, head.str_len);
	fd = bpf_btf_load(data, sizeof(head) + head.type_len + head.str_len, NULL);
	free(data);
	return fd;
}

static uint32_t length(const struct bpf_test *test)
{
	uint32_t n = MAX_INSNS;

	while (n > 1 && !test->insns[n - 1].code && !test->insns[n - 1].imm)
		n--;
	return n;
}

static const char *word(int result)
{
	return result == REJECT ? "reject" : result == UNDEF ? "" : "accept";
}

static int log_level = 4;
static enum loader loader;

static void ask(void *arg, FILE *out)
{
	struct bpf_test *test = arg;
	enum bpf_prog_type type = test->prog_type ? test->prog_type : BPF_PROG_TYPE_SOCKET_FILTER;
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = test->expected_attach_type, .log_size = LOG_SIZE,
		    .log_level = (uint32_t)log_level);
	const char *refused;
	int err;

	/* For the tests' own kinds of unaligned access; the other bits are the load's flags. */
	if (test->flags & F_LOAD_WITH_STRICT_ALIGNMENT)
		opts.prog_flags |= BPF_F_STRICT_ALIGNMENT;
	if (test->flags & F_NEEDS_EFFICIENT_UNALIGNED_ACCESS)
		opts.prog_flags |= BPF_F_ANY_ALIGNMENT;
	opts.prog_flags |= test->flags & ~3u;
	json_string(out, "section", libbpf_bpf_prog_type_str(type));
	json_string(out, "descr", test->descr);
	json_string(out, "expect", word(test->result));
	json_string(out, "expect_unpriv", word(test->result_unpriv));
	fputs(",\"uses\":[]", out);
	fflush(out);

	watch_begin();
	side_enter();
	if (test->fill_helper) {
		test->fill_insns = calloc(MAX_TEST_INSNS, sizeof(struct bpf_insn));
		test->fill_helper(test);
	}
	put_maps(test, type, out);
	put_kfuncs(test, out);
	if ((type == BPF_PROG_TYPE_TRACING || type == BPF_PROG_TYPE_LSM) && test->kfunc) {
		err = libbpf_find_vmlinux_btf_id(test->kfunc, test->expected_attach_type);
		if (err < 0)
			cannot(out, "what it attaches to is not in this kernel", -err);
		opts.attach_btf_id = (uint32_t)err;
	}
	if (test->btf_types[0]) {
		err = load_types(test);
		if (err < 0)
			cannot(out, "BTF of the test", errno);
		opts.prog_btf_fd = (uint32_t)err;
	}
	if (test->func_info_cnt) {
		opts.func_info = test->func_info;
		opts.func_info_cnt = (uint32_t)test->func_info_cnt;
		opts.func_info_rec_size = sizeof(test->func_info[0]);
	}
	opts.log_buf = watch.log_buf;
	refused = side_as(loader);
	if (refused)
		cannot(out, refused, EPERM);
	bpf_prog_load(type, NULL, "GPL", test->fill_insns ? test->fill_insns : test->insns,
		      test->fill_insns ? (size_t)test->prog_len : length(test), &opts);
	if (log_level != 4)
		fputs(watch.log_buf, stderr);
	watch_report(out);
}

/* Whether FILE or FILE:INDEX on the command line names the test; without any, all are meant. */
static bool wanted(char *const *args, const char *file, size_t index)
{
	if (!*args)
		return true;
	for (; *args; args++) {
		size_t n = strcspn(*args, ":");

		if (!strncmp(*args, file, n) && !file[n] && (!(*args)[n] || strtoul(*args + n + 1, NULL, 10) == index))
			return true;
	}
	return false;
}

int main(int argc, char **argv)
{
	char head[100];
	int c, type;

	while ((c = getopt(argc, argv, "l:u:")) != -1) {
		if (c == 'l')
			log_level = atoi(optarg) | 4;
		else if (c == 'u' && loader_parse(optarg) >= 0)
			loader = (enum loader)loader_parse(optarg);
		else
			return 2;
	}
	side_prepare();
	for (size_t f = 0; f < sizeof(files) / sizeof(files[0]); f++)
		for (size_t i = 0; i < files[f].n; i++) {
			if (!wanted(argv + optind, files[f].name, i))
				continue;
			type = files[f].tests[i].prog_type;
			if (!loader_may(loader, type ? type : BPF_PROG_TYPE_SOCKET_FILTER))
				continue;
			snprintf(head, sizeof(head), "\"file\":\"6.1/%s\",\"prog\":\"%zu%s\"", files[f].name, i,
				 loader_suffix(loader));
			run_forked(head, ask, &files[f].tests[i]);
		}
	return 0;
}
