/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One program to where its section says, in the kernel; and off it again. What holds it there is, by kind of program,
 *
 *   a link, which can be pinned and mostly updated in place   xdp, tcx, cgroup, tracepoints, kprobes, fentry, LSM, uprobes, perf events
 *   a filter of clsact, which stays by itself (tc.h)          TC programs before Linux 6.6
 *   what only a process can hold (hold.h)                     socket filters, on a packet socket; USDT, for libbpf keeps its table of arguments there
 */
#ifndef SKEP_DEPLOY_ATTACH_H
#define SKEP_DEPLOY_ATTACH_H

#include "deploy/target.h"
#include "deploy/tc.h"

#include <stdbool.h>
#include <stdint.h>

struct bpf_link;
struct bpf_program;
struct skep_object;

enum { ATTACH_WHY = 768, ATTACH_AT = 256, ATTACH_MAX = 512 };

enum attach_how {
	ATTACH_NONE, /* cannot be attached by itself */
	ATTACH_XDP,
	ATTACH_TC,
	ATTACH_CGROUP,
	ATTACH_SOCKET,
	ATTACH_PERF,
	ATTACH_UPROBE,
	ATTACH_USDT,
	ATTACH_EVENT, /* all else that libbpf attaches by its section's name */
	ATTACH_HOWS
};

/* attach_how - of a program by its type and section. @why: for ATTACH_NONE, a constant string. */
enum attach_how attach_how(const struct bpf_program *prog, const char **why);
const char *attach_how_name(enum attach_how how);
/* attach_how_find - by that name; ATTACH_NONE: there is none. */
enum attach_how attach_how_find(const char *name);
bool attach_wants_iface(enum attach_how how);
bool attach_wants_cgroup(enum attach_how how);

/* What the user said of all programs. */
struct attach_opts {
	const struct target *target;
	uint32_t xdp_flags; /* XDP_FLAGS_SKB_MODE, XDP_FLAGS_DRV_MODE, 0: native where the driver can */
	uint32_t order; /* of TC programs */
	bool own_qdisc; /* clsact there is skep's (struct tc_filter) */
	const char *event; /* of perf_event programs: a name of attach_events(), NULL: cpu-clock */
	uint64_t frequency; /* of its samples, in Hz; 0: 99 */
	tc_order_fn order_of; /* of links that skep has deployed */
	/* owner_of - whose a link is: the name of a deployment, NULL: none of skep's. */
	const char *(*owner_of)(void *arg, uint32_t link_id);
	void *arg;
};

/* One place where a program is attached now. */
struct attached {
	enum attach_how how;
	int fd; /* of its link, -1: there is none */
	struct bpf_link *link; /* how = ATTACH_USDT: libbpf's, which stands for several */
	int sock; /* how = ATTACH_SOCKET: the packet socket, -1 */
	struct tc_filter filter; /* priority 0: none */
	char at[ATTACH_AT]; /* where, in words: "eth0 ingress" */
};

/*
 * attach_check - can it be attached there? What is known before anything is done: an interface that has another XDP program, an LSM that this kernel does not run.
 * Return: 0 or a negative errno with @why, ATTACH_WHY bytes.
 */
int attach_check(enum attach_how how, const struct bpf_program *prog, const struct attach_opts *opts, char *why);

/*
 * attach_program - attach it, in the place's network namespace (target_enter()).
 * @out, @room: where it is attached now: one place, or one for each CPU or thread of a perf event's
 * Return: how many, given back with attach_close() or undone with attach_undo(); a negative errno with @why, and it is attached nowhere.
 */
int attach_program(struct skep_object *obj, struct bpf_program *prog, enum attach_how how,
		   const struct attach_opts *opts, struct attached *out, int room, char *why);

/*
 * attach_close - let go of it: what is pinned, or stays by itself, remains. attach_undo - take it off, too. attach_leave - let go of what another process holds now (hold.h);
 * libbpf's links cannot be given back without being switched off, and stay as long as this process.
 */
void attach_close(struct attached *a);
void attach_undo(struct attached *a);
void attach_leave(struct attached *a);

/* attach_events - the names of perf events that programs can sample by; NULL-terminated. */
const char *const *attach_events(void);

#endif
