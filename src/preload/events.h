/* SPDX-License-Identifier: BSD-2-Clause */
/* perf_event_open(2) for events of the hive, ioctl(2) on them, and close(2) of what has a program attached. */
#ifndef SKEP_PRELOAD_EVENTS_H
#define SKEP_PRELOAD_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * preload_is_event - is it an event that a hive has: a tracepoint, a probe, a buffer that programs write to? Others are the machine's, and go to
 * its kernel. @attr: address of the struct perf_event_attr
 */
bool preload_is_event(uint64_t attr);

/* preload_open_event - perf_event_open(2). Return: fd, or -1 with errno. */
int preload_open_event(uint64_t attr, int pid, int cpu);

/* preload_note_link - an fd (or -1) of what is attached as long as the fd is open: closing it tells the hive. */
void preload_note_link(int fd);

#endif
