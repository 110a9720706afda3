/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Small datagrams at a steady rate, for bench/run.sh: iperf3 sends in bursts that no receiver on two cores keeps up with.
 *
 *   udp-rate serve FILE                      answer clients; the port goes into FILE
 *   udp-rate up ADDR PORT RATE SECONDS       send to the server
 *   udp-rate down ADDR PORT RATE SECONDS     have the server send
 *
 * 64 bytes each, those of a millisecond in one system call. Prints how many a second came, and what share was lost.
 */
#include "base/clock.h"
#include "base/util.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { SIZE = 64, BATCH = 1024, BUFFER = 64 << 20, QUIET_MS = 500 };

/* A first datagram says what is wanted; the server's last one says how many came. */
struct request {
	uint32_t magic, down, rate, seconds;
};
struct report {
	uint32_t magic;
	uint64_t n;
};
enum { MAGIC = 0x72617465 };

static char bytes[BATCH][SIZE];
static struct mmsghdr messages[BATCH];
static struct iovec iov[BATCH];

static void set_up(int sock)
{
	int size = BUFFER;

	for (int i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec){bytes[i], SIZE};
		messages[i].msg_hdr = (struct msghdr){.msg_iov = &iov[i], .msg_iovlen = 1};
	}
	if (setsockopt(sock, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		setsockopt(sock, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (setsockopt(sock, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)))
		setsockopt(sock, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

/* Sends for so long; what could not be sent in its millisecond is sent later, so that the rate holds. Return: how many. */
static uint64_t send_all(int sock, uint32_t rate, uint32_t seconds)
{
	uint64_t start = clock_ns(CLOCK_MONOTONIC), sent = 0, total = (uint64_t)rate * seconds;

	while (sent < total) {
		uint64_t due = (clock_ns(CLOCK_MONOTONIC) - start) * rate / 1000000000;
		int n = (int)MIN(MIN(due, total) - sent, (uint64_t)BATCH);
		struct timespec nap = {.tv_nsec = 500000};

		if (n > 0) {
			n = sendmmsg(sock, messages, (unsigned int)n, 0);
			if (n > 0)
				sent += (uint64_t)n;
		} else {
			nanosleep(&nap, NULL);
		}
	}
	return sent;
}

/* Receives until it has been quiet for a while. */
static uint64_t receive_all(int sock, int first_ms)
{
	struct pollfd p = {.fd = sock, .events = POLLIN};
	uint64_t n = 0;

	while (poll(&p, 1, n ? QUIET_MS : first_ms) > 0) {
		int got = recvmmsg(sock, messages, BATCH, MSG_DONTWAIT, NULL);

		if (got > 0)
			n += (uint64_t)got;
	}
	return n;
}

static int serve(const char *path)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}, peer;
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(any);
	struct request r;
	FILE *f;

	if (sock < 0 || bind(sock, (void *)&any, sizeof(any)) || getsockname(sock, (void *)&any, &len))
		return 1;
	f = fopen(path, "we");
	if (!f)
		return 1;
	fprintf(f, "%u\n", ntohs(any.sin_port));
	fclose(f);
	set_up(sock);
	for (;;) {
		len = sizeof(peer);
		if (recvfrom(sock, &r, sizeof(r), 0, (void *)&peer, &len) != sizeof(r) || r.magic != MAGIC)
			continue;
		if (connect(sock, (void *)&peer, sizeof(peer)))
			return 1;
		if (r.down) {
			send_all(sock, r.rate, r.seconds);
		} else {
			struct report report = {.magic = MAGIC, .n = receive_all(sock, 2000)};

			if (send(sock, &report, sizeof(report), 0) < 0)
				perror("udp-rate");
		}
		peer.sin_family = AF_UNSPEC; /* for anybody again; and at the same port */
		if (connect(sock, (void *)&peer, sizeof(peer)) || bind(sock, (void *)&any, sizeof(any)))
			if (errno != EINVAL)
				return 1;
	}
}

static int ask(bool down, const char *addr, uint16_t port, uint32_t rate, uint32_t seconds)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct request r = {.magic = MAGIC, .down = down, .rate = rate, .seconds = seconds};
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct timeval patience = {.tv_sec = 5};
	struct report report = {0};
	uint64_t n;

	inet_pton(AF_INET, addr, &to.sin_addr);
	if (sock < 0 || connect(sock, (void *)&to, sizeof(to)))
		return 1;
	set_up(sock);
	setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (send(sock, &r, sizeof(r), 0) != sizeof(r))
		return 1;
	if (down) {
		n = receive_all(sock, 2000);
	} else {
		struct timespec nap = {.tv_nsec = 20000000};

		nanosleep(&nap, NULL);
		send_all(sock, rate, seconds);
		if (recv(sock, &report, sizeof(report), 0) != sizeof(report) || report.magic != MAGIC)
			return 1;
		n = report.n;
	}
	printf("  %7.0f/s %5.2f %%", (double)n / seconds, 100 - 100.0 * (double)n / ((double)rate * seconds));
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "serve"))
		return serve(argv[2]);
	if (argc != 6 || (strcmp(argv[1], "up") && strcmp(argv[1], "down"))) {
		fprintf(stderr, "usage: udp-rate serve FILE | up|down ADDR PORT RATE SECONDS\n");
		return 2;
	}
	return ask(argv[1][0] == 'd', argv[2], (uint16_t)atoi(argv[3]), (uint32_t)atoi(argv[4]),
		   (uint32_t)atoi(argv[5]));
}
