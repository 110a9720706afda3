/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whose a socket of the tree is. The kernel is asked for the socket by its addresses (man 7 sock_diag), which gives its cookie, its
 * user and its inode; the process that has that inode open is looked for in the tree's /proc. The guard says who connected it (guard.h), so
 * that a look at that process is enough; only sockets that were never connected are searched for. Process ids are those of
 * the tree's namespace, as its own ps shows them.
 *
 * A ping socket (man 7 icmp) is found in /proc/PID/net, without its cookie: it gets one of its own, OWNER_PING and its inode.
 *
 * A thread of its own looks, and who asks waits for it: the network's thread asks, and may not look at files itself (confine.h).
 *
 * A socket that several processes have (inherited, passed on) belongs to the first one that is found. A process that is gone, or a
 * socket that is closed before it is looked at, is unknown.
 */
#ifndef SKEP_HOOK_TREE_OWNER_H
#define SKEP_HOOK_TREE_OWNER_H

#include "hook/tree/tree.h"

#include <netinet/in.h>
#include <stdatomic.h>

enum { TASK_COMM = 16, TASK_TEXT = 512 };

struct task {
	atomic_uint refs; /* task_get(), task_put() */
	uint32_t pid;
	uint64_t start; /* clock ticks since boot: with the pid, it names the process for good */
	char comm[TASK_COMM];
	char exe[TASK_TEXT]; /* the executable's path; "" when it could not be read */
	char cmdline[TASK_TEXT]; /* arguments with spaces between them, cut at the end */
	char folder
		[TASK_TEXT]; /* it works in, when that is another than skep's; seen from there if below it; "" else */
	struct task *parent; /* held; NULL: the command itself, or one whose parents are gone */
	struct task *next; /* the cache's */
};

/*
 * task_named - a process as it told of itself, whatever /proc still says.
 * @t: what else is known of it; NULL: nothing
 * @parent: who made it, where @t does not say; NULL
 * @args: its arguments, @n bytes with a NUL after each
 * Return: held; NULL: there is no memory.
 */
struct task *task_named(struct task *t, struct task *parent, uint32_t pid, const char *comm, const char *args,
			size_t n);

/* task_get, task_put - hold a task, and let it go; NULL is fine. From any thread. */
struct task *task_get(struct task *t);
void task_put(struct task *t);

struct owner {
	bool known; /* the socket; its process may still be unknown */
	uint64_t cookie;
	uint32_t uid, inode;
	struct task *task; /* held; NULL: unknown */
};

#define OWNER_PING (1ULL << 63) /* in cookies that the kernel did not give */

struct owners;

/* owners_new - @diag, @proc, @notes: as in struct tree; they stay the caller's and must outlive this. */
int owners_new(int diag, int proc, const struct guard_notes *notes, struct owners **out);
void owners_free(struct owners *o);

/* owners_below - a tree without a PID namespace: it is below this process, which is none of it. */
void owners_below(struct owners *o, uint32_t top);

/*
 * owners_find - the owner of the socket with these ends.
 * @proto: IPPROTO_TCP, IPPROTO_UDP, or IPPROTO_ICMP and IPPROTO_ICMPV6, whose port is the echo's identifier; of anything else nothing is
 *         known
 * @out:   its task is the caller's to put
 * @tree, @far: addresses, IPv4 as ::ffff:a.b.c.d, and ports in host byte order
 */
void owners_find(struct owners *o, uint8_t proto, const struct in6_addr *tree, uint16_t tree_port,
		 const struct in6_addr *far, uint16_t far_port, struct owner *out);

/* owners_task - a process of the tree and its ancestors, by its number there. Return: held; NULL: it is gone, is skep's own, or there is no memory. */
struct task *owners_task(struct owners *o, uint32_t pid);

/* owners_unsent - bytes that TCP sockets of the tree still have to send, or wait for an answer to. */
uint64_t owners_unsent(struct owners *o);

#endif
