/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the hive presents in place of the machine's kernel: the files that libbpf reads to learn about it (BTF, configuration,
 * symbols) and its version. An object relocates against these, so it does the same everywhere.
 */
#ifndef SKEP_BPF_PRESENT_H
#define SKEP_BPF_PRESENT_H

#include <stdbool.h>
#include <stdio.h>

struct utsname;

/*
 * The files that the hive answers for, X(path, what): SHOWN and CPUS have contents of the hive's, HIDDEN is not there. A path that ends in '*'
 * stands for all that begin so.
 */
#define PRESENTED(X)                                                                                                   \
	X("/sys/kernel/btf/vmlinux", SHOWN)                                                                            \
	X("/boot/config-*", SHOWN)                                                                                     \
	X("/proc/config.gz", SHOWN)                                                                                    \
	X("/proc/kallsyms", SHOWN)                                                                                     \
	/* As many CPUs as the hive has workers: values of per-CPU maps have a part for each. */                       \
	X("/sys/devices/system/cpu/possible", CPUS)                                                                    \
	X("/sys/devices/system/cpu/online", CPUS)                                                                      \
	/* Ubuntu's and Debian's own spellings of the kernel's version, which libbpf prefers to uname(2). */           \
	X("/proc/version_signature", HIDDEN)                                                                           \
	/* Other places where libbpf looks for the BTF of the running kernel. */                                       \
	X("/boot/vmlinux-*", HIDDEN)                                                                                   \
	X("/lib/modules/*", HIDDEN)                                                                                    \
	X("/usr/lib/debug/*", HIDDEN)

/* How one finds tracepoints and functions, X(path, what); what is there depends on the path: the hive is asked. */
#define PRESENTED_TRACE(X)                                                                                             \
	X("/sys/kernel/tracing*", TRACEFS)                                                                             \
	/* libbpf decides once in a process which of the two it reads; this one is not there on every machine. */      \
	X("/sys/kernel/debug/tracing", HIDDEN)                                                                         \
	X("/sys/kernel/debug/tracing/*", TRACEFS)                                                                      \
	X("/sys/bus/event_source/devices/kprobe*", PMU)                                                                \
	X("/sys/bus/event_source/devices/uprobe*", PMU)

/* Numbers of the dynamic PMUs, as the hive's files tell them; enum perf_type_id ends before them. */
enum { PMU_KPROBE = 8, PMU_UPROBE = 9 };

/* In both, this bit of the configuration asks for the function's end. */
enum { PMU_RETPROBE_BIT = 0 };

/* The Linux whose bpf(2) the hive follows, as uname(2) tells it. */
#define PRESENTED_RELEASE "6.18.0-skep"
#define PRESENTED_VERSION "#1 SMP skep"

/* present_has - is this path one that the hive answers for? */
bool present_has(const char *path);

/* present_access - may it be read (R_OK), is it there (F_OK)? Return: 0, -ENOENT, -EACCES for anything else. */
int present_access(const char *path, int mode);

/* present_open - its contents as a readable fd; -1 with errno ENOENT for a file that the hive hides. */
int present_open(const char *path);
FILE *present_fopen(const char *path);

/* present_uname - overwrite the kernel's release and version. */
void present_uname(struct utsname *buf);

#endif
