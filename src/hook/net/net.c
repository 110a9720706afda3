/* SPDX-License-Identifier: BSD-2-Clause */
#include "hook/net/net.h"

#include "base/clock.h"
#include "base/util.h"
#include "hook/net/confine.h"
#include "hook/net/echo.h"
#include "hook/net/names.h"
#include "hook/net/reass.h"
#include "hook/net/relay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>

enum {
	BATCH = 64, /* frames of the tree's between two looks at the outside */
	TICK_MS = 100,
	LINGER_MS = 5000, /* for what sockets have to send when the command has ended */
	LINGER_STEP_MS = 5,
	DNS_PORT = 53,
	ICMP_HEAD = 8,
	LOOK_AGAIN_NS = 1000000000, /* whose a socket is that sends on and on */
	TCP_SYN = 0x02,
	TCP_ACK = 0x10,
	FDS = 2, /* the port, the wake-up; then those of the DNS, of pings and of the uplink or relay */
};

struct net {
	struct net_opts opts;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t ready;
	bool started, serving, ended;
	atomic_bool stop;
	int wake;
	char why[256];
	/* The thread's own. */
	struct chain *chain;
	struct uplink *uplink; /* NULL: there is a relay */
	struct relay *relay; /* NULL: there is an uplink */
	struct dns *dns;
	struct echo *echo;
	struct flows *flows;
	struct owners *owners;
	struct names *names;
	struct reass *reass;
	struct net_losses losses;
	struct in6_addr gateway4, gateway6, dns4, dns6;
	uint64_t now; /* since 1970, of this round */
	struct pollfd *fds;
	uint32_t n_fds;
	uint8_t came[PORT_FRAME_MAX]; /* a frame that leaves, before programs write on it */
};

#define TELL(n, what, ...)                                                                                             \
	for (uint32_t i_ = 0; i_ < (n)->opts.n_observers; i_++)                                                        \
		if ((n)->opts.observers[i_].what)                                                                      \
	(n)->opts.observers[i_].what((n)->opts.observers[i_].arg, ##__VA_ARGS__)

static void flow_ended(void *arg, const struct flow *f)
{
	struct net *n = arg;

	TELL(n, ended, f);
}

static void write_to_tree(struct net *n, const uint8_t *frame, uint32_t len)
{
	int err;

	if (n->relay) {
		relay_to_tree(n->relay, frame, len);
		return;
	}
	err = port_write(&n->opts.tree->port, frame, len);
	if (err == -EMSGSIZE)
		n->losses.too_long++;
	else if (err)
		n->losses.to_tree++;
}

/* Is an address of the outside the machine itself, in whatever spelling? */
static bool is_machine(const struct net *n, const struct ip_view *v)
{
	const uint8_t *a = v->dst.s6_addr;

	if (v->family == AF_INET)
		return a[12] == 127 || a[12] == 0 ||
		       !memcmp(a, &n->gateway4, 15); /* the gateway's network: all leads there */
	return !memcmp(a, &n->gateway6, 8) || IN6_IS_ADDR_V4MAPPED(&v->dst) || IN6_IS_ADDR_V4COMPAT(&v->dst) ||
	       IN6_IS_ADDR_LOOPBACK(&v->dst) || IN6_IS_ADDR_UNSPECIFIED(&v->dst) ||
	       (a[0] == 0xfe && (a[1] & 0xc0) == 0x80);
}

/* What leads to the machine's loopback is for ports that were opened. NULL: it may pass. */
static const char *gate(const struct net *n, const struct ip_view *v)
{
	bool gateway, dns;

	if (!v->family || !is_machine(n, v))
		return NULL;
	gateway = !memcmp(&v->dst, &n->gateway4, 16) || !memcmp(&v->dst, &n->gateway6, 16);
	dns = !memcmp(&v->dst, &n->dns4, 16) || !memcmp(&v->dst, &n->dns6, 16);
	/* Neighbour discovery and echo are answered by the uplink itself. */
	if (v->proto == IPPROTO_ICMPV6 || (v->proto == IPPROTO_ICMP && (gateway || dns)))
		return NULL;
	if (dns && v->dport == DNS_PORT && (v->proto == IPPROTO_UDP || (v->proto == IPPROTO_TCP && !n->opts.own_dns)))
		return NULL;
	if (gateway && !v->fragment && (v->proto == IPPROTO_TCP || v->proto == IPPROTO_UDP))
		for (uint32_t i = 0; i < n->opts.n_open; i++)
			if ((!n->opts.open[i].port || n->opts.open[i].port == v->dport) &&
			    (!n->opts.open[i].proto || n->opts.open[i].proto == v->proto))
				return NULL;
	/* Connections that were let in by a published port come from there. */
	if (gateway && flows_from_outside(n->flows, v))
		return NULL;
	return "the machine's loopback is closed";
}

static void drop(struct chain_result *r, const char *why)
{
	r->end = CHAIN_DROPPED;
	r->why = why;
	r->way = CHAIN_NOWHERE;
}

/* Only what is sound goes on to the gate and the uplink: whole packets of IP, and ARP. @v: of the frame as it is now, and comes to be. */
static void make_sound(struct net *n, struct chain_result *r, struct ip_view *v)
{
	bool arp =
		r->len >= sizeof(struct ethhdr) && r->data[12] == ETH_P_ARP >> 8 && r->data[13] == (ETH_P_ARP & 0xff);
	const uint8_t *whole;
	uint32_t len;

	if (!v->family && !arp) {
		drop(r, "it is neither sound IP nor ARP");
	} else if (v->family && v->l3 != sizeof(struct ethhdr)) {
		drop(r, "VLANs lead nowhere here");
	} else if (v->family && reass_is_fragment(r->data, v)) {
		len = reass_add(n->reass, r->data, v, n->now, &whole);
		r->way = len ? CHAIN_TO_OUTSIDE : CHAIN_NOWHERE;
		if (!len)
			return;
		r->data = whole;
		r->len = len;
		if (!ip_parse(whole, len, v))
			drop(r, "its fragments make no sound packet");
	}
}

/* Lets a frame out, unless the gate is closed to it: then it is answered, and dropped. @v: of the frame as it is now. */
static void check_gate(struct net *n, struct chain_result *r, const struct ip_view *v)
{
	const char *why = gate(n, v);
	uint8_t answer[128];
	uint32_t size;

	if (!why)
		return;
	size = ip_refuse(answer, r->data, r->len, v);
	drop(r, why);
	if (size)
		write_to_tree(n, answer, size);
}

static void send_out(struct net *n, const struct chain_result *r, const struct ip_view *v)
{
	if (dns_wants(n->dns, v))
		dns_query(n->dns, r->data, r->len, v);
	else if (n->relay)
		relay_to_outside(n->relay, r->data, r->len);
	else if (echo_wants(n->echo, r->data, v))
		echo_request(n->echo, r->data, r->len, v);
	else
		uplink_input(n->uplink, r->data, r->len);
}

static void account(struct flow *f, enum flow_dir dir, uint32_t len, const struct chain_result *r)
{
	f->dir[dir].frames++;
	f->dir[dir].bytes += len;
	if (r->end == CHAIN_DROPPED) {
		f->dir[dir].dropped++;
		f->dir[dir].dropped_bytes += len;
	}
	if (r->end == CHAIN_DROPPED || f->verdict.end != CHAIN_DROPPED) {
		f->verdict = *r;
		f->verdict_dir = dir;
	}
}

static void find_owner(struct net *n, const struct flow *f, struct owner *out)
{
	const struct flow_key *k = &f->key;

	if (n->relay)
		relay_owner(n->relay, k, out);
	else
		owners_find(n->owners, k->proto, &k->tree, k->tree_port, &k->far, k->far_port, out);
}

/*
 * Is this frame of the tree's, or for it, the first of another flow with the same ends? Ports are used again, by another process perhaps, and
 * what is allowed to one is not to the other. A connection begins with its SYN, which may be repeated until it is answered; of anything
 * else the socket is looked at once in a while.
 */
static bool is_another(struct net *n, struct flow *f, const struct ip_view *v, enum flow_dir dir)
{
	struct owner now;
	bool other;

	if (v->proto == IPPROTO_TCP) {
		if ((v->tcp_flags & (TCP_SYN | TCP_ACK)) != TCP_SYN)
			return false;
		if (f->dir[!dir].frames)
			return true;
	} else if (dir != FLOW_OUT || (!n->relay && n->now - f->looked_ns < LOOK_AGAIN_NS)) {
		return false;
	}
	find_owner(n, f, &now);
	f->looked_ns = n->now;
	other = now.known && now.cookie != f->owner.cookie;
	task_put(now.task);
	return other;
}

static void meet(struct net *n, struct flow *f)
{
	find_owner(n, f, &f->owner);
	f->looked_ns = n->now;
	n->losses.unknown += !f->owner.task && (f->key.proto == IPPROTO_TCP || f->key.proto == IPPROTO_UDP);
	snprintf(f->name, sizeof(f->name), "%s", names_find(n->names, &f->key.far));
	TELL(n, flow, f);
}

/* One frame, whichever way it goes. */
static void pass(struct net *n, const uint8_t *frame, uint32_t len, enum flow_dir dir)
{
	struct chain_socket s = {0};
	struct chain_result result;
	struct ip_view v, now;
	const uint8_t *came = frame;
	struct flow *f;
	bool fresh;

	ip_parse(frame, len, &v);
	if (dir == FLOW_IN && v.proto == IPPROTO_UDP && v.sport == DNS_PORT && !v.fragment)
		names_learn(n->names, frame + v.payload, v.end - v.payload);
	f = flows_get(n->flows, &v, dir, n->now, &fresh);
	if (f && !fresh && is_another(n, f, &v, dir)) {
		f = flows_renew(n->flows, f, dir, n->now);
		fresh = f != NULL;
	}
	if (f && fresh)
		meet(n, f);
	if (f)
		s = (struct chain_socket){.known = f->owner.known, .uid = f->owner.uid, .cookie = f->owner.cookie};
	if (dir == FLOW_OUT && n->opts.keep) {
		memcpy(n->came, frame, MIN(len, MAX(n->opts.keep, v.l4 + ICMP_HEAD)));
		came = n->came;
	}
	(dir == FLOW_OUT ? chain_out : chain_in)(n->chain, frame, len, &s, &result);
	if (result.way == CHAIN_TO_OUTSIDE) {
		/* A program may have written other addresses. */
		ip_parse(result.data, result.len, &now);
		make_sound(n, &result, &now);
	}
	if (result.way == CHAIN_TO_OUTSIDE) {
		check_gate(n, &result, &now);
	}
	n->losses.faults += result.fault;
	if (f)
		account(f, dir, len, &result);
	const struct net_frame seen = {
		.data = came, .len = len, .time_ns = n->now, .dir = dir, .view = &v, .flow = f, .result = &result};

	TELL(n, frame, &seen);
	/* Last of all: the uplink may answer at once, by deliver(). */
	if (result.way == CHAIN_TO_OUTSIDE)
		send_out(n, &result, &now);
	else if (result.way == CHAIN_TO_TREE)
		write_to_tree(n, result.data, result.len);
}

/* A frame from the uplink or the DNS. */
static void deliver(void *arg, const uint8_t *frame, uint32_t len)
{
	pass(arg, frame, len, FLOW_IN);
}

/* One of the tree's, where it has no port to write it to. */
static void leave(void *arg, const uint8_t *frame, uint32_t len)
{
	pass(arg, frame, len, FLOW_OUT);
}

static int publish(struct net *n)
{
	char text[INET6_ADDRSTRLEN];
	int err = 0;

	for (uint32_t i = 0; !err && i < n->opts.n_publish; i++) {
		const struct uplink_publish *p = &n->opts.publish[i];

		err = n->relay ? relay_publish(n->relay, p) : uplink_publish(n->uplink, p);
		if (err)
			snprintf(n->why, sizeof(n->why), "%s port %u of %s cannot be opened: %s",
				 p->udp ? "UDP" : "TCP", ntohs(p->host.sin6_port),
				 inet_ntop(AF_INET6, &p->host.sin6_addr, text, sizeof(text)), strerror(-err));
	}
	return err;
}

/* The way out: through a network stack for frames, or through sockets. */
static int make_way_out(struct net *n)
{
	const struct uplink_opts up = {.mtu = n->opts.mtu, .deliver = deliver, .arg = n};
	const struct relay_opts relay = {.mtu = n->opts.mtu,
					 .diag = n->opts.tree->diag,
					 .dns = n->opts.dns.servers[0],
					 .leave = leave,
					 .come = deliver,
					 .arg = n};
	int err;

	if (!n->opts.relayed)
		return uplink_new(&up, &n->uplink, n->why, sizeof(n->why));
	err = relay_new(&relay, &n->relay);
	if (err)
		snprintf(n->why, sizeof(n->why), "the sockets that stand for an interface cannot be made: %s",
			 strerror(-err));
	return err;
}

static int set_up(struct net *n)
{
	struct dns_opts dns = n->opts.dns;
	struct in_addr four;
	int err;

	dns.deliver = deliver;
	dns.arg = n;
	inet_pton(AF_INET, PORT_GATEWAY4, &four);
	n->gateway4 = ip_v4(four.s_addr);
	inet_pton(AF_INET, PORT_DNS4, &four);
	n->dns4 = ip_v4(four.s_addr);
	inet_pton(AF_INET6, PORT_GATEWAY6, &n->gateway6);
	inet_pton(AF_INET6, PORT_DNS6, &n->dns6);
	err = chain_new(n->opts.hive, n->opts.tree->port.ifindex, &n->chain);
	err = err ? err : flows_new(flow_ended, n, &n->flows);
	if (!err && !n->opts.relayed)
		err = owners_new(n->opts.tree->diag, n->opts.tree->proc, n->opts.tree->notes, &n->owners);
	err = err ? err : names_new(&n->names);
	err = err ? err : reass_new(&n->reass);
	err = err ? err : dns_new(&dns, &n->dns);
	err = err ? err : echo_new(deliver, n, &n->echo);
	if (err) {
		snprintf(n->why, sizeof(n->why), "the network cannot be set up: %s", strerror(-err));
		return err;
	}
	err = make_way_out(n);
	err = err ? err : publish(n);
	if (!err) {
		err = confine_thread();
		if (err)
			snprintf(n->why, sizeof(n->why), "the network's thread cannot be confined: %s", strerror(-err));
	}
	return err;
}

/* What to wait for, all in one array. Return: 0 or -ENOMEM. */
static int gather(struct net *n, uint32_t *n_dns, uint32_t *n_echo, int *timeout)
{
	uint32_t n_up, at = FDS;
	const struct pollfd *echo = echo_fill(n->echo, n_echo);
	const struct pollfd *dns = dns_fill(n->dns, n_dns, timeout);
	const struct pollfd *up =
		n->relay ? relay_fill(n->relay, &n_up, timeout) : uplink_fill(n->uplink, &n_up, timeout);
	uint32_t all = FDS + *n_dns + *n_echo + n_up;

	if (all > n->n_fds) {
		struct pollfd *more = realloc(n->fds, 2 * all * sizeof(*more));

		if (!more)
			return -ENOMEM;
		n->fds = more;
		n->n_fds = 2 * all;
	}
	n->fds[0] = (struct pollfd){.fd = n->opts.tree->port.fd, .events = POLLIN};
	n->fds[1] = (struct pollfd){.fd = n->wake, .events = POLLIN};
	if (*n_dns)
		memcpy(n->fds + at, dns, *n_dns * sizeof(*dns));
	at += *n_dns;
	if (*n_echo)
		memcpy(n->fds + at, echo, *n_echo * sizeof(*echo));
	at += *n_echo;
	if (n_up)
		memcpy(n->fds + at, up, n_up * sizeof(*up));
	return (int)all;
}

static int read_port(struct net *n)
{
	for (int i = 0; i < BATCH; i++) {
		uint8_t *frame = chain_room(n->chain);
		ssize_t len = port_read(&n->opts.tree->port, frame, PORT_FRAME_MAX);

		if (len == -EAGAIN || len == -ENETDOWN || len == -EIO)
			return 0; /* the interface is down when the tree is gone */
		if (len < 0)
			return (int)len;
		if (len > 0)
			pass(n, frame, (uint32_t)len, FLOW_OUT);
	}
	return 0;
}

static int one_round(struct net *n, int timeout)
{
	uint32_t n_dns, n_echo;
	int all = gather(n, &n_dns, &n_echo, &timeout), ready, err = 0;

	if (all < 0)
		return all;
	ready = poll(n->fds, (nfds_t)all, timeout);
	if (ready < 0 && errno != EINTR)
		return -errno;
	n->now = clock_ns(CLOCK_REALTIME);
	chain_begin(n->chain);
	dns_work(n->dns, n->fds + FDS);
	echo_work(n->echo, n->fds + FDS + n_dns);
	if (n->relay)
		relay_work(n->relay, n->fds + FDS + n_dns + n_echo);
	else
		uplink_work(n->uplink, n->fds + FDS + n_dns + n_echo, ready < 0);
	if (n->fds[0].revents)
		err = read_port(n);
	chain_end(n->chain);
	if (n->fds[1].revents) {
		uint64_t count;

		err = read(n->wake, &count, sizeof(count)) < 0 && errno != EAGAIN ? -errno : err;
	}
	return err;
}

static void tell_ready(struct net *n, bool ended)
{
	pthread_mutex_lock(&n->lock);
	if (ended)
		n->ended = true;
	else
		n->serving = true;
	pthread_cond_broadcast(&n->ready);
	pthread_mutex_unlock(&n->lock);
}

static void *work(void *arg)
{
	struct net *n = arg;
	uint64_t tick = 0, now, linger = 0;
	int err;

	prctl(PR_SET_NAME, "skep-net", 0, 0, 0);
	err = set_up(n);
	if (!err)
		tell_ready(n, false);
	while (!err) {
		err = one_round(n, linger ? LINGER_STEP_MS : TICK_MS);
		now = clock_ns(CLOCK_MONOTONIC) / 1000000;
		if (now - tick >= TICK_MS) {
			tick = now;
			TELL(n, tick);
		}
		if (!atomic_load(&n->stop))
			continue;
		if (!linger)
			linger = now;
		if (now - linger >= LINGER_MS || !(n->relay ? relay_unsent(n->relay) : owners_unsent(n->owners)))
			break;
	}
	if (err && !*n->why)
		snprintf(n->why, sizeof(n->why), "the network has ended: %s", strerror(-err));
	n->losses.no_flow = n->flows ? flows_lost(n->flows) : 0;
	flows_free(n->flows);
	TELL(n, tick);
	n->losses.fragments = n->reass ? reass_lost(n->reass) : 0;
	n->losses.dns = n->dns ? dns_lost(n->dns) : 0;
	n->losses.relayed = n->relay ? relay_lost(n->relay) : 0;
	relay_end(n->relay);
	uplink_free(n->uplink);
	dns_free(n->dns);
	echo_free(n->echo);
	chain_free(n->chain);
	tell_ready(n, true);
	return NULL;
}

int net_start(const struct net_opts *opts, struct net **out, char *why, size_t size)
{
	struct net *n = calloc(1, sizeof(*n));
	int err = n ? 0 : -ENOMEM;

	if (!err) {
		n->opts = *opts;
		pthread_mutex_init(&n->lock, NULL);
		pthread_cond_init(&n->ready, NULL);
		n->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		err = n->wake < 0 ? -errno : -pthread_create(&n->thread, NULL, work, n);
		n->started = !err;
	}
	if (err) {
		snprintf(why, size, "the network's thread cannot be started: %s", strerror(-err));
		net_free(n);
		return err;
	}
	pthread_mutex_lock(&n->lock);
	while (!n->serving && !n->ended)
		pthread_cond_wait(&n->ready, &n->lock);
	err = n->ended ? -EIO : 0;
	pthread_mutex_unlock(&n->lock);
	if (err) {
		snprintf(why, size, "%s", n->why);
		net_stop(n);
		net_free(n);
		return err;
	}
	*out = n;
	return 0;
}

void net_stop(struct net *n)
{
	uint64_t one = 1;

	if (!n->started)
		return;
	atomic_store(&n->stop, true);
	while (write(n->wake, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	pthread_join(n->thread, NULL);
	n->started = false;
}

void net_free(struct net *n)
{
	if (!n)
		return;
	if (n->wake >= 0)
		close(n->wake);
	names_free(n->names);
	reass_free(n->reass);
	owners_free(n->owners);
	relay_free(n->relay);
	free(n->fds);
	free(n);
}

struct relay *net_relay(struct net *n)
{
	return n->relay;
}

const char *net_failed(const struct net *n)
{
	return *n->why ? n->why : NULL;
}

void net_losses(const struct net *n, struct net_losses *out)
{
	*out = n->losses;
}
