/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which programs of the guard in the kernel (apps/guard_kernel.bpf.c) stop which system calls: a call is stopped where it asks the security modules, and each way of it must ask
 * one of these before it does anything. A call that is in no row cannot be stopped.
 */
#ifndef SKEP_CLI_DEPLOY_GUARD_CALLS_H
#define SKEP_CLI_DEPLOY_GUARD_CALLS_H

#include "apps/guard_policy.h"

struct btf;

/*
 * guard_calls_check - can a rule about a call be held to by the kernel of these types?
 * @why: what cannot, and what would do
 * Return: 0 or -EOPNOTSUPP.
 */
int guard_calls_check(const struct btf *kernel, const struct guard_policy *p, const struct guard_call *c, char *why,
		      size_t size);

/* guard_calls_stops - does a program stop a call? @call: its name */
bool guard_calls_stops(const char *prog, const char *call);

/* guard_calls_hook - has the kernel the hook that one of these programs is for? Those that are for no hook of their own (at_...) every kernel since Linux 6.1 has. */
bool guard_calls_hook(const struct btf *kernel, const char *prog);

#endif
