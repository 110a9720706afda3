/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events and links are attached for as long as somebody has their fds. The hive sees that a process has ended; that one goes on and has closed an fd it must be
 * told, or its program would run on. So fds of that kind are noted, a bit each, and close(2) looks there: nothing else is slower for it.
 */
#include "preload/events.h"

#include "base/usermem.h"
#include "base/util.h"
#include "bpf/present.h"
#include "hive/client.h"
#include "preload/hive.h"
#include "preload/next.h"
#include "preload/rings.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdarg.h>
#include <sys/ioctl.h>

/* Whose bits they are: after fork(2) and vfork(2) a child closes its own fds only. */
static _Atomic pid_t owner;
static fd_set_bits noted;

void preload_note_link(int fd)
{
	if (fd_bit_set(&noted, fd))
		atomic_store_explicit(&owner, getpid(), memory_order_relaxed);
}

EXPORT int close(int fd)
{
	bool link = fd_bit(&noted, fd) && getpid() == atomic_load_explicit(&owner, memory_order_relaxed);
	int ret, saved;

	rings_close(fd);
	if (link)
		fd_bit_clear(&noted, fd);
	ret = NEXT(close)(fd);
	if (!link)
		return ret;
	saved = errno;
	preload_ask(ASK_SWEEP, 0, NULL);
	errno = saved;
	return ret;
}

bool preload_is_event(uint64_t attr)
{
	struct perf_event_attr a;

	/* The oldest has these two fields, too. */
	if (self_read(&a, attr, PERF_ATTR_SIZE_VER0))
		return false;
	return a.type == PERF_TYPE_TRACEPOINT || a.type == PMU_KPROBE || a.type == PMU_UPROBE ||
	       (a.type == PERF_TYPE_SOFTWARE && a.config == PERF_COUNT_SW_BPF_OUTPUT);
}

int preload_open_event(uint64_t attr, int pid, int cpu)
{
	char why[256] = "";
	int fd = preload_result(client_perf_open(&preload_hive, attr, pid, cpu, why, sizeof(why)), why);

	preload_note_link(fd);
	return fd;
}

EXPORT int ioctl(int fd, unsigned long request, ...)
{
	char why[256] = "";
	va_list ap;
	void *arg;
	bool perf = _IOC_TYPE(request) == _IOC_TYPE(PERF_EVENT_IOC_ENABLE);

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (perf && (preload_is_object(fd, "event") || preload_is_object(fd, "perf")))
		return preload_result(client_ioctl(&preload_hive, fd, request, (uintptr_t)arg, why, sizeof(why)), why);
	if (request == PERF_EVENT_IOC_SET_BPF && preload_is_object((int)(intptr_t)arg, "prog"))
		preload_say("the event is the kernel's, and the program the hive's: nothing in a hive counts or "
			    "samples");
	return NEXT(ioctl)(fd, request, arg);
}
