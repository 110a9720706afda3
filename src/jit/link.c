// SPDX-License-Identifier: BSD-2-Clause
/*
 * Executable memory: placing an object, and taking it away again.
 *
 * Memory is written while it is private and writable, then turned read-only and
 * executable by one mprotect(). No mapping is ever writable and executable at
 * once, and no byte changes after it became executable; new code means a new mapping.
 *
 * System calls: mmap, mprotect, munmap.
 */
#include "jit/jit.h"
#include "jit/target.h"

#include "base/util.h"
#include "map/map.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

/* The address of one of the JIT's own routines, 0 for an unknown number. */
static uint64_t runtime_addr(uint32_t index)
{
	switch ((enum jit_runtime)index) {
	case RUNTIME_PACKET_LOAD:
		return (uintptr_t)packet_load;
	case RUNTIME_PROBE:
		return (uintptr_t)jit_target_probe;
	case RUNTIME_COUNT:
		break;
	}
	return 0;
}

/*
 * reloc_value - what a relocation stands for in this process.
 * @text:   where the object lies when it runs
 * @value:  the result
 * Return: 0, or -EINVAL for a relocation that names nothing.
 */
static int reloc_value(const struct jit_reloc *rel, const struct skep_code *code, const uint8_t *text, uint64_t *value)
{
	const struct code_ref *ref;
	skep_fn fn = NULL;

	switch (rel->kind) {
	case RELOC_REF:
		if (rel->index >= code->n_refs)
			return -EINVAL;
		ref = &code->refs[rel->index];
		*value = ref->addr + (uint64_t)rel->addend;
		if (ref->kind == REF_KFUNC && !ref->addr)
			*value = (uintptr_t)jit_target_no_helper;
		return 0;
	case RELOC_HELPER:
		if (rel->index < code->n_helpers)
			fn = code->helpers[rel->index];
		*value = (uintptr_t)(fn ? fn : jit_target_no_helper);
		return 0;
	case RELOC_LOOKUP:
		if (rel->index >= code->n_refs || code->refs[rel->index].kind != REF_MAP)
			return -EINVAL;
		*value = (uintptr_t)map_lookup_of((const struct skep_map *)(uintptr_t)code->refs[rel->index].addr);
		return 0;
	case RELOC_TEXT:
		*value = (uintptr_t)text + rel->index;
		return 0;
	case RELOC_RUNTIME:
		*value = runtime_addr(rel->index);
		return *value ? 0 : -EINVAL;
	}
	return -EINVAL;
}

/* Writes the object's bytes, relocated for their place, into @mem. */
static int place(const struct jit_object *obj, const struct skep_code *code, uint8_t *mem)
{
	uint64_t value;
	int err;

	memcpy(mem, obj->bytes, obj->size);
	for (uint32_t i = 0; i < obj->n_relocs; i++) {
		const struct jit_reloc *rel = &obj->relocs[i];

		if (obj->size < sizeof(value) || rel->offset > obj->size - sizeof(value))
			return -EINVAL;
		err = reloc_value(rel, code, mem, &value);
		if (err)
			return err;
		/* What is not there ends the run early. */
		if (value == (uintptr_t)jit_target_no_helper)
			mem[obj->entry - 1] &= (uint8_t)~JIT_DIRECT;
		memcpy(mem + rel->offset, &value, sizeof(value));
	}
	return 0;
}

int jit_link(const struct jit_object *obj, const struct skep_code *code, struct jit_text *out)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t size = ALIGN_UP((size_t)obj->size, page);
	uint8_t *mem;
	int err;

	if (!obj->size || !obj->entry || obj->entry >= obj->size)
		return -EINVAL;
	mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mem == MAP_FAILED)
		return -ENOMEM;
	err = place(obj, code, mem);
	if (!err && mprotect(mem, size, PROT_READ | PROT_EXEC))
		err = errno == ENOMEM ? -ENOMEM : -EPERM;
	if (err) {
		munmap(mem, size);
		return err;
	}
	__builtin___clear_cache((char *)mem, (char *)mem + obj->size);
	out->entry = (skep_fn)(uintptr_t)(mem + obj->entry);
	out->text = mem;
	out->size = size;
	return 0;
}

void jit_unlink(struct jit_text *text)
{
	if (text->text)
		munmap((void *)(uintptr_t)text->text, text->size);
	*text = (struct jit_text){0};
}
