/* SPDX-License-Identifier: BSD-2-Clause */
#include "bpf/present.h"

#include "base/util.h"
#include "bpf/hive.h"
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

enum visibility { HIDDEN, SHOWN };

static const struct presented {
	const char *path;
	enum visibility visibility;
} files[] = {
#define X(name, what) {name, what},
	PRESENTED(X)
#undef X
};

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

/* What a file that is shown holds. The hive has no symbols for programs to look up, and each other file is the configuration. */
static const void *contents(const char *path, size_t *len)
{
	if (!strcmp(path, kernel_types)) {
		*len = kernel_btf_len;
		return kernel_btf;
	}
	*len = strcmp(path, "/proc/kallsyms") ? sizeof(kconfig) - 1 : 0;
	return kconfig;
}

int present_open(const char *path)
{
	const struct presented *f = find(path);
	const void *data;
	size_t len;
	int fd;

	if (f && other_types())
		return open(other_types(), O_RDONLY | O_CLOEXEC);
	if (!f || f->visibility == HIDDEN) {
		errno = ENOENT;
		return -1;
	}
	data = contents(path, &len);
	fd = memfd_create("skep-presented", MFD_CLOEXEC);
	if (fd < 0)
		return -1;
	for (size_t done = 0; done < len;) {
		ssize_t n = write(fd, (const char *)data + done, len - done);

		if (n <= 0) {
			close(fd);
			errno = ENOMEM;
			return -1;
		}
		done += (size_t)n;
	}
	lseek(fd, 0, SEEK_SET);
	return fd;
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
