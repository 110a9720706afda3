/* SPDX-License-Identifier: BSD-2-Clause */
#include "prog/ctx.h"

#include "prog/ctx_fields.h"

static const struct ctx_field *field_at(const struct ctx_table *table, uint32_t off)
{
	for (uint32_t i = 0; i < table->n; i++) {
		const struct ctx_field *f = &table->fields[i];

		if (f->flags & FIELD_START ? off == f->off : off >= f->off && off - f->off < f->len)
			return f;
	}
	return NULL;
}

/* in - a mask of types, of which zero stands for all, has this one. */
static bool in(uint64_t mask, uint32_t type)
{
	return !mask || (type < 64 && mask >> type & 1);
}

static bool table_access(const struct ctx_table *table, uint32_t prog_type, uint32_t attach_type, int32_t off,
			 uint32_t size, bool write, struct ctx_access *out)
{
	const struct ctx_field *f;

	if (off < 0 || (uint32_t)off % size)
		return false;
	f = field_at(table, (uint32_t)off);
	if (!f || !((write ? f->write : f->read) & size))
		return false;
	if (!in(write ? f->writers : f->readers, prog_type) || !in(write ? f->write_at : f->read_at, attach_type))
		return false;
	if (f->flags & FIELD_WITHIN && (uint32_t)off + size > (uint32_t)f->off + f->len)
		return false;
	if (out)
		*out = (struct ctx_access){
			.gives = f->gives,
			.field_size = f->width > size ? f->width : size,
			.btf = f->btf,
			.no_sign_extend = f->flags & FIELD_NO_SEXT,
			.needs_cap_bpf = prog_type == BPF_PROG_TYPE_CGROUP_SKB &&
					 f->flags & (write ? FIELD_CAP_WRITE : FIELD_CAP_READ),
		};
	return true;
}

static bool valid_size(uint32_t size)
{
	return size == 1 || size == 2 || size == 4 || size == 8;
}

bool prog_ctx_access(uint32_t prog_type, uint32_t attach_type, int32_t off, uint32_t size, bool write,
		     struct ctx_access *out)
{
	if (prog_type >= SKEP_PROG_TYPE_MAX || !valid_size(size))
		return false;
	return table_access(&ctx_tables[prog_type], prog_type, attach_type, off, size, write, out);
}

bool prog_sock_access(enum sock_kind kind, int32_t off, uint32_t size, bool write, struct ctx_access *out)
{
	if (!valid_size(size))
		return false;
	if (kind != SOCK_FLOW_KEYS)
		return !write && table_access(&sock_tables[kind], 0, 0, off, size, false, out);
	/* Plain memory: any access that stays inside. */
	if (off < 0 || (uint64_t)off + size > sizeof(struct bpf_flow_keys))
		return false;
	if (out)
		*out = (struct ctx_access){.gives = CTX_SCALAR, .field_size = size};
	return true;
}

#define T(type) CTX_TYPE(BPF_PROG_TYPE_##type)
/* The packet is theirs to read; and to write too. */
#define PACKET_READ  (T(LWT_IN) | T(LWT_OUT) | T(LWT_SEG6LOCAL) | T(SK_REUSEPORT) | T(FLOW_DISSECTOR) | T(CGROUP_SKB))
#define PACKET_WRITE (T(SCHED_CLS) | T(SCHED_ACT) | T(XDP) | T(LWT_XMIT) | T(SK_SKB) | T(SK_MSG))

bool prog_packet_write(uint32_t prog_type)
{
	return prog_type < SKEP_PROG_TYPE_MAX && (PACKET_WRITE | T(CGROUP_SOCKOPT)) >> prog_type & 1;
}

bool prog_packet_helper(uint32_t prog_type, bool pkt_access, bool write)
{
	if (prog_type == BPF_PROG_TYPE_CGROUP_SOCKOPT)
		return true; /* the "packet" is the option's value: no helper can reach it by other ways */
	if (!pkt_access || prog_type >= SKEP_PROG_TYPE_MAX)
		return false;
	return (write ? PACKET_WRITE : PACKET_READ | PACKET_WRITE) >> prog_type & 1;
}
