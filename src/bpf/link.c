/* SPDX-License-Identifier: BSD-2-Clause */
/* BPF_LINK_CREATE, BPF_LINK_UPDATE, BPF_LINK_DETACH. link.h has the theory. */
#include "bpf/link.h"

#include "base/util.h"
#include "bpf/cmd.h"
#include "bpf/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

int hive_hook_add(struct skep_hive *hive, struct hive_hook *hook)
{
	int ret = 0;

	pthread_mutex_lock(&hive->lock);
	for (struct hive_hook *h = hive->hooks; h; h = h->next)
		if (h->attach_type == hook->attach_type)
			ret = -EEXIST;
	if (!ret) {
		hook->next = hive->hooks;
		hive->hooks = hook;
	}
	pthread_mutex_unlock(&hive->lock);
	return ret;
}

static void detach(struct hive_link *link);

void hive_hook_remove(struct skep_hive *hive, struct hive_hook *hook)
{
	pthread_mutex_lock(&hive->lock);
	for (struct hive_object *o = hive->objects[HIVE_LINK]; o; o = o->next) {
		struct hive_link *link = container_of(o, struct hive_link, o);

		if (link->hook == hook)
			detach(link);
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
	close(o->fd);
	free(link);
}

static struct hive_link *link_get(struct skep_hive *hive, int fd, int *why)
{
	struct hive_object *o = hive_object_by_fd(hive, fd, HIVE_LINK, why);

	return o ? container_of(o, struct hive_link, o) : NULL;
}

/* Enters a link and attaches it; takes over the reference to @p. */
static int create(struct skep_hive *hive, struct hive_hook *hook, struct hive_prog *p, const union bpf_attr *attr)
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
	link->link_type = hook->link_type;
	link->attach_type = hook->attach_type;
	link->target = attr->link_create.target_ifindex;
	link->flags = attr->link_create.flags;
	hive_object_hold(&link->o);
	ret = hook->attach(hook, link, link->target);
	if (!ret) {
		link->hook = hook;
		ret = hive_object_open(&link->o, O_RDWR);
	}
	hive_object_put(&link->o);
	return ret;
}

int cmd_link_create(struct bpf_call *call, uint32_t which)
{
	struct skep_hive *hive = call->hive;
	const union bpf_attr *attr = &call->attr;
	struct hive_hook *hook;
	struct hive_prog *p;
	int ret = 0;

	pthread_mutex_lock(&hive->lock);
	p = hive_prog_get(hive, (int)attr->link_create.prog_fd, &ret);
	if (!p)
		goto out;
	if (hive->flags & SKEP_CHECK_ONLY) {
		hive_object_put(&p->o);
		ret = -EOPNOTSUPP;
		goto out;
	}
	for (hook = hive->hooks; hook; hook = hook->next)
		if (hook->attach_type == attr->link_create.attach_type)
			break;
	if (hook) {
		ret = create(hive, hook, p, attr);
	} else {
		hive_log(hive, SKEP_LOG_WARN, "program '%s': nothing in this hive serves attach type %u", p->name,
			 attr->link_create.attach_type);
		hive_object_put(&p->o);
		ret = -EINVAL;
	}
out:
	pthread_mutex_unlock(&hive->lock);
	return ret;
}

static void put_prog(void *arg)
{
	hive_object_put(arg);
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
	else if (p->type != old->type || p->expected_attach_type != old->expected_attach_type)
		ret = -EINVAL;
	if (!ret) {
		atomic_store(&link->prog, p);
		p = NULL; /* the link's now */
		quiesce_retire(&hive->quiesce, &hive->workers[0].reader, hive->n_cpus, sizeof(hive->workers[0]),
			       put_prog, &old->o);
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
		hive_object_put(&link->o);
	}
	pthread_mutex_unlock(&hive->lock);
	return ret;
}

int hive_link_info(struct hive_object *o, struct bpf_link_info *info)
{
	struct hive_link *link = container_of(o, struct hive_link, o);

	memset(info, 0, sizeof(*info));
	info->id = o->id;
	info->prog_id = atomic_load(&link->prog)->o.id;
	info->type = link->link_type;
	/* As in the kernel: one that is detached is nowhere any more. */
	switch (link->link_type) {
	case BPF_LINK_TYPE_XDP:
		info->xdp.ifindex = link->hook ? link->target : 0;
		break;
	case BPF_LINK_TYPE_TRACING:
		info->tracing.attach_type = link->attach_type;
		break;
	case BPF_LINK_TYPE_CGROUP:
		info->cgroup.cgroup_id = link->hook ? link->target : 0;
		info->cgroup.attach_type = link->attach_type;
		break;
	case SKEP_LINK_TYPE_TCX:
	case BPF_LINK_TYPE_UNSPEC: {
		/* struct bpf_link_info's tcx: ifindex, attach_type. */
		const uint32_t tcx[2] = {link->hook ? link->target : 0, link->attach_type};

		memcpy(&info->xdp, tcx, sizeof(tcx));
		break;
	}
	case BPF_LINK_TYPE_NETNS:
		info->netns.attach_type = link->attach_type;
		break;
	}
	return 0;
}
