/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a program is attached to, where BTF describes it: tracepoints, functions, LSM hooks, iterators, members of struct_ops.
 *
 * Theory of operation
 *
 * check_attach() (attach.c) decides whether the program may be attached there and fills struct hook; check_btf_ctx() (btf_ctx.c) then answers what
 * each argument is: the prototype in BTF says its type, the tables of hook_args.c what BTF does not say, that is which pointers may be NULL, which
 * functions are hooks at all, and which of them may sleep. The tables are Linux 6.18's, as that kernel answers for what it has; for what it has not
 * (LSM, functions, drivers), Linux 6.12's.
 */
#ifndef SKEP_VERIFY_HOOK_H
#define SKEP_VERIFY_HOOK_H

#include <stdbool.h>
#include <stdint.h>

struct btf;
struct btf_type;

enum { HOOK_ARGS_MAX = 12 }; /* of a function that programs attach to */

/* Arguments of an iterator beside its metadata. */
enum iter_arg_kind {
	ITER_ARG_BTF = 1, /* a kernel object, NULL after the last */
	ITER_ARG_BTF_TRUSTED,
	ITER_ARG_BUF, /* a map's key or value, whose size shows at attach */
	ITER_ARG_BUF_RDONLY,
};
struct iter_hook {
	const char *name; /* of the function, less "bpf_iter_" */
	struct {
		uint8_t kind; /* enum iter_arg_kind, 0: none */
		uint8_t off; /* in the context */
		const char *type; /* struct of a kernel object */
	} args[2];
};

/* iter_hook_find - @function: "bpf_iter_task". Return: NULL when no such iterator is known. */
const struct iter_hook *iter_hook_find(const char *function);

/* A struct of functions that programs may implement. */
struct struct_ops {
	const char *name;
	const char *const *closed; /* members that may not be implemented, ends in NULL */
	const char *sleeps; /* the one member that may sleep; NULL: all */
	const char *promote, *promoted; /* arguments of the first type are of the second */
	const struct ops_field *fields; /* what programs may write of kernel objects, ends in {0} */
	bool no_helpers; /* programs may call none */
};
struct ops_field {
	const char *type; /* struct that the pointer is to */
	const char *in,
		*field; /* the member, "a.b" for one of a nested struct; NULL: the whole struct. in: the struct that has it */
	bool inside; /* the access may begin within the member; else it begins where the member does */
};
const struct struct_ops *struct_ops_find(const char *name);

/* raw_tp_args - four bits for each argument: 1: may be NULL, 2: may be an error number in disguise. @name: without "btf_trace_" */
enum { TP_ARG_NULL = 1, TP_ARG_ERROR = 2 };
uint64_t raw_tp_args(const char *name);

/* LSM hooks, by the name of the function: "bpf_lsm_file_open". */
bool lsm_is_hook(const char *function);
bool lsm_is_disabled(const char *function); /* no hook for programs */
bool lsm_is_trusted(const char *function); /* its arguments are valid objects */

/* Functions of the kernel, by name. */
bool function_is_denied(const char *name); /* no tracing program may be attached */
bool function_is_noreturn(const char *name); /* none that runs when it returns */
bool function_takes_error(const char *name); /* fmod_ret may replace its result */
bool function_sleeps(const char *name); /* sleepable programs may be attached */

struct hook {
	const struct btf *btf; /* of the prototype; NULL: not such a program */
	const struct btf_type *proto; /* NULL: five numbers */
	const char *name; /* of the tracepoint, function or member */
	bool tracepoint; /* the prototype's first parameter is not the program's */
	bool trusted; /* pointers are valid objects */
	bool in_program; /* a function of a BPF program */
	uint64_t tp_args;
	const struct iter_hook *iter;
	const struct struct_ops *ops;
	const struct btf_type *stub; /* struct_ops: the prototype that has the suffixes in its names */
	uint32_t refs[HOOK_ARGS_MAX]; /* struct_ops: the reference that an argument holds, 0: none */
};

#endif
