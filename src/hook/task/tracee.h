/* SPDX-License-Identifier: BSD-2-Clause */
/* Who is traced, by number, and how many threads each process of them has: the tracer's own (trace.c), for one thread. */
#ifndef SKEP_HOOK_TASK_TRACEE_H
#define SKEP_HOOK_TASK_TRACEE_H

#include "hook/task/event.h"
#include "hook/task/thread.h"

enum { TRACEE_HEADS = 4096 };

struct tracee {
	struct tracee *next;
	pid_t tid;
	struct thread *t; /* held; NULL: not asked for yet, or it could not be had */
	bool born; /* its maker has said so */
	bool started; /* it has stopped for the first time */
	bool counted; /* in its group */
	bool exit_told;
	bool dead; /* reaped; its maker has not said yet that it was there */
	bool returns; /* a copy of its maker's call ends in it, too */
	int stop; /* the signal of its first stop */
	uint64_t since; /* it waits for its maker's word */
	bool in_call;
	uint64_t waits; /* for the answer to this call, which somebody makes for it; 0 */
	bool again; /* that was ERESTARTSYS: it is to end as if a signal had interrupted it */
	struct give *give; /* a file is being given to it; NULL */
	struct task_event call;
};

struct tracees {
	struct threads *threads;
	struct tracee *heads[TRACEE_HEADS];
	struct group *groups[TRACEE_HEADS];
};

/* tracees_find, tracees_add, tracees_drop - tracees_add(): NULL without memory. Who drops one says that its thread is gone. */
struct tracee *tracees_find(struct tracees *ts, pid_t tid);
struct tracee *tracees_add(struct tracees *ts, pid_t tid);
void tracees_drop(struct tracees *ts, struct tracee *x);
void tracees_empty(struct tracees *ts);

/* tracee_thread - asked for once. Return: NULL when it could not be had. */
struct thread *tracee_thread(struct tracees *ts, struct tracee *x);

/* tracee_count - one more thread of its process. tracee_uncount - one less. Return: it was the last. */
void tracee_count(struct tracees *ts, struct tracee *x);
bool tracee_uncount(struct tracees *ts, struct tracee *x);

#endif
