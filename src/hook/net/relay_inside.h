/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of the relay share; nobody else's. All of it belongs to the network's thread but where the lock is named. */
#ifndef SKEP_HOOK_NET_RELAY_INSIDE_H
#define SKEP_HOOK_NET_RELAY_INSIDE_H

#include "hook/net/ip.h"
#include "hook/net/port.h"
#include "hook/net/relay.h"

#include <pthread.h>
#include <stdatomic.h>

enum { RELAY_BUCKETS = 1024, RELAY_FAMILIES = 2 /* IPv4, IPv6 */ };

/* What connections and flows of datagrams have in common. The first member of both. */
struct relay_part {
	struct relay_part *next; /* in its bucket */
	struct relay_part *all_next, **all_at; /* of its kind */
	struct flow_key key;
	struct owner owner; /* held */
	bool gone; /* ends with this round */
};

enum relay_way { RELAY_DROPPED, RELAY_LET };

/* What waits for poll(2). */
struct relay_waits {
	struct relay_part *part; /* NULL: the wake-up, or a published port */
	enum flow_dir side; /* of it: FLOW_OUT the far one, FLOW_IN the near one */
};

struct relay_job {
	struct relay_job *next;
	int (*what)(struct relay *r, void *arg);
	void *arg;
	int result;
	bool done;
};

struct relay {
	struct relay_opts opts;
	uint32_t mark;
	int wake; /* an eventfd */
	struct room {
		int listener, full; /* full: the connection that fills its queue */
		struct sockaddr_storage at;
		socklen_t len; /* 0: there is none */
	} rooms[RELAY_FAMILIES];
	struct relay_part *buckets[RELAY_BUCKETS];
	struct relay_part *conns, *talks;
	uint32_t n_talks, last_port;
	uint64_t lost, looked; /* when it was last looked which talks are still there */
	/* The frame that is on its way through the programs. */
	struct {
		struct relay_part *part;
		enum flow_dir dir;
		enum relay_way way;
		int refused; /* a negative errno */
	} now;
	struct pollfd *fds;
	struct relay_waits *waits;
	uint32_t n, room;
	struct published {
		int fd;
		uint16_t port;
	} published[64];
	uint32_t n_published;
	struct in6_addr gateway4, gateway6, dns4, dns6;
	uint8_t data[PORT_FRAME_MAX], frame[PORT_FRAME_MAX + 64];

	pthread_mutex_t lock; /* of what follows, and of connections' stages */
	pthread_cond_t changed;
	struct relay_job *jobs, **jobs_end;
	bool ended;
	struct relay_ears ears;
	struct relay_name {
		struct relay_name *next;
		struct sockaddr_storage near, named;
	} * names[RELAY_BUCKETS];
};

/* relay_part_add - in its bucket and in the list of its kind. @all: &r->conns or &r->talks */
void relay_part_add(struct relay *r, struct relay_part *p, struct relay_part **all);
void relay_part_remove(struct relay *r, struct relay_part *p);
struct relay_part *relay_find(const struct relay *r, const struct flow_key *key);

/*
 * relay_pass - a frame through the programs.
 * @refused: why it was answered; 0
 * Return: what became of it. What it carries has been taken by the far or the near side then.
 */
enum relay_way relay_pass(struct relay *r, struct relay_part *p, enum flow_dir dir, const uint8_t *frame, uint32_t len,
			  int *refused);

/* relay_say_joined, relay_say_refused - to whom it may concern. */
void relay_say_joined(struct relay *r, uint32_t inode);
void relay_say_refused(struct relay *r, uint32_t inode);

/* relay_real - where an address of a frame leads to. @at: its port is @port. Return: its length. */
socklen_t relay_real(const struct relay *r, const struct in6_addr *addr, uint16_t port, uint8_t proto,
		     struct sockaddr_storage *at);

/* relay_far - a socket to there, which does not block. @connected: it is. Return: it, or a negative errno. */
int relay_far(const struct relay *r, const struct relay_ends *ends, const struct sockaddr_storage *at, socklen_t len,
	      bool *connected);

/* relay_is_marked - does this connection end at a socket of the tree's? */
bool relay_is_marked(const struct relay *r, int sock);

/* conn_*, talk_*: connections, flows of datagrams. */
void conn_fill(struct relay *r, struct relay_part *p, uint64_t now, int *timeout);
void conn_work(struct relay *r, struct relay_part *p, enum flow_dir side, short revents);
void conn_due(struct relay *r, struct relay_part *p, uint64_t now);
void conn_let(struct relay *r, struct relay_part *p, enum flow_dir dir, const uint8_t *frame, const struct ip_view *v);
void conn_end(struct relay *r, struct relay_part *p);
bool conn_unsent(const struct relay_part *p);
void conn_accept(struct relay *r, const struct published *at);

void talk_fill(struct relay *r, struct relay_part *p);
void talk_work(struct relay *r, struct relay_part *p, enum flow_dir side);
void talk_let(struct relay *r, struct relay_part *p, enum flow_dir dir, const uint8_t *frame, const struct ip_view *v);
void talk_end(struct relay *r, struct relay_part *p);
/* talks_due - which of them have nobody any more? */
void talks_due(struct relay *r, uint64_t now);
/* talks_seen - does the kernel say whether a socket is there? */
bool talks_seen(const struct relay *r);

/* relay_want - wait for this. */
void relay_want(struct relay *r, int fd, short events, struct relay_part *p, enum flow_dir side);

#endif
