/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bpf_fib_lookup(): one network, as skep's text and as commands for a network namespace of the test's own. With --kernel the same expectations are
 * the kernel's, and 40,000 random look-ups are compared between the two.
 */
#include "runs/expect.h"

#include "base/uapi.h"
#include "helper/fib.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* The network. Lines that begin with '!' are for the namespace alone, the others are skep's text; "ip" commands are made of those. */
static const char network[] = "link 11 v1 02:00:00:00:00:0b\n"
			      "link 12 v2 02:00:00:00:00:0c mtu 1400\n"
			      "link 13 v3 02:00:00:00:00:0d forwarding off\n"
			      "addr 10.0.1.1/24 dev v1\n"
			      "addr 10.0.2.1/24 dev v2\n"
			      "addr 10.0.2.129/25 dev v2\n"
			      "addr 10.0.3.1/32 dev v3\n"
			      "addr 2001:db8:1::1/64 dev v1\n"
			      "addr 2001:db8:2::1/64 dev v2\n"
			      "addr 2001:db8:2::99/64 dev v2\n"
			      "route default via 10.0.1.2 dev v1 metric 10\n"
			      "route 10.1.0.0/16 via 10.0.1.2 dev v1\n"
			      "route 10.1.0.0/16 via 10.0.2.2 dev v2 metric 5\n"
			      "route 10.1.2.0/24 via 10.0.2.2 dev v2 src 10.0.1.1\n"
			      "route 10.1.2.128/25 via 10.0.2.3 dev v2\n"
			      "route blackhole 10.2.0.0/16\n"
			      "route unreachable 10.3.0.0/16\n"
			      "route prohibit 10.4.0.0/16\n"
			      "route throw 10.1.9.0/24\n"
			      "route 10.5.0.0/16 via inet6 2001:db8:2::2 dev v2\n"
			      "route 10.6.0.0/16 via 10.0.1.2 dev v1 mtu lock 1000\n"
			      "route 10.7.0.0/16 encap ip id 1 dst 10.0.1.9 via 10.0.1.2 dev v1\n"
			      "route 10.8.0.0/16 via 10.0.2.2 dev v2 table 100\n"
			      "route 10.9.0.0/16 dev v1 metric 3\n"
			      "route inet6 default via 2001:db8:1::2 dev v1\n"
			      "route 2001:db8:11::/48 via 2001:db8:2::2 dev v2\n"
			      "route 2001:db8:11:5::/64 via 2001:db8:1::2 dev v1 metric 7 src 2001:db8:2::1\n"
			      "route blackhole 2001:db8:12::/48\n"
			      "route unreachable 2001:db8:13::/48\n"
			      "route prohibit 2001:db8:14::/48\n"
			      "route 2001:db8:15::/48 via 2001:db8:2::2 dev v2 table 100\n"
			      "route 2001:db8:16::/48 via 2001:db8:1::2 dev v1 mtu lock 1300\n"
			      "neigh 10.0.1.2 dev v1 lladdr 02:00:00:00:01:02\n"
			      "neigh 10.0.2.2 dev v2 lladdr 02:00:00:00:02:02\n"
			      "neigh 10.9.0.9 dev v1 lladdr 02:00:00:00:09:09\n"
			      "neigh 2001:db8:1::2 dev v1 lladdr 02:00:00:00:61:02\n"
			      "neigh 2001:db8:2::2 dev v2 lladdr 02:00:00:00:62:02\n";
static const char rules[] = "rule fwmark 7 table 100\n"
			    "rule inet6 fwmark 0x10/0x30 table 100\n";

struct ask {
	struct bpf_fib_lookup p;
	uint32_t flags;
	int32_t size;
	int64_t ret;
};

static void command(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void command(const char *fmt, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (system(line))
		fail_msg("'%s' failed", line);
}

/* One line of the text as ip(8) commands. */
static void apply(const char *line)
{
	char name[16], mac[20];
	int index, used = 0;
	bool six = strchr(line, ':') != NULL;

	if (sscanf(line, "link %d %15s %19s%n", &index, name, mac, &used) == 3) {
		command("ip link add %s index %d address %s type veth peer name %sp", name, index, mac, name);
		command("ip link set %sp addrgenmode none up; ip link set %s addrgenmode none %.10s up", name, name,
			strstr(line, "mtu") ? strstr(line, "mtu") : "");
		command("echo %d | tee /proc/sys/net/ipv4/conf/%s/forwarding /proc/sys/net/ipv6/conf/%s/forwarding "
			">/dev/null",
			!strstr(line, "off"), name, name);
	} else if (!strncmp(line, "rule inet6 ", 11)) {
		command("ip -6 rule add %s", line + 11);
	} else if (!strncmp(line, "route inet6 ", 12)) {
		command("ip -6 route add %s", line + 12);
	} else {
		command("ip %s %.*s add %s%s", six && !strstr(line, "lladdr") && !strstr(line, "via inet6") ? "-6" : "",
			(int)strcspn(line, " "), line, strchr(line, ' ') + 1,
			!strncmp(line, "addr", 4) && six ? " nodad"
			: !strncmp(line, "neigh", 5)     ? " nud permanent"
							 : "");
	}
}

static void apply_all(const char *text)
{
	char line[256];

	for (; *text; text += strcspn(text, "\n") + 1) {
		snprintf(line, sizeof(line), "%.*s", (int)strcspn(text, "\n"), text);
		apply(line);
	}
}

static void enter_network(bool with_rules)
{
	char text[8192];

	snprintf(text, sizeof(text), "%s%s", network, with_rules ? rules : "");
	if (!on_kernel) {
		assert_int_equal(skep_hive_set_routes(test.hive, text, strlen(text)), 0);
		return;
	}
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	command("ip link set lo up");
	apply_all(text);
}

static void look_up(struct bpf_object *obj, const char *prog, struct ask *a, uint32_t frame)
{
	static const uint8_t bytes[3000];
	uint32_t zero = 0;
	int fd = map_fd_of(obj, "asked");

	if (!a->size)
		a->size = 64;
	assert_int_equal(bpf_map_update_elem(fd, &zero, a, 0), 0);
	run_data(obj, prog, bytes, frame);
	assert_int_equal(bpf_map_lookup_elem(fd, &zero, a), 0);
}

static struct ask ask4(uint32_t ifindex, const char *dst, uint32_t flags)
{
	struct ask a = {.p = {.family = AF_INET, .ifindex = ifindex}, .flags = flags};

	assert_int_equal(inet_pton(AF_INET, dst, &a.p.ipv4_dst), 1);
	assert_int_equal(inet_pton(AF_INET, "10.0.1.77", &a.p.ipv4_src), 1);
	return a;
}

static struct ask ask6(uint32_t ifindex, const char *dst, uint32_t flags)
{
	struct ask a = {.p = {.family = AF_INET6, .ifindex = ifindex}, .flags = flags};

	assert_int_equal(inet_pton(AF_INET6, dst, a.p.ipv6_dst), 1);
	assert_int_equal(inet_pton(AF_INET6, "2001:db8:1::77", a.p.ipv6_src), 1);
	return a;
}

static struct bpf_object *object;
static struct ask last;

/* got - the answer's code. */
static int64_t got4(const char *prog, uint32_t ifindex, const char *dst, uint32_t flags)
{
	last = ask4(ifindex, dst, flags);
	look_up(object, prog, &last, 60);
	return last.ret;
}

static int64_t got6(const char *prog, uint32_t ifindex, const char *dst, uint32_t flags)
{
	last = ask6(ifindex, dst, flags);
	look_up(object, prog, &last, 60);
	return last.ret;
}

static bool leads_to(uint32_t ifindex, uint8_t dmac_last2, uint8_t dmac_last, const char *via)
{
	struct fib_ip ip;
	const uint8_t smac[] = {2, 0, 0, 0, 0, (uint8_t)ifindex}, dmac[] = {2, 0, 0, 0, dmac_last2, dmac_last};

	assert_int_equal(inet_pton(last.p.family, via, ip.b), 1);
	return last.p.ifindex == ifindex && !memcmp(last.p.smac, smac, 6) && !memcmp(last.p.dmac, dmac, 6) &&
	       !memcmp(last.p.ipv6_dst, ip.b, last.p.family == AF_INET ? 4 : 16);
}

static int with_network(void **state)
{
	if (test_setup(state))
		return -1;
	enter_network(false);
	object = load_object("fib");
	return 0;
}

static int with_rules(void **state)
{
	if (test_setup(state))
		return -1;
	enter_network(true);
	object = load_object("fib");
	return 0;
}

static int without(void **state)
{
	bpf_object__close(object);
	return test_teardown(state);
}

static void the_longest_prefix_and_the_least_metric_decide(void **state)
{
	assert_int_equal(got4("ask_xdp", 11, "10.1.7.7", 0), BPF_FIB_LKUP_RET_SUCCESS);
	assert_true(leads_to(11, 1, 2, "10.0.1.2"));
	assert_int_equal(last.p.rt_metric, 0);
	assert_int_equal(last.p.mtu_result, 1500);
	assert_int_equal(last.p.h_vlan_TCI | last.p.h_vlan_proto, 0);
	assert_int_equal(got4("ask_xdp", 11, "10.1.2.7", 0), BPF_FIB_LKUP_RET_SUCCESS);
	assert_true(leads_to(12, 2, 2, "10.0.2.2"));
	assert_int_equal(last.p.mtu_result, 1400);
	assert_int_equal(got4("ask_xdp", 12, "8.8.8.8", 0), BPF_FIB_LKUP_RET_SUCCESS);
	assert_true(leads_to(11, 1, 2, "10.0.1.2"));
	assert_int_equal(last.p.rt_metric, 10);
	/* On the link: the destination is the neighbour. */
	assert_int_equal(got4("ask_xdp", 12, "10.9.0.9", 0), BPF_FIB_LKUP_RET_SUCCESS);
	assert_true(leads_to(11, 9, 9, "10.9.0.9"));
	assert_int_equal(got6("ask_xdp", 11, "2001:db8:11::5", 0), BPF_FIB_LKUP_RET_SUCCESS);
	assert_true(leads_to(12, 0x62, 2, "2001:db8:2::2"));
	assert_int_equal(last.p.rt_metric, 1024);
	assert_int_equal(got6("ask_xdp", 11, "2001:db8:11:5::5", 0), BPF_FIB_LKUP_RET_SUCCESS);
	assert_true(leads_to(11, 0x61, 2, "2001:db8:1::2"));
	assert_int_equal(last.p.rt_metric, 7);
	assert_int_equal(got6("ask_xdp", 11, "2a00::1", 0), BPF_FIB_LKUP_RET_SUCCESS);
}

static void what_is_not_forwarded_says_why(void **state)
{
	assert_int_equal(got4("ask_xdp", 11, "10.2.0.1", 0), BPF_FIB_LKUP_RET_BLACKHOLE);
	assert_int_equal(got4("ask_xdp", 11, "10.3.0.1", 0), BPF_FIB_LKUP_RET_UNREACHABLE);
	assert_int_equal(got4("ask_xdp", 11, "10.4.0.1", 0), BPF_FIB_LKUP_RET_PROHIBIT);
	assert_int_equal(got4("ask_xdp", 11, "10.0.1.1", 0), BPF_FIB_LKUP_RET_NOT_FWDED); /* ours */
	assert_int_equal(got4("ask_xdp", 11, "10.0.1.255", 0), BPF_FIB_LKUP_RET_NOT_FWDED); /* everybody's */
	assert_int_equal(got4("ask_xdp", 13, "8.8.8.8", 0), BPF_FIB_LKUP_RET_FWD_DISABLED);
	assert_int_equal(got4("ask_xdp", 11, "10.7.0.1", 0), BPF_FIB_LKUP_RET_UNSUPP_LWT);
	assert_int_equal(got4("ask_xdp", 11, "10.0.1.3", 0), BPF_FIB_LKUP_RET_NO_NEIGH);
	assert_int_equal(last.p.ifindex, 11);
	assert_int_equal(got4("ask_xdp", 11, "10.1.9.1", 0), BPF_FIB_LKUP_RET_NOT_FWDED); /* throw: no further table */
	assert_int_equal(got6("ask_xdp", 11, "2001:db8:12::1", 0), BPF_FIB_LKUP_RET_BLACKHOLE);
	assert_int_equal(got6("ask_xdp", 11, "2001:db8:13::1", 0), BPF_FIB_LKUP_RET_UNREACHABLE);
	assert_int_equal(got6("ask_xdp", 11, "2001:db8:14::1", 0), BPF_FIB_LKUP_RET_PROHIBIT);
	assert_int_equal(got6("ask_xdp", 11, "2001:db8:1::1", 0), BPF_FIB_LKUP_RET_NOT_FWDED);
	assert_int_equal(got6("ask_xdp", 11, "fe80::1", 0), BPF_FIB_LKUP_RET_NOT_FWDED);
	assert_int_equal(got6("ask_xdp", 11, "ff02::1", 0), BPF_FIB_LKUP_RET_NOT_FWDED);
	assert_int_equal(got6("ask_xdp", 11, "::1", 0), BPF_FIB_LKUP_RET_NOT_FWDED);
	assert_int_equal(got6("ask_xdp", 13, "2001:db8:11::5", 0), BPF_FIB_LKUP_RET_FWD_DISABLED);
	assert_int_equal(got6("ask_xdp", 11, "2001:db8:1::3", 0), BPF_FIB_LKUP_RET_NO_NEIGH);
}

static void wrong_questions_are_errors(void **state)
{
	assert_int_equal(got4("ask_xdp", 99, "8.8.8.8", 0), -ENODEV);
	assert_int_equal(got6("ask_xdp", 99, "2001:db8:11::5", 0), -ENODEV);
	assert_int_equal(got4("ask_xdp", 11, "8.8.8.8", 1 << 6), -EINVAL);
	assert_int_equal(got4("ask_tc", 11, "8.8.8.8", 1 << 9), -EINVAL);
	last = ask4(11, "8.8.8.8", 0);
	last.size = 63;
	look_up(object, "ask_xdp", &last, 60);
	assert_int_equal(last.ret, -EINVAL);
	last = ask4(11, "8.8.8.8", 0);
	last.p.family = AF_UNIX;
	look_up(object, "ask_tc", &last, 60);
	assert_int_equal(last.ret, -EAFNOSUPPORT);
}

static void flags_choose_table_interface_source_and_neighbour(void **state)
{
	struct fib_ip ip;

	assert_int_equal(got4("ask_xdp", 11, "10.8.0.1", 0), BPF_FIB_LKUP_RET_SUCCESS); /* the default route */
	assert_true(leads_to(11, 1, 2, "10.0.1.2"));
	last = ask4(11, "10.8.0.1", BPF_FIB_LOOKUP_DIRECT | SKEP_FIB_LOOKUP_TBID);
	last.p.h_vlan_proto = 100;
	look_up(object, "ask_xdp", &last, 60);
	assert_int_equal(last.ret, BPF_FIB_LKUP_RET_SUCCESS);
	assert_true(leads_to(12, 2, 2, "10.0.2.2"));
	assert_int_equal(last.p.h_vlan_proto, 0);
	last.p.h_vlan_proto = 101; /* none */
	last.p.ifindex = 11;
	look_up(object, "ask_xdp", &last, 60);
	assert_int_equal(last.ret, BPF_FIB_LKUP_RET_NOT_FWDED);
	/* As if it were sent out of an interface. */
	assert_int_equal(got4("ask_xdp", 12, "10.1.7.7", BPF_FIB_LOOKUP_OUTPUT), BPF_FIB_LKUP_RET_SUCCESS);
	assert_true(leads_to(12, 2, 2, "10.0.2.2"));
	assert_int_equal(last.p.rt_metric, 5);
	assert_int_equal(got4("ask_xdp", 12, "8.8.8.8", BPF_FIB_LOOKUP_OUTPUT), BPF_FIB_LKUP_RET_NOT_FWDED);
	assert_int_equal(got4("ask_xdp", 11, "10.0.1.3", SKEP_FIB_LOOKUP_SKIP_NEIGH), BPF_FIB_LKUP_RET_SUCCESS);
	assert_int_equal(last.p.smac[0] | last.p.dmac[0], 0);
	/* Source addresses: the route's, one of the gateway's subnet. */
	assert_int_equal(got4("ask_xdp", 11, "10.1.2.7", SKEP_FIB_LOOKUP_SRC), BPF_FIB_LKUP_RET_SUCCESS);
	assert_int_equal(last.p.ipv4_src, inet_addr("10.0.1.1"));
	assert_int_equal(got4("ask_xdp", 11, "8.8.8.8", SKEP_FIB_LOOKUP_SRC), BPF_FIB_LKUP_RET_SUCCESS);
	assert_int_equal(last.p.ipv4_src, inet_addr("10.0.1.1"));
	assert_int_equal(got6("ask_xdp", 11, "2001:db8:11:5::5", SKEP_FIB_LOOKUP_SRC), BPF_FIB_LKUP_RET_SUCCESS);
	inet_pton(AF_INET6, "2001:db8:2::1", ip.b);
	assert_memory_equal(last.p.ipv6_src, ip.b, 16);
	/* Where the route names none: of the interface's the one that came last, and it rather than another interface's. */
	assert_int_equal(got6("ask_xdp", 11, "2001:db8:11::5", SKEP_FIB_LOOKUP_SRC), BPF_FIB_LKUP_RET_SUCCESS);
	inet_pton(AF_INET6, "2001:db8:2::99", ip.b);
	assert_memory_equal(last.p.ipv6_src, ip.b, 16);
	assert_int_equal(got6("ask_xdp", 12, "2001:db8:16::5", SKEP_FIB_LOOKUP_SRC), BPF_FIB_LKUP_RET_SUCCESS);
	inet_pton(AF_INET6, "2001:db8:1::1", ip.b);
	assert_memory_equal(last.p.ipv6_src, ip.b, 16);
	/* A gateway of the other family. */
	assert_int_equal(got4("ask_xdp", 11, "10.5.0.1", 0), BPF_FIB_LKUP_RET_SUCCESS);
	assert_int_equal(last.p.family, AF_INET6);
	assert_true(leads_to(12, 0x62, 2, "2001:db8:2::2"));
}

static void a_packet_longer_than_the_mtu_needs_fragments(void **state)
{
	last = ask4(11, "10.1.2.7", 0);
	last.p.tot_len = 1401;
	look_up(object, "ask_xdp", &last, 60);
	assert_int_equal(last.ret, BPF_FIB_LKUP_RET_FRAG_NEEDED);
	assert_int_equal(last.p.mtu_result, 1400);
	assert_int_equal(last.p.ifindex, 11); /* as it was */
	last = ask4(11, "10.6.0.1", 0);
	last.p.tot_len = 1001;
	look_up(object, "ask_tc", &last, 60);
	assert_int_equal(last.ret, BPF_FIB_LKUP_RET_FRAG_NEEDED);
	assert_int_equal(last.p.mtu_result, 1000);
	/* Where the program gives no length the frame is measured. */
	last = ask4(11, "10.1.2.7", 0);
	look_up(object, "ask_tc", &last, 1418);
	assert_int_equal(last.ret, BPF_FIB_LKUP_RET_SUCCESS);
	assert_int_equal(last.p.mtu_result, 1400);
	last = ask4(11, "10.1.2.7", 0);
	look_up(object, "ask_tc", &last, 1419);
	assert_int_equal(last.ret, BPF_FIB_LKUP_RET_FRAG_NEEDED);
	assert_int_equal(last.p.ifindex, 12);
}

static void a_rule_sends_a_mark_to_its_table(void **state)
{
	const uint32_t seven = 7, ten = 0x50;

	last = ask4(11, "10.8.0.1", SKEP_FIB_LOOKUP_MARK);
	memcpy(last.p.smac, &seven, 4);
	look_up(object, "ask_xdp", &last, 60);
	assert_int_equal(last.ret, BPF_FIB_LKUP_RET_SUCCESS);
	assert_true(leads_to(12, 2, 2, "10.0.2.2"));
	/* Without the flag there is no mark; what its table does not have the main table has. */
	last = ask4(11, "10.8.0.1", 0);
	memcpy(last.p.smac, &seven, 4);
	look_up(object, "ask_xdp", &last, 60);
	assert_int_equal(last.p.ifindex, 11);
	last = ask4(11, "10.1.7.7", SKEP_FIB_LOOKUP_MARK);
	memcpy(last.p.smac, &seven, 4);
	look_up(object, "ask_xdp", &last, 60);
	assert_true(leads_to(11, 1, 2, "10.0.1.2"));
	last = ask6(11, "2001:db8:15::1", SKEP_FIB_LOOKUP_MARK);
	memcpy(last.p.smac, &ten, 4);
	look_up(object, "ask_xdp", &last, 60);
	assert_int_equal(last.ret, BPF_FIB_LKUP_RET_SUCCESS);
	assert_true(leads_to(12, 0x62, 2, "2001:db8:2::2"));
	/* With a rule the local table is one of its own: the main table says that our address is on the link. */
	assert_int_equal(got4("ask_xdp", 11, "10.0.1.1", BPF_FIB_LOOKUP_DIRECT), BPF_FIB_LKUP_RET_NO_NEIGH);
	assert_int_equal(got4("ask_xdp", 11, "10.0.1.1", 0), BPF_FIB_LKUP_RET_NOT_FWDED);
}

/* Random */

static uint64_t state_of_rnd = 88172645463325252u;

static uint32_t rnd(uint32_t n)
{
	state_of_rnd ^= state_of_rnd << 13;
	state_of_rnd ^= state_of_rnd >> 7;
	state_of_rnd ^= state_of_rnd << 17;
	return (uint32_t)(state_of_rnd >> 33) % n;
}

static void random_address(struct bpf_fib_lookup *p, uint32_t to[4])
{
	uint8_t b[16] = {0x20, 1, 0xd, 0xb8};

	if (p->family == AF_INET) {
		b[0] = rnd(10) ? 10 : (uint8_t)rnd(256);
		b[1] = (uint8_t)rnd(11);
		b[2] = (uint8_t)rnd(10);
		b[3] = rnd(3) ? (uint8_t)rnd(4) : (uint8_t)(rnd(2) ? 255 - rnd(2) : 125 + rnd(8));
		memcpy(to, b, 4);
		return;
	}
	b[5] = rnd(3) ? (uint8_t)(0x10 + rnd(8)) : (uint8_t)rnd(4);
	b[7] = rnd(4) ? 0 : (uint8_t)rnd(7);
	b[15] = (uint8_t)(rnd(4) ? rnd(4) : 0x99);
	if (!rnd(12))
		b[0] = (uint8_t)(rnd(2) ? 0xfe : 0xff), b[1] = (uint8_t)(rnd(2) ? 0x80 : 2);
	if (!rnd(30))
		memset(b, 0, 15);
	memcpy(to, b, 16);
}

static void random_look_ups_agree_with_the_kernel(void **state)
{
	struct skep_hive_opts opts = SKEP_OPTS(struct skep_hive_opts, .n_cpus = 1);
	const bool ruled = *state != NULL;
	struct bpf_object *here;
	struct skep_hive *hive, *before;
	char text[8192];
	uint32_t wrong = 0, codes = 0;

	if (!on_kernel)
		skip();
	snprintf(text, sizeof(text), "%s%s", network, ruled ? rules : "");
	assert_int_equal(skep_hive_new(&opts, &hive), 0);
	assert_int_equal(skep_hive_set_routes(hive, text, strlen(text)), 0);
	before = seam_enter(hive);
	here = load_object("fib");
	seam_enter(before);
	for (uint32_t i = 0; i < 20000 && wrong < 5; i++) {
		const char *prog = rnd(2) ? "ask_xdp" : "ask_tc";
		uint32_t frame = rnd(4) ? 60 : 1300 + rnd(300), mark = rnd(2) ? 7 : rnd(64);
		struct ask a = {.p = {.family = rnd(2) ? AF_INET : AF_INET6, .ifindex = 10 + rnd(4)},
				.flags = rnd(3) ? rnd(64) : 0},
			   b;

		if (rnd(3))
			a.p.ifindex = 11 + rnd(2);
		random_address(&a.p, a.p.ipv6_dst);
		random_address(&a.p, a.p.ipv6_src);
		a.p.tot_len = (uint16_t)(rnd(2) ? 0 : 900 + rnd(700));
		a.p.h_vlan_proto = (uint16_t)(rnd(2) ? 100 : rnd(2) ? 254 : rnd(256));
		memcpy(a.p.smac, &mark, 4);
		b = a;
		look_up(object, prog, &a, frame);
		before = seam_enter(hive);
		look_up(here, prog, &b, frame);
		seam_enter(before);
		codes |= b.ret >= 0 ? 1u << b.ret : 1u << 31;
		if (a.ret != b.ret || memcmp(&a.p, &b.p, sizeof(a.p)) != 0) {
			char from[64], dst[64], kernel[64], skep[64];

			inet_ntop(a.p.family, a.p.ipv6_dst, kernel, sizeof(kernel));
			inet_ntop(b.p.family, b.p.ipv6_dst, skep, sizeof(skep));
			inet_ntop(a.p.family, a.p.ipv6_src, dst, sizeof(dst));
			printf("%s family %u flags %#x mark %u: kernel %lld to %s on %u from %s mtu %u metric %u; skep "
			       "%lld to "
			       "%s on %u from %s mtu %u metric %u\n",
			       prog, a.p.family, a.flags, mark, (long long)a.ret, kernel, a.p.ifindex, dst,
			       a.p.mtu_result, a.p.rt_metric, (long long)b.ret, skep, b.p.ifindex,
			       inet_ntop(b.p.family, b.p.ipv6_src, from, sizeof(from)), b.p.mtu_result, b.p.rt_metric);
			wrong++;
		}
	}
	before = seam_enter(hive);
	bpf_object__close(here);
	seam_enter(before);
	skep_hive_free(hive);
	assert_int_equal(wrong, 0);
	/* Every code but NO_SRC_ADDR has come up, and an error. */
	assert_int_equal(codes, 0x1ff | 1u << 31);
}

static int with_rules_and_say_so(void **state)
{
	int err = with_rules(state);

	*state = &object;
	return err;
}

/* What only skep can be asked: an interface without addresses, no network at all, and another one in its place. */
static void without_addresses_there_is_no_source(void **state)
{
	static const char bare[] = "link 1 a 02:00:00:00:00:01\nroute 10.0.0.0/8 dev a\nroute 2001:db8::/32 dev a\n";

	if (on_kernel)
		skip();
	assert_int_equal(skep_hive_set_routes(test.hive, bare, strlen(bare)), 0);
	assert_int_equal(got6("ask_xdp", 1, "2001:db8::1", SKEP_FIB_LOOKUP_SRC | SKEP_FIB_LOOKUP_SKIP_NEIGH),
			 SKEP_FIB_LKUP_RET_NO_SRC_ADDR);
	assert_int_equal(got4("ask_xdp", 1, "10.0.0.1", SKEP_FIB_LOOKUP_SRC | SKEP_FIB_LOOKUP_SKIP_NEIGH),
			 BPF_FIB_LKUP_RET_SUCCESS);
	assert_int_equal(last.p.ipv4_src, 0);
	assert_int_equal(got4("ask_xdp", 1, "11.0.0.1", 0), BPF_FIB_LKUP_RET_NOT_FWDED);
	assert_int_equal(skep_hive_set_routes(test.hive, NULL, 0), 0);
	assert_int_equal(got4("ask_xdp", 1, "10.0.0.1", 0), -ENODEV);
}

static void text_that_is_wrong_is_refused_with_its_line(void **state)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{"nonsense", "line 1: 'nonsense' is none of link, addr, route, neigh, rule"},
		{"\n\nlink", "line 3: the number of a link is missing"},
		{"link x", "line 1: the number of a link is a number up to 2147483647, not 'x'"},
		{"link 0 a 02:00:00:00:00:01", "line 1: links are numbered from 1"},
		{"link 1 a 02:00:00:00:00", "line 1: '02:00:00:00:00' is no link-layer address (02:00:00:00:00:01)"},
		{"link 1 a", "line 1: a link-layer address is missing"},
		{"link 1 abcdefghijklmnop 02:00:00:00:00:01", "line 1: a link has a name of up to 15 characters"},
		{"link 1 a 02:00:00:00:00:01 mtu 99999", "line 1: an MTU is a number up to 65536, not '99999'"},
		{"link 1 a 02:00:00:00:00:01 up", "line 1: a link has no 'up'"},
		{"link 1 a 02:00:00:00:00:01 forwarding yes", "line 1: forwarding is on, off, 4 or 6, not 'yes'"},
		{"#\nlink 1 a 02:00:00:00:00:01 # one\nlink 1 b 02:00:00:00:00:01",
		 "line 3: there is a link 1 already"},
		{"link 1 a 02:00:00:00:00:01\nlink 2 a 02:00:00:00:00:01", "line 2: there is a link 'a' already"},
		{"addr 10.0.0.1/24 dev a", "line 1: no link 'a' is declared above (link IFINDEX NAME MAC)"},
		{"addr 10.0.0.1/24", "line 1: an address needs its link: dev NAME"},
		{"addr 10.0.0.1/33 dev a", "line 1: '/33' is no length of a prefix: 0 to 32"},
		{"addr 10.0.0", "line 1: '10.0.0' is no IPv4 or IPv6 address"},
		{"route 10.0.0.1/8 dev a", "line 1: 10.0.0.1 has bits set behind its prefix of 8"},
		{"route 10.0.0.0/8", "line 1: a route needs a link: dev NAME, or via GATEWAY"},
		{"route 10.0.0.0/8 via 10.1.1.1",
		 "line 1: no link above has an address in the gateway's subnet: add dev NAME"},
		{"route 10.0.0.0/8 via gw", "line 1: 'gw' is no gateway"},
		{"route 2001:db8::/32 via 10.0.0.1", "line 1: an IPv6 route has no IPv4 gateway"},
		{"route 10.0.0.0/8 src ::1", "line 1: '::1' is no source address for this route"},
		{"route 10.0.0.0/8 metric", "line 1: a metric is missing"},
		{"route 10.0.0.0/8 nexthop", "line 1: a route has no 'nexthop'"},
		{"route blackhole 10.0.0.0/8 via 10.1.1.1", "line 1: a route that leads nowhere has no gateway"},
		{"link 1 a 02:00:00:00:00:01\nroute 10.0.0.0/8 dev a\nroute unreachable 10.0.0.0/8",
		 "line 3: the route of line 2 is the same but for where it leads: give one another metric"},
		{"neigh 10.0.0.1 lladdr 02:00:00:00:00:01", "line 1: a neighbour needs dev NAME and lladdr MAC"},
		{"neigh x", "line 1: 'x' is no address of a neighbour"},
		{"neigh 10.0.0.1 up", "line 1: a neighbour has no 'up'"},
		{"rule from 10.0.0.1", "line 1: rules go by fwmark only; from is all"},
		{"rule iif a", "line 1: rules go by fwmark only, not by 'iif'"},
		{"rule fwmark 7", "line 1: a rule needs fwmark MARK and table N"},
		{"rule fwmark x table 7", "line 1: fwmark is MARK or MARK/MASK, not 'x'"},
	};

	if (on_kernel)
		skip();
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct fib *fib = NULL;
		char why[256] = "";

		assert_int_equal(fib_parse(bad[i].text, strlen(bad[i].text), &fib, why, sizeof(why)), -EINVAL);
		assert_string_equal(why, bad[i].why);
	}
	assert_int_equal(skep_hive_set_routes(test.hive, "x", 1), -EINVAL);
	assert_non_null(strstr(test.last_error, "routes: line 1: 'x' is none of"));
	/* The old table stands. */
	assert_int_equal(got4("ask_xdp", 11, "8.8.8.8", 0), BPF_FIB_LKUP_RET_SUCCESS);
}

static void what_iproute2_prints_is_understood(void **state)
{
	static const char printed[] =
		"link 2 eth0 02:42:ac:11:00:02\n"
		"addr 172.17.0.2/16 dev eth0\n"
		"route default via 172.17.0.1 dev eth0 proto dhcp src 172.17.0.2 metric 100 onlink\n"
		"route 172.18.0.0/16 dev eth0 proto kernel scope link src 172.17.0.2 linkdown\n"
		"route broadcast 172.18.255.255 dev eth0 table local proto kernel scope link src 172.17.0.2\n"
		"neigh 172.17.0.1 dev eth0 lladdr 02:42:ac:11:00:01 REACHABLE\n"
		"neigh 172.17.0.9 dev eth0  FAILED\n"
		"neigh fe80::1 dev eth0 lladdr 02:42:ac:11:00:01 router STALE\n"
		"rule from all fwmark 0x7 lookup 100\n"
		"route default via fe80::1 dev eth0 proto ra metric 1024 expires 1797sec hoplimit 64 pref medium";
	struct fib *fib = NULL;
	char why[256] = "";

	if (on_kernel)
		skip();
	if (fib_parse(printed, strlen(printed), &fib, why, sizeof(why)))
		fail_msg("%s", why);
	assert_int_equal(fib->n_neighs, 2);
	fib_free(fib);
}

#define NETWORK_TEST(fn) cmocka_unit_test_setup_teardown(fn, with_network, without)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		NETWORK_TEST(the_longest_prefix_and_the_least_metric_decide),
		NETWORK_TEST(what_is_not_forwarded_says_why),
		NETWORK_TEST(wrong_questions_are_errors),
		NETWORK_TEST(flags_choose_table_interface_source_and_neighbour),
		NETWORK_TEST(a_packet_longer_than_the_mtu_needs_fragments),
		cmocka_unit_test_setup_teardown(a_rule_sends_a_mark_to_its_table, with_rules, without),
		NETWORK_TEST(random_look_ups_agree_with_the_kernel),
		{"random_look_ups_agree_with_the_kernel_with_rules", random_look_ups_agree_with_the_kernel,
		 with_rules_and_say_so, without, NULL},
		NETWORK_TEST(without_addresses_there_is_no_source),
		NETWORK_TEST(text_that_is_wrong_is_refused_with_its_line),
		NETWORK_TEST(what_iproute2_prints_is_understood),
	};

	return test_main(argc, argv, tests, ARRAY_SIZE(tests), "bpf_fib_lookup");
}
