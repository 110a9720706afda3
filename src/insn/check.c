/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The shape of a program.
 *
 * Theory of operation
 *
 * Five passes, each linear in the number of slots and none recursive; each may rely
 * on what the passes before it have established:
 *
 *   slots       every slot decodes, wide immediates are complete, constants are sane
 *   functions   targets of calls and callbacks lie inside and on an instruction: the
 *               functions, which cut the program into consecutive ranges
 *   jumps       every jump stays within its function and lands on an instruction;
 *               every function's last instruction leaves it
 *   reach       a walk from instruction 0, and from a second entry if there is one, over jumps, calls and callbacks meets every
 *               instruction
 *   calls       the call graph has no cycle, and no chain longer than the engines' frames
 *
 * Invariants
 *  - Only marks[] remembers anything about slots: one byte each.
 *  - A slot is put on the walk's stack at most once, so the stack holds n entries.
 */
#include "insn/check.h"
#include "base/util.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum mark {
	MARK_SECOND = 1 << 0, /* second slot of a 64-bit immediate */
	MARK_START = 1 << 1, /* first instruction of a function */
	MARK_REACHED = 1 << 2,
};

struct check {
	const struct bpf_insn *insns;
	uint32_t n, flags;
	uint32_t entry; /* beside instruction 0; 0: none */
	uint8_t *marks;
	struct insn_shape *out;
};

/* refuse - note the instruction, the kind and the reason. Return: -EINVAL. */
static __attribute__((format(printf, 4, 5))) int refuse(struct check *c, uint32_t insn, enum insn_fault fault,
							const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->out->reason, sizeof(c->out->reason), fmt, ap);
	va_end(ap);
	c->out->insn = insn;
	c->out->fault = fault;
	return -EINVAL;
}

/* desc - the row of a slot that the first pass has accepted. */
static const struct insn_desc *desc(const struct check *c, uint32_t i)
{
	return c->flags & INSN_ALLOW_R10_WRITE ? insn_decode_any(&c->insns[i]) : insn_decode(&c->insns[i], NULL);
}

/* step - the slot after instruction @i. */
static uint32_t step(const struct check *c, uint32_t i)
{
	return i + (insn_is_wide(&c->insns[i]) ? 2 : 1);
}

/* callee - whether an instruction names a function (calls it or takes its address), and its distance. */
static bool callee(const struct insn_desc *d, const struct bpf_insn *insn, int32_t *dist)
{
	*dist = insn->imm;
	return d->op == INSN_CALL_SUBPROG || d->op == INSN_LD_FUNC;
}

/* is_jump - whether an instruction can continue at a distance: all with a jump field but calls. */
static bool is_jump(const struct insn_desc *d)
{
	return (d->off == FORM_JUMP || d->imm == FORM_JUMP) && d->op != INSN_CALL_SUBPROG;
}

/* falls_through - whether the next instruction can follow. */
static bool falls_through(const struct insn_desc *d)
{
	return d->op != INSN_EXIT && d->op != INSN_JA && d->op != INSN_GOTOL;
}

/* check_wide - the second slot of a 64-bit immediate. */
static int check_wide(struct check *c, uint32_t i, const struct insn_desc *d)
{
	const struct bpf_insn *second = &c->insns[i + 1];

	if (i + 1 >= c->n)
		return refuse(c, i, INSN_FAULT_WIDE, "64-bit immediate lacks its second slot: the program ends here");
	if (second->code || second->dst_reg || second->src_reg || second->off)
		return refuse(c, i, INSN_FAULT_WIDE,
			      "second slot of a 64-bit immediate must be zero but for its immediate");
	if ((d->op == INSN_LD_MAP_FD || d->op == INSN_LD_MAP_IDX) && second->imm)
		return refuse(c, i, INSN_FAULT_WIDE, "reference to a map must have 0 in its second slot, not %d",
			      second->imm);
	c->marks[i + 1] |= MARK_SECOND;
	return 0;
}

/* check_constant - shift counts and divisors that are known. */
static int check_constant(struct check *c, uint32_t i, const struct insn_desc *d)
{
	const struct bpf_insn *insn = &c->insns[i];
	uint8_t class = BPF_CLASS(d->code);

	if ((class != BPF_ALU && class != BPF_ALU64) || d->imm != FORM_IMM)
		return 0;
	switch (BPF_OP(d->code)) {
	case BPF_LSH:
	case BPF_RSH:
	case BPF_ARSH: {
		int32_t width = class == BPF_ALU64 ? 64 : 32;

		if (insn->imm < 0 || insn->imm >= width)
			return refuse(c, i, INSN_FAULT_MATH, "shift by %d: the count must be 0 to %d", insn->imm,
				      width - 1);
		return 0;
	}
	case BPF_DIV:
		return insn->imm ? 0 : refuse(c, i, INSN_FAULT_MATH, "division by zero");
	case BPF_MOD:
		return insn->imm ? 0 : refuse(c, i, INSN_FAULT_MATH, "modulo by zero");
	}
	return 0;
}

static int check_slots(struct check *c)
{
	int err = 0;

	for (uint32_t i = 0; i < c->n && !err; i = step(c, i)) {
		const struct insn_desc *d = desc(c, i);

		if (!d) {
			insn_explain(&c->insns[i], c->out->reason, sizeof(c->out->reason));
			c->out->insn = i;
			c->out->fault = INSN_FAULT_DECODE;
			return -EINVAL;
		}
		if (d->op == INSN_CALLX && !(c->flags & INSN_ALLOW_CALLX))
			return refuse(c, i, INSN_FAULT_CALLX, "callx: calls through a register are not allowed");
		if (insn_is_probe(&c->insns[i]) && !(c->flags & INSN_ALLOW_PROBES))
			return refuse(c, i, INSN_FAULT_DECODE, "unknown opcode 0x%02x", c->insns[i].code);
		if (insn_is_wide(&c->insns[i]))
			err = check_wide(c, i, d);
		else if (!(c->flags & INSN_ALLOW_RFC_MATH))
			err = check_constant(c, i, d);
	}
	return err;
}

/*
 * check_target - where a jump, call or callback leads.
 * @what:     "jump", "call" or "callback", for the reason
 * @lo, @hi:  first slot of the range that it must stay in, and the one after its last
 */
static int check_target(struct check *c, uint32_t i, const char *what, int64_t dist, uint32_t lo, uint32_t hi)
{
	int64_t to = (int64_t)i + 1 + dist;

	if (to < 0 || to >= c->n)
		return refuse(c, i, INSN_FAULT_OUTSIDE, "%s to %lld is outside of the program (0 to %u)", what,
			      (long long)to, c->n - 1);
	if (c->marks[to] & MARK_SECOND)
		return refuse(c, i, INSN_FAULT_OUTSIDE, "%s to %lld lands in the middle of a 64-bit immediate", what,
			      (long long)to);
	if (to < lo || to >= hi)
		return refuse(c, i, INSN_FAULT_LEAVES, "%s to %lld leaves its function (%u to %u)", what, (long long)to,
			      lo, hi - 1);
	return 0;
}

static int check_functions(struct check *c)
{
	uint32_t count = 1;

	c->marks[0] |= MARK_START;
	if (c->entry) {
		int err = check_target(c, 0, "entry", (int64_t)c->entry - 1, 0, c->n);

		if (err)
			return err;
		c->marks[c->entry] |= MARK_START;
		count++;
	}
	for (uint32_t i = 0; i < c->n; i = step(c, i)) {
		const struct insn_desc *d = desc(c, i);
		int32_t dist;

		if (!callee(d, &c->insns[i], &dist))
			continue;
		int err = check_target(c, i, d->op == INSN_LD_FUNC ? "callback" : "call", dist, 0, c->n);

		if (err)
			return err;
		uint8_t *mark = &c->marks[(int64_t)i + 1 + dist];

		count += !(*mark & MARK_START);
		*mark |= MARK_START;
		if (count > SKEP_MAX_SUBPROGS) {
			refuse(c, i, INSN_FAULT_FUNCTIONS, "more than %d functions", SKEP_MAX_SUBPROGS);
			return -E2BIG;
		}
	}
	c->out->subprogs = malloc(count * sizeof(*c->out->subprogs));
	if (!c->out->subprogs)
		return -ENOMEM;
	for (uint32_t i = 0; i < c->n; i++)
		if (c->marks[i] & MARK_START)
			c->out->subprogs[c->out->n_subprogs++] = i;
	return 0;
}

/* function_end - the slot after the last one of function number @f. */
static uint32_t function_end(const struct check *c, uint32_t f)
{
	return f + 1 < c->out->n_subprogs ? c->out->subprogs[f + 1] : c->n;
}

static int check_jumps(struct check *c)
{
	for (uint32_t f = 0; f < c->out->n_subprogs; f++) {
		uint32_t start = c->out->subprogs[f], end = function_end(c, f), last = start;

		for (uint32_t i = start; i < end; i = step(c, i)) {
			const struct insn_desc *d = desc(c, i);
			int err;

			last = i;
			if (!is_jump(d))
				continue;
			err = check_target(c, i, "jump", insn_jump_dist(d, &c->insns[i]), start, end);
			if (err)
				return err;
		}
		if (falls_through(desc(c, last)))
			return refuse(c, last, INSN_FAULT_END,
				      "function at %u must end in exit or an unconditional jump", start);
	}
	return 0;
}

static int check_reach(struct check *c)
{
	AUTO_FREE uint32_t *todo = malloc(c->n * sizeof(*todo));
	uint32_t n_todo = 0;

	if (!todo)
		return -ENOMEM;
	todo[n_todo++] = 0;
	c->marks[0] |= MARK_REACHED;
	if (c->entry) { /* n is at least 2 */
		todo[n_todo++] = c->entry;
		c->marks[c->entry] |= MARK_REACHED;
	}
	while (n_todo) {
		uint32_t i = todo[--n_todo], to[2], n_to = 0;
		const struct insn_desc *d = desc(c, i);
		int32_t dist;

		if (falls_through(d))
			to[n_to++] = step(c, i);
		if (is_jump(d))
			to[n_to++] = i + 1 + insn_jump_dist(d, &c->insns[i]);
		else if (callee(d, &c->insns[i], &dist))
			to[n_to++] = i + 1 + dist;
		while (n_to) {
			uint32_t t = to[--n_to];

			if (c->marks[t] & MARK_REACHED)
				continue;
			c->marks[t] |= MARK_REACHED;
			todo[n_todo++] = t;
		}
	}
	for (uint32_t i = 0; i < c->n; i = step(c, i))
		if (!(c->marks[i] & MARK_REACHED))
			return refuse(c, i, INSN_FAULT_UNREACHABLE, "unreachable instruction");
	return 0;
}

/* function_at - the number of the function that begins at a slot. */
static uint32_t function_at(const struct check *c, uint32_t start)
{
	uint32_t lo = 0, hi = c->out->n_subprogs - 1;

	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;

		if (c->out->subprogs[mid] < start)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void link_call(struct check *c, uint32_t insn)
{
	if (c->out->n_chain < ARRAY_SIZE(c->out->chain))
		c->out->chain[c->out->n_chain++] = insn;
}

/*
 * check_calls - depth first over the call graph. Each function's instructions are scanned once: a
 * function is left for its callee and resumed where it was.
 */
static int check_calls(struct check *c)
{
	struct {
		uint32_t next; /* where its scan goes on */
		uint32_t height; /* frames from here down, itself included; final once done */
		uint32_t via; /* the call that leads to so many */
		bool active, done;
	} fn[SKEP_MAX_SUBPROGS] = {};
	uint32_t path[SKEP_MAX_SUBPROGS]; /* no function is on it twice */

	for (uint32_t root = 0; root < c->out->n_subprogs; root++) {
		uint32_t depth = 0;

		if (fn[root].done)
			continue;
		path[depth++] = root;
		fn[root].next = c->out->subprogs[root];
		fn[root].height = 1;
		fn[root].active = true;
		while (depth) {
			uint32_t f = path[depth - 1], i = fn[f].next, g, first = depth - 1;
			int32_t dist;

			if (i >= function_end(c, f)) {
				fn[f].active = false;
				fn[f].done = true;
				depth--;
				continue;
			}
			const struct insn_desc *d = desc(c, i);

			if (!callee(d, &c->insns[i], &dist) ||
			    (d->op == INSN_LD_FUNC && (c->flags & INSN_LOOSE_CALLBACKS))) {
				fn[f].next = step(c, i);
				continue;
			}
			g = function_at(c, i + 1 + dist);
			if (fn[g].active) {
				/* The functions of the cycle are the last on the path; each stands at its call. */
				for (uint32_t k = depth; k-- > 0 && path[k] != g;)
					first = k - 1;
				for (uint32_t k = first; k < depth; k++)
					link_call(c, fn[path[k]].next);
				return refuse(c, i, INSN_FAULT_RECURSION,
					      "recursion: the function at %u calls itself%s", c->out->subprogs[g],
					      g == f ? "" : " through others");
			}
			if (!fn[g].done) { /* this call again once its height is known */
				path[depth++] = g;
				fn[g].next = c->out->subprogs[g];
				fn[g].height = 1;
				fn[g].active = true;
				continue;
			}
			if (fn[g].height + 1 > fn[f].height) {
				fn[f].height = fn[g].height + 1;
				fn[f].via = i;
			}
			if (fn[f].height > SKEP_MAX_CALL_FRAMES) {
				for (uint32_t k = f; fn[k].height > 1;) {
					link_call(c, fn[k].via);
					callee(desc(c, fn[k].via), &c->insns[fn[k].via], &dist);
					k = function_at(c, fn[k].via + 1 + dist);
				}
				return refuse(c, i, INSN_FAULT_DEPTH, "calls nest %u deep, at most %d are allowed",
					      fn[f].height, SKEP_MAX_CALL_FRAMES);
			}
			fn[f].next = step(c, i);
		}
	}
	return 0;
}

int insn_check(const struct bpf_insn *insns, uint32_t n, uint32_t flags, struct insn_shape *out)
{
	return insn_check_entry(insns, n, flags, 0, out);
}

int insn_check_entry(const struct bpf_insn *insns, uint32_t n, uint32_t flags, uint32_t entry, struct insn_shape *out)
{
	*out = (struct insn_shape){};
	struct check c = {.insns = insns, .n = n, .flags = flags, .entry = entry, .out = out};

	if (n == 0 || n > SKEP_MAX_INSNS) {
		refuse(&c, 0, INSN_FAULT_SIZE, "program has %u instructions; 1 to %d are possible", n, SKEP_MAX_INSNS);
		return -E2BIG;
	}
	AUTO_FREE uint8_t *marks = calloc(n, 1);

	if (!marks)
		return -ENOMEM;
	c.marks = marks;
	int err = check_slots(&c);

	if (!err)
		err = check_functions(&c);
	if (!err)
		err = check_jumps(&c);
	if (!err && !(flags & INSN_ALLOW_UNREACHABLE))
		err = check_reach(&c);
	if (!err)
		err = check_calls(&c);
	if (err)
		insn_shape_free(out);
	return err;
}

void insn_shape_free(struct insn_shape *shape)
{
	free(shape->subprogs);
	shape->subprogs = NULL;
	shape->n_subprogs = 0;
}
