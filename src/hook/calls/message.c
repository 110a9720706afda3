/* SPDX-License-Identifier: BSD-2-Clause */
#include "hook/calls/message.h"

#include "base/util.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#ifndef SCM_SECURITY
#define SCM_SECURITY 3
#endif

/* As 32-bit programs have them (net/compat.c). */
struct msghdr_32 {
	uint32_t name;
	int32_t name_len;
	uint32_t parts, n_parts, control, control_len, flags;
};
struct iovec_32 {
	uint32_t base, len;
};
struct cmsghdr_32 {
	uint32_t len;
	int32_t level, type;
};

enum { WORD_32 = 4 };

size_t message_size(const struct job *j, size_t *whole)
{
	*whole = j->call.compat ? sizeof(struct msghdr_32) + sizeof(uint32_t) : sizeof(struct mmsghdr);
	return j->call.compat ? sizeof(struct msghdr_32) : sizeof(struct msghdr);
}

static int read_header(const struct job *j, uint64_t at, struct message *m, uint64_t *parts, uint64_t *n_parts)
{
	struct msghdr_32 small;
	struct msghdr h;

	if (j->call.compat) {
		if (!call_read(j, &small, at, sizeof(small)))
			return -EFAULT;
		h = (struct msghdr){.msg_namelen = (socklen_t)small.name_len, .msg_controllen = small.control_len};
		m->name_at = small.name;
		m->control_at = small.control;
		*parts = small.parts;
		*n_parts = small.n_parts;
	} else {
		if (!call_read(j, &h, at, sizeof(h)))
			return -EFAULT;
		m->name_at = (uintptr_t)h.msg_name;
		m->control_at = (uintptr_t)h.msg_control;
		*parts = (uintptr_t)h.msg_iov;
		*n_parts = h.msg_iovlen;
	}
	m->name_len = m->name_at ? h.msg_namelen : 0;
	m->control_len = m->control_at ? h.msg_controllen : 0;
	return 0;
}

static int read_parts(const struct job *j, uint64_t at, struct message *m)
{
	struct iovec_32 *small = (struct iovec_32 *)m->parts;
	size_t each = j->call.compat ? sizeof(*small) : sizeof(*m->parts);

	if (!call_read(j, m->parts, at, m->n_parts * each))
		return -EFAULT;
	/* In place, from the last one on: the small ones are never ahead. */
	for (size_t i = m->n_parts; j->call.compat && i--;)
		m->parts[i] = (struct iovec){(void *)(uintptr_t)small[i].base, small[i].len}; /* NOLINT */
	for (size_t i = 0; i < m->n_parts; i++) {
		if ((ssize_t)m->parts[i].iov_len < 0)
			return -EINVAL;
		m->parts[i].iov_len = MIN(m->parts[i].iov_len, (size_t)INT32_MAX - m->size);
		m->size += m->parts[i].iov_len;
	}
	return 0;
}

static int read_name(const struct job *j, struct message *m, bool receiving)
{
	if ((int)m->name_len < 0)
		return -EINVAL;
	/* More than an address can be is cut, as in the kernel (net/socket.c). */
	m->name_len = MIN(m->name_len, (socklen_t)sizeof(m->name));
	return receiving || call_read(j, &m->name, m->name_at, m->name_len) ? 0 : -EFAULT;
}

int message_read(struct job *j, uint64_t at, bool receiving, struct message *m)
{
	uint64_t parts, n_parts;
	int err;

	memset(m, 0, offsetof(struct message, fds));
	m->n_fds = 0;
	m->at = at;
	err = read_header(j, at, m, &parts, &n_parts);
	if (!err && n_parts > MESSAGE_PARTS)
		err = -EMSGSIZE;
	if (!err && m->control_len > MESSAGE_CONTROL) {
		err = receiving ? 0 : -ENOBUFS;
		m->control_len = MESSAGE_CONTROL;
	}
	if (err)
		return err;
	m->parts = calloc(n_parts + 1, sizeof(*m->parts));
	m->n_parts = n_parts;
	err = m->parts ? read_parts(j, parts, m) : -ENOMEM;
	return err ? err : read_name(j, m, receiving);
}

int message_of(struct job *j, bool receiving, struct message *m)
{
	const uint64_t *a = j->call.args;

	memset(m, 0, offsetof(struct message, fds));
	m->n_fds = 0;
	m->parts = calloc(1, sizeof(*m->parts));
	if (!m->parts)
		return -ENOMEM;
	m->n_parts = 1;
	m->parts[0] = (struct iovec){(void *)(uintptr_t)a[1], MIN(a[2], (uint64_t)INT32_MAX)}; /* NOLINT */
	m->size = m->parts[0].iov_len;
	m->flags = (int)a[3];
	m->name_at = a[4];
	m->name_len = receiving ? 0 : (socklen_t)a[5];
	return read_name(j, m, receiving);
}

void message_free(struct message *m)
{
	for (size_t i = 0; i < m->n_fds; i++)
		close(m->fds[i]);
	m->n_fds = 0;
	free(m->parts);
	free(m->control);
	m->parts = NULL;
	m->control = NULL;
}

/* One thing that goes along. @room: of m->control */
static int add_control(struct job *j, struct message *m, int level, int type, const uint8_t *data, size_t len,
		       size_t room, size_t *used)
{
	struct cmsghdr h = {.cmsg_level = level, .cmsg_type = type};
	size_t n = len / sizeof(int);

	/* Whose word it is would be skep's: the receiver is told skep's own by the kernel. */
	if (level == SOL_SOCKET && type == SCM_CREDENTIALS)
		return 0;
	if (*used + CMSG_SPACE(len) > room)
		return -EINVAL;
	h.cmsg_len = CMSG_LEN(len);
	memcpy(m->control + *used, &h, sizeof(h));
	memcpy(m->control + *used + sizeof(h), data, len);
	if (level == SOL_SOCKET && type == SCM_RIGHTS) {
		if (n + m->n_fds > MESSAGE_FDS)
			return -EINVAL;
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, data + i * sizeof(int), sizeof(fd));
			fd = (int)syscall(SYS_pidfd_getfd, j->call.thread->pidfd, fd, 0);
			if (fd < 0)
				return -errno;
			m->fds[m->n_fds++] = fd;
			memcpy(m->control + *used + sizeof(h) + i * sizeof(int), &fd, sizeof(fd));
		}
	}
	*used += CMSG_SPACE(len);
	return 0;
}

int message_control(struct job *j, struct message *m)
{
	size_t head = j->call.compat ? sizeof(struct cmsghdr_32) : sizeof(struct cmsghdr), used = 0;
	size_t word = j->call.compat ? WORD_32 : sizeof(size_t), room = 2 * m->control_len + sizeof(struct cmsghdr);
	uint8_t *raw;
	int err = 0;

	if (!m->control_len)
		return 0;
	raw = malloc(m->control_len);
	m->control = calloc(1, room);
	if (!raw || !m->control)
		err = -ENOMEM;
	else if (!call_read(j, raw, m->control_at, m->control_len))
		err = -EFAULT;
	for (size_t at = 0; !err && at + head <= m->control_len;) {
		struct cmsghdr_32 small;
		struct cmsghdr h;

		if (j->call.compat) {
			memcpy(&small, raw + at, sizeof(small));
			h = (struct cmsghdr){.cmsg_len = small.len, .cmsg_level = small.level, .cmsg_type = small.type};
		} else {
			memcpy(&h, raw + at, sizeof(h));
		}
		if (h.cmsg_len < head || h.cmsg_len > m->control_len - at)
			err = -EINVAL;
		else
			err = add_control(j, m, h.cmsg_level, h.cmsg_type, raw + at + head, h.cmsg_len - head, room,
					  &used);
		at += (h.cmsg_len + word - 1) & ~(word - 1);
	}
	m->control_len = used;
	free(raw);
	return err;
}

/* Bytes between this process and the parts, from @from on. */
static int move(const struct job *j, const struct message *m, uint64_t from, uint8_t *here, size_t len, bool out)
{
	for (size_t i = 0; i < m->n_parts && len; i++) {
		size_t n = m->parts[i].iov_len, skip = MIN(from, (uint64_t)n);
		uint64_t there = (uintptr_t)m->parts[i].iov_base + skip;

		from -= skip;
		n = MIN(n - skip, len);
		if (!n)
			continue;
		if (out ? !call_read(j, here, there, n) : !call_write(j, there, here, n))
			return -EFAULT;
		here += n;
		len -= n;
	}
	return 0;
}

int message_gather(const struct job *j, const struct message *m, uint64_t from, void *to, size_t len)
{
	return move(j, m, from, to, len, true);
}

int message_scatter(const struct job *j, const struct message *m, const void *from, size_t len)
{
	return move(j, m, 0, (uint8_t *)from, len, false);
}

static bool write_32(const struct job *j, uint64_t at, size_t where, uint32_t value)
{
	return call_write(j, at + where, &value, sizeof(value));
}

/* Control messages for a 32-bit program. Return: their length in @to, which has @room. */
static size_t to_small(const uint8_t *control, size_t len, uint8_t *to, size_t room)
{
	size_t used = 0;
	struct cmsghdr h;

	for (size_t at = 0; at + sizeof(h) <= len; at += CMSG_ALIGN(h.cmsg_len)) {
		struct cmsghdr_32 small;
		size_t n;

		memcpy(&h, control + at, sizeof(h));
		if (h.cmsg_len < sizeof(h) || h.cmsg_len > len - at)
			break;
		n = h.cmsg_len - sizeof(h);
		if (used + sizeof(small) + n > room)
			break;
		small = (struct cmsghdr_32){
			.len = (uint32_t)(sizeof(small) + n), .level = h.cmsg_level, .type = h.cmsg_type};
		memcpy(to + used, &small, sizeof(small));
		memcpy(to + used + sizeof(small), control + at + sizeof(h), n);
		used += MIN((sizeof(small) + n + WORD_32 - 1) & ~(size_t)(WORD_32 - 1), room - used);
	}
	return used;
}

int message_finish(const struct job *j, const struct message *m, const struct sockaddr_storage *name,
		   socklen_t name_len, const void *control, size_t control_len, int flags)
{
	uint8_t *small = NULL;
	bool ok = !m->name_at || call_write(j, m->name_at, name, MIN(name_len, m->name_len));

	if (j->call.compat) {
		small = malloc(control_len + 1);
		if (!small)
			return -ENOMEM;
		control_len = to_small(control, control_len, small, control_len);
		control = small;
		ok = ok && write_32(j, m->at, offsetof(struct msghdr_32, flags), (uint32_t)flags) &&
		     write_32(j, m->at, offsetof(struct msghdr_32, control_len), (uint32_t)control_len) &&
		     (!m->name_at || write_32(j, m->at, offsetof(struct msghdr_32, name_len), name_len));
	} else {
		ok = ok && write_32(j, m->at, offsetof(struct msghdr, msg_flags), (uint32_t)flags) &&
		     call_write(j, m->at + offsetof(struct msghdr, msg_controllen), &control_len,
				sizeof(control_len)) &&
		     (!m->name_at || write_32(j, m->at, offsetof(struct msghdr, msg_namelen), name_len));
	}
	ok = ok && call_write(j, m->control_at, control, control_len);
	free(small);
	return ok ? 0 : -EFAULT;
}
