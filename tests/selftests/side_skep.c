/* SPDX-License-Identifier: BSD-2-Clause */
/* skep's side: bpf(2) is answered by a hive that only checks. It is made once; each child has a copy of its own. */
#include "run.h"

#include "bpf/hive.h"
#include "bpf/seam.h"
#include "skep/skep.h"
#include "verify/verify.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct skep_hive *hive;

static void log_line(void *arg, enum skep_log_level level, const char *line)
{
	if (level == SKEP_LOG_ERROR)
		fprintf(stderr, "selftests: skep: %s\n", line);
}

void side_prepare(void)
{
	struct skep_hive_opts opts = SKEP_OPTS(struct skep_hive_opts, .flags = SKEP_CHECK_ONLY, .log = log_line);
	int err = skep_hive_new(&opts, &hive);

	if (!err)
		return;
	fprintf(stderr, "selftests: no hive: %s\n", strerror(-err));
	exit(1);
}

void side_enter(void)
{
	seam_enter(hive);
}

const char *side_as(enum loader as)
{
	hive->caps = as == AS_ROOT ? VERIFY_CAP_ALL : as == AS_BPF ? VERIFY_CAP_BPF : 0;
	return NULL;
}
