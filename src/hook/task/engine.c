/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The engine's life. Its threads are made before the tree's command is; then, in this order:
 *
 *   command -> skep   struct watch_hello    "I am here" (the kernel says who, in skep's own numbers), and which fd the listener will be
 *   skep -> command   struct watch_answer   once it is seized, where the plan needs ptrace; or why it cannot be
 *                     the command loads the filter: from here on its calls may wait for skep, so skep takes the listener without its help (pidfd_getfd)
 *   skep -> guard     the listener
 *   skep -> command   struct watch_answer   and it may be executed
 *   command -> skep   struct watch_hello    it is executed now: what it does from here on is told
 *
 * Where nothing is notified but what the guard carries out, the guard receives as in a run without an engine, and only the seizing is left of this.
 */
#include "hook/task/engine.h"

#include "base/clock.h"
#include "base/util.h"
#include "hook/task/inside.h"
#include "hook/tree/guard.h"
#include "hook/tree/init.h"
#include "hook/tree/tree.h"
#include "hook/tree/watch.h"
#include "hook/tree/ways_out.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS      SECCOMP_IOW(4, uint64_t) /* Linux 6.6 */
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP 1
#endif

enum { HEAR_MS = 20, TAKE_US = 20, MOMENT_NS = 1000000, GRACE_NS = 1000000000 };

static void nudged(int sig)
{
	(void)sig;
	answer_nudged();
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

int engine_new(const struct engine_opts *opts, struct engine **out, char why[ENGINE_WHY])
{
	struct engine *e = calloc(1, sizeof(*e));
	const uint8_t *calls = opts->plan.calls;
	bool made = false;
	pthread_condattr_t attr;

	*out = NULL;
	if (e)
		e->threads = threads_new(opts->forget, opts->arg);
	if (!e || !e->threads || !opts->n_threads || opts->n_threads > ENGINE_THREADS) {
		int err = e && e->threads ? -EINVAL : -ENOMEM;

		snprintf(why, ENGINE_WHY, "%s", strerror(-err));
		if (e)
			threads_free(e->threads);
		free(e);
		return err;
	}
	e->opts = *opts;
	e->hello = e->guard = e->listener = e->command_fd = -1;
	e->traced = opts->plan.life;
	e->notified = calls[SYS_connect] || calls[SYS_bind];
	e->returns = (calls[SYS_connect] | calls[SYS_bind]) & PLAN_RETURN;
	for (int nr = 0; nr < CALLS_MAX; nr++)
		e->files |= calls[nr] & PLAN_MADE && !guard_send_is(nr);
	if (e->files)
		confined_plan(&e->opts.plan);
	calls = e->opts.plan.calls;
	for (int nr = 0; nr < CALLS_MAX; nr++) {
		made |= calls[nr] & PLAN_SOCKET;
		if (nr == SYS_connect || nr == SYS_bind)
			continue;
		e->notified |= (calls[nr] & ~PLAN_SOCKET) == PLAN_CALL || calls[nr] & PLAN_MADE;
		e->returns |= calls[nr] & PLAN_MADE || (calls[nr] & PLAN_SOCKET && calls[nr] & PLAN_RETURN);
		e->traced |= calls[nr] & PLAN_RETURN && !(calls[nr] & (PLAN_MADE | PLAN_SOCKET));
	}
	e->notified |= made;
	e->by_trace = opts->by_trace;
	if (e->by_trace) {
		/* Answers of the guard come on the thread that hears of ends elsewhere; there the tracer tells these. */
		e->notified = false;
		e->traced = true;
		e->returns = !opts->maker;
	}
	pthread_mutex_init(&e->lock, NULL);
	pthread_cond_init(&e->changed, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&e->wanted, &attr);
	pthread_condattr_destroy(&attr);
	*out = e;
	return 0;
}

static void *run_thread(void *arg)
{
	struct engine_thread *t = arg;
	struct engine *e = t->e;
	char name[16];
	int err;

	if (t->on < e->opts.n_threads)
		snprintf(name, sizeof(name), "skep-task-%u", t->on % ENGINE_THREADS);
	else
		snprintf(name, sizeof(name), "%s", t->on == e->opts.n_threads ? "skep-tracer" : "skep-returns");
	prctl(PR_SET_NAME, name, 0, 0, 0);
	err = e->opts.begin ? e->opts.begin(e->opts.arg, t->on) : 0;
	pthread_mutex_lock(&e->lock);
	e->n_begun++;
	e->n_failed += err != 0;
	pthread_cond_broadcast(&e->changed);
	pthread_mutex_unlock(&e->lock);
	if (!err) {
		t->run(e, t->on);
		if (e->opts.end)
			e->opts.end(e->opts.arg, t->on);
	}
	pthread_mutex_lock(&e->lock);
	t->ended = true;
	pthread_cond_broadcast(&e->changed);
	pthread_mutex_unlock(&e->lock);
	return NULL;
}

static int start_thread(struct engine *e, uint32_t on, void (*run)(struct engine *e, uint32_t on))
{
	struct engine_thread *t = &e->of[on];
	sigset_t all, before;
	int err;

	*t = (struct engine_thread){.e = e, .on = on, .run = run};
	sigfillset(&all);
	sigdelset(&all, ENGINE_NUDGE);
	/* One comes with each stop of a tracee. Where it is not blocked it is ignored; a blocked one waits, and wakes another thread of the process. */
	sigdelset(&all, SIGCHLD);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = -pthread_create(&t->id, NULL, run_thread, t);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	t->there = !err;
	return err;
}

static int start_threads(struct engine *e)
{
	const struct sigaction nudge = {.sa_handler = nudged};
	uint32_t n = 0;
	int err = sigaction(ENGINE_NUDGE, &nudge, NULL) ? -errno : 0;

	atomic_store(&e->active, e->opts.n_threads);
	for (uint32_t i = 0; e->notified && i < e->opts.n_threads && !err; i++, n += !err)
		err = start_thread(e, i, notify_run);
	if (e->traced && !err) {
		err = start_thread(e, e->opts.n_threads, trace_run);
		n += !err;
	}
	if (e->returns && !err) {
		err = start_thread(e, e->opts.n_threads + 1, e->opts.maker ? made_run : returns_run);
		n += !err;
	}
	pthread_mutex_lock(&e->lock);
	while (e->n_begun < n)
		pthread_cond_wait(&e->changed, &e->lock);
	pthread_mutex_unlock(&e->lock);
	return err ? err : e->n_failed ? -EAGAIN : 0;
}

int engine_start(struct engine *e, struct tree *t, char why[ENGINE_WHY])
{
	struct tree_watch *w = &t->watch;
	int hello[2] = {-1, -1}, guard[2] = {-1, -1}, on = 1, err = 0;

	*w = (struct tree_watch){.plan = e->opts.plan,
				 .to_skep = e->notified,
				 .traced = e->traced,
				 .by_trace = e->by_trace,
				 .bare = t->top != 0,
				 .hello = -1,
				 .guard = -1};
	e->notes = t->notes;
	if (!e->notified && !e->traced)
		return 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, hello) ||
	    setsockopt(hello[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)))
		err = -errno;
	if (!err && (e->notified || e->by_trace) && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, guard))
		err = -errno;
	e->hello = hello[0];
	e->guard = guard[0];
	w->hello = hello[1];
	w->guard = guard[1];
	err = err ? err : start_threads(e);
	if (err) {
		snprintf(why, ENGINE_WHY, "the threads that watch the command cannot be started: %s", strerror(-err));
		close_fd(&w->hello);
		close_fd(&w->guard);
		engine_stop(e);
	}
	return err;
}

/* With the lock held: waits a moment for a thread's end. */
static void wait_moment(struct engine *e)
{
	struct timespec moment;

	clock_gettime(CLOCK_REALTIME, &moment);
	moment.tv_nsec += MOMENT_NS;
	moment.tv_sec += moment.tv_nsec / 1000000000;
	moment.tv_nsec %= 1000000000;
	pthread_cond_timedwait(&e->changed, &e->lock, &moment);
}

void engine_nudge(const struct engine_thread *t)
{
	if (t->there && !t->ended)
		pthread_kill(t->id, ENGINE_NUDGE);
}

static bool any_left(const struct engine *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(e->of); i++)
		if (e->of[i].there && !e->of[i].ended)
			return true;
	return false;
}

/* What is left of a tree that ends is told to its end: the threads see that for themselves. */
static void let_end(struct engine *e)
{
	uint64_t until = clock_ns(CLOCK_MONOTONIC) + GRACE_NS;
	struct pollfd p = {.fd = e->listener, .events = POLLIN};

	pthread_mutex_lock(&e->lock);
	while (any_left(e) && clock_ns(CLOCK_MONOTONIC) < until) {
		wait_moment(e);
		/* Before Linux 6.11 nobody who waits for a notification hears that there will be none. */
		if (e->listener >= 0 && poll(&p, 1, 0) == 1 && p.revents & POLLHUP) {
			atomic_store(&e->over, true);
			pthread_cond_broadcast(&e->wanted);
			for (uint32_t i = 0; i < e->opts.n_threads; i++)
				engine_nudge(&e->of[i]);
		}
	}
	pthread_mutex_unlock(&e->lock);
}

static void stop_thread(struct engine *e, struct engine_thread *t)
{
	if (!t->there)
		return;
	pthread_mutex_lock(&e->lock);
	while (!t->ended) {
		engine_nudge(t);
		wait_moment(e);
	}
	pthread_mutex_unlock(&e->lock);
	pthread_join(t->id, NULL);
	t->there = false;
}

static void set_ready(struct engine *e, enum ready ready)
{
	pthread_mutex_lock(&e->lock);
	if (e->ready == NOT_YET)
		e->ready = ready;
	pthread_cond_broadcast(&e->changed);
	pthread_cond_broadcast(&e->wanted);
	pthread_mutex_unlock(&e->lock);
}

void engine_stop(struct engine *e)
{
	if (!e)
		return;
	if (e->ready == READY)
		let_end(e);
	atomic_store(&e->stop, true);
	set_ready(e, NEVER);
	for (size_t i = 0; i < ARRAY_SIZE(e->of); i++)
		stop_thread(e, &e->of[i]);
	handed_free(e);
	close_fd(&e->hello);
	close_fd(&e->guard);
	close_fd(&e->listener);
	close_fd(&e->command_fd);
}

void engine_free(struct engine *e)
{
	if (!e)
		return;
	engine_stop(e);
	answers_free(e);
	threads_free(e->threads);
	confined_free(e);
	pthread_cond_destroy(&e->changed);
	pthread_cond_destroy(&e->wanted);
	pthread_mutex_destroy(&e->lock);
	free(e);
}

void engine_losses(const struct engine *e, struct engine_losses *out)
{
	*out = (struct engine_losses){.unknown = atomic_load(&e->unknown),
				      .late = atomic_load(&e->late),
				      .sudden = atomic_load(&e->sudden),
				      .orphans = atomic_load(&e->orphans),
				      .unheard = atomic_load(&e->unheard)};
}

bool engine_own(struct engine *e, pid_t tid, bool compat, int nr)
{
	struct watch_hello last;

	if (likely(tid != atomic_load_explicit(&e->command, memory_order_relaxed)))
		return false;
	if (compat ? nr != I386_EXECVE && nr != I386_EXECVEAT : nr != SYS_execve && nr != SYS_execveat)
		if (recv(e->hello, &last, sizeof(last), MSG_DONTWAIT) < 0)
			return true;
	atomic_store(&e->command, 0);
	return false;
}

int engine_kill(const struct thread *t)
{
	if (t->pidfd < 0)
		return syscall(SYS_tgkill, t->tgid, t->tid, SIGKILL) ? -errno : 0;
	return syscall(SYS_pidfd_send_signal, t->pidfd, SIGKILL, NULL, 0) ? -errno : 0;
}

/* Who says what. Return: the pid as skep sees it, or a negative errno. */
static pid_t hear(struct engine *e, struct watch_hello *h)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(struct ucred))];
	} control;
	struct iovec iov = {h, sizeof(*h)};
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	struct cmsghdr *c;
	struct ucred who;
	ssize_t n;

	do
		n = recvmsg(e->hello, &m, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR && !atomic_load(&e->stop));
	if (n != sizeof(*h))
		return n < 0 ? -errno : -EPIPE;
	c = CMSG_FIRSTHDR(&m);
	if (!c || c->cmsg_type != SCM_CREDENTIALS || c->cmsg_len < CMSG_LEN(sizeof(who)))
		return -EPROTO;
	memcpy(&who, CMSG_DATA(c), sizeof(who));
	return who.pid > 0 ? who.pid : -ESRCH;
}

static int say(struct engine *e, const struct watch_answer *a)
{
	return send(e->hello, a, sizeof(*a), MSG_NOSIGNAL) == sizeof(*a) ? 0 : -errno;
}

/* What keeps skep from a process of its own making. */
static void explain(int err, char why[ENGINE_WHY])
{
	snprintf(why, ENGINE_WHY, "the command's files cannot be reached: %s%s", strerror(-err),
		 err == -EPERM    ? "; /proc/sys/kernel/yama/ptrace_scope is 3, or a container's profile forbids it "
				    "(docker run --cap-add SYS_PTRACE allows it)"
		 : err == -ENOSYS ? "; this kernel has no pidfd_getfd (Linux 5.6), or a container's profile hides it"
				  : "");
}

int engine_meet(struct engine *e, int (*seize)(pid_t pid, char why[ENGINE_WHY]))
{
	struct watch_answer a = {0};
	struct watch_hello h;
	pid_t pid = hear(e, &h);

	a.err = pid < 0 ? pid : 0;
	e->coming = h.listener;
	if (!a.err) {
		e->command_fd = (int)syscall(SYS_pidfd_open, pid, 0);
		a.err = e->command_fd < 0 ? -errno : seize ? seize(pid, a.why) : 0;
	}
	/* Where skep makes socket calls the listener is sent. */
	if (!a.err && (e->notified || e->by_trace) && !e->opts.maker) {
		/* May it be done? That there is none with the number is fine. */
		int fd = (int)syscall(SYS_pidfd_getfd, e->command_fd, h.listener, 0);

		if (fd >= 0)
			close(fd);
		else if (errno != EBADF)
			a.err = -errno;
		if (a.err)
			explain(a.err, a.why);
	}
	if (!a.err && e->by_trace && !e->opts.maker)
		a.err = guard_hand_over(e->guard, -1);
	if (!a.err)
		atomic_store(&e->command, pid);
	say(e, &a);
	if (a.err)
		set_ready(e, NEVER);
	else if (!e->notified)
		set_ready(e, READY);
	return a.err;
}

/* The listener, where it is sent. Return: it; -1 with errno, EBADF when it has not come. */
static int hear_listener(struct engine *e)
{
	struct pollfd p = {.fd = e->hello, .events = POLLIN};
	struct note bearer;
	int fd = -1;

	if (poll(&p, 1, HEAR_MS) < 1) {
		errno = EBADF;
		return -1;
	}
	if (!note_receive(e->hello, &bearer, &fd, 1) && fd >= 0)
		return fd;
	errno = EPIPE;
	return -1;
}

int engine_take(struct engine *e)
{
	const uint64_t flags = SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP, none = 0;
	const struct watch_answer fine = {0};
	struct pollfd p = {.fd = e->hello};
	int fd;

	if (!e->notified)
		return 0;
	fd = e->opts.maker ? hear_listener(e) : (int)syscall(SYS_pidfd_getfd, e->command_fd, e->coming, 0);
	/* Another file may have the number for a moment. */
	if (fd >= 0 && ioctl(fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &none) && errno != ENOENT) {
		close_fd(&fd);
		errno = EBADF;
	}
	if (fd < 0) {
		int err = -errno;

		if (err == -EBADF && !atomic_load(&e->stop) && !poll(&p, 1, 0)) {
			usleep(TAKE_US);
			return -EAGAIN;
		}
		set_ready(e, NEVER);
		return err;
	}
	e->listener = fd;
	e->deaf = ways_out_deaf();
	ioctl(fd, SECCOMP_IOCTL_NOTIF_SET_FLAGS, flags); /* where there is none, it is slower */
	if (!e->opts.maker && guard_hand_over(e->guard, fd)) {
		set_ready(e, NEVER);
		return -EPIPE;
	}
	set_ready(e, READY);
	say(e, &fine);
	return 0;
}
