/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The instruction set: operations, decoding, encoding, checking the shape of a
 * program. Text (disassembler, assembler) is in text.h.
 */
#ifndef SKEP_INSN_INSN_H
#define SKEP_INSN_INSN_H

#include "base/uapi.h"
#include "insn/optable.h"

#include <stdbool.h>

enum insn_op {
#define X(op, code, dst, src, off, imm, isa, sym) INSN_##op,
	INSN_TABLE(X)
#undef X
		INSN_OP_COUNT,
};

/* What a field of an instruction holds; FORM_EQ | n stands for the constant n. */
enum insn_form {
	FORM_ZERO,
	FORM_READ, /* register that is read */
	FORM_WRITE, /* register that is written */
	FORM_IMM,
	FORM_JUMP,
	FORM_MEM,
	FORM_EQ = 0x10000,
};

/* One row of the opcode table. */
struct insn_desc {
	const char *name; /* "ADD64_K" */
	const char *sym; /* what the disassembler prints: "+=" */
	uint32_t dst, src, off, imm; /* enum insn_form */
	uint16_t op; /* enum insn_op */
	uint8_t code;
	uint8_t isa;
};

/* All rows, indexed by enum insn_op. */
extern const struct insn_desc insn_descs[INSN_OP_COUNT];

/*
 * insn_decode - find the operation that an encoded instruction is.
 * @insn:  the instruction (host byte order fields, as in memory)
 * @why:   NULL, or where to store the reason for a refusal (a constant string)
 *
 * Looks at one slot; the second slot of a 64-bit immediate is the caller's
 * (insn_is_wide()). Source: RFC 9669 sections 3 to 5.
 *
 * Return: the row, or NULL for an encoding that is no instruction.
 */
const struct insn_desc *insn_decode(const struct bpf_insn *insn, const char **why);

/*
 * insn_decode_any - the same for the verifier, which also looks at what no engine here runs: an instruction that writes r10 (it may stand
 * where no path leads) counts as the one that writes another register, and a cast between address spaces (arenas) as MOV64_X.
 */
const struct insn_desc *insn_decode_any(const struct bpf_insn *insn);

/*
 * insn_explain - the reason of insn_decode() with the offending value: "unknown atomic operation 0x30".
 * @buf:   where to write it, at most @size bytes with the NUL; "" for an instruction that decodes
 */
void insn_explain(const struct bpf_insn *insn, char *buf, size_t size);

/* insn_is_addr_cast - the cast between address spaces 0 and 1 (Linux 6.9, arenas): a 64-bit move with offset 1. */
static inline bool insn_is_addr_cast(const struct bpf_insn *insn)
{
	return insn->code == (BPF_ALU64 | BPF_MOV | BPF_X) && insn->off == 1;
}

/* insn_is_probe - a load that the loader has made to probe (struct bpf_insn's mode 1, 2); insn_probe() makes it of a plain load or a load-acquire. */
static inline bool insn_is_probe(const struct bpf_insn *insn)
{
	return BPF_CLASS(insn->code) == BPF_LDX && (BPF_MODE(insn->code) == BPF_ABS || BPF_MODE(insn->code) == BPF_IND);
}

static inline struct bpf_insn insn_probe(struct bpf_insn insn)
{
	bool sign = BPF_CLASS(insn.code) == BPF_LDX && BPF_MODE(insn.code) != BPF_MEM;

	insn.code = BPF_LDX | BPF_SIZE(insn.code) | (sign ? BPF_IND : BPF_ABS);
	insn.imm = 0;
	return insn;
}

/* insn_is_wide - true for an instruction that takes two slots. */
static inline bool insn_is_wide(const struct bpf_insn *insn)
{
	return insn->code == (BPF_LD | BPF_IMM | BPF_DW);
}

/* insn_jump_dist - distance of a jump or subprog call in slots from the next instruction. @d must have a FORM_JUMP field. */
static inline int32_t insn_jump_dist(const struct insn_desc *d, const struct bpf_insn *insn)
{
	return d->imm == FORM_JUMP ? insn->imm : insn->off;
}

#endif
