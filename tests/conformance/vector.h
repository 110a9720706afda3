/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Conformance vectors, in the format of ubpf and bpf_conformance: a text file of sections.
 *
 *     -- asm                 the program (casm.h)
 *     -- raw                 the program as bytes ("07 00 ...") or 64-bit words ("0x..."), when there is
 *                            no asm; beside asm, what it must assemble to
 *     -- mem                 bytes that r1 points to; r2 is their number
 *     -- result              r0 at the end
 *     -- error               instead: the program must be refused
 *     -- c, -- no register offset   not for us
 */
#ifndef SKEP_TESTS_CONFORMANCE_VECTOR_H
#define SKEP_TESTS_CONFORMANCE_VECTOR_H

#include "base/uapi.h"

#include <stdbool.h>

struct vector {
	struct bpf_insn *insns; /* NULL when there is none; then why says the reason */
	uint32_t n_insns;
	uint8_t *mem;
	size_t mem_size;
	uint64_t result;
	bool has_result;
	bool error; /* must be refused */
	bool malformed; /* no vector at all: a section or a number that cannot be read */
	char why[256];
};

/* vector_read - read a file; what is wrong with it is said in v->why. */
void vector_read(const char *path, struct vector *v);
void vector_free(struct vector *v);

#endif
