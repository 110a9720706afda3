/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * perf_event_open(2) in a hive: buffers that programs write to (perf.c), and events that stand for a point of tasks (prog/points.h), on
 * which a program is put: a tracepoint by its id, the beginning or the end of a function by its name.
 *
 * As in the kernel an event has one program at a time, put there by LINK_CREATE or by PERF_EVENT_IOC_SET_BPF, and whether the event
 * is enabled makes no difference to it. What SET_BPF puts there is a link, too, so that it can be seen; it goes with the event.
 */
#ifndef SKEP_BPF_EVENT_H
#define SKEP_BPF_EVENT_H

#include "bpf/hive.h"
#include "bpf/present.h"

struct bpf_call;
struct hive_link;
struct hook_point;

struct hive_event {
	struct hive_object o;
	const struct hook_point *point;
	bool on_return;
	struct hive_link *link; /* of its program; NULL: it has none */
	struct hive_link *own; /* the same, held, where PERF_EVENT_IOC_SET_BPF made it; else NULL */
};

/*
 * hive_perf_event_open - perf_event_open(2).
 * @attr:  address of the struct perf_event_attr
 * Return: fd, or the kernel's error; the log says why where the point is one that nothing brings.
 */
int hive_perf_event_open(struct skep_hive *hive, uint64_t attr, int pid, int cpu);

/* hive_event_ioctl - ioctl(2) on an object of the hive's: perf events and perf buffers have some. @o is held, hive->lock is not. */
int hive_event_ioctl(struct hive_object *o, unsigned long request, int arg);

/* hive_event_link - LINK_CREATE with BPF_PERF_EVENT. @p: taken. hive->lock is held. Return: fd or error. */
int hive_event_link(struct bpf_call *call, struct hive_prog *p);

/*
 * hive_point_refuse - say in the log why a program cannot be attached.
 * @what:   what was asked for: "tracepoint", "function"
 * @point:  the row of points.h that says why; NULL: there is none of the name
 * Return: -EOPNOTSUPP, or -ENOENT for what does not exist.
 */
int hive_point_refuse(const struct skep_hive *hive, const char *what, const char *name, const struct hook_point *point);

#endif
