/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the verifier share. Each group below is one file; the order is that of a walk through a program.
 *
 * Conventions: a function that can refuse the program returns 0 or a negative errno after refuse() has said why; the caller passes
 * it up unchanged. A register is named by its number where the text of a refusal names it.
 */
#ifndef SKEP_VERIFY_INTERNAL_H
#define SKEP_VERIFY_INTERNAL_H

#include "insn/insn.h"
#include "verify/hook.h"
#include "verify/state.h"

struct call; /* call.h */
struct kfunc_desc; /* helper/kfunc.h */
struct btf_field; /* record.h */

enum { INSN_LIMIT = 1000000, JMP_SEQ_LIMIT = 8192, ARG_REGS = 5 };

/* What is known of an argument of a global function (BTF and its tags). */
enum sub_arg_kind {
	SUB_ARG_SCALAR,
	SUB_ARG_CTX,
	SUB_ARG_MEM,
	SUB_ARG_DYNPTR,
	SUB_ARG_BTF,
	SUB_ARG_ARENA,
	SUB_ARG_PKT_END
};
struct sub_arg {
	enum sub_arg_kind kind;
	uint32_t flags; /* PTR_NULL, PTR_TRUSTED, PTR_UNTRUSTED, MEM_RDONLY */
	uint32_t mem_size; /* SUB_ARG_MEM */
	const struct btf *btf; /* SUB_ARG_BTF */
	uint32_t btf_id;
};

struct subprog {
	uint32_t start, end;
	uint32_t stack_depth; /* bytes */
	const char *name; /* from BTF; "" when unknown */
	bool global;
	bool called; /* global: to be verified on its own */
	bool verified;
	bool has_tail_call, has_ld_abs, tail_call_reachable;
	bool is_callback, is_async_callback, is_exception_callback;
	bool changes_packet, might_sleep, might_throw;
	bool keep_fastcall_stack;
	int32_t fastcall_stack_off;
	bool args_known;
	uint32_t n_args;
	struct sub_arg args[ARG_REGS];
};

/* Facts of one instruction that verification itself needs (verify_insn is what others get). */
struct insn_aux {
	const struct insn_desc *desc; /* decoded; NULL: second half of a 64-bit immediate */
	bool prune_point, jump_point, force_checkpoint, calls_callback, jump_target;
	bool is_iter_next;
	bool fastcall_pattern;
	uint8_t fastcall_spills;
	uint16_t live_regs; /* registers that some path from here reads before writing them */
	uint32_t scc; /* strongly connected component, 0: none */
	uint32_t ptr_type; /* type that a load or store went through so far (REG_NOT_INIT: none yet) */
	bool probe; /* a load that went through a kernel pointer on some path */
	/* Look-up helpers: see map_ptr of struct verify_insn. */
	uint32_t map; /* index + 1; 0: none yet */
	bool map_many, map_inner;
	bool key_seen, key_many;
	uint64_t key;
	uint32_t alu_state, alu_limit; /* unprivileged pointer arithmetic */
	bool fenced; /* no misprediction goes beyond it */
	bool loop_fit, loop_seen; /* bpf_loop(): every visit had constant flags 0 and one callback */
	uint32_t loop_subprog;
	const struct kfunc_desc *kfunc;
	struct cached *explored; /* states cached before this instruction */
};

struct cached {
	struct cached *next;
	struct state *state;
	uint32_t callsite; /* of its current frame: only states of one are compared, or count against each other */
	uint32_t hits, misses;
};

struct pending { /* a path to be walked later */
	struct pending *next;
	struct state *state;
	uint32_t insn, prev;
	size_t log_len; /* of the log when it was put aside */
};

struct verifier {
	const struct verify_input *in;
	struct verify_result *out;
	uint32_t n; /* in->n_insns */
	const struct bpf_insn *insns;
	struct insn_aux *aux;
	struct subprog *subprogs;
	uint32_t n_subprogs;

	struct state *cur; /* NULL between paths */
	struct pending *pending;
	uint32_t n_pending;
	uint32_t insn, prev_insn; /* where the walk is, and came from */
	uint32_t subprog; /* being verified: 0 or a global function */
	int blamed; /* register that the check at hand is about, -1: the instruction tells (report.h) */
	uint32_t id_gen;

	/* Rights, from in->caps. */
	uint32_t prog_type, attach_type; /* of an extension: its target's */
	bool bpf_capable, allow_ptr_leaks, allow_uninit_stack, bypass_spec;
	bool strict_alignment, test_state_freq;
	bool seen_direct_write, seen_exception, explore_alu_limits, changes_packet;
	int32_t exception_callback; /* subprog, -1: none */
	struct hook hook; /* what the program is attached to: check_attach() */

	uint32_t insns_processed, prev_insns_processed, jumps_processed, prev_jumps_processed;
	size_t memory, peak_memory;
	uint32_t longest_mark_read;
	struct hist *hist_last; /* entry of the instruction at hand, or NULL */
	bool failed_memory; /* sticky */
	struct object_type *objects; /* object.c: special fields of the program's own structs */
	struct loop_visit **loops; /* prune.c: visits of each scc */
	uint32_t n_sccs;
	uint32_t n_cached, n_edges; /* states in the caches, and of back edges */
	/* log.c */
	uint32_t log_level, log_column;
	size_t log_len;
	bool log_open; /* an instruction's line waits for its end */
	uint32_t touched_regs; /* changed by the instruction at hand, in the current frame */
	uint64_t touched_slots;
	const struct bpf_line_info *log_line;
};

/* log.c */
static inline void log_all_touched(struct verifier *v) /* the next state is told whole */
{
	v->touched_regs = 0x7ff;
	v->touched_slots = ~0ull;
}
int refuse(struct verifier *v, int err, enum verify_problem problem, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void vlog(struct verifier *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void log_insn(struct verifier *v, uint32_t insn); /* leaves the line open: log_touched() or log_insn_end() ends it */
void log_insn_end(struct verifier *v);
void log_overview(struct verifier *v); /* at level 2: functions, live registers, loops */
void log_touched(struct verifier *v);
size_t log_place(const struct verifier *v); /* to go back to */
void log_back(struct verifier *v, size_t len); /* but at level 2: only what led to the refusal stays */
void log_state(struct verifier *v, const struct state *s, uint32_t frame, bool all);
/* At level 2, the way back of precision.c: from where, past which instruction or state, looking for what. */
void log_back_from(struct verifier *v, uint32_t frame, uint32_t last, uint32_t first, uint32_t after);
void log_back_insn(struct verifier *v, uint32_t frame, uint32_t regs, uint64_t slots, uint32_t insn);
void log_back_state(struct verifier *v, const struct state *s, uint32_t frame, uint32_t regs, uint64_t slots);
void log_propagated(struct verifier *v, uint32_t frame, uint32_t regs, uint64_t slots);
const char *reg_type_name(uint32_t type, char buf[64]); /* "map_value_or_null", "rdonly_mem": the kernel's names */
#define LOG_INSNS(v) ((v)->log_level & 2)

/* state.c: memory, copying, registers */
void *v_alloc(struct verifier *v, size_t size); /* zeroed; NULL when out of memory (sticky) */
void v_free(struct verifier *v, void *p, size_t size);
struct state *state_new(struct verifier *v);
int state_copy(struct verifier *v, struct state *to,
	       const struct state *from); /* all but history, parent and branches */
void state_free(struct verifier *v, struct state *s);
int state_restart(struct verifier *v, struct state *s,
		  uint32_t subprog); /* an asynchronous callback's: nothing of the path that pushed it */
struct stack *stack_mut(struct verifier *v,
			struct frame *f); /* the frame's own stack, to be written; NULL: out of memory */
int stack_grow(struct verifier *v, struct frame *f,
	       uint32_t slots); /* at least so many slots, SLOT_INVALID; makes it the frame's own */
struct frame *frame_new(struct verifier *v, uint32_t callsite, uint32_t frameno, uint32_t subprog);
void frame_free(struct verifier *v, struct frame *f);
int push_path(struct verifier *v, uint32_t insn, uint32_t prev, struct state **out); /* a copy of cur to walk later */
struct ref *ref_push(struct verifier *v, struct state *s);

/* For tests that follow the walk. */
static inline void trace(const struct verifier *v, enum verify_event event, const struct state *other)
{
	if (v->in->trace)
		v->in->trace(v->in->trace_arg, v, event, other);
}

static inline struct frame *cur_frame(const struct verifier *v)
{
	return v->cur->frames[v->cur->curframe];
}
static inline struct reg *cur_regs(const struct verifier *v)
{
	return cur_frame(v)->regs;
}
/* The slot, or NULL when the stack does not reach it. Not to be written through. */
static inline const struct slot *slot_get(const struct frame *f, uint32_t n)
{
	return f->stack && n < f->stack->n ? &f->stack->slots[n] : NULL;
}

void reg_uninit(struct reg *r);
void reg_unknown(struct reg *r);
void reg_const(struct reg *r, uint64_t value);
void reg_pointer(struct reg *r, uint32_t type); /* offset 0, no identity */
void regs_unknown(struct verifier *v, struct reg *regs, uint32_t regno);
/* State of a register that a load of BTF type gave: REG_SCALAR, or a pointer. */
void reg_btf(struct verifier *v, struct reg *r, uint32_t type, const struct btf *btf, uint32_t btf_id, uint32_t flags);
bool reg_is_null(const struct reg *r); /* the scalar 0 */
bool reg_is_pointer(const struct verifier *v,
		    const struct reg *r); /* what the loader must not leak: false when it may leak pointers */
bool reg_is_packet(const struct reg *r); /* PKT or PKT_META */
bool reg_not_null(const struct verifier *v, const struct reg *r);
bool slot_is_special(const struct slot *s); /* dynptr, iterator, irq flag */
static inline bool reg_same_identity(const struct reg *a, const struct reg *b)
{
	return a->type == b->type && a->off == b->off && a->raw[0] == b->raw[0] && a->raw[1] == b->raw[1];
}
const struct btf_record *reg_record(const struct reg *r); /* special fields behind it, or NULL */
/* Runs body for every register and every spilled one of all frames of a state: bool fn(arg, reg, frame, slot or -1). Writable. */
int regs_visit(struct verifier *v, struct state *s, void (*fn)(struct verifier *v, struct reg *r, void *arg),
	       bool (*want)(const struct reg *r, void *arg), void *arg);

const char *sub_name(const struct verifier *v, uint32_t subprog);

/* cfg.c: jump and prune points, order, live registers, loops */
int cfg_build(struct verifier *v);
int32_t subprog_find(const struct verifier *v, uint32_t start); /* -1: none starts there */
uint32_t subprog_of(const struct verifier *v, uint32_t insn);

/* walk.c */
int walk(struct verifier *v); /* from cur to the end of all pending paths */
int walk_step(struct verifier *v, uint32_t *next, bool *ended); /* the instruction at hand once more (follow.c) */
int check_reg_read(struct verifier *v, uint32_t regno); /* initialised, and readable in this frame */
int check_reg_def(struct verifier *v, uint32_t regno); /* may be written: not r10. The caller sets it */
int check_reg_write(struct verifier *v, uint32_t regno); /* the same, and it is unknown from here */
int hist_push(struct verifier *v, uint8_t flags, uint32_t frame, uint32_t slot, const struct linked *linked);

/* alu.c, jump.c */
int check_alu(struct verifier *v, const struct bpf_insn *insn);
int check_jump(struct verifier *v, const struct bpf_insn *insn, uint32_t *next);
int check_ld_imm(struct verifier *v, const struct bpf_insn *insn);
void scalar_assign_id(struct verifier *v, struct reg *r); /* before it is copied to another place */
void mark_non_null(struct verifier *v, struct state *s,
		   struct reg *r); /* one register: strips PTR_NULL, as the branch shows */
void mark_ptr_or_null(struct verifier *v, struct state *s, uint32_t regno, bool is_null); /* and all with its id */
void scalar_unlink(struct reg *r); /* from registers of the same value */
int push_speculative(struct verifier *v, uint32_t insn); /* the way that a branch never takes, but a CPU might */
int check_scalar_spectre(struct verifier *v, const struct bpf_insn *insn); /* unprivileged sums of numbers */
int check_pointer_spectre(struct verifier *v, const struct bpf_insn *insn, const struct reg *dst,
			  const struct reg *pointer, const struct reg *number); /* unprivileged pointer arithmetic */
void sync_linked(struct verifier *v, struct state *s, const struct reg *known, const struct linked *which);

/* stack.c */
int stack_write(struct verifier *v, struct frame *f, int32_t off, uint32_t size, int32_t value_reg,
		uint32_t insn); /* constant offset; value_reg < 0: unknown data */
int stack_write_var(struct verifier *v, uint32_t ptr_reg, int32_t off, uint32_t size, int32_t value_reg, uint32_t insn);
int stack_read(struct verifier *v, uint32_t ptr_reg, int32_t off, uint32_t size, int32_t dst_reg);
int stack_bounds(struct verifier *v, uint32_t regno, int32_t off, uint32_t size, bool write);
int check_stack_init(struct verifier *v, uint32_t regno, int32_t off, uint32_t size, bool zero_ok, bool write,
		     struct call *call); /* helper reads (or fills, call->raw_mode) it */
int slot_of_object(struct verifier *v, const struct reg *r, const char *what,
		   uint32_t n_slots); /* slot number of a dynptr, iterator, irq flag; negative errno */

/* mem.c */
uint32_t access_size(const struct bpf_insn *insn); /* bytes that a load or store moves */
enum { MEM_READ = 0, MEM_WRITE = 1 };
int check_mem(struct verifier *v, uint32_t insn, uint32_t regno, int32_t off, uint32_t size, int rw, int32_t value_reg,
	      bool strict_once, bool sign_extend);
int check_load(struct verifier *v, const struct bpf_insn *insn, bool sign_extend);
int check_store(struct verifier *v, const struct bpf_insn *insn);
int check_atomic(struct verifier *v, const struct bpf_insn *insn);
int check_region(struct verifier *v, uint32_t regno, int32_t off, uint32_t size, uint32_t mem_size,
		 bool zero_ok); /* off + var within [0, mem_size) */
int check_map_access(struct verifier *v, uint32_t regno, int32_t off, uint32_t size, bool zero_ok, bool by_helper);
int check_packet_access(struct verifier *v, uint32_t regno, int32_t off, uint32_t size, bool zero_ok);
int check_ptr_offset(struct verifier *v, const struct reg *r, uint32_t regno,
		     bool fixed_ok); /* what may have no offset has none */
int check_helper_mem(struct verifier *v, uint32_t regno, uint32_t size, int rw, bool zero_ok, struct call *call);
int check_mem_size(struct verifier *v, uint32_t size_regno, int rw, bool zero_ok,
		   struct call *call); /* memory in size_regno - 1 */
int check_mem_fixed(struct verifier *v, uint32_t regno,
		    uint32_t size); /* readable and writable, for a global function or kfunc; may be NULL */
int check_btf_access(struct verifier *v, uint32_t regno, int32_t off, uint32_t size, int rw, int32_t value_reg);
int check_buffer_access(struct verifier *v, uint32_t regno, int32_t off, uint32_t size, bool zero_ok, uint32_t *max);
bool type_is_rdonly(uint32_t type);
bool may_access_packet(struct verifier *v, const struct call *call, int rw);

/* btf_walk.c, btf_access.c, btf_ctx.c, attach.c, sub_args.c: what BTF says of types, objects, hooks and functions */
bool btf_is_kernel(const struct verifier *v, const struct btf *btf); /* or a module's, not the program's own */
uint32_t kernel_type(const struct verifier *v, const char *name); /* struct or union of the kernel; 0: there is none */
bool reg_is_trusted(const struct reg *r); /* referenced, or from a source that is always valid */
uint32_t kptr_flags(struct verifier *v, const struct btf_field *f); /* of a pointer read from a map value */
int load_ksym(struct verifier *v, const struct bpf_insn *insn, struct reg *dst); /* LD_VAR */
int check_map_ptr_access(struct verifier *v, uint32_t regno, int32_t off, uint32_t size, int rw,
			 int32_t value_reg); /* fields of struct bpf_map */
int check_kptr_access(struct verifier *v, uint32_t regno, const struct btf_field *kptr, int rw, int32_t value_reg,
		      uint32_t insn); /* a load or store of a kptr field of a map value */
enum { WALK_SCALAR, WALK_PTR, WALK_PTR_UNTRUSTED, WALK_STRUCT };
int btf_walk(struct verifier *v, const struct reg *r, int32_t off, uint32_t size, uint32_t *btf_id, uint32_t *flags,
	     const char **field); /* enum WALK_*, or errno */
int check_btf_ctx(struct verifier *v, int32_t off, uint32_t size, int rw,
		  struct reg *out); /* arguments of tracing, LSM, struct_ops */
bool btf_is_same_type(struct verifier *v, const struct btf *a, uint32_t a_id, int32_t off, const struct btf *b,
		      uint32_t b_id, bool strict);
bool btf_is_ctx(const struct btf *btf, uint32_t id, uint32_t prog_type); /* by its name: the context of such programs */
int sub_args(struct verifier *v, uint32_t subprog); /* fills subprogs[].args from BTF; -EINVAL: BTF does not say */
struct prog_return;
int attach_return(struct verifier *v, struct prog_return *want, bool *none,
		  bool *is32); /* what the main function must return; none: the hook expects nothing */
int attach_start(struct verifier *v,
		 struct state *s); /* references and rights that a program starts with (struct_ops arguments) */
int check_attach(struct verifier *v); /* what the program attaches to fits it */
bool hook_arg_suffix(const struct btf *btf, const struct btf_type *proto, uint32_t arg, const char *suffix);

/* call.c and kin: helpers, kfuncs, what they take and give */
const struct kfunc_desc *kfunc_of(const struct verifier *v,
				  const struct bpf_insn *insn); /* row of a CALL_KFUNC; NULL: none */
/* exception.c */
int find_exception_callback(struct verifier *v); /* the function that the main one's tag names */
bool kfunc_throws(const struct kfunc_desc *k); /* the path ends there */
int check_throw(struct verifier *v);
int check_exceptions(struct verifier *v); /* once all is walked: who throws, and who calls whom */

bool map_is_inner(const struct verifier *v, const struct verify_map *map); /* the template of inner maps */
int check_maps(struct verifier *v); /* the program may use the maps that it names */
int check_kfunc_insn(struct verifier *v,
		     const struct bpf_insn *insn); /* what is asked of a CALL_KFUNC even where no path reaches it */
bool kfunc_calls_back_sync(const struct kfunc_desc *k);
bool kfunc_moves_packet(const struct kfunc_desc *k);
int check_dynptr_arg(struct verifier *v, uint32_t regno); /* of a global function: an initialised dynptr */
int check_btf_arg(struct verifier *v, uint32_t regno, const struct btf *btf, uint32_t btf_id,
		  uint32_t flags); /* of a global function: PTR_TRUSTED, PTR_NULL */
bool kfunc_calls_back_async(const struct kfunc_desc *k);
void ref_forget(struct state *s, uint32_t ref_id); /* a reference that turned out to be NULL */
int check_helper_call(struct verifier *v, const struct bpf_insn *insn, uint32_t at);
int check_kfunc_call(struct verifier *v, const struct bpf_insn *insn, uint32_t at);
int ref_acquire(struct verifier *v, uint32_t insn); /* the new reference's id, negative errno */
int ref_release(struct verifier *v,
		uint32_t ref_id); /* and invalidate every pointer that belongs to it; -EINVAL: not held */
int check_leaks(struct verifier *v, bool exception, const char *what); /* refs, locks, sections left at an exit */
int check_resources(struct verifier *v, bool exception, bool check_locks, const char *what);
void forget_packet_pointers(struct verifier *v);
void forget_non_owning(struct verifier *v);
int check_func_arg(struct verifier *v, uint32_t arg, struct call *call, uint32_t at);
int object_slot_written(struct verifier *v, struct frame *f,
			uint32_t slot); /* a plain write hits a dynptr, iterator or irq flag: destroys it or refuses */
bool in_rcu(const struct verifier *v); /* RCU protected: section, or a program type that runs in one */
bool in_sleepable(const struct verifier *v);
bool in_rbtree_callback(const struct verifier *v);

void object_list_free(struct verifier *v); /* object.c: what is known of the program's own structs */
bool object_may_lock(const struct verifier *v,
		     const struct reg *r); /* the object has a lock, or was not looked at yet */

/* explain.c */
void explain(struct verifier *v); /* out->report of a refusal, before its states are freed */

/* fixup.c */
void export_facts(struct verifier *v); /* struct verify_insn, for the engine */

/* subprog.c: BPF functions calling each other */
int check_sub_call(struct verifier *v, const struct bpf_insn *insn, uint32_t *next);
int check_exit(struct verifier *v, uint32_t *next, bool *path_done); /* BPF_EXIT, of a function or the program */
typedef int (*callee_setup)(struct verifier *v, struct frame *caller, struct frame *callee, uint32_t at);
int push_callback(struct verifier *v, const struct bpf_insn *insn, uint32_t at, uint32_t subprog, callee_setup setup,
		  bool async, bool sleepable);
int check_sub_args(struct verifier *v, uint32_t subprog, struct reg *regs); /* a call of a global function */
int check_return(struct verifier *v, uint32_t regno);
int leave_function(struct verifier *v, uint32_t *next);
int check_stack_depth(struct verifier *v);
int start_function(struct verifier *v, uint32_t subprog); /* cur: the state that it begins with */
int verify_subprogs(struct verifier *v); /* the main function, then every global one that is called */

/* prune.c */
uint32_t state_insn(const struct state *s, uint32_t frame);
int visit_state(struct verifier *v, uint32_t insn, bool *prune);
void path_free(struct verifier *v, struct state *s); /* a path's own state, when it has ended */
void prune_free(struct verifier *v); /* all that is cached */
void path_done(struct verifier *v, struct state *s); /* one branch of s and of its parents fewer */
int iter_next_fork(struct verifier *v, uint32_t at, struct frame *f,
		   uint32_t slot); /* an iterator's next(): walk the drained and the active case */
struct state *find_prev_entry(struct verifier *v, struct state *s, uint32_t at);
int widen_to(struct verifier *v, const struct state *old, struct state *cur);

/* live slots, prune.c: */
bool live_read(struct state *s, uint32_t frame,
	       uint64_t slots); /* the instruction at hand may read them; true: that is news to a parent */
static inline void live_write(struct state *s, uint32_t frame, uint64_t slots) /* it overwrites them whole */
{
	s->written_slots[frame] |= slots;
}

/* precision.c */
int mark_precise(struct verifier *v, uint32_t regno); /* of the current frame; and whatever it was computed from */
int mark_slot_precise(struct verifier *v, uint32_t frame, uint32_t slot); /* a scalar spilled whole there */
void all_precise(struct state *s); /* and its parents */
bool propagate_precision(struct verifier *v, const struct state *old,
			 struct state *to); /* what mattered in old matters in to; true: that is news */

#endif
