/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Whose doing a program on tasks is about. In skep run only a tree's events fire, and all of them count. In the kernel those of every process on the machine do: there skep
 * deploy puts a cgroup into the map `scope`, and what is neither in it nor below it does not count. `scoped` is a constant: without a scope the verifier takes the question out.
 *
 * The helper asks about the running task, in all types of programs on tasks since Linux 4.8; programs that may sleep cannot have the map (6.18: they still cannot).
 */
#ifndef APPS_SCOPE_BPF_H
#define APPS_SCOPE_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

const volatile _Bool scoped = 0;

struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} scope SEC(".maps");

/* Does what the running task does count? While no cgroup is in the map it does not: nothing is held to rules, or told, of which it is not known whom they are about. */
static __always_inline _Bool in_scope(void)
{
	return !scoped || bpf_current_task_under_cgroup(&scope, 0) == 1;
}

#endif
