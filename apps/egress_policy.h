/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The policy of the egress firewall: rules, where they come from, and how they are printed. docs/policy.md has the grammar and what
 * the rules mean. No global state.
 */
#ifndef SKEP_APPS_EGRESS_POLICY_H
#define SKEP_APPS_EGRESS_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum policy_target {
	POLICY_ANY, /* * */
	POLICY_HOST, /* the machine's own loopback */
	POLICY_NAME, /* example.org */
	POLICY_SUFFIX, /* *.example.org: every name below it */
	POLICY_PREFIX, /* an address, or a prefix of addresses */
};

enum policy_proto {
	POLICY_ANY_PROTO = 0,
	POLICY_ICMP = 1, /* of either version */
	POLICY_TCP = 6,
	POLICY_UDP = 17,
	POLICY_DNS = 255, /* may be looked up, no more */
};

struct policy_ports {
	uint16_t low, high;
};

struct policy_rule {
	bool allow;
	enum policy_target target;
	uint8_t proto; /* enum policy_proto */
	uint8_t bits; /* POLICY_PREFIX: length, of 128; IPv4's is 96 and more */
	uint32_t exe; /* 0: any program; else exes[exe - 1] */
	uint32_t n_ports; /* 0: any */
	struct policy_ports *ports;
	uint8_t addr[16]; /* POLICY_PREFIX; IPv4: mapped */
	char *name; /* POLICY_NAME, POLICY_SUFFIX: without the *. */
};

enum policy_default {
	POLICY_UNSAID, /* deny when there is any allow, else allow */
	POLICY_ALLOW,
	POLICY_DENY,
};

/* A part of a policy that another program understands: keys of a file beside the firewall's (guard_policy.h). */
struct policy_part {
	const char *const *keys; /* ends in NULL */
	/*
	 * line - what stands behind a key.
	 * @text: the rest of the line, @len bytes, a comment left out
	 * Return: 0; -EINVAL with *at, an offset in @text, and @why, of @room bytes; -ENOMEM.
	 */
	int (*line)(void *arg, uint32_t key, const char *text, size_t len, size_t *at, char *why, size_t room);
	void (*print)(const void *arg, FILE *out); /* as a file that is read back to the same */
	void *arg;
};

struct policy {
	struct policy_rule *rules;
	char **exes; /* patterns as fnmatch(3) takes them; * does not match a / */
	uint32_t n_rules, n_exes, n_names, n_prefixes;
	enum policy_default unmatched;
	bool audit;
	/* Set before anything is read: it is for an interface of the machine's, where nobody knows of a tree's own network, its host, or programs. */
	bool of_interface;
	const struct policy_part *part; /* the caller's; NULL: there are no further keys */
};

/* What is wrong, in one line: where, what, and what would do. */
struct policy_error {
	char text[512];
};

/* policy_free - of what it points to; the policy itself is the caller's, all zero to begin with and after. */
void policy_free(struct policy *p);

/*
 * policy_parse_option - the value of --allow or --deny, added to the policy's rules.
 * @option: what the user typed in front of it, for the error
 * Return: 0; -EINVAL with err filled in; -ENOMEM. After an error the policy can only be freed.
 */
int policy_parse_option(struct policy *p, bool allow, const char *option, const char *text, struct policy_error *err);

/*
 * policy_parse_text - a policy file's text, added to the policy.
 * @name: of the file, for errors
 */
int policy_parse_text(struct policy *p, const char *name, const char *text, size_t len, struct policy_error *err);

/* policy_parse_file - the file at @path. Also the errors of open(2) and read(2), -EFBIG beyond 1 MiB; err is filled in. */
int policy_parse_file(struct policy *p, const char *path, struct policy_error *err);

/* policy_parse_profile - a ready-made profile by its name; err names the nearest when there is none. */
int policy_parse_profile(struct policy *p, const char *name, struct policy_error *err);

/*
 * policy_profile - the text of a profile, as it is in the file.
 * Return: len bytes, or NULL. policy_profile_name: the i-th name, NULL beyond the last.
 */
const char *policy_profile(const char *name, size_t *len);
const char *policy_profile_name(uint32_t i);

/* policy_print - the policy as a file that is read back to the same rules in the same order. */
void policy_print(const struct policy *p, FILE *out);

/* policy_print_rule - one rule as it stands in a file, without a line's end. */
void policy_print_rule(const struct policy *p, const struct policy_rule *r, FILE *out);

/* policy_allows_unmatched - what happens to what no rule names. */
bool policy_allows_unmatched(const struct policy *p);

#endif
