/* SPDX-License-Identifier: BSD-2-Clause */
/* The relay's table, its turn, and what others ask of it (relay.h). */
#include "base/clock.h"
#include "base/util.h"
#include "hook/net/frame.h"
#include "hook/net/relay_inside.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>

enum { MARK_FIRST = 16000, MARKS = 8000, TIMESTAMPS = 12 /* bytes that TCP's option takes of each segment */ };

static uint32_t bucket_of(const struct flow_key *k)
{
	uint32_t h = k->proto * 31u + k->tree_port * 40503u + k->far_port;

	for (int i = 0; i < 16; i++)
		h = h * 31 + k->far.s6_addr[i];
	return (h ^ h >> 13) % RELAY_BUCKETS;
}

void relay_part_add(struct relay *r, struct relay_part *p, struct relay_part **all)
{
	struct relay_part **bucket = &r->buckets[bucket_of(&p->key)];

	p->next = *bucket;
	*bucket = p;
	p->all_next = *all;
	p->all_at = all;
	if (*all)
		(*all)->all_at = &p->all_next;
	*all = p;
}

void relay_part_remove(struct relay *r, struct relay_part *p)
{
	struct relay_part **at = &r->buckets[bucket_of(&p->key)];

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	*p->all_at = p->all_next;
	if (p->all_next)
		p->all_next->all_at = p->all_at;
}

struct relay_part *relay_find(const struct relay *r, const struct flow_key *key)
{
	struct relay_part *p = r->buckets[bucket_of(key)];

	while (p && (p->gone || memcmp(&p->key, key, sizeof(*key))))
		p = p->next;
	return p;
}

void relay_owner(struct relay *r, const struct flow_key *key, struct owner *out)
{
	/* Of two with the same ends it is the one whose frame this is. */
	const struct relay_part *p =
		r->now.part && !memcmp(&r->now.part->key, key, sizeof(*key)) ? r->now.part : relay_find(r, key);

	*out = p ? p->owner : (struct owner){0};
	task_get(out->task);
}

enum relay_way relay_pass(struct relay *r, struct relay_part *p, enum flow_dir dir, const uint8_t *frame, uint32_t len,
			  int *refused)
{
	r->now.part = p;
	r->now.dir = dir;
	r->now.way = RELAY_DROPPED;
	r->now.refused = 0;
	(dir == FLOW_OUT ? r->opts.leave : r->opts.come)(r->opts.arg, frame, len);
	r->now.part = NULL;
	if (refused)
		*refused = r->now.refused;
	return r->now.way;
}

static void let(struct relay *r, struct relay_part *p, enum flow_dir dir, const uint8_t *frame, const struct ip_view *v)
{
	r->now.way = RELAY_LET;
	(p->key.proto == IPPROTO_TCP ? conn_let : talk_let)(r, p, dir, frame, v);
}

void relay_to_outside(struct relay *r, const uint8_t *frame, uint32_t len)
{
	struct relay_part *p = r->now.part;
	struct ip_view v;

	/* What programs make of other flows' frames has no socket to leave by; nor has a segment that they turn back to where it came from. */
	if (!p || !ip_parse(frame, len, &v) || v.proto != p->key.proto || v.fragment ||
	    (r->now.dir != FLOW_OUT && v.proto == IPPROTO_TCP))
		r->lost++;
	else
		let(r, p, FLOW_OUT, frame, &v);
}

void relay_to_tree(struct relay *r, const uint8_t *frame, uint32_t len)
{
	struct relay_part *p = r->now.part;
	struct flow_key key = {0};
	struct ip_view v;

	if (!ip_parse(frame, len, &v)) {
		r->lost++;
		return;
	}
	if (p && r->now.dir == FLOW_OUT && frame_errno(frame, &v)) {
		r->now.refused = frame_errno(frame, &v);
		return;
	}
	if (!p || r->now.dir == FLOW_OUT) {
		key = (struct flow_key){.tree = v.dst,
					.far = v.src,
					.tree_port = v.dport,
					.far_port = v.sport,
					.family = v.family,
					.proto = v.proto};
		p = v.proto == IPPROTO_UDP ? relay_find(r, &key) : NULL;
	}
	if (!p || v.proto != p->key.proto || v.fragment)
		r->lost++;
	else
		let(r, p, FLOW_IN, frame, &v);
}

socklen_t relay_real(const struct relay *r, const struct in6_addr *addr, uint16_t port, uint8_t proto,
		     struct sockaddr_storage *at)
{
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = *addr};
	struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};

	if (!memcmp(addr, &r->gateway4, sizeof(*addr)))
		six.sin6_addr = ip_v4(htonl(INADDR_LOOPBACK));
	else if (!memcmp(addr, &r->gateway6, sizeof(*addr)))
		six.sin6_addr = in6addr_loopback;
	else if (proto == IPPROTO_TCP &&
		 (!memcmp(addr, &r->dns4, sizeof(*addr)) || !memcmp(addr, &r->dns6, sizeof(*addr))))
		six = r->opts.dns;
	memset(at, 0, sizeof(*at));
	if (!IN6_IS_ADDR_V4MAPPED(&six.sin6_addr)) {
		memcpy(at, &six, sizeof(six));
		return sizeof(six);
	}
	four.sin_port = six.sin6_port;
	memcpy(&four.sin_addr, &six.sin6_addr.s6_addr[12], sizeof(four.sin_addr));
	memcpy(at, &four, sizeof(four));
	return sizeof(four);
}

int relay_far(const struct relay *r, const struct relay_ends *ends, const struct sockaddr_storage *at, socklen_t len,
	      bool *connected)
{
	int type = ends->key.proto == IPPROTO_TCP ? SOCK_STREAM : SOCK_DGRAM, on = 1, err = 0;
	int fd = socket(at->ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	(void)r;
	*connected = false;
	if (fd < 0)
		return -errno;
	if (type == SOCK_STREAM) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	} else {
		setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on)); /* it is for the programs to decide */
	}
	/* The port is the task's own affair: here it may be taken. */
	if (ends->source.ss_family == at->ss_family && bind(fd, (const struct sockaddr *)&ends->source, len))
		err = -errno;
	if (!err && connect(fd, (const struct sockaddr *)at, len))
		err = -errno;
	*connected = !err;
	if (!err || err == -EINPROGRESS)
		return fd;
	close(fd);
	return err;
}

bool relay_is_marked(const struct relay *r, int sock)
{
	int size = 0;
	socklen_t len = sizeof(size);

	return !getsockopt(sock, IPPROTO_TCP, TCP_MAXSEG, &size, &len) &&
	       ((uint32_t)size == r->mark || (uint32_t)size == r->mark - TIMESTAMPS);
}

uint32_t relay_mark(const struct relay *r)
{
	return r->mark;
}

socklen_t relay_room(const struct relay *r, int family, struct sockaddr_storage *at)
{
	const struct room *room = &r->rooms[family == AF_INET6];

	*at = room->at;
	return room->len;
}

/* A listener whose queue holds one connection, and has it. */
static int make_room(struct room *room, int family)
{
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	struct sockaddr_in four = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	bool v6 = family == AF_INET6;
	int on = 1;

	room->listener = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	room->full = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	room->len = sizeof(room->at);
	if (room->listener < 0 || room->full < 0 ||
	    setsockopt(room->listener, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) ||
	    bind(room->listener, v6 ? (void *)&six : (void *)&four, v6 ? sizeof(six) : sizeof(four)) ||
	    listen(room->listener, 0) || getsockname(room->listener, (struct sockaddr *)&room->at, &room->len) ||
	    connect(room->full, (struct sockaddr *)&room->at, room->len)) {
		room->len = 0;
		return -errno;
	}
	return 0;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

int relay_new(const struct relay_opts *opts, struct relay **out)
{
	struct relay *r = calloc(1, sizeof(*r));
	struct in_addr four;
	const struct timeval patience = {.tv_sec = 1};
	pthread_condattr_t attr;
	uint16_t chance = 0;
	int err;

	if (!r)
		return -ENOMEM;
	r->opts = *opts;
	r->jobs_end = &r->jobs;
	pthread_mutex_init(&r->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&r->changed, &attr);
	pthread_condattr_destroy(&attr);
	for (int i = 0; i < RELAY_FAMILIES; i++)
		r->rooms[i].listener = r->rooms[i].full = -1;
	if (getrandom(&chance, sizeof(chance), GRND_NONBLOCK) != sizeof(chance))
		chance = (uint16_t)clock_ns(CLOCK_MONOTONIC);
	r->mark = MARK_FIRST + chance % MARKS;
	inet_pton(AF_INET, PORT_GATEWAY4, &four);
	r->gateway4 = ip_v4(four.s_addr);
	inet_pton(AF_INET, PORT_DNS4, &four);
	r->dns4 = ip_v4(four.s_addr);
	inet_pton(AF_INET6, PORT_GATEWAY6, &r->gateway6);
	inet_pton(AF_INET6, PORT_DNS6, &r->dns6);
	r->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	err = r->wake < 0 ? -errno : make_room(&r->rooms[0], AF_INET);
	if (err) {
		relay_end(r);
		relay_free(r);
		return err;
	}
	make_room(&r->rooms[1], AF_INET6); /* a machine may have none */
	setsockopt(r->opts.diag, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (!talks_seen(r))
		r->opts.diag = -1;
	*out = r;
	return 0;
}

static void take_jobs(struct relay *r, bool run)
{
	pthread_mutex_lock(&r->lock);
	while (r->jobs) {
		struct relay_job *j = r->jobs;

		r->jobs = j->next;
		if (!r->jobs)
			r->jobs_end = &r->jobs;
		pthread_mutex_unlock(&r->lock);
		j->result = run ? j->what(r, j->arg) : -ESHUTDOWN;
		pthread_mutex_lock(&r->lock);
		j->done = true;
		pthread_cond_broadcast(&r->changed);
	}
	pthread_mutex_unlock(&r->lock);
}

int relay_do(struct relay *r, int (*what)(struct relay *r, void *arg), void *arg)
{
	struct relay_job j = {.what = what, .arg = arg};
	uint64_t one = 1;
	ssize_t done;

	pthread_mutex_lock(&r->lock);
	if (r->ended) {
		pthread_mutex_unlock(&r->lock);
		return -ESHUTDOWN;
	}
	*r->jobs_end = &j;
	r->jobs_end = &j.next;
	done = write(r->wake, &one, sizeof(one));
	(void)done; /* full: it is awake */
	while (!j.done)
		pthread_cond_wait(&r->changed, &r->lock);
	pthread_mutex_unlock(&r->lock);
	return j.result;
}

void relay_tell(struct relay *r, const struct relay_ears *ears)
{
	pthread_mutex_lock(&r->lock);
	r->ears = ears ? *ears : (struct relay_ears){0};
	pthread_mutex_unlock(&r->lock);
}

void relay_say_joined(struct relay *r, uint32_t inode)
{
	pthread_mutex_lock(&r->lock);
	if (r->ears.joined)
		r->ears.joined(r->ears.arg, inode);
	pthread_mutex_unlock(&r->lock);
}

void relay_say_refused(struct relay *r, uint32_t inode)
{
	pthread_mutex_lock(&r->lock);
	if (r->ears.refused)
		r->ears.refused(r->ears.arg, inode);
	pthread_mutex_unlock(&r->lock);
}

static void drop_gone(struct relay *r)
{
	struct relay_part *next;

	for (struct relay_part *p = r->conns; p; p = next) {
		next = p->all_next;
		if (p->gone)
			conn_end(r, p);
	}
	for (struct relay_part *p = r->talks; p; p = next) {
		next = p->all_next;
		if (p->gone)
			talk_end(r, p);
	}
}

void relay_end(struct relay *r)
{
	if (!r)
		return;
	pthread_mutex_lock(&r->lock);
	r->ended = true;
	pthread_mutex_unlock(&r->lock);
	take_jobs(r, false);
	while (r->conns)
		conn_end(r, r->conns);
	while (r->talks)
		talk_end(r, r->talks);
	for (int i = 0; i < RELAY_FAMILIES; i++) {
		close_fd(r->rooms[i].listener);
		close_fd(r->rooms[i].full);
	}
	for (uint32_t i = 0; i < r->n_published; i++)
		close_fd(r->published[i].fd);
	r->n_published = 0;
}

void relay_free(struct relay *r)
{
	if (!r)
		return;
	close_fd(r->wake);
	for (int i = 0; i < RELAY_BUCKETS; i++)
		while (r->names[i]) {
			struct relay_name *n = r->names[i];

			r->names[i] = n->next;
			free(n);
		}
	free(r->fds);
	free(r->waits);
	pthread_cond_destroy(&r->changed);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

int relay_publish(struct relay *r, const struct uplink_publish *p)
{
	struct sockaddr_storage at;
	int fd, on = 1, err = 0;
	socklen_t len;

	if (p->udp)
		return -EOPNOTSUPP;
	if (r->n_published == ARRAY_SIZE(r->published))
		return -E2BIG;
	len = relay_real(r, &p->host.sin6_addr, ntohs(p->host.sin6_port), 0, &at);
	fd = socket(at.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&at, len) || listen(fd, SOMAXCONN)) {
		err = -errno;
		close(fd);
		return err;
	}
	r->published[r->n_published++] = (struct published){.fd = fd, .port = p->port};
	return 0;
}

void relay_want(struct relay *r, int fd, short events, struct relay_part *p, enum flow_dir side)
{
	if (fd < 0 || !events)
		return;
	if (r->n == r->room) {
		uint32_t room = MAX(2 * r->room, 64u);
		struct pollfd *fds = realloc(r->fds, room * sizeof(*fds));
		struct relay_waits *waits;

		if (!fds)
			return; /* it waits for the next round */
		r->fds = fds;
		waits = realloc(r->waits, room * sizeof(*waits));
		if (!waits)
			return;
		r->waits = waits;
		r->room = room;
	}
	r->fds[r->n] = (struct pollfd){.fd = fd, .events = events};
	r->waits[r->n++] = (struct relay_waits){.part = p, .side = side};
}

const struct pollfd *relay_fill(struct relay *r, uint32_t *n, int *timeout)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);

	r->n = 0;
	relay_want(r, r->wake, POLLIN, NULL, FLOW_OUT);
	for (uint32_t i = 0; i < r->n_published; i++)
		relay_want(r, r->published[i].fd, POLLIN, NULL, FLOW_IN);
	for (struct relay_part *p = r->conns; p; p = p->all_next)
		conn_fill(r, p, now, timeout);
	for (struct relay_part *p = r->talks; p; p = p->all_next)
		talk_fill(r, p);
	*n = r->n;
	return r->fds;
}

static void work_on(struct relay *r, const struct pollfd *fd, const struct relay_waits *w)
{
	uint64_t count;
	ssize_t done;

	if (w->part && !w->part->gone) {
		if (w->part->key.proto == IPPROTO_TCP)
			conn_work(r, w->part, w->side, fd->revents);
		else
			talk_work(r, w->part, w->side);
	} else if (fd->fd == r->wake) {
		done = read(r->wake, &count, sizeof(count));
		(void)done;
	} else if (!w->part) {
		for (uint32_t i = 0; i < r->n_published; i++)
			if (r->published[i].fd == fd->fd)
				conn_accept(r, &r->published[i]);
	}
}

void relay_work(struct relay *r, const struct pollfd *fds)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	uint32_t n = r->n;

	for (uint32_t i = 0; i < n; i++)
		if (fds[i].revents)
			work_on(r, &fds[i], &r->waits[i]);
	for (struct relay_part *p = r->conns; p; p = p->all_next)
		if (!p->gone)
			conn_due(r, p, now);
	talks_due(r, now);
	drop_gone(r);
	take_jobs(r, true);
	drop_gone(r);
}

uint64_t relay_unsent(const struct relay *r)
{
	uint64_t n = 0;

	for (const struct relay_part *p = r->conns; p; p = p->all_next)
		n += conn_unsent(p);
	return n;
}

uint64_t relay_lost(const struct relay *r)
{
	return r->lost;
}
