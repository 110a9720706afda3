/* SPDX-License-Identifier: BSD-2-Clause */
#include "bpf/present.h"

#include "base/util.h"
#include "bpf/hive.h"
#include "bpf/present_trace.h"
#include "bpf/seam.h"
#include "btf/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>

/* What programs ask of the configuration (.kconfig externs), as the hive behaves. By its second line bpftool knows one. */
static const char kconfig[] = "#\n"
			      "# Automatically generated file; DO NOT EDIT.\n"
			      "CONFIG_BPF=y\n"
			      "CONFIG_BPF_SYSCALL=y\n"
			      "CONFIG_HAVE_EBPF_JIT=y\n"
			      "CONFIG_BPF_JIT=y\n"
			      "CONFIG_NET=y\n"
			      "CONFIG_INET=y\n"
			      "CONFIG_IPV6=y\n"
			      "CONFIG_CGROUPS=y\n"
			      "CONFIG_CGROUP_BPF=y\n"
			      "CONFIG_DEBUG_INFO_BTF=y\n"
			      "CONFIG_64BIT=y\n"
			      "CONFIG_HZ=250\n";

enum visibility { HIDDEN, SHOWN, TRACEFS, PMU, CPUS };

static const struct presented {
	const char *path;
	enum visibility visibility;
} files[] = {
#define X(name, what) {name, what},
	PRESENTED(X) PRESENTED_TRACE(X)
#undef X
};

static const char pmus[] = "/sys/bus/event_source/devices/";
static const char kernel_types[] = "/sys/kernel/btf/vmlinux";

/*
 * A hive that only checks judges for a real kernel: the running one's files are shown as they are, but for its BTF where another's is
 * asked for.
 */
static bool checks(void)
{
	const struct skep_hive *hive = seam_hive();

	return hive && (hive->flags & SKEP_CHECK_ONLY);
}

static const char *other_types(void)
{
	return checks() ? seam_hive()->btf_path : NULL;
}

static const struct presented *find(const char *path)
{
	if (checks() && (!other_types() || strcmp(path, kernel_types)))
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		size_t n = strlen(files[i].path);
		bool prefix = files[i].path[n - 1] == '*';

		if (prefix ? !strncmp(path, files[i].path, n - 1) : !strcmp(path, files[i].path))
			return &files[i];
	}
	return NULL;
}

bool present_has(const char *path)
{
	return find(path) != NULL;
}

/* What a file that is shown holds: types, the symbols that can be probed, and each other file is the configuration. */
static void write_shown(const char *path, FILE *to)
{
	if (!strcmp(path, kernel_types))
		fwrite(kernel_btf, 1, kernel_btf_len, to);
	else if (!strcmp(path, "/proc/kallsyms"))
		trace_write_symbols(to);
	else
		fwrite(kconfig, 1, sizeof(kconfig) - 1, to);
}

/* As many CPUs as the hive has workers: a perf buffer must exist for each. */
static int write_cpus(const struct skep_hive *hive, FILE *to)
{
	if (!hive)
		return -ENOENT;
	if (to && hive->n_cpus == 1)
		fputs("0\n", to);
	else if (to)
		fprintf(to, "0-%u\n", hive->n_cpus - 1);
	return 0;
}

/* Writes a file; @to NULL: is it there? Return: 0 or a negative errno. */
static int write_file(const struct presented *f, const char *path, FILE *to)
{
	switch (f->visibility) {
	case SHOWN:
		if (to)
			write_shown(path, to);
		return 0;
	case TRACEFS:
		/* From the mount point's end on. */
		return trace_write_tracefs(seam_hive(), strstr(path, "/tracing") + strlen("/tracing"), to);
	case PMU:
		return trace_write_pmu(path + sizeof(pmus) - 1, to);
	case CPUS:
		return write_cpus(seam_hive(), to);
	default:
		return -ENOENT;
	}
}

int present_access(const char *path, int mode)
{
	const struct presented *f = find(path);
	int err = f ? other_types() ? 0 : write_file(f, path, NULL) : -ENOENT;

	if (err && err != -EISDIR)
		return err;
	return mode & W_OK || (mode & X_OK && !err) ? -EACCES : 0;
}

int present_open(const char *path)
{
	const struct presented *f = find(path);
	FILE *to;
	int fd, err;

	if (f && other_types())
		return open(other_types(), O_RDONLY | O_CLOEXEC);
	fd = f ? memfd_create("skep-presented", MFD_CLOEXEC) : -1;
	to = fd < 0 ? NULL : fdopen(dup(fd), "w");
	err = !f ? -ENOENT : !to ? -ENOMEM : write_file(f, path, to);
	if (to && fclose(to) && !err)
		err = -ENOMEM;
	if (!err && lseek(fd, 0, SEEK_SET))
		err = -errno;
	if (!err)
		return fd;
	if (fd >= 0)
		close(fd);
	errno = -err;
	return -1;
}

FILE *present_fopen(const char *path)
{
	int fd = present_open(path);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "rb");

	if (fd >= 0 && !f)
		close(fd);
	return f;
}

void present_uname(struct utsname *buf)
{
	if (checks() && !other_types())
		return;
	strcpy(buf->release, PRESENTED_RELEASE);
	strcpy(buf->version, PRESENTED_VERSION);
}
