/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/usermem.h"

#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/uio.h>

/*
 * The way around where seccomp closes process_vm_readv(): write(2) and read(2) on a pipe also
 * copy with the kernel's fault handling. A pipe takes 64 KiB before it blocks; go in pages.
 */
static int copy_by_pipe(void *to, const void *from, size_t len)
{
	AUTO_CLOSE int out = -1;
	AUTO_CLOSE int in = -1;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC))
		return -EFAULT;
	out = fds[0];
	in = fds[1];
	for (size_t done = 0; done < len;) {
		ssize_t n = write(in, (const char *)from + done, MIN(len - done, (size_t)4096));

		if (n <= 0)
			return -EFAULT;
		if (read(out, (char *)to + done, (size_t)n) != n)
			return -EFAULT;
		done += (size_t)n;
	}
	return 0;
}

static int copy(void *to, const void *from, size_t len, bool write)
{
	struct iovec mine = {.iov_base = write ? (void *)from : to, .iov_len = len};
	struct iovec theirs = {.iov_base = write ? to : (void *)from, .iov_len = len};
	ssize_t n;

	if (!len)
		return 0;
	n = write ? process_vm_writev(getpid(), &mine, 1, &theirs, 1, 0)
		  : process_vm_readv(getpid(), &mine, 1, &theirs, 1, 0);
	if (n == (ssize_t)len)
		return 0;
	if (n < 0 && (errno == EPERM || errno == ENOSYS))
		return copy_by_pipe(to, from, len);
	return -EFAULT;
}

static int direct_read(void *arg, void *to, uint64_t from, size_t len)
{
	memcpy(to, (const void *)(uintptr_t)from, len);
	return 0;
}

static int direct_write(void *arg, uint64_t to, const void *from, size_t len)
{
	memcpy((void *)(uintptr_t)to, from, len);
	return 0;
}

const struct usermem user_direct = {.read = direct_read, .write = direct_write};

static _Thread_local const struct usermem *way;

const struct usermem *user_enter(const struct usermem *next)
{
	const struct usermem *before = way;

	way = next;
	return before;
}

int user_read(void *to, uint64_t from, size_t len)
{
	if (way)
		return len ? way->read(way->arg, to, from, len) : 0;
	return copy(to, (const void *)(uintptr_t)from, len, false);
}

int user_write(uint64_t to, const void *from, size_t len)
{
	if (way)
		return len ? way->write(way->arg, to, from, len) : 0;
	return copy((void *)(uintptr_t)to, from, len, true);
}

int self_read(void *to, uint64_t from, size_t len)
{
	return copy(to, (const void *)(uintptr_t)from, len, false);
}

int string_read(int (*read)(void *arg, void *to, uint64_t from, size_t len), void *arg, size_t step, char *to,
		uint64_t from, size_t size)
{
	char piece[STRING_STEP];
	size_t done = 0;

	/* What stands behind the string's end stays out of @to. */
	while (done < size) {
		uint64_t at = from + done;
		size_t part = MIN(size - done, step - (size_t)(at & (step - 1)));
		const char *end;

		if (read(arg, piece, at, part))
			return -EFAULT;
		end = memchr(piece, 0, part);
		memcpy(to + done, piece, end ? (size_t)(end - piece) + 1 : part);
		if (end)
			return (int)(done + (size_t)(end - piece));
		done += part;
		step = MIN(step * 4, sizeof(piece));
	}
	return -EINVAL;
}

static int own_read(void *arg, void *to, uint64_t from, size_t len)
{
	return self_read(to, from, len);
}

int user_read_string(char *to, uint64_t from, size_t size)
{
	/* An address that is trusted is read up to the string's end, and no further. */
	if (way == &user_direct) {
		const char *text = (const char *)(uintptr_t)from;
		size_t n = strnlen(text, size);

		if (n == size)
			return -EINVAL;
		memcpy(to, text, n + 1);
		return (int)n;
	}
	return way ? string_read(way->read, way->arg, STRING_STEP, to, from, size) : self_read_string(to, from, size);
}

int self_read_string(char *to, uint64_t from, size_t size)
{
	return string_read(own_read, NULL, STRING_STEP, to, from, size);
}
