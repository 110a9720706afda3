/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SKEP_BPF_PRESENT_TRACE_H
#define SKEP_BPF_PRESENT_TRACE_H

#include <stdio.h>

struct skep_hive;

/*
 * The files by which libbpf finds what tasks do, made of prog/points.h. Each writes a file's contents.
 * Return: 0, -ENOENT for what is not there, -EISDIR for a directory.
 */

/*
 * trace_write_tracefs - tracefs.
 * @path: below its mount point, "" or "/events/syscalls/sys_enter_openat/id"
 * @hive: its log is told why, where the contents of a tracepoint are asked for that is not served
 * @to:   NULL: only whether it is there is asked
 */
int trace_write_tracefs(const struct skep_hive *hive, const char *path, FILE *to);

/* trace_write_pmu - /sys/bus/event_source/devices. @path: below it, "kprobe/type". */
int trace_write_pmu(const char *path, FILE *to);

/* trace_write_symbols - /proc/kallsyms: the functions that can be probed. */
void trace_write_symbols(FILE *to);

#endif
