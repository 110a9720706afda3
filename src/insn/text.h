/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Instructions as text, both ways: what `bpftool prog dump xlated` and the kernel's verifier log print.
 *
 * One table of templates (template.c) says how each operation looks; the disassembler fills a
 * template in, the assembler matches a line against it, so what one writes the other reads.
 */
#ifndef SKEP_INSN_TEXT_H
#define SKEP_INSN_TEXT_H

#include "insn/insn.h"

enum insn_text_flags {
	INSN_TEXT_OPCODE = 1 << 0, /* "(b7) r0 = 0", as bpftool; else "r0 = 0" */
	INSN_TEXT_NUMBER = 1 << 1, /* "   3: " in front: the slot's number */
};

/*
 * How the caller names things. Every callback may be NULL, and may return false for "no name": then
 * the text is one that the assembler reads back. A callback writes a NUL-terminated name of at most
 * @size bytes to @buf.
 */
struct insn_text_opts {
	uint32_t flags;
	void *arg;
	/* The helper's name: "call NAME#ID"; without one "call helper#ID". */
	bool (*helper)(void *arg, uint32_t id, char *buf, size_t size);
	/* The kfunc's name: "call NAME#ID"; without one "call kernel-function#ID", and "@OFF" for a module's. */
	bool (*kfunc)(void *arg, const struct bpf_insn *insn, char *buf, size_t size);
	/* The name of the function that begins at a slot: "call pc+5#NAME"; without one "call pc+5". */
	bool (*subprog)(void *arg, uint32_t slot, char *buf, size_t size);
	/* All of what a pseudo form of a 64-bit immediate denotes: "NAME" in "r1 = NAME"; without one "map[id:3]". */
	bool (*ref)(void *arg, const struct bpf_insn insn[2], char *buf, size_t size);
};

/*
 * insn_text - disassemble one instruction.
 * @insns, @n:  the program; a 64-bit immediate at its end may lack the second slot
 * @at:         which slot
 * @opts:       NULL for the plain text
 * @buf:        the text goes here, cut to @size bytes with the NUL; 128 are enough without callbacks
 *
 * A 64-bit constant ends in " ll" without INSN_TEXT_OPCODE; with it bpftool's form has "(18)" to tell it
 * from a move.
 *
 * Return: the number of slots that the instruction takes, 1 or 2; -EINVAL for one that does not
 * decode, with "(xx) REASON" as its text.
 */
int insn_text(const struct bpf_insn *insns, uint32_t n, uint32_t at, const struct insn_text_opts *opts, char *buf,
	      size_t size);

/* How the assembler finds what text names. Every callback may be NULL. */
struct insn_asm_opts {
	void *arg;
	/* A helper's id for "call NAME"; below 0: no such helper. Not needed for "call NAME#ID". */
	int (*helper)(void *arg, const char *name);
	/* Whether "call NAME" or "call NAME#ID" means a kfunc, and then its BTF id and offset field. */
	bool (*kfunc)(void *arg, const char *name, int32_t *imm, int16_t *off);
};

struct insn_asm_error {
	uint32_t line, column; /* from 1; line 0 when the trouble has no place */
	char message[160];
};

/*
 * insn_asm - assemble a program.
 * @text:   one instruction a line; need not be NUL-terminated
 * @opts:   NULL when nothing needs to be looked up
 * @out:    the program, allocated; the caller's to free()
 * @n:      its slots
 * @error:  filled on failure
 *
 * A line may begin with the slot's number ("3:"), the instruction's bytes in hexadecimal, and the
 * opcode "(b7)", which then must be the instruction's own. Labels ("again:" or llvm-objdump's "0000000000000018
 * <LBB0_2>:") may be used by jumps, calls and subprog[]. Of llvm-objdump's spellings the following are
 * understood: "goto +0x3 <LBB0_2>", "r0 = 5 ll", "call 5", "call 0x2 <f>", "(r1 + 0x8)", w registers in loads and
 * stores, "atomic_fetch_add((u64 *)...", "xchg_64(r1 + 0x0, r2)". Comments begin with ";", "//", or
 * with "#" at the start of a line.
 *
 * Return: 0, -EINVAL with *error, -E2BIG for more than SKEP_MAX_INSNS slots, -ENOMEM.
 */
int insn_asm(const char *text, size_t len, const struct insn_asm_opts *opts, struct bpf_insn **out, uint32_t *n,
	     struct insn_asm_error *error);

/*
 * insn_template - how an operation's text looks. Characters stand for themselves but for:
 *
 *   %d %s  destination, source register: r0        %D %S  the same, w0 for a 32-bit operation
 *   %e %f  destination, source: printed r0, read as w0 too where the memory operand is below 64 bits
 *   %o     the row's sym                           %t     the memory operand's type: u32
 *   %i %x  immediate, decimal or hexadecimal       %m     memory offset: +8
 *   %j     jump: pc+3                              %a     atomic function: atomic64_fetch_add
 *   %h %k %p  helper, kfunc, BPF function called   %l     64-bit immediate
 */
const char *insn_template(const struct insn_desc *d);

/* Further templates that only the assembler takes: llvm's. NULL for an operation that has none. */
const char *insn_template_llvm(const struct insn_desc *d);

/* insn_is_narrow - whether the 32-bit view of registers (w0) is an operation's own. */
bool insn_is_narrow(const struct insn_desc *d);

/* insn_mem_type - the type of an operation's memory operand: "u32". */
const char *insn_mem_type(const struct insn_desc *d);

#endif
