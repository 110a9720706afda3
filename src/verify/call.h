/* SPDX-License-Identifier: BSD-2-Clause */
/* One call of a helper or kfunc, while its arguments are checked, and what the files of calls share. */
#ifndef SKEP_VERIFY_CALL_H
#define SKEP_VERIFY_CALL_H

#include "helper/helper.h"
#include "verify/internal.h"
#include "verify/record.h"

#ifndef ENOTSUPP
#define ENOTSUPP 524 /* the kernel's own */
#endif

struct call {
	uint32_t at; /* the instruction */
	const struct helper_desc *helper; /* NULL: a kfunc */
	const char *name;
	const struct verify_map *map; /* of ARG_CONST_MAP_PTR, or that a timer or kptr lies in */
	uint32_t map_uid;
	bool raw_mode; /* the memory argument is written whole and need not be initialised */
	bool packet_ok; /* takes packet memory */
	uint32_t regno; /* of the memory argument, filled by check_stack_init() */
	uint32_t access_size; /* bytes of it */
	uint64_t mem_size; /* constant allocation size */
	uint64_t max_size; /* upper bound of the size argument */
	bool key_known; /* an array's key that is a constant */
	uint64_t key;
	uint32_t ref_id; /* reference that an argument holds */
	uint32_t release_regno; /* argument whose reference is released */
	uint32_t dynptr_id; /* initialised dynptr argument: */
	uint32_t dynptr_ref_id;
	uint8_t dynptr_kind; /* enum dynptr_kind */
	uint32_t subprog; /* callback */
	const struct btf *btf, *ret_btf;
	uint32_t btf_id, ret_btf_id;
	const struct btf_field *kptr;
};

/* args.c */
int check_arg_offset(struct verifier *v, uint32_t regno, bool release,
		     bool dynptr); /* what must not be moved was not */
int check_const_str(struct verifier *v, uint32_t regno); /* points to a constant string */
const char *const_str(const struct reg *r); /* it, once checked */
int check_format(struct verifier *v, const char *fmt, uint32_t n_args); /* of bpf_snprintf() and kin */
int check_map_field(struct verifier *v, uint32_t regno, enum btf_field_kind kind,
		    struct call *call); /* R points to a timer, work queue, ... */
int check_kptr_match(struct verifier *v, const struct btf_field *kptr,
		     uint32_t regno); /* what R holds may be stored in it */
int check_map_func(struct verifier *v, const struct verify_map *map, uint32_t id,
		   const char *name); /* the helper takes such a map */

/* refs.c */
bool ref_is_held(const struct state *s, uint32_t ref_id);
void reg_invalidate(struct verifier *v, struct reg *r, void *arg);
const char *section_without_sleep(const struct verifier *v);
int check_lock(struct verifier *v, uint32_t regno, enum ref_kind kind, bool take);
int irq_acquire(struct verifier *v);
int irq_release(struct verifier *v, uint32_t id);

/* object.c */
int object_record(struct verifier *v, const struct reg *r,
		  const struct btf_record **out); /* special fields of a map value or allocated object; NULL: none */
static inline bool record_has(const struct btf_record *rec, uint32_t kinds)
{
	return rec && (rec->mask & kinds);
}

int struct_record(struct verifier *v, const struct btf *btf, uint32_t btf_id, const struct btf_record **out);

/* hooks.c */
bool lsm_hook_sleeps(const char *function); /* "bpf_lsm_file_open" */
bool hook_allows(const struct verifier *v, const struct helper_desc *h); /* HELPER_BY_HOOK */

uint32_t helper_type(const struct verifier *v, uint32_t id); /* program type whose row of the helper counts */
bool hook_forbids(const struct verifier *v, uint32_t id); /* the program type has the helper, not at this hook */

/* dynptr.c */
enum dynptr_use { DYNPTR_READ, DYNPTR_CHANGE, DYNPTR_MAKE };
int check_dynptr(struct verifier *v, uint32_t regno, enum dynptr_use use, enum dynptr_kind kind, uint32_t clone_ref_id);
bool dynptr_is_refcounted(enum dynptr_kind kind);
uint32_t dynptr_flag(enum dynptr_kind kind); /* DYNPTR_SKB, ... of a slice */
int dynptr_at(struct verifier *v, uint32_t regno, const struct reg **out); /* its state, as checked before */
int dynptr_release(struct verifier *v, uint32_t regno);
void reg_dynptr(struct verifier *v, struct reg *r, enum dynptr_kind kind); /* handed to a callback */

/* callbacks.c: what a helper hands to the function that it calls */
int setup_for_each(struct verifier *v, struct frame *caller, struct frame *callee, uint32_t at);
int setup_loop(struct verifier *v, struct frame *caller, struct frame *callee, uint32_t at);
int setup_timer(struct verifier *v, struct frame *caller, struct frame *callee, uint32_t at);
int setup_find_vma(struct verifier *v, struct frame *caller, struct frame *callee, uint32_t at);
int setup_ringbuf(struct verifier *v, struct frame *caller, struct frame *callee, uint32_t at);

#endif
