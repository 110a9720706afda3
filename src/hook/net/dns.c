/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A query in flight is a connected UDP socket (so the kernel drops what others send) and what the answer wants: the frame that asked, up
 * to its ports. After a third of the patience the next server is asked too; the first good answer is the one.
 */
#include "hook/net/dns.h"

#include "base/clock.h"
#include "base/cursor.h"
#include "base/util.h"
#include "hook/net/port.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

enum { HEADER = 12, MESSAGE_MAX = 65000, PORT = 53, TYPE_A = 1, TYPE_AAAA = 28, HOST_TTL = 60 };

struct query {
	int fd; /* -1: free */
	uint16_t id, asked_id; /* ours, the tree's; network byte order */
	uint64_t began; /* ns */
	uint32_t server; /* asked last */
	uint8_t head[ETH_HLEN]; /* of the frame */
	struct ip_view view;
	uint16_t len;
	uint8_t msg[1500]; /* kept for the next server; longer queries are asked once */
};

struct dns {
	struct dns_opts opts;
	struct query queries[DNS_QUERIES];
	struct pollfd fds[DNS_QUERIES];
	uint32_t of_fd[DNS_QUERIES]; /* the query of each */
	uint32_t n, next;
	uint64_t lost;
	struct in6_addr dns4, dns6;
	uint8_t answer[MESSAGE_MAX], frame[MESSAGE_MAX + IP_HEADERS_MAX];
};

void dns_servers(struct dns_opts *opts)
{
	FILE *f = fopen("/etc/resolv.conf", "re");
	char line[512], addr[64];

	opts->n_servers = 0;
	while (f && opts->n_servers < DNS_SERVERS && fgets(line, sizeof(line), f)) {
		struct sockaddr_in6 *s = &opts->servers[opts->n_servers];
		struct in_addr four;

		if (sscanf(line, " nameserver %63s", addr) != 1)
			continue;
		*s = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(PORT)};
		addr[strcspn(addr, "%")] = 0;
		if (inet_pton(AF_INET, addr, &four) == 1)
			s->sin6_addr = ip_v4(four.s_addr);
		else if (inet_pton(AF_INET6, addr, &s->sin6_addr) != 1)
			continue;
		opts->n_servers++;
	}
	if (f)
		fclose(f);
	if (!opts->n_servers)
		opts->servers[opts->n_servers++] = (struct sockaddr_in6){
			.sin6_family = AF_INET6, .sin6_port = htons(PORT), .sin6_addr = ip_v4(htonl(INADDR_LOOPBACK))};
}

int dns_new(const struct dns_opts *opts, struct dns **out)
{
	struct dns *d = calloc(1, sizeof(*d));
	struct in_addr four;

	if (!d)
		return -ENOMEM;
	d->opts = *opts;
	for (int i = 0; i < DNS_QUERIES; i++)
		d->queries[i].fd = -1;
	inet_pton(AF_INET, PORT_DNS4, &four);
	d->dns4 = ip_v4(four.s_addr);
	inet_pton(AF_INET6, PORT_DNS6, &d->dns6);
	*out = d;
	return 0;
}

static void end(struct query *q)
{
	close(q->fd);
	q->fd = -1;
}

void dns_free(struct dns *d)
{
	for (int i = 0; d && i < DNS_QUERIES; i++)
		if (d->queries[i].fd >= 0)
			end(&d->queries[i]);
	free(d);
}

bool dns_wants(const struct dns *d, const struct ip_view *v)
{
	return v->family && v->proto == IPPROTO_UDP && v->dport == PORT && !v->fragment &&
	       (!memcmp(&v->dst, &d->dns4, sizeof(d->dns4)) || !memcmp(&v->dst, &d->dns6, sizeof(d->dns6)));
}

bool dns_name(const uint8_t *msg, uint32_t len, char *name, uint16_t *type)
{
	struct cursor c = cursor_of(msg, len);
	size_t at = 0;

	cursor_take(&c, 4);
	if (cursor_be16(&c) != 1)
		return false;
	cursor_take(&c, 6);
	for (;;) {
		uint8_t n = 0;
		const uint8_t *label;

		cursor_get(&c, &n, 1);
		if (c.bad || n > 63)
			return false;
		if (!n)
			break;
		label = cursor_take(&c, n);
		if (!label || at + n + 1 > 255)
			return false;
		for (uint8_t i = 0; i < n; i++) {
			/* Letters, digits, '-', '_': what a name can have that is printed and compared without a second thought. */
			if (!isalnum(label[i]) && label[i] != '-' && label[i] != '_')
				return false;
			name[at++] = (char)tolower(label[i]);
		}
		name[at++] = '.';
	}
	name[at ? at - 1 : 0] = 0;
	uint16_t t = cursor_be16(&c);

	if (type)
		*type = t;
	return !c.bad;
}

static void answer(struct dns *d, const uint8_t *frame, const struct ip_view *v, const uint8_t *msg, uint32_t len)
{
	uint32_t n = ip_udp_reply(d->frame, frame, v, msg, len);

	d->opts.deliver(d->opts.arg, d->frame, n);
}

/* The machine outside, under its name. Return: true when it was asked for. */
static bool answer_host(struct dns *d, const uint8_t *frame, const struct ip_view *v, const uint8_t *msg, uint32_t len)
{
	uint8_t out[512 + 64];
	uint32_t n = HEADER;
	char name[256];
	uint16_t type;

	if (len > 512 || !dns_name(msg, len, name, &type) || (strcmp(name, "host") && strcmp(name, "host.internal")))
		return false;
	while (n < len && msg[n]) /* the question; dns_name() has seen that it is whole */
		n += msg[n] + 1u;
	n += 5;
	memcpy(out, msg, n);
	out[2] = (uint8_t)(0x84 | (msg[2] & 1)); /* an answer, from who knows */
	out[3] = 0x80;
	memset(out + 6, 0, 6);
	if (type == TYPE_A || type == TYPE_AAAA) {
		const uint8_t head[] = {0xc0, HEADER, 0, (uint8_t)type, 0, 1,
					0,    0,      0, HOST_TTL,      0, type == TYPE_A ? 4 : 16};
		uint8_t addr[16];

		inet_pton(type == TYPE_A ? AF_INET : AF_INET6, type == TYPE_A ? PORT_GATEWAY4 : PORT_GATEWAY6, addr);
		memcpy(out + n, head, sizeof(head));
		memcpy(out + n + sizeof(head), addr, head[11]);
		n += (uint32_t)sizeof(head) + head[11];
		out[7] = 1;
	}
	answer(d, frame, v, out, n);
	return true;
}

/* Sends a query to a server, from a socket that is for it alone. */
static int ask(struct dns *d, struct query *q, const uint8_t *msg, uint32_t len)
{
	struct sockaddr_in6 to = d->opts.servers[q->server];
	struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = to.sin6_port};
	bool v4 = IN6_IS_ADDR_V4MAPPED(&to.sin6_addr);
	struct iovec iov[2] = {{&q->id, sizeof(q->id)}, {(void *)(msg + sizeof(q->id)), len - sizeof(q->id)}};
	struct msghdr h = {.msg_iov = iov, .msg_iovlen = 2};

	if (q->fd >= 0)
		close(q->fd);
	memcpy(&four.sin_addr, &to.sin6_addr.s6_addr[12], sizeof(four.sin_addr));
	q->fd = socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (q->fd < 0)
		return -errno;
	if (connect(q->fd, v4 ? (void *)&four : (void *)&to, v4 ? sizeof(four) : sizeof(to)) ||
	    sendmsg(q->fd, &h, MSG_NOSIGNAL) < 0)
		return -errno;
	return 0;
}

/* SERVFAIL, so that the tree need not wait for its own patience to end. */
static void fail(struct dns *d, struct query *q)
{
	uint8_t out[HEADER] = {0};

	memcpy(out, &q->asked_id, sizeof(q->asked_id));
	out[2] = 0x80;
	out[3] = 0x82;
	answer(d, q->head, &q->view, out, sizeof(out));
	d->lost++;
	end(q);
}

void dns_query(struct dns *d, const uint8_t *frame, uint32_t len, const struct ip_view *v)
{
	const uint8_t *msg = frame + v->payload;
	uint32_t n = v->end - v->payload;
	struct query *q = NULL;

	if (n < HEADER || v->end > len || n > MESSAGE_MAX || msg[2] & 0x80) {
		d->lost++;
		return;
	}
	if (answer_host(d, frame, v, msg, n))
		return;
	for (int i = 0; i < DNS_QUERIES && !q; i++)
		if (d->queries[(d->next + (uint32_t)i) % DNS_QUERIES].fd < 0)
			q = &d->queries[(d->next + (uint32_t)i) % DNS_QUERIES];
	if (!q) { /* the tree asks again */
		d->lost++;
		return;
	}
	d->next = (uint32_t)(q - d->queries) + 1;
	if (getrandom(&q->id, sizeof(q->id), GRND_NONBLOCK) != sizeof(q->id))
		q->id = (uint16_t)clock_ns(CLOCK_MONOTONIC);
	memcpy(&q->asked_id, msg, sizeof(q->asked_id));
	memcpy(q->head, frame, sizeof(q->head));
	q->view = *v;
	q->began = clock_ns(CLOCK_MONOTONIC);
	q->len = 0;
	if (n <= sizeof(q->msg)) {
		q->len = (uint16_t)n;
		memcpy(q->msg, msg, n);
	}
	q->server = 0;
	if (ask(d, q, msg, n) && q->fd < 0) /* no socket to be had */
		d->lost++;
}

/* Once a part of the patience is over, the next server; at its end, none. */
static void look_at_time(struct dns *d, struct query *q, uint64_t now, int *timeout)
{
	uint64_t age = (now - q->began) / 1000000, part = DNS_PATIENCE_MS / DNS_SERVERS;
	uint32_t due = (uint32_t)MIN(age / part, (uint64_t)d->opts.n_servers - 1);

	if (age >= DNS_PATIENCE_MS) {
		fail(d, q);
		return;
	}
	if (due > q->server && q->len) {
		q->server = due;
		if (ask(d, q, q->msg, q->len) && q->fd < 0) {
			d->lost++;
			return;
		}
	}
	age = q->server + 1 < d->opts.n_servers ? (q->server + 1) * part - MIN(age, (q->server + 1) * part)
						: DNS_PATIENCE_MS - age;
	if (*timeout < 0 || (uint64_t)*timeout > age)
		*timeout = (int)age + 1;
}

const struct pollfd *dns_fill(struct dns *d, uint32_t *n, int *timeout)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);

	d->n = 0;
	for (uint32_t i = 0; i < DNS_QUERIES; i++) {
		struct query *q = &d->queries[i];

		if (q->fd >= 0)
			look_at_time(d, q, now, timeout);
		if (q->fd < 0)
			continue;
		d->of_fd[d->n] = i;
		d->fds[d->n++] = (struct pollfd){.fd = q->fd, .events = POLLIN};
	}
	*n = d->n;
	return d->fds;
}

static void take(struct dns *d, struct query *q)
{
	ssize_t n = recv(q->fd, d->answer, sizeof(d->answer), 0);

	if (n < 0 && errno != EAGAIN) { /* nobody there: the next server at once */
		if (q->server + 1 < d->opts.n_servers && q->len) {
			q->server++;
			if (!ask(d, q, q->msg, q->len))
				return;
		}
		if (q->fd >= 0)
			fail(d, q);
		return;
	}
	if (n < HEADER || memcmp(d->answer, &q->id, sizeof(q->id)) || !(d->answer[2] & 0x80))
		return;
	memcpy(d->answer, &q->asked_id, sizeof(q->asked_id));
	answer(d, q->head, &q->view, d->answer, (uint32_t)n);
	end(q);
}

void dns_work(struct dns *d, const struct pollfd *fds)
{
	for (uint32_t i = 0; i < d->n; i++)
		if (fds[i].revents && d->queries[d->of_fd[i]].fd == fds[i].fd)
			take(d, &d->queries[d->of_fd[i]]);
}

uint64_t dns_lost(const struct dns *d)
{
	return d->lost;
}
