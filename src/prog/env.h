/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The environment of a run: what a running program and the helpers it calls share.
 *
 * One environment belongs to one worker (thread); nothing in it is ever shared. Engines
 * pass it as the sixth argument of every helper, and keep it at hand in a register.
 */
#ifndef SKEP_PROG_ENV_H
#define SKEP_PROG_ENV_H

#include "prog/code.h"

struct fib;
struct packet;
struct skep_env;
struct skep_map;

/* Why a run ended early. The run's return value is 0 then. */
enum skep_fault {
	FAULT_NONE,
	FAULT_NO_HELPER, /* called a helper that does not exist here, such as one that CO-RE poisoned */
	FAULT_DEPTH, /* more than SKEP_MAX_CALL_FRAMES calls deep */
};

/*
 * Who keeps the timers of maps: bpf_timer_init() and the three after it. @field is the struct bpf_timer in a map's value. Return: the
 * helpers' results.
 */
struct timer_host {
	int64_t (*init)(struct skep_env *env, uint64_t *field, struct skep_map *map, uint64_t flags);
	int64_t (*set_callback)(struct skep_env *env, uint64_t *field, uint64_t fn);
	int64_t (*start)(struct skep_env *env, uint64_t *field, uint64_t ns, uint64_t flags);
	int64_t (*cancel)(struct skep_env *env, uint64_t *field);
};

struct skep_env {
	/* The engines' part. Offsets are known to the JIT (static asserts there). */
	uint64_t unwind_sp; /* JIT: where to continue when a run must end at once */
	uint32_t tail_calls; /* taken so far in this run, at most SKEP_MAX_TAIL_CALLS */
	uint32_t fault; /* enum skep_fault */
	uint64_t loop_budget; /* may_goto: iterations left in this run */
	/*
	 * Calls a BPF function from C: @fn is what LD_FUNC gave the program. Set by the engine that
	 * runs; helpers with callbacks (bpf_loop, bpf_for_each_map_elem) use it.
	 */
	uint64_t (*callback)(struct skep_env *env, uint64_t fn, uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4,
			     uint64_t r5);
	uint32_t depth; /* interpreter: frames in use */

	/* The helpers' part. */
	uint32_t cpu; /* the worker's number: bpf_get_smp_processor_id(), per-CPU slots */
	uint32_t prog_type; /* enum bpf_prog_type of the program that was entered */
	uint32_t prog_id;
	void *ctx; /* the context as the program got it in r1 */
	struct packet *pkt; /* the frame behind ctx, NULL for programs without one */
	struct { /* bpf_redirect() and kin: what the program asked for last */
		uint32_t ifindex;
		uint64_t flags;
		struct skep_map *map; /* bpf_redirect_map(): NULL otherwise */
		uint64_t index;
	} redirect;
	struct { /* where bpf_trace_printk() and bpf_trace_vprintk() write */
		void (*write)(void *arg, const char *text, size_t len);
		void *arg;
	} trace;
	const struct fib *fib; /* what bpf_fib_lookup() asks (helper/fib.h); NULL: there are no interfaces */
	const struct timer_host *timers; /* NULL: there are none */
	struct { /* what a hook says of where the program is attached; zeroes: nowhere, as in a test run */
		uint64_t cookie; /* bpf_get_attach_cookie() */
		uint64_t func_ip; /* bpf_get_func_ip(): the address of the function that is probed */
	} attach;
	struct
	{ /* the call stack that the run was asked for from, innermost first; n 0: there is none, or nobody looks at it */
		const uint64_t *ips;
		uint32_t n;
	} stack;
	struct { /* bpf_get_current_cgroup_id(), kept for a while */
		uint64_t ids[32]; /* its own, then those around it, outwards */
		uint32_t n;
		uint64_t until;
	} cgroup;
	struct { /* bpf_get_netns_cookie(), once it was looked up for good (helper/who.h) */
		bool settled;
		uint64_t cookie;
	} netns;
	uint64_t rng; /* state of bpf_get_prandom_u32() */
	void *user; /* an embedder's own; helpers of its own find it here */
};

/* may_goto iterations that one run may take (the kernel's BPF_MAX_LOOPS). */
#define SKEP_MAY_GOTO_BUDGET (8ull * 1024 * 1024)

/*
 * packet_load - legacy packet access (LD_ABS, LD_IND) behind env->pkt.
 * @off:    offset from the start of the frame, already with the index register added; negative
 *          offsets are SKF_NET_OFF and SKF_LL_OFF based (linux/filter.h)
 * @size:   1, 2 or 4 bytes, network byte order
 * @value:  the value in host byte order
 * Return: true, or false when the bytes are not there: the function that asked then returns 0.
 */
bool packet_load(const struct skep_env *env, int32_t off, uint32_t size, uint64_t *value);

#endif
