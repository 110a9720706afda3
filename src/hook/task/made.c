/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls that skep makes itself (engine_maker): how they come to whoever makes them, how they are answered, and how their ends are told. An end is told on the thread
 * that hears of the guard's ends elsewhere, while the one that made the call waits, and the task with it.
 */
#include "hook/task/inside.h"

#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* An end that is to be told. */
struct made {
	struct made *next;
	struct task_event ev;
	int64_t result;
	bool taken, told;
};

bool engine_call_stands(const struct engine_call *call)
{
	uint64_t id = call->id;

	if (call->engine->by_trace)
		return atomic_load(&call->thread->stands) == id && threads_stand(call->thread);
	return !ioctl(call->engine->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id);
}

bool engine_call_wanted(const struct engine_call *call)
{
	return call->engine->opts.plan.calls[call->native] & PLAN_RETURN;
}

/* Return: what the task is to hear. */
static int64_t tell_end(const struct engine_call *call, int64_t result)
{
	struct engine *e = call->engine;
	struct made m = {.ev = {.thread = call->thread,
				.compat = call->compat,
				.nr = call->nr,
				.native = call->native,
				.ip = call->ip,
				.listener = e->listener,
				.id = call->id},
			 .result = result},
		    **at;

	memcpy(m.ev.args, call->args, sizeof(m.ev.args));
	pthread_mutex_lock(&e->lock);
	for (at = &e->made; *at; at = &(*at)->next)
		;
	*at = &m;
	pthread_cond_broadcast(&e->changed);
	while (!m.told && (m.taken || !atomic_load(&e->stop)))
		pthread_cond_wait(&e->changed, &e->lock);
	for (at = &e->made; !m.taken && *at; at = &(*at)->next)
		if (*at == &m) {
			*at = m.next;
			break;
		}
	pthread_mutex_unlock(&e->lock);
	return m.result;
}

void made_run(struct engine *e, uint32_t on)
{
	pthread_mutex_lock(&e->lock);
	while (!atomic_load(&e->stop)) {
		struct made *m = e->made;

		if (!m) {
			pthread_cond_wait(&e->changed, &e->lock);
			continue;
		}
		e->made = m->next;
		m->taken = true;
		pthread_mutex_unlock(&e->lock);
		m->result = handed_tell_end(e, on, &m->ev, m->result);
		pthread_mutex_lock(&e->lock);
		m->told = true;
		pthread_cond_broadcast(&e->changed);
	}
	pthread_mutex_unlock(&e->lock);
}

bool engine_call_answer(const struct engine_call *call, bool go_on, int64_t value)
{
	bool heard;

	if (call->engine->by_trace) {
		/* The end is told by the tracer. Who stands leaves its stop only to die, or to be another image. */
		heard = engine_call_stands(call);
		answer_put(call->engine,
			   &(struct answer){
				   .tid = call->thread->tid, .id = call->id, .value = value, .go_on = go_on, .fd = -1});
		return heard;
	}
	if (engine_call_wanted(call) && go_on)
		atomic_fetch_add(&call->engine->unheard, 1);
	else if (engine_call_wanted(call))
		value = tell_end(call, value);
	heard = notify_answer(call->engine, call->id, go_on, value);
	if (!heard)
		atomic_fetch_add(&call->engine->late, 1);
	return heard;
}

int engine_call_give(const struct engine_call *call, int fd, bool cloexec)
{
	bool at_once = !engine_call_wanted(call) && !call->engine->deaf;
	struct seccomp_notif_addfd give = {.id = call->id,
					   .flags = at_once ? SECCOMP_ADDFD_FLAG_SEND : 0,
					   .srcfd = (uint32_t)fd,
					   .newfd_flags = cloexec ? O_CLOEXEC : 0};
	int n;

	if (call->engine->by_trace)
		return answer_put(
			call->engine,
			&(struct answer){.tid = call->thread->tid, .id = call->id, .fd = fd, .cloexec = cloexec});
	n = ioctl(call->engine->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &give);

	/* Before Linux 5.14 it takes two steps. */
	if (n < 0 && errno == EINVAL && give.flags) {
		give.flags = 0;
		n = ioctl(call->engine->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &give);
	}
	if (n < 0)
		n = -errno;
	close(fd);
	if (n >= 0 && !give.flags)
		engine_call_answer(call, false, n);
	return n;
}

void engine_call_end(struct engine_call *call)
{
	if (call->sock >= 0)
		close(call->sock);
	call->sock = -1;
	threads_put(call->engine->threads, call->thread);
}

bool hand_to_maker(struct engine *e, struct task_event *ev)
{
	const struct engine_maker *m = e->opts.maker;
	struct engine_call call = {.engine = e,
				   .thread = ev->thread,
				   .id = ev->id,
				   .nr = ev->nr,
				   .native = ev->native,
				   .compat = ev->compat,
				   .ip = ev->ip,
				   .sock = -1};
	struct task_handed *h = ev->handed;

	if (!m || ev->native < 0 || !(e->opts.plan.calls[ev->native] & PLAN_SOCKET))
		return false;
	memcpy(call.args, ev->args, sizeof(call.args));
	if (h) {
		call.sock = h->sock;
		call.has_address = h->has_address;
		call.address_len = h->len;
		call.address = h->address.any;
		h->sock = -1;
	}
	threads_hold(e->threads, ev->thread);
	m->take(m->arg, &call);
	return true;
}
