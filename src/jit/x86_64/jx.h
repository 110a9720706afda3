/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The x86-64 compiler's state, and what its files offer each other.
 *
 * Theory of operation
 *
 *   scan.c     one pass over the program: decodes every slot, refuses what cannot be
 *              compiled, marks jump targets, and finds what each function needs (saved
 *              registers, stack, the environment)
 *   live.c     which registers may still be read, at each instruction
 *   compile.c  emits function after function, one rule per operation (rules.h); alu.c, divide.c,
 *              mem.c, jump.c and call.c hold what the rules call
 *   fuse.c     neighbours that become one machine instruction
 *   fuse_mem.c operations that take their operand from memory
 *   sink.c     sums that become part of the accesses that use them
 *   switch.c   trees of comparisons that become a table of jumps
 *   turn.c     ends of loops that stand in front of them
 *   strip.c    loops over arrays, sixteen bytes at a time: found by strip.c and strip_follow.c, made by strip_emit.c
 *   relax.c    every jump was emitted in its long form; shortens those whose target is
 *              near, closes the gaps, appends the literal pool, fills in distances
 *   enter.c    the border between C and compiled code
 *
 * Registers
 *
 *   r0 rax, r1 rdi, r2 rsi, r3 rdx, r4 rcx, r5 r8    as the C ABI passes arguments
 *   r6 rbx, r7 r13, r8 r14, r9 r15, r10 rbp          kept by callees, as the C ABI has it
 *   r12                                              the environment, wherever code may need it
 *   r9, r10, r11 (of x86)                            scratch within one instruction
 *
 * Frames, from the high address down:
 *
 *   return address
 *   saved rbp        } only in functions that use r10; rbp points here, which is
 *   stack            } the end of the program's stack
 *   saved registers    those of rbx, r13, r14, r15 that the function writes, and r12 in main
 *   padding            0 or 8 bytes, so that rsp is 16-aligned at calls
 *
 * Invariants
 *  - Main (subprogs[0]) is a skep_fn by the C ABI. The other functions take the environment
 *    in r12, where they find and leave it.
 *  - The code of an instruction that is a jump target never takes part in a fusion that began
 *    before it, and otherwise no value lives in the flags or a scratch register across instructions.
 *  - Jumps stay within their function (scan.c refuses others), since frames differ.
 */
#ifndef SKEP_JIT_X86_64_JX_H
#define SKEP_JIT_X86_64_JX_H

#include "insn/insn.h"
#include "jit/target.h"
#include "jit/x86_64/emit.h"

#define REG_ENV R12

/* Where loops begin: a multiple of so many bytes. */
#define JX_ALIGN 16

/* A place in the code: an offset as emitted, and how many fixups were recorded before it. */
struct jx_place {
	uint32_t offset;
	uint32_t n_fixups;
};

/* A field or jump that depends on where its target lies in the end. */
struct jx_fixup {
	uint32_t pos; /* offset as emitted: of the opcode for jumps, of the rel32 field for others */
	uint32_t target; /* instruction, function or pool entry, by kind */
	enum jx_fixup_kind {
		FIX_JMP, /* jmp to an instruction */
		FIX_JCC, /* jcc to an instruction */
		FIX_FUNC, /* rel32 to a function's entry */
		FIX_POOL, /* rel32 to an entry of the literal pool */
		FIX_ALIGN, /* up to JX_ALIGN - 1 bytes that do nothing: what follows begins a line */
	} kind : 8;
	uint8_t cc;
	bool is_short;
};

/* A relocation within the code, while offsets may still change. */
struct jx_reloc {
	struct jit_reloc rel;
	uint32_t n_fixups;
};

/* What one function needs. */
struct jx_func {
	uint32_t start, end; /* instructions */
	uint32_t saved; /* set of x86 registers, as bits */
	uint32_t stack; /* bytes below rbp; meaningful with frame */
	uint32_t pad; /* bytes between the saved registers and rsp at calls */
	bool frame; /* r10 is used */
	bool calls; /* calls C or a subprog: rsp must be aligned */
	bool env; /* needs r12 */
	struct jx_place entry;
};

/* Registers that an instruction reads and writes, as bits. */
struct jx_effects {
	uint16_t reads, writes;
};

/*
 * A tree of comparisons of one register with constants, as a table: entry i is where the program goes with a value of lo + i.
 * See switch.c.
 */
struct jx_switch {
	uint32_t root; /* the first comparison */
	uint32_t n; /* entries */
	int64_t lo;
	uint8_t reg, width; /* BPF register, enum x86_width */
};

/* A loop whose end, instructions @from to @end, is emitted in front of its head, too: at @place. See turn.c. */
struct jx_turn {
	uint32_t head, from, end, place;
};

enum {
	JX_TURNS = 4, /* loops around each other that are remembered */
	JX_TARGET = 1, /* flags[]: a jump lands here */
	JX_JUMPS = 2, /* it may jump, by jx_target() */
	JX_ENDS = 4, /* it never goes on to the next instruction */
	JX_LOOP = 8, /* a jump leads back here: worth an aligned start */
	JX_NO_OP = UINT16_MAX, /* ops[]: second slot of a 64-bit immediate */
};

struct jx {
	struct emit e;
	const struct skep_code *code;
	uint32_t features; /* enum jit_feature */
	bool has_callbacks; /* LD_FUNC occurs: a helper may come back with env->fault set */
	bool may_end_early; /* a call may end the run from within, even if all helpers are there (link.c looks at that) */

	/* By instruction. */
	uint16_t *ops; /* enum insn_op */
	uint8_t *flags;
	struct jx_effects *effects;
	uint16_t *live; /* one more than instructions: registers that may be read from here on, as bits */
	struct jx_back {
		uint32_t last; /* of a loop's head: the last jump that leads back to it; 0: none */
		uint32_t before; /* of such a jump: the one before it to the same head; 0: none */
	} * backs;
	struct jx_place *places; /* of every instruction, the fault exit, and what jx_new_place() made */
	uint32_t n_places, cap_places;
	struct jx_switch *switches; /* in ascending order of their roots */
	uint32_t n_switches, cap_switches;
	uint32_t next_switch; /* the first that is not emitted yet */

	struct jx_func *funcs; /* one per subprog */
	const struct jx_func *fn; /* the function that is being emitted */
	uint32_t at; /* the instruction that is being emitted */
	uint32_t next; /* the one to emit next; rules that fuse move it on */

	struct { /* by BPF register: the memory operand that it stands for before instruction end (sink.c) */
		struct x86_sib mem;
		uint32_t end;
	} sunk[16];

	/* The loop in front of which stands code for strips of it (strip.c), and the place behind that, where it jumps back to; 0: none. */
	uint32_t strip_head, strip_end, strip_place;

	struct jx_turn turns[JX_TURNS]; /* the last ones */
	uint32_t n_turns;
	const struct jx_turn *turning; /* the one whose copy is being emitted, or NULL */
	enum x86_cond *select; /* where the next comparison leaves its condition instead of jumping, or NULL */

	struct jx_fixup *fixups;
	uint32_t n_fixups, cap_fixups;
	struct jx_reloc *relocs;
	uint32_t n_relocs, cap_relocs;
	struct jit_reloc *pool; /* 8-byte literals behind the code; offset is not used yet */
	uint32_t n_pool, cap_pool;
	uint32_t table; /* callx: pool index of the table of helpers, + 1; 0: not made */
};

/* jx_reg - the x86 register of a BPF register number. */
static inline enum x86_reg jx_reg(unsigned bpf_reg)
{
	static const uint8_t map[16] = {RAX, RDI, RSI, RDX, RCX, R8, RBX, R13, R14, R15, RBP};

	return (enum x86_reg)map[bpf_reg & 15];
}

/* scan.c */
int jx_scan(struct jx *j);

/* jx_find_func - the number of the function that starts at @insn, or -1. */
int jx_find_func(const struct skep_code *code, int64_t insn);

/* live.c */
void jx_find_live(struct jx *j);

/* jx_dead - true when BPF register @reg is written before it is read, from instruction @at on. */
static inline bool jx_dead(const struct jx *j, uint32_t at, unsigned reg)
{
	return !(j->live[at] & 1u << reg);
}

/* switch.c */
void jx_find_switches(struct jx *j);

/* jx_emit_switch - jump by the table of the switch whose root is instruction j->at; what is not in its range goes on. */
void jx_emit_switch(struct jx *j);

/*
 * strip_emit.c: if the loop at j->at is one over arrays, emit the code that does many of its iterations at once. What is emitted next is the
 * loop, and begins at j->strip_place.
 * Return: false, nothing emitted, when it is not.
 */
bool jx_emit_strip(struct jx *j);

/*
 * turn.c: if the loop at j->at has an end that is branched to, emit a copy of that; the loop is to be emitted next.
 * @falls_in: the instruction before the head goes on with it
 * Return: false, nothing emitted, when it has none.
 */
bool jx_emit_turn(struct jx *j, bool falls_in);

/* jx_find_turn - see whether the loop that begins at @head has such an end. Return: false when not. */
bool jx_find_turn(const struct jx *j, uint32_t head, struct jx_turn *t);

/* compile.c */

/* jx_emit_insn - emit instruction j->at, and those that are fused with it; j->next is the one behind them. */
void jx_emit_insn(struct jx *j);
bool jx_grow(struct jx *j, void *array, size_t elem, uint32_t n, uint32_t *cap);
void jx_fail(struct jx *j, int err); /* sticky, like emit's */

/* jx_jcc, jx_jmp - jump to instruction @target; code->n_insns is the fault exit. */
void jx_jcc(struct jx *j, enum x86_cond cc, uint32_t target);
void jx_jmp(struct jx *j, uint32_t target);

/* jx_align - up to JX_ALIGN - 1 bytes that do nothing: what follows begins a line. */
void jx_align(struct jx *j);

/* jx_new_place - a place that no instruction has, to be jumped to like one; jx_land() says where it is. */
uint32_t jx_new_place(struct jx *j); /* 0 in error */
void jx_land(struct jx *j, uint32_t place);

/* jx_rel32 - the four bytes just emitted are a distance to @target (FIX_FUNC, FIX_POOL). */
void jx_rel32(struct jx *j, enum jx_fixup_kind kind, uint32_t target);

/* jx_load_reloc - dst = the value of a relocation. */
void jx_load_reloc(struct jx *j, enum x86_reg dst, enum jit_reloc_kind kind, uint32_t index, int64_t addend);

/* jx_pool - the pool entry with this literal, made when there is none. */
uint32_t jx_pool(struct jx *j, enum jit_reloc_kind kind, uint32_t index);

/* jx_pool_add - a new pool entry, whether or not there is one like it. */
uint32_t jx_pool_add(struct jx *j, enum jit_reloc_kind kind, uint32_t index);

/* jx_rip - an instruction whose memory operand is pool entry @pool. @op, @reg: opcode (FF /2, lea) and register or /digit. */
void jx_rip(struct jx *j, enum x86_width w, uint32_t op, unsigned reg, uint32_t pool);

/* jx_epilogue - take the frame of the current function down, up to its return address. */
void jx_epilogue(struct jx *j);

/*
 * fuse.c: each compiles the current instruction together with those after it, if they are of a kind.
 * Return: true when it did, and j->next has moved on.
 */
bool jx_fuse_mov(struct jx *j, const struct bpf_insn *in, enum x86_width w); /* after dst = src */
bool jx_fuse_shift(struct jx *j, const struct bpf_insn *in, enum x86_width w); /* dst <<= imm */
bool jx_fuse_add(struct jx *j, const struct bpf_insn *in); /* dst += src, 64 bits */

/*
 * fuse_mem.c: a load of @size bytes from @mem to BPF register @reg by instruction @at, together with what uses the value.
 * Return: true when all of it is compiled, and j->next has moved on; the register itself is not loaded then.
 */
bool jx_fuse_load(struct jx *j, uint32_t at, enum x86_width size, unsigned reg, struct x86_sib mem);

/*
 * fuse_mem.c: whether instruction @at loads what the two behind it change and store again to the same place, and nobody asks for the register
 * then. If so, they are compiled as one, and the register is not loaded.
 */
bool jx_is_update(const struct jx *j, uint32_t at);

/*
 * sink.c: BPF register @reg is about to become the sum @mem, before instruction @at.
 * Return: true when the accesses that use it will compute it, and nothing is to be done.
 */
bool jx_sink(struct jx *j, uint32_t at, unsigned reg, struct x86_sib mem);

/* sink.c: the memory operand of the access at @at, with base @reg and offset @off. */
struct x86_sib jx_mem(const struct jx *j, uint32_t at, unsigned reg, int16_t off);

/* jx_peek - the operation of instruction @at, if it may be compiled together with those before it; else JX_NO_OP. */
static inline unsigned jx_peek(const struct jx *j, uint32_t at)
{
	if (at >= j->fn->end || (j->flags[at] & JX_TARGET))
		return JX_NO_OP;
	return j->ops[at];
}

/* jx_fuse_zero_test - the flags show the result of @in, an operation @w wide: does a jump ask for its being 0? */
void jx_fuse_zero_test(struct jx *j, const struct bpf_insn *in, enum x86_width w);

/* jx_emit_keep - what remains of an operation that changes nothing: 32 bits still clear the upper half. */
static inline void jx_emit_keep(struct emit *e, enum x86_width w, enum x86_reg dst)
{
	if (w == W32)
		emit_mov_rr(e, W32, dst, dst);
}

/* jx_emit_times - dst = src * imm. */
void jx_emit_times(struct emit *e, enum x86_width w, enum x86_reg dst, enum x86_reg src, int32_t imm);

/* jx_emit_mask - dst = src & imm where that is a zero-extension. Return: true when it was. */
bool jx_emit_mask(struct emit *e, enum x86_reg dst, enum x86_reg src, int32_t imm);

/* jump.c: whether instruction @at begins a choice between two constants: r = a; if cond goto +1; r = b. */
bool jx_is_select(const struct jx *j, uint32_t at);

/* jump.c: compile the choice that begins at j->at. Return: false when there is none. */
bool jx_fuse_select(struct jx *j);

/* jump.c: the instruction that a jump at @at with distance @dist goes to. */
uint32_t jx_target(uint32_t at, int32_t dist);

/*
 * jump.c: compile the end of a conditional jump to @target, the flags being set. A jump right behind it, over
 * which it leads, is taken in, and j->next moves on.
 */
void jx_branch(struct jx *j, enum x86_cond cc, uint32_t target);

/* relax.c: makes j->e the final bytes and fills in everything of @obj but entry and n_insns. */
int jx_relax(struct jx *j, struct jit_object *obj);

/*
 * Rules: each takes the instruction, a parameter and a width from its line in rules.h.
 */
typedef void jx_rule_fn(struct jx *j, const struct bpf_insn *in, unsigned a, enum x86_width w);

enum { DIV_SIGNED = 1, DIV_MOD = 2 };

jx_rule_fn jx_alu_k, jx_alu_x, jx_mul_k, jx_mul_x, jx_div_k, jx_div_x, jx_shift_k, jx_shift_x, jx_mov_k, jx_mov_x,
	jx_movsx, jx_neg, jx_le, jx_be; /* alu.c, divide.c */
jx_rule_fn jx_jcc_k, jx_jcc_x, jx_jset_k, jx_jset_x, jx_ja, jx_may_goto, jx_exit; /* jump.c */
jx_rule_fn jx_load, jx_load_sign, jx_store_k, jx_store_x, jx_atomic, jx_fetch_add, jx_fetch, jx_atomic_xchg,
	jx_atomic_cmpxchg, jx_imm64, jx_ref, jx_map_value, jx_func_addr, jx_refuse; /* mem.c */
jx_rule_fn jx_call_helper, jx_call_kfunc, jx_call_subprog, jx_callx, jx_packet_abs, jx_packet_ind, jx_probe,
	jx_probe_sign; /* call.c */

#endif
