/* SPDX-License-Identifier: BSD-2-Clause */
#include "fill.h"

#include "frames.h"

#include "apps/xdp_firewall.h"

#include <string.h>

int fill_firewall(struct bpf_object *obj)
{
	static const struct {
		const char *addr;
		uint32_t len;
		struct prefix_rule rule;
	} prefixes[] = {
		{"198.51.100.0", 24, {.source = DROP}},
		{"198.51.100.7", 32, {.action = PASS}},
		{"2001:db8:bad::", 48, {.source = DROP}},
		{"2001:db8:bad::1", 128, {.destination = PASS}},
	};
	static const struct {
		struct port_key key;
		struct rule rule;
	} ports[] = {
		{{.proto = 6, .port = 23}, {DROP}},
		{{.proto = 17, .port = 9}, {DROP}},
		{{.proto = 6, .port = 80}, {PASS}},
		{{.proto = 17, .port = 53, .direction = SOURCE}, {DROP}},
		{{.proto = 47}, {DROP}},
		{{.proto = 58}, {PASS}},
	};
	const struct config config = {.unmatched = PASS, .other = DROP};
	uint32_t zero = 0;
	int err = fill_put(obj, "config", &zero, &config);

	for (uint32_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]) && !err; i++) {
		struct key4 key4 = {.prefixlen = prefixes[i].len};
		struct key6 key6 = {.prefixlen = prefixes[i].len};

		address(prefixes[i].addr, &key6.addr);
		memcpy(&key4.addr, (uint8_t *)&key6.addr + 12, sizeof(key4.addr));
		err = strchr(prefixes[i].addr, ':') ? fill_put(obj, "rules6", &key6, &prefixes[i].rule)
						    : fill_put(obj, "rules4", &key4, &prefixes[i].rule);
	}
	for (uint32_t i = 0; i < sizeof(ports) / sizeof(ports[0]) && !err; i++)
		err = fill_put(obj, "ports", &ports[i].key, &ports[i].rule);
	return err;
}
