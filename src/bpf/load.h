/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SKEP_BPF_LOAD_H
#define SKEP_BPF_LOAD_H

#include "bpf/hive.h"
#include "bpf/log.h"
#include "insn/check.h"

/* A program on its way in: what resolving it needs. */
struct load {
	struct skep_hive *hive;
	struct hive_prog *prog; /* insns are in prog->code; what resolving finds is stored here */
	uint64_t fd_array; /* address of the caller's fds, for LD_MAP_IDX */
	struct user_log *log;
	struct insn_shape shape; /* fault: why the instructions were refused; INSN_FAULT_NONE: they were not */
	bool explain; /* a refusal is to come with the path that led there (verify/report.h) */
};

/*
 * load_resolve - turn what the instructions name (map fds, helpers) into references.
 * Reasons for a refusal go to the log. hive->lock is held. What prog holds after a failure is freed with it.
 * Return: 0 or the kernel's error.
 */
int load_resolve(struct load *l);

/*
 * load_link_kfuncs - turn calls of kernel functions, which name BTF types until the verifier is done, into references.
 * Not for a hive that only checks. Return: 0, -ENOMEM, -EINVAL for a function that skep does not have.
 */
int load_link_kfuncs(struct load *l);

/* load_add_ref - the index of a reference in prog->refs, added when it is new. 0 or -ENOMEM. */
int load_add_ref(struct hive_prog *p, struct code_ref ref, int32_t *index);

#endif
