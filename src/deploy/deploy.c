/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The course of a deployment.
 *
 *   find      the places that were named, the object's programs and how each is attached, what there is already
 *   load      the object, by libbpf; of what is replaced the maps go on
 *   attach    one program after the other; each place is pinned and written down under NAME~new as soon as it is there
 *   commit    NAME~new becomes NAME; what had the name is taken down
 *
 * A place that what is replaced has, too, is not left and taken again: its link gets the new program, between two packets. Of events whose links cannot be updated the new
 * program sees them before the old one has stopped: some are seen twice, none by nobody.
 *
 * Whatever fails, what stands under NAME~new is discarded (end.h), the same way as when the command is killed half way and another one comes upon it; and places that were
 * updated get back the program that NAME has pinned. Signals that would end the command wait.
 */
#include "deploy/deploy.h"

#include "base/printable.h"
#include "base/util.h"
#include "bpf/hive.h"
#include "bpf/object.h"
#include "deploy/end.h"
#include "deploy/hold.h"
#include "deploy/record.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct course {
	const struct deploy_opts *o;
	char *why;
	struct store store;
	char name[STORE_NAME], fresh[STORE_NAME + 8], aside[STORE_NAME + 8];
	struct target_opts named; /* the user's, or those of what is replaced */
	struct target target;
	bool placed;
	int netns_before;
	struct skep_hive *hive;
	struct skep_object *obj;
	struct json_object *old, *record; /* of what is replaced, NULL; of what is made */
	struct known_links known;
	struct attach_opts attach;
	struct attached held[ATTACH_MAX]; /* what a process must hold */
	int n_held;
};

/* c->why, printf-like. Return: @err. */
__attribute__((format(printf, 3, 4))) static int say(const struct course *c, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->why, DEPLOY_WHY, fmt, ap);
	va_end(ap);
	return err;
}

static int order_of(void *arg, uint32_t id)
{
	const struct known_link *k = known_link(&((struct course *)arg)->known, id);

	return k ? k->order : -1;
}

static const char *owner_of(void *arg, uint32_t id)
{
	const struct known_link *k = known_link(&((struct course *)arg)->known, id);

	return k ? k->owner : NULL;
}

static int find_name(struct course *c)
{
	if (c->o->name)
		snprintf(c->name, sizeof(c->name), "%s", store_name(c->o->name) ? c->o->name : "");
	else
		store_name_of(c->o->object, c->name);
	if (!*c->name)
		return say(c, -EINVAL,
			   "'%s' is no name for a deployment: letters, digits, '-' and '_', at most %d (--name)",
			   c->o->name ? c->o->name : c->o->object, (int)(STORE_NAME - sizeof("~new")));
	snprintf(c->fresh, sizeof(c->fresh), "%s~new", c->name);
	snprintf(c->aside, sizeof(c->aside), "%s~old", c->name);
	if (!store_exists(&c->store, c->name))
		return c->o->replace ? say(c, -ENOENT,
					   "nothing is deployed as '%s' that could be replaced; 'skep list --kernel' "
					   "shows what is",
					   c->name)
				     : 0;
	if (!c->o->replace)
		return say(c, -EEXIST,
			   "'%s' is deployed already: --replace puts this in its place, --name gives another name, "
			   "'skep undeploy %s' "
			   "takes it out",
			   c->name, c->name);
	c->old = store_read(&c->store, c->name);
	return c->old ? 0
		      : say(c, -EINVAL, "the record of '%s' cannot be read: 'skep undeploy %s' first", c->name,
			    c->name);
}

static int choose_progs(const struct course *c)
{
	struct bpf_program *prog;
	uint32_t n = 0;

	bpf_object__for_each_program(prog, object_libbpf(c->obj))
	{
		if (c->o->wants)
			bpf_program__set_autoload(prog, c->o->wants(c->o->arg, bpf_program__name(prog)));
		/* Who names one means it, also where its section says that it is not loaded by itself ("?xdp"). */
		if (c->o->prog)
			bpf_program__set_autoload(prog, !strcmp(c->o->prog, bpf_program__name(prog)));
		n += bpf_program__autoload(prog);
	}
	if (!n && c->o->prog)
		return say(c, -ENOENT, "%s: it has no program '%s'", c->o->object, c->o->prog);
	return n ? 0 : say(c, -ENOENT, "%s: it has no programs", c->o->object);
}

/* Is every program one that is attached somewhere, and is all there that it takes? */
static int find_places(struct course *c)
{
	bool iface = false, cgroup = false;
	struct bpf_program *prog;
	char why[TARGET_WHY];
	int err;

	bpf_object__for_each_program(prog, object_libbpf(c->obj))
	{
		const char *reason;
		enum attach_how how;

		if (!bpf_program__autoload(prog))
			continue;
		how = attach_how(prog, &reason);
		if (how == ATTACH_NONE)
			return say(c, -EOPNOTSUPP, "program '%s' (SEC(\"%s\")) attaches nowhere by itself: %s",
				   bpf_program__name(prog), bpf_program__section_name(prog), reason);
		iface |= attach_wants_iface(how);
		cgroup |= attach_wants_cgroup(how);
	}
	c->named = c->o->target;
	if (c->old && !c->named.netns && !c->named.cgroup && !c->named.container && !c->named.iface && !c->named.pid)
		c->named = record_target(c->old);
	err = target_find(&c->target, &c->named, iface, why);
	c->placed = true;
	if (err)
		return say(c, err, "%s", why);
	if (iface && !c->target.ifindex)
		return say(c, -EINVAL, "its programs run on an interface: --iface IF says which (ip link shows them)");
	if (cgroup && c->target.cgroup < 0)
		return say(c, -EINVAL, "its programs run in a cgroup: --cgroup PATH, or --container ID, says which");
	return 0;
}

static bool same_place(const struct course *c, enum attach_how how)
{
	struct stat ns, group;
	int err = c->target.netns >= 0 ? fstat(c->target.netns, &ns) : stat("/proc/self/ns/net", &ns);

	if (how == ATTACH_CGROUP)
		return !fstat(c->target.cgroup, &group) && group.st_ino == record_number(c->old, "cgroup_id");
	return !err && ns.st_ino == record_number(c->old, "netns_ino") &&
	       c->target.ifindex == record_number(c->old, "ifindex");
}

/* What is replaced has this program at the same place, in a link or a filter that takes another program. NULL: it has not. */
static struct json_object *old_entry(const struct course *c, const struct bpf_program *prog, enum attach_how how)
{
	struct json_object *list = c->old ? record_attached(c->old) : NULL;

	if (!list || (how != ATTACH_XDP && how != ATTACH_TC && how != ATTACH_CGROUP) || !same_place(c, how))
		return NULL;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *e = json_object_array_get_idx(list, i);
		const char *name = record_text(e, "prog"), *section = record_text(e, "section"),
			   *kind = record_text(e, "how");

		/* The section says which side, and which call of a cgroup. An interface has one XDP program, whatever its name is. */
		const char *link = record_text(e, "link");
		AUTO_CLOSE int fd = link ? store_get(&c->store, c->name, STORE_LINKS, link) : -1;

		if (link && !link_is_attached(fd))
			continue;
		if (name && section && kind && attach_how_find(kind) == how &&
		    (how == ATTACH_XDP ||
		     (!strcmp(name, bpf_program__name(prog)) && !strcmp(section, bpf_program__section_name(prog)))))
			return e;
	}
	return NULL;
}

/* What can be known before anything is touched. */
static int check_places(struct course *c)
{
	struct bpf_program *prog;
	char why[ATTACH_WHY];
	const char *reason;
	uint32_t xdp = 0;

	bpf_object__for_each_program(prog, object_libbpf(c->obj))
	{
		enum attach_how how = attach_how(prog, &reason);
		int err;

		if (!bpf_program__autoload(prog) || old_entry(c, prog, how))
			continue;
		if (how == ATTACH_XDP && xdp++)
			return say(c, -EBUSY,
				   "it has several XDP programs, and an interface has one: choose with --prog");
		err = attach_check(how, prog, &c->attach, why);
		if (err)
			return say(c, err, "program '%s': %s", bpf_program__name(prog), why);
	}
	return 0;
}

/* Maps of the new object go on with what stands in the old one's. Its own data (.bss and so on) are its own, and so is what the caller fills anew. */
static int take_maps(struct course *c)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object_libbpf(c->obj))
	{
		struct bpf_map_info info = {0};
		uint32_t len = sizeof(info);
		AUTO_CLOSE int fd =
			bpf_map__is_internal(map) ? -1 : store_get(&c->store, c->name, STORE_MAPS, bpf_map__name(map));

		if (fd < 0 || bpf_map__pin_path(map) || (c->o->renewed && c->o->renewed(c->o->arg, bpf_map__name(map))))
			continue;
		if (bpf_obj_get_info_by_fd(fd, &info, &len))
			return say(c, -errno, "map '%s': %s", bpf_map__name(map), strerror(errno));
		if (info.type != bpf_map__type(map) || info.key_size != bpf_map__key_size(map) ||
		    info.value_size != bpf_map__value_size(map) || info.max_entries != bpf_map__max_entries(map))
			return say(c, -EINVAL,
				   "map '%s' is another than the one that is deployed (type %u, key %u, value %u, %u "
				   "entries; now type %u, "
				   "key %u, value %u, %u entries), and its contents would be lost: --reset-maps lets "
				   "all maps begin anew",
				   bpf_map__name(map), info.type, info.key_size, info.value_size, info.max_entries,
				   bpf_map__type(map), bpf_map__key_size(map), bpf_map__value_size(map),
				   bpf_map__max_entries(map));
		if (bpf_map__reuse_fd(map, fd))
			return say(c, -errno, "map '%s': %s", bpf_map__name(map), strerror(errno));
	}
	return 0;
}

/* The pins by name that loading will make. */
static void note_pins(struct course *c)
{
	struct json_object *pins = json_object_new_array(), *before;
	struct bpf_map *map;

	bpf_object__for_each_map(map, object_libbpf(c->obj))
	{
		const char *path = bpf_map__pin_path(map);

		if (path && access(path, F_OK))
			json_object_array_add(pins, json_object_new_string(path));
	}
	/* Those that the replaced one made are inherited. */
	if (c->old && json_object_object_get_ex(c->old, "pins", &before))
		for (size_t i = 0; i < json_object_array_length(before); i++)
			json_object_array_add(pins, json_object_get(json_object_array_get_idx(before, i)));
	json_object_object_add(c->record, "pins", pins);
}

static int pin_all(struct course *c)
{
	struct bpf_program *prog;
	struct bpf_map *map;
	int err;

	bpf_object__for_each_map(map, object_libbpf(c->obj))
	{
		err = store_pin(&c->store, c->fresh, STORE_MAPS, bpf_map__name(map), bpf_map__fd(map));
		if (err)
			return say(c, err, "map '%s': pin: %s", bpf_map__name(map), strerror(-err));
	}
	bpf_object__for_each_program(prog, object_libbpf(c->obj))
	{
		if (bpf_program__fd(prog) < 0)
			continue;
		err = store_pin(&c->store, c->fresh, STORE_PROGS, bpf_program__name(prog), bpf_program__fd(prog));
		if (err)
			return say(c, err, "program '%s': pin: %s", bpf_program__name(prog), strerror(-err));
	}
	return 0;
}

static int load(struct course *c)
{
	const char *base = strrchr(c->o->object, '/');
	int err;

	*c->why = 0;
	if (c->o->opened) {
		err = c->o->opened(c->o->arg, c->obj, &c->target, c->why);
		if (err)
			return err;
	}
	c->record = record_new(base ? base + 1 : c->o->object, &c->named, &c->target);
	if (!c->record)
		return say(c, -ENOMEM, "out of memory");
	if (c->old && !c->o->reset_maps) {
		err = take_maps(c);
		if (err)
			return err;
	}
	note_pins(c);
	err = store_make(&c->store, c->fresh);
	if (!err)
		err = store_write(&c->store, c->fresh, c->record);
	if (err)
		return say(c, err, "%s/%s: make: %s", c->store.root, c->fresh, strerror(-err));
	/* The log has said what is wrong. */
	err = object_load(c->obj, base ? base + 1 : c->o->object);
	if (!err)
		err = pin_all(c);
	if (!err && c->o->loaded)
		err = c->o->loaded(c->o->arg, c->obj, &c->target, c->old && !c->o->reset_maps, c->why);
	return err;
}

/* One more place: pinned where it can be, and in the record. */
static int write_down(struct course *c, const struct bpf_program *prog, const struct attached *a, int nth)
{
	char item[STORE_NAME + 16];
	int err = 0;

	snprintf(item, sizeof(item), nth ? "%s~%d" : "%s", bpf_program__name(prog), nth + 1);
	if (a->fd >= 0)
		err = store_pin(&c->store, c->fresh, STORE_LINKS, item, a->fd);
	if (err)
		return say(c, err, "program '%s': its link cannot be pinned: %s%s", bpf_program__name(prog),
			   strerror(-err), err == -EINVAL ? "; links of perf events are there since Linux 5.15" : "");
	record_add(c->record, bpf_program__name(prog), bpf_program__section_name(prog), c->o->order, a,
		   a->fd >= 0 ? item : NULL);
	err = store_write(&c->store, c->fresh, c->record);
	return err ? say(c, err, "the record of '%s': write: %s", c->name, strerror(-err)) : 0;
}

/* The place of what is replaced gets the new program. It is written down first: what is written down gets its old program back when something fails. */
static int update(struct course *c, const struct bpf_program *prog, enum attach_how how, struct json_object *entry)
{
	const char *link = record_text(entry, "link"), *at = record_text(entry, "at");
	struct attached a = {.how = how, .fd = -1, .sock = -1, .filter = record_filter(entry)};
	int err;

	snprintf(a.at, sizeof(a.at), "%s", at ? at : "");
	if (link)
		a.fd = store_get(&c->store, c->name, STORE_LINKS, link);
	err = write_down(c, prog, &a, 0);
	if (!err && a.fd >= 0)
		err = bpf_link_update(a.fd, bpf_program__fd(prog), NULL) ? -errno : 0;
	else if (!err)
		err = clsact_update(bpf_program__fd(prog), &a.filter);
	attach_close(&a);
	return err && !*c->why ? say(c, err, "program '%s': put it in the place of the old one: %s",
				     bpf_program__name(prog), strerror(-err))
			       : err;
}

static int attach_one(struct course *c, struct bpf_program *prog, enum attach_how how)
{
	AUTO_FREE struct attached *at = calloc(ATTACH_MAX, sizeof(*at));
	char why[ATTACH_WHY];
	int n, err = 0;

	if (!at)
		return say(c, -ENOMEM, "out of memory");
	n = attach_program(c->obj, prog, how, &c->attach, at, ATTACH_MAX, why);
	if (n < 0)
		return say(c, n, "program '%s': attach: %s", bpf_program__name(prog), why);
	for (int i = 0; i < n; i++) {
		bool holds = at[i].link || at[i].sock >= 0;

		if (!err && holds && c->n_held == ATTACH_MAX)
			err = say(c, -E2BIG, "more than %d places that a process must hold", ATTACH_MAX);
		if (!err)
			err = write_down(c, prog, &at[i], i);
		c->attach.own_qdisc |= at[i].filter.qdisc;
		if (err)
			attach_undo(&at[i]);
		else if (holds)
			c->held[c->n_held++] = at[i];
		else
			attach_close(&at[i]);
	}
	return err;
}

static int attach_all(struct course *c)
{
	struct bpf_program *prog;
	const char *reason;
	int err = 0;

	bpf_object__for_each_program(prog, object_libbpf(c->obj))
	{
		enum attach_how how = attach_how(prog, &reason);
		struct json_object *entry;

		if (err || !bpf_program__autoload(prog))
			continue;
		entry = old_entry(c, prog, how);
		err = entry ? update(c, prog, how, entry) : attach_one(c, prog, how);
	}
	if (!err && c->n_held) {
		struct holder holder;

		err = hold_begin(c->store.lock, &holder);
		if (!err) {
			record_set_holder(c->record, &holder);
			err = store_write(&c->store, c->fresh, c->record);
			hold_go(&holder, !err);
		}
		if (err)
			say(c, err, "a process that holds what cannot be pinned: %s", strerror(-err));
	}
	return err;
}

static int commit(struct course *c)
{
	int err = c->old ? store_rename(&c->store, c->name, c->aside) : 0;

	if (!err)
		err = store_rename(&c->store, c->fresh, c->name);
	if (err) {
		if (c->old && !store_exists(&c->store, c->name))
			store_rename(&c->store, c->aside, c->name);
		return say(c, err, "%s/%s: rename: %s", c->store.root, c->fresh, strerror(-err));
	}
	if (c->old && discard(&c->store, c->aside, c->name, c->why))
		c->o->log(c->o->arg, SKEP_LOG_WARN, c->why); /* the new one is in place; the next command tries again */
	*c->why = 0;
	return 0;
}

/* All of it, with the folder locked. */
static int run(struct course *c)
{
	const char *base = strrchr(c->o->object, '/');
	struct skep_hive_opts opts = SKEP_OPTS(struct skep_hive_opts, .log = c->o->log, .log_arg = c->o->arg);
	int err = find_name(c);

	if (!err)
		err = skep_hive_new(&opts, &c->hive) ? say(c, -ENOMEM, "out of memory") : 0;
	if (err)
		return err;
	c->hive->of_kernel = true;
	/* The log has said what is wrong with the object. */
	err = object_open(c->hive, c->o->data, c->o->len, base ? base + 1 : c->o->object, &c->obj);
	if (err)
		return err;
	err = choose_progs(c);
	if (!err)
		err = object_set_types(c->obj, base ? base + 1 : c->o->object);
	if (!err)
		err = find_places(c);
	if (!err && known_links_read(&c->store, &c->known))
		err = say(c, -ENOMEM, "out of memory");
	if (err)
		return err;
	c->attach = (struct attach_opts){.target = &c->target,
					 .xdp_flags = c->o->xdp_flags,
					 .order = c->o->order,
					 .event = c->o->event,
					 .frequency = c->o->frequency,
					 .order_of = order_of,
					 .owner_of = owner_of,
					 .arg = c};
	err = target_enter(&c->target, &c->netns_before);
	if (err)
		return say(c, err, "enter the network namespace %s: %s", c->target.netns_name, strerror(-err));
	err = check_places(c);
	if (err)
		return err;
	err = load(c);
	if (!err) {
		c->attach.own_qdisc = record_qdisc(&c->store, record_number(c->record, "netns_ino"), c->target.ifindex);
		err = attach_all(c);
	}
	if (!err)
		err = commit(c);
	return err;
}

static void give_back(struct course *c, int err)
{
	char why[STORE_WHY];

	for (int i = 0; i < c->n_held; i++)
		if (err)
			attach_undo(&c->held[i]);
		else
			attach_leave(&c->held[i]);
	if (c->netns_before >= 0)
		target_leave(c->netns_before);
	if (err && c->record && store_exists(&c->store, c->fresh) &&
	    discard(&c->store, c->fresh, c->old ? c->name : NULL, why))
		c->o->log(c->o->arg, SKEP_LOG_WARN, why);
	skep_object_close(c->obj);
	skep_hive_free(c->hive);
	known_links_free(&c->known);
	json_object_put(c->old);
	if (c->placed)
		target_close(&c->target);
}

int deploy(const struct deploy_opts *opts, struct json_object **about, char *why)
{
	struct course *c = calloc(1, sizeof(*c));
	sigset_t ends, before;
	int err;

	*about = NULL;
	*why = 0;
	if (!c)
		return -ENOMEM;
	c->o = opts;
	c->why = why;
	c->netns_before = -1;
	sigemptyset(&ends);
	for (size_t i = 0; i < 5; i++)
		sigaddset(&ends, ((const int[]){SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP})[i]);
	sigprocmask(SIG_BLOCK, &ends, &before);
	err = store_open(&c->store, true, why);
	if (!err)
		err = discard_half(&c->store, why);
	if (!err)
		err = run(c);
	give_back(c, err);
	store_close(&c->store);
	sigprocmask(SIG_SETMASK, &before, NULL);
	/* What others named is in it: interfaces, cgroups, programs. */
	printable(why, strlen(why));
	if (!err) {
		json_object_object_add(c->record, "name", json_object_new_string(c->name));
		*about = c->record;
	} else {
		json_object_put(c->record);
	}
	free(c);
	return err;
}
