/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/live.h"

#include "base/util.h"
#include "bpf/hive.h"
#include "bpf/object.h"
#include "bpf/seam.h"
#include "cli/run.h"
#include "hook/net/chain.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

enum { LINKS = 256 };

static int passed_on(const struct live *l, int ret, const char *why)
{
	if (ret == -ENOTCONN || ret == -ECONNRESET)
		fail("run '%s': %s", l->name, why);
	return ret;
}

static int far_bpf(void *arg, int cmd, union bpf_attr *attr, unsigned int size)
{
	struct live *l = arg;
	char why[256] = "";

	return passed_on(l, client_bpf(&l->client, cmd, (uint64_t)(uintptr_t)attr, size, why, sizeof(why)), why);
}

static int far_perf_event_open(void *arg, uint64_t attr, int pid, int cpu)
{
	struct live *l = arg;
	char why[256] = "";

	return passed_on(l, client_perf_open(&l->client, attr, pid, cpu, why, sizeof(why)), why);
}

static int far_ioctl(void *arg, int fd, unsigned long request, uint64_t a)
{
	struct live *l = arg;
	char why[256] = "";

	return passed_on(l, client_ioctl(&l->client, fd, request, a, why, sizeof(why)), why);
}

static void say(const char *line)
{
	note("%s", line);
}

int live_open(struct live *l, const char *name)
{
	struct msg_facts facts;
	char why[256] = "", first[256];
	int err;

	memset(l, 0, sizeof(*l));
	snprintf(l->name, sizeof(l->name), "%s", name);
	l->client.name = l->name;
	l->client.say = say;
	err = client_ask(&l->client, ASK_FACTS, 0, NULL, &facts, sizeof(facts), first, sizeof(first));
	if (err && *name && strspn(name, "0123456789") == strlen(name)) {
		snprintf(l->name, sizeof(l->name), "run-%s", name);
		err = client_ask(&l->client, ASK_FACTS, 0, NULL, &facts, sizeof(facts), why, sizeof(why));
	}
	if (err)
		return fail("run '%s': %s; 'skep hive list' shows those that are there", name,
			    err == -ENOTCONN ? first : strerror(-err));
	/* Values of its per-CPU maps have a part for each of its workers. */
	l->src.workers = facts.cpus;
	err = source_hive(&l->src, 0);
	if (err)
		return err;
	l->src.name = l->name;
	l->far =
		(struct hive_far){.bpf = far_bpf, .perf_event_open = far_perf_event_open, .ioctl = far_ioctl, .arg = l};
	l->src.hive->far = &l->far;
	seam_enter(l->src.hive);
	return EXIT_OK;
}

void live_close(struct live *l)
{
	seam_enter(NULL);
	source_close(&l->src);
	client_close(&l->client);
}

static int look_at(uint32_t id, struct map_view *v)
{
	int fd = bpf_map_get_fd_by_id(id), err;

	if (fd < 0)
		return -errno;
	err = map_view_of(fd, NULL, v);
	if (err)
		close(fd);
	return err;
}

int live_maps(struct live *l, struct map_view **out, uint32_t *n)
{
	uint32_t id = 0, room = 0;

	*out = NULL;
	*n = 0;
	while (!bpf_map_get_next_id(id, &id)) {
		struct map_view *more;
		int err;

		if (*n == room) {
			room = MAX(2 * room, 16u);
			more = realloc(*out, room * sizeof(*more));
			if (!more)
				return fail("%s", strerror(ENOMEM));
			*out = more;
		}
		err = look_at(id, &(*out)[*n]);
		if (!err)
			++*n;
		else if (err != -ENOENT) /* else it has gone meanwhile */
			return fail("run '%s': map %u: %s", l->name, id, strerror(-err));
	}
	return errno == ENOENT ? EXIT_OK : fail("run '%s': its maps: %s", l->name, strerror(errno));
}

/* A link, and the program in it. */
struct seen {
	uint32_t id, prog_id;
	int order; /* of the frame's point, or behind them all */
	char at[128];
	char prog[BPF_OBJ_NAME_LEN];
};

enum { ON_TASKS = CHAIN_POINTS + 1 };

static int look_at_prog(struct seen *s, uint32_t *type)
{
	struct bpf_prog_info prog = {0};
	uint32_t len = sizeof(prog);
	AUTO_CLOSE int fd = bpf_prog_get_fd_by_id(s->prog_id);

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &prog, &len))
		return -errno;
	memcpy(s->prog, prog.name, sizeof(s->prog));
	*type = prog.type;
	return 0;
}

/* An info's name has room where the kind of link has one. */
static int look_at_link(uint32_t id, struct seen *s)
{
	struct skep_link_info link = {0};
	uint32_t len = sizeof(link), type = 0;
	AUTO_CLOSE int fd = bpf_link_get_fd_by_id(id);
	char name[128] = "";

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &link, &len))
		return -errno;
	*s = (struct seen){.id = id, .prog_id = link.prog_id};
	if (look_at_prog(s, &type))
		return -ENOENT;
	if (link.type == BPF_LINK_TYPE_RAW_TRACEPOINT || link.type == BPF_LINK_TYPE_PERF_EVENT) {
		uint64_t to = (uintptr_t)name;
		bool raw = link.type == BPF_LINK_TYPE_RAW_TRACEPOINT;

		memset(&link, 0, sizeof(link));
		*(raw ? &link.raw_tracepoint.name : &link.perf_event.name) = to;
		*(raw ? &link.raw_tracepoint.name_len : &link.perf_event.name_len) = sizeof(name);
		len = sizeof(link);
		if (bpf_obj_get_info_by_fd(fd, &link, &len))
			return -errno;
	}
	s->order = ON_TASKS;
	if (live_task_point(&link, name, type, s->at, sizeof(s->at)))
		return 0;
	/* One that is detached is nowhere; a pin, or somebody's fd, still has it. */
	if (!link.ifindex || link.type == BPF_LINK_TYPE_RAW_TRACEPOINT || link.type == BPF_LINK_TYPE_PERF_EVENT)
		return -ENOENT;
	s->order = (int)chain_link_point((const struct bpf_link_info *)&link);
	snprintf(s->at, sizeof(s->at), "%s", chain_point_name((enum chain_point)s->order));
	return 0;
}

static int links(struct live *l, struct seen *all, uint32_t *n)
{
	uint32_t id = 0;

	*n = 0;
	while (*n < LINKS && !bpf_link_get_next_id(id, &id)) {
		int err = look_at_link(id, &all[*n]);

		if (!err)
			++*n;
		else if (err != -ENOENT)
			return fail("run '%s': link %u: %s", l->name, id, strerror(-err));
	}
	return EXIT_OK;
}

int live_links_show(struct live *l, bool json)
{
	struct seen all[LINKS];
	int width = 20; /* of the places */
	uint32_t n;

	if (links(l, all, &n))
		return EXIT_FAILED;
	for (uint32_t i = 0; i < n; i++)
		width = MAX(width, (int)strlen(all[i].at));
	if (!json)
		printf("%-6s %-*s %-16s %s\n", "link", width, "at", "program", "id");
	/* In the order in which a frame meets them: by point, then by age. */
	for (int order = 0; order <= ON_TASKS; order++)
		for (uint32_t i = 0; i < n; i++) {
			struct json_object *o;

			if (all[i].order != order)
				continue;
			if (!json) {
				printf("%-6u %-*s %-16s %u\n", all[i].id, width, all[i].at, all[i].prog,
				       all[i].prog_id);
				continue;
			}
			o = json_object_new_object();
			json_count(o, "link", all[i].id);
			json_object_object_add(o, "at", json_object_new_string(all[i].at));
			json_object_object_add(o, "prog", json_object_new_string(all[i].prog));
			json_count(o, "prog_id", all[i].prog_id);
			print_json(o);
		}
	return EXIT_OK;
}

/* The link that is meant, as an fd. Return: -1, said. */
static int find_link(struct live *l, const char *which, struct seen *out)
{
	bool number = *which && strspn(which, "0123456789") == strlen(which);
	struct seen all[LINKS];
	uint32_t n, found = 0;
	int fd;

	if (links(l, all, &n))
		return -1;
	for (uint32_t i = 0; i < n; i++)
		if (number ? all[i].id == strtoul(which, NULL, 10)
			   : !strncmp(all[i].prog, which, sizeof(all[i].prog) - 1)) {
			*out = all[i];
			found++;
		}
	if (found != 1) {
		fail(found ? "run '%s': program '%s' is attached more than once; name a link by its number"
			   : "run '%s': there is no link '%s'; 'skep prog show --run' lists them",
		     l->name, which);
		return -1;
	}
	fd = bpf_link_get_fd_by_id(out->id);
	if (fd < 0)
		fail("run '%s': link %u: %s", l->name, out->id, strerror(errno));
	return fd;
}

int live_link_detach(struct live *l, const char *which)
{
	struct seen link;
	AUTO_CLOSE int fd = find_link(l, which, &link);

	if (fd < 0)
		return EXIT_FAILED;
	if (bpf_link_detach(fd))
		return fail("run '%s': link %u: detach: %s", l->name, link.id, strerror(errno));
	return EXIT_OK;
}

static bool same_shape(const struct bpf_map *map, const struct bpf_map_info *info)
{
	return bpf_map__type(map) == info->type && bpf_map__key_size(map) == info->key_size &&
	       bpf_map__value_size(map) == info->value_size && bpf_map__max_entries(map) == info->max_entries &&
	       !strncmp(bpf_map__name(map), info->name, sizeof(info->name) - 1);
}

/* The new object's maps go on with what stands in the old program's. Its own data (.bss and so on) are its own. */
static int take_maps(struct live *l, uint32_t prog_id)
{
	uint32_t ids[64], len = sizeof(struct bpf_prog_info);
	struct bpf_prog_info prog = {.nr_map_ids = ARRAY_SIZE(ids), .map_ids = (uintptr_t)ids};
	AUTO_CLOSE int prog_fd = bpf_prog_get_fd_by_id(prog_id);
	struct bpf_map *map;

	if (prog_fd < 0 || bpf_obj_get_info_by_fd(prog_fd, &prog, &len))
		return fail("run '%s': program %u: %s", l->name, prog_id, strerror(errno));
	for (uint32_t i = 0; i < MIN(prog.nr_map_ids, (uint32_t)ARRAY_SIZE(ids)); i++) {
		struct bpf_map_info info = {0};
		AUTO_CLOSE int fd = bpf_map_get_fd_by_id(ids[i]);

		len = sizeof(info);
		if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len))
			continue;
		bpf_object__for_each_map(
			map, object_libbpf(l->src.obj)) if (!bpf_map__is_internal(map) && same_shape(map, &info) &&
							    bpf_map__reuse_fd(
								    map, fd)) return fail("run '%s': map '%s': %s",
											  l->name, bpf_map__name(map),
											  strerror(errno));
	}
	return EXIT_OK;
}

static int open_object(struct live *l, const char *object)
{
	const char *base = strrchr(object, '/');
	struct skep_hive *hive = l->src.hive;
	bool own = l->src.own_hive;
	int err = source_read(&l->src, object);

	l->src.hive = hive;
	l->src.own_hive = own;
	if (err)
		return err;
	return object_open(hive, l->src.data, l->src.len, base ? base + 1 : object, &l->src.obj) ? EXIT_FAILED
												 : EXIT_OK;
}

static struct bpf_program *load_program(struct live *l, const char *object, const char *name)
{
	struct bpf_program *prog, *found = NULL;
	uint32_t n = 0;

	bpf_object__for_each_program(prog,
				     object_libbpf(l->src.obj)) if (!name || !strcmp(bpf_program__name(prog), name))
	{
		found = prog;
		n++;
	}
	if (n != 1) {
		fail(n ? "%s: it has several programs; choose one with --prog" : "%s: it has no program '%s'", object,
		     name ? name : "");
		return NULL;
	}
	/* The log has said what is wrong. */
	return object_load(l->src.obj, object) ? NULL : found;
}

int live_link_replace(struct live *l, const char *which, const char *object, const char *name)
{
	struct bpf_program *prog;
	struct seen link;
	AUTO_CLOSE int fd = find_link(l, which, &link);

	if (fd < 0 || open_object(l, object) || take_maps(l, link.prog_id))
		return EXIT_FAILED;
	prog = load_program(l, object, name);
	if (!prog)
		return EXIT_FAILED;
	if (bpf_link_update(fd, bpf_program__fd(prog), NULL))
		return fail("run '%s': link %u: %s", l->name, link.id,
			    errno == EINVAL ? "the new program is of another type than the old one" : strerror(errno));
	return EXIT_OK;
}

/* A link for a program that frames run through. Return: its fd, or -1, said. */
static int attach_to_frames(struct live *l, const char *object, const struct bpf_program *prog)
{
	union bpf_attr attr = {0};
	int type = chain_attach_type(bpf_program__type(prog), bpf_program__expected_attach_type(prog),
				     bpf_program__section_name(prog));
	int fd;

	if (type < 0) {
		fail("%s: no frame runs through a program of SEC(\"%s\"), and no event of a task brings it", object,
		     bpf_program__section_name(prog));
		return -1;
	}
	attr.link_create.prog_fd = (uint32_t)bpf_program__fd(prog);
	attr.link_create.attach_type = (uint32_t)type;
	fd = skep_bpf(l->src.hive, BPF_LINK_CREATE, &attr, sizeof(attr));
	if (fd < 0)
		fail("run '%s': program '%s' cannot be attached: %s", l->name, bpf_program__name(prog),
		     fd == -EINVAL ? "nothing there serves its attach type" : strerror(-fd));
	return MAX(fd, -1);
}

/* The same for one on tasks: libbpf knows how, as with a kernel. */
static int attach_to_tasks(struct live *l, struct bpf_program *prog)
{
	struct bpf_link *link = bpf_program__attach(prog);
	int fd = link ? fcntl(bpf_link__fd(link), F_DUPFD_CLOEXEC, 0) : -1;

	if (fd < 0)
		/* The hive has said what it lacks. */
		fail("run '%s': program '%s' (SEC(\"%s\")) cannot be attached: %s", l->name, bpf_program__name(prog),
		     bpf_program__section_name(prog), strerror(errno));
	bpf_link__destroy(link);
	return fd;
}

int live_attach(struct live *l, const char *object, const char *name)
{
	struct bpf_program *prog;
	char pin[64];

	if (open_object(l, object))
		return EXIT_FAILED;
	prog = load_program(l, object, name);
	if (!prog)
		return EXIT_FAILED;
	AUTO_CLOSE int fd = run_calls_serves(bpf_program__type(prog)) ? attach_to_tasks(l, prog)
								      : attach_to_frames(l, object, prog);

	if (fd < 0)
		return EXIT_FAILED;
	/* The link is to last longer than this command. */
	snprintf(pin, sizeof(pin), "/sys/fs/bpf/skep-%d-%s", (int)getpid(), bpf_program__name(prog));
	if (bpf_obj_pin(fd, pin))
		return fail("run '%s': %s: %s", l->name, pin, strerror(errno));
	return EXIT_OK;
}
