/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How each operation is compiled: one line per row of insn/optable.h, in its order.
 *
 *   RULE_<op>  {rule, parameter, width}
 *
 * The parameter is the rule's own: an arithmetic or shift operation, a condition, a
 * size. compile.c makes its table by expanding INSN_TABLE with these names, so a row
 * without a line here does not compile.
 */
#ifndef SKEP_JIT_X86_64_RULES_H
#define SKEP_JIT_X86_64_RULES_H

/* One line each: */
/* clang-format off */

/* Arithmetic, 64 bits */
#define RULE_ADD64_K {jx_alu_k, ALU_ADD, W64}
#define RULE_ADD64_X {jx_alu_x, ALU_ADD, W64}
#define RULE_SUB64_K {jx_alu_k, ALU_SUB, W64}
#define RULE_SUB64_X {jx_alu_x, ALU_SUB, W64}
#define RULE_MUL64_K {jx_mul_k, 0, W64}
#define RULE_MUL64_X {jx_mul_x, 0, W64}
#define RULE_DIV64_K {jx_div_k, 0, W64}
#define RULE_SDIV64_K {jx_div_k, DIV_SIGNED, W64}
#define RULE_DIV64_X {jx_div_x, 0, W64}
#define RULE_SDIV64_X {jx_div_x, DIV_SIGNED, W64}
#define RULE_OR64_K {jx_alu_k, ALU_OR, W64}
#define RULE_OR64_X {jx_alu_x, ALU_OR, W64}
#define RULE_AND64_K {jx_alu_k, ALU_AND, W64}
#define RULE_AND64_X {jx_alu_x, ALU_AND, W64}
#define RULE_LSH64_K {jx_shift_k, SHIFT_SHL, W64}
#define RULE_LSH64_X {jx_shift_x, SHIFT_SHL, W64}
#define RULE_RSH64_K {jx_shift_k, SHIFT_SHR, W64}
#define RULE_RSH64_X {jx_shift_x, SHIFT_SHR, W64}
#define RULE_MOD64_K {jx_div_k, DIV_MOD, W64}
#define RULE_SMOD64_K {jx_div_k, DIV_SIGNED | DIV_MOD, W64}
#define RULE_MOD64_X {jx_div_x, DIV_MOD, W64}
#define RULE_SMOD64_X {jx_div_x, DIV_SIGNED | DIV_MOD, W64}
#define RULE_XOR64_K {jx_alu_k, ALU_XOR, W64}
#define RULE_XOR64_X {jx_alu_x, ALU_XOR, W64}
#define RULE_MOV64_K {jx_mov_k, 0, W64}
#define RULE_MOV64_X {jx_mov_x, 0, W64}
#define RULE_MOVSX64_8 {jx_movsx, W8, W64}
#define RULE_MOVSX64_16 {jx_movsx, W16, W64}
#define RULE_MOVSX64_32 {jx_movsx, W32, W64}
#define RULE_ARSH64_K {jx_shift_k, SHIFT_SAR, W64}
#define RULE_ARSH64_X {jx_shift_x, SHIFT_SAR, W64}
#define RULE_NEG64 {jx_neg, 0, W64}

/* Arithmetic, 32 bits */
#define RULE_ADD32_K {jx_alu_k, ALU_ADD, W32}
#define RULE_ADD32_X {jx_alu_x, ALU_ADD, W32}
#define RULE_SUB32_K {jx_alu_k, ALU_SUB, W32}
#define RULE_SUB32_X {jx_alu_x, ALU_SUB, W32}
#define RULE_MUL32_K {jx_mul_k, 0, W32}
#define RULE_MUL32_X {jx_mul_x, 0, W32}
#define RULE_DIV32_K {jx_div_k, 0, W32}
#define RULE_SDIV32_K {jx_div_k, DIV_SIGNED, W32}
#define RULE_DIV32_X {jx_div_x, 0, W32}
#define RULE_SDIV32_X {jx_div_x, DIV_SIGNED, W32}
#define RULE_OR32_K {jx_alu_k, ALU_OR, W32}
#define RULE_OR32_X {jx_alu_x, ALU_OR, W32}
#define RULE_AND32_K {jx_alu_k, ALU_AND, W32}
#define RULE_AND32_X {jx_alu_x, ALU_AND, W32}
#define RULE_LSH32_K {jx_shift_k, SHIFT_SHL, W32}
#define RULE_LSH32_X {jx_shift_x, SHIFT_SHL, W32}
#define RULE_RSH32_K {jx_shift_k, SHIFT_SHR, W32}
#define RULE_RSH32_X {jx_shift_x, SHIFT_SHR, W32}
#define RULE_MOD32_K {jx_div_k, DIV_MOD, W32}
#define RULE_SMOD32_K {jx_div_k, DIV_SIGNED | DIV_MOD, W32}
#define RULE_MOD32_X {jx_div_x, DIV_MOD, W32}
#define RULE_SMOD32_X {jx_div_x, DIV_SIGNED | DIV_MOD, W32}
#define RULE_XOR32_K {jx_alu_k, ALU_XOR, W32}
#define RULE_XOR32_X {jx_alu_x, ALU_XOR, W32}
#define RULE_MOV32_K {jx_mov_k, 0, W32}
#define RULE_MOV32_X {jx_mov_x, 0, W32}
#define RULE_MOVSX32_8 {jx_movsx, W8, W32}
#define RULE_MOVSX32_16 {jx_movsx, W16, W32}
#define RULE_ARSH32_K {jx_shift_k, SHIFT_SAR, W32}
#define RULE_ARSH32_X {jx_shift_x, SHIFT_SAR, W32}
#define RULE_NEG32 {jx_neg, 0, W32}

/* Byte swaps */
#define RULE_LE16 {jx_le, 0, W16}
#define RULE_LE32 {jx_le, 0, W32}
#define RULE_LE64 {jx_le, 0, W64}
#define RULE_BE16 {jx_be, 0, W16}
#define RULE_BE32 {jx_be, 0, W32}
#define RULE_BE64 {jx_be, 0, W64}
#define RULE_BSWAP16 {jx_be, 0, W16}
#define RULE_BSWAP32 {jx_be, 0, W32}
#define RULE_BSWAP64 {jx_be, 0, W64}

/* Conditional jumps, 64 bits */
#define RULE_JEQ64_K {jx_jcc_k, CC_E, W64}
#define RULE_JEQ64_X {jx_jcc_x, CC_E, W64}
#define RULE_JGT64_K {jx_jcc_k, CC_A, W64}
#define RULE_JGT64_X {jx_jcc_x, CC_A, W64}
#define RULE_JGE64_K {jx_jcc_k, CC_AE, W64}
#define RULE_JGE64_X {jx_jcc_x, CC_AE, W64}
#define RULE_JSET64_K {jx_jset_k, CC_NE, W64}
#define RULE_JSET64_X {jx_jset_x, CC_NE, W64}
#define RULE_JNE64_K {jx_jcc_k, CC_NE, W64}
#define RULE_JNE64_X {jx_jcc_x, CC_NE, W64}
#define RULE_JSGT64_K {jx_jcc_k, CC_G, W64}
#define RULE_JSGT64_X {jx_jcc_x, CC_G, W64}
#define RULE_JSGE64_K {jx_jcc_k, CC_GE, W64}
#define RULE_JSGE64_X {jx_jcc_x, CC_GE, W64}
#define RULE_JLT64_K {jx_jcc_k, CC_B, W64}
#define RULE_JLT64_X {jx_jcc_x, CC_B, W64}
#define RULE_JLE64_K {jx_jcc_k, CC_BE, W64}
#define RULE_JLE64_X {jx_jcc_x, CC_BE, W64}
#define RULE_JSLT64_K {jx_jcc_k, CC_L, W64}
#define RULE_JSLT64_X {jx_jcc_x, CC_L, W64}
#define RULE_JSLE64_K {jx_jcc_k, CC_LE, W64}
#define RULE_JSLE64_X {jx_jcc_x, CC_LE, W64}

/* Conditional jumps, 32 bits */
#define RULE_JEQ32_K {jx_jcc_k, CC_E, W32}
#define RULE_JEQ32_X {jx_jcc_x, CC_E, W32}
#define RULE_JGT32_K {jx_jcc_k, CC_A, W32}
#define RULE_JGT32_X {jx_jcc_x, CC_A, W32}
#define RULE_JGE32_K {jx_jcc_k, CC_AE, W32}
#define RULE_JGE32_X {jx_jcc_x, CC_AE, W32}
#define RULE_JSET32_K {jx_jset_k, CC_NE, W32}
#define RULE_JSET32_X {jx_jset_x, CC_NE, W32}
#define RULE_JNE32_K {jx_jcc_k, CC_NE, W32}
#define RULE_JNE32_X {jx_jcc_x, CC_NE, W32}
#define RULE_JSGT32_K {jx_jcc_k, CC_G, W32}
#define RULE_JSGT32_X {jx_jcc_x, CC_G, W32}
#define RULE_JSGE32_K {jx_jcc_k, CC_GE, W32}
#define RULE_JSGE32_X {jx_jcc_x, CC_GE, W32}
#define RULE_JLT32_K {jx_jcc_k, CC_B, W32}
#define RULE_JLT32_X {jx_jcc_x, CC_B, W32}
#define RULE_JLE32_K {jx_jcc_k, CC_BE, W32}
#define RULE_JLE32_X {jx_jcc_x, CC_BE, W32}
#define RULE_JSLT32_K {jx_jcc_k, CC_L, W32}
#define RULE_JSLT32_X {jx_jcc_x, CC_L, W32}
#define RULE_JSLE32_K {jx_jcc_k, CC_LE, W32}
#define RULE_JSLE32_X {jx_jcc_x, CC_LE, W32}

/* Other jumps, calls, exit */
#define RULE_JA {jx_ja, 0, W64}
#define RULE_GOTOL {jx_ja, 0, W64}
#define RULE_MAY_GOTO {jx_may_goto, 0, W64}
#define RULE_CALL_HELPER {jx_call_helper, 0, W64}
#define RULE_CALL_SUBPROG {jx_call_subprog, 0, W64}
#define RULE_CALL_KFUNC {jx_call_kfunc, 0, W64}
#define RULE_CALLX {jx_callx, 0, W64}
#define RULE_EXIT {jx_exit, 0, W64}

/* Loads */
#define RULE_LDXW {jx_load, 0, W32}
#define RULE_LDXH {jx_load, 0, W16}
#define RULE_LDXB {jx_load, 0, W8}
#define RULE_LDXDW {jx_load, 0, W64}
#define RULE_LDXSW {jx_load_sign, 0, W32}
#define RULE_LDXSH {jx_load_sign, 0, W16}
#define RULE_LDXSB {jx_load_sign, 0, W8}
#define RULE_PROBEW {jx_probe, 4, W64}
#define RULE_PROBEH {jx_probe, 2, W64}
#define RULE_PROBEB {jx_probe, 1, W64}
#define RULE_PROBEDW {jx_probe, 8, W64}
#define RULE_PROBESW {jx_probe_sign, 4, W64}
#define RULE_PROBESH {jx_probe_sign, 2, W64}
#define RULE_PROBESB {jx_probe_sign, 1, W64}

/* Stores */
#define RULE_STW {jx_store_k, 0, W32}
#define RULE_STH {jx_store_k, 0, W16}
#define RULE_STB {jx_store_k, 0, W8}
#define RULE_STDW {jx_store_k, 0, W64}
#define RULE_STXW {jx_store_x, 0, W32}
#define RULE_STXH {jx_store_x, 0, W16}
#define RULE_STXB {jx_store_x, 0, W8}
#define RULE_STXDW {jx_store_x, 0, W64}

/* Atomic operations, 32 bits */
#define RULE_ATOMIC_ADD32 {jx_atomic, ALU_ADD, W32}
#define RULE_ATOMIC_OR32 {jx_atomic, ALU_OR, W32}
#define RULE_ATOMIC_AND32 {jx_atomic, ALU_AND, W32}
#define RULE_ATOMIC_XOR32 {jx_atomic, ALU_XOR, W32}
#define RULE_FETCH_ADD32 {jx_fetch_add, 0, W32}
#define RULE_FETCH_OR32 {jx_fetch, ALU_OR, W32}
#define RULE_FETCH_AND32 {jx_fetch, ALU_AND, W32}
#define RULE_FETCH_XOR32 {jx_fetch, ALU_XOR, W32}
#define RULE_XCHG32 {jx_atomic_xchg, 0, W32}
#define RULE_CMPXCHG32 {jx_atomic_cmpxchg, 0, W32}

/* Atomic operations, 64 bits */
#define RULE_ATOMIC_ADD64 {jx_atomic, ALU_ADD, W64}
#define RULE_ATOMIC_OR64 {jx_atomic, ALU_OR, W64}
#define RULE_ATOMIC_AND64 {jx_atomic, ALU_AND, W64}
#define RULE_ATOMIC_XOR64 {jx_atomic, ALU_XOR, W64}
#define RULE_FETCH_ADD64 {jx_fetch_add, 0, W64}
#define RULE_FETCH_OR64 {jx_fetch, ALU_OR, W64}
#define RULE_FETCH_AND64 {jx_fetch, ALU_AND, W64}
#define RULE_FETCH_XOR64 {jx_fetch, ALU_XOR, W64}
#define RULE_XCHG64 {jx_atomic_xchg, 0, W64}
#define RULE_CMPXCHG64 {jx_atomic_cmpxchg, 0, W64}

/* Load-acquire and store-release: on x86 every load and store is one */
#define RULE_LDACQW {jx_load, 0, W32}
#define RULE_STRELW {jx_store_x, 0, W32}
#define RULE_LDACQH {jx_load, 0, W16}
#define RULE_STRELH {jx_store_x, 0, W16}
#define RULE_LDACQB {jx_load, 0, W8}
#define RULE_STRELB {jx_store_x, 0, W8}
#define RULE_LDACQDW {jx_load, 0, W64}
#define RULE_STRELDW {jx_store_x, 0, W64}

/* 64-bit immediates */
#define RULE_LDIMM64 {jx_imm64, 0, W64}
#define RULE_LD_MAP_FD {jx_ref, 0, W64}
#define RULE_LD_MAP_VALUE {jx_map_value, 0, W64}
#define RULE_LD_VAR {jx_ref, 0, W64}
#define RULE_LD_FUNC {jx_func_addr, 0, W64}
#define RULE_LD_MAP_IDX {jx_refuse, 0, W64}
#define RULE_LD_MAP_IDX_VALUE {jx_refuse, 0, W64}

/* Legacy packet access */
#define RULE_LDABSW {jx_packet_abs, 0, W32}
#define RULE_LDABSH {jx_packet_abs, 0, W16}
#define RULE_LDABSB {jx_packet_abs, 0, W8}
#define RULE_LDINDW {jx_packet_ind, 0, W32}
#define RULE_LDINDH {jx_packet_ind, 0, W16}
#define RULE_LDINDB {jx_packet_ind, 0, W8}

/* clang-format on */

#endif
