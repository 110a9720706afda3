// SPDX-License-Identifier: BSD-2-Clause
/* The longer emit functions; their contracts are in emit.h. */
#include "jit/x86_64/emit.h"

#include <assert.h>
#include <errno.h>

/* More than any program of SKEP_MAX_INSNS comes to (some 60 bytes an instruction at worst), and well within rel32. */
#define EMIT_MAX_BYTES (256u << 20)

bool emit_grow(struct emit *e)
{
	uint32_t cap = e->cap ? e->cap * 2 : 4096;
	uint8_t *buf;

	if (e->err)
		return false;
	buf = cap <= EMIT_MAX_BYTES ? realloc(e->buf, cap) : NULL;
	if (!buf) {
		e->err = -ENOMEM;
		return false;
	}
	e->buf = buf;
	e->cap = cap;
	return true;
}

void emit_mov_imm(struct emit *e, enum x86_reg dst, uint64_t v)
{
	uint8_t *p = emit_begin(e);

	if (!p)
		return;
	if (v == 0) {
		p = enc_rr(p, W32, 0x31, dst, dst); /* xor */
	} else if (v <= UINT32_MAX) {
		p = enc_op(p, W32, 0xb8 | (dst & 7), 0, 0, dst);
		p = enc_u32(p, (uint32_t)v);
	} else if (v == (uint64_t)(int32_t)v) {
		p = enc_rr(p, W64, 0xc7, 0, dst);
		p = enc_u32(p, (uint32_t)v);
	} else {
		p = enc_op(p, W64, 0xb8 | (dst & 7), 0, 0, dst);
		memcpy(p, &v, sizeof(v));
		p += sizeof(v);
	}
	emit_end(e, p);
}

uint32_t emit_mov_reloc(struct emit *e, enum x86_reg dst)
{
	uint8_t *p = emit_begin(e);

	if (!p)
		return 0;
	p = enc_op(p, W64, 0xb8 | (dst & 7), 0, 0, dst);
	memset(p, 0, sizeof(uint64_t));
	emit_end(e, p + sizeof(uint64_t));
	return e->len - (uint32_t)sizeof(uint64_t);
}

void emit_test_ri(struct emit *e, enum x86_width w, enum x86_reg reg, int32_t imm)
{
	uint8_t *p = emit_begin(e);

	if (!p)
		return;
	if (imm >= 0 && imm <= UINT8_MAX) {
		p = enc_rr(p, W32, OP_BYTE_RM | 0xf6, 0, reg);
		*p++ = (uint8_t)imm;
		emit_end(e, p);
		return;
	}
	/* The mask's upper half is clear, so the shorter form sees all that counts. */
	if (imm >= 0)
		w = W32;
	p = enc_rr(p, w, 0xf7, 0, reg);
	emit_end(e, enc_u32(p, (uint32_t)imm));
}

void emit_imul_rri(struct emit *e, enum x86_width w, enum x86_reg dst, enum x86_reg src, int32_t imm)
{
	uint8_t *p = emit_begin(e);

	if (!p)
		return;
	if (imm == (int8_t)imm) {
		p = enc_rr(p, w, 0x6b, dst, src);
		*p++ = (uint8_t)imm;
	} else {
		p = enc_rr(p, w, 0x69, dst, src);
		p = enc_u32(p, (uint32_t)imm);
	}
	emit_end(e, p);
}

void emit_shift_ri(struct emit *e, enum x86_width w, enum x86_shift op, enum x86_reg reg, uint8_t count)
{
	uint8_t *p = emit_begin(e);

	if (!p)
		return;
	if (count == 1) {
		p = enc_rr(p, w, 0xd1, op, reg);
	} else {
		p = enc_rr(p, w, 0xc1, op, reg);
		*p++ = count;
	}
	emit_end(e, p);
}

void emit_shiftx(struct emit *e, enum x86_width w, enum x86_shift op, enum x86_reg dst, enum x86_reg src,
		 enum x86_reg count)
{
	/* The prefix that tells the three apart is VEX.pp: 66, F3, F2. */
	unsigned pp = op == SHIFT_SHL ? 1 : op == SHIFT_SAR ? 2 : 3;
	uint8_t *p = emit_begin(e);

	if (!p)
		return;
	/* Three-byte VEX with its register bits inverted, opcode map 2 (0F 38), opcode F7. */
	*p++ = 0xc4;
	*p++ = (uint8_t)((dst < R8) << 7 | 1 << 6 | (src < R8) << 5 | 2);
	*p++ = (uint8_t)((w == W64) << 7 | (~count & 15) << 3 | pp);
	*p++ = 0xf7;
	*p++ = (uint8_t)(0xc0 | (dst & 7) << 3 | (src & 7));
	emit_end(e, p);
}

void emit_mulx(struct emit *e, enum x86_reg high, enum x86_reg low, enum x86_reg src)
{
	uint8_t *p = emit_begin(e);

	if (!p)
		return;
	/* VEX as above, prefix F2, opcode F6. */
	*p++ = 0xc4;
	*p++ = (uint8_t)((high < R8) << 7 | 1 << 6 | (src < R8) << 5 | 2);
	*p++ = (uint8_t)(1 << 7 | (~low & 15) << 3 | 3);
	*p++ = 0xf6;
	*p++ = (uint8_t)(0xc0 | (high & 7) << 3 | (src & 7));
	emit_end(e, p);
}

void emit_andn(struct emit *e, enum x86_width w, enum x86_reg dst, enum x86_reg inverted, enum x86_reg src)
{
	uint8_t *p = emit_begin(e);

	if (!p)
		return;
	/* VEX as above, opcode map 2 (0F 38), opcode F2; no prefix. */
	*p++ = 0xc4;
	*p++ = (uint8_t)((dst < R8) << 7 | 1 << 6 | (src < R8) << 5 | 2);
	*p++ = (uint8_t)((w == W64) << 7 | (~inverted & 15) << 3);
	*p++ = 0xf2;
	*p++ = (uint8_t)(0xc0 | (dst & 7) << 3 | (src & 7));
	emit_end(e, p);
}

void emit_rorx(struct emit *e, enum x86_width w, enum x86_reg dst, enum x86_reg src, uint8_t count)
{
	uint8_t *p = emit_begin(e);

	if (!p)
		return;
	/* VEX as above, opcode map 3 (0F 3A), opcode F0; no second source, prefix F2. */
	*p++ = 0xc4;
	*p++ = (uint8_t)((dst < R8) << 7 | 1 << 6 | (src < R8) << 5 | 3);
	*p++ = (uint8_t)((w == W64) << 7 | 15 << 3 | 3);
	*p++ = 0xf0;
	*p++ = (uint8_t)(0xc0 | (dst & 7) << 3 | (src & 7));
	*p++ = count;
	emit_end(e, p);
}

static uint8_t *enc_rsib(uint8_t *p, enum x86_width w, uint32_t op, unsigned reg, struct x86_sib mem)
{
	/* As in enc_rm(): base rbp and r13 cannot go without a displacement. */
	unsigned mod = mem.disp == 0 && (mem.base & 7) != RBP ? 0 : mem.disp == (int8_t)mem.disp ? 1 : 2;

	if (mem.index == NO_INDEX)
		return enc_rm(p, w, op, reg, mem.base, mem.disp);
	p = enc_op(p, w, op, reg, mem.index, mem.base);
	*p++ = (uint8_t)(mod << 6 | (reg & 7) << 3 | 4);
	*p++ = (uint8_t)(mem.scale << 6 | (mem.index & 7) << 3 | (mem.base & 7));
	if (mod == 1)
		*p++ = (uint8_t)mem.disp;
	else if (mod == 2)
		p = enc_u32(p, (uint32_t)mem.disp);
	return p;
}

void emit_rsib(struct emit *e, enum x86_width w, uint32_t op, unsigned reg, struct x86_sib mem)
{
	uint8_t *p = emit_begin(e);

	if (p)
		emit_end(e, enc_rsib(p, w, op, reg, mem));
}

void emit_store_imm(struct emit *e, enum x86_width size, struct x86_sib mem, int32_t imm)
{
	uint8_t *p = emit_begin(e);

	if (!p)
		return;
	p = enc_rsib(p, size, size == W8 ? 0xc6 : 0xc7, 0, mem);
	if (size == W8) {
		*p++ = (uint8_t)imm;
	} else if (size == W16) {
		*p++ = (uint8_t)imm;
		*p++ = (uint8_t)((uint32_t)imm >> 8);
	} else {
		p = enc_u32(p, (uint32_t)imm);
	}
	emit_end(e, p);
}

void emit_alu_sib_imm(struct emit *e, enum x86_width w, enum x86_alu op, struct x86_sib mem, int32_t imm)
{
	uint8_t *p = emit_begin(e);

	if (!p)
		return;
	if (w == W8 || imm == (int8_t)imm) {
		p = enc_rsib(p, w, w == W8 ? 0x80 : 0x83, op, mem);
		*p++ = (uint8_t)imm;
	} else {
		p = enc_rsib(p, w, 0x81, op, mem);
		if (w == W16) {
			*p++ = (uint8_t)imm;
			*p++ = (uint8_t)((uint32_t)imm >> 8);
		} else {
			p = enc_u32(p, (uint32_t)imm);
		}
	}
	emit_end(e, p);
}

void emit_nops(uint8_t *p, uint32_t n)
{
	/* The forms that Intel's manual recommends (volume 2, NOP), by length. */
	static const uint8_t nops[9][9] = {
		{0x90},
		{0x66, 0x90},
		{0x0f, 0x1f, 0x00},
		{0x0f, 0x1f, 0x40, 0x00},
		{0x0f, 0x1f, 0x44, 0x00, 0x00},
		{0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00},
		{0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00},
		{0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00},
		{0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00},
	};

	while (n) {
		uint32_t len = MIN(n, (uint32_t)ARRAY_SIZE(nops));

		memcpy(p, nops[len - 1], len);
		p += len;
		n -= len;
	}
}

static uint32_t emit_local(struct emit *e, uint8_t opcode, uint8_t disp)
{
	uint8_t *p = emit_begin(e);

	if (!p)
		return 0;
	*p++ = opcode;
	*p++ = disp;
	emit_end(e, p);
	return e->len;
}

uint32_t emit_jcc_local(struct emit *e, enum x86_cond cc)
{
	return emit_local(e, (uint8_t)(0x70 | cc), 0);
}

uint32_t emit_jmp_local(struct emit *e)
{
	return emit_local(e, 0xeb, 0);
}

void emit_land(struct emit *e, uint32_t handle)
{
	if (e->err)
		return;
	assert(e->len - handle <= INT8_MAX);
	e->buf[handle - 1] = (uint8_t)(e->len - handle);
}

void emit_jcc_back(struct emit *e, enum x86_cond cc, uint32_t to)
{
	uint32_t dist = e->len + 2 - to;

	assert(e->err || dist <= 128);
	emit_local(e, (uint8_t)(0x70 | cc), (uint8_t)-dist);
}
