/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * names ADDRESS NAME=IPV4...: a name server that knows these names, over UDP at ADDRESS; addresses of version 6 and other names there are none.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

enum { HEADER = 12, NAME_MAX_BYTES = 255, QUESTION_END = 4, MESSAGE = 512, NO_NAME = 3 };

/* The name of a question, with dots. Return: where it ends, 0: it is none. */
static size_t read_name(const unsigned char *m, size_t n, char name[NAME_MAX_BYTES + 1])
{
	size_t at = HEADER, to = 0;

	while (at < n && m[at]) {
		size_t len = m[at];

		if (len > 63 || at + 1 + len >= n || to + len + 1 > NAME_MAX_BYTES)
			return 0;
		if (to)
			name[to++] = '.';
		memcpy(name + to, m + at + 1, len);
		to += len;
		at += 1 + len;
	}
	name[to] = 0;
	return at + 1 + QUESTION_END <= n ? at + 1 : 0;
}

/* Makes a query its answer. @m: MESSAGE bytes. Return: its length, 0: there is none to give. */
static size_t answer(unsigned char *m, size_t n, char **known)
{
	static const unsigned char record[] = {0xc0, HEADER, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4};
	char name[NAME_MAX_BYTES + 1];
	size_t end = n > HEADER ? read_name(m, n, name) : 0;
	struct in_addr addr;

	if (!end || end + QUESTION_END + sizeof(record) + sizeof(addr) > MESSAGE)
		return 0;
	m[2] = 0x81;
	m[3] = 0x80 | NO_NAME;
	memset(m + 6, 0, 6);
	n = end + QUESTION_END;
	for (; *known; known++) {
		size_t len = strcspn(*known, "=");

		if (strlen(name) != len || strncasecmp(name, *known, len) ||
		    inet_pton(AF_INET, *known + len + 1, &addr) != 1)
			continue;
		m[3] = 0x80;
		if (m[end + 1] != 1) /* of this name there is no such record */
			break;
		m[7] = 1;
		memcpy(m + n, record, sizeof(record));
		memcpy(m + n + sizeof(record), &addr, sizeof(addr));
		return n + sizeof(record) + sizeof(addr);
	}
	return n;
}

int main(int argc, char **argv)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(53)}, peer;
	int s = socket(AF_INET, SOCK_DGRAM, 0);
	unsigned char m[MESSAGE];

	if (argc < 2 || inet_pton(AF_INET, argv[1], &at.sin_addr) != 1)
		return 2;
	if (s < 0 || bind(s, (struct sockaddr *)&at, sizeof(at))) {
		perror("names");
		return 1;
	}
	for (;;) {
		socklen_t len = sizeof(peer);
		ssize_t n = recvfrom(s, m, sizeof(m), 0, (struct sockaddr *)&peer, &len);
		size_t size = n > 0 ? answer(m, (size_t)n, argv + 2) : 0;

		if (size)
			sendto(s, m, size, 0, (struct sockaddr *)&peer, len);
	}
}
