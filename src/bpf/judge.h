/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SKEP_BPF_JUDGE_H
#define SKEP_BPF_JUDGE_H

#include "bpf/load.h"
#include "verify/verify.h"

/* What a load says of the place that the program is for. */
struct judge_target {
	uint32_t attach_type; /* expected_attach_type */
	uint32_t flags; /* prog_flags */
	uint32_t btf_id; /* attach_btf_id, in the BTF of an object or, when that is 0, the kernel's */
	struct hive_btf *btf; /* attach_btf_obj_fd */
	struct hive_prog *prog; /* attach_prog_fd */
};

/*
 * judge - verify a program that load_resolve() has resolved.
 * @result: what the verifier found, for the engine; given back with verify_result_free() in either case
 * The log gets what the kernel's would. hive->lock is not held: maps and BTF are, by the program's references.
 * Return: 0 or the verifier's error.
 */
int judge(struct load *l, const struct judge_target *target, struct verify_result *result);

/*
 * judge_shape - the result of a program that is not well formed (load->shape), with its report.
 * The program's BTF and line records are used as far as it has any.
 */
void judge_shape(struct load *l, struct verify_result *result);

/* judge_target_drop - let go of what it names. */
void judge_target_drop(struct skep_hive *hive, struct judge_target *t);

#endif
