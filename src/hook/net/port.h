/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A port: where the frames of a tree's interface are read and written, a TAP device or a packet socket on the other end of a veth
 * pair. A frame is an Ethernet frame with all checksums in place.
 */
#ifndef SKEP_HOOK_NET_PORT_H
#define SKEP_HOOK_NET_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The addresses of a tree and of what it sees outside. */
#define PORT_ADDR4    "10.0.2.15"
#define PORT_GATEWAY4 "10.0.2.2"
#define PORT_DNS4     "10.0.2.3"
#define PORT_ADDR6    "fd00::15"
#define PORT_GATEWAY6 "fd00::2"
#define PORT_DNS6     "fd00::3"
#define PORT_NAME     "eth0"

enum { PORT_MTU = 65520, PORT_MTU_MIN = 1280, PORT_FRAME_MAX = 65536 + 14 };

struct port {
	int fd; /* non-blocking */
	bool tap; /* else a packet socket */
	uint32_t ifindex; /* of the tree's interface, in the tree */
};

/*
 * port_make - in a new network namespace with all capabilities: make the interface, give it its addresses and routes, set it and loopback up.
 * With a packet socket this thread's network namespace is another one afterwards, which holds the interface.
 * @mtu: PORT_MTU_MIN to PORT_MTU
 * @why: on failure the reason
 * Return: 0 or a negative errno.
 */
int port_make(struct port *p, uint32_t mtu, bool no_tap, char *why, size_t size);

/* port_read - the next frame. Return: its length; -EAGAIN when there is none; another negative errno when the port is gone. */
ssize_t port_read(const struct port *p, void *buf, size_t size);

/* port_write - a frame to the tree. Return: 0; -EAGAIN or -ENOBUFS when there is no room; another negative errno. */
int port_write(const struct port *p, const void *frame, size_t len);

#endif
