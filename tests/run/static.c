/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A client that asks nothing of the C library, as programs of Go are: linked statically, with a resolver of its own (it reads
 * /etc/resolv.conf, asks for A and AAAA at once over UDP, from two sockets) and sockets that do not block.
 * arguments: NAME PORT PATH; what the server says goes to stdout. Exit codes: 2 no address, 3 no connection.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TYPE_A = 1, TYPE_AAAA = 28, HEADER = 12 };

static struct sockaddr_in server(void)
{
	struct sockaddr_in s = {.sin_family = AF_INET, .sin_port = htons(53)};
	char line[256], address[64];
	FILE *f = fopen("/etc/resolv.conf", "r");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "nameserver %63[0-9.]", address) == 1 && inet_pton(AF_INET, address, &s.sin_addr) == 1)
			break;
	if (f)
		fclose(f);
	return s;
}

static int ask(const char *name, unsigned char type)
{
	unsigned char q[300] = {0x12, type, 1, 0, 0, 1}, *at = q + HEADER;
	struct sockaddr_in to = server();
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	while (*name) {
		size_t n = strcspn(name, ".");

		*at++ = (unsigned char)n;
		memcpy(at, name, n);
		at += n;
		name += n + (name[n] == '.');
	}
	*at++ = 0;
	*at++ = 0;
	*at++ = type;
	*at++ = 0;
	*at++ = 1;
	if (connect(s, (struct sockaddr *)&to, sizeof(to)) || write(s, q, (size_t)(at - q)) != at - q)
		exit(2);
	return s;
}

/* The first address of an answer: a name is labels, or ends in a pointer. */
static int first(int s, unsigned char type, unsigned char *to)
{
	unsigned char a[4096], *at = a + HEADER, *end;
	struct pollfd p = {.fd = s, .events = POLLIN};
	int answers;
	ssize_t n;

	if (poll(&p, 1, 5000) != 1)
		return 0;
	n = read(s, a, sizeof(a));
	close(s);
	if (n < HEADER || a[3] & 15)
		return 0;
	end = a + n;
	answers = a[6] << 8 | a[7];
	for (int i = 0; i <= answers && at < end; i++) {
		int got, len;

		while (at < end && *at && *at < 192)
			at += *at + 1;
		at += *at ? 2 : 1;
		if (!i) {
			at += 4;
			continue;
		}
		if (at + 10 > end)
			return 0;
		got = at[0] << 8 | at[1];
		len = at[8] << 8 | at[9];
		at += 10;
		if (got == type && at + len <= end) {
			memcpy(to, at, (size_t)len);
			return 1;
		}
		at += len;
	}
	return 0;
}

static int dial(int family, const unsigned char *address, int port)
{
	struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
	int s = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), err = 0;
	struct pollfd p = {.fd = s, .events = POLLOUT};
	socklen_t len = sizeof(err);

	memcpy(&four.sin_addr, address, 4);
	memcpy(&six.sin6_addr, address, 16);
	if (connect(s, family == AF_INET ? (void *)&four : (void *)&six,
		    family == AF_INET ? sizeof(four) : sizeof(six)) &&
	    errno != EINPROGRESS)
		return -1;
	if (poll(&p, 1, 5000) != 1 || getsockopt(s, SOL_SOCKET, SO_ERROR, &err, &len) || err) {
		close(s);
		errno = err;
		return -1;
	}
	return s;
}

int main(int argc, char **argv)
{
	unsigned char address[16] = {0};
	char text[4096];
	int a, aaaa, s = -1, four, six;
	ssize_t n;

	if (argc != 4)
		return 1;
	a = ask(argv[1], TYPE_A);
	aaaa = ask(argv[1], TYPE_AAAA);
	six = first(aaaa, TYPE_AAAA, address);
	if (six)
		s = dial(AF_INET6, address, atoi(argv[2]));
	four = s < 0 && first(a, TYPE_A, address);
	if (four)
		s = dial(AF_INET, address, atoi(argv[2]));
	if (s < 0) {
		fprintf(stderr, "%s\n", six || four ? strerror(errno) : "no address");
		return six || four ? 3 : 2;
	}
	n = snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", argv[3], argv[1]);
	if (write(s, text, (size_t)n) != n)
		return 4;
	for (;;) {
		struct pollfd p = {.fd = s, .events = POLLIN};

		if (poll(&p, 1, 5000) != 1)
			return 5;
		n = read(s, text, sizeof(text));
		if (n <= 0)
			return n ? 5 : 0;
		fwrite(text, 1, (size_t)n, stdout);
	}
}
