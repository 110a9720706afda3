/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Timers of map values (linux/bpf.h at bpf_timer_init()).
 *
 * Theory of operation
 *
 * A map value's struct bpf_timer holds a number, never an address: slot and generation of a struct timer in this table. A number counts only in the very place
 * where it was put, so wrong bytes in a value mean "no timer" and nothing worse. When an element is replaced or removed the number goes out of its
 * value (map/timed.c) and the timer with it; LRU maps evict without telling, so a timer whose number is not in its value any more does not fire, and
 * is collected when the table grows.
 *
 *     init           set_callback             start                    time has come
 *    -------> idle --------------> has prog ---------> armed (in a heap) ------------> running -> has prog
 *                                      ^------------------ cancel <-----------------------'
 *
 * One thread runs all callbacks, one after the other, each as a run of its own in a worker: so no two run at the same time, and only its own timer can be
 * found running by a callback. It takes a worker before it makes the timer "running": a program that waits in bpf_timer_cancel() for the end of a callback
 * never holds the worker that the callback still needs.
 *
 * A timer with a callback holds its program, and a program its maps: a circle. As in the kernel it ends when no fd and no pin of the map is left
 * (hive_map_clear_objects()).
 *
 * Locks: hive->lock before ts->lock. A program that a timer lets go of is put after ts->lock is free. What a callback uses outlives it because its worker is
 * in a read section from before the timer was looked at again.
 */
#include "bpf/timers.h"

#include "base/clock.h"
#include "base/util.h"
#include "bpf/hive.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

enum { CLOCKS = 3, FIRST_SWEEP = 1024, CLOCK_MASK = 15 };

static const clockid_t clocks[CLOCKS] = {CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME};

struct timer {
	uint64_t id; /* generation << 32 | slot + 1 */
	struct hive_map *map;
	uint64_t *field; /* in the map's value */
	struct hive_prog *prog; /* held while there is a callback; NULL */
	uint64_t fn; /* as LD_FUNC gave it */
	uint64_t (*call)(struct skep_env *env, uint64_t fn, uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4,
			 uint64_t r5);
	uint64_t when; /* ns of its clock */
	uint32_t clock; /* index into clocks */
	uint32_t cpu; /* worker, or HIVE_ANY_WORKER */
	uint32_t at; /* in its heap; armed only */
	bool armed, running;
	bool dead; /* to be freed when it has run */
	struct timer *next; /* among those that are out of the table */
};

struct heap {
	struct timer **rows;
	uint32_t n, room;
};

struct hive_timers {
	struct timer_host host;
	struct skep_hive *hive;
	pthread_mutex_t lock;
	pthread_cond_t changed; /* something is due sooner, or the end */
	pthread_cond_t ran; /* a callback has ended */
	pthread_t thread;
	bool started, stop;
	struct timer **slots;
	uint32_t n_slots, n_used, sweep_at;
	uint32_t generation;
	struct timer *out; /* out of the table: their programs are still to be put (collect()) */
	struct heap heaps[CLOCKS];
};

static struct hive_timers *of_env(const struct skep_env *env)
{
	return container_of(env->timers, struct hive_timers, host);
}

/* A heap by time: the earliest first. */

static void heap_set(struct heap *h, uint32_t at, struct timer *t)
{
	h->rows[at] = t;
	t->at = at;
}

static void heap_up(struct heap *h, uint32_t at, struct timer *t)
{
	for (; at && h->rows[(at - 1) / 2]->when > t->when; at = (at - 1) / 2)
		heap_set(h, at, h->rows[(at - 1) / 2]);
	heap_set(h, at, t);
}

static void heap_down(struct heap *h, uint32_t at, struct timer *t)
{
	for (;;) {
		uint32_t child = at * 2 + 1;

		if (child + 1 < h->n && h->rows[child + 1]->when < h->rows[child]->when)
			child++;
		if (child >= h->n || h->rows[child]->when >= t->when)
			break;
		heap_set(h, at, h->rows[child]);
		at = child;
	}
	heap_set(h, at, t);
}

static int arm(struct hive_timers *ts, struct timer *t)
{
	struct heap *h = &ts->heaps[t->clock];

	if (h->n == h->room) {
		uint32_t room = h->room ? h->room * 2 : 64;
		struct timer **rows =
			realloc(h->rows, room * sizeof(struct timer *)); /* NOLINT(bugprone-sizeof-expression) */

		if (!rows)
			return -ENOMEM;
		h->rows = rows;
		h->room = room;
	}
	t->armed = true;
	heap_up(h, h->n++, t);
	return 0;
}

static void disarm(struct hive_timers *ts, struct timer *t)
{
	struct heap *h = &ts->heaps[t->clock];
	struct timer *last;

	if (!t->armed)
		return;
	t->armed = false;
	last = h->rows[--h->n];
	if (last == t)
		return;
	if (t->at && h->rows[(t->at - 1) / 2]->when > last->when)
		heap_up(h, t->at, last);
	else
		heap_down(h, t->at, last);
}

/* The table */

static struct timer *by_id(const struct hive_timers *ts, uint64_t id)
{
	uint32_t slot = (uint32_t)id - 1;

	return id && slot < ts->n_slots && ts->slots[slot] && ts->slots[slot]->id == id ? ts->slots[slot] : NULL;
}

/* The timer whose number stands in a value, NULL when none does. */
static struct timer *in_field(const struct hive_timers *ts, uint64_t *field)
{
	struct timer *t = by_id(ts, __atomic_load_n(field, __ATOMIC_ACQUIRE));

	return t && t->field == field && !t->dead ? t : NULL;
}

/* Out of the table, or as soon as it has run. collect() does the rest. */
static void drop(struct hive_timers *ts, struct timer *t)
{
	uint64_t id = t->id;

	disarm(ts, t);
	__atomic_compare_exchange_n(t->field, &id, 0, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
	t->dead = true;
	if (t->running)
		return;
	ts->slots[(uint32_t)t->id - 1] = NULL;
	ts->n_used--;
	t->next = ts->out;
	__atomic_store_n(&ts->out, t, __ATOMIC_RELAXED);
}

static void put_prog(void *prog)
{
	hive_object_put(&((struct hive_prog *)prog)->o);
}

/* hive->lock is held. Not at once, for putting a program may take other objects along. */
static void let_go(struct skep_hive *hive, struct hive_prog *prog)
{
	if (prog)
		quiesce_retire(&hive->quiesce, &hive->workers[0].reader, hive->n_cpus, sizeof(hive->workers[0]),
			       put_prog, prog);
}

/* Frees what is out of the table. hive->lock is held, ts->lock is not. */
static void collect_locked(struct hive_timers *ts)
{
	struct timer *t;

	pthread_mutex_lock(&ts->lock);
	t = ts->out;
	__atomic_store_n(&ts->out, NULL, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&ts->lock);
	while (t) {
		struct timer *next = t->next;

		let_go(ts->hive, t->prog);
		free(t);
		t = next;
	}
}

/* The same where neither lock is held; @prog goes, too. */
static void collect(struct hive_timers *ts, struct hive_prog *prog)
{
	if (!prog && !__atomic_load_n(&ts->out, __ATOMIC_RELAXED))
		return;
	pthread_mutex_lock(&ts->hive->lock);
	let_go(ts->hive, prog);
	collect_locked(ts);
	pthread_mutex_unlock(&ts->hive->lock);
}

/* Timers whose values lost them without a word (LRU evictions). ts->lock is held. */
static void sweep(struct hive_timers *ts)
{
	for (uint32_t i = 0; i < ts->n_slots; i++) {
		struct timer *t = ts->slots[i];

		if (t && !t->dead && __atomic_load_n(t->field, __ATOMIC_ACQUIRE) != t->id)
			drop(ts, t);
	}
	ts->sweep_at = MAX(ts->n_used * 2, (uint32_t)FIRST_SWEEP);
}

/* A free slot, the table grown where there is none. UINT32_MAX without memory. */
static uint32_t free_slot(struct hive_timers *ts)
{
	struct timer **slots;
	uint32_t n = ts->n_slots ? ts->n_slots * 2 : 64;

	for (uint32_t i = 0; ts->n_used < ts->n_slots && i < ts->n_slots; i++) {
		uint32_t slot = (ts->generation + i) % ts->n_slots;

		if (!ts->slots[slot])
			return slot;
	}
	slots = realloc(ts->slots, n * sizeof(struct timer *)); /* NOLINT(bugprone-sizeof-expression) */
	if (!slots)
		return UINT32_MAX;
	for (uint32_t i = ts->n_slots; i < n; i++)
		slots[i] = NULL;
	ts->slots = slots;
	n = ts->n_slots;
	ts->n_slots = n ? n * 2 : 64;
	return n;
}

/* Enters a new timer and puts its number in its place. ts->lock is held. */
static int add(struct hive_timers *ts, uint64_t *field, struct hive_map *map, uint32_t clock)
{
	uint32_t slot = free_slot(ts);
	struct timer *t = slot == UINT32_MAX ? NULL : calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	*t = (struct timer){
		.id = (uint64_t)++ts->generation << 32 | (slot + 1), .map = map, .field = field, .clock = clock};
	ts->slots[slot] = t;
	ts->n_used++;
	__atomic_store_n(field, t->id, __ATOMIC_RELEASE);
	return 0;
}

/* The helpers */

static int64_t timer_init(struct skep_env *env, uint64_t *field, struct skep_map *map, uint64_t flags)
{
	struct hive_timers *ts = of_env(env);
	struct hive_map *m = map->owner;
	uint32_t clock = 0;
	int err;

	while (clock < CLOCKS && (uint64_t)clocks[clock] != flags)
		clock++;
	if (clock == CLOCKS)
		return -EINVAL;
	pthread_mutex_lock(&ts->lock);
	err = in_field(ts, field) ? -EBUSY : 0;
	if (!err && !hive_object_held(&m->o))
		err = -EPERM;
	if (!err && ts->n_used >= ts->sweep_at)
		sweep(ts);
	if (!err)
		err = add(ts, field, m, clock);
	pthread_mutex_unlock(&ts->lock);
	collect(ts, NULL);
	return err;
}

/* The program that a callback belongs to, one more time held. A tail call may have led to it from the one that was entered. */
static struct hive_prog *program_with(struct skep_hive *hive, uint64_t fn)
{
	struct hive_prog *found = NULL;

	pthread_mutex_lock(&hive->lock);
	for (struct hive_object *o = hive->objects[HIVE_PROG]; o && !found; o = o->next) {
		struct hive_prog *p = container_of(o, struct hive_prog, o);

		if (fn - (uintptr_t)p->text.text < p->text.size || vm_holds(p->vm, fn))
			found = p;
	}
	if (found)
		hive_object_hold(&found->o);
	pthread_mutex_unlock(&hive->lock);
	return found;
}

static int64_t timer_set_callback(struct skep_env *env, uint64_t *field, uint64_t fn)
{
	struct hive_timers *ts = of_env(env);
	struct hive_prog *prog = program_with(ts->hive, fn), *before = prog;
	struct timer *t;
	int err = -EINVAL;

	pthread_mutex_lock(&ts->lock);
	t = prog ? in_field(ts, field) : NULL;
	if (t && !hive_object_held(&t->map->o)) {
		err = -EPERM;
	} else if (t) {
		before = t->prog;
		t->prog = prog;
		t->fn = fn;
		t->call = env->callback;
		err = 0;
	}
	pthread_mutex_unlock(&ts->lock);
	collect(ts, before);
	return err;
}

static void *run_timers(void *arg);

/* The thread, with all signals blocked: they are the embedder's. ts->lock is held. */
static int begin(struct hive_timers *ts)
{
	sigset_t all, old;
	int err;

	if (ts->started)
		return 0;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&ts->thread, NULL, run_timers, ts);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	ts->started = !err;
	return err ? -ENOMEM : 0;
}

static int64_t timer_start(struct skep_env *env, uint64_t *field, uint64_t ns, uint64_t flags)
{
	struct hive_timers *ts = of_env(env);
	struct timer *t;
	int err = -EINVAL;

	if (flags & ~(uint64_t)(SKEP_F_TIMER_ABS | SKEP_F_TIMER_CPU_PIN))
		return -EINVAL;
	pthread_mutex_lock(&ts->lock);
	t = in_field(ts, field);
	if (t && t->prog) {
		disarm(ts, t);
		t->when = ns;
		if (!(flags & SKEP_F_TIMER_ABS) && __builtin_add_overflow(ns, clock_ns(clocks[t->clock]), &t->when))
			t->when = UINT64_MAX;
		t->cpu = flags & SKEP_F_TIMER_CPU_PIN ? env->cpu : HIVE_ANY_WORKER;
		err = begin(ts);
		if (!err)
			err = arm(ts, t);
		pthread_cond_signal(&ts->changed);
	}
	pthread_mutex_unlock(&ts->lock);
	return err;
}

static int64_t timer_cancel(struct skep_env *env, uint64_t *field)
{
	struct hive_timers *ts = of_env(env);
	struct hive_prog *prog = NULL;
	struct timer *t;
	int64_t ret = -EINVAL;

	pthread_mutex_lock(&ts->lock);
	t = in_field(ts, field);
	if (t && t->running && pthread_equal(ts->thread, pthread_self())) {
		ret = -EDEADLK;
	} else if (t) {
		uint64_t id = t->id;

		ret = t->armed;
		disarm(ts, t);
		prog = t->prog;
		t->prog = NULL;
		/* It may be gone when it has run. */
		while ((t = by_id(ts, id)) && t->running)
			pthread_cond_wait(&ts->ran, &ts->lock);
	}
	pthread_mutex_unlock(&ts->lock);
	collect(ts, prog);
	return ret;
}

/*
 * An element is gone, and its timer with it. bpf(2) deletes with hive->lock held and programs without, so the program is put later: by the thread, or
 * whoever comes next.
 */
static void timer_gone(void *arg, uint64_t id)
{
	struct hive_map *m = arg;
	struct hive_timers *ts = m->o.hive->timers;
	struct timer *t;

	pthread_mutex_lock(&ts->lock);
	t = by_id(ts, id);
	if (t && t->map == m && !t->dead)
		drop(ts, t);
	pthread_cond_signal(&ts->changed);
	pthread_mutex_unlock(&ts->lock);
}

/* The thread */

/* The timer that is due, with nothing changed; else how long to wait, ns. ts->lock is held. */
static struct timer *due(struct hive_timers *ts, uint64_t *wait)
{
	const uint64_t second = 1000000000;

	*wait = UINT64_MAX;
	for (uint32_t c = 0; c < CLOCKS; c++) {
		uint64_t now, left;

		if (!ts->heaps[c].n)
			continue;
		now = clock_ns(clocks[c]);
		if (ts->heaps[c].rows[0]->when <= now)
			return ts->heaps[c].rows[0];
		left = ts->heaps[c].rows[0]->when - now;
		/* Clocks that may be set, or go on while the machine sleeps, are looked at again. */
		*wait = MIN(*wait, c ? MIN(left, second) : left);
	}
	return NULL;
}

static void wait_for(struct hive_timers *ts, uint64_t ns)
{
	uint64_t until;
	struct timespec at;

	if (__builtin_add_overflow(clock_ns(CLOCK_MONOTONIC), ns, &until) || ns == UINT64_MAX) {
		pthread_cond_wait(&ts->changed, &ts->lock);
		return;
	}
	at = (struct timespec){.tv_sec = (time_t)(until / 1000000000), .tv_nsec = (long)(until % 1000000000)};
	pthread_cond_timedwait(&ts->changed, &ts->lock, &at);
}

/* Runs one that was due, if it still is. ts->lock is held, and free in between. */
static void fire(struct hive_timers *ts, uint64_t id, uint32_t cpu)
{
	struct hive_worker *w;
	struct timer *t;

	pthread_mutex_unlock(&ts->lock);
	w = hive_worker_take(ts->hive, cpu);
	pthread_mutex_lock(&ts->lock);
	t = by_id(ts, id);
	if (!w || !t || !t->armed || t->when > clock_ns(clocks[t->clock]) || t->running)
		goto out;
	disarm(ts, t);
	if (__atomic_load_n(t->field, __ATOMIC_ACQUIRE) != id) {
		drop(ts, t);
	} else if (t->prog) {
		uint8_t *value = (uint8_t *)t->field - t->map->timer_off;
		struct skep_map *map = t->map->map;
		struct skep_env *env = &w->env;
		uint32_t index;

		t->running = true;
		env->prog_type = t->prog->type;
		env->prog_id = t->prog->o.id;
		env->ctx = NULL;
		env->tail_calls = 0;
		env->fault = FAULT_NONE;
		env->loop_budget = SKEP_MAY_GOTO_BUDGET;
		env->depth = 1;
		env->callback = t->call;
		pthread_mutex_unlock(&ts->lock);
		env->callback(env, t->fn, (uintptr_t)map, (uintptr_t)map_key_of_value(map, value, &index),
			      (uintptr_t)value, 0, 0);
		pthread_mutex_lock(&ts->lock);
		t->running = false;
		if (t->dead)
			drop(ts, t);
		pthread_cond_broadcast(&ts->ran);
	}
out:
	pthread_mutex_unlock(&ts->lock);
	if (w)
		hive_worker_put(ts->hive, w);
	collect(ts, NULL);
	pthread_mutex_lock(&ts->lock);
}

static void *run_timers(void *arg)
{
	struct hive_timers *ts = arg;

	pthread_mutex_lock(&ts->lock);
	while (!ts->stop) {
		uint64_t wait;
		const struct timer *t;

		if (ts->out) {
			pthread_mutex_unlock(&ts->lock);
			collect(ts, NULL);
			pthread_mutex_lock(&ts->lock);
			continue;
		}
		t = due(ts, &wait);
		if (t)
			fire(ts, t->id, t->cpu);
		else
			wait_for(ts, wait);
	}
	pthread_mutex_unlock(&ts->lock);
	return NULL;
}

/* A hive's */

struct hive_timers *timers_new(struct skep_hive *hive)
{
	struct hive_timers *ts = calloc(1, sizeof(*ts));
	pthread_condattr_t attr;

	if (!ts)
		return NULL;
	ts->host = (struct timer_host){
		.init = timer_init, .set_callback = timer_set_callback, .start = timer_start, .cancel = timer_cancel};
	ts->hive = hive;
	ts->sweep_at = FIRST_SWEEP;
	pthread_mutex_init(&ts->lock, NULL);
	pthread_cond_init(&ts->ran, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&ts->changed, &attr);
	pthread_condattr_destroy(&attr);
	return ts;
}

void timers_stop(struct hive_timers *ts)
{
	pthread_mutex_lock(&ts->lock);
	ts->stop = true;
	pthread_cond_signal(&ts->changed);
	pthread_mutex_unlock(&ts->lock);
	if (ts->started)
		pthread_join(ts->thread, NULL);
	ts->started = false;
}

void timers_free(struct hive_timers *ts)
{
	if (!ts)
		return;
	pthread_cond_destroy(&ts->changed);
	pthread_cond_destroy(&ts->ran);
	pthread_mutex_destroy(&ts->lock);
	for (uint32_t c = 0; c < CLOCKS; c++)
		free(ts->heaps[c].rows);
	free(ts->slots);
	free(ts);
}

int timers_attach(struct hive_map *m, uint32_t off)
{
	m->timer_off = off;
	m->timed = true;
	return map_set_timers(m->map, off, timer_gone, m);
}

bool timers_cancel_map(struct hive_map *m)
{
	struct hive_timers *ts = m->o.hive->timers;
	bool any = false;

	pthread_mutex_lock(&ts->lock);
	for (uint32_t i = 0; i < ts->n_slots; i++) {
		struct timer *t = ts->slots[i];

		if (t && t->map == m && !t->dead) {
			any |= t->prog != NULL;
			drop(ts, t);
		}
	}
	pthread_mutex_unlock(&ts->lock);
	collect_locked(ts);
	return any;
}

void timers_prepare_env(struct hive_timers *ts, struct skep_env *env)
{
	env->timers = &ts->host;
}
