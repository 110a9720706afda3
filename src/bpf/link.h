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

struct hive_link;

/* A kind of hook, registered with a hive for its lifetime. */
struct hive_hook {
	uint32_t attach_type; /* enum bpf_attach_type of LINK_CREATE */
	uint32_t link_type; /* enum bpf_link_type shown in infos */
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
	atomic_bool detached; /* the hook's: it runs no more, although a list that is in use may still have it */
	void *priv; /* the hook's */
};

/* hive_hook_add - serve an attach type. @hook stays the caller's and must outlive the hive. -EEXIST: it is served already. */
int hive_hook_add(struct skep_hive *hive, struct hive_hook *hook);

/* hive_hook_remove - serve it no more: what is attached there is detached. @hook may be one that was never added. */
void hive_hook_remove(struct skep_hive *hive, struct hive_hook *hook);

/* hive_link_info - fill an info struct; hive->lock is held. */
int hive_link_info(struct hive_object *o, struct bpf_link_info *info);

#endif
