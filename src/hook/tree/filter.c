/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The seccomp filters of a tree. Only numbers are looked at, which cannot change under them (man 2 seccomp).
 *
 *   what leads out   refused, by libseccomp's rules: the first filter
 *   what is seen     connect(2) and bind(2) go to the guard (guard.h), and what skep watches to skep: the second, a list of call numbers
 *
 * Of two filters the stricter answer holds, and refused is stricter than seen, by notification or by ptrace: so no list of calls to watch can open a way out. Calls that
 * both let through run as they would without filters: the kernel keeps a bitmap of them (Linux 5.11).
 */
#include "hook/tree/ways_out.h"

#include "base/util.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#ifndef IP_UNICAST_IF
#define IP_UNICAST_IF 50
#endif
#ifndef IPV6_UNICAST_IF
#define IPV6_UNICAST_IF 76
#endif
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5) /* Linux 5.19 */
#endif

/* Families that stay inside or go through the tree's interface. AF_ALG is the kernel's cryptography. */
static const int families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_ALG};

/* What a 64-bit argument holds of a 32-bit one; what stands above, the kernel does not look at. */
#define LOW32(n, value) SCMP_CMP(n, SCMP_CMP_MASKED_EQ, 0xffffffffu, (scmp_datum_t)(value))

static bool stays(int family)
{
	for (size_t i = 0; i < ARRAY_SIZE(families); i++)
		if (families[i] == family)
			return true;
	return false;
}

static int refuse_families(scmp_filter_ctx ctx, int call)
{
	int err = 0;

	for (int family = 0; family < AF_MAX && !err; family++)
		if (!stays(family))
			err = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EAFNOSUPPORT), call, 1, LOW32(0, family));
	/* Those of kernels to come, and any number with something above its low half. */
	return err ? err : seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EAFNOSUPPORT), call, 1, SCMP_A0(SCMP_CMP_GE, AF_MAX));
}

/*
 * A datagram socket could name another address with every message, in memory that a filter cannot look at: Unix ones are for pairs and paths
 * alike, so none are made. SOCK_RAW is another word for them (net/unix).
 */
static int refuse_datagrams(scmp_filter_ctx ctx, int call)
{
	static const int types[] = {SOCK_DGRAM, SOCK_RAW};
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(types) && !err; i++)
		err = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPROTONOSUPPORT), call, 2, LOW32(0, AF_UNIX),
				       SCMP_CMP(1, SCMP_CMP_MASKED_EQ, 0xf, (scmp_datum_t)types[i]));
	return err;
}

/* Return: 0 or a negative errno. */
static int load(const struct sock_filter *insns, size_t n, unsigned int flags, int *listener)
{
	struct sock_fprog prog = {.len = (unsigned short)n, .filter = (struct sock_filter *)insns};
	long got = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog);

	if (got < 0)
		return -errno;
	if (listener)
		*listener = (int)got;
	return 0;
}

/* libseccomp's own way of loading hides the kernel's answer, which is wanted: so it writes the filter, and this loads it. */
static int load_rules(scmp_filter_ctx ctx)
{
	AUTO_CLOSE int fd = memfd_create("skep-filter", MFD_CLOEXEC);
	int err = fd < 0 ? -errno : seccomp_export_bpf(ctx, fd);
	off_t size = err ? 0 : lseek(fd, 0, SEEK_END);
	AUTO_FREE struct sock_filter *insns = err ? NULL : malloc((size_t)MAX(size, (off_t)1));

	if (err)
		return err;
	if (!insns)
		return -ENOMEM;
	if (pread(fd, insns, (size_t)size, 0) != size)
		return -EIO;
	return load(insns, (size_t)size / sizeof(*insns), 0, NULL);
}

/* Does skep want to see every socket that comes to be, and listens? */
static bool parks(const struct task_plan *plan)
{
	return plan->calls[SYS_listen] & PLAN_SOCKET;
}

/*
 * Children that are not to be. clone3(2) has its flags in memory; the C libraries do without it.
 *
 *   with a tracer            what is made with CLONE_UNTRACED would escape it
 *   where sockets are parked only threads may share open files (hook/calls/calls_parked.c): so who has no other thread has nobody who could put another
 *                            file under a number
 */
static int refuse_children(scmp_filter_ctx ctx, const struct tree_watch *w)
{
	bool alone = w->bare && parks(&w->plan);
	int err = w->traced || alone ? seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) : 0;

	if (!err && w->traced)
		err = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
				       SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_UNTRACED, CLONE_UNTRACED));
	if (!err && alone)
		err = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
				       SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_FILES | CLONE_THREAD, CLONE_FILES));
	return err;
}

/*
 * Where calls come by ptrace: of a notification and a stop of ptrace the first is the stricter answer, so who had a listener of its own in the tree would have its calls before
 * skep, and could let them go on. Where calls come by notification there is one already, and the kernel says the same.
 */
static int refuse_listeners(scmp_filter_ctx ctx)
{
	return seccomp_rule_add(
		ctx, SCMP_ACT_ERRNO(EBUSY), SCMP_SYS(seccomp), 1,
		SCMP_A1(SCMP_CMP_MASKED_EQ, SECCOMP_FILTER_FLAG_NEW_LISTENER, SECCOMP_FILTER_FLAG_NEW_LISTENER));
}

/* Programs decide about opens: a file that is opened by its handle has no path to decide on. */
static int refuse_handles(scmp_filter_ctx ctx)
{
	return seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(open_by_handle_at), 0);
}

/*
 * In a tree without namespaces: what a network namespace would keep to itself. Sockets are bound to the loopback device (hook/calls/calls.h), and stay so;
 * groups of hosts are joined on the machine's own interfaces; a connect that TCP puts off until the first byte cannot be made by skep. Messages between
 * programs by netlink are the machine's. And no process hides from skep, which could not make its calls then.
 */
static int refuse_bare(scmp_filter_ctx ctx)
{
	static const struct {
		int level, option, err;
	} options[] = {{SOL_SOCKET, SO_BINDTODEVICE, EPERM},
		       {SOL_SOCKET, 62 /* SO_BINDTOIFINDEX */, EPERM},
		       {SOL_SOCKET, SO_ZEROCOPY, EOPNOTSUPP}, /* skep's copy of the bytes does not last */
		       {IPPROTO_IP, IP_OPTIONS, EPERM},
		       {IPPROTO_IP, IP_TRANSPARENT, EPERM},
		       {IPPROTO_IP, IP_UNICAST_IF, EPERM},
		       {IPPROTO_IPV6, IPV6_RTHDR, EPERM},
		       {IPPROTO_IPV6, IPV6_2292PKTOPTIONS, EPERM},
		       {IPPROTO_IPV6, IPV6_TRANSPARENT, EPERM},
		       {IPPROTO_IPV6, IPV6_UNICAST_IF, EPERM},
		       {IPPROTO_TCP, TCP_FASTOPEN_CONNECT, EOPNOTSUPP},
		       {IPPROTO_TCP, TCP_MAXSEG, 0}, /* it is the mark, and stays: nobody is told (hook/net/relay.h) */
		       {IPPROTO_IP, IP_ADD_MEMBERSHIP, EPERM},
		       {IPPROTO_IP, IP_ADD_SOURCE_MEMBERSHIP, EPERM},
		       {IPPROTO_IP, MCAST_JOIN_GROUP, EPERM},
		       {IPPROTO_IP, MCAST_JOIN_SOURCE_GROUP, EPERM},
		       {IPPROTO_IPV6, IPV6_JOIN_GROUP, EPERM},
		       {IPPROTO_IPV6, IPV6_JOIN_ANYCAST, EPERM},
		       {IPPROTO_IPV6, MCAST_JOIN_GROUP, EPERM},
		       {IPPROTO_IPV6, MCAST_JOIN_SOURCE_GROUP, EPERM}};
	/* A connect of TCP's, with an address in the message. */
	int err = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1, LOW32(0, AF_PACKET));

	if (!err)
		err = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPROTONOSUPPORT), SCMP_SYS(socket), 2, LOW32(0, AF_NETLINK),
				       LOW32(2, NETLINK_USERSOCK));
	for (size_t i = 0; i < ARRAY_SIZE(options) && !err; i++)
		err = seccomp_rule_add(ctx, SCMP_ACT_ERRNO((uint32_t)options[i].err), SCMP_SYS(setsockopt), 2,
				       LOW32(1, options[i].level), LOW32(2, options[i].option));
	return err ? err
		   : seccomp_rule_add(ctx, SCMP_ACT_ERRNO(0), SCMP_SYS(prctl), 2, LOW32(0, PR_SET_DUMPABLE),
				      LOW32(1, 0));
}

/* A connection that is made by a message (man 7 tcp): those who decide on connect(2) would not hear of it. */
static int refuse_fast_open(scmp_filter_ctx ctx)
{
	static const struct {
		int call;
		unsigned int flags; /* which argument */
	} senders[] = {{SCMP_SYS(sendto), 3}, {SCMP_SYS(sendmsg), 2}, {SCMP_SYS(sendmmsg), 3}};
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(senders) && !err; i++)
		err = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EOPNOTSUPP), senders[i].call, 1,
				       SCMP_CMP(senders[i].flags, SCMP_CMP_MASKED_EQ, MSG_FASTOPEN, MSG_FASTOPEN));
	return err;
}

static int refuse(const struct tree_watch *w)
{
	static const int gone[] = {SCMP_SYS(io_uring_setup), SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register),
				   SCMP_SYS(socketcall), /* a key may be asked for outside: by DNS, for one */
				   SCMP_SYS(request_key), SCMP_SYS(add_key), SCMP_SYS(keyctl),
				   /* opens a file for 32-bit programs of the nineties */
				   SCMP_SYS(uselib)};
	static const uint32_t typing[] = {TIOCSTI, TIOCLINUX};
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	int err = ctx ? 0 : -ENOMEM;

#ifdef __x86_64__
	/* 32-bit programs by the same rules; their socketcall(2) hides its arguments in memory, and has had a successor since Linux 4.3. */
	if (!err)
		err = seccomp_arch_add(ctx, SCMP_ARCH_X86);
#endif
	if (!err)
		err = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));
	if (!err)
		err = refuse_families(ctx, SCMP_SYS(socket));
	if (!err)
		err = refuse_families(ctx, SCMP_SYS(socketpair));
	if (!err)
		err = refuse_datagrams(ctx, SCMP_SYS(socket));
	if (!err)
		err = refuse_datagrams(ctx, SCMP_SYS(socketpair));
	for (size_t i = 0; i < ARRAY_SIZE(gone) && !err; i++)
		err = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), gone[i], 0);
	for (size_t i = 0; i < ARRAY_SIZE(typing) && !err; i++)
		err = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1, LOW32(1, typing[i]));
	if (!err)
		err = refuse_children(ctx, w);
	if (!err && w->by_trace)
		err = refuse_listeners(ctx);
	if (!err && w->plan.calls[SYS_openat] & PLAN_MADE)
		err = refuse_handles(ctx);
	if (!err && (w->bare || w->plan.calls[SYS_connect]))
		err = refuse_fast_open(ctx);
	if (!err && w->bare)
		err = refuse_bare(ctx);
	err = err ? err : load_rules(ctx);
	if (ctx)
		seccomp_release(ctx);
	return err;
}

/* What happens to a call. Those of the guard are seen always: it makes them. */
static uint32_t action(const struct tree_watch *w, int nr)
{
	const uint32_t seen = w->by_trace ? SECCOMP_RET_TRACE : SECCOMP_RET_USER_NOTIF;
	const struct task_plan *plan = &w->plan;

	if (nr == SYS_connect || nr == SYS_bind || plan->calls[nr] & (PLAN_MADE | PLAN_SOCKET))
		return seen;
	if (plan->calls[nr] & PLAN_RETURN)
		return SECCOMP_RET_TRACE;
	return plan->calls[nr] ? seen : SECCOMP_RET_ALLOW;
}

#ifdef __x86_64__
enum { FIRST_COMMON = 424 }; /* calls from here on have the same number everywhere */

/*
 * Calls that 32-bit programs make by socketcall(2) or ipc(2), too, for which libseccomp has numbers of its own making: those of the direct ones
 * (arch/x86/entry/syscalls/syscall_32.tbl).
 */
static const struct {
	int16_t nr, nr_32;
} direct[] = {{SYS_socket, 359},      {SYS_socketpair, 360},  {SYS_bind, 361},       {SYS_connect, 362},
	      {SYS_listen, 363},      {SYS_accept4, 364},     {SYS_getsockopt, 365}, {SYS_setsockopt, 366},
	      {SYS_getsockname, 367}, {SYS_getpeername, 368}, {SYS_sendto, 369},     {SYS_sendmsg, 370},
	      {SYS_recvfrom, 371},    {SYS_recvmsg, 372},     {SYS_shutdown, 373},   {SYS_semget, 393},
	      {SYS_semctl, 394},      {SYS_shmget, 395},      {SYS_shmctl, 396},     {SYS_shmat, 397},
	      {SYS_shmdt, 398},       {SYS_msgget, 399},      {SYS_msgsnd, 400},     {SYS_msgrcv, 401},
	      {SYS_msgctl, 402},      {SYS_recvmmsg, 337},    {SYS_sendmmsg, 345}};

/* The number of a 32-bit program's call. Return: a negative number: it has none. */
static int number_32(int nr)
{
	char *name;
	int other;

	if (nr >= FIRST_COMMON)
		return nr;
	for (size_t i = 0; i < ARRAY_SIZE(direct); i++)
		if (direct[i].nr == nr)
			return direct[i].nr_32;
	name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86_64, nr);
	other = name ? seccomp_syscall_resolve_name_arch(SCMP_ARCH_X86, name) : -1;
	free(name);
	return other;
}
#endif

/*
 * Calls that skep makes (PLAN_SOCKET), or the guard (PLAN_MADE), but only where an argument says so: of the others what it says is a number.
 *
 *   socket(2)              of IP; all of them, where sockets are parked (hook/calls/calls_parked.c)
 *   sendto(2), recvfrom(2) with an address: it is not 0, of which 64-bit programs have two halves
 *   getsockopt(2)          for SO_ERROR
 */
enum if_kind { IF_ALWAYS, IF_IP, IF_ADDRESS, IF_ERROR };

static enum if_kind seen_if(const struct task_plan *plan, int nr)
{
	if (plan->calls[nr] != PLAN_SOCKET && plan->calls[nr] != PLAN_MADE)
		return IF_ALWAYS;
	return nr == SYS_socket && parks(plan)          ? IF_ALWAYS
	       : nr == SYS_socket                       ? IF_IP
	       : nr == SYS_sendto || nr == SYS_recvfrom ? IF_ADDRESS
	       : nr == SYS_getsockopt                   ? IF_ERROR
							: IF_ALWAYS;
}

enum { LOAD_ARG = BPF_LD | BPF_W | BPF_ABS, IS = BPF_JMP | BPF_JEQ | BPF_K, END = BPF_RET | BPF_K };

/* "Is it this call? then so", for one of them. @nr: the number in this kind of program */
static struct sock_filter *seen_one(struct sock_filter *at, uint32_t nr, enum if_kind kind, uint32_t then)
{
	const uint32_t args = offsetof(struct seccomp_data, args), size = sizeof(uint64_t);
	const struct sock_filter always[] = {BPF_STMT(END, then)},
				 ip[] = {BPF_STMT(LOAD_ARG, args), BPF_JUMP(IS, AF_INET, 2, 0),
					 BPF_JUMP(IS, AF_INET6, 1, 0), BPF_STMT(END, SECCOMP_RET_ALLOW),
					 BPF_STMT(END, then)},
				 address[] = {BPF_STMT(LOAD_ARG, args + 4 * size),
					      BPF_JUMP(IS, 0, 0, 3),
					      BPF_STMT(LOAD_ARG, args + 4 * size + sizeof(uint32_t)),
					      BPF_JUMP(IS, 0, 0, 1),
					      BPF_STMT(END, SECCOMP_RET_ALLOW),
					      BPF_STMT(END, then)},
				 error[] = {BPF_STMT(LOAD_ARG, args + size),     BPF_JUMP(IS, SOL_SOCKET, 0, 2),
					    BPF_STMT(LOAD_ARG, args + 2 * size), BPF_JUMP(IS, SO_ERROR, 1, 0),
					    BPF_STMT(END, SECCOMP_RET_ALLOW),    BPF_STMT(END, then)};
	static const size_t sizes[] = {[IF_ALWAYS] = ARRAY_SIZE(always),
				       [IF_IP] = ARRAY_SIZE(ip),
				       [IF_ADDRESS] = ARRAY_SIZE(address),
				       [IF_ERROR] = ARRAY_SIZE(error)};
	const struct sock_filter *const bodies[] = {
		[IF_ALWAYS] = always, [IF_IP] = ip, [IF_ADDRESS] = address, [IF_ERROR] = error};

	*at++ = (struct sock_filter)BPF_JUMP(IS, nr, 0, (uint8_t)sizes[kind]);
	memcpy(at, bodies[kind], sizes[kind] * sizeof(*at));
	return at + sizes[kind];
}

enum { SEEN_MAX = 2 * 2 * CALLS_MAX + 64, I386_TRUNCATE64 = 193 };

/* What is to be seen, as a program: "is it this call? then so." Return: instructions. */
static size_t list_seen(const struct tree_watch *w, struct sock_filter *to)
{
	const struct task_plan *plan = &w->plan;
	struct sock_filter *at = to;

	*at++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
#ifdef __x86_64__
	/* A far jump when it is none of 64 bits: the list may be long. */
	*at++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
	struct sock_filter *far = at++;
#endif
	*at++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (int nr = 0; nr < CALLS_MAX; nr++) {
		if (action(w, nr) == SECCOMP_RET_ALLOW)
			continue;
		at = seen_one(at, (uint32_t)nr, seen_if(plan, nr), action(w, nr));
	}
	*at++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
#ifdef __x86_64__
	*far = (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, (uint32_t)(at - far - 1));
	*at++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (int nr = 0; nr < CALLS_MAX; nr++) {
		int other = action(w, nr) == SECCOMP_RET_ALLOW ? -1 : number_32(nr);

		if (other < 0)
			continue;
		at = seen_one(at, (uint32_t)other, seen_if(plan, nr), action(w, nr));
	}
	/* truncate(2) has two there. */
	*at++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, I386_TRUNCATE64, 0, 1);
	*at++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action(w, SYS_truncate));
	*at++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
#endif
	return (size_t)(at - to);
}

int ways_out_refuse(const struct tree_watch *w)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	return refuse(w);
}

bool ways_out_deaf(void)
{
	/* The flags are judged before the filter, which is none. */
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		       SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, NULL) < 0 &&
	       errno == EFAULT;
}

int ways_out_see(const struct tree_watch *w, int *listener)
{
	AUTO_FREE struct sock_filter *seen = calloc(SEEN_MAX, sizeof(*seen));
	size_t n = seen ? list_seen(w, seen) : 0;
	const unsigned int flags = SECCOMP_FILTER_FLAG_NEW_LISTENER;
	int err = -EINVAL;

	if (!seen)
		return -ENOMEM;
	if (w->by_trace)
		return load(seen, n, 0, NULL);
	/* No call shall fail because skep looks at it: only what kills interrupts (before Linux 5.19 every signal does). */
	if (w->to_skep)
		err = load(seen, n, flags | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, listener);
	if (err == -EINVAL)
		err = load(seen, n, flags, listener);
	/* A process can have one listener: in a tree within a tree it is the outer one's guard that goes on guarding both. */
	return err == -EBUSY && !w->to_skep && !w->traced ? 0 : err;
}
