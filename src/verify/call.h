/* SPDX-License-Identifier: BSD-2-Clause */
/* One call of a helper or kfunc, while its arguments are checked. */
#ifndef SKEP_VERIFY_CALL_H
#define SKEP_VERIFY_CALL_H

#include "helper/helper.h"
#include "verify/internal.h"

struct call {
	uint32_t at; /* the instruction */
	const struct helper_desc *helper; /* NULL: a kfunc */
	const char *name;
	const struct verify_map *map; /* of ARG_CONST_MAP_PTR */
	uint32_t map_uid;
	bool raw_mode; /* the memory argument is written whole and need not be initialised */
	bool packet_ok; /* takes packet memory */
	uint32_t regno; /* of the memory argument, filled by check_stack_init() */
	uint32_t access_size; /* bytes of it */
	uint64_t mem_size; /* constant allocation size */
	uint64_t max_size; /* upper bound of the size argument */
	uint32_t ref_id; /* reference that an argument holds */
	uint32_t release_regno; /* argument whose reference is released */
	uint32_t dynptr_id;
	uint32_t subprog; /* callback */
	const struct btf *btf, *ret_btf;
	uint32_t btf_id, ret_btf_id;
	const struct btf_field *kptr;
};

#endif
