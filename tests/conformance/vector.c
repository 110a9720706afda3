/* SPDX-License-Identifier: BSD-2-Clause */
#include "vector.h"
#include "casm.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum section {
	SECTION_NONE,
	SECTION_ASM,
	SECTION_RAW,
	SECTION_MEM,
	SECTION_RESULT,
	SECTION_ERROR,
	SECTION_IGNORED,
	N_SECTIONS
};

/* A section's text: the lines as they are, and whether the section exists. */
struct text {
	char *s;
	size_t len;
	bool present;
};

static void append(struct text *t, const char *s)
{
	size_t len = strlen(s);

	t->s = realloc(t->s, t->len + len + 1);
	if (!t->s)
		abort();
	memcpy(t->s + t->len, s, len + 1);
	t->len += len;
}

/* section_of - which section a "-- name" line begins, N_SECTIONS for one that nobody knows. */
static enum section section_of(const char *line)
{
	static const struct {
		const char *name;
		enum section section;
	} names[] = {
		{"asm", SECTION_ASM},
		{"raw", SECTION_RAW},
		{"mem", SECTION_MEM},
		{"result", SECTION_RESULT},
		{"error", SECTION_ERROR},
		{"c", SECTION_IGNORED},
		{"no register offset", SECTION_IGNORED},
	};
	char name[64];

	if (sscanf(line, "-- %63[^\r\n]", name) != 1)
		return N_SECTIONS;
	for (size_t len = strlen(name); len && isspace((unsigned char)name[len - 1]); len--)
		name[len - 1] = 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(name, names[i].name))
			return names[i].section;
	return N_SECTIONS;
}

/* hex - all bytes or, where a word begins with 0x, little-endian 64-bit words of a section. */
static bool hex(const struct text *t, uint8_t **bytes, size_t *size)
{
	const char *s = t->s ? t->s : "";
	uint8_t *b = malloc(t->len * 4 + 1);

	if (!b)
		abort();
	*bytes = b;
	*size = 0;
	while (*(s += strspn(s, " \t\r\n"))) {
		if (*s == '#') {
			s += strcspn(s, "\n");
			continue;
		}
		bool is_word = s[0] == '0' && s[1] == 'x';
		char *end;
		uint64_t v = strtoull(s, &end, 16);

		if (end == s || (*end && !isspace((unsigned char)*end)) || (!is_word && v > 0xff))
			return false;
		for (int i = 0; i < (is_word ? 8 : 1); i++)
			b[(*size)++] = (uint8_t)(v >> 8 * i);
		s = end;
	}
	return true;
}

static bool number(const struct text *t, uint64_t *value)
{
	const char *s = t->s ? t->s + strspn(t->s, " \t\r\n") : "";
	char *end;

	errno = 0;
	*value = strtoull(s, &end, s[0] == '0' && s[1] == 'x' ? 16 : 10);
	return end != s && !errno && !end[strspn(end, " \t\r\n")];
}

/* program - the program of the asm or raw section. */
static void program(struct vector *v, const struct text *text)
{
	const struct text *raw = &text[SECTION_RAW];
	uint8_t *bytes = NULL;
	size_t size = 0;

	if (raw->present && (!hex(raw, &bytes, &size) || size % sizeof(struct bpf_insn))) {
		snprintf(v->why, sizeof(v->why), "the raw section is no list of instructions");
	} else if (text[SECTION_ASM].present) {
		int n = casm(text[SECTION_ASM].s ? text[SECTION_ASM].s : "", &v->insns, v->why, sizeof(v->why));

		v->n_insns = n < 0 ? 0 : (uint32_t)n;
		if (v->insns && raw->present &&
		    (size != v->n_insns * sizeof(*v->insns) || memcmp(bytes, v->insns, size))) {
			snprintf(v->why, sizeof(v->why), "the asm section does not assemble to the raw section");
			free(v->insns);
			v->insns = NULL;
		}
	} else if (size) {
		v->insns = (struct bpf_insn *)bytes;
		v->n_insns = (uint32_t)(size / sizeof(*v->insns));
		bytes = NULL;
	} else {
		snprintf(v->why, sizeof(v->why), "no program");
	}
	free(bytes);
}

static void malformed(struct vector *v, const char *why)
{
	v->malformed = true;
	snprintf(v->why, sizeof(v->why), "%s", why);
}

void vector_read(const char *path, struct vector *v)
{
	struct text text[N_SECTIONS] = {};
	enum section at = SECTION_NONE;
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t line_size = 0;

	*v = (struct vector){};
	if (!f) {
		malformed(v, strerror(errno));
		return;
	}
	while (getline(&line, &line_size, f) >= 0) {
		if (!strncmp(line, "--", 2)) {
			at = section_of(line);
			if (at == N_SECTIONS) {
				malformed(v, "unknown section");
				break;
			}
			text[at].present = true;
		} else {
			append(&text[at], line);
		}
	}
	free(line);
	fclose(f);
	v->error = text[SECTION_ERROR].present;
	v->has_result = text[SECTION_RESULT].present;
	if (!v->malformed) {
		program(v, text);
		if (v->has_result && !number(&text[SECTION_RESULT], &v->result))
			malformed(v, "the result is no number");
		else if (!v->has_result && !v->error)
			malformed(v, "neither a result nor an error section");
		else if (!hex(&text[SECTION_MEM], &v->mem, &v->mem_size))
			malformed(v, "the mem section is no list of bytes");
	}
	for (int i = 0; i < N_SECTIONS; i++)
		free(text[i].s);
}

void vector_free(struct vector *v)
{
	free(v->insns);
	free(v->mem);
}
