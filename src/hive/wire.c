/* SPDX-License-Identifier: BSD-2-Clause */
#include "hive/wire.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

union fd_control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int))];
};

int wire_send(int sock, const struct msg *m, const void *a, size_t a_len, const void *b, size_t b_len, int fd)
{
	struct iovec iov[3] = {{(void *)m, sizeof(*m)}, {(void *)a, a_len}, {(void *)b, b_len}};
	struct msghdr h = {.msg_iov = iov, .msg_iovlen = b_len ? 3 : a_len ? 2 : 1};
	union fd_control control;
	ssize_t n;

	if (fd >= 0) {
		struct cmsghdr *c;

		memset(&control, 0, sizeof(control));
		h.msg_control = &control;
		h.msg_controllen = sizeof(control);
		c = CMSG_FIRSTHDR(&h);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	do
		n = sendmsg(sock, &h, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return 0;
	return errno == ECONNRESET || errno == ENOTCONN ? -EPIPE : -errno;
}

ssize_t wire_receive(int sock, struct msg *m, void *to, size_t room, int *fd)
{
	struct iovec iov[2] = {{m, sizeof(*m)}, {to, room}};
	struct msghdr h = {.msg_iov = iov, .msg_iovlen = room ? 2 : 1};
	union fd_control control;
	ssize_t n;

	if (fd) {
		*fd = -1;
		h.msg_control = &control;
		h.msg_controllen = CMSG_LEN(sizeof(*fd)); /* one: the alignment behind it would hold another */
	}
	do
		n = recvmsg(sock, &h, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (fd && n >= 0) {
		struct cmsghdr *c = CMSG_FIRSTHDR(&h);

		if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
		    c->cmsg_len == CMSG_LEN(sizeof(*fd)))
			memcpy(fd, CMSG_DATA(c), sizeof(*fd));
	}
	if (n < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	if (n >= (ssize_t)sizeof(*m) && !(h.msg_flags & MSG_TRUNC))
		return n - (ssize_t)sizeof(*m);
	return n ? -EPROTO : -EPIPE;
}

bool wire_piece(struct cursor *c, struct msg_piece *piece, const void **bytes)
{
	if (!cursor_get(c, piece, sizeof(*piece)))
		return false;
	*bytes = cursor_take(c, piece->len);
	return *bytes != NULL;
}

bool wire_add_piece(void *buf, size_t *len, size_t room, uint64_t addr, const void *bytes, uint32_t n)
{
	struct msg_piece piece = {.addr = addr, .len = n};

	if (room - *len < sizeof(piece) || room - *len - sizeof(piece) < n)
		return false;
	memcpy((uint8_t *)buf + *len, &piece, sizeof(piece));
	memcpy((uint8_t *)buf + *len + sizeof(piece), bytes, n);
	*len += sizeof(piece) + n;
	return true;
}
