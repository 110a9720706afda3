/* SPDX-License-Identifier: BSD-2-Clause */
/* What the kernel says of a Unix socket (man 7 sock_diag), whatever the path that it was bound to leads to by now. */
#ifndef SKEP_HOOK_UNIX_DIAG_H
#define SKEP_HOOK_UNIX_DIAG_H

#include <linux/unix_diag.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/un.h>

struct unix_facts {
	bool there, has_file;
	struct unix_diag_vfs file; /* that it is bound to; numbers as the kernel has them */
	size_t name_len; /* 0: it has no name */
	char name[sizeof(
		((struct sockaddr_un *)0)->sun_path)]; /* as in its address: an abstract one begins with a NUL */
};

/*
 * unix_diag_ask
 * @diag: a socket of NETLINK_SOCK_DIAG in the socket's network namespace; one thread at a time
 * @inode: the socket's
 * Return: is there such a socket? @f is all zero if not.
 */
bool unix_diag_ask(int diag, uint32_t inode, struct unix_facts *f);

#endif
