/* SPDX-License-Identifier: BSD-2-Clause */
#include "object.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int read_object(struct object *o, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	const Elf64_Ehdr *e;
	struct stat st;

	*o = (struct object){0};
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	o->len = (size_t)st.st_size;
	o->data = malloc(o->len);
	if (!o->data || read(fd, o->data, o->len) != st.st_size) {
		close(fd);
		return -EIO;
	}
	close(fd);
	e = (const Elf64_Ehdr *)o->data;
	if (o->len < sizeof(*e) || memcmp(e->e_ident, ELFMAG, SELFMAG))
		return -ENOEXEC;
	o->sections = (Elf64_Shdr *)(o->data + e->e_shoff);
	o->n_sections = e->e_shnum;
	o->section_names = (const char *)o->data + o->sections[e->e_shstrndx].sh_offset;
	for (uint32_t i = 0; i < o->n_sections; i++) {
		if (o->sections[i].sh_type != SHT_SYMTAB)
			continue;
		o->symbols = (Elf64_Sym *)(o->data + o->sections[i].sh_offset);
		o->n_symbols = (uint32_t)(o->sections[i].sh_size / sizeof(Elf64_Sym));
		o->names = (const char *)o->data + o->sections[o->sections[i].sh_link].sh_offset;
	}
	o->needed = calloc(o->n_symbols + 1, sizeof(bool));
	return o->needed ? 0 : -ENOMEM;
}

void object_free(struct object *o)
{
	free(o->data);
	free(o->needed);
	*o = (struct object){0};
}

void object_hide_tags(struct object *o)
{
	static const char prefix[] = "comment:test_";

	for (uint32_t i = 0; i < o->n_sections; i++) {
		char *s = (char *)o->data + o->sections[i].sh_offset;
		char *end = s + o->sections[i].sh_size;

		if (strcmp(o->section_names + o->sections[i].sh_name, ".BTF"))
			continue;
		while ((s = memmem(s, (size_t)(end - s), prefix, sizeof(prefix) - 1)))
			while (*s)
				*s++ = 'x';
	}
}

/* The function that covers an offset of a section; 0: none (symbol 0 is never one). */
static uint32_t function_at(const struct object *o, uint32_t section, uint64_t off)
{
	for (uint32_t i = 1; i < o->n_symbols; i++) {
		const Elf64_Sym *s = &o->symbols[i];

		if (s->st_shndx == section && ELF64_ST_TYPE(s->st_info) == STT_FUNC && off >= s->st_value &&
		    off < s->st_value + s->st_size)
			return i;
	}
	return 0;
}

static bool is_code(const struct object *o, uint32_t section)
{
	return section < o->n_sections && (o->sections[section].sh_flags & SHF_EXECINSTR);
}

static void walk(struct object *o, uint32_t function);

/* Follows one relocation. A section's own symbol stands for a static function: its place is in the instruction. */
static void follow(struct object *o, uint32_t symbol, const struct bpf_insn *insn)
{
	const Elf64_Sym *s = &o->symbols[symbol];
	int64_t off = (int64_t)s->st_value;

	o->needed[symbol] |= !is_code(o, s->st_shndx);
	if (!is_code(o, s->st_shndx))
		return;
	if (ELF64_ST_TYPE(s->st_info) == STT_SECTION)
		off += insn->code == (BPF_JMP | BPF_CALL) ? ((int64_t)insn->imm + 1) * 8 : insn->imm;
	walk(o, function_at(o, s->st_shndx, (uint64_t)off));
}

static void walk(struct object *o, uint32_t function)
{
	const Elf64_Sym *f = &o->symbols[function];
	uint8_t *code = o->data + o->sections[f->st_shndx].sh_offset;
	bool *relocated;

	if (!function || o->needed[function])
		return;
	o->needed[function] = true;
	relocated = calloc(f->st_size / 8 + 1, sizeof(bool));
	if (!relocated)
		abort();
	for (uint32_t i = 0; i < o->n_sections; i++) {
		const Elf64_Rel *r = (const Elf64_Rel *)(o->data + o->sections[i].sh_offset);
		const Elf64_Rel *end = r + o->sections[i].sh_size / sizeof(*r);

		if (o->sections[i].sh_type != SHT_REL || o->sections[i].sh_info != f->st_shndx)
			continue;
		for (; r < end; r++) {
			if (r->r_offset < f->st_value || r->r_offset >= f->st_value + f->st_size)
				continue;
			relocated[(r->r_offset - f->st_value) / 8] = true;
			follow(o, (uint32_t)ELF64_R_SYM(r->r_info), (const struct bpf_insn *)(code + r->r_offset));
		}
	}
	/* Calls within a section need no relocation. */
	for (uint64_t i = 0; i < f->st_size / 8; i++) {
		const struct bpf_insn *insn = (const struct bpf_insn *)(code + f->st_value) + i;

		if (!relocated[i] && insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg == BPF_PSEUDO_CALL)
			walk(o, function_at(o, f->st_shndx, f->st_value + (i + 1 + (uint64_t)(int64_t)insn->imm) * 8));
	}
	free(relocated);
}

void object_walk(struct object *o, const char *prog)
{
	memset(o->needed, 0, o->n_symbols * sizeof(bool));
	for (uint32_t i = 1; i < o->n_symbols; i++)
		if (is_code(o, o->symbols[i].st_shndx) && ELF64_ST_TYPE(o->symbols[i].st_info) == STT_FUNC &&
		    !strcmp(o->names + o->symbols[i].st_name, prog))
			walk(o, i);
}

bool object_needs(const struct object *o, const char *prefix)
{
	for (uint32_t i = 1; i < o->n_symbols; i++)
		if (o->needed[i] && !strncmp(o->names + o->symbols[i].st_name, prefix, strlen(prefix)))
			return true;
	return false;
}

bool object_needs_section(const struct object *o, const char *name)
{
	for (uint32_t i = 1; i < o->n_symbols; i++)
		if (o->needed[i] && o->symbols[i].st_shndx && o->symbols[i].st_shndx < o->n_sections &&
		    !strcmp(o->section_names + o->sections[o->symbols[i].st_shndx].sh_name, name))
			return true;
	return false;
}

void object_weaken(struct object *o)
{
	for (uint32_t i = 1; i < o->n_symbols; i++) {
		Elf64_Sym *s = &o->symbols[i];

		if (s->st_shndx == SHN_UNDEF && !o->needed[i] && ELF64_ST_BIND(s->st_info) == STB_GLOBAL)
			s->st_info = ELF64_ST_INFO(STB_WEAK, ELF64_ST_TYPE(s->st_info));
	}
}
