/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * skep deploy egress-firewall: the policy of a run (docs/policy.md), for all that leaves an interface.
 *
 * What a run knows and an interface does not is refused when the policy is read (struct policy, of_interface): programs (exe=) and the machine's loopback as a tree sees it
 * (host). Whose answers teach names, a run knows by its own resolver; here they are the servers of --dns, else those of the resolv.conf that the interface's users read.
 *
 * With --replace the maps of the policy are filled anew before the new programs take the old ones' places; connections, names and questions on their way go on, for none of
 * them depends on a policy (egress_fill.h).
 */
#include "apps/egress.h"
#include "apps/egress_fill.h"
#include "apps/guard_policy.h"
#include "base/util.h"
#include "bpf/object.h"
#include "cli/deploy_app.h"
#include "cli/egress_words.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <net/if_arp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { PORTS = 256, MAPPED_BYTES = 12, PREFIX_MAX = 128 };

enum {
	OPT_ALLOW,
	OPT_DENY,
	OPT_POLICY,
	OPT_PROFILE,
	OPT_AUDIT,
	OPT_DNS,
	OPT_PUBLISH,
};

struct egress_args {
	struct policy policy;
	struct policy_part guard; /* its keys, which are read and not held to here */
	bool guard_said, said; /* something was said: to the user; by the user */
	bool own_dns;
	struct egress_place place;
	struct {
		uint8_t proto;
		uint16_t port;
	} publish[PORTS];
	uint32_t n_publish;
	char dns_from[64]; /* where the resolvers were found */
};

static const char egress_help[] =
	"  egress-firewall      what may leave an interface, by name, address and port (docs/policy.md)\n"
	"    --allow, --deny RULE, --policy FILE, --profile NAME, --audit\n"
	"                       as in 'skep run'; rules with exe= and host are refused: an interface knows no "
	"programs\n"
	"    --dns ADDR         a name server whose answers teach names; by default those of the resolv.conf of the "
	"container or\n"
	"                       namespace, else of /etc/resolv.conf\n"
	"    --publish PORT[/udp]\n"
	"                       connections to this port may come in; no other comes in unasked\n"
	"    What leaves is what the interface sends. A container's own interface (--container, --netns) sends what "
	"the\n"
	"    container sends; the host's end of that link sends what the container receives. Connections that are "
	"there\n"
	"    already go on only where a rule allows their address: over ssh, --publish 22 and --allow the other end "
	"first.\n"
	"    Who has CAP_NET_RAW in the namespace can send past it (packet sockets).\n";

static const struct option egress_options[] = {
	{"allow", required_argument, NULL, OPT_ALLOW},     {"deny", required_argument, NULL, OPT_DENY},
	{"policy", required_argument, NULL, OPT_POLICY},   {"profile", required_argument, NULL, OPT_PROFILE},
	{"audit", no_argument, NULL, OPT_AUDIT},           {"dns", required_argument, NULL, OPT_DNS},
	{"publish", required_argument, NULL, OPT_PUBLISH}, {0}};

/* Files that are for a run have both parts. This one is said to be left to guard, once. */
static int guard_line(void *arg, uint32_t key, const char *text, size_t len, size_t *at, char *why, size_t room)
{
	struct egress_args *a = arg;

	if (!a->guard_said)
		note("the policy's rules on files and system calls (%s ...) are not the firewall's, and not in force "
		     "by "
		     "it: 'skep deploy guard' has them",
		     a->guard.keys[key]);
	a->guard_said = true;
	return 0;
}

static void *egress_make(void)
{
	struct egress_args *a = calloc(1, sizeof(*a));
	struct guard_policy unused = {0};
	struct timespec now;

	if (!a)
		return NULL;
	guard_part(&unused, &a->guard);
	a->guard.line = guard_line;
	a->guard.arg = a;
	a->policy.of_interface = true;
	a->policy.part = &a->guard;
	/* Another one than that of any policy before, on this boot. */
	clock_gettime(CLOCK_BOOTTIME, &now);
	a->place.number = (uint32_t)(now.tv_sec * 1000 + now.tv_nsec / 1000000) | 1;
	return a;
}

static void egress_drop(void *state)
{
	struct egress_args *a = state;

	policy_free(&a->policy);
	free(a);
}

/* An address of either version, as the maps have it. */
static bool read_address(const char *text, uint8_t out[16])
{
	memset(out, 0, 16);
	if (inet_pton(AF_INET6, text, out) == 1)
		return true;
	memset(out + MAPPED_BYTES - 2, 0xff, 2);
	return inet_pton(AF_INET, text, out + MAPPED_BYTES) == 1;
}

static int parse_dns(const struct verb *verb, struct egress_args *a, const char *text)
{
	struct egress_place *p = &a->place;

	if (p->n_resolvers == EGRESS_PLACE_RESOLVERS)
		return misuse(verb, "--dns can be given %d times", EGRESS_PLACE_RESOLVERS);
	if (!read_address(text, p->resolvers[p->n_resolvers]))
		return misuse(verb, "--dns %s: an address without a port, such as 9.9.9.9 or 2620:fe::fe", text);
	p->n_resolvers++;
	a->own_dns = true;
	return EXIT_OK;
}

static int parse_publish(const struct verb *verb, struct egress_args *a, const char *text)
{
	const char *slash = strchr(text, '/');
	uint8_t proto = !slash || !strcmp(slash, "/tcp") ? POLICY_TCP : !strcmp(slash, "/udp") ? POLICY_UDP : 0;
	char port[8];
	uint64_t n;

	if (a->n_publish == PORTS)
		return misuse(verb, "--publish can be given %d times", PORTS);
	if (snprintf(port, sizeof(port), "%.*s", (int)strcspn(text, "/"), text) >= (int)sizeof(port) || !proto ||
	    !parse_count(port, UINT16_MAX, &n) || !n)
		return misuse(verb, "--publish %s: on an interface it is PORT[/udp], such as 22 or 53/udp", text);
	a->publish[a->n_publish].proto = proto;
	a->publish[a->n_publish++].port = (uint16_t)n;
	return EXIT_OK;
}

static int policy_said(const struct verb *verb, int err, const struct policy_error *why)
{
	return err ? misuse(verb, "%s", err == -ENOMEM ? strerror(ENOMEM) : why->text) : EXIT_OK;
}

static int egress_option(const struct verb *verb, void *state, int which, char *arg)
{
	struct egress_args *a = state;
	struct policy_error why;

	if (which != OPT_DNS && which != OPT_PUBLISH)
		a->said = true;
	switch (which) {
	case OPT_ALLOW:
		if (strstr(arg, "unix:"))
			return misuse(verb, "--allow %s: sockets of files (unix:) pass no interface", arg);
		return policy_said(verb, policy_parse_option(&a->policy, true, "--allow", arg, &why), &why);
	case OPT_DENY:
		return policy_said(verb, policy_parse_option(&a->policy, false, "--deny", arg, &why), &why);
	case OPT_POLICY:
		return policy_said(verb, policy_parse_file(&a->policy, arg, &why), &why);
	case OPT_PROFILE:
		return policy_said(verb, policy_parse_profile(&a->policy, arg, &why), &why);
	case OPT_AUDIT:
		a->policy.audit = true;
		return EXIT_OK;
	case OPT_DNS:
		return parse_dns(verb, a, arg);
	default:
		return parse_publish(verb, a, arg);
	}
}

static int egress_ready(const struct verb *verb, void *state, struct deploy_opts *to)
{
	struct egress_args *a = state;

	a->policy.part = NULL; /* what is printed and kept is the firewall's */
	if (to->prog)
		return misuse(verb, "--prog %s: the firewall needs both of its programs", to->prog);
	if (!a->said || (!a->policy.n_rules && !a->policy.unmatched && !a->policy.audit))
		return misuse(verb, "egress-firewall has no rules: --allow, --deny, --policy and --profile give it "
				    "some, --audit only watches");
	return EXIT_OK;
}

/* Name servers. */

/* The file below a root that somebody else may have filled with links. Return: a FILE, or NULL with errno. */
static FILE *open_below(int root, const char *path)
{
	struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
			       .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
	struct stat st;
	FILE *f;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		errno = EINVAL;
		return NULL;
	}
	f = fdopen(fd, "r");
	if (!f)
		close(fd);
	return f;
}

static bool is_loopback(const uint8_t a[16])
{
	static const uint8_t one[16] = {[15] = 1}, mapped[MAPPED_BYTES] = {[10] = 0xff, [11] = 0xff};

	return !memcmp(a, one, 16) || (!memcmp(a, mapped, MAPPED_BYTES) && a[MAPPED_BYTES] == 127);
}

/* The servers of a resolv.conf (resolv.conf(5)). Return: is one of them a forwarder on loopback, which the interface does not see? */
static bool read_servers(FILE *f, struct egress_place *p)
{
	char *line = NULL, *word, *rest;
	bool forwarder = false;
	size_t room = 0;

	while (p->n_resolvers < EGRESS_PLACE_RESOLVERS && getline(&line, &room, f) > 0) {
		word = strtok_r(line, " \t\n", &rest);
		if (!word || strcmp(word, "nameserver"))
			continue;
		word = strtok_r(NULL, " \t\n", &rest);
		if (!word)
			continue;
		word[strcspn(word, "%")] = 0; /* which interface: this one */
		if (!read_address(word, p->resolvers[p->n_resolvers]))
			continue;
		if (is_loopback(p->resolvers[p->n_resolvers]))
			forwarder = true;
		else
			p->n_resolvers++;
	}
	free(line);
	fclose(f);
	return forwarder;
}

/* A process that is in the namespace: the container's first, or that of --netns PID; 0: none is known. */
static pid_t pid_of(const struct target *target)
{
	return strncmp(target->netns_name, "pid ", 4) ? target->pid : (pid_t)atoi(target->netns_name + 4);
}

/* Its root, which is that of the namespace's users. Return: a folder, -1: there is none. */
static int root_of(const struct target *target)
{
	char path[64];
	struct stat a, b;
	pid_t pid = pid_of(target);

	if (!pid || target->netns < 0)
		return -1;
	snprintf(path, sizeof(path), "/proc/%d/root", pid);
	AUTO_CLOSE int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	/* Its number may be another's by now. */
	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	if (root < 0 || stat(path, &a) || fstat(target->netns, &b) || a.st_ino != b.st_ino)
		return -1;
	return STEAL_FD(root);
}

/* The resolv.conf that the interface's users read. */
static FILE *open_servers(struct egress_args *a, const struct target *target, int root)
{
	const char *slash = strrchr(target->netns_name, '/'), *name = slash ? slash + 1 : target->netns_name;
	char path[300];
	FILE *f = NULL;

	snprintf(a->dns_from, sizeof(a->dns_from), "/etc/resolv.conf");
	if (root >= 0) {
		snprintf(a->dns_from, sizeof(a->dns_from), "/etc/resolv.conf of %.30s", target->netns_name);
		return open_below(root, "etc/resolv.conf");
	}
	if (target->netns >= 0 && *name) {
		snprintf(path, sizeof(path), "/etc/netns/%s/resolv.conf", name); /* ip-netns(8) */
		f = fopen(path, "re");
		if (f)
			snprintf(a->dns_from, sizeof(a->dns_from), "%.60s", path);
	}
	return f ? f : fopen("/etc/resolv.conf", "re");
}

static bool has_names(const struct policy *p)
{
	for (uint32_t i = 0; i < p->n_rules; i++)
		if (p->rules[i].name)
			return true;
	return false;
}

static int find_servers(struct egress_args *a, const struct target *target, int root, char *why)
{
	bool forwarder = false;
	FILE *f;

	if (a->own_dns) {
		snprintf(a->dns_from, sizeof(a->dns_from), "--dns");
		return 0;
	}
	f = open_servers(a, target, root);
	if (f)
		forwarder = read_servers(f, &a->place);
	/* systemd-resolved answers on loopback, and says here whom it asks itself. */
	if (forwarder && !a->place.n_resolvers) {
		f = root >= 0 ? open_below(root, "run/systemd/resolve/resolv.conf")
			      : fopen("/run/systemd/resolve/resolv.conf", "re");
		if (f) {
			read_servers(f, &a->place);
			snprintf(a->dns_from, sizeof(a->dns_from), "/run/systemd/resolve/resolv.conf");
		}
	}
	if (a->place.n_resolvers || !has_names(&a->policy))
		return 0;
	snprintf(why, DEPLOY_WHY,
		 "%s: %s; rules with names need the name servers that are asked through the interface: --dns ADDR",
		 a->dns_from,
		 forwarder ? "its name server is on loopback, and whom that asks is not known" : "it names no server");
	return -ENOENT;
}

/* Past it. */

/*
 * Packet sockets can send past all programs of tc (PACKET_QDISC_BYPASS, packet(7)), and docker gives its containers the right to have them. @root: of a process
 */
static void warn_of_raw(const struct target *target, int root)
{
	char path[64], line[128];
	unsigned long long bound = 0;
	FILE *f;

	if (root < 0)
		return;
	snprintf(path, sizeof(path), "/proc/%d/status", pid_of(target));
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "CapBnd: %llx", &bound) == 1)
			break;
	if (f)
		fclose(f);
	if (bound >> CAP_NET_RAW & 1)
		note("processes of %s can have CAP_NET_RAW, and send past the firewall with it: drop it (--cap-drop "
		     "NET_RAW)",
		     target->netns_name);
}

/* The interface. */

/* Prefixes that are on the interface's link, by the routes: neighbours there are asked for by frames to their own addresses (RFC 4861). */
static void find_links(struct egress_place *p, const char *ifname)
{
	enum { ROUTE_UP = 1, ROUTE_GATEWAY = 2, ROUTE_REJECT = 0x200 };
	FILE *f = fopen("/proc/thread-self/net/ipv6_route", "re");
	char to[33], via[33], dev[IF_NAMESIZE];
	unsigned int bits, flags;

	while (f && p->n_links < EGRESS_PLACE_LINKS &&
	       fscanf(f, "%32s %x %*s %*x %32s %*x %*x %*x %x %15s", to, &bits, via, &flags, dev) == 5) {
		uint8_t *addr = p->links[p->n_links].addr;

		if (strcmp(dev, ifname) || !(flags & ROUTE_UP) || flags & (ROUTE_GATEWAY | ROUTE_REJECT) || !bits ||
		    bits >= PREFIX_MAX || strspn(via, "0") != 32 || !strncmp(to, "fe80", 4) || !strncmp(to, "ff", 2))
			continue;
		for (int i = 0; i < 16; i++) {
			const char byte[3] = {to[2 * i], to[2 * i + 1]};

			addr[i] = (uint8_t)strtoul(byte, NULL, 16);
		}
		p->links[p->n_links++].bits = (uint8_t)bits;
	}
	if (f)
		fclose(f);
}

/* The programs read Ethernet frames: what has no such header they would misread. */
static int check_interface(const struct target *target, char *why)
{
	AUTO_CLOSE int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq r = {0};

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", target->ifname);
	if (sock < 0 || ioctl(sock, SIOCGIFHWADDR, &r)) {
		int err = -errno;

		snprintf(why, DEPLOY_WHY, "%s: what kind of interface it is: %s", target->ifname, strerror(-err));
		return err;
	}
	if (r.ifr_hwaddr.sa_family == ARPHRD_LOOPBACK) {
		snprintf(why, DEPLOY_WHY,
			 "%s: on the loopback all that leaves comes in again; the firewall is for an interface that "
			 "leads elsewhere",
			 target->ifname);
		return -EINVAL;
	}
	if (r.ifr_hwaddr.sa_family != ARPHRD_ETHER) {
		snprintf(
			why, DEPLOY_WHY,
			"%s: its frames have no Ethernet header (a tunnel, or a point-to-point link), and the firewall "
			"reads frames that do",
			target->ifname);
		return -EINVAL;
	}
	return 0;
}

/* In the interface's namespace. */
static int egress_opened(void *state, struct skep_object *obj, const struct target *target, char *why)
{
	struct bpf_map *text = bpf_object__find_map_by_name(object_libbpf(obj), "policy");
	AUTO_CLOSE int root = root_of(target);
	struct egress_args *a = state;
	int err = check_interface(target, why);

	if (!err)
		err = find_servers(a, target, root, why);
	if (err)
		return err;
	warn_of_raw(target, root);
	find_links(&a->place, target->ifname);
	err = text ? bpf_map__set_value_size(text, egress_text_size(&a->policy)) : -ENOENT;
	if (err)
		snprintf(why, DEPLOY_WHY, "the object is not the firewall: map 'policy': %s", strerror(-err));
	return err;
}

static void say_servers(const struct egress_args *a)
{
	char text[EGRESS_PLACE_RESOLVERS * (INET6_ADDRSTRLEN + 2)] = "", one[INET6_ADDRSTRLEN];
	const uint8_t(*r)[16] = a->place.resolvers;

	for (uint32_t i = 0; i < a->place.n_resolvers; i++) {
		bool v4 = !memcmp(r[i], "\0\0\0\0\0\0\0\0\0\0\xff\xff", MAPPED_BYTES);

		inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? r[i] + MAPPED_BYTES : r[i], one, sizeof(one));
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? ", " : "", one);
	}
	if (a->place.n_resolvers)
		note("names are learnt from the answers of %s (%s)", text, a->dns_from);
}

static int egress_loaded(void *state, struct skep_object *obj, const struct target *target, bool replaced, char *why)
{
	struct bpf_object *o = object_libbpf(obj);
	const struct egress_args *a = state;
	struct policy_error error = {""};
	int err = policy_fill_at(&a->policy, &a->place, o, &error);

	for (uint32_t i = 0; i < a->n_publish && !err; i++)
		err = egress_publish(o, a->publish[i].proto, a->publish[i].port);
	if (!err)
		err = egress_keep_text(&a->policy, &a->place, o);
	if (err)
		snprintf(why, DEPLOY_WHY, "the policy: %s", *error.text ? error.text : strerror(-err));
	else
		say_servers(a);
	return err;
}

/* Events. */

struct egress_watch {
	struct egress_args args; /* its policy alone is used; first: drop() takes it for one */
	const struct deployed *of;
	uint32_t number;
	bool known;
};

/* The policy in force: another one since --replace. */
static void read_policy(struct egress_watch *w)
{
	AUTO_CLOSE int fd = store_get(&w->of->store, w->of->name, STORE_MAPS, "policy");

	policy_free(&w->args.policy);
	w->known = fd >= 0 && !egress_read_text(fd, &w->args.policy, &w->number);
}

static void *egress_watch(const struct deployed *d)
{
	struct egress_watch *w = calloc(1, sizeof(*w));

	if (w)
		w->of = d;
	return w;
}

static const char *verdict_text(const struct egress_event *e)
{
	switch (e->verdict) {
	case EGRESS_REFUSED:
		return "refused";
	case EGRESS_WOULD_REFUSE:
		return "would be refused";
	case EGRESS_NAMED:
		return "named";
	default:
		return "allowed";
	}
}

static bool egress_words_of(void *state, FILE *to, const char *map, const void *data, size_t size)
{
	struct egress_watch *w = state;
	struct egress_event e;

	if (!w || strcmp(map, "events") || egress_event(data, size, &e))
		return false;
	if (!w->known || e.policy != w->number)
		read_policy(w);
	/* What was told before the last --replace has rules that are gone. */
	if (e.policy_rule >= 0 &&
	    (!w->known || e.policy != w->number || (uint32_t)e.policy_rule >= w->args.policy.n_rules)) {
		e.policy_rule = -1;
		e.rule = EGRESS_RULE_EARLIER;
		e.rule_name = egress_rule_text(EGRESS_RULE_EARLIER);
	}
	fprintf(to, "%s: ", verdict_text(&e));
	egress_words(to, &w->args.policy, &e);
	fputc('\n', to);
	return true;
}

const struct deploy_app deploy_egress = {.name = "egress-firewall",
					 .help = egress_help,
					 .options = egress_options,
					 .make = egress_make,
					 .drop = egress_drop,
					 .option = egress_option,
					 .ready = egress_ready,
					 .opened = egress_opened,
					 .loaded = egress_loaded,
					 .renewed = egress_own_map,
					 .watch = egress_watch,
					 .event = egress_words_of};
