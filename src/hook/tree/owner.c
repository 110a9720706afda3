/* SPDX-License-Identifier: BSD-2-Clause */
#include "hook/tree/owner.h"

#include "base/printable.h"
#include "base/util.h"
#include "hook/tree/guard.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

enum {
	SEEN = 4096,
	BUCKETS = 256,
	IN_BUCKET = 16,
	DEPTH = 64,
	NO_COOKIE = -1,
	TCP_LISTEN_STATE = 10,
	TCP_TIME_WAIT_STATE = 6
};

/* Where a socket was found. */
struct place {
	uint32_t inode, pid;
	int fd;
};

struct owners {
	int diag, proc;
	uint32_t top; /* the process that the tree is below of */
	const struct guard_notes *notes;
	char here[TASK_TEXT]; /* skep's working folder */
	/* The thread that looks, and what it is asked. */
	pthread_t thread;
	bool started, end;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	const struct request *request; /* NULL: none, or answered */
	struct task *tasks[BUCKETS]; /* held, by pid, the newest first: those that are likely to be asked for again */
	uint32_t last; /* the pid that had the socket last: most likely it has the next one too */
	struct place seen[SEEN]; /* by inode: where sockets were that had to be searched for */
	uint32_t *pids; /* of a search */
	size_t room;
};

struct request {
	uint8_t proto;
	const struct in6_addr *tree, *far;
	uint16_t tree_port, far_port;
	struct owner *out;
};

static void look(struct owners *o, const struct request *r);

static void *work(void *arg)
{
	struct owners *o = arg;

	prctl(PR_SET_NAME, "skep-owners", 0, 0, 0);
	pthread_mutex_lock(&o->lock);
	while (!o->end) {
		if (!o->request) {
			pthread_cond_wait(&o->changed, &o->lock);
			continue;
		}
		look(o, o->request);
		o->request = NULL;
		pthread_cond_broadcast(&o->changed);
	}
	pthread_mutex_unlock(&o->lock);
	return NULL;
}

int owners_new(int diag, int proc, const struct guard_notes *notes, struct owners **out)
{
	struct timeval patience = {.tv_sec = 1};
	struct owners *o = calloc(1, sizeof(*o));
	int err;

	if (!o)
		return -ENOMEM;
	o->top = 1;
	o->diag = diag;
	o->proc = proc;
	o->notes = notes;
	if (!getcwd(o->here, sizeof(o->here)))
		*o->here = 0;
	setsockopt(diag, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	pthread_mutex_init(&o->lock, NULL);
	pthread_cond_init(&o->changed, NULL);
	err = -pthread_create(&o->thread, NULL, work, o);
	o->started = !err;
	if (err)
		owners_free(o);
	else
		*out = o;
	return err;
}

void owners_below(struct owners *o, uint32_t top)
{
	o->top = top;
}

void owners_free(struct owners *o)
{
	if (o && o->started) {
		pthread_mutex_lock(&o->lock);
		o->end = true;
		pthread_cond_broadcast(&o->changed);
		pthread_mutex_unlock(&o->lock);
		pthread_join(o->thread, NULL);
	}
	for (int i = 0; o && i < BUCKETS; i++)
		while (o->tasks[i]) {
			struct task *t = o->tasks[i];

			o->tasks[i] = t->next;
			task_put(t);
		}
	if (o)
		free(o->pids);
	free(o);
}

static ssize_t read_text(int dir, const char *name, char *to, size_t size)
{
	AUTO_CLOSE int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, to, size - 1);

	to[MAX(n, (ssize_t)0)] = 0;
	return n;
}

struct task *task_named(struct task *t, struct task *parent, uint32_t pid, const char *comm, const char *args, size_t n)
{
	struct task *out = malloc(sizeof(*out));

	if (!out)
		return NULL;
	*out = (struct task){.pid = pid};
	if (t) {
		out->start = t->start;
		memcpy(out->exe, t->exe, sizeof(out->exe));
		memcpy(out->folder, t->folder, sizeof(out->folder));
	}
	out->parent = task_get(t && t->parent ? t->parent : parent);
	atomic_init(&out->refs, 1);
	snprintf(out->comm, sizeof(out->comm), "%s", comm);
	printable(out->comm, strlen(out->comm));
	n = MIN(n, sizeof(out->cmdline) - 1);
	memcpy(out->cmdline, args, n);
	out->cmdline[n] = 0;
	printable(out->cmdline, n);
	return out;
}

struct task *task_get(struct task *t)
{
	if (t)
		atomic_fetch_add(&t->refs, 1);
	return t;
}

void task_put(struct task *t)
{
	while (t && atomic_fetch_sub(&t->refs, 1) == 1) {
		struct task *parent = t->parent;

		free(t);
		t = parent;
	}
}

/* What /proc/PID/stat says of a process's parent and its start (man 5 proc: fields 4 and 22). */
static bool read_stat(int dir, char *comm, uint32_t *parent, uint64_t *start)
{
	char text[1024], *open, *close;
	ssize_t n = read_text(dir, "stat", text, sizeof(text));
	unsigned long long began;

	open = n > 0 ? strchr(text, '(') : NULL;
	close = n > 0 ? strrchr(text, ')') : NULL;
	if (!open || !close ||
	    sscanf(close + 1, " %*c %u %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
		   parent, &began) != 2)
		return false;
	*start = began;
	snprintf(comm, TASK_COMM, "%.*s", (int)MIN(close - open - 1, (ptrdiff_t)TASK_COMM - 1), open + 1);
	printable(comm, strlen(comm));
	return true;
}

/* Into the cache; the one that was there longest goes. */
static void remember(struct owners *o, struct task *t)
{
	struct task **at = &o->tasks[t->pid % BUCKETS];

	t->next = *at;
	*at = task_get(t);
	for (int i = 0; *at; i++)
		if (i < IN_BUCKET) {
			at = &(*at)->next;
		} else {
			task_put(*at); /* the last one */
			*at = NULL;
		}
}

/* Where it works: "" for where skep does, seen from there when it is below. */
static void folder_of(const struct owners *o, int dir, char to[TASK_TEXT])
{
	size_t here = strlen(o->here);
	ssize_t n = readlinkat(dir, "cwd", to, TASK_TEXT - 1);

	to[MAX(n, (ssize_t)0)] = 0;
	printable(to, strlen(to));
	if (here && !strcmp(to, o->here))
		*to = 0;
	else if (here && !strncmp(to, o->here, here) && to[here] == '/')
		memmove(to, to + here + 1, strlen(to + here + 1) + 1);
}

/* A process and its ancestors, held. What it executes may change; that it does is seen by looking again. */
static struct task *task_of(struct owners *o, uint32_t pid, int depth)
{
	struct task *t;
	char name[16], comm[TASK_COMM], exe[TASK_TEXT], folder[TASK_TEXT];
	uint32_t parent;
	uint64_t start;
	ssize_t n;

	snprintf(name, sizeof(name), "%u", pid);
	AUTO_CLOSE int dir = openat(o->proc, name, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (pid <= 1 || pid == o->top || !depth || dir < 0 || !read_stat(dir, comm, &parent, &start))
		return NULL;
	n = readlinkat(dir, "exe", exe, sizeof(exe) - 1);
	exe[MAX(n, (ssize_t)0)] = 0;
	printable(exe, strlen(exe));
	folder_of(o, dir, folder);
	for (t = o->tasks[pid % BUCKETS]; t; t = t->next)
		if (t->pid == pid && t->start == start && !strcmp(t->exe, exe) && !strcmp(t->comm, comm) &&
		    !strcmp(t->folder, folder))
			return task_get(t);
	t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	atomic_init(&t->refs, 1);
	t->pid = pid;
	t->start = start;
	memcpy(t->comm, comm, sizeof(comm));
	memcpy(t->exe, exe, sizeof(exe));
	memcpy(t->folder, folder, sizeof(folder));
	n = read_text(dir, "cmdline", t->cmdline, sizeof(t->cmdline));
	printable(t->cmdline, (size_t)MAX(n, (ssize_t)0));
	t->parent = task_of(o, parent, depth - 1);
	remember(o, t);
	return t;
}

/* Is this file of a process the socket? */
static bool is_socket(const struct owners *o, const struct place *p, uint32_t inode)
{
	char path[48], want[32], link[64];
	ssize_t n;

	snprintf(path, sizeof(path), "%u/fd/%d", p->pid, p->fd);
	snprintf(want, sizeof(want), "socket:[%u]", inode);
	n = readlinkat(o->proc, path, link, sizeof(link) - 1);
	link[MAX(n, (ssize_t)0)] = 0;
	return n > 0 && !strcmp(link, want);
}

/* has_socket - does a process have the socket? Return: p->fd is its number there. */
static bool has_socket(const struct owners *o, struct place *p, uint32_t inode)
{
	char path[32], want[32], link[64];
	struct dirent *e;
	bool found = false;
	DIR *d;
	int fd;

	snprintf(path, sizeof(path), "%u/fd", p->pid);
	snprintf(want, sizeof(want), "socket:[%u]", inode);
	fd = openat(o->proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d = fd < 0 ? NULL : fdopendir(fd);
	if (!d && fd >= 0)
		close(fd);
	while (d && !found && (e = readdir(d))) {
		ssize_t n = readlinkat(dirfd(d), e->d_name, link, sizeof(link) - 1);

		link[MAX(n, (ssize_t)0)] = 0;
		found = n > 0 && !strcmp(link, want);
		p->fd = atoi(e->d_name);
	}
	if (d)
		closedir(d);
	return found;
}

/* The processes of the tree, from the oldest number on. Return: how many of them are in o->pids. */
static size_t list_pids(struct owners *o)
{
	int fd = openat(o->proc, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	size_t n = 0;

	if (!d && fd >= 0)
		close(fd);
	while (d && (e = readdir(d))) {
		uint32_t pid = (uint32_t)strtoul(e->d_name, NULL, 10);

		/* The guard has sockets of others for the moment in which it connects them. */
		if (pid <= GUARD_PID)
			continue;
		if (n == o->room) {
			size_t room = MAX(2 * o->room, (size_t)256);
			uint32_t *more = realloc(o->pids, room * sizeof(*more));

			if (!more)
				break;
			o->pids = more;
			o->room = room;
		}
		o->pids[n++] = pid;
	}
	if (d)
		closedir(d);
	return n;
}

/* Looks through all processes; the youngest first, for those that have just begun connect most. */
static bool search(struct owners *o, struct place *p, uint32_t inode)
{
	p->pid = o->last;
	if (o->last && has_socket(o, p, inode))
		return true;
	for (size_t n = list_pids(o); n--;) {
		p->pid = o->pids[n];
		if (p->pid != o->last && has_socket(o, p, inode))
			return true;
	}
	return false;
}

static uint32_t pid_of_socket(struct owners *o, uint32_t inode)
{
	struct place *seen = &o->seen[inode % SEEN], p = {.inode = inode};

	p.pid = guard_noted(o->notes, inode, &p.fd);
	if (p.pid && is_socket(o, &p, inode))
		return p.pid;
	if (seen->inode == inode && is_socket(o, seen, inode))
		return seen->pid;
	if (!search(o, &p, inode))
		return 0;
	o->last = p.pid;
	*seen = p;
	return p.pid;
}

/*
 * A ping socket: /proc/net/icmp and icmp6 have a line each, with the identifier as the local port (net/ipv4/ping.c), the user in the
 * eighth column and the inode in the tenth.
 */
static bool find_ping(const struct owners *o, uint8_t proto, uint16_t id, struct owner *out)
{
	int fd = openat(o->proc, proto == IPPROTO_ICMP ? "1/net/icmp" : "1/net/icmp6", O_RDONLY | O_CLOEXEC);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
	unsigned int port, uid, inode;
	char line[512];
	bool found = false;

	if (!f && fd >= 0)
		close(fd);
	while (f && !found && fgets(line, sizeof(line), f))
		found = sscanf(line, " %*u: %*[0-9A-F]:%x %*s %*s %*s %*s %*s %u %*u %u", &port, &uid, &inode) == 3 &&
			port == id;
	if (f)
		fclose(f);
	if (found)
		*out = (struct owner){.known = true, .cookie = OWNER_PING | inode, .uid = uid, .inode = inode};
	return found;
}

struct question {
	struct nlmsghdr h;
	struct inet_diag_req_v2 r;
};

/* One message of an answer: the socket, or NULL when there is none. */
static const struct inet_diag_msg *answer_of(const struct nlmsghdr *h)
{
	if (h->nlmsg_type != SOCK_DIAG_BY_FAMILY || h->nlmsg_len < NLMSG_LENGTH(sizeof(struct inet_diag_msg)))
		return NULL;
	return NLMSG_DATA(h);
}

/* The socket with these ends. For UDP the kernel has the ends the other way round (net/ipv4/udp_diag.c). */
static bool find_socket(struct owners *o, int family, uint8_t proto, const void *local, uint16_t lport,
			const void *remote, uint16_t rport, struct owner *out)
{
	bool swapped = proto == IPPROTO_UDP;
	size_t size = family == AF_INET ? 4 : 16;
	struct question q = {
		.h = {.nlmsg_len = sizeof(q), .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST},
		.r = {.sdiag_family = (uint8_t)family, .sdiag_protocol = proto, .idiag_states = UINT32_MAX}};
	union {
		struct nlmsghdr h;
		char bytes[8192];
	} a;
	const struct inet_diag_msg *m;
	ssize_t n;

	q.r.id.idiag_sport = htons(swapped ? rport : lport);
	q.r.id.idiag_dport = htons(swapped ? lport : rport);
	memcpy(q.r.id.idiag_src, swapped ? remote : local, size);
	memcpy(q.r.id.idiag_dst, swapped ? local : remote, size);
	q.r.id.idiag_cookie[0] = q.r.id.idiag_cookie[1] = (uint32_t)NO_COOKIE;
	if (send(o->diag, &q, sizeof(q), 0) != sizeof(q))
		return false;
	n = recv(o->diag, &a, sizeof(a), 0);
	m = n >= (ssize_t)NLMSG_LENGTH(sizeof(*m)) ? answer_of(&a.h) : NULL;
	if (!m || !m->idiag_inode)
		return false;
	out->known = true;
	out->cookie = (uint64_t)m->id.idiag_cookie[1] << 32 | m->id.idiag_cookie[0];
	out->uid = m->idiag_uid;
	out->inode = m->idiag_inode;
	return true;
}

static void look(struct owners *o, const struct request *r)
{
	bool v4 = IN6_IS_ADDR_V4MAPPED(r->tree), found = false;
	struct owner *out = r->out;
	uint32_t pid;

	*out = (struct owner){0};
	if (r->proto == IPPROTO_TCP || r->proto == IPPROTO_UDP) {
		if (v4)
			found = find_socket(o, AF_INET, r->proto, &r->tree->s6_addr[12], r->tree_port,
					    &r->far->s6_addr[12], r->far_port, out);
		/* IPv4 through an IPv6 socket is found by the mapped addresses. */
		if (!found)
			found = find_socket(o, AF_INET6, r->proto, r->tree, r->tree_port, r->far, r->far_port, out);
	} else if ((r->proto == IPPROTO_ICMP || r->proto == IPPROTO_ICMPV6) && r->tree_port) {
		found = find_ping(o, r->proto, r->tree_port, out);
	}
	pid = found ? pid_of_socket(o, out->inode) : 0;
	out->task = pid ? task_of(o, pid, DEPTH) : NULL;
}

void owners_find(struct owners *o, uint8_t proto, const struct in6_addr *tree, uint16_t tree_port,
		 const struct in6_addr *far, uint16_t far_port, struct owner *out)
{
	struct request r = {
		.proto = proto, .tree = tree, .tree_port = tree_port, .far = far, .far_port = far_port, .out = out};

	pthread_mutex_lock(&o->lock);
	o->request = &r;
	pthread_cond_broadcast(&o->changed);
	while (o->request)
		pthread_cond_wait(&o->changed, &o->lock);
	pthread_mutex_unlock(&o->lock);
}

struct task *owners_task(struct owners *o, uint32_t pid)
{
	struct task *t;

	if (pid <= GUARD_PID)
		return NULL;
	pthread_mutex_lock(&o->lock);
	t = task_of(o, pid, DEPTH);
	pthread_mutex_unlock(&o->lock);
	return t;
}

uint64_t owners_unsent(struct owners *o)
{
	static const int families[] = {AF_INET, AF_INET6};
	uint64_t sum = 0;

	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		struct question q = {.h = {.nlmsg_len = sizeof(q),
					   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
					   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
				     .r = {.sdiag_family = (uint8_t)families[i],
					   .sdiag_protocol = IPPROTO_TCP,
					   .idiag_states = ~(1u << TCP_LISTEN_STATE | 1u << TCP_TIME_WAIT_STATE)}};
		bool more = send(o->diag, &q, sizeof(q), 0) == sizeof(q);

		while (more) {
			union {
				struct nlmsghdr h;
				char bytes[32768];
			} a;
			ssize_t n = recv(o->diag, &a, sizeof(a), 0);
			size_t left = (size_t)MAX(n, (ssize_t)0);

			more = n > 0;
			for (const struct nlmsghdr *h = &a.h; more && NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
				const struct inet_diag_msg *m = answer_of(h);

				if (!m)
					more = false;
				else
					sum += m->idiag_wqueue;
			}
		}
	}
	return sum;
}
