/* SPDX-License-Identifier: BSD-2-Clause */
/* Names and command lines that come from other processes, on their way to a terminal or into JSON. */
#ifndef SKEP_BASE_PRINTABLE_H
#define SKEP_BASE_PRINTABLE_H

#include <stddef.h>

/*
 * printable - make a text harmless where it stands: control characters would do things to a terminal, what is no UTF-8 (RFC 3629) to a reader of
 * JSON; both become '?'. Ends of strings within it become spaces, those at its end go.
 * @text: @n bytes; what stands behind them is not touched
 */
void printable(char *text, size_t n);

#endif
