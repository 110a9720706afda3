/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The opcode table: every instruction of the machine, once.
 *
 * One row is one operation: an opcode byte together with what the other fields
 * must hold for it. Decoder, encoder, disassembler, assembler, interpreter, JIT
 * and verifier are all generated from or driven by these rows; nothing else in
 * skep knows an encoding.
 *
 *   X(op, code, dst, src, off, imm, isa, sym)
 *
 * op    INSN_<op> is the operation's number (enum insn_op)
 * code  the opcode byte
 * dst, src, off, imm: what the field holds:
 *         Z      unused, must be zero
 *         R      a register that is read (or a base address), r0 to r10
 *         W      a register that is written, r0 to r9
 *         I      an immediate
 *         J      a jump distance in slots, counted from the next instruction
 *         M      a memory offset in bytes (for a kfunc call: index of its BTF fd)
 *         EQ(n)  the constant n; rows of one code differ in these, and stand together
 * isa   1 to 4: the -mcpu=v1..v4 that brought it; 5: Linux after v4
 *       (may_goto 6.9, load-acquire 6.15); 6: an extension that no kernel accepts; of
 *       these the probing loads are what the loader makes of loads through kernel pointers
 * sym   the operator or word that the disassembler prints
 *
 * Source: RFC 9669; Linux Documentation/bpf/standardization/instruction-set.rst.
 */
/* clang-format off */
#define INSN_TABLE(X) \
	/* Arithmetic, 64 bits (RFC 9669 section 4.1) */ \
	X(ADD64_K, 0x07, W, Z, Z, I, 1, "+=") \
	X(ADD64_X, 0x0f, W, R, Z, Z, 1, "+=") \
	X(SUB64_K, 0x17, W, Z, Z, I, 1, "-=") \
	X(SUB64_X, 0x1f, W, R, Z, Z, 1, "-=") \
	X(MUL64_K, 0x27, W, Z, Z, I, 1, "*=") \
	X(MUL64_X, 0x2f, W, R, Z, Z, 1, "*=") \
	X(DIV64_K, 0x37, W, Z, Z, I, 1, "/=") \
	X(SDIV64_K, 0x37, W, Z, EQ(1), I, 4, "s/=") \
	X(DIV64_X, 0x3f, W, R, Z, Z, 1, "/=") \
	X(SDIV64_X, 0x3f, W, R, EQ(1), Z, 4, "s/=") \
	X(OR64_K, 0x47, W, Z, Z, I, 1, "|=") \
	X(OR64_X, 0x4f, W, R, Z, Z, 1, "|=") \
	X(AND64_K, 0x57, W, Z, Z, I, 1, "&=") \
	X(AND64_X, 0x5f, W, R, Z, Z, 1, "&=") \
	X(LSH64_K, 0x67, W, Z, Z, I, 1, "<<=") \
	X(LSH64_X, 0x6f, W, R, Z, Z, 1, "<<=") \
	X(RSH64_K, 0x77, W, Z, Z, I, 1, ">>=") \
	X(RSH64_X, 0x7f, W, R, Z, Z, 1, ">>=") \
	X(MOD64_K, 0x97, W, Z, Z, I, 1, "%=") \
	X(SMOD64_K, 0x97, W, Z, EQ(1), I, 4, "s%=") \
	X(MOD64_X, 0x9f, W, R, Z, Z, 1, "%=") \
	X(SMOD64_X, 0x9f, W, R, EQ(1), Z, 4, "s%=") \
	X(XOR64_K, 0xa7, W, Z, Z, I, 1, "^=") \
	X(XOR64_X, 0xaf, W, R, Z, Z, 1, "^=") \
	X(MOV64_K, 0xb7, W, Z, Z, I, 1, "=") \
	X(MOV64_X, 0xbf, W, R, Z, Z, 1, "=") \
	X(MOVSX64_8, 0xbf, W, R, EQ(8), Z, 4, "(s8)") \
	X(MOVSX64_16, 0xbf, W, R, EQ(16), Z, 4, "(s16)") \
	X(MOVSX64_32, 0xbf, W, R, EQ(32), Z, 4, "(s32)") \
	X(ARSH64_K, 0xc7, W, Z, Z, I, 1, "s>>=") \
	X(ARSH64_X, 0xcf, W, R, Z, Z, 1, "s>>=") \
	X(NEG64, 0x87, W, Z, Z, Z, 1, "-") \
	/* Arithmetic, 32 bits (RFC 9669 section 4.1) */ \
	X(ADD32_K, 0x04, W, Z, Z, I, 1, "+=") \
	X(ADD32_X, 0x0c, W, R, Z, Z, 1, "+=") \
	X(SUB32_K, 0x14, W, Z, Z, I, 1, "-=") \
	X(SUB32_X, 0x1c, W, R, Z, Z, 1, "-=") \
	X(MUL32_K, 0x24, W, Z, Z, I, 1, "*=") \
	X(MUL32_X, 0x2c, W, R, Z, Z, 1, "*=") \
	X(DIV32_K, 0x34, W, Z, Z, I, 1, "/=") \
	X(SDIV32_K, 0x34, W, Z, EQ(1), I, 4, "s/=") \
	X(DIV32_X, 0x3c, W, R, Z, Z, 1, "/=") \
	X(SDIV32_X, 0x3c, W, R, EQ(1), Z, 4, "s/=") \
	X(OR32_K, 0x44, W, Z, Z, I, 1, "|=") \
	X(OR32_X, 0x4c, W, R, Z, Z, 1, "|=") \
	X(AND32_K, 0x54, W, Z, Z, I, 1, "&=") \
	X(AND32_X, 0x5c, W, R, Z, Z, 1, "&=") \
	X(LSH32_K, 0x64, W, Z, Z, I, 1, "<<=") \
	X(LSH32_X, 0x6c, W, R, Z, Z, 1, "<<=") \
	X(RSH32_K, 0x74, W, Z, Z, I, 1, ">>=") \
	X(RSH32_X, 0x7c, W, R, Z, Z, 1, ">>=") \
	X(MOD32_K, 0x94, W, Z, Z, I, 1, "%=") \
	X(SMOD32_K, 0x94, W, Z, EQ(1), I, 4, "s%=") \
	X(MOD32_X, 0x9c, W, R, Z, Z, 1, "%=") \
	X(SMOD32_X, 0x9c, W, R, EQ(1), Z, 4, "s%=") \
	X(XOR32_K, 0xa4, W, Z, Z, I, 1, "^=") \
	X(XOR32_X, 0xac, W, R, Z, Z, 1, "^=") \
	X(MOV32_K, 0xb4, W, Z, Z, I, 1, "=") \
	X(MOV32_X, 0xbc, W, R, Z, Z, 1, "=") \
	X(MOVSX32_8, 0xbc, W, R, EQ(8), Z, 4, "(s8)") \
	X(MOVSX32_16, 0xbc, W, R, EQ(16), Z, 4, "(s16)") \
	X(ARSH32_K, 0xc4, W, Z, Z, I, 1, "s>>=") \
	X(ARSH32_X, 0xcc, W, R, Z, Z, 1, "s>>=") \
	X(NEG32, 0x84, W, Z, Z, Z, 1, "-") \
	/* Byte swaps (RFC 9669 section 4.2); imm is the width in bits */ \
	X(LE16, 0xd4, W, Z, Z, EQ(16), 1, "le16") \
	X(LE32, 0xd4, W, Z, Z, EQ(32), 1, "le32") \
	X(LE64, 0xd4, W, Z, Z, EQ(64), 1, "le64") \
	X(BE16, 0xdc, W, Z, Z, EQ(16), 1, "be16") \
	X(BE32, 0xdc, W, Z, Z, EQ(32), 1, "be32") \
	X(BE64, 0xdc, W, Z, Z, EQ(64), 1, "be64") \
	X(BSWAP16, 0xd7, W, Z, Z, EQ(16), 4, "bswap16") \
	X(BSWAP32, 0xd7, W, Z, Z, EQ(32), 4, "bswap32") \
	X(BSWAP64, 0xd7, W, Z, Z, EQ(64), 4, "bswap64") \
	/* Conditional jumps, 64 bits (RFC 9669 section 4.3) */ \
	X(JEQ64_K, 0x15, R, Z, J, I, 1, "==") \
	X(JEQ64_X, 0x1d, R, R, J, Z, 1, "==") \
	X(JGT64_K, 0x25, R, Z, J, I, 1, ">") \
	X(JGT64_X, 0x2d, R, R, J, Z, 1, ">") \
	X(JGE64_K, 0x35, R, Z, J, I, 1, ">=") \
	X(JGE64_X, 0x3d, R, R, J, Z, 1, ">=") \
	X(JSET64_K, 0x45, R, Z, J, I, 1, "&") \
	X(JSET64_X, 0x4d, R, R, J, Z, 1, "&") \
	X(JNE64_K, 0x55, R, Z, J, I, 1, "!=") \
	X(JNE64_X, 0x5d, R, R, J, Z, 1, "!=") \
	X(JSGT64_K, 0x65, R, Z, J, I, 1, "s>") \
	X(JSGT64_X, 0x6d, R, R, J, Z, 1, "s>") \
	X(JSGE64_K, 0x75, R, Z, J, I, 1, "s>=") \
	X(JSGE64_X, 0x7d, R, R, J, Z, 1, "s>=") \
	X(JLT64_K, 0xa5, R, Z, J, I, 2, "<") \
	X(JLT64_X, 0xad, R, R, J, Z, 2, "<") \
	X(JLE64_K, 0xb5, R, Z, J, I, 2, "<=") \
	X(JLE64_X, 0xbd, R, R, J, Z, 2, "<=") \
	X(JSLT64_K, 0xc5, R, Z, J, I, 2, "s<") \
	X(JSLT64_X, 0xcd, R, R, J, Z, 2, "s<") \
	X(JSLE64_K, 0xd5, R, Z, J, I, 2, "s<=") \
	X(JSLE64_X, 0xdd, R, R, J, Z, 2, "s<=") \
	/* Conditional jumps, 32 bits (RFC 9669 section 4.3) */ \
	X(JEQ32_K, 0x16, R, Z, J, I, 3, "==") \
	X(JEQ32_X, 0x1e, R, R, J, Z, 3, "==") \
	X(JGT32_K, 0x26, R, Z, J, I, 3, ">") \
	X(JGT32_X, 0x2e, R, R, J, Z, 3, ">") \
	X(JGE32_K, 0x36, R, Z, J, I, 3, ">=") \
	X(JGE32_X, 0x3e, R, R, J, Z, 3, ">=") \
	X(JSET32_K, 0x46, R, Z, J, I, 3, "&") \
	X(JSET32_X, 0x4e, R, R, J, Z, 3, "&") \
	X(JNE32_K, 0x56, R, Z, J, I, 3, "!=") \
	X(JNE32_X, 0x5e, R, R, J, Z, 3, "!=") \
	X(JSGT32_K, 0x66, R, Z, J, I, 3, "s>") \
	X(JSGT32_X, 0x6e, R, R, J, Z, 3, "s>") \
	X(JSGE32_K, 0x76, R, Z, J, I, 3, "s>=") \
	X(JSGE32_X, 0x7e, R, R, J, Z, 3, "s>=") \
	X(JLT32_K, 0xa6, R, Z, J, I, 3, "<") \
	X(JLT32_X, 0xae, R, R, J, Z, 3, "<") \
	X(JLE32_K, 0xb6, R, Z, J, I, 3, "<=") \
	X(JLE32_X, 0xbe, R, R, J, Z, 3, "<=") \
	X(JSLT32_K, 0xc6, R, Z, J, I, 3, "s<") \
	X(JSLT32_X, 0xce, R, R, J, Z, 3, "s<") \
	X(JSLE32_K, 0xd6, R, Z, J, I, 3, "s<=") \
	X(JSLE32_X, 0xde, R, R, J, Z, 3, "s<=") \
	/* Other jumps, calls, exit */ \
	X(JA, 0x05, Z, Z, J, Z, 1, "goto") \
	X(GOTOL, 0x06, Z, Z, Z, J, 4, "gotol") \
	X(MAY_GOTO, 0xe5, Z, Z, J, Z, 5, "may_goto") \
	X(CALL_HELPER, 0x85, Z, EQ(0), Z, I, 1, "call") \
	X(CALL_SUBPROG, 0x85, Z, EQ(1), Z, J, 1, "call") \
	X(CALL_KFUNC, 0x85, Z, EQ(2), M, I, 1, "call") \
	X(CALLX, 0x8d, R, Z, Z, Z, 6, "callx") \
	X(EXIT, 0x95, Z, Z, Z, Z, 1, "exit") \
	/* Loads (RFC 9669 sections 5.1, 5.2) */ \
	X(LDXW, 0x61, W, R, M, Z, 1, "u32") \
	X(LDXH, 0x69, W, R, M, Z, 1, "u16") \
	X(LDXB, 0x71, W, R, M, Z, 1, "u8") \
	X(LDXDW, 0x79, W, R, M, Z, 1, "u64") \
	X(LDXSW, 0x81, W, R, M, Z, 4, "s32") \
	X(LDXSH, 0x89, W, R, M, Z, 4, "s16") \
	X(LDXSB, 0x91, W, R, M, Z, 4, "s8") \
	/* Loads through kernel pointers (the kernel's BPF_PROBE_MEM, BPF_PROBE_MEMSX): a bad address gives 0 */ \
	X(PROBEW, 0x21, W, R, M, Z, 6, "probe_u32") \
	X(PROBEH, 0x29, W, R, M, Z, 6, "probe_u16") \
	X(PROBEB, 0x31, W, R, M, Z, 6, "probe_u8") \
	X(PROBEDW, 0x39, W, R, M, Z, 6, "probe_u64") \
	X(PROBESW, 0x41, W, R, M, Z, 6, "probe_s32") \
	X(PROBESH, 0x49, W, R, M, Z, 6, "probe_s16") \
	X(PROBESB, 0x51, W, R, M, Z, 6, "probe_s8") \
	/* Stores (RFC 9669 section 5.1) */ \
	X(STW, 0x62, R, Z, M, I, 1, "u32") \
	X(STH, 0x6a, R, Z, M, I, 1, "u16") \
	X(STB, 0x72, R, Z, M, I, 1, "u8") \
	X(STDW, 0x7a, R, Z, M, I, 1, "u64") \
	X(STXW, 0x63, R, R, M, Z, 1, "u32") \
	X(STXH, 0x6b, R, R, M, Z, 1, "u16") \
	X(STXB, 0x73, R, R, M, Z, 1, "u8") \
	X(STXDW, 0x7b, R, R, M, Z, 1, "u64") \
	/* Atomic operations, 32 bits (RFC 9669 section 5.3; load-acquire, store-release: Linux 6.15); imm is the operation */ \
	X(ATOMIC_ADD32, 0xc3, R, R, M, EQ(0x00), 1, "+=") \
	X(ATOMIC_OR32, 0xc3, R, R, M, EQ(0x40), 3, "|=") \
	X(ATOMIC_AND32, 0xc3, R, R, M, EQ(0x50), 3, "&=") \
	X(ATOMIC_XOR32, 0xc3, R, R, M, EQ(0xa0), 3, "^=") \
	X(FETCH_ADD32, 0xc3, R, W, M, EQ(0x01), 3, "atomic_fetch_add") \
	X(FETCH_OR32, 0xc3, R, W, M, EQ(0x41), 3, "atomic_fetch_or") \
	X(FETCH_AND32, 0xc3, R, W, M, EQ(0x51), 3, "atomic_fetch_and") \
	X(FETCH_XOR32, 0xc3, R, W, M, EQ(0xa1), 3, "atomic_fetch_xor") \
	X(XCHG32, 0xc3, R, W, M, EQ(0xe1), 3, "xchg") \
	X(CMPXCHG32, 0xc3, R, R, M, EQ(0xf1), 3, "cmpxchg") \
	X(LDACQW, 0xc3, W, R, M, EQ(0x100), 5, "load_acquire") \
	X(STRELW, 0xc3, R, R, M, EQ(0x110), 5, "store_release") \
	/* Atomic operations, 64 bits (RFC 9669 section 5.3; load-acquire, store-release: Linux 6.15); imm is the operation */ \
	X(ATOMIC_ADD64, 0xdb, R, R, M, EQ(0x00), 1, "+=") \
	X(ATOMIC_OR64, 0xdb, R, R, M, EQ(0x40), 3, "|=") \
	X(ATOMIC_AND64, 0xdb, R, R, M, EQ(0x50), 3, "&=") \
	X(ATOMIC_XOR64, 0xdb, R, R, M, EQ(0xa0), 3, "^=") \
	X(FETCH_ADD64, 0xdb, R, W, M, EQ(0x01), 3, "atomic_fetch_add") \
	X(FETCH_OR64, 0xdb, R, W, M, EQ(0x41), 3, "atomic_fetch_or") \
	X(FETCH_AND64, 0xdb, R, W, M, EQ(0x51), 3, "atomic_fetch_and") \
	X(FETCH_XOR64, 0xdb, R, W, M, EQ(0xa1), 3, "atomic_fetch_xor") \
	X(XCHG64, 0xdb, R, W, M, EQ(0xe1), 3, "xchg") \
	X(CMPXCHG64, 0xdb, R, R, M, EQ(0xf1), 3, "cmpxchg") \
	X(LDACQDW, 0xdb, W, R, M, EQ(0x100), 5, "load_acquire") \
	X(STRELDW, 0xdb, R, R, M, EQ(0x110), 5, "store_release") \
	/* Load-acquire and store-release of narrower sizes (Linux 6.15) */ \
	X(LDACQH, 0xcb, W, R, M, EQ(0x100), 5, "load_acquire") \
	X(STRELH, 0xcb, R, R, M, EQ(0x110), 5, "store_release") \
	X(LDACQB, 0xd3, W, R, M, EQ(0x100), 5, "load_acquire") \
	X(STRELB, 0xd3, R, R, M, EQ(0x110), 5, "store_release") \
	/* 64-bit immediates (RFC 9669 section 5.4); two slots, src says what the immediate denotes */ \
	X(LDIMM64, 0x18, W, EQ(0), Z, I, 1, "ll") \
	X(LD_MAP_FD, 0x18, W, EQ(1), Z, I, 1, "ll") \
	X(LD_MAP_VALUE, 0x18, W, EQ(2), Z, I, 1, "ll") \
	X(LD_VAR, 0x18, W, EQ(3), Z, I, 1, "ll") \
	X(LD_FUNC, 0x18, W, EQ(4), Z, I, 1, "ll") \
	X(LD_MAP_IDX, 0x18, W, EQ(5), Z, I, 1, "ll") \
	X(LD_MAP_IDX_VALUE, 0x18, W, EQ(6), Z, I, 1, "ll") \
	/* Legacy packet access (RFC 9669 section 5.5) */ \
	X(LDABSW, 0x20, Z, Z, Z, I, 1, "u32") \
	X(LDABSH, 0x28, Z, Z, Z, I, 1, "u16") \
	X(LDABSB, 0x30, Z, Z, Z, I, 1, "u8") \
	X(LDINDW, 0x40, Z, R, Z, I, 1, "u32") \
	X(LDINDH, 0x48, Z, R, Z, I, 1, "u16") \
	X(LDINDB, 0x50, Z, R, Z, I, 1, "u8")
/* clang-format on */
