/* SPDX-License-Identifier: BSD-2-Clause */
#include "apps/apps.h"

#include <string.h>

/* Made by tools/embed.py from the compiled objects. */
extern const unsigned char app_xdp_firewall[];
extern const size_t app_xdp_firewall_len;

const struct app apps[] = {
	{"xdp-firewall", "drop or pass by address prefix, port and protocol", app_xdp_firewall, &app_xdp_firewall_len},
};
const uint32_t apps_n = sizeof(apps) / sizeof(apps[0]);

const struct app *app_find(const char *name)
{
	for (uint32_t i = 0; i < apps_n; i++)
		if (!strcmp(apps[i].name, name))
			return &apps[i];
	return NULL;
}
