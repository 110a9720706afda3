/* SPDX-License-Identifier: BSD-2-Clause */
#include "bpf/elf_check.h"

#include "base/cursor.h"
#include "base/util.h"
#include "bpf/object.h"
#include "btf/check.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#ifndef EM_BPF
#define EM_BPF 247
#endif

enum { FILE_MAX = 256 * 1024 * 1024 };

struct elf {
	struct cursor file;
	Elf64_Ehdr h;
	const char **why;
};

static int fault(const struct elf *e, const char *why)
{
	*e->why = why;
	return -EINVAL;
}

static bool section(const struct elf *e, uint32_t i, Elf64_Shdr *s)
{
	struct cursor at = cursor_part(&e->file, e->h.e_shoff + (size_t)i * sizeof(*s), sizeof(*s));

	return cursor_get(&at, s, sizeof(*s));
}

/* A section's bytes; bad for one that has none in the file. */
static struct cursor contents(const struct elf *e, const Elf64_Shdr *s)
{
	if (s->sh_type == SHT_NOBITS)
		return (struct cursor){.bad = true};
	return cursor_part(&e->file, s->sh_offset, s->sh_size);
}

/* A string table that a section links to: in bounds and ended. */
static bool strings(const struct elf *e, uint32_t i, struct cursor *out)
{
	Elf64_Shdr s;

	if (i >= e->h.e_shnum || !section(e, i, &s) || s.sh_type != SHT_STRTAB || !s.sh_size)
		return false;
	*out = contents(e, &s);
	return !out->bad && !out->base[out->len - 1];
}

static const char *machine_fault(uint16_t machine)
{
	switch (machine) {
	case EM_X86_64:
		return "this is an x86-64 file, not a BPF object (compile with clang -target bpf -g -O2 -c)";
	case EM_AARCH64:
		return "this is an arm64 file, not a BPF object (compile with clang -target bpf -g -O2 -c)";
	default:
		return "not a BPF object: it is for another machine (compile with clang -target bpf -g -O2 -c)";
	}
}

static int check_header(struct elf *e)
{
	struct cursor at = e->file;

	if (!cursor_get(&at, &e->h, sizeof(e->h)) || memcmp(e->h.e_ident, ELFMAG, SELFMAG))
		return fault(e, "not an ELF file (an object is what clang -target bpf -g -O2 -c writes)");
	if (e->h.e_ident[EI_CLASS] != ELFCLASS64)
		return fault(e, "not a 64-bit ELF file");
	if (e->h.e_ident[EI_DATA] != ELFDATA2LSB)
		return fault(e, "a big-endian object (compile with -target bpfel)");
	if (e->h.e_machine != EM_BPF && e->h.e_machine != EM_NONE)
		return fault(e, machine_fault(e->h.e_machine));
	if (e->h.e_type != ET_REL)
		return fault(e, "not a relocatable file (link with bpftool gen object, not with ld)");
	if (e->h.e_shentsize != sizeof(Elf64_Shdr) || !e->h.e_shnum)
		return fault(e, "it has no section headers");
	if (cursor_part(&e->file, e->h.e_shoff, (size_t)e->h.e_shnum * sizeof(Elf64_Shdr)).bad || e->h.e_shoff % 8)
		return fault(e, "cut off: the section headers lie outside the file");
	return 0;
}

static int check_symbols(const struct elf *e, const Elf64_Shdr *s)
{
	struct cursor at = contents(e, s);
	struct cursor names;
	Elf64_Sym sym;

	if (s->sh_entsize != sizeof(sym) || at.len % sizeof(sym))
		return fault(e, "the symbol table's entries have an impossible size");
	if (!strings(e, s->sh_link, &names))
		return fault(e, "the symbol table has no names");
	while (cursor_left(&at)) {
		Elf64_Shdr in;

		cursor_get(&at, &sym, sizeof(sym));
		if (sym.st_name >= names.len)
			return fault(e, "a symbol's name lies outside the string table");
		if (sym.st_shndx >= SHN_LORESERVE || sym.st_shndx == SHN_UNDEF)
			continue;
		if (sym.st_shndx >= e->h.e_shnum || !section(e, sym.st_shndx, &in))
			return fault(e, "a symbol lies in a section that does not exist");
		if (sym.st_value > in.sh_size || sym.st_size > in.sh_size - sym.st_value)
			return fault(e, "a symbol lies outside its section");
	}
	return 0;
}

static int check_relocs(const struct elf *e, const Elf64_Shdr *s)
{
	struct cursor at = contents(e, s);
	Elf64_Shdr target, symtab;
	Elf64_Rel rel;

	if (s->sh_entsize != sizeof(rel) || at.len % sizeof(rel))
		return fault(e, "a relocation table's entries have an impossible size");
	if (s->sh_info >= e->h.e_shnum || !section(e, s->sh_info, &target))
		return fault(e, "relocations for a section that does not exist");
	if (s->sh_link >= e->h.e_shnum || !section(e, s->sh_link, &symtab) || symtab.sh_type != SHT_SYMTAB)
		return fault(e, "a relocation table has no symbol table");
	while (cursor_left(&at)) {
		cursor_get(&at, &rel, sizeof(rel));
		if (ELF64_R_SYM(rel.r_info) >= symtab.sh_size / sizeof(Elf64_Sym))
			return fault(e, "a relocation for a symbol that does not exist");
		/* Relocations of debug sections are nobody's business here. */
		if ((target.sh_flags & SHF_ALLOC) && rel.r_offset >= target.sh_size)
			return fault(e, "a relocation lies outside its section");
	}
	return 0;
}

static int check_sections(const struct elf *e)
{
	struct cursor names;
	uint32_t symtabs = 0;

	if (!strings(e, e->h.e_shstrndx, &names))
		return fault(e, "the sections have no names");
	for (uint32_t i = 1; i < e->h.e_shnum; i++) {
		struct btf_fault btf;
		struct cursor bytes;
		const char *name;
		Elf64_Shdr s;
		int err = 0;

		section(e, i, &s);
		if (s.sh_name >= names.len)
			return fault(e, "a section's name lies outside the string table");
		if (s.sh_type == SHT_NULL)
			continue;
		if (s.sh_size > FILE_MAX)
			return fault(e, "a section is larger than 256 MiB");
		bytes = contents(e, &s);
		if (s.sh_type != SHT_NOBITS && bytes.bad)
			return fault(e, "cut off: a section lies outside the file");
		if (s.sh_flags & SHF_COMPRESSED)
			return fault(e, "compressed sections (strip the object with llvm-strip -g)");
		if (s.sh_type == SHT_SYMTAB) {
			if (symtabs++)
				return fault(e, "more than one symbol table");
			err = check_symbols(e, &s);
		} else if (s.sh_type == SHT_REL) {
			err = check_relocs(e, &s);
		}
		name = (const char *)names.base + s.sh_name;
		if (!err && !strcmp(name, ".BTF")) {
			if (s.sh_type == SHT_NOBITS)
				return fault(e, "the .BTF section has no contents");
			err = btf_check(bytes.base, bytes.len, BTF_OF_OBJECT, &btf);
			if (err == -EINVAL)
				fault(e, btf.reason);
		}
		if (err)
			return err;
	}
	return 0;
}

int elf_check(const void *data, size_t len, const char **why)
{
	struct elf e = {.file = cursor_of(data, len), .why = why};
	int err;

	*why = "out of memory";
	err = check_header(&e);
	return err ? err : check_sections(&e);
}

int object_read(const char *path, void **data, size_t *len)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	AUTO_FREE uint8_t *bytes = NULL;
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (st.st_size > FILE_MAX)
		return -EFBIG;
	/* A pipe has no size: what it gives is read in growing pieces. */
	for (size_t room = st.st_size > 0 ? (size_t)st.st_size + 1 : 65536, at = 0;; room *= 2) {
		uint8_t *more = realloc(bytes, room);
		ssize_t n = 0;

		if (!more)
			return -ENOMEM;
		bytes = more;
		while (at < room && (n = read(fd, bytes + at, room - at)) > 0)
			at += (size_t)n;
		if (n < 0)
			return -errno;
		if (at < room) {
			*data = STEAL_PTR(bytes);
			*len = at;
			return 0;
		}
		if (room > FILE_MAX)
			return -EFBIG;
	}
}
