/* SPDX-License-Identifier: BSD-2-Clause */
/* Identifiers off a source line, so that a suggestion speaks of the program's own variables. A line that could mean two of them names none. */
#include "base/util.h"
#include "verify/report_impl.h"

#include <ctype.h>
#include <string.h>

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

static bool is_keyword(const char *name)
{
	static const char *const words[] = {"return", "if",     "while", "for", "sizeof",
					    "void",   "struct", "const", "int", "long"};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcmp(name, words[i]))
			return true;
	return isdigit((unsigned char)*name);
}

bool source_word(const char *line, const char *end, char *name, size_t size)
{
	const char *from = end;
	size_t n;

	while (from > line && is_word(from[-1]))
		from--;
	n = (size_t)(end - from);
	if (!n || n >= size)
		return false;
	memcpy(name, from, n);
	name[n] = 0;
	return !is_keyword(name);
}

bool source_base(const struct report_place *at, char *name, size_t size)
{
	const char *arrow = strstr(at->source, "->"), *star;
	const char *last = NULL;

	/* One dereference on the line: it is that one. Of several, the one whose column is nearest cannot be told for sure. */
	for (const char *p = arrow; p; p = strstr(p + 2, "->")) {
		char other[64];

		if (!source_word(at->source, p, name, size))
			return false;
		if (last && (!source_word(at->source, last, other, sizeof(other)) || strcmp(other, name) != 0))
			return false;
		last = p;
	}
	if (last)
		return source_word(at->source, last, name, size);
	for (star = strchr(at->source, '*'); star; star = strchr(star + 1, '*')) {
		const char *end = star + 1, *close;

		/* "*(__u8 *)data": what stands behind the cast */
		if (*end == '(' && (close = strstr(end, "*)")) && (star == at->source || !is_word(star[-1]))) {
			const char *from = close + 2;

			for (end = from; is_word(*end);)
				end++;
			if (end > from && *end != '(' && source_word(from, end, name, size))
				return true;
			continue;
		}
		while (is_word(*end))
			end++;
		if (end > star + 1 && (star == at->source || !is_word(star[-1])) &&
		    source_word(star + 1, end, name, size))
			return true;
	}
	return false;
}

bool source_target(const struct report_place *at, char *name, size_t size)
{
	const char *eq = strchr(at->source, '=');

	if (!eq || eq == at->source || eq[1] == '=' || strchr("=!<>+-*/&|^%", eq[-1]))
		return false;
	while (eq > at->source && eq[-1] == ' ')
		eq--;
	return source_word(at->source, eq, name, size);
}
