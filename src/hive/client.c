/* SPDX-License-Identifier: BSD-2-Clause */
#include "hive/client.h"

#include "base/uapi.h"
#include "base/usermem.h"
#include "base/util.h"
#include "hive/hints.h"
#include "hive/place.h"
#include "hive/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { OUT_OF_THE_WAY = 200 }; /* programs like to know what their low fds are */

/* Is the slot's connection still this process's, and the same file as it was? Else it is forgotten, not closed. */
static bool usable(struct client_slot *s, pid_t self)
{
	struct stat st;

	if (s->pid == self && !fstat(s->sock, &st) && S_ISSOCK(st.st_mode) && st.st_ino == s->ino)
		return true;
	s->pid = 0;
	return false;
}

static void drop(struct client_slot *s)
{
	if (s->pid)
		close(s->sock);
	s->pid = 0;
}

static int greet(int sock, const char *path, char *why, size_t why_len)
{
	struct msg m = {.type = MSG_ASK, .value = ASK_HELLO, .len = MSG_VERSION};
	int err = wire_send(sock, &m, NULL, 0, NULL, 0, -1);

	/* A refusal may be there already, and its sender gone. */
	if (!err || err == -EPIPE)
		err = (int)wire_receive(sock, &m, NULL, 0, NULL);
	if (err >= 0)
		err = m.value;
	switch (err) {
	case 0:
		return 0;
	case -EPROTONOSUPPORT:
		snprintf(why, why_len, "the hive at %s is of another version of skep; restart it", path);
		break;
	case -EUSERS:
		snprintf(why, why_len, "the hive at %s has as many clients as it takes", path);
		break;
	case -EPERM:
		snprintf(why, why_len, "the hive at %s is another user's", path);
		break;
	default:
		snprintf(why, why_len, "what listens at %s is no hive", path);
	}
	return -ENOTCONN;
}

static int dial(const char *name, struct client_slot *s, char *why, size_t why_len)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct place place;
	struct stat st;
	int sock, high, err;

	err = place_find(name, false, &place, why, why_len);
	if (err) {
		if (err == -ENOENT)
			snprintf(why, why_len, "no hive '%s' is running; 'skep hive start %s' starts one", name, name);
		return -ENOTCONN;
	}
	memcpy(addr.sun_path, place.socket, sizeof(addr.sun_path));
	sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (sock < 0) {
		snprintf(why, why_len, "cannot make a socket: %s", strerror(errno));
		return -ENOTCONN;
	}
	high = fcntl(sock, F_DUPFD_CLOEXEC, OUT_OF_THE_WAY);
	if (high >= 0) {
		close(sock);
		sock = high;
	}
	if (connect(sock, (struct sockaddr *)&addr, sizeof(addr))) {
		if (errno == ENOENT || errno == ECONNREFUSED)
			snprintf(why, why_len, "no hive '%s' is running; 'skep hive start %s' starts one", name, name);
		else
			snprintf(why, why_len, "%s: %s", place.socket, strerror(errno));
		err = -ENOTCONN;
	} else {
		err = greet(sock, place.socket, why, why_len);
	}
	if (!err && fstat(sock, &st))
		err = -ENOTCONN;
	if (err) {
		close(sock);
		return err;
	}
	s->sock = sock;
	s->pid = getpid();
	s->ino = st.st_ino;
	return 0;
}

/* A slot for one call: one that has a connection if there is such a one, else any, else @spare. */
static struct client_slot *take(struct client *c, pid_t self, struct client_slot *spare)
{
	for (int connected = 1; connected >= 0; connected--)
		for (int i = 0; i < CLIENT_SLOTS; i++) {
			struct client_slot *s = &c->slots[i];
			bool no = false;

			if (!atomic_compare_exchange_strong(&s->busy, &no, true))
				continue;
			if (!connected || usable(s, self))
				return s;
			atomic_store(&s->busy, false);
		}
	*spare = (struct client_slot){0};
	return spare;
}

static void give_back(struct client_slot *s, const struct client_slot *spare)
{
	if (s != spare) {
		atomic_store(&s->busy, false);
		return;
	}
	drop(s);
	if (s->buf)
		munmap(s->buf, MSG_MAX);
}

/* Reads as much of this process's memory as is there: all, or from page to page. Return: bytes. */
static size_t read_some(uint8_t *to, uint64_t from, size_t len)
{
	const size_t page = 4096; /* no page is smaller */
	size_t done = 0;

	if (!self_read(to, from, len))
		return len;
	while (done < len) {
		size_t n = MIN(len - done, page - ((from + done) & (page - 1)));

		if (self_read(to + done, from + done, n))
			break;
		done += n;
	}
	return done;
}

static int give_bytes(struct client_slot *s, const struct msg *m)
{
	size_t want = m->len, more = m->more;
	struct msg answer = {.type = MSG_DATA};
	size_t n;

	if (want > MSG_BYTES || more > MSG_BYTES - want)
		return -EPROTO;
	n = read_some(s->buf, m->addr, want + more);
	if (n < want) {
		answer.value = -EFAULT;
		n = 0;
	}
	answer.len = (uint32_t)n;
	return wire_send(s->sock, &answer, s->buf, n, NULL, 0, -1);
}

/* Writes the pieces of a message where they belong. Return: 0 or -EFAULT. */
static int put_pieces(const void *payload, size_t len)
{
	struct cursor c = cursor_of(payload, len);
	struct msg_piece piece;
	const void *bytes;

	while (wire_piece(&c, &piece, &bytes))
		if (piece.len && user_write(piece.addr, bytes, piece.len))
			return -EFAULT;
	return 0;
}

static int give_fd(struct client_slot *s, int fd)
{
	struct msg answer = {.type = MSG_HERE};
	int err = wire_send(s->sock, &answer, NULL, 0, NULL, 0, fd);

	if (err != -EBADF)
		return err;
	answer.value = -EBADF;
	return wire_send(s->sock, &answer, NULL, 0, NULL, 0, -1);
}

/* Answers questions until the hive is done. @done: DONE; its payload of *len bytes is in the slot's buffer. @fd: what came with it. */
static int converse(struct client_slot *s, struct msg *done, size_t *len, int *fd)
{
	for (;;) {
		struct msg answer = {.type = MSG_WROTE};
		ssize_t n = wire_receive(s->sock, done, s->buf, MSG_MAX, fd);
		int err;

		if (n >= 0 && done->type == MSG_DONE) {
			*len = (size_t)n;
			return 0;
		}
		if (*fd >= 0)
			close(*fd);
		*fd = -1;
		if (n < 0)
			return -ECONNRESET;
		switch (done->type) {
		case MSG_READ:
			err = give_bytes(s, done);
			break;
		case MSG_FD:
			err = give_fd(s, done->value);
			break;
		case MSG_WRITE:
			answer.value = put_pieces(s->buf, (size_t)n);
			err = wire_send(s->sock, &answer, NULL, 0, NULL, 0, -1);
			break;
		default:
			err = -EPROTO;
		}
		if (err)
			return -ECONNRESET;
	}
}

/* Sends a request and sees it through. A connection that its hive has left while it waited is made anew, once. */
static int request(struct client *c, struct client_slot *s, const struct msg *m, const void *payload, size_t len,
		   struct msg *done, size_t *done_len, int *fd, char *why, size_t why_len)
{
	const char *name = c->name ? c->name : getenv("SKEP_HIVE");
	int err = -EPIPE;

	if (!name || !*name)
		name = CLIENT_DEFAULT;
	if (!s->buf) {
		void *buf = mmap(NULL, MSG_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (buf == MAP_FAILED)
			return -ENOMEM;
		s->buf = buf;
	}
	if (s->pid)
		err = wire_send(s->sock, m, payload, len, NULL, 0, -1);
	if (err) {
		drop(s);
		err = dial(name, s, why, why_len);
		if (!err)
			err = wire_send(s->sock, m, payload, len, NULL, 0, -1);
	}
	if (err) {
		drop(s);
		return err == -ENOMEM ? err : -ENOTCONN;
	}
	err = converse(s, done, done_len, fd);
	if (err) {
		drop(s);
		snprintf(why, why_len, "the hive '%s' has ended", name);
	}
	return err;
}

/* Tells the user what came behind the pieces, line by line. */
static void tell(const struct client *c, char *words, size_t len)
{
	char *end;

	for (char *line = words; c->say && (end = memchr(line, '\n', len)); line = end + 1) {
		*end = 0;
		c->say(line);
		len -= (size_t)(end + 1 - line);
	}
}

/* What a call is: a request, and where the bytes of its answer go. */
struct question {
	struct msg m;
	const void *payload;
	size_t len;
	void *to; /* room for the answer's one piece; NULL: pieces go to their addresses */
	size_t room;
};

/* The answer's bytes are put to where they belong. Return: 0 or a negative errno. */
static int take_answer(const struct client *c, struct client_slot *s, const struct question *q, const struct msg *done,
		       size_t len)
{
	size_t words = MIN((size_t)done->more, len);
	struct cursor cur = cursor_of(s->buf, len - words);
	struct msg_piece piece;
	const void *bytes;
	int ret = 0;

	if (!q->to)
		ret = put_pieces(s->buf, len - words);
	else if (wire_piece(&cur, &piece, &bytes) && piece.len == q->room)
		memcpy(q->to, bytes, q->room);
	else
		ret = done->value < 0 ? 0 : -EPROTO; /* a refusal has nothing to tell */
	tell(c, (char *)s->buf + len - words, words);
	return ret;
}

/*
 * What every call is: a slot, the request, the answer's bytes. errno and the thread's cancellation are left as they were: a thread that
 * ended in here would keep its slot for ever.
 */
static int transact(struct client *c, pid_t self, const struct question *q, char *why, size_t why_len)
{
	struct client_slot spare;
	struct client_slot *s;
	int cancel, saved = errno;
	struct msg done;
	size_t done_len = 0;
	int fd = -1;
	int ret;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	s = take(c, self, &spare);
	ret = request(c, s, &q->m, q->payload, q->len, &done, &done_len, &fd, why, why_len);
	if (!ret)
		ret = take_answer(c, s, q, &done, done_len);
	if (!ret)
		ret = done.len && fd >= 0 ? STEAL_FD(fd) : done.value;
	if (fd >= 0)
		close(fd);
	give_back(s, &spare);
	pthread_setcancelstate(cancel, NULL);
	errno = saved;
	return ret;
}

int client_bpf(struct client *c, int cmd, uint64_t attr, uint32_t size, char *why, size_t why_len)
{
	struct question q = {.m = {.type = MSG_CALL, .value = cmd, .addr = attr, .len = size}};
	uint8_t payload[HINTS_MAX];
	pid_t self = getpid();

	q.payload = payload;
	q.len = hints_gather(&q.m, self, payload);
	return transact(c, self, &q, why, why_len);
}

int client_ask(struct client *c, enum msg_ask what, int number, const char *text, void *to, size_t room, char *why,
	       size_t why_len)
{
	uint8_t payload[PATH_MAX + sizeof(struct msg_piece)];
	struct question q = {
		.m = {.type = MSG_ASK, .value = what, .addr = (uint32_t)number, .n_pieces = !!text},
		.payload = payload,
		.to = to,
		.room = room,
	};

	if (text && !wire_add_piece(payload, &q.len, sizeof(payload), 0, text, (uint32_t)strnlen(text, PATH_MAX) + 1))
		return -ENAMETOOLONG;
	return transact(c, getpid(), &q, why, why_len);
}

/* A question with arguments. @addr: of enum msg_ask */
static int ask_with(struct client *c, enum msg_ask what, uint64_t addr, const void *args, size_t args_len, void *to,
		    size_t room, char *why, size_t why_len)
{
	uint8_t payload[sizeof(struct msg_piece) + sizeof(struct msg_mapping)];
	struct question q = {
		.m = {.type = MSG_ASK, .value = what, .addr = addr, .n_pieces = 1},
		.payload = payload,
		.to = to,
		.room = room,
	};

	wire_add_piece(payload, &q.len, sizeof(payload), 0, args, (uint32_t)args_len);
	return transact(c, getpid(), &q, why, why_len);
}

int client_may_map(struct client *c, int fd, const struct msg_mapping *want, struct msg_memory *memory, char *why,
		   size_t why_len)
{
	return ask_with(c, ASK_MMAP, (uint32_t)fd, want, sizeof(*want), memory, sizeof(*memory), why, why_len);
}

int client_perf_open(struct client *c, uint64_t attr, int pid, int cpu, char *why, size_t why_len)
{
	const struct msg_perf args = {.pid = pid, .cpu = cpu};

	return ask_with(c, ASK_PERF, attr, &args, sizeof(args), NULL, 0, why, why_len);
}

int client_ioctl(struct client *c, int fd, uint64_t request, uint64_t arg, char *why, size_t why_len)
{
	const struct msg_ioctl args = {.request = request, .arg = arg};

	return ask_with(c, ASK_IOCTL, (uint32_t)fd, &args, sizeof(args), NULL, 0, why, why_len);
}

int client_wait_fd(struct client *c, int fd, struct msg_memory *memory, char *why, size_t why_len)
{
	return client_ask(c, ASK_WAIT, fd, NULL, memory, sizeof(*memory), why, why_len);
}

void client_close(struct client *c)
{
	for (int i = 0; i < CLIENT_SLOTS; i++) {
		if (usable(&c->slots[i], getpid()))
			drop(&c->slots[i]);
		if (c->slots[i].buf)
			munmap(c->slots[i].buf, MSG_MAX);
		c->slots[i].buf = NULL;
	}
}
