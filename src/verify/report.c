/* SPDX-License-Identifier: BSD-2-Clause */
/* The report as an object: places, and giving it back. report.h has the theory. */
#include "verify/report.h"

#include <bpf/btf.h>
#include <stdlib.h>

void report_place_of(const struct verify_input *in, uint32_t insn, struct report_place *out)
{
	const struct bpf_line_info *line;
	uint32_t low = 0, high = in->n_line_info, first = 0;

	*out = (struct report_place){.insn = insn, .source = "", .function = ""};
	for (uint32_t i = in->n_subprogs; in->btf && in->func_info && i--;) {
		const struct btf_type *t = btf__type_by_id(in->btf, in->func_info[i].type_id);

		if (in->subprogs[i] > insn || !t)
			continue;
		out->function = btf__name_by_offset(in->btf, t->name_off);
		first = in->subprogs[i];
		break;
	}
	while (low < high) { /* the last line that begins at the instruction or before it */
		uint32_t mid = (low + high) / 2;

		if (in->line_info[mid].insn_off <= insn)
			low = mid + 1;
		else
			high = mid;
	}
	/* Line 0 is the compiler's own code: it belongs to what comes before it. */
	while (low && !(in->line_info[low - 1].line_col >> 10) && in->line_info[low - 1].insn_off > first)
		low--;
	if (!low || !in->btf)
		return;
	line = &in->line_info[low - 1];
	out->file = btf__name_by_offset(in->btf, line->file_name_off);
	out->source = btf__name_by_offset(in->btf, line->line_off);
	out->line = line->line_col >> 10;
	out->column = line->line_col & 0x3ff;
	if (!out->source)
		out->source = "";
	while (*out->source == ' ' || *out->source == '\t')
		out->source++;
}

void report_free(struct verify_report *r)
{
	if (!r)
		return;
	for (uint32_t i = 0; i < r->n_events; i++)
		free(r->events[i].text);
	free(r->reason);
	free(r->insn);
	free(r->suggestion);
	free(r);
}
