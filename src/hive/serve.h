/* SPDX-License-Identifier: BSD-2-Clause */
/* One client's requests, one after the other. */
#ifndef SKEP_HIVE_SERVE_H
#define SKEP_HIVE_SERVE_H

#include "skep/skep.h"

#include <stdatomic.h>
#include <stdint.h>

struct serve {
	struct skep_hive *hive;
	uint64_t started; /* seconds since the epoch */
	uint32_t (*clients)(void *arg); /* how many there are */
	void (*stop)(void *arg); /* somebody wants the hive to end */
	const atomic_bool *ending; /* it does: nobody is waited for */
	void *arg;
};

/* serve_client - answer until the client goes or says what has no meaning; what it alone held has gone then. @sock stays the caller's. */
void serve_client(const struct serve *s, int sock);

#endif
