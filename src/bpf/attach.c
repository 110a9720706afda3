/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BPF_PROG_ATTACH, BPF_PROG_DETACH, BPF_PROG_QUERY: programs on cgroups, as they were attached before there were links (bpftool cgroup).
 *
 * What is attached so is a link that the hive itself holds, until it is detached or the hive ends; so hooks know nothing of it. The rules of who
 * may stand beside whom are the kernel's __cgroup_bpf_attach(): one program, which the next replaces, or with BPF_F_ALLOW_MULTI many, as links are
 * attached, too. All of a tree is one cgroup: which one is named makes no difference.
 */
#include "base/usermem.h"
#include "base/util.h"
#include "bpf/caller.h"
#include "bpf/cmd.h"
#include "bpf/fd.h"
#include "bpf/link.h"
#include "prog/rules.h"

#include <errno.h>

enum {
	SAVED_FLAGS = BPF_F_ALLOW_OVERRIDE | BPF_F_ALLOW_MULTI,
	ALL_FLAGS = SAVED_FLAGS | BPF_F_REPLACE,
	CGROUP_PROGS = 64, /* BPF_CGROUP_MAX_PROGS */
};

/* What stands at an attach type. @held: of it, the last one that PROG_ATTACH put there with the program, or with any (@p NULL). */
static uint32_t standing(struct skep_hive *hive, uint32_t attach_type, const struct hive_prog *p, uint32_t *flags,
			 struct hive_link **held)
{
	uint32_t n = 0;

	*flags = 0;
	*held = NULL;
	for (struct hive_object *o = hive->objects[HIVE_LINK]; o; o = o->next) {
		struct hive_link *link = container_of(o, struct hive_link, o);

		if (!link->hook || link->attach_type != attach_type)
			continue;
		n++;
		*flags = link->held ? link->held_flags & SAVED_FLAGS : (uint32_t)BPF_F_ALLOW_MULTI;
		if (link->held && (!p || atomic_load(&link->prog) == p))
			*held = link;
	}
	return n;
}

bool hive_attached_alone(struct skep_hive *hive, uint32_t attach_type)
{
	struct hive_link *held;
	uint32_t flags, n = standing(hive, attach_type, NULL, &flags, &held);

	return n && !(flags & BPF_F_ALLOW_MULTI);
}

/* Is the attach type a cgroup's, and served? */
static int check_served(const struct skep_hive *hive, uint32_t attach_type, int cgroup_fd)
{
	struct caller_fd file;

	for (const struct hive_hook *h = hive->hooks; h; h = h->next)
		if (h->link_type == BPF_LINK_TYPE_CGROUP && hive_hook_serves(h, attach_type))
			return caller_find(cgroup_fd, &file);
	return -EINVAL;
}

/* The kernel's find_attach_entry(): the link whose program gives way to @p; NULL: none does, @p is one more. */
static int find_entry(const union bpf_attr *attr, struct skep_hive *hive, const struct hive_prog *p,
		      struct hive_link **out)
{
	uint32_t flags, n = standing(hive, attr->attach_type, NULL, &flags, out);
	struct hive_prog *old = NULL;
	int err = 0;

	if (n && flags != (attr->attach_flags & SAVED_FLAGS))
		return -EPERM;
	if (n >= CGROUP_PROGS)
		return -E2BIG;
	if (!(attr->attach_flags & BPF_F_ALLOW_MULTI))
		return 0;
	standing(hive, attr->attach_type, p, &flags, out);
	if (*out) /* it is there already */
		return -EINVAL;
	if (!(attr->attach_flags & BPF_F_REPLACE))
		return 0;
	old = hive_prog_get(hive, (int)attr->replace_bpf_fd, &err);
	if (!old)
		return err;
	standing(hive, attr->attach_type, old, &flags, out);
	hive_object_put(&old->o);
	return *out ? 0 : -ENOENT;
}

/* @p is taken. */
static int attach(struct skep_hive *hive, const union bpf_attr *attr, struct hive_prog *p)
{
	const struct link_place at = {.attach_type = attr->attach_type};
	struct hive_link *link;
	int err = check_served(hive, attr->attach_type, (int)attr->target_fd);

	if (err == -EINVAL)
		hive_log(hive, SKEP_LOG_WARN, "program '%s': nothing in this hive serves attach type %u by PROG_ATTACH",
			 p->name, attr->attach_type);
	if (!err && (prog_attach_type_check(p->type, attr->attach_type) ||
		     (p->type != BPF_PROG_TYPE_CGROUP_SKB && p->expected_attach_type != attr->attach_type)))
		err = -EINVAL;
	if (!err)
		err = find_entry(attr, hive, p, &link);
	if (err) {
		hive_object_put(&p->o);
		return err;
	}
	if (link)
		hive_link_replace(link, p);
	else
		err = hive_link_make(hive, p, &at, &link);
	if (err)
		return err;
	link->held = true;
	link->held_flags = attr->attach_flags & ~(uint32_t)BPF_F_REPLACE;
	return 0;
}

int cmd_prog_attach(struct bpf_call *call, uint32_t which)
{
	const union bpf_attr *attr = &call->attr;
	uint32_t flags = attr->attach_flags;
	struct skep_hive *hive = call->hive;
	struct hive_prog *p;
	int ret = 0;

	if (flags & ~(uint32_t)ALL_FLAGS || (flags & SAVED_FLAGS) == SAVED_FLAGS ||
	    ((flags & BPF_F_REPLACE) && !(flags & BPF_F_ALLOW_MULTI)) ||
	    (attr->replace_bpf_fd && !(flags & BPF_F_REPLACE)))
		return -EINVAL;
	pthread_mutex_lock(&hive->lock);
	p = hive_prog_get(hive, (int)attr->attach_bpf_fd, &ret);
	if (p && hive->flags & SKEP_CHECK_ONLY) {
		hive_object_put(&p->o);
		ret = -EOPNOTSUPP;
	} else if (p) {
		ret = attach(hive, attr, p);
	}
	pthread_mutex_unlock(&hive->lock);
	return ret;
}

void hive_link_release(struct hive_link *link)
{
	if (!link->held)
		return;
	link->held = false;
	hive_link_detach(&link->o);
	hive_object_put(&link->o);
}

int cmd_prog_detach(struct bpf_call *call, uint32_t which)
{
	const union bpf_attr *attr = &call->attr;
	struct skep_hive *hive = call->hive;
	struct hive_prog *p = NULL;
	struct hive_link *link = NULL;
	uint32_t flags, n;
	int ret;

	if (attr->attach_flags || attr->replace_bpf_fd)
		return -EINVAL;
	pthread_mutex_lock(&hive->lock);
	ret = check_served(hive, attr->attach_type, (int)attr->target_fd);
	if (!ret) {
		int why;

		p = hive_prog_get(hive, (int)attr->attach_bpf_fd, &why);
		n = standing(hive, attr->attach_type, NULL, &flags, &link);
		/* Where there can be but one it need not be named; of many it must be. */
		if (n && flags & BPF_F_ALLOW_MULTI) {
			link = NULL;
			if (p)
				standing(hive, attr->attach_type, p, &flags, &link);
			ret = p ? 0 : -EINVAL;
		}
	}
	if (!ret && !link)
		ret = -ENOENT;
	if (!ret)
		hive_link_release(link);
	if (p)
		hive_object_put(&p->o);
	pthread_mutex_unlock(&hive->lock);
	return ret;
}

/* Ids of the programs at an attach type, in the order of attachment, and the flags that each was attached with. */
static uint32_t list(struct skep_hive *hive, uint32_t attach_type, uint32_t ids[], uint32_t flags[], uint32_t room)
{
	uint32_t n = 0;

	for (struct hive_object *o = hive->objects[HIVE_LINK]; o && n < room; o = o->next) {
		struct hive_link *link = container_of(o, struct hive_link, o);

		if (!link->hook || link->attach_type != attach_type)
			continue;
		ids[n] = atomic_load(&link->prog)->o.id;
		flags[n++] = link->held ? link->held_flags : 0;
	}
	return n;
}

int cmd_prog_query(struct bpf_call *call, uint32_t which)
{
	union bpf_attr *attr = &call->attr;
	struct skep_hive *hive = call->hive;
	uint32_t room = attr->query.prog_cnt, ids[CGROUP_PROGS], flags[CGROUP_PROGS], n, saved;
	bool effective = attr->query.query_flags & BPF_F_QUERY_EFFECTIVE;
	struct hive_link *held;
	int ret;

	if (attr->query.query_flags & ~(uint32_t)BPF_F_QUERY_EFFECTIVE || (effective && attr->query.prog_attach_flags))
		return -EINVAL;
	pthread_mutex_lock(&hive->lock);
	ret = check_served(hive, attr->query.attach_type, (int)attr->query.target_fd);
	standing(hive, attr->query.attach_type, NULL, &saved, &held);
	n = list(hive, attr->query.attach_type, ids, flags, CGROUP_PROGS);
	pthread_mutex_unlock(&hive->lock);
	if (ret)
		return ret;
	attr->query.attach_flags = effective ? 0 : saved;
	attr->query.prog_cnt = n;
	if (call_write_back(call, query.attach_flags) || call_write_back(call, query.prog_cnt))
		return -EFAULT;
	if (!room || !attr->query.prog_ids || !n)
		return 0;
	if (user_write(attr->query.prog_ids, ids, MIN(room, n) * sizeof(ids[0])) ||
	    (attr->query.prog_attach_flags &&
	     user_write(attr->query.prog_attach_flags, flags, MIN(room, n) * sizeof(flags[0]))))
		return -EFAULT;
	return room < n ? -ENOSPC : 0;
}
