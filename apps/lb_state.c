/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * skep-lb-state: reads VIPs and backends, writes the state file that fills xdp-lb's maps (JSON Lines, skep replay
 * --state).
 *
 * Backends get their numbers in the order of the file, one for each address, port and MAC address; a backend of
 * several VIPs has one number. To take a backend out without disturbing the numbers, give it weight 0.
 */
#include "apps/lb_table.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
	"usage: skep-lb-state [FILE]\n"
	"\n"
	"Reads FILE (standard input without one) and writes the state file for skep's xdp-lb. Lines are:\n"
	"\n"
	"  source ADDRESS                          outer source of encapsulated frames, one of each family\n"
	"  vip ADDRESS:PORT/tcp|udp rewrite|encap  begins a VIP\n"
	"  backend ADDRESS[:PORT] MAC [WEIGHT]     of the VIP above; weight 1 unless told, 0: gets no new flows\n"
	"  # ...                                   is ignored, as are empty lines\n"
	"\n"
	"IPv6 addresses with a port are written [2001:db8::1]:443. Without a port a backend has the VIP's.\n"
	"\n"
	"example:\n"
	"  vip 192.0.2.80:80/tcp rewrite\n"
	"  backend 192.0.2.11:8080 02:00:00:00:00:0b\n"
	"  backend 192.0.2.12:8080 02:00:00:00:00:0c 2\n";

struct endpoint {
	struct in6_addr addr;
	uint16_t port;
};

struct backend {
	struct endpoint at;
	uint8_t mac[6];
	char name[INET6_ADDRSTRLEN + 8];
};

struct state {
	const char *file;
	int line;
	struct backend backends[LB_MAX_BACKENDS]; /* 1 and up */
	uint32_t n_backends;
	uint32_t n_vips;
	/* The VIP that is being read. */
	bool open;
	struct lb_member members[LB_MAX_BACKENDS];
	uint32_t n_members;
};

__attribute__((format(printf, 2, 3))) static int complain(const struct state *s, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "skep-lb-state: %s:%d: ", s->file, s->line);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return -EINVAL;
}

static bool parse_address(const char *text, struct in6_addr *addr)
{
	struct in_addr v4;

	if (inet_pton(AF_INET6, text, addr) == 1)
		return true;
	if (inet_pton(AF_INET, text, &v4) != 1)
		return false;
	memset(addr, 0, sizeof(*addr));
	memset(addr->s6_addr + 10, 0xff, 2);
	memcpy(addr->s6_addr + 12, &v4, sizeof(v4));
	return true;
}

/* ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT; port 0 when there is none. Changes @text. */
static bool parse_endpoint(char *text, struct endpoint *e)
{
	char *colon = strrchr(text, ':'), *rest;
	unsigned long port;

	e->port = 0;
	if (*text == '[') {
		char *end = strchr(text, ']');

		if (!end)
			return false;
		colon = end[1] == ':' ? end + 1 : NULL;
		if (!colon && end[1])
			return false;
		*end = 0;
		text++;
	} else if (colon && strchr(text, ':') != colon) {
		colon = NULL; /* an IPv6 address by itself */
	}
	if (colon) {
		*colon = 0;
		port = strtoul(colon + 1, &rest, 10);
		if (!colon[1] || *rest || port < 1 || port > 65535)
			return false;
		e->port = (uint16_t)port;
	}
	return parse_address(text, &e->addr);
}

static bool parse_mac(const char *text, uint8_t mac[6])
{
	int used = 0;

	return sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4],
		      &mac[5], &used) == 6 &&
	       !text[used];
}

/* In the form of maps: IPv4 as ::ffff:192.0.2.1. */
static const char *show(const struct in6_addr *addr, char buf[INET6_ADDRSTRLEN])
{
	return inet_ntop(AF_INET6, addr, buf, INET6_ADDRSTRLEN);
}

/* The table of the VIP that ends here. */
static int close_vip(struct state *s)
{
	static uint16_t table[LB_TABLE_SIZE];
	int err;

	if (!s->open)
		return 0;
	s->open = false;
	err = lb_table_fill(table, LB_TABLE_SIZE, s->members, s->n_members);
	if (err)
		return complain(s, "the table of the VIP above: %s",
				err == -EINVAL ? "a backend is there twice" : strerror(-err));
	printf("{\"map\":\"tables\",\"key\":%u,\"value\":{\"backend\":[", s->n_vips - 1);
	for (uint32_t i = 0; i < LB_TABLE_SIZE; i++)
		printf("%s%u", i ? "," : "", table[i]);
	printf("]}}\n");
	return 0;
}

static int read_source(struct state *s, char **words, int n, struct in6_addr sources[2])
{
	struct in6_addr addr;

	if (n != 2 || !parse_address(words[1], &addr))
		return complain(s, "an address is wanted: source ADDRESS");
	sources[!IN6_IS_ADDR_V4MAPPED(&addr)] = addr;
	return 0;
}

static int read_vip(struct state *s, char **words, int n)
{
	char *slash = n == 3 ? strchr(words[1], '/') : NULL;
	char buf[INET6_ADDRSTRLEN];
	struct endpoint at;
	bool tcp, encap;

	if (close_vip(s))
		return -EINVAL;
	if (!slash)
		return complain(s, "a VIP is written: vip ADDRESS:PORT/tcp rewrite");
	*slash = 0;
	tcp = !strcmp(slash + 1, "tcp");
	encap = !strcmp(words[2], "encap");
	if (!tcp && strcmp(slash + 1, "udp"))
		return complain(s, "'%s': the protocol is tcp or udp", slash + 1);
	if (!encap && strcmp(words[2], "rewrite"))
		return complain(s, "'%s': the mode is rewrite or encap", words[2]);
	if (!parse_endpoint(words[1], &at) || !at.port)
		return complain(s, "'%s': not an address and a port", words[1]);
	if (s->n_vips == LB_MAX_VIPS)
		return complain(s, "there is room for %d VIPs", LB_MAX_VIPS);
	printf("{\"map\":\"vips\",\"key\":{\"addr\":\"%s\",\"port\":%u,\"proto\":%d},"
	       "\"value\":{\"table\":%u,\"mode\":\"%s\"}}\n",
	       show(&at.addr, buf), at.port, tcp ? IPPROTO_TCP : IPPROTO_UDP, s->n_vips, encap ? "ENCAP" : "REWRITE");
	s->n_vips++;
	s->n_members = 0;
	s->open = true;
	return 0;
}

/* The number of a backend; a new one is written out. 0 when there is no room. */
static uint32_t number_of(struct state *s, const struct backend *b)
{
	char buf[INET6_ADDRSTRLEN];

	for (uint32_t i = 1; i <= s->n_backends; i++)
		if (!strcmp(s->backends[i].name, b->name) && !memcmp(s->backends[i].mac, b->mac, sizeof(b->mac)))
			return i;
	if (s->n_backends + 1 == LB_MAX_BACKENDS)
		return 0;
	s->backends[++s->n_backends] = *b;
	printf("{\"map\":\"backends\",\"key\":%u,\"value\":{\"addr\":\"%s\",\"port\":%u,"
	       "\"mac\":\"%02x:%02x:%02x:%02x:%02x:%02x\",\"state\":\"PRESENT\"}}\n",
	       s->n_backends, show(&b->at.addr, buf), b->at.port, b->mac[0], b->mac[1], b->mac[2], b->mac[3], b->mac[4],
	       b->mac[5]);
	return s->n_backends;
}

static int read_backend(struct state *s, char **words, int n)
{
	char buf[INET6_ADDRSTRLEN], *rest = "";
	struct backend b = {0};
	unsigned long weight = 1;
	uint32_t number;

	if (!s->open)
		return complain(s, "a backend needs a vip line above it");
	if (n != 3 && n != 4)
		return complain(s, "a backend is written: backend ADDRESS:PORT MAC [WEIGHT]");
	if (!parse_endpoint(words[1], &b.at))
		return complain(s, "'%s': not an address, with a port or without", words[1]);
	if (!parse_mac(words[2], b.mac))
		return complain(s, "'%s': not a MAC address", words[2]);
	if (n == 4)
		weight = strtoul(words[3], &rest, 10);
	if (*rest || weight > UINT16_MAX)
		return complain(s, "'%s': a weight is a number from 0 to 65535", words[3]);
	snprintf(b.name, sizeof(b.name), "%s %u", show(&b.at.addr, buf), b.at.port);
	number = number_of(s, &b);
	if (!number)
		return complain(s, "there is room for %d backends", LB_MAX_BACKENDS - 1);
	if (s->n_members == LB_MAX_BACKENDS - 1)
		return complain(s, "a backend is there twice");
	s->members[s->n_members++] = (struct lb_member){
		.name = s->backends[number].name, .number = (uint16_t)number, .weight = (uint16_t)weight};
	return 0;
}

static int read_lines(struct state *s, FILE *f)
{
	struct in6_addr sources[2] = {0};
	char line[256], a[INET_ADDRSTRLEN], b[INET6_ADDRSTRLEN];
	int err = 0;

	while (!err && fgets(line, sizeof(line), f)) {
		char *words[6], *save = NULL;
		int n = 0;

		s->line++;
		if (!strchr(line, '\n') && !feof(f))
			return complain(s, "the line is too long");
		for (char *w = strtok_r(line, " \t\r\n", &save); w && n < 6; w = strtok_r(NULL, " \t\r\n", &save))
			words[n++] = w;
		if (!n || words[0][0] == '#')
			continue;
		if (!strcmp(words[0], "source"))
			err = read_source(s, words, n, sources);
		else if (!strcmp(words[0], "vip"))
			err = read_vip(s, words, n);
		else if (!strcmp(words[0], "backend"))
			err = read_backend(s, words, n);
		else
			err = complain(s, "'%s': a line begins with source, vip or backend", words[0]);
	}
	if (!err)
		err = close_vip(s);
	if (err)
		return err;
	inet_ntop(AF_INET, sources[0].s6_addr + 12, a, sizeof(a));
	printf("{\"map\":\"config\",\"key\":0,\"value\":{\"source4\":\"%s\",\"source6\":\"%s\"}}\n", a,
	       show(&sources[1], b));
	return 0;
}

int main(int argc, char **argv)
{
	static struct state s;
	FILE *f = stdin;
	int err;

	if (argc > 2 || (argc == 2 && argv[1][0] == '-' && argv[1][1])) {
		bool help = argc == 2 && (!strcmp(argv[1], "-h") || !strcmp(argv[1], "--help"));

		fputs(usage, help ? stdout : stderr);
		return help ? 0 : 2;
	}
	s.file = argc == 2 && strcmp(argv[1], "-") ? argv[1] : "standard input";
	if (argc == 2 && strcmp(argv[1], "-"))
		f = fopen(argv[1], "re");
	if (!f) {
		fprintf(stderr, "skep-lb-state: %s: read: %s\n", s.file, strerror(errno));
		return 1;
	}
	err = read_lines(&s, f);
	if (!err && ferror(f))
		err = complain(&s, "read: %s", strerror(errno));
	if (fflush(stdout) && !err) {
		fprintf(stderr, "skep-lb-state: write: %s\n", strerror(errno));
		err = -EIO;
	}
	if (f != stdin)
		fclose(f);
	return err ? 1 : 0;
}
