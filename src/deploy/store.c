/* SPDX-License-Identifier: BSD-2-Clause */
#include "deploy/store.h"

#include "base/util.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

static const char bpffs[] = "/sys/fs/bpf";
static const char own[] = "skep";
static const char about[] = "about";
static const char *const kinds[] = {STORE_LINKS, STORE_PROGS, STORE_MAPS};

static bool is_bpffs(const char *path)
{
	struct statfs fs;

	return !statfs(path, &fs) && (unsigned long)fs.f_type == BPF_FS_MAGIC;
}

static int find_root(struct store *s, bool change, char *why)
{
	snprintf(s->root, sizeof(s->root), "%s/%s", bpffs, own);
	if (!is_bpffs(bpffs)) {
		if (!change)
			return -ENOENT;
		if (mount("bpf", bpffs, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700")) {
			int err = -errno;

			snprintf(
				why, STORE_WHY,
				"%s: no bpffs is mounted there, and mounting one: %s; it is where deployments are kept",
				bpffs, strerror(-err));
			return err;
		}
	}
	if (change && mkdir(s->root, 0700) && errno != EEXIST) {
		int err = -errno;

		snprintf(why, STORE_WHY, "%s: make the folder: %s", s->root, strerror(-err));
		return err;
	}
	return 0;
}

int store_open(struct store *s, bool change, char *why)
{
	int err;

	s->lock = -1;
	err = find_root(s, change, why);
	if (err)
		return err;
	s->lock = open(s->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->lock < 0) {
		err = -errno;
		snprintf(why, STORE_WHY, "%s: open: %s", s->root, strerror(-err));
		return err;
	}
	while (flock(s->lock, change ? LOCK_EX : LOCK_SH))
		if (errno != EINTR) {
			err = -errno;
			snprintf(why, STORE_WHY, "%s: lock: %s", s->root, strerror(-err));
			return err;
		}
	return 0;
}

void store_close(struct store *s)
{
	if (s->lock >= 0)
		close(s->lock);
	s->lock = -1;
}

static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

bool store_name(const char *name)
{
	size_t n = strlen(name);

	/* Room for "~new" behind it. */
	return n && n + sizeof("~new") <= STORE_NAME && strspn(name, letters) == n;
}

void store_name_of(const char *object, char name[STORE_NAME])
{
	const char *base = strrchr(object, '/');
	size_t n = 0;

	base = base ? base + 1 : object;
	for (; *base && *base != '.' && n < STORE_NAME - sizeof("~new"); base++)
		name[n++] = strchr(letters, *base) ? *base : '_';
	name[n] = 0;
}

bool store_path(const struct store *s, const char *name, const char *kind, const char *item, char path[STORE_PATH])
{
	int n = snprintf(path, STORE_PATH, "%s/%s%s%s%s%s", s->root, name, kind ? "/" : "", kind ? kind : "",
			 item ? "/" : "", item ? item : "");

	if (n >= STORE_PATH)
		return false;
	/* bpffs keeps names with dots for itself. */
	for (char *at = item ? path + n - strlen(item) : NULL; at && *at; at++)
		if (*at == '.')
			*at = '_';
	return true;
}

bool store_exists(const struct store *s, const char *name)
{
	char path[STORE_PATH];

	return store_path(s, name, NULL, NULL, path) && !access(path, F_OK);
}

int store_make(const struct store *s, const char *name)
{
	char path[STORE_PATH];

	if (!store_path(s, name, NULL, NULL, path))
		return -ENAMETOOLONG;
	if (mkdir(path, 0700))
		return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!store_path(s, name, kinds[i], NULL, path) || mkdir(path, 0700))
			return -errno;
	return 0;
}

int store_rename(const struct store *s, const char *from, const char *to)
{
	char a[STORE_PATH], b[STORE_PATH];

	if (!store_path(s, from, NULL, NULL, a) || !store_path(s, to, NULL, NULL, b))
		return -ENAMETOOLONG;
	return rename(a, b) ? -errno : 0;
}

static int remove_items(const struct store *s, const char *name, const char *kind)
{
	char path[STORE_PATH], **items;
	int n = store_items(s, name, kind, &items), err = 0;

	if (n == -ENOENT)
		return 0;
	if (n < 0)
		return n;
	for (int i = 0; i < n; i++)
		if (!store_path(s, name, kind, items[i], path) || unlink(path))
			err = -errno;
	store_list_free(items, n);
	if (store_path(s, name, kind, NULL, path) && rmdir(path) && errno != ENOENT)
		err = -errno;
	return err;
}

int store_remove(const struct store *s, const char *name)
{
	char path[STORE_PATH];
	int err = 0;

	/* Links first: what they hold goes with them. */
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		int one = remove_items(s, name, kinds[i]);

		err = err ? err : one;
	}
	if (err)
		return err;
	if (store_path(s, name, about, NULL, path) && unlink(path) && errno != ENOENT)
		return -errno;
	return store_path(s, name, NULL, NULL, path) && rmdir(path) && errno != ENOENT ? -errno : 0;
}

/* The one element's fd. @make: where there is none */
static int about_fd(const struct store *s, const char *name, bool make)
{
	char path[STORE_PATH];
	int fd, err;

	if (!store_path(s, name, about, NULL, path))
		return -ENAMETOOLONG;
	fd = bpf_obj_get(path);
	if (fd >= 0 || !make)
		return fd < 0 ? -errno : fd;
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "skep_about", sizeof(uint32_t), STORE_ABOUT, 1, NULL);
	if (fd < 0)
		return -errno;
	if (!bpf_obj_pin(fd, path))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

int store_write(const struct store *s, const char *name, struct json_object *record)
{
	const char *text = json_object_to_json_string_ext(record, JSON_C_TO_STRING_PLAIN);
	AUTO_FREE char *value = calloc(1, STORE_ABOUT);
	uint32_t key = 0;

	if (!value || !text)
		return -ENOMEM;
	if (snprintf(value, STORE_ABOUT, "%s", text) >= STORE_ABOUT)
		return -E2BIG;
	AUTO_CLOSE int fd = about_fd(s, name, true);

	return fd < 0 ? fd : bpf_map_update_elem(fd, &key, value, BPF_ANY) ? -errno : 0;
}

struct json_object *store_read(const struct store *s, const char *name)
{
	AUTO_FREE char *value = calloc(1, STORE_ABOUT + 1);
	struct json_object *o;
	uint32_t key = 0;
	AUTO_CLOSE int fd = value ? about_fd(s, name, false) : -1;

	if (fd < 0 || bpf_map_lookup_elem(fd, &key, value))
		return NULL;
	o = json_tokener_parse(value);
	if (json_object_is_type(o, json_type_object))
		return o;
	json_object_put(o);
	return NULL;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in a folder that are wanted. */
static int list(const char *path, bool (*wanted)(const char *name), char ***names)
{
	DIR *d = opendir(path);
	struct dirent *e;
	int n = 0, room = 0, err = d ? 0 : -errno;

	*names = NULL;
	while (d && !err && (e = readdir(d))) {
		if (*e->d_name == '.' || (wanted && !wanted(e->d_name)))
			continue;
		if (n == room) {
			char **more = realloc(*names, (size_t)(room = MAX(2 * room, 16)) * sizeof(*more));

			if (!more) {
				err = -ENOMEM;
				break;
			}
			*names = more;
		}
		(*names)[n] = strdup(e->d_name);
		if (!(*names)[n])
			err = -ENOMEM;
		else
			n++;
	}
	if (d)
		closedir(d);
	if (err) {
		store_list_free(*names, n);
		return err;
	}
	if (n)
		qsort(*names, (size_t)n, sizeof(**names), by_name);
	return n;
}

static bool is_half(const char *name)
{
	return strchr(name, '~') != NULL;
}

int store_list(const struct store *s, bool half, char ***names)
{
	return list(s->root, half ? is_half : store_name, names);
}

int store_items(const struct store *s, const char *name, const char *kind, char ***items)
{
	char path[STORE_PATH];

	return store_path(s, name, kind, NULL, path) ? list(path, NULL, items) : -ENAMETOOLONG;
}

void store_list_free(char **names, int n)
{
	for (int i = 0; i < n; i++)
		free(names[i]);
	free(names);
}

int store_pin(const struct store *s, const char *name, const char *kind, const char *item, int fd)
{
	char path[STORE_PATH];

	if (!store_path(s, name, kind, item, path))
		return -ENAMETOOLONG;
	return bpf_obj_pin(fd, path) ? -errno : 0;
}

int store_get(const struct store *s, const char *name, const char *kind, const char *item)
{
	char path[STORE_PATH];
	int fd;

	if (!store_path(s, name, kind, item, path))
		return -ENAMETOOLONG;
	fd = bpf_obj_get(path);
	return fd < 0 ? -errno : fd;
}
