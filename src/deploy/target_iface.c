/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interfaces of a network namespace. To ask for them the thread goes there and back; nothing else is done while it is away. By their own names only: to be asked
 * for a name that is none of them (ioctl_iface(2), SIOCGIFINDEX) would make the kernel look for a module of that name.
 */
#include "base/util.h"
#include "deploy/target_part.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

enum {
	LOOPBACK = 1, /* the index of a namespace's loopback: it is made with the namespace, before all others */
	LISTED = 256 /* bytes of a list of interfaces in a reason */
};

int target_enter(const struct target *p, int *before)
{
	AUTO_CLOSE int own = -1;

	*before = -1;
	if (p->netns < 0)
		return 0;
	own = open(TARGET_OWN_NETNS, O_RDONLY | O_CLOEXEC);
	if (own < 0 || setns(p->netns, CLONE_NEWNET))
		return -errno;
	*before = STEAL_FD(own);
	return 0;
}

int target_leave(int before)
{
	AUTO_CLOSE int own = before;

	return own >= 0 && setns(own, CLONE_NEWNET) ? -errno : 0;
}

/* The names, as far as they have room: "lo, eth0". @from: the lowest index that is named. */
static void list(const struct if_nameindex *all, unsigned int from, char out[LISTED])
{
	size_t n = 0;

	snprintf(out, LISTED, "none");
	for (; all->if_index; all++) {
		if (all->if_index < from)
			continue;
		if (n + IF_NAMESIZE + sizeof(", ...") > LISTED) {
			snprintf(out + n, LISTED - n, ", ...");
			return;
		}
		n += (size_t)snprintf(out + n, LISTED - n, "%s%s", n ? ", " : "", all->if_name);
	}
}

/* The interface that was named; with none the only one beside the loopback, where @guess allows that. */
static int choose(struct target *p, const struct if_nameindex *all, const char *name, bool guess, char *why)
{
	const struct if_nameindex *it = NULL;
	const char *where = p->netns < 0 ? "this machine" : p->netns_name;
	char there[LISTED];
	size_t n = 0;

	for (const struct if_nameindex *i = all; i->if_index; i++)
		if (name ? !strcmp(i->if_name, name) : i->if_index > LOOPBACK) {
			it = i;
			n++;
		}
	list(all, name ? LOOPBACK : LOOPBACK + 1, there);
	if (name && !n)
		return target_say(why, -ENODEV, "--iface %s: no such interface on %s (there: %s)", name, where, there);
	if (!n)
		return target_say(why, -ENODEV, "%s has no interface beside the loopback; --iface lo names that",
				  where);
	if (!name && (!guess || n > 1))
		return target_say(why, -EINVAL, "which interface of %s? Choose it with --iface (there: %s)", where,
				  there);
	p->ifindex = it->if_index;
	snprintf(p->ifname, sizeof(p->ifname), "%s", it->if_name);
	return 0;
}

int target_iface(struct target *p, const char *name, char *why)
{
	struct if_nameindex *all;
	int before, err, back;

	err = target_enter(p, &before);
	if (err) {
		errno = -err;
		return target_say(why, err, "the network namespace of %s cannot be entered: %m", p->netns_name);
	}
	all = if_nameindex();
	err = -errno;
	back = target_leave(before);
	if (back) {
		errno = -back;
		err = target_say(why, back, "this thread cannot go back from the network namespace of %s: %m",
				 p->netns_name);
	} else if (!all) {
		errno = -err;
		target_say(why, err, "the interfaces cannot be listed: %m");
	} else {
		err = choose(p, all, name, p->netns >= 0, why);
	}
	if (all)
		if_freenameindex(all);
	return err;
}
