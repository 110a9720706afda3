/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/util.h"
#include "cli/run.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <string.h>

enum {
	OPT_PUBLISH = 256,
	OPT_MTU,
	OPT_DNS,
	OPT_KEEP_FD,
	OPT_ALLOW,
	OPT_DENY,
	OPT_POLICY,
	OPT_PROFILE,
	OPT_AUDIT,
	OPT_ADVISE,
	OPT_PRINT_POLICY,
	OPT_VIOLATION_EXIT,
	OPT_FLOWS,
	OPT_PCAPNG,
	OPT_METRICS,
	OPT_PROGRESS,
	OPT_LOOPBACK,
	OPT_NAME,
	OPT_NO_TAP,
	OPT_NET,
	OPT_BY,
	OPT_JSON,
	OPT_INTERPRET,
	OPT_RESERVE,
	OPT_EVENTS,
	OPT_PROCESSES,
	OPT_SYSCALLS,
	OPT_READ,
	OPT_WRITE,
	OPT_RUN,
};

static const struct option options[] = {{"publish", required_argument, NULL, OPT_PUBLISH},
					{"mtu", required_argument, NULL, OPT_MTU},
					{"dns", required_argument, NULL, OPT_DNS},
					{"keep-fd", required_argument, NULL, OPT_KEEP_FD},
					{"allow", required_argument, NULL, OPT_ALLOW},
					{"deny", required_argument, NULL, OPT_DENY},
					{"policy", required_argument, NULL, OPT_POLICY},
					{"profile", required_argument, NULL, OPT_PROFILE},
					{"audit", no_argument, NULL, OPT_AUDIT},
					{"advise", no_argument, NULL, OPT_ADVISE},
					{"print-policy", no_argument, NULL, OPT_PRINT_POLICY},
					{"violation-exit", required_argument, NULL, OPT_VIOLATION_EXIT},
					{"flows", required_argument, NULL, OPT_FLOWS},
					{"pcapng", required_argument, NULL, OPT_PCAPNG},
					{"metrics", required_argument, NULL, OPT_METRICS},
					{"progress", no_argument, NULL, OPT_PROGRESS},
					{"loopback", required_argument, NULL, OPT_LOOPBACK},
					{"name", required_argument, NULL, OPT_NAME},
					{"no-tap", no_argument, NULL, OPT_NO_TAP},
					{"net", required_argument, NULL, OPT_NET},
					{"by", required_argument, NULL, OPT_BY},
					{"interpret", no_argument, NULL, OPT_INTERPRET},
					{"read", required_argument, NULL, OPT_READ},
					{"write", required_argument, NULL, OPT_WRITE},
					{"run", required_argument, NULL, OPT_RUN},
					{"reserve", required_argument, NULL, OPT_RESERVE},
					{"events", required_argument, NULL, OPT_EVENTS},
					{"processes", required_argument, NULL, OPT_PROCESSES},
					{"syscalls", required_argument, NULL, OPT_SYSCALLS},
					{"json", no_argument, NULL, OPT_JSON},
					{"quiet", no_argument, NULL, 'q'},
					{"verbose", no_argument, NULL, 'v'},
					{NULL, 0, NULL, 0}};

/* ADDR, ADDR:PORT, [V6]:PORT; IPv4 comes out as ::ffff:a.b.c.d. @port: the one that is meant where none is given, 0: it must be. */
static bool parse_address(const char *text, uint16_t port, struct sockaddr_in6 *out)
{
	char host[128];
	const char *colon = strrchr(text, ':'), *at = text;
	struct in_addr four;
	uint64_t n = port;
	size_t len = strlen(text);

	*out = (struct sockaddr_in6){.sin6_family = AF_INET6};
	if (*text == '[') {
		const char *close = strchr(text, ']');

		if (!close || (close[1] && close[1] != ':'))
			return false;
		at = text + 1;
		len = (size_t)(close - at);
		colon = close[1] ? close + 1 : NULL;
	} else if (colon && strchr(text, ':') == colon) {
		len = (size_t)(colon - text);
	} else {
		colon = NULL;
	}
	if (len >= sizeof(host) || (colon && (!parse_count(colon + 1, UINT16_MAX, &n) || !n)) || !n)
		return false;
	memcpy(host, at, len);
	host[len] = 0;
	out->sin6_port = htons((uint16_t)n);
	if (inet_pton(AF_INET, host, &four) == 1)
		out->sin6_addr = ip_v4(four.s_addr);
	else if (inet_pton(AF_INET6, host, &out->sin6_addr) != 1)
		return false;
	return true;
}

/* [ADDR:]PORT[:TREE_PORT][/udp] */
static int parse_publish(const struct verb *verb, const char *text, struct net_opts *net)
{
	struct uplink_publish *p = &net->publish[net->n_publish];
	char copy[160], *slash, *last;
	uint64_t inner = 0;

	if (net->n_publish == NET_PUBLISH)
		return misuse(verb, "--publish can be given %d times", NET_PUBLISH);
	if (snprintf(copy, sizeof(copy), "%s", text) >= (int)sizeof(copy))
		goto bad;
	*p = (struct uplink_publish){0};
	slash = strchr(copy, '/');
	if (slash) {
		*slash++ = 0;
		if (strcmp(slash, "udp") && strcmp(slash, "tcp"))
			goto bad;
		p->udp = !strcmp(slash, "udp");
	}
	/* PORT and PORT:PORT are the machine's loopback. */
	last = strrchr(copy, ':');
	if (last && strspn(copy, "0123456789:") == strlen(copy) && strchr(copy, ':') == last) {
		if (!parse_count(last + 1, UINT16_MAX, &inner) || !inner)
			goto bad;
		*last = 0;
	} else if (last && *copy != '[' && strchr(copy, ':') != last) {
		if (!parse_count(last + 1, UINT16_MAX, &inner) || !inner)
			goto bad;
		*last = 0;
	} else if (*copy == '[' && last) {
		char *close = strchr(copy, ']');

		/* [V6]:PORT:TREE_PORT has one more colon behind the bracket than [V6]:PORT. */
		if (close && strchr(close, ':') != last) {
			if (!parse_count(last + 1, UINT16_MAX, &inner) || !inner)
				goto bad;
			*last = 0;
		}
	}
	if (strspn(copy, "0123456789") == strlen(copy)) {
		char with[180];

		snprintf(with, sizeof(with), "127.0.0.1:%s", copy);
		if (!parse_address(with, 0, &p->host))
			goto bad;
	} else if (!parse_address(copy, 0, &p->host)) {
		goto bad;
	}
	p->port = inner ? (uint16_t)inner : ntohs(p->host.sin6_port);
	net->n_publish++;
	return EXIT_OK;
bad:
	return misuse(verb,
		      "--publish %s: it is [ADDRESS:]PORT[:PORT-IN-THE-TREE][/udp], such as 8080 or 0.0.0.0:8080:80",
		      text);
}

/* PORT[/tcp|/udp], several with commas, or "all". */
static int parse_loopback(const struct verb *verb, const char *text, struct net_opts *net)
{
	while (*text) {
		size_t len = strcspn(text, ",");
		char one[32], *slash;
		uint64_t port = 0;
		uint8_t proto = 0;

		if (net->n_open == NET_OPEN)
			return misuse(verb, "--loopback: %d ports at most", NET_OPEN);
		if (len >= sizeof(one))
			return misuse(verb, "--loopback %s: ports, with commas between them, or 'all'", text);
		memcpy(one, text, len);
		one[len] = 0;
		slash = strchr(one, '/');
		if (slash) {
			*slash++ = 0;
			proto = !strcmp(slash, "tcp") ? IPPROTO_TCP : !strcmp(slash, "udp") ? IPPROTO_UDP : 255;
		}
		if (proto == 255 || (strcmp(one, "all") && (!parse_count(one, UINT16_MAX, &port) || !port)))
			return misuse(verb, "--loopback %s: ports, with commas between them, or 'all'", text);
		net->open[net->n_open++] = (struct net_open){.port = (uint16_t)port, .proto = proto};
		text += len + (text[len] == ',');
	}
	return EXIT_OK;
}

/* OBJ or OBJ@PRIORITY */
static int parse_object(const struct verb *verb, char *text, struct run_args *a)
{
	char *at = strrchr(text, '@');
	struct run_object *o = &a->objects[a->n_objects];
	uint64_t priority = RUN_PRIORITY;

	if (!strcmp(text, "guard")) {
		a->guarded = true;
		return EXIT_OK;
	}
	if (a->n_objects == RUN_OBJECTS)
		return misuse(verb, "%d objects at most", RUN_OBJECTS);
	if (at && at[1] && strspn(at + 1, "0123456789") == strlen(at + 1)) {
		if (!parse_count(at + 1, UINT16_MAX, &priority))
			return misuse(verb, "%s: a priority is 0 to 65535", text);
		*at = 0;
	}
	o->name = text;
	o->priority = (uint32_t)priority;
	a->n_objects++;
	return EXIT_OK;
}

static int policy_said(const struct verb *verb, int err, const struct policy_error *why)
{
	return err ? misuse(verb, "%s", err == -ENOMEM ? strerror(ENOMEM) : why->text) : EXIT_OK;
}

/* The entries of --allow: unix:PATH is a socket that stays reachable, all others are rules of the policy. */
static int parse_allow(const struct verb *verb, char *text, struct run_args *a)
{
	struct policy_error why;
	char *rules = calloc(1, strlen(text) + 1), *to = rules, *next;
	bool any = false; /* an empty word is one, and an error: "$HOSTS" of a script may not come to mean all */
	int err = EXIT_OK;

	if (!rules)
		return fail("%s", strerror(ENOMEM));
	for (char *at = text; at && !err; at = next) {
		next = strchr(at, ',');
		if (next)
			*next++ = 0;
		if (strncmp(at, "unix:", 5)) {
			to += sprintf(to, "%s%s", any ? "," : "", at);
			any = true;
			continue;
		}
		if (at[5] != '/')
			err = misuse(verb, "--allow %s: a socket's absolute path must follow", at);
		else if (a->tree.n_sockets == TREE_SOCKETS)
			err = misuse(verb, "--allow unix: %d sockets at most", TREE_SOCKETS);
		else
			a->sockets[a->tree.n_sockets++] = at + 5;
	}
	if (!err && any) {
		a->policy.on = true;
		err = policy_said(verb, policy_parse_option(&a->policy.policy, true, "--allow", rules, &why), &why);
	}
	free(rules);
	return err;
}

static int take_option(const struct verb *verb, int opt, char **argv, struct run_args *a)
{
	struct policy_error why;
	uint64_t n;

	switch (opt) {
	case OPT_PUBLISH:
		return parse_publish(verb, optarg, &a->net);
	case OPT_MTU:
		if (!parse_count(optarg, PORT_MTU, &n) || n < PORT_MTU_MIN)
			return misuse(verb, "--mtu %s: %d to %d", optarg, PORT_MTU_MIN, PORT_MTU);
		a->net.mtu = a->tree.mtu = (uint32_t)n;
		return EXIT_OK;
	case OPT_DNS:
		if (!a->net.own_dns)
			a->net.dns.n_servers = 0;
		a->net.own_dns = true;
		if (a->net.dns.n_servers == DNS_SERVERS)
			return misuse(verb, "--dns can be given %d times", DNS_SERVERS);
		if (!parse_address(optarg, 53, &a->net.dns.servers[a->net.dns.n_servers]))
			return misuse(verb, "--dns %s: an address, such as 9.9.9.9, 127.0.0.1:5353 or [2620:fe::fe]:53",
				      optarg);
		a->net.dns.n_servers++;
		return EXIT_OK;
	case OPT_KEEP_FD:
		if (!parse_count(optarg, INT32_MAX, &n))
			return misuse(verb, "--keep-fd %s: the number of an open file", optarg);
		if (a->tree.n_keep_fds == TREE_FDS)
			return misuse(verb, "--keep-fd can be given %d times", TREE_FDS);
		a->keep_fds[a->tree.n_keep_fds++] = (int)n;
		return EXIT_OK;
	case OPT_ALLOW:
		return parse_allow(verb, optarg, a);
	case OPT_DENY:
		a->policy.on = true;
		return policy_said(verb, policy_parse_option(&a->policy.policy, false, "--deny", optarg, &why), &why);
	case OPT_POLICY:
		a->policy.on = true;
		return policy_said(verb, policy_parse_file(&a->policy.policy, optarg, &why), &why);
	case OPT_PROFILE:
		a->policy.on = true;
		return policy_said(verb, policy_parse_profile(&a->policy.policy, optarg, &why), &why);
	case OPT_AUDIT:
		a->policy.on = a->policy.policy.audit = true;
		return EXIT_OK;
	case OPT_ADVISE:
		a->policy.on = a->policy.advise = true;
		return EXIT_OK;
	case OPT_PRINT_POLICY:
		a->policy.on = a->policy.print = true;
		return EXIT_OK;
	case OPT_VIOLATION_EXIT:
		if (!parse_count(optarg, 255, &n) || !n)
			return misuse(verb, "--violation-exit %s: an exit code, 1 to 255", optarg);
		a->policy.violation_exit = (int)n;
		return EXIT_OK;
	case OPT_FLOWS:
		a->output.flows = optarg;
		return EXIT_OK;
	case OPT_PCAPNG:
		a->output.pcapng = optarg;
		return EXIT_OK;
	case OPT_METRICS:
		a->output.metrics = optarg;
		return EXIT_OK;
	case OPT_PROGRESS:
		a->output.progress = true;
		return EXIT_OK;
	case OPT_LOOPBACK:
		return parse_loopback(verb, optarg, &a->net);
	case OPT_NAME:
		a->name = optarg;
		return EXIT_OK;
	case OPT_NET:
		a->tree.bare = a->net.relayed = !strcmp(optarg, "calls");
		return a->tree.bare || !strcmp(optarg, "namespaces")
			       ? EXIT_OK
			       : misuse(verb, "--net=%s: it is 'namespaces', which is the default, or 'calls'", optarg);
	case OPT_BY:
		a->by_trace = !strcmp(optarg, "ptrace");
		return a->by_trace || !strcmp(optarg, "notify")
			       ? EXIT_OK
			       : misuse(verb, "--by=%s: it is 'notify', which is the default, or 'ptrace'", optarg);
	case OPT_NO_TAP:
		a->tree.no_tap = true;
		return EXIT_OK;
	case OPT_INTERPRET:
		a->interpret = true;
		return EXIT_OK;
	case OPT_READ:
	case OPT_WRITE:
	case OPT_RUN:
		return guard_args_paths(verb, (enum guard_access)(opt - OPT_READ), optarg, &a->guard.policy);
	case OPT_RESERVE:
		a->reserve = optarg;
		return EXIT_OK;
	case OPT_EVENTS:
		a->events = optarg;
		return EXIT_OK;
	case OPT_PROCESSES:
		a->processes = optarg;
		return EXIT_OK;
	case OPT_SYSCALLS:
		a->syscalls = optarg;
		return EXIT_OK;
	case OPT_JSON:
		a->json = true;
		return EXIT_OK;
	case 'q':
		a->quiet = true;
		return EXIT_OK;
	case 'v':
		a->verbose = true;
		return EXIT_OK;
	default:
		return option_error(verb, argv);
	}
}

static bool names_watch(const struct run_args *a)
{
	for (uint32_t i = 0; i < a->n_objects; i++)
		if (!strcmp(a->objects[i].name, "watch"))
			return true;
	return false;
}

int run_args_parse(const struct verb *verb, int argc, char **argv, struct run_args *a)
{
	int opt, err, end = 1;

	*a = (struct run_args){.net.mtu = PORT_MTU, .tree.mtu = PORT_MTU};
	guard_args_init(&a->guard, &a->policy.policy);
	dns_servers(&a->net.dns);
	while (end < argc && strcmp(argv[end], "--"))
		end++;
	a->command = end < argc ? argv + end + 1 : argv + argc;
	optind = 0;
	while ((opt = getopt_long(end, argv, ":qv", options, NULL)) != -1) {
		err = take_option(verb, opt, argv, a);
		if (err)
			return err;
	}
	for (int i = optind; i < end; i++) {
		err = parse_object(verb, argv[i], a);
		if (err)
			return err;
	}
	if (a->guarded && !guard_is_on(&a->guard.policy) && !a->policy.advise)
		return misuse(verb, "guard has no rules: --policy, --profile, --read, --write and --run give it some");
	a->guarded |= guard_is_on(&a->guard.policy);
	/* A policy that says nothing of the network leaves it as it is. */
	if (a->guarded && !a->policy.policy.n_rules && !a->policy.policy.unmatched)
		a->policy.on = false;
	/* --print-policy alone asks for nothing more. */
	if (!*a->command && !a->policy.print)
		return misuse(verb, "'--' and a command must follow, as in: skep run fw.bpf.o -- npm install");
	if ((a->processes || a->syscalls) && !names_watch(a))
		return misuse(verb, "--processes and --syscalls are for 'watch', which must be among the objects");
	/* Where the command's own output does not go to the same terminal. */
	if (isatty(STDERR_FILENO) && !isatty(STDOUT_FILENO) && !a->quiet)
		a->output.progress = true;
	a->tree.argv = a->command;
	a->tree.keep_fds = a->keep_fds;
	a->tree.sockets = a->sockets;
	return EXIT_OK;
}
