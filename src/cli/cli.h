/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The skep command: what its verbs share. A verb is one file with one function; main.c has the table.
 *
 * Results go to stdout, everything else to stderr. With --json stdout carries JSON Lines and nothing else
 * (docs/json.md). Exit codes: EXIT_OK, EXIT_FAILED, EXIT_USAGE.
 */
#ifndef SKEP_CLI_CLI_H
#define SKEP_CLI_CLI_H

#include "skep/skep.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct verb {
	const char *name;
	const char *about; /* one line for the overview */
	const char *help; /* usage, options, examples */
	void (*more_help)(FILE *to); /* behind it; NULL: that is all */
	int (*run)(const struct verb *verb, int argc, char **argv);
};

extern const struct verb verb_run, verb_replay, verb_prog, verb_map, verb_list, verb_bench, verb_check, verb_hive,
	verb_doctor, verb_version, verb_deploy, verb_undeploy;

/* main_ignored_pipe - was SIGPIPE ignored when skep was started? It is while skep runs; a command that it starts gets it as it was. */
bool main_ignored_pipe(void);

/* fail - one line on stderr, "skep: ...". Return: EXIT_FAILED. */
int fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* misuse - the same for a wrong command line, with a hint at --help. Return: EXIT_USAGE. */
int misuse(const struct verb *verb, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* note - one line on stderr. */
void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* print_json, print_json_to - one JSON line, on stdout or elsewhere; frees the object. */
void print_json(struct json_object *o);
void print_json_to(FILE *f, struct json_object *o);

/* print_json_refusals_lost - the line that says how many refusals of "guard" or "firewall" could not be told; none when there are none. */
void print_json_refusals_lost(const char *by, uint64_t times);

/* json_count - a member that counts. */
void json_count(struct json_object *o, const char *key, uint64_t n);

/* json_figure - a measured number, with two digits after the point; below 0 (none): null. */
struct json_object *json_figure(double v);

/* paint - a colour's escape sequence when @f is a terminal and NO_COLOR is not set, else "". */
enum paint { PAINT_OFF, PAINT_BOLD, PAINT_RED, PAINT_GREEN, PAINT_YELLOW, PAINT_DIM };
const char *paint(FILE *f, enum paint p);

/* number - a count with thousands separators: 1,234,567. @buf: at least 32 bytes. */
const char *number(char *buf, uint64_t n);

/* parse_count - a decimal number of an option; false when it is none or beyond @max. */
bool parse_count(const char *text, uint64_t max, uint64_t *out);

/* option_error - what to say after getopt_long() gave '?' or ':'. Return: EXIT_USAGE. */
int option_error(const struct verb *verb, char **argv);

/* An object that a verb works on: from a file, or ready-made. */
struct source {
	const char *name; /* as the user gave it */
	void *data;
	size_t len;
	bool owned;
	struct skep_hive *hive;
	bool own_hive; /* goes with the source */
	struct skep_object *obj;
	uint32_t workers; /* set before source_open() and source_hive(): that the hive must have at least */
};

enum source_flags {
	SOURCE_INTERPRET = 1 << 0, /* the hive has no JIT */
	SOURCE_NO_TRACE = 1 << 1, /* what bpf_printk() writes is made and dropped */
};

/*
 * source_open - make a hive and load an object into it: a file, or a ready-made program's name. What the
 * verifier refuses does not load.
 * What goes wrong is said. Return: EXIT_OK or EXIT_FAILED; source_close() in either case.
 */
int source_open(struct source *s, const char *name, uint32_t flags);
/* source_for_kernel - of a ready-made program that has another object for the kernel: that one. After source_read(). */
void source_for_kernel(struct source *s);
/* The three steps of it: only the bytes; a hive of its own; the object into the source's hive, which may be another one's. */
int source_read(struct source *s, const char *name);
int source_hive(struct source *s, uint32_t flags);
/* cpus_of_maps - how many parts a per-CPU map's value has in the hive that the thread has entered, else in the kernel. */
uint32_t cpus_of_maps(void);
int source_load(struct source *s);
void source_close(struct source *s);

/* source_ring_lost - events that a ready-made program's ring had no room for (apps/ring.h). */
uint64_t source_ring_lost(const struct source *s);

/* source_program - the program to run: by name, or the only one of a kind that @fits; says what there is otherwise. */
struct skep_program *source_program(struct source *s, const char *name, bool (*fits)(uint32_t prog_type));

#endif
