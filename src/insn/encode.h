/* SPDX-License-Identifier: BSD-2-Clause */
/* The encoder: from an operation and its operands to a struct bpf_insn. */
#ifndef SKEP_INSN_ENCODE_H
#define SKEP_INSN_ENCODE_H

#include "insn/insn.h"

/*
 * insn_encode - build an instruction.
 * @op:    the operation
 * @dst, @src, @off, @imm: operands; where the operation's row fixes a field (unused or constant), give 0
 * @out:   the instruction, its first slot for a wide one
 *
 * Return: 0, or -EINVAL for an operand that the field does not take (a register beyond r10, a
 * written r10, an offset or immediate that does not fit, a value for a field that is fixed).
 */
int insn_encode(enum insn_op op, uint32_t dst, uint32_t src, int64_t off, int64_t imm, struct bpf_insn *out);

/*
 * insn_encode_wide - build both slots of a 64-bit immediate.
 * @op:     LDIMM64 or one of its pseudo forms
 * @value:  the lower half goes into the first slot's imm, the upper half into the second's
 */
int insn_encode_wide(enum insn_op op, uint32_t dst, uint64_t value, struct bpf_insn out[2]);

#endif
