/* SPDX-License-Identifier: BSD-2-Clause */
#include "hook/task/tracee.h"

#include <stdlib.h>

struct group { /* a process, with the threads of it whose exit has not been told */
	struct group *next;
	pid_t tgid;
	uint32_t n;
};

struct tracee *tracees_find(struct tracees *ts, pid_t tid)
{
	struct tracee *x = ts->heads[(uint32_t)tid % TRACEE_HEADS];

	while (x && x->tid != tid)
		x = x->next;
	return x;
}

struct tracee *tracees_add(struct tracees *ts, pid_t tid)
{
	struct tracee **head = &ts->heads[(uint32_t)tid % TRACEE_HEADS], *x = calloc(1, sizeof(*x));

	if (!x)
		return NULL;
	x->tid = tid;
	x->next = *head;
	*head = x;
	return x;
}

void tracees_drop(struct tracees *ts, struct tracee *x)
{
	struct tracee **at = &ts->heads[(uint32_t)x->tid % TRACEE_HEADS];

	while (*at != x)
		at = &(*at)->next;
	*at = x->next;
	if (x->t) {
		threads_gone(ts->threads, x->t);
		threads_put(ts->threads, x->t);
	}
	free(x);
}

struct thread *tracee_thread(struct tracees *ts, struct tracee *x)
{
	if (!x->t)
		x->t = threads_get(ts->threads, x->tid);
	return x->t;
}

static struct group *group_of(struct tracees *ts, pid_t tgid)
{
	struct group **head = &ts->groups[(uint32_t)tgid % TRACEE_HEADS], *g = *head;

	while (g && g->tgid != tgid)
		g = g->next;
	if (g)
		return g;
	g = calloc(1, sizeof(*g));
	if (!g)
		return NULL;
	g->tgid = tgid;
	g->next = *head;
	*head = g;
	return g;
}

void tracee_count(struct tracees *ts, struct tracee *x)
{
	struct thread *t = x->counted ? NULL : tracee_thread(ts, x);
	struct group *g = t ? group_of(ts, t->tgid) : NULL;

	if (!g)
		return;
	g->n++;
	x->counted = true;
}

bool tracee_uncount(struct tracees *ts, struct tracee *x)
{
	struct group **at, *g;

	if (!x->counted || !x->t)
		return false;
	x->counted = false;
	at = &ts->groups[(uint32_t)x->t->tgid % TRACEE_HEADS];
	while (*at && (*at)->tgid != x->t->tgid)
		at = &(*at)->next;
	g = *at;
	if (!g || --g->n)
		return false;
	*at = g->next;
	free(g);
	return true;
}

void tracees_empty(struct tracees *ts)
{
	for (int i = 0; i < TRACEE_HEADS; i++) {
		while (ts->heads[i])
			tracees_drop(ts, ts->heads[i]);
		while (ts->groups[i]) {
			struct group *g = ts->groups[i];

			ts->groups[i] = g->next;
			free(g);
		}
	}
}
