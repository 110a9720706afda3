/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libskep-preload.so: other people's tools, unmodified, against a hive.
 *
 * Theory of operation
 *
 * The dynamic linker puts this library before libc, so a tool's calls of the functions below come here. What concerns eBPF goes
 * to the hive that SKEP_HIVE names ("default" if it names none); everything else goes on to libc as it is. libbpf calls bpf(2)
 * through syscall(), wherever it is linked from.
 *
 * It is loaded into any program that the tool starts, so it must not be felt there:
 *  - No constructor, no thread, no lock. The hive is looked for when the first call of bpf(2) comes.
 *  - A path is compared before anything is done about it; a call that is not ours costs some nanoseconds.
 *  - errno is what libc would leave, or the answer's.
 *  - Where no hive answers, bpf(2) is ENOSYS, as on a kernel without it, and stderr says why, once.
 *
 * fds of the hive's objects are memory files here (bpf/hive.h); readlink() of /proc/self/fd and open() of /proc/self/fdinfo show
 * them as the kernel shows its own, for that is how tools tell a map from a program.
 */
#include "base/sysargs.h"
#include "base/util.h"
#include "bpf/present.h"
#include "hive/client.h"
#include "map/ringview.h"
#include "preload/events.h"
#include "preload/hive.h"
#include "preload/next.h"
#include "preload/rings.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifndef BPF_FS_MAGIC
#define BPF_FS_MAGIC 0xcafe4a11
#endif

struct client preload_hive = {.say = preload_say};

/* A child of fork(2) says it again: it may be another program's. */
static void complain(const char *why)
{
	static atomic_int said;
	int pid = (int)getpid();
	char line[512];
	int n;

	if (atomic_exchange(&said, pid) == pid)
		return;
	n = snprintf(line, sizeof(line), "skep: %s\n", why);
	if (write(2, line, (size_t)MIN(n, (int)sizeof(line) - 1)) < 0)
		return; /* nobody hears it */
}

void preload_say(const char *text)
{
	static atomic_uint last;
	char line[1088];
	uint32_t hash = (uint32_t)getpid();
	int n;

	for (const char *p = text; *p; p++)
		hash = hash * 31 + (uint8_t)*p;
	if (atomic_exchange(&last, hash) == hash)
		return;
	n = snprintf(line, sizeof(line), "skep: %s\n", text);
	if (write(2, line, (size_t)MIN(n, (int)sizeof(line) - 1)) < 0)
		return; /* nobody hears it */
}

int preload_result(int ret, const char *why)
{
	if (ret >= 0)
		return ret;
	if (ret == -ENOTCONN || ret == -ECONNRESET) {
		complain(why);
		ret = ret == -ENOTCONN ? -ENOSYS : ret;
	}
	errno = -ret;
	return -1;
}

int preload_ask(enum msg_ask what, int number, const char *text)
{
	char why[256] = "";

	return preload_result(client_ask(&preload_hive, what, number, text, NULL, 0, why, sizeof(why)), why);
}

EXPORT long syscall(long nr, ...)
{
	char why[256] = "";
	long a[6];
	int ret;

	SYSARGS_READ(a, nr);
	if (nr == SYS_perf_event_open && preload_is_event((uint64_t)a[0]))
		return preload_open_event((uint64_t)a[0], (int)a[1], (int)a[2]);
	if (nr != SYS_bpf)
		return NEXT(syscall)(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
	ret = preload_result(client_bpf(&preload_hive, (int)a[0], (uint64_t)a[1], (uint32_t)a[2], why, sizeof(why)),
			     why);
	if (a[0] == BPF_LINK_CREATE || a[0] == BPF_RAW_TRACEPOINT_OPEN)
		preload_note_link(ret);
	return ret;
}

/* Paths. */

bool preload_is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return path && !strncmp(path, dir, n) && (!path[n] || path[n] == '/');
}

/* A file that the hive shows in place of the kernel's. What libbpf would look for elsewhere need not be hidden: it finds this first. */
enum shown { HIDDEN, SHOWN, CPUS, TRACEFS, PMU };

static enum shown is_presented(const char *path)
{
	static const struct {
		const char *path;
		enum shown shown;
	} files[] = {
#define X(name, what) {name, what},
		PRESENTED(X) PRESENTED_TRACE(X)
#undef X
	};

	if (!path || path[0] != '/' || !strchr("spb", path[1]))
		return HIDDEN;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		size_t n = strlen(files[i].path);
		bool prefix = files[i].path[n - 1] == '*';

		if (files[i].shown && (prefix ? !strncmp(path, files[i].path, n - 1) : !strcmp(path, files[i].path)))
			return files[i].shown;
	}
	return HIDDEN;
}

/* The number behind a directory of this process's in /proc; -1 for other paths. */
static int proc_fd(const char *path, const char *what)
{
	char own[64];
	char *end;
	size_t n;
	long fd;

	if (!path || strncmp(path, "/proc/", 6))
		return -1;
	n = (size_t)snprintf(own, sizeof(own), "/proc/self/%s/", what);
	if (strncmp(path, own, n)) {
		n = (size_t)snprintf(own, sizeof(own), "/proc/%d/%s/", (int)getpid(), what);
		if (strncmp(path, own, n))
			return -1;
	}
	fd = strtol(path + n, &end, 10);
	return end == path + n || *end || fd < 0 || fd > INT32_MAX ? -1 : (int)fd;
}

/*
 * The kinds of memory files that are objects of a hive, and what the kernel calls its own. A link has two names there; this is that of
 * one got by id or pin, which bpftool looks for.
 */
static const char *object_name(const char *link)
{
	static const struct {
		const char *file, *name;
	} kinds[] = {
		{"/memfd:skep-map:", "anon_inode:bpf-map"},       {"/memfd:skep-prog:", "anon_inode:bpf-prog"},
		{"/memfd:skep-link:", "anon_inode:bpf-link"},     {"/memfd:skep-btf:", "anon_inode:btf"},
		{"/memfd:skep-stats:", "anon_inode:bpf-stats"},   {"/memfd:skep-event:", "anon_inode:[perf_event]"},
		{"/memfd:skep-perf:", "anon_inode:[perf_event]"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strncmp(link, kinds[i].file, strlen(kinds[i].file)))
			return kinds[i].name;
	return NULL;
}

bool preload_is_object(int fd, const char *kind)
{
	static const char prefix[] = "/memfd:skep-";
	char path[32], link[64];
	size_t len = kind ? strlen(kind) : 0;
	ssize_t n;

	/* Most files are not even memory files. */
	if (fd < 0 || fcntl(fd, F_GET_SEALS) < 0)
		return false;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = NEXT(readlink)(path, link, sizeof(link) - 1);
	link[MAX(n, (ssize_t)0)] = 0;
	return n > 0 && object_name(link) &&
	       (!kind || (!strncmp(link + sizeof(prefix) - 1, kind, len) && link[sizeof(prefix) - 1 + len] == ':'));
}

EXPORT ssize_t readlink(const char *path, char *buf, size_t size)
{
	ssize_t n = NEXT(readlink)(path, buf, size);
	char link[64] = "";
	const char *name;

	if (n <= 0 || proc_fd(path, "fd") < 0)
		return n;
	memcpy(link, buf, MIN((size_t)n, sizeof(link) - 1));
	name = object_name(link);
	if (!name)
		return n;
	n = (ssize_t)MIN(strlen(name), size);
	memcpy(buf, name, (size_t)n);
	return n;
}

EXPORT ssize_t __readlink_chk(const char *path, char *buf, size_t size, size_t room)
{
	return readlink(path, buf, MIN(size, room));
}

/* Opening for reading what the hive answers for. Return: whether it does; then *fd is open, or errno is set. */
static bool open_ours(const char *path, int *fd)
{
	int number = proc_fd(path, "fdinfo");

	if (number >= 0 ? !preload_is_object(number, NULL) : !is_presented(path))
		return false;
	*fd = number >= 0 ? preload_ask(ASK_FDINFO, number, NULL) : preload_ask(ASK_FILE, 0, path);
	/* As it was: without a hive the machine's own file is better than none. */
	return *fd >= 0 || errno != ENOSYS;
}

static FILE *as_stream(int fd, const char *mode)
{
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");

	if (fd >= 0 && !f)
		close(fd);
	return f;
}

EXPORT FILE *fopen(const char *path, const char *mode)
{
	int fd;

	return *mode == 'r' && open_ours(path, &fd) ? as_stream(fd, mode) : NEXT(fopen)(path, mode);
}

EXPORT FILE *fopen64(const char *path, const char *mode)
{
	int fd;

	return *mode == 'r' && open_ours(path, &fd) ? as_stream(fd, mode) : NEXT(fopen64)(path, mode);
}

/* An argument of open(2) that is there only with these flags. */
#define MODE_OF(flags, last)                                                                                           \
	({                                                                                                             \
		mode_t mode_ = 0;                                                                                      \
		va_list ap_;                                                                                           \
                                                                                                                       \
		va_start(ap_, last);                                                                                   \
		if (((flags)&O_CREAT) || ((flags)&O_TMPFILE) == O_TMPFILE)                                             \
			mode_ = va_arg(ap_, mode_t);                                                                   \
		va_end(ap_);                                                                                           \
		mode_;                                                                                                 \
	})

static bool only_reads(int flags)
{
	return (flags & O_ACCMODE) == O_RDONLY && !(flags & (O_CREAT | O_DIRECTORY | O_PATH));
}

EXPORT int open(const char *path, int flags, ...)
{
	mode_t mode = MODE_OF(flags, flags);
	int fd;

	return only_reads(flags) && open_ours(path, &fd) ? fd : NEXT(open)(path, flags, mode);
}

EXPORT int open64(const char *path, int flags, ...)
{
	mode_t mode = MODE_OF(flags, flags);
	int fd;

	return only_reads(flags) && open_ours(path, &fd) ? fd : NEXT(open64)(path, flags, mode);
}

EXPORT int __open_2(const char *path, int flags)
{
	int fd;

	return only_reads(flags) && open_ours(path, &fd) ? fd : NEXT(__open_2)(path, flags);
}

EXPORT int __open64_2(const char *path, int flags)
{
	int fd;

	return only_reads(flags) && open_ours(path, &fd) ? fd : NEXT(__open64_2)(path, flags);
}

EXPORT int access(const char *path, int mode)
{
	enum shown shown = is_presented(path);

	if (shown == TRACEFS || shown == PMU) {
		int ret = preload_ask(ASK_ACCESS, mode, path);

		return ret && errno == ENOSYS ? NEXT(access)(path, mode) : ret;
	}
	if (!shown)
		return NEXT(access)(path, mode);
	if (!(mode & (W_OK | X_OK)))
		return 0;
	errno = EACCES;
	return -1;
}

EXPORT int faccessat(int dir, const char *path, int mode, int flags)
{
	return is_presented(path) ? access(path, mode) : NEXT(faccessat)(dir, path, mode, flags);
}

/* By system call: the dynamic linker and memory allocators map before there is anything to look up. */
static void *system_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	return (void *)NEXT(syscall)(SYS_mmap, addr, len, prot, flags, fd, off);
}

/* Mapping objects: their files hold more than the kernel's show, so the hive is asked, and the file itself is mapped. */
static void *map_object(void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	const struct msg_mapping want = {.len = len, .off = (uint64_t)off, .prot = prot, .flags = flags};
	struct msg_memory memory;
	char why[256] = "";
	int reader = preload_result(client_may_map(&preload_hive, fd, &want, &memory, why, sizeof(why)), why);
	int saved = errno;
	void *p;

	if (reader < 0)
		return MAP_FAILED;
	if (memory.layout != MEMORY_PLAIN)
		rings_note(fd);
	if (memory.layout != MEMORY_RING)
		return system_mmap(addr, len, prot, flags, fd, off);
	p = ringview_map(fd, reader, memory.size, addr, len, prot, flags, off);
	if (p != MAP_FAILED)
		errno = saved;
	NEXT(close)(reader);
	return p;
}

EXPORT void *mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	int saved = errno;

	if ((flags & MAP_ANONYMOUS) || !preload_is_object(fd, NULL)) {
		errno = saved;
		return system_mmap(addr, len, prot, flags, fd, off);
	}
	errno = saved;
	return map_object(addr, len, prot, flags, fd, off);
}

EXPORT void *mmap64(void *addr, size_t len, int prot, int flags, int fd, off64_t off)
{
	return mmap(addr, len, prot, flags, fd, off);
}

/* The hive's bpf file system. */

static int stat_bpffs(struct statfs *st)
{
	memset(st, 0, sizeof(*st));
	st->f_type = BPF_FS_MAGIC;
	st->f_bsize = st->f_frsize = 4096;
	st->f_namelen = 255;
	return 0;
}

EXPORT int statfs(const char *path, struct statfs *st)
{
	return preload_is_below(path, BPFFS) ? stat_bpffs(st) : NEXT(statfs)(path, st);
}

/* On x86-64 the two structs are one. */
_Static_assert(sizeof(struct statfs) == sizeof(struct statfs64), "statfs64");
EXPORT int statfs64(const char *path, struct statfs64 *st)
{
	return preload_is_below(path, BPFFS) ? stat_bpffs((struct statfs *)st) : NEXT(statfs64)(path, st);
}

EXPORT int mkdir(const char *path, mode_t mode)
{
	return preload_is_below(path, BPFFS) ? 0 : NEXT(mkdir)(path, mode);
}

EXPORT int unlink(const char *path)
{
	return preload_is_below(path, BPFFS) ? preload_ask(ASK_UNLINK, 0, path) : NEXT(unlink)(path);
}

/* The rest of what loaders do first. */

/* Only raising what a hive does not count: other limits are the program's own affair, and this one's reading stays true. */
EXPORT int setrlimit(__rlimit_resource_t what, const struct rlimit *limit)
{
	int ret = NEXT(setrlimit)(what, limit);

	return what == RLIMIT_MEMLOCK && ret && errno == EPERM ? 0 : ret;
}

EXPORT int setrlimit64(__rlimit_resource_t what, const struct rlimit64 *limit)
{
	int ret = NEXT(setrlimit64)(what, limit);

	return what == RLIMIT_MEMLOCK && ret && errno == EPERM ? 0 : ret;
}

EXPORT int uname(struct utsname *buf)
{
	int ret = NEXT(uname)(buf);

	if (!ret) {
		strcpy(buf->release, PRESENTED_RELEASE);
		strcpy(buf->version, PRESENTED_VERSION);
	}
	return ret;
}
