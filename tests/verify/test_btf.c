/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BTF in the verifier, where no kernel that we can ask answers: the index of names, members of made-up structs, and programs attached to
 * functions, LSM hooks and other programs. What a kernel answers is asked in kernel_btf.c and kernel_args.c.
 */
#include "base/util.h"
#include "btf/types.h"
#include "verify/internal.h"
#include "verify/verify.h"
#include "insn.h"

#include <bpf/btf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A kernel of our own. */
static struct btf *kernel;
static struct kernel_types *types;

#define LOAD(dst, src, off_) insn(BPF_LDX | BPF_MEM | BPF_DW, dst, src, off_, 0)
#define STORE_IMM(dst, off_) insn(BPF_ST | BPF_MEM | BPF_DW, dst, 0, off_, 0)

enum { INT = 1, LONG, CHAR };

static int function(struct btf *b, const char *name, int ret, int n, const int *args, int linkage)
{
	static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g"};
	int proto = btf__add_func_proto(b, ret);

	for (int i = 0; i < n; i++)
		btf__add_func_param(b, names[i], args[i]);
	return btf__add_func(b, name, (enum btf_func_linkage)linkage, proto);
}

static int make_kernel(void **state)
{
	struct btf *b = btf__new_empty();
	int inner, outer, uni, arr, flex, flexible, file, ptr_file, big, args[2];

	assert_int_equal(btf__add_int(b, "int", 4, BTF_INT_SIGNED), INT);
	btf__add_int(b, "long", 8, BTF_INT_SIGNED);
	btf__add_int(b, "char", 1, BTF_INT_CHAR);
	/* 4: */
	inner = btf__add_struct(b, "inner", 16);
	btf__add_field(b, "x", INT, 0, 0);
	btf__add_field(b, "to", btf__type_cnt(b) + 2, 64, 0); /* inner * */
	uni = btf__add_union(b, "uni", 8);
	btf__add_field(b, "number", LONG, 0, 0);
	btf__add_field(b, "ptr", uni + 2, 0, 0);
	arr = btf__add_array(b, INT, LONG, 3);
	assert_int_equal(btf__add_ptr(b, inner), uni + 2);
	outer = btf__add_struct(b, "outer", 80);
	btf__add_field(b, "first", inner, 0, 0);
	btf__add_field(b, "bits", INT, 128, 3);
	btf__add_field(b, "more_bits", INT, 131, 5);
	btf__add_field(b, "u", uni, 192, 0);
	btf__add_field(b, "numbers", arr, 256, 0);
	btf__add_field(b, "last", inner, 512, 0);
	flex = btf__add_array(b, INT, inner, 0);
	flexible = btf__add_struct(b, "flexible", 8);
	btf__add_field(b, "n", LONG, 0, 0);
	btf__add_field(b, "tail", flex, 64, 0);
	(void)flexible;
	(void)outer;
	file = btf__add_struct(b, "file", 8);
	btf__add_field(b, "flags", LONG, 0, 0);
	ptr_file = btf__add_ptr(b, file);
	big = btf__add_struct(b, "big", 24);
	btf__add_field(b, "x", LONG, 0, 0);
	args[0] = ptr_file;
	args[1] = INT;
	function(b, "vfs_open", INT, 2, args, 0);
	function(b, "returns_nothing", 0, 2, args, 0);
	function(b, "bpf_lsm_file_open", INT, 1, args, 0);
	function(b, "bpf_lsm_task_free", 0, 1, args, 0);
	function(b, "bpf_lsm_file_free_security", 0, 1, args, 0);
	function(b, "bpf_lsm_inode_xattr_skipcap", INT, 1, args, 0);
	function(b, "bpf_lsm_getprocattr", INT, 1, args, 0);
	function(b, "bpf_lsm_verify_prog", INT, 1, args, 0);
	function(b, "bpf_lsm_cred_free", 0, 1, args, 0);
	function(b, "security_file_open", INT, 1, args, 0);
	function(b, "bpf_fentry_test1", INT, 1, args + 1, 0);
	function(b, "migrate_disable", 0, 0, args, 0);
	function(b, "do_exit", 0, 1, args, 0);
	function(b, "returns_file", ptr_file, 1, args, 0);
	args[0] = big;
	function(b, "takes_big", INT, 1, args, 0);
	function(b, "returns_big", big, 1, args + 1, 0);
	args[0] = 0;
	function(b, "variadic", INT, 1, args, 0);
	kernel = b;
	types = kernel_types_new(b);
	*state = NULL;
	return !types;
}

static int free_kernel(void **state)
{
	(void)state;
	kernel_types_free(types);
	btf__free(kernel);
	return 0;
}

/* The index */

static void first_of_a_name_and_kind_is_found(void **state)
{
	struct btf *b = btf__new_empty();
	struct kernel_types *t;
	char name[16];
	int first;

	(void)state;
	btf__add_int(b, "int", 4, 0);
	first = btf__add_struct(b, "twice", 4);
	btf__add_struct(b, "twice", 8);
	btf__add_typedef(b, "twice", 1);
	btf__add_struct(b, NULL, 4);
	for (int i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		btf__add_fwd(b, name, i % 2 ? BTF_FWD_STRUCT : BTF_FWD_UNION);
	}
	t = kernel_types_new(b);
	assert_non_null(t);
	assert_int_equal(kernel_types_find(t, "twice", BTF_KIND_STRUCT), first);
	assert_int_equal(kernel_types_find(t, "twice", BTF_KIND_TYPEDEF), first + 2);
	assert_int_equal(kernel_types_find(t, "twice", BTF_KIND_UNION), 0);
	assert_int_equal(kernel_types_find(t, "", BTF_KIND_STRUCT), 0);
	assert_int_equal(kernel_types_find(t, "int", BTF_KIND_INT), 1);
	for (int i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		assert_int_equal(kernel_types_find(t, name, BTF_KIND_FWD), first + 4 + i);
	}
	assert_int_equal(kernel_types_find(t, "s5000", BTF_KIND_FWD), 0);
	assert_int_equal(kernel_types_find(NULL, "int", BTF_KIND_INT), 0);
	kernel_types_free(t);
	kernel_types_free(NULL);
	btf__free(b);
}

/* Members */

static uint32_t id_of(const char *name)
{
	uint32_t id = kernel_types_find(types, name, BTF_KIND_STRUCT);

	return id ? id : kernel_types_find(types, name, BTF_KIND_FUNC);
}

static int walk_to(const char *type, uint32_t flags, int32_t off, uint32_t size, uint32_t *id, uint32_t *gives)
{
	const struct btf *btfs[] = {kernel};
	struct verify_input in = {.btfs = btfs, .n_btfs = 1, .types = types};
	struct verify_result out = {0};
	struct verifier v = {.in = &in, .out = &out};
	struct reg r = {.type = REG_BTF | flags, .btf = kernel, .btf_id = id_of(type)};
	const char *field = NULL;

	return btf_walk(&v, &r, off, size, id, gives, &field);
}

static void members_are_found_through_structs_unions_and_arrays(void **state)
{
	static const struct {
		const char *type;
		uint32_t flags;
		int32_t off;
		uint32_t size;
		int want;
		uint32_t gives;
	} cases[] = {
		{"outer", 0, 0, 4, WALK_SCALAR, 0},
		{"outer", 0, 1, 2, WALK_SCALAR, 0}, /* bytes of a number */
		{"outer", 0, 2, 4, -EACCES, 0}, /* beyond its end */
		{"outer", 0, 4, 4, -EINVAL, 0}, /* a hole */
		{"outer", 0, 8, 8, WALK_PTR, 0},
		{"outer", 0, 8, 4, -EACCES, 0}, /* pointers are read whole */
		{"outer", 0, 16, 1, WALK_SCALAR, 0}, /* both bit fields */
		{"outer", 0, 17, 1, -EINVAL, 0},
		{"outer", 0, 24, 8, WALK_SCALAR, 0}, /* the union's first member that has the bytes */
		{"outer", 0, 32, 8, WALK_SCALAR, 0},
		{"outer", 0, 52, 4, WALK_SCALAR, 0}, /* the last number of three */
		{"outer", 0, 36, 8, WALK_SCALAR, 0}, /* arrays of numbers are bytes */
		{"outer", 0, 52, 8, -EACCES, 0},
		{"outer", 0, 56, 4, -EINVAL, 0},
		{"outer", 0, 64, 4, WALK_SCALAR, 0},
		{"outer", 0, 72, 8, WALK_PTR, 0},
		{"outer", 0, 76, 8, -EACCES, 0}, /* beyond the struct */
		{"outer", MEM_ALLOC, 72, 8, WALK_SCALAR, 0}, /* a program's own pointers are numbers */
		{"flexible", 0, 8 + 16 * 5, 4, WALK_SCALAR, 0},
		{"flexible", 0, 8 + 16 * 5 + 8, 8, WALK_PTR, 0},
		{"flexible", 0, 8 + 16 * 5 + 4, 4, -EINVAL, 0},
		{"flexible", MEM_ALLOC, 8 + 16 * 5, 4, -EACCES, 0}, /* nothing was allocated there */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint32_t id = 0, gives = 0;
		int got = walk_to(cases[i].type, cases[i].flags, cases[i].off, cases[i].size, &id, &gives);

		if (got != cases[i].want)
			fail_msg("%s%+d size %u: %d, not %d", cases[i].type, cases[i].off, cases[i].size, got,
				 cases[i].want);
		if (got == WALK_PTR)
			assert_int_equal(id, id_of("inner"));
		assert_int_equal(gives, cases[i].gives);
	}
}

static void a_struct_begins_with_its_first_member(void **state)
{
	const struct btf *btfs[] = {kernel};
	struct verify_input in = {.btfs = btfs, .n_btfs = 1, .types = types};
	struct verify_result out = {0};
	struct verifier v = {.in = &in, .out = &out};
	uint32_t outer = id_of("outer"), inner = id_of("inner");

	(void)state;
	assert_true(btf_is_same_type(&v, kernel, outer, 0, kernel, outer, true));
	assert_true(btf_is_same_type(&v, kernel, outer, 0, kernel, inner, false));
	assert_false(btf_is_same_type(&v, kernel, outer, 0, kernel, inner, true));
	assert_true(btf_is_same_type(&v, kernel, outer, 64, kernel, inner, false));
	assert_false(btf_is_same_type(&v, kernel, outer, 68, kernel, inner, false));
	assert_false(btf_is_same_type(&v, kernel, outer, 8, kernel, inner, false));
	assert_false(btf_is_same_type(&v, kernel, inner, 0, kernel, outer, false));
	assert_false(btf_is_same_type(&v, kernel, outer, -8, kernel, inner, false));
	/* It asks; it refuses nothing. */
	assert_int_equal(out.problem, PROBLEM_NONE);
}

/* Programs */

static int judge_at(uint32_t type, uint32_t attach, uint32_t btf_id, uint32_t flags, const struct bpf_insn *insns,
		    uint32_t n)
{
	static const uint32_t subprogs[] = {0};
	const struct btf *btfs[] = {kernel};
	struct verify_input in = {.insns = insns,
				  .n_insns = n,
				  .subprogs = subprogs,
				  .n_subprogs = 1,
				  .btfs = btfs,
				  .n_btfs = 1,
				  .types = types,
				  .prog_type = type,
				  .attach_type = attach,
				  .flags = flags & ~1u,
				  .caps = VERIFY_CAP_ALL,
				  .gpl = !(flags & 1),
				  .attach = {.btf = kernel, .btf_id = btf_id}};
	struct verify_result result;
	int err = verify(&in, &result);

	if (err)
		print_message("    %d: %s\n", err, result.message);
	verify_result_free(&result);
	return err;
}

#define JUDGE(type, attach, function, flags, ...)                                                                      \
	({                                                                                                             \
		const struct bpf_insn prog_[] = {__VA_ARGS__};                                                         \
		judge_at(BPF_PROG_TYPE_##type, BPF_##attach, id_of(function), flags, prog_, ARRAY_SIZE(prog_));        \
	})
#define NOTHING MOV_IMM(0, 0), EXIT
enum { NOT_GPL = 1 };

static void functions_that_tracing_programs_attach_to(void **state)
{
	(void)state;
	assert_int_equal(JUDGE(TRACING, TRACE_FENTRY, "vfs_open", 0, NOTHING), 0);
	assert_int_equal(JUDGE(TRACING, TRACE_FENTRY, "vfs_open", NOT_GPL, NOTHING), 0);
	assert_int_equal(JUDGE(TRACING, TRACE_FENTRY, "file", 0, NOTHING), -EINVAL); /* a struct */
	assert_int_equal(JUDGE(TRACING, TRACE_FENTRY, "no_such", 0, NOTHING), -EINVAL);
	assert_int_equal(JUDGE(TRACING, TRACE_FENTRY, "takes_big", 0, NOTHING), -EINVAL);
	assert_int_equal(JUDGE(TRACING, TRACE_FENTRY, "returns_big", 0, NOTHING), -EINVAL);
	assert_int_equal(JUDGE(TRACING, TRACE_FENTRY, "variadic", 0, NOTHING), -EINVAL);
	assert_int_equal(JUDGE(TRACING, TRACE_FENTRY, "migrate_disable", 0, NOTHING), -EINVAL);
	assert_int_equal(JUDGE(TRACING, TRACE_FENTRY, "do_exit", 0, NOTHING), 0);
	assert_int_equal(JUDGE(TRACING, TRACE_FEXIT, "do_exit", 0, NOTHING), -EINVAL);
	assert_int_equal(JUDGE(TRACING, TRACE_ITER, "vfs_open", 0, NOTHING), -EINVAL);
	assert_int_equal(JUDGE(TRACING, TRACE_RAW_TP, "vfs_open", 0, NOTHING), -EINVAL);
	/* To change a result, only what takes errors; to sleep, only what may. */
	assert_int_equal(JUDGE(TRACING, MODIFY_RETURN, "vfs_open", 0, NOTHING), -EINVAL);
	assert_int_equal(JUDGE(TRACING, MODIFY_RETURN, "security_file_open", 0, NOTHING), 0);
	assert_int_equal(JUDGE(TRACING, MODIFY_RETURN, "bpf_fentry_test1", 0, NOTHING), 0);
	assert_int_equal(JUDGE(TRACING, TRACE_FENTRY, "vfs_open", BPF_F_SLEEPABLE, NOTHING), -EINVAL);
	assert_int_equal(JUDGE(TRACING, TRACE_FENTRY, "bpf_fentry_test1", BPF_F_SLEEPABLE, NOTHING), 0);
	assert_int_equal(JUDGE(EXT, CGROUP_INET_INGRESS, "vfs_open", 0, NOTHING), -EINVAL);
	assert_int_equal(JUDGE(XDP, CGROUP_INET_INGRESS, "vfs_open", BPF_F_SLEEPABLE, NOTHING), -EINVAL);
}

static void what_functions_give_and_take(void **state)
{
	(void)state;
	/* fentry: two arguments; a pointer that is old-fashioned, neither trusted nor NULL. */
	assert_int_equal(JUDGE(TRACING, TRACE_FENTRY, "vfs_open", 0, LOAD(2, 1, 0), LOAD(3, 2, 0), NOTHING), 0);
	assert_int_equal(JUDGE(TRACING, TRACE_FENTRY, "vfs_open", NOT_GPL, LOAD(2, 1, 0), LOAD(3, 2, 0), NOTHING),
			 -EINVAL);
	assert_int_equal(JUDGE(TRACING, TRACE_FENTRY, "vfs_open", 0, LOAD(2, 1, 8), LOAD(3, 2, 0), NOTHING), -EACCES);
	assert_int_equal(JUDGE(TRACING, TRACE_FENTRY, "vfs_open", 0, LOAD(2, 1, 16), NOTHING), -EACCES);
	assert_int_equal(JUDGE(TRACING, TRACE_FENTRY, "vfs_open", 0, STORE_IMM(1, 0), NOTHING), -EACCES);
	assert_int_equal(JUDGE(TRACING, TRACE_FENTRY, "vfs_open", 0, MOV_IMM(0, 1), EXIT), -EINVAL);
	/* fexit: the result behind them, if there is one. */
	assert_int_equal(JUDGE(TRACING, TRACE_FEXIT, "vfs_open", 0, LOAD(2, 1, 16), NOTHING), 0);
	assert_int_equal(JUDGE(TRACING, TRACE_FEXIT, "vfs_open", 0, LOAD(2, 1, 24), NOTHING), -EACCES);
	assert_int_equal(JUDGE(TRACING, TRACE_FEXIT, "returns_nothing", 0, LOAD(2, 1, 16), NOTHING), -EACCES);
	assert_int_equal(JUDGE(TRACING, TRACE_FEXIT, "returns_file", 0, LOAD(2, 1, 8), LOAD(3, 2, 0), NOTHING), 0);
	assert_int_equal(
		JUDGE(TRACING, TRACE_FEXIT, "returns_file", 0, insn(BPF_LDX | BPF_MEM | BPF_W, 2, 1, 8, 0), NOTHING),
		-EACCES);
	assert_int_equal(JUDGE(TRACING, MODIFY_RETURN, "security_file_open", 0, LOAD(2, 1, 8), MOV_IMM(0, -7), EXIT),
			 0);
}

static void lsm_hooks_and_what_they_return(void **state)
{
	(void)state;
	assert_int_equal(JUDGE(LSM, LSM_MAC, "bpf_lsm_file_open", 0, NOTHING), 0);
	assert_int_equal(JUDGE(LSM, LSM_MAC, "bpf_lsm_file_open", NOT_GPL, NOTHING), -EINVAL);
	assert_int_equal(JUDGE(LSM, LSM_MAC, "vfs_open", 0, NOTHING), -EINVAL);
	assert_int_equal(JUDGE(LSM, LSM_MAC, "bpf_lsm_verify_prog", 0, NOTHING), -EINVAL);
	assert_int_equal(JUDGE(LSM, LSM_MAC, "bpf_lsm_getprocattr", 0, NOTHING), -EINVAL);
	assert_int_equal(JUDGE(LSM, LSM_MAC, "bpf_lsm_file_open", BPF_F_SLEEPABLE, NOTHING), 0);
	assert_int_equal(JUDGE(LSM, LSM_MAC, "bpf_lsm_task_free", BPF_F_SLEEPABLE, NOTHING), -EINVAL);
	assert_int_equal(JUDGE(LSM, LSM_CGROUP, "bpf_lsm_file_open", BPF_F_SLEEPABLE, NOTHING), -EINVAL);
	/* An errno or success. */
	assert_int_equal(JUDGE(LSM, LSM_MAC, "bpf_lsm_file_open", 0, MOV_IMM(0, -4095), EXIT), 0);
	assert_int_equal(JUDGE(LSM, LSM_MAC, "bpf_lsm_file_open", 0, MOV_IMM(0, -4096), EXIT), -EINVAL);
	assert_int_equal(JUDGE(LSM, LSM_MAC, "bpf_lsm_file_open", 0, MOV_IMM(0, 1), EXIT), -EINVAL);
	assert_int_equal(JUDGE(LSM, LSM_MAC, "bpf_lsm_inode_xattr_skipcap", 0, MOV_IMM(0, 1), EXIT), 0);
	assert_int_equal(JUDGE(LSM, LSM_MAC, "bpf_lsm_inode_xattr_skipcap", 0, MOV_IMM(0, -1), EXIT), -EINVAL);
	/* What earlier programs returned is of that range. */
	assert_int_equal(JUDGE(LSM, LSM_MAC, "bpf_lsm_file_open", 0, LOAD(0, 1, 8), EXIT), 0);
	/* Nothing expected: not even a value. */
	assert_int_equal(JUDGE(LSM, LSM_MAC, "bpf_lsm_task_free", 0, EXIT), 0);
	assert_int_equal(JUDGE(LSM, LSM_MAC, "bpf_lsm_file_open", 0, EXIT), -EACCES);
	/* A cgroup's program allows or not, and what cannot be forbidden it allows. */
	assert_int_equal(JUDGE(LSM, LSM_CGROUP, "bpf_lsm_file_open", 0, MOV_IMM(0, 1), EXIT), 0);
	assert_int_equal(JUDGE(LSM, LSM_CGROUP, "bpf_lsm_file_open", 0, MOV_IMM(0, 2), EXIT), -EINVAL);
	assert_int_equal(JUDGE(LSM, LSM_CGROUP, "bpf_lsm_cred_free", 0, MOV_IMM(0, 1), EXIT), 0);
	assert_int_equal(JUDGE(LSM, LSM_CGROUP, "bpf_lsm_cred_free", 0, NOTHING), -EINVAL);
	/* Arguments. */
	assert_int_equal(JUDGE(LSM, LSM_MAC, "bpf_lsm_file_open", 0, LOAD(2, 1, 0), LOAD(3, 2, 0), NOTHING), 0);
	assert_int_equal(JUDGE(LSM, LSM_MAC, "bpf_lsm_file_open", 0, STORE_IMM(1, 0), NOTHING), -EACCES);
	assert_int_equal(JUDGE(LSM, LSM_MAC, "bpf_lsm_file_open", 0, LOAD(2, 1, 16), NOTHING), -EACCES);
}

/* An XDP program with a global and a static function, and what is attached to them. */
static int attached(uint32_t type, uint32_t attach, const char *to, const char *as, const struct bpf_insn *insns,
		    uint32_t n)
{
	const struct bpf_insn body[] = {NOTHING, NOTHING, NOTHING};
	static const uint32_t subprogs[] = {0, 2, 4};
	struct btf *b = btf__new_empty(), *own = btf__new_empty();
	int xdp, ptr, main_id, global, fixed, other;
	const struct btf *btfs[] = {kernel};
	struct bpf_func_info infos[3], own_info = {0};
	struct verify_result result;
	int err;

	for (int i = 0; i < 2; i++) {
		struct btf *to_make = i ? own : b;

		btf__add_int(to_make, "int", 4, BTF_INT_SIGNED);
		btf__add_int(to_make, "long", 8, BTF_INT_SIGNED);
		xdp = btf__add_struct(to_make, "xdp_md", 24);
		ptr = btf__add_ptr(to_make, xdp);
		main_id = function(to_make, "main", INT, 1, &ptr, BTF_FUNC_GLOBAL);
		global = function(to_make, "global", INT, 1, (int[]){LONG}, BTF_FUNC_GLOBAL);
		fixed = function(to_make, "fixed", INT, 1, (int[]){LONG}, BTF_FUNC_STATIC);
		other = function(to_make, "other", INT, 2, (int[]){LONG, LONG}, BTF_FUNC_GLOBAL);
	}
	infos[0] = (struct bpf_func_info){0, (uint32_t)main_id};
	infos[1] = (struct bpf_func_info){2, (uint32_t)global};
	infos[2] = (struct bpf_func_info){4, (uint32_t)fixed};
	own_info.type_id = (uint32_t)(!strcmp(as, "main")     ? main_id
				      : !strcmp(as, "global") ? global
				      : !strcmp(as, "fixed")  ? fixed
							      : other);
	{
		struct verify_input target = {.insns = body,
					      .n_insns = 6,
					      .subprogs = subprogs,
					      .n_subprogs = 3,
					      .prog_type = BPF_PROG_TYPE_XDP,
					      .btf = b,
					      .func_info = infos};
		struct verify_input in = {.insns = insns,
					  .n_insns = n,
					  .subprogs = subprogs,
					  .n_subprogs = 1,
					  .btfs = btfs,
					  .n_btfs = 1,
					  .types = types,
					  .prog_type = type,
					  .attach_type = attach,
					  .caps = VERIFY_CAP_ALL,
					  .gpl = true,
					  .btf = own,
					  .func_info = &own_info};

		in.attach.prog = &target;
		in.attach.btf = b;
		in.attach.btf_id = (uint32_t)(!strcmp(to, "main")     ? main_id
					      : !strcmp(to, "global") ? global
					      : !strcmp(to, "fixed")  ? fixed
								      : other);
		err = verify(&in, &result);
	}
	if (err)
		print_message("    %d: %s\n", err, result.message);
	verify_result_free(&result);
	btf__free(b);
	btf__free(own);
	return err;
}

#define ATTACHED(type, attach, to, as, ...)                                                                            \
	({                                                                                                             \
		const struct bpf_insn prog_[] = {__VA_ARGS__};                                                         \
		attached(BPF_PROG_TYPE_##type, attach, to, as, prog_, ARRAY_SIZE(prog_));                              \
	})

static void extensions_replace_global_functions_of_their_kind(void **state)
{
	(void)state;
	assert_int_equal(ATTACHED(EXT, 0, "global", "global", NOTHING), 0);
	assert_int_equal(ATTACHED(EXT, 0, "main", "main", NOTHING), 0);
	assert_int_equal(ATTACHED(EXT, 0, "global", "fixed", NOTHING), -EINVAL);
	assert_int_equal(ATTACHED(EXT, 0, "fixed", "global", NOTHING), -EINVAL);
	assert_int_equal(ATTACHED(EXT, 0, "global", "other", NOTHING), -EINVAL);
	assert_int_equal(ATTACHED(EXT, 0, "global", "main", NOTHING), -EINVAL);
	assert_int_equal(ATTACHED(EXT, 0, "other", "other", NOTHING), -EINVAL); /* not in the target */
	/* The context is the target's, a number a number. */
	assert_int_equal(ATTACHED(EXT, 0, "main", "main", insn(BPF_LDX | BPF_MEM | BPF_W, 2, 1, 0, 0), NOTHING), 0);
	assert_int_equal(ATTACHED(EXT, 0, "global", "global", LOAD(2, 1, 0), NOTHING), -EACCES);
}

static void functions_of_programs_are_traced(void **state)
{
	(void)state;
	assert_int_equal(ATTACHED(TRACING, BPF_TRACE_FENTRY, "global", "main", LOAD(2, 1, 0), NOTHING), 0);
	assert_int_equal(ATTACHED(TRACING, BPF_TRACE_FENTRY, "global", "main", LOAD(2, 1, 8), NOTHING), -EACCES);
	assert_int_equal(ATTACHED(TRACING, BPF_TRACE_FEXIT, "global", "main", LOAD(2, 1, 8), NOTHING), 0);
	assert_int_equal(ATTACHED(TRACING, BPF_MODIFY_RETURN, "global", "main", NOTHING), -EINVAL);
	assert_int_equal(ATTACHED(TRACING, BPF_TRACE_RAW_TP, "global", "main", NOTHING), -EINVAL);
	assert_int_equal(ATTACHED(TRACING, BPF_TRACE_FENTRY, "other", "main", NOTHING), -EINVAL);
	/* Nobody knows what a static function is called with. */
	assert_int_equal(ATTACHED(TRACING, BPF_TRACE_FENTRY, "fixed", "main", NOTHING), -EINVAL);
	assert_int_equal(ATTACHED(LSM, BPF_LSM_MAC, "global", "main", NOTHING), -EINVAL);
}

/* Tables */

static void tables_of_hooks(void **state)
{
	static const struct {
		const char *name;
		uint64_t args;
	} points[] = {
		{"afs_flock_ev", 0x10},
		{"kfree_skb", 0x1000},
		{"cachefiles_lookup", 0x201},
		{"xs_stream_read_data", 0x1},
		{"tcp_send_reset", 0x11},
		{"sched_switch", 0},
		{"zzz", 0},
		{"", 0},
		{"mr_integ_alloc", 0x2000},
		{"xprt_get_cong", 0x10},
		{"host1x_cdma_push_gather", 0x10000},
		{"xfs_map_blocks_found", 0x10000},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(points); i++)
		assert_int_equal(raw_tp_args(points[i].name), points[i].args);
	assert_non_null(iter_hook_find("bpf_iter_task"));
	assert_null(iter_hook_find("bpf_iter_num_next"));
	assert_null(iter_hook_find("task"));
	assert_non_null(struct_ops_find("tcp_congestion_ops"));
	assert_null(struct_ops_find("task_struct"));
	assert_true(function_sleeps("__x64_sys_read"));
	assert_false(function_sleeps("should_failslab"));
	assert_true(function_takes_error("should_failslab"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_of_a_name_and_kind_is_found),
		cmocka_unit_test(members_are_found_through_structs_unions_and_arrays),
		cmocka_unit_test(a_struct_begins_with_its_first_member),
		cmocka_unit_test(functions_that_tracing_programs_attach_to),
		cmocka_unit_test(what_functions_give_and_take),
		cmocka_unit_test(lsm_hooks_and_what_they_return),
		cmocka_unit_test(extensions_replace_global_functions_of_their_kind),
		cmocka_unit_test(functions_of_programs_are_traced),
		cmocka_unit_test(tables_of_hooks),
	};

	return cmocka_run_group_tests(tests, make_kernel, free_kernel);
}
