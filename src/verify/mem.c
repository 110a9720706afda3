/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory accesses: each kind of pointer has its own idea of what lies behind it.
 *
 * An access is proved for every offset that the pointer can have: constant offset plus the least and the greatest of its variable part must both lie within
 * the region. Packets are the exception: what was compared with the packet's end is the pointer with its variable part, so that only the constant
 * offset counts against the range.
 */
#include "base/util.h"
#include "prog/ctx.h"
#include "verify/call.h"
#include "verify/record.h"

#include <errno.h>
#include <string.h>

enum { MAX_VAR_OFF = 1 << 29, MAX_VAR_SIZE = 1 << 29, NET_IP_ALIGN = 2 };

bool type_is_rdonly(uint32_t type)
{
	return type & MEM_RDONLY;
}

bool may_access_packet(struct verifier *v, const struct call *call, int rw)
{
	if (!call) {
		if (rw == MEM_WRITE && !prog_packet_write(v->in->prog_type))
			return false;
		v->seen_direct_write |= rw == MEM_WRITE;
		return true;
	}
	if (!prog_packet_helper(v->in->prog_type, call->packet_ok, rw == MEM_WRITE))
		return false;
	v->seen_direct_write |= rw == MEM_WRITE;
	return true;
}

/* Alignment */

static const char *what_is(uint32_t type)
{
	switch (REG_BASE(type)) {
	case REG_FLOW_KEYS:
		return "flow keys ";
	case REG_MAP_KEY:
		return "key ";
	case REG_MAP_VALUE:
		return "value ";
	case REG_CTX:
		return "context ";
	case REG_STACK:
		return "stack ";
	case REG_SOCKET:
		return "sock ";
	case REG_SOCK_COMMON:
		return "sock_common ";
	case REG_TCP_SOCK:
		return "tcp_sock ";
	case REG_XDP_SOCK:
		return "xdp_sock ";
	default:
		return "";
	}
}

static int check_alignment(struct verifier *v, const struct reg *r, int32_t off, uint32_t size, bool strict)
{
	uint32_t base = REG_BASE(r->type);
	struct tnum at;

	/* Spills and fills are tracked by slot: a stack access must not straddle two. */
	strict |= v->strict_alignment || base == REG_STACK;
	if (!strict || size == 1 || base == REG_ARENA)
		return 0;
	at = tnum_add(r->var.bits, tnum_const((uint64_t)((int64_t)r->off + off)));
	if (reg_is_packet(r))
		at = tnum_add(at, tnum_const(NET_IP_ALIGN));
	if (tnum_is_aligned(at, size))
		return 0;
	return refuse(v, -EACCES, PROBLEM_MISALIGNED, "misaligned %saccess off (0x%llx; 0x%llx)+%d+%d size %u",
		      reg_is_packet(r) ? "packet " : what_is(r->type), (unsigned long long)r->var.bits.value,
		      (unsigned long long)r->var.bits.mask, r->off, off, size);
}

/* Regions */

static bool fits(int64_t off, uint32_t size, uint32_t mem_size, bool zero_ok)
{
	return off >= 0 && (size || zero_ok) && (uint64_t)off + size <= mem_size;
}

static int outside(struct verifier *v, const struct reg *r, uint32_t regno, int64_t off, uint32_t size,
		   uint32_t mem_size, const char *which)
{
	char name[64];

	switch (REG_BASE(r->type)) {
	case REG_MAP_VALUE:
		return refuse(
			v, -EACCES, PROBLEM_MEM_RANGE,
			"invalid access to map value, value_size=%u off=%lld size=%u\nR%u %s value is outside of the "
			"allowed memory range",
			mem_size, (long long)off, size, regno, which);
	case REG_MAP_KEY:
		return refuse(v, -EACCES, PROBLEM_MEM_RANGE,
			      "invalid access to map key, key_size=%u off=%lld size=%u\nR%u %s value is outside of the "
			      "allowed memory range",
			      mem_size, (long long)off, size, regno, which);
	default:
		return refuse(
			v, -EACCES, PROBLEM_MEM_RANGE,
			"invalid access to memory (%s), mem_size=%u off=%lld size=%u\nR%u %s value is outside of the "
			"allowed memory range",
			reg_type_name(r->type, name), mem_size, (long long)off, size, regno, which);
	}
}

int check_region(struct verifier *v, uint32_t regno, int32_t off, uint32_t size, uint32_t mem_size, bool zero_ok)
{
	const struct reg *r = &cur_regs(v)[regno];
	int64_t least = r->var.smin + off;

	if (r->var.smin < 0 && (r->var.smin == INT64_MIN || least != (int32_t)least || least < 0))
		return refuse(v, -EACCES, PROBLEM_MEM_RANGE,
			      "R%u min value is negative, either use unsigned index or do a if (index >=0) check.",
			      regno);
	if (!fits(least, size, mem_size, zero_ok))
		return outside(v, r, regno, least, size, mem_size, "min");
	if (r->var.umax >= MAX_VAR_OFF)
		return refuse(v, -EACCES, PROBLEM_UNBOUNDED,
			      "R%u unbounded memory access, make sure to bounds check any such access", regno);
	if (!fits((int64_t)r->var.umax + off, size, mem_size, zero_ok))
		return outside(v, r, regno, (int64_t)r->var.umax + off, size, mem_size, "max");
	return 0;
}

static int check_map_rights(struct verifier *v, uint32_t regno, int32_t off, uint32_t size, int rw)
{
	const struct verify_map *map = cur_regs(v)[regno].map;

	if (rw == MEM_WRITE && (map->flags & BPF_F_RDONLY_PROG))
		return refuse(v, -EACCES, PROBLEM_READ_ONLY, "write into map forbidden, value_size=%u off=%d size=%u",
			      map->value_size, off, size);
	if (rw == MEM_READ && (map->flags & BPF_F_WRONLY_PROG))
		return refuse(v, -EACCES, PROBLEM_READ_ONLY, "read from map forbidden, value_size=%u off=%d size=%u",
			      map->value_size, off, size);
	return 0;
}

int check_map_access(struct verifier *v, uint32_t regno, int32_t off, uint32_t size, bool zero_ok, bool by_helper)
{
	const struct reg *r = &cur_regs(v)[regno];
	const struct btf_record *rec = r->map->record;
	int err = check_region(v, regno, off, size, r->map->value_size, zero_ok);

	if (err || !rec)
		return err;
	for (uint32_t i = 0; i < rec->cnt; i++) {
		const struct btf_field *f = &rec->fields[i];
		const char *name = btf_field_kind_name(f->kind);

		/* Nobody touches any part of a special field but its own helpers. */
		if (r->var.smin + off >= (int64_t)f->offset + f->size ||
		    (int64_t)f->offset >= (int64_t)(r->var.umax + (uint64_t)off + size))
			continue;
		if (!(f->kind & (FIELD_KPTR | FIELD_UPTR)))
			return refuse(v, -EACCES, PROBLEM_MEM_RANGE, "%s cannot be accessed directly by load/store",
				      name);
		if (by_helper)
			return refuse(v, -EACCES, PROBLEM_MEM_RANGE, "%s cannot be accessed indirectly by helper",
				      name);
		if (!scalar_is_const(&r->var))
			return refuse(v, -EACCES, PROBLEM_MEM_RANGE, "%s access cannot have variable offset", name);
		if (f->offset != (uint64_t)off + r->var.bits.value)
			return refuse(v, -EACCES, PROBLEM_MEM_RANGE, "%s access misaligned expected=%u off=%llu", name,
				      f->offset, (unsigned long long)r->var.bits.value + (unsigned long long)off);
		if (size != 8)
			return refuse(v, -EACCES, PROBLEM_MEM_RANGE, "%s access size must be BPF_DW", name);
	}
	return 0;
}

int check_packet_access(struct verifier *v, uint32_t regno, int32_t off, uint32_t size, bool zero_ok)
{
	const struct reg *r = &cur_regs(v)[regno];

	if (r->var.smin < 0)
		return refuse(v, -EACCES, PROBLEM_PACKET_RANGE,
			      "R%u min value is negative, either use unsigned index or do a if (index >=0) check.",
			      regno);
	if (r->range < 0 || !fits(off, size, (uint32_t)r->range, zero_ok))
		return refuse(v, r->range < 0 ? -EINVAL : -EACCES, PROBLEM_PACKET_RANGE,
			      "invalid access to packet, off=%d size=%u, R%u(id=%u,off=%d,r=%d)\n"
			      "R%u offset is outside of the packet",
			      off, size, regno, r->id, off, r->range, regno);
	return 0;
}

int check_ptr_offset(struct verifier *v, const struct reg *r, uint32_t regno, bool fixed_ok)
{
	char name[64];

	if (!fixed_ok && r->off)
		return refuse(v, -EACCES, PROBLEM_VAR_CTX, "dereference of modified %s ptr R%u off=%d disallowed",
			      reg_type_name(r->type, name), regno, r->off);
	if (r->off < 0)
		return refuse(v, -EACCES, PROBLEM_VAR_CTX, "negative offset %s ptr R%u off=%d disallowed",
			      reg_type_name(r->type, name), regno, r->off);
	if (!scalar_is_const(&r->var) || r->var.bits.value)
		return refuse(v, -EACCES, PROBLEM_VAR_CTX, "variable %s access var_off=(0x%llx; 0x%llx) disallowed",
			      reg_type_name(r->type, name), (unsigned long long)r->var.bits.value,
			      (unsigned long long)r->var.bits.mask);
	return 0;
}

int check_buffer_access(struct verifier *v, uint32_t regno, int32_t off, uint32_t size, bool zero_ok, uint32_t *max)
{
	const struct reg *r = &cur_regs(v)[regno];

	(void)zero_ok;
	if (off < 0)
		return refuse(v, -EACCES, PROBLEM_MEM_RANGE, "R%u invalid buffer access: off=%d, size=%u", regno, off,
			      size);
	if (!scalar_is_const(&r->var) || r->var.bits.value)
		return refuse(v, -EACCES, PROBLEM_MEM_RANGE,
			      "R%u invalid variable buffer offset: off=%d, var_off=(0x%llx; 0x%llx)", regno, off,
			      (unsigned long long)r->var.bits.value, (unsigned long long)r->var.bits.mask);
	/* How long the buffer is shows at attach. */
	if (max && (uint32_t)off + size > *max)
		*max = (uint32_t)off + size;
	return 0;
}

/* The context */

static const uint32_t ctx_types[] = {
	[CTX_SCALAR] = REG_SCALAR,       [CTX_PKT] = REG_PKT,
	[CTX_PKT_META] = REG_PKT_META,   [CTX_PKT_END] = REG_PKT_END,
	[CTX_FLOW_KEYS] = REG_FLOW_KEYS, [CTX_SOCK_COMMON_OR_NULL] = REG_SOCK_COMMON | PTR_NULL,
	[CTX_SOCKET] = REG_SOCKET,       [CTX_SOCKET_OR_NULL] = REG_SOCKET | PTR_NULL,
	[CTX_TP_BUFFER] = REG_TP_BUFFER, [CTX_BTF_ID] = REG_BTF | PTR_TRUSTED,
};

static bool has_btf_ctx(const struct verifier *v)
{
	switch (v->in->prog_type) {
	case BPF_PROG_TYPE_TRACING:
	case BPF_PROG_TYPE_LSM:
	case BPF_PROG_TYPE_STRUCT_OPS:
		return true;
	default:
		return false;
	}
}

static int check_ctx(struct verifier *v, int32_t off, uint32_t size, int rw, bool sign_extend, struct reg *out)
{
	struct ctx_access a;

	if (off >= 0 && (uint32_t)off + size > v->out->max_ctx)
		v->out->max_ctx = (uint32_t)off + size;

	if (v->in->own_type) {
		if (off < 0 || (uint32_t)off % size || (uint64_t)off + size > v->in->own_ctx_size)
			return refuse(v, -EACCES, PROBLEM_CTX_ACCESS,
				      "invalid context access off=%d size=%u of %u bytes", off, size,
				      v->in->own_ctx_size);
		reg_unknown(out);
		return 0;
	}
	if (has_btf_ctx(v))
		return check_btf_ctx(v, off, size, rw, out);
	if (!prog_ctx_access(v->prog_type, v->attach_type, off, size, rw == MEM_WRITE, &a) ||
	    (a.needs_cap_bpf && !v->bpf_capable) || (sign_extend && a.no_sign_extend))
		return refuse(v, -EACCES, PROBLEM_CTX_ACCESS, "invalid bpf_context access off=%d size=%u", off, size);
	reg_pointer(out, ctx_types[a.gives]);
	if (out->type == REG_SCALAR)
		reg_unknown(out);
	if (out->type & PTR_NULL)
		out->id = ++v->id_gen;
	if (a.gives == CTX_BTF_ID) {
		out->btf = v->in->btfs ? v->in->btfs[0] : NULL;
		out->btf_id = kernel_type(v, a.btf);
	}
	return 0;
}

/* Objects with a UAPI layout. */
static int check_sock(struct verifier *v, uint32_t regno, int32_t off, uint32_t size, int rw)
{
	static const enum sock_kind kinds[REG_TYPE_COUNT] = {
		[REG_SOCK_COMMON] = SOCK_COMMON, [REG_SOCKET] = SOCK_FULL,         [REG_TCP_SOCK] = SOCK_TCP,
		[REG_XDP_SOCK] = SOCK_XDP,       [REG_FLOW_KEYS] = SOCK_FLOW_KEYS,
	};
	const struct reg *r = &cur_regs(v)[regno];
	struct ctx_access a;
	char name[64];

	if (REG_BASE(r->type) == REG_FLOW_KEYS) {
		if (!prog_sock_access(SOCK_FLOW_KEYS, off, size, rw == MEM_WRITE, &a))
			return refuse(v, -EACCES, PROBLEM_MEM_RANGE, "invalid access to flow keys off=%d size=%u", off,
				      size);
		return 0;
	}
	/* Not reached: no arithmetic is allowed with sockets, so the offset is 0 */
	if (r->var.smin < 0)
		return refuse(v, -EACCES, PROBLEM_MEM_RANGE,
			      "R%u min value is negative, either use unsigned index or do a if (index >=0) check.",
			      regno);
	if (!prog_sock_access(kinds[REG_BASE(r->type)], off, size, rw == MEM_WRITE, &a) || !scalar_is_const(&r->var) ||
	    r->var.bits.value)
		return refuse(v, -EACCES, PROBLEM_MEM_RANGE, "R%u invalid %s access off=%d size=%u", regno,
			      reg_type_name(r->type, name), off, size);
	return 0;
}

/* Bytes of a map that cannot change any more are constants. */
static bool frozen_value(const struct verify_map *map, uint64_t off, uint32_t size, bool sign_extend, uint64_t *value)
{
	uint64_t raw = 0;

	if (!map->frozen || off + size > (uint64_t)map->value_size * map->max_entries)
		return false;
	memcpy(&raw, map->frozen + off, size);
	if (sign_extend && size < 8)
		raw = (uint64_t)((int64_t)(raw << (64 - size * 8)) >> (64 - size * 8));
	*value = raw;
	return true;
}

static int check_map_value(struct verifier *v, uint32_t insn, uint32_t regno, int32_t off, uint32_t size, int rw,
			   int32_t value_reg, bool sign_extend)
{
	const struct reg *r = &cur_regs(v)[regno];
	const struct btf_field *kptr = NULL;
	uint64_t value;
	int err = check_map_rights(v, regno, off, size, rw);

	if (!err)
		err = check_map_access(v, regno, off, size, false, false);
	if (err)
		return err;
	if (r->map->record && scalar_is_const(&r->var))
		kptr = btf_record_find(r->map->record, (uint32_t)((uint64_t)off + r->var.bits.value),
				       FIELD_KPTR | FIELD_UPTR);
	if (kptr)
		return check_kptr_access(v, regno, kptr, rw, value_reg, insn);
	if (rw == MEM_WRITE || value_reg < 0)
		return 0;
	if (scalar_is_const(&r->var) &&
	    frozen_value(r->map, (uint64_t)off + r->var.bits.value, size, sign_extend, &value)) {
		reg_const(&cur_regs(v)[value_reg], value);
		return 0;
	}
	reg_unknown(&cur_regs(v)[value_reg]);
	return 0;
}

static int leaks(struct verifier *v, int rw, int32_t value_reg, const char *where)
{
	if (rw != MEM_WRITE || value_reg < 0 || !reg_is_pointer(v, &cur_regs(v)[value_reg]))
		return 0;
	return refuse(v, -EACCES, PROBLEM_PTR_LEAK, "R%d leaks addr into %s", value_reg, where);
}

static int check_stack(struct verifier *v, uint32_t insn, uint32_t regno, int32_t off, uint32_t size, int rw,
		       int32_t value_reg)
{
	const struct reg *r = &cur_regs(v)[regno];
	int err = stack_bounds(v, regno, off, size, rw == MEM_WRITE);

	if (err)
		return err;
	if (rw == MEM_READ)
		return stack_read(v, regno, off, size, value_reg);
	if (scalar_is_const(&r->var))
		return stack_write(v, v->cur->frames[r->frame], off + (int32_t)r->var.bits.value, size, value_reg,
				   insn);
	return stack_write_var(v, regno, off, size, value_reg, insn);
}

static int check_by_type(struct verifier *v, uint32_t insn, uint32_t regno, int32_t off, uint32_t size, int rw,
			 int32_t value_reg, bool sign_extend)
{
	struct reg *regs = cur_regs(v), *r = &regs[regno], result;
	uint32_t base = REG_BASE(r->type);
	char name[64];
	int err;

	if ((r->type & PTR_NULL))
		return refuse(v, -EACCES, PROBLEM_NULL_ACCESS, "R%u invalid mem access '%s'", regno,
			      reg_type_name(r->type, name));
	switch (base) {
	case REG_MAP_KEY:
		if (rw == MEM_WRITE)
			return refuse(v, -EACCES, PROBLEM_READ_ONLY, "write to change key R%u not allowed", regno);
		err = check_region(v, regno, off, size, r->map->key_size, false);
		break;
	case REG_MAP_VALUE:
		err = leaks(v, rw, value_reg, "map");
		return err ? err : check_map_value(v, insn, regno, off, size, rw, value_reg, sign_extend);
	case REG_MEM:
		if (rw == MEM_WRITE && type_is_rdonly(r->type))
			return refuse(v, -EACCES, PROBLEM_READ_ONLY, "R%u cannot write into %s", regno,
				      reg_type_name(r->type, name));
		err = leaks(v, rw, value_reg, "mem");
		if (!err && !((r->type & MEM_RDONLY) && (r->type & PTR_UNTRUSTED)))
			err = check_region(v, regno, off, size, r->mem_size, false);
		break;
	case REG_CTX:
		err = leaks(v, rw, value_reg, "ctx");
		if (!err)
			err = check_ptr_offset(v, r, regno, false);
		if (!err)
			err = check_ctx(v, off, size, rw, sign_extend, &result);
		if (!err && rw == MEM_READ && value_reg >= 0)
			regs[value_reg] = result;
		return err;
	case REG_STACK:
		return check_stack(v, insn, regno, off, size, rw, value_reg);
	case REG_PKT:
	case REG_PKT_META:
		if (rw == MEM_WRITE && !may_access_packet(v, NULL, rw))
			return refuse(v, -EACCES, PROBLEM_READ_ONLY, "cannot write into packet");
		err = leaks(v, rw, value_reg, "packet");
		if (!err)
			err = check_packet_access(v, regno, off, size, false);
		break;
	case REG_FLOW_KEYS:
		err = leaks(v, rw, value_reg, "flow keys");
		if (!err)
			err = check_sock(v, regno, off, size, rw);
		break;
	case REG_SOCKET:
	case REG_SOCK_COMMON:
	case REG_TCP_SOCK:
	case REG_XDP_SOCK:
		if (rw == MEM_WRITE)
			return refuse(v, -EACCES, PROBLEM_READ_ONLY, "R%u cannot write into %s", regno,
				      reg_type_name(r->type, name));
		err = check_sock(v, regno, off, size, rw);
		break;
	case REG_TP_BUFFER:
		err = check_buffer_access(v, regno, off, size, false, NULL);
		break;
	case REG_BTF:
		return check_btf_access(v, regno, off, size, rw, value_reg);
	case REG_MAP_PTR:
		return check_map_ptr_access(v, regno, off, size, rw, value_reg);
	case REG_BUF:
		if (rw == MEM_WRITE && type_is_rdonly(r->type))
			return refuse(v, -EACCES, PROBLEM_READ_ONLY, "R%u cannot write into %s", regno,
				      reg_type_name(r->type, name));
		err = check_buffer_access(v, regno, off, size, false, NULL);
		break;
	case REG_ARENA:
		err = 0;
		break;
	default:
		return refuse(v, -EACCES, r->type == REG_SCALAR ? PROBLEM_SCALAR_ACCESS : PROBLEM_NULL_ACCESS,
			      "R%u invalid mem access '%s'", regno, reg_type_name(r->type, name));
	}
	if (!err && rw == MEM_READ && value_reg >= 0)
		reg_unknown(&regs[value_reg]);
	return err;
}

int check_mem(struct verifier *v, uint32_t insn, uint32_t regno, int32_t off, uint32_t size, int rw, int32_t value_reg,
	      bool strict_once, bool sign_extend)
{
	struct reg *regs = cur_regs(v), *r = &regs[regno];
	int err = check_alignment(v, r, off, size, strict_once);

	if (err)
		return err;
	err = check_by_type(v, insn, regno, r->off + off, size, rw, value_reg, sign_extend);
	if (err || rw != MEM_READ || value_reg < 0 || size == 8 || regs[value_reg].type != REG_SCALAR)
		return err;
	if (!sign_extend)
		scalar_cast(&regs[value_reg].var, size);
	else
		scalar_sext(&regs[value_reg].var, size, true);
	return 0;
}

/* The same load or store may not go through a context on one path and through memory on another: each is compiled its own way. */
static bool type_mixes(uint32_t type)
{
	switch (REG_BASE(type)) {
	case REG_CTX:
	case REG_SOCKET:
	case REG_SOCK_COMMON:
	case REG_TCP_SOCK:
	case REG_XDP_SOCK:
	case REG_BTF:
	case REG_ARENA:
		return false;
	default:
		return true;
	}
}

static bool mem_or_btf(uint32_t type)
{
	return REG_BASE(type) == REG_MEM || REG_BASE(type) == REG_BTF;
}

static int note_type(struct verifier *v, uint32_t type, bool load)
{
	uint32_t *had = &v->aux[v->insn].ptr_type;

	/* Also where the paths may differ: to probe memory of the program's own does no harm. */
	v->aux[v->insn].probe |= REG_BASE(type) == REG_BTF || (REG_BASE(type) == REG_MEM && (type & PTR_UNTRUSTED));
	if (*had == REG_NOT_INIT) {
		*had = type;
		return 0;
	}
	if (*had == type || (type_mixes(type) && type_mixes(*had)))
		return 0;
	if (load && mem_or_btf(type) && mem_or_btf(*had)) {
		/* Probed on every path, then. */
		*had = REG_BTF | PTR_UNTRUSTED;
		return 0;
	}
	return refuse(v, -EINVAL, PROBLEM_CTX_ACCESS, "same insn cannot be used with different pointers");
}

uint32_t access_size(const struct bpf_insn *insn)
{
	static const uint8_t sizes[] = {4, 2, 1, 8};

	return sizes[BPF_SIZE(insn->code) >> 3];
}

static int load(struct verifier *v, const struct bpf_insn *insn, bool strict_once, bool sign_extend)
{
	uint32_t type;
	int err = check_reg_read(v, insn->src_reg);

	if (!err)
		err = check_reg_def(v, insn->dst_reg);
	if (err)
		return err;
	type = cur_regs(v)[insn->src_reg].type;
	err = check_mem(v, v->insn, insn->src_reg, insn->off, access_size(insn), MEM_READ, insn->dst_reg, strict_once,
			sign_extend);
	return err ? err : note_type(v, type, true);
}

static int store(struct verifier *v, const struct bpf_insn *insn, bool strict_once)
{
	bool imm = BPF_CLASS(insn->code) == BPF_ST;
	uint32_t type;
	int err = imm ? 0 : check_reg_read(v, insn->src_reg);

	if (!err)
		err = check_reg_read(v, insn->dst_reg);
	if (err)
		return err;
	type = cur_regs(v)[insn->dst_reg].type;
	err = check_mem(v, v->insn, insn->dst_reg, insn->off, access_size(insn), MEM_WRITE, imm ? -1 : insn->src_reg,
			strict_once, false);
	return err ? err : note_type(v, type, false);
}

int check_load(struct verifier *v, const struct bpf_insn *insn, bool sign_extend)
{
	return load(v, insn, false, sign_extend);
}

int check_store(struct verifier *v, const struct bpf_insn *insn)
{
	return store(v, insn, false);
}

static int check_atomic_pointer(struct verifier *v, uint32_t regno)
{
	const struct reg *r = &cur_regs(v)[regno];
	char name[64];

	switch (REG_BASE(r->type)) {
	case REG_CTX:
	case REG_PKT:
	case REG_PKT_META:
	case REG_FLOW_KEYS:
	case REG_SOCKET:
	case REG_SOCK_COMMON:
	case REG_TCP_SOCK:
	case REG_XDP_SOCK:
		return refuse(v, -EACCES, PROBLEM_READ_ONLY, "BPF_ATOMIC stores into R%u %s is not allowed", regno,
			      reg_type_name(r->type, name));
	default:
		return 0;
	}
}

static int check_read_modify_write(struct verifier *v, const struct bpf_insn *insn)
{
	uint32_t size = access_size(insn), type;
	int32_t load_reg = -1;
	int err = check_reg_read(v, insn->src_reg);

	if (!err)
		err = check_reg_read(v, insn->dst_reg);
	if (!err && insn->imm == BPF_CMPXCHG) {
		err = check_reg_read(v, BPF_REG_0);
		if (!err && reg_is_pointer(v, &cur_regs(v)[BPF_REG_0]))
			return refuse(v, -EACCES, PROBLEM_PTR_LEAK, "R0 leaks addr into mem");
	}
	if (err)
		return err;
	if (reg_is_pointer(v, &cur_regs(v)[insn->src_reg]))
		return refuse(v, -EACCES, PROBLEM_PTR_LEAK, "R%u leaks addr into mem", insn->src_reg);
	err = check_atomic_pointer(v, insn->dst_reg);
	if (err)
		return err;
	type = cur_regs(v)[insn->dst_reg].type;
	if (insn->imm & BPF_FETCH) {
		load_reg = insn->imm == BPF_CMPXCHG ? BPF_REG_0 : insn->src_reg;
		/* The old value lands in it, also when it is the pointer itself that is read from. */
		err = check_reg_write(v, (uint32_t)load_reg);
		if (err)
			return err;
	}
	err = check_mem(v, v->insn, insn->dst_reg, insn->off, size, MEM_READ, -1, true, false);
	if (!err && load_reg >= 0)
		err = check_mem(v, v->insn, insn->dst_reg, insn->off, size, MEM_READ, load_reg, true, false);
	if (!err && REG_BASE(type) == REG_ARENA)
		err = note_type(v, type, false);
	return err ? err : check_mem(v, v->insn, insn->dst_reg, insn->off, size, MEM_WRITE, -1, true, false);
}

int check_atomic(struct verifier *v, const struct bpf_insn *insn)
{
	int err;

	switch (insn->imm) {
	case BPF_LOAD_ACQ:
		err = check_reg_read(v, insn->src_reg);
		if (!err)
			err = check_atomic_pointer(v, insn->src_reg);
		return err ? err : load(v, insn, true, false);
	case BPF_STORE_REL:
		err = check_reg_read(v, insn->dst_reg);
		if (!err)
			err = check_atomic_pointer(v, insn->dst_reg);
		return err ? err : store(v, insn, true);
	default:
		return check_read_modify_write(v, insn);
	}
}

/* Memory handed to helpers */

/* The context is what the kernel has, and not translated: no bytes of it may be handed over like no bytes of any memory. */
static bool ctx_is_bare(uint32_t prog_type)
{
	switch (prog_type) {
	case BPF_PROG_TYPE_KPROBE:
	case BPF_PROG_TYPE_TRACEPOINT:
	case BPF_PROG_TYPE_CGROUP_DEVICE:
	case BPF_PROG_TYPE_RAW_TRACEPOINT:
	case BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE:
	case BPF_PROG_TYPE_TRACING:
	case BPF_PROG_TYPE_STRUCT_OPS:
	case SKEP_PROG_TYPE_NETFILTER:
		return true;
	default:
		return false;
	}
}

int check_helper_mem(struct verifier *v, uint32_t regno, uint32_t size, int rw, bool zero_ok, struct call *call)
{
	struct reg *r = &cur_regs(v)[regno];
	char name[64];
	int err;

	switch (REG_BASE(r->type)) {
	case REG_PKT:
	case REG_PKT_META:
		return check_packet_access(v, regno, r->off, size, zero_ok);
	case REG_MAP_KEY:
		if (rw == MEM_WRITE)
			break;
		return check_region(v, regno, r->off, size, r->map->key_size, false);
	case REG_MAP_VALUE:
		err = check_map_rights(v, regno, r->off, size, rw);
		return err ? err : check_map_access(v, regno, r->off, size, zero_ok, true);
	case REG_MEM:
		if (rw == MEM_WRITE && type_is_rdonly(r->type))
			break;
		return check_region(v, regno, r->off, size, r->mem_size, zero_ok);
	case REG_BUF:
		if (rw == MEM_WRITE && type_is_rdonly(r->type))
			break;
		return check_buffer_access(v, regno, r->off, size, zero_ok, NULL);
	case REG_STACK:
		return check_stack_init(v, regno, r->off, size, zero_ok, rw == MEM_WRITE, call);
	case REG_BTF:
		err = check_btf_access(v, regno, r->off, size, MEM_READ, -1);
		if (!err && v->in->objects_presented)
			return refuse(v, -EACCES, PROBLEM_NOT_SUPPORTED,
				      "R%u is an object that skep presents, which is no memory here: copy it by "
				      "bpf_probe_read_kernel() first",
				      regno);
		return err;
	case REG_CTX:
		/* Only the context of a syscall program is memory of the caller's making. */
		if (v->prog_type == BPF_PROG_TYPE_SYSCALL) {
			/* Not reached: check_mem_size() has refused a size of 0 where it is not allowed */
			if (!size)
				return zero_ok ? 0
					       : refuse(v, -EACCES, PROBLEM_CTX_ACCESS, "R%u invalid zero-sized access",
							regno);
			return check_mem(v, v->insn, regno, (int32_t)size - 1, 1, rw, -1, false, false);
		}
		if (!size && zero_ok && ctx_is_bare(v->prog_type))
			return 0;
		break;
	default:
		if (zero_ok && !size && reg_is_null(r))
			return 0;
		break;
	}
	if (rw == MEM_WRITE && (type_is_rdonly(r->type) || REG_BASE(r->type) == REG_MAP_KEY))
		return refuse(v, -EACCES, PROBLEM_READ_ONLY, "R%u cannot write into %s", regno,
			      reg_type_name(r->type, name));
	return refuse(v, -EACCES, PROBLEM_ARG_TYPE, "R%u type=%s expected=fp", regno, reg_type_name(r->type, name));
}

int check_mem_size(struct verifier *v, uint32_t size_regno, int rw, bool zero_ok, struct call *call)
{
	const struct scalar *s = &cur_regs(v)[size_regno].var;
	int err;

	call->max_size = s->umax;
	v->blamed = (int)size_regno;
	/* Of unknown length: all that may be written must be initialised. */
	if (!scalar_is_const(s))
		call = NULL;
	if (s->smin < 0)
		return refuse(v, -EACCES, PROBLEM_UNBOUNDED,
			      "R%u min value is negative, either use unsigned or 'var &= const'", size_regno);
	if (!s->umin && !zero_ok)
		return refuse(v, -EACCES, PROBLEM_UNBOUNDED, "R%u invalid zero-sized read: u64=[%llu,%llu]", size_regno,
			      (unsigned long long)s->umin, (unsigned long long)s->umax);
	if (s->umax >= MAX_VAR_SIZE)
		return refuse(v, -EACCES, PROBLEM_UNBOUNDED,
			      "R%u unbounded memory access, use 'var &= const' or 'if (var < const)'", size_regno);
	v->blamed = (int)size_regno - 1;
	err = check_helper_mem(v, size_regno - 1, (uint32_t)s->umax, rw, zero_ok, call);
	return err ? err : mark_precise(v, size_regno);
}

int check_mem_fixed(struct verifier *v, uint32_t regno, uint32_t size)
{
	struct reg *r = &cur_regs(v)[regno], saved = *r;
	int err;

	if (reg_is_null(r))
		return 0;
	/* NULL would be fine too: look at what it is when it is not. */
	if (r->type & PTR_NULL) {
		mark_non_null(v, v->cur, r);
		err = check_helper_mem(v, regno, size, MEM_READ, true, NULL);
		if (!err)
			err = check_helper_mem(v, regno, size, MEM_WRITE, true, NULL);
		*r = saved;
		return err;
	}
	err = check_helper_mem(v, regno, size, MEM_READ, true, NULL);
	return err ? err : check_helper_mem(v, regno, size, MEM_WRITE, true, NULL);
}
