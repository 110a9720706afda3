/* SPDX-License-Identifier: BSD-2-Clause */
#include "apps/watch_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { BUCKETS = 4096 };

struct watch_tree {
	struct watch_process *first, *last, *by_id[BUCKETS];
	uint32_t kept, limit; /* processes; when to look for some to forget */
	struct watch_path *paths;
	uint32_t n_paths, room_paths, by_path[BUCKETS]; /* index + 1 */
	struct watch_peer *peers;
	uint32_t n_peers, room_peers;
	struct watch_totals totals;
	char text[WATCH_PATH + 1], text2[WATCH_ARGS + 1];
};

struct watch_tree *watch_tree_new(void)
{
	struct watch_tree *t = calloc(1, sizeof(*t));

	if (t)
		t->limit = WATCH_KEPT;
	return t;
}

static void free_process(struct watch_process *p)
{
	free(p->binary);
	free(p->arguments);
	free(p);
}

void watch_tree_free(struct watch_tree *t)
{
	while (t && t->first) {
		struct watch_process *p = t->first;

		t->first = p->next;
		free_process(p);
	}
	for (uint32_t i = 0; t && i < t->n_paths; i++)
		free(t->paths[i].path);
	if (t) {
		free(t->paths);
		free(t->peers);
	}
	free(t);
}

static uint32_t bucket_of(const struct watch_id *id)
{
	return (uint32_t)((id->start ^ (uint64_t)id->pid * 0x9e3779b97f4a7c15u) * 0xd6e8feb86659fd93u >> 52) % BUCKETS;
}

static struct watch_process *find(const struct watch_tree *t, const struct watch_id *id)
{
	struct watch_process *p = t->by_id[bucket_of(id)];

	while (p && (p->id.pid != id->pid || p->id.start != id->start))
		p = p->same_hash;
	return p;
}

static void take_out(struct watch_tree *t, struct watch_process *p)
{
	struct watch_process **h = &t->by_id[bucket_of(&p->id)];

	while (*h != p)
		h = &(*h)->same_hash;
	*h = p->same_hash;
	if (p->parent)
		p->parent->children--;
	free_process(p);
	t->kept--;
	t->totals.forgotten++;
}

/* Makes room: of those that have ended and that nobody refers to, the oldest go, many at once, so that a look at all of them is rare. */
static void forget_some(struct watch_tree *t)
{
	struct watch_process **at = &t->first;
	uint32_t n = 0;

	t->last = NULL;
	while (*at) {
		struct watch_process *p = *at;

		if (n < WATCH_KEPT / 8 && p->ended && !p->children && !p->named) {
			*at = p->next;
			take_out(t, p);
			n++;
		} else {
			t->last = p;
			at = &p->next;
		}
	}
}

/* The process of an id, made when it is new. Return: NULL without memory. */
static struct watch_process *process_of(struct watch_tree *t, const struct watch_id *id)
{
	struct watch_process *p = find(t, id);
	uint32_t bucket = bucket_of(id);

	if (p)
		return p;
	if (t->kept >= t->limit) {
		forget_some(t);
		/* Where little could go, the next look is put off. */
		t->limit = t->kept + WATCH_KEPT / 8 > WATCH_KEPT ? t->kept + WATCH_KEPT / 8 : WATCH_KEPT;
	}
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->id = *id;
	p->begun = id->start;
	p->same_hash = t->by_id[bucket];
	t->by_id[bucket] = p;
	if (t->last)
		t->last->next = p;
	else
		t->first = p;
	t->last = p;
	t->kept++;
	t->totals.processes++;
	return p;
}

static void set_parent(struct watch_tree *t, struct watch_process *p, const struct watch_id *id)
{
	struct watch_process *parent = id->pid ? find(t, id) : NULL;

	if (p->parent || !parent || parent == p)
		return;
	p->parent = parent;
	parent->children++;
}

/* Copies a text that need not be ended; what stands between its parts becomes a space. @skip_first: leave out what comes before the first end */
static char *join(const char *from, uint32_t len, bool skip_first)
{
	const char *end = from + len, *at = from;
	char *to, *out;

	if (skip_first)
		at += strnlen(from, len) + 1;
	if (at > end)
		at = end;
	while (end > at && !end[-1])
		end--;
	out = to = malloc((size_t)(end - at) + 1);
	if (!out)
		return NULL;
	for (; at < end; at++)
		*to++ = *at ? *at : ' ';
	*to = 0;
	return out;
}

static int take_exec(struct watch_process *p, const struct watch_exec *e)
{
	char *binary = join(e->path, e->head.text, false), *arguments = join(e->args, e->head.text2, true);

	if (!binary || !arguments) {
		free(binary);
		free(arguments);
		return -ENOMEM;
	}
	free(p->binary);
	free(p->arguments);
	p->binary = binary;
	p->arguments = arguments;
	p->execs++;
	return 0;
}

bool watch_writes(uint32_t flags)
{
	return (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC);
}

/* An array that doubles up to WATCH_ROWS. Return: false: there is no room for one more. */
static bool room_for(void **rows, uint32_t n, uint32_t *room, size_t size)
{
	uint32_t more = *room ? 2 * *room : 64;
	void *bigger;

	if (n < *room)
		return true;
	if (n >= WATCH_ROWS)
		return false;
	bigger = realloc(*rows, more * size);
	if (!bigger)
		return false;
	*rows = bigger;
	*room = more;
	return true;
}

static struct watch_path *path_of(struct watch_tree *t, const char *path)
{
	uint32_t h = 5381, *bucket;
	struct watch_path *p;

	for (const char *c = path; *c; c++)
		h = h * 33 + (uint8_t)*c;
	bucket = &t->by_path[(h ^ h >> 15) % BUCKETS];
	for (uint32_t i = *bucket; i; i = t->paths[i - 1].next)
		if (!strcmp(t->paths[i - 1].path, path))
			return &t->paths[i - 1];
	if (!room_for((void **)&t->paths, t->n_paths, &t->room_paths, sizeof(*t->paths))) {
		t->totals.forgotten++;
		return NULL;
	}
	p = &t->paths[t->n_paths];
	*p = (struct watch_path){.path = strdup(path), .next = *bucket};
	if (!p->path) {
		t->totals.forgotten++;
		return NULL;
	}
	*bucket = ++t->n_paths;
	return p;
}

/* Notes who did something: what is named so is not forgotten. */
static void name(struct watch_process **who, struct watch_process *p)
{
	if (*who)
		(*who)->named--;
	*who = p;
	p->named++;
}

static void take_file(struct watch_tree *t, struct watch_process *p, const struct watch_event *e, const char *file)
{
	struct watch_path *path = path_of(t, file);
	bool writes = e->kind != WATCH_OPEN || watch_writes(e->flags), ok = e->result >= 0;

	t->totals.failed += !ok;
	if (path && !ok)
		path->failed++;
	if (!ok)
		return;
	if (path && writes)
		name(e->kind == WATCH_DELETE ? &path->remover : &path->by, p);
	switch (e->kind) {
	case WATCH_OPEN:
		t->totals.opened++;
		t->totals.written += writes;
		p->opened++;
		p->written += writes;
		if (path) {
			path->opened++;
			path->written += writes;
		}
		break;
	case WATCH_DELETE:
		t->totals.deleted++;
		p->deleted++;
		if (path)
			path->deleted++;
		break;
	default: /* the new name of one that was renamed */
		t->totals.renamed++;
		p->written++;
		if (path)
			path->written++;
	}
}

/* What counts of an address: the rest of the struct may hold anything. */
static void normalise(uint8_t to[28], const uint8_t *from)
{
	struct sockaddr_in6 six;
	struct sockaddr_in four;

	memset(to, 0, 28);
	memcpy(&six, from, sizeof(six));
	memcpy(&four, from, sizeof(four));
	memset(four.sin_zero, 0, sizeof(four.sin_zero));
	six.sin6_flowinfo = 0;
	if (four.sin_family == AF_INET)
		memcpy(to, &four, sizeof(four));
	else
		memcpy(to, &six, sizeof(six));
}

static struct watch_peer *peer_of(struct watch_tree *t, const uint8_t addr[28])
{
	for (uint32_t i = 0; i < t->n_peers; i++)
		if (!memcmp(t->peers[i].addr, addr, sizeof(t->peers[i].addr)))
			return &t->peers[i];
	if (!room_for((void **)&t->peers, t->n_peers, &t->room_peers, sizeof(*t->peers))) {
		t->totals.forgotten++;
		return NULL;
	}
	t->peers[t->n_peers] = (struct watch_peer){0};
	memcpy(t->peers[t->n_peers].addr, addr, sizeof(t->peers[0].addr));
	return &t->peers[t->n_peers++];
}

static void take_connect(struct watch_tree *t, struct watch_process *p, const struct watch_connect *e)
{
	/* A connect that goes on in the background has begun well. */
	bool ok = e->head.result >= 0 || e->head.result == -EINPROGRESS;
	uint8_t addr[28];
	struct watch_peer *row;

	normalise(addr, e->addr);
	row = peer_of(t, addr);
	t->totals.connected++;
	t->totals.failed += !ok;
	p->connected++;
	if (!row)
		return;
	if (!row->connects)
		name(&row->by, p);
	row->connects++;
	row->failed += !ok;
}

/* How long an event of a kind is at least; 0: there is no such kind. */
static size_t size_of(uint32_t kind)
{
	switch (kind) {
	case WATCH_FORK:
	case WATCH_EXIT:
		return sizeof(struct watch_event);
	case WATCH_EXEC:
		return sizeof(struct watch_exec);
	case WATCH_OPEN:
	case WATCH_DELETE:
		return offsetof(struct watch_file, to);
	case WATCH_RENAME:
		return sizeof(struct watch_file);
	case WATCH_CONNECT:
		return sizeof(struct watch_connect);
	default:
		return 0;
	}
}

static const char *text_of(char *to, size_t size, const char *from, uint32_t len)
{
	size_t n = strnlen(from, len < size ? len : size - 1);

	memcpy(to, from, n);
	to[n] = 0;
	return to;
}

static int take_texts(struct watch_tree *t, const struct watch_event *e, struct watch_seen *out)
{
	const struct watch_file *f = (const void *)e;

	switch (e->kind) {
	case WATCH_OPEN:
	case WATCH_DELETE:
	case WATCH_RENAME:
		if (e->text > WATCH_PATH || e->text2 > WATCH_PATH)
			return -EINVAL;
		out->path = text_of(t->text, sizeof(t->text), f->path, e->text);
		if (e->kind == WATCH_RENAME)
			out->path2 = text_of(t->text2, sizeof(t->text2), f->to, e->text2);
		take_file(t, out->process, e, e->kind == WATCH_RENAME ? out->path2 : out->path);
		return 0;
	case WATCH_EXEC:
		if (e->text > WATCH_PATH || e->text2 > WATCH_ARGS)
			return -EINVAL;
		return take_exec(out->process, (const void *)e);
	case WATCH_CONNECT:
		out->addr = ((const struct watch_connect *)e)->addr;
		take_connect(t, out->process, (const void *)e);
		return 0;
	case WATCH_EXIT:
		out->process->ended = e->ns;
		out->process->status = e->result;
		return 0;
	default:
		return 0;
	}
}

int watch_tree_take(struct watch_tree *t, const void *event, size_t len, struct watch_seen *out)
{
	const struct watch_event *e = event;
	struct watch_process *p;

	if (len < sizeof(*e) || !size_of(e->kind) || len < size_of(e->kind))
		return -EINVAL;
	*out = (struct watch_seen){.kind = (enum watch_kind)e->kind, .event = e};
	p = process_of(t, &e->id);
	if (!p) {
		t->totals.forgotten++;
		return -ENOMEM;
	}
	out->process = p;
	if (e->kind <= WATCH_EXIT) {
		set_parent(t, p, &e->parent);
		p->uid = e->uid;
	}
	/* Events of other kinds have it where processes are older than the watch. */
	if (e->kind <= WATCH_EXIT || *e->comm) {
		memcpy(p->comm, e->comm, sizeof(p->comm));
		p->comm[sizeof(p->comm) - 1] = 0;
	}
	if (e->kind == WATCH_EXEC)
		t->totals.execs++;
	return take_texts(t, e, out);
}

void watch_tree_totals(const struct watch_tree *t, struct watch_totals *out)
{
	*out = t->totals;
}

const struct watch_process *watch_tree_first(const struct watch_tree *t)
{
	return t->first;
}

const struct watch_path *watch_tree_paths(const struct watch_tree *t, uint32_t *n)
{
	*n = t->n_paths;
	return t->paths;
}

const struct watch_peer *watch_tree_peers(const struct watch_tree *t, uint32_t *n)
{
	*n = t->n_peers;
	return t->peers;
}
