/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel's test run says of a capture's first frames: the verdicts of an XDP program, counted, one line each as "value frames".
 * bench/replay.sh holds skep's own counts against it.
 */
#include "base/util.h"
#include "hook/net/capture.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 512, VERDICTS = 5, WHY = 320 };

static int silent(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	return 0;
}

int main(int argc, char **argv)
{
	uint64_t left, count[VERDICTS] = {0};
	struct frame frames[BATCH];
	struct bpf_object *obj;
	struct capture *cap;
	char why[WHY];
	int fd, n;

	if (argc != 4 || !(left = strtoull(argv[3], NULL, 0))) {
		fprintf(stderr, "usage: bench-sample OBJECT CAPTURE FRAMES\n");
		return 2;
	}
	libbpf_set_print(silent);
	obj = bpf_object__open_file(argv[1], NULL);
	if (!obj || bpf_object__load(obj)) {
		fprintf(stderr, "bench-sample: %s: the kernel does not load it: %s\n", argv[1], strerror(errno));
		return 77;
	}
	fd = bpf_program__fd(bpf_object__next_program(obj, NULL));
	if (capture_open(argv[2], &cap, why)) {
		fprintf(stderr, "bench-sample: %s: %s\n", argv[2], why);
		return 1;
	}
	while (left && (n = capture_batch(cap, frames, (uint32_t)MIN(left, (uint64_t)BATCH), why)) > 0) {
		for (int i = 0; i < n; i++) {
			LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frames[i].data, .data_size_in = frames[i].len);

			if (bpf_prog_test_run_opts(fd, &opts) || opts.retval >= VERDICTS) {
				fprintf(stderr, "bench-sample: test run: %s\n", strerror(errno));
				return 1;
			}
			count[opts.retval]++;
		}
		left -= (uint32_t)n;
	}
	for (int i = 0; i < VERDICTS; i++)
		if (count[i])
			printf("%d %llu\n", i, (unsigned long long)count[i]);
	capture_close(cap);
	bpf_object__close(obj);
	return 0;
}
