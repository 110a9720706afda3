/* SPDX-License-Identifier: BSD-2-Clause */
/* connect(2) and bind(2), and where addresses lead to. */
#include "hook/calls/calls_inside.h"

#include "base/util.h"
#include "hook/net/port.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum {
	ERROR_MS = 10,
	DNS_PORT = 53,
	SIN6_LEN = 24 /* SIN6_LEN_RFC2133: what the kernel asks for at least */,
	LOOK_MS = 20
};

static struct in6_addr text_address(const char *text)
{
	struct in6_addr six;
	struct in_addr four;

	if (inet_pton(AF_INET, text, &four) == 1)
		return ip_v4(four.s_addr);
	inet_pton(AF_INET6, text, &six);
	return six;
}

/* Addresses that are the relay's, to which this machine may have no route. */
static bool is_own(const struct in6_addr *addr)
{
	static const char *const own[] = {PORT_GATEWAY4, PORT_DNS4, PORT_GATEWAY6, PORT_DNS6};
	struct in6_addr a;

	for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
		a = text_address(own[i]);
		if (!memcmp(&a, addr, sizeof(a)))
			return true;
	}
	return false;
}

int where_parse(const struct calls *c, int sock, const struct sockaddr_storage *at, socklen_t len, struct where *w)
{
	struct sockaddr_in6 six;
	struct sockaddr_in four;

	memcpy(&six, at, sizeof(six));
	memcpy(&four, at, sizeof(four));
	*w = (struct where){.named = *at, .port = ntohs(four.sin_port)};
	if (at->ss_family == AF_INET) {
		if (len < sizeof(four))
			return -EINVAL;
		w->addr = ip_v4(four.sin_addr.s_addr);
	} else if (at->ss_family == AF_INET6 && sock == AF_INET6) {
		if (len < SIN6_LEN)
			return -EINVAL;
		w->addr = six.sin6_addr;
	} else {
		return -EAFNOSUPPORT;
	}
	/* The unspecified address is the loopback's to connect(2). */
	if (IN6_IS_ADDR_UNSPECIFIED(&w->addr))
		w->addr = in6addr_loopback;
	w->family = IN6_IS_ADDR_V4MAPPED(&w->addr) ? AF_INET : AF_INET6;
	if (w->family == AF_INET && !w->addr.s6_addr32[3])
		w->addr = ip_v4(htonl(INADDR_LOOPBACK));
	w->loopback = w->family == AF_INET ? w->addr.s6_addr[12] == 127 : IN6_IS_ADDR_LOOPBACK(&w->addr);
	w->own = is_own(&w->addr);
	for (uint32_t i = 0; i < c->n_resolvers && w->port == DNS_PORT; i++)
		w->resolver |= !memcmp(&c->resolvers[i].sin6_addr, &w->addr, sizeof(w->addr));
	return 0;
}

struct flow_key where_key(const struct where *w, uint8_t proto)
{
	bool four = w->family == AF_INET;

	return (struct flow_key){
		.family = w->family,
		.proto = proto,
		.far = w->resolver   ? text_address(four ? PORT_DNS4 : PORT_DNS6)
		       : w->loopback ? text_address(four ? PORT_GATEWAY4 : PORT_GATEWAY6)
				     : w->addr,
		.far_port = w->port,
	};
}

int where_route(const struct where *w, bool broadcast, struct sockaddr_storage *local)
{
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(w->port), .sin6_addr = w->addr};
	struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(w->port)};
	bool v4 = w->family == AF_INET;
	AUTO_CLOSE int fd = socket(w->family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int on = 1;

	if (fd < 0)
		return -errno;
	memcpy(&four.sin_addr, &w->addr.s6_addr[12], sizeof(four.sin_addr));
	memcpy(&six.sin6_scope_id, &((const struct sockaddr_in6 *)&w->named)->sin6_scope_id,
	       w->named.ss_family == AF_INET6 ? sizeof(six.sin6_scope_id) : 0);
	if (broadcast)
		setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on));
	if (connect(fd, v4 ? (void *)&four : (void *)&six, v4 ? sizeof(four) : sizeof(six)))
		return -errno;
	return sock_name(fd, local) ? 0 : -errno;
}

static uint16_t port_of(const struct sockaddr_storage *at)
{
	struct sockaddr_in four; /* at the same place for IPv6 */

	memcpy(&four, at, sizeof(four));
	return ntohs(four.sin_port);
}

static void set_port(struct sockaddr_storage *at, uint16_t port)
{
	struct sockaddr_in four;

	memcpy(&four, at, sizeof(four));
	four.sin_port = htons(port);
	memcpy(at, &four, sizeof(four));
}

socklen_t near_as_seen(struct sockaddr_storage *at, bool v6)
{
	struct sockaddr_in6 six = {.sin6_family = AF_INET6};
	struct sockaddr_in four;

	if (at->ss_family == AF_INET6)
		return sizeof(six);
	if (!v6)
		return sizeof(four);
	memcpy(&four, at, sizeof(four));
	six.sin6_port = four.sin_port;
	six.sin6_addr = ip_v4(four.sin_addr.s_addr);
	memcpy(at, &six, sizeof(six));
	return sizeof(six);
}

socklen_t near_plain(struct sockaddr_storage *at)
{
	struct sockaddr_in four = {.sin_family = AF_INET};
	struct sockaddr_in6 six;

	memcpy(&six, at, sizeof(six));
	if (at->ss_family != AF_INET6)
		return sizeof(four);
	if (!IN6_IS_ADDR_V4MAPPED(&six.sin6_addr))
		return sizeof(six);
	four.sin_port = six.sin6_port;
	memcpy(&four.sin_addr, &six.sin6_addr.s6_addr[12], sizeof(four.sin_addr));
	memset(at, 0, sizeof(*at));
	memcpy(at, &four, sizeof(four));
	return sizeof(four);
}

int near_make(const struct calls *c, int family, struct sockaddr_storage *at, socklen_t *len)
{
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	struct sockaddr_in four = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	bool v4 = family == AF_INET;
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, c->parked ? IPPROTO_UDPLITE : 0);

	if (fd < 0)
		return -errno;
	if (!bind(fd, v4 ? (void *)&four : (void *)&six, v4 ? sizeof(four) : sizeof(six))) {
		*len = sock_name(fd, at);
		if (*len)
			return fd;
	}
	int err = -errno;

	close(fd);
	return err;
}

/* An address that the task has bound its socket to, and that packets to the outside are to have. */
static void find_source(const struct sockaddr_storage *bound, struct sockaddr_storage *source)
{
	struct sockaddr_storage at = *bound;
	struct sockaddr_in6 six;
	struct sockaddr_in four;

	*source = (struct sockaddr_storage){0};
	near_plain(&at);
	set_port(&at, 0);
	memcpy(&six, &at, sizeof(six));
	memcpy(&four, &at, sizeof(four));
	if (at.ss_family == AF_INET ? four.sin_addr.s_addr && ntohl(four.sin_addr.s_addr) >> 24 != 127
				    : !IN6_IS_ADDR_UNSPECIFIED(&six.sin6_addr) && !IN6_IS_ADDR_LOOPBACK(&six.sin6_addr))
		*source = at;
}

void ends_of(struct job *j, int sock, struct flow_key key, struct relay_ends *ends)
{
	struct sockaddr_storage bound;
	struct stat st = {0};

	*ends = (struct relay_ends){.key = key};
	if (sock_name(sock, &bound)) {
		ends->key.tree_port = port_of(&bound);
		find_source(&bound, &ends->source);
	}
	ends->owner.cookie = sock_cookie(sock);
	ends->owner.known = ends->owner.cookie != 0;
	if (!fstat(sock, &st)) {
		ends->owner.inode = (uint32_t)st.st_ino;
		ends->owner.uid = st.st_uid;
	}
	ends->owner.task = owners_task(j->c->owners, (uint32_t)j->call.thread->own_tgid);
}

struct question {
	struct nlmsghdr h;
	struct inet_diag_req_v2 r;
};

/* Would a connection to there come to a listener that is bound to the loopback device, as the tree's are? It is made sure of when there is one (relay.h). */
static bool tree_listens(struct calls *c, const struct where *w)
{
	struct question q = {
		.h = {.nlmsg_len = sizeof(q), .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST},
		.r = {.sdiag_family = w->family, .sdiag_protocol = IPPROTO_TCP, .idiag_states = UINT32_MAX}};
	union {
		struct nlmsghdr h;
		char bytes[8192];
	} a;
	const struct inet_diag_msg *m = NLMSG_DATA(&a.h);
	ssize_t n;

	q.r.id.idiag_sport = htons(w->port);
	q.r.id.idiag_if = RELAY_LO;
	q.r.id.idiag_cookie[0] = q.r.id.idiag_cookie[1] = UINT32_MAX;
	memcpy(q.r.id.idiag_src, w->family == AF_INET ? &w->addr.s6_addr[12] : w->addr.s6_addr,
	       w->family == AF_INET ? 4 : 16);
	memcpy(q.r.id.idiag_dst, q.r.id.idiag_src, sizeof(q.r.id.idiag_dst));
	pthread_mutex_lock(&c->lock);
	n = send(c->diag, &q, sizeof(q), 0) == sizeof(q) ? recv(c->diag, &a, sizeof(a), 0) : -1;
	pthread_mutex_unlock(&c->lock);
	return n >= (ssize_t)NLMSG_LENGTH(sizeof(*m)) && a.h.nlmsg_type == SOCK_DIAG_BY_FAMILY &&
	       m->idiag_state == TCP_LISTEN && m->id.idiag_if == RELAY_LO;
}

static int tcp_state(int sock)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	return getsockopt(sock, IPPROTO_TCP, TCP_INFO, &info, &len) ? -1 : info.tcpi_state;
}

/*
 * Sends a socket on its way to the waiting room, without waiting there itself. A socket that waits is made one that does not for the moment: it has no connection, so
 * no other call of the task's waits on it.
 */
static int go_to_room(const struct calls *c, int sock, const struct sockaddr_storage *room, socklen_t len)
{
	int flags = fcntl(sock, F_GETFL), err = 0, mark = (int)relay_mark(c->relay);

	/* A socket that has been disconnected has lost it (net/ipv4/tcp.c: tcp_disconnect()). */
	setsockopt(sock, IPPROTO_TCP, TCP_MAXSEG, &mark, sizeof(mark));
	if (!(flags & O_NONBLOCK))
		fcntl(sock, F_SETFL, flags | O_NONBLOCK);
	if (!connect(sock, (const struct sockaddr *)room, len))
		err = -ECONNABORTED; /* it cannot be: nobody answers there */
	else if (errno != EINPROGRESS)
		err = -errno;
	if (!(flags & O_NONBLOCK))
		fcntl(sock, F_SETFL, flags);
	return err;
}

/* As if it had not been sent. */
static void call_back(int sock)
{
	const struct sockaddr nobody = {.sa_family = AF_UNSPEC};

	(void)connect(sock, &nobody, sizeof(nobody));
	sock_option(sock, SOL_SOCKET, SO_ERROR);
}

/* A connect(2) that waits. */
static int64_t await(struct job *j, int sock, struct relay_conn *conn, uint32_t inode)
{
	enum relay_stage stage;
	int err;

	while ((stage = relay_wait(j->c->relay, conn, LOOK_MS, &err)) == RELAY_UNDER_WAY)
		if (j->c->stop || call_signalled(j))
			return CALLS_RESTART;
	if (stage == RELAY_FAILED) {
		sock_option(sock, SOL_SOCKET, SO_ERROR);
		known_forget(j->c, inode);
		return err;
	}
	j->joined = inode;
	return 0;
}

/* Of a socket that has been asked to connect before. Return: false: it has not. */
static bool asked_before(struct job *j, int sock, uint32_t inode, int64_t *result)
{
	enum relay_stage stage;
	struct known k;
	int err;

	if (!known_get(j->c, inode, &k))
		return false;
	if (!k.conn)
		return false;
	stage = relay_wait(j->c->relay, k.conn, 0, &err);
	*result = 0;
	if (stage == RELAY_FAILED) {
		known_told(j->c, inode);
		sock_option(sock, SOL_SOCKET, SO_ERROR);
		*result = err;
	} else if (stage == RELAY_JOINED) {
		known_unheard(j->c, inode, false);
		*result = k.unheard ? 0 : -EISCONN;
	} else {
		*result = sock_blocks(sock) ? await(j, sock, k.conn, inode) : -EALREADY;
	}
	relay_put(k.conn);
	return true;
}

static int64_t connect_tcp(struct job *j, int sock, const struct where *w, bool v6)
{
	struct known k = {.has_names = true, .peer = w->named};
	struct sockaddr_storage room, mine;
	struct relay_ends ends;
	uint32_t inode = sock_inode(sock);
	socklen_t len;
	int64_t result;
	int copy;

	if (asked_before(j, sock, inode, &result))
		return result;
	if (tcp_state(sock) != TCP_CLOSE)
		return -EISCONN;
	if (!relay_room(j->c->relay, w->family, &room))
		return -ENETUNREACH;
	ends_of(j, sock, where_key(w, IPPROTO_TCP), &ends);
	ends.inside = w->loopback && !w->resolver && tree_listens(j->c, w);
	if (ends.inside)
		ends.key.far = w->addr;
	result = call_waits(j);
	if (!result)
		result = go_to_room(j->c, sock, &room, near_as_seen(&room, v6));
	if (result) {
		task_put(ends.owner.task);
		return result;
	}
	copy = fcntl(sock, F_DUPFD_CLOEXEC, 0);
	sock_name(sock, &mine);
	len = near_plain(&mine);
	ends.key.tree_port = port_of(&mine);
	result = relay_connect(j->c->relay, &ends, &mine, len, copy, &k.conn);
	if (result) {
		call_back(sock);
		return result;
	}
	/* What it would see without skep. Nobody is told that there is no route: the programs' answer has been heard. */
	if (ends.inside || w->own || where_route(w, false, &k.local))
		k.local = mine;
	set_port(&k.local, ends.key.tree_port);
	near_as_seen(&k.local, v6);
	known_put(j->c, inode, &k);
	result = sock_blocks(sock) ? await(j, sock, k.conn, inode) : -EINPROGRESS;
	relay_put(k.conn);
	return result;
}

static int64_t connect_udp(struct job *j, int sock, const struct where *w, bool v6)
{
	struct known k = {.has_names = true, .datagrams = true, .peer = w->named};
	struct sockaddr_storage at, seen, mine;
	struct relay_ends ends;
	socklen_t len;
	int near, err;

	err = w->resolver || w->loopback || w->own
		      ? 0
		      : where_route(w, sock_option(sock, SOL_SOCKET, SO_BROADCAST) > 0, &k.local);
	if (err)
		return err;
	if (call_waits(j))
		return -ESRCH;
	near = near_make(j->c, w->family, &at, &len);
	if (near < 0)
		return near == -EADDRNOTAVAIL ? -ENETUNREACH : near;
	seen = at;
	len = near_as_seen(&seen, v6);
	if (connect(sock, (struct sockaddr *)&seen, len) || !sock_name(sock, &mine))
		err = -errno;
	len = near_plain(&mine);
	if (!err && connect(near, (struct sockaddr *)&mine, len))
		err = -errno;
	if (err) {
		close(near);
		return err;
	}
	ends_of(j, sock, where_key(w, IPPROTO_UDP), &ends);
	if (w->resolver || w->loopback || w->own)
		k.local = mine;
	set_port(&k.local, ends.key.tree_port);
	near_as_seen(&k.local, v6);
	k.near = seen;
	k.pid = j->call.thread->tgid;
	k.fd = (int)j->call.args[0];
	known_put(j->c, ends.owner.inode, &k);
	return relay_datagrams(j->c->relay, &ends, near, &w->named);
}

/*
 * A port that is bound, so that nobody else can have it, and connected to itself, so that nobody else can send to it: whoever tries hears from the kernel that it is
 * closed (ICMP).
 */
void closed_make(struct calls *c)
{
	static const int families[] = {AF_INET, AF_INET6};
	socklen_t len;

	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		c->closers[i] = near_make(c, families[i], &c->closed[i], &len);
		len = near_as_seen(&c->closed[i], false);
		if (c->closers[i] >= 0 && connect(c->closers[i], (struct sockaddr *)&c->closed[i], len)) {
			close(c->closers[i]);
			c->closers[i] = -1;
		}
	}
}

/* Return: a copy of the task's socket, or -1: it may have gone elsewhere, or to another process. */
static int take_again(struct calls *c, const struct known *k)
{
	AUTO_CLOSE int pidfd = !c->parked && k->pid ? (int)syscall(SYS_pidfd_open, k->pid, 0) : -1;
	AUTO_CLOSE int sock = c->parked   ? parked_copy(c, k->inode)
			      : pidfd < 0 ? -1
					  : (int)syscall(SYS_pidfd_getfd, pidfd, k->fd, 0);

	return sock >= 0 && sock_inode(sock) == k->inode ? STEAL_FD(sock) : -1;
}

void closed_tell(struct calls *c, uint32_t inode)
{
	struct pollfd p = {.events = 0};
	struct sockaddr_storage to;
	struct known k;
	socklen_t len;
	bool v6;

	if (!known_get(c, inode, &k))
		return;
	relay_put(k.conn);
	AUTO_CLOSE int sock = take_again(c, &k);

	if (sock < 0)
		return;
	v6 = k.near.ss_family == AF_INET6;
	to = k.near;
	near_plain(&to);
	if (c->closers[to.ss_family == AF_INET6] < 0)
		return;
	to = c->closed[to.ss_family == AF_INET6];
	len = near_as_seen(&to, v6);
	/* What the task sends meanwhile is refused as well, and may be. */
	if (!connect(sock, (struct sockaddr *)&to, len) && !send(sock, "", 0, MSG_DONTWAIT | MSG_NOSIGNAL)) {
		p.fd = sock;
		poll(&p, 1, ERROR_MS);
	}
	(void)connect(sock, (struct sockaddr *)&k.near, len);
}

int64_t make_connect(struct job *j)
{
	const struct sockaddr_storage *at = &j->call.address;
	int sock = call_socket(j, j->call.args[0]), err = sock < 0 ? sock : call_address(j), domain;
	socklen_t len = j->call.address_len;
	struct where w;
	bool v6;

	if (!err)
		err = call_waits(j);
	/* What is not parked was accepted, or made as one of a pair. */
	if (err)
		return err == -EOPNOTSUPP && j->c->parked ? -EISCONN : err;
	domain = sock_option(sock, SOL_SOCKET, SO_DOMAIN);
	v6 = domain == AF_INET6;
	if (domain < 0)
		return -ENOTSOCK;
	if (domain == AF_UNIX)
		return unix_connect(j, at, len);
	/* What else there is connects to the kernel, or to nobody; a protocol above TCP (TCP_ULP) could lead anywhere. */
	if (domain != AF_INET && domain != AF_INET6)
		return domain != AF_NETLINK                              ? -EOPNOTSUPP
		       : connect(sock, (const struct sockaddr *)at, len) ? -errno
									 : 0;
	if (len < sizeof(at->ss_family))
		return -EINVAL;
	if (at->ss_family == AF_UNSPEC) {
		known_forget(j->c, sock_inode(sock));
		err = connect(sock, (const struct sockaddr *)at, len) ? -errno : 0;
		return err ? err : sock_stay(sock);
	}
	err = where_parse(j->c, domain, at, len, &w);
	if (err)
		return err;
	if (v6 && w.family == AF_INET && sock_option(sock, IPPROTO_IPV6, IPV6_V6ONLY) > 0)
		return -ENETUNREACH;
	if (sock_option(sock, SOL_SOCKET, SO_TYPE) == SOCK_DGRAM)
		return connect_udp(j, sock, &w, v6);
	/* TCP takes no address of another family than the socket's. */
	return at->ss_family != domain ? -EAFNOSUPPORT : connect_tcp(j, sock, &w, v6);
}

/*
 * To an address of IP. It is never left to the kernel, which would take the interface out of an address of IPv6 whatever the socket was bound to before (net/ipv6/af_inet6.c:
 * __inet6_bind()).
 */
static int bind_ip(int sock, struct sockaddr_storage *at, socklen_t len)
{
	struct sockaddr_in6 six;
	int err;

	memcpy(&six, at, sizeof(six));
	if (at->ss_family == AF_INET6 && len >= sizeof(six) && six.sin6_scope_id != RELAY_LO &&
	    (IN6_IS_ADDR_LINKLOCAL(&six.sin6_addr) || IN6_IS_ADDR_MULTICAST(&six.sin6_addr))) {
		if (six.sin6_scope_id)
			return -EADDRNOTAVAIL;
		six.sin6_scope_id = RELAY_LO;
		memcpy(at, &six, sizeof(six));
	}
	/* One that comes from outside, and has no address yet. */
	if (sock_option(sock, SOL_SOCKET, SO_TYPE) == SOCK_DGRAM || tcp_state(sock) == TCP_CLOSE) {
		err = sock_stay(sock);
		if (err)
			return err;
	}
	return bind(sock, (struct sockaddr *)at, len) ? -errno : 0;
}

int64_t make_bind(struct job *j)
{
	int sock = call_socket(j, j->call.args[0]), domain, err;
	struct rights rights;

	/* What is not parked has its address: it was accepted, or made as one of a pair, or is connected. */
	if (sock < 0)
		return sock == -EOPNOTSUPP && j->c->parked ? -EINVAL : sock;
	domain = sock_option(sock, SOL_SOCKET, SO_DOMAIN);
	if (domain < 0)
		return -ENOTSOCK;
	/* The address may be one of a socket that is gone but for its copy. */
	if (j->c->parked && (domain == AF_INET || domain == AF_INET6))
		parked_look(j->c);
	err = call_address(j);
	if (!err)
		err = call_waits(j);
	if (err)
		return err;
	if (domain == AF_UNIX)
		return unix_bind(j, &j->call.address, j->call.address_len);
	err = rights_take(j, &rights);
	if (err)
		return err;
	if (domain == AF_INET || domain == AF_INET6)
		err = bind_ip(sock, &j->call.address, j->call.address_len);
	else
		err = bind(sock, (struct sockaddr *)&j->call.address, j->call.address_len) ? -errno : 0;
	rights_return(&rights);
	return err;
}
