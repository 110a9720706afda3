/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/events.h"

#include "base/util.h"
#include "bpf/fd.h"
#include "bpf/object.h"
#include "cli/value.h"
#include "map/map.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum { PERF_PAGES = 64 };

struct stream {
	struct events *all;
	const char *map;
	int fd;
	struct ring_buffer *ring; /* one of the two */
	struct perf_buffer *perf;
	uint64_t n, bytes, lost;
};

struct events {
	struct skep_hive *hive; /* NULL: the kernel */
	const struct btf *btf;
	struct events_opts opts;
	struct stream *streams;
	uint32_t n;
};

static uint32_t struct_of(const struct btf *btf, const char *name, size_t size)
{
	int32_t id = btf__find_by_name_kind(btf, name, BTF_KIND_STRUCT);
	const struct btf_type *t = id > 0 ? btf__type_by_id(btf, (uint32_t)id) : NULL;

	/* Perf buffers round a sample up to eight bytes. */
	return t && t->size <= size && size < t->size + 8u ? (uint32_t)id : 0;
}

static struct json_object *decode(const struct stream *s, const void *data, size_t size)
{
	const struct btf *btf = s->all->btf;
	char name[128];
	uint32_t id = 0;

	if (btf) {
		id = struct_of(btf, s->map, size);
		snprintf(name, sizeof(name), "%s_event", s->map);
		id = id ? id : struct_of(btf, name, size);
		id = id ? id : struct_of(btf, "event", size);
	}
	return value_to_json(btf, id, data, size);
}

static void take(struct stream *s, const void *data, size_t size)
{
	struct json_object *o;

	s->n++;
	s->bytes += size;
	if (s->all->opts.take) {
		s->all->opts.take(s->all->opts.arg, s->map, data, size);
		return;
	}
	if (!s->all->opts.json && !s->all->opts.verbose)
		return;
	if (!s->all->opts.json && s->all->opts.words && s->all->opts.words(s->all->opts.to, s->map, data, size))
		return;
	o = json_object_new_object();
	json_object_object_add(o, "event", json_object_new_string(s->map));
	json_object_object_add(o, "value", decode(s, data, size));
	if (s->all->opts.json) {
		print_json_to(s->all->opts.to, o);
		return;
	}
	fprintf(s->all->opts.to, "%s: %s\n", s->map,
		json_object_to_json_string_ext(json_object_object_get(o, "value"),
					       JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

static int take_ring(void *arg, void *data, size_t size)
{
	take(arg, data, size);
	return 0;
}

static void take_perf(void *arg, int cpu, void *data, __u32 size)
{
	take(arg, data, size);
}

static void lose_perf(void *arg, int cpu, __u64 n)
{
	((struct stream *)arg)->lost += n;
}

static int open_stream(struct stream *s, uint32_t type)
{
	if (type == BPF_MAP_TYPE_RINGBUF)
		s->ring = ring_buffer__new(s->fd, take_ring, s, NULL);
	else
		s->perf = perf_buffer__new(s->fd, PERF_PAGES, take_perf, lose_perf, s, NULL);
	if (s->ring || s->perf)
		return EXIT_OK;
	return fail("map '%s': cannot be read: %s", s->map, strerror(errno));
}

int events_open_maps(struct events **out, const struct map_view *maps, uint32_t n, const struct btf *btf,
		     struct skep_hive *hive, const struct events_opts *opts)
{
	struct events *e = calloc(1, sizeof(*e));
	int ret = EXIT_OK;

	*out = e;
	if (!e)
		return fail("out of memory");
	*e = (struct events){
		.hive = hive, .btf = btf, .opts = *opts, .streams = calloc(MAX(n, 1u), sizeof(*e->streams))};
	if (!e->streams)
		return fail("out of memory");
	for (uint32_t i = 0; i < n && ret == EXIT_OK; i++) {
		struct stream *s = &e->streams[e->n];

		if (maps[i].type != BPF_MAP_TYPE_RINGBUF && maps[i].type != BPF_MAP_TYPE_PERF_EVENT_ARRAY)
			continue;
		*s = (struct stream){.all = e, .map = maps[i].name, .fd = maps[i].fd};
		ret = open_stream(s, maps[i].type);
		if (ret == EXIT_OK)
			e->n++;
	}
	return ret;
}

int events_open(struct events **out, struct source *src, const struct events_opts *opts)
{
	const struct bpf_object *obj = object_libbpf(src->obj);
	AUTO_FREE struct map_view *views = NULL;
	struct bpf_map *map;
	uint32_t n = 0;

	*out = NULL;
	bpf_object__for_each_map(map, obj) n++;
	views = calloc(MAX(n, 1u), sizeof(*views));
	if (!views)
		return fail("out of memory");
	n = 0;
	bpf_object__for_each_map(map, obj) map_view(obj, map, &views[n++]);
	return events_open_maps(out, views, n, bpf_object__btf(obj), src->hive, opts);
}

void events_drain(struct events *e)
{
	for (uint32_t i = 0; i < e->n; i++) {
		if (e->streams[i].ring)
			ring_buffer__consume(e->streams[i].ring);
		else
			perf_buffer__consume(e->streams[i].perf);
	}
}

uint32_t events_fds(const struct events *e, struct pollfd *fds, uint32_t room)
{
	uint32_t n = 0;

	for (; n < e->n && n < room; n++)
		fds[n] = (struct pollfd){.fd = e->streams[n].ring ? ring_buffer__epoll_fd(e->streams[n].ring)
								  : perf_buffer__epoll_fd(e->streams[n].perf),
					 .events = POLLIN};
	return n;
}

void events_woken(struct events *e)
{
	for (uint32_t i = 0; i < e->n; i++) {
		if (e->streams[i].ring)
			ring_buffer__poll(e->streams[i].ring, 0);
		else
			perf_buffer__poll(e->streams[i].perf, 0);
	}
}

/* What a ring buffer refused for want of room. */
static uint64_t lost(const struct stream *s)
{
	struct skep_hive *hive = s->all->hive;
	struct hive_map *m;
	uint64_t n = s->lost;
	int why;

	if (!s->ring || !hive)
		return n;
	pthread_mutex_lock(&hive->lock);
	m = hive_map_get(hive, s->fd, &why);
	if (m) {
		n = ringbuf_dropped(m->map);
		hive_object_put(&m->o);
	}
	pthread_mutex_unlock(&hive->lock);
	return n;
}

void events_print(const struct events *e, FILE *to)
{
	char a[32], b[32];

	for (uint32_t i = 0; i < e->n; i++) {
		const struct stream *s = &e->streams[i];

		fprintf(to, "  %s events through %s%s\n", number(a, s->n), s->map,
			e->opts.verbose || !s->n ? "" : " (-v shows them)");
		if (lost(s))
			fprintf(to, "  %s%s events lost, %s was full%s\n", paint(to, PAINT_RED), number(b, lost(s)),
				s->map, paint(to, PAINT_OFF));
	}
}

void events_json(const struct events *e, struct json_object *o)
{
	struct json_object *all = json_object_new_object();

	for (uint32_t i = 0; i < e->n; i++) {
		const struct stream *s = &e->streams[i];
		struct json_object *one = json_object_new_object();

		json_count(one, "events", s->n);
		json_count(one, "bytes", s->bytes);
		json_count(one, "lost", lost(s));
		json_object_object_add(all, s->map, one);
	}
	json_object_object_add(o, "events", all);
}

void events_close(struct events *e)
{
	if (!e)
		return;
	for (uint32_t i = 0; i < e->n; i++) {
		ring_buffer__free(e->streams[i].ring);
		perf_buffer__free(e->streams[i].perf);
	}
	free(e->streams);
	free(e);
}
