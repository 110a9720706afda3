/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end of a deployment: also of one that failed half way, and of the one that another has replaced. All go the same way: what the record names is taken off, but for the
 * places that the deployment which stays has, too.
 */
#include "deploy/end.h"

#include "base/util.h"
#include "deploy/deploy.h"
#include "deploy/record.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What stays: its links, and its filters. */
struct kept {
	const struct store *s;
	const char *name;
	struct json_object *record; /* NULL: nothing stays */
};

static bool same_filter(const struct tc_filter *a, const struct tc_filter *b)
{
	return a->ifindex == b->ifindex && a->handle == b->handle && a->priority == b->priority &&
	       a->egress == b->egress;
}

/* The program that stays in a place, as an fd. Return: -1: the place does not stay; -errno else. */
static int kept_prog(const struct kept *k, uint32_t link_id, const struct tc_filter *filter, bool same_ns)
{
	struct json_object *list = k->record ? record_attached(k->record) : NULL;
	uint32_t ignored;

	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		struct json_object *e = json_object_array_get_idx(list, i);
		const char *link = record_text(e, "link"), *prog = record_text(e, "prog");
		struct tc_filter f = record_filter(e);
		AUTO_CLOSE int fd = link && link_id ? store_get(k->s, k->name, STORE_LINKS, link) : -1;
		bool same = fd >= 0 ? record_link_id(fd, &ignored) == link_id
				    : same_ns && f.priority && filter->priority && same_filter(&f, filter);

		if (same && prog)
			return store_get(k->s, k->name, STORE_PROGS, prog);
	}
	return -1;
}

/* The network namespace that a record is about, as it is now. Return: 0; -ENOENT: it is gone. */
static int enter(struct json_object *record, int *before)
{
	struct target_opts named = record_target(record);
	char why[TARGET_WHY];
	struct target p;
	struct stat st;
	int err;

	/* Only the namespace is wanted, whatever has become of the rest. */
	named.cgroup = named.iface = NULL;
	named.pid = 0;
	*before = -1;
	err = target_find(&p, &named, false, why);
	if (!err && (p.netns >= 0 ? fstat(p.netns, &st) : stat("/proc/self/ns/net", &st)))
		err = -errno;
	if (!err && st.st_ino != record_number(record, "netns_ino"))
		err = -ENOENT;
	if (!err)
		err = target_enter(&p, before);
	target_close(&p);
	return err ? -ENOENT : 0;
}

static int take_off_filter(struct json_object *record, const struct tc_filter *f, const struct kept *k)
{
	bool same_ns = k->record && record_number(record, "netns_ino") == record_number(k->record, "netns_ino");
	AUTO_CLOSE int prog = kept_prog(k, 0, f, same_ns);
	int before, err = enter(record, &before);

	/* With the namespace its interfaces went, and what was on them. */
	if (err)
		return 0;
	if (prog >= 0)
		clsact_update(prog, f);
	else
		clsact_detach(f);
	return target_leave(before);
}

static int take_off_link(const struct store *s, const char *name, const char *link, const struct kept *k)
{
	AUTO_CLOSE int fd = store_get(s, name, STORE_LINKS, link);
	uint32_t was, id = record_link_id(fd, &was);
	AUTO_CLOSE int prog = id ? kept_prog(k, id, &(struct tc_filter){0}, false) : -1;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	if (prog >= 0)
		bpf_link_update(fd, prog, NULL); /* of kinds that cannot be updated none is in both */
	else if (prog == -1)
		bpf_link_detach(fd); /* those that cannot be detached go with their last pin */
	return 0;
}

/* Does any deployment's folder hold this map? */
static bool map_is_used(const struct store *s, const char *but, uint32_t id)
{
	bool used = false;

	for (int half = 0; half < 2 && !used; half++) {
		char **names, **maps;
		int n = store_list(s, half, &names);

		for (int i = 0; i < n && !used; i++) {
			int n_maps = strcmp(names[i], but) ? store_items(s, names[i], STORE_MAPS, &maps) : 0;

			for (int j = 0; j < n_maps && !used; j++) {
				struct bpf_map_info info = {0};
				uint32_t len = sizeof(info);
				AUTO_CLOSE int fd = store_get(s, names[i], STORE_MAPS, maps[j]);

				used = fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &len) && info.id == id;
			}
			if (n_maps > 0)
				store_list_free(maps, n_maps);
		}
		if (n >= 0)
			store_list_free(names, n);
	}
	return used;
}

/* Maps that are pinned by name stay while another deployment has them. */
static void remove_pins(const struct store *s, const char *name, struct json_object *record)
{
	struct json_object *pins;

	if (!json_object_object_get_ex(record, "pins", &pins) || !json_object_is_type(pins, json_type_array))
		return;
	for (size_t i = 0; i < json_object_array_length(pins); i++) {
		const char *path = json_object_get_string(json_object_array_get_idx(pins, i));
		struct bpf_map_info info = {0};
		uint32_t len = sizeof(info);
		AUTO_CLOSE int fd = bpf_obj_get(path);

		if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &len) && !map_is_used(s, name, info.id))
			unlink(path);
	}
}

int discard(const struct store *s, const char *name, const char *keep, char *why)
{
	struct json_object *record = store_read(s, name), *list = record ? record_attached(record) : NULL;
	struct kept k = {.s = s, .name = keep, .record = keep ? store_read(s, keep) : NULL};
	struct holder holder = {0};
	int err = 0;

	for (size_t i = 0; list && i < json_object_array_length(list) && !err; i++) {
		struct json_object *entry = json_object_array_get_idx(list, i);
		const char *link = record_text(entry, "link");
		struct tc_filter f = record_filter(entry);

		if (link)
			err = take_off_link(s, name, link, &k);
		if (f.priority && !err)
			err = take_off_filter(record, &f, &k);
	}
	if (record && !err) {
		holder = record_holder(record);
		hold_end(&holder);
		remove_pins(s, name, record);
	}
	json_object_put(record);
	json_object_put(k.record);
	if (!err)
		err = store_remove(s, name);
	if (err)
		snprintf(why, STORE_WHY, "deployment '%s': take it down: %s", name, strerror(-err));
	return err;
}

int discard_half(const struct store *s, char *why)
{
	char **names;
	int n = store_list(s, true, &names), err = 0;

	if (n < 0)
		return n;
	/* Sorted: NAME~new comes before NAME~old. */
	for (int i = 0; i < n && !err; i++) {
		char name[STORE_NAME], old[STORE_NAME + 8];
		bool is_new = strstr(names[i], "~new") != NULL;

		snprintf(name, sizeof(name), "%.*s", (int)strcspn(names[i], "~"), names[i]);
		snprintf(old, sizeof(old), "%s~old", name);
		/* The old one has gone aside only when the new one was whole. */
		if (!store_exists(s, name) && (!is_new || store_exists(s, old)))
			err = store_rename(s, names[i], name);
		else
			err = discard(s, names[i], store_exists(s, name) ? name : NULL, why);
	}
	store_list_free(names, n);
	return err;
}

int deploy_end(const char *name, char *why)
{
	struct store s;
	int err = store_open(&s, true, why);

	if (!err)
		err = discard_half(&s, why);
	if (!err && (!store_name(name) || !store_exists(&s, name))) {
		snprintf(why, DEPLOY_WHY, "nothing is deployed as '%s'; 'skep list --kernel' shows what is", name);
		err = -ENOENT;
	} else if (!err) {
		err = discard(&s, name, NULL, why);
	}
	store_close(&s);
	return err;
}

/* What the kernel says of a program. */
static void add_prog(struct json_object *entry, int fd)
{
	struct bpf_prog_info info = {0};
	uint32_t len = sizeof(info);

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len))
		return;
	json_object_object_add(entry, "prog_id", json_object_new_uint64(info.id));
	if (info.run_cnt) {
		json_object_object_add(entry, "runs", json_object_new_uint64(info.run_cnt));
		json_object_object_add(entry, "run_ns", json_object_new_uint64(info.run_time_ns));
	}
}

/* Is an interface still there that a link was on? The kernel says 0 for one that is not, and for a cgroup that is gone. */
static void look_at(const struct store *s, const char *name, struct json_object *record, struct json_object *entry)
{
	const char *link = record_text(entry, "link"), *prog = record_text(entry, "prog");
	AUTO_CLOSE int prog_fd = prog ? store_get(s, name, STORE_PROGS, prog) : -1;
	AUTO_CLOSE int fd = link ? store_get(s, name, STORE_LINKS, link) : -1;
	struct tc_filter f = record_filter(entry);
	struct holder h = record_holder(record);
	bool there = false;

	add_prog(entry, prog_fd);
	if (link) {
		uint32_t prog_id, id = record_link_id(fd, &prog_id);

		there = id && link_is_attached(fd);
		if (id)
			json_object_object_add(entry, "link_id", json_object_new_uint64(id));
	} else if (f.priority) {
		int before;

		if (!enter(record, &before)) {
			there = clsact_prog(&f) != 0;
			target_leave(before);
		}
	} else {
		there = hold_lives(&h);
	}
	json_object_object_add(entry, "there", json_object_new_boolean(there));
}

int deploy_list(struct json_object **out, char *why)
{
	struct store s;
	char **names;
	int n, err = store_open(&s, false, why);

	*out = json_object_new_array();
	if (err) {
		store_close(&s);
		return err == -ENOENT ? 0 : err;
	}
	n = store_list(&s, false, &names);
	for (int i = 0; i < n; i++) {
		struct json_object *record = store_read(&s, names[i]), *list = record ? record_attached(record) : NULL;

		if (!record)
			record = json_object_new_object();
		json_object_object_add(record, "name", json_object_new_string(names[i]));
		for (size_t j = 0; list && j < json_object_array_length(list); j++)
			look_at(&s, names[i], record, json_object_array_get_idx(list, j));
		json_object_array_add(*out, record);
	}
	if (n >= 0)
		store_list_free(names, n);
	store_close(&s);
	return MIN(n, 0);
}
