/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How long verification takes, beside the kernel's own (its log's statistics line), in one run.
 *
 * Each program of each object is loaded alone, several times, by the same libbpf: into a hive that only checks and into the kernel, in turn. The
 * shortest time of each side is shown; what is needed beside it (BTF, maps, relocation) is not in it. Without the right to
 * load, or on another kernel, skep's side stands alone.
 */
#include "hive.h"

#include "base/util.h"
#include "bpf/seam.h"
#include "skep/skep.h"

#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 5, LOG_STATISTICS = 4, LOG_SIZE = 1 << 16 };

struct timing {
	double us; /* the shortest; 0: not loaded */
	unsigned int processed, states;
	size_t memory; /* skep's */
	bool accepted;
};

/* One load of one program of an object; into the kernel when no hive is entered. */
static bool load(const char *path, const char *name, struct timing *out)
{
	static char log[LOG_SIZE];
	LIBBPF_OPTS(bpf_object_open_opts, opts, .kernel_log_buf = log, .kernel_log_size = sizeof(log),
		    .kernel_log_level = LOG_STATISTICS);
	struct bpf_object *obj = bpf_object__open_file(path, &opts);
	struct bpf_program *p;
	struct bpf_map *m;
	const char *at;
	double us = 0;

	if (!obj)
		return false;
	bpf_object__for_each_program(p, obj) bpf_program__set_autoload(p, !strcmp(bpf_program__name(p), name));
	bpf_object__for_each_map(m, obj)
	{
		bpf_map__set_pin_path(m, NULL);
		if (!bpf_map__max_entries(m))
			bpf_map__set_max_entries(m, bpf_map__type(m) == BPF_MAP_TYPE_RINGBUF ? 4096 : 1);
	}
	log[0] = 0;
	out->accepted = !bpf_object__load(obj);
	at = strstr(log, "verification time ");
	if (at)
		us = atof(at + strlen("verification time "));
	if (us > 0 && (out->us == 0 || us < out->us))
		out->us = us;
	at = strstr(log, "processed ");
	if (at)
		sscanf(at, "processed %u insns (limit %*u) max_states_per_insn %*u total_states %u", &out->processed,
		       &out->states);
	if (seam_hive() && out->accepted) {
		struct hive_prog *prog = bench_prog(seam_hive(), bpf_object__find_program_by_name(obj, name));

		if (prog) {
			out->memory = prog->verify_memory;
			bench_put(seam_hive(), &prog->o);
		}
	}
	bpf_object__close(obj);
	return out->us > 0;
}

static void bench(struct skep_hive *hive, const char *path, double *ratios, unsigned int *n, double at_least)
{
	const char *base = strrchr(path, '/');
	struct bpf_object *obj = bpf_object__open_file(path, NULL);
	struct bpf_program *p;

	if (!obj) {
		printf("%s: does not open\n", path);
		return;
	}
	bpf_object__for_each_program(p, obj)
	{
		struct timing ours = {0}, theirs = {0};
		char name[64];
		bool kernel = true;

		for (int i = 0; i < ROUNDS; i++) {
			struct skep_hive *before = seam_enter(hive);

			load(path, bpf_program__name(p), &ours);
			seam_enter(before);
			kernel = kernel && load(path, bpf_program__name(p), &theirs);
		}
		if (ours.us < at_least)
			continue;
		snprintf(name, sizeof(name), "%.30s:%s", base ? base + 1 : path, bpf_program__name(p));
		printf("%-56s %9u %7u %8.1f %10.0f ", name, ours.processed, ours.states, (double)ours.memory / 1024,
		       ours.us);
		if (kernel) {
			printf("%10.0f %6.2f %8.0f %8.0f%s\n", theirs.us, ours.us / theirs.us,
			       ours.processed ? ours.us * 1000 / ours.processed : 0,
			       theirs.processed ? theirs.us * 1000 / theirs.processed : 0,
			       ours.accepted != theirs.accepted ? "  verdicts differ"
			       : ours.accepted                  ? ""
								: "  refused");
			ratios[(*n)++] = ours.us / theirs.us;
		} else {
			printf("%10s %6s %8.0f %8s\n", "-", "-", ours.processed ? ours.us * 1000 / ours.processed : 0,
			       "-");
		}
	}
	bpf_object__close(obj);
}

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

int main(int argc, char **argv)
{
	struct skep_hive_opts opts = SKEP_OPTS(struct skep_hive_opts, .flags = SKEP_CHECK_ONLY);
	double ratios[4096], at_least = 0;
	struct skep_hive *hive;
	unsigned int n = 0;
	int first = 1, err = skep_hive_new(&opts, &hive);

	if (argc > 2 && !strcmp(argv[1], "--at-least")) {
		at_least = atof(argv[2]);
		first = 3;
	}
	if (argc <= first) {
		fprintf(stderr, "usage: bench-verify [--at-least US] OBJECT...\n");
		return 2;
	}
	if (err) {
		fprintf(stderr, "bench-verify: a hive needs the kernel's BTF: %s\n", strerror(-err));
		return 1;
	}
	libbpf_set_print(bench_silent);
	printf("%-56s %9s %7s %8s %10s %10s %6s %8s %8s\n", "program", "processed", "states", "peak KiB", "skep us",
	       "kernel us", "ratio", "ns/insn", "kernel");
	for (int i = first; i < argc && n < ARRAY_SIZE(ratios) - 256; i++)
		bench(hive, argv[i], ratios, &n, at_least);
	if (n) {
		qsort(ratios, n, sizeof(ratios[0]), by_value);
		printf("%u programs beside the kernel: ratio median %.2f, worst %.2f\n", n, ratios[n / 2],
		       ratios[n - 1]);
	}
	skep_hive_free(hive);
	return 0;
}
