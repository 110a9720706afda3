/* SPDX-License-Identifier: BSD-2-Clause */
/* net-race OPEN CLOSED SECONDS: while it connects and sends, other threads flip the port between two of 127.0.0.1, and by dup2 the file between a TCP and a UDP socket. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static volatile struct sockaddr_in a;
static volatile int stop;
static int ports[2], fd, t, u;
static void *flip(void *x)
{
	for (int i = 0; !stop; i++)
		a.sin_port = htons(ports[i & 1]);
	return x;
}
static void *dups(void *x)
{
	for (int i = 0; !stop; i++)
		dup2(i & 1 ? t : u, fd);
	return x;
}
int main(int c, char **v)
{
	(void)c;
	ports[0] = atoi(v[1]);
	ports[1] = atoi(v[2]);
	a.sin_family = AF_INET;
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	pthread_t p, q;
	pthread_create(&p, 0, flip, 0);
	time_t end = time(0) + atoi(v[3]);
	int ok = 0, n = 0;
	signal(13, (void *)1);
	while (time(0) < end) {
		int s = socket(AF_INET, SOCK_STREAM, 0);
		n++;
		if (!connect(s, (void *)&a, sizeof a)) {
			char b[64] = {0};
			ok++;
			send(s, "GET /who HTTP/1.0\r\n\r\n", 21, 0);
			recv(s, b, 63, 0);
		}
		close(s);
		int d = socket(AF_INET, SOCK_DGRAM, 0);
		struct iovec io = {"evil", 4};
		struct msghdr m = {&a, sizeof a, &io, 1, 0, 0, 0};
		sendto(d, "evil", 4, 0, (void *)&a, sizeof a);
		sendmsg(d, &m, 0);
		close(d);
	}
	t = socket(AF_INET, SOCK_STREAM, 0);
	u = socket(AF_INET, SOCK_DGRAM, 0);
	fd = dup(u);
	pthread_create(&q, 0, dups, 0);
	end = time(0) + atoi(v[3]);
	while (time(0) < end) {
		struct iovec io = {"evil", 4};
		struct msghdr m = {&a, sizeof a, &io, 1, 0, 0, 0};
		sendmsg(fd, &m, MSG_DONTWAIT);
		connect(fd, (void *)&a, sizeof a);
	}
	stop = 1;
	printf("tries %d, connected %d\n", n, ok);
	return 0;
}
