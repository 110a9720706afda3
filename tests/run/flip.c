/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Attacks a decision about connect(2) by changing what it is about while it is made. Listens on the port that is denied and on another one, of the tree's
 * own loopback; a thread changes the address (or the socket, by dup2) all the time, another one connects.
 *
 * arguments: address|socket SECONDS. Prints how many connections came to the allowed port and to the denied one. Or: i386-socket: makes a datagram
 * socket by a 32-bit system call, and prints what that returned.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { DENIED = 7777, ALLOWED = 7790, SPOT = 50, UNIX_SPOT = 51, INET_SPOT = 52 };

static volatile bool stop;
static volatile struct sockaddr_in to = {.sin_family = AF_INET};

static int listener(int port)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 4096)) {
		perror("listen");
		exit(1);
	}
	return fd;
}

static void *flip_address(void *arg)
{
	while (!stop) {
		to.sin_port = htons(ALLOWED);
		to.sin_port = htons(DENIED);
	}
	return NULL;
}

static void *flip_socket(void *arg)
{
	while (!stop) {
		dup2(UNIX_SPOT, SPOT);
		close(SPOT);
		dup2(INET_SPOT, SPOT);
	}
	return NULL;
}

static long taken(int fd)
{
	long n = 0;
	int c;

	while ((c = accept(fd, NULL, NULL)) >= 0) {
		n++;
		close(c);
	}
	return n;
}

static int i386_socket(void)
{
#ifdef __x86_64__
	int ret;

	__asm__ volatile("int $0x80"
			 : "=a"(ret)
			 : "a"(359), "b"(AF_INET), "c"(SOCK_DGRAM), "d"(0)
			 : "memory", "r8", "r9", "r10", "r11");
	printf("%d\n", ret);
	return 0;
#else
	return 77;
#endif
}

int main(int argc, char **argv)
{
	bool sockets = argc > 2 && !strcmp(argv[1], "socket");
	long allowed = 0, denied = 0;
	int good, bad;
	time_t end;
	pthread_t t;

	if (argc > 1 && !strcmp(argv[1], "i386-socket"))
		return i386_socket();
	if (argc < 3)
		return 2;
	good = listener(ALLOWED);
	bad = listener(DENIED);
	end = time(NULL) + atoi(argv[2]);
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	to.sin_port = htons(DENIED);
	dup2(socket(AF_UNIX, SOCK_STREAM, 0), UNIX_SPOT);
	dup2(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), INET_SPOT);
	pthread_create(&t, NULL, sockets ? flip_socket : flip_address, NULL);
	while (time(NULL) < end) {
		if (sockets) {
			connect(SPOT, (struct sockaddr *)&to, sizeof(to));
		} else {
			int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

			connect(fd, (struct sockaddr *)&to, sizeof(to));
			close(fd);
		}
		allowed += taken(good);
		denied += taken(bad);
	}
	stop = true;
	pthread_join(t, NULL);
	usleep(100000);
	printf("%s %ld\n", allowed + taken(good) ? "some" : "none", denied + taken(bad));
	return 0;
}
