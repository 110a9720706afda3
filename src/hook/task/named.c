/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The path is looked up from the task's own root (openat2(2), RESOLVE_IN_ROOT), so that its symbolic links mean what they mean there; a relative one is put behind
 * the folder's path first. Paths through links of /proc such as /proc/self/fd/3 are not followed.
 */
#include "hook/task/named.h"

#include "base/util.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool link_text(const char *link, char text[PATH_MAX])
{
	ssize_t n = readlink(link, text, PATH_MAX - 1);

	text[MAX(n, (ssize_t)0)] = 0;
	return n > 0 && *text == '/';
}

/* The folder that a relative path begins in, as text. */
static bool base_text(const struct task_event *e, int dfd, char text[PATH_MAX])
{
	char link[48];

	if (dfd == AT_FDCWD)
		snprintf(link, sizeof(link), "/proc/%d/cwd", (int)e->thread->tid);
	else
		snprintf(link, sizeof(link), "/proc/%d/fd/%d", (int)e->thread->tid, dfd);
	return link_text(link, text);
}

/* Opens a folder as the task would find it, and says what it is called. */
static int open_folder(const struct task_event *e, const char *path, char text[PATH_MAX])
{
	const struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT};
	char link[48];
	AUTO_CLOSE int root = -1;
	int fd;

	snprintf(link, sizeof(link), "/proc/%d/root", (int)e->thread->tid);
	root = open(link, O_PATH | O_DIRECTORY | O_CLOEXEC);
	fd = root < 0 ? -1 : (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
	if (fd < 0)
		return -1;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (link_text(link, text))
		return fd;
	close(fd);
	return -1;
}

bool named_open(struct view *v, const struct task_event *e, int dfd, uint64_t at, struct named *n)
{
	char given[PATH_MAX], base[PATH_MAX] = "", folder[2 * PATH_MAX];
	const char *last;
	int len = view_string(v, given, at, sizeof(given));

	*n = (struct named){.dir = -1, .fd = -1};
	while (len > 1 && given[len - 1] == '/')
		given[--len] = 0;
	if (len <= 0 || (*given != '/' && !base_text(e, dfd, base)))
		return false;
	last = strrchr(given, '/');
	last = last ? last + 1 : given;
	if (!*last || strlen(last) > NAME_MAX || !strcmp(last, ".") || !strcmp(last, ".."))
		return false;
	snprintf(folder, sizeof(folder), "%s/%.*s", base, (int)(last - given), given);
	n->dir = open_folder(e, folder, n->dir_path);
	if (n->dir < 0)
		return false;
	snprintf(n->path, sizeof(n->path), "%s/%s", strcmp(n->dir_path, "/") ? n->dir_path : "", last);
	n->fd = openat(n->dir, last, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return true;
}

void named_close(struct named *n)
{
	if (n->dir >= 0)
		close(n->dir);
	if (n->fd >= 0)
		close(n->fd);
}
