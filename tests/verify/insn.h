/* SPDX-License-Identifier: BSD-2-Clause */
/* Instructions for programs that a test puts together itself. */
#ifndef SKEP_TESTS_VERIFY_INSN_H
#define SKEP_TESTS_VERIFY_INSN_H

#include "base/uapi.h"

static inline struct bpf_insn insn(int code, int dst, int src, int off, int imm)
{
	return (struct bpf_insn){.code = (uint8_t)code,
				 .dst_reg = (uint8_t)dst & 15,
				 .src_reg = (uint8_t)src & 15,
				 .off = (int16_t)off,
				 .imm = imm};
}

#define MOV_IMM(dst, v) insn(BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, v)
#define EXIT            insn(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

#endif
