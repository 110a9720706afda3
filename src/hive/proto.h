/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a hive and its clients say to each other, over a Unix socket that keeps messages apart (SOCK_SEQPACKET).
 *
 * Theory of operation
 *
 * The client speaks first and then answers until it hears DONE. There is no table of what each command's attributes mean: the hive
 * runs its ordinary bpf(2), and where that follows an address or looks behind an fd of the caller's, the hive asks.
 *
 *     client                           hive
 *     CALL command, attributes   ->
 *                                <-    READ address, bytes
 *     DATA bytes                 ->
 *                                <-    FD number
 *     HERE the fd itself         ->
 *                                <-    WRITE pieces
 *     WROTE                      ->
 *                                <-    DONE result, pieces to write, perhaps a new fd, and words
 *
 * The client is blocked in its call meanwhile, and reads and writes its own memory in such a way that a bad address is EFAULT.
 * Most calls need no question at all: CALL carries pieces of memory that will be read (the attributes, a key) and says what
 * stands behind the fds (struct msg_fd); what is to be written comes with DONE. ASK is for what is no bpf(2) call.
 *
 * Why something was refused stands in words behind DONE's pieces: who asked is the one to be told, at whatever terminal that is.
 *
 * Invariants
 *  - A message is a struct msg and its payload, MSG_MAX bytes at most: n_fds times struct msg_fd, then n_pieces times struct
 *    msg_piece each followed by its bytes, then DONE's words. DATA's bytes follow at once.
 *  - Neither side trusts a length. The hive ends a connection that says what has no meaning at that point.
 *  - What a msg_fd says is believed only when the same fd has been handed over on this connection before: it chooses among what
 *    was proven, no more.
 *  - An fd travels with HERE and DONE only, one at a time.
 */
#ifndef SKEP_HIVE_PROTO_H
#define SKEP_HIVE_PROTO_H

#include <stdint.h>

enum { MSG_VERSION = 2 };

enum msg_type {
	MSG_CALL = 1, /* value: command; addr, len: the attributes */
	MSG_ASK, /* value: enum msg_ask; its text, if it takes one, is a piece at address 0 */
	MSG_DATA, /* value: 0 or -EFAULT; len: bytes that follow, between READ's len and len + more */
	MSG_HERE, /* value: 0 or -EBADF */
	MSG_WROTE, /* value: 0 or -EFAULT */
	MSG_READ, /* addr, len; more: bytes behind these that are welcome */
	MSG_FD, /* value: the number */
	MSG_WRITE, /* pieces */
	MSG_DONE, /* value: what the call returns, or a negative errno; len 1: the result is the fd that comes with it; more: bytes of words */
};

enum msg_ask {
	ASK_HELLO, /* len: MSG_VERSION. The first thing that a client says */
	ASK_FACTS, /* DONE's piece is a struct msg_facts */
	ASK_STOP, /* the hive ends */
	ASK_UNLINK, /* text: a pin's path */
	ASK_FDINFO, /* addr: an fd. DONE's fd is a file with what /proc/PID/fdinfo would show */
	ASK_FILE, /* text: a path that the hive answers for (bpf/present.h). DONE's fd is the file */
	/*
	 * addr: an fd; DONE's value says whether its object may be mapped. The piece is a struct msg_mapping. DONE's piece is a struct
	 * msg_memory; of a ring buffer it has an fd of the same memory that may only be read.
	 */
	ASK_MMAP,
	ASK_PINS, /* DONE's fd is a file with the paths of all pins, a zero byte after each */
	ASK_ACCESS, /* text: a path that the hive answers for; addr: as in access(2) */
	ASK_PERF, /* perf_event_open(2). addr: of the attributes; the piece is a struct msg_perf. DONE's fd is the event */
	ASK_IOCTL, /* addr: a perf event's fd; the piece is a struct msg_ioctl */
	ASK_WAIT, /* addr: fd of a ring or perf buffer. DONE's piece is a struct msg_memory, its fd what to wait on for data */
	ASK_SWEEP, /* fds have been closed: what nobody holds goes now */
};

struct msg {
	uint32_t type;
	int32_t value;
	uint64_t addr;
	uint32_t len, more;
	uint32_t n_fds, n_pieces;
};

struct msg_fd {
	uint64_t dev, ino;
	int32_t fd;
	int32_t mode; /* O_RDONLY and so on */
};

struct msg_piece {
	uint64_t addr;
	uint32_t len;
	uint32_t zero;
};

struct msg_mapping {
	uint64_t len, off;
	int32_t prot, flags;
};

/* What an object's memory is to who maps it. */
enum msg_layout {
	MEMORY_PLAIN,
	MEMORY_RING, /* map/ringview.h */
	MEMORY_PERF, /* man 2 perf_event_open */
};

struct msg_memory {
	uint32_t layout;
	uint32_t size; /* MEMORY_RING: bytes of data */
};

struct msg_perf {
	int32_t pid, cpu;
};

struct msg_ioctl {
	uint64_t request, arg;
};

struct msg_facts {
	uint64_t started; /* seconds since the epoch */
	uint64_t memory; /* bytes of maps and of machine code */
	uint32_t pid;
	uint32_t clients; /* connections, this one included */
	uint32_t programs, maps, btfs, links, pins;
	uint32_t cpus; /* workers: parts of a per-CPU value */
};

enum {
	MSG_BYTES = 64 * 1024, /* of memory that one message carries at most */
	MSG_WORDS = 2048, /* of words, at most */
	MSG_MAX = MSG_BYTES + 4096,
};

#endif
