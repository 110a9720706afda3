/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Values as JSON, through BTF, and back.
 *
 *   integers        numbers; bool true/false; __be16, __be64: the number in host order
 *   __be32          an IPv4 address, "192.0.2.1"
 *   in6_addr        an IPv6 address, "2001:db8::1"
 *   __u8[6]         a MAC address, "02:00:00:00:00:01"
 *   char[]          a string, as far as it is one; else numbers
 *   arrays          lists; structs and unions: objects by member name (anonymous ones' members among their parent's)
 *   enums           the enumerator's name, or a number that has none
 *   pointers        "0x..."
 *   anything else, and values without BTF: hex, "0a 0b"
 *
 * Reading takes all of these, and a number or "0x..." wherever an integer stands, and "hex 0a 0b" for any value.
 */
#ifndef SKEP_CLI_VALUE_H
#define SKEP_CLI_VALUE_H

#include <json-c/json.h>
#include <stddef.h>
#include <stdint.h>

struct btf;

/* value_to_json - @btf may be NULL, or @type 0: hex. The caller's to put. */
struct json_object *value_to_json(const struct btf *btf, uint32_t type, const void *bytes, size_t size);

/*
 * value_from_json - fill @size bytes.
 * @why: on failure what is wrong with which part; at least 160 bytes
 * Return: 0 or -EINVAL.
 */
int value_from_json(const struct btf *btf, uint32_t type, struct json_object *v, void *bytes, size_t size, char *why);

/* value_from_text - what stands on a command line: JSON, or a bare word for a string, or "hex 0a 0b". */
int value_from_text(const struct btf *btf, uint32_t type, const char *text, void *bytes, size_t size, char *why);

/* hex_text - "0a 0b 0c"; allocated. */
char *hex_text(const void *bytes, size_t size);

#endif
