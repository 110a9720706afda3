/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The reader of policies, with texts made of pieces of policies and noise. What is read must be printed as a text that is read
 * back to the same, and within the limits; what is refused must be refused in one printable line that says where. The guard's keys are
 * in the same texts.
 *
 * usage: fuzz_policy [--seed N] [--runs N]
 */
#include "apps/egress.h"
#include "apps/egress_policy.h"
#include "apps/guard_policy.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 400 };

static uint64_t state = 88172645463325252;

static uint32_t any(uint32_t below)
{
	state ^= state << 13, state ^= state >> 7, state ^= state << 17;
	return (uint32_t)(state >> 16) % below;
}

static const char *const pieces[] = {
	"allow ",     "deny ",
	"default ",   "audit ",
	"profile ",   "yes",
	"no",         "npm",
	"git",        "\n",
	"\n",         "allow ",
	" ",          ",",
	",",          ":",
	"/",          "-",
	"[",          "]",
	"80",         "443",
	"65535",      "65536",
	"0",          "*",
	"*.",         "example.org",
	"host",       "a",
	"b.c",        "10",
	"10.0.0.0/8", "10/8",
	"1.2.3.4",    "::1",
	"fd00:",      "2001:db8::/32",
	"#",          "\\",
	"/tcp",       "/udp",
	"/icmp",      "/dns",
	"exe=/",      "exe=",
	"/usr",       "exe=/usr/bin/x",
	"\t",         "\r\n",
	"10.0.2.2",   "10.0.2.99",
	"8000-8080",  ".",
	"..",         "_http",
	"0.0.0.0/0",  "::/0",
	"[::1]:80",   "default deny\n",
	"\nread ",    "\nwrite ",
	"\nrun ",     "\nnoread ",
	"\nnowrite ", "\nnorun ",
	"\ncall ",    "call ",
	"read ",      "write ",
	"run ",       "/usr/bin",
	"~/x",        "~",
	"/a/../b",    "./",
	"//",         "/a\\ b",
	"\\,",        "log ",
	"deny ",      "deny=EPERM ",
	"deny=",      "kill ",
	"ptrace",     "kill",
};

/* A few calls are enough: what their names are is the caller's. */
static const char *const calls[] = {"read", "kill", "ptrace", "run"};
enum { CALLS = sizeof(calls) / sizeof(calls[0]) };

static int call_number(const char *name)
{
	for (int i = 0; i < CALLS; i++)
		if (!strcmp(calls[i], name))
			return i * 100;
	return -1;
}

static const char *call_name(int nr)
{
	return nr % 100 || nr < 0 || nr >= CALLS * 100 ? NULL : calls[nr / 100];
}

struct read {
	struct policy p;
	struct guard_policy g;
	struct policy_part part;
};

static int read_text(struct read *r, const char *text, size_t len, struct policy_error *error)
{
	*r = (struct read){
		.g = {.home = "/home/me", .here = "/work", .call_number = call_number, .call_name = call_name}};
	guard_part(&r->g, &r->part);
	r->p.part = &r->part;
	return policy_parse_text(&r->p, "f", text, len, error);
}

static void release(struct read *r)
{
	policy_free(&r->p);
	guard_free(&r->g);
}

/* Paths as guard_policy.h promises them. */
static bool paths_ok(const struct guard_policy *g)
{
	for (uint32_t i = 0; i < g->n_paths; i++) {
		const char *path = g->paths[i].path;
		size_t len = strlen(path);

		if (*path != '/' || len > GUARD_PATH_MAX || strstr(path, "//") || strstr(path, "/./") ||
		    strstr(path, "/../") || (len > 1 && path[len - 1] == '/'))
			return false;
	}
	return true;
}

static size_t make(char *text)
{
	size_t n = 0;
	uint32_t parts = any(24);

	for (uint32_t i = 0; i < parts; i++) {
		const char *piece = pieces[any(sizeof(pieces) / sizeof(pieces[0]))];
		size_t len = strlen(piece);

		if (!any(12)) {
			if (n < TEXT_MAX)
				text[n++] = (char)any(256);
			continue;
		}
		if (n + len > TEXT_MAX)
			break;
		memcpy(text + n, piece, len);
		n += len;
	}
	return n;
}

static char *print(const struct policy *p, size_t *len)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, len);

	if (!f)
		exit(1);
	policy_print(p, f);
	fclose(f);
	return text;
}

static void fail(const char *text, size_t len, const char *why)
{
	printf("not ok - %s\n", why);
	fwrite(text, 1, len, stdout);
	exit(1);
}

static uint32_t guarded; /* policies with rules of the guard's */

static bool error_ok(const char *error)
{
	if (!*error || !strstr(error, "f"))
		return false;
	for (; *error; error++)
		if (!isprint((unsigned char)*error))
			return false;
	return true;
}

/* Return: was it a policy? */
static bool try(const char *text, size_t len)
{
	struct policy_error error = {{0}};
	struct read p, q;
	size_t n, m;
	char *first, *second;
	int err = read_text(&p, text, len, &error);

	if (err) {
		release(&p);
		if (err != -EINVAL || !error_ok(error.text))
			fail(text, len, "an error without a good line");
		return false;
	}
	if (p.p.n_names > EGRESS_NAMES || p.p.n_prefixes > EGRESS_PREFIXES || p.p.n_exes > EGRESS_EXES ||
	    p.g.n_paths > GUARD_PATHS || p.g.n_calls > GUARD_CALLS)
		fail(text, len, "beyond a limit");
	guarded += guard_is_on(&p.g);
	if (!paths_ok(&p.g))
		fail(text, len, "a path is not simple");
	first = print(&p.p, &n);
	if (read_text(&q, first, n, &error))
		fail(text, len, error.text);
	second = print(&q.p, &m);
	if (n != m || memcmp(first, second, n) || p.p.n_rules != q.p.n_rules || p.g.n_paths != q.g.n_paths ||
	    p.g.n_calls != q.g.n_calls || policy_allows_unmatched(&p.p) != policy_allows_unmatched(&q.p))
		fail(text, len, "read back to something else");
	free(first);
	free(second);
	release(&p);
	release(&q);
	return true;
}

int main(int argc, char **argv)
{
	uint32_t runs = 100000, good = 0;
	char text[TEXT_MAX + 1], *exact;

	for (int i = 1; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "--seed"))
			state ^= strtoull(argv[i + 1], NULL, 0) * 0x9e3779b97f4a7c15;
		else if (!strcmp(argv[i], "--runs"))
			runs = (uint32_t)strtoul(argv[i + 1], NULL, 0);
	}
	for (uint32_t i = 0; i < runs; i++) {
		size_t len = make(text);

		/* In memory of its own size, so that a sanitizer sees a byte too far. */
		exact = malloc(len ? len : 1);
		if (!exact)
			return 1;
		memcpy(exact, text, len);
		good += try(exact, len);
		free(exact);
	}
	printf("%u texts, %u of them policies, %u with rules of the guard's\n", runs, good, guarded);
	return good > runs / 100 && guarded > runs / 200 ? 0 : 1;
}
