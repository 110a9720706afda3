/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random programs, most of them nearly right.
 *
 * The generator knows roughly what each register holds (a number, a pointer and how much lies behind it), and writes statements that make sense with
 * that: look-ups with their NULL checks, packet accesses behind bounds checks, numbers that are bounded in one of many ways before they move a
 * pointer, branches, loops, calls. Sizes and bounds are chosen close to the edge, on either side of it. Every third program has an instruction or
 * two changed at random afterwards.
 */
#ifndef SKEP_TESTS_FUZZ_GEN_H
#define SKEP_TESTS_FUZZ_GEN_H

#include "world.h"

void gen_program(struct fuzz_prog *p, uint64_t seed);

#endif
