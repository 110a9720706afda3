/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Links: a program's place at a hook. The hive keeps links; hooks register which attach types they serve and are told when a
 * link comes, changes its program, or goes. Nothing is attached where no hook has registered: such a LINK_CREATE
 * is refused.
 *
 * A hook reads the program to run through hive_link_target(), inside a worker's read section: one atomic
 * load, so that an update replaces the program between two events and loses none.
 */
#ifndef SKEP_BPF_LINK_H
#define SKEP_BPF_LINK_H

#include "bpf/hive.h"

struct bpf_call; /* cmd.h */
struct hive_event; /* event.h */
struct hive_link;
struct hook_point; /* prog/points.h */

/*
 * Programs on tasks come by these attach types, and their links have a point: tracepoints and kprobes by BPF_PERF_EVENT, raw tracepoints and
 * tp_btf by BPF_TRACE_RAW_TP.
 */
#define POINT_ATTACH_TYPES                                                                                             \
	(1ull << BPF_PERF_EVENT | 1ull << BPF_TRACE_RAW_TP | 1ull << BPF_TRACE_FENTRY | 1ull << BPF_TRACE_FEXIT |      \
	 1ull << BPF_LSM_MAC)

/* A kind of hook, registered with a hive for its lifetime. */
struct hive_hook {
	uint32_t attach_type; /* enum bpf_attach_type of LINK_CREATE */
	uint64_t also; /* further attach types that it serves, a bit (1 << type) each */
	uint32_t link_type; /* enum bpf_link_type shown in infos; links with a point have the kernel's */
	/*
	 * attach - a new link wants to be served. @target: LINK_CREATE's target_fd or target_ifindex.
	 * Return: 0, or the error that LINK_CREATE ends with. hive->lock is held.
	 */
	int (*attach)(struct hive_hook *hook, struct hive_link *link, uint32_t target);
	/* detach - the link is going; no event may use it once this returns. hive->lock is held. */
	void (*detach)(struct hive_hook *hook, struct hive_link *link);
	void *arg;
	struct hive_hook *next;
};

struct hive_link {
	struct hive_object o;
	struct hive_hook *hook; /* NULL once detached */
	_Atomic(struct hive_prog *) prog; /* held */
	uint32_t link_type; /* the hook's, also when it is detached */
	uint32_t attach_type;
	uint32_t target;
	uint32_t flags;
	const struct hook_point *point; /* what brings it; NULL: it is not one on tasks */
	bool on_return; /* kretprobe, fexit: when the function returns */
	uint64_t cookie; /* bpf_get_attach_cookie() */
	struct hive_event *event; /* the perf event that it is on, until it is detached; NULL: none */
	struct hive_object *holds; /* that event, held, where the link does not belong to it */
	bool held; /* PROG_ATTACH made it: the hive holds it (attach.c) */
	uint32_t held_flags; /* BPF_F_ALLOW_MULTI and kin, of that call */
	atomic_bool detached; /* the hook's: it runs no more, although a list that is in use may still have it */
	void *priv; /* the hook's */
	uint32_t
		listed; /* of its references, those of the hook's lists: they keep its memory, not its place. hive->lock */
};

/* hive_hook_add - serve its attach types. @hook stays the caller's and must outlive the hive. -EEXIST: it is served already. */
int hive_hook_add(struct skep_hive *hive, struct hive_hook *hook);

/* hive_hook_remove - serve it no more: what is attached there is detached. @hook may be one that was never added. */
void hive_hook_remove(struct skep_hive *hive, struct hive_hook *hook);

/* Where a new link goes. */
struct link_place {
	uint32_t attach_type, target, flags;
	const struct hook_point *point; /* NULL: none */
	bool on_return;
	uint64_t cookie;
};

/*
 * hive_link_make - enter a link and attach it by the hook that serves its attach type. hive->lock is held.
 * @p:    the program, with a reference that is taken in any case
 * @out:  the link with a reference for the caller
 * Return: 0, or the error, of which the log says why: -EINVAL (a point: -EOPNOTSUPP) where no hook serves it, or the hook's.
 */
int hive_link_make(struct skep_hive *hive, struct hive_prog *p, const struct link_place *at, struct hive_link **out);

/* hive_link_open - the fd of a link that has been made, whose reference it takes; where it cannot be opened the link goes. */
int hive_link_open(struct hive_link *link);

/* hive_link_replace - another program in its place, between two events. @p: taken. hive->lock is held. */
void hive_link_replace(struct hive_link *link, struct hive_prog *p);

/* hive_attached_alone - has PROG_ATTACH put a program there that allows no other? hive->lock is held. */
bool hive_attached_alone(struct skep_hive *hive, uint32_t attach_type);

/* hive_link_release - where PROG_ATTACH made it, it is detached and held no more; else nothing. hive->lock is held. */
void hive_link_release(struct hive_link *link);

/* hive_hook_serves - is the attach type one of a hook's? */
bool hive_hook_serves(const struct hive_hook *h, uint32_t attach_type);

/* hive_link_traced - LINK_CREATE for programs that are attached to a point. @p: taken. hive->lock is held. Return: fd or error. */
int hive_link_traced(struct bpf_call *call, struct hive_prog *p);

/* A name that an info has for its caller. */
struct hive_link_name {
	const char *text; /* lives for ever; NULL: there is none */
	uint64_t to; /* where the caller wants it; 0: nowhere */
	uint32_t room; /* bytes there */
	uint32_t *len; /* in the info: with its end, of the whole name */
};

/*
 * hive_link_info - fill an info struct; hive->lock is held.
 * @info:  in and out: the caller's address and room for a name
 * @name:  what is to be written there when the lock is not held any more
 */
void hive_link_info(struct hive_object *o, struct skep_link_info *info, struct hive_link_name *name);

#endif
