/* SPDX-License-Identifier: BSD-2-Clause */
#include "hook/task/thread.h"

#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL /* Linux 6.9 */
#endif

enum { FEW = 64, ROOM = 1024, STAT_STARTTIME = 22 };

struct entry {
	struct thread t; /* first: what others hold */
	struct entry *next;
	uint32_t refs; /* the table's is one */
	bool of_process; /* pidfd is */
	bool listed;
};

struct threads {
	pthread_mutex_t lock;
	struct entry **heads;
	uint32_t n_heads; /* a power of two */
	uint32_t n, sweep_at;
	void (*forget)(void *arg, struct thread *t);
	void *arg;
};

struct threads *threads_new(void (*forget)(void *arg, struct thread *t), void *arg)
{
	struct threads *ts = calloc(1, sizeof(*ts));

	if (!ts)
		return NULL;
	ts->n_heads = ROOM;
	ts->heads = calloc(ts->n_heads, sizeof(struct entry *));
	if (!ts->heads) {
		free(ts);
		return NULL;
	}
	pthread_mutex_init(&ts->lock, NULL);
	ts->sweep_at = FEW;
	ts->forget = forget;
	ts->arg = arg;
	return ts;
}

static struct entry **head_of(struct threads *ts, pid_t tid)
{
	return &ts->heads[(uint32_t)tid & (ts->n_heads - 1)];
}

/* The number after the first one of a line of numbers: that of the namespace below skep's. */
static pid_t second_number(const char *text, const char *name, pid_t otherwise)
{
	const char *at = strstr(text, name);
	int first, second;

	return at && sscanf(at + strlen(name), "%d\t%d", &first, &second) == 2 ? second : otherwise;
}

/* A small file of /proc. Return: 0 or a negative errno. */
static int read_proc(pid_t tid, const char *name, char *text, size_t size)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)tid, name);
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);

	if (n <= 0)
		return fd < 0 || n < 0 ? -errno : -ESRCH;
	text[n] = 0;
	return 0;
}

static int read_facts(struct thread *t)
{
	char text[4096];
	const char *at;
	int err = read_proc(t->tid, "status", text, sizeof(text));

	if (err)
		return err;
	at = strstr(text, "\nTgid:");
	t->tgid = at ? (pid_t)strtol(at + 6, NULL, 10) : t->tid;
	t->own_tid = second_number(text, "\nNSpid:", t->tid);
	t->own_tgid = second_number(text, "\nNStgid:", t->tgid);
	err = read_proc(t->tgid, "stat", text, sizeof(text));
	at = err ? NULL : strrchr(text, ')'); /* the name may have any character in it; "state" follows, field 3 */
	for (int field = 2; at && field < STAT_STARTTIME; field++) {
		at = strchr(at, ' ');
		at = at ? at + 1 : NULL;
	}
	t->start = at ? strtoull(at, NULL, 10) : 0;
	return err;
}

static struct entry *make(pid_t tid)
{
	struct entry *e = calloc(1, sizeof(*e));
	int err;

	if (!e) {
		errno = ENOMEM;
		return NULL;
	}
	e->t.tid = tid;
	/* The file first: what is read after it is of the same thread, if the file still stands for it then. */
	e->t.pidfd = (int)syscall(SYS_pidfd_open, tid, PIDFD_THREAD);
	err = read_facts(&e->t);
	if (!err && e->t.pidfd < 0) {
		e->of_process = true;
		e->t.pidfd = (int)syscall(SYS_pidfd_open, e->t.tgid, 0);
	}
	if (!err)
		return e;
	if (e->t.pidfd >= 0)
		close(e->t.pidfd);
	free(e);
	errno = -err;
	return NULL;
}

/* Is the number still its own? */
static bool stands(const struct entry *e)
{
	if (e->t.pidfd < 0)
		return false;
	if (syscall(SYS_pidfd_send_signal, e->t.pidfd, 0, NULL, 0) && errno == ESRCH)
		return false;
	return !e->of_process || !syscall(SYS_tgkill, e->t.tgid, e->t.tid, 0) || errno != ESRCH;
}

bool threads_stand(const struct thread *t)
{
	return stands(container_of(t, struct entry, t));
}

static void unref(struct threads *ts, struct entry *e)
{
	bool last;

	pthread_mutex_lock(&ts->lock);
	last = !--e->refs;
	pthread_mutex_unlock(&ts->lock);
	if (!last)
		return;
	if (ts->forget)
		ts->forget(ts->arg, &e->t);
	if (e->t.pidfd >= 0)
		close(e->t.pidfd);
	free(e);
}

/* With the lock held. The table's reference is the caller's then. Return: whether it was listed. */
static bool unlist(struct threads *ts, struct entry *e)
{
	struct entry **at = head_of(ts, e->t.tid);

	if (!e->listed)
		return false;
	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	e->next = NULL;
	e->listed = false;
	ts->n--;
	return true;
}

/* With the lock held. Return: entries that have left the table, to be unref'd without it. */
static struct entry *sweep(struct threads *ts)
{
	struct entry *old = NULL;

	for (uint32_t i = 0; i < ts->n_heads; i++)
		for (struct entry *e = ts->heads[i], *next; e; e = next) {
			next = e->next;
			if (stands(e) || !unlist(ts, e))
				continue;
			e->next = old;
			old = e;
		}
	ts->sweep_at = MAX(2 * ts->n, (uint32_t)FEW);
	return old;
}

static void unref_all(struct threads *ts, struct entry *old)
{
	while (old) {
		struct entry *next = old->next;

		unref(ts, old);
		old = next;
	}
}

/* Open files are scarce: those of threads that have ended are given back at once. */
static void make_room(struct threads *ts)
{
	struct entry *old;

	pthread_mutex_lock(&ts->lock);
	old = sweep(ts);
	pthread_mutex_unlock(&ts->lock);
	unref_all(ts, old);
}

static void list(struct threads *ts, struct entry *e)
{
	struct entry *old = NULL, **head;

	pthread_mutex_lock(&ts->lock);
	if (ts->n >= ts->sweep_at)
		old = sweep(ts);
	head = head_of(ts, e->t.tid);
	e->next = *head;
	*head = e;
	e->listed = true;
	e->refs = 2; /* the caller's, too */
	ts->n++;
	pthread_mutex_unlock(&ts->lock);
	unref_all(ts, old);
}

struct thread *threads_get(struct threads *ts, pid_t tid)
{
	struct entry *e;

	pthread_mutex_lock(&ts->lock);
	for (e = *head_of(ts, tid); e && e->t.tid != tid; e = e->next)
		;
	if (e)
		e->refs++;
	pthread_mutex_unlock(&ts->lock);
	if (e && stands(e))
		return &e->t;
	if (e) {
		threads_gone(ts, &e->t);
		unref(ts, e);
	}
	e = make(tid);
	if (!e && (errno == EMFILE || errno == ENFILE)) {
		make_room(ts);
		e = make(tid);
	}
	if (e)
		list(ts, e);
	return e ? &e->t : NULL;
}

struct thread *threads_hold(struct threads *ts, struct thread *t)
{
	struct entry *e = container_of(t, struct entry, t);

	pthread_mutex_lock(&ts->lock);
	e->refs++;
	pthread_mutex_unlock(&ts->lock);
	return t;
}

void threads_put(struct threads *ts, struct thread *t)
{
	if (t)
		unref(ts, container_of(t, struct entry, t));
}

void threads_gone(struct threads *ts, struct thread *t)
{
	struct entry *e = container_of(t, struct entry, t);
	bool was;

	pthread_mutex_lock(&ts->lock);
	was = unlist(ts, e);
	pthread_mutex_unlock(&ts->lock);
	if (was)
		unref(ts, e);
}

uint32_t threads_count(struct threads *ts)
{
	uint32_t n;

	pthread_mutex_lock(&ts->lock);
	n = ts->n;
	pthread_mutex_unlock(&ts->lock);
	return n;
}

void threads_free(struct threads *ts)
{
	if (!ts)
		return;
	for (uint32_t i = 0; i < ts->n_heads; i++)
		while (ts->heads[i])
			threads_gone(ts, &ts->heads[i]->t);
	pthread_mutex_destroy(&ts->lock);
	free(ts->heads);
	free(ts);
}
