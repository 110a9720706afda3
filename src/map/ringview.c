/* SPDX-License-Identifier: BSD-2-Clause */
#include "map/ringview.h"

#include "base/util.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

/* By system call: in the preloaded library mmap() itself comes here. */
static void *map_pages(void *addr, size_t len, int prot, int flags, int fd, size_t off)
{
	return (void *)syscall(SYS_mmap, addr, len, prot, flags, fd, off);
}

int ringview_check(uint32_t size, size_t len, int prot, int flags, off_t off)
{
	size_t page = page_size(), all = 2 * page + 2 * (size_t)size;

	if (!len || off < 0 || (size_t)off % page || (flags & MAP_TYPE) == MAP_PRIVATE)
		return -EINVAL;
	if (len > SIZE_MAX - page)
		return -ENOMEM;
	len = ALIGN_UP(len, page);
	if ((prot & PROT_WRITE) && (off || len != page))
		return -EPERM;
	return (size_t)off > all || len > all - (size_t)off ? -EINVAL : 0;
}

void *ringview_map(int fd, int reader, uint32_t size, void *addr, size_t len, int prot, int flags, off_t off)
{
	size_t page = page_size(), file = 2 * page + size;
	size_t start = (size_t)off, done = 0;
	int err = ringview_check(size, len, prot, flags, off);
	uint8_t *base;

	if (err) {
		errno = -err;
		return MAP_FAILED;
	}
	len = ALIGN_UP(len, page);
	base = map_pages(addr, len, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)), -1,
			 0);
	if (base == MAP_FAILED)
		return MAP_FAILED;
	while (done < len) {
		/* Behind the end of the file the data begins again. */
		size_t at = start + done < file ? start + done : start + done - size;
		size_t part = MIN(len - done, file - at);

		if (map_pages(base + done, part, prot, MAP_SHARED | MAP_FIXED | (flags & MAP_POPULATE),
			      prot & PROT_WRITE ? fd : reader, at) == MAP_FAILED) {
			int saved = errno;

			munmap(base, len);
			errno = saved;
			return MAP_FAILED;
		}
		done += part;
	}
	return base;
}
