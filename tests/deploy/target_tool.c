/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * target_find() for test-target.sh: target-tool [--netns X] [--cgroup X] [--container X] [--iface X] [--pid N] [--wanted].
 * What was found goes to standard output, a line each; what the fds are is asked of the kernel, not of the struct. A reason goes to standard error; exit code 1.
 */
#include "deploy/target.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static unsigned long inode(const char *path)
{
	struct stat st;

	return stat(path, &st) ? 0 : st.st_ino;
}

static unsigned long inode_of(int fd)
{
	struct stat st;

	return fd < 0 || fstat(fd, &st) ? 0 : st.st_ino;
}

/* The process behind a pidfd, as its fdinfo has it (-1: it has ended). */
static int pid_of(int pidfd)
{
	char path[64], line[128];
	int pid = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "Pid: %d", &pid);
	if (f)
		fclose(f);
	return pid;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"netns", required_argument, NULL, 'n'},
						{"cgroup", required_argument, NULL, 'g'},
						{"container", required_argument, NULL, 'c'},
						{"iface", required_argument, NULL, 'i'},
						{"pid", required_argument, NULL, 'p'},
						{"wanted", no_argument, NULL, 'w'},
						{0}};
	unsigned long own = inode("/proc/thread-self/ns/net");
	struct target_opts opts = {0};
	char why[TARGET_WHY];
	bool wanted = false;
	struct target p;
	int before, err, c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (c) {
		case 'n':
			opts.netns = optarg;
			break;
		case 'g':
			opts.cgroup = optarg;
			break;
		case 'c':
			opts.container = optarg;
			break;
		case 'i':
			opts.iface = optarg;
			break;
		case 'p':
			opts.pid = atoi(optarg);
			break;
		case 'w':
			wanted = true;
			break;
		default:
			return 2;
		}
	err = target_find(&p, &opts, wanted, why);
	if (inode("/proc/thread-self/ns/net") != own) {
		fprintf(stderr, "target_find did not come back\n");
		return 3;
	}
	if (err) {
		fprintf(stderr, "%s (%s)\n", why, strerrorname_np(-err));
		target_close(&p);
		return 1;
	}
	printf("netns %lu %s\n", inode_of(p.netns), p.netns < 0 ? "own" : p.netns_name);
	if (p.netns < 0 && *p.netns_name)
		return 3;
	printf("iface %u %s\n", p.ifindex, p.ifname);
	printf("cgroup %lu %s\n", inode_of(p.cgroup), p.cgroup_path);
	printf("pid %d %d\n", p.pid, p.pidfd < 0 ? 0 : pid_of(p.pidfd));
	err = target_enter(&p, &before);
	printf("entered %lu\n", err ? 0 : inode("/proc/thread-self/ns/net"));
	err = err ? err : target_leave(before);
	printf("back %s\n", !err && inode("/proc/thread-self/ns/net") == own ? "yes" : "no");
	target_close(&p);
	return 0;
}
