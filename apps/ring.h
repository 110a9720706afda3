/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What a program has told through its ring "events" (ring.bpf.h), and what found the ring full: map "stats", element 0, one for each CPU. */
#ifndef APPS_RING_H
#define APPS_RING_H

#include <linux/types.h>

struct ring_stats {
	__u64 told, lost;
};

#endif
