/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the current task is: its cgroup, its pid and network namespaces. As in task.c that is env->task, whose host knows, or the thread that runs the program:
 * then these are the hive's own process's, asked of the system. Needs: openat, read, stat of /proc/self and of the cgroup2 mount, socket and getsockopt.
 *
 * The cgroup may change while a program runs on; it is looked up again every CGROUP_AGE.
 */
#include "base/clock.h"
#include "base/util.h"
#include "helper/impl.h"
#include "helper/who.h"
#include "map/map.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

enum { CGROUP_AGE = 10000000 /* ns */, PATH_ROOM = 4096 };

/* The path of a process in the unified hierarchy: the line "0::PATH". */
static bool read_path(int dir, const char *file, char path[PATH_ROOM])
{
	int fd = openat(dir, file, O_RDONLY | O_CLOEXEC);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
	char line[PATH_ROOM];
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f))
		if (!strncmp(line, "0::", 3)) {
			line[strcspn(line, "\n")] = 0;
			snprintf(path, PATH_ROOM, "%s", line + 3);
			found = true;
		}
	if (f)
		fclose(f);
	else if (fd >= 0)
		close(fd);
	return found;
}

/* Where that hierarchy is mounted, and which of its directories is there. */
static bool cgroup_mount(char at[PATH_ROOM], char root[PATH_ROOM])
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char line[2 * PATH_ROOM];
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f))
		found = strstr(line, " - cgroup2 ") && sscanf(line, "%*d %*d %*s %4095s %4095s", root, at) == 2;
	if (f)
		fclose(f);
	return found;
}

/* A cgroup's id is its directory's inode number. */
uint32_t who_cgroups(int dir, const char *file, uint64_t *ids, uint32_t room, char *name)
{
	char path[PATH_ROOM], at[PATH_ROOM], root[PATH_ROOM], whole[2 * PATH_ROOM];
	size_t skip, mount;
	uint32_t n = 0;
	struct stat st;

	if (name)
		*name = 0;
	if (!read_path(dir, file, path))
		return 0;
	if (name)
		snprintf(name, WHO_NAME, "%.*s", WHO_NAME - 1, strrchr(path, '/') ? strrchr(path, '/') + 1 : path);
	if (!cgroup_mount(at, root))
		return 0;
	/* A mount may show a part of the tree only. */
	skip = strcmp(root, "/") && !strncmp(path, root, strlen(root)) ? strlen(root) : 0;
	mount = strlen(at);
	snprintf(whole, sizeof(whole), "%s%s", at, strcmp(path + skip, "/") ? path + skip : "");
	while (n < room && !stat(whole, &st)) {
		ids[n++] = st.st_ino;
		if (strlen(whole) <= mount)
			break;
		*strrchr(whole, '/') = 0;
	}
	return n;
}

static void find_cgroup(struct skep_env *env)
{
	uint64_t now;

	if (env->task) {
		env->cgroup.n = env->task->host->cgroups(env, env->cgroup.ids, ARRAY_SIZE(env->cgroup.ids));
		env->cgroup.until = 0;
		return;
	}
	now = clock_ns(CLOCK_MONOTONIC_COARSE);
	if (now < env->cgroup.until)
		return;
	env->cgroup.n = who_cgroups(AT_FDCWD, "/proc/self/cgroup", env->cgroup.ids, ARRAY_SIZE(env->cgroup.ids), NULL);
	env->cgroup.until = now + CGROUP_AGE;
}

HELPER(get_current_cgroup_id)
{
	find_cgroup(env);
	return env->cgroup.n ? env->cgroup.ids[0] : 0;
}

/* Levels are counted from the outermost that is mounted, which is 0. */
HELPER(get_current_ancestor_cgroup_id)
{
	int32_t level = (int32_t)r1;

	find_cgroup(env);
	return level >= 0 && (uint32_t)level < env->cgroup.n ? env->cgroup.ids[env->cgroup.n - 1 - (uint32_t)level] : 0;
}

HELPER(current_task_under_cgroup)
{
	struct skep_map *map = helper_ptr(r1);
	uint32_t index = (uint32_t)r2;
	const struct map_cgroup *cgroup;

	if (index >= map->max_entries)
		return helper_result(-E2BIG);
	cgroup = atomic_load_explicit(&map->objs[index], memory_order_acquire);
	if (!cgroup)
		return helper_result(-EAGAIN);
	find_cgroup(env);
	for (uint32_t i = 0; i < env->cgroup.n; i++)
		if (env->cgroup.ids[i] == cgroup->id)
			return 1;
	return 0;
}

static int own_pid_ns(uint64_t dev, uint64_t ino, uint32_t *tid, uint32_t *tgid)
{
	struct stat st;

	if (stat("/proc/self/ns/pid", &st))
		return -ENOENT;
	if (st.st_dev != dev || st.st_ino != ino)
		return -EINVAL;
	*tid = (uint32_t)gettid();
	*tgid = (uint32_t)getpid();
	return 0;
}

HELPER(get_ns_current_pid_tgid)
{
	struct bpf_pidns_info *to = helper_ptr(r3);
	uint32_t tid = 0, tgid = 0;
	int err = -EINVAL;

	if ((uint32_t)r4 == sizeof(*to) && r1 <= UINT32_MAX)
		err = env->task ? env->task->host->pid_ns(env, r1, r2, &tid, &tgid) : own_pid_ns(r1, r2, &tid, &tgid);
	if (err)
		memset(to, 0, (uint32_t)r4);
	else
		*to = (struct bpf_pidns_info){.pid = tid, .tgid = tgid};
	return helper_result(err);
}

/*
 * The cookie of the network namespace. A hive knows one only, the one that it runs in: it is that of every frame, and without a context the initial
 * one, too.
 */
static uint64_t own_netns(void)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return 0;
	if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len))
		cookie = 0;
	close(fd);
	return cookie;
}

HELPER(get_netns_cookie)
{
	return env->netns.settled ? env->netns.cookie : own_netns();
}

void who_settle(struct skep_env *env)
{
	find_cgroup(env);
	env->cgroup.until = UINT64_MAX;
	env->netns.cookie = own_netns();
	env->netns.settled = true;
}

/* What a hook that runs the program has noted in the environment; a program that is run by itself is not attached: both are 0 then, as in the kernel. */

HELPER(get_attach_cookie)
{
	return env->attach.cookie;
}

HELPER(get_func_ip)
{
	return env->attach.func_ip;
}
