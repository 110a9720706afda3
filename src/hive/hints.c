/* SPDX-License-Identifier: BSD-2-Clause */
#include "hive/hints.h"

#include "base/uapi.h"
#include "base/usermem.h"
#include "base/util.h"
#include "bpf/caller.h"
#include "hive/wire.h"

#include <string.h>

enum {
	HINT_BYTES = 256, /* behind one pointer, less at the end of a page */
	N_FDS = 2,
	N_POINTERS = 2,
};

#define AT(field) (offsetof(union bpf_attr, field) + 1)

/* Of commands that are called often or look at much: where in the attributes fds and pointers stand, plus 1; 0: no more. */
static const struct hint {
	uint8_t fds[N_FDS];
	uint8_t pointers[N_POINTERS];
} hints[] = {
	[BPF_MAP_LOOKUP_ELEM] = {{AT(map_fd)}, {AT(key)}},
	[BPF_MAP_UPDATE_ELEM] = {{AT(map_fd)}, {AT(key), AT(value)}},
	[BPF_MAP_DELETE_ELEM] = {{AT(map_fd)}, {AT(key)}},
	[BPF_MAP_GET_NEXT_KEY] = {{AT(map_fd)}, {AT(key)}},
	[BPF_MAP_LOOKUP_AND_DELETE_ELEM] = {{AT(map_fd)}, {AT(key)}},
	[BPF_MAP_CREATE] = {{AT(btf_fd)}, {0}},
	[BPF_PROG_LOAD] = {{AT(prog_btf_fd)}, {AT(license)}},
	[BPF_PROG_TEST_RUN] = {{AT(test.prog_fd)}, {AT(test.data_in), AT(test.ctx_in)}},
	[BPF_OBJ_GET_INFO_BY_FD] = {{AT(info.bpf_fd)}, {AT(info.info)}},
	[BPF_OBJ_PIN] = {{AT(bpf_fd)}, {AT(pathname)}},
	[BPF_OBJ_GET] = {{0}, {AT(pathname)}},
};

/* Adds what can be read at an address, up to the end of a page: what is not there must not spoil what is. */
static void add_memory(struct msg *call, uint8_t *payload, size_t *len, uint64_t addr, size_t n)
{
	uint8_t bytes[HINT_BYTES];

	n = MIN(n, 4096 - (addr & 4095));
	if (!n || self_read(bytes, addr, n))
		return;
	call->n_pieces += wire_add_piece(payload, len, HINTS_MAX, addr, bytes, (uint32_t)n);
}

size_t hints_gather(struct msg *call, uint8_t payload[HINTS_MAX])
{
	const struct hint *h = call->value >= 0 && (size_t)call->value < ARRAY_SIZE(hints) ? &hints[call->value] : NULL;
	size_t n = MIN((size_t)call->len, MIN(sizeof(union bpf_attr), (size_t)HINT_BYTES));
	union bpf_attr attr = {0};
	size_t len = 0;

	if (!n || self_read(&attr, call->addr, n))
		return 0;
	for (int i = 0; h && i < N_FDS && h->fds[i]; i++) {
		struct msg_fd fd = {0};
		struct caller_fd file;

		memcpy(&fd.fd, (uint8_t *)&attr + h->fds[i] - 1, sizeof(fd.fd));
		if (fd.fd <= 0 || caller_find(fd.fd, &file))
			continue;
		fd.dev = file.dev;
		fd.ino = file.ino;
		fd.mode = file.mode;
		memcpy(payload + len, &fd, sizeof(fd));
		len += sizeof(fd);
		call->n_fds++;
	}
	call->n_pieces += wire_add_piece(payload, &len, HINTS_MAX, call->addr, &attr, (uint32_t)n);
	for (int i = 0; h && i < N_POINTERS && h->pointers[i]; i++) {
		uint64_t addr;

		memcpy(&addr, (uint8_t *)&attr + h->pointers[i] - 1, sizeof(addr));
		if (addr)
			add_memory(call, payload, &len, addr, HINT_BYTES);
	}
	return len;
}
