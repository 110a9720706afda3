/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sockets: what the kernel says of a duplicate of the task's own fd. A socket is known by its cookie; in a later event it is looked at again through the fd that it
 * had, and if another one is there by now, or the task cannot be asked, all stays as it was.
 */
#include "hook/task/engine.h"
#include "hook/task/objects.h"

#include "base/util.h"

#include <errno.h>
#include <linux/in6.h>
#include <linux/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

/* linux/in.h and netinet/in.h define the same; these are theirs. */
struct sockaddr_in_words {
	uint16_t family;
	uint16_t port;
	uint32_t addr;
	uint8_t zero[8];
};
union address {
	struct sockaddr any;
	struct sockaddr_in_words in;
	struct sockaddr_in6 in6;
	char room[128];
};

enum { IP_LEVEL = 0, TCP_LEVEL = 6, IPV6_LEVEL = 41 };
enum { OPT_IP_FREEBIND = 15, OPT_IP_TRANSPARENT = 19, OPT_IP_BIND_ADDRESS_NO_PORT = 24, OPT_IPV6_V6ONLY = 26 };
enum { STATE_ESTABLISHED = 1, STATE_SYN_SENT = 2, STATE_CLOSE = 7, STATE_LISTEN = 10 };

static uint64_t option(int fd, int level, int name)
{
	uint32_t value = 0;
	socklen_t len = sizeof(value);

	return getsockopt(fd, level, name, &value, &len) ? 0 : value;
}

static uint64_t cookie_of(int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) ? 0 : cookie;
}

static int sock_borrow(struct view *v, int fd, uint64_t *cookie)
{
	int dup = v->event ? task_file(v->event, fd) : -1;

	*cookie = dup < 0 ? 0 : cookie_of(dup);
	if (dup >= 0 && !*cookie) {
		close(dup);
		dup = -1;
	}
	return dup;
}

/* An fd to ask, the duplicate for this event; the view keeps it until another is asked for, or the event ends. -1: none. */
static int sock_fd(struct view *v, struct slot *s)
{
	uint64_t cookie;

	if (v->borrowed.cookie == s->key[0])
		return v->borrowed.fd;
	if (!v->event || s->tgid != v->task.tgid)
		return -1;
	view_return_fd(v);
	v->borrowed.fd = sock_borrow(v, s->fd, &cookie);
	v->borrowed.cookie = cookie;
	if (cookie == s->key[0])
		return v->borrowed.fd;
	view_return_fd(v);
	return -1;
}

void view_return_fd(struct view *v)
{
	if (v->borrowed.fd >= 0)
		close(v->borrowed.fd);
	v->borrowed.fd = -1;
	v->borrowed.cookie = 0;
}

struct slot *sock_slot(struct view *v, int fd)
{
	struct slot *s;
	uint64_t cookie;

	view_return_fd(v);
	v->borrowed.fd = sock_borrow(v, fd, &cookie);
	v->borrowed.cookie = cookie;
	if (!cookie)
		return NULL;
	s = objects_find(v->o, BUNDLE_SOCK, cookie, 0);
	if (!s)
		s = objects_make(v->o, BUNDLE_SOCK, cookie, 0);
	if (!s)
		return NULL;
	s->tid = v->task.tid;
	s->tgid = v->task.tgid;
	s->fd = fd;
	return s;
}

void fill_SOCK_SELF(struct view *v, struct slot *s)
{
	uint64_t sock = objects_address(v->o, s, PART_SOCK, 0);
	struct objects *o = v->o;
	int fd = sock_fd(v, s);

	put(o, s, M_SOCKET_SK, sock);
	put(o, s, M_SK_SOCKET, objects_address(o, s, PART_SOCKET, 0));
	put(o, s, M_SK_NET, objects_address(o, s, PART_SOCK_NET, 0));
	put(o, s, M_SK_COOKIE, s->key[0]);
	if (fd < 0)
		return;
	put(o, s, M_SOCKET_TYPE, option(fd, SOL_SOCKET, SO_TYPE));
	put(o, s, M_SK_TYPE, option(fd, SOL_SOCKET, SO_TYPE));
	put(o, s, M_SK_PROTOCOL, option(fd, SOL_SOCKET, SO_PROTOCOL));
	put(o, s, M_SK_FAMILY, option(fd, SOL_SOCKET, SO_DOMAIN));
}

/* An address of either family as the kernel's socket has it: the IPv4 words where there are some, the IPv6 ones for IPv6 sockets. */
static void put_address(struct objects *o, struct slot *s, const union address *a, enum member v4, enum member v6,
			uint32_t *in)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	*in = 0;
	if (a->any.sa_family == AF_INET) {
		*in = a->in.addr;
	} else if (a->any.sa_family == AF_INET6) {
		put_bytes(o, s, v6, &a->in6.sin6_addr, 16);
		if (!memcmp(&a->in6.sin6_addr, mapped, sizeof(mapped)))
			memcpy(in, (const uint8_t *)&a->in6.sin6_addr + 12, 4);
	}
	put(o, s, v4, *in);
}

/*
 * Where a connect(2) that ends goes to. While the answer is awaited, and when it was no, the kernel names no peer, but the socket had one when its function returned,
 * which is what programs look at then: it stands in the task's memory.
 */
static bool asked_peer(const struct view *v, const struct slot *s, union address *far)
{
	const struct task_event *e = v->event;
	struct iovec to = {far, 0}, from = {0};

	if (!e || e->kind != TASK_RETURN || e->native != SYS_connect || (int)e->args[0] != s->fd ||
	    s->tgid != v->task.tgid)
		return false;
	from.iov_base = (void *)(uintptr_t)e->args[1];
	to.iov_len = from.iov_len = MIN((size_t)(uint32_t)e->args[2], sizeof(far->in6));
	return process_vm_readv(e->thread->tid, &to, 1, &from, 1, 0) >= (ssize_t)sizeof(far->in);
}

static int name_of(const struct view *v, int fd, bool peer, union address *to)
{
	struct sockaddr_storage name = {0};
	socklen_t len = sizeof(name);
	int err = v->event ? task_name(v->event, fd, peer, &name, &len) : -ENOTCONN;

	if (!err)
		memcpy(to, &name, sizeof(*to));
	return err;
}

void fill_SOCK_NAMES(struct view *v, struct slot *s)
{
	union address near = {.any.sa_family = AF_UNSPEC}, far = near;
	struct objects *o = v->o;
	int fd = sock_fd(v, s);
	uint32_t in;

	if (fd < 0 || name_of(v, fd, false, &near))
		return;
	objects_clear(o, s, GROUP_SOCK_NAMES);
	if (near.any.sa_family != AF_INET && near.any.sa_family != AF_INET6)
		return;
	if (name_of(v, fd, true, &far) && !asked_peer(v, s, &far))
		far.any.sa_family = AF_UNSPEC;
	put_address(o, s, &near, M_SK_RCV_SADDR, M_SK_V6_RCV_SADDR, &in);
	put(o, s, M_INET_SADDR, in);
	/* Both families have their port at the same place, in network byte order. */
	put(o, s, M_INET_SPORT, near.in.port);
	put(o, s, M_SK_NUM, (uint16_t)(near.in.port >> 8 | near.in.port << 8));
	if (far.any.sa_family == AF_UNSPEC)
		return;
	put_address(o, s, &far, M_SK_DADDR, M_SK_V6_DADDR, &in);
	put(o, s, M_SK_DPORT, far.in.port);
}

/* Of sockets that are not TCP's. */
static uint64_t plain_state(int fd)
{
	union address far;
	socklen_t len = sizeof(far);

	if (option(fd, SOL_SOCKET, SO_ACCEPTCONN))
		return STATE_LISTEN;
	return getpeername(fd, &far.any, &len) ? STATE_CLOSE : STATE_ESTABLISHED;
}

void fill_SOCK_TCP(struct view *v, struct slot *s)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);
	struct objects *o = v->o;
	int fd = sock_fd(v, s);
	uint64_t state;

	if (fd < 0)
		return;
	if (getsockopt(fd, TCP_LEVEL, TCP_INFO, &info, &len)) {
		info = (struct tcp_info){0};
		state = plain_state(fd);
	} else {
		state = info.tcpi_state;
	}
	put(o, s, M_SK_STATE, state);
	/* SS_CONNECTING, SS_UNCONNECTED, SS_CONNECTED */
	put(o, s, M_SOCKET_STATE, state == STATE_SYN_SENT ? 2 : state == STATE_CLOSE || state == STATE_LISTEN ? 1 : 3);
	if (state == STATE_LISTEN) {
		put(o, s, M_SK_ACK_BACKLOG, info.tcpi_unacked);
		put(o, s, M_SK_MAX_ACK_BACKLOG, info.tcpi_sacked);
	}
	put(o, s, M_TCP_BYTES_ACKED, info.tcpi_bytes_acked);
	put(o, s, M_TCP_BYTES_RECEIVED, info.tcpi_bytes_received);
	put(o, s, M_TCP_SRTT, (uint64_t)info.tcpi_rtt << 3);
	put(o, s, M_TCP_MDEV, (uint64_t)info.tcpi_rttvar << 2);
	put(o, s, M_TCP_RETRANS, info.tcpi_total_retrans);
	put(o, s, M_TCP_SEGS_IN, info.tcpi_segs_in);
	put(o, s, M_TCP_SEGS_OUT, info.tcpi_segs_out);
	put(o, s, M_TCP_SND_CWND, info.tcpi_snd_cwnd);
}

void fill_SOCK_OPTIONS(struct view *v, struct slot *s)
{
	static const struct {
		enum member m;
		int level, name;
		uint8_t flag; /* bit of inet_flags, where the kernel keeps it there (Linux 6.6) */
	} options[] = {
		{M_SK_BOUND_DEV, SOL_SOCKET, SO_BINDTOIFINDEX, 0},
		{M_SK_REUSE, SOL_SOCKET, SO_REUSEADDR, 0},
		{M_SK_REUSEPORT, SOL_SOCKET, SO_REUSEPORT, 0},
		{M_SK_MARK, SOL_SOCKET, SO_MARK, 0},
		{M_SK_PRIORITY, SOL_SOCKET, SO_PRIORITY, 0},
		{M_SK_RCVBUF, SOL_SOCKET, SO_RCVBUF, 0},
		{M_SK_SNDBUF, SOL_SOCKET, SO_SNDBUF, 0},
		{M_SK_IPV6ONLY, IPV6_LEVEL, OPT_IPV6_V6ONLY, 0},
		{M_INET_FREEBIND, IP_LEVEL, OPT_IP_FREEBIND, 11},
		{M_INET_TRANSPARENT, IP_LEVEL, OPT_IP_TRANSPARENT, 15},
		{M_INET_NO_PORT, IP_LEVEL, OPT_IP_BIND_ADDRESS_NO_PORT, 18},
	};
	struct objects *o = v->o;
	int fd = sock_fd(v, s);
	uint64_t value, flags = 0;
	struct stat st;

	if (fd < 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		value = option(fd, options[i].level, options[i].name);
		put(o, s, options[i].m, value);
		flags |= (uint64_t)(options[i].flag && value) << options[i].flag;
	}
	put(o, s, M_INET_FLAGS, flags);
	/* SO_ERROR is not asked for: to read it is to take it away from the task. */
	if (!fstat(fd, &st))
		put(o, s, M_SK_UID, st.st_uid);
}

/* The namespace that the task is in: sockets of others are rare, and nothing tells them. */
void fill_SOCK_NS(struct view *v, struct slot *s)
{
	char name[PROC_NAME];
	struct stat st;

	if (!fstatat(v->o->proc, task_proc(s->tid, s->tgid, "ns/net", name), &st, 0))
		put(v->o, s, M_SOCK_NET_INUM, st.st_ino);
}
