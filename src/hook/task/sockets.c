/* SPDX-License-Identifier: BSD-2-Clause */
#include "hook/task/sockets.h"

#include "base/util.h"
#include "hook/links.h"
#include "hook/task/engine.h"
#include "hook/tree/guard.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#ifndef SO_COOKIE
#define SO_COOKIE 57
#endif

enum point {
	CONNECT4,
	CONNECT6,
	BIND4,
	BIND6,
	PEER4,
	PEER6,
	NAME4,
	NAME6,
	CREATE,
	SEND4,
	SEND6,
	POINTS,
};

static const struct {
	uint32_t attach_type, prog_type;
	int nr;
} points[POINTS] = {
	[CONNECT4] = {BPF_CGROUP_INET4_CONNECT, BPF_PROG_TYPE_CGROUP_SOCK_ADDR, SYS_connect},
	[CONNECT6] = {BPF_CGROUP_INET6_CONNECT, BPF_PROG_TYPE_CGROUP_SOCK_ADDR, SYS_connect},
	[BIND4] = {BPF_CGROUP_INET4_BIND, BPF_PROG_TYPE_CGROUP_SOCK_ADDR, SYS_bind},
	[BIND6] = {BPF_CGROUP_INET6_BIND, BPF_PROG_TYPE_CGROUP_SOCK_ADDR, SYS_bind},
	[PEER4] = {BPF_CGROUP_INET4_GETPEERNAME, BPF_PROG_TYPE_CGROUP_SOCK_ADDR, SYS_getpeername},
	[PEER6] = {BPF_CGROUP_INET6_GETPEERNAME, BPF_PROG_TYPE_CGROUP_SOCK_ADDR, SYS_getpeername},
	[NAME4] = {BPF_CGROUP_INET4_GETSOCKNAME, BPF_PROG_TYPE_CGROUP_SOCK_ADDR, SYS_getsockname},
	[NAME6] = {BPF_CGROUP_INET6_GETSOCKNAME, BPF_PROG_TYPE_CGROUP_SOCK_ADDR, SYS_getsockname},
	[CREATE] = {BPF_CGROUP_INET_SOCK_CREATE, BPF_PROG_TYPE_CGROUP_SOCK, SYS_socket},
	[SEND4] = {BPF_CGROUP_UDP4_SENDMSG, BPF_PROG_TYPE_CGROUP_SOCK_ADDR, SYS_sendto},
	[SEND6] = {BPF_CGROUP_UDP6_SENDMSG, BPF_PROG_TYPE_CGROUP_SOCK_ADDR, SYS_sendto},
};

/* The calls that bring datagrams. The guard makes them, and asks (hook/tree/guard_send.c). */
static const int16_t senders[] = {SYS_sendto, SYS_sendmsg, SYS_sendmmsg};

struct sockets {
	struct skep_hive *hive;
	struct hive_hook hooks[POINTS];
	_Atomic(struct links *) lists[POINTS];
	bool closed; /* under hive->lock, as the plan */
	struct task_plan plan;
};

/* A socket that is asked about, as programs see it. */
struct asked {
	struct bpf_sock sock;
	struct bpf_sock_addr addr;
	uint64_t cookie;
};

int sockets_attach_type(uint32_t prog_type, uint32_t expected_attach_type)
{
	for (int p = 0; p < POINTS; p++)
		if (points[p].prog_type == prog_type && points[p].attach_type == expected_attach_type)
			return (int)expected_attach_type;
	return -1;
}

static int attach(struct hive_hook *hook, struct hive_link *link, uint32_t target)
{
	struct sockets *s = hook->arg;
	enum point p = (enum point)(hook - s->hooks);
	const struct hive_prog *prog = atomic_load(&link->prog);

	if (prog->type != points[p].prog_type || prog->expected_attach_type != points[p].attach_type || link->flags)
		return -EINVAL;
	if (s->closed && (p == SEND4 || p == SEND6) && !(s->plan.calls[points[p].nr] & PLAN_MADE)) {
		hive_log(s->hive, SKEP_LOG_WARN,
			 "program '%s': this run makes no such calls for its tasks: start it with a program that "
			 "decides on them",
			 prog->name);
		return -EOPNOTSUPP;
	}
	/* connect and bind are the guard's, and come to skep only where the run began with somebody who wants them. */
	if (s->closed && !s->plan.calls[points[p].nr]) {
		hive_log(s->hive, SKEP_LOG_WARN,
			 "program '%s': this run does not see the call: start it with --reserve %s", prog->name,
			 calls_at(points[p].nr)->name);
		return -EOPNOTSUPP;
	}
	return links_change(s->hive, &s->lists[p], SOCKETS_LINKS, link, NULL);
}

static void detach(struct hive_hook *hook, struct hive_link *link)
{
	struct sockets *s = hook->arg;

	atomic_store(&link->detached, true);
	links_change(s->hive, &s->lists[hook - s->hooks], SOCKETS_LINKS, NULL, link);
}

int sockets_new(struct skep_hive *hive, struct sockets **out)
{
	struct sockets *s = calloc(1, sizeof(*s));
	int err = s ? 0 : -ENOMEM;

	if (err)
		return err;
	s->hive = hive;
	for (int p = 0; p < POINTS && !err; p++) {
		s->hooks[p] = (struct hive_hook){.attach_type = points[p].attach_type,
						 .link_type = BPF_LINK_TYPE_CGROUP,
						 .attach = attach,
						 .detach = detach,
						 .arg = s};
		err = hive_hook_add(hive, &s->hooks[p]);
	}
	if (err)
		sockets_free(s);
	else
		*out = s;
	return err;
}

void sockets_free(struct sockets *s)
{
	for (int p = 0; s && p < POINTS; p++)
		hive_hook_remove(s->hive, &s->hooks[p]);
	free(s);
}

void sockets_plan(struct sockets *s, struct task_plan *plan)
{
	for (int p = 0; p < SEND4; p++)
		if (links_at(&s->lists[p]))
			plan->calls[points[p].nr] |= PLAN_CALL;
	for (size_t i = 0; i < ARRAY_SIZE(senders); i++)
		if (links_at(&s->lists[SEND4]) || links_at(&s->lists[SEND6]))
			plan->calls[senders[i]] |= PLAN_MADE;
	s->plan = *plan;
	s->closed = true;
}

/* All programs of a hook, as kernel/bpf/cgroup.c runs them: bpf_prog_run_array_cg(). Return: 0, or the errno that the call ends with. */
static int32_t run_all(struct sockets *s, enum point p, struct skep_env *env, void *ctx, uint64_t cookie, uint32_t *ran)
{
	const struct links *l = links_at(&s->lists[p]);
	int32_t retval = 0;

	for (uint32_t i = 0; l && i < l->n; i++) {
		const struct hive_prog *prog = atomic_load(&l->links[i]->prog);
		uint64_t verdict;

		if (!links_live(l->links[i]))
			continue;
		env->prog_type = prog->type;
		env->prog_id = prog->o.id;
		env->fault = FAULT_NONE;
		memset(&env->attach, 0, sizeof(env->attach));
		env->attach.cookie = l->links[i]->cookie;
		env->attach.socket_cookie = cookie;
		env->attach.retval = retval;
		verdict = hive_prog_exec(prog, ctx, env);
		retval = env->attach.retval;
		/* A run that ended early has not said yes. */
		if ((!(verdict & 1) || env->fault) && retval >= 0)
			retval = -EPERM;
		++*ran;
	}
	return retval;
}

static uint32_t option(int sock, int name)
{
	int value = 0;
	socklen_t len = sizeof(value);

	return getsockopt(sock, SOL_SOCKET, name, &value, &len) ? 0 : (uint32_t)value;
}

/* What programs may know of the task's socket. Return: its domain; 0: it is no socket, or none of IP. */
static uint32_t look_at(int sock, struct asked *a)
{
	socklen_t len = sizeof(a->cookie);

	memset(a, 0, sizeof(*a));
	a->sock.family = option(sock, SO_DOMAIN);
	if (a->sock.family != AF_INET && a->sock.family != AF_INET6)
		return 0;
	a->sock.type = option(sock, SO_TYPE);
	a->sock.protocol = option(sock, SO_PROTOCOL);
	a->sock.mark = option(sock, SO_MARK);
	a->sock.priority = option(sock, SO_PRIORITY);
	if (getsockopt(sock, SOL_SOCKET, SO_COOKIE, &a->cookie, &len))
		a->cookie = 0;
	a->addr.family = a->sock.family;
	a->addr.type = a->sock.type;
	a->addr.protocol = a->sock.protocol;
	a->addr.sk = &a->sock;
	return a->sock.family;
}

/* An address into the context, and back after programs may have changed it. Both structs hold it in network byte order. */
static void put_address(struct bpf_sock_addr *ctx, const struct sockaddr_storage *from)
{
	struct sockaddr_in6 six;
	struct sockaddr_in four;

	memcpy(&four, from, sizeof(four));
	memcpy(&six, from, sizeof(six));
	ctx->user_family = from->ss_family;
	ctx->user_port = four.sin_port; /* at the same place in both */
	ctx->user_ip4 = four.sin_addr.s_addr;
	memcpy(ctx->user_ip6, &six.sin6_addr, sizeof(ctx->user_ip6));
}

static void take_address(const struct bpf_sock_addr *ctx, bool is6, struct sockaddr_storage *to)
{
	struct sockaddr_in6 six;
	struct sockaddr_in four;

	if (is6) {
		memcpy(&six, to, sizeof(six));
		six.sin6_port = (in_port_t)ctx->user_port;
		memcpy(&six.sin6_addr, ctx->user_ip6, sizeof(six.sin6_addr));
		memcpy(to, &six, sizeof(six));
	} else {
		memcpy(&four, to, sizeof(four));
		four.sin_port = (in_port_t)ctx->user_port;
		four.sin_addr.s_addr = ctx->user_ip4;
		memcpy(to, &four, sizeof(four));
	}
}

static bool read_task(const struct task_event *e, void *to, uint64_t from, size_t len)
{
	struct iovec here = {to, len}, there = {(void *)(uintptr_t)from, len}; /* NOLINT(performance-no-int-to-ptr) */

	return process_vm_readv(e->thread->tid, &here, 1, &there, 1, 0) == (ssize_t)len;
}

static bool write_task(const struct task_event *e, uint64_t to, const void *from, size_t len)
{
	struct iovec here = {(void *)from, len},
		     there = {(void *)(uintptr_t)to, len}; /* NOLINT(performance-no-int-to-ptr) */

	return process_vm_writev(e->thread->tid, &here, 1, &there, 1, 0) == (ssize_t)len;
}

static void deny(struct task_event *e, int32_t err)
{
	e->verdict = TASK_DENY;
	e->answer = err;
}

/* How much of an address a family has at least: below it the kernel refuses it, and asks nobody. */
static uint32_t shortest(bool is6)
{
	return is6 ? 24 /* SIN6_LEN_RFC2133 */ : sizeof(struct sockaddr_in);
}

bool sockets_take(struct task_event *e)
{
	struct task_handed *h = e->handed;
	uint32_t len = (uint32_t)e->args[2];
	int32_t err = 0;

	if (h->has_address)
		return true;
	if (h->sock < 0)
		h->sock = (int)syscall(SYS_pidfd_getfd, e->thread->pidfd, (int)e->args[0], 0);
	if (h->sock < 0)
		err = -errno;
	else if (len > sizeof(h->address))
		err = -EINVAL;
	memset(&h->address, 0, sizeof(h->address));
	if (!err && !read_task(e, &h->address, e->args[1], len))
		err = -EFAULT;
	if (err) {
		deny(e, err);
		return false;
	}
	h->has_address = e->looked = true;
	h->len = len;
	return true;
}

/* connect and bind. */
static void before_call(struct sockets *s, enum point four, struct skep_env *env, struct task_event *e, uint32_t *ran)
{
	struct task_handed *h = e->handed;
	struct asked a;
	bool is6;
	int32_t err;

	if ((!links_at(&s->lists[four]) && !links_at(&s->lists[four + 1])) || !sockets_take(e) || !look_at(h->sock, &a))
		return;
	/* UDP over IPv6 takes IPv4's addresses, and asks IPv4's programs then: net/ipv6/udp.c, udpv6_pre_connect(). */
	is6 = a.sock.family == AF_INET6 &&
	      !(four == CONNECT4 && a.sock.type == SOCK_DGRAM && h->address.any.ss_family == AF_INET);
	if (h->len < shortest(is6) || (four == CONNECT4 && h->address.any.ss_family == AF_UNSPEC))
		return;
	put_address(&a.addr, &h->address.any);
	err = run_all(s, is6 ? four + 1 : four, env, &a.addr, a.cookie, ran);
	if (err)
		deny(e, err);
	else
		take_address(&a.addr, is6, &h->address.any);
}

/* getpeername and getsockname: made here, on the duplicate, whatever socket it is, and written to the task. */
static void in_place_of_call(struct sockets *s, enum point four, struct skep_env *env, struct task_event *e,
			     uint32_t *ran)
{
	AUTO_CLOSE int sock = -1;
	struct sockaddr_storage name = {0};
	socklen_t len = sizeof(name), room;
	struct asked a;
	int32_t err = 0;
	bool is6;

	if (!links_at(&s->lists[four]) && !links_at(&s->lists[four + 1]))
		return;
	sock = (int)syscall(SYS_pidfd_getfd, e->thread->pidfd, (int)e->args[0], 0);
	if (sock < 0 || (four == PEER4 ? getpeername(sock, (struct sockaddr *)&name, &len)
				       : getsockname(sock, (struct sockaddr *)&name, &len)))
		err = -errno;
	else if (!read_task(e, &room, e->args[2], sizeof(room)))
		err = -EFAULT;
	else if ((int)room < 0)
		err = -EINVAL;
	if (!err && look_at(sock, &a)) {
		is6 = a.sock.family == AF_INET6;
		put_address(&a.addr, &name);
		err = run_all(s, is6 ? four + 1 : four, env, &a.addr, a.cookie, ran);
		take_address(&a.addr, is6, &name);
	}
	e->looked = true;
	if (!err && (!engine_stands(e) || !write_task(e, e->args[1], &name, MIN(room, len)) ||
		     !write_task(e, e->args[2], &len, sizeof(len))))
		err = -EFAULT;
	deny(e, err);
}

/* socket: numbers only. IP's sockets ask, of the kinds that there are (net/ipv4/af_inet.c). */
static void at_creation(struct sockets *s, struct skep_env *env, struct task_event *e, uint32_t *ran)
{
	uint32_t type = (uint32_t)e->args[1] & 0xf, protocol = (uint32_t)e->args[2];
	struct bpf_sock sock = {.family = (uint32_t)e->args[0], .type = type, .protocol = protocol};
	int32_t err;

	if (sock.family != AF_INET && sock.family != AF_INET6)
		return;
	if (!protocol)
		sock.protocol = type == SOCK_STREAM ? IPPROTO_TCP : type == SOCK_DGRAM ? IPPROTO_UDP : 0;
	err = run_all(s, CREATE, env, &sock, 0, ran);
	if (err)
		deny(e, err);
}

/* A datagram. What is set of its source the guard puts in. */
static void before_send(struct sockets *s, struct skep_env *env, struct task_event *e, uint32_t *ran)
{
	struct guard_way *w = e->way;
	struct asked a;
	int32_t err;

	if (!look_at(e->asked_fds[__builtin_ctz(GUARD_FILE)], &a)) {
		deny(e, -EPERM);
		return;
	}
	put_address(&a.addr, &w->to);
	a.addr.msg_src_ip4 = w->from[0];
	memcpy(a.addr.msg_src_ip6, w->from, sizeof(a.addr.msg_src_ip6));
	err = run_all(s, w->six ? SEND6 : SEND4, env, &a.addr, a.cookie, ran);
	if (err) {
		deny(e, err);
		return;
	}
	take_address(&a.addr, w->six, &w->to);
	if (w->six)
		memcpy(w->from, a.addr.msg_src_ip6, sizeof(w->from));
	else
		w->from[0] = a.addr.msg_src_ip4;
}

uint32_t sockets_asked(struct sockets *s, struct skep_env *env, struct task_event *e)
{
	uint32_t ran = 0;

	if (e->verdict == TASK_GO_ON && e->way)
		before_send(s, env, e, &ran);
	return ran;
}

uint32_t sockets_event(struct sockets *s, struct skep_env *env, struct task_event *e, int nr)
{
	uint32_t ran = 0;

	if (e->verdict != TASK_GO_ON)
		return 0;
	switch (nr) {
	case SYS_connect:
	case SYS_bind:
		before_call(s, nr == SYS_bind ? BIND4 : CONNECT4, env, e, &ran);
		break;
	case SYS_getpeername:
		in_place_of_call(s, PEER4, env, e, &ran);
		break;
	case SYS_getsockname:
		in_place_of_call(s, NAME4, env, e, &ran);
		break;
	case SYS_socket:
		at_creation(s, env, e, &ran);
		break;
	default:
		break;
	}
	return ran;
}
