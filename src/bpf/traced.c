/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs that find their point by name: raw tracepoints, and what is loaded for a type of the kernel's BTF (tp_btf, fentry, fexit, LSM).
 * The order of refusals is that of the kernel's link_create(), bpf_raw_tp_link_attach() and bpf_tracing_prog_attach().
 */
#include "base/usermem.h"
#include "base/util.h"
#include "bpf/cmd.h"
#include "bpf/event.h"
#include "bpf/fd.h"
#include "bpf/link.h"
#include "prog/points.h"

#include <bpf/btf.h>
#include <errno.h>
#include <string.h>

enum { RAW_NAME = 128 }; /* bytes of a raw tracepoint's name that the kernel reads */

/* Attaches and opens; @p is taken. */
static int attach(struct skep_hive *hive, struct hive_prog *p, const struct link_place *at)
{
	struct hive_link *link;
	int err = hive_link_make(hive, p, at, &link);

	return err ? err : hive_link_open(link);
}

static int refuse(struct hive_prog *p, int err)
{
	hive_object_put(&p->o);
	return err;
}

/* What the kernel puts before the names of types that stand for a place to attach to. */
static const char *prefix_of(uint32_t attach_type)
{
	return attach_type == BPF_TRACE_RAW_TP ? "btf_trace_" : attach_type == BPF_LSM_MAC ? "bpf_lsm_" : "";
}

static const char *target_name(const struct hive_prog *p, const char *prefix)
{
	const struct btf *btf = p->o.hive->presented;
	const struct btf_type *t = btf ? btf__type_by_id(btf, p->attach_btf_id) : NULL;
	const char *name = t ? btf__name_by_offset(btf, t->name_off) : NULL;
	size_t n = strlen(prefix);

	return name && !strncmp(name, prefix, n) ? name + n : "?";
}

/* What was loaded for a type of the kernel's; @p is taken. */
static int attach_by_type(struct skep_hive *hive, struct hive_prog *p, uint64_t cookie)
{
	uint32_t type = p->expected_attach_type;
	enum point_kind kind = type == BPF_TRACE_RAW_TP ? POINT_RAW_TP
			       : type == BPF_LSM_MAC    ? POINT_LSM
							: POINT_FUNCTION;
	struct link_place at = {.attach_type = type, .cookie = cookie, .on_return = type == BPF_TRACE_FEXIT};
	const char *name;

	if (type != BPF_TRACE_RAW_TP && type != BPF_LSM_MAC && type != BPF_TRACE_FENTRY && type != BPF_TRACE_FEXIT) {
		hive_log(hive, SKEP_LOG_WARN, "program '%s': nothing in this hive serves attach type %u", p->name,
			 type);
		return refuse(p, -EOPNOTSUPP);
	}
	if (p->traces_prog) {
		hive_log(hive, SKEP_LOG_WARN, "program '%s': tracing other eBPF programs is not served", p->name);
		return refuse(p, -EOPNOTSUPP);
	}
	name = target_name(p, prefix_of(type));
	at.point = points_find(kind, name);
	if (!at.point || at.point->truth == POINT_ABSENT)
		return refuse(p, hive_point_refuse(hive, points_kind_name(kind), name, at.point));
	return attach(hive, p, &at);
}

int hive_link_traced(struct bpf_call *call, struct hive_prog *p)
{
	const union bpf_attr *attr = &call->attr;

	if (attr->link_create.attach_type != p->expected_attach_type)
		return refuse(p, -EINVAL);
	if (p->expected_attach_type != BPF_TRACE_RAW_TP &&
	    (attr->link_create.target_fd || attr->link_create.target_btf_id)) {
		if (!attr->link_create.target_fd != !attr->link_create.target_btf_id)
			return refuse(p, -EINVAL);
		hive_log(call->hive, SKEP_LOG_WARN, "program '%s': tracing other eBPF programs is not served", p->name);
		return refuse(p, -EOPNOTSUPP);
	}
	return attach_by_type(call->hive, p, attr->link_create.tracing.cookie);
}

/* @p is taken. */
static int attach_raw(struct skep_hive *hive, struct hive_prog *p, const char *name, uint64_t cookie)
{
	const struct hook_point *point = points_find(POINT_RAW_TP, name);
	const struct link_place at = {.attach_type = BPF_TRACE_RAW_TP, .point = point, .cookie = cookie};

	if (!point || point->truth == POINT_ABSENT)
		return refuse(p, hive_point_refuse(hive, "raw tracepoint", name, point));
	/* No raw tracepoint here has a record that a program could write to. */
	if (p->max_ctx > points_context(point) || p->type != BPF_PROG_TYPE_RAW_TRACEPOINT)
		return refuse(p, -EINVAL);
	return attach(hive, p, &at);
}

/* @name: what the caller gave, NULL for nothing; @err: of reading it. @p is taken. */
static int open_raw(struct skep_hive *hive, struct hive_prog *p, const char *name, int err, uint64_t cookie)
{
	switch (p->type) {
	case BPF_PROG_TYPE_TRACING:
	case BPF_PROG_TYPE_LSM:
		return name ? refuse(p, -EINVAL) : attach_by_type(hive, p, cookie);
	case BPF_PROG_TYPE_RAW_TRACEPOINT:
	case BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE:
		if (!name || err == -EFAULT)
			return refuse(p, -EFAULT);
		return attach_raw(hive, p, name, cookie);
	default:
		return refuse(p, -EINVAL);
	}
}

int cmd_raw_tracepoint_open(struct bpf_call *call, uint32_t which)
{
	const union bpf_attr *attr = &call->attr;
	struct skep_hive *hive = call->hive;
	uint64_t cookie = attr->batch.keys; /* raw_tracepoint.cookie */
	char name[RAW_NAME] = "";
	struct hive_prog *p;
	int err = 0, ret = 0;

	/* A name that does not end within what is read is none that exists. */
	if (attr->raw_tracepoint.name)
		err = user_read_string(name, attr->raw_tracepoint.name, sizeof(name));
	if (err == -EINVAL)
		strcpy(name, "(too long)");
	pthread_mutex_lock(&hive->lock);
	p = hive_prog_get(hive, (int)attr->raw_tracepoint.prog_fd, &ret);
	if (p && hive->flags & SKEP_CHECK_ONLY)
		ret = refuse(p, -EOPNOTSUPP);
	else if (p)
		ret = open_raw(hive, p, attr->raw_tracepoint.name ? name : NULL, err, cookie);
	pthread_mutex_unlock(&hive->lock);
	return ret;
}
