/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BPF_MAP_LOOKUP_BATCH, LOOKUP_AND_DELETE_BATCH, UPDATE_BATCH and DELETE_BATCH (man 2 bpf; kernel/bpf/syscall.c:
 * bpf_map_do_batch and the generic ones, hashtab.c: __htab_map_lookup_and_delete_batch).
 *
 * Where a batch of a hash goes on is a number of 4 bytes that the caller keeps (out_batch, given back as in_batch); in other
 * maps it is the last key. count is set to 0 first and to what was done at the end, but not after EFAULT. After the last
 * element the answer is ENOENT, with what was found before it.
 */
#include "base/usermem.h"
#include "base/util.h"
#include "bpf/map_elem.h"

#include <errno.h>
#include <string.h>

#ifndef ENOTSUPP
#define ENOTSUPP 524
#endif

enum {
	PART_ELEMS = 256, /* elements that are on their way at once: */
	PART_BYTES = 64 << 10, /* at most so many, and at most so many bytes of values unless one is larger */
};

struct batch {
	struct bpf_call *call;
	struct hive_map *m;
	struct skep_map *map;
	uint32_t value_size; /* as user space has it */
	uint32_t room, done; /* elements: that the caller has room for, or gives; that are done */
	uint8_t *keys, *values; /* a part's */
	uint32_t part; /* elements */
};

static int write_count(struct batch *b)
{
	b->call->attr.batch.count = b->done;
	return call_write_back(b->call, batch.count);
}

/* prepare - what all four do first. Return: 0, the error, or 1 when there is nothing to do. */
static int prepare(struct batch *b, uint32_t part)
{
	uint64_t flags = b->call->attr.batch.elem_flags;

	if ((flags & ~(uint64_t)BPF_F_LOCK) || ((flags & BPF_F_LOCK) && b->map->spin_lock_off < 0))
		return -EINVAL;
	b->room = b->call->attr.batch.count;
	if (!b->room)
		return 1;
	if (write_count(b))
		return -EFAULT;
	b->part = MIN(part, b->room);
	b->keys = malloc((size_t)b->part * b->map->key_size);
	b->values = malloc((size_t)b->part * b->value_size);
	return b->keys && b->values ? 0 : -ENOMEM;
}

static uint64_t user_key(const struct batch *b)
{
	return b->call->attr.batch.keys + (uint64_t)b->done * b->map->key_size;
}

static uint64_t user_value(const struct batch *b)
{
	return b->call->attr.batch.values + (uint64_t)b->done * b->value_size;
}

/* deliver - hand elements to the caller. */
static int deliver(struct batch *b, uint32_t n)
{
	if (user_write(user_key(b), b->keys, (size_t)n * b->map->key_size) ||
	    user_write(user_value(b), b->values, (size_t)n * b->value_size))
		return -EFAULT;
	b->done += n;
	return 0;
}

static void retire_part(struct batch *b, void **old, uint32_t n)
{
	if (!b->map->type->objects)
		return;
	pthread_mutex_lock(&b->call->hive->lock);
	for (uint32_t i = 0; i < n; i++)
		elem_retire(b->call->hive, b->map, old[i]);
	pthread_mutex_unlock(&b->call->hive->lock);
}

static int lookup_hash(struct batch *b, bool take)
{
	const union bpf_attr *attr = &b->call->attr;
	void *old[PART_ELEMS];
	uint32_t at = 0;
	int err = 0;

	if (attr->batch.in_batch && user_read(&at, attr->batch.in_batch, sizeof(at)))
		return -EFAULT;
	if (at >= b->map->max_entries)
		return -ENOENT;
	while (!err && b->done < b->room && at < b->map->max_entries) {
		uint32_t n = map_user_batch(b->map, &at, MIN(b->part, b->room - b->done), b->keys, b->values,
					    attr->batch.elem_flags, take ? old : NULL);

		if (take)
			retire_part(b, old, n);
		err = deliver(b, n);
	}
	if (err)
		return err;
	if (user_write(attr->batch.out_batch, &at, sizeof(at)) || write_count(b))
		return -EFAULT;
	return at >= b->map->max_entries ? -ENOENT : 0;
}

/* lookup_ordered - maps that are walked by key. The part is one element. */
static int lookup_ordered(struct batch *b)
{
	const union bpf_attr *attr = &b->call->attr;
	AUTO_FREE uint8_t *last = malloc(b->map->key_size);
	bool begun = attr->batch.in_batch;
	int err = 0;

	if (!last)
		return -ENOMEM;
	if (begun && user_read(last, attr->batch.in_batch, b->map->key_size))
		return -EFAULT;
	while (b->done < b->room) {
		err = map_user_next_key(b->map, begun ? last : NULL, b->keys);
		if (err)
			break;
		memcpy(last, b->keys, b->map->key_size);
		begun = true;
		err = map_user_lookup(b->map, b->keys, b->values, attr->batch.elem_flags);
		if (err == -ENOENT)
			continue; /* it went in between, or its index is empty */
		if (!err)
			err = deliver(b, 1);
		if (err)
			return err;
	}
	if (write_count(b) || (b->done && user_write(attr->batch.out_batch, last, b->map->key_size)))
		return -EFAULT;
	return err;
}

static int lookup(struct batch *b, bool take)
{
	bool hash = b->map->type->batch & MAP_BATCH_TAKE; /* those are the hashes */
	uint32_t part = hash ? MIN(MAX(PART_BYTES / b->value_size, 1u), (uint32_t)PART_ELEMS) : 1;
	int err;

	if (hash && b->call->attr.batch.flags)
		return -EINVAL;
	err = prepare(b, part);
	if (err)
		return MIN(err, 0);
	return hash ? lookup_hash(b, take) : lookup_ordered(b);
}

/* change - update or delete one after the other, until one fails. */
static int change(struct batch *b, bool update)
{
	int err = prepare(b, 1);

	if (err)
		return MIN(err, 0);
	for (; !err && b->done < b->room; b->done += !err) {
		err = user_read(b->keys, user_key(b), b->map->key_size);
		if (!err && update)
			err = user_read(b->values, user_value(b), b->value_size);
		if (!err)
			err = update ? elem_update(b->call, b->m, b->keys, b->values, b->call->attr.batch.elem_flags)
				     : elem_delete(b->call, b->m, b->keys);
	}
	return write_count(b) ? -EFAULT : err;
}

int cmd_map_batch(struct bpf_call *call, uint32_t which)
{
	bool reads = which == BPF_MAP_LOOKUP_BATCH || which == BPF_MAP_LOOKUP_AND_DELETE_BATCH;
	struct batch b = {.call = call};
	int ret = elem_begin(call, (int)call->attr.batch.map_fd, &b.m, reads, which != BPF_MAP_LOOKUP_BATCH);

	if (ret)
		goto out;
	b.map = b.m->map;
	b.value_size = map_user_value_size(b.map);
	ret = -ENOTSUPP;
	switch (which) {
	case BPF_MAP_LOOKUP_BATCH:
		if (b.map->type->batch & MAP_BATCH_LOOKUP)
			ret = lookup(&b, false);
		break;
	case BPF_MAP_LOOKUP_AND_DELETE_BATCH:
		if (b.map->type->batch & MAP_BATCH_TAKE)
			ret = lookup(&b, true);
		break;
	case BPF_MAP_UPDATE_BATCH:
		if (b.map->type->batch & MAP_BATCH_UPDATE)
			ret = change(&b, true);
		break;
	case BPF_MAP_DELETE_BATCH:
		if (b.map->type->batch & MAP_BATCH_DELETE)
			ret = change(&b, false);
		break;
	}
out:
	free(b.keys);
	free(b.values);
	elem_end(call, b.m);
	return ret;
}
