/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Theory of operation
 *
 * A place is a list of links: one for each system call that begins, one for each that ends, one for any call of either kind, one each for fork, exec and
 * exit. A link stands in all places of its point. An event runs the place of any call first, as the kernel's sys_enter is before a call's own
 * function, then its own place, in the order of attachment. A 32-bit call is told to the places of the native call of its name, so that what decides
 * there decides on it; tracepoints of calls pass it over, as the kernel's do.
 *
 * Each thread of the engine is a worker of the hive for as long as it lives (begin(), end()); an event is one read section. What a program is told
 * stands in its runner, one a thread.
 */
#include "hook/task/dispatch.h"

#include "base/util.h"
#include "bpf/storage.h"
#include "hook/links.h"
#include "hook/supervisor.h"
#include "hook/task/functions.h"
#include "hook/task/natives.h"
#include "hook/task/records.h"
#include "hook/task/sockets.h"
#include "hook/task/view.h"
#include "prog/calls.h"
#include "prog/points.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

enum { LIVES = TASK_EXIT - TASK_FORK + 1 };

struct runner {
	struct dispatch *d;
	struct hive_worker *w;
	struct view *view;
	struct task_event *event;
	union record record;
	uint64_t args[FUNCTION_ARGS + 1]; /* what the function returned behind its arguments */
	struct user_regs_struct regs;
};

struct dispatch {
	struct dispatch_opts opts;
	struct objects *objects;
	struct hive_hook hook;
	struct sockets *sockets;
	_Atomic(struct links *) calls[CALLS_MAX], returns[CALLS_MAX], any_call, any_return, lives[LIVES];
	struct task_plan plan; /* what is reserved; once it is closed, what is seen */
	bool closed, looks_up; /* under hive->lock, as the plan; threads may look up paths */
	struct runner *runners;
	_Atomic uint64_t events[TASK_EVENTS], runs, denied, killed, faults;
};

/* Attachment. */

/* What must be seen of a call for a link. */
static uint8_t need_of(const struct hive_link *link)
{
	const struct hook_point *p = link->point;
	bool ends = p->event == POINT_ON_RETURN ||
		    (p->event == POINT_ON_BOTH && (link->on_return || (link->priv && function_is_late(link->priv))));

	if (p->kind == POINT_LSM && link->priv && function_is_asked(link->priv))
		return PLAN_CALL | PLAN_MADE;
	return ends ? PLAN_CALL | PLAN_RETURN : PLAN_CALL;
}

static bool is_life(const struct hive_link *link)
{
	return link->point->event >= POINT_ON_FORK;
}

/* Is what brings a link's point seen, as the plan stands? */
static bool is_seen(const struct dispatch *d, const struct hive_link *link)
{
	uint8_t need = need_of(link);

	if (is_life(link))
		return d->plan.life;
	if (link->point->calls[0] == POINT_ANY_CALL) {
		for (int nr = 0; nr < CALLS_MAX; nr++)
			if (calls_at(nr) && (d->plan.calls[nr] & need) != need)
				return false;
		return true;
	}
	for (uint8_t i = 0; i < link->point->n_calls; i++)
		if ((d->plan.calls[link->point->calls[i]] & need) != need)
			return false;
	return true;
}

/* The places of a link, one after another. @i: from 0 on. Return: NULL after the last. */
static _Atomic(struct links *) *place_of(struct dispatch *d, const struct hive_link *link, uint32_t i)
{
	const struct hook_point *p = link->point;
	bool ends = need_of(link) & PLAN_RETURN;

	if (is_life(link))
		return i ? NULL : &d->lives[p->event - POINT_ON_FORK];
	if (p->calls[0] == POINT_ANY_CALL)
		return i ? NULL : ends ? &d->any_return : &d->any_call;
	if (i >= p->n_calls)
		return NULL;
	return ends ? &d->returns[p->calls[i]] : &d->calls[p->calls[i]];
}

static void take_out(struct dispatch *d, struct hive_link *link)
{
	_Atomic(struct links *) *at;

	/* Without memory for a shorter list the old one stays, and the link is passed over. */
	atomic_store(&link->detached, true);
	for (uint32_t i = 0; (at = place_of(d, link, i)); i++)
		links_change(d->opts.hive, at, DISPATCH_LINKS, NULL, link);
}

static int refuse(struct dispatch *d, const struct hive_link *link)
{
	bool ends = need_of(link) & PLAN_RETURN;
	char reserve[POINT_RESERVE];

	if (need_of(link) & PLAN_MADE) {
		hive_log(d->opts.hive, SKEP_LOG_WARN,
			 "%s: this run makes no such calls for its tasks: start it with a program that decides on them",
			 link->point->name);
		return -EOPNOTSUPP;
	}
	hive_log(d->opts.hive, SKEP_LOG_WARN, "%s: this run does not see %s: start it with --reserve %s",
		 link->point->name,
		 is_life(link) ? "forks, execs and exits"
		 : ends        ? "the ends of the calls that bring it"
			       : "the calls that bring it",
		 points_reserve(link->point, ends, reserve));
	return -EOPNOTSUPP;
}

static int attach(struct hive_hook *hook, struct hive_link *link, uint32_t target)
{
	struct dispatch *d = hook->arg;
	_Atomic(struct links *) *at;
	int err = 0;

	if (!link->point)
		return -EINVAL;
	if (link->point->kind == POINT_FUNCTION || link->point->kind == POINT_LSM) {
		link->priv = (void *)function_find(link->point->name, link->point->kind == POINT_LSM);
		if (!link->priv) {
			hive_log(d->opts.hive, SKEP_LOG_WARN, "%s: no event of a task brings it", link->point->name);
			return -EOPNOTSUPP;
		}
		if (link->on_return && function_begins_only(link->priv)) {
			hive_log(d->opts.hive, SKEP_LOG_WARN,
				 "%s: only its beginning is told: what it returned cannot be known", link->point->name);
			return -EOPNOTSUPP;
		}
	}
	if (d->closed && !is_seen(d, link))
		return refuse(d, link);
	if (link->priv && function_looks_up(link->priv) && d->closed && !d->looks_up && !d->opts.makes_calls) {
		hive_log(d->opts.hive, SKEP_LOG_WARN,
			 "%s: this run has given up looking up paths: start it with a program that wants them",
			 link->point->name);
		return -EOPNOTSUPP;
	}
	d->looks_up |= link->priv && function_looks_up(link->priv);
	for (uint32_t i = 0; !err && (at = place_of(d, link, i)); i++)
		err = links_change(d->opts.hive, at, DISPATCH_LINKS, link, NULL);
	if (err)
		take_out(d, link);
	return err;
}

static void detach(struct hive_hook *hook, struct hive_link *link)
{
	take_out(hook->arg, link);
}

/* Running. */

/* One program. @ctx, @size: its context */
static uint64_t run(struct runner *r, const struct hive_link *link, void *ctx, uint32_t size)
{
	const struct hive_prog *prog = atomic_load(&link->prog);
	struct skep_env *env = &r->w->env;
	uint64_t ret;

	env->prog_type = prog->type;
	env->prog_id = prog->o.id;
	env->fault = FAULT_NONE;
	memset(&env->redirect, 0, sizeof(env->redirect));
	memset(&env->attach, 0, sizeof(env->attach));
	env->attach.cookie = link->cookie;
	env->attach.ctx_size = size;
	env->attach.func_ip = points_address(link->point);
	ret = hive_prog_exec(prog, ctx, env);
	atomic_fetch_add_explicit(&r->d->runs, 1, memory_order_relaxed);
	if (env->fault)
		atomic_fetch_add_explicit(&r->d->faults, 1, memory_order_relaxed);
	return ret;
}

static void run_tracepoint(struct runner *r, const struct hive_link *link)
{
	const struct task_event *e = r->event;
	const struct call_desc *c;
	char text[RECORD_TEXT];

	/* As in the kernel: 32-bit calls have numbers of their own, and no tracepoints. */
	if (e->kind <= TASK_RETURN && e->compat && link->point->calls[0] != POINT_ANY_CALL)
		return;
	switch (e->kind) {
	case TASK_CALL:
		c = link->point->calls[0] == POINT_ANY_CALL ? NULL : calls_at(e->nr);
		record_call(&r->record, e, c ? c->n_args : ARRAY_SIZE(e->args));
		break;
	case TASK_RETURN:
		record_return(&r->record, e);
		break;
	case TASK_FORK:
		view_comm(r->view, text);
		record_fork(&r->record, e, text);
		break;
	case TASK_EXEC:
		view_filename(r->view, text, sizeof(text));
		record_exec(&r->record, e, text);
		break;
	default:
		view_comm(r->view, text);
		record_exit(&r->record, e, text);
	}
	run(r, link, &r->record, sizeof(r->record));
}

/* Arguments as words: raw tracepoints and those of BTF. */
static void run_raw(struct runner *r, const struct hive_link *link)
{
	const struct task_event *e = r->event;
	uint64_t *a = r->args;
	char name[RECORD_TEXT];

	memset(a, 0, sizeof(r->args));
	switch (e->kind) {
	case TASK_CALL:
	case TASK_RETURN:
		a[0] = view_regs(r->view);
		a[1] = e->kind == TASK_CALL ? (uint64_t)(int64_t)e->nr : (uint64_t)e->result;
		break;
	case TASK_FORK:
		a[0] = view_task(r->view, e->thread);
		a[1] = view_task(r->view, e->child);
		break;
	case TASK_EXEC:
		a[0] = view_task(r->view, e->thread);
		a[1] = (uint64_t)(int64_t)e->old_tid;
		view_filename(r->view, name, sizeof(name));
		a[2] = view_bprm(r->view, name, 0, 0, 0);
		break;
	default:
		a[0] = view_task(r->view, e->thread);
		a[1] = e->last;
	}
	run(r, link, a, sizeof(r->args));
}

/* A function's entry or return: registers for kprobes, words for fentry and fexit. */
static void run_function(struct runner *r, const struct hive_link *link)
{
	struct task_event *e = r->event;
	const struct function *f = link->priv;
	bool words = link->link_type == BPF_LINK_TYPE_TRACING;
	uint32_t n = 0;

	memset(r->args, 0, sizeof(r->args));
	if (!function_args(f, r->view, e, r->args, &n))
		return;
	if (words) {
		if (link->on_return)
			r->args[n] = function_result(f, r->view, e);
		run(r, link, r->args, sizeof(r->args));
		return;
	}
	memset(&r->regs, 0, sizeof(r->regs));
	r->regs.rdi = r->args[0];
	r->regs.rsi = r->args[1];
	r->regs.rdx = r->args[2];
	r->regs.rcx = r->args[3];
	r->regs.r8 = r->args[4];
	r->regs.r9 = r->args[5];
	/* Behind the breakpoint, as the kernel tells it at a function's begin. */
	r->regs.rip = link->on_return ? 0 : points_address(link->point) + 1;
	if (link->on_return)
		r->regs.rax = function_result(f, r->view, e);
	run(r, link, &r->regs, sizeof(r->regs));
}

/*
 * An LSM hook: a negative number denies. At the exec stop there is no call left that could fail: the process ends before the first instruction of
 * what it may not execute.
 */
static void run_lsm(struct runner *r, const struct hive_link *link)
{
	struct task_event *e = r->event;
	uint32_t n = 0;
	int32_t ret;

	memset(r->args, 0, sizeof(r->args));
	if (function_is_asked(link->priv) != (e->kind == TASK_ASKED))
		return;
	if (e->verdict != TASK_GO_ON || !function_args(link->priv, r->view, e, r->args, &n))
		return;
	ret = (int32_t)run(r, link, r->args, sizeof(r->args));
	/* A run that ended early has not said yes. */
	if (ret >= 0 && !r->w->env.fault)
		return;
	e->verdict = e->kind == TASK_EXEC ? TASK_KILL : TASK_DENY;
	e->answer = ret < 0 ? ret : -EPERM;
}

static void run_list(struct runner *r, _Atomic(struct links *) *at)
{
	const struct links *l = links_at(at);

	for (uint32_t i = 0; l && i < l->n; i++) {
		const struct hive_link *link = l->links[i];

		if (!links_live(link) || (r->event->kind == TASK_ASKED && link->point->kind != POINT_LSM))
			continue;
		switch (link->point->kind) {
		case POINT_TRACEPOINT:
			run_tracepoint(r, link);
			break;
		case POINT_RAW_TP:
			run_raw(r, link);
			break;
		case POINT_FUNCTION:
			run_function(r, link);
			break;
		default:
			run_lsm(r, link);
		}
	}
}

static void event(void *arg, uint32_t on, struct task_event *e)
{
	struct dispatch *d = arg;
	struct runner *r = &d->runners[on];
	bool call = e->kind == TASK_CALL, ends = e->kind == TASK_RETURN;
	int nr = natives_of(e->compat, e->nr);

	atomic_fetch_add_explicit(&d->events[e->kind], 1, memory_order_relaxed);
	r->event = e;
	e->native = nr;
	quiesce_begin(&d->opts.hive->quiesce, &r->w->reader);
	view_enter(r->view, &r->w->env, e);
	if (call || ends) {
		run_list(r, call ? &d->any_call : &d->any_return);
		if (nr >= 0)
			run_list(r, call ? &d->calls[nr] : &d->returns[nr]);
		if (call)
			atomic_fetch_add_explicit(&d->runs, sockets_event(d->sockets, &r->w->env, e, nr),
						  memory_order_relaxed);
	} else if (e->kind == TASK_ASKED) {
		run_list(r, &d->calls[nr]);
		atomic_fetch_add_explicit(&d->runs, sockets_asked(d->sockets, &r->w->env, e), memory_order_relaxed);
	} else {
		run_list(r, &d->lives[e->kind - TASK_FORK]);
	}
	view_leave(r->view, &r->w->env);
	quiesce_end(&r->w->reader);
	if (e->verdict == TASK_DENY)
		atomic_fetch_add_explicit(&d->denied, 1, memory_order_relaxed);
	else if (e->verdict == TASK_KILL)
		atomic_fetch_add_explicit(&d->killed, 1, memory_order_relaxed);
}

static int begin(void *arg, uint32_t on)
{
	struct dispatch *d = arg;
	struct runner *r = &d->runners[on];
	int err;

	r->d = d;
	r->w = hive_worker_take(d->opts.hive, d->opts.first_worker + on);
	if (!r->w)
		return -EBUSY;
	quiesce_end(&r->w->reader);
	r->view = view_new(d->objects);
	err = !r->view ? -ENOMEM : d->opts.makes_calls ? 0 : supervisor_confine_task(d->looks_up);
	if (!err)
		return 0;
	view_free(r->view);
	hive_worker_put(d->opts.hive, r->w);
	r->w = NULL;
	return err;
}

static void end(void *arg, uint32_t on)
{
	struct dispatch *d = arg;
	struct runner *r = &d->runners[on];

	if (!r->w)
		return;
	view_free(r->view);
	hive_worker_put(d->opts.hive, r->w);
	r->w = NULL;
}

static void forget(void *arg, struct thread *t)
{
	struct dispatch *d = arg;

	view_forget(d->objects, t);
	storage_forget(d->opts.hive, &(struct map_task){.start = t->start, .tid = (uint32_t)t->own_tid});
}

/* The whole. */

int dispatch_new(const struct dispatch_opts *opts, struct dispatch **out)
{
	const struct objects_opts objects = {.proc = opts->proc, .btf = opts->hive->presented};
	struct dispatch *d = calloc(1, sizeof(*d));
	int err;

	if (!d)
		return -ENOMEM;
	d->opts = *opts;
	d->runners = calloc(opts->n_threads, sizeof(*d->runners));
	err = d->runners ? objects_new(&objects, &d->objects) : -ENOMEM;
	d->hook = (struct hive_hook){.attach_type = BPF_PERF_EVENT,
				     .also = 1ull << BPF_TRACE_RAW_TP | 1ull << BPF_TRACE_FENTRY |
					     1ull << BPF_TRACE_FEXIT | 1ull << BPF_LSM_MAC,
				     .link_type = BPF_LINK_TYPE_PERF_EVENT,
				     .attach = attach,
				     .detach = detach,
				     .arg = d};
	if (!err)
		err = hive_hook_add(opts->hive, &d->hook);
	if (!err)
		err = sockets_new(opts->hive, &d->sockets);
	if (err)
		dispatch_free(d);
	else
		*out = d;
	return err;
}

void dispatch_free(struct dispatch *d)
{
	if (!d)
		return;
	sockets_free(d->sockets);
	hive_hook_remove(d->opts.hive, &d->hook);
	objects_free(d->objects);
	free(d->runners);
	free(d);
}

void dispatch_reserve(struct dispatch *d, int nr, uint8_t what)
{
	d->plan.calls[nr] |= what;
}

void dispatch_reserve_life(struct dispatch *d)
{
	d->plan.life = true;
}

/* What a list's links want to see. */
static void want(struct dispatch *d, _Atomic(struct links *) *at, int nr)
{
	const struct links *l = links_at(at);

	for (uint32_t i = 0; l && i < l->n; i++)
		d->plan.calls[nr] |= need_of(l->links[i]);
}

/* Are calls reserved for programs that look up paths? */
static bool reserves_names(const struct dispatch *d)
{
	static const int16_t calls[] = {SYS_unlink, SYS_unlinkat, SYS_mknod, SYS_mknodat,
					SYS_open,   SYS_openat,   SYS_creat, SYS_openat2};

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		if (d->plan.calls[calls[i]])
			return true;
	return false;
}

bool dispatch_close(struct dispatch *d, struct task_plan *plan)
{
	bool any = false;

	pthread_mutex_lock(&d->opts.hive->lock);
	d->looks_up |= reserves_names(d);
	for (int nr = 0; nr < CALLS_MAX; nr++) {
		want(d, &d->calls[nr], nr);
		want(d, &d->returns[nr], nr);
		if (calls_at(nr)) {
			want(d, &d->any_call, nr);
			want(d, &d->any_return, nr);
		}
	}
	for (int i = 0; i < LIVES; i++)
		d->plan.life |= links_at(&d->lives[i]) != NULL;
	sockets_plan(d->sockets, &d->plan);
	for (int nr = 0; nr < CALLS_MAX; nr++)
		any |= d->plan.calls[nr] != 0;
	d->closed = true;
	*plan = d->plan;
	pthread_mutex_unlock(&d->opts.hive->lock);
	return any || plan->life;
}

void dispatch_engine(struct dispatch *d, struct engine_opts *opts)
{
	opts->begin = begin;
	opts->event = event;
	opts->end = end;
	opts->forget = forget;
	opts->arg = d;
}

void dispatch_counts(const struct dispatch *d, struct dispatch_counts *out)
{
	for (int i = 0; i < TASK_EVENTS; i++)
		out->events[i] = atomic_load(&d->events[i]);
	out->runs = atomic_load(&d->runs);
	out->denied = atomic_load(&d->denied);
	out->killed = atomic_load(&d->killed);
	out->faults = atomic_load(&d->faults);
}
