/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of the tracer share (trace.c, answer.c, give.c); all on its one thread. */
#ifndef SKEP_HOOK_TASK_TRACE_INSIDE_H
#define SKEP_HOOK_TASK_TRACE_INSIDE_H

#include "hook/task/inside.h"
#include "hook/task/tracee.h"

#include <sys/ptrace.h>

struct tracer {
	struct engine *e;
	uint32_t on;
	uint32_t n_held;
	uint32_t n_waiting; /* tracees whose calls somebody makes */
	uint64_t last_id; /* of such a call */
	struct tracees tracees;
};

/* trace_resume - out of a stop. */
void trace_resume(struct tracee *x, int sig);
/* trace_set_result - what the task finds as its call's result. @skip: the call is not made */
void trace_set_result(const struct tracee *x, int64_t result, bool skip);
/* trace_answer - the call of a tracee that stands at its begin goes on, or has ended with @value; it is resumed. */
void trace_answer(struct tracer *r, struct tracee *x, bool go_on, int64_t value);
/* trace_returned - the call of a tracee that stands at its end has this result, which it has been given; it is resumed. */
void trace_returned(struct tracer *r, struct tracee *x, int64_t result);

/*
 * answer_await - a tracee's call is somebody's to make from here on. Return: the call's number.
 * answer_over - it has been answered, or nobody waits any more.
 * answers_take - what has been answered.
 * answer_wait - wait until something happens to a tracee, or an answer comes.
 */
uint64_t answer_await(struct tracer *r, struct tracee *x);
void answer_over(struct tracer *r, struct tracee *x);
void answers_take(struct tracer *r);
void answer_wait(struct tracer *r);

/*
 * give_begin - answer a call with a file: see give.c. @fd: it is closed by then. It goes on with each of the following.
 * give_at_call - the tracee stops at the begin of a call, by its filter. Return: false: it is none of these, and nothing is given any more.
 * give_at_stop - it stops at the begin or end of a call.
 * give_forget - it is gone.
 */
void give_begin(struct tracer *r, struct tracee *x, int fd, bool cloexec);
bool give_at_call(struct tracee *x, const struct __ptrace_syscall_info *info);
void give_at_stop(struct tracer *r, struct tracee *x);
void give_forget(struct tracee *x);

#endif
