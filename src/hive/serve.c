/* SPDX-License-Identifier: BSD-2-Clause */
#include "hive/serve.h"

#include "base/util.h"
#include "bpf/hive.h"
#include "bpf/ksyms.h"
#include "bpf/pin.h"
#include "bpf/present.h"
#include "bpf/seam.h"
#include "hive/far.h"
#include "hive/fdinfo.h"

#include <errno.h>
#include <limits.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

/* bpf(2), as an ordinary caller of this process would call it, but that the caller is far away. */
static int call(const struct serve *s, struct far *f)
{
	const struct usermem *before = user_enter(&f->mem);
	struct hive_caller *self = caller_enter(&f->caller);
	int ret = skep_bpf(s->hive, f->call.value, (union bpf_attr *)(uintptr_t)f->call.addr, f->call.len);
	int fd = ret >= 0 && ret == f->caller.opened ? ret : -1;

	caller_enter(self);
	user_enter(before);
	ret = far_done(f, fd >= 0 ? 0 : ret, fd);
	if (fd >= 0)
		close(fd);
	return ret;
}

static void count_facts(const struct serve *s, struct msg_facts *facts)
{
	struct skep_hive *hive = s->hive;
	uint32_t *const counts[HIVE_KINDS] = {
		[HIVE_MAP] = &facts->maps,
		[HIVE_PROG] = &facts->programs,
		[HIVE_BTF] = &facts->btfs,
		[HIVE_LINK] = &facts->links,
	};

	*facts = (struct msg_facts){
		.started = s->started, .pid = (uint32_t)getpid(), .clients = s->clients(s->arg), .cpus = hive->n_cpus};
	pthread_mutex_lock(&hive->lock);
	hive_sweep(hive);
	for (int k = 0; k < HIVE_KINDS; k++)
		for (const struct hive_object *o = hive->objects[k]; o && counts[k]; o = o->next)
			++*counts[k];
	for (const struct hive_object *o = hive->objects[HIVE_MAP]; o; o = o->next)
		facts->memory += container_of(o, struct hive_map, o)->map->mem_size;
	for (const struct hive_object *o = hive->objects[HIVE_PROG]; o; o = o->next)
		facts->memory += container_of(o, struct hive_prog, o)->text.size;
	for (const struct hive_pin *p = hive->pins; p; p = p->next)
		facts->pins++;
	pthread_mutex_unlock(&hive->lock);
}

/* The paths of all pins as a file. */
static int list_pins(struct skep_hive *hive)
{
	int fd = memfd_create("skep-pins", MFD_CLOEXEC);
	int err = fd < 0 ? -errno : 0;

	pthread_mutex_lock(&hive->lock);
	for (const struct hive_pin *p = hive->pins; !err && p; p = p->next)
		if (write(fd, p->path, strlen(p->path) + 1) != (ssize_t)strlen(p->path) + 1)
			err = -ENOMEM;
	pthread_mutex_unlock(&hive->lock);
	if (!err)
		lseek(fd, 0, SEEK_SET);
	else if (fd >= 0)
		close(fd);
	return err ? err : fd;
}

static int fdinfo(const struct serve *s, struct far *f)
{
	struct caller_fd file;
	int err = f->call.addr <= INT32_MAX ? far_find(f, (int)f->call.addr, &file) : -EBADF;

	return err ? err : fdinfo_open(s->hive, &file);
}

/*
 * May what is behind an fd be mapped? Plain maps may, as the kernel's. A ring's mapping is more than one of its file, and
 * nobody could wait for it from there: refused.
 */
static int may_map(const struct serve *s, struct far *f)
{
	struct cursor c = f->pieces;
	struct msg_mapping want;
	struct msg_piece piece;
	struct hive_object *o;
	const void *bytes;
	struct caller_fd file;
	int err = f->call.addr <= INT32_MAX ? far_find(f, (int)f->call.addr, &file) : -EBADF;

	if (err)
		return err;
	if (!wire_piece(&c, &piece, &bytes) || piece.len != sizeof(want))
		return -EINVAL;
	memcpy(&want, bytes, sizeof(want));
	pthread_mutex_lock(&s->hive->lock);
	o = hive_object_by_file(s->hive, &file);
	if (!o || o->kind != HIVE_MAP) {
		err = -ENODEV;
	} else {
		struct hive_map *m = container_of(o, struct hive_map, o);

		err = seam_may_map(m, want.len, want.prot, want.flags, (off_t)want.off);
		if (!err && m->map->type->type == BPF_MAP_TYPE_RINGBUF)
			err = -EOPNOTSUPP;
	}
	pthread_mutex_unlock(&s->hive->lock);
	return err;
}

static int file(const struct serve *s, const char *path)
{
	struct skep_hive *before;
	int fd;

	if (!strcmp(path, "/proc/kallsyms"))
		return ksyms_open(s->hive);
	before = seam_enter(s->hive);
	fd = present_open(path);
	if (fd < 0)
		fd = -errno;
	seam_enter(before);
	return fd;
}

/* Answers that are files give an fd, others 0; or a negative errno. */
static int answer(const struct serve *s, struct far *f, bool *is_fd)
{
	struct msg_facts facts;
	char text[PATH_MAX];

	*is_fd = false;
	switch (f->call.value) {
	case ASK_HELLO:
		return f->call.len == MSG_VERSION ? 0 : -EPROTONOSUPPORT;
	case ASK_FACTS:
		count_facts(s, &facts);
		f->n_out = 1;
		wire_add_piece(f->out, &f->out_len, MSG_MAX, 0, &facts, sizeof(facts));
		return 0;
	case ASK_STOP:
		return 0;
	case ASK_UNLINK:
		return far_text(f, text, sizeof(text)) ? -EINVAL : pin_remove(s->hive, text);
	case ASK_FDINFO:
		*is_fd = true;
		return fdinfo(s, f);
	case ASK_FILE:
		*is_fd = true;
		return far_text(f, text, sizeof(text)) ? -EINVAL : file(s, text);
	case ASK_MMAP:
		return may_map(s, f);
	case ASK_PINS:
		*is_fd = true;
		return list_pins(s->hive);
	default:
		return -EOPNOTSUPP;
	}
}

static int ask(const struct serve *s, struct far *f)
{
	bool is_fd;
	int ret = answer(s, f, &is_fd);
	int fd = is_fd && ret >= 0 ? ret : -1;

	ret = far_done(f, fd >= 0 ? 0 : ret, fd);
	if (fd >= 0)
		close(fd);
	if (f->call.value == ASK_STOP)
		s->stop(s->arg); /* who asked has heard the answer */
	return ret;
}

void serve_client(const struct serve *s, int sock)
{
	struct far f;
	bool greeted = false;

	if (far_init(&f, sock))
		return;
	while (!far_next(&f)) {
		bool hello = f.call.type == MSG_ASK && f.call.value == ASK_HELLO;

		/* Who does not greet speaks some other language. */
		if (!greeted && !hello)
			break;
		greeted = true;
		if (f.call.type == MSG_CALL ? call(s, &f) : ask(s, &f))
			break;
	}
	far_free(&f);
	/* What the client alone held has gone with it, in most cases: its fds were closed before its socket was, or right after. */
	pthread_mutex_lock(&s->hive->lock);
	hive_sweep(s->hive);
	pthread_mutex_unlock(&s->hive->lock);
}
