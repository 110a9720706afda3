/* SPDX-License-Identifier: BSD-2-Clause */
/* PID 1 of a tree, and what it and skep say to each other (tree.c has the order). */
#ifndef SKEP_HOOK_TREE_INIT_H
#define SKEP_HOOK_TREE_INIT_H

#include "hook/tree/guard.h"
#include "hook/tree/tree.h"
#include "hook/tree/ways_out.h"

enum note_kind { NOTE_MAPPED = 1, NOTE_READY, NOTE_GO, NOTE_STARTED, NOTE_ENDED, NOTE_FAILED };
enum {
	NOTE_FDS = 3,
	BARE_IFINDEX = 2 /* what programs see of an interface that there is not: the index eth0 has in most places */
};

struct note {
	enum note_kind kind;
	int value; /* NOTE_READY: the interface's index; NOTE_ENDED: the wait status; NOTE_FAILED: a negative errno */
	union {
		char why[TREE_WHY]; /* NOTE_FAILED */
		struct tree_watch watch; /* NOTE_GO */
	};
};

/* note_send, note_receive - Return: 0; a negative errno, -EPIPE when the other side is gone. Fds that came are the receiver's. */
int note_send(int sock, const struct note *n, const int *fds, uint32_t n_fds);
int note_receive(int sock, struct note *n, int *fds, uint32_t n_fds);

/* tree_map_users - write the maps of a process that is in a new user namespace below this process's. Return: 0 or a negative errno. */
int tree_map_users(pid_t pid);

/* init_main - be init. @ctl: the socket to skep; it is closed in everything else. @notes: the guard's */
void init_main(const struct tree_opts *opts, const struct ways_out *ways, int ctl, struct guard_notes *notes)
	__attribute__((noreturn));

#endif
