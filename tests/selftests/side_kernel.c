/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's side: bpf(2) is what it is. */
#include "run.h"

#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

void side_prepare(void)
{
}

void side_enter(void)
{
}

/* Users may load at all only where the administrator lets them; that is asked, never changed. */
static bool users_may_load(void)
{
	FILE *f = fopen("/proc/sys/kernel/unprivileged_bpf_disabled", "r");
	int disabled = 1;

	if (f) {
		if (fscanf(f, "%d", &disabled) != 1)
			disabled = 1;
		fclose(f);
	}
	return !disabled;
}

const char *side_as(enum loader as)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct caps[2] = {0};

	if (as == AS_ROOT)
		return NULL;
	if (as == AS_USER && !users_may_load())
		return "unprivileged bpf(2) is switched off here";
	if (as == AS_BPF)
		caps[CAP_TO_INDEX(CAP_BPF)].effective = caps[CAP_TO_INDEX(CAP_BPF)].permitted = CAP_TO_MASK(CAP_BPF);
	return syscall(SYS_capset, &head, caps) ? "capset() is refused" : NULL;
}
