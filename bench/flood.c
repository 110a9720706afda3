// SPDX-License-Identifier: BSD-2-Clause
/*
 * Sends small UDP frames as fast as one core can, for a while, from many source addresses.
 * usage: flood INTERFACE SECONDS ADDRESSES    ADDRESSES: a file of IPv4 addresses, a line each, which take turns
 * Prints how many were sent, and for how many nanoseconds.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { BATCH = 64, MAX_ADDRESSES = 1 << 20 };

struct frame {
	struct ethhdr eth;
	struct iphdr ip;
	struct udphdr udp;
	char room[18];
} __attribute__((packed));

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static uint16_t checksum(const struct iphdr *ip)
{
	const uint16_t *words = (const uint16_t *)ip;
	uint32_t sum = 0;

	for (size_t i = 0; i < sizeof(*ip) / 2; i++)
		sum += words[i];
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~(sum + (sum >> 16));
}

int main(int argc, char **argv)
{
	static uint32_t addresses[MAX_ADDRESSES];
	static struct frame frames[BATCH];
	static struct mmsghdr messages[BATCH];
	static struct iovec parts[BATCH];
	struct sockaddr_ll to = {.sll_family = AF_PACKET};
	int s = socket(AF_PACKET, SOCK_RAW, 0), yes = 1;
	uint64_t sent = 0, begin, end;
	size_t n = 0, next = 0;
	char line[64];
	FILE *f;

	if (argc != 4 || s < 0 || !(f = fopen(argv[3], "r"))) {
		perror("flood");
		return 1;
	}
	while (n < MAX_ADDRESSES && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		n += inet_pton(AF_INET, line, &addresses[n]) == 1;
	}
	fclose(f);
	to.sll_ifindex = (int)if_nametoindex(argv[1]);
	/* Past the qdisc: what is measured is the other end. */
	if (!n || bind(s, (struct sockaddr *)&to, sizeof(to)) ||
	    setsockopt(s, SOL_PACKET, PACKET_QDISC_BYPASS, &yes, sizeof(yes))) {
		perror(argv[1]);
		return 1;
	}
	for (int i = 0; i < BATCH; i++) {
		struct frame *fr = &frames[i];

		memcpy(fr->eth.h_dest, "\2\0\0\0\0\2", ETH_ALEN);
		memcpy(fr->eth.h_source, "\2\0\0\0\0\1", ETH_ALEN);
		fr->eth.h_proto = htons(ETH_P_IP);
		fr->ip = (struct iphdr){
			.ihl = 5, .version = 4, .ttl = 64, .protocol = IPPROTO_UDP, .daddr = htonl(0x0a5e0002)};
		fr->ip.tot_len = htons(sizeof(*fr) - sizeof(fr->eth));
		fr->udp = (struct udphdr){
			.source = htons(1000), .dest = htons(9), .len = htons(sizeof(fr->udp) + sizeof(fr->room))};
		parts[i] = (struct iovec){.iov_base = fr, .iov_len = sizeof(*fr)};
		messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
	}
	begin = now();
	end = begin + strtoull(argv[2], NULL, 10) * 1000000000;
	while (now() < end) {
		int got;

		for (int i = 0; i < BATCH; i++) {
			struct iphdr ip = frames[i].ip;

			ip.saddr = addresses[next];
			next = next + 1 == n ? 0 : next + 1;
			ip.check = 0;
			ip.check = checksum(&ip);
			frames[i].ip = ip;
		}
		got = sendmmsg(s, messages, BATCH, 0);
		if (got > 0)
			sent += (uint64_t)got;
		else if (errno != ENOBUFS && errno != EAGAIN) {
			perror("send");
			return 1;
		}
	}
	printf("%llu %llu\n", (unsigned long long)sent, (unsigned long long)(now() - begin));
	return 0;
}
