/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Emitting x86-64 instructions: one function for each form that the compiler needs.
 *
 * Contract of every emit_*() function:
 *  - It appends one machine instruction and nothing else. Operands are in Intel order,
 *    the destination first. Registers are enum x86_reg, widths enum x86_width.
 *  - W32 forms clear the upper half of a destination register, as the CPU does. W8 and
 *    W16 forms leave the rest of it alone.
 *  - Memory operands are [base + disp]. Any base and any 32-bit displacement will do; the
 *    quirks of rsp, rbp, r12 and r13 as a base are dealt with here, and the shortest
 *    displacement is chosen.
 *  - Immediates are 32 bits, sign-extended to the width; the shortest form is chosen.
 *  - Errors are sticky: after the first failure (no memory) nothing is appended any
 *    more, and one look at emit.err at the end suffices.
 *
 * Source: Intel SDM volume 2, chapter 2 (formats) and the pages of each instruction.
 */
#ifndef SKEP_JIT_X86_64_EMIT_H
#define SKEP_JIT_X86_64_EMIT_H

#include "base/util.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum x86_reg { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 };

/* Operand widths in bytes. */
enum x86_width { W8 = 1, W16 = 2, W32 = 4, W64 = 8 };

/* Two-operand arithmetic: the number is bits 3 to 5 of the opcode, or the /digit. */
enum x86_alu { ALU_ADD = 0, ALU_OR = 1, ALU_AND = 4, ALU_SUB = 5, ALU_XOR = 6, ALU_CMP = 7 };

/* One-operand arithmetic: the /digit of opcode F7. MUL to IDIV work on rdx:rax. */
enum x86_unary { UNARY_NOT = 2, UNARY_NEG = 3, UNARY_MUL = 4, UNARY_DIV = 6, UNARY_IDIV = 7 };

/* Shifts and rotates: the /digit of opcodes C1 and D3. */
enum x86_shift { SHIFT_ROL = 0, SHIFT_ROR = 1, SHIFT_SHL = 4, SHIFT_SHR = 5, SHIFT_SAR = 7 };

/* Conditions: the low four bits of the jcc opcodes. */
enum x86_cond {
	CC_B = 0x2,
	CC_AE = 0x3,
	CC_E = 0x4,
	CC_NE = 0x5,
	CC_BE = 0x6,
	CC_A = 0x7,
	CC_L = 0xc,
	CC_GE = 0xd,
	CC_LE = 0xe,
	CC_G = 0xf,
};

/* The buffer that instructions are appended to. */
struct emit {
	uint8_t *buf; /* owned, malloc */
	uint32_t len, cap;
	int err; /* 0, or the first error as a negative errno */
};

/* emit_grow - make room for one more instruction. Return: false when the buffer is in error. */
bool emit_grow(struct emit *e);

/* Longest instruction that the CPU takes is 15 bytes. */
#define EMIT_MAX_INSN 16

/* Where the next instruction goes, or NULL in error; its bytes are then counted by emit_end(). */
static inline uint8_t *emit_begin(struct emit *e)
{
	if (unlikely(e->cap - e->len < EMIT_MAX_INSN) && !emit_grow(e))
		return NULL;
	return e->buf + e->len;
}

static inline void emit_end(struct emit *e, const uint8_t *p)
{
	e->len = (uint32_t)(p - e->buf);
}

/*
 * The pieces of an instruction. @op: the opcode byte with flags; a second register or memory
 * operand is told apart by the caller choosing enc_rr() or enc_rm().
 */
#define OP_0F      (1u << 8) /* two-byte opcode 0F xx */
#define OP_LOCK    (1u << 9) /* lock prefix */
#define OP_66      (1u << 11) /* prefixes that are part of an opcode */
#define OP_F2      (1u << 12)
#define OP_F3      (1u << 13)
#define OP_BYTE_RM (1u << 10) /* the rm operand is a byte register: spl to dil need a REX prefix */

static inline uint8_t *enc_u32(uint8_t *p, uint32_t v)
{
	memcpy(p, &v, sizeof(v));
	return p + sizeof(v);
}

static inline uint8_t *enc_op(uint8_t *p, enum x86_width w, uint32_t op, unsigned reg, unsigned index, unsigned rm)
{
	uint8_t rex = (uint8_t)((w == W64) << 3 | (reg >> 3) << 2 | (index >> 3) << 1 | rm >> 3);
	bool byte_reg = (w == W8 && reg >= RSP) || ((op & OP_BYTE_RM) && rm >= RSP);

	if (op & OP_LOCK)
		*p++ = 0xf0;
	if (op & (OP_66 | OP_F2 | OP_F3))
		*p++ = op & OP_66 ? 0x66 : op & OP_F2 ? 0xf2 : 0xf3;
	if (w == W16)
		*p++ = 0x66;
	if (rex || byte_reg)
		*p++ = 0x40 | rex;
	if (op & OP_0F)
		*p++ = 0x0f;
	*p++ = (uint8_t)op;
	return p;
}

/* Opcode with two registers; @reg may be a /digit. */
static inline uint8_t *enc_rr(uint8_t *p, enum x86_width w, uint32_t op, unsigned reg, enum x86_reg rm)
{
	p = enc_op(p, w, op, reg, 0, rm);
	*p++ = (uint8_t)(0xc0 | (reg & 7) << 3 | (rm & 7));
	return p;
}

/* Opcode with a register (or /digit) and a memory operand. */
static inline uint8_t *enc_rm(uint8_t *p, enum x86_width w, uint32_t op, unsigned reg, enum x86_reg base, int32_t disp)
{
	uint8_t modrm = (uint8_t)((reg & 7) << 3 | (base & 7));

	p = enc_op(p, w, op, reg, 0, base);
	/* mod 0 with base rbp or r13 means something else, so those get a zero disp8. */
	if (disp == 0 && (base & 7) != RBP)
		*p++ = modrm;
	else if (disp == (int8_t)disp)
		*p++ = 0x40 | modrm;
	else
		*p++ = 0x80 | modrm;
	if ((base & 7) == RSP)
		*p++ = 0x24; /* a SIB byte without index: rsp and r12 cannot be named without */
	if (disp == 0 && (base & 7) != RBP)
		return p;
	if (disp == (int8_t)disp) {
		*p++ = (uint8_t)disp;
		return p;
	}
	return enc_u32(p, (uint32_t)disp);
}

static inline void emit_rr(struct emit *e, enum x86_width w, uint32_t op, unsigned reg, enum x86_reg rm)
{
	uint8_t *p = emit_begin(e);

	if (p)
		emit_end(e, enc_rr(p, w, op, reg, rm));
}

static inline void emit_rm(struct emit *e, enum x86_width w, uint32_t op, unsigned reg, enum x86_reg base, int32_t disp)
{
	uint8_t *p = emit_begin(e);

	if (p)
		emit_end(e, enc_rm(p, w, op, reg, base, disp));
}

/* emit_mov_rr - dst = src. W32 or W64. */
static inline void emit_mov_rr(struct emit *e, enum x86_width w, enum x86_reg dst, enum x86_reg src)
{
	emit_rr(e, w, 0x89, src, dst);
}

/* emit_mov_imm - dst = @v, all 64 bits of it, in the shortest way. Changes the flags when @v is 0. */
void emit_mov_imm(struct emit *e, enum x86_reg dst, uint64_t v);

/* emit_mov_reloc - dst = an 8-byte value to be filled in. Return: the offset of its bytes. */
uint32_t emit_mov_reloc(struct emit *e, enum x86_reg dst);

/* emit_alu_rr - dst op= src, or the flags of dst - src for ALU_CMP. */
static inline void emit_alu_rr(struct emit *e, enum x86_width w, enum x86_alu op, enum x86_reg dst, enum x86_reg src)
{
	emit_rr(e, w, (uint32_t)op << 3 | 1, src, dst);
}

/* emit_alu_ri - dst op= imm. W32 or W64. */
static inline void emit_alu_ri(struct emit *e, enum x86_width w, enum x86_alu op, enum x86_reg dst, int32_t imm)
{
	uint8_t *p = emit_begin(e);

	if (!p)
		return;
	if (imm == (int8_t)imm) {
		p = enc_rr(p, w, 0x83, op, dst);
		*p++ = (uint8_t)imm;
	} else if (dst == RAX) {
		p = enc_op(p, w, (uint32_t)op << 3 | 5, 0, 0, 0);
		p = enc_u32(p, (uint32_t)imm);
	} else {
		p = enc_rr(p, w, 0x81, op, dst);
		p = enc_u32(p, (uint32_t)imm);
	}
	emit_end(e, p);
}

/* emit_alu_mr - op with the memory operand as destination, atomically when @lock. */
static inline void emit_alu_mr(struct emit *e, enum x86_width w, enum x86_alu op, bool lock, enum x86_reg base,
			       int32_t disp, enum x86_reg src)
{
	emit_rm(e, w, (uint32_t)op << 3 | 1 | (lock ? OP_LOCK : 0), src, base, disp);
}

/* emit_alu_mi - op with memory and an immediate that fits 8 bits. W32 or W64. */
static inline void emit_alu_mi(struct emit *e, enum x86_width w, enum x86_alu op, enum x86_reg base, int32_t disp,
			       int8_t imm)
{
	uint8_t *p = emit_begin(e);

	if (!p)
		return;
	p = enc_rm(p, w, 0x83, op, base, disp);
	*p++ = (uint8_t)imm;
	emit_end(e, p);
}

/* emit_test_rr - the flags of a & b. */
static inline void emit_test_rr(struct emit *e, enum x86_width w, enum x86_reg a, enum x86_reg b)
{
	emit_rr(e, w, 0x85, b, a);
}

/* emit_test_ri - the flags of reg & imm, of which only zero or not zero may be looked at. */
void emit_test_ri(struct emit *e, enum x86_width w, enum x86_reg reg, int32_t imm);

/* emit_unary - F7 /digit on a register. */
static inline void emit_unary(struct emit *e, enum x86_width w, enum x86_unary op, enum x86_reg reg)
{
	emit_rr(e, w, 0xf7, op, reg);
}

/* emit_imul_rr - dst *= src. W32 or W64. */
static inline void emit_imul_rr(struct emit *e, enum x86_width w, enum x86_reg dst, enum x86_reg src)
{
	emit_rr(e, w, OP_0F | 0xaf, dst, src);
}

/* emit_cmov_rr - dst = src if @cc. W32 or W64. */
static inline void emit_cmov_rr(struct emit *e, enum x86_width w, enum x86_cond cc, enum x86_reg dst, enum x86_reg src)
{
	emit_rr(e, w, OP_0F | 0x40 | (uint32_t)cc, dst, src);
}

/* emit_imul_rri - dst = src * imm. W32 or W64. */
void emit_imul_rri(struct emit *e, enum x86_width w, enum x86_reg dst, enum x86_reg src, int32_t imm);

/* emit_sign_rax - rdx (edx) = the sign of rax (eax): cqo or cdq. */
static inline void emit_sign_rax(struct emit *e, enum x86_width w)
{
	uint8_t *p = emit_begin(e);

	if (p)
		emit_end(e, enc_op(p, w, 0x99, 0, 0, 0));
}

/* emit_shift_ri - shift or rotate by a constant, 0 to width - 1. W16, W32 or W64. */
void emit_shift_ri(struct emit *e, enum x86_width w, enum x86_shift op, enum x86_reg reg, uint8_t count);

/* emit_shift_cl - shift by cl, modulo the width. W32 or W64. */
static inline void emit_shift_cl(struct emit *e, enum x86_width w, enum x86_shift op, enum x86_reg reg)
{
	emit_rr(e, w, 0xd3, op, reg);
}

/* emit_shiftx - dst = src shifted by @count modulo the width; BMI2. SHIFT_SHL, SHIFT_SHR or SHIFT_SAR. */
void emit_shiftx(struct emit *e, enum x86_width w, enum x86_shift op, enum x86_reg dst, enum x86_reg src,
		 enum x86_reg count);

/* emit_rorx - dst = src rotated right by a constant, 0 to width - 1; BMI2. W32 or W64. */
void emit_rorx(struct emit *e, enum x86_width w, enum x86_reg dst, enum x86_reg src, uint8_t count);

/* emit_mulx - high:low = rdx * src; BMI2, 64 bits. The flags stay. */
void emit_mulx(struct emit *e, enum x86_reg high, enum x86_reg low, enum x86_reg src);

/* emit_andn - dst = ~inverted & src; BMI1. W32 or W64. */
void emit_andn(struct emit *e, enum x86_width w, enum x86_reg dst, enum x86_reg inverted, enum x86_reg src);

/* emit_bswap - reverse the bytes. W32 or W64. */
static inline void emit_bswap(struct emit *e, enum x86_width w, enum x86_reg reg)
{
	uint8_t *p = emit_begin(e);

	if (p)
		emit_end(e, enc_op(p, w, OP_0F | 0xc8 | (reg & 7), 0, 0, reg));
}

/* emit_movzx - dst = the low @from (W8, W16, W32) of src, zero-extended to 64 bits. */
static inline void emit_movzx(struct emit *e, enum x86_width from, enum x86_reg dst, enum x86_reg src)
{
	if (from == W32)
		emit_mov_rr(e, W32, dst, src);
	else if (from == W16)
		emit_rr(e, W32, OP_0F | 0xb7, dst, src);
	else
		emit_rr(e, W32, OP_0F | OP_BYTE_RM | 0xb6, dst, src);
}

/* emit_movsx - dst = the low @from (W8, W16, W32) of src, sign-extended to @w and that zero-extended. */
static inline void emit_movsx(struct emit *e, enum x86_width w, enum x86_width from, enum x86_reg dst, enum x86_reg src)
{
	if (from == W32)
		emit_rr(e, w, 0x63, dst, src);
	else if (from == W16)
		emit_rr(e, w, OP_0F | 0xbf, dst, src);
	else
		emit_rr(e, w, OP_0F | OP_BYTE_RM | 0xbe, dst, src);
}

/* emit_load - dst = @size bytes at [base + disp], zero-extended to 64 bits. */
static inline void emit_load(struct emit *e, enum x86_width size, enum x86_reg dst, enum x86_reg base, int32_t disp)
{
	if (size >= W32)
		emit_rm(e, size, 0x8b, dst, base, disp);
	else
		emit_rm(e, W32, OP_0F | (size == W16 ? 0xb7 : 0xb6), dst, base, disp);
}

/* emit_load_sx - dst = @size (W8, W16, W32) bytes at [base + disp], sign-extended to 64 bits. */
static inline void emit_load_sx(struct emit *e, enum x86_width size, enum x86_reg dst, enum x86_reg base, int32_t disp)
{
	if (size == W32)
		emit_rm(e, W64, 0x63, dst, base, disp);
	else
		emit_rm(e, W64, OP_0F | (size == W16 ? 0xbf : 0xbe), dst, base, disp);
}

/* emit_store - the low @size bytes of src to [base + disp]. */
static inline void emit_store(struct emit *e, enum x86_width size, enum x86_reg base, int32_t disp, enum x86_reg src)
{
	emit_rm(e, size, size == W8 ? 0x88 : 0x89, src, base, disp);
}

/* emit_lea - dst = base + disp. W32 or W64. */
static inline void emit_lea(struct emit *e, enum x86_width w, enum x86_reg dst, enum x86_reg base, int32_t disp)
{
	emit_rm(e, w, 0x8d, dst, base, disp);
}

/* A memory operand [base + index * 2^scale + disp]; index rsp, which cannot be one, says that there is none. */
struct x86_sib {
	enum x86_reg base, index;
	uint8_t scale;
	int32_t disp;
};
#define NO_INDEX RSP

/* emit_rsib - opcode with a register (or /digit) and such an operand. */
void emit_rsib(struct emit *e, enum x86_width w, uint32_t op, unsigned reg, struct x86_sib mem);

/* emit_alu_sib_imm - op with such an operand as destination and an immediate; ALU_CMP compares. */
void emit_alu_sib_imm(struct emit *e, enum x86_width w, enum x86_alu op, struct x86_sib mem, int32_t imm);

/* emit_lea_sib - dst = base + index * 2^scale + disp. W32 or W64. */
static inline void emit_lea_sib(struct emit *e, enum x86_width w, enum x86_reg dst, struct x86_sib mem)
{
	emit_rsib(e, w, 0x8d, dst, mem);
}

/* emit_load_sib - emit_load() or, with @sign, emit_load_sx() from such an operand. */
static inline void emit_load_sib(struct emit *e, enum x86_width size, bool sign, enum x86_reg dst, struct x86_sib mem)
{
	if (size >= W32)
		emit_rsib(e, sign ? W64 : size, sign ? 0x63 : 0x8b, dst, mem);
	else
		emit_rsib(e, sign ? W64 : W32, OP_0F | (size == W16 ? 0xb7 : 0xb6) | (sign ? 8 : 0), dst, mem);
}

/* emit_store_sib - emit_store() to such an operand. */
static inline void emit_store_sib(struct emit *e, enum x86_width size, struct x86_sib mem, enum x86_reg src)
{
	emit_rsib(e, size, size == W8 ? 0x88 : 0x89, src, mem);
}

/* emit_store_imm - the low @size bytes of the sign-extended @imm to such an operand. */
void emit_store_imm(struct emit *e, enum x86_width size, struct x86_sib mem, int32_t imm);

/* emit_xadd - lock: [base + disp] += src, src = what was there. W32 or W64. */
static inline void emit_xadd(struct emit *e, enum x86_width w, enum x86_reg base, int32_t disp, enum x86_reg src)
{
	emit_rm(e, w, OP_0F | OP_LOCK | 0xc1, src, base, disp);
}

/* emit_xchg - src and [base + disp] change places; locked by its nature. W32 or W64. */
static inline void emit_xchg(struct emit *e, enum x86_width w, enum x86_reg base, int32_t disp, enum x86_reg src)
{
	emit_rm(e, w, 0x87, src, base, disp);
}

/* emit_cmpxchg - lock: if [base + disp] equals rax then it becomes src, else rax becomes it; ZF tells which. */
static inline void emit_cmpxchg(struct emit *e, enum x86_width w, enum x86_reg base, int32_t disp, enum x86_reg src)
{
	emit_rm(e, w, OP_0F | OP_LOCK | 0xb1, src, base, disp);
}

/* emit_nops - fill @n bytes at @p with as few instructions that do nothing as can be. */
void emit_nops(uint8_t *p, uint32_t n);

/* emit_push, emit_pop - 8 bytes on the stack. */
static inline void emit_push(struct emit *e, enum x86_reg reg)
{
	uint8_t *p = emit_begin(e);

	if (p)
		emit_end(e, enc_op(p, W32, 0x50 | (reg & 7), 0, 0, reg));
}

static inline void emit_pop(struct emit *e, enum x86_reg reg)
{
	uint8_t *p = emit_begin(e);

	if (p)
		emit_end(e, enc_op(p, W32, 0x58 | (reg & 7), 0, 0, reg));
}

/* emit_byte - an instruction of one byte. */
#define X86_RET   0xc3
#define X86_LEAVE 0xc9
#define X86_INT3  0xcc

static inline void emit_byte(struct emit *e, uint8_t byte)
{
	uint8_t *p = emit_begin(e);

	if (!p)
		return;
	*p++ = byte;
	emit_end(e, p);
}

/* emit_jmp_reg - jump to the address in a register. */
static inline void emit_jmp_reg(struct emit *e, enum x86_reg reg)
{
	emit_rr(e, W32, 0xff, 4, reg);
}

/* emit_call_reg - call the address in a register. */
static inline void emit_call_reg(struct emit *e, enum x86_reg reg)
{
	emit_rr(e, W32, 0xff, 2, reg);
}

/*
 * emit_jcc_local, emit_jmp_local - a short jump forward within the code of one BPF instruction.
 * Return: a handle for emit_land(), which makes the jump land at the next instruction to be
 * emitted, at most 127 bytes on. Nothing in between may change its size later (emit no jump
 * to a label there).
 */
uint32_t emit_jcc_local(struct emit *e, enum x86_cond cc);
uint32_t emit_jmp_local(struct emit *e);
void emit_land(struct emit *e, uint32_t handle);

/* emit_jcc_back - jump back to offset @to, at most 126 bytes, within the code of one BPF instruction. */
void emit_jcc_back(struct emit *e, enum x86_cond cc, uint32_t to);

#endif
