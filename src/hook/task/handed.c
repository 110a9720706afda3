/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls that the guard makes (hook/tree/guard.h), and their ends.
 *
 * Before it makes a call on files that programs decide on, or sends a datagram, it asks (TASK_ASKED), with the files open: the thread that hears of ends hears that, too.
 *
 * A call that is handed over stands in the list of pending ones while its end is wanted. The guard says how it went before it answers the task, and waits: so
 * the end is told while the task stands still, and what is decided then holds. A task that was interrupted or killed meanwhile is told
 * of all the same, as the kernel's own exit would be; whether it hears the answer the guard finds out.
 */
#include "hook/task/inside.h"

#include "base/util.h"
#include "hook/task/natives.h"
#include "hook/tree/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <string.h>
#include <sys/syscall.h>

struct pending {
	struct pending *next;
	struct task_event ev; /* holds its thread */
};

bool handed_is(const struct engine *e, const struct task_event *ev)
{
	return ev->native == SYS_connect || ev->native == SYS_bind ||
	       (ev->native >= 0 && e->opts.plan.calls[ev->native] & PLAN_MADE);
}

/*
 * An open with O_PATH gives no access to the file, and no program is asked: that it is one is a number, so the kernel may make it. (Nobody else could: such a file
 * cannot be handed over. So its end is not heard of.)
 */
static bool is_harmless(const struct task_event *ev)
{
	return (ev->native == SYS_open && ev->args[1] & O_PATH) || (ev->native == SYS_openat && ev->args[2] & O_PATH);
}

static void copy_args(const struct task_event *ev, uint64_t args[6])
{
	memcpy(args, ev->args, sizeof(ev->args));
	if (!ev->compat || ev->native != SYS_truncate)
		return;
	/* A 32-bit length has a sign; of two halves the second is the upper. */
	args[1] = ev->nr == I386_TRUNCATE64 ? (uint32_t)ev->args[1] | ev->args[2] << 32
					    : (uint64_t)(int64_t)(int32_t)ev->args[1];
}

bool engine_hands_over(int nr)
{
	return guard_files_op(nr) != 0;
}

int handed_to_guard(struct engine *e, const struct task_event *ev)
{
	uint8_t plan = e->opts.plan.calls[ev->native];
	struct guard_call call = {.id = ev->id,
				  .tid = (uint32_t)ev->thread->own_tid,
				  .outer = (uint32_t)ev->thread->tid,
				  .ip = ev->ip,
				  .arch = ev->compat ? AUDIT_ARCH_I386 : AUDIT_ARCH_X86_64,
				  .nr = ev->nr,
				  .native = ev->native,
				  .decide = plan & PLAN_MADE,
				  /* By ptrace the tracer tells it. */
				  .report = plan & PLAN_RETURN && !e->by_trace,
				  .has_address = ev->handed->has_address};
	struct pending *p = NULL;
	int err;

	copy_args(ev, call.args);
	if (call.decide && is_harmless(ev)) {
		if (call.report)
			atomic_fetch_add(&e->unheard, 1);
		return notify_answer(e, ev->id, true, 0) ? 0 : -ESRCH;
	}
	if (call.decide && !guard_send_is(ev->native) && confined_is(e, ev->thread))
		return guard_kill_is(ev->native) ? -EPERM : -EACCES;
	if (call.has_address) {
		call.address_len = MIN(ev->handed->len, (uint32_t)sizeof(call.address));
		memcpy(&call.address, ev->handed->address.bytes, call.address_len);
	}
	if (call.report) {
		p = calloc(1, sizeof(*p));
		if (!p)
			return -ENOMEM;
		p->ev = *ev;
		threads_hold(e->threads, ev->thread);
		pthread_mutex_lock(&e->lock);
		p->next = e->pending;
		e->pending = p;
		pthread_mutex_unlock(&e->lock);
	}
	err = guard_call_send(e->guard, &call, ev->handed->sock);
	/* The guard is gone: nobody else would answer. */
	return err ? -ENOSYS : 0;
}

static struct pending *take(struct engine *e, uint64_t id)
{
	struct pending *found;

	pthread_mutex_lock(&e->lock);
	for (struct pending **at = &e->pending;; at = &(*at)->next) {
		found = *at;
		if (!found)
			break;
		if (found->ev.id == id) {
			*at = found->next;
			break;
		}
	}
	pthread_mutex_unlock(&e->lock);
	return found;
}

static void drop(struct engine *e, struct pending *p)
{
	threads_put(e->threads, p->ev.thread);
	free(p);
}

void handed_free(struct engine *e)
{
	while (e->pending) {
		struct pending *p = e->pending;

		e->pending = p->next;
		drop(e, p);
	}
}

int64_t handed_tell_end(struct engine *e, uint32_t on, struct task_event *ev, int64_t result)
{
	ev->kind = TASK_RETURN;
	ev->result = result;
	ev->handed = NULL;
	ev->looked = false;
	ev->verdict = TASK_GO_ON;
	engine_tell(e, on, ev);
	if (ev->verdict == TASK_KILL)
		engine_kill(ev->thread);
	return ev->verdict == TASK_DENY ? ev->answer : result;
}

/* What becomes of a call on files, or of a datagram. Return: 0: the guard makes it; the negative errno that it ends with. */
static int32_t decide(struct engine *e, uint32_t on, const struct guard_question *q, const int fds[GUARD_FDS])
{
	struct task_event ev = {.kind = TASK_ASKED,
				.compat = q->call.arch == AUDIT_ARCH_I386,
				.nr = q->call.nr,
				.native = q->call.native,
				.ip = q->call.ip,
				.listener = e->listener,
				.id = q->call.id,
				.asked = &q->asked,
				.asked_fds = fds};
	struct guard_way way = q->asked.op == GUARD_SEND ? q->asked.way : (struct guard_way){0};
	int32_t answer = 0;

	memcpy(ev.args, q->call.args, sizeof(ev.args));
	ev.thread = engine_stands(&ev) ? threads_get(e->threads, (pid_t)q->call.outer) : NULL;
	if (ev.thread && e->by_trace && atomic_load(&ev.thread->stands) != q->call.id) {
		threads_put(e->threads, ev.thread);
		atomic_fetch_add(&e->late, 1);
		return -ESRCH;
	}
	if (!ev.thread) {
		atomic_fetch_add(engine_stands(&ev) ? &e->unknown : &e->late, 1);
		return -ENOMEM;
	}
	if (q->asked.op == GUARD_SEND)
		ev.way = &way;
	engine_tell(e, on, &ev);
	if (ev.way)
		guard_way_answer(e->notes, q->end.slot, &way);
	if (ev.verdict != TASK_GO_ON)
		answer = ev.verdict == TASK_DENY && ev.answer < 0 ? (int32_t)ev.answer : -EPERM;
	if (ev.verdict == TASK_KILL)
		engine_kill(ev.thread);
	threads_put(e->threads, ev.thread);
	return answer;
}

static void hear(struct engine *e, uint32_t on, const struct guard_question *q, const int fds[GUARD_FDS])
{
	struct pending *p;

	if (q->end.answer) {
		answer_put(e, &(struct answer){.tid = (pid_t)q->end.tid,
					       .id = q->end.id,
					       .value = q->end.result,
					       .go_on = q->end.go_on,
					       .fd = -1});
		return;
	}
	if (q->end.decide) {
		guard_end_answer(e->notes, q->end.slot, decide(e, on, q, fds));
		return;
	}
	p = take(e, q->end.id);
	if (!p) {
		guard_end_answer(e->notes, q->end.slot, q->end.result);
		return;
	}
	guard_end_answer(e->notes, q->end.slot, (int32_t)handed_tell_end(e, on, &p->ev, q->end.result));
	drop(e, p);
}

void returns_run(struct engine *e, uint32_t on)
{
	struct guard_question q;

	while (!atomic_load(&e->stop)) {
		int fds[GUARD_FDS], got = guard_end_receive(e->guard, &q, fds);

		if (got == -EINTR)
			continue;
		if (got <= 0)
			break; /* the guard is gone, and mostly the tree with it */
		hear(e, on, &q, fds);
		for (int i = 0; i < GUARD_FDS; i++)
			if (fds[i] >= 0)
				close(fds[i]);
	}
	if (e->by_trace)
		answer_put(e, &(struct answer){.value = -ENOSYS, .fd = -1});
}
