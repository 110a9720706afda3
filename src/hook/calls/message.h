/* SPDX-License-Identifier: BSD-2-Clause */
/* struct msghdr of a task, copied once: what is sent, and where what is received goes. */
#ifndef SKEP_HOOK_CALLS_MESSAGE_H
#define SKEP_HOOK_CALLS_MESSAGE_H

#include "hook/calls/calls_inside.h"

#include <sys/uio.h>

enum {
	MESSAGE_PARTS = 1024, /* UIO_MAXIOV */
	MESSAGE_CONTROL = 65536,
	MESSAGE_FDS = 253, /* SCM_MAX_FD */
	MESSAGE_AT_ONCE = 1 << 20, /* bytes of a stream that are copied at a time */
	DATAGRAM_MAX = 65535,
};

struct message {
	uint64_t at; /* of the task's struct msghdr, 0: there is none */
	uint64_t name_at, control_at;
	struct sockaddr_storage name;
	socklen_t name_len; /* as the task gave it: room, where it is for receiving */
	struct iovec *parts; /* addresses are the task's */
	size_t n_parts;
	uint64_t size; /* of all parts */
	uint8_t *control; /* as this process's own */
	size_t control_len; /* room, where it is for receiving */
	int fds[MESSAGE_FDS]; /* copies, in control */
	size_t n_fds;
	int flags;
};

/*
 * message_read - from a task's memory.
 * @receiving: nothing but addresses and room is wanted
 * Return: 0 or a negative errno; message_free() in either case.
 */
int message_read(struct job *j, uint64_t at, bool receiving, struct message *m);
/* message_of - of sendto(2) and recvfrom(2). */
int message_of(struct job *j, bool receiving, struct message *m);
void message_free(struct message *m);

/* message_control - copy what goes along, files too. Where it is not to be sent it is left out. Return: 0 or a negative errno. */
int message_control(struct job *j, struct message *m);

/* message_gather - @len bytes from @from on of what is to be sent. Return: 0, -EFAULT. */
int message_gather(const struct job *j, const struct message *m, uint64_t from, void *to, size_t len);
/* message_scatter - where they are to go. */
int message_scatter(const struct job *j, const struct message *m, const void *from, size_t len);
/* message_finish - what recvmsg(2) says of itself: name, control, flags. */
int message_finish(const struct job *j, const struct message *m, const struct sockaddr_storage *name,
		   socklen_t name_len, const void *control, size_t control_len, int flags);
/* message_size - of the task's struct msghdr: behind it in struct mmsghdr stands how much it was, whose size is @whole. */
size_t message_size(const struct job *j, size_t *whole);

#endif
