/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/value.h"

#include "base/util.h"

#include <arpa/inet.h>
#include <bpf/btf.h>
#include <ctype.h>
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { WHY = 160, MAX_DEPTH = 32 };

char *hex_text(const void *bytes, size_t size)
{
	char *text = malloc(size * 3 + 1);

	if (!text)
		return NULL;
	text[0] = 0;
	for (size_t i = 0; i < size; i++)
		sprintf(text + i * 3, i + 1 < size ? "%02x " : "%02x", ((const uint8_t *)bytes)[i]);
	return text;
}

static struct json_object *hex_json(const void *bytes, size_t size)
{
	AUTO_FREE char *text = hex_text(bytes, size);

	return json_object_new_string(text ? text : "");
}

/* How the bits of an integer are to be read: what its typedefs and its BTF say. */
struct number {
	bool big; /* network byte order */
	bool ipv4;
	bool is_signed, is_bool;
};

/* Follows typedefs and modifiers to the type itself, noting __be16 and the like on the way. */
static const struct btf_type *strip(const struct btf *btf, uint32_t id, struct number *n)
{
	const struct btf_type *t = btf__type_by_id(btf, id);

	for (int depth = 0; t && depth < MAX_DEPTH; depth++) {
		if (!btf_is_mod(t) && !btf_is_typedef(t))
			return t;
		if (btf_is_typedef(t) && n) {
			const char *name = btf__name_by_offset(btf, t->name_off);

			if (name && (!strcmp(name, "__be16") || !strcmp(name, "__be32") || !strcmp(name, "__be64"))) {
				n->big = true;
				n->ipv4 = !strcmp(name, "__be32");
			}
		}
		t = btf__type_by_id(btf, t->type);
	}
	return NULL;
}

static uint64_t load(const void *bytes, size_t size, bool big)
{
	uint64_t v = 0;

	memcpy(&v, bytes, MIN(size, sizeof(v)));
	if (!big)
		return v;
	return size == 2 ? be16toh((uint16_t)v) : size == 4 ? be32toh((uint32_t)v) : be64toh(v);
}

static void store(void *bytes, size_t size, uint64_t v, bool big)
{
	if (big)
		v = size == 2 ? htobe16((uint16_t)v) : size == 4 ? htobe32((uint32_t)v) : htobe64(v);
	memcpy(bytes, &v, MIN(size, sizeof(v)));
}

/* Is it an array of @n elements of one byte? *text tells whether they are chars. */
static bool byte_array(const struct btf *btf, const struct btf_type *t, size_t *n, bool *text)
{
	const struct btf_type *e;

	if (!btf_is_array(t))
		return false;
	e = strip(btf, btf_array(t)->type, NULL);
	if (!e || !btf_is_int(e) || e->size != 1)
		return false;
	*n = btf_array(t)->nelems;
	*text = (btf_int_encoding(e) & BTF_INT_CHAR) || !strcmp(btf__name_by_offset(btf, e->name_off), "char");
	return true;
}

static bool is_in6_addr(const struct btf *btf, const struct btf_type *t)
{
	return btf_is_struct(t) && t->size == 16 && !strcmp(btf__name_by_offset(btf, t->name_off), "in6_addr");
}

static bool printable(const char *s, size_t n)
{
	size_t len = strnlen(s, n);

	for (size_t i = 0; i < len; i++)
		if (s[i] < ' ' || s[i] > '~')
			return false;
	for (size_t i = len; i < n; i++)
		if (s[i])
			return false;
	return true;
}

static struct json_object *to_json(const struct btf *btf, uint32_t id, const uint8_t *bytes, size_t size, int depth);

static struct json_object *int_to_json(const struct number *n, const uint8_t *bytes, size_t size)
{
	uint64_t v = load(bytes, size, n->big);
	char text[INET_ADDRSTRLEN];

	if (n->ipv4)
		return json_object_new_string(inet_ntop(AF_INET, bytes, text, sizeof(text)));
	if (n->is_bool && v <= 1)
		return json_object_new_boolean((json_bool)v);
	if (n->is_signed && size < 8)
		v = (uint64_t)((int64_t)(v << (64 - 8 * size)) >> (64 - 8 * size));
	return n->is_signed ? json_object_new_int64((int64_t)v) : json_object_new_uint64(v);
}

static struct json_object *bits_to_json(const struct btf_type *t, const uint8_t *bytes, size_t size, uint32_t off,
					uint32_t bits)
{
	uint64_t v = 0;

	for (uint32_t i = 0; i < bits && (off + i) / 8 < size; i++)
		v |= (uint64_t)(bytes[(off + i) / 8] >> ((off + i) % 8) & 1) << i;
	if (t && btf_is_int(t) && (btf_int_encoding(t) & BTF_INT_SIGNED))
		return json_object_new_int64((int64_t)(v << (64 - bits)) >> (64 - bits));
	return json_object_new_uint64(v);
}

static void members_to_json(const struct btf *btf, const struct btf_type *t, const uint8_t *bytes, size_t size,
			    struct json_object *out, int depth)
{
	for (uint32_t i = 0; i < btf_vlen(t); i++) {
		const struct btf_member *m = &btf_members(t)[i];
		const char *name = btf__name_by_offset(btf, m->name_off);
		uint32_t bit = btf_member_bit_offset(t, i);
		uint32_t bits = btf_member_bitfield_size(t, i);
		const struct btf_type *mt = strip(btf, m->type, NULL);
		size_t off = bit / 8;

		if (off > size || !mt)
			continue;
		if (!*name && btf_is_composite(mt) && depth < MAX_DEPTH)
			members_to_json(btf, mt, bytes + off, size - off, out, depth + 1);
		else if (bits)
			json_object_object_add(out, name, bits_to_json(mt, bytes, size, bit, bits));
		else if (*name)
			json_object_object_add(out, name, to_json(btf, m->type, bytes + off, size - off, depth + 1));
	}
}

/* A data section: its variables by name. */
static struct json_object *datasec_to_json(const struct btf *btf, const struct btf_type *t, const uint8_t *bytes,
					   size_t size, int depth)
{
	struct json_object *o = json_object_new_object();

	for (uint32_t i = 0; i < btf_vlen(t); i++) {
		const struct btf_var_secinfo *s = &btf_var_secinfos(t)[i];
		const struct btf_type *var = btf__type_by_id(btf, s->type);

		if (var && s->offset <= size && s->size <= size - s->offset)
			json_object_object_add(o, btf__name_by_offset(btf, var->name_off),
					       to_json(btf, var->type, bytes + s->offset, s->size, depth + 1));
	}
	return o;
}

static struct json_object *array_to_json(const struct btf *btf, const struct btf_type *t, const uint8_t *bytes,
					 size_t size, int depth)
{
	long long each = btf__resolve_size(btf, btf_array(t)->type);
	struct json_object *list;
	char mac[18];
	size_t n;
	bool text;

	if (byte_array(btf, t, &n, &text) && n <= size) {
		if (text && printable((const char *)bytes, n))
			return json_object_new_string_len((const char *)bytes, (int)strnlen((const char *)bytes, n));
		if (n == 6 && !text) {
			snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", bytes[0], bytes[1], bytes[2],
				 bytes[3], bytes[4], bytes[5]);
			return json_object_new_string(mac);
		}
	}
	list = json_object_new_array();
	for (uint32_t i = 0; each > 0 && i < btf_array(t)->nelems && (size_t)each * (i + 1) <= size; i++)
		json_object_array_add(
			list, to_json(btf, btf_array(t)->type, bytes + (size_t)each * i, (size_t)each, depth + 1));
	return list;
}

static struct json_object *enum_to_json(const struct btf *btf, const struct btf_type *t, const uint8_t *bytes)
{
	uint64_t v = load(bytes, t->size, false);

	for (uint32_t i = 0; i < btf_vlen(t); i++) {
		uint64_t e = btf_is_enum64(t) ? btf_enum64_value(&btf_enum64(t)[i]) : (uint32_t)btf_enum(t)[i].val;
		uint32_t name = btf_is_enum64(t) ? btf_enum64(t)[i].name_off : btf_enum(t)[i].name_off;

		if (e == v)
			return json_object_new_string(btf__name_by_offset(btf, name));
	}
	return json_object_new_uint64(v);
}

static struct json_object *to_json(const struct btf *btf, uint32_t id, const uint8_t *bytes, size_t size, int depth)
{
	struct number n = {0};
	const struct btf_type *t = btf ? strip(btf, id, &n) : NULL;
	char text[INET6_ADDRSTRLEN];
	struct json_object *o;

	if (!t || depth > MAX_DEPTH)
		return hex_json(bytes, size);
	if ((btf_is_int(t) || btf_is_any_enum(t) || btf_is_composite(t)) && t->size > size)
		return hex_json(bytes, size);
	if (btf_is_int(t) && t->size <= 8) {
		n.is_signed = btf_int_encoding(t) & BTF_INT_SIGNED;
		n.is_bool = btf_int_encoding(t) & BTF_INT_BOOL;
		return int_to_json(&n, bytes, t->size);
	}
	if (is_in6_addr(btf, t))
		return json_object_new_string(inet_ntop(AF_INET6, bytes, text, sizeof(text)));
	if (btf_is_composite(t)) {
		o = json_object_new_object();
		members_to_json(btf, t, bytes, t->size, o, depth);
		return o;
	}
	if (btf_is_array(t))
		return array_to_json(btf, t, bytes, size, depth);
	if (btf_is_datasec(t))
		return datasec_to_json(btf, t, bytes, size, depth);
	if (btf_is_any_enum(t))
		return enum_to_json(btf, t, bytes);
	if (btf_is_ptr(t) && size >= 8) {
		snprintf(text, sizeof(text), "0x%" PRIx64, load(bytes, 8, false));
		return json_object_new_string(text);
	}
	if (btf_is_float(t) && t->size == 8 && size >= 8) {
		double d;

		memcpy(&d, bytes, sizeof(d));
		return json_object_new_double(d);
	}
	return hex_json(bytes, size);
}

struct json_object *value_to_json(const struct btf *btf, uint32_t type, const void *bytes, size_t size)
{
	return type ? to_json(btf, type, bytes, size, 0) : hex_json(bytes, size);
}

/* Reading. Every refusal names the part it is about. */

static int refuse(char *why, const char *what, const char *problem)
{
	snprintf(why, WHY, "%.60s: %.90s", what, problem);
	return -EINVAL;
}

static int hex_from_text(const char *text, uint8_t *bytes, size_t size, const char *what, char *why)
{
	size_t n = 0;

	while (*text) {
		unsigned int v;
		int used = 0;

		if (*text == ' ') {
			text++;
			continue;
		}
		if (!isxdigit((unsigned char)text[0]) || text[1] == 'x' || sscanf(text, "%2x%n", &v, &used) != 1 ||
		    (text[used] && text[used] != ' '))
			return refuse(why, what, "not a list of bytes in hex (two digits each)");
		if (n >= size)
			return refuse(why, what, "too many bytes");
		bytes[n++] = (uint8_t)v;
		text += used;
	}
	return n == size ? 0 : refuse(why, what, "too few bytes");
}

static int from_json(const struct btf *btf, uint32_t id, struct json_object *v, uint8_t *bytes, size_t size,
		     const char *what, int depth, char *why);

/* A number of @bits bits, out of a JSON number, boolean, or a string that spells one. */
static int get_number(struct json_object *v, uint32_t bits, bool is_signed, uint64_t *out, const char *what, char *why)
{
	const char *text = json_object_get_string(v);
	char *end;

	switch (json_object_get_type(v)) {
	case json_type_boolean:
		*out = (uint64_t)json_object_get_boolean(v);
		return 0;
	case json_type_int:
	case json_type_string:
		break;
	default:
		return refuse(why, what, "a number is wanted here");
	}
	errno = 0;
	*out = text[0] == '-' ? (uint64_t)strtoll(text, &end, 0) : strtoull(text, &end, 0);
	if (errno || end == text || *end)
		return refuse(why, what, "not a number");
	if (text[0] == '-' && !is_signed)
		return refuse(why, what, "a number below 0 in an unsigned place");
	if (bits < 64) {
		int64_t s = (int64_t)*out;
		bool fits = is_signed ? s >= -(1ll << (bits - 1)) && s < (1ll << (bits - 1)) : *out < 1ull << bits;

		if (!fits)
			return refuse(why, what, "the number is too large");
	}
	return 0;
}

static int int_from_json(const struct btf_type *t, const struct number *n, struct json_object *v, uint8_t *bytes,
			 const char *what, char *why)
{
	bool is_signed = btf_int_encoding(t) & BTF_INT_SIGNED;
	uint64_t x;
	int err;

	/* An address may stand for any four bytes; in a plain integer it means them in network order, as in a packet. */
	if (t->size == 4 && json_object_is_type(v, json_type_string) &&
	    inet_pton(AF_INET, json_object_get_string(v), bytes) == 1)
		return 0;
	if (t->size == 1 && json_object_is_type(v, json_type_string) && json_object_get_string_len(v) == 1 &&
	    (btf_int_encoding(t) & BTF_INT_CHAR)) {
		bytes[0] = (uint8_t)json_object_get_string(v)[0];
		return 0;
	}
	err = get_number(v, t->size * 8, is_signed, &x, what, why);
	if (!err)
		store(bytes, t->size, x, n->big);
	else if (t->size == 4 && n->big && json_object_is_type(v, json_type_string))
		return refuse(why, what, "neither an IPv4 address nor a number");
	return err;
}

/* The member of a struct that a key of a JSON object names; looks into anonymous members too. */
static int set_member(const struct btf *btf, const struct btf_type *t, const char *key, struct json_object *v,
		      uint8_t *bytes, size_t size, int depth, char *why, bool *found)
{
	for (uint32_t i = 0; i < btf_vlen(t) && !*found; i++) {
		const struct btf_member *m = &btf_members(t)[i];
		const char *name = btf__name_by_offset(btf, m->name_off);
		uint32_t bit = btf_member_bit_offset(t, i);
		uint32_t bits = btf_member_bitfield_size(t, i);
		const struct btf_type *mt = strip(btf, m->type, NULL);
		int err = 0;

		if (!mt || bit / 8 > size)
			continue;
		if (!*name && btf_is_composite(mt) && depth < MAX_DEPTH) {
			err = set_member(btf, mt, key, v, bytes + bit / 8, size - bit / 8, depth + 1, why, found);
		} else if (!strcmp(name, key)) {
			uint64_t x;

			*found = true;
			if (!bits)
				return from_json(btf, m->type, v, bytes + bit / 8, size - bit / 8, key, depth + 1, why);
			err = get_number(v, bits, btf_is_int(mt) && (btf_int_encoding(mt) & BTF_INT_SIGNED), &x, key,
					 why);
			for (uint32_t b = 0; !err && b < bits; b++) {
				bytes[(bit + b) / 8] &= (uint8_t) ~(1u << ((bit + b) % 8));
				bytes[(bit + b) / 8] |= (uint8_t)((x >> b & 1) << ((bit + b) % 8));
			}
		}
		if (err)
			return err;
	}
	return 0;
}

static int struct_from_json(const struct btf *btf, const struct btf_type *t, struct json_object *v, uint8_t *bytes,
			    const char *what, int depth, char *why)
{
	if (!json_object_is_type(v, json_type_object))
		return refuse(why, what, "an object with the struct's members is wanted here, {\"member\": ...}");
	json_object_object_foreach(v, key, value)
	{
		bool found = false;
		int err = set_member(btf, t, key, value, bytes, t->size, depth, why, &found);

		if (err)
			return err;
		if (!found)
			return refuse(why, key, "there is no such member");
	}
	return 0;
}

static int datasec_from_json(const struct btf *btf, const struct btf_type *t, struct json_object *v, uint8_t *bytes,
			     size_t size, const char *what, int depth, char *why)
{
	if (!json_object_is_type(v, json_type_object))
		return refuse(why, what, "an object with the section's variables is wanted here, {\"variable\": ...}");
	json_object_object_foreach(v, key, value)
	{
		bool found = false;

		for (uint32_t i = 0; i < btf_vlen(t) && !found; i++) {
			const struct btf_var_secinfo *s = &btf_var_secinfos(t)[i];
			const struct btf_type *var = btf__type_by_id(btf, s->type);
			int err;

			if (!var || strcmp(btf__name_by_offset(btf, var->name_off), key) || s->offset > size ||
			    s->size > size - s->offset)
				continue;
			found = true;
			err = from_json(btf, var->type, value, bytes + s->offset, s->size, key, depth + 1, why);
			if (err)
				return err;
		}
		if (!found)
			return refuse(why, key, "there is no such variable");
	}
	return 0;
}

static int array_from_json(const struct btf *btf, const struct btf_type *t, struct json_object *v, uint8_t *bytes,
			   size_t size, const char *what, int depth, char *why)
{
	long long each = btf__resolve_size(btf, btf_array(t)->type);
	const char *s = json_object_get_string(v);
	unsigned int mac[6];
	size_t n, count;
	bool text;

	if (each < 0 || (size_t)each * btf_array(t)->nelems > size)
		return refuse(why, what, "the array does not fit its value");
	if (json_object_is_type(v, json_type_string) && byte_array(btf, t, &n, &text)) {
		if (n == 16 && inet_pton(AF_INET6, s, bytes) == 1)
			return 0;
		if (n == 4 && inet_pton(AF_INET, s, bytes) == 1)
			return 0;
		if (n == 6 &&
		    sscanf(s, "%2x:%2x:%2x:%2x:%2x:%2x", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4], &mac[5]) == 6) {
			for (int i = 0; i < 6; i++)
				bytes[i] = (uint8_t)mac[i];
			return 0;
		}
		if (!text)
			return refuse(why, what, "not an address, nor a list of bytes");
		if ((size_t)json_object_get_string_len(v) > n)
			return refuse(why, what, "the string is too long");
		memset(bytes, 0, n);
		memcpy(bytes, s, (size_t)json_object_get_string_len(v));
		return 0;
	}
	if (!json_object_is_type(v, json_type_array))
		return refuse(why, what, "a list is wanted here");
	count = json_object_array_length(v);
	if (count > btf_array(t)->nelems)
		return refuse(why, what, "the list is too long");
	for (size_t i = 0; i < count; i++) {
		int err = from_json(btf, btf_array(t)->type, json_object_array_get_idx(v, i), bytes + (size_t)each * i,
				    (size_t)each, what, depth + 1, why);
		if (err)
			return err;
	}
	return 0;
}

static int enum_from_json(const struct btf *btf, const struct btf_type *t, struct json_object *v, uint8_t *bytes,
			  const char *what, char *why)
{
	const char *s = json_object_get_string(v);
	uint64_t x;
	int err;

	for (uint32_t i = 0; json_object_is_type(v, json_type_string) && i < btf_vlen(t); i++) {
		uint32_t name = btf_is_enum64(t) ? btf_enum64(t)[i].name_off : btf_enum(t)[i].name_off;

		if (strcmp(btf__name_by_offset(btf, name), s))
			continue;
		store(bytes, t->size,
		      btf_is_enum64(t) ? btf_enum64_value(&btf_enum64(t)[i]) : (uint64_t)(int64_t)btf_enum(t)[i].val,
		      false);
		return 0;
	}
	err = get_number(v, t->size * 8, btf_kflag(t), &x, what, why);
	if (err)
		return refuse(why, what, "neither one of the enum's names nor a number");
	store(bytes, t->size, x, false);
	return 0;
}

static int from_json(const struct btf *btf, uint32_t id, struct json_object *v, uint8_t *bytes, size_t size,
		     const char *what, int depth, char *why)
{
	const char *s = json_object_is_type(v, json_type_string) ? json_object_get_string(v) : NULL;
	struct number n = {0};
	const struct btf_type *t = btf && id ? strip(btf, id, &n) : NULL;
	uint64_t x;
	int err;

	if (depth > MAX_DEPTH)
		return refuse(why, what, "nested too deep");
	if (s && !strncmp(s, "hex ", 4))
		return hex_from_text(s + 4, bytes, t ? MIN(size, (size_t)MAX(btf__resolve_size(btf, id), 0ll)) : size,
				     what, why);
	if (!t) {
		if (s)
			return hex_from_text(s, bytes, size, what, why);
		if (size > 8)
			return refuse(why, what, "this value has no type information: give its bytes in hex");
		err = get_number(v, (uint32_t)size * 8, false, &x, what, why);
		if (!err)
			store(bytes, size, x, false);
		return err;
	}
	if ((btf_is_int(t) || btf_is_any_enum(t) || btf_is_composite(t)) && t->size > size)
		return refuse(why, what, "the type is larger than the map's value");
	if (btf_is_int(t) && t->size <= 8)
		return int_from_json(t, &n, v, bytes, what, why);
	if (is_in6_addr(btf, t) && s)
		return inet_pton(AF_INET6, s, bytes) == 1 ? 0 : refuse(why, what, "not an IPv6 address");
	if (btf_is_composite(t))
		return struct_from_json(btf, t, v, bytes, what, depth, why);
	if (btf_is_datasec(t))
		return datasec_from_json(btf, t, v, bytes, size, what, depth, why);
	if (btf_is_array(t))
		return array_from_json(btf, t, v, bytes, size, what, depth, why);
	if (btf_is_any_enum(t))
		return enum_from_json(btf, t, v, bytes, what, why);
	if (btf_is_ptr(t) && size >= 8) {
		err = get_number(v, 64, false, &x, what, why);
		if (!err)
			store(bytes, 8, x, false);
		return err;
	}
	return refuse(why, what, "a value of this type can only be given in hex: \"hex 0a 0b\"");
}

int value_from_json(const struct btf *btf, uint32_t type, struct json_object *v, void *bytes, size_t size, char *why)
{
	memset(bytes, 0, size);
	return from_json(btf, type, v, bytes, size, "value", 0, why);
}

int value_from_text(const struct btf *btf, uint32_t type, const char *text, void *bytes, size_t size, char *why)
{
	enum json_tokener_error err;
	struct json_object *v = json_tokener_parse_verbose(text, &err);
	int ret;

	if (!v && err != json_tokener_success && *text && strchr("{[\"", *text)) {
		snprintf(why, WHY, "not valid JSON: %s", json_tokener_error_desc(err));
		return -EINVAL;
	}
	/* A bare word (an address, an enumerator) is a string; the parser may take "192.0.2.1" for 192.0 and stop. */
	if (!v || (*text != '{' && *text != '[' && *text != '"' && strspn(text, "-0123456789") != strlen(text))) {
		json_object_put(v);
		v = strcmp(text, "true") && strcmp(text, "false") ? json_object_new_string(text)
								  : json_object_new_boolean(!strcmp(text, "true"));
	}
	ret = value_from_json(btf, type, v, bytes, size, why);
	json_object_put(v);
	return ret;
}
