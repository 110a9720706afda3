/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where random programs live: one set of maps in a hive and, where bpf(2) is allowed, the same set in the kernel; programs are loaded into both,
 * and run over equal inputs.
 */
#ifndef SKEP_TESTS_FUZZ_WORLD_H
#define SKEP_TESTS_FUZZ_WORLD_H

#include "bpf/hive.h"
#include "prog/packet.h"
#include "verify/verify.h"

#include "fuzz.h"
#include "trace.h"

enum world_map {
	M_ARRAY, /* 4 values of 48 bytes */
	M_ONE, /* 1 value of 64 bytes: also addressed directly */
	M_HASH, /* 4-byte keys, 16-byte values */
	M_LRU, /* 8-byte keys, 24-byte values */
	M_PERCPU, /* array, 16-byte values */
	M_PERCPU_HASH,
	M_QUEUE,
	M_STACK,
	M_RING,
	M_OUTER, /* array of arrays of 4 values of 32 bytes */
	M_RDONLY, /* 1 value of 32 bytes, frozen, not writable by programs */
	M_LPM, /* 8-byte keys, 8-byte values */
	M_BIG, /* array, 1 value of 1000 bytes */
	M_PROGS_XDP, /* prog arrays: slot 0 is empty, slot 1 returns TAIL_RESULT */
	M_PROGS_TC,
	M_PROGS_SF,
	M_PROGS_CG,
	M_COUNT,
	M_INNER = M_COUNT, /* template of M_OUTER, and what is in it */
	M_ALL,
};
enum { TAIL_RESULT = 1, KEYS = 8, PROG_MAX = 4000, FUNCS_MAX = 12 };

struct world_map_desc {
	const char *name;
	uint32_t type, key, value, max, flags;
};
extern const struct world_map_desc world_maps[M_ALL];

/* Signatures of functions. */
enum sig {
	SIG_MAIN, /* int (ctx) */
	SIG_NUM, /* int (u64, u64) */
	SIG_CTX, /* int (ctx, u64) */
	SIG_MEM, /* int (struct mem16 *, u64) */
	SIG_PTR, /* static only: any pointer, u64 */
	SIG_LOOP, /* static: callback of bpf_loop() */
	SIG_EACH, /* static: callback of bpf_for_each_map_elem() */
	SIG_COUNT,
};

/* A program as it was made: LD_MAP_FD and LD_MAP_VALUE have the map's number as imm. */
struct fuzz_prog {
	uint32_t type, attach, flags;
	struct bpf_insn insns[PROG_MAX];
	bool is_map[PROG_MAX];
	uint32_t n;
	struct {
		uint32_t start;
		enum sig sig;
		bool global;
	} funcs[FUNCS_MAX];
	uint32_t n_funcs;
	bool with_btf;
};

enum { SKEP, KERNEL };

struct world {
	bool kernel; /* bpf(2) is allowed */
	struct skep_hive *hive;
	int fd[2][M_ALL], btf_fd[2];
	struct btf *btf;
	uint32_t func_types[2][SIG_COUNT][2]; /* skb or xdp context, signature, static or global */
	uint32_t main_type;
	struct hive_map *maps[M_ALL];
	struct verify_map vmaps[M_ALL];
	void *ring[2]; /* consumer page, producer page */
	struct packet *pkt;
	struct skep_env env;
	uint32_t n_cpus;
	char log[2][1 << 20];
};

int world_init(struct world *w, bool kernel);
void world_free(struct world *w);

int world_bpf(struct world *w, int where, int cmd, union bpf_attr *attr);

/* world_load - an fd or a negative errno; w->log[where] has the log at @level. */
int world_load(struct world *w, int where, const struct fuzz_prog *p, uint32_t level);

/* world_claims - verify in this process and record what the verifier claims. Return: its verdict. */
struct claims {
	struct trace trace;
	struct verify_result result;
	struct bpf_insn *insns; /* imm of map instructions: index into w->maps */
	uint32_t n, *subprogs, n_subprogs;
};
int world_claims(struct world *w, const struct fuzz_prog *p, uint32_t caps, uint32_t limit, struct claims *out);
void claims_free(struct claims *c);

struct input {
	uint8_t packet[512];
	uint32_t len;
	uint32_t mark, priority, cb[5];
	uint64_t maps; /* seed of their contents */
	uint8_t bytes[64]; /* context of programs without frames */
};
void input_random(struct input *in, struct rng *r);

struct outcome {
	int err; /* the run could not be made */
	uint32_t ret;
	uint32_t fault;
	uint32_t len;
	uint8_t packet[8192];
	uint64_t maps; /* digest of all maps */
	uint64_t each[M_COUNT]; /* of each */
};

/* world_reset - fill the maps for an input. */
void world_reset(struct world *w, int where, const struct input *in);
/* world_enter - make w->pkt and w->env ready. Return: the context's address, 0 when the input does not fit. */
uint64_t world_enter(struct world *w, const struct fuzz_prog *p, const struct input *in);
void world_leave(struct world *w, const struct fuzz_prog *p,
		 struct outcome *out); /* packet and maps, after a run in skep */

enum engine { ENGINE_VM, ENGINE_JIT, ENGINE_KERNEL, ENGINES };
extern const char *const engine_names[ENGINES];
void world_run(struct world *w, enum engine engine, int fd, const struct fuzz_prog *p, const struct input *in,
	       struct outcome *out);

#endif
