/* SPDX-License-Identifier: BSD-2-Clause */
#include "deploy/record.h"

#include "base/uapi.h"
#include "base/util.h"
#include "skep/skep.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

const char *record_text(struct json_object *o, const char *key)
{
	struct json_object *v;

	return json_object_object_get_ex(o, key, &v) && json_object_is_type(v, json_type_string)
		       ? json_object_get_string(v)
		       : NULL;
}

uint64_t record_number(struct json_object *o, const char *key)
{
	struct json_object *v;

	return json_object_object_get_ex(o, key, &v) ? json_object_get_uint64(v) : 0;
}

struct json_object *record_attached(struct json_object *record)
{
	struct json_object *v;

	return json_object_object_get_ex(record, "attached", &v) && json_object_is_type(v, json_type_array) ? v : NULL;
}

struct tc_filter record_filter(struct json_object *entry)
{
	struct json_object *f;

	if (!json_object_object_get_ex(entry, "filter", &f))
		return (struct tc_filter){0};
	return (struct tc_filter){.ifindex = (uint32_t)record_number(f, "ifindex"),
				  .handle = (uint32_t)record_number(f, "handle"),
				  .priority = (uint32_t)record_number(f, "priority"),
				  .egress = record_number(f, "egress"),
				  .qdisc = record_number(f, "qdisc")};
}

struct holder record_holder(struct json_object *record)
{
	struct json_object *h;

	if (!json_object_object_get_ex(record, "holder", &h))
		return (struct holder){0};
	return (struct holder){.pid = (pid_t)record_number(h, "pid"), .start = record_number(h, "start")};
}

struct target_opts record_target(struct json_object *record)
{
	struct json_object *p;

	if (!json_object_object_get_ex(record, "place", &p))
		return (struct target_opts){0};
	return (struct target_opts){.netns = record_text(p, "netns"),
				    .cgroup = record_text(p, "cgroup"),
				    .container = record_text(p, "container"),
				    .iface = record_text(p, "iface"),
				    .pid = (pid_t)record_number(p, "pid")};
}

static void put_text(struct json_object *o, const char *key, const char *text)
{
	if (text)
		json_object_object_add(o, key, json_object_new_string(text));
}

static void put_number(struct json_object *o, const char *key, uint64_t n)
{
	json_object_object_add(o, key, json_object_new_uint64(n));
}

static uint64_t inode_of(int fd)
{
	struct stat st;

	return fd < 0 || fstat(fd, &st) ? 0 : st.st_ino;
}

struct json_object *record_new(const char *object, const struct target_opts *named, const struct target *target)
{
	struct json_object *o = json_object_new_object(), *p = json_object_new_object();
	struct stat own;

	put_text(o, "object", object);
	put_text(o, "skep", skep_version());
	put_number(o, "since", (uint64_t)time(NULL));
	put_text(p, "netns", named->netns);
	put_text(p, "cgroup", named->cgroup);
	put_text(p, "container", named->container);
	put_text(p, "iface", named->iface ? named->iface : target->ifindex ? target->ifname : NULL);
	if (named->pid)
		put_number(p, "pid", (uint64_t)named->pid);
	json_object_object_add(o, "place", p);
	put_text(o, "netns", target->netns_name);
	put_number(o, "netns_ino",
		   target->netns >= 0                     ? inode_of(target->netns)
		   : stat("/proc/self/ns/net", &own) == 0 ? own.st_ino
							  : 0);
	put_number(o, "ifindex", target->ifindex);
	put_number(o, "cgroup_id", inode_of(target->cgroup));
	json_object_object_add(o, "attached", json_object_new_array());
	return o;
}

void record_set_holder(struct json_object *record, const struct holder *h)
{
	struct json_object *o = json_object_new_object();

	put_number(o, "pid", (uint64_t)h->pid);
	put_number(o, "start", h->start);
	json_object_object_add(record, "holder", o);
}

void record_add(struct json_object *record, const char *prog, const char *section, uint32_t order,
		const struct attached *a, const char *link)
{
	struct json_object *o = json_object_new_object(), *f;

	put_text(o, "prog", prog);
	put_text(o, "section", section);
	put_text(o, "how", attach_how_name(a->how));
	put_text(o, "at", a->at);
	if (a->how == ATTACH_TC)
		put_number(o, "order", order);
	put_text(o, "link", link);
	if (a->filter.priority) {
		f = json_object_new_object();
		put_number(f, "ifindex", a->filter.ifindex);
		put_number(f, "handle", a->filter.handle);
		put_number(f, "priority", a->filter.priority);
		put_number(f, "egress", a->filter.egress);
		put_number(f, "qdisc", a->filter.qdisc);
		json_object_object_add(o, "filter", f);
	}
	json_object_array_add(record_attached(record), o);
}

uint32_t record_link_id(int fd, uint32_t *prog_id)
{
	struct skep_link_info info = {0};
	uint32_t len = sizeof(info);

	*prog_id = 0;
	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len))
		return 0;
	*prog_id = info.prog_id;
	return info.id;
}

static bool has_qdisc(struct json_object *record, uint32_t ifindex)
{
	struct json_object *list = record_attached(record);

	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		struct tc_filter f = record_filter(json_object_array_get_idx(list, i));

		if (f.priority && f.qdisc && f.ifindex == ifindex)
			return true;
	}
	return false;
}

bool record_qdisc(const struct store *s, uint64_t netns_ino, uint32_t ifindex)
{
	bool found = false;
	char **names;
	int n = store_list(s, false, &names);

	for (int i = 0; i < n && !found; i++) {
		struct json_object *record = store_read(s, names[i]);

		found = record && record_number(record, "netns_ino") == netns_ino && has_qdisc(record, ifindex);
		json_object_put(record);
	}
	if (n >= 0)
		store_list_free(names, n);
	return found;
}

static int read_one(const struct store *s, const char *name, struct known_links *k)
{
	struct json_object *record = store_read(s, name), *list = record ? record_attached(record) : NULL;
	size_t n = list ? json_object_array_length(list) : 0;
	struct known_link *more = realloc(k->of, (k->n + n + 1) * sizeof(*more));

	if (!more) {
		json_object_put(record);
		return -ENOMEM;
	}
	k->of = more;
	for (size_t i = 0; i < n; i++) {
		struct json_object *entry = json_object_array_get_idx(list, i);
		const char *link = record_text(entry, "link");
		struct known_link *to = &k->of[k->n];
		AUTO_CLOSE int fd = link ? store_get(s, name, STORE_LINKS, link) : -1;

		*to = (struct known_link){.order = (int)record_number(entry, "order")};
		to->id = record_link_id(fd, &to->prog_id);
		snprintf(to->owner, sizeof(to->owner), "%s", name);
		if (to->id)
			k->n++;
	}
	json_object_put(record);
	return 0;
}

int known_links_read(const struct store *s, struct known_links *k)
{
	char **names;
	int n = store_list(s, false, &names), err = MIN(n, 0);

	*k = (struct known_links){0};
	for (int i = 0; i < n && !err; i++)
		err = read_one(s, names[i], k);
	if (n >= 0)
		store_list_free(names, n);
	return err;
}

void known_links_free(struct known_links *k)
{
	free(k->of);
	*k = (struct known_links){0};
}

const struct known_link *known_link(const struct known_links *k, uint32_t id)
{
	for (uint32_t i = 0; i < k->n; i++)
		if (k->of[i].id == id)
			return &k->of[i];
	return NULL;
}

bool link_is_attached(int fd)
{
	struct skep_link_info info = {0};
	uint32_t len = sizeof(info);

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len))
		return false;
	switch (info.type) {
	case BPF_LINK_TYPE_XDP:
	case SKEP_LINK_TYPE_TCX:
		return info.ifindex;
	case BPF_LINK_TYPE_CGROUP:
		return info.cgroup.cgroup_id;
	default:
		return true;
	}
}
