/* SPDX-License-Identifier: BSD-2-Clause */
/* The categories of refusal: names that stay (docs/json.md), and titles for people. */
#include "verify/report.h"

#include "base/util.h"

static const struct {
	const char *name, *title;
} problems[PROBLEM_COUNT] = {
	[PROBLEM_NONE] = {"none", "no problem"},
	[PROBLEM_SCALAR_ACCESS] = {"scalar_access", "memory access through a number"},
	[PROBLEM_PACKET_RANGE] = {"packet_range", "access outside the packet"},
	[PROBLEM_CTX_ACCESS] = {"ctx_access", "no such access to the context"},
	[PROBLEM_VAR_CTX] = {"modified_pointer", "access through a pointer that was moved"},
	[PROBLEM_MEM_RANGE] = {"memory_range", "access outside the allowed memory range"},
	[PROBLEM_UNBOUNDED] = {"unbounded", "size or offset without a bound"},
	[PROBLEM_NULL_ACCESS] = {"null_access", "access through a pointer that may be NULL"},
	[PROBLEM_NULL_ARG] = {"null_argument", "argument that may be NULL"},
	[PROBLEM_ARG_TYPE] = {"argument_type", "argument of the wrong type"},
	[PROBLEM_REF_LEAK] = {"reference_leak", "something was taken and not given back"},
	[PROBLEM_RETURN_RANGE] = {"return_range", "return value out of range"},
	[PROBLEM_STACK_WRITE] = {"stack_write", "invalid write to the stack"},
	[PROBLEM_STACK_READ] = {"stack_read", "invalid read from the stack"},
	[PROBLEM_STACK_DEPTH] = {"stack_depth", "too much stack, or too many calls"},
	[PROBLEM_UNINIT] = {"uninitialised", "use of a value that was never set"},
	[PROBLEM_PTR_ARITH] = {"pointer_arithmetic", "pointer arithmetic that is not allowed"},
	[PROBLEM_PTR_LEAK] = {"pointer_leak", "a kernel address would become visible"},
	[PROBLEM_DYNPTR] = {"dynptr", "dynptr used out of order"},
	[PROBLEM_ITER] = {"iterator", "iterator used out of order"},
	[PROBLEM_LOCK] = {"lock", "lock rule broken"},
	[PROBLEM_RCU] = {"rcu", "RCU rule broken"},
	[PROBLEM_DIV_ZERO] = {"division_by_zero", "division by zero"},
	[PROBLEM_MISALIGNED] = {"misaligned", "misaligned access"},
	[PROBLEM_READ_ONLY] = {"read_only", "write to read-only memory"},
	[PROBLEM_LOOP] = {"endless_loop", "a loop without an end in sight"},
	[PROBLEM_TOO_COMPLEX] = {"too_complex", "too many instructions to look at"},
	[PROBLEM_SHAPE] = {"malformed", "the program is not well formed"},
	[PROBLEM_HELPER] = {"call_not_allowed", "call that this program may not make"},
	[PROBLEM_MAP] = {"map_not_allowed", "map that this program or call cannot use"},
	[PROBLEM_BTF_ACCESS] = {"kernel_object", "access to a kernel object that is not allowed"},
	[PROBLEM_SLEEP] = {"sleep", "sleeping where it is not allowed"},
	[PROBLEM_GPL] = {"licence", "needs a GPL-compatible licence"},
	[PROBLEM_ATTACH] = {"attach", "no such place to attach to"},
	[PROBLEM_NOT_SUPPORTED] = {"not_supported", "skep cannot judge this"},
	[PROBLEM_MEMORY] = {"memory", "out of memory"},
};

const char *problem_name(enum verify_problem p)
{
	return p < ARRAY_SIZE(problems) && problems[p].name ? problems[p].name : "unknown";
}

const char *problem_title(enum verify_problem p)
{
	return p < ARRAY_SIZE(problems) && problems[p].title ? problems[p].title : "unknown problem";
}
