/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RINGBUF: records from programs to one consumer, in the format and with the rules of the kernel's
 * (Documentation/bpf/ringbuf.rst), so that libbpf's ring_buffer reads it.
 *
 * Theory of operation
 *
 * The memfd holds the consumer's page (8 bytes of position, which user space writes), the producer's page (the
 * same, which it reads) and the data, a power of two of bytes. Positions only grow; position & mask is the place. A
 * record is a header of 8 bytes (length with the busy and discard bits, page offset) and the sample, rounded up to
 * 8.
 *
 * Producers map it once more, with the data twice in a row, so that no record is cut at the end:
 *
 *     window      struct ring       private; not of the memfd
 *     + 1 page    consumer page
 *     + 2 pages   producer page
 *     + 3 pages   data, data
 *
 * The window starts at a multiple of WINDOW, which is larger than any ring. So a sample's address alone leads to
 * its ring (bpf_ringbuf_submit() gets nothing else) without believing the page offset in a header that others might
 * have written.
 *
 * Reserving takes the map's lock, committing does not: it swaps the header's length for one without the busy bit
 * and then looks at the consumer's position; the swap is a full barrier. A consumer that goes to sleep has one too,
 * in ringbuf_ready(), between giving records back and its last look. So either it sees the record, or we see that
 * it has caught up and raise the event. A reservation must neither pass the consumer nor the oldest record that is
 * still busy (ctl->pending), whatever the consumer claims.
 *
 * All positions and lengths come from the memfd and may be anything: places are masked, and what cannot be only leads
 * to refused reservations, which are counted.
 */
#include "base/util.h"
#include "map/lock.h"
#include "map/ops.h"
#include "map/ringview.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#define WINDOW (1ull << 33)
_Static_assert(sizeof(void *) == 8, "windows need a large address space");

enum {
	HEADER_PAGES = 3, /* pages before the data as the kernel counts them in a record's page offset */
	RECORD_MAX = UINT32_MAX / 4,
};

struct ring {
	struct skep_map *map;
	uint8_t *data;
	_Atomic uint64_t *consumer, *producer;
	uint64_t size, mask;
	size_t mapped; /* bytes of the window in use */
};

struct ring_header {
	_Atomic uint32_t len;
	_Atomic uint32_t page_off;
};
_Static_assert(sizeof(struct ring_header) == BPF_RINGBUF_HDR_SZ, "the format is fixed");

static size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static int ringbuf_check(const struct map_attr *attr)
{
	uint32_t n = attr->max_entries;

	if ((attr->flags & ~(uint32_t)BPF_F_NUMA_NODE) || attr->key_size || attr->value_size)
		return -EINVAL;
	return !n || (n & (n - 1)) || n % page_size() ? -EINVAL : 0;
}

static void ringbuf_layout(const struct map_attr *attr, struct map_layout *l)
{
	map_layout_add(l, 2, page_size(), page_size());
	map_layout_add(l, attr->max_entries, 1, page_size());
	l->mmap_size = l->size;
}

/* map_window - reserve @len bytes at a multiple of WINDOW. Return: the address or MAP_FAILED. */
static uint8_t *map_window(size_t len)
{
	uint8_t *all = mmap(NULL, 2 * WINDOW, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0), *base;

	if (all == MAP_FAILED)
		return MAP_FAILED;
	base = (uint8_t *)ALIGN_UP((uintptr_t)all, WINDOW);
	if (base > all)
		munmap(all, (size_t)(base - all));
	munmap(base + len, (size_t)(all + 2 * WINDOW - (base + len)));
	return base;
}

static int ringbuf_init(struct skep_map *map, const struct map_layout *l)
{
	size_t page = page_size(), size = map->max_entries, len = 3 * page + 2 * size;
	const int prot = PROT_READ | PROT_WRITE;
	struct ring *ring;
	uint8_t *base;

	if (map->readonly)
		return 0;
	map->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (map->event_fd < 0)
		return -errno;
	base = map_window(len);
	if (base == MAP_FAILED)
		return -ENOMEM;
	if (mprotect(base, page, prot) < 0 ||
	    mmap(base + page, 2 * page + size, prot, MAP_SHARED | MAP_FIXED, map->memfd, 0) == MAP_FAILED ||
	    mmap(base + 3 * page + size, size, prot, MAP_SHARED | MAP_FIXED, map->memfd, (off_t)(2 * page)) ==
		    MAP_FAILED) {
		munmap(base, len);
		return -ENOMEM;
	}
	ring = (struct ring *)base;
	*ring = (struct ring){
		.map = map,
		.data = base + 3 * page,
		.consumer = (_Atomic uint64_t *)(base + page),
		.producer = (_Atomic uint64_t *)(base + 2 * page),
		.size = size,
		.mask = size - 1,
		.mapped = len,
	};
	mprotect(base, page, PROT_READ);
	map->priv = ring;
	return 0;
}

static void ringbuf_fini(struct skep_map *map)
{
	struct ring *ring = map->priv;

	if (ring)
		munmap(ring, ring->mapped);
}

static uint32_t record_size(uint32_t len)
{
	return ALIGN_UP((len & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT)) + BPF_RINGBUF_HDR_SZ, 8u);
}

/*
 * advance_pending - skip the records that were committed since the last reservation. The lock is held.
 * Return: the position of the oldest busy record, or @producer.
 */
static uint64_t advance_pending(struct ring *ring, uint64_t producer)
{
	_Atomic uint64_t *pending = &ring->map->ctl->pending;
	uint64_t at = atomic_load_explicit(pending, memory_order_relaxed) & ~7ull;

	if (producer - at > ring->size)
		at = producer; /* cannot be, but ends */
	while (at != producer) {
		struct ring_header *h = (struct ring_header *)(ring->data + (at & ring->mask));
		uint32_t len = atomic_load_explicit(&h->len, memory_order_acquire), step;

		if (len & BPF_RINGBUF_BUSY_BIT)
			break;
		step = record_size(len);
		at = step > producer - at ? producer : at + step;
	}
	atomic_store_explicit(pending, at, memory_order_relaxed);
	return at;
}

static void *refuse(struct skep_map *map)
{
	atomic_fetch_add_explicit(&map->ctl->dropped, 1, memory_order_relaxed);
	return NULL;
}

void *ringbuf_reserve(struct skep_map *map, uint64_t size)
{
	struct ring *ring = map->priv;
	uint64_t len, consumer, producer, end, pending;
	struct ring_header *h;

	if (unlikely(!ring))
		return NULL;
	if (unlikely(size > RECORD_MAX))
		return refuse(map);
	len = ALIGN_UP(size + BPF_RINGBUF_HDR_SZ, 8);
	if (unlikely(len > ring->size))
		return refuse(map);

	consumer = atomic_load_explicit(ring->consumer, memory_order_acquire);
	map_lock(map);
	producer = atomic_load_explicit(ring->producer, memory_order_relaxed) & ~7ull;
	pending = advance_pending(ring, producer);
	end = producer + len;
	if (unlikely(end - consumer > ring->mask || end - pending > ring->mask)) {
		map_unlock(map);
		return refuse(map);
	}
	h = (struct ring_header *)(ring->data + (producer & ring->mask));
	atomic_store_explicit(&h->len, (uint32_t)size | BPF_RINGBUF_BUSY_BIT, memory_order_relaxed);
	atomic_store_explicit(&h->page_off, (uint32_t)((producer & ring->mask) / 4096) + HEADER_PAGES,
			      memory_order_relaxed);
	/* The consumer may look at the header from here on. */
	atomic_store_explicit(ring->producer, end, memory_order_release);
	map_unlock(map);
	return h + 1;
}

static void commit(void *sample, uint64_t flags, uint32_t discard)
{
	struct ring *ring = (struct ring *)((uintptr_t)sample & ~(WINDOW - 1));
	struct ring_header *h = (struct ring_header *)sample - 1;
	uint32_t len = atomic_load_explicit(&h->len, memory_order_relaxed) & ~BPF_RINGBUF_BUSY_BIT;
	uint64_t consumer;

	atomic_exchange(&h->len, len | discard);
	consumer = atomic_load_explicit(ring->consumer, memory_order_acquire) & ring->mask;
	if (likely(!(flags & BPF_RB_FORCE_WAKEUP) &&
		   (consumer != (uint64_t)((uint8_t *)h - ring->data) || (flags & BPF_RB_NO_WAKEUP))))
		return;
	/* A counter that is full has its reader's attention already, so no result is awaited. */
	while (write(ring->map->event_fd, &(uint64_t){1}, 8) < 0 && errno == EINTR)
		;
}

void ringbuf_submit(void *sample, uint64_t flags)
{
	commit(sample, flags, 0);
}

void ringbuf_discard(void *sample, uint64_t flags)
{
	commit(sample, flags, BPF_RINGBUF_DISCARD_BIT);
}

int ringbuf_output(struct skep_map *map, const void *data, uint64_t size, uint64_t flags)
{
	void *sample;

	if (flags & ~(uint64_t)(BPF_RB_NO_WAKEUP | BPF_RB_FORCE_WAKEUP))
		return -EINVAL;
	sample = ringbuf_reserve(map, size);
	if (!sample)
		return -EAGAIN;
	memcpy(sample, data, size);
	commit(sample, flags, 0);
	return 0;
}

uint64_t ringbuf_query(struct skep_map *map, uint64_t what)
{
	uint64_t consumer = atomic_load_explicit((_Atomic uint64_t *)map->mem, memory_order_acquire);
	uint64_t producer = atomic_load_explicit((_Atomic uint64_t *)(map->mem + page_size()), memory_order_acquire);

	switch (what) {
	case BPF_RB_AVAIL_DATA:
		return producer - consumer;
	case BPF_RB_RING_SIZE:
		return map->max_entries;
	case BPF_RB_CONS_POS:
		return consumer;
	case BPF_RB_PROD_POS:
		return producer;
	default:
		return 0;
	}
}

bool ringbuf_ready(const struct skep_map *map)
{
	/* The consumer's stores before its look at the producer: the other half of the barrier in commit(). */
	atomic_thread_fence(memory_order_seq_cst);
	return atomic_load_explicit((_Atomic uint64_t *)map->mem, memory_order_acquire) !=
	       atomic_load_explicit((_Atomic uint64_t *)(map->mem + page_size()), memory_order_acquire);
}

uint64_t ringbuf_dropped(const struct skep_map *map)
{
	return atomic_load_explicit(&map->ctl->dropped, memory_order_relaxed);
}

void *ringbuf_mmap(struct skep_map *map, void *addr, size_t len, int prot, int flags, off_t off)
{
	return ringview_map(map->memfd, map->memfd, map->max_entries, addr, len, prot, flags, off);
}

const struct map_ops ringbuf_ops = {
	.check = ringbuf_check,
	.layout = ringbuf_layout,
	.init = ringbuf_init,
	.fini = ringbuf_fini,
	.attachable = true,
};
