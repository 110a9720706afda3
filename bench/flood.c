// SPDX-License-Identifier: BSD-2-Clause
/*
 * Sends small UDP frames from many source addresses by an interface, as fast as one core can: by the kernel's live test run of flood.bpf.c (Linux 5.18).
 * usage: flood OBJECT INTERFACE SECONDS ADDRESSES    ADDRESSES: a file of IPv4 addresses, a line each, which take turns
 * Prints how many were made, and for how many nanoseconds.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BATCH = 64, ROUND = 1 << 16, LIVE_FRAMES = 1 << 1 /* BPF_F_TEST_XDP_LIVE_FRAMES */ };

struct frame {
	struct ethhdr eth;
	struct iphdr ip;
	struct udphdr udp;
	char room[18];
} __attribute__((packed));

struct constants { /* .rodata, in the order of the source */
	uint32_t n_addresses, interface;
};

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int fill(const struct bpf_object *o, const char *path, uint32_t *n)
{
	int map = bpf_object__find_map_fd_by_name(o, "addresses");
	FILE *f = fopen(path, "re");
	char line[64];
	uint32_t addr;

	*n = 0;
	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		if (inet_pton(AF_INET, line, &addr) != 1 || bpf_map_update_elem(map, n, &addr, BPF_ANY))
			break;
		++*n;
	}
	if (f)
		fclose(f);
	return *n ? 0 : -1;
}

static uint32_t lines_of(const char *path)
{
	FILE *f = fopen(path, "re");
	uint32_t n = 0;
	int c;

	while (f && (c = fgetc(f)) != EOF)
		n += c == '\n';
	if (f)
		fclose(f);
	return n;
}

int main(int argc, char **argv)
{
	struct frame frame = {
		.eth = {.h_dest = "\2\0\0\0\0\2", .h_source = "\2\0\0\0\0\1", .h_proto = htons(ETH_P_IP)},
		.ip = {.ihl = 5,
		       .version = 4,
		       .ttl = 64,
		       .protocol = IPPROTO_UDP,
		       .tot_len = htons(sizeof(frame) - sizeof(frame.eth)),
		       .daddr = htonl(0x0a5e0002)},
		.udp = {.source = htons(1000), .dest = htons(9), .len = htons(sizeof(frame.udp) + sizeof(frame.room))}};
	struct xdp_md ctx = {.data_end = sizeof(frame)};
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = &frame, .data_size_in = sizeof(frame), .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx), .repeat = ROUND, .flags = LIVE_FRAMES, .batch_size = BATCH);
	struct bpf_object *o = argc == 5 ? bpf_object__open(argv[1]) : NULL;
	uint64_t made = 0, begin, end;
	struct constants c;
	struct bpf_map *map;
	uint32_t n;
	int prog;

	if (!o) {
		fprintf(stderr, "usage: flood OBJECT INTERFACE SECONDS ADDRESSES\n");
		return 2;
	}
	c = (struct constants){.n_addresses = lines_of(argv[4]), .interface = if_nametoindex(argv[2])};
	bpf_object__for_each_map(map, o) if (strstr(bpf_map__name(map), ".rodata") &&
					     bpf_map__set_initial_value(map, &c, sizeof(c))) return 1;
	if (bpf_object__load(o) || fill(o, argv[4], &n)) {
		fprintf(stderr, "flood: %s\n", strerror(errno));
		return 1;
	}
	prog = bpf_program__fd(bpf_object__find_program_by_name(o, "flood"));
	begin = now();
	end = begin + strtoull(argv[3], NULL, 10) * 1000000000;
	while (now() < end) {
		if (bpf_prog_test_run_opts(prog, &run)) {
			fprintf(stderr, "flood: test run: %s\n", strerror(errno));
			return 1;
		}
		made += ROUND;
	}
	printf("%llu %llu\n", (unsigned long long)made, (unsigned long long)(now() - begin));
	return 0;
}
