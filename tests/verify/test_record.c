/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel as the oracle of btf_record_parse(): random structs of special fields, plain ones, arrays, nested structs, wrong sizes, alignments
 * and tags. The kernel makes a map of them exactly where btf_record_map_check() says so, with the same error; and of those that it
 * makes, programs may store to exactly the bytes that no field covers. A struct whose fields cannot be parsed makes a map that has none: there every
 * byte may be stored to, so which error it was does not show.
 *
 * The kernel refuses BTF at once for some errors in structs that programs could allocate: then one of the structs must have that error here.
 */
#include "../prog/oracle.h"
#include "verify/record.h"

#include <bpf/btf.h>
#include <stdlib.h>

static uint32_t tried, made, refused, unparsed, not_asked, no_btf, bytes_asked, wrong;
static uint64_t seed = 1;

static uint32_t rnd(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)((seed >> 11) % n);
}

static struct btf *vmlinux;

/* The types that members are made of, in one BTF: ids. */
struct types {
	struct btf *btf;
	int u8, u32, u64;
	int special[10], size[10];
	int foo, wrong_size, ptr[32], n_ptr, plain_ptr;
};

static const struct {
	const char *name;
	int size;
} specials[] = {
	{"bpf_spin_lock", 4},  {"bpf_res_spin_lock", 4}, {"bpf_timer", 16},   {"bpf_wq", 16},      {"bpf_task_work", 8},
	{"bpf_list_head", 16}, {"bpf_list_node", 24},    {"bpf_rb_root", 16}, {"bpf_rb_node", 32}, {"bpf_refcount", 4},
};
enum { LIST_HEAD = 5, LIST_NODE, RB_ROOT, RB_NODE, REFCOUNT };

static int tagged(struct btf *b, const char *tag, int id)
{
	return btf__add_ptr(b, btf__add_type_tag(b, tag, id));
}

static void make_types(struct types *t)
{
	static const char *const tags[] = {"kptr", "kptr_untrusted", "percpu_kptr", "uptr", "unknown"};
	static const char *const kernel_types[] = {"task_struct", "sk_buff", "cgroup"};
	struct btf *b = t->btf;
	int structs[5];

	t->u8 = btf__add_int(b, "unsigned char", 1, 0);
	t->u32 = btf__add_int(b, "unsigned int", 4, 0);
	t->u64 = btf__add_int(b, "unsigned long", 8, 0);
	for (uint32_t i = 0; i < ARRAY_SIZE(specials); i++) {
		int inside;

		if (specials[i].size % 8) {
			t->special[i] = btf__add_struct(b, specials[i].name, 4);
			btf__add_field(b, "val", t->u32, 0, 0);
		} else {
			inside = btf__add_array(b, t->u32, t->u64, (uint32_t)specials[i].size / 8);
			t->special[i] = btf__add_struct(b, specials[i].name, (uint32_t)specials[i].size);
			btf__add_field(b, "__opaque", inside, 0, 0);
		}
	}
	/* What lists and trees hold. */
	t->foo = btf__add_struct(b, "foo", 72);
	btf__add_field(b, "list", t->special[LIST_NODE], 0, 0);
	btf__add_field(b, "tree", t->special[RB_NODE], 24 * 8, 0);
	btf__add_field(b, "ref", t->special[REFCOUNT], 56 * 8, 0);
	btf__add_field(b, "value", t->u64, 64 * 8, 0);
	/* Both kinds of node: only with a refcount. */
	if (!rnd(20)) {
		btf__add_struct(b, "both", 64);
		btf__add_field(b, "list", t->special[LIST_NODE], 0, 0);
		btf__add_field(b, "tree", t->special[RB_NODE], 24 * 8, 0);
		if (rnd(2))
			btf__add_field(b, "ref", t->special[REFCOUNT], 56 * 8, 0);
	}
	t->wrong_size = btf__add_struct(b, "bpf_timer", 8);
	btf__add_field(b, "x", t->u64, 0, 0);
	for (int i = 0; i < 3; i++) {
		structs[i] = btf__add_struct(b, kernel_types[i], 4);
		btf__add_field(b, "x", t->u32, 0, 0);
	}
	structs[3] = t->foo;
	structs[4] = t->u64; /* no struct */
	t->plain_ptr = btf__add_ptr(b, structs[0]);
	for (int i = 0; i < 25; i++)
		t->ptr[t->n_ptr++] = tagged(b, tags[i % 5], structs[i / 5]);
	t->ptr[t->n_ptr++] = btf__add_volatile(b, t->ptr[0]);
}

/* What a struct may be made of, beside what it is: members' ids and sizes. */
struct shape {
	int ids[16];
	uint32_t sizes[16], offs[16], n, size;
	const char *contains[16];
};

/* member - a random type. */
static int member(struct types *t, uint32_t *size, const char **contains, int depth);

static void shape(struct types *t, struct shape *s, int depth)
{
	uint32_t n = 1 + rnd(depth ? 3 : 6);

	memset(s, 0, sizeof(*s));
	/* A lock first, mostly: roots want one. */
	if (!depth && rnd(3)) {
		s->ids[0] = t->special[rnd(8) == 0];
		s->sizes[0] = 4;
		s->n = 1;
		s->size = 4;
	}
	for (uint32_t i = 0; i < n; i++) {
		uint32_t size, align;
		int id = member(t, &size, &s->contains[s->n], depth);

		align = rnd(40) ? 8 : 4;
		s->offs[s->n] = (s->size + align - 1) / align * align;
		s->ids[s->n] = id;
		s->sizes[s->n] = size;
		s->size = s->offs[s->n] + size;
		s->n++;
	}
	s->size = (s->size + 7) / 8 * 8;
}

static int add_struct(struct types *t, const struct shape *s, const char *name)
{
	int id = btf__add_struct(t->btf, name, s->size);

	for (uint32_t i = 0; i < s->n; i++) {
		char field[16];

		snprintf(field, sizeof(field), "m%u", i);
		btf__add_field(t->btf, field, s->ids[i], s->offs[i] * 8, 0);
	}
	for (uint32_t i = 0; i < s->n; i++)
		if (s->contains[i])
			btf__add_decl_tag(t->btf, s->contains[i], id, (int)i);
	return id;
}

static int member(struct types *t, uint32_t *size, const char **tag, int depth)
{
	static const char *const list_tags[] = {"contains:foo:list",
						"contains:foo:tree",
						"contains:foo:none",
						"contains:bar:list",
						"contains:foo:",
						"contains:foo",
						NULL};
	static const char *const tree_tags[] = {"contains:foo:tree", "contains:foo:list"};
	static uint32_t number;
	struct shape s;
	char name[32];
	uint32_t which = rnd(100), n;
	int id;

	*tag = NULL;
	if (which < 25) {
		*size = 8;
		return t->u64;
	}
	if (which < 40) {
		*size = 8;
		return t->ptr[rnd(4) ? rnd(3) : rnd(3) ? 5 * rnd(4) : rnd((uint32_t)t->n_ptr)];
	}
	if (which < 44) {
		*size = 8;
		return t->plain_ptr;
	}
	if (which < 46) {
		*size = 8;
		return t->wrong_size;
	}
	if (which < 76) {
		uint32_t i = rnd(8) ? (uint32_t[]){2, 3, 4, 5, 7, 9}[rnd(6)] : rnd(ARRAY_SIZE(specials));

		*size = (uint32_t)specials[i].size;
		if (i == LIST_HEAD)
			*tag = rnd(4) ? list_tags[0] : list_tags[rnd(7)];
		if (i == RB_ROOT)
			*tag = rnd(4) ? tree_tags[0] : tree_tags[rnd(2)];
		return t->special[i];
	}
	if (which < 90 || depth >= 3) {
		const char *inner;

		if (depth >= 3) {
			*size = 4;
			return t->u32;
		}
		id = member(t, size, &inner, depth + 1);
		n = rnd(4) ? 1 + rnd(3) : rnd(13);
		*size *= n;
		*tag = inner;
		return btf__add_array(t->btf, t->u32, id, n);
	}
	shape(t, &s, depth + 1);
	snprintf(name, sizeof(name), "inner%u", number++);
	id = add_struct(t, &s, name);
	*size = s.size;
	return id;
}

static int load_btf(const struct btf *btf)
{
	union bpf_attr attr;
	uint32_t size;
	const void *raw = btf__raw_data(btf, &size);

	memset(&attr, 0, sizeof(attr));
	attr.btf = (uintptr_t)raw;
	attr.btf_size = size;
	return (int)syscall(SYS_bpf, BPF_BTF_LOAD, &attr, sizeof(attr));
}

static int make_map(uint32_t type, uint32_t value_size, int btf_fd, int key, int value)
{
	union bpf_attr attr;
	int fd;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = type;
	attr.key_size = 4;
	attr.value_size = value_size;
	attr.max_entries = type == BPF_MAP_TYPE_TASK_STORAGE ? 0 : 1;
	attr.map_flags = type == BPF_MAP_TYPE_TASK_STORAGE ? BPF_F_NO_PREALLOC : 0;
	attr.btf_fd = (uint32_t)btf_fd;
	attr.btf_key_type_id = (uint32_t)key;
	attr.btf_value_type_id = (uint32_t)value;
	fd = (int)syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
	return fd < 0 ? -errno : fd;
}

/* A store to each byte of an array's value: refused exactly inside fields. */
static bool compare_bytes(int map, const struct btf_record *rec, uint32_t size)
{
	for (uint32_t off = 0; off < size; off++) {
		const struct bpf_insn insns[] = {
			{.code = BPF_LD | BPF_IMM | BPF_DW, .dst_reg = 1, .src_reg = BPF_PSEUDO_MAP_VALUE, .imm = map},
			{0},
			{.code = BPF_ST | BPF_MEM | BPF_B, .dst_reg = 1, .off = (int16_t)off},
			{.code = BPF_ALU64 | BPF_MOV | BPF_K},
			{.code = BPF_JMP | BPF_EXIT},
		};
		struct oracle_prog p = {.type = BPF_PROG_TYPE_SCHED_CLS, .insns = insns, .n = 5, .log_level = 1};
		int err = oracle_load(&p);

		bytes_asked++;
		if (!err != !btf_record_overlap(rec, off, 1)) {
			printf("byte %u: the kernel says %s\n", off, err ? oracle_log : "yes");
			return false;
		}
	}
	return true;
}

/*
 * warns - the kernel takes two locks, timers, ... of one record when one of them is in a nested struct, yet complains in its log
 * (WARN_ON_ONCE), which stops machines that are set up so. Such structs are not given to it; they were once, and it keeps the last.
 */
static bool warns(const struct btf *btf)
{
	static const uint32_t masks[] = {BTF_FIELDS_OF_MAP, BTF_FIELDS_OF_OBJECT};
	const uint32_t once = ~(uint32_t)(FIELD_KPTR | FIELD_UPTR | FIELD_GRAPH_ROOT | FIELD_GRAPH_NODE);

	for (uint32_t id = 1; id < btf__type_cnt(btf); id++)
		for (uint32_t m = 0; btf_is_struct(btf__type_by_id(btf, id)) && m < ARRAY_SIZE(masks); m++) {
			struct btf_record *rec = NULL;
			uint32_t seen = 0;
			bool twice = false;

			/* The kernel looks at the kinds one by one before it looks at them together. */
			btf_record_parse(btf, id, UINT32_MAX, masks[m] & once, NULL, &rec);
			for (uint32_t i = 0; rec && i < rec->cnt; i++) {
				twice |= seen & rec->fields[i].kind;
				seen |= rec->fields[i].kind;
			}
			free(rec);
			if (twice)
				return true;
		}
	return false;
}

/* object_error - is there a struct that fails with this error as an object that programs may allocate? Then its BTF is refused. */
static bool object_error(const struct btf *btf, int err)
{
	for (uint32_t id = 1; id < btf__type_cnt(btf); id++) {
		const struct btf_type *t = btf__type_by_id(btf, id);
		struct btf_record *rec = NULL;
		int got =
			btf_is_struct(t) ? btf_record_parse(btf, id, t->size, BTF_FIELDS_OF_OBJECT, vmlinux, &rec) : 0;

		free(rec);
		if (got == err)
			return true;
	}
	return false;
}

static void one(uint32_t number)
{
	static const uint32_t map_types[] = {BPF_MAP_TYPE_ARRAY,       BPF_MAP_TYPE_ARRAY,    BPF_MAP_TYPE_ARRAY,
					     BPF_MAP_TYPE_HASH,        BPF_MAP_TYPE_LRU_HASH, BPF_MAP_TYPE_PERCPU_HASH,
					     BPF_MAP_TYPE_TASK_STORAGE};
	struct types t = {.btf = btf__new_empty()};
	struct btf_record *rec = NULL;
	uint32_t type;
	struct shape s;
	int value, fd, map, err;

	seed = number * 0x9e3779b97f4a7c15ull + 1;
	for (int i = 0; i < 8; i++)
		rnd(2);
	type = map_types[rnd(ARRAY_SIZE(map_types))];
	make_types(&t);
	shape(&t, &s, 0);
	value = add_struct(&t, &s, "value");
	if (!s.size)
		goto out;
	if (warns(t.btf)) {
		not_asked++;
		goto out;
	}
	tried++;
	fd = load_btf(t.btf);
	if (fd < 0) {
		no_btf++;
		if (!object_error(t.btf, -errno)) {
			printf("struct %u: the kernel refuses the BTF: %s\n", number, strerror(errno));
			wrong++;
		}
		goto out;
	}
	err = btf_record_parse(t.btf, (uint32_t)value, s.size, BTF_FIELDS_OF_MAP, vmlinux, &rec);
	unparsed += err != 0;
	err = btf_record_map_check(rec, type, 0);
	map = make_map(type, s.size, fd, t.u32, value);
	if ((map < 0 ? map : 0) != err) {
		printf("struct %u, map type %u: the kernel says %d, we %d\n", number, type, map < 0 ? map : 0, err);
		wrong++;
	} else if (map >= 0) {
		made++;
		if (type == BPF_MAP_TYPE_ARRAY && !compare_bytes(map, rec, s.size)) {
			printf("struct %u: fields differ\n", number);
			wrong++;
		}
	} else {
		refused++;
	}
	if (map >= 0)
		close(map);
	close(fd);
out:
	free(rec);
	btf__free(t.btf);
}

int main(int argc, char **argv)
{
	uint32_t n = argc > 1 ? (uint32_t)atoi(argv[1]) : 1500;

	if (!oracle_there())
		return ORACLE_SKIP;
	vmlinux = btf__load_vmlinux_btf();
	for (uint32_t i = 1; i <= n; i++)
		one(i);
	btf__free(vmlinux);
	printf("%u structs: %u maps, %u of no valid fields, %u refused alike, %u not taken as BTF, %u not asked; %u "
	       "bytes asked; %u differences\n",
	       tried, made, unparsed, refused, no_btf, not_asked, bytes_asked, wrong);
	return wrong != 0 || (argc < 2 && (made < 100 || refused < 100));
}
