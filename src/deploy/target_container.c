/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A container's processes, without its runtime: every runtime puts a container into a cgroup whose name carries the container's id, and /proc/PID/cgroup tells
 * everyone's. The layouts (RUNTIME/ with the cgroupfs driver, .scope with systemd's; ID is 64 hex digits):
 *
 *   podman              machine.slice/libpod-ID.scope[/container], libpod_parent/libpod-ID, NAME.service/libpod-payload-ID
 *   docker              system.slice/docker-ID.scope, docker/ID
 *   containerd          kubepods.slice/.../cri-containerd-ID.scope, kubepods/burstable/podUID/ID, k8s.io/ID,
 *                       system.slice/containerd.service/kubepods-...slice:cri-containerd:ID
 *   CRI-O               kubepods.slice/.../crio-ID.scope[/container], kubepods/.../crio-ID
 *
 * So a folder is a container's when its name is ID, WORD-ID or WORD:ID, with or without ".scope"; but those of the monitors, which stay outside of the container's
 * namespaces, are not: libpod-conmon-ID.scope, crio-conmon-ID.scope. That folder is the container's top, whatever is below it. Containers lie in containers (kind,
 * docker in docker): each folder of a path counts.
 *
 * Whoever may make a cgroup may give it such a name. An id that is in two places is therefore refused, with both named, like an ambiguous beginning of one.
 *
 * Where containers are in v1 hierarchies (the hybrid layout) their processes are found by those, but there is no cgroup v2 to attach to.
 *
 * Names are the runtimes' own business: podman and docker are asked (target_ask.c). Like there, a name goes before the beginning of an id.
 */
#include "base/util.h"
#include "deploy/target_part.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

enum {
	ID_SHORTEST = 4, /* digits of the beginning of an id */
	CANDIDATES = 4, /* as many are named when it is ambiguous */
	TRIES = 3 /* a container's first process may end while it is looked at */
};

/* What decides which process of a container is its first. */
struct process {
	pid_t pid;
	int depth; /* PID namespaces that it has a number in */
	bool init; /* it is PID 1 of the innermost */
	unsigned long long start; /* in clock ticks since boot */
};

struct found {
	char id[CONTAINER_ID + 1];
	char cgroup[TARGET_PATH]; /* as in struct container */
	struct process first;
};

struct search {
	int proc;
	const char *prefix;
	size_t n; /* of found[]; CANDIDATES + 1: there are more */
	struct found found[CANDIDATES];
};

/* The id that a folder's name carries, NULL: none. */
static const char *id_in(const char *name, size_t n)
{
	static const char scope[] = ".scope", monitor[] = "conmon-";

	if (n > strlen(scope) && !memcmp(name + n - strlen(scope), scope, strlen(scope)))
		n -= strlen(scope);
	if (n < CONTAINER_ID || !target_is_hex(name + n - CONTAINER_ID, CONTAINER_ID))
		return NULL;
	n -= CONTAINER_ID;
	if (n && name[n - 1] != '-' && name[n - 1] != ':')
		return NULL;
	if (n >= strlen(monitor) && !memcmp(name + n - strlen(monitor), monitor, strlen(monitor)))
		return NULL;
	return name + n;
}

/* The next folder of a path that is a container's. Return: its id; @end: where the folder's name ends. NULL: there is no further one. */
static const char *next_id(const char *at, const char **end)
{
	const char *id;
	size_t n;

	for (; *at; at += n + (at[n] == '/')) {
		n = strcspn(at, "/");
		id = id_in(at, n);
		if (id) {
			*end = at + n;
			return id;
		}
	}
	return NULL;
}

static FILE *open_of(int proc, pid_t pid, const char *file)
{
	char path[48];
	int fd;
	FILE *f;

	snprintf(path, sizeof(path), "%d/%s", pid, file);
	fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
	f = fd < 0 ? NULL : fdopen(fd, "r");
	if (!f && fd >= 0)
		close(fd);
	return f;
}

/* Reads what /proc/PID/status and stat say of a process (man 5 proc). Return: it runs. */
static bool read_process(int proc, pid_t pid, struct process *p)
{
	char *line = NULL, *after, *number, *rest;
	FILE *f = open_of(proc, pid, "status");
	bool dead = true;
	size_t room = 0;

	*p = (struct process){.pid = pid};
	while (f && getline(&line, &room, f) > 0) {
		if (!strncmp(line, "State:\t", 7))
			dead = strchr("ZX", line[7]);
		if (strncmp(line, "NSpid:", 6))
			continue;
		for (rest = line + 6; (number = strtok_r(NULL, "\t\n", &rest)); p->depth++)
			p->init = !strcmp(number, "1");
	}
	if (f)
		fclose(f);
	f = dead ? NULL : open_of(proc, pid, "stat");
	/* The name stands in parentheses and may hold some itself; the start is field 22. */
	after = f && getline(&line, &room, f) > 0 ? strrchr(line, ')') : NULL;
	dead = !after ||
	       sscanf(after + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
		      &p->start) != 1;
	if (f)
		fclose(f);
	free(line);
	return !dead;
}

/*
 * Is a the container's first process, rather than b? In the outermost PID namespace of them all (deeper ones are made within the container) it is PID 1; where the
 * container shares somebody's PID namespace it is the one that began earliest.
 */
static bool is_before(const struct process *a, const struct process *b)
{
	if (a->depth != b->depth)
		return a->depth < b->depth;
	if (a->init != b->init)
		return a->init;
	return a->start != b->start ? a->start < b->start : a->pid < b->pid;
}

/* A process is in the container @id, whose top is @cgroup, "": not known from this line. */
static void note(struct search *s, const char *id, const char *cgroup, size_t n, const struct process *p)
{
	struct found *f;
	size_t i;

	n = MIN(n, sizeof(f->cgroup) - 1);
	for (i = 0; i < MIN(s->n, (size_t)CANDIDATES); i++) {
		f = &s->found[i];
		if (memcmp(f->id, id, CONTAINER_ID))
			continue;
		if (!*f->cgroup)
			memcpy(f->cgroup, cgroup, n);
		if (!n || (!memcmp(f->cgroup, cgroup, n) && !f->cgroup[n])) {
			if (is_before(p, &f->first))
				f->first = *p;
			return;
		}
	}
	s->n = MIN(s->n + 1, (size_t)CANDIDATES + 1);
	if (i == CANDIDATES)
		return;
	f = &s->found[i];
	*f = (struct found){.first = *p};
	memcpy(f->id, id, CONTAINER_ID);
	memcpy(f->cgroup, cgroup, n);
}

/* Looks which containers a process is in. A line of /proc/PID/cgroup: NUMBER:CONTROLLERS:/PATH, that of v2 "0::/PATH" (cgroups(7)). */
static void look(struct search *s, pid_t pid)
{
	FILE *f = open_of(s->proc, pid, "cgroup");
	struct process p = {0};
	const char *path, *id, *end;
	char *line = NULL;
	size_t room = 0;

	while (f && getline(&line, &room, f) > 0) {
		bool v2 = !strncmp(line, "0::/", 4);

		line[strcspn(line, "\n")] = 0;
		path = strstr(line, ":/");
		path = path ? path + 2 : "";
		for (end = path; (id = next_id(end, &end));) {
			/* An id once more below its top is the container's own doing. */
			if (strncmp(id, s->prefix, strlen(s->prefix)) ||
			    memmem(path, (size_t)(id - path), id, CONTAINER_ID))
				continue;
			if (!p.pid && !read_process(s->proc, pid, &p))
				break;
			note(s, id, path, v2 ? (size_t)(end - path) : 0, &p);
		}
	}
	free(line);
	if (f)
		fclose(f);
}

static int scan(struct search *s, char *why)
{
	int fd = openat(s->proc, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	s->n = 0;
	if (!d) {
		target_say(why, -errno, "/proc: %m");
		if (fd >= 0)
			close(fd);
		return -EIO;
	}
	while ((e = readdir(d)))
		if (isdigit((unsigned char)*e->d_name))
			look(s, (pid_t)strtol(e->d_name, NULL, 10));
	closedir(d);
	return 0;
}

/* There are several: says which. */
static int ambiguous(const struct search *s, const char *named, char *why)
{
	size_t digits = MAX(strlen(s->prefix) + 4, (size_t)CONTAINER_SHORT);
	char there[TARGET_WHY / 2];
	bool places = false;
	size_t at = 0;

	/* The same id twice: only its folders tell the difference. */
	for (size_t i = 1; i < MIN(s->n, (size_t)CANDIDATES); i++)
		places |= !strcmp(s->found[i].id, s->found[i - 1].id);
	for (size_t i = 0; i < MIN(s->n, (size_t)CANDIDATES) && at < sizeof(there); i++)
		at += (size_t)snprintf(there + at, sizeof(there) - at, "%s%.*s", i ? ", " : "",
				       places ? 110 : (int)digits, places ? s->found[i].cgroup : s->found[i].id);
	if (places)
		return target_say(why, -ENOTUNIQ,
				  "--container %.64s: in several cgroups; choose with --cgroup and --netns: %s", named,
				  there);
	return target_say(why, -ENOTUNIQ, "--container %.64s: several begin so; give more digits: %s%s", named, there,
			  s->n > CANDIDATES ? ", ..." : "");
}

/* Holds the first process of what was found. Return: 0, -EAGAIN: the process has gone meanwhile, or another negative errno. */
static int hold_first(const struct search *s, struct container *c, char *why)
{
	AUTO_FREE struct search *again = calloc(1, sizeof(*again));
	const struct found *f = &s->found[0];
	AUTO_CLOSE int pidfd = (int)syscall(SYS_pidfd_open, f->first.pid, 0);

	if (!again)
		return target_say(why, -ENOMEM, "out of memory");
	if (pidfd < 0)
		return errno == ESRCH ? -EAGAIN : target_say(why, -errno, "process %d: %m", f->first.pid);
	/* The number may be another's since: looked at once more, now that it is held. */
	again->proc = s->proc;
	again->prefix = f->id;
	look(again, f->first.pid);
	if (again->n != 1 || again->found[0].first.start != f->first.start ||
	    strcmp(again->found[0].cgroup, f->cgroup) || !target_runs(pidfd))
		return -EAGAIN;
	memcpy(c->id, f->id, sizeof(c->id));
	memcpy(c->cgroup, f->cgroup, sizeof(c->cgroup));
	c->pid = f->first.pid;
	c->pidfd = STEAL_FD(pidfd);
	return 0;
}

/* Looks for the one container with such an id. Return: 0, -ESRCH: there is none, without a reason; or another negative errno. */
static int find_by_id(const char *named, const char *prefix, struct container *c, char *why)
{
	AUTO_CLOSE int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_FREE struct search *s = calloc(1, sizeof(*s));
	int err = -EAGAIN;

	if (proc < 0 || !s)
		return target_say(why, -errno, "/proc: %m");
	s->proc = proc;
	s->prefix = prefix;
	for (int i = 0; i < TRIES && err == -EAGAIN; i++) {
		err = scan(s, why);
		if (!err)
			err = !s->n ? -ESRCH : s->n > 1 ? ambiguous(s, named, why) : hold_first(s, c, why);
	}
	return err == -EAGAIN ? -ESRCH : err;
}

/* What podman and docker take for a name; so it is no option of theirs either. */
static bool is_name(const char *text)
{
	static const char others[] = "_.-";

	if (!isalnum((unsigned char)*text))
		return false;
	while (isalnum((unsigned char)*text) || (*text && strchr(others, *text)))
		text++;
	return !*text;
}

int container_find(const char *named, struct container *c, char *why)
{
	bool hex = target_is_hex(named, strlen(named)), whole = hex && strlen(named) == CONTAINER_ID;
	char id[CONTAINER_ID + 1], said[96] = "";
	int err, known;

	if (!is_name(named))
		return target_say(why, -EINVAL, "--container %.64s: no container's id or name", named);
	known = whole ? -ESRCH : target_ask(named, id, said, sizeof(said));
	if (known == -EEXIST)
		return target_say(why, -ENOTUNIQ, "--container %.64s: podman and docker have one each; give its id",
				  named);
	if (known && (!hex || strlen(named) < ID_SHORTEST || strlen(named) > CONTAINER_ID))
		return target_say(why, -ESRCH,
				  "--container %.64s: no container of that name (%s); an id needs %d digits or more",
				  named, said, ID_SHORTEST);
	err = find_by_id(named, known ? named : id, c, why);
	if (err != -ESRCH)
		return err;
	/* It may be there, and not run. */
	if (whole)
		known = target_ask(named, id, said, sizeof(said));
	if (!known)
		return target_say(why, -ESRCH, "--container %.64s: it is not running; start it first", named);
	return target_say(why, -ESRCH,
			  "--container %.64s: no process is in a container of that id (%s); is it running?", named,
			  said);
}
