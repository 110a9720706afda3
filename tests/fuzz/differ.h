/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the differential tests of verdicts share: one random program a seed, loaded into a checking hive and into the running kernel, and the two
 * verdicts compared. They exit with 77 (skipped) where bpf(2) is not allowed or the kernel is no 6.18.
 */
#ifndef SKEP_TESTS_FUZZ_DIFFER_H
#define SKEP_TESTS_FUZZ_DIFFER_H

#include "base/uapi.h"
#include "fuzz.h"

struct btf;
struct skep_hive;

enum { DIFFER_INSNS = 1024, DIFFER_MAPS = 32 };

struct differ {
	struct rng rng;
	struct skep_hive *hive;
	struct btf *btf; /* the kernel's */
	int fd[2][DIFFER_MAPS]; /* [0]: skep's, [1]: the kernel's */
	/* The program. */
	struct bpf_insn insns[DIFFER_INSNS];
	int8_t map_at[DIFFER_INSNS]; /* number of the map, -1: none */
	uint32_t n;
	uint32_t type, attach, flags;
	const char *note; /* what it is about */
	int budget; /* statements left */
	char log[2][1 << 21];
};

uint32_t differ_below(struct differ *d, uint32_t n);

/* differ_bpf - bpf(2) of the hive (0) or the kernel (1). */
int differ_bpf(struct differ *d, int where, int cmd, union bpf_attr *attr);

/* differ_emit - append an instruction. Return: its number. */
uint32_t differ_emit(struct differ *d, uint8_t code, uint32_t dst, uint32_t src, int32_t off, int32_t imm);
void differ_map(struct differ *d, uint32_t dst, int map, bool value);
void differ_null_exit(struct differ *d, uint32_t reg); /* leaves the program, with 0, when it is 0 */

#define MOVR(d, to, from) differ_emit(d, BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0, 0)
#define MOVI(d, to, i)    differ_emit(d, BPF_ALU64 | BPF_MOV | BPF_K, to, 0, 0, i)
#define ADDI(d, to, i)    differ_emit(d, BPF_ALU64 | BPF_ADD | BPF_K, to, 0, 0, i)
#define CALL(d, helper)   differ_emit(d, BPF_JMP | BPF_CALL, 0, 0, 0, helper)
#define EXIT(d)           differ_emit(d, BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

/*
 * differ_main - the program: NAME [--seed N] [--runs N] [--seconds N] [-v].
 * @setup:    makes the maps; negative errno
 * @generate: writes one program into d
 * Return: the exit code: 1 when skep accepts what the kernel rejects, or rejects what it accepts.
 */
int differ_main(int argc, char **argv, const char *name, uint32_t runs, int (*setup)(struct differ *d),
		void (*generate)(struct differ *d));

#endif
