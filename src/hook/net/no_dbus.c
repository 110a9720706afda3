/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libpcap's table of live capture sources names D-Bus, and with it libpcap.a would pull libdbus and
 * systemd's libraries into the command. skep reads files only, so libpcap is linked without that source
 * (src/hook/meson.build takes pcap-dbus.o out), and these two answer in its place: no such device here.
 */
#include <pcap/pcap.h>

pcap_t *dbus_create(const char *device, char *ebuf, int *is_ours);
int dbus_findalldevs(void *devlistp, char *err_str);

pcap_t *dbus_create(const char *device, char *ebuf, int *is_ours)
{
	*is_ours = 0;
	return NULL;
}

int dbus_findalldevs(void *devlistp, char *err_str)
{
	return 0;
}
