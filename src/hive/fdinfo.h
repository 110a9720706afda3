/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SKEP_HIVE_FDINFO_H
#define SKEP_HIVE_FDINFO_H

#include "bpf/caller.h"

struct skep_hive;

/*
 * fdinfo_open - what /proc/PID/fdinfo/FD of a kernel's eBPF object shows (kernel/bpf/syscall.c: bpf_map_show_fdinfo() and kin).
 * Return: a file to read, the caller's; -EINVAL for an fd that is no object of this hive.
 */
int fdinfo_open(struct skep_hive *hive, const struct caller_fd *file);

#endif
