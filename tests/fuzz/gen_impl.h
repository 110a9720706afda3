/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files that generate programs share; gen.h has the theory. */
#ifndef SKEP_TESTS_FUZZ_GEN_IMPL_H
#define SKEP_TESTS_FUZZ_GEN_IMPL_H

#include "gen.h"

#include "base/util.h"

/* What a register or a spill slot is known to hold: K_STACK and those behind it are memory that may be accessed. */
enum kind { K_NONE, K_NUM, K_CTX, K_STACK, K_PKT, K_VAL, K_REC };

struct val {
	enum kind kind;
	int32_t room; /* bytes behind a pointer */
	uint32_t max; /* of a number that was bounded; 0: unknown */
	bool rdonly;
	bool odd; /* a stack pointer that is not aligned: bytes only */
};

enum { SLOTS = 8, BUF = 72, BUF_SIZE = 56 }; /* fp-8..fp-64 are spill slots; [fp-128, fp-72) is a buffer */

struct view { /* what is where */
	struct val r[10], slot[SLOTS + 1];
};

struct gen {
	struct rng rng;
	struct fuzz_prog *p;
	struct view v;
	uint32_t locked, num_only; /* registers that must not be written; that may get numbers only */
	uint32_t func, depth, budget;
	uint32_t calls[64], callee[64], n_calls;
	bool has_ctx; /* r6 */
	bool in_callback;
	uint32_t records, loops; /* that we are in */
	struct val arg[FUNCS_MAX]; /* first argument of SIG_PTR functions */
};

/* The instructions that nearly all statements need. Each is where it was put in the program: a jump is given to gen_land() when its target is there. */
#define MOVR(d, s)          gen_emit(g, BPF_ALU64 | BPF_MOV | BPF_X, d, s, 0, 0)
#define MOVI(d, i)          gen_emit(g, BPF_ALU64 | BPF_MOV | BPF_K, d, 0, 0, i)
#define ALUI(op, d, i)      gen_emit(g, BPF_ALU64 | (op) | BPF_K, d, 0, 0, i)
#define ALUR(op, d, s)      gen_emit(g, BPF_ALU64 | (op) | BPF_X, d, s, 0, 0)
#define LOAD(sz, d, s, o)   gen_emit(g, BPF_LDX | BPF_MEM | (sz), d, s, o, 0)
#define STORE(sz, d, s, o)  gen_emit(g, BPF_STX | BPF_MEM | (sz), d, s, o, 0)
#define STOREI(sz, d, o, i) gen_emit(g, BPF_ST | BPF_MEM | (sz), d, 0, o, i)
#define JMPI(op, d, i)      gen_emit(g, BPF_JMP | (op) | BPF_K, d, 0, 0, i)
#define JMPR(op, d, s)      gen_emit(g, BPF_JMP | (op) | BPF_X, d, s, 0, 0)
#define CALL(h)             gen_emit(g, BPF_JMP | BPF_CALL, 0, 0, 0, h)
#define EXIT()              gen_emit(g, BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

#define PICK(g, ...)                                                                                                   \
	({                                                                                                             \
		static const int all_[] = {__VA_ARGS__};                                                               \
		all_[below(&(g)->rng, ARRAY_SIZE(all_))];                                                              \
	})
#define CHANCE(n) chance(&g->rng, n)
#define BELOW(n)  below(&g->rng, n)

/*
 * gen_emit.c: instructions. A program that is full takes no more: its last instruction is then the one that is written to.
 */
uint32_t gen_emit(struct gen *g, uint8_t code, uint32_t dst, uint32_t src, int32_t off, int32_t imm);
/* The next instruction is where a jump goes. */
void gen_land(struct gen *g, uint32_t jump);
/* A map, or the address of a byte of its value. */
void gen_load_map(struct gen *g, uint32_t dst, int map, bool value, uint32_t off);
/* A call of a function, or its address in @dst; where it lies is filled in at the end. */
void gen_call_func(struct gen *g, uint32_t to, bool address, uint32_t dst);
void gen_leave_here(struct gen *g); /* out of the function */

/* gen_emit.c: what registers hold */
int32_t gen_corner32(struct gen *g); /* a number that is likely to matter */
struct val gen_num(uint32_t max);
/* May r be written, with a number or with something else? */
bool gen_free_for(const struct gen *g, uint32_t r, bool number);
/* A register to be written; it may be none that is free: ask gen_free_for(). */
uint32_t gen_pick_dst(struct gen *g, bool number);
uint32_t gen_pick_other(struct gen *g, bool number, uint32_t a, uint32_t b); /* than a and b */
void gen_lost(struct gen *g); /* what a call takes: r1 to r5, and r0 is a number */
int gen_size_code(uint32_t size);
bool gen_is_mem(const struct val *v);
/* What is known where two ways meet. */
void gen_merge(struct view *a, const struct view *b);
uint32_t gen_fit_size(struct gen *g, int32_t room); /* of an access */
/* An offset for an access of @size into @room bytes: inside, at the edge more often than not. */
int32_t gen_fit_off(struct gen *g, int32_t room, uint32_t size);
bool gen_has_packet(const struct gen *g);
/* A register with a number, made when there is none. */
uint32_t gen_pick_num(struct gen *g);
/* A register with a pointer to memory, -1: there is none. */
int gen_pick_mem(struct gen *g, bool write);
void gen_new_number(struct gen *g, uint32_t dst);

/* gen_number.c: statements about numbers */
void gen_alu(struct gen *g);
/* x s>>= 63; x &= c: a number the walk takes apart in two. */
void gen_fork_scalar(struct gen *g);
/*
 * Bounds a number in r to [0, lim], in one of many ways. Jumps that leave the way of good numbers are added to @jumps.
 * Return: the bound that it really has.
 */
uint32_t gen_bound(struct gen *g, uint32_t r, uint32_t lim, uint32_t *jumps, uint32_t *n);

/*
 * gen_memory.c: statements about memory. gen_access_at: loads or stores somewhere in the @room bytes from @first on, counted from what @base points to.
 */
void gen_access_at(struct gen *g, uint32_t base, const struct val *v, int32_t first, int32_t room);
void gen_fixed_access(struct gen *g);
/* Through a pointer that a bounded number has moved. */
void gen_var_access(struct gen *g);
/* From here the spill slots are data. */
void gen_clear_spills(struct gen *g);
void gen_stack_ptr(struct gen *g);
void gen_spill_fill(struct gen *g);
void gen_copy_reg(struct gen *g);
void gen_atomic(struct gen *g);
/* data, data_end, the check, and what lies between. */
void gen_packet(struct gen *g);
/* A variable offset into the context: only programs with plain bytes for one. */
void gen_ctx_var(struct gen *g);

/* gen_call.c: statements that call helpers */
void gen_lookup(struct gen *g);
void gen_ring_record(struct gen *g);
void gen_helper(struct gen *g);

/* gen_flow.c: statements that hold others, or go elsewhere */
void gen_branch(struct gen *g);
void gen_loop(struct gen *g);
void gen_sub_call(struct gen *g);

/* gen.c: up to @n statements of all kinds. */
void gen_block(struct gen *g, uint32_t n);

#endif
