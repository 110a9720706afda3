/* SPDX-License-Identifier: BSD-2-Clause */
/* Visits valid instructions: every row with every register and boundary values of what the row leaves open. */
#ifndef SKEP_TESTS_INSN_ROWS_H
#define SKEP_TESTS_INSN_ROWS_H

#include "insn/insn.h"

/*
 * rows_visit - call @fn for each instruction.
 * @fn: gets the row and the fields (second slot's imm in @more for a wide one)
 */
void rows_visit(void (*fn)(const struct insn_desc *d, uint32_t dst, uint32_t src, int16_t off, int32_t imm,
			   int32_t more));

#endif
