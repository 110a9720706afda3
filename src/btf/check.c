/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two passes over the type section. The first walks it as a list of records and checks each by itself; it
 * notes where each type begins. The second follows the edges by which a type contains another (array
 * element, struct member, typedef, modifier, variable) and refuses circles; pointers and functions end
 * a chain. The walk keeps its own stack, so depth costs memory, never C stack.
 */
#include "btf/check.h"

#include "base/cursor.h"
#include "base/util.h"

#include <errno.h>
#include <linux/btf.h>

enum { KIND_ENUM64 = 19 };

struct checker {
	struct cursor types;
	struct cursor strings;
	uint32_t *where; /* offset of type i's record; [0] is void */
	uint32_t n, room; /* types with void */
	enum btf_origin origin;
	struct btf_fault *why;
};

static int fault(struct checker *c, uint32_t type, const char *reason)
{
	c->why->reason = reason;
	c->why->type = type;
	return -EINVAL;
}

static bool name_ok(const struct checker *c, uint32_t off)
{
	return off < c->strings.len;
}

static bool is_named(const struct checker *c, uint32_t off)
{
	return name_ok(c, off) && c->strings.base[off];
}

/* Bytes that follow struct btf_type, by kind; -1 for an unknown kind. */
static int64_t extra_size(uint32_t kind, uint32_t vlen)
{
	switch (kind) {
	case BTF_KIND_INT:
		return 4;
	case BTF_KIND_ARRAY:
		return sizeof(struct btf_array);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return (int64_t)vlen * (int64_t)sizeof(struct btf_member);
	case BTF_KIND_ENUM:
		return (int64_t)vlen * (int64_t)sizeof(struct btf_enum);
	case KIND_ENUM64:
		return (int64_t)vlen * 12;
	case BTF_KIND_FUNC_PROTO:
		return (int64_t)vlen * (int64_t)sizeof(struct btf_param);
	case BTF_KIND_VAR:
		return sizeof(struct btf_var);
	case BTF_KIND_DATASEC:
		return (int64_t)vlen * (int64_t)sizeof(struct btf_var_secinfo);
	case BTF_KIND_DECL_TAG:
		return sizeof(struct btf_decl_tag);
	case BTF_KIND_PTR:
	case BTF_KIND_FWD:
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_FUNC:
	case BTF_KIND_FLOAT:
	case BTF_KIND_TYPE_TAG:
		return 0;
	default:
		return -1;
	}
}

static bool takes_vlen(uint32_t kind)
{
	switch (kind) {
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
	case BTF_KIND_ENUM:
	case KIND_ENUM64:
	case BTF_KIND_FUNC_PROTO:
	case BTF_KIND_DATASEC:
	case BTF_KIND_FUNC: /* linkage */
		return true;
	default:
		return false;
	}
}

static bool takes_kflag(uint32_t kind)
{
	return kind == BTF_KIND_STRUCT || kind == BTF_KIND_UNION || kind == BTF_KIND_FWD || kind == BTF_KIND_ENUM ||
	       kind == KIND_ENUM64 || kind == BTF_KIND_DECL_TAG || kind == BTF_KIND_TYPE_TAG;
}

static int check_int(struct checker *c, uint32_t id, const struct btf_type *t, uint32_t data)
{
	uint32_t bits = BTF_INT_BITS(data);
	uint32_t enc = BTF_INT_ENCODING(data);

	if (!bits || bits > 128 || BTF_INT_OFFSET(data) + bits > t->size * 8)
		return fault(c, id, "an integer's bits do not fit its size");
	if (enc & (enc - 1) || enc > BTF_INT_BOOL)
		return fault(c, id, "an integer has an unknown encoding");
	return 0;
}

/* Members ascend and lie inside their struct; ids and names are in range. */
static int check_members(struct checker *c, uint32_t id, const struct btf_type *t, struct cursor *body)
{
	bool bitfields = BTF_INFO_KFLAG(t->info);
	uint32_t last = 0;
	struct btf_member m;

	for (uint32_t i = 0; i < BTF_INFO_VLEN(t->info); i++) {
		uint32_t bit;

		cursor_get(body, &m, sizeof(m));
		bit = bitfields ? BTF_MEMBER_BIT_OFFSET(m.offset) : m.offset;
		if (!name_ok(c, m.name_off))
			return fault(c, id, "a member's name lies outside the string section");
		if (!m.type || m.type >= c->n)
			return fault(c, id, "a member has a type that does not exist");
		if (BTF_INFO_KIND(t->info) == BTF_KIND_UNION && bit)
			return fault(c, id, "a union's member is not at offset 0");
		if (bit < last)
			return fault(c, id, "members are not in the order of their offsets");
		if (bit / 8 > t->size)
			return fault(c, id, "a member begins behind the end of its struct");
		last = bit;
	}
	return 0;
}

static struct btf_type type_at(const struct checker *c, uint32_t id, struct cursor *body)
{
	struct btf_type t;

	*body = cursor_part(&c->types, c->where[id], c->types.len - c->where[id]);
	cursor_get(body, &t, sizeof(t));
	return t;
}

/* What a function is of: a prototype whose parameters have names, but for the end of one that takes any number. */
static int check_func(struct checker *c, uint32_t id, uint32_t proto)
{
	struct cursor body;
	struct btf_param p;
	struct btf_type t;

	if (!proto || proto >= c->n)
		return fault(c, id, "it refers to a type that does not exist");
	t = type_at(c, proto, &body);
	if (BTF_INFO_KIND(t.info) != BTF_KIND_FUNC_PROTO)
		return fault(c, id, "a function's type is no prototype");
	for (uint32_t i = 0; i < BTF_INFO_VLEN(t.info); i++) {
		cursor_get(&body, &p, sizeof(p));
		if (!p.name_off && p.type)
			return fault(c, id, "a function's parameter has no name");
	}
	return 0;
}

static int check_type(struct checker *c, uint32_t id)
{
	struct cursor body = cursor_part(&c->types, c->where[id], c->types.len - c->where[id]);
	struct btf_type t;
	struct btf_array a;
	uint32_t pair[3];
	uint32_t kind;

	cursor_get(&body, &t, sizeof(t));
	kind = BTF_INFO_KIND(t.info);
	switch (kind) {
	case BTF_KIND_INT:
		cursor_get(&body, pair, 4);
		return check_int(c, id, &t, pair[0]);
	case BTF_KIND_ARRAY:
		cursor_get(&body, &a, sizeof(a));
		if (!a.type || a.type >= c->n || !a.index_type || a.index_type >= c->n)
			return fault(c, id, "an array of a type that does not exist");
		return 0;
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return check_members(c, id, &t, &body);
	case BTF_KIND_ENUM:
	case KIND_ENUM64:
		if (!t.size || t.size > 8 || (t.size & (t.size - 1)))
			return fault(c, id, "an enum of an impossible size");
		for (uint32_t i = 0; i < BTF_INFO_VLEN(t.info); i++) {
			cursor_get(&body, pair, kind == BTF_KIND_ENUM ? 8 : 12);
			if (!is_named(c, pair[0]))
				return fault(c, id, "an enumerator has no name");
		}
		return 0;
	case BTF_KIND_FUNC_PROTO:
		if (t.type >= c->n)
			return fault(c, id, "a function returns a type that does not exist");
		for (uint32_t i = 0; i < BTF_INFO_VLEN(t.info); i++) {
			cursor_get(&body, pair, 8);
			if (!name_ok(c, pair[0]) || pair[1] >= c->n)
				return fault(c, id, "a parameter has a name or type that does not exist");
		}
		return 0;
	case BTF_KIND_DATASEC:
		for (uint32_t i = 0; i < BTF_INFO_VLEN(t.info); i++) {
			cursor_get(&body, pair, 12);
			if (!pair[0] || pair[0] >= c->n)
				return fault(c, id, "a data section has a variable that does not exist");
			if (c->origin != BTF_OF_OBJECT && (pair[1] > t.size || pair[2] > t.size - pair[1]))
				return fault(c, id, "a variable lies outside its data section");
		}
		return is_named(c, t.name_off) ? 0 : fault(c, id, "a data section has no name");
	case BTF_KIND_FUNC:
		if (!is_named(c, t.name_off) || BTF_INFO_VLEN(t.info) > BTF_FUNC_EXTERN)
			return fault(c, id, "a function has no name or an unknown linkage");
		if (c->origin == BTF_LOADED)
			return check_func(c, id, t.type);
		break;
	case BTF_KIND_VAR:
		cursor_get(&body, pair, 4);
		if (!is_named(c, t.name_off) || pair[0] > BTF_VAR_GLOBAL_EXTERN)
			return fault(c, id, "a variable has no name or an unknown linkage");
		break;
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_FWD:
		if (!is_named(c, t.name_off))
			return fault(c, id, "a typedef or forward declaration has no name");
		if (kind == BTF_KIND_FWD)
			return 0;
		break;
	case BTF_KIND_FLOAT:
		return t.size && t.size <= 16 ? 0 : fault(c, id, "a float of an impossible size");
	default:
		break;
	}
	/* What is left names one other type: pointers, modifiers, functions, variables, tags. */
	if (t.type >= c->n)
		return fault(c, id, "it refers to a type that does not exist");
	return 0;
}

/* First pass: where each record begins, and whether the records fill the section. */
static int index_types(struct checker *c)
{
	struct cursor at = c->types;
	struct btf_type t;

	c->n = 1;
	while (cursor_left(&at)) {
		uint32_t start = (uint32_t)at.pos;
		uint32_t kind;
		int64_t extra;

		if (!cursor_get(&at, &t, sizeof(t)))
			return fault(c, c->n, "the type section ends inside a type");
		kind = BTF_INFO_KIND(t.info);
		extra = extra_size(kind, BTF_INFO_VLEN(t.info));
		if (extra < 0)
			return fault(c, c->n, "an unknown kind of type");
		if ((t.info & 0x60ff0000u) || (BTF_INFO_VLEN(t.info) && !takes_vlen(kind)) ||
		    (BTF_INFO_KFLAG(t.info) && !takes_kflag(kind)))
			return fault(c, c->n, "reserved bits are set");
		if (!name_ok(c, t.name_off))
			return fault(c, c->n, "the name lies outside the string section");
		if (!cursor_take(&at, (size_t)extra))
			return fault(c, c->n, "the type section ends inside a type");
		if (c->n >= c->room) {
			uint32_t room = c->room ? c->room * 2 : 256;
			uint32_t *where = realloc(c->where, room * sizeof(*where));

			if (!where)
				return -ENOMEM;
			c->where = where;
			c->room = room;
		}
		c->where[c->n++] = start;
	}
	return 0;
}

/* The i-th type that type @id contains by value; 0 when there is no further one. */
static uint32_t contained(const struct checker *c, uint32_t id, uint32_t i)
{
	struct cursor body = cursor_part(&c->types, c->where[id], c->types.len - c->where[id]);
	struct btf_type t;
	struct btf_array a;
	struct btf_member m;

	cursor_get(&body, &t, sizeof(t));
	switch (BTF_INFO_KIND(t.info)) {
	case BTF_KIND_ARRAY:
		cursor_get(&body, &a, sizeof(a));
		return i ? 0 : a.type;
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		if (i >= BTF_INFO_VLEN(t.info))
			return 0;
		cursor_take(&body, i * sizeof(m));
		cursor_get(&body, &m, sizeof(m));
		return m.type;
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_TYPE_TAG:
	case BTF_KIND_VAR:
		return i ? 0 : t.type;
	default:
		return 0;
	}
}

/* Is it an integer or an enum, past typedefs and modifiers? Only called once there are no circles below @id. */
static bool is_integral(const struct checker *c, uint32_t id)
{
	for (;;) {
		struct cursor body;
		struct btf_type t = type_at(c, id, &body);

		switch (BTF_INFO_KIND(t.info)) {
		case BTF_KIND_INT:
		case BTF_KIND_ENUM:
		case KIND_ENUM64:
			return true;
		case BTF_KIND_TYPEDEF:
		case BTF_KIND_VOLATILE:
		case BTF_KIND_CONST:
		case BTF_KIND_RESTRICT:
		case BTF_KIND_TYPE_TAG:
			id = t.type;
			if (id)
				continue;
			return false;
		default:
			return false;
		}
	}
}

/* The members of a struct whose members' types have their sizes: each ends inside it. */
static int check_member_ends(struct checker *c, uint32_t id, const struct btf_type *t, struct cursor *body,
			     const uint32_t *size)
{
	bool bitfields = BTF_INFO_KFLAG(t->info);
	struct btf_member m;

	for (uint32_t i = 0; i < BTF_INFO_VLEN(t->info); i++) {
		uint64_t bit, bits;

		cursor_get(body, &m, sizeof(m));
		bit = bitfields ? BTF_MEMBER_BIT_OFFSET(m.offset) : m.offset;
		bits = bitfields ? BTF_MEMBER_BITFIELD_SIZE(m.offset) : 0;
		if (bits && (!is_integral(c, m.type) || bits > (uint64_t)size[m.type] * 8))
			return fault(c, id, "a bit field is not of an integer type, or wider than it");
		/* Before there were flags, a bit field's width stood in its integer. */
		if (bit + (bits ? bits : bit % 8 ? 0 : (uint64_t)size[m.type] * 8) > (uint64_t)t->size * 8)
			return fault(c, id, "a member ends behind the end of its struct");
	}
	return 0;
}

/* Sizes in bytes, once those of everything that @id contains are known. What is larger than an int can say is refused. */
static int find_size(struct checker *c, uint32_t id, uint32_t *size)
{
	struct cursor body;
	struct btf_type t = type_at(c, id, &body);
	struct btf_array a;
	uint64_t bytes = 0;
	int err = 0;

	switch (BTF_INFO_KIND(t.info)) {
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		err = check_member_ends(c, id, &t, &body, size);
		bytes = t.size;
		break;
	case BTF_KIND_INT:
	case BTF_KIND_ENUM:
	case KIND_ENUM64:
	case BTF_KIND_FLOAT:
	case BTF_KIND_DATASEC:
		bytes = t.size;
		break;
	case BTF_KIND_PTR:
		bytes = 8;
		break;
	case BTF_KIND_ARRAY:
		cursor_get(&body, &a, sizeof(a));
		bytes = (uint64_t)a.nelems * size[a.type];
		break;
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_TYPE_TAG:
	case BTF_KIND_VAR:
		bytes = size[t.type];
		break;
	default:
		break;
	}
	if (!err && bytes > INT32_MAX)
		return fault(c, id, "a type is larger than 2 GiB");
	size[id] = (uint32_t)bytes;
	return err;
}

/*
 * Second pass: depth first over what contains what; a type met again while it is open is a circle. A type is measured when all
 * that it contains has been.
 */
static int check_circles(struct checker *c)
{
	enum { NEW, OPEN, DONE };
	AUTO_FREE uint32_t *size = calloc(c->n, sizeof(*size));
	AUTO_FREE uint8_t *state = calloc(c->n, 1);
	AUTO_FREE uint32_t *stack = calloc(c->n, sizeof(*stack));
	AUTO_FREE uint32_t *next = calloc(c->n, sizeof(*next));

	if (!size || !state || !stack || !next)
		return -ENOMEM;
	for (uint32_t root = 1; root < c->n; root++) {
		uint32_t depth = 0;

		if (state[root] != NEW)
			continue;
		stack[depth++] = root;
		state[root] = OPEN;
		while (depth) {
			uint32_t id = stack[depth - 1];
			uint32_t to = contained(c, id, next[id]++);

			if (!to) {
				int err = find_size(c, id, size);

				if (err)
					return err;
				state[id] = DONE;
				depth--;
			} else if (state[to] == OPEN) {
				return fault(c, to, "the type contains itself");
			} else if (state[to] == NEW) {
				state[to] = OPEN;
				stack[depth++] = to;
			}
		}
	}
	return 0;
}

int btf_check(const void *data, size_t len, enum btf_origin origin, struct btf_fault *why)
{
	struct checker c = {.origin = origin, .why = why};
	struct cursor all = cursor_of(data, len);
	struct btf_header h;
	uint64_t types, strings;
	int err;

	*why = (struct btf_fault){0};
	if (!cursor_get(&all, &h, sizeof(h)))
		return fault(&c, 0, "shorter than a BTF header");
	if (h.magic != BTF_MAGIC)
		return fault(&c, 0, "it does not begin with BTF's magic number (in this byte order)");
	if (h.version != BTF_VERSION || h.flags)
		return fault(&c, 0, "an unknown version or flags");
	if (h.hdr_len < sizeof(h) || h.hdr_len > len)
		return fault(&c, 0, "the header's length is impossible");
	types = (uint64_t)h.hdr_len + h.type_off;
	strings = (uint64_t)h.hdr_len + h.str_off;
	c.types = cursor_part(&all, types, h.type_len);
	c.strings = cursor_part(&all, strings, h.str_len);
	if (c.types.bad || c.strings.bad || (h.type_off & 3))
		return fault(&c, 0, "a section lies outside the data or is misaligned");
	if (h.type_off || h.str_off != h.type_len || strings + h.str_len != len)
		return fault(&c, 0, "sections overlap or leave a gap");
	if (!h.str_len || c.strings.base[0] || c.strings.base[h.str_len - 1])
		return fault(&c, 0, "the string section does not begin and end with an empty byte");
	err = index_types(&c);
	for (uint32_t id = 1; !err && id < c.n; id++)
		err = check_type(&c, id);
	if (!err)
		err = check_circles(&c);
	free(c.where);
	return err;
}
