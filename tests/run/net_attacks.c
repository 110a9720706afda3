/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ways out of a run without namespaces (skep run --net=calls), one a word: what it sends says "evil", and test-net-attacks.sh sees whether that has come anywhere.
 * Prints what came of it, an errno's name or "done"; for sockets the interface that they are bound to: it is to be 1, the loopback.
 *
 * arguments: OUTSIDE (an address of IPv4) INTERFACE (its number) CLOSED (a port of 127.0.0.1) WAY...
 */
#define _GNU_SOURCE
#include "i386.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef SO_BINDTOIFINDEX
#define SO_BINDTOIFINDEX 62
#endif

static struct sockaddr_in outside, closed;
static int interface;

static void say(const char *what, long result)
{
	const char *name = result < 0 ? strerrorname_np(errno) : "done";

	printf("%s %s\n", what, name ? name : "?");
	fflush(stdout);
}

static void say_bound(const char *what, int fd)
{
	int to = -1;
	socklen_t len = sizeof(to);

	getsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &to, &len);
	printf("%s %d\n", what, to);
	fflush(stdout);
}

/* A message that asks for an interface, and an address of its own. */
static long send_by(int fd, int by, const struct sockaddr_in *to)
{
	union {
		struct cmsghdr h;
		char bytes[CMSG_SPACE(sizeof(struct in_pktinfo))];
	} c;
	struct iovec part = {"evil", 4};
	struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof(c)};

	memset(&c, 0, sizeof(c));
	c.h.cmsg_level = IPPROTO_IP;
	c.h.cmsg_type = IP_PKTINFO;
	c.h.cmsg_len = CMSG_LEN(sizeof(struct in_pktinfo));
	memcpy(CMSG_DATA(&c.h), &(struct in_pktinfo){.ipi_ifindex = by}, sizeof(struct in_pktinfo));
	if (to) {
		m.msg_name = (void *)to;
		m.msg_namelen = sizeof(*to);
	}
	return sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* An address without a family is one of IPv4 to a socket of datagrams. */
static void unspec(void)
{
	struct sockaddr_in to[] = {closed, outside};
	struct sockaddr_in6 six = {
		.sin6_family = AF_UNSPEC, .sin6_port = closed.sin_port, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	int fd = socket(AF_INET, SOCK_DGRAM, 0), fd6 = socket(AF_INET6, SOCK_DGRAM, 0);

	for (int i = 0; i < 2; i++) {
		to[i].sin_family = AF_UNSPEC;
		say("unspec", sendto(fd, "evil", 4, 0, (void *)&to[i], sizeof(to[i])));
		say("unspec6", sendto(fd6, "evil", 4, 0, (void *)&to[i], sizeof(to[i])));
	}
	say("unspec6", sendto(fd6, "evil", 4, 0, (void *)&six, sizeof(six)));
}

static void info(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0), on = 1;

	setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
	send_by(fd, interface, &outside);
	send_by(fd, 0, &outside);
	send_by(fd, interface, &closed);
	connect(fd, (void *)&outside, sizeof(outside));
	send_by(fd, interface, NULL);
	printf("info done\n");
}

static void disconnect(void)
{
	const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
	static const int kinds[] = {SOCK_DGRAM, SOCK_STREAM};

	for (int i = 0; i < 2; i++)
		for (int domain = AF_INET; domain <= AF_INET6; domain += AF_INET6 - AF_INET) {
			int fd = socket(domain, kinds[i], 0);

			if (i == 0 && domain == AF_INET)
				connect(fd, (void *)&outside, sizeof(outside));
			connect(fd, &nobody, sizeof(nobody));
			say_bound("disconnected", fd);
			send_by(fd, interface, &outside);
			close(fd);
		}
}

static void bind_to(const char *text, int kind)
{
	struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_scope_id = (uint32_t)interface};
	int fd = socket(AF_INET6, kind, 0);

	inet_pton(AF_INET6, text, &at.sin6_addr);
	say("bind", bind(fd, (void *)&at, sizeof(at)));
	say_bound("bound", fd);
	close(fd);
}

static void binds(void)
{
	bind_to("ff02::1234", SOCK_DGRAM);
	bind_to("fe80::1", SOCK_DGRAM);
	bind_to("fe80::1", SOCK_STREAM);
}

/* On its way between two processes for longer than anybody looks. */
static void pass(int by, int fd)
{
	union {
		struct cmsghdr h;
		char bytes[CMSG_SPACE(sizeof(int))];
	} c;
	char x = 'x';
	struct iovec part = {&x, 1};
	struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof(c)};

	c.h.cmsg_level = SOL_SOCKET;
	c.h.cmsg_type = SCM_RIGHTS;
	c.h.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&c.h), &fd, sizeof(fd));
	if (sendmsg(by, &m, 0) != 1)
		perror("pass");
}

static int receive(int by)
{
	union {
		struct cmsghdr h;
		char bytes[CMSG_SPACE(sizeof(int))];
	} c;
	char x;
	struct iovec part = {&x, 1};
	struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof(c)};
	int fd = -1;

	if (recvmsg(by, &m, 0) == 1 && m.msg_controllen)
		memcpy(&fd, CMSG_DATA(&c.h), sizeof(fd));
	return fd;
}

static void flight(void)
{
	int pair[2], fd = socket(AF_INET, SOCK_DGRAM, 0);

	socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
	pass(pair[0], fd);
	close(fd);
	sleep(4);
	fd = receive(pair[1]);
	say("received", fd);
	sendto(fd, "evil", 4, 0, (void *)&closed, sizeof(closed));
	send_by(fd, interface, &outside);
	send_by(fd, interface, &closed);
}

/* Calls that are for other kinds of sockets. */
static void listens(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0), tcp = socket(AF_INET, SOCK_STREAM, 0);

	say("listen", listen(fd, 1));
	say("accept", accept(fd, NULL, NULL));
	sendto(fd, "evil", 4, 0, (void *)&closed, sizeof(closed));
	send_by(fd, interface, &outside);
	listen(tcp, 1);
	shutdown(tcp, SHUT_RDWR);
	connect(tcp, (void *)&closed, sizeof(closed));
	send_by(tcp, interface, &closed);
}

static volatile int stop;
static int seconds = 2; /* of a race */
static int here, there[2];

static void *flip(void *arg)
{
	for (int i = 0; !stop; i++)
		dup2(there[i & 1], here);
	return arg;
}

/* Another socket under the number, at every moment of the call. @files: a process that shares its open files but is no thread */
static void race(void (*deed)(void), int a, int b)
{
	time_t end = time(NULL) + seconds;
	pthread_t t;

	there[0] = a;
	there[1] = b;
	here = dup(a);
	stop = 0;
	pthread_create(&t, NULL, flip, NULL);
	while (time(NULL) < end)
		deed();
	stop = 1;
	pthread_join(t, NULL);
}

static void send_here(void)
{
	send_by(here, interface, &outside);
	sendto(here, "evil", 4, MSG_DONTWAIT | MSG_NOSIGNAL, (void *)&closed, sizeof(closed));
}

static void bind_here(void)
{
	struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_scope_id = (uint32_t)interface};

	inet_pton(AF_INET6, "ff02::1234", &at.sin6_addr);
	bind(here, (void *)&at, sizeof(at));
}

static void races(void)
{
	int pair[2], six = socket(AF_INET6, SOCK_DGRAM, 0);

	socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
	fcntl(pair[0], F_SETFL, O_NONBLOCK);
	race(send_here, pair[0], socket(AF_INET, SOCK_DGRAM, 0));
	race(bind_here, socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), six);
	race(bind_here, pair[0], six);
	say_bound("bound", six);
}

static int shared(void *arg)
{
	flip(arg);
	return 0;
}

/* The same by a process that is no thread, and shares the open files. */
static void siblings(void)
{
	static char stack[65536];
	int pair[2];
	time_t end = time(NULL) + seconds;
	pid_t pid;

	socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
	fcntl(pair[0], F_SETFL, O_NONBLOCK);
	there[0] = pair[0];
	there[1] = socket(AF_INET, SOCK_DGRAM, 0);
	here = dup(pair[0]);
	pid = clone(shared, stack + sizeof(stack), CLONE_VM | CLONE_FILES | SIGCHLD, NULL);
	while (pid > 0 && time(NULL) < end)
		send_here();
	stop = 1;
	if (pid > 0)
		waitpid(pid, NULL, 0);
	printf("siblings done\n");
}

static void kinds(void)
{
	static const struct {
		const char *name;
		int domain, type, protocol;
	} all[] = {{"raw", AF_INET, SOCK_RAW, IPPROTO_UDP},
		   {"raw6", AF_INET6, SOCK_RAW, IPPROTO_UDP},
		   {"ping", AF_INET, SOCK_DGRAM, IPPROTO_ICMP},
		   {"ping6", AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6},
		   {"mptcp", AF_INET, SOCK_STREAM, 262},
		   {"smc", AF_INET, SOCK_STREAM, 256},
		   {"af-smc", 43, SOCK_STREAM, 0},
		   {"sctp", AF_INET, SOCK_STREAM, IPPROTO_SCTP},
		   {"sctp-seqpacket", AF_INET, SOCK_SEQPACKET, IPPROTO_SCTP},
		   {"dccp", AF_INET, 6, 33},
		   {"udplite", AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE},
		   {"l2tp", AF_INET, SOCK_DGRAM, 115},
		   {"packet", AF_PACKET, SOCK_RAW, 0},
		   {"packet-dgram", AF_PACKET, SOCK_DGRAM, 0},
		   {"vsock", AF_VSOCK, SOCK_STREAM, 0},
		   {"tipc", AF_TIPC, SOCK_STREAM, 0},
		   {"rds", AF_RDS, SOCK_SEQPACKET, 0},
		   {"kcm", AF_KCM, SOCK_DGRAM, 0},
		   {"xdp", AF_XDP, SOCK_RAW, 0},
		   {"bluetooth", AF_BLUETOOTH, SOCK_STREAM, 3},
		   {"unix-dgram", AF_UNIX, SOCK_DGRAM, 0},
		   {"usersock", AF_NETLINK, SOCK_RAW, NETLINK_USERSOCK}};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		say(all[i].name, socket(all[i].domain, all[i].type, all[i].protocol));
}

static void options(void)
{
	static const struct {
		const char *name;
		int domain, type, level, option, value;
	} all[] = {{"device", AF_INET, SOCK_STREAM, SOL_SOCKET, SO_BINDTODEVICE, 0},
		   {"ifindex", AF_INET, SOCK_STREAM, SOL_SOCKET, SO_BINDTOIFINDEX, 0},
		   {"fastopen-connect", AF_INET, SOCK_STREAM, IPPROTO_TCP, 30, 1},
		   {"zerocopy", AF_INET, SOCK_STREAM, SOL_SOCKET, SO_ZEROCOPY, 1},
		   {"ip-options", AF_INET, SOCK_DGRAM, IPPROTO_IP, IP_OPTIONS, 0x01010101},
		   {"transparent", AF_INET, SOCK_STREAM, IPPROTO_IP, IP_TRANSPARENT, 1},
		   {"unicast-if", AF_INET, SOCK_DGRAM, IPPROTO_IP, 50, 0x02000000},
		   {"unicast-if6", AF_INET6, SOCK_DGRAM, IPPROTO_IPV6, 76, 0x02000000},
		   {"routing-header", AF_INET6, SOCK_DGRAM, IPPROTO_IPV6, IPV6_RTHDR, 0},
		   {"join", AF_INET, SOCK_DGRAM, IPPROTO_IP, IP_ADD_MEMBERSHIP, 0}};
	int fd;

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		int value[4] = {all[i].value};

		fd = socket(all[i].domain, all[i].type, 0);
		say(all[i].name, setsockopt(fd, all[i].level, all[i].option, value, sizeof(value[0])));
		close(fd);
	}
	fd = socket(AF_INET, SOCK_STREAM, 0);
	say("fastopen", sendto(fd, "evil", 4, MSG_FASTOPEN, (void *)&closed, sizeof(closed)));
	fd = 1;
	setsockopt(socket(AF_INET, SOCK_STREAM, 0), IPPROTO_TCP, TCP_MAXSEG, &fd, sizeof(fd));
}

/* An inside of IPv6 that becomes one of IPv4. */
static void addrform(void)
{
	struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_port = closed.sin_port};
	int fd = socket(AF_INET6, SOCK_DGRAM, 0), to = AF_INET;
	struct sockaddr_in again = closed;

	inet_pton(AF_INET6, "::ffff:127.0.0.1", &at.sin6_addr);
	connect(fd, (void *)&at, sizeof(at));
	say("addrform", setsockopt(fd, IPPROTO_IPV6, IPV6_ADDRFORM, &to, sizeof(to)));
	say_bound("bound", fd);
	send(fd, "evil", 4, 0);
	sendto(fd, "evil", 4, 0, (void *)&closed, sizeof(closed));
	again.sin_family = AF_UNSPEC;
	sendto(fd, "evil", 4, 0, (void *)&again, sizeof(again));
	send_by(fd, interface, &outside);
}

static void other_calls(void)
{
#ifdef __x86_64__
	struct sockaddr_in *at =
		mmap((void *)0x10000000, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	uint32_t *args = (uint32_t *)(at + 4);
	long fd = i386(359, AF_INET, SOCK_STREAM, 0);

	*at = closed;
	say("socket-32", fd);
	say_bound("bound", (int)fd);
	say("connect-32", i386(362, fd, (long)at, sizeof(*at)));
	say("raw-32", i386(359, AF_INET, SOCK_RAW, 1));
	args[0] = AF_INET;
	args[1] = SOCK_STREAM;
	args[2] = 0;
	say("socketcall", i386(102, 1, (long)args, 0));
	say("x32-socket", syscall(0x40000000 + SYS_socket, AF_INET, SOCK_STREAM, 0));
	say("x32-connect", syscall(0x40000000 + SYS_connect, (int)fd, &closed, sizeof(closed)));
#endif
	say("io_uring", syscall(SYS_io_uring_setup, 4, NULL));
	say("io_uring", syscall(SYS_io_uring_enter, 4, 0, 0, 0, NULL, 0));
}

/* Lengths that are none, which the kernel's own answers are known for. */
static void lengths(void)
{
	static const int all[] = {0, 1, 2, 8, 15, 16, 28, 127, 128, 129, 65536, -1, -2147483647 - 1};
	struct sockaddr_in to = closed;
	char big[256] = {0};
	struct iovec parts[1025], part = {"evil", 4};
	struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1, .msg_name = big};

	memcpy(big, &to, sizeof(to));
	to.sin_port = htons(1); /* nobody is there */
	memcpy(big, &to, sizeof(to));
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		int s = socket(AF_INET, SOCK_STREAM, 0), d = socket(AF_INET, SOCK_DGRAM, 0),
		    u = socket(AF_UNIX, SOCK_STREAM, 0);

		printf("%d ", all[i]);
		say("connect", connect(s, (void *)big, (socklen_t)all[i]));
		say("bind", bind(s, (void *)big, (socklen_t)(all[i] == 16 || all[i] > 16 ? -1 : all[i])));
		if (all[i] < 16) {
			say("sendto", sendto(d, "evil", 4, 0, (void *)big, (socklen_t)all[i]));
			m.msg_namelen = (socklen_t)all[i];
			say("sendmsg", sendmsg(d, &m, 0));
		}
		say("unix", connect(u, (void *)big, (socklen_t)all[i]));
		close(s);
		close(d);
		close(u);
	}
	int d = socket(AF_INET, SOCK_DGRAM, 0);

	for (size_t i = 0; i < 1025; i++)
		parts[i] = (struct iovec){"evil", i < 4};
	m = (struct msghdr){.msg_iov = parts};
	m.msg_iovlen = 1025;
	say("parts", sendmsg(d, &m, 0));
	m.msg_iovlen = (size_t)-1;
	say("parts", sendmsg(d, &m, 0));
	parts[0].iov_len = (size_t)-1;
	m.msg_iovlen = 1;
	say("part", sendmsg(d, &m, 0));
	parts[0] = (struct iovec){(void *)16, 4};
	m.msg_name = big;
	m.msg_namelen = 16;
	say("nowhere", sendmsg(d, &m, 0));
	say("header", sendmsg(d, (void *)16, 0));
	say("address", connect(d, (void *)16, 16));
	say("mmsg", sendmmsg(d, (void *)16, 3, 0));
	say("none", sendmmsg(d, (void *)16, 0, 0));
	m = (struct msghdr){.msg_iov = &part, .msg_iovlen = 1, .msg_control = (void *)16, .msg_controllen = 16};
	say("control", sendmsg(d, &m, 0));
	say("no-file", connect(-1, (void *)&to, sizeof(to)));
	say("no-socket", connect(0, (void *)&to, sizeof(to)));
	say("no-file", bind(9999, (void *)&to, sizeof(to)));
	say("no-socket", bind(0, (void *)&to, sizeof(to)));
	say("no-file", sendto(9999, "", 0, 0, (void *)&to, sizeof(to)));
	say("no-socket", sendto(0, "", 0, 0, (void *)&to, sizeof(to)));
}

/* A process of the user's outside of the tree. @pid: of it */
static void process(int pid)
{
	char bytes[16], path[64];
	struct iovec mine = {bytes, sizeof(bytes)}, its = {&outside, sizeof(bytes)};
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	say("attach", ptrace(PTRACE_ATTACH, pid, 0, 0));
	say("seize", ptrace(PTRACE_SEIZE, pid, 0, 0));
	say("read", process_vm_readv(pid, &mine, 1, &its, 1, 0));
	say("write", process_vm_writev(pid, &mine, 1, &its, 1, 0));
	for (int n = 3; n < 8; n++)
		say("getfd", syscall(SYS_pidfd_getfd, fd, n, 0));
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	say("mem", open(path, O_RDWR));
	snprintf(path, sizeof(path), "/proc/%d/fd/3", pid);
	say("file", open(path, O_RDONLY));
	/* Where Landlock can say so (its version 6). */
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) >= 6) {
		say("signal", kill(pid, SIGCONT));
		say("signal", (int)syscall(SYS_pidfd_send_signal, fd, SIGCONT, NULL, 0));
	}
}

/* A route, as an administrator would make it. */
static void route(void)
{
	struct {
		struct nlmsghdr h;
		char body[64];
	} q = {.h = {.nlmsg_len = sizeof(struct nlmsghdr) + 12,
		     .nlmsg_type = 24,
		     .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE}};
	struct {
		struct nlmsghdr h;
		int err;
		char rest[64];
	} a;
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);

	q.body[0] = AF_INET;
	if (send(fd, &q, q.h.nlmsg_len, 0) < 0 || recv(fd, &a, sizeof(a), 0) < 0)
		say("route", -1);
	else {
		errno = -a.err;
		say("route", a.err);
	}
}

/* Sockets that come from outside: 0 is one, or a Unix socket that one comes by. */
static void foreign(int fd)
{
	const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
	struct sockaddr_in any = {.sin_family = AF_INET};
	int kind = 0;
	socklen_t len = sizeof(kind);

	getsockopt(fd, SOL_SOCKET, SO_TYPE, &kind, &len);
	say("connect", connect(fd, (void *)&closed, sizeof(closed)));
	connect(fd, &nobody, sizeof(nobody));
	bind(fd, (void *)&any, sizeof(any));
	say_bound("foreign", fd);
	if (kind == SOCK_STREAM)
		say("listen", listen(fd, 1));
}

int main(int argc, char **argv)
{
	if (argc < 5)
		return 2;
	outside = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(9)};
	inet_pton(AF_INET, argv[1], &outside.sin_addr);
	interface = atoi(argv[2]);
	closed = (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = htons(atoi(argv[3])), .sin_addr = {htonl(INADDR_LOOPBACK)}};
	signal(SIGPIPE, SIG_IGN);
	if (getenv("RACE_SECONDS"))
		seconds = atoi(getenv("RACE_SECONDS"));
	for (int i = 4; i < argc; i++) {
		static const struct {
			const char *name;
			void (*run)(void);
		} ways[] = {{"unspec", unspec},     {"info", info},         {"disconnect", disconnect},
			    {"binds", binds},       {"flight", flight},     {"races", races},
			    {"siblings", siblings}, {"kinds", kinds},       {"options", options},
			    {"addrform", addrform}, {"calls", other_calls}, {"lengths", lengths},
			    {"route", route},       {"listens", listens}};

		for (size_t w = 0; w < sizeof(ways) / sizeof(*ways); w++)
			if (!strcmp(argv[i], ways[w].name))
				ways[w].run();
		if (!strncmp(argv[i], "process=", 8))
			process(atoi(argv[i] + 8));
		if (!strcmp(argv[i], "foreign"))
			foreign(0);
	}
	return 0;
}
