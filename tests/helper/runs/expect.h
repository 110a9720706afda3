/* SPDX-License-Identifier: BSD-2-Clause */
/* What a program of runs/ left in out[] against what it must be. One expectation holds for JIT, interpreter and kernel. */
#ifndef TESTS_HELPER_EXPECT_H
#define TESTS_HELPER_EXPECT_H

#include "../../objects/util.h"

enum { OUT_WORDS = 64 };

/* Not compared: what this word is, is each side's own. */
#define SAME    INT64_MIN
#define WORD(s) word(s)

/* word - the eight bytes of a string. */
int64_t word(const char s[8]);

/* expect_out - out[] begins with these @n words; says which do not. */
void expect_out(struct bpf_object *obj, const int64_t *want, size_t n, const char *file, int line);
#define EXPECT(obj, ...)                                                                                               \
	expect_out(obj, (const int64_t[]){__VA_ARGS__}, sizeof((const int64_t[]){__VA_ARGS__}) / 8, __FILE__, __LINE__)

/* out_of - the words themselves. */
void out_of(struct bpf_object *obj, int64_t out[OUT_WORDS]);

/* variable_of, set_variable - one "long long" of .bss or .data by its name, and where in its section it is. */
int64_t variable_of(struct bpf_object *obj, const char *name);
void set_variable(struct bpf_object *obj, const char *name, int64_t value);
uint32_t variable_offset(struct bpf_object *obj, const char *name);

/* set_constant - give a "const volatile __u64" its value, before loading. */
void set_constant(struct bpf_object *obj, const char *name, uint64_t value);

/* bss_of, put_bss - all of .bss, allocated; written back and freed by put_bss(). out[] must come first in it. */
struct section;
struct section *bss_of(struct bpf_object *obj, size_t *len);
void put_bss(struct bpf_object *obj, struct section *bss);

#endif
