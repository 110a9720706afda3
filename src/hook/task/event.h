/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What happens to the tasks of a tree, as the engine (engine.h) tells it: one struct per event, filled before the event is told, valid while it
 * is told, on the thread that tells it. The task stands still meanwhile.
 */
#ifndef SKEP_HOOK_TASK_EVENT_H
#define SKEP_HOOK_TASK_EVENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/user.h>

/*
 * A thread of the tree. The engine keeps one for as long as the thread lives; each event has its own. Numbers as skep's own namespace has
 * them are for system calls of skep's; those of the tree's are what programs and reports show.
 */
struct thread {
	pid_t tid, tgid; /* in skep's PID namespace */
	pid_t own_tid, own_tgid; /* in the tree's */
	int pidfd; /* of the thread where the kernel has such (Linux 6.9), else of its process; -1: none could be had */
	uint64_t start; /* of its process, clock ticks since boot: with own_tgid, it names the process for good */
	uint32_t
		execs; /* that its process has made, as far as the engine has seen: what was kept of its image is old when this has grown */
	_Atomic uint64_t
		stands; /* where calls come by ptrace: the call of its that somebody makes for it, until it is answered or gone; else 0 */
};

enum task_event_kind {
	TASK_CALL, /* a system call begins */
	TASK_RETURN, /* a system call has ended */
	TASK_FORK, /* a thread or process has been made; it has not run yet */
	TASK_EXEC, /* a new image is in place; it has not run yet */
	TASK_EXIT, /* the thread ends; its memory is still there */
	TASK_ASKED, /* of a call on files, or that sends, that has begun: the guard has found what it is about, and nothing of it has happened (PLAN_MADE) */
	TASK_EVENTS,
};

enum task_verdict {
	TASK_GO_ON,
	TASK_DENY, /* TASK_CALL, TASK_ASKED: the call is not made, and returns @result; TASK_RETURN: it returns @result instead */
	TASK_KILL, /* the process ends by SIGKILL before another instruction of it runs */
};

struct guard_asked;
struct guard_way;

/* For connect(2) and bind(2), in place of what the guard would find itself; as the event is told there is nothing in it. */
struct task_handed {
	bool has_address; /* this one, and the task's memory is not read again */
	uint32_t len;
	union {
		struct sockaddr_storage any;
		uint8_t bytes[sizeof(struct sockaddr_storage)];
	} address;
	int sock; /* a copy of the task's socket, -1: the guard makes its own; the engine closes it */
};

struct task_event {
	enum task_event_kind kind;
	struct thread *thread; /* TASK_FORK: the parent */
	bool compat; /* a 32-bit call: nr is i386's */
	int nr; /* TASK_CALL, TASK_RETURN, TASK_ASKED; as native and args */
	int native; /* nr, of a 32-bit call that of the native call of its name; -1: there is none */
	uint64_t args[6]; /* TASK_CALL, TASK_RETURN (as they were when it began) */
	uint64_t ip; /* TASK_CALL, TASK_RETURN: the instruction behind the call; 0: not known */
	uint64_t sp; /* 0: not known */
	int64_t result; /* TASK_RETURN; TASK_EXIT: the wait status */
	struct thread *child; /* TASK_FORK */
	bool is_thread; /* TASK_FORK: the child shares the process */
	pid_t old_tid; /* TASK_EXEC: the caller's own tid before (another thread's than the leader may exec), in the tree's namespace */
	bool last; /* TASK_EXIT: it was the last thread of its process */
	/* The engine's own: of the notification that brought it, else 0. */
	int listener;
	uint64_t id;
	/* TASK_CALL of connect(2) and bind(2): what the guard is to use, else NULL. */
	struct task_handed *handed;
	/* TASK_ASKED: what the call is about (hook/tree/guard.h), and its fds, each at its own place, -1 where there is none. */
	const struct guard_asked *asked;
	const int *asked_fds;
	struct guard_way *way; /* TASK_ASKED of a datagram: where it goes, to be changed; else NULL */
	/* The answer, TASK_GO_ON when the event is told. */
	bool looked; /* what the answer rests on was read from the task's memory: it is not given when that may have been another's */
	enum task_verdict verdict;
	int64_t answer; /* TASK_DENY: what the call returns, a negative errno mostly */
};

#endif
