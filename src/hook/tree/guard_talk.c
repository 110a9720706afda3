/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What skep and the guard say to each other: messages over a socket, and memory that both have. A call whose end skep wants to tell first has a slot in that
 * memory: the guard's thread sends a struct guard_end and waits there, so an answer blocks nobody who gives it.
 */
#include "hook/tree/guard_inside.h"

#include "base/util.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

enum { NOTES = 4096 };
enum end_state { END_FREE, END_ASKED, END_ANSWERED };

struct guard_notes {
	struct noted {
		_Atomic uint32_t inode, pid, fd;
	} at[NOTES]; /* by inode */
	struct end {
		_Atomic uint32_t state;
		_Atomic int32_t result;
	} ends[GUARD_THREADS]; /* a thread has one at most */
};

struct guard_notes *guard_notes_new(void)
{
	void *n = mmap(NULL, sizeof(struct guard_notes), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return n == MAP_FAILED ? NULL : n;
}

void guard_notes_free(struct guard_notes *n)
{
	if (n)
		munmap(n, sizeof(*n));
}

uint32_t guard_noted(const struct guard_notes *n, uint32_t inode, int *fd)
{
	const struct noted *x = &n->at[inode % NOTES];

	*fd = (int)atomic_load(&x->fd);
	return atomic_load(&x->inode) == inode ? atomic_load(&x->pid) : 0;
}

void guard_note(struct guard_notes *n, const struct caller *c, const struct stat *sock, int fd)
{
	struct noted *x;

	if (!n)
		return;
	x = &n->at[(uint32_t)sock->st_ino % NOTES];
	atomic_store(&x->pid, (uint32_t)c->tgid);
	atomic_store(&x->fd, (uint32_t)fd);
	atomic_store(&x->inode, (uint32_t)sock->st_ino);
}

/* A message with at most one fd. Return: its length, 0 at the end, or a negative errno. */
ssize_t guard_receive(int from, void *to, size_t size, int *fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {to, size};
	struct msghdr h = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(from, &h, MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&h) : NULL;

	*fd = -1;
	if (c && c->cmsg_type == SCM_RIGHTS)
		memcpy(fd, CMSG_DATA(c), sizeof(*fd));
	return n < 0 ? -errno : n;
}

static long futex(_Atomic uint32_t *at, int op, uint32_t value)
{
	return syscall(SYS_futex, at, op, value, NULL, NULL, 0);
}

void guard_end_answer(struct guard_notes *n, uint32_t slot, int32_t result)
{
	struct end *x = &n->ends[slot % GUARD_THREADS];

	atomic_store(&x->result, result);
	atomic_store(&x->state, END_ANSWERED);
	futex(&x->state, FUTEX_WAKE, 1);
}

int guard_ask(struct guard_notes *n, int to, uint64_t id, int result)
{
	struct guard_end end = {.id = id, .result = result};
	uint32_t state;
	struct end *x;

	for (;; end.slot = (end.slot + 1) % GUARD_THREADS) {
		uint32_t is_free = END_FREE;

		x = &n->ends[end.slot];
		if (atomic_compare_exchange_strong(&x->state, &is_free, END_ASKED))
			break;
	}
	if (send(to, &end, sizeof(end), MSG_NOSIGNAL) != sizeof(end))
		_exit(0); /* skep is gone */
	while ((state = atomic_load(&x->state)) != END_ANSWERED)
		futex(&x->state, FUTEX_WAIT, state);
	result = atomic_load(&x->result);
	atomic_store(&x->state, END_FREE);
	return result;
}

/* A message with at most one fd. */
static int send_with_fd(int to, const void *bytes, size_t size, int fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {(void *)bytes, size};
	struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	if (fd >= 0) {
		memset(&control, 0, sizeof(control));
		control.align = (struct cmsghdr){
			.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
		memcpy(CMSG_DATA(&control.align), &fd, sizeof(int));
		h.msg_control = &control;
		h.msg_controllen = sizeof(control);
	}
	do
		n = sendmsg(to, &h, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)size ? 0 : n < 0 ? -errno : -EIO;
}

int guard_hand_over(int to, int listener)
{
	return send_with_fd(to, "", 1, listener);
}

int guard_call_send(int to, const struct guard_call *call, int sock)
{
	return send_with_fd(to, call, sizeof(*call), sock);
}
