/* SPDX-License-Identifier: BSD-2-Clause */
#include "apps/apps.h"

#include <string.h>

/* Made by tools/embed.py from the compiled objects. */
extern const unsigned char app_egress[];
extern const size_t app_egress_len;
extern const unsigned char app_guard[];
extern const size_t app_guard_len;
extern const unsigned char app_guard_kernel[];
extern const size_t app_guard_kernel_len;
extern const unsigned char app_watch[];
extern const size_t app_watch_len;
extern const unsigned char app_xdp_firewall[];
extern const size_t app_xdp_firewall_len;
extern const unsigned char app_xdp_flows[];
extern const size_t app_xdp_flows_len;
extern const unsigned char app_xdp_lb[];
extern const size_t app_xdp_lb_len;

const struct app apps[] = {
	{"egress-firewall", "what a command may reach, by host name, address, port and program", app_egress,
	 &app_egress_len},
	{"guard", "what a command may read, write, execute and call", app_guard, &app_guard_len,
	 app_guard_kernel, &app_guard_kernel_len},
	{"watch", "what processes do: execs, files, connections, counts of system calls", app_watch, &app_watch_len},
	{"xdp-firewall", "drop or pass by address prefix, port and protocol", app_xdp_firewall, &app_xdp_firewall_len},
	{"xdp-flows", "count frames and bytes per flow; events as flows begin and end", app_xdp_flows,
	 &app_xdp_flows_len},
	{"xdp-lb", "spread connections to a virtual address over backends", app_xdp_lb, &app_xdp_lb_len},
};
const uint32_t apps_n = sizeof(apps) / sizeof(apps[0]);

const struct app *app_find(const char *name)
{
	for (uint32_t i = 0; i < apps_n; i++)
		if (!strcmp(apps[i].name, name))
			return &apps[i];
	return NULL;
}
