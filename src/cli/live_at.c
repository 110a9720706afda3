/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a link stands, in words: a frame's point, or a section's name for programs on tasks. */
#include "base/util.h"
#include "btf/kernel.h"
#include "cli/live.h"
#include "prog/points.h"

#include <bpf/btf.h>
#include <string.h>

/* "sys_enter_openat" -> "syscalls/sys_enter_openat": infos leave the category out. */
static const char *tracepoint(const char *name)
{
	const struct hook_point *p;

	for (uint32_t i = 0; (p = points_at(i)); i++) {
		const char *slash = strchr(p->name, '/');

		if (p->kind == POINT_TRACEPOINT && slash && !strcmp(slash + 1, name))
			return p->name;
	}
	return name;
}

/* What a program was loaded for, by its type in the BTF that a run presents. */
static bool by_type(const struct skep_link_info *info, char *at, size_t size)
{
	static const struct {
		uint32_t attach_type;
		const char *section, *prefix;
	} kinds[] = {
		{BPF_TRACE_FENTRY, "fentry", ""},
		{BPF_TRACE_FEXIT, "fexit", ""},
		{BPF_LSM_MAC, "lsm", "bpf_lsm_"},
	};
	struct btf *btf = btf__new(kernel_btf, (uint32_t)kernel_btf_len);
	const struct btf_type *t = btf ? btf__type_by_id(btf, info->tracing.target_btf_id) : NULL;
	const char *name = t ? btf__name_by_offset(btf, t->name_off) : "?";
	bool found = false;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		size_t n = strlen(kinds[i].prefix);

		if (kinds[i].attach_type != info->tracing.attach_type)
			continue;
		snprintf(at, size, "%s/%s", kinds[i].section, strncmp(name, kinds[i].prefix, n) ? name : name + n);
		found = true;
	}
	btf__free(btf);
	return found;
}

bool live_task_point(const struct skep_link_info *info, const char *name, uint32_t prog_type, char *at, size_t size)
{
	switch (info->type) {
	case BPF_LINK_TYPE_RAW_TRACEPOINT:
		snprintf(at, size, "%s/%s", prog_type == BPF_PROG_TYPE_TRACING ? "tp_btf" : "raw_tp", name);
		return *name;
	case BPF_LINK_TYPE_PERF_EVENT:
		if (info->perf_event.type == SKEP_PERF_EVENT_TRACEPOINT)
			snprintf(at, size, "tracepoint/%s", tracepoint(name));
		else
			snprintf(at, size, "%s/%s",
				 info->perf_event.type == SKEP_PERF_EVENT_KRETPROBE ? "kretprobe" : "kprobe", name);
		return *name;
	case BPF_LINK_TYPE_TRACING:
		return by_type(info, at, size);
	default:
		return false;
	}
}
