/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The threads of a tree, by their number: so that what never changes of one is read from /proc once, not at every event.
 *
 * A number may come to another thread when its own has ended. So each entry holds a pidfd, and a look-up asks the kernel whether that
 * still stands for the same thread; who asks must know that some thread has the number at that moment (it waits in a call, or in a stop of
 * ours). On a kernel without pidfds of threads (before Linux 6.9) it is asked whether the number is one of the same process: the thread may
 * then be a later one of that process, which has the same numbers in all namespaces but for own_tid.
 *
 * Entries of threads that have ended go when threads_gone() says so, else when there are twice as many as the last time that all were looked at.
 * Any thread of skep's may call these functions.
 */
#ifndef SKEP_HOOK_TASK_THREAD_H
#define SKEP_HOOK_TASK_THREAD_H

#include "hook/task/event.h"

struct threads;

/*
 * threads_new
 * @forget: told of each entry before it goes, on the thread that lets it go; may be NULL
 * Return: NULL without memory.
 */
struct threads *threads_new(void (*forget)(void *arg, struct thread *t), void *arg);

/* threads_free - with all entries; nobody may hold one. */
void threads_free(struct threads *ts);

/* threads_get - the thread that has this number now; held until threads_put(). Return: NULL when there is none, or no memory (errno). */
struct thread *threads_get(struct threads *ts, pid_t tid);
struct thread *threads_hold(struct threads *ts, struct thread *t);
void threads_put(struct threads *ts, struct thread *t);

/* threads_stand - has it its number still, so that what was read by the number was its own? */
bool threads_stand(const struct thread *t);

/* threads_gone - it has ended: nobody shall find it any more. Who holds it may go on. */
void threads_gone(struct threads *ts, struct thread *t);

/* threads_count - entries, those of threads that have ended included. */
uint32_t threads_count(struct threads *ts);

#endif
