/* SPDX-License-Identifier: BSD-2-Clause */
/* skep check: what its files share. check.c reads the command line, check_report.c prints, check_versions.c knows kernels. */
#ifndef SKEP_CLI_CHECK_H
#define SKEP_CLI_CHECK_H

#include "bpf/check.h"
#include "cli/cli.h"

struct versions; /* check_versions.c */

/* How an object's result is shown. */
struct check_show {
	const char *object; /* as the user gave it */
	bool json, verbose;
	const struct versions *versions; /* --kernel; NULL: not asked for */
};

/* check_print - the result of one object, as text or as one JSON line. */
void check_print(const struct check *c, const struct check_show *show);

/*
 * check_before - the same judgement, before something is loaded: what is refused is printed, and nothing else. @src: read (source_read()). @prog: NULL: all; @wants: struct check_opts.wants
 * Return: EXIT_OK or EXIT_FAILED.
 */
int check_before(const struct source *src, const char *prog, bool json,
		 bool (*wants)(void *arg, const struct bpf_program *prog), void *arg);

/*
 * versions_parse - "5.15,6.1". NULL: not a list of versions, or no memory.
 * Given back with free().
 */
struct versions *versions_parse(const char *text);

/* versions_print, versions_json - which of the versions can load the object, by the tables (docs/check.md has what that proves). */
void versions_print(const struct versions *v, const struct check *c);
struct json_object *versions_json(const struct versions *v, const struct check *c);

/* place_input - what report_place_of() wants to know of a program that was loaded. */
struct verify_input place_input(const struct hive_prog *p);

#endif
