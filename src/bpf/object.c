/* SPDX-License-Identifier: BSD-2-Clause */
/* The object table: ids, fds and lifetimes. hive.h has the theory. */
#include "base/util.h"
#include "bpf/caller.h"
#include "bpf/fd.h"
#include "bpf/hive.h"
#include "bpf/link.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

int hive_memfd(const char *kind, const char *name, const void *bytes, size_t len)
{
	char full[64];
	int fd;

	snprintf(full, sizeof(full), "skep-%s:%s", kind, name);
	fd = memfd_create(full, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	if (len && write(fd, bytes, len) != (ssize_t)len) {
		close(fd);
		return -ENOMEM;
	}
	/* What stands in it is for the eyes of /proc only: nobody can change it. */
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)) {
		close(fd);
		return -errno;
	}
	return fd;
}

static struct hive_object **inode_bucket(struct skep_hive *hive, ino_t ino)
{
	return &hive->by_inode[ino % HIVE_INODE_HASH];
}

int hive_object_add(struct skep_hive *hive, struct hive_object *o, enum hive_kind kind, int memfd)
{
	struct hive_object **pp;
	struct stat st;

	if (fstat(memfd, &st))
		return -errno;
	o->kind = kind;
	o->refs = o->pins = 0;
	o->fd = memfd;
	o->dev = st.st_dev;
	o->ino = st.st_ino;
	o->hive = hive;
	/* As in the kernel, ids ascend, wrap after INT_MAX and skip those in use. */
	do {
		o->id = ++hive->next_id[kind];
		if (o->id >= INT32_MAX) {
			hive->next_id[kind] = 0;
			o->id = 0;
		}
	} while (!o->id || hive_object_by_id(hive, kind, o->id));
	for (pp = &hive->objects[kind]; *pp && (*pp)->id < o->id; pp = &(*pp)->next)
		;
	o->next = *pp;
	*pp = o;
	o->same_hash = *inode_bucket(hive, o->ino);
	*inode_bucket(hive, o->ino) = o;
	return 0;
}

int hive_object_open(struct hive_object *o, int access)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", o->fd);
	fd = open(path, access | O_CLOEXEC);
	if (fd < 0) {
		int err = -errno;

		if (err == -ENOENT || err == -ENOTDIR)
			hive_log(o->hive, SKEP_LOG_ERROR,
				 "skep needs /proc to hand out fds; mount it in this namespace");
		return err;
	}
	if (flock(fd, LOCK_SH | LOCK_NB)) {
		int err = -errno;

		close(fd);
		return err;
	}
	caller_opened(fd);
	return fd;
}

struct hive_object *hive_object_by_file(struct skep_hive *hive, const struct caller_fd *file)
{
	struct hive_object *o = *inode_bucket(hive, file->ino);

	while (o && (o->ino != file->ino || o->dev != file->dev))
		o = o->same_hash;
	return o;
}

struct hive_object *hive_object_by_fd(struct skep_hive *hive, int fd, int kind, int *why)
{
	struct hive_object *o;
	struct caller_fd file;

	*why = -EBADF;
	if (caller_find(fd, &file))
		return NULL;
	*why = -EINVAL;
	o = hive_object_by_file(hive, &file);
	if (!o || (kind >= 0 && o->kind != (enum hive_kind)kind))
		return NULL;
	o->refs++;
	*why = 0;
	return o;
}

struct hive_object *hive_object_by_id(struct skep_hive *hive, enum hive_kind kind, uint32_t id)
{
	for (struct hive_object *o = hive->objects[kind]; o && o->id <= id; o = o->next)
		if (o->id == id)
			return o;
	return NULL;
}

struct hive_object *hive_object_after(struct skep_hive *hive, enum hive_kind kind, uint32_t id)
{
	for (struct hive_object *o = hive->objects[kind]; o; o = o->next)
		if (o->id > id)
			return o;
	return NULL;
}

void hive_object_hold(struct hive_object *o)
{
	o->refs++;
}

static void free_object(void *arg)
{
	struct hive_object *o = arg;

	switch (o->kind) {
	case HIVE_MAP:
		hive_map_free(container_of(o, struct hive_map, o));
		break;
	case HIVE_PROG:
		hive_prog_free(container_of(o, struct hive_prog, o));
		break;
	case HIVE_BTF:
		hive_btf_free(container_of(o, struct hive_btf, o));
		break;
	case HIVE_LINK:
		hive_link_free(o);
		break;
	case HIVE_PERF:
		hive_perf_free(o);
		break;
	case HIVE_EVENT:
		hive_event_free(o);
		break;
	case HIVE_STATS:
		hive_stats_free(o);
		break;
	case HIVE_KINDS:
		break;
	}
}

/*
 * It leaves the table at once; its memory goes when no running program can see it.
 */
void hive_object_destroy(struct hive_object *o)
{
	struct skep_hive *hive = o->hive;
	struct hive_object **pp;

	if (o->kind == HIVE_LINK)
		hive_link_detach(o);
	if (o->kind == HIVE_EVENT)
		hive_event_detach(o);
	for (pp = &hive->objects[o->kind]; *pp != o; pp = &(*pp)->next)
		;
	*pp = o->next;
	for (pp = inode_bucket(hive, o->ino); *pp != o; pp = &(*pp)->same_hash)
		;
	*pp = o->same_hash;
	o->gone = true;
	quiesce_retire(&hive->quiesce, &hive->workers[0].reader, hive->n_cpus, sizeof(hive->workers[0]), free_object,
		       o);
}

static bool held_outside(const struct hive_object *o)
{
	if (flock(o->fd, LOCK_EX | LOCK_NB))
		return true;
	flock(o->fd, LOCK_UN);
	return false;
}

bool hive_object_held(const struct hive_object *o)
{
	return o->pins || held_outside(o);
}

/*
 * An object that nobody inside refers to goes when nobody outside holds an fd either. Return: whether anything
 * changed, so that a walk over the table must begin again.
 */
static bool try_destroy(struct hive_object *o)
{
	struct hive_map *m = o->kind == HIVE_MAP ? container_of(o, struct hive_map, o) : NULL;
	bool circle = m && (m->map->type->type == BPF_MAP_TYPE_PROG_ARRAY || m->timed) && o->refs && !o->pins;
	struct hive_link *link = o->kind == HIVE_LINK ? container_of(o, struct hive_link, o) : NULL;
	bool attached = link && link->hook && o->refs && o->refs == link->listed;
	bool changed = false;

	/* The system is asked last: most objects are referred to. */
	if (o->gone || (o->refs && !circle && !attached) || held_outside(o))
		return false;
	/* As in the kernel a link that nobody has any more is detached; it goes when the last list that it stood in does. */
	if (attached) {
		o->refs++;
		hive_link_detach(o);
		o->refs--;
		changed = true;
	}
	/*
	 * Programs in a prog array may use that same array, and so may callbacks of a map's timers: a circle that refs alone never lets
	 * go. As in the kernel the array is emptied, and timers end, when no fd and no pin is left.
	 */
	if (circle) {
		o->refs++; /* what goes with the programs must not be this map, under our feet */
		changed = hive_map_clear_objects(m);
		o->refs--;
	}
	if (o->refs)
		return changed;
	hive_object_destroy(o);
	return true;
}

void hive_object_put(struct hive_object *o)
{
	o->refs--;
	try_destroy(o);
}

int hive_object_publish(struct skep_hive *hive, struct hive_object *o, enum hive_kind kind, int memfd, int access)
{
	int ret = memfd < 0 ? memfd : hive_object_add(hive, o, kind, memfd);

	if (ret) {
		o->hive = hive;
		o->kind = kind;
		o->fd = memfd;
		free_object(o);
		return ret;
	}
	hive_object_hold(o);
	ret = hive_object_open(o, access);
	hive_object_put(o);
	return ret;
}

void hive_sweep(struct skep_hive *hive)
{
	bool again;

	quiesce_run(&hive->quiesce, &hive->workers[0].reader, hive->n_cpus, sizeof(hive->workers[0]));
	do {
		again = false;
		for (int k = 0; k < HIVE_KINDS; k++) {
			struct hive_object *next;

			for (struct hive_object *o = hive->objects[k]; o; o = next) {
				next = o->next;
				/* What it held may have gone with it, the next in this list too: begin again. */
				if (try_destroy(o)) {
					again = true;
					break;
				}
			}
		}
	} while (again);
}
