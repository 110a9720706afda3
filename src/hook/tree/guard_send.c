/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sendto(2), sendmsg(2) and sendmmsg(2), made for tasks of the tree where programs decide on datagrams (cgroup/sendmsg4, sendmsg6). What a task could change meanwhile
 * is used once: its socket is duplicated, its message copied (name, control, files in it, bytes); is the task still there, all of it was its own; then skep is asked
 * about the address, and the copy is sent. Which call it is, is a number, but what the number of a file stands for is not: so these calls are made on all sockets
 * alike. Only sendto(2) without an address is the kernel's: it asks nobody (hook/tree/filter.c).
 *
 * Programs are asked where the kernel asks (net/ipv4/udp.c, udp_sendmsg(); net/ipv6/udp.c, udpv6_sendmsg()), about messages of UDP that name an address which
 * the kernel would take; what it would refuse anyway it refuses here, for it is given the same. An address of IPv4 on a socket of IPv6 is IPv4's. It differs in this:
 *
 *   - pieces of one datagram (MSG_MORE, UDP_CORK) are asked about one by one, and of a connected socket's messages none; the kernel asks about the first
 *     piece, and on a connected socket where control messages go along or IPv4 is spoken by IPv6's
 *   - a source that a program chooses goes to the kernel as IP_PKTINFO or IPV6_PKTINFO: it must be an address of the task's network
 *   - who sends over a Unix socket is told to its other end in a control message, so it cannot name another process, nor another user that it may act as
 *   - what is more than MESSAGE_MAX bytes and no stream's is EMSGSIZE
 */
#include "hook/tree/guard_inside.h"

#include "base/util.h"
#include "hook/calls/message.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>

#ifndef MSG_ZEROCOPY
#define MSG_ZEROCOPY 0x4000000
#endif

enum {
	MESSAGE_MAX = 16 << 20,
	V6_SHORTEST = 24, /* SIN6_LEN_RFC2133 */
	NOT_SUPPORTED = 524, /* the kernel's ENOTSUPP, which it lets out here */
	UDPLITE = 136,
};

/* What goes along, put in front of what the task has: who sends, or where from. */
union front {
	struct cmsghdr align;
	uint8_t bytes[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

struct send {
	struct caller *c;
	const struct guard_call *call;
	struct job j; /* the message's way to the task's memory */
	struct thread thread;
	struct message m;
	int sock, domain, type;
	bool datagrams; /* of UDP */
	struct guard_asked asked;
};

bool guard_send_is(int nr)
{
	return nr == SYS_sendto || nr == SYS_sendmsg || nr == SYS_sendmmsg;
}

static int option(int sock, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	return getsockopt(sock, SOL_SOCKET, name, &value, &len) ? -errno : value;
}

static int look_at(struct send *s)
{
	int protocol;

	s->sock = (int)syscall(SYS_pidfd_getfd, s->c->pidfd, (int)s->call->args[0], 0);
	if (s->sock < 0)
		return -errno;
	s->domain = option(s->sock, SO_DOMAIN);
	if (s->domain < 0)
		return s->domain;
	s->type = option(s->sock, SO_TYPE);
	protocol = option(s->sock, SO_PROTOCOL);
	s->datagrams = (s->domain == AF_INET || s->domain == AF_INET6) && s->type == SOCK_DGRAM &&
		       (protocol == IPPROTO_UDP || protocol == UDPLITE);
	return 0;
}

/* What the message says of the source that it wants, if it does. Return: where it stands in the copy. */
static struct cmsghdr *find_source(const struct message *m, bool six)
{
	struct msghdr h = {.msg_control = m->control, .msg_controllen = m->control_len};
	struct cmsghdr *found = NULL;

	for (struct cmsghdr *c = m->control_len ? CMSG_FIRSTHDR(&h) : NULL; c; c = CMSG_NXTHDR(&h, c))
		if (six ? c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO &&
				    c->cmsg_len >= CMSG_LEN(sizeof(struct in6_pktinfo))
			: c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO &&
				    c->cmsg_len >= CMSG_LEN(sizeof(struct in_pktinfo)))
			found = c;
	return found;
}

/* The source that the kernel would use as far as it is chosen: the message's, else the socket's. */
static void find_from(const struct send *s, struct guard_way *w)
{
	struct sockaddr_storage own = {0};
	socklen_t len = sizeof(own);
	struct cmsghdr *told = find_source(&s->m, w->six);
	struct sockaddr_in6 six;
	struct sockaddr_in four;
	struct in6_pktinfo info6;
	struct in_pktinfo info;

	memset(w->from, 0, sizeof(w->from));
	if (getsockname(s->sock, (struct sockaddr *)&own, &len))
		return;
	memcpy(&six, &own, sizeof(six));
	memcpy(&four, &own, sizeof(four));
	if (w->six)
		memcpy(w->from, &six.sin6_addr, sizeof(w->from));
	else if (own.ss_family == AF_INET6)
		w->from[0] = IN6_IS_ADDR_V4MAPPED(&six.sin6_addr) ? six.sin6_addr.s6_addr32[3] : 0;
	else
		w->from[0] = IN_MULTICAST(ntohl(four.sin_addr.s_addr)) ? 0 : four.sin_addr.s_addr;
	if (told && w->six) {
		memcpy(&info6, CMSG_DATA(told), sizeof(info6));
		if (!IN6_IS_ADDR_UNSPECIFIED(&info6.ipi6_addr))
			memcpy(w->from, &info6.ipi6_addr, sizeof(w->from));
	} else if (told) {
		memcpy(&info, CMSG_DATA(told), sizeof(info));
		w->from[0] = info.ipi_spec_dst.s_addr;
	}
	told = w->six ? NULL : find_source(&s->m, true);
	if (told && s->domain == AF_INET6) {
		memcpy(&info6, CMSG_DATA(told), sizeof(info6));
		if (IN6_IS_ADDR_V4MAPPED(&info6.ipi6_addr))
			w->from[0] = info6.ipi6_addr.s6_addr32[3];
	}
}

/* Is the socket one of IPv6 that has an address of IPv4, or may not? */
static bool is_six_only(int sock)
{
	int only = 0;
	socklen_t len = sizeof(only);

	return !getsockopt(sock, IPPROTO_IPV6, IPV6_V6ONLY, &only, &len) && only;
}

static bool is_four(int sock)
{
	struct sockaddr_in6 own = {0};
	socklen_t len = sizeof(own);

	return !getsockname(sock, (struct sockaddr *)&own, &len) && own.sin6_family == AF_INET6 &&
	       IN6_IS_ADDR_V4MAPPED(&own.sin6_addr);
}

/* Where the message is to go, as programs see it. Return: false: the kernel would not ask. */
static bool find_way(const struct send *s, struct guard_way *w)
{
	const struct message *m = &s->m;
	struct sockaddr_in6 six;
	struct sockaddr_in four;

	memset(w, 0, sizeof(*w));
	memcpy(&six, &m->name, sizeof(six));
	memcpy(&four, &m->name, sizeof(four));
	if (s->domain == AF_INET6 && m->name_len >= V6_SHORTEST && six.sin6_family == AF_INET6) {
		if (IN6_IS_ADDR_UNSPECIFIED(&six.sin6_addr) && is_four(s->sock))
			six.sin6_addr.s6_addr32[3] = htonl(INADDR_LOOPBACK);
		else
			w->six = !IN6_IS_ADDR_V4MAPPED(&six.sin6_addr);
		four = (struct sockaddr_in){.sin_family = AF_INET,
					    .sin_port = six.sin6_port,
					    .sin_addr.s_addr = six.sin6_addr.s6_addr32[3]};
	} else if (m->name_len < sizeof(four) ||
		   (four.sin_family != AF_INET && (s->domain == AF_INET6 || four.sin_family != AF_UNSPEC))) {
		return false;
	}
	if (!four.sin_port || (s->domain == AF_INET6 && !w->six && is_six_only(s->sock)))
		return false;
	w->to_len = w->six ? m->name_len : sizeof(four);
	if (w->six)
		memcpy(&w->to, &m->name, sizeof(w->to));
	else
		memcpy(&w->to, &four, sizeof(four));
	find_from(s, w);
	return true;
}

/* Puts a control message in front. @used: bytes that are there */
static void put_front(union front *f, size_t *used, int level, int type, const void *data, size_t len)
{
	struct cmsghdr h = {.cmsg_level = level, .cmsg_type = type, .cmsg_len = CMSG_LEN(len)};

	memset(f->bytes + *used, 0, CMSG_SPACE(len));
	memcpy(f->bytes + *used, &h, sizeof(h));
	memcpy(f->bytes + *used + sizeof(h), data, len);
	*used += CMSG_SPACE(len);
}

/* The source that a program wants: in place of what the message says, or beside it. */
static void put_from(struct message *m, const struct guard_way *w, union front *f, size_t *used)
{
	struct cmsghdr *told = find_source(m, w->six), *mapped = w->six ? NULL : find_source(m, true);
	struct in6_pktinfo info6 = {0};
	struct in_pktinfo info = {0};

	if (mapped) {
		memcpy(&info6, CMSG_DATA(mapped), sizeof(info6));
		if (IN6_IS_ADDR_V4MAPPED(&info6.ipi6_addr)) {
			info6.ipi6_addr.s6_addr32[3] = w->from[0];
			memcpy(CMSG_DATA(mapped), &info6, sizeof(info6));
		}
	}
	if (w->six) {
		if (told)
			memcpy(&info6, CMSG_DATA(told), sizeof(info6));
		memcpy(&info6.ipi6_addr, w->from, sizeof(info6.ipi6_addr));
		if (told)
			memcpy(CMSG_DATA(told), &info6, sizeof(info6));
		else
			put_front(f, used, IPPROTO_IPV6, IPV6_PKTINFO, &info6, sizeof(info6));
		return;
	}
	if (told)
		memcpy(&info, CMSG_DATA(told), sizeof(info));
	info.ipi_spec_dst.s_addr = w->from[0];
	if (told)
		memcpy(CMSG_DATA(told), &info, sizeof(info));
	else
		put_front(f, used, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
}

/* Asks, and has the message go where programs want it to. */
static int decide(struct send *s, union front *f, size_t *used)
{
	struct guard_way *w = &s->asked.way, before;
	const int fds[GUARD_FDS] = {-1, s->sock, -1, -1};
	struct sockaddr_in6 six;
	struct sockaddr_in four;
	int err;

	if (!find_way(s, w))
		return 0;
	s->asked.op = GUARD_SEND;
	s->asked.fds = GUARD_FILE;
	s->asked.flags = (uint32_t)s->m.flags;
	s->asked.link[0] = 0;
	before = *w;
	err = guard_question_ask(guard_self.notes, guard_self.from, s->call, &s->asked, fds);
	if (err)
		return err;
	memcpy(&six, &w->to, sizeof(six));
	memcpy(&four, &w->to, sizeof(four));
	if (w->six && IN6_IS_ADDR_V4MAPPED(&six.sin6_addr))
		return -NOT_SUPPORTED;
	if (!four.sin_port)
		return -EINVAL;
	s->m.name = w->to;
	s->m.name_len = before.to_len;
	if (memcmp(w->from, before.from, before.six ? sizeof(w->from) : sizeof(w->from[0])))
		put_from(&s->m, w, f, used);
	return 0;
}

/* Who sends: the kernel would tell the other end that it was the guard. */
static void put_sender(const struct send *s, union front *f, size_t *used)
{
	const struct ucred who = {.pid = s->c->tgid, .uid = s->c->uids[1], .gid = s->c->gids[1]};

	put_front(f, used, SOL_SOCKET, SCM_CREDENTIALS, &who, sizeof(who));
}

/* Without SO_SNDTIMEO; with it an interrupted call does not begin again (man 7 signal). */
static bool waits_for_ever(int sock)
{
	struct timeval t = {0};
	socklen_t len = sizeof(t);

	return getsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &t, &len) || (!t.tv_sec && !t.tv_usec);
}

static bool may_wait(const struct send *s)
{
	int mode = fcntl(s->sock, F_GETFL);

	return !(s->m.flags & MSG_DONTWAIT) && mode >= 0 && !(mode & O_NONBLOCK);
}

/* What goes at once; if nothing does it may wait, where the task's signals are heard. */
static ssize_t send_piece(const struct send *s, struct msghdr *h, int flags)
{
	ssize_t n = sendmsg(s->sock, h, flags | MSG_DONTWAIT);
	int number;

	if (n >= 0 || errno != EAGAIN || !may_wait(s))
		return n < 0 ? -errno : n;
	number = recall_begin(s->c->dir);
	n = sendmsg(s->sock, h, flags);
	n = n < 0 ? -errno : n;
	recall_end(number);
	return n == -EINTR && waits_for_ever(s->sock) ? -RECALLED : n;
}

/* @data: the message's first @have bytes. A stream's others follow piece by piece. */
static int64_t send_all(struct send *s, uint8_t *data, size_t have, union front *f, size_t used)
{
	struct message *m = &s->m;
	AUTO_FREE uint8_t *control = used ? malloc(used + m->control_len) : NULL;
	struct iovec part = {data, have};
	struct msghdr h = {.msg_name = m->name_len ? &m->name : NULL,
			   .msg_namelen = m->name_len,
			   .msg_iov = &part,
			   .msg_iovlen = 1,
			   .msg_control = m->control_len ? m->control : NULL,
			   .msg_controllen = m->control_len};
	int flags = m->flags | MSG_NOSIGNAL;
	uint64_t done = 0;
	ssize_t n;

	if (used) {
		if (!control)
			return -ENOMEM;
		memcpy(control, f->bytes, used);
		if (m->control_len)
			memcpy(control + used, m->control, m->control_len);
		h.msg_control = control;
		h.msg_controllen = used + m->control_len;
	}
	for (;;) {
		n = send_piece(s, &h, flags);
		if (n < 0)
			break;
		done += (uint64_t)n;
		if (s->type != SOCK_STREAM || done >= m->size || !n || ((size_t)n < part.iov_len && !may_wait(s)))
			break;
		/* What goes along went with the first byte. */
		h.msg_control = NULL;
		h.msg_controllen = 0;
		part.iov_base = (uint8_t *)part.iov_base + n;
		part.iov_len -= (size_t)n;
		if (part.iov_len)
			continue;
		part = (struct iovec){data, MIN(m->size - done, (uint64_t)MESSAGE_AT_ONCE)};
		n = message_gather(&s->j, m, done, data, part.iov_len);
		if (!n && !guard_still_waits(s->c, s->call->id))
			n = -ESRCH;
		if (n)
			break;
	}
	if (n == -EPIPE && !done && s->type == SOCK_STREAM && !(m->flags & MSG_NOSIGNAL))
		syscall(SYS_tgkill, s->c->tgid, s->c->tid, SIGPIPE);
	return done || n >= 0 ? (int64_t)done : n;
}

/* A message that has been read. */
static int64_t send_message(struct send *s)
{
	struct message *m = &s->m;
	size_t room = MIN(m->size, (uint64_t)MESSAGE_AT_ONCE), used = 0;
	int64_t result = message_control(&s->j, m);
	union front front;
	uint8_t *data;

	if (result)
		return result;
	if (s->datagrams && m->size > UINT16_MAX)
		return -EMSGSIZE;
	if (s->type != SOCK_STREAM) {
		if (m->size > MESSAGE_MAX)
			return -EMSGSIZE;
		room = m->size;
	}
	/* Its pages may be sent without being copied (MSG_ZEROCOPY): they are not used again. */
	data = mmap(NULL, room + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (data == MAP_FAILED)
		return -ENOMEM;
	result = message_gather(&s->j, m, 0, data, room);
	/* All of this was the caller's, if it is still there. */
	if (!result && !guard_still_waits(s->c, s->call->id))
		result = -ESRCH;
	if (!result && s->datagrams && m->name_len)
		result = decide(s, &front, &used);
	if (!result && s->domain == AF_UNIX)
		put_sender(s, &front, &used);
	if (!result)
		result = send_all(s, data, room, &front, used);
	munmap(data, room + 1);
	return result;
}

static int64_t send_many(struct send *s)
{
	size_t whole, head = message_size(&s->j, &whole);
	uint32_t n = MIN((uint32_t)s->call->args[2], (uint32_t)MESSAGE_PARTS), done = 0;
	int64_t result = 0;

	while (done < n && result >= 0) {
		uint64_t at = s->call->args[1] + done * whole;
		uint32_t sent;

		result = message_read(&s->j, at, false, &s->m);
		s->m.flags = (int)s->call->args[3];
		if (!result)
			result = send_message(s);
		message_free(&s->m);
		sent = (uint32_t)result;
		if (result >= 0 && !call_write(&s->j, at + head, &sent, sizeof(sent)))
			result = -EFAULT;
		done += result >= 0;
	}
	return done ? done : result;
}

/* The guard's powers over the network are not the task's: control messages may ask for what only they allow (SO_MARK). @keep: what they were */
static int lower(struct __user_cap_data_struct keep[2])
{
	const uint64_t gone = 1ull << CAP_NET_ADMIN | 1ull << CAP_NET_RAW;
	struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct d[2];

	if (syscall(SYS_capget, &h, keep))
		return -EPERM;
	memcpy(d, keep, sizeof(d));
	d[0].effective &= ~(uint32_t)gone;
	return syscall(SYS_capset, &h, d) ? -EPERM : 0;
}

static void raise_again(const struct __user_cap_data_struct keep[2])
{
	struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};

	if (syscall(SYS_capset, &h, keep))
		_exit(1); /* not fit to go on */
}

static int64_t send_one(struct send *s)
{
	const struct guard_call *call = s->call;
	int64_t result = call->native == SYS_sendto ? message_of(&s->j, false, &s->m)
						    : message_read(&s->j, call->args[1], false, &s->m);

	if (call->native == SYS_sendmsg)
		s->m.flags = (int)call->args[2];
	if (!result)
		result = send_message(s);
	message_free(&s->m);
	return result;
}

int sends_make(struct caller *c, const struct guard_call *call)
{
	struct send *s = calloc(1, sizeof(*s));
	struct __user_cap_data_struct powers[2];
	int64_t result;

	if (!s)
		return -ENOMEM;
	s->c = c;
	s->call = call;
	s->thread = (struct thread){.tid = c->tid, .tgid = c->tgid, .pidfd = c->pidfd};
	s->j = (struct job){.dir = -1, .call = {.thread = &s->thread, .compat = call->arch == AUDIT_ARCH_I386}};
	memcpy(s->j.call.args, call->args, sizeof(call->args));
	result = look_at(s);
	if (!result)
		result = lower(powers);
	if (!result) {
		result = call->native == SYS_sendmmsg ? send_many(s) : send_one(s);
		raise_again(powers);
	}
	if (s->sock >= 0)
		close(s->sock);
	free(s);
	return (int)result;
}
