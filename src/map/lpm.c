/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * LPM_TRIE: the longest prefix that a key begins with.
 *
 * Theory of operation
 *
 * A plain trie costs a cache miss a level, and a filled one is as deep as the logarithm of its entries before it begins to
 * tell them apart. So the first bits are looked up in a table instead. With K bits (2^K reaches max_entries; 16 at most):
 *
 *     exact    2^(K+1) links: the entry of each prefix of up to K bits, at (1 << length) + its bits
 *     jump     2^K slots, by a key's first K bits: "best", the longest prefix of up to K bits that covers the slot,
 *              and "root", a trie of the longer prefixes that begin with these bits
 *     nodes    max_entries entries: prefix, children, value
 *     forks    max_entries inner nodes without a value, where two subtrees part
 *
 * A lookup reads one slot and then walks a path-compressed binary trie, which for spread-out prefixes is a node or
 * two deep. Short prefixes are rare and costly to change (a /0 writes every slot), long ones cheap.
 *
 * A link is 0 for none, 1 to n for a node, n + 1 to 2n for a fork. A fork always has two children, so there are fewer forks
 * than nodes. Writers hold the map's lock. Each change of a trie is one store of a link, with what it
 * leads to prepared before.
 *
 * Readers compare the whole prefix at each step, count their steps, and read the map's generation before and after: it changes
 * between taking a node out and giving it to somebody else, so a walk that strayed through a recycled node is noticed and
 * done again. Users' copies are guarded by the node's sequence word, as in hash.h. Updating a present prefix writes in place.
 *
 * As the kernel does, a node keeps all bytes of its key, also those behind the prefix, and gives them back in iteration; the
 * order of iteration is that of the nodes.
 */
#include "map/copy.h"
#include "map/lock.h"

#include <errno.h>

enum {
	DATA_MAX = 256,
	NODE_OVERHEAD = 24, /* the kernel's struct lpm_trie_node, which is part of the limit on values */
	TABLE_BITS_MAX = 16,
	WALK_TRIES = 64, /* walks of a trie that keeps changing */
};
enum { SEQ_WRITING = 1, SEQ_LIVE = 2, SEQ_STEP = 4 };

struct lpm_node {
	_Atomic uint32_t seq; /* nodes only */
	_Atomic uint32_t len; /* of the prefix in bits */
	_Atomic uint32_t child[2];
	uint8_t data[];
};

struct lpm_slot {
	_Atomic uint32_t best, root;
};

struct lpm {
	_Atomic uint32_t *exact;
	struct lpm_slot *jump;
	uint8_t *nodes, *forks;
	uint32_t n, node_size, fork_size, value_off;
	uint32_t bits, max_len, data_size;
};

static const struct lpm *lpm_of(const struct skep_map *map)
{
	return map->priv;
}

/* Sizes. */

static int lpm_check(const struct map_attr *attr)
{
	if (!attr->max_entries || !(attr->flags & BPF_F_NO_PREALLOC) ||
	    (attr->flags & ~(uint32_t)(BPF_F_NO_PREALLOC | BPF_F_NUMA_NODE | MAP_ACCESS_FLAGS)) ||
	    !map_access_flags_ok(attr->flags) || attr->key_size < 5 || attr->key_size > 4 + DATA_MAX ||
	    !attr->value_size || attr->value_size > MAP_KMALLOC_MAX - DATA_MAX - NODE_OVERHEAD)
		return -EINVAL;
	return 0;
}

static uint32_t table_bits(uint32_t max_entries, uint32_t max_len)
{
	uint32_t bits = 1;

	while (bits < MIN(TABLE_BITS_MAX, max_len) && 1u << bits < max_entries)
		bits++;
	return bits;
}

static void lpm_layout(const struct map_attr *attr, struct map_layout *l)
{
	uint32_t data_size = attr->key_size - 4, bits = table_bits(attr->max_entries, data_size * 8);
	uint64_t fork_size = sizeof(struct lpm_node) + ALIGN_UP(data_size, 8);

	if (attr->max_entries > INT32_MAX) {
		l->overflow = true; /* no link could name them all */
		return;
	}
	l->off[0] = map_layout_add(l, 1ull << bits, sizeof(struct lpm_slot), 64);
	l->off[1] = map_layout_add(l, 2ull << bits, 4, 64);
	l->off[2] = map_layout_add(l, attr->max_entries, fork_size + ALIGN_UP((uint64_t)attr->value_size, 8), 64);
	l->off[3] = map_layout_add(l, attr->max_entries, fork_size, 64);
}

static int lpm_init(struct skep_map *map, const struct map_layout *l)
{
	uint32_t data_size = map->key_size - 4, fork_size = (uint32_t)sizeof(struct lpm_node) + ALIGN_UP(data_size, 8);
	struct lpm *t = malloc(sizeof(*t));

	if (!t)
		return -ENOMEM;
	*t = (struct lpm){
		.jump = (struct lpm_slot *)(map->mem + l->off[0]),
		.exact = (_Atomic uint32_t *)(map->mem + l->off[1]),
		.nodes = map->mem + l->off[2],
		.forks = map->mem + l->off[3],
		.n = map->max_entries,
		.node_size = fork_size + map->elem_size,
		.fork_size = fork_size,
		.value_off = fork_size,
		.bits = table_bits(map->max_entries, data_size * 8),
		.max_len = data_size * 8,
		.data_size = data_size,
	};
	map->priv = t;
	return 0;
}

static void lpm_fini(struct skep_map *map)
{
	free(map->priv);
}

/* Links, nodes and bits. */

static uint32_t get(const _Atomic uint32_t *at)
{
	return atomic_load_explicit(at, memory_order_acquire);
}

static void set(_Atomic uint32_t *at, uint32_t value)
{
	atomic_store_explicit(at, value, memory_order_release);
}

static bool is_node(const struct lpm *t, uint32_t link)
{
	return link - 1 < t->n;
}

/* at_link - what a link names; NULL for 0 and for what is no link. */
static inline struct lpm_node *at_link(const struct lpm *t, uint32_t link)
{
	if (likely(link - 1 < t->n))
		return (struct lpm_node *)(t->nodes + (uint64_t)(link - 1) * t->node_size);
	if (link && link - 1 - t->n < t->n)
		return (struct lpm_node *)(t->forks + (uint64_t)(link - 1 - t->n) * t->fork_size);
	return NULL;
}

static void *node_value(const struct lpm *t, struct lpm_node *node)
{
	return (uint8_t *)node + t->value_off;
}

static inline uint32_t bit_at(const uint8_t *data, uint32_t bit)
{
	return data[bit / 8] >> (7 - bit % 8) & 1;
}

/* first_bits - the first @bits (16 at most) of @data as a number. */
static inline uint32_t first_bits(const struct lpm *t, const uint8_t *data, uint32_t bits)
{
	uint32_t word = (uint32_t)data[0] << 8 | (t->data_size > 1 ? data[1] : 0);

	return word >> (16 - bits);
}

static inline uint64_t be64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, 8);
	return __builtin_bswap64(v);
}

static inline uint32_t be32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return __builtin_bswap32(v);
}

/* common_bits - how many bits two keys share from the start, @limit at most. */
static inline uint32_t common_bits(const uint8_t *a, const uint8_t *b, uint32_t size, uint32_t limit)
{
	uint32_t i = 0, bits;

	for (; i + 8 <= size && i * 8 < limit; i += 8) {
		uint64_t diff = be64(a + i) ^ be64(b + i);

		if (diff) {
			bits = i * 8 + (uint32_t)__builtin_clzll(diff);
			return MIN(bits, limit);
		}
	}
	for (; i < size && i * 8 < limit; i++) {
		uint32_t diff = a[i] ^ b[i];

		if (diff) {
			bits = i * 8 + (uint32_t)__builtin_clz(diff) - 24;
			return MIN(bits, limit);
		}
	}
	return limit;
}

/*
 * shares_prefix - whether the first @len bits are the same.
 * @size: of the data in bytes, a constant where speed matters; @len is 1 to 8 times that
 */
static inline __attribute__((always_inline)) bool shares_prefix(const uint8_t *a, const uint8_t *b, uint32_t len,
								uint32_t size)
{
	if (size == 4)
		return !((be32(a) ^ be32(b)) >> (32 - len));
	if (size == 16) {
		uint64_t high = be64(a) ^ be64(b);

		if (len <= 64)
			return !(high >> (64 - len));
		return !(high | (be64(a + 8) ^ be64(b + 8)) >> (128 - len));
	}
	return common_bits(a, b, size, len) == len;
}

/* Lookup. */

/* longest_short - the longest prefix of at most @len bits (K at most) that the key begins with: a link or 0. */
static uint32_t longest_short(const struct lpm *t, const uint8_t *data, uint32_t len)
{
	for (;; len--) {
		uint32_t link = get(&t->exact[(1u << len) + first_bits(t, data, len)]);

		if (link || !len)
			return link;
	}
}

/* find_once - one walk. Return: the link of the longest prefix, or 0. */
static inline __attribute__((always_inline)) uint32_t find_once(const struct lpm *t, const uint8_t *data, uint32_t len,
								uint32_t size)
{
	const struct lpm_slot *slot;
	uint32_t best, link, last = t->bits;
	struct lpm_node *node;

	if (unlikely(len < t->bits))
		return longest_short(t, data, len);
	slot = &t->jump[first_bits(t, data, t->bits)];
	best = get(&slot->best);
	link = get(&slot->root);
	while ((node = at_link(t, link))) {
		uint32_t node_len = get(&node->len);

		/* Lengths grow along a path, so a path ends, whatever the links say. */
		if (node_len > len || node_len <= last || !shares_prefix(node->data, data, node_len, size))
			break;
		if (is_node(t, link))
			best = link;
		if (node_len == len)
			break;
		last = node_len;
		link = get(&node->child[bit_at(data, node_len)]);
	}
	return best;
}

/* find - find_once() until no node was recycled meanwhile. Return: the node or NULL. */
static inline __attribute__((always_inline)) struct lpm_node *find(const struct skep_map *map, const void *key,
								   uint32_t size)
{
	const struct lpm *t = lpm_of(map);
	const uint8_t *data = (const uint8_t *)key + 4;
	uint32_t len, link = 0;

	memcpy(&len, key, 4);
	if (unlikely(len > t->max_len))
		return NULL;
	for (uint32_t try = 0; try < WALK_TRIES; try++) {
		uint32_t gen = get(&map->ctl->gen);

		link = find_once(t, data, len, size);
		atomic_thread_fence(memory_order_acquire);
		if (likely(gen == atomic_load_explicit(&map->ctl->gen, memory_order_relaxed)))
			break;
	}
	return is_node(t, link) ? at_link(t, link) : NULL;
}

static void *lpm_lookup(struct skep_map *map, const void *key, uint32_t cpu)
{
	struct lpm_node *node = find(map, key, lpm_of(map)->data_size);

	return node ? node_value(lpm_of(map), node) : NULL;
}

static void *lpm_lookup_4(struct skep_map *map, const void *key, uint32_t cpu)
{
	struct lpm_node *node = find(map, key, 4);

	return node ? node_value(lpm_of(map), node) : NULL;
}

static void *lpm_lookup_16(struct skep_map *map, const void *key, uint32_t cpu)
{
	struct lpm_node *node = find(map, key, 16);

	return node ? node_value(lpm_of(map), node) : NULL;
}

/* lpm_user_lookup - a copy of one moment's value; see hash_user_lookup() for the tries. */
static int lpm_user_lookup(struct skep_map *map, const void *key, void *value, uint64_t flags)
{
	const struct lpm *t = lpm_of(map);
	uint32_t tries = map->readonly ? MAP_READ_TRIES : 256, size = t->data_size, len;
	struct lpm_node *node;

	if (map->readonly && (flags & BPF_F_LOCK))
		return -EPERM;
	memcpy(&len, key, 4);
	for (uint32_t try = 0; try < tries; try++) {
		uint32_t seq, node_len;

		node = find(map, key, size);
		if (!node)
			return -ENOENT;
		seq = get(&node->seq);
		node_len = get(&node->len);
		if ((seq & (SEQ_WRITING | SEQ_LIVE)) != SEQ_LIVE || node_len > len ||
		    common_bits(node->data, (const uint8_t *)key + 4, size, node_len) != node_len)
			continue;
		map_value_load(map, value, node_value(t, node), map->value_size, flags);
		atomic_thread_fence(memory_order_acquire);
		if (atomic_load_explicit(&node->seq, memory_order_relaxed) == seq)
			return 0;
	}
	if (map->readonly)
		return -EAGAIN;
	map_lock(map);
	node = find(map, key, size);
	if (node)
		map_value_load(map, value, node_value(t, node), map->value_size, flags);
	map_unlock(map);
	return node ? 0 : -ENOENT;
}

/* Allocation; the lock is held. Nodes and forks have a pool each; free ones are linked through child[0]. */

/* alloc - a free node, or a fork. Return: its link, or 0. */
static uint32_t alloc(struct skep_map *map, bool fork)
{
	const struct lpm *t = lpm_of(map);
	_Atomic uint32_t *free_head = fork ? &map->ctl->aux_free_head : &map->ctl->free_head;
	_Atomic uint32_t *high_water = fork ? &map->ctl->aux_high_water : &map->ctl->high_water;
	uint32_t link = get(free_head), high = get(high_water);
	struct lpm_node *node = at_link(t, link);

	if (node && is_node(t, link) == !fork) {
		set(free_head, get(&node->child[0]));
		return link;
	}
	if (high >= t->n)
		return 0;
	set(high_water, high + 1);
	return high + 1 + (fork ? t->n : 0);
}

/* release - give back a node or fork that no link leads to any more. */
static void release(struct skep_map *map, uint32_t link)
{
	const struct lpm *t = lpm_of(map);
	_Atomic uint32_t *free_head = is_node(t, link) ? &map->ctl->free_head : &map->ctl->aux_free_head;
	struct lpm_node *node = at_link(t, link);

	/* From here on walks that were led here look again. */
	atomic_store_explicit(&map->ctl->gen, atomic_load_explicit(&map->ctl->gen, memory_order_relaxed) + 1,
			      memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	set(&node->seq, (get(&node->seq) & ~3u) + SEQ_STEP);
	set(&node->child[0], get(free_head));
	set(free_head, link);
}

static void begin_write(struct lpm_node *node)
{
	atomic_store_explicit(&node->seq, get(&node->seq) | SEQ_WRITING, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
}

static void end_write(struct lpm_node *node)
{
	set(&node->seq, ((get(&node->seq) & ~3u) + SEQ_STEP) | SEQ_LIVE);
}

/* Changes; the lock is held. */

/* A place in a trie: the link that leads to a node, and the one that leads to its parent. */
struct lpm_path {
	_Atomic uint32_t *at; /* what leads here */
	_Atomic uint32_t *parent_at; /* what leads to the parent; NULL at the root */
	uint32_t link; /* what is here: 0 at the end of a path */
	uint32_t common; /* bits that it shares with the key */
};

/*
 * descend - go as far as the prefix leads.
 * Return: where it ends: at nothing, at a node that parts from the key or is longer, or at the node of that very prefix.
 */
static struct lpm_path descend(const struct lpm *t, const uint8_t *data, uint32_t len)
{
	struct lpm_path p = {.at = &t->jump[first_bits(t, data, t->bits)].root};
	uint32_t last = t->bits;

	for (;;) {
		struct lpm_node *node;
		uint32_t node_len;

		p.link = get(p.at);
		node = at_link(t, p.link);
		if (!node) {
			p.link = 0;
			return p;
		}
		node_len = get(&node->len);
		if (node_len <= last || node_len > t->max_len) {
			p.link = 0; /* corrupt: cut off what cannot be a trie */
			return p;
		}
		p.common = common_bits(node->data, data, t->data_size, MIN(node_len, len));
		if (p.common < node_len || node_len == len)
			return p;
		last = node_len;
		p.parent_at = p.at;
		p.at = &node->child[bit_at(data, node_len)];
	}
}

/* find_exact - the node of that very prefix. Return: its link or 0. */
static uint32_t find_exact(const struct lpm *t, const uint8_t *data, uint32_t len)
{
	struct lpm_path p;
	uint32_t link;

	if (len <= t->bits) {
		link = get(&t->exact[(1u << len) + first_bits(t, data, len)]);
		return is_node(t, link) ? link : 0;
	}
	p = descend(t, data, len);
	return p.link && is_node(t, p.link) && p.common == len && get(&at_link(t, p.link)->len) == len ? p.link : 0;
}

/* best_len - the length of a slot's best prefix plus one; 0 when it has none. */
static uint32_t best_len(const struct lpm *t, uint32_t link)
{
	return is_node(t, link) ? get(&at_link(t, link)->len) + 1 : 0;
}

static void insert_short(const struct lpm *t, const uint8_t *data, uint32_t len, uint32_t link)
{
	uint32_t bits = first_bits(t, data, len), from = bits << (t->bits - len), n = 1u << (t->bits - len);

	set(&t->exact[(1u << len) + bits], link);
	for (uint32_t i = from; i < from + n; i++)
		if (best_len(t, get(&t->jump[i].best)) <= len)
			set(&t->jump[i].best, link);
}

static void remove_short(struct skep_map *map, const uint8_t *data, uint32_t len, uint32_t link)
{
	const struct lpm *t = lpm_of(map);
	uint32_t bits = first_bits(t, data, len), from = bits << (t->bits - len), n = 1u << (t->bits - len);
	uint32_t next = len ? longest_short(t, data, len - 1) : 0;

	set(&t->exact[(1u << len) + bits], 0);
	for (uint32_t i = from; i < from + n; i++)
		if (get(&t->jump[i].best) == link)
			set(&t->jump[i].best, next);
	release(map, link);
}

/* insert_long - link a filled node in. Return: 0, or -ENOMEM when a fork is needed and none left (only if corrupt). */
static int insert_long(struct skep_map *map, const uint8_t *data, uint32_t len, uint32_t link)
{
	const struct lpm *t = lpm_of(map);
	struct lpm_path p = descend(t, data, len);
	struct lpm_node *node = at_link(t, link), *here = at_link(t, p.link), *fork;
	uint32_t fork_link;

	set(&node->child[0], 0);
	set(&node->child[1], 0);
	if (!here) {
		set(p.at, link);
	} else if (p.common == len && get(&here->len) == len) {
		/* A fork of that very prefix: the node takes its place. */
		set(&node->child[0], get(&here->child[0]));
		set(&node->child[1], get(&here->child[1]));
		set(p.at, link);
		release(map, p.link);
	} else if (p.common == len) {
		set(&node->child[bit_at(here->data, len)], p.link);
		set(p.at, link);
	} else {
		fork_link = alloc(map, true);
		fork = at_link(t, fork_link);
		if (!fork)
			return -ENOMEM;
		set(&fork->len, p.common);
		map_store(fork->data, data, t->data_size);
		set(&fork->child[bit_at(data, p.common)], link);
		set(&fork->child[bit_at(here->data, p.common)], p.link);
		set(p.at, fork_link);
	}
	return 0;
}

static void remove_long(struct skep_map *map, const uint8_t *data, uint32_t len, uint32_t link)
{
	const struct lpm *t = lpm_of(map);
	struct lpm_path p = descend(t, data, len);
	struct lpm_node *node = at_link(t, link), *fork, *parent;
	uint32_t left = get(&node->child[0]), right = get(&node->child[1]), fork_link, parent_link;

	if (left && right) {
		fork_link = alloc(map, true);
		fork = at_link(t, fork_link);
		if (!fork)
			return; /* corrupt */
		set(&fork->len, len);
		map_store(fork->data, node->data, t->data_size);
		set(&fork->child[0], left);
		set(&fork->child[1], right);
		set(p.at, fork_link);
	} else if (!left && !right && p.parent_at && !is_node(t, (parent_link = get(p.parent_at)))) {
		/* A fork that loses a child goes with it: its other child takes its place. */
		parent = at_link(t, parent_link);
		set(p.parent_at, get(&parent->child[p.at == &parent->child[0]]));
		release(map, parent_link);
	} else {
		set(p.at, left ? left : right);
	}
	release(map, link);
}

static int lpm_update(struct skep_map *map, const void *key, const void *value, uint64_t flags, uint32_t cpu)
{
	const struct lpm *t = lpm_of(map);
	const uint8_t *data = (const uint8_t *)key + 4;
	struct lpm_node *node;
	uint32_t len, link;
	bool fresh;
	int err = 0;

	memcpy(&len, key, 4);
	if (flags > BPF_EXIST || len > t->max_len)
		return -EINVAL;
	map_lock(map);
	link = find_exact(t, data, len);
	fresh = !link;
	if (fresh ? flags == BPF_EXIST : flags == BPF_NOEXIST)
		err = fresh ? -ENOENT : -EEXIST;
	else if (fresh && !(link = alloc(map, false)))
		err = -ENOSPC;
	if (!err) {
		node = at_link(t, link);
		begin_write(node);
		set(&node->len, len);
		map_store(node->data, data, t->data_size);
		map_value_store(map, node_value(t, node), value, map->value_size, 0);
		end_write(node);
		if (fresh && len <= t->bits)
			insert_short(t, data, len, link);
		else if (fresh)
			err = insert_long(map, data, len, link);
		if (err)
			release(map, link);
	}
	map_unlock(map);
	return err;
}

static int lpm_remove(struct skep_map *map, const void *key)
{
	const struct lpm *t = lpm_of(map);
	const uint8_t *data = (const uint8_t *)key + 4;
	uint32_t len, link;

	memcpy(&len, key, 4);
	if (len > t->max_len)
		return -EINVAL;
	map_lock(map);
	link = find_exact(t, data, len);
	if (link && len <= t->bits)
		remove_short(map, data, len, link);
	else if (link)
		remove_long(map, data, len, link);
	map_unlock(map);
	return link ? 0 : -ENOENT;
}

static int lpm_user_update(struct skep_map *map, const void *key, const void *value, uint64_t flags)
{
	return lpm_update(map, key, value, flags, 0);
}

static int lpm_user_delete(struct skep_map *map, const void *key, void **old_obj)
{
	return lpm_remove(map, key);
}

static int lpm_next_key(struct skep_map *map, const void *key, void *next)
{
	const struct lpm *t = lpm_of(map);
	uint32_t high = MIN(get(&map->ctl->high_water), t->n), len = UINT32_MAX, link = 0;

	if (key)
		memcpy(&len, key, 4);
	if (len <= t->max_len)
		link = find_exact(t, (const uint8_t *)key + 4, len);
	while (++link <= high) {
		struct lpm_node *node = at_link(t, link);

		for (uint32_t try = 0; try < MAP_READ_TRIES; try++) {
			uint32_t seq = get(&node->seq);

			if (!(seq & SEQ_LIVE))
				break;
			len = get(&node->len);
			memcpy(next, &len, 4);
			map_load((uint8_t *)next + 4, node->data, t->data_size);
			atomic_thread_fence(memory_order_acquire);
			if (!(seq & SEQ_WRITING) && atomic_load_explicit(&node->seq, memory_order_relaxed) == seq)
				return 0;
		}
	}
	return -ENOENT;
}

/* Recovery after a writer's death. */

struct recovery {
	const struct lpm *t;
	uint8_t *seen; /* a bit a link */
};

static bool see(struct recovery *r, uint32_t link)
{
	if (!at_link(r->t, link) || (r->seen[link / 8] & 1 << link % 8))
		return false;
	r->seen[link / 8] |= (uint8_t)(1 << link % 8);
	return true;
}

/* see_trie - note what a root leads to. Lengths grow, so the depth is bounded by the longest key (2,048 bits). */
static void see_trie(struct recovery *r, _Atomic uint32_t *at, uint32_t last)
{
	uint32_t link = get(at), len;

	if (!link)
		return;
	if (!see(r, link)) {
		set(at, 0);
		return;
	}
	len = get(&at_link(r->t, link)->len);
	if (len <= last || len > r->t->max_len) {
		set(at, 0);
		return;
	}
	see_trie(r, &at_link(r->t, link)->child[0], len);
	see_trie(r, &at_link(r->t, link)->child[1], len);
}

/* refill - make the free list of a pool from what was not seen. */
static void refill(struct recovery *r, uint32_t first, uint32_t high, _Atomic uint32_t *free_head)
{
	uint32_t head = 0;

	for (uint32_t link = first + high; link-- > first;) {
		struct lpm_node *node = at_link(r->t, link);
		bool live = r->seen[link / 8] & 1 << link % 8;

		set(&node->seq, ((get(&node->seq) & ~3u) + SEQ_STEP) | (live ? SEQ_LIVE : 0));
		if (live)
			continue;
		set(&node->child[0], head);
		head = link;
	}
	set(free_head, head);
}

/*
 * lpm_recover - what the tables reach stays, the rest becomes free, and the slots' best prefixes are worked out again.
 * Without memory nothing is changed; then at most what was in the dead one's hands is lost.
 */
static void lpm_recover(struct skep_map *map)
{
	const struct lpm *t = lpm_of(map);
	struct map_ctl *ctl = map->ctl;
	struct recovery r = {.t = t, .seen = calloc(t->n / 4 + 1, 1)};
	uint32_t slots = 1u << t->bits;

	if (!r.seen)
		return;
	for (uint32_t i = 1; i < 2 * slots; i++)
		if (!is_node(t, get(&t->exact[i])) || !see(&r, get(&t->exact[i])))
			set(&t->exact[i], 0);
	for (uint32_t i = 0; i < slots; i++) {
		uint32_t best = 0;

		for (uint32_t at = slots + i; at && !best; at /= 2)
			best = get(&t->exact[at]);
		set(&t->jump[i].best, best);
		see_trie(&r, &t->jump[i].root, t->bits);
	}
	set(&ctl->high_water, MIN(get(&ctl->high_water), t->n));
	set(&ctl->aux_high_water, MIN(get(&ctl->aux_high_water), t->n));
	atomic_fetch_add(&ctl->gen, 1);
	refill(&r, 1, get(&ctl->high_water), &ctl->free_head);
	refill(&r, 1 + t->n, get(&ctl->aux_high_water), &ctl->aux_free_head);
	free(r.seen);
}

#define LPM_OPS(LOOKUP, PICK)                                                                                          \
	{                                                                                                              \
		.check = lpm_check, .layout = lpm_layout, .init = lpm_init, .fini = lpm_fini, .pick = PICK,            \
		.recover = lpm_recover, .attachable = true, .lookup = LOOKUP, .update = lpm_update,                    \
		.remove = lpm_remove, .user_lookup = lpm_user_lookup, .user_update = lpm_user_update,                  \
		.user_delete = lpm_user_delete, .user_next_key = lpm_next_key,                                         \
	}

static const struct map_ops lpm_4_ops = LPM_OPS(lpm_lookup_4, NULL);
static const struct map_ops lpm_16_ops = LPM_OPS(lpm_lookup_16, NULL);

static const struct map_ops *lpm_pick(const struct map_attr *attr)
{
	return attr->key_size == 8 ? &lpm_4_ops : attr->key_size == 20 ? &lpm_16_ops : NULL;
}

const struct map_ops lpm_trie_ops = LPM_OPS(lpm_lookup, lpm_pick);
