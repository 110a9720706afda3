/* SPDX-License-Identifier: BSD-2-Clause */
#include "hive/far.h"

#include "base/clock.h"
#include "base/util.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

/*
 * Keeps an fd that is to be closed until that may take its time: closing what is on FUSE, over a network or a lingering socket
 * does, and hive->lock may be held. A command ends at the first of them, so who has many of them has no good in mind.
 */
static void put_away(struct far *f, int fd)
{
	f->late[f->n_late++] = fd;
	f->dead |= f->n_late == FAR_LATE;
}

static void close_late(struct far *f)
{
	while (f->n_late)
		close(f->late[--f->n_late]);
}

/* Asks, and waits for the answer of the one type that fits. Return: the payload's length, or a negative errno. */
static ssize_t ask(struct far *f, const struct msg *question, const void *payload, size_t len, enum msg_type want,
		   struct msg *answer, void *to, size_t room, int *fd)
{
	uint64_t start = clock_ns(CLOCK_MONOTONIC);
	struct pollfd p = {.fd = f->sock, .events = POLLIN};
	int got = -1;
	ssize_t n;

	if (f->dead)
		return -EFAULT;
	n = wire_send(f->sock, question, payload, len, NULL, 0, -1);
	if (!n && (f->patience <= 0 || poll(&p, 1, f->patience) <= 0))
		n = -ETIMEDOUT;
	if (!n)
		n = wire_receive(f->sock, answer, to, room, fd ? &got : NULL);
	f->patience -= (int)((clock_ns(CLOCK_MONOTONIC) - start) / 1000000);
	if (n < 0 || answer->type != want)
		f->dead = true;
	if (got >= 0 && f->dead)
		put_away(f, got);
	else if (fd)
		*fd = got;
	return f->dead ? -EFAULT : n;
}

/* Sends what is to be written, so that what comes next sees it. */
static int flush(struct far *f)
{
	struct msg m = {.type = MSG_WRITE, .n_pieces = f->n_out};
	struct msg answer;
	ssize_t n;

	if (!f->n_out)
		return 0;
	n = ask(f, &m, f->out, f->out_len, MSG_WROTE, &answer, NULL, 0, NULL);
	f->n_out = 0;
	f->out_len = 0;
	return n < 0 || answer.value ? -EFAULT : 0;
}

static bool overlap(uint64_t a, size_t a_len, uint64_t b, size_t b_len)
{
	return a < b + b_len && b < a + a_len;
}

/* What is known of the memory from @from on. Return: how many bytes were copied. */
static size_t read_known(struct far *f, void *to, uint64_t from, size_t len)
{
	struct cursor c = f->pieces;
	struct msg_piece piece;
	const void *bytes;

	while (wire_piece(&c, &piece, &bytes))
		if (from >= piece.addr && from - piece.addr < piece.len) {
			size_t n = MIN(len, piece.len - (from - piece.addr));

			memcpy(to, (const uint8_t *)bytes + (from - piece.addr), n);
			return n;
		}
	for (int i = 0; i < FAR_WINDOWS; i++) {
		const struct far_window *w = &f->windows[i];

		if (from >= w->at && from - w->at < w->len) {
			size_t n = MIN(len, w->len - (from - w->at));

			memcpy(to, w->bytes + (from - w->at), n);
			return n;
		}
	}
	return 0;
}

/*
 * Reads ahead into a window; what fills one is read to where it is wanted. Return: bytes that are at @to now, 0 when they are in
 * a window, or -EFAULT.
 */
static ssize_t read_asked(struct far *f, void *to, uint64_t from, size_t len)
{
	struct far_window *w = &f->windows[f->next_window];
	bool large = len >= FAR_WINDOW;
	struct msg m = {.type = MSG_READ,
			.addr = from,
			.len = (uint32_t)MIN(len, (size_t)MSG_BYTES),
			.more = large ? 0 : (uint32_t)(FAR_WINDOW - len)};
	struct msg answer;
	ssize_t n;

	if (flush(f))
		return -EFAULT;
	if (!large)
		w->len = 0;
	n = ask(f, &m, NULL, 0, MSG_DATA, &answer, large ? to : w->bytes, large ? m.len : FAR_WINDOW, NULL);
	if (n < 0 || answer.value)
		return -EFAULT;
	if ((size_t)n < m.len || (size_t)n != answer.len) {
		f->dead = true;
		return -EFAULT;
	}
	if (large)
		return n;
	w->at = from;
	w->len = (size_t)n;
	f->next_window = (f->next_window + 1) % FAR_WINDOWS;
	return 0;
}

static int far_read(void *arg, void *to, uint64_t from, size_t len)
{
	struct far *f = arg;

	while (len) {
		ssize_t n = (ssize_t)read_known(f, to, from, len);

		if (!n)
			n = read_asked(f, to, from, len);
		if (n < 0)
			return -EFAULT;
		to = (uint8_t *)to + n;
		from += (size_t)n;
		len -= (size_t)n;
	}
	return 0;
}

static void forget(struct far *f, uint64_t at, size_t len)
{
	struct cursor c = f->pieces;
	struct msg_piece piece;
	const void *bytes;

	while (wire_piece(&c, &piece, &bytes))
		if (overlap(at, len, piece.addr, piece.len))
			f->pieces = (struct cursor){0};
	for (int i = 0; i < FAR_WINDOWS; i++)
		if (overlap(at, len, f->windows[i].at, f->windows[i].len))
			f->windows[i].len = 0;
}

static int far_write(void *arg, uint64_t to, const void *from, size_t len)
{
	struct far *f = arg;

	if (f->dead)
		return -EFAULT;
	forget(f, to, len);
	while (len) {
		size_t n = MIN(len, (size_t)MSG_BYTES);

		if (!wire_add_piece(f->out, &f->out_len, FAR_OUT, to, from, (uint32_t)n)) {
			if (flush(f))
				return -EFAULT;
			continue;
		}
		f->n_out++;
		to += n;
		from = (const uint8_t *)from + n;
		len -= n;
	}
	return 0;
}

static bool same(const struct caller_fd *file, const struct msg_fd *says)
{
	return file->ino && file->ino == says->ino && file->dev == says->dev && file->mode == says->mode;
}

int far_find(struct far *f, int fd, struct caller_fd *out)
{
	struct msg m = {.type = MSG_FD, .value = fd};
	uint32_t slot = (uint32_t)fd % FAR_PROVEN;
	struct msg answer;
	int got;
	int err;

	for (uint32_t i = 0; i < f->n_known; i++)
		if (f->known[i].fd == fd) {
			*out = f->known[i].file;
			return 0;
		}
	for (uint32_t i = 0; i < f->call.n_fds; i++)
		if (f->fds[i].fd == fd && f->proven[slot].fd == fd && same(&f->proven[slot].file, &f->fds[i])) {
			*out = f->proven[slot].file;
			return 0;
		}
	if (flush(f) || ask(f, &m, NULL, 0, MSG_HERE, &answer, NULL, 0, &got) < 0)
		return -EBADF;
	if (got < 0)
		return -EBADF;
	err = answer.value ? -EBADF : caller_look(got, out);
	if (!err && (out->ino || out->cgroup || out->task))
		close(got);
	else
		put_away(f, got);
	if (err)
		return err;
	f->proven[slot].fd = fd;
	f->proven[slot].file = *out;
	if (f->n_known < FAR_KNOWN) {
		f->known[f->n_known].fd = fd;
		f->known[f->n_known++].file = *out;
	}
	return 0;
}

static int caller_find_far(void *arg, int fd, struct caller_fd *out)
{
	return far_find(arg, fd, out);
}

static bool caller_gone_far(void *arg)
{
	struct far *f = arg;
	struct pollfd p = {.fd = f->sock, .events = POLLRDHUP};

	if (!f->dead && poll(&p, 1, 0) > 0)
		f->dead = true;
	return f->dead;
}

static void caller_say_far(void *arg, const char *line)
{
	struct far *f = arg;
	size_t n = strlen(line);

	/* The first lines are those that matter. */
	if (n >= sizeof(f->words) - f->n_words)
		return;
	memcpy(f->words + f->n_words, line, n);
	f->words[f->n_words + n] = '\n';
	f->n_words += (uint32_t)n + 1;
}

int far_init(struct far *f, int sock)
{
	*f = (struct far){.sock = sock};
	f->in = malloc(MSG_MAX);
	f->out = malloc(FAR_OUT);
	f->windows[0].bytes = malloc(FAR_WINDOWS * FAR_WINDOW);
	f->mem = (struct usermem){.read = far_read, .write = far_write, .arg = f};
	f->caller = (struct hive_caller){
		.find = caller_find_far, .say = caller_say_far, .gone = caller_gone_far, .arg = f, .opened = -1};
	for (int i = 1; f->windows[0].bytes && i < FAR_WINDOWS; i++)
		f->windows[i].bytes = f->windows[0].bytes + i * FAR_WINDOW;
	if (f->in && f->out && f->windows[0].bytes)
		return 0;
	far_free(f);
	return -ENOMEM;
}

void far_free(struct far *f)
{
	close_late(f);
	free(f->in);
	free(f->out);
	free(f->windows[0].bytes);
	f->in = f->out = f->windows[0].bytes = NULL;
}

int far_next(struct far *f)
{
	ssize_t n = f->dead ? -EPIPE : wire_receive(f->sock, &f->call, f->in, MSG_MAX - sizeof(struct msg), NULL);
	struct cursor c;

	if (n < 0)
		return (int)n;
	c = cursor_of(f->in, (size_t)n);
	f->fds = f->call.n_fds > FAR_KNOWN ? NULL : cursor_take(&c, f->call.n_fds * sizeof(struct msg_fd));
	if (!f->fds || (f->call.type != MSG_CALL && f->call.type != MSG_ASK))
		return -EPROTO;
	f->pieces = cursor_of(f->in + c.pos, cursor_left(&c));
	for (int i = 0; i < FAR_WINDOWS; i++)
		f->windows[i].len = 0;
	f->out_len = 0;
	f->n_out = f->n_known = f->n_words = 0;
	f->patience = FAR_PATIENCE_MS;
	f->caller.opened = -1;
	return 0;
}

int far_args(struct far *f, void *to, size_t size)
{
	struct cursor c = f->pieces;
	struct msg_piece piece;
	const void *bytes;

	if (!wire_piece(&c, &piece, &bytes) || piece.len != size)
		return -EINVAL;
	memcpy(to, bytes, size);
	f->pieces = c;
	return 0;
}

void far_answer(struct far *f, const void *from, size_t len)
{
	f->out_len = 0;
	f->n_out = wire_add_piece(f->out, &f->out_len, FAR_OUT, 0, from, (uint32_t)len);
}

int far_text(const struct far *f, char *to, size_t size)
{
	struct cursor c = f->pieces;
	struct msg_piece piece;
	const void *bytes;

	if (!wire_piece(&c, &piece, &bytes) || !piece.len || piece.len > size || ((const char *)bytes)[piece.len - 1] ||
	    strlen(bytes) != piece.len - 1)
		return -EINVAL;
	memcpy(to, bytes, piece.len);
	return 0;
}

int far_done(struct far *f, int value, int fd)
{
	struct msg m = {.type = MSG_DONE, .value = value, .len = fd >= 0, .more = f->n_words, .n_pieces = f->n_out};
	int err = f->dead ? -EPIPE : wire_send(f->sock, &m, f->out, f->out_len, f->words, f->n_words, fd);

	close_late(f); /* the caller has its answer */
	return err;
}
