/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process's way to a hive that outlives it: connections, and the answers that the hive wants about this process's memory and
 * fds (proto.h).
 *
 * Theory of operation
 *
 * A call takes a connection for as long as it lasts. Connections wait in a few slots, each taken and given back by one atomic
 * operation, so that threads do not wait for each other and a signal handler that interrupts a call finds another slot, or,
 * when all are taken, makes a connection for this call alone. Nothing else is kept: no lock, no heap.
 *
 * Since this runs inside any program, a connection is looked at before it is used: after fork(2) it is the parent's and is not
 * touched, and when its number has been closed and given to another file by the program, it is forgotten.
 */
#ifndef SKEP_HIVE_CLIENT_H
#define SKEP_HIVE_CLIENT_H

#include "hive/proto.h"

#include <stdatomic.h>
#include <stddef.h>
#include <sys/types.h>

enum { CLIENT_SLOTS = 16 };

struct client_slot {
	atomic_bool busy;
	int sock; /* valid when pid is set */
	pid_t pid; /* whose the connection is; 0: nobody's */
	ino_t ino; /* of the socket */
	uint8_t *buf; /* MSG_MAX bytes, mapped when first needed */
};

struct client {
	const char *name; /* of the hive; NULL: what SKEP_HIVE says, else "default" */
	void (*say)(
		const char *
			line); /* what the hive has to say to the user, without the line's end; NULL: nobody hears it */
	struct client_slot slots[CLIENT_SLOTS];
};

#define CLIENT_DEFAULT "default"

/*
 * client_bpf - bpf(2), answered by the hive.
 * @attr, @size: where the caller's attributes lie, which need not be a good address
 * Return: what bpf(2) returns or a negative errno. -ENOTCONN when no hive answers (@why says why), -ECONNRESET when
 * it ended in the middle of the call.
 */
int client_bpf(struct client *c, int cmd, uint64_t attr, uint32_t size, char *why, size_t why_len);

/*
 * client_ask - a question of enum msg_ask.
 * @number:     ASK_FDINFO's fd
 * @text:       for questions that take one, else NULL
 * @to, @room:  where bytes of the answer go; both 0 when there are none
 * Return: as client_bpf(); a new fd, O_CLOEXEC, where the answer is a file.
 */
int client_ask(struct client *c, enum msg_ask what, int number, const char *text, void *to, size_t room, char *why,
	       size_t why_len);

/*
 * client_may_map - ASK_MMAP: may what is behind an fd be mapped so?
 * @memory: what lies there
 * Return: 0 or a negative errno; of a ring buffer a new fd of the same memory, for reading only.
 */
int client_may_map(struct client *c, int fd, const struct msg_mapping *want, struct msg_memory *memory, char *why,
		   size_t why_len);

/* client_perf_open - perf_event_open(2). @attr: where the caller's attributes lie. Return: a new fd or a negative errno. */
int client_perf_open(struct client *c, uint64_t attr, int pid, int cpu, char *why, size_t why_len);

/* client_ioctl - ioctl(2) on what client_perf_open() gave. */
int client_ioctl(struct client *c, int fd, uint64_t request, uint64_t arg, char *why, size_t why_len);

/* client_wait_fd - a new fd that is readable when a ring or perf buffer may have data, to be waited for by its edges. */
int client_wait_fd(struct client *c, int fd, struct msg_memory *memory, char *why, size_t why_len);

/* client_close - close the connections that wait. */
void client_close(struct client *c);

#endif
