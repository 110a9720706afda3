/* SPDX-License-Identifier: BSD-2-Clause */
/* What is kept of the tree's sockets, by their inodes: the oldest go when there are too many. */
#include "hook/calls/calls_inside.h"

#include <stdlib.h>

/* With the lock held. */
static struct known *known_find(struct calls *c, uint32_t inode)
{
	struct known *k = c->known[inode % CALLS_BUCKETS];

	while (k && k->inode != inode)
		k = k->next;
	return k;
}

/* With the lock held. */
static void known_drop(struct calls *c, struct known *k)
{
	struct known **at = &c->known[k->inode % CALLS_BUCKETS];

	while (*at != k)
		at = &(*at)->next;
	*at = k->next;
	*(k->older ? &k->older->newer : &c->oldest) = k->newer;
	*(k->newer ? &k->newer->older : &c->newest) = k->older;
	c->n_known--;
	if (k->datagrams)
		atomic_fetch_sub(&c->n_datagrams, 1);
	relay_put(k->conn);
	free(k);
}

bool known_get(struct calls *c, uint32_t inode, struct known *out)
{
	const struct known *k;

	pthread_mutex_lock(&c->lock);
	k = known_find(c, inode);
	if (k) {
		*out = *k;
		relay_hold(out->conn);
	}
	pthread_mutex_unlock(&c->lock);
	return k != NULL;
}

void known_put(struct calls *c, uint32_t inode, const struct known *k)
{
	struct known *mine = malloc(sizeof(*mine)), *old;

	pthread_mutex_lock(&c->lock);
	old = known_find(c, inode);
	if (old)
		known_drop(c, old);
	if (mine) {
		*mine = *k;
		mine->inode = inode;
		relay_hold(mine->conn);
		mine->next = c->known[inode % CALLS_BUCKETS];
		c->known[inode % CALLS_BUCKETS] = mine;
		mine->newer = NULL;
		mine->older = c->newest;
		*(c->newest ? &c->newest->newer : &c->oldest) = mine;
		c->newest = mine;
		if (mine->datagrams)
			atomic_fetch_add(&c->n_datagrams, 1);
		if (++c->n_known > CALLS_KNOWN)
			known_drop(c, c->oldest);
	}
	pthread_mutex_unlock(&c->lock);
}

void known_forget(struct calls *c, uint32_t inode)
{
	struct known *k;

	pthread_mutex_lock(&c->lock);
	k = known_find(c, inode);
	if (k)
		known_drop(c, k);
	pthread_mutex_unlock(&c->lock);
}

void known_unheard(struct calls *c, uint32_t inode, bool unheard)
{
	struct known *k;

	pthread_mutex_lock(&c->lock);
	k = known_find(c, inode);
	if (k)
		k->unheard = unheard;
	pthread_mutex_unlock(&c->lock);
}

void known_told(struct calls *c, uint32_t inode)
{
	struct known *k;

	pthread_mutex_lock(&c->lock);
	k = known_find(c, inode);
	if (k) {
		relay_put(k->conn);
		k->conn = NULL;
		k->has_names = false;
	}
	pthread_mutex_unlock(&c->lock);
}

void known_free(struct calls *c)
{
	while (c->oldest)
		known_drop(c, c->oldest);
}
