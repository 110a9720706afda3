/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes a capture for the replay benchmark: N frames of F flows, Ethernet, IPv4, TCP or UDP, 64 to 128 bytes; the same every time.
 * Classic pcap, microseconds, as tcpdump writes it.
 */
#include "base/util.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t next(uint64_t *x)
{
	uint64_t z = *x += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

int main(int argc, char **argv)
{
	static const uint32_t ports[] = {80, 443, 443, 443, 53, 22, 8080, 3306};
	const uint32_t header[6] = {0xa1b2c3d4, 2 | 4 << 16, 0, 0, 65535, 1};
	uint64_t n, flows, rng = 1;
	FILE *f;

	if (argc != 4 || !(n = strtoull(argv[2], NULL, 0)) || !(flows = strtoull(argv[3], NULL, 0))) {
		fprintf(stderr, "usage: bench-frames FILE FRAMES FLOWS\n");
		return 2;
	}
	f = fopen(argv[1], "wb");
	if (!f || fwrite(header, sizeof(header), 1, f) != 1) {
		perror(argv[1]);
		return 1;
	}
	for (uint64_t i = 0; i < n; i++) {
		uint64_t flow = next(&rng) % flows, seed = flow * 0x100000001b3 + 7, h = next(&seed);
		uint32_t len = 64 + 16 * (uint32_t)(h >> 60 & 3),
			 record[4] = {(uint32_t)(i / 1000000), (uint32_t)(i % 1000000), len, len};
		uint8_t frame[128] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45};
		uint32_t addr = htonl((uint32_t)(h >> 8));

		put16(frame + 16, len - 14);
		frame[22] = 64;
		frame[23] = h & 1 ? 17 : 6;
		memcpy(frame + 26, &addr, 4);
		memcpy(frame + 30, (uint8_t[]){192, 168, (uint8_t)(h >> 40 & 3), (uint8_t)(h >> 48)}, 4);
		put16(frame + 34, 1024 + (uint32_t)(h >> 20 & 0x7fff));
		put16(frame + 36, ports[h >> 35 & 7]);
		if (fwrite(record, sizeof(record), 1, f) != 1 || fwrite(frame, len, 1, f) != 1) {
			perror(argv[1]);
			return 1;
		}
	}
	if (fclose(f)) {
		perror(argv[1]);
		return 1;
	}
	return 0;
}
