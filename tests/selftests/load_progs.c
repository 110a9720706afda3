/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Asks a verifier about each program in the kernel's test objects, each loaded alone: load-progs [-p PROG] [-l LEVEL]
 * [-u root|bpf|user] OBJECT...
 *
 * One JSON line a program. Programs are loaded and closed, never attached. -l prints the log at another level (1, 2) instead of the line.
 *
 * What makes a program of such an object loadable alone:
 *  - only it is loaded; externs that only other programs need are weak;
 *  - maps that the test would have sized at run time get a size, huge ones a smaller, and maps of maps without an inner map get
 *    one; nothing is pinned;
 *  - the flags that the test asks for (__flag) are set, but not those which make the verifier test itself;
 *  - tags that tell the expected verdict are read, then overwritten before anybody loads the object.
 */
#include "object.h"
#include "run.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct question {
	const char *path;
	const char *prog;
	uint32_t flags; /* from __flag */
	enum loader loader;
	int log_level;
	bool print_log;
};

/* What a program's decl tags say. */
struct tags {
	const char *expect, *expect_unpriv;
	const char *btf_path; /* an object whose types stand for the kernel's, NULL: the kernel's own */
	uint32_t flags;
	bool exception_callback;
};

static const struct {
	const char *name;
	uint32_t flag;
} flag_names[] = {
	{"BPF_F_STRICT_ALIGNMENT", BPF_F_STRICT_ALIGNMENT},
	{"BPF_F_ANY_ALIGNMENT", BPF_F_ANY_ALIGNMENT},
	{"BPF_F_TEST_STATE_FREQ", BPF_F_TEST_STATE_FREQ},
	{"BPF_F_SLEEPABLE", BPF_F_SLEEPABLE},
	{"BPF_F_XDP_HAS_FRAGS", BPF_F_XDP_HAS_FRAGS},
	/* These two only make the verifier test itself. */
	{"BPF_F_TEST_RND_HI32", 0},
	{"BPF_F_TEST_REG_INVARIANTS", 0},
};

static uint32_t flag_of(const char *text)
{
	for (size_t i = 0; i < sizeof(flag_names) / sizeof(flag_names[0]); i++)
		if (!strcmp(text, flag_names[i].name))
			return flag_names[i].flag;
	return (uint32_t)strtoul(text, NULL, 0) & ~(uint32_t)(BPF_F_TEST_RND_HI32 | BPF_F_TEST_REG_INVARIANTS);
}

static struct tags read_tags(const struct btf *btf, const char *prog)
{
	static const char flag[] = "comment:test_prog_flags=", path[] = "comment:test_btf_path=";
	struct tags t = {.expect = "", .expect_unpriv = ""};
	int func = btf ? btf__find_by_name_kind(btf, prog, BTF_KIND_FUNC) : -1;

	for (uint32_t i = 1; func > 0 && i < btf__type_cnt(btf); i++) {
		const struct btf_type *tag = btf__type_by_id(btf, i);
		const char *s = btf__name_by_offset(btf, tag->name_off);

		if (!btf_is_decl_tag(tag) || tag->type != (uint32_t)func || btf_decl_tag(tag)->component_idx != -1)
			continue;
		if (!strcmp(s, "comment:test_expect_success"))
			t.expect = "accept";
		else if (!strcmp(s, "comment:test_expect_failure"))
			t.expect = "reject";
		else if (!strcmp(s, "comment:test_expect_success_unpriv"))
			t.expect_unpriv = "accept";
		else if (!strcmp(s, "comment:test_expect_failure_unpriv"))
			t.expect_unpriv = "reject";
		else if (!strncmp(s, path, sizeof(path) - 1))
			t.btf_path = s + sizeof(path) - 1;
		else if (!strncmp(s, "exception_callback:", 19))
			t.exception_callback = true;
		else if (!strncmp(s, flag, sizeof(flag) - 1) && s[sizeof(flag) - 1] == '!')
			t.flags &= ~flag_of(s + sizeof(flag));
		else if (!strncmp(s, flag, sizeof(flag) - 1))
			t.flags |= flag_of(s + sizeof(flag) - 1);
	}
	return t;
}

static void fix_map(struct bpf_map *map)
{
	enum { HUGE = 16384, STACK_FRAMES = 127 };
	enum bpf_map_type type = bpf_map__type(map);
	uint32_t n = bpf_map__max_entries(map);

	bpf_map__set_pin_path(map, NULL);
	switch (type) {
	case BPF_MAP_TYPE_SK_STORAGE:
	case BPF_MAP_TYPE_TASK_STORAGE:
	case BPF_MAP_TYPE_INODE_STORAGE:
	case BPF_MAP_TYPE_CGRP_STORAGE:
	case BPF_MAP_TYPE_CGROUP_STORAGE:
	case BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE:
	case BPF_MAP_TYPE_STRUCT_OPS:
	case BPF_MAP_TYPE_PERF_EVENT_ARRAY: /* libbpf has a size for it */
		break;
	case BPF_MAP_TYPE_RINGBUF:
	case BPF_MAP_TYPE_USER_RINGBUF:
		if (!n)
			bpf_map__set_max_entries(map, 4096);
		break;
	case BPF_MAP_TYPE_BLOOM_FILTER:
	case BPF_MAP_TYPE_HASH:
	case BPF_MAP_TYPE_PERCPU_HASH:
	case BPF_MAP_TYPE_LRU_HASH:
	case BPF_MAP_TYPE_LRU_PERCPU_HASH:
	case BPF_MAP_TYPE_LPM_TRIE:
		if (n > HUGE)
			bpf_map__set_max_entries(map, HUGE);
		if (type != BPF_MAP_TYPE_BLOOM_FILTER && !bpf_map__key_size(map))
			bpf_map__set_key_size(map, 4);
		if (!bpf_map__value_size(map))
			bpf_map__set_value_size(map, 8);
		/* fallthrough */
	default:
		if (!n)
			bpf_map__set_max_entries(map, 1);
	}
	if (type == BPF_MAP_TYPE_STACK_TRACE && !bpf_map__value_size(map))
		bpf_map__set_value_size(map, STACK_FRAMES * 8);
	if ((type == BPF_MAP_TYPE_ARRAY_OF_MAPS || type == BPF_MAP_TYPE_HASH_OF_MAPS) && !bpf_map__inner_map(map))
		bpf_map__set_inner_map_fd(map, bpf_map_create(BPF_MAP_TYPE_HASH, NULL, 4, 4, 1, NULL));
}

/* What compare.py counts apart. */
static void print_uses(FILE *out, const struct object *o, struct bpf_object *obj, const struct bpf_program *prog,
		       bool callback)
{
	const char *comma = "";
	struct bpf_map *map;
	bool arena = object_needs_section(o, ".addr_space.1");

	bpf_object__for_each_map(map, obj) arena |=
		bpf_map__type(map) == BPF_MAP_TYPE_ARENA && object_needs(o, bpf_map__name(map));
	fputs(",\"uses\":[", out);
	if (object_needs(o, "bpf_list_") || object_needs(o, "bpf_rbtree_")) {
		fputs("\"graph\"", out);
		comma = ",";
	}
	if (callback || object_needs(o, "bpf_throw")) {
		fprintf(out, "%s\"exception\"", comma);
		comma = ",";
	}
	if (arena) {
		fprintf(out, "%s\"arena\"", comma);
		comma = ",";
	}
	if (bpf_program__type(prog) == BPF_PROG_TYPE_STRUCT_OPS)
		fprintf(out, "%s\"struct_ops\"", comma);
	fputc(']', out);
}

static void ask(void *arg, FILE *out)
{
	const struct question *q = arg;
	LIBBPF_OPTS(bpf_object_open_opts, opts);
	struct bpf_program *prog, *it;
	struct bpf_object *obj;
	const char *refused;
	struct bpf_map *map;
	struct tags tags, hidden;
	char types[512];
	struct object o;
	int err;

	watch_begin();
	err = read_object(&o, q->path);
	obj = err ? NULL : bpf_object__open_mem(o.data, o.len, &opts);
	prog = obj ? bpf_object__find_program_by_name(obj, q->prog) : NULL;
	if (!prog) {
		fputs(",\"verdict\":\"cannot\",\"errno\":0,\"log\":\"\"", out);
		json_string(out, "cause", watch.said);
		return;
	}
	tags = read_tags(bpf_object__btf(obj), q->prog);
	json_string(out, "section", bpf_program__section_name(prog));
	json_string(out, "expect", tags.expect);
	json_string(out, "expect_unpriv", tags.expect_unpriv);
	object_walk(&o, q->prog);
	print_uses(out, &o, obj, prog, tags.exception_callback);
	if (tags.btf_path) {
		snprintf(types, sizeof(types), "%.*s/%s", (int)(strrchr(q->path, '/') - q->path), q->path,
			 tags.btf_path);
		opts.btf_custom_path = types;
	}
	bpf_object__close(obj);
	fflush(out);

	/* Open again what others shall see of it, on their side. */
	object_hide_tags(&o);
	object_weaken(&o);
	side_enter();
	obj = bpf_object__open_mem(o.data, o.len, &opts);
	if (obj) {
		/* Nobody is to be judged who can read the answer. */
		hidden = read_tags(bpf_object__btf(obj), q->prog);
		if (*hidden.expect || *hidden.expect_unpriv || hidden.flags)
			abort();
		prog = bpf_object__find_program_by_name(obj, q->prog);
		bpf_object__for_each_program(it, obj) bpf_program__set_autoload(it, it == prog);
		bpf_object__for_each_map(map, obj) fix_map(map);
		bpf_program__set_flags(prog, bpf_program__flags(prog) | tags.flags);
		bpf_program__set_log_buf(prog, watch.log_buf, LOG_SIZE);
		bpf_program__set_log_level(prog, (uint32_t)q->log_level);
		refused = side_as(q->loader);
		if (!refused)
			bpf_object__load(obj);
		else
			snprintf(watch.said, sizeof(watch.said), "%s", refused);
	}
	if (q->print_log)
		fputs(watch.log_buf, stderr);
	watch_report(out);
}

static void run_object(const char *path, struct question q)
{
	const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	const char *only = q.prog;
	struct bpf_program *prog;
	struct bpf_object *obj;
	char head[256];

	/* What cannot be opened at all is one line. */
	obj = bpf_object__open_file(path, NULL);
	q.path = path;
	if (!obj) {
		q.prog = "*";
		snprintf(head, sizeof(head), "\"file\":\"%.*s\",\"prog\":\"*\"", (int)strcspn(base, "."), base);
		run_forked(head, ask, &q);
		return;
	}
	bpf_object__for_each_program(prog, obj)
	{
		q.prog = bpf_program__name(prog);
		if ((only && strcmp(only, q.prog)) || !loader_may(q.loader, (int)bpf_program__type(prog)))
			continue;
		snprintf(head, sizeof(head), "\"file\":\"%.*s\",\"prog\":\"%s%s\"", (int)strcspn(base, "."), base,
			 q.prog, loader_suffix(q.loader));
		run_forked(head, ask, &q);
	}
	bpf_object__close(obj);
}

static int quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	return 0;
}

int main(int argc, char **argv)
{
	struct question q = {.log_level = 4};
	int c;

	while ((c = getopt(argc, argv, "p:l:u:")) != -1) {
		if (c == 'p')
			q.prog = optarg;
		else if (c == 'l') {
			q.log_level = atoi(optarg) | 4;
			q.print_log = true;
		} else if (c == 'u' && loader_parse(optarg) >= 0)
			q.loader = (enum loader)loader_parse(optarg);
		else
			return 2;
	}
	libbpf_set_print(quiet);
	side_prepare();
	for (int i = optind; i < argc; i++)
		run_object(argv[i], q);
	return 0;
}
