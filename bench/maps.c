/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an operation on a map costs a compiled program, in skep and in the kernel, in one run.
 *
 * maps.bpf.c has a program for each operation. Both sides load it by the same libbpf, get the same elements, and run by turns; the fastest round of
 * each counts, and the time of a program that only loops is taken off. Without the right to load, skep's side stands alone.
 *
 * Then, from bpf(2): elements in batches. And what two workers on two CPUs do together, beside one alone: lookups per second with the loop
 * in it. Both CPUs must be free for that: run it by `chrt -f 5` where others work on the machine.
 */
#include "hive.h"

#include "base/clock.h"
#include "base/util.h"
#include "bpf/seam.h"
#include "jit/jit.h"
#include "prog/packet.h"
#include "skep/skep.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 25, RUNS = 800, OPS = 256, KEYS = 8192, ELEMENTS = 12000, ENTRIES = 16384 };

struct keys {
	uint32_t key[KEYS];
};

struct side {
	const char *name;
	struct skep_hive *hive; /* NULL: the kernel */
	struct bpf_object *obj;
	struct ring_buffer *ring;
	struct hive_worker *w;
};

static int ignore(void *ctx, void *data, size_t len)
{
	return 0;
}

static int fill(struct bpf_object *obj)
{
	static const struct {
		const char *name;
		uint32_t n;
	} maps[] = {{"array", ENTRIES}, {"percpu_array", ENTRIES}, {"hash", ELEMENTS},    {"percpu_hash", ELEMENTS},
		    {"lru", ELEMENTS},  {"hash_churn", ELEMENTS},  {"lru_full", ENTRIES}, {"lru_percpu", ELEMENTS}};
	int n_cpus = libbpf_num_possible_cpus();
	uint64_t *values = calloc((size_t)n_cpus, sizeof(*values)), x = 1;
	struct keys *keys = calloc(1, sizeof(*keys));
	int err = values && keys ? 0 : -ENOMEM, fd;

	for (size_t i = 0; !err && i < ARRAY_SIZE(maps); i++) {
		fd = bpf_object__find_map_fd_by_name(obj, maps[i].name);
		for (uint32_t key = 0; !err && key < maps[i].n; key++)
			err = bpf_map_update_elem(fd, &key, values, BPF_ANY);
	}
	fd = bpf_object__find_map_fd_by_name(obj, "hash16");
	for (uint32_t key = 0; !err && key < ELEMENTS; key++)
		err = bpf_map_update_elem(fd, (uint32_t[4]){key}, values, BPF_ANY);
	fd = bpf_object__find_map_fd_by_name(obj, "devmap_hash");
	for (uint32_t key = 0; !err && key < ELEMENTS; key++)
		err = bpf_map_update_elem(fd, &key, &(uint32_t){1}, BPF_ANY); /* the loopback interface */
	fd = bpf_object__find_map_fd_by_name(obj, "bloom");
	for (uint64_t key = 0; !err && key < ELEMENTS; key++)
		err = bpf_map_update_elem(fd, NULL, &key, BPF_ANY);
	/* Prefixes of 16 to 32 bits over all addresses that are looked up. */
	fd = bpf_object__find_map_fd_by_name(obj, "lpm");
	for (uint32_t key = 0; !err && key < ELEMENTS; key++) {
		uint32_t len = 16 + key % 17, addr = key * 0x9e3779b1;

		err = bpf_map_update_elem(fd, (uint32_t[2]){len, addr}, values, BPF_ANY);
	}
	for (uint32_t i = 0; keys && i < KEYS; i++) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		keys->key[i] = (uint32_t)(x >> 33) % ELEMENTS;
	}
	fd = bpf_object__find_map_fd_by_name(obj, "keys");
	if (!err)
		err = bpf_map_update_elem(fd, &(uint32_t){0}, keys, BPF_ANY);
	free(values);
	free(keys);
	return err;
}

static bool open_side(struct side *s, const char *path)
{
	struct skep_hive *before = seam_enter(s->hive);
	bool ok;

	s->obj = bpf_object__open_file(path, NULL);
	ok = s->obj && !bpf_object__load(s->obj) && !fill(s->obj);
	if (ok)
		s->ring = ring_buffer__new(bpf_object__find_map_fd_by_name(s->obj, "ring"), ignore, NULL, NULL);
	seam_enter(before);
	return ok && s->ring;
}

/* run - RUNS runs of a program on a worker (the kernel needs none). Return: nanoseconds of one. */
static double run(struct side *s, const char *name, struct hive_worker *w)
{
	struct bpf_program *p = bpf_object__find_program_by_name(s->obj, name);
	uint8_t frame[64] = {0};
	struct skep_hive *before = seam_enter(s->hive);
	double ns = 0;

	if (!s->hive) {
		LIBBPF_OPTS(bpf_test_run_opts, opts, .repeat = RUNS, .data_in = frame, .data_size_in = sizeof(frame));

		if (!bpf_prog_test_run_opts(bpf_program__fd(p), &opts))
			ns = opts.duration;
	} else {
		struct hive_prog *prog = bench_prog(s->hive, p);
		uint64_t start;

		packet_set_xdp(w->pkt, frame, sizeof(frame), 0);
		w->env.ctx = &w->pkt->ctx.xdp;
		start = clock_ns(CLOCK_MONOTONIC);
		for (int i = 0; i < RUNS; i++)
			jit_run(prog->target.jit, &w->pkt->ctx.xdp, &w->env);
		ns = (double)(clock_ns(CLOCK_MONOTONIC) - start) / RUNS;
		bench_put(s->hive, &prog->o);
	}
	seam_enter(before);
	return ns;
}

static double round_of(struct side *s, const char *name)
{
	double ns = run(s, name, s->w);
	struct skep_hive *before = seam_enter(s->hive);

	/* What the ring holds is discarded records only. */
	ring_buffer__consume(s->ring);
	seam_enter(before);
	return ns;
}

static void bench(struct side *sides, int n, const char *name, double best[2])
{
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < n; i++) {
			double ns = round_of(&sides[i], name);

			if (ns > 0 && (best[i] == 0 || ns < best[i]))
				best[i] = ns;
		}
	}
}

/* make_ready - a worker that can run XDP programs. Return: 0 or an error. */
static int make_ready(struct hive_worker *w)
{
	int err = w->pkt ? 0 : packet_new(&w->pkt);

	w->env.pkt = w->pkt;
	w->env.prog_type = BPF_PROG_TYPE_XDP;
	return err;
}

/* Elements from bpf(2), in batches of 4096. */
static void bench_batches(struct side *sides, int n)
{
	static uint32_t keys[ENTRIES];
	static uint64_t values[ENTRIES];
	double best[2][2] = {{0}};

	for (int round = 0; round < ROUNDS; round++)
		for (int i = 0; i < n; i++) {
			struct skep_hive *before = seam_enter(sides[i].hive);
			int fd = bpf_object__find_map_fd_by_name(sides[i].obj, "hash"), err = 0;
			uint32_t at = 0, seen = 0, count;
			uint64_t start = clock_ns(CLOCK_MONOTONIC), between;

			while (!err) {
				count = 4096;
				err = bpf_map_lookup_batch(fd, seen ? &at : NULL, &at, keys + seen, values + seen,
							   &count, NULL);
				seen += count;
			}
			between = clock_ns(CLOCK_MONOTONIC);
			count = seen;
			bpf_map_update_batch(fd, keys, values, &count, NULL);
			if (seen == ELEMENTS && count == ELEMENTS) {
				double look = (double)(between - start) / ELEMENTS;
				double update = (double)(clock_ns(CLOCK_MONOTONIC) - between) / ELEMENTS;

				best[0][i] = best[0][i] > 0 ? MIN(best[0][i], look) : look;
				best[1][i] = best[1][i] > 0 ? MIN(best[1][i], update) : update;
			}
			seam_enter(before);
		}
	for (int what = 0; what < 2; what++) {
		printf("%-26s %8.1f ", what ? "batch update, per element" : "batch look-up, per element",
		       best[what][0]);
		if (n == 2)
			printf("%8.1f %8.2f\n", best[what][1], best[what][0] / best[what][1]);
		else
			printf("%8s %8s\n", "-", "-");
	}
}

/* One of the workers that run at the same time. */
struct runner {
	struct side *side;
	const char *name;
	struct hive_worker *w;
	pthread_barrier_t *start;
	int cpu;
	double ns;
};

static void *run_on_cpu(void *arg)
{
	struct runner *r = arg;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(r->cpu, &set);
	pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
	run(r->side, r->name, r->w);
	pthread_barrier_wait(r->start);
	r->ns = run(r->side, r->name, r->w);
	return NULL;
}

/* together - million operations a second of @n workers at once. */
static double together(struct side *s, const char *name, struct hive_worker **w, int n)
{
	struct runner r[2];
	pthread_t thread[2];
	pthread_barrier_t start;
	double rate = 0;

	pthread_barrier_init(&start, NULL, (unsigned int)n);
	for (int i = 0; i < n; i++) {
		r[i] = (struct runner){.side = s, .name = name, .w = w[i], .start = &start, .cpu = i};
		pthread_create(&thread[i], NULL, run_on_cpu, &r[i]);
	}
	for (int i = 0; i < n; i++) {
		pthread_join(thread[i], NULL);
		rate += OPS * 1000.0 / r[i].ns;
	}
	pthread_barrier_destroy(&start);
	return rate;
}

/* scaling - one worker and two by turns; the best round of each counts. */
static void scaling(struct side *s, const char *name, struct hive_worker **w, double best[2])
{
	best[0] = best[1] = 0;
	for (int round = 0; round < ROUNDS; round++)
		for (int n = 1; n <= 2; n++)
			best[n - 1] = MAX(best[n - 1], together(s, name, w, n));
}

static void bench_scaling(struct side *sides, int n)
{
	static const char *const names[] = {"array_lookup", "hash_lookup", "hash16_lookup", "percpu_hash_lookup",
					    "lru_lookup",   "lpm_lookup",  "bloom_peek"};
	struct hive_worker *w[2] = {sides[0].w, hive_worker_get(sides[0].hive)};

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2 || make_ready(w[1]))
		return;
	printf("\n%-26s %8s %8s %8s %8s\n", "million a second", "one", "two", "scaling", "kernel's");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		double best[2];

		scaling(&sides[0], names[i], w, best);
		printf("%-26s %8.0f %8.0f %8.2f ", names[i], best[0], best[1], best[1] / best[0]);
		if (n == 2) {
			scaling(&sides[1], names[i], w, best);
			printf("%8.2f\n", best[1] / best[0]);
		} else {
			printf("%8s\n", "-");
		}
		fflush(stdout);
	}
	hive_worker_put(sides[0].hive, w[1]);
}

int main(int argc, char **argv)
{
	/* Operation, and the goal in ns; 0: none. */
	static const struct {
		const char *name;
		double goal;
	} rows[] = {
		{"array_lookup", 0},        {"percpu_array_lookup", 0}, {"hash_lookup", 7},
		{"hash_miss", 4},           {"hash16_lookup", 9},       {"hash_update", 25},
		{"hash_insert_delete", 50}, {"percpu_hash_lookup", 8},  {"lru_lookup", 8},
		{"lru_update", 40},         {"lru_insert_evict", 60},   {"lru_percpu_lookup", 0},
		{"lru_percpu_update", 0},   {"devmap_hash_lookup", 0},  {"bloom_push", 0},
		{"bloom_peek", 0},          {"bloom_peek_miss", 0},     {"queue_push_pop", 0},
		{"stack_push_pop", 0},      {"lpm_lookup", 40},         {"ringbuf_reserve_discard", 18},
	};
	struct skep_hive_opts opts = SKEP_OPTS(struct skep_hive_opts, .flags = SKEP_TRUST_ADDRESSES);
	struct side sides[2] = {{.name = "skep"}, {.name = "kernel"}};
	double loop[2] = {0};
	int n = 1;

	libbpf_set_print(bench_silent);
	if (argc != 2) {
		fprintf(stderr, "usage: bench-maps OBJECT\n");
		return 2;
	}
	if (skep_hive_new(&opts, &sides[0].hive) || !open_side(&sides[0], argv[1])) {
		fprintf(stderr, "bench-maps: %s does not load\n", argv[1]);
		return 1;
	}
	sides[0].w = hive_worker_get(sides[0].hive);
	if (make_ready(sides[0].w))
		return 1;
	if (open_side(&sides[1], argv[1]))
		n = 2;
	bench(sides, n, "loop", loop);
	printf("%-26s %8s %8s %8s %8s\n", "ns an operation", "skep", "kernel", "ratio", "goal");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		double best[2] = {0};

		bench(sides, n, rows[i].name, best);
		for (int k = 0; k < n; k++)
			best[k] = MAX(best[k] - loop[k], 0.0) / OPS;
		printf("%-26s %8.1f ", rows[i].name, best[0]);
		if (n == 2)
			printf("%8.1f %8.2f ", best[1], best[0] / best[1]);
		else
			printf("%8s %8s ", "-", "-");
		if (rows[i].goal > 0)
			printf("%8.0f\n", rows[i].goal);
		else
			printf("%8s\n", "");
		fflush(stdout);
	}
	bench_batches(sides, n);
	bench_scaling(sides, n);
	hive_worker_put(sides[0].hive, sides[0].w);
	return 0;
}
