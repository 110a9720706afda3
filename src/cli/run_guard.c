/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/run_guard_inside.h"

#include "base/printable.h"
#include "base/util.h"
#include "bpf/object.h"
#include "bpf/seam.h"
#include "prog/calls.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <sys/syscall.h>

/* Arguments. */

static int call_number(const char *name)
{
	const struct call_desc *c = calls_find(name);

	return c ? c->nr : -1;
}

static const char *call_name(int nr)
{
	const struct call_desc *c = calls_at(nr);

	return c ? c->name : "?";
}

void guard_args_init(struct guard_args *a, struct policy *policy)
{
	const char *home = getenv("HOME");

	*a = (struct guard_args){.policy = {.call_number = call_number, .call_name = call_name}};
	if (home && *home == '/')
		snprintf(a->policy.home, sizeof(a->policy.home), "%s", home);
	if (!getcwd(a->policy.here, sizeof(a->policy.here)))
		*a->policy.here = 0;
	guard_part(&a->policy, &a->part);
	policy->part = &a->part;
}

void guard_args_free(struct guard_args *a)
{
	guard_free(&a->policy);
	free(a->paths);
	a->paths = NULL;
}

int guard_args_paths(const struct verb *verb, enum guard_access access, const char *list, struct guard_policy *g)
{
	char why[256];

	while (*list) {
		size_t n = strcspn(list, ",");
		char *one = strndup(list, n);
		int err = one ? guard_add_path(g, access, true, one, why, sizeof(why)) : -ENOMEM;

		free(one);
		if (err)
			return misuse(verb, "--%s: %s", guard_access_name(access),
				      err == -ENOMEM ? strerror(ENOMEM) : why);
		list += n + (list[n] == ',');
	}
	return EXIT_OK;
}

static uint8_t access_bits(enum guard_access access)
{
	return access == GUARD_READ ? TREE_READ : access == GUARD_WRITE ? TREE_WRITE : TREE_RUN;
}

/* Where a path leads, as far as it leads to something. */
static bool real_path(const char *path, char to[PATH_MAX])
{
	char head[PATH_MAX];
	const char *rest = path + strlen(path);
	size_t n;

	if (realpath(path, to))
		return true;
	do {
		do
			rest--;
		while (rest > path && *rest != '/');
		snprintf(head, sizeof(head), "%.*s", rest > path ? (int)(rest - path) : 1, path);
	} while (rest > path && !realpath(head, to));
	if (rest == path && !realpath("/", to))
		return false;
	n = strlen(to);
	n = n == 1 ? 0 : n;
	return snprintf(to + n, PATH_MAX - n, "%s", rest) < (int)(PATH_MAX - n);
}

int guard_follow_links(struct guard_policy *p)
{
	char real[PATH_MAX];

	for (uint32_t i = 0; i < p->n_paths; i++) {
		char *copy;

		if (!real_path(p->paths[i].path, real) || !strcmp(real, p->paths[i].path))
			continue;
		if (strlen(real) > GUARD_PATH_MAX)
			return fail("the policy: %.200s leads to a path that is longer than a rule's may be",
				    p->paths[i].path);
		copy = strdup(real);
		if (!copy)
			return fail("%s", strerror(ENOMEM));
		free(p->paths[i].path);
		p->paths[i].path = copy;
	}
	return EXIT_OK;
}

int guard_args_files(struct guard_args *a, bool audit, struct tree_files *out)
{
	struct guard_policy *p = &a->policy;
	uint32_t n_devices = 0;
	char why[512];

	*out = (struct tree_files){0};
	if (!guard_is_on(p))
		return EXIT_OK;
	if (guard_follow_links(p))
		return EXIT_FAILED;
	if (audit)
		return EXIT_OK;
	while (guard_device(n_devices))
		n_devices++;
	a->paths = calloc(p->n_paths + n_devices + 1, sizeof(*a->paths));
	if (!a->paths)
		return fail("%s", strerror(ENOMEM));
	for (uint32_t i = 0; i < p->n_paths; i++) {
		const struct guard_path *x = &p->paths[i];
		uint8_t bits = access_bits(x->access);

		a->paths[i].path = x->path;
		if (x->allow)
			a->paths[i].open = bits | (bits == TREE_WRITE ? TREE_READ : 0);
		else
			a->paths[i].shut = bits;
	}
	for (enum guard_access access = 0; access < GUARD_ACCESSES; access++)
		if (!guard_allows_unmatched(p, access))
			out->closed |= access_bits(access);
	for (uint32_t i = 0; i < n_devices; i++)
		a->paths[p->n_paths + i] = (struct tree_path){.path = guard_device(i), .open = TREE_READ | TREE_WRITE};
	out->paths = a->paths;
	out->n_paths = p->n_paths + n_devices;
	for (uint32_t i = 0; i < out->n_paths; i++) {
		a->paths[i].asked = files_asked(out, &a->paths[i]);
		a->asked |= a->paths[i].asked;
	}
	return files_check(out, why, sizeof(why)) ? fail("the policy: %s", why) : EXIT_OK;
}

const char *guard_args_asked(const struct guard_args *a)
{
	for (uint32_t i = 0; a->asked && i < a->policy.n_paths; i++)
		if (a->paths[i].asked)
			return a->paths[i].path;
	return NULL;
}

/* The program. */

/* The folders that a place is in. */
static int keep_names(int above, const char *place)
{
	struct guard_key key = {""};
	const uint8_t one = 1;
	int err = 0;

	for (size_t i = 1; place[i] && !err; i++) {
		if (place[i] != '/')
			continue;
		memcpy(key.path, place, i);
		err = bpf_map_update_elem(above, &key, &one, BPF_ANY);
	}
	return err;
}

/* What programs decide on: all rules about reading and writing, for the longest path counts. What may be written may be read. */
static int fill_places(const struct run_guard *g, const struct bpf_object *obj)
{
	const struct guard_policy *p = &g->args->policy;
	int places = bpf_object__find_map_fd_by_name(obj, "places"),
	    above = bpf_object__find_map_fd_by_name(obj, "above"), err = 0;

	for (uint32_t i = 0; i < p->n_paths && !err; i++) {
		const struct guard_path *x = &p->paths[i];
		uint32_t state = x->allow ? GUARD_PLACE_OPEN : GUARD_PLACE_SHUT;
		struct guard_place place = {0};
		struct guard_key key = {""};

		memcpy(key.path, x->path, strlen(x->path));
		if (!x->allow)
			err = keep_names(above, x->path);
		if (x->access == GUARD_RUN || err)
			continue;
		bpf_map_lookup_elem(places, &key, &place);
		/* Of two with the same path the one that denies counts. */
		if (x->access == GUARD_WRITE)
			place.write = MAX(place.write, state);
		if (x->access == GUARD_READ || x->allow)
			place.read = MAX(place.read, state);
		err = bpf_map_update_elem(places, &key, &place, BPF_ANY);
	}
	return err;
}

static int fill(struct run_guard *g)
{
	const struct bpf_object *obj = object_libbpf(g->src->obj);
	const struct guard_policy *p = &g->args->policy;
	int paths = bpf_object__find_map_fd_by_name(obj, "paths"),
	    calls = bpf_object__find_map_fd_by_name(obj, "calls");
	const struct guard_config config = {.everything = g->audit || g->advise,
					    .audit = g->audit,
					    .runs_closed = !guard_allows_unmatched(p, GUARD_RUN)};
	uint32_t zero = 0;
	int err = bpf_map_update_elem(bpf_object__find_map_fd_by_name(obj, "config"), &zero, &config, BPF_ANY);

	for (uint32_t i = 0; i < p->n_paths && !err; i++) {
		struct guard_value value = {.rule = i, .allow = p->paths[i].allow};
		struct guard_key key = {""};

		if (p->paths[i].access != GUARD_RUN)
			continue;
		memcpy(key.path, p->paths[i].path, strlen(p->paths[i].path));
		/* Of two with the same path the one that denies counts. */
		err = bpf_map_update_elem(paths, &key, &value, value.allow ? BPF_NOEXIST : BPF_ANY);
		if (err == -EEXIST)
			err = 0;
	}
	if (!err && g->args->asked)
		err = fill_places(g, obj);
	for (uint32_t i = 0; i < p->n_calls && !err; i++) {
		const struct guard_call_value value = {.action = p->calls[i].action, .err = -p->calls[i].err};
		uint32_t nr = (uint32_t)p->calls[i].nr;

		err = bpf_map_update_elem(calls, &nr, &value, BPF_ANY);
	}
	return err;
}

int run_guard_new(struct guard_args *args, bool audit, bool advise, bool live, struct source *src,
		  const struct tree *tree, struct run_guard **out)
{
	struct run_guard *g = calloc(1, sizeof(*g));
	struct skep_hive *before;
	int err = g ? owners_new(tree->diag, tree->proc, tree->notes, &g->owners) : -ENOMEM;

	*out = g;
	if (err)
		return fail("the guard: %s", strerror(-err));
	g->args = args;
	g->audit = audit;
	g->advise = advise;
	g->live = live;
	g->src = src;
	g->hive = src->hive;
	g->tree = tree;
	before = seam_enter(g->hive);
	err = fill(g);
	seam_enter(before);
	return err ? fail("the guard: %s", strerror(-err)) : EXIT_OK;
}

static bool has_rules(const struct guard_policy *p, bool runs)
{
	for (uint32_t i = 0; i < p->n_paths; i++)
		if ((p->paths[i].access == GUARD_RUN) == runs)
			return true;
	return false;
}

/* Which of its programs a policy needs. */
static bool is_needed(const struct run_guard *g, const char *section)
{
	const struct guard_policy *p = &g->args->policy;
	bool exec = strstr(section, "_execve");

	if (!strchr(section, '/'))
		return false;
	if (!strncmp(section, "raw_tp/", 7))
		return true;
	if (!strcmp(section, "lsm/file_open") || !strncmp(section, "lsm/path_", 9))
		return g->args->asked;
	if (strncmp(section, "tracepoint/", 11) != 0)
		return g->advise || has_rules(p, true);
	return g->advise || (exec ? has_rules(p, true) : has_rules(p, false));
}

int run_guard_attach(struct run_guard *g, struct run_calls *calls)
{
	const struct guard_policy *p = &g->args->policy;
	struct bpf_program *at_call = bpf_object__find_program_by_name(object_libbpf(g->src->obj), "at_call");
	struct skep_hive *before;
	int err = EXIT_OK;

	for (uint32_t i = 0; i < object_programs(g->src->obj) && !err; i++) {
		struct skep_program *prog = object_program_at(g->src->obj, i);

		if (is_needed(g, bpf_program__section_name(program_libbpf(prog))))
			err = run_calls_attach(calls, g->src, prog);
	}
	before = seam_enter(g->hive);
	for (uint32_t i = 0; i < p->n_calls && !err; i++) {
		LIBBPF_OPTS(bpf_kprobe_opts, opts, .bpf_cookie = (uint64_t)p->calls[i].nr);
		char name[64];

		snprintf(name, sizeof(name), "__x64_sys_%s", calls_at(p->calls[i].nr)->entry);
		g->links[g->n_links] = bpf_program__attach_kprobe_opts(at_call, name, &opts);
		if (g->links[g->n_links])
			g->n_links++;
		else
			err = fail("the guard: system call '%s' cannot be guarded: %s", call_name(p->calls[i].nr),
				   strerror(errno));
	}
	seam_enter(before);
	return err;
}

/* What it tells. */

static char *link_of(const struct run_guard *g, uint32_t pid, const char *what)
{
	char link[64], to[PATH_MAX];
	ssize_t n;

	snprintf(link, sizeof(link), "%u/%s", pid, what);
	n = readlinkat(g->tree->proc, link, to, sizeof(to) - 1);
	to[MAX(n, (ssize_t)0)] = 0;
	return *to == '/' ? strdup(to) : NULL;
}

/* The folder that a relative path of a process begins at. Return: NULL: it is gone; the caller's */
static char *folder_of(const struct run_guard *g, const struct guard_event *e)
{
	uint32_t i = e->pid % GUARD_KNOWN;
	char what[32];
	char *folder;

	if (e->dir != AT_FDCWD) {
		snprintf(what, sizeof(what), "fd/%d", e->dir);
		return link_of(g, e->pid, what);
	}
	folder = link_of(g, e->pid, "cwd");
	if (folder || g->known[i].start != e->start || !g->known[i].folder)
		return folder;
	return strdup(g->known[i].folder);
}

/*
 * A path as rules have it: absolute, and without links as far as it leads to something.
 * Return: false: the process is gone, and its folder with it.
 */
static bool whole_path(const struct run_guard *g, const struct guard_event *e, char to[PATH_MAX])
{
	AUTO_FREE char *folder = *e->path == '/' ? NULL : folder_of(g, e);
	char path[2 * PATH_MAX], *slash;
	int n;

	if (*e->path != '/' && !folder)
		return false;
	n = snprintf(path, sizeof(path), "%s%s%.*s", folder ? folder : "", *e->path == '/' ? "" : "/",
		     (int)sizeof(e->path), e->path);
	if (n >= PATH_MAX)
		return false;
	if (realpath(path, to))
		return true;
	/* The file itself is not there, or not to be seen: its folder may be. */
	slash = strrchr(path, '/');
	*slash = 0;
	if (!realpath(*path ? path : "/", to))
		strcpy(to, path);
	n = (int)strlen(to);
	snprintf(to + n, (size_t)(PATH_MAX - n), "%s%s", n == 1 ? "" : "/", slash + 1);
	return true;
}

/* @task: becomes the table's */
static void know(struct run_guard *g, const struct guard_event *e, struct task *task)
{
	uint32_t i = e->pid % GUARD_KNOWN;

	task_put(g->known[i].task);
	free(g->known[i].folder);
	g->known[i].task = task;
	g->known[i].start = e->start;
	g->known[i].folder = link_of(g, e->pid, "cwd");
}

/* Who made a process that is gone. Return: held, or NULL. */
static struct task *parent_of(struct run_guard *g, const struct guard_event *e)
{
	struct task *t = g->known[e->parent % GUARD_KNOWN].task;

	if (t && t->pid == e->parent)
		return task_get(t);
	return owners_task(g->owners, e->parent);
}

/* A program begins. It may be gone by now: its arguments are in the event. */
static void take_begun(struct run_guard *g, const struct guard_event *e)
{
	struct task *t = owners_task(g->owners, e->pid);
	struct task *parent = t ? NULL : parent_of(g, e);
	struct task *named =
		task_named(t, parent, e->pid, e->comm, e->path, MIN(e->text, (uint32_t)sizeof(e->path) - 1));

	task_put(t);
	task_put(parent);
	if (named)
		know(g, e, named);
}

/* Who did it. Return: held, or NULL. */
static struct task *task_of(struct run_guard *g, const struct guard_event *e)
{
	uint32_t i = e->pid % GUARD_KNOWN;
	struct task *t = g->known[i].task;

	if (t && t->pid == e->pid && g->known[i].start == e->start)
		return task_get(t);
	t = owners_task(g->owners, e->pid);
	if (t)
		know(g, e, task_get(t));
	return t;
}

static void note_refusal(struct run_guard *g, const struct guard_kind *like, const struct guard_event *e)
{
	struct task *task = task_of(g, e);
	struct guard_kind *k;

	g->refused += !guard_only_logs(g, like);
	for (uint32_t i = 0; i < g->n; i++) {
		k = &g->kinds[i];
		if (k->kind == like->kind && k->access == like->access && k->rule == like->rule && k->nr == like->nr &&
		    !strcmp(k->path ? k->path : "", like->path ? like->path : "") &&
		    (k->task && task ? k->task == task || !strcmp(k->task->cmdline, task->cmdline)
				     : k->task == task && k->pid == e->pid)) {
			k->times++;
			task_put(task);
			return;
		}
	}
	if (g->n == GUARD_KINDS) {
		g->more++;
		task_put(task);
		return;
	}
	k = &g->kinds[g->n];
	*k = *like;
	k->path = like->path ? strdup(like->path) : NULL;
	k->task = task;
	k->times = 1;
	k->pid = e->pid;
	memcpy(k->comm, e->comm, sizeof(k->comm));
	k->comm[sizeof(k->comm) - 1] = 0;
	printable(k->comm, strlen(k->comm));
	if (like->path && !k->path) {
		g->more++;
		task_put(task);
		return;
	}
	if (k->path)
		printable(k->path, strlen(k->path));
	g->n++;
	if (g->live) {
		fprintf(stderr, "skep: %s: ",
			guard_only_logs(g, k) ? "logged"
			: g->audit            ? "would be refused"
					      : "refused");
		guard_print_kind(g, stderr, k);
		fputc('\n', stderr);
	}
}

static void note_seen(struct run_guard *g, enum guard_access access, const char *path)
{
	char **more;

	for (uint32_t i = 0; i < g->n_seen[access]; i++)
		if (!strcmp(g->seen[access][i], path))
			return;
	if (g->n_seen[access] == GUARD_SEEN) {
		g->unseen++;
		return;
	}
	more = realloc(g->seen[access], (g->n_seen[access] + 1) * sizeof(*more));
	if (more)
		g->seen[access] = more;
	if (more && (more[g->n_seen[access]] = strdup(path)))
		g->n_seen[access]++;
	else
		g->unseen++;
}

/* Is it something that the policy speaks against? An error of the file system's own is none. */
static void judge(struct run_guard *g, const struct guard_event *e, enum guard_access access, const char *path)
{
	struct guard_kind k = {.kind = GUARD_EVENT_FILE, .access = access, .path = (char *)path};

	if (g->advise && e->result >= 0)
		note_seen(g, access, path);
	if (!guard_decide(&g->args->policy, access, path, &k.rule))
		note_refusal(g, &k, e);
}

static void take_file(struct run_guard *g, const struct guard_event *e)
{
	bool runs = e->nr == SYS_execve || e->nr == SYS_execveat;
	uint32_t mode = e->flags & O_ACCMODE;
	char path[PATH_MAX];

	if (!e->text)
		return;
	if (!whole_path(g, e, path)) {
		g->unknown++;
		return;
	}
	/* That of an exec is judged at its end, where the very file is known. */
	if (runs && e->result < 0)
		judge(g, e, GUARD_RUN, path);
	if (runs)
		return;
	if (mode != O_RDONLY || (e->flags & (O_CREAT | O_TRUNC)))
		judge(g, e, GUARD_WRITE, path);
	else
		judge(g, e, GUARD_READ, path);
}

static void take_run(struct run_guard *g, const struct guard_event *e)
{
	struct guard_kind k = {
		.kind = GUARD_EVENT_RUN, .access = GUARD_RUN, .rule = (int)e->rule, .path = (char *)e->path};

	if (e->result)
		note_refusal(g, &k, e);
	else if (g->advise)
		note_seen(g, GUARD_RUN, e->path);
}

void run_guard_take(void *arg, const char *map, const void *data, size_t size)
{
	struct run_guard *g = arg;
	struct guard_event e;

	if (size < sizeof(e))
		return;
	memcpy(&e, data, sizeof(e));
	e.path[MIN(e.text, (uint32_t)sizeof(e.path) - 1)] = 0;
	e.comm[sizeof(e.comm) - 1] = 0;
	if (e.kind == GUARD_EVENT_FILE) {
		take_file(g, &e);
	} else if (e.kind == GUARD_EVENT_RUN) {
		take_run(g, &e);
	} else if (e.kind == GUARD_EVENT_BEGUN) {
		take_begun(g, &e);
	} else {
		struct guard_kind k = {.kind = GUARD_EVENT_CALL, .rule = -1, .nr = e.nr};

		note_refusal(g, &k, &e);
	}
}

void run_guard_free(struct run_guard *g)
{
	struct skep_hive *before;

	if (!g)
		return;
	before = g->hive ? seam_enter(g->hive) : NULL;
	for (uint32_t i = 0; i < g->n_links; i++)
		bpf_link__destroy(g->links[i]);
	if (g->hive)
		seam_enter(before);
	for (int i = 0; i < GUARD_KNOWN; i++) {
		task_put(g->known[i].task);
		free(g->known[i].folder);
	}
	for (uint32_t i = 0; i < g->n; i++) {
		free(g->kinds[i].path);
		task_put(g->kinds[i].task);
	}
	for (enum guard_access access = 0; access < GUARD_ACCESSES; access++) {
		for (uint32_t i = 0; i < g->n_seen[access]; i++)
			free(g->seen[access][i]);
		free(g->seen[access]);
	}
	owners_free(g->owners);
	free(g);
}
