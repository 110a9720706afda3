/* SPDX-License-Identifier: BSD-2-Clause */
/* The hive's timers: bpf_timer in map values. timers.c has the theory. */
#ifndef SKEP_BPF_TIMERS_H
#define SKEP_BPF_TIMERS_H

#include <stdbool.h>
#include <stdint.h>

struct hive_map;
struct hive_timers;
struct skep_env;
struct skep_hive;

/* timers_new - for a new hive; its thread begins with the first timer that is started. NULL without memory. */
struct hive_timers *timers_new(struct skep_hive *hive);
/* timers_stop - no callback runs afterwards. hive->lock is not held. */
void timers_stop(struct hive_timers *ts);
/* timers_free - when all maps are gone. NULL is fine. */
void timers_free(struct hive_timers *ts);

/* timers_attach - a map whose values have a timer at @off, before it is used. 0 or -ENOMEM. */
int timers_attach(struct hive_map *m, uint32_t off);
/* timers_cancel_map - end all timers of a map and let go of their programs. hive->lock is held. Return: whether there were any. */
bool timers_cancel_map(struct hive_map *m);

/* timers_prepare_env - a worker's environment finds them. */
void timers_prepare_env(struct hive_timers *ts, struct skep_env *env);

#endif
