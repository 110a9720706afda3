/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of the calls share; nobody else's. */
#ifndef SKEP_HOOK_CALLS_INSIDE_H
#define SKEP_HOOK_CALLS_INSIDE_H

#include "hook/calls/calls.h"
#include "hook/tree/owner.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

enum {
	CALLS_THREADS = 1024,
	CALLS_KNOWN = 16384, /* sockets whose names are kept */
	CALLS_BUCKETS = 4096,
	CALLS_GROUPS = 256,
	CALLS_RESTART = -512, /* ERESTARTSYS, the kernel's own: as if a signal had interrupted the call itself */
	CALLS_GO_ON = -4096, /* no errno: let the kernel make it */
};

/* Interrupts a system call of a thread here; nothing else does. */
#define CALLS_NUDGE (SIGRTMIN + 10)

/* What is kept of a socket of the tree's, by its inode. */
struct known {
	struct known *next, *newer, *older;
	uint32_t inode;
	bool has_names, datagrams;
	bool unheard; /* its connect(2) has ended well, and the task has not heard of it */
	struct sockaddr_storage peer, local; /* as the task is to see them */
	struct sockaddr_storage near; /* datagrams: where it is connected to */
	pid_t pid; /* ... by this process, as this file */
	int fd;
	struct relay_conn *conn; /* held; NULL: none, or its end has been told */
};

/* A call. */
struct job {
	struct job *next;
	struct calls *c;
	struct engine_call call; /* the job's own: its thread is held, and its socket, where it has one, to be closed */
	int dir; /* the task's folder in /proc; -1: not opened yet */
	uint32_t refused; /* no call: the inode of a socket whose datagram was refused; else 0 */
	uint32_t joined; /* the inode of a socket that it has connected; 0 */
};

/* A socket that this run's tree has bound to a path or an abstract name. */
struct bound {
	dev_t dev;
	ino_t ino;
	int fd; /* O_PATH, of the path's file; -1: an abstract name */
	uint32_t sock; /* the socket's own inode */
	socklen_t len;
	char name[108];
};

struct calls {
	struct relay *relay;
	const struct tree_files *files; /* what the tree may do with files */
	struct owners *owners;
	struct engine_maker maker;
	int proc, diag; /* diag: a NETLINK_SOCK_DIAG socket; under the lock */
	struct sockaddr_in6 resolvers[DNS_SERVERS];
	uint32_t n_resolvers;
	struct sockaddr_storage closed[2]; /* of each family, a port of the loopback's that refuses */
	int closers[2]; /* ... for whom it is kept */
	atomic_uint n_datagrams; /* sockets that are known for them */
	struct parked *parked; /* NULL: the task's files can be taken when they are wanted */

	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t more, fewer;
	struct job *jobs, **jobs_end;
	uint32_t waiting, threads, queued;
	bool stop;
	pthread_t ids[CALLS_THREADS];
	bool busy[CALLS_THREADS];
	struct known *known[CALLS_BUCKETS], *oldest, *newest;
	uint32_t n_known;
	struct bound *bound, *keep;
	size_t n_bound, room, n_keep;
};

/* What a task's memory is read and written with. Return: whether all of it was there. */
bool call_read(const struct job *j, void *to, uint64_t from, size_t len);
bool call_write(const struct job *j, uint64_t to, const void *from, size_t len);

/*
 * call_socket - a copy of the task's file. Return: it, or a negative errno: -EOPNOTSUPP where sockets are parked, and this one is not. It is j->call.sock, and
 * closed with the job.
 */
int call_socket(struct job *j, uint64_t fd);
/* call_inode - of the task's socket. Return: 0 with errno: it is none. */
uint32_t call_inode(struct job *j, uint64_t fd);
/* call_address - the address of connect(2) and bind(2), once. Return: 0 with j->call.address, or a negative errno. */
int call_address(struct job *j);
/* call_waits - is the task still there, so that what was read and copied was its own? To be asked before any deed. Return: 0, -ESRCH. */
int call_waits(const struct job *j);
/* call_signalled - has the task a signal that it would handle, were it not for the call? */
bool call_signalled(struct job *j);
/* call_status - its /proc/PID/status. Return: whether it could be read. */
bool call_status(struct job *j, char *text, size_t size);
/* call_is_alone - is it the only thread of its process? */
bool call_is_alone(struct job *j);
/* call_folder - the task's folder in /proc. Return: an fd of the job's, or a negative errno. */
int call_folder(struct job *j);
/*
 * By the caller's rights (calls_rights.c).
 *
 * rights_take - this thread has them from here on. Return: 0 or a negative errno, with its own; the deed is not to be done then.
 * rights_return - it has its own again
 */
struct rights {
	bool taken;
	uid_t uid; /* for files */
	gid_t gid;
	uint64_t caps; /* effective */
	size_t n_groups;
	int n_own;
	gid_t groups[CALLS_GROUPS], own[CALLS_GROUPS];
};
int rights_take(struct job *j, struct rights *r);
void rights_return(const struct rights *r);
/* call_poll - until a socket is ready. @ms: -1: for ever. Return: 0; -EAGAIN: it is not; CALLS_RESTART: the task has a signal. */
int call_poll(struct job *j, int fd, short events, int ms);

int sock_option(int sock, int level, int name);
/*
 * sock_stay - have a socket of IP stay on the loopback. Those that skep makes do, but lose it as datagram sockets are disconnected (net/ipv4/udp.c); others come from
 * outside. Return: 0 or a negative errno.
 */
int sock_stay(int sock);
uint64_t sock_cookie(int sock);
uint32_t sock_inode(int sock);
bool sock_blocks(int sock);
/* sock_name - getsockname(2). Return: the length, or 0. */
socklen_t sock_name(int sock, struct sockaddr_storage *at);
/* sock_patience - of a blocking call, in ms; -1: for ever. @name: SO_SNDTIMEO, SO_RCVTIMEO */
int sock_patience(int sock, int name);

/* An address, taken apart. */
struct where {
	struct sockaddr_storage named; /* as the task gave it */
	struct in6_addr addr; /* IPv4 as ::ffff:a.b.c.d */
	uint16_t port; /* host byte order */
	uint8_t family; /* of the packets */
	bool resolver, loopback, own; /* own: an address that only the relay knows */
};

/*
 * where_parse - what a socket of IP is to reach.
 * @sock: the family of its addresses
 * Return: 0; -EINVAL, -EAFNOSUPPORT as the kernel has it.
 */
int where_parse(const struct calls *c, int sock, const struct sockaddr_storage *at, socklen_t len, struct where *w);
/* where_key - as frames have it. */
struct flow_key where_key(const struct where *w, uint8_t proto);
/* where_route - which address of this machine packets to there have. Return: 0 or the negative errno that a connect(2) meets. */
int where_route(const struct where *w, bool broadcast, struct sockaddr_storage *local);

/* ends_of - of a call: @key's flow, and whose it is. */
void ends_of(struct job *j, int sock, struct flow_key key, struct relay_ends *ends);

/* near_make - a socket of datagrams on the loopback. @at: its address. Return: it, or a negative errno. */
int near_make(const struct calls *c, int family, struct sockaddr_storage *at, socklen_t *len);
/* closed_make - ports that do. Without one (there is no IPv6) errors of datagrams are not told. */
void closed_make(struct calls *c);
/* closed_tell - have a connected socket see that what it sent was refused. */
void closed_tell(struct calls *c, uint32_t inode);

/*
 * Copies of the tree's sockets (calls_parked.c).
 *
 * parked_needed - can nothing be had without them? @why: on failure what is missing altogether. Return: 0 or a negative errno.
 * parked_add - @fd: stays the caller's. Return: 0 (also where none are parked), -ENOMEM
 * parked_copy - Return: a copy of the copy, or a negative errno; -EOPNOTSUPP: there is none
 * parked_look - let go what no process has any more, now
 */
int parked_needed(bool *needed, char why[CALLS_WHY]);
int parked_new(struct calls *c);
void parked_free(struct calls *c);
int parked_add(struct calls *c, int fd);
int parked_copy(struct calls *c, uint32_t inode);
void parked_drop(struct calls *c, uint32_t inode);
void parked_look(struct calls *c);

/* near_as_seen - of a socket of IPv6, addresses of IPv4 are ::ffff:a.b.c.d. @v6: is the task's one? Return: the length. */
socklen_t near_as_seen(struct sockaddr_storage *at, bool v6);
/* near_plain - the other way round. Return: the length. */
socklen_t near_plain(struct sockaddr_storage *at);

/* known_*: what is kept of a socket. known_put: the caller's fields replace what was kept; conn is held by it. */
bool known_get(struct calls *c, uint32_t inode, struct known *out); /* out->conn is held: relay_put() */
void known_put(struct calls *c, uint32_t inode, const struct known *k);
void known_forget(struct calls *c, uint32_t inode);
void known_unheard(struct calls *c, uint32_t inode, bool unheard);
void known_free(struct calls *c);
/* known_told - the failure of its connection has been told. */
void known_told(struct calls *c, uint32_t inode);

/* Each makes a call. Return: its result, a negative errno, or CALLS_GO_ON. */
int64_t make_socket(struct job *j, bool *answered);
int64_t make_connect(struct job *j);
int64_t make_bind(struct job *j);
int64_t make_listen(struct job *j);
int64_t make_name(struct job *j, bool peer);
int64_t make_error(struct job *j);
int64_t make_sendto(struct job *j);
int64_t make_sendmsg(struct job *j);
int64_t make_sendmmsg(struct job *j);
int64_t make_recvfrom(struct job *j);
int64_t make_recvmsg(struct job *j);
int64_t make_recvmmsg(struct job *j);

/* unix_*: sockets of Unix (calls_unix.c). */
int unix_keep(struct calls *c, const char *const *paths, uint32_t n);
int unix_connect(struct job *j, const struct sockaddr_storage *at, socklen_t len);
int unix_bind(struct job *j, const struct sockaddr_storage *at, socklen_t len);
void unix_free(struct calls *c);

/* udp_send - a datagram to an address. Return: 0 or a negative errno. */
int udp_send(struct job *j, int sock, const struct sockaddr_storage *at, socklen_t len, const void *data,
	     uint32_t size);

#endif
