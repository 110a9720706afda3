/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kernel objects: what a load through a pointer with a BTF type gives.
 *
 * A load at an offset of a struct finds the member there, through nested structs, unions and arrays. A member that is a number gives a number; one that is a
 * pointer to a struct gives a pointer to that type, which is as trustworthy as the tables of helper/kfunc.h, tags in BTF and the RCU section at hand make it; any other
 * pointer gives memory that may be read, and that the engine probes.
 */
#include "base/util.h"
#include "btf/types.h"
#include "helper/kfunc.h"
#include "verify/internal.h"
#include "verify/record.h"

#include <bpf/btf.h>
#include <errno.h>
#include <string.h>

enum { KERNEL_ENOTSUPP = 524 };

uint32_t kernel_type(const struct verifier *v, const char *name)
{
	uint32_t id = kernel_types_find(v->in->types, name, BTF_KIND_STRUCT);

	return id ? id : kernel_types_find(v->in->types, name, BTF_KIND_UNION);
}

static bool is_kernel(const struct verifier *v, const struct btf *btf)
{
	for (uint32_t i = 0; i < v->in->n_btfs; i++)
		if (v->in->btfs[i] == btf)
			return true;
	return false;
}

static const struct btf_type *strip(const struct btf *btf, uint32_t id, uint32_t *out)
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

static const char *type_name(const struct btf *btf, const struct btf_type *t)
{
	return btf__name_by_offset(btf, t->name_off);
}

/* One step into a struct. */
struct walk {
	const struct btf *btf;
	int32_t off;
	uint32_t size;
	uint32_t id; /* the struct to look in; after WALK_STRUCT or WALK_PTR what was found */
	uint32_t flags; /* MEM_USER, MEM_PERCPU, MEM_RCU, PTR_UNTRUSTED */
	const char *field;
	bool quiet; /* a miss is an answer, no refusal */
};

static int miss(struct verifier *v, const struct walk *w, int err, const char *what, const struct btf_type *t)
{
	if (w->quiet)
		return err;
	return refuse(v, err, PROBLEM_BTF_ACCESS, "%s struct %s at off %d size %u", what, type_name(w->btf, t), w->off,
		      w->size);
}

/* Arrays of arrays as one. */
static const struct btf_type *element(const struct btf *btf, const struct btf_type *t, uint32_t *id, uint64_t *n)
{
	*n = 1;
	while (t && btf_is_array(t)) {
		*n *= btf_array(t)->nelems;
		t = strip(btf, btf_array(t)->type, id);
	}
	return t;
}

static uint32_t tag_flags(const struct btf *btf, uint32_t id)
{
	const struct btf_type *t = btf__type_by_id(btf, id);
	const char *tag = t && btf_is_type_tag(t) && !btf_kflag(t) ? type_name(btf, t) : "";

	return !strcmp(tag, "user")     ? MEM_USER
	       : !strcmp(tag, "percpu") ? MEM_PERCPU
	       : !strcmp(tag, "rcu")    ? MEM_RCU
					: 0;
}

/* Behind the end a struct may go on with the array of unknown length that it ends in. */
static int behind_end(const struct btf *btf, const struct btf_type *t, int32_t *off, const struct btf_type **next)
{
	uint32_t n = btf_vlen(t);
	const struct btf_member *m = btf_members(t) + (n ? n - 1 : 0);
	const struct btf_type *a = n ? strip(btf, m->type, NULL) : NULL;
	int32_t at;

	if (!a || !btf_is_array(a) || btf_array(a)->nelems)
		return -EACCES;
	at = (int32_t)(btf_member_bit_offset(t, n - 1) / 8);
	if (*off < at)
		return -EACCES;
	a = strip(btf, btf_array(a)->type, NULL);
	if (a && btf_is_int(a))
		return WALK_SCALAR;
	if (!a || !btf_is_composite(a) || !a->size)
		return -EACCES;
	*off = (*off - at) % (int32_t)a->size;
	*next = a;
	return WALK_STRUCT;
}

static int walk_member(struct verifier *v, struct walk *w, const struct btf_type *t, const struct btf_type *mtype,
		       uint32_t mid, int32_t at, int32_t end, uint32_t msize, const char *name)
{
	const struct btf_type *to;
	uint32_t id;

	if (btf_is_ptr(mtype)) {
		if (msize != w->size || w->off != at)
			return miss(v, w, -EACCES, "pointer members are read whole: no access to", t);
		to = strip(w->btf, mtype->type, &id);
		if (!to || !btf_is_composite(to))
			return WALK_PTR_UNTRUSTED;
		w->flags |= tag_flags(w->btf, mtype->type);
		w->id = id;
		w->field = name;
		return WALK_PTR;
	}
	(void)mid;
	if (w->off + (int32_t)w->size > end && !(w->flags & PTR_UNTRUSTED))
		return miss(v, w, -EACCES, "access beyond the end of a member of", t);
	return WALK_SCALAR;
}

static int walk_step(struct verifier *v, struct walk *w)
{
	const struct btf_type *t = strip(w->btf, w->id, NULL), *next = NULL;

again:
	if (!t || !btf_is_composite(t))
		return w->quiet ? -EINVAL
				: refuse(v, -EINVAL, PROBLEM_BTF_ACCESS, "access to a type that is no struct");
	if (btf_is_union(t) && btf_vlen(t) != 1)
		w->flags |= PTR_UNTRUSTED;
	if ((int64_t)w->off + w->size > t->size) {
		int how = behind_end(w->btf, t, &w->off, &next);

		if (how == WALK_SCALAR)
			return how;
		if (how != WALK_STRUCT)
			return miss(v, w, -EACCES, "access beyond", t);
		t = next;
		goto again;
	}
	for (uint32_t i = 0; i < btf_vlen(t); i++) {
		const struct btf_member *m = btf_members(t) + i;
		uint32_t bit = btf_member_bit_offset(t, i), bits = btf_member_bitfield_size(t, i), mid;
		const struct btf_type *mtype;
		int32_t at = (int32_t)(bit / 8), end;
		uint64_t n;
		int64_t msize;

		if (w->off + (int32_t)w->size <= at)
			break;
		if (bits) {
			if (w->off <= at && (int32_t)((bit + bits + 7) / 8) <= w->off + (int32_t)w->size)
				return WALK_SCALAR;
			continue;
		}
		if (w->off < at)
			break;
		msize = btf__resolve_size(w->btf, m->type);
		if (msize < 0)
			return miss(v, w, -EFAULT, "a member without size in", t);
		end = at + (int32_t)msize;
		if (w->off >= end)
			continue;
		mtype = strip(w->btf, m->type, &mid);
		mtype = element(w->btf, mtype, &mid, &n);
		if (!mtype || !n)
			return miss(v, w, -EFAULT, "an empty member in", t);
		msize /= (int64_t)n;
		if (n > 1 && msize)
			at += (w->off - at) / (int32_t)msize * (int32_t)msize;
		if (btf_is_composite(mtype)) {
			if (w->off == at) {
				w->id = mid;
				return WALK_STRUCT;
			}
			w->off -= at;
			t = mtype;
			goto again;
		}
		return walk_member(v, w, t, mtype, mid, at, end, (uint32_t)msize,
				   btf__name_by_offset(w->btf, m->name_off));
	}
	return miss(v, w, -EINVAL, "no field there: access to", t);
}

int btf_walk(struct verifier *v, const struct reg *r, int32_t off, uint32_t size, int rw, uint32_t *btf_id,
	     uint32_t *flags, const char **field)
{
	struct walk w = {.btf = r->btf, .off = off, .size = size, .id = r->btf_id};
	int how;

	(void)rw;
	*flags = 0;
	do {
		how = walk_step(v, &w);
		if (how == WALK_STRUCT)
			w.off = 0;
	} while (how == WALK_STRUCT);
	if (how == WALK_PTR && (r->type & MEM_ALLOC))
		return WALK_SCALAR; /* a program's own pointers are just numbers */
	if (how == WALK_PTR || how == WALK_PTR_UNTRUSTED) {
		*btf_id = w.id;
		*flags = w.flags;
		*field = w.field;
	}
	return how;
}

bool btf_is_same_type(struct verifier *v, const struct btf *a, uint32_t a_id, int32_t off, const struct btf *b,
		      uint32_t b_id, bool strict)
{
	struct walk w = {.btf = a, .off = off, .size = 1, .id = a_id, .quiet = true};

	if (!off && a == b && a_id == b_id)
		return true;
	if (strict || off < 0)
		return false;
	/* The struct that begins there: the first member of the first member ... */
	for (int depth = 0; depth < 64; depth++) {
		if (walk_step(v, &w) != WALK_STRUCT)
			return false;
		if (a == b && w.id == b_id)
			return true;
		w.off = 0;
	}
	return false;
}

/* Loads through such pointers */

static void load_found(struct verifier *v, struct reg *to, int how, const struct btf *btf, uint32_t id, uint32_t flags)
{
	switch (how) {
	case WALK_PTR:
		reg_btf(v, to, REG_BTF, btf, id, flags);
		break;
	case WALK_PTR_UNTRUSTED:
		reg_pointer(to, REG_MEM | MEM_RDONLY | PTR_UNTRUSTED);
		break;
	default:
		reg_unknown(to);
		break;
	}
}

bool reg_is_trusted(const struct reg *r)
{
	const uint32_t flags = r->type & ~0xffu, good = PTR_TRUSTED | MEM_ALLOC;

	if (r->ref_id)
		return true;
	switch (REG_BASE(r->type)) {
	case REG_CTX:
	case REG_SOCKET:
	case REG_SOCK_COMMON:
	case REG_TCP_SOCK:
		if (!(flags & ~(good | NON_OWN_REF)))
			return true;
		break;
	default:
		break;
	}
	return (flags & good) && !(flags & ~(good | NON_OWN_REF));
}

/* How far a pointer can be trusted that was read from a field of r. */
static uint32_t trust(struct verifier *v, const struct reg *r, uint32_t flags, const char *field)
{
	const struct btf_type *t = btf__type_by_id(r->btf, r->btf_id);
	const uint32_t trusted = PTR_TRUSTED | MEM_RCU | PTR_UNTRUSTED;
	enum btf_field_trust how;

	if (r->type & PTR_UNTRUSTED)
		return PTR_UNTRUSTED;
	if (!reg_is_trusted(r) && !(r->type & MEM_RCU))
		return flags & ~trusted;
	how = field && t ? btf_field_trust(type_name(r->btf, t), field) : BTF_FIELD_UNTRUSTED;
	if (how == BTF_FIELD_TRUSTED)
		return flags | PTR_TRUSTED;
	if (how == BTF_FIELD_TRUSTED_OR_NULL)
		return flags | PTR_TRUSTED | PTR_NULL;
	if (!in_rcu(v) || (r->type & PTR_NULL))
		return PTR_UNTRUSTED;
	if (how == BTF_FIELD_RCU)
		return flags | MEM_RCU;
	if ((flags & MEM_RCU) || how == BTF_FIELD_RCU_OR_NULL) {
		flags |= MEM_RCU | PTR_NULL;
		if (how == BTF_FIELD_RCU_OR_NULL)
			flags &= ~(uint32_t)PTR_UNTRUSTED;
		return flags;
	}
	if (flags & (MEM_PERCPU | MEM_USER))
		return flags;
	return flags & ~trusted;
}

/* What programs of a few types may write of kernel objects. */
static bool writable_field(const struct verifier *v, const struct reg *r, int32_t off, uint32_t size)
{
	static const struct {
		const char *type, *field;
	} fields[] = {
		{"nf_conn", "mark"},
	};
	const struct btf_type *t = btf__type_by_id(r->btf, r->btf_id);

	if (v->prog_type != BPF_PROG_TYPE_XDP && v->prog_type != BPF_PROG_TYPE_SCHED_CLS &&
	    v->prog_type != BPF_PROG_TYPE_SCHED_ACT)
		return false;
	for (size_t i = 0; t && i < ARRAY_SIZE(fields); i++) {
		if (strcmp(type_name(r->btf, t), fields[i].type) != 0)
			continue;
		for (uint32_t k = 0; k < btf_vlen(t); k++) {
			const struct btf_member *m = btf_members(t) + k;
			int32_t at = (int32_t)(btf_member_bit_offset(t, k) / 8);

			if (!strcmp(btf__name_by_offset(r->btf, m->name_off), fields[i].field))
				return off >= at &&
				       off + (int32_t)size <= at + (int32_t)btf__resolve_size(r->btf, m->type);
		}
	}
	return false;
}

static const struct btf_record *object_record(const struct reg *r);

int check_btf_access(struct verifier *v, uint32_t regno, int32_t off, uint32_t size, int rw, int32_t value_reg)
{
	const struct reg *r = &cur_regs(v)[regno], copy = *r;
	const struct btf_type *t = btf__type_by_id(r->btf, r->btf_id);
	const char *name = t ? type_name(r->btf, t) : "", *field = NULL;
	uint32_t id = 0, flags = 0;
	int how;

	if (!v->allow_ptr_leaks)
		return refuse(v, -EPERM, PROBLEM_BTF_ACCESS,
			      "'struct %s' access is allowed only to CAP_PERFMON and CAP_SYS_ADMIN", name);
	if (!v->in->gpl && is_kernel(v, r->btf))
		return refuse(v, -EINVAL, PROBLEM_GPL,
			      "Cannot access kernel 'struct %s' from non-GPL compatible program", name);
	if (off < 0)
		return refuse(v, -EACCES, PROBLEM_BTF_ACCESS, "R%u is ptr_%s invalid negative access: off=%d", regno,
			      name, off);
	if (!scalar_is_const(&r->var) || r->var.bits.value)
		return refuse(v, -EACCES, PROBLEM_BTF_ACCESS, "R%u is ptr_%s invalid variable offset: off=%d", regno,
			      name, off);
	if (r->type & MEM_USER)
		return refuse(v, -EACCES, PROBLEM_BTF_ACCESS, "R%u is ptr_%s access user memory: off=%d", regno, name,
			      off);
	if (r->type & MEM_PERCPU)
		return refuse(v, -EACCES, PROBLEM_BTF_ACCESS, "R%u is ptr_%s access percpu memory: off=%d", regno, name,
			      off);
	if (rw == MEM_WRITE && !(r->type & MEM_ALLOC)) {
		if (v->prog_type == BPF_PROG_TYPE_STRUCT_OPS)
			return refuse(v, -EACCES, PROBLEM_NOT_SUPPORTED,
				      "stores to kernel objects from struct_ops programs: skep cannot judge them yet");
		if (!writable_field(v, r, off, size))
			return refuse(v, -EACCES, PROBLEM_READ_ONLY, "only read is supported");
		return 0;
	}
	/* Stores only to objects that the program allocated and still owns. */
	if (rw == MEM_WRITE && REG_BASE(r->type) == REG_BTF && (r->type & (PTR_UNTRUSTED | MEM_RCU)))
		return refuse(v, -EACCES, PROBLEM_READ_ONLY, "only read is supported");
	if ((r->type & MEM_ALLOC) && !is_kernel(v, r->btf)) {
		const struct btf_record *rec = object_record(r);
		const struct btf_field *f = rec ? btf_record_overlap(rec, (uint32_t)off, size) : NULL;

		if (f)
			return refuse(v, -EACCES, PROBLEM_BTF_ACCESS, "direct access to %s is disallowed",
				      btf_field_kind_name(f->kind));
	}
	how = btf_walk(v, r, off, size, rw, &id, &flags, &field);
	if (how < 0)
		return how;
	if (rw == MEM_WRITE || value_reg < 0)
		return 0;
	if (how == WALK_PTR)
		flags = trust(v, &copy, flags, field);
	load_found(v, &cur_regs(v)[value_reg], how, copy.btf, id, flags);
	return 0;
}

static const struct btf_record *object_record(const struct reg *r)
{
	return reg_record(r);
}

/* struct bpf_map and what a map type puts around it */

static const char *const map_structs[] = {
	[BPF_MAP_TYPE_HASH] = "bpf_htab",
	[BPF_MAP_TYPE_ARRAY] = "bpf_array",
	[BPF_MAP_TYPE_PROG_ARRAY] = "bpf_array",
	[BPF_MAP_TYPE_PERF_EVENT_ARRAY] = "bpf_array",
	[BPF_MAP_TYPE_PERCPU_HASH] = "bpf_htab",
	[BPF_MAP_TYPE_PERCPU_ARRAY] = "bpf_array",
	[BPF_MAP_TYPE_STACK_TRACE] = "bpf_stack_map",
	[BPF_MAP_TYPE_CGROUP_ARRAY] = "bpf_array",
	[BPF_MAP_TYPE_LRU_HASH] = "bpf_htab",
	[BPF_MAP_TYPE_LRU_PERCPU_HASH] = "bpf_htab",
	[BPF_MAP_TYPE_LPM_TRIE] = "lpm_trie",
	[BPF_MAP_TYPE_ARRAY_OF_MAPS] = "bpf_array",
	[BPF_MAP_TYPE_HASH_OF_MAPS] = "bpf_htab",
	[BPF_MAP_TYPE_DEVMAP] = "bpf_dtab",
	[BPF_MAP_TYPE_SOCKMAP] = "bpf_stab",
	[BPF_MAP_TYPE_CPUMAP] = "bpf_cpu_map",
	[BPF_MAP_TYPE_XSKMAP] = "xsk_map",
	[BPF_MAP_TYPE_SOCKHASH] = "bpf_shtab",
	[BPF_MAP_TYPE_CGROUP_STORAGE] = "bpf_cgroup_storage_map",
	[BPF_MAP_TYPE_REUSEPORT_SOCKARRAY] = "reuseport_array",
	[BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE] = "bpf_cgroup_storage_map",
	[BPF_MAP_TYPE_QUEUE] = "bpf_queue_stack",
	[BPF_MAP_TYPE_STACK] = "bpf_queue_stack",
	[BPF_MAP_TYPE_SK_STORAGE] = "bpf_local_storage_map",
	[BPF_MAP_TYPE_DEVMAP_HASH] = "bpf_dtab",
	[BPF_MAP_TYPE_STRUCT_OPS] = "bpf_struct_ops_map",
	[BPF_MAP_TYPE_RINGBUF] = "bpf_ringbuf_map",
	[BPF_MAP_TYPE_INODE_STORAGE] = "bpf_local_storage_map",
	[BPF_MAP_TYPE_TASK_STORAGE] = "bpf_local_storage_map",
	[BPF_MAP_TYPE_BLOOM_FILTER] = "bpf_bloom_filter",
	[SKEP_MAP_TYPE_USER_RINGBUF] = "bpf_ringbuf_map",
	[SKEP_MAP_TYPE_CGRP_STORAGE] = "bpf_local_storage_map",
	[SKEP_MAP_TYPE_ARENA] = "bpf_arena",
};

int check_map_ptr_access(struct verifier *v, uint32_t regno, int32_t off, uint32_t size, int rw, int32_t value_reg)
{
	const struct reg *r = &cur_regs(v)[regno];
	const char *name = r->map->type < ARRAY_SIZE(map_structs) ? map_structs[r->map->type] : NULL, *field = NULL;
	uint32_t id = name ? kernel_type(v, name) : 0, flags = 0;
	struct reg as;
	int how;

	if (!id)
		return refuse(v, -KERNEL_ENOTSUPP, PROBLEM_BTF_ACCESS, "map_ptr access not supported for map type %u",
			      r->map->type);
	if (!v->allow_ptr_leaks)
		return refuse(v, -EPERM, PROBLEM_BTF_ACCESS,
			      "'struct %s' access is allowed only to CAP_PERFMON and CAP_SYS_ADMIN", name);
	if (off < 0)
		return refuse(v, -EACCES, PROBLEM_BTF_ACCESS, "R%u is %s invalid negative access: off=%d", regno, name,
			      off);
	if (rw != MEM_READ)
		return refuse(v, -EACCES, PROBLEM_READ_ONLY, "only read from %s is supported", name);
	reg_pointer(&as, REG_BTF);
	as.btf = v->in->btfs[0];
	as.btf_id = id;
	how = btf_walk(v, &as, off, size, rw, &id, &flags, &field);
	if (how < 0)
		return how;
	if (value_reg >= 0)
		load_found(v, &cur_regs(v)[value_reg], how, as.btf, id, flags);
	return 0;
}

/* Pointers to kernel objects in map values */

static bool rcu_safe(const struct btf_field *f)
{
	const struct btf_type *t;

	if (f->kind == FIELD_KPTR_PERCPU)
		return true;
	if (f->kind != FIELD_KPTR_REF)
		return false;
	if (!f->kptr.in_kernel)
		return true;
	t = btf__type_by_id(f->kptr.btf, f->kptr.btf_id);
	return t && btf_type_rcu(type_name(f->kptr.btf, t));
}

uint32_t kptr_flags(struct verifier *v, const struct btf_field *f)
{
	if (!rcu_safe(f) || !in_rcu(v))
		return PTR_NULL | PTR_UNTRUSTED;
	if (f->kind == FIELD_KPTR_PERCPU)
		return PTR_NULL | MEM_RCU | MEM_PERCPU;
	return PTR_NULL | MEM_RCU | (f->kptr.in_kernel ? 0 : MEM_ALLOC);
}

int check_kptr_value(struct verifier *v, uint32_t regno, const struct btf_field *f)
{
	const struct reg *r = &cur_regs(v)[regno];
	uint32_t allowed = PTR_NULL;
	char name[64];
	int err;

	if (REG_BASE(r->type) == REG_BTF) {
		if (is_kernel(v, r->btf))
			allowed |= PTR_TRUSTED | MEM_RCU | (f->kind == FIELD_KPTR_UNREF ? PTR_UNTRUSTED : 0);
		else
			allowed |= MEM_ALLOC | (f->kind == FIELD_KPTR_PERCPU ? MEM_PERCPU : 0);
		if (!(r->type & ~(allowed | 0xff))) {
			err = check_ptr_offset(v, r, regno, true);
			if (err)
				return -EACCES;
			if (btf_is_same_type(v, r->btf, r->btf_id, r->off, f->kptr.btf, f->kptr.btf_id,
					     f->kind != FIELD_KPTR_UNREF))
				return 0;
		}
	}
	return refuse(v, -EACCES, PROBLEM_ARG_TYPE, "invalid kptr access, R%u type=%s is not what the map holds", regno,
		      reg_type_name(r->type, name));
}

int check_kptr_access(struct verifier *v, uint32_t regno, const struct btf_field *kptr, int rw, int32_t value_reg,
		      uint32_t insn)
{
	uint8_t class = BPF_CLASS(v->insns[insn].code);

	(void)regno;
	if (BPF_MODE(v->insns[insn].code) != BPF_MEM || (class != BPF_LDX && class != BPF_STX && class != BPF_ST))
		return refuse(v, -EACCES, PROBLEM_MEM_RANGE,
			      "kptr in map can only be accessed using BPF_MEM instruction mode");
	if (rw == MEM_WRITE && kptr->kind != FIELD_KPTR_UNREF)
		return refuse(v, -EACCES, PROBLEM_READ_ONLY, "store to %s disallowed",
			      kptr->kind == FIELD_UPTR ? "uptr" : "referenced kptr");
	if (class == BPF_LDX) {
		struct reg *to = &cur_regs(v)[value_reg];

		if (kptr->kind != FIELD_UPTR) {
			reg_btf(v, to, REG_BTF, kptr->kptr.btf, kptr->kptr.btf_id, kptr_flags(v, kptr));
			return 0;
		}
		reg_pointer(to, REG_MEM | PTR_NULL);
		to->mem_size = (uint32_t)btf__resolve_size(kptr->kptr.btf, kptr->kptr.btf_id);
		to->id = ++v->id_gen;
		return 0;
	}
	if (class == BPF_STX)
		return reg_is_null(&cur_regs(v)[value_reg]) ? 0 : check_kptr_value(v, (uint32_t)value_reg, kptr);
	if (v->insns[insn].imm)
		return refuse(v, -EACCES, PROBLEM_ARG_TYPE, "BPF_ST imm must be 0 when storing to kptr at off=%u",
			      kptr->offset);
	return 0;
}

/* Kernel variables */

int load_ksym(struct verifier *v, const struct bpf_insn *insn, struct reg *dst)
{
	const struct btf *btf = (uint32_t)insn[1].imm < v->in->n_btfs ? v->in->btfs[insn[1].imm] : NULL;
	const struct btf_type *t = btf ? btf__type_by_id(btf, (uint32_t)insn->imm) : NULL, *of;
	const char *section = "";
	uint32_t id;
	int64_t size;
	bool percpu = false;

	if (!t || (!btf_is_var(t) && !btf_is_func(t)))
		return refuse(v, -EINVAL, PROBLEM_BTF_ACCESS, "ldimm64 insn specifies invalid btf_id %d.", insn->imm);
	if (btf_is_func(t)) {
		reg_pointer(dst, REG_MEM | MEM_RDONLY);
		dst->mem_size = 0;
		return 0;
	}
	for (uint32_t i = 1; i < btf__type_cnt(btf) && !percpu; i++) {
		const struct btf_type *s = btf__type_by_id(btf, i);

		if (!btf_is_datasec(s))
			continue;
		section = type_name(btf, s);
		if (strcmp(section, ".data..percpu") != 0)
			continue;
		for (uint32_t k = 0; k < btf_vlen(s) && !percpu; k++)
			percpu = btf_var_secinfos(s)[k].type == (uint32_t)insn->imm;
	}
	of = strip(btf, t->type, &id);
	if (percpu) {
		reg_pointer(dst, REG_BTF | MEM_PERCPU);
		dst->btf = btf;
		dst->btf_id = t->type;
		return 0;
	}
	if (of && btf_is_composite(of)) {
		reg_pointer(dst, REG_BTF);
		dst->btf = btf;
		dst->btf_id = id;
		return 0;
	}
	size = btf__resolve_size(btf, t->type);
	if (size < 0)
		return refuse(v, -EINVAL, PROBLEM_BTF_ACCESS, "ldimm64 unable to resolve the size of type '%s'",
			      type_name(btf, t));
	reg_pointer(dst, REG_MEM | MEM_RDONLY);
	dst->mem_size = (uint32_t)size;
	return 0;
}
