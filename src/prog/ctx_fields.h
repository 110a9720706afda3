/* SPDX-License-Identifier: BSD-2-Clause */
/* The tables behind ctx.h: one row a field. */
#ifndef SKEP_PROG_CTX_FIELDS_H
#define SKEP_PROG_CTX_FIELDS_H

#include "prog/ctx.h"

/* Bit n of such a mask: program type n, attach type n. */
#define CTX_TYPE(t) (1ull << (t))

enum ctx_field_flags {
	FIELD_START = 1 << 0, /* the row is for accesses at its first byte only; others go on to the next rows */
	FIELD_WITHIN = 1 << 1, /* an access must end inside the row */
	FIELD_NO_SEXT = 1 << 2,
	FIELD_CAP_READ = 1 << 3, /* CGROUP_SKB: read needs CAP_BPF */
	FIELD_CAP_WRITE = 1 << 4,
};

struct ctx_field {
	uint16_t off, len;
	uint8_t read, write; /* access sizes that are allowed, as a mask: 1 | 2 | 4 | 8 */
	uint8_t width; /* of the field; 0: of the access */
	uint8_t gives; /* enum ctx_gives */
	uint8_t flags; /* enum ctx_field_flags */
	const char *btf;
	uint64_t readers, writers; /* program types that may; 0: all that have the struct */
	uint64_t read_at, write_at; /* attach types that may; 0: all */
};

struct ctx_table {
	const struct ctx_field *fields;
	uint32_t n;
};

/* By program type; no fields where the context is not described here. */
extern const struct ctx_table ctx_tables[];
/* By enum sock_kind. */
extern const struct ctx_table sock_tables[];

#endif
