/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/deployed.h"

#include "base/util.h"
#include "cli/deploy_app.h"
#include "cli/events.h"
#include "deploy/record.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { FDS = 256, LOOK_MS = 200 };

/* Types are the programs': maps of events have none. */
static struct btf *types_of(const struct deployed *d)
{
	char **progs;
	int n = store_items(&d->store, d->name, STORE_PROGS, &progs);
	struct btf *btf = NULL;

	for (int i = 0; i < n && !btf; i++) {
		AUTO_CLOSE int fd = store_get(&d->store, d->name, STORE_PROGS, progs[i]);
		struct bpf_prog_info info = {0};
		uint32_t len = sizeof(info);

		if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &len) && info.btf_id)
			btf = btf__load_from_kernel_by_id(info.btf_id);
	}
	if (n >= 0)
		store_list_free(progs, n);
	return btf;
}

/* By the name that its object had when it was deployed. */
static const struct deploy_app *app_of(const struct deployed *d)
{
	struct json_object *record = store_read(&d->store, d->name);
	const char *object = record ? record_text(record, "object") : NULL;
	const struct deploy_app *app = object ? deploy_app_find(object) : NULL;

	json_object_put(record);
	return app;
}

int deployed_open(struct deployed *d, const char *name)
{
	char why[STORE_WHY];
	int err;

	*d = (struct deployed){.store = {.lock = -1}};
	if (geteuid())
		return fail("--kernel %s: what is deployed is root's (sudo)", name);
	err = store_open(&d->store, false, why);
	if (err && err != -ENOENT)
		return fail("%s", why);
	if (err || !store_name(name) || !store_exists(&d->store, name))
		return fail("nothing is deployed as '%s'; 'skep list --kernel' shows what is", name);
	snprintf(d->name, sizeof(d->name), "%s", name);
	d->btf = types_of(d);
	d->app = app_of(d);
	return EXIT_OK;
}

void deployed_close(struct deployed *d)
{
	btf__free(d->btf);
	store_close(&d->store);
}

/* A pin's name is whole, the kernel's has 15 characters; a data section's is called by the section alone, as skep map has it elsewhere. */
static const char *name_of(int fd, const char *item, char *buf, size_t size)
{
	struct bpf_map_info info = {0};
	uint32_t len = sizeof(info);
	const char *dot;

	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return item;
	snprintf(buf, size, "%s", info.name);
	dot = strchr(buf, '.');
	return dot ? dot : item;
}

int deployed_maps(struct deployed *d, struct map_view **out, uint32_t *n)
{
	char **items;
	int all = store_items(&d->store, d->name, STORE_MAPS, &items), err = MIN(all, 0);

	*n = 0;
	*out = calloc((size_t)MAX(all, 1), sizeof(**out));
	if (!*out)
		err = -ENOMEM;
	for (int i = 0; i < all && !err; i++) {
		int fd = store_get(&d->store, d->name, STORE_MAPS, items[i]);
		char name[BPF_OBJ_NAME_LEN];

		err = fd < 0 ? fd : map_view_of(fd, name_of(fd, items[i], name, sizeof(name)), &(*out)[*n]);
		if (!err)
			++*n;
		else if (fd >= 0)
			close(fd);
	}
	if (all >= 0)
		store_list_free(items, all);
	return err ? fail("deployment '%s': its maps: %s", d->name, strerror(-err)) : EXIT_OK;
}

/* Whose events they are: a ready-made program may have words for them. */
struct words {
	const struct deploy_app *app; /* NULL: none has */
	void *state;
};

static bool in_words(void *arg, FILE *to, const char *map, const void *data, size_t size)
{
	const struct words *w = arg;

	return w->app && w->app->event && w->app->event(w->state, to, map, data, size);
}

static struct words words_of(const struct deployed *d)
{
	return (struct words){.app = d->app, .state = d->app && d->app->watch ? d->app->watch(d) : NULL};
}

int deployed_events(struct deployed *d, const struct map_view *maps, uint32_t n, const char *map, bool json)
{
	struct words words = {0};
	struct events_opts opts = {.to = stdout, .json = json, .verbose = true, .words = in_words, .arg = &words};
	struct pollfd fds[FDS] = {{.events = POLLIN}};
	AUTO_FREE struct map_view *some = calloc(MAX(n, 1u), sizeof(*some));
	struct events *e = NULL;
	uint32_t n_fds, n_some = 0;
	sigset_t ends, before;
	int ret;

	if (!some)
		return fail("out of memory");
	for (uint32_t i = 0; i < n; i++)
		if (!map || !strcmp(maps[i].name, map))
			some[n_some++] = maps[i];
	if (map && !n_some)
		return fail("deployment '%s': it has no map '%s'", d->name, map);
	words = words_of(d);
	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigprocmask(SIG_BLOCK, &ends, &before);
	fds[0].fd = signalfd(-1, &ends, SFD_CLOEXEC);
	ret = fds[0].fd < 0 ? fail("events: %s", strerror(errno))
			    : events_open_maps(&e, some, n_some, d->btf, NULL, &opts);
	n_fds = ret == EXIT_OK ? events_fds(e, fds + 1, FDS - 1) : 0;
	if (ret == EXIT_OK && !n_fds)
		ret = fail("deployment '%s': its programs send no events (it has no ring buffer and no perf buffer)",
			   d->name);
	/* Others may deploy meanwhile. Whoever takes this deployment out leaves the maps to us, with nobody who fills them. */
	store_close(&d->store);
	while (ret == EXIT_OK && !fds[0].revents && !ferror(stdout)) {
		if (poll(fds, n_fds + 1, LOOK_MS) < 0 && errno != EINTR)
			ret = fail("events: %s", strerror(errno));
		events_woken(e);
		fflush(stdout);
		if (!store_exists(&d->store, d->name))
			break;
	}
	if (e)
		events_drain(e);
	if (fds[0].fd >= 0)
		close(fds[0].fd);
	if (n_fds && !json)
		events_print(e, stderr);
	events_close(e);
	if (words.state)
		words.app->drop(words.state);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return ret;
}
