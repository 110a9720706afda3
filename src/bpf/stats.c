/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BPF_ENABLE_STATS: while somebody holds the fd that it gives, every run of a program is counted and timed
 * (BPF_OBJ_GET_INFO_BY_FD: run_cnt, run_time_ns). As in the kernel, a run that was entered by a tail call counts for the program
 * that was entered first, and test runs count.
 */
#include "base/clock.h"
#include "bpf/cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

void hive_stats_free(struct hive_object *o)
{
	atomic_fetch_sub(&o->hive->stats, 1);
	if (o->fd >= 0)
		close(o->fd);
	free(o);
}

int cmd_enable_stats(struct bpf_call *call, uint32_t which)
{
	struct skep_hive *hive = call->hive;
	struct hive_object *o;
	int fd, ret;

	if (call->attr.enable_stats.type != BPF_STATS_RUN_TIME)
		return -EINVAL;
	o = calloc(1, sizeof(*o));
	if (!o)
		return -ENOMEM;
	fd = hive_memfd("stats", "run_time", NULL, 0);
	pthread_mutex_lock(&hive->lock);
	atomic_fetch_add(&hive->stats, 1);
	ret = hive_object_publish(hive, o, HIVE_STATS, fd, O_RDONLY);
	hive_sweep(hive);
	pthread_mutex_unlock(&hive->lock);
	return ret;
}

uint64_t hive_prog_exec_counted(const struct hive_prog *prog, void *ctx, struct skep_env *env)
{
	struct hive_prog *p = (struct hive_prog *)prog; /* only its counters change */
	uint64_t start = clock_ns(CLOCK_MONOTONIC);
	uint64_t ret;

	env->ctx = ctx;
	ret = p->target.jit ? jit_run(p->target.jit, ctx, env) : vm_run(p->vm, ctx, env);
	atomic_fetch_add_explicit(&p->run_ns, clock_ns(CLOCK_MONOTONIC) - start, memory_order_relaxed);
	atomic_fetch_add_explicit(&p->runs, 1, memory_order_relaxed);
	return ret;
}
