/* SPDX-License-Identifier: BSD-2-Clause */
#include "bpf/check.h"

#include "base/util.h"
#include "bpf/object.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LOG_MAX = 64 << 20 }; /* bytes of a program's log that are kept */

struct check_job *check_job_of(struct skep_hive *hive, uint64_t log_buf)
{
	const struct check *c = hive->check;

	for (uint32_t i = 0; c && log_buf && i < c->n_progs; i++)
		if (c->progs[i].job && (uintptr_t)c->progs[i].job->room == log_buf)
			return c->progs[i].job;
	return NULL;
}

static void job_free(struct skep_hive *hive, struct check_job *job)
{
	if (!job)
		return;
	verify_result_free(&job->result);
	judge_target_drop(hive, &job->target);
	free(job->log.text);
	if (job->prog) {
		pthread_mutex_lock(&hive->lock);
		hive_object_put(&job->prog->o);
		pthread_mutex_unlock(&hive->lock);
	}
	free(job);
}

static struct check_job *job_new(const struct check_opts *opts)
{
	struct check_job *job = calloc(1, sizeof(*job));

	if (!job)
		return NULL;
	/* Somebody reads: the address is only asked whether it is 0. */
	job->log = (struct user_log){.buf = 1, .size = LOG_MAX, .level = opts->log_level};
	job->explain = opts->explain;
	return job;
}

/* What the hive says while libbpf is at work: the first error, without the "NAME: ACTION: " in front. */
struct heard {
	skep_log_fn log;
	void *arg;
	char *cause;
	size_t skip;
};

static void hear(void *arg, enum skep_log_level level, const char *line)
{
	struct heard *h = arg;
	const char *from = line;

	if (level == SKEP_LOG_DEBUG && h->log)
		h->log(h->arg, level, line);
	if (level != SKEP_LOG_ERROR || h->cause)
		return;
	if (strlen(line) > h->skip)
		from += h->skip;
	if (!strncmp(from, "open: ", 6) || !strncmp(from, "load: ", 6))
		from += 6;
	h->cause = strdup(from);
}

static void listen(struct skep_hive *hive, struct heard *h, const char *name)
{
	*h = (struct heard){.log = hive->log, .arg = hive->log_arg, .skip = strlen(name) + 2};
	hive->log = hear;
	hive->log_arg = h;
}

static char *heard(struct skep_hive *hive, struct heard *h, int err)
{
	hive->log = h->log;
	hive->log_arg = h->arg;
	return h->cause ? h->cause : strdup(strerror(-err));
}

/* The list of programs, once, from the object as it was first opened. */
static int list_programs(struct check *c, struct bpf_object *obj)
{
	struct bpf_program *prog;
	uint32_t n = 0;

	bpf_object__for_each_program(prog, obj) n++;
	c->progs = calloc(MAX(n, 1u), sizeof(*c->progs));
	if (!c->progs)
		return -ENOMEM;
	bpf_object__for_each_program(prog, obj)
	{
		struct check_prog *p = &c->progs[c->n_progs];

		if (c->opts->prog && strcmp(c->opts->prog, bpf_program__name(prog)) != 0)
			continue;
		if (c->opts->wants && !c->opts->wants(c->opts->arg, prog))
			continue;
		c->n_progs++;
		p->name = strdup(bpf_program__name(prog));
		p->section = strdup(bpf_program__section_name(prog));
		if (!p->name || !p->section)
			return -ENOMEM;
	}
	return c->opts->prog && !c->n_progs ? -ENOENT : 0;
}

static struct check_prog *by_name(const struct check *c, const char *name)
{
	for (uint32_t i = 0; i < c->n_progs; i++)
		if (c->progs[i].name && !strcmp(c->progs[i].name, name))
			return &c->progs[i];
	return NULL;
}

/* The program that a complaint is about, NULL where it is about none that is being loaded. */
static struct check_prog *culprit(const struct check *c, const char *cause)
{
	const char *at = strstr(cause, "program '");
	struct check_prog *p;
	char name[128];

	if (sscanf(cause, "prog '%127[^']'", name) != 1 && (!at || sscanf(at, "program '%127[^']'", name) != 1))
		return NULL;
	p = by_name(c, name);
	return p && !p->cause ? p : NULL;
}

/* The complaint without the program's name in front, which stands beside it anyway. */
static char *without_name(const char *cause)
{
	const char *end = strncmp(cause, "prog", 4) ? NULL : strstr(cause, "': ");

	return strdup(end ? end + 3 : cause);
}

/* Map types whose max_entries is 0, or that libbpf sizes by the machine. */
static bool has_no_size(uint32_t type)
{
	switch (type) {
	case BPF_MAP_TYPE_PERF_EVENT_ARRAY:
	case BPF_MAP_TYPE_CGROUP_STORAGE:
	case BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE:
	case BPF_MAP_TYPE_SK_STORAGE:
	case BPF_MAP_TYPE_INODE_STORAGE:
	case BPF_MAP_TYPE_TASK_STORAGE:
	case SKEP_MAP_TYPE_CGRP_STORAGE:
		return true;
	default:
		return false;
	}
}

/* What the object's own loader would set before it loads: without it no program of the object could be judged. */
static int size_maps(struct check *c, struct bpf_object *obj)
{
	enum { STACK_FRAMES = 127 };
	struct bpf_map *map;

	free(STEAL_PTR(c->sized));
	bpf_object__for_each_map(map, obj)
	{
		uint32_t type = (uint32_t)bpf_map__type(map);
		bool ring = type == BPF_MAP_TYPE_RINGBUF || type == SKEP_MAP_TYPE_USER_RINGBUF;
		char *all;

		if (type == BPF_MAP_TYPE_STACK_TRACE && !bpf_map__value_size(map))
			bpf_map__set_value_size(map, STACK_FRAMES * sizeof(uint64_t));
		if (bpf_map__max_entries(map) || has_no_size(type))
			continue;
		bpf_map__set_max_entries(map, ring ? (uint32_t)sysconf(_SC_PAGESIZE) : 1);
		if (asprintf(&all, "%s%s%s", c->sized ? c->sized : "", c->sized ? ", " : "", bpf_map__name(map)) < 0)
			return -ENOMEM;
		free(c->sized);
		c->sized = all;
	}
	return 0;
}

static int prepare(struct check *c, struct bpf_object *obj)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, obj)
	{
		struct check_prog *p = by_name(c, bpf_program__name(prog));
		bool load = p && !p->cause;

		bpf_program__set_autoload(prog, load);
		if (!load)
			continue;
		job_free(c->hive, p->job);
		p->job = job_new(c->opts);
		if (!p->job)
			return -ENOMEM;
		/* libbpf hands over a buffer only with a level. */
		bpf_program__set_log_level(prog, 1);
		bpf_program__set_log_buf(prog, p->job->room, sizeof(p->job->room));
	}
	return size_maps(c, obj);
}

static uint32_t left(const struct check *c)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < c->n_progs; i++)
		n += !c->progs[i].cause;
	return n;
}

/* All programs but those that are known to be unloadable. 1: once more, with fewer. */
static int load_rest(struct check *c, const void *data, size_t len, const char *name)
{
	struct heard h;
	struct check_prog *p;
	char *cause;
	int err;

	listen(c->hive, &h, name);
	err = object_open(c->hive, data, len, name, &c->obj);
	if (err) {
		c->cause = heard(c->hive, &h, err);
		return c->cause ? 0 : -ENOMEM;
	}
	if (!c->progs)
		err = list_programs(c, object_libbpf(c->obj));
	if (!err)
		err = prepare(c, object_libbpf(c->obj));
	if (err || !left(c)) {
		free(heard(c->hive, &h, err));
		return err;
	}
	c->hive->check = c;
	err = object_load(c->obj, name);
	c->hive->check = NULL;
	cause = heard(c->hive, &h, err);
	if (!err || !cause) {
		free(cause);
		return err ? -ENOMEM : 0;
	}
	p = culprit(c, cause);
	for (uint32_t i = 0; c->progs && i < c->n_progs; i++) {
		struct check_prog *q = &c->progs[i];

		/* Of no program: of the object, and so of all. */
		if (q == p || (!p && !q->cause)) {
			q->verdict = CHECK_UNLOADABLE;
			q->cause = without_name(cause);
		}
		job_free(c->hive, q->job);
		q->job = NULL;
	}
	free(cause);
	skep_object_close(c->obj);
	c->obj = NULL;
	return left(c) ? 1 : 0;
}

/* The last line of a log, which is where the reason stands. */
static char *last_line(const struct user_log *log)
{
	size_t end = log->len, from;

	while (end && log->text[end - 1] == '\n')
		end--;
	for (from = end; from && log->text[from - 1] != '\n';)
		from--;
	return end > from ? strndup(log->text + from, end - from) : NULL;
}

static void conclude(struct check_prog *p)
{
	struct check_job *job = p->job;

	if (!job || !job->prog)
		return;
	if (!job->err && !job->result.insns)
		job->err = judge(&job->load, &job->target, &job->result);
	if (!job->err)
		return;
	p->verdict = CHECK_REJECT;
	p->cause = job->result.message[0] ? strdup(job->result.message) : last_line(&job->log);
	if (!p->cause)
		p->cause = strdup(strerror(-job->err));
}

/* The pool */

struct pool {
	struct check *c;
	atomic_uint next;
};

static void *work(void *arg)
{
	struct pool *pool = arg;
	uint32_t i;

	while ((i = atomic_fetch_add(&pool->next, 1)) < pool->c->n_progs)
		conclude(&pool->c->progs[i]);
	return NULL;
}

static void judge_all(struct check *c)
{
	enum { THREADS_MAX = 64 };
	struct pool pool = {.c = c};
	pthread_t threads[THREADS_MAX];
	uint32_t n = c->opts->threads, started = 0;
	cpu_set_t cpus;

	if (!n)
		n = sched_getaffinity(0, sizeof(cpus), &cpus) ? 1 : (uint32_t)CPU_COUNT(&cpus);
	n = MIN(MIN(n, c->n_progs), (uint32_t)THREADS_MAX);
	while (started + 1 < n && !pthread_create(&threads[started], NULL, work, &pool))
		started++;
	work(&pool); /* this thread is one of them, or the only one */
	while (started)
		pthread_join(threads[--started], NULL);
}

int check_object(struct skep_hive *hive, const void *data, size_t len, const char *name, const struct check_opts *opts,
		 struct check *out)
{
	int err;

	*out = (struct check){.hive = hive, .opts = opts};
	do
		err = load_rest(out, data, len, name);
	while (err == 1);
	if (!err)
		judge_all(out);
	return err;
}

void check_free(struct check *c)
{
	free(c->sized);
	for (uint32_t i = 0; i < c->n_progs; i++) {
		job_free(c->hive, c->progs[i].job);
		free(c->progs[i].name);
		free(c->progs[i].section);
		free(c->progs[i].cause);
	}
	free(c->progs);
	free(c->cause);
	skep_object_close(c->obj);
	*c = (struct check){0};
}
