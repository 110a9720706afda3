/* SPDX-License-Identifier: BSD-2-Clause */
#include "map/perfbuf.h"

#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>

int perfbuf_create(uint32_t cpu, struct perfbuf **out)
{
	struct perfbuf *b = calloc(1, sizeof(*b));
	int err;

	if (!b)
		return -ENOMEM;
	b->cpu = cpu;
	b->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	b->memfd = memfd_create("skep-perf:", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (b->event_fd < 0 || b->memfd < 0) {
		err = -errno;
		perfbuf_destroy(b);
		return err;
	}
	*out = b;
	return 0;
}

void perfbuf_destroy(struct perfbuf *b)
{
	if (!b)
		return;
	if (b->page)
		munmap(b->page, b->data_size + (size_t)getpagesize());
	if (b->event_fd >= 0)
		close(b->event_fd);
	if (b->memfd >= 0)
		close(b->memfd);
	free(b);
}

/* Gives the memfd its size and maps it for the writer. */
static int set_size(struct perfbuf *b, size_t len)
{
	size_t page = (size_t)getpagesize();
	size_t data = len - page;
	struct perf_event_mmap_page *mem;
	struct stat st;

	if (len <= page || data % page || (data & (data - 1)))
		return -EINVAL;
	if (b->page)
		return data == b->data_size ? 0 : -EINVAL;
	if (ftruncate(b->memfd, (off_t)len))
		return -errno;
	mem = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, b->memfd, 0);
	if (mem == MAP_FAILED)
		return -ENOMEM;
	/*
	 * Sealed: a reader that shrank the file would make the writer's next store a SIGBUS. Only now, so that one that
	 * there was no memory for may be tried again; and who has the fd may have shrunk it just now.
	 */
	if (fcntl(b->memfd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) || fstat(b->memfd, &st) ||
	    st.st_size != (off_t)len) {
		munmap(mem, len);
		return -EINVAL;
	}
	b->data = (uint8_t *)mem + page;
	b->data_size = data;
	mem->data_offset = page;
	mem->data_size = data;
	/* Last: the writer may be at work already. */
	__atomic_store_n(&b->page, mem, __ATOMIC_RELEASE);
	return 0;
}

int perfbuf_size(struct perfbuf *b, size_t len, int flags, off_t off)
{
	size_t page = (size_t)getpagesize();

	/* As perf_mmap() has it: a private copy would not be what the writer sees. mmap(2) counts in whole pages. */
	if (off || !(flags & MAP_SHARED))
		return -EINVAL;
	return len > SIZE_MAX - page ? -ENOMEM : set_size(b, ALIGN_UP(len, page));
}

void *perfbuf_mmap(struct perfbuf *b, void *addr, size_t len, int prot, int flags, off_t off)
{
	int err = perfbuf_size(b, len, flags, off);

	if (err) {
		errno = -err;
		return MAP_FAILED;
	}
	return mmap(addr, len, prot, flags, b->memfd, 0);
}

bool perfbuf_ready(const struct perfbuf *b)
{
	const struct perf_event_mmap_page *page = __atomic_load_n(&b->page, __ATOMIC_ACQUIRE);

	return page && __atomic_load_n(&page->data_tail, __ATOMIC_ACQUIRE) !=
			       __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE);
}

/* Copies into the ring at a position that only grows. */
static uint64_t put(struct perfbuf *b, uint64_t pos, const void *from, size_t len)
{
	size_t at = pos & (b->data_size - 1);
	size_t first = MIN(len, b->data_size - at);

	if (!len)
		return pos; /* @from may be NULL then */
	memcpy(b->data + at, from, first);
	memcpy(b->data, (const uint8_t *)from + first, len - first);
	return pos + len;
}

static bool fits(const struct perfbuf *b, size_t len)
{
	uint64_t tail = __atomic_load_n(&b->page->data_tail, __ATOMIC_ACQUIRE);
	uint64_t used = b->head - tail;

	return used <= b->data_size && len <= b->data_size - used;
}

static void publish(struct perfbuf *b, uint64_t head)
{
	uint64_t one = 1;

	b->head = head;
	__atomic_store_n(&b->page->data_head, head, __ATOMIC_RELEASE);
	/* The counter cannot run over before a reader comes: then it is readable anyway. */
	if (write(b->event_fd, &one, sizeof(one)) < 0)
		return;
}

/* Says how many samples were lost before the next one. */
static bool put_lost(struct perfbuf *b)
{
	struct {
		struct perf_event_header h;
		uint64_t id, lost;
	} rec = {.h = {.type = PERF_RECORD_LOST, .size = sizeof(rec)}, .lost = b->lost};

	if (!fits(b, sizeof(rec)))
		return false;
	b->lost = 0;
	publish(b, put(b, b->head, &rec, sizeof(rec)));
	return true;
}

int perfbuf_output(struct perfbuf *b, const void *data, size_t len, const void *more, size_t more_len)
{
	static const uint8_t zero[8];
	struct perf_event_header h = {.type = PERF_RECORD_SAMPLE};
	size_t raw;
	uint32_t size;
	uint64_t pos;

	/* Each by itself first: their sum may wrap. */
	if (len > UINT16_MAX || more_len > UINT16_MAX)
		return -E2BIG;
	raw = ALIGN_UP(len + more_len + sizeof(uint32_t), (size_t)8);
	size = (uint32_t)(raw - sizeof(uint32_t));
	if (sizeof(h) + raw > UINT16_MAX)
		return -E2BIG;
	h.size = (uint16_t)(sizeof(h) + raw);
	if (!__atomic_load_n(&b->page, __ATOMIC_ACQUIRE) || (b->lost && !put_lost(b)) || !fits(b, h.size)) {
		b->lost++;
		b->lost_total++;
		return -ENOSPC;
	}
	pos = put(b, b->head, &h, sizeof(h));
	pos = put(b, pos, &size, sizeof(size));
	pos = put(b, pos, data, len);
	pos = put(b, pos, more, more_len);
	pos = put(b, pos, zero, size - len - more_len);
	publish(b, pos);
	return 0;
}
