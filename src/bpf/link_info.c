/* SPDX-License-Identifier: BSD-2-Clause */
/* What BPF_OBJ_GET_INFO_BY_FD tells of a link: per kind, as the kernel's fill_link_info(). */
#include "base/util.h"
#include "bpf/link.h"
#include "prog/points.h"

#include <string.h>

/* As the kernel's bpf_perf_link_fill_link_info(). */
static void event_info(const struct hive_link *link, struct skep_link_info *info)
{
	const struct hook_point *point = link->point;

	if (point->kind == POINT_TRACEPOINT) {
		info->perf_event.type = SKEP_PERF_EVENT_TRACEPOINT;
		info->perf_event.tracepoint.cookie = link->cookie;
	} else {
		info->perf_event.type = link->on_return ? SKEP_PERF_EVENT_KRETPROBE : SKEP_PERF_EVENT_KPROBE;
		info->perf_event.kprobe.addr = points_address(point);
		info->perf_event.kprobe.cookie = link->cookie;
	}
}

/* What else the kernel tells of a kind of link. One that is detached is nowhere any more, as there. */
static void fill(const struct hive_link *link, struct skep_link_info *info)
{
	uint32_t target = link->hook ? link->target : 0;

	if (link->point && !link->hook)
		return;
	switch (link->link_type) {
	case BPF_LINK_TYPE_RAW_TRACEPOINT:
		info->raw_tracepoint.cookie = link->cookie;
		break;
	case BPF_LINK_TYPE_PERF_EVENT:
		if (link->point)
			event_info(link, info);
		break;
	case BPF_LINK_TYPE_TRACING:
		info->tracing.attach_type = link->attach_type;
		info->tracing.target_btf_id = atomic_load(&link->prog)->attach_btf_id;
		info->tracing.cookie = link->cookie;
		break;
	case BPF_LINK_TYPE_XDP:
		info->ifindex = target;
		break;
	case BPF_LINK_TYPE_CGROUP:
		info->cgroup.cgroup_id = target;
		info->cgroup.attach_type = link->attach_type;
		break;
	case SKEP_LINK_TYPE_TCX:
	case BPF_LINK_TYPE_UNSPEC:
		info->tcx.ifindex = target;
		info->tcx.attach_type = link->attach_type;
		break;
	case BPF_LINK_TYPE_NETNS:
		info->netns.attach_type = link->attach_type;
		break;
	}
}

/* A name goes to the caller by the address and the room that stand in the info: they stay. */
static struct hive_link_name name_of(const struct hive_link *link, struct skep_link_info *info)
{
	struct hive_link_name name = {0};

	if (!link->point || !link->hook)
		return name;
	name.text = link->point->name;
	switch (link->link_type) {
	case BPF_LINK_TYPE_RAW_TRACEPOINT:
		name.to = info->raw_tracepoint.name;
		name.len = &info->raw_tracepoint.name_len;
		break;
	case BPF_LINK_TYPE_PERF_EVENT:
		name.to = info->perf_event.name;
		name.len = &info->perf_event.name_len;
		/* Of a tracepoint the kernel tells its own name only. */
		if (strchr(name.text, '/'))
			name.text = strchr(name.text, '/') + 1;
		break;
	default:
		return (struct hive_link_name){0};
	}
	name.room = *name.len;
	return name;
}

void hive_link_info(struct hive_object *o, struct skep_link_info *info, struct hive_link_name *name)
{
	struct hive_link *link = container_of(o, struct hive_link, o);

	*name = name_of(link, info);
	memset(info, 0, sizeof(*info));
	info->id = o->id;
	info->prog_id = atomic_load(&link->prog)->o.id;
	info->type = link->link_type;
	if (name->len) {
		uint64_t *to =
			info->type == BPF_LINK_TYPE_PERF_EVENT ? &info->perf_event.name : &info->raw_tracepoint.name;

		*to = name->to;
		*name->len = (uint32_t)strlen(name->text) + 1;
	}
	fill(link, info);
}
