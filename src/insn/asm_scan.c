/* SPDX-License-Identifier: BSD-2-Clause */
/* The assembler's scanner: words, numbers, and the note of how far the best attempt came. */
#include "insn/asm.h"

#include <stdarg.h>
#include <stdio.h>

bool asm_note(struct as *as, const char *at, bool value, const char *fmt, ...)
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

bool asm_literal(struct attempt *a, const char *text)
{
	size_t len = strlen(text);

	asm_skip_space(a);
	if ((size_t)(a->as->end - a->s) < len || memcmp(a->s, text, len) != 0 ||
	    (asm_is_word(text[len - 1]) && a->s + len < a->as->end && asm_is_word(a->s[len])))
		return asm_note(a->as, a->s, false, "expected '%s'", text);
	a->s += len;
	return true;
}

struct span asm_word(struct attempt *a)
{
	struct span w;

	asm_skip_space(a);
	w.s = a->s;
	while (a->s < a->as->end && asm_is_word(*a->s))
		a->s++;
	w.len = (size_t)(a->s - w.s);
	return w;
}

bool asm_number(struct attempt *a, int64_t min, int64_t max, int bits, int64_t *value)
{
	const char *at;
	uint64_t v = 0;
	bool negative = false, hex, overflow = false;
	unsigned int base, digits = 0;

	asm_skip_space(a);
	at = a->s;
	if (asm_peek(a) == '-' || asm_peek(a) == '+') {
		negative = *a->s++ == '-';
		asm_skip_space(a);
	}
	hex = asm_peek(a) == '0' && a->s + 1 < a->as->end && (a->s[1] == 'x' || a->s[1] == 'X');
	base = hex ? 16 : 10;
	a->s += hex ? 2 : 0;
	for (; isxdigit((unsigned char)asm_peek(a)) && (hex || isdigit((unsigned char)asm_peek(a))); a->s++, digits++) {
		unsigned int digit = isdigit((unsigned char)*a->s) ? (unsigned int)(*a->s - '0')
								   : (unsigned int)((*a->s | 0x20) - 'a' + 10);

		overflow |= __builtin_mul_overflow(v, base, &v) || __builtin_add_overflow(v, digit, &v);
	}
	if (!digits || asm_is_word(asm_peek(a))) {
		a->s = at;
		return asm_note(a->as, at, false, "expected a number");
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
		return asm_note(a->as, at, true, "number does not fit into 64 bits");
	return asm_note(a->as, at, true, "number out of range: %lld to %lld", (long long)min, (long long)max);
}
