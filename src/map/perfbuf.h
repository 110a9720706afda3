/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Perf buffers: what an element of a PERF_EVENT_ARRAY writes into and libbpf's perf_buffer reads.
 *
 * The memory has the layout of a perf mmap area (man 2 perf_event_open): one page of struct perf_event_mmap_page, then data
 * pages, a power of two of them. It is a memfd that gets its size when user space maps it. Records
 * are PERF_RECORD_SAMPLE with PERF_SAMPLE_RAW, and PERF_RECORD_LOST when some did not fit.
 *
 * One worker writes to a buffer, the one whose number it was made for, so writing takes no lock.
 * The reader's position is untrusted: it only decides how much is free.
 */
#ifndef SKEP_MAP_PERFBUF_H
#define SKEP_MAP_PERFBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct perf_event_mmap_page;

struct perfbuf {
	uint32_t cpu; /* the worker that may write */
	int memfd; /* owned */
	int event_fd; /* owned; written when there is something to read */
	void *owner; /* the bpf floor's */
	struct perf_event_mmap_page *page; /* NULL until user space has mapped it; set last, with release */
	uint8_t *data;
	size_t data_size;
	uint64_t head;
	uint64_t lost; /* since the last PERF_RECORD_LOST */
	uint64_t lost_total;
};

/* perfbuf_create - a buffer without memory yet. 0 or a negative errno. */
int perfbuf_create(uint32_t cpu, struct perfbuf **out);
void perfbuf_destroy(struct perfbuf *b);

/* perfbuf_ready - whether the reader should look. */
bool perfbuf_ready(const struct perfbuf *b);

/*
 * perfbuf_size - what perfbuf_mmap() does but for the mapping itself, for a reader in another process. Between the two that process has the file: where it
 * spoils its size, it has no buffer.
 * Return: 0 or a negative errno.
 */
int perfbuf_size(struct perfbuf *b, size_t len, int flags, off_t off);

/*
 * perfbuf_mmap - mmap(2) on the buffer's fd. The first mapping sets the size: 1 + 2^n pages. Later ones must have the same.
 * The caller serialises calls; the writer need not be kept away.
 * Return: the address, or MAP_FAILED with errno set.
 */
void *perfbuf_mmap(struct perfbuf *b, void *addr, size_t len, int prot, int flags, off_t off);

/*
 * perfbuf_output - append one sample made of two parts.
 * Return: 0, -ENOSPC when it does not fit or nobody has mapped the buffer (counted), -E2BIG for more than 64 KiB.
 */
int perfbuf_output(struct perfbuf *b, const void *data, size_t len, const void *more, size_t more_len);

#endif
