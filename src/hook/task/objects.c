/* SPDX-License-Identifier: BSD-2-Clause */
#include "hook/task/objects.h"

#include "base/util.h"

#include <errno.h>
#include <string.h>

enum { HASH = 4096 };

/* How many there may be of each kind; their memory is taken when they are first used. */
static const uint32_t kind_slots[BUNDLES] = {
	[BUNDLE_TASK] = 4096, [BUNDLE_SOCK] = 1024, [BUNDLE_FILE] = 512, [BUNDLE_BPRM] = 32, [BUNDLE_BYTES] = 128};

static fill_fn *const fills[GROUP_COUNT] = {
	[GROUP_TASK_SELF] = fill_TASK_SELF,       [GROUP_TASK_BORN] = fill_TASK_BORN,
	[GROUP_TASK_STAT] = fill_TASK_STAT,       [GROUP_TASK_CRED] = fill_TASK_CRED,
	[GROUP_TASK_NS] = fill_TASK_NS,           [GROUP_TASK_REGS] = fill_TASK_REGS,
	[GROUP_TASK_CGROUP] = fill_TASK_CGROUP,   [GROUP_TASK_FILES] = fill_TASK_FILES,
	[GROUP_TASK_OOM] = fill_TASK_OOM,         [GROUP_SOCK_SELF] = fill_SOCK_SELF,
	[GROUP_SOCK_NAMES] = fill_SOCK_NAMES,     [GROUP_SOCK_TCP] = fill_SOCK_TCP,
	[GROUP_SOCK_OPTIONS] = fill_SOCK_OPTIONS, [GROUP_SOCK_NS] = fill_SOCK_NS,
	[GROUP_FILE_SELF] = fill_FILE_SELF,       [GROUP_FILE_PATH] = fill_FILE_PATH,
	[GROUP_FILE_STAT] = fill_FILE_STAT,       [GROUP_FILE_INFO] = fill_FILE_INFO,
};

int objects_new(const struct objects_opts *opts, struct objects **out)
{
	struct objects *o = calloc(1, sizeof(*o));
	uint32_t n = 0;
	int err;

	if (!o)
		return -ENOMEM;
	pthread_mutex_init(&o->lock, NULL);
	o->proc = opts->proc;
	o->btf = opts->btf;
	for (uint32_t b = 0; b < BUNDLES; b++) {
		o->kinds[b].first = n;
		o->kinds[b].n = kind_slots[b];
		n += kind_slots[b];
	}
	err = layout_new(opts->btf, OBJECTS_STRIDE, &o->layout);
	o->slots = calloc(n, sizeof(*o->slots));
	o->hash = calloc(HASH, sizeof(*o->hash));
	if (!err && (!o->slots || !o->hash))
		err = -ENOMEM;
	if (err)
		objects_free(o);
	else
		*out = o;
	return err;
}

void objects_free(struct objects *o)
{
	if (!o)
		return;
	for (uint32_t b = 0; o->slots && b < BUNDLES; b++)
		for (uint32_t i = 0; i < o->kinds[b].used; i++) {
			struct slot *s = &o->slots[o->kinds[b].first + i];

			task_close(o, s);
			free(s->bytes);
			free(s->text);
			free(s->cgroups);
		}
	layout_free(o->layout);
	pthread_mutex_destroy(&o->lock);
	free(o->slots);
	free(o->hash);
	free(o);
}

static uint32_t hash_of(enum bundle bundle, uint64_t key0, uint64_t key1)
{
	uint64_t h = (key0 * 0x9e3779b97f4a7c15u) ^ (key1 + bundle) * 0xd6e8feb86659fd93u;

	return (uint32_t)(h >> 32) % HASH;
}

static uint32_t number_of(const struct objects *o, const struct slot *s)
{
	return (uint32_t)(s - o->slots);
}

/* The order of use, a list through the slots of a kind. */
static void leave_order(struct objects *o, struct slot *s)
{
	if (s->older)
		o->slots[s->older - 1].newer = s->newer;
	else
		o->kinds[s->bundle].oldest = s->newer;
	if (s->newer)
		o->slots[s->newer - 1].older = s->older;
	else
		o->kinds[s->bundle].newest = s->older;
}

static void become_newest(struct objects *o, struct slot *s)
{
	s->older = o->kinds[s->bundle].newest;
	s->newer = 0;
	if (s->older)
		o->slots[s->older - 1].newer = number_of(o, s) + 1;
	else
		o->kinds[s->bundle].oldest = number_of(o, s) + 1;
	o->kinds[s->bundle].newest = number_of(o, s) + 1;
}

struct slot *objects_find(struct objects *o, enum bundle bundle, uint64_t key0, uint64_t key1)
{
	for (uint32_t at = o->hash[hash_of(bundle, key0, key1)]; at; at = o->slots[at - 1].next) {
		struct slot *s = &o->slots[at - 1];

		if (s->bundle == bundle && s->key[0] == key0 && s->key[1] == key1 && !s->gone) {
			leave_order(o, s);
			become_newest(o, s);
			return s;
		}
	}
	return NULL;
}

static void leave_hash(struct objects *o, const struct slot *s)
{
	uint32_t *at = &o->hash[hash_of(s->bundle, s->key[0], s->key[1])];

	while (*at != number_of(o, s) + 1)
		at = &o->slots[*at - 1].next;
	*at = s->next;
}

struct slot *objects_make(struct objects *o, enum bundle bundle, uint64_t key0, uint64_t key1)
{
	uint32_t size = o->layout->sizes[bundle], *head = &o->hash[hash_of(bundle, key0, key1)];
	bool fresh = o->kinds[bundle].used < o->kinds[bundle].n;
	struct slot *s = fresh ? &o->slots[o->kinds[bundle].first + o->kinds[bundle].used]
			       : &o->slots[o->kinds[bundle].oldest - 1];
	uint8_t *bytes = fresh ? calloc(1, size) : s->bytes;

	if (!bytes)
		return NULL;
	if (fresh) {
		o->kinds[bundle].used++;
	} else {
		leave_order(o, s);
		leave_hash(o, s);
		task_close(o, s);
		free(s->text);
		free(s->cgroups);
		memset(bytes, 0, size);
	}
	*s = (struct slot){
		.bundle = bundle, .used = true, .key = {key0, key1}, .bytes = bytes, .next = *head, .fd = -1};
	*head = number_of(o, s) + 1;
	become_newest(o, s);
	return s;
}

uint64_t objects_address(const struct objects *o, const struct slot *s, enum part part, uint32_t i)
{
	if (!s || !o->layout->parts[part].size)
		return 0;
	return OBJECTS_BASE + ((uint64_t)number_of(o, s) << OBJECTS_SHIFT) + o->layout->parts[part].offset +
	       (uint64_t)i * o->layout->parts[part].size;
}

struct slot *objects_at(struct objects *o, uint64_t address, uint32_t *offset)
{
	uint64_t n = (address - OBJECTS_BASE) >> OBJECTS_SHIFT;
	const uint32_t last = BUNDLES - 1;
	struct slot *s;

	if (address < OBJECTS_BASE || n >= o->kinds[last].first + o->kinds[last].n)
		return NULL;
	s = &o->slots[n];
	*offset = (uint32_t)(address & (OBJECTS_STRIDE - 1));
	return s->used ? s : NULL;
}

/* A group's members go back to zero before they are filled anew. */
void objects_clear(struct objects *o, struct slot *s, enum group group)
{
	for (uint32_t i = 0; i < MEMBER_COUNT; i++)
		for (uint32_t k = 0; member_rows[i].group == group && k < o->layout->parts[member_rows[i].part].n; k++)
			put_bytes_at(o, s, i, k, NULL, 0);
}

void objects_fill(struct view *v, struct slot *s, enum group group)
{
	bool once = group_rows[group].once;

	if (!fills[group] || s->gone || s->filled[group] == v->number || (s->filled[group] && once))
		return;
	if (s->filled[group] && s->bundle != BUNDLE_SOCK)
		objects_clear(v->o, s, group);
	/* First, so that those who fill may ask for members of other groups, and of this one. */
	s->filled[group] = v->number;
	fills[group](v, s);
}

int objects_read(struct view *v, void *to, uint64_t from, size_t len)
{
	struct objects *o = v->o;
	uint32_t offset, groups = 0;
	int err = -EFAULT;
	struct slot *s;

	pthread_mutex_lock(&o->lock);
	s = objects_at(o, from, &offset);
	if (s && len <= o->layout->sizes[s->bundle] && offset <= o->layout->sizes[s->bundle] - len) {
		for (uint32_t word = offset / 8; len && word <= (offset + len - 1) / 8; word++)
			groups |= o->layout->groups[s->bundle][word];
		for (; groups; groups &= groups - 1)
			objects_fill(v, s, (enum group)__builtin_ctz(groups));
		memcpy(to, s->bytes + offset, len);
		err = 0;
	}
	pthread_mutex_unlock(&o->lock);
	return err;
}

static uint8_t *member_bytes(struct objects *o, struct slot *s, enum member m, uint32_t i)
{
	enum part part = member_rows[m].part;

	return s->bytes + o->layout->parts[part].offset + (size_t)i * o->layout->parts[part].size +
	       o->layout->members[m].offset;
}

void put_bytes_at(struct objects *o, struct slot *s, enum member m, uint32_t i, const void *bytes, size_t len)
{
	size_t size = o->layout->members[m].size;
	uint8_t *to = member_bytes(o, s, m, i);

	if (!size)
		return;
	if (o->layout->members[m].bits) {
		put_at(o, s, m, i, 0);
		return;
	}
	memset(to, 0, size);
	if (len)
		memcpy(to, bytes, MIN(len, size));
}

void put_at(struct objects *o, struct slot *s, enum member m, uint32_t i, uint64_t value)
{
	const struct member_place *p = &o->layout->members[m];
	uint64_t word = 0, mask = p->bits < 64 ? (1ull << p->bits) - 1 : UINT64_MAX;

	if (!p->bits) {
		put_bytes_at(o, s, m, i, &value, sizeof(value));
		return;
	}
	memcpy(&word, member_bytes(o, s, m, i), MIN(p->size, 8u));
	word = (word & ~(mask << p->shift)) | (value & mask) << p->shift;
	memcpy(member_bytes(o, s, m, i), &word, MIN(p->size, 8u));
}
