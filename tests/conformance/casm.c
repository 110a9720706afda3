/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Theory of operation: a line is split into a mnemonic and operands; the mnemonic and the kinds of the
 * operands give the name of a row of the opcode table ("jne32 %r1, 5, L" is JNE32_K), and the row
 * says which field each operand goes to. Labels are collected first, resolved when all slots are known.
 */
#include "casm.h"
#include "insn/encode.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	MAX_SLOTS = 4096,
	MAX_LABELS = 256,
	MAX_OPERANDS = 3,
	NAME_SIZE = 64,
};

struct operand {
	enum { OPERAND_REG, OPERAND_NUMBER, OPERAND_MEM, OPERAND_NAME } kind;
	uint32_t reg;
	uint64_t value; /* of a number or a memory offset, as 64 bits of two's complement */
	bool negative, hex; /* how the number was written: decides its range */
	char name[NAME_SIZE];
};

struct casm {
	struct bpf_insn insns[MAX_SLOTS];
	char wants[MAX_SLOTS][NAME_SIZE]; /* the label whose distance a slot still needs, "" for none */
	uint32_t wants_line[MAX_SLOTS];
	uint32_t n;
	struct {
		char name[NAME_SIZE];
		uint32_t slot;
	} labels[MAX_LABELS];
	uint32_t n_labels;
	uint32_t last_exit; /* slot after the last exit plus one; 0: none. "exit" is a label of its own */
	uint32_t line;
	char *error;
	size_t error_size;
};

static __attribute__((format(printf, 2, 3))) bool fail(struct casm *c, const char *fmt, ...)
{
	int at = snprintf(c->error, c->error_size, "line %u: ", c->line);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->error + at, c->error_size - (size_t)at, fmt, ap);
	va_end(ap);
	return false;
}

/* parse_number - all of @s as a number: decimal or hexadecimal, with an optional sign. */
static bool parse_number(const char *s, struct operand *o)
{
	char *end;

	o->negative = *s == '-';
	if (*s == '-' || *s == '+')
		s++;
	o->hex = s[0] == '0' && (s[1] == 'x' || s[1] == 'X');
	if (!isxdigit((unsigned char)*s))
		return false;
	errno = 0;
	o->value = strtoull(s, &end, o->hex ? 16 : 10);
	if (*end || errno)
		return false;
	if (o->negative)
		o->value = -o->value;
	o->kind = OPERAND_NUMBER;
	return true;
}

static bool parse_reg(const char *s, size_t len, uint32_t *reg)
{
	if (len < 3 || len > 4 || s[0] != '%' || s[1] != 'r' || !isdigit((unsigned char)s[2]))
		return false;
	*reg = (uint32_t)(s[2] - '0');
	if (len == 4) {
		if (!isdigit((unsigned char)s[3]) || s[2] == '0')
			return false;
		*reg = *reg * 10 + (uint32_t)(s[3] - '0');
	}
	return *reg <= 10;
}

/* fits - a number as a field of @bits bits: signed, or as a bit pattern when written in hexadecimal. */
static bool fits(const struct operand *o, int bits, int64_t *value)
{
	int64_t max = (1ll << (bits - 1)) - 1;

	*value = (int64_t)o->value;
	if (o->negative)
		return *value >= -max - 1 && *value <= 0;
	if (o->hex && bits == 32) {
		*value = (int32_t)(uint32_t)o->value;
		return o->value <= UINT32_MAX;
	}
	return o->value <= (uint64_t)max;
}

static bool parse_operand(struct casm *c, char *s, struct operand *o)
{
	size_t len = strlen(s);

	if (s[0] == '%') {
		o->kind = OPERAND_REG;
		return parse_reg(s, len, &o->reg) || fail(c, "'%s' is no register", s);
	}
	if (s[0] == '[') {
		size_t reg_len = strcspn(s + 1, "+-]");

		if (s[len - 1] != ']' || !parse_reg(s + 1, reg_len, &o->reg))
			return fail(c, "'%s' is no memory operand", s);
		s[len - 1] = 0;
		o->value = 0;
		if (s[1 + reg_len] && !parse_number(s + 1 + reg_len, o))
			return fail(c, "'%s' is no offset", s + 1 + reg_len);
		o->kind = OPERAND_MEM;
		return true;
	}
	if (isalpha((unsigned char)s[0]) || s[0] == '_') {
		o->kind = OPERAND_NAME;
		if (len >= NAME_SIZE)
			return fail(c, "name too long");
		memcpy(o->name, s, len + 1);
		return true;
	}
	return parse_number(s, o) || fail(c, "'%s' is no operand", s);
}

/* row - the row of the opcode table of this name, NULL when there is none. */
static __attribute__((format(printf, 1, 2))) const struct insn_desc *row(const char *fmt, ...)
{
	char name[2 * NAME_SIZE];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(name, sizeof(name), fmt, ap);
	va_end(ap);
	for (uint32_t op = 0; op < INSN_OP_COUNT; op++)
		if (!strcasecmp(insn_descs[op].name, name))
			return &insn_descs[op];
	return NULL;
}

/* is_one_of - whether @s is one of the space-separated @words. */
static bool is_one_of(const char *s, const char *words)
{
	size_t len = strlen(s);

	for (const char *w = words; len && (w = strstr(w, s)); w += len)
		if ((w == words || w[-1] == ' ') && (w[len] == ' ' || !w[len]))
			return true;
	return false;
}

/*
 * find_row - which row a mnemonic means.
 * @lock, @fetch: prefixes of an atomic operation
 * @second:       kind of the second operand: tells _K from _X
 */
static const struct insn_desc *find_row(const char *mnemonic, bool lock, bool fetch, bool second_is_reg)
{
	static const char *const renamed[][2] = {
		{"ja32", "GOTOL"},           {"swap16", "BSWAP16"},       {"swap32", "BSWAP32"},
		{"swap64", "BSWAP64"},       {"lddw", "LDIMM64"},         {"movsx864", "MOVSX64_8"},
		{"movsx1664", "MOVSX64_16"}, {"movsx3264", "MOVSX64_32"}, {"movsx832", "MOVSX32_8"},
		{"movsx1632", "MOVSX32_16"},
	};
	char base[NAME_SIZE];
	size_t len = strlen(mnemonic);
	int width = 64;

	for (size_t i = 0; i < sizeof(renamed) / sizeof(renamed[0]); i++)
		if (!strcmp(mnemonic, renamed[i][0]))
			return lock ? NULL : row("%s", renamed[i][1]);
	if (is_one_of(mnemonic, "le16 le32 le64 be16 be32 be64 bswap16 bswap32 bswap64 exit ja may_goto "
				"ldxb ldxh ldxw ldxdw ldxsb ldxsh ldxsw stb sth stw stdw stxb stxh stxw stxdw "
				"ldacqb ldacqh ldacqw ldacqdw strelb strelh strelw streldw "
				"ldabsb ldabsh ldabsw ldindb ldindh ldindw"))
		return lock ? NULL : row("%s", mnemonic);
	memcpy(base, mnemonic, len + 1);
	if (len > 2 && !strcmp(base + len - 2, "32")) {
		width = 32;
		base[len - 2] = 0;
	} else if (len > 2 && !strcmp(base + len - 2, "64")) {
		base[len - 2] = 0;
	}
	if (lock && is_one_of(base, "add or and xor"))
		return row("%s_%s%d", fetch ? "FETCH" : "ATOMIC", base, width);
	if (lock && !fetch && is_one_of(base, "xchg cmpxchg"))
		return row("%s%d", base, width);
	if (lock)
		return NULL;
	if (!strcmp(base, "neg"))
		return row("NEG%d", width);
	if (is_one_of(base, "add sub mul div sdiv or and lsh rsh mod smod xor mov arsh "
			    "jeq jgt jge jset jne jsgt jsge jlt jle jslt jsle"))
		return row("%s%d_%c", base, width, second_is_reg ? 'X' : 'K');
	return NULL;
}

/* add - append an encoded slot; @label is the name of the jump target it waits for, or NULL. */
static bool add(struct casm *c, struct bpf_insn insn, const char *label)
{
	if (c->n == MAX_SLOTS)
		return fail(c, "program too long");
	c->insns[c->n] = insn;
	c->wants_line[c->n] = c->line;
	memcpy(c->wants[c->n], label ? label : "", label ? strlen(label) + 1 : 1);
	c->n++;
	return true;
}

/*
 * emit - put the operands into the fields that the row leaves open: memory operands fill a register and
 * the offset, names and numbers a jump field, registers the remaining register fields from left to right.
 */
static bool emit(struct casm *c, const struct insn_desc *d, struct operand *ops, uint32_t n_ops)
{
	int64_t dst = -1, src = -1, off = 0, imm = 0, v = 0;
	bool off_done = d->off != FORM_JUMP && d->off != FORM_MEM;
	bool imm_done = d->imm != FORM_IMM && d->imm != FORM_JUMP;
	bool dst_open = d->dst == FORM_READ || d->dst == FORM_WRITE;
	bool src_open = d->src == FORM_READ || d->src == FORM_WRITE;
	bool load = BPF_CLASS(d->code) == BPF_LDX || (d->dst == FORM_WRITE && d->off == FORM_MEM);
	const char *label = NULL;
	struct bpf_insn insn;

	for (uint32_t i = 0; i < n_ops; i++) {
		struct operand *o = &ops[i];
		int64_t *mem_reg = load ? &src : &dst;

		if (o->kind == OPERAND_MEM && d->off == FORM_MEM && !off_done && *mem_reg < 0) {
			*mem_reg = o->reg;
			if (!fits(o, 16, &off))
				return fail(c, "memory offset out of range");
			off_done = true;
		} else if (o->kind == OPERAND_REG && dst_open && dst < 0 && (d->off != FORM_MEM || load)) {
			dst = o->reg;
		} else if (o->kind == OPERAND_REG && src_open && src < 0) {
			src = o->reg;
		} else if (o->kind == OPERAND_NAME && d->off == FORM_JUMP && !off_done) {
			label = o->name;
			off_done = true;
		} else if (o->kind == OPERAND_NAME && d->imm == FORM_JUMP && !imm_done) {
			label = o->name;
			imm_done = true;
		} else if (o->kind == OPERAND_NUMBER && !imm_done) {
			if (d->op == INSN_LDIMM64)
				v = (int64_t)o->value;
			else if (!fits(o, 32, &imm))
				return fail(c, "immediate out of range");
			imm_done = true;
		} else if (o->kind == OPERAND_NUMBER && d->off == FORM_JUMP && !off_done) {
			if (!fits(o, 16, &off))
				return fail(c, "jump out of range");
			off_done = true;
		} else {
			return fail(c, "operand %u does not suit %s", i + 1, d->name);
		}
	}
	if (!off_done || !imm_done || (dst_open && dst < 0) || (src_open && src < 0))
		return fail(c, "too few operands for %s", d->name);
	if (d->op == INSN_LDIMM64) {
		struct bpf_insn two[2];

		if (insn_encode_wide(INSN_LDIMM64, (uint32_t)dst, (uint64_t)v, two))
			return fail(c, "operands do not suit %s", d->name);
		return add(c, two[0], NULL) && add(c, two[1], NULL);
	}
	if (insn_encode(d->op, dst_open ? (uint32_t)dst : 0, src_open ? (uint32_t)src : 0, off, imm, &insn))
		return fail(c, "operands do not suit %s", d->name);
	return add(c, insn, label);
}

/* call - "call 5", "call local f", "call %r2". */
static bool call(struct casm *c, char *args)
{
	struct operand o = {};
	struct bpf_insn insn;
	int64_t id;
	bool local = !strncmp(args, "local", 5) && isspace((unsigned char)args[5]);

	if (local)
		args += strspn(args + 5, " \t") + 5;
	if (!*args || !parse_operand(c, args, &o))
		return *args ? false : fail(c, "call of what?");
	if (local && o.kind == OPERAND_NAME) {
		insn_encode(INSN_CALL_SUBPROG, 0, 0, 0, 0, &insn);
		return add(c, insn, o.name);
	}
	if (!local && o.kind == OPERAND_REG) {
		insn_encode(INSN_CALLX, o.reg, 0, 0, 0, &insn);
		return add(c, insn, NULL);
	}
	if (!local && o.kind == OPERAND_NUMBER && fits(&o, 32, &id)) {
		insn_encode(INSN_CALL_HELPER, 0, 0, 0, id, &insn);
		return add(c, insn, NULL);
	}
	return fail(c, "'%s' cannot be called", args);
}

/* word - cut the next space-terminated word off. */
static char *word(char **s)
{
	char *w = *s + strspn(*s, " \t"), *end = w + strcspn(w, " \t");

	*s = end + strspn(end, " \t");
	*end = 0;
	return w;
}

static bool instruction(struct casm *c, char *s)
{
	struct operand ops[MAX_OPERANDS] = {};
	uint32_t n_ops = 0;
	char *mnemonic = word(&s);
	bool lock = !strcmp(mnemonic, "lock"), fetch = false;

	if (lock) {
		mnemonic = word(&s);
		fetch = !strcmp(mnemonic, "fetch");
		if (fetch)
			mnemonic = word(&s);
	}
	if (strlen(mnemonic) >= NAME_SIZE)
		return fail(c, "unknown mnemonic");
	if (!lock && !strcmp(mnemonic, "call"))
		return call(c, s);
	while (*s) {
		char *end = s + strcspn(s, ","), *next = *end ? end + 1 : end;

		if (n_ops == MAX_OPERANDS)
			return fail(c, "too many operands");
		while (end > s && isspace((unsigned char)end[-1]))
			end--;
		*end = 0;
		if (!*s || !parse_operand(c, s, &ops[n_ops++]))
			return *s ? false : fail(c, "empty operand");
		s = next + strspn(next, " \t");
	}
	const struct insn_desc *d = find_row(mnemonic, lock, fetch, n_ops >= 2 && ops[1].kind == OPERAND_REG);

	if (!d)
		return fail(c, "unknown mnemonic '%s%s%s'", lock ? "lock " : "", fetch ? "fetch " : "", mnemonic);
	if (d->op == INSN_EXIT)
		c->last_exit = c->n + 1;
	return emit(c, d, ops, n_ops);
}

static bool label(struct casm *c, const char *name, size_t len)
{
	if (c->n_labels == MAX_LABELS || len >= NAME_SIZE || len == 0)
		return fail(c, "too many labels, or a label too long or empty");
	memcpy(c->labels[c->n_labels].name, name, len);
	c->labels[c->n_labels].name[len] = 0;
	c->labels[c->n_labels++].slot = c->n;
	return true;
}

/* resolve - write the distances to labels. */
static bool resolve(struct casm *c)
{
	for (uint32_t i = 0; i < c->n; i++) {
		int64_t to = -1;

		if (!c->wants[i][0])
			continue;
		for (uint32_t l = 0; l < c->n_labels; l++)
			if (!strcmp(c->labels[l].name, c->wants[i]))
				to = c->labels[l].slot;
		if (to < 0 && c->last_exit && !strcmp(c->wants[i], "exit"))
			to = c->last_exit - 1;
		c->line = c->wants_line[i];
		if (to < 0)
			return fail(c, "no label '%s'", c->wants[i]);
		to -= i + 1;
		if (insn_decode(&c->insns[i], NULL)->imm == FORM_JUMP)
			c->insns[i].imm = (int32_t)to;
		else if (to == (int16_t)to)
			c->insns[i].off = (int16_t)to;
		else
			return fail(c, "label '%s' is too far away", c->wants[i]);
	}
	return true;
}

int casm(const char *text, struct bpf_insn **out, char *error, size_t error_size)
{
	struct casm *c = calloc(1, sizeof(*c));
	char *copy = strdup(text), *rest = copy, *s;
	bool ok = true;
	int n;

	*out = NULL;
	if (!c || !copy)
		abort();
	c->error = error;
	c->error_size = error_size;
	while (ok && (s = strsep(&rest, "\n"))) {
		size_t name_len;

		c->line++;
		s[strcspn(s, "#;")] = 0;
		s += strspn(s, " \t\r");
		for (size_t len = strlen(s); len && isspace((unsigned char)s[len - 1]); len--)
			s[len - 1] = 0;
		name_len = strcspn(s, ": \t");
		if (s[name_len] == ':') {
			ok = label(c, s, name_len);
			s += name_len + 1;
			s += strspn(s, " \t");
		}
		if (ok && *s)
			ok = instruction(c, s);
	}
	ok = ok && resolve(c);
	if (ok && !c->n)
		ok = fail(c, "no instructions");
	n = ok ? (int)c->n : -1;
	if (ok) {
		*out = malloc(c->n * sizeof(**out));
		if (!*out)
			abort();
		memcpy(*out, c->insns, c->n * sizeof(**out));
	}
	free(copy);
	free(c);
	return n;
}
