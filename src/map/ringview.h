/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What user space sees of a ring buffer (ringbuf.c has the theory): the consumer's page, the producer's page, the data, and the data once more, so that no
 * record is cut. It needs nothing but fds of the memory, so that another process's view is made there.
 */
#ifndef SKEP_MAP_RINGVIEW_H
#define SKEP_MAP_RINGVIEW_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * ringview_check - may a ring of @size bytes of data be mapped so? The kernel's ringbuf_map_mmap_kern(): user space writes the consumer's position and
 * nothing else.
 * Return: 0 or a negative errno.
 */
int ringview_check(uint32_t size, size_t len, int prot, int flags, off_t off);

/*
 * ringview_map - mmap(2) on a ring buffer's fd.
 * @fd:     of its memory: for what is written
 * @reader: the same memory, for what is only read: where it is open for reading only, no mprotect(2) makes more of it
 * Return: the address, or MAP_FAILED with errno set.
 */
void *ringview_map(int fd, int reader, uint32_t size, void *addr, size_t len, int prot, int flags, off_t off);

#endif
