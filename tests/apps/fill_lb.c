/* SPDX-License-Identifier: BSD-2-Clause */
#include "fill.h"

#include "frames.h"

#include "apps/lb_table.h"
#include "apps/xdp_lb.h"

#include <stdlib.h>
#include <string.h>

static const struct {
	const char *addr;
	uint16_t port;
} hosts[] = {
	{0}, {"192.0.2.11", 8080}, {"192.0.2.12", 8080}, {"192.0.2.13", 8080}, {"2001:db8::b", 0}, {"192.0.2.14", 0},
};

/* A VIP whose table has the backends of these two numbers and all between. */
static const struct {
	const char *addr;
	uint16_t port, proto;
	enum mode mode;
	uint16_t first, last;
} services[] = {
	{"192.0.2.1", 80, 6, REWRITE, 1, 3},     {"192.0.2.1", 53, 17, REWRITE, 1, 3},
	{"192.0.2.1", 5000, 17, ENCAP, 3, 5},    {"2001:db8::1", 80, 6, ENCAP, 4, 5},
	{"2001:db8::1", 4444, 6, REWRITE, 4, 4}, {"2001:db8::1", 53, 17, REWRITE, 4, 5}, /* 5 is of the other family */
	{"192.0.2.1", 23, 6, REWRITE, 6, 6}, /* nobody */
};

static int fill_service(struct bpf_object *obj, uint32_t i)
{
	static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g"};
	struct vip_key key = {.port = services[i].port, .proto = services[i].proto};
	struct vip vip = {.table = i, .mode = services[i].mode};
	struct lb_table *t = calloc(1, sizeof(*t));
	struct lb_member members[8];
	uint32_t n = 0;
	int err;

	if (!t)
		return -1;
	for (uint16_t k = services[i].first; k <= services[i].last; k++, n++)
		members[n] = (struct lb_member){.name = names[k], .number = k, .weight = 1};
	err = lb_table_fill(t->backend, LB_TABLE_SIZE, members, n);
	address(services[i].addr, &key.addr);
	if (!err)
		err = fill_put(obj, "tables", &i, t);
	if (!err)
		err = fill_put(obj, "vips", &key, &vip);
	free(t);
	return err;
}

int fill_lb(struct bpf_object *obj)
{
	struct config config = {0};
	uint8_t addr[16];
	uint32_t zero = 0;
	int err;

	address("192.0.2.1", addr);
	memcpy(&config.source4, addr + 12, sizeof(config.source4));
	address("2001:db8::1", &config.source6);
	err = fill_put(obj, "config", &zero, &config);
	for (uint32_t i = 1; i < sizeof(hosts) / sizeof(hosts[0]) && !err; i++) {
		struct backend b = {.port = hosts[i].port, .mac = {2, 0, 0, 0, 1, (uint8_t)i}, .state = PRESENT};

		address(hosts[i].addr, &b.addr);
		err = fill_put(obj, "backends", &i, &b);
	}
	for (uint32_t i = 0; i < sizeof(services) / sizeof(services[0]) && !err; i++)
		err = fill_service(obj, i);
	return err;
}
