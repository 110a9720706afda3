/* SPDX-License-Identifier: BSD-2-Clause */
/* Policies: what is read, what is refused and how that is said, printing, profiles, advice. */
#include "apps/guard_policy.h"
#include "egress_util.h"
#include "prog/calls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct policy policy;
static struct policy_error error;

static int setup(void **state)
{
	memset(&error, 0, sizeof(error));
	return 0;
}

static int teardown(void **state)
{
	policy_free(&policy);
	return 0;
}

static char *printed(const struct policy *p)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	policy_print(p, f);
	fclose(f);
	return text;
}

/* An option, and the file that it is the same as. */
static void expect_option(const char *option, const char *file)
{
	char *text;

	if (policy_parse_option(&policy, true, "--allow", option, &error))
		fail_msg("%s: %s", option, error.text);
	text = printed(&policy);
	assert_string_equal(text, file);
	free(text);
	policy_free(&policy);
}

static void expect_error(const char *file, const char *message)
{
	assert_int_equal(policy_parse_text(&policy, "f", file, strlen(file), &error), -EINVAL);
	assert_string_equal(error.text, message);
	policy_free(&policy);
}

static void commas_part_hosts_and_ports(void **state)
{
	expect_option("registry.npmjs.org,*.debian.org:80,443,10.0.0.0/8",
		      "allow registry.npmjs.org\nallow *.debian.org:80,443\nallow 10.0.0.0/8\n");
	expect_option("a,b:80,443,10/8", "allow a\nallow b:80,443\nallow 10.0.0.0/8\n");
	expect_option("a:80,443/tcp,b:1-9,20-30/udp,c/icmp,d/dns",
		      "allow a:80,443/tcp\nallow b:1-9,20-30/udp\nallow c/icmp\nallow d/dns\n");
	expect_option("a:80,443x.org", "allow a:80\nallow 443x.org\n");
	expect_option("a:80,4.example", "allow a:80\nallow 4.example\n");
	expect_option("a:80, b", "allow a:80\nallow b\n");
	expect_option("host:8080,*,*:53/udp", "allow host:8080\nallow *\nallow *:53/udp\n");
}

static void addresses_take_all_their_forms(void **state)
{
	expect_option("192.0.2.1", "allow 192.0.2.1\n");
	expect_option("192.0.2.1:80", "allow 192.0.2.1:80\n");
	expect_option("192.168/16:80", "allow 192.168.0.0/16:80\n");
	expect_option("0/0", "allow 0.0.0.0/0\n");
	expect_option("192.0.2.1/32", "allow 192.0.2.1\n");
	expect_option("2001:DB8::1", "allow 2001:db8::1\n");
	expect_option("[2001:db8::1]:80,443", "allow [2001:db8::1]:80,443\n");
	expect_option("[2001:db8::1]", "allow 2001:db8::1\n");
	expect_option("2001:db8::/32,::/0", "allow 2001:db8::/32\nallow ::/0\n");
	expect_option("[2001:db8::/32]:80/tcp", "allow [2001:db8::/32]:80/tcp\n");
	expect_option("2001:db8::1:80", "allow 2001:db8::1:80\n");
	expect_option("10.0.2.2:80,fd00::2", "allow host:80\nallow host\n");
	expect_option("EXAMPLE.org.", "allow example.org\n");
}

static void a_program_binds_what_follows_it(void **state)
{
	expect_option("exe=/usr/bin/git github.com:22,gitlab.com",
		      "allow exe=/usr/bin/git github.com:22\nallow exe=/usr/bin/git gitlab.com\n");
	expect_option("a,exe=/x b exe=/y c", "allow a\nallow exe=/x b\nallow exe=/y c\n");
	expect_option("exe=/opt/my\\ app\\,1/x* a", "allow exe=/opt/my\\ app\\,1/x* a\n");
	assert_int_equal(policy_parse_option(&policy, true, "--allow", "exe=/opt/*/git a,exe=/bin/sh b", &error), 0);
	assert_int_equal(policy.n_exes, 2);
	assert_int_equal(egress_owner_mask(&policy, (struct task_facts[]){{.exe = "/opt/1/git"}}, 1), 1);
	assert_int_equal(egress_owner_mask(&policy, (struct task_facts[]){{.exe = "/opt/1/2/git"}}, 1), 0);
	assert_int_equal(
		egress_owner_mask(&policy, (struct task_facts[]){{.exe = "/opt/1/git"}, {.exe = "/bin/sh"}}, 2), 3);
	assert_int_equal(egress_owner_mask(&policy, (struct task_facts[]){{.exe = NULL}, {.exe = "/bin/bash"}}, 2), 0);
}

static void files_have_settings_comments_and_several_hosts_a_line(void **state)
{
	static const char file[] =
		"# all\n\n  default allow # really\naudit yes\r\n\tallow a b:1,2,c # d\ndeny 10/8\nallow e";
	char *text;

	assert_int_equal(policy_parse_text(&policy, "f", file, sizeof(file) - 1, &error), 0);
	text = printed(&policy);
	assert_string_equal(text,
			    "default allow\naudit yes\nallow a\nallow b:1,2\nallow c\ndeny 10.0.0.0/8\nallow e\n");
	free(text);
}

static void what_is_printed_is_read_back_the_same(void **state)
{
	static const char file[] =
		"default deny\naudit yes\nallow exe=/a\\\\b\\ c *.x.y:1,3-9/udp\ndeny [::1:2:0:0/99]:80\nallow *\n"
		"allow host/icmp\ndeny 1.2.3.4/31:5/tcp\nallow q/dns\n";
	char *first, *second;

	assert_int_equal(policy_parse_text(&policy, "f", file, sizeof(file) - 1, &error), 0);
	assert_int_equal(policy.n_rules, 6);
	first = printed(&policy);
	policy_free(&policy);
	assert_int_equal(policy_parse_text(&policy, "f", first, strlen(first), &error), 0);
	second = printed(&policy);
	assert_string_equal(first, second);
	free(first);
	free(second);
}

static void errors_say_where_what_and_what_would_do(void **state)
{
	expect_error("allow a\n alow b\n", "f:2:2: unknown key 'alow'; did you mean 'allow'?");
	expect_error("defualt deny\n", "f:1:1: unknown key 'defualt'; did you mean 'default'?");
	expect_error("permit a\n", "f:1:1: unknown key 'permit'; there are allow, deny, default, audit and profile");
	expect_error("profile nmp\n", "f:1:9: there is no profile 'nmp'; did you mean 'npm'?");
	expect_error("profile whatever\n",
		     "f:1:9: there is no profile 'whatever'; there are npm, pip, git, apt, build and agent");
	expect_error("allow b https://a.example:8443/x?y\n",
		     "f:1:9: 'https://a.example:8443/x?y' is a URL; a rule names its host: a.example");
	expect_error("allow http://\n", "f:1:7: 'http://' is a URL; a rule names its host: ");
	expect_error("allow localhost:80\n",
		     "f:1:7: localhost is the command's own loopback, which is open; this machine's is "
		     "host, as in host:8080");
	expect_error("default maybe\n", "f:1:9: default is allow or deny");
	expect_error("audit on\n", "f:1:7: audit is yes or no");
	expect_error("audit yes no\n", "f:1:11: one word, and no more");
	expect_error("allow\n", "f:1:6: allow: no host");
	expect_error("allow # a\n", "f:1:7: allow: no host");
	expect_error("deny exe=/x\n", "f:1:12: after exe=: no host");
	expect_error("allow exe=git a\n", "f:1:11: exe= takes the executable's whole path, as in exe=/usr/bin/git");
	expect_error("allow ,a\n", "f:1:7: nothing stands in front of this comma");
	expect_error("allow a,,b\n", "f:1:9: nothing stands in front of this comma");
	expect_error("allow a,\n", "f:1:8: nothing follows the comma");
	expect_error("allow a:\n", "f:1:9: '' is no port: 0 to 65535, or a range such as 8000-8080");
	expect_error("allow a:65536\n", "f:1:9: '65536' is no port: 0 to 65535, or a range such as 8000-8080");
	expect_error("allow a:9-8\n", "f:1:9: '9-8' is no port: 0 to 65535, or a range such as 8000-8080");
	expect_error("allow a:80/icmp\n", "f:1:8: /icmp has no ports");
	expect_error("allow a:80,81/dns\n", "f:1:12: /dns has no ports");
	expect_error("allow a,443\n", "f:1:9: '443' is no host; ports stand behind a host, as in example.org:80,443");
	expect_error("allow a:80/tcp,443\n",
		     "f:1:16: '443' is no host; ports stand behind a host, as in example.org:80,443");
	expect_error("allow :80\n", "f:1:7: no host in front of the ports");
	expect_error("allow 1.2.3\n", "f:1:7: '1.2.3' is no address");
	expect_error("allow 1.2.3.256\n", "f:1:7: '1.2.3.256' is no address");
	expect_error("allow 1.2.3.04\n", "f:1:7: '1.2.3.04' is no address");
	expect_error("allow 10.0.0.1/8\n",
		     "f:1:7: '10.0.0.1/8' has bits behind its prefix length; leave out the length for the one address");
	expect_error("allow 10.0.0.0/33\n", "f:1:16: '33' is no prefix length (0 to 32), nor tcp, udp, icmp or dns");
	expect_error("allow a.b/sctp\n", "f:1:7: 'a.b/sctp' is no address");
	expect_error("allow ::ffff:1.2.3.4\n", "f:1:7: '::ffff:1.2.3.4': write the IPv4 address");
	expect_error("allow [1.2.3.4]:80\n", "f:1:8: only IPv6 addresses stand in brackets");
	expect_error("allow [::1\n", "f:1:7: '[::1': [ADDRESS], [ADDRESS/LENGTH] or [ADDRESS]:PORTS");
	expect_error("allow 2001:db8::/32:80\n",
		     "f:1:7: '2001:db8::/32:80': with ports, an IPv6 address stands in brackets");
	expect_error("allow a.*.b\n", "f:1:7: 'a.*.b': a * stands alone or in front, as in *.example.org");
	expect_error("allow *a.b\n", "f:1:7: '*a.b': a * stands alone or in front, as in *.example.org");
	expect_error("allow a..b\n", "f:1:7: 'a..b' is no host: a name, an address, ADDRESS/LENGTH, host or *");
	expect_error("allow a\001b\n", "f:1:7: 'a?b' is no host: a name, an address, ADDRESS/LENGTH, host or *");
	expect_error("allow 10.0.2.7:80\n",
		     "f:1:7: '10.0.2.7' lies in the command's own network; the machine's loopback is host:PORT");
	expect_error("allow fd00::9\n",
		     "f:1:7: 'fd00::9' lies in the command's own network; the machine's loopback is host:PORT");
	assert_int_equal(policy_parse_option(&policy, true, "--allow", "a, b:x", &error), -EINVAL);
	assert_string_equal(error.text,
			    "--allow, character 6: 'x' is no port: 0 to 65535, or a range such as 8000-8080");
}

/* Of a run's tree it has neither the programs nor the host; the tree's network is one as any other. */
static void an_interface_knows_no_programs_and_no_host(void **state)
{
	static const struct {
		const char *file, *message;
	} wrong[] = {
		{"allow exe=/usr/bin/git a.example",
		 "f:1:7: 'exe=/usr/bin/git': which program a frame is from cannot be "
		 "seen on an interface; 'skep run' can tell"},
		{"allow a.example\ndeny host:80",
		 "f:2:6: 'host' is the machine's loopback as commands of skep run see it; on "
		 "an interface the machine's address must be named"},
	};
	static const char fine[] = "default deny\nallow 10.0.2.2:80\nallow 10.0.2.128/25\nallow fd00::2\n";
	char *text;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		policy.of_interface = true;
		expect_error(wrong[i].file, wrong[i].message);
	}
	policy.of_interface = true;
	assert_int_equal(policy_parse_text(&policy, "f", fine, strlen(fine), &error), 0);
	text = printed(&policy);
	assert_string_equal(text, fine);
	free(text);
}

static void limits_are_refused_by_name(void **state)
{
	static char file[1 << 20];
	size_t n = 0;

	for (int i = 0; i < EGRESS_NAMES; i++)
		n += (size_t)snprintf(file + n, sizeof(file) - n, "allow h%d.example.org\n", i);
	assert_int_equal(policy_parse_text(&policy, "f", file, n, &error), 0);
	policy_free(&policy);
	strcpy(file + n, "allow one.too.many\n");
	expect_error(file, "f:1025:7: more than 1024 rules with names");
	n = 0;
	for (int i = 0; i <= EGRESS_PREFIXES; i++)
		n += (size_t)snprintf(file + n, sizeof(file) - n, "allow 10.1.%d.%d\n", i / 256, i % 256);
	expect_error(file, "f:4097:7: more than 4096 rules with addresses");
	n = 0;
	for (int i = 0; i <= EGRESS_EXES; i++)
		n += (size_t)snprintf(file + n, sizeof(file) - n, "allow exe=/%d a\n", i);
	expect_error(file, "f:65:11: more than 64 different exe= patterns");
	n = (size_t)snprintf(file, sizeof(file), "allow a:0");
	for (int i = 1; i <= 64; i++)
		n += (size_t)snprintf(file + n, sizeof(file) - n, ",%d", i);
	expect_error(file, "f:1:191: more than 64 ports for one host; use a range");
}

static void a_full_policy_fits_the_maps_and_decides(void **state)
{
	static char file[1 << 20];
	struct egress_run *e;
	size_t n = 0;

	for (int i = 0; i < EGRESS_PREFIXES; i++)
		n += (size_t)snprintf(file + n, sizeof(file) - n, "allow 11.%d.%d.0/24:%d\n", i / 256, i % 256, i);
	for (int i = 0; i < EGRESS_NAMES; i++)
		n += (size_t)snprintf(file + n, sizeof(file) - n, "allow h%d.example.org:%d\n", i, i);
	e = egress_open(file);
	assert_int_equal(connect_to(e, "11.15.255.9", 4095), LET_GO);
	assert_int_equal(connect_to(e, "11.15.255.9", 4094), TURNED);
	dns_learn(e, "h1023.example.org", "192.0.2.1");
	assert_int_equal(connect_to(e, "192.0.2.1", 1023), LET_GO);
	assert_int_equal(connect_to(e, "192.0.2.1", 1), TURNED);
	assert_int_equal(dns_ask(e, 9, "h1024.example.org", 1), TURNED);
	/* And another in its place leaves nothing of it. */
	egress_refill(e, "allow 192.0.2.7");
	assert_int_equal(connect_to(e, "11.15.254.9", 4094), TURNED);
	assert_int_equal(dns_ask(e, 9, "h1.example.org", 1), TURNED);
	assert_int_equal(connect_to(e, "192.0.2.7", 4), LET_GO);
	egress_close(e);
}

static void too_much_for_one_host_is_refused(void **state)
{
	static char file[1 << 16];
	struct policy too_much = {0};
	struct egress_run *e = egress_open("allow a\n");
	size_t n = 0;

	for (int i = 0; i < 257; i++)
		n += (size_t)snprintf(file + n, sizeof(file) - n, "allow example.org:%d\n", i);
	assert_int_equal(policy_parse_text(&too_much, "f", file, n, &error), 0);
	policy_free(&e->policy);
	e->policy = too_much;
	assert_int_equal(egress_try_fill(e, &error), -E2BIG);
	assert_string_equal(error.text, "the policy is too large: more than 256 ports and rules bear on example.org");
	egress_close(e);
}

static int call_number(const char *name)
{
	const struct call_desc *c = calls_find(name);

	return c ? c->nr : -1;
}

static void profiles_are_policies(void **state)
{
	struct guard_policy guard = {.home = "/home/me", .here = "/work", .call_number = call_number};
	struct policy_part part;
	size_t len;

	guard_part(&guard, &part);
	for (uint32_t i = 0; policy_profile_name(i); i++) {
		assert_non_null(policy_profile(policy_profile_name(i), &len));
		policy.part = &part;
		if (policy_parse_profile(&policy, policy_profile_name(i), &error))
			fail_msg("%s", error.text);
		assert_true(policy.n_rules + guard.n_paths > 0);
		policy_free(&policy);
		guard_free(&guard);
	}
	assert_null(policy_profile("none", &len));
	assert_int_equal(policy_parse_text(&policy, "f", "profile npm\nallow a\n", 20, &error), 0);
	assert_true(policy.n_rules > 1);
	policy_free(&policy);
	assert_int_equal(policy_parse_profile(&policy, "gti", &error), -EINVAL);
	assert_string_equal(error.text, "there is no profile 'gti'; did you mean 'git'?");
}

static void a_file_that_is_not_there_says_so(void **state)
{
	assert_int_equal(policy_parse_file(&policy, "/nowhere/p.policy", &error), -ENOENT);
	assert_string_equal(error.text, "/nowhere/p.policy: No such file or directory");
	assert_true(policy_parse_file(&policy, "/", &error) < 0);
	assert_string_equal(error.text, "/: Is a directory");
}

/* Everything that an audit saw, as a policy, allows exactly that and nothing beside it. */
static void advice_allows_just_what_was_seen(void **state)
{
	struct egress_run *e = egress_open("audit yes\ndefault deny\n");
	struct egress_advice *a = egress_advice_new();
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	dns_learn(e, "www.example.org", "192.0.2.10");
	dns_learn(e, "only.example.net", "192.0.2.99");
	dns_learn(e, "host", "10.0.2.2");
	connect_to(e, "192.0.2.10", 443);
	connect_to(e, "192.0.2.10", 80);
	connect_to(e, "192.0.2.11", 22);
	connect_to(e, "2001:db8::1", 22);
	connect_to(e, "10.0.2.2", 3000);
	egress_send(e, &(struct spec){.from = TREE, .to = "192.0.2.12", .proto = UDP, .sport = 5000, .dport = 123});
	egress_send(e, &(struct spec){.from = TREE, .to = "192.0.2.12", .proto = ICMP, .dport = 8 << 8});
	egress_drain(e);
	for (uint32_t i = 0; i < e->n_events; i++)
		assert_int_equal(egress_advice_add(a, &e->events[i]), 0);
	egress_advice_print(a, f);
	fclose(f);
	assert_string_equal(text, "default deny\n"
				  "allow 192.0.2.11:22/tcp\n"
				  "allow 192.0.2.12/icmp\n"
				  "allow 192.0.2.12:123/udp\n"
				  "allow [2001:db8::1]:22/tcp\n"
				  "allow host:3000/tcp\n"
				  "allow only.example.net/dns\n"
				  "allow www.example.org:80,443/tcp\n");
	egress_close(e);
	e = egress_open(text);
	dns_learn(e, "www.example.org", "192.0.2.10");
	dns_learn(e, "only.example.net", "192.0.2.99");
	assert_int_equal(connect_to(e, "192.0.2.10", 443), LET_GO);
	assert_int_equal(connect_to(e, "192.0.2.10", 444), TURNED);
	assert_int_equal(connect_to(e, "192.0.2.99", 443), TURNED);
	assert_int_equal(connect_to(e, "10.0.2.2", 3000), LET_GO);
	assert_int_equal(connect_to(e, "2001:db8::1", 22), LET_GO);
	assert_int_equal(
		egress_send(e, &(struct spec){.from = TREE, .to = "192.0.2.12", .proto = ICMP, .dport = 8 << 8}),
		LET_GO);
	assert_int_equal(dns_ask(e, 99, "other.example.net", 1), TURNED);
	egress_close(e);
	egress_advice_free(a);
	free(text);
}

static void counters_know_their_rule(void **state)
{
	struct egress_run *e = egress_open("allow 192.0.2.1\nallow 192.0.2.2\n");
	struct egress_counter c[2];
	uint32_t rule = EGRESS_RULE_USER + 1;

	connect_to(e, "192.0.2.2", 80);
	egress_send(e, &(struct spec){.from = TREE,
				      .to = "192.0.2.2",
				      .proto = TCP,
				      .sport = 5000,
				      .dport = 80,
				      .tcp_flags = ACK,
				      .payload = 100});
	egress_get(e, &(struct spec){.from = "192.0.2.2",
				     .to = TREE,
				     .proto = TCP,
				     .sport = 80,
				     .dport = 5000,
				     .tcp_flags = ACK,
				     .payload = 200});
	connect_to(e, "192.0.2.2", 81);
	assert_int_equal(skep_map_lookup(e->hive, egress_fd(e, "counters"), &rule, c), 0);
	assert_int_equal(c[0].hits + c[1].hits, 2);
	assert_int_equal(c[0].bytes + c[1].bytes, 54 + 154 + 254 + 54);
	rule = EGRESS_RULE_USER;
	assert_int_equal(skep_map_lookup(e->hive, egress_fd(e, "counters"), &rule, c), 0);
	assert_int_equal(c[0].hits + c[1].hits, 0);
	egress_close(e);
}

static void events_that_find_no_room_are_counted(void **state)
{
	struct egress_run *e = egress_open("allow 192.0.2.1\n");
	const uint32_t room = (1u << 20) / (sizeof(struct event) + 8);
	struct egress_stats s[2];
	uint32_t zero = 0;

	for (uint32_t i = 0; i < room + 40; i++)
		connect_to(e, "192.0.2.9", 80);
	assert_int_equal(skep_map_lookup(e->hive, egress_fd(e, "stats"), &zero, s), 0);
	assert_in_range(s[0].lost_events + s[1].lost_events, 40, 42);
	assert_int_equal(s[0].dropped[EGRESS_BY_RULE] + s[1].dropped[EGRESS_BY_RULE], room + 40);
	egress_close(e);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(commas_part_hosts_and_ports),
		TEST(addresses_take_all_their_forms),
		TEST(a_program_binds_what_follows_it),
		TEST(files_have_settings_comments_and_several_hosts_a_line),
		TEST(what_is_printed_is_read_back_the_same),
		TEST(errors_say_where_what_and_what_would_do),
		TEST(an_interface_knows_no_programs_and_no_host),
		TEST(limits_are_refused_by_name),
		TEST(a_full_policy_fits_the_maps_and_decides),
		TEST(too_much_for_one_host_is_refused),
		TEST(profiles_are_policies),
		TEST(a_file_that_is_not_there_says_so),
		TEST(advice_allows_just_what_was_seen),
		TEST(counters_know_their_rule),
		TEST(events_that_find_no_room_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
