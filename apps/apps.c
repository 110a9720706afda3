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

#define APP(title, text, object) .name = title, .about = text, .data = app_##object, .len = &app_##object##_len

const struct app apps[] = {
	{APP("egress-firewall", "what a command may reach, by host name, address, port and program", egress)},
	{APP("guard", "what a command may read, write, execute and call", guard), .kernel = app_guard_kernel,
	 .kernel_len = &app_guard_kernel_len},
	{APP("watch", "what processes do: execs, files, connections, counts of system calls", watch)},
	{APP("xdp-firewall", "drop or pass by address prefix, port and protocol", xdp_firewall)},
	{APP("xdp-flows", "count frames and bytes per flow; events as flows begin and end", xdp_flows)},
	{APP("xdp-lb", "spread connections to a virtual address over backends", xdp_lb)},
};
const uint32_t apps_n = sizeof(apps) / sizeof(apps[0]);

const struct app *app_find(const char *name)
{
	for (uint32_t i = 0; i < apps_n; i++)
		if (!strcmp(apps[i].name, name))
			return &apps[i];
	return NULL;
}
