/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kfuncs as data: one row for every kernel function that Linux 6.18 offers to programs, and what its verifier must know of it beside
 * the prototype, which is in BTF.
 *
 * The rows are those that a 6.18 kernel tags "bpf_kfunc" in its BTF; flags and program types are that kernel's own
 * (tests/helper/test_kfuncs.c asks it about each pair). Kfuncs of drivers and options that it lacks (sched_ext, HID, fsverity, signatures, the
 * test modules) are not here: to skep they do not exist.
 *
 * Argument suffixes (__k, __ign, __sz, __szk, __uninit, __alloc, __str, __nullable, __opt, __map, __irq_flag, __prog) are read off BTF by the verifier.
 */
#ifndef SKEP_HELPER_KFUNC_H
#define SKEP_HELPER_KFUNC_H

#include "prog/code.h"

#include <stdbool.h>
#include <stdint.h>

/* The kernel's KF_ flags, by their names and values. */
enum kfunc_flags {
	KFUNC_ACQUIRE = 1 << 0, /* the result is a reference that must be released */
	KFUNC_RELEASE = 1 << 1, /* releases its argument */
	KFUNC_RET_NULL = 1 << 2, /* the result may be NULL */
	KFUNC_TRUSTED_ARGS = 1 << 4, /* pointers must be trusted (or referenced), at offset 0 */
	KFUNC_SLEEPABLE = 1 << 5, /* may sleep: for sleepable programs only */
	KFUNC_DESTRUCTIVE = 1 << 6, /* needs CAP_SYS_BOOT */
	KFUNC_RCU = 1 << 7, /* pointers must be trusted or RCU-protected */
	KFUNC_ITER_NEW = 1 << 8, /* constructor, next and destructor of an open-coded iterator */
	KFUNC_ITER_NEXT = 1 << 9,
	KFUNC_ITER_DESTROY = 1 << 10,
	KFUNC_RCU_PROTECTED = 1 << 11, /* the iterator is valid inside an RCU section only */
	KFUNC_FASTCALL = 1 << 12, /* bpf_fastcall */
	KFUNC_ARENA_RET = 1 << 13, /* returns an arena address */
	KFUNC_ARENA_ARG1 = 1 << 14, /* takes one */
	KFUNC_ARENA_ARG2 = 1 << 15,
};

struct kfunc_desc {
	const char *name;
	const char *kernel; /* the version that brought it, "6.1" */
	uint32_t flags; /* enum kfunc_flags */
	uint64_t prog_types; /* bit n: programs of type n may call it */
	uint64_t attach_types; /* bit n: with attach type n; 0: with any */
	skep_fn fn; /* NULL: skep does not have it */
};

/* Sorted by name. */
extern const struct kfunc_desc kfuncs[];
extern const uint32_t kfuncs_n;

/* kfunc_find - the row of a name, NULL when there is none. */
const struct kfunc_desc *kfunc_find(const char *name);

/* kfunc_allowed - may such a program call it at all? KFUNC_SLEEPABLE and a GPL-compatible licence, which all ask for, are the caller's. */
bool kfunc_allowed(const struct kfunc_desc *k, uint32_t prog_type, uint32_t attach_type);

/*
 * What reading a pointer field of a kernel type gives (the kernel's BTF type safe lists): by the name of the struct that holds the field, and
 * the field's.
 */
enum btf_field_trust {
	BTF_FIELD_UNTRUSTED = 0, /* not listed; in sleepable programs only BTF_FIELD_RCU below differs from it */
	BTF_FIELD_RCU, /* in an RCU section: protected by it */
	BTF_FIELD_RCU_OR_NULL, /* the same, and may be NULL */
	BTF_FIELD_TRUSTED, /* of a trusted object: trusted */
	BTF_FIELD_TRUSTED_OR_NULL,
};

enum btf_field_trust btf_field_trust(const char *type, const char *field);
extern const uint32_t btf_field_trusts_n; /* fields that are listed */

/* btf_type_rcu - may a map hold a pointer to the type that programs read in an RCU section (the kernel's rcu_protected_types)? */
bool btf_type_rcu(const char *type);

/*
 * kfunc_dtor - the function that destroys an object of a type when a map that holds it goes; NULL when the type has none and
 * so may not be a referenced kptr.
 */
const char *kfunc_dtor(const char *type);

#endif
