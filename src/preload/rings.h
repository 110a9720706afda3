/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ring buffers and perf buffers of the hive in another process: epoll and poll on their fds, which are memory files and would always be ready.
 *
 * Theory of operation
 *
 * The hive gives an fd to wait on (ASK_WAIT), whose edges say that there may be data; it counts wakeups and is never read. So it is put into the program's epoll
 * instance edge-triggered, with the program's own data, and the level is added here, as the seam does for libbpf in the hive's own process (bpf/seam.c):
 * before an epoll_wait(2) sleeps it looks at the positions in the buffer itself. The barrier between a consumer's last look and its sleep is that of
 * ringbuf_ready(); the other half is in the producer.
 *
 * What an epoll instance waits for stands in a fixed table. An entry is taken, used and given back by atomic operations on one word, its state: no lock, so that
 * a signal handler may close or wait in the middle of anything. Its memory is unmapped by whoever comes last.
 *
 * poll(2) knows no edges: it waits on an epoll instance of its own, made for the buffer's fd, whose edge it takes before it looks at the buffer.
 *
 * Limits: RINGS_WATCHES buffers in all epoll instances (ENOSPC beyond, as at the kernel's own limit); select(2), and fds from RINGS_FDS on, are not looked at; an fd that another
 * replaces (dup2(2)) is noticed when it is next given to epoll_ctl(2).
 */
#ifndef SKEP_PRELOAD_RINGS_H
#define SKEP_PRELOAD_RINGS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { RINGS_WATCHES = 512, RINGS_FDS = 4096 };

/* rings_note - an fd of a buffer that has been mapped: poll(2) looks at it from now on. */
void rings_note(int fd);

/* rings_close - an fd is about to be closed: no epoll instance waits for it any more, nor does it wait if it is one. */
void rings_close(int fd);

/* A bit for each fd below RINGS_FDS; others have none. */
typedef struct {
	_Atomic uint64_t words[RINGS_FDS / 64];
	_Atomic uint32_t n;
} fd_set_bits;

static inline bool fd_bit(const fd_set_bits *s, int fd)
{
	return atomic_load_explicit(&s->n, memory_order_relaxed) && fd >= 0 && fd < RINGS_FDS &&
	       (atomic_load_explicit(&s->words[fd / 64], memory_order_relaxed) >> (fd % 64) & 1);
}

/* Return: whether the fd has a bit. */
static inline bool fd_bit_set(fd_set_bits *s, int fd)
{
	uint64_t bit = 1ull << (fd % 64);

	if (fd < 0 || fd >= RINGS_FDS)
		return false;
	if (!(atomic_fetch_or(&s->words[fd / 64], bit) & bit))
		atomic_fetch_add(&s->n, 1);
	return true;
}

static inline void fd_bit_clear(fd_set_bits *s, int fd)
{
	uint64_t bit = 1ull << (fd % 64);

	if (fd_bit(s, fd) && (atomic_fetch_and(&s->words[fd / 64], ~bit) & bit))
		atomic_fetch_sub(&s->n, 1);
}

#endif
