/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What ptrace tells of a tree: the ends of calls (SECCOMP_RET_TRACE), forks, execs, exits. One thread, for a tracee belongs to the thread that seized it.
 *
 * The command is seized before its first exec, and the kernel attaches whatever it makes (the filter refuses what would not be attached, see
 * hook/tree/filter.c). SEIZE, not ATTACH: stops of job control are then known as such and left as they are (PTRACE_LISTEN), and nobody gets a signal.
 *
 * A tracee is in one of these states, and leaves a stop only by trace_resume() or listen():
 *
 *   new      the kernel has attached it; it has not stopped yet, or its maker has not said so yet. It runs once both have happened, in either order:
 *            TASK_FORK is told before its first instruction. A maker that is killed in between says nothing; after HOLD_NS its child goes on without.
 *   runs     resumed by PTRACE_CONT: what stops it are seccomp's answer, a signal, an event
 *   in call  resumed by PTRACE_SYSCALL from seccomp's stop: the next stop of a system call is its end. An exec by another thread than the
 *            leader gives the leader's number to that thread, and its call with it.
 *   stands   (calls come by ptrace: engine_opts.by_trace) in seccomp's stop, while somebody makes its call for it: answer.c
 *   ending   its exit has been told; what is left is to reap it. Exits that had no stop (SIGKILL at a bad moment) are told when it is reaped.
 *
 * Waiting must not take the statuses of skep's other children, which other threads wait for: __WNOTHREAD, this thread has none but tracees.
 * Every request may fail with ESRCH, whenever somebody sends SIGKILL; the end is then reported by the next wait, so it is not looked at.
 */
#include "hook/task/trace_inside.h"

#include "base/clock.h"
#include "base/util.h"
#include "hook/task/natives.h"
#include "hook/tree/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { HOLD_NS = 250000000, NAP_US = 200, RESTART = 512 /* the kernel's ERESTARTSYS */ };
enum { I386_EXIT = 1, I386_SIGRETURN = 119, I386_RT_SIGRETURN = 173, I386_EXIT_GROUP = 252 };

void trace_resume(struct tracee *x, int sig)
{
	ptrace(x->in_call || x->again || x->give ? PTRACE_SYSCALL : PTRACE_CONT, x->tid, 0, sig);
}

static bool stops(int sig)
{
	return sig == SIGSTOP || sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU;
}

/* From a stop that no signal is delivered in: of job control, or the kernel's own. */
static void go_on(struct tracee *x, int sig)
{
	if (stops(sig))
		ptrace(PTRACE_LISTEN, x->tid, 0, 0);
	else
		trace_resume(x, 0);
}

void trace_set_result(const struct tracee *x, int64_t result, bool skip)
{
	if (skip)
		ptrace(PTRACE_POKEUSER, x->tid, offsetof(struct user_regs_struct, orig_rax), -1L);
	ptrace(PTRACE_POKEUSER, x->tid, offsetof(struct user_regs_struct, rax), result);
}

/* Tells an event of a tracee, and kills where that is the answer. Return: false: it could not be told. */
static bool tell(struct tracer *r, struct tracee *x, struct task_event *ev)
{
	ev->thread = tracee_thread(&r->tracees, x);
	ev->listener = -1;
	ev->verdict = TASK_GO_ON;
	if (!ev->thread) {
		atomic_fetch_add(&r->e->unknown, 1);
		return false;
	}
	engine_tell(r->e, r->on, ev);
	if (ev->verdict == TASK_KILL)
		engine_kill(ev->thread);
	return true;
}

/* The end of a call of which all but the result is known. @skip: it is not made at all */
static void tell_return(struct tracer *r, struct tracee *x, int64_t result, bool skip)
{
	struct task_event ev = x->call;

	ev.kind = TASK_RETURN;
	ev.result = result;
	ev.handed = NULL;
	if (tell(r, x, &ev) && ev.verdict == TASK_DENY)
		trace_set_result(x, ev.answer, skip);
	else if (skip)
		trace_set_result(x, result, true);
}

static bool never_returns(const struct task_event *ev)
{
	if (ev->compat)
		return ev->nr == I386_EXIT || ev->nr == I386_EXIT_GROUP || ev->nr == I386_SIGRETURN ||
		       ev->nr == I386_RT_SIGRETURN;
	return ev->nr == SYS_exit || ev->nr == SYS_exit_group || ev->nr == SYS_rt_sigreturn;
}

/*
 * As a call of its own that a signal has interrupted: a handler runs, and the call fails with EINTR or begins again. The kernel does that for who comes from a call
 * and has signals to look for (arch_do_signal_or_restart()); should the one that there was be another thread's by now, the interruption has it look all the same.
 */
static void end_interrupted(struct tracee *x)
{
	x->again = false;
	ptrace(PTRACE_POKEUSER, x->tid, offsetof(struct user_regs_struct, orig_rax), (long)x->call.nr);
	trace_set_result(x, -RESTART, false);
	ptrace(PTRACE_INTERRUPT, x->tid, 0, 0);
}

static bool end_is_wanted(const struct tracer *r, const struct tracee *x)
{
	return engine_plan(r->e, &x->call) & PLAN_RETURN;
}

void trace_answer(struct tracer *r, struct tracee *x, bool go_on, int64_t value)
{
	if (go_on) {
		x->in_call = end_is_wanted(r, x);
	} else if (value == -RESTART) {
		/* Its number is -1 now: it gets it back at the end. */
		trace_set_result(x, value, true);
		x->again = true;
	} else if (end_is_wanted(r, x)) {
		tell_return(r, x, value, true);
	} else {
		trace_set_result(x, value, true);
	}
	trace_resume(x, 0);
}

void trace_returned(struct tracer *r, struct tracee *x, int64_t result)
{
	if (end_is_wanted(r, x))
		tell_return(r, x, result, false);
	trace_resume(x, 0);
}

/* The call of a tracee that stands at its begin is somebody's to make. */
static void hand_over(struct tracer *r, struct tracee *x, struct task_handed *handed)
{
	struct task_event ev = x->call;
	int err = 0;

	ev.id = answer_await(r, x);
	ev.handed = handed_is(r->e, &ev) ? handed : NULL;
	if (!hand_to_maker(r->e, &ev))
		err = handed_to_guard(r->e, &ev);
	if (err) {
		answer_over(r, x);
		trace_answer(r, x, false, err);
	}
}

/* Before its exec it tries whether its calls come here (watch.h). */
static void at_own_call(struct tracee *x)
{
	if (x->call.args[5] == WATCH_PROBE)
		trace_set_result(x, WATCH_SEEN, true);
}

/* A call that begins, told. Return: false: it is not to be made, or its process has been killed; what it returns has been set then. */
static bool tell_call(struct tracer *r, struct tracee *x)
{
	struct task_event *ev = &x->call;
	bool told = true;

	if (engine_asked_for(r->e, ev))
		told = tell(r, x, ev);
	else
		ev->thread = tracee_thread(&r->tracees, x);
	if (!ev->thread) { /* what cannot be told is refused */
		atomic_fetch_add(&r->e->unknown, told);
		trace_set_result(x, -ENOMEM, true);
		return false;
	}
	if (ev->verdict == TASK_GO_ON)
		return true;
	if (ev->verdict == TASK_KILL) /* it dies in this stop; should it not, the call is refused */
		trace_set_result(x, -EPERM, true);
	else if (end_is_wanted(r, x))
		tell_return(r, x, ev->answer, true);
	else
		trace_set_result(x, ev->answer, true);
	return false;
}

static void on_call(struct tracer *r, struct tracee *x)
{
	struct task_handed handed = {.sock = -1};
	struct __ptrace_syscall_info info;
	struct task_event *ev = &x->call;

	x->in_call = false;
	if (ptrace(PTRACE_GET_SYSCALL_INFO, x->tid, sizeof(info), &info) <= 0 || info.op != PTRACE_SYSCALL_INFO_SECCOMP)
		goto out;
	if (x->give && give_at_call(x, &info))
		goto out;
	*ev = (struct task_event){.kind = TASK_CALL,
				  .compat = info.arch == AUDIT_ARCH_I386,
				  .nr = (int)info.seccomp.nr,
				  .native = natives_of(info.arch == AUDIT_ARCH_I386, (int)info.seccomp.nr),
				  .ip = info.instruction_pointer,
				  .sp = info.stack_pointer};
	for (size_t i = 0; i < ARRAY_SIZE(ev->args); i++)
		ev->args[i] = info.seccomp.args[i];
	if (engine_own(r->e, x->tid, ev->compat, ev->nr)) {
		at_own_call(x);
		goto out;
	}
	if (r->e->by_trace && handed_is(r->e, ev))
		ev->handed = &handed;
	if (!tell_call(r, x)) {
		ev->handed = NULL;
	} else if (ev->handed || (r->e->by_trace && engine_plan(r->e, ev) & PLAN_SOCKET)) {
		ev->handed = NULL;
		hand_over(r, x, &handed);
		goto handed;
	} else {
		x->in_call = end_is_wanted(r, x) && !never_returns(ev);
	}
out:
	trace_resume(x, 0);
handed:
	if (handed.sock >= 0)
		close(handed.sock);
}

static void on_return(struct tracer *r, struct tracee *x)
{
	struct __ptrace_syscall_info info;

	if (x->give) {
		give_at_stop(r, x);
		return;
	}
	if (x->again) {
		end_interrupted(x);
		trace_resume(x, 0);
		return;
	}
	if (x->in_call && ptrace(PTRACE_GET_SYSCALL_INFO, x->tid, sizeof(info), &info) > 0 &&
	    info.op == PTRACE_SYSCALL_INFO_EXIT)
		tell_return(r, x, x->call.compat ? (int32_t)info.exit.rval : info.exit.rval, false);
	x->in_call = false;
	trace_resume(x, 0);
}

/* The first instruction of a new one: it has stopped, and its maker has said so. */
static void begin(struct tracer *r, struct tracee *x)
{
	if (x->returns)
		tell_return(r, x, 0, false);
	x->returns = false;
	go_on(x, x->stop);
}

static void unhold(struct tracer *r, struct tracee *x)
{
	x->since = 0;
	r->n_held--;
}

static void tell_fork(struct tracer *r, struct tracee *parent, struct tracee *x)
{
	struct thread *t = tracee_thread(&r->tracees, parent), *child = tracee_thread(&r->tracees, x);
	struct task_event ev = {.kind = TASK_FORK, .child = child};

	x->born = true;
	if (!r->e->opts.plan.life)
		return;
	if (!t || !child) {
		atomic_fetch_add(&r->e->unknown, 1);
		return;
	}
	ev.is_thread = t->tgid == child->tgid;
	if (ev.is_thread)
		child->execs = t->execs;
	tracee_count(&r->tracees, x);
	tell(r, parent, &ev);
}

/* What was under way for it is over: it dies, or is another image. */
static void forget(struct tracer *r, struct tracee *x)
{
	answer_over(r, x);
	give_forget(x);
	x->again = false;
}

static void tell_exit(struct tracer *r, struct tracee *x, int64_t status)
{
	struct task_event ev = {.kind = TASK_EXIT, .result = status};

	x->exit_told = true;
	x->in_call = false;
	forget(r, x);
	if (!r->e->opts.plan.life)
		return;
	ev.last = tracee_uncount(&r->tracees, x);
	tell(r, x, &ev);
}

/* One that has been reaped already: beginning and end at once, if its numbers are known. */
static void tell_dead(struct tracer *r, struct tracee *parent, struct tracee *x)
{
	unhold(r, x);
	if (x->t) {
		tell_fork(r, parent, x);
		tell_exit(r, x, x->stop);
		atomic_fetch_add(&r->e->sudden, r->e->opts.plan.life);
	} else {
		atomic_fetch_add(&r->e->unknown, r->e->opts.plan.life);
	}
	tracees_drop(&r->tracees, x);
}

static void on_fork(struct tracer *r, struct tracee *x)
{
	unsigned long child = 0;
	struct tracee *c;

	if (ptrace(PTRACE_GETEVENTMSG, x->tid, 0, &child) || !child) {
		trace_resume(x, 0);
		return;
	}
	c = tracees_find(&r->tracees, (pid_t)child);
	if (!c)
		c = tracees_add(&r->tracees, (pid_t)child);
	if (c && c->dead) {
		/* Killed before its first instruction, and reaped before this word. */
		tell_dead(r, x, c);
	} else if (c && !c->born) {
		tell_fork(r, x, c);
		/* fork(2) ends in both. */
		c->returns = x->in_call;
		if (x->in_call)
			c->call = x->call;
		if (c->since)
			unhold(r, c);
		if (c->started)
			begin(r, c);
	}
	trace_resume(x, 0);
}

/* A maker that says nothing any more. */
static void release_orphan(struct tracer *r, struct tracee *x)
{
	char path[64], text[4096] = "", *at;
	struct tracee *parent;
	pid_t ppid;
	FILE *f;

	unhold(r, x);
	snprintf(path, sizeof(path), "/proc/%d/status", (int)x->tid);
	f = fopen(path, "re");
	if (f) {
		text[fread(text, 1, sizeof(text) - 1, f)] = 0;
		fclose(f);
	}
	at = strstr(text, "\nTgid:");
	ppid = at ? (pid_t)strtol(at + 6, NULL, 10) : 0;
	at = strstr(text, "\nPPid:");
	if (at && ppid == x->tid)
		ppid = (pid_t)strtol(at + 6, NULL, 10);
	atomic_fetch_add(&r->e->orphans, 1);
	parent = tracees_find(&r->tracees, ppid);
	if (parent) {
		tell_fork(r, parent, x);
	} else {
		/* init of the tree has taken it over; it is no tracee. */
		struct tracee init = {.tid = ppid};

		tell_fork(r, &init, x);
		threads_put(r->e->threads, init.t);
	}
	begin(r, x);
}

static void release_orphans(struct tracer *r)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);

	for (int i = 0; i < TRACEE_HEADS && r->n_held; i++)
		for (struct tracee *x = r->tracees.heads[i], *next; x; x = next) {
			next = x->next;
			if (!x->since || now - x->since <= HOLD_NS)
				continue;
			if (x->dead) {
				atomic_fetch_add(&r->e->unknown, r->e->opts.plan.life);
				unhold(r, x);
				tracees_drop(&r->tracees, x);
			} else {
				release_orphan(r, x);
			}
		}
}

static void hold(struct tracer *r, struct tracee *x)
{
	x->since = clock_ns(CLOCK_MONOTONIC);
	r->n_held++;
}

static void on_exec(struct tracer *r, struct tracee *x)
{
	struct task_event ev = {.kind = TASK_EXEC};
	unsigned long old = 0;
	struct tracee *y;
	struct thread *t;

	if (x->tid == atomic_load(&r->e->command))
		atomic_store(&r->e->command, 0);
	ptrace(PTRACE_GETEVENTMSG, x->tid, 0, &old);
	y = (pid_t)old == x->tid ? NULL : tracees_find(&r->tracees, (pid_t)old);
	/* What it stood in was the call of the one that had its number. */
	forget(r, x);
	t = tracee_thread(&r->tracees, x);
	ev.old_tid = y && y->t ? y->t->own_tid : t ? t->own_tid : 0;
	if (y) {
		/* The leader that was is gone without a word, and this is the other thread under its number. */
		x->in_call = y->in_call;
		x->call = y->call;
		if (y->counted && x->counted)
			tracee_uncount(&r->tracees, y);
		else if (y->counted)
			x->counted = true;
		x->exit_told = false;
		y->counted = false;
		forget(r, y);
		tracees_drop(&r->tracees, y);
	}
	if (t)
		t->execs++;
	/* What may not be executed is known by being told: an image that nobody was told of does not run. */
	if (r->e->opts.plan.life && !tell(r, x, &ev))
		kill(x->tid, SIGKILL);
	trace_resume(x, 0);
}

static void on_exit_stop(struct tracer *r, struct tracee *x)
{
	unsigned long status = 0;

	ptrace(PTRACE_GETEVENTMSG, x->tid, 0, &status);
	tell_exit(r, x, (int64_t)status);
	trace_resume(x, 0);
}

static void reaped(struct tracer *r, struct tracee *x, int status)
{
	if (x->since)
		unhold(r, x);
	forget(r, x);
	if (!x->born) {
		/* Its maker may not have said so yet. */
		x->dead = true;
		x->stop = status;
		hold(r, x);
		return;
	}
	if (!x->exit_told && x->t) {
		atomic_fetch_add(&r->e->sudden, r->e->opts.plan.life);
		tell_exit(r, x, status);
	}
	tracees_drop(&r->tracees, x);
}

/* The kernel's own stops: the first one, and those of job control. */
static void on_stop(struct tracer *r, struct tracee *x, int sig)
{
	if (x->started) {
		go_on(x, sig);
		return;
	}
	x->started = true;
	x->stop = sig;
	if (x->born) {
		begin(r, x);
		return;
	}
	tracee_thread(&r->tracees, x); /* it may be killed before its maker's word */
	hold(r, x);
}

static void stopped(struct tracer *r, struct tracee *x, int status)
{
	int sig = WSTOPSIG(status);

	switch (status >> 16) {
	case PTRACE_EVENT_STOP:
		on_stop(r, x, sig);
		break;
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_VFORK:
	case PTRACE_EVENT_CLONE:
		on_fork(r, x);
		break;
	case PTRACE_EVENT_EXEC:
		on_exec(r, x);
		break;
	case PTRACE_EVENT_EXIT:
		on_exit_stop(r, x);
		break;
	case PTRACE_EVENT_SECCOMP:
		on_call(r, x);
		break;
	case 0:
		if (sig == (SIGTRAP | 0x80))
			on_return(r, x);
		else
			trace_resume(x, sig);
		break;
	default:
		trace_resume(x, 0);
	}
}

static void handle(struct tracer *r, pid_t tid, int status)
{
	struct tracee *x = tracees_find(&r->tracees, tid);

	if (!x)
		x = tracees_add(&r->tracees, tid);
	if (!x) {
		/* Without memory nobody can be told of what it does: it does nothing more. */
		atomic_fetch_add(&r->e->unknown, 1);
		if (WIFSTOPPED(status)) {
			kill(tid, SIGKILL);
			ptrace(PTRACE_CONT, tid, 0, 0);
		}
		return;
	}
	if (WIFSTOPPED(status))
		stopped(r, x, status);
	else
		reaped(r, x, status);
}

static int by_whom(pid_t pid)
{
	char path[64], line[128];
	int by = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f) && sscanf(line, "TracerPid: %d", &by) != 1)
		;
	if (f)
		fclose(f);
	return by;
}

/* PID 1 here is the init of a tree: its tracer is outside, and not to be seen. */
static bool in_tree(void)
{
	char name[16] = "";
	AUTO_CLOSE int fd = open("/proc/1/comm", O_RDONLY | O_CLOEXEC);

	return fd >= 0 && read(fd, name, sizeof(name) - 1) > 0 && !strcmp(name, "skep-init\n");
}

static int seize(pid_t pid, char why[ENGINE_WHY])
{
	const long options = PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC |
			     PTRACE_O_TRACEEXIT | PTRACE_O_TRACESECCOMP | PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL;
	int err, by;

	if (!ptrace(PTRACE_SEIZE, pid, 0, options))
		return 0;
	err = -errno;
	by = by_whom(pid);
	if (by)
		snprintf(why, ENGINE_WHY,
			 "process %d traces it already (strace, a debugger, another run); a process has one tracer",
			 by);
	else if (err == -EPERM && in_tree())
		snprintf(why, ENGINE_WHY, "a run above this one traces it already; a process has one tracer");
	else
		snprintf(why, ENGINE_WHY,
			 "ptrace: %s; /proc/sys/kernel/yama/ptrace_scope may be 3, or a container's profile forbids it "
			 "(docker run --cap-add SYS_PTRACE allows it)",
			 strerror(-err));
	return err;
}

static void loop(struct tracer *r)
{
	struct engine *e = r->e;
	bool taken = false;

	while (!atomic_load(&e->stop)) {
		int status;
		pid_t tid;

		if (!taken)
			taken = engine_take(e) != -EAGAIN;
		answers_take(r);
		if (r->n_waiting && taken && !r->n_held)
			answer_wait(r);
		tid = waitpid(-1, &status, __WALL | __WNOTHREAD | (taken && !r->n_held && !r->n_waiting ? 0 : WNOHANG));
		if (tid > 0) {
			handle(r, tid, status);
		} else if (!tid && r->n_held) {
			release_orphans(r);
			usleep(NAP_US);
		} else if (tid < 0 && errno != EINTR) {
			break; /* nobody is left */
		}
	}
}

void trace_run(struct engine *e, uint32_t on)
{
	struct tracer *r = calloc(1, sizeof(*r));
	struct tracee *command;

	if (!r)
		shutdown(e->hello, SHUT_RDWR); /* the command hears that nobody watches, and ends */
	if (!r || engine_meet(e, seize)) {
		free(r);
		return;
	}
	r->e = e;
	r->on = on;
	r->tracees.threads = e->threads;
	command = tracees_add(&r->tracees, atomic_load(&e->command));
	if (command) {
		command->born = command->started = true;
		if (e->opts.plan.life)
			tracee_count(&r->tracees, command);
		loop(r);
	}
	for (int i = 0; i < TRACEE_HEADS; i++)
		for (struct tracee *x = r->tracees.heads[i]; x; x = x->next)
			give_forget(x);
	tracees_empty(&r->tracees);
	free(r);
}
