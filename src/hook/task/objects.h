/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel objects that a run presents to programs: one table of bundles, shared by all views.
 *
 * Theory of operation
 *
 * An address is OBJECTS_BASE, the number of a slot times OBJECTS_STRIDE, and an offset in the slot's bundle (members.h says what lies there). Nothing is mapped
 * at these addresses. A read finds the slot, fills the groups of members that it touches and that are not fresh, and copies; so it costs what the program asks
 * for, and an address can be given out before anything is known of the object but what it is.
 *
 * A group that can change is fresh for one event: each event has a number of its own, and a slot notes for each group the number that it was filled for. What
 * cannot be learnt (any more) is zeroes; of a thread that is gone nothing is filled any more, and what was learnt stays.
 *
 * Slots are found again by what they present (key), so that it keeps its address; when all slots of a kind are taken the one that was asked for least recently
 * goes. Programs may keep the old address and then read the new object, as they may in the kernel with memory that is freed and used again; they can never read
 * anything else.
 *
 * Invariants
 *  - One lock guards all of it; fill functions run under it, and none takes it.
 *  - A bundle's memory is there from a slot's first use until the end; its size is that of its kind.
 *  - No address of this process is ever in a bundle.
 */
#ifndef SKEP_HOOK_TASK_OBJECTS_H
#define SKEP_HOOK_TASK_OBJECTS_H

#include "hook/task/members.h"
#include "hook/task/view.h"

#include <pthread.h>
#include <stdatomic.h>

#define OBJECTS_BASE 0xffff888000000000ull
enum { OBJECTS_SHIFT = 16, OBJECTS_STRIDE = 1 << OBJECTS_SHIFT };

/* What a file's bundle shows: an fd of a process, one of its links in /proc, or what skep has open itself. */
enum file_kind { FILE_OF_FD, FILE_OF_EXE, FILE_OF_CWD, FILE_OF_ROOT, FILE_OF_OURS };

/* Files of a task in /proc that are asked for again and again: they stay open, OBJECTS_FILES in all, since to open one costs more than to read it. */
enum task_file { TASK_FILE_COMM, TASK_FILE_STAT, TASK_FILE_STATUS, TASK_FILE_COUNT };
enum { OBJECTS_FILES = 192 };

struct slot {
	enum bundle bundle;
	bool used, gone;
	uint64_t key[2];
	uint32_t next; /* of the same hash, + 1; 0: the last */
	uint32_t older, newer; /* in the order of use, + 1 */
	uint8_t *bytes;
	uint64_t filled[GROUP_COUNT]; /* the event that a group was filled for; 0: never */

	/* What it presents; tgid and tid in the tree's namespace. */
	uint32_t tid, tgid;
	uint64_t start; /* of the process, clock ticks since boot; 0: not known yet */
	int fd; /* BUNDLE_SOCK, FILE_OF_FD: in the process tgid; FILE_OF_OURS: skep's own, while @event lasts */
	enum file_kind file;
	uint64_t event;
	char *text; /* BUNDLE_FILE: the path, owned; NULL: not known */
	uint32_t flags; /* FILE_OF_OURS: as in open(2) */
	int files[TASK_FILE_COUNT]; /* BUNDLE_TASK: fd + 1; 0: not open */
	struct slot_cgroups *cgroups; /* BUNDLE_TASK, of a process; owned; NULL: nobody has asked */
};

/* The cgroups of a process, kept for a while. */
struct slot_cgroups {
	uint64_t until, ids[32];
	uint32_t n;
};

struct objects {
	pthread_mutex_t lock;
	int proc;
	struct layout *layout;
	const struct btf *btf;
	atomic_uint_fast64_t events; /* numbers of events that have been given out */
	uint32_t open_files; /* of all slots */
	uint64_t made; /* objects without a key of their own */
	struct slot *slots;
	uint32_t *hash;
	struct {
		uint32_t first, n, used; /* slots of the kind */
		uint32_t oldest, newest; /* + 1 */
	} kinds[BUNDLES];
};

/* What one view knows of the event that it is in. */
struct view {
	struct objects *o;
	struct env_task task;
	struct task_event *event; /* NULL: in none */
	uint64_t number; /* the event's */
	uint64_t comm_for, ids_for; /* the event that comm and uid_gid are of */
	char comm[16];
	uint64_t uid_gid;
	struct { /* a duplicate of a socket's fd, for the event; -1: none */
		int fd;
		uint64_t cookie;
	} borrowed;
};

/* All of these want o->lock held. */

/*
 * objects_find - the slot of a key, and now the one that was used last; NULL: there is none.
 * objects_make - a new one, all zeroes but for what is set here. NULL: without memory.
 */
struct slot *objects_find(struct objects *o, enum bundle bundle, uint64_t key0, uint64_t key1);
struct slot *objects_make(struct objects *o, enum bundle bundle, uint64_t key0, uint64_t key1);

/* objects_address - of a part (the @i-th one); 0: this BTF has no such struct, or @s is NULL. */
uint64_t objects_address(const struct objects *o, const struct slot *s, enum part part, uint32_t i);

/* objects_at - the slot that an address lies in and the offset in it; NULL: it lies in none. */
struct slot *objects_at(struct objects *o, uint64_t address, uint32_t *offset);

/*
 * objects_fill - see that a group is fresh for the view's event. What it had goes first; sockets' groups keep it until there is something new
 * (objects_clear()).
 */
void objects_clear(struct objects *o, struct slot *s, enum group group);
void objects_fill(struct view *v, struct slot *s, enum group group);

/* objects_read - Return: 0 or -EFAULT. Takes the lock itself. */
int objects_read(struct view *v, void *to, uint64_t from, size_t len);

/* put - set a member of a slot's (@i-th) part; what does not fit is cut, what this BTF lacks is nowhere. */
void put_at(struct objects *o, struct slot *s, enum member m, uint32_t i, uint64_t value);
void put_bytes_at(struct objects *o, struct slot *s, enum member m, uint32_t i, const void *bytes, size_t len);
static inline void put(struct objects *o, struct slot *s, enum member m, uint64_t value)
{
	put_at(o, s, m, 0, value);
}
static inline void put_bytes(struct objects *o, struct slot *s, enum member m, const void *bytes, size_t len)
{
	put_bytes_at(o, s, m, 0, bytes, len);
}

/* The fill functions, one a group. The slot's members of the group are zeroes, and stay so where nothing is known. */
typedef void fill_fn(struct view *v, struct slot *s);
fill_fn fill_TASK_SELF, fill_TASK_BORN, fill_TASK_STAT, fill_TASK_CRED, fill_TASK_NS, fill_TASK_REGS, fill_TASK_CGROUP,
	fill_TASK_FILES, fill_TASK_OOM; /* objects_task.c */
fill_fn fill_SOCK_SELF, fill_SOCK_NAMES, fill_SOCK_TCP, fill_SOCK_OPTIONS, fill_SOCK_NS; /* objects_sock.c */
fill_fn fill_FILE_SELF, fill_FILE_PATH, fill_FILE_STAT, fill_FILE_INFO; /* objects_file.c */

/*
 * task_slot - the bundle of a task of the tree. @start: of its process, 0: whoever has the number now. NULL: without memory.
 * task_start - see that it is known when the process began (slot.start). Return: 0: it is gone.
 * task_text - read one of its files into @to, ended. Return: its length, 0 when it cannot be read.
 * task_close - the files of a task that are open are closed.
 * task_proc - the name of a file of a task in the tree's /proc.
 * proc_text - read such a file, as task_text() does.
 */
struct slot *task_slot(struct objects *o, uint32_t tid, uint32_t tgid, uint64_t start);
uint64_t task_start(struct objects *o, struct slot *s);
size_t task_text(struct objects *o, struct slot *s, enum task_file file, char *to, size_t size);
void task_close(struct objects *o, struct slot *s);
enum { PROC_NAME = 64 };
const char *task_proc(uint32_t tid, uint32_t tgid, const char *file, char name[PROC_NAME]);
size_t proc_text(int proc, const char *name, char *to, size_t size);

/* sock_slot - the bundle of the socket behind an fd of the current task; NULL: there is none, or no memory. view_return_fd - the view's duplicate goes. */
struct slot *sock_slot(struct view *v, int fd);
void view_return_fd(struct view *v);

/* file_slot - the bundle of a file of the process of @s (@fd: FILE_OF_FD). NULL: without memory. */
struct slot *file_slot(struct objects *o, uint32_t tgid, uint64_t start, enum file_kind kind, int fd);
/* file_text - the path that a file's bundle shows, as the tree sees it; NULL: not known. */
const char *file_text(struct view *v, struct slot *s);

#endif
