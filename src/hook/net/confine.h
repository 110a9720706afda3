/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The network's thread gives up what it does not need, before the first frame comes. It is the one that reads what strangers write: frames,
 * DNS, and all that libslirp makes of them. Whoever takes it over finds a thread that
 *
 *   seccomp    cannot execute or make anything, trace, mount, load programs into the kernel, kill, make other sockets than IP's, write
 *              files or map memory as code; everything that is not on a list is EPERM
 *   Landlock   can read no file but /etc/resolv.conf, which libslirp looks at (a seccomp filter cannot see names)
 *
 * It is in one process with skep's other threads, which are not confined, and whose memory it can write: this stops who can make calls, not
 * who can make skep's other threads do so. What the thread wants of /proc, another one looks up for it (owner.h).
 */
#ifndef SKEP_HOOK_NET_CONFINE_H
#define SKEP_HOOK_NET_CONFINE_H

#include <stdbool.h>

/*
 * confine_thread - confine the calling thread, for good, and no other.
 * Return: 0, or a negative errno when there is no seccomp. Landlock is left out where the kernel has none (confine_landlock()).
 */
int confine_thread(void);

/* confine_has_memory - enough for libseccomp to make a filter: it crashes without. */
bool confine_has_memory(void);

/* confine_landlock - the version of Landlock's interface that this kernel has; 0: none. */
int confine_landlock(void);

#endif
