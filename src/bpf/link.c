/* SPDX-License-Identifier: BSD-2-Clause */
/* BPF_LINK_CREATE, BPF_LINK_UPDATE, BPF_LINK_DETACH. link.h has the theory. */
#include "bpf/link.h"

#include "base/util.h"
#include "bpf/cmd.h"
#include "bpf/event.h"
#include "bpf/fd.h"
#include "prog/points.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* Types of Linux are below 64; skep's own may be any. */
bool hive_hook_serves(const struct hive_hook *h, uint32_t type)
{
	return h->attach_type == type || (type < 64 && h->also >> type & 1);
}

int hive_hook_add(struct skep_hive *hive, struct hive_hook *hook)
{
	int ret = 0;

	pthread_mutex_lock(&hive->lock);
	for (struct hive_hook *h = hive->hooks; h; h = h->next)
		if (hive_hook_serves(h, hook->attach_type) || hive_hook_serves(hook, h->attach_type) ||
		    (h->also & hook->also))
			ret = -EEXIST;
	if (!ret) {
		hook->next = hive->hooks;
		hive->hooks = hook;
	}
	pthread_mutex_unlock(&hive->lock);
	return ret;
}

static void detach(struct hive_link *link);

static struct hive_link *attached_to(const struct skep_hive *hive, const struct hive_hook *hook)
{
	for (struct hive_object *o = hive->objects[HIVE_LINK]; o; o = o->next) {
		struct hive_link *link = container_of(o, struct hive_link, o);

		if (link->hook == hook)
			return link;
	}
	return NULL;
}

void hive_hook_remove(struct skep_hive *hive, struct hive_hook *hook)
{
	struct hive_link *link;

	pthread_mutex_lock(&hive->lock);
	/* What the hook lets go may be the last that held a link: it leaves the table then. */
	while ((link = attached_to(hive, hook))) {
		hive_object_hold(&link->o);
		detach(link);
		hive_object_put(&link->o);
	}
	for (struct hive_hook **h = &hive->hooks; *h; h = &(*h)->next)
		if (*h == hook) {
			*h = hook->next;
			break;
		}
	pthread_mutex_unlock(&hive->lock);
}

static void detach(struct hive_link *link)
{
	if (link->hook)
		link->hook->detach(link->hook, link);
	link->hook = NULL;
	if (link->event)
		link->event->link = NULL;
	link->event = NULL;
}

void hive_link_detach(struct hive_object *o)
{
	detach(container_of(o, struct hive_link, o));
}

void hive_link_free(struct hive_object *o)
{
	struct hive_link *link = container_of(o, struct hive_link, o);
	struct hive_prog *p = atomic_load(&link->prog);

	if (p)
		hive_object_put(&p->o);
	if (link->holds)
		hive_object_put(link->holds);
	close(o->fd);
	free(link);
}

static struct hive_link *link_get(struct skep_hive *hive, int fd, int *why)
{
	struct hive_object *o = hive_object_by_fd(hive, fd, HIVE_LINK, why);

	return o ? container_of(o, struct hive_link, o) : NULL;
}

/* The hook for an attach type; NULL: there is none, and the log says so. */
static struct hive_hook *find_hook(struct skep_hive *hive, const struct hive_prog *p, const struct link_place *at)
{
	struct hive_hook *h = hive->hooks;
	char reserve[POINT_RESERVE];

	while (h && !hive_hook_serves(h, at->attach_type))
		h = h->next;
	if (!h && at->point)
		hive_log(hive, SKEP_LOG_WARN,
			 "program '%s': %s '%s': this hive sees no tasks; one of skep run --reserve %s does", p->name,
			 points_kind_name(at->point->kind), at->point->name,
			 points_reserve(at->point, at->on_return || at->point->event == POINT_ON_RETURN, reserve));
	else if (!h)
		hive_log(hive, SKEP_LOG_WARN, "program '%s': nothing in this hive serves attach type %u", p->name,
			 at->attach_type);
	return h;
}

/* What kind of link the kernel makes for the attach type of a point. */
static uint32_t point_link_type(uint32_t attach_type)
{
	switch (attach_type) {
	case BPF_PERF_EVENT:
		return BPF_LINK_TYPE_PERF_EVENT;
	case BPF_TRACE_RAW_TP:
		return BPF_LINK_TYPE_RAW_TRACEPOINT;
	default:
		return BPF_LINK_TYPE_TRACING;
	}
}

/* A link that is in the table and nowhere attached; it has the reference to @p in any case. */
static int enter(struct skep_hive *hive, struct hive_prog *p, const struct link_place *at, struct hive_link **out)
{
	struct hive_link *link = calloc(1, sizeof(*link));
	int fd = link ? hive_memfd("link", p->name, NULL, 0) : -ENOMEM;
	int ret = fd < 0 ? fd : hive_object_add(hive, &link->o, HIVE_LINK, fd);

	if (ret) {
		if (fd >= 0)
			close(fd);
		free(link);
		hive_object_put(&p->o);
		return ret;
	}
	atomic_init(&link->prog, p);
	link->attach_type = at->attach_type;
	link->target = at->target;
	link->flags = at->flags;
	link->point = at->point;
	link->on_return = at->on_return;
	link->cookie = at->cookie;
	hive_object_hold(&link->o);
	*out = link;
	return 0;
}

int hive_link_make(struct skep_hive *hive, struct hive_prog *p, const struct link_place *at, struct hive_link **out)
{
	struct hive_hook *hook = find_hook(hive, p, at);
	struct hive_link *link;
	int ret;

	if (!hook) {
		hive_object_put(&p->o);
		return at->point ? -EOPNOTSUPP : -EINVAL;
	}
	ret = enter(hive, p, at, &link);
	if (ret)
		return ret;
	link->link_type = at->point ? point_link_type(at->attach_type) : hook->link_type;
	ret = hook->attach(hook, link, link->target);
	if (ret) {
		hive_object_put(&link->o);
		return ret;
	}
	link->hook = hook;
	*out = link;
	return 0;
}

int hive_link_open(struct hive_link *link)
{
	int fd = hive_object_open(&link->o, O_RDWR);

	hive_object_put(&link->o);
	return fd;
}

/* LINK_CREATE for programs on anything but tasks; @p is taken. */
static int create(struct skep_hive *hive, struct hive_prog *p, const union bpf_attr *attr)
{
	const struct link_place at = {
		.attach_type = attr->link_create.attach_type,
		.target = attr->link_create.target_ifindex,
		.flags = attr->link_create.flags,
	};
	struct hive_link *link;
	int err;

	/* The program is of a type that has no such places. */
	if (at.attach_type < 64 && POINT_ATTACH_TYPES >> at.attach_type & 1) {
		hive_object_put(&p->o);
		return -EINVAL;
	}
	/* Beside a program that wants to be the only one there is no place. */
	err = hive_attached_alone(hive, at.attach_type) ? -EPERM : 0;
	if (err)
		hive_object_put(&p->o);
	else
		err = hive_link_make(hive, p, &at, &link);
	return err ? err : hive_link_open(link);
}

/* Programs on perf events: other attach types are either not theirs or not served. @p is taken. */
static int create_on_event(struct bpf_call *call, struct hive_prog *p)
{
	uint32_t type = call->attr.link_create.attach_type;
	bool multi = p->type == BPF_PROG_TYPE_KPROBE && type == BPF_TRACE_KPROBE_MULTI;

	if (type == BPF_PERF_EVENT)
		return hive_event_link(call, p);
	if (multi)
		hive_log(call->hive, SKEP_LOG_WARN,
			 "program '%s': kprobe.multi is not served; attach it to each function as a kprobe", p->name);
	hive_object_put(&p->o);
	return multi ? -EOPNOTSUPP : -EINVAL;
}

int cmd_link_create(struct bpf_call *call, uint32_t which)
{
	struct skep_hive *hive = call->hive;
	struct hive_prog *p;
	int ret = 0;

	pthread_mutex_lock(&hive->lock);
	p = hive_prog_get(hive, (int)call->attr.link_create.prog_fd, &ret);
	if (!p)
		goto out;
	if (hive->flags & SKEP_CHECK_ONLY) {
		hive_object_put(&p->o);
		ret = -EOPNOTSUPP;
		goto out;
	}
	switch (p->type) {
	case BPF_PROG_TYPE_KPROBE:
	case BPF_PROG_TYPE_TRACEPOINT:
	case BPF_PROG_TYPE_PERF_EVENT:
		ret = create_on_event(call, p);
		break;
	case BPF_PROG_TYPE_TRACING:
	case BPF_PROG_TYPE_LSM:
		ret = hive_link_traced(call, p);
		break;
	default:
		ret = create(hive, p, &call->attr);
	}
out:
	pthread_mutex_unlock(&hive->lock);
	return ret;
}

static void put_prog(void *arg)
{
	hive_object_put(arg);
}

void hive_link_replace(struct hive_link *link, struct hive_prog *p)
{
	struct skep_hive *hive = link->o.hive;
	struct hive_prog *old = atomic_exchange(&link->prog, p);

	quiesce_retire(&hive->quiesce, &hive->workers[0].reader, hive->n_cpus, sizeof(hive->workers[0]), put_prog,
		       &old->o);
}

/* May a program take the place of a link's? */
static bool may_replace(const struct hive_link *link, const struct hive_prog *old, const struct hive_prog *p)
{
	return p->type == old->type && p->expected_attach_type == old->expected_attach_type &&
	       p->attach_btf_id == old->attach_btf_id && p->traces_prog == old->traces_prog &&
	       (!link->point || p->type == BPF_PROG_TYPE_KPROBE || p->max_ctx <= points_context(link->point)) &&
	       (!p->overrides || (link->point && points_overrides(link->point) && !link->on_return));
}

int cmd_link_update(struct bpf_call *call, uint32_t which)
{
	struct skep_hive *hive = call->hive;
	const union bpf_attr *attr = &call->attr;
	struct hive_prog *expected = NULL;
	struct hive_prog *old, *p = NULL;
	struct hive_link *link;
	int ret = 0;

	if ((attr->link_update.flags & ~(uint32_t)BPF_F_REPLACE) ||
	    (!(attr->link_update.flags & BPF_F_REPLACE) && attr->link_update.old_prog_fd))
		return -EINVAL;
	pthread_mutex_lock(&hive->lock);
	link = link_get(hive, (int)attr->link_update.link_fd, &ret);
	if (!link)
		goto out;
	p = hive_prog_get(hive, (int)attr->link_update.new_prog_fd, &ret);
	if (p && (attr->link_update.flags & BPF_F_REPLACE))
		expected = hive_prog_get(hive, (int)attr->link_update.old_prog_fd, &ret);
	if (!p || ret)
		goto put;
	old = atomic_load(&link->prog);
	if (!link->hook)
		ret = -ENOLINK;
	else if (expected && expected != old)
		ret = -EPERM;
	else if (!may_replace(link, old, p))
		ret = -EINVAL;
	if (!ret) {
		hive_link_replace(link, p);
		p = NULL; /* the link's now */
	}
put:
	if (expected)
		hive_object_put(&expected->o);
	if (p)
		hive_object_put(&p->o);
	hive_object_put(&link->o);
out:
	pthread_mutex_unlock(&hive->lock);
	return ret;
}

int cmd_link_detach(struct bpf_call *call, uint32_t which)
{
	struct skep_hive *hive = call->hive;
	struct hive_link *link;
	int ret = 0;

	pthread_mutex_lock(&hive->lock);
	link = link_get(hive, (int)call->attr.link_detach.link_fd, &ret);
	if (link) {
		detach(link);
		hive_link_release(link);
		hive_object_put(&link->o);
	}
	pthread_mutex_unlock(&hive->lock);
	return ret;
}
