/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files: what an fd, an executable, a working directory denotes. The path is what /proc's link says: as the tree sees it. Its dentries are cut from that text,
 * so a mount's root is no end of the chain, as it would be in the kernel; the inodes of those around the file are not known.
 */
#include "hook/task/objects.h"

#include "base/util.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

struct slot *file_slot(struct objects *o, uint32_t tgid, uint64_t start, enum file_kind kind, int fd)
{
	uint64_t key = (uint64_t)kind << 32 | tgid;
	struct slot *s = objects_find(o, BUNDLE_FILE, key, (uint32_t)fd);

	if (s && start && s->start && s->start != start) {
		s->gone = true;
		s = NULL;
	}
	if (!s)
		s = objects_make(o, BUNDLE_FILE, key, (uint32_t)fd);
	if (!s)
		return NULL;
	s->tid = s->tgid = tgid;
	s->start = start;
	s->file = kind;
	s->fd = fd;
	return s;
}

/* Where /proc shows it. */
static const char *link_of(const struct slot *s, const char *dir, char name[PROC_NAME])
{
	char file[32];

	switch (s->file) {
	case FILE_OF_FD:
		snprintf(file, sizeof(file), "%s/%d", dir, s->fd);
		return task_proc(s->tid, s->tgid, file, name);
	case FILE_OF_EXE:
		return task_proc(s->tid, s->tgid, "exe", name);
	case FILE_OF_CWD:
		return task_proc(s->tid, s->tgid, "cwd", name);
	default:
		return task_proc(s->tid, s->tgid, "root", name);
	}
}

const char *file_text(struct view *v, struct slot *s)
{
	objects_fill(v, s, GROUP_FILE_PATH);
	return s->text;
}

void fill_FILE_SELF(struct view *v, struct slot *s)
{
	struct objects *o = v->o;
	uint64_t super = objects_address(o, s, PART_SUPER, 0);

	put(o, s, M_FILE_DENTRY, objects_address(o, s, PART_DENTRY, 0));
	put(o, s, M_FILE_MNT, objects_address(o, s, PART_MOUNT, 0));
	put(o, s, M_FILE_INODE, objects_address(o, s, PART_INODE, 0));
	put(o, s, M_INODE_SB, super);
	put(o, s, M_MOUNT_SB, super);
}

/* One dentry; its name goes behind those that are there. Return: where the next name goes. */
static uint32_t put_dentry(struct objects *o, struct slot *s, uint32_t i, bool last, const char *name, size_t len,
			   char *names, uint32_t at)
{
	uint64_t text = objects_address(o, s, PART_NAMES, 0);

	if (at + len + 1 > o->layout->parts[PART_NAMES].size)
		len = 0;
	memcpy(names + at, name, len);
	names[at + len] = 0;
	put_at(o, s, M_DENTRY_PARENT, i, objects_address(o, s, PART_DENTRY, last ? i : i + 1));
	put_at(o, s, M_DENTRY_SB, i, objects_address(o, s, PART_SUPER, 0));
	put_at(o, s, M_DENTRY_NAME, i, text + at);
	put_at(o, s, M_DENTRY_LEN, i, len);
	put_bytes_at(o, s, M_DENTRY_INAME, i, name, MIN(len, (size_t)31));
	put_bytes_at(o, s, M_DENTRY_SHORTNAME, i, name, MIN(len, (size_t)31));
	/* What is not there has no inode. */
	if (!i && (s->file != FILE_OF_OURS || s->fd >= 0))
		put_at(o, s, M_DENTRY_INODE, i, objects_address(o, s, PART_INODE, 0));
	return at + (uint32_t)len + 1;
}

static void put_dentries(struct objects *o, struct slot *s, const char *path)
{
	static const char deleted[] = " (deleted)";
	char names[PATH_MAX + 256] = "";
	size_t len = strlen(path);
	uint32_t i = 0, at = 0;

	_Static_assert(sizeof(names) <= PATH_MAX + 256, "as the part");
	if (*path != '/') { /* pipe:[1] and the like: the kernel makes their names when it is asked */
		put_dentry(o, s, 0, true, "", 0, names, 0);
		return;
	}
	if (len > sizeof(deleted) - 1 && !strcmp(path + len - (sizeof(deleted) - 1), deleted))
		len -= sizeof(deleted) - 1;
	while (len > 1 && i < FILE_DENTRIES - 1) {
		size_t end = len;

		while (path[len - 1] != '/')
			len--;
		at = put_dentry(o, s, i++, false, path + len, end - len, names, at);
		while (len > 1 && path[len - 1] == '/')
			len--;
	}
	at = put_dentry(o, s, i, true, "/", 1, names, at);
	put_bytes(o, s, M_NAMES_TEXT, names, at);
	put(o, s, M_MOUNT_ROOT, objects_address(o, s, PART_DENTRY, i));
	put(o, s, M_SUPER_ROOT, objects_address(o, s, PART_DENTRY, i));
}

void fill_FILE_PATH(struct view *v, struct slot *s)
{
	char name[PROC_NAME], text[PATH_MAX];
	ssize_t n;

	if (s->file != FILE_OF_OURS) {
		n = readlinkat(v->o->proc, link_of(s, "fd", name), text, sizeof(text) - 1);
		free(s->text);
		s->text = n > 0 ? strndup(text, (size_t)n) : NULL;
	}
	if (s->text)
		put_dentries(v->o, s, s->text);
}

/* A device number as the kernel has it (MKDEV). */
static uint64_t device(dev_t dev)
{
	return (uint64_t)major(dev) << 20 | minor(dev);
}

void fill_FILE_STAT(struct view *v, struct slot *s)
{
	struct objects *o = v->o;
	char name[PROC_NAME];
	struct statfs fs;
	struct stat st;
	bool ours = s->file == FILE_OF_OURS;
	AUTO_CLOSE int opened = ours ? -1 : openat(o->proc, link_of(s, "fd", name), O_PATH | O_CLOEXEC);
	int fd = ours ? s->fd : opened;

	if ((ours && s->event != v->number) || fd < 0 || fstat(fd, &st))
		return;
	put(o, s, M_INODE_INO, st.st_ino);
	put(o, s, M_INODE_MODE, st.st_mode);
	put(o, s, M_INODE_UID, st.st_uid);
	put(o, s, M_INODE_GID, st.st_gid);
	put(o, s, M_INODE_RDEV, device(st.st_rdev));
	put(o, s, M_INODE_SIZE, (uint64_t)st.st_size);
	put(o, s, M_INODE_NLINK, st.st_nlink);
	put(o, s, M_SUPER_DEV, device(st.st_dev));
	if (!fstatfs(fd, &fs))
		put(o, s, M_SUPER_MAGIC, (uint64_t)fs.f_type);
}

void fill_FILE_INFO(struct view *v, struct slot *s)
{
	char name[PROC_NAME], text[1024], *at;
	uint64_t flags = s->flags, pos = 0;

	if (s->file == FILE_OF_FD) {
		proc_text(v->o->proc, link_of(s, "fdinfo", name), text, sizeof(text));
		at = strstr(text, "pos:");
		pos = at ? strtoull(at + 4, NULL, 10) : 0;
		at = strstr(text, "flags:");
		flags = at ? strtoull(at + 6, NULL, 8) : 0;
	}
	put(v->o, s, M_FILE_POS, pos);
	put(v->o, s, M_FILE_FLAGS, flags & ~(uint64_t)O_CLOEXEC);
	put(v->o, s, M_FILE_MODE, (flags + 1) & O_ACCMODE); /* FMODE_READ, FMODE_WRITE */
}
