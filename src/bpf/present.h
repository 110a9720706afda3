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

/* present_has - is this path one that the hive answers for? */
bool present_has(const char *path);

/* present_open - its contents as a readable fd; -1 with errno ENOENT for a file that the hive hides. */
int present_open(const char *path);
FILE *present_fopen(const char *path);

/* present_uname - overwrite the kernel's release and version. */
void present_uname(struct utsname *buf);

#endif
