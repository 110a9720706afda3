/* SPDX-License-Identifier: BSD-2-Clause */
#include "hive/server.h"

#include "base/util.h"
#include "hive/serve.h"
#include "hive/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

struct client {
	int sock;
	struct hive_server *server;
	struct client *next;
};

struct hive_server {
	struct place place;
	int lock_fd, listener, stop_fd;
	bool bound;
	atomic_bool ending;
	struct serve serve;
	pthread_mutex_t lock; /* of the list */
	pthread_cond_t empty;
	struct client *clients;
	uint32_t n_clients;
};

static uint32_t count_clients(void *arg)
{
	struct hive_server *s = arg;
	uint32_t n;

	pthread_mutex_lock(&s->lock);
	n = s->n_clients;
	pthread_mutex_unlock(&s->lock);
	return n;
}

static void stop(void *arg)
{
	server_stop(arg);
}

void server_stop(struct hive_server *s)
{
	uint64_t one = 1;
	int err = errno;
	ssize_t n = write(s->stop_fd, &one, sizeof(one));

	(void)n; /* a full counter has said it already */
	errno = err;
}

/* The lock file, locked. It is never removed: who holds an fd of a removed one would hold another lock than who comes later. */
static int take_lock(struct hive_server *s, char *why, size_t why_len)
{
	s->lock_fd = open(s->place.lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (s->lock_fd < 0) {
		int err = -errno;

		snprintf(why, why_len, "%s: %s", s->place.lock, strerror(-err));
		return err;
	}
	if (!flock(s->lock_fd, LOCK_EX | LOCK_NB))
		return 0;
	snprintf(why, why_len, "a hive of that name is running at %s", s->place.socket);
	return -EADDRINUSE;
}

static int listen_there(struct hive_server *s)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	mode_t before;
	int err;

	memcpy(addr.sun_path, s->place.socket, sizeof(addr.sun_path));
	s->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->listener < 0)
		return -errno;
	/* With the lock held, what stands there is stale. */
	if (unlink(s->place.socket) && errno != ENOENT)
		return -errno;
	before = umask(0177);
	err = bind(s->listener, (struct sockaddr *)&addr, sizeof(addr)) ? -errno : 0;
	umask(before);
	if (err)
		return err;
	s->bound = true;
	return listen(s->listener, 64) ? -errno : 0;
}

int server_new(const struct place *place, struct skep_hive *hive, struct hive_server **out, char *why, size_t why_len)
{
	struct hive_server *s = calloc(1, sizeof(*s));
	int err;

	if (!s) {
		snprintf(why, why_len, "%s", strerror(ENOMEM));
		return -ENOMEM;
	}
	s->place = *place;
	s->lock_fd = s->listener = -1;
	s->serve = (struct serve){.hive = hive,
				  .started = (uint64_t)time(NULL),
				  .clients = count_clients,
				  .stop = stop,
				  .ending = &s->ending,
				  .arg = s};
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->empty, NULL);
	s->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	err = s->stop_fd < 0 ? -errno : take_lock(s, why, why_len);
	if (!err) {
		err = listen_there(s);
		if (err)
			snprintf(why, why_len, "%s: %s", place->socket, strerror(-err));
	}
	if (err)
		server_free(s);
	else
		*out = s;
	return err;
}

/* Why a client is not served: it is told, then hung up on. */
static void refuse(int sock, int err)
{
	struct msg m = {.type = MSG_DONE, .value = err};

	wire_send(sock, &m, NULL, 0, NULL, 0, -1);
	close(sock);
}

/*
 * The processes of this user, and they alone; none of those that a hive has put into a tree, which have a user namespace of their own. A
 * process that hides which one it has is taken for one of those.
 */
static bool may_enter(int sock)
{
	struct stat theirs, ours;
	struct ucred peer;
	socklen_t len = sizeof(peer);
	char path[64];

	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &peer, &len) || peer.uid != geteuid() || peer.pid <= 0)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)peer.pid);
	return !stat(path, &theirs) && !stat("/proc/self/ns/user", &ours) && theirs.st_ino == ours.st_ino &&
	       theirs.st_dev == ours.st_dev;
}

static void *client_thread(void *arg)
{
	struct client *c = arg;
	struct hive_server *s = c->server;
	struct client **pp;

	serve_client(&s->serve, c->sock);
	pthread_mutex_lock(&s->lock);
	for (pp = &s->clients; *pp != c; pp = &(*pp)->next)
		;
	*pp = c->next;
	close(c->sock);
	free(c);
	if (!--s->n_clients)
		pthread_cond_broadcast(&s->empty);
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

/* A thread of its own for a client. Return: 0 or a negative errno; the list has not changed then. */
static int welcome(struct hive_server *s, int sock)
{
	struct timeval patience = {.tv_sec = 3};
	struct client *c = malloc(sizeof(*c));
	pthread_t thread;
	int err;

	if (!c)
		return -ENOMEM;
	/* Who asks and does not listen is not waited for. */
	setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	*c = (struct client){.sock = sock, .server = s};
	pthread_mutex_lock(&s->lock);
	err = s->n_clients >= SERVER_CLIENTS ? -EUSERS : -pthread_create(&thread, NULL, client_thread, c);
	if (!err) {
		pthread_detach(thread);
		c->next = s->clients;
		s->clients = c;
		s->n_clients++;
	} else {
		free(c);
	}
	pthread_mutex_unlock(&s->lock);
	return err;
}

int server_run(struct hive_server *s)
{
	struct pollfd p[2] = {{.fd = s->stop_fd, .events = POLLIN}, {.fd = s->listener, .events = POLLIN}};

	for (;;) {
		int sock, err;

		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return -errno;
		if (p[0].revents)
			return 0;
		sock = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
		if (sock < 0) {
			if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
				poll(p, 1, 100); /* others may end and give theirs back */
			else if (errno == EBADF || errno == EINVAL || errno == ENOTSOCK)
				return -errno;
			continue;
		}
		err = may_enter(sock) ? welcome(s, sock) : -EPERM;
		if (err)
			refuse(sock, err);
	}
}

void server_free(struct hive_server *s)
{
	if (!s)
		return;
	/* The place first: nobody new comes. */
	if (s->bound)
		unlink(s->place.socket);
	if (s->listener >= 0)
		close(s->listener);
	atomic_store(&s->ending, true);
	pthread_mutex_lock(&s->lock);
	for (struct client *c = s->clients; c; c = c->next)
		shutdown(c->sock, SHUT_RDWR);
	while (s->n_clients)
		pthread_cond_wait(&s->empty, &s->lock);
	pthread_mutex_unlock(&s->lock);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	if (s->stop_fd >= 0)
		close(s->stop_fd);
	pthread_cond_destroy(&s->empty);
	pthread_mutex_destroy(&s->lock);
	free(s);
}
