/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Answers for calls that came by ptrace, and that somebody else makes in the task's place (the guard; skep's own threads, hook/calls). A tracee is its
 * tracer's: so the answers stand in a list, and the tracer takes them.
 *
 *   - The tracee stays in seccomp's stop meanwhile. Only SIGKILL, and an exec by another thread, take it out of that; each is told to the tracer, and the
 *     answer is for nobody then. Until then the thread says which call it stands in (struct thread), for whoever is to act by what was read of it.
 *   - In that stop it hears no signals. Whoever makes a call that may take long looks for them (hook/tree/recall.h), and answers ERESTARTSYS.
 *   - The tracer sleeps in wait(2), where an answer must wake it. A signal that came just before the call would not: so while anybody waits, its handler
 *     jumps out of that call, which takes nothing (WNOWAIT), and so loses nothing.
 */
#include "hook/task/trace_inside.h"

#include "base/util.h"

#include <errno.h>
#include <setjmp.h>
#include <sys/wait.h>

static __thread sigjmp_buf out;
static __thread volatile sig_atomic_t may_jump;

void answer_nudged(void)
{
	if (!may_jump)
		return;
	may_jump = 0;
	siglongjmp(out, 1);
}

int answer_put(struct engine *e, const struct answer *a)
{
	struct answer *mine = malloc(sizeof(*mine)), **at;

	if (!mine) {
		if (a->fd >= 0)
			close(a->fd);
		return -ENOMEM;
	}
	*mine = *a;
	mine->next = NULL;
	pthread_mutex_lock(&e->lock);
	for (at = &e->answers; *at; at = &(*at)->next)
		;
	*at = mine;
	atomic_store(&e->any_answers, true);
	if (atomic_load(&e->asleep))
		engine_nudge(&e->of[e->opts.n_threads]);
	pthread_mutex_unlock(&e->lock);
	return 0;
}

static void drop(struct answer *a)
{
	if (a->fd >= 0)
		close(a->fd);
	free(a);
}

void answers_free(struct engine *e)
{
	while (e->answers) {
		struct answer *a = e->answers;

		e->answers = a->next;
		drop(a);
	}
}

uint64_t answer_await(struct tracer *r, struct tracee *x)
{
	x->waits = ++r->last_id;
	atomic_store(&x->t->stands, x->waits);
	r->n_waiting++;
	return x->waits;
}

void answer_over(struct tracer *r, struct tracee *x)
{
	if (!x->waits)
		return;
	x->waits = 0;
	if (x->t)
		atomic_store(&x->t->stands, 0);
	r->n_waiting--;
}

/*
 * Does it stand there still? It may have been killed, and stand at its exit (the tracer has not heard of it yet). Should it be on the way there only now, the answer comes
 * upon that stop: nothing is lost by it but the word of its exit. Whoever executes has no number of a thread whose exit stop has not been left.
 */
static bool at_call(const struct tracee *x)
{
	struct __ptrace_syscall_info info;

	return ptrace(PTRACE_GET_SYSCALL_INFO, x->tid, sizeof(info), &info) > 0 &&
	       info.op == PTRACE_SYSCALL_INFO_SECCOMP;
}

/* Whoever was to make their calls is gone. */
static void give_up_all(struct tracer *r, int64_t value)
{
	for (int i = 0; i < TRACEE_HEADS && r->n_waiting; i++)
		for (struct tracee *x = r->tracees.heads[i]; x; x = x->next)
			if (x->waits && at_call(x)) {
				answer_over(r, x);
				trace_answer(r, x, false, value);
			}
}

static void apply(struct tracer *r, struct answer *a)
{
	struct tracee *x = a->tid ? tracees_find(&r->tracees, a->tid) : NULL;

	if (!a->tid) {
		give_up_all(r, a->value);
	} else if (!x || x->waits != a->id || !at_call(x)) {
		atomic_fetch_add(&r->e->late, 1);
	} else {
		answer_over(r, x);
		if (a->fd >= 0) {
			give_begin(r, x, a->fd, a->cloexec);
			a->fd = -1;
		} else {
			trace_answer(r, x, a->go_on, a->value);
		}
	}
	drop(a);
}

void answers_take(struct tracer *r)
{
	struct engine *e = r->e;
	struct answer *a;

	while (atomic_load(&e->any_answers)) {
		pthread_mutex_lock(&e->lock);
		a = e->answers;
		if (a)
			e->answers = a->next;
		else
			atomic_store(&e->any_answers, false);
		pthread_mutex_unlock(&e->lock);
		if (a)
			apply(r, a);
	}
}

void answer_wait(struct tracer *r)
{
	siginfo_t info;

	if (!sigsetjmp(out, 1)) {
		may_jump = 1;
		atomic_store(&r->e->asleep, true);
		if (!atomic_load(&r->e->any_answers) && !atomic_load(&r->e->stop))
			waitid(P_ALL, 0, &info, WEXITED | WSTOPPED | WNOWAIT | __WALL | __WNOTHREAD);
		may_jump = 0;
	}
	atomic_store(&r->e->asleep, false);
}
