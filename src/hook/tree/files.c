/* SPDX-License-Identifier: BSD-2-Clause */
#include "hook/tree/files.h"

#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/landlock.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>

/* Rights that Debian 12's header does not have: since the second and the third version of the interface. */
#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13)
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif

enum { ABI_REFER = 2, ABI_TRUNCATE = 3 };

#define READ_RIGHTS (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define MAKE_RIGHTS                                                                                                    \
	(LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR |               \
	 LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |                    \
	 LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM |                  \
	 LANDLOCK_ACCESS_FS_REFER)
#define WRITE_RIGHTS (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE | MAKE_RIGHTS)
#define RUN_RIGHTS   LANDLOCK_ACCESS_FS_EXECUTE
/* What a rule for a file, not a folder, may speak of. */
#define FILE_RIGHTS                                                                                                    \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE |                   \
	 LANDLOCK_ACCESS_FS_TRUNCATE)

int files_landlock(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	return abi > 0 ? (int)abi : 0;
}

static uint64_t rights_of(uint8_t access)
{
	return (access & TREE_READ ? READ_RIGHTS : 0) | (access & TREE_WRITE ? WRITE_RIGHTS : 0) |
	       (access & TREE_RUN ? RUN_RIGHTS : 0);
}

/* Is one path the other, or below it? */
static bool is_below(const char *path, const char *folder)
{
	size_t n = strlen(folder);

	return n == 1 || (!strncmp(path, folder, n) && (!path[n] || path[n] == '/'));
}

static const char *doing(uint8_t access)
{
	return access & TREE_READ ? "read" : access & TREE_WRITE ? "write" : "run";
}

bool files_is_open(const struct tree_files *f, const char *path, uint8_t access)
{
	bool open = !(f->closed & access);
	size_t longest = 0;

	for (uint32_t i = 0; i < f->n_paths; i++) {
		const struct tree_path *p = &f->paths[i];
		size_t n = strlen(p->path);

		if (!((p->open | p->shut) & access) || n < longest || !is_below(path, p->path))
			continue;
		if (n > longest || (p->shut & access))
			open = !(p->shut & access);
		longest = n;
	}
	return open;
}

/* What is open inside what is shut inside what is open: neither Landlock nor a mount over the folder leaves it. */
static const struct tree_path *opened_inside(const struct tree_files *f, const struct tree_path *shut, uint8_t access)
{
	for (uint32_t i = 0; i < f->n_paths; i++)
		if ((f->paths[i].open & access) && strcmp(f->paths[i].path, shut->path) != 0 &&
		    is_below(f->paths[i].path, shut->path))
			return &f->paths[i];
	return NULL;
}

/* A path becomes that of the folder that it is in. */
static void go_up(char *path)
{
	*strrchr(path, '/') = 0;
	if (!*path)
		strcpy(path, "/");
}

/* Is nothing there, in a folder of which that may be done? */
static bool is_to_come(const struct tree_files *f, const char *path, uint8_t access_there)
{
	char folder[PATH_MAX];

	if (!access(path, F_OK))
		return false;
	snprintf(folder, sizeof(folder), "%s", path);
	do
		go_up(folder);
	while (strcmp(folder, "/") != 0 && access(folder, F_OK));
	return files_is_open(f, folder, access_there);
}

uint8_t files_asked(const struct tree_files *f, const struct tree_path *p)
{
	uint8_t asked = 0;

	for (unsigned int what = TREE_READ; what <= TREE_RUN; what <<= 1)
		/* What is to be read may be made by somebody outside, too. (So may what is executed, but that is looked at in any case.) */
		if (p->shut & what && (opened_inside(f, p, (uint8_t)what) ||
				       is_to_come(f, p->path, what == TREE_READ ? TREE_READ : TREE_WRITE)))
			asked |= what;
	return asked;
}

static int check_shut(const struct tree_path *p, uint8_t what, char *why, size_t size)
{
	if (!strcmp(p->path, "/")) {
		snprintf(why, size, "no%s / closes everything: leave it out, and open what shall be open", doing(what));
		return -EOPNOTSUPP;
	}
	if (p->asked & what && files_landlock() < ABI_REFER) {
		snprintf(why, size,
			 "no%s %.200s: something in it is open, or it is not there yet; that can be held to only where "
			 "the "
			 "kernel has Landlock, in its second version at least (Linux 5.19)",
			 doing(what), p->path);
		return -EOPNOTSUPP;
	}
	return 0;
}

int files_check(const struct tree_files *f, char *why, size_t size)
{
	int abi = files_landlock(), err = 0;

	if (f->closed && abi < (f->closed & TREE_WRITE ? ABI_TRUNCATE : 1)) {
		snprintf(why, size,
			 "files can be closed only where the kernel has Landlock%s%s; a kernel since 6.2 with "
			 "CONFIG_SECURITY_LANDLOCK=y and landlock in lsm= has it",
			 abi ? ", and for writing its third version: this kernel has version " : "",
			 abi == 1   ? "1"
			 : abi == 2 ? "2"
				    : "");
		return -EOPNOTSUPP;
	}
	for (uint32_t i = 0; i < f->n_paths && !err; i++)
		for (uint8_t access = TREE_READ; access <= TREE_RUN && !err; access = (uint8_t)(access << 1))
			/* What is closed anyway needs no mount. */
			if ((f->paths[i].shut & access))
				err = check_shut(&f->paths[i], access, why, size);
	return err;
}

/* Something empty that nobody may look into: a folder or a file of the same kind as what it is to lie over. */
static int cover_with_nothing(const char *path, bool folder)
{
	static const char place[] = "/proc"; /* is there, and not needed meanwhile */
	const char *name = folder ? "/proc/d" : "/proc/f";
	int err = 0, fd;

	if (mount("skep", place, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0755,size=64k"))
		return -errno;
	fd = folder ? -1 : open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0);
	if (folder ? mkdir(name, 0) : fd < 0)
		err = -errno;
	if (fd >= 0)
		close(fd);
	/* Read-only as a whole: its owner could else give itself the rights. */
	if (!err && mount(NULL, place, NULL, MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL))
		err = -errno;
	if (!err && mount(name, path, NULL, MS_BIND, NULL))
		err = -errno;
	umount2(place, MNT_DETACH);
	return err;
}

/* A folder with all that is mounted in it, or a file, over itself, with flags of its own. */
static int cover_with_itself(const char *path, uint64_t set)
{
	struct mount_attr attr = {.attr_set = set};

	if (mount(path, path, NULL, MS_BIND | MS_REC, NULL))
		return -errno;
	return syscall(SYS_mount_setattr, AT_FDCWD, path, AT_RECURSIVE, &attr, sizeof(attr)) ? -errno : 0;
}

int files_cover(const struct tree_files *f, char *why, size_t size)
{
	struct stat st;
	int err = 0;

	for (uint32_t i = 0; i < f->n_paths && !err; i++) {
		const struct tree_path *p = &f->paths[i];
		uint8_t shut = p->shut & (uint8_t)~p->asked;
		uint64_t set = (shut & TREE_WRITE ? MOUNT_ATTR_RDONLY : 0) | (shut & TREE_RUN ? MOUNT_ATTR_NOEXEC : 0);

		if (!shut || lstat(p->path, &st))
			continue;
		if (shut & TREE_READ)
			err = cover_with_nothing(p->path, S_ISDIR(st.st_mode));
		else
			err = cover_with_itself(p->path, set);
		if (err)
			snprintf(why, size, "%.200s cannot be closed: %s", p->path, strerror(-err));
	}
	return err;
}

static int add_rule(int set, const char *path, uint64_t rights)
{
	struct landlock_path_beneath_attr rule = {.allowed_access = rights};
	AUTO_CLOSE int fd = open(path, O_PATH | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return 0; /* nothing is there to be opened */
	if (!S_ISDIR(st.st_mode))
		rule.allowed_access &= FILE_RIGHTS;
	rule.parent_fd = fd;
	return !rule.allowed_access || !syscall(SYS_landlock_add_rule, set, LANDLOCK_RULE_PATH_BENEATH, &rule, 0)
		       ? 0
		       : -errno;
}

int files_restrict(const struct tree_files *f, bool own_work)
{
	int abi = files_landlock(), err = 0;
	uint64_t handled = rights_of(f->closed) & ~(abi < ABI_REFER ? LANDLOCK_ACCESS_FS_REFER : 0) &
			   ~(abi < ABI_TRUNCATE ? LANDLOCK_ACCESS_FS_TRUNCATE : 0);
	uint64_t beside = 0;
	AUTO_CLOSE int set = -1;

	/* A domain that forbids nothing forbids mounting. What is not handled is free, but for moves from folder to folder. */
	for (uint32_t i = 0; i < f->n_paths; i++)
		beside |= f->paths[i].asked ? LANDLOCK_ACCESS_FS_REFER : 0;
	if (handled && abi >= ABI_REFER)
		beside |= LANDLOCK_ACCESS_FS_REFER;
	beside &= ~handled;
	handled |= beside;
	if (!handled)
		return 0;
	set = (int)syscall(SYS_landlock_create_ruleset, &(struct landlock_ruleset_attr){.handled_access_fs = handled},
			   sizeof(uint64_t), 0);
	if (set < 0)
		return -errno;
	if (beside)
		err = add_rule(set, "/", beside);
	for (uint32_t i = 0; i < f->n_paths && !err; i++)
		err = add_rule(set, f->paths[i].path, rights_of(f->paths[i].open) & handled);
	if (!err && own_work)
		err = add_rule(set, "/proc", handled);
	if (!err && own_work)
		err = add_rule(set, "/dev/null", handled);
	if (!err && syscall(SYS_landlock_restrict_self, set, 0))
		err = -errno;
	return err;
}
