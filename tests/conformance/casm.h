/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An assembler for the dialect of the conformance vectors (ubpf's): "mov32 %r0, 1",
 * "ldxw %r0, [%r1+2]", "jne %r0, 0, fail", "lock fetch add [%r10-8], %r1",
 * "call local f". skep's own text form is src/insn/text.h.
 *
 * Beyond the dialect, for what its vectors do not cover: may_goto L, ldacqb/h/w/dw,
 * strelb/h/w/dw, ldabsb/h/w IMM, ldindb/h/w %rN, IMM.
 */
#ifndef SKEP_TESTS_CONFORMANCE_CASM_H
#define SKEP_TESTS_CONFORMANCE_CASM_H

#include "insn/insn.h"

/*
 * casm - assemble.
 * @text:   the whole program, NUL-terminated, lines separated by '\n'
 * @out:    an allocated array, the caller's; NULL on failure
 * @error:  what is wrong and in which line, on failure
 * Return: the number of slots, or -1.
 */
int casm(const char *text, struct bpf_insn **out, char *error, size_t error_size);

#endif
