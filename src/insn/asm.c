/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The assembler: reads what disasm.c and llvm-objdump write.
 *
 * Theory of operation
 *
 * A line is held against the templates (template.c) of all operations, in the
 * order of the opcode table. Matching a template fills the fields of an
 * instruction; a line is the first operation whose template fits all of it. The opcode in
 * parentheses, if there is one, limits the search to its rows, which is how "(18) r1 = 0x5" differs
 * from "(b7) r1 = 5".
 *
 * When nothing fits, the error stands where the best attempt stopped: each failure
 * is noted with its place, the furthest wins. A failure that is about a value (a
 * number out of range, an unknown name) beats one about syntax at the same place.
 *
 * Labels are slots; jumps to them wait in a list until all lines are read.
 *
 * Invariants
 *  - The text is only read between s and end; it may hold any bytes.
 *  - Whatever is returned decodes: an instruction is checked by insn_decode() before it is taken.
 */
#include "insn/asm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* ensure - make room for one more element. */
static int ensure(void *pp, uint32_t n, size_t *cap, size_t elem)
{
	void **array = pp, *bigger;
	size_t new_cap = *cap ? 2 * *cap : 64;

	if (n < *cap)
		return 0;
	bigger = realloc(*array, new_cap * elem);
	if (!bigger)
		return -ENOMEM;
	*array = bigger;
	*cap = new_cap;
	return 0;
}
/* take - append an instruction that matched, if it is one. Return: 0, 1 when it does not decode, or an error. */
static int take(struct as *as, struct attempt *a)
{
	struct bpf_insn *insn = &a->insn[0];
	const struct insn_desc *d = a->d;
	uint32_t slots;
	int err;

	insn->code = d->code;
	if (d->src & FORM_EQ)
		insn->src_reg = (d->src & ~(uint32_t)FORM_EQ) & 0xf;
	if (d->off & FORM_EQ)
		insn->off = (int16_t)(d->off & ~(uint32_t)FORM_EQ);
	if (d->imm & FORM_EQ)
		insn->imm = (int32_t)(d->imm & ~(uint32_t)FORM_EQ);
	if (insn_decode(insn, NULL) != d) {
		insn_explain(insn, as->error->message, sizeof(as->error->message));
		if (!as->error->message[0])
			snprintf(as->error->message, sizeof(as->error->message), "it would become another operation");
		return 1;
	}
	if (a->target.len) {
		err = ensure(&as->waits, as->n_waits, &as->cap_waits, sizeof(*as->waits));
		if (err)
			return err;
		as->waits[as->n_waits++] = (struct wait){a->target, as->n, as->line, as->line_start};
	}
	slots = insn_is_wide(insn) ? 2 : 1;
	if (as->n + slots > SKEP_MAX_INSNS)
		return -E2BIG;
	for (uint32_t i = 0; i < slots; i++) {
		err = ensure(&as->insns, as->n, &as->cap, sizeof(*as->insns));
		if (err)
			return err;
		as->insns[as->n++] = a->insn[i];
	}
	return 0;
}

/* place - finish an error: line, and column of @at. Return: -EINVAL. */
static int place(struct as *as, uint32_t line, const char *line_start, const char *at)
{
	as->error->line = line;
	as->error->column = (uint32_t)(at - line_start) + 1;
	return -EINVAL;
}

/*
 * instruction - one instruction from @s to the end of the line.
 * @code:  the opcode that stood in parentheses, or -1
 */
static int instruction(struct as *as, const char *s, int code)
{
	as->best = NULL;
	as->best_is_value = as->best_is_unclear = false;
	as->has_opcode = code >= 0;
	for (uint32_t op = 0; op < INSN_OP_COUNT; op++) {
		const struct insn_desc *d = &insn_descs[op];
		const char *templates[2] = {insn_template(d), insn_template_llvm(d)};

		if (code >= 0 && d->code != code)
			continue;
		for (uint32_t i = 0; i < 2 && templates[i]; i++) {
			struct attempt a = {.as = as, .d = d, .s = s};

			if (!asm_match(&a, templates[i]))
				continue;
			int err = take(as, &a);

			if (err <= 0)
				return err;
			return place(as, as->line, as->line_start, s);
		}
	}
	if (!as->best) {
		snprintf(as->error->message, sizeof(as->error->message), "no instruction has opcode 0x%02x", code);
		return place(as, as->line, as->line_start, s);
	}
	while (as->best < as->end && asm_is_space(*as->best))
		as->best++;
	if (as->best_is_unclear) {
		const char *stop = as->best;

		while (stop < as->end && !asm_is_space(*stop) && stop - as->best < 40)
			stop++;
		if (stop == as->best)
			snprintf(as->error->message, sizeof(as->error->message), "the line ends too early");
		else
			snprintf(as->error->message, sizeof(as->error->message), "cannot make sense of '%.*s'",
				 (int)(stop - as->best), as->best);
	}
	return place(as, as->line, as->line_start, as->best);
}

static int add_label(struct as *as, const char *s, size_t len)
{
	int err = ensure(&as->labels, as->n_labels, &as->cap_labels, sizeof(*as->labels));

	if (!err)
		as->labels[as->n_labels++] = (struct label){{s, len}, as->n};
	return err;
}

/* hex_bytes - skip the eight (or sixteen) bytes that llvm-objdump puts in front of an instruction. */
static const char *hex_bytes(const char *s, const char *end)
{
	const char *t = s;
	int n = 0;

	while (end - t >= 3 && isxdigit((unsigned char)t[0]) && isxdigit((unsigned char)t[1]) && asm_is_space(t[2])) {
		n++;
		for (t += 2; t < end && asm_is_space(*t);)
			t++;
	}
	return n == 8 || n == 16 ? t : s;
}

static const char *after_space(const char *s, const char *end)
{
	while (s < end && asm_is_space(*s))
		s++;
	return s;
}

/* comment_start - where a line's comment begins, or its end. */
static const char *comment_start(const char *s, const char *end)
{
	if (s < end && *s == '#')
		return s;
	for (; s < end; s++)
		if (*s == ';' || (*s == '/' && end - s >= 2 && s[1] == '/'))
			return s;
	return end;
}

/*
 * line - one line: what may stand in front of an instruction, then the instruction.
 * @s: to as->end
 */
static int line(struct as *as, const char *s)
{
	const char *t;
	int code = -1;

	s = after_space(s, as->end);
	as->end = comment_start(s, as->end);
	while (as->end > s && asm_is_space(as->end[-1]))
		as->end--;
	for (t = s; t < as->end && asm_is_word(*t);)
		t++;
	const char *angled = after_space(t, as->end);

	if (t > s && t < as->end && *t == ':') { /* a slot's number or a label */
		int err = isdigit((unsigned char)*s) ? 0 : add_label(as, s, (size_t)(t - s));

		if (err)
			return err;
		s = hex_bytes(after_space(t + 1, as->end), as->end);
	} else if (t > s && angled < as->end && *angled == '<' && as->end[-1] == ':' && as->end[-2] == '>') {
		return add_label(as, angled + 1, (size_t)(as->end - angled) - 3); /* "0018 <LBB0_2>:" */
	}
	if (as->end - s >= 4 && s[0] == '(' && s[3] == ')' && isxdigit((unsigned char)s[1]) &&
	    isxdigit((unsigned char)s[2])) {
		char hex[3] = {s[1], s[2], 0};

		code = (int)strtoul(hex, NULL, 16);
		s = after_space(s + 4, as->end);
	}
	return s == as->end && code < 0 ? 0 : instruction(as, s, code);
}

static int compare_labels(const void *a, const void *b)
{
	const struct label *x = a, *y = b;
	int order = memcmp(x->name.s, y->name.s, MIN(x->name.len, y->name.len));

	return order ? order : (x->name.len > y->name.len) - (x->name.len < y->name.len);
}

/* resolve - write the distances of all that waits for a label. */
static int resolve(struct as *as)
{
	char name[ASM_NAME_SIZE];

	if (as->n_labels)
		qsort(as->labels, as->n_labels, sizeof(*as->labels), compare_labels);
	for (uint32_t i = 0; i < as->n_waits; i++) {
		const struct wait *w = &as->waits[i];
		struct bpf_insn *insn = &as->insns[w->slot];
		const struct label key = {.name = w->name}, *l = NULL;
		const struct insn_desc *d = insn_decode(insn, NULL);
		int64_t dist;

		if (as->n_labels)
			l = bsearch(&key, as->labels, as->n_labels, sizeof(*as->labels), compare_labels);
		if (!l) {
			snprintf(as->error->message, sizeof(as->error->message), "no %s '%.60s'",
				 d->op == INSN_CALL_SUBPROG ? "helper or function" : "label",
				 asm_copy_name(w->name, name));
			return place(as, w->line, w->line_start, w->name.s);
		}
		dist = (int64_t)l->slot - w->slot - 1;
		if (d->off != FORM_JUMP) { /* GOTOL, CALL_SUBPROG, LD_FUNC */
			insn->imm = (int32_t)dist;
		} else if (dist >= INT16_MIN && dist <= INT16_MAX) {
			insn->off = (int16_t)dist;
		} else {
			snprintf(as->error->message, sizeof(as->error->message),
				 "label '%.60s' is %lld slots away; at most 32768 are possible",
				 asm_copy_name(w->name, name), (long long)dist);
			return place(as, w->line, w->line_start, w->name.s);
		}
	}
	for (uint32_t i = 1; i < as->n_labels; i++) {
		if (!compare_labels(&as->labels[i - 1], &as->labels[i])) {
			*as->error = (struct insn_asm_error){};
			snprintf(as->error->message, sizeof(as->error->message), "label '%.60s' is there twice",
				 asm_copy_name(as->labels[i].name, name));
			return -EINVAL;
		}
	}
	return 0;
}

int insn_asm(const char *text, size_t len, const struct insn_asm_opts *opts, struct bpf_insn **out, uint32_t *n,
	     struct insn_asm_error *error)
{
	static const struct insn_asm_opts none = {};
	struct as as = {.opts = opts ? opts : &none, .error = error};
	const char *s = text, *end = text + len;
	int err = 0;

	*error = (struct insn_asm_error){};
	while (s < end && !err) {
		const char *eol = memchr(s, '\n', (size_t)(end - s));

		as.line++;
		as.line_start = s;
		as.end = eol ? eol : end;
		err = line(&as, s);
		s = eol ? eol + 1 : end;
	}
	if (!err)
		err = resolve(&as);
	if (!err && !as.n) {
		snprintf(error->message, sizeof(error->message), "no instructions");
		err = -EINVAL;
	}
	if (err == -E2BIG)
		snprintf(error->message, sizeof(error->message), "more than %d instructions", SKEP_MAX_INSNS);
	if (err == -ENOMEM)
		snprintf(error->message, sizeof(error->message), "out of memory");
	free(as.labels);
	free(as.waits);
	if (err) {
		free(as.insns);
		return err;
	}
	*out = as.insns;
	*n = as.n;
	*error = (struct insn_asm_error){};
	return 0;
}
