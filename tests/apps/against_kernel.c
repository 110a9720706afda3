/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every ready-made program, and every object of Debian's xdp-tools, on three sides: skep's interpreter, skep's JIT
 * and, where bpf(2) is allowed, the kernel. The same maps, the same frames, one after the other, through
 * BPF_PROG_TEST_RUN: the error or the verdict, the length and the bytes of each must agree, and in the end the
 * maps and what was put into ring buffers.
 *
 * Theory of operation: a side writes down what it saw in memory that it shares with the parent (struct record).
 * The kernel's side runs in a forked child, before the parent has used libbpf, so that what libbpf remembers about
 * the one does not reach the other. Then records are compared. Elements of maps are compared sorted; values of
 * per-CPU maps added up, as words of 64 bits, for it is chance which CPU a run was on. Times (xdp-flows) are left
 * out.
 *
 * usage: against_kernel CAPTURE
 * exit code: 0, 1 when sides differ, 77 when the kernel did not allow its part and all else was well
 */
#include "apps/apps.h"
#include "base/util.h"
#include "bpf/object.h"
#include "bpf/seam.h"
#include "corpus.h"
#include "fill.h"
#include "frames.h"
#include "skep/skep.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum { MAX_RUNS = 32768, WHY = 512 };
enum { RECORD_BYTES = 96 << 20 }; /* taken page by page as they are written */

struct run {
	int32_t err;
	uint32_t verdict, len, at;
};

/* What a side saw. */
struct record {
	bool loaded;
	bool refused; /* bpf(2) is not for us */
	bool done;
	char why[WHY]; /* what stopped it */
	uint32_t n_runs, n_maps, n_events;
	uint32_t maps_at, events_at; /* where they begin in bytes */
	uint32_t used;
	struct run runs[MAX_RUNS];
	uint8_t bytes[]; /* frames after their runs, then maps, then events */
};

struct subject {
	const char *name;
	const void *data;
	size_t len;
	bool ours; /* must run on every side */
	int (*fill)(struct bpf_object *obj);
};

static struct corpus corpus;
static int claims, failed;

static void *note(struct record *r, const void *data, uint32_t len)
{
	uint8_t *to = r->bytes + r->used;

	if (r->used + len > RECORD_BYTES - sizeof(*r)) {
		fprintf(stderr, "against_kernel: the record is full\n");
		_exit(1);
	}
	if (data)
		memcpy(to, data, len);
	r->used += len;
	return to;
}

static bool is_percpu(const struct bpf_map *map)
{
	return bpf_map__type(map) == BPF_MAP_TYPE_PERCPU_ARRAY || bpf_map__type(map) == BPF_MAP_TYPE_PERCPU_HASH ||
	       bpf_map__type(map) == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

static bool has_elements(const struct bpf_map *map)
{
	switch (bpf_map__type(map)) {
	case BPF_MAP_TYPE_ARRAY:
	case BPF_MAP_TYPE_HASH:
	case BPF_MAP_TYPE_LRU_HASH:
	case BPF_MAP_TYPE_LPM_TRIE:
		return true;
	default:
		return is_percpu(map);
	}
}

/* Makes one value of what a lookup gives. @each: bytes of it. */
static void settle(const struct bpf_map *map, uint8_t *value, uint32_t each)
{
	uint32_t cpus = is_percpu(map) ? (uint32_t)libbpf_num_possible_cpus() : 1;
	uint64_t sum, word;

	for (uint32_t i = 0; i < each && cpus > 1; i += 8) {
		sum = 0;
		for (uint32_t cpu = 0; cpu < cpus; cpu++) {
			memcpy(&word, value + (size_t)cpu * each + i, 8);
			sum += word;
		}
		memcpy(value + i, &sum, 8);
	}
	if (!strcmp(bpf_map__name(map), "flows") && each == 40)
		memset(value + 16, 0, 16); /* first_ns, last_ns */
}

static uint32_t sort_size;

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, sort_size);
}

/* One map: a head, then its elements, sorted. */
struct map_head {
	char name[32];
	uint32_t n, size;
};

static int note_map(struct record *r, const struct bpf_map *map)
{
	uint32_t key_size = bpf_map__key_size(map), size = bpf_map__value_size(map), at = r->used;
	uint32_t each = is_percpu(map) ? ALIGN_UP(size, 8u) : size;
	uint32_t cpus = is_percpu(map) ? (uint32_t)libbpf_num_possible_cpus() : 1;
	struct map_head head = {.size = key_size + each};
	AUTO_FREE uint8_t *value = calloc(cpus, each);
	AUTO_FREE uint8_t *key = calloc(1, key_size);
	bool first = true;

	if (!value || !key)
		return -ENOMEM;
	snprintf(head.name, sizeof(head.name), "%s", bpf_map__name(map));
	note(r, &head, sizeof(head));
	while (!bpf_map_get_next_key(bpf_map__fd(map), first ? NULL : key, key)) {
		first = false;
		if (bpf_map_lookup_elem(bpf_map__fd(map), key, value))
			return -errno;
		settle(map, value, each);
		note(r, key, key_size);
		note(r, value, each);
		head.n++;
	}
	if (errno != ENOENT)
		return -errno;
	memcpy(r->bytes + at, &head, sizeof(head));
	sort_size = head.size;
	qsort(r->bytes + at + sizeof(head), head.n, head.size, by_bytes);
	r->n_maps++;
	return 0;
}

static int take_event(void *arg, void *data, size_t size)
{
	struct record *r = arg;
	uint32_t len = (uint32_t)size;

	note(r, &len, sizeof(len));
	note(r, data, len);
	r->n_events++;
	return 0;
}

static int note_events(struct record *r, const struct bpf_map *map)
{
	struct ring_buffer *ring = ring_buffer__new(bpf_map__fd(map), take_event, r, NULL);
	int n;

	if (!ring)
		return -errno;
	n = ring_buffer__consume(ring);
	ring_buffer__free(ring);
	return n < 0 ? n : 0;
}

static void run_one(struct record *r, int prog, const struct corpus_frame *f)
{
	static uint8_t out[2 * FRAME_MAX];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = corpus.bytes + f->at, .data_size_in = f->len, .data_out = out,
		    .data_size_out = sizeof(out));
	struct run *run = &r->runs[r->n_runs++];

	run->err = bpf_prog_test_run_opts(prog, &opts);
	run->at = r->used;
	if (run->err)
		return;
	run->verdict = opts.retval;
	run->len = opts.data_size_out;
	note(r, out, opts.data_size_out);
}

/* Fills, runs and writes down. The thread is where the object is. */
static int observe(struct record *r, const struct subject *s, struct bpf_object *obj)
{
	struct bpf_program *prog;
	struct bpf_map *map;
	int err = s->fill ? s->fill(obj) : 0;

	if (err) {
		snprintf(r->why, WHY, "filling its maps: %s", strerror(-err));
		return err;
	}
	bpf_object__for_each_program(prog, obj)
	{
		if (bpf_program__type(prog) != BPF_PROG_TYPE_XDP || bpf_program__fd(prog) < 0)
			continue;
		for (uint32_t i = 0; i < corpus.n && r->n_runs < MAX_RUNS; i++)
			run_one(r, bpf_program__fd(prog), &corpus.frames[i]);
	}
	r->maps_at = r->used;
	bpf_object__for_each_map(map, obj)
	{
		if (!err && has_elements(map))
			err = note_map(r, map);
	}
	r->events_at = r->used;
	bpf_object__for_each_map(map, obj)
	{
		if (!err && bpf_map__type(map) == BPF_MAP_TYPE_RINGBUF)
			err = note_events(r, map);
	}
	if (err)
		snprintf(r->why, WHY, "reading its maps: %s", strerror(-err));
	r->done = !err;
	return err;
}

/* The kernel's side. */

static struct record *listening;

/* Keeps the last line of a verifier's log, or the last complaint. */
static int libbpf_says(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	char line[WHY];

	if (level != LIBBPF_WARN || !listening)
		return 0;
	vsnprintf(line, sizeof(line), fmt, ap);
	line[strcspn(line, "\n")] = 0;
	if (!listening->why[0])
		snprintf(listening->why, WHY, "%s", line);
	return 0;
}

/* May this process load XDP programs? Maps alone may be free for all. */
static bool kernel_allows(void)
{
	const struct bpf_insn pass[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = XDP_PASS},
		{.code = BPF_JMP | BPF_EXIT},
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, NULL, "GPL", pass, 2, NULL);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

static void ask_kernel(struct record *r, const struct subject *s)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = s->name);
	struct bpf_object *obj;
	struct bpf_map *map;

	r->refused = !kernel_allows();
	if (r->refused)
		return;
	listening = r;
	libbpf_set_print(libbpf_says);
	obj = bpf_object__open_mem(s->data, s->len, &opts);
	if (!obj) {
		snprintf(r->why, WHY, "open: %s", strerror(errno));
		return;
	}
	/* Nothing of ours is pinned in the machine's bpffs. */
	bpf_object__for_each_map(map, obj)
	{
		bpf_map__set_pin_path(map, NULL);
	}
	r->loaded = !bpf_object__load(obj);
	listening = NULL;
	if (r->loaded) {
		r->why[0] = 0;
		observe(r, s, obj);
	}
	bpf_object__close(obj);
}

static void kernel_side(struct record *r, const struct subject *s)
{
	pid_t pid;
	int status;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		ask_kernel(r, s);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		snprintf(r->why, WHY, "the process that asks the kernel ended early");
}

/* skep's sides. */

static void hive_says(void *arg, enum skep_log_level level, const char *line)
{
	struct record *r = arg;

	if (level == SKEP_LOG_ERROR && !r->why[0])
		snprintf(r->why, WHY, "%s", line);
}

static void hive_side(struct record *r, const struct subject *s, uint32_t flags)
{
	struct skep_hive_opts opts = SKEP_OPTS(struct skep_hive_opts, .flags = flags, .log = hive_says, .log_arg = r);
	struct skep_object *obj;
	struct skep_hive *hive;

	if (skep_hive_new(&opts, &hive)) {
		snprintf(r->why, WHY, "no hive");
		return;
	}
	r->loaded = !skep_object_open_mem(hive, s->data, s->len, s->name, &obj);
	if (r->loaded) {
		seam_enter(hive);
		observe(r, s, object_libbpf(obj));
		seam_enter(NULL);
		skep_object_close(obj);
	}
	skep_hive_free(hive);
}

/* Comparing. */

static void claim(bool holds, const char *name, const char *what, const char *detail)
{
	claims++;
	failed += !holds;
	printf("%sok %d - %s: %s%s%s\n", holds ? "" : "not ", claims, name, what, *detail ? ": " : "", detail);
}

static bool same_runs(const struct record *a, const struct record *b, char *why)
{
	if (a->n_runs != b->n_runs) {
		snprintf(why, WHY, "%u runs and %u", a->n_runs, b->n_runs);
		return false;
	}
	for (uint32_t i = 0; i < a->n_runs; i++) {
		const struct run *x = &a->runs[i], *y = &b->runs[i];
		const uint8_t *p = a->bytes + x->at, *q = b->bytes + y->at;
		uint32_t k = 0;

		if (x->err != y->err || x->verdict != y->verdict || x->len != y->len) {
			snprintf(why, WHY, "frame %u of %u bytes: error %d verdict %u length %u, and %d, %u, %u",
				 i % corpus.n, corpus.frames[i % corpus.n].len, x->err, x->verdict, x->len, y->err,
				 y->verdict, y->len);
			return false;
		}
		while (k < x->len && p[k] == q[k])
			k++;
		if (k < x->len) {
			snprintf(why, WHY, "frame %u: byte %u is %02x and %02x", i % corpus.n, k, p[k], q[k]);
			return false;
		}
	}
	return true;
}

static bool same_maps(const struct record *a, const struct record *b, char *why)
{
	const uint8_t *p = a->bytes + a->maps_at, *q = b->bytes + b->maps_at;

	for (uint32_t i = 0; i < a->n_maps && i < b->n_maps; i++) {
		struct map_head x, y;

		memcpy(&x, p, sizeof(x));
		memcpy(&y, q, sizeof(y));
		p += sizeof(x);
		q += sizeof(y);
		if (memcmp(&x, &y, sizeof(x))) {
			snprintf(why, WHY, "map %s has %u elements of %u bytes, map %s %u of %u", x.name, x.n, x.size,
				 y.name, y.n, y.size);
			return false;
		}
		for (uint32_t k = 0; k < x.n; k++)
			if (memcmp(p + (size_t)k * x.size, q + (size_t)k * y.size, x.size)) {
				snprintf(why, WHY, "map %s: its elements differ, the first at %u of %u", x.name, k,
					 x.n);
				return false;
			}
		p += (size_t)x.n * x.size;
		q += (size_t)y.n * y.size;
	}
	if (a->n_maps != b->n_maps) {
		snprintf(why, WHY, "%u maps and %u", a->n_maps, b->n_maps);
		return false;
	}
	return true;
}

static bool same_events(const struct record *a, const struct record *b, char *why)
{
	if (a->n_events == b->n_events && a->used - a->events_at == b->used - b->events_at &&
	    !memcmp(a->bytes + a->events_at, b->bytes + b->events_at, a->used - a->events_at))
		return true;
	snprintf(why, WHY, "%u events and %u, or their bytes differ", a->n_events, b->n_events);
	return false;
}

/* "PASS 4000, DROP 800, 20 refused, 30 changed in length; 12 events" */
static void summary(const struct record *r, char *text)
{
	static const char *const names[] = {"ABORTED", "DROP", "PASS", "TX", "REDIRECT", "other"};
	uint32_t verdicts[6] = {0}, refused = 0, changed = 0;
	int n;

	for (uint32_t i = 0; i < r->n_runs; i++) {
		refused += r->runs[i].err != 0;
		if (r->runs[i].err)
			continue;
		verdicts[MIN(r->runs[i].verdict, 5u)]++;
		changed += r->runs[i].len != corpus.frames[i % corpus.n].len;
	}
	n = snprintf(text, WHY, "%u frames:", r->n_runs);
	for (uint32_t i = 0; i < 6; i++)
		if (verdicts[i])
			n += snprintf(text + n, WHY - (size_t)n, " %s %u", names[i], verdicts[i]);
	n += snprintf(text + n, WHY - (size_t)n, ", refused %u", refused);
	if (changed)
		n += snprintf(text + n, WHY - (size_t)n, ", other length %u", changed);
	if (r->n_events)
		snprintf(text + n, WHY - (size_t)n, "; %u events", r->n_events);
}

static void compare(const char *name, const char *what, const struct record *a, const struct record *b)
{
	char text[WHY] = "";
	bool same = a->done && b->done && same_runs(a, b, text) && same_maps(a, b, text) && same_events(a, b, text);

	if (same)
		summary(a, text);
	else if (!a->done || !b->done)
		snprintf(text, sizeof(text), "%.500s", a->done ? b->why : a->why);
	claim(same, name, what, text);
}

static void judge(const struct subject *s, const struct record *kernel, const struct record *interp,
		  const struct record *jit)
{
	/* Neither side takes it, or it is another project's and needs what skep does not have: said, and left out. */
	if (!jit->loaded && !s->ours) {
		printf("# %s: not run: skep: %s\n", s->name, jit->why);
		if (!kernel->refused && !kernel->loaded)
			printf("# %s: not run: kernel: %s\n", s->name, kernel->why);
		return;
	}
	if (jit->loaded && !jit->n_runs) {
		printf("# %s: not run: it has no XDP program\n", s->name);
		return;
	}
	compare(s->name, "JIT and interpreter agree", jit, interp);
	if (kernel->refused)
		printf("# %s: kernel: bpf(2) is not allowed here\n", s->name);
	else if (!kernel->loaded && !s->ours)
		printf("# %s: kernel: not run: %s\n", s->name, kernel->why);
	else
		compare(s->name, "skep and the kernel agree", jit, kernel);
}

static struct record *new_record(void)
{
	void *p = mmap(NULL, RECORD_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED) {
		fprintf(stderr, "against_kernel: no memory for a record\n");
		exit(1);
	}
	return p;
}

static struct subject *our_subjects(uint32_t *n)
{
	struct subject *all = calloc(apps_n, sizeof(*all));

	for (uint32_t i = 0; all && i < apps_n; i++) {
		all[i] =
			(struct subject){.name = apps[i].name, .data = apps[i].data, .len = *apps[i].len, .ours = true};
		if (!strcmp(apps[i].name, "xdp-firewall"))
			all[i].fill = fill_firewall;
		else if (!strcmp(apps[i].name, "xdp-lb"))
			all[i].fill = fill_lb;
	}
	*n = all ? apps_n : 0;
	return all;
}

/* The objects that libxdp and xdp-tools have installed. */
static struct subject *add_installed(struct subject *all, uint32_t *n)
{
	glob_t found = {0};

	if (glob("/usr/lib/*/bpf/*.o", 0, NULL, &found)) {
		printf("# xdp-tools is not installed: only the ready-made programs are run\n");
		return all;
	}
	for (size_t i = 0; i < found.gl_pathc; i++) {
		struct subject *more = realloc(all, (*n + 1) * sizeof(*all));
		const char *slash = strrchr(found.gl_pathv[i], '/');
		struct subject s = {.fill = fill_xdp_filter};
		void *data;

		if (!more)
			break;
		all = more;
		if (object_read(found.gl_pathv[i], &data, &s.len))
			continue;
		s.name = strdup(slash + 1);
		s.data = data;
		all[(*n)++] = s;
	}
	globfree(&found);
	return all;
}

int main(int argc, char **argv)
{
	struct subject *all;
	struct record **kernel;
	uint32_t n, first_foreign;
	char why[WHY];
	bool refused = false;

	if (argc != 2) {
		fprintf(stderr, "usage: against_kernel CAPTURE\n");
		return 2;
	}
	if (corpus_make(&corpus, argv[1], why)) {
		fprintf(stderr, "against_kernel: %s: %s\n", argv[1], why);
		return 1;
	}
	all = our_subjects(&n);
	first_foreign = n;
	all = add_installed(all, &n);
	kernel = calloc(n, sizeof(*kernel));
	if (!all || !n || !kernel)
		return 1;
	for (uint32_t i = 0; i < n; i++) {
		kernel[i] = new_record();
		kernel_side(kernel[i], &all[i]);
		refused |= kernel[i]->refused;
	}
	for (uint32_t i = 0; i < n; i++) {
		struct record *interp = new_record(), *jit = new_record();

		hive_side(interp, &all[i], SKEP_INTERPRET);
		hive_side(jit, &all[i], 0);
		judge(&all[i], kernel[i], interp, jit);
		munmap(interp, RECORD_BYTES);
		munmap(jit, RECORD_BYTES);
		munmap(kernel[i], RECORD_BYTES);
		if (i >= first_foreign) {
			free((void *)all[i].data);
			free((void *)all[i].name);
		}
	}
	free(all);
	free(kernel);
	corpus_free(&corpus);
	printf("1..%d\n", claims);
	if (refused)
		printf("# the kernel's part was left out: bpf(2) is not allowed here\n");
	return failed ? 1 : refused ? 77 : 0;
}
