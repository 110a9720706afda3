/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BPF_OBJ_PIN and BPF_OBJ_GET: names under a file system that exists in the hive only. A pin's path is absolute and lies below
 * /sys/fs/bpf, where libbpf puts pins by default; directories there come into being with the first pin in them, as nobody
 * could make them otherwise. Nothing on the machine's own /sys/fs/bpf is touched or looked at.
 */
#include "base/usermem.h"
#include "base/util.h"
#include "bpf/cmd.h"
#include "bpf/pin.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#define BPFFS "/sys/fs/bpf"

bool pin_path_is_ours(const char *path)
{
	size_t n = sizeof(BPFFS) - 1;

	return !strncmp(path, BPFFS, n) && (!path[n] || path[n] == '/');
}

/*
 * One spelling per path: no empty or "." parts; a relative path and ".." are refused as no such path. It is done in place: as every part
 * has a slash before it, what is written never overtakes what is read.
 */
static int normalise(char *path)
{
	char *to = path;

	if (path[0] != '/')
		return -ENOENT;
	for (const char *from = path; *from;) {
		size_t n;

		while (*from == '/')
			from++;
		n = strcspn(from, "/");
		if (n == 2 && from[0] == '.' && from[1] == '.')
			return -ENOENT;
		if (n && !(n == 1 && from[0] == '.')) {
			*to++ = '/';
			memmove(to, from, n);
			to += n;
		}
		from += n;
	}
	*to = 0;
	return 0;
}

static int read_path(uint64_t from, char path[PATH_MAX])
{
	int n = user_read_string(path, from, PATH_MAX);

	if (n < 0)
		return n == -EINVAL ? -ENAMETOOLONG : n;
	if (normalise(path))
		return -ENOENT;
	/* The kernel: a path that is not on a bpf file system. */
	return pin_path_is_ours(path) && path[sizeof(BPFFS) - 1] ? 0 : -EPERM;
}

static struct hive_pin **find(struct skep_hive *hive, const char *path)
{
	struct hive_pin **pp = &hive->pins;

	while (*pp && strcmp((*pp)->path, path))
		pp = &(*pp)->next;
	return pp;
}

int cmd_obj_pin(struct bpf_call *call, uint32_t which)
{
	struct skep_hive *hive = call->hive;
	struct hive_pin *pin = NULL;
	struct hive_object *o;
	char path[PATH_MAX];
	int ret = 0;

	if (call->attr.file_flags)
		return -EINVAL;
	pthread_mutex_lock(&hive->lock);
	o = hive_object_by_fd(hive, (int)call->attr.bpf_fd, -1, &ret);
	pthread_mutex_unlock(&hive->lock);
	if (!o)
		return -EINVAL; /* the kernel's answer for closed fds too */
	/* What is to be pinned is looked at before where: an error about it comes first. */
	ret = o->kind == HIVE_MAP || o->kind == HIVE_PROG || o->kind == HIVE_LINK ? 0 : -EINVAL;
	if (!ret)
		ret = read_path(call->attr.pathname, path);
	if (!ret) {
		pin = calloc(1, sizeof(*pin));
		if (!pin || !(pin->path = strdup(path)))
			ret = -ENOMEM;
	}
	pthread_mutex_lock(&hive->lock);
	if (!ret && *find(hive, path))
		ret = -EEXIST;
	if (!ret) {
		pin->object = o; /* takes the reference */
		o->pins++;
		pin->next = hive->pins;
		hive->pins = STEAL_PTR(pin);
	} else {
		hive_object_put(o);
	}
	pthread_mutex_unlock(&hive->lock);
	if (pin)
		free(pin->path);
	free(pin);
	return ret;
}

int cmd_obj_get(struct bpf_call *call, uint32_t which)
{
	struct skep_hive *hive = call->hive;
	uint32_t flags = call->attr.file_flags;
	char path[PATH_MAX];
	struct hive_pin *pin;
	int ret;

	if (call->attr.bpf_fd || (flags & ~(uint32_t)(BPF_F_RDONLY | BPF_F_WRONLY)) ||
	    flags == (BPF_F_RDONLY | BPF_F_WRONLY))
		return -EINVAL;
	ret = read_path(call->attr.pathname, path);
	if (ret)
		return ret;
	pthread_mutex_lock(&hive->lock);
	pin = *find(hive, path);
	if (!pin)
		ret = -ENOENT;
	else if (flags && pin->object->kind != HIVE_MAP)
		ret = -EINVAL;
	else
		ret = hive_object_open(pin->object, flags & BPF_F_RDONLY   ? O_RDONLY
						    : flags & BPF_F_WRONLY ? O_WRONLY
									   : O_RDWR);
	pthread_mutex_unlock(&hive->lock);
	return ret;
}

int pin_remove(struct skep_hive *hive, const char *path)
{
	char copy[PATH_MAX];
	struct hive_pin **pp;
	struct hive_pin *pin;
	int ret = -ENOENT;

	if (strlen(path) >= sizeof(copy))
		return -ENAMETOOLONG;
	strcpy(copy, path);
	if (normalise(copy))
		return -ENOENT;
	pthread_mutex_lock(&hive->lock);
	pp = find(hive, copy);
	pin = *pp;
	if (pin) {
		*pp = pin->next;
		pin->object->pins--;
		hive_object_put(pin->object);
		free(pin->path);
		free(pin);
		ret = 0;
	}
	pthread_mutex_unlock(&hive->lock);
	return ret;
}

void pin_remove_all(struct skep_hive *hive)
{
	while (hive->pins) {
		struct hive_pin *pin = hive->pins;

		hive->pins = pin->next;
		pin->object->pins--;
		hive_object_put(pin->object);
		free(pin->path);
		free(pin);
	}
}
