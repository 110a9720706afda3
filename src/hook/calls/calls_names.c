/* SPDX-License-Identifier: BSD-2-Clause */
/* socket(2), and what a socket tells the task of itself: its names, its error. */
#include "hook/calls/calls_inside.h"

#include "base/util.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { JOIN_MS = 200 };

/* What kind of IP's sockets there are. Return: 0 or the kernel's word for those that there are not. */
static int check_kind(int kind, int protocol)
{
	if (kind == SOCK_RAW)
		return -EPERM;
	if (kind != SOCK_STREAM && kind != SOCK_DGRAM)
		return -ESOCKTNOSUPPORT;
	/* The echo of ping: the kernel says the same to users who may not. */
	if (kind == SOCK_DGRAM && (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6))
		return -EACCES;
	return protocol && protocol != (kind == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP) ? -EPROTONOSUPPORT : 0;
}

/* Makes one that stays on this machine. Return: it, or a negative errno. */
static int new_socket(struct calls *c, int domain, int type, int protocol)
{
	int kind = type & 0xf, mark = (int)relay_mark(c->relay), err = check_kind(kind, protocol), fd;

	if (err)
		return err;
	fd = socket(domain, type | SOCK_CLOEXEC, kind == SOCK_DGRAM && c->parked ? IPPROTO_UDPLITE : protocol);
	if (fd < 0)
		return -errno;
	if (!sock_stay(fd) && (kind != SOCK_STREAM || !setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &mark, sizeof(mark))))
		return fd;
	close(fd);
	return -EPERM;
}

int64_t make_socket(struct job *j, bool *answered)
{
	const uint64_t *a = j->call.args;
	int domain = (int)a[0], type = (int)a[1];
	bool ip = domain == AF_INET || domain == AF_INET6;
	uint32_t inode;
	int64_t result;
	int fd;

	*answered = false;
	/* Others come where programs want to see them, and where sockets are parked. */
	if (!ip && !j->c->parked)
		return CALLS_GO_ON;
	if (type & ~(0xf | SOCK_CLOEXEC | SOCK_NONBLOCK))
		return -EINVAL;
	fd = ip ? new_socket(j->c, domain, type, (int)a[2]) : socket(domain, type | SOCK_CLOEXEC, (int)a[2]);
	if (fd < 0)
		return ip ? fd : -errno;
	inode = sock_inode(fd);
	result = parked_add(j->c, fd);
	if (result) {
		close(fd);
		return result;
	}
	result = engine_call_give(&j->call, fd, type & SOCK_CLOEXEC);
	*answered = result >= 0;
	if (result < 0)
		parked_drop(j->c, inode);
	return result;
}

/* Has it names of its own? */
static bool find_names(struct job *j, bool peer, struct known *k)
{
	uint32_t inode = call_inode(j, j->call.args[0]);
	struct sockaddr_storage name = {0};
	socklen_t len = sizeof(name);
	bool there;
	int err;

	if (!inode || !known_get(j->c, inode, k))
		return false;
	there = k->has_names && (!k->conn || relay_wait(j->c->relay, k->conn, 0, &err) != RELAY_FAILED);
	/* As long as it is on its way it has a copy; without one it is said to be joined at any moment. */
	if (there && call_socket(j, j->call.args[0]) >= 0 && sock_inode(j->call.sock) == inode)
		there = !(peer ? getpeername(j->call.sock, (struct sockaddr *)&name, &len)
			       : getsockname(j->call.sock, (struct sockaddr *)&name, &len));
	else if (there && peer && k->conn)
		there = relay_wait(j->c->relay, k->conn, JOIN_MS, &err) == RELAY_JOINED;
	relay_put(k->conn);
	return there;
}

int64_t make_name(struct job *j, bool peer)
{
	struct sockaddr_storage name = {0};
	socklen_t len = sizeof(name), room;
	struct known k;
	int sock;

	if (find_names(j, peer, &k)) {
		name = peer ? k.peer : k.local;
		len = name.ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
	} else {
		/* The kernel may tell; made here its end is heard of. */
		sock = engine_call_wanted(&j->call) ? call_socket(j, j->call.args[0]) : -EOPNOTSUPP;
		if (sock == -EOPNOTSUPP)
			return CALLS_GO_ON;
		if (sock < 0)
			return sock;
		if (peer ? getpeername(sock, (struct sockaddr *)&name, &len)
			 : getsockname(sock, (struct sockaddr *)&name, &len))
			return -errno;
	}
	if (!call_read(j, &room, j->call.args[2], sizeof(room)))
		return -EFAULT;
	if ((int)room < 0)
		return -EINVAL;
	if (call_waits(j))
		return -ESRCH;
	return call_write(j, j->call.args[1], &name, MIN(room, len)) &&
			       call_write(j, j->call.args[2], &len, sizeof(len))
		       ? 0
		       : -EFAULT;
}

bool calls_name(void *arg, int sock, bool peer, struct sockaddr_storage *name, socklen_t *len)
{
	struct calls *c = arg;
	struct known k;
	bool there;
	int err;

	if (!known_get(c, sock_inode(sock), &k))
		return false;
	there = k.has_names && (!k.conn || relay_wait(c->relay, k.conn, 0, &err) == RELAY_JOINED);
	relay_put(k.conn);
	if (there) {
		*name = peer ? k.peer : k.local;
		*len = name->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
	}
	return there;
}

int calls_file(void *arg, struct thread *t, int fd)
{
	struct job j = {.c = arg, .dir = -1, .call = {.thread = t, .sock = -1}};
	int got = call_socket(&j, (uint64_t)fd);

	if (j.dir >= 0)
		close(j.dir);
	return got;
}

int64_t make_listen(struct job *j)
{
	int sock = call_socket(j, j->call.args[0]);

	/* One of datagrams cannot listen, and is known for as long as it is there. */
	if (sock >= 0 && sock_option(sock, SOL_SOCKET, SO_TYPE) != SOCK_DGRAM)
		parked_drop(j->c, sock_inode(sock));
	return CALLS_GO_ON;
}

int64_t make_error(struct job *j)
{
	uint32_t inode = call_inode(j, j->call.args[0]);
	int err = 0, told = 0, sock;
	socklen_t len;
	struct known k;

	if (!inode || !known_get(j->c, inode, &k))
		return CALLS_GO_ON;
	if (k.conn && relay_wait(j->c->relay, k.conn, 0, &err) == RELAY_FAILED)
		told = -err;
	relay_put(k.conn);
	if (!told)
		return CALLS_GO_ON;
	if (!call_read(j, &len, j->call.args[4], sizeof(len)))
		return -EFAULT;
	if ((int)len < 0)
		return -EINVAL;
	if (call_waits(j))
		return -ESRCH;
	known_told(j->c, inode);
	sock = call_socket(j, j->call.args[0]);
	if (sock >= 0)
		sock_option(sock, SOL_SOCKET, SO_ERROR); /* the kernel's own word for it is not told again */
	len = MIN(len, (socklen_t)sizeof(told));
	return call_write(j, j->call.args[3], &told, len) && call_write(j, j->call.args[4], &len, sizeof(len))
		       ? 0
		       : -EFAULT;
}
