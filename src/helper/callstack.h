/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The call stack of the thread that asks for a run: what bpf_get_stack() and bpf_get_stackid() show as the user's.
 *
 * It is walked by the unwind tables that compilers put beside code (.eh_frame), as exceptions are, so frames count whether or not they were built with
 * frame pointers. Not seen: calls that were inlined or jumped to (they have no frame), and what lies beyond code that has no such tables (made
 * at run time, say): the walk ends there.
 */
#ifndef SKEP_HELPER_CALLSTACK_H
#define SKEP_HELPER_CALLSTACK_H

#include "base/uapi.h"

#include <stdint.h>

enum { CALLSTACK_MAX = 127 }; /* frames; sysctl kernel.perf_event_max_stack, as it is unless somebody changed it */

/*
 * callstack_note - walk this thread's stack.
 * @ips:    where addresses go, innermost first: each where its function goes on when the one that it called returns
 * @inside: __builtin_frame_address(0) of a function that has not returned: it, and all that it called, are left out
 * Return: how many there are, CALLSTACK_MAX at most; 0 where nothing can be told.
 */
uint32_t callstack_note(uint64_t ips[CALLSTACK_MAX], const void *inside);

/*
 * callstack_build_ids - addresses of this process as places in files.
 * @ids: of each only ip is read. What lies in a program or library that the dynamic linker has loaded and that has a build id becomes
 *       BPF_STACK_BUILD_ID_VALID, with the id, zeroes behind it, and the offset in the file; all else BPF_STACK_BUILD_ID_IP.
 */
void callstack_build_ids(struct bpf_stack_build_id *ids, uint32_t n);

#endif
