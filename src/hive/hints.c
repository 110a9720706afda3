/* SPDX-License-Identifier: BSD-2-Clause */
#include "hive/hints.h"

#include "base/uapi.h"
#include "base/usermem.h"
#include "base/util.h"
#include "bpf/caller.h"
#include "hive/wire.h"

#include <string.h>
#include <sys/uio.h>

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

/*
 * Reads parts of this process's memory in one system call, in their order, up to the first that is not all there. Return: how
 * many were read.
 */
static int read_parts(pid_t self, const struct iovec *to, const struct iovec *from, int n)
{
	ssize_t left = process_vm_readv(self, to, (unsigned long)n, from, (unsigned long)n, 0);
	int i = 0;

	if (left < 0)
		while (i < n && !self_read(to[i].iov_base, (uintptr_t)from[i].iov_base, from[i].iov_len))
			i++;
	else
		for (; i < n && left >= (ssize_t)to[i].iov_len; i++)
			left -= (ssize_t)to[i].iov_len;
	return i;
}

/* What the attributes point at, each up to the end of a page: what is not there must not spoil what is. */
static void add_memory(struct msg *call, pid_t self, const struct hint *h, const union bpf_attr *attr, uint8_t *payload,
		       size_t *len)
{
	uint8_t bytes[N_POINTERS][HINT_BYTES];
	struct iovec to[N_POINTERS], from[N_POINTERS];
	int n = 0, have;

	for (int i = 0; i < N_POINTERS && h->pointers[i]; i++) {
		uint64_t addr;

		memcpy(&addr, (const uint8_t *)attr + h->pointers[i] - 1, sizeof(addr));
		if (!addr)
			continue;
		from[n].iov_base = (void *)(uintptr_t)addr;
		to[n].iov_base = bytes[n];
		from[n].iov_len = to[n].iov_len = MIN((size_t)HINT_BYTES, 4096 - (addr & 4095));
		n++;
	}
	have = n ? read_parts(self, to, from, n) : 0;
	for (int i = 0; i < have; i++)
		call->n_pieces += wire_add_piece(payload, len, HINTS_MAX, (uintptr_t)from[i].iov_base, bytes[i],
						 (uint32_t)to[i].iov_len);
}

static void add_fds(struct msg *call, const struct hint *h, const union bpf_attr *attr, uint8_t *payload, size_t *len)
{
	for (int i = 0; i < N_FDS && h->fds[i]; i++) {
		struct msg_fd fd = {0};
		struct caller_fd file;

		memcpy(&fd.fd, (const uint8_t *)attr + h->fds[i] - 1, sizeof(fd.fd));
		if (fd.fd <= 0 || caller_find(fd.fd, &file))
			continue;
		fd.dev = file.dev;
		fd.ino = file.ino;
		fd.mode = file.mode;
		memcpy(payload + *len, &fd, sizeof(fd));
		*len += sizeof(fd);
		call->n_fds++;
	}
}

size_t hints_gather(struct msg *call, pid_t self, uint8_t payload[HINTS_MAX])
{
	const struct hint *h = call->value >= 0 && (size_t)call->value < ARRAY_SIZE(hints) ? &hints[call->value] : NULL;
	size_t n = MIN((size_t)call->len, sizeof(union bpf_attr));
	union bpf_attr attr = {0};
	struct iovec to = {&attr, n}, from = {(void *)(uintptr_t)call->addr, n};
	size_t len = 0;

	if (!n || read_parts(self, &to, &from, 1) < 1)
		return 0;
	if (h)
		add_fds(call, h, &attr, payload, &len);
	call->n_pieces += wire_add_piece(payload, &len, HINTS_MAX, call->addr, &attr, (uint32_t)n);
	if (h)
		add_memory(call, self, h, &attr, payload, &len);
	return len;
}
