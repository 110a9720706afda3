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

/*
 * What programs ask of the task that they run for, when that is a thread of a supervised tree. Addresses of user space are the task's own;
 * those of the kernel's side (TASK_OBJECTS and up) name objects that the host presents, and are looked up, never followed. All functions are there
 * but those marked; they run on the worker's thread, while the task stands still.
 */
struct task_host {
	/* Its memory. Return: 0, or -EFAULT with anything in @to: all of it was there, or nothing counts. */
	int (*read_user)(struct skep_env *env, void *to, uint64_t from, size_t len);
	int (*write_user)(struct skep_env *env, uint64_t to, const void *from, size_t len);
	/* A string of at most @size - 1 bytes with its end; what stands behind the end stays out of @to. Return: its length, -EFAULT, -EINVAL: no end. */
	int (*read_user_string)(struct skep_env *env, char *to, uint64_t from, size_t size);
	/* Memory of another task of the tree, by the address of its task_struct. Return: 0, -EFAULT, -ESRCH. */
	int (*read_task)(struct skep_env *env, uint64_t task, void *to, uint64_t from, size_t len);
	/* Presented objects. Return: 0, or -EFAULT: no object has all of these bytes. */
	int (*read_kernel)(struct skep_env *env, void *to, uint64_t from, size_t len);

	uint64_t (*task)(struct skep_env *env); /* the address of its task_struct; 0: without memory for it */
	uint64_t (*regs)(struct skep_env *env, uint64_t task); /* of a task's pt_regs; 0: unknown task */
	uint64_t (*find)(struct skep_env *env,
			 uint32_t tid); /* the task_struct of a number of the tree's; 0: there is none */
	uint64_t (*uid_gid)(struct skep_env *env); /* bpf_get_current_uid_gid() */
	void (*comm)(struct skep_env *env, char comm[16]); /* ended */
	/* Its cgroup's id and those around it, outwards up to what is mounted. Return: how many. */
	uint32_t (*cgroups)(struct skep_env *env, uint64_t *ids, uint32_t room);
	/* Its numbers in the PID namespace with that device and inode. Return: 0, or -EINVAL: it is in another. */
	int (*pid_ns)(struct skep_env *env, uint64_t dev, uint64_t ino, uint32_t *tid, uint32_t *tgid);

	/* bpf_send_signal(), bpf_send_signal_thread(). Return: 0, or -EPERM, -EINVAL, -ESRCH. */
	int (*signal)(struct skep_env *env, uint32_t sig, bool whole_process);
	/* bpf_override_return(): the function that is probed is not run, and returns @value. Return: 0, -EPERM: this point does not allow it. */
	int (*override)(struct skep_env *env, uint64_t value);
	/* Which task a task_struct is: when its process began, and its number. May be NULL. Return: 0, -ESRCH: it is none, or gone. */
	int (*identify)(struct skep_env *env, uint64_t task, uint64_t *start, uint32_t *tid);
	/* Its call stack, innermost first: what of it can be told. May be NULL. Return: how many frames, @room at most. */
	uint32_t (*stack)(struct skep_env *env, uint64_t *ips, uint32_t room);
	/* bpf_d_path() of the struct path at @path. Return: the length with the end; -EFAULT, -ENAMETOOLONG. */
	int (*d_path)(struct skep_env *env, uint64_t path, char *buf, uint32_t size);
};

struct env_task {
	const struct task_host *host;
	void *arg; /* the host's own */
	uint32_t tid, tgid; /* in the tree's PID namespace: what programs see */
};

/* Where the kernel's half of the address space begins (x86-64: what is below is user space or no address at all). */
#define TASK_OBJECTS 0xffff800000000000ull

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
		uint32_t
			n_args; /* fentry, fexit, LSM: how many words of the context are arguments (bpf_get_func_arg()) */
		bool has_ret; /* and whether the next is what the function returned (bpf_get_func_ret()) */
		uint64_t socket_cookie; /* hooks of sockets: bpf_get_socket_cookie(); 0: it has none */
		int32_t retval; /* cgroup hooks: bpf_get_retval(), bpf_set_retval() */
		uint32_t
			ctx_size; /* bytes behind ctx, where the hook says: bpf_probe_read() tells them from the task's memory */
	} attach;
	const struct env_task
		*task; /* the current task; NULL: the thread that runs the program, in skep's own process */
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

/*
 * env_probe - what a load through a kernel pointer gives: the bytes at @at, with zeroes or the sign above them; 0 where there are none.
 * @how: 1, 2, 4 or 8 bytes, | ENV_PROBE_SIGN
 */
enum { ENV_PROBE_SIGN = 0x100 };
uint64_t env_probe(struct skep_env *env, uint64_t at, uint32_t how);

/*
 * env_read_kernel - copy what a program takes for the kernel's memory: objects that the current task's host presents, and what the program has
 * addresses of itself, which is memory of this process (its context, its stack, values of maps). A bad address is an error, never a crash.
 * env_read_user - the task's memory; without a task this process's.
 * Return: 0 or -EFAULT; @to may hold anything then.
 */
int env_read_kernel(struct skep_env *env, void *to, uint64_t from, size_t len);
int env_read_user(struct skep_env *env, void *to, uint64_t from, size_t len);

/*
 * env_read_either - where the program does not say whose the address is: bpf_probe_read(). The context and what lies on the program's stack are
 * its own; else the task's memory comes before this process's.
 */
int env_read_either(struct skep_env *env, void *to, uint64_t from, size_t len);

/* The same for strings of at most @size - 1 bytes. Return: the length, -EFAULT, or -EINVAL: no end within @size bytes, which @to holds then. */
int env_read_kernel_string(struct skep_env *env, char *to, uint64_t from, size_t size);
int env_read_user_string(struct skep_env *env, char *to, uint64_t from, size_t size);
int env_read_either_string(struct skep_env *env, char *to, uint64_t from, size_t size);

#endif
