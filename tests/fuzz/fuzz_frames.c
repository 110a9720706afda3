/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hostile frames, both ways.
 *
 * 1. The readers (ip.c, dns.c, names.c) and the flow table, each frame in a block of memory that ends where it ends. What a view of a frame
 *    claims must lie within it; an answer must be a frame that the reader takes, from whom the frame was for to whom it came from,
 *    with sums that are right.
 * 2. The whole network: net.c with programs attached, libslirp and all behind it, on a socket in place of the tree's interface. Servers on
 *    the machine answer with noise, the name server with answers that are none. Every frame that is written must be seen by an observer, and every
 *    one that the network sends must arrive or be counted as lost.
 *
 * The second part wants a network namespace of its own, so that nothing leaves it: without one it is skipped.
 *
 * usage: fuzz_frames [--seed N] [--runs N | --seconds N]
 */
#include "frames.h"

#include "base/clock.h"
#include "base/util.h"
#include "hook/net/names.h"
#include "hook/net/net.h"
#include "hook/net/reass.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { IFINDEX = 2 };

/* libslirp loses a buffer now and then, of what makes no sense to it. */
const char *__lsan_default_suppressions(void) __attribute__((visibility("default"), used));
const char *__lsan_default_suppressions(void)
{
	return "leak:libslirp\nleak:g_malloc\n";
}

static uint64_t seed = 1, runs = 20000, seconds, at_run;

static void wrong(const char *what) __attribute__((noreturn));
static void wrong(const char *what)
{
	printf("fuzz-frames: seed %llu, frame %llu: %s\n", (unsigned long long)seed, (unsigned long long)at_run, what);
	_exit(1);
}

#define MUST(x)                                                                                                        \
	do {                                                                                                           \
		if (!(x))                                                                                              \
			wrong(#x);                                                                                     \
	} while (0)

static uint64_t stop_at;

static bool over(void)
{
	return stop_at ? clock_ns(CLOCK_MONOTONIC) >= stop_at : at_run >= runs;
}

static void check_view(const struct ip_view *v, uint32_t len)
{
	MUST(v->l3 >= 14 && v->l3 < v->l4);
	MUST(v->l4 <= v->end && v->end <= len);
	MUST(v->payload >= v->l4 && v->payload <= v->end);
	MUST(!v->fragment || (!v->sport && !v->dport));
}

/* An answer to @v: sound in itself, and the other way round. */
static void check_answer(const uint8_t *frame, uint32_t len, const struct ip_view *v)
{
	uint8_t *exact = malloc(len);
	struct ip_view a;
	uint32_t s;

	memcpy(exact, frame, len);
	MUST(ip_parse(exact, len, &a));
	check_view(&a, len);
	MUST(a.end == len);
	MUST(!memcmp(&a.src, &v->dst, 16) && !memcmp(&a.dst, &v->src, 16));
	if (a.proto == IPPROTO_TCP || a.proto == IPPROTO_UDP)
		MUST(a.sport == v->dport && a.dport == v->sport);
	if (a.family == AF_INET)
		MUST(frames_sum(exact + a.l3, 20, 0) == 0xffff);
	s = a.proto == IPPROTO_ICMP ? 0 : a.proto + (a.end - a.l4);
	if (a.proto != IPPROTO_ICMP)
		s = a.family == AF_INET ? frames_sum(exact + a.l3 + 12, 8, s) : frames_sum(exact + a.l3 + 8, 32, s);
	MUST(frames_sum(exact + a.l4, a.end - a.l4, s) == 0xffff);
	free(exact);
}

static void cut_and_join(struct reass *r);

static void read_one(struct names *names, struct flows *flows, struct reass *reass)
{
	static uint8_t big[FRAMES_MAX];
	uint32_t len = frames_make(big, 7), size;
	uint8_t *frame = malloc(len), *answer;
	struct ip_view v;
	char name[256];
	uint16_t type;
	bool fresh;

	memcpy(frame, big, len);
	if (ip_parse(frame, len, &v)) {
		check_view(&v, len);
		answer = malloc(128);
		if (reass_is_fragment(frame, &v)) {
			const uint8_t *whole;
			uint32_t n = reass_add(reass, frame, &v, at_run * 1000000, &whole);
			struct ip_view w;

			if (n && ip_parse(whole, n, &w))
				check_view(&w, n);
		}
		size = ip_refuse(answer, frame, len, &v);
		MUST(size <= 128);
		if (size)
			check_answer(answer, size, &v);
		free(answer);
		if (v.proto == IPPROTO_UDP && v.payload - v.l4 == 8) {
			uint32_t n = frames_any(2) ? frames_any(600) : frames_any(65000);
			uint8_t *data = calloc(1, n + 1);

			answer = malloc(IP_HEADERS_MAX + n);
			size = ip_udp_reply(answer, frame, &v, data, n);
			MUST(size <= IP_HEADERS_MAX + n);
			check_answer(answer, size, &v);
			free(answer);
			free(data);
			names_learn(names, frame + v.payload, v.end - v.payload);
		}
	} else {
		MUST(!v.family);
	}
	flows_get(flows, &v, (enum flow_dir)frames_any(2), at_run, &fresh);
	MUST(strlen(names_find(names, &v.src)) < 256);
	free(frame);
	cut_and_join(reass);
	size = frames_dns(big, 4096, (int)frames_any(2));
	frame = malloc(size);
	memcpy(frame, big, size);
	names_learn(names, frame, size);
	if (dns_name(frame, size, name, &type))
		MUST(strlen(name) < sizeof(name));
	free(frame);
}

/* A packet cut into fragments, in any order, is whole again after the last one; with an overlap it never is. */
static void cut_and_join(struct reass *r)
{
	bool six = frames_any(2), overlap = !frames_any(8);
	uint32_t head = 14 + (six ? 40 : 20), n = 17 + frames_any(3000), units = (n + 7) / 8, parts = 0, at = 0, len,
		 got = 0;
	static uint8_t whole[FRAMES_MAX], cut[64][4096];
	uint32_t lens[64], order[64];
	static uint32_t id;
	const uint8_t *out = NULL;
	struct ip_view v;
	uint16_t word;

	memset(whole, 0, head);
	for (uint32_t i = 0; i < n; i++)
		whole[head + i] = (uint8_t)frames_any(256);
	whole[12] = six ? 0x86 : 0x08;
	whole[13] = six ? 0xdd : 0;
	whole[14] = six ? 0x60 : 0x45;
	word = htons((uint16_t)(n + (six ? 0 : 20)));
	memcpy(whole + (six ? 18 : 16), &word, 2);
	id++;
	if (!six)
		whole[18] = (uint8_t)(id >> 8), whole[19] = (uint8_t)id;
	whole[six ? 20 : 23] = 17;
	whole[six ? 37 : 29] = 15;
	whole[six ? 53 : 33] = 2;
	if (!six) {
		word = ip_checksum(whole + 14, 20);
		memcpy(whole + 24, &word, 2);
	}
	while (at < units) {
		uint32_t size = MIN(1 + frames_any(units), units - at), h = head + (six ? 8 : 0), bytes, off;

		size = parts == 62 ? units - at : MIN(size, 64u);
		bytes = MIN(size * 8, n - at * 8);
		memcpy(cut[parts], whole, head);
		off = at * 8;
		if (six) {
			cut[parts][20] = 44;
			memset(cut[parts] + head, 0, 8);
			cut[parts][head] = 17;
			word = htons((uint16_t)(off | (at + size < units)));
			memcpy(cut[parts] + head + 2, &word, 2);
			memcpy(cut[parts] + head + 4, &id, 4);
			word = htons((uint16_t)(8 + bytes));
			memcpy(cut[parts] + 18, &word, 2);
		} else {
			word = htons((uint16_t)(off / 8 | (at + size < units ? 0x2000 : 0)));
			memcpy(cut[parts] + 20, &word, 2);
			word = htons((uint16_t)(20 + bytes));
			memcpy(cut[parts] + 16, &word, 2);
		}
		memcpy(cut[parts] + h, whole + head + off, bytes);
		lens[parts] = h + bytes;
		order[parts] = parts;
		parts++;
		at += size;
	}
	if (parts < 2)
		return;
	for (uint32_t i = 0; i < parts; i++) {
		uint32_t j = frames_any(parts), t = order[i];

		order[i] = order[j];
		order[j] = t;
	}
	for (uint32_t i = 0; i < parts; i++) {
		uint8_t *exact = malloc(lens[order[i]]);

		memcpy(exact, cut[order[i]], lens[order[i]]);
		MUST(ip_parse(exact, lens[order[i]], &v) && reass_is_fragment(exact, &v));
		if (overlap && i == parts - 1) { /* one that came before comes again in front of the last */
			const uint8_t *again = cut[order[0]];
			struct ip_view w;

			MUST(ip_parse(again, lens[order[0]], &w) && !reass_add(r, again, &w, at_run, &out));
		}
		len = reass_add(r, exact, &v, at_run, &out);
		free(exact);
		MUST(!len || i == parts - 1);
		got = len;
	}
	if (overlap) {
		MUST(!got);
		return;
	}
	MUST(got == head + n && !memcmp(out, whole, got));
}

static uint64_t flows_gone;
static void flow_gone(void *arg, const struct flow *f)
{
	flows_gone++;
}

/* The flow table at its limit and far beyond it: as many end as begin, never more are held. */
static void fill_flows(void)
{
	struct flows *t;
	struct ip_view v = {.family = AF_INET, .proto = IPPROTO_TCP};
	uint64_t n = 3 * (uint64_t)FLOW_MAX;
	bool fresh;

	flows_gone = 0;
	MUST(!flows_new(flow_gone, NULL, &t));
	for (uint64_t i = 0; i < n; i++) {
		v.src = ip_v4((uint32_t)i * 2654435761u);
		v.sport = (uint16_t)i;
		MUST(flows_get(t, &v, FLOW_OUT, i, &fresh) && fresh);
		MUST(flows_get(t, &v, FLOW_OUT, i, &fresh) && !fresh);
		MUST(i + 1 - flows_gone <= FLOW_MAX);
	}
	MUST(flows_seen(t) == n && flows_gone == n - FLOW_MAX && !flows_lost(t));
	flows_free(t);
	MUST(flows_gone == n);
}

/* Part 2. */
static struct {
	atomic_uint_fast64_t out, in, to_tree, arrived;
	atomic_bool end;
} live;

/* What the network had before it when it died. */
static uint8_t last[8][FRAMES_MAX];
static uint32_t last_len[8], last_at;

static void died(int sig)
{
	for (uint32_t i = 0; i < 8; i++) {
		uint32_t at = (last_at + i) % 8;

		printf("frame of %u bytes:", last_len[at]);
		for (uint32_t b = 0; b < MIN(last_len[at], 128u); b++)
			printf(" %02x", last[at][b]);
		printf("\n");
	}
	wrong("the network died of the last one, or of one before it");
}

static void on_frame(void *arg, const struct net_frame *f)
{
	memcpy(last[last_at % 8], f->data, f->len);
	last_len[last_at++ % 8] = f->len;
	if (f->dir == FLOW_OUT)
		live.out++;
	else
		live.in++;
	if (f->view->family)
		check_view(f->view, f->len);
	MUST(!f->flow == !f->view->family);
}

static void *drain(void *arg)
{
	static uint8_t buf[FRAMES_MAX + 1];
	int fd = *(int *)arg;

	while (!atomic_load(&live.end)) {
		struct pollfd p = {.fd = fd, .events = POLLIN};

		if (poll(&p, 1, 20) > 0)
			while (recv(fd, buf, sizeof(buf), MSG_DONTWAIT) > 0)
				live.arrived++;
	}
	return NULL;
}

static uint64_t noise_state = 1;
static uint8_t noise(void)
{
	noise_state = noise_state * 6364136223846793005u + 1442695040888963407u;
	return (uint8_t)(noise_state >> 33);
}

/* A server whose answers are noise with the question's number in front, now and then many. */
static void *babble(void *arg)
{
	int fd = *(int *)arg;
	uint8_t msg[4096];
	struct sockaddr_in peer;
	socklen_t size = sizeof(peer);

	while (!atomic_load(&live.end)) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		ssize_t n = poll(&p, 1, 20) > 0 ? recvfrom(fd, msg, sizeof(msg), 0, (void *)&peer, &size) : 0;

		if (n < 2)
			continue;
		for (uint8_t times = noise() % 3 + 1; times; times--) {
			size_t len = (size_t)n + noise() % 8 * 64;

			for (size_t i = 4; i < MIN(len, sizeof(msg)); i++)
				if (i >= (size_t)n || noise() % 4 == 0)
					msg[i] = noise();
			msg[2] |= 0x80;
			sendto(fd, msg, MIN(len, sizeof(msg)), 0, (void *)&peer, size);
		}
	}
	return NULL;
}

static int udp_server(uint16_t *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(a);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (void *)&a, sizeof(a)) || getsockname(fd, (void *)&a, &size))
		return -1;
	*port = ntohs(a.sin_port);
	return fd;
}

static void attach(struct skep_hive *hive, uint32_t type, uint32_t attach_type, int32_t verdict)
{
	const struct bpf_insn insns[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = verdict},
					 {.code = BPF_JMP | BPF_EXIT}};
	union bpf_attr attr = {0};
	int fd;

	attr.prog_type = type;
	attr.expected_attach_type = type == BPF_PROG_TYPE_SCHED_CLS ? 0 : attach_type;
	attr.insns = (uintptr_t)insns;
	attr.insn_cnt = ARRAY_SIZE(insns);
	attr.license = (uintptr_t) "GPL";
	fd = skep_bpf(hive, BPF_PROG_LOAD, &attr, sizeof(attr));
	MUST(fd >= 0);
	memset(&attr, 0, sizeof(attr));
	attr.link_create.prog_fd = (uint32_t)fd;
	attr.link_create.attach_type = attach_type;
	attr.link_create.target_ifindex = IFINDEX;
	MUST(skep_bpf(hive, BPF_LINK_CREATE, &attr, sizeof(attr)) >= 0);
}

/* A network in which nothing but the loopback is. */
static bool own_network(void)
{
	struct ifreq req = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNET))
		return false;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return fd >= 0 && !ioctl(fd, SIOCSIFFLAGS, &req) && !close(fd);
}

static bool run_network(void)
{
	struct skep_hive_opts hive_opts = {.sz = sizeof(hive_opts), .n_cpus = 2};
	static struct net_opts opts;
	struct tree tree = {.diag = -1, .proc = -1, .port.ifindex = IFINDEX};
	static uint8_t frame[FRAMES_MAX];
	pthread_t threads[3];
	struct skep_hive *hive;
	struct net_losses losses;
	struct net *net;
	uint16_t dns_port, port;
	int pair[2], dns, udp, size = 4 << 20;
	char why[512] = "";
	uint64_t written = 0, before;

	if (!own_network())
		return false;
	MUST(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair));
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	fcntl(pair[1], F_SETFL, O_NONBLOCK);
	tree.port.fd = pair[1];
	dns = udp_server(&dns_port);
	udp = udp_server(&port);
	MUST(dns >= 0 && udp >= 0);
	MUST(!skep_hive_new(&hive_opts, &hive));
	opts.hive = hive;
	opts.tree = &tree;
	opts.mtu = PORT_MTU;
	opts.own_dns = true;
	opts.dns.n_servers = 1;
	opts.dns.servers[0] = (struct sockaddr_in6){
		.sin6_family = AF_INET6, .sin6_port = htons(dns_port), .sin6_addr = ip_v4(htonl(INADDR_LOOPBACK))};
	opts.n_open = 1; /* all of it */
	opts.observers[0].frame = on_frame;
	opts.n_observers = 1;
	if (net_start(&opts, &net, why, sizeof(why))) {
		fprintf(stderr, "fuzz-frames: %s\n", why);
		return false;
	}
	attach(hive, BPF_PROG_TYPE_XDP, BPF_XDP, 2);
	attach(hive, BPF_PROG_TYPE_SCHED_CLS, SKEP_TCX_INGRESS, 0);
	attach(hive, BPF_PROG_TYPE_SCHED_CLS, SKEP_TCX_EGRESS, 0);
	attach(hive, BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_EGRESS, 1);
	attach(hive, BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_INGRESS, 1);
	pthread_create(&threads[0], NULL, drain, &pair[0]);
	pthread_create(&threads[1], NULL, babble, &dns);
	pthread_create(&threads[2], NULL, babble, &udp);
	for (at_run = 0; !over(); at_run++) {
		uint32_t len = frames_make(frame, port);

		if (send(pair[0], frame, len, MSG_NOSIGNAL) == (ssize_t)len)
			written++;
		else
			MUST(errno == EMSGSIZE || errno == ENOBUFS);
		/* The network may have died of it: then nothing is read any more. */
		if (at_run % 256 == 0)
			for (int i = 0; live.out + 4096 < written; i++) {
				MUST(i < 10000);
				usleep(1000);
			}
	}
	do {
		before = live.in + live.out;
		usleep(300000);
	} while (before != live.in + live.out);
	net_stop(net);
	MUST(!net_failed(net));
	net_losses(net, &losses);
	net_free(net);
	usleep(50000);
	live.end = true;
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	printf("%llu frames in: %llu seen, %llu back, %llu arrived, %llu without room\n", (unsigned long long)written,
	       (unsigned long long)live.out, (unsigned long long)live.in, (unsigned long long)live.arrived,
	       (unsigned long long)(losses.to_tree + losses.too_long));
	MUST(live.out == written);
	/* Refusals of the gate's own are not seen by observers: they come on top. */
	MUST(live.arrived + losses.to_tree + losses.too_long >= live.in);
	MUST(!losses.faults && !losses.no_flow);
	skep_hive_free(hive);
	close(pair[0]);
	close(pair[1]);
	return true;
}

int main(int argc, char **argv)
{
	struct names *names;
	struct flows *flows;
	struct reass *reass;
	uint64_t budget;

	for (int i = 1; i + 1 < argc; i += 2)
		if (!strcmp(argv[i], "--seed"))
			seed = strtoull(argv[i + 1], NULL, 10);
		else if (!strcmp(argv[i], "--runs"))
			runs = strtoull(argv[i + 1], NULL, 10);
		else if (!strcmp(argv[i], "--seconds"))
			seconds = strtoull(argv[i + 1], NULL, 10);
	signal(SIGPIPE, SIG_IGN);
#ifndef __SANITIZE_ADDRESS__
	signal(SIGSEGV, died);
	signal(SIGBUS, died);
	signal(SIGABRT, died);
#endif
	budget = seconds * 500000000;
	frames_seed(seed);
	MUST(!names_new(&names) && !flows_new(NULL, NULL, &flows) && !reass_new(&reass));
	stop_at = budget ? clock_ns(CLOCK_MONOTONIC) + budget : 0;
	for (at_run = 0; !over(); at_run++)
		read_one(names, flows, reass);
	printf("%llu frames read\n", (unsigned long long)at_run);
	reass_free(reass);
	flows_free(flows);
	names_free(names);
	fill_flows();
	stop_at = budget ? clock_ns(CLOCK_MONOTONIC) + budget : 0;
	if (!run_network())
		printf("the network was left out: no namespaces here, or no libslirp\n");
	return 0;
}
