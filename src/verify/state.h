/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The abstract machine: registers, stack slots, frames and states.
 *
 * Theory of operation
 *
 * A state stands for every concrete machine state that can be at one instruction along the paths that led to it. It has up
 * to eight frames (the call chain); a frame has eleven registers and a stack of up to 64 slots of 8 bytes; beside them stands what
 * the program holds: references, locks, RCU and preempt sections.
 *
 * A register is a scalar or a pointer. A pointer is type + flags, an identity (which map, which BTF type, which frame, how many bytes), a constant
 * offset (off) and a variable one (var). Registers with equal, non-zero id are linked: scalars of one value (or a constant apart:
 * ID_ADD_CONST, off is the distance), or pointers of one origin, so that what a branch shows of one holds for all.
 *
 * Stacks are shared between states and copied on the first write (stack_mut()): a checkpoint costs no stack copy as long as nobody
 * writes. Precision marks ("this scalar's value mattered, so prune only against states that have no others") are bit masks of the
 * frame, not of registers or slots, for the same reason.
 *
 * Invariants
 *  - Every change of a stack goes through stack_mut().
 *  - Slot n is bytes [-8(n+1), -8n) from the frame pointer; kind[7] tells of the byte at the lowest address, kind[0] of the highest.
 *  - A slot whose kind[7] is SLOT_SPILL holds a register in reg; only when kind[0] is SLOT_SPILL too was it spilled whole.
 *  - refs are in order of acquisition.
 */
#ifndef SKEP_VERIFY_STATE_H
#define SKEP_VERIFY_STATE_H

#include "verify/scalar.h"
#include "verify/verify.h"

enum reg_type {
	REG_NOT_INIT,
	REG_SCALAR,
	REG_CTX,
	REG_MAP_PTR, /* a map itself */
	REG_MAP_VALUE,
	REG_MAP_KEY, /* of a callback of bpf_for_each_map_elem() */
	REG_STACK,
	REG_PKT_META,
	REG_PKT,
	REG_PKT_END,
	REG_FLOW_KEYS,
	REG_SOCKET,
	REG_SOCK_COMMON,
	REG_TCP_SOCK,
	REG_TP_BUFFER,
	REG_XDP_SOCK,
	REG_BTF, /* a kernel (or allocated) object of BTF type btf:btf_id */
	REG_MEM, /* mem_size bytes */
	REG_ARENA,
	REG_BUF, /* of an iterator */
	REG_FUNC,
	REG_DYNPTR, /* a dynptr handed to a callback or global function */
	REG_TYPE_COUNT,
};

/* Flags beside the type. */
enum reg_flags {
	PTR_NULL = 1 << 8, /* may be NULL */
	MEM_RDONLY = 1 << 9,
	MEM_RINGBUF = 1 << 10, /* a ring buffer's record */
	MEM_USER = 1 << 11,
	MEM_PERCPU = 1 << 12,
	PTR_UNTRUSTED = 1 << 13,
	MEM_ALLOC = 1 << 14, /* bpf_obj_new() and kptrs of program types */
	PTR_TRUSTED = 1 << 15,
	MEM_RCU = 1 << 16,
	NON_OWN_REF = 1 << 17,
	DYNPTR_LOCAL = 1 << 18,
	DYNPTR_RINGBUF = 1 << 19,
	DYNPTR_SKB = 1 << 20,
	DYNPTR_XDP = 1 << 21,
	DYNPTR_SKB_META = 1 << 22,
	DYNPTR_FILE = 1 << 23,
};
#define REG_BASE(t) ((t)&0xff)

enum { ID_ADD_CONST = 1u << 31, ID_ADD_CONST32 = 1u << 30 };
enum { PKT_AT_END = -1, PKT_BEYOND_END = -2 }; /* reg.range of a packet pointer */

enum dynptr_kind {
	DYNPTR_KIND_NONE,
	DYNPTR_KIND_LOCAL,
	DYNPTR_KIND_RINGBUF,
	DYNPTR_KIND_SKB,
	DYNPTR_KIND_XDP,
	DYNPTR_KIND_SKB_META,
	DYNPTR_KIND_FILE
};
enum iter_state { ITER_NONE, ITER_ACTIVE, ITER_DRAINED };

struct reg {
	/* What must be equal for two pointers to be of one kind: compared as a whole (reg_same_identity()). */
	uint32_t type; /* enum reg_type | enum reg_flags */
	int32_t off; /* constant offset; of a scalar with ID_ADD_CONST: its distance */
	union {
		struct {
			const struct verify_map *map;
			uint32_t map_uid; /* which inner map: set by the look-up that gave it */
		};
		struct {
			const struct btf *btf;
			uint32_t btf_id;
		};
		struct {
			uint32_t mem_size;
			uint32_t dynptr_id; /* the dynptr that a slice belongs to */
		};
		struct {
			uint8_t dynptr; /* enum dynptr_kind */
			bool first_slot;
		};
		struct { /* first slot of an open-coded iterator */
			const struct btf *iter_btf;
			uint32_t iter_btf_id;
			uint8_t iter_state; /* enum iter_state */
			uint32_t iter_depth : 24;
		};
		struct {
			uint32_t irq_class; /* 0: bpf_local_irq_save(), 1: a lock's */
		};
		int32_t range; /* packet pointers: bytes from the pointer's base known to be there */
		uint32_t subprog; /* REG_FUNC */
		uint64_t raw[2];
	};
	struct scalar var; /* a scalar's value, a pointer's variable offset */
	uint32_t id;
	uint32_t ref_id; /* the reference that this pointer holds or belongs to */
	uint8_t frame; /* REG_STACK: whose */
	bool zext_pending; /* defined by the 32-bit instruction def: its upper half was not looked at yet */
	uint32_t def; /* that instruction */
};

enum slot_kind { SLOT_INVALID, SLOT_SPILL, SLOT_MISC, SLOT_ZERO, SLOT_DYNPTR, SLOT_ITER, SLOT_IRQ };

struct slot {
	uint8_t kind[8];
	struct reg reg;
};

struct stack {
	uint32_t shares;
	uint32_t n; /* slots in use */
	uint32_t room;
	struct slot slots[];
};

enum { MAX_SLOTS = 64, MAX_STACK = 512, MAX_FRAMES = SKEP_MAX_CALL_FRAMES };

struct ret_range {
	int32_t min, max;
	bool checked;
};

struct frame {
	struct reg regs[11];
	struct stack *stack; /* NULL: no slot used */
	uint64_t precise_slots; /* bit n: the scalar spilled whole in slot n */
	uint32_t precise_regs;
	uint32_t callsite; /* instruction of the call; NO_CALLSITE for the main function */
	uint32_t frameno, subprog;
	uint32_t async_entries; /* how often an asynchronous callback was entered on this path */
	uint32_t callback_depth; /* iterations of the callback simulated so far */
	struct ret_range callback_ret;
	bool in_callback, in_async_callback, in_exception_callback;
};
enum { NO_CALLSITE = ~0u };

enum ref_kind { REF_PTR = 1, REF_LOCK, REF_RES_LOCK, REF_RES_LOCK_IRQ, REF_IRQ };

struct ref {
	uint8_t kind; /* enum ref_kind */
	uint32_t id;
	uint32_t insn; /* where it was taken */
	const void *ptr; /* of a lock: the map or BTF that it lies in */
	uint32_t lock_id; /* of a lock: the id of the pointer to it */
};

/* Instructions whose predecessor is not the one before, or that did what backtracking must know. */
enum { HIST_STACK = 1 << 0, HIST_DST_STACK = 1 << 1, HIST_SRC_STACK = 1 << 2 };
struct linked { /* up to 6 registers or slots that gained a range at a branch */
	uint8_t n;
	struct {
		uint8_t frame;
		uint8_t is_reg : 1, at : 7; /* register or slot number */
	} of[6];
};
struct hist {
	uint32_t insn, prev;
	uint8_t flags;
	uint8_t frame, slot; /* HIST_STACK: which slot was read or written */
	struct linked linked;
};

struct state {
	struct frame *frames[MAX_FRAMES];
	uint32_t curframe;
	uint32_t insn; /* where it stands */
	uint32_t first_insn, last_insn; /* of the straight stretch from the parent to this state's child */
	uint32_t branches; /* paths from here that are not yet at their end */
	uint32_t refs_held; /* who still needs it: the cache, its children, back edges (prune.c) */
	struct state *parent;
	struct hist *hist; /* of the stretch, oldest first */
	uint32_t n_hist, room_hist;
	struct ref *refs;
	uint32_t n_refs, room_refs;
	uint32_t n_locks, lock_id; /* held; id of the last one */
	const void *lock_ptr;
	uint32_t rcu_depth, preempt_depth; /* nested sections */
	uint32_t irq_id; /* of the last saved irq flags; 0: interrupts are on */
	bool sleepable; /* the code here may sleep */
	bool speculative; /* only a misprediction leads here (spectre.c) */
	uint32_t callback_unroll, may_goto_depth;
	uint32_t dfs_depth;
	/*
	 * Stack slots of each frame: read on some path from here before they are overwritten; and overwritten whole in
	 * the stretch from the parent to here (prune.c).
	 */
	uint64_t live_slots[MAX_FRAMES], written_slots[MAX_FRAMES];
};

#endif
