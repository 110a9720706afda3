// SPDX-License-Identifier: BSD-2-Clause
/* Objects and executable memory: W^X, refusals, and that linking depends on nothing but the object and the code. */
#include "both.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>

bool packet_load(const struct skep_env *env, int32_t off, uint32_t size, uint64_t *value)
{
	return false;
}

/*
 * The linker sends the JIT's calls of these through here (meson.build). Counting down to 0, the call
 * fails that finds it there; below 0 none does.
 */
static int fail_in = -1;

static bool must_fail(void)
{
	return fail_in >= 0 && fail_in-- == 0;
}

void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *mem, size_t size);
void *__real_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off);
void *__real_mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t off);
int __real_mprotect(void *addr, size_t len, int prot);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *mem, size_t size);
void *__wrap_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off);
void *__wrap_mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t off);
int __wrap_mprotect(void *addr, size_t len, int prot);

void *__wrap_calloc(size_t n, size_t size)
{
	return must_fail() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *mem, size_t size)
{
	return must_fail() ? NULL : __real_realloc(mem, size);
}

void *__wrap_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	errno = ENOMEM;
	return must_fail() ? MAP_FAILED : __real_mmap(addr, len, prot, flags, fd, off);
}

void *__wrap_mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	errno = ENOMEM;
	return must_fail() ? MAP_FAILED : __real_mmap64(addr, len, prot, flags, fd, off);
}

int __wrap_mprotect(void *addr, size_t len, int prot)
{
	errno = EACCES;
	return must_fail() ? -1 : __real_mprotect(addr, len, prot);
}

static uint64_t helper_one(uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4, uint64_t r5, struct skep_env *env)
{
	return 1;
}

static uint64_t helper_two(uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4, uint64_t r5, struct skep_env *env)
{
	return 2;
}

/* The protection of the mapping that @addr lies in, as /proc shows it ("r-xp"); "" when there is none. */
static void protection_of(const void *addr, char prot[5])
{
	FILE *maps = fopen("/proc/self/maps", "r");
	uint64_t from, to;
	char line[512], p[5];

	assert_non_null(maps);
	prot[0] = 0;
	while (fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s", &from, &to, p) != 3)
			continue;
		/* Of all mappings, none may ever be both. */
		assert_false(p[1] == 'w' && p[2] == 'x');
		if ((uintptr_t)addr >= from && (uintptr_t)addr < to)
			memcpy(prot, p, 5);
	}
	fclose(maps);
}

static void code_is_never_writable_and_executable_and_goes_away(void **state)
{
	struct builder b = {0};
	struct both p = {0};
	struct jit_text text;
	char prot[5];

	build(&b, INSN_MOV64_K, 0, 0, 0, 9);
	build(&b, INSN_EXIT, 0, 0, 0, 0);
	assert_int_equal(both_make(&p, &b), 0);
	assert_int_equal(jit_link(p.objs[ENGINE_JIT_PLAIN], &p.code, &text), 0);
	protection_of(text.text, prot);
	assert_string_equal(prot, "r-xp");
	assert_true(text.size >= p.objs[ENGINE_JIT_PLAIN]->size);
	const uint8_t *was = text.text;
	jit_unlink(&text);
	assert_null(text.text);
	assert_null(text.entry);
	protection_of(was, prot);
	assert_string_not_equal(prot, "r-xp");
	jit_unlink(&text); /* again is fine */
	both_free(&p);
	build_free(&b);
}

/* An object holds no address: linked twice, against other helpers and refs, it calls those. */
static void one_object_links_against_different_code(void **state)
{
	const skep_fn one[] = {NULL, helper_one}, two[] = {NULL, helper_two};
	const struct code_ref ref_a = {.kind = REF_MAP, .addr = 0x1000}, ref_b = {.kind = REF_MAP, .addr = 0x2000};
	struct builder b = {0};
	struct jit_text text_a, text_b, text_c;
	struct jit_object *obj;
	struct skep_env env = {0};

	build(&b, INSN_CALL_HELPER, 0, 0, 0, 1);
	build_wide(&b, INSN_LD_MAP_FD, 1, 0);
	build(&b, INSN_ADD64_X, 0, 1, 0, 0);
	build(&b, INSN_EXIT, 0, 0, 0, 0);
	struct skep_code code = {b.insns, b.n, &ref_a, 1, one, 2, b.subprogs, 1, NULL};
	assert_int_equal(jit_compile(&code, &obj), 0);
	assert_int_equal(jit_link(obj, &code, &text_a), 0);
	code.helpers = two;
	code.refs = &ref_b;
	assert_int_equal(jit_link(obj, &code, &text_b), 0);
	code.n_helpers = 1;
	assert_int_equal(jit_link(obj, &code, &text_c), 0);
	code.n_refs = 0;
	struct jit_text none;
	assert_int_equal(jit_link(obj, &code, &none), -EINVAL);
	assert_int_equal(jit_run(text_a.entry, NULL, &env), 0x1001);
	assert_int_equal(jit_run(text_b.entry, NULL, &env), 0x2002);
	assert_int_equal(env.fault, FAULT_NONE);
	assert_int_equal(jit_run(text_c.entry, NULL, &env), 0);
	assert_int_equal(env.fault, FAULT_NO_HELPER);
	jit_unlink(&text_a);
	jit_unlink(&text_b);
	jit_unlink(&text_c);
	jit_object_free(obj);
	build_free(&b);
}

static void instruction_offsets_ascend_and_lie_within_the_code(void **state)
{
	struct builder b = {0};
	struct both p = {0};

	build(&b, INSN_MOV64_X, 0, 1, 0, 0);
	build(&b, INSN_ADD64_K, 0, 0, 0, 5); /* fused with the one before */
	build_wide(&b, INSN_LDIMM64, 2, 0x123456789);
	build(&b, INSN_JEQ64_X, 0, 2, 1, 0);
	build(&b, INSN_ADD64_X, 0, 2, 0, 0);
	build(&b, INSN_EXIT, 0, 0, 0, 0);
	assert_int_equal(both_make(&p, &b), 0);
	for (int e = ENGINE_JIT_PLAIN; e < ENGINES; e++) {
		const struct jit_object *obj = p.objs[e];

		assert_int_equal(obj->n_insns, b.n);
		for (uint32_t i = 0; i < obj->n_insns; i++)
			assert_true(obj->insn_offset[i] <= obj->insn_offset[i + 1]);
		assert_true(obj->insn_offset[obj->n_insns] <= obj->size);
		/* A jump's target starts where a jump can land: at the exit's own code. */
		assert_int_equal(obj->bytes[obj->insn_offset[6]], 0xc3);
	}
	both_free(&p);
	build_free(&b);
}

static int compile(struct bpf_insn *insns, uint32_t n, const uint32_t *subprogs, uint32_t n_subprogs)
{
	const struct skep_code code = {.insns = insns, .n_insns = n, .subprogs = subprogs, .n_subprogs = n_subprogs};
	struct jit_object *obj = NULL;
	int err = jit_compile(&code, &obj);

	if (err)
		assert_null(obj);
	jit_object_free(obj);
	return err;
}

static void code_that_cannot_be_compiled_is_refused(void **state)
{
	const struct bpf_insn exit_ = {.code = BPF_JMP | BPF_EXIT};
	const struct bpf_insn nop = {.code = BPF_JMP | BPF_JA};
	const struct bpf_insn wide = {.code = BPF_LD | BPF_IMM | BPF_DW};
	const uint32_t zero[] = {0}, one[] = {1}, two[] = {0, 1}, same[] = {0, 0}, far[] = {0, 7};
	struct bpf_insn in[4];

#define REFUSED(subprogs, ...)                                                                                         \
	do {                                                                                                           \
		const struct bpf_insn list[] = {__VA_ARGS__};                                                          \
		memcpy(in, list, sizeof(list));                                                                        \
		assert_int_equal(compile(in, ARRAY_SIZE(list), subprogs, ARRAY_SIZE(subprogs)), -EINVAL);              \
	} while (0)

	in[0] = exit_;
	assert_int_equal(compile(in, 1, zero, 1), 0);
	assert_int_equal(compile(in, 0, zero, 1), -EINVAL);
	assert_int_equal(compile(in, 1, zero, 0), -EINVAL);
	REFUSED(one, exit_, exit_);
	REFUSED(same, exit_, exit_);
	REFUSED(far, exit_, exit_);
	REFUSED(zero, {.code = 0xff});
	REFUSED(zero, {.code = 0xff}, exit_);
	REFUSED(zero, nop, {.code = BPF_ALU64 | BPF_ADD | BPF_K}); /* runs off its end */
	REFUSED(two, {.code = BPF_ALU64 | BPF_ADD | BPF_K}, exit_); /* runs into the next function */
	REFUSED(zero, {.code = BPF_JMP | BPF_JA, .off = 1}, exit_);
	REFUSED(zero, {.code = BPF_JMP | BPF_JA, .off = -2}, exit_);
	REFUSED(two, {.code = BPF_JMP | BPF_JA, .off = 0}, exit_); /* into another function */
	REFUSED(zero, {.code = BPF_JMP | BPF_JA, .off = 1}, wide, {0}, exit_); /* into the middle of a wide one */
	REFUSED(zero, exit_, wide);
	REFUSED(zero, {.code = BPF_JMP | BPF_CALL, .src_reg = 1, .imm = 0}, exit_); /* no function starts there */
	REFUSED(zero, {.code = BPF_JMP | BPF_CALL, .src_reg = 1, .imm = -1}, exit_); /* main calls itself */
	REFUSED(zero, {.code = BPF_LD | BPF_IMM | BPF_DW, .src_reg = 4, .imm = 1}, {0}, exit_);
	REFUSED(zero, {.code = BPF_LD | BPF_IMM | BPF_DW, .src_reg = 1}, {0}, exit_); /* no such ref */
	REFUSED(zero, {.code = BPF_LD | BPF_IMM | BPF_DW, .src_reg = 5}, {0}, exit_); /* an unresolved form */
	REFUSED(zero, {.code = BPF_JMP | BPF_CALL, .src_reg = 2}, exit_);
#undef REFUSED
}

/* Every allocation of a compilation fails once. What leaks, the address sanitizer tells. */
static void running_out_of_memory_anywhere_is_enomem(void **state)
{
	const skep_fn helpers[] = {NULL, helper_one};
	const struct code_ref ref = {.kind = REF_MAP};
	struct builder b = {0};
	struct jit_object *obj;
	uint32_t entries = 0; /* of tables of jumps */
	int failures = 0, err;

	/* Long enough for every array to grow more than once. */
	for (int i = 0; i < 2000; i++) {
		uint32_t jump = build(&b, INSN_JEQ64_K, 1, 0, 0, i);

		build_wide(&b, INSN_LD_MAP_FD, 1, 0);
		build(&b, INSN_CALL_HELPER, 0, 0, 0, i);
		build_land(&b, jump);
	}
	/* A switch, whose table is an array of its own; a loop in strips, one that is turned: both have places. */
	for (int i = 0; i < 40; i++)
		build(&b, INSN_JEQ64_K, 6, 0, 2 * i + (39 - i), i);
	for (int i = 0; i < 40; i++) {
		build(&b, INSN_MOV64_K, 0, 0, 0, i);
		build(&b, INSN_EXIT, 0, 0, 0, 0);
	}
	for (int i = 0; i < 100; i++) {
		build(&b, INSN_LDXB, 4, 2, 0, 0);
		build(&b, INSN_ADD64_X, 0, 4, 0, 0);
		build(&b, INSN_ADD64_K, 2, 0, 0, 1);
		build(&b, INSN_JNE64_X, 2, 3, -4, 0);
		build(&b, INSN_JSET64_K, 2, 0, 1, 1);
		build(&b, INSN_MUL64_K, 0, 0, 0, 3);
		build(&b, INSN_ADD64_K, 2, 0, 0, 1);
		build(&b, INSN_JNE64_X, 2, 3, -4, 0);
	}
	build(&b, INSN_EXIT, 0, 0, 0, 0);
	const struct skep_code code = {b.insns, b.n, &ref, 1, helpers, 2, b.subprogs, 1, NULL};
	for (;; failures++) {
		obj = NULL;
		fail_in = failures;
		err = jit_compile(&code, &obj);
		if (!err)
			break;
		assert_int_equal(err, -ENOMEM);
		assert_null(obj);
	}
	fail_in = -1;
	assert_true(failures > 15);
	for (uint32_t i = 0; i < obj->n_relocs; i++)
		entries += obj->relocs[i].kind == RELOC_TEXT;
	assert_true(entries >= 40);
	jit_object_free(obj);
	build_free(&b);
}

static void linking_reports_what_the_system_refuses(void **state)
{
	struct builder b = {0};
	struct both p = {0};
	struct jit_text text = {0};

	build(&b, INSN_EXIT, 0, 0, 0, 0);
	assert_int_equal(both_make(&p, &b), 0);
	fail_in = 0;
	assert_int_equal(jit_link(p.objs[ENGINE_JIT_PLAIN], &p.code, &text), -ENOMEM);
	fail_in = 1;
	assert_int_equal(jit_link(p.objs[ENGINE_JIT_PLAIN], &p.code, &text), -EPERM);
	fail_in = -1;
	assert_null(text.text);
	both_free(&p);
	build_free(&b);
}

/* Random slots, most of them valid opcodes: whatever they are, the compiler survives, and so does what it made. */
static void any_bytes_compile_or_are_refused(void **state)
{
	uint64_t rng = 1, compiled = 0;

	for (int round = 0; round < 200000; round++) {
		struct bpf_insn in[6];
		const uint32_t subprogs[] = {0, 3};

		for (size_t i = 0; i < ARRAY_SIZE(in); i++) {
			rng = rng * 6364136223846793005 + 1442695040888963407;
			const struct insn_desc *d = &insn_descs[(rng >> 33) % INSN_OP_COUNT];
			in[i] = (struct bpf_insn){
				.code = d->code,
				.dst_reg = d->dst == FORM_ZERO ? 0 : rng >> 40 & 15,
				.src_reg = d->src & FORM_EQ ? d->src & 15
					   : d->src         ? rng >> 44 & 15
							    : 0,
				.off = d->off & FORM_EQ ? (int16_t)d->off
				       : d->off         ? (int16_t)((int)(rng >> 48 & 7) - 3)
							: 0,
				.imm = d->imm & FORM_EQ ? (int32_t)(d->imm & 0xffff)
				       : d->imm         ? (int32_t)((int)(rng >> 52 & 7) - 3)
							: 0,
			};
		}
		in[2] = (struct bpf_insn){.code = BPF_JMP | BPF_EXIT};
		in[5] = in[2];
		compiled += compile(in, ARRAY_SIZE(in), subprogs, 1 + round % 2) == 0;
	}
	assert_true(compiled > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(code_is_never_writable_and_executable_and_goes_away),
		cmocka_unit_test(one_object_links_against_different_code),
		cmocka_unit_test(instruction_offsets_ascend_and_lie_within_the_code),
		cmocka_unit_test(code_that_cannot_be_compiled_is_refused),
		cmocka_unit_test(running_out_of_memory_anywhere_is_enomem),
		cmocka_unit_test(linking_reports_what_the_system_refuses),
		cmocka_unit_test(any_bytes_compile_or_are_refused),
	};

	return cmocka_run_group_tests_name("jit: link", tests, NULL, NULL);
}
