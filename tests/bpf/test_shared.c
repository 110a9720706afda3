/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A map between processes: the hive's process writes through bpf(2); a child that got only the fd attaches to it and runs a program
 * over it, in both engines, without asking the hive.
 */
#include "util.h"

#include "helper/helper.h"
#include "jit/jit.h"
#include "vm/vm.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

#ifdef __x86_64__
enum { PHASES = 2 };
#else
enum { PHASES = 1 }; /* the JIT is for x86-64 alone */
#endif
enum { KEYS = 16, UPDATES = 20000 };

/* A value says of itself whether it is whole. */
struct value {
	uint32_t number;
	uint32_t check;
};

struct share {
	atomic_uint phase; /* 0: interpreter, 1: JIT, 2: over */
	atomic_uint_fast64_t looked[2], found, torn;
};

static uint32_t check_of(uint32_t number)
{
	return number * 2654435761u ^ 0x5ce90000u;
}

/*
 * Looks up the key that r1 points to; 0: absent; else the value, all 8 bytes in one load. Its map is ref 0.
 */
static const struct bpf_insn insns_of_reader[] = {
	{.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 2, .src_reg = 1},
	{.code = BPF_LD | BPF_IMM | BPF_DW, .dst_reg = 1, .src_reg = BPF_PSEUDO_MAP_FD},
	{0},
	{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_map_lookup_elem},
	{.code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = 0, .off = 1},
	{.code = BPF_LDX | BPF_MEM | BPF_DW, .dst_reg = 0, .src_reg = 0},
	{.code = BPF_JMP | BPF_EXIT},
};

/* One engine over the attached map. Return: 0, or an exit status that says what could not be set up. */
static int read_with(struct skep_map *map, bool jit, struct share *share)
{
	static const uint32_t subprogs[] = {0};
	struct bpf_insn insns[ARRAY_SIZE(insns_of_reader)];
	struct code_ref ref = {.kind = REF_MAP, .addr = (uintptr_t)map};
	skep_fn fns[2] = {NULL, helper_find(BPF_FUNC_map_lookup_elem)->fn};
	struct skep_code code = {.insns = insns,
				 .n_insns = ARRAY_SIZE(insns),
				 .refs = &ref,
				 .n_refs = 1,
				 .helpers = fns,
				 .n_helpers = 2,
				 .subprogs = subprogs,
				 .n_subprogs = 1};
	struct jit_object *obj = NULL;
	struct jit_text text = {0};
	struct skep_env env = {0};
	struct vm_prog *vm;
	int err;

	memcpy(insns, insns_of_reader, sizeof(insns));
	if (vm_prepare(&code, &vm))
		return 10;
	if (jit) {
		err = jit_compile(&code, &obj);
		if (err || jit_link(obj, &code, &text))
			return 11;
	}
	for (uint64_t i = 0; atomic_load(&share->phase) == jit; i++) {
		uint32_t key = (uint32_t)(i % KEYS);
		uint64_t r0 = jit ? jit_run(text.entry, &key, &env) : vm_run(vm, &key, &env);
		struct value v;

		atomic_fetch_add(&share->looked[jit], 1);
		if (!r0)
			continue;
		memcpy(&v, &r0, sizeof(v));
		atomic_fetch_add(&share->found, 1);
		if (v.check != check_of(v.number))
			atomic_fetch_add(&share->torn, 1);
	}
	jit_unlink(&text);
	jit_object_free(obj);
	vm_free(vm);
	return 0;
}

static int child(int fd, struct share *share)
{
	struct skep_map *map;
	int ret;

	if (map_attach(fd, &map))
		return 9;
	if (!map->readonly)
		return 8;
	ret = read_with(map, false, share);
#ifdef __x86_64__
	if (!ret)
		ret = read_with(map, true, share);
#endif
	map_destroy(map);
	return ret;
}

static void updates_reach_a_program_in_another_process_whole(void **state)
{
	int fd = make_map(BPF_MAP_TYPE_HASH, 4, sizeof(struct value), KEYS, 0);
	struct share *share = mmap(NULL, sizeof(*share), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint32_t updates = 0;
	int status = 0;
	pid_t pid;

	assert_ptr_not_equal(share, MAP_FAILED);
	for (uint32_t key = 0; key < KEYS; key++) {
		struct value v = {.number = key, .check = check_of(key)};

		assert_int_equal(call(BPF_MAP_UPDATE_ELEM, .map_fd = fd, .key = PTR(&key), .value = PTR(&v)), 0);
	}
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		alarm(60);
		_exit(child(fd, share));
	}
	for (unsigned int phase = 0; phase < PHASES; phase++) {
		/* At least so many, and until the child has come to look. */
		for (uint32_t i = 0; i < UPDATES || atomic_load(&share->looked[phase]) == 0; i++, updates++) {
			uint32_t key = updates % KEYS;
			struct value v = {.number = updates, .check = check_of(updates)};

			assert_int_equal(call(BPF_MAP_UPDATE_ELEM, .map_fd = fd, .key = PTR(&key), .value = PTR(&v)),
					 0);
			if (i % 1024 == 0 && waitpid(pid, &status, WNOHANG))
				fail_msg("the child gave up with status %x", status);
		}
		atomic_store(&share->phase, phase + 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	/* Nothing is deleted, so every look-up finds; updates replace a value between two reads of it. */
	assert_int_equal(atomic_load(&share->found), share->looked[0] + share->looked[1]);
	assert_int_equal(atomic_load(&share->torn), 0);
	print_message("%u updates, look-ups: %llu interpreted, %llu compiled\n", updates,
		      (unsigned long long)share->looked[0], (unsigned long long)share->looked[1]);
	munmap(share, sizeof(*share));
	close(fd);
}

/* What the child wrote would be the hive's undoing: it cannot. */
static void another_process_cannot_write_what_it_attached(void **state)
{
	int fd = make_map(BPF_MAP_TYPE_HASH, 4, 8, 4, 0);
	uint32_t key = 1;
	uint64_t value = 5;
	int status;
	pid_t pid;

	assert_int_equal(call(BPF_MAP_UPDATE_ELEM, .map_fd = fd, .key = PTR(&key), .value = PTR(&value)), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		struct skep_map *map;
		uint64_t *p;

		if (map_attach(fd, &map))
			_exit(1);
		if (map_update(map, &key, &key, 0, 0) >= 0 || map_delete(map, &key) >= 0)
			_exit(2);
		p = map_lookup(map, &key, 0);
		if (!p || *p != 5)
			_exit(3);
		signal(SIGSEGV, SIG_DFL);
		*(volatile uint64_t *)p = 6;
		_exit(4);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	/* Under a sanitizer the fault ends in its report instead of the signal. */
	assert_true(WIFSIGNALED(status) ? WTERMSIG(status) == SIGSEGV : WEXITSTATUS(status) > 4);
	assert_int_equal(call(BPF_MAP_LOOKUP_ELEM, .map_fd = fd, .key = PTR(&key), .value = PTR(&value)), 0);
	assert_int_equal(value, 5);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HIVE_TEST(updates_reach_a_program_in_another_process_whole),
		HIVE_TEST(another_process_cannot_write_what_it_attached),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
