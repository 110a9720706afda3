// SPDX-License-Identifier: BSD-2-Clause
/* No file of a certain name is opened by anybody, whatever folder it is in: EPERM, and a hit. */
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "hits.bpf.h"

enum { EPERM = 1 };

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct qstr {
	const unsigned char *name;
};
struct dentry {
	struct qstr d_name;
};
struct path {
	struct dentry *dentry;
};
struct file {
	struct path f_path;
};
#pragma clang attribute pop

/* The last component of the path. Who loads the object may write another name here first. */
const char denied[32] = "forbidden";

SEC("lsm/file_open")
int BPF_PROG(on_open, struct file *file)
{
	char name[sizeof(denied)] = "";

	bpf_probe_read_kernel_str(name, sizeof(name), file->f_path.dentry->d_name.name);
	/* Through the map, not the compiler's idea of its contents. */
	if (bpf_strncmp(name, sizeof(name), denied))
		return 0;
	hit(KIND_LSM);
	return -EPERM;
}
