/* SPDX-License-Identifier: BSD-2-Clause */
#include "hook/tree/ways_out.h"

#include "base/util.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

enum {
	DEPTH = 6, /* of folders that are walked */
	ENTRIES = 100000, /* that a walk of /tmp looks at; beyond it stops */
};

/* Folders that are for sockets and nothing else: what will be in them is hidden too. %u: the user. */
static const char *const folders[] = {"/tmp/.X11-unix", "/tmp/.ICE-unix",  "/tmp/tmux-%u",
				      "/tmp/skep-%u",   "/var/run/docker", "/var/lib/docker/run"};
/* Devices behind which another end of the machine's sockets is: a guest of one's own speaks vsock to it. */
static const char *const devices[] = {"/dev/vhost-vsock", "/dev/vhost-net"};
/* Environment variables that name a socket, or a folder of them. */
static const char *const named[] = {
	"SSH_AUTH_SOCK",  "TMUX",           "DBUS_SESSION_BUS_ADDRESS", "DBUS_SYSTEM_BUS_ADDRESS", "DOCKER_HOST",
	"CONTAINER_HOST", "GPG_AGENT_INFO", "XDG_RUNTIME_DIR",          "WAYLAND_DISPLAY",         "PULSE_SERVER",
	"NOTIFY_SOCKET"};

static bool below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return !strncmp(path, dir, n) && (!path[n] || path[n] == '/');
}

static bool kept(const struct ways_out *w, const char *path)
{
	for (uint32_t i = 0; i < w->n_keep; i++)
		if (!strcmp(w->keep[i], path))
			return true;
	return false;
}

static bool is_socket(const char *path)
{
	struct stat st;

	return !lstat(path, &st) && S_ISSOCK(st.st_mode);
}

static int note_path(struct ways_out *w, const char *path)
{
	char real[PATH_MAX];
	char **more;

	/* As the tree may reach it by any name, its real one is what is covered. /run is dealt with as a whole. */
	if (!realpath(path, real) || !is_socket(real) || below(real, "/run") || kept(w, path) || kept(w, real))
		return 0;
	for (size_t i = 0; i < w->n; i++)
		if (!strcmp(w->paths[i], real))
			return 0;
	if (!(w->n & (w->n - 1))) {
		more = realloc(w->paths, MAX(2 * w->n, (size_t)1) * sizeof(*more));
		if (!more)
			return -ENOMEM;
		w->paths = more;
	}
	w->paths[w->n] = strdup(real);
	return w->paths[w->n] ? (w->n++, 0) : -ENOMEM;
}

static int from_kernel(struct ways_out *w)
{
	FILE *f = fopen("/proc/net/unix", "re");
	char *line = NULL;
	size_t room = 0;
	int err = 0;

	while (f && !err && getline(&line, &room, f) > 0) {
		char *path = strchr(line, '/');

		if (!path)
			continue;
		path[strcspn(path, "\n")] = 0;
		err = note_path(w, path);
	}
	free(line);
	if (f)
		fclose(f);
	return err;
}

/* Folders of sockets in a walk; what cannot be read holds nothing that can be reached. */
static int from_walk(struct ways_out *w, const char *dir, int depth, uint32_t *left)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int err = 0;

	while (d && !err && *left && (e = readdir(d))) {
		char path[PATH_MAX];

		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") ||
		    (e->d_type != DT_SOCK && e->d_type != DT_DIR && e->d_type != DT_UNKNOWN))
			continue;
		--*left;
		if (snprintf(path, sizeof(path), "%s/%s", dir, e->d_name) >= (int)sizeof(path))
			continue;
		if (e->d_type == DT_DIR && depth)
			err = from_walk(w, path, depth - 1, left);
		else if (e->d_type != DT_DIR)
			err = note_path(w, path);
	}
	if (d)
		closedir(d);
	return err;
}

static int from_environment(struct ways_out *w)
{
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(named) && !err; i++) {
		const char *value = getenv(named[i]);
		const char *path = value ? strchr(value, '/') : NULL;
		char text[PATH_MAX];
		uint32_t left = ENTRIES;

		/* unix:path=/a,guid=..., unix:///a, /a,1234,0, /a:0 */
		if (!path || snprintf(text, sizeof(text), "%s", path) >= (int)sizeof(text))
			continue;
		text[strcspn(text, ",;")] = 0;
		if (!strncmp(text, "//", 2))
			memmove(text, text + 2, strlen(text + 2) + 1);
		err = note_path(w, text);
		if (!strcmp(named[i], "XDG_RUNTIME_DIR") && !err)
			err = from_walk(w, text, DEPTH, &left);
	}
	return err;
}

int ways_out_find(struct ways_out *w, const char *const *keep, uint32_t n_keep)
{
	uint32_t left = ENTRIES;
	int err;

	*w = (struct ways_out){.keep = keep, .n_keep = n_keep};
	err = from_kernel(w);
	if (!err)
		err = from_environment(w);
	return err ? err : from_walk(w, "/tmp", 1, &left);
}

void ways_out_free(struct ways_out *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->paths[i]);
	free(w->paths);
	*w = (struct ways_out){0};
}

/* Does a folder have a socket in it, at any depth that is walked? One that is too deep or cannot be read is taken to have. */
static bool holds_socket(int dir, int depth)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	bool found = !d;
	struct dirent *e;

	if (!d && fd >= 0)
		close(fd);
	while (d && !found && (e = readdir(d))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (e->d_type == DT_SOCK) {
			found = true;
		} else if (e->d_type == DT_DIR) {
			AUTO_CLOSE int sub = openat(dir, e->d_name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

			found = sub < 0 || !depth || holds_socket(sub, depth - 1);
		}
	}
	if (d)
		closedir(d);
	return found;
}

static int bind_fd(int from, const char *to)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", from);
	return mount(path, to, NULL, MS_BIND | MS_REC, NULL) ? -errno : 0;
}

/*
 * Copies a folder of /run into the new one: what holds no socket by a mount, symbolic links as they are, folders that do hold
 * one as folders.
 * @from: the old folder; @to: the new one's path, there already
 */
static int copy_folder(const struct ways_out *w, int from, const char *to, int depth)
{
	int fd = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), err = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!d && fd >= 0)
		close(fd);
	while (d && !err && (e = readdir(d))) {
		char path[PATH_MAX], target[PATH_MAX];
		struct stat st;

		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") ||
		    snprintf(path, sizeof(path), "%s/%s", to, e->d_name) >= (int)sizeof(path))
			continue;
		AUTO_CLOSE int sub = openat(from, e->d_name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

		if (sub < 0 || fstat(sub, &st))
			continue; /* gone since */
		if (S_ISLNK(st.st_mode)) {
			ssize_t n = readlinkat(from, e->d_name, target, sizeof(target) - 1);

			if (n > 0) {
				target[n] = 0;
				err = symlink(target, path) ? -errno : 0;
			}
		} else if (S_ISDIR(st.st_mode)) {
			err = mkdir(path, st.st_mode & 0777) ? -errno : 0;
			if (err)
				break;
			if (!holds_socket(sub, DEPTH))
				err = bind_fd(sub, path);
			else if (depth)
				err = copy_folder(w, sub, path, depth - 1);
			if (err == -EACCES) /* a folder that nobody can enter has nothing to show */
				err = 0;
		} else if (!S_ISSOCK(st.st_mode) || kept(w, path)) {
			AUTO_CLOSE int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0);

			err = file < 0 ? -errno : bind_fd(sub, path);
		}
	}
	if (d)
		closedir(d);
	return err;
}

static int cover_run(const struct ways_out *w, char *why, size_t size)
{
	AUTO_CLOSE int old = open("/run", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char user[64];
	struct stat st;
	bool has_user;
	int err = 0;

	if (old < 0)
		return 0; /* no such folder, nothing in it */
	snprintf(user, sizeof(user), "/run/user/%u", (unsigned int)getuid());
	has_user = !stat(user, &st) && S_ISDIR(st.st_mode);
	if (mount("skep", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=64m"))
		err = -errno;
	if (!err)
		err = copy_folder(w, old, "/run", DEPTH);
	/* Of the user's own folder the tree gets an empty one: programs put their sockets there, but for those that were asked for. */
	if (!err && has_user) {
		mkdir("/run/user", 0755);
		mkdir(user, 0700);
		for (uint32_t i = 0; !err && i < w->n_keep; i++)
			if (below(w->keep[i], user))
				has_user = false;
		if (has_user && mount("skep", user, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0700,size=64m"))
			err = -errno;
	}
	if (!err && mount(NULL, "/run", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL))
		err = -errno;
	if (err)
		snprintf(why, size, "cannot cover the sockets in /run: %s", strerror(-err));
	return err;
}

static int cover_folders(char *why, size_t size)
{
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		char path[PATH_MAX];
		struct stat st;

		snprintf(path, sizeof(path), folders[i], (unsigned int)getuid());
		if (lstat(path, &st) || !S_ISDIR(st.st_mode))
			continue;
		if (mount("skep", path, "tmpfs", MS_NOSUID | MS_NODEV,
			  st.st_mode & S_ISVTX ? "mode=1777,size=64m" : "mode=0700,size=64m")) {
			int err = -errno;

			snprintf(why, size, "cannot cover %s: %s", path, strerror(-err));
			return err;
		}
	}
	return 0;
}

/*
 * A file with a text that is in no folder: written in a small file system that is mounted for the moment where nobody looks,
 * and kept alive by where it is bound to.
 */
static int bind_text(const char *text, const char *to)
{
	const char *const place = "/proc"; /* is there, and not needed meanwhile */
	char path[64];
	int err = 0, fd;

	if (mount("skep", place, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=64k"))
		return -errno;
	snprintf(path, sizeof(path), "%s/f", place);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) || fchmod(fd, *text ? 0644 : 0))
		err = -errno;
	if (fd >= 0)
		close(fd);
	if (!err && mount(path, to, NULL, MS_BIND, NULL))
		err = -errno;
	umount2(place, MNT_DETACH);
	return err;
}

int ways_out_file(const char *path, const char *text)
{
	char real[PATH_MAX];

	return realpath(path, real) ? bind_text(text, real) : -errno;
}

int ways_out_cover(const struct ways_out *w, char *why, size_t size)
{
	int err = cover_run(w, why, size);

	if (!err)
		err = cover_folders(why, size);
	for (size_t i = 0; i < ARRAY_SIZE(devices) && !err; i++) {
		err = access(devices[i], F_OK) ? 0 : bind_text("", devices[i]);
		if (err)
			snprintf(why, size, "cannot cover %s: %s", devices[i], strerror(-err));
	}
	for (size_t i = 0; i < w->n && !err; i++) {
		if (!is_socket(w->paths[i]))
			continue; /* gone, or below a folder that is covered */
		err = bind_text("", w->paths[i]);
		if (err == -ENOENT && !is_socket(w->paths[i]))
			err = 0; /* gone meanwhile */
		if (err)
			snprintf(why, size, "cannot cover the socket %.200s: %s", w->paths[i], strerror(-err));
	}
	return err;
}
