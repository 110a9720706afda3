/* SPDX-License-Identifier: BSD-2-Clause */
/* What both runners share: a child for each question, the watch over its bpf(2), and the line that answers. */
#ifndef SKEP_SELFTESTS_RUN_H
#define SKEP_SELFTESTS_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* side_prepare - what is needed once, in the parent. side_enter - from here on this thread's bpf(2) is the side's. */
void side_prepare(void);
void side_enter(void);

/*
 * Who loads: root with everything; a loader with CAP_BPF alone, for whom pointers are secret and speculation is guarded against; a
 * user without any capability.
 */
enum loader { AS_ROOT, AS_BPF, AS_USER };

/* loader_parse - "root", "bpf", "user"; -1. loader_suffix - what a program's name ends in in the answers: "", "@bpf", "@user". */
int loader_parse(const char *name);
const char *loader_suffix(enum loader as);

/* loader_may - whether programs of a type (enum bpf_prog_type) are ever loaded by it; the others are not asked about. */
bool loader_may(enum loader as, int prog_type);

/* side_as - become that loader, in the child. Return: NULL, or why that cannot be asked on this side. */
const char *side_as(enum loader as);

enum { RUN_SECONDS = 30, LOG_SIZE = 16 << 20 };

/*
 * What became of the program under test. The runners load it with log_buf as its log and tell it by that from the loads that
 * libbpf makes to find out what the kernel can do.
 */
struct watch {
	char *log_buf;
	bool loaded; /* BPF_PROG_LOAD was asked for the program */
	int err; /* its errno, 0 when accepted */
	uint64_t load_ns; /* how long it took */
	int map_err; /* of the first map that could not be made, else 0 */
	uint32_t map_type;
	char map_name[16];
	char said[512]; /* libbpf's first warning */
};
extern struct watch watch;

/* watch_begin - zero the watch, take a log buffer, and listen to libbpf. */
void watch_begin(void);

/* watch_report - the fields verdict, errno, insns, usec, load_usec, why, log of the line (json_*). */
void watch_report(FILE *out);

/*
 * run_forked - ask one question in a child of its own.
 * @head:  the first fields of the line: complete "key":value pairs without braces
 * @ask:   writes the fields that follow, each with a comma before it; it flushes whole fields before what may kill it
 * Prints one line to stdout, also when the child crashes (verdict "crash") or takes more than RUN_SECONDS ("timeout").
 */
void run_forked(const char *head, void (*ask)(void *arg, FILE *out), void *arg);

/* json_string - ,"key":"text" with escapes; bytes beyond ASCII become '?'. */
void json_string(FILE *out, const char *key, const char *text);

#endif
