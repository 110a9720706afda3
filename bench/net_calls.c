/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What socket calls cost: net-calls serve | connect PORT N | send PORT N | up PORT MEGABYTES | down PORT MEGABYTES. "serve" says two ports: one that takes connections and closes them, and one of TCP (who sends a byte 'd' and a number gets
 * that many megabytes, who sends anything else is read to the end) and UDP (silent); the others print microseconds a call, or Gbit/s. bench/net_calls.sh runs them.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static char bytes[1 << 17];

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static long pump(int fd, long megabytes)
{
	long left = megabytes << 20;
	ssize_t n = 1;

	while (left > 0 && n > 0) {
		n = write(fd, bytes, left < (long)sizeof(bytes) ? (size_t)left : sizeof(bytes));
		left -= n;
	}
	return left;
}

static void serve(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}}, at2 = at;
	socklen_t len = sizeof(at);
	int tcp = socket(AF_INET, SOCK_STREAM, 0), udp = socket(AF_INET, SOCK_DGRAM, 0), quick, fd;

	if (bind(tcp, (struct sockaddr *)&at, len) || getsockname(tcp, (struct sockaddr *)&at, &len) ||
	    bind(udp, (struct sockaddr *)&at, len) || listen(tcp, 1000))
		exit(1);
	quick = socket(AF_INET, SOCK_STREAM, 0);
	at2.sin_port = 0;
	if (bind(quick, (struct sockaddr *)&at2, len) || getsockname(quick, (struct sockaddr *)&at2, &len) ||
	    listen(quick, 4096))
		exit(1);
	printf("%d %d\n", ntohs(at2.sin_port), ntohs(at.sin_port));
	fflush(stdout);
	if (!fork()) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		while ((fd = accept(quick, NULL, NULL)) >= 0)
			close(fd);
		_exit(1);
	}
	signal(SIGCHLD, SIG_IGN);
	while ((fd = accept(tcp, NULL, NULL)) >= 0) {
		if (!fork()) {
			char head[16] = "";
			ssize_t n = read(fd, head, sizeof(head) - 1);

			if (n > 0 && head[0] == 'd')
				pump(fd, atol(head + 1));
			else
				while (n > 0)
					n = read(fd, bytes, sizeof(bytes));
			_exit(0);
		}
		close(fd);
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	long n = argc > 3 ? atol(argv[3]) : 0, done = 0;
	int fd = -1;
	double began;

	if (argc < 4) {
		serve();
		return 1;
	}
	to.sin_port = htons((uint16_t)atoi(argv[2]));
	began = now();
	if (!strcmp(argv[1], "connect")) {
		for (long i = 0; i < n; i++) {
			fd = socket(AF_INET, SOCK_STREAM, 0);
			done += !connect(fd, (struct sockaddr *)&to, sizeof(to));
			close(fd);
		}
	} else if (!strcmp(argv[1], "send")) {
		fd = socket(AF_INET, SOCK_DGRAM, 0);
		for (long i = 0; i < n; i++)
			done += sendto(fd, bytes, 100, 0, (struct sockaddr *)&to, sizeof(to)) == 100;
	} else {
		char head[16];
		ssize_t got = 1;

		fd = socket(AF_INET, SOCK_STREAM, 0);
		if (connect(fd, (struct sockaddr *)&to, sizeof(to)))
			return 1;
		snprintf(head, sizeof(head), "%c%ld", argv[1][0], n);
		if (write(fd, head, strlen(head)) < 0)
			return 1;
		if (argv[1][0] == 'u')
			done = (n << 20) - pump(fd, n);
		else
			while (done < n << 20 && got > 0)
				done += got = read(fd, bytes, sizeof(bytes));
		shutdown(fd, SHUT_WR);
		while (argv[1][0] == 'u' && read(fd, bytes, sizeof(bytes)) > 0)
			;
		if (done != n << 20)
			return 1;
		printf("%.2f\n", (double)done * 8 / 1e9 / (now() - began));
		return 0;
	}
	if (done != n)
		return 1;
	printf("%.1f\n", (now() - began) * 1e6 / (double)n);
	return 0;
}
