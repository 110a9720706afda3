/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The verifier: proves that a program, run with any input, touches no memory that is not its own, ends, and
 * gives back what it took.
 *
 * verify() is a pure function of its input: no global state, no file descriptors, no clock but the one that times it. It may run
 * in many threads at once. What it proves and how is described at the head of verify/walk.c; its verdict is that
 * of Linux 6.18, and docs/verdicts.md lists where it is not.
 */
#ifndef SKEP_VERIFY_VERIFY_H
#define SKEP_VERIFY_VERIFY_H

#include "base/uapi.h"

#include <stdbool.h>
#include <stddef.h>

struct btf;
struct btf_record;
struct kernel_types;

/* A map as the verifier sees it. */
struct verify_map {
	uint32_t id, type, key_size, value_size, max_entries, flags;
	uint64_t extra;
	char name[BPF_OBJ_NAME_LEN];
	/*
	 * The values of a map that neither programs nor user space can change any more (BPF_F_RDONLY_PROG and
	 * frozen), value_size * max_entries bytes; loads from it are constants. NULL: not such a map.
	 */
	const uint8_t *frozen;
	const struct btf *btf; /* of key and value; NULL when unknown */
	uint32_t btf_key_type, btf_value_type;
	const struct btf_record *record; /* special fields of the value; NULL: none */
	const struct verify_map *inner; /* template of a map-in-map */
	uint32_t index; /* in verify_input.maps; an inner template has its outer map's */
	bool unprivileged; /* made by a user without CAP_PERFMON */
	bool unplaced; /* an arena that nobody has mapped and whose map_extra is 0: addresses in it mean nothing yet */
};

enum verify_caps {
	VERIFY_CAP_BPF = 1 << 0,
	VERIFY_CAP_PERFMON = 1 << 1, /* may leak pointers, read uninitialised stack, and needs no Spectre guards */
	VERIFY_CAP_NET_ADMIN = 1 << 2,
	VERIFY_CAP_SYS_ADMIN = 1 << 3,
	VERIFY_CAP_ALL = 15,
};

/* What a program attaches to, when its type needs BTF for that (tracing, LSM, struct_ops, extensions). */
struct verify_attach {
	const struct btf *btf; /* the kernel's, a module's, or the target program's; NULL: none */
	uint32_t btf_id; /* function, typedef of a raw tracepoint, iterator, or struct_ops struct */
	const struct verify_input *prog; /* the target program of EXT and fentry, NULL: a kernel function */
};

struct verifier;
struct state;

/* What the walk tells a test that follows it: verify_input.trace. v->cur is the state at hand, v->insn where it stands. */
enum verify_event {
	TRACE_START, /* a walk begins: of the main program, or of the global function v->subprog */
	TRACE_STEP, /* the instruction at hand is about to be checked in cur */
	TRACE_FORK, /* other: a path put aside, a copy of cur that is going to be changed */
	TRACE_CACHED, /* other: a copy of cur that is now cached here; TRACE_STEP of the same instruction follows */
	TRACE_COVERED, /* other: cached here, covers cur in what is live and precise in it; cur ends */
	TRACE_COVERED_ALL, /* other covers cur in all that is live, whatever is precise */
};

struct verify_input {
	/*
	 * The program, checked by insn_check(). Pseudo forms: LD_MAP_FD and LD_MAP_VALUE: imm is an index into maps[];
	 * LD_VAR: imm is a BTF id, the second slot's imm an index into btfs[]; CALL_KFUNC: imm is a BTF id, off an index into btfs[].
	 */
	const struct bpf_insn *insns;
	uint32_t n_insns;
	const uint32_t *subprogs;
	uint32_t n_subprogs;
	const struct verify_map *const *maps;
	uint32_t n_maps;
	const struct btf *const *btfs; /* [0]: the kernel's, then modules' */
	uint32_t n_btfs;
	const struct kernel_types *types; /* names of btfs[0], indexed; NULL: no kernel BTF is known */

	char name[BPF_OBJ_NAME_LEN];
	uint32_t prog_type, attach_type;
	/*
	 * A program type of an embedder's: prog_type is beyond Linux's, the context is so many bytes that may be read and
	 * written, and any number may be returned. Of Linux's helpers it has those that need no packet.
	 */
	bool own_type;
	uint32_t own_ctx_size;
	uint32_t
		flags; /* BPF_F_STRICT_ALIGNMENT, BPF_F_ANY_ALIGNMENT, BPF_F_TEST_STATE_FREQ, BPF_F_SLEEPABLE, BPF_F_XDP_HAS_FRAGS */
	uint32_t caps; /* enum verify_caps: of who loads it */
	bool gpl;
	uint32_t n_cpus; /* processors that bpf_get_smp_processor_id() may name; 0: any number */
	struct verify_attach attach;

	const struct btf *btf; /* the program's own; NULL without func_info */
	const struct bpf_func_info *func_info; /* n_subprogs of them, or NULL */
	const struct bpf_line_info *line_info;
	uint32_t n_line_info;

	/* Helpers that an embedder registered: bit i of byte i/8 is helper i. NULL: none. */
	bool (*own_helper)(void *arg, uint32_t id);
	/* Whether this place can run a helper that the kernel would allow; NULL: all of them count (skep check). */
	bool (*have_helper)(void *arg, uint32_t id);
	const char *(*why_no_helper)(void *arg, uint32_t id); /* why it said no, a clause; NULL: nobody knows */
	/* Whether a kernel variable has an address; NULL: all have. */
	bool (*have_symbol)(void *arg, const char *name);
	void *arg;

	/* Kernel objects are presented by address only: loads through pointers to them are probed, but no helper may take one as memory. */
	bool objects_presented;

	/* Tests that hold running programs to the verifier's claims (tests/fuzz); NULL. */
	void (*trace)(void *arg, const struct verifier *v, enum verify_event event, const struct state *other);
	void *trace_arg;

	/* The log, as the kernel writes it: bits of BPF_LOG_LEVEL1 (1), LEVEL2 (2), STATS (4). */
	uint32_t log_level;
	void (*log)(void *arg, const char *text, size_t len); /* NULL: no log */
	void (*log_rewind)(
		void *arg,
		size_t len); /* forget all but the first len bytes: at level 1 a path that was fine leaves no trace */
	void *log_arg;
	bool explain; /* a refusal comes with verify_result.report: the path is walked once more */
	uint32_t insn_limit; /* instructions to process at most; 0: the kernel's million */
	size_t memory_limit; /* bytes; 0: none. Beyond it the program is refused with -ENOMEM */
};

/* Categories of refusal. Texts are in verify/problem.c. */
enum verify_problem {
	PROBLEM_NONE,
	PROBLEM_SCALAR_ACCESS, /* memory access through a number */
	PROBLEM_PACKET_RANGE, /* outside the packet */
	PROBLEM_CTX_ACCESS, /* no such field of the context, or not so */
	PROBLEM_VAR_CTX, /* context access with a variable offset */
	PROBLEM_MEM_RANGE, /* outside the allowed memory range */
	PROBLEM_UNBOUNDED, /* variable offset or size without a bound */
	PROBLEM_NULL_ACCESS, /* pointer that may be NULL */
	PROBLEM_NULL_ARG, /* argument that may be NULL */
	PROBLEM_ARG_TYPE,
	PROBLEM_REF_LEAK,
	PROBLEM_RETURN_RANGE,
	PROBLEM_STACK_WRITE,
	PROBLEM_STACK_READ,
	PROBLEM_STACK_DEPTH,
	PROBLEM_UNINIT,
	PROBLEM_PTR_ARITH,
	PROBLEM_PTR_LEAK,
	PROBLEM_DYNPTR,
	PROBLEM_ITER,
	PROBLEM_LOCK,
	PROBLEM_RCU,
	PROBLEM_DIV_ZERO,
	PROBLEM_MISALIGNED,
	PROBLEM_READ_ONLY,
	PROBLEM_LOOP, /* no end in sight */
	PROBLEM_TOO_COMPLEX,
	PROBLEM_SHAPE, /* instructions, control flow, BTF */
	PROBLEM_HELPER, /* helper or kfunc not for this program */
	PROBLEM_MAP, /* map not for this helper or program */
	PROBLEM_BTF_ACCESS,
	PROBLEM_SLEEP,
	PROBLEM_GPL,
	PROBLEM_ATTACH,
	PROBLEM_NOT_SUPPORTED, /* skep cannot judge it */
	PROBLEM_MEMORY,
	PROBLEM_COUNT,
};

/* What was learnt of one instruction; what the engine uses (verify/fixup.h) and the cost report. */
struct verify_insn {
	uint32_t visits; /* times it was processed */
	bool seen; /* some path reaches it */
	bool probe_mem; /* a load through a kernel pointer that may fault: reads 0 then */
	bool zext; /* a 32-bit definition whose upper half is read later */
	uint8_t ptr_type; /* enum reg_type of the pointer that a load or store goes through, the same on all paths */
	bool map_known, key_known;
	uint32_t map; /* helper call: index of the one map that all paths give */
	uint64_t map_key; /* constant key of an array lookup, when key_known */
};

struct verify_result {
	int err; /* 0: accepted; else negative errno as the kernel's load gives */
	enum verify_problem problem;
	uint32_t insn; /* where it was refused */
	char message[512]; /* the refusal in one line */
	struct verify_report *report; /* why, for people (verify/report.h); NULL: accepted, or not asked for */

	uint32_t insns_processed, total_states, peak_states, max_states_per_insn, mark_read;
	uint32_t stack_depth; /* bytes of the deepest call chain */
	uint32_t max_ctx; /* bytes of the context that it may look at: as many must be there at every run */
	uint16_t *subprog_stack; /* bytes of each function, n_subprogs of them */
	size_t peak_memory;
	uint64_t time_ns;
	struct verify_insn *insns; /* n_insns of them */
};

/*
 * verify - judge a program.
 * @in:   as described above; borrowed, and unchanged afterwards
 * @out:  filled in every case; given back with verify_result_free()
 * Return: out->err: 0, -EINVAL, -EACCES, -EPERM, -E2BIG, -ENOMEM, -EFAULT, -ENOTSUPP as the kernel's load.
 */
int verify(const struct verify_input *in, struct verify_result *out);

/*
 * exception_callback_insn - where the function begins that a tag of the main one names as the exception callback: the kernel enters it, nobody
 * need call it. @info, @n: the program's function records, not checked yet. Return: its instruction, 0: none; whether it is one that may be, verify() tells.
 */
uint32_t exception_callback_insn(const struct btf *btf, const struct bpf_func_info *info, uint32_t n);
void verify_result_free(struct verify_result *out);

#endif
