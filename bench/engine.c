/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How fast programs run: native code, skep's JIT, its interpreter and the kernel's JIT, side by side in one run.
 *
 * kinds.bpf.c is compiled for the machine itself, once with and once without vector instructions (the faster of the two counts, program by
 * program), and to eBPF, which runs in the hive's engines and, where bpf(2) is allowed, in the kernel. All work on the same input; in the hive and
 * natively on the very same memory. Rounds of all sides alternate, so that what disturbs the machine disturbs everyone; the fastest
 * round of each is taken and the time of an empty program subtracted. What the sides returned is compared.
 */
#include "hive.h"

#include "base/clock.h"
#include "base/util.h"
#include "bpf/seam.h"
#include "jit/jit.h"
#include "map/map.h"
#include "prog/packet.h"
#include "skep/skep.h"
#include "vm/vm.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	ROUNDS = 15,
	ROUND_NS = 4000000,
	KERNEL_REPEAT_MAX = 1000000,
	ROOM_SIZE = 3072,
	N_RULES = 32,
	FRAME_SIZE = 1514
};

typedef int native_fn(struct xdp_md *ctx);

enum side { NATIVE_VECTOR, NATIVE_SCALAR, SIDE_JIT, SIDE_INTERP, SIDE_KERNEL, SIDES };

/* The programs that comparisons with other engines are made of (their names there differ): the geometric mean is theirs. */
static const char *const compared[] = {"arithmetic", "murmur",         "siphash",  "sha256", "firewall",
				       "byte_copy",  "switch_in_loop", "checksum", "calls"};

struct kind {
	native_fn *native[2];
	const struct hive_prog *prog;
	int kernel_fd; /* below 0: none */
	double ns[SIDES]; /* 0: not measured */
	uint32_t ret[SIDES];
	uint64_t repeat[SIDES];
};

static uint8_t rooms[2][ROOM_SIZE];
static struct {
	uint32_t saddr, smask, daddr, dmask;
	uint16_t port_min, port_max;
	uint8_t proto, action;
} rules[N_RULES];

/* Ethernet, IPv4, TCP: 10.0.0.2:40000 to 192.168.0.3:443; then random bytes. */
static uint8_t frame[FRAME_SIZE] = {2, 0,  0, 0, 0, 1,  2, 0, 0, 0,   0,   2, 8, 0,    0x45, 0, 0,    50, 0, 0, 0,
				    0, 64, 6, 0, 0, 10, 0, 0, 2, 192, 168, 0, 3, 0x9c, 0x40, 1, 0xbb, 0,  0, 0, 1};

/* For kinds.bpf.c's native form. */
__attribute__((visibility("default"))) void *native_hash_lookup(void *map, const void *key);
__attribute__((visibility("default"))) long native_hash_update(void *map, const void *key, const void *value,
							       unsigned long long flags);

void *native_hash_lookup(void *map, const void *key)
{
	return map_lookup(map, key, 0);
}

long native_hash_update(void *map, const void *key, const void *value, unsigned long long flags)
{
	return map_update(map, key, value, flags, 0);
}

/* A TLS record with a ClientHello that asks for a server by name, behind two other extensions. */
static void make_hello(uint8_t *p)
{
	static const char name[] = "www.example.org";
	enum { NAME = sizeof(name) - 1, EXTENSIONS = 4 + 8 + 4 + 4 + 4 + 5 + NAME };
	uint32_t at = 43;

	memset(p, 0, 512);
	p[0] = 22;
	p[5] = 1;
	p[at] = 32;
	at += 33;
	p[at + 1] = 26;
	at += 28;
	p[at] = 1;
	at += 2;
	p[at + 1] = EXTENSIONS;
	at += 2;
	memcpy(p + at, (uint8_t[]){0, 10, 0, 8}, 4);
	at += 12;
	memcpy(p + at, (uint8_t[]){0, 11, 0, 4}, 4);
	at += 8;
	memcpy(p + at, (uint8_t[]){0, 0, 0, 5 + NAME, 0, 3 + NAME, 0, 0, NAME}, 9);
	memcpy(p + at + 9, name, NAME);
}

static void make_input(void)
{
	uint64_t x = 0x9e3779b97f4a7c15;

	for (uint32_t i = 0; i < ROOM_SIZE; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		rooms[0][i] = (uint8_t)(x >> 32);
		rooms[1][i] = (uint8_t)(x >> 40) | 0x20;
	}
	for (uint32_t i = 64; i < FRAME_SIZE; i++)
		frame[i] = rooms[0][i];
	make_hello(rooms[1]);
	memcpy(rooms[1] + ROOM_SIZE / 2 + 490, "\r\nHost: ", 8);
	for (uint32_t i = 0; i < N_RULES; i++) {
		rules[i].smask = i & 1 ? 0x00ffffff : 0;
		rules[i].saddr = i & 1 ? 0x0001000a + (i << 16) : 0;
		rules[i].port_min = (uint16_t)(i & 1 ? 0 : 1000 + i);
		rules[i].port_max = (uint16_t)(i & 1 ? 65535 : 1001 + i);
		rules[i].proto = 6;
		rules[i].action = 1;
	}
	rules[N_RULES - 1].smask = rules[N_RULES - 1].saddr = 0;
	rules[N_RULES - 1].action = 2;
}

/* Opens and loads the object on the side that is entered, and fills its maps. */
static struct bpf_object *load(const char *path)
{
	struct bpf_object *obj = bpf_object__open_file(path, NULL);
	int rooms_fd, rules_fd;

	if (!obj || bpf_object__load(obj)) {
		bpf_object__close(obj);
		return NULL;
	}
	rooms_fd = bpf_object__find_map_fd_by_name(obj, "rooms");
	rules_fd = bpf_object__find_map_fd_by_name(obj, "rulesets");
	for (uint32_t i = 0; i < 2; i++)
		if (bpf_map_update_elem(rooms_fd, &i, rooms[i], 0))
			return NULL;
	if (bpf_map_update_elem(rules_fd, &(uint32_t){0}, rules, 0))
		return NULL;
	return obj;
}

/* The fourth pointer of a map's variable is its "value": see native.h. */
static bool bind_maps(void *lib, struct skep_hive *hive, const struct bpf_object *obj)
{
	struct bpf_map *m;

	bpf_object__for_each_map(m, obj)
	{
		void **var = dlsym(lib, bpf_map__name(m));
		struct hive_object *o = bench_object(hive, bpf_map__fd(m), HIVE_MAP);
		struct skep_map *map;

		if (!o)
			return false;
		if (!var) /* a section's variables, which the native form has of its own */
			continue;
		map = container_of(o, struct hive_map, o)->map;
		var[3] = bpf_map__type(m) == BPF_MAP_TYPE_ARRAY ? (void *)map->mem : (void *)map;
	}
	return true;
}

static double round_of(struct kind *k, enum side side, struct hive_worker *w)
{
	uint64_t n = k->repeat[side], start;
	uint32_t ret = 0;
	struct xdp_md *ctx;

	if (side == SIDE_KERNEL) {
		LIBBPF_OPTS(bpf_test_run_opts, opts, .repeat = (int)MIN(n, (uint64_t)KERNEL_REPEAT_MAX),
			    .data_in = frame, .data_size_in = sizeof(frame));

		if (bpf_prog_test_run_opts(k->kernel_fd, &opts))
			return 0;
		k->ret[side] = opts.retval;
		return opts.duration;
	}
	packet_set_xdp(w->pkt, frame, sizeof(frame), 0);
	ctx = &w->pkt->ctx.xdp;
	ctx->ingress_ifindex = 1;
	w->env.ctx = ctx;
	start = clock_ns(CLOCK_MONOTONIC);
	switch (side) {
	case NATIVE_VECTOR:
	case NATIVE_SCALAR:
		for (uint64_t i = 0; i < n; i++)
			ret = (uint32_t)k->native[side](ctx);
		break;
	case SIDE_JIT:
		for (uint64_t i = 0; i < n; i++)
			ret = (uint32_t)jit_run(k->prog->target.jit, ctx, &w->env);
		break;
	default:
		for (uint64_t i = 0; i < n; i++)
			ret = (uint32_t)vm_run(k->prog->vm, ctx, &w->env);
	}
	k->ret[side] = ret;
	return (double)(clock_ns(CLOCK_MONOTONIC) - start) / (double)n;
}

static void measure(struct kind *k, struct hive_worker *w)
{
	for (int round = 0; round < ROUNDS; round++) {
		for (enum side side = 0; side < SIDES; side++) {
			double ns;

			if ((side == SIDE_KERNEL && k->kernel_fd < 0) || (side == SIDE_JIT && !k->prog->target.jit))
				continue;
			if (!k->repeat[side]) {
				k->repeat[side] = 16;
				ns = round_of(k, side, w);
				k->repeat[side] = (uint64_t)MIN(MAX(ROUND_NS / MAX(ns, 1.0), 16.0), 1e7);
			}
			ns = round_of(k, side, w);
			if (ns > 0 && (k->ns[side] == 0 || ns < k->ns[side]))
				k->ns[side] = ns;
		}
	}
}

static double compile_us(const struct hive_prog *p)
{
	double best = 0;

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t start = clock_ns(CLOCK_MONOTONIC);
		struct jit_object *o;
		double us;

		if (jit_compile(&p->code, &o))
			return 0;
		us = (double)(clock_ns(CLOCK_MONOTONIC) - start) / 1000;
		jit_object_free(o);
		best = best == 0 || us < best ? us : best;
	}
	return best;
}

static void cell(double ratio)
{
	if (ratio > 0)
		printf(" %7.2f", ratio);
	else
		printf(" %7s", "-");
}

/* One line of the table; adds the ratios to the logarithms' sums of those that are compared. */
static void report(const char *name, const struct kind *k, const struct kind *empty, double sums[SIDES])
{
	double ns[SIDES], native, us = compile_us(k->prog);
	bool differ = false, in = false;

	for (enum side s = 0; s < SIDES; s++) {
		ns[s] = k->ns[s] > 0 ? MAX(k->ns[s] - empty->ns[s], 0.1) : 0;
		differ |= k->ns[s] > 0 && k->ret[s] != k->ret[SIDE_INTERP];
	}
	native = MIN(ns[NATIVE_VECTOR], ns[NATIVE_SCALAR]);
	printf("%-15s %6u %9.1f%c %9.1f %9.1f %9.0f", name, k->prog->code.n_insns, native,
	       ns[NATIVE_VECTOR] < ns[NATIVE_SCALAR] * 0.97 ? 'v' : ' ', ns[SIDE_JIT], ns[SIDE_KERNEL],
	       ns[SIDE_INTERP]);
	for (enum side s = SIDE_JIT; s < SIDES; s++) {
		enum side order[] = {[SIDE_JIT] = SIDE_JIT, [SIDE_INTERP] = SIDE_KERNEL, [SIDE_KERNEL] = SIDE_INTERP};

		cell(ns[order[s]] / native);
	}
	printf(" %8.1f%s\n", us * 1000 / k->prog->code.n_insns, differ ? "  RESULTS DIFFER" : "");
	for (size_t i = 0; i < ARRAY_SIZE(compared); i++)
		in |= !strcmp(compared[i], name);
	for (enum side s = SIDE_JIT; in && s < SIDES; s++)
		sums[s] += ns[s] > 0 ? log(ns[s] / native) : 0;
}

int main(int argc, char **argv)
{
	struct skep_hive_opts opts = SKEP_OPTS(struct skep_hive_opts);
	static struct kind kinds[64], *empty = NULL;
	void *libs[2];
	struct bpf_object *obj, *kernel_obj;
	struct bpf_program *p;
	struct hive_worker *w;
	struct skep_hive *hive;
	double sums[SIDES] = {0};
	uint32_t n = 0;
	int err = skep_hive_new(&opts, &hive);

	if (argc < 4) {
		fprintf(stderr, "usage: bench-engine OBJECT NATIVE-VECTOR.so NATIVE-SCALAR.so [PROGRAM...]\n");
		return 2;
	}
	if (err) {
		fprintf(stderr, "bench-engine: no hive: %s\n", strerror(-err));
		return 1;
	}
	libbpf_set_print(bench_silent);
	make_input();
	kernel_obj = load(argv[1]);
	seam_enter(hive);
	obj = load(argv[1]);
	seam_enter(NULL);
	if (!obj) {
		fprintf(stderr, "bench-engine: %s does not load\n", argv[1]);
		return 1;
	}
	for (int i = 0; i < 2; i++) {
		libs[i] = dlopen(argv[2 + i], RTLD_NOW);
		if (!libs[i] || !bind_maps(libs[i], hive, obj)) {
			fprintf(stderr, "bench-engine: %s: %s\n", argv[2 + i], libs[i] ? "maps not found" : dlerror());
			return 1;
		}
	}
	w = hive_worker_get(hive);
	if (!w->pkt && packet_new(&w->pkt))
		return 1;
	w->env.pkt = w->pkt;
	w->env.prog_type = BPF_PROG_TYPE_XDP;
	printf("%-15s %6s %10s %9s %9s %9s %7s %7s %7s %8s\n", "ns a run", "insns", "native", "JIT", "kernel", "interp",
	       "JIT", "kernel", "interp", "us/1000");
	printf("%-15s %6s %10s %9s %9s %9s %23s %8s\n", "", "", "", "", "", "", "times native", "compile");
	bpf_object__for_each_program(p, obj)
	{
		const char *name = bpf_program__name(p);
		struct kind *k = &kinds[n++];
		struct bpf_program *theirs = kernel_obj ? bpf_object__find_program_by_name(kernel_obj, name) : NULL;
		bool wanted = argc == 4 || n == 1;

		for (int i = 4; i < argc; i++)
			wanted |= !strcmp(argv[i], name);
		if (!wanted)
			continue;
		for (int i = 0; i < 2; i++)
			*(void **)&k->native[i] = dlsym(libs[i], name);
		k->prog = bench_prog(hive, p);
		if (!k->prog || !k->native[0] || !k->native[1]) {
			fprintf(stderr, "bench-engine: %s has no native form\n", name);
			return 1;
		}
		k->kernel_fd = theirs ? bpf_program__fd(theirs) : -1;
		measure(k, w);
		if (!empty) {
			empty = k;
			printf("%-15s %6u %9.1f  %9.1f %9.1f %9.1f\n", name, k->prog->code.n_insns,
			       MIN(k->ns[NATIVE_VECTOR], k->ns[NATIVE_SCALAR]), k->ns[SIDE_JIT], k->ns[SIDE_KERNEL],
			       k->ns[SIDE_INTERP]);
		} else {
			report(name, k, empty, sums);
		}
		fflush(stdout);
	}
	if (argc == 4) {
		printf("geometric mean of %zu (all but the short, map-heavy and parsing ones): JIT %.2f",
		       ARRAY_SIZE(compared), exp(sums[SIDE_JIT] / ARRAY_SIZE(compared)));
		if (sums[SIDE_KERNEL] > 0)
			printf(", kernel %.2f", exp(sums[SIDE_KERNEL] / ARRAY_SIZE(compared)));
		printf(", interpreter %.1f times native\n", exp(sums[SIDE_INTERP] / ARRAY_SIZE(compared)));
	}
	hive_worker_put(hive, w);
	return 0;
}
