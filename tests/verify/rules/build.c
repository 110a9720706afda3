/* SPDX-License-Identifier: BSD-2-Clause */
/* From a case's text to what verify() takes. */
#include "rules.h"

#include "helper/helper.h"
#include "helper/kfunc.h"
#include "insn/check.h"
#include "insn/text.h"
#include "prog/types.h"
#include "verify/record.h"

#include <bpf/btf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define NAME(p) [PROBLEM_##p] = #p
static const char *const problems[PROBLEM_COUNT] = {
	NAME(NONE),       NAME(SCALAR_ACCESS), NAME(PACKET_RANGE), NAME(CTX_ACCESS), NAME(VAR_CTX),
	NAME(MEM_RANGE),  NAME(UNBOUNDED),     NAME(NULL_ACCESS),  NAME(NULL_ARG),   NAME(ARG_TYPE),
	NAME(REF_LEAK),   NAME(RETURN_RANGE),  NAME(STACK_WRITE),  NAME(STACK_READ), NAME(STACK_DEPTH),
	NAME(UNINIT),     NAME(PTR_ARITH),     NAME(PTR_LEAK),     NAME(DYNPTR),     NAME(ITER),
	NAME(LOCK),       NAME(RCU),           NAME(DIV_ZERO),     NAME(MISALIGNED), NAME(READ_ONLY),
	NAME(LOOP),       NAME(TOO_COMPLEX),   NAME(SHAPE),        NAME(HELPER),     NAME(MAP),
	NAME(BTF_ACCESS), NAME(SLEEP),         NAME(GPL),          NAME(ATTACH),     NAME(NOT_SUPPORTED),
	NAME(MEMORY),
};

const char *rule_problem_name(enum verify_problem problem)
{
	return problem < PROBLEM_COUNT && problems[problem] ? problems[problem] : "?";
}

int rule_problem(const char *name)
{
	for (int i = 0; i < PROBLEM_COUNT; i++)
		if (problems[i] && !strcmp(problems[i], name))
			return i;
	return -1;
}

/* While a case is built. */
struct build {
	struct rules_file *file;
	struct rule_prog *p;
	char *asm_text;
	size_t len;
	uint32_t slots;
	struct {
		char name[48];
		uint32_t slot;
	} labels[MAX_LABELS];
	uint32_t n_labels;
	struct {
		char kind, name[64]; /* '@' map, '&' function, '%' kernel variable */
		uint32_t slot, off;
		bool value;
	} fixes[MAX_FIXES];
	uint32_t n_fixes;
	struct {
		uint32_t slot;
		struct bpf_insn insn;
	} raws[MAX_LABELS];
	uint32_t n_raws;
	struct {
		char label[48], func[48];
	} funcs[16];
	uint32_t n_funcs;
	char member[64], target[32];
	bool btf, needs_kernel, no_types, bad_info;
	int failed;
};

static int fail(struct build *b, const char *fmt, ...)
{
	va_list ap;

	if (b->failed)
		return -1;
	va_start(ap, fmt);
	vsnprintf(b->p->error, sizeof(b->p->error), fmt, ap);
	va_end(ap);
	b->failed = 1;
	return -1;
}

static int own_type(const char *name)
{
	static const uint32_t kinds[] = {BTF_KIND_STRUCT, BTF_KIND_TYPEDEF, BTF_KIND_FUNC, BTF_KIND_INT};
	int id = -1;

	for (size_t i = 0; id <= 0 && i < ARRAY_SIZE(kinds); i++)
		id = btf__find_by_name_kind(rules_types, name, kinds[i]);
	return id;
}

static uint32_t kernel_id(const char *name)
{
	static const uint32_t kinds[] = {BTF_KIND_TYPEDEF, BTF_KIND_FUNC, BTF_KIND_STRUCT,
					 BTF_KIND_VAR,     BTF_KIND_INT,  BTF_KIND_UNION};
	uint32_t id = 0;

	for (size_t i = 0; !id && i < ARRAY_SIZE(kinds); i++)
		id = kernel_types_find(rules_kernel_types, name, kinds[i]);
	return id;
}

/* Maps */

static struct rule_map *find_map(struct build *b, const char *name)
{
	for (uint32_t i = b->file->n_maps; i-- > 0;)
		if (!strcmp(b->file->maps[i].name, name))
			return &b->file->maps[i];
	return NULL;
}

/* "ab\0c" as bytes, up to the value's size. */
static uint8_t *frozen_bytes(const struct rule_map *m)
{
	uint8_t *bytes = calloc(1, m->value_size);
	uint32_t n = 0;

	if (!bytes)
		abort();
	for (const char *c = m->frozen; *c && n < m->value_size; c++) {
		unsigned int code;

		if (c[0] == '\\' && c[1] == 'x' && sscanf(c + 2, "%2x", &code) == 1) {
			bytes[n++] = (uint8_t)code;
			c += 3;
		} else {
			bytes[n++] = (uint8_t)*c;
		}
	}
	return bytes;
}

static int make_map(struct build *b, struct rule_map *m)
{
	int key, value, err;

	if (m->made)
		return 0;
	m->map = (struct verify_map){.id = 1,
				     .type = m->type,
				     .key_size = m->key_size,
				     .value_size = m->value_size,
				     .max_entries = m->max_entries,
				     .flags = m->flags,
				     .extra = m->extra,
				     /* no case maps its arena */
				     .unplaced = m->type == SKEP_MAP_TYPE_ARENA && !m->extra};
	snprintf(m->map.name, sizeof(m->map.name), "rule");
	if (m->frozen)
		m->map.frozen = m->bytes = frozen_bytes(m);
	if (m->value_type[0]) {
		value = own_type(m->value_type);
		key = own_type(m->key_type[0] ? m->key_type : "u32");
		if (value <= 0 || key <= 0)
			return fail(b, "no type %s in types.bpf.c", m->value_type);
		m->map.btf = rules_types;
		m->map.btf_value_type = (uint32_t)value;
		m->map.btf_key_type = m->key_size ? (uint32_t)key : 0;
		err = btf_record_parse(rules_types, (uint32_t)value, m->value_size, BTF_FIELDS_OF_MAP, rules_vmlinux,
				       &m->record);
		if (err)
			return fail(b, "the fields of %s: %s", m->value_type, strerror(-err));
		m->map.record = m->record;
	}
	m->made = true;
	return 0;
}

static int use_map(struct build *b, const char *name, uint32_t *index)
{
	struct rule_map *m = find_map(b, name), *inner;
	struct rule_prog *p = b->p;

	if (!m)
		return fail(b, "no map %s", name);
	if (make_map(b, m))
		return -1;
	for (*index = 0; *index < p->in.n_maps; (*index)++)
		if (p->used[*index] == m)
			return 0;
	if (p->in.n_maps == ARRAY_SIZE(p->maps))
		return fail(b, "too many maps");
	p->used[*index] = m;
	p->own_maps[*index] = m->map;
	p->own_maps[*index].index = *index;
	p->own_maps[*index].unprivileged = !(p->in.caps & (VERIFY_CAP_PERFMON | VERIFY_CAP_SYS_ADMIN));
	p->maps[*index] = &p->own_maps[*index];
	p->in.n_maps++;
	if (m->inner[0]) {
		inner = find_map(b, m->inner);
		if (!inner)
			return fail(b, "no map %s", m->inner);
		if (make_map(b, inner))
			return -1;
		p->inner_maps[*index] = inner->map;
		p->inner_maps[*index].index = *index;
		p->own_maps[*index].inner = &p->inner_maps[*index];
	}
	return 0;
}

/* Directives */

static uint32_t caps_of(struct build *b, char *list)
{
	static const struct {
		const char *name;
		uint32_t caps;
	} all[] = {{"none", 0},
		   {"bpf", VERIFY_CAP_BPF},
		   {"perfmon", VERIFY_CAP_PERFMON},
		   {"net", VERIFY_CAP_NET_ADMIN},
		   {"sys", VERIFY_CAP_SYS_ADMIN}};
	uint32_t caps = 0;
	size_t i;

	for (char *save = NULL, *w = strtok_r(list, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
		for (i = 0; i < ARRAY_SIZE(all) && strcmp(all[i].name, w) != 0; i++)
			;
		if (i == ARRAY_SIZE(all))
			fail(b, "no capability %s", w);
		else
			caps |= all[i].caps;
	}
	return caps;
}

static bool value_of(const char *word, const char *key, char **value)
{
	size_t n = strlen(key);

	*value = (char *)word + n;
	return !strncmp(word, key, n);
}

static bool no_symbol(void *arg, const char *name)
{
	return false;
}

static bool no_helper(void *arg, uint32_t id)
{
	return false;
}

static void read_prog(struct build *b, char *line)
{
	struct verify_input *in = &b->p->in;
	char *save = NULL, *w = strtok_r(line, " ", &save), *v;

	w = strtok_r(NULL, " ", &save);
	for (uint32_t i = 0; w && i < prog_types_n; i++)
		if (prog_types[i].name && !strcmp(prog_types[i].name, w))
			in->prog_type = prog_types[i].type;
	if (w && !strcmp(w, "own"))
		in->prog_type = 1000;
	if (!in->prog_type) {
		fail(b, "no program type %s", w ? w : "");
		return;
	}
	while ((w = strtok_r(NULL, " ", &save))) {
		if (value_of(w, "attach=", &v)) {
			in->attach_type = (uint32_t)strtoul(v, NULL, 0);
		} else if (value_of(w, "hook=", &v)) {
			b->needs_kernel = true;
			in->attach.btf = rules_vmlinux;
			in->attach.btf_id = v[0] >= '0' && v[0] <= '9' ? (uint32_t)strtoul(v, NULL, 0) : kernel_id(v);
			if (!in->attach.btf_id && rules_vmlinux && v[0] != '0')
				fail(b, "the kernel has no %s", v);
		} else if (value_of(w, "member=", &v)) {
			snprintf(b->member, sizeof(b->member), "%s", v);
		} else if (value_of(w, "target=", &v)) {
			snprintf(b->target, sizeof(b->target), "%s", v);
		} else if (value_of(w, "func=", &v)) {
			in->attach.btf = rules_types;
			in->attach.btf_id = (uint32_t)own_type(v);
		} else if (!strcmp(w, "sleepable")) {
			in->flags |= BPF_F_SLEEPABLE;
		} else if (value_of(w, "flags=", &v)) {
			in->flags |= (uint32_t)strtoul(v, NULL, 0);
		} else if (value_of(w, "caps=", &v)) {
			in->caps = caps_of(b, v);
		} else if (value_of(w, "license=", &v)) {
			in->gpl = !strcmp(v, "GPL");
		} else if (!strcmp(w, "btf")) {
			b->btf = true;
		} else if (!strcmp(w, "types")) {
			b->needs_kernel = true;
		} else if (!strcmp(w, "kernel=odd")) { /* from_text() has seen to it */
		} else if (!strcmp(w, "badinfo")) {
			b->btf = b->bad_info = true;
		} else if (!strcmp(w, "nosymbols")) {
			in->have_symbol = no_symbol;
		} else if (!strcmp(w, "nohelpers")) {
			in->have_helper = no_helper;
		} else if (!strcmp(w, "notypes")) {
			b->no_types = true;
		} else if (value_of(w, "cpus=", &v)) {
			in->n_cpus = (uint32_t)strtoul(v, NULL, 0);
		} else if (value_of(w, "insns=", &v)) {
			in->insn_limit = (uint32_t)strtoul(v, NULL, 0);
		} else if (value_of(w, "memory=", &v)) {
			in->memory_limit = strtoul(v, NULL, 0);
		} else if (value_of(w, "own=", &v)) {
			in->own_type = true;
			in->own_ctx_size = (uint32_t)strtoul(v, NULL, 0);
		} else {
			fail(b, "what is %s?", w);
		}
	}
}

static void directive(struct build *b, char *line)
{
	char name[64] = "";

	if (!strncmp(line, "prog ", 5)) {
		read_prog(b, line);
	} else if (!strncmp(line, "func ", 5) && b->n_funcs < ARRAY_SIZE(b->funcs)) {
		b->btf = true;
		if (sscanf(line, "func %47s %47s", b->funcs[b->n_funcs].label, b->funcs[b->n_funcs].func) != 2)
			fail(b, "func LABEL NAME");
		b->n_funcs++;
	} else if (strncmp(line, "fact ", 5) != 0 && strncmp(line, "log ", 4) != 0) {
		sscanf(line, "%63s", name);
		fail(b, "what is %s?", name);
	}
}

/* Instructions */

static void emit(struct build *b, const char *text)
{
	size_t n = strlen(text);

	b->asm_text = realloc(b->asm_text, b->len + n + 2);
	if (!b->asm_text)
		abort();
	memcpy(b->asm_text + b->len, text, n);
	b->len += n;
	b->asm_text[b->len++] = '\n';
	b->asm_text[b->len] = 0;
}

static int type_operand(struct build *b, const char *name)
{
	int id;

	if (strncmp(name, "kernel:", 7) != 0) {
		id = own_type(name);
		if (id <= 0)
			fail(b, "no type %s in types.bpf.c", name);
		return id;
	}
	b->needs_kernel = true;
	id = (int)kernel_id(name + 7);
	if (!id && rules_vmlinux)
		fail(b, "no type %s in the kernel", name + 7);
	return id;
}

static void instructions(struct build *b, char *text, bool accepted, bool inner);

static void expand(struct build *b, const char *name, bool accepted)
{
	for (uint32_t i = 0; i < b->file->n_defs; i++) {
		const char *def = b->file->defs[i], *end = strchr(def, '\n');
		char *copy;

		if (strncmp(def, name, (size_t)(end - def)) != 0 || name[end - def])
			continue;
		copy = strdup(end + 1);
		if (!copy)
			abort();
		instructions(b, copy, accepted, true);
		free(copy);
		return;
	}
	fail(b, "no macro %s", name);
}

static void instruction(struct build *b, char *line, bool accepted)
{
	char name[64], kind, text[128], *comment = strstr(line, ";");
	unsigned int reg, off = 0;
	int used = 0;

	if (comment)
		*comment = 0;
	while (*line == ' ' || *line == '\t')
		line++;
	if (sscanf(line, "%47[a-z0-9_A-Z]:%n", name, &used) == 1 && used) {
		if (b->n_labels == MAX_LABELS) {
			fail(b, "too many labels");
			return;
		}
		snprintf(b->labels[b->n_labels].name, sizeof(b->labels[0].name), "%.47s", name);
		b->labels[b->n_labels++].slot = b->slots;
		snprintf(text, sizeof(text), "%s:", name);
		emit(b, text);
		line += used;
		while (*line == ' ' || *line == '\t')
			line++;
	}
	if (!*line)
		return;
	if (sscanf(line, "use %63s", name) == 1) {
		expand(b, name, accepted);
		return;
	}
	if (sscanf(line, "repeat %u %n", &off, &used) == 1 && used) {
		for (unsigned int i = 0; i < off; i++) {
			char *copy = strdup(line + used);

			instruction(b, copy, accepted);
			free(copy);
		}
		return;
	}
	if (!strncmp(line, "raw ", 4)) {
		int v[5];

		if (b->n_raws == MAX_LABELS ||
		    sscanf(line, "raw %i %i %i %i %i", &v[0], &v[1], &v[2], &v[3], &v[4]) != 5) {
			fail(b, "raw CODE DST SRC OFF IMM");
			return;
		}
		b->raws[b->n_raws].slot = b->slots++;
		b->raws[b->n_raws++].insn = (struct bpf_insn){.code = (uint8_t)v[0],
							      .dst_reg = (uint8_t)v[1] & 15,
							      .src_reg = (uint8_t)v[2] & 15,
							      .off = (int16_t)v[3],
							      .imm = v[4]};
		emit(b, "r0 = 0");
		return;
	}
	if (sscanf(line, "r%u = #%63s", &reg, name) == 2) {
		snprintf(text, sizeof(text), "r%u = %d", reg, type_operand(b, name));
		emit(b, text);
		b->slots++;
		return;
	}
	if (sscanf(line, "r%u = %c%63[a-zA-Z0-9_.]%n", &reg, &kind, name, &used) == 3 && strchr("@&%", kind)) {
		if (b->n_fixes == MAX_FIXES) {
			fail(b, "too many references");
			return;
		}
		b->fixes[b->n_fixes].kind = kind;
		snprintf(b->fixes[b->n_fixes].name, sizeof(name), "%s", name);
		b->fixes[b->n_fixes].slot = b->slots;
		b->fixes[b->n_fixes].value = sscanf(line + used, "+%u", &off) == 1;
		b->fixes[b->n_fixes++].off = off;
		snprintf(text, sizeof(text), "r%u = 0 ll", reg);
		emit(b, text);
		b->slots += 2;
		return;
	}
	emit(b, line);
	used = (int)strlen(line);
	b->slots += used > 3 && !strcmp(line + used - 3, " ll") ? 2 : 1;
}

static void instructions(struct build *b, char *text, bool accepted, bool inner)
{
	char *line;

	while ((line = strsep(&text, "\n"))) {
		if (line[0] == '+' || line[0] == '-') {
			if ((line[0] == '+') != accepted)
				continue;
			line++;
		}
		if (!line[0])
			continue;
		if (line[0] == ' ' || line[0] == '\t')
			instruction(b, line, accepted);
		else if (!inner)
			directive(b, line);
	}
}

static int helper_by_name(void *arg, const char *name)
{
	for (uint32_t i = 1; i < helpers_n; i++) {
		const char *full = helpers[i].name;

		if (full && (!strcmp(full, name) || (!strncmp(full, "bpf_", 4) && !strcmp(full + 4, name))))
			return (int)i;
	}
	return -1;
}

static bool kfunc_by_name(void *arg, const char *name, int32_t *imm, int16_t *off)
{
	struct build *b = arg;

	if (!rules_vmlinux && helper_by_name(NULL, name) <= 0 && (kfunc_find(name) || !strncmp(name, "bpf_", 4))) {
		b->needs_kernel = true;
		*imm = 1;
		*off = 0;
		return true;
	}
	if (helper_by_name(NULL, name) > 0 ||
	    (!kfunc_find(name) && !kernel_types_find(rules_kernel_types, name, BTF_KIND_FUNC)))
		return false;
	b->needs_kernel = true;
	*imm = (int32_t)kernel_types_find(rules_kernel_types, name, BTF_KIND_FUNC);
	*off = 0;
	return true;
}

static int assemble(struct build *b)
{
	struct insn_asm_opts opts = {.arg = b, .helper = helper_by_name, .kfunc = kfunc_by_name};
	struct insn_asm_error e;
	struct rule_prog *p = b->p;

	if (insn_asm(b->asm_text, b->len, &opts, &p->insns, &p->in.n_insns, &e))
		return fail(b, "line %u: %s", e.line, e.message);
	for (uint32_t i = 0; i < b->n_fixes; i++) {
		struct bpf_insn *insn = &p->insns[b->fixes[i].slot];
		const char *name = b->fixes[i].name;
		uint32_t k = 0;

		switch (b->fixes[i].kind) {
		case '@':
			if (use_map(b, name, &k))
				return -1;
			insn->src_reg = b->fixes[i].value ? BPF_PSEUDO_MAP_VALUE : BPF_PSEUDO_MAP_FD;
			insn->imm = (int32_t)k;
			insn[1].imm = (int32_t)b->fixes[i].off;
			break;
		case '&':
			while (k < b->n_labels && strcmp(b->labels[k].name, name) != 0)
				k++;
			if (k == b->n_labels)
				return fail(b, "no label %s", name);
			insn->src_reg = BPF_PSEUDO_FUNC;
			insn->imm = (int32_t)(b->labels[k].slot - b->fixes[i].slot - 1);
			break;
		default:
			b->needs_kernel = true;
			insn->src_reg = BPF_PSEUDO_BTF_ID;
			insn->imm =
				(int32_t)(name[0] >= '0' && name[0] <= '9' ? strtoul(name, NULL, 0) : kernel_id(name));
			break;
		}
	}
	for (uint32_t i = 0; i < b->n_raws; i++)
		p->insns[b->raws[i].slot] = b->raws[i].insn;
	p->in.insns = p->insns;
	return 0;
}

static int declare(struct build *b)
{
	struct rule_prog *p = b->p;
	struct insn_shape shape;
	bool throws = false;
	int err;

	for (uint32_t j = 0; j < b->n_funcs; j++)
		throws |= !strncmp(b->funcs[j].func, "main_throws", 11);
	err = insn_check(p->insns, p->in.n_insns,
			 INSN_LOOSE_CALLBACKS | INSN_ALLOW_RFC_MATH | INSN_ALLOW_R10_WRITE |
				 (throws ? INSN_ALLOW_UNREACHABLE : 0),
			 &shape);

	if (err)
		return fail(b, "%u: %s", shape.insn, shape.reason);
	p->subprogs = shape.subprogs;
	shape.subprogs = NULL;
	p->in.subprogs = p->subprogs;
	p->in.n_subprogs = shape.n_subprogs;
	insn_shape_free(&shape);
	/* Nobody calls an exception callback: it is what the label says. */
	for (uint32_t k = 0; throws && k < b->n_labels; k++) {
		uint32_t n = p->in.n_subprogs, at = n;
		bool is_func = btf__find_by_name_kind(rules_types, b->labels[k].name, BTF_KIND_FUNC) > 0;

		for (uint32_t j = 0; j < b->n_funcs; j++)
			is_func |= !strcmp(b->funcs[j].label, b->labels[k].name);
		for (uint32_t i = 0; i < n; i++)
			is_func &= p->subprogs[i] != b->labels[k].slot;
		if (!is_func)
			continue;
		p->subprogs = realloc(p->subprogs, (n + 1) * sizeof(uint32_t));
		if (!p->subprogs)
			abort();
		for (; p->subprogs[at - 1] > b->labels[k].slot; at--)
			p->subprogs[at] = p->subprogs[at - 1];
		p->subprogs[at] = b->labels[k].slot;
		p->in.subprogs = p->subprogs;
		p->in.n_subprogs++;
	}
	if (!b->btf)
		return 0;
	p->func_info = calloc(p->in.n_subprogs, sizeof(*p->func_info));
	if (!p->func_info)
		abort();
	for (uint32_t i = 0; i < p->in.n_subprogs; i++) {
		const char *name = i ? "static_sub" : "main_prog";
		int id;

		for (uint32_t k = 0; k < b->n_labels; k++)
			if (b->labels[k].slot == p->subprogs[i]) {
				for (uint32_t j = 0; j < b->n_funcs; j++)
					if (!strcmp(b->funcs[j].label, b->labels[k].name))
						name = b->funcs[j].func;
				if (!strcmp(name, "static_sub") &&
				    btf__find_by_name_kind(rules_types, b->labels[k].name, BTF_KIND_FUNC) > 0)
					name = b->labels[k].name;
			}
		for (uint32_t j = 0; !i && j < b->n_funcs; j++)
			if (!strcmp(b->funcs[j].label, "main"))
				name = b->funcs[j].func;
		id = btf__find_by_name_kind(rules_types, name, BTF_KIND_FUNC);
		if (id <= 0)
			return fail(b, "no function %s in types.bpf.c", name);
		p->func_info[i] = (struct bpf_func_info){p->subprogs[i], (uint32_t)id};
	}
	if (b->bad_info)
		p->func_info[0].type_id = (uint32_t)own_type("plain");
	p->in.btf = rules_types;
	p->in.func_info = p->func_info;
	return 0;
}

/* Of an embedder's own. */
static bool own_helper(void *arg, uint32_t id)
{
	return id == 5000;
}

static enum rule_build from_text(struct rules_file *f, const char *from, bool accepted, struct rule_prog **out);

/* The same with another kernel's types. They live until the process ends. */
static enum rule_build with_odd_kernel(struct rules_file *f, const char *from, bool accepted, struct rule_prog **out)
{
	static struct btf *odd, *odd_types;
	static struct kernel_types *odd_names;
	struct btf *vmlinux = rules_vmlinux, *types = rules_types;
	struct kernel_types *names = rules_kernel_types;
	enum rule_build got;

	if (!odd) {
		odd = rules_odd_kernel();
		odd_types = rules_odd_types();
		odd_names = odd ? kernel_types_new(odd) : NULL;
	}
	if (!odd_names || !odd_types)
		abort();
	rules_vmlinux = odd;
	rules_types = odd_types;
	rules_kernel_types = odd_names;
	got = from_text(f, from, accepted, out);
	rules_vmlinux = vmlinux;
	rules_types = types;
	rules_kernel_types = names;
	return got;
}

static enum rule_build from_text(struct rules_file *f, const char *from, bool accepted, struct rule_prog **out)
{
	struct rule_prog *p = calloc(1, sizeof(*p));
	struct build *b = calloc(1, sizeof(*b));
	char *text = strdup(from);
	enum rule_build got = RULE_BROKEN;

	if (!p || !b || !text)
		abort();
	*out = p;
	b->file = f;
	b->p = p;
	p->in.caps = VERIFY_CAP_ALL;
	p->in.gpl = true;
	snprintf(p->in.name, sizeof(p->in.name), "rule");
	instructions(b, text, accepted, false);
	if (b->failed || !b->asm_text || assemble(b) || declare(b))
		goto out;
	p->btfs[0] = rules_vmlinux;
	p->in.btfs = p->btfs;
	p->in.n_btfs = rules_vmlinux && !b->no_types ? 1 : 0;
	if (b->no_types)
		p->in.attach.btf = NULL;
	p->in.types = b->no_types ? NULL : rules_kernel_types;
	p->in.maps = p->maps;
	p->in.own_helper = p->in.own_type ? own_helper : NULL;
	if (b->member[0] && rules_vmlinux) {
		const struct btf_type *t = btf__type_by_id(rules_vmlinux, p->in.attach.btf_id);
		uint32_t i = 0;

		while (i < btf_vlen(t) &&
		       strcmp(btf__name_by_offset(rules_vmlinux, btf_members(t)[i].name_off), b->member) != 0)
			i++;
		p->in.attach_type = i;
	}
	if (b->target[0]) {
		for (uint32_t i = 0; i < f->n_targets && !p->target; i++) {
			const char *end = strchr(f->targets[i], '\n');

			if (strncmp(f->targets[i], b->target, (size_t)(end - f->targets[i])) != 0 ||
			    b->target[end - f->targets[i]])
				continue;
			got = from_text(f, end + 1, accepted, &p->target);
			b->needs_kernel |= got == RULE_NEEDS_KERNEL;
			if (got == RULE_BROKEN) {
				fail(b, "target: %s", p->target->error);
				goto out;
			}
		}
		if (!p->target) {
			fail(b, "no target %s", b->target);
			goto out;
		}
		p->in.attach.prog = &p->target->in;
	}
	p->needs_kernel = b->needs_kernel;
	got = b->needs_kernel && !rules_vmlinux ? RULE_NEEDS_KERNEL : RULE_BUILT;
out:
	free(b->asm_text);
	free(b);
	free(text);
	return got;
}

enum rule_build rule_build(struct rules_file *f, const struct rule *r, bool accepted, struct rule_prog **out)
{
	return strstr(r->text, "kernel=odd") ? with_odd_kernel(f, r->text, accepted, out)
					     : from_text(f, r->text, accepted, out);
}

void rule_prog_free(struct rule_prog *p)
{
	if (!p)
		return;
	rule_prog_free(p->target);
	free(p->insns);
	free(p->subprogs);
	free(p->func_info);
	free(p);
}
