/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How events of a tree's tasks come to skep: by seccomp's user notification (a call begins), and by ptrace (a call ends; fork, exec, exit); or all by ptrace
 * (engine_opts.by_trace).
 *
 * What comes how, and what it is worth
 *
 *   TASK_CALL     of a call whose end nobody asked for: a notification. The task waits until the answer. "Go on" lets the kernel make the call, which reads
 *                 memory and fds anew: what a program saw of these is an observation, and no decision may rest on it (DESIGN, law 8).
 *   TASK_CALL, TASK_RETURN   of a call whose end is asked for: two stops of ptrace, around the same call
 *   of connect(2), bind(2)   always a notification: the tree's guard makes these calls (hook/tree/guard.h), so their end is known without ptrace, and
 *                 is told while the task still waits. What the guard is to connect to may be given with the answer.
 *   TASK_FORK, TASK_EXEC, TASK_EXIT   stops of ptrace
 *
 * All by ptrace: "notification" above is a stop, and a call that somebody makes for the task leaves it in that stop (answer.c). No files can be handed over but sockets that
 * skep makes (give.c), so calls on files with PLAN_MADE are not for it.
 *
 * Denied or overridden calls are never begun. TASK_KILL at TASK_CALL: the call has not taken effect, and never does.
 */
#ifndef SKEP_HOOK_TASK_ENGINE_H
#define SKEP_HOOK_TASK_ENGINE_H

#include "hook/task/event.h"
#include "hook/task/plan.h"

struct engine;
struct tree;

enum { ENGINE_WHY = 512, ENGINE_THREADS = 64 };
/* Threads beside those that take notifications: number n_threads has what comes by ptrace, n_threads + 1 the ends of the guard's calls. */
enum { ENGINE_MORE = 2 };

/*
 * Calls that skep makes itself, in place of the task (PLAN_SOCKET). Where programs have looked at the task's socket and address already, these are given: they
 * are not to be looked at once more.
 */
struct engine_call {
	struct engine *engine;
	struct thread *thread; /* held until engine_call_end() */
	uint64_t id;
	int nr, native; /* as the task made it: i386's with @compat; of the 64-bit call of its name */
	bool compat;
	uint64_t args[6], ip;
	int sock; /* closed by engine_call_end(); -1: not copied yet */
	bool has_address;
	socklen_t address_len;
	struct sockaddr_storage address;
};
struct engine_maker {
	/* On a thread of the engine, which must not be held up. It is to be answered, and ended. */
	void (*take)(void *arg, const struct engine_call *call);
	/*
	 * file - a copy of a task's file. Return: it, the caller's, or a negative errno.
	 * name - what a socket's other end, or itself, is called in the tree, where that is not what the kernel says. Return: false: it is.
	 */
	int (*file)(void *arg, struct thread *t, int fd);
	bool (*name)(void *arg, int sock, bool peer, struct sockaddr_storage *name, socklen_t *len);
	void *arg;
};

/* engine_call_stands - as engine_stands(). */
bool engine_call_stands(const struct engine_call *call);
/* engine_call_answer - @value: what the call returns, a negative errno for an error. Return: false when nobody waits for it any more. */
bool engine_call_answer(const struct engine_call *call, bool go_on, int64_t value);
/*
 * engine_call_give - answer with a new file of the task's. @fd: closed, before the task goes on where the kernel allows it. Return: its number there, 0 where it is not known yet (by ptrace); a negative errno:
 * it is not answered.
 */
int engine_call_give(const struct engine_call *call, int fd, bool cloexec);
/* engine_call_wanted - does anybody want to hear of its end? It is not heard of where the kernel makes the call. */
bool engine_call_wanted(const struct engine_call *call);
void engine_call_end(struct engine_call *call);

/* task_file - a copy of the file of a task that an event is about. Return: it, the caller's, or a negative errno. */
int task_file(const struct task_event *e, int fd);
/* task_name - getsockname(2), or getpeername(2), as the task would see it. Return: 0 or a negative errno. */
int task_name(const struct task_event *e, int sock, bool peer, struct sockaddr_storage *name, socklen_t *len);

struct engine_opts {
	uint32_t
		n_threads; /* that take notifications, 1 to ENGINE_THREADS: one is awake, the others help when it does not keep up */
	struct task_plan plan;
	bool by_trace; /* all comes by ptrace: where there may be no listener */
	/*
	 * event - told on the thread numbered @on, and answered when it returns.
	 * begin, end - called first and last on each thread, so that it can take a worker of the hive and give it back.
	 */
	int (*begin)(void *arg, uint32_t on);
	void (*event)(void *arg, uint32_t on, struct task_event *e);
	void (*end)(void *arg, uint32_t on);
	/* forget - a thread is gone, and no event will have it again: what @arg keeps of it goes. On any engine thread. May be NULL. */
	void (*forget)(void *arg, struct thread *t);
	void *arg;
	const struct engine_maker *maker; /* NULL: there are no such calls. It must be there until the tasks are gone */
};

/* engine_hands_over - a call, by its native number, that may end with a file of the guard's (PLAN_MADE): only notifications can hand it over. */
bool engine_hands_over(int nr);

/*
 * engine_new - before the tree's command starts.
 * @why: on failure the reason
 * Return: 0 with *out for engine_free(), or a negative errno.
 */
int engine_new(const struct engine_opts *opts, struct engine **out, char why[ENGINE_WHY]);

/*
 * engine_start - start the threads; they wait for the tree's command.
 * @t: after tree_new(), before tree_go(): what is watched goes to the tree with the latter, which fails, with the reason, where that cannot be.
 *     The engine must have been stopped before tree_free().
 * Return: 0 or a negative errno.
 */
int engine_start(struct engine *e, struct tree *t, char why[ENGINE_WHY]);

/*
 * engine_stop - end the threads. To be called when the command has ended: what the kernel kills with it is still told. A tree that goes on for another second is
 * killed where it is traced, and gets ENOSYS for its calls elsewhere. NULL is fine; so is twice.
 */
void engine_stop(struct engine *e);
void engine_free(struct engine *e);

/*
 * engine_stands - does the task of an event that is being told still wait, so that what was read of its memory was its own?
 * To be asked before anything is done by what was read. (A thread that was killed may have left its number to another.)
 */
bool engine_stands(const struct task_event *e);

/* What could not be told. */
struct engine_losses {
	uint64_t
		unknown; /* calls and ends of tasks that could not be looked at (no memory, no open files): the calls were refused with ENOMEM */
	uint64_t
		late; /* calls that were given up by their tasks, killed or interrupted by a signal, while they were told */
	uint64_t sudden; /* exits that were told after the fact: nothing could be read of the task any more */
	uint64_t unheard; /* ends of opens with O_PATH, where programs decide on opens */
	uint64_t
		orphans; /* forks whose parent had been killed before it could say so: told with the parent that /proc names */
};
void engine_losses(const struct engine *e, struct engine_losses *out);

#endif
