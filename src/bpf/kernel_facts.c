/* SPDX-License-Identifier: BSD-2-Clause */
#include "bpf/kernel_facts.h"

#include "base/uapi.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <zlib.h>

/* Is OPTION=y in the kernel's configuration, /proc/config.gz or /boot/config-RELEASE? */
static bool config_is_set(const char *option)
{
	size_t len = strlen(option);
	struct utsname name;
	char path[128], line[256];
	bool set = false;
	gzFile f = gzopen("/proc/config.gz", "r");

	if (!f && !uname(&name)) {
		snprintf(path, sizeof(path), "/boot/config-%s", name.release);
		f = gzopen(path, "r"); /* reads plain text as well */
	}
	if (!f)
		return false;
	while (!set && gzgets(f, line, sizeof(line)))
		set = !strncmp(line, option, len) && !strncmp(line + len, "=y", 2);
	gzclose(f);
	return set;
}

/* Does the kernel say that nothing is locked down? */
static bool not_locked_down(void)
{
	FILE *f = fopen("/sys/kernel/security/lockdown", "re");
	char line[128] = "";
	bool free_of_it = false;

	if (!f)
		return false;
	if (fgets(line, sizeof(line), f))
		free_of_it = strstr(line, "[none]");
	fclose(f);
	return free_of_it;
}

bool kernel_has_helper(uint32_t id)
{
	switch (id) {
	case BPF_FUNC_override_return:
		return config_is_set("CONFIG_BPF_KPROBE_OVERRIDE");
	case BPF_FUNC_probe_write_user:
		return not_locked_down();
	default:
		return true;
	}
}

bool kernel_has_symbol(const char *name)
{
	FILE *f = fopen("/proc/kallsyms", "re");
	char line[512], symbol[256];
	bool found = false;

	if (!f)
		return false;
	while (!found && fgets(line, sizeof(line), f))
		found = sscanf(line, "%*s %*s %255s", symbol) == 1 && !strcmp(symbol, name);
	fclose(f);
	return found;
}
