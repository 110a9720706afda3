/* SPDX-License-Identifier: BSD-2-Clause */
#include "hook/net/pcapng.h"

#include "base/util.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
	BLOCK_SECTION = 0x0a0d0d0a,
	BLOCK_INTERFACE = 1,
	BLOCK_STATISTICS = 5,
	BLOCK_PACKET = 6,
	BYTE_ORDER_MAGIC = 0x1a2b3c4d,
	OPT_END = 0,
	OPT_COMMENT = 1,
	OPT_SHB_USERAPPL = 4,
	OPT_IF_TSRESOL = 9,
	OPT_ISB_IFRECV = 4,
	OPT_ISB_IFDROP = 5,
	LINKTYPE_ETHERNET = 1,
	COMMENT_MAX = 4096,
};

struct pcapng {
	FILE *f;
	int err;
};

static void put(struct pcapng *p, const void *bytes, size_t len)
{
	if (!p->err && len && fwrite(bytes, len, 1, p->f) != 1)
		p->err = errno ? -errno : -EIO;
}

static void put32(struct pcapng *p, uint32_t v)
{
	put(p, &v, sizeof(v));
}

/* Everything in a block is padded to four bytes. */
static void put_padded(struct pcapng *p, const void *bytes, size_t len)
{
	static const uint8_t zero[4];

	put(p, bytes, len);
	put(p, zero, ALIGN_UP(len, (size_t)4) - len);
}

static uint32_t option_size(size_t len)
{
	return 4 + (uint32_t)ALIGN_UP(len, (size_t)4);
}

static void put_option(struct pcapng *p, uint16_t code, const void *value, uint16_t len)
{
	put(p, &code, sizeof(code));
	put(p, &len, sizeof(len));
	put_padded(p, value, len);
}

int pcapng_create(const char *path, struct pcapng **out)
{
	static const char app[] = "skep";
	static const uint8_t nanoseconds = 9;
	const uint64_t unknown_length = UINT64_MAX;
	const uint16_t version[2] = {1, 0};
	const uint16_t link[2] = {LINKTYPE_ETHERNET, 0};
	struct pcapng *p = calloc(1, sizeof(*p));
	uint32_t len;

	if (!p)
		return -ENOMEM;
	p->f = fopen(path, "wbe");
	if (!p->f) {
		int err = -errno;

		free(p);
		return err;
	}
	len = 28 + option_size(sizeof(app) - 1) + 4;
	put32(p, BLOCK_SECTION);
	put32(p, len);
	put32(p, BYTE_ORDER_MAGIC);
	put(p, version, sizeof(version));
	put(p, &unknown_length, sizeof(unknown_length));
	put_option(p, OPT_SHB_USERAPPL, app, sizeof(app) - 1);
	put_option(p, OPT_END, NULL, 0);
	put32(p, len);

	len = 20 + option_size(1) + 4;
	put32(p, BLOCK_INTERFACE);
	put32(p, len);
	put(p, link, sizeof(link));
	put32(p, 0); /* no limit on a frame's length */
	put_option(p, OPT_IF_TSRESOL, &nanoseconds, 1);
	put_option(p, OPT_END, NULL, 0);
	put32(p, len);
	*out = p;
	return 0;
}

void pcapng_add(struct pcapng *p, const struct frame *f, const char *comment)
{
	size_t n = strnlen(comment, COMMENT_MAX);
	uint32_t len = 32 + (uint32_t)ALIGN_UP(f->len, 4u) + option_size(n) + 4;

	put32(p, BLOCK_PACKET);
	put32(p, len);
	put32(p, 0); /* interface */
	put32(p, (uint32_t)(f->time_ns >> 32));
	put32(p, (uint32_t)f->time_ns);
	put32(p, f->len);
	put32(p, f->wire_len);
	put_padded(p, f->data, f->len);
	put_option(p, OPT_COMMENT, comment, (uint16_t)n);
	put_option(p, OPT_END, NULL, 0);
	put32(p, len);
}

void pcapng_lost(struct pcapng *p, uint64_t time_ns, uint64_t came, uint64_t lost)
{
	uint32_t len = 20 + 2 * option_size(sizeof(came)) + 4 + 4;

	put32(p, BLOCK_STATISTICS);
	put32(p, len);
	put32(p, 0); /* interface */
	put32(p, (uint32_t)(time_ns >> 32));
	put32(p, (uint32_t)time_ns);
	put_option(p, OPT_ISB_IFRECV, &came, sizeof(came));
	put_option(p, OPT_ISB_IFDROP, &lost, sizeof(lost));
	put_option(p, OPT_END, NULL, 0);
	put32(p, len);
}

int pcapng_finish(struct pcapng *p)
{
	int err;

	if (!p)
		return 0;
	err = p->err;
	if (fclose(p->f) && !err)
		err = -errno;
	free(p);
	return err;
}
