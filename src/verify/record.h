/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The special fields of a map value or an allocated object, found in its BTF: locks, timers, kernel pointers, list and tree
 * roots and nodes. Programs may touch them only by the helpers and kfuncs that are made for them.
 *
 * A struct is walked with its nested structs and arrays, as far as Linux 6.18 does: unions and typedefs are not looked into. What a map may hold is
 * BTF_FIELDS_OF_MAP, and which map types take it btf_record_map_check()'s; an allocated object BTF_FIELDS_OF_OBJECT.
 */
#ifndef SKEP_VERIFY_RECORD_H
#define SKEP_VERIFY_RECORD_H

#include <stdbool.h>
#include <stdint.h>

struct btf;

/* Bits: a mask of them says what to look for. Values are the kernel's enum btf_field_type. */
enum btf_field_kind {
	FIELD_SPIN_LOCK = 1 << 0,
	FIELD_TIMER = 1 << 1,
	FIELD_KPTR_UNREF = 1 << 2, /* __kptr_untrusted */
	FIELD_KPTR_REF = 1 << 3, /* __kptr */
	FIELD_KPTR_PERCPU = 1 << 4, /* __percpu_kptr */
	FIELD_LIST_HEAD = 1 << 5,
	FIELD_LIST_NODE = 1 << 6,
	FIELD_RB_ROOT = 1 << 7,
	FIELD_RB_NODE = 1 << 8,
	FIELD_REFCOUNT = 1 << 9,
	FIELD_WORKQUEUE = 1 << 10,
	FIELD_UPTR = 1 << 11, /* __uptr: a page of user memory, in task storage */
	FIELD_RES_SPIN_LOCK = 1 << 12,
	FIELD_TASK_WORK = 1 << 13,

	FIELD_KPTR = FIELD_KPTR_UNREF | FIELD_KPTR_REF | FIELD_KPTR_PERCPU,
	FIELD_GRAPH_ROOT = FIELD_LIST_HEAD | FIELD_RB_ROOT,
	FIELD_GRAPH_NODE = FIELD_LIST_NODE | FIELD_RB_NODE,

	BTF_FIELDS_OF_MAP = FIELD_SPIN_LOCK | FIELD_RES_SPIN_LOCK | FIELD_TIMER | FIELD_KPTR | FIELD_GRAPH_ROOT |
			    FIELD_REFCOUNT | FIELD_WORKQUEUE | FIELD_TASK_WORK | FIELD_UPTR,
	BTF_FIELDS_OF_OBJECT = FIELD_SPIN_LOCK | FIELD_RES_SPIN_LOCK | FIELD_GRAPH_ROOT | FIELD_GRAPH_NODE |
			       FIELD_REFCOUNT | FIELD_KPTR,
};

enum {
	BTF_FIELDS_MAX = 11, /* fields of one record */
};

struct btf_field {
	uint32_t kind; /* one of enum btf_field_kind */
	uint32_t offset, size; /* bytes */
	union {
		struct { /* FIELD_KPTR, FIELD_UPTR: what it points to */
			const struct btf *btf; /* the kernel's, or the record's when the kernel has no such type */
			uint32_t btf_id;
			bool in_kernel;
		} kptr;
		struct { /* FIELD_GRAPH_ROOT: what it contains */
			uint32_t value_btf_id; /* struct, in the record's BTF */
			uint32_t node_offset; /* of the node in it */
		} graph;
	};
};

struct btf_record {
	const struct btf *btf;
	uint32_t type_id; /* the struct that it describes */
	uint32_t cnt;
	uint32_t mask; /* kinds that there are */
	int32_t spin_lock_off, res_spin_lock_off, timer_off, wq_off, task_work_off, refcount_off; /* -1: none */
	struct btf_field fields[]; /* sorted by offset */
};

/*
 * btf_record_parse - find the special fields of a type.
 * @btf:        where the type is; must outlive the record
 * @type_id:    struct, or data section of variables
 * @value_size: bytes of the value or object
 * @field_mask: enum btf_field_kind: what counts
 * @kernel:     the kernel's BTF, for what kptrs point to; NULL: has no types
 * @out:        NULL when there are no such fields; else the caller's, to free()
 * Return: 0, or the kernel's error: -E2BIG (two of a kind that may be there once, more than BTF_FIELDS_MAX, too deep),
 * -EINVAL (bad tags, a root without a lock, two kinds of lock, two kinds of node without a refcount, a type that has no fields, an array of what may
 * not repeat), -EEXIST (fields overlap), -EFAULT (beyond value_size), -ENOENT (no such node or value type; a kptr to a
 * kernel type that maps may not hold), -ENOMEM.
 */
int btf_record_parse(const struct btf *btf, uint32_t type_id, uint32_t value_size, uint32_t field_mask,
		     const struct btf *kernel, struct btf_record **out);

/*
 * btf_record_map_check - may a map of the type hold these fields?
 * @map_flags: BPF_F_RDONLY_PROG and BPF_F_WRONLY_PROG exclude special fields (-EACCES)
 * Return: 0, -EACCES, -EOPNOTSUPP (not in such maps), -EINVAL or -E2BIG (what a uptr points to).
 */
int btf_record_map_check(const struct btf_record *rec, uint32_t map_type, uint32_t map_flags);

/* btf_record_find - the field of these kinds that begins at an offset, NULL when there is none. */
const struct btf_field *btf_record_find(const struct btf_record *rec, uint32_t offset, uint32_t mask);

/* btf_record_overlap - the first field that shares a byte with [off, off + size), NULL when there is none. */
const struct btf_field *btf_record_overlap(const struct btf_record *rec, uint32_t off, uint32_t size);

/* btf_field_kind_name - "bpf_spin_lock", "kptr", ... */
const char *btf_field_kind_name(uint32_t kind);

#endif
