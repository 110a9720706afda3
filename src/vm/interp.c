/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interpreter: the specification that the JIT is held to.
 *
 * Theory of operation
 *
 * A prepared program (prepare.c) is an array of 16-byte slots, each with the
 * address of its handler. A handler does its work and jumps to the next slot's
 * handler itself (direct threading), so the processor predicts each jump by where
 * it stands. Handlers are labels in one function, interpret(); the opcode table
 * names all of them in its label array, so an operation without a handler does not
 * compile.
 *
 * One invocation of interpret() runs one chain of frames: a call of a BPF function
 * pushes a frame, EXIT pops one and leaves when none is left. Its stacks are on the
 * C stack, 512 bytes each; nothing is allocated while a program runs. A helper that
 * calls back comes in through env->callback, which is a fresh invocation on the
 * same environment; env->depth counts the frames of all of them.
 *
 * A run ends early (a missing helper, too deep a chain) by setting env->fault:
 * every invocation looks at it after each call of a helper and leaves at once, and a
 * callback that finds it set says "stop" (1). A legacy packet load beyond the packet
 * ends its function only, which then returns 0.
 *
 * Semantics are those of RFC 9669: division by zero gives 0, modulo by zero leaves
 * the destination, the smallest number divided by -1 is itself, shift counts are
 * masked, 32-bit operations clear the upper half.
 *
 * Invariants
 *  - Nothing here checks a program's memory accesses: only verified code may run.
 *  - r10 is the end of the frame's own stack and is written by calls and exits only.
 */
#include "vm/internal.h"
#include "base/util.h"
#include "map/map.h"

#include <endian.h>
#include <string.h>

enum {
	N_REGS = 11,
	STACK_WORDS = SKEP_MAX_STACK / 8,
};

/* What a call of a BPF function saves. */
struct frame {
	const struct vm_insn *ret; /* where the caller goes on */
	uint64_t r6_to_r10[5];
};

/* end_run - make every invocation of interpret() on this environment leave. Return: the run's result. */
static uint64_t end_run(struct skep_env *env, enum skep_fault fault)
{
	env->fault = fault;
	return 0;
}

/*
 * tail_target - the program that a tail call goes to.
 * @map:    a prog array
 * Return: its first slot, or NULL when there is none to go to: the caller goes on.
 */
static const struct vm_insn *tail_target(const struct skep_map *map, uint32_t index, struct skep_env *env)
{
	const struct skep_target *to;

	if (index >= map->max_entries || env->tail_calls >= SKEP_MAX_TAIL_CALLS)
		return NULL;
	to = atomic_load_explicit(&map->objs[index], memory_order_acquire);
	if (!to || !to->vm)
		return NULL;
	env->tail_calls++;
	return to->vm->insns;
}

/* Memory as programs see it: any alignment, host byte order. */
#define LOAD(type, addr)                                                                                               \
	({                                                                                                             \
		type v_;                                                                                               \
		memcpy(&v_, (const void *)(uintptr_t)(addr), sizeof(v_));                                              \
		v_;                                                                                                    \
	})
#define STORE(type, addr, value)                                                                                       \
	({                                                                                                             \
		type v_ = (type)(value);                                                                               \
		memcpy((void *)(uintptr_t)(addr), &v_, sizeof(v_));                                                    \
	})

/*
 * interpret - run one chain of frames.
 * @ip:    where to begin; NULL only asks for the handlers
 * @args:  r1 to r5
 * @out:   where the handlers' addresses go when @ip is NULL
 * Return: r0 at the last exit; 0 when the run ended early.
 *
 * Never inlined or cloned: the labels exist once.
 */
static __attribute__((noinline, noclone)) uint64_t interpret(const struct vm_insn *ip, const uint64_t args[5],
							     struct skep_env *env, const void *const **out)
{
	static const void *const labels[VM_HANDLERS] = {
#define X(op, code, dst, src, off, imm, isa, sym) [INSN_##op] = &&op_##op,
		INSN_TABLE(X)
#undef X
			[VM_TAIL_CALL] = &&op_tail_call,
		[VM_NO_HELPER] = &&op_no_helper,
	};

	if (!ip) {
		*out = labels;
		return 0;
	}

	struct frame frames[SKEP_MAX_CALL_FRAMES], *frame = frames;
	uint64_t stacks[SKEP_MAX_CALL_FRAMES][STACK_WORDS];
	uint64_t r[N_REGS];
	uint64_t packet_value;

	memset(r, 0, sizeof(r));
	memcpy(&r[1], args, 5 * sizeof(r[0]));
	r[10] = (uintptr_t)stacks[1];

#define DST r[ip->dst]
#define SRC r[ip->src]
#define GO  goto * ip->handler
#define NEXT                                                                                                           \
	do {                                                                                                           \
		ip++;                                                                                                  \
		GO;                                                                                                    \
	} while (0)
	GO;

	/*
	 * Arithmetic: d and s are the operands as U, the operation's unsigned type; S is the signed
	 * one. An immediate is sign-extended to U (RFC 9669 section 4.1).
	 */
#define ALU_OP(label, utype, stype, operand, expr)                                                                     \
	op_##label:                                                                                                    \
	{                                                                                                              \
		typedef utype U __attribute__((unused));                                                               \
		typedef stype S __attribute__((unused));                                                               \
		const U d = (U)DST, s = (U)(operand);                                                                  \
		(void)d;                                                                                               \
		DST = (U)(expr);                                                                                       \
		NEXT;                                                                                                  \
	}
#define ALU(name, expr)                                                                                                \
	ALU_OP(name##64_K, uint64_t, int64_t, ip->imm, expr)                                                           \
	ALU_OP(name##64_X, uint64_t, int64_t, SRC, expr)                                                               \
	ALU_OP(name##32_K, uint32_t, int32_t, ip->imm, expr)                                                           \
	ALU_OP(name##32_X, uint32_t, int32_t, SRC, expr)
#define SHIFT(s) ((s) & (sizeof(U) * 8 - 1))

	ALU(ADD, d + s)
	ALU(SUB, d - s)
	ALU(MUL, d * s)
	ALU(DIV, s ? d / s : 0)
	ALU(SDIV, s == 0 ? 0 : s == (U)-1 ? 0 - d : (U)((S)d / (S)s))
	ALU(MOD, s ? d % s : d)
	ALU(SMOD, s == 0 ? d : s == (U)-1 ? 0 : (U)((S)d % (S)s))
	ALU(OR, d | s)
	ALU(AND, d & s)
	ALU(XOR, d ^ s)
	ALU(LSH, d << SHIFT(s))
	ALU(RSH, d >> SHIFT(s))
	ALU(ARSH, (S)d >> SHIFT(s))
	ALU(MOV, s)

	ALU_OP(MOVSX64_8, uint64_t, int64_t, SRC, (S)(int8_t)s)
	ALU_OP(MOVSX64_16, uint64_t, int64_t, SRC, (S)(int16_t)s)
	ALU_OP(MOVSX64_32, uint64_t, int64_t, SRC, (S)(int32_t)s)
	ALU_OP(MOVSX32_8, uint32_t, int32_t, SRC, (S)(int8_t)s)
	ALU_OP(MOVSX32_16, uint32_t, int32_t, SRC, (S)(int16_t)s)
	ALU_OP(NEG64, uint64_t, int64_t, DST, 0 - s)
	ALU_OP(NEG32, uint32_t, int32_t, DST, 0 - s)

	ALU_OP(LE16, uint16_t, int16_t, DST, htole16(s))
	ALU_OP(LE32, uint32_t, int32_t, DST, htole32(s))
	ALU_OP(LE64, uint64_t, int64_t, DST, htole64(s))
	ALU_OP(BE16, uint16_t, int16_t, DST, htobe16(s))
	ALU_OP(BE32, uint32_t, int32_t, DST, htobe32(s))
	ALU_OP(BE64, uint64_t, int64_t, DST, htobe64(s))
	ALU_OP(BSWAP16, uint16_t, int16_t, DST, __builtin_bswap16(s))
	ALU_OP(BSWAP32, uint32_t, int32_t, DST, __builtin_bswap32(s))
	ALU_OP(BSWAP64, uint64_t, int64_t, DST, __builtin_bswap64(s))

	/* Conditional jumps (RFC 9669 section 4.3): both ways end in a jump of their own. */
#define JMP_OP(label, utype, stype, operand, cond)                                                                     \
	op_##label:                                                                                                    \
	{                                                                                                              \
		typedef utype U __attribute__((unused));                                                               \
		typedef stype S __attribute__((unused));                                                               \
		const U d = (U)DST, s = (U)(operand);                                                                  \
		if (cond) {                                                                                            \
			ip += ip->off + 1;                                                                             \
			GO;                                                                                            \
		}                                                                                                      \
		NEXT;                                                                                                  \
	}
#define JMP(name, cond)                                                                                                \
	JMP_OP(name##64_K, uint64_t, int64_t, ip->imm, cond)                                                           \
	JMP_OP(name##64_X, uint64_t, int64_t, SRC, cond)                                                               \
	JMP_OP(name##32_K, uint32_t, int32_t, ip->imm, cond)                                                           \
	JMP_OP(name##32_X, uint32_t, int32_t, SRC, cond)

	JMP(JEQ, d == s)
	JMP(JNE, d != s)
	JMP(JGT, d > s)
	JMP(JGE, d >= s)
	JMP(JLT, d < s)
	JMP(JLE, d <= s)
	JMP(JSGT, (S)d > (S)s)
	JMP(JSGE, (S)d >= (S)s)
	JMP(JSLT, (S)d < (S)s)
	JMP(JSLE, (S)d <= (S)s)
	JMP(JSET, (d & s) != 0)

op_JA:
op_GOTOL:
	ip = ip->target;
	GO;

op_MAY_GOTO:
	if (unlikely(!env->loop_budget)) {
		ip += ip->off + 1;
		GO;
	}
	env->loop_budget--;
	NEXT;

	/* Loads and stores (RFC 9669 sections 5.1, 5.2). */
#define LDX(label, type)                                                                                               \
	op_##label : DST = (uint64_t)LOAD(type, SRC + (uint64_t)ip->off);                                              \
	NEXT;
#define ST(size, type)                                                                                                 \
	op_ST##size : STORE(type, DST + (uint64_t)ip->off, (int64_t)ip->imm);                                          \
	NEXT;                                                                                                          \
	op_STX##size : STORE(type, DST + (uint64_t)ip->off, SRC);                                                      \
	NEXT;

	LDX(LDXB, uint8_t)
	LDX(LDXH, uint16_t)
	LDX(LDXW, uint32_t)
	LDX(LDXDW, uint64_t)
	LDX(LDXSB, int8_t)
	LDX(LDXSH, int16_t)
	LDX(LDXSW, int32_t)
	/* Loads through kernel pointers. */
#define PROBE(label, how)                                                                                              \
	op_##label : DST = env_probe(env, SRC + (uint64_t)ip->off, how);                                               \
	NEXT;

	PROBE(PROBEB, 1)
	PROBE(PROBEH, 2)
	PROBE(PROBEW, 4)
	PROBE(PROBEDW, 8)
	PROBE(PROBESB, 1 | ENV_PROBE_SIGN)
	PROBE(PROBESH, 2 | ENV_PROBE_SIGN)
	PROBE(PROBESW, 4 | ENV_PROBE_SIGN)
	ST(B, uint8_t)
	ST(H, uint16_t)
	ST(W, uint32_t)
	ST(DW, uint64_t)

	/* Atomics (RFC 9669 section 5.3). Their addresses are naturally aligned in verified code. */
#define ADDR(type, base) ((type *)(uintptr_t)((base) + (uint64_t)ip->off))
#define ATOMIC(name, bits, builtin)                                                                                    \
	op_ATOMIC_##name##bits : (void)builtin(ADDR(uint##bits##_t, DST), (uint##bits##_t)SRC, __ATOMIC_SEQ_CST);      \
	NEXT;                                                                                                          \
	op_FETCH_##name##bits : SRC = builtin(ADDR(uint##bits##_t, DST), (uint##bits##_t)SRC, __ATOMIC_SEQ_CST);       \
	NEXT;
#define ATOMICS(bits)                                                                                                  \
	ATOMIC(ADD, bits, __atomic_fetch_add)                                                                          \
	ATOMIC(OR, bits, __atomic_fetch_or)                                                                            \
	ATOMIC(AND, bits, __atomic_fetch_and)                                                                          \
	ATOMIC(XOR, bits, __atomic_fetch_xor)                                                                          \
	op_XCHG##bits : SRC = __atomic_exchange_n(ADDR(uint##bits##_t, DST), (uint##bits##_t)SRC, __ATOMIC_SEQ_CST);   \
	NEXT;                                                                                                          \
	op_CMPXCHG##bits:                                                                                              \
	{                                                                                                              \
		uint##bits##_t old = (uint##bits##_t)r[0];                                                             \
                                                                                                                       \
		__atomic_compare_exchange_n(ADDR(uint##bits##_t, DST), &old, (uint##bits##_t)SRC, false,               \
					    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);                                       \
		r[0] = old;                                                                                            \
		NEXT;                                                                                                  \
	}
	ATOMICS(32)
	ATOMICS(64)

#define ORDERED(size, type)                                                                                            \
	op_LDACQ##size : DST = __atomic_load_n(ADDR(type, SRC), __ATOMIC_ACQUIRE);                                     \
	NEXT;                                                                                                          \
	op_STREL##size : __atomic_store_n(ADDR(type, DST), (type)SRC, __ATOMIC_RELEASE);                               \
	NEXT;

	ORDERED(B, uint8_t)
	ORDERED(H, uint16_t)
	ORDERED(W, uint32_t)
	ORDERED(DW, uint64_t)

	/* 64-bit immediates: prepare.c put the value, whatever it denotes, into the second slot. */
op_LDIMM64:
op_LD_MAP_FD:
op_LD_MAP_VALUE:
op_LD_VAR:
op_LD_FUNC:
op_LD_MAP_IDX:
op_LD_MAP_IDX_VALUE:
	DST = ip[1].value;
	ip += 2;
	GO;

	/* Legacy packet access (RFC 9669 section 5.5). */
#define PACKET_LOAD(offset, bytes)                                                                                     \
	{                                                                                                              \
		if (unlikely(!packet_load(env, (int32_t)(offset), bytes, &packet_value)))                              \
			goto no_packet;                                                                                \
		r[0] = packet_value;                                                                                   \
		NEXT;                                                                                                  \
	}
#define LEGACY(size, bytes)                                                                                            \
	op_LDABS##size : PACKET_LOAD(ip->imm, bytes) op_LDIND##size                                                    \
	    : PACKET_LOAD((uint32_t)SRC + (uint32_t)ip->imm, bytes)

	LEGACY(B, 1)
	LEGACY(H, 2)
	LEGACY(W, 4)

	/* Calls. */
op_CALL_HELPER:
op_CALL_KFUNC:
	r[0] = ip->fn(r[1], r[2], r[3], r[4], r[5], env);
	if (unlikely(env->fault))
		return 0;
	NEXT;

op_CALLX : {
	const struct vm_prog *prog = ip[ip->imm].prog;
	uint64_t id = DST;

	if (id >= prog->n_helpers || !prog->helpers[id])
		return end_run(env, FAULT_NO_HELPER);
	r[0] = prog->helpers[id](r[1], r[2], r[3], r[4], r[5], env);
	if (unlikely(env->fault))
		return 0;
	NEXT;
}

op_no_helper:
	return end_run(env, FAULT_NO_HELPER);

op_tail_call : {
	const struct vm_insn *to = tail_target((const struct skep_map *)(uintptr_t)r[2], (uint32_t)r[3], env);

	if (to) {
		ip = to;
		GO;
	}
	NEXT;
}

op_CALL_SUBPROG:
	/* Each tail call brings a program that may be SKEP_MAX_CALL_FRAMES deep by itself, above frames that wait. */
	if (unlikely(env->depth >= SKEP_MAX_CALL_FRAMES * (1 + env->tail_calls)))
		return end_run(env, FAULT_DEPTH);
	env->depth++;
	if (unlikely(frame == &frames[SKEP_MAX_CALL_FRAMES - 1])) {
		r[0] = interpret(ip->target, &r[1], env, NULL);
		env->depth--;
		if (unlikely(env->fault))
			return 0;
		NEXT;
	}
	frame->ret = ip + 1;
	memcpy(frame->r6_to_r10, &r[6], sizeof(frame->r6_to_r10));
	frame++;
	r[10] = (uintptr_t)stacks[frame - frames] + SKEP_MAX_STACK;
	ip = ip->target;
	GO;

no_packet:
	r[0] = 0;
op_EXIT:
	if (frame == frames)
		return r[0];
	env->depth--;
	frame--;
	memcpy(&r[6], frame->r6_to_r10, sizeof(frame->r6_to_r10));
	ip = frame->ret;
	GO;
}

const void *const *vm_handlers(void)
{
	const void *const *labels = NULL;

	interpret(NULL, NULL, NULL, &labels);
	return labels;
}

/*
 * callback - env->callback: run a BPF function for a helper.
 * @fn:  what LD_FUNC gave: the address of the function's first slot
 */
static uint64_t callback(struct skep_env *env, uint64_t fn, uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4,
			 uint64_t r5)
{
	const uint64_t args[5] = {r1, r2, r3, r4, r5};
	uint64_t ret;

	if (!env->fault && env->depth >= SKEP_MAX_CALL_FRAMES * (1 + env->tail_calls))
		end_run(env, FAULT_DEPTH);
	if (env->fault)
		return 1;
	env->depth++;
	ret = interpret((const struct vm_insn *)(uintptr_t)fn, args, env, NULL);
	env->depth--;
	return env->fault ? 1 : ret;
}

uint64_t vm_run_args(const struct vm_prog *prog, const uint64_t args[5], struct skep_env *env)
{
	env->tail_calls = 0;
	env->fault = FAULT_NONE;
	env->loop_budget = SKEP_MAY_GOTO_BUDGET;
	env->callback = callback;
	env->depth = 1;
	return interpret(prog->insns, args, env, NULL);
}

uint64_t vm_run(const struct vm_prog *prog, void *ctx, struct skep_env *env)
{
	return vm_run_args(prog, (const uint64_t[5]){(uintptr_t)ctx}, env);
}
