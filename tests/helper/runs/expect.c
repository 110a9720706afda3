/* SPDX-License-Identifier: BSD-2-Clause */
#include "expect.h"

#include <bpf/btf.h>
#include <string.h>
#include <sys/mman.h>

int64_t word(const char s[8])
{
	int64_t w;

	memcpy(&w, s, sizeof(w));
	return w;
}

/* Where a variable is in its section; UINT32_MAX: not there. */
static uint32_t offset_of(const struct bpf_object *obj, const char *section, const char *name)
{
	const struct btf *btf = bpf_object__btf(obj);
	int id = btf__find_by_name_kind(btf, section, BTF_KIND_DATASEC);
	const struct btf_type *sec = btf__type_by_id(btf, (uint32_t)id);

	for (uint32_t i = 0; id > 0 && i < btf_vlen(sec); i++) {
		const struct btf_var_secinfo *v = &btf_var_secinfos(sec)[i];

		if (!strcmp(btf__name_by_offset(btf, btf__type_by_id(btf, v->type)->name_off), name))
			return v->offset;
	}
	return UINT32_MAX;
}

static struct bpf_map *section_of(struct bpf_object *obj, const char *name)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, obj)
	{
		const char *dot = strrchr(bpf_map__name(map), '.');

		if (dot && !strcmp(dot, name))
			return map;
	}
	fail_msg("no section %s", name);
	return NULL;
}

struct section *bss_of(struct bpf_object *obj, size_t *len)
{
	struct bpf_map *map = section_of(obj, ".bss");
	void *bytes = malloc(bpf_map__value_size(map));
	uint32_t zero = 0;

	assert_non_null(bytes);
	assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(map), &zero, bytes), 0);
	*len = bpf_map__value_size(map);
	return bytes;
}

void put_bss(struct bpf_object *obj, struct section *bss)
{
	uint32_t zero = 0;

	assert_int_equal(bpf_map_update_elem(bpf_map__fd(section_of(obj, ".bss")), &zero, bss, 0), 0);
	free(bss);
}

void out_of(struct bpf_object *obj, int64_t out[OUT_WORDS])
{
	uint32_t at = offset_of(obj, ".bss", "out");
	size_t len;
	uint8_t *bss = (uint8_t *)bss_of(obj, &len);

	memcpy(out, bss + at, OUT_WORDS * sizeof(*out));
	free(bss);
}

void expect_out(struct bpf_object *obj, const int64_t *want, size_t n, const char *file, int line)
{
	int64_t out[OUT_WORDS];
	bool wrong = false;

	assert_true(n <= OUT_WORDS);
	out_of(obj, out);
	for (size_t i = 0; i < n; i++)
		if (want[i] != SAME && out[i] != want[i]) {
			printf("%s:%d: out[%zu] is %lld (%#llx), not %lld (%#llx)\n", file, line, i, (long long)out[i],
			       (unsigned long long)out[i], (long long)want[i], (unsigned long long)want[i]);
			wrong = true;
		}
	if (wrong)
		fail();
}

void set_constant(struct bpf_object *obj, const char *name, uint64_t value)
{
	struct bpf_map *map = section_of(obj, ".rodata");
	uint32_t at = offset_of(obj, ".rodata", name);
	size_t len;
	const uint8_t *initial = bpf_map__initial_value(map, &len);
	uint8_t *copy = malloc(len);

	assert_non_null(copy);
	memcpy(copy, initial, len);
	memcpy(copy + at, &value, sizeof(value));
	assert_int_equal(bpf_map__set_initial_value(map, copy, len), 0);
	free(copy);
}

static const char *section_with(const struct bpf_object *obj, const char *name, uint32_t *at)
{
	static const char *const sections[] = {".bss", ".data"};

	for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
		*at = offset_of(obj, sections[i], name);
		if (*at != UINT32_MAX)
			return sections[i];
	}
	fail_msg("no variable %s", name);
	return NULL;
}

uint32_t variable_offset(struct bpf_object *obj, const char *name)
{
	uint32_t at;

	section_with(obj, name, &at);
	return at;
}

/* In place, through a mapping: programs see what is written at once, and nothing else is. */
static int64_t access_variable(struct bpf_object *obj, const char *name, const int64_t *set)
{
	uint32_t at;
	struct bpf_map *map = section_of(obj, section_with(obj, name, &at));
	size_t len = ALIGN_UP(bpf_map__value_size(map), 4096);
	uint8_t *mem = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
	int64_t value;

	assert_true(mem != MAP_FAILED);
	if (set)
		__atomic_store_n((int64_t *)(mem + at), *set, __ATOMIC_SEQ_CST);
	value = __atomic_load_n((int64_t *)(mem + at), __ATOMIC_SEQ_CST);
	munmap(mem, len);
	return value;
}

int64_t variable_of(struct bpf_object *obj, const char *name)
{
	return access_variable(obj, name, NULL);
}

void set_variable(struct bpf_object *obj, const char *name, int64_t value)
{
	access_variable(obj, name, &value);
}
