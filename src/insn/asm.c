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
#include "insn/text.h"
#include "base/util.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { NAME_SIZE = 256 };

/* A piece of the text: not NUL-terminated. */
struct span {
	const char *s;
	size_t len;
};

struct label {
	struct span name;
	uint32_t slot;
};

/* A jump, call or subprog[] that waits for a label. */
struct wait {
	struct span name;
	uint32_t slot, line;
	const char *line_start;
};

struct as {
	const struct insn_asm_opts *opts;
	struct insn_asm_error *error;
	struct bpf_insn *insns;
	struct label *labels;
	struct wait *waits;
	uint32_t n, n_labels, n_waits;
	size_t cap, cap_labels, cap_waits;
	uint32_t line;
	const char *line_start;
	const char *end; /* of the line */
	const char *best; /* how far the best attempt came */
	bool best_is_value;
	bool best_is_unclear; /* attempts that came as far expected different things */
	bool has_opcode;
};

/* One attempt to match a line. */
struct attempt {
	struct as *as;
	const struct insn_desc *d;
	const char *s;
	struct bpf_insn insn[2];
	bool has_dst, has_src;
	struct span target; /* label that the instruction waits for */
};

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

/* note - remember a failure when it is at least as far as any before. Return: false. */
static __attribute__((format(printf, 4, 5))) bool note(struct as *as, const char *at, bool value, const char *fmt, ...)
{
	char message[sizeof(as->error->message)];
	va_list ap;

	if (as->best && (at < as->best || (at == as->best && as->best_is_value && !value)))
		return false;
	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	as->best_is_unclear = at == as->best && as->best_is_value == value &&
			      (as->best_is_unclear || strcmp(message, as->error->message));
	as->best = at;
	as->best_is_value = value;
	memcpy(as->error->message, message, sizeof(message));
	return false;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '.' || c == '$';
}

static void skip_space(struct attempt *a)
{
	while (a->s < a->as->end && is_space(*a->s))
		a->s++;
}

/* peek - the next character, 0 at the end of the line. */
static char peek(const struct attempt *a)
{
	return a->s < a->as->end ? *a->s : 0;
}

/* literal - match a string of the template. */
static bool literal(struct attempt *a, const char *text)
{
	size_t len = strlen(text);

	skip_space(a);
	if ((size_t)(a->as->end - a->s) < len || memcmp(a->s, text, len) != 0 ||
	    (is_word(text[len - 1]) && a->s + len < a->as->end && is_word(a->s[len])))
		return note(a->as, a->s, false, "expected '%s'", text);
	a->s += len;
	return true;
}

/* word - the name that stands here: letters, digits and _ . $; empty when there is none. */
static struct span word(struct attempt *a)
{
	struct span w;

	skip_space(a);
	w.s = a->s;
	while (a->s < a->as->end && is_word(*a->s))
		a->s++;
	w.len = (size_t)(a->s - w.s);
	return w;
}

/*
 * number - an integer: decimal or 0x, with a sign.
 * @min, @max:  range of the value; hexadecimal may also be a bit pattern of up to @bits bits
 */
static bool number(struct attempt *a, int64_t min, int64_t max, int bits, int64_t *value)
{
	const char *at;
	uint64_t v = 0;
	bool negative = false, hex, overflow = false;
	unsigned int base, digits = 0;

	skip_space(a);
	at = a->s;
	if (peek(a) == '-' || peek(a) == '+') {
		negative = *a->s++ == '-';
		skip_space(a);
	}
	hex = peek(a) == '0' && a->s + 1 < a->as->end && (a->s[1] == 'x' || a->s[1] == 'X');
	base = hex ? 16 : 10;
	a->s += hex ? 2 : 0;
	for (; isxdigit((unsigned char)peek(a)) && (hex || isdigit((unsigned char)peek(a))); a->s++, digits++) {
		unsigned int digit = isdigit((unsigned char)*a->s) ? (unsigned int)(*a->s - '0')
								   : (unsigned int)((*a->s | 0x20) - 'a' + 10);

		overflow |= __builtin_mul_overflow(v, base, &v) || __builtin_add_overflow(v, digit, &v);
	}
	if (!digits || is_word(peek(a))) {
		a->s = at;
		return note(a->as, at, false, "expected a number");
	}
	if (bits == 64 && !overflow) {
		*value = (int64_t)(negative ? -v : v);
		if (!negative || v <= 1ull << 63)
			return true;
	} else if (!overflow && negative && v <= (uint64_t)-min) {
		*value = -(int64_t)v;
		return true;
	} else if (!overflow && !negative && v <= (uint64_t)max) {
		*value = (int64_t)v;
		return true;
	} else if (!overflow && !negative && hex && bits == 32 && v <= UINT32_MAX) {
		*value = (int32_t)(uint32_t)v;
		return true;
	}
	if (bits == 64 || overflow)
		return note(a->as, at, true, "number does not fit into 64 bits");
	return note(a->as, at, true, "number out of range: %lld to %lld", (long long)min, (long long)max);
}

/*
 * reg - a register, r0 to r10.
 * @narrow: whether it is written w0; @either: whether both will do
 */
static bool reg(struct attempt *a, bool narrow, bool either, uint32_t *value)
{
	struct span w = word(a);
	bool is_r = w.len && w.s[0] == 'r', is_w = w.len && w.s[0] == 'w';
	uint32_t v = 0;

	if (!(either ? is_r || is_w : narrow ? is_w : is_r) || w.len < 2 || w.len > 3)
		return note(a->as, w.s, false, "expected a register (%s0 to %s10)", narrow ? "w" : "r",
			    narrow ? "w" : "r");
	for (size_t i = 1; i < w.len; i++) {
		if (!isdigit((unsigned char)w.s[i]))
			return note(a->as, w.s, false, "expected a register (%s0 to %s10)", narrow ? "w" : "r",
				    narrow ? "w" : "r");
		v = v * 10 + (uint32_t)(w.s[i] - '0');
	}
	if (v > 10)
		return note(a->as, w.s, true, "there is no register %.*s", (int)w.len, w.s);
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
		return note(a->as, at, true, "must be the register that is written");
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
		return note(a->as, at, true, "must be the register that is written");
	a->insn[0].src_reg = v & 0xf;
	a->has_src = true;
	return true;
}

static bool imm32(struct attempt *a, int64_t *v)
{
	return number(a, INT32_MIN, INT32_MAX, 32, v);
}

/* angle - skip llvm-objdump's "<LBB0_2>" after a distance. Return: whether one was there. */
static bool angle(struct attempt *a)
{
	const char *close;

	skip_space(a);
	if (peek(a) != '<')
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

	skip_space(a);
	if (peek(a) == '+' || peek(a) == '-')
		return number(a, min, max, 0, v);
	w = word(a);
	if (w.len == 2 && !memcmp(w.s, "pc", 2) && (peek(a) == '+' || peek(a) == '-'))
		return number(a, min, max, 0, v);
	if (!w.len || isdigit((unsigned char)w.s[0]))
		return note(a->as, w.s, false, "expected pc+N, +N or a label");
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
	if (peek(a) != '#')
		return false;
	a->s++;
	return imm32(a, v);
}

/* copy_name - a span as a string. */
static const char *copy_name(struct span w, char buf[NAME_SIZE])
{
	size_t len = MIN(w.len, (size_t)NAME_SIZE - 1);

	memcpy(buf, w.s, len);
	buf[len] = 0;
	return buf;
}

/* is_kfunc - whether the caller knows a kfunc of this name. */
static bool is_kfunc(const struct attempt *a, struct span w, int32_t *imm, int16_t *off)
{
	const struct insn_asm_opts *opts = a->as->opts;
	char name[NAME_SIZE];

	return w.len && opts->kfunc && opts->kfunc(opts->arg, copy_name(w, name), imm, off);
}

/* call_helper - "NAME#5", "5", "NAME". */
static bool call_helper(struct attempt *a)
{
	const struct insn_asm_opts *opts = a->as->opts;
	char name[NAME_SIZE];
	struct span w;
	int32_t imm;
	int16_t off;
	int64_t v;
	int id;

	skip_space(a);
	if (isdigit((unsigned char)peek(a))) {
		if (!imm32(a, &v))
			return false;
		skip_space(a);
		if (peek(a) == '<')
			return note(a->as, a->s, false, "expected the end of the line");
		a->insn[0].imm = (int32_t)v;
		return true;
	}
	w = word(a);
	if (!w.len)
		return note(a->as, w.s, false, "expected a helper's name or number");
	copy_name(w, name);
	if (!strcmp(name, "kernel") || !strcmp(name, "pc") || is_kfunc(a, w, &imm, &off))
		return note(a->as, w.s, false, "expected a helper's name or number");
	if (call_number(a, &v)) {
		a->insn[0].imm = (int32_t)v;
		return true;
	}
	id = opts->helper ? opts->helper(opts->arg, name) : -1;
	if (id < 0)
		return note(a->as, w.s, false, "no helper '%s'", name);
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

	skip_space(a);
	if ((size_t)(a->as->end - a->s) >= sizeof(anonymous) - 1 && !memcmp(a->s, anonymous, sizeof(anonymous) - 1)) {
		a->s += sizeof(anonymous) - 1;
		if (!imm32(a, &v))
			return false;
		a->insn[0].imm = (int32_t)v;
		if (peek(a) == '@') {
			a->s++;
			if (!number(a, INT16_MIN, INT16_MAX, 0, &v))
				return false;
			a->insn[0].off = (int16_t)v;
		}
		return true;
	}
	w = word(a);
	if (!is_kfunc(a, w, &imm, &off))
		return note(a->as, w.s, false, "expected a kfunc");
	a->insn[0].imm = imm;
	a->insn[0].off = off;
	return peek(a) != '#' || call_number(a, &v);
}

/* call_subprog - "pc+5", "pc+5#name", "5 <name>", a label; "-1", which llvm-objdump prints before relocation. */
static bool call_subprog(struct attempt *a)
{
	int32_t imm;
	int16_t off;
	int64_t v;

	skip_space(a);
	if (isdigit((unsigned char)peek(a)) || peek(a) == '-') {
		bool negative = peek(a) == '-';

		if (!imm32(a, &v))
			return false;
		if (!angle(a) && !negative)
			return note(a->as, a->s, false, "expected the end of the line");
		a->insn[0].imm = (int32_t)v;
		return true;
	}
	if (!distance(a, INT32_MIN, INT32_MAX, &v))
		return false;
	if (is_kfunc(a, a->target, &imm, &off))
		return note(a->as, a->target.s, false, "expected a function");
	a->insn[0].imm = (int32_t)v;
	if (peek(a) == '#' && !a->target.len) {
		a->s++;
		word(a);
	}
	return true;
}

/* bracketed - "NAME[KEY:" NUMBER "]" */
static bool bracketed(struct attempt *a, const char *name, const char *key, int64_t *v)
{
	return literal(a, name) && literal(a, "[") && literal(a, key) && literal(a, ":") &&
	       number(a, INT32_MIN, UINT32_MAX, 32, v) && literal(a, "]");
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
		ok = bracketed(a, "map", "id", &v) && literal(a, "[") && literal(a, "0") && literal(a, "]") &&
		     number(a, INT32_MIN, UINT32_MAX, 32, &more);
		break;
	case INSN_LD_MAP_IDX:
		ok = bracketed(a, "map", "idx", &v);
		break;
	case INSN_LD_MAP_IDX_VALUE:
		ok = bracketed(a, "map", "idx", &v) && number(a, INT32_MIN, UINT32_MAX, 32, &more);
		break;
	case INSN_LD_VAR:
		ok = bracketed(a, "var", "id", &v) && number(a, INT32_MIN, UINT32_MAX, 32, &more);
		break;
	case INSN_LD_FUNC:
		ok = literal(a, "subprog") && literal(a, "[") && distance(a, INT32_MIN, INT32_MAX, &v) &&
		     literal(a, "]");
		break;
	default:
		ok = number(a, 0, 0, 64, &v);
		more = (int64_t)((uint64_t)v >> 32);
		skip_space(a);
		if (ok && (!a->as->has_opcode || peek(a) == 'l'))
			ok = literal(a, "ll");
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
	return literal(a, text);
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
		return literal(a, a->d->sym);
	case 't':
		return literal(a, insn_mem_type(a->d));
	case 'i':
	case 'x':
		if (!imm32(a, &v))
			return false;
		a->insn[0].imm = (int32_t)v;
		return true;
	case 'm':
		if (!number(a, INT16_MIN, INT16_MAX, 0, &v))
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

	if (is_word(*t))
		while (is_word(t[len]) && len < 31)
			buf[len] = t[len], len++;
	else
		buf[len] = t[len], len++;
	buf[len] = 0;
	return t + len;
}

/* match - whether the rest of the line is this template. */
static bool match(struct attempt *a, const char *template)
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
			if (!literal(a, buf))
				return false;
		}
	}
	skip_space(a);
	if (a->s < a->as->end)
		return note(a->as, a->s, false, "expected the end of the line");
	return true;
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

			if (!match(&a, templates[i]))
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
	while (as->best < as->end && is_space(*as->best))
		as->best++;
	if (as->best_is_unclear) {
		const char *stop = as->best;

		while (stop < as->end && !is_space(*stop) && stop - as->best < 40)
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

	while (end - t >= 3 && isxdigit((unsigned char)t[0]) && isxdigit((unsigned char)t[1]) && is_space(t[2])) {
		n++;
		for (t += 2; t < end && is_space(*t);)
			t++;
	}
	return n == 8 || n == 16 ? t : s;
}

static const char *after_space(const char *s, const char *end)
{
	while (s < end && is_space(*s))
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
	while (as->end > s && is_space(as->end[-1]))
		as->end--;
	for (t = s; t < as->end && is_word(*t);)
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
	char name[NAME_SIZE];

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
				 d->op == INSN_CALL_SUBPROG ? "helper or function" : "label", copy_name(w->name, name));
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
				 copy_name(w->name, name), (long long)dist);
			return place(as, w->line, w->line_start, w->name.s);
		}
	}
	for (uint32_t i = 1; i < as->n_labels; i++) {
		if (!compare_labels(&as->labels[i - 1], &as->labels[i])) {
			*as->error = (struct insn_asm_error){};
			snprintf(as->error->message, sizeof(as->error->message), "label '%.60s' is there twice",
				 copy_name(as->labels[i].name, name));
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
