/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
/*
 * Attacks a decision about connect(2), or about a datagram, by changing what it is about while it is made. Listens on the port that is denied and on another one, of the
 * tree's own loopback; a thread changes the address (or the message's pointer to it, or the socket, by dup2) all the time, another one connects or sends.
 *
 * arguments: address|socket|send-address|send-pointer|send-socket SECONDS. Prints how many connections or datagrams came to the allowed port and to the denied one. Or: i386-socket: makes a datagram
 * socket by a 32-bit system call, and prints what that returned; i386-send: sends two datagrams so, to the denied port and to the allowed one.
 */
#include "i386.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
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

static volatile struct sockaddr_in both[2] = {{.sin_family = AF_INET}, {.sin_family = AF_INET}};
static struct msghdr message;

static void *flip_pointer(void *arg)
{
	while (!stop)
		for (int i = 0; i < 2; i++)
			__atomic_store_n(&message.msg_name, (void *)&both[i], __ATOMIC_RELAXED);
	return NULL;
}

static int receiver(int port)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	if (bind(fd, (struct sockaddr *)&a, sizeof(a))) {
		perror("bind");
		exit(1);
	}
	return fd;
}

static long received(int fd)
{
	char byte;
	long n = 0;

	while (recv(fd, &byte, 1, 0) == 1)
		n++;
	return n;
}

/* Datagrams by all three calls. */
static int sends(const char *what, int seconds)
{
	bool sockets = !strcmp(what, "send-socket"), pointer = !strcmp(what, "send-pointer");
	int good = receiver(ALLOWED), bad = receiver(DENIED), pair[2], fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct iovec byte = {"x", 1};
	struct mmsghdr two[2];
	long allowed = 0, denied = 0;
	time_t end = time(NULL) + seconds;
	pthread_t t;

	for (int i = 0; i < 2; i++) {
		both[i].sin_addr.s_addr = to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		both[i].sin_port = htons(i ? DENIED : ALLOWED);
	}
	to.sin_port = htons(DENIED);
	message = (struct msghdr){.msg_name = pointer ? (void *)&both[1] : (void *)&to,
				  .msg_namelen = sizeof(to),
				  .msg_iov = &byte,
				  .msg_iovlen = 1};
	socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair);
	dup2(pair[0], UNIX_SPOT);
	dup2(fd, INET_SPOT);
	if (sockets)
		fd = SPOT;
	pthread_create(&t, NULL, sockets ? flip_socket : pointer ? flip_pointer : flip_address, NULL);
	while (time(NULL) < end) {
		sendto(fd, "x", 1, MSG_NOSIGNAL, (void *)&to, sizeof(to));
		sendmsg(fd, &message, MSG_NOSIGNAL);
		two[0].msg_hdr = two[1].msg_hdr = message;
		sendmmsg(fd, two, 2, MSG_NOSIGNAL);
		recv(pair[1], (char[64]){0}, 64, 0);
		allowed += received(good);
		denied += received(bad);
	}
	stop = true;
	pthread_join(t, NULL);
	printf("%s %ld\n", allowed ? "some" : "none", denied + received(bad));
	return 0;
}

#ifdef __x86_64__
static int i386_socket(void)
{
	printf("%d\n", i386_call(359, AF_INET, SOCK_DGRAM, 0, 0));
	return 0;
}

static int i386_send(void)
{
	struct low {
		uint32_t name, name_len, parts, n_parts, control, control_len, flags, part[2];
		struct sockaddr_in to;
		char byte;
	} *low = mmap(NULL, sizeof(*low), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	uint32_t at = (uint32_t)(uintptr_t)low;
	int good = receiver(ALLOWED), fd = socket(AF_INET, SOCK_DGRAM, 0);
	char byte = 0;

	*low = (struct low){.name = at + offsetof(struct low, to),
			    .name_len = sizeof(low->to),
			    .parts = at + offsetof(struct low, part),
			    .n_parts = 1,
			    .part = {at + offsetof(struct low, byte), 1},
			    .to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)},
			    .byte = 'x'};
	low->to.sin_port = htons(DENIED);
	printf("%d ", i386_call(370, (uint32_t)fd, at, 0, 0));
	low->to.sin_port = htons(ALLOWED);
	printf("%d ", i386_call(370, (uint32_t)fd, at, 0, 0));
	printf("%zd ", recv(good, &byte, 1, 0));
	printf("%c\n", byte);
	return 0;
}
#else
static int i386_socket(void)
{
	return 77;
}

static int i386_send(void)
{
	return 77;
}
#endif

int main(int argc, char **argv)
{
	bool sockets = argc > 2 && !strcmp(argv[1], "socket");
	long allowed = 0, denied = 0;
	int good, bad;
	time_t end;
	pthread_t t;

	if (argc > 1 && !strcmp(argv[1], "i386-socket"))
		return i386_socket();
	if (argc > 1 && !strcmp(argv[1], "i386-send"))
		return i386_send();
	if (argc < 3)
		return 2;
	if (!strncmp(argv[1], "send", 4))
		return sends(argv[1], atoi(argv[2]));
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
