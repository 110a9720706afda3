/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connections of TCP through the relay (relay.h).
 *
 *   ASKING    the SYN has left the tree, and no program has let it out yet: it is sent again
 *   CALLING   the far socket connects
 *   MEETING   it is connected; the near one connects to the task's
 *   OPEN      both carry
 *   OVER      one side has gone without a farewell, or both have said it
 *
 * A direction carries one segment at a time: what a program has not let through yet (again), and what the other side's socket does not take yet (held), keep more
 * from being read.
 */
#include "base/clock.h"
#include "base/util.h"
#include "hook/net/frame.h"
#include "hook/net/relay_inside.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

enum state { ASKING, CALLING, MEETING, OPEN, OVER };
enum {
	FIRST_AGAIN_NS = 200000000,
	SYN_AGAIN_NS = 1000000000,
	TRIES = 8,
	SYN_TRIES = 7,
	ROUNDS = 4, /* segments of a side in one turn */
	FIRST_PORT = 20000,
	PORTS = 45000,
};

struct way {
	uint32_t next; /* sequence number */
	uint8_t *held, *again; /* NULL: nothing */
	uint32_t held_len, held_at, again_len, tries;
	uint8_t again_flags; /* 0: nothing is to be sent again */
	uint64_t again_at;
	bool eof; /* the reader has come to the end */
	bool said; /* ... and the other side has been told, or will be when it has taken what is held */
};

struct relay_conn {
	struct relay_part part;
	atomic_uint refs;
	enum state state;
	struct relay_ends ends; /* without the owner */
	int near, far;
	int task; /* a copy of the task's socket, while it is on its way */
	struct sockaddr_storage at; /* its address */
	socklen_t at_len;
	bool published;
	bool out; /* the SYN is, to: */
	struct in6_addr out_to;
	uint16_t out_port;
	struct way way[FLOW_DIRS];
	/* Under the lock. */
	enum relay_stage stage;
	int err;
};

static struct relay_conn *conn_of(struct relay_part *p)
{
	return (struct relay_conn *)p;
}

struct relay_conn *relay_hold(struct relay_conn *c)
{
	if (c)
		atomic_fetch_add(&c->refs, 1);
	return c;
}

void relay_put(struct relay_conn *c)
{
	if (c && atomic_fetch_sub(&c->refs, 1) == 1)
		free(c);
}

static void set_stage(struct relay *r, struct relay_conn *c, enum relay_stage stage, int err)
{
	pthread_mutex_lock(&r->lock);
	if (c->stage != RELAY_FAILED) {
		c->stage = stage;
		c->err = err;
	}
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
}

enum relay_stage relay_wait(struct relay *r, struct relay_conn *c, int ms, int *err)
{
	enum relay_stage stage;
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += ms * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&r->lock);
	while (c->stage == RELAY_UNDER_WAY && !r->ended && ms)
		if (pthread_cond_timedwait(&r->changed, &r->lock, &until) == ETIMEDOUT)
			break;
	if (r->ended && c->stage == RELAY_UNDER_WAY) {
		c->stage = RELAY_FAILED;
		c->err = -ESHUTDOWN;
	}
	stage = c->stage;
	*err = c->err;
	pthread_mutex_unlock(&r->lock);
	return stage;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* With a reset, which says that it is no end like others. */
static void reset_fd(int *fd)
{
	const struct linger at_once = {.l_onoff = 1};

	if (*fd >= 0)
		setsockopt(*fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close_fd(fd);
}

static void over(struct relay_conn *c)
{
	c->state = OVER;
	c->part.gone = true;
}

static void cut(struct relay_conn *c)
{
	reset_fd(&c->near);
	reset_fd(&c->far);
	over(c);
}

/* It has not come to be. @err: what the task's connect(2) ends with. */
static void fail(struct relay *r, struct relay_conn *c, int err)
{
	const struct sockaddr nobody = {.sa_family = AF_UNSPEC};

	pthread_mutex_lock(&r->lock);
	c->stage = RELAY_FAILED;
	c->err = err;
	/*
	 * The socket on its way to the waiting room is called back: it becomes readable and writable, with an error. Who asks why finds it said, and
	 * who waits finds it done.
	 */
	if (c->task >= 0)
		(void)connect(c->task, &nobody, sizeof(nobody));
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
	close_fd(&c->task);
	cut(c);
}

void conn_end(struct relay *r, struct relay_part *p)
{
	struct relay_conn *c = conn_of(p);

	set_stage(r, c, RELAY_FAILED, -ECONNABORTED);
	close_fd(&c->near);
	close_fd(&c->far);
	close_fd(&c->task);
	for (int d = 0; d < FLOW_DIRS; d++) {
		free(c->way[d].held);
		free(c->way[d].again);
	}
	relay_part_remove(r, p);
	task_put(p->owner.task);
	p->owner.task = NULL;
	relay_put(c);
}

/* The side that a direction carries to. */
static int *to_of(struct relay_conn *c, enum flow_dir d)
{
	return d == FLOW_OUT ? &c->far : &c->near;
}

static int *from_of(struct relay_conn *c, enum flow_dir d)
{
	return d == FLOW_OUT ? &c->near : &c->far;
}

static void settle(struct relay_conn *c, enum flow_dir d)
{
	struct way *w = &c->way[d];

	if (w->held_len || !w->said)
		return;
	if (*to_of(c, d) >= 0)
		shutdown(*to_of(c, d), SHUT_WR);
	if (c->way[!d].said && !c->way[!d].held_len)
		over(c);
}

/* Sends what is held, as far as it is taken. */
static void send_held(struct relay_conn *c, enum flow_dir d)
{
	struct way *w = &c->way[d];

	while (w->held_len) {
		ssize_t n = send(*to_of(c, d), w->held + w->held_at, w->held_len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) {
			cut(c);
			return;
		}
		w->held_at += (uint32_t)n;
		w->held_len -= (uint32_t)n;
	}
	free(w->held);
	w->held = NULL;
	settle(c, d);
}

static void carry(struct relay_conn *c, enum flow_dir d, const void *data, uint32_t len)
{
	struct way *w = &c->way[d];
	ssize_t n;

	if (!len || *to_of(c, d) < 0)
		return;
	n = w->held_len ? 0 : send(*to_of(c, d), data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0 && errno != EAGAIN) {
		cut(c);
		return;
	}
	n = MAX(n, (ssize_t)0);
	if (n == len)
		return;
	/* Only one segment is on its way, so nothing is held yet. */
	w->held = malloc(len - (size_t)n);
	if (!w->held) {
		cut(c);
		return;
	}
	memcpy(w->held, (const uint8_t *)data + n, len - (size_t)n);
	w->held_len = len - (uint32_t)n;
	w->held_at = 0;
}

static void far_is_there(struct relay *r, struct relay_conn *c);

/* The SYN is out. */
static void call(struct relay *r, struct relay_conn *c)
{
	struct sockaddr_storage at;
	socklen_t len = relay_real(r, &c->out_to, c->out_port, IPPROTO_TCP, &at);
	bool connected;

	c->far = relay_far(r, &c->ends, &at, len, &connected);
	c->state = CALLING;
	if (c->far < 0)
		fail(r, c, c->far);
	else if (connected)
		far_is_there(r, c);
}

void conn_let(struct relay *r, struct relay_part *p, enum flow_dir dir, const uint8_t *frame, const struct ip_view *v)
{
	struct relay_conn *c = conn_of(p);

	if (v->tcp_flags & FRAME_RST) {
		/* A program may make one of what it likes. */
		if (c->state == CALLING || c->state == ASKING)
			fail(r, c, -ECONNREFUSED);
		else
			cut(c);
		return;
	}
	if (v->tcp_flags & FRAME_SYN) {
		/* A program may have written another address. */
		c->out = dir == FLOW_OUT && c->state == ASKING && !c->published;
		c->out_to = v->dst;
		c->out_port = v->dport;
		return;
	}
	carry(c, dir, frame + v->payload, v->end - v->payload);
	if (v->tcp_flags & FRAME_FIN && c->state == OPEN) {
		c->way[dir].said = true;
		settle(c, dir);
	}
}

/* A segment, for the first time or again. Return: what the programs made of it. */
static enum relay_way segment(struct relay *r, struct relay_conn *c, enum flow_dir d, uint8_t flags, const void *data,
			      uint32_t len, int *refused)
{
	uint32_t n =
		frame_tcp(r->frame, &c->part.key, d, flags, c->way[d].next, c->way[!d].next, r->opts.mtu, data, len);
	enum relay_way way = relay_pass(r, &c->part, d, r->frame, n, refused);

	if (way == RELAY_LET)
		c->way[d].next += len + !!(flags & FRAME_SYN) + !!(flags & FRAME_FIN);
	return way;
}

/* A dropped segment is kept, to be sent again. */
static void keep(struct relay *r, struct relay_conn *c, enum flow_dir d, uint8_t flags, const void *data, uint32_t len)
{
	struct way *w = &c->way[d];

	if (!w->again_flags) {
		w->again = len ? malloc(len) : NULL;
		if (len && !w->again) {
			cut(c);
			return;
		}
		if (len)
			memcpy(w->again, data, len);
		w->again_len = len;
		w->again_flags = flags;
		w->tries = 0;
	}
	if (++w->tries > (flags & FRAME_SYN ? SYN_TRIES : TRIES)) {
		if (c->state == ASKING)
			fail(r, c, -ETIMEDOUT);
		else
			cut(c);
		return;
	}
	w->again_at =
		clock_ns(CLOCK_MONOTONIC) + ((flags & FRAME_SYN ? SYN_AGAIN_NS : FIRST_AGAIN_NS) << (w->tries - 1));
}

static void forget_again(struct way *w)
{
	free(w->again);
	w->again = NULL;
	w->again_flags = 0;
}

/* What becomes of a segment that the programs have seen. */
static void send_segment(struct relay *r, struct relay_conn *c, enum flow_dir d, uint8_t flags, const void *data,
			 uint32_t len)
{
	int refused;

	if (c->ends.inside) {
		if (!(flags & FRAME_RST))
			carry(c, d, data, len);
		c->way[d].said |= flags & FRAME_FIN;
		settle(c, d);
		return;
	}
	if (segment(r, c, d, flags, data, len, &refused) == RELAY_LET) {
		forget_again(&c->way[d]);
		if (flags & FRAME_SYN && c->out)
			call(r, c);
	} else if (refused && c->state == ASKING) {
		fail(r, c, refused);
	} else if (refused) {
		cut(c);
	} else if (!(flags & FRAME_RST)) {
		keep(r, c, d, flags, data, len);
	}
}

void conn_due(struct relay *r, struct relay_part *p, uint64_t now)
{
	struct relay_conn *c = conn_of(p);

	for (int d = 0; d < FLOW_DIRS && !p->gone; d++) {
		struct way *w = &c->way[d];

		if (w->again_flags && now >= w->again_at)
			send_segment(r, c, (enum flow_dir)d, w->again_flags, w->again, w->again_len);
	}
}

/* The near socket, from the waiting room's address to the task's. */
static int meet(struct relay *r, struct relay_conn *c)
{
	const struct room *room = &r->rooms[c->at.ss_family == AF_INET6];
	int on = 1, err = 0;

	c->near = socket(c->at.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->near < 0 || setsockopt(c->near, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) ||
	    bind(c->near, (const struct sockaddr *)&room->at, room->len))
		return -errno;
	if (connect(c->near, (const struct sockaddr *)&c->at, c->at_len) && errno != EINPROGRESS)
		err = -errno;
	return err;
}

static void open_up(struct relay *r, struct relay_conn *c)
{
	/* What is at the other end is the tree's, or it gets nothing. */
	if (!relay_is_marked(r, c->near)) {
		fail(r, c, -ECONNABORTED);
		return;
	}
	c->state = OPEN;
	close_fd(&c->task);
	relay_say_joined(r, c->part.owner.inode);
	set_stage(r, c, RELAY_JOINED, 0);
}

static void far_is_there(struct relay *r, struct relay_conn *c)
{
	int refused = 0;

	if (c->ends.inside && !relay_is_marked(r, c->far)) {
		fail(r, c, -ECONNREFUSED);
		return;
	}
	c->state = MEETING;
	if (!c->ends.inside) {
		/* The answer may be dropped: then it is as if the far end had not answered yet. */
		if (segment(r, c, FLOW_IN, FRAME_SYN | FRAME_ACK, NULL, 0, &refused) != RELAY_LET) {
			c->state = ASKING;
			c->out = false;
			c->way[FLOW_OUT].next--;
			reset_fd(&c->far);
			if (refused)
				fail(r, c, refused);
			else
				keep(r, c, FLOW_OUT, FRAME_SYN, NULL, 0);
			return;
		}
		segment(r, c, FLOW_OUT, FRAME_ACK, NULL, 0, &refused);
	}
	if (c->part.gone)
		return;
	refused = meet(r, c);
	if (refused)
		fail(r, c, refused);
}

static int error_of(int fd)
{
	int err = 0;
	socklen_t len = sizeof(err);

	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) ? -errno : -err;
}

static void called(struct relay *r, struct relay_conn *c)
{
	int err = error_of(c->far), ignored;

	if (!err) {
		far_is_there(r, c);
		return;
	}
	if (err == -ECONNREFUSED && !c->ends.inside)
		segment(r, c, FLOW_IN, FRAME_RST | FRAME_ACK, NULL, 0, &ignored);
	if (!c->part.gone)
		fail(r, c, err);
}

/* Data of a side, in segments. */
static void read_side(struct relay *r, struct relay_conn *c, enum flow_dir d)
{
	const uint32_t most = MIN(r->opts.mtu, (uint32_t)sizeof(r->data)) - 40 - 20;
	struct way *w = &c->way[d];

	for (int i = 0; i < ROUNDS && !c->part.gone && !w->again_flags && !w->held_len && !w->eof; i++) {
		ssize_t n = recv(*from_of(c, d), r->data, most, MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n > 0) {
			send_segment(r, c, d, FRAME_ACK | FRAME_PSH, r->data, (uint32_t)n);
		} else if (!n) {
			w->eof = true;
			send_segment(r, c, d, FRAME_FIN | FRAME_ACK, NULL, 0);
		} else {
			send_segment(r, c, d, FRAME_RST | FRAME_ACK, NULL, 0);
			if (!c->part.gone)
				cut(c);
		}
	}
}

void conn_fill(struct relay *r, struct relay_part *p, uint64_t now, int *timeout)
{
	struct relay_conn *c = conn_of(p);

	if (p->gone)
		return;
	for (int d = 0; d < FLOW_DIRS; d++) {
		const struct way *w = &c->way[d];
		bool reads = c->state == OPEN && !w->again_flags && !w->held_len && !w->eof;
		short events = (short)((reads ? POLLIN : 0) | (c->way[!d].held_len ? POLLOUT : 0));

		if (d == FLOW_IN && c->state == CALLING)
			events = POLLOUT;
		if (d == FLOW_OUT && c->state == MEETING)
			events = POLLOUT;
		relay_want(r, *from_of(c, (enum flow_dir)d), events, p, d == FLOW_OUT ? FLOW_IN : FLOW_OUT);
		if (w->again_flags) {
			uint64_t ms = w->again_at > now ? (w->again_at - now) / 1000000 + 1 : 0;

			if (*timeout < 0 || (uint64_t)*timeout > ms)
				*timeout = (int)ms;
		}
	}
}

void conn_work(struct relay *r, struct relay_part *p, enum flow_dir side, short revents)
{
	struct relay_conn *c = conn_of(p);
	/* The far side is where FLOW_OUT carries to, and FLOW_IN comes from. */
	enum flow_dir to = side, from = side == FLOW_OUT ? FLOW_IN : FLOW_OUT;

	if (c->state == CALLING && side == FLOW_OUT) {
		called(r, c);
		return;
	}
	if (c->state == MEETING && side == FLOW_IN) {
		if (error_of(c->near))
			fail(r, c, -ECONNABORTED);
		else
			open_up(r, c);
		return;
	}
	if (c->state != OPEN)
		return;
	if (revents & (POLLOUT | POLLERR | POLLHUP) && c->way[to].held_len)
		send_held(c, to);
	if (!p->gone && revents & (POLLIN | POLLERR | POLLHUP))
		read_side(r, c, from);
}

bool conn_unsent(const struct relay_part *p)
{
	const struct relay_conn *c = (const struct relay_conn *)p;

	return !p->gone && c->state == OPEN && (!c->way[FLOW_OUT].said || c->way[FLOW_OUT].held_len);
}

/* A port that no other connection to there has now. */
static uint16_t choose_port(struct relay *r, const struct flow_key *key)
{
	struct flow_key k = *key;

	for (int i = 0; i < PORTS; i++) {
		k.tree_port = (uint16_t)(FIRST_PORT + r->last_port++ % PORTS);
		if (!relay_find(r, &k))
			break;
	}
	return k.tree_port;
}

static struct relay_conn *conn_new(struct relay *r, const struct relay_ends *ends)
{
	struct relay_conn *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	atomic_init(&c->refs, 1);
	c->ends = *ends;
	c->ends.owner = (struct owner){0};
	c->near = c->far = c->task = -1;
	c->part.key = ends->key;
	c->part.key.tree = frame_tree(ends->key.family);
	c->part.owner = ends->owner;
	if (!c->part.key.tree_port)
		c->part.key.tree_port = choose_port(r, &c->part.key);
	for (int d = 0; d < FLOW_DIRS; d++)
		if (getrandom(&c->way[d].next, sizeof(c->way[d].next), GRND_NONBLOCK) != sizeof(c->way[d].next))
			c->way[d].next = (uint32_t)clock_ns(CLOCK_MONOTONIC);
	relay_part_add(r, &c->part, &r->conns);
	return c;
}

struct asked {
	const struct relay_ends *ends;
	const struct sockaddr_storage *at;
	socklen_t len;
	int sock;
	struct relay_conn *c;
};

static int do_connect(struct relay *r, void *arg)
{
	struct asked *a = arg;
	struct relay_conn *c = conn_new(r, a->ends);
	int err;

	if (!c) {
		task_put(a->ends->owner.task);
		close(a->sock);
		return -ENOMEM;
	}
	relay_hold(c);
	c->task = a->sock;
	c->at = *a->at;
	c->at_len = a->len;
	c->out_to = c->part.key.far;
	c->out_port = c->part.key.far_port;
	if (a->ends->inside)
		call(r, c);
	else
		send_segment(r, c, FLOW_OUT, FRAME_SYN, NULL, 0);
	err = c->stage == RELAY_FAILED ? c->err : 0;
	if (err)
		relay_put(c);
	else
		a->c = c;
	return err;
}

int relay_connect(struct relay *r, const struct relay_ends *ends, const struct sockaddr_storage *at, socklen_t len,
		  int sock, struct relay_conn **out)
{
	struct asked a = {.ends = ends, .at = at, .len = len, .sock = sock};
	int err = relay_do(r, do_connect, &a);

	if (err == -ESHUTDOWN) {
		task_put(ends->owner.task);
		close(sock);
	}
	*out = a.c;
	return err;
}

/* A connection to a published port: to the tree's listener first, for without one nobody is told of it. */
void conn_accept(struct relay *r, const struct published *at)
{
	struct sockaddr_storage from = {0}, there;
	socklen_t size = sizeof(from), len;
	struct relay_ends ends = {.key = {.proto = IPPROTO_TCP, .tree_port = at->port}};
	int far = accept4(at->fd, (struct sockaddr *)&from, &size, SOCK_CLOEXEC | SOCK_NONBLOCK), near, refused;
	struct sockaddr_in four;
	struct sockaddr_in6 six;
	struct in6_addr loopback = ip_v4(htonl(INADDR_LOOPBACK));
	struct relay_conn *c;
	bool connected;

	if (far < 0)
		return;
	memcpy(&four, &from, sizeof(four));
	memcpy(&six, &from, sizeof(six));
	ends.key.far = from.ss_family == AF_INET ? ip_v4(four.sin_addr.s_addr) : six.sin6_addr;
	ends.key.far_port = ntohs(four.sin_port);
	/* This machine itself is the gateway to the tree. */
	if (ends.key.far.s6_addr[12] == 127 && IN6_IS_ADDR_V4MAPPED(&ends.key.far))
		ends.key.far = r->gateway4;
	else if (IN6_IS_ADDR_LOOPBACK(&ends.key.far))
		ends.key.far = r->gateway6;
	ends.key.family = IN6_IS_ADDR_V4MAPPED(&ends.key.far) ? AF_INET : AF_INET6;
	len = relay_real(r, &loopback, at->port, 0, &there);
	near = relay_far(r, &ends, &there, len, &connected);
	c = near < 0 ? NULL : conn_new(r, &ends);
	if (!c) {
		reset_fd(&near);
		reset_fd(&far);
		return;
	}
	c->published = true;
	c->near = near;
	c->far = far;
	if (segment(r, c, FLOW_IN, FRAME_SYN, NULL, 0, &refused) != RELAY_LET) {
		cut(c);
		return;
	}
	segment(r, c, FLOW_OUT, FRAME_SYN | FRAME_ACK, NULL, 0, &refused);
	c->state = MEETING;
}
