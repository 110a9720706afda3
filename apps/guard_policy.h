/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guard's part of a policy: which files may be read, written and executed, and which system calls may be made. docs/guard.md has the grammar and
 * what the rules mean; egress_policy.h reads the file that both are in.
 *
 * A path rule is about the file or folder of that name, and all that is below it. Of the rules about one kind of access the one with the longest
 * path decides; of two with the same path the one that denies. What no rule is about is denied when any rule allows that kind of access, else
 * allowed. Who may write a file may read it. Devices without contents (guard_device()) are open for reading and writing where no rule speaks of them.
 */
#ifndef SKEP_APPS_GUARD_POLICY_H
#define SKEP_APPS_GUARD_POLICY_H

#include "apps/egress_policy.h"

enum { GUARD_PATHS = 1024, GUARD_CALLS = 512, GUARD_PATH_MAX = 250 /* bytes of a rule's path: it is a key of a map */ };

enum guard_access { GUARD_READ, GUARD_WRITE, GUARD_RUN, GUARD_ACCESSES };

struct guard_path {
	enum guard_access access;
	bool allow;
	char *path; /* absolute, no "." or ".." or "//" in it, no "/" at its end unless it is "/" */
};

enum guard_action { GUARD_LOG, GUARD_DENY, GUARD_KILL };

struct guard_call {
	int nr;
	enum guard_action action;
	int err; /* GUARD_DENY: a positive errno */
};

struct guard_policy {
	struct guard_path *paths;
	struct guard_call *calls;
	uint32_t n_paths, n_calls;
	char home[256], here[4096]; /* what ~ and relative paths begin with; set before a policy is read */
	/*
	 * call_number, call_name - the system calls' names, the caller's. @name: "ptrace". Return: -1, NULL: there is none.
	 */
	int (*call_number)(const char *name);
	const char *(*call_name)(int nr);
};

/* guard_part - the guard's keys for struct policy. @part: filled in; both must outlive the policy's reading and printing. */
void guard_part(struct guard_policy *g, struct policy_part *part);

/*
 * guard_add_path - one rule, as from the command line.
 * @path: absolute, or from ~ or the working folder
 * Return: 0; -EINVAL with @why; -ENOMEM.
 */
int guard_add_path(struct guard_policy *g, enum guard_access access, bool allow, const char *path, char *why,
		   size_t room);

/* guard_is_on - does the policy say anything? */
bool guard_is_on(const struct guard_policy *g);

/* guard_allows_unmatched - what becomes of paths that no rule is about. */
bool guard_allows_unmatched(const struct guard_policy *g, enum guard_access access);

/* guard_device - the i-th device that is open to all: /dev/null and its like. NULL: there are no more. */
const char *guard_device(uint32_t i);

/*
 * guard_decide - may the file be accessed so?
 * @path: absolute and as simple as a rule's
 * @rule: the rule that decided, an index; -1: none is about it. May be NULL.
 */
bool guard_decide(const struct guard_policy *g, enum guard_access access, const char *path, int *rule);

/* guard_call_rule - the rule about a system call; NULL: none. The last one that names it counts. */
const struct guard_call *guard_call_rule(const struct guard_policy *g, int nr);

/* guard_print_path - a rule as it stands in a file, without a line's end. */
void guard_print_path(const struct guard_path *p, FILE *out);
void guard_print_call(const struct guard_policy *g, const struct guard_call *c, FILE *out);

/* guard_free - of what it points to. */
void guard_free(struct guard_policy *g);

const char *guard_access_name(enum guard_access access); /* "read" */

#endif
