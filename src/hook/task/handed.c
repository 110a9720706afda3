/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls that the guard makes (hook/tree/guard.h), and their ends.
 *
 * A call that is handed over stands in the list of pending ones while its end is wanted. The guard says how it went before it answers the task, and waits: so
 * the end is told while the task stands still, and what is decided then holds. A task that was interrupted or killed meanwhile is told
 * of all the same, as the kernel's own exit would be; whether it hears the answer the guard finds out.
 */
#include "hook/task/inside.h"

#include "base/util.h"
#include "hook/tree/guard.h"

#include <errno.h>
#include <linux/audit.h>
#include <string.h>
#include <sys/syscall.h>

struct pending {
	struct pending *next;
	struct task_event ev; /* holds its thread */
};

int handed_to_guard(struct engine *e, const struct task_event *ev)
{
	int nr = !ev->compat ? ev->nr : ev->nr == I386_BIND ? SYS_bind : SYS_connect;
	struct guard_call call = {.id = ev->id,
				  .tid = (uint32_t)ev->thread->own_tid,
				  .arch = ev->compat ? AUDIT_ARCH_I386 : AUDIT_ARCH_X86_64,
				  .nr = ev->nr,
				  .report = e->opts.plan.calls[nr] & PLAN_RETURN,
				  .has_address = ev->handed->has_address};
	struct pending *p = NULL;
	int err;

	memcpy(call.args, ev->args, sizeof(call.args));
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

static int32_t tell(struct engine *e, uint32_t on, struct task_event *ev, int32_t result)
{
	ev->kind = TASK_RETURN;
	ev->result = result;
	ev->handed = NULL;
	ev->looked = false;
	ev->verdict = TASK_GO_ON;
	engine_tell(e, on, ev);
	if (ev->verdict == TASK_KILL)
		engine_kill(ev->thread);
	return ev->verdict == TASK_DENY ? (int32_t)ev->answer : result;
}

void returns_run(struct engine *e, uint32_t on)
{
	struct guard_end end;

	while (!atomic_load(&e->stop)) {
		ssize_t n = recv(e->guard, &end, sizeof(end), 0);
		struct pending *p;

		if (n < 0 && errno == EINTR)
			continue;
		if (n != sizeof(end))
			return; /* the guard is gone, and the tree with it */
		p = take(e, end.id);
		if (!p) {
			guard_end_answer(e->notes, end.slot, end.result);
			continue;
		}
		guard_end_answer(e->notes, end.slot, tell(e, on, &p->ev, end.result));
		drop(e, p);
	}
}
