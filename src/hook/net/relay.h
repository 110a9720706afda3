/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The relay: the network of a tree that has no interface. It stands in the place of both the tree's port and the uplink.
 *
 * Theory of operation
 *
 * Sockets of the tree reach nothing but this machine's loopback: they are bound to it when they are made (hook/calls/calls.h). Whoever carries out
 * their calls connects them to sockets of the relay there, and the relay carries what they say to the outside and back, through sockets of its
 * own. Of all that passes, the frames are made that a tree with an interface would have sent and received (frame.h), and go through the programs; what
 * comes out of them is what is carried: so the same programs, maps, flows and reports serve both kinds of tree. Only their order
 * is always right, nothing is sent twice, and acknowledgements travel with data.
 *
 *     task's socket  <-loopback->  near | frame, programs, frame | far  <->  outside
 *
 * A task's socket that is to connect is sent to a waiting room first, a listener whose queue is full: its SYN stays without an answer, so the task sees
 * a connect in progress (or waits in connect(2)). Then the frame of a SYN goes through the programs; when they let it out, the far socket connects; when that
 * is there, the near one connects to the task's, from the waiting room's address: the SYNs cross (RFC 9293, 3.5: simultaneous open), and the task's
 * socket is connected. If any of it fails, the task's socket is called back by disconnecting it. So a connect ends when the real one does, and as it does.
 *
 * A segment that a program drops is sent again after a while, as TCP would; one that a program answers with a reset ends the connection.
 *
 * A flow of datagrams is a near socket, connected to the task's on the loopback, and a far one, connected to the host. Whose they are is known by the ends.
 *
 * Every socket of the tree's has a mark (relay_mark()), which the other end of a connection sees. So the relay knows, of the very connection that it has
 * made, that it ends at the tree's: what lies behind an address may change between a look and the deed, the mark of a connection does not.
 *
 * One thread, the network's, owns all of it; what others ask for is done on it (relay_do()).
 */
#ifndef SKEP_HOOK_NET_RELAY_H
#define SKEP_HOOK_NET_RELAY_H

#include "hook/net/flow.h"
#include "hook/net/uplink.h"

enum { RELAY_DATAGRAM_FLOWS = 1024, RELAY_LO = 1 /* the loopback's index, in every network namespace */ };

struct relay;
struct relay_conn;

struct relay_opts {
	uint32_t mtu;
	int diag; /* a NETLINK_SOCK_DIAG socket, to see whether sockets are still there; -1: without */
	struct sockaddr_in6 dns; /* where DNS over TCP goes; IPv4 as ::ffff:a.b.c.d */
	/* A frame of the tree's, and one for it: through the programs, and back to relay_to_outside() or relay_to_tree() before it returns. */
	void (*leave)(void *arg, const uint8_t *frame, uint32_t len);
	void (*come)(void *arg, const uint8_t *frame, uint32_t len);
	void *arg;
};

/* relay_new - Return: 0 or a negative errno. */
int relay_new(const struct relay_opts *opts, struct relay **out);
/* relay_end - nothing is carried any more; who waits, or asks later, gets -ESHUTDOWN. By the network's thread. */
void relay_end(struct relay *r);
/* relay_free - after relay_end(), when nobody asks any more. NULL is fine. */
void relay_free(struct relay *r);

/* relay_publish - let connections in. Return: 0, -EOPNOTSUPP for UDP, another negative errno. */
int relay_publish(struct relay *r, const struct uplink_publish *p);

/* relay_fill, relay_work - as with the uplink. */
const struct pollfd *relay_fill(struct relay *r, uint32_t *n, int *timeout);
void relay_work(struct relay *r, const struct pollfd *fds);

/* relay_to_outside, relay_to_tree - a frame that has passed. */
void relay_to_outside(struct relay *r, const uint8_t *frame, uint32_t len);
void relay_to_tree(struct relay *r, const uint8_t *frame, uint32_t len);

/* relay_owner - whose the flow is. Its task is the caller's to put. */
void relay_owner(struct relay *r, const struct flow_key *key, struct owner *out);

/* relay_unsent - connections that have something to carry out still. */
uint64_t relay_unsent(const struct relay *r);
/* relay_lost - frames and datagrams that came to nothing. */
uint64_t relay_lost(const struct relay *r);

/* From here on for other threads. */

/*
 * relay_tell - whom to tell, by the network's thread, which must not be held up. @inode: of the task's socket
 *
 * joined: it is connected now. refused: a datagram was, when nobody waited for it: the socket was connected, and sent it by itself.
 * NULL: nobody
 */
struct relay_ears {
	void (*joined)(void *arg, uint32_t inode);
	void (*refused)(void *arg, uint32_t inode);
	void *arg;
};
void relay_tell(struct relay *r, const struct relay_ears *ears);

/* relay_do - have the network's thread call @what. Return: what it returns; -ESHUTDOWN. */
int relay_do(struct relay *r, int (*what)(struct relay *r, void *arg), void *arg);

/* relay_mark - the size of segments that sockets of the tree's ask for (TCP_MAXSEG): the mark. */
uint32_t relay_mark(const struct relay *r);

/* relay_room - the waiting room's address. Return: its length; 0: this machine has no loopback of that family. */
socklen_t relay_room(const struct relay *r, int family, struct sockaddr_storage *at);

/* A socket of the tree's and what it is to reach. */
struct relay_ends {
	/* family, proto, far, far_port as frames have them. tree_port: that of the task's socket; 0: one is chosen. */
	struct flow_key key;
	struct sockaddr_storage
		source; /* an address of the machine's that the task has bound its socket to; AF_UNSPEC: none */
	struct owner owner; /* its task is the relay's from then on, whatever becomes of it */
	bool inside; /* TCP: to a listener of the tree's own, at this address; nothing of it passes an interface */
};

enum relay_stage { RELAY_UNDER_WAY, RELAY_JOINED, RELAY_FAILED };

/*
 * relay_connect - send the SYN, for a socket that is on its way to the waiting room.
 * @at:   its own address
 * @sock: a copy of it; the relay's from then on
 * Return: 0 with *out for relay_put(): it is under way; a negative errno: it was refused, by a program or at once.
 */
int relay_connect(struct relay *r, const struct relay_ends *ends, const struct sockaddr_storage *at, socklen_t len,
		  int sock, struct relay_conn **out);

/*
 * relay_wait - until both ends are joined.
 * @ms:  the patience; 0: how is it now?
 * @err: with RELAY_FAILED why, a negative errno
 */
enum relay_stage relay_wait(struct relay *r, struct relay_conn *c, int ms, int *err);
struct relay_conn *relay_hold(struct relay_conn *c);
void relay_put(struct relay_conn *c);

/*
 * relay_datagrams - a flow of them begins.
 * @near:  a socket on the loopback, connected to the task's; the relay's from then on
 * @named: the host as the task calls it: its datagrams' source for relay_named()
 * Return: 0 or a negative errno.
 */
int relay_datagrams(struct relay *r, const struct relay_ends *ends, int near, const struct sockaddr_storage *named);

/*
 * relay_send - a datagram from a task's socket that is not connected.
 * @key: all of it
 * Return: 0; -ENOENT: there is no such flow; another negative errno: it was refused.
 */
int relay_send(struct relay *r, const struct flow_key *key, uint64_t cookie, const void *data, uint32_t len);

/* relay_named - the host that stands behind a near socket's address. Return: false: it is none. */
bool relay_named(struct relay *r, const struct sockaddr_storage *near, struct sockaddr_storage *named);

#endif
