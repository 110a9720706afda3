/* SPDX-License-Identifier: BSD-2-Clause */
/* What skep check prints: verdicts, reports of refusals, cost by source line. */
#include "cli/check.h"

#include "base/util.h"
#include "prog/types.h"
#include "verify/report.h"

#include <bpf/btf.h>
#include <inttypes.h>
#include <string.h>

enum { COST_LINES = 12 };

static const char *const verdicts[] = {
	[CHECK_ACCEPT] = "accept", [CHECK_REJECT] = "reject", [CHECK_UNLOADABLE] = "unloadable"};

struct verify_input place_input(const struct hive_prog *p)
{
	return (struct verify_input){
		.insns = p->code.insns,
		.n_insns = p->code.n_insns,
		.subprogs = p->code.subprogs,
		.n_subprogs = p->code.n_subprogs,
		.btf = p->btf ? p->btf->btf : NULL,
		.func_info = p->n_func_info ? p->func_info : NULL,
		.line_info = p->line_info,
		.n_line_info = p->n_line_info,
	};
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Cost by source line */

struct cost {
	struct report_place at;
	uint64_t visits;
};

static int by_place(const void *a, const void *b)
{
	const struct cost *x = a, *y = b;
	int files = strcmp(x->at.file ? x->at.file : "", y->at.file ? y->at.file : "");

	return files ? files : x->at.line < y->at.line ? -1 : x->at.line > y->at.line;
}

static int by_visits(const void *a, const void *b)
{
	const struct cost *x = a, *y = b;

	return x->visits > y->visits ? -1 : x->visits < y->visits ? 1 : by_place(a, b);
}

/* Lines, the costliest first. NULL without line information or memory. */
static struct cost *costs(const struct check_prog *p, uint32_t *n_lines)
{
	const struct hive_prog *prog = p->job ? p->job->prog : NULL;
	struct verify_input in;
	struct cost *all;
	uint32_t n = 0;

	*n_lines = 0;
	if (!prog || !prog->n_line_info || !p->job->result.insns)
		return NULL;
	in = place_input(prog);
	all = calloc(prog->n_line_info, sizeof(*all));
	if (!all)
		return NULL;
	for (uint32_t i = 0; i < prog->n_line_info; i++) {
		uint32_t from = prog->line_info[i].insn_off;
		uint32_t to = i + 1 < prog->n_line_info ? prog->line_info[i + 1].insn_off : prog->code.n_insns;

		report_place_of(&in, from, &all[i].at);
		for (uint32_t k = from; k < to; k++)
			all[i].visits += p->job->result.insns[k].visits;
	}
	qsort(all, prog->n_line_info, sizeof(*all), by_place);
	for (uint32_t i = 0; i < prog->n_line_info; i++) {
		if (n && !by_place(&all[n - 1], &all[i]))
			all[n - 1].visits += all[i].visits;
		else
			all[n++] = all[i];
	}
	qsort(all, n, sizeof(*all), by_visits);
	while (n && !all[n - 1].visits)
		n--;
	*n_lines = n;
	return all;
}

static void print_costs(const struct check_prog *p)
{
	uint32_t n, total = p->job->result.insns_processed;
	struct cost *all = costs(p, &n);
	char count[32];

	if (n)
		printf("  cost by source line, in instructions processed:\n");
	for (uint32_t i = 0; i < n && i < COST_LINES; i++)
		printf("  %10s %5.1f %%  %s:%u  %s\n", number(count, all[i].visits),
		       100.0 * (double)all[i].visits / (double)MAX(total, 1u), base_name(all[i].at.file),
		       all[i].at.line, all[i].at.source);
	if (n > COST_LINES)
		printf("  %10s          %u more lines (--json has all)\n", "", n - COST_LINES);
	free(all);
}

/* Reports as text */

/* A label in front of the first line, blanks in front of the others. */
static void print_part(const char *label, const char *text)
{
	const char *rest = text;

	while (*rest) {
		size_t n = strcspn(rest, "\n");

		printf("  %s%-8s%s %.*s\n", paint(stdout, PAINT_BOLD), rest == text ? label : "",
		       paint(stdout, PAINT_OFF), (int)n, rest);
		rest += n + (rest[n] == '\n');
	}
}

static void place_text(const struct report_place *at, char *buf, size_t size)
{
	if (at->file)
		snprintf(buf, size, "%s:%u", base_name(at->file), at->line);
	else
		snprintf(buf, size, "instruction %u", at->insn);
}

static bool same_line(const struct report_place *a, const struct report_place *b)
{
	return a->file && b->file && a->line == b->line && !strcmp(a->file, b->file);
}

static void print_report(const struct check_prog *p, const struct verify_report *r)
{
	char where[160], line[1024];
	const struct report_place *last = NULL;

	print_part("reason", r->reason);
	place_text(&r->at, where, sizeof(where));
	if (r->at.file)
		snprintf(line, sizeof(line), "%s%s%s  %s\ninstruction %u: %s", where, *r->at.function ? ", " : "",
			 *r->at.function ? r->at.function : "", r->at.source, r->at.insn, r->insn);
	else
		snprintf(line, sizeof(line), "%s: %s", where, r->insn);
	print_part("at", line);
	if (r->n_more) {
		snprintf(line, sizeof(line), "... %u earlier steps are left out", r->n_more);
		print_part("path", line);
	}
	for (uint32_t i = 0; i < r->n_events; i++) {
		const struct report_event *e = &r->events[i];

		if (!last || !same_line(last, &e->at)) {
			place_text(&e->at, where, sizeof(where));
			snprintf(line, sizeof(line), "%s  %s", where, e->at.source);
			print_part(!i && !r->n_more ? "path" : "", line);
		}
		snprintf(line, sizeof(line), "    %s", e->text);
		print_part("", line);
		last = &e->at;
	}
	if (r->suggestion)
		print_part("help", r->suggestion);
	print_part("log", p->cause);
}

static const char *bytes_text(size_t n, char buf[32])
{
	if (n < 1 << 20)
		snprintf(buf, 32, "%.1f KiB", (double)n / 1024);
	else
		snprintf(buf, 32, "%.1f MiB", (double)n / (1 << 20));
	return buf;
}

static void print_prog(const struct check_prog *p, const struct check_show *show)
{
	const enum paint colours[] = {
		[CHECK_ACCEPT] = PAINT_GREEN, [CHECK_REJECT] = PAINT_RED, [CHECK_UNLOADABLE] = PAINT_YELLOW};
	const struct verify_result *r = p->job ? &p->job->result : NULL;
	char insns[32], states[32], memory[32];

	printf("%s%-10s%s %s%s%s, SEC(\"%s\")", paint(stdout, colours[p->verdict]), verdicts[p->verdict],
	       paint(stdout, PAINT_OFF), paint(stdout, PAINT_BOLD), p->name, paint(stdout, PAINT_OFF), p->section);
	if (p->verdict == CHECK_ACCEPT && r)
		printf(": %s instructions processed, %s state%s, stack %u, %.2f ms, %s\n",
		       number(insns, r->insns_processed), number(states, r->total_states),
		       r->total_states == 1 ? "" : "s", r->stack_depth, (double)r->time_ns / 1e6,
		       bytes_text(r->peak_memory, memory));
	else if (r && r->report)
		printf(": %s\n", problem_title(r->report->problem));
	else
		printf(": %s\n", p->cause);
	if (r && r->report && p->verdict == CHECK_REJECT)
		print_report(p, r->report);
	if (!show->verbose || !r)
		return;
	if (p->verdict == CHECK_ACCEPT)
		print_costs(p);
	if (p->job->log.len) {
		printf("  the kernel's log:\n");
		fwrite(p->job->log.text, 1, p->job->log.len, stdout);
	}
}

/* JSON */

static void add_text(struct json_object *o, const char *key, const char *text)
{
	json_object_object_add(o, key, text ? json_object_new_string(text) : NULL);
}

static void add_number(struct json_object *o, const char *key, uint64_t n)
{
	json_object_object_add(o, key, json_object_new_uint64(n));
}

static void add_place(struct json_object *o, const struct report_place *at)
{
	add_text(o, "file", at->file);
	json_object_object_add(o, "line", at->file ? json_object_new_uint64(at->line) : NULL);
	add_text(o, "source", at->file ? at->source : NULL);
	add_text(o, "function", *at->function ? at->function : NULL);
	add_number(o, "insn", at->insn);
}

static struct json_object *report_json(const struct check_prog *p)
{
	const struct verify_report *r = p->job->result.report;
	struct json_object *o = json_object_new_object(), *at = json_object_new_object();
	struct json_object *path = json_object_new_array();

	add_text(o, "problem", problem_name(r->problem));
	add_text(o, "title", problem_title(r->problem));
	add_text(o, "reason", r->reason);
	add_place(at, &r->at);
	add_text(at, "text", r->insn);
	json_object_object_add(o, "at", at);
	for (uint32_t i = 0; i < r->n_events; i++) {
		struct json_object *e = json_object_new_object();

		add_place(e, &r->events[i].at);
		add_text(e, "what", r->events[i].text);
		json_object_array_add(path, e);
	}
	json_object_object_add(o, "path", path);
	add_number(o, "left_out", r->n_more);
	add_text(o, "suggestion", r->suggestion);
	add_text(o, "message", p->cause);
	return o;
}

static struct json_object *lines_json(const struct check_prog *p)
{
	struct json_object *lines = json_object_new_array();
	uint32_t n;
	struct cost *all = costs(p, &n);

	for (uint32_t i = 0; i < n; i++) {
		struct json_object *o = json_object_new_object();

		add_text(o, "file", all[i].at.file);
		add_number(o, "line", all[i].at.line);
		add_text(o, "source", all[i].at.source);
		add_number(o, "insns_processed", all[i].visits);
		json_object_array_add(lines, o);
	}
	free(all);
	return lines;
}

static struct json_object *prog_json(const struct check_prog *p, const struct check_show *show)
{
	const struct verify_result *r = p->job ? &p->job->result : NULL;
	const struct hive_prog *prog = p->job ? p->job->prog : NULL;
	const struct prog_type_desc *type = prog ? prog_type_find(prog->type) : NULL;
	struct json_object *o = json_object_new_object();

	add_text(o, "name", p->name);
	add_text(o, "section", p->section);
	add_text(o, "type", type ? type->name : NULL);
	add_text(o, "verdict", verdicts[p->verdict]);
	add_text(o, "cause", p->cause);
	if (r && prog && !r->insns && r->report) { /* not well formed: there was nothing to verify */
		add_number(o, "insns", prog->code.n_insns);
		json_object_object_add(o, "report", report_json(p));
	}
	if (!r || !prog || !r->insns) /* it was not verified */
		return o;
	add_number(o, "insns", prog->code.n_insns);
	add_number(o, "insns_processed", r->insns_processed);
	add_number(o, "total_states", r->total_states);
	add_number(o, "peak_states", r->peak_states);
	json_object_object_add(o, "time_us", json_figure((double)r->time_ns / 1e3));
	add_number(o, "peak_memory", r->peak_memory);
	add_number(o, "stack_depth", r->stack_depth);
	json_object_object_add(o, "report", r->report ? report_json(p) : NULL);
	json_object_object_add(o, "lines", lines_json(p));
	if (show->verbose)
		json_object_object_add(
			o, "log",
			json_object_new_string_len(p->job->log.text ? p->job->log.text : "", (int)p->job->log.len));
	return o;
}

void check_print(const struct check *c, const struct check_show *show)
{
	uint32_t refused = 0;

	for (uint32_t i = 0; i < c->n_progs; i++)
		refused += c->progs[i].verdict != CHECK_ACCEPT;
	if (show->json) {
		struct json_object *o = json_object_new_object(), *progs = json_object_new_array();

		add_text(o, "object", show->object);
		add_text(o, "cause", c->cause);
		for (uint32_t i = 0; i < c->n_progs; i++)
			json_object_array_add(progs, prog_json(&c->progs[i], show));
		json_object_object_add(o, "programs", progs);
		add_text(o, "sized_maps", c->sized);
		if (show->versions)
			json_object_object_add(o, "kernels", versions_json(show->versions, c));
		print_json(o);
		return;
	}
	if (c->cause) {
		printf("%s%s%s: cannot be opened: %s\n", paint(stdout, PAINT_BOLD), show->object,
		       paint(stdout, PAINT_OFF), c->cause);
		return;
	}
	printf("%s%s%s: %u program%s, ", paint(stdout, PAINT_BOLD), show->object, paint(stdout, PAINT_OFF), c->n_progs,
	       c->n_progs == 1 ? "" : "s");
	if (refused && c->n_progs == 1)
		printf("it does not load\n");
	else if (refused)
		printf("%u of them do not load\n", refused);
	else
		printf("%s\n", c->n_progs ? "all accepted" : "nothing to verify");
	if (c->sized)
		printf("note       maps without max_entries, which the object's own loader sets, are judged with the "
		       "least: %s\n",
		       c->sized);
	for (uint32_t i = 0; i < c->n_progs; i++) {
		print_prog(&c->progs[i], show);
		if (c->progs[i].verdict == CHECK_REJECT && i + 1 < c->n_progs)
			putchar('\n');
	}
	if (show->versions)
		versions_print(show->versions, c);
}
