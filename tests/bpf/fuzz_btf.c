/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BTF with bytes changed. btf_check() must not read beyond it (the copy ends where its allocation does, for a
 * sanitizer), and what it lets pass libbpf must be able to read in every way that skep reads it.
 *
 * usage: fuzz-btf RUNS OBJECT...   (their .BTF sections, and skep's own kernel BTF)
 */
#include "base/cursor.h"
#include "base/util.h"
#include "btf/check.h"
#include "btf/kernel.h"
#include "../random.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static int quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	return 0;
}

/* Reads every type by every means that a loader has. Return: something that depends on all of it. */
static uint64_t read_all(const struct btf *btf)
{
	uint64_t sum = 0;

	for (uint32_t id = 1; id < btf__type_cnt(btf); id++) {
		const struct btf_type *t = btf__type_by_id(btf, id);
		const char *name = btf__name_by_offset(btf, t->name_off);

		sum += name ? strlen(name) : 0;
		sum += (uint64_t)btf__resolve_size(btf, id) + (uint64_t)btf__resolve_type(btf, id);
		sum += (uint64_t)btf__align_of(btf, id);
		if (btf_is_composite(t))
			for (uint32_t i = 0; i < btf_vlen(t); i++)
				sum += strlen(btf__name_by_offset(btf, btf_members(t)[i].name_off)) +
				       btf_member_bit_offset(t, i) + btf_member_bitfield_size(t, i);
		if (btf_is_enum(t))
			for (uint32_t i = 0; i < btf_vlen(t); i++)
				sum += strlen(btf__name_by_offset(btf, btf_enum(t)[i].name_off));
		if (btf_is_func_proto(t))
			for (uint32_t i = 0; i < btf_vlen(t); i++)
				sum += strlen(btf__name_by_offset(btf, btf_params(t)[i].name_off));
	}
	return sum;
}

static void run_one(const uint8_t *seed, size_t len, uint32_t n, uint32_t counts[2])
{
	uint64_t rng = n;
	enum btf_origin origin = n & 1 ? BTF_LOADED : BTF_OF_OBJECT;
	size_t cut = splitmix64(&rng) % 16 ? len : splitmix64(&rng) % (len + 1);
	uint8_t *copy = malloc(cut ? cut : 1);
	struct btf_fault why;
	int err;

	memcpy(copy, seed, cut);
	for (uint64_t i = splitmix64(&rng) % 4; i && cut; i--) {
		size_t at = splitmix64(&rng) % cut;

		copy[at] = splitmix64(&rng) & 1 ? (uint8_t)splitmix64(&rng) : (uint8_t)(copy[at] ^ 1u << (rng & 7));
	}
	err = btf_check(copy, cut, origin, &why);
	if (err && !why.reason) {
		fprintf(stderr, "%u: refused without a reason\n", n);
		exit(1);
	}
	counts[!err]++;
	if (!err) {
		struct btf *btf = btf__new(copy, (uint32_t)cut);
		static volatile uint64_t sink;

		if (btf)
			sink += read_all(btf);
		btf__free(btf);
	}
	free(copy);
}

/* The .BTF section of an object. */
static const uint8_t *section_of(const uint8_t *bytes, size_t len, size_t *size)
{
	Elf64_Shdr s, names;
	Elf64_Ehdr h;

	memcpy(&h, bytes, sizeof(h));
	memcpy(&names, bytes + h.e_shoff + h.e_shstrndx * sizeof(s), sizeof(s));
	for (uint32_t i = 0; i < h.e_shnum; i++) {
		memcpy(&s, bytes + h.e_shoff + i * sizeof(s), sizeof(s));
		if (!strcmp((const char *)bytes + names.sh_offset + s.sh_name, ".BTF")) {
			*size = s.sh_size;
			return bytes + s.sh_offset;
		}
	}
	return NULL;
}

int main(int argc, char **argv)
{
	uint32_t runs = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 0;
	uint32_t counts[2] = {0};
	struct btf_fault why;

	libbpf_set_print(quiet);
	if (!runs) {
		fprintf(stderr, "usage: fuzz-btf RUNS OBJECT...\n");
		return 2;
	}
	if (btf_check(kernel_btf, kernel_btf_len, BTF_OF_KERNEL, &why) &&
	    btf_check(kernel_btf, kernel_btf_len, BTF_OF_OBJECT, &why)) {
		fprintf(stderr, "skep's own BTF is refused: type %u: %s\n", why.type, why.reason);
		return 1;
	}
	for (uint32_t n = 0; n < runs / 20; n++)
		run_one(kernel_btf, kernel_btf_len, n, counts);
	for (int i = 2; i < argc; i++) {
		AUTO_CLOSE int fd = open(argv[i], O_RDONLY | O_CLOEXEC);
		AUTO_FREE uint8_t *bytes = NULL;
		const uint8_t *btf;
		struct stat st;
		size_t size;

		if (fd < 0 || fstat(fd, &st) || !(bytes = malloc((size_t)st.st_size)) ||
		    read(fd, bytes, (size_t)st.st_size) != st.st_size ||
		    !(btf = section_of(bytes, (size_t)st.st_size, &size))) {
			perror(argv[i]);
			return 2;
		}
		if (btf_check(btf, size, BTF_OF_OBJECT, &why)) {
			fprintf(stderr, "%s: refused unchanged: type %u: %s\n", argv[i], why.type, why.reason);
			return 1;
		}
		for (uint32_t n = 0; n < runs / (uint32_t)(argc - 2); n++)
			run_one(btf, size, (uint32_t)i << 24 | n, counts);
	}
	printf("%u refused, %u accepted and read\n", counts[0], counts[1]);
	return !counts[0] || !counts[1];
}
