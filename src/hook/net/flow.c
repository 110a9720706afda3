/* SPDX-License-Identifier: BSD-2-Clause */
/* A chained hash, and a list from the flow heard of last to the one longest silent. */
#include "hook/net/flow.h"

#include "base/util.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

enum { BUCKETS = 16384 };

struct flows {
	struct flow *buckets[BUCKETS];
	struct flow *newest, *oldest;
	uint32_t n;
	uint64_t seed, lost, seen;
	void (*ended)(void *arg, const struct flow *f);
	void *arg;
};

int flows_new(void (*ended)(void *arg, const struct flow *f), void *arg, struct flows **out)
{
	struct flows *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	/* So that nobody can choose ports that all fall into one bucket. */
	if (getrandom(&t->seed, sizeof(t->seed), GRND_NONBLOCK) != sizeof(t->seed))
		t->seed = (uintptr_t)t;
	t->ended = ended;
	t->arg = arg;
	*out = t;
	return 0;
}

static uint32_t bucket_of(const struct flows *t, const struct flow_key *k)
{
	const uint64_t prime = 0x9e3779b97f4a7c15;
	uint64_t h = t->seed, word;

	for (size_t i = 0; i < sizeof(*k); i += sizeof(word)) {
		word = 0;
		memcpy(&word, (const char *)k + i, MIN(sizeof(word), sizeof(*k) - i));
		h = (h ^ word) * prime;
		h ^= h >> 29;
	}
	return (uint32_t)(h >> 20) % BUCKETS;
}

static void unlist(struct flows *t, struct flow *f)
{
	*(f->newer ? &f->newer->older : &t->newest) = f->older;
	*(f->older ? &f->older->newer : &t->oldest) = f->newer;
}

static void list_newest(struct flows *t, struct flow *f)
{
	f->newer = NULL;
	f->older = t->newest;
	*(t->newest ? &t->newest->newer : &t->oldest) = f;
	t->newest = f;
}

static void end(struct flows *t, struct flow *f)
{
	struct flow **at = &t->buckets[bucket_of(t, &f->key)];

	while (*at != f)
		at = &(*at)->next;
	*at = f->next;
	unlist(t, f);
	t->n--;
	if (t->ended)
		t->ended(t->arg, f);
	task_put(f->owner.task);
	free(f);
}

void flows_free(struct flows *t)
{
	while (t && t->oldest)
		end(t, t->oldest);
	free(t);
}

static struct flow_key key_of(const struct ip_view *v, enum flow_dir dir)
{
	bool out = dir == FLOW_OUT;

	return (struct flow_key){.tree = out ? v->src : v->dst,
				 .far = out ? v->dst : v->src,
				 .tree_port = out ? v->sport : v->dport,
				 .far_port = out ? v->dport : v->sport,
				 .family = v->family,
				 .proto = v->proto};
}

static struct flow *find(struct flow *f, const struct flow_key *k)
{
	while (f && memcmp(&f->key, k, sizeof(*k)))
		f = f->next;
	return f;
}

bool flows_from_outside(const struct flows *t, const struct ip_view *v)
{
	struct flow_key k = key_of(v, FLOW_OUT);
	const struct flow *f = find(t->buckets[bucket_of(t, &k)], &k);

	return f && !f->from_tree;
}

static struct flow *begin(struct flows *t, const struct flow_key *k, enum flow_dir dir, uint64_t now)
{
	struct flow **bucket = &t->buckets[bucket_of(t, k)], *f;

	if (t->n >= FLOW_MAX)
		end(t, t->oldest);
	f = calloc(1, sizeof(*f));
	if (!f) {
		t->lost++;
		return NULL;
	}
	f->key = *k;
	f->from_tree = dir == FLOW_OUT;
	f->first_ns = f->last_ns = now;
	f->next = *bucket;
	*bucket = f;
	list_newest(t, f);
	t->n++;
	t->seen++;
	return f;
}

struct flow *flows_renew(struct flows *t, struct flow *f, enum flow_dir dir, uint64_t now)
{
	const struct flow_key k = f->key;

	end(t, f);
	return begin(t, &k, dir, now);
}

struct flow *flows_get(struct flows *t, const struct ip_view *v, enum flow_dir dir, uint64_t now, bool *fresh)
{
	struct flow_key k = key_of(v, dir);
	struct flow *f;

	*fresh = false;
	if (!v->family)
		return NULL;
	f = find(t->buckets[bucket_of(t, &k)], &k);
	if (!f) {
		f = begin(t, &k, dir, now);
		*fresh = f != NULL;
		return f;
	}
	unlist(t, f);
	list_newest(t, f);
	f->last_ns = now;
	return f;
}

uint64_t flows_lost(const struct flows *t)
{
	return t->lost;
}

uint64_t flows_seen(const struct flows *t)
{
	return t->seen;
}
