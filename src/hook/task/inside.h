/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of the engine share; nobody else's. */
#ifndef SKEP_HOOK_TASK_INSIDE_H
#define SKEP_HOOK_TASK_INSIDE_H

#include "hook/task/engine.h"
#include "hook/task/thread.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

enum { I386_EXECVE = 11, I386_EXECVEAT = 358 };

/* Interrupts a system call of an engine thread; nothing else does. */
#define ENGINE_NUDGE (SIGRTMIN + 9)

enum ready { NOT_YET, READY, NEVER };

struct engine {
	struct engine_opts opts;
	struct threads *threads;
	bool notified, traced, returns; /* which of the threads there are */
	bool by_trace; /* opts.by_trace */
	int hello, guard; /* skep's ends: to the command until it is executed, to the guard */
	int command_fd, coming; /* a pidfd of the command, and the number that its listener will have there */
	int listener;
	bool deaf; /* ways_out_deaf() */
	struct guard_notes *notes; /* the tree's: where the guard is answered */
	atomic_int
		command; /* the tree's, while it is still ours: what it does before its first exec is not told; else 0 */
	atomic_bool stop;

	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t changed;
	enum ready ready; /* has the listener come? */
	uint32_t n_begun, n_failed;

	/* notify.c: who receives. */
	pthread_cond_t wanted;
	uint32_t n_wanted; /* parked threads that shall come */
	bool watcher; /* one of the parked looks after the others */
	atomic_bool over; /* the listener is: no task has its filter any more */
	atomic_bool idle; /* nobody looks after anybody: the next event wakes the watcher */
	atomic_uint active, busy; /* threads that are not parked; of these, in an event */
	atomic_ullong told;

	/* confined.c: processes that get no files by the guard. */
	bool files; /* the plan has calls on files, or signals, that the guard makes with rights of its own */
	struct confined *confined;
	uint32_t room_confined;
	_Atomic uint32_t n_confined;

	/* handed.c: calls that the guard has and whose end is wanted. */
	struct pending *pending;
	/* made.c: ends of calls that skep makes, to be told. */
	struct made *made;
	/* answer.c: answers for tracees, in order; any_answers says so without the lock; the tracer sleeps until there is one. */
	struct answer *answers;
	atomic_bool any_answers, asleep;

	atomic_ullong unknown, late, sudden, orphans, unheard;

	struct engine_thread {
		struct engine *e;
		uint32_t on;
		pthread_t id;
		bool there, ended;
		void (*run)(struct engine *e, uint32_t on);
	} of[ENGINE_THREADS + ENGINE_MORE];
};

/*
 * confined_plan - what must be seen where the guard makes calls on files.
 * confined_look - what becomes of such a call: 0 or a negative errno. confined_is - does the thread's process get no files?
 */
void confined_plan(struct task_plan *plan);
int32_t confined_look(struct engine *e, const struct task_event *ev);
bool confined_is(struct engine *e, const struct thread *t);
void confined_free(struct engine *e);

/* engine_tell - an event, to whoever wants it. */
static inline void engine_tell(struct engine *e, uint32_t on, struct task_event *ev)
{
	int32_t err;

	ev->maker = e->opts.maker;
	e->opts.event(e->opts.arg, on, ev);
	if (!e->files || ev->kind != TASK_CALL || ev->verdict != TASK_GO_ON)
		return;
	err = confined_look(e, ev);
	if (err) {
		ev->verdict = TASK_DENY;
		ev->answer = err;
	}
}

/* engine_plan - what is wanted of an event's call. The guard has its calls whether or not anybody asked for them. */
static inline uint8_t engine_plan(const struct engine *e, const struct task_event *ev)
{
	return ev->native < 0 ? 0 : e->opts.plan.calls[ev->native];
}

/* engine_asked_for - does anybody but who makes it want to see it? */
static inline bool engine_asked_for(const struct engine *e, const struct task_event *ev)
{
	return engine_plan(e, ev) ? engine_plan(e, ev) != PLAN_SOCKET : !ev->handed;
}

/* engine_nudge - out of the call that the thread waits in. It may come just before the call: again, then. */
void engine_nudge(const struct engine_thread *t);

/* engine_own - is it skep's own process on the way to the command? Until it says that it is executed now, or is. */
bool engine_own(struct engine *e, pid_t tid, bool compat, int nr);

/* engine_kill - the process ends, before anything else of it happens. Return: 0 or a negative errno; -ESRCH: it has ended. */
int engine_kill(const struct thread *t);

/*
 * engine_meet - hear of the command before it is executed, seize it where @seize is given, let it go on.
 * engine_take - then: take its listener, if it has come. Return: -EAGAIN, after a moment, when it has not.
 * Return: 0 or another negative errno: there is nothing to watch.
 */
int engine_meet(struct engine *e, int (*seize)(pid_t pid, char why[ENGINE_WHY]));
int engine_take(struct engine *e);

/* notify_run, trace_run, returns_run - the three kinds of threads. */
void notify_run(struct engine *e, uint32_t on);
void trace_run(struct engine *e, uint32_t on);
void returns_run(struct engine *e, uint32_t on);
/* made_run - in place of returns_run(), where skep makes calls itself and there is no guard. */
void made_run(struct engine *e, uint32_t on);

/* An answer for a call that came by ptrace (answer.c), given by any thread. */
struct answer {
	struct answer *next;
	pid_t tid; /* 0: to all: whoever was to make their calls is gone */
	uint64_t id;
	int64_t value; /* what the call returns, a negative errno for an error */
	bool go_on; /* let the kernel make it */
	int fd; /* it returns this file, which the answer has; -1 */
	bool cloexec;
};
/* answer_put - *@a is copied. Return: 0; -ENOMEM: nobody will hear it, and the file is closed. */
int answer_put(struct engine *e, const struct answer *a);
void answers_free(struct engine *e);
/* answer_nudged - in the handler of ENGINE_NUDGE. */
void answer_nudged(void);

/* notify_answer - @answer: negative for an errno. Return: false when nobody waits for it any more. */
bool notify_answer(struct engine *e, uint64_t id, bool go_on, int64_t answer);

/* handed_is - does the guard make the call? */
bool handed_is(const struct engine *e, const struct task_event *ev);

/*
 * handed_to_guard - have the guard make the call of an event. It answers the task; where the plan wants the end of it, returns_run() tells it.
 * Return: 0 or a negative errno.
 */
int handed_to_guard(struct engine *e, const struct task_event *ev);
/* handed_tell_end - of a call that the guard, or skep, has made. Return: what the task is to hear. */
int64_t handed_tell_end(struct engine *e, uint32_t on, struct task_event *ev, int64_t result);

/* hand_to_maker - a call that skep makes itself. It will be answered. Return: false: it is none. */
bool hand_to_maker(struct engine *e, struct task_event *ev);
/* handed_free - calls that have no end yet. */
void handed_free(struct engine *e);

#endif
