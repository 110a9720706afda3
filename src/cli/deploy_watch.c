/* SPDX-License-Identifier: BSD-2-Clause */
/* watch in the kernel: what the machine's processes do, or those of one cgroup. Its events are told as in 'skep run watch -v'. */
#include "cli/deploy_app.h"
#include "cli/deploy_scope.h"
#include "cli/watch_line.h"

#include <string.h>

static int ready(const struct verb *verb, void *state, struct deploy_opts *to)
{
	const struct target_opts *t = &to->target;

	if (t->pid || t->iface || t->netns)
		return misuse(verb,
			      "watch: --%s does not go with it: --cgroup PATH or --container ID says whose "
			      "processes are watched, and without them all are",
			      t->pid     ? "pid"
			      : t->iface ? "iface"
					 : "netns");
	return EXIT_OK;
}

/* Each call that is counted has a link of its own to two programs; a run makes them (--syscalls). */
static bool loads(void *state, const char *prog)
{
	return strcmp(prog, "call_enter") != 0 && strcmp(prog, "call_exit") != 0;
}

static int opened(void *state, struct skep_object *obj, const struct target *target, char *why)
{
	int err = deploy_scope_open(obj, target, why);

	return err ? err : deploy_constant(obj, "name_all", true, why);
}

static int loaded(void *state, struct skep_object *obj, const struct target *target, bool replaced, char *why)
{
	return deploy_scope_load(obj, target, why);
}

static bool event(void *state, FILE *to, const char *map, const void *data, size_t size)
{
	/* What a process has executed is known of it later on: the books of the command that reads. */
	static struct watch_tree *tree;
	struct watch_seen s;

	if (!tree)
		tree = watch_tree_new();
	if (!tree || watch_tree_take(tree, data, size, &s))
		return false;
	watch_print_line(to, &s);
	return true;
}

const struct deploy_app deploy_watch = {
	.name = "watch",
	.help = "  watch                what processes do: --cgroup or --container says whose, else the whole "
		"machine's;\n"
		"                       'skep map events --kernel watch' tells it\n",
	.ready = ready,
	.loads = loads,
	.opened = opened,
	.loaded = loaded,
	.event = event,
};
