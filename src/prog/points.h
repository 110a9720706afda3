/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where programs on tasks may be attached, as data: a row for every tracepoint, function and LSM hook that has a meaning at a system call, a
 * fork, an exec or an exit of a supervised tree. bpf(2) (which names exist), the hook that runs the programs (which event brings them), `skep list
 * hooks` and the documentation read this table.
 *
 * Points of system calls come in families, one row for each call of calls.h: the names are made from the call's.
 */
#ifndef SKEP_PROG_POINTS_H
#define SKEP_PROG_POINTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a program asks for it. */
enum point_kind {
	POINT_TRACEPOINT, /* "syscalls/sys_enter_openat": perf_event_open(2) by the id in tracefs */
	POINT_RAW_TP, /* "sys_enter": BPF_RAW_TRACEPOINT_OPEN; tp_btf too */
	POINT_FUNCTION, /* "do_sys_openat2", "__x64_sys_openat": kprobe, kretprobe, fentry, fexit */
	POINT_LSM, /* "file_open" */
	POINT_KINDS,
};

/* What of a task brings it. */
enum point_event {
	POINT_ON_CALL, /* a system call begins */
	POINT_ON_RETURN, /* a system call ends */
	POINT_ON_BOTH, /* a function: begins, and for return probes ends, within a call */
	POINT_ON_FORK,
	POINT_ON_EXEC,
	POINT_ON_EXIT,
};

/* Does it say what the kernel's says, whenever the kernel's does? */
enum point_truth {
	POINT_EXACT,
	POINT_APPROXIMATE, /* why: struct hook_point.why */
	POINT_ABSENT, /* the kernel has it, skep does not: why */
};

enum { POINT_ANY_CALL = -1, POINT_CALLS = 8 };

struct hook_point {
	enum point_kind kind;
	enum point_event event;
	enum point_truth truth;
	const char *name; /* tracepoints: "category/name" */
	uint32_t id; /* of a tracepoint, as its `id` file says; unique over the table, never 0 */
	int16_t calls
		[POINT_CALLS]; /* native numbers of the calls that bring it; n_calls of them, or POINT_ANY_CALL alone */
	uint8_t n_calls;
	const char *
		decides; /* what a program there can do: "nothing", "deny with an errno, ...": a clause for `skep list hooks` */
	const char *why; /* NULL where there is nothing to say */
};

/* points_at - row @i; NULL: the table ends. Rows keep their place for good: an index names a point. */
const struct hook_point *points_at(uint32_t i);
uint32_t points_index(const struct hook_point *p);

/* points_find - the point of a name; NULL: none that skep knows of. Rows that are POINT_ABSENT are found, too. */
const struct hook_point *points_find(enum point_kind kind, const char *name);
/* points_by_id - a tracepoint by the id of its file. */
const struct hook_point *points_by_id(uint32_t id);

/*
 * points_address - where the kernel of the hive shows a function to lie (/proc/kallsyms), for bpf_get_func_ip() and the registers at its
 * begin: it names the function, and nothing is there. 0 for other points, and functions that are POINT_ABSENT.
 */
uint64_t points_address(const struct hook_point *p);

/*
 * points_kind_name - "tracepoint", "raw tracepoint", "function", "LSM hook".
 * points_truth_name - "exact", "approximate", "absent".
 * points_event_name - "call", "return", "call, return", "fork", "exec", "exit"; "-": nothing of a task brings it.
 */
const char *points_kind_name(enum point_kind kind);
const char *points_truth_name(enum point_truth truth);
const char *points_event_name(const struct hook_point *p);

/*
 * points_reserve - what `skep run --reserve` must have for a run to see what brings a point: "open:return,openat:return", "all", "life".
 * @ends: the ends of the calls, too
 * @to:   for POINT_RESERVE bytes
 * Return: @to.
 */
enum { POINT_RESERVE = 256 };
const char *points_reserve(const struct hook_point *p, bool ends, char *to);

/* What a record of a tracepoint's holds behind the part that all have (struct trace_entry), as its `format` file tells. */
enum { POINT_FIELDS = 8, POINT_RECORD = 8 };
struct point_field {
	const char *decl; /* as a C declaration: "int dfd", "unsigned long args[6]", "__data_loc char[] filename" */
	uint16_t off, size; /* bytes from the record's begin */
	bool is_signed;
};

/*
 * points_fields - the fields of a tracepoint that is not POINT_ABSENT, by offset.
 * Return: how many; 0 for other points.
 */
uint32_t points_fields(const struct hook_point *p, struct point_field fields[POINT_FIELDS]);

/*
 * points_overrides - may a program at the function's begin keep it from being run (bpf_override_return())? As in the kernel: functions marked for error
 * injection (ALLOW_ERROR_INJECTION), which of these are the system calls.
 */
bool points_overrides(const struct hook_point *p);

/* points_context - bytes of the context that a program there may look at: a tracepoint's record, a raw tracepoint's arguments. */
uint32_t points_context(const struct hook_point *p);

#endif
