/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Contexts of programs on tasks: what stands behind r1. Layouts are Linux 6.18's: those of tracepoints are told by their format files in tracefs and
 * by struct trace_event_raw_* of BTF (tests/hook/test_records.c compares them with what skep presents), raw tracepoints and BTF-typed programs get
 * their arguments as words, function probes the registers at the function's entry or return.
 */
#ifndef SKEP_HOOK_TASK_RECORDS_H
#define SKEP_HOOK_TASK_RECORDS_H

#include "hook/task/event.h"

enum { RECORD_TEXT = 512, RECORD_COMM = 16 };

/* A tracepoint's record. Its first eight bytes are struct trace_entry, which programs cannot read. */
union record {
	uint64_t words[16];
	struct {
		uint64_t entry;
		int64_t nr;
		uint64_t args[6];
	} call; /* syscalls/sys_enter_*, raw_syscalls/sys_enter */
	struct {
		uint64_t entry;
		int64_t nr;
		int64_t ret;
	} ret; /* syscalls/sys_exit_*, raw_syscalls/sys_exit */
	struct {
		uint64_t entry;
		uint32_t parent_comm; /* where a text lies: its length in the upper half, its offset in the lower */
		int32_t parent_pid;
		uint32_t child_comm;
		int32_t child_pid;
		char data[2 * RECORD_COMM];
	} fork; /* sched/sched_process_fork */
	struct {
		uint64_t entry;
		uint32_t filename;
		int32_t pid;
		int32_t old_pid;
		char data[RECORD_TEXT];
	} exec; /* sched/sched_process_exec */
	struct {
		uint64_t entry;
		char comm[RECORD_COMM];
		int32_t pid;
		int32_t prio;
		uint8_t group_dead;
	} exit; /* sched/sched_process_exit */
};

/* record_call, record_return - of any call; what an argument's place beyond the call's own holds is 0. @n_args: of the call, or 6 */
void record_call(union record *r, const struct task_event *e, uint32_t n_args);
void record_return(union record *r, const struct task_event *e);

/* record_fork, record_exec, record_exit - @comm and @filename: ended texts; a filename that is too long is cut at its end */
void record_fork(union record *r, const struct task_event *e, const char *comm);
void record_exec(union record *r, const struct task_event *e, const char *filename);
void record_exit(union record *r, const struct task_event *e, const char *comm);

#endif
