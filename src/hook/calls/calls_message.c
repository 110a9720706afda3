/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls that send and receive with addresses, or may. */
#include "hook/calls/message.h"

#include "base/util.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#ifndef MSG_ZEROCOPY
#define MSG_ZEROCOPY 0x4000000
#endif
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef SOL_UDP
#define SOL_UDP 17
#endif

/* What a socket is. */
struct kind {
	int domain, type;
	bool ip, stream;
};

static int look(int sock, struct kind *k)
{
	k->domain = sock_option(sock, SOL_SOCKET, SO_DOMAIN);
	k->type = sock_option(sock, SOL_SOCKET, SO_TYPE);
	k->ip = k->domain == AF_INET || k->domain == AF_INET6;
	k->stream = k->type == SOCK_STREAM;
	return k->domain < 0 ? -ENOTSOCK : 0;
}

/* The flow of this socket's datagrams to there, begun. */
static int begin_flow(struct job *j, const struct where *w, const struct relay_ends *ends,
		      const struct sockaddr_storage *bound)
{
	struct sockaddr_storage at, to = *bound;
	struct known k = {.datagrams = true}, old;
	struct sockaddr_in6 six;
	struct sockaddr_in four;
	socklen_t len;
	int near = near_make(j->c, w->family, &at, &len);

	if (near < 0) {
		task_put(ends->owner.task);
		return near == -EADDRNOTAVAIL ? -ENETUNREACH : near;
	}
	near_plain(&to);
	memcpy(&six, &to, sizeof(six));
	memcpy(&four, &to, sizeof(four));
	/* To the address it is bound to; to any of the loopback's when to none. */
	if (to.ss_family != at.ss_family ||
	    (at.ss_family == AF_INET ? !four.sin_addr.s_addr : IN6_IS_ADDR_UNSPECIFIED(&six.sin6_addr))) {
		to = at;
		memcpy(&((struct sockaddr_in *)&to)->sin_port, &four.sin_port, sizeof(four.sin_port));
	}
	if (connect(near, (struct sockaddr *)&to, near_as_seen(&to, false))) {
		int err = -errno;

		close(near);
		task_put(ends->owner.task);
		return err;
	}
	/* A connected one that sends elsewhere keeps its names. */
	if (known_get(j->c, ends->owner.inode, &old))
		relay_put(old.conn);
	else
		known_put(j->c, ends->owner.inode, &k);
	return relay_datagrams(j->c->relay, ends, near, &w->named);
}

/* A socket that sends gets a port, if it has none. */
static int give_port(int sock, int domain, struct sockaddr_storage *bound)
{
	const struct sockaddr_in6 six = {.sin6_family = AF_INET6};
	const struct sockaddr_in four = {.sin_family = AF_INET};
	bool v6 = domain == AF_INET6;
	struct sockaddr_in now;

	if (!sock_name(sock, bound))
		return -errno;
	memcpy(&now, bound, sizeof(now));
	if (now.sin_port)
		return 0;
	if (bind(sock, v6 ? (void *)&six : (void *)&four, v6 ? sizeof(six) : sizeof(four)) || !sock_name(sock, bound))
		return -errno;
	return 0;
}

int udp_send(struct job *j, int sock, const struct sockaddr_storage *at, socklen_t len, const void *data, uint32_t size)
{
	int domain = sock_option(sock, SOL_SOCKET, SO_DOMAIN), err;
	struct sockaddr_storage bound, route;
	struct relay_ends ends;
	struct sockaddr_in now;
	struct flow_key key;
	struct where w;

	err = len < sizeof(at->ss_family) ? -EINVAL : where_parse(j->c, domain, at, len, &w);
	if (!err && !w.port)
		err = -EINVAL;
	if (!err && w.family == AF_INET && domain == AF_INET6 && sock_option(sock, IPPROTO_IPV6, IPV6_V6ONLY) > 0)
		err = -ENETUNREACH;
	if (!err && size > DATAGRAM_MAX - 28)
		err = -EMSGSIZE;
	if (!err)
		err = give_port(sock, domain, &bound);
	if (err)
		return err;
	key = where_key(&w, IPPROTO_UDP);
	memcpy(&now, &bound, sizeof(now));
	key.tree_port = ntohs(now.sin_port);
	err = relay_send(j->c->relay, &key, sock_cookie(sock), data, size);
	if (err != -ENOENT)
		return err;
	err = w.resolver || w.loopback || w.own
		      ? 0
		      : where_route(&w, sock_option(sock, SOL_SOCKET, SO_BROADCAST) > 0, &route);
	if (err)
		return err;
	ends_of(j, sock, where_key(&w, IPPROTO_UDP), &ends);
	err = begin_flow(j, &w, &ends, &bound);
	return err ? err : relay_send(j->c->relay, &key, ends.owner.cookie, data, size);
}

/* The size of each datagram that a message is cut into (man 7 udp: UDP_SEGMENT). */
static uint32_t segment_size(int sock, const struct message *m)
{
	struct msghdr h = {.msg_control = m->control, .msg_controllen = m->control_len};
	int size = sock_option(sock, SOL_UDP, UDP_SEGMENT);
	uint16_t asked;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(&h); c; c = CMSG_NXTHDR(&h, c))
		if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_SEGMENT && c->cmsg_len >= CMSG_LEN(sizeof(asked))) {
			memcpy(&asked, CMSG_DATA(c), sizeof(asked));
			size = asked;
		}
	return size > 0 ? (uint32_t)size : DATAGRAM_MAX;
}

static int64_t send_datagrams(struct job *j, int sock, const struct message *m, const uint8_t *data)
{
	uint32_t each = segment_size(sock, m), at = 0, size = (uint32_t)m->size;
	int err = 0;

	do {
		err = udp_send(j, sock, &m->name, m->name_len, data + at, MIN(each, size - at));
		at += MIN(each, size - at);
	} while (!err && at < size);
	return err ? err : (int64_t)size;
}

/* What would have happened to the task: its own pipe is broken. */
static void break_pipe(const struct job *j)
{
	syscall(SYS_tgkill, j->call.thread->tgid, j->call.thread->tid, SIGPIPE);
}

/*
 * Of what goes along with a message of IP only how it is to be cut: the rest could name an interface to leave by, which the kernel takes in place of the one that the
 * socket is bound to (net/ipv4/ip_sockglue.c: IP_PKTINFO), or a route (IP_RETOPTS).
 */
static void keep_segment(struct message *m)
{
	struct msghdr h = {.msg_control = m->control, .msg_controllen = m->control_len};
	size_t used = 0;

	for (struct cmsghdr *c = m->control_len ? CMSG_FIRSTHDR(&h) : NULL, *next; c; c = next) {
		size_t len = c->cmsg_len;

		next = CMSG_NXTHDR(&h, c);
		if (c->cmsg_level != SOL_UDP || c->cmsg_type != UDP_SEGMENT || len != CMSG_LEN(sizeof(uint16_t)))
			continue;
		memmove(m->control + used, c, len); /* never ahead of what is read next */
		used += CMSG_ALIGN(len);
	}
	m->control_len = used;
}

/* Who asks the kernel for something by netlink is judged by what he may. */
static ssize_t send_by_rights(struct job *j, int sock, const struct msghdr *h, int flags, bool judged)
{
	struct rights rights = {0};
	int err = judged ? rights_take(j, &rights) : 0, why;
	ssize_t n;

	if (err) {
		errno = -err;
		return -1;
	}
	n = sendmsg(sock, h, flags);
	why = errno;
	rights_return(&rights);
	errno = why;
	return n;
}

/* On the copy of the socket, as often as it takes. */
static int64_t send_plainly(struct job *j, int sock, const struct kind *k, struct message *m, uint8_t *data,
			    size_t room)
{
	bool waits = sock_blocks(sock) && !(m->flags & MSG_DONTWAIT);
	struct iovec part = {data, MIN(m->size, (uint64_t)room)};
	struct msghdr h = {.msg_iov = &part,
			   .msg_iovlen = 1,
			   .msg_control = m->control_len ? m->control : NULL,
			   .msg_controllen = m->control_len};
	uint64_t done = 0, have = part.iov_len;
	int err = 0;

	/* Of IP's only those are sent here that are connected. */
	if (m->name_len && !k->ip) {
		h.msg_name = &m->name;
		h.msg_namelen = m->name_len;
	}
	for (;;) {
		ssize_t n =
			send_by_rights(j, sock, &h, m->flags | MSG_NOSIGNAL | MSG_DONTWAIT, k->domain == AF_NETLINK);

		if (n >= 0) {
			done += (uint64_t)n;
			have -= (uint64_t)n;
			part.iov_base = (uint8_t *)part.iov_base + n;
			/* What goes along went with the first byte. */
			h.msg_control = NULL;
			h.msg_controllen = 0;
			if (!k->stream || done == m->size || !waits)
				break;
			if (!have) {
				have = MIN(m->size - done, (uint64_t)room);
				part.iov_base = data;
				err = message_gather(j, m, done, data, have);
				if (!err && call_waits(j))
					err = -ESRCH;
			}
			part.iov_len = have;
		} else if (errno == EAGAIN && waits) {
			err = call_poll(j, sock, POLLOUT, sock_patience(sock, SO_SNDTIMEO));
		} else if (errno != EINTR) {
			err = -errno;
		}
		if (err)
			break;
	}
	if (err == -EPIPE && !done && k->stream && !(m->flags & MSG_NOSIGNAL))
		break_pipe(j);
	return done || !err ? (int64_t)done : err;
}

/* A message of any socket. @m: read */
static int64_t send_message(struct job *j, int sock, struct message *m)
{
	struct kind k;
	size_t room;
	uint8_t *data;
	int64_t result = look(sock, &k);

	if (!result)
		result = message_control(j, m);
	if (result)
		return result;
	/* A connection in the message, and Unix datagrams, which could go to any socket of the machine. */
	if (k.ip && k.stream && m->flags & MSG_FASTOPEN)
		return -EOPNOTSUPP;
	if (k.domain == AF_UNIX && k.type == SOCK_DGRAM && m->name_len)
		return -EACCES;
	/* The bytes are skep's, and not there for longer than the call. */
	m->flags &= ~MSG_ZEROCOPY;
	if (k.ip)
		keep_segment(m);
	/* To sendto(2) an address of no length is one that is too short. */
	if (k.ip && !k.stream && !m->at && m->name_at && !m->name_len)
		return -EINVAL;
	if (k.ip && k.stream)
		m->name_len = 0;
	/* Without a family an address is one of IPv4 to such sockets, and none to those of IPv6 (net/ipv4/udp.c, net/ipv6/udp.c). */
	if (m->name_len >= sizeof(m->name.ss_family) && m->name.ss_family == AF_UNSPEC && k.domain == AF_INET)
		m->name.ss_family = AF_INET;
	else if (m->name_len >= sizeof(struct sockaddr_in) && m->name.ss_family == AF_UNSPEC && k.domain == AF_INET6)
		m->name_len = 0;
	if (!k.stream && m->size > (k.ip ? DATAGRAM_MAX : MESSAGE_AT_ONCE))
		return -EMSGSIZE;
	room = MIN(m->size, (uint64_t)MESSAGE_AT_ONCE);
	data = malloc(room + 1);
	if (!data)
		return -ENOMEM;
	result = message_gather(j, m, 0, data, room);
	if (!result)
		result = call_waits(j);
	if (!result)
		result = k.ip && m->name_len ? send_datagrams(j, sock, m, data)
					     : send_plainly(j, sock, &k, m, data, room);
	free(data);
	return result;
}

/*
 * The socket of a call that sends. Where sockets are parked the kernel makes the calls of all that are not (calls_parked.c): they can lead nowhere. But only when nobody
 * can put another one under the number meanwhile: open files are shared by threads alone then (hook/tree/filter.c), and this task is the only one of its process.
 * Return: it, or with a negative number what the call is to end with.
 */
static int64_t sending_socket(struct job *j)
{
	int sock = call_socket(j, j->call.args[0]);

	return sock != -EOPNOTSUPP || !j->c->parked ? sock : call_is_alone(j) ? CALLS_GO_ON : -EACCES;
}

int64_t make_sendto(struct job *j)
{
	int64_t sock = sending_socket(j), result;
	struct message m;

	if (sock < 0)
		return sock;
	result = message_of(j, false, &m);
	if (!result)
		result = send_message(j, (int)sock, &m);
	message_free(&m);
	return result;
}

int64_t make_sendmsg(struct job *j)
{
	int64_t sock = sending_socket(j), result;
	struct message m;

	if (sock < 0)
		return sock;
	result = message_read(j, j->call.args[1], false, &m);
	m.flags = (int)j->call.args[2];
	if (!result)
		result = send_message(j, (int)sock, &m);
	message_free(&m);
	return result;
}

int64_t make_sendmmsg(struct job *j)
{
	size_t whole, head = message_size(j, &whole);
	uint32_t n = MIN((uint32_t)j->call.args[2], (uint32_t)MESSAGE_PARTS), done = 0;
	int64_t sock = sending_socket(j), result = sock < 0 ? sock : 0;

	while (done < n && result >= 0) {
		uint64_t at = j->call.args[1] + done * whole;
		struct message m;
		uint32_t sent;

		result = message_read(j, at, false, &m);
		m.flags = (int)j->call.args[3];
		if (!result)
			result = send_message(j, (int)sock, &m);
		message_free(&m);
		sent = (uint32_t)result;
		if (result >= 0 && !call_write(j, at + head, &sent, sizeof(sent)))
			result = -EFAULT;
		done += result >= 0;
	}
	return done ? done : result;
}

/* Is it a socket of datagrams whose source wants a look? */
static bool is_known(struct job *j, int sock)
{
	struct known k;

	if (sock < 0 || !known_get(j->c, sock_inode(sock), &k))
		return false;
	relay_put(k.conn);
	return k.datagrams;
}

/* One datagram for the task. @wait: until there is one */
static int64_t receive(struct job *j, int sock, struct message *m, bool wait)
{
	size_t room = MIN(m->size, (uint64_t)DATAGRAM_MAX);
	struct sockaddr_storage from = {0}, named;
	uint8_t *data = malloc(room + 1), *control = malloc(m->control_len + 1);
	struct iovec part = {data, room};
	struct msghdr h = {.msg_name = &from,
			   .msg_namelen = sizeof(from),
			   .msg_iov = &part,
			   .msg_iovlen = 1,
			   .msg_control = m->control_len ? control : NULL,
			   .msg_controllen = m->control_len};
	int64_t n = data && control ? call_waits(j) : -ENOMEM;
	bool v6 = sock_option(sock, SOL_SOCKET, SO_DOMAIN) == AF_INET6;

	while (!n) {
		n = recvmsg(sock, &h, m->flags | MSG_DONTWAIT);
		if (n >= 0)
			break;
		n = errno == EAGAIN && wait ? call_poll(j, sock, POLLIN, sock_patience(sock, SO_RCVTIMEO))
		    : errno == EINTR        ? 0
					    : -errno;
	}
	if (n >= 0 && relay_named(j->c->relay, &from, &named)) {
		from = named;
		h.msg_namelen = near_as_seen(&from, v6);
	}
	if (n >= 0 && message_scatter(j, m, data, MIN((size_t)n, room)))
		n = -EFAULT;
	if (n >= 0 && m->at &&
	    message_finish(j, m, &from, h.msg_namelen, control, h.msg_control ? h.msg_controllen : 0, h.msg_flags))
		n = -EFAULT;
	if (n >= 0 && !m->at && m->name_at &&
	    (!call_write(j, m->name_at, &from, MIN(m->name_len, h.msg_namelen)) ||
	     !call_write(j, j->call.args[5], &h.msg_namelen, sizeof(socklen_t))))
		n = -EFAULT;
	free(data);
	free(control);
	return n;
}

int64_t make_recvfrom(struct job *j)
{
	int sock = call_socket(j, j->call.args[0]);
	struct message m;
	int64_t result;

	if (!is_known(j, sock))
		return CALLS_GO_ON;
	result = message_of(j, true, &m);
	if (!result && !call_read(j, &m.name_len, j->call.args[5], sizeof(m.name_len)))
		result = -EFAULT;
	if (!result && (int)m.name_len < 0)
		result = -EINVAL;
	if (!result)
		result = receive(j, sock, &m, sock_blocks(sock) && !(m.flags & MSG_DONTWAIT));
	message_free(&m);
	return result;
}

int64_t make_recvmsg(struct job *j)
{
	int sock = call_socket(j, j->call.args[0]);
	struct message m;
	int64_t result;

	if (!is_known(j, sock))
		return CALLS_GO_ON;
	result = message_read(j, j->call.args[1], true, &m);
	m.flags = (int)j->call.args[2];
	if (!result)
		result = receive(j, sock, &m, sock_blocks(sock) && !(m.flags & MSG_DONTWAIT));
	message_free(&m);
	return result;
}

int64_t make_recvmmsg(struct job *j)
{
	size_t whole, head = message_size(j, &whole);
	uint32_t n = MIN((uint32_t)j->call.args[2], (uint32_t)MESSAGE_PARTS), done = 0;
	int sock = call_socket(j, j->call.args[0]), flags = (int)j->call.args[3];
	int64_t result = 0;

	if (!is_known(j, sock))
		return CALLS_GO_ON;
	while (done < n && result >= 0) {
		uint64_t at = j->call.args[1] + done * whole;
		bool wait = sock_blocks(sock) && !(flags & MSG_DONTWAIT) && !(done && flags & MSG_WAITFORONE);
		struct message m;
		uint32_t got;

		result = message_read(j, at, true, &m);
		m.flags = flags & ~MSG_WAITFORONE;
		if (!result)
			result = receive(j, sock, &m, wait);
		message_free(&m);
		got = (uint32_t)result;
		if (result >= 0 && !call_write(j, at + head, &got, sizeof(got)))
			result = -EFAULT;
		done += result >= 0;
	}
	return done ? done : result;
}
