/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An object's programs in the kernel, until they are taken out: deploying, replacing, taking out, listing.
 */
#ifndef SKEP_DEPLOY_DEPLOY_H
#define SKEP_DEPLOY_DEPLOY_H

#include "deploy/attach.h"
#include "deploy/store.h"
#include "skep/skep.h"

#include <json-c/json.h>

enum { DEPLOY_WHY = 1024 };

struct deploy_opts {
	const char *object; /* as the user gave it */
	const void *data; /* its bytes */
	size_t len;
	const char *name; /* of the deployment; NULL: after the object */
	const char *prog; /* only this program; NULL: all */
	bool replace; /* what has the name gives way, place by place */
	bool reset_maps; /* with replace: maps begin anew */
	struct target_opts target;
	uint32_t xdp_flags;
	uint32_t order; /* of TC programs, to TC_ORDER_MAX */
	const char *event;
	uint64_t frequency;
	/* wants - is this program loaded? NULL: as the object says (SEC("?...")) */
	bool (*wants)(void *arg, const char *prog);
	skep_log_fn log; /* what libbpf and the kernel's verifier say */
	/*
	 * opened, loaded - called when the object has been opened and not loaded yet, and when it has been loaded and not attached yet: to set constants, to fill
	 * maps. @replaced: its maps go on with what was in them. Return: 0, or a negative errno with @why, DEPLOY_WHY bytes; NULL: nothing to do.
	 */
	int (*opened)(void *arg, struct skep_object *obj, const struct target *target, char *why);
	int (*loaded)(void *arg, struct skep_object *obj, const struct target *target, bool replaced, char *why);
	/* renewed - with replace: this map begins empty, whatever the old one has. NULL: none does */
	bool (*renewed)(void *arg, const char *map);
	void *arg;
};

/*
 * deploy - load the object's programs into the kernel and attach them. It is done whole, or nothing of it is.
 * @about: the deployment's record, with "name"; the caller's
 * @why:   on failure the reason; "" where @log has told it. DEPLOY_WHY bytes
 * Return: 0 or a negative errno.
 */
int deploy(const struct deploy_opts *opts, struct json_object **about, char *why);

/* deploy_end - take one out, with all that it has. @why: as above. -ENOENT: there is none of that name */
int deploy_end(const char *name, char *why);

/*
 * deploy_list - the records of what is deployed, sorted by name; in each of "attached" what the kernel says now is added: "prog_id", "link_id", "runs", "run_ns" (where the
 * kernel counts: bpf_stats_enabled), "there": false when it is attached no more.
 * @out: an array; the caller's
 * Return: 0 or a negative errno with @why.
 */
int deploy_list(struct json_object **out, char *why);

#endif
