/* SPDX-License-Identifier: BSD-2-Clause */
/* The map from sockets to tasks: skep/task.h. */
#include "cli/run.h"

#include "base/util.h"
#include "bpf/object.h"
#include "bpf/seam.h"
#include "skep/task.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

struct run_tasks {
	struct skep_hive *hive;
	int maps[RUN_OBJECTS];
	uint32_t n;
};

int run_tasks_new(const struct source *sources, uint32_t n, struct run_tasks **out)
{
	struct run_tasks *t = calloc(1, sizeof(*t));

	if (!t)
		return fail("%s", strerror(ENOMEM));
	*out = t;
	for (uint32_t i = 0; i < n; i++) {
		struct bpf_map *m = bpf_object__find_map_by_name(object_libbpf(sources[i].obj), "skep_tasks");

		if (!m)
			continue;
		if (bpf_map__key_size(m) != sizeof(uint64_t) || bpf_map__value_size(m) != sizeof(struct skep_task))
			return fail("%s: map 'skep_tasks' has keys of %u and values of %u bytes; skep/task.h says %zu "
				    "and %zu",
				    sources[i].name, bpf_map__key_size(m), bpf_map__value_size(m), sizeof(uint64_t),
				    sizeof(struct skep_task));
		t->hive = sources[i].hive;
		t->maps[t->n++] = bpf_map__fd(m);
	}
	return EXIT_OK;
}

void run_tasks_free(struct run_tasks *t)
{
	free(t);
}

static void on_flow(void *arg, struct flow *f)
{
	const struct run_tasks *t = arg;
	const struct task *owner = f->owner.task, *parent;
	struct skep_task task = {0};
	struct skep_hive *before;
	size_t len;

	if (!t->n || !owner)
		return;
	task.pid = owner->pid;
	task.uid = f->owner.uid;
	task.start = owner->start;
	len = strlen(owner->exe);
	memcpy(task.comm, owner->comm, sizeof(task.comm));
	strncpy(task.exe, owner->exe + (len < sizeof(task.exe) ? 0 : len - sizeof(task.exe) + 1), sizeof(task.exe) - 1);
	parent = owner->parent;
	for (size_t i = 0; i < ARRAY_SIZE(task.parents) && parent; i++, parent = parent->parent)
		memcpy(task.parents[i], parent->comm, sizeof(task.parents[i]));
	before = seam_enter(t->hive);
	/* A full map of another type than LRU keeps what it has: the program finds no element, as for an unknown process. */
	for (uint32_t i = 0; i < t->n; i++)
		bpf_map_update_elem(t->maps[i], &f->owner.cookie, &task, BPF_ANY);
	seam_enter(before);
}

struct net_observer run_tasks_observer(struct run_tasks *t)
{
	return (struct net_observer){.flow = on_flow, .arg = t};
}
