/* SPDX-License-Identifier: BSD-2-Clause */
/* What benchmarks need of a hive's inside: the objects behind file descriptors; and a quiet libbpf. */
#ifndef SKEP_BENCH_HIVE_H
#define SKEP_BENCH_HIVE_H

#include "base/util.h"
#include "bpf/hive.h"

#include <bpf/libbpf.h>

/* bench_object - what a hive's fd stands for, held until bench_put(). Return: NULL when it is nothing of this kind. */
static inline struct hive_object *bench_object(struct skep_hive *hive, int fd, enum hive_kind kind)
{
	struct hive_object *o;
	int why;

	pthread_mutex_lock(&hive->lock);
	o = hive_object_by_fd(hive, fd, kind, &why);
	pthread_mutex_unlock(&hive->lock);
	return o;
}

static inline void bench_put(struct skep_hive *hive, struct hive_object *o)
{
	pthread_mutex_lock(&hive->lock);
	hive_object_put(o);
	pthread_mutex_unlock(&hive->lock);
}

/* bench_prog - bench_object() for a program; bench_put(&prog->o). */
static inline struct hive_prog *bench_prog(struct skep_hive *hive, const struct bpf_program *p)
{
	struct hive_object *o = bench_object(hive, bpf_program__fd(p), HIVE_PROG);

	return o ? container_of(o, struct hive_prog, o) : NULL;
}

/* bench_silent - for libbpf_set_print(): says nothing. */
static inline int bench_silent(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	return 0;
}

#endif
