/* SPDX-License-Identifier: BSD-2-Clause */
#include "helper/callstack.h"

#include "base/cursor.h"
#include "base/util.h"

#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <string.h>
#include <sys/auxv.h>
#include <unwind.h>

struct walk {
	uint64_t *ips;
	uint32_t n;
	uintptr_t inside;
};

static _Unwind_Reason_Code step(struct _Unwind_Context *context, void *arg)
{
	struct walk *w = arg;
	uintptr_t ip = _Unwind_GetIP(context);

	/* The stack pointer that the frame goes on with lies above the frame of what it has called. */
	if (_Unwind_GetCFA(context) <= w->inside)
		return _URC_NO_REASON;
	if (!ip || w->n == CALLSTACK_MAX)
		return _URC_END_OF_STACK;
	w->ips[w->n++] = ip;
	return _URC_NO_REASON;
}

uint32_t callstack_note(uint64_t ips[CALLSTACK_MAX], const void *inside)
{
	struct walk w = {.ips = ips, .inside = (uintptr_t)inside};

	_Unwind_Backtrace(step, &w);
	return w.n;
}

/* build_id_in - the build id among the notes of one segment. Return: whether it is there. */
static bool build_id_in(struct cursor notes, size_t align, uint8_t id[BPF_BUILD_ID_SIZE])
{
	ElfW(Nhdr) note;

	while (cursor_get(&notes, &note, sizeof(note))) {
		const char *name = cursor_take(&notes, ALIGN_UP((size_t)note.n_namesz, align));
		const uint8_t *desc = cursor_take(&notes, ALIGN_UP((size_t)note.n_descsz, align));

		if (note.n_type != NT_GNU_BUILD_ID || note.n_namesz != sizeof(ELF_NOTE_GNU) || !name || !desc ||
		    memcmp(name, ELF_NOTE_GNU, sizeof(ELF_NOTE_GNU)) || !note.n_descsz ||
		    note.n_descsz > BPF_BUILD_ID_SIZE)
			continue;
		memset(id, 0, BPF_BUILD_ID_SIZE);
		memcpy(id, desc, note.n_descsz);
		return true;
	}
	return false;
}

struct places {
	struct bpf_stack_build_id *ids;
	uint32_t n;
};

/* One object of the process: the addresses that lie in it. */
static int place_in(struct dl_phdr_info *object, size_t size, void *arg)
{
	const struct places *p = arg;
	uint8_t id[BPF_BUILD_ID_SIZE];
	bool has_id = false;

	/* The kernel's own page of code comes from no file. */
	if (object->dlpi_addr && object->dlpi_addr == getauxval(AT_SYSINFO_EHDR))
		return 0;
	for (uint32_t i = 0; i < object->dlpi_phnum && !has_id; i++) {
		const ElfW(Phdr) *h = &object->dlpi_phdr[i];

		if (h->p_type == PT_NOTE)
			has_id = build_id_in(cursor_of((const void *)(object->dlpi_addr + h->p_vaddr), h->p_memsz),
					     h->p_align == 8 ? 8 : 4, id);
	}
	for (uint32_t i = 0; i < object->dlpi_phnum && has_id; i++) {
		const ElfW(Phdr) *h = &object->dlpi_phdr[i];

		if (h->p_type != PT_LOAD)
			continue;
		for (uint32_t j = 0; j < p->n; j++) {
			uint64_t in = p->ids[j].ip - (object->dlpi_addr + h->p_vaddr);

			if (p->ids[j].status == BPF_STACK_BUILD_ID_VALID || in >= h->p_filesz)
				continue;
			p->ids[j].status = BPF_STACK_BUILD_ID_VALID;
			memcpy(p->ids[j].build_id, id, sizeof(id));
			p->ids[j].offset = h->p_offset + in;
		}
	}
	return 0;
}

void callstack_build_ids(struct bpf_stack_build_id *ids, uint32_t n)
{
	struct places p = {.ids = ids, .n = n};

	for (uint32_t i = 0; i < n; i++) {
		ids[i].status = BPF_STACK_BUILD_ID_IP;
		memset(ids[i].build_id, 0, sizeof(ids[i].build_id));
	}
	dl_iterate_phdr(place_in, &p);
}
