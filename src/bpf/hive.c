/* SPDX-License-Identifier: BSD-2-Clause */
/* A hive's beginning and end, its workers, and what an embedder adds to it. hive.h has the theory. */
#include "bpf/hive.h"

#include "base/util.h"
#include "bpf/fd.h"
#include "bpf/link.h"
#include "bpf/pin.h"
#include "bpf/timers.h"
#include "btf/kernel.h"
#include "btf/types.h"
#include "helper/fib.h"
#include "helper/helper.h"
#include "prog/packet.h"
#include "prog/types.h"
#include "verify/verify.h"

#include <bpf/libbpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

uint32_t hive_machine_cpus(void)
{
	FILE *f = fopen("/sys/devices/system/cpu/possible", "re");
	unsigned int first, last, n = 0;
	int got;

	/* "0-3" or "0,2-3" */
	while (f && (got = fscanf(f, "%u-%u", &first, &last)) >= 1) {
		n += got == 2 && last >= first ? last - first + 1 : 1;
		if (fgetc(f) != ',')
			break;
	}
	if (f)
		fclose(f);
	return n ? n : (uint32_t)MAX(sysconf(_SC_NPROCESSORS_CONF), 1L);
}

static int check_opts(const struct skep_hive_opts *opts)
{
	if (!opts)
		return 0;
	if (opts->sz < offsetof(struct skep_hive_opts, n_cpus))
		return -EINVAL;
	for (size_t i = sizeof(*opts); i < opts->sz; i++)
		if (((const uint8_t *)opts)[i])
			return -E2BIG;
	if (opts->flags & ~(uint32_t)(SKEP_INTERPRET | SKEP_CHECK_ONLY | SKEP_AS_USER | SKEP_TRUST_ADDRESSES))
		return -EINVAL;
	return 0;
}

/* The dense table that engines index by helper id. */
static skep_fn *make_helpers(void)
{
	skep_fn *fns = calloc(SKEP_HELPER_MAX + 1, sizeof(*fns));

	for (uint32_t i = 0; fns && i < helpers_n; i++)
		if (helpers[i].id)
			fns[helpers[i].id] = helpers[i].fn;
	return fns;
}

/* The kernel types that programs are verified by: the kernel's, or those that skep presents. */
static int types_prepare(struct skep_hive *hive)
{
	if (!hive->kernel) {
		hive->presented = btf__new(kernel_btf, (uint32_t)kernel_btf_len);
		if (!hive->presented)
			return -errno;
	}
	hive->kernel_types = kernel_types_new(hive->kernel ? hive->kernel->btf : hive->presented);
	return hive->kernel_types ? 0 : -ENOMEM;
}

int skep_hive_new(const struct skep_hive_opts *user, struct skep_hive **out)
{
	struct skep_hive_opts opts = {0};
	struct skep_hive *hive;
	int err = check_opts(user);

	if (err)
		return err;
	if (user)
		memcpy(&opts, user, MIN(user->sz, sizeof(opts)));
	hive = calloc(1, sizeof(*hive));
	if (!hive)
		return -ENOMEM;
	hive->flags = opts.flags;
	hive->caps = opts.flags & SKEP_AS_USER ? 0 : VERIFY_CAP_ALL;
	hive->n_cpus = opts.n_cpus ? opts.n_cpus : hive_machine_cpus();
	hive->log = opts.log;
	hive->log_arg = opts.log_arg;
	hive->trace = opts.trace;
	hive->trace_arg = opts.trace_arg;
	pthread_mutex_init(&hive->lock, NULL);
	pthread_cond_init(&hive->worker_free, NULL);
	atomic_init(&hive->quiesce.epoch, 1);
	hive->helpers = make_helpers();
	hive->workers = aligned_alloc(64, ALIGN_UP(hive->n_cpus * sizeof(*hive->workers), (size_t)64));
	if (hive->workers)
		memset(hive->workers, 0, hive->n_cpus * sizeof(*hive->workers));
	hive->timers = timers_new(hive);
	if (!hive->helpers || !hive->workers || !hive->timers) {
		err = -ENOMEM;
		goto fail;
	}
	if (getrandom(&hive->seed, sizeof(hive->seed), 0) != sizeof(hive->seed)) {
		err = -errno;
		goto fail;
	}
	for (uint32_t i = 0; i < hive->n_cpus; i++) {
		struct skep_env *env = &hive->workers[i].env;

		env->cpu = i;
		env->rng = hive->seed + i * 0x9e3779b97f4a7c15ull;
		env->trace.write = hive->trace;
		env->trace.arg = hive->trace_arg;
		timers_prepare_env(hive->timers, env);
	}
	if (hive->flags & SKEP_CHECK_ONLY) {
		if (opts.btf_path && !(hive->btf_path = strdup(opts.btf_path)))
			err = -ENOMEM;
		if (!err)
			err = hive_kernel_btf(hive);
		if (err)
			goto fail;
	}
	if (!err)
		err = types_prepare(hive);
	if (err)
		goto fail;
	*out = hive;
	return 0;
fail:
	skep_hive_free(hive);
	return err;
}

/* An object that nothing inside refers to any more. */
static struct hive_object *unreferenced(struct skep_hive *hive)
{
	for (int k = 0; k < HIVE_KINDS; k++)
		for (struct hive_object *o = hive->objects[k]; o; o = o->next)
			if (!o->refs)
				return o;
	return NULL;
}

/* At a hive's end objects go whoever still holds fds: users before what they use, which has no circles but through prog arrays. */
static void destroy_all(struct skep_hive *hive)
{
	struct hive_object *o;

	pin_remove_all(hive);
	if (hive->kernel)
		hive_object_put(&hive->kernel->o);
	while (hive->polls) {
		struct hive_poll *p = hive->polls;

		hive->polls = p->next;
		hive_object_put(p->object);
		free(p);
	}
	while (hive->mappings) {
		struct hive_mapping *n = hive->mappings;

		hive->mappings = n->next;
		hive_object_put(&n->map->o);
		free(n);
	}
	for (o = hive->objects[HIVE_LINK]; o;) {
		/* What goes may be the next in the list: begin again. */
		struct hive_link *link = container_of(o, struct hive_link, o);
		bool held = link->held;

		hive_link_release(link);
		o = held ? hive->objects[HIVE_LINK] : o->next;
	}
	for (o = hive->objects[HIVE_MAP]; o;) {
		/* Emptying one may take others with it: begin again. */
		o->refs++;
		bool any = hive_map_clear_objects(container_of(o, struct hive_map, o));
		o->refs--;
		o = any ? hive->objects[HIVE_MAP] : o->next;
	}
	while ((o = unreferenced(hive)))
		hive_object_destroy(o);
}

void skep_hive_free(struct skep_hive *hive)
{
	if (!hive)
		return;
	if (hive->timers)
		timers_stop(hive->timers);
	pthread_mutex_lock(&hive->lock);
	if (hive->workers)
		destroy_all(hive);
	pthread_mutex_unlock(&hive->lock);
	for (uint32_t i = 0; hive->workers && i < hive->n_cpus; i++)
		packet_free(hive->workers[i].pkt);
	while (hive->own_helpers) {
		struct hive_helper *h = hive->own_helpers;

		hive->own_helpers = h->next;
		free(h);
	}
	while (hive->own_types) {
		struct hive_prog_type *t = hive->own_types;

		hive->own_types = t->next;
		free(t);
	}
	free(hive->btf_path);
	fib_free(hive->fib);
	timers_free(hive->timers);
	kernel_types_free(hive->kernel_types);
	btf__free(hive->presented);
	free(hive->workers);
	free(hive->helpers);
	pthread_cond_destroy(&hive->worker_free);
	pthread_mutex_destroy(&hive->lock);
	free(hive);
}

struct hive_worker *hive_worker_get(struct skep_hive *hive)
{
	return hive_worker_take(hive, HIVE_ANY_WORKER);
}

struct hive_worker *hive_worker_take(struct skep_hive *hive, uint32_t number)
{
	struct hive_worker *w = NULL;

	pthread_mutex_lock(&hive->lock);
	while (!w) {
		bool mine = false;

		for (uint32_t i = 0; i < hive->n_cpus && !w; i++) {
			if (number != HIVE_ANY_WORKER && i != number)
				continue;
			if (!hive->workers[i].busy)
				w = &hive->workers[i];
			else if (pthread_equal(hive->workers[i].thread, pthread_self()))
				mine = true;
		}
		if (!w && mine) {
			pthread_mutex_unlock(&hive->lock);
			return NULL;
		}
		if (!w)
			pthread_cond_wait(&hive->worker_free, &hive->lock);
	}
	w->busy = true;
	w->thread = pthread_self();
	/* Under the lock: a table that is replaced waits for those who begin before that. */
	quiesce_begin(&hive->quiesce, &w->reader);
	w->env.fib = hive->fib;
	pthread_mutex_unlock(&hive->lock);
	w->env.pkt = NULL;
	w->env.user = NULL;
	memset(&w->env.redirect, 0, sizeof(w->env.redirect));
	return w;
}

void hive_worker_put(struct skep_hive *hive, struct hive_worker *w)
{
	quiesce_end(&w->reader);
	pthread_mutex_lock(&hive->lock);
	w->busy = false;
	quiesce_run(&hive->quiesce, &hive->workers[0].reader, hive->n_cpus, sizeof(hive->workers[0]));
	/* All: one of them may wait for this worker, another for any. */
	pthread_cond_broadcast(&hive->worker_free);
	pthread_mutex_unlock(&hive->lock);
}

int skep_hive_add_helper(struct skep_hive *hive, uint32_t id, const char *name, skep_helper_fn fn)
{
	struct hive_helper *h;
	int ret = -EEXIST;

	if (id < SKEP_HELPER_MIN || id > SKEP_HELPER_MAX || !name || !fn)
		return -EINVAL;
	h = calloc(1, sizeof(*h));
	if (!h)
		return -ENOMEM;
	h->id = id;
	snprintf(h->name, sizeof(h->name), "%s", name);
	pthread_mutex_lock(&hive->lock);
	if (!hive->helpers[id]) {
		hive->helpers[id] = fn;
		h->next = hive->own_helpers;
		hive->own_helpers = STEAL_PTR(h);
		ret = 0;
	}
	pthread_mutex_unlock(&hive->lock);
	free(h);
	return ret;
}

int skep_hive_add_prog_type(struct skep_hive *hive, const char *section, uint32_t ctx_size)
{
	struct hive_prog_type *t;
	uint32_t type = SKEP_PROG_TYPE_MIN;

	if (!section || !*section || strlen(section) >= sizeof(t->section))
		return -EINVAL;
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	strcpy(t->section, section);
	t->ctx_size = ctx_size;
	pthread_mutex_lock(&hive->lock);
	for (struct hive_prog_type *o = hive->own_types; o; o = o->next) {
		if (!strcmp(o->section, section)) {
			pthread_mutex_unlock(&hive->lock);
			free(t);
			return -EEXIST;
		}
		type = MAX(type, o->type + 1);
	}
	t->type = type;
	t->next = hive->own_types;
	hive->own_types = t;
	pthread_mutex_unlock(&hive->lock);
	return (int)type;
}

const struct hive_prog_type *hive_own_type(const struct skep_hive *hive, uint32_t type)
{
	const struct hive_prog_type *t = hive->own_types;

	while (t && t->type != type)
		t = t->next;
	return t;
}

static void free_fib(void *fib)
{
	fib_free(fib);
}

int hive_set_routes(struct skep_hive *hive, const char *text, size_t len, char *why, size_t size)
{
	struct fib *fib = NULL, *old;
	int err = text ? fib_parse(text, len, &fib, why, size) : 0;

	if (err)
		return err;
	pthread_mutex_lock(&hive->lock);
	old = hive->fib;
	hive->fib = fib;
	/* Runs that have begun go by the old one to their end. */
	if (old)
		quiesce_retire(&hive->quiesce, &hive->workers[0].reader, hive->n_cpus, sizeof(hive->workers[0]),
			       free_fib, old);
	pthread_mutex_unlock(&hive->lock);
	return 0;
}

int skep_hive_set_routes(struct skep_hive *hive, const char *text, size_t len)
{
	char why[256] = "";
	int err = hive_set_routes(hive, text, len, why, sizeof(why));

	if (err == -EINVAL)
		hive_log(hive, SKEP_LOG_ERROR, "routes: %s", why);
	return err;
}

void *skep_env_user(const struct skep_env *env)
{
	return env->user;
}

const char *skep_version(void)
{
	return SKEP_VERSION;
}
