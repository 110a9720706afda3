/* SPDX-License-Identifier: BSD-2-Clause */
/* Why a program is too much, in plain words: loops without an end, paths without number, stack without room. */
#include "base/util.h"
#include "verify/report_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void say_loop(struct words *w, const struct refusal *f)
{
	words_add(
		w,
		"The loop comes back to this instruction with nothing changed that its end depends on: it would go on "
		"for ever.");
}

static int by_visits(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return x[1] > y[1] ? -1 : x[1] < y[1] ? 1 : x[0] < y[0] ? -1 : 1;
}

static int by_line(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return x[2] < y[2] ? -1 : x[2] > y[2];
}

/* The lines that took most of the instructions. */
void say_complex(struct words *w, const struct refusal *f)
{
	const struct verifier *v = f->v;
	uint32_t(*lines)[3] = calloc(v->in->n_line_info + 1, sizeof(*lines)), n = 0; /* instruction, visits, line */

	words_add(w, "The verifier follows every path, and gave up after %u instructions", v->insns_processed);
	if (strstr(v->out->message, "jumps"))
		words_add(w, " with too many branches still open");
	words_add(w, ".");
	for (uint32_t i = 0; lines && i < v->in->n_line_info; i++) {
		uint32_t end = i + 1 < v->in->n_line_info ? v->in->line_info[i + 1].insn_off : v->n;
		struct report_place at;

		lines[i][0] = v->in->line_info[i].insn_off;
		report_place_of(v->in, lines[i][0], &at);
		lines[i][2] = at.line;
		for (uint32_t k = lines[i][0]; k < end && k < v->n; k++)
			lines[i][1] += v->out->insns[k].visits;
	}
	if (lines && v->in->n_line_info) {
		qsort(lines, v->in->n_line_info, sizeof(*lines), by_line);
		for (uint32_t i = 1; i < v->in->n_line_info; i++) {
			if (lines[n][2] == lines[i][2])
				lines[n][1] += lines[i][1];
			else
				memmove(lines[++n], lines[i], sizeof(*lines));
		}
		n++;
		qsort(lines, n, sizeof(*lines), by_visits);
		words_add(w, " Most of them at:");
		for (uint32_t i = 0; i < 3 && i < n && lines[i][1]; i++) {
			struct report_place at;

			report_place_of(v->in, lines[i][0], &at);
			words_add(w, "\n%3u %%  line %u  %s",
				  (uint32_t)((uint64_t)lines[i][1] * 100 / MAX(v->insns_processed, 1u)), at.line,
				  at.source);
		}
	}
	free(lines);
}

/* Bytes of stack of a function and what it calls, the deepest way; via: the calls of that way. */
static uint32_t deepest(const struct verifier *v, uint32_t subprog, uint32_t *sums, uint32_t *via, uint32_t level)
{
	const struct subprog *sub = &v->subprogs[subprog];
	uint32_t most = 0;

	if (sums[subprog] || level > SKEP_MAX_SUBPROGS)
		return sums[subprog];
	via[subprog] = ~0u;
	for (uint32_t i = sub->start; i < sub->end; i++) {
		int32_t to;
		uint32_t sum;

		if (!v->aux[i].desc || (v->aux[i].desc->op != INSN_CALL_SUBPROG && v->aux[i].desc->op != INSN_LD_FUNC))
			continue;
		to = subprog_find(v, (uint32_t)((int64_t)i + v->insns[i].imm + 1));
		if (to < 0 || (uint32_t)to == subprog)
			continue;
		sum = deepest(v, (uint32_t)to, sums, via, level + 1);
		if (sum > most) {
			most = sum;
			via[subprog] = i;
		}
	}
	sums[subprog] = most + MAX(1u, (sub->stack_depth + 15) & ~15u);
	return sums[subprog];
}

static void add_depth_event(struct verify_report *r, const struct verifier *v, uint32_t subprog, uint32_t call)
{
	struct report_event *e = &r->events[r->n_events];
	const char *name = sub_name(v, subprog);
	struct words w = {0};

	if (r->n_events == REPORT_EVENTS)
		return;
	report_place_of(v->in, call == ~0u ? v->subprogs[subprog].start : call, &e->at);
	if (*name)
		words_add(&w, "%s() has %u bytes of stack", name, v->subprogs[subprog].stack_depth);
	else
		words_add(&w, "the function at instruction %u has %u bytes of stack", v->subprogs[subprog].start,
			  v->subprogs[subprog].stack_depth);
	if (call != ~0u)
		words_add(&w, ", and calls %s%s", words_callee(v, call), *words_callee(v, call) ? "()" : "another");
	e->text = w.text;
	r->n_events += w.text != NULL;
}

/* The calls and their stacks as the path of a report, and the place where they begin. */
void explain_depths(const struct refusal *f)
{
	const struct verifier *v = f->v;
	uint32_t *sums = calloc(v->n_subprogs, sizeof(*sums)), *via = calloc(v->n_subprogs, sizeof(*via));

	if (sums && via && says(f, "Too large"))
		for (uint32_t at = 0, n = 0; n < MAX_FRAMES; n++) {
			deepest(v, at, sums, via, 0);
			add_depth_event(f->r, v, at, via[at]);
			if (via[at] == ~0u)
				break;
			at = (uint32_t)subprog_find(v, (uint32_t)((int64_t)via[at] + v->insns[via[at]].imm + 1));
		}
	free(sums);
	free(via);
}

void say_depth(struct words *w, const struct refusal *f)
{
	unsigned int calls, bytes;

	if (sscanf(f->v->out->message, "combined stack size of %u calls is %u", &calls, &bytes) == 2) {
		words_add(w,
			  "%u functions that call each other need %u bytes of stack together; a program has 512. Each "
			  "counts in steps of 16.",
			  calls, bytes);
		return;
	}
	words_add(w,
		  "The functions that call each other here need more stack together than the 512 bytes that a program "
		  "has, or are more than 8 deep (%s).",
		  f->v->out->message);
}
