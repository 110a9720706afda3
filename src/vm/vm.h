/* SPDX-License-Identifier: BSD-2-Clause */
/* The interpreter: plain, fast, and the specification that the JIT is held to. */
#ifndef SKEP_VM_VM_H
#define SKEP_VM_VM_H

#include "prog/code.h"
#include "prog/env.h"

struct vm_prog;

/*
 * vm_prepare - decode code into the interpreter's own form.
 * @code:  checked code; the result keeps no pointer to code->insns, but the addresses in refs and
 *         helpers are taken over as they are now
 * @out:   the caller's, freed with vm_free()
 * Return: 0, -ENOMEM, or -EINVAL for an instruction that cannot be run.
 */
int vm_prepare(const struct skep_code *code, struct vm_prog **out);

/*
 * vm_run - run a program to its exit.
 * @ctx:  what r1 holds on entry
 * @env:  the worker's environment; the engine's part is set up here, the helpers' part by the caller
 * Return: r0. env->fault tells whether the run ended early.
 */
uint64_t vm_run(const struct vm_prog *prog, void *ctx, struct skep_env *env);

/* vm_run_args - vm_run() with all five argument registers; for conformance vectors. */
uint64_t vm_run_args(const struct vm_prog *prog, const uint64_t args[5], struct skep_env *env);

/* vm_holds - whether a callback, as LD_FUNC gives it to a helper, is one of the program's functions. NULL has none. */
bool vm_holds(const struct vm_prog *prog, uint64_t fn);

void vm_free(struct vm_prog *prog);

#endif
