/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guard of a tree: the process that connects its sockets for it.
 *
 * A pathname Unix socket is reached through the file system, which the tree shares with the outside: a network namespace does not stop
 * that, and covers (ways_out.h) only hide those that are there when the tree begins. So the seccomp filter hands every connect(2) and
 * bind(2) of the tree to the guard, which carries it out itself, or refuses it. It may connect to
 *
 *   - sockets that were bound in the tree: the guard bound them, so it knows;
 *   - sockets that the command line left open (--allow unix:PATH): those that had these paths when the tree began;
 *   - whatever is no pathname: abstract names and IP addresses belong to the tree's network namespace.
 *
 * Nothing that the tree can change between the look and the deed is used twice (seccomp_unotify(2): "time of check, time of use"):
 *
 *   1. The address is copied once, the socket is duplicated once (pidfd_getfd(2)); both are the guard's own from then on.
 *   2. The path is resolved once, in the caller's root and working directory, to an O_PATH fd. What that fd is, is looked at, and
 *      connected to through that fd.
 *   3. A connect is never let through to the kernel ("continue"). A bind of a socket that is none of AF_UNIX is: should it become one
 *      by a race after all, then that socket is not known to the guard, and nobody can connect to it.
 *
 * A bound socket is known by its inode, whose fd the guard holds (SIOCUNIXFILE gives it, whatever the path leads to by then); as
 * long as it is held its number belongs to no other file. It is given up once no name leads to it any more.
 *
 * What is left of a difference to a call of one's own: a server in the tree sees the guard's pid as its peer's (SO_PEERCRED).
 *
 * The guard is PID 2 of the tree. It is in init's user namespace, so that nobody in the tree can trace it or take its files; who kills it
 * ends all connecting, for the kernel then answers ENOSYS.
 */
#ifndef SKEP_HOOK_TREE_GUARD_H
#define SKEP_HOOK_TREE_GUARD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct tree_files;

enum { GUARD_PID = 2 };

/*
 * What a call on files does, where a program decides on it: the guard makes it then, in two steps (guard_files.c). It finds out what the call is about, asks
 * (struct guard_question), and does with what it found.
 */
enum guard_op {
	GUARD_OPEN = 1,
	GUARD_UNLINK,
	GUARD_RMDIR,
	GUARD_MKDIR,
	GUARD_MKNOD,
	GUARD_SYMLINK,
	GUARD_LINK,
	GUARD_RENAME,
	GUARD_TRUNCATE,
	GUARD_SEND, /* a datagram to an address (guard_send.c); its socket comes as GUARD_FILE */
	GUARD_KILL, /* a signal (guard_kill.c); a pidfd of its receiver comes as GUARD_FILE */
};

/*
 * Where skep receives the notifications itself (hook/task/engine.h) it hands those of connect(2) and bind(2) on: one message each, with the copy of
 * the task's socket as an fd where skep has made one. The guard answers the task; where skep wants to tell the end of the call it is asked
 * first (guard_end), while the task still waits.
 */
struct guard_call {
	uint64_t id; /* of the notification */
	uint32_t tid; /* in the tree's namespace */
	uint32_t arch; /* AUDIT_ARCH_* */
	int32_t nr;
	uint64_t args[6];
	int32_t native; /* the number of the call of its name that 64-bit programs make */
	uint32_t outer; /* the thread's number in skep's namespace */
	uint64_t ip; /* for skep, when it is asked */
	bool decide; /* a call on files (guard_files_op()), or one that sends datagrams or signals (guard_send_is(), guard_kill_is()), that programs decide on */
	bool report; /* skep wants the end */
	bool has_address; /* this one, in place of what the task's memory says */
	uint32_t address_len;
	struct sockaddr_storage address;
};
struct guard_end {
	uint64_t id;
	int32_t result;
	uint32_t slot; /* for guard_end_answer() */
	bool decide; /* it is the beginning of a struct guard_question: nothing has happened yet */
	bool answer; /* skep is to answer the task, for the calls come by ptrace */
	bool go_on; /* ... and lets the kernel make the call */
	uint32_t tid; /* whom: guard_call.outer */
};

/* Which fds come with a question, in this order. All are O_PATH. */
enum {
	GUARD_DIR = 1, /* the folder that the name is in */
	GUARD_FILE = 2, /* what is there */
	GUARD_NEW_DIR = 4, /* of the second path, which link and rename have */
	GUARD_NEW_FILE = 8,
	GUARD_FDS = 4,
};

/* Where a datagram goes, and from where: as the task says it, and in the answer as programs want it. */
struct guard_way {
	bool six; /* it goes by IPv6, also where the socket could do both */
	uint32_t to_len; /* of @to, as the kernel is told it */
	struct sockaddr_storage to;
	uint32_t from[4]; /* its source, network byte order; of IPv4 the first one. 0: none is chosen yet */
};

/* A signal. */
struct guard_signal {
	int32_t sig;
	uint32_t tid; /* who gets it, in the tree's namespace */
	uint8_t info[48]; /* the beginning of its siginfo_t, which is all that the kernel keeps of it */
};

/* What a call on files, a datagram, or a signal is about. */
struct guard_asked {
	uint32_t op; /* enum guard_op */
	uint32_t fds;
	uint32_t flags, mode; /* of open, rename; of what is to be made */
	uint32_t dev; /* GUARD_MKNOD */
	union {
		char name[2][256]; /* in the folders; "": what was opened says its path itself */
		struct guard_way way; /* GUARD_SEND */
		struct guard_signal signal; /* GUARD_KILL */
	};
	char link[4096]; /* GUARD_SYMLINK: what it is to say. The message ends behind it. */
};
struct guard_question {
	struct guard_end end;
	struct guard_call call; /* as it was handed over */
	struct guard_asked asked;
};

/*
 * guard_notes - whose the sockets are that the guard connected last: memory that the tree's init and guard share with skep, and nobody else.
 * It is a hint: the slot of a socket may be another's by the time it is read, or half written, so what it says wants a look at the process.
 */
struct guard_notes;

/* guard_notes_new - before the tree is made. Return: NULL without memory. */
struct guard_notes *guard_notes_new(void);
void guard_notes_free(struct guard_notes *n);

/* guard_noted - who connected the socket with this inode. @fd: its number there. Return: the pid in the tree; 0: none is known. */
uint32_t guard_noted(const struct guard_notes *n, uint32_t inode, int *fd);

/*
 * guard_main - be the guard.
 * @from: a socket on which the listener of the seccomp filter comes, or that there is none (guard_hand_over()); EOF: there is nothing to do
 * @handed: after the listener, calls come on it too: they are not received from the listener
 * @keep: paths of sockets outside that may be connected to, as they are now
 * @files: what the tree may reach of files; NULL: everything. Stays the caller's, and there
 * @notes: where it says whose the sockets are; NULL
 */
void guard_main(int from, bool handed, const char *const *keep, uint32_t n_keep, const struct tree_files *files,
		struct guard_notes *notes) __attribute__((noreturn));

/* guard_send_is - a call that sends datagrams, by its native number. */
bool guard_send_is(int nr);

/* guard_kill_is - a call that sends signals, by its native number. */
bool guard_kill_is(int nr);

/* guard_files_op - what a call on files does, by its native number; 0: it is none. RMDIR comes by unlinkat, too: the question says which it is. */
uint32_t guard_files_op(int nr);

/* guard_call_send - @sock: of the call, or -1. Return: 0 or a negative errno. */
int guard_call_send(int to, const struct guard_call *call, int sock);
/*
 * guard_end_receive - the end of a call with @report, a question, or an answer.
 * @fds: room for GUARD_FDS; the receiver's, -1 where none came
 * Return: 1; 0 when the guard is gone; a negative errno.
 */
int guard_end_receive(int from, struct guard_question *q, int fds[GUARD_FDS]);
/* guard_way_answer - before guard_end_answer(): where a datagram is to go. */
void guard_way_answer(struct guard_notes *n, uint32_t slot, const struct guard_way *way);
/* guard_end_answer - what the task is to hear of a call with @report; of a question: 0: go on, or the negative errno that the call ends with. */
void guard_end_answer(struct guard_notes *n, uint32_t slot, int32_t result);

/* guard_hand_over - send the listener. @listener: -1: there is none, calls come by ptrace. Return: 0 or a negative errno. */
int guard_hand_over(int to, int listener);

#endif
