/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads and stores through pointers to objects of BTF types: the kernel's, the program's own, maps, kernel pointers in map values.
 *
 * A pointer to a struct that is loaded from an object is as trustworthy as the tables of helper/kfunc.h, tags in BTF and the RCU section at hand make
 * it; any other pointer gives memory that may be read, and that the engine probes. Stores go to objects that the program allocated, and to the
 * few fields that their owner has opened.
 */
#include "base/util.h"
#include "btf/types.h"
#include "helper/kfunc.h"
#include "verify/btf_util.h"
#include "verify/call.h"
#include "verify/hook.h"
#include "verify/record.h"

#include <bpf/btf.h>
#include <errno.h>
#include <string.h>

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

/* How far a pointer can be trusted that was read from a field of r. */
static uint32_t trust(struct verifier *v, const struct reg *r, uint32_t flags, const char *field)
{
	const struct btf_type *t = btf__type_by_id(r->btf, r->btf_id);
	const uint32_t trusted = MEM_ALLOC | PTR_TRUSTED | NON_OWN_REF | MEM_RCU;
	enum btf_field_trust how;

	if (r->type & PTR_UNTRUSTED)
		return PTR_UNTRUSTED;
	if (!reg_is_trusted(r) && !(r->type & MEM_RCU))
		return flags & ~trusted;
	how = field && t ? btf_field_trust(btf_type_name(r->btf, t), field) : BTF_FIELD_UNTRUSTED;
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

/* What programs may write of the kernel's objects: fields that a program type's owner has opened. */
static const struct ops_field conntrack_fields[] = {
	{"nf_conn", "nf_conn", "mark", false},
	{"nf_conn___init", "nf_conn", "mark", false},
	{0},
};

static const struct ops_field *open_fields(const struct verifier *v)
{
	switch (v->prog_type) {
	case BPF_PROG_TYPE_STRUCT_OPS:
		return v->hook.ops ? v->hook.ops->fields : NULL;
	case BPF_PROG_TYPE_XDP:
	case BPF_PROG_TYPE_SCHED_CLS:
	case BPF_PROG_TYPE_SCHED_ACT:
		return conntrack_fields;
	default:
		return NULL;
	}
}

/* The bytes of a member: "field", or "field.of_it". */
static bool member_bytes(const struct btf *btf, uint32_t struct_id, const char *path, int64_t *at, int64_t *end)
{
	const struct btf_type *t = btf__type_by_id(btf, struct_id);
	const char *dot = strchr(path, '.');
	size_t len = dot ? (size_t)(dot - path) : strlen(path);

	for (uint32_t i = 0; t && i < btf_vlen(t); i++) {
		const struct btf_member *m = btf_members(t) + i;
		const char *name = btf__name_by_offset(btf, m->name_off);
		uint32_t id;

		if (strncmp(name, path, len) != 0 || name[len])
			continue;
		*at += btf_member_bit_offset(t, i) / 8;
		*end = *at + btf__resolve_size(btf, m->type);
		if (!dot)
			return true;
		t = btf_strip(btf, m->type, &id);
		return t && btf_is_composite(t) && member_bytes(btf, id, dot + 1, at, end);
	}
	return false;
}

static bool may_write(const struct verifier *v, const struct reg *r, int32_t off, uint32_t size)
{
	const struct btf_type *t = btf__type_by_id(r->btf, r->btf_id);
	const struct ops_field *f = open_fields(v);

	for (; f && f->type; f++) {
		int64_t at = 0, end = 0;

		if (strcmp(btf_type_name(r->btf, t), f->type) != 0)
			continue;
		if (!f->in)
			end = t->size;
		else if (!member_bytes(r->btf, kernel_type(v, f->in), f->field, &at, &end))
			continue;
		if (f->inside ? off >= at && off < end : off == at)
			return off + (int64_t)size <= end;
	}
	return false;
}

int check_btf_access(struct verifier *v, uint32_t regno, int32_t off, uint32_t size, int rw, int32_t value_reg)
{
	const struct reg *r = &cur_regs(v)[regno], copy = *r;
	const struct btf_type *t = btf__type_by_id(r->btf, r->btf_id);
	const char *name = t ? btf_type_name(r->btf, t) : "", *field = NULL;
	uint32_t id = 0, flags = 0;
	int how, err;

	if (!v->allow_ptr_leaks)
		return refuse(v, -EPERM, PROBLEM_BTF_ACCESS,
			      "'struct %s' access is allowed only to CAP_PERFMON and CAP_SYS_ADMIN", name);
	if (!v->in->gpl && btf_is_kernel(v, r->btf))
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
	if (rw == MEM_WRITE && ((r->type & PTR_UNTRUSTED) ||
				(!(r->type & MEM_ALLOC) && (!btf_is_kernel(v, r->btf) || !may_write(v, r, off, size)))))
		return refuse(v, -EACCES, PROBLEM_READ_ONLY, "only read is supported");
	if (rw == MEM_WRITE && !(r->type & MEM_ALLOC))
		return 0;
	if (r->type & MEM_ALLOC) {
		const struct btf_record *rec;
		const struct btf_field *f;

		err = object_record(v, r, &rec);
		if (err)
			return err;
		f = rec ? btf_record_overlap(rec, (uint32_t)off, size) : NULL;
		if (f)
			return refuse(v, -EACCES, PROBLEM_BTF_ACCESS, "direct access to %s is disallowed",
				      btf_field_kind_name(f->kind));
	}
	how = btf_walk(v, r, off, size, &id, &flags, &field);
	if (how < 0)
		return how;
	if (rw == MEM_WRITE || value_reg < 0)
		return 0;
	if (how == WALK_PTR)
		flags = trust(v, &copy, flags, field);
	load_found(v, &cur_regs(v)[value_reg], how, copy.btf, id, flags);
	return 0;
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
		return refuse(v, -ENOTSUPP, PROBLEM_BTF_ACCESS, "map_ptr access not supported for map type %u",
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
	how = btf_walk(v, &as, off, size, &id, &flags, &field);
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
	return t && btf_type_rcu(btf_type_name(f->kptr.btf, t));
}

uint32_t kptr_flags(struct verifier *v, const struct btf_field *f)
{
	if (!rcu_safe(f) || !in_rcu(v))
		return PTR_NULL | PTR_UNTRUSTED;
	if (f->kind == FIELD_KPTR_PERCPU)
		return PTR_NULL | MEM_RCU | MEM_PERCPU;
	return PTR_NULL | MEM_RCU | (f->kptr.in_kernel ? 0 : MEM_ALLOC);
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
		return reg_is_null(&cur_regs(v)[value_reg]) ? 0 : check_kptr_match(v, kptr, (uint32_t)value_reg);
	if (v->insns[insn].imm)
		return refuse(v, -EACCES, PROBLEM_ARG_TYPE, "BPF_ST imm must be 0 when storing to kptr at off=%u",
			      kptr->offset);
	return 0;
}

/* Kernel variables */

static bool is_percpu(const struct verifier *v, const struct btf *btf, uint32_t var)
{
	static const char section[] = ".data..percpu";
	int32_t id = v->in->n_btfs && btf == v->in->btfs[0]
			     ? (int32_t)kernel_types_find(v->in->types, section, BTF_KIND_DATASEC)
			     : btf__find_by_name_kind(btf, section, BTF_KIND_DATASEC);
	const struct btf_type *t = id > 0 ? btf__type_by_id(btf, (uint32_t)id) : NULL;

	for (uint32_t i = 0; t && i < btf_vlen(t); i++)
		if (btf_var_secinfos(t)[i].type == var)
			return true;
	return false;
}

int load_ksym(struct verifier *v, const struct bpf_insn *insn, struct reg *dst)
{
	const uint32_t var = (uint32_t)insn->imm;
	const struct btf *btf = (uint32_t)insn[1].imm < v->in->n_btfs ? v->in->btfs[insn[1].imm] : NULL;
	const struct btf_type *t = btf ? btf__type_by_id(btf, var) : NULL, *of;
	int64_t size;

	if (!t)
		return refuse(v, btf ? -ENOENT : -EINVAL, PROBLEM_BTF_ACCESS,
			      "ldimm64 insn specifies invalid btf_id %d.", insn->imm);
	if (v->in->have_symbol && (btf_is_func(t) || btf_is_var(t)) &&
	    !v->in->have_symbol(v->in->arg, btf__name_by_offset(btf, t->name_off)))
		return refuse(v, -ENOENT, PROBLEM_BTF_ACCESS,
			      "ldimm64 failed to find the address for kernel symbol '%s'.",
			      btf__name_by_offset(btf, t->name_off));
	if (btf_is_func(t)) {
		reg_pointer(dst, REG_MEM | MEM_RDONLY);
		return 0;
	}
	if (!btf_is_var(t))
		return refuse(v, -EINVAL, PROBLEM_BTF_ACCESS, "pseudo btf_id %d in ldimm64 isn't KIND_VAR or KIND_FUNC",
			      insn->imm);
	of = btf_strip(btf, t->type, NULL);
	if (is_percpu(v, btf, var)) {
		reg_btf(v, dst, REG_BTF, btf, t->type, MEM_PERCPU);
		return 0;
	}
	if (of && btf_is_composite(of)) {
		reg_btf(v, dst, REG_BTF, btf, t->type, 0);
		return 0;
	}
	size = btf__resolve_size(btf, t->type);
	if (size < 0)
		return refuse(v, -EINVAL, PROBLEM_BTF_ACCESS, "ldimm64 unable to resolve the size of type '%s'",
			      btf_type_name(btf, t));
	reg_pointer(dst, REG_MEM | MEM_RDONLY);
	dst->mem_size = (uint32_t)size;
	return 0;
}
