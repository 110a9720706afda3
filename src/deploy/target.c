/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the user names becomes fds. Numbers of processes are used again: so a process is held by a pidfd first, then /proc/PID is read, and what was read counts only
 * if the process has not ended by then. Whether a file is a namespace, or a folder a cgroup, is asked of what was opened, not of its path.
 */
#include "deploy/target.h"

#include "base/printable.h"
#include "base/util.h"
#include "deploy/target_part.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#define NETNS_NAMES "/run/netns" /* ip-netns(8) */

int target_say(char *why, int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, TARGET_WHY, fmt, args);
	va_end(args);
	return err;
}

bool target_is_hex(const char *text, size_t n)
{
	return strspn(text, "0123456789abcdef") >= n;
}

bool target_runs(int pidfd)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};

	return !poll(&p, 1, 0);
}

/* Holds a process. Return: a pidfd or a negative errno. */
static int hold(pid_t pid, char *why)
{
	AUTO_CLOSE int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	/* pidfd_open(2): a number that is in use by no process but by a thread: EINVAL, from Linux 6.9 on ENOENT. */
	if (fd < 0 && (errno == ENOENT || (errno == EINVAL && pid > 0)))
		return target_say(why, -EINVAL, "%d is a thread; name its process (Tgid in /proc/%d/status)", pid, pid);
	if (fd < 0)
		return target_say(why, -errno, "process %d: %m", pid);
	if (!target_runs(fd))
		return target_say(why, -ESRCH, "process %d has ended", pid);
	return STEAL_FD(fd);
}

/* Is this namespace the one that this thread is in? */
static bool is_own(int netns)
{
	struct stat a, b;

	return !fstat(netns, &a) && !stat(TARGET_OWN_NETNS, &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* The network namespace of a process that is held. */
static int netns_of(struct target *p, pid_t pid, int pidfd, char *why)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return target_say(why, -errno, "the network namespace of process %d: %m", pid);
	if (!target_runs(pidfd))
		return target_say(why, -ESRCH, "process %d has ended", pid);
	if (!is_own(fd))
		p->netns = STEAL_FD(fd);
	return 0;
}

/* A file that should be a network namespace. */
static int netns_at(struct target *p, const char *path, char *why)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct statfs fs;

	if (fd < 0 || fstatfs(fd, &fs))
		return target_say(why, -errno, "--netns %s: %m", path);
	/* Another file's ioctl of that number may do anything. */
	if (fs.f_type != NSFS_MAGIC)
		return target_say(
			why, -EINVAL,
			"--netns %s: no namespace; name one of 'ip netns list', /proc/PID/ns/net, or a process", path);
	if (ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET)
		return target_say(why, -EINVAL, "--netns %s: a namespace, but not of a network (/proc/PID/ns/net is)",
				  path);
	if (!is_own(fd))
		p->netns = STEAL_FD(fd);
	return 0;
}

/* Reads a process's number; 0: it is none. */
static pid_t number(const char *text)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, 10);
	return isdigit((unsigned char)*text) && !*end && !errno && n > 0 && n <= INT_MAX ? (pid_t)n : 0;
}

static int find_netns(struct target *p, const char *named, char *why)
{
	char path[PATH_MAX];
	pid_t pid = number(named);
	int err;

	if (strchr(named, '/')) {
		err = netns_at(p, named, why);
		snprintf(p->netns_name, sizeof(p->netns_name), "%s", named);
	} else if (snprintf(path, sizeof(path), NETNS_NAMES "/%s", named) >= (int)sizeof(path)) {
		return target_say(why, -ENAMETOOLONG, "--netns: the name is too long");
	} else if (!access(path, F_OK)) { /* a name may be a number: it is a name then, as for ip-netns(8) */
		err = netns_at(p, path, why);
		snprintf(p->netns_name, sizeof(p->netns_name), "%s", named);
	} else if (pid) {
		AUTO_CLOSE int pidfd = hold(pid, why);

		err = pidfd < 0 ? pidfd : netns_of(p, pid, pidfd, why);
		snprintf(p->netns_name, sizeof(p->netns_name), "pid %d", pid);
	} else {
		return target_say(why, -ENOENT,
				  "--netns %s: no network namespace of that name; 'ip netns list' lists them", named);
	}
	if (p->netns < 0)
		*p->netns_name = 0;
	return err;
}

/* Takes the escapes of /proc/self/mountinfo out: \040 for a space, and the like (man 5 proc). */
static void unescape(char *text)
{
	char *to = text;

	for (; *text; text++)
		if (text[0] == '\\' && isdigit((unsigned char)text[1]) && isdigit((unsigned char)text[2]) &&
		    isdigit((unsigned char)text[3])) {
			*to++ = (char)((text[1] - '0') << 6 | (text[2] - '0') << 3 | (text[3] - '0'));
			text += 3;
		} else {
			*to++ = *text;
		}
	*to = 0;
}

/* Where all of cgroup v2 is mounted: /sys/fs/cgroup, or beside the v1 hierarchies, or wherever the administrator wants it. A mount of a part of it is passed over. */
static int cgroup_mount(char mount[TARGET_PATH], char *why)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char *line = NULL, *type;
	bool found = false;
	size_t room = 0;

	while (f && !found && getline(&line, &room, f) > 0) {
		type = strstr(line, " - ");
		found = type && !strncmp(type, " - cgroup2 ", 11) &&
			/* its number, its parent's, the device, the root of the mount, the mount point */
			sscanf(line, "%*s %*s %*s /%*1[ ]%4095s", mount) == 1;
	}
	free(line);
	if (f)
		fclose(f);
	if (!found)
		return target_say(why, -ENOENT, "cgroup v2 is not mounted: mount -t cgroup2 none /sys/fs/cgroup");
	unescape(mount);
	return 0;
}

/* A cgroup: a path, or a folder below the mount. @option: where its name comes from. */
static int find_cgroup(struct target *p, const char *option, const char *named, char *why)
{
	char mount[TARGET_PATH], path[TARGET_PATH], link[32];
	AUTO_CLOSE int fd = -1;
	struct statfs fs;
	ssize_t n;
	int err = cgroup_mount(mount, why);

	if (err)
		return err;
	n = *named == '/' ? snprintf(path, sizeof(path), "%s", named)
			  : snprintf(path, sizeof(path), "%s/%s", mount, named);
	if (n >= (ssize_t)sizeof(path))
		return target_say(why, -ENAMETOOLONG, "%s: the path of the cgroup is too long", option);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return target_say(why, -ENOENT, "%s %s: no such cgroup; name a folder below %s", option, named, mount);
	if (fd < 0 || fstatfs(fd, &fs))
		return target_say(why, -errno, "%s %s: %m", option, named);
	if (fs.f_type == CGROUP_SUPER_MAGIC)
		return target_say(
			why, -EINVAL,
			"%s %s: a cgroup of a v1 hierarchy, which takes no programs; name one of v2, below %s", option,
			named, mount);
	if (fs.f_type != CGROUP2_SUPER_MAGIC)
		return target_say(why, -EINVAL, "%s %s: a folder, but no cgroup; those are below %s", option, named,
				  mount);
	/* As the kernel names it: without links and "..". */
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, p->cgroup_path, sizeof(p->cgroup_path) - 1);
	if (n < 0)
		return target_say(why, -errno, "%s %s: %m", option, named);
	p->cgroup_path[n] = 0;
	p->cgroup = STEAL_FD(fd);
	return 0;
}

static int find_container(struct target *p, const char *named, char *why)
{
	struct container c;
	int err = container_find(named, &c, why);

	if (err)
		return err;
	p->pid = c.pid;
	p->pidfd = c.pidfd;
	if (*c.cgroup)
		err = find_cgroup(p, "--container", c.cgroup, why);
	if (!err)
		err = netns_of(p, p->pid, p->pidfd, why);
	if (!err && p->netns >= 0)
		snprintf(p->netns_name, sizeof(p->netns_name), "container %.*s", CONTAINER_SHORT, c.id);
	return err;
}

/* What the user said must make sense before anything is looked up. */
static int check(const struct target_opts *o, char *why)
{
	const struct {
		const char *option, *said, *with_container;
	} all[] = {{"--netns", o->netns, "its own network"},
		   {"--cgroup", o->cgroup, "its own cgroup"},
		   {"--pid", o->pid ? "some" : NULL, "its own first process"},
		   {"--iface", o->iface, NULL},
		   {"--container", o->container, NULL}};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		/* Most likely a variable of a script that is not set: no name must not mean everything. */
		if (all[i].said && !*all[i].said)
			return target_say(why, -EINVAL, "%s: the name is empty", all[i].option);
		if (all[i].said && o->container && all[i].with_container)
			return target_say(why, -EINVAL, "--container %s has %s: leave out either it or %s",
					  o->container, all[i].with_container, all[i].option);
	}
	if (o->pid < 0)
		return target_say(why, -EINVAL, "--pid %d: no process's number", o->pid);
	return 0;
}

int target_find(struct target *p, const struct target_opts *opts, bool iface_wanted, char *why)
{
	int err;

	*p = (struct target){.netns = -1, .cgroup = -1, .pidfd = -1};
	*why = 0;
	err = check(opts, why);
	if (!err && opts->container)
		err = find_container(p, opts->container, why);
	if (!err && opts->netns)
		err = find_netns(p, opts->netns, why);
	if (!err && opts->cgroup)
		err = find_cgroup(p, "--cgroup", opts->cgroup, why);
	if (!err && opts->pid) {
		err = p->pidfd = hold(opts->pid, why);
		p->pid = opts->pid;
		err = MIN(err, 0);
	}
	if (!err && (opts->iface || iface_wanted))
		err = target_iface(p, opts->iface, why);
	/* Names of others are in it: interfaces, cgroups. */
	printable(why, strlen(why));
	return err;
}

void target_close(struct target *p)
{
	int *fds[] = {&p->netns, &p->cgroup, &p->pidfd};

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
}
