/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A conversation is a host and an identifier of the tree's; it has a connected socket of its own, so that the kernel drops what others send, and
 * what the answer wants: the frame that asked, as far as an error quotes it. The kernel puts an identifier of its own in; the tree's comes back
 * into the answer. When all are taken, the one that was silent longest goes.
 */
#include "hook/net/echo.h"

#include "base/clock.h"
#include "base/util.h"
#include "hook/net/port.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/icmpv6.h>
#include <string.h>
#include <sys/socket.h>

enum { NDISC_REDIRECT = 137 };

enum { TALKS = 32, SILENCE_NS_SHIFT = 36 /* 69 s */, MESSAGE_MAX = 65000, QUOTED = 128, PREFIX = 8 };

struct talk {
	int fd; /* -1: free */
	uint64_t last; /* ns; 0: free */
	uint32_t head_len;
	struct ip_view view;
	uint8_t head[QUOTED]; /* of the last request's frame */
};

struct echo {
	void (*deliver)(void *arg, const uint8_t *frame, uint32_t len);
	void *arg;
	struct talk talks[TALKS];
	struct pollfd fds[TALKS];
	uint32_t of_fd[TALKS], n, open;
	struct in6_addr gateway;
	uint8_t answer[MESSAGE_MAX], frame[MESSAGE_MAX + IP_HEADERS_MAX];
};

int echo_new(void (*deliver)(void *arg, const uint8_t *frame, uint32_t len), void *arg, struct echo **out)
{
	struct echo *e = calloc(1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	e->deliver = deliver;
	e->arg = arg;
	for (int i = 0; i < TALKS; i++)
		e->talks[i].fd = -1;
	inet_pton(AF_INET6, PORT_GATEWAY6, &e->gateway);
	*out = e;
	return 0;
}

static void end(struct echo *e, struct talk *t)
{
	if (t->fd < 0)
		return;
	close(t->fd);
	t->fd = -1;
	t->last = 0;
	e->open--;
}

void echo_free(struct echo *e)
{
	for (int i = 0; e && i < TALKS; i++)
		end(e, &e->talks[i]);
	free(e);
}

/* Neighbours and groups: between the tree and the uplink (RFC 4861, RFC 3810). */
static bool is_neighbourly(uint8_t type)
{
	return (type >= ICMPV6_MGM_QUERY && type <= NDISC_REDIRECT) || type == ICMPV6_MLD2_REPORT;
}

bool echo_wants(const struct echo *e, const uint8_t *frame, const struct ip_view *v)
{
	return v->family == AF_INET6 && v->proto == IPPROTO_ICMPV6 && v->end > v->l4 && !is_neighbourly(frame[v->l4]) &&
	       memcmp(&v->dst, &e->gateway, PREFIX) != 0 && !IN6_IS_ADDR_LINKLOCAL(&v->dst);
}

/* What can be passed on: an echo request, whole, to one host. */
static bool is_ping(const uint8_t *frame, const struct ip_view *v)
{
	return !v->fragment && v->end >= v->l4 + sizeof(struct icmp6hdr) && v->end <= v->l4 + MESSAGE_MAX &&
	       frame[v->l4] == ICMPV6_ECHO_REQUEST && !frame[v->l4 + 1] && !IN6_IS_ADDR_MULTICAST(&v->dst);
}

/* The tree's ping learns that nothing comes of it. */
static void refuse(struct echo *e, const struct talk *t)
{
	uint32_t n = ip_refuse(e->frame, t->head, t->head_len, &t->view);

	if (n)
		e->deliver(e->arg, e->frame, n);
}

/* The conversation of a request; a fresh one has no socket yet. */
static struct talk *talk_of(struct echo *e, const struct ip_view *v)
{
	struct talk *oldest = &e->talks[0];

	for (int i = 0; i < TALKS; i++) {
		struct talk *t = &e->talks[i];

		if (t->fd >= 0 && t->view.sport == v->sport && !memcmp(&t->view.dst, &v->dst, sizeof(v->dst)) &&
		    !memcmp(&t->view.src, &v->src, sizeof(v->src)))
			return t;
		if (t->last < oldest->last)
			oldest = t;
	}
	end(e, oldest);
	return oldest;
}

static int dial(struct echo *e, struct talk *t, const struct in6_addr *to)
{
	struct sockaddr_in6 far = {.sin6_family = AF_INET6, .sin6_addr = *to};

	t->fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMPV6);
	if (t->fd < 0)
		return -errno;
	e->open++;
	if (connect(t->fd, (struct sockaddr *)&far, sizeof(far)))
		return -errno;
	return 0;
}

void echo_request(struct echo *e, const uint8_t *frame, uint32_t len, const struct ip_view *v)
{
	struct talk *t;
	int err = 0;

	if (!is_ping(frame, v))
		return;
	t = talk_of(e, v);
	t->last = clock_ns(CLOCK_MONOTONIC);
	t->view = *v;
	t->head_len = MIN(len, (uint32_t)QUOTED);
	memcpy(t->head, frame, t->head_len);
	if (t->fd < 0)
		err = dial(e, t, &v->dst);
	if (!err && send(t->fd, frame + v->l4, v->end - v->l4, MSG_NOSIGNAL) < 0 && errno != EAGAIN)
		err = -errno;
	if (err) {
		refuse(e, t);
		end(e, t);
	}
}

const struct pollfd *echo_fill(struct echo *e, uint32_t *n)
{
	uint64_t now = e->open ? clock_ns(CLOCK_MONOTONIC) : 0;

	e->n = 0;
	for (uint32_t i = 0; e->open && i < TALKS; i++) {
		struct talk *t = &e->talks[i];

		if (t->fd >= 0 && (now - t->last) >> SILENCE_NS_SHIFT)
			end(e, t);
		if (t->fd < 0)
			continue;
		e->of_fd[e->n] = i;
		e->fds[e->n++] = (struct pollfd){.fd = t->fd, .events = POLLIN};
	}
	*n = e->n;
	return e->fds;
}

static void take(struct echo *e, struct talk *t)
{
	ssize_t n = recv(t->fd, e->answer, sizeof(e->answer), 0);
	struct icmp6hdr h;

	if (n < 0 && errno != EAGAIN) {
		refuse(e, t);
		end(e, t);
	}
	if (n < (ssize_t)sizeof(h))
		return;
	memcpy(&h, e->answer, sizeof(h));
	if (h.icmp6_type != ICMPV6_ECHO_REPLY)
		return;
	h.icmp6_identifier = htons(t->view.sport);
	memcpy(e->answer, &h, sizeof(h));
	e->deliver(e->arg, e->frame, ip_icmp6_reply(e->frame, t->head, &t->view, e->answer, (uint32_t)n));
}

void echo_work(struct echo *e, const struct pollfd *fds)
{
	for (uint32_t i = 0; i < e->n; i++)
		if (fds[i].revents && e->talks[e->of_fd[i]].fd == fds[i].fd)
			take(e, &e->talks[e->of_fd[i]]);
}
