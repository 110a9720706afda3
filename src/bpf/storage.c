/* SPDX-License-Identifier: BSD-2-Clause */
#include "bpf/storage.h"

#include "base/util.h"
#include "bpf/caller.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { STAT_STARTTIME = 22 };

static int read_proc(int pid, const char *name, char *text, size_t size)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);

	text[MAX(n, (ssize_t)0)] = 0;
	return n > 0 ? 0 : -ENOENT;
}

/* A task by its number here, as hooks know it (hook/task/thread.c): by its number in the namespace below, if it is in one. */
static int find_task(int pid, struct map_task *out)
{
	int tgid = pid, here, below, err;
	char text[4096], *at;

	*out = (struct map_task){.tid = (uint32_t)pid};
	err = read_proc(pid, "status", text, sizeof(text));
	if (err)
		return err;
	at = strstr(text, "\nTgid:");
	if (at)
		tgid = (int)strtol(at + 6, NULL, 10);
	at = strstr(text, "\nNSpid:");
	if (at && sscanf(at + 7, "%d\t%d", &here, &below) == 2)
		out->tid = (uint32_t)below;
	err = read_proc(tgid, "stat", text, sizeof(text));
	at = err ? NULL : strrchr(text, ')'); /* the name may have any character in it; "state" follows, field 3 */
	for (int field = 2; at && field < STAT_STARTTIME; field++) {
		at = strchr(at, ' ');
		at = at ? at + 1 : NULL;
	}
	if (!at)
		return -ENOENT;
	out->start = strtoull(at, NULL, 10);
	return 0;
}

static int find_key(const void *key, struct map_task *out)
{
	struct caller_fd file;
	int fd;

	memcpy(&fd, key, sizeof(fd));
	if (caller_find(fd, &file) || !file.task)
		return -EBADF;
	return file.task < 0 ? -ENOENT : find_task(file.task, out);
}

int storage_lookup(struct skep_map *map, const void *key, void *value, uint64_t flags)
{
	struct map_task task;
	int err = find_key(key, &task);

	return err ? err : map_task_lookup(map, &task, value, flags);
}

int storage_update(struct skep_map *map, const void *key, const void *value, uint64_t flags)
{
	struct map_task task;
	int err = find_key(key, &task);

	return err ? err : map_task_update(map, &task, value, flags);
}

int storage_delete(struct skep_map *map, const void *key)
{
	struct map_task task;
	int err = find_key(key, &task);

	return err ? err : map_task_delete(map, &task);
}

void storage_forget(struct skep_hive *hive, const struct map_task *task)
{
	if (!atomic_load_explicit(&hive->storages, memory_order_relaxed))
		return;
	pthread_mutex_lock(&hive->lock);
	for (const struct hive_object *o = hive->objects[HIVE_MAP]; o; o = o->next) {
		const struct hive_map *m = container_of(o, const struct hive_map, o);

		if (storage_is(m->map))
			map_task_delete(m->map, task);
	}
	pthread_mutex_unlock(&hive->lock);
}
