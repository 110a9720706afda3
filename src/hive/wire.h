/* SPDX-License-Identifier: BSD-2-Clause */
/* Sending and receiving the messages of proto.h. */
#ifndef SKEP_HIVE_WIRE_H
#define SKEP_HIVE_WIRE_H

#include "base/cursor.h"
#include "hive/proto.h"

#include <sys/types.h>

/* wire_send - a header and a payload of up to two parts. @fd: goes with it; -1: none. Return: 0 or a negative errno. */
int wire_send(int sock, const struct msg *m, const void *a, size_t a_len, const void *b, size_t b_len, int fd);

/*
 * wire_receive - the next message.
 * @to, @room: where the payload goes
 * @fd:        where an fd that came with it goes, O_CLOEXEC (-1: none came), also when the message is no good; NULL: fds are dropped
 * Return: the payload's length; -EPIPE when the other side is gone; -EPROTO for less than a header or more than there is
 * room for; another negative errno.
 */
ssize_t wire_receive(int sock, struct msg *m, void *to, size_t room, int *fd);

/* wire_piece - the next piece of a payload, in place. Return: false at the end or when the bytes are not there (c->bad). */
bool wire_piece(struct cursor *c, struct msg_piece *piece, const void **bytes);

/* wire_add_piece - append a piece to a payload of *len bytes in @buf. Return: false when @room does not suffice. */
bool wire_add_piece(void *buf, size_t *len, size_t room, uint64_t addr, const void *bytes, uint32_t n);

#endif
