/* SPDX-License-Identifier: BSD-2-Clause */
/* Clocks. */
#include "base/clock.h"
#include "helper/impl.h"

/* A kernel of HZ=250 counts jiffies from five minutes before zero, in the lower 32 bits, so that wrapping shows early. */
enum { HZ = 250, INITIAL_SECONDS = 300 };

HELPER(ktime_get_ns)
{
	return clock_ns(CLOCK_MONOTONIC);
}

HELPER(ktime_get_boot_ns)
{
	return clock_ns(CLOCK_BOOTTIME);
}

HELPER(ktime_get_coarse_ns)
{
	return clock_ns(CLOCK_MONOTONIC_COARSE);
}

HELPER(ktime_get_tai_ns)
{
	return clock_ns(CLOCK_TAI);
}

HELPER(jiffies64)
{
	return clock_ns(CLOCK_MONOTONIC_COARSE) / (1000000000u / HZ) + (uint32_t) - (INITIAL_SECONDS * HZ);
}
