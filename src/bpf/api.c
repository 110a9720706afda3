/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libskep's objects: libbpf opens and loads, this file stands between it and an embedder.
 *
 * libbpf tells what goes wrong in many lines through one print callback per process. Each call here collects what libbpf
 * says on this thread, and on failure makes one line of it that names the object, the action and the cause.
 */
#include "base/util.h"
#include "bpf/elf_check.h"
#include "bpf/fd.h"
#include "bpf/hive.h"
#include "bpf/object.h"
#include "bpf/seam.h"
#include "helper/callstack.h"
#include "map/map.h"
#include "prog/points.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* What libbpf said while a call was at work. Lives on the stack of that call. */
struct said {
	struct skep_hive *hive;
	char first[512]; /* the first complaint */
	char verdict[512]; /* the last line of a program's load log */
	char prog[64];
	char map[64]; /* the map that could not be made */
};

static _Thread_local struct said *listening;

/* What libbpf's words do not say: the next step, by a piece of the complaint. */
static const struct hint {
	const char *piece, *next;
	const char *checking; /* where programs are for a kernel; NULL: the same */
} hints[] = {
	{"BTF is required", "compile with clang -g", NULL},
	{"legacy map definitions", "define maps in SEC(\".maps\")", NULL},
	{"unrecognized extern section '.maps'",
	 "a map is only declared here: define it, or link with bpftool gen object", NULL},
	{"extern (func ksym)", "skep does not have this kernel function; __weak lets the program test for it",
	 "__weak lets the program test for it"},
	{"failed to find kernel BTF type ID", "it attaches to what skep's own BTF does not have",
	 "it attaches to what the kernel's BTF does not have"},
};

/* Why a place to attach to has no type, where the table of those knows. */
static const char *why_no_point(const char *complaint)
{
	static const enum point_kind kinds[] = {POINT_RAW_TP, POINT_FUNCTION, POINT_LSM};
	const char *at = strstr(complaint, "kernel BTF type ID of '");
	const struct hook_point *p = NULL;
	char name[128];

	if (!at || sscanf(at, "kernel BTF type ID of '%127[^']'", name) != 1)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(kinds) && !p; i++)
		p = points_find(kinds[i], name);
	return p ? p->why : NULL;
}

/* The next step for a complaint, NULL where there is none. */
static const char *hint(const struct skep_hive *hive, const char *complaint)
{
	bool kernel = hive->of_kernel || hive->flags & SKEP_CHECK_ONLY;
	const char *why = kernel ? NULL : why_no_point(complaint);

	if (why)
		return why;
	for (size_t i = 0; i < ARRAY_SIZE(hints); i++)
		if (strstr(complaint, hints[i].piece))
			return kernel && hints[i].checking ? hints[i].checking : hints[i].next;
	return NULL;
}

/* The last line of a load log, which is where the reason stands, without the log's own statistics. */
static void take_verdict(struct said *s, const char *log)
{
	while (*log) {
		size_t n = strcspn(log, "\n");

		if (n && strncmp(log, "-- ", 3) && strncmp(log, "processed ", 10))
			snprintf(s->verdict, sizeof(s->verdict), "%.*s", (int)n, log);
		log += n + (log[n] == '\n');
	}
}

static int print(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	static const char begin[] = "-- BEGIN PROG LOAD LOG --";
	struct said *s = listening;
	struct skep_hive *hive = s ? s->hive : seam_hive();
	char *text = NULL;
	const char *log;
	size_t n;

	if (!hive || vasprintf(&text, fmt, ap) < 0)
		return 0;
	n = strlen(text);
	if (n && text[n - 1] == '\n')
		text[n - 1] = 0;
	if (s && level == LIBBPF_WARN) {
		const char *body = strncmp(text, "libbpf: ", 8) ? text : text + 8;

		log = strstr(text, begin);
		if (log)
			take_verdict(s, log + sizeof(begin) - 1);
		/* libbpf tries a map again without its BTF, and tells the outcome in another line. */
		if (!s->first[0] && !strstr(body, "Retrying without BTF"))
			snprintf(s->first, sizeof(s->first), "%s", body);
		if (!s->prog[0])
			sscanf(body, "prog '%63[^']'", s->prog);
		if (!s->map[0] && strstr(body, "': failed to create"))
			sscanf(body, "map '%63[^']'", s->map);
	}
	hive_log(hive, level == LIBBPF_WARN && !s ? SKEP_LOG_WARN : SKEP_LOG_DEBUG, "%s", text);
	free(text);
	return 0;
}

/* From the start: our copy of libbpf has no stderr to fall back on, and may be used with a kernel before any object is. */
__attribute__((constructor)) static void listen_to_libbpf(void)
{
	libbpf_set_print(print);
}

/* One call of libbpf at work for a hive. */
static struct skep_hive *begin(struct said *s, struct skep_hive *hive)
{
	*s = (struct said){.hive = hive};
	libbpf_set_print(print); /* a test may have set its own */
	listening = s;
	return seam_enter(hive->of_kernel ? NULL : hive);
}

static void end(struct skep_hive *before)
{
	listening = NULL;
	seam_enter(before);
}

/* Why a map that libbpf could not make cannot be made, NULL where only the error tells. */
static const char *map_fault(const struct skep_hive *hive, const struct bpf_map *map, char *room, size_t len)
{
	const struct map_type_desc *type = map_type_find((uint32_t)bpf_map__type(map));

	if (!type) {
		snprintf(room, len, "there is no map type %d", (int)bpf_map__type(map));
		return room;
	}
	if (!type->ops && !hive->of_kernel && !(hive->flags & SKEP_CHECK_ONLY)) {
		snprintf(room, len, "type %s exists in Linux since %s, but skep does not have it", type->name,
			 type->kernel);
		return room;
	}
	return bpf_map__max_entries(map) ? NULL : "max_entries is 0";
}

/* The one line. @obj: what libbpf has opened, NULL where it has not. */
static void complain(const struct said *s, const struct bpf_object *obj, const char *object, const char *action,
		     int err)
{
	const struct bpf_map *map = obj && s->map[0] ? bpf_object__find_map_by_name(obj, s->map) : NULL;
	char reason[128], room[128];
	const char *fault = map ? map_fault(s->hive, map, room, sizeof(room)) : NULL;
	const char *next = hint(s->hive, s->first);

	libbpf_strerror(err, reason, sizeof(reason));
	if (fault)
		hive_log(s->hive, SKEP_LOG_ERROR, "%s: %s: map '%s': %s", object, action, s->map, fault);
	else if (s->verdict[0])
		hive_log(s->hive, SKEP_LOG_ERROR, "%s: %s: program '%s': %s", object, action, s->prog, s->verdict);
	else if (s->first[0])
		hive_log(s->hive, SKEP_LOG_ERROR, "%s: %s: %s%s%s%s", object, action, s->first, next ? " (" : "",
			 next ? next : "", next ? ")" : "");
	else
		hive_log(s->hive, SKEP_LOG_ERROR, "%s: %s: %s", object, action, reason);
}

struct skep_program {
	struct skep_object *obj;
	struct bpf_program *prog;
	struct hive_prog *loaded; /* held by the fd of the object */
};

struct skep_object {
	struct skep_hive *hive;
	struct bpf_object *obj;
	struct skep_program *progs;
	uint32_t n_progs;
};

/*
 * Sections that libbpf 1.1 does not know: newer names, and the looser ones that libbpf took before 1.0 (any name that begins
 * with the word). The numbers are enum bpf_attach_type's of Linux 6.6 and 6.7.
 */
static const struct section {
	const char *prefix;
	enum bpf_prog_type type;
	int attach_type;
} sections[] = {
	{"tcx/ingress", BPF_PROG_TYPE_SCHED_CLS, 46},
	{"tc/ingress", BPF_PROG_TYPE_SCHED_CLS, 46},
	{"tcx/egress", BPF_PROG_TYPE_SCHED_CLS, 47},
	{"tc/egress", BPF_PROG_TYPE_SCHED_CLS, 47},
	{"netkit/primary", BPF_PROG_TYPE_SCHED_CLS, 54},
	{"netkit/peer", BPF_PROG_TYPE_SCHED_CLS, 55},
	{"xdp", BPF_PROG_TYPE_XDP, BPF_XDP},
	{"tc", BPF_PROG_TYPE_SCHED_CLS, 0},
	{"classifier", BPF_PROG_TYPE_SCHED_CLS, 0},
	{"socket", BPF_PROG_TYPE_SOCKET_FILTER, 0},
};

/* Gives types to programs whose section libbpf did not know. A section that nobody knows is said, with those there are. */
int object_set_types(struct skep_object *o, const char *name)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, o->obj)
	{
		const char *section = bpf_program__section_name(prog);
		size_t i = 0;

		if (bpf_program__type(prog) != BPF_PROG_TYPE_UNSPEC || !bpf_program__autoload(prog))
			continue;
		while (i < ARRAY_SIZE(sections) && strncmp(section, sections[i].prefix, strlen(sections[i].prefix)))
			i++;
		if (i == ARRAY_SIZE(sections)) {
			hive_log(o->hive, SKEP_LOG_ERROR,
				 "%s: load: program '%s': SEC(\"%s\") names no kind of program; use xdp, tc, socket, "
				 "cgroup_skb/ingress, tracepoint/..., kprobe/... (libbpf's program types)",
				 name, bpf_program__name(prog), section);
			return -EINVAL;
		}
		bpf_program__set_type(prog, sections[i].type);
		bpf_program__set_expected_attach_type(prog, (enum bpf_attach_type)sections[i].attach_type);
	}
	return 0;
}

/* Programs in a section that the embedder has defined get its type. */
static void set_own_types(struct skep_object *o)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, o->obj)
	{
		const char *section = bpf_program__section_name(prog);

		pthread_mutex_lock(&o->hive->lock);
		for (struct hive_prog_type *t = o->hive->own_types; t; t = t->next) {
			size_t n = strlen(t->section);

			if (!strncmp(section, t->section, n) && (!section[n] || section[n] == '/')) {
				bpf_program__set_type(prog, (enum bpf_prog_type)t->type);
				bpf_program__set_expected_attach_type(prog, 0);
			}
		}
		pthread_mutex_unlock(&o->hive->lock);
	}
}

/*
 * Maps that this libbpf would not survive: it takes a map of type struct_ops for one that came from a .struct_ops section, and
 * follows what only those have. The hive has no struct_ops in any case.
 */
static int check_maps(const struct skep_object *o, const char *name)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, o->obj)
	{
		if (bpf_map__type(map) == BPF_MAP_TYPE_STRUCT_OPS) {
			hive_log(o->hive, SKEP_LOG_ERROR, "%s: load: map '%s': skep has no struct_ops", name,
				 bpf_map__name(map));
			return -EOPNOTSUPP;
		}
	}
	return 0;
}

static int find_loaded(struct skep_object *o)
{
	struct bpf_program *prog;
	uint32_t n = 0;
	int why = 0;

	bpf_object__for_each_program(prog, o->obj) n++;
	o->progs = calloc(MAX(n, 1u), sizeof(*o->progs));
	if (!o->progs)
		return -ENOMEM;
	bpf_object__for_each_program(prog, o->obj)
	{
		struct hive_prog *p;

		if (bpf_program__fd(prog) < 0)
			continue;
		pthread_mutex_lock(&o->hive->lock);
		p = hive_prog_get(o->hive, bpf_program__fd(prog), &why);
		if (p)
			hive_object_put(&p->o); /* the object's fd holds it */
		pthread_mutex_unlock(&o->hive->lock);
		if (p)
			o->progs[o->n_progs++] = (struct skep_program){.obj = o, .prog = prog, .loaded = p};
	}
	return 0;
}

int object_open(struct skep_hive *hive, const void *data, size_t len, const char *name, struct skep_object **out)
{
	/* As libbpf names an object after its file: up to the first dot. It begins the names of the object's data maps. */
	AUTO_FREE char *stem = strndup(name, strcspn(name, "."));
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = stem);
	struct skep_object *o = calloc(1, sizeof(*o));
	struct skep_hive *before;
	struct said said;
	const char *why;
	int err;

	if (!o || !stem) {
		free(o);
		return -ENOMEM;
	}
	o->hive = hive;
	before = begin(&said, hive);
	err = elf_check(data, len, &why);
	if (err) {
		hive_log(hive, SKEP_LOG_ERROR, "%s: open: %s", name, why);
		goto out;
	}
	o->obj = bpf_object__open_mem(data, len, &opts);
	if (!o->obj) {
		err = -errno;
		complain(&said, NULL, name, "open", err);
		goto out;
	}
	set_own_types(o);
	err = check_maps(o, name);
out:
	end(before);
	if (err)
		skep_object_close(o);
	else
		*out = o;
	return err;
}

int object_load(struct skep_object *o, const char *name)
{
	struct said said;
	struct skep_hive *before = begin(&said, o->hive);
	int err = object_set_types(o, name);

	if (!err) {
		err = bpf_object__load(o->obj);
		if (err)
			complain(&said, o->obj, name, "load", err);
		else if (!o->hive->of_kernel)
			err = find_loaded(o);
	}
	end(before);
	return err;
}

int object_do(struct skep_object *o, int (*fn)(void *arg), void *arg, char *why, size_t size)
{
	struct said said;
	struct skep_hive *before = begin(&said, o->hive);
	int err = fn(arg);

	end(before);
	if (err && said.verdict[0])
		snprintf(why, size, "%s", said.verdict);
	else if (err && said.first[0])
		snprintf(why, size, "%s", said.first);
	else if (err)
		libbpf_strerror(err, why, size);
	return err;
}

int skep_object_open_mem(struct skep_hive *hive, const void *data, size_t len, const char *name,
			 struct skep_object **out)
{
	struct skep_object *o = NULL;
	int err = object_open(hive, data, len, name, &o);

	if (!err)
		err = object_load(o, name);
	if (err)
		skep_object_close(o);
	else
		*out = o;
	return err;
}

int skep_object_open_file(struct skep_hive *hive, const char *path, struct skep_object **out)
{
	AUTO_FREE void *data = NULL;
	size_t len;
	int err = object_read(path, &data, &len);
	const char *name = strrchr(path, '/');

	if (err) {
		hive_log(hive, SKEP_LOG_ERROR, "%s: read: %s", path, strerror(-err));
		return err;
	}
	return skep_object_open_mem(hive, data, len, name ? name + 1 : path, out);
}

void skep_object_close(struct skep_object *obj)
{
	struct skep_hive *before;

	if (!obj)
		return;
	before = seam_enter(obj->hive->of_kernel ? NULL : obj->hive);
	bpf_object__close(obj->obj);
	seam_enter(before);
	free(obj->progs);
	free(obj);
}

struct skep_program *skep_object_program(struct skep_object *obj, const char *name)
{
	for (uint32_t i = 0; i < obj->n_progs; i++)
		if (!name || !strcmp(bpf_program__name(obj->progs[i].prog), name))
			return &obj->progs[i];
	return NULL;
}

struct bpf_object *object_libbpf(const struct skep_object *obj)
{
	return obj->obj;
}

uint32_t object_programs(const struct skep_object *obj)
{
	return obj->n_progs;
}

struct skep_program *object_program_at(const struct skep_object *obj, uint32_t i)
{
	return i < obj->n_progs ? &obj->progs[i] : NULL;
}

struct bpf_program *program_libbpf(const struct skep_program *prog)
{
	return prog->prog;
}

struct hive_prog *program_loaded(const struct skep_program *prog)
{
	return prog->loaded;
}

int skep_object_map_fd(struct skep_object *obj, const char *name)
{
	struct bpf_map *map = bpf_object__find_map_by_name(obj->obj, name);

	return map ? bpf_map__fd(map) : -ENOENT;
}

int skep_program_fd(const struct skep_program *prog)
{
	return bpf_program__fd(prog->prog);
}

const char *skep_program_name(const struct skep_program *prog)
{
	return bpf_program__name(prog->prog);
}

/* A function of its own, for its array is too long to stand in every run's way. */
__attribute__((noinline)) static uint64_t exec_with_stack(const struct hive_prog *p, void *ctx, struct skep_env *env,
							  const void *inside)
{
	uint64_t frames[CALLSTACK_MAX], ret;

	env->stack.ips = frames;
	env->stack.n = callstack_note(frames, inside);
	ret = hive_prog_exec(p, ctx, env);
	env->stack.ips = NULL;
	env->stack.n = 0;
	return ret;
}

int skep_program_run(struct skep_program *prog, void *ctx, uint32_t ctx_size, void *user, uint64_t *ret)
{
	struct skep_hive *hive = prog->obj->hive;
	struct hive_prog *p = prog->loaded;
	const struct hive_prog_type *own;
	struct hive_worker *w;
	uint64_t r0;
	int err;

	if (hive->flags & SKEP_CHECK_ONLY)
		return -EOPNOTSUPP;
	pthread_mutex_lock(&hive->lock);
	own = hive_own_type(hive, p->type);
	pthread_mutex_unlock(&hive->lock);
	if (ctx_size < p->max_ctx || (own && ctx_size < own->ctx_size))
		return -EINVAL;
	w = hive_worker_get(hive);
	if (!w)
		return -EBUSY;
	w->env.prog_type = p->type;
	w->env.prog_id = p->o.id;
	w->env.user = user;
	if (atomic_load_explicit(&hive->stacks, memory_order_relaxed))
		r0 = exec_with_stack(p, ctx, &w->env, __builtin_frame_address(0));
	else
		r0 = hive_prog_exec(p, ctx, &w->env);
	err = w->env.fault ? -EFAULT : 0;
	hive_worker_put(hive, w);
	if (ret)
		*ret = r0;
	return err;
}

static struct skep_map *map_of(struct skep_hive *hive, int fd, struct hive_map **hold, int *why)
{
	pthread_mutex_lock(&hive->lock);
	*hold = hive_map_get(hive, fd, why);
	pthread_mutex_unlock(&hive->lock);
	return *hold ? (*hold)->map : NULL;
}

static void map_done(struct skep_hive *hive, struct hive_map *m)
{
	pthread_mutex_lock(&hive->lock);
	hive_object_put(&m->o);
	pthread_mutex_unlock(&hive->lock);
}

int skep_map_lookup(struct skep_hive *hive, int fd, const void *key, void *value)
{
	struct hive_map *m;
	int ret = 0;
	struct skep_map *map = map_of(hive, fd, &m, &ret);

	if (!map)
		return ret;
	ret = map_user_lookup(map, key, value, 0);
	map_done(hive, m);
	return ret;
}

int skep_map_update(struct skep_hive *hive, int fd, const void *key, const void *value, uint64_t flags)
{
	union bpf_attr attr = {
		.map_fd = (uint32_t)fd, .key = (uintptr_t)key, .value = (uintptr_t)value, .flags = flags};

	return skep_bpf(hive, BPF_MAP_UPDATE_ELEM, &attr, sizeof(attr));
}

int skep_map_delete(struct skep_hive *hive, int fd, const void *key)
{
	union bpf_attr attr = {.map_fd = (uint32_t)fd, .key = (uintptr_t)key};

	return skep_bpf(hive, BPF_MAP_DELETE_ELEM, &attr, sizeof(attr));
}
