/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How tools find out where programs and maps are pinned: they look for bpf file systems among the mounts (getmntent(3)) and walk
 * through them (nftw(3)). The hive's is among the mounts here, and its walk is over the hive's pins.
 */
#include "base/util.h"
#include "preload/hive.h"
#include "preload/next.h"

#include <errno.h>
#include <ftw.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* The system's mounts, with the hive's file system in place of its own. NULL: memory is short. */
static FILE *mounts_with_ours(FILE *system)
{
	int fd = memfd_create("skep-mounts", MFD_CLOEXEC);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r+");
	size_t room = 0;
	char *line = NULL;

	if (!f) {
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	while (getline(&line, &room, system) > 0)
		if (!strstr(line, " " BPFFS " "))
			fputs(line, f);
	free(line);
	fputs("bpf " BPFFS " bpf rw 0 0\n", f);
	rewind(f);
	return f;
}

EXPORT FILE *setmntent(const char *path, const char *mode)
{
	FILE *system = NEXT(setmntent)(path, mode);
	FILE *ours;

	if (!system || *mode != 'r' || (strcmp(path, "/proc/mounts") && strcmp(path, "/proc/self/mounts")))
		return system;
	ours = mounts_with_ours(system);
	if (!ours) {
		rewind(system);
		return system;
	}
	fclose(system);
	return ours;
}

/* The paths of the pins, a zero byte after each. NULL with errno: no hive, no memory. */
static char *read_pins(size_t *len)
{
	AUTO_CLOSE int fd = preload_ask(ASK_PINS, 0, NULL);
	struct stat st;
	char *text;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st))
		return NULL;
	text = malloc((size_t)st.st_size + 1);
	n = text ? read(fd, text, (size_t)st.st_size) : -1;
	if (n < 0) {
		free(text);
		return NULL;
	}
	text[n] = 0; /* so that a name without an end has one */
	*len = (size_t)n;
	return text;
}

static int walk(const char *root, __nftw_func_t fn)
{
	struct stat st = {.st_mode = S_IFREG | 0600, .st_nlink = 1, .st_uid = geteuid(), .st_gid = getegid()};
	size_t len = 0;
	AUTO_FREE char *pins = read_pins(&len);
	int ret = 0;

	if (!pins)
		return -1;
	for (size_t at = 0; !ret && at < len; at += strlen(pins + at) + 1) {
		const char *path = pins + at;
		struct FTW where = {.base = (int)(strrchr(path, '/') + 1 - path), .level = 1};

		if (preload_is_below(path, root) && strcmp(path, root))
			ret = fn(path, &st, FTW_F, &where);
	}
	return ret;
}

EXPORT int nftw(const char *dir, __nftw_func_t fn, int fds, int flags)
{
	return preload_is_below(dir, BPFFS) ? walk(dir, fn) : NEXT(nftw)(dir, fn, fds, flags);
}

/* On x86-64 the two spellings' structs are one. */
_Static_assert(sizeof(struct stat) == sizeof(struct stat64), "stat64");
EXPORT int nftw64(const char *dir, __nftw64_func_t fn, int fds, int flags)
{
	return preload_is_below(dir, BPFFS) ? walk(dir, (__nftw_func_t)fn) : NEXT(nftw64)(dir, fn, fds, flags);
}
