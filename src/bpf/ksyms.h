/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SKEP_BPF_KSYMS_H
#define SKEP_BPF_KSYMS_H

struct skep_hive;

/*
 * ksyms_open - the hive's /proc/kallsyms: where each function of each compiled program lies, under the name that the kernel gives
 * it (bpf_prog_TAG_FUNCTION). Addresses are the hive's own.
 * Return: a file to read, the caller's, or a negative errno.
 */
int ksyms_open(struct skep_hive *hive);

#endif
