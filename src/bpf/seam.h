/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The seam between libbpf and the system.
 *
 * skep links a private copy of libbpf in which the few system functions that libbpf uses are renamed to
 * skep_seam_*() (objcopy --redefine-sym, tools/seam.syms). While a thread has entered a hive, these send what concerns eBPF to
 * it: bpf(2), mmap of map fds, epoll on ring and perf buffers, pins below /sys/fs/bpf, the kernel's BTF,
 * configuration, version and symbols. Everything else, and everything of a thread that has entered no hive, goes to the system
 * as it is: then the same libbpf speaks to the kernel. Nothing of libc is interposed.
 */
#ifndef SKEP_BPF_SEAM_H
#define SKEP_BPF_SEAM_H

#include <stddef.h>
#include <sys/types.h>

struct hive_map;
struct hive_object;
struct skep_hive;

/*
 * seam_enter - send this thread's libbpf calls to a hive; NULL: to the kernel.
 * Return: where they went before, to be given back to seam_enter() when done.
 */
struct skep_hive *seam_enter(struct skep_hive *hive);

/*
 * seam_may_map - may user space map a map's memory so (mmap(2))? The kernel's bpf_map_mmap(): only shared mappings of maps made
 * for it, and none that writes to what is frozen or what programs take for constant. hive->lock is held.
 * Return: 0 or a negative errno.
 */
int seam_may_map(const struct hive_map *m, size_t len, int prot, int flags, off_t off);

/* seam_wait_fd - the fd that becomes readable when a ring or perf buffer may have data; -1: the object has none. */
int seam_wait_fd(const struct hive_object *o);

/* seam_hive - the hive that this thread has entered, NULL for the kernel. */
struct skep_hive *seam_hive(void);

#endif
