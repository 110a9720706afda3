/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flows of datagrams through the relay (relay.h). The far socket is made when the first datagram leaves, and closed after a while without any; the near one
 * stays for as long as the task's is there: that is asked for (man 7 sock_diag), since nobody tells. Where it cannot be asked, or there are too many, the flow
 * that was silent longest goes.
 */
#include "base/clock.h"
#include "base/util.h"
#include "hook/net/frame.h"
#include "hook/net/relay_inside.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <string.h>
#include <sys/socket.h>

#ifndef SO_COOKIE
#define SO_COOKIE 57
#endif

enum { IP_MAX = 65535, ROUNDS = 32 /* datagrams of a side in one turn */, LOOKED_AT = 32 /* flows, each time */ };
static const uint64_t look_ns = 5000000000, far_idle_ns = 120000000000;

struct talk {
	struct relay_part part;
	struct relay_ends ends; /* without the owner */
	int near, far;
	uint8_t proto; /* of the near one: UDP, or UDP-Lite (hook/calls/calls_parked.c) */
	struct sockaddr_storage near_at, task_at; /* both ends on the loopback */
	uint64_t last, seen; /* a datagram; that the task's socket is there */
};

static struct talk *talk_of(struct relay_part *p)
{
	return (struct talk *)p;
}

static uint16_t port_of(const struct sockaddr_storage *at)
{
	struct sockaddr_in four; /* at the same place for IPv6 */

	memcpy(&four, at, sizeof(four));
	return ntohs(four.sin_port);
}

static void name(struct relay *r, const struct sockaddr_storage *near, const struct sockaddr_storage *named)
{
	struct relay_name *n = malloc(sizeof(*n)), **at = &r->names[port_of(near) % RELAY_BUCKETS];

	if (!n)
		return; /* its source is the loopback, then */
	n->near = *near;
	n->named = *named;
	pthread_mutex_lock(&r->lock);
	n->next = *at;
	*at = n;
	pthread_mutex_unlock(&r->lock);
}

static bool same(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	return a->ss_family == b->ss_family && port_of(a) == port_of(b);
}

static void forget_name(struct relay *r, const struct sockaddr_storage *near)
{
	struct relay_name **at = &r->names[port_of(near) % RELAY_BUCKETS], *n;

	pthread_mutex_lock(&r->lock);
	while (*at && !same(&(*at)->near, near))
		at = &(*at)->next;
	n = *at;
	if (n)
		*at = n->next;
	pthread_mutex_unlock(&r->lock);
	free(n);
}

bool relay_named(struct relay *r, const struct sockaddr_storage *near, struct sockaddr_storage *named)
{
	struct sockaddr_storage at = *near;
	struct sockaddr_in6 six;
	const struct relay_name *n;

	/* A socket of IPv6 sees those of IPv4 as ::ffff:127.0.0.1. */
	memcpy(&six, near, sizeof(six));
	if (near->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&six.sin6_addr))
		at.ss_family = AF_INET;
	pthread_mutex_lock(&r->lock);
	n = r->names[port_of(&at) % RELAY_BUCKETS];
	while (n && !same(&n->near, &at))
		n = n->next;
	if (n)
		*named = n->named;
	pthread_mutex_unlock(&r->lock);
	return n != NULL;
}

void talk_end(struct relay *r, struct relay_part *p)
{
	struct talk *t = talk_of(p);

	forget_name(r, &t->near_at);
	close(t->near);
	if (t->far >= 0)
		close(t->far);
	relay_part_remove(r, p);
	task_put(p->owner.task);
	r->n_talks--;
	free(t);
}

void talk_fill(struct relay *r, struct relay_part *p)
{
	const struct talk *t = talk_of(p);

	if (p->gone)
		return;
	relay_want(r, t->near, POLLIN, p, FLOW_IN);
	relay_want(r, t->far, POLLIN, p, FLOW_OUT);
}

/* A datagram that programs let out. */
static void send_out(struct relay *r, struct talk *t, const uint8_t *data, uint32_t len, const struct ip_view *v)
{
	struct sockaddr_storage at;
	socklen_t size = relay_real(r, &v->dst, v->dport, IPPROTO_UDP, &at);
	bool connected;

	if (t->far < 0)
		t->far = relay_far(r, &t->ends, &at, size, &connected);
	/* What a datagram before this one met with is not this one's affair: once more. */
	if (t->far < 0 || (send(t->far, data, len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 &&
			   send(t->far, data, len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0))
		r->lost++;
	t->far = MAX(t->far, -1);
}

void talk_let(struct relay *r, struct relay_part *p, enum flow_dir dir, const uint8_t *frame, const struct ip_view *v)
{
	struct talk *t = talk_of(p);
	const uint8_t *data = frame + v->payload;
	uint32_t len = v->end - v->payload;

	if (dir == FLOW_OUT)
		send_out(r, t, data, len, v);
	else if (send(t->near, data, len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		r->lost++;
}

static int pass(struct relay *r, struct talk *t, enum flow_dir dir, const void *data, uint32_t len)
{
	uint32_t n = frame_udp(r->frame, &t->part.key, dir, data, len);
	int refused;

	t->last = clock_ns(CLOCK_MONOTONIC);
	relay_pass(r, &t->part, dir, r->frame, n, &refused);
	return refused;
}

void talk_work(struct relay *r, struct relay_part *p, enum flow_dir side)
{
	/* One frame, however long: nothing cuts it to an interface's MTU. */
	const uint32_t most = p->key.family == AF_INET ? IP_MAX - 20 - 8 : IP_MAX - 8;
	struct talk *t = talk_of(p);
	int fd = side == FLOW_OUT ? t->far : t->near;

	for (int i = 0; i < ROUNDS && fd >= 0; i++) {
		ssize_t n = recv(fd, r->data, sizeof(r->data), MSG_DONTWAIT);

		if (n < 0)
			return;
		if (n > most)
			r->lost++;
		else if (pass(r, t, side == FLOW_OUT ? FLOW_IN : FLOW_OUT, r->data, (uint32_t)n) && side == FLOW_IN)
			relay_say_refused(r, t->part.owner.inode);
		fd = side == FLOW_OUT ? t->far : t->near;
	}
}

struct question {
	struct nlmsghdr h;
	struct inet_diag_req_v2 r;
};

static void put_end(struct inet_diag_sockid *id, bool destination, const struct sockaddr_storage *at)
{
	struct sockaddr_in6 six;
	struct sockaddr_in four;

	memcpy(&six, at, sizeof(six));
	memcpy(&four, at, sizeof(four));
	if (at->ss_family == AF_INET6)
		memcpy(destination ? id->idiag_dst : id->idiag_src, &six.sin6_addr, sizeof(six.sin6_addr));
	else
		memcpy(destination ? id->idiag_dst : id->idiag_src, &four.sin_addr, sizeof(four.sin_addr));
	*(destination ? &id->idiag_dport : &id->idiag_sport) = four.sin_port;
}

/* Is the socket at @task there? The kernel is asked for the one that would receive what @near sends (net/ipv4/udp_diag.c). */
static bool is_there(const struct relay *r, uint8_t proto, const struct sockaddr_storage *near,
		     const struct sockaddr_storage *task, uint64_t cookie)
{
	struct question q = {
		.h = {.nlmsg_len = sizeof(q), .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST},
		.r = {.sdiag_family = (uint8_t)near->ss_family, .sdiag_protocol = proto, .idiag_states = UINT32_MAX}};
	union {
		struct nlmsghdr h;
		char bytes[8192];
	} a;

	put_end(&q.r.id, false, near);
	put_end(&q.r.id, true, task);
	q.r.id.idiag_if = RELAY_LO;
	q.r.id.idiag_cookie[0] = (uint32_t)cookie;
	q.r.id.idiag_cookie[1] = (uint32_t)(cookie >> 32);
	if (r->opts.diag < 0 || send(r->opts.diag, &q, sizeof(q), 0) != sizeof(q) ||
	    recv(r->opts.diag, &a, sizeof(a), 0) < (ssize_t)NLMSG_LENGTH(sizeof(struct nlmsgerr)))
		return true;
	return a.h.nlmsg_type == SOCK_DIAG_BY_FAMILY;
}

bool talks_seen(const struct relay *r)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	AUTO_CLOSE int near = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0),
		       task = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_storage near_at, task_at;
	socklen_t near_len = sizeof(near_at), task_len = sizeof(task_at), len = sizeof(uint64_t);
	uint64_t cookie = 0;

	return !bind(near, (struct sockaddr *)&at, sizeof(at)) && !bind(task, (struct sockaddr *)&at, sizeof(at)) &&
	       !getsockname(near, (struct sockaddr *)&near_at, &near_len) &&
	       !getsockname(task, (struct sockaddr *)&task_at, &task_len) &&
	       !getsockopt(task, SOL_SOCKET, SO_COOKIE, &cookie, &len) &&
	       is_there(r, IPPROTO_UDP, &near_at, &task_at, cookie);
}

void talks_due(struct relay *r, uint64_t now)
{
	uint32_t asked = 0;

	if (now - r->looked < look_ns / 5)
		return;
	r->looked = now;
	for (struct relay_part *p = r->talks; p; p = p->all_next) {
		struct talk *t = talk_of(p);

		if (t->far >= 0 && now > t->last && now - t->last > far_idle_ns) {
			close(t->far);
			t->far = -1;
		}
		if (now > t->last && now - MAX(t->last, t->seen) > look_ns && asked++ < LOOKED_AT) {
			t->seen = now;
			p->gone = !is_there(r, t->proto, &t->near_at, &t->task_at, p->owner.cookie);
		}
	}
}

/* Makes room by taking the one that has been silent longest. */
static void make_room(struct relay *r)
{
	struct relay_part *oldest = r->talks;

	for (struct relay_part *p = r->talks; p; p = p->all_next)
		if (talk_of(p)->last < talk_of(oldest)->last)
			oldest = p;
	if (oldest)
		talk_end(r, oldest);
}

struct beginning {
	const struct relay_ends *ends;
	const struct sockaddr_storage *named;
	int near;
};

static int do_begin(struct relay *r, void *arg)
{
	const struct beginning *b = arg;
	struct talk *t = calloc(1, sizeof(*t));
	socklen_t near_len = sizeof(t->near_at), task_len = sizeof(t->task_at), len = sizeof(int);
	int proto = IPPROTO_UDP;

	if (!t || getsockname(b->near, (struct sockaddr *)&t->near_at, &near_len) ||
	    getpeername(b->near, (struct sockaddr *)&t->task_at, &task_len)) {
		int err = t ? -errno : -ENOMEM;

		free(t);
		close(b->near);
		task_put(b->ends->owner.task);
		return err;
	}
	if (r->n_talks >= RELAY_DATAGRAM_FLOWS)
		make_room(r);
	t->ends = *b->ends;
	t->ends.owner = (struct owner){0};
	t->part.key = b->ends->key;
	t->part.key.tree = frame_tree(t->part.key.family);
	t->part.owner = b->ends->owner;
	t->near = b->near;
	getsockopt(t->near, SOL_SOCKET, SO_PROTOCOL, &proto, &len);
	t->proto = (uint8_t)proto;
	t->far = -1;
	t->last = t->seen = clock_ns(CLOCK_MONOTONIC);
	relay_part_add(r, &t->part, &r->talks);
	r->n_talks++;
	name(r, &t->near_at, b->named);
	return 0;
}

int relay_datagrams(struct relay *r, const struct relay_ends *ends, int near, const struct sockaddr_storage *named)
{
	struct beginning b = {.ends = ends, .named = named, .near = near};
	int err = relay_do(r, do_begin, &b);

	if (err == -ESHUTDOWN) {
		close(near);
		task_put(ends->owner.task);
	}
	return err;
}

struct sending {
	const struct flow_key *key;
	uint64_t cookie;
	const void *data;
	uint32_t len;
};

static int do_send(struct relay *r, void *arg)
{
	const struct sending *s = arg;
	struct flow_key key = *s->key;
	struct relay_part *p;

	key.tree = frame_tree(key.family);
	p = relay_find(r, &key);
	/* The same ends may have been another socket's. */
	if (!p || p->owner.cookie != s->cookie)
		return -ENOENT;
	return pass(r, talk_of(p), FLOW_OUT, s->data, s->len);
}

int relay_send(struct relay *r, const struct flow_key *key, uint64_t cookie, const void *data, uint32_t len)
{
	struct sending s = {.key = key, .cookie = cookie, .data = data, .len = len};

	return relay_do(r, do_send, &s);
}
