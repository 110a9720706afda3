/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The socket calls of a tree without namespaces: skep makes them, so that nothing of the tree leaves this machine but through the relay (hook/net/relay.h), and with it
 * through the programs.
 *
 * What holds it together
 *
 *   socket(2)      IP's sockets are made here, of TCP and UDP only, and bound to the loopback device before the task gets them. So what they send by
 *                  themselves stays on this machine. The kernel takes that back in some cases, none of which a task can bring about by itself:
 *                    SO_BINDTODEVICE and SO_BINDTOIFINDEX        want CAP_NET_RAW, and the filter refuses them to root too
 *                    connect(2) to AF_UNSPEC, of datagrams       made here, and bound again (sock_stay())
 *                    bind(2) to an address of IPv6 with a scope  made here, with no scope but the loopback's
 *                    IP_PKTINFO in a message, which counts more than what the socket is bound to (IPv4)   sendmsg(2) is made here, without
 *   connect(2), bind(2), sendto(2), sendmsg(2), sendmmsg(2)   say where to. They are made here: with a copy of the socket, of the address, of the bytes and of the
 *                  files that go with them, and never let through to the kernel, which would read all of these again (calls_parked.c has the one exception). So no
 *                  socket of another program of this machine is reached either, of IP or of Unix (calls_unix.c), unless the policy or the command line opens it.
 *
 * The rest is so that the task sees what it would see without skep, and decides nothing:
 *
 *   getpeername(2), getsockname(2)   tell the host, not the relay
 *   recvfrom(2), recvmsg(2), recvmmsg(2)   of datagrams: so does their source
 *   getsockopt(SO_ERROR)   why a connect in progress has failed
 *
 * Everything else, send(2) and write(2) too, runs at native speed: it can go nowhere but to where the socket is connected, and that is skep.
 *
 * Addresses. The tree's own listeners are reached at the loopback's addresses, as ever. Any other port there is one of this machine's programs: in the
 * policy's words `host`, and in frames the gateway, as in trees with namespaces. The machine's name servers, at port 53, are the tree's resolver.
 *
 * Calls are made by threads of skep's own, one each, for as long as they take.
 */
#ifndef SKEP_HOOK_CALLS_CALLS_H
#define SKEP_HOOK_CALLS_CALLS_H

#include "hook/net/dns.h"
#include "hook/net/relay.h"
#include "hook/task/engine.h"
#include "hook/tree/tree.h"

enum { CALLS_WHY = 320 };

struct calls;

struct calls_opts {
	struct relay *relay;
	const struct tree *tree; /* made */
	const struct tree_files *files; /* what the tree may do with files. It must be there until calls_free() */
	const struct dns_opts *resolvers; /* the machine's own name servers */
	const char *const
		*sockets; /* Unix sockets of the outside that stay reachable: those that have these paths now */
	uint32_t n_sockets;
};

/*
 * calls_new - before the engine.
 * @why: what is missing on this machine, and what would help
 * Return: 0 with *out for calls_free(), or a negative errno.
 */
int calls_new(const struct calls_opts *opts, struct calls **out, char why[CALLS_WHY]);

/* calls_maker - for engine_opts. It is the calls' own, and good until calls_free(). */
const struct engine_maker *calls_maker(struct calls *c);

/* calls_plan - the calls that are to come to it. */
void calls_plan(const struct calls *c, struct task_plan *plan);

/* calls_stop - after engine_stop() and net_stop(): no call is being made any more. NULL is fine. */
void calls_stop(struct calls *c);
void calls_free(struct calls *c);

/* calls_check - does this machine have what it takes? As calls_new() says it. Return: 0 or a negative errno. */
int calls_check(char why[CALLS_WHY]);

#endif
