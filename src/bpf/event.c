/* SPDX-License-Identifier: BSD-2-Clause */
#include "bpf/event.h"

#include "base/usermem.h"
#include "base/util.h"
#include "bpf/cmd.h"
#include "bpf/fd.h"
#include "bpf/link.h"
#include "prog/points.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <string.h>

enum {
	ATTR_MAX = 4096, /* bytes of a struct perf_event_attr that the kernel looks at */
	NAME_MAX_LEN = 512, /* of a function, KSYM_NAME_LEN */
};

void hive_event_detach(struct hive_object *o)
{
	struct hive_event *e = container_of(o, struct hive_event, o);
	struct hive_link *own = e->own;

	if (!own)
		return;
	e->own = NULL;
	hive_link_detach(&own->o);
	hive_object_put(&own->o);
}

void hive_event_free(struct hive_object *o)
{
	if (o->fd >= 0)
		close(o->fd);
	free(container_of(o, struct hive_event, o));
}

int hive_point_refuse(const struct skep_hive *hive, const char *what, const char *name, const struct hook_point *point)
{
	if (point) {
		hive_log(hive, SKEP_LOG_WARN, "%s '%s' is not served: %s", what, name, point->why);
		return -EOPNOTSUPP;
	}
	hive_log(hive, SKEP_LOG_WARN, "there is no %s '%s' here: skep list hooks shows those that there are", what,
		 name);
	return -ENOENT;
}

/* As the kernel's perf_copy_attr(): a shorter struct is an older one, and of a longer one the end must be zero. */
static int read_attr(uint64_t from, struct perf_event_attr *attr)
{
	uint8_t bytes[ATTR_MAX];
	uint32_t size;

	if (user_read(&size, from + offsetof(struct perf_event_attr, size), sizeof(size)))
		return -EFAULT;
	if (!size)
		size = PERF_ATTR_SIZE_VER0;
	if (size < PERF_ATTR_SIZE_VER0 || size > sizeof(bytes))
		return -E2BIG;
	if (user_read(bytes, from, size))
		return -EFAULT;
	for (uint32_t i = sizeof(*attr); i < size; i++)
		if (bytes[i])
			return -E2BIG;
	memset(attr, 0, sizeof(*attr));
	memcpy(attr, bytes, MIN(size, sizeof(*attr)));
	return 0;
}

static int open_event(struct skep_hive *hive, const struct hook_point *point, bool on_return)
{
	struct hive_event *e = calloc(1, sizeof(*e));
	int fd, ret;

	if (!e)
		return -ENOMEM;
	e->point = point;
	e->on_return = on_return;
	fd = hive_memfd("event", "", NULL, 0);
	pthread_mutex_lock(&hive->lock);
	ret = hive_object_publish(hive, &e->o, HIVE_EVENT, fd, O_RDWR);
	pthread_mutex_unlock(&hive->lock);
	return ret;
}

static int open_tracepoint(struct skep_hive *hive, const struct perf_event_attr *attr)
{
	const struct hook_point *point = attr->config <= UINT32_MAX ? points_by_id((uint32_t)attr->config) : NULL;

	if (!point)
		return -EINVAL;
	return point->truth == POINT_ABSENT ? hive_point_refuse(hive, "tracepoint", point->name, point)
					    : open_event(hive, point, false);
}

static int open_kprobe(struct skep_hive *hive, const struct perf_event_attr *attr)
{
	const struct hook_point *point;
	char name[NAME_MAX_LEN];
	int len;

	if (!attr->config1) {
		hive_log(hive, SKEP_LOG_WARN, "kprobe at %#llx: here functions have names, not addresses",
			 (unsigned long long)attr->config2);
		return -ENOENT;
	}
	len = user_read_string(name, attr->config1, sizeof(name));
	if (len < 0)
		return len == -EINVAL ? -E2BIG : len;
	point = points_find(POINT_FUNCTION, name);
	if (!point || point->truth == POINT_ABSENT)
		return hive_point_refuse(hive, "function", name, point);
	if (attr->config2) {
		hive_log(hive, SKEP_LOG_WARN, "kprobe at %s+%#llx: only a function's begin and end can be probed", name,
			 (unsigned long long)attr->config2);
		return -EOPNOTSUPP;
	}
	return open_event(hive, point, attr->config >> PMU_RETPROBE_BIT & 1);
}

int hive_perf_event_open(struct skep_hive *hive, uint64_t from, int pid, int cpu)
{
	struct perf_event_attr attr;
	int err = hive->far ? 0 : read_attr(from, &attr);
	bool no_cpu = cpu < 0 || (uint32_t)cpu >= hive->n_cpus;

	if (hive->far)
		return hive->far->perf_event_open(hive->far->arg, from, pid, cpu);
	if (err)
		return err;
	if (attr.type == PERF_TYPE_SOFTWARE && attr.config == PERF_COUNT_SW_BPF_OUTPUT)
		return no_cpu ? -ENODEV : hive_open_perf(hive, (uint32_t)cpu);
	if (no_cpu && (pid == -1 || cpu != -1))
		return -EINVAL;
	switch (attr.type) {
	case PERF_TYPE_TRACEPOINT:
		return open_tracepoint(hive, &attr);
	case PMU_KPROBE:
		return open_kprobe(hive, &attr);
	case PMU_UPROBE:
		hive_log(hive, SKEP_LOG_WARN, "uprobes are not served: nothing here stops a task at its own functions");
		return -EOPNOTSUPP;
	default:
		hive_log(hive, SKEP_LOG_WARN, "perf event of type %u: nothing here counts or samples", attr.type);
		return -EOPNOTSUPP;
	}
}

/* The kernel's perf_event_set_bpf_prog(): may it stand there? */
static int check_prog(const struct hive_event *e, const struct hive_prog *p)
{
	bool tracepoint = e->point->kind == POINT_TRACEPOINT;

	if (p->type != (tracepoint ? BPF_PROG_TYPE_TRACEPOINT : BPF_PROG_TYPE_KPROBE) || p->flags & BPF_F_SLEEPABLE)
		return -EINVAL;
	if (tracepoint && p->max_ctx > points_context(e->point))
		return -EACCES;
	if (p->overrides && (e->on_return || !points_overrides(e->point))) {
		hive_log(e->o.hive, SKEP_LOG_WARN,
			 "program '%s' calls bpf_override_return(), which works at the begin of system calls only "
			 "(ksyscall/...), not at %s%s",
			 p->name, e->on_return ? "the return of " : "", e->point->name);
		return -EINVAL;
	}
	return e->link ? -EEXIST : 0;
}

/* Puts a program on an event; @p is taken. hive->lock is held. */
static int attach(struct hive_event *e, struct hive_prog *p, uint64_t cookie, struct hive_link **out)
{
	const struct link_place at = {
		.attach_type = BPF_PERF_EVENT,
		.point = e->point,
		.on_return = e->on_return,
		.cookie = cookie,
	};
	int err = check_prog(e, p);

	if (err) {
		hive_object_put(&p->o);
		return err;
	}
	err = hive_link_make(e->o.hive, p, &at, out);
	if (err)
		return err;
	(*out)->event = e;
	e->link = *out;
	return 0;
}

static int set_bpf(struct hive_event *e, int prog_fd)
{
	struct hive_link *link;
	int err = 0;
	struct hive_prog *p = hive_prog_get(e->o.hive, prog_fd, &err);

	if (p)
		err = attach(e, p, 0, &link);
	if (!err)
		e->own = link;
	return err;
}

int hive_event_ioctl(struct hive_object *o, unsigned long request, int arg)
{
	int ret;

	if (o->kind != HIVE_EVENT && o->kind != HIVE_PERF)
		return -ENOTTY;
	switch (request) {
	case PERF_EVENT_IOC_ENABLE:
	case PERF_EVENT_IOC_DISABLE:
		return 0;
	case PERF_EVENT_IOC_SET_BPF:
		if (o->kind == HIVE_PERF)
			return -EOPNOTSUPP;
		pthread_mutex_lock(&o->hive->lock);
		ret = set_bpf(container_of(o, struct hive_event, o), arg);
		pthread_mutex_unlock(&o->hive->lock);
		return ret;
	default:
		return -EOPNOTSUPP;
	}
}

int hive_event_link(struct bpf_call *call, struct hive_prog *p)
{
	const union bpf_attr *attr = &call->attr;
	struct skep_hive *hive = call->hive;
	struct hive_object *o = NULL;
	struct hive_link *link;
	int ret = -EINVAL, why;

	if (!attr->link_create.flags) {
		o = hive_object_by_fd(hive, (int)attr->link_create.target_fd, -1, &why);
		ret = o && o->kind == HIVE_PERF ? -EINVAL : -EBADF;
	}
	if (!o || o->kind != HIVE_EVENT) {
		hive_object_put(&p->o);
	} else {
		ret = attach(container_of(o, struct hive_event, o), p, attr->link_create.perf_event.bpf_cookie, &link);
		if (!ret) {
			hive_object_hold(o);
			link->holds = o;
			ret = hive_link_open(link);
		}
	}
	if (o)
		hive_object_put(o);
	return ret;
}
