/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/metrics.h"

#include "base/util.h"
#include "cli/cli.h"

#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>

enum { PERIOD_MS = 1000, REQUEST_MAX = 4096, PATIENCE_S = 2 };

struct metrics {
	char *path; /* a file; NULL: an endpoint */
	int listener, wake;
	pthread_t thread;
	bool running;
	pthread_mutex_t lock; /* of counts */
	struct metrics_counts counts;
};

static void head(FILE *f, const char *name, const char *what)
{
	fprintf(f, "# HELP skep_%s %s\n# TYPE skep_%s counter\n", name, what, name);
}

static void print_counts(FILE *f, const struct metrics_counts *c)
{
	static const char *const dirs[] = {"egress", "ingress"}, *const ends[] = {"forwarded", "dropped", "redirected"};
	const struct {
		uint64_t n;
		const char *where;
	} losses[] = {{c->losses.to_tree, "interface_full"}, {c->losses.too_long, "too_long"},
		      {c->losses.fragments, "fragments"},    {c->losses.faults, "program_fault"},
		      {c->losses.no_flow, "no_memory"},      {c->losses.dns, "dns_unanswered"},
		      {c->unknown, "process_unknown"}};

	head(f, "flows_total", "Flows that began.");
	fprintf(f, "skep_flows_total %" PRIu64 "\n", c->flows);
	head(f, "frames_total", "Frames by direction and verdict.");
	for (int d = 0; d < FLOW_DIRS; d++)
		for (int e = 0; e < CHAIN_END_KINDS; e++)
			fprintf(f, "skep_frames_total{direction=\"%s\",verdict=\"%s\"} %" PRIu64 "\n", dirs[d], ends[e],
				c->frames[d][e]);
	head(f, "bytes_total", "Bytes of these frames.");
	for (int d = 0; d < FLOW_DIRS; d++)
		for (int e = 0; e < CHAIN_END_KINDS; e++)
			fprintf(f, "skep_bytes_total{direction=\"%s\",verdict=\"%s\"} %" PRIu64 "\n", dirs[d], ends[e],
				c->bytes[d][e]);
	head(f, "dropped_total", "Frames dropped, by the hook that decided.");
	for (int p = 0; p <= CHAIN_POINTS; p++)
		fprintf(f, "skep_dropped_total{hook=\"%s\"} %" PRIu64 "\n",
			p < CHAIN_POINTS ? chain_point_name((enum chain_point)p) : "gate", c->dropped_at[p]);
	head(f, "refused_total", "Frames that the policy refused, answered or not; among the above.");
	fprintf(f, "skep_refused_total %" PRIu64 "\n", c->refused);
	head(f, "lost_total",
	     "What was lost or could not be told, by cause; but for process_unknown known at the end only.");
	for (size_t i = 0; i < ARRAY_SIZE(losses); i++)
		fprintf(f, "skep_lost_total{cause=\"%s\"} %" PRIu64 "\n", losses[i].where, losses[i].n);
}

/* All or nothing: readers see the file before or the file after. */
static int write_file(const char *path, const struct metrics_counts *c)
{
	char new[4096];
	FILE *f;
	int err = 0;

	if (snprintf(new, sizeof(new), "%s.new", path) >= (int)sizeof(new))
		return -ENAMETOOLONG;
	f = fopen(new, "we");
	if (!f)
		return -errno;
	print_counts(f, c);
	if (fflush(f))
		err = -errno;
	if (fclose(f) && !err)
		err = -errno;
	if (!err && rename(new, path))
		err = -errno;
	if (err)
		unlink(new);
	return err;
}

static void copy_counts(struct metrics *m, struct metrics_counts *out)
{
	pthread_mutex_lock(&m->lock);
	*out = m->counts;
	pthread_mutex_unlock(&m->lock);
}

/* One request, whatever it asks for: GET of anything is answered with the counts. */
static void answer(struct metrics *m, int sock)
{
	const struct timeval patience = {.tv_sec = PATIENCE_S};
	struct metrics_counts now;
	char request[REQUEST_MAX + 1], *body = NULL;
	size_t n = 0, size = 0;
	FILE *f;

	setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	while (n < REQUEST_MAX) {
		ssize_t got = recv(sock, request + n, REQUEST_MAX - n, 0);

		if (got <= 0)
			return;
		n += (size_t)got;
		request[n] = 0;
		if (strstr(request, "\r\n\r\n") || strstr(request, "\n\n"))
			break;
	}
	copy_counts(m, &now);
	f = open_memstream(&body, &size);
	if (!f)
		return;
	print_counts(f, &now);
	if (!fclose(f)) {
		bool get = !strncmp(request, "GET ", 4);

		snprintf(request, sizeof(request),
			 "HTTP/1.1 %s\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: %zu\r\nConnection: "
			 "close\r\n\r\n",
			 get ? "200 OK" : "405 Method Not Allowed", get ? size : 0);
		if (send(sock, request, strlen(request), MSG_NOSIGNAL) > 0 && get)
			for (size_t at = 0; at < size;) {
				ssize_t done = send(sock, body + at, size - at, MSG_NOSIGNAL);

				if (done <= 0)
					break;
				at += (size_t)done;
			}
	}
	free(body);
}

/* The network's thread, which publishes, may write no files. */
static void *write_often(void *arg)
{
	struct metrics *m = arg;
	struct pollfd p = {.fd = m->wake, .events = POLLIN};
	struct metrics_counts now;

	while (poll(&p, 1, PERIOD_MS) <= 0) {
		copy_counts(m, &now);
		write_file(m->path, &now);
	}
	return NULL;
}

static void *serve(void *arg)
{
	struct metrics *m = arg;
	struct pollfd p[2] = {{.fd = m->wake, .events = POLLIN}, {.fd = m->listener, .events = POLLIN}};

	for (;;) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return NULL;
		if (p[0].revents)
			return NULL;
		AUTO_CLOSE int sock = accept4(m->listener, NULL, NULL, SOCK_CLOEXEC);

		if (sock >= 0)
			answer(m, sock);
	}
}

/* Is it ADDR:PORT? A path has a slash, or no colon with digits behind it. */
static bool split(const char *where, char host[256], const char **port)
{
	const char *colon = strrchr(where, ':');
	size_t len = colon ? (size_t)(colon - where) : 0;

	if (strchr(where, '/') || !colon || !colon[1] || strspn(colon + 1, "0123456789") != strlen(colon + 1) ||
	    len >= 256)
		return false;
	if (len > 1 && *where == '[' && colon[-1] == ']') {
		where++;
		len -= 2;
	}
	memcpy(host, where, len);
	host[len] = 0;
	*port = colon + 1;
	return true;
}

static int start(struct metrics *m, void *(*thread)(void *))
{
	int err;

	m->wake = eventfd(0, EFD_CLOEXEC);
	err = m->wake < 0 ? -errno : -pthread_create(&m->thread, NULL, thread, m);
	m->running = !err;
	return err;
}

static int listen_there(struct metrics *m, const char *host, const char *port, char *why, size_t size)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	const int yes = 1;
	struct addrinfo *all;
	int err = getaddrinfo(*host ? host : "127.0.0.1", port, &hints, &all);

	if (err) {
		snprintf(why, size, "%s", gai_strerror(err));
		return -EINVAL;
	}
	m->listener = socket(all->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(m->listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	err = m->listener < 0 || bind(m->listener, all->ai_addr, all->ai_addrlen) || listen(m->listener, 16) ? -errno
													     : 0;
	freeaddrinfo(all);
	err = err ? err : start(m, serve);
	if (err)
		snprintf(why, size, "%s", strerror(-err));
	return err;
}

static void free_all(struct metrics *m)
{
	if (m->listener >= 0)
		close(m->listener);
	if (m->wake >= 0)
		close(m->wake);
	pthread_mutex_destroy(&m->lock);
	free(m->path);
	free(m);
}

int metrics_new(const char *where, struct metrics **out, char *why, size_t size)
{
	struct metrics *m = calloc(1, sizeof(*m));
	char host[256];
	const char *port;
	int err = m ? 0 : -ENOMEM;

	if (err) {
		snprintf(why, size, "%s", strerror(-err));
		return err;
	}
	m->listener = m->wake = -1;
	pthread_mutex_init(&m->lock, NULL);
	if (split(where, host, &port)) {
		err = listen_there(m, host, port, why, size);
	} else {
		m->path = strdup(where);
		err = m->path ? write_file(where, &m->counts) : -ENOMEM;
		err = err ? err : start(m, write_often);
		if (err)
			snprintf(why, size, "%s", strerror(-err));
	}
	if (err)
		free_all(m);
	else
		*out = m;
	return err;
}

void metrics_publish(struct metrics *m, const struct metrics_counts *c)
{
	pthread_mutex_lock(&m->lock);
	m->counts = *c;
	pthread_mutex_unlock(&m->lock);
}

int metrics_finish(struct metrics *m)
{
	uint64_t one = 1;
	int err = 0;

	if (m->running && write(m->wake, &one, sizeof(one)) == sizeof(one))
		pthread_join(m->thread, NULL);
	if (m->path)
		err = write_file(m->path, &m->counts);
	free_all(m);
	return err;
}
