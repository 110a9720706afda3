/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the verifier knows of a number: its bits and its ranges, in five views that constrain each other.
 *
 * Theory of operation
 *
 * A scalar stands for the set of 64-bit values x with: x in bits; smin <= (s64)x <= smax; umin <= x <= umax; and for
 * its low half w = (u32)x: smin32 <= (s32)w <= smax32 and umin32 <= w <= umax32. The same struct describes the variable part
 * of a pointer's offset. No view is derived from another, yet each can sharpen the others: scalar_sync() lets them
 * do so. Every function below that changes a scalar leaves it synced, but for scalar_forget_ranges().
 *
 * Soundness: for every operation, if x is in dst and y in src before, then the result that the instruction
 * computes is in dst afterwards (tests/verify/test_scalar.c tries this exhaustively and at random).
 * Parity: the result is exactly as sharp as Linux 6.18's (BPF log level 2 shows the same text), since a sharper or weaker one
 * changes verdicts. Where the kernel's is unsound or ours is deliberately different, docs/verdicts.md says so.
 *
 * Operation codes are RFC 9669's: BPF_ADD ... BPF_ARSH of an ALU instruction, BPF_JEQ ... BPF_JSLE, BPF_JSET of a jump.
 */
#ifndef SKEP_VERIFY_SCALAR_H
#define SKEP_VERIFY_SCALAR_H

#include "verify/tnum.h"

#include <stddef.h>

struct scalar {
	struct tnum bits;
	int64_t smin, smax;
	uint64_t umin, umax;
	int32_t smin32, smax32;
	uint32_t umin32, umax32;
};

struct scalar scalar_unknown(void);
struct scalar scalar_const(uint64_t v);

static inline bool scalar_is_const(const struct scalar *s)
{
	return tnum_is_const(s->bits);
}

/* scalar_is_const32 - the low half is one value. */
static inline bool scalar_is_const32(const struct scalar *s)
{
	return !(uint32_t)s->bits.mask;
}

/* scalar_sync - let bits and ranges sharpen each other, as far as the kernel does (reg_bounds_sync()). */
void scalar_sync(struct scalar *s);

/*
 * scalar_forget_ranges - all ranges at their widest, the bits as they are. What the kernel makes of a scalar that is not
 * valid after a branch (it warns, and goes on); no sync.
 */
void scalar_forget_ranges(struct scalar *s);

/*
 * scalar_valid - false when ranges contradict each other, or a constant's ranges its bits: no value is left (a branch that cannot be
 * taken). The kernel's own test, and no sharper: where the bits and the unsigned range have nothing in common, scalar_sync() may
 * have made a constant of it that no value is, and that is valid.
 */
bool scalar_valid(const struct scalar *s);

/*
 * scalar_alu - dst = dst OP src.
 * @op:   BPF_ADD, SUB, MUL, DIV, MOD, AND, OR, XOR, LSH, RSH, ARSH (the high nibble of the opcode)
 * @off:  the instruction's offset field: 1 makes DIV and MOD signed
 * @is64: ALU64; else ALU32: the low halves are computed and the result zero-extended
 * For a shift by a count that is not a constant in range, and wherever the kernel gives up (DIV, MOD), dst becomes unknown: all
 * 64 bits of it, even in ALU32, as in the kernel. BPF_NEG, BPF_MOV and BPF_END have functions of their own.
 * The kernel walks both values of -1..0 apart where AND or OR with a constant meets them: that is the caller's, before this.
 * src may be dst.
 */
void scalar_alu(uint8_t op, int16_t off, bool is64, struct scalar *dst, const struct scalar *src);

/*
 * scalar_neg, scalar_end - dst = -dst; dst = its low @bits (16, 32, 64) in another order, zero-extended.
 * @to_be:         BPF_ALU | BPF_END | BPF_TO_BE; else BPF_TO_LE, which only cuts: programs are little-endian
 * @unconditional: BPF_ALU64 | BPF_END swaps
 */
void scalar_neg(bool is64, struct scalar *dst);
void scalar_end(bool to_be, bool unconditional, uint32_t bits, struct scalar *dst);

/* scalar_zext32 - what a 32-bit operation's result becomes: high half zero, 64-bit views from the 32-bit ones. */
void scalar_zext32(struct scalar *s);
/* scalar_cast - only the low @bytes (1, 2, 4, 8) survive, zero-extended: a load or a narrower fill. */
void scalar_cast(struct scalar *s, uint32_t bytes);
/* scalar_sext - the low @bytes (1, 2, 4) sign-extended to 64 bits, or to 32 bits and then zero-extended (!is64). */
void scalar_sext(struct scalar *s, uint32_t bytes, bool is64);

/*
 * scalar_branch - can "if a OP b" be decided?
 * @op:    BPF_JEQ, JNE, JGT, JGE, JLT, JLE, JSGT, JSGE, JSLT, JSLE, JSET
 * @is32:  BPF_JMP32: compares low halves
 * Return: 1 always taken, 0 never, -1 unknown.
 */
int scalar_branch(const struct scalar *a, const struct scalar *b, uint8_t op, bool is32);

/*
 * scalar_refine - sharpen a and b, knowing that "a OP b" came out as @taken.
 * Either may be a constant. Leaves both synced. When nothing is left of one, scalar_valid() may be false of it. b may be a: Linux 6.18
 * does not see that a register is compared with itself, and neither does scalar_branch().
 */
void scalar_refine(struct scalar *a, struct scalar *b, uint8_t op, bool is32, bool taken);

/* scalar_within - every value of cur is one of old (all views): what pruning asks. */
bool scalar_within(const struct scalar *old, const struct scalar *cur);

/*
 * scalar_format - the ranges as the kernel's log prints them: "smin=0,smax=umax=umax32=255,var_off=(0x0; 0xff)"; what is at its
 * widest is left out, equal bounds are joined. "" for an unknown scalar. A constant is the caller's to print.
 * Return: bytes written without the NUL, at most size - 1.
 */
size_t scalar_format(const struct scalar *s, char *buf, size_t size);

/* scalar_format_const - a constant as the kernel's log prints it: "-1", "0x10000". Return: as above. */
size_t scalar_format_const(uint64_t v, char *buf, size_t size);

#endif
