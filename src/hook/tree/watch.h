/* SPDX-License-Identifier: BSD-2-Clause */
/* How a tree is watched: what skep tells it before its command starts (tree.h), and what the command and skep say to each other then (hook/task/engine.c). */
#ifndef SKEP_HOOK_TREE_WATCH_H
#define SKEP_HOOK_TREE_WATCH_H

#include "hook/task/plan.h"

enum { WATCH_WHY = 512 };

struct tree_watch {
	struct task_plan plan;
	bool to_skep; /* notifications go to skep, which gives the guard what is the guard's; else to the guard */
	bool by_trace; /* calls come by ptrace, not by notification: there is no listener, and skep answers for the guard */
	bool bare; /* the tree has no namespaces of its own: the filter closes what they would have */
	bool traced; /* the command waits to be seized, and nothing is made that its tracer would not see */
	int hello, guard; /* the tree's ends of sockets of skep's, for the command and the guard; -1: not needed */
};

/*
 * Of calls that come by ptrace: may another listener be above this tree, and have them before skep? Before it is executed the command makes those that decide
 * once, with this as their sixth argument, and skep answers.
 */
enum { WATCH_PROBE = 0x736b6570, WATCH_SEEN = 0x5ee };

struct watch_hello {
	int listener; /* the fd that the listener will be; -1: it does not come to skep */
};

struct watch_answer {
	int err; /* 0, or a negative errno: do not go on */
	char why[WATCH_WHY]; /* "": what the errno says */
};

#endif
