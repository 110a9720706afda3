/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guard in the kernel: a policy on the files, executables and system calls of one cgroup. The object is another one than a run's (apps/guard_kernel.bpf.c): there Landlock closes
 * files and skep stops calls, here LSM programs do both. What these cannot hold to is refused before anything is touched.
 */
#include "apps/guard_kernel.h"

#include "base/printable.h"
#include "base/util.h"
#include "bpf/object.h"
#include "cli/deploy_app.h"
#include "cli/deploy_guard_calls.h"
#include "cli/deploy_scope.h"
#include "cli/run_guard.h"
#include "prog/calls.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OPT_READ, OPT_WRITE, OPT_RUN, OPT_POLICY, OPT_PROFILE, OPT_AUDIT };

static const struct option options[] = {{"read", required_argument, NULL, OPT_READ},
					{"write", required_argument, NULL, OPT_WRITE},
					{"run", required_argument, NULL, OPT_RUN},
					{"policy", required_argument, NULL, OPT_POLICY},
					{"profile", required_argument, NULL, OPT_PROFILE},
					{"audit", no_argument, NULL, OPT_AUDIT},
					{0}};

struct guarding {
	struct policy policy;
	struct guard_args args;
	struct btf *kernel;
};

static void *make(void)
{
	struct guarding *g = calloc(1, sizeof(*g));

	if (g)
		guard_args_init(&g->args, &g->policy);
	return g;
}

static void drop(void *state)
{
	struct guarding *g = state;

	guard_args_free(&g->args);
	policy_free(&g->policy);
	btf__free(g->kernel);
	free(g);
}

static int option(const struct verb *verb, void *state, int which, char *arg)
{
	struct guarding *g = state;
	struct policy_error why;
	int err;

	switch (which) {
	case OPT_POLICY:
		err = policy_parse_file(&g->policy, arg, &why);
		break;
	case OPT_PROFILE:
		err = policy_parse_profile(&g->policy, arg, &why);
		break;
	case OPT_AUDIT:
		g->policy.audit = true;
		return EXIT_OK;
	default:
		return guard_args_paths(verb, (enum guard_access)which, arg, &g->args.policy);
	}
	return err ? misuse(verb, "%s", err == -ENOMEM ? strerror(ENOMEM) : why.text) : EXIT_OK;
}

/* What is refused, and its rule. */
static int check_calls(const struct verb *verb, const struct guarding *g)
{
	const struct guard_policy *p = &g->args.policy;
	char why[256], *text = NULL;
	int ret = EXIT_OK;
	size_t n;
	FILE *rule;

	for (uint32_t i = 0; i < p->n_calls && ret == EXIT_OK; i++) {
		if (!guard_calls_check(g->kernel, p, &p->calls[i], why, sizeof(why)))
			continue;
		rule = open_memstream(&text, &n);
		if (rule) {
			guard_print_call(p, &p->calls[i], rule);
			fclose(rule);
		}
		ret = misuse(verb, "guard: %s: %s", text ? text : "a call", why);
		free(text);
	}
	return ret;
}

/*
 * Until Linux 6.2 an LSM program was passed over on a CPU where it was interrupted in another process, and passed over means allowed. That takes a kernel that preempts itself.
 * Return: EXIT_OK, or said.
 */
static int check_preemption(const struct verb *verb)
{
	struct utsname system;
	unsigned int major = 0, minor = 0;
	char modes[128] = "";
	FILE *f;

	if (uname(&system) || sscanf(system.release, "%u.%u", &major, &minor) != 2 || major > 6 ||
	    (major == 6 && minor >= 2))
		return EXIT_OK;
	f = fopen("/sys/kernel/debug/sched/preempt", "re");
	if (f) {
		if (!fgets(modes, sizeof(modes), f))
			*modes = 0;
		fclose(f);
	}
	/* "none voluntary (full)"; where the mode is not to be chosen the version says it. */
	if (f ? !strstr(modes, "(full)")
	      : !strstr(system.version, " PREEMPT ") && !strstr(system.version, " PREEMPT_RT "))
		return EXIT_OK;
	return misuse(verb,
		      "guard: Linux %u.%u with full preemption passes over an LSM program now and then, which would "
		      "let through what it refuses: boot with preempt=voluntary, or Linux 6.2 or newer",
		      major, minor);
}

static int ready(const struct verb *verb, void *state, struct deploy_opts *to)
{
	struct guarding *g = state;

	if (!to->target.cgroup && !to->target.container && !to->replace)
		return misuse(verb, "guard: without --cgroup PATH or --container ID it would hold the whole machine to "
				    "the policy, you with it");
	if (to->target.pid || to->target.iface || to->target.netns)
		return misuse(verb, "guard: --pid, --iface and --netns do not go with it: --cgroup PATH or --container "
				    "ID says who is guarded");
	if (!guard_is_on(&g->args.policy))
		return misuse(verb, "guard has no rules: --policy, --profile, --read, --write and --run give it some");
	if (g->policy.n_rules || g->policy.unmatched)
		return misuse(verb, "guard: the policy has rules about the network, which it does not hold to; 'skep "
				    "deploy egress-firewall' does");
	/* Of two policies in the same maps neither would be held to. */
	to->reset_maps |= to->replace;
	g->kernel = btf__load_vmlinux_btf();
	if (!g->kernel)
		return fail("guard: the kernel's types (/sys/kernel/btf/vmlinux): %s", strerror(errno));
	return check_calls(verb, g) || check_preemption(verb) ? EXIT_USAGE : EXIT_OK;
}

static bool is_of(const char *prog, const char *const *list)
{
	while (*list && strcmp(*list, prog) != 0)
		list++;
	return *list;
}

/* Which programs the policy needs. A policy that refuses nothing needs no LSM programs but those that tell of files. */
static bool loads(void *state, const char *prog)
{
	const struct guarding *g = state;
	const struct guard_policy *p = &g->args.policy;
	static const char *const files[] = {"at_open",   "at_truncate", "at_mknod", "at_mkdir",  "at_rmdir",
					    "at_unlink", "at_symlink",  "at_link",  "at_rename", NULL};
	static const char *const names[] = {"at_capable", "at_ptrace", NULL}; /* hold what paths lead to */
	static const char *const ways_out[] = {"at_leaving", "at_bpf", NULL};
	bool stops = false, refuses = p->n_paths;

	if (!strcmp(prog, "on_call"))
		return p->n_calls;
	for (uint32_t i = 0; i < p->n_calls; i++) {
		if (p->calls[i].action == GUARD_LOG)
			continue;
		refuses = true;
		stops |= !strcmp(prog, "at_anon") || guard_calls_stops(prog, p->call_name(p->calls[i].nr));
	}
	if (p->n_paths && is_of(prog, files))
		return true;
	if (g->policy.audit || !refuses)
		return false;
	return is_of(prog, ways_out) || (p->n_paths && is_of(prog, names)) ||
	       (stops && guard_calls_hook(g->kernel, prog));
}

/* Paths as the processes of a container see them: links are followed by a child that has its root. */
static int follow_inside(struct guard_policy *p, pid_t pid, char *why)
{
	size_t room = (size_t)(p->n_paths + 1) * (GUARD_PATH_MAX + 1);
	char *all = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), root[64];
	int status = -1, err = 0;
	pid_t child;

	if (all == MAP_FAILED)
		return -ENOMEM;
	snprintf(root, sizeof(root), "/proc/%d/root", (int)pid);
	child = fork();
	if (!child) {
		if (chroot(root) || chdir("/") || guard_follow_links(p))
			_exit(EXIT_FAILED);
		for (uint32_t i = 0; i < p->n_paths; i++)
			strcpy(all + i * (GUARD_PATH_MAX + 1), p->paths[i].path);
		_exit(EXIT_OK);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || status) {
		snprintf(why, DEPLOY_WHY,
			 "the container's root (%s) cannot be entered, to find what the policy's paths lead to", root);
		err = -EINVAL;
	}
	for (uint32_t i = 0; i < p->n_paths && !err; i++) {
		char *path = strdup(all + i * (GUARD_PATH_MAX + 1));

		err = path ? 0 : -ENOMEM;
		if (path) {
			free(p->paths[i].path);
			p->paths[i].path = path;
		}
	}
	munmap(all, room);
	return err;
}

static int opened(void *state, struct skep_object *obj, const struct target *target, char *why)
{
	struct guarding *g = state;
	struct guard_policy *p = &g->args.policy;
	int err = deploy_scope_open(obj, target, why);

	if (!err && target->cgroup < 0) {
		snprintf(why, DEPLOY_WHY, "there is no cgroup to guard: --cgroup PATH or --container ID");
		err = -EINVAL;
	}
	if (!err)
		err = deploy_constant(obj, "about_files", p->n_paths, why);
	if (!err)
		err = deploy_constant(obj, "about_calls", p->n_calls, why);
	if (!err && target->pid)
		err = follow_inside(p, target->pid, why);
	else if (!err && guard_follow_links(p))
		err = -EINVAL; /* said */
	return err;
}

/* The maps. */

static int map_of(const struct skep_object *obj, const char *name)
{
	return bpf_object__find_map_fd_by_name(object_libbpf((struct skep_object *)obj), name);
}

/* One more word on a path: the stronger of two counts. */
static int say_path(int paths, const char *path, enum guard_access access, enum guard_state state)
{
	struct guard_path_value value = {0};
	struct guard_key key = {""};

	memcpy(key.path, path, strlen(path));
	bpf_map_lookup_elem(paths, &key, &value);
	if (state == GUARD_UNSAID && value.state[access])
		return 0;
	value.state[access] = MAX(value.state[access], (uint8_t)state);
	return bpf_map_update_elem(paths, &key, &value, BPF_ANY) ? -errno : 0;
}

/* The folders that a place is in keep their names. */
static int keep_names(int above, const char *place)
{
	struct guard_key key = {""};
	const uint8_t one = 1;

	for (size_t i = 1; place[i]; i++) {
		if (place[i] != '/')
			continue;
		memcpy(key.path, place, i);
		if (bpf_map_update_elem(above, &key, &one, BPF_ANY))
			return -errno;
	}
	return 0;
}

static int fill_paths(const struct guard_policy *p, const struct skep_object *obj)
{
	int paths = map_of(obj, "paths"), above = map_of(obj, "above"), err = 0;
	const char *device;

	for (uint32_t i = 0; i < p->n_paths && !err; i++) {
		const struct guard_path *x = &p->paths[i];

		err = say_path(paths, x->path, x->access, x->allow ? GUARD_OPEN : GUARD_SHUT);
		/* Who may write may read. */
		if (!err && x->allow && x->access == GUARD_WRITE)
			err = say_path(paths, x->path, GUARD_READ, GUARD_OPEN);
		if (!err)
			err = keep_names(above, x->path);
	}
	for (uint32_t i = 0; (device = guard_device(i)) && !err; i++)
		for (enum guard_access access = GUARD_READ; access <= GUARD_WRITE && !err; access++) {
			int rule;

			guard_decide(p, access, device, &rule);
			if (rule < 0)
				err = say_path(paths, device, access, GUARD_OPEN);
		}
	for (enum guard_access access = 0; access < GUARD_ACCESSES && !err; access++)
		if (!guard_allows_unmatched(p, access))
			err = say_path(paths, "/", access, GUARD_UNSAID);
	return err;
}

/* By the numbers of 64-bit and 32-bit programs. */
static int fill_calls(const struct guard_policy *p, const struct skep_object *obj)
{
	static const struct {
		const char *name;
		uint32_t nr_32;
	} direct[] = {{"socket", 359},  {"socketpair", 360}, {"bind", 361},     {"connect", 362}, {"listen", 363},
		      {"accept4", 364}, {"setsockopt", 366}, {"sendto", 369},   {"sendmsg", 370}, {"recvfrom", 371},
		      {"recvmsg", 372}, {"shutdown", 373},   {"recvmmsg", 337}, {"sendmmsg", 345}};
	enum { SOCKETCALL = 102 };
	int calls = map_of(obj, "calls"), calls32 = map_of(obj, "calls32"), err = 0;

	for (uint32_t i = 0; i < p->n_calls && !err; i++) {
		const char *name = p->call_name(p->calls[i].nr);
		struct guard_call_value value = {.action = p->calls[i].action, .err = -p->calls[i].err};
		uint32_t nr = (uint32_t)p->calls[i].nr, nr_32 = SOCKETCALL;
		int other = seccomp_syscall_resolve_name_arch(SCMP_ARCH_X86, name);

		err = bpf_map_update_elem(calls, &nr, &value, BPF_ANY) ? -errno : 0;
		value.number = nr + 1;
		for (size_t k = 0; k < ARRAY_SIZE(direct) && !err; k++)
			if (!strcmp(direct[k].name, name)) {
				other = (int)direct[k].nr_32;
				/* Which of them socketcall(2) is it does not say by its number. */
				err = bpf_map_update_elem(calls32, &nr_32, &value, BPF_ANY) ? -errno : 0;
			}
		nr_32 = (uint32_t)other;
		if (!err && other >= 0)
			err = bpf_map_update_elem(calls32, &nr_32, &value, BPF_ANY) ? -errno : 0;
	}
	return err;
}

static int loaded(void *state, struct skep_object *obj, const struct target *target, bool replaced, char *why)
{
	const struct guarding *g = state;
	const struct guard_policy *p = &g->args.policy;
	struct guard_settings settings = {.audit = g->policy.audit};
	uint32_t zero = 0;
	char path[64];
	struct stat st;
	int err;

	/* What makes processes in a container enters its cgroup from outside, and must be able to go on to its root. */
	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)target->pid);
	if (target->pid && !stat(path, &st))
		settings.mnt_ns = (uint32_t)st.st_ino;
	for (enum guard_access access = 0; access < GUARD_ACCESSES; access++)
		if (!guard_allows_unmatched(p, access))
			settings.closes |= 1u << access;
	for (uint32_t i = 0; i < p->n_paths; i++)
		if (!p->paths[i].allow)
			settings.closes |= 1u << p->paths[i].access;
	err = bpf_map_update_elem(map_of(obj, "settings"), &zero, &settings, BPF_ANY) ? -errno : 0;
	if (!err)
		err = fill_paths(p, obj);
	if (!err)
		err = fill_calls(p, obj);
	if (err) {
		snprintf(why, DEPLOY_WHY, "the policy does not go into the maps: %s", strerror(-err));
		return err;
	}
	return deploy_scope_load(obj, target, why);
}

/* Events. */

static void say_call(FILE *to, const struct guard_kernel_event *e)
{
	static const char *const verbs[] = {"logged", "refused", "killed"};
	const struct call_desc *c = calls_at(e->nr);

	fprintf(to, "%s: system call %s: by call %s",
		e->action != GUARD_LOG && !e->err ? "would be refused" : verbs[MIN(e->action, 2u)], c ? c->name : "?",
		e->action == GUARD_LOG    ? "log"
		: e->action == GUARD_KILL ? "kill"
					  : "deny");
	if (e->action == GUARD_DENY && e->err && e->err != -EPERM)
		fprintf(to, "=%s", strerrorname_np(-e->err) ? strerrorname_np(-e->err) : "?");
	fprintf(to, " %s", c ? c->name : "?");
}

static bool event(void *state, FILE *to, const char *map, const void *data, size_t size)
{
	struct guard_kernel_event e;
	struct guard_path rule = {0};
	char path[GUARD_EVENT_PATH];

	if (size != sizeof(e))
		return false;
	memcpy(&e, data, sizeof(e));
	e.comm[sizeof(e.comm) - 1] = 0;
	e.path[sizeof(e.path) - 1] = 0;
	printable(e.comm, strlen(e.comm));
	snprintf(path, sizeof(path), "%s", e.text ? e.path : "(what no path leads to)");
	printable(path, strlen(path));
	if (e.kind == GUARD_TOLD_CALL) {
		say_call(to, &e);
	} else if (e.kind == GUARD_TOLD_FILE && e.way < GUARD_WAYS) {
		fprintf(to, "%s: %s %s: ", e.err ? "refused" : "would be refused",
			guard_access_name((enum guard_access)e.way), path);
		if (e.by && e.by < sizeof(path)) {
			path[e.by] = 0;
			rule = (struct guard_path){.access = (enum guard_access)e.way, .path = path};
			fputs("by ", to);
			guard_print_path(&rule, to);
		} else {
			fputs("no rule allows it", to);
		}
	} else {
		return false;
	}
	fprintf(to, "; %s (%u)\n", e.comm, e.pid);
	return true;
}

const struct deploy_app deploy_guard = {
	.name = "guard",
	.help = "  guard                what the processes of a cgroup may read, write, execute and call "
		"(docs/guard.md)\n"
		"    --read, --write, --run PATHS, --policy FILE, --profile NAME, --audit\n"
		"                       as in 'skep run guard'; --cgroup or --container must be given\n",
	.options = options,
	.make = make,
	.drop = drop,
	.option = option,
	.ready = ready,
	.loads = loads,
	.opened = opened,
	.loaded = loaded,
	.event = event,
};
