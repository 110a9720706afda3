/* SPDX-License-Identifier: BSD-2-Clause */
#include "hive/place.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool place_name_ok(const char *name)
{
	static const char fine[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	size_t n = strlen(name);
	/* The names of a hive's own files are taken. */
	bool ours = (n > 5 && !strcmp(name + n - 5, ".lock")) || (n > 4 && !strcmp(name + n - 4, ".log"));

	return n && n <= PLACE_NAME_MAX && strspn(name, fine) == n && *name != '.' && *name != '-' && !ours;
}

/* Only a directory that others cannot have put there is a runtime directory. */
static bool is_ours(const char *path)
{
	struct stat st;

	return !lstat(path, &st) && S_ISDIR(st.st_mode) && st.st_uid == geteuid();
}

int place_dir(bool make, char dir[PATH_MAX], char *why, size_t why_len)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	struct stat st;
	int n;

	if (runtime && *runtime == '/' && is_ours(runtime))
		n = snprintf(dir, PATH_MAX, "%s/skep", runtime);
	else
		n = snprintf(dir, PATH_MAX, "/tmp/skep-%u", (unsigned int)geteuid());
	if (n >= PATH_MAX) {
		snprintf(why, why_len, "the runtime directory's name is too long");
		return -ENAMETOOLONG;
	}
	if (make && mkdir(dir, 0700) && errno != EEXIST) {
		int err = -errno;

		snprintf(why, why_len, "cannot make %s: %s", dir, strerror(-err));
		return err;
	}
	if (lstat(dir, &st)) {
		int err = -errno;

		snprintf(why, why_len, "%s: %s", dir, strerror(-err));
		return err;
	}
	if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077)) {
		snprintf(why, why_len, "%s must be a directory of yours that nobody else may enter (chmod 700)", dir);
		return -EPERM;
	}
	return 0;
}

int place_find(const char *name, bool make, struct place *out, char *why, size_t why_len)
{
	int err;

	if (!place_name_ok(name)) {
		snprintf(why, why_len,
			 "'%s' cannot be a hive's name: up to %d letters, digits, '.', '_', '-' (not .lock, not .log)",
			 name, PLACE_NAME_MAX);
		return -EINVAL;
	}
	err = place_dir(make, out->dir, why, why_len);
	if (err)
		return err;
	if (snprintf(out->socket, sizeof(out->socket), "%s/%s", out->dir, name) >= (int)sizeof(out->socket) ||
	    snprintf(out->lock, sizeof(out->lock), "%s/%s.lock", out->dir, name) >= (int)sizeof(out->lock) ||
	    snprintf(out->log, sizeof(out->log), "%s/%s.log", out->dir, name) >= (int)sizeof(out->log)) {
		snprintf(why, why_len, "%s is too long for a socket's address; a shorter XDG_RUNTIME_DIR helps",
			 out->dir);
		return -ENAMETOOLONG;
	}
	return 0;
}
