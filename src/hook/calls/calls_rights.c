/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * By whose rights a call is made. skep and the tree are one user's, and nobody in the tree can become another one (no new privileges): so there is nothing to be done.
 * But what root has started may have given up being root, in whole or in part. So root's threads here take on, for one deed, the caller's users, groups and
 * capabilities: the kernel judges by these then, and tells a peer so.
 */
#include "hook/calls/calls_inside.h"

#include "base/util.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

static int read_rights(struct job *j, struct rights *r)
{
	char text[8192], *at;

	r->n_groups = 0;
	if (!call_status(j, text, sizeof(text)))
		return -ESRCH;
	at = strstr(text, "\nCapEff:");
	r->caps = at ? strtoull(at + 8, NULL, 16) : 0;
	/* Real, effective, saved, and the one that counts for files. */
	at = strstr(text, "\nUid:");
	if (!at || sscanf(at + 5, "%*u %*u %*u %u", &r->uid) != 1)
		return -ESRCH;
	at = strstr(text, "\nGid:");
	if (!at || sscanf(at + 5, "%*u %*u %*u %u", &r->gid) != 1)
		return -ESRCH;
	at = strstr(text, "\nGroups:");
	for (at = at ? at + 8 : NULL; at && r->n_groups < CALLS_GROUPS;) {
		char *end;
		unsigned long group;

		at += strspn(at, " \t");
		group = *at == '\n' ? 0 : strtoul(at, &end, 10);
		if (*at == '\n' || end == at)
			break;
		r->groups[r->n_groups++] = (gid_t)group;
		at = end;
	}
	return call_waits(j);
}

static bool set_caps(uint64_t effective, bool all)
{
	struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct d[2];

	if (syscall(SYS_capget, &h, d))
		return false;
	for (int i = 0; i < 2; i++)
		d[i].effective = all ? d[i].permitted : d[i].permitted & (uint32_t)(effective >> 32 * i);
	return !syscall(SYS_capset, &h, d);
}

/* The system calls themselves: libc's would have all of skep's threads do it. */
int rights_take(struct job *j, struct rights *r)
{
	int err = 0;

	r->taken = false;
	if (geteuid())
		return 0;
	err = read_rights(j, r);
	if (err)
		return err;
	r->taken = true;
	r->n_own = (int)syscall(SYS_getgroups, CALLS_GROUPS, r->own);
	if (r->n_own < 0 || syscall(SYS_setgroups, r->n_groups, r->groups) || syscall(SYS_setresgid, -1, r->gid, -1) ||
	    syscall(SYS_setresuid, -1, r->uid, -1) || !set_caps(r->caps, false)) {
		/* In a container without the capabilities to be somebody else. */
		err = r->uid == 0 && r->gid == getgid() && set_caps(r->caps, false) ? 0 : -EPERM;
		if (err)
			rights_return(r);
	}
	return err;
}

void rights_return(const struct rights *r)
{
	if (!r->taken)
		return;
	syscall(SYS_setresuid, -1, 0, -1);
	set_caps(0, true);
	syscall(SYS_setresgid, -1, getgid(), -1);
	if (r->n_own >= 0)
		syscall(SYS_setgroups, r->n_own, r->own);
}
