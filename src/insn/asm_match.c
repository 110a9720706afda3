/* SPDX-License-Identifier: BSD-2-Clause */
/* The assembler's matcher: holds a line against a template and fills the fields of an instruction. */
#include "insn/asm.h"

#include <stdio.h>

/*
 * reg - a register, r0 to r10.
 * @narrow: whether it is written w0; @either: whether both will do
 */
static bool reg(struct attempt *a, bool narrow, bool either, uint32_t *value)
{
	struct span w = asm_word(a);
	bool is_r = w.len && w.s[0] == 'r', is_w = w.len && w.s[0] == 'w';
	uint32_t v = 0;

	if (!(either ? is_r || is_w : narrow ? is_w : is_r) || w.len < 2 || w.len > 3)
		return asm_note(a->as, w.s, false, "expected a register (%s0 to %s10)", narrow ? "w" : "r",
				narrow ? "w" : "r");
	for (size_t i = 1; i < w.len; i++) {
		if (!isdigit((unsigned char)w.s[i]))
			return asm_note(a->as, w.s, false, "expected a register (%s0 to %s10)", narrow ? "w" : "r",
					narrow ? "w" : "r");
		v = v * 10 + (uint32_t)(w.s[i] - '0');
	}
	if (v > 10)
		return asm_note(a->as, w.s, true, "there is no register %.*s", (int)w.len, w.s);
	*value = v;
	return true;
}

/* dst_reg, src_reg - a register field; where a template names it twice it must be the same. */
static bool dst_reg(struct attempt *a, bool narrow, bool either)
{
	const char *at = a->s;
	uint32_t v;

	if (!reg(a, narrow, either, &v))
		return false;
	if (a->has_dst && a->insn[0].dst_reg != v)
		return asm_note(a->as, at, true, "must be the register that is written");
	a->insn[0].dst_reg = v & 0xf;
	a->has_dst = true;
	return true;
}

static bool src_reg(struct attempt *a, bool narrow, bool either)
{
	const char *at = a->s;
	uint32_t v;

	if (!reg(a, narrow, either, &v))
		return false;
	if (a->has_src && a->insn[0].src_reg != v)
		return asm_note(a->as, at, true, "must be the register that is written");
	a->insn[0].src_reg = v & 0xf;
	a->has_src = true;
	return true;
}

static bool imm32(struct attempt *a, int64_t *v)
{
	return asm_number(a, INT32_MIN, INT32_MAX, 32, v);
}

/* angle - skip llvm-objdump's "<LBB0_2>" after a distance. Return: whether one was there. */
static bool angle(struct attempt *a)
{
	const char *close;

	asm_skip_space(a);
	if (asm_peek(a) != '<')
		return false;
	close = memchr(a->s, '>', (size_t)(a->as->end - a->s));
	if (close)
		a->s = close + 1;
	return close != NULL;
}

/* distance - "pc+3", "+3", or a label. */
static bool distance(struct attempt *a, int64_t min, int64_t max, int64_t *v)
{
	struct span w;

	asm_skip_space(a);
	if (asm_peek(a) == '+' || asm_peek(a) == '-')
		return asm_number(a, min, max, 0, v);
	w = asm_word(a);
	if (w.len == 2 && !memcmp(w.s, "pc", 2) && (asm_peek(a) == '+' || asm_peek(a) == '-'))
		return asm_number(a, min, max, 0, v);
	if (!w.len || isdigit((unsigned char)w.s[0]))
		return asm_note(a->as, w.s, false, "expected pc+N, +N or a label");
	a->target = w;
	*v = 0;
	return true;
}

static bool jump(struct attempt *a)
{
	bool is_far = a->d->imm == FORM_JUMP;
	int64_t v;

	if (!distance(a, is_far ? INT32_MIN : INT16_MIN, is_far ? INT32_MAX : INT16_MAX, &v))
		return false;
	if (is_far)
		a->insn[0].imm = (int32_t)v;
	else
		a->insn[0].off = (int16_t)v;
	angle(a);
	return true;
}

/* call_number - the number after a name's '#'. Return: whether there is one and it is read. */
static bool call_number(struct attempt *a, int64_t *v)
{
	if (asm_peek(a) != '#')
		return false;
	a->s++;
	return imm32(a, v);
}

/* is_kfunc - whether the caller knows a kfunc of this name. */
static bool is_kfunc(const struct attempt *a, struct span w, int32_t *imm, int16_t *off)
{
	const struct insn_asm_opts *opts = a->as->opts;
	char name[ASM_NAME_SIZE];

	return w.len && opts->kfunc && opts->kfunc(opts->arg, asm_copy_name(w, name), imm, off);
}

/* call_helper - "NAME#5", "5", "NAME". */
static bool call_helper(struct attempt *a)
{
	const struct insn_asm_opts *opts = a->as->opts;
	char name[ASM_NAME_SIZE];
	struct span w;
	int32_t imm;
	int16_t off;
	int64_t v;
	int id;

	asm_skip_space(a);
	if (isdigit((unsigned char)asm_peek(a))) {
		if (!imm32(a, &v))
			return false;
		asm_skip_space(a);
		if (asm_peek(a) == '<')
			return asm_note(a->as, a->s, false, "expected the end of the line");
		a->insn[0].imm = (int32_t)v;
		return true;
	}
	w = asm_word(a);
	if (!w.len)
		return asm_note(a->as, w.s, false, "expected a helper's name or number");
	asm_copy_name(w, name);
	if (!strcmp(name, "kernel") || !strcmp(name, "pc") || is_kfunc(a, w, &imm, &off))
		return asm_note(a->as, w.s, false, "expected a helper's name or number");
	if (call_number(a, &v)) {
		a->insn[0].imm = (int32_t)v;
		return true;
	}
	id = opts->helper ? opts->helper(opts->arg, name) : -1;
	if (id < 0)
		return asm_note(a->as, w.s, false, "no helper '%s'", name);
	a->insn[0].imm = id;
	return true;
}

/* call_kfunc - "kernel-function#1234@2", or a name that the caller knows, with or without its number. */
static bool call_kfunc(struct attempt *a)
{
	static const char anonymous[] = "kernel-function#";
	struct span w;
	int32_t imm;
	int16_t off;
	int64_t v;

	asm_skip_space(a);
	if ((size_t)(a->as->end - a->s) >= sizeof(anonymous) - 1 && !memcmp(a->s, anonymous, sizeof(anonymous) - 1)) {
		a->s += sizeof(anonymous) - 1;
		if (!imm32(a, &v))
			return false;
		a->insn[0].imm = (int32_t)v;
		if (asm_peek(a) == '@') {
			a->s++;
			if (!asm_number(a, INT16_MIN, INT16_MAX, 0, &v))
				return false;
			a->insn[0].off = (int16_t)v;
		}
		return true;
	}
	w = asm_word(a);
	if (!is_kfunc(a, w, &imm, &off))
		return asm_note(a->as, w.s, false, "expected a kfunc");
	a->insn[0].imm = imm;
	a->insn[0].off = off;
	return asm_peek(a) != '#' || call_number(a, &v);
}

/* call_subprog - "pc+5", "pc+5#name", "5 <name>", a label; "-1", which llvm-objdump prints before relocation. */
static bool call_subprog(struct attempt *a)
{
	int32_t imm;
	int16_t off;
	int64_t v;

	asm_skip_space(a);
	if (isdigit((unsigned char)asm_peek(a)) || asm_peek(a) == '-') {
		bool negative = asm_peek(a) == '-';

		if (!imm32(a, &v))
			return false;
		if (!angle(a) && !negative)
			return asm_note(a->as, a->s, false, "expected the end of the line");
		a->insn[0].imm = (int32_t)v;
		return true;
	}
	if (!distance(a, INT32_MIN, INT32_MAX, &v))
		return false;
	if (is_kfunc(a, a->target, &imm, &off))
		return asm_note(a->as, a->target.s, false, "expected a function");
	a->insn[0].imm = (int32_t)v;
	if (asm_peek(a) == '#' && !a->target.len) {
		a->s++;
		asm_word(a);
	}
	return true;
}

/* bracketed - "NAME[KEY:" NUMBER "]" */
static bool bracketed(struct attempt *a, const char *name, const char *key, int64_t *v)
{
	return asm_literal(a, name) && asm_literal(a, "[") && asm_literal(a, key) && asm_literal(a, ":") &&
	       asm_number(a, INT32_MIN, UINT32_MAX, 32, v) && asm_literal(a, "]");
}

/* wide - what a 64-bit immediate holds. */
static bool wide(struct attempt *a)
{
	int64_t v = 0, more = 0;
	bool ok;

	switch (a->d->op) {
	case INSN_LD_MAP_FD:
		ok = bracketed(a, "map", "id", &v);
		break;
	case INSN_LD_MAP_VALUE:
		ok = bracketed(a, "map", "id", &v) && asm_literal(a, "[") && asm_literal(a, "0") &&
		     asm_literal(a, "]") && asm_number(a, INT32_MIN, UINT32_MAX, 32, &more);
		break;
	case INSN_LD_MAP_IDX:
		ok = bracketed(a, "map", "idx", &v);
		break;
	case INSN_LD_MAP_IDX_VALUE:
		ok = bracketed(a, "map", "idx", &v) && asm_number(a, INT32_MIN, UINT32_MAX, 32, &more);
		break;
	case INSN_LD_VAR:
		ok = bracketed(a, "var", "id", &v) && asm_number(a, INT32_MIN, UINT32_MAX, 32, &more);
		break;
	case INSN_LD_FUNC:
		ok = asm_literal(a, "subprog") && asm_literal(a, "[") && distance(a, INT32_MIN, INT32_MAX, &v) &&
		     asm_literal(a, "]");
		break;
	default:
		ok = asm_number(a, 0, 0, 64, &v);
		more = (int64_t)((uint64_t)v >> 32);
		asm_skip_space(a);
		if (ok && (!a->as->has_opcode || asm_peek(a) == 'l'))
			ok = asm_literal(a, "ll");
	}
	a->insn[0].imm = (int32_t)(uint32_t)(uint64_t)v;
	a->insn[1].imm = (int32_t)(uint32_t)(uint64_t)more;
	return ok;
}

/* atomic_name - "atomic64_fetch_add" */
static bool atomic_name(struct attempt *a)
{
	const char *name = a->d->sym;
	char text[64];

	if (!strncmp(name, "atomic_", 7))
		name += 7;
	snprintf(text, sizeof(text), "atomic%s_%s", insn_is_narrow(a->d) ? "" : "64", name);
	return asm_literal(a, text);
}

/* field - match what a template's %-letter stands for (text.h). */
static bool field(struct attempt *a, char letter)
{
	bool narrow = insn_is_narrow(a->d);
	int64_t v;

	switch (letter) {
	case 'd':
	case 'D':
	case 'e':
		return dst_reg(a, letter == 'D' && narrow, letter == 'e' && narrow);
	case 's':
	case 'S':
	case 'f':
		return src_reg(a, letter == 'S' && narrow, letter == 'f' && narrow);
	case 'o':
		return asm_literal(a, a->d->sym);
	case 't':
		return asm_literal(a, insn_mem_type(a->d));
	case 'i':
	case 'x':
		if (!imm32(a, &v))
			return false;
		a->insn[0].imm = (int32_t)v;
		return true;
	case 'm':
		if (!asm_number(a, INT16_MIN, INT16_MAX, 0, &v))
			return false;
		a->insn[0].off = (int16_t)v;
		return true;
	case 'j':
		return jump(a);
	case 'a':
		return atomic_name(a);
	case 'l':
		return wide(a);
	case 'h':
		return call_helper(a);
	case 'k':
		return call_kfunc(a);
	default:
		return call_subprog(a);
	}
}

/* piece - cut a run of literal characters off a template: a word, or a single other character. */
static const char *piece(const char *t, char buf[32])
{
	size_t len = 0;

	if (asm_is_word(*t))
		while (asm_is_word(t[len]) && len < 31)
			buf[len] = t[len], len++;
	else
		buf[len] = t[len], len++;
	buf[len] = 0;
	return t + len;
}

bool asm_match(struct attempt *a, const char *template)
{
	char buf[32];

	for (const char *t = template; *t;) {
		if (*t == ' ') {
			t++;
		} else if (*t == '%') {
			if (!field(a, t[1]))
				return false;
			t += 2;
		} else {
			t = piece(t, buf);
			if (!asm_literal(a, buf))
				return false;
		}
	}
	asm_skip_space(a);
	if (a->s < a->as->end)
		return asm_note(a->as, a->s, false, "expected the end of the line");
	return true;
}
