/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Policy to maps.
 *
 * The program looks a name or an address up once and gets the clauses that bear on it as one run. So for each different
 * target (name, suffix, prefix) all rules whose target contains it are gathered, in the order that decides: the most
 * specific target first; for one target denials before permissions, and what is built in last; then as the policy has them.
 * A rule with several ports makes several clauses.
 */
#include "apps/egress_fill.h"

#include "apps/egress.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

enum { MAPPED_BITS = 96, TTL_FLOOR = 600 /* seconds: apt keeps addresses for longer than their TTL */ };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MAPPED       0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff

/* Refused unless the policy names them by address. */
static const struct egress_built_in {
	uint8_t addr[16];
	uint8_t bits;
	uint32_t rule;
} built_in[] = {
	{{MAPPED, 169, 254}, MAPPED_BITS + 16, EGRESS_RULE_METADATA},
	{{MAPPED, 100, 100, 100, 200}, 128, EGRESS_RULE_METADATA}, /* Alibaba Cloud */
	{{MAPPED, 168, 63, 129, 16}, 128, EGRESS_RULE_METADATA}, /* Azure's wire server */
	{{MAPPED, 192, 0, 0, 192}, 128, EGRESS_RULE_METADATA}, /* Oracle Cloud */
	{{0xfe, 0x80}, 10, EGRESS_RULE_METADATA},
	{{0xfd, 0x00, 0x0e, 0xc2}, 32, EGRESS_RULE_METADATA}, /* fd00:ec2::254, and its neighbours */
	{{0xfd, 0x20, 0x00, 0xce, [14] = 0x02, [15] = 0x54}, 128, EGRESS_RULE_METADATA}, /* Google Cloud */
	{{MAPPED, 127}, MAPPED_BITS + 8, EGRESS_RULE_LOCAL},
	{{MAPPED, 0}, MAPPED_BITS + 8, EGRESS_RULE_LOCAL},
	{{MAPPED, 224}, MAPPED_BITS + 4, EGRESS_RULE_LOCAL},
	{{MAPPED, 255, 255, 255, 255}, 128, EGRESS_RULE_LOCAL},
	{{0}, 96, EGRESS_RULE_LOCAL}, /* ::, ::1, and IPv4-compatible addresses */
	{{0, 0x64, 0xff, 0x9b}, 96, EGRESS_RULE_LOCAL}, /* NAT64: an IPv4 address behind the rules' back */
	{{0xff}, 8, EGRESS_RULE_LOCAL},
};

/* Those of a tree beside: its own network leads to the machine's loopback. */
static const struct egress_built_in of_tree[] = {
	{{MAPPED, 10, 0, 2, 0}, MAPPED_BITS + 24, EGRESS_RULE_HOST},
	{{0xfd}, 64, EGRESS_RULE_HOST},
};

/* What the network calls the machine. */
static const char *const host_names[] = {"host", "host.internal"};
_Static_assert(COUNT(host_names) == EGRESS_HOST_NAMES, "the map has room for them");

/* One target of a rule, or of what is built in. */
struct entry {
	uint8_t addr[16];
	const char *name; /* NULL: a prefix */
	bool suffix;
	uint32_t size; /* how specific: bits, or characters; a whole name counts one more than itself as a suffix */
	uint32_t order; /* rule number */
	const struct policy_rule *rule; /* NULL: built in */
};

struct filling {
	const struct policy *p;
	const struct egress_place *at; /* NULL: a tree of skep run's */
	struct bpf_object *obj;
	struct policy_error *err;
	struct entry *entries;
	uint32_t n;
	struct egress_clause *clauses;
	uint32_t n_clauses;
};

static int map_fd(struct bpf_object *obj, const char *name)
{
	struct bpf_map *map = bpf_object__find_map_by_name(obj, name);

	return map ? bpf_map__fd(map) : -ENOENT;
}

static int put(struct bpf_object *obj, const char *name, const void *key, const void *value)
{
	int fd = map_fd(obj, name);

	if (fd < 0)
		return fd;
	return bpf_map_update_elem(fd, key, value, BPF_ANY) ? -errno : 0;
}

/* Takes out all elements, so that what the last policy had is gone. */
static int clear(struct bpf_object *obj, const char *name, uint32_t key_size)
{
	int fd = map_fd(obj, name);
	uint8_t key[sizeof(struct egress_name)];

	if (fd < 0)
		return fd;
	if (key_size > sizeof(key))
		return -EINVAL;
	while (!bpf_map_get_next_key(fd, NULL, key))
		if (bpf_map_delete_elem(fd, key) && errno != ENOENT)
			return -errno;
	return errno == ENOENT ? 0 : -errno;
}

static bool same_bits(const uint8_t *a, const uint8_t *b, uint32_t bits)
{
	uint8_t mask = (uint8_t)(0xff00u >> (bits % 8));

	return !memcmp(a, b, bits / 8) && (!(bits % 8) || !((a[bits / 8] ^ b[bits / 8]) & mask));
}

static bool is_v4(const struct entry *e)
{
	static const uint8_t mapped[12] = {MAPPED};

	return e->size >= MAPPED_BITS && !memcmp(e->addr, mapped, 12);
}

/* Does @outer's target hold all that @inner's does? */
static bool contains(const struct entry *outer, const struct entry *inner)
{
	size_t n, m;

	if (!outer->name != !inner->name)
		return false;
	if (!outer->name)
		return is_v4(outer) == is_v4(inner) && outer->size <= inner->size &&
		       same_bits(outer->addr, inner->addr, outer->size);
	n = strlen(outer->name);
	m = strlen(inner->name);
	if (outer->suffix == inner->suffix && n == m)
		return !strcmp(outer->name, inner->name);
	return outer->suffix && m > n && inner->name[m - n - 1] == '.' && !strcmp(inner->name + m - n, outer->name);
}

static bool same_target(const struct entry *a, const struct entry *b)
{
	return a->size == b->size && contains(a, b) && contains(b, a);
}

static bool allows(const struct entry *e)
{
	return e->rule && e->rule->allow;
}

/* The order in which they decide. */
static int by_weight(const void *a, const void *b)
{
	const struct entry *x = *(const struct entry *const *)a, *y = *(const struct entry *const *)b;

	if (x->size != y->size)
		return x->size > y->size ? -1 : 1;
	if (!x->rule != !y->rule)
		return x->rule ? -1 : 1;
	if (allows(x) != allows(y))
		return allows(x) ? 1 : -1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static int add_clauses(struct filling *f, const struct entry *e, uint32_t first, const char *about)
{
	const struct policy_rule *r = e->rule;
	struct egress_clause c = {.any_port = 1, .high = 65535, .rule = e->order};
	uint32_t n = r && r->n_ports ? r->n_ports : 1;

	if (r) {
		c.proto = r->proto;
		c.exe = (uint8_t)r->exe;
		c.allow = r->allow;
	}
	if (f->n_clauses + n - first > EGRESS_SET) {
		snprintf(f->err->text, sizeof(f->err->text),
			 "the policy is too large: more than %u ports and rules bear on %.300s", EGRESS_SET, about);
		return -E2BIG;
	}
	if (f->n_clauses + n > EGRESS_CLAUSES) {
		snprintf(f->err->text, sizeof(f->err->text),
			 "the policy is too large: its rules, each with all that contain it, make more than %u clauses",
			 EGRESS_CLAUSES);
		return -E2BIG;
	}
	for (uint32_t i = 0; i < n; i++) {
		if (r && r->n_ports) {
			c.any_port = 0;
			c.low = r->ports[i].low;
			c.high = r->ports[i].high;
		}
		f->clauses[f->n_clauses++] = c;
	}
	return 0;
}

static int put_name(struct filling *f, const struct entry *e, const struct egress_set *set)
{
	struct egress_name key = {0};
	size_t n = strlen(e->name);

	for (size_t i = 0; i < n; i++)
		key.back[i] = (uint8_t)e->name[n - 1 - i];
	if (e->suffix)
		key.back[n] = '.';
	key.prefixlen = (uint32_t)(n + 1) * 8;
	return put(f->obj, "names", &key, set);
}

static int put_prefix(struct filling *f, const struct entry *e, const struct egress_set *set)
{
	struct egress_key4 key4 = {.prefixlen = e->size - MAPPED_BITS};
	struct egress_key6 key6 = {.prefixlen = e->size};

	memcpy(&key4.addr, e->addr + 12, 4);
	memcpy(&key6.addr, e->addr, 16);
	return is_v4(e) ? put(f->obj, "prefixes4", &key4, set) : put(f->obj, "prefixes6", &key6, set);
}

/* The run of clauses for one target. */
static int fill_target(struct filling *f, const struct entry *e, const struct entry **found)
{
	struct egress_set set = {.first = f->n_clauses};
	const char *about = e->name ? e->name : "one address";
	uint32_t n = 0;
	int err = 0;

	for (uint32_t i = 0; i < f->n; i++)
		if (contains(&f->entries[i], e))
			found[n++] = &f->entries[i];
	qsort(found, n, sizeof(*found), by_weight);
	for (uint32_t i = 0; i < n && !err; i++)
		err = add_clauses(f, found[i], set.first, about);
	set.n = f->n_clauses - set.first;
	if (err)
		return err;
	return e->name ? put_name(f, e, &set) : put_prefix(f, e, &set);
}

static void add_prefix(struct filling *f, const uint8_t *addr, uint32_t bits, const struct policy_rule *rule,
		       uint32_t order)
{
	struct entry *e = &f->entries[f->n++];

	*e = (struct entry){.size = bits, .rule = rule, .order = order};
	memcpy(e->addr, addr, 16);
}

static void gather(struct filling *f)
{
	static const uint8_t host4[16] = {MAPPED, 10, 0, 2, 2}, host6[16] = {0xfd, [15] = 2};

	/* The machine's names may always be looked up: a refusal is about its port. */
	static const struct policy_rule host = {.allow = true, .proto = POLICY_DNS};

	for (uint32_t i = 0; i < COUNT(host_names) && !f->at; i++)
		f->entries[f->n++] = (struct entry){.name = host_names[i],
						    .size = (uint32_t)strlen(host_names[i]) * 2 + 1,
						    .rule = &host,
						    .order = EGRESS_RULE_HOST};
	for (uint32_t i = 0; i < COUNT(built_in); i++)
		add_prefix(f, built_in[i].addr, built_in[i].bits, NULL, built_in[i].rule);
	for (uint32_t i = 0; i < COUNT(of_tree) && !f->at; i++)
		add_prefix(f, of_tree[i].addr, of_tree[i].bits, NULL, of_tree[i].rule);
	for (uint32_t i = 0; i < f->p->n_rules; i++) {
		const struct policy_rule *r = &f->p->rules[i];
		uint32_t order = EGRESS_RULE_USER + i;

		switch (r->target) {
		case POLICY_ANY:
			break;
		case POLICY_HOST:
			add_prefix(f, host4, 128, r, order);
			add_prefix(f, host6, 128, r, order);
			break;
		case POLICY_PREFIX:
			add_prefix(f, r->addr, r->bits, r, order);
			break;
		case POLICY_NAME:
		case POLICY_SUFFIX:
			f->entries[f->n++] =
				(struct entry){.name = r->name,
					       .suffix = r->target == POLICY_SUFFIX,
					       .size = (uint32_t)strlen(r->name) * 2 + (r->target == POLICY_NAME),
					       .rule = r,
					       .order = order};
			break;
		}
	}
}

static int by_target(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int c;

	if (!x->name != !y->name)
		return x->name ? 1 : -1;
	if (x->size != y->size)
		return x->size < y->size ? -1 : 1;
	c = x->name ? strcmp(x->name, y->name) : memcmp(x->addr, y->addr, 16);
	return c ? c : (x->order > y->order) - (x->order < y->order);
}

static int fill_targets(struct filling *f)
{
	const struct entry **found = calloc(f->n, sizeof(*found));
	int err = found ? 0 : -ENOMEM;

	/* Equal targets side by side: each is done once. */
	qsort(f->entries, f->n, sizeof(*f->entries), by_target);
	for (uint32_t i = 0; i < f->n && !err; i++)
		if (!i || !same_target(&f->entries[i - 1], &f->entries[i]))
			err = fill_target(f, &f->entries[i], found);
	free(found);
	return err;
}

/* The rules for every host, as one more set. */
static int fill_any(struct filling *f, struct egress_config *config)
{
	int err = 0;

	config->any.first = f->n_clauses;
	for (int allow = 0; allow < 2; allow++)
		for (uint32_t i = 0; i < f->p->n_rules && !err; i++) {
			const struct policy_rule *r = &f->p->rules[i];
			struct entry e = {.rule = r, .order = EGRESS_RULE_USER + i};

			if (r->target == POLICY_ANY && r->allow == allow)
				err = add_clauses(f, &e, config->any.first, "every host (*)");
		}
	config->any.n = f->n_clauses - config->any.first;
	return err;
}

static int fill_config(struct filling *f, struct egress_config *config)
{
	config->policy = f->at ? f->at->number : 0;
	config->allow = policy_allows_unmatched(f->p);
	config->audit = f->p->audit;
	config->has_exe = f->p->n_exes > 0;
	config->ttl_floor = TTL_FLOOR;
	for (uint32_t i = 0; i < f->p->n_rules; i++)
		if (!f->p->rules[i].allow && f->p->rules[i].name)
			config->denies_names = 1;
	return put(f->obj, "config", &(uint32_t){0}, config);
}

/* Whom the firewall believes, and who its neighbours are. */
static int fill_place(struct filling *f)
{
	static const struct egress_place tree = {
		.resolvers = {{MAPPED, 10, 0, 2, 3}, {0xfd, [15] = 3}},
		.n_resolvers = 2,
		.links = {{{0xfd}, 64}},
		.n_links = 1,
	};
	const struct egress_place *at = f->at ? f->at : &tree;
	const struct egress_set nothing = {0};
	int err = clear(f->obj, "resolvers", sizeof(at->resolvers[0]));

	if (!err)
		err = clear(f->obj, "links", sizeof(struct egress_key6));
	for (uint32_t i = 0; i < at->n_resolvers && !err; i++)
		err = put(f->obj, "resolvers", at->resolvers[i], &(uint32_t){1});
	for (uint32_t i = 0; i < at->n_links && !err; i++) {
		struct egress_key6 key = {.prefixlen = at->links[i].bits};

		memcpy(&key.addr, at->links[i].addr, 16);
		err = put(f->obj, "links", &key, &nothing);
	}
	return err;
}

static int fill(struct filling *f)
{
	struct egress_config config = {0};
	int err = clear(f->obj, "names", sizeof(struct egress_name));

	if (!err)
		err = clear(f->obj, "prefixes4", sizeof(struct egress_key4));
	if (!err)
		err = clear(f->obj, "prefixes6", sizeof(struct egress_key6));
	if (!err && !f->at)
		err = clear(f->obj, "learnt", sizeof(struct egress_learnt_key));
	if (!err)
		err = fill_place(f);
	if (!err)
		err = fill_targets(f);
	if (!err)
		err = fill_any(f, &config);
	for (uint32_t i = 0; i < f->n_clauses && !err; i++)
		err = put(f->obj, "clauses", &i, &f->clauses[i]);
	return err ? err : fill_config(f, &config);
}

int policy_fill_at(const struct policy *p, const struct egress_place *at, struct bpf_object *obj,
		   struct policy_error *err)
{
	struct filling f = {.p = p, .at = at, .obj = obj, .err = err};
	int failed = -ENOMEM;

	err->text[0] = 0;
	if (p->n_rules > EGRESS_RULES - EGRESS_RULE_USER) {
		snprintf(err->text, sizeof(err->text), "the policy is too large: more than %u rules",
			 EGRESS_RULES - EGRESS_RULE_USER);
		return -E2BIG;
	}
	f.entries = calloc(COUNT(host_names) + COUNT(built_in) + COUNT(of_tree) + 2 * (size_t)p->n_rules,
			   sizeof(*f.entries));
	f.clauses = calloc(EGRESS_CLAUSES, sizeof(*f.clauses));
	if (f.entries && f.clauses) {
		gather(&f);
		failed = fill(&f);
	}
	if (failed && !err->text[0])
		snprintf(err->text, sizeof(err->text), "filling the firewall's maps: %s", strerror(-failed));
	free(f.entries);
	free(f.clauses);
	return failed;
}

int policy_fill(const struct policy *p, struct bpf_object *obj, struct policy_error *err)
{
	return policy_fill_at(p, NULL, obj, err);
}

bool egress_own_map(const char *map)
{
	static const char *const own[] = {"config", "clauses",   "prefixes4", "prefixes6", "names",
					  "links",  "resolvers", "published", "counters",  "policy"};

	for (size_t i = 0; i < COUNT(own); i++)
		if (!strcmp(own[i], map))
			return true;
	return false;
}

/* The policy as a file. Return: the caller's, NULL: no memory. */
static char *text_of(const struct policy *p, size_t *len)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, len);

	if (!f)
		return NULL;
	policy_print(p, f);
	if (!fclose(f))
		return text;
	free(text);
	return NULL;
}

uint32_t egress_text_size(const struct policy *p)
{
	size_t len = 0;

	free(text_of(p, &len));
	return (uint32_t)(sizeof(struct egress_text) + len);
}

int egress_keep_text(const struct policy *p, const struct egress_place *at, struct bpf_object *obj)
{
	struct bpf_map *map = bpf_object__find_map_by_name(obj, "policy");
	size_t len = 0, room = map ? bpf_map__value_size(map) : 0;
	char *text = text_of(p, &len);
	struct egress_text *value = calloc(1, room + 1);
	int err = map ? 0 : -ENOENT;

	if (!text || !value)
		err = -ENOMEM;
	else if (!err && room < sizeof(*value) + len)
		err = -ENOSPC;
	if (!err) {
		*value = (struct egress_text){.policy = at->number, .len = (uint32_t)len};
		memcpy(value + 1, text, len);
		err = put(obj, "policy", &(uint32_t){0}, value);
	}
	free(text);
	free(value);
	return err;
}

int egress_read_text(int fd, struct policy *p, uint32_t *number)
{
	struct bpf_map_info info = {0};
	struct policy_error why;
	uint32_t len = sizeof(info);
	struct egress_text *value;
	int err = 0;

	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return -errno;
	value = info.value_size < sizeof(*value) ? NULL : malloc(info.value_size);
	if (!value)
		return -ENOMEM;
	if (bpf_map_lookup_elem(fd, &(uint32_t){0}, value))
		err = -errno;
	else if (value->len > info.value_size - sizeof(*value))
		err = -EINVAL;
	p->of_interface = true;
	if (!err)
		err = policy_parse_text(p, "policy", (const char *)(value + 1), value->len, &why);
	if (!err)
		*number = value->policy;
	free(value);
	return err;
}

int egress_publish(struct bpf_object *obj, uint8_t proto, uint16_t port)
{
	const struct egress_port key = {.proto = proto, .port = port};

	return put(obj, "published", &key, &(uint32_t){1});
}

uint64_t egress_owner_mask(const struct policy *p, const struct task_facts *chain, uint32_t n)
{
	uint64_t mask = 0;

	for (uint32_t i = 0; i < n; i++)
		for (uint32_t k = 0; k < p->n_exes && chain[i].exe; k++)
			if (!fnmatch(p->exes[k], chain[i].exe, FNM_PATHNAME))
				mask |= 1ull << k;
	return mask;
}

int egress_owner(const struct policy *p, int owners, uint64_t cookie, const struct task_facts *chain, uint32_t n)
{
	uint64_t mask;

	if (!p->n_exes)
		return 0;
	mask = egress_owner_mask(p, chain, n);
	return bpf_map_update_elem(owners, &cookie, &mask, BPF_ANY) ? -errno : 0;
}
