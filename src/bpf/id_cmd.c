/* SPDX-License-Identifier: BSD-2-Clause */
/* BPF_*_GET_NEXT_ID and BPF_*_GET_FD_BY_ID: walking the hive's objects. */
#include "bpf/cmd.h"

#include <errno.h>
#include <fcntl.h>

static enum hive_kind kind_of(uint32_t which)
{
	switch (which) {
	case BPF_PROG_GET_NEXT_ID:
	case BPF_PROG_GET_FD_BY_ID:
		return HIVE_PROG;
	case BPF_MAP_GET_NEXT_ID:
	case BPF_MAP_GET_FD_BY_ID:
		return HIVE_MAP;
	case BPF_BTF_GET_NEXT_ID:
	case BPF_BTF_GET_FD_BY_ID:
		return HIVE_BTF;
	default:
		return HIVE_LINK;
	}
}

int cmd_next_id(struct bpf_call *call, uint32_t which)
{
	struct skep_hive *hive = call->hive;
	struct hive_object *o;

	if (call->attr.open_flags || call->attr.start_id >= INT32_MAX)
		return -EINVAL;
	pthread_mutex_lock(&hive->lock);
	hive_sweep(hive);
	o = hive_object_after(hive, kind_of(which), call->attr.start_id);
	if (o)
		call->attr.next_id = o->id;
	pthread_mutex_unlock(&hive->lock);
	return o ? call_write_back(call, next_id) : -ENOENT;
}

int cmd_fd_by_id(struct bpf_call *call, uint32_t which)
{
	struct skep_hive *hive = call->hive;
	enum hive_kind kind = kind_of(which);
	uint32_t flags = call->attr.open_flags;
	struct hive_object *o;
	int ret = -ENOENT;

	if (call->attr.next_id || (kind == HIVE_MAP ? flags & ~(uint32_t)(BPF_F_RDONLY | BPF_F_WRONLY) : flags) ||
	    flags == (BPF_F_RDONLY | BPF_F_WRONLY))
		return -EINVAL;
	pthread_mutex_lock(&hive->lock);
	hive_sweep(hive);
	o = hive_object_by_id(hive, kind, call->attr.start_id);
	if (o)
		ret = hive_object_open(o, flags & BPF_F_RDONLY ? O_RDONLY : flags & BPF_F_WRONLY ? O_WRONLY : O_RDWR);
	pthread_mutex_unlock(&hive->lock);
	return ret;
}
