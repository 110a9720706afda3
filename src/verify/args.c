/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arguments of helpers: what the row of the helper table asks for against what the register holds.
 *
 * Each enum helper_arg has a list of register types that will do (accepts[]); a flag of the argument lets through what it names
 * (NULL, read-only memory). Then comes what the type alone does not tell: offsets, sizes, that a key lies wholly in readable memory, that a timer is
 * one. Memory arguments are looked at twice: when they come, and with their size.
 */
#include "base/util.h"
#include "verify/call.h"

#include <bpf/btf.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { DYNPTR_FLAGS = DYNPTR_LOCAL | DYNPTR_RINGBUF | DYNPTR_SKB | DYNPTR_XDP | DYNPTR_SKB_META | DYNPTR_FILE };

/* Types */

#define MAX_TYPES 9
static const uint32_t sock_types[MAX_TYPES] = {REG_SOCK_COMMON, REG_SOCKET, REG_TCP_SOCK, REG_XDP_SOCK};
static const uint32_t btf_sock_types[MAX_TYPES] = {REG_SOCK_COMMON, REG_SOCKET, REG_TCP_SOCK,
						   REG_XDP_SOCK,    REG_BTF,    REG_BTF | PTR_TRUSTED};
static const uint32_t mem_types[MAX_TYPES] = {
	REG_STACK,
	REG_PKT,
	REG_PKT_META,
	REG_MAP_KEY,
	REG_MAP_VALUE,
	REG_MEM,
	REG_MEM | MEM_RINGBUF,
	REG_BUF,
	REG_BTF | PTR_TRUSTED,
};
static const uint32_t object_or_value_types[MAX_TYPES] = {REG_MAP_VALUE, REG_BTF | MEM_ALLOC};
static const uint32_t btf_types[MAX_TYPES] = {REG_BTF, REG_BTF | PTR_TRUSTED, REG_BTF | MEM_RCU};
static const uint32_t percpu_types[MAX_TYPES] = {REG_BTF | MEM_PERCPU, REG_BTF | MEM_PERCPU | MEM_RCU,
						 REG_BTF | MEM_PERCPU | PTR_TRUSTED};
static const uint32_t scalar_types[MAX_TYPES] = {REG_SCALAR};
static const uint32_t socket_types[MAX_TYPES] = {REG_SOCKET};
static const uint32_t ctx_types[MAX_TYPES] = {REG_CTX};
static const uint32_t ringbuf_types[MAX_TYPES] = {REG_MEM | MEM_RINGBUF};
static const uint32_t map_types[MAX_TYPES] = {REG_MAP_PTR};
static const uint32_t func_types[MAX_TYPES] = {REG_FUNC};
static const uint32_t stack_types[MAX_TYPES] = {REG_STACK};
static const uint32_t value_types[MAX_TYPES] = {REG_MAP_VALUE};
static const uint32_t dynptr_types[MAX_TYPES] = {REG_STACK, REG_DYNPTR};

static const uint32_t *const accepts[] = {
	[ARG_CONST_MAP_PTR] = map_types,
	[ARG_MAP_KEY] = mem_types,
	[ARG_MAP_VALUE] = mem_types,
	[ARG_MEM] = mem_types,
	[ARG_MEM_FIXED] = mem_types,
	[ARG_SIZE] = scalar_types,
	[ARG_SIZE_OR_ZERO] = scalar_types,
	[ARG_CONST_SIZE_OR_ZERO] = scalar_types,
	[ARG_CTX] = ctx_types,
	[ARG_CONST_ALLOC_SIZE] = scalar_types,
	[ARG_RINGBUF_MEM] = ringbuf_types,
	[ARG_SPIN_LOCK] = object_or_value_types,
	[ARG_TIMER] = value_types,
	[ARG_KPTR] = object_or_value_types,
	[ARG_DYNPTR] = dynptr_types,
	[ARG_FUNC] = func_types,
	[ARG_STACK] = stack_types,
	[ARG_CONST_STR] = value_types,
	[ARG_BTF_ID] = btf_types,
	[ARG_SOCK_COMMON] = sock_types,
	[ARG_BTF_SOCK_COMMON] = btf_sock_types,
	[ARG_SOCKET] = socket_types,
	[ARG_PERCPU_BTF_ID] = percpu_types,
	[ARG_LONG_PTR] = mem_types,
	[ARG_INT_PTR] = mem_types,
};

static bool is_mem(uint8_t type)
{
	return type == ARG_MEM || type == ARG_MEM_FIXED || type == ARG_LONG_PTR || type == ARG_INT_PTR;
}

static const char *struct_name(const struct btf *btf, uint32_t id)
{
	const struct btf_type *t = btf ? btf__type_by_id(btf, id) : NULL;

	return t ? btf__name_by_offset(btf, t->name_off) : "?";
}

int check_kptr_match(struct verifier *v, const struct btf_field *kptr, uint32_t regno)
{
	const struct reg *r = &cur_regs(v)[regno];
	bool kernel = r->btf && r->btf != v->in->btf;
	uint32_t flags = kernel ? PTR_NULL | PTR_TRUSTED | MEM_RCU : PTR_NULL | MEM_ALLOC;
	char name[64];
	int err;

	if (kernel && kptr->kind == FIELD_KPTR_UNREF)
		flags |= PTR_UNTRUSTED;
	if (!kernel && kptr->kind == FIELD_KPTR_PERCPU)
		flags |= MEM_PERCPU;
	if (REG_BASE(r->type) != REG_BTF || (r->type & ~(0xffu | flags)) ||
	    (kptr->kind == FIELD_KPTR_PERCPU) != (bool)(r->type & MEM_PERCPU))
		goto bad;
	err = check_ptr_offset(v, r, regno, true);
	if (err)
		return err;
	if (btf_is_same_type(v, r->btf, r->btf_id, r->off, kptr->kptr.btf, kptr->kptr.btf_id,
			     kptr->kind != FIELD_KPTR_UNREF))
		return 0;
bad:
	return refuse(v, -EACCES, PROBLEM_ARG_TYPE, "invalid kptr access, R%u type=%s%s expected=ptr_%s", regno,
		      reg_type_name(r->type, name), REG_BASE(r->type) == REG_BTF ? struct_name(r->btf, r->btf_id) : "",
		      struct_name(kptr->kptr.btf, kptr->kptr.btf_id));
}

/* A pointer to a kernel object of the type that the helper wants. */
static int check_kernel_object(struct verifier *v, uint32_t regno, uint8_t arg_type, uint8_t flags,
			       const char *btf_name, const struct call *call)
{
	const struct reg *r = &cur_regs(v)[regno];
	const struct btf *kernel = v->in->n_btfs ? v->in->btfs[0] : NULL;
	uint32_t id = call->helper->id, want;
	char name[64];

	if (accepts[arg_type] == mem_types) {
		if (flags & HELPER_ARG_RDONLY)
			return 0;
		return refuse(v, -EACCES, PROBLEM_READ_ONLY, "%s() may write into memory pointed by R%u type=%s",
			      call->name, regno, reg_type_name(r->type, name));
	}
	if (r->type & MEM_ALLOC) {
		if (id == BPF_FUNC_kptr_xchg && regno == BPF_REG_2)
			return check_kptr_match(v, call->kptr, regno);
		return 0;
	}
	if (r->type & MEM_PERCPU)
		return 0;
	if ((r->type & PTR_NULL) && (!(flags & HELPER_ARG_NULL) || (flags & HELPER_ARG_RELEASE)))
		return refuse(v, -EACCES, PROBLEM_NULL_ARG, "Possibly NULL pointer passed to helper arg%u", regno);
	if (id == BPF_FUNC_kptr_xchg)
		return check_kptr_match(v, call->kptr, regno);
	if (!btf_name)
		btf_name = "sock_common";
	want = kernel_type(v, btf_name);
	if (want && btf_is_same_type(v, r->btf, r->btf_id, r->off, kernel, want,
				     (flags & HELPER_ARG_RELEASE) && id != BPF_FUNC_sk_release))
		return 0;
	return refuse(v, -EACCES, PROBLEM_ARG_TYPE, "R%u is of type %s but %s is expected", regno,
		      struct_name(r->btf, r->btf_id), btf_name);
}

static int check_type(struct verifier *v, uint32_t regno, uint8_t arg_type, uint8_t flags, const char *btf_name,
		      const struct call *call)
{
	const struct reg *r = &cur_regs(v)[regno];
	const uint32_t *types = accepts[arg_type];
	uint32_t type = r->type;
	char name[64], expected[256] = "";

	if (flags & HELPER_ARG_RDONLY)
		type &= ~(uint32_t)MEM_RDONLY;
	if (flags & HELPER_ARG_NULL)
		type &= ~(uint32_t)PTR_NULL;
	if (is_mem(arg_type))
		type &= ~(uint32_t)DYNPTR_FLAGS;
	if (call->helper->id == BPF_FUNC_kptr_xchg && regno == BPF_REG_2 && (type & MEM_ALLOC))
		type &= ~(uint32_t)(MEM_ALLOC | MEM_PERCPU);
	for (uint32_t i = 0; i < MAX_TYPES && types[i]; i++) {
		if (types[i] == type)
			return REG_BASE(r->type) == REG_BTF
				       ? check_kernel_object(v, regno, arg_type, flags, btf_name, call)
				       : 0;
		snprintf(expected + strlen(expected), sizeof(expected) - strlen(expected), "%s%s", i ? ", " : "",
			 reg_type_name(types[i], name));
	}
	return refuse(v, -EACCES, r->type & PTR_NULL ? PROBLEM_NULL_ARG : PROBLEM_ARG_TYPE, "R%u type=%s expected=%s",
		      regno, reg_type_name(r->type, name), expected);
}

int check_arg_offset(struct verifier *v, uint32_t regno, bool release, bool dynptr)
{
	const struct reg *r = &cur_regs(v)[regno];

	if (release) {
		if (dynptr && r->type == REG_STACK)
			return 0;
		if (r->off)
			return refuse(v, -EINVAL, PROBLEM_ARG_TYPE,
				      "R%u must have zero offset when passed to release func or trusted arg to kfunc",
				      regno);
		return check_ptr_offset(v, r, regno, false);
	}
	switch (r->type) {
	case REG_STACK:
	case REG_PKT:
	case REG_PKT_META:
	case REG_MAP_KEY:
	case REG_MAP_VALUE:
	case REG_MEM:
	case REG_MEM | MEM_RDONLY:
	case REG_MEM | MEM_RINGBUF:
	case REG_BUF:
	case REG_BUF | MEM_RDONLY:
	case REG_ARENA:
	case REG_SCALAR:
		return 0;
	case REG_BTF:
	case REG_BTF | MEM_ALLOC:
	case REG_BTF | PTR_TRUSTED:
	case REG_BTF | MEM_RCU:
	case REG_BTF | MEM_ALLOC | NON_OWN_REF:
	case REG_BTF | MEM_ALLOC | NON_OWN_REF | MEM_RCU:
		return check_ptr_offset(v, r, regno, true);
	default:
		return check_ptr_offset(v, r, regno, false);
	}
}

/* What lies behind */

const char *const_str(const struct reg *r)
{
	return (const char *)r->map->frozen + r->off + (int64_t)r->var.bits.value;
}

int check_const_str(struct verifier *v, uint32_t regno)
{
	const struct reg *r = &cur_regs(v)[regno];
	const struct verify_map *map = r->map;
	int64_t at;
	int err;

	/* Not reached: who takes a constant string has refused what is no value of a map */
	if (r->type != REG_MAP_VALUE)
		return refuse(v, -EINVAL, PROBLEM_ARG_TYPE, "R%u does not point to a map value", regno);
	if (!(map->flags & BPF_F_RDONLY_PROG) || !map->frozen)
		return refuse(v, -EACCES, PROBLEM_ARG_TYPE, "R%u does not point to a readonly map", regno);
	if (!scalar_is_const(&r->var))
		return refuse(v, -EACCES, PROBLEM_ARG_TYPE, "R%u is not a constant address", regno);
	/* What holds its values at an address that is known at load: an array of one element. */
	if (map->type != BPF_MAP_TYPE_ARRAY || map->max_entries != 1)
		return refuse(v, -EACCES, PROBLEM_MAP, "no direct value access support for this map type");
	err = check_map_access(v, regno, r->off, map->value_size - (uint32_t)r->off, false, true);
	if (err)
		return err;
	at = r->off + (int64_t)r->var.bits.value;
	if (at < 0 || at >= map->value_size || !memchr(map->frozen + at, 0, map->value_size - (size_t)at))
		return refuse(v, -EINVAL, PROBLEM_ARG_TYPE, "string is not zero-terminated");
	return 0;
}

static bool ends_spec(char c)
{
	return !c || isspace((unsigned char)c) || ispunct((unsigned char)c);
}

/* The length of a conversion behind its '%', as the kernel's bpf_snprintf() takes it; 0: it does not. */
static size_t spec_length(const char *f)
{
	const char *start = f;

	while (*f && strchr("0+- ", *f))
		f++;
	if (*f >= '1' && *f <= '9')
		while (*f >= '0' && *f <= '9')
			f++;
	if (*f == 'p') {
		if (ends_spec(f[1]))
			return (size_t)(f + 1 - start);
		if ((f[1] == 'k' || f[1] == 'u') && f[2] == 's')
			return ends_spec(f[3]) ? (size_t)(f + 3 - start) : 0;
		if (strchr("KxsSB", f[1]))
			return (size_t)(f + 2 - start);
		return (f[1] == 'i' || f[1] == 'I') && (f[2] == '4' || f[2] == '6') ? (size_t)(f + 3 - start) : 0;
	}
	if (*f == 's')
		return ends_spec(f[1]) ? (size_t)(f + 1 - start) : 0;
	if (*f == 'c')
		return (size_t)(f + 1 - start);
	for (unsigned int longs = 0; *f == 'l' && longs < 2; longs++)
		f++;
	return *f && strchr("iduxX", *f) ? (size_t)(f + 1 - start) : 0;
}

int check_format(struct verifier *v, const char *fmt, uint32_t n_args)
{
	uint32_t n = 0;

	for (; *fmt; fmt++) {
		unsigned char c = (unsigned char)*fmt;
		size_t len;

		if (c >= 0x80 || (!isprint(c) && !isspace(c)))
			goto bad;
		if (c != '%')
			continue;
		if (fmt[1] == '%') {
			fmt++;
			continue;
		}
		len = spec_length(fmt + 1);
		if (n++ >= n_args || !len)
			goto bad;
		fmt += len;
	}
	return 0;
bad:
	return refuse(v, -EINVAL, PROBLEM_ARG_TYPE, "Invalid format string");
}

int check_map_field(struct verifier *v, uint32_t regno, enum btf_field_kind kind, struct call *call)
{
	const struct reg *r = &cur_regs(v)[regno];
	const struct verify_map *map = r->map;
	const struct btf_record *rec = map->record;
	const char *name = btf_field_kind_name(kind);
	int64_t off = (int64_t)r->var.bits.value + r->off, at;

	if (!scalar_is_const(&r->var))
		return refuse(v, -EINVAL, PROBLEM_ARG_TYPE,
			      "R%u doesn't have constant offset. %s has to be at the constant offset", regno, name);
	if (!map->btf)
		return refuse(v, -EINVAL, PROBLEM_MAP, "map '%s' has to have BTF in order to use %s", map->name, name);
	if (!record_has(rec, kind))
		return refuse(v, -EINVAL, PROBLEM_MAP, "map '%s' has no valid %s", map->name, name);
	at = kind == FIELD_TIMER ? rec->timer_off : kind == FIELD_WORKQUEUE ? rec->wq_off : rec->task_work_off;
	if (off != at)
		return refuse(v, -EINVAL, PROBLEM_ARG_TYPE, "off %lld doesn't point to 'struct %s' that is at %lld",
			      (long long)off, name, (long long)at);
	call->map = map;
	call->map_uid = r->map_uid;
	return 0;
}

/* Where bpf_kptr_xchg() exchanges. */
static int check_kptr_dest(struct verifier *v, uint32_t regno, struct call *call)
{
	const struct reg *r = &cur_regs(v)[regno];
	const struct btf_record *rec;
	int64_t off = (int64_t)r->var.bits.value + r->off;
	int err;

	if (r->type == REG_MAP_VALUE) {
		if (!r->map->btf)
			return refuse(v, -EINVAL, PROBLEM_MAP, "map '%s' has to have BTF in order to use bpf_kptr_xchg",
				      r->map->name);
		call->map = r->map;
	}
	err = object_record(v, r, &rec);
	if (err)
		return err;
	if (!scalar_is_const(&r->var))
		return refuse(v, -EINVAL, PROBLEM_ARG_TYPE,
			      "R%u doesn't have constant offset. kptr has to be at the constant offset", regno);
	if (!record_has(rec, FIELD_KPTR))
		return refuse(v, -EINVAL, PROBLEM_ARG_TYPE, "R%u has no valid kptr", regno);
	call->kptr = btf_record_find(rec, (uint32_t)off, FIELD_KPTR);
	if (!call->kptr)
		return refuse(v, -EACCES, PROBLEM_ARG_TYPE, "off=%lld doesn't point to kptr", (long long)off);
	if (call->kptr->kind == FIELD_KPTR_UNREF)
		return refuse(v, -EACCES, PROBLEM_ARG_TYPE, "off=%lld kptr isn't referenced kptr", (long long)off);
	return 0;
}

/*
 * The key of an array, where it is a number that was spilled or zeroes on the stack: whether the look-up can fail is known then. The number
 * counts as precise from here.
 */
static int note_key(struct verifier *v, uint32_t regno, struct call *call)
{
	const struct reg *r = &cur_regs(v)[regno];
	uint32_t size = call->map->key_size, at, n = 0;
	const struct slot *slot;

	if ((call->map->type != BPF_MAP_TYPE_ARRAY && call->map->type != BPF_MAP_TYPE_PERCPU_ARRAY) ||
	    !v->bpf_capable || r->type != REG_STACK || !scalar_is_const(&r->var))
		return 0;
	at = (uint32_t)(-(r->off + (int64_t)r->var.bits.value) - 1);
	slot = slot_get(v->cur->frames[r->frame], at / 8);
	if (!slot)
		return 0;
	while (n <= at % 8 && slot->kind[at % 8 - n] == SLOT_ZERO)
		n++;
	if (n >= size) {
		call->key_known = true;
		call->key = 0;
		return 0;
	}
	if (slot->kind[7] != SLOT_SPILL || slot->reg.type != REG_SCALAR)
		return 0;
	for (n = 0; n <= at % 8 && slot->kind[at % 8 - n] == SLOT_SPILL;)
		n++;
	if (n != size || !scalar_is_const(&slot->reg.var))
		return 0;
	call->key_known = true;
	call->key = slot->reg.var.bits.value;
	return mark_slot_precise(v, r->frame, at / 8);
}

static int check_aligned(struct verifier *v, uint32_t regno, uint32_t size)
{
	const struct reg *r = &cur_regs(v)[regno];
	struct tnum at = tnum_add(r->var.bits, tnum_const((uint64_t)(int64_t)r->off + (reg_is_packet(r) ? 2 : 0)));
	char name[64];

	if (tnum_is_aligned(at, size))
		return 0;
	return refuse(v, -EACCES, PROBLEM_MISALIGNED, "misaligned %s access off (0x%llx; 0x%llx)+%d+0 size %u",
		      reg_type_name(r->type, name), (unsigned long long)r->var.bits.value,
		      (unsigned long long)r->var.bits.mask, r->off, size);
}

/* One argument */

static int note_map(struct verifier *v, const struct reg *r, struct call *call)
{
	/* The timer in the argument before must lie in this very map: of two inner maps each has its own number. */
	if (call->map && (call->map != r->map || call->map_uid != r->map_uid))
		return refuse(v, -EINVAL, PROBLEM_MAP,
			      "timer pointer in R1 map_uid=%u doesn't match map pointer in R2 map_uid=%u",
			      call->map_uid, r->map_uid);
	call->map = r->map;
	call->map_uid = r->map_uid;
	return 0;
}

static int check_release(struct verifier *v, uint32_t regno, uint8_t arg_type, struct call *call)
{
	const struct reg *r = &cur_regs(v)[regno];

	if (arg_type == ARG_DYNPTR) {
		const struct slot *slot;
		int n;

		if (r->type != REG_STACK)
			return refuse(v, -EINVAL, PROBLEM_DYNPTR, "cannot release unowned const bpf_dynptr");
		n = slot_of_object(v, r, "dynptr", 2);
		slot = n < 0 ? NULL : slot_get(v->cur->frames[r->frame], (uint32_t)n);
		if (!slot || slot->kind[7] != SLOT_DYNPTR || !slot->reg.ref_id)
			return refuse(v, -EINVAL, PROBLEM_DYNPTR, "arg %u is an unacquired reference", regno);
	} else if (!r->ref_id && !reg_is_null(r)) {
		return refuse(v, -EINVAL, PROBLEM_ARG_TYPE, "R%u must be referenced when passed to release function",
			      regno);
	}
	call->release_regno = regno;
	return 0;
}

static int check_memory_arg(struct verifier *v, uint32_t regno, uint8_t arg_type, uint8_t flags, uint32_t size,
			    struct call *call)
{
	int rw = flags & HELPER_ARG_WRITE ? MEM_WRITE : MEM_READ, err;

	call->raw_mode = flags & HELPER_ARG_UNINIT;
	if (arg_type == ARG_MEM)
		return 0;
	if (arg_type == ARG_LONG_PTR)
		size = 8;
	else if (arg_type == ARG_INT_PTR)
		size = 4;
	err = check_helper_mem(v, regno, size, rw, false, call);
	if (!err && (flags & HELPER_ARG_ALIGNED))
		err = check_aligned(v, regno, size);
	return err;
}

int check_func_arg(struct verifier *v, uint32_t arg, struct call *call, uint32_t at)
{
	const struct helper_desc *h = call->helper;
	uint8_t type = h->args[arg].type, flags = h->args[arg].flags;
	uint32_t regno = BPF_REG_1 + arg;
	const struct reg *r = &cur_regs(v)[regno];
	int err;

	if (type == ARG_NONE)
		return 0;
	v->blamed = (int)regno;
	err = check_reg_read(v, regno);
	if (err)
		return err;
	if (type == ARG_ANY) {
		if (reg_is_pointer(v, r))
			return refuse(v, -EACCES, PROBLEM_PTR_LEAK, "R%u leaks addr into helper function", regno);
		return 0;
	}
	if (reg_is_packet(r) && !may_access_packet(v, call, MEM_READ))
		return refuse(v, -EACCES, PROBLEM_ARG_TYPE, "helper access to the packet is not allowed");
	if (type == ARG_MAP_VALUE && call->map) {
		if (call->map->type == BPF_MAP_TYPE_SOCKMAP || call->map->type == BPF_MAP_TYPE_SOCKHASH) {
			if (flags)
				return refuse(v, -EINVAL, PROBLEM_MAP, "a sockmap holds sockets: %s cannot use it",
					      call->name);
			type = ARG_BTF_SOCK_COMMON;
		} else if (call->map->type == BPF_MAP_TYPE_BLOOM_FILTER && h->id == BPF_FUNC_map_peek_elem) {
			flags = 0; /* here it is a question, not the answer */
		}
	}
	if (reg_is_null(r) && (flags & HELPER_ARG_NULL)) {
		err = mark_precise(v, regno);
	} else {
		err = check_type(v, regno, type, flags, h->args[arg].btf, call);
		if (!err)
			err = check_arg_offset(v, regno, flags & HELPER_ARG_RELEASE, type == ARG_DYNPTR);
	}
	if (!err && (flags & HELPER_ARG_RELEASE))
		err = check_release(v, regno, type, call);
	if (err)
		return err;
	r = &cur_regs(v)[regno];
	if (r->ref_id && type != ARG_KPTR) {
		if (call->ref_id)
			return refuse(v, -EFAULT, PROBLEM_ARG_TYPE, "more than one arg with ref_obj_id R%u %u %u",
				      regno, r->ref_id, call->ref_id);
		call->ref_id = r->ref_id;
	}
	switch (type) {
	case ARG_CONST_MAP_PTR:
		return note_map(v, r, call);
	case ARG_MAP_KEY:
		/* Not reached: a helper that takes a key takes the map before it */
		if (!call->map)
			return refuse(v, -EACCES, PROBLEM_MAP, "invalid map_ptr to access map->key");
		err = check_helper_mem(v, regno, call->map->key_size, MEM_READ, false, NULL);
		return err ? err : note_key(v, regno, call);
	case ARG_MAP_VALUE:
		if ((flags & HELPER_ARG_NULL) && reg_is_null(r))
			return 0;
		/* Not reached: a helper that takes a value takes the map before it */
		if (!call->map)
			return refuse(v, -EACCES, PROBLEM_MAP, "invalid map_ptr to access map->value");
		call->raw_mode = flags & HELPER_ARG_UNINIT;
		return check_helper_mem(v, regno, call->map->value_size,
					flags & HELPER_ARG_WRITE ? MEM_WRITE : MEM_READ, false, call);
	case ARG_MEM:
	case ARG_MEM_FIXED:
	case ARG_LONG_PTR:
	case ARG_INT_PTR:
		return check_memory_arg(v, regno, type, flags, h->args[arg].size, call);
	case ARG_SIZE:
	case ARG_SIZE_OR_ZERO:
		return check_mem_size(v, regno, h->args[arg - 1].flags & HELPER_ARG_WRITE ? MEM_WRITE : MEM_READ,
				      type == ARG_SIZE_OR_ZERO, call);
	case ARG_PERCPU_BTF_ID:
		/* Not reached: a register that points to a per-CPU variable has its type */
		if (!r->btf_id)
			return refuse(v, -EACCES, PROBLEM_ARG_TYPE, "Helper has invalid btf_id in R%u", regno);
		call->ret_btf = r->btf;
		call->ret_btf_id = r->btf_id;
		return 0;
	case ARG_SPIN_LOCK:
		if (in_rbtree_callback(v))
			return refuse(v, -EACCES, PROBLEM_LOCK, "can't spin_{lock,unlock} in rbtree cb");
		return check_lock(v, regno, REF_LOCK, h->id == BPF_FUNC_spin_lock);
	case ARG_TIMER:
		return check_map_field(v, regno, FIELD_TIMER, call);
	case ARG_FUNC:
		call->subprog = r->subprog;
		return 0;
	case ARG_DYNPTR:
		return check_dynptr(v, regno,
				    flags & HELPER_ARG_UNINIT   ? DYNPTR_MAKE
				    : flags & HELPER_ARG_RDONLY ? DYNPTR_READ
								: DYNPTR_CHANGE,
				    flags & HELPER_ARG_DYNPTR_LOCAL     ? DYNPTR_KIND_LOCAL
				    : flags & HELPER_ARG_DYNPTR_RINGBUF ? DYNPTR_KIND_RINGBUF
									: DYNPTR_KIND_NONE,
				    0);
	case ARG_CONST_ALLOC_SIZE:
	case ARG_CONST_SIZE_OR_ZERO:
		if (!scalar_is_const(&r->var))
			return refuse(v, -EACCES, PROBLEM_ARG_TYPE, "R%u is not a known constant", regno);
		call->mem_size = r->var.bits.value;
		return mark_precise(v, regno);
	case ARG_CONST_STR:
		return check_const_str(v, regno);
	case ARG_KPTR:
		return check_kptr_dest(v, regno, call);
	default:
		return 0;
	}
}

/* Arguments of global functions, as their BTF tags promise them */

int check_btf_arg(struct verifier *v, uint32_t regno, const struct btf *btf, uint32_t btf_id, uint32_t flags)
{
	const struct reg *r = &cur_regs(v)[regno];
	uint32_t type = r->type;
	char name[64];

	if (reg_is_null(r) && (flags & PTR_NULL))
		return 0;
	if (flags & PTR_NULL)
		type &= ~(uint32_t)PTR_NULL;
	for (uint32_t i = 0; i < MAX_TYPES && btf_types[i]; i++) {
		if (btf_types[i] != type)
			continue;
		if (!btf_is_same_type(v, r->btf, r->btf_id, r->off, btf, btf_id, false))
			return refuse(v, -EACCES, PROBLEM_ARG_TYPE, "R%u is of type %s but %s is expected", regno,
				      struct_name(r->btf, r->btf_id), struct_name(btf, btf_id));
		return check_arg_offset(v, regno, false, false);
	}
	return refuse(v, -EACCES, r->type & PTR_NULL ? PROBLEM_NULL_ARG : PROBLEM_ARG_TYPE,
		      "R%u type=%s expected=ptr_, trusted_ptr_, rcu_ptr_", regno, reg_type_name(r->type, name));
}

int check_dynptr_arg(struct verifier *v, uint32_t regno)
{
	int err = check_arg_offset(v, regno, false, true);

	return err ? err : check_dynptr(v, regno, DYNPTR_READ, DYNPTR_KIND_NONE, 0);
}
