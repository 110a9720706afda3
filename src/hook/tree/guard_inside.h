/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of the guard share (guard.h): who calls, what is said to skep, who is to be called back from a call. */
#ifndef SKEP_HOOK_TREE_GUARD_INSIDE_H
#define SKEP_HOOK_TREE_GUARD_INSIDE_H

#include "hook/tree/files.h"
#include "hook/tree/guard.h"
#include "hook/tree/recall.h"

#include <limits.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

enum { GUARD_THREADS = 1024, GUARD_GROUPS = 256 };

/* The errno of a call that was called back: the kernel's ERESTARTSYS, as if a signal had interrupted the call itself. */
enum { RECALLED = 512 };

/* Who calls, as it was while it waited. */
struct caller {
	int dir, root, cwd, pidfd;
	pid_t tid, tgid, own_tid, own_tgid;
	unsigned int umask, uid, gid; /* as files know it (man 2 setfsuid) */
	unsigned int uids[3], gids[3]; /* real, effective, saved */
	uint64_t caps; /* that are effective, in its own user namespace */
	gid_t groups[GUARD_GROUPS];
	size_t n_groups;
};

/* The guard itself. */
struct guard_self {
	struct guard_notes *notes;
	const struct tree_files *files; /* NULL: all are open */
	int listener, home, proc; /* listener: -1: calls come by ptrace; home: the root that the guard has itself */
	int from; /* where calls come from in place of the listener, or -1 */
	dev_t proc_dev; /* of the tree's /proc */
	bool root, deaf; /* deaf: ways_out_deaf() */
	char protected_links, protected_regular,
		protected_fifos; /* fs.protected_*, as they were when the tree began: '0', '1', '2' */
};
extern struct guard_self guard_self;

/*
 * guard_enter, guard_leave - this thread into the caller's root and working directory, with its umask and its rights to files; and back.
 * Return: 0 or a negative errno; a thread that cannot leave is not fit to go on.
 */
int guard_enter(struct caller *c);
int guard_leave(void);

/* guard_still_waits - was what was just looked at the caller's? @id: of its call */
bool guard_still_waits(const struct caller *c, uint64_t id);

/* caller_open - look at a thread of the tree, by its number there. @proc: the tree's. Return: 0 or a negative errno; caller_close() in either case. */
int caller_open(int proc, pid_t tid, struct caller *c);
void caller_close(struct caller *c);

/* guard_note - see guard_noted(). */
void guard_note(struct guard_notes *n, const struct caller *c, const struct stat *sock, int fd);

/* guard_receive - a message with at most one fd, -1 when none came. Return: its length, 0 at the end, or a negative errno. */
ssize_t guard_receive(int from, void *to, size_t size, int *fd);

/* guard_answer - have skep answer a call that came by ptrace. */
void guard_answer(int to, const struct guard_call *call, bool go_on, int result);

/* guard_ask - skep tells that a call ends, and may change how. Return: its result then. */
int guard_ask(struct guard_notes *n, int to, uint64_t id, int result);

/*
 * guard_question_ask - ask skep about a call on files, or a datagram, whose way the programs may change.
 * @fds: as @asked says. Return: 0 or the negative errno that the call ends with.
 */
int guard_question_ask(struct guard_notes *n, int to, const struct guard_call *call, struct guard_asked *asked,
		       const int fds[GUARD_FDS]);

/*
 * What a path leads to (guard_path.c).
 *
 * path_find - of a caller whose place this thread has entered.
 * @base: where a path that is not absolute begins; AT_FDCWD
 * @resolve: as of openat2(2); with RESOLVE_BENEATH, _IN_ROOT and _NO_XDEV paths through /proc are refused (EACCES)
 * @twin: this is a twin (below): else what leads into /proc is -PATH_TO_TWIN
 * Return: 0 or a negative errno; the fds in @f are the caller's to close in either case.
 */
enum {
	PATH_NOFOLLOW = 1, /* a link at the end is what was asked for */
	PATH_FOLDER = 2, /* else ENOTDIR */
	PATH_CREATE = 4, /* nothing needs be there at the end; the folder and the name are wanted */
	PATH_TO_TWIN = 4096,
};
struct found {
	int file; /* O_PATH; -1: nothing is there */
	int dir; /* PATH_CREATE: the folder it is in, -1: it has none (".", "/", a link of /proc) */
	char name[NAME_MAX + 1]; /* PATH_CREATE: there */
	bool proc; /* it belongs to /proc: only a twin may open it */
};
int path_find(const struct caller *c, bool twin, int base, const char *path, unsigned int how, uint64_t resolve,
	      struct found *f);

/*
 * A twin (guard_twin.c): a process for one deed, with the caller's own namespaces, rights, root and working directory, and the guard's table of open files.
 *
 * twin_needed - has the caller other rights than this thread?
 * twin_run - @deed in a twin. @arg and @result are in shared memory.
 * Return: what @deed returned; a negative errno, -EINTR when the guard's thread was called back.
 */
bool twin_needed(const struct caller *c);
int twin_run(struct caller *c, int (*deed)(void *arg), void *arg, _Atomic int32_t *result);

/*
 * files_make - a call on files, decided and made (guard_files.c).
 * @fd: what the caller is to get, else -1; @cloexec: closed on exec
 * Return: 0 or a negative errno.
 */
int files_make(struct caller *c, const struct guard_call *call, int *fd, bool *cloexec);
/* sends_make - sendto(2), sendmsg(2), sendmmsg(2), decided and made (guard_send.c). Return: the call's result, or a negative errno. */
int sends_make(struct caller *c, const struct guard_call *call);
/* kills_make - kill(2) and its kin, decided and made (guard_kill.c). Return: 0 or a negative errno; *go_on: the caller is to make it. */
int kills_make(struct caller *c, const struct guard_call *call, bool *go_on);
/* files_end - this thread makes no more. */
void files_end(void);

#endif
