/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A TAP device needs /dev/net/tun to be open to the user (Debian's is). Where it is not, a veth pair does: one end is the tree's
 * interface, the other lies in a network namespace that nothing but the packet socket on it keeps alive.
 */
#include "hook/net/port.h"

#include "base/util.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if_addr.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* Packet sockets: how much may wait in the kernel. */
enum { SOCKET_BUFFER = 8 << 20, TX_QUEUE = 1000 };

/* A netlink request that is being written. Room is ample for what is asked here; put() checks it all the same. */
struct request {
	union {
		struct nlmsghdr h;
		char bytes[1024];
	};
	bool full;
};

static void *put(struct request *r, uint16_t type, const void *data, size_t len)
{
	struct rtattr *a = (struct rtattr *)(r->bytes + NLMSG_ALIGN(r->h.nlmsg_len));

	if (r->full || NLMSG_ALIGN(r->h.nlmsg_len) + RTA_SPACE(len) > sizeof(r->bytes)) {
		r->full = true;
		return NULL;
	}
	a->rta_type = type;
	a->rta_len = (uint16_t)RTA_LENGTH(len);
	if (len)
		memcpy(RTA_DATA(a), data, len);
	r->h.nlmsg_len = NLMSG_ALIGN(r->h.nlmsg_len) + RTA_SPACE(len);
	return a;
}

static void end(struct request *r, struct rtattr *nest)
{
	if (nest)
		nest->rta_len = (uint16_t)(r->bytes + r->h.nlmsg_len - (char *)nest);
}

static void *begin(struct request *r, uint16_t type, uint16_t flags, size_t header)
{
	memset(r, 0, sizeof(*r));
	r->h.nlmsg_type = type;
	r->h.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	r->h.nlmsg_len = (uint32_t)NLMSG_LENGTH(header);
	return NLMSG_DATA(&r->h);
}

static int ask(int sock, struct request *r)
{
	struct {
		struct nlmsghdr h;
		struct nlmsgerr e;
		char more[4096];
	} answer;
	ssize_t n;

	if (r->full)
		return -EMSGSIZE;
	if (send(sock, r, r->h.nlmsg_len, 0) < 0)
		return -errno;
	n = recv(sock, &answer, sizeof(answer), 0);
	if (n < 0)
		return -errno;
	return n >= (ssize_t)(sizeof(answer.h) + sizeof(answer.e)) && answer.h.nlmsg_type == NLMSG_ERROR
		       ? answer.e.error
		       : -EPROTO;
}

/* An interface up, with the MTU where one is given. */
static int set_up(int sock, uint32_t ifindex, uint32_t mtu)
{
	struct request r;
	struct ifinfomsg *m = begin(&r, RTM_NEWLINK, 0, sizeof(*m));
	uint32_t queue = TX_QUEUE;

	m->ifi_index = (int)ifindex;
	m->ifi_flags = m->ifi_change = IFF_UP;
	if (mtu) {
		put(&r, IFLA_MTU, &mtu, sizeof(mtu));
		put(&r, IFLA_TXQLEN, &queue, sizeof(queue));
	}
	return ask(sock, &r);
}

static int add_address(int sock, uint32_t ifindex, int family, const char *text, uint8_t prefix)
{
	struct request r;
	struct ifaddrmsg *m = begin(&r, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, sizeof(*m));
	size_t len = family == AF_INET ? 4 : 16;
	uint8_t addr[16];

	if (inet_pton(family, text, addr) != 1)
		return -EINVAL;
	m->ifa_family = (uint8_t)family;
	m->ifa_prefixlen = prefix;
	m->ifa_flags = IFA_F_NODAD; /* nobody else is there; without it the first second has no IPv6 */
	m->ifa_index = ifindex;
	put(&r, IFA_LOCAL, addr, len);
	put(&r, IFA_ADDRESS, addr, len);
	return ask(sock, &r);
}

static int add_default_route(int sock, uint32_t ifindex, int family, const char *gateway)
{
	struct request r;
	struct rtmsg *m = begin(&r, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, sizeof(*m));
	size_t len = family == AF_INET ? 4 : 16;
	uint8_t addr[16];

	if (inet_pton(family, gateway, addr) != 1)
		return -EINVAL;
	m->rtm_family = (uint8_t)family;
	m->rtm_table = RT_TABLE_MAIN;
	m->rtm_protocol = RTPROT_STATIC;
	m->rtm_scope = RT_SCOPE_UNIVERSE;
	m->rtm_type = RTN_UNICAST;
	put(&r, RTA_GATEWAY, addr, len);
	put(&r, RTA_OIF, &ifindex, sizeof(ifindex));
	return ask(sock, &r);
}

/* A pair: the tree's end here, the other one in the network namespace behind @peer_ns. */
static int make_pair(int sock, int peer_ns, uint32_t mtu)
{
	struct request r;
	struct ifinfomsg *m = begin(&r, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(*m));
	struct rtattr *info, *data, *peer;
	static const struct ifinfomsg any;

	(void)m;
	put(&r, IFLA_IFNAME, PORT_NAME, sizeof(PORT_NAME));
	put(&r, IFLA_MTU, &mtu, sizeof(mtu));
	info = put(&r, IFLA_LINKINFO, NULL, 0);
	put(&r, IFLA_INFO_KIND, "veth", 4);
	data = put(&r, IFLA_INFO_DATA, NULL, 0);
	peer = put(&r, VETH_INFO_PEER, &any, sizeof(any));
	put(&r, IFLA_IFNAME, PORT_NAME, sizeof(PORT_NAME));
	put(&r, IFLA_MTU, &mtu, sizeof(mtu));
	put(&r, IFLA_NET_NS_FD, &peer_ns, sizeof(peer_ns));
	end(&r, peer);
	end(&r, data);
	end(&r, info);
	return ask(sock, &r);
}

static int write_file(const char *path, const char *text)
{
	AUTO_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -errno;
}

static int netlink_socket(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	return fd < 0 ? -errno : fd;
}

/* Frames shall come out as they would be on a wire: with checksums, and none longer than the MTU. */
static int no_offloads(void)
{
	AUTO_CLOSE int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	static const uint32_t off[] = {ETHTOOL_STXCSUM, ETHTOOL_SSG, ETHTOOL_STSO, ETHTOOL_SGSO};
	struct ethtool_value v = {0};
	struct ifreq req = {.ifr_name = PORT_NAME, .ifr_data = (void *)&v};

	if (sock < 0)
		return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(off); i++) {
		v = (struct ethtool_value){.cmd = off[i]};
		/* What a device does not have need not be switched off; checksums matter. */
		if (ioctl(sock, SIOCETHTOOL, &req) && off[i] == ETHTOOL_STXCSUM)
			return -errno;
	}
	return 0;
}

static int open_tap(struct port *p)
{
	struct ifreq req = {.ifr_name = PORT_NAME, .ifr_flags = IFF_TAP | IFF_NO_PI};

	p->fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (p->fd < 0 || ioctl(p->fd, TUNSETIFF, &req))
		return -errno;
	p->tap = true;
	return 0;
}

/* The namespace that this thread is in becomes the outer one; the tree gets another. */
static int open_pair(struct port *p, uint32_t mtu)
{
	AUTO_CLOSE int outer = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	AUTO_CLOSE int sock = netlink_socket();
	AUTO_CLOSE int inner_sock = -1;
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	const int size = SOCKET_BUFFER, yes = 1;
	int err;

	if (outer < 0)
		return -errno;
	if (sock < 0)
		return sock;
	p->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0); /* deaf until it is bound */
	if (p->fd < 0)
		return -errno;
	/* The outer end is no host: it answers nothing. */
	write_file("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
	if (unshare(CLONE_NEWNET))
		return -errno;
	inner_sock = netlink_socket();
	if (inner_sock < 0)
		return inner_sock;
	err = make_pair(inner_sock, outer, mtu);
	if (err)
		return err;
	/* Both ends have the same name; the outer one's number is asked for in its own namespace, through the socket from there. */
	{
		struct ifreq req = {.ifr_name = PORT_NAME};

		if (ioctl(p->fd, SIOCGIFINDEX, &req))
			return -errno;
		to.sll_ifindex = req.ifr_ifindex;
	}
	err = set_up(sock, (uint32_t)to.sll_ifindex, mtu);
	if (err)
		return err;
	/* What skep writes itself does not come back to it. */
	setsockopt(p->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &yes, sizeof(yes));
	setsockopt(p->fd, SOL_PACKET, PACKET_QDISC_BYPASS, &yes, sizeof(yes));
	if (setsockopt(p->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		setsockopt(p->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (setsockopt(p->fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)))
		setsockopt(p->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	return bind(p->fd, (struct sockaddr *)&to, sizeof(to)) ? -errno : 0;
}

static int configure(struct port *p, uint32_t mtu, const char **what)
{
	AUTO_CLOSE int sock = netlink_socket();
	int err = sock < 0 ? sock : 0;

	p->ifindex = if_nametoindex(PORT_NAME);
	*what = "loopback";
	err = err ? err : set_up(sock, if_nametoindex("lo"), 0);
	*what = "checksum offload";
	err = err ? err : no_offloads();
	/* Addresses are given here; nobody else is to make any up. Without IPv6 in the kernel these files are not there. */
	write_file("/proc/sys/net/ipv6/conf/" PORT_NAME "/accept_ra", "0");
	write_file("/proc/sys/net/ipv6/conf/" PORT_NAME "/router_solicitations", "0");
	write_file("/proc/sys/net/ipv6/conf/" PORT_NAME "/addr_gen_mode", "1"); /* IN6_ADDR_GEN_MODE_NONE */
	*what = "the interface";
	err = err ? err : set_up(sock, p->ifindex, mtu);
	*what = "its address";
	err = err ? err : add_address(sock, p->ifindex, AF_INET, PORT_ADDR4, 24);
	*what = "its route";
	err = err ? err : add_default_route(sock, p->ifindex, AF_INET, PORT_GATEWAY4);
	if (!access("/proc/sys/net/ipv6", F_OK)) {
		*what = "its IPv6 address";
		err = err ? err : add_address(sock, p->ifindex, AF_INET6, PORT_ADDR6, 64);
		*what = "its IPv6 route";
		err = err ? err : add_default_route(sock, p->ifindex, AF_INET6, PORT_GATEWAY6);
	}
	return err;
}

int port_make(struct port *p, uint32_t mtu, bool no_tap, char *why, size_t size)
{
	const char *what = "a TAP device";
	int err = no_tap ? -EACCES : open_tap(p);

	if (err) {
		if (p->fd >= 0)
			close(p->fd);
		p->fd = -1;
		what = "a veth pair";
		err = open_pair(p, mtu);
	}
	err = err ? err : configure(p, mtu, &what);
	if (err)
		snprintf(why, size, "the tree's network: %s: %s", what, strerror(-err));
	return err;
}

ssize_t port_read(const struct port *p, void *buf, size_t size)
{
	ssize_t n;

	do
		n = read(p->fd, buf, size);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

int port_write(const struct port *p, const void *frame, size_t len)
{
	ssize_t n;

	do
		n = write(p->fd, frame, len);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}
