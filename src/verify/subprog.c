/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Functions: calls, callbacks, returns, and the depth of the stack that they add up to.
 *
 * A static function is walked anew at every call, in a frame of its own. A global one is verified once, with arguments that are all that its BTF
 * type promises; its callers need only keep that promise. A callback of a helper is one more path from the call: the frame of the callback returns to the call
 * itself, which is walked again until a cached state covers it. Asynchronous callbacks (timers, work queues) start with a stack of their own.
 */
#include "base/util.h"
#include "prog/rules.h"
#include "verify/call.h"

#include <bpf/btf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ENOTSUPP_KERNEL = 524 };

const char *sub_name(const struct verifier *v, uint32_t subprog)
{
	return v->subprogs[subprog].name;
}

static void clobber(struct reg *regs)
{
	for (unsigned int i = BPF_REG_0; i <= BPF_REG_5; i++)
		reg_uninit(&regs[i]);
}

static int push_frame(struct verifier *v, struct state *s, uint32_t callsite, uint32_t subprog, struct frame **out)
{
	struct frame *f;

	if (s->curframe + 1 >= MAX_FRAMES)
		return refuse(v, -E2BIG, PROBLEM_STACK_DEPTH, "the call stack of %u frames is too deep",
			      s->curframe + 2);
	f = frame_new(v, callsite, s->curframe + 1, subprog);
	if (!f)
		return -ENOMEM;
	s->frames[++s->curframe] = f;
	/* Nothing of this stack was there before this stretch. */
	s->written_slots[s->curframe] = ~0ull;
	log_all_touched(v);
	*out = f;
	return 0;
}

/* Arguments of a global function, as its caller passes them. */
int check_sub_args(struct verifier *v, uint32_t subprog, struct reg *regs)
{
	struct subprog *sub = &v->subprogs[subprog];
	int err = sub_args(v, subprog);

	if (err)
		return err;
	for (uint32_t i = 0; i < sub->n_args; i++) {
		const struct sub_arg *a = &sub->args[i];
		struct reg *r = &regs[i + 1];
		uint32_t regno = i + 1;

		err = 0;
		v->blamed = (int)regno;
		switch (a->kind) {
		case SUB_ARG_SCALAR:
			if (r->type != REG_SCALAR)
				return refuse(v, -EINVAL, PROBLEM_ARG_TYPE, "R%u is not a scalar", regno);
			break;
		case SUB_ARG_CTX:
			if (r->type != REG_CTX)
				return refuse(v, -EINVAL, PROBLEM_ARG_TYPE, "arg#%u expects pointer to ctx", i);
			err = check_ptr_offset(v, r, regno, false);
			break;
		case SUB_ARG_MEM:
			if (a->flags & PTR_UNTRUSTED)
				break;
			err = check_mem_fixed(v, regno, a->mem_size);
			if (!err && !(a->flags & PTR_NULL) && ((r->type & PTR_NULL) || reg_is_null(r)))
				return refuse(v, -EINVAL, PROBLEM_NULL_ARG, "arg#%u is expected to be non-NULL", i);
			break;
		case SUB_ARG_ARENA:
			if (r->type != REG_ARENA && r->type != REG_SCALAR)
				return refuse(v, -EINVAL, PROBLEM_ARG_TYPE, "R%u is not a pointer to arena or scalar.",
					      regno);
			break;
		case SUB_ARG_DYNPTR:
			err = check_dynptr_arg(v, regno);
			break;
		case SUB_ARG_BTF:
			if ((a->flags & PTR_UNTRUSTED) || (reg_is_null(r) && (a->flags & PTR_NULL)))
				break;
			err = check_btf_arg(v, regno, a->btf, a->btf_id, a->flags);
			break;
		default:
			/* Not reached: sub_args() gives no other kinds */
			return refuse(v, -EINVAL, PROBLEM_NOT_SUPPORTED,
				      "arg#%u of '%s' is of a kind that skep does not know", i, sub->name);
		}
		if (err)
			return a->kind == SUB_ARG_MEM && err != -ENOMEM ? -EINVAL : err;
	}
	return 0;
}

static int call_global(struct verifier *v, uint32_t subprog)
{
	struct subprog *sub = &v->subprogs[subprog];
	struct reg *regs = cur_regs(v);
	int err;

	if (v->cur->n_locks)
		return refuse(
			v, -EINVAL, PROBLEM_LOCK,
			"global function calls are not allowed while holding a lock, use static function instead");
	if (sub->might_sleep && (v->cur->rcu_depth || v->cur->preempt_depth || v->cur->irq_id || !in_sleepable(v)))
		return refuse(
			v, -EINVAL, PROBLEM_SLEEP,
			"global function '%s' may sleep, and is called where the program may not: in an RCU, IRQ or "
			"preempt-disabled section, or in a non-sleepable program",
			sub->name);
	err = check_sub_args(v, subprog, regs);
	if (err) {
		/* Not a rule: the argument was refused already; this is the kernel's second line about it */
		refuse(v, err, PROBLEM_ARG_TYPE, "Caller passes invalid args into func#%u ('%s')", subprog, sub->name);
		return err;
	}
	vlog(v, "Func#%u ('%s') is global and assumed valid.\n", subprog, sub->name);
	if (sub->changes_packet)
		forget_packet_pointers(v);
	sub->called = true;
	clobber(regs);
	reg_unknown(&regs[BPF_REG_0]);
	v->touched_regs |= 0x3f;
	return 0;
}

int check_sub_call(struct verifier *v, const struct bpf_insn *insn, uint32_t *next)
{
	int32_t subprog = subprog_find(v, (uint32_t)((int64_t)v->insn + insn->imm + 1));
	struct frame *caller = cur_frame(v), *callee = NULL;
	int err;

	/* Not reached: insn_check() has made every target of a call the beginning of a function */
	if (subprog < 0)
		return refuse(v, -EFAULT, PROBLEM_SHAPE, "no function begins where instruction %u calls", v->insn);
	if (v->subprogs[subprog].global)
		return call_global(v, (uint32_t)subprog);
	err = push_frame(v, v->cur, v->insn, (uint32_t)subprog, &callee);
	if (err || !callee)
		return err ? err : -ENOMEM;
	for (unsigned int i = BPF_REG_1; i <= BPF_REG_5; i++)
		callee->regs[i] = caller->regs[i];
	clobber(caller->regs);
	*next = v->subprogs[subprog].start;
	if (v->log_level & 3) {
		vlog(v, "caller:\n");
		log_state(v, v->cur, caller->frameno, true);
		vlog(v, "callee:\n");
		log_state(v, v->cur, callee->frameno, true);
	}
	return 0;
}

int push_callback(struct verifier *v, const struct bpf_insn *insn, uint32_t at, uint32_t subprog, callee_setup setup,
		  bool async, bool sleepable)
{
	struct frame *caller = cur_frame(v), *callee = NULL;
	struct state *s;
	int err;

	(void)insn;
	v->subprogs[subprog].is_callback = true;
	err = push_path(v, v->subprogs[subprog].start, at, &s);
	if (err)
		return err;
	if (async) {
		v->subprogs[subprog].is_async_callback = true;
		err = state_restart(v, s, subprog);
		if (err)
			return err;
		s->sleepable = sleepable;
		log_all_touched(v);
		callee = s->frames[0];
		callee->async_entries = caller->async_entries + 1;
		return setup(v, caller, callee, at);
	}
	err = push_frame(v, s, at, subprog, &callee);
	if (!err)
		err = setup(v, caller, callee, at);
	if (err)
		return err;
	s->callback_unroll++;
	s->frames[s->curframe - 1]->callback_depth++;
	caller->callback_depth = 0;
	return 0;
}

/* Returns */

static bool in_range(const struct ret_range *range, const struct reg *r, bool is32)
{
	if (is32)
		return range->min <= r->var.smin32 && r->var.smax32 <= range->max;
	return range->min <= r->var.smin && r->var.smax <= range->max;
}

static int bad_return(struct verifier *v, const struct reg *r, const struct ret_range *range, const char *where,
		      uint32_t regno)
{
	char text[128];
	size_t n = 0;

	if (r->var.smin > INT64_MIN)
		n += (size_t)snprintf(text + n, sizeof(text) - n, " smin=%lld", (long long)r->var.smin);
	if (r->var.smax < INT64_MAX)
		n += (size_t)snprintf(text + n, sizeof(text) - n, " smax=%lld", (long long)r->var.smax);
	if (!n)
		snprintf(text, sizeof(text), " unknown scalar value");
	return refuse(v, -EINVAL, PROBLEM_RETURN_RANGE, "%s the register R%u has%s should have been in [%d, %d]", where,
		      regno, text, range->min, range->max);
}

/* From a function or a callback to where it was called. */
int leave_function(struct verifier *v, uint32_t *next)
{
	struct state *s = v->cur, *old = NULL;
	struct frame *callee = cur_frame(v), *caller = s->frames[s->curframe - 1];
	struct reg *r0 = &callee->regs[BPF_REG_0];
	int err;

	if (REG_BASE(r0->type) == REG_STACK)
		return refuse(v, -EINVAL, PROBLEM_PTR_LEAK, "cannot return stack pointer to the caller");
	*next = callee->callsite + 1;
	if (callee->in_callback) {
		if (r0->type != REG_SCALAR)
			return refuse(v, -EACCES, PROBLEM_RETURN_RANGE, "R0 not a scalar value");
		err = mark_precise(v, BPF_REG_0);
		if (err)
			return err;
		if (!in_range(&callee->callback_ret, r0, false))
			return bad_return(v, r0, &callee->callback_ret, "At callback return", BPF_REG_0);
		*next = callee->callsite;
	} else {
		caller->regs[BPF_REG_0] = *r0;
	}
	if (v->log_level & 3) {
		vlog(v, "returning from callee:\n");
		log_state(v, s, callee->frameno, true);
		vlog(v, "to caller at %u:\n", *next);
		log_state(v, s, caller->frameno, true);
	}
	s->frames[s->curframe--] = NULL;
	if (callee->in_callback)
		old = find_prev_entry(v, s, *next);
	frame_free(v, callee);
	return old ? widen_to(v, old, s) : 0;
}

static int check_async_return(struct verifier *v, const struct frame *f, uint32_t regno)
{
	const struct reg *r = &f->regs[regno];
	int err;

	if (r->type != REG_SCALAR)
		return refuse(v, -EINVAL, PROBLEM_RETURN_RANGE,
			      "At async callback return the register R%u is not a known value", regno);
	err = mark_precise(v, regno);
	if (!err && !in_range(&f->callback_ret, r, false))
		return bad_return(v, r, &f->callback_ret, "At async callback return", regno);
	return err;
}

int check_return(struct verifier *v, uint32_t regno)
{
	const struct frame *f = cur_frame(v);
	const struct reg *r = &f->regs[regno];
	struct prog_return want;
	struct ret_range range;
	char name[64];
	bool is32, none;
	int err;

	/* Functions that return nothing, to hooks that expect nothing. */
	err = attach_return(v, &want, &none, &is32);
	if (err)
		return err;
	if (none && !v->subprog)
		return 0;
	err = check_reg_read(v, regno);
	if (err)
		return err;
	if (reg_is_pointer(v, r))
		return refuse(v, -EACCES, PROBLEM_PTR_LEAK, "R%u leaks addr as return value", regno);
	if (f->in_async_callback)
		return check_async_return(v, f, regno);
	if (v->subprog && !f->in_exception_callback) {
		if (r->type != REG_SCALAR)
			return refuse(v, -EINVAL, PROBLEM_RETURN_RANGE,
				      "At subprogram exit the register R%u is not a scalar value (%s)", regno,
				      reg_type_name(r->type, name));
		return 0;
	}
	if (want.kind == RETURN_ANY)
		return 0;
	if (want.kind == RETURN_REFUSED)
		return refuse(v, -ENOTSUPP_KERNEL, PROBLEM_ATTACH, "no such attach type for this program type");
	if (r->type != REG_SCALAR)
		return refuse(v, -EINVAL, PROBLEM_RETURN_RANGE,
			      "At program exit the register R%u is not a known value (%s)", regno,
			      reg_type_name(r->type, name));
	err = mark_precise(v, regno);
	if (err)
		return err;
	range = (struct ret_range){want.min, want.max, true};
	return in_range(&range, r, is32) ? 0 : bad_return(v, r, &range, "At program exit", regno);
}

int check_exit(struct verifier *v, uint32_t *next, bool *ended)
{
	int err = check_resources(v, false, !v->cur->curframe, "BPF_EXIT instruction in main prog");

	if (err)
		return err;
	if (v->cur->curframe)
		return leave_function(v, next);
	err = check_return(v, BPF_REG_0);
	*ended = true;
	return err;
}

/* Verification of each function that is verified on its own */

static int set_arg(struct verifier *v, struct frame *f, uint32_t regno, const struct sub_arg *a)
{
	struct reg *r = &f->regs[regno];

	switch (a->kind) {
	case SUB_ARG_SCALAR:
		reg_unknown(r);
		return 0;
	case SUB_ARG_CTX:
		reg_pointer(r, REG_CTX);
		return 0;
	case SUB_ARG_MEM:
		reg_pointer(r, REG_MEM | a->flags);
		r->mem_size = a->mem_size;
		if (a->flags & PTR_NULL)
			r->id = ++v->id_gen;
		return 0;
	case SUB_ARG_DYNPTR:
		reg_pointer(r, REG_DYNPTR);
		r->dynptr = DYNPTR_KIND_LOCAL;
		r->first_slot = true;
		r->id = ++v->id_gen;
		return 0;
	case SUB_ARG_BTF:
		reg_pointer(r, REG_BTF | a->flags);
		r->btf = a->btf;
		r->btf_id = a->btf_id;
		r->id = ++v->id_gen;
		return 0;
	case SUB_ARG_ARENA:
		reg_unknown(r);
		return 0;
	default:
		/* Not reached: sub_args() gives no other kinds */
		return refuse(v, -EINVAL, PROBLEM_NOT_SUPPORTED,
			      "an argument of '%s' is of a kind that skep does not know", v->subprogs[f->subprog].name);
	}
}

int start_function(struct verifier *v, uint32_t subprog)
{
	struct subprog *sub = &v->subprogs[subprog];
	struct frame *f;
	struct state *s = state_new(v);
	int err;

	if (!s)
		return refuse(v, -ENOMEM, PROBLEM_MEMORY, "out of memory");
	s->branches = 1;
	s->frames[0] = f = frame_new(v, NO_CALLSITE, 0, subprog);
	if (!f) {
		path_free(v, s);
		return refuse(v, -ENOMEM, PROBLEM_MEMORY, "out of memory");
	}
	s->first_insn = s->insn = sub->start;
	s->last_insn = ~0u;
	s->sleepable = v->in->flags & BPF_F_SLEEPABLE;
	v->cur = s;
	v->insn = sub->start;
	v->subprog = subprog;
	if (subprog || v->in->prog_type == BPF_PROG_TYPE_EXT) {
		err = sub_args(v, subprog);
		if (err)
			return err;
		f->in_exception_callback = sub->is_exception_callback;
		for (uint32_t i = 0; i < sub->n_args; i++) {
			err = set_arg(v, f, i + 1, &sub->args[i]);
			if (err)
				return err;
		}
	} else {
		reg_pointer(&f->regs[BPF_REG_1], REG_CTX);
		err = attach_start(v, s);
		if (err)
			return err;
	}
	return 0;
}

/* The kernel looks at the main function's arguments as at a global one's, and tells what it finds, but takes any. */
static void log_main_args(struct verifier *v)
{
	if (!v->log_level || !v->in->func_info || v->in->prog_type == BPF_PROG_TYPE_EXT)
		return;
	sub_args(v, 0);
	v->subprogs[0].args_known = false;
	v->out->problem = PROBLEM_NONE;
	v->out->message[0] = 0;
}

static int verify_function(struct verifier *v, uint32_t subprog)
{
	const struct subprog *sub = &v->subprogs[subprog];
	int err;

	if (subprog || v->in->prog_type == BPF_PROG_TYPE_EXT)
		vlog(v, "Validating %s() func#%u...\n", sub->name, subprog);
	err = start_function(v, subprog);
	if (err)
		return err;
	if (!subprog)
		log_main_args(v);
	log_all_touched(v);
	v->log_line = NULL;
	err = walk(v);
	if (err)
		return err; /* with its states, for the report */
	log_back(v, 0);
	if (subprog && (v->log_level & 3))
		vlog(v, "Func#%u ('%s') is safe for any args that match its prototype\n", subprog, sub->name);
	prune_free(v);
	return 0;
}

int verify_subprogs(struct verifier *v)
{
	bool again = true;
	int err = verify_function(v, 0);

	while (!err && again) {
		again = false;
		for (uint32_t i = 1; i < v->n_subprogs && !err; i++) {
			struct subprog *sub = &v->subprogs[i];

			if (!sub->global || !(sub->called || sub->is_exception_callback) || sub->verified)
				continue;
			err = verify_function(v, i);
			sub->verified = true;
			again = true;
		}
	}
	return err;
}

/* Stack depth of call chains */

enum { SEEN_NO, SEEN_OPEN, SEEN_DONE };

struct depth {
	uint8_t *seen;
	uint32_t *order; /* callees before callers */
	uint32_t n;
};

/* The function whose frame an instruction puts below its own: one that it calls, or a callback that runs before it is over. ~0u: none. */
static uint32_t callee_of(const struct verifier *v, uint32_t at)
{
	const struct insn_desc *desc = v->aux[at].desc; /* NULL: the second half of a wide one */
	uint32_t to;

	if (!desc || (desc->op != INSN_CALL_SUBPROG && desc->op != INSN_LD_FUNC))
		return ~0u;
	to = (uint32_t)subprog_find(v, (uint32_t)((int64_t)at + v->insns[at].imm + 1));
	return to != ~0u && desc->op == INSN_LD_FUNC && v->subprogs[to].is_async_callback ? ~0u : to;
}

/* Depth first, at most MAX_FRAMES deep but for what then is refused. */
static int order_calls(struct verifier *v, struct depth *d, uint32_t subprog, uint32_t frames)
{
	int err;

	if (d->seen[subprog] == SEEN_DONE)
		return 0;
	if (d->seen[subprog] == SEEN_OPEN || frames > SKEP_MAX_SUBPROGS)
		return refuse(v, -E2BIG, PROBLEM_STACK_DEPTH,
			      "function '%s' calls itself: the call stack of %u frames is too deep",
			      v->subprogs[subprog].name, frames);
	d->seen[subprog] = SEEN_OPEN;
	for (uint32_t i = v->subprogs[subprog].start; i < v->subprogs[subprog].end; i++) {
		uint32_t to = callee_of(v, i);

		if (to == ~0u)
			continue;
		err = order_calls(v, d, to, frames + 1);
		if (err)
			return err;
	}
	d->seen[subprog] = SEEN_DONE;
	d->order[d->n++] = subprog;
	return 0;
}

/* Types whose programs get stacks of their own for each function on x86-64. */
static bool has_private_stack(const struct verifier *v)
{
	for (uint32_t i = 0; i < v->n_subprogs; i++)
		if (v->subprogs[i].has_tail_call)
			return false;
	switch (v->in->prog_type) {
	case BPF_PROG_TYPE_KPROBE:
	case BPF_PROG_TYPE_TRACEPOINT:
	case BPF_PROG_TYPE_PERF_EVENT:
	case BPF_PROG_TYPE_RAW_TRACEPOINT:
	case BPF_PROG_TYPE_TRACING:
		return v->in->attach_type != BPF_TRACE_ITER;
	default:
		return false;
	}
}

static uint32_t rounded(uint32_t depth)
{
	return (depth + 15) & ~15u;
}

static int depth_from(struct verifier *v, uint32_t root, bool private_stack, struct depth *d)
{
	enum { PRIVATE_MIN = 64, TAIL_CALL_MAX = 256 };
	uint32_t depth[SKEP_MAX_SUBPROGS + 1] = {0}, frames[SKEP_MAX_SUBPROGS + 1] = {0};
	bool own[SKEP_MAX_SUBPROGS + 1] = {0}, reached[SKEP_MAX_SUBPROGS + 1] = {0};
	int err;

	memset(d->seen, 0, v->n_subprogs);
	d->n = 0;
	err = order_calls(v, d, root, 1);
	if (err)
		return err;
	/* Callers before callees: the deepest stack and longest chain that each function is entered with. */
	frames[root] = 1;
	reached[root] = true;
	for (uint32_t k = d->n; k-- > 0;) {
		uint32_t s = d->order[k], mine = rounded(v->subprogs[s].stack_depth);

		if (!reached[s])
			continue;
		if (frames[s] > MAX_FRAMES)
			return refuse(v, -E2BIG, PROBLEM_STACK_DEPTH, "the call stack of %u frames is too deep",
				      frames[s]);
		if (s != root && v->subprogs[s].has_tail_call && depth[s] >= TAIL_CALL_MAX)
			return refuse(
				v, -EACCES, PROBLEM_STACK_DEPTH,
				"tail_calls are not allowed when call stack of previous frames is %u bytes. Too large",
				depth[s]);
		own[s] = private_stack && mine >= PRIVATE_MIN;
		/* Not reached: a function of its own has at most 512 bytes, as each access was checked */
		if (own[s] && mine > MAX_STACK)
			return refuse(v, -EACCES, PROBLEM_STACK_DEPTH, "stack size of subprog %u is %u. Too large", s,
				      mine);
		if (!own[s])
			depth[s] += mine;
		if (depth[s] > MAX_STACK)
			return refuse(v, -EACCES, PROBLEM_STACK_DEPTH,
				      "combined stack size of %u calls is %u. Too large", frames[s], depth[s]);
		if (depth[s] > v->out->stack_depth)
			v->out->stack_depth = depth[s];
		for (uint32_t i = v->subprogs[s].start; i < v->subprogs[s].end; i++) {
			uint32_t to = callee_of(v, i);

			if (to == ~0u)
				continue;
			reached[to] = true;
			if (depth[s] > depth[to])
				depth[to] = depth[s];
			if (frames[s] + 1 > frames[to])
				frames[to] = frames[s] + 1;
		}
	}
	return 0;
}

int check_stack_depth(struct verifier *v)
{
	struct depth d = {.seen = calloc(v->n_subprogs, 1), .order = calloc(v->n_subprogs, sizeof(uint32_t))};
	bool private_stack = has_private_stack(v);
	int err = d.seen && d.order ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < v->n_subprogs && !err; i++)
		if (!i || v->subprogs[i].is_async_callback)
			err = depth_from(v, i, !i && private_stack, &d);
	free(d.seen);
	free(d.order);
	return err;
}
