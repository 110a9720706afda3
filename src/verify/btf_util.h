/* SPDX-License-Identifier: BSD-2-Clause */
/* What every reader of BTF in the verifier needs, on top of libbpf's. */
#ifndef SKEP_VERIFY_BTF_UTIL_H
#define SKEP_VERIFY_BTF_UTIL_H

#include <bpf/btf.h>

/* btf_strip - the type behind typedefs and qualifiers. @out: its id; may be NULL. Return: NULL only when there is no such id. */
static inline const struct btf_type *btf_strip(const struct btf *btf, uint32_t id, uint32_t *out)
{
	const struct btf_type *t = btf__type_by_id(btf, id);

	while (t && (btf_is_mod(t) || btf_is_typedef(t))) {
		id = t->type;
		t = btf__type_by_id(btf, id);
	}
	if (out)
		*out = id;
	return t;
}

/* btf_type_name - "" for a type without a name. */
static inline const char *btf_type_name(const struct btf *btf, const struct btf_type *t)
{
	const char *name = t ? btf__name_by_offset(btf, t->name_off) : NULL;

	return name ? name : "";
}

#endif
