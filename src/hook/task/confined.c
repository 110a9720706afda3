/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tasks that have confined themselves by Landlock, where the guard makes calls on files: it would make them with more rights than the task has left, so it does not
 * (EACCES). The kernel tells nobody who is confined. So landlock_restrict_self(2) is seen, and its process noted before the call is made. What comes from such a
 * process would be confined, too, and cannot be told from others for sure (parents change); so nothing comes from it: threads it may make, processes not (EPERM).
 *
 * It is noted for good, even if the call then fails, and with all threads of its process, though only one is confined: too much is denied, never too little.
 */
#include "hook/task/inside.h"

#include "base/util.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>

#ifndef SYS_landlock_restrict_self
#define SYS_landlock_restrict_self 446
#endif

enum { CONFINED_MAX = 65536 };

struct confined {
	uint64_t start; /* with own_tgid, it names the process for good */
	pid_t tgid, own_tgid;
};

/* With the lock held: those that have ended go. */
static void sweep(struct engine *e)
{
	uint32_t to = 0;

	for (uint32_t i = 0; i < e->n_confined; i++)
		if (!kill(e->confined[i].tgid, 0) || errno != ESRCH)
			e->confined[to++] = e->confined[i];
	atomic_store(&e->n_confined, to);
}

static bool is_noted(const struct engine *e, const struct thread *t)
{
	for (uint32_t i = 0; i < e->n_confined; i++)
		if (e->confined[i].own_tgid == t->own_tgid && e->confined[i].start == t->start)
			return true;
	return false;
}

bool confined_is(struct engine *e, const struct thread *t)
{
	bool found;

	if (likely(!atomic_load(&e->n_confined)))
		return false;
	pthread_mutex_lock(&e->lock);
	found = is_noted(e, t);
	pthread_mutex_unlock(&e->lock);
	return found;
}

/* Return: 0; -E2BIG, which Landlock says of too many rulesets, too. */
static int32_t note(struct engine *e, const struct thread *t)
{
	int32_t err = 0;

	pthread_mutex_lock(&e->lock);
	if (!is_noted(e, t)) {
		if (e->n_confined == e->room_confined)
			sweep(e);
		if (2 * e->n_confined >= e->room_confined && e->room_confined < CONFINED_MAX) {
			uint32_t room = MAX(2 * e->room_confined, (uint32_t)16);
			struct confined *more = realloc(e->confined, room * sizeof(*more));

			if (more) {
				e->confined = more;
				e->room_confined = room;
			}
		}
		if (e->n_confined == e->room_confined) {
			err = -E2BIG;
		} else {
			e->confined[e->n_confined] =
				(struct confined){.start = t->start, .tgid = t->tgid, .own_tgid = t->own_tgid};
			atomic_fetch_add(&e->n_confined, 1);
		}
	}
	pthread_mutex_unlock(&e->lock);
	return err;
}

int32_t confined_look(struct engine *e, const struct task_event *ev)
{
	switch (ev->native) {
	case SYS_landlock_restrict_self:
		return note(e, ev->thread);
	case SYS_clone:
		return !(ev->args[0] & CLONE_THREAD) && confined_is(e, ev->thread) ? -EPERM : 0;
	case SYS_fork:
	case SYS_vfork:
		return confined_is(e, ev->thread) ? -EPERM : 0;
	case SYS_clone3:
		/* Its flags are in memory; the C libraries do without it. */
		return confined_is(e, ev->thread) ? -ENOSYS : 0;
	default:
		return 0;
	}
}

void confined_plan(struct task_plan *plan)
{
	static const int16_t calls[] = {SYS_landlock_restrict_self, SYS_clone, SYS_fork, SYS_vfork, SYS_clone3};

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		plan->calls[calls[i]] |= PLAN_CALL;
}

void confined_free(struct engine *e)
{
	free(e->confined);
}
