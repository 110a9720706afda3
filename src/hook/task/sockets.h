/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hooks that control groups have at socket calls: cgroup/connect4 and 6, bind4 and 6, sendmsg4 and 6, getpeername, getsockname (struct bpf_sock_addr), and
 * sock_create (struct bpf_sock). A program that says 0 denies the call (EPERM, or what bpf_set_retval() said); programs of struct
 * bpf_sock_addr may rewrite the address.
 *
 * Decided on what cannot change. connect and bind: the address is copied once, and the socket duplicated; programs see those, and the guard uses
 * the very same (hook/tree/guard.h). A datagram the guard copies itself, and asks before it sends that (hook/tree/guard_send.c). getpeername and getsockname are made here, on the duplicate, and their result written to the task. sock_create
 * looks at numbers alone; it is asked before the socket is there, so what a program writes into struct bpf_sock (mark, priority) is
 * refused when it is attached.
 *
 * As in the kernel (net/ipv4, net/ipv6) the socket's family chooses between 4 and 6, and a connect to AF_UNSPEC, which disconnects, asks nobody.
 */
#ifndef SKEP_HOOK_TASK_SOCKETS_H
#define SKEP_HOOK_TASK_SOCKETS_H

#include "bpf/hive.h"
#include "hook/task/event.h"
#include "hook/task/plan.h"

enum { SOCKETS_LINKS = 64 /* at one hook */ };

struct sockets;

int sockets_new(struct skep_hive *hive, struct sockets **out);
void sockets_free(struct sockets *s);

/* sockets_plan - add the calls that attached programs want to see; hive->lock is held. From sockets_close() on no other calls come. */
void sockets_plan(struct sockets *s, struct task_plan *plan);

/*
 * sockets_event - run the programs of a call that begins, in a read section of the worker. e->handed, e->verdict and e->answer say what came of it.
 * @nr:    of the call; of a 32-bit one, the number of the native call of its name
 * Return: how many programs ran.
 */
uint32_t sockets_event(struct sockets *s, struct skep_env *env, struct task_event *e, int nr);

/* sockets_asked - run the programs of a datagram that the guard is about to send (TASK_ASKED with e->way). Return: how many programs ran. */
uint32_t sockets_asked(struct sockets *s, struct skep_env *env, struct task_event *e);

/*
 * sockets_take - take what a connect(2) or bind(2) is about, once: the task's socket, duplicated, and its address. The guard uses these; what cannot be
 * had now is not had again, for then it could be another one: the verdict is the kernel's error for it.
 * Return: whether they are in e->handed.
 */
bool sockets_take(struct task_event *e);

/* sockets_attach_type - LINK_CREATE's, for a program; -1: it is for no hook here. */
int sockets_attach_type(uint32_t prog_type, uint32_t expected_attach_type);

#endif
