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
#include <stddef.h>
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
		struct guard_way way; /* written before the answer, read after it */
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

void guard_way_answer(struct guard_notes *n, uint32_t slot, const struct guard_way *way)
{
	n->ends[slot % GUARD_THREADS].way = *way;
}

void guard_end_answer(struct guard_notes *n, uint32_t slot, int32_t result)
{
	struct end *x = &n->ends[slot % GUARD_THREADS];

	atomic_store(&x->result, result);
	atomic_store(&x->state, END_ANSWERED);
	futex(&x->state, FUTEX_WAKE, 1);
}

/* A message with some fds. */
static int send_with_fds(int to, const void *bytes, size_t size, const int *fds, size_t n_fds)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(GUARD_FDS * sizeof(int))];
	} control;
	struct iovec iov = {(void *)bytes, size};
	struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	if (n_fds) {
		memset(&control, 0, sizeof(control));
		control.align = (struct cmsghdr){
			.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(n_fds * sizeof(int))};
		memcpy(CMSG_DATA(&control.align), fds, n_fds * sizeof(int));
		h.msg_control = &control;
		h.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
	}
	do
		n = sendmsg(to, &h, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)size ? 0 : n < 0 ? -errno : -EIO;
}

static int send_with_fd(int to, const void *bytes, size_t size, int fd)
{
	return send_with_fds(to, bytes, size, &fd, fd >= 0);
}

/* A slot for the answer: this thread's until wait_for(). */
static uint32_t take_slot(struct guard_notes *n)
{
	for (uint32_t slot = 0;; slot = (slot + 1) % GUARD_THREADS) {
		uint32_t is_free = END_FREE;

		if (atomic_compare_exchange_strong(&n->ends[slot].state, &is_free, END_ASKED))
			return slot;
	}
}

static int wait_for(struct guard_notes *n, uint32_t slot, struct guard_way *way)
{
	struct end *x = &n->ends[slot];
	uint32_t state;
	int result;

	while ((state = atomic_load(&x->state)) != END_ANSWERED)
		futex(&x->state, FUTEX_WAIT, state);
	result = atomic_load(&x->result);
	if (way)
		*way = x->way;
	atomic_store(&x->state, END_FREE);
	return result;
}

int guard_ask(struct guard_notes *n, int to, uint64_t id, int result)
{
	struct guard_end end = {.id = id, .result = result, .slot = take_slot(n)};

	if (send_with_fd(to, &end, sizeof(end), -1))
		_exit(0); /* skep is gone */
	return wait_for(n, end.slot, NULL);
}

void guard_answer(int to, const struct guard_call *call, bool go_on, int result)
{
	const struct guard_end end = {
		.id = call->id, .result = result, .answer = true, .go_on = go_on, .tid = call->outer};

	if (send_with_fd(to, &end, sizeof(end), -1))
		_exit(0);
}

int guard_question_ask(struct guard_notes *n, int to, const struct guard_call *call, struct guard_asked *asked,
		       const int fds[GUARD_FDS])
{
	struct guard_question q = {.end = {.id = call->id, .slot = take_slot(n), .decide = true}, .call = *call};
	size_t head = offsetof(struct guard_question, asked),
	       size = offsetof(struct guard_asked, link) + strlen(asked->link) + 1;
	int passed[GUARD_FDS];
	size_t n_fds = 0;

	memcpy(&q.asked, asked, size);
	for (uint32_t i = 0; i < GUARD_FDS; i++)
		if (asked->fds & 1u << i)
			passed[n_fds++] = fds[i];
	if (send_with_fds(to, &q, head + size, passed, n_fds))
		_exit(0);
	return wait_for(n, q.end.slot, asked->op == GUARD_SEND ? &asked->way : NULL);
}

int guard_end_receive(int from, struct guard_question *q, int fds[GUARD_FDS])
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(GUARD_FDS * sizeof(int))];
	} control;
	struct iovec iov = {q, sizeof(*q)};
	struct msghdr h = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	const size_t least = offsetof(struct guard_question, asked.link) + 1;
	ssize_t n = recvmsg(from, &h, MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&h) : NULL;
	size_t came = c && c->cmsg_type == SCM_RIGHTS ? (c->cmsg_len - CMSG_LEN(0)) / sizeof(int) : 0, next = 0;

	for (uint32_t i = 0; i < GUARD_FDS; i++) {
		fds[i] = -1;
		if (n >= (ssize_t)least && q->end.decide && q->asked.fds & 1u << i && next < came)
			memcpy(&fds[i], CMSG_DATA(c) + next++ * sizeof(int), sizeof(int));
	}
	if (n <= 0)
		return n < 0 ? -errno : 0;
	return (size_t)n >= (q->end.decide ? least : sizeof(q->end)) ? 1 : -EPROTO;
}

int guard_hand_over(int to, int listener)
{
	return send_with_fd(to, "", 1, listener);
}

int guard_call_send(int to, const struct guard_call *call, int sock)
{
	return send_with_fd(to, call, sizeof(*call), sock);
}
