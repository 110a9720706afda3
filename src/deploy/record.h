/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The record of a deployment, as JSON:
 *
 *   object, skep (its version), since (seconds since 1970)
 *   place     what the user named: netns, cgroup, container, iface, pid
 *   netns_ino, ifindex, cgroup_id   what that was
 *   holder    {pid, start}
 *   pins      pins outside the folder that were made for it (maps that are pinned by name)
 *   attached  a list of {prog, section, how, at, order, link, filter}: link is the name of its pin, filter what tc.h says
 */
#ifndef SKEP_DEPLOY_RECORD_H
#define SKEP_DEPLOY_RECORD_H

#include "deploy/attach.h"
#include "deploy/hold.h"
#include "deploy/store.h"

#include <json-c/json.h>

/* record_text, record_number - a member, or NULL and 0. */
const char *record_text(struct json_object *o, const char *key);
uint64_t record_number(struct json_object *o, const char *key);
/* record_attached - the list; NULL where there is none. */
struct json_object *record_attached(struct json_object *record);

/* record_filter - where a filter of clsact is that an entry of the list tells of; priority 0: it tells of none. */
struct tc_filter record_filter(struct json_object *entry);
struct holder record_holder(struct json_object *record);
/* record_target - what the user named. The strings are the record's. */
struct target_opts record_target(struct json_object *record);

/* record_new - an empty list, and what is known before anything is attached. NULL: no memory. */
struct json_object *record_new(const char *object, const struct target_opts *named, const struct target *target);
void record_set_holder(struct json_object *record, const struct holder *h);
/* record_add - one more entry. @link: its pin's name, NULL: it has none. */
void record_add(struct json_object *record, const char *prog, const char *section, uint32_t order,
		const struct attached *a, const char *link);

/* record_qdisc - has any deployment a filter there in a clsact that is skep's? @netns_ino: of the interface's namespace */
bool record_qdisc(const struct store *s, uint64_t netns_ino, uint32_t ifindex);

/* Links that skep has deployed. */
struct known_link {
	uint32_t id, prog_id;
	int order;
	char owner[STORE_NAME];
};

struct known_links {
	struct known_link *of;
	uint32_t n;
};

/* known_links_read - those of all deployments. Return: 0 or -ENOMEM; known_links_free() in either case. */
int known_links_read(const struct store *s, struct known_links *k);
void known_links_free(struct known_links *k);
const struct known_link *known_link(const struct known_links *k, uint32_t id);

/* record_link_id - the id of a link by its fd, and the id of the program in it; 0: it is none, or detached. */
uint32_t record_link_id(int fd, uint32_t *prog_id);
/* link_is_attached - is it still where it was attached? Links to interfaces and cgroups outlive these. */
bool link_is_attached(int fd);

#endif
