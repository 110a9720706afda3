/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading and printing policies (docs/policy.md has the grammar).
 *
 * A line of a file or the value of an option is words, apart by commas and blanks. "exe=PATH" binds the entries after it on
 * the line. A word is a port of the entry before it when a comma alone stands between them, that entry has ports and no
 * protocol yet, and the word begins with a digit and is a port or a range, whatever follows a slash being a
 * protocol. Else it is an entry of its own. So in "a:80,443,10.0.0.0/8" 443 is a port of a, and 10.0.0.0/8 is not.
 */
#include "apps/egress_policy.h"

#include "apps/egress.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 1 << 20, PORTS_MAX = 64, PATH_LENGTH_MAX = 4095, MAPPED_BITS = 96 };

/* Where a word stands. */
struct reader {
	struct policy *p;
	struct policy_error *err;
	const char *name; /* of the file or option */
	uint32_t line; /* 0: an option */
	const char *line_start;
};

struct word {
	const char *at;
	size_t len;
};

/* The networks of the tree itself: all that is in them leads to the machine's loopback or to the resolver. */
static const struct {
	uint8_t addr[16];
	uint8_t bits;
} own_networks[] = {
	{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 2, 0}, 120},
	{{0xfd}, 64},
};
static const uint8_t host4[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 2, 2};
static const uint8_t host6[16] = {0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2};

static const struct {
	const char *name;
	uint8_t proto;
} protos[] = {{"tcp", POLICY_TCP}, {"udp", POLICY_UDP}, {"icmp", POLICY_ICMP}, {"dns", POLICY_DNS}};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* complain - fill in the error: where @at is, and what is wrong. Return: -EINVAL. */
__attribute__((format(printf, 3, 4))) static int complain(const struct reader *r, const char *at, const char *fmt, ...)
{
	char *to = r->err->text;
	size_t room = sizeof(r->err->text);
	va_list ap;
	int n;

	if (r->line)
		n = snprintf(to, room, "%.200s:%u:%u: ", r->name, r->line, (uint32_t)(at - r->line_start) + 1);
	else
		n = snprintf(to, room, "%.200s, character %u: ", r->name, (uint32_t)(at - r->line_start) + 1);
	va_start(ap, fmt);
	vsnprintf(to + n, room - (size_t)n, fmt, ap);
	va_end(ap);
	/* It may quote what was read: one line, printable. */
	for (char *c = to; *c; c++)
		if (!isprint((unsigned char)*c))
			*c = '?';
	return -EINVAL;
}

static int no_memory(const struct reader *r)
{
	snprintf(r->err->text, sizeof(r->err->text), "%.200s: out of memory", r->name);
	return -ENOMEM;
}

/* How many letters to add, leave out or change to make one of the other. */
static uint32_t distance(const char *a, const char *b, size_t n)
{
	uint32_t row[33], before, keep;
	size_t m = strlen(a);

	if (m > 32 || n > 32)
		return 64;
	for (uint32_t j = 0; j <= m; j++)
		row[j] = j;
	for (uint32_t i = 1; i <= n; i++) {
		before = row[0];
		row[0] = i;
		for (uint32_t j = 1; j <= m; j++) {
			keep = row[j];
			row[j] = before + (a[j - 1] != tolower((unsigned char)b[i - 1]));
			if (row[j] > keep + 1)
				row[j] = keep + 1;
			if (row[j] > row[j - 1] + 1)
				row[j] = row[j - 1] + 1;
			before = keep;
		}
	}
	return row[m];
}

/* The nearest of some names, NULL when none is near. @next gives the i-th. */
static const char *nearest(const struct policy *p, const char *(*next)(const struct policy *p, uint32_t i),
			   const char *text, size_t len)
{
	const char *best = NULL, *name;
	uint32_t least = len > 2 ? 3 : 2;

	for (uint32_t i = 0; (name = next(p, i)); i++)
		if (distance(name, text, len) < least) {
			least = distance(name, text, len);
			best = name;
		}
	return best;
}

static bool is_word(const char *is, const char *text, size_t len)
{
	return strlen(is) == len && !memcmp(is, text, len);
}

/* Words. */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* A number up to 65535 at the front. Return: its digits, 0 when there is none. */
static size_t read_port(const char *at, size_t len, uint16_t *port)
{
	uint32_t value = 0;
	size_t n = 0;

	while (n < len && isdigit((unsigned char)at[n])) {
		value = value * 10 + (uint32_t)(at[n++] - '0');
		if (value > 65535)
			return 0;
	}
	*port = (uint16_t)value;
	return n;
}

/* "80", "8000-8080". */
static bool read_ports(const char *at, size_t len, struct policy_ports *ports)
{
	size_t n = read_port(at, len, &ports->low), more;

	if (!n)
		return false;
	ports->high = ports->low;
	if (n == len)
		return true;
	if (at[n] != '-')
		return false;
	more = read_port(at + n + 1, len - n - 1, &ports->high);
	return more && n + 1 + more == len && ports->high >= ports->low;
}

/* The protocol behind the last slash of a word, taken off it. */
static bool take_proto(struct word *w, uint8_t *proto)
{
	size_t slash = w->len;

	while (slash && w->at[slash - 1] != '/')
		slash--;
	if (!slash)
		return false;
	for (uint32_t i = 0; i < COUNT(protos); i++)
		if (is_word(protos[i].name, w->at + slash, w->len - slash)) {
			*proto = protos[i].proto;
			w->len = slash - 1;
			return true;
		}
	return false;
}

static const char *proto_name(uint8_t proto)
{
	for (uint32_t i = 0; i < COUNT(protos); i++)
		if (protos[i].proto == proto)
			return protos[i].name;
	return "";
}

static int add_port(struct reader *r, struct policy_rule *rule, const char *at, struct policy_ports ports)
{
	struct policy_ports *more;

	if (rule->n_ports == PORTS_MAX)
		return complain(r, at, "more than %u ports for one host; use a range", PORTS_MAX);
	more = realloc(rule->ports, (rule->n_ports + 1) * sizeof(*more));
	if (!more)
		return no_memory(r);
	rule->ports = more;
	rule->ports[rule->n_ports++] = ports;
	return 0;
}

/* Hosts. */

static bool name_ok(const char *at, size_t len)
{
	size_t label = 0;

	if (!len || len > EGRESS_NAME_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (at[i] == '.') {
			if (!label)
				return false;
			label = 0;
			continue;
		}
		if (!isalnum((unsigned char)at[i]) && at[i] != '-' && at[i] != '_')
			return false;
		if (++label > 63)
			return false;
	}
	return label;
}

/* Only digits and dots: somebody meant an address. */
static bool numeric(const char *at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!isdigit((unsigned char)at[i]) && at[i] != '.')
			return false;
	return true;
}

static bool same_bits(const uint8_t *a, const uint8_t *b, uint32_t bits)
{
	uint8_t mask = (uint8_t)(0xff00u >> (bits % 8));

	return !memcmp(a, b, bits / 8) && (!(bits % 8) || !((a[bits / 8] ^ b[bits / 8]) & mask));
}

/* 10.1.2.3, and 10, 10.1, 10.1.2 in front of a prefix length. */
static bool read_ip4(const char *at, size_t len, bool prefix, uint8_t *addr)
{
	uint32_t part = 0;
	size_t i = 0;

	memcpy(addr, host4, 12);
	memset(addr + 12, 0, 4);
	for (;;) {
		uint16_t value;
		size_t n = read_port(at + i, len - i, &value);

		if (!n || n > 3 || value > 255 || (n > 1 && at[i] == '0'))
			return false;
		addr[12 + part++] = (uint8_t)value;
		i += n;
		if (i == len)
			return part == 4 || prefix;
		if (at[i++] != '.' || part == 4)
			return false;
	}
}

static int read_prefix(struct reader *r, struct policy_rule *rule, struct word w)
{
	char text[INET6_ADDRSTRLEN + 1];
	const char *slash = memchr(w.at, '/', w.len);
	size_t len = slash ? (size_t)(slash - w.at) : w.len;
	bool v6 = memchr(w.at, ':', len);
	uint16_t bits = v6 ? 128 : 32;
	uint32_t i;

	if (len >= sizeof(text))
		return complain(r, w.at, "'%.*s' is no address", (int)w.len, w.at);
	memcpy(text, w.at, len);
	text[len] = 0;
	if (v6 ? inet_pton(AF_INET6, text, rule->addr) != 1 : !read_ip4(w.at, len, slash, rule->addr))
		return complain(r, w.at, "'%.*s' is no address", (int)w.len, w.at);
	if (slash) {
		size_t n = w.len - len - 1;

		if (memchr(slash, ':', n + 1))
			return complain(r, w.at, "'%.*s': with ports, an IPv6 address stands in brackets", (int)w.len,
					w.at);
		if (!n || n > 3 || read_port(slash + 1, n, &bits) != n || bits > (v6 ? 128 : 32))
			return complain(r, slash + 1, "'%.*s' is no prefix length (0 to %d), nor tcp, udp, icmp or dns",
					(int)n, slash + 1, v6 ? 128 : 32);
	}
	rule->bits = (uint8_t)(v6 ? bits : bits + MAPPED_BITS);
	for (i = rule->bits; i < 128; i++)
		if (rule->addr[i / 8] & 0x80 >> i % 8)
			return complain(r, w.at,
					"'%.*s' has bits behind its prefix length; leave out the length for the "
					"one address",
					(int)w.len, w.at);
	if (v6 && rule->bits >= MAPPED_BITS && !memcmp(rule->addr, host4, 12))
		return complain(r, w.at, "'%.*s': write the IPv4 address", (int)w.len, w.at);
	rule->target = POLICY_PREFIX;
	if (!r->p->of_interface && rule->bits == 128 &&
	    (!memcmp(rule->addr, host4, 16) || !memcmp(rule->addr, host6, 16))) {
		rule->target = POLICY_HOST;
		return 0;
	}
	for (i = 0; i < COUNT(own_networks) && !r->p->of_interface; i++)
		if (rule->bits >= own_networks[i].bits &&
		    same_bits(rule->addr, own_networks[i].addr, own_networks[i].bits))
			return complain(r, w.at,
					"'%.*s' lies in the command's own network; the machine's loopback is "
					"host:PORT",
					(int)w.len, w.at);
	if (++r->p->n_prefixes > EGRESS_PREFIXES)
		return complain(r, w.at, "more than %u rules with addresses", EGRESS_PREFIXES);
	return 0;
}

static int read_name(struct reader *r, struct policy_rule *rule, struct word w)
{
	rule->target = POLICY_NAME;
	if (w.len > 2 && w.at[0] == '*' && w.at[1] == '.') {
		rule->target = POLICY_SUFFIX;
		w.at += 2;
		w.len -= 2;
	}
	if (w.len > 1 && w.at[w.len - 1] == '.')
		w.len--;
	if (memchr(w.at, '*', w.len))
		return complain(r, w.at, "'%.*s': a * stands alone or in front, as in *.example.org", (int)w.len, w.at);
	if (!name_ok(w.at, w.len))
		return complain(r, w.at, "'%.*s' is no host: a name, an address, ADDRESS/LENGTH, host or *", (int)w.len,
				w.at);
	if (++r->p->n_names > EGRESS_NAMES)
		return complain(r, w.at, "more than %u rules with names", EGRESS_NAMES);
	if (is_word("localhost", w.at, w.len))
		return complain(r, w.at,
				"localhost is the command's own loopback, which is open; this machine's is host, as in "
				"host:8080");
	rule->name = strndup(w.at, w.len);
	if (!rule->name)
		return no_memory(r);
	for (char *c = rule->name; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return 0;
}

static int read_host(struct reader *r, struct policy_rule *rule, struct word w)
{
	if (!w.len)
		return complain(r, w.at, "no host in front of the ports");
	if (is_word("*", w.at, w.len)) {
		rule->target = POLICY_ANY;
		return 0;
	}
	if (r->p->of_interface && is_word("host", w.at, w.len))
		return complain(r, w.at,
				"'host' is the machine's loopback as commands of skep run see it; on an interface the "
				"machine's address must be named");
	if (is_word("host", w.at, w.len)) {
		rule->target = POLICY_HOST;
		return 0;
	}
	if (memchr(w.at, '/', w.len) || memchr(w.at, ':', w.len))
		return read_prefix(r, rule, w);
	if (!numeric(w.at, w.len))
		return read_name(r, rule, w);
	if (!memchr(w.at, '.', w.len))
		return complain(r, w.at, "'%.*s' is no host; ports stand behind a host, as in example.org:80,443",
				(int)w.len, w.at);
	return read_prefix(r, rule, w);
}

/* What was copied from a browser. */
static int complain_url(struct reader *r, struct word w, const char *host)
{
	size_t len = strcspn(host, "/:,? \t\n"), left = (size_t)(w.at + w.len - host);

	return complain(r, w.at, "'%.*s' is a URL; a rule names its host: %.*s", (int)w.len, w.at,
			(int)(len < left ? len : left), host);
}

/* Splits a word into host and ports. A second colon without brackets makes it an IPv6 address. */
static int read_entry(struct reader *r, struct policy_rule *rule, struct word w)
{
	struct word host = w;
	const char *colon, *end;
	struct policy_ports ports;
	int err;

	for (size_t i = 1; i + 2 < w.len; i++)
		if (!memcmp(w.at + i, "://", 3))
			return complain_url(r, w, w.at + i + 3);
	take_proto(&w, &rule->proto);
	host.len = w.len;
	end = w.at + w.len;
	if (w.len && *w.at == '[') {
		const char *close = memchr(w.at, ']', w.len);

		if (!close || (close + 1 < end && close[1] != ':'))
			return complain(r, w.at, "'%.*s': [ADDRESS], [ADDRESS/LENGTH] or [ADDRESS]:PORTS", (int)w.len,
					w.at);
		host = (struct word){w.at + 1, (size_t)(close - w.at - 1)};
		if (!memchr(host.at, ':', host.len))
			return complain(r, host.at, "only IPv6 addresses stand in brackets");
		colon = close + 1 < end ? close + 1 : NULL;
	} else {
		colon = memchr(w.at, ':', w.len);
		if (colon && memchr(colon + 1, ':', (size_t)(end - colon - 1)))
			colon = NULL;
		if (colon)
			host.len = (size_t)(colon - w.at);
	}
	err = read_host(r, rule, host);
	if (err || !colon)
		return err;
	if (rule->proto == POLICY_ICMP || rule->proto == POLICY_DNS)
		return complain(r, colon, "/%s has no ports", proto_name(rule->proto));
	if (!read_ports(colon + 1, (size_t)(end - colon - 1), &ports))
		return complain(r, colon + 1, "'%.*s' is no port: 0 to 65535, or a range such as 8000-8080",
				(int)(end - colon - 1), colon + 1);
	return add_port(r, rule, colon + 1, ports);
}

/* Return: 1 when the word was one more port of the rule, 0 when it is none, or an error. */
static int read_more_ports(struct reader *r, struct policy_rule *rule, struct word w)
{
	struct policy_ports ports;
	uint8_t proto = rule->proto;
	struct word rest = w;
	int err;

	if (!rule->n_ports || rule->proto)
		return 0;
	take_proto(&rest, &proto);
	if (!read_ports(rest.at, rest.len, &ports))
		return 0;
	if (proto == POLICY_ICMP || proto == POLICY_DNS)
		return complain(r, w.at, "/%s has no ports", proto_name(proto));
	rule->proto = proto;
	err = add_port(r, rule, w.at, ports);
	return err ? err : 1;
}

static int read_exe(struct reader *r, struct word w, uint32_t *exe)
{
	char *path = malloc(w.len + 1);
	size_t n = 0;
	char **more;

	if (!path)
		return no_memory(r);
	for (size_t i = 0; i < w.len; i++) {
		if (w.at[i] == '\\' && i + 1 < w.len)
			i++;
		path[n++] = w.at[i];
	}
	path[n] = 0;
	for (size_t i = 0; i < n; i++)
		if (iscntrl((unsigned char)path[i]))
			path[0] = 0;
	if (path[0] != '/' || n > PATH_LENGTH_MAX) {
		free(path);
		return complain(r, w.at, "exe= takes the executable's whole path, as in exe=/usr/bin/git");
	}
	for (uint32_t i = 0; i < r->p->n_exes; i++)
		if (!strcmp(r->p->exes[i], path)) {
			free(path);
			*exe = i + 1;
			return 0;
		}
	if (r->p->n_exes == EGRESS_EXES) {
		free(path);
		return complain(r, w.at, "more than %u different exe= patterns", EGRESS_EXES);
	}
	more = realloc(r->p->exes, (r->p->n_exes + 1) * sizeof(*more));
	if (!more) {
		free(path);
		return no_memory(r);
	}
	r->p->exes = more;
	r->p->exes[r->p->n_exes++] = path;
	*exe = r->p->n_exes;
	return 0;
}

static struct policy_rule *new_rule(struct reader *r, bool allow, uint32_t exe)
{
	struct policy *p = r->p;
	struct policy_rule *more;

	if (p->n_rules % 64 == 0) {
		more = realloc(p->rules, (p->n_rules + 64) * sizeof(*more));
		if (!more)
			return NULL;
		p->rules = more;
	}
	more = &p->rules[p->n_rules++];
	*more = (struct policy_rule){.allow = allow, .exe = exe};
	return more;
}

/* The entries of an option or of a line, up to @end. */
static int read_entries(struct reader *r, bool allow, const char *at, const char *end)
{
	struct policy_rule *rule = NULL;
	uint32_t exe = 0, n = 0;
	int err;

	for (;;) {
		struct word w;
		bool comma = false, blank = false;
		const char *sep = at;

		for (; at < end && (is_blank(*at) || *at == ','); at++) {
			if (*at == ',' && (comma || !n))
				return complain(r, at, "nothing stands in front of this comma");
			comma |= *at == ',';
			blank |= *at != ',';
		}
		if (at == end || *at == '#') {
			if (comma)
				return complain(r, sep, "nothing follows the comma");
			break;
		}
		w.at = at;
		while (at < end && !is_blank(*at) && *at != ',')
			at += *at == '\\' && at + 1 < end ? 2 : 1;
		w.len = (size_t)(at - w.at);
		n++;
		if (r->p->of_interface && w.len > 4 && !memcmp(w.at, "exe=", 4))
			return complain(
				r, w.at,
				"'%.*s': which program a frame is from cannot be seen on an interface; 'skep run' "
				"can tell",
				(int)w.len, w.at);
		if (w.len > 4 && !memcmp(w.at, "exe=", 4)) {
			rule = NULL;
			err = read_exe(r, (struct word){w.at + 4, w.len - 4}, &exe);
			if (err)
				return err;
			continue;
		}
		if (rule && comma && !blank) {
			err = read_more_ports(r, rule, w);
			if (err < 0)
				return err;
			if (err)
				continue;
		}
		rule = new_rule(r, allow, exe);
		if (!rule)
			return no_memory(r);
		err = read_entry(r, rule, w);
		if (err)
			return err;
	}
	if (!rule)
		return complain(r, at, "%s: no host", exe ? "after exe=" : allow ? "allow" : "deny");
	return 0;
}

int policy_parse_option(struct policy *p, bool allow, const char *option, const char *text, struct policy_error *err)
{
	struct reader r = {.p = p, .err = err, .name = option, .line_start = text};

	return read_entries(&r, allow, text, text + strlen(text));
}

/* Files. */

enum key { KEY_ALLOW, KEY_DENY, KEY_DEFAULT, KEY_AUDIT, KEY_PROFILE, KEYS };

/* The firewall's own keys, then those of the part. */
static const char *key_name(const struct policy *p, uint32_t i)
{
	static const char *const keys[KEYS] = {"allow", "deny", "default", "audit", "profile"};

	return i < KEYS ? keys[i] : p->part ? p->part->keys[i - KEYS] : NULL;
}

static const char *profile_name(const struct policy *p, uint32_t i)
{
	return policy_profile_name(i);
}

/* "a, b and c", cut where there is no room. */
static const char *list(const struct policy *p, const char *(*next)(const struct policy *p, uint32_t i), char *to,
			size_t room)
{
	size_t n = 0;

	*to = 0;
	for (uint32_t i = 0; next(p, i) && n < room; i++)
		n += (size_t)snprintf(to + n, room - n, "%s%s", !i ? "" : next(p, i + 1) ? ", " : " and ", next(p, i));
	return to;
}

/* Where a line's comment begins: at a # that begins a word. */
static const char *before_comment(const char *at, const char *end)
{
	for (const char *c = at; c < end; c++)
		if (*c == '#' && (c == at || is_blank(c[-1])))
			return c;
	return end;
}

static int read_part(struct reader *r, uint32_t key, const char *at, const char *end)
{
	const struct policy_part *part = r->p->part;
	char why[256] = "";
	size_t where = 0;
	int err = part->line(part->arg, key, at, (size_t)(before_comment(at, end) - at), &where, why, sizeof(why));

	if (err == -ENOMEM)
		return no_memory(r);
	return err ? complain(r, at + where, "%s", why) : 0;
}

/* The one word of a line's rest. */
static int only_word(struct reader *r, const char *at, const char *end, struct word *w)
{
	while (at < end && is_blank(*at))
		at++;
	w->at = at;
	while (at < end && !is_blank(*at) && *at != '#')
		at++;
	w->len = (size_t)(at - w->at);
	while (at < end && is_blank(*at))
		at++;
	if (at < end && *at != '#')
		return complain(r, at, "one word, and no more");
	return 0;
}

static int read_setting(struct reader *r, enum key key, const char *at, const char *end)
{
	char name[64], all[128];
	const char *near;
	struct word w;
	int err = only_word(r, at, end, &w);

	if (err)
		return err;
	if (key == KEY_DEFAULT) {
		if (!is_word("allow", w.at, w.len) && !is_word("deny", w.at, w.len))
			return complain(r, w.at, "default is allow or deny");
		r->p->unmatched = *w.at == 'a' ? POLICY_ALLOW : POLICY_DENY;
		return 0;
	}
	if (key == KEY_AUDIT) {
		if (!is_word("yes", w.at, w.len) && !is_word("no", w.at, w.len))
			return complain(r, w.at, "audit is yes or no");
		r->p->audit = *w.at == 'y';
		return 0;
	}
	snprintf(name, sizeof(name), "%.*s", (int)w.len, w.at);
	/* A profile includes no profile: its text is ours. */
	if (policy_profile(name, &(size_t){0}))
		return policy_parse_profile(r->p, name, r->err);
	near = nearest(r->p, profile_name, w.at, w.len);
	if (near)
		return complain(r, w.at, "there is no profile '%s'; did you mean '%s'?", name, near);
	return complain(r, w.at, "there is no profile '%s'; there are %s", name,
			list(r->p, profile_name, all, sizeof(all)));
}

static int read_line(struct reader *r, const char *at, const char *end)
{
	const char *key = at, *near;
	char all[128];
	size_t len;

	while (key < end && is_blank(*key))
		key++;
	if (key == end || *key == '#')
		return 0;
	at = key;
	while (at < end && !is_blank(*at) && *at != '#')
		at++;
	len = (size_t)(at - key);
	for (uint32_t i = 0; key_name(r->p, i); i++)
		if (is_word(key_name(r->p, i), key, len))
			return i >= KEYS       ? read_part(r, i - KEYS, at, end)
			       : i <= KEY_DENY ? read_entries(r, i == KEY_ALLOW, at, end)
					       : read_setting(r, i, at, end);
	near = nearest(r->p, key_name, key, len);
	if (near)
		return complain(r, key, "unknown key '%.*s'; did you mean '%s'?", (int)(len < 64 ? len : 64), key,
				near);
	return complain(r, key, "unknown key '%.*s'; there are %s", (int)(len < 64 ? len : 64), key,
			list(r->p, key_name, all, sizeof(all)));
}

int policy_parse_text(struct policy *p, const char *name, const char *text, size_t len, struct policy_error *err)
{
	struct reader r = {.p = p, .err = err, .name = name, .line = 1, .line_start = text};
	const char *end = text + len;

	for (const char *at = text; at < end; r.line++) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		int failed;

		if (!stop)
			stop = end;
		r.line_start = at;
		failed = read_line(&r, at, stop);
		if (failed)
			return failed;
		at = stop + 1;
	}
	return 0;
}

int policy_parse_file(struct policy *p, const char *path, struct policy_error *err)
{
	FILE *f = fopen(path, "re");
	char *text = f ? malloc(FILE_MAX + 1) : NULL;
	size_t len = text ? fread(text, 1, FILE_MAX + 1, f) : 0;
	int failed = 0;

	if (!text || ferror(f)) {
		failed = errno ? -errno : -EIO;
		snprintf(err->text, sizeof(err->text), "%.400s: %s", path, strerror(-failed));
	} else if (len > FILE_MAX) {
		failed = -EFBIG;
		snprintf(err->text, sizeof(err->text), "%.400s: longer than %u bytes", path, FILE_MAX);
	} else {
		failed = policy_parse_text(p, path, text, len, err);
	}
	free(text);
	if (f)
		fclose(f);
	return failed;
}

int policy_parse_profile(struct policy *p, const char *name, struct policy_error *err)
{
	size_t len;
	const char *text = policy_profile(name, &len), *near;
	char label[128];

	if (text) {
		snprintf(label, sizeof(label), "profile %s", name);
		return policy_parse_text(p, label, text, len, err);
	}
	near = nearest(p, profile_name, name, strlen(name));
	if (near)
		snprintf(err->text, sizeof(err->text), "there is no profile '%.64s'; did you mean '%s'?", name, near);
	else
		snprintf(err->text, sizeof(err->text), "there is no profile '%.64s'; there are %s", name,
			 list(p, profile_name, label, sizeof(label)));
	return -EINVAL;
}

/* Printing. */

static void print_prefix(const struct policy_rule *r, FILE *out)
{
	bool v4 = r->bits >= MAPPED_BITS && !memcmp(r->addr, host4, 12);
	bool brackets = !v4 && r->n_ports;
	char text[INET6_ADDRSTRLEN];

	inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? r->addr + 12 : r->addr, text, sizeof(text));
	fprintf(out, "%s%s", brackets ? "[" : "", text);
	if (r->bits < 128)
		fprintf(out, "/%u", v4 ? r->bits - MAPPED_BITS : r->bits);
	if (brackets)
		fputc(']', out);
}

static void print_exe(const char *path, FILE *out)
{
	fputs(" exe=", out);
	for (; *path; path++) {
		if (is_blank(*path) || *path == ',' || *path == '\\')
			fputc('\\', out);
		fputc(*path, out);
	}
}

void policy_print_rule(const struct policy *p, const struct policy_rule *r, FILE *out)
{
	fputs(r->allow ? "allow" : "deny", out);
	if (r->exe)
		print_exe(p->exes[r->exe - 1], out);
	fputc(' ', out);
	switch (r->target) {
	case POLICY_ANY:
		fputc('*', out);
		break;
	case POLICY_HOST:
		fputs("host", out);
		break;
	case POLICY_NAME:
		fputs(r->name, out);
		break;
	case POLICY_SUFFIX:
		fprintf(out, "*.%s", r->name);
		break;
	case POLICY_PREFIX:
		print_prefix(r, out);
		break;
	}
	for (uint32_t i = 0; i < r->n_ports; i++) {
		fprintf(out, "%c%u", i ? ',' : ':', r->ports[i].low);
		if (r->ports[i].high != r->ports[i].low)
			fprintf(out, "-%u", r->ports[i].high);
	}
	if (r->proto)
		fprintf(out, "/%s", proto_name(r->proto));
}

void policy_print(const struct policy *p, FILE *out)
{
	if (p->unmatched)
		fprintf(out, "default %s\n", p->unmatched == POLICY_ALLOW ? "allow" : "deny");
	if (p->audit)
		fputs("audit yes\n", out);
	for (uint32_t i = 0; i < p->n_rules; i++) {
		policy_print_rule(p, &p->rules[i], out);
		fputc('\n', out);
	}
	if (p->part)
		p->part->print(p->part->arg, out);
}

bool policy_allows_unmatched(const struct policy *p)
{
	if (p->unmatched)
		return p->unmatched == POLICY_ALLOW;
	for (uint32_t i = 0; i < p->n_rules; i++)
		if (p->rules[i].allow)
			return false;
	return true;
}

void policy_free(struct policy *p)
{
	for (uint32_t i = 0; i < p->n_rules; i++) {
		free(p->rules[i].ports);
		free(p->rules[i].name);
	}
	for (uint32_t i = 0; i < p->n_exes; i++)
		free(p->exes[i]);
	free(p->rules);
	free(p->exes);
	*p = (struct policy){0};
}
