/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls that begin, by seccomp's user notification (man 2 seccomp_unotify).
 *
 * Where the time goes: not into the calls themselves (some hundred ns) but into waking a thread on another CPU, which may sleep. Since Linux 6.6 a listener
 * can ask for the receiver to run on the task's own CPU (SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP), and so it does here. But a notification wakes all
 * threads that wait for one (the wait is not exclusive): four cost twice as much as one. So:
 *
 *   - One thread waits in RECV; the others are parked.
 *   - Every BACKLOG-th time it looks whether more has come than it has taken, and calls one of the parked. That one goes on for as long as there is
 *     more, and parks again. The first never parks.
 *   - It may be held up in an event (memory of a task may have to come from a disk, or never comes). One of the parked watches: when for LOOK_MS nothing
 *     has been told and nobody waits in RECV, it takes over. When nothing happens it sleeps until the next event.
 *
 * A task that has been received waits deaf to all but fatal signals, which then come after the call, as they would without skep. In the few us before that, and
 * before Linux 5.19 all the time, any signal interrupts the wait: a call may return EINTR that never would by itself, or is begun, and told, again
 * (SA_RESTART). Such a call has not been made.
 */
#include "hook/task/inside.h"

#include "base/clock.h"
#include "base/util.h"
#include "hook/task/natives.h"
#include "hook/tree/guard.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

enum { BACKLOG = 8, LOOK_MS = 10 };

bool notify_answer(struct engine *e, uint64_t id, bool go_on, int64_t answer)
{
	union { /* room for what kernels to come add */
		struct seccomp_notif_resp resp;
		char bytes[256];
	} out;

	memset(&out, 0, sizeof(out));
	out.resp.id = id;
	if (go_on)
		out.resp.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	else if (answer < 0)
		out.resp.error = (int32_t)answer;
	else
		out.resp.val = answer;
	return !ioctl(e->listener, SECCOMP_IOCTL_NOTIF_SEND, &out) || errno != ENOENT;
}

bool engine_stands(const struct task_event *e)
{
	uint64_t id = e->id;

	/* Who stands in a stop of ptrace keeps its number until skep has heard of its end. */
	return e->listener < 0 || !ioctl(e->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id);
}

/* The end of a call that is never made: of one of the guard's only, for the others come by ptrace. */
static void tell_return(struct engine *e, uint32_t on, struct task_event *ev)
{
	if (!(engine_plan(e, ev) & PLAN_RETURN))
		return;
	ev->kind = TASK_RETURN;
	ev->result = ev->answer;
	ev->verdict = TASK_GO_ON;
	ev->handed = NULL;
	engine_tell(e, on, ev);
	if (ev->verdict == TASK_GO_ON)
		ev->answer = ev->result;
}

static void answer(struct engine *e, uint32_t on, struct task_event *ev)
{
	bool guards = handed_is(e, ev), heard = true;

	if (ev->looked && !engine_stands(ev)) {
		atomic_fetch_add(&e->late, 1);
		return;
	}
	if (ev->verdict == TASK_DENY && (guards || engine_plan(e, ev) & PLAN_SOCKET))
		tell_return(e, on, ev);
	if (ev->verdict == TASK_KILL) {
		int err = engine_kill(ev->thread);

		/* Whoever has been killed gets no answer: it leaves the wait to die. */
		if (!err || err == -ESRCH)
			return;
		ev->verdict = TASK_DENY;
		ev->answer = -EPERM;
	}
	if (ev->kind == TASK_RETURN || ev->verdict == TASK_DENY) {
		heard = notify_answer(e, ev->id, false, ev->answer);
	} else if (hand_to_maker(e, ev)) {
		return;
	} else if (guards) {
		int err = handed_to_guard(e, ev);

		heard = !err || notify_answer(e, ev->id, false, err);
	} else {
		heard = notify_answer(e, ev->id, true, 0);
	}
	if (!heard)
		atomic_fetch_add(&e->late, 1);
}

static void take(struct engine *e, uint32_t on, const struct seccomp_notif *req)
{
	struct task_handed handed = {.sock = -1};
	struct task_event ev = {.kind = TASK_CALL,
				.compat = req->data.arch == AUDIT_ARCH_I386,
				.nr = req->data.nr,
				.native = natives_of(req->data.arch == AUDIT_ARCH_I386, req->data.nr),
				.ip = req->data.instruction_pointer,
				.listener = e->listener,
				.id = req->id};

	/* (It makes none of the guard's calls but sends, to skep, and the others are never let through.) */
	if (engine_own(e, (pid_t)req->pid, ev.compat, ev.nr) && (!handed_is(e, &ev) || guard_send_is(ev.native))) {
		notify_answer(e, req->id, true, 0);
		return;
	}
	memcpy(ev.args, req->data.args, sizeof(ev.args));
	ev.thread = threads_get(e->threads, (pid_t)req->pid);
	if (!ev.thread) {
		/* It could not be told. A task that is gone does not hear this. */
		atomic_fetch_add(notify_answer(e, req->id, false, -ENOMEM) ? &e->unknown : &e->late, 1);
		return;
	}
	if (handed_is(e, &ev))
		ev.handed = &handed;
	if (engine_asked_for(e, &ev))
		engine_tell(e, on, &ev);
	answer(e, on, &ev);
	if (handed.sock >= 0)
		close(handed.sock);
	threads_put(e->threads, ev.thread);
}

static bool more_waits(struct engine *e)
{
	struct pollfd p = {.fd = e->listener, .events = POLLIN};

	if (poll(&p, 1, 0) < 1)
		return false;
	if (p.revents & POLLHUP)
		atomic_store(&e->over, true);
	return p.revents & POLLIN;
}

static void call_one(struct engine *e)
{
	pthread_mutex_lock(&e->lock);
	if (atomic_load(&e->active) < e->opts.n_threads && !e->n_wanted) {
		e->n_wanted = 1;
		pthread_cond_broadcast(&e->wanted);
	}
	pthread_mutex_unlock(&e->lock);
}

static void wake_watcher(struct engine *e)
{
	pthread_mutex_lock(&e->lock);
	atomic_store(&e->idle, false);
	pthread_cond_broadcast(&e->wanted);
	pthread_mutex_unlock(&e->lock);
}

/* With the lock held: one period as the watcher. Return: whether the others are held up. */
static bool look_after(struct engine *e)
{
	uint64_t before = atomic_load(&e->told);
	struct timespec until;
	bool quiet;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += LOOK_MS * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	pthread_cond_timedwait(&e->wanted, &e->lock, &until);
	quiet = before == atomic_load(&e->told);
	if (quiet && !atomic_load(&e->busy))
		atomic_store(&e->idle, true);
	return quiet && atomic_load(&e->busy) >= atomic_load(&e->active) &&
	       clock_ns(CLOCK_MONOTONIC) >= (uint64_t)until.tv_sec * 1000000000 + (uint64_t)until.tv_nsec;
}

static void park(struct engine *e)
{
	bool come = false;

	pthread_mutex_lock(&e->lock);
	atomic_fetch_sub(&e->active, 1);
	while (!come && !atomic_load(&e->over) && !atomic_load(&e->stop)) {
		if (e->n_wanted) {
			e->n_wanted--;
			come = true;
		} else if (e->watcher || atomic_load(&e->idle)) {
			pthread_cond_wait(&e->wanted, &e->lock);
		} else {
			e->watcher = true;
			come = look_after(e);
			e->watcher = false;
			if (come)
				pthread_cond_broadcast(&e->wanted); /* another one watches now */
		}
	}
	atomic_fetch_add(&e->active, 1);
	pthread_mutex_unlock(&e->lock);
}

/* Until the tree has no task any more that the filter holds for. */
void notify_run(struct engine *e, uint32_t on)
{
	union {
		struct seccomp_notif req;
		char bytes[1024];
	} in;
	uint32_t n = 0;

	if (!e->traced && !on && !engine_meet(e, NULL))
		while (engine_take(e) == -EAGAIN)
			;
	pthread_mutex_lock(&e->lock);
	while (e->ready == NOT_YET)
		pthread_cond_wait(&e->changed, &e->lock);
	pthread_mutex_unlock(&e->lock);
	while (e->ready == READY && !atomic_load(&e->over) && !atomic_load(&e->stop)) {
		if (on && !more_waits(e))
			park(e);
		if (atomic_load(&e->over) || atomic_load(&e->stop))
			break;
		memset(&in, 0, sizeof(in));
		if (ioctl(e->listener, SECCOMP_IOCTL_NOTIF_RECV, &in)) {
			/* ENOENT: it was gone before it could be taken, or the last task is. */
			if (errno == ENOENT)
				more_waits(e);
			continue;
		}
		atomic_fetch_add(&e->busy, 1);
		if (atomic_load(&e->idle))
			wake_watcher(e);
		if (!on && n++ % BACKLOG == 0 && e->opts.n_threads > 1 && more_waits(e))
			call_one(e);
		take(e, on, &in.req);
		atomic_fetch_sub(&e->busy, 1);
		atomic_fetch_add(&e->told, 1);
	}
	/* Whoever is parked shall see it too. */
	pthread_mutex_lock(&e->lock);
	atomic_store(&e->over, true);
	pthread_cond_broadcast(&e->wanted);
	pthread_mutex_unlock(&e->lock);
}
