/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The JIT: from checked code to machine code that does not depend on an address.
 *
 * jit_compile() makes a jit_object: position-independent bytes plus a relocation table that
 * names refs and helpers by index. jit_link() places an object into executable memory of this
 * process. Memory is written first and made executable once (W^X), never patched after.
 */
#ifndef SKEP_JIT_JIT_H
#define SKEP_JIT_JIT_H

#include "prog/code.h"
#include "prog/env.h"

struct jit_reloc {
	uint32_t offset; /* of the 8-byte absolute address within bytes */
	enum jit_reloc_kind {
		RELOC_REF, /* refs[index].addr + addend */
		RELOC_HELPER, /* helpers[index] */
		RELOC_TEXT, /* address of bytes[index] itself */
		RELOC_LOOKUP, /* map_lookup_of() the map refs[index] */
		RELOC_RUNTIME, /* a routine of the JIT's own: enum jit_runtime, target.h */
	} kind;
	uint32_t index;
	int64_t addend;
};

struct jit_object {
	uint8_t *bytes;
	uint32_t size;
	struct jit_reloc *relocs;
	uint32_t n_relocs;
	uint32_t entry; /* offset of the program's entry, a skep_fn */
	uint32_t *insn_offset; /* n_insns + 1 entries: where the code of each instruction starts */
	uint32_t n_insns;
	uint32_t *func_offset; /* one entry a subprog, ascending: where its code starts, with its prologue */
};

/*
 * jit_compile - translate.
 * Return: 0 with *out owned by the caller (jit_object_free()), -ENOMEM, -EINVAL for code that
 * cannot be compiled, -EOPNOTSUPP where skep has no JIT for this CPU.
 */
int jit_compile(const struct skep_code *code, struct jit_object **out);
void jit_object_free(struct jit_object *obj);

/* Executable code in this process. */
struct jit_text {
	skep_fn entry; /* entry(ctx, 0, 0, 0, 0, env): call it through jit_run() */
	const uint8_t *text;
	size_t size;
};

/*
 * jit_link - place an object: copy, relocate against @code's refs and helpers, make executable.
 * Return: 0, -ENOMEM, or -EPERM where the system forbids executable memory.
 */
int jit_link(const struct jit_object *obj, const struct skep_code *code, struct jit_text *out);
void jit_unlink(struct jit_text *text);

/*
 * jit_run - run a compiled program to its exit, as vm_run() does.
 * jit_run_args - the same with all five argument registers.
 */
uint64_t jit_run(skep_fn entry, void *ctx, struct skep_env *env);
uint64_t jit_run_args(skep_fn entry, const uint64_t args[5], struct skep_env *env);

#endif
