/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/printable.h"

/* Bytes of the UTF-8 sequence that begins here and is a character above U+009F (RFC 3629); 0: it is none. */
static size_t sequence(const unsigned char *s, size_t left)
{
	size_t n = s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : (s[0] & 0xf0) == 0xe0 ? 3 : s[0] >= 0xf0 && s[0] < 0xf5 ? 4 : 0;

	if (!n || n > left)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xc2 && s[1] < 0xa0) || (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] >= 0xa0) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] >= 0x90))
		return 0;
	return n;
}

void printable(char *text, size_t n)
{
	size_t step;

	for (size_t i = 0; i < n; i += step) {
		unsigned char c = (unsigned char)text[i];

		step = 1;
		if (!c)
			text[i] = ' ';
		else if (c < ' ' || c == 0x7f)
			text[i] = '?';
		else if (c >= 0x80)
			step = sequence((const unsigned char *)text + i, n - i);
		if (!step) {
			text[i] = '?';
			step = 1;
		}
	}
	while (n && text[n - 1] == ' ')
		text[--n] = 0;
}
