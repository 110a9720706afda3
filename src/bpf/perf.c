/* SPDX-License-Identifier: BSD-2-Clause */
/* Perf buffers as objects of the hive: what stands in PERF_EVENT_ARRAY maps. */
#include "base/util.h"
#include "bpf/hive.h"

#include <errno.h>
#include <fcntl.h>

void hive_perf_free(struct hive_object *o)
{
	struct hive_perf *p = container_of(o, struct hive_perf, o);

	perfbuf_destroy(p->buf); /* closes o->fd, which is its memfd */
	free(p);
}

int hive_open_perf(struct skep_hive *hive, uint32_t cpu)
{
	struct hive_perf *p = calloc(1, sizeof(*p));
	int ret;

	if (!p)
		return -ENOMEM;
	ret = perfbuf_create(cpu, &p->buf);
	if (ret) {
		free(p);
		return ret;
	}
	p->buf->owner = &p->o;
	pthread_mutex_lock(&hive->lock);
	ret = hive_object_add(hive, &p->o, HIVE_PERF, p->buf->memfd);
	if (ret) {
		perfbuf_destroy(p->buf);
		free(p);
	} else {
		hive_object_hold(&p->o);
		ret = hive_object_open(&p->o, O_RDWR);
		hive_object_put(&p->o);
	}
	pthread_mutex_unlock(&hive->lock);
	return ret;
}
