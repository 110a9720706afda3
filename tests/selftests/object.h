/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One of the kernel's test objects as bytes: what a program in it needs, and the changes that let it be loaded alone.
 *
 * These objects come from clang by way of our own Makefile, so their headers are believed.
 */
#ifndef SKEP_SELFTESTS_OBJECT_H
#define SKEP_SELFTESTS_OBJECT_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct object {
	uint8_t *data;
	size_t len;
	Elf64_Shdr *sections;
	uint32_t n_sections;
	Elf64_Sym *symbols;
	uint32_t n_symbols;
	const char *names; /* of symbols */
	const char *section_names;
	bool *needed; /* per symbol: what object_walk() came across */
};

/* read_object - read a file; -errno. object_free() gives it back. */
int read_object(struct object *o, const char *path);
void object_free(struct object *o);

/*
 * object_hide_tags - overwrite the values of the decl tags that begin with "comment:test_" (expected verdict, expected message, ...), so
 * that nobody who is given the object can read the answer. Lengths and offsets stay.
 */
void object_hide_tags(struct object *o);

/* object_walk - follow program @prog and all functions that it may call, noting in needed[] each symbol that they refer to. */
void object_walk(struct object *o, const char *prog);

/* object_needs - whether object_walk() came across a symbol whose name begins with @prefix. */
bool object_needs(const struct object *o, const char *prefix);

/* object_needs_section - whether it came across one that lies in section @name. */
bool object_needs_section(const struct object *o, const char *name);

/* object_weaken - make undefined symbols that object_walk() has not come across weak: that the kernel lacks them is no matter then. */
void object_weaken(struct object *o);

#endif
