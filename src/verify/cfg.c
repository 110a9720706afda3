/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the control flow alone tells: where states are worth caching, where history must be noted, which registers are
 * alive, which instructions form loops, and which fill/spill pairs surround calls that clobber little.
 *
 * Jump points are instructions that are reached other than from the one before them: backtracking needs to know whence.
 * Prune points are those where walks meet again: a state there is compared with the cached ones. Force checkpoints always
 * cache one: loops whose convergence is judged there (iterators, callbacks, may_goto).
 *
 * Loops are the strongly connected components of the graph of each function (Tarjan, iterative); scc 0 is "in no loop". Live
 * registers are the usual backward data flow: a register is alive before an instruction when some path from it reads the register before it
 * is written. Both are facts of the code, not of a path: calls read what the helper's row says they read.
 */
#include "base/util.h"
#include "helper/helper.h"
#include "helper/kfunc.h"
#include "verify/internal.h"

#include <bpf/btf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { CALLER_SAVED = 0x3f }; /* r0 to r5 */

int32_t subprog_find(const struct verifier *v, uint32_t start)
{
	uint32_t i = subprog_of(v, start);

	return v->subprogs[i].start == start ? (int32_t)i : -1;
}

uint32_t subprog_of(const struct verifier *v, uint32_t insn)
{
	uint32_t low = 0, high = v->n_subprogs;

	while (high - low > 1) {
		uint32_t mid = (low + high) / 2;

		if (v->subprogs[mid].start <= insn)
			low = mid;
		else
			high = mid;
	}
	return low;
}

/* Where the walk can go next within the function: up to two instructions. */
static uint32_t successors(const struct verifier *v, uint32_t at, uint32_t next[2])
{
	const struct insn_desc *d = v->aux[at].desc;
	const struct bpf_insn *insn = &v->insns[at];
	uint32_t after = at + (insn_is_wide(insn) ? 2 : 1), n = 0;

	switch (d->op) {
	case INSN_EXIT:
		return 0;
	case INSN_JA:
	case INSN_GOTOL:
		next[0] = (uint32_t)((int64_t)after + insn_jump_dist(d, insn));
		return 1;
	default:
		next[n++] = after;
		if ((d->off == FORM_JUMP) || d->op == INSN_MAY_GOTO)
			next[n++] = (uint32_t)((int64_t)after + insn->off);
		return n;
	}
}

static bool helper_is_async(int32_t id)
{
	return id == BPF_FUNC_timer_set_callback;
}

/* Points of the instructions around one. */
static void mark_points(struct verifier *v, uint32_t at)
{
	const struct bpf_insn *insn = &v->insns[at];
	struct insn_aux *a = &v->aux[at];
	uint32_t next[2] = {0}, n = successors(v, at, next);
	const struct helper_desc *h;

	switch (a->desc->op) {
	case INSN_CALL_HELPER:
		h = helper_for((uint32_t)insn->imm, v->prog_type, v->attach_type);
		if (h && helper_is_async(insn->imm)) {
			a->prune_point = true;
		} else if (h && (h->flags & HELPER_CALLBACK)) {
			a->calls_callback = true;
			a->force_checkpoint = true;
			a->prune_point = true;
			a->jump_point = true;
		}
		break;
	case INSN_CALL_KFUNC:
		if (!a->kfunc)
			break;
		if (a->kfunc->flags & KFUNC_ITER_NEXT) {
			a->is_iter_next = true;
			a->prune_point = true;
			a->force_checkpoint = true;
		}
		if (kfunc_calls_back_sync(a->kfunc)) {
			a->calls_callback = true;
			a->force_checkpoint = true;
			a->prune_point = true;
			a->jump_point = true;
		} else if (kfunc_calls_back_async(a->kfunc)) {
			a->prune_point = true;
		}
		break;
	case INSN_CALL_SUBPROG:
		a->prune_point = true;
		break;
	case INSN_JA:
	case INSN_GOTOL:
		v->aux[next[0]].prune_point = true;
		v->aux[next[0]].jump_point = true;
		v->aux[next[0]].jump_target = true;
		return;
	case INSN_LD_FUNC:
		a->prune_point = true;
		break;
	default:
		if (n < 2)
			return;
		a->prune_point = true;
		if (a->desc->op == INSN_MAY_GOTO)
			a->force_checkpoint = true;
		v->aux[next[1]].prune_point = true;
		v->aux[next[1]].jump_point = true;
		v->aux[next[1]].jump_target = true;
		return;
	}
	/* After a call, and after the address of a function was taken. */
	v->aux[next[0]].prune_point = true;
	v->aux[next[0]].jump_point = true;
}

/* Registers that an instruction reads and writes. */
static void use_def(const struct verifier *v, uint32_t at, uint32_t *use, uint32_t *def)
{
	const struct bpf_insn *insn = &v->insns[at];
	const struct insn_desc *d = v->aux[at].desc;
	uint32_t dst = 1u << insn->dst_reg, src = 1u << insn->src_reg;
	const struct helper_desc *h;

	*use = *def = 0;
	switch (BPF_CLASS(insn->code)) {
	case BPF_ALU:
	case BPF_ALU64:
		*def = dst;
		if (BPF_OP(insn->code) != BPF_MOV)
			*use = dst;
		if (d->src == FORM_READ)
			*use |= src;
		return;
	case BPF_LDX:
		*use = src;
		*def = dst;
		return;
	case BPF_ST:
		*use = dst;
		return;
	case BPF_STX:
		*use = dst | src;
		if (BPF_MODE(insn->code) != BPF_ATOMIC)
			return;
		switch (insn->imm) {
		case BPF_CMPXCHG:
			*use |= 1;
			*def = 1;
			return;
		case BPF_LOAD_ACQ:
			*def = dst;
			*use = src;
			return;
		case BPF_STORE_REL:
			return;
		default:
			if (insn->imm & BPF_FETCH)
				*def = src;
			return;
		}
	case BPF_LD:
		if (insn_is_wide(insn)) {
			*def = dst;
		} else {
			/* It reads r6 and src only; the kernel keeps every register alive. States must be as many as its. */
			*use = (1u << BPF_REG_10) - 1;
		}
		return;
	default:
		break;
	}
	switch (d->op) {
	case INSN_EXIT:
		*use = 1;
		return;
	case INSN_CALL_HELPER:
	case INSN_CALL_KFUNC:
	case INSN_CALL_SUBPROG:
		*def = CALLER_SAVED;
		*use = CALLER_SAVED & ~1u;
		if (d->op == INSN_CALL_HELPER) {
			h = helper_for((uint32_t)insn->imm, v->prog_type, v->attach_type);
			if (h) {
				*use = 0;
				for (unsigned int i = 0; i < ARG_REGS && h->args[i].type != ARG_NONE; i++)
					*use |= 2u << i;
			}
		} else if (d->op == INSN_CALL_KFUNC) {
			const struct btf_type *t = btf__type_by_id(v->in->btfs[insn->off], (uint32_t)insn->imm);

			t = t && btf_is_func(t) ? btf__type_by_id(v->in->btfs[insn->off], t->type) : NULL;
			if (t && btf_is_func_proto(t) && btf_vlen(t) <= ARG_REGS)
				*use = ((2u << btf_vlen(t)) - 1) & ~1u;
		}
		return;
	default:
		if (d->dst == FORM_READ)
			*use |= dst;
		if (d->src == FORM_READ)
			*use |= src;
		return;
	}
}

static void live_registers(struct verifier *v)
{
	bool changed = true;

	/* Backward over the instructions until nothing changes: loops take a few rounds. */
	while (changed) {
		changed = false;
		for (uint32_t i = v->n; i-- > 0;) {
			uint32_t next[2], n, use, def, out = 0;

			if (!v->aux[i].desc)
				continue;
			n = successors(v, i, next);
			for (uint32_t k = 0; k < n; k++)
				out |= v->aux[next[k]].live_regs;
			use_def(v, i, &use, &def);
			out = use | (out & ~def);
			if (out != v->aux[i].live_regs) {
				v->aux[i].live_regs = (uint16_t)out;
				changed = true;
			}
		}
	}
}

/* Tarjan's strongly connected components, with a stack of our own: a program may be a million instructions long. */
static int find_loops(struct verifier *v)
{
	uint32_t *order = calloc(v->n + 1, sizeof(*order)), *low = calloc(v->n + 1, sizeof(*low));
	uint32_t *open = malloc((v->n + 1) * sizeof(*open)), *path = malloc((v->n + 1) * sizeof(*path));
	uint8_t *edge = calloc(v->n + 1, 1);
	uint32_t n_open = 0, n_path, count = 0, sccs = 0;
	const uint32_t done = ~0u;
	int err = -ENOMEM;

	if (!order || !low || !open || !path || !edge)
		goto out;
	for (uint32_t root = 0; root < v->n; root++) {
		if (order[root] || !v->aux[root].desc)
			continue;
		n_path = 0;
		path[n_path++] = root;
		order[root] = low[root] = ++count;
		open[n_open++] = root;
		while (n_path) {
			uint32_t at = path[n_path - 1], next[2], n = successors(v, at, next), members = 0;
			bool self = false;

			if (edge[at] < n) {
				uint32_t to = next[edge[at]++];

				if (!order[to]) {
					order[to] = low[to] = ++count;
					open[n_open++] = to;
					path[n_path++] = to;
				} else if (low[to] != done && order[to] < low[at]) {
					low[at] = order[to];
				}
				continue;
			}
			n_path--;
			if (n_path && low[at] < low[path[n_path - 1]])
				low[path[n_path - 1]] = low[at];
			if (low[at] != order[at])
				continue;
			for (uint32_t k = n_open; k-- > 0; members++)
				if (open[k] == at)
					break;
			for (uint32_t k = 0; k < n; k++)
				self |= next[k] == at;
			/* A callback returns to the call: a loop that no edge shows. */
			self |= v->aux[at].calls_callback;
			if (members || self)
				sccs++;
			do {
				uint32_t m = open[--n_open];

				low[m] = done;
				v->aux[m].scc = members || self ? sccs : 0;
				if (m == at)
					break;
			} while (n_open);
		}
	}
	v->n_sccs = sccs;
	err = 0;
out:
	free(order);
	free(low);
	free(open);
	free(path);
	free(edge);
	return err;
}

/*
 * bpf_fastcall (clang 19): a call that clobbers only r0 and its arguments is surrounded by spills and fills of the others, for
 * old kernels. They lie below everything else on the stack; when such slots are used for nothing else, the pairs will be removed, and
 * do not count as stack. Here they are only found.
 */
static uint32_t fastcall_clobbers(const struct verifier *v, uint32_t at, bool *inlined)
{
	const struct bpf_insn *insn = &v->insns[at];
	uint32_t use, def, mask;

	*inlined = false;
	use_def(v, at, &use, &def);
	if (v->aux[at].desc->op == INSN_CALL_HELPER) {
		const struct helper_desc *h = helper_for((uint32_t)insn->imm, v->prog_type, v->attach_type);

		if (!h)
			return CALLER_SAVED;
		mask = use | (h->ret != RET_VOID);
		*inlined = (h->flags & HELPER_FASTCALL) && insn->imm == BPF_FUNC_get_smp_processor_id;
		return mask;
	}
	if (v->aux[at].desc->op == INSN_CALL_KFUNC && v->aux[at].kfunc) {
		*inlined = v->aux[at].kfunc->flags & KFUNC_FASTCALL;
		return use | 1;
	}
	return CALLER_SAVED;
}

static bool is_spill(const struct bpf_insn *insn, uint8_t code)
{
	return insn->code == code &&
	       (code == (BPF_STX | BPF_MEM | BPF_DW) ? insn->dst_reg : insn->src_reg) == BPF_REG_10;
}

static void find_fastcalls(struct verifier *v)
{
	const uint8_t store = BPF_STX | BPF_MEM | BPF_DW, load = BPF_LDX | BPF_MEM | BPF_DW;

	for (uint32_t s = 0; s < v->n_subprogs; s++) {
		struct subprog *sub = &v->subprogs[s];
		int32_t lowest = 0;

		for (uint32_t i = sub->start; i < sub->end; i++)
			if (is_spill(&v->insns[i], store) && v->insns[i].off < lowest)
				lowest = v->insns[i].off;
		for (uint32_t i = sub->start; i < sub->end; i++) {
			uint32_t want, pairs = 0;
			int32_t off = lowest;
			bool inlined;

			if (!v->aux[i].desc || v->insns[i].code != (BPF_JMP | BPF_CALL))
				continue;
			want = CALLER_SAVED & ~fastcall_clobbers(v, i, &inlined);
			if (!want)
				continue;
			for (uint32_t k = 1; k <= 6 && i >= sub->start + k && i + k < sub->end; k++, off += 8) {
				const struct bpf_insn *st = &v->insns[i - k], *ld = &v->insns[i + k];

				if (v->aux[i - k + 1].jump_target || v->aux[i + k].jump_target)
					break;
				if (!is_spill(st, store) || !is_spill(ld, load) || st->src_reg != ld->dst_reg ||
				    !(want >> st->src_reg & 1) || st->off != off || ld->off != off)
					break;
				want &= ~(1u << st->src_reg);
				v->aux[i - k].fastcall_pattern = true;
				v->aux[i + k].fastcall_pattern = true;
				pairs++;
			}
			if (!pairs)
				continue;
			if (inlined)
				v->aux[i].fastcall_spills = (uint8_t)pairs;
			else
				sub->keep_fastcall_stack = true;
			if (off < sub->fastcall_stack_off)
				sub->fastcall_stack_off = off;
		}
	}
}

/* What a function does, as far as the code shows: a call passes on what the callee does. */
static void find_effects(struct verifier *v)
{
	bool changed = true;

	for (uint32_t i = 0; i < v->n; i++) {
		const struct bpf_insn *insn = &v->insns[i];
		struct subprog *sub = &v->subprogs[subprog_of(v, i)];
		const struct helper_desc *h;

		if (!v->aux[i].desc)
			continue;
		if (BPF_CLASS(insn->code) == BPF_LD && !insn_is_wide(insn))
			sub->has_ld_abs = true;
		if (v->aux[i].desc->op == INSN_CALL_HELPER) {
			h = helper_for((uint32_t)insn->imm, v->prog_type, v->attach_type);
			if (insn->imm == BPF_FUNC_tail_call)
				sub->has_tail_call = true;
			if (h && (h->flags & HELPER_MOVES_PACKET))
				sub->changes_packet = true;
			if (h && (h->flags & HELPER_SLEEPS))
				sub->might_sleep = true;
		} else if (v->aux[i].desc->op == INSN_CALL_KFUNC && v->aux[i].kfunc) {
			if (v->aux[i].kfunc->flags & KFUNC_SLEEPABLE)
				sub->might_sleep = true;
			if (kfunc_moves_packet(v->aux[i].kfunc))
				sub->changes_packet = true;
		}
	}
	while (changed) {
		changed = false;
		for (uint32_t i = 0; i < v->n; i++) {
			struct subprog *sub, *callee;
			int32_t to;

			if (!v->aux[i].desc ||
			    (v->aux[i].desc->op != INSN_CALL_SUBPROG && v->aux[i].desc->op != INSN_LD_FUNC))
				continue;
			sub = &v->subprogs[subprog_of(v, i)];
			to = subprog_find(v, (uint32_t)((int64_t)i + v->insns[i].imm + 1));
			if (to < 0)
				continue;
			callee = &v->subprogs[to];
			if ((callee->changes_packet && !sub->changes_packet) ||
			    (callee->might_sleep && !sub->might_sleep)) {
				sub->changes_packet |= callee->changes_packet;
				sub->might_sleep |= callee->might_sleep;
				changed = true;
			}
		}
	}
}

int cfg_build(struct verifier *v)
{
	struct reg unused;
	int err;

	for (uint32_t i = 0; i < v->n; i++) {
		v->aux[i].desc = insn_decode_any(&v->insns[i]);
		/* Not reached: insn_check() has decoded every instruction */
		if (!v->aux[i].desc)
			return refuse(v, -EINVAL, PROBLEM_SHAPE, "instruction %u does not decode", i);
		if (v->aux[i].desc->op == INSN_CALL_KFUNC) {
			v->insn = i;
			err = check_kfunc_insn(v, &v->insns[i]);
			if (err)
				return err;
			v->aux[i].kfunc = kfunc_of(v, &v->insns[i]);
		} else if (v->aux[i].desc->op == INSN_LD_VAR) {
			/* Kernel variables must exist also where no path uses them. */
			v->insn = i;
			err = load_ksym(v, &v->insns[i], &unused);
			if (err)
				return err;
		}
		if (insn_is_wide(&v->insns[i]))
			i++;
	}
	for (uint32_t i = 0; i < v->n; i++)
		if (v->aux[i].desc)
			mark_points(v, i);
	for (uint32_t i = 0; i < v->n_subprogs; i++) {
		v->aux[v->subprogs[i].start].prune_point |= i > 0;
		v->aux[v->subprogs[i].start].jump_point |= i > 0;
	}
	find_effects(v);
	live_registers(v);
	find_fastcalls(v);
	err = find_loops(v);
	if (err)
		return err;
	if (!v->bpf_capable)
		for (uint32_t i = 0; i < v->n; i++)
			if (v->aux[i].desc && v->aux[i].scc && !v->aux[i].calls_callback) {
				v->insn = i;
				return refuse(v, -EINVAL, PROBLEM_LOOP,
					      "back-edge: a loop through instruction %u, which "
					      "only programs of a user with CAP_BPF may have",
					      i);
			}
	return 0;
}
